"""Sums of a kernel without an end: streamed over all memories in the log domain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.special import logsumexp, softmax

from ._active import Search, near_together
from ._math import (
    SUM_ERROR,
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
from ._sums import CompactSums, KernelSums, Note, Pull
from .kernels import CompactKernel, Kernel, UnboundedKernel

#: A log profile or log slope: a function of u.
LogTerm = Callable[[Floats], Floats]
#: (Columns, log of weighted terms, bound of their error).
Tile = tuple[Any, Floats, Floats | float]
#: A tree is taken in so few dimensions, for so many pairs, if it keeps at most this share of them.
TREE_FEATURES, MANY_PAIRS, TREE_SHARE = 3, 2**20, 0.4
#: Rows that a tree answers together.
GROUP = 16
#: Terms smaller than exp(-NEGLIGIBLE) times the largest cannot change a sum of 1e6 by 1e-13.
NEGLIGIBLE = 45.0
#: If points are farther than so many units from their centre (`Points`), and so about as many
#: bandwidths, they are averaged relative to one of them.
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

    def prepare(self) -> None:
        if self._suits_tree():
            _ = self.search.tree

    def log_sum(self, X: Floats, skip: Integers | None = None, error: float = SUM_ERROR) -> Floats:
        return self._stream(X, self.kernel.log_profile, self._no_vectors, skip, error, True)[0]

    def pull(self, X: Floats, note: Note | None = None) -> Pull:
        if self.points.sizes.max() > LARGEST_SIZE:
            return self._pull_from_members(X)
        vectors = self.points.lifted[:, : X.shape[1]]
        log_mass, mean = self._stream(X, self.kernel.log_slope, vectors)
        reached = np.isfinite(log_mass)[:, None]
        anchor = np.where(reached, self.points.centre, X)
        return Pull(anchor, np.where(reached, mean / self.points.scale, 0.0), log_mass)

    def _pull_from_members(self, X: Floats) -> Pull:
        """Pull relative to a member of each state: the common centre is too far away."""
        anchor, offset, log_mass = np.empty_like(X), np.empty_like(X), np.empty(len(X))
        for rows, shares, log_mass[rows] in self._shares(X):
            anchor[rows], offset[rows] = weighted_offsets(
                self.points, shares.indices, shares.data, shares.indptr
            )
        anchor[np.isneginf(log_mass)] = X[np.isneginf(log_mass)]
        return Pull(anchor, offset, log_mass)

    def shares(self, X: Floats) -> csr_array:
        return csr_array(vstack([shares for _, shares, _ in self._shares(X)]))

    def _shares(self, X: Floats) -> Iterator[tuple[slice, csr_array, Floats]]:
        """Yield (rows, each memory's share, log of the sum); what nothing reaches has no shares."""
        for rows in row_blocks(len(X), 40 * len(self.points)):
            tiles = self._terms(X[rows], self.kernel.log_slope)
            terms = np.concatenate([tile for _, tile, _ in tiles], axis=1)
            with np.errstate(under="ignore", invalid="ignore"):
                share, log_sum = softmax(terms, axis=1), logsumexp(terms, axis=1)
            share[~(share > SMALLEST_SHARE)] = 0.0
            yield rows, csr_array(share), log_sum

    def share(self, X: Floats, index: Integers) -> Floats:
        points = self.points
        u = points.direct(points.lift(X), np.arange(len(X)), index) / points.radius_squared
        log_mass = self._stream(X, self.kernel.log_slope, self._no_vectors)[0]
        return np.exp(np.log(self.weights[index]) + self.kernel.log_slope(u) - log_mass)

    def covers(self, X: Floats) -> np.ndarray:
        # only what is too far away to be squared in bandwidths can be out of reach
        covered = np.isfinite(self.points.lift(X).sizes) & np.isfinite(self.points.sizes).all()
        if not covered.all():
            covered[~covered] = np.isfinite(self.log_sum(X[~covered]))
        return covered

    @property
    def _rate(self) -> float:
        return cast(float, self.kernel.rate)

    @property
    def _no_vectors(self) -> Floats:
        return np.empty((len(self.points), 0))

    def _stream(
        self,
        X: Floats,
        log_term: LogTerm,
        vectors: Floats,
        skip: Integers | None = None,
        allowed: float = SUM_ERROR,
        relative: bool = False,
    ) -> tuple[Floats, Floats]:
        """Return the log of the sum of all terms, and the mean of vectors under them.

        What products cannot promise is streamed again with direct differences.  They may be off by
        the share `allowed` of the size of a log density: a part of order 1 for each feature and,
        where the shares of the terms do not matter, the log sum (`relative`).
        """
        if skip is None and self._has_few_relevant(X):
            order = near_together(X)
            place = np.argsort(order)
            log_sum, mean, _ = self._streamed(self._relevant, X[order], log_term, vectors, None)
            return log_sum[place], mean[place]
        if self.kernel.rate is None:
            return self._streamed(self._terms, X, log_term, vectors, skip)[:2]
        log_sum, mean, error = self._streamed(self._products, X, log_term, vectors, skip)
        size = X.shape[1] + (np.abs(log_sum) if relative else 0.0)
        unsure = np.flatnonzero(~(error <= allowed * size))
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
        rate = self._rate / self.points.radius_squared
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
        if not len(X) or not self._suits_tree(len(X)) or not self._can_be_squared(X):
            return False
        if self.algorithm == "tree":
            return True
        order = near_together(X)
        middle = X[order[len(X) // 2 :][:GROUP]]
        kept = sum(len(points) for points, _ in self._near(middle))
        return kept <= TREE_SHARE * len(self.points)

    def _suits_tree(self, n_rows: float = np.inf) -> bool:
        """Return whether a tree was asked for, or may pay for so many rows."""
        if self.kernel.rate is None or self.algorithm not in ("auto", "tree"):
            return False
        n, n_features = self.points.rows.shape
        pays = n_features <= TREE_FEATURES and n_rows * n >= MANY_PAIRS
        return pays or self.algorithm == "tree"

    def _can_be_squared(self, X: Floats) -> bool:
        """Return whether squares of lengths from the origin, in units of the points, are finite."""
        largest = max(np.abs(X).max(), np.abs(self.points.rows).max())
        with np.errstate(over="ignore"):
            return bool(X.shape[1] * (2.0 * largest * self.points.scale) ** 2 < np.inf)

    def _near(self, X: Floats) -> Iterator[tuple[Integers, Floats]]:
        """Yield points and squared distances but for terms that add nothing to a sum."""
        spread = np.log(self.weights.sum() / self.weights.min())
        margin = (NEGLIGIBLE + spread) / self._rate
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
