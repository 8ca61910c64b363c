"""Scores against their formulas, and what a search by them chooses."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases import KERNEL_MEMORIES
from joblib import parallel_config
from scipy.integrate import quad
from scipy.stats import multivariate_normal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdam import (
    AttentionMemory,
    BinaryMemory,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    LayeredMemory,
    RandomFeatureMemory,
)
from skdam.analysis import find_fixed_points
from skdam.bandwidths import preserved_fraction
from skdam.datasets import corrupt, make_prototype_patterns
from skdam.metrics import retrieval_error
from skdam.scorers import coverage_scorer, recall_scorer, robust_log_likelihood_scorer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)) * [1.0, 2.0, 0.5, 3.0] + 5.0
FRESH = X[:40] + 0.4 * RNG.normal(size=(40, 4))
SCORERS = [
    recall_scorer(noise=0.5, random_state=3),
    recall_scorer(missing=0.3),
    recall_scorer(flip=0.25, noise=0.1),
    coverage_scorer(),
    coverage_scorer(enough=0.5),
    robust_log_likelihood_scorer(),
    robust_log_likelihood_scorer(background=0.9),
]
every_scorer = pytest.mark.parametrize("scorer", SCORERS, ids=repr)


def recall(states, whole, rows):
    """Return the lesser share of the rows' variance that is stable, and faithful, as defined."""
    rows = np.asarray(rows, dtype=float)
    variance = np.sum((rows - rows.mean(axis=0)) ** 2)
    return 1 - max(np.sum((states - whole) ** 2), np.sum((whole - rows) ** 2)) / variance


def share(states, targets):
    """Return the share of the targets' variance that came back."""
    return recall(states, np.asarray(targets), targets)


def damaged(**damage):
    return corrupt(FRESH, **({"random_state": 0} | damage))


# --- recall -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
@pytest.mark.parametrize("damage", [{"noise": 0.5}, {"flip": 0.25, "random_state": 7}])
@pytest.mark.parametrize("bandwidth", [1.5, 2.0, 5.0])
def test_recall_is_how_stable_and_faithful_states_are(name, damage, bandwidth):
    memory = KERNEL_MEMORIES[name](bandwidth=bandwidth, max_iter=900).fit(X)
    expected = recall(memory.transform(damaged(**damage)), memory.transform(FRESH), FRESH)
    assert recall_scorer(**damage)(memory, FRESH) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "memory",
    [RandomFeatureMemory(6.0, 1000, random_state=0), AttentionMemory(2.0, similarity="euclidean")],
    ids=lambda memory: type(memory).__name__,
)
def test_other_memories_of_real_patterns_aim_at_the_clean_rows_too(memory):
    memory.fit(X)
    expected = recall(memory.transform(damaged(noise=0.2)), memory.transform(FRESH), FRESH)
    assert recall_scorer(noise=0.2)(memory, FRESH) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "memory",
    [HopfieldMemory(random_state=0), LayeredMemory(max_time=5.0)],
    ids=lambda memory: type(memory).__name__,
)
def test_states_in_units_of_their_own_are_compared_with_states(memory):
    signs = make_prototype_patterns(3, 20, 30, random_state=0)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some states go on moving
        memory.fit(signs[:50])
        states = memory.transform(corrupt(signs[40:], flip=0.1, random_state=0))
        found = recall_scorer(flip=0.1)(memory, signs[40:])
        assert found == pytest.approx(share(states, memory.transform(signs[40:])), rel=1e-12)


def test_recall_is_measured_in_the_space_of_the_output():
    whiten = PCA(2, whiten=True)
    for pipeline in (
        make_pipeline(StandardScaler(), EpanechnikovMemory(0.8), whiten),
        make_pipeline(
            "passthrough", make_pipeline(StandardScaler(), None, EpanechnikovMemory(0.8)), whiten
        ),
    ):
        pipeline.fit(X)
        scaler = StandardScaler().fit(X)
        projection = pipeline[-1]
        states = pipeline.transform(damaged(noise=0.5))
        rows = projection.transform(scaler.transform(FRESH))
        assert states.shape == (40, 2)
        expected = recall(states, pipeline.transform(FRESH), rows)
        assert recall_scorer(noise=0.5)(pipeline, FRESH) == pytest.approx(expected, rel=1e-12)


