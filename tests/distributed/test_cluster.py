"""On real workers: processes that may die, and that cannot hold the whole."""

import os
import threading

import dask
import dask.array as da
import joblib
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

from skdam import EpanechnikovMemory, GaussianMemory, RandomFeatureMemory, distributed

X = np.random.default_rng(0).normal(size=(400, 3))
LAZY = da.from_array(X, chunks=(100, 3))


@pytest.fixture(params=[2])
def client(request):
    """Workers of their own processes, each with less memory than the large array has."""
    quiet = {"dashboard_address": None, "silence_logs": 50}
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s"}),
        LocalCluster(request.param, threads_per_worker=1, memory_limit="600MB", **quiet) as cluster,
        Client(cluster) as client,
    ):
        yield client


def large(chunk):
    """Return normal rows that take more than a worker may."""
    rows = da.random.default_rng(0).normal(size=(1_200_000, 64), chunks=(chunk, 64))
    assert rows.nbytes > 600e6
    return rows


@pytest.mark.filterwarnings("ignore")
def test_workers_answer_as_one_machine_and_may_die(client):
    whole = EpanechnikovMemory(0.6).fit(X)
    sharded = distributed.fit(EpanechnikovMemory(0.6), LAZY)
    states = sharded.transform(X[:50] + 0.1)
    np.testing.assert_allclose(states, whole.transform(X[:50] + 0.1), rtol=1e-12, atol=1e-12)
    victim = next(iter(client.run(os.getpid).values()))
    death = threading.Timer(0.1, os.kill, (victim, 9))
    death.start()
    np.testing.assert_array_equal(sharded.transform(X[:50] + 0.1), states)
    assert death.finished.is_set()  # while the steps were being made
    assert victim not in client.run(os.getpid).values()
    lazy = distributed.score_samples(whole, LAZY).compute()
    np.testing.assert_allclose(lazy, whole.score_samples(X), rtol=1e-12)
    search = GridSearchCV(GaussianMemory(), {"bandwidth": [0.2, 0.4, 0.8]})
    with joblib.parallel_config("dask"):
        best = search.fit(X).best_params_
    assert best == search.fit(X).best_params_


@pytest.mark.filterwarnings("ignore")
def test_no_worker_has_to_hold_the_whole(client):
    rows = large(chunk=50_000)
    memory = RandomFeatureMemory(8.0, 8, random_state=0)
    assert distributed.fit(memory, rows).n_memories_ == len(rows)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("client", [4], indirect=True)
def test_no_worker_has_to_hold_all_shards(client):
    sharded = distributed.fit(GaussianMemory(8.0), large(chunk=10_000))
    expected = -32 * np.log(2 * np.pi * (1 + 8.0**2))  # normal rows under a normal kernel, at 0
    np.testing.assert_allclose(sharded.score_samples(np.zeros((1, 64))), expected, rtol=1e-4)
