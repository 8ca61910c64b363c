"""What a random-feature memory stores: sums over its memories, which add up and subtract."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import copy
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._feature_energy import FeatureEnergy
from .._math import slices
from .._validation import (
    all_or_nothing,
    check_representable,
    check_rows,
    check_total,
    check_weights,
)
from ..bandwidths import beta_from_bandwidth
from ..feature_maps import FeatureMap
from ..kernels import KERNELS
from ._base import DensityMemory
from ._feature_choice import Bare, Fingerprint, advice, check_alike, named_map, own_map

#: How much wider than the memories' box the one is that no step leaves.
_ROOM = 2.0
#: Rows that are added up together.
_ROWS = 512
#: A kernel sum at a memory should be so many times its standard error; rows that are looked at.
_CLEAR, _PROBES = 15.0, 64


class FeatureStore(DensityMemory):
    """The stored half of a random-feature memory: a map, and sums over the memories.

    The sums are kept as one vector, of the features, the rows from an origin, the weights and what
    the map loses, as an exact pair ``high + low`` of float64: no number of updates makes it drift.
    """

    bandwidth: float | str
    n_components: int
    feature_map: Any
    step: float
    random_state: int | np.random.RandomState | None
    n_memories_: int
    _box: np.ndarray
    _sums: np.ndarray

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Settle the map and the bandwidth, and store the rows of X.

        Parameters
        ----------
        X : array-like of shape (K, D)
            The memories.
        y : ignored
            So that labels in a pipeline never become patterns.
        sample_weight : array-like of shape (K,), optional
            Weights >= 0. A weight of 2 is the same as a repeated row, 0 the same as none. Not all
            may be 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or `sample_weight` is out of range, a bandwidth rule finds no scale
            (fewer than two distinct rows), or `bandwidth` is not that of a map that brings its own.
        TypeError
            If `X` is sparse, masked or made of dates.

        Warns
        -----
        UserWarning
            If the features are too few for so many memories: if at half of them (of at most 64) the
            kernel sum, or the memory's own weight if that is more, is less than 15 times its
            standard error.
        """
        with all_or_nothing(self):
            X, weights = self._settled(X, sample_weight)
            self._add(X, weights)
            self._warn_if_noisy(X[weights > 0], weights[weights > 0])
            return self

    def fit_map(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Settle the map and the bandwidth, and store nothing.

        Deep copies of the estimator, or others that are given its `feature_map_`, can then stream
        and merge. (``sklearn.base.clone`` carries no fitted map.)

        Parameters
        ----------
        X : array-like of shape (n, D)
            Rows like those that will be stored.
        y : ignored
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        with all_or_nothing(self):
            self._settled(X, sample_weight)
            return self

    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Add rows; the first ones settle the map and the bandwidth unless `fit_map` did.

        With a map that is settled, any batches in any order give what `fit` gives, to the rounding
        of float64 sums. (The features of float32 rows are float32, which a matrix product may round
        one way for a row alone and another way in a batch; they, too, are added up in float64.)

        Parameters
        ----------
        X : array-like of shape (n, D)
        y : ignored
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `fit`; the memory is then as it was before.
        """
        with all_or_nothing(self):
            if "feature_map_" not in vars(self):
                X, weights = self._settled(X, sample_weight)
            else:
                self._validate_params()
                X = check_rows(X, self)
                weights = check_weights(sample_weight, X)
            return self._add(X, weights)

    def forget(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Take rows out again, in place.

        No row is known any more: forgetting one that was never stored leaves its negative imprint.
        The box that bounds retrieval stays as wide as it was.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Rows as they were added, once for each time.
        sample_weight : array-like of shape (n,), optional
            The weights that they were added with.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If no memory would be left; the memory is then as it was before.
        """
        check_is_fitted(self)
        with all_or_nothing(self):
            X = check_rows(X, self)
            weights = check_weights(sample_weight, X)
            left = self.n_memories_ - int(np.count_nonzero(weights))
            if left < 1 or not weights.sum() < self.total_weight_:
                raise ValueError(
                    f"Forgetting {len(X)} rows of weight {weights.sum():.6g} would leave no memory"
                    f" of {self.n_memories_}, of weight {self.total_weight_:.6g};"
                    " none was forgotten."
                )
            return self._add(X, weights, sign=-1)

    def merge(self, other: FeatureStore) -> Self:
        """Add all that another memory with the same map holds, in place.

        Parameters
        ----------
        other : RandomFeatureMemory
            Unchanged.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If `other` is no random-feature memory.
        ValueError
            If features (their number, or names where both have some), bandwidth or map differ; the
            message names both.
        """
        if not isinstance(other, FeatureStore):
            raise TypeError(f"other must be a RandomFeatureMemory, got {type(other).__name__}.")
        for memory in (self, other):
            if "feature_map_" not in vars(memory):
                raise NotFittedError(
                    "Both memories need a map before they merge: call fit_map on one, and give its"
                    " feature_map_ to the other."
                )
        check_alike(self._identity(), other._identity())
        with all_or_nothing(self):
            self._check_weight(other.total_weight_)
            self._box = _joined(self._box, other._box)
            self.n_memories_ += other.n_memories_
            return self._accumulate(other._sums_from(self._origin))

    @property
    def memory_vector_(self) -> np.ndarray:
        """The sum of the memories' features, T."""
        return self._sums.sum(axis=0)[: self._sums.shape[1] - self.n_features_in_ - 2]

    @property
    def total_weight_(self) -> float:
        """The sum of the memories' weights."""
        return float(self._sums[:, -2].sum())

    @property
    def _lost(self) -> float | None:
        """What the map loses of the memories; None if its errors are random."""
        if self._is_random:
            return None
        return max(0.0, float(self._sums[:, -1].sum()))  # what is forgotten may round otherwise

    def _sums_from(self, origin: np.ndarray) -> np.ndarray:
        """Return the sums, with the rows from another origin."""
        sums = self._sums.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            shift = sums[:, -2:-1] * (self._origin - origin)
        sums[:, -2 - self.n_features_in_ : -2] += np.where(sums[:, -2:-1] == 0.0, 0.0, shift)
        return sums

    def _mean_memory(self) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            sums = self._sums.sum(axis=0)
            mean = self._origin + sums[-2 - self.n_features_in_ : -2] / sums[-2]
        if np.isfinite(mean).all():
            return mean
        raise ValueError("Gaps in X have no mean memory to start at: its sum is not representable.")

    def _settled(
        self, X: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fix map and bandwidth, with nothing stored; return the rows and weights."""
        self._validate_params()
        X = check_rows(X, self, reset=True)
        weights = check_weights(sample_weight, X)
        check_total(weights)
        self.feature_map_, bandwidth = self._map_for(X[weights > 0], weights[weights > 0])
        self.bandwidth_ = check_representable(bandwidth)
        self.beta_ = float(beta_from_bandwidth(self.bandwidth_, KERNELS["gaussian"]))
        self._origin = X[weights > 0][0].astype(np.float64)
        length = self._bare.transform(X[:1]).shape[1]
        ours = isinstance(self.feature_map_, FeatureMap)
        self._n_terms = self.feature_map_.n_terms if ours else length
        self._is_random = self.feature_map_.is_random if ours else True
        self._sums = np.zeros((2, length + X.shape[1] + 2))
        self._empty()
        return X, weights

    @property
    def _bare(self) -> Bare:
        """The map, without checks and names of what was checked before."""
        return Bare(self.feature_map_)

    def _emptied(self) -> Self:
        """Return a copy with the same map, in which nothing is stored."""
        other = copy.copy(self)
        other._empty()
        return other

    def _empty(self) -> None:
        self._sums = np.zeros_like(self._sums)
        nowhere = np.full(self.n_features_in_, np.inf)
        self._box = np.stack([nowhere, -nowhere])
        self.n_memories_, self.n_iter_ = 0, 1

    def _map_for(self, X: np.ndarray, weights: np.ndarray) -> tuple[Any, float]:
        if not isinstance(self.feature_map, str):
            return own_map(self.feature_map, self.bandwidth, X)
        settings = self.feature_map, self.bandwidth, self.n_components, self.random_state
        return named_map(*settings, X, weights)

    def _add(self, X: np.ndarray, weights: np.ndarray, sign: int = 1) -> Self:
        """Add rows with positive weights to the sums, or take them out."""
        X, weights = X[weights > 0], weights[weights > 0]
        if not len(X):
            return self
        if sign > 0:
            self._check_weight(weights.sum())
            self._box = _joined(self._box, np.stack([X.min(axis=0), X.max(axis=0)]))
        self.n_memories_ += sign * len(X)
        sums = sign * np.concatenate([self._summed(X, weights), self._moments(X, weights)])
        return self._accumulate(np.stack([sums, np.zeros_like(sums)]))

    def _check_weight(self, more: float) -> None:
        """Refuse weights whose sum is not representable."""
        with np.errstate(over="ignore"):
            total = 4.0 * (self.total_weight_ + more)
        if not total < np.inf:
            raise ValueError(
                f"sample_weight must have a finite sum, got {self.total_weight_:.6g}"
                f" and {more:.6g}."
            )

    def _summed(self, X: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the sum of the rows' features."""
        if isinstance(self.feature_map_, FeatureMap):
            return self.feature_map_._weighted_sum(X, weights)
        blocks = slices(len(X), _ROWS)
        return sum(weights[rows] @ self._bare.transform(X[rows]) for rows in blocks)

    def _moments(self, X: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the sums of the rows from the origin, of the weights and of what the map loses."""
        lost = 0.0
        for rows in slices(0 if self._is_random else len(X), _ROWS):
            phi = self._bare.transform(X[rows])
            left = 1.0 - np.einsum("ij,ij->i", phi, phi)
            lost += weights[rows] @ np.sqrt(np.maximum(left, 0.0))
        with np.errstate(over="ignore", invalid="ignore"):
            shifted = sum(weights[r] @ (X[r] - self._origin) for r in slices(len(X), _ROWS))
        return np.concatenate([shifted, [weights.sum(), lost]])

    def _accumulate(self, sums: np.ndarray) -> Self:
        """Add a pair of vectors to the sums; what rounding loses is kept."""
        for part in sums:
            high, low = self._sums
            with np.errstate(over="ignore", invalid="ignore"):  # rows at the end of the floats
                total = high + part
                back = total - high
                self._sums = np.stack([total, low + ((high - (total - back)) + (part - back))])
        return self

    def _identity(self) -> dict[str, Any]:
        """Return what memories that merge have in common."""
        names = getattr(self, "feature_names_in_", None)
        return {
            "feature_names_in_": None if names is None else names.tolist(),
            "n_features_in_": self.n_features_in_,
            "bandwidth_": self.bandwidth_,
            "feature_map_": Fingerprint.of(self.feature_map_),
        }

    def _warn_if_noisy(self, X: np.ndarray, weights: np.ndarray, stacklevel: int = 3) -> None:
        probes = slice(None, None, -(-len(X) // _PROBES))
        estimate = self._energy().estimate(X[probes].astype(np.float64))
        total = np.maximum(estimate.total, weights[probes])  # a memory's own weight at the least
        share = float(np.median(estimate.error / total))
        if share * _CLEAR > 1.0:
            length = len(self.memory_vector_)
            factor = share * _CLEAR if self._is_random else None
            enough = advice(length, factor, self.n_memories_)
            warnings.warn(
                f"n_components={length} features are too few for {self.n_memories_} memories at"
                f" bandwidth_={self.bandwidth_:.6g}: at a memory the kernel sum is known to"
                f" {100 * share:.3g}%, where 1/{_CLEAR:.0f} is clear. {enough}.",
                UserWarning,
                stacklevel=stacklevel,
            )

    def _energy(self) -> FeatureEnergy:
        check_is_fitted(self)
        low, high = self._box / 2
        middle, half = low + high, high - low
        with np.errstate(over="ignore"):
            box = np.stack([middle - _ROOM * half, middle + _ROOM * half])
        return FeatureEnergy(
            self._bare,
            self.memory_vector_,
            self.bandwidth_,
            self._n_terms,
            self._lost,
            box,
            self.step,
        )

    def _prepare(self) -> None:
        """Nothing that a file should not hold."""

    def __sklearn_is_fitted__(self) -> bool:
        return getattr(self, "n_memories_", 0) > 0


def _joined(box: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the box around two boxes."""
    return np.stack([np.minimum(box[0], other[0]), np.maximum(box[1], other[1])])
