"""Active sets proposed in a few dimensions, for points near a flat of low dimension.

With P the coordinates of a row along m orthonormal axes and R the length of what they leave of it,

    |P x - P y|^2 + (R x - R y)^2  <=  |x - y|^2  <=  |P x - P y|^2 + (R x + R y)^2.

The lower bound is itself a squared distance, in m + 1 dimensions.  The axes are the leading
principal ones; m is what costs least for a sample of the points.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from .._math import UNIT_ROUNDOFF, Floats, Integers, Points, Queries, slices
from ._index import DIRECT, SINGLE, Task, nanoseconds
from ._proposer import Proposer
from ._sets import Found
from ._single import SingleProduct, centred

#: Rows that the axes are computed from; queries and points that m is chosen with.
_FITTED, _QUERIES, _POINTS = 20_000, 64, 4096
#: Numbers of axes that are tried.
_AXES = (4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128)
#: Rows that are projected at a time.
_BLOCK = 2048


class PCA(Proposer):
    """All pairs in m + 1 dimensions and single precision; float64 decides."""

    is_tight = False
    rows = 512

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        z, squares = points.lifted[:, :-2], points.lifted[:, -1]
        axes = _principal_axes(z[:: max(1, len(z) // _FITTED)])
        some, few = np.s_[:: max(1, len(z) // _POINTS)], np.s_[:: max(1, len(z) // _QUERIES)]
        known = (z[some], squares[some]), (z[few], squares[few])
        price = partial(_price, points.radius_squared, *known)
        widths = [m for m in _AXES if m < axes.shape[1]] or [axes.shape[1]]
        self.axes = min((axes[:, :m] for m in widths), key=price)
        self.product = _product(z, squares, self.axes)

    def order(self, X: Floats, task: Task) -> Integers | None:
        if task != "members":
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            return np.argsort(X @ self.axes[:, 0])  # near rows have members in common

    @property
    def width(self) -> int:
        return self.axes.shape[1]

    def lift(self, queries: Queries) -> np.ndarray:
        z, squares = centred(queries)
        return self.product.lift(_reduced(z, squares, self.axes), squares)

    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        return self.product.bounded(lifted, limit)


def _principal_axes(z: Floats) -> Floats:
    """Return orthonormal columns, the directions of the largest spread first."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = z.T @ z
    if not np.isfinite(spread).all():
        return np.eye(z.shape[1])
    return np.linalg.eigh(spread)[1][:, ::-1]


def _reduced(z: Floats, squares: Floats, axes: Floats) -> Floats:
    """Return the coordinates along the axes, and the length of the rest."""
    reduced = np.empty((len(z), axes.shape[1] + 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in slices(len(z), _BLOCK):
            reduced[rows, :-1] = z[rows] @ axes
            along = np.einsum("ij,ij->i", reduced[rows, :-1], reduced[rows, :-1])
            reduced[rows, -1] = np.sqrt(np.maximum(squares[rows] - along, 0.0))
    return reduced


def _product(z: Floats, squares: Floats, axes: Floats) -> SingleProduct:
    """Prepare the reduced rows, of which the length of the rest may be off by ``s |z|``."""
    s = np.sqrt(4.0 * (len(axes) + 8) * UNIT_ROUNDOFF)
    return SingleProduct(_reduced(z, squares, axes), squares, slack=8.0 * s)


def _price(
    limit: float, points: tuple[Floats, Floats], queries: tuple[Floats, Floats], axes: Floats
) -> float:
    """Return about how many nanoseconds a query costs with these axes, for each point."""
    product = _product(*points, axes)
    lifted = product.lift(_reduced(*queries, axes), queries[1])
    proposed = sum(len(query) for query, _, _ in product.bounded(lifted, limit))
    share = proposed / (len(points[0]) * len(queries[0]))
    return nanoseconds(SINGLE, axes.shape[1]) + share * nanoseconds(DIRECT, len(axes))
