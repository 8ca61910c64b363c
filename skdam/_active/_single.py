"""Products in single precision that miss no pair: they propose, and float64 decides.

Single precision costs half.  It is off by at most ``c (|x| + |y|)^2 <= 2 c (|x|^2 + |y|^2)``, with
lengths from the centre, ``c = (3 L + 16) u``, L columns and u the unit roundoff of float32.  That
much is taken off the squared lengths beforehand, so that no product is above the squared distance.
Lengths whose squares single precision cannot add up count as no numbers, and so do their products:
not a number is never far.
"""

from collections.abc import Iterator
from copy import copy
from typing import Self

import numpy as np

from .._masks import true_entries
from .._math import (
    SINGLE_ROUNDOFF,
    Floats,
    Integers,
    Queries,
    slices,
    tile_columns,
)
from ._sets import Found

#: Squared lengths up to here add up in float32, in whichever order.
_LARGEST = float(np.finfo(np.float32).max) / 16.0


class SingleProduct:
    """Rows prepared in float32; with lifted queries they give lower bounds of squared distances.

    Parameters
    ----------
    z : ndarray of shape (n, d), float64
        The rows, from their centre, in units of `Points`.
    squares : ndarray of shape (n,)
        Their squared lengths.
    slack : float, default=0.0
        The error of z itself: as a share of ``|x|^2 + |y|^2``, in a squared distance.
    """

    def __init__(self, z: Floats, squares: Floats, slack: float = 0.0) -> None:
        self.shrunk = 1.0 - 2.0 * (3 * (z.shape[1] + 2) + 16) * SINGLE_ROUNDOFF - slack
        self.rows = np.empty((len(z), z.shape[1] + 2), dtype=np.float32)
        with np.errstate(over="ignore", under="ignore"):
            self.rows[:, :-2], self.rows[:, -2] = z, 1.0
            self.rows[:, -1] = _addable(squares) * self.shrunk

    def taken(self, rows: Integers) -> Self:
        """Return the product of some of the rows."""
        other = copy(self)
        other.rows = self.rows.take(rows, axis=0)
        return other

    def lift(self, z: Floats, squares: Floats) -> np.ndarray:
        """Prepare queries."""
        lifted = np.empty((len(z), z.shape[1] + 2), dtype=np.float32)
        with np.errstate(over="ignore", under="ignore"):
            lifted[:, :-2], lifted[:, -1] = -2.0 * z, 1.0
            lifted[:, -2] = _addable(squares) * self.shrunk
        return lifted

    def bounded(
        self, lifted: np.ndarray, limit: float, rows: slice = slice(None)
    ) -> Iterator[Found]:
        """Yield all pairs that may be nearer than ``sqrt(limit)``, with lower bounds, by tiles."""
        most, buffer = above(limit), np.empty(self._shape(lifted, rows), dtype=bool)
        for start, lower in self.tiles(lifted, rows):
            far = np.greater(lower, most, out=buffer[:, : lower.shape[1]])  # no number is not
            query, column = true_entries(np.logical_not(far, out=far))
            yield query, start + column, lower[query, column]

    def tiles(
        self, lifted: np.ndarray, rows: slice = slice(None)
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, lower bounds), tile by tile, each overwritten by the next."""
        start, stop, _ = rows.indices(len(self.rows))
        product = np.empty(self._shape(lifted, rows), dtype=np.float32)
        for part in slices(stop - start, product.shape[1]):
            first, lower = start + part.start, product[:, : part.stop - part.start]
            with np.errstate(over="ignore", invalid="ignore"):
                np.matmul(lifted, self.rows[first : start + part.stop].T, out=lower)
            yield first, lower

    def _shape(self, lifted: np.ndarray, rows: slice) -> tuple[int, int]:
        """Return the shape of a tile."""
        start, stop, _ = rows.indices(len(self.rows))
        return len(lifted), min(tile_columns(len(lifted)), stop - start)

    def excess(self, squares: Floats) -> Floats:
        """Bound how far squared distances are above their lower bounds, from ``|x|^2 + |y|^2``."""
        return 2.0 * (1.0 - self.shrunk) * squares


def above(limit: float) -> np.floating:
    """Return a limit in single precision, rounded up."""
    return np.float32(limit * (1.0 + 2.0**-20))


def beneath(limit: float) -> np.floating:
    """Return a limit in single precision, rounded down; nothing is below one that is not > 0."""
    return np.float32(limit * (1.0 - 2.0**-20) if limit > 0 else -np.inf)


def sided(lower: np.ndarray, limit: float, excess: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs may be nearer than a limit, and which of them may not be.

    Squared distances are above their lower bounds by `excess` at most.
    """
    far, near = lower > above(limit), lower < beneath(limit - excess)
    unsure = np.equal(far, near, out=near)  # what is not a number is neither
    return np.logical_not(far, out=far), unsure


def _addable(squares: Floats) -> Floats:
    """Return squared lengths, NaN where sums of them might overflow in float32."""
    return np.where(squares < _LARGEST, squares, np.nan)


def centred(queries: Queries) -> tuple[Floats, Floats]:
    """Return queries from the centre, in units of their points, and their squared lengths."""
    return -0.5 * queries.lifted[:, :-2], queries.lifted[:, -2]
