"""Gaps are filled by the conditional density of a memory, and everything else is left as it is."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from scipy.sparse import csr_array
from scipy.stats import kstest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.impute import KNNImputer, MissingIndicator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, MemoryImputer
from skdam._conditional import Conditional
from skdam.tasks._gaps import complete_rows

COMPLETIONS = ["mean", "retrieve", "sample"]
MEMORY = EpanechnikovMemory(1.5)


def cloud(n=60, n_features=4, seed=0, share=0.3):
    """Return rows and the same with gaps, of which no row is all gaps."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ rng.normal(size=(2, n_features))
    X += 0.1 * rng.normal(size=X.shape)
    gaps = rng.random(X.shape) < share
    gaps[np.arange(n), rng.integers(0, n_features, n)] = False
    return X, np.where(gaps, np.nan, X)


def fitted(X=None, memory=MEMORY, **parameters):
    X = cloud()[0] if X is None else X
    return MemoryImputer(memory, **{"random_state": 0} | parameters).fit(X)


QUERIES = cloud(seed=1)[1]


# --- what fills the gaps ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "memory", [MEMORY, GaussianMemory(0.5), KernelMemory("cosine", 2.0)], ids=str
)
def test_the_mean_is_that_of_the_conditional_density(memory):
    imputer = fitted(memory=memory)
    known = ~np.isnan(QUERIES)
    rows = ~known.all(axis=1)
    expected = QUERIES.copy()
    density = Conditional.of(clone(memory).fit(cloud()[0])._energy())
    expected[rows] = density.mean(QUERIES[rows], known[rows])
    np.testing.assert_array_equal(imputer.transform(QUERIES), expected)


def test_a_retrieved_row_is_a_fixed_point_made_of_stored_rows():
    X, known = load_digits().data[:400], np.arange(64) < 32
    queries = np.where(known, load_digits().data[400:440], np.nan)
    imputer = fitted(X, EpanechnikovMemory(35.0), completion="retrieve")
    found = imputer.transform(queries)
    again = imputer.memory_.retrieve(found, known=known)
    np.testing.assert_array_equal(again.state, found)
    shares = again.members
    np.testing.assert_allclose((shares @ X)[:, ~known], found[:, ~known], atol=1e-12)
    counts = np.diff(shares.indptr)
    assert (counts >= 1).all()
    assert (counts > 1).any()  # an emergent pattern
    single = np.flatnonzero(counts == 1)
    stored = X[shares.indices[shares.indptr[single]]]
    np.testing.assert_array_equal(stored[:, ~known], found[single][:, ~known])


def test_retrieval_starts_from_the_mean():
    imputer = fitted(completion="retrieve")
    known = ~np.isnan(QUERIES)
    start = fitted().transform(QUERIES)
    expected = imputer.memory_.retrieve(start, known=known).state
    np.testing.assert_array_equal(imputer.transform(QUERIES), expected)


@pytest.mark.parametrize("memory", [EpanechnikovMemory(0.9), GaussianMemory(0.4)], ids=str)
def test_samples_of_equal_rows_follow_the_density(memory):
    X = np.random.default_rng(0).normal(size=(8, 2))
    imputer = fitted(X, memory, completion="sample")
    found = imputer.transform(np.tile([0.2, np.nan], (3000, 1)))[:, 1]
    ticks = np.linspace(-6, 6, 20_001)
    rows = np.column_stack([np.full(len(ticks), 0.2), ticks])
    density = np.exp(imputer.memory_.score_samples(rows))
    cdf = np.cumsum(density) / density.sum()
    assert kstest(found, lambda v: np.interp(v, ticks, cdf)).pvalue > 1e-3


