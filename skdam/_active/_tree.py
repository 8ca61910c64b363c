"""Active sets in few dimensions: leaves of a tree beyond reach are skipped.

Listing is the tree's own search, in a plane that of strips.  To add up, queries near each other are
answered together: their box is compared with the boxes of the leaves, and what remains is computed
from differences.  For the flat kernel, a leaf wholly within reach adds up in closed form.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.neighbors import KDTree

from .._math import UNIT_ROUNDOFF, Floats, Integers, Points, Queries
from ._index import Index, Task, sampled
from ._leaves import Leaves
from ._near import Branches, Near, Strips
from ._rough import Nearer, doubtful
from ._sets import Found
from ._single import centred
from ._totals import Profile, steepest, weighted

#: Points of a leaf, at least (and less than twice as many).
LEAF = 40
#: Queries of a group: it is split beyond the larger number, or if it shares many pairs with leaves.
LARGEST, SMALLEST, _MANY = 64, 4, 2**17
#: Relative slack of the distances of boxes, far above their rounding.
_SLACK = 2.0**-40
#: Roundings, of the mass of whole leaves, that their sum may be off by.
_ROUNDINGS = 64.0
#: Rows that a cost is estimated from one run of, and most runs; nanoseconds that a part of a run,
#: and a pair, cost.
_RUN, _MOST_RUNS, _PART, _PAIR = 1024, 8, 1.8e5, 1.5
#: Coordinates beyond are cut off before they are squared.
_FARTHEST = 1e150


#: Some consecutive queries, and the leaves partly and wholly within reach of them all.
Part = tuple[slice, Integers, Integers]


class Tree(Index):
    """Leaves of a tree; those beyond reach of a group of queries are skipped."""

    ascending = False

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        z = _bounded(points.lifted[:, :-2])
        tree = KDTree(z, leaf_size=LEAF)
        self.leaves = Leaves.of(tree, points, weights)
        self.near: Near = Strips(z) if z.shape[1] <= 2 else Branches(tree)
        self.rows = self.near.rows

    def order(self, X: Floats, task: Task) -> Integers | None:
        return near_together(X) if task == "sums" else None

    def found(
        self, queries: Queries, limit: float, nearer: Nearer | None = None
    ) -> Iterator[Found]:
        X, reach, error = self._reach(queries, limit)
        for query, point, squared in self.near.pairs(X, reach):
            again = doubtful(squared, error[query], limit, rough=nearer is not None)
            squared[again] = self.points.direct(queries, query[again], point[again])
            inside = squared < limit
            if inside.all():
                yield query, point, squared
            else:
                yield query[inside], point[inside], squared[inside]

    def _reach(self, queries: Queries, limit: float) -> tuple[Floats, Floats, Floats]:
        """Return queries for the tree, how far to look, and the error of squared distances found.

        Rounding the centred rows moves them by a share of their length; a tree adds up D squares.
        """
        z, squares = centred(queries)
        n_features = z.shape[1]
        size = np.sqrt(squares) + self.points.sizes.max()
        moved = 4.0 * UNIT_ROUNDOFF * np.minimum(size, 2.0 * n_features**0.5 * _FARTHEST)
        rounding = 4.0 * (n_features + 16) * UNIT_ROUNDOFF
        reach = (limit**0.5 + moved) * (1.0 + rounding)
        return _bounded(z), reach, moved * (reach + limit**0.5) + rounding * reach**2

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        if self.near.adds:
            adding = self._adding(queries.rows, limit, n_runs=1)
            if self._listing(queries.rows, limit) < adding:
                return super().totals(queries, kernel, limit)
        total, error = np.zeros((2, len(queries)))
        sums = self.leaves.sums
        for rows, near, inside in self._parts(queries.rows, limit, closed=kernel.is_flat):
            X = queries.rows[rows]
            if inside.size:
                total[rows] += sums.added(X, inside, limit, self.points.scale)
                error[rows] += _ROUNDINGS * UNIT_ROUNDOFF * sums.mass[inside].sum()
            for leaves, squared in self.leaves.distances(X, near):
                weights = self.leaves.weight.take(leaves, axis=0).ravel()
                depth = np.subtract(limit, squared, out=squared)
                total[rows] += weighted(kernel, depth, weights, limit)
            rounding = 4.0 * (X.shape[1] + 4) * UNIT_ROUNDOFF
            error[rows] += rounding * sums.mass[near].sum() * steepest(kernel)
        return total, error

    def relevant(self, X: Floats, limit: float, margin: float) -> Iterator[tuple[Integers, Floats]]:
        """Yield (points, squared distances), without what is far behind the nearest point.

        Left out is only what is farther from each row than its nearest point by more than `margin`,
        in squared distances and units of `limit`.  Some pairs are infinitely far, and stand for no
        point at all.
        """
        gap, span = self.leaves.boxes(X, np.arange(len(self.leaves.sizes)))
        near = np.flatnonzero(gap <= (span.min() + margin * limit) * (1.0 + _SLACK))
        for leaves, squared in self.leaves.distances(X, near):
            yield self.leaves.point.take(leaves, axis=0).ravel(), squared

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        listing = self._listing(X, limit)
        if task == "sums":
            n_runs = min(_MOST_RUNS, -(-len(X) // _RUN))
            adding = self._adding(X[near_together(X)], limit, n_runs)
            listing = min(listing, adding) if self.near.adds else adding
        return len(X) * listing

    def _listing(self, X: Floats, limit: float) -> float:
        """Return about how many nanoseconds listing costs a row."""
        counts = self.near.counts(*self._reach(self.points.lift(sampled(X)), limit)[:2])
        return self.near.row + float(counts.mean()) * self.near.entry

    def _adding(self, X: Floats, limit: float, n_runs: int) -> float:
        """Return about how many nanoseconds adding up leaves costs a row of X, near ones together.

        That is what some runs of rows cost.
        """
        step = max(LARGEST, -(-len(X) // n_runs))
        seen, spent = 0, 0.0
        for start in range(max(0, (min(step, len(X)) - LARGEST) // 2), len(X), step):
            run = X[start : start + LARGEST]
            seen += len(run)
            for rows, near, _ in self._parts(run, limit, closed=True):
                pairs = (rows.stop - rows.start) * self.leaves.sizes[near].sum()
                spent += _PART + pairs * _PAIR
        return spent / seen

    def _parts(self, X: Floats, limit: float, closed: bool) -> Iterator[Part]:
        """Split queries into groups so small that few leaves are partly within reach of each.

        With `closed`, a leaf that is wholly within reach of a group is handed out as such, and is
        not looked at again for parts of the group.
        """
        parts = [(slice(0, len(X)), np.arange(len(self.leaves.sizes)))]
        while parts:
            rows, leaves = parts.pop()
            n = rows.stop - rows.start
            near, inside = self._reached(X[rows], leaves, limit, closed)
            many = n * self.leaves.sizes[near].sum() > _MANY
            if n <= SMALLEST or (n <= LARGEST and not many):
                yield rows, near, inside
                continue
            if inside.size:
                yield rows, near[:0], inside
            step = max(SMALLEST, -(-n // 4))
            parts += [
                (slice(start, min(start + step, rows.stop)), near)
                for start in range(rows.start, rows.stop, step)
            ]

    def _reached(
        self, X: Floats, leaves: Integers, limit: float, closed: bool
    ) -> tuple[Integers, Integers]:
        """Return the leaves within reach of the rows' box: to be looked at, and added up whole."""
        gap, span = self.leaves.boxes(X, leaves)
        inside = closed & (span * (1.0 + _SLACK) < limit)
        return leaves[(gap <= limit * (1.0 + _SLACK)) & ~inside], leaves[inside]


def _bounded(z: Floats) -> Floats:
    """Cut off what could not be squared; points only come nearer by that."""
    return np.clip(z, -_FARTHEST, _FARTHEST)


def near_together(X: Floats) -> Integers:
    """Return an order in which rows near each other are neighbours."""
    return np.array(KDTree(X, leaf_size=SMALLEST).get_arrays()[1])
