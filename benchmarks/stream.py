"""Memories that arrive one by one: what each costs, how the sum drifts, and how the process grows.

`python benchmarks/stream.py 1000000` streams a million. Drift is against sums in extended
precision; a query is asked of as many memories as there are.
"""

import resource
import sys

import numpy as np
from measure import once, seconds, table

from skdam import RandomFeatureMemory

COUNTS = [int(count) for count in sys.argv[1:]] or [2_000, 20_000]
LENGTH, FEATURES = 512, 16


def peak():
    """Return the most memory that the process held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(count):
    X = np.random.default_rng(0).normal(size=(count, FEATURES))
    memory = RandomFeatureMemory(3.0, LENGTH, random_state=0).fit_map(X[:100])
    exact = sum(
        memory.feature_map_.transform(part).astype(np.longdouble).sum(axis=0)
        for part in np.array_split(X, -(-count // 1000))
    )
    before = peak()

    def stream(rows):
        for one in rows:
            memory.partial_fit(one[None])

    spent, grown = once(stream, X), peak() - before
    drift = float(np.abs(memory.memory_vector_ - exact).max() / np.abs(exact).max())
    query = seconds(memory.score_samples, X[:1000]) / 1000
    return [count, spent / count * 1e6, drift, grown, query * 1e6]


head = "memories, microseconds each, relative drift, MiB grown, microseconds a score"
table(head.split(", "), (row(count) for count in COUNTS))
