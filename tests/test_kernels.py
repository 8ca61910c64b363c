"""Contracts of every radial kernel, against closed forms, quadrature and finite differences."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from reference import PROFILES, integral, mp
from scipy import stats
from scipy.integrate import quad

from skdam.kernels import KERNELS, CompactKernel, PowerKernel, find_kernel

every_kernel = pytest.mark.parametrize("name", KERNELS)
compact = pytest.mark.parametrize(
    "name", [name for name, kernel in KERNELS.items() if isinstance(kernel, CompactKernel)]
)


def log_profile(kernel, u):
    if isinstance(kernel, CompactKernel):
        return np.log(kernel.profile(u))
    return kernel.log_profile(u)


def log_slope(kernel, u):
    if isinstance(kernel, CompactKernel):
        return np.log(kernel.slope(u))
    return kernel.log_slope(u)


@every_kernel
def test_profile_and_slope_equal_fifty_digits(name):
    kernel = KERNELS[name]
    u = np.concatenate([[0.0, 1e-300, 1e-12], np.linspace(0.01, 0.99, 25), [1 - 2.0**-40]])
    for value, log_k, log_g in zip(u, log_profile(kernel, u), log_slope(kernel, u), strict=True):
        exact = mp.mpf(float(value))
        assert log_k == pytest.approx(float(mp.log(PROFILES[name](exact))), rel=1e-14, abs=1e-14)
        slope = -mp.diff(PROFILES[name], exact) if value > 1e-12 else None
        if slope is not None:
            assert log_g == pytest.approx(float(mp.log(slope)), rel=1e-12, abs=1e-13)


@every_kernel
def test_profile_starts_at_one_and_falls_ever_more_gently(name):
    u = np.linspace(0, 1, 1000, endpoint=False)
    kernel = KERNELS[name]
    k, g = np.exp(log_profile(kernel, u)), np.exp(log_slope(kernel, u))
    assert k[0] == 1.0
    assert (np.diff(k) < 0).all()
    assert (np.diff(g) <= 1e-15).all()
    assert (np.ptp(g) == 0) == kernel.is_flat
    assert np.isfinite(g).all()


@compact
def test_slope_at_the_centre_of_the_cosine_is_its_limit(name):
    expected = {"cosine": np.pi**2 / 8, "epanechnikov": 1, "biweight": 2, "triweight": 3}
    assert KERNELS[name].slope(np.zeros(1)) == pytest.approx(expected[name], rel=1e-15)


@pytest.mark.parametrize("n_features", [1, 2, 3, 8, 64, 784, 10_000])
@every_kernel
def test_integral_equals_fifty_digits(name, n_features):
    for power in (1, 2):
        expected = float(mp.log(integral(name, n_features, power)))
        found = KERNELS[name].log_integral(n_features, power)
        assert found == pytest.approx(expected, rel=2e-14, abs=2e-14)


@pytest.mark.parametrize("name", ["epanechnikov", "gaussian"])
def test_normaliser_has_the_dimension_of_a_volume(name):
    kernel = KERNELS[name]
    for n_features in (1, 5):
        ratio = kernel.log_normaliser(n_features, 6.0) - kernel.log_normaliser(n_features, 2.0)
        assert ratio == pytest.approx(n_features * np.log(3.0), rel=1e-13)


@every_kernel
@pytest.mark.parametrize("n_features", [1, 2, 3, 64])
def test_variance_is_the_second_moment(name, n_features):
    kernel = KERNELS[name]
    end = 1.0 if np.isfinite(kernel.support) else 40.0

    def moment(order):
        log_k = lambda t: log_profile(kernel, np.array([t * t]))[0]  # noqa: E731
        return quad(lambda t: t**order * np.exp(log_k(t)), 0, end, epsabs=0, limit=200)[0]

    expected = moment(n_features + 1) / moment(n_features - 1) / n_features
    assert kernel.variance(n_features) == pytest.approx(expected, rel=1e-7)


@every_kernel
@pytest.mark.parametrize("n_features", [1, 2, 17])
def test_radii_follow_the_kernels_own_law(name, n_features):
    kernel = KERNELS[name]
    u = kernel.sample_u(np.random.RandomState(0), n_features, 20_000)
    assert stats.kstest(u, radial_cdf(kernel, n_features)).pvalue > 1e-3


def radial_cdf(kernel, n_features):
    """Integrate ``t^(D-1) k(t^2)`` up to sqrt(u) by the trapezium rule."""
    end = 1.0 if np.isfinite(kernel.support) else 40.0
    t = np.linspace(0, end, 200_001)[:-1]
    density = t ** (n_features - 1) * np.exp(log_profile(kernel, t * t))
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return lambda u: np.interp(np.sqrt(u), t, mass / mass[-1])


def test_epanechnikov_radii_are_beta():
    u = KERNELS["epanechnikov"].sample_u(np.random.RandomState(1), 8, 20_000)
    assert stats.kstest(u, stats.beta(4, 2).cdf).pvalue > 1e-3


@every_kernel
def test_kernels_are_values(name):
    kernel = KERNELS[name]
    assert pickle.loads(pickle.dumps(kernel)) == kernel
    assert hash(kernel) == hash(pickle.loads(pickle.dumps(kernel)))
    with pytest.raises(FrozenInstanceError):
        kernel.power = 7


def test_find_kernel_takes_names_and_kernels_only():
    kernel = KERNELS["cosine"]
    assert find_kernel("cosine") is find_kernel(kernel) is kernel
    for wrong in ("tricube", None, 3):
        with pytest.raises(ValueError, match=f"kernel must be one of .*epanechnikov.*{wrong!r}"):
            find_kernel(wrong)


@pytest.mark.parametrize("power", [0, -1, 0.5, np.inf, np.nan])
def test_power_below_one_is_refused(power):
    with pytest.raises(ValueError, match=f"power must be at least 1 and finite, got {power}"):
        PowerKernel(power)


@pytest.mark.parametrize("name", KERNELS)
def test_draws_are_as_many_as_asked_for_and_all_different(name):
    u = KERNELS[name].sample_u(np.random.RandomState(0), 3, 50)
    assert u.shape == (50,)
    assert len(np.unique(u)) == 50


@pytest.mark.parametrize("power", [1, 1.0, 1.5, 7])
def test_powers_from_one_on_are_taken(power):
    u = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(PowerKernel(power).profile(u), (1.0 - u) ** power, rtol=1e-15)


def test_small_powers_are_products_to_the_last_digit():
    u = np.random.default_rng(0).random(1000)
    v = 1.0 - u
    np.testing.assert_array_equal(PowerKernel(3).profile(u), v * v * v)
    np.testing.assert_array_equal(PowerKernel(3).slope(u), 3 * (v * v))
    np.testing.assert_array_equal(PowerKernel(4).slope(u), 4 * (v * v * v))
