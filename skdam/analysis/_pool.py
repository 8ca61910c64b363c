"""Patterns to store one after another, and how many of the first n a memory holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import InvalidParameterError

from .._math import slices
from .._validation import check_count, check_rows, naming
from ..datasets import corrupt
from ._stability import check_memory, overload_expected, with_scale

#: Patterns of a function that are drawn and damaged together, and the most unless told otherwise.
#: A rule for a scale is applied to as many.
_DRAWN, MOST = 1000, 10_000
_DAMAGES = frozenset({"noise", "flip", "missing", "random_state"})
_SEEDS = 2**31 - 1

#: Which patterns pass, of (fitted memory, patterns, their damaged copies).
Measure = Callable[[Any, np.ndarray, np.ndarray], np.ndarray]


class Pool:
    """Patterns in one order, as many as are asked for, each with a damaged copy.

    Attributes
    ----------
    size : int
        How many there are.
    """

    def __init__(
        self,
        patterns: Any,
        max_patterns: int | None,
        corruption: dict[str, float] | None,
        rng: np.random.RandomState,
    ) -> None:
        most = MOST if max_patterns is None else check_count(max_patterns, "max_patterns")
        self._damage = _check_corruption(corruption)
        if callable(patterns):
            self._draw: Callable[[int], np.ndarray] = partial(_drawn, patterns, _seed(rng))
            self.size, self._together = most, _DRAWN
        else:
            with naming("patterns"):
                rows = check_rows(patterns, single=True)
            rows = rows[rng.permutation(len(rows))]
            self._draw = lambda n: rows
            self.size = len(rows) if max_patterns is None else min(most, len(rows))
            self._together = len(rows)
        self._seed = _seed(rng)
        self._rows = self._queries = np.empty((0, 0))

    def first(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the first n patterns, and their damaged copies."""
        if n > len(self._rows):
            self._grow(max(n, min(self.size, 2 * len(self._rows))))
        return self._rows[:n], self._queries[:n]

    @property
    def has_gaps(self) -> bool:
        """Whether queries have gaps."""
        return bool(self._damage.get("missing"))

    def beginning(self) -> np.ndarray:
        """Return the first thousand, or all that there are, however few are to be stored."""
        self.first(1)
        return self._rows[:_DRAWN]

    def _grow(self, n: int) -> None:
        """Draw at least n, and damage the new ones, so many together however many are asked for."""
        known, together = len(self._rows), self._together
        rows = self._draw(-(-n // together) * together)
        if known and not np.array_equal(rows[:known], self._rows):
            raise ValueError(
                "patterns must begin with the same rows for the same random_state, however many"
                f" are asked for: the first {known} of {len(rows)} are others than when they were"
                " all."
            )
        new = [
            self._damaged(rows[part], part.start)
            for part in slices(len(rows), together)
            if part.start >= known
        ]
        self._queries = np.concatenate([self._queries, *new] if known else new)
        self._rows = rows

    def _damaged(self, rows: np.ndarray, start: int) -> np.ndarray:
        return corrupt(rows, **{"random_state": (self._seed + start) % _SEEDS, **self._damage})


@dataclass(frozen=True, eq=False)
class Trial:
    """A memory, not fitted, and the patterns that it is to hold."""

    memory: BaseEstimator
    pool: Pool

    @classmethod
    def of(
        cls,
        memory: Any,
        patterns: Any,
        max_patterns: int | None,
        corruption: dict[str, float] | None,
        rng: np.random.RandomState,
    ) -> Self:
        """Draw all that is random: the order of the patterns, their damage, and seeds."""
        if isinstance(memory, FrozenEstimator):
            raise TypeError(f"{memory!r} is frozen, and stores no patterns: pass its estimator.")
        memory = _seeded(check_memory(memory), rng)
        pool = Pool(patterns, max_patterns, corruption, rng)
        _check_gaps(memory, pool)
        return cls(with_scale(memory, pool.beginning), pool)

    def shares(self, n: int, *measures: Measure) -> list[float]:
        """Store the first n patterns, and return the share of them that passes each measure."""
        rows, queries = self.pool.first(n)
        with overload_expected():
            fitted = clone(self.memory).fit(rows)
            return [float(measure(fitted, rows, queries).mean()) for measure in measures]


def _check_corruption(corruption: dict[str, float] | None) -> dict[str, Any]:
    """Return keywords of `corrupt`."""
    if not (corruption is None or (isinstance(corruption, dict) and corruption.keys() <= _DAMAGES)):
        raise InvalidParameterError(
            f"corruption must be None or a dict of keywords of corrupt, got {corruption!r}."
        )
    return corruption or {}


def _check_gaps(memory: Any, pool: Pool) -> None:
    """Refuse gaps for a memory that does not complete them."""
    if pool.has_gaps and "known" not in signature(memory.retrieve).parameters:
        raise TypeError(
            f"corruption={pool._damage} makes gaps, which a {type(memory).__name__} does not"
            " complete."
        )


def _drawn(patterns: Callable[..., Any], seed: int, n: int) -> np.ndarray:
    with naming("patterns"):
        rows = check_rows(patterns(n, random_state=seed), single=True)
    if len(rows) != n:
        raise ValueError(f"patterns must return as many rows as asked for, {n}, got {len(rows)}.")
    return rows


def _seeded(memory: BaseEstimator, rng: np.random.RandomState) -> BaseEstimator:
    """Return a clone that draws the same numbers in every fit."""
    params = sorted(memory.get_params().items())
    free = [k for k, v in params if k.rpartition("__")[2] == "random_state" and v is None]
    return clone(memory).set_params(**{name: _seed(rng) for name in free})


def _seed(rng: np.random.RandomState) -> int:
    return int(rng.randint(_SEEDS))
