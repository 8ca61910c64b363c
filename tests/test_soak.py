"""Long runs: memory stays flat, sums do not drift, nothing is left behind.

`SKDAM_SOAK=1000000 python -m pytest tests/test_soak.py` (`make soak`) streams a million rows one by
one; the suite streams fewer.
"""

import gc
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from answers import OF_EACH_CLASS, QUERIES, SAID, answers, held, quick

from skdam import RandomFeatureMemory

STREAMED = int(os.environ.get("SKDAM_SOAK", "20000"))
#: Calls of all kinds in a day of queries.
CALLS = 10_000
#: More than caches and counters take, and far less than a block, or an array, for each call.
BLOCKS, RESIDENT = 500, 2**24
pytestmark = pytest.mark.filterwarnings(SAID)
BATCHES = [QUERIES[:n] for n in (1, 2, 3, 5)]


def in_use():
    """Return the blocks that Python holds, and the bytes of the process where the system tells."""
    gc.collect()
    pages = Path("/proc/self/statm")
    resident = int(pages.read_text().split()[1]) * 4096 if pages.exists() else 0
    return sys.getallocatedblocks(), resident


def assert_flat(before):
    """Check that next to nothing has been kept: a list of calls would show."""
    blocks, resident = np.subtract(in_use(), before)
    assert blocks < BLOCKS
    assert resident < RESIDENT


def open_files():
    """Return how many files the process has open, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_a_stream_of_rows_neither_drifts_nor_grows():
    X = np.random.default_rng(0).integers(-8, 9, (1000, 2)) / 8.0
    memory = RandomFeatureMemory(2.0, 16, random_state=0).fit_map(X)
    rows = [X[i : i + 1] for i in range(1000)]
    for row in rows:
        memory.partial_fit(row)
    before = in_use()
    for i in range(1000, STREAMED):
        memory.partial_fit(rows[i % 1000])
    assert_flat(before)
    times = np.bincount(np.arange(STREAMED) % 1000, minlength=1000)
    features = memory.feature_map_.transform(X).astype(np.longdouble)
    exact = (times[:, None] * features).sum(axis=0)
    # a row alone may round otherwise than in its batch: by units in the last place, not by chance
    assert np.abs(memory.memory_vector_ - exact).max() <= 4e-16 * STREAMED
    assert memory.n_memories_ == memory.total_weight_ == STREAMED


def test_a_million_sums_are_as_exact_as_one():
    memory = RandomFeatureMemory(2.0, 8, random_state=0).fit_map(QUERIES).partial_fit(QUERIES[:1])
    memory._sums = np.zeros_like(memory._sums)
    part = np.stack([np.full(memory._sums.shape[1], 0.1), np.zeros(memory._sums.shape[1])])
    for _ in range(1_000_000):
        memory._accumulate(part)
    exact = np.longdouble(0.1) * 1_000_000
    np.testing.assert_allclose(memory._sums.sum(axis=0), float(exact), rtol=2.0**-52)


def test_a_day_of_queries_leaves_nothing_behind():
    fleet = [quick(estimator) for estimator in OF_EACH_CLASS]
    morning = [(answers(memory), held(memory)) for memory in fleet]
    n_rounds = CALLS // sum(len(said) for said, _ in morning)
    for i in range(2 * len(BATCHES)):
        _a_round(fleet, i)
    n_threads, n_files, before = threading.active_count(), open_files(), in_use()
    for i in range(n_rounds):
        _a_round(fleet, i)
    assert_flat(before)
    assert (threading.active_count(), open_files()) == (n_threads, n_files)
    assert [(answers(memory), held(memory)) for memory in fleet] == morning


def _a_round(fleet, i):
    for memory in fleet:
        answers(memory, BATCHES[i % len(BATCHES)])
