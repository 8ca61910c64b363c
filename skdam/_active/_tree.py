"""Active sets in few dimensions: leaves of a tree beyond reach are skipped.

Queries that are near each other are answered together.  Their box is compared with the boxes of the
leaves; what remains is a small product around the box's own centre, which loses no digits.  For the
flat kernel, a leaf that is wholly within reach adds up in closed form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.neighbors import KDTree

from .._math import UNIT_ROUNDOFF, Floats, Integers, Points, Queries, slices
from ._gemm import decided
from ._index import DIRECT, DOUBLE, Index, nanoseconds
from ._sets import Found
from ._single import centred
from ._totals import Profile, added

#: Points of a leaf, at least (and less than twice as many), and queries of a group.
LEAF, GROUP = 64, 64
#: Relative slack of the distances of boxes, far above their rounding.
_SLACK = 2.0**-40
#: Roundings, of the mass of whole leaves, that their sum may be off by.
_ROUNDINGS = 64.0
#: Groups that a cost is estimated from, and nanoseconds that a group and a leaf cost besides.
_SAMPLED, _GROUP_COST, _LEAF_COST = 8, 3e5, 30.0


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves of a tree over points, and the boxes around them."""

    place: Integers
    start: Integers
    low: Floats
    high: Floats

    @classmethod
    def of(cls, rows: Floats) -> Self:
        """Split rows into leaves."""
        _, place, nodes, bounds = KDTree(rows, leaf_size=LEAF).get_arrays()
        leaves = np.flatnonzero(nodes["is_leaf"])
        leaves = leaves[np.argsort(nodes["idx_start"][leaves])]
        start = np.append(nodes["idx_start"][leaves], len(rows))
        return cls(np.array(place), start, *np.array(bounds)[:, leaves])


@dataclass(frozen=True, eq=False)
class LeafSums:
    """Weighted sums over each leaf: of 1, of z and of ``|z|^2``, with z from the leaf's centre."""

    centre: Floats
    mass: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, points: Points, weights: Floats, leaves: Leaves) -> Self:
        """Add up each leaf."""
        centre = leaves.low + (leaves.high / 2 - leaves.low / 2)
        sizes = np.diff(leaves.start)
        weights = weights[leaves.place][:, None]
        with np.errstate(over="ignore"):
            z = (points.rows[leaves.place] - np.repeat(centre, sizes, axis=0)) * points.scale
            squares = np.einsum("ij,ij->i", z, z)[:, None]
            terms = np.column_stack([weights, weights * z, weights * squares])
            sums = np.add.reduceat(terms, leaves.start[:-1], axis=0)
        return cls(centre, sums[:, 0], sums[:, 1:-1], sums[:, -1])

    def added(self, around: Points, queries: Queries, leaves: np.ndarray, limit: float) -> tuple:
        """Return ``sum w (1 - u)`` over whole leaves, and a bound of its error."""
        shift = (self.centre[leaves] - around.centre) * around.scale
        mass, first, second = self.mass[leaves], self.first[leaves], self.second[leaves]
        second = second + 2.0 * np.einsum("ij,ij->i", shift, first)
        second = np.sum(second + mass * np.einsum("ij,ij->i", shift, shift))
        first = (first + mass[:, None] * shift).sum(axis=0)
        mass = mass.sum()
        z, squares = centred(queries)
        total = mass - (mass * squares - 2.0 * z @ first + second) / limit
        return total, np.full(len(queries), _ROUNDINGS * UNIT_ROUNDOFF * mass)


class Tree(Index):
    """Leaves of a tree; those beyond reach of a group of queries are skipped."""

    rows = 16 * GROUP

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.leaves = Leaves.of(points.rows)
        self.sorted = points.rows[self.leaves.place]
        self.sums = LeafSums.of(points, weights, self.leaves)

    def order(self, X: Floats) -> Integers:
        return np.array(KDTree(X, leaf_size=GROUP // 2).get_arrays()[1])

    def found(self, queries: Queries, limit: float) -> Iterator[Found]:
        for rows in slices(len(queries), GROUP):
            near, inside = self.reached(queries.rows[rows], limit)
            place = self.members(near | inside)
            if place.size:
                mine, group = self.around(queries.rows[rows], place)
                for query, column, squared in decided(mine, group, limit):
                    yield rows.start + query, self.leaves.place[place[column]], squared

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        total, error = np.zeros((2, len(queries)))
        for rows in slices(len(queries), GROUP):
            near, inside = self.reached(queries.rows[rows], limit)
            if not kernel.is_flat:
                near, inside = near | inside, np.zeros_like(inside)
            place = self.members(near)
            mine, group = self.around(queries.rows[rows], place)
            if inside.any():
                total[rows], error[rows] = self.sums.added(mine, group, inside, limit)
            if place.size:
                parts = added(mine, group, self.weights[self.leaves.place[place]], kernel, limit)
                total[rows] += parts[0]
                error[rows] += parts[1]
        return total, error

    def cost(self, X: Floats, limit: float, listed: bool) -> float:
        groups = np.array_split(self.order(X), -(-len(X) // GROUP))
        sample = groups[:: max(1, -(-len(groups) // _SAMPLED))]
        sizes, pair = np.diff(self.leaves.start), nanoseconds(DOUBLE, X.shape[1])
        spent = 0.0
        for group in sample:
            near, inside = self.reached(X[group], limit)
            spent += _GROUP_COST + _LEAF_COST * len(sizes)
            spent += len(group) * pair * sizes[near | inside if listed else near].sum()
            if listed:
                spent += len(group) * nanoseconds(DIRECT, X.shape[1]) * sizes[inside].sum()
        return len(groups) / len(sample) * spent

    def reached(self, X: Floats, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Return which leaves are partly, and which wholly, within reach of all the rows' box."""
        low, high, leaves = X.min(axis=0), X.max(axis=0), self.leaves
        with np.errstate(over="ignore", under="ignore"):
            gap = np.maximum(np.maximum(leaves.low - high, low - leaves.high), 0.0)
            span = np.maximum(leaves.high - low, high - leaves.low)
            nearest, farthest = (
                np.einsum("ij,ij->i", side, side)
                for side in (gap * self.points.scale, span * self.points.scale)
            )
        inside = farthest * (1.0 + _SLACK) < limit
        return (nearest <= limit * (1.0 + _SLACK)) & ~inside, inside

    def members(self, leaves: np.ndarray) -> Integers:
        """Return the places of all points in the marked leaves."""
        return np.flatnonzero(np.repeat(leaves, np.diff(self.leaves.start)))

    def around(self, X: Floats, place: Integers) -> tuple[Points, Queries]:
        """Prepare points and queries for products around the centre of the queries."""
        low, high = X.min(axis=0), X.max(axis=0)
        mine = self.points.around(self.sorted[place], low + (high / 2 - low / 2))
        return mine, mine.lift(X)
