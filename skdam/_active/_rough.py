"""Squared distances of which only the side of some limits matters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._math import TERM_ERROR, Floats, Integers, Points, Queries

#: A function of (queries, indptr, point, limits) that tells for each limit of squared distances
#: which pairs are nearer: those of query i and the points ``point[indptr[i]:indptr[i + 1]]``.
Nearer = Callable[[Queries, Integers, Integers, tuple[float, ...]], np.ndarray]


class Sides(NamedTuple):
    """Limits, the widest first, of which squared distances have to be on the right side.

    With `nearer`, which tells the sides, no more is asked of them.
    """

    limits: tuple[float, ...]
    nearer: Nearer | None = None

    def standing(self, narrower: np.ndarray) -> Floats:
        """Return numbers below the widest limit, below each of the others where that is told."""
        squared = np.zeros(narrower.shape[1])
        for limit, below in zip(self.limits[1:], narrower, strict=True):
            squared[~below] = (limit + self.limits[0]) / 2.0
        return squared

    def undecided(self, lower: Floats, upper: Floats) -> Integers:
        """Return the places of those that bounds do not put on a side of each limit."""
        decided = [(lower > limit) | (upper < limit) for limit in self.limits]
        return np.flatnonzero(~np.logical_and.reduce(decided))


def from_above(lower: np.ndarray, excess: Floats) -> tuple[Floats, Floats]:
    """Return bounds of single precision in double from below, and from above; none if it ended."""
    known = np.isfinite(lower)
    lower = np.where(known, lower, 0.0).astype(np.float64)
    return np.where(known, lower, -np.inf), np.where(known, lower + excess, np.inf)


def doubtful(squared: Floats, error: Floats, sides: Sides) -> Integers:
    """Return which squared distances, known up to an error, have to be computed again.

    Where distances matter, the error has to be a small share of the depth below each limit.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # no number decides nothing
        slack = error / TERM_ERROR if sides.nearer is None else error
        return sides.undecided(squared - error, squared + slack)


def settled(
    points: Points,
    queries: Queries,
    query: Integers,
    point: Integers,
    lower: Floats,
    upper: Floats,
    sides: Sides,
) -> Floats:
    """Return the lower bounds, overwritten from direct differences where bounds leave it open."""
    rest = sides.undecided(lower, upper)
    lower[rest] = points.direct(queries, query[rest], point[rest])
    return lower
