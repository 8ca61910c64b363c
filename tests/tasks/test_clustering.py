"""Labels are basins of attraction, numbered by the data alone; what is predicted is the same."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import skops.io
from cases import KERNEL_MEMORIES, SCENES, random_case
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans, MeanShift
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import (
    BasinClustering,
    EpanechnikovMemory,
    GaussianMemory,
    KernelMemory,
    RandomFeatureMemory,
)
from skdam.kernels import KERNELS
from skdam.tasks._clustering import _linked

X = np.random.default_rng(0).normal(size=(60, 3))
IRIS = load_iris().data
MEMORIES = [make(bandwidth="scott") for make in KERNEL_MEMORIES.values()]
MEMORIES += [EpanechnikovMemory("scott", dynamics="flow"), EpanechnikovMemory(max_iter=2)]
every_memory = pytest.mark.parametrize("memory", MEMORIES, ids=str)
quiet = pytest.mark.filterwarnings("ignore:.*still moving")


def fitted(rows=X, memory=None, merge_tol=1e-3, **fit):
    return BasinClustering(memory, merge_tol=merge_tol).fit(rows, **fit)


def same_partition(a, b):
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a)) == len(set(b))


# --- what a cluster is --------------------------------------------------------------------------


def slope(name, u):
    """Return -k'(u), from the table of the theory."""
    inside = u < 1.0
    if name == "gaussian":
        return np.exp(-u / 2)
    if name == "cosine":
        return inside * np.sinc(np.sqrt(u) / 2)
    return (
        inside
        * (1.0 - np.minimum(u, 1.0)) ** {"epanechnikov": 0, "biweight": 1, "triweight": 2}[name]
    )


def climbed(name, rows, weights, radius, x, n_steps=2000):
    """Transcribe mean shift (Comaniciu and Meer 2002, eq. 17, 20) for one point."""
    for _ in range(n_steps):
        pull = weights * slope(name, ((rows - x) ** 2).sum(axis=1) / radius**2)
        before, x = x, pull @ rows / pull.sum()
        if (x == before).all():
            break
    return x


def energy_of(name, rows, weights, radius, x):
    u = ((rows - x) ** 2).sum(axis=1) / radius**2
    return -weights @ (
        np.exp(-u / 2) if name == "gaussian" else KERNELS[name].profile(np.minimum(u, 1))
    )


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
@pytest.mark.parametrize("merge_tol", [1e-3, 0.2])
def test_labels_and_centres_are_those_of_a_slow_transcription(name, merge_tol):
    rng = np.random.default_rng(3)
    rows, weights = rng.normal(size=(40, 2)), rng.integers(1, 4, 40).astype(float)
    memory = KERNEL_MEMORIES[name](bandwidth=0.5, max_iter=5000)
    clustering = fitted(rows, memory, merge_tol, sample_weight=weights)
    ends = np.array([climbed(name, rows, weights, 0.5, x) for x in rows])
    groups = fcluster(linkage(ends, "single"), 0.5 * merge_tol, "distance")
    assert 1 < len(np.unique(groups)) < 40
    assert same_partition(clustering.labels_, groups)
    sizes = np.bincount(clustering.labels_, weights)
    assert (np.diff(sizes) <= 0).all()
    for label, centre in enumerate(clustering.cluster_centers_):
        mine = ends[clustering.labels_ == label]
        energies = [energy_of(name, rows, weights, 0.5, x) for x in mine]
        assert np.abs(mine - centre).max(axis=1).min() < 5e-4
        assert energy_of(name, rows, weights, 0.5, centre) <= min(energies) + 1e-9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_features", [2, 3, 5, 8])
