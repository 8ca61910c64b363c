"""Who is near states that move: lists that outlive several steps.

A list holds the points within the reach and a skin of a state.  As long as the state has moved by
no more than the skin, all points within its reach are on its list (a Verlet list, as in molecular
dynamics), and only these are looked at again.
"""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers, in_segments
from ._index import DIRECT, SINGLE, nanoseconds
from ._search import Search
from ._sets import ActiveSets

#: Width of the skin, in radii.
SKIN = 0.15
#: Lists are kept if looking at them costs at most this share of a pass over all points.
_WORTH = 0.5
#: List entries that are looked at together.
_BATCH = 2**16
#: Relative error of squared distances that a search at a wider reach found, far above its bound.
_SLACK = 1e-11


class Lists:
    """The active sets of n rows that move, by the same back end all along.

    Parameters
    ----------
    search : Search
    algorithm : {"auto"} or a key of BACK_ENDS
    n_rows : int
    reach : float, default=1.0
        In radii.
    """

    def __init__(self, search: Search, algorithm: str, n_rows: int, reach: float = 1.0) -> None:
        self.search, self.algorithm, self.reach = search, algorithm, reach
        self.skin = SKIN
        self._anchor = np.full((n_rows, search.points.rows.shape[1]), np.nan)
        self._first, self._length = np.zeros((2, n_rows), dtype=np.intp)
        self._in_use = np.zeros(n_rows, dtype=bool)
        self._pool = np.empty(0, dtype=np.intp)

    def sets(self, rows: Integers, X: Floats) -> Iterator[tuple[Integers, ActiveSets]]:
        """Yield the active sets of the states `X` of some rows, block by block."""
        listed = self._listed(rows, X)
        self._in_use[:] = False
        self._in_use[rows[listed]] = True
        for chosen, answer in ((listed, self._looked_up), (~listed, self._searched)):
            here = np.flatnonzero(chosen)
            if here.size:
                for part, sets in answer(rows[here], X[here]):
                    yield here[part], sets

    def _listed(self, rows: Integers, X: Floats) -> np.ndarray:
        """Return whether a state is still within the skin of where its list was made."""
        points = self.search.points
        with np.errstate(over="ignore", invalid="ignore"):
            moved = (X - self._anchor[rows]) * points.scale
            distance = np.sqrt(np.einsum("ij,ij->i", moved, moved))
        return distance <= SKIN * points.radius_squared**0.5 * (1.0 - _SLACK)

    def _searched(self, rows: Integers, X: Floats) -> Iterator[tuple[Integers, ActiveSets]]:
        """Search among all points, and make new lists of what was found."""
        if self.algorithm == "auto":
            self.algorithm = self.search.choose(X, self.reach)
        if self.algorithm == "tree":  # it looks at neighbours only as it is
            self.skin = 0.0
        found, skin = [], self.skin
        for part, near in self.search.sets(X, self.algorithm, self.reach + skin):
            self.skin = self.skin if self._pays(near) else 0.0
            if self.skin:
                found.append((rows[part], X[part], near))
            yield part, self._within(X[part], near) if skin else near
        if self.skin:
            self._keep(found)

    def _pays(self, near: ActiveSets) -> bool:
        """Return whether lists are short beside a pass over all points."""
        n_features = self._anchor.shape[1]
        listed = len(near.indices) * nanoseconds(DIRECT, n_features)
        passed = len(near.covered) * len(self.search) * nanoseconds(SINGLE, n_features)
        return listed <= _WORTH * passed

    def _keep(self, found: list[tuple[Integers, Floats, ActiveSets]]) -> None:
        """Add lists to the pool, as far as it may grow; those of rows at rest go."""
        kept = np.flatnonzero(self._in_use & (self._length > 0))
        pool = [self._pool[in_segments(self._first[kept], self._length[kept])]]
        self._first[kept] = np.cumsum(self._length[kept]) - self._length[kept]
        size = len(pool[0])
        for rows, X, near in found:
            if size + len(near.indices) > self.search.most:
                break
            self._anchor[rows], self._first[rows] = X, size + near.indptr[:-1]
            self._length[rows] = np.diff(near.indptr)
            pool.append(near.indices)
            size += len(near.indices)
        self._pool = np.concatenate(pool)

    def _within(self, X: Floats, near: ActiveSets) -> ActiveSets:
        """Return the part of wider sets that is within reach."""
        limit, u = self.reach**2, near.u.copy()
        doubtful = np.flatnonzero(np.abs(u - limit) <= _SLACK * limit)
        points = self.search.points
        squared = points.direct(points.lift(X), near.query[doubtful], near.indices[doubtful])
        inside = u < limit
        inside[doubtful] = squared < self.search.limit(self.reach)
        return near.where(inside)

    def _looked_up(self, rows: Integers, X: Floats) -> Iterator[tuple[Integers, ActiveSets]]:
        """Look again at what is on the lists."""
        points, limit = self.search.points, self.search.limit(self.reach)
        queries, ends = points.lift(X), np.cumsum(self._length[rows])
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(ends // _BATCH)) + 1):
            length = self._length[rows[part]]
            point = self._pool[in_segments(self._first[rows[part]], length)]
            squared = points.direct(queries[part], np.repeat(np.arange(len(part)), length), point)
            u = squared / points.radius_squared
            sets = ActiveSets(np.concatenate([[0], np.cumsum(length)]), point, u)
            yield part, sets.where(squared < limit)
