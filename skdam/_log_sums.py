"""Sums of a kernel without an end: streamed over all memories in the log domain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from scipy.sparse import csr_array, vstack

from ._active import Search, near_together
from ._math import (
    TERM_ERROR,
    TILE_ROWS,
    Floats,
    Integers,
    LogSum,
    Points,
    leave_out,
    row_blocks,
    weighted_offsets,
)
from ._sums import CompactSums, KernelSums, Pull
from .kernels import CompactKernel, Kernel, UnboundedKernel

#: A log profile or log slope: a function of u.
LogTerm = Callable[[Floats], Floats]
#: (Columns, log of weighted terms, bound of their error).
Tile = tuple[Any, Floats, Floats | float]
#: A tree is taken in so few dimensions, for so many pairs, if it keeps at most this share of them.
TREE_FEATURES, MANY_PAIRS, TREE_SHARE = 3, 2**20, 0.4
#: Rows that a tree answers together.
GROUP = 16
#: Error of a log sum, as a share of its own size and the number of features, up to which its terms
#: may come from products: a log density has a term of order 1 for each feature.
LOG_ERROR = 1e-12
#: Terms smaller than exp(-NEGLIGIBLE) times the largest cannot change a sum of 1e6 by 1e-13.
NEGLIGIBLE = 45.0
#: Beyond this distance from their centre, in bandwidths, points are averaged relative to a point.
LARGEST_SIZE = 2.0**12
#: Smaller shares than this are left out of `members`.
SMALLEST_SHARE = 2.0**-53


def kernel_sums(
    search: Search, weights: Floats, kernel: Kernel, algorithm: str = "auto"
) -> KernelSums:
    """Return the sums of `kernel` over weighted points, by the way that suits its support."""
    if isinstance(kernel, CompactKernel):
        return CompactSums(search, weights, kernel, algorithm)
    return UnboundedSums(search, weights, cast(UnboundedKernel, kernel), algorithm)


@dataclass(frozen=True, eq=False)
class UnboundedSums(KernelSums):
    """Sums over all memories, streamed in the log domain."""

    search: Search
    weights: Floats
    kernel: UnboundedKernel
    algorithm: str

    @property
    def points(self) -> Points:
        """The points."""
        return self.search.points

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
                (columns.start, np.exp(terms - log_mass[rows, None]))
                for columns, terms, _ in self._terms(X[rows], self.kernel.log_slope)
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
        """Return the log of the sum of all terms, and the mean of vectors under them.

        What products cannot promise to `LOG_ERROR` is streamed again with direct differences.
        """
        if skip is None and self._has_few_relevant(X):
            order = near_together(X)
            place = np.argsort(order)
            log_sum, mean, _ = self._streamed(self._relevant, X[order], log_term, vectors, None)
            return log_sum[place], mean[place]
        if self.kernel.rate is None:
            return self._streamed(self._terms, X, log_term, vectors, skip)[:2]
        log_sum, mean, error = self._streamed(self._products, X, log_term, vectors, skip)
        unsure = np.flatnonzero(~(error <= LOG_ERROR * (X.shape[1] + np.abs(log_sum))))
        left_out = None if skip is None else skip[unsure]
        again = self._streamed(self._terms, X[unsure], log_term, vectors, left_out)
        log_sum[unsure], mean[unsure] = again[:2]
        return log_sum, mean

    def _streamed(
        self,
        tiles: Callable[[Floats, LogTerm, Integers | None], Iterator[Tile]],
        X: Floats,
        log_term: LogTerm,
        vectors: Floats,
        skip: Integers | None,
    ) -> tuple[Floats, Floats, Floats]:
        """Add up tiles; the last result bounds the error of each row's terms."""
        log_sum, error = np.zeros((2, len(X)))
        mean = np.empty((len(X), vectors.shape[1]))
        most = GROUP if tiles == self._relevant else TILE_ROWS
        for rows in row_blocks(len(X), 8 * vectors.shape[1] + 8, most):
            running = LogSum(rows.stop - rows.start, vectors.shape[1])
            left_out = None if skip is None else skip[rows]
            for columns, terms, off in tiles(X[rows], log_term, left_out):
                running.add(terms, vectors[columns])
                error[rows] = np.maximum(error[rows], off)
            log_sum[rows], mean[rows] = running.log(), running.mean()
        return log_sum, mean, error

    def _products(
        self, X: Floats, log_term: LogTerm, skip: Integers | None = None
    ) -> Iterator[Tile]:
        """Yield terms of an exponential kernel as products give them, and bounds of their error."""
        rate = cast(float, self.kernel.rate) / self.points.radius_squared
        queries = self.points.lift(X)
        with np.errstate(over="ignore"):
            queries = replace(queries, lifted=queries.lifted * -rate)
        log_weights = np.log(self.weights) + log_term(np.zeros(1))
        for start, terms, error in self.points.tiles(queries):
            terms += log_weights[start : start + terms.shape[1]]
            if skip is not None:
                leave_out(start, skip, terms, -np.inf)
            yield slice(start, start + terms.shape[1]), terms, error * rate

    def _has_few_relevant(self, X: Floats) -> bool:
        """Return whether a tree leaves out most of the terms, or was asked for."""
        if self.kernel.rate is None or self.algorithm not in ("auto", "tree"):
            return False
        sizes = self.points.lift(X).sizes.max(initial=0.0), self.points.sizes.max()
        if not np.isfinite(sizes).all():  # too far apart to be squared
            return False
        if self.algorithm == "tree":
            return True
        if X.shape[1] > TREE_FEATURES or len(X) * len(self.points) < MANY_PAIRS:
            return False
        order = near_together(X)
        middle = X[order[len(X) // 2 :][:GROUP]]
        kept = sum(len(points) for points, _ in self._near(middle))
        return kept <= TREE_SHARE * len(self.points)

    def _near(self, X: Floats) -> Iterator[tuple[Integers, Floats]]:
        """Yield points and squared distances but for terms that add nothing to a sum."""
        spread = np.log(self.weights.sum() / self.weights.min())
        margin = (NEGLIGIBLE + spread) / cast(float, self.kernel.rate)
        return self.search.tree.relevant(X, self.points.radius_squared, margin)

    def _relevant(
        self, X: Floats, log_term: LogTerm, skip: Integers | None = None
    ) -> Iterator[Tile]:
        """Yield terms by differences, group by group of near rows, but for those that add nothing.

        Left out is a share below ``exp(-NEGLIGIBLE)``, 3e-20; there is no `skip`.
        """
        for points, squared in self._near(X):
            terms = log_term(np.divide(squared, self.points.radius_squared, out=squared))
            yield points, terms + np.log(self.weights[points]), 0.0

    def _terms(self, X: Floats, log_term: LogTerm, skip: Integers | None = None) -> Iterator[Tile]:
        """Yield terms from direct differences wherever an error could count."""
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
            terms = log_term(np.maximum(squared, 0.0) / limit) + weights
            yield slice(start, start + terms.shape[1]), terms, 0.0


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