def test_states_of_spins_that_are_all_one_tell_nothing():
    pattern = make_prototype_patterns(1, 1, 30, random_state=0)[0]
    signs = corrupt(np.repeat(pattern, 20, axis=0), flip=0.1, random_state=0)
    memory = HopfieldMemory(random_state=0).fit(pattern)
    assert len(np.unique(signs, axis=0)) > 1
    np.testing.assert_array_equal(memory.transform(signs), np.repeat(pattern, 20, axis=0))
    assert recall_scorer(flip=0.1)(memory, signs) == 0.0


def test_a_score_bounds_how_far_states_of_damaged_rows_are_from_clean_ones():
    for bandwidth in (1.0, 2.0, 3.0, 5.0, 9.0):
        memory = EpanechnikovMemory(bandwidth).fit(X)
        error = retrieval_error(memory.transform(damaged(noise=0.5)), FRESH)
        assert error <= 2 * np.sqrt(1 - recall_scorer(noise=0.5)(memory, FRESH)) + 1e-12


def test_recall_of_an_imputer_is_in_the_order_of_its_rmse():
    scores, errors = [], []
    for k in (1, 2, 5, 20):
        imputer = KNNImputer(n_neighbors=k).fit(X)
        scores.append(recall_scorer(missing=0.3)(imputer, FRESH))
        filled = imputer.transform(damaged(missing=0.3))
        assert scores[-1] == pytest.approx(share(filled, FRESH), rel=1e-12)
        errors.append(np.mean((filled - FRESH) ** 2))
    np.testing.assert_array_equal(np.argsort(scores)[::-1], np.argsort(errors))


def test_gaps_reach_imputers_and_a_memory_gets_the_mean_instead():
    gaps = damaged(missing=0.3)
    memory = EpanechnikovMemory(1.5).fit(X)
    filled = np.where(np.isnan(gaps), FRESH.mean(axis=0), gaps)
    found = recall_scorer(missing=0.3)(memory, FRESH)
    expected = recall(memory.transform(filled), memory.transform(FRESH), FRESH)
    assert found == pytest.approx(expected, rel=1e-12)

    scaled = make_pipeline(StandardScaler(), EpanechnikovMemory(0.8)).fit(X)
    states = scaled.transform(filled)  # a scaler maps the mean to the mean
    targets = scaled[0].transform(FRESH)
    found = recall_scorer(missing=0.3)(scaled, FRESH)
    expected = recall(states, scaled.transform(FRESH), targets)
    assert found == pytest.approx(expected, rel=1e-9)

    imputed = make_pipeline(StandardScaler(), KNNImputer(), PCA(2), EpanechnikovMemory(0.8)).fit(X)
    targets = imputed[:-1].transform(FRESH)
    found = recall_scorer(missing=0.3)(imputed, FRESH)
    expected = recall(imputed.transform(gaps), imputed.transform(FRESH), targets)
    assert found == pytest.approx(expected, rel=1e-12)

    columns = ColumnTransformer([("fill", KNNImputer(), [0, 1, 2, 3])]).fit(X)
    found = recall_scorer(missing=0.3)(columns, FRESH)
    assert found == pytest.approx(share(columns.transform(gaps), FRESH), rel=1e-12)


def test_every_memory_gets_the_mean_where_values_are_missing():
    attention = AttentionMemory(2.0, similarity="euclidean").fit(X)
    filled = np.where(np.isnan(damaged(missing=0.3)), FRESH.mean(axis=0), damaged(missing=0.3))
    found = recall_scorer(missing=0.3)(attention, FRESH)
    expected = recall(attention.transform(filled), attention.transform(FRESH), FRESH)
    assert found == pytest.approx(expected, rel=1e-12)

    signs = make_prototype_patterns(3, 20, 30, random_state=0)[0]
    spins = BinaryMemory(random_state=0).fit(signs)
    gaps = corrupt(signs, missing=0.3, random_state=0)
    states = spins.transform(np.where(np.isnan(gaps), signs.mean(axis=0), gaps))
    found = recall_scorer(missing=0.3)(spins, signs)
    assert found == pytest.approx(share(states, spins.transform(signs)), rel=1e-12)


