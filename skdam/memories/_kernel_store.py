"""What a kernel memory stores: rows, weights, a bandwidth; appended, forgotten, never half done."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from abc import abstractmethod
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._active import BACK_ENDS
from .._math import distinct_rows
from .._nearest import nearest
from .._validation import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    Number,
    all_or_nothing,
    check_representable,
    check_rows,
    check_total,
    check_weights,
)
from ..bandwidths import RULES, beta_from_bandwidth, choose_bandwidth
from ..energies import KernelEnergy
from ..kernels import Kernel
from ._base import DensityMemory
from ._retrieval import DYNAMICS, OUTSIDE, check_dynamics

#: Constraints of the parameters that the kernel memories share.
CONSTRAINTS = {
    "bandwidth": [POSITIVE, StrOptions(set(RULES))],
    "dynamics": [StrOptions(DYNAMICS)],
    "outside": [StrOptions(OUTSIDE)],
    "algorithm": [StrOptions({"auto", *BACK_ENDS})],
    "max_iter": [COUNT],
    "tol": [NOT_NEGATIVE],
    "n_jobs": [Number(Integral, None, -1, closed="right"), COUNT, None],
}


@dataclass(frozen=True)
class Settings:
    """What a kernel memory's parameters say, in one form for all of them."""

    kernel: Kernel
    dynamics: str
    epsilon: float = 0.0
    outside: str = "nearest"
    tol: float = 0.0


class KernelStore(DensityMemory):
    """The stored half of a kernel memory: its rows and the energy they define."""

    @abstractmethod
    def _settings(self) -> Settings:
        """Return what the parameters say."""

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Store the rows of X.

        Parameters
        ----------
        X : array-like of shape (K, D)
            The memories. float32 is kept; everything else is stored in float64.
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
            If a parameter, `X` or `sample_weight` is out of range, or a bandwidth rule finds no
            scale (fewer than two distinct rows).
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows(X, self, reset=True)
            return self._store(X, check_weights(sample_weight, X))

    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Append rows; equal to `fit` on everything seen so far.

        A bandwidth rule is applied anew to all rows, a pass over K^2 pairs; with a number for
        `bandwidth` appending costs a sort of the K rows.

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
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y, sample_weight)
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows(X, self)
            weights = np.concatenate([self.weights_, check_weights(sample_weight, X)])
            return self._store(np.concatenate([self.memories_, X]), weights)

    def forget(self, X: ArrayLike) -> Self:
        """Drop every stored copy of these rows; equal to `fit` on what is left.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Rows to forget, exactly as they are in `memories_`; those of a list of indices are
            ``memory.memories_[indices]``. (The earlier steps of a pipeline may round a row alone
            otherwise than in its batch.)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a row is not stored, or no row would be left; the memory is then as it was before.
        """
        check_is_fitted(self)
        with all_or_nothing(self):
            X = check_rows(X, self)
            label = distinct_rows(np.concatenate([self.memories_, X]))[1]
            mine, theirs = label[: len(self.memories_)], label[len(self.memories_) :]
            unknown = np.flatnonzero(~np.isin(theirs, mine))
            if unknown.size:
                points = self._prepared.patterns.points
                row = X[unknown[:1]].astype(np.float64, copy=False)
                raise ValueError(
                    f"{unknown.size} of {len(X)} rows are not stored in this memory, the first of"
                    f" them row {unknown[0]} (nearest stored row at distance"
                    f" {nearest(points, points.lift(row))[1].item():.3g}); none was forgotten."
                )
            kept = ~np.isin(mine, theirs)
            if not kept.any():
                raise ValueError("Forgetting these rows would leave no memory; none was forgotten.")
            return self._store(self.memories_[kept], self.weights_[kept])

    def _store(self, X: np.ndarray, weights: np.ndarray) -> Self:
        check_total(weights)
        kernel = self._settings().kernel
        check_dynamics(self.dynamics, kernel)
        memories, weights = X[weights > 0], weights[weights > 0]
        bandwidth = self.bandwidth
        if isinstance(bandwidth, str):
            bandwidth = choose_bandwidth(bandwidth, memories.astype(np.float64), weights, kernel)
        self.bandwidth_ = check_representable(bandwidth)
        self.beta_ = float(beta_from_bandwidth(self.bandwidth_, kernel))
        self.memories_, self.weights_, self.n_iter_ = memories, weights, 1
        self._prepare()
        return self

    def _prepare(self) -> None:
        memories = self.memories_.astype(np.float64, copy=False)
        kernel = self._settings().kernel
        self._prepared = KernelEnergy.of(memories, self.weights_, kernel, self.bandwidth_)
        self._energy().prepare()

    def _energy(self) -> KernelEnergy:
        check_is_fitted(self)
        return replace(self._prepared, epsilon=self._settings().epsilon, algorithm=self.algorithm)
