"""Files of every estimator: by pickle, joblib, skops and copy, of this version and of others."""

import copy
import hashlib
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from answers import OF_EACH_CLASS, QUERIES, ROWS, SAID, answers, first, fitted, held, quick
from archive.make import ARCHIVED, ask
from cases import ESTIMATORS
from skops import io as skops_io

import skdam
from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory
from skdam._saved import Saved

ARCHIVE = Path(__file__).parent / "archive"
FILES = sorted(ARCHIVE.glob("*.pickle"))
pytestmark = pytest.mark.filterwarnings(SAID)


def by_joblib(estimator, path):
    joblib.dump(estimator, path / "estimator.joblib")
    return joblib.load(path / "estimator.joblib")


def by_map(estimator, path):
    """Return an estimator whose arrays are in a file, and cannot be written."""
    joblib.dump(estimator, path / "estimator.joblib")
    return joblib.load(path / "estimator.joblib", mmap_mode="r")


def by_skops(estimator, path):
    data = skops_io.dumps(estimator)
    unknown = skops_io.get_untrusted_types(data=data)
    assert sorted(unknown) == sorted(classes_in(estimator))
    return skops_io.loads(data, trusted=unknown)


CARRIERS = {
    "pickle": lambda estimator, _: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": lambda estimator, _: copy.deepcopy(estimator),
    "joblib": by_joblib,
    "map": by_map,
    "skops": by_skops,
}
SAVERS = {
    "pickle": lambda estimator, _: pickle.dumps(estimator),
    "joblib": lambda estimator, path: joblib.dump(estimator, path / "estimator.joblib")[0],
    "skops": lambda estimator, _: skops_io.dumps(estimator),
}
LOADERS = {
    "pickle": pickle.loads,
    "joblib": joblib.load,
    "skops": lambda data: skops_io.loads(data, skops_io.get_untrusted_types(data=data)),
}


def classes_in(value):
    """Return the names of skdam's classes in an estimator's state, itself included."""
    if type(value).__module__.startswith("skdam."):
        mine = {f"{type(value).__module__}.{type(value).__qualname__}"}
        state = value.__getstate__() if isinstance(value, Saved) else vars(value)
        return mine.union(*map(classes_in, state.values()))
    return set()


@pytest.mark.parametrize("carry", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_a_carried_estimator_answers_the_same(estimator, carry, tmp_path):
    original = fitted(estimator)
    before = held(original)
    other = carry(original, tmp_path)
    assert held(original) == before
    assert repr(other) == repr(original)
    assert first(other)(QUERIES) == first(original)(QUERIES)


@pytest.mark.parametrize("carry", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("estimator", OF_EACH_CLASS, ids=lambda e: type(e).__name__)
def test_all_that_a_carried_estimator_answers_is_the_same(estimator, carry, tmp_path):
    original = quick(estimator)
    assert answers(carry(original, tmp_path)) == answers(original)


@pytest.mark.parametrize("estimator", OF_EACH_CLASS, ids=lambda e: type(e).__name__)
def test_a_mapped_estimator_lies_in_its_file_and_learns_on(estimator, tmp_path):
    other = by_map(quick(estimator), tmp_path)
    arrays = [v for v in vars(other).values() if isinstance(v, np.memmap)]
    assert not any(array.flags.writeable for array in arrays)
    if hasattr(other, "partial_fit"):
        learned = other.partial_fit(ROWS, np.arange(len(ROWS)) % 2)
        expected = quick(estimator).partial_fit(ROWS, np.arange(len(ROWS)) % 2)
        assert answers(learned) == answers(expected)
    else:
        assert answers(other.fit(ROWS, np.arange(len(ROWS)) % 2)) == answers(quick(estimator))


def test_the_rows_of_a_mapped_memory_stay_in_the_file(tmp_path):
    memory = by_map(EpanechnikovMemory(2.0).fit(ROWS), tmp_path)
    assert isinstance(memory.memories_, np.memmap)
    assert np.shares_memory(memory.memories_, memory.partial_fit(ROWS[:1]).memories_) is False


def test_an_unfitted_memory_can_be_carried_too():
    memory = pickle.loads(pickle.dumps(KernelMemory("cosine", tol=1e-3)))
    assert memory.get_params() == KernelMemory("cosine", tol=1e-3).get_params()


def test_a_file_holds_the_rows_once():
    X = np.random.default_rng(0).normal(size=(1000, 20))
    assert len(pickle.dumps(EpanechnikovMemory(bandwidth=1.0).fit(X))) < 1.1 * X.nbytes + 10_000


@pytest.mark.parametrize("carry", SAVERS)
@pytest.mark.parametrize("estimator", OF_EACH_CLASS, ids=lambda e: type(e).__name__)
def test_a_file_of_another_version_warns(estimator, carry, tmp_path, monkeypatch):
    original = quick(estimator)
    monkeypatch.setattr("skdam._saved.__version__", "0.0.1")
    file = SAVERS[carry](original, tmp_path)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"was saved by skdam 0\.0\.1 and is loaded by") as told:
        other = LOADERS[carry](file)
    names = {str(warning.message).split()[1] for warning in told}
    assert type(original).__name__ in names <= {n.split(".")[-1] for n in classes_in(original)}
    assert first(other)(QUERIES) == first(original)(QUERIES)


def test_who_loads_is_told():
    state = GaussianMemory().fit(ROWS).__getstate__()
    with pytest.warns(UserWarning, match="saved by skdam unknown") as told:
        GaussianMemory().__setstate__({k: v for k, v in state.items() if k != "_skdam_version"})
    assert [warning.filename for warning in told] == [__file__]
    GaussianMemory().__setstate__(state)  # this version's own: no word


def test_the_archive_holds_this_version_and_every_class():
    assert f"{skdam.__version__}.pickle" in {file.name for file in FILES}
    archived = {type(estimator) for estimator, _ in ARCHIVED}
    assert archived == set(map(type, ESTIMATORS))
    assert sum(file.stat().st_size for file in FILES) < 50_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_archived_model_answers_as_it_did(file):
    data = file.read_bytes()
    digest, name = file.with_name(f"{file.name}.sha256").read_text().split()
    assert (hashlib.sha256(data).hexdigest(), name) == (digest, file.name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        entries = pickle.loads(data)
    assert bool(told) == (file.stem != skdam.__version__)
    assert all(f"saved by skdam {file.stem} and" in str(warning.message) for warning in told)
    for estimator, method, expected in entries:
        np.testing.assert_allclose(ask(estimator, method), expected, rtol=1e-9, atol=1e-9)
