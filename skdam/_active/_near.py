"""Pairs within reach in few dimensions: of strips of a plane, or down the branches of a tree.

In a plane the points are cut into strips, across the axis of the larger spread, of about as many
points as there are strips; each is sorted along its length.  A query finds in each strip within
its reach the run of points that its circle covers, by bisection; of a line there is one strip.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from sklearn.neighbors import KDTree

from .._math import Floats, Integers, in_segments, segment_batches
from ._sets import Found

#: Pairs, and strips of queries, that are held at a time.
_BATCH, _CROSSED = 2**16, 2**15
#: Pairs of which all may be near without being counted first.
_FEW = 2**22


class Near(Protocol):
    """Points among which those near a query are found.

    Attributes
    ----------
    row, entry : float
        Nanoseconds that a query and a point that is looked at cost, until it is in an active set.
    rows : int
        Queries that are best answered together.
    adds : bool
        Whether they are found so fast that sums of few terms may be listed first.
    """

    rows: int
    adds: bool
    row: float
    entry: float

    def counts(self, X: Floats, reach: Floats) -> Integers:
        """Return how many points are looked at for each query."""

    def pairs(self, X: Floats, reach: Floats) -> Iterator[Found]:
        """Yield all pairs at most `reach` apart, maybe others, and their squared distances."""


class Branches:
    """The search of a k-d tree."""

    rows, row, entry, adds = 256, 3e3, 120.0, False

    def __init__(self, tree: KDTree) -> None:
        self.tree = tree

    def counts(self, X: Floats, reach: Floats) -> Integers:
        return np.asarray(self.tree.query_radius(X, reach, count_only=True))

    def pairs(self, X: Floats, reach: Floats) -> Iterator[Found]:
        for part in self._listable(X, reach):
            points, distances = self.tree.query_radius(X[part], reach[part], return_distance=True)
            query = np.repeat(np.arange(part.start, part.stop), [len(found) for found in points])
            yield query, np.concatenate(points), np.concatenate(distances) ** 2

    def _listable(self, X: Floats, reach: Floats) -> Iterator[slice]:
        """Split queries into runs whose pairs can be held, which may have to be counted."""
        if len(X) * len(self.tree.data) <= _FEW:
            return iter([slice(0, len(X))])
        return segment_batches(_pointers(self.counts(X, reach)), _BATCH)


class Strips:
    """Strips of a plane, or one along a line.

    Attributes
    ----------
    across : int
        The axis that strips are cut across, if there are two.
    low, high : ndarray of shape (n_strips,)
        Where strips begin and end, across; ascending.
    key : ndarray of shape (K,)
        Twice the strip of each point, and how far along it is, from 0 to 1; ascending.
    place : ndarray of shape (K,), int
        Which point that is.
    y, x : ndarray of shape (K,)
        Where it is, across and along.
    """

    rows, row, entry, adds = 1024, 800.0, 50.0, True

    def __init__(self, z: Floats) -> None:
        spread = np.subtract(*np.quantile(z, [0.9, 0.1], axis=0))
        self.across = int(spread.argmax())
        y, x = self._axes(z)
        strip, self.low, self.high = _cut(y)
        self.origin = x.min()
        self.length = max(x.max() - self.origin, np.finfo(np.float64).tiny)
        key = self._keys(strip, x)
        self.place = np.argsort(key)
        self.key, self.y, self.x = key[self.place], y[self.place], x[self.place]

    def counts(self, X: Floats, reach: Floats) -> Integers:
        runs = list(self._runs(X, reach))
        query, length = (np.concatenate([run[i] for run in runs]) for i in (0, 2))
        return np.bincount(query, length, minlength=len(X)).astype(np.intp)

    def pairs(self, X: Floats, reach: Floats) -> Iterator[Found]:
        y, x = self._axes(X)
        farthest = reach.max() ** 2
        for query, first, length in self._runs(X, reach):
            for part in segment_batches(_pointers(length), _BATCH):
                row = in_segments(first[part], length[part])
                pair = np.repeat(query[part], length[part])
                squared = (self.y.take(row) - y.take(pair)) ** 2
                squared += (self.x.take(row) - x.take(pair)) ** 2
                near = np.flatnonzero(squared <= farthest)
                yield pair.take(near), self.place.take(row.take(near)), squared.take(near)

    def _runs(self, X: Floats, reach: Floats) -> Iterator[tuple[Integers, Integers, Integers]]:
        """Yield (queries, first places, lengths) of runs of points: one for each strip in reach."""
        y, x = self._axes(X)
        first = np.searchsorted(self.high, y - reach)
        crossed = np.searchsorted(self.low, y + reach, side="right") - first
        for part in segment_batches(_pointers(crossed), _CROSSED):
            query = np.repeat(np.arange(part.start, part.stop), crossed[part])
            strip = in_segments(first[part], crossed[part])
            radius, across = reach[query], y[query]
            gap = np.maximum(self.low[strip] - across, across - self.high[strip])
            gap = np.clip(gap, 0.0, radius)
            half = np.sqrt((radius - gap) * (radius + gap))
            start = np.searchsorted(self.key, self._keys(strip, x[query] - half))
            stop = np.searchsorted(self.key, self._keys(strip, x[query] + half), side="right")
            yield query, start, stop - start

    def _axes(self, z: Floats) -> tuple[Floats, Floats]:
        """Return coordinates across strips and along them."""
        if z.shape[1] == 1:
            return np.zeros(len(z)), z[:, 0]
        return z[:, self.across], z[:, 1 - self.across]

    def _keys(self, strip: Integers, x: Floats) -> Floats:
        """Return strips and places along them as numbers; no rounding changes their order."""
        with np.errstate(over="ignore"):
            return 2.0 * strip + np.clip((x - self.origin) / self.length, 0.0, 1.0)


def _cut(y: Floats) -> tuple[Integers, Floats, Floats]:
    """Return the strip of each point, and where strips begin and end; equal y stay together."""
    ascending = np.sort(y)
    low = np.unique(ascending[:: max(1, int(len(y) ** 0.5))])
    end = np.searchsorted(ascending, low[1:]) - 1
    return np.searchsorted(low, y, side="right") - 1, low, ascending[np.append(end, -1)]


def _pointers(sizes: Integers) -> Integers:
    return np.concatenate([[0], np.cumsum(sizes)])
