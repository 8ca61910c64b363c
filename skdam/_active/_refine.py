"""Active sets proposed by a float32 product over all features, for sparse sets."""

from collections.abc import Iterator

from .._math import Floats, Points, Queries
from ._index import DIRECT, SINGLE, Index, nanoseconds
from ._sets import Found
from ._single import Pairs, SingleProduct, centred, count, sampled, verified


class Refine(Index):
    """All pairs in single precision; float64 decides those that may be active."""

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        self.product = SingleProduct(points.lifted[:, :-2], points.lifted[:, -1])

    def found(self, queries: Queries, limit: float) -> Iterator[Found]:
        return verified(self.points, queries, self._proposals(queries, limit), limit)

    def cost(self, X: Floats, limit: float, listed: bool) -> float:
        sample = sampled(X)
        share = count(self._proposals(self.points.lift(sample), limit)) / len(sample)
        pairs = len(self.points) * nanoseconds(SINGLE, X.shape[1])
        return len(X) * (pairs + share * nanoseconds(DIRECT, X.shape[1]))

    def _proposals(self, queries: Queries, limit: float) -> Pairs:
        return self.product.within(self.product.lift(*centred(queries)), limit)
