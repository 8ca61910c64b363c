"""Active sets from a float64 product, with direct differences where its error could count."""

from collections.abc import Iterator

import numpy as np

from .._masks import true_entries
from .._math import SUM_ERROR, Floats, Integers, Points, Queries
from ._index import DOUBLE, LOOK, Index, Task, nanoseconds, sampled
from ._rough import Nearer, doubtful
from ._sets import Found, joined
from ._totals import Profile, added


class Gemm(Index):
    """All pairs, for dense sets."""

    def found(
        self, queries: Queries, limit: float, nearer: Nearer | None = None
    ) -> Iterator[Found]:
        return decided(self.points, queries, limit, nearer is not None)

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        return added(self.points, queries, self.weights, kernel, limit)

    def floor(self) -> float:
        return len(self.points) * nanoseconds(DOUBLE, self.points.rows.shape[1])

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        sample = self.points.lift(sampled(X))
        query, _, squared = joined(list(self.found(sample, limit)))
        listed = len(query) / len(sample) * nanoseconds(LOOK, 0)
        if task == "sums":
            again = self._rounds_too_much(sample, query, limit - squared)
            return len(X) * (self.floor() + again * (self.floor() + listed))
        return len(X) * (self.floor() + listed)

    def _rounds_too_much(self, queries: Queries, query: Integers, depth: Floats) -> float:
        """Return the share of the queries whose sums of a product have to be added up again."""
        counts = np.bincount(query, minlength=len(queries))
        depths = np.bincount(query, depth, minlength=len(queries))
        error = np.max([error for _, _, error in self.points.tiles(queries)], axis=0)
        return float(np.mean(~(counts * error <= SUM_ERROR * depths)))


def decided(points: Points, queries: Queries, limit: float, rough: bool) -> Iterator[Found]:
    """Yield all pairs at a squared distance below `limit`, tile by tile of a product.

    An entry of the product is taken as it stands only where its error bound is a small share of its
    depth below the rim, ``limit - distance^2``, or does not matter; entries surely beyond the rim
    are left, and all others are computed again from direct differences.
    """
    for start, squared, error in points.tiles(queries):
        query, column = true_entries(~(squared > (limit + error)[:, None]))
        value = np.maximum(squared[query, column], 0.0)
        again = doubtful(value, error[query], limit, rough)
        value[again] = points.direct(queries, query[again], start + column[again])
        inside = value < limit
        yield query[inside], start + column[inside], value[inside]
