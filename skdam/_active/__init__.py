"""Exact radius search: for each query, which points lie strictly within the radius, and how far.

A back end is a function ``(points, queries) -> ActiveSets`` in a file of its own and a row of
`BACK_ENDS`.  All back ends return the same sets, bit for bit: membership is the truth of
``points.direct(...) < points.radius_squared``.
"""

from collections.abc import Callable, Iterator

from .._math import Floats, Points, Queries, row_blocks
from . import _gemm
from ._sets import ActiveSets

BACK_ENDS: dict[str, Callable[[Points, Queries], ActiveSets]] = {"gemm": _gemm.active_sets}

__all__ = ["BACK_ENDS", "ActiveSets", "active_sets"]


def active_sets(
    points: Points, X: Floats, algorithm: str = "auto"
) -> Iterator[tuple[slice, ActiveSets]]:
    """Yield the active sets of the float64 queries `X`, block by block in order.

    Parameters
    ----------
    points : Points
        The points, with their radius.
    X : ndarray of shape (n, D), float64
    algorithm : {"auto"} or a key of BACK_ENDS
        How to search; the answer does not depend on it.

    Yields
    ------
    rows : slice
        The rows of `X` that this block answers.
    sets : ActiveSets
    """
    search = BACK_ENDS["gemm" if algorithm == "auto" else algorithm]
    for rows in row_blocks(len(X), 40 * len(points)):
        yield rows, search(points, points.lift(X[rows]))