def test_a_sample_is_that_of_its_seed_and_differs_between_seeds():
    memory = EpanechnikovMemory(6.0)
    settings = {"memory": memory, "completion": "sample"}
    one, two, other = (fitted(**settings, random_state=seed) for seed in (3, 3, 4))
    drawn = one.transform(QUERIES)
    np.testing.assert_array_equal(one.transform(QUERIES), drawn)
    np.testing.assert_array_equal(two.transform(QUERIES), drawn)
    gaps = np.isnan(QUERIES)
    assert not (other.transform(QUERIES)[gaps] == drawn[gaps]).any()
    state = np.random.RandomState(3)
    np.testing.assert_array_equal(fitted(**settings, random_state=state).transform(QUERIES), drawn)


def test_the_global_generator_is_read_only_where_something_is_to_be_drawn():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    fitted(random_state=None).transform(QUERIES)
    fitted(completion="sample").transform(QUERIES)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    one, two = (fitted(completion="sample", random_state=None) for _ in range(2))
    assert one.seed_ != two.seed_


@pytest.mark.parametrize("completion", COMPLETIONS)
def test_a_row_does_not_depend_on_the_others(completion):
    imputer = fitted(completion=completion)
    together = imputer.transform(QUERIES)
    order = np.random.default_rng(0).permutation(len(QUERIES))
    np.testing.assert_allclose(imputer.transform(QUERIES[order]), together[order], rtol=1e-11)
    for i in range(0, len(QUERIES), 9):
        alone = imputer.transform(QUERIES[i : i + 1])
        np.testing.assert_allclose(alone, together[i : i + 1], rtol=1e-11)
    parallel = fitted(memory=EpanechnikovMemory(1.5, n_jobs=2), completion=completion)
    np.testing.assert_allclose(parallel.transform(QUERIES), together, rtol=1e-11)


def test_samples_of_equal_rows_differ_and_zero_has_no_sign():
    imputer = fitted(completion="sample")
    row = np.array([0.0, np.nan, 0.5, np.nan])
    found = imputer.transform([row, row, [-0.0, -np.nan, 0.5, -np.nan]])
    assert len(np.unique(found[:, 1])) == 3
    first = imputer.transform([[-0.0, -np.nan, 0.5, -np.nan]])
    np.testing.assert_array_equal(first[0], found[0])


def test_rows_that_differ_draw_apart():
    imputer = fitted([[0.0, 0.0]], GaussianMemory(1.0), completion="sample")
    found = imputer.transform([[0.1, np.nan], [0.2, np.nan]])  # of one and the same law
    assert found[0, 1] != found[1, 1]


@pytest.mark.parametrize("completion", COMPLETIONS)
def test_observed_entries_and_whole_rows_are_kept_bit_for_bit(completion):
    values = np.array([[np.pi, -0.0, 1e-310, 7.0], [1e300, np.nan, 1 / 3, 2.0]])
    found = fitted(completion=completion).transform(values)
    known = ~np.isnan(values)
    assert found[known].tobytes() == values[known].tobytes()
    assert np.isfinite(found).all()


def test_a_row_of_gaps_gets_the_mean_memory():
    X, _ = cloud()
    weights = np.random.default_rng(0).random(len(X))
    imputer = MemoryImputer(MEMORY).fit(X, sample_weight=weights)
    found = imputer.transform(np.full((1, 4), np.nan))[0]
    np.testing.assert_allclose(found, np.average(X, axis=0, weights=weights), rtol=1e-12)


def test_out_of_reach_the_nearest_memory_counts():
    X, _ = cloud()
    query = np.array([[50.0, np.nan, np.nan, -30.0]])
    nearest = X[np.argmin((X[:, 0] - 50) ** 2 + (X[:, 3] + 30) ** 2)]
    for completion in COMPLETIONS:
        found = fitted(completion=completion).transform(query)
        np.testing.assert_array_equal(found[0, 1:3], nearest[1:3])


# --- training rows with gaps ------------------------------------------------------------------


def test_whole_training_rows_are_stored_as_they_are_and_others_completed():
    X, gappy = cloud()
    gappy[::3] = X[::3]
    imputer = fitted(gappy)
    known = ~np.isnan(gappy)
    np.testing.assert_array_equal(imputer.memory_.memories_[known], gappy[known])
    expected = complete_rows(gappy, np.ones(len(X)), MEMORY)
    np.testing.assert_array_equal(imputer.memory_.memories_, expected)


