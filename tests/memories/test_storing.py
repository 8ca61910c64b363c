"""What is stored: weights as repetition, appending, forgetting, and nothing half done."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES, exact_memory
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.exceptions import NotFittedError

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory
from skdam.bandwidths import RULES, leave_one_out_log_likelihood
from skdam.energies import KernelEnergy

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
every_rule = pytest.mark.parametrize("bandwidth", [1.7, *RULES])


def cloud(n=20, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def assert_same(one, other, rtol=0.0):
    """Two memories answer alike; with rtol 0 bit for bit."""
    X = cloud(9, seed=5)
    np.testing.assert_allclose(one.bandwidth_, other.bandwidth_, rtol=rtol)
    np.testing.assert_allclose(one.score_samples(X), other.score_samples(X), rtol=rtol)
    np.testing.assert_allclose(one.energy(X), other.energy(X), rtol=rtol)
    np.testing.assert_allclose(one.gradient(X), other.gradient(X), rtol=rtol)


def test_memories_are_the_rows_in_the_order_given_copies_kept():
    X = np.array([[2.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    memory = EpanechnikovMemory(bandwidth=0.5).fit(X)
    np.testing.assert_array_equal(memory.memories_, X)
    assert memory.weights_.tolist() == [1.0, 1.0, 1.0]
    assert memory.n_iter_ == 1
    assert not np.shares_memory(memory.memories_, X)


def test_bandwidth_and_beta_are_set():
    assert EpanechnikovMemory(bandwidth=2.0).fit(cloud()).beta_ == 0.5
    assert GaussianMemory(bandwidth=2.0).fit(cloud()).beta_ == 0.25
    memory = EpanechnikovMemory(bandwidth=2).fit(cloud())
    assert isinstance(memory.bandwidth_, float)
    assert memory.bandwidth == 2
    assert isinstance(EpanechnikovMemory().fit(cloud()).bandwidth_, float)


@every_rule
@every_kernel
@given(seed=st.integers(0, 999))
def test_weight_is_repetition_and_zero_is_removal(name, bandwidth, seed):
    rng = np.random.default_rng(seed)
    X, counts = cloud(8, seed), rng.integers(0, 4, 8)
    counts[:2] += 1
    weighted = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(X, sample_weight=counts)
    repeated = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(np.repeat(X, counts, axis=0))
    assert_same(weighted, repeated)
    np.testing.assert_array_equal(weighted.memories_, X[counts > 0])


@every_rule
def test_partial_fit_equals_fit_on_everything_seen(bandwidth):
    X, weights = cloud(), np.linspace(0, 2, 20)
    memory = EpanechnikovMemory(bandwidth=bandwidth)
    for part in (slice(0, 9), slice(9, 10), slice(10, 20)):
        assert (
            memory.partial_fit(X[part], sample_weight=weights[part] + (part.start == 9)) is memory
        )
    weights[9] += 1
    whole = EpanechnikovMemory(bandwidth=bandwidth).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(memory.memories_, whole.memories_)
    np.testing.assert_array_equal(memory.weights_, whole.weights_)
    assert_same(memory, whole)


def test_partial_fit_takes_rows_of_no_weight():
    memory = GaussianMemory(bandwidth=1.0).fit(cloud())
    memory.partial_fit(np.ones((2, 3)), sample_weight=[0.0, 0.0])
    assert len(memory.memories_) == 20


def test_partial_fit_widens_the_dtype_only_where_it_must():
    X = cloud().astype(np.float32)
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X)
    assert memory.partial_fit(X).memories_.dtype == np.float32
    assert memory.partial_fit(cloud()).memories_.dtype == np.float64


@every_rule
def test_forget_equals_fit_on_what_is_left(bandwidth):
    X, weights = cloud(), np.linspace(1, 2, 23)
    stored = np.concatenate([X, X[3:6]])  # copies go too
    memory = EpanechnikovMemory(bandwidth=bandwidth).fit(stored, sample_weight=weights)
    assert memory.forget(X[3:6]) is memory
    left = [*range(3), *range(6, 20)]
    whole = EpanechnikovMemory(bandwidth=bandwidth).fit(X[left], sample_weight=weights[left])
    np.testing.assert_array_equal(memory.memories_, X[left])
    np.testing.assert_array_equal(memory.weights_, weights[left])
    assert_same(memory, whole)


def test_forget_knows_rows_by_value_not_by_dtype():
    X = cloud().astype(np.float32)
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X).forget(X[:5].astype(float))
    np.testing.assert_array_equal(memory.memories_, X[5:])
    with pytest.raises(ValueError, match="1 of 1 rows are not stored"):
        memory.forget(cloud()[[7]])  # rounds to a stored row, and is none


def test_forget_refuses_unknown_rows_and_the_last_one():
    X = cloud()
    memory = EpanechnikovMemory(bandwidth=1.0).fit(X)
    with pytest.raises(ValueError, match=r"2 of 3 rows .*first of them row 1 \(nearest .* 1.4\)"):
        memory.forget(np.concatenate([X[:1], X[:2] + 1]))
    with pytest.raises(ValueError, match="would leave no memory"):
        memory.forget(X)
    np.testing.assert_array_equal(memory.memories_, X)
    with pytest.raises(NotFittedError):
        EpanechnikovMemory().forget(X)


def test_forget_that_leaves_no_scale_changes_nothing():
    memory = EpanechnikovMemory().fit(cloud(2))
    before = dict(vars(memory))
    with pytest.raises(ValueError, match="'nearest' needs at least 2 distinct rows"):
        memory.forget(cloud(2)[:1])
    assert vars(memory) == before


class Interrupt:
    """An array-like whose reading is interrupted."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "forget"])
