r"""Exact gradient flow of the Epanechnikov energy: from one event to the next.

While the same memories B pull on a state, ``-grad E`` points to their centroid c, so that the state
moves on a straight line towards it.  It gets there unless it crosses the sphere of radius r around
a memory before: then that memory leaves B, or another enters.  On ``x + t v`` with ``v = c - x``,

    |x + t v - xi|^2 = r^2      <=>      a t^2 + 2 b t + q = 0,
    a = |v|^2,   b = v . (x - xi),   q = |x - xi|^2 - r^2,

a member leaves at the larger root, and any other memory enters at the smaller one, if it is ahead.
Who has crossed is carried along and never read off a distance again: at an event the distance is r.
Spheres that are crossed at the same point are crossed together.

With s the distance to c, W the weight of B and ``S_c`` the sum S over B at c, the flow obeys
``ds/dt = -W s / (epsilon + S_c - W s^2 / r^2)``, so that from s to s' it takes the time

    (epsilon + S_c) / W log(s / s') - (s^2 - s'^2) / (2 r^2).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from ._active import ActiveSets, Lists, in_order
from ._math import Floats, Integers, rounding_of_means, weighted_offsets
from ._patterns import Patterns

#: By how much, relatively, distances of candidates may be off.
_SLACK = 2.0**-30


@dataclass(frozen=True, eq=False)
class Event:
    """Where n states get to before the memories that pull on them change.

    Attributes
    ----------
    state : ndarray of shape (n, D)
        The states at the event; where there is none, the centroid that they move to.
    inside : csr_array of shape (n, K), bool
        Which distinct memories pull from then on.
    ended : ndarray of shape (n,), bool
        Whether nothing is crossed any more: the state is the flow's limit.
    duration : ndarray of shape (n,)
        The time it takes; infinite to a limit, unless the state is there already.
    """

    state: Floats
    inside: csr_array
    ended: np.ndarray
    duration: Floats


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow over patterns: which memories pull on a state, and what happens to it next."""

    patterns: Patterns
    epsilon: float
    algorithm: str
    lists: Lists

    @classmethod
    def of(cls, patterns: Patterns, epsilon: float, algorithm: str, n_rows: int) -> Self:
        """Prepare the flow of n rows: who may be met before the next centroid is within 2 r."""
        lists = Lists(patterns.search, algorithm, n_rows, reach=2.0 * (1.0 + _SLACK))
        return cls(patterns, epsilon, algorithm, lists)

    def members(self, X: Floats) -> csr_array:
        """Return the distinct memories strictly within the radius of each state."""
        return self.patterns.search.marked(X, self.algorithm)

    def next_event(
        self, live: Integers, X: Floats, inside: csr_array, held: np.ndarray | None = None
    ) -> Event:
        """Follow the states of live rows until a sphere is crossed, or to their limits.

        Coordinates that are `held` stay.
        """
        state, t, duration = X.copy(), np.empty(len(X)), np.empty(len(X))
        flips = []
        for rows, near in self.lists.sets(live, X):
            leg = self._leg(X[rows], inside[rows], None if held is None else held[rows])
            spheres = self._spheres(leg, near)
            t[rows], crossed = spheres.first(leg)
            state[rows] = leg.at(t[rows])
            duration[rows] = self._duration(leg, spheres, t[rows])
            pairs = spheres.query[crossed], spheres.point[crossed]
            flips.append((rows, self._marked(*pairs, len(leg.start))))
        inside = csr_array(inside != in_order(flips, inside.shape))
        return Event(state, inside, t == 1.0, duration)

    def _marked(self, query: Integers, point: Integers, n: int) -> csr_array:
        """Return pairs, in ascending order, as sparse rows."""
        indptr = np.concatenate([[0], np.cumsum(np.bincount(query, minlength=n))])
        ones = np.ones(len(point), dtype=bool)
        return csr_array((ones, point, indptr), shape=(n, len(self.patterns.search)))

    def _leg(self, X: Floats, inside: csr_array, held: np.ndarray | None) -> "_Leg":
        points, weights = self.patterns.points, self.patterns.weights[inside.indices]
        anchor, offset = weighted_offsets(points, inside.indices, weights, inside.indptr)
        stays = (np.diff(inside.indptr) == 0)[:, None]
        stays = stays if held is None else stays | held
        path = np.where(stays, 0.0, (anchor - X) + offset)
        target = np.where(stays, X, anchor + offset)
        rounding = rounding_of_means(X, points.radius_squared**0.5 / points.scale) * points.scale
        return _Leg(X, target, path, np.linalg.norm(path * points.scale, axis=1), rounding, inside)

    def _spheres(self, leg: "_Leg", near: ActiveSets) -> "_Spheres":
        """Return the spheres that the members are in, and those near enough to be entered."""
        points, limit = self.patterns.points, self.patterns.points.radius_squared
        query, point = near.query, near.indices
        distance = np.sqrt(near.u * limit)
        near_enough = distance <= (limit**0.5 + leg.length[query]) * (1.0 + _SLACK)
        query, point = query[near_enough], point[near_enough]
        b, q = np.empty((2, len(query)))
        for pairs, away in points.differences(points.lift(leg.start), query, point):
            away *= points.scale
            q[pairs] = np.einsum("ij,ij->i", away, away) - limit
            b[pairs] = np.einsum("ij,ij->i", away, leg.path[query[pairs]] * points.scale)
        of_members = np.repeat(np.arange(len(leg.start)), np.diff(leg.inside.indptr))
        members = of_members * len(points) + leg.inside.indices
        is_member = np.isin(query * len(points) + point, members, assume_unique=True)
        return _Spheres(limit**0.5, query, point, is_member, leg.length[query] ** 2, b, q)

    def _duration(self, leg: "_Leg", spheres: "_Spheres", t: Floats) -> Floats:
        """Return the time that the flow takes to go the share t of a leg."""
        limit, weights = self.patterns.points.radius_squared, self.patterns.weights
        depth = weights[spheres.point] * -spheres.q * spheres.is_member
        S = np.bincount(spheres.query, depth, len(t)) / limit
        W = leg.inside @ weights
        moves = leg.length > 0
        squared = leg.length[moves] ** 2
        height = (self.epsilon / self.patterns.unit + S[moves]) / W[moves] + squared / limit
        duration = np.zeros(len(t))
        with np.errstate(divide="ignore"):
            decay = -np.log1p(-t[moves])
        duration[moves] = height * decay - squared * t[moves] * (2.0 - t[moves]) / (2.0 * limit)
        return duration


