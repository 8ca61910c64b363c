"""A memory among scikit-learn's tools: pipelines, searches, frames, threads, files."""

import copy
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases import HOPFIELD_FAMILY, KERNEL_MEMORIES, MEMORIES, exact_memory
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory
from skdam.kernels import KERNELS

CARRIED = pytest.mark.parametrize(
    "carry",
    [
        lambda memory, _: pickle.loads(pickle.dumps(memory)),
        lambda memory, _: copy.deepcopy(memory),
        lambda memory, path: joblib_round_trip(memory, path),
        lambda memory, _: skops_round_trip(memory),
    ],
    ids=["pickle", "deepcopy", "joblib", "skops"],
)
every_estimator = pytest.mark.parametrize("estimator", MEMORIES, ids=str)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data


def test_grid_search_over_bandwidth_needs_no_scorer(digits):
    pipeline = make_pipeline(PCA(8, random_state=0), EpanechnikovMemory())
    grid = {"epanechnikovmemory__bandwidth": [30.0, 40.0, 60.0]}  # supports that cover the folds
    search = GridSearchCV(pipeline, grid, cv=3).fit(digits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["epanechnikovmemory__bandwidth"] in (30.0, 40.0)
    np.testing.assert_array_equal(search.score_samples(digits[:3]).shape, (3,))


def test_pipeline_maps_states_back_through_pca(digits):
    pipeline = make_pipeline(StandardScaler(), PCA(20, random_state=0), EpanechnikovMemory())
    pipeline.fit(digits, load_digits().target)
    states = pipeline.inverse_transform(pipeline.transform(digits[:50]))
    assert states.shape == (50, 64)
    kept = pipeline[-1].retrieve(pipeline[:-1].transform(digits[:50])).recalled == np.arange(50)
    projected = pipeline[:-1].inverse_transform(pipeline[:-1].transform(digits[:50]))
    np.testing.assert_allclose(states[kept], projected[kept], atol=1e-12)
    assert kept.any()


def test_labels_never_become_patterns(digits):
    with_labels = EpanechnikovMemory().fit(digits[:50], load_digits().target[:50])
    np.testing.assert_array_equal(with_labels.memories_, digits[:50])


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_go_in_and_come_out(library):
    X = np.random.default_rng(0).normal(size=(9, 3))
    columns = ["a", "b", "c"]
    frame = library.DataFrame({name: X[:, i] for i, name in enumerate(columns)})
    memory = EpanechnikovMemory(bandwidth=1.0).set_output(transform=library.__name__).fit(frame)
    out = memory.transform(frame)
    assert isinstance(out, library.DataFrame)
    assert list(out.columns) == list(memory.get_feature_names_out()) == columns
    assert list(memory.feature_names_in_) == columns
    plain = EpanechnikovMemory(bandwidth=1.0).fit(X)
    np.testing.assert_array_equal(out.to_numpy(), plain.transform(X))
    np.testing.assert_array_equal(memory.score_samples(frame), plain.score_samples(X))
    np.testing.assert_array_equal(memory.retrieve(frame).state, plain.transform(X))
    assert memory.fit_transform(frame).shape == (9, 3)


def test_renamed_and_missing_columns_are_refused():
    frame = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    memory = EpanechnikovMemory(bandwidth=1.0).fit(frame)
    for wrong in (frame[["b", "a", "c"]], frame.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            memory.transform(wrong)
    with pytest.raises(ValueError, match="feature names should match"):
        memory.transform(frame[["a", "b"]])
    with pytest.raises(ValueError, match="has 2 features, but EpanechnikovMemory is expecting 3"):
        memory.fit(np.eye(3)).score_samples(np.eye(3)[:, :2])


def test_sample_weight_is_routed_where_it_was_requested(digits):
    X, weights = digits[:60], np.arange(60) % 3
    with config_context(enable_metadata_routing=True):
        memory = EpanechnikovMemory(bandwidth=40.0).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(PCA(5), memory).fit(X, sample_weight=weights)
        assert len(pipeline[-1].memories_) == 40
        search = GridSearchCV(memory, {"bandwidth": [60.0]}, cv=2).fit(X, sample_weight=weights)
        assert len(search.best_estimator_.memories_) == 40
    weighted = make_pipeline(memory).fit(X, epanechnikovmemory__sample_weight=weights)
    assert len(weighted[-1].memories_) == 40


@CARRIED
@pytest.mark.filterwarnings("ignore:.*(still moving|cycle|not stable|are all 0|are equal)")
@pytest.mark.parametrize("estimator", HOPFIELD_FAMILY, ids=str)
def test_a_carried_member_of_the_hopfield_family_answers_the_same(estimator, carry, tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 4))
    memory = clone(estimator).fit(X)
    before = dict(vars(memory))
    other = carry(memory, tmp_path)
    assert vars(memory) == before
    np.testing.assert_array_equal(other.transform(X + 0.1), memory.transform(X + 0.1))
    np.testing.assert_array_equal(other.retrieve(X).recalled, memory.retrieve(X).recalled)
    assert repr(other) == repr(memory)


@every_estimator
@CARRIED
def test_a_carried_memory_answers_the_same(estimator, carry, tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 4))
    memory = clone(estimator)
    memory.fit(X, sample_weight=np.linspace(1, 2, 30))
    before = dict(vars(memory))
    other = carry(memory, tmp_path)
    assert vars(memory) == before
    np.testing.assert_array_equal(other.score_samples(X), memory.score_samples(X))
    np.testing.assert_array_equal(other.transform(X + 0.1), memory.transform(X + 0.1))
    assert other.partial_fit(X).memories_.shape == (60, 4)
    assert repr(other) == repr(memory)


