"""Marginals of kernels: closed forms, other forms of the same integral, and its derivative."""

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
from scipy.stats import beta, chi2

from skdam._marginals import (
    CompactMarginal,
    ExponentialMarginal,
    PowerMarginal,
    UnboundedMarginal,
    marginal_of,
)
from skdam.kernels import KERNELS, CompactKernel, GaussianKernel, PowerKernel, UnboundedKernel

MISSING = np.array([1, 2, 7, 64, 801])
UNIFORM = np.array([0.01, 0.3, 0.5, 0.9, 0.99])


@dataclass(frozen=True)
class Student(UnboundedKernel):
    """``(1 + u/nu)^-a``: m missing coordinates leave ``(1 + u/nu)^(m/2 - a)``."""

    nu: float
    exponent: float
    curvature = 1.0
    is_flat = False

    def log_profile(self, u):
        return -self.exponent * np.log1p(u / self.nu)

    def log_slope(self, u):
        return np.log(self.exponent / self.nu) - (self.exponent + 1) * np.log1p(u / self.nu)

    def log_integral(self, n_features, power=1):
        raise AssertionError("not asked for")

    def variance(self, n_features):
        raise AssertionError("not asked for")

    def sample_u(self, rng, n_features, size):
        raise AssertionError("not asked for")


@dataclass(frozen=True)
class Odd(CompactKernel):
    """A power, of which nobody is told."""

    power: float
    is_flat = False

    def profile(self, u):
        return (1.0 - u) ** self.power

    def slope(self, u):
        return self.power * (1.0 - u) ** (self.power - 1)

    log_integral = Student.log_integral
    variance = Student.variance
    sample_u = Student.sample_u


@dataclass(frozen=True)
class Hidden(GaussianKernel):
    """A Gaussian, of which nobody is told."""

    rate = None


def shape(marginal, u, missing):
    """Return log k_m(u) - log k_m(u[0])."""
    logs = marginal.log_weight(np.tile(u, (len(missing), 1)), missing)
    return logs - logs[:, :1]


@pytest.mark.parametrize(
    ("kernel", "marginal"),
    [
        (PowerKernel(1), PowerMarginal),
        (GaussianKernel(), ExponentialMarginal),
        (KERNELS["cosine"], CompactMarginal),
        (Odd(2.0), CompactMarginal),
        (Student(3.0, 5.0), UnboundedMarginal),
    ],
)
def test_each_kernel_has_the_marginal_that_suits_it(kernel, marginal):
    assert type(marginal_of(kernel)) is marginal


@pytest.mark.parametrize("name", sorted(KERNELS))
@pytest.mark.parametrize("m", [1, 2, 7, 64])
def test_weights_are_the_integral(name, m):
    kernel, mp = KERNELS[name], mpmath
    profiles = {
        "gaussian": lambda u: mp.exp(-u / 2),
        "cosine": lambda u: mp.cos(mp.pi / 2 * mp.sqrt(u)),
    }
    profile = profiles.get(name) or (lambda u: (1 - u) ** kernel.power)
    points = np.array([0.0, 1e-9, 0.2, 0.7, 0.999])

    def integral(u):
        """Over s^2 = v, or v / (1 - u): that takes the singularity of m = 1 away."""
        u = mp.mpf(u)
        if name == "gaussian":
            ends, reach = [0, 1, 3, mp.sqrt(m + 20), 2 * mp.sqrt(m + 100)], 1
        else:
            ends, reach = mp.linspace(0, 1, 9), 1 - u
        inner = mp.quad(lambda s: 2 * profile(u + reach * s**2) * s ** (m - 1), ends)
        return reach ** (mp.mpf(m) / 2) * inner

    with mp.workdps(30):
        expected = [float(mp.log(integral(u) / integral(0))) for u in points]
    found = shape(marginal_of(kernel), points, np.array([m]))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("power", [1, 3, 10])
def test_the_rule_for_compact_kernels_is_exact_for_powers(power):
    u = np.array([0.0, 1e-9, 0.1, 0.5, 0.9, 0.999])
    closed, rule = PowerMarginal(power), CompactMarginal(Odd(power))
    np.testing.assert_allclose(shape(rule, u, MISSING), shape(closed, u, MISSING), 1e-10, 1e-13)
    np.testing.assert_allclose(
        rule.steepness(u[:5], MISSING), closed.steepness(u[:5], MISSING), rtol=1e-12
    )
    np.testing.assert_allclose(
        rule.spread(u[:5], MISSING, UNIFORM), closed.spread(u[:5], MISSING, UNIFORM), rtol=1e-9
    )


