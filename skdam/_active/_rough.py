"""Squared distances of which only the side of some limits matters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._math import TERM_ERROR, Floats, Integers, Points, Queries

#: A function of (queries, indptr, point) that bounds squared distances from below and above: those
#: of query i and the points ``point[indptr[i]:indptr[i + 1]]``.
Bounds = Callable[[Queries, Integers, Integers], tuple[Floats, Floats]]


class Rough(NamedTuple):
    """What is enough to know of squared distances: on which side they are of some limits."""

    bounds: Bounds
    limits: tuple[float, ...]

    def undecided(self, lower: Floats, upper: Floats) -> Integers:
        """Return the places of those that bounds do not put on a side of each limit."""
        decided = [(lower > limit) | (upper < limit) for limit in self.limits]
        return np.flatnonzero(~np.logical_and.reduce(decided))


def from_above(lower: np.ndarray, excess: Floats) -> tuple[Floats, Floats]:
    """Return lower bounds of single precision in double, and upper ones: none where it ended."""
    lower = lower.astype(np.float64)
    return lower, np.where(np.isfinite(lower), lower + excess, np.inf)


def doubtful(squared: Floats, error: Floats, limit: float, rough: Rough | None) -> Integers:
    """Return which squared distances, known up to an error, have to be computed again."""
    if rough is not None:
        return rough.undecided(squared - error, squared + error)
    return np.flatnonzero(~(squared < limit - error / TERM_ERROR))


def settled(
    points: Points,
    queries: Queries,
    query: Integers,
    point: Integers,
    lower: Floats,
    upper: Floats,
    rough: Rough,
) -> Floats:
    """Return the lower bounds, overwritten from direct differences where bounds leave it open."""
    rest = rough.undecided(lower, upper)
    lower[rest] = points.direct(queries, query[rest], point[rest])
    return lower