def joblib_round_trip(memory, path):
    joblib.dump(memory, path / "memory.joblib")
    return joblib.load(path / "memory.joblib")


def skops_round_trip(memory):
    data = skops_io.dumps(memory)
    unknown = skops_io.get_untrusted_types(data=data)
    ours = {type(memory)} | {
        type(v) for v in memory.get_params().values() if "skdam" in repr(type(v))
    }
    assert set(unknown) == {f"{cls.__module__}.{cls.__qualname__}" for cls in ours}
    return skops_io.loads(data, trusted=unknown)


def test_an_unfitted_memory_can_be_carried_too():
    memory = pickle.loads(pickle.dumps(KernelMemory("cosine", tol=1e-3)))
    assert memory.get_params() == KernelMemory("cosine", tol=1e-3).get_params()


def test_a_file_of_another_version_warns():
    memory = GaussianMemory().fit(np.eye(3))
    state = memory.__getstate__() | {"_skdam_version": "0.0.1"}
    other = GaussianMemory()
    with pytest.warns(
        UserWarning, match=r"GaussianMemory was saved by skdam 0\.0\.1 and is loaded"
    ):
        other.__setstate__(state)
    np.testing.assert_array_equal(other.score_samples(np.eye(3)), memory.score_samples(np.eye(3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMemory().__setstate__(memory.__getstate__())


def test_a_file_holds_the_rows_once():
    X = np.random.default_rng(0).normal(size=(1000, 20))
    assert len(pickle.dumps(EpanechnikovMemory(bandwidth=1.0).fit(X))) < 1.1 * X.nbytes + 10_000


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_threads_share_a_memory(name, digits):
    memory = exact_memory(name, "nearest").fit(digits[:300])
    X = digits[:200] + np.random.default_rng(0).normal(size=(200, 64))
    before, serial = pickle.dumps(memory), answers(memory, X)
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda _: answers(memory, X), range(16)))
    for found in parallel:
        for one, other in zip(found, serial, strict=True):
            np.testing.assert_array_equal(one, other)
    assert pickle.dumps(memory) == before  # nothing was written to it


def answers(memory, X):
    result = memory.retrieve(X)
    density = memory.score_samples(X), memory.energy(X), memory.gradient(X)
    return memory.transform(X), result.state, result.recalled, *density


def test_queries_are_split_over_n_jobs_threads(digits):
    memory = EpanechnikovMemory(n_jobs=2).fit(digits[:50])
    assert memory._split(lambda rows: rows, 700) == [slice(0, 512), slice(512, 700)]
    assert memory._split(lambda rows: rows, 200) == [slice(0, 200)]
    names = memory._split(lambda _: threading.current_thread().name, 5000)
    assert threading.main_thread().name not in names


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_n_jobs_and_working_memory_change_no_result(name, digits):
    X = digits[:700] + np.random.default_rng(0).normal(size=(700, 64))
    memory = exact_memory(name, "nearest").fit(digits[:400])
    serial = memory.retrieve(X), memory.score_samples(X)
    for n_jobs, working_memory in [(2, 1024), (4, 1024), (-1, 1024), (None, 1)]:
        memory.set_params(n_jobs=n_jobs)
        with config_context(working_memory=working_memory):
            other = memory.retrieve(X), memory.score_samples(X)
        np.testing.assert_allclose(other[0].state, serial[0].state, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(other[1], serial[1], rtol=1e-12)
        np.testing.assert_array_equal(other[0].recalled, serial[0].recalled)
        np.testing.assert_array_equal(other[0].in_support, serial[0].in_support)
        if name == "epanechnikov":
            np.testing.assert_array_equal(other[0].state, serial[0].state)
            assert (other[0].members != serial[0].members).nnz == 0


def test_clone_is_unfitted_and_equal():
    memory = clone(KernelMemory(KERNELS["cosine"]).fit(np.eye(3)))
    assert memory.kernel == KERNELS["cosine"]
    assert "memories_" not in vars(memory)
