"""Rules for the bandwidth: each against an oracle, all equivariant, none on a tie."""

import numpy as np
import pytest
import reference
from cases import KERNEL_MEMORIES
from reference import mp
from scipy.spatial.distance import cdist
from scipy.stats import gaussian_kde, ortho_group
from sklearn.exceptions import NotFittedError

from skdam import GaussianMemory, bandwidths
from skdam.bandwidths import RULES, choose_bandwidth
from skdam.kernels import KERNELS

every_rule = pytest.mark.parametrize("rule", RULES)
every_kernel = pytest.mark.parametrize("name", KERNELS)
some_kernels = pytest.mark.parametrize("name", ["epanechnikov", "gaussian", "cosine"])


def cloud(n=40, n_features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_features))


def chosen(rule, X, name, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    return choose_bandwidth(rule, np.ascontiguousarray(X), weights, KERNELS[name])


def nearest_distances(X):
    D = cdist(X, X)
    np.fill_diagonal(D, np.inf)
    return D.min(axis=1)


def test_nearest_is_a_share_of_the_median_nearest_distance():
    X = cloud()
    m = np.median(nearest_distances(X))
    assert chosen("nearest", X, "epanechnikov") == pytest.approx(0.95 * m, rel=1e-14)
    gaussian = m / np.sqrt(3 * np.log(len(X)))
    assert chosen("nearest", X, "gaussian") == pytest.approx(gaussian, rel=1e-14)


def test_gaussian_nearest_keeps_cross_talk_below_one_over_root_k():
    n = 50
    sigma = chosen("nearest", np.sqrt(0.5) * np.eye(n), "gaussian")  # all at distance 1
    assert n * np.exp(-0.5 / sigma**2) == pytest.approx(n**-0.5)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_gaussian_rules_of_thumb_are_scipys(rule):
    X = cloud(200, 1)
    kde = gaussian_kde(X.T, bw_method=rule)
    expected = kde.factor * X.std()
    assert chosen(rule, X, "gaussian") == pytest.approx(expected, rel=1e-13)


def test_scott_weighs_the_variance():
    X, counts = cloud(15, 2), np.random.default_rng(2).integers(1, 4, 15)
    variance = np.repeat(X, counts, axis=0).var(axis=0).mean()
    expected = np.sqrt(variance) * counts.sum() ** (-1 / 6)
    assert chosen("scott", X, "gaussian", counts.astype(float)) == pytest.approx(expected)


@every_kernel
@pytest.mark.parametrize("n_features", [1, 8, 64])
def test_other_kernels_smooth_as_much_as_the_gaussian(name, n_features):
    def roughness(k):
        z = reference.integral(k, n_features)
        second = reference.integral(k, n_features + 2) / (2 * mp.pi) / z  # mean of z_1^2
        return reference.integral(k, n_features, 2) / z**2 / second**2

    X = cloud(30, n_features)
    ratio = chosen("scott", X, name) / chosen("scott", X, "gaussian")
    expected = (roughness(name) / roughness("gaussian")) ** (1 / mp.mpf(n_features + 4))
    assert ratio == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("n_features", "constant"), [(1, 2.214), (8, 3.27), (64, 7.28)])
def test_canonical_epanechnikov_bandwidths(n_features, constant):
    X = cloud(30, n_features)
    ratio = chosen("scott", X, "epanechnikov") / chosen("scott", X, "gaussian")
    assert ratio == pytest.approx(constant, abs=0.005)


def left_out(X, weights, name, bandwidth):
    """Return the log density of each row under the others, from the definition."""
    found = []
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        model = name, X[others], weights[others], bandwidth
        found.append(float(reference.log_density(*model, X[i])))
    return np.array(found)


@some_kernels
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_leave_one_out_leaves_the_whole_memory_out(name, offset):
    X, weights = cloud(12, 2) + offset, np.random.default_rng(1).uniform(1, 3, 12)
    place = np.array([0, 0, *range(12), 5])  # copies count as weight
    memory = KERNEL_MEMORIES[name](bandwidth=1.7).fit(X[place], sample_weight=weights[place])
    found = bandwidths.leave_one_out_log_likelihood(memory)
    summed = weights * np.bincount(place)
    np.testing.assert_allclose(found, left_out(X, summed, name, 1.7)[place], rtol=1e-11)