def test_separate_blobs_are_those_of_mean_shift(n_features, seed):
    rng = np.random.default_rng(seed)
    centres = 12.0 * np.eye(n_features)[: min(5, n_features)] + rng.normal(size=n_features)
    rows = make_blobs(150, centers=centres, cluster_std=1.0, random_state=seed)[0]
    radius = 2.5 * n_features**0.25
    peer = MeanShift(bandwidth=radius).fit(rows)
    clustering = fitted(rows, EpanechnikovMemory(radius), merge_tol=1.0)
    assert adjusted_rand_score(peer.labels_, clustering.labels_) >= 0.99
    assert len(clustering.cluster_centers_) == len(peer.cluster_centers_)


def beside_the_tail(seed=0):
    """Return a long cluster, a small one beside the end of it, and which row is of which."""
    rng = np.random.default_rng(seed)
    long = np.column_stack([rng.triangular(-6.0, 0.0, 6.0, 200), 0.3 * rng.normal(size=200)])
    small = rng.normal(size=(30, 2)) * 0.3 + [6.0, 3.0]
    return np.concatenate([long, small]), np.repeat([0, 1], [200, 30])


@pytest.mark.parametrize("seed", range(3))
def test_the_basin_is_right_where_the_nearest_centre_is_wrong(seed):
    rows, truth = beside_the_tail(seed)
    clustering = fitted(rows, EpanechnikovMemory(2.0), merge_tol=1.0)
    peer = MeanShift(bandwidth=2.0).fit(rows)
    assert len(clustering.cluster_centers_) == len(peer.cluster_centers_) == 2
    np.testing.assert_array_equal(clustering.labels_, truth)
    astray = peer.labels_ != truth
    assert astray.sum() >= 8  # the end of the tail, nearer to the centre of the small cluster
    assert (rows[astray, 0] > 3.0).all()
    np.testing.assert_array_equal(clustering.predict(rows[astray] + 0.01), 0)


@every_memory
@quiet
def test_rows_that_end_at_one_state_are_one_cluster(memory):
    clustering = fitted(IRIS, memory)
    states = clone(memory).fit(IRIS).transform(IRIS)
    close = 1e-6 * clustering.memory_.bandwidth_
    index = [np.flatnonzero(np.abs(clustering.states_ - s).max(axis=1) <= close)[0] for s in states]
    np.testing.assert_array_equal(clustering.state_labels_[index], clustering.labels_)


# --- numbers and centres --------------------------------------------------------------------------


@every_memory
@quiet
def test_numbers_do_not_depend_on_the_order_of_rows(memory):
    order = np.random.default_rng(1).permutation(len(IRIS))
    one, other = fitted(IRIS, memory), fitted(IRIS[order], memory)
    np.testing.assert_array_equal(one.labels_[order], other.labels_)
    np.testing.assert_array_equal(one.cluster_centers_, other.cluster_centers_)


def test_equal_clusters_are_numbered_by_their_centres():
    rows = [[5.0, 1.0], [5.0, -1.0], [-3.0, 0.0], [9.0, 9.0], [9.0, 9.0]]
    clustering = fitted(rows, EpanechnikovMemory(0.5))
    np.testing.assert_array_equal(clustering.labels_, [3, 2, 1, 0, 0])
    np.testing.assert_array_equal(clustering.cluster_centers_, [[9, 9], [-3, 0], [5, -1], [5, 1]])


def test_equal_clusters_go_by_the_centre_not_by_any_other_state():
    rows, weights = [[0.0, 0.0], [2.0, 0.0], [1.0, 9.0]], [1, 2, 3]
    clustering = fitted(rows, EpanechnikovMemory(0.5), merge_tol=4.1, sample_weight=weights)
    np.testing.assert_array_equal(clustering.cluster_centers_, [[1.0, 9.0], [2.0, 0.0]])
    np.testing.assert_array_equal(clustering.labels_, [1, 1, 0])


def test_weights_are_totalled_whatever_their_order():
    parts = np.random.default_rng(0).random(9)  # whose sum depends on the order, in floats
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(parts)
        rows = np.repeat([[0.0], [9.0]], 9, axis=0) + np.tile(np.arange(9) / 100, 2)[:, None]
        weights = np.concatenate([parts, shuffled])
        labels = fitted(rows, EpanechnikovMemory(1.0), sample_weight=weights).labels_
        np.testing.assert_array_equal(labels, np.repeat([0, 1], 9))


