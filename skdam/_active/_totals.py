"""Sums of a kernel over active sets that a product adds up without listing them."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from .._masks import RowCounts
from .._math import UNIT_ROUNDOFF, Floats, Points, Queries


class Profile(Protocol):
    """What a sum asks of a compact kernel."""

    @property
    def is_flat(self) -> bool:
        """Whether ``k(u) = 1 - u``."""

    def profile(self, u: Floats) -> Floats:
        """Return k(u), for 0 <= u <= 1."""

    def slope(self, u: Floats) -> Floats:
        """Return -k'(u), which never rises."""


def added(
    points: Points, queries: Queries, weights: Floats, kernel: Profile, limit: float
) -> tuple[Floats, Floats]:
    """Return ``sum w k(u)`` over all points, and a bound of its error.

    Only the terms of points within the radius, give or take the product's error, can be off: by
    that error times the steepest slope, ``-k'(0)``.
    """
    total, bound, near = np.zeros(len(queries)), np.zeros(len(queries)), RowCounts(len(queries))
    queries = replace(queries, lifted=_depths(queries.lifted, limit))
    for start, depth, error in points.tiles(queries):
        error = error / limit + 4.0 * UNIT_ROUNDOFF
        near.add(depth > -error.max())
        bound = np.maximum(bound, error)
        total += weighted(kernel, depth, weights[start : start + depth.shape[1]])
    with np.errstate(invalid="ignore"):
        return total, near.total() * (weights.max() * steepest(kernel)) * bound


def weighted(kernel: Profile, depth: Floats, weights: Floats, unit: float = 1.0) -> Floats:
    """Return ``sum w k(u)`` over columns with ``depth = unit (1 - u)``, which is overwritten."""
    with np.errstate(invalid="ignore"):
        depth = np.clip(depth, 0.0, unit, out=depth)
        if kernel.is_flat:
            return depth @ (weights / unit)
        return kernel.profile(1.0 - depth / unit) @ weights


def steepest(kernel: Profile) -> float:
    """Return the steepest slope of a kernel, ``-k'(0)``."""
    return kernel.slope(np.zeros(1)).item()


def _depths(lifted: Floats, limit: float) -> Floats:
    """Turn queries whose products are squared distances into ones with ``1 - u``."""
    with np.errstate(over="ignore"):
        scaled = lifted / -limit
    scaled[:, -2] += 1.0
    return scaled