@pytest.mark.parametrize("place", ["reading", "storing"])
def test_what_goes_wrong_leaves_the_memory_as_it_was(error, method, place, monkeypatch):
    memory = GaussianMemory().fit(cloud())
    before, scores = dict(vars(memory)), memory.score_samples(cloud())
    X = Interrupt(error) if place == "reading" else cloud()[:5]
    if place == "storing":
        monkeypatch.setattr(KernelEnergy, "of", lambda *_: raise_(error))
    with pytest.raises(error):
        getattr(memory, method)(X)
    monkeypatch.undo()
    assert vars(memory) == before
    np.testing.assert_array_equal(memory.score_samples(cloud()), scores)


def raise_(error):
    raise error


def test_a_failed_first_fit_leaves_nothing_behind():
    memory = EpanechnikovMemory()
    with pytest.raises(ValueError, match="1 sample"):
        memory.fit([[1.0, 2.0]])
    assert vars(memory) == vars(EpanechnikovMemory())
    with pytest.raises(NotFittedError):
        memory.transform([[1.0, 2.0]])


def test_fit_starts_anew():
    memory = EpanechnikovMemory(bandwidth=1.0).fit(cloud())
    memory.fit(np.ones((2, 5)))
    assert memory.memories_.shape == (2, 5)
    assert memory.n_features_in_ == 5


def test_a_parameter_changed_after_fit_waits_for_the_next_fit():
    memory = KernelMemory("epanechnikov", bandwidth=1.0).fit(cloud())
    scores = memory.score_samples(cloud())
    memory.set_params(kernel="gaussian", bandwidth=9.0)
    np.testing.assert_array_equal(memory.score_samples(cloud()), scores)


@every_kernel
@pytest.mark.parametrize("weight", [1e300, 1e160, 1e-20, 1e-170, 1e-300])
@pytest.mark.parametrize("scale", [1.0, 1e150, 1e300, 1e-150, 1e-300])
def test_equal_weights_of_any_size_change_no_state_and_no_density(name, weight, scale):
    X, weights = cloud() * scale, np.full(20, weight)
    plain = exact_memory(name, 1.5 * scale).fit(X)
    other = exact_memory(name, 1.5 * scale).fit(X, sample_weight=weights)
    queries = (cloud() + 0.1) * scale
    states = plain.transform(queries)
    np.testing.assert_allclose(other.transform(queries), states, rtol=1e-13, atol=1e-15 * scale)
    np.testing.assert_allclose(other.score_samples(queries), plain.score_samples(queries), 1e-12)
    gradient = plain.gradient(queries)
    np.testing.assert_allclose(other.gradient(queries), gradient, 1e-11, 1e-13 * scale)


def test_very_unequal_weights_are_summed_right():
    X, weights = cloud(3), [1e20, 1.0, 1.0]
    memory = KernelMemory("gaussian", bandwidth="loo").fit(X, sample_weight=weights)
    found = leave_one_out_log_likelihood(memory)
    kernels = np.exp(-0.5 * cdist(X, X, "sqeuclidean") / memory.bandwidth_**2)
    expected = [
        np.log(np.delete(weights, i) @ np.delete(kernels[i], i) / np.delete(weights, i).sum())
        - 1.5 * np.log(2 * np.pi)
        - 3 * np.log(memory.bandwidth_)
        for i in range(3)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