@every_memory
def test_centres_are_fixed_points_of_lowest_energy_and_their_own_clusters(memory):
    if memory.max_iter == 2:
        memory = clone(memory).set_params(max_iter=300)
    clustering = fitted(IRIS, memory, merge_tol=0.3)
    centres, model = clustering.cluster_centers_, clustering.memory_
    assert len(centres) < len(clustering.states_)
    tol = 0.0 if model._energy().kernel.is_flat else 1e-5 * model.bandwidth_
    np.testing.assert_allclose(model.transform(centres), centres, rtol=0, atol=tol)
    np.testing.assert_array_equal(clustering.predict(centres), np.arange(len(centres)))
    energies = model.energy(clustering.states_)
    for label, energy in enumerate(model.energy(centres)):
        lowest = energies[clustering.state_labels_ == label].min()
        assert energy == pytest.approx(lowest, rel=1e-14)


# --- merging --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_merging_is_single_linkage(seed):
    states = np.unique(np.random.default_rng(seed).normal(size=(80, 1 + seed % 3)), axis=0)
    tree = linkage(states, "single")
    for height in np.quantile(tree[:, 2], [0.1, 0.5, 0.9]):
        for length in (height * 0.999, height * 1.001):
            expected = fcluster(tree, length, "distance")
            assert same_partition(_linked(states, length), expected)


def test_merging_by_blocks_is_single_linkage():
    states = np.unique(np.random.default_rng(0).normal(size=(1500, 3)), axis=0)
    tree = linkage(states, "single")
    for length in np.quantile(tree[:, 2], [0.3, 0.7, 0.95]):
        expected = fcluster(tree, length, "distance")
        with config_context(working_memory=1):
            assert same_partition(_linked(states, length * (1 + 1e-12)), expected)


def test_steps_must_be_shorter_than_the_tolerance():
    rows = np.array([[0.0], [2.0], [4.0], [7.0]])
    labels = [
        fitted(rows, EpanechnikovMemory(1.0), tol).labels_ for tol in (2.0, 2.001, 3.0, 3.001)
    ]
    np.testing.assert_array_equal(labels, [[0, 1, 2, 3], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]])


def test_wider_tolerances_only_merge_and_the_ends_are_all_and_one():
    before = np.arange(len(IRIS))
    for tol in (0.0, 1e-3, 0.1, 0.3, 1.0, 1e300):
        labels = fitted(IRIS, EpanechnikovMemory("nearest"), tol).labels_
        assert len(set(zip(before.tolist(), labels.tolist(), strict=True))) == len(set(before))
        before = labels
    assert set(before) == {0}
    clustering = fitted(IRIS, EpanechnikovMemory("nearest"), 0.0)
    assert len(clustering.cluster_centers_) == len(clustering.states_) > 10


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_tolerances_beyond_the_floats_are_all_and_nothing(size):
    rows = np.array([[0.0], [1.0], [9.0]]) * size
    memory = EpanechnikovMemory(0.5 * size)
    np.testing.assert_array_equal(fitted(rows, memory, 1e300).labels_, [0, 0, 0])
    np.testing.assert_array_equal(fitted(rows, memory, 1e-300).labels_, [0, 1, 2])


