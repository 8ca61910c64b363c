"""Active sets among clustered points: whole cells are skipped by the triangle inequality.

The points are split into cells by k-means.  A query farther from a cell's centre than the cell's
radius plus its own has no active point there; in the cells that are left, float32 proposes and
float64 decides.
"""

from collections.abc import Iterator

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import csr_array

from .._math import Floats, Integers, Points, Queries, slices
from ._index import SINGLE, Task, nanoseconds, sampled
from ._proposer import SCAN, Proposer
from ._sets import Found
from ._single import SingleProduct, centred

#: Rows for each cell that k-means sees, its steps, and the most cells.
_ROWS_PER_CELL, _STEPS, _MOST_CELLS = 60, 8, 2000
#: Nanoseconds that a query costs for each centre, and in a cell, beyond the products.
_CENTRE, _VISIT = 15.0, 120.0
#: Relative slack of distances to centres, far above their rounding.
_SLACK = 1e-6
#: Rows whose distances to all centres are held at a time.
_BLOCK = 4096


class Cells(Proposer):
    """Cells of points; those beyond reach of a query are skipped."""

    ascending = False

    def __init__(self, points: Points, weights: Floats) -> None:
        super().__init__(points, weights)
        z, squares = points.lifted[:, :-2], points.lifted[:, -1]
        self.centres = _centres(z)
        cell = _nearest(z, self.centres)
        self.place = np.argsort(cell, kind="stable")
        self.start = np.searchsorted(cell[self.place], np.arange(len(self.centres) + 1))
        self.radius = _radii(z, self.centres, cell)
        self.product = SingleProduct(z[self.place], squares[self.place])

    def order(self, X: Floats, task: Task) -> Integers:
        queries = self.points.lift(X)
        nearest = [
            _nearest(centred(queries[rows])[0], self.centres) for rows in slices(len(X), _BLOCK)
        ]
        return np.argsort(np.concatenate(nearest), kind="stable")

    def floor(self) -> float:
        return len(self.centres) * (nanoseconds(SINGLE, self.width) + _CENTRE)

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        sample = sampled(X)
        queries = self.points.lift(sample)
        visited = self._visits(queries, limit)
        pairs = visited.sum(axis=0) @ np.diff(self.start)
        proposed = self.count(queries, limit)
        spent = pairs * (nanoseconds(SINGLE, self.width) + SCAN)
        spent += visited.sum() * _VISIT + proposed * self.price(task)
        return len(X) * (self.floor() + spent / len(sample))

    def _visits(self, queries: Queries, limit: float) -> np.ndarray:
        """Return which cells may hold active points of each query."""
        z, squares = centred(queries)
        reach = (np.sqrt(limit) + self.radius) * (1.0 + _SLACK)
        size = np.sqrt(squares)[:, None] + np.linalg.norm(self.centres, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.sqrt(np.maximum(squared_distances(z, self.centres), 0.0))
            return ~(distance > reach + _SLACK * size)

    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        visits = self._visits(queries, limit)
        for cell in np.flatnonzero(visits.any(axis=0)):
            here = np.flatnonzero(visits[:, cell])
            rows = slice(self.start[cell], self.start[cell + 1])
            for query, row, lower in self.product.bounded(lifted[here], limit, rows):
                yield here[query], self.place[row], lower


def _centres(z: Floats) -> Floats:
    """Return about sqrt(n) centres, near ones one after another; one where lengths overflow."""
    n_cells = min(int(len(z) ** 0.5), _MOST_CELLS)
    z = z[:: max(1, len(z) // (n_cells * _ROWS_PER_CELL))]
    with np.errstate(over="ignore", invalid="ignore"):
        bounded = np.isfinite(np.einsum("ij,ij->", z, z) * 4)
    if n_cells < 2 or not bounded:
        return np.zeros((1, z.shape[1]))
    centres = _k_means(z, n_cells)
    return centres[leaves_list(linkage(centres, "average"))]


def _k_means(z: Floats, n_cells: int) -> Floats:
    """Return centres after a few steps from random points; one that nobody is near stays.

    Not scikit-learn's: its OpenMP hangs in a forked child, and it sets BLAS's threads, and filters
    of warnings, for the whole process.
    """
    every = np.arange(len(z))
    centres = z[np.random.RandomState(0).permutation(len(z))[:n_cells]]
    for _ in range(_STEPS):
        cell = _nearest(z, centres)
        members = csr_array((np.ones(len(z)), (cell, every)), (n_cells, len(z)))
        counts = np.bincount(cell, minlength=n_cells)[:, None]
        centres = np.where(counts > 0, (members @ z) / np.maximum(counts, 1), centres)
    return centres


def _nearest(z: Floats, centres: Floats) -> Integers:
    """Return which centre each point is nearest to."""
    blocks = slices(len(z), _BLOCK)
    return np.concatenate([squared_distances(z[rows], centres).argmin(axis=1) for rows in blocks])


def squared_distances(z: Floats, centres: Floats) -> Floats:
    """Return squared distances, as right as a product makes them; NaN where it overflows."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        cross = z @ centres.T
        squares = np.einsum("ij,ij->i", z, z)[:, None]
        return squares - 2.0 * cross + np.einsum("ij,ij->i", centres, centres)


def _radii(z: Floats, centres: Floats, cell: Integers) -> Floats:
    """Return how far from its centre the farthest point of each cell is."""
    radius = np.zeros(len(centres))
    for rows in slices(len(z), _BLOCK):
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.linalg.norm(z[rows] - centres[cell[rows]], axis=1)
        np.maximum.at(radius, cell[rows], np.where(np.isnan(distance), np.inf, distance))
    return radius
