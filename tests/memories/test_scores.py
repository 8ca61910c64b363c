"""Scores are the float64 truth: fifty digits, KernelDensity, quadrature, and -inf."""

from dataclasses import replace

import numpy as np
import pytest
import reference
from cases import KERNEL_MEMORIES, SCENES
from reference import mp
from sklearn.datasets import load_digits
from sklearn.neighbors import KernelDensity

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory

pytestmark = pytest.mark.usefixtures("each_back_end")

UNIT_ROUNDOFF = 2.0**-53
BANDWIDTHS = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 100.0]
every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
@pytest.mark.parametrize("name", ["epanechnikov", "gaussian"])
def test_log_density_of_digits_equals_fifty_digits(name, bandwidth):
    X = load_digits().data
    queries, squared = reference.eighths(X, n_queries=8)
    found = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(X).score_samples(queries)
    assert found.dtype == np.float64
    for value, (exact, total) in zip(
        found, reference.grid_densities(name, squared, bandwidth, 64), strict=True
    ):
        if np.isinf(exact):
            assert value == exact
        else:
            # 1 / total may overflow where the Gaussian sum underflows: nothing is promised there
            slack = 1e-12 * max(1.0, abs(exact)) + min(4 * 64 * UNIT_ROUNDOFF / total, 1e-10)
            assert abs(value - exact) <= slack


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
@every_kernel
def test_log_density_of_random_data_equals_fifty_digits(name, bandwidth):
    rng = np.random.default_rng(int(bandwidth))
    X = rng.normal(scale=20.0, size=(60, 4))
    queries = X[:15] + rng.normal(scale=bandwidth / 2, size=(15, 4))
    weights = rng.uniform(0.1, 3, 60)
    memory = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(X, sample_weight=weights)
    for x, value in zip(queries, memory.score_samples(queries), strict=True):
        exact = float(reference.log_density(name, X, weights, bandwidth, x))
        total = float(mp.exp(reference.log_sum(name, X, weights, bandwidth, x)))
        if np.isinf(exact):
            assert value == exact
        else:
            slack = 1e-12 * max(1.0, abs(exact)) + 4 * 4 * UNIT_ROUNDOFF / total
            assert abs(value - exact) <= slack


@pytest.mark.parametrize("scene", SCENES, ids=str)
@every_kernel
def test_scores_survive_hard_data(name, scene):
    memory = KERNEL_MEMORIES[name](bandwidth=scene.bandwidth).fit(scene.memories)
    X, ones = scene.queries, np.ones(len(scene.memories))
    found = memory.score_samples(X)
    exact = [
        float(reference.log_density(name, scene.memories, ones, scene.bandwidth, x)) for x in X[:8]
    ]
    np.testing.assert_allclose(found[:8], exact, rtol=1e-9, atol=1e-9)
    assert np.isfinite(found).any()


@pytest.mark.parametrize("bandwidth", [3.0, 15.0, 40.0])
@pytest.mark.parametrize("name", ["epanechnikov", "gaussian"])
def test_scores_equal_kernel_density_with_one_leaf(name, bandwidth):
    X = load_digits().data[:500]
    queries, weights = X[:50] + 0.7, np.random.default_rng(0).uniform(0.5, 2, 500)
    peer = KernelDensity(bandwidth=bandwidth, kernel=name, leaf_size=len(X), rtol=0)
    expected = peer.fit(X, sample_weight=weights).score_samples(queries)
    memory = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(X, sample_weight=weights)
    np.testing.assert_allclose(memory.score_samples(queries), expected, rtol=1e-10)
    assert memory.score(queries) == memory.score_samples(queries).mean()


