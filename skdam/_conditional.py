"""The conditional density of a kernel memory: what the missing coordinates of a row may be.

Given the observed coordinates o of a row, m others missing, the density is again a mixture of
kernels, one for each memory: their weights are ``w k_m(u)``, ``u = |x_o - xi_o|^2 / r^2``, and
each is spread about the memory's own missing coordinates (`skdam._marginals`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from scipy.sparse import csr_array

from ._marginals import Marginal, marginal_of
from ._math import (
    UNIT_ROUNDOFF,
    Floats,
    Integers,
    Points,
    Queries,
    leave_out,
    row_blocks,
    weighted_offsets,
)
from ._nearest import nearest
from ._patterns import Patterns
from .kernels import Kernel

#: Bound of the relative error up to which a weight may come from a matrix product.
WEIGHT_ERROR = 1e-10
#: Weights smaller than exp(-NEGLIGIBLE) times the largest cannot change a mean.
NEGLIGIBLE = 45.0
#: Pairs of rows and memories at a time: what a cache holds.
PAIRS = 2**18
#: Share of the memories that a mean over sure entries needs.
LEAST_SURE = 0.01
#: Rows that are prepared for products at a time.
LIFTED = 2**13
#: If memories are farther than so many units from their centre (`Points`), they are averaged
#: relative to one of them.
LARGEST_SIZE = 2.0**12


class Bound(Protocol):
    """A kernel bound to memories, as seen from here."""

    @property
    def patterns(self) -> Patterns: ...

    @property
    def kernel(self) -> Kernel: ...

    @property
    def bandwidth(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Own:
    """Of each row the memory that it is itself part of, and what share of that is others'."""

    index: Integers
    rest: Floats

    def __getitem__(self, part: Integers | slice) -> Self:
        return replace(self, index=self.index[part], rest=self.rest[part])

    def put_back(self, shares: Floats) -> Floats:
        """Return shares (n, K) with those parts put back that had been left out."""
        whole = shares.copy()
        whole[np.arange(len(shares)), self.index] /= np.where(self.rest > 0, self.rest, 1.0)
        return whole

    @property
    def skip(self) -> Integers:
        """Which memory to leave out altogether, or -1."""
        return np.where(self.rest > 0, -1, self.index)


