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
from ._single import SingleProduct, above, centred, sided

#: Coordinates that are gathered at a time: they stay in the cache.
_GATHERED = 2**17
#: Bytes that a pair takes while members are marked, and pairs that are listed at a time.
_PAIR, _LISTED = 4, 2**22
#: Nanoseconds that marking costs beyond the product, for a pair and for a member.
_MARK, _MEMBER = 0.3, 12.0
#: Slack of the reach around a block of queries; more than this share of the points are not cut.
_SLACK, _MOST = 2.0**-20, 0.8


class Refine(Proposer):
    """All pairs in single precision; float64 decides those that may be active."""

    rows = 256

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.product = SingleProduct(points.lifted[:, :-2], points.lifted[:, -1])

    def order(self, X: Floats, task: Task) -> Integers | None:
        return np.argsort(self.points.lift(X).sizes) if task == "members" else None

    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        return self.product.bounded(lifted, limit)

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        marking = _MARK * len(self.points) * len(X) if task == "members" else 0.0
        return super().cost(X, limit, task) + marking

    def price(self, task: Task) -> float:
        return _MEMBER if task == "members" else super().price(task)

    def found(self, queries: Queries, limit: float, sides: Sides | None = None) -> Iterator[Found]:
        if sides is None or sides.nearer is None:
            yield from super().found(queries, limit, sides)
            return
        point, product = self._reachable(queries, limit)
        if not point.size:
            return
        for rows in row_blocks(len(queries), _PAIR * len(point), most=len(queries)):
            below = self._below(queries[rows], sides.limits, point, product)
            for part in slices(rows.stop - rows.start, _LISTED // len(point)):
                query, column = true_entries(below[0][part])
                squared = sides.standing(below[1:, part][:, query, column])
                query += rows.start + part.start
                yield query, point.take(column), squared

    def _reachable(self, queries: Queries, limit: float) -> tuple[Integers, SingleProduct]:
        """Return the points that may be within reach of any query, and their product.

        From the middle of the queries they are no farther than the farthest query and the reach.
        """
        z, _ = centred(queries)
        with np.errstate(over="ignore", invalid="ignore"):
            middle = z.mean(axis=0, keepdims=True)
            width = np.sqrt(((z - middle) ** 2).sum(axis=1).max())
            squares = np.einsum("ij,ij->i", middle, middle)
            size = queries.sizes.max() + self.points.sizes.max()
            reach = (np.sqrt(limit) + width) * (1.0 + _SLACK) + _SLACK * size
            lower = self.product.rows @ self.product.lift(middle, squares)[0]
            near = np.flatnonzero(~(lower > above(reach**2)))
        if len(near) > _MOST * len(self.points):
            return np.arange(len(self.points)), self.product
        return near, self.product.taken(near)

    def _below(
        self,
        queries: Queries,
        limits: tuple[float, ...],
        point: Integers,
        product: SingleProduct,
    ) -> np.ndarray:
        """Return for each limit which pairs are nearer."""
        below = np.empty((len(limits), len(queries), len(point)), dtype=bool)
        unsure: list[list[Found]] = [[] for _ in limits]
        with np.errstate(over="ignore"):
            farthest = queries.sizes.max() ** 2
        lifted, sizes = self.lift(queries), self.points.sizes.take(point)
        for start, lower in product.tiles(lifted):
            columns = slice(start, start + lower.shape[1])
            with np.errstate(over="ignore"):
                squares = farthest + sizes[columns].max() ** 2
                excess = float(product.excess(squares))
            for i, limit in enumerate(limits):
                below[i, :, columns], open_ = sided(lower, limit, excess)
                query, column = true_entries(open_)
                unsure[i].append((query, start + column, lower[query, column]))
        for limit, mask, pairs in zip(limits, below, unsure, strict=True):
            query, column, value = joined(pairs)
            bounds = from_above(value, self.excess(queries, query, point[column]))
            side = Sides((limit,))
            squared = settled(self.points, queries, query, point[column], *bounds, side)
            mask[query, column] = squared < limit
        return below

    def nearer(
        self, queries: Queries, indptr: Integers, point: Integers, limits: tuple[float, ...]
    ) -> np.ndarray:
        """Return for each limit which pairs, grouped by query, are nearer."""
        lower, sizes = self._lower(queries, indptr, point), self.points.sizes.take(point)
        with np.errstate(over="ignore"):
            squares = np.square([queries.sizes.max(), sizes.max(initial=0.0)]).sum()
            excess = float(self.product.excess(squares))
        below = np.empty((len(limits), len(point)), dtype=bool)
        for limit, mask in zip(limits, below, strict=True):
            mask[:], unsure = sided(lower, limit, excess)
            pair = np.flatnonzero(unsure)
            query = np.searchsorted(indptr, pair, side="right") - 1
            mask[pair] = self.points.direct(queries, query, point[pair]) < limit
        return below

    def _lower(self, queries: Queries, indptr: Integers, point: Integers) -> np.ndarray:
        """Return lower bounds of the squared distances of pairs that are grouped by query."""
        lifted, rows = self.lift(queries), self.product.rows
        lower = np.empty(len(point), dtype=np.float32)
        step, ends = max(1, _GATHERED // rows.shape[1]), indptr.tolist()
        with np.errstate(over="ignore", invalid="ignore"):
            for one, start, end in zip(lifted, ends, ends[1:], strict=False):
                for i in range(start, end, step):
                    part = slice(i, min(i + step, end))
                    np.dot(rows.take(point[part], axis=0), one, out=lower[part])
        return lower
