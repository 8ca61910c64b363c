"""Weighted sums of a kernel over all memories, and the memories' pull on a state.

Two leaves of one interface: compact kernels add up the exact active sets, kernels without an end
stream over all memories in the log domain.  The loops are here; the formulas are the kernel's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.sparse import csr_array, vstack

from ._active import ActiveSets, Lists, Search, in_order
from ._math import (
    TERM_ERROR,
    Floats,
    Integers,
    LogSum,
    Points,
    leave_out,
    row_blocks,
    weighted_offsets,
)
from .kernels import CompactKernel, Kernel, UnboundedKernel

#: A log profile or log slope: a function of u.
LogTerm = Callable[[Floats], Floats]
#: Active sets, and the rows that they answer.
Blocks = Iterator[tuple[Integers, ActiveSets]]
#: Terms smaller than exp(-NEGLIGIBLE) times the largest cannot change a sum of 1e6 by 1e-13.
NEGLIGIBLE = 45.0
#: Beyond this distance from their centre, in bandwidths, points are averaged relative to a point.
LARGEST_SIZE = 2.0**12
#: Smaller shares than this are left out of `members`.
SMALLEST_SHARE = 2.0**-53


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
    """Sums at n rows that move: functions of (rows, states), which may remember who was near."""

    pull: Callable[[Integers, Floats], Pull]
    covers: Callable[[Integers, Floats], np.ndarray]

    def step(self, rows: Integers, X: Floats) -> Floats:
        """Return the next states of mean shift."""
        return self.pull(rows, X).mean


class KernelSums(ABC):
    """Sums over weighted memories: ``S(x) = sum w k(u)``, and those of ``-w k'(u)``."""

    @abstractmethod
    def log_sum(self, X: Floats, skip: Integers | None = None) -> Floats:
        """Return log S(x), -inf off the support; `skip` leaves one memory out for each row."""

    @abstractmethod
    def pull(self, X: Floats) -> Pull:
        """Return the memories' mean under ``-w k'(u)``: where mean shift goes next."""

    def walk(self, n_rows: int) -> Walk:
        """Return the same sums for rows that move."""
        return Walk(lambda rows, X: self.pull(X), lambda rows, X: self.covers(X))

    @abstractmethod
    def shares(self, X: Floats) -> csr_array:
        """Return each memory's share in the pull on each row; an empty row off the support."""

    @abstractmethod
    def share(self, X: Floats, index: Integers) -> Floats:
        """Return the share of memory ``index[i]`` in the pull on row i."""

    @abstractmethod
    def covers(self, X: Floats) -> np.ndarray:
        """Return whether S(x) > 0."""


def kernel_sums(
    search: Search, weights: Floats, kernel: Kernel, algorithm: str = "auto"
) -> KernelSums:
    """Return the sums of `kernel` over weighted points, by the way that suits its support."""
    if isinstance(kernel, CompactKernel):
        return CompactSums(search, weights, kernel, algorithm)
    return UnboundedSums(search.points, weights, cast(UnboundedKernel, kernel))


@dataclass(frozen=True, eq=False)
class CompactSums(KernelSums):
    """Sums over exact active sets."""

    search: Search
    weights: Floats
    kernel: CompactKernel
    algorithm: str

    def log_sum(self, X: Floats, skip: Integers | None = None) -> Floats:
        return _log(self.search.totals(X, self.kernel, self.algorithm, skip))

    def pull(self, X: Floats) -> Pull:
        return self._pull(X, self._sets(X))

    def walk(self, n_rows: int) -> Walk:
        lists = Lists(self.search, self.algorithm, n_rows, precise=not self.kernel.is_flat)
        return Walk(
            lambda rows, X: self._pull(X, lists.sets(rows, X)),
            lambda rows, X: _covered(X, lists.sets(rows, X)),
        )

    def _pull(self, X: Floats, blocks: Blocks) -> Pull:
        anchor, offset = np.empty_like(X), np.empty_like(X)
        mass = np.empty(len(X))
        for rows, sets in blocks:
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
        return self.search.sets(X, self.algorithm, precise=not self.kernel.is_flat)

    def _pulls(self, sets: ActiveSets) -> Floats:
        return self.weights[sets.indices] * self.kernel.slope(sets.u)


