"""A memory among scikit-learn's tools: pipelines, searches, frames, threads."""

import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases import KERNEL_MEMORIES, exact_memory
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import EpanechnikovMemory, KernelMemory
from skdam.kernels import KERNELS


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
