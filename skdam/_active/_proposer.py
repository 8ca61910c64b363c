"""Back ends that propose pairs in single precision, of which float64 decides."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from .._math import Floats, Integers, Queries
from ._index import DIRECT, SINGLE, Index, nanoseconds, sampled
from ._sets import Found
from ._single import Pairs

#: Pairs that are decided at a time.
_BATCH = 2**15


class Proposer(Index):
    """All pairs in single precision; every pair that is proposed is computed again."""

    @property
    def width(self) -> int:
        """The features of the product that proposes: all, unless a back end says otherwise."""
        return self.points.rows.shape[1]

    @abstractmethod
    def proposals(self, queries: Queries, limit: float) -> Pairs:
        """Yield (query, point) of all pairs that may be nearer than ``sqrt(limit)``."""

    def found(self, queries: Queries, limit: float, precise: bool = True) -> Iterator[Found]:
        for query, point in _batches(self.proposals(queries, limit)):
            squared = self.points.direct(queries, query, point)
            inside = squared < limit
            yield query[inside], point[inside], squared[inside]

    def cost(self, X: Floats, limit: float, listed: bool) -> float:
        sample = sampled(X)
        share = count(self.proposals(self.points.lift(sample), limit)) / len(sample)
        pairs = len(self.points) * nanoseconds(SINGLE, self.width)
        return len(X) * (pairs + share * nanoseconds(DIRECT, X.shape[1]))


def count(pairs: Iterable[tuple[Integers, Integers]]) -> int:
    """Return how many pairs there are."""
    return sum(len(query) for query, _ in pairs)


def _batches(pairs: Iterable[tuple[Integers, Integers]]) -> Pairs:
    """Join small runs of pairs: each costs a few calls."""
    waiting: list[tuple[Integers, Integers]] = []
    n_waiting = 0
    for pair in pairs:
        waiting.append(pair)
        n_waiting += len(pair[0])
        if n_waiting >= _BATCH:
            yield _joined(waiting)
            waiting, n_waiting = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pairs: list[tuple[Integers, Integers]]) -> tuple[Integers, Integers]:
    query, point = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return query, point