def test_the_mean_of_huge_rows_is_a_number():
    unit, scorer = 2.0**1018, recall_scorer(missing=0.3)
    expected = scorer(EpanechnikovMemory(1.5).fit(X), FRESH)
    found = scorer(EpanechnikovMemory(1.5 * unit).fit(X * unit), FRESH * unit)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_step_that_takes_no_gaps_says_so_itself():
    with pytest.raises(ValueError, match=r"contains NaN\.\nPCA does not accept missing values"):
        recall_scorer(missing=0.3)(make_pipeline(PCA(2), EpanechnikovMemory()).fit(X), FRESH)


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_a_collapse_is_worth_nothing(name):
    memory = KERNEL_MEMORIES[name](bandwidth=1e4).fit(X)
    states = memory.transform(damaged(noise=0.5))
    np.testing.assert_allclose(states, np.broadcast_to(states[0], states.shape), rtol=1e-4)
    assert -0.05 < recall_scorer(noise=0.5)(memory, FRESH) <= 0.0


def test_perfect_recall_scores_1():
    memory = EpanechnikovMemory(bandwidth=0.01).fit(X)
    assert recall_scorer(noise=1e-6)(memory, X) == 1.0


def test_no_answer_counts_as_the_mean_state():
    memory = EpanechnikovMemory(bandwidth=1.0, outside="nan").fit(X)
    states, whole = memory.transform(damaged(noise=0.5)), memory.transform(FRESH)
    for lost in (np.isnan(states).any(axis=1), np.isnan(whole).any(axis=1)):
        assert 0 < lost.sum() < 40
    mean = FRESH.mean(axis=0)
    states, whole = (np.where(np.isnan(rows), mean, rows) for rows in (states, whole))
    found = recall_scorer(noise=0.5)(memory, FRESH)
    assert found == pytest.approx(recall(states, whole, FRESH), rel=1e-12)
    two = make_pipeline(memory, EpanechnikovMemory(1.0)).fit(X)  # one after another
    expected = recall(two[1].transform(states), two[1].transform(whole), FRESH)
    assert recall_scorer(noise=0.5)(two, FRESH) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="lie off the support"):
        recall_scorer(noise=0.5)(clone(memory).set_params(outside="raise").fit(X), FRESH)


def test_an_integer_seed_damages_alike_and_a_generator_goes_on():
    memory = EpanechnikovMemory(1.5).fit(X)
    fixed, going = recall_scorer(noise=0.5, random_state=5), np.random.RandomState(5)
    first = recall_scorer(noise=0.5, random_state=going)
    assert fixed(memory, FRESH) == fixed(memory, FRESH) == first(memory, FRESH)
    assert first(memory, FRESH) != fixed(memory, FRESH)
    assert recall_scorer(noise=0.5, random_state=6)(memory, FRESH) != fixed(memory, FRESH)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    fixed(memory, FRESH)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


class Explosive(TransformerMixin, BaseEstimator):
    """A transformer that blows up what is not clean."""

    def __init__(self, size=1e200):
        self.size = size

    def transform(self, rows):
        return np.where(np.isin(rows, FRESH), rows, self.size)


def test_an_error_beyond_the_floats_scores_minus_infinity():
    assert recall_scorer(noise=0.5)(Explosive(), FRESH) == -np.inf
    assert recall_scorer(noise=0.5)(Explosive(1e100), FRESH) < -1e190


def test_rows_that_are_all_equal_have_nothing_to_come_back():
    memory = EpanechnikovMemory(1.5).fit(X)
    with pytest.raises(ValueError, match="at least 2 distinct rows"):
        recall_scorer(missing=0.5)(memory, X[:1])
    with pytest.raises(ValueError, match=r"noise=0\.5 is in standard deviations"):
        recall_scorer(noise=0.5)(memory, X[:1])
    same, scorer = np.ones((4, 3)), recall_scorer(missing=0.5)
    for filled in (same, 2.0 * same):
        with pytest.raises(ValueError, match="X must hold at least 2 distinct rows"):
            scorer(SimpleImputer().fit(filled), same)


def test_an_output_that_is_all_one_scores_0():
    constant = FunctionTransformer(np.zeros_like)
    for model in (constant, make_pipeline(EpanechnikovMemory(1e4), constant)):
        assert recall_scorer(noise=0.5)(model.fit(X), FRESH) == 0.0


