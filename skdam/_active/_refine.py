"""Active sets proposed by a float32 product over all features, for sparse sets.

Where only members matter, the product itself decides nearly all pairs, and the sets are read off a
matrix of booleans.
"""

from collections.abc import Iterator

import numpy as np

from .._masks import true_columns, true_entries
from .._math import (
    Floats,
    Integers,
    Points,
    Queries,
    row_blocks,
    slices,
)
from ._index import Task
from ._proposer import Proposer
from ._rough import Nearer, from_above, settled
from ._runs import Runs
from ._sets import ActiveSets, Found, joined
from ._single import SingleProduct, above, centred, sided

#: Coordinates that are gathered at a time: they stay in the cache.
_GATHERED = 2**17
#: Bytes that a pair takes while members are marked, and pairs that are listed at a time.
_PAIR, _LISTED = 4, 2**22
#: Nanoseconds that a member costs.
_MEMBER = 12.0
#: Up to this share of ``|x|^2 + |y|^2`` errors do not matter if ``|y| > 2 (|x| + sqrt(limit))``.
_SMALL = 0.2
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

    def price(self, task: Task) -> float:
        return _MEMBER if task == "members" else super().price(task)

    def sets(
        self, queries: Queries, limit: float, nearer: Nearer | None, most: int
    ) -> ActiveSets | None:
        if nearer is None:
            return super().sets(queries, limit, nearer, most)
        point, product = self._reachable(queries, limit)
        counts, members = np.zeros(len(queries), dtype=np.intp), []
        for rows in row_blocks(len(queries), _PAIR * max(1, len(point)), most=len(queries)):
            below = self._below(queries[rows], limit, point, product)
            for part in slices(len(below), max(1, _LISTED // max(1, len(point)))):
                here = slice(rows.start + part.start, rows.start + part.stop)
                counts[here], column = true_columns(below[part])
                members.append(point.take(column))
            if counts.sum() > most and len(queries) > 1:
                return None
        indptr = np.concatenate([[0], np.cumsum(counts)])
        return ActiveSets.of_members(
            indptr, members[0] if len(members) == 1 else np.concatenate(members)
        )

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
        self, queries: Queries, limit: float, point: Integers, product: SingleProduct
    ) -> np.ndarray:
        """Return which pairs are nearer."""
        below = np.empty((len(queries), len(point)), dtype=bool)
        unsure: list[Found] = []
        with np.errstate(over="ignore"):
            farthest = queries.sizes.max() ** 2
        sizes = self.points.sizes.take(point)
        for start, lower in product.tiles(self.lift(queries)):
            columns = slice(start, start + lower.shape[1])
            with np.errstate(over="ignore"):
                excess = float(product.excess(farthest + sizes[columns].max() ** 2))
            below[:, columns], open_ = sided(lower, limit, excess)
            query, column = true_entries(open_)
            unsure.append((query, start + column, lower[query, column]))
        query, column, lower = joined(unsure)
        bounds = from_above(lower, self.excess(queries, query, point[column]))
        squared = settled(self.points, queries, query, point[column], *bounds, limit)
        below[query, column] = squared < limit
        return below

    def nearer(self, queries: Queries, runs: Runs, limit: float) -> np.ndarray:
        """Return which of the pairs are nearer than ``sqrt(limit)``."""
        near, unsure = sided(self._lower(queries, runs), limit, self._excess(queries, limit))
        pair = np.flatnonzero(unsure)
        query = np.searchsorted(runs.indptr, pair, side="right") - 1
        point = runs.taken(pair)[1]
        near[pair] = self.points.direct(queries, query, point) < limit
        return near

    def _excess(self, queries: Queries, limit: float) -> float:
        """Bound how far squared distances are above their lower bounds, as far as that matters.

        Who is nearer than the limit is not far from the centre.  The lower bounds of points twice
        as far are above the limit themselves, unless errors are a large share of squares.
        """
        with np.errstate(over="ignore"):
            farthest = queries.sizes.max(initial=0.0)
            size = self.points.sizes.max()
            if self.product.excess(np.array(1.0)) <= _SMALL:
                size = min(size, 2.0 * (farthest + np.sqrt(limit)))
            return float(self.product.excess(farthest**2 + size**2))

    def _lower(self, queries: Queries, runs: Runs) -> np.ndarray:
        """Return lower bounds of the squared distances of all pairs.

        Points that queries share are multiplied with all of these at once.
        """
        lifted, rows, start = self.lift(queries), self.product.rows, 0
        lower = np.empty(runs.length.sum(), dtype=np.float32)
        step = max(1, _GATHERED // rows.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            for some, point in runs.shared():
                n, size = len(point), (some.stop - some.start) * len(point)
                here = lower[start : start + size].reshape(-1, n)
                for i in range(0, n, step):
                    few = rows.take(point[i : i + step], axis=0)
                    np.matmul(lifted[some], few.T, out=here[:, i : i + step])
                start += size
        return lower