def test_rows_of_nothing_but_gaps_are_not_stored():
    gappy = cloud()[1]
    more = np.insert(gappy, [3, 17], np.nan, axis=0)
    np.testing.assert_array_equal(fitted(more).memory_.memories_, fitted(gappy).memory_.memories_)


def test_weights_are_copies_and_zero_is_none():
    _, gappy = cloud()
    gappy[:30, 2] = np.nan
    weights = np.random.default_rng(5).integers(0, 3, len(gappy))
    weights[30:] = 0  # so that feature 2 is never seen
    one = MemoryImputer(MEMORY, add_indicator=True).fit(gappy, sample_weight=weights)
    two = MemoryImputer(MEMORY, add_indicator=True).fit(np.repeat(gappy, weights, axis=0))
    np.testing.assert_array_equal(one.observed_features_, [True, True, False, True])
    np.testing.assert_array_equal(one.transform(QUERIES), two.transform(QUERIES))
    some = (weights > 0) & ~np.isnan(gappy).all(axis=1)
    np.testing.assert_array_equal(one.memory_.weights_, weights[some])


@pytest.mark.parametrize("gaps_in_training", [False, True])
def test_means_are_nearer_than_those_of_neighbours(gaps_in_training):
    rng = np.random.default_rng(0)
    X = rng.permutation(load_digits().data)[:900]
    gaps = rng.random(X.shape) < 0.3
    train = np.where(gaps & gaps_in_training, np.nan, X)[:700]
    test = np.where(gaps, np.nan, X)[700:]

    def error(imputer):
        found = imputer.fit(train).transform(test)
        return np.sqrt(np.mean((found - X[700:])[gaps[700:]] ** 2))

    ours = min(error(MemoryImputer(EpanechnikovMemory(r))) for r in (30.0, 33.0, 36.0))
    theirs = min(error(KNNImputer(n_neighbors=k, weights="distance")) for k in (5, 7, 10))
    assert ours < theirs
    assert error(MemoryImputer()) < 1.05 * error(KNNImputer())


# --- columns, indicators, names ---------------------------------------------------------------


def test_features_never_seen_are_dropped_or_kept_as_zero():
    gappy = cloud()[1]
    gappy[:, 1] = np.nan
    queries = np.array([[0.1, 5.0, np.nan, 0.3], [0.1, np.nan, 0.2, 0.3]])
    dropped = fitted(gappy).transform(queries)
    kept = fitted(gappy, keep_empty_features=True).transform(queries)
    assert dropped.shape == (2, 3)
    np.testing.assert_array_equal(kept[:, [0, 2, 3]], dropped)
    np.testing.assert_array_equal(kept[:, 1], [5.0, 0.0])
    np.testing.assert_array_equal(
        fitted(gappy[:, [0, 2, 3]]).transform(queries[:, [0, 2, 3]]), dropped
    )
    whole = fitted(gappy).transform([[0.1, 5.0, 0.2, 0.3]])
    np.testing.assert_array_equal(whole, [[0.1, 0.2, 0.3]])


def test_indicators_are_those_of_scikit_learn():
    X, gappy = cloud()
    gappy[:, 0] = X[:, 0]
    gappy[:, 1] = np.nan
    imputer = fitted(gappy, add_indicator=True)
    found = imputer.transform(QUERIES)
    expected = MissingIndicator(error_on_new=False).fit(gappy).transform(QUERIES)
    np.testing.assert_array_equal(found[:, 3:], expected)
    assert found.dtype == np.float64
    assert imputer.get_feature_names_out(list("abcd")).tolist() == [
        *("a", "c", "d"),
        *("missingindicator_b", "missingindicator_c", "missingindicator_d"),
    ]


