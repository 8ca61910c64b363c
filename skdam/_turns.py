"""Cosines and sines of many angles, in turns: only sums and products, in float64 too.

`numpy.cos` runs through float64 numbers one by one, some thirty times as slow as through float32
numbers, for which it has vector instructions.  In turns the angle is reduced exactly,
``t - rint(t)``, and on half a turn to either side a polynomial of degree 10 in t^2 is right to
2e-15.
"""

import numpy as np

from ._math import slices

#: ``cos(2 pi t)`` and ``sin(2 pi t) / t`` as polynomials in t^2, from the constant on: interpolated
#: at the eleven Chebyshev nodes of [0, 1/4] with 40 digits (tests/test_turns.py does it again).
COSINE = (
    1.0,
    -19.739208802178684,
    64.93939402266314,
    -85.45681720637177,
    60.24464136156249,
    -26.426256590531025,
    7.903534122041613,
    -1.7143738447256551,
    0.2819245703565778,
    -0.03613799133425832,
    0.003359676254891574,
)
SINE = (
    6.283185307179586,
    -41.34170224039975,
    81.60524927607364,
    -76.70585975297274,
    42.058693942058134,
    -15.094642523739662,
    3.8199519658163408,
    -0.7181176612406465,
    0.10420677657784852,
    -0.011964299447466884,
    0.0010156363080426269,
)
#: Angles that are worked on at a time: with what they become they stay in the cache.
_BLOCK = 2**13


def cos_sin(turns: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> None:
    """Write ``cos(2 pi t)`` and ``sin(2 pi t)`` of each entry, and overwrite `turns`.

    Parameters
    ----------
    turns : ndarray of shape (n, m), float64
        Finite angles in turns.
    cos, sin : ndarray of shape (n, m) and (n, at most m), float64
        A narrower `sin` leaves out the last columns.
    """
    with np.errstate(under="ignore"):
        turns -= np.rint(turns)
        for columns in slices(turns.shape[1], _BLOCK):
            for rows in slices(len(turns), _BLOCK // (columns.stop - columns.start)):
                _write(turns[rows, columns], cos[rows, columns], sin[rows, columns])


def _write(t: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> None:
    square = t * t
    cos[:] = _polynomial(COSINE, square)
    width = sin.shape[1]
    np.multiply(_polynomial(SINE, square)[:, :width], t[:, :width], out=sin)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Return the polynomial by Horner's rule."""
    value = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        value += coefficient
        value *= x
    value += coefficients[0]
    return value
