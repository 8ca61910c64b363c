"""What is told of the minima of a memory, whichever way they were found."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from .._math import Floats, Points, row_blocks, weighted_offsets
from .._patterns import Patterns
from ..energies import KernelEnergy


@dataclass(frozen=True, eq=False, repr=False)
class Minima:
    """Strict local minima of an Epanechnikov energy, one entry per minimum.

    They come sorted by the number of their distinct members and then by these in lexicographic
    order, whatever the order of the memories. A mask, slice or array of indices picks some of them:
    ``minima[minima.is_emergent]``.

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
        Whether the search that found them has certainly found all.
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

    def __getitem__(self, chosen: slice | np.ndarray) -> Self:
        index = np.arange(len(self))[chosen]
        return replace(
            self,
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
        margins=margins(patterns.points, points, energy.bandwidth),
        is_emergent=(np.diff(sets.indptr) > 1) & (energy.recalled(points) < 0),
        complete=complete,
    )


def _canonical_order(sets: csr_array) -> np.ndarray:
    """Order rows by size, then lexicographically by their (ascending) indices."""
    sizes = np.diff(sets.indptr)
    order = np.argsort(sizes, kind="stable")
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        rows = sets.indices[sets.indptr[same][:, None] + np.arange(size)]
        order[sizes[order] == size] = same[np.lexsort(rows.T[::-1])]
    return order


def centroids(patterns: Patterns, sets: csr_array) -> Floats:
    """Return the weighted mean of each set of distinct memories."""
    weights = patterns.weights[sets.indices]
    anchor, offset = weighted_offsets(patterns.points, sets.indices, weights, sets.indptr)
    return anchor + offset


def margins(points: Points, X: Floats, radius: float) -> Floats:
    """Return the distance of each row to the nearest sphere around a point."""
    margin = np.empty(len(X))
    for rows in row_blocks(len(X), 40 * len(points)):
        queries = points.lift(X[rows])
        bound, found = np.full(len(queries), np.inf), []
        for start, squared, error in points.tiles(queries):
            with np.errstate(invalid="ignore"):
                nearest, farthest = squared - error[:, None], squared + error[:, None]
            low = np.sqrt(np.maximum(nearest, 0.0)) / points.scale - radius
            high = np.sqrt(np.maximum(farthest, 0.0)) / points.scale - radius
            worst = np.maximum(np.abs(low), np.abs(high))
            bound = np.fmin(bound, np.fmin.reduce(worst, axis=1))
            chance = ~(np.maximum(low, -high) > bound[:, None])
            query, column = np.nonzero(chance)
            found.append((query, start + column))
        query, point = (np.concatenate(part) for part in zip(*found, strict=True))
        gap = np.abs(points.distances(queries, query, point) - radius)
        np.minimum.at(block := np.full(len(queries), np.inf), query, gap)
        margin[rows] = block
    return margin