def test_names_are_those_of_the_neighbours_imputer():
    _, gappy = cloud()
    gappy[:, 1] = np.nan
    frame = pd.DataFrame(gappy, columns=list("abcd"))
    for settings in ({}, {"add_indicator": True}):
        ours, theirs = fitted(frame, **settings), KNNImputer(**settings).fit(frame)
        assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
        assert ours.transform(frame).shape == theirs.transform(frame).shape
    assert ours.feature_names_in_.tolist() == list("abcd")
    kept = fitted(frame, keep_empty_features=True)
    assert kept.get_feature_names_out().tolist() == list("abcd")


def test_every_kind_of_nothing_is_a_gap():
    expected = fitted([[1.0, 2.0], [2.0, np.nan], [3.0, 4.0]]).memory_.memories_
    rows = [[1.0, 2.0], [2.0, None], [3.0, 4.0]]
    objects = np.array([[1, 2], [2, pd.NA], [3, 4.0]], dtype=object)
    frames = [
        pd.DataFrame({"a": [1, 2, 3], "b": pd.array([2, None, 4], dtype="Int64")}),
        pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": pd.Series([2.0, pd.NA, 4.0], dtype=object)}),
        pd.DataFrame(
            {"a": pd.array([1, 2, 3], dtype="Int64"), "b": pd.Series([2.0, None, 4], dtype=object)}
        ),
        pl.DataFrame({"a": [1, 2, 3], "b": [2, None, 4]}),
    ]
    for X in [rows, tuple(rows), np.array(rows, dtype=object), objects, *frames]:
        imputer = fitted(X)
        np.testing.assert_array_equal(imputer.memory_.memories_, expected)
        assert np.isfinite(imputer.transform(X)).all()
    assert fitted(frames[1]).feature_names_in_.tolist() == ["a", "b"]
    assert frames[1]["b"][1] is pd.NA  # the frame given is left as it was
    assert objects[1, 1] is pd.NA


def test_it_works_in_a_column_transformer_and_speaks_pandas():
    frame = pd.DataFrame(cloud()[1], columns=list("abcd"))
    columns = ColumnTransformer([("some", MemoryImputer(MEMORY), ["d", "b"])], remainder="drop")
    found = columns.set_output(transform="pandas").fit_transform(frame)
    assert found.columns.tolist() == ["some__d", "some__b"]
    expected = MemoryImputer(MEMORY).fit_transform(frame[["d", "b"]])
    np.testing.assert_array_equal(found.to_numpy(), expected)
    assert found.index.equals(frame.index)


def test_it_is_searched_in_a_pipeline():
    X, y = load_digits(return_X_y=True)
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)[:300]
    pipeline = make_pipeline(StandardScaler(), MemoryImputer(MEMORY), KNeighborsClassifier(1))
    search = GridSearchCV(pipeline, {"memoryimputer__memory__bandwidth": [1.0, 7.0]}, cv=2)
    assert search.fit(X, y[:300]).best_score_ > 0.7
    assert MEMORY.bandwidth == 1.5


# --- types, magnitudes, faults ----------------------------------------------------------------


@pytest.mark.parametrize("completion", COMPLETIONS)
@pytest.mark.parametrize("indicator", [False, True])
def test_single_precision_stays(completion, indicator):
    X, gappy = cloud()
    imputer = fitted(gappy.astype(np.float32), completion=completion, add_indicator=indicator)
    assert imputer.memory_.memories_.dtype == np.float32
    found = imputer.transform(QUERIES.astype(np.float32))
    assert found.dtype == np.float32
    assert imputer.transform(QUERIES).dtype == np.float64
    whole = imputer.transform(X.astype(np.float32)[:2])
    np.testing.assert_array_equal(whole[:, :4], X.astype(np.float32)[:2])


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e150, 1e300])
@pytest.mark.parametrize("completion", COMPLETIONS)
def test_units_scale_what_is_filled_in(unit, completion):
    _, gappy = cloud()
    power = 2.0 ** np.round(np.log2(unit))
    found = fitted(gappy, GaussianMemory(0.7), completion="mean").transform(QUERIES)
    scaled = fitted(gappy * power, GaussianMemory(0.7 * power), completion=completion)
    again = scaled.transform(QUERIES * power)
    assert np.isfinite(again).all()
    if completion == "mean":
        np.testing.assert_array_equal(again, found * power)


