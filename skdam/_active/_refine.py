"""Active sets proposed by a float32 product and decided by float64 differences, for sparse sets.

Single precision costs half, and its error decides nothing: it is off by at most
``c (|x| + |y|)^2 <= 2 c (|x|^2 + |y|^2)``, with lengths from the centre, ``c = (3 L + 16) u`` and u
the unit roundoff of float32; that is taken off the squared lengths beforehand.  So no active point
goes unproposed, and every pair that is proposed is computed again.
"""

from collections.abc import Iterator

import numpy as np

from .._math import TILE_COLUMNS, Integers, Points, Queries, slices
from ._sets import ActiveSets

#: Tiles are wider than those of float64 products: their entries are smaller, and few are kept.
_TILES = 4


def active_sets(points: Points, queries: Queries) -> ActiveSets:
    """Return the active sets of one block of queries."""
    limit, found = points.radius_squared, []
    for query, point in proposals(points, queries):
        squared = points.direct(queries, query, point)
        inside = squared < limit
        found.append((query[inside], point[inside], squared[inside] / limit))
    return ActiveSets.gather(len(queries), found)


def proposals(points: Points, queries: Queries) -> Iterator[tuple[Integers, Integers]]:
    """Yield (query, point) of all pairs that may be active, tile by tile."""
    single = points.lift_single(queries)
    limit = np.float32(points.radius_squared * (1.0 + 2.0**-20))
    for columns in slices(len(points), _TILES * TILE_COLUMNS):
        with np.errstate(over="ignore", invalid="ignore"):
            squared = single @ points.single[columns].T
        beyond = squared > limit  # not so for what is no number
        flat = _few_nonzero(np.logical_not(beyond, out=beyond))
        query, column = np.divmod(flat, squared.shape[1])
        yield query, columns.start + column


def _few_nonzero(mask: np.ndarray) -> Integers:
    """Return the flat indices of the few true entries, skipping false ones eight at a time."""
    flat = mask.reshape(-1)
    if flat.size % 8:
        return np.flatnonzero(flat)
    words = np.flatnonzero(flat.view(np.uint64))
    word, byte = np.nonzero(flat.reshape(-1, 8)[words])
    return words[word] * 8 + byte
