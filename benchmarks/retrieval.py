"""Retrieval to the exact fixed point beside scikit-learn's ways to shift means.

Microseconds a query; MeanShift's inner loop from some of the queries (it stops when a step is
shorter than a thousandth of the radius, and so before the fixed point).
"""

import numpy as np
from measure import batched_radius_neighbours, mean_shift, once, scaled, seconds, table
from scenes import digits, gaussian, mixture

from skdam import EpanechnikovMemory


def scenes():
    for active in (5, 20):
        yield gaussian(10_000, 2, 3_000, active / 10_000), 100, 3_000
        yield gaussian(10_000, 16, 1_000, active / 10_000), 50, 1_000
        yield digits(60_000, 1_500, active), 10, 200
        yield digits(60_000, 200, active, side=28), 4, 20
    yield gaussian(10_000, 2, 3_000, 50 / 10_000), 100, 3_000
    yield mixture(10_000, 16, 1_000, 20), 50, 1_000


def row(scene, n_peer, n_batch):
    X, radius = scene.queries, scene.radius
    memory = EpanechnikovMemory(radius).fit(scene.memories)
    result = memory.retrieve(X)
    ours = seconds(memory.transform, X) / len(X)
    peer = scaled(mean_shift(scene.memories, radius), X, n_peer) / len(X)
    batch = once(batched_radius_neighbours(scene.memories, radius), X[:n_batch]) / n_batch
    took = memory._energy().patterns.search.choose(X, task="members")
    members = np.diff(result.members.indptr).mean()
    micro = [1e6 * t for t in (ours, peer, batch)]
    known = [scene.name, len(X), took, result.n_iter.mean(), members]
    return [*known, *micro, peer / ours, batch / ours]


head = "scene, queries, auto took, steps, members, skdam, MeanShift, radius_neighbors"
head += ", times faster than MeanShift, than radius_neighbors"
table(head.split(", "), (row(*scene) for scene in scenes()))
