"""Active sets proposed by a float32 product over all features, for sparse sets."""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers, Points, Queries
from ._proposer import Proposer
from ._sets import Found
from ._single import Pairs, SingleProduct, centred


class Refine(Proposer):
    """All pairs in single precision; float64 decides those that may be active."""

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.product = SingleProduct(points.lifted[:, :-2], points.lifted[:, -1])

    def proposals(self, queries: Queries, limit: float) -> Pairs:
        return self.product.within(self.product.lift(*centred(queries)), limit)

    def found(self, queries: Queries, limit: float, precise: bool = True) -> Iterator[Found]:
        if precise:
            return super().found(queries, limit)
        return self._rough(queries, limit)

    def _rough(self, queries: Queries, limit: float) -> Iterator[Found]:
        """Decide only what single precision cannot."""
        lifted, error = self.product.lift(*centred(queries)), self._error(queries)
        for query, point, lower in self.product.bounded(lifted, limit):
            squared, upper = _bounds(lower, error[query])
            doubtful = np.flatnonzero(~(upper < limit))
            squared[doubtful] = self.points.direct(queries, query[doubtful], point[doubtful])
            inside = squared < limit
            yield query[inside], point[inside], squared[inside]

    def bounds(self, queries: Queries, query: Integers, point: Integers) -> tuple[Floats, Floats]:
        """Bound the squared distances of single pairs from below and above."""
        lifted = self.product.lift(*centred(queries))
        with np.errstate(over="ignore", invalid="ignore"):
            lower = np.einsum("ij,ij->i", lifted[query], self.product.rows[point])
        return _bounds(lower, self._error(queries)[query])

    def _error(self, queries: Queries) -> Floats:
        """Bound how far below the squared distance a product is, for each query."""
        largest = self.points.lifted[:, -1].max()
        return 2.0 * (1.0 - self.product.shrunk) * (centred(queries)[1] + largest)


def _bounds(lower: np.ndarray, error: Floats) -> tuple[Floats, Floats]:
    """Return what single precision found from below, and bounds from above: none if it ended."""
    lower = lower.astype(np.float64)
    return lower, np.where(np.isfinite(lower), lower + error, np.inf)
