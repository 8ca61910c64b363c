"""Weighted sums of a kernel over all memories, and the memories' pull on a state.

Two leaves of one interface: compact kernels add up the exact active sets, kernels without an end
stream over all memories in the log domain.  The loops are here; the formulas are the kernel's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ._active import ActiveSets, Lists, Search, Task, in_order
from ._math import SUM_ERROR, Floats, Integers, weighted_offsets
from .kernels import CompactKernel

#: Active sets, and the rows that they answer; what looks at them.
Blocks = Iterator[tuple[Integers, ActiveSets]]
Note = Callable[[Integers, ActiveSets], None]


@dataclass(frozen=True, eq=False)
class Pull:
    """The pull on n states: the mean memory, ``anchor + offset``, under weights ``-w k'(u)``.

    ``log_mass`` is the log of the sum of those weights; -inf, with the state itself for a mean,
    where no memory is active.
    """

    anchor: Floats
    offset: Floats
    log_mass: Floats

    @property
    def mean(self) -> Floats:
        """The mean memory."""
        return self.anchor + self.offset


@dataclass(frozen=True, eq=False)
class Walk:
    """Mean shift of n rows: functions of (rows, states), which may remember who was near.

    `step` returns the next states, `covers` whether any memory pulls on them.
    """

    step: Callable[[Integers, Floats], Floats]
    covers: Callable[[Integers, Floats], np.ndarray]


class KernelSums(ABC):
    """Sums over weighted memories: ``S(x) = sum w k(u)``, and those of ``-w k'(u)``."""

    @abstractmethod
    def prepare(self) -> None:
        """Build now what would be built when first asked for."""

    @abstractmethod
    def log_sum(self, X: Floats, skip: Integers | None = None, error: float = SUM_ERROR) -> Floats:
        """Return log S(x), -inf off the support, up to a relative error of S.

        With `skip` one memory is left out for each row.
        """

    @abstractmethod
    def pull(self, X: Floats, note: Note | None = None) -> Pull:
        """Return the memories' mean under ``-w k'(u)``: where mean shift goes next.

        Active sets, where there are any, are shown to `note` on the way.
        """

    def walk(self, n_rows: int) -> Walk:
        """Return the same for rows that move."""
        return Walk(lambda rows, X: self.pull(X).mean, lambda rows, X: self.covers(X))

    @abstractmethod
    def shares(self, X: Floats) -> csr_array:
        """Return each memory's share in the pull on each row; an empty row off the support."""

    @abstractmethod
    def share(self, X: Floats, index: Integers) -> Floats:
        """Return the share of memory ``index[i]`` in the pull on row i."""

    @abstractmethod
    def covers(self, X: Floats) -> np.ndarray:
        """Return whether S(x) > 0."""


@dataclass(frozen=True, eq=False)
class CompactSums(KernelSums):
    """Sums over exact active sets."""

    search: Search
    weights: Floats
    kernel: CompactKernel
    algorithm: str

    def prepare(self) -> None:
        self.search.prepare(self.algorithm)

    def log_sum(self, X: Floats, skip: Integers | None = None, error: float = SUM_ERROR) -> Floats:
        return _log(self.search.totals(X, self.kernel, self.algorithm, skip, error))

    def pull(self, X: Floats, note: Note | None = None) -> Pull:
        return self._pull(X, self._sets(X), note)

    def walk(self, n_rows: int) -> Walk:
        lists = Lists(self.search, self.algorithm, n_rows, task=self._task)
        start = _Start(lambda rows, X, note: self._pull(X, lists.sets(rows, X), note), n_rows)
        return Walk(start.step, start.covers)

    def _pull(self, X: Floats, blocks: Blocks, note: Note | None = None) -> Pull:
        anchor, offset = np.empty_like(X), np.empty_like(X)
        mass = np.empty(len(X))
        for rows, sets in blocks:
            if note is not None:
                note(rows, sets)
            weights = self._pulls(sets)
            mass[rows] = sets.sums(weights)
            anchor[rows], offset[rows] = weighted_offsets(
                self.search.points, sets.indices, weights, sets.indptr
            )
        anchor[mass == 0] = X[mass == 0]
        return Pull(anchor, offset, _log(mass))

    def shares(self, X: Floats) -> csr_array:
        parts = []
        for rows, sets in self._sets(X):
            weights = self._pulls(sets)
            share = weights / sets.sums(weights)[sets.query]
            shape = (len(rows), len(self.search))
            parts.append((rows, csr_array((share, sets.indices, sets.indptr), shape=shape)))
        return in_order(parts, (len(X), len(self.search)))

    def share(self, X: Floats, index: Integers) -> Floats:
        share = np.empty(len(X))
        for rows, sets in self._sets(X):
            weights = self._pulls(sets)
            own = sets.indices == index[rows][sets.query]
            share[rows] = sets.sums(weights * own) / sets.sums(weights)
        return share

    def covers(self, X: Floats) -> np.ndarray:
        return _covered(X, self._sets(X))

    def _sets(self, X: Floats) -> Blocks:
        return self.search.sets(X, self.algorithm, task=self._task)

    @property
    def _task(self) -> Task:
        return "members" if self.kernel.is_flat else "distances"

    def _pulls(self, sets: ActiveSets) -> Floats:
        weights = self.weights.take(sets.indices)
        return weights if self.kernel.is_flat else weights * self.kernel.slope(sets.u)


class _Start:
    """Remembers where rows go that were asked whether they are covered, for their first step."""

    def __init__(self, pull: Callable[[Integers, Floats, Note | None], Pull], n_rows: int) -> None:
        self._pull, self._n_rows = pull, n_rows
        self._known: Floats | None = None  # states that were asked for, and their means

    def covers(self, rows: Integers, X: Floats) -> np.ndarray:
        """Return whether any memory is active for each row."""
        covered = np.empty(len(X), dtype=bool)

        def note(part: Integers, sets: ActiveSets) -> None:
            covered[part] = sets.covered

        if self._known is None:
            self._known = np.full((2, self._n_rows, X.shape[1]), np.nan)
        self._known[:, rows] = X, self._pull(rows, X, note).mean
        return covered

    def step(self, rows: Integers, X: Floats) -> Floats:
        """Return the next states: those known already of rows that have not moved yet."""
        if self._known is None:
            return self._pull(rows, X, None).mean
        (before, after), self._known = self._known[:, rows], None
        moved = np.flatnonzero((before != X).any(axis=1))
        if moved.size:
            after[moved] = self._pull(rows[moved], X[moved], None).mean
        return after


def _covered(X: Floats, blocks: Blocks) -> np.ndarray:
    covered = np.empty(len(X), dtype=bool)
    for rows, sets in blocks:
        covered[rows] = sets.covered
    return covered


def _log(total: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(total)
