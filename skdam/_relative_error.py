"""How far states are from where they should be, in units of how far rows are from their mean."""

import numpy as np

from ._math import Floats, power_of_two


def relative_error(states: Floats, targets: Floats, rows: Floats) -> float:
    """Return the root mean square error of states in units of the spread of rows.

    What is NaN counts as the mean of the rows; it is NaN for rows that are all equal.
    """
    found, wanted, spread = (X.astype(np.float64, copy=False) for X in (states, targets, rows))
    origin = spread[0] / 2
    spread = spread / 2 - origin  # halves never overflow; constant columns are exactly 0
    mean = (spread / len(spread)).sum(axis=0)  # divided first, for the same reason
    error = found / 2 - wanted / 2
    gaps = np.isnan(error)
    guessed = (np.where(np.isnan(X), 0.0, X / 2 - origin - mean) for X in (found, wanted))
    error[gaps] = np.subtract(*guessed)[gaps]
    unit, size = _length(spread - mean)
    if size == 0.0:
        return np.nan
    error_unit, error_size = _length(error)
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float64(error_size / size) * error_unit / unit)


def _length(X: Floats) -> tuple[float, float]:
    """Return the Euclidean length of an array of any size: a power of two, and in units of it."""
    unit = power_of_two(float(np.abs(X).max()))
    return unit, float(np.linalg.norm(X / unit))
