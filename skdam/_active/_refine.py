"""Active sets proposed by a float32 product over all features, for sparse sets."""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers, Points, Queries
from ._proposer import Proposer
from ._rough import from_above
from ._sets import Found
from ._single import SingleProduct

#: Coordinates that are gathered at a time: they stay in the cache.
_GATHERED = 2**17


class Refine(Proposer):
    """All pairs in single precision; float64 decides those that may be active."""

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.product = SingleProduct(points.lifted[:, :-2], points.lifted[:, -1])

    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        return self.product.bounded(lifted, limit)

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
