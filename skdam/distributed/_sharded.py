"""Kernel memories in shards: every step, sum and nearest memory reduced over all of them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._math import Floats
from .._validation import check_rows
from ..dynamics import fixed_point
from ..memories._kernel_base import BaseKernelMemory


@dataclass(frozen=True, eq=False)
class ShardedMemory:
    """A kernel memory whose patterns lie in shards on the workers; what `distributed.fit` returns.

    Queries travel to the shards, and what comes back is added up: for a step the weight and the
    mean of the memories that are active in each shard, for a score the log of each shard's sum.

    Attributes
    ----------
    memory : kernel memory
        The settings, not fitted.
    shards : list of delayed fitted memories
    total_weight : float
        The sum of all weights.
    n_features : int
        Number of features D.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from skdam import EpanechnikovMemory, distributed
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> sharded = distributed.fit(EpanechnikovMemory(0.5), da.from_array(X, chunks=(250, 2)))
    >>> whole = EpanechnikovMemory(0.5).fit(X)
    >>> np.allclose(sharded.transform(X[:9]), whole.transform(X[:9]), rtol=1e-12)
    True
    """

    memory: BaseKernelMemory
    shards: list
    total_weight: float
    n_features: int

    @property
    def n_shards(self) -> int:
        """The number of shards."""
        return len(self.shards)

    @property
    def bandwidth(self) -> float:
        """The bandwidth, in data units."""
        return float(self.memory.bandwidth)

    def transform(self, X: Any) -> np.ndarray:
        """Return the state that each query is pulled to, by mean shift.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n, D)
            float32 for float32 queries.

        Raises
        ------
        ValueError
            If `X` is out of range; with ``dynamics="flow"``; or with ``outside="raise"`` for
            queries off the support.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` cut short.
        """
        settings = self.memory._settings()
        if settings.dynamics != "mean_shift":
            raise ValueError(f"Shards know dynamics='mean_shift' alone, not {settings.dynamics!r}.")
        queries = self._checked(X)
        start, covered = queries.copy(), np.isfinite(self.log_sum(queries))
        if settings.outside == "raise" and not covered.all():
            raise ValueError(f"{np.sum(~covered)} of {len(covered)} queries lie off the support.")
        if settings.outside == "nearest" and not covered.all():
            start[~covered] = self.nearest(queries[~covered])
        settled = fixed_point(self, start, max_iter=self.memory.max_iter, tol=settings.tol)
        self._report(settled.converged)
        state = settled.state
        if settings.outside == "nan":
            state = np.where(covered[:, None], state, np.nan)
        return state.astype(_kept(np.asarray(X).dtype), copy=False)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the normalised log density of each row, -inf off the support.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            If `X` is out of range.
        """
        kernel = self.memory._settings().kernel
        log_normaliser = kernel.log_normaliser(self.n_features, self.bandwidth)
        return self.log_sum(self._checked(X)) - (np.log(self.total_weight) + log_normaliser)

    def energy(self, X: Any) -> np.ndarray:
        """Return the energy of each row in squared data units, +inf off the support.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            If `X` is out of range.
        """
        settings = self.memory._settings()
        log_sum = self.log_sum(self._checked(X))
        if settings.epsilon > 0:
            log_sum = np.logaddexp(np.log(settings.epsilon), log_sum)
        return self.bandwidth * (0.0 - log_sum) * (self.bandwidth / settings.kernel.curvature)

    def step(self, X: Floats) -> Floats:
        """Return the next states of mean shift; those off the support stay."""
        means, log_mass = (np.array(part) for part in zip(*self._ask(_pull, X), strict=True))
        heaviest, rows = log_mass.argmax(axis=0), np.arange(len(X))
        peak = log_mass[heaviest, rows]
        active = np.isfinite(peak)
        share = np.exp(log_mass - np.where(active, peak, 0.0))
        share /= np.where(active, share.sum(axis=0), 1.0)
        anchor = means[heaviest, rows]  # no state: the same active sets have the same mean
        return np.where(active[:, None], anchor + _weighted(share, means - anchor), X)

    def log_sum(self, X: Floats) -> Floats:
        """Return log S at each row."""
        return np.logaddexp.reduce(self._ask(_log_sum, X), axis=0)

    def nearest(self, X: Floats) -> Floats:
        """Return the memory nearest to each row; of equals the first in lexicographic order."""
        best, least = np.empty_like(X), np.full(len(X), np.inf)
        for memory, distance in self._ask(_nearest, X):
            for i in np.flatnonzero(distance <= least):
                if distance[i] < least[i] or tuple(memory[i]) < tuple(best[i]):
                    best[i], least[i] = memory[i], distance[i]
        return best

    def _ask(self, question: Callable, X: Floats) -> list:
        """Return what each shard answers."""
        import dask

        asked, rows = dask.delayed(question), dask.delayed(X, traverse=False)
        return list(dask.compute(*(asked(shard, rows) for shard in self.shards)))

    def _checked(self, X: Any) -> Floats:
        rows = check_rows(X)
        if rows.shape[1] != self.n_features:
            raise ValueError(f"X has {rows.shape[1]} features, but the shards {self.n_features}.")
        return rows

    def _report(self, converged: np.ndarray) -> None:
        if self.memory.max_iter > 1 and not converged.all():
            warnings.warn(
                f"{np.sum(~converged)} of {len(converged)} queries were still moving after"
                f" max_iter={self.memory.max_iter} steps.",
                ConvergenceWarning,
                stacklevel=3,
            )


def _weighted(share: Floats, away: Floats) -> Floats:
    return np.einsum("sn,snd->nd", share, away)


def _kept(dtype: np.dtype) -> np.dtype:
    """Return the dtype of states: float32 stays."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def _pull(shard: BaseKernelMemory, X: Floats) -> tuple[Floats, Floats]:
    pull = shard._energy().sums.pull(X)
    return pull.mean, pull.log_mass


def _log_sum(shard: BaseKernelMemory, X: Floats) -> Floats:
    energy = shard._energy()
    return energy.sums.log_sum(X) + np.log(energy.patterns.unit)


def _nearest(shard: BaseKernelMemory, X: Floats) -> tuple[Floats, Floats]:
    memory = shard._energy().nearest(X)
    return memory, np.linalg.norm(memory - X, axis=1)
