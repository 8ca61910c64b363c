"""What the benchmarks measure with: times of one run, peers, and tables in Markdown."""

import importlib.util
import time

import numpy as np
from scipy.sparse import csr_array
from sklearn.cluster import MeanShift
from sklearn.cluster._mean_shift import _mean_shift_single_seed
from sklearn.neighbors import KernelDensity, NearestNeighbors

#: Rows and columns of a product at a time: their distances stay in the cache.
TILE = 512, 256


def seconds(work, X, repeats=3):
    """Return the median time of some calls, after one that is not counted."""
    work(X)
    return np.median([once(work, X) for _ in range(repeats)])


def once(work, X):
    """Return the time of one call."""
    start = time.perf_counter()
    work(X)
    return time.perf_counter() - start


def scaled(work, X, n):
    """Return the time of one call for all of X, from its first n rows; a call before counts not."""
    n = min(n, len(X))
    work(X[:1])
    return once(work, X[:n]) * len(X) / n


def product(memories):
    """Return the float64 matrix product alone, tile by tile: what any dense method has to pay."""
    rows, columns = TILE
    out = np.empty(TILE)

    def multiply(X):
        for i in range(0, len(X), rows):
            for j in range(0, len(memories), columns):
                a, b = X[i : i + rows], memories[j : j + columns]
                np.matmul(a, b.T, out=out[: len(a), : len(b)])

    return multiply


def plain_product(memories):
    """Return the same product as one writes it: whole rows, as many as half a gigabyte holds."""
    rows = max(1, 2**26 // len(memories))

    def multiply(X):
        for i in range(0, len(X), rows):
            X[i : i + rows] @ memories.T

    return multiply


def kernel_density(memories, bandwidth, kernel):
    """Return scikit-learn's density without approximation."""
    return KernelDensity(bandwidth=bandwidth, kernel=kernel, rtol=0).fit(memories).score_samples


def mean_shift(memories, radius):
    """Return the inner loop of scikit-learn's MeanShift, one query after another."""
    neighbours = NearestNeighbors(radius=radius, n_jobs=1).fit(memories)
    max_iter = MeanShift().max_iter

    def shift(X):
        for x in X:
            _mean_shift_single_seed(x, memories, neighbours, max_iter)

    return shift


def batched_radius_neighbours(memories, radius):
    """Return mean shift to the fixed point by scikit-learn's brute search over all live queries."""
    search = NearestNeighbors(radius=radius, algorithm="brute", n_jobs=1).fit(memories)

    def shift(X):
        X, live = X.copy(), np.arange(len(X))
        while live.size:
            members = search.radius_neighbors(X[live], return_distance=False)
            lengths = np.array([len(part) for part in members])
            indptr = np.concatenate([[0], np.cumsum(lengths)])
            ones, shape = np.ones(indptr[-1]), (len(live), len(memories))
            summation = csr_array((ones, np.concatenate(members), indptr), shape=shape)
            means = (summation @ memories) / np.maximum(lengths, 1)[:, None]
            moved = (lengths > 0) & (np.abs(means - X[live]).max(axis=1) > 1e-12 * radius)
            X[live[moved]] = means[moved]
            live = live[moved]

    return shift


def torch_scores(memories, radius):
    """Return dense Epanechnikov sums in torch, float64; None where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    torch.set_num_threads(1)
    points = torch.from_numpy(memories)
    squares = (points**2).sum(1)

    def score(X):
        for part in torch.from_numpy(X).split(TILE[0]):
            squared = (part**2).sum(1)[:, None] + squares - 2.0 * part @ points.T
            torch.relu_(1.0 - squared / radius**2).sum(1)

    return score


def table(head, rows):
    """Print a table in Markdown."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(cell(value) for value in row) + " |", flush=True)
    print()


def cell(value):
    """Return a number with three digits, or words as they are."""
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(value):
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
