"""Bounds of squared distances, where only who is near matters: they decide most pairs."""

from collections.abc import Callable

import numpy as np

from .._math import Floats, Integers, Points, Queries

#: A function of (queries, indptr, point) that bounds squared distances from below and above: those
#: of query i and the points ``point[indptr[i]:indptr[i + 1]]``.
Bounds = Callable[[Queries, Integers, Integers], tuple[Floats, Floats]]


def from_above(lower: np.ndarray, excess: Floats) -> tuple[Floats, Floats]:
    """Return lower bounds of single precision in double, and upper ones: none where it ended."""
    lower = lower.astype(np.float64)
    return lower, np.where(np.isfinite(lower), lower + excess, np.inf)


def settled(
    points: Points,
    queries: Queries,
    query: Integers,
    point: Integers,
    lower: Floats,
    upper: Floats,
    limit: float,
) -> Floats:
    """Return numbers on the same side of a limit as the squared distances of single pairs.

    They are the lower bounds, overwritten from direct differences where bounds leave it open.
    """
    open_ = np.flatnonzero(~((lower > limit) | (upper < limit)))
    lower[open_] = points.direct(queries, query[open_], point[open_])
    return lower
