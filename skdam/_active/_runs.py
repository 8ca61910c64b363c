"""Candidates of queries: those of each are a run of one pool, which neighbours may share."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .._math import Integers, in_segments


class Runs(NamedTuple):
    """The points ``pool[first[i]:first[i] + length[i]]`` of each query i, ascending.

    The pairs are numbered query by query.
    """

    pool: Integers
    first: Integers
    length: Integers

    @property
    def indptr(self) -> Integers:
        """The number of the first pair of each query, and how many pairs there are."""
        return np.concatenate([[0], np.cumsum(self.length)])

    def shared(self) -> Iterator[tuple[slice, Integers]]:
        """Yield consecutive queries that share a run, and its points."""
        other = (np.diff(self.first) != 0) | (np.diff(self.length) != 0)
        cuts = np.concatenate([[0], np.flatnonzero(other) + 1, [len(self.first)]])
        first, length = self.first[cuts[:-1]].tolist(), self.length[cuts[:-1]].tolist()
        queries = map(slice, cuts[:-1].tolist(), cuts[1:].tolist())
        for some, start, size in zip(queries, first, length, strict=True):
            if size:
                yield some, self.pool[start : start + size]

    def pairs(self) -> tuple[Integers, Integers]:
        """Return (query, point) of all pairs."""
        query = np.repeat(np.arange(len(self.first)), self.length)
        return query, self.pool[in_segments(self.first, self.length)]

    def taken(self, pair: Integers) -> tuple[Integers, Integers]:
        """Return (indptr, point) of some pairs, ascending."""
        before = self.indptr
        indptr = np.searchsorted(pair, before)
        point = pair + np.repeat(self.first - before[:-1], np.diff(indptr))
        return indptr, self.pool.take(point)