@dataclass(frozen=True, eq=False)
class UnboundedSums(KernelSums):
    """Sums over all memories, streamed in the log domain."""

    points: Points
    weights: Floats
    kernel: UnboundedKernel

    def log_sum(self, X: Floats, skip: Integers | None = None) -> Floats:
        return self._stream(X, self.kernel.log_profile, self._no_vectors, skip)[0]

    def pull(self, X: Floats) -> Pull:
        if self.points.sizes.max() > LARGEST_SIZE:
            return self._pull_from_members(X)
        vectors = self.points.lifted[:, : X.shape[1]]
        log_mass, mean = self._stream(X, self.kernel.log_slope, vectors)
        reached = np.isfinite(log_mass)[:, None]
        anchor = np.where(reached, self.points.centre, X)
        return Pull(anchor, np.where(reached, mean / self.points.scale, 0.0), log_mass)

    def _pull_from_members(self, X: Floats) -> Pull:
        """Pull relative to a member of each state: the common centre is too far away."""
        log_mass = self._log_mass(X)
        anchor, offset = np.empty_like(X), np.empty_like(X)
        for rows, shares in self._shares(X, log_mass):
            anchor[rows], offset[rows] = weighted_offsets(
                self.points, shares.indices, shares.data, shares.indptr
            )
        anchor[np.isneginf(log_mass)] = X[np.isneginf(log_mass)]
        return Pull(anchor, offset, log_mass)

    def shares(self, X: Floats) -> csr_array:
        return csr_array(vstack([part for _, part in self._shares(X, self._log_mass(X))]))

    def _log_mass(self, X: Floats) -> Floats:
        return self._stream(X, self.kernel.log_slope, self._no_vectors)[0]

    def _shares(self, X: Floats, log_mass: Floats) -> Iterator[tuple[slice, csr_array]]:
        log_mass = np.where(np.isneginf(log_mass), 0.0, log_mass)  # what nothing reaches is empty
        for rows in row_blocks(len(X), 40 * len(self.points)):
            tiles = [
                (start, np.exp(terms - log_mass[rows, None]))
                for start, terms in self._terms(X[rows], self.kernel.log_slope)
            ]
            yield rows, _sparse(tiles, len(self.points))

    def share(self, X: Floats, index: Integers) -> Floats:
        points = self.points
        u = points.direct(points.lift(X), np.arange(len(X)), index) / points.radius_squared
        return np.exp(np.log(self.weights[index]) + self.kernel.log_slope(u) - self._log_mass(X))

    def covers(self, X: Floats) -> np.ndarray:
        # only what is too far away to be squared in bandwidths can be out of reach
        covered = np.isfinite(self.points.lift(X).sizes) & np.isfinite(self.points.sizes).all()
        if not covered.all():
            covered[~covered] = np.isfinite(self.log_sum(X[~covered]))
        return covered

    @property
    def _no_vectors(self) -> Floats:
        return np.empty((len(self.points), 0))

    def _stream(
        self, X: Floats, log_term: LogTerm, vectors: Floats, skip: Integers | None = None
    ) -> tuple[Floats, Floats]:
        log_sum, mean = np.empty(len(X)), np.empty((len(X), vectors.shape[1]))
        for rows in row_blocks(len(X), 8 * vectors.shape[1] + 8):
            running = LogSum(rows.stop - rows.start, vectors.shape[1])
            left_out = None if skip is None else skip[rows]
            for start, terms in self._terms(X[rows], log_term, left_out):
                running.add(terms, vectors[start : start + terms.shape[1]])
            log_sum[rows], mean[rows] = running.log(), running.mean()
        return log_sum, mean

    def _terms(
        self, X: Floats, log_term: LogTerm, skip: Integers | None = None
    ) -> Iterator[tuple[int, Floats]]:
        """Yield (first column, log of weighted terms), direct wherever an error could count."""
        queries, limit = self.points.lift(X), self.points.radius_squared
        log_weights, peak = np.log(self.weights), np.full(len(X), -np.inf)
        for start, squared, error in self.points.tiles(queries):
            weights = log_weights[start : start + squared.shape[1]]
            loose = np.flatnonzero(~(error <= TERM_ERROR * limit))
            if loose.size:
                low, high = _bounds(squared[loose], error[loose], limit, log_term, weights)
                if skip is not None:
                    leave_out(start, skip[loose], low, -np.inf)
                peak[loose] = np.maximum(peak[loose], low.max(axis=1))
                row, column = np.nonzero(high >= peak[loose, None] - NEGLIGIBLE)
                row = loose[row]
                squared[row, column] = self.points.direct(queries, row, start + column)
            if skip is not None:
                leave_out(start, skip, squared, np.inf)
            yield start, log_term(np.maximum(squared, 0.0) / limit) + weights


def _bounds(
    squared: Floats, error: Floats, limit: float, log_term: LogTerm, weights: Floats
) -> tuple[Floats, Floats]:
    """Bound the log terms of a tile from below and above (profiles never rise)."""
    with np.errstate(invalid="ignore"):
        far, near = squared + error[:, None], squared - error[:, None]
    far = np.where(np.isnan(far), np.inf, far)
    near = np.where(near > 0, near, 0.0)
    return log_term(far / limit) + weights, log_term(near / limit) + weights


def _sparse(tiles: list[tuple[int, Floats]], n_points: int) -> csr_array:
    """Join tiles of shares into sparse rows, leaving out what rounding could not see."""
    row, column, share = [], [], []
    for start, tile in tiles:
        i, j = np.nonzero(tile > SMALLEST_SHARE)
        row.append(i)
        column.append(start + j)
        share.append(tile[i, j])
    indices = (np.concatenate(row), np.concatenate(column))
    return csr_array((np.concatenate(share), indices), shape=(len(tiles[0][1]), n_points))


def _covered(X: Floats, blocks: Blocks) -> np.ndarray:
    covered = np.empty(len(X), dtype=bool)
    for rows, sets in blocks:
        covered[rows] = sets.covered
    return covered


def _log(total: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(total)
