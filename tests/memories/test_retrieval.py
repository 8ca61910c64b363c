"""Retrieval climbs, ends where it says, and reports how."""

import numpy as np
import pytest
from cases import KERNEL_MEMORIES, SCENES
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, RetrievalResult

pytestmark = pytest.mark.usefixtures("each_back_end")

UNIT_ROUNDOFF = 2.0**-53
every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
every_scene = pytest.mark.parametrize("scene", SCENES, ids=str)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


def noisy(X, scale=4.0, seed=0):
    return X + np.random.default_rng(seed).normal(scale=scale, size=X.shape)


@every_scene
def test_epanechnikov_ends_at_an_exact_fixed_point(scene):
    memory = EpanechnikovMemory(bandwidth=scene.bandwidth).fit(scene.memories.astype(float))
    once = memory.transform(scene.queries.astype(float))
    np.testing.assert_array_equal(memory.transform(once), once)
    result = memory.retrieve(scene.queries.astype(float))
    assert result.converged.all()
    again = memory.retrieve(once)
    assert (again.n_iter == 0).all()
    assert (again.members != result.members).nnz == 0


@pytest.mark.parametrize("bandwidth", ["nearest", "silverman", 22.0])
def test_digits_end_at_exact_fixed_points(digits, bandwidth):
    memory = EpanechnikovMemory(bandwidth=bandwidth).fit(digits)
    once = memory.transform(noisy(digits[:300]))
    np.testing.assert_array_equal(memory.transform(once), once)


@every_scene
def test_state_is_the_mean_of_its_members(scene):
    memory = EpanechnikovMemory(bandwidth=scene.bandwidth).fit(scene.memories)
    result = memory.retrieve(scene.queries.astype(float))
    size = np.abs(scene.memories).max()
    mean = result.members @ memory.memories_.astype(float)
    np.testing.assert_allclose(result.state, mean, rtol=0, atol=1e-14 * size)
    np.testing.assert_allclose(result.members.sum(axis=1), 1.0, rtol=1e-14)


@every_scene
def test_an_isolated_memory_comes_back_bit_for_bit(scene):
    memories = np.unique(scene.memories, axis=0)
    bandwidth = 1e-6 * scene.bandwidth
    memory = EpanechnikovMemory(bandwidth=bandwidth).fit(memories)
    result = memory.retrieve(memories)
    np.testing.assert_array_equal(result.state, memories)
    assert result.recalled.tolist() == list(range(len(memories)))
    assert result.in_support.all()


def test_a_memory_is_kept_exactly_if_no_other_is_within_the_bandwidth(digits):
    memory = EpanechnikovMemory().fit(digits)
    result = memory.retrieve(digits)
    lonely = np.diff((result.members > 0).indptr) == 1
    kept = (result.state == digits).all(axis=1)
    assert (kept == lonely).all()
    assert 0.5 < kept.mean() < 0.7  # the default keeps somewhat more than half


@every_kernel
@pytest.mark.parametrize("scene", [s for s in SCENES if "300" not in s.name], ids=str)
def test_energy_never_rises(name, scene):
    memory = KERNEL_MEMORIES[name](bandwidth=scene.bandwidth, max_iter=2000).fit(scene.memories)
    result = memory.retrieve(scene.queries, record=True)
    n_features = scene.memories.shape[1]
    for energies in result.energies:
        log_sums = -memory.beta_ * energies
        slack = (n_features + 8) * UNIT_ROUNDOFF * np.maximum(1, np.abs(log_sums[:-1]))
        assert np.isfinite(log_sums).all()
        assert (np.diff(log_sums) >= -slack).all()


@every_kernel
def test_record_starts_at_the_query_and_ends_at_the_state(name):
    X = np.random.default_rng(0).normal(size=(40, 3))
    memory = KERNEL_MEMORIES[name](bandwidth=2.0).fit(X)
    result = memory.retrieve(X[:9] + 0.1, record=True)
    for i in range(9):
        assert result.trajectory[i].shape == (result.n_iter[i] + 1, 3)
        np.testing.assert_array_equal(result.trajectory[i][0], X[i] + 0.1)
        np.testing.assert_array_equal(result.trajectory[i][-1], result.state[i])
        assert len(result.energies[i]) == len(result.trajectory[i])
        assert result.energies[i][-1] == pytest.approx(result.energy[i], rel=1e-12)
    assert memory.retrieve(X[:2]).trajectory is None
    assert memory.retrieve(X[:2]).energies is None


