"""Rows near each other: who is near an anchor, and few rows that all others are near to.

Only rows, and anchors, of the same home are looked at together, so that the cost of many grows with
their number alone.
"""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers
from ._cells import squared_distances


def nearest(
    home: Integers, z: Floats, anchors_home: Integers, anchors: Floats, width: Floats
) -> Integers:
    """Return the anchor that each row is deepest within the `width` of; -1 where it is in none."""
    found, at_home = np.full(len(z), -1), dict(_by_home(anchors_home))
    for one, rows in _by_home(home):
        if one in at_home:
            some = at_home[one]
            depth = width[some] ** 2 - squared_distances(z[rows], anchors[some])
            best = np.where(depth >= 0, depth, -1.0).argmax(axis=1)
            inside = depth[np.arange(len(rows)), best] >= 0
            found[rows[inside]] = some[best[inside]]
    return found


def leaders(home: Integers, z: Floats, width: float) -> Integers:
    """Return for each row one within `width` of it that leads it, maybe itself."""
    lead = np.arange(len(z))
    for _, rows in _by_home(home):
        near = squared_distances(z[rows], z[rows]) <= width**2
        count = near.sum(axis=1)
        some = np.flatnonzero(count > 1)
        some = some[np.argsort(-count[some], kind="stable")]  # those with most around come first
        lead[rows[some]] = rows[some[_covered(near[np.ix_(some, some)])]]
    return lead


def _by_home(home: Integers) -> Iterator[tuple[int, Integers]]:
    """Yield each home, and whose it is."""
    order = np.argsort(home, kind="stable")
    ends = np.flatnonzero(np.diff(home[order], append=-1)) + 1
    for start, end in zip(np.append(0, ends), ends, strict=False):
        yield int(home[order[start]]), order[start:end]


def _covered(near: np.ndarray) -> Integers:
    """Return for each row the first one near it that is not itself led by another."""
    np.fill_diagonal(near, True)
    lead, free = np.empty(len(near), dtype=np.intp), np.ones(len(near), dtype=bool)
    for i in range(len(near)):
        if free[i]:
            led = near[i] & free
            lead[led] = i
            free ^= led
    return lead
