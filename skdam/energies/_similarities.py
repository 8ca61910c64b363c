"""How alike queries and memories are, as scores that do not overflow."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

from .._masks import true_entries
from .._math import UNIT_ROUNDOFF, Floats, Integers, Points
from .._nearest import nearest

_TINY = np.finfo(np.float64).tiny
#: Squared distances may be off by so many squared units.
_ERROR = 1e-12
#: Memories farther off than the nearest, in squared units, get nothing.
_FADED = 1e4
#: Coordinates beyond 2 to this are added up in units of that.
_HUGE = 900


class Similarity(ABC):
    """Scores of queries against memories: the larger, the more alike.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import SIMILARITIES
    >>> memories, query = np.array([[0.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 1.0]])
    >>> for name in ("cosine", "dot", "manhattan"):
    ...     scores, exponent = SIMILARITIES[name](memories, 1.0).scores(query)
    ...     print(name, np.ldexp(scores, exponent)[0].round(3))
    cosine [0.707 0.707]
    dot [2. 3.]
    manhattan [-2. -3.]
    """

    @abstractmethod
    def scores(self, X: Floats) -> tuple[Floats, Integers]:
        """Return scores (n, K), -inf for a memory hopelessly far off, in units of each row's own.

        The units are powers of two, (n, 1) exponents.
        """

    def surplus(self, best: Integers) -> Floats:
        """Return what an energy adds to ``|x - xi|^2 / 2`` at the memories that score best."""
        return np.zeros(len(best))


@dataclass(frozen=True, eq=False)
class Dot(Similarity):
    """xi . x, of memories in a unit."""

    patterns: Floats
    exponent: int

    @classmethod
    def of(cls, memories: Floats) -> Self:
        """Bind to memories."""
        exponent = int(np.frexp(np.abs(memories).max())[1])
        with np.errstate(under="ignore"):
            return cls(np.ldexp(memories, -exponent), exponent)

    def scores(self, X: Floats) -> tuple[Floats, Integers]:
        rows, exponent = _row_units(X)
        with np.errstate(under="ignore"):
            return rows @ self.patterns.T, exponent + self.exponent

    def surplus(self, best: Integers) -> Floats:
        lengths = np.linalg.norm(self.patterns, axis=1)
        most, length = lengths.max(), lengths[best]
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(0.5 * (most - length) * (most + length), 2 * self.exponent)


@dataclass(frozen=True, eq=False)
class Cosine(Similarity):
    """The cosine of the angle between W xi and W x; that with a row of zeros is 0.

    Parameters
    ----------
    patterns : ndarray of shape (K, M), float64
        The directions of the memories, ``W xi / |W xi|``.
    linear_map : ndarray of shape (M, D), float64, or None
        The map W; None stands for the identity.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import Cosine
    >>> cosine = Cosine.of(np.array([[3.0, 0.0], [0.0, 2.0]]))
    >>> cosine.scores(np.array([[1.0, 1.0], [0.0, -5.0]]))[0].round(3)
    array([[ 0.707,  0.707],
           [ 0.   , -1.   ]])
    """

    patterns: Floats
    linear_map: Floats | None

    @classmethod
    def of(cls, memories: Floats, linear_map: Floats | None = None) -> Self:
        """Bind to memories."""
        return cls(directions(memories, linear_map), linear_map)

    def scores(self, X: Floats) -> tuple[Floats, Integers]:
        return directions(X, self.linear_map) @ self.patterns.T, np.zeros((len(X), 1), dtype=int)


@dataclass(frozen=True, eq=False)
class Euclidean(Similarity):
    """-|x - xi|^2 / 2, measured in `points`."""

    points: Points

    def scores(self, X: Floats) -> tuple[Floats, Integers]:
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
        exponent = 2 * (1 - int(np.frexp(points.scale)[1]))
        return -0.5 * squared, np.full((len(X), 1), exponent)


@dataclass(frozen=True, eq=False)
class Manhattan(Similarity):
    """-sum |x - xi|."""

    memories: Floats

    def scores(self, X: Floats) -> tuple[Floats, Integers]:
        size = np.maximum(np.abs(X).max(axis=1, keepdims=True), np.abs(self.memories).max())
        exponent = np.where(size > 2.0**_HUGE, _HUGE, 0)
        scores = np.empty((len(X), len(self.memories)))
        for power in np.unique(exponent):
            rows = exponent[:, 0] == power
            with np.errstate(under="ignore"):
                parts = np.ldexp(X[rows], -power), np.ldexp(self.memories, -power)
            scores[rows] = -cdist(*parts, "cityblock")
        return scores, exponent


#: The similarities that go by a name, made of memories and an inverse temperature.
SIMILARITIES: dict[str, Callable[[Floats, float], Similarity]] = {
    "cosine": lambda memories, beta: Cosine.of(memories),
    "dot": lambda memories, beta: Dot.of(memories),
    "euclidean": lambda memories, beta: Euclidean(Points.measured(memories, beta**-0.5)),
    "manhattan": lambda memories, beta: Manhattan(memories),
}


def directions(X: Floats, linear_map: Floats | None = None) -> Floats:
    """Return ``W x / |W x|`` for each row; one of zeros, but for rounding, is one of zeros.

    Parameters
    ----------
    X : ndarray of shape (n, D), float64
        Rows, of any size that float64 holds.
    linear_map : ndarray of shape (M, D), float64, optional
        The map W; by default the identity.

    Returns
    -------
    ndarray of shape (n, M), float64
        Rows of length 1, or of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import directions
    >>> directions(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    rows = _row_units(X)[0]
    least = _TINY
    if linear_map is not None:
        rounding = 4.0 * len(rows.T) * UNIT_ROUNDOFF * np.linalg.norm(linear_map)
        least = rounding * np.linalg.norm(rows, axis=1, keepdims=True)
        rows = rows @ linear_map.T
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > least, rows / np.maximum(length, _TINY), 0.0)


def _row_units(X: Floats) -> tuple[Floats, Integers]:
    """Return each row in units of a power of two of its own, and the exponents."""
    exponent = np.frexp(np.abs(X).max(axis=1, keepdims=True))[1]
    with np.errstate(under="ignore"):
        return np.ldexp(X, -exponent), exponent
