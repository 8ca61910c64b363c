"""Active sets from a float64 product, with direct differences where its error could count."""

from collections.abc import Iterator

import numpy as np

from .._math import TERM_ERROR, Floats, Points, Queries, true_entries
from ._index import DIRECT, DOUBLE, Index, nanoseconds, sampled
from ._rough import Bounds
from ._sets import Found
from ._totals import Profile, added


class Gemm(Index):
    """All pairs, for dense sets."""

    def found(
        self, queries: Queries, limit: float, bounds: Bounds | None = None
    ) -> Iterator[Found]:
        return decided(self.points, queries, limit, TERM_ERROR if bounds is None else 1.0)

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        return added(self.points, queries, self.weights, kernel, limit)

    def cost(self, X: Floats, limit: float, listed: bool) -> float:
        spent = len(X) * len(self.points) * nanoseconds(DOUBLE, X.shape[1])
        if listed:
            sample = sampled(X)
            active = sum(len(part[0]) for part in self.found(self.points.lift(sample), limit))
            spent += len(X) / len(sample) * active * nanoseconds(DIRECT, X.shape[1])
        return spent


def decided(points: Points, queries: Queries, limit: float, share: float) -> Iterator[Found]:
    """Yield all pairs at a squared distance below `limit`, tile by tile of a product.

    An entry of the product is taken as it stands only where its error bound is below a `share` of
    its depth below the rim, ``limit - distance^2``; entries surely beyond the rim are left, and
    all others are computed again from direct differences.
    """
    for start, squared, error in points.tiles(queries):
        query, column = true_entries(~(squared >= (limit + error)[:, None]))
        value = np.maximum(squared[query, column], 0.0)
        doubtful = np.flatnonzero(~(value <= (limit - error / share)[query]))
        value[doubtful] = points.direct(queries, query[doubtful], start + column[doubtful])
        inside = value < limit
        yield query[inside], start + column[inside], value[inside]