def test_a_memory_that_is_frozen_is_a_memory():
    memory, frozen = (EpanechnikovMemory(1.5).fit(X) for _ in range(2))
    for scorer in SCORERS:
        assert scorer(FrozenEstimator(frozen), FRESH) == scorer(memory, FRESH)
        assert scorer(make_pipeline(FrozenEstimator(frozen)), FRESH) == scorer(memory, FRESH)


def test_no_answer_within_a_transformer_counts_as_the_mean_of_the_others():
    memory = EpanechnikovMemory(bandwidth=0.3, outside="nan")
    columns = ColumnTransformer([("some", memory, [0, 1])]).fit(X)
    states, whole = columns.transform(damaged(noise=0.5)), columns.transform(FRESH)
    for rows in (states, whole):
        assert 0 < np.isnan(rows).sum() < rows.size
    mean = np.nanmean(whole, axis=0)
    states, whole = (np.where(np.isnan(rows), mean, rows) for rows in (states, whole))
    found = recall_scorer(noise=0.5)(columns, FRESH)
    assert found == pytest.approx(share(states, whole), rel=1e-12)
    nothing = EpanechnikovMemory(bandwidth=1e-9, outside="nan")
    columns = ColumnTransformer([("some", nothing, [0, 1])]).fit(X)
    assert recall_scorer(noise=0.5)(columns, FRESH) == 0.0


# --- coverage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_coverage_is_the_share_within_reach(name):
    memory = KERNEL_MEMORIES[name](bandwidth=0.8).fit(X)
    near = np.linalg.norm(FRESH[:, None] - X, axis=2).min(axis=1) < 0.8
    found = coverage_scorer()(memory, FRESH)
    assert 0 < near.mean() < 1
    assert found == (1.0 if name == "gaussian" else near.mean())


def test_coverage_goes_through_pipelines_and_takes_any_density():
    pipeline = make_pipeline(StandardScaler(), make_pipeline(PCA(2), EpanechnikovMemory(0.2)))
    scores = pipeline.fit(X).score_samples(FRESH)
    assert 0 < np.isfinite(scores).mean() < 1
    assert coverage_scorer()(pipeline, FRESH) == np.isfinite(scores).mean()
    assert coverage_scorer()(KernelDensity().fit(X), FRESH) == 1.0


def test_more_coverage_than_enough_counts_no_more(searched):
    memory = EpanechnikovMemory(bandwidth=0.8).fit(X)
    covered = coverage_scorer()(memory, FRESH)
    assert 0.1 < covered < 0.9
    for enough in (0.1, 0.9):
        assert coverage_scorer(enough=enough)(memory, FRESH) == min(enough, covered)
    means = searched[1]
    first = means["enough"].argmax()
    assert means["enough"][first:].tolist() == [0.5] * (13 - first)  # in every fold
    assert means["coverage"][first - 1] < 0.6


# --- robust likelihood ------------------------------------------------------------------------


def robust(memory, rows, weight, mean, variance):
    """Return the score by another implementation of the Gaussian."""
    broad = multivariate_normal(mean, variance * np.eye(len(mean))).logpdf(rows)
    density = memory.score_samples(rows)
    return np.mean(np.logaddexp(np.log(1 - weight) + density, np.log(weight) + broad))


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
@pytest.mark.parametrize("weight", [0.1, 0.5, 1e-9])
def test_robust_likelihood_is_that_of_the_mixture(name, weight):
    memory, scorer = KERNEL_MEMORIES[name], robust_log_likelihood_scorer(background=weight)
    for bandwidth in (0.3, 1.0, 30.0):
        fitted = memory(bandwidth=bandwidth).fit(X)
        expected = robust(fitted, FRESH, weight, X.mean(axis=0), X.var(axis=0).mean())
        assert scorer(fitted, FRESH) == pytest.approx(expected, rel=1e-12)


def test_weights_of_memories_are_frequencies_of_the_background():
    counts = np.random.default_rng(1).integers(0, 4, 60)
    weighted = GaussianMemory(0.5).fit(X, sample_weight=counts)
    repeated = GaussianMemory(0.5).fit(np.repeat(X, counts, axis=0))
    scorer = robust_log_likelihood_scorer(background=0.7)
    assert scorer(weighted, FRESH) == pytest.approx(scorer(repeated, FRESH), rel=1e-12)
    rows = np.repeat(X, counts, axis=0)
    expected = robust(weighted, FRESH, 0.7, rows.mean(axis=0), rows.var(axis=0).mean())
    assert scorer(weighted, FRESH) == pytest.approx(expected, rel=1e-12)