@dataclass(frozen=True, eq=False)
class _Leg:
    """The straight lines that n states are on; `length` and `rounding` in units of the points'."""

    start: Floats
    target: Floats
    path: Floats
    length: Floats
    rounding: Floats
    inside: csr_array

    def at(self, t: Floats) -> Floats:
        """Return the states at the share t of their way."""
        return np.where((t == 1.0)[:, None], self.target, self.start + t[:, None] * self.path)


@dataclass(frozen=True, eq=False)
class _Spheres:
    """Spheres around memories, and the coefficients of a state's way through them."""

    radius: float
    query: Integers
    point: Integers
    is_member: np.ndarray
    a: Floats
    b: Floats
    q: Floats

    def first(self, leg: _Leg) -> tuple[Floats, np.ndarray]:
        """Return the share of each leg until the first crossing (1: none), and who is crossed."""
        t = self._crossings()
        with np.errstate(divide="ignore"):
            end = 1.0 - leg.rounding / leg.length  # a sphere through the target is not crossed
        t[~(t < end[self.query])] = np.inf
        first = np.ones(len(leg.start))
        np.minimum.at(first, self.query, t)
        together = (t == first[self.query]) | self._meets(first, leg)
        return first, np.isfinite(t) & together

    def _crossings(self) -> Floats:
        """Return the share of the leg at which each sphere is crossed, inf if it is not."""
        a, b, q = self.a, self.b, self.q
        discriminant = b**2 - a * q
        root = np.sqrt(np.maximum(discriminant, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            leaving = np.where(b > 0, -q / (b + root), (root - b) / a)
            entering = np.where((b < 0) & (discriminant > 0), q / (root - b), np.inf)
        t = np.where(self.is_member, leaving, entering)
        return np.where(a > 0, np.maximum(t, 0.0), np.inf)

    def _meets(self, t: Floats, leg: _Leg) -> np.ndarray:
        """Return whether the state is on each sphere at the share t, and on its way through it."""
        t, rounding = t[self.query], leg.rounding[self.query]
        off = np.abs(self.q + t * (2.0 * self.b + t * self.a))
        outwards = self.b + t * self.a > 0
        return (off <= rounding * (2.0 * self.radius + rounding)) & (outwards == self.is_member)
