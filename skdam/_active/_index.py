"""What every back end of the radius search is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal

import numpy as np

from .._math import Floats, Integers, Points, Queries
from ._rough import Nearer
from ._sets import ActiveSets, Found
from ._totals import Profile

#: What a search is for: sums over active sets, distances within them, or only who is a member.
Task = Literal["sums", "distances", "members"]
#: Nanoseconds, ``a + b D`` for D features, that a pair costs: in a float64 and a float32 product,
#: by direct differences, and in single precision where its point has to be got from memory; and
#: that getting a point costs which several pairs share.
DOUBLE, SINGLE, DIRECT, LOOK = (0.8, 0.0405), (0.37, 0.0195), (40.0, 2.0), (30.0, 0.4)
GATHER = (5.0, 0.3)
#: Queries that a choice is made from: one of so many, and at most that number of them.
_ONE_OF, _SAMPLED = 128, 16


def nanoseconds(price: tuple[float, float], n_features: int) -> float:
    """Return the price of one pair."""
    return price[0] + price[1] * n_features


def sampled(X: Floats) -> Floats:
    """Return a few of the rows, evenly spaced."""
    return X[:: max(_ONE_OF, -(-len(X) // _SAMPLED))]


class Index(ABC):
    """Points arranged so that those near a query are found without looking at all pairs in full.

    Attributes
    ----------
    points : Points
    weights : ndarray of shape (K,)
    rows, sums : int
        Queries that are best listed, and added up, together.
    ascending : bool
        Whether the points of each query are found in ascending order.
    """

    rows: int = 1024
    sums: int = 1024
    ascending: bool = True

    def __init__(self, points: Points, weights: Floats) -> None:
        self.points = points
        self.weights = weights

    @abstractmethod
    def found(
        self, queries: Queries, limit: float, nearer: Nearer | None = None
    ) -> Iterator[Found]:
        """Yield all pairs at a squared distance below `limit`, each once, some at a time.

        Distances are right, or rough if `nearer` is there to tell who is on which side.
        """

    def sets(
        self, queries: Queries, limit: float, nearer: Nearer | None, most: int
    ) -> ActiveSets | None:
        """Return the same as sets; None if several queries have more than `most` members."""
        found = self.found(queries, limit, nearer)
        unit = self.points.radius_squared
        return ActiveSets.gather(
            len(queries), found, limit=unit, most=most, ascending=self.ascending
        )

    def floor(self) -> float:
        """Return nanoseconds that every query costs, whatever it finds."""
        return 0.0

    @abstractmethod
    def cost(self, X: Floats, limit: float, task: Task) -> float:
        """Return about how many nanoseconds all of X would take, from a sample."""

    def totals(self, queries: Queries, kernel: Profile, limit: float) -> tuple[Floats, Floats]:
        """Return ``sum w k(u)`` over each active set, and a bound of its error beyond roundings."""
        return self.exact_totals(queries, kernel, limit), np.zeros(len(queries))

    def exact_totals(
        self,
        queries: Queries,
        kernel: Profile,
        limit: float,
        skip: Integers | None = None,
    ) -> Floats:
        """Return ``sum w k(u)`` over each active set; `skip` leaves out a point of each query."""
        total = np.zeros(len(queries))
        for query, point, squared in self.found(queries, limit):
            terms = self.weights[point] * kernel.profile(squared / limit)
            if skip is not None:
                terms[point == skip[query]] = 0.0
            total += np.bincount(query, terms, minlength=len(total))
        return total

    def order(self, X: Floats, task: Task) -> Integers | None:
        """Return an order in which queries near each other are neighbours, if that helps."""
        return None