def test_the_mixture_integrates_to_one():
    memory = EpanechnikovMemory(0.4).fit([[0.0], [0.7], [3.0]])
    scorer = robust_log_likelihood_scorer(background=0.3)
    mass = quad(lambda x: np.exp(scorer(memory, [[x]])), -9, 12, limit=99, epsrel=1e-5)[0]
    assert mass == pytest.approx(1.0, abs=1e-4)


def test_robust_likelihood_is_in_the_space_of_the_memory():
    pipeline = make_pipeline(
        StandardScaler(), "passthrough", make_pipeline(PCA(2), EpanechnikovMemory(0.5))
    ).fit(X)
    inner, memory = pipeline[-1], pipeline[-1][-1]
    Z = inner[0].transform(pipeline[0].transform(X))
    rows = inner[0].transform(pipeline[0].transform(FRESH))
    expected = robust(memory, rows, 0.1, Z.mean(axis=0), Z.var(axis=0).mean())
    found = robust_log_likelihood_scorer()(pipeline, FRESH)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_robust_likelihood_moves_with_the_unit_of_the_data(size):
    scorer = robust_log_likelihood_scorer()
    plain = scorer(EpanechnikovMemory(1.0).fit(X), FRESH)
    found = scorer(EpanechnikovMemory(size).fit(X * size), FRESH * size)
    assert found == pytest.approx(plain - 4 * np.log(size), rel=1e-10)


def test_robust_likelihood_reaches_the_ends_of_the_floats():
    scorer, largest = robust_log_likelihood_scorer(), np.finfo(np.float64).max
    rows, fresh = np.array([[-1.0], [1.0], [0.5]]), np.array([[1.0], [-0.75], [-1.0]])
    plain = scorer(EpanechnikovMemory(0.25).fit(rows), fresh)
    found = scorer(EpanechnikovMemory(0.25 * largest).fit(rows * largest), fresh * largest)
    assert found == pytest.approx(plain - np.log(largest), rel=1e-12)
    assert scorer(EpanechnikovMemory(0.25).fit(rows), [[1e153]]) < -1e300
    assert scorer(EpanechnikovMemory(0.25).fit(rows), [[1e200]] * 3) == -largest  # the lowest
    tiny = EpanechnikovMemory(1e-300).fit(rows * 1e-300)
    assert scorer(tiny, [[1e100], [0.0]]) == -largest / 2


def test_robust_likelihood_loses_nothing_to_an_offset():
    scorer, grid = robust_log_likelihood_scorer(), np.rint(X * 64) / 64
    fresh = np.rint(FRESH * 64) / 64
    plain = scorer(EpanechnikovMemory(1.0).fit(grid), fresh)
    found = scorer(EpanechnikovMemory(1.0).fit(grid + 1e8), fresh + 1e8)
    assert found == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
def test_robust_likelihood_is_always_finite(name):
    scorer, make = robust_log_likelihood_scorer(), KERNEL_MEMORIES[name]
    far = np.append(FRESH, np.full((1, 4), 1e100), axis=0)
    assert np.isfinite(scorer(make(bandwidth=0.01).fit(X), far))
    assert np.isfinite(scorer(make(bandwidth=1e9).fit(X), far))
    assert np.isfinite(scorer(make(bandwidth=0.5).fit(X[:3]), FRESH))  # fewer rows than features
    flat = np.append(X, np.ones((60, 2)), axis=1)
    assert np.isfinite(scorer(make(bandwidth=0.5).fit(flat), flat + 0.1))  # constant columns
    assert np.isfinite(scorer(make(bandwidth="nearest").fit(X[:2]), FRESH[:1]))
    for size in (1e-300, 1e300):
        assert np.isfinite(scorer(make(bandwidth=size).fit(X * 0.1 * size), FRESH * size))


