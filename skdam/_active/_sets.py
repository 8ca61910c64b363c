"""The record that every back end returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from .._math import Floats, Integers, segment_sums

#: Pairs found: query, point, and their squared distance.
Found = tuple[Integers, Integers, Floats]


def joined(found: list[Found]) -> Found:
    """Put runs of pairs one after another."""
    if not found:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0)
    if len(found) == 1:
        return found[0]
    query, point, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return query, point, squared


@dataclass(frozen=True, eq=False)
class ActiveSets:
    """Active sets of n queries, row-compressed.

    Query i has the points ``indices[indptr[i]:indptr[i + 1]]``, ascending, at the squared
    distances ``u`` in units of the squared radius, ``0 <= u < reach^2``; where a search was for
    members only, u is rough, or 0.
    """

    indptr: Integers
    indices: Integers
    u: Floats

    @classmethod
    def gather(
        cls, n_rows: int, found: Iterator[Found], *, limit: float, most: int, ascending: bool
    ) -> Self | None:
        """Join pairs; None if several rows have more than `most` together.

        Pairs in runs that are each in ascending order of points within a query are not sorted by
        point, and those in order of queries not at all.
        """
        parts, count = [], 0
        for part in found:
            count += len(part[0])
            if count > most and n_rows > 1:
                return None
            parts.append(part)
        query, point, squared = joined(parts)
        if not ascending:
            order = _order(query * (point.max(initial=0) + 1) + point)
        elif (query[1:] < query[:-1]).any():
            order = _stable_order(query, n_rows)
        else:
            indptr = np.searchsorted(query, np.arange(n_rows + 1))
            return cls(indptr, point, squared / limit)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=n_rows))])
        return cls(indptr, point.take(order), squared.take(order) / limit)

    @classmethod
    def of_members(cls, indptr: Integers, point: Integers) -> Self:
        """Return sets whose distances do not matter."""
        return cls(indptr, point, np.broadcast_to(0.0, len(point)))

    @property
    def query(self) -> Integers:
        """The query of each entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    @property
    def covered(self) -> np.ndarray:
        """Whether each query has any active point."""
        return self.indptr[:-1] < self.indptr[1:]

    def marked(self, n_points: int) -> csr_array:
        """Return the sets as sparse rows of booleans."""
        ones = np.ones(len(self.indices), dtype=bool)
        shape = (len(self.indptr) - 1, n_points)
        return csr_array((ones, self.indices, self.indptr), shape=shape)

    def sums(self, values: Floats) -> Floats:
        """Add up one value per entry over each query's set."""
        return segment_sums(values, self.indptr)


def _stable_order(query: Integers, n_rows: int) -> Integers:
    """Return the order that sorts by query and keeps what is equal; small integers are counted."""
    small = query.astype(np.uint16) if n_rows <= 2**16 else query
    return np.argsort(small, kind="stable")


def _order(keys: Integers) -> Integers:
    """Return the order of integers >= 0; sorting them with their places costs half of `argsort`."""
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)) >= 2 ** (63 - bits):
        return np.argsort(keys, kind="stable")
    return np.sort((keys << bits) | np.arange(len(keys))) & ((1 << bits) - 1)
