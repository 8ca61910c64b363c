"""How alike queries and memories are, as scores that do not overflow."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from .._math import Floats, Points, power_of_two, true_entries
from .._nearest import nearest

_TINY = np.finfo(np.float64).tiny
#: Squared distances may be off by so many squared units.
_ERROR = 1e-12
#: Memories farther off than the nearest, in squared units, get nothing.
_FADED = 1e4
#: Coordinates from which on sums of them are done in a larger unit.
_HUGE = 2.0**900


class Similarity(ABC):
    """Scores of queries against memories."""

    @abstractmethod
    def scores(self, X: Floats) -> tuple[Floats, Floats]:
        """Return scores (n, K), -inf for a memory hopelessly far off, and a unit for each row."""

    @property
    @abstractmethod
    def surplus(self) -> Floats:
        """What an energy has beside ``|x - xi|^2 / 2`` at the memory that scores best, (K,)."""


@dataclass(frozen=True, eq=False)
class Dot(Similarity):
    """xi . x, of memories in a unit."""

    patterns: Floats
    unit: float

    @classmethod
    def of(cls, memories: Floats) -> Self:
        """Bind to memories."""
        unit = power_of_two(max(float(np.abs(memories).max()), _TINY))
        return cls(memories / unit, unit)

    def scores(self, X: Floats) -> tuple[Floats, Floats]:
        rows, unit = _row_units(X)
        with np.errstate(over="ignore", under="ignore"):
            return rows @ self.patterns.T, unit * self.unit

    @property
    def surplus(self) -> Floats:
        length = np.linalg.norm(self.patterns, axis=1)
        most = length.max()
        with np.errstate(over="ignore", under="ignore"):
            return 0.5 * ((most - length) * self.unit) * ((most + length) * self.unit)


@dataclass(frozen=True, eq=False)
class Cosine(Similarity):
    """The cosine of the angle between W xi and W x; that with a row of zeros is 0.

    W = None stands for the identity; `patterns` holds ``W xi / |W xi|``.
    """

    patterns: Floats
    linear_map: Floats | None

    @classmethod
    def of(cls, memories: Floats, linear_map: Floats | None = None) -> Self:
        """Bind to memories."""
        return cls(directions(memories, linear_map), linear_map)

    def scores(self, X: Floats) -> tuple[Floats, Floats]:
        return directions(X, self.linear_map) @ self.patterns.T, np.ones((len(X), 1))

    @property
    def surplus(self) -> Floats:
        return np.zeros(len(self.patterns))


@dataclass(frozen=True, eq=False)
class Euclidean(Similarity):
    """-|x - xi|^2 / 2, measured in `points`."""

    points: Points

    def scores(self, X: Floats) -> tuple[Floats, Floats]:
        points = self.points
        queries = points.lift(X)
        squared = np.empty((len(X), len(points)))
        errors = np.empty((len(X), len(points)))
        for start, part, error in points.tiles(queries):
            columns = slice(start, start + part.shape[1])
            squared[:, columns], errors[:, columns] = part, error[:, None]
        with np.errstate(invalid="ignore"):
            most = np.fmin.reduce(squared + errors, axis=1, keepdims=True) + _FADED
            doubtful = ~(squared - errors > most) & ~(errors <= _ERROR)
        query, point = true_entries(doubtful)
        squared[query, point] = points.direct(queries, query, point)
        lost = np.flatnonzero(~np.isfinite(np.fmin.reduce(squared, axis=1)))
        squared[np.isnan(squared)] = np.inf
        if lost.size:  # too far to be squared: the nearest gets all
            squared[lost, nearest(points, queries[lost])[0]] = 0.0
        unit = np.full((len(X), 1), 1.0 / points.scale)
        with np.errstate(over="ignore", under="ignore"):
            return -0.5 * squared, unit * unit

    @property
    def surplus(self) -> Floats:
        return np.zeros(len(self.points))


@dataclass(frozen=True, eq=False)
class Manhattan(Similarity):
    """-sum |x - xi|."""

    memories: Floats

    def scores(self, X: Floats) -> tuple[Floats, Floats]:
        huge = max(np.abs(X).max(), np.abs(self.memories).max()) > _HUGE
        unit = _HUGE if huge else 1.0
        return -cdist(X / unit, self.memories / unit, "cityblock"), np.full((len(X), 1), unit)

    @property
    def surplus(self) -> Floats:
        return np.zeros(len(self.memories))


#: The similarities that go by a name, made of memories and an inverse temperature.
SIMILARITIES: dict[str, Callable[[Floats, float], Similarity]] = {
    "cosine": lambda memories, beta: Cosine.of(memories),
    "dot": lambda memories, beta: Dot.of(memories),
    "euclidean": lambda memories, beta: Euclidean(Points.measured(memories, beta**-0.5)),
    "manhattan": lambda memories, beta: Manhattan(memories),
}


def directions(X: Floats, linear_map: Floats | None = None) -> Floats:
    """Return W x / |W x| for each row; a row of zeros stays."""
    rows = _row_units(X)[0]
    rows = rows if linear_map is None else _row_units(rows @ linear_map.T)[0]
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)


def _row_units(X: Floats) -> tuple[Floats, Floats]:
    """Return each row in units of a power of two of its own."""
    exponent = np.frexp(np.abs(X).max(axis=1, keepdims=True))[1]
    with np.errstate(under="ignore"):
        return np.ldexp(X, -exponent), np.ldexp(1.0, np.minimum(exponent, 1023))