@every_kernel
def test_states_are_stationary(name):
    X = np.random.default_rng(0).normal(size=(60, 4))
    memory = KERNEL_MEMORIES[name](bandwidth=1.5, max_iter=5000).fit(X)
    result = memory.retrieve(X + 0.2)
    np.testing.assert_allclose(memory.gradient(result.state), 0, atol=3e-5)
    np.testing.assert_allclose(memory.energy(result.state), result.energy, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(memory.transform(X + 0.2), result.state)


@every_scene
def test_one_row_and_a_batch_agree_bit_for_bit(scene):
    memory = EpanechnikovMemory(bandwidth=scene.bandwidth).fit(scene.memories)
    together = memory.retrieve(scene.queries)
    for i in range(len(scene.queries)):
        alone = memory.retrieve(scene.queries[i : i + 1])
        np.testing.assert_array_equal(alone.state[0], together.state[i])
        assert alone.n_iter[0] == together.n_iter[i]
        assert alone.recalled[0] == together.recalled[i]


@every_kernel
def test_one_row_and_a_batch_agree_to_twelve_digits(name, digits):
    memory = KERNEL_MEMORIES[name](bandwidth="nearest").fit(digits[:400])
    X = noisy(digits[:60], 1.0)
    together = memory.transform(X)
    alone = np.concatenate([memory.transform(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12 * 16)


def test_recalled_names_the_first_copy_and_minus_one_an_emergent_state():
    X = [[5.0], [0.0], [1.0], [5.0]]
    result = EpanechnikovMemory(bandwidth=1.5).fit(X).retrieve([[4.8], [0.2], [5.0], [3.2]])
    assert result.recalled.tolist() == [0, -1, 0, 0]
    assert result.state.ravel().tolist() == [5.0, 0.5, 5.0, 5.0]
    assert result.in_support.tolist() == [True, True, True, False]
    members = [np.flatnonzero(row).tolist() for row in result.members.toarray()]
    assert members == [[0, 3], [1, 2], [0, 3], [0, 3]]
    assert isinstance(result, RetrievalResult)


def test_epanechnikov_recalls_noisy_digits(digits):
    kept = EpanechnikovMemory().fit(digits)
    own = np.arange(len(digits))
    keepable = kept.retrieve(digits).recalled == own
    result = kept.retrieve(noisy(digits, 2.0))
    assert np.mean(result.recalled[keepable] == own[keepable]) > 0.95


def test_gaussian_keeps_all_but_one_of_the_digits_and_recalls_nine_in_ten(digits):
    memory, own = GaussianMemory().fit(digits), np.arange(len(digits))
    assert np.sum(memory.retrieve(digits).recalled != own) <= 2  # two that merged, into one
    assert np.mean(memory.retrieve(noisy(digits)).recalled == own) > 0.88


@pytest.mark.parametrize(("n", "kept"), [(2, False), (64, False), (300, False), (600, True)])
def test_gaussian_default_keeps_one_hot_memories_from_some_six_hundred_on(n, kept):
    """A limit that the README owns up to."""
    X = np.eye(n)
    recalled = GaussianMemory(max_iter=3000).fit(X).retrieve(X[:2]).recalled
    assert recalled.tolist() == ([0, 1] if kept else [-1, -1])


class TestOutside:
    X, far = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([[2.4, 9.0], [0.1, 0.0]])

    def retrieve(self, outside, kernel="epanechnikov"):
        memory = KernelMemory(kernel, bandwidth=1.0, outside=outside).fit(self.X)
        return memory.retrieve(self.far), memory

    def test_nearest_starts_from_the_nearest_memory(self):
        result, _ = self.retrieve("nearest")
        assert result.state.tolist() == [[4.0, 0.0], [0.0, 0.0]]
        assert result.recalled.tolist() == [1, 0]
        assert np.isfinite(result.energy).all()

    def test_keep_leaves_the_query(self):
        result, _ = self.retrieve("keep")
        assert result.state.tolist() == [[2.4, 9.0], [0.0, 0.0]]
        assert result.recalled.tolist() == [-1, 0]
        assert np.isposinf(result.energy).tolist() == [True, False]
        assert result.converged.all()
        assert result.members[[0]].nnz == 0

    def test_nan_marks_the_state(self):
        result, memory = self.retrieve("nan")
        assert np.isnan(result.state).all(axis=1).tolist() == [True, False]
        assert result.recalled.tolist() == [-1, 0]
        np.testing.assert_array_equal(memory.transform(self.far), result.state)
        np.testing.assert_array_equal(memory.inverse_transform(result.state), result.state)

    def test_raise_refuses_with_the_count(self):
        message = r"1 of 2 queries lie off the support: .*bandwidth_=1, the first in row 0"
        with pytest.raises(ValueError, match=message):
            self.retrieve("raise")
        memory = EpanechnikovMemory(bandwidth=1.0, outside="raise").fit(self.X)
        with pytest.raises(ValueError, match=message):
            memory.transform(self.far)
        assert memory.transform(self.far[1:]).tolist() == [[0.0, 0.0]]

    @pytest.mark.parametrize("outside", ["nearest", "keep", "nan"])
    @pytest.mark.parametrize("kernel", ["epanechnikov", "cosine"])
    def test_in_support_is_false_whatever_the_policy(self, outside, kernel):
        result, _ = self.retrieve(outside, kernel)
        assert result.in_support.tolist() == [False, True]


def test_max_iter_warns_once_with_counts():
    X = np.random.default_rng(0).normal(size=(50, 2))
    memory = GaussianMemory(bandwidth=1.0, max_iter=2).fit(X)
    for call in (memory.transform, memory.retrieve):
        with pytest.warns(ConvergenceWarning, match=r"\d+ of 50 .*max_iter=2 steps. Raise") as seen:
            call(X)
        assert len(seen) == 1
    result_of_one_step = GaussianMemory(bandwidth=1.0, max_iter=1).fit(X).retrieve(X)
    assert (result_of_one_step.n_iter == 1).all()  # the one-step model is what was asked for


def test_float32_states_stay_float32_and_energies_are_float64(digits):
    X = digits[:100].astype(np.float32)
    memory = EpanechnikovMemory().fit(X)
    result = memory.retrieve(X)
    assert memory.memories_.dtype == result.state.dtype == memory.transform(X).dtype == np.float32
    assert result.energy.dtype == memory.score_samples(X).dtype == np.float64
    assert memory.energy(X).dtype == memory.gradient(X).dtype == np.float64
    assert memory.transform(X.astype(float)).dtype == np.float64
    for integers in (X.astype(int), X > 3, X.astype(np.float16)):
        assert EpanechnikovMemory(bandwidth=3.0).fit(integers).memories_.dtype == np.float64


@every_kernel
def test_hard_data_are_recalled(name):
    for scene in SCENES:
        memory = KERNEL_MEMORIES[name](bandwidth=1e-5 * scene.bandwidth).fit(scene.memories)
        nearby = scene.memories.astype(float) * (1 + 1e-11)
        recalled = memory.retrieve(nearby).recalled
        np.testing.assert_array_equal(memory.memories_[recalled], scene.memories)


def test_a_mean_that_is_near_a_memory_is_not_that_memory():
    X = np.random.default_rng(0).normal(size=(20, 3))
    for bandwidth in (1e2, 1e8, 1e15):
        result = EpanechnikovMemory(bandwidth=bandwidth).fit(X).retrieve(X)
        assert (result.recalled == -1).all()
    line = np.array([[0.0], [1.000001], [2.0]])  # their mean is 7e-7 from the middle one
    assert EpanechnikovMemory(bandwidth=1.5).fit(line).retrieve([[1.0]]).recalled.tolist() == [-1]
    pair = 1e8 + np.array([[0.0], [1.2e-7]])  # eight roundings apart: their mean is neither
    assert EpanechnikovMemory(bandwidth=1e-6).fit(pair).retrieve(pair).recalled.tolist() == [-1, -1]
    assert EpanechnikovMemory(bandwidth=1e-8).fit(pair).retrieve(pair).recalled.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["gaussian", "biweight", "cosine"])
def test_merged_memories_are_never_recalled_by_the_toss_of_a_rounding(name):
    for seed in range(50):
        pair = np.random.default_rng(seed).normal(size=(2, 4))
        for copies in ([0, 1], [0, 1, 1]):  # shares of 1/2, and of 1/3 and 2/3
            bandwidth = 2.0 * np.linalg.norm(pair[1] - pair[0])
            memory = KERNEL_MEMORIES[name](bandwidth=bandwidth).fit(pair[copies])
            assert (memory.retrieve(pair).recalled == -1).all()


@pytest.mark.parametrize("far", [1e6, 1e10, 1e14])
def test_gaussian_states_keep_their_digits_beside_a_far_cluster(far):
    X = np.random.default_rng(0).normal(size=(20, 3))
    alone = GaussianMemory(bandwidth=0.5).fit(X)
    both = GaussianMemory(bandwidth=0.5).fit(np.concatenate([X, X + far]))
    queries = X + 0.1
    np.testing.assert_allclose(both.transform(queries), alone.transform(queries), atol=1e-12)
    np.testing.assert_allclose(both.gradient(queries), alone.gradient(queries), rtol=1e-11)
    assert both.retrieve(queries).recalled.tolist() == alone.retrieve(queries).recalled.tolist()


def test_gaussian_states_at_the_end_of_the_floats():
    X = np.array([[1.5e308], [-1.5e308], [1.4e308]])
    huge, plain = GaussianMemory(2e306).fit(X), GaussianMemory(2e6).fit(X / 1e300)
    np.testing.assert_allclose(huge.transform(X) / 1e300, plain.transform(X / 1e300), rtol=1e-12)
    assert huge.retrieve(X).recalled.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"max_iter": 2}, "max_iter=2 steps. "), ({"max_iter": 1, "dynamics": "flow"}, "each memory")],
)
def test_a_warning_points_at_the_call(settings, told):
    crowding = 0.5 * np.sqrt(np.arange(60.0))[:, None]
    memory = EpanechnikovMemory(1.0, **settings).fit(crowding)
    with pytest.warns(
        ConvergenceWarning, match=f"1 of 1 queries were still moving.*{told}"
    ) as caught:
        memory.retrieve([[-0.9]])
    assert caught[0].filename == __file__
