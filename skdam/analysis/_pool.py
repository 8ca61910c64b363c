"""Patterns to store one after another, and how many of the first n a memory holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import InvalidParameterError

from .._validation import check_count, check_rows
from ..datasets import corrupt
from ._stability import check_memory, overload_expected, with_scale

#: Patterns that are drawn at first, and at the most unless told otherwise.
_FEW, MOST = 64, 10_000
#: Patterns that a rule for a bandwidth is applied to.
_SCALING = 1000
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
        if not isinstance(corruption, dict | None):
            raise InvalidParameterError(
                f"corruption must be None or a dict of keywords of corrupt, got {corruption!r}."
            )
        if callable(patterns):
            self._draw: Callable[[int], np.ndarray] = partial(_drawn, patterns, _seed(rng))
            self.size = most
        else:
            rows = check_rows(patterns, single=True)
            rows = rows[rng.permutation(len(rows))]
            self._draw = lambda n: rows
            self.size = len(rows) if max_patterns is None else min(most, len(rows))
        self._damage: dict[str, Any] = {"random_state": _seed(rng), **(corruption or {})}
        self._rows = self._queries = np.empty((0, 0))

    def first(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the first n patterns, and their damaged copies."""
        if n > len(self._rows):
            self._grow(min(self.size, max(2 * n, _FEW)))
        return self._rows[:n], self._queries[:n]

    def _grow(self, n: int) -> None:
        rows = self._draw(n)
        known = len(self._rows)
        if known and not np.array_equal(rows[:known], self._rows):
            raise ValueError(
                "patterns must begin with the same rows for the same random_state, however many"
                f" are asked for: the first {known} of {n} are others than when they were all."
            )
        self._rows, self._queries = rows, corrupt(rows, **self._damage)


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
        memory = _seeded(check_memory(memory), rng)
        pool = Pool(patterns, max_patterns, corruption, rng)
        with overload_expected():
            memory = with_scale(memory, lambda: pool.first(min(pool.size, _SCALING))[0])
        return cls(memory, pool)

    def shares(self, n: int, *measures: Measure) -> list[float]:
        """Store the first n patterns, and return the share of them that passes each measure."""
        rows, queries = self.pool.first(n)
        with overload_expected():
            fitted = clone(self.memory).fit(rows)
            return [float(measure(fitted, rows, queries).mean()) for measure in measures]


def _drawn(patterns: Callable[..., Any], seed: int, n: int) -> np.ndarray:
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