def test_merging_is_blocked():
    states = np.unique(np.random.default_rng(0).normal(size=(3000, 2)), axis=0)
    with config_context(working_memory=4):
        tracemalloc.start()
        groups = _linked(states, 100.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert set(groups) == {0}
    assert peak < 30 * 2**20  # all pairs: 9 million, of at least 8 bytes


# --- predicting -----------------------------------------------------------------------------------


@every_memory
@pytest.mark.parametrize("merge_tol", [1e-3, 0.3])
@quiet
def test_training_rows_get_their_labels_in_any_batch(memory, merge_tol):
    clustering = fitted(IRIS, memory, merge_tol)
    np.testing.assert_array_equal(clustering.predict(IRIS), clustering.labels_)
    np.testing.assert_array_equal(clustering.predict(IRIS[::-1]), clustering.labels_[::-1])
    alone = [clustering.predict(IRIS[i : i + 1])[0] for i in range(0, len(IRIS), 5)]
    np.testing.assert_array_equal(alone, clustering.labels_[::5])
    np.testing.assert_array_equal(clone(clustering).fit_predict(IRIS), clustering.labels_)


@pytest.mark.parametrize("dynamics", ["mean_shift", "flow"])
@pytest.mark.parametrize("seed", range(30))
def test_training_rows_get_their_labels_among_ties_copies_and_weights(seed, dynamics):
    rows, weights, radius = random_case(seed)
    memory = EpanechnikovMemory(radius, dynamics=dynamics)
    clustering = fitted(rows, memory, 0.0 if seed % 2 else 1e-3, sample_weight=weights)
    np.testing.assert_array_equal(clustering.predict(rows), clustering.labels_)
    assert clustering.labels_.min() == 0
    assert set(clustering.labels_) == set(range(len(clustering.cluster_centers_)))


@pytest.mark.parametrize("outside", ["nearest", "keep", "nan", "raise"])
@pytest.mark.parametrize("options", [{}, {"dynamics": "flow"}, {"max_iter": 1}], ids=str)
@pytest.mark.parametrize("make", [EpanechnikovMemory, KernelMemory])
def test_points_off_the_support_are_noise_whatever_outside_says(make, options, outside):
    clustering = fitted(X, make(bandwidth=0.8, outside=outside, **options))
    expected = fitted(X, make(bandwidth=0.8, **options)).labels_
    np.testing.assert_array_equal(clustering.labels_, expected)
    rows = np.array([X[0], [9.0, 9.0, 9.0], X[1], [1e300, 0.0, 0.0]])
    expected = [clustering.labels_[0], -1, clustering.labels_[1], -1]
    np.testing.assert_array_equal(clustering.predict(rows), expected)
    np.testing.assert_array_equal(clustering.predict(rows[1::2]), [-1, -1])


def test_the_rim_of_the_support_is_off_it():
    clustering = fitted([[0.0], [9.0]], EpanechnikovMemory(2.0))
    np.testing.assert_array_equal(clustering.predict([[2.0], [np.nextafter(2.0, 0)]]), [-1, 0])


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_rows_are_noise_exactly_where_the_density_is_zero(name):
    memory = KERNEL_MEMORIES[name](bandwidth=0.4, max_iter=1)
    clustering = fitted(X, memory)
    queries = np.random.default_rng(1).normal(size=(500, 3))
    zero = np.isneginf(clustering.memory_.score_samples(queries))
    assert zero.any() == (name != "gaussian")
    np.testing.assert_array_equal(clustering.predict(queries) == -1, zero)


def test_nothing_is_off_the_support_of_a_gaussian():
    clustering = fitted([[0.0], [9.0], [9.5]], GaussianMemory(1.0))
    np.testing.assert_array_equal(clustering.predict([[-1e6], [4.0], [1e6]]), [1, 1, 0])


def test_a_state_that_no_row_ended_at_counts_as_the_nearest_that_one_did():
    rows = np.array([[0.0], [2.0], [2.9]])  # 1.0 is a minimum, and rows 0 and 1 are
    clustering = fitted(rows, EpanechnikovMemory(1.9), 0.0)
    assert clustering.memory_.transform([[0.9]]).item() == 1.0
    assert 1.0 not in clustering.states_
    np.testing.assert_array_equal(clustering.states_, [[0.0], [2.45]])
    np.testing.assert_allclose(clustering.memory_.transform([[1.01]]), 4.9 / 3, rtol=1e-15)
    np.testing.assert_array_equal(clustering.predict([[0.9], [1.01]]), clustering.labels_[[0, 2]])


def test_the_end_of_a_chain_of_states_is_not_given_to_a_nearer_centre():
    rows = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.5])[:, None]
    clustering = fitted(rows, EpanechnikovMemory(0.5), merge_tol=2.1)
    np.testing.assert_array_equal(clustering.cluster_centers_, [[0.0], [5.5]])
    np.testing.assert_array_equal(clustering.predict([[4.2], [5.2]]), [0, 1])


