"""Who lies within r of a centroid, where float64 cannot tell: decided in rational arithmetic.

A float is the rational number that it is, so that nothing is rounded on the way.
"""

from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array

from .._math import UNIT_ROUNDOFF, Floats, Integers
from ..energies import KernelEnergy
from ._minima import centroids, nearest_to_rim

#: How near a rim, in bandwidths, a memory's side of it is decided anew: far above any rounding of a
#: centroid and a distance, and so rarely met.
_DOUBT = 2.0**-30
#: The same in roundings of the largest coordinate, for data far from the origin.
_ROUNDINGS = 2.0**10


def is_inside(
    rows: Floats, weights: Floats, radius: float, members: Integers, others: Integers
) -> list[bool | None]:
    """Return who of the others lies within `radius` of the members' centroid; None: exactly on it.

    Rows have positive weights; `members` and `others` are indices of rows.
    """
    chosen = [Fraction(w) for w in weights[members].tolist()]
    exact = [[Fraction(v) for v in row] for row in rows[members].tolist()]
    total, limit = sum(chosen), Fraction(radius) ** 2
    centre = [
        sum(w * v for w, v in zip(chosen, column, strict=True)) / total
        for column in zip(*exact, strict=True)
    ]
    answers: list[bool | None] = []
    for row in rows[others].tolist():
        squared = sum((Fraction(v) - c) ** 2 for v, c in zip(row, centre, strict=True))
        answers.append(None if squared == limit else squared < limit)
    return answers


def are_minima(energy: KernelEnergy, sets: csr_array) -> np.ndarray:
    """Return which sets are self-consistent, of those that float64 sees around their centroids.

    Only memories nearly on a rim can be on the wrong side of it: these are decided exactly.
    """
    X = centroids(energy.patterns, sets)
    doubt = _DOUBT * energy.bandwidth + _ROUNDINGS * UNIT_ROUNDOFF * np.abs(X).max(axis=1)
    margin = nearest_to_rim(energy, X, 1)[1][:, 0]
    sound = ~(margin <= doubt)
    for i in np.flatnonzero(~sound):
        members = sets.indices[sets.indptr[i] : sets.indptr[i + 1]]
        sound[i] = _is_minimum(energy, members, X[[i]], doubt[i])
    return sound


def _is_minimum(energy: KernelEnergy, members: Integers, x: Floats, doubt: float) -> bool:
    patterns = energy.patterns
    points = patterns.points
    everyone = np.arange(len(points))
    distance = points.distances(points.lift(x), np.zeros_like(everyone), everyone)
    others = np.flatnonzero(~(np.abs(distance - energy.bandwidth) > doubt))
    inside = is_inside(points.rows, patterns.weights, energy.bandwidth, members, others)
    return inside == np.isin(others, members).tolist()
