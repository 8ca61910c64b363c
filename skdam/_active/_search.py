"""The back ends over one set of points, and the choice among them."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Self, cast

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn import get_config

from .._math import (
    BLOCK_BYTES,
    SUM_ERROR,
    TILE_COLUMNS,
    UNIT_ROUNDOFF,
    Floats,
    Integers,
    Points,
    Queries,
    slices,
)
from ._cells import Cells
from ._gemm import Gemm
from ._index import Index, Task
from ._pca import PCA
from ._refine import Refine
from ._runs import Runs
from ._sets import ActiveSets
from ._totals import Profile
from ._tree import Tree

BACK_ENDS: dict[str, type[Index]] = {
    "tree": Tree,
    "gemm": Gemm,
    "refine": Refine,
    "pca": PCA,
    "cells": Cells,
}
#: Below so many pairs nothing is measured: a product is soon done.
_FEW_PAIRS = 2**18
#: A tree pays in few dimensions, principal axes in many, and cells need points to be made of. The
#: axes of few points cost more than they save.
_TREE_FEATURES, _PCA_FEATURES, _CELLS_POINTS = 6, 8, 4096
#: From so many features on, bounds of single precision cost less than differences.
SINGLE_FEATURES = 8
#: A radius so many times longer or shorter than the unit gets a unit of its own: far from where
#: squares in float32 end.
_SAME_UNIT = 2.0**16
#: Bytes that one entry of a set takes while it is found.
_ENTRY = 64
#: Entries that a block should have: larger arrays are got from the system, and given back, each
#: time.  Blocks of fewer rows cost more than they save.
_HANDY, _FEWEST = 2**17, 64


class Search:
    """The points of one radius, and whatever back ends were asked for."""

    def __init__(self, points: Points, weights: Floats) -> None:
        self.points = points
        self.weights = weights
        self._indexes: dict[str, Index] = {}

    def __len__(self) -> int:
        return len(self.points)

    def at(self, radius: float) -> Self:
        """Return the same search for another radius, in data units.

        It shares what was built, unless the radius is so different that its unit no longer suits.
        """
        ratio = radius * self.points.scale
        if not 1.0 / _SAME_UNIT < ratio < _SAME_UNIT:
            return type(self)(Points.measured(self.points.rows, radius), self.weights)
        other = copy(self)
        other.points = replace(self.points, radius_squared=ratio**2)
        return other

    def index(self, name: str) -> Index:
        """Return a back end, built when first asked for; of two threads' the first is kept."""
        if name not in self._indexes:
            self._indexes.setdefault(name, BACK_ENDS[name](self.points, self.weights))
        return self._indexes[name]

    @property
    def tree(self) -> Tree:
        """The back end that knows what is far behind the nearest point."""
        return cast(Tree, self.index("tree"))

    def nearer(self, queries: Queries, runs: Runs, limit: float) -> np.ndarray:
        """Return which pairs of some runs are nearer than ``sqrt(limit)``."""
        if self.points.rows.shape[1] >= SINGLE_FEATURES:
            return cast(Refine, self.index("refine")).nearer(queries, runs, limit)
        return self.points.direct(queries, *runs.pairs()) < limit

    def among(self, queries: Queries, runs: Runs, limit: float, task: Task) -> ActiveSets:
        """Return the part of some runs that is nearer than ``sqrt(limit)``."""
        indptr, point = runs.taken(np.flatnonzero(self.nearer(queries, runs, limit)))
        if task == "members":
            return ActiveSets.of_members(indptr, point)
        query = np.repeat(np.arange(len(queries)), np.diff(indptr))
        squared = self.points.direct(queries, query, point)
        return ActiveSets(indptr, point, squared / self.points.radius_squared)

    def prepare(self, algorithm: str) -> None:
        """Build all that searches by `algorithm` will need, whatever they are asked."""
        single = ["refine"] if self.points.rows.shape[1] >= SINGLE_FEATURES else []
        for name in self._suitable() if algorithm == "auto" else [algorithm, *single]:
            self.index(name)

    def choose(self, X: Floats, reach: float = 1.0, task: Task = "distances") -> str:
        """Return the back end that a few of these queries find cheapest."""
        if len(X) * len(self) <= _FEW_PAIRS:
            return "gemm"
        limit, taken, least = self.limit(reach), "gemm", np.inf
        for name in sorted(self._suitable(), key=lambda name: self.index(name).floor()):
            index = self.index(name)
            if len(X) * index.floor() >= least:
                break
            cost = index.cost(X, limit, task)
            if cost < least:
                taken, least = name, cost
        return taken

    def limit(self, reach: float) -> float:
        """Return the square of `reach` radii, in units of the points."""
        return self.points.radius_squared * reach**2

    def sets(
        self,
        X: Floats,
        algorithm: str = "auto",
        reach: float = 1.0,
        task: Task = "distances",
    ) -> Iterator[tuple[Integers, ActiveSets]]:
        """Yield the active sets of the float64 queries `X`, block by block.

        Parameters
        ----------
        X : ndarray of shape (n, D), float64
        algorithm : {"auto"} or a key of BACK_ENDS
            How to search; the answer does not depend on it.
        reach : float, default=1.0
            Find the points within so many radii.
        task : {"distances", "members"}, default="distances"
            Whether the distances matter, or only who is near; they are then rough.

        Yields
        ------
        rows : ndarray of int
            The rows of `X` that this block answers.
        sets : ActiveSets
        """
        if not len(X):
            return
        index = self.index(self.choose(X, reach, task) if algorithm == "auto" else algorithm)
        order, limit = index.order(X, task), self.limit(reach)
        order = np.arange(len(X)) if order is None else order
        nearer = self.nearer if task == "members" else None
        start, most = 0, min(index.rows, max(1, self.most // min(len(self), TILE_COLUMNS)))
        size = most
        while start < len(X):
            rows = order[start : start + size]
            sets = index.sets(self.points.lift(X[rows]), limit, nearer, self.most)
            if sets is None:
                size = len(rows) // 2
                continue
            yield rows, sets
            start += len(rows)
            per_row = 1 + len(sets.indices) // len(rows)
            size = min(most, max(_FEWEST, _HANDY // per_row))

    def totals(
        self,
        X: Floats,
        kernel: Profile,
        algorithm: str = "auto",
        skip: Integers | None = None,
        error: float = SUM_ERROR,
    ) -> Floats:
        """Return ``sum w k(u)`` for each query, without one point where `skip` names it.

        It is right to a relative `error`: what a product cannot promise is added up again exactly.
        """
        if not len(X):
            return np.empty(0)
        if algorithm == "auto":
            algorithm = self.choose(X, task="sums")
        index, limit = self.index(algorithm), self.points.radius_squared
        order = index.order(X, "sums")
        order = np.arange(len(X)) if order is None else order
        total, bound = np.empty((2, len(X)))
        for part in slices(len(X), index.sums):
            rows = order[part]
            total[rows], bound[rows] = index.totals(self.points.lift(X[rows]), kernel, limit)
        if skip is not None:
            self._leave_out(X, skip, kernel, total, bound)
        unsure = order[~(bound[order] <= error * total[order])]
        for part in slices(len(unsure), index.sums):
            rows = unsure[part]
            left_out = None if skip is None else skip[rows]
            total[rows] = index.exact_totals(self.points.lift(X[rows]), kernel, limit, left_out)
        return total

    def _leave_out(
        self, X: Floats, skip: Integers, kernel: Profile, total: Floats, bound: Floats
    ) -> None:
        """Take one point's term off each total, which leaves the error of the whole."""
        squared = self.points.direct(self.points.lift(X), np.arange(len(X)), skip)
        u = np.minimum(squared / self.points.radius_squared, 1.0)
        term = np.where(u < 1.0, self.weights[skip] * kernel.profile(u), 0.0)
        bound += 1024.0 * UNIT_ROUNDOFF * term  # of so many terms added at once
        total -= term

    def marked(self, X: Floats, algorithm: str = "auto", reach: float = 1.0) -> csr_array:
        """Return all active sets as sparse rows of booleans, in the order of `X`."""
        blocks = self.sets(X, algorithm, reach, task="members")
        marked = [(rows, sets.marked(len(self))) for rows, sets in blocks]
        return in_order(marked, (len(X), len(self)))

    @property
    def most(self) -> int:
        """How many entries several rows may have together."""
        return int(min(BLOCK_BYTES, get_config()["working_memory"] * 2**20) // _ENTRY)

    def _suitable(self) -> list[str]:
        """Return the back ends that may pay for these points."""
        n, n_features = self.points.rows.shape
        suits = {
            "tree": n_features <= _TREE_FEATURES,
            "gemm": True,
            "refine": True,
            "pca": n_features >= _PCA_FEATURES and n**2 > _FEW_PAIRS,
            "cells": n >= _CELLS_POINTS and n_features > 2,
        }
        return [name for name in BACK_ENDS if suits[name]]


def in_order(blocks: list[tuple[Integers, csr_array]], shape: tuple[int, int]) -> csr_array:
    """Put blocks of sparse rows back where they belong."""
    if not blocks:
        return csr_array(shape)
    rows = np.concatenate([rows for rows, _ in blocks])
    stacked = csr_array(vstack([block for _, block in blocks]))
    return stacked if (np.diff(rows) > 0).all() else stacked[np.argsort(rows)]