def test_float32_rows_climb_in_float64():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(200, 2)) + 1e4).astype(np.float32)
    clustering = fitted(rows, EpanechnikovMemory(0.3), merge_tol=0.0)
    queries = (rng.normal(size=(2000, 2)) + 1e4).astype(np.float32)
    np.testing.assert_array_equal(
        clustering.predict(queries), clustering.predict(queries.astype(float))
    )


@every_memory
@quiet
def test_threads_and_blocks_change_no_label(memory):
    rows = make_blobs(300, 3, centers=4, random_state=0)[0]
    one = fitted(rows, memory)
    with config_context(working_memory=1):
        two = fitted(rows, clone(memory).set_params(n_jobs=2))
        np.testing.assert_array_equal(two.predict(rows), one.labels_)
    np.testing.assert_array_equal(one.labels_, two.labels_)
    np.testing.assert_array_equal(one.cluster_centers_, two.cluster_centers_)


# --- weights --------------------------------------------------------------------------------------


@every_memory
@quiet
def test_a_weight_is_a_number_of_copies_and_zero_is_none(memory):
    weights = np.random.default_rng(2).integers(0, 3, len(IRIS))
    weighted = fitted(IRIS, memory, sample_weight=weights)
    copied = fitted(np.repeat(IRIS, weights, axis=0), memory)
    np.testing.assert_array_equal(weighted.cluster_centers_, copied.cluster_centers_)
    np.testing.assert_array_equal(np.repeat(weighted.labels_, weights), copied.labels_)
    np.testing.assert_array_equal(weighted.labels_, copied.predict(IRIS))


def test_rows_of_weight_zero_are_labelled_as_new_points():
    rows, weights = [[9.0], [0.0], [5.0], [0.5]], [1, 1, 0, 0]
    clustering = fitted(rows, EpanechnikovMemory(1.0), sample_weight=weights)
    np.testing.assert_array_equal(clustering.labels_, [1, 0, -1, 0])
    np.testing.assert_array_equal(clustering.predict(rows), [1, 0, -1, 0])


def test_heavier_clusters_come_first():
    clustering = fitted([[0.0], [9.0]], EpanechnikovMemory(1.0), sample_weight=[1.0, 1.5])
    np.testing.assert_array_equal(clustering.labels_, [1, 0])


# --- magnitudes, layouts, types -------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES, ids=str)
@pytest.mark.parametrize("merge_tol", [1e-3, 0.3])
def test_scale_and_offset_change_no_label(scene, merge_tol):
    clustering = fitted(scene.memories, EpanechnikovMemory(scene.bandwidth), merge_tol)
    np.testing.assert_array_equal(clustering.predict(scene.memories), clustering.labels_)
    assert np.isfinite(clustering.cluster_centers_).all()
    plain = SCENES[0]
    if scene.name.startswith("times"):
        expected = fitted(plain.memories, EpanechnikovMemory(plain.bandwidth), merge_tol).labels_
        np.testing.assert_array_equal(clustering.labels_, expected)


@pytest.mark.parametrize("merge_tol", [1e-3, 0.3])
def test_far_clusters_are_merged_as_if_each_were_alone(merge_tol):
    rows = np.round(X, 3)
    alone = fitted(rows, EpanechnikovMemory(0.75), merge_tol)
    both = fitted(np.concatenate([rows * 1.0, rows + 2.0**27]), EpanechnikovMemory(0.75), merge_tol)
    assert same_partition(both.labels_[:60], alone.labels_)
    assert same_partition(both.labels_[60:], alone.labels_)
    assert len(both.cluster_centers_) == 2 * len(alone.cluster_centers_)