@pytest.mark.parametrize("bandwidth", [0.01, 0.03, 0.1])
def test_leave_one_out_is_right_where_only_the_own_term_is_large(bandwidth):
    X = cloud(12, 2) + np.where(np.arange(12) % 2, 1e6, -1e6)[:, None]
    found = bandwidths.leave_one_out_log_likelihood(GaussianMemory(bandwidth=bandwidth).fit(X))
    np.testing.assert_allclose(found, left_out(X, np.ones(12), "gaussian", bandwidth), rtol=1e-11)


@every_kernel
def test_leave_one_out_is_in_the_order_given_and_minus_infinity_out_of_reach(name):
    X, weights = np.array([[9.0], [0.5], [0.0], [1.0], [0.5]]), np.array([2.0, 1.0, 3.0, 0.5, 4.0])
    memory = KERNEL_MEMORIES[name](bandwidth=1.5).fit(X, sample_weight=weights)
    found = bandwidths.leave_one_out_log_likelihood(memory)
    alone = left_out(X[:4], np.array([2.0, 5.0, 3.0, 0.5]), name, 1.5)[[0, 1, 2, 3, 1]]
    assert np.isneginf(found).tolist() == [name != "gaussian", False, False, False, False]
    np.testing.assert_allclose(found, alone, rtol=1e-12)
    assert found.dtype == np.float64
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        scaled = KERNEL_MEMORIES[name](bandwidth=1.5e150).fit(X * 1e150, sample_weight=weights)
        shifted = bandwidths.leave_one_out_log_likelihood(scaled) + np.log(1e150)
    np.testing.assert_allclose(shifted, alone, rtol=1e-10)


@some_kernels
def test_loo_maximises_the_leave_one_out_likelihood(name):
    X, weights = cloud(12, 2), np.random.default_rng(1).uniform(1, 3, 12)
    best = chosen("loo", X, name, weights)

    def likelihood(bandwidth):
        return weights @ left_out(X, weights, name, bandwidth)

    peak = likelihood(best)
    assert all(likelihood(best * factor) < peak for factor in np.geomspace(0.1, 10, 24))
    assert all(likelihood(best * factor) < peak for factor in (0.999, 1.001))


@some_kernels
@pytest.mark.parametrize("gap", [1e-100, 1e-200, 5e-324])
def test_loo_is_not_disturbed_by_rows_that_are_almost_copies(name, gap):
    X = cloud(12, 2)
    X[0] = 0.0, 0.0
    near, far = (np.append(X, [[0.0, step]], axis=0) for step in (gap, 1e-9))
    assert chosen("loo", near, name) == pytest.approx(chosen("loo", far, name), rel=1e-3)


@every_rule
@some_kernels
def test_rules_are_equivariant(rule, name):
    X = cloud()
    found = chosen(rule, X, name)
    for power in (-600, -3, 5, 600):
        assert chosen(rule, np.ldexp(X, power), name) == np.ldexp(found, power)
    assert chosen(rule, 3.7 * X, name) == pytest.approx(3.7 * found, rel=1e-6)
    rotated = X @ ortho_group.rvs(3, random_state=0) + [1e3, -2.0, 0.5]
    assert chosen(rule, rotated, name) == pytest.approx(found, rel=1e-6)


@every_rule
@some_kernels
def test_weights_are_frequencies(rule, name):
    X, counts = cloud(15), np.random.default_rng(2).integers(1, 4, 15)
    repeated = chosen(rule, np.repeat(X, counts, axis=0), name)
    assert chosen(rule, X, name, counts.astype(float)) == pytest.approx(repeated, rel=1e-7)


@every_rule
@pytest.mark.parametrize("X", [np.ones((1, 3)), np.ones((5, 2))], ids=["one", "copies"])
def test_one_distinct_row_has_no_scale(rule, X):
    with pytest.raises(ValueError, match=f"'{rule}' needs .* got 1 sample.*bandwidth=<float>"):
        chosen(rule, X, "epanechnikov")


@every_rule
@some_kernels
def test_two_rows_are_enough(rule, name):
    assert 0 < chosen(rule, np.array([[0.0, 1.0], [2.0, 1.0]]), name) < np.inf


