"""Exact radius search: for each query, which points lie strictly within the radius, and how far.

A back end is a function ``(points, queries) -> ActiveSets`` in a file of its own and a row of
`BACK_ENDS`.  All back ends return the same sets, bit for bit: membership is the truth of
``points.direct(...) < points.radius_squared``.
"""

from collections.abc import Callable, Iterator

from .._math import Floats, Points, Queries, row_blocks
from . import _gemm, _refine
from ._sets import ActiveSets

BACK_ENDS: dict[str, Callable[[Points, Queries], ActiveSets]] = {
    "gemm": _gemm.active_sets,
    "refine": _refine.active_sets,
}
#: "auto" takes proposals in single precision if they are at most this share of all pairs, a + b / D
#: with D features: their differences then cost less than what the product saves.
SPARSE = (0.01, 0.5)
#: Rows that it looks at: one in so many, and not more than that.
ONE_IN, MOST_SAMPLED = 32, 16

__all__ = ["BACK_ENDS", "ActiveSets", "active_sets", "choose"]


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
    search = BACK_ENDS[choose(points, X) if algorithm == "auto" else algorithm]
    for rows in row_blocks(len(X), 40 * len(points)):
        yield rows, search(points, points.lift(X[rows]))


def choose(points: Points, X: Floats) -> str:
    """Return the back end that suits these queries, from how many pairs a few of them propose."""
    sample = X[:: max(ONE_IN, len(X) // MOST_SAMPLED)]
    proposed = sum(len(query) for query, _ in _refine.proposals(points, points.lift(sample)))
    few = (SPARSE[0] + SPARSE[1] / X.shape[1]) * len(sample) * len(points)
    return "refine" if proposed <= few else "gemm"
