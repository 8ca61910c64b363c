"""Radii of basins against known balls, exact margins, and planes halfway between two memories."""

import numpy as np
import pytest
from cases import HOPFIELD_FAMILY, MEMORIES
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from skdam import (
    AttentionMemory,
    BinaryMemory,
    DenseMemoryClassifier,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelMemory,
    RandomFeatureMemory,
    enumerate_minima,
)
from skdam.analysis import basin_radius
from skdam.datasets import make_patterns
from skdam.dynamics import RetrievalResult

KERNELS = [clone(memory).set_params(bandwidth=2.0) for memory in MEMORIES]


class Balls(BaseEstimator):
    """A memory whose rows come back from all states that differ in up to `most` features."""

    def __init__(self, most):
        self.most = most

    def fit(self, X):
        self.memories_ = X
        return self

    def retrieve(self, X):
        wrong = (X[:, None] != self.memories_).sum(axis=2)
        own = wrong.argmin(axis=1)
        back = np.where(wrong.min(axis=1) <= np.array(self.most)[own], own, -1)
        return RetrievalResult(X, back, back, back, back, back, lambda: None)


# --- the exact margin -------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [EpanechnikovMemory, KernelMemory])
@pytest.mark.parametrize("seed", range(5))
def test_epanechnikov_radius_is_the_margin_of_the_minimum(estimator, seed):
    X = np.random.default_rng(seed).normal(size=(12, 2))
    memory = estimator(bandwidth=0.35).fit(X)
    distance = np.linalg.norm(X[:, None] - X, axis=2) + np.where(np.eye(12), np.inf, 0.0)
    nearest = distance.min(axis=1)
    radius = basin_radius(memory)
    expected = np.where(nearest > 0.35, np.minimum(0.35, nearest - 0.35), 0.0)
    np.testing.assert_allclose(radius, expected, rtol=1e-12)
    minima = enumerate_minima(memory)
    stored = {m[0]: r for m, r in zip(minima.members, minima.margins, strict=True) if len(m) == 1}
    np.testing.assert_allclose(radius[list(stored)], list(stored.values()), rtol=1e-12)
    assert len(stored) == np.count_nonzero(radius) > 2


@pytest.mark.parametrize("dynamics", ["mean_shift", "flow"])
def test_every_query_within_the_margin_returns_and_some_beyond_do_not(dynamics):
    X = np.random.default_rng(0).normal(size=(30, 3))
    memory = EpanechnikovMemory(0.6, dynamics=dynamics).fit(X)
    radius = basin_radius(memory)
    kept = np.flatnonzero(radius)
    ways = np.random.default_rng(1).normal(size=(len(kept), 50, 3))
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    distance = np.linalg.norm(X[:, None] - X, axis=2) + np.where(np.eye(30), np.inf, 0.0)
    other = distance[kept].argmin(axis=1)
    ways[:, 0] = (X[other] - X[kept]) / distance[kept, other][:, None]
    inside = X[kept, None] + 0.999 * radius[kept, None, None] * ways
    result = memory.retrieve(inside.reshape(-1, 3))
    np.testing.assert_array_equal(result.recalled, np.repeat(kept, 50))
    narrow = radius[kept] < 0.59  # limited by the neighbour
    beyond = X[kept] + 1.01 * radius[kept, None] * ways[:, 0]
    first = EpanechnikovMemory(0.6, max_iter=1).fit(X).transform(beyond[narrow])
    assert (first != X[kept[narrow]]).any(axis=1).all()


def test_a_memory_on_the_rim_or_merged_has_no_radius():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [1.0], [5.0], [5.5]])
    assert basin_radius(memory).tolist() == [0.0] * 4


def test_copies_share_a_radius():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [3.0], [0.0]])
    assert basin_radius(memory).tolist() == [1.0] * 3
    X = make_patterns(3, 30, random_state=0)[[0, 1, 2, 1]]
    for other in (BinaryMemory(random_state=0), AttentionMemory(50.0), GaussianMemory(0.5)):
        assert (basin_radius(other.fit(X), random_state=0) > 0.2).all()


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_radius_scales_with_the_data(scale):
    X = np.random.default_rng(0).normal(size=(10, 3))
    for kind in (EpanechnikovMemory, GaussianMemory):
        plain = basin_radius(kind(0.2).fit(X), random_state=0)
        scaled = basin_radius(kind(0.2 * scale).fit(X * scale), random_state=0)
        np.testing.assert_allclose(scaled / scale, plain, rtol=1e-6)
        assert plain.max() > 0


