"""Slow transcriptions of the definitions, exact or to fifty digits, as oracles.

Nothing here is taken from the package: floats are read as the exact rationals that they are.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from mpmath import mp

mp.dps = 50


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


# --- kernels, to fifty digits -----------------------------------------------------------------

PROFILES = {
    "epanechnikov": lambda u: 1 - u,
    "gaussian": lambda u: mp.exp(-u / 2),
    "biweight": lambda u: (1 - u) ** 2,
    "triweight": lambda u: (1 - u) ** 3,
    "cosine": lambda u: mp.cos(mp.pi * mp.sqrt(u) / 2),
}


def sphere(n_features: int) -> mp.mpf:
    """Return the surface of the unit sphere, D V_D."""
    half = mp.mpf(n_features) / 2
    return n_features * mp.pi**half / mp.gamma(half + 1)


def integral(name: str, n_features: int, power: int = 1) -> mp.mpf:
    """Return the integral of ``k(|z|^2)^power`` over R^D, in spherical coordinates."""
    if name == "gaussian":
        return mp.sqrt(2 * mp.pi / power) ** n_features
    profile, order = PROFILES[name], n_features - 1
    if name != "cosine":  # substituting v = t^2 makes the integrand a polynomial times a power
        degree = {"epanechnikov": 1, "biweight": 2, "triweight": 3}[name] * power
        terms = [
            (-1) ** i * mp.binomial(degree, i) / (n_features + 2 * i) for i in range(degree + 1)
        ]
        return sphere(n_features) * mp.fsum(terms)
    peak = 1 - mp.mpf(1) / (n_features + 1)
    return sphere(n_features) * mp.quad(
        lambda t: t**order * profile(t * t) ** power, [0, peak / 2, peak, (1 + peak) / 2, 1]
    )
