"""Samples follow the density, exactly."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES
from scipy import stats

from skdam import EpanechnikovMemory
from skdam.kernels import KERNELS

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)


def test_epanechnikov_radii_are_beta():
    X = 100.0 * np.eye(6)
    memory = EpanechnikovMemory(bandwidth=3.0).fit(X)
    drawn = memory.sample(20_000, random_state=0)
    u = ((drawn[:, None] - X) ** 2).sum(axis=2).min(axis=1) / 9.0
    assert stats.kstest(u, stats.beta(3, 2).cdf).pvalue > 1e-3


@every_kernel
@pytest.mark.parametrize("n_features", [1, 2, 9])
def test_directions_are_uniform_and_radii_the_kernels(name, n_features):
    memory = KERNEL_MEMORIES[name](bandwidth=2.0).fit(np.full((1, n_features), 5.0))
    drawn = memory.sample(20_000, random_state=1) - 5.0
    radius = np.linalg.norm(drawn, axis=1)
    law = KERNELS[name].sample_u(np.random.RandomState(2), n_features, 20_000)
    assert stats.ks_2samp((radius / 2.0) ** 2, law).pvalue > 1e-3
    variance = 4.0 * KERNELS[name].variance(n_features)
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.06)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=5 * np.sqrt(variance / 20_000))
    if n_features > 1:
        corner = np.corrcoef(drawn.T) - np.eye(n_features)
        np.testing.assert_allclose(corner, 0, atol=0.04)


def test_parents_are_drawn_by_weight():
    weights = np.array([1.0, 0.0, 2.5, 6.5])
    X = 10.0 * np.arange(4.0)[:, None]
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X, sample_weight=weights)
    drawn = memory.sample(20_000, random_state=0)
    counts = np.bincount(np.rint(drawn.ravel() / 10).astype(int), minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], 2_000 * weights[[0, 2, 3]]).pvalue > 1e-3


@every_kernel
def test_samples_lie_on_the_support_and_find_its_entropy(name):
    memory = KERNEL_MEMORIES[name](bandwidth=1.0).fit([[0.0]])
    scores = memory.score_samples(memory.sample(50_000, random_state=0))
    grid = np.linspace(-9, 9, 180_001)[:, None]
    log_density = memory.score_samples(grid)
    density = np.exp(log_density)
    inside = density > 0
    entropy = -np.sum(density[inside] * log_density[inside]) * 18 / 180_000
    assert np.isfinite(scores).all()
    assert -scores.mean() == pytest.approx(entropy, abs=0.015)


def test_samples_are_reproducible_and_leave_the_global_generator_alone():
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.eye(3))
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    one = memory.sample(7, random_state=3)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.testing.assert_array_equal(one, memory.sample(7, random_state=3))
    rng = np.random.RandomState(3)
    np.testing.assert_array_equal(one, memory.sample(7, random_state=rng))
    assert not np.array_equal(one, memory.sample(7, random_state=rng))
    assert not np.array_equal(memory.sample(7), memory.sample(7))
    assert memory.sample().shape == (1, 3)


def test_samples_have_the_dtype_and_size_of_the_memories():
    X = np.eye(3)
    small = EpanechnikovMemory(bandwidth=1.0).fit(X.astype(np.float32))
    assert small.sample(2, random_state=0).dtype == np.float32
    huge = EpanechnikovMemory().fit(1e300 * X).sample(100, random_state=0)
    tiny = EpanechnikovMemory().fit(1e-300 * X).sample(100, random_state=0)
    np.testing.assert_allclose(huge / 1e300, tiny / 1e-300, rtol=1e-10)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_n_samples_must_be_a_positive_integer(wrong):
    memory = EpanechnikovMemory(bandwidth=1.0).fit(np.eye(3))
    with pytest.raises(ValueError, match=f"n_samples must be .*range.*got {wrong!r}"):
        memory.sample(wrong)
