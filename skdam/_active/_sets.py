"""The record that every back end returns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from .._math import Floats, Integers, segment_sums


@dataclass(frozen=True, eq=False)
class ActiveSets:
    """Active sets of n queries, row-compressed.

    Query i has the points ``indices[indptr[i]:indptr[i + 1]]``, ascending, at the squared
    distances ``u`` in units of the squared radius, ``0 <= u < 1``.
    """

    indptr: Integers
    indices: Integers
    u: Floats

    @classmethod
    def gather(cls, n_rows: int, found: list[tuple[Integers, Integers, Floats]]) -> Self:
        """Join (query, point, u) triples, found in ascending order of the point."""
        query, point, u = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(query, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=n_rows))])
        return cls(indptr, point[order], u[order])

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

    def without(self, skip: Integers) -> Self:
        """Leave out the point ``skip[i]`` of query i."""
        keep = self.indices != skip[self.query]
        indptr = np.concatenate([[0], np.cumsum(keep)])[self.indptr]
        return type(self)(indptr, self.indices[keep], self.u[keep])

    def sums(self, values: Floats) -> Floats:
        """Add up one value per entry over each query's set."""
        return segment_sums(values, self.indptr)