# --- bisection --------------------------------------------------------------------------------


def test_share_of_flips_is_exactly_that_of_a_known_ball():
    X = make_patterns(6, 64, random_state=0)  # any two differ in 20 bits and more
    memory = Balls([0, 1, 2, 5, 9, 10]).fit(X)
    np.testing.assert_array_equal(basin_radius(memory, random_state=0) * 64, memory.most)
    chosen = basin_radius(memory, X[[4, 1]], random_state=3)
    np.testing.assert_array_equal(chosen * 64, [9, 1])


def test_a_pattern_that_comes_back_from_anywhere_has_radius_one():
    assert basin_radius(
        Balls([99]).fit(make_patterns(1, 7, random_state=0)), n_trials=3
    ).tolist() == [1.0]


def test_radius_of_spins_bounds_what_all_flips_allow():
    """Exhaustively: some single flip beyond the radius of all trials does not come back."""
    X = make_patterns(15, 24, random_state=0)
    memory = BinaryMemory("power", 3, threshold=0, random_state=0).fit(X)
    flips = np.where(np.eye(24, dtype=bool), -X[:, None], X[:, None])
    back = memory.retrieve(flips.reshape(-1, 24)).recalled.reshape(15, 24)
    fragile = ~(back == np.arange(15)[:, None]).all(axis=1)
    radius = basin_radius(memory, n_trials=500, random_state=0)
    np.testing.assert_array_equal(radius == 0.0, fragile)
    assert 0 < fragile.sum() < 15


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-7.0, -3.0), (0.0, 16.0), (1e300, 1.5e300)])
def test_spins_are_flipped_whatever_values_they_come_as(low, high):
    X = make_patterns(5, 40, random_state=0)
    values = np.where(X > 0, high, low)
    memory = BinaryMemory(random_state=0)
    expected = basin_radius(memory.fit(X), random_state=0)
    assert expected.min() > 0.2
    np.testing.assert_array_equal(basin_radius(memory.fit(values), random_state=0), expected)
    some = basin_radius(memory, values[2:3], n_trials=200, random_state=0)
    assert some == pytest.approx(expected[2], abs=0.15)


@pytest.mark.parametrize("name", ["gaussian", "biweight", "triweight", "cosine"])
@pytest.mark.parametrize("n_features", [1, 2, 10])
def test_basins_of_two_equal_memories_meet_halfway(name, n_features):
    X = np.zeros((2, n_features))
    X[1, 0] = 6.0
    memory = KernelMemory(name, bandwidth=1.0).fit(X + 3.0)
    radius = basin_radius(memory, random_state=0)
    np.testing.assert_allclose(radius, 3.0, atol=2 * 6.0 / 256)


def test_single_memories_of_unbounded_reach_are_infinite():
    X = [[1.0, 2.0]]
    assert basin_radius(GaussianMemory(1.0).fit(X)).tolist() == [np.inf]
    assert basin_radius(EpanechnikovMemory(1.0).fit(X)).tolist() == [1.0]
    kept = basin_radius(KernelMemory("biweight", 1.0, outside="keep").fit(X), random_state=0)
    assert kept == pytest.approx(1.0, rel=0.01)
    assert basin_radius(KernelMemory("biweight", 1.0).fit(X)).tolist() == [np.inf]


def test_random_features_have_about_the_radius_of_the_gaussian():
    X = make_patterns(6, 8, random_state=0)
    exact = basin_radius(GaussianMemory(0.6).fit(X), random_state=0)
    memory = RandomFeatureMemory(0.6, 4096, max_iter=100, random_state=0).fit(X)
    estimated = basin_radius(memory, X, n_trials=3, random_state=0)
    assert exact.min() > 0
    np.testing.assert_allclose(estimated, exact, rtol=0.35)


