"""Cosines and sines in turns, against forty digits."""

import mpmath
import numpy as np
import pytest

from skdam import _turns


def interpolated(f, degree=10):
    """Return the polynomial that equals f at the Chebyshev nodes of [0, 1/4]."""
    with mpmath.workdps(40):
        angle = [mpmath.pi * (2 * k + 1) / (2 * (degree + 1)) for k in range(degree + 1)]
        nodes = [(1 + mpmath.cos(a)) / 8 for a in angle]
        powers = mpmath.matrix([[x**j for j in range(degree + 1)] for x in nodes])
        return [float(c) for c in mpmath.lu_solve(powers, mpmath.matrix([f(x) for x in nodes]))]


def test_coefficients_interpolate_the_functions():
    turn = 2 * mpmath.mpf("3.14159265358979323846264338327950288419716939937510")
    cosine = interpolated(lambda x: mpmath.cos(turn * mpmath.sqrt(x)))
    sine = interpolated(lambda x: mpmath.sin(turn * mpmath.sqrt(x)) / mpmath.sqrt(x))
    np.testing.assert_allclose(_turns.COSINE, cosine, rtol=1e-15)
    np.testing.assert_allclose(_turns.SINE, sine, rtol=1e-15)


def angles():
    rng = np.random.default_rng(0)
    special = [0.0, -0.0, 0.25, -0.25, 0.5, -0.5, 1.5, 1e-300, -3e-5, 12345.125]
    drawn = [rng.uniform(-scale, scale, 400) for scale in (0.6, 40.0, 1e6)]
    return np.concatenate([special, *drawn])


def test_right_to_the_promised_error():
    t = angles()
    cos, sin = np.empty((2, 1, len(t)))
    _turns.cos_sin(t[None].copy(), cos, sin)
    with mpmath.workdps(40):
        turn = 2 * mpmath.pi
        both = mpmath.cos, mpmath.sin
        expected = [[float(f(turn * mpmath.mpf(float(x)))) for x in t] for f in both]
    assert np.abs(cos[0] - expected[0]).max() <= 4e-15
    assert np.abs(sin[0] - expected[1]).max() <= 4e-15


@pytest.mark.parametrize("shape", [(3, 5), (1, 20_000), (9000, 2), (1, 1)])
def test_a_narrower_sine_leaves_out_the_last_columns(shape):
    t = np.random.default_rng(1).normal(size=shape)
    (cos, sin), few = np.empty((2, *shape)), np.empty((len(t), shape[1] - 1))
    _turns.cos_sin(t.copy(), cos, sin)
    again = np.empty_like(cos)
    _turns.cos_sin(t.copy(), again, few)
    np.testing.assert_array_equal(again, cos)
    np.testing.assert_array_equal(few, sin[:, :-1])
    np.testing.assert_allclose(cos, np.cos(2 * np.pi * t), atol=1e-14)
