"""Stored rows in a form of their own: copies merged into weight, in an order that only they decide.

Whatever is added up in this order is the same, bit for bit, however the rows were given: in another
order, or a repeated row as a weight.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from ._active import Search
from ._math import Floats, Integers, Points, distinct_rows, power_of_two


@dataclass(frozen=True, eq=False)
class Patterns:
    """The distinct rows of K given ones, and where these stand among them.

    Attributes
    ----------
    search : Search
        The distinct rows, in lexicographic order, and the summed weight of each, in units of
        `unit`; and who is near what.
    unit : float
        A power of two near the largest summed weight: nothing over- or underflows in sums.
    first : ndarray
        Which of the K rows is the first copy of each.
    place : ndarray of shape (K,)
        Which distinct row each of the K rows is.
    share : ndarray of shape (K,)
        The share that each of the K rows has in the weight of its distinct row.
    """

    search: Search
    unit: float
    first: Integers
    place: Integers
    share: Floats

    @classmethod
    def of(cls, rows: Floats, weights: Floats, radius: float) -> Self:
        """Arrange weighted rows (float64, C order), measured in `radius`."""
        first, place = distinct_rows(rows)
        arranged = len(first) == len(rows) and np.all(first[1:] > first[:-1])
        total = np.bincount(place, weights)
        unit = power_of_two(total.max())
        points = Points.measured(rows if arranged else rows[first], radius)
        search = Search(points, total / unit)
        return cls(search, unit, first, place, weights / total[place])

    @property
    def points(self) -> Points:
        """The distinct rows."""
        return self.search.points

    @property
    def weights(self) -> Floats:
        """The weights of the distinct rows."""
        return self.search.weights

    def given(self, shares: csr_array) -> csr_array:
        """Pass shares of the distinct rows on to the K given ones, all copies of a row included."""
        n_rows = len(self.place)
        shape = (len(self.first), n_rows)
        copies = csr_array((self.share, (self.place, np.arange(n_rows))), shape=shape)
        spread = (shares @ copies).tocsr()
        spread.sort_indices()
        return spread