# --- every memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [*KERNELS, *HOPFIELD_FAMILY], ids=str)
def test_every_memory_has_radii_in_its_units(memory):
    X = make_patterns(3, 12, random_state=0)
    fitted = clone(memory).fit(X)
    radius = basin_radius(fitted, n_trials=4, random_state=0)
    assert radius.shape == (3,)
    assert radius.dtype == np.float64
    distance = np.linalg.norm(X[:, None] - X, axis=2) + np.where(np.eye(3), np.inf, 0.0)
    limit = distance.min(axis=1) if memory in KERNELS else 1.0
    assert ((radius >= 0) & (radius <= limit)).all()
    np.testing.assert_array_equal(basin_radius(fitted, n_trials=4, random_state=0), radius)


def test_more_trials_never_widen_a_basin_of_nested_draws():
    X = make_patterns(1, 30, random_state=0)
    memory = HopfieldMemory("hebbian", random_state=0).fit(make_patterns(4, 30, random_state=0))
    radii = [basin_radius(memory, X, n_trials=n, random_state=0)[0] for n in (1, 4, 16, 64)]
    assert radii == sorted(radii, reverse=True)


@pytest.mark.parametrize("kind", [BinaryMemory(random_state=0), GaussianMemory(2.0)], ids=str)
def test_radius_does_not_depend_on_blocks_and_draws_nothing_global(kind):
    X = make_patterns(9, 16, random_state=0)
    memory, before = kind.fit(X), np.random.get_state()[1].copy()
    whole = basin_radius(memory, random_state=0)
    with config_context(working_memory=0.01):
        np.testing.assert_array_equal(basin_radius(memory, random_state=0), whole)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_single_precision_rows_are_found():
    X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    for memory in (EpanechnikovMemory(0.5).fit(X), GaussianMemory(0.3).fit(X)):
        np.testing.assert_array_equal(basin_radius(memory, X[2:3]) > 0, True)


# --- bad input --------------------------------------------------------------------------------


def test_rows_that_are_not_stored_are_refused():
    X = make_patterns(4, 9, random_state=0)
    for memory in (EpanechnikovMemory(1.0).fit(X), BinaryMemory().fit(X), Balls([1] * 4).fit(X)):
        with pytest.raises(ValueError, match="1 of 3 rows are not, the first of them row 1"):
            basin_radius(memory, np.vstack([X[0], np.ones(9), X[1]]))


def test_a_random_feature_memory_has_to_be_given_its_patterns():
    memory = RandomFeatureMemory(1.0, 256, random_state=0).fit([[0.0], [5.0]])
    with pytest.raises(ValueError, match=r"patterns must be all those that are stored.*None"):
        basin_radius(memory)


@pytest.mark.parametrize("n_trials", [0, -1, 2.5, True, None])
def test_numbers_of_trials_that_are_none_are_named(n_trials):
    with pytest.raises(ValueError, match="n_trials must be"):
        basin_radius(BinaryMemory().fit(make_patterns(2, 3, random_state=0)), n_trials=n_trials)


def test_what_is_no_fitted_memory_is_refused():
    with pytest.raises(NotFittedError):
        basin_radius(BinaryMemory())
    for other in (None, DenseMemoryClassifier()):
        with pytest.raises(TypeError, match="memory must be an estimator"):
            basin_radius(other)
    with pytest.raises(ValueError):
        basin_radius(
            BinaryMemory().fit(make_patterns(2, 3, random_state=0)),
            make_patterns(2, 4, random_state=0),
        )


def test_a_frozen_memory_is_the_memory_that_it_holds():
    memory = EpanechnikovMemory(2.0).fit([[0.0], [3.0], [9.0]])
    np.testing.assert_array_equal(basin_radius(FrozenEstimator(memory)), basin_radius(memory))


def test_patterns_are_found_in_the_precision_that_they_are_stored_in():
    X = np.random.default_rng(0).normal(size=(6, 3))
    memory = GaussianMemory(0.3).fit(X.astype(np.float32))
    assert basin_radius(memory, X[:2], random_state=0).shape == (2,)
