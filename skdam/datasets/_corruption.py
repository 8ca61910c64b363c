"""Damage to patterns: noise, flipped signs, gaps."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError

from .._math import Floats
from .._validation import NOT_NEGATIVE, SHARE, check_allowed, check_rows


def corrupt(
    X: ArrayLike,
    *,
    noise: float = 0.0,
    flip: float = 0.0,
    missing: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Floats:
    """Return damaged copies of rows: noise is added, then signs flip, then values go missing.

    Parameters
    ----------
    X : array-like of shape (n, D)
        Rows, which are left as they are.
    noise : float, default=0.0
        Standard deviation of Gaussian noise, in standard deviations of each feature over the rows
        of `X`: features in any units are damaged alike, and constant ones not at all. For noise in
        the units of the data, add it yourself.
    flip : float, default=0.0
        Share of the features of each row whose signs flip, from 0 to 1. It is meant for patterns
        of +-1.
    missing : float, default=0.0
        Share of the features of each row that become NaN, from 0 to 1.
    random_state : int, RandomState or None, default=None
        What the damage is drawn with.

    Returns
    -------
    ndarray of shape (n, D)
        Of float32 for float32 rows, else of float64. A share of the D features that is no whole
        number is rounded up or down, by chance and right on average, for each row on its own.

    Raises
    ------
    ValueError
        If `X` is not finite, a parameter is out of range, or `noise` has a single row to go by,
        which has no standard deviation.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.datasets import corrupt
    >>> corrupt(np.ones((2, 5)), flip=0.4, random_state=0)
    array([[ 1.,  1.,  1., -1., -1.],
           [ 1., -1.,  1.,  1., -1.]])
    """
    rows = check_rows(X, single=True)
    noise = check_allowed(noise, "noise", NOT_NEGATIVE)
    flip, missing = check_allowed(flip, "flip", SHARE), check_allowed(missing, "missing", SHARE)
    if noise and len(rows) == 1:
        raise InvalidParameterError(
            f"noise={noise!r} is in standard deviations of each feature, which take at least 2"
            " rows, got 1 sample. Add noise in the units of X instead."
        )
    rng, damaged = check_random_state(random_state), rows.astype(np.float64)
    if noise:
        with np.errstate(over="ignore"):
            damaged += noise * _deviations(damaged) * rng.standard_normal(rows.shape)
        if np.abs(damaged).max() > np.finfo(rows.dtype).max:
            raise InvalidParameterError(f"noise={noise!r} takes X beyond what {rows.dtype} holds.")
    if flip:
        damaged = np.where(_chosen(rng, rows.shape, flip), -damaged, damaged)
    if missing:
        damaged[_chosen(rng, rows.shape, missing)] = np.nan
    return damaged.astype(rows.dtype, copy=False)


def _deviations(rows: Floats) -> Floats:
    """Return the standard deviation of each column, whose size may be any."""
    exponent = np.frexp(np.abs(rows).max(axis=0))[1]
    scaled = np.ldexp(rows, -exponent)
    return np.ldexp((scaled - scaled[0]).std(axis=0), exponent)  # exactly 0 if all are equal


def _chosen(rng: np.random.RandomState, shape: tuple[int, int], share: float) -> np.ndarray:
    """Choose, in each row, a share of the features."""
    rank = rng.random_sample(shape).argsort(axis=1).argsort(axis=1)
    return rank < np.floor(share * shape[1] + rng.random_sample((shape[0], 1)))
