"""What memories that attend share: steps, what they recall, and how many memories mix."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, vstack
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._math import distinct_rows, pooled, row_blocks
from .._validation import COUNT, NOT_NEGATIVE, POSITIVE, all_or_nothing, check_rows
from ..dynamics import RetrievalResult, Settled, fixed_point
from ..energies import OverlapEnergy, Similarity
from ..potentials import SEPARATIONS
from ._base import Memory, Part
from ._retrieval import recorded, report_moving
from ._values import blended, check_values

#: Share of the attention above which a memory came back (irrational: no copies can tie).
_MAJORITY = 0.5**0.5


class BaseAttention(Memory):
    """A memory whose next state is a mean of all memories, weighed by attention."""

    beta: float
    separation: str
    max_iter: int
    tol: float
    memories_: np.ndarray
    _first: np.ndarray  # of the distinct memories, and the place of each memory among those
    _place: np.ndarray

    _parameter_constraints: ClassVar[dict] = {
        "beta": [POSITIVE],
        "separation": [StrOptions(set(SEPARATIONS))],
        "max_iter": [COUNT],
        "tol": [NOT_NEGATIVE],
    }

    @abstractmethod
    def _learn(self, memories: np.ndarray) -> None:
        """Learn from float64 memories what a similarity needs."""

    @abstractmethod
    def _similarity(self, memories: np.ndarray) -> Similarity:
        """Return how alike queries are to float64 memories."""

    @property
    @abstractmethod
    def _value(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The energy of float64 states, if there is one."""

    def fit(self, X: ArrayLike, y: object = None, *, values: Any = None) -> Self:
        """Store the rows of X, and what to recall for each.

        Parameters
        ----------
        X : array-like of shape (K, D)
            The memories.
        y : ignored
            So that labels in a pipeline never become patterns.
        values : array-like or list of length K, optional
            What `recall` returns: vectors, numbers, labels or any objects. By default `X`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or `X` is out of range, or there is not one value for each row.
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            X = check_rows(X, self, reset=True)
            self.memories_, self.n_iter_ = X.copy(), 1
            self.values_ = None if values is None else check_values(values, len(X))
            self._learn(X.astype(np.float64))
            self._prepare()
            return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the state that each query is pulled to: a mean of the memories.

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
            If `X` is not finite or has the wrong number of features.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_iter` > 1 cut short.
        """
        check_is_fitted(self)
        X = check_rows(X, self)
        settled = self._settled(X)
        self._report(settled)
        return settled.state.astype(X.dtype, copy=False)

    def retrieve(self, X: ArrayLike, record: bool = False) -> RetrievalResult:
        """Retrieve each query and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n, D)
        record : bool, default=False
            Whether to keep every query's trajectory, and its energies where there is an energy.

        Returns
        -------
        RetrievalResult
            `members` is the attention: that of the query with ``max_iter=1``, else that of the
            state. `energy` is NaN where there is none.

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
        settled = self._settled(X, record)
        self._report(settled)
        asked = X.astype(np.float64, copy=False) if self.max_iter == 1 else settled.state
        n, value = len(X), self._value
        result = RetrievalResult(
            settled.state.astype(X.dtype, copy=False),
            np.full(n, np.nan) if value is None else self._by_blocks(value, settled.state),
            settled.n_iter,
            settled.converged,
            np.ones(n, dtype=bool),
            self._by_blocks(self._recalled, asked),
            partial(self._members, asked),
        )
        return recorded(result, settled, None if value is None else partial(self._by_blocks, value))

    def recall(self, X: ArrayLike) -> Any:
        """Return the value that belongs to each query's state: hetero-association.

        Vectors, and numbers that are floats, are averaged under the attention: that of the query
        with ``max_iter=1``, else that of the state. Labels (strings, integers, booleans) are voted
        on with it; of other values that of the memory with the largest share is returned.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray or list of length n
            As the `values` of `fit`; without those, what `transform` returns.

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
        if self.values_ is None:
            return self.transform(X)
        X = check_rows(X, self)
        settled = self._settled(X)
        self._report(settled)
        asked = X.astype(np.float64, copy=False) if self.max_iter == 1 else settled.state
        recalled = self._in_blocks(lambda part: blended(self.values_, self._attention(part)), asked)
        if isinstance(self.values_, list):
            return [value for part in recalled for value in part]
        return np.concatenate(recalled)

    def metastability(self, X: ArrayLike) -> np.ndarray:
        """Return how many memories mix in the next state: 1 / sum of squared shares.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            From 1, a single memory, to K, all alike. Copies of a memory count as one.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        check_is_fitted(self)
        X = check_rows(X, self).astype(np.float64, copy=False)
        return self._by_blocks(lambda part: 1.0 / (self._shares(part) ** 2).sum(axis=1), X)

    def _prepare(self) -> None:
        memories = self.memories_.astype(np.float64)
        self._first, self._place = distinct_rows(memories)
        self._prepared = OverlapEnergy(
            memories, self._similarity(memories), SEPARATIONS[self.separation], self.beta
        )

    def _energy(self) -> OverlapEnergy:
        return self._prepared

    def _settled(self, X: np.ndarray, record: bool = False) -> Settled:
        settle = partial(
            fixed_point, self._energy(), max_iter=self.max_iter, tol=self.tol, record=record
        )
        return Settled.join(self._in_blocks(settle, X.astype(np.float64, copy=False)))

    def _attention(self, X: np.ndarray) -> np.ndarray:
        return self._energy().attention(X)

    def _members(self, X: np.ndarray) -> csr_array:
        return csr_array(vstack(self._in_blocks(lambda part: csr_array(self._attention(part)), X)))

    def _shares(self, X: np.ndarray) -> np.ndarray:
        """Return the attention to each distinct memory."""
        return pooled(self._attention(X), self._place)

    def _recalled(self, X: np.ndarray) -> np.ndarray:
        shares = self._shares(X)
        return np.where(shares.max(axis=1) > _MAJORITY, self._first[shares.argmax(axis=1)], -1)

    def _blocks(self, n: int) -> Iterator[slice]:
        return row_blocks(n, 64 * len(self.memories_) + 32 * self.memories_.shape[1])

    def _by_blocks(self, formula: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray:
        return np.concatenate(self._in_blocks(formula, X))

    def _in_blocks(self, formula: Callable[[np.ndarray], Part], X: np.ndarray) -> list[Part]:
        return [formula(X[rows]) for rows in self._blocks(len(X))]

    def _report(self, settled: Settled) -> None:
        if self.max_iter > 1:
            report_moving(settled.converged, self.max_iter, stacklevel=3)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
