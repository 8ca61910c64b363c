"""Other processes answer the same bits, however they are started, and none hangs."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
from answers import OF_EACH_CLASS, SAID, answers, quick

pytestmark = [
    pytest.mark.filterwarnings(SAID),
    # newer versions of Python say so of any fork: that none of ours hangs is what is tested
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
#: What no worker needs, unless it hangs.
SECONDS = 120


@pytest.fixture(scope="module")
def fleet():
    return [quick(estimator) for estimator in OF_EACH_CLASS]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_of_joblib_answer_the_same_bits(fleet, backend):
    parallel = joblib.Parallel(n_jobs=2, backend=backend, timeout=SECONDS)
    assert parallel(joblib.delayed(answers)(e) for e in fleet) == list(map(answers, fleet))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_started_in_any_way_answer_the_same_bits(fleet, method):
    with ThreadPoolExecutor(8) as pool:
        expected = list(pool.map(answers, fleet))  # threads were in use before
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map_async(answers, fleet).get(SECONDS) == expected


FORK = """
import os, threading, numpy as np
from threadpoolctl import threadpool_info
from skdam import EpanechnikovMemory
from skdam._threads import over_threads, single_blas

X = np.random.default_rng(0).normal(size=(5000, 16))
memory = EpanechnikovMemory(2.0, algorithm="cells", n_jobs=2).fit(X)
expected = memory.score_samples(X[:600])
threads = lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
before, within, done = threads(), threading.Event(), threading.Event()

def hold(_):
    within.set()
    done.wait(60)

holder = threading.Thread(target=over_threads, args=[hold, [slice(0, 1), slice(1, 2)], 2])
holder.start()
within.wait(60)
held = threads()
child = os.fork()
if not child:
    ours = threads()
    memory.fit(X)
    same = np.array_equal(memory.score_samples(X[:600]), expected)
    os._exit(0 if same and ours == threads() == before else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with single_blas():
    child = os.fork()
    if not child:
        mine = threads()
done.set()
if not child:
    os._exit(0 if mine == held and threads() == before else 1)
inner = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
holder.join()
print(status, inner, set(held) == {1}, threads() == before)
"""


def test_a_fork_amid_threads_neither_hangs_nor_stays_single():
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
    )
    assert done.stdout == "0 0 True True\n", done.stderr