@every_kernel
@pytest.mark.parametrize(("n_features", "n_cells"), [(1, 20_000), (2, 400), (3, 80)])
def test_density_integrates_to_one(name, n_features, n_cells):
    rng = np.random.default_rng(n_features)
    X = rng.uniform(-1, 1, (4, n_features))
    bandwidth, weights = (0.8, rng.uniform(0.5, 2, 4))
    reach = 1.0 + bandwidth * (6.0 if name == "gaussian" else 1.0)
    ticks = np.linspace(-reach, reach, n_cells, endpoint=False) + reach / n_cells
    grid = np.stack(np.meshgrid(*[ticks] * n_features, indexing="ij"), axis=-1)
    memory = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(X, sample_weight=weights)
    mass = np.exp(memory.score_samples(grid.reshape(-1, n_features))).sum()
    assert mass * (2 * reach / n_cells) ** n_features == pytest.approx(1.0, abs=2e-4)


def test_density_off_the_support_and_on_its_rim_is_exactly_zero():
    memory = EpanechnikovMemory(bandwidth=5.0).fit([[0.0, 0.0]])
    X = [[3.0, 4.0], [30.0, 0.0], [2.9999999, 4.0]]
    assert np.isneginf(memory.score_samples(X)).tolist() == [True, True, False]
    assert np.isposinf(memory.energy(X)).tolist() == [True, True, False]
    assert not memory.gradient(X)[:2].any()
    assert memory.score(X) == -np.inf


def test_gaussian_density_is_finite_far_away():
    memory = GaussianMemory(bandwidth=1.0).fit([[0.0]])
    expected = -0.5e10 - 0.5 * np.log(2 * np.pi)
    assert memory.score_samples([[1e5]]) == pytest.approx(expected, rel=1e-15)


def test_gaussian_gradient_far_away_is_the_way_from_the_memory():
    memory, X = GaussianMemory(bandwidth=1.0).fit([[0.0, 0.0]]), [[1e8, 0.3]]
    np.testing.assert_allclose(memory.gradient(X), X, rtol=1e-15)
    bounded = replace(memory._energy(), epsilon=1e-300)
    assert not bounded.gradient(np.array(X)).any()  # epsilon is all there is of the sum
    np.testing.assert_allclose(bounded.gradient(np.ones((1, 2))), 1.0, rtol=1e-15)


def test_gradient_is_zero_where_the_sum_underflows_to_zero():
    memory = KernelMemory("triweight", 1.0).fit([[0.0], [5.0]], sample_weight=[1e-290, 1.0])
    rim = np.nextafter(1.0, 0.0)
    assert memory.energy([[rim]]) == np.inf
    assert memory.gradient([[rim]]) == 0.0


@every_kernel
def test_epsilon_free_identity_of_energy_and_density(name):
    X = np.random.default_rng(0).normal(size=(30, 3))
    memory = KERNEL_MEMORIES[name](bandwidth=1.3).fit(X)
    offset = memory.score_samples(X) + memory.beta_ * memory.energy(X)
    np.testing.assert_allclose(offset, offset[0], rtol=1e-12)


def test_epsilon_changes_energy_and_gradient_alone():
    X = np.random.default_rng(0).normal(size=(30, 3))
    plain, bounded = (EpanechnikovMemory(bandwidth=1.0, epsilon=e).fit(X) for e in (0.0, 0.7))
    np.testing.assert_array_equal(plain.score_samples(X), bounded.score_samples(X))
    np.testing.assert_array_equal(plain.transform(X + 0.1), bounded.transform(X + 0.1))
    total = np.exp(-plain.beta_ * plain.energy(X))
    expected = -np.log(0.7 + total) / plain.beta_
    np.testing.assert_allclose(bounded.energy(X), expected, rtol=1e-13, atol=1e-15)
    shrunk = plain.gradient(X) * (total / (0.7 + total))[:, None]
    np.testing.assert_allclose(bounded.gradient(X), shrunk, rtol=1e-12, atol=1e-15)
    assert bounded.energy([[99.0] * 3]) == pytest.approx(-np.log(0.7) / bounded.beta_)
