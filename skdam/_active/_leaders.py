"""Rows near each other: who is near an anchor, and few rows that all others are near to.

Only rows, and anchors, of the same home are looked at together, so that the cost of many grows with
their number alone.
"""

import numpy as np

from .._math import Floats, Integers


def nearest(
    home: Integers, z: Floats, anchors_home: Integers, anchors: Floats, width: Floats
) -> Integers:
    """Return the anchor that each row is deepest within the `width` of; -1 where it is in none."""
    found = np.full(len(z), -1)
    for one in np.unique(home):
        rows, candidates = np.flatnonzero(home == one), np.flatnonzero(anchors_home == one)
        if candidates.size:
            depth = width[candidates] ** 2 - _squared(z[rows], anchors[candidates])
            best = np.where(depth >= 0, depth, -1.0).argmax(axis=1)
            inside = depth[np.arange(len(rows)), best] >= 0
            found[rows[inside]] = candidates[best[inside]]
    return found


def leaders(home: Integers, z: Floats, width: float) -> Integers:
    """Return for each row one within `width` of it that leads it, maybe itself."""
    lead = np.arange(len(z))
    for one in np.unique(home):
        rows = np.flatnonzero(home == one)
        near = _squared(z[rows], z[rows]) <= width**2
        count = near.sum(axis=1)
        some = np.flatnonzero(count > 1)
        some = some[np.argsort(-count[some], kind="stable")]  # those with most around come first
        lead[rows[some]] = rows[some[_covered(near[np.ix_(some, some)])]]
    return lead


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


def _squared(a: Floats, b: Floats) -> Floats:
    """Return squared distances, as right as a product makes them; NaN where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        left = np.column_stack([-2.0 * a, np.einsum("ij,ij->i", a, a), np.ones(len(a))])
        return left @ np.column_stack([b, np.ones(len(b)), np.einsum("ij,ij->i", b, b)]).T