def test_preserved_fraction_counts_nearest_distances_above_the_bandwidth():
    X, m = cloud(), nearest_distances(cloud())
    for bandwidth in np.quantile(m, [0.01, 0.4, 0.9]) + 1e-9:
        expected = np.mean(m > bandwidth)
        assert bandwidths.preserved_fraction(X, bandwidth) == expected
        assert bandwidths.preserved_fraction(np.repeat(X, 2, axis=0), bandwidth) == expected
    assert bandwidths.preserved_fraction(X, 1e-9) == 1.0
    assert bandwidths.preserved_fraction(X, 1e9) == 0.0
    assert bandwidths.preserved_fraction(X[:1], 1.0) == 1.0
    assert bandwidths.preserved_fraction([[0.0], [1.0]], 1.0) == 0.0  # a tie is no minimum


@pytest.mark.parametrize("n", [2, 3, 7, 40])
def test_preserving_bandwidth_preserves_that_fraction_and_no_more(n):
    X = cloud(n)
    m = nearest_distances(X)
    possible = [np.mean(m >= distance * (1 - 1e-9)) for distance in m]
    for fraction in [1e-9, 0.1, 1 / 3, 0.5, 0.9, 1.0]:
        bandwidth = bandwidths.preserving_bandwidth(X, fraction)
        kept = bandwidths.preserved_fraction(X, bandwidth)
        assert kept == min(share for share in possible if share >= fraction)


def test_emergence_window_ends_at_the_smallest_distance_of_distinct_rows():
    X = cloud()
    low, high = bandwidths.emergence_window(np.repeat(X, 2, axis=0))
    assert high == pytest.approx(nearest_distances(X).min(), rel=1e-14)
    assert low == high / 2
    with pytest.raises(ValueError, match="'emergence_window' needs at least 2 distinct rows"):
        bandwidths.emergence_window(np.ones((3, 2)))


def test_betas_and_bandwidths_convert():
    for name, kernel in KERNELS.items():
        beta = np.array([1e-6, 0.4, 30.0])
        r = bandwidths.bandwidth_from_beta(beta, name)
        np.testing.assert_allclose(r, np.sqrt(kernel.curvature / beta), rtol=1e-15)
        np.testing.assert_allclose(bandwidths.beta_from_bandwidth(r, kernel), beta, rtol=1e-15)
    assert isinstance(bandwidths.bandwidth_from_beta(2), float)
    assert bandwidths.beta_from_bandwidth(1e-200) == np.inf
    assert bandwidths.beta_from_bandwidth(1e200) == 0.0


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, np.inf, True, "1", [1.0, -1.0], 1j])
def test_what_is_not_positive_is_refused(wrong):
    with pytest.raises(ValueError, match="beta must be positive and finite, got"):
        bandwidths.bandwidth_from_beta(wrong)
    with pytest.raises(ValueError, match="bandwidth must be positive and finite, got"):
        bandwidths.beta_from_bandwidth(wrong)
    with pytest.raises(ValueError, match="bandwidth must be positive and finite, got"):
        bandwidths.preserved_fraction([[0.0], [1.0]], wrong)


@pytest.mark.parametrize("wrong", [0, 1.5, np.nan, True, "half", None])
def test_what_is_no_fraction_is_refused(wrong):
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\], got"):
        bandwidths.preserving_bandwidth([[0.0], [1.0]], wrong)


@pytest.mark.parametrize("function", ["preserved_fraction", "preserving_bandwidth"])
def test_functions_check_their_rows(function):
    for wrong, message in [
        ([[np.nan]], "X contains NaN"),
        ([1.0], "1D array"),
        ([[]], "0 feature"),
    ]:
        with pytest.raises(ValueError, match=message):
            getattr(bandwidths, function)(wrong, 0.5)


def test_leave_one_out_wants_a_fitted_memory():
    with pytest.raises(NotFittedError, match="GaussianMemory instance is not fitted yet"):
        bandwidths.leave_one_out_log_likelihood(GaussianMemory())
    with pytest.raises(TypeError, match="3 is not an estimator instance"):
        bandwidths.leave_one_out_log_likelihood(3)
    with pytest.raises(ValueError, match="leave_one_out_log_likelihood' needs at least 2 distinct"):
        bandwidths.leave_one_out_log_likelihood(GaussianMemory(bandwidth=1.0).fit([[1.0], [1.0]]))
