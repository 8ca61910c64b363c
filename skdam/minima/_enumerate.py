"""All minima, with a certificate: depth first over the sets that could be self-consistent.

A set S of distinct memories is self-consistent if exactly its members lie strictly within r of its
weighted centroid c(S), and no other memory at r.  With pairwise squared distances D,
``s_i = sum_(j in S) w_j D_ij``, ``W = sum w`` and ``T = sum w_i s_i``,

    |xi_i - c(S)|^2 = s_i / W - T / (2 W^2)            Var(S) = T / (2 W^2)

Members are pairwise nearer than 2 r.  So each set is found among the neighbours (nearer than 2 r)
of its first member, the root; all that could be in its way are there, too.  From a root on, the
search decides its neighbours one by one, in or out, and leaves a set S with the rest C still open
when no self-consistent set can come of it:

- Members lie within r of a common point, and Var(S) is at most the squared radius of their smallest
  enclosing ball, which only grows as members join.  So ``Var(S) < r^2``.
- A memory j that is nearer than r to all members, those to come included, is nearer than r to their
  centroid: it has to be a member.
- A memory j left out must end up farther from the centroid than each member i, ``s_j > s_i``, and
  joining l changes the difference by ``w_l (D_lj - D_li)``.  So
  ``s_j - s_i + sum_(l in C) w_l max(0, D_lj - D_li) > 0``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.sparse import csr_array, vstack

from .._math import DIRECT_ELEMENTS, TILE_ROWS, UNIT_ROUNDOFF, Floats, Integers, slices
from .._validation import check_count
from ..energies import KernelEnergy
from ..memories._kernel_base import BaseKernelMemory, check_memory
from ._exact import is_inside
from ._minima import Minima, describe_minima

#: Elements of one block of sets: its rows times the memories of its neighbourhood.
BLOCK_ELEMENTS = 2**18
#: The largest neighbourhood that is looked at: its tables take a quarter of a gibibyte.
LARGEST = 2**12


def enumerate_minima(memory: BaseKernelMemory, max_sets: int = 10_000_000) -> Minima:
    r"""Return all minima of a fitted Epanechnikov memory, and whether these are certainly all.

    A point is a strict local minimum exactly if it is the centroid of the memories strictly within
    the bandwidth of it, and no memory lies at the bandwidth. All sets of memories that could be
    such a set are visited. What float64 cannot decide (a memory within rounding of a rim) is
    decided in exact rational arithmetic; a point with a memory exactly on its rim is no minimum.

    Parameters
    ----------
    memory : fitted EpanechnikovMemory, or KernelMemory with ``kernel="epanechnikov"``
        The memory, which is left as it is.
    max_sets : int, default=10_000_000
        Most sets to visit. Their number can grow exponentially with the number of memories that
        are nearer than twice the bandwidth to one of them; more than 4096 of these end the search.

    Returns
    -------
    Minima
        ``complete`` is False if `max_sets` ended the search; the minima found are minima still.

    Raises
    ------
    TypeError
        If the memory has another kernel: its minima are not centroids of sets.
    NotFittedError
        If the memory is not fitted.
    ValueError
        If `max_sets` is not a positive integer.

    References
    ----------
    Hoover et al., "Dense Associative Memory with Epanechnikov Energy", 2025, arXiv:2506.10801.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory, enumerate_minima
    >>> memory = EpanechnikovMemory(bandwidth=1.5).fit([[-1.0], [1.0]])
    >>> minima = enumerate_minima(memory)
    >>> minima
    Minima(3, 1 of them emergent; complete)
    >>> minima.points.ravel().tolist()
    [-1.0, 1.0, 0.0]
    """
    energy = epanechnikov_energy(memory)
    return describe_minima(energy, *enumerate_sets(energy, check_count(max_sets, "max_sets")))


def enumerate_sets(energy: KernelEnergy, max_sets: int) -> tuple[csr_array, bool]:
    """Return the self-consistent sets as sparse rows, and whether these are all."""
    search = _Search(max_sets)
    found, near = [csr_array((0, len(energy.patterns.first)))], None
    for root, index in _neighbours(energy):
        search.complete = search.complete and len(index) <= LARGEST
        if not search.complete:
            break
        if near is None or not np.array_equal(index, near.index):
            near = _Neighbourhood.of(energy, index)
        place = int(np.searchsorted(index, root))
        found += [_spread(sets, index, found[0].shape[1]) for sets in search.sets_of(near, place)]
    return csr_array(vstack(found)), search.complete


def epanechnikov_energy(memory: BaseKernelMemory) -> KernelEnergy:
    """Return the energy of a fitted memory whose minima are centroids."""
    energy = check_memory(memory)._energy()
    if not energy.kernel.is_flat:
        raise TypeError(
            f"Minima are centroids of sets under the Epanechnikov kernel alone, got"
            f" {energy.kernel!r}."
        )
    return energy


def _neighbours(energy: KernelEnergy) -> Iterator[tuple[int, Integers]]:
    """Yield each distinct memory and those nearer than 2 r to it, itself included."""
    rows = energy.patterns.points.rows
    for part in slices(len(rows), TILE_ROWS):
        reach = 2.0 * (1.0 + 2.0**-40)
        near = energy.patterns.search.marked(rows[part], energy.algorithm, reach)
        for i, root in enumerate(range(part.start, part.stop)):
            yield root, near.indices[near.indptr[i] : near.indptr[i + 1]]


def _spread(sets: csr_array, index: Integers, n_patterns: int) -> csr_array:
    """Return sets of a neighbourhood as sets of all distinct memories."""
    shape = (sets.shape[0], n_patterns)
    return csr_array((sets.data, index[sets.indices], sets.indptr), shape=shape)


@dataclass(frozen=True, eq=False)
class _Neighbourhood:
    """A root and its neighbours, in ascending order; squared distances in the points' unit.

    ``adjacent[i, j]`` says whether j comes after i and they are nearer than 2 r, and ``far[i, j]``
    whether they may be r apart.
    """

    index: Integers
    rows: Floats
    weights: Floats
    squared: Floats
    adjacent: np.ndarray
    far: Floats
    limit: float
    bandwidth: float

    @classmethod
    def of(cls, energy: KernelEnergy, index: Integers) -> Self:
        points, n = energy.patterns.points, len(index)
        queries, squared = points.lift(points.rows[index]), np.empty((n, n))
        for part in slices(n, DIRECT_ELEMENTS // n):
            i, j = np.divmod(np.arange(part.start * n, part.stop * n), n)
            squared[part] = points.direct(queries, i, index[j]).reshape(-1, n)
        limit = points.radius_squared
        adjacent = np.triu(squared < 4.0 * limit * (1.0 + 2.0**-40), 1)
        far = (squared >= limit * (1.0 - 2.0**-40)).astype(np.float32)
        weights = energy.patterns.weights[index]
        return cls(index, queries.rows, weights, squared, adjacent, far, limit, energy.bandwidth)

    def slack(self, size: int) -> float:
        """Bound the relative rounding of the sums over sets of that size."""
        return (self.rows.shape[1] + 3 * size + 20) * UNIT_ROUNDOFF


@dataclass(frozen=True, eq=False)
class _Sets:
    """A block of sets of equal size, with the sums that their centroids are judged by."""

    part: _Neighbourhood
    members: Integers
    s: Floats
    T: Floats
    W: Floats
    candidates: np.ndarray

    @classmethod
    def empty(cls, part: _Neighbourhood) -> Self:
        n = len(part.rows)
        nothing = np.zeros((1, 0), dtype=np.intp)
        return cls(part, nothing, np.zeros((1, n)), np.zeros(1), np.zeros(1), np.ones((1, n), bool))

    def grown(self, row: Integers, new: Integers) -> Self:
        """Return set ``row[i]`` with member ``new[i]``, for each i."""
        part, weight = self.part, self.part.weights[new]
        return type(self)(
            part,
            np.column_stack([self.members[row], new]),
            self.s[row] + weight[:, None] * part.squared[new],
            self.T[row] + 2.0 * weight * self.s[row, new],
            self.W[row] + weight,
            self.candidates[row] & part.adjacent[new],
        )

    def extensions(self) -> tuple[Integers, Integers]:
        """Return (set, new member) of all larger sets that the bounds leave a chance."""
        row, new = np.nonzero(self._branches() & self._can_keep_others_out()[:, None])
        weight = self.part.weights[new]
        T, W = self.T[row] + 2.0 * weight * self.s[row, new], self.W[row] + weight
        slack = self.part.slack(self.members.shape[1] + 1)
        chance = T / (2.0 * W**2) * (1.0 - slack) < self.part.limit
        return row[chance], new[chance]

    def _branches(self) -> np.ndarray:
        """Return which candidates may join next, leaving out those before them.

        None comes after one that has to be a member, and none at all if such a one was left out.
        """
        in_reach = self.belongs | self.candidates
        is_bound = in_reach.astype(np.float32) @ self.part.far == 0
        lost = (is_bound & ~in_reach).any(axis=1)[:, None]
        bound = is_bound & self.candidates
        passed = np.cumsum(bound, axis=1) - bound > 0
        return self.candidates & ~passed & ~lost

    def _can_keep_others_out(self) -> np.ndarray:
        """Bound whether the member farthest out can end up nearer than the nearest one left out."""
        part, every = self.part, np.arange(len(self.s))
        belongs = self.belongs
        inner = np.where(belongs | self.candidates, np.inf, self.s).argmin(axis=1)
        outer = np.where(belongs, self.s, -np.inf).argmax(axis=1)
        left_out = ~(belongs | self.candidates).all(axis=1)
        gains = np.maximum(part.squared[inner] - part.squared[outer], 0.0) * self.candidates
        highest, lowest = self.s[every, inner] + gains @ part.weights, self.s[every, outer]
        slack = part.slack(len(part.rows))
        return ~left_out | (highest * (1.0 + slack) > lowest * (1.0 - slack))

    @cached_property
    def belongs(self) -> np.ndarray:
        """Which memories are members, as a mask for each set."""
        belongs = np.zeros(self.s.shape, dtype=bool)
        np.put_along_axis(belongs, self.members, True, axis=1)
        return belongs

    def self_consistent(self) -> csr_array:
        """Return the sets whose members, and nobody else, lie strictly within r of the centroid."""
        mean, variance = self.s / self.W[:, None], (self.T / (2.0 * self.W**2))[:, None]
        depth = self.part.limit - (mean - variance)
        error = self.part.slack(self.members.shape[1]) * (mean + variance + self.part.limit)
        doubtful = np.abs(depth) <= error
        belongs = self.belongs
        sound = (doubtful | ((depth > 0) == belongs)).all(axis=1)
        rows, weights, radius = self.part.rows, self.part.weights, self.part.bandwidth
        for i in np.flatnonzero(sound & doubtful.any(axis=1)):
            others = np.flatnonzero(doubtful[i])
            answers = is_inside(rows, weights, radius, self.members[i], others)
            sound[i] = answers == belongs[i, others].tolist()
        return csr_array(belongs[sound].astype(float))


@dataclass
class _Search:
    """A search with a budget of sets to visit."""

    budget: int
    complete: bool = True

    def sets_of(self, part: _Neighbourhood, root: int) -> Iterator[csr_array]:
        """Yield the self-consistent sets whose first member is the root, block by block."""
        size = max(1, BLOCK_ELEMENTS // len(part.rows))
        stack = [(_Sets.empty(part), np.array([0]), np.array([root]))]
        while stack and self.complete:
            parents, row, new = stack.pop()
            if len(row) > size:
                stack.append((parents, row[size:], new[size:]))
            row, new = self._allowed(row[:size], new[:size])
            sets = parents.grown(row, new)
            yield sets.self_consistent()
            more = sets.extensions()
            if len(more[0]):
                stack.append((sets, *more))

    def _allowed(self, row: Integers, new: Integers) -> tuple[Integers, Integers]:
        """Take sets off the budget, as many as it has."""
        self.complete = self.complete and len(row) <= self.budget
        row, new = row[: self.budget], new[: self.budget]
        self.budget -= len(row)
        return row, new
