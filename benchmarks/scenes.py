"""The data that the benchmarks share: memories, queries, and a radius that some of them are in."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.datasets import load_digits


@dataclass(frozen=True)
class Scene:
    """Memories and queries of one kind, and the share of the memories that is active."""

    name: str
    memories: np.ndarray
    queries: np.ndarray
    share: float

    @property
    def radius(self) -> float:
        """The radius within which a query finds that share of the memories, on average."""
        few = self.queries[:: max(1, len(self.queries) // 100)]
        squares = (self.memories**2).sum(axis=1)
        squared = (few**2).sum(axis=1)[:, None] - 2.0 * few @ self.memories.T + squares
        return float(np.sqrt(np.quantile(squared, self.share)))


def gaussian(n, n_features, n_queries, share, name=None):
    """One Gaussian cloud."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + n_queries, n_features))
    name = name or f"{n:,} x {n_features}, {share:.2%} active"
    return Scene(name, X[:n], X[n:], share)


def mixture(n, n_features, n_queries, active, n_clusters=40):
    """Gaussian clusters, well apart."""
    rng = np.random.default_rng(0)
    centres = 4.0 * rng.normal(size=(n_clusters, n_features))
    X = centres[rng.integers(n_clusters, size=n + n_queries)]
    X += rng.normal(size=X.shape)
    return Scene(f"{n:,} x {n_features}, {n_clusters} clusters", X[:n], X[n:], active / n)


def digits(n, n_queries, active, side=8):
    """Real digits, shifted by up to a pixel and with noise added; then made `side` pixels wide."""
    X = jittered(n + n_queries)
    if side != 8:
        across = interpolation(np.linspace(0.0, 7.0, side))
        X = np.einsum("ai,nij,bj->nab", across, X.reshape(-1, 8, 8), across, optimize=True)
        X = np.ascontiguousarray(X.reshape(len(X), -1))
    return Scene(f"{n:,} x {side**2}, digits", X[:n], X[n:], active / n)


@cache
def jittered(n):
    """Return n images of digits, each moved by part of a pixel, with noise of one grey level."""
    rng = np.random.default_rng(0)
    images = load_digits().images[rng.integers(1797, size=n)]
    down, right = (
        interpolation(np.arange(8) + shift[:, None]) for shift in rng.uniform(-1, 1, (2, n))
    )
    moved = np.einsum("nai,nij,nbj->nab", down, images, right, optimize=True)
    return moved.reshape(n, 64) + rng.normal(size=(n, 64))


def interpolation(position):
    """Return the weights by which 8 pixels give the value at each position, linearly."""
    return np.maximum(0.0, 1.0 - np.abs(position[..., None] - np.arange(8)))
