"""Epanechnikov scores beside scikit-learn's KernelDensity and the float64 product alone.

Milliseconds; KernelDensity and torch from some of the queries. `fit` includes building the indexes.
A product is `X @ memories.T`, whole rows at a time; in tiles that stay in the cache it costs less.
"""

import time

from measure import kernel_density, plain_product, product, scaled, seconds, table, torch_scores
from scenes import digits, gaussian, mixture

from skdam import EpanechnikovMemory


def scenes():
    yield gaussian(10_000, 2, 10_000, 0.03)
    yield gaussian(1_000_000, 2, 10_000, 0.05)
    yield gaussian(10_000, 16, 10_000, 0.05)
    yield gaussian(10_000, 16, 2_000, 0.0005)
    yield digits(60_000, 2_000, 20)
    yield digits(60_000, 1_000, 20, side=28)
    yield mixture(100_000, 50, 10_000, 20)


def row(scene):
    X, radius = scene.queries, scene.radius
    start = time.perf_counter()
    memory = EpanechnikovMemory(radius).fit(scene.memories)
    fit = time.perf_counter() - start
    ours = seconds(memory.score_samples, X)
    peer = scaled(kernel_density(scene.memories, radius, "epanechnikov"), X, 200)
    gemm = seconds(plain_product(scene.memories), X[:2560]) * len(X) / len(X[:2560])
    tiles = scaled(product(scene.memories), X, 2560)
    torch = torch_scores(scene.memories, radius)
    other = None if torch is None else 1e3 * scaled(torch, X, 512)
    took = memory._energy().patterns.search.choose(X, task="sums")
    times = [1e3 * t for t in (fit, ours, peer, gemm, tiles)]
    return [scene.name, len(X), took, *times, other, peer / ours, ours / gemm, ours / tiles]


head = "scene, queries, auto took, fit, skdam, KernelDensity, product, in tiles, torch"
head += ", times faster than KernelDensity, share of the product, of tiles"
table(head.split(", "), map(row, scenes()))
