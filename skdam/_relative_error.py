"""How far states are from where they should be, in units of how far rows are from their mean."""

import numpy as np
from numpy.typing import ArrayLike

from ._math import Floats, power_of_two
from ._validation import check_rows, naming


def error_in_spreads(states: ArrayLike, targets: ArrayLike, rows: ArrayLike) -> float:
    """Return the root mean square error of states in units of the spread of rows.

    What is NaN counts as the mean of the rows.
    """
    both = pairs(states, targets, gaps=True)
    found, wanted = (X.astype(np.float64, copy=False) for X in both)
    spread = rows_of(rows, "rows").astype(np.float64, copy=False)
    origin = spread[0] / 2
    spread = spread / 2 - origin  # halves never overflow; constant columns are exactly 0
    mean = (spread / len(spread)).sum(axis=0)  # divided first, for the same reason
    error = found / 2 - wanted / 2
    gaps = np.isnan(error)
    guessed = (np.where(np.isnan(X), 0.0, X / 2 - origin - mean) for X in (found, wanted))
    error[gaps] = np.subtract(*guessed)[gaps]
    unit, size = _length(spread - mean)
    if size == 0.0:
        raise ValueError("targets must hold at least 2 distinct rows: they have no spread.")
    error_unit, error_size = _length(error)
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float64(error_size / size) * error_unit / unit)


def rows_of(X: ArrayLike, name: str, gaps: bool = False) -> Floats:
    """Return checked rows; what is said of them has their name."""
    with naming(name):
        return check_rows(X, gaps=gaps, single=True)


def pairs(states: ArrayLike, targets: ArrayLike, gaps: bool = False) -> tuple[Floats, Floats]:
    """Return two arrays of one shape, the first with gaps or both."""
    found, wanted = rows_of(states, "states", gaps=True), rows_of(targets, "targets", gaps=gaps)
    if found.shape != wanted.shape:
        raise ValueError(
            f"states and targets must have one shape, got {found.shape} and {wanted.shape}."
        )
    return found, wanted


def _length(X: Floats) -> tuple[float, float]:
    """Return the Euclidean length of an array of any size: a power of two, and in units of it."""
    unit = power_of_two(float(np.abs(X).max()))
    return unit, float(np.linalg.norm(X / unit))
