"""Active sets from a float64 product, with direct differences where its error could count."""

from collections.abc import Iterator

import numpy as np

from .._math import SUM_ERROR, Floats, Points, Queries, true_entries
from ._index import DOUBLE, LOOK, Index, Task, nanoseconds, sampled
from ._rough import Sides, doubtful
from ._sets import Found
from ._totals import Profile, added


class Gemm(Index):
    """All pairs, for dense sets."""

    def found(self, queries: Queries, limit: float, sides: Sides | None = None) -> Iterator[Found]:
        return decided(self.points, queries, limit, sides or Sides((limit,)))

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        return added(self.points, queries, self.weights, kernel, limit)

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        sample = self.points.lift(sampled(X))
        pairs = len(X) * len(self.points) * nanoseconds(DOUBLE, X.shape[1])
        again = task == "sums" and self._rounds_too_much(sample, limit)
        if task == "sums" and not again:
            return pairs
        active = sum(len(part[0]) for part in self.found(sample, limit))
        return pairs * (1 + again) + len(X) / len(sample) * active * nanoseconds(LOOK, 0)

    def _rounds_too_much(self, queries: Queries, limit: float) -> bool:
        """Return whether sums of a product are likely to be added up again, term by term."""
        _, _, error = next(self.points.tiles(queries))
        return bool(np.median(error) > 0.5 * SUM_ERROR * limit)


def decided(points: Points, queries: Queries, limit: float, sides: Sides) -> Iterator[Found]:
    """Yield all pairs at a squared distance below `limit`, tile by tile of a product.

    An entry of the product is taken as it stands only where its error bound is a small share of its
    depth below the rim, ``limit - distance^2``, or does not matter; entries surely beyond the rim
    are left, and all others are computed again from direct differences.
    """
    for start, squared, error in points.tiles(queries):
        query, column = true_entries(~(squared >= (limit + error)[:, None]))
        value = np.maximum(squared[query, column], 0.0)
        again = doubtful(value, error[query], sides)
        value[again] = points.direct(queries, query[again], start + column[again])
        inside = value < limit
        yield query[inside], start + column[inside], value[inside]
