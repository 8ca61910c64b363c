"""The random-feature memory: a sum that streams, merges and forgets, and knows its error."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from reference import gaussian_kernel
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import InvalidParameterError

from skdam import GaussianMemory, RandomFeatureMemory
from skdam.feature_maps import PositiveRandomFeatures, RandomFourierFeatures, n_components_for

MAPS = ["fourier", "positive", "nystroem"]
every_map = pytest.mark.parametrize("feature_map", MAPS)
quiet = pytest.mark.filterwarnings("ignore:.*n_components")
X = np.random.default_rng(0).normal(size=(24, 5))
Q = X[:9] + 0.1 * np.random.default_rng(1).normal(size=(9, 5))


def memory_of(feature_map="fourier", n_components=30_000, bandwidth=1.0, **settings):
    settings = {"random_state": 0} | settings
    return RandomFeatureMemory(bandwidth, n_components, feature_map=feature_map, **settings)


def binary(n_patterns, n_features, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n_patterns, n_features)) / n_features**0.5


@every_map
def test_the_vector_is_the_sum_of_the_features(feature_map):
    weights = np.arange(len(X)) / 7.0
    memory = memory_of(feature_map, 64, random_state=3).fit_map(X).partial_fit(X, None, weights)
    phi = memory.feature_map_.transform(X)
    expected = sum(w * row for w, row in zip(weights, phi, strict=True))
    np.testing.assert_allclose(memory.memory_vector_, expected, atol=1e-12)
    assert memory.n_memories_ == len(X) - 1
    np.testing.assert_allclose(memory.total_weight_, weights.sum(), rtol=1e-14)


@every_map
@quiet
def test_scores_are_those_of_the_exact_memory_within_their_error(feature_map):
    memory, exact = memory_of(feature_map, bandwidth=2.0).fit(X), GaussianMemory(2.0).fit(X)
    error = memory.standard_error(Q)
    assert (error < 0.1).all()
    away = np.abs(memory.score_samples(Q) - exact.score_samples(Q))
    assert (away <= 4 * error + 1e-9).all()
    away = np.abs(memory.energy(Q) - exact.energy(Q))
    assert (away <= 4.0 * memory.bandwidth_**2 * error + 1e-8).all()
    assert np.abs(memory.gradient(Q) - exact.gradient(Q)).max() < 0.5
    assert memory.score(Q) == memory.score_samples(Q).mean()


@quiet
@pytest.mark.parametrize("feature_map", MAPS)
def test_the_gradient_is_that_of_the_energy(feature_map):
    memory, h = memory_of(feature_map, 300, bandwidth=1.5).fit(X), 1e-6
    energies = [memory.energy(Q + s) - memory.energy(Q - s) for s in h * np.eye(5)]
    np.testing.assert_allclose(memory.gradient(Q), np.transpose(energies) / (2 * h), atol=1e-6)


@every_map
def test_any_batches_in_any_order_and_any_tree_give_the_same_vector(feature_map):
    start = memory_of(feature_map, 200).fit_map(X)
    whole = copy.deepcopy(start).partial_fit(X)
    order = np.random.default_rng(0).permutation(len(X))
    batches = np.split(X[order], [1, 2, 9, 20])
    streamed = copy.deepcopy(start)
    for batch in batches:
        streamed.partial_fit(batch)
    parts = [copy.deepcopy(start).partial_fit(batch) for batch in batches]
    tree = parts[0].merge(parts[1]).merge(parts[2].merge(parts[3].merge(parts[4])))
    bound = 4 * len(X) * 2.0**-53 * np.abs(start.feature_map_.transform(X)).sum(axis=0)
    for other in (streamed, tree):
        assert (np.abs(other.memory_vector_ - whole.memory_vector_) <= bound).all()
        assert other.n_memories_ == whole.n_memories_ == len(X)
        np.testing.assert_allclose(other.score_samples(Q), whole.score_samples(Q), rtol=1e-11)
        np.testing.assert_allclose(other._mean_memory(), X.mean(axis=0), atol=1e-14)
        np.testing.assert_array_equal(other._box, [X.min(axis=0), X.max(axis=0)])


@every_map
def test_forgetting_undoes_adding(feature_map):
    memory = memory_of(feature_map, 200).fit_map(X).partial_fit(X)
    before = memory.memory_vector_
    more = 3.0 + np.random.default_rng(5).normal(size=(40, 5))
    weights = np.random.default_rng(6).uniform(0, 10, 40)
    memory.partial_fit(more, None, weights)
    assert memory.forget(more[20:], weights[20:]).forget(more[:20], weights[:20]) is memory
    change = np.abs(memory.memory_vector_ - before).max()
    assert change <= 1e-12 * np.abs(before).max()
    assert memory.n_memories_ == len(X)
    memory.forget(X[5:])
    alone = memory_of(feature_map, 200).fit_map(X).partial_fit(X[:5])
    np.testing.assert_allclose(memory.memory_vector_, alone.memory_vector_, atol=1e-13)


def test_many_small_updates_do_not_drift():
    memory = memory_of(n_components=16).fit_map(X).partial_fit(X)
    before = memory.memory_vector_
    rows = np.random.default_rng(0).normal(size=(2000, 5))
    for sign in (1, -1):
        for row in rows:
            memory._add(row[None], np.ones(1), sign)
    np.testing.assert_allclose(memory.memory_vector_, before, rtol=0, atol=1e-15)
    assert memory.n_memories_ == len(X)


@quiet
def test_single_precision_rows_are_added_up_in_double():
    rows = np.tile(X.astype(np.float32), (50, 1))
    memory = memory_of(n_components=64).fit_map(rows)
    whole = copy.deepcopy(memory).partial_fit(rows)
    for row in rows:
        memory.partial_fit(row[None])
    # a product of single precision may round a row alone one way, and in a batch another way
    np.testing.assert_allclose(memory.memory_vector_, whole.memory_vector_, rtol=0, atol=1e-4)
    heavy = copy.deepcopy(memory).partial_fit(rows[:1], None, [1e9]).partial_fit(rows)
    heavy.forget(rows[:1], [1e9]).merge(memory)
    np.testing.assert_allclose(heavy.memory_vector_, 3 * whole.memory_vector_, rtol=0, atol=1e-3)
    assert memory.memory_vector_.dtype == np.float64
    assert memory.transform(Q.astype(np.float32)).dtype == np.float32


def test_weights_count_as_copies():
    weights = np.arange(len(X)) % 3
    memory = memory_of(n_components=500, bandwidth=2.0).fit_map(X)
    weighted = copy.deepcopy(memory).partial_fit(X, None, weights)
    copies = copy.deepcopy(memory).partial_fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(weighted.memory_vector_, copies.memory_vector_, atol=1e-13)
    np.testing.assert_allclose(weighted.score_samples(Q), copies.score_samples(Q), rtol=1e-12)


@pytest.mark.parametrize("weight", [1e-300, 1e300, 1.8e306])
def test_weights_shift_scores_by_nothing(weight):
    memory = memory_of(n_components=2000, bandwidth=2.0).fit_map(X).partial_fit(X)
    heavy = memory_of(n_components=2000, bandwidth=2.0).fit_map(X)
    heavy.partial_fit(X, None, np.full(len(X), weight))
    np.testing.assert_allclose(heavy.score_samples(Q), memory.score_samples(Q), rtol=1e-12)
    np.testing.assert_allclose(heavy.standard_error(Q), memory.standard_error(Q), rtol=1e-10)
    np.testing.assert_allclose(heavy.gradient(Q), memory.gradient(Q), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(heavy.transform(Q), memory.transform(Q), rtol=1e-6, atol=1e-6)


def test_rows_without_weight_change_nothing():
    memory = memory_of(n_components=32).fit_map(X).partial_fit(X)
    before = pickle.dumps(memory)
    memory.partial_fit(Q, sample_weight=np.zeros(len(Q))).forget(Q, np.zeros(len(Q)))
    assert pickle.dumps(memory) == before


def test_one_frequency_may_be_wrong_by_all_that_it_says():
    memory = memory_of(n_components=2).fit_map(X).partial_fit(X)
    told = memory._energy().estimate(Q)
    np.testing.assert_allclose(told.total, memory.feature_map_.transform(Q) @ memory.memory_vector_)
    np.testing.assert_allclose(told.error, np.abs(told.total), rtol=1e-12)


def test_the_interval_of_independent_frequencies_covers():
    memories, queries = binary(60, 16), binary(20, 16, seed=1)
    sigma, inside = 0.6, []
    exact = gaussian_kernel(queries, memories, sigma).sum(axis=1)
    for seed in range(300):
        fourier = RandomFourierFeatures(
            512, bandwidth=sigma, orthogonal=False, random_state=seed
        ).fit(memories)
        memory = RandomFeatureMemory(feature_map=fourier).partial_fit(memories)
        estimate = memory._energy().estimate(queries)
        inside.append(np.abs(estimate.total - exact) <= 1.96 * estimate.error)
    assert 0.93 <= np.mean(inside) <= 0.97


def test_the_interval_of_orthogonal_frequencies_covers_more():
    memories, queries = binary(60, 16), binary(20, 16, seed=1)
    exact = gaussian_kernel(queries, memories, 0.6).sum(axis=1)
    inside = []
    for seed in range(100):
        memory = memory_of(n_components=512, bandwidth=0.6, random_state=seed).fit_map(memories)
        estimate = memory.partial_fit(memories)._energy().estimate(queries)
        inside.append(np.abs(estimate.total - exact) <= 1.96 * estimate.error)
    assert np.mean(inside) >= 0.97


@quiet
def test_the_bound_of_nystroem_holds():
    memories = np.random.default_rng(3).normal(size=(200, 3))
    memory = memory_of("nystroem", 20).fit(memories)
    estimate = memory._energy().estimate(Q[:, :3])
    exact = gaussian_kernel(Q[:, :3], memories, 1.0).sum(axis=1)
    assert (np.abs(estimate.total - exact) <= estimate.error).all()
    assert (memory_of("nystroem", 200).fit(memories).standard_error(memories) < 1e-4).all()


@quiet
@pytest.mark.parametrize("seed", range(8))
def test_errors_of_nystroem_stay_errors_when_rows_are_forgotten_one_by_one(seed):
    rows = np.random.default_rng(seed).normal(size=(41, 3))
    memory = memory_of("nystroem", 500).fit_map(rows).partial_fit(rows)
    for row in rows[1:]:
        memory.forget(row[None])
    error = memory.standard_error(np.vstack([rows, 20 * rows]))
    assert ((error >= 0) & (error <= 1)).all()


def flipped(patterns, n_flips, seed=2):
    rng, damaged = np.random.default_rng(seed), patterns.copy()
    for row in damaged:
        bits = rng.choice(len(row), n_flips, replace=False)
        row[bits] = patterns.max() - row[bits]
    return damaged


def come_back(memory, patterns):
    """Return the share of patterns, six of their bits flipped, whose states are nearest to them."""
    damaged = np.vstack([flipped(patterns, 6, seed) for seed in range(4)])
    states = memory.transform(damaged)
    corner = np.abs(states - np.tile(patterns, (4, 1))) < patterns.max() / 2
    return corner.all(axis=1).mean()


@pytest.mark.filterwarnings("ignore:.*still moving")
def test_with_enough_features_patterns_come_back():
    patterns = binary(50, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 16384 are enough, and nothing is said
        memory = memory_of(n_components=16_384, bandwidth=30**-0.5, max_iter=30).fit(patterns)
    assert come_back(memory, patterns) >= 0.99


@pytest.mark.filterwarnings("ignore:.*still moving", "ignore:.*too few")
def test_with_too_few_features_a_tenth_of_the_patterns_come_back():
    patterns, shares = binary(50, 64), []
    for seed in range(6):
        memory = memory_of(n_components=4096, bandwidth=30**-0.5, max_iter=30, random_state=seed)
        shares.append(come_back(memory.fit(patterns), patterns))
    assert 0.05 < np.mean(shares) < 0.2


def test_with_too_few_features_fit_says_how_many_would_do():
    patterns = binary(50, 64)
    with pytest.warns(UserWarning, match=r"n_components=4096 features are too few for 50") as told:
        memory_of(n_components=4096, bandwidth=30**-0.5).fit(patterns)
    enough = int(str(told[0].message).split("n_components=")[2].split(" ")[0])
    assert 8192 < enough < 16_384


def test_far_too_few_features_are_told_of_what_would_do_too():
    memories, told = 100.0 * np.eye(300), []
    for seed in range(9):
        with pytest.warns(UserWarning, match="are too few for 300") as warned:
            memory_of(n_components=64, random_state=seed).fit(memories)
        told.append(int(str(warned[0].message).split("n_components=")[2].split(" ")[0]))
    enough = n_components_for(300, 1 / 15)
    assert enough / 1.5 < np.median(told) < 1.5 * enough


@pytest.mark.parametrize("weight", [1e12, 1e160, 1e300])
def test_weights_so_unlike_that_no_number_of_features_would_do_say_so(weight):
    memory = memory_of(n_components=64, bandwidth=1.0, random_state=0)
    with pytest.warns(UserWarning, match="too few for 5.*No number of features would do"):
        memory.fit(100.0 * np.eye(5), sample_weight=[weight, 1, 1, 1, 1])


def test_too_few_landmarks_are_told_of_how_many_would_do():
    memory = memory_of("nystroem", 8, bandwidth=1.0, random_state=0)
    with pytest.warns(UserWarning, match="too few for 120 memories.*n_components=120 would do"):
        memory.fit(np.random.default_rng(0).normal(size=(120, 8)))
    memory.set_params(n_components=120).fit(np.random.default_rng(0).normal(size=(120, 8)))


def test_an_empty_memory_far_away_leaves_the_mean_as_it_is():
    far = memory_of(n_components=64, bandwidth=1e307).fit_map([[1.5e308], [1.4e308]])
    empty = copy.deepcopy(far)
    empty._origin = -far._origin
    far.partial_fit([[1.5e308]]).merge(empty)
    np.testing.assert_array_equal(far._mean_memory(), [1.5e308])


@every_map
@quiet
@pytest.mark.filterwarnings("ignore:.*still moving")
def test_no_query_gives_nan(feature_map):
    memory = memory_of(feature_map, 64).fit(X)
    hostile = np.vstack([Q, 1e3 * Q, 1e20 * Q, 1e160 * Q, 1.7e308 * np.sign(Q), 0 * Q])
    for answer in ("transform", "energy", "gradient", "score_samples", "standard_error"):
        assert np.isfinite(getattr(memory, answer)(hostile)).all()
    result = memory.retrieve(hostile, record=True)
    assert np.isfinite(result.energy).all()
    assert all(np.isfinite(path).all() for path in result.trajectory)


def test_queries_at_the_floor_are_counted_in_one_warning():
    memory = memory_of(n_components=2000).fit_map(X).partial_fit(X)
    far = np.vstack([Q, 50 + Q])
    n = int((~memory.retrieve(Q).in_support).sum())
    assert n == 0
    for call in (memory.transform, memory.energy, memory.score_samples, memory.gradient):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            call(far)
        (floor,) = [w for w in told if "standard error" in str(w.message)]
        count = int(str(floor.message).split()[0])
        assert 1 <= count <= len(Q)
        assert f"of {len(far)} queries" in str(floor.message)
        assert floor.filename == __file__ or call == memory.transform  # wrapped by scikit-learn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = memory.standard_error(far)
        below = memory._estimate(far).total < memory._estimate(far).error
    assert (error[below] == 1.0).all()
    assert (error <= 1.0).all()


@quiet
def test_no_step_leaves_the_box():
    patterns = binary(40, 16)
    memory = memory_of(n_components=128, bandwidth=0.2, step=1.0, max_iter=50).fit(patterns)
    starts = np.vstack([patterns, binary(40, 16, seed=1), 3 * binary(5, 16, seed=2)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = memory.retrieve(starts, record=True).trajectory
    low, high = patterns.min(axis=0), patterns.max(axis=0)
    room = (high - low) / 2
    for path in paths:
        assert (path >= np.minimum(low - room, path[0]) - 1e-15).all()
        assert (path <= np.maximum(high + room, path[0]) + 1e-15).all()
    assert any((path[1:] != path[:1]).any() for path in paths)


@every_map
@quiet
@pytest.mark.filterwarnings("ignore:.*still moving")
@pytest.mark.parametrize("step", [0.3, 1.0])
def test_energy_never_rises(feature_map, step):
    patterns = binary(40, 16)
    memory = memory_of(feature_map, 64, bandwidth=0.3, step=step, max_iter=60).fit(patterns)
    result = memory.retrieve(flipped(patterns, 2), record=True)
    steps = np.concatenate([np.diff(energies) for energies in result.energies])
    assert (steps <= 1e-12).all()
    assert (steps < -1e-6).any()


@quiet
def test_a_step_that_would_raise_the_energy_is_not_taken(monkeypatch):
    patterns = binary(40, 16)
    rows = flipped(patterns, 2)
    energy = memory_of("fourier", 64, bandwidth=0.3, step=1.0).fit(patterns)._energy()
    halved = energy.step(rows)
    monkeypatch.setattr("skdam._feature_energy._HALVINGS", 1)
    whole = energy.step(rows)
    stay = (whole == rows).all(axis=1)
    assert 0 < stay.sum() < len(rows)
    assert (energy.value(whole)[~stay] <= energy.value(rows)[~stay]).all()
    assert (energy.value(halved)[stay] < energy.value(rows)[stay]).any()  # a shorter one is


@quiet
@pytest.mark.filterwarnings("ignore:.*still moving", "ignore:.*too few")
@pytest.mark.parametrize("seed", [1, 3, 6, 10])
def test_steps_with_known_coordinates_raise_no_energy(seed):
    rng = np.random.default_rng(seed)
    rows, known, queries = (
        rng.normal(size=(5, 3)),
        rng.random((40, 3)) < 0.5,
        rng.normal(size=(40, 3)),
    )
    memory = memory_of(n_components=6, step=1.0, max_iter=20, random_state=seed).fit(rows)
    result = memory.retrieve(np.vstack([queries] * 2), np.vstack([known, ~known]), record=True)
    assert all((np.diff(energies) <= 1e-12).all() for energies in result.energies)
    np.testing.assert_array_equal(result.state[:40][known], queries[known])
    alone = memory.retrieve(queries, ~known)  # equal states, of which another part is held
    np.testing.assert_array_equal(result.state[40:], alone.state)


def test_known_coordinates_are_held_and_gaps_start_at_the_mean():
    memory = memory_of(bandwidth=1.5).fit_map(X).partial_fit(X)
    queries, known = Q.copy(), np.array([True, True, False, True, False])
    queries[:, 2] = np.nan
    result = memory.retrieve(queries, known=known, record=True)
    np.testing.assert_array_equal(result.state[:, known], Q[:, known])
    start = np.array([path[0] for path in result.trajectory])
    np.testing.assert_allclose(start[:, 2], X[:, 2].mean(), atol=1e-14)
    np.testing.assert_array_equal(start[:, 4], Q[:, 4])
    assert result.members.shape == (9, 0)
    assert (result.recalled == -1).all()
    for energies in result.energies:
        assert energies[-1] <= energies[0]


@quiet
def test_a_mean_beyond_the_floats_is_told_of():
    rows, gaps = np.array([[1e308, 0.0], [-1.7e308, 1.0]]), np.array([[1e308, np.nan]])
    memory = memory_of(n_components=64, bandwidth=1e307).fit_map(rows).partial_fit(rows)
    known = [True, False]
    assert np.isfinite(memory.retrieve(rows, known=known).state).all()
    with pytest.raises(ValueError, match=r"no mean memory .* not representable"):
        memory.retrieve(gaps, known=known)
    copy.deepcopy(memory).merge(memory)  # with no warning


def test_memories_that_share_a_map_merge():
    first = memory_of(n_components=64).fit_map(X)
    given = RandomFeatureMemory(feature_map=first.feature_map_).partial_fit(X[6::-1])
    assert given.feature_map_ is first.feature_map_
    assert first.partial_fit(X[7:]).merge(given) is first
    np.testing.assert_allclose(
        first.memory_vector_, first.feature_map_.transform(X).sum(axis=0), atol=1e-13
    )
    assert given.n_memories_ == 7
    np.testing.assert_allclose(first._mean_memory(), X.mean(axis=0), atol=1e-14)
    twice = first.memory_vector_ * 2
    np.testing.assert_allclose(first.merge(first).memory_vector_, twice, rtol=1e-15)


def test_memories_that_went_through_files_merge(tmp_path):
    memory = memory_of(n_components=64).fit_map(X).partial_fit(X)
    joblib.dump(memory, tmp_path / "memory.joblib")
    for mode in (None, "r"):
        again = joblib.load(tmp_path / "memory.joblib", mmap_mode=mode)
        assert copy.deepcopy(memory).merge(again).n_memories_ == 2 * len(X)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (memory_of(n_components=64, bandwidth=2.0).fit_map(X), "bandwidth_ .*: 1.0 here, 2.0"),
        (memory_of(n_components=64).fit_map(X[:, :3]), "n_features_in_ do not merge: 5 here, 3"),
        (memory_of(n_components=64, random_state=1).fit_map(X), "feature_map_ do not merge"),
        (memory_of(n_components=32).fit_map(X), "n_components=64.* here, .*n_components=32"),
        (memory_of("positive", 64).fit_map(X), "RandomFourier.* here, Positive"),
    ],
)
def test_unlike_memories_do_not_merge(other, words):
    memory = memory_of(n_components=64).fit_map(X).partial_fit(X)
    before = pickle.dumps(memory)
    with pytest.raises(ValueError, match=words):
        memory.merge(other)
    assert pickle.dumps(memory) == before


def test_memories_of_unlike_columns_do_not_merge():
    frame = pd.DataFrame(X, columns=list("abcde"))
    first = memory_of(n_components=64).fit_map(frame).partial_fit(frame)
    plain = RandomFeatureMemory(feature_map=first.feature_map_).partial_fit(X)
    assert first.merge(plain).n_memories_ == 2 * len(X)
    other = RandomFeatureMemory(feature_map=plain.feature_map_).partial_fit(
        pd.DataFrame(X, columns=list("edcba"))
    )
    with pytest.raises(ValueError, match=r"\['a', 'b', 'c', 'd', 'e'\] here, \['e', 'd'"):
        first.merge(other)


def test_only_memories_merge():
    memory = memory_of(n_components=64).fit_map(X).partial_fit(X)
    with pytest.raises(TypeError, match="ndarray"):
        memory.merge(X)
    with pytest.raises(NotFittedError, match="fit_map"):
        memory.merge(memory_of())


def test_a_map_brings_its_own_bandwidth():
    fourier = RandomFourierFeatures(64, bandwidth=2.0, random_state=0)
    memory = RandomFeatureMemory(feature_map=fourier).partial_fit(X)
    assert memory.bandwidth_ == 2.0
    assert len(memory.memory_vector_) == 64
    assert not hasattr(fourier, "frequencies_")  # a clone was fitted
    RandomFeatureMemory(2.0, feature_map=fourier).partial_fit(X)
    with pytest.raises(ValueError, match=r"bandwidth=3.0 is not that of the feature map, 2.0"):
        RandomFeatureMemory(3.0, feature_map=fourier).partial_fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but the feature map expects 5"):
        RandomFeatureMemory(feature_map=memory.feature_map_).partial_fit(X[:, :2])


class _Cosines(BaseEstimator):
    """Somebody's own map: what the memory asks for, and no more."""

    bandwidth = 1.0

    def __init__(self):
        self.inner = PositiveRandomFeatures(500, random_state=0).fit(X)

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X):
        return self

    def transform(self, X):
        return self.inner.transform(X)

    def pullback(self, X, V):
        return self.inner.pullback(X, V)


