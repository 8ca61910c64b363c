"""Squared distances of which only the side of a limit matters."""

from collections.abc import Callable

import numpy as np

from .._math import TERM_ERROR, Floats, Integers, Points, Queries
from ._runs import Runs

#: A function of (queries, runs, limit) that tells which pairs of them are nearer than
#: ``sqrt(limit)``.
Nearer = Callable[[Queries, Runs, float], np.ndarray]


def from_above(lower: np.ndarray, excess: Floats) -> tuple[Floats, Floats]:
    """Return bounds of single precision in double from below, and from above; none if it ended."""
    known = np.isfinite(lower)
    lower = np.where(known, lower, 0.0).astype(np.float64)
    return np.where(known, lower, -np.inf), np.where(known, lower + excess, np.inf)


def undecided(lower: Floats, upper: Floats, limit: float) -> Integers:
    """Return the places of those that bounds do not put on a side of the limit."""
    return np.flatnonzero(~((lower > limit) | (upper < limit)))


def doubtful(squared: Floats, error: Floats, limit: float, rough: bool) -> Integers:
    """Return which squared distances, known up to an error, have to be computed again.

    Unless rough ones will do, the error has to be a small share of the depth below the limit.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # no number decides nothing
        slack = error if rough else error / TERM_ERROR
        return undecided(squared - error, squared + slack, limit)


def settled(
    points: Points,
    queries: Queries,
    query: Integers,
    point: Integers,
    lower: Floats,
    upper: Floats,
    limit: float,
) -> Floats:
    """Return the lower bounds, overwritten from direct differences where bounds leave it open."""
    rest = undecided(lower, upper, limit)
    lower[rest] = points.direct(queries, query[rest], point[rest])
    return lower
