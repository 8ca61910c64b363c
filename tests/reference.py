"""Slow transcriptions of the definitions, exact or to fifty digits, as oracles.

Nothing here is taken from the package: floats are read as the exact rationals that they are.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np


def exact(row: Iterable[float]) -> list[Fraction]:
    return [Fraction(float(value)) for value in row]


def squared_distance(x: np.ndarray, y: np.ndarray) -> Fraction:
    pairs = zip(exact(x), exact(y), strict=True)
    return sum(((a - b) ** 2 for a, b in pairs), Fraction())


def squared_distances(X: np.ndarray, Y: np.ndarray) -> list[list[Fraction]]:
    return [[squared_distance(x, y) for y in Y] for x in X]


def active_sets(X: np.ndarray, Y: np.ndarray, radius: float) -> list[list[int]]:
    """Return, for each query, the points strictly within the radius."""
    limit = Fraction(radius) ** 2
    return [[j for j, d in enumerate(row) if d < limit] for row in squared_distances(X, Y)]
