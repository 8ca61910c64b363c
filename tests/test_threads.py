"""Many threads ask one estimator: they get what one alone gets, and write nothing on anything."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import numpy as np
import pytest
from answers import OF_EACH_CLASS, QUERIES, SAID, answers, asking, first, fitted, held, quick
from cases import ESTIMATORS
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_info, threadpool_limits

import skdam
from skdam import (
    AttentionMemory,
    BinaryMemory,
    DenseMemoryClassifier,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelMemory,
    RandomFeatureMemory,
)
from skdam._active import BACK_ENDS, Search
from skdam._math import Points
from skdam._threads import _after_fork, over_threads, single_blas
from skdam.potentials import Table

THREADS = 8
#: Calls of each thread.
CALLS = 1000
#: More rows than one thread takes.
MANY = np.random.default_rng(1).normal(size=(300, 4))
SPLITTING = [e for e in OF_EACH_CLASS if any("n_jobs" in name for name in e.get_params())]
SPLITTING += [
    type(e)(EpanechnikovMemory("scott"))
    for e in OF_EACH_CLASS
    if "memory" in e.get_params() and hasattr(e, "predict")
]
pytestmark = pytest.mark.filterwarnings(SAID)


@pytest.fixture(autouse=True)
def _hurry():
    """Let threads take turns much more often than they would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=[2, 1])
def blas(request):
    before = blas_threads()
    set_blas([request.param] * len(before))
    yield
    set_blas(before)


