"""Who is near states that move: lists that outlive several steps.

A list holds the points within the reach and a skin of a state.  As long as the state has moved by
no more than the skin, all points within its reach are on its list (a Verlet list, as in molecular
dynamics), and only these are looked at again.
"""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers, in_segments
from ._index import DIRECT, LOOK, Task, nanoseconds
from ._search import Search
from ._sets import ActiveSets

#: Width of the first skin, in radii; of later ones in steps, and its bounds in radii.
FIRST, STEPS, NARROWEST, WIDEST = 0.15, 4.0, 0.01, 0.2
#: Lists are kept if looking at them costs at most this share of a search.
_WORTH = 0.6
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
    task : {"distances", "members"}, default="distances"
        Whether distances matter, or only who is near.
    """

    def __init__(
        self,
        search: Search,
        algorithm: str,
        n_rows: int,
        reach: float = 1.0,
        task: Task = "distances",
    ) -> None:
        self.search, self.algorithm, self.reach, self.task = search, algorithm, reach, task
        self._anchor, self._last = np.full((2, n_rows, search.points.rows.shape[1]), np.nan)
        self._skin = np.full(n_rows, -1.0)  # no list
        self._too_wide = np.inf  # skins from this width on cost more than they save
        self._searching = np.nan  # nanoseconds a row
        self._members = np.nan  # of a row, when last searched
        self._first, self._length = np.zeros((2, n_rows), dtype=np.intp)
        self._in_use = np.zeros(n_rows, dtype=bool)
        self._pool = np.empty(0, dtype=np.intp)

    def sets(self, rows: Integers, X: Floats) -> Iterator[tuple[Integers, ActiveSets]]:
        """Yield the active sets of the states `X` of some rows, block by block."""
        listed = self._moved(X, self._anchor[rows]) <= self._skin[rows]
        step = self._moved(X, self._last[rows])
        self._last[rows] = X
        self._in_use[:] = False
        self._in_use[rows[listed]] = True
        here, stale = np.flatnonzero(listed), np.flatnonzero(~listed)
        if here.size:
            for part, sets in self._looked_up(rows[here], X[here]):
                yield here[part], sets
        if stale.size:
            for part, sets in self._searched(rows[stale], X[stale], self._next_skin(step[stale])):
                yield stale[part], sets

    def _moved(self, X: Floats, before: Floats) -> Floats:
        """Return by how many radii rows have moved, rounded up; NaN if they are new."""
        points = self.search.points
        with np.errstate(over="ignore", invalid="ignore"):
            way = (X - before) * points.scale
            return np.sqrt(np.einsum("ij,ij->i", way, way) / points.radius_squared) * (1 + _SLACK)

    def _next_skin(self, step: Floats) -> float:
        """Return a skin that should last some steps, 0 (no list) if one as wide did not pay."""
        known = step[np.isfinite(step)]
        skin = FIRST
        if known.size:
            skin = float(np.clip(STEPS * np.median(known), NARROWEST, WIDEST))
        return skin if skin < self._too_wide and not self._too_long(self._members) else 0.0

    def _searched(
        self, rows: Integers, X: Floats, skin: float
    ) -> Iterator[tuple[Integers, ActiveSets]]:
        """Search among all points, and make new lists of what was found."""
        if self.algorithm == "auto":
            self.algorithm = self.search.choose(X, self.reach, self.task)
        if np.isnan(self._searching):
            index, limit = self.search.index(self.algorithm), self.search.limit(self.reach)
            self._searching = index.cost(X, limit, self.task) / len(X)
        within = self.reach if skin else None
        blocks = self.search.sets(X, self.algorithm, self.reach + skin, self.task, within)
        if not skin:
            for part, sets in blocks:
                self._members = len(sets.indices) / len(part)
                yield part, sets
            return
        found, room = [], self.search.most - self._length[self._in_use].sum()
        for part, near in blocks:
            room -= len(near.indices)
            length = len(near.indices) / len(part)
            if skin < self._too_wide and room >= 0:
                found.append((rows[part], X[part], near.indptr, near.indices))
                self._too_wide = skin / 2 if self._too_long(length) else self._too_wide
            sets = self._within(X[part], near)
            self._members = len(sets.indices) / len(part)
            yield part, sets
        if skin < self._too_wide:
            self._keep(found, skin)

    def _too_long(self, length: float) -> bool:
        """Return whether looking at lists of this length costs much beside a search."""
        price = LOOK if self.task == "members" else DIRECT
        looking = length * nanoseconds(price, self._last.shape[1])
        return looking > _WORTH * self._searching

    def _keep(self, found: list[tuple[Integers, Floats, Integers, Integers]], skin: float) -> None:
        """Add (rows, states, indptr, indices) to the pool; lists of rows at rest go."""
        self._skin[~self._in_use] = -1.0
        kept = np.flatnonzero(self._in_use)
        pool = [self._pool[in_segments(self._first[kept], self._length[kept])]]
        self._first[kept] = np.cumsum(self._length[kept]) - self._length[kept]
        size = len(pool[0])
        for rows, X, indptr, indices in found:
            self._anchor[rows], self._first[rows] = X, size + indptr[:-1]
            self._length[rows], self._skin[rows] = np.diff(indptr), skin
            pool.append(indices)
            size += len(indices)
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
            indptr = np.concatenate([[0], np.cumsum(length)])
            if self.task == "members":
                (inside,) = self.search.nearer(queries[part], indptr, point, (limit,))
                squared = np.zeros(len(point))
            else:
                query = np.repeat(part, length)
                squared = points.direct(queries, query, point)
                inside = squared < limit
            yield part, ActiveSets(indptr, point, squared / points.radius_squared).where(inside)
