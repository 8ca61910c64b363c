"""Squared distances that can be trusted, sums that do not overflow, and the blocks both work in.

A matrix product gives all squared distances at once, ``|x|^2 - 2 x.y + |y|^2``, but loses digits
when ``|x|`` is large beside ``|x - y|``.  Here every product comes with a bound of its error, and
whoever decides something on it recomputes the doubtful entries from direct differences.  (A product
rounds one way alone and another way in a batch, so that bits, too, come from direct differences.)

Distances are measured in a power of two near the length that matters (`Points.scale`), which
rounds nothing and keeps data of 1e-300 and of 1e+300 away from underflow and overflow.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array
from sklearn import get_config

UNIT_ROUNDOFF = 2.0**-53
SINGLE_ROUNDOFF = 2.0**-24
#: Roundings of a point's distance up to which a mean of differences may be off.
_ROUNDINGS = 64
#: Relative error up to which the term of one memory may come from a matrix product.
TERM_ERROR = 2.5e-13
#: Relative error up to which a sum of terms may come from one.
SUM_ERROR = 1e-12
#: Points no farther from their centre, in their unit, are averaged relative to it.
_COMPACT = 8.0
#: The centre is a multiple of the unit divided by this.
_GRID = 16.0
#: The logarithm of a density that underflows, as a number.
LOWEST = -float(np.finfo(np.float64).max)
#: Rows and columns of a tile; columns, at most, of one of few rows.
TILE_ROWS, TILE_COLUMNS, _WIDEST = 256, 1024, 2**14
BLOCK_BYTES = 2**27
DIRECT_ELEMENTS = 2**17

Floats = np.ndarray
Integers = np.ndarray


def power_of_two(value: float) -> float:
    """Return the largest power of two that is not above `value` (> 0)."""
    return float(np.ldexp(1.0, np.frexp(value)[1] - 1))


def slices(n: int, size: int) -> Iterator[slice]:
    """Split range(n) into consecutive slices of `size` (at least 1); none if n is 0."""
    size = max(1, size)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def row_blocks(n_rows: int, row_bytes: int, most: int = TILE_ROWS) -> Iterator[slice]:
    """Split rows so that a block of `row_bytes` a row respects scikit-learn's `working_memory`."""
    budget = min(BLOCK_BYTES, get_config()["working_memory"] * 2**20)
    return slices(n_rows, min(most, int(budget // row_bytes)))


def tile_columns(n_rows: int) -> int:
    """Return how wide a tile is: as many entries stay in the cache, eight by eight."""
    columns = min(_WIDEST, TILE_ROWS * TILE_COLUMNS // max(1, n_rows))
    return max(1, columns - columns % 8 or columns)


def distinct_rows(X: Floats) -> tuple[Integers, Integers]:
    """Return the index of each distinct row's first copy, and each row's place among those.

    The distinct rows come in lexicographic order, whatever the order of `X`.
    """
    keys = _sort_keys(X)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    is_first = np.ones(len(X), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    place = np.empty_like(order)
    place[order] = np.cumsum(is_first) - 1
    return order[is_first], place


def _sort_keys(X: Floats) -> np.ndarray:
    """Return rows as strings of bytes that are ordered as the rows are."""
    bits = np.add(X, 0.0, dtype=np.float64).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
    bits ^= _flips(bits)
    return bits.astype(">u8").view(f"V{8 * X.shape[1]}").ravel()


def _flips(bits: Integers) -> Integers:
    """Return the bits that make unsigned integers, flipped, be in the order of the floats."""
    flips = bits.view(np.int64) >> 63  # all bits of a negative number, the sign of any other
    flips |= np.iinfo(np.int64).min
    return flips.view(np.uint64)


@dataclass(frozen=True, eq=False)
class Queries:
    """Rows prepared to be multiplied with `Points`: ``lifted @ points.lifted.T`` = distances."""

    rows: Floats
    lifted: Floats
    sizes: Floats
    known: Floats | None = None

    def __getitem__(self, part: slice | Integers) -> Self:
        known = None if self.known is None else self.known[part]
        return replace(
            self,
            rows=self.rows[part],
            lifted=self.lifted[part],
            sizes=self.sizes[part],
            known=known,
        )

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Points:
    """Points, and the unit in which distances to them are measured.

    ``lifted`` holds ``[z, 1, |z|^2]`` with ``z = (row - centre) * scale``, so that one product with
    a lifted query, ``[-2z', |z'|^2, 1]``, is the squared distance in units of ``1 / scale``.
    """

    rows: Floats
    centre: Floats
    scale: float
    radius_squared: float
    lifted: Floats
    sizes: Floats

    @classmethod
    def measured(cls, rows: Floats, radius: float) -> Self:
        """Prepare `rows` (float64, C order) for distances about as long as `radius`."""
        scale = 1.0 / power_of_two(max(radius, np.finfo(np.float64).tiny))
        centre = (rows / len(rows)).sum(axis=0)  # divided first: a sum of 1e308s would overflow
        with np.errstate(over="ignore", under="ignore"):
            coarse = np.rint(centre * scale * _GRID) / _GRID / scale
        centre = np.where(np.isfinite(coarse), coarse, centre)  # rows of a lattice lose nothing
        return cls(rows, centre, scale, (radius * scale) ** 2, *_lifted(rows, centre, scale))

    def __len__(self) -> int:
        return len(self.rows)

    def lift(self, X: Floats) -> Queries:
        """Prepare float64 queries for products with these points."""
        z, squares = _centred(X, self.centre, self.scale)
        with np.errstate(over="ignore"):
            lifted = np.column_stack([-2.0 * z, squares, np.ones(len(z))])
        return Queries(X, lifted, np.sqrt(squares))

    def lift_known(self, X: Floats, known: Floats) -> tuple[Self, Queries]:
        """Prepare points and queries for distances over each query's `known` coordinates alone."""
        z, squares = _centred(np.where(known, X, self.centre), self.centre, self.scale)
        mine = self.lifted[:, : X.shape[1]]
        with np.errstate(over="ignore", under="ignore"):
            queries = np.column_stack([-2.0 * z, squares, known.astype(float)])
            points = np.column_stack([mine, np.ones(len(mine)), mine**2])
        rows = np.where(known, X, 0.0)
        return replace(self, lifted=points), Queries(rows, queries, np.sqrt(squares), known)

    def tiles(self, queries: Queries) -> Iterator[tuple[int, Floats, Floats]]:
        """Yield (first column, squared distances, their error bound for each query).

        With lengths ``|x|``, ``|y|`` from the centre and a lifted length L, rounding the centred
        rows, their norms and the product, and the direct difference that would decide instead,
        err by at most ``(3 L + 16) u (|x| + |y|)^2`` together.  A bound that is not finite, or a
        distance that is not a number (data too far apart to be squared), means: recompute.
        """
        slack = (3 * self.lifted.shape[1] + 16) * UNIT_ROUNDOFF
        for columns in slices(len(self), tile_columns(len(queries))):
            with np.errstate(over="ignore", invalid="ignore"):
                squared = queries.lifted @ self.lifted[columns].T
                error = slack * (queries.sizes + self.sizes[columns].max()) ** 2
            yield columns.start, squared, error

    def direct(self, queries: Queries, query: Integers, point: Integers) -> Floats:
        """Return the squared distances of single pairs from direct differences: the truth."""
        squared = np.empty(len(query))
        for part, difference in self.differences(queries, query, point):
            with np.errstate(over="ignore", under="ignore"):
                difference *= self.scale
                squared[part] = np.einsum("ij,ij->i", difference, difference)
        return squared

    def distances(self, queries: Queries, query: Integers, point: Integers) -> Floats:
        """Return the distances of single pairs in data units, however long or short they are."""
        distance = np.empty(len(query))
        for part, difference in self.differences(queries, query, point):
            exponent = np.frexp(np.abs(difference).max(axis=1))[1]
            difference = np.ldexp(difference, -exponent[:, None])
            length = np.sqrt(np.einsum("ij,ij->i", difference, difference))
            with np.errstate(over="ignore"):
                distance[part] = np.ldexp(length, exponent)
        return distance

    def differences(
        self, queries: Queries, query: Integers, point: Integers
    ) -> Iterator[tuple[slice, Floats]]:
        """Yield (pairs, query - point) in data units, some pairs at a time."""
        for part in slices(len(query), DIRECT_ELEMENTS // self.rows.shape[1]):
            with np.errstate(over="ignore"):  # beyond the floats: infinitely far
                difference = queries.rows.take(query[part], axis=0)
                difference -= self.rows.take(point[part], axis=0)
            if queries.known is not None:
                difference *= queries.known.take(query[part], axis=0)
            yield part, difference


def _lifted(rows: Floats, centre: Floats, scale: float) -> tuple[Floats, Floats]:
    lifted = np.ones((len(rows), rows.shape[1] + 2))
    lifted[:, -1] = _centred(rows, centre, scale, out=lifted[:, :-2])[1]
    return lifted, np.sqrt(lifted[:, -1])


def _centred(
    rows: Floats, centre: Floats, scale: float, out: Floats | None = None
) -> tuple[Floats, Floats]:
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.subtract(rows, centre, out=out)
        z *= scale
        return z, np.einsum("ij,ij->i", z, z)


def in_segments(first: Integers, length: Integers) -> Integers:
    """Return ``first[i], first[i] + 1, ...``, `length[i]` of them, one segment after another."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(length.sum())


def leave_out(start: int, skip: Integers, tile: np.ndarray, value: float) -> None:
    """Overwrite, in a tile whose first column is `start`, the entry (i, skip[i]) of each row."""
    row = np.flatnonzero((skip >= start) & (skip < start + tile.shape[1]))
    tile[row, skip[row] - start] = value


def pooled(A: Floats, place: Integers) -> Floats:
    """Add up the columns of each place: column j of A goes to column ``place[j]``."""
    order = np.argsort(place, kind="stable")
    return np.add.reduceat(A[:, order], np.flatnonzero(np.diff(place[order], prepend=-1)), axis=1)


def segment_sums(values: Floats, indptr: Integers) -> Floats:
    """Add up ``values[indptr[i]:indptr[i + 1]]`` for each i; an empty segment gives 0."""
    total = np.zeros(len(indptr) - 1)
    filled = indptr[:-1] < indptr[1:]
    if filled.any():
        total[filled] = np.add.reduceat(values, indptr[:-1][filled])
    return total


def weighted_offsets(
    points: Points, indices: Integers, weights: Floats, indptr: Integers
) -> tuple[Floats, Floats]:
    """Return the weighted mean of each segment's points, as ``anchor + offset``.

    Points near their common centre are averaged relative to that (a single one is itself, exactly),
    others relative to the first point of each segment: data far from the origin lose nothing.  Each
    segment is added up in its own order, whatever stands beside it.  Empty segments give zeros.
    """
    if points.sizes.max() <= _COMPACT:
        return _centred_means(points, indices, weights, indptr)
    rows = points.rows
    n_segments, n_features = len(indptr) - 1, rows.shape[1]
    anchor, offset = np.zeros((2, n_segments, n_features))
    filled = np.flatnonzero(indptr[:-1] < indptr[1:])
    anchor[filled] = rows[indices[indptr[filled]]]
    total = segment_sums(weights, indptr)
    for part in segment_batches(indptr, max(1, DIRECT_ELEMENTS // n_features)):
        entries = slice(indptr[part.start], indptr[part.stop])
        lengths = np.diff(indptr[part.start : part.stop + 1])
        difference = rows.take(indices[entries], axis=0)
        difference -= np.repeat(anchor[part], lengths, axis=0)
        with np.errstate(under="ignore"):
            difference *= points.scale
        pointers = indptr[part.start : part.stop + 1] - indptr[part.start]
        shape = (len(lengths), len(difference))
        summation = csr_array((weights[entries], np.arange(len(difference)), pointers), shape=shape)
        offset[part] = summation @ difference
    offset[filled] /= total[filled, None]
    return anchor, offset / points.scale


def _centred_means(
    points: Points, indices: Integers, weights: Floats, indptr: Integers
) -> tuple[Floats, Floats]:
    lengths = np.diff(indptr)
    anchor = np.where((lengths > 0)[:, None], points.centre, 0.0)
    single = np.flatnonzero(lengths == 1)
    anchor[single] = points.rows[indices[indptr[single]]]
    summation = csr_array((weights, indices, indptr), shape=(len(lengths), len(points)))
    sums = summation @ points.lifted  # of z, of 1, of |z|^2
    offset = sums[:, :-2] / np.where(lengths > 0, sums[:, -2], 1.0)[:, None]
    offset[single] = 0.0
    return anchor, offset / points.scale


def segment_batches(indptr: Integers, most: int) -> Iterator[slice]:
    """Split segments into runs of about `most` entries, at least one segment each."""
    start = 0
    while start < len(indptr) - 1:
        stop = int(np.searchsorted(indptr, indptr[start] + most, side="right")) - 1
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


def rounding_of_means(X: Floats, reach: float) -> Floats:
    """Bound how far rounding puts means of points within `reach`: of differences, and of itself."""
    size = np.abs(X).max(axis=1)
    with np.errstate(under="ignore"):
        return _ROUNDINGS * UNIT_ROUNDOFF * reach + 2 * X.shape[1] ** 0.5 * UNIT_ROUNDOFF * size


class LogSum:
    """A running ``log(sum(exp(terms)))`` for each row, and the mean of vectors under those terms.

    Terms arrive tile by tile; nothing overflows, and exponents are clamped where the result no
    longer depends on them (exponentials that underflow cost up to fifty times as much).
    """

    def __init__(self, n_rows: int, n_features: int) -> None:
        self.peak = np.full(n_rows, -np.inf)
        self.total = np.zeros(n_rows)
        self.vectors = np.zeros((n_rows, n_features))

    def add(self, terms: Floats, vectors: Floats) -> None:
        """Take in a tile of terms (n_rows, m), overwritten, and the m vectors that they weigh."""
        peak = np.maximum(self.peak, terms.max(axis=1))
        safe = np.where(np.isfinite(peak), peak, 0.0)
        fading = np.exp(self.peak - safe)
        terms -= safe[:, None]
        if terms.min() < -700.0:
            np.clip(terms, -700.0, 0.0, out=terms)
        shares = np.exp(terms, out=terms)
        self.peak = peak
        self.total = self.total * fading + shares @ np.ones(shares.shape[1])
        if vectors.shape[1]:
            self.vectors = self.vectors * fading[:, None] + shares @ vectors

    def log(self) -> Floats:
        """Return the logarithm of the sum so far."""
        return self.peak + np.log(self.total)

    def mean(self) -> Floats:
        """Return the mean of the vectors so far."""
        return self.vectors / self.total[:, None]