def set_blas(numbers):
    """Set the threads of BLAS as the whole process's, and not as this thread's alone to change."""
    paths = [pool["filepath"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    limits = dict(zip(paths, numbers, strict=True))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(threadpool_limits, limits).result()


def in_threads(work):
    """Return what `work` of each thread's number returns, all at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def splitting(estimator):
    """Return a fitted clone that splits its rows over two threads."""
    names = [name for name in estimator.get_params() if name.endswith("n_jobs")]
    return quick(clone(estimator).set_params(**dict.fromkeys(names, 2)))


@pytest.mark.parametrize("estimator", OF_EACH_CLASS, ids=lambda e: type(e).__name__)
def test_threads_get_bit_for_bit_what_one_alone_gets(estimator):
    memory = quick(estimator)
    call, before = first(memory), held(memory)
    rows = QUERIES[:, None]
    expected = [call(row) for row in rows]

    def differing(thread):
        turns = ((thread + i) % len(rows) for i in range(CALLS))
        return sum(call(rows[turn]) != expected[turn] for turn in turns)

    assert in_threads(differing) == [0] * THREADS
    assert held(memory) == before


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_calls_of_all_kinds_at_once_disturb_none(estimator):
    memory, X = fitted(estimator), QUERIES[3:7]  # near the memories and off them
    before, expected = held(memory), answers(memory, X)

    def asked(thread):
        calls = list(asking(memory).items())
        return {name: call(X) for name, call in calls[thread:] + calls[:thread]}

    assert in_threads(asked) == [expected] * THREADS
    assert held(memory) == before


@pytest.mark.parametrize("estimator", SPLITTING, ids=str)
def test_callers_that_split_their_rows_get_what_one_that_does_not_gets(estimator, blas):
    memory = splitting(estimator)
    before, n_threads, expected = held(memory), blas_threads(), first(quick(estimator))(MANY)
    assert in_threads(lambda _: first(memory)(MANY)) == [expected] * THREADS
    assert held(memory) == before
    assert blas_threads() == n_threads


def test_blas_is_put_back_by_the_last_who_leaves(blas):
    before = blas_threads()
    one, other = single_blas(), single_blas()
    for enter in (one.__enter__, other.__enter__):
        enter()
        assert set(blas_threads()) == {1}
    one.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    other.__exit__(None, None, None)
    assert blas_threads() == before


def test_calls_that_overlap_put_blas_back(blas):
    before, parts = blas_threads(), [slice(0, 1), slice(1, 2)]
    first_is_in, second_is_in, first_is_out = Event(), Event(), Event()

    def first_work(_):
        first_is_in.set()
        return second_is_in.wait(60)

    def second_work(_):
        second_is_in.set()
        return first_is_out.wait(60)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(over_threads, first_work, parts, 2)
        assert first_is_in.wait(60)
        other = pool.submit(over_threads, second_work, parts, 2)
        assert one.result() == [True, True]
        first_is_out.set()
        assert other.result() == [True, True]
    assert blas_threads() == before


def test_a_child_forgets_the_threads_that_it_does_not_have(blas):
    """As after a fork amid threads, but in this process, in a thread that ends."""
    before, held_by = blas_threads(), {}

    def child(name):
        _after_fork()
        held_by[name] = blas_threads()

    def holder():
        with single_blas():
            child("itself")
            with ThreadPoolExecutor(1) as pool:
                pool.submit(child, "another").result()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(holder).result()
    assert held_by == {"itself": [1] * len(before), "another": before}
    assert blas_threads() == before


def test_learners_in_threads_put_blas_back(blas):
    X, y = load_digits(return_X_y=True)
    before = blas_threads()
    learners = [DenseMemoryClassifier(5, random_state=i, max_iter=1) for i in range(THREADS)]
    in_threads(lambda i: learners[i].fit(X[:50], y[:50]).partial_fit(X[:50], y[:50]))
    assert blas_threads() == before


def test_one_module_sets_the_threads_of_blas():
    package = Path(skdam.__file__).parent
    setting = {p.name for p in package.rglob("*.py") if "threadpool_limits" in p.read_text()}
    assert not setting
    setting = {p.name for p in package.rglob("*.py") if "ThreadpoolController" in p.read_text()}
    assert setting == {"_threads.py"}


def test_a_failure_puts_blas_back(blas):
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        over_threads(lambda part: 1 / part.start, [slice(0, 1), slice(1, 2)], 2)
    assert blas_threads() == before


def test_filters_of_warnings_survive_threads_that_split_their_rows():
    before = list(warnings.filters)
    memory = EpanechnikovMemory(n_jobs=2).fit(MANY)
    in_threads(lambda _: [memory.score_samples(MANY) for _ in range(10)])
    assert warnings.filters == before


def test_threads_know_the_configuration_of_who_split_the_rows():
    with config_context(working_memory=7):
        parts = [slice(0, 1), slice(1, 2)]
        found = over_threads(lambda _: get_config()["working_memory"], parts, 2)
    assert found == [7, 7]


DIGITS = load_digits().data[:600]
OF_DIGITS = [
    EpanechnikovMemory("nearest"),
    GaussianMemory("nearest", max_iter=1),
    KernelMemory("cosine", "nearest", max_iter=1),
    RandomFeatureMemory("nearest", 2000, random_state=0, max_iter=1),
    BinaryMemory("power", 4, random_state=0),
    HopfieldMemory(random_state=0, max_iter=5),
    AttentionMemory(similarity="euclidean"),
]


@pytest.mark.filterwarnings("ignore:.*(features are too few|constant)")
@pytest.mark.parametrize("estimator", OF_DIGITS, ids=lambda e: type(e).__name__)
def test_answers_do_not_depend_on_the_threads_of_blas(estimator):
    X = DIGITS + np.random.default_rng(0).normal(size=DIGITS.shape)
    memory, results = clone(estimator).fit(DIGITS), []
    before = blas_threads()
    for n_threads in (1, 2):
        set_blas([n_threads] * len(before))
        results.append(memory.retrieve(X))
    set_blas(before)
    one, two = results
    np.testing.assert_array_equal(one.recalled, two.recalled)
    np.testing.assert_array_equal(one.members.indices, two.members.indices)
    np.testing.assert_allclose(one.state, two.state, rtol=1e-12, atol=1e-12 * np.abs(X).max())


def test_two_threads_that_build_an_index_keep_one(monkeypatch):
    both, search = Barrier(2, timeout=60), Search(Points.measured(MANY, 1.0), np.ones(len(MANY)))

    def build(*_):
        both.wait()
        return object()

    monkeypatch.setitem(BACK_ENDS, "tree", build)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(search.index, ["tree", "tree"])
    assert one is other


def test_a_table_of_integers_remembers_no_question():
    table = Table.of([1, -1, 10**400])
    before = dict(vars(table))
    table.signs_of_sums(np.array([[0, 1]]), np.array([[1, 1]]))
    assert vars(table) == before


@pytest.mark.parametrize("algorithm", BACK_ENDS)
def test_a_search_by_any_back_end_writes_nothing(algorithm):
    memory = EpanechnikovMemory(2.0, algorithm=algorithm).fit(MANY)
    before = held(memory)
    answers(memory, MANY[:40])
    assert held(memory) == before


def test_no_call_parses_code_which_threads_of_python_311_may_not_do_at_once(monkeypatch):
    def fails(expression):
        raise SystemError("AST constructor recursion depth mismatch")

    monkeypatch.setattr("joblib.parallel.eval_expr", fails)
    memory = EpanechnikovMemory(bandwidth=1.0, n_jobs=2).fit(QUERIES)
    assert memory.transform(MANY[:, : QUERIES.shape[1]]).shape == (300, QUERIES.shape[1])