@pytest.mark.parametrize("name", KERNEL_MEMORIES)
@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200])
def test_equal_memories_take_the_variance_of_their_kernel(name, size):
    memory = KERNEL_MEMORIES[name](bandwidth=2.0 * size).fit(np.full((3, 2), 7.0 * size))
    draws = KERNEL_MEMORIES[name](bandwidth=2.0).fit(np.full((3, 2), 7.0)).sample(200_000, 0)
    rows = np.array([[7.0, 7.0], [11.0, 5.0]])
    found = robust_log_likelihood_scorer()(memory, rows * size) + 2 * np.log(size)
    plain = KERNEL_MEMORIES[name](bandwidth=2.0).fit([[7.0, 7.0]])
    expected = robust(plain, rows, 0.1, [7.0, 7.0], draws.var(axis=0).mean())
    assert found == pytest.approx(expected, abs=0.05)


def test_single_precision_is_scored_as_it_is():
    single, fresh = X.astype(np.float32), FRESH.astype(np.float32)
    for scorer in SCORERS:
        small, large = (
            EpanechnikovMemory(1.5).fit(rows.astype(kind))
            for rows, kind in ((single, np.float32), (single, np.float64))
        )
        expected = scorer(large, fresh.astype(np.float64))
        rel = 1e-12 if scorer in SCORERS[4:] else 1e-5  # damage is rounded to float32
        assert scorer(small, fresh) == pytest.approx(expected, rel=rel)
        assert isinstance(scorer(small, fresh), float)


# --- what all of them are ---------------------------------------------------------------------


@every_scorer
def test_scorers_are_values(scorer):
    assert eval(repr(scorer)) == scorer
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert copy.deepcopy(scorer) == scorer
    assert hash(scorer) == hash(copy.copy(scorer))
    assert sum(scorer == other for other in SCORERS) == 1
    with pytest.raises(AttributeError):
        scorer.noise = 3.0
    search = GridSearchCV(EpanechnikovMemory(), {"bandwidth": [1.0]}, scoring=scorer)
    assert clone(search).get_params()["scoring"] == scorer
    assert repr(scorer) in repr(search)