def test_any_map_with_a_pullback_will_do():
    own = RandomFeatureMemory(feature_map=_Cosines()).partial_fit(X)
    ours = RandomFeatureMemory(feature_map=_Cosines().inner).partial_fit(X)
    np.testing.assert_allclose(own.score_samples(Q), ours.score_samples(Q), rtol=1e-12)
    np.testing.assert_allclose(own.transform(Q), ours.transform(Q), rtol=1e-9)


def test_a_map_without_a_bandwidth_needs_a_number(monkeypatch):
    monkeypatch.delattr(_Cosines, "bandwidth")
    with pytest.raises(ValueError, match="'nearest': the feature map has none, so pass a number"):
        RandomFeatureMemory(feature_map=_Cosines()).partial_fit(X)
    assert RandomFeatureMemory(1.0, feature_map=_Cosines()).partial_fit(X).bandwidth_ == 1.0


def test_the_bandwidth_rule_is_settled_by_the_first_rows():
    memory = memory_of(n_components=32, bandwidth="nearest").fit_map(X)
    assert memory.bandwidth_ == GaussianMemory("nearest").fit(X).bandwidth_
    memory.partial_fit(100 * X)
    assert memory.bandwidth_ == GaussianMemory("nearest").fit(X).bandwidth_
    assert memory_of(n_components=32, bandwidth="scott").partial_fit(X).bandwidth_ < 3
    with pytest.raises(ValueError, match=r"bandwidth.*1 sample"):
        memory_of(bandwidth="nearest").partial_fit(X[:1])


