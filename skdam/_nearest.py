"""The point nearest to each query, whatever the rounding of a product: the closest few compared."""

import numpy as np

from ._masks import true_entries
from ._math import Floats, Integers, Points, Queries, leave_out, row_blocks


def nearest(
    points: Points, queries: Queries, skip: Integers | None = None
) -> tuple[Integers, Floats]:
    """Return the index of each query's nearest point (the first of equals) and its distance.

    Distances are in data units; `skip` names a point to leave out for each query.
    """
    index = np.empty(len(queries), dtype=np.intp)
    distance = np.empty(len(queries))
    for part in row_blocks(len(queries), 40 * len(points)):
        left_out = None if skip is None else skip[part]
        query, point = _near_pairs(points, queries[part], left_out)
        exact = points.distances(queries[part], query, point)
        order = np.lexsort((exact, query))  # stable: points come in ascending order
        best = order[np.searchsorted(query[order], np.arange(part.stop - part.start))]
        index[part], distance[part] = point[best], exact[best]
    return index, distance


def _near_pairs(
    points: Points, queries: Queries, skip: Integers | None
) -> tuple[Integers, Integers]:
    """Return all pairs that the error bounds leave a chance to be the nearest of their query."""
    bound = np.full(len(queries), np.inf)
    found = []
    for start, squared, error in points.tiles(queries):
        if skip is not None:
            leave_out(start, skip, squared, np.inf)
        bound = np.fmin(bound, np.fmin.reduce(squared, axis=1) + error)
        chance = ~(squared > (bound + error)[:, None])
        if skip is not None:
            leave_out(start, skip, chance, False)
        query, column = true_entries(chance)
        with np.errstate(invalid="ignore"):
            closest = squared[query, column] - error[query]
        found.append((query, start + column, closest))
    query, point, closest = (np.concatenate(part) for part in zip(*found, strict=True))
    chance = ~(closest > bound[query])
    return query[chance], point[chance]