@every_scorer
def test_scorers_ignore_y_and_serve_every_search(scorer):
    model = make_pipeline(StandardScaler(), EpanechnikovMemory(2.0))
    y = np.arange(60) % 2
    cv = KFold(3, shuffle=True, random_state=0)
    plain = cross_val_score(model, X, scoring=scorer, cv=cv)
    np.testing.assert_array_equal(plain, cross_val_score(model, X, y, scoring=scorer, cv=cv))
    several = cross_validate(model, X, scoring={"a": scorer, "b": coverage_scorer()}, cv=cv)
    np.testing.assert_array_equal(plain, several["test_a"])
    grid = {"epanechnikovmemory__bandwidth": [0.5, 2.0, 8.0]}
    search = GridSearchCV(model, grid, scoring=scorer, cv=cv, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(FRESH) == scorer(search.best_estimator_, FRESH)
    with parallel_config("threading", n_jobs=2):
        assert clone(search).fit(X).best_params_ == search.best_params_


@every_scorer
def test_a_search_is_scored_as_the_estimator_that_it_found(scorer):
    model = make_pipeline(StandardScaler(), EpanechnikovMemory())
    grid = {"epanechnikovmemory__bandwidth": [1.0, 50.0]}
    for inner in (
        GridSearchCV(model, grid, scoring=scorer),
        RandomizedSearchCV(model, grid, n_iter=2),
    ):
        search = inner.set_params(error_score="raise")
        with pytest.raises(NotFittedError):
            scorer(search, FRESH)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of likelihoods of -inf
            search.fit(X)
        assert scorer(search, FRESH) == scorer(search.best_estimator_, FRESH)
        pipeline = make_pipeline("passthrough", search)
        assert scorer(pipeline, FRESH) == scorer(search.best_estimator_, FRESH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(model, grid, scoring=scorer, refit=False).fit(X)
    with pytest.raises(NotFittedError):
        scorer(search, FRESH)


@every_scorer
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_names(scorer, library):
    names = [f"column {i}" for i in range(4)]
    frame, fresh = (
        pd.DataFrame(rows, columns=names) if library == "pandas" else pl.DataFrame(rows, names)
        for rows in (X, FRESH)
    )
    for model in (
        EpanechnikovMemory(2.0),
        make_pipeline(StandardScaler().set_output(transform=library), EpanechnikovMemory(1.0)),
    ):
        expected = scorer(clone(model).fit(X), FRESH)
        assert scorer(model.fit(frame), fresh) == pytest.approx(expected, rel=1e-12)


def test_frames_that_a_memory_makes_keep_their_names():
    memory = EpanechnikovMemory(2.0).set_output(transform="pandas")
    model = make_pipeline(memory, StandardScaler(), EpanechnikovMemory(1.0))
    plain = make_pipeline(EpanechnikovMemory(2.0), StandardScaler(), EpanechnikovMemory(1.0))
    for scorer in SCORERS[:3]:
        assert scorer(model.fit(X), FRESH) == scorer(plain.fit(X), FRESH)
    chosen = ColumnTransformer([("some", StandardScaler(), ["a", "c"])])
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(60) * 7)
    model = make_pipeline(chosen, EpanechnikovMemory(1.0)).fit(frame)
    expected = recall_scorer(noise=0.5)(model, frame)
    states = model.transform(pd.DataFrame(corrupt(X, noise=0.5, random_state=0), columns=[*"abcd"]))
    found = recall(states, model.transform(frame), chosen.transform(frame))
    assert expected == pytest.approx(found, rel=1e-12)


@every_scorer
def test_scoring_changes_nothing(scorer):
    memory, rows = EpanechnikovMemory(1.5).fit(X), FRESH.copy()
    rows.flags.writeable = False
    before = pickle.dumps(memory)
    first = scorer(memory, rows)
    assert scorer(memory, rows) == first
    assert scorer(memory, rows.tolist()) == first
    assert scorer(memory, np.asfortranarray(rows)) == first
    assert pickle.dumps(memory) == before
    np.testing.assert_array_equal(rows, FRESH)


@every_scorer
def test_scorers_want_a_fitted_estimator_and_finite_rows(scorer):
    with pytest.raises(NotFittedError):
        scorer(EpanechnikovMemory(), FRESH)
    memory = EpanechnikovMemory(1.0).fit(X)
    with pytest.raises(ValueError, match="X contains NaN"):
        scorer(memory, np.where(FRESH > 9, np.nan, FRESH))
    with pytest.raises(ValueError, match="features"):
        scorer(memory, FRESH[:, :2])
    with pytest.raises(ValueError, match="0 sample"):
        scorer(memory, FRESH[:0])


class OnlyFits(BaseEstimator):
    """An estimator without answers."""


class Rounded(TransformerMixin, BaseEstimator):
    """A transformer that is no memory and says nothing of gaps."""

    def transform(self, rows):
        return np.rint(rows)


def test_estimators_that_cannot_be_scored_are_named():
    for scorer in (recall_scorer(noise=1.0), coverage_scorer()):
        with pytest.raises(TypeError, match=r"has '\w+', got OnlyFits\(\)"):
            scorer(OnlyFits(), FRESH)
    with pytest.raises(TypeError, match=r"has 'transform', got KernelDensity\(\)"):
        recall_scorer(noise=1.0)(make_pipeline(StandardScaler(), KernelDensity()).fit(X), FRESH)
    with pytest.raises(TypeError, match="has 'score_samples', got"):
        coverage_scorer()(KMeans(2).fit(X), FRESH)
    for other in (KMeans(2), RandomFeatureMemory(9.0), PCA(2)):
        for estimator in (other, make_pipeline(StandardScaler(), other)):
            with pytest.raises(TypeError, match="memory must be a fitted kernel memory, got an ob"):
                robust_log_likelihood_scorer()(estimator.fit(X), FRESH)
    with pytest.raises(TypeError, match="memory must be a fitted kernel memory, got an ob"):
        robust_log_likelihood_scorer()(make_pipeline("passthrough"), FRESH)


def test_any_transformer_has_a_recall():
    found = recall_scorer(noise=0.5)(Rounded(), FRESH)
    assert found == pytest.approx(share(np.rint(damaged(noise=0.5)), np.rint(FRESH)), rel=1e-12)
    found = recall_scorer(noise=0.5)(make_pipeline("passthrough"), FRESH)
    assert found == pytest.approx(share(damaged(noise=0.5), FRESH), rel=1e-12)
    sparse = FunctionTransformer(lambda rows: rows)  # and one that forgets frames
    assert recall_scorer(noise=0.5)(sparse.fit(X), FRESH) == pytest.approx(found, rel=1e-12)
    constant = SimpleImputer(strategy="constant", fill_value=0.0).fit(X)
    gaps = np.nan_to_num(damaged(missing=0.5))
    found = recall_scorer(missing=0.5)(constant, FRESH)
    assert found == pytest.approx(share(gaps, FRESH), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (recall_scorer, {}, "noise, missing and flip are all 0"),
        (recall_scorer, {"noise": -0.1}, "noise must be a float in the range"),
        (recall_scorer, {"noise": np.nan}, "noise must be"),
        (recall_scorer, {"noise": True}, "noise must be"),
        (recall_scorer, {"missing": 1.1}, "missing must be a float in the range"),
        (recall_scorer, {"flip": "some"}, "flip must be a float in the range"),
        (recall_scorer, {"noise": 1.0, "random_state": "seed"}, "cannot be used to seed"),
        (coverage_scorer, {"enough": 0.0}, "enough must be a float in the range"),
        (coverage_scorer, {"enough": 1.5}, "enough must be"),
        (coverage_scorer, {"enough": True}, "enough must be"),
        (robust_log_likelihood_scorer, {"background": 0.0}, "background must be a float in the"),
        (robust_log_likelihood_scorer, {"background": 1.0}, "background must be"),
        (robust_log_likelihood_scorer, {"background": np.nan}, "background must be"),
        (robust_log_likelihood_scorer, {"background": True}, "background must be"),
    ],
)
def test_wrong_parameters_are_refused_when_the_scorer_is_made(make, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)


