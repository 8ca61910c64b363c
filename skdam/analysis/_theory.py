"""How many random patterns a binary memory holds in theory."""

from math import prod
from numbers import Integral, Real

import numpy as np
from scipy.special import ndtri
from sklearn.utils._param_validation import InvalidParameterError

from .._validation import Number, check_allowed, check_count

_DEGREES = Number(Integral, 2, None, closed="left")
_ERRORS = Number(Real, 0, 0.5, closed="neither")


def theoretical_capacity(
    n_features: int, degree: int, error: float = 0.01, rectified: bool = False
) -> float:
    r"""Return how many random patterns a binary memory holds at a given share of wrong bits.

    .. math:: K = \frac{N^{n-1}}{(2n-3)!!\; z^2},\qquad z = \Phi^{-1}(1 - P)

    A bit of a stored pattern flips with probability P, as the others' share in its energy
    difference tends to a normal number. That is a limit: at n = 4 and N = 32 the error is 1.1 to
    1.6 times P. Rectifying F halves the variance, and doubles K.

    Parameters
    ----------
    n_features : int
        Number of features N.
    degree : int
        Degree n of ``F(h) = h^n``, at least 2.
    error : float, default=0.01
        Probability P that a bit flips, between 0 and 0.5.
    rectified : bool, default=False
        Whether F is ``max(h, 0)^n``.

    Returns
    -------
    float
        K, no integer in general; infinite if it is not representable.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    D. Krotov, J. J. Hopfield, "Dense Associative Memory for Pattern Recognition", 2016,
    arXiv:1606.01164, section 2.

    Examples
    --------
    >>> from skdam.analysis import theoretical_capacity
    >>> round(theoretical_capacity(100, degree=2, error=0.005), 1)
    15.1
    >>> round(theoretical_capacity(100, degree=3, rectified=True))
    1232
    """
    n_features = check_count(n_features, "n_features")
    degree = int(check_allowed(degree, "degree", _DEGREES))
    if not isinstance(rectified, bool | np.bool_):
        raise InvalidParameterError(f"rectified must be True or False, got {rectified!r}.")
    z = ndtri(check_allowed(error, "error", _ERRORS))
    try:
        scale = n_features ** (degree - 1) / prod(range(2 * degree - 3, 0, -2))
    except OverflowError:
        return np.inf
    return float((1 + rectified) * scale / z**2)
