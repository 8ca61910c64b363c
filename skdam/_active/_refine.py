"""Active sets proposed by a float32 product over all features, for sparse sets.

Where only members matter, the product itself decides nearly all pairs, and the sets are read off a
matrix of booleans.
"""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers, Points, Queries, row_blocks, slices, true_entries
from ._index import Task
from ._proposer import Proposer
from ._rough import Sides, from_above, settled
from ._sets import Found, joined
from ._single import SingleProduct, above, beneath

#: Coordinates that are gathered at a time: they stay in the cache.
_GATHERED = 2**17
#: Bytes that a pair takes while members are marked, and pairs that are listed at a time.
_PAIR, _LISTED = 4, 2**22
#: Nanoseconds that marking costs beyond the product, for a pair and for a member.
_MARK, _MEMBER = 0.3, 12.0


class Refine(Proposer):
    """All pairs in single precision; float64 decides those that may be active."""

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.product = SingleProduct(points.lifted[:, :-2], points.lifted[:, -1])

    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        return self.product.bounded(lifted, limit)

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        marking = _MARK * len(self.points) * len(X) if task == "members" else 0.0
        return super().cost(X, limit, task) + marking

    def price(self, task: Task) -> float:
        return _MEMBER if task == "members" else super().price(task)

    def found(self, queries: Queries, limit: float, sides: Sides | None = None) -> Iterator[Found]:
        if sides is None or sides.bounds is None:
            yield from super().found(queries, limit, sides)
            return
        for rows in row_blocks(len(queries), _PAIR * len(self.points), most=len(queries)):
            below = self._below(queries[rows], sides.limits)
            for part in slices(rows.stop - rows.start, _LISTED // len(self.points)):
                query, point = true_entries(below[0][part])
                squared = np.zeros(len(query))
                for narrow, mask in zip(sides.limits[1:], below[1:], strict=True):
                    squared[~mask[part][query, point]] = (narrow + limit) / 2.0
                yield rows.start + part.start + query, point, squared

    def _below(self, queries: Queries, limits: tuple[float, ...]) -> np.ndarray:
        """Return for each limit which pairs are nearer."""
        below = np.empty((len(limits), len(queries), len(self.points)), dtype=bool)
        unsure: list[list[Found]] = [[] for _ in limits]
        with np.errstate(over="ignore"):
            farthest = queries.sizes.max() ** 2
        lifted = self.lift(queries)
        for start, lower in self.product.tiles(lifted):
            columns = slice(start, start + lower.shape[1])
            with np.errstate(over="ignore"):
                squares = farthest + self.points.sizes[columns].max() ** 2
                excess = float(self.product.excess(squares))
            for i, limit in enumerate(limits):
                far, near = lower > above(limit), lower < beneath(limit - excess)
                query, column = true_entries(np.equal(far, near, out=near))
                unsure[i].append((query, start + column, lower[query, column]))
                np.logical_not(far, out=below[i, :, columns])
        for limit, mask, pairs in zip(limits, below, unsure, strict=True):
            query, point, value = joined(pairs)
            bounds = from_above(value, self.excess(queries, lifted, query, point))
            squared = settled(self.points, queries, query, point, *bounds, Sides((limit,)))
            mask[query, point] = squared < limit
        return below

    def bounds(self, queries: Queries, indptr: Integers, point: Integers) -> tuple[Floats, Floats]:
        """Bound the squared distances of single pairs, grouped by query, from below and above."""
        lifted, rows = self.lift(queries), self.product.rows
        lower = np.empty(len(point), dtype=np.float32)
        step, ends = max(1, _GATHERED // rows.shape[1]), indptr.tolist()
        with np.errstate(over="ignore", invalid="ignore"):
            for one, start, end in zip(lifted, ends, ends[1:], strict=False):
                for i in range(start, end, step):
                    part = slice(i, min(i + step, end))
                    np.dot(rows.take(point[part], axis=0), one, out=lower[part])
        query = np.repeat(np.arange(len(queries)), np.diff(indptr))
        return from_above(lower, self.excess(queries, lifted, query, point))
