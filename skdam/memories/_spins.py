"""What memories of spins share: features become +-1, bits flip one by one or all at once."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from numbers import Real
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._math import row_blocks
from .._validation import COUNT, Number, all_or_nothing, check_rows
from ..dynamics import RetrievalResult, Settled, asynchronous, synchronous
from ..energies import BinaryEnergy, QuadraticEnergy
from ._base import Memory
from ._retrieval import recorded, report_moving

#: Most queries whose bits are visited side by side.
_ROWS = 1024


class SpinMemory(Memory):
    """A memory of patterns of +-1."""

    update: str
    threshold: float | str
    max_iter: int
    random_state: int | np.random.RandomState | None
    memories_: np.ndarray

    _parameter_constraints: ClassVar[dict] = {
        "update": [StrOptions({"asynchronous", "synchronous"})],
        "threshold": [StrOptions({"midrange"}), Number(Real, None, None, closed="neither")],
        "max_iter": [COUNT],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _energy(self) -> BinaryEnergy | QuadraticEnergy:
        """Return the energy that the memory descends."""

    @abstractmethod
    def _learn(self, spins: np.ndarray, before: np.ndarray) -> None:
        """Store patterns of +-1, after those stored before."""

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Store the rows of X.

        Parameters
        ----------
        X : array-like of shape (K, N)
            Features greater than the threshold become +1, others -1.
        y : ignored
            So that labels in a pipeline never become patterns.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or `X` is out of range.
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows(X, self, reset=True)
            self._settle(X)
            return self._store(X, np.empty((0, X.shape[1]), dtype=np.int8))

    def _append(self, X: ArrayLike) -> Self:
        """Store rows after those stored before; the first settle threshold and order."""
        if not self.__sklearn_is_fitted__():
            return self.fit(X)
        with all_or_nothing(self):
            self._validate_params()
            return self._store(check_rows(X, self), self.memories_)

    def _settle(self, X: np.ndarray) -> None:
        if self.threshold == "midrange" and X.min() == X.max():
            warnings.warn(
                f"All features are equal, {X.min():g}, so that all bits are -1, and the threshold"
                " is that value. Pass a number as threshold.",
                UserWarning,
                stacklevel=3,
            )
        self.threshold_ = middle(X) if isinstance(self.threshold, str) else float(self.threshold)
        self.order_ = check_random_state(self.random_state).permutation(X.shape[1])
        self.n_iter_ = 1

    def _store(self, X: np.ndarray, before: np.ndarray) -> Self:
        spins = self._spins(X).astype(np.int8)
        self._learn(spins, before)
        self.memories_ = np.concatenate([before, spins])
        self._prepare()
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the state of +-1 that each query is pulled to.

        Parameters
        ----------
        X : array-like of shape (n, N)
            Queries, made +-1 by the threshold of `fit`.

        Returns
        -------
        ndarray of shape (n, N)
            Retrieved states, float32 for float32 queries.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` cut short, or that go round
            in a cycle.
        """
        check_is_fitted(self)
        X = check_rows(X, self)
        settled = self._settled(self._spins(X), record=False)
        self._report(settled)
        return settled.state.astype(X.dtype, copy=False)

    def retrieve(self, X: ArrayLike, record: bool = False) -> RetrievalResult:
        """Retrieve each query and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n, N)
            Queries, made +-1 by the threshold of `fit`.
        record : bool, default=False
            Whether to keep every query's trajectory (flip by flip) and its energies.

        Returns
        -------
        RetrievalResult
            `n_iter` counts flips, or synchronous steps. `members` has no columns.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        ConvergenceWarning
            As `transform`.
        """
        check_is_fitted(self)
        X = check_rows(X, self)
        settled = self._settled(self._spins(X), record)
        self._report(settled)
        n = len(X)
        result = RetrievalResult(
            settled.state.astype(X.dtype, copy=False),
            self._value(settled.state),
            settled.n_iter,
            settled.converged,
            np.ones(n, dtype=bool),
            self._recalled(settled.state),
            partial(csr_array, (n, 0)),
        )
        return recorded(result, settled, self._value)

    def energy(self, X: ArrayLike) -> np.ndarray:
        """Return the energy of each row, made +-1 by the threshold of `fit`.

        Parameters
        ----------
        X : array-like of shape (n, N)

        Returns
        -------
        ndarray of shape (n,), float64
            Infinite where it is not representable: for high degrees and many features, to which
            retrieval is indifferent.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        check_is_fitted(self)
        return self._value(self._spins(check_rows(X, self)))

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return minus the energy of each row: a log probability up to a constant.

        Parameters
        ----------
        X : array-like of shape (n, N)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return 0.0 - self.energy(X)

    def _spins(self, X: np.ndarray) -> np.ndarray:
        return np.where(X.astype(np.float64, copy=False) > self.threshold_, 1.0, -1.0)

    def _value(self, spins: np.ndarray) -> np.ndarray:
        energy = self._energy()
        return np.concatenate([energy.value(spins[rows]) for rows in self._blocks(len(spins))])

    def _blocks(self, n: int) -> Iterator[slice]:
        return row_blocks(n, 48 * (len(self.memories_) + len(self.order_)), most=_ROWS)

    def _settled(self, spins: np.ndarray, record: bool, max_iter: int | None = None) -> Settled:
        loop = partial(self._loop(), max_iter=max_iter or self.max_iter, record=record)
        return Settled.join([loop(spins[rows]) for rows in self._blocks(len(spins))])

    def _loop(self) -> Callable[..., Settled]:
        energy = self._energy()
        if self.update == "synchronous":
            return partial(synchronous, energy)
        return partial(asynchronous, energy, order=self.order_)

    def _recalled(self, states: np.ndarray) -> np.ndarray:
        """Return the first memory that each state equals, or -1."""
        first = {row.tobytes(): i for i, row in reversed(list(enumerate(self.memories_)))}
        return np.array([first.get(row.tobytes(), -1) for row in states.astype(np.int8)])

    def _report(self, settled: Settled) -> None:
        cycling = settled.cycling
        if cycling is not None and cycling.any():
            warnings.warn(
                f"{cycling.sum()} of {len(cycling)} queries go round in a cycle:"
                " update='asynchronous' has none.",
                ConvergenceWarning,
                stacklevel=3,
            )
            report_moving(settled.converged | cycling, self.max_iter, stacklevel=3)
        elif self.max_iter > 1:
            report_moving(settled.converged, self.max_iter, stacklevel=3)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def middle(X: np.ndarray) -> float:
    """Return what is halfway between the smallest and the largest value."""
    return float(X.min() / 2.0 + X.max() / 2.0)