def test_layout_and_kind_change_nothing_and_rows_stay_as_they_were():
    expected = fitted(X, EpanechnikovMemory(0.8))
    frozen = X.copy()
    frozen.setflags(write=False)
    for rows in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist(), frozen):
        before = np.array(rows).tobytes()
        clustering = fitted(rows, EpanechnikovMemory(0.8))
        np.testing.assert_array_equal(clustering.labels_, expected.labels_)
        np.testing.assert_array_equal(clustering.predict(rows), expected.labels_)
        assert np.array(rows).tobytes() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, bool])
def test_centres_keep_float32_and_all_else_is_float64(dtype):
    rows = (4 * X).astype(dtype)
    clustering = fitted(rows, EpanechnikovMemory(1.5))
    wanted = np.float32 if dtype == np.float32 else np.float64
    assert clustering.cluster_centers_.dtype == wanted
    assert clustering.states_.dtype == np.float64
    assert clustering.labels_.dtype.kind == "i"
    np.testing.assert_array_equal(clustering.predict(rows), clustering.labels_)
    np.testing.assert_array_equal(clustering.predict(rows.astype(float)), clustering.labels_)


def test_single_rows_columns_and_constants_are_fine():
    constant = np.column_stack([np.full(60, 7.0), X[:, :1]])
    one_column = fitted(X[:, :1], EpanechnikovMemory(0.1)).labels_
    np.testing.assert_array_equal(fitted(constant, EpanechnikovMemory(0.1)).labels_, one_column)
    for rows in (X[:1], np.ones((3, 2)), np.zeros((2, 3))):
        clustering = fitted(rows, EpanechnikovMemory(1.0))
        np.testing.assert_array_equal(clustering.labels_, 0)
        np.testing.assert_array_equal(clustering.cluster_centers_, rows[:1])
        with pytest.raises(ValueError, match=r"'scott' needs .*1 sample.* Pass bandwidth=<float>"):
            fitted(rows)


def test_names_of_features_are_kept():
    frame = pd.DataFrame(X, columns=list("abc"))
    clustering = fitted(frame)
    assert clustering.feature_names_in_.tolist() == clustering.memory_.feature_names_in_.tolist()
    np.testing.assert_array_equal(clustering.predict(frame), fitted(X).labels_)
    with pytest.raises(ValueError, match="feature names"):
        clustering.predict(frame[["b", "a", "c"]])


WRONG_ROWS = {
    "NaN": (np.full((3, 3), np.nan), ValueError, "X contains NaN"),
    "infinity": (np.full((3, 3), np.inf), ValueError, "X contains infinity"),
    "no rows": (np.empty((0, 3)), ValueError, r"0 sample\(s\)"),
    "1-D": ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array"),
    "dates": (np.array([["2026-01-01"] * 3], dtype="M8[D]"), TypeError, "X holds dates"),
    "masked": (np.ma.array(X, mask=X > 2), TypeError, "masked array with"),
    "sparse": (sp.csr_array(X), TypeError, r"\.toarray\(\)"),
}