@pytest.mark.parametrize("nu", [1.0, 5.0])
@pytest.mark.parametrize("m", MISSING.tolist())
def test_the_rule_for_kernels_without_an_end_is_exact_for_tails_of_a_power(nu, m):
    u = np.array([0.0, 1e-9, 0.1, 1.0, 10.0, 1e4, 1e12])
    rule, count = UnboundedMarginal(Student(nu, (nu + m) / 2)), np.array([m])
    expected = -nu / 2 * np.log1p(u / nu)
    np.testing.assert_allclose(shape(rule, u, count)[0], expected, rtol=1e-11, atol=1e-12)
    slope = 0.5 / (1 + u[:5] / nu)
    np.testing.assert_allclose(rule.steepness(u[:5], np.repeat(count, 5)), slope, rtol=1e-5)


def test_an_exponential_is_its_own_marginal_by_either_way():
    u = np.array([0.0, 0.1, 1.0, 100.0, 1e6])
    closed, rule = ExponentialMarginal(0.5), UnboundedMarginal(Hidden())
    np.testing.assert_allclose(shape(rule, u, MISSING), shape(closed, u, MISSING), rtol=1e-11)
    np.testing.assert_allclose(
        rule.spread(u, MISSING, UNIFORM), closed.spread(u, MISSING, UNIFORM), rtol=1e-3
    )
    np.testing.assert_allclose(rule.steepness(u, MISSING), 0.5, rtol=1e-9)


@pytest.mark.parametrize("kernel", [*KERNELS.values(), Odd(4.0), Student(3.0, 10.0)])
def test_steepness_is_the_slope_of_the_logarithm(kernel):
    marginal, missing, step = marginal_of(kernel), np.full(4, 3), 1e-5
    u = np.array([0.01, 0.3, 0.6, 0.95])
    grid = np.stack([u - step, u + step], axis=1)
    logs = marginal.log_weight(grid.copy(), missing)
    slope = (logs[:, 0] - logs[:, 1]) / (2 * step)
    np.testing.assert_allclose(marginal.steepness(u, missing), slope, rtol=1e-4)


@pytest.mark.parametrize("kernel", [KERNELS["epanechnikov"], KERNELS["cosine"]])
def test_off_the_support_there_is_no_weight_and_any_error_counts(kernel):
    marginal, missing = marginal_of(kernel), np.array([2])
    logs = marginal.log_weight(np.array([[0.5, 1.0, 2.0, np.inf]]), missing)
    assert np.isfinite(logs[0, 0])
    assert np.isneginf(logs[0, 1:]).all()
    assert np.isposinf(marginal.steepness(np.array([1.0, 7.0]), np.array([1, 2]))).all()


def test_distances_follow_their_laws():
    u = np.full(5, 0.75)
    found = PowerMarginal(2).spread(u, MISSING, UNIFORM)
    np.testing.assert_allclose(found, 0.25 * beta(MISSING / 2, 3).ppf(UNIFORM), rtol=1e-9)
    found = ExponentialMarginal(0.5).spread(u, MISSING, UNIFORM)
    np.testing.assert_allclose(found, chi2(MISSING).ppf(UNIFORM), rtol=1e-9)


def test_the_law_of_a_kernel_without_an_end_is_right_to_a_hundred_thousandth():
    missing, uniform = np.tile([1, 2, 5, 100], 150), np.random.default_rng(0).random(600)
    v = UnboundedMarginal(Hidden()).spread(np.full(600, 0.4), missing, uniform)
    np.testing.assert_allclose(chi2(missing).cdf(v), uniform, atol=2e-5)


def test_draws_do_not_depend_on_blocks():
    rng = np.random.default_rng(0)
    u, missing, uniform = rng.random(5000), rng.integers(1, 4, 5000), rng.random(5000)
    marginal = marginal_of(KERNELS["cosine"])
    parts = [np.s_[:1234], np.s_[1234:]]
    pieces = [marginal.spread(u[part], missing[part], uniform[part]) for part in parts]
    np.testing.assert_array_equal(marginal.spread(u, missing, uniform), np.concatenate(pieces))