# --- what they choose -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:600]


@pytest.fixture(scope="module")
def searched(digits):
    """Return the bandwidth that each score chooses for digits, and that score."""
    scoring = {
        "recall": recall_scorer(noise=1.2),
        "coverage": coverage_scorer(),
        "enough": coverage_scorer(enough=0.5),
        "robust": robust_log_likelihood_scorer(),
        "likelihood": lambda memory, X, y=None: memory.score(X),
    }
    nearest = EpanechnikovMemory().fit(digits).bandwidth_
    grid = {"bandwidth": nearest * np.geomspace(0.4, 2.8, 13)}
    cv = KFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(EpanechnikovMemory(), grid, scoring=scoring, refit=False, cv=cv)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of likelihoods of -inf
        found = search.fit(digits).cv_results_
    means = {name: found[f"mean_test_{name}"] for name in scoring}
    chosen = {name: grid["bandwidth"][mean.argmax()] for name, mean in means.items()}
    return chosen, means


def states_of(digits, bandwidth):
    found = find_fixed_points(EpanechnikovMemory(bandwidth).fit(digits), 2000, random_state=0)
    return len(found), preserved_fraction(digits, bandwidth)


def test_likelihood_alone_chooses_a_collapse_and_the_other_scores_a_memory(digits, searched):
    chosen, _ = searched
    fixed, kept = states_of(digits, chosen["likelihood"])
    assert fixed < 100
    assert kept == 0.0
    for score in ("recall", "robust", "enough"):
        fixed, kept = states_of(digits, chosen[score])
        assert fixed > 100
        assert 0.15 < kept < 0.9  # neither merged nor the nearest neighbour


def test_the_optimum_of_each_score_lies_within_the_grid(searched):
    _, means = searched
    for score in ("recall", "robust"):
        assert 0 < means[score].argmax() < 12
        assert means[score].max() > max(means[score][0], means[score][-1])
    assert np.isfinite(means["robust"]).all()
    assert np.isneginf(means["likelihood"][: means["likelihood"].argmax()]).all()
    assert (np.diff(means["coverage"]) >= 0).all()
    assert means["coverage"][-1] == 1.0


def test_the_background_hardly_matters(digits):
    nearest, chosen = EpanechnikovMemory().fit(digits).bandwidth_, set()
    grid = {"bandwidth": nearest * np.geomspace(0.4, 2.8, 25)}
    for background in (0.9, 0.1, 1e-6):
        scorer = robust_log_likelihood_scorer(background=background)
        search = GridSearchCV(EpanechnikovMemory(), grid, scoring=scorer, cv=3).fit(digits)
        chosen.add(search.best_params_["bandwidth"])
    assert max(chosen) < 1.2 * min(chosen)
