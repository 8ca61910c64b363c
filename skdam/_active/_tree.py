"""Active sets in few dimensions: leaves of a tree beyond reach are skipped.

Queries that are near each other are answered together.  Their box is compared with the boxes of the
leaves; what remains is computed from differences.  For the
flat kernel, a leaf that is wholly within reach adds up in closed form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Self

import numpy as np
from sklearn.neighbors import KDTree

from .._math import (
    TERM_ERROR,
    UNIT_ROUNDOFF,
    Floats,
    Integers,
    Points,
    Queries,
    in_segments,
    slices,
)
from ._index import Index
from ._sets import Found
from ._single import centred, sampled
from ._totals import Profile, steepest, weighted

#: Points of a leaf, at least (and less than twice as many).
LEAF = 40
#: Queries of a group: it is split beyond the larger number, or if it shares many pairs with leaves.
LARGEST, SMALLEST, _MANY = 64, 8, 2**18
#: Distances that are held at a time.
_TILE = 2**16
#: Relative slack of the distances of boxes, far above their rounding.
_SLACK = 2.0**-40
#: Roundings, of the mass of whole leaves, that their sum may be off by.
_ROUNDINGS = 64.0
#: Runs of queries that a cost is estimated from; nanoseconds that a part and a pair of it cost,
#: and a row that is listed and an entry of its list.
_SAMPLED, _PART, _PAIR, _ROW, _LISTED = 8, 2.5e5, 2.0, 3e3, 50.0
#: Entries that are listed at a time; coordinates beyond are cut off before they are squared.
_BATCH, _FARTHEST = 2**18, 1e150


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves of a tree over points, and the boxes around them."""

    place: Integers
    start: Integers
    low: Floats
    high: Floats

    @classmethod
    def of(cls, tree: KDTree, rows: Floats) -> Self:
        """Read the leaves off a tree."""
        _, place, nodes, _ = tree.get_arrays()
        leaves = np.flatnonzero(nodes["is_leaf"])
        start = np.sort(nodes["idx_start"][leaves])
        ordered = rows[place]
        low, high = (side.reduceat(ordered, start, axis=0) for side in (np.minimum, np.maximum))
        return cls(np.array(place), np.append(start, len(rows)), low, high)

    @cached_property
    def sizes(self) -> Integers:
        """The number of points in each leaf."""
        return np.diff(self.start)

    def members(self, leaves: Integers) -> Integers:
        """Return the places of all points in some leaves."""
        return in_segments(self.start[leaves], self.sizes[leaves])


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

    def added(self, X: Floats, leaves: Integers, limit: float, scale: float) -> Floats:
        """Return ``sum w (1 - u)`` over whole leaves that are near X."""
        middle = X[0]
        shift = (self.centre[leaves] - middle) * scale
        mass, first, second = self.mass[leaves], self.first[leaves], self.second[leaves]
        second = second + 2.0 * np.einsum("ij,ij->i", shift, first)
        second = np.sum(second + mass * np.einsum("ij,ij->i", shift, shift))
        first = (first + mass[:, None] * shift).sum(axis=0)
        z = (X - middle) * scale
        squares = np.einsum("ij,ij->i", z, z)
        return mass.sum() - (mass.sum() * squares - 2.0 * z @ first + second) / limit


#: Some consecutive queries, and the leaves partly and wholly within reach of them all.
Part = tuple[slice, Integers, Integers]


