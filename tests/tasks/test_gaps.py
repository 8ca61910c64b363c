"""Training rows with gaps complete each other, whatever their order, copies and unit."""

import numpy as np
import pytest
from sklearn.base import clone

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory
from skdam._conditional import Conditional
from skdam.tasks import _gaps as module
from skdam.tasks._gaps import PASSES, complete_rows

MEMORIES = [EpanechnikovMemory("scott"), GaussianMemory(0.8), KernelMemory("cosine", 2.0)]


def rows_with_gaps(seed=0, n=40, n_features=5, share=0.4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ rng.normal(size=(2, n_features))
    X += 0.2 * rng.normal(size=X.shape)
    gaps = rng.random(X.shape) < share
    gaps[np.arange(n), rng.integers(0, n_features, n)] = False  # something is observed
    return np.where(gaps, np.nan, X)


def slow_first_fill(X, weights):
    """Fill each gap with the mean of the formula, one after another."""
    known = ~np.isnan(X)
    variance = []
    for f in range(X.shape[1]):
        values, w = X[known[:, f], f], weights[known[:, f]]
        mean = np.average(values, weights=w)
        variance.append(np.average((values - mean) ** 2, weights=w))
    v = 2 * np.mean(variance)
    filled = X.copy()
    for i in range(len(X)):
        both = known & known[i]
        squares = np.where(both, np.nan_to_num(X) - np.nan_to_num(X[i]), 0.0) ** 2
        d = (v + squares.sum(axis=1)) / (1 + both.sum(axis=1))
        d[i] = np.inf
        shares = weights * np.exp(-2 * d / d.min())
        for f in np.flatnonzero(~known[i]):
            donors = known[:, f]
            filled[i, f] = np.average(X[donors, f], weights=shares[donors])
    return filled


def slow_completion(X, weights, memory):
    """Then leave out each row in turn, and let what the others have observed complete it."""
    known, filled = ~np.isnan(X), slow_first_fill(X, weights)
    for _ in range(PASSES):
        bandwidth = clone(memory).fit(filled, sample_weight=weights).bandwidth_
        before = filled.copy()
        for i in np.flatnonzero(~known.all(axis=1)):
            others = np.flatnonzero(np.arange(len(X)) != i)
            rest = clone(memory).set_params(bandwidth=bandwidth)
            energy = rest.fit(before[others], sample_weight=weights[others])._energy()
            place, one = energy.patterns.place, slice(i, i + 1)
            copies = [others[place == p] for p in range(place.max() + 1)]
            sure = np.array([np.average(known[c], 0, weights=weights[c]) for c in copies])
            filled[i] = Conditional.of(energy).mean(before[one], known[one], sure=sure)[0]
    return filled


@pytest.mark.parametrize("memory", MEMORIES, ids=str)
def test_completion_is_the_formula(memory):
    X = rows_with_gaps()
    weights = np.random.default_rng(1).random(len(X)) + 0.1
    found = complete_rows(X, weights, memory)
    np.testing.assert_allclose(found, slow_completion(X, weights, memory), rtol=1e-9, atol=1e-11)
    known = ~np.isnan(X)
    np.testing.assert_array_equal(found[known], X[known])


def lattice_with_gaps(seed, share, n=30):
    """Return copies of a few rows of integers: many of those with gaps are completed to others."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (5, 4))[rng.integers(0, 5, n)].astype(float)
    X[rng.random(X.shape) < share] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    return X, rng.integers(1, 4, len(X)).astype(float)


def merged(X, weights):
    """Return the distinct rows, NaN equal to NaN, their total weights, and where each row is."""
    rows, place = np.unique(np.nan_to_num(X, nan=-1.0), axis=0, return_inverse=True)
    place = place.ravel()
    return np.where(rows == -1.0, np.nan, rows), np.bincount(place, weights), place


@pytest.mark.parametrize(
    "memory", [EpanechnikovMemory(1.2), GaussianMemory(0.5), KernelMemory("biweight", 1.5)], ids=str
)
@pytest.mark.parametrize("share", [0.1, 0.35])
@pytest.mark.parametrize("seed", range(8))
def test_rows_that_are_completed_to_others_are_the_formula_too(memory, share, seed):
    X, weights = lattice_with_gaps(seed, share)
    rows, total, place = merged(X, weights)
    found, expected = complete_rows(X, weights, memory), slow_completion(rows, total, memory)
    np.testing.assert_allclose(found, expected[place], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_rows_of_a_far_lattice_are_the_formula_too(seed, monkeypatch):
    X, weights = lattice_with_gaps(seed, 0.35)
    found = complete_rows(X, weights, EpanechnikovMemory(1.2))
    monkeypatch.setattr("skdam._conditional.LARGEST_SIZE", 0.0)
    near = complete_rows(X, weights, EpanechnikovMemory(1.2))
    np.testing.assert_allclose(near, found, rtol=1e-9, atol=1e-9)


def test_a_twin_completes_a_row():
    X = np.array([[0.0, 0.0], [0.0, 0.0], [10.0, 10.0], [10.0, np.nan]])
    found = complete_rows(X, np.ones(4), EpanechnikovMemory(1.5))
    np.testing.assert_array_equal(found, [[0, 0], [0, 0], [10, 10], [10, 10]])


@pytest.mark.parametrize("away", [1e8, 1e12, 1e17])
def test_a_far_cluster_costs_no_digit(away):
    X = np.random.default_rng(0).normal(size=(30, 3))
    X[0, 1] = np.nan
    alone = complete_rows(X, np.ones(30), EpanechnikovMemory(2.0))
    both = complete_rows(np.concatenate([X, X[1:] + away]), np.ones(59), EpanechnikovMemory(2.0))
    np.testing.assert_allclose(both[0], alone[0], rtol=1e-9)


def test_whole_rows_are_left_alone():
    X = rows_with_gaps(share=0.0)
    np.testing.assert_array_equal(complete_rows(X, np.ones(len(X)), MEMORIES[0]), X)
    assert not hasattr(MEMORIES[0], "memories_")


@pytest.mark.parametrize("memory", MEMORIES, ids=str)
def test_weights_are_copies_and_order_does_not_matter(memory):
    X = rows_with_gaps()
    weights = np.random.default_rng(2).integers(1, 4, len(X))
    found = complete_rows(X, weights.astype(float), memory)
    index = np.random.default_rng(3).permutation(np.repeat(np.arange(len(X)), weights))
    again = complete_rows(X[index], np.ones(len(index)), memory)
    np.testing.assert_array_equal(again, found[index])


def test_rows_of_equal_gaps_written_otherwise_are_equal():
    X = rows_with_gaps()
    X[:2] = [0.0, np.nan, 1.0, 2.0, np.nan]
    other = X.copy()
    other[1] = [-0.0, -np.nan, 1.0, 2.0, np.nan]
    weights = np.ones(len(X))
    found, again = (complete_rows(rows, weights, GaussianMemory(0.8)) for rows in (X, other))
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("exponent", [-900, -3, 500, 990])
def test_a_unit_changes_nothing(exponent):
    X, unit = rows_with_gaps(), 2.0**exponent
    weights = np.ones(len(X))
    found = complete_rows(X, weights, EpanechnikovMemory(2.0))
    again = complete_rows(X * unit, weights, EpanechnikovMemory(2.0 * unit))
    np.testing.assert_array_equal(again, found * unit)


def test_an_offset_of_each_feature_changes_nothing():
    X = rows_with_gaps()
    X = np.round(X * 1024) / 1024
    offset = np.array([1e8, -1e8, 0.0, 1e6, 3.0])
    weights = np.ones(len(X))
    found = complete_rows(X, weights, EpanechnikovMemory(2.0))
    again = complete_rows(X + offset, weights, EpanechnikovMemory(2.0))
    np.testing.assert_allclose(again - offset, found, atol=1e-7)


@pytest.mark.parametrize("n_features", [2, 3, 20])
def test_clusters_far_apart_complete_themselves(n_features):
    """The first fill is a mean over both, where rows share few features: it is forgotten."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, n_features))
    gaps = rng.random(X.shape) < 0.3
    gaps[np.arange(200), rng.integers(0, n_features, 200)] = False
    side = np.where(np.arange(200) % 2, 1e8, -1e8)[:, None]
    gappy = np.where(gaps, np.nan, X + side)
    memory = EpanechnikovMemory(2.0 * np.sqrt(n_features))
    found = complete_rows(gappy, np.ones(200), memory) - side
    assert np.abs(found - X).max() < 5.0


def test_blocks_change_nothing(monkeypatch):
    X = rows_with_gaps()
    found = complete_rows(X, np.ones(len(X)), MEMORIES[0])
    monkeypatch.setattr(module, "PAIRS", 1)
    np.testing.assert_allclose(complete_rows(X, np.ones(len(X)), MEMORIES[0]), found, rtol=1e-11)


def test_rows_that_share_no_feature_are_at_an_average_distance():
    X = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, 5.0], [np.nan, 9.0]])
    expected = [[1.0, 7.0], [3.0, 7.0], [2.0, 5.0], [2.0, 9.0]]
    found = module._first_fill(X, ~np.isnan(X), np.ones(4))
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_donors_far_beyond_the_exponential_still_fill_a_gap():
    """All rows that have the last feature are in a cluster of hardly any weight."""
    X = np.zeros((5, 4))
    X[:3, :3], X[:3, 3], X[3:, 3] = 1e6, [2.0, 4.0, 4.0], np.nan
    weights = np.array([2.0, 1.0, 1.0, 1e6, 1e6])
    found = module._first_fill(X, ~np.isnan(X), weights)
    np.testing.assert_allclose(found[3:, 3], 10 / 3, rtol=1e-12)  # alike


def test_equal_values_and_single_donors_fill_with_themselves():
    X = np.array([[np.nan, 2.0], [np.pi, 2.0], [np.nan, 2.0]])
    found = complete_rows(X, np.ones(3), EpanechnikovMemory(1.0))
    np.testing.assert_array_equal(found, [[np.pi, 2.0]] * 3)


def test_a_row_alone_but_for_its_copies_is_whole():
    X = np.array([[1.0, 2.0]] * 3)
    np.testing.assert_array_equal(complete_rows(X, np.ones(3), EpanechnikovMemory(1.0)), X)
