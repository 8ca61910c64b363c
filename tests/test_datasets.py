"""Patterns have the statistics they promise, and damage is as large as asked for."""

import numpy as np
import pytest

from skdam.datasets import (
    corrupt,
    make_correlated_patterns,
    make_patterns,
    make_prototype_patterns,
)

CORRELATIONS = [-0.5, 0.0, 0.5, 0.8]
over_correlations = pytest.mark.parametrize("rho", CORRELATIONS)
makers = pytest.mark.parametrize("make", [make_patterns, make_correlated_patterns])


def mean_separation(X):
    overlaps = (X @ X.T)[np.triu_indices(len(X), 1)] / X.shape[1]
    return np.mean((1 - overlaps) / 2)


@makers
def test_patterns_are_floats_of_plus_and_minus_one(make):
    X = make(7, 9, random_state=0)
    assert X.dtype == np.float64
    assert X.shape == (7, 9)
    assert set(X.ravel()) == {-1.0, 1.0}
    assert make(1, 1, random_state=0).shape == (1, 1)


@makers
def test_more_patterns_begin_with_those_that_fewer_are(make):
    for n_features in (1, 6, 7):
        few, many = (make(n, n_features, random_state=3) for n in (5, 50))
        np.testing.assert_array_equal(many[:5], few)


@makers
def test_global_generator_is_left_alone(make):
    before = np.random.get_state()[1].copy()
    make(3, 4, random_state=0)
    corrupt(np.ones((3, 4)), noise=1.0, flip=0.5, missing=0.5, random_state=0)
    make_prototype_patterns(2, 3, 4, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_bits_of_patterns_are_independent_and_fair():
    X = make_patterns(4000, 32, random_state=0)
    assert np.abs(X.mean(axis=0)).max() < 5 / np.sqrt(4000)
    moments = X.T @ X / 4000 - np.eye(32)
    assert np.abs(moments).max() < 5 / np.sqrt(4000)


@over_correlations
@pytest.mark.parametrize("separation", [0.0, 0.1, 0.3, 0.5])
def test_separation_is_delivered_whatever_the_correlation(separation, rho):
    options = {"separation": separation, "correlation": rho}
    draws = [make_correlated_patterns(100, 512, **options, random_state=i) for i in range(20)]
    assert np.mean([mean_separation(X) for X in draws]) == pytest.approx(separation, abs=0.005)


@over_correlations
def test_neighbours_correlate_by_the_arcsine_law_up_to_sign(rho):
    total = np.zeros(511)
    for seed in range(20):
        X = make_correlated_patterns(200, 512, correlation=rho, random_state=seed)
        both = (X[:, 1:] * X[:, :-1]).mean(axis=0)
        total += both * np.sign(both.mean() if rho == 0 else both * rho)  # the common signs
    expected = 2 / np.pi * np.arcsin(rho)
    measured = total.mean() / 20
    assert measured == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_correlation_fades_with_the_distance_of_features(rho):
    """The latent correlation of features j apart is rho^j; a common sign cancels in squares."""
    X = make_correlated_patterns(20_000, 30, correlation=rho, random_state=0)
    second_moments = X.T @ X / len(X)
    for j in range(1, 6):
        expected = 2 / np.pi * np.arcsin(rho**j)
        measured = np.abs(np.diag(second_moments, j))
        np.testing.assert_allclose(measured, expected, rtol=0, atol=0.03)


def test_full_correlation_leaves_a_pattern_and_its_negative():
    X = make_correlated_patterns(50, 9, correlation=1.0, random_state=0)
    assert (np.abs(X @ X[0]) == 9).all()


@pytest.mark.parametrize(
    ("make", "name", "value", "told"),
    [
        (make_patterns, "n_patterns", 0, "n_patterns must be an int in the range"),
        (make_patterns, "n_features", 2.5, "n_features must be"),
        (make_patterns, "n_patterns", True, "n_patterns must be"),
        (make_correlated_patterns, "separation", 0.51, r"separation .* \[0.0, 0.5\], got 0.51"),
        (make_correlated_patterns, "separation", -0.1, "separation must be"),
        (make_correlated_patterns, "separation", np.nan, "separation must be"),
        (make_correlated_patterns, "correlation", 1.1, r"correlation .* \[-1.0, 1.0\], got 1.1"),
        (make_correlated_patterns, "correlation", "high", "correlation must be"),
    ],
)
def test_parameters_out_of_range_are_named(make, name, value, told):
    with pytest.raises(ValueError, match=told):
        make(**({"n_patterns": 3, "n_features": 4} | {name: value}))


def test_examples_differ_from_their_prototype_by_the_noise():
    patterns, prototypes, group = make_prototype_patterns(5, 40, 500, noise=0.2, random_state=0)
    assert patterns.shape == (200, 500)
    assert prototypes.shape == (5, 500)
    np.testing.assert_array_equal(group, np.repeat(np.arange(5), 40))
    wrong = patterns != prototypes[group]
    assert wrong.mean() == pytest.approx(0.2, abs=0.005)
    np.testing.assert_allclose(wrong.mean(axis=1), 0.2, atol=5 * np.sqrt(0.16 / 500))
    assert set(patterns.ravel()) == {-1.0, 1.0}


@pytest.mark.parametrize(("noise", "sign"), [(0.0, 1.0), (1.0, -1.0)])
def test_no_noise_and_full_noise_are_exact(noise, sign):
    patterns, prototypes, group = make_prototype_patterns(3, 4, 9, noise=noise, random_state=0)
    np.testing.assert_array_equal(patterns, sign * prototypes[group])


@pytest.mark.parametrize("name", ["n_prototypes", "n_examples", "n_features", "noise"])
def test_parameters_of_prototypes_are_named(name):
    given = {"n_prototypes": 2, "n_examples": 2, "n_features": 2, "noise": 0.1} | {name: -1}
    with pytest.raises(ValueError, match=f"{name} must be .*, got -1"):
        make_prototype_patterns(**given)


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_asked_for_is_no_damage(dtype):
    X = np.random.default_rng(0).normal(size=(5, 6)).astype(dtype)
    damaged = corrupt(X, random_state=0)
    np.testing.assert_array_equal(damaged, X)
    assert damaged.dtype == dtype
    assert not np.shares_memory(damaged, X)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["flip", "missing"])
