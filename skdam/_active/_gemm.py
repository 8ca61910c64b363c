"""Active sets from a float64 product, with direct differences where its error could count."""

import numpy as np

from .._math import TERM_ERROR, Points, Queries
from ._sets import ActiveSets


def active_sets(points: Points, queries: Queries) -> ActiveSets:
    """Return the active sets of one block of queries.

    An entry of the product is taken as it stands only where its error bound is below `TERM_ERROR`
    of its depth below the rim, ``radius^2 - distance^2``; entries surely beyond the rim are left,
    and all others are computed again from direct differences.
    """
    limit = points.radius_squared
    found = []
    for start, squared, error in points.tiles(queries):
        query, column = np.nonzero(~(squared >= (limit + error)[:, None]))
        value = np.maximum(squared[query, column], 0.0)
        doubtful = np.flatnonzero(~(value <= (limit - error / TERM_ERROR)[query]))
        value[doubtful] = points.direct(queries, query[doubtful], start + column[doubtful])
        inside = value < limit
        found.append((query[inside], start + column[inside], value[inside] / limit))
    return ActiveSets.gather(len(queries), found)