def test_a_settled_map_alone_answers_nothing():
    memory = memory_of(n_components=32).fit_map(X)
    assert memory.n_memories_ == 0
    for call in (memory.transform, memory.score_samples, memory.forget):
        with pytest.raises(NotFittedError):
            call(Q)


def test_the_last_memory_cannot_be_forgotten():
    memory = memory_of(n_components=32).fit_map(X).partial_fit(X)
    before = pickle.dumps(memory)
    for rows in (X, np.vstack([X, X])):
        with pytest.raises(ValueError, match="would leave no memory of 24"):
            memory.forget(rows)
    assert pickle.dumps(memory) == before


def test_a_failed_update_changes_nothing():
    memory = memory_of(n_components=32).fit_map(X).partial_fit(X)
    before = pickle.dumps(memory)
    for call in (memory.partial_fit, memory.forget, memory.fit, memory.fit_map):
        with pytest.raises(ValueError, match="NaN"):
            call(np.full((2, 5), np.nan))
        assert pickle.dumps(memory) == before
    with pytest.raises(ValueError, match="3 features"):
        memory.partial_fit(X[:, :3])
    assert pickle.dumps(memory) == before


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("bandwidth", 0.0),
        ("bandwidth", "wide"),
        ("n_components", 0),
        ("n_components", True),
        ("feature_map", "cosine"),
        ("feature_map", RandomFourierFeatures),
        ("step", 0.0),
        ("step", 1.5),
        ("max_iter", 0),
        ("tol", -1.0),
        ("random_state", "x"),
        ("n_jobs", 0),
    ],
)
def test_bad_parameters_are_named(parameter, value):
    memory = memory_of().set_params(**{parameter: value})
    for call in (memory.fit, memory.fit_map, memory.partial_fit):
        with pytest.raises(InvalidParameterError, match=parameter):
            call(X)