@dataclass(frozen=True, eq=False)
class Conditional:
    r"""The density of missing coordinates, given the observed ones.

    .. math:: p(x_m \mid x_o) \propto \sum_\mu w_\mu\, k\Big(u_\mu +
              \lVert x_m - \xi_{\mu,m} \rVert^2 / r^2\Big),
              \qquad u_\mu = \lVert x_o - \xi_{\mu,o} \rVert^2 / r^2

    Where no memory reaches a row, it is that of the nearest one, without a spread: the limit of
    widening the bandwidth until one does.  Shares are right to `WEIGHT_ERROR`, relative.
    """

    patterns: Patterns
    marginal: Marginal
    bandwidth: float

    @classmethod
    def of(cls, energy: Bound) -> Self:
        """Return the conditional density of a kernel's energy (a `KernelEnergy`)."""
        return cls(energy.patterns, marginal_of(energy.kernel), energy.bandwidth)

    @property
    def points(self) -> Points:
        """The distinct memories."""
        return self.patterns.points

    def mean(
        self,
        X: Floats,
        known: Floats,
        own: Own | None = None,
        sure: Floats | None = None,
    ) -> Floats:
        """Return X with its unknown coordinates at their conditional mean.

        Every row has an unknown coordinate at least; its `own` part of a memory is left out.
        With `sure`, what share of each memory's weight has each entry observed (none of a row's own
        part where the row has a gap), a mean is over those shares alone, wherever they make at
        least `LEAST_SURE`.

        A mean never leaves the range of the memories' column, and that of one memory is itself.
        """
        rows = self.points.rows
        mean = np.empty_like(X)
        for part, shares, _ in self._shares(X, known, own):
            index = shares.argmax(axis=1)
            alone = np.flatnonzero(shares[np.arange(len(shares)), index] == 1.0)
            if sure is None:
                mean[part] = self._means(shares)
            else:
                observed = shares if own is None else own[part].put_back(shares)
                mean[part] = self._sure_means(shares, observed, sure)
            mean[part[alone]] = rows[index[alone]]
        mean = np.clip(mean, rows.min(axis=0), rows.max(axis=0), out=mean)
        return np.where(known, X, mean)

    def draw(self, X: Floats, known: Floats, uniform: Floats, normal: Floats) -> Floats:
        """Return X with its unknown coordinates drawn.

        `uniform` (n, 2) decides on the memory and on the distance from it, `normal` (n, D) on the
        direction.
        """
        index = np.empty(len(X), dtype=np.intp)
        reached = np.empty(len(X), dtype=bool)
        for part, shares, in_reach in self._shares(X, known):
            below = np.cumsum(shares, axis=1, out=shares)
            index[part] = np.argmax(below > uniform[part, :1] * below[:, -1:], axis=1)
            reached[part] = in_reach
        away = np.where(known, 0.0, normal)
        away /= np.linalg.norm(away, axis=1)[:, None]
        away[reached] *= np.sqrt(self._spread(X, known, index, reached, uniform[:, 1]))[:, None]
        away[~reached] = 0.0
        return np.where(known, X, self.points.rows[index] + self.bandwidth * away)

    def _spread(
        self, X: Floats, known: Floats, index: Integers, reached: np.ndarray, uniform: Floats
    ) -> Floats:
        """Return squared distances, in bandwidths, from the memories chosen."""
        _, queries = self._lifted(X[reached], known[reached])
        squared = self.points.direct(queries, np.arange(len(queries)), index[reached])
        missing = np.sum(~known[reached], axis=1)
        return self.marginal.spread(squared / self._limit, missing, uniform[reached])

    def _lifted(self, X: Floats, known: Floats) -> tuple[Points, Queries]:
        with np.errstate(over="ignore"):  # what cannot be squared is measured directly
            return self.points.lift_known(X, known)

    @property
    def _limit(self) -> float:
        return self.points.radius_squared

    @cached_property
    def _log_weights(self) -> Floats:
        return np.log(self.patterns.weights)

    def _means(self, shares: Floats) -> Floats:
        points = self.points
        if points.sizes.max() <= LARGEST_SIZE:
            vectors = points.lifted[:, : points.rows.shape[1]]
            return points.centre + (shares @ vectors) / points.scale
        shares[shares < UNIT_ROUNDOFF / len(points)] = 0.0
        sparse = csr_array(shares)
        anchor, offset = weighted_offsets(points, sparse.indices, sparse.data, sparse.indptr)
        return anchor + offset

    def _sure_means(self, shares: Floats, observed: Floats, sure: Floats) -> Floats:
        points = self.points
        total = observed @ sure
        enough = total >= LEAST_SURE
        if points.sizes.max() > LARGEST_SIZE:
            return self._sure_means_near(shares, observed, sure, enough)
        centred = points.lifted[:, : points.rows.shape[1]]
        mean = (observed @ (centred * sure)) / np.where(enough, total, 1.0)
        return points.centre + np.where(enough, mean, shares @ centred) / points.scale

    def _sure_means_near(
        self, shares: Floats, observed: Floats, sure: Floats, enough: np.ndarray
    ) -> Floats:
        """Return the means relative to a member of each: the common centre is too far away."""
        rows = self.points.rows
        mean = rows[shares.argmax(axis=1)]
        query, member = np.nonzero(shares >= UNIT_ROUNDOFF / len(rows))
        share, observed = shares[query, member], observed[query, member]
        for column in range(rows.shape[1]):
            counted = np.where(enough[query, column], observed * sure[member, column], share)
            away = rows[member, column] - mean[query, column]
            total = np.bincount(query, counted, len(mean))
            mean[:, column] += np.bincount(query, counted * away, len(mean)) / total
        return mean

    def _shares(
        self, X: Floats, known: Floats, own: Own | None = None
    ) -> Iterator[tuple[Integers, Floats, np.ndarray]]:
        """Yield (rows, each memory's share in each, whether any memory reaches it)."""
        missing = np.sum(~known, axis=1)
        order = np.argsort(missing, kind="stable")  # rules of integration are for a count
        n = len(self.points)
        for some in row_blocks(len(X), 40 * X.shape[1], most=LIFTED):
            rows = order[some]
            points, queries = self._lifted(X[rows], known[rows])
            for block in row_blocks(len(rows), 48 * n, most=max(8, PAIRS // n)):
                part = rows[block]
                mine = None if own is None else own[part]
                yield part, *self._block(points, queries[block], missing[part], mine)

    def _block(
        self, points: Points, queries: Queries, missing: Integers, own: Own | None
    ) -> tuple[Floats, np.ndarray]:
        skip = None if own is None else own.skip
        logs = self._log_terms(self._u(points, queries, missing, skip), missing)
        if own is not None:
            with np.errstate(divide="ignore"):
                logs[np.arange(len(logs)), own.index] += np.log(own.rest)
        peak = logs.max(axis=1)
        reached = np.isfinite(peak)
        lost = np.flatnonzero(~reached)
        logs -= np.where(reached, peak, 0.0)[:, None]
        shares = np.exp(np.maximum(logs, -700.0, out=logs), out=logs)  # no slow denormals
        if lost.size:
            shares[lost] = 0.0
            left_out = None if skip is None else skip[lost]
            shares[lost, nearest(points, queries[lost], left_out)[0]] = 1.0
        shares /= shares.sum(axis=1, keepdims=True)
        return shares, reached

    def _log_terms(self, u: Floats, missing: Integers) -> Floats:
        logs = self.marginal.log_weight(u, missing)
        logs += self._log_weights
        return logs

    def _u(
        self, points: Points, queries: Queries, missing: Integers, skip: Integers | None
    ) -> Floats:
        """Return u of all pairs: by products, or directly where their errors could count."""
        u, error = np.empty((len(queries), len(points))), np.zeros(len(queries))
        scaled = replace(queries, lifted=queries.lifted / self._limit)
        for start, squared, off in points.tiles(scaled):
            u[:, start : start + squared.shape[1]] = squared
            error = np.maximum(error, off)
        error = error / self._limit + 4.0 * UNIT_ROUNDOFF
        if skip is not None:
            leave_out(0, skip, u, np.inf)
        np.maximum(u, 0.0, out=u)
        with np.errstate(invalid="ignore"):
            steepness = self.marginal.steepness(self._leading(u, missing) + error, missing)
            safe = steepness * error <= WEIGHT_ERROR
        loose = np.flatnonzero(~safe)
        if loose.size:
            row, column = self._doubtful(u[loose], error[loose], missing[loose])
            row = loose[row]
            u[row, column] = points.direct(queries, row, column) / self._limit
            if skip is not None:
                leave_out(0, skip, u, np.inf)
        return u

    def _leading(self, u: Floats, missing: Integers) -> Floats:
        """Return u of the memory with the largest weight: the others' are less steep, or less."""
        if np.ptp(self.patterns.weights) == 0:
            return np.fmin.reduce(u, axis=1)
        best = self._log_terms(u.copy(), missing).argmax(axis=1)
        return u[np.arange(len(u)), best]

    def _doubtful(self, u: Floats, error: Floats, missing: Integers) -> tuple[Integers, Integers]:
        """Return the pairs whose weights may count, given the error of u."""
        with np.errstate(invalid="ignore"):
            far, near = u + error[:, None], u - error[:, None]
        far = np.where(np.isnan(far), np.inf, far)
        near = np.where(near > 0, near, 0.0)
        floor = self._log_terms(far, missing).max(axis=1) - NEGLIGIBLE
        high = self._log_terms(near, missing)
        row, column = np.nonzero((high >= floor[:, None]) & np.isfinite(high))
        return row, column