def test_each_row_loses_exactly_that_share(kind, share):
    X = make_patterns(50, 20, random_state=0)
    damaged = corrupt(X, **{kind: share}, random_state=0)
    lost = np.isnan(damaged) if kind == "missing" else damaged == -X
    np.testing.assert_array_equal(lost.sum(axis=1), round(20 * share))
    np.testing.assert_array_equal(damaged[~lost], X[~lost])


def test_shares_that_are_no_whole_number_of_features_are_right_on_average():
    X = np.ones((4000, 3))
    lost = (corrupt(X, flip=0.4, random_state=0) < 0).sum(axis=1)
    assert set(lost) == {1, 2}
    assert lost.mean() == pytest.approx(1.2, abs=0.03)


def test_all_features_are_as_likely_to_be_lost():
    lost = np.isnan(corrupt(np.ones((8000, 5)), missing=0.4, random_state=0)).mean(axis=0)
    np.testing.assert_allclose(lost, 0.4, atol=0.03)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_noise_is_in_standard_deviations_of_each_feature(scale):
    X = np.random.default_rng(0).normal(size=(5000, 4)) * [1.0, 1e-3, 50.0, 0.0] + [0, 7, 1e3, 3]
    X *= scale
    noise = (corrupt(X, noise=0.5, random_state=0) - X) / scale
    np.testing.assert_allclose(noise.std(axis=0)[:3] / [1.0, 1e-3, 50.0], 0.5, rtol=0.05)
    np.testing.assert_array_equal(noise[:, 3], 0.0)  # a constant feature
    np.testing.assert_allclose(noise.mean(axis=0)[:3] / [1.0, 1e-3, 50.0], 0.0, atol=0.05)


def test_gaps_and_flips_come_after_noise():
    X = np.random.default_rng(0).normal(size=(9, 6))
    noisy = corrupt(X, noise=0.5, random_state=0)
    all_ = corrupt(X, noise=0.5, flip=0.5, missing=0.5, random_state=0)
    kept = ~np.isnan(all_)
    np.testing.assert_array_equal(kept.sum(axis=1), 3)
    np.testing.assert_array_equal(np.abs(all_[kept]), np.abs(noisy[kept]))


def test_damage_is_reproducible_and_leaves_its_input():
    X = make_patterns(5, 6, random_state=0)
    kept, options = X.copy(), {"noise": 0.5, "flip": 0.3, "missing": 0.2}
    first = corrupt(X, **options, random_state=7)
    np.testing.assert_array_equal(corrupt(X, **options, random_state=7), first)
    assert not np.array_equal(corrupt(X, **options, random_state=8), first, equal_nan=True)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("kind", ["noise", "flip", "missing"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "much", True, None])
def test_damage_out_of_range_is_named(kind, value):
    with pytest.raises(ValueError, match=f"{kind} must be a float in the range"):
        corrupt(np.ones((3, 2)), **{kind: value})


@pytest.mark.parametrize("kind", ["flip", "missing"])
def test_no_more_than_all_features_are_lost(kind):
    with pytest.raises(ValueError, match=rf"{kind} must be .* \[0.0, 1.0\], got 1.5"):
        corrupt(np.ones((3, 2)), **{kind: 1.5})


def test_a_single_row_has_no_deviation_to_measure_noise_in():
    with pytest.raises(ValueError, match=r"noise=0.5 .* at least 2 rows, got 1 sample"):
        corrupt([[1.0, 2.0]], noise=0.5)
    assert corrupt([[1.0, 2.0]], flip=1.0).tolist() == [[-1.0, -2.0]]


@pytest.mark.parametrize("X", [[[np.nan]], np.empty((0, 3)), np.ones(3), [["a"]]])
def test_rows_that_are_none_are_refused(X):
    with pytest.raises(ValueError):
        corrupt(X, flip=0.5)


def test_noise_beyond_the_floats_is_refused():
    X = np.array([[0.0], [3e38]], dtype=np.float32)
    with pytest.raises(ValueError, match=r"noise=9\.0 takes X beyond what float32 holds"):
        corrupt(X, noise=9.0, random_state=0)