class Tree(Index):
    """Leaves of a tree; those beyond reach of a group of queries are skipped."""

    rows = 1024
    ascending = False

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.tree = KDTree(_bounded(points.lifted[:, :-2]), leaf_size=LEAF)
        self.leaves = Leaves.of(self.tree, points.rows)
        self.sorted_weights = weights[self.leaves.place]
        with np.errstate(over="ignore"):
            self.columns = np.ascontiguousarray((points.rows[self.leaves.place] * points.scale).T)
        self.sums = LeafSums.of(points, weights, self.leaves)

    def order(self, X: Floats, listed: bool) -> Integers | None:
        return None if listed else near_together(X)

    def found(self, queries: Queries, limit: float, precise: bool = True) -> Iterator[Found]:
        X, reach, error = self._reach(queries, limit)
        counts = self.tree.query_radius(X, reach, count_only=True)
        full = np.flatnonzero(np.diff(np.cumsum(counts) // _BATCH))
        for part in np.split(np.arange(len(X)), full + 1):
            points, distances = self.tree.query_radius(X[part], reach[part], return_distance=True)
            query, point = np.repeat(part, counts[part]), np.concatenate(points)
            squared = np.concatenate(distances) ** 2
            depth = (error / (TERM_ERROR if precise else 1.0))[query]
            doubtful = np.flatnonzero(~(squared < limit - depth))
            squared[doubtful] = self.points.direct(queries, query[doubtful], point[doubtful])
            inside = squared < limit
            yield query[inside], point[inside], squared[inside]

    def _reach(self, queries: Queries, limit: float) -> tuple[Floats, Floats, Floats]:
        """Return queries for the tree, how far to look, and the error of what it finds."""
        z, squares = centred(queries)
        size = np.sqrt(squares) + self.points.sizes.max()
        error = _ROUNDINGS * UNIT_ROUNDOFF * (size * limit**0.5 + limit)
        error = np.minimum(error, _FARTHEST)
        return _bounded(z), np.sqrt(limit + error), error

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        total, error = np.zeros((2, len(queries)))
        for rows, near, inside in self._parts(queries.rows, limit, closed=kernel.is_flat):
            X, place = queries.rows[rows], self.leaves.members(np.sort(near))
            if inside.size:
                total[rows] += self.sums.added(X, inside, limit, self.points.scale)
                error[rows] += _ROUNDINGS * UNIT_ROUNDOFF * self.sums.mass[inside].sum()
            for columns, squared in self._distances(X, place):
                weights = self.sorted_weights[place[columns]]
                depth = np.subtract(limit, squared, out=squared)
                total[rows] += weighted(kernel, depth, weights, limit)
            error[rows] += self._rounding * self.sums.mass[near].sum() * steepest(kernel)
        return total, error

    def relevant(self, X: Floats, limit: float, margin: float) -> Iterator[tuple[Integers, Floats]]:
        """Yield (points, squared distances), without what is far behind the nearest point.

        Left out is only what is farther from each row than its nearest point by more than `margin`,
        in squared distances and units of `limit`.
        """
        gap, span = self._boxes(X, np.arange(len(self.leaves.sizes)))
        near = np.flatnonzero(gap <= (span.min() + margin * limit) * (1.0 + _SLACK))
        place = self.leaves.members(near)
        for columns, squared in self._distances(X, place):
            yield self.leaves.place[place[columns]], squared

    def cost(self, X: Floats, limit: float, listed: bool) -> float:
        if listed:
            sample = self.points.lift(sampled(X))
            counts = self.tree.query_radius(*self._reach(sample, limit)[:2], count_only=True)
            return len(X) * (_ROW + counts.mean() * _LISTED)
        order, seen, spent = near_together(X), 0, 0.0
        for start in range(0, len(X), max(LARGEST, len(X) // _SAMPLED)):
            run = X[order[start : start + LARGEST]]
            seen += len(run)
            for rows, near, _ in self._parts(run, limit, closed=True):
                pairs = (rows.stop - rows.start) * self.leaves.sizes[near].sum()
                spent += _PART + pairs * _PAIR
        return len(X) / seen * spent

    def _parts(self, X: Floats, limit: float, closed: bool) -> Iterator[Part]:
        """Split queries into groups so small that few leaves are partly within reach of each.

        With `closed`, a leaf is handed out as soon as it is wholly within reach of a larger group.
        """
        parts = [(slice(0, len(X)), np.arange(len(self.leaves.sizes)))]
        while parts:
            rows, leaves = parts.pop()
            n = rows.stop - rows.start
            near, inside = self._reached(X[rows], leaves, limit)
            many = n * self.leaves.sizes[near].sum() > _MANY
            if n <= SMALLEST or (n <= LARGEST and not many):
                yield rows, near, inside
                continue
            if not closed:
                near, inside = leaves, inside[:0]
            elif inside.size:
                yield rows, near[:0], inside
            step = max(SMALLEST, -(-n // 4))
            parts += [
                (slice(start, min(start + step, rows.stop)), near)
                for start in range(rows.start, rows.stop, step)
            ]

    def _reached(self, X: Floats, leaves: Integers, limit: float) -> tuple[Integers, Integers]:
        """Return which leaves are partly, and which wholly, within reach of all the rows' box."""
        gap, span = self._boxes(X, leaves)
        inside = span * (1.0 + _SLACK) < limit
        return leaves[(gap <= limit * (1.0 + _SLACK)) & ~inside], leaves[inside]

    def _boxes(self, X: Floats, leaves: Integers) -> tuple[Floats, Floats]:
        """Return the least and largest squared distances of leaves' boxes from the rows' box."""
        low, high = X.min(axis=0), X.max(axis=0)
        gap, span = np.zeros((2, len(leaves)))
        with np.errstate(over="ignore", under="ignore"):
            for j in range(X.shape[1]):
                below, above = self.leaves.low[leaves, j], self.leaves.high[leaves, j]
                side = np.maximum(np.maximum(below - high[j], low[j] - above), 0.0)
                gap += (side * self.points.scale) ** 2
                span += (np.maximum(above - low[j], high[j] - below) * self.points.scale) ** 2
        return gap, span

    def _distances(self, X: Floats, place: Integers) -> Iterator[tuple[slice, Floats]]:
        """Yield squared distances of rows and places, some places at a time, by differences."""
        with np.errstate(over="ignore"):
            X = X * self.points.scale
        for columns in slices(len(place), max(256, _TILE // len(X))):
            part = place[columns]
            sides = (_squares(x, axis[part]) for x, axis in zip(X.T, self.columns, strict=True))
            yield columns, reduce(lambda total, side: np.add(total, side, out=total), sides)

    @property
    def _rounding(self) -> float:
        """The relative error of the squared distances."""
        return 4.0 * (len(self.columns) + 4) * UNIT_ROUNDOFF


def _squares(x: Floats, y: Floats) -> Floats:
    """Return the squared differences of all pairs."""
    with np.errstate(over="ignore", invalid="ignore"):
        side = np.subtract.outer(x, y)
        return np.multiply(side, side, out=side)


def _bounded(z: Floats) -> Floats:
    """Cut off what could not be squared; points only come nearer by that."""
    return np.clip(z, -_FARTHEST, _FARTHEST)


def near_together(X: Floats) -> Integers:
    """Return an order in which rows near each other are neighbours."""
    return np.array(KDTree(X, leaf_size=SMALLEST // 2).get_arrays()[1])