def test_offsets_lose_nothing_but_the_rounding_of_the_data():
    X, gappy = cloud()
    X, gappy, queries = (np.round(A * 2**20) / 2**20 for A in (X, gappy, QUERIES))
    found = fitted(gappy).transform(queries)
    again = fitted(gappy + 1e8).transform(queries + 1e8)
    np.testing.assert_allclose(again - 1e8, found, atol=1e-7)


def test_arrays_of_any_kind_are_read_and_left_alone():
    X = np.round(cloud()[0] * 3)
    imputer, expected = fitted(X), fitted(X).transform(QUERIES)
    for kind in (np.float16, np.int64, object):
        np.testing.assert_array_equal(fitted(X.astype(kind)).transform(QUERIES), expected)
    fixed = QUERIES.copy()
    fixed.flags.writeable = False
    for rows in (fixed, np.asfortranarray(QUERIES), np.repeat(QUERIES, 2, axis=0)[::2]):
        before = rows.tobytes()
        np.testing.assert_array_equal(imputer.transform(rows), expected)
        assert rows.tobytes() == before
    bits = X > 0
    assert fitted(bits).transform(QUERIES).dtype == np.float64


def test_one_row_and_one_column_and_constants_are_no_trouble():
    one = fitted([[1.0, 2.0]])
    np.testing.assert_array_equal(one.transform([[np.nan, 7.0]]), [[1.0, 7.0]])
    column = fitted([[1.0], [np.nan], [2.0]])
    assert column.memory_.memories_.shape == (2, 1)
    np.testing.assert_array_equal(column.transform([[np.nan], [5.0]]), [[1.5], [5.0]])
    constant = fitted([[3.0, np.nan], [3.0, 4.0], [np.nan, 4.0]])
    np.testing.assert_array_equal(constant.transform([[np.nan, 4.0]]), [[3.0, 4.0]])
    with pytest.raises(ValueError, match="1 sample"):
        MemoryImputer().fit([[1.0, np.nan]])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.full((3, 2), np.nan), ValueError, "no observed entry in 3 rows"),
        (np.array([[1.0, np.inf], [2.0, 3.0]]), ValueError, "infinity"),
        (np.empty((0, 3)), ValueError, "0 sample"),
        (np.empty((3, 0)), ValueError, "0 feature"),
        ([1.0, np.nan], ValueError, "1D array"),
        ([[1.0], [1.0, 2.0]], ValueError, "inhomogeneous|sequence"),
        ([["a", None], ["b", "c"]], ValueError, "convert string"),
        (np.array([[1j, 2], [3, 4]]), ValueError, "[Cc]omplex"),
        (csr_array(np.eye(3)), TypeError, "toarray"),
        (np.ma.masked_array(np.eye(3), np.eye(3)), TypeError, "masked"),
        (np.ma.masked_array(np.eye(3).astype(object), np.eye(3)), TypeError, "masked"),
        (np.array([["2020-01-01", "NaT"]], dtype="M8[D]"), TypeError, "dates"),
        (np.array([[np.datetime64("2020-01-01"), None]], dtype=object), TypeError, "dates"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        MemoryImputer(MEMORY).fit(X)
    if not message.startswith("no observed"):
        with pytest.raises((error, ValueError)):
            fitted(np.eye(2)).transform(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"completion": "median"}, "'completion' parameter .*'mean'.*'median'"),
        ({"memory": StandardScaler()}, "'memory' parameter"),
        ({"memory": EpanechnikovMemory(-1.0)}, "'bandwidth' parameter"),
        ({"add_indicator": "yes"}, "'add_indicator' parameter"),
        ({"keep_empty_features": 2}, "'keep_empty_features' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
def test_wrong_parameters_are_refused_and_leave_the_imputer_as_it_was(parameters, message):
    imputer = fitted()
    before = imputer.set_params(**parameters).__dict__.copy()
    with pytest.raises(ValueError, match=message):
        imputer.fit(QUERIES)
    assert imputer.__dict__ == before


@pytest.mark.parametrize(
    "weights", [[-1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [np.nan, 1, 1], [1e308] * 3, [1.0]]
)
def test_wrong_weights_are_refused_and_leave_the_imputer_as_it_was(weights):
    imputer = fitted()
    before = imputer.__dict__.copy()
    with pytest.raises(ValueError, match=r"[wW]eight"):
        imputer.fit([[1.0, np.nan], [2.0, 3.0], [4.0, 1.0]], sample_weight=weights)
    assert imputer.__dict__ == before


def test_an_interrupted_fit_leaves_the_imputer_as_it_was(monkeypatch):
    imputer = fitted()
    before = imputer.__dict__.copy()
    monkeypatch.setattr("skdam.tasks._imputer.complete_rows", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        imputer.fit(cloud(seed=4)[1])
    assert imputer.__dict__ == before


def test_transform_asks_for_a_fit_and_for_its_features():
    with pytest.raises(NotFittedError):
        MemoryImputer().transform(QUERIES)
    with pytest.raises(NotFittedError):
        MemoryImputer().get_feature_names_out()
    with pytest.raises(ValueError, match=r"3 features.*4 features"):
        fitted().transform(QUERIES[:, :3])
    with pytest.raises(NotFittedError, match="call fit again"):
        fitted().set_params(completion="sample").transform(QUERIES)
    with pytest.raises(ValueError, match="'completion' parameter"):
        fitted().set_params(completion="median").transform(QUERIES)


def test_a_retrieval_cut_short_warns_once_and_others_do_not():
    X = load_digits().data
    memory = EpanechnikovMemory(30.0, max_iter=2)
    queries = np.where(np.arange(64) < 32, X[300:360], np.nan)
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        fitted(X[:300], memory, completion="retrieve").transform(queries)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(X[:300], memory).transform(queries)


def test_gaps_are_allowed_by_its_tags():
    tags = get_tags(MemoryImputer())
    assert tags.input_tags.allow_nan
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]


def test_transform_writes_nothing_and_the_memory_given_is_not_fitted():
    memory = EpanechnikovMemory(1.5)
    imputer = fitted(memory=memory, completion="sample")
    before = dict(vars(imputer)), dict(vars(imputer.memory_))
    imputer.transform(QUERIES)
    assert (dict(vars(imputer)), dict(vars(imputer.memory_))) == before
    assert "memories_" not in vars(memory)
    default = MemoryImputer().fit(cloud()[0])
    assert default.memory is None
    assert default.memory_.bandwidth == "scott"


def test_memory_is_bounded_by_working_memory():
    X, gappy = cloud(n=3000, n_features=6)
    with config_context(working_memory=4):
        tracemalloc.start()
        fitted(gappy, GaussianMemory(0.5)).transform(gappy)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20 + 30 * X.nbytes  # all pairs would be 72 MB


@pytest.mark.parametrize("carry", ["pickle", "skops"])
def test_a_carried_imputer_completes_the_same(carry):
    imputer = fitted(cloud()[1], completion="sample", add_indicator=True)
    if carry == "pickle":
        other = pickle.loads(pickle.dumps(imputer))
    else:
        file = skops.io.dumps(imputer)
        trusted = skops.io.get_untrusted_types(data=file)
        assert len(trusted) == 2  # the imputer and its memory
        other = skops.io.loads(file, trusted=trusted)
    np.testing.assert_array_equal(other.transform(QUERIES), imputer.transform(QUERIES))


def test_fit_transform_is_fit_then_transform():
    _, gappy = cloud()
    for completion in COMPLETIONS:
        imputer = MemoryImputer(MEMORY, completion=completion, random_state=0)
        found = imputer.fit_transform(gappy)
        np.testing.assert_array_equal(found, clone(imputer).fit(gappy).transform(gappy))