def test_steps_cut_short_are_counted():
    memory = memory_of(max_iter=2).fit_map(X).partial_fit(X)
    with pytest.warns(ConvergenceWarning, match=r"9 of 9 queries .* after max_iter=2 steps"):
        memory.transform(Q + 0.2)


@every_map
@quiet
@pytest.mark.filterwarnings("ignore:.*still moving")
def test_answers_do_not_depend_on_threads_batches_or_pickling(feature_map):
    memory = memory_of(feature_map, 300).fit(X)
    rows = np.vstack([Q + i / 100 for i in range(60)])
    alone = np.vstack([memory.transform(row[None]) for row in rows[:5]])
    states, scores = memory.transform(rows), memory.score_samples(rows)
    np.testing.assert_allclose(alone, states[:5], rtol=1e-9, atol=1e-9)
    again = pickle.loads(pickle.dumps(memory)).set_params(n_jobs=2)
    np.testing.assert_allclose(again.transform(rows), states, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(again.score_samples(rows), scores, rtol=1e-12)
    other = clone(memory).fit(X)
    np.testing.assert_array_equal(other.memory_vector_, memory.memory_vector_)


@every_map
def test_frames_and_files_keep_the_memory(feature_map):
    frame = pd.DataFrame(X, columns=list("abcde"))
    memory = memory_of(feature_map, 9000, bandwidth=2.0).fit(frame)  # no word about names
    data = skops.io.dumps(memory)
    trusted = skops.io.get_untrusted_types(data=data)
    assert [name.split(".")[-1] for name in trusted].count("RandomFeatureMemory") == 1
    assert len(trusted) == 2  # and the map
    again = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(again.score_samples(frame), memory.score_samples(frame))
    states = memory.set_output(transform="pandas").transform(frame)
    assert states.columns.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        memory.partial_fit(frame[list("edcba")])


def test_offsets_and_scales_change_no_state():
    plain = memory_of(n_components=2000, bandwidth=1.5).fit_map(X).partial_fit(X)
    states = plain.transform(Q)
    for scale, offset in ((1e150, 0.0), (1e-150, 0.0), (1.0, 1e6)):
        moved = memory_of(n_components=2000, bandwidth=1.5 * scale).fit_map(X * scale + offset)
        moved.partial_fit(X * scale + offset)
        back = (moved.transform(Q * scale + offset) - offset) / scale
        np.testing.assert_allclose(back, states, atol=1e-5)


def test_far_clusters_are_told_apart():
    corner = np.array([[0.0, 0.0], [1e8, 0.0], [1e8 + 1, 0.0], [1e8 + 2, 0.0]])
    memory = memory_of(bandwidth=0.01).fit_map(corner).partial_fit(corner)
    exact = GaussianMemory(0.01).fit(corner).score_samples(corner)
    np.testing.assert_allclose(memory.score_samples(corner), exact, atol=0.1)
    single = np.array([[0, 0], [1e4, 0], [2e4, 0], [20500, 0]], dtype=np.float32)
    memory = memory_of(bandwidth=1.0).fit_map(single).partial_fit(single)
    exact = GaussianMemory(1.0).fit(single).score_samples(single)
    np.testing.assert_allclose(memory.score_samples(single), exact, atol=0.1)


def test_single_precision_rows_meet_a_map_of_double():
    rows = np.array([[1e7 + 1], [1e7 + 2], [1e7 + 2]])
    double = memory_of(bandwidth=0.3).fit_map(rows)
    single = copy.deepcopy(double).partial_fit(rows.astype(np.float32))
    np.testing.assert_allclose(
        single.score_samples(rows), double.partial_fit(rows).score_samples(rows), atol=1e-4
    )


def test_frames_as_output_and_frozen_maps_change_nothing():
    plain = memory_of(n_components=20_000).fit(X)
    with config_context(transform_output="pandas"):
        framed = memory_of(n_components=20_000).fit(X)
    np.testing.assert_array_equal(framed.memory_vector_, plain.memory_vector_)
    frozen = RandomFeatureMemory(feature_map=FrozenEstimator(plain.feature_map_))
    frozen = clone(frozen).partial_fit(X)
    np.testing.assert_allclose(frozen.standard_error(Q), plain.standard_error(Q), rtol=1e-12)
    assert frozen.merge(plain).n_memories_ == 2 * len(X)


def test_weights_that_no_float_holds_are_refused():
    memory = memory_of(n_components=32).fit_map(X).partial_fit(X, None, np.full(24, 1.2e306))
    before = pickle.dumps(memory)
    with pytest.raises(ValueError, match="finite sum"):
        memory.partial_fit(X, None, np.full(24, 2e306))
    assert pickle.dumps(memory) == before
    with pytest.raises(ValueError, match="finite sum"):
        memory.merge(memory)
    assert pickle.dumps(memory) == before


def test_a_warning_turned_into_an_error_undoes_the_fit():
    memory = memory_of(n_components=32).fit_map(X[:3]).partial_fit(X[:3])
    before = pickle.dumps(memory)
    with pytest.raises(UserWarning, match="too few"):
        memory.fit(X)
    assert pickle.dumps(memory) == before


def test_a_fitted_map_does_not_listen_to_new_parameters():
    fourier = RandomFourierFeatures(64, random_state=0).fit(X)
    before = fourier.transform(Q)
    after = fourier.set_params(n_components=40, bandwidth=3.0).transform(Q)
    np.testing.assert_array_equal(after, before)


@quiet
def test_the_bound_of_nystroem_holds_in_single_precision():
    rows = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    for bandwidth in (3.0, 1e3, 1e5):
        memory = memory_of("nystroem", 200, bandwidth=bandwidth).fit(rows)
        estimate = memory._energy().estimate(rows.astype(np.float64))
        exact = gaussian_kernel(rows.astype(np.float64), rows, bandwidth).sum(axis=1)
        np.testing.assert_allclose(estimate.total, exact, rtol=1e-6)
