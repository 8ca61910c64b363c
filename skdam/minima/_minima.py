"""What is told of the minima of a memory, whichever way they were found."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from .._math import Floats, Integers, Points, Queries, row_blocks, weighted_offsets
from .._patterns import Patterns
from ..energies import KernelEnergy

#: Points are first looked for so many radii beyond the rim; the slack of that.
_BEYOND, _SLACK = 0.25, 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Minima:
    """Strict local minima of an Epanechnikov energy, one entry per minimum.

    They come sorted by the number of their distinct members and then by these in lexicographic
    order, whatever the order of the memories. An index, a slice, a mask or a list of indices picks
    some of them, as ``minima[minima.is_emergent]``; a selection is not `complete`.

    Attributes
    ----------
    points : ndarray of shape (n, D), float64
        The minima: each the weighted mean of its members.
    energies : ndarray of shape (n,), float64
        Their energy, in squared data units.
    members : list of n ndarrays of int
        Indices into `memories_` of the memories strictly within the bandwidth, all copies included.
    margins : ndarray of shape (n,), float64
        Distance to the nearest rim, ``min |r - |x - xi||`` over all memories, in data units: every
        query nearer than that returns to the minimum in one step, and some at that distance do not.
    is_emergent : ndarray of shape (n,), bool
        Whether the minimum has two or more distinct members and equals no stored memory.
    complete : bool
        Whether these are certainly all minima.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory, enumerate_minima
    >>> minima = enumerate_minima(EpanechnikovMemory(bandwidth=1.5).fit([[-1.0], [1.0]]))
    >>> emergent = minima[minima.is_emergent]
    >>> emergent
    Minima(1, 1 of them emergent; not complete)
    >>> emergent.points, emergent.members[0].tolist(), emergent.margins
    (array([[0.]]), [0, 1], array([0.5]))
    """

    points: Floats
    energies: Floats
    members: list[np.ndarray]
    margins: Floats
    is_emergent: np.ndarray
    complete: bool

    def __repr__(self) -> str:
        whole = "complete" if self.complete else "not complete"
        return f"Minima({len(self)}, {int(self.is_emergent.sum())} of them emergent; {whole})"

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, chosen: int | slice | np.ndarray) -> Self:
        index = np.atleast_1d(np.arange(len(self))[chosen])
        if index.ndim > 1:
            raise IndexError("Minima take an index, a slice, a mask or a list of indices.")
        return replace(
            self,
            complete=self.complete and len(np.unique(index)) == len(self),
            points=self.points[index],
            energies=self.energies[index],
            members=[self.members[i] for i in index],
            margins=self.margins[index],
            is_emergent=self.is_emergent[index],
        )


def describe_minima(energy: KernelEnergy, sets: csr_array, complete: bool) -> Minima:
    """Return all there is to tell of self-consistent sets: rows over the distinct memories."""
    sets = sets[_canonical_order(sets)]
    patterns = energy.patterns
    points = centroids(patterns, sets)
    copies = patterns.given(sets)
    return Minima(
        points=points,
        energies=energy.value(points),
        members=np.split(copies.indices, copies.indptr[1:-1]) if len(points) else [],
        margins=nearest_to_rim(energy, points, 1)[1][:, 0],
        is_emergent=(np.diff(sets.indptr) > 1) & (energy.recalled(points) < 0),
        complete=complete,
    )


def _canonical_order(sets: csr_array) -> Integers:
    """Order rows by size, then lexicographically by their (ascending) indices; equal ones once."""
    sizes, order = np.diff(sets.indptr), [np.empty(0, dtype=np.intp)]
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        rows = sets.indices[sets.indptr[same][:, None] + np.arange(size)]
        by_index = np.lexsort(rows.T[::-1])
        rows = rows[by_index]
        is_new = np.append(True, (rows[1:] != rows[:-1]).any(axis=1))
        order.append(same[by_index[is_new]])
    return np.concatenate(order)


def centroids(patterns: Patterns, sets: csr_array) -> Floats:
    """Return the weighted mean of each set of distinct memories."""
    weights = patterns.weights[sets.indices]
    anchor, offset = weighted_offsets(patterns.points, sets.indices, weights, sets.indptr)
    return anchor + offset


def nearest_to_rim(energy: KernelEnergy, X: Floats, most: int) -> tuple[Integers, Floats]:
    """Return the points whose spheres are nearest to each row, and how near these are.

    The nearest come first, and of equally near ones those of the lower index.  Points somewhat
    beyond the radius are looked at first, and all only where these do not settle it.
    """
    search, points = energy.patterns.search, energy.patterns.points
    most, radius = min(most, len(points)), points.radius_squared**0.5 / points.scale
    index, gap = np.zeros((len(X), most), dtype=np.intp), np.full((len(X), most), np.inf)
    for rows, near in search.sets(X, energy.algorithm, 1.0 + _BEYOND, "members"):
        enough = np.flatnonzero(np.diff(near.indptr) >= most)
        keep = np.isin(near.query, enough)
        query = np.searchsorted(enough, near.query[keep])
        place = rows[enough]
        index[place], gap[place] = _nearest_gaps(
            points, X[place], radius, query, near.indices[keep], most
        )
    unsure = np.flatnonzero(~(gap[:, -1] <= _BEYOND * radius * (1.0 - _SLACK)))
    for part in row_blocks(len(unsure), 64 * len(points)):
        rows = unsure[part]
        low, high = _gap_bounds(points, points.lift(X[rows]), radius)
        worst = np.partition(high, most - 1, axis=1)[:, most - 1 : most]
        query, point = np.nonzero(low <= worst)
        index[rows], gap[rows] = _nearest_gaps(points, X[rows], radius, query, point, most)
    return index, gap


def _nearest_gaps(
    points: Points, X: Floats, radius: float, query: Integers, point: Integers, most: int
) -> tuple[Integers, Floats]:
    """Return the `most` smallest gaps of each row among pairs, in ascending order of the point."""
    exact = np.abs(points.distances(points.lift(X), query, point) - radius)
    order = np.lexsort((exact, query))  # stable
    first = np.searchsorted(query[order], np.arange(len(X)))
    best = order[first[:, None] + np.arange(most)]
    return point[best], exact[best]


def _gap_bounds(points: Points, queries: Queries, radius: float) -> tuple[Floats, Floats]:
    """Bound the distance of each query to the sphere around each point from below and above."""
    low, high = np.empty((2, len(queries), len(points)))
    for start, squared, error in points.tiles(queries):
        tile = np.s_[:, start : start + squared.shape[1]]
        with np.errstate(invalid="ignore"):
            nearest, farthest = squared - error[:, None], squared + error[:, None]
        nearest = np.sqrt(np.where(nearest > 0, nearest, 0.0)) / points.scale - radius
        farthest = np.sqrt(np.where(farthest >= 0, farthest, np.inf)) / points.scale - radius
        low[tile] = np.maximum(np.maximum(nearest, -farthest), 0.0)
        high[tile] = np.maximum(np.abs(nearest), np.abs(farthest))
    return low, high