@pytest.mark.parametrize(("rows", "error", "message"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_wrong_rows_are_refused_and_leave_the_clustering_as_it_was(rows, error, message):
    clustering = fitted()
    before = vars(clustering).copy()
    for method in (clustering.fit, clustering.predict, clustering.fit_predict):
        with pytest.raises(error, match=message):
            method(rows)
    assert vars(clustering) == before


WRONG = [
    ({"memory": KMeans()}, "'memory' parameter of BasinClustering"),
    ({"memory": EpanechnikovMemory}, "'memory' parameter of BasinClustering"),
    ({"memory": RandomFeatureMemory()}, "'memory' parameter of BasinClustering"),
    ({"memory": EpanechnikovMemory(bandwidth=-1.0)}, "'bandwidth' parameter of EpanechnikovMemory"),
    ({"memory": KernelMemory("biweight", dynamics="flow")}, "dynamics='flow' is exact"),
    *[
        ({"merge_tol": w}, r"'merge_tol' .* range \[0.0, inf\)")
        for w in (-1.0, np.inf, np.nan, True, "a")
    ],
]


@pytest.mark.parametrize(("parameters", "message"), WRONG)
def test_wrong_parameters_are_refused_and_leave_the_clustering_as_it_was(parameters, message):
    clustering = fitted()
    before = vars(clustering.set_params(**parameters)).copy()
    with pytest.raises(ValueError, match=message):
        clustering.fit(X[:9])
    assert vars(clustering) == before


def test_wrong_weights_are_refused():
    for weights in ([1.0] * 59, -np.ones(60), np.zeros(60), np.full(60, np.nan)):
        clustering = BasinClustering()
        with pytest.raises(ValueError):
            clustering.fit(X, sample_weight=weights)
        assert vars(clustering) == vars(BasinClustering())


# --- warnings, persistence, company ---------------------------------------------------------------


@pytest.mark.parametrize(
    "memory", [GaussianMemory(0.5, max_iter=3), EpanechnikovMemory(0.9, max_iter=2)]
)
def test_one_warning_a_call_counts_the_rows_that_were_still_climbing(memory):
    weights = np.arange(60) % 3
    clustering = BasinClustering(memory)
    for method, options in ((clustering.fit, {"sample_weight": weights}), (clustering.predict, {})):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            method(X, **options)
        (warning,) = caught
        assert warning.category is ConvergenceWarning
        assert warning.filename == __file__
        assert "of 60 queries were still moving after max_iter=" in str(warning.message)


def test_an_interrupted_fit_changes_nothing():
    clustering = fitted(X)
    before = vars(clustering).copy()
    clustering.set_params(memory=GaussianMemory(0.5, max_iter=2))
    before["memory"] = clustering.memory
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            clustering.fit(X[:20])
    assert vars(clustering) == before


def test_one_step_is_no_reason_to_warn():
    clustering = fitted(X, GaussianMemory(0.5, max_iter=1))
    np.testing.assert_array_equal(clustering.predict(X), clustering.labels_)


def test_memory_is_cloned_and_none_is_epanechnikov_at_scott():
    memory = EpanechnikovMemory(bandwidth=0.75)
    clustering = fitted(X, memory)
    assert clustering.memory is memory
    assert "memories_" not in vars(memory)
    assert clustering.memory_.bandwidth_ == 0.75
    default = fitted(X)
    assert default.memory is None
    assert type(default.memory_) is EpanechnikovMemory
    assert default.memory_.bandwidth == "scott"


def test_an_unfitted_clustering_says_so():
    with pytest.raises(NotFittedError, match="BasinClustering instance is not fitted yet"):
        BasinClustering().predict(X)


@pytest.mark.parametrize("carry", ["pickle", "skops"])
def test_a_carried_clustering_predicts_the_same(carry):
    clustering = fitted(IRIS)
    if carry == "pickle":
        other = pickle.loads(pickle.dumps(clustering))
    else:
        file = skops.io.dumps(clustering)
        trusted = skops.io.get_untrusted_types(data=file)
        assert len(trusted) == 2  # the clustering and its memory
        other = skops.io.loads(file, trusted=trusted)
    rows = IRIS + 0.1
    np.testing.assert_array_equal(other.predict(rows), clustering.predict(rows))


def test_a_pipeline_ends_in_it():
    pipeline = make_pipeline(StandardScaler(), BasinClustering(merge_tol=0.3))
    labels = pipeline.fit_predict(IRIS)
    np.testing.assert_array_equal(pipeline.predict(IRIS), labels)
    expected = fitted(StandardScaler().fit_transform(IRIS), merge_tol=0.3).labels_
    np.testing.assert_array_equal(labels, expected)
