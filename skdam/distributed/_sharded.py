"""Kernel memories in shards, which answer as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._math import Floats
from .._validation import check_rows
from ..memories._kernel_base import BaseKernelMemory
from ..memories._retrieval import SteppedRetrieval
from ._shards import ShardedEnergy


@dataclass(frozen=True, eq=False)
class ShardedMemory:
    """A kernel memory whose patterns lie in shards on the workers; what `distributed.fit` returns.

    Queries travel to the shards, and what comes back is added up: for a step the weight and the
    mean of the memories that are active in each shard, and a hash of which they are; for a score
    the log of each shard's sum.

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
            If `X` is out of range, or with ``outside="raise"`` for queries off the support.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` cut short.
        """
        return self._transformed([X])[0]

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
        return self._energy().log_density(self._checked(X))

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
        return self._energy().value(self._checked(X))

    def _transformed(self, blocks: Sequence[Any], stacklevel: int = 4) -> list[np.ndarray]:
        """Return the states of blocks of queries, and report on them all at once."""
        retrieval, queries = self._retrieval(), [self._checked(block) for block in blocks]
        settled, in_support = zip(*map(retrieval.settle, queries), strict=True)
        converged = np.concatenate([part.converged for part in settled])
        retrieval.report(np.concatenate(in_support), converged, stacklevel)
        states = map(retrieval.hide, (part.state for part in settled), in_support)
        dtypes = [kept(np.asarray(block).dtype) for block in blocks]
        return [s.astype(dtype, copy=False) for s, dtype in zip(states, dtypes, strict=True)]

    def _energy(self) -> ShardedEnergy:
        settings = self.memory._settings()
        return ShardedEnergy(
            self.shards, settings.kernel, self.bandwidth, settings.epsilon, self.total_weight
        )

    def _retrieval(self) -> SteppedRetrieval:
        settings = self.memory._settings()
        return SteppedRetrieval(
            self._energy(), settings.outside, self.memory.max_iter, settings.tol
        )

    def _checked(self, X: Any) -> Floats:
        rows = check_rows(X)
        if rows.shape[1] != self.n_features:
            raise ValueError(f"X has {rows.shape[1]} features, but the shards {self.n_features}.")
        return rows


def kept(dtype: np.dtype) -> type[np.floating]:
    """Return the dtype of states: float32 stays, in whatever order its bytes are."""
    return np.float32 if dtype.newbyteorder("=") == np.float32 else np.float64
