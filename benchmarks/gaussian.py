"""Gaussian scores beside scikit-learn's KernelDensity without approximation. Milliseconds."""

from measure import kernel_density, product, scaled, seconds, table
from scenes import digits, gaussian

from skdam import GaussianMemory


def scenes():
    yield gaussian(10_000, 16, 10_000, 0.05, "10,000 x 16"), 1.0
    yield digits(60_000, 2_000, 20), 3.0
    yield gaussian(10_000, 2, 10_000, 0.05, "10,000 x 2"), 0.2
    yield gaussian(200_000, 2, 10_000, 0.05, "200,000 x 2"), 0.02


def row(scene, bandwidth):
    ours = seconds(GaussianMemory(bandwidth).fit(scene.memories).score_samples, scene.queries)
    peer = scaled(kernel_density(scene.memories, bandwidth, "gaussian"), scene.queries, 100)
    gemm = scaled(product(scene.memories), scene.queries, 2560)
    times = [1e3 * t for t in (ours, peer, gemm)]
    return [scene.name, bandwidth, len(scene.queries), *times, peer / ours, ours / gemm]


head = "scene, bandwidth, queries, skdam, KernelDensity, product"
head += ", times faster than KernelDensity, share of the product"
table(head.split(", "), (row(*scene) for scene in scenes()))
