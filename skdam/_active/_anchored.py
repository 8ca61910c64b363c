"""Lists of points around anchors, in one pool."""

import numpy as np

from .._math import Floats, Integers, in_segments
from ._runs import Runs


class Anchored:
    """Lists of the points within a reach, the same for all, and a skin of an anchor each.

    Attributes
    ----------
    anchor : ndarray of shape (n, D)
    skin : ndarray of shape (n,)
        In radii.
    home : ndarray of shape (n,)
        Who may share it.
    length : ndarray of shape (n,)
    pool : ndarray
        The points of all lists, ascending in each, one list after another.
    """

    def __init__(self, n_features: int) -> None:
        self.anchor, self.skin = np.empty((0, n_features)), np.empty(0)
        self.home, self.length, self.pool = np.empty((3, 0), dtype=np.intp)
        self._number()

    def __len__(self) -> int:
        return len(self.skin)

    def add(
        self, anchor: Floats, home: Integers, skin: float, indptr: Integers, point: Integers
    ) -> Integers:
        """Take up lists, row-compressed, and return their numbers."""
        number = np.arange(len(self.skin), len(self.skin) + len(anchor))
        self.anchor = np.concatenate([self.anchor, anchor])
        self.skin = np.concatenate([self.skin, np.full(len(anchor), skin)])
        self.home = np.concatenate([self.home, home])
        self.length = np.concatenate([self.length, np.diff(indptr)])
        self.pool = np.concatenate([self.pool, point])
        self._number()
        return number

    def keep(self, kept: Integers) -> None:
        """Keep some lists, under new numbers: their places in `kept`."""
        self.pool = self.pool[in_segments(self._first[kept], self.length[kept])]
        self.anchor, self.skin = self.anchor[kept], self.skin[kept]
        self.home, self.length = self.home[kept], self.length[kept]
        self._number()

    def runs(self, own: Integers) -> Runs:
        """Return the points of the list of each row."""
        return Runs(self.pool, self._first[own], self.length[own])

    def order(self, own: Integers) -> Integers:
        """Return an order of rows in which those of a list, and of lists much alike, are together.

        Lists are ordered by their first points: the more two have in common, the likelier it is the
        same.
        """
        return np.lexsort((own, self._lowest[own]))

    def _number(self) -> None:
        self._first = np.cumsum(self.length) - self.length
        self._lowest = np.full(len(self.length), -1)
        some = np.flatnonzero(self.length)
        self._lowest[some] = self.pool[self._first[some]]
