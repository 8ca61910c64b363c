"""Back ends that propose pairs in single precision, of which float64 decides."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from .._math import Floats, Integers, Queries
from ._index import DIRECT, LOOK, SINGLE, Index, Task, nanoseconds, sampled
from ._rough import Nearer, from_above, settled
from ._runs import Runs
from ._sets import Found, joined
from ._single import SingleProduct, centred

#: Pairs that are decided at a time.
_BATCH = 2**18
#: Nanoseconds that a pair costs beside the product, and a query whose proposals are looked up.
SCAN, _RUN = 0.15, 1000.0


class Proposer(Index):
    """All pairs in single precision; what that leaves open is computed again.

    Attributes
    ----------
    product : SingleProduct
        Gives lower bounds of the squared distances.
    is_tight : bool
        Whether they differ from these by roundings alone.
    """

    product: SingleProduct
    is_tight: bool = True

    @property
    def width(self) -> int:
        """The features of the product: all, unless a back end says otherwise."""
        return self.points.rows.shape[1]

    def lift(self, queries: Queries) -> np.ndarray:
        """Prepare queries for the product."""
        return self.product.lift(*centred(queries))

    @abstractmethod
    def bounded(self, queries: Queries, lifted: np.ndarray, limit: float) -> Iterator[Found]:
        """Yield all pairs that may be nearer than ``sqrt(limit)``, with their lower bounds."""

    def excess(self, queries: Queries, query: Integers, point: Integers) -> Floats:
        """Bound how far the squared distances of pairs are above their lower bounds."""
        with np.errstate(over="ignore"):
            return self.product.excess(queries.sizes[query] ** 2 + self.points.sizes[point] ** 2)

    def found(
        self, queries: Queries, limit: float, nearer: Nearer | None = None
    ) -> Iterator[Found]:
        lifted = self.lift(queries)
        for query, point, lower in _batches(self.bounded(queries, lifted, limit)):
            if nearer is None:
                squared = self.points.direct(queries, query, point)
            elif self.is_tight:
                bounds = from_above(lower, self.excess(queries, query, point))
                squared = settled(self.points, queries, query, point, *bounds, limit)
            else:
                yield _decided(queries, query, point, limit, nearer)
                continue
            inside = squared < limit
            yield query[inside], point[inside], squared[inside]

    def floor(self) -> float:
        return len(self.points) * nanoseconds(SINGLE, self.width)

    def cost(self, X: Floats, limit: float, task: Task) -> float:
        sample = sampled(X)
        share = self.count(self.points.lift(sample), limit) / len(sample)
        beside = SCAN * len(self.points)
        if task == "members" and not self.is_tight:
            beside += _RUN
        return len(X) * (self.floor() + beside + share * self.price(task))

    def price(self, task: Task) -> float:
        """Return what it costs to decide a pair that is proposed."""
        n_features = self.points.rows.shape[1]
        if task != "members":
            return nanoseconds(DIRECT, n_features)
        if self.width == n_features:
            return nanoseconds(LOOK, 0)
        return nanoseconds(LOOK, n_features)

    def count(self, queries: Queries, limit: float) -> int:
        """Return how many pairs are proposed."""
        return sum(len(query) for query, _, _ in self.bounded(queries, self.lift(queries), limit))


def _decided(
    queries: Queries, query: Integers, point: Integers, limit: float, nearer: Nearer
) -> Found:
    """Return those pairs that are nearer than ``sqrt(limit)``; their distances do not matter."""
    order = np.argsort(query, kind="stable")
    ends = np.searchsorted(query, np.arange(len(queries) + 1), sorter=order)
    runs = Runs(point.take(order), ends[:-1], np.diff(ends))
    pair = np.flatnonzero(nearer(queries, runs, limit))
    indptr, point = runs.taken(pair)
    return np.repeat(np.arange(len(queries)), np.diff(indptr)), point, np.zeros(len(point))


def _batches(found: Iterable[Found]) -> Iterator[Found]:
    """Join small runs of pairs: each costs a few calls."""
    waiting: list[Found] = []
    n_waiting = 0
    for pairs in found:
        waiting.append(pairs)
        n_waiting += len(pairs[0])
        if n_waiting >= _BATCH:
            yield joined(waiting)
            waiting, n_waiting = [], 0
    if waiting:
        yield joined(waiting)
