"""Who is near states that move: lists that outlive several steps and serve several states.

A list holds the points within the reach and a skin of an anchor.  For a state no farther from there
than the skin, all points within its reach are on the list (a Verlet list, as in molecular
dynamics), and only these are looked at again.  States gather on their way: more and more of them
are near one anchor.
"""

from collections.abc import Iterator

import numpy as np

from .._math import Floats, Integers
from ._anchored import Anchored
from ._index import DIRECT, GATHER, SINGLE, Task, nanoseconds, sampled
from ._leaders import leaders, nearest
from ._search import SINGLE_FEATURES, Search
from ._sets import ActiveSets

#: Width of a skin: in steps, and its bounds in radii.
STEPS, NARROWEST, WIDEST = 4.0, 0.02, 0.2
#: Rows share a list up to so far from its anchor, as a share of the skin.
_JOIN = 0.85
#: Rows that may share lists: so many neighbours.
_TOGETHER = 1024
#: Lists are made if looking at them costs at most this share of a search.
_WORTH = 0.6
#: Nanoseconds that a pair costs beside the product, and a list beside its points.
_PAIR, _LIST = 1.5, 5000.0
#: Pairs that are looked at together.
_BATCH = 2**16
#: Relative error of a move.
_SLACK = 1e-11

Blocks = Iterator[tuple[Integers, ActiveSets]]


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
        n_features = search.points.rows.shape[1]
        self._last = np.full((n_rows, n_features), np.nan)
        self._lists = Anchored(n_features)
        self._own = np.full(n_rows, -1)  # which list each row has; -1: none
        self._pays_to, self._too_wide = 0.0, np.inf  # skins that pay, and that do not, begin here
        self._searching = np.nan  # nanoseconds a row

    def sets(self, rows: Integers, X: Floats) -> Blocks:
        """Yield the active sets of the states `X` of some rows, block by block."""
        step = self._moved(X, self._last[rows])
        self._last[rows] = X
        listed = self._listed(rows, X)
        skin = self._next_skin(step[~listed])
        if skin and self._has_room(rows[listed]):
            self._list(rows[~listed], X[~listed], skin)
            listed = self._listed(rows, X)
        for here, ask in ((listed, self._looked_up), (~listed, self._searched)):
            if here.any():
                place = np.flatnonzero(here)
                for part, sets in ask(rows[place], X[place]):
                    yield place[part], sets

    def _moved(self, X: Floats, before: Floats) -> Floats:
        """Return by how many radii rows have moved, rounded up; NaN if they are new."""
        points = self.search.points
        with np.errstate(over="ignore", invalid="ignore"):
            way = (X - before) * points.scale
            return np.sqrt(np.einsum("ij,ij->i", way, way) / points.radius_squared) * (1 + _SLACK)

    def _listed(self, rows: Integers, X: Floats) -> np.ndarray:
        """Return which rows are so near the anchor of their list that it is whole for them."""
        listed = self._own[rows] >= 0
        own = self._own[rows[listed]]
        listed[listed] = self._moved(X[listed], self._lists.anchor[own]) <= self._lists.skin[own]
        return listed

    def _next_skin(self, step: Floats) -> float:
        """Return a skin that should last some steps; 0 (no lists) if none would."""
        known = step[np.isfinite(step)]
        widest = min(WIDEST, self._too_wide / 2)
        if not known.size or widest < NARROWEST:
            return 0.0
        typical = float(np.median(known))
        skin = float(np.clip(STEPS * typical, NARROWEST, widest))
        return skin if typical <= skin else 0.0

    def _searched(self, rows: Integers, X: Floats) -> Blocks:
        """Search among all points."""
        if self.algorithm == "auto":
            self.algorithm = self.search.choose(X, self.reach, self.task)
        if np.isnan(self._searching):
            index, limit = self.search.index(self.algorithm), self.search.limit(self.reach)
            self._searching = index.cost(X, limit, self.task) / len(X)
        yield from self.search.sets(X, self.algorithm, self.reach, self.task)

    def _looked_up(self, rows: Integers, X: Floats) -> Blocks:
        """Look again at what is on the lists; states with much in common stand together."""
        order = self._lists.order(self._own[rows])
        own = self._own[rows[order]]
        queries, limit = self.search.points.lift(X), self.search.limit(self.reach)
        batch = np.cumsum(self._lists.length[own]) // _BATCH
        for some in np.split(np.arange(len(own)), np.flatnonzero(np.diff(batch)) + 1):
            part, runs = order[some], self._lists.runs(own[some])
            yield part, self.search.among(queries[part], runs, limit, self.task)

    def _has_room(self, rows: Integers) -> bool:
        """Return whether there is room for new lists, maybe without those that no row here has."""
        if len(self._lists) > len(self._own) or self._is_half_full():
            kept, own = np.unique(self._own[rows], return_inverse=True)
            self._own[:] = -1
            self._own[rows] = own
            self._lists.keep(kept)
        return not self._is_half_full()

    def _is_half_full(self) -> bool:
        return 2 * len(self._lists.pool) > self.search.most

    def _list(self, rows: Integers, X: Floats, skin: float) -> None:
        """Give rows to the lists that they are near, and make lists for the others."""
        home, z = rows // _TOGETHER, self._in_radii(X)
        lists = self._lists
        self._own[rows] = nearest(
            home, z, lists.home, self._in_radii(lists.anchor), _JOIN * lists.skin
        )
        free = np.flatnonzero(self._own[rows] < 0)
        sharing = float(len(free))  # at most
        while free.size and skin >= NARROWEST:
            if self._pays(X[free], skin, sharing):
                lead = free[leaders(home[free], z[free], _JOIN * skin)]
                heads = np.unique(lead)
                sharing = len(free) / len(heads)
                if self._pays(X[heads], skin, sharing):
                    self._make(rows[heads], X[heads], skin)
                    self._own[rows[free]] = self._own[rows[lead]]
                    return
            self._too_wide, skin = skin, skin / 2

    def _in_radii(self, X: Floats) -> Floats:
        """Return states from the centre, in radii."""
        points = self.search.points
        with np.errstate(over="ignore"):
            return (X - points.centre) * (points.scale / points.radius_squared**0.5)

    def _pays(self, X: Floats, skin: float, sharing: float) -> bool:
        """Return whether looking at lists, each for so many rows, costs little beside a search."""
        if skin <= self._pays_to:
            return True
        some, n_features = sampled(X), X.shape[1]
        blocks = self.search.sets(some, self.algorithm, self.reach + skin, "members")
        length = sum(len(sets.indices) for _, sets in blocks) / len(some)
        pair = nanoseconds(DIRECT, n_features)
        if n_features >= SINGLE_FEATURES:
            gathering = nanoseconds(GATHER, n_features) / sharing
            pair = nanoseconds(SINGLE, n_features) + _PAIR + gathering
        return length * pair + _LIST / sharing <= _WORTH * self._searching

    def _make(self, rows: Integers, X: Floats, skin: float) -> None:
        """Make lists for rows, as long as there is room."""
        self._pays_to, room = max(skin, self._pays_to), self.search.most - len(self._lists.pool)
        for part, near in self.search.sets(X, self.algorithm, self.reach + skin, "members"):
            room -= len(near.indices)
            if room < 0:
                return
            home = rows[part] // _TOGETHER
            self._own[rows[part]] = self._lists.add(X[part], home, skin, near.indptr, near.indices)
