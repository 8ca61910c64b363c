"""The leaves of a tree: side by side for differences, and added up in closed form."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
from sklearn.neighbors import KDTree

from .._math import Floats, Integers, Points, slices

#: Distances that are held at a time.
_TILE = 2**17


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves of a tree, filled up to the same size with points of no weight, infinitely far.

    Attributes
    ----------
    point : ndarray of shape (n_leaves, size)
        Which point it is (0 for those filled in).
    weight : ndarray of shape (n_leaves, size)
    axes : list of D ndarrays of shape (n_leaves, size)
        Coordinates, in units of the points.
    sizes : ndarray of shape (n_leaves,)
        The number of points in each.
    sums : LeafSums
    scale : float
    """

    point: Integers
    weight: Floats
    axes: list[Floats]
    sizes: Integers
    sums: "LeafSums"
    scale: float

    @classmethod
    def of(cls, tree: KDTree, points: Points, weights: Floats) -> Self:
        """Read the leaves off a tree."""
        _, place, nodes, _ = tree.get_arrays()
        start = np.append(np.sort(nodes["idx_start"][nodes["is_leaf"] == 1]), len(points))
        sizes = np.diff(start)
        filled = np.arange(sizes.max()) < sizes[:, None]

        def side_by_side(values: np.ndarray, missing: float) -> np.ndarray:
            padded = np.full(filled.shape, missing, dtype=values.dtype)
            padded[filled] = values[place]
            return padded

        with np.errstate(over="ignore"):
            z = points.rows * points.scale
        return cls(
            side_by_side(np.arange(len(points)), 0),
            side_by_side(weights, 0.0),
            [side_by_side(axis, np.inf) for axis in z.T],
            sizes,
            LeafSums.of(points, weights, np.array(place), start),
            points.scale,
        )

    def distances(self, X: Floats, leaves: Integers) -> Iterator[tuple[Integers, Floats]]:
        """Yield squared distances of rows and all points of some leaves, a few leaves at a time."""
        with np.errstate(over="ignore"):
            X = X * self.scale
        for part in slices(len(leaves), _TILE // (len(X) * self.point.shape[1])):
            some = leaves[part]
            sides = (
                _squares(x, axis.take(some, axis=0).ravel())
                for x, axis in zip(X.T, self.axes, strict=True)
            )
            yield some, reduce(lambda total, side: np.add(total, side, out=total), sides)

    def boxes(self, X: Floats, leaves: Integers) -> tuple[Floats, Floats]:
        """Return the least and largest squared distances of leaves' boxes from the rows' box."""
        low, high = X.min(axis=0), X.max(axis=0)
        gap, span = np.zeros((2, len(leaves)))
        with np.errstate(over="ignore", under="ignore"):
            for j in range(X.shape[1]):
                below, above = self.sums.low[j].take(leaves), self.sums.high[j].take(leaves)
                side = np.maximum(np.maximum(below - high[j], low[j] - above), 0.0)
                gap += (side * self.scale) ** 2
                span += (np.maximum(above - low[j], high[j] - below) * self.scale) ** 2
        return gap, span


@dataclass(frozen=True, eq=False)
class LeafSums:
    """The box around each leaf, and weighted sums of 1, z and ``|z|^2``, with z from its centre.

    ``low`` and ``high`` hold the leaves' least and largest coordinates, axis by axis.
    """

    low: Floats
    high: Floats
    centre: Floats
    mass: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, points: Points, weights: Floats, place: Integers, start: Integers) -> Self:
        """Add up each leaf: the points at ``place[start[i]:start[i + 1]]``."""
        rows, weights = points.rows[place], weights[place][:, None]
        low, high = (side.reduceat(rows, start[:-1], axis=0) for side in (np.minimum, np.maximum))
        centre = low + (high / 2 - low / 2)
        with np.errstate(over="ignore", invalid="ignore"):
            z = (rows - np.repeat(centre, np.diff(start), axis=0)) * points.scale
            squares = np.einsum("ij,ij->i", z, z)[:, None]
            terms = np.column_stack([weights, weights * z, weights * squares])
            sums = np.add.reduceat(terms, start[:-1], axis=0)
        parts = low.T, high.T, centre, sums[:, 0], sums[:, 1:-1], sums[:, -1]
        return cls(*(np.ascontiguousarray(part) for part in parts))  # else `take` copies them

    def added(self, X: Floats, leaves: Integers, limit: float, scale: float) -> Floats:
        """Return ``sum w (1 - u)`` over whole leaves that are near X."""
        shift = (self.centre.take(leaves, axis=0) - X[0]) * scale
        mass, first = self.mass.take(leaves), self.first.take(leaves, axis=0)
        moved = mass[:, None] * shift
        second = self.second.take(leaves).sum() + np.vdot(shift, 2.0 * first + moved)
        z = (X - X[0]) * scale
        squares = np.einsum("ij,ij->i", z, z)
        first = first.sum(axis=0) + moved.sum(axis=0)
        return mass.sum() - (mass.sum() * squares - 2.0 * z @ first + second) / limit


def _squares(x: Floats, y: Floats) -> Floats:
    """Return the squared differences of all pairs."""
    with np.errstate(over="ignore", invalid="ignore"):
        side = np.subtract.outer(x, y)
        return np.multiply(side, side, out=side)
