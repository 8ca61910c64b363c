"""What is flagged, and how rarely what is not novel is."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import skops.io
from cases import KERNEL_MEMORIES, SCENES
from mpmath import mp
from reference import integral, log_density
from scipy.integrate import quad
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, MemoryNoveltyDetector
from skdam._math import LOWEST
from skdam.bandwidths import leave_one_out_log_likelihood
from skdam.kernels import KERNELS, CompactKernel, PowerKernel, UnboundedKernel
from skdam.tasks._novelty import _weighted_quantile, find_rows

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
COMPACT = [name for name in KERNEL_MEMORIES if name != "gaussian"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
QUERIES = np.concatenate([X[:10] + 0.2 * RNG.normal(size=(10, 3)), 5 * RNG.normal(size=(10, 3))])
METHODS = "score_samples", "decision_function", "predict"


def fitted(rows=X, memory=None, sample_weight=None, **parameters):
    return MemoryNoveltyDetector(memory, **parameters).fit(rows, sample_weight=sample_weight)


def expected_score(name, memories, weights, bandwidth, x):
    """Return the mixture, by its definition, to fifty digits."""
    p = log_density(name, memories, weights, bandwidth, x)
    if name == "gaussian":
        return float(p)
    # E z_1^2 = (1/D) int |z|^2 k / int k, and by spheres int |z|^2 k over R^D is D / (2 pi) times
    # that of k over R^(D + 2)
    n_features = len(x)
    variance = integral(name, n_features + 2) / integral(name, n_features) / (2 * mp.pi)
    deviation = mp.mpf(float(bandwidth)) * mp.sqrt(variance)
    g = log_density("gaussian", memories, weights, float(deviation), x)
    return float(mp.log(mp.mpf("0.99") * mp.exp(p) + mp.mpf("0.01") * mp.exp(g)))


# --- the score ----------------------------------------------------------------------------------


@every_kernel
@pytest.mark.parametrize("n_features", [1, 2, 7])
def test_score_is_the_log_of_the_mixture(name, n_features):
    rng = np.random.default_rng(n_features)
    rows, weights = rng.normal(size=(8, n_features)), rng.uniform(0.1, 3.0, 8)
    queries = np.concatenate([rows[:3] + 0.1, rows[:3] * 9 + 1])
    detector = fitted(rows, KERNEL_MEMORIES[name](bandwidth=1.3), weights)
    expected = [expected_score(name, rows, weights, 1.3, x) for x in queries]
    np.testing.assert_allclose(detector.score_samples(queries), expected, rtol=1e-11)


@every_kernel
def test_a_stored_row_is_scored_by_the_others_alone(name):
    rows = np.concatenate([X[:8], X[:2]])  # two of them twice
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 10)
    detector = fitted(rows, KERNEL_MEMORIES[name](bandwidth=1.3), weights)
    others = [(rows != row).any(axis=1) for row in rows]
    expected = [
        expected_score(name, rows[keep], weights[keep], 1.3, row)
        for keep, row in zip(others, rows, strict=True)
    ]
    np.testing.assert_allclose(detector.training_scores_, expected, rtol=1e-11)
    np.testing.assert_array_equal(detector.score_samples(rows), detector.training_scores_)
    np.testing.assert_array_equal(detector.score_samples(rows[3:4]), detector.training_scores_[3])


@every_kernel
def test_training_scores_are_those_of_detectors_that_never_saw_the_row(name):
    memory = KERNEL_MEMORIES[name](bandwidth=1.0)
    scores = fitted(X, memory).training_scores_
    for i in range(len(X)):
        other = fitted(np.delete(X, i, axis=0), memory)
        assert other.score_samples(X[i : i + 1])[0] == pytest.approx(scores[i], rel=1e-11)


def test_only_the_exact_values_of_a_stored_row_are_known():
    detector = fitted(X, EpanechnikovMemory(1.0))
    beside = np.nextafter(X, np.inf)
    own = np.log(0.99 * np.exp(detector.memory_.score_samples(beside)))
    assert (detector.score_samples(beside) >= own).all()
    assert (detector.score_samples(X) < detector.score_samples(beside)).all()
    zeros = fitted([[0.0, 1.0], [1.0, 1.0], [2.0, 5.0]])
    np.testing.assert_array_equal(zeros.score_samples([[-0.0, 1.0]]), zeros.training_scores_[:1])


@pytest.mark.parametrize("seed", range(20))
def test_find_rows_finds_what_is_there(seed):
    rng = np.random.default_rng(seed)
    size, high = (rng.integers(1, 40), rng.integers(1, 4)), rng.integers(1, 5)
    rows = np.unique(rng.integers(-high, high + 1, size).astype(float), axis=0)
    queries = rng.integers(-high, high + 1, (600, size[1])).astype(float) * rng.choice([-1.0, 1.0])
    queries[rng.random(600) < 0.1] += 0.5
    equal = (queries[:, None] == rows).all(axis=2)
    expected = np.where(equal.any(axis=1), equal.argmax(axis=1), -1)
    np.testing.assert_array_equal(find_rows(rows, queries), expected)


@pytest.mark.parametrize("name", COMPACT)
def test_score_is_a_log_density(name):
    detector = fitted([[0.0], [0.7], [3.0]], KERNEL_MEMORIES[name](bandwidth=1.0), [1, 2, 1])
    rims = sorted(m + s for m in (0.0, 0.7, 3.0) for s in (-1, 0, 1))

    def density(x):
        return np.exp(detector.score_samples([[x]])[0])

    ends = [-20.0, *rims, 30.0]
    total = sum(quad(density, low, high)[0] for low, high in pairwise(ends))
    assert total == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("name", COMPACT)
@pytest.mark.parametrize("n_features", [1, 3, 64])
def test_the_tail_leaves_the_covariance_as_it_is(name, n_features):
    apart = np.zeros((2, n_features))
    apart[1] = 1e3
    detector = fitted(apart, KERNEL_MEMORIES[name](bandwidth=1.0))
    off = np.zeros((2, n_features))
    off[:, 0] = 2.0, 3.0  # g is alone there: its fall by (9 - 4) / (2 v) gives its variance v
    variance = 2.5 / np.subtract(*detector.score_samples(off))
    drawn = KERNELS[name].sample_u(np.random.RandomState(0), n_features, 200_000)
    assert variance * n_features == pytest.approx(drawn.mean(), rel=0.01)


@pytest.mark.parametrize("name", COMPACT)
def test_score_has_no_jump_at_a_rim(name):
    detector = fitted([[0.0], [9.0]], KERNEL_MEMORIES[name](bandwidth=1.0))
    gaps = 2.0 ** -np.arange(20, 50, 5)
    inside, outside = (detector.score_samples((1.0 + s * gaps)[:, None]) for s in (-1, 1))
    assert np.isneginf(detector.memory_.score_samples([[1.0]]))
    rim = detector.score_samples([[1.0]])
    bound = 1e4 * gaps
    assert (np.abs(inside - rim) < bound).all()
    assert (np.abs(outside - rim) < bound).all()


@every_kernel
def test_far_away_the_nearest_memory_decides(name):
    detector = fitted(X, KERNEL_MEMORIES[name](bandwidth=0.5))
    far = 30 * np.random.default_rng(2).normal(size=(200, 3))
    distance = NearestNeighbors(n_neighbors=1).fit(X).kneighbors(far)[0][:, 0]
    order = np.argsort(distance)
    clear = np.diff(distance[order]) > 1e-2
    assert (np.diff(detector.score_samples(far[order]))[clear] < 0).all()


def test_kernels_without_an_end_need_no_tail():
    detector = fitted(X, GaussianMemory(0.7))
    np.testing.assert_array_equal(
        detector.score_samples(QUERIES), detector.memory_.score_samples(QUERIES)
    )
    np.testing.assert_array_equal(
        detector.training_scores_, leave_one_out_log_likelihood(detector.memory_)
    )


@every_kernel
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_scores_are_finite_everywhere(name, scene):
    rows = np.concatenate([scene.memories, scene.memories[:1] + scene.bandwidth])
    detector = fitted(rows, KERNEL_MEMORIES[name](bandwidth=scene.bandwidth))
    far = np.repeat(scene.queries[:1].astype(float) * 0, 4, axis=0)
    far += np.array([1e200, -1e200, 1.7e308, -1.7e308])[:, None]
    queries = np.concatenate([scene.queries.astype(float), far, rows])
    for method in METHODS[:2]:
        assert np.isfinite(getattr(detector, method)(queries)).all()
    assert np.isfinite(detector.training_scores_).all()
    assert np.isfinite(detector.offset_)
    if 1e-10 < scene.bandwidth < 1e10:
        start = len(scene.queries)
        np.testing.assert_array_equal(detector.score_samples(queries)[start : start + 4], LOWEST)
        np.testing.assert_array_equal(detector.predict(queries)[start : start + 4], -1)


def test_rows_too_far_from_each_other_to_be_squared_have_the_lowest_score():
    detector = fitted([[0.0], [1.0], [1e200]], EpanechnikovMemory(2.0), alarm_rate=0.4)
    assert detector.training_scores_[2] == LOWEST
    assert detector.training_scores_[0] > -10
    assert detector.predict([[1e200], [0.5], [1e180]]).tolist() == [-1, 1, -1]
    lower = fitted([[0.0], [1.0], [1e200]], EpanechnikovMemory(2.0), alarm_rate=0.3)
    assert lower.offset_ == LOWEST
    assert lower.predict([[1e200], [0.5], [1e180]]).tolist() == [1, 1, 1]


# --- the limit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e-9, 0.05, 0.1, 0.3, 0.5])
def test_offset_is_a_quantile_of_the_training_scores(rate):
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    detector = fitted(X, sample_weight=weights, alarm_rate=rate)
    scores = np.repeat(detector.training_scores_, weights[weights > 0])
    limit = np.quantile(scores, rate, method="inverted_cdf")
    assert detector.offset_ == limit - 1e-9 * max(1.0, abs(limit))
    assert type(detector.offset_) is float
    assert np.mean(scores < detector.offset_) < rate <= np.mean(scores <= limit)


@pytest.mark.parametrize("unit", [1.0, 0.1, 1 / 3, 7e-5])
def test_a_share_that_is_met_exactly_is_met_in_any_unit_of_weight(unit):
    values = np.random.default_rng(0).permutation(60.0 * np.arange(60))
    for k in range(1, 31):
        assert _weighted_quantile(values, np.full(60, unit), k / 60) == 60.0 * (k - 1)


def test_prediction_is_the_sign_of_the_decision_and_the_limit_itself_is_no_alarm():
    detector = fitted(X, alarm_rate=0.2)
    scores = detector.score_samples(QUERIES)
    np.testing.assert_array_equal(detector.decision_function(QUERIES), scores - detector.offset_)
    np.testing.assert_array_equal(
        detector.predict(QUERIES), np.where(scores < detector.offset_, -1, 1)
    )
    assert (detector.predict(QUERIES) == -1).any()
    assert (detector.predict(QUERIES) == 1).any()
    assert detector.predict(X).dtype.kind == "i"
    detector.offset_ = scores[3]
    assert detector.predict(QUERIES)[3] == 1


@every_kernel
@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_of_rows_that_score_alike_none_is_flagged_for_its_rounding(name, rate):
    corners = (np.arange(64)[:, None] >> np.arange(6)) % 2 / 10 + 0.3
    turn = np.linalg.qr(np.random.default_rng(8).normal(size=(6, 6)))[0]
    for rows in (np.eye(30), corners, corners @ turn):
        detector = fitted(rows, KERNEL_MEMORIES[name](), alarm_rate=rate)
        assert np.ptp(detector.training_scores_) <= 1e-11 * abs(detector.offset_)
        assert (detector.predict(rows) == 1).all()
    one_less = fitted(np.eye(30)[1:], KERNEL_MEMORIES[name](), alarm_rate=rate)
    assert one_less.predict(np.eye(30)[:1]) == [1]


@every_kernel
@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5])
def test_fit_predict_is_fit_then_predict_and_flags_less_than_the_rate(name, rate):
    detector = MemoryNoveltyDetector(KERNEL_MEMORIES[name](), alarm_rate=rate)
    found = detector.fit_predict(X)
    np.testing.assert_array_equal(found, clone(detector).fit(X).predict(X))
    np.testing.assert_array_equal(found < 0, detector.training_scores_ < detector.offset_)
    assert rate - 1 / len(X) <= np.mean(found < 0) < rate


def test_fit_predict_passes_weights_on():
    weights = np.arange(40.0)
    found = MemoryNoveltyDetector(alarm_rate=0.3).fit_predict(X, None, weights)
    expected = fitted(X, sample_weight=weights, alarm_rate=0.3).predict(X)
    np.testing.assert_array_equal(found, expected)
    assert (found != MemoryNoveltyDetector(alarm_rate=0.3).fit_predict(X)).any()


def halves(rows):
    return lambda rng: np.array_split(rng.permutation(rows), 2)


#: Name: (what one run learns and then judges, number of runs).
SOURCES = {
    "digits": (halves(load_digits().data), 6),
    "cancer": (halves(scale(load_breast_cancer().data)), 40),
    "wine": (halves(scale(load_wine().data)), 100),
    "heavy tails": (lambda rng: rng.standard_cauchy((2, 400, 3)), 10),
    "dice": (lambda rng: rng.integers(1, 7, (2, 400, 4)).astype(float), 20),
    "counts, mostly copies": (lambda rng: rng.poisson(3.0, (2, 400, 2)).astype(float), 20),
}


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("source", SOURCES)
def test_fresh_rows_are_flagged_at_the_rate(source, rate):
    draw, n_runs = SOURCES[source]
    shares = []
    for seed in range(n_runs):
        learned, fresh = draw(np.random.default_rng(seed))
        shares.append(np.mean(fitted(learned, alarm_rate=rate).predict(fresh) < 0))
    assert np.mean(shares) == pytest.approx(rate, abs=0.02)


def test_novel_digits_are_told_as_well_as_by_the_nearest_and_better_than_by_lof():
    digits, y = load_digits(return_X_y=True)
    found = {"memory": [], "gaussian": [], "nearest": [], "lof": []}
    for label in range(10):
        inlier = np.random.default_rng(label).permutation(np.flatnonzero(y != label))
        learned, judged = digits[inlier[::2]], np.r_[inlier[1::2], np.flatnonzero(y == label)]
        search = NearestNeighbors(n_neighbors=1).fit(learned)
        scores = {
            "memory": fitted(learned).score_samples(digits[judged]),
            "gaussian": fitted(learned, GaussianMemory()).score_samples(digits[judged]),
            "nearest": -search.kneighbors(digits[judged])[0][:, 0],
            "lof": LocalOutlierFactor(5, novelty=True).fit(learned).score_samples(digits[judged]),
        }
        for name, values in scores.items():
            found[name].append(roc_auc_score(y[judged] == label, -values))
    mean = {name: np.mean(values) for name, values in found.items()}
    for name in ("memory", "gaussian"):
        assert mean[name] >= mean["nearest"] - 0.002
        assert mean[name] >= mean["lof"] + 0.01


# --- laws ---------------------------------------------------------------------------------------


@every_kernel
def test_copies_are_weights_and_rows_without_weight_are_not_there(name):
    memory = KERNEL_MEMORIES[name](bandwidth=1.2)
    weights = np.random.default_rng(4).integers(0, 4, len(X))
    one = fitted(X, memory, weights, alarm_rate=0.2)
    two = fitted(np.repeat(X, weights, axis=0), memory, alarm_rate=0.2)
    assert one.offset_ == two.offset_
    for method in METHODS:
        np.testing.assert_array_equal(getattr(one, method)(QUERIES), getattr(two, method)(QUERIES))
    assert len(one.training_scores_) == np.sum(weights > 0)
    assert len(two.training_scores_) == weights.sum()


@every_kernel
@pytest.mark.parametrize("rule", ["nearest", "loo", 1.2])
def test_all_rows_twice_or_any_unit_of_weight_change_nothing(name, rule):
    memory = KERNEL_MEMORIES[name](bandwidth=rule)
    one = fitted(X, memory, alarm_rate=0.15)
    twice = fitted(np.concatenate([X, X]), memory, alarm_rate=0.15)
    scaled = fitted(X, memory, np.full(len(X), 0.3), alarm_rate=0.15)
    for other in (twice, scaled):
        assert other.offset_ == pytest.approx(one.offset_, rel=1e-6)
        np.testing.assert_array_equal(other.predict(QUERIES), one.predict(QUERIES))
        np.testing.assert_array_equal(other.predict(X), one.predict(X))


@every_kernel
def test_scores_follow_the_units_of_the_data(name):
    memory = KERNEL_MEMORIES[name]()
    one, two = fitted(X, memory), fitted(4 * X, memory)
    shift = 3 * np.log(4)
    np.testing.assert_allclose(
        two.score_samples(4 * QUERIES), one.score_samples(QUERIES) - shift, rtol=1e-12
    )
    assert two.offset_ == pytest.approx(one.offset_ - shift, rel=1e-8)
    np.testing.assert_array_equal(two.predict(4 * QUERIES), one.predict(QUERIES))


@every_kernel
def test_place_order_and_rotation_change_nothing(name):
    memory = KERNEL_MEMORIES[name](bandwidth=1.0)
    one = fitted(X, memory)
    order = np.random.default_rng(5).permutation(len(X))
    shuffled = fitted(X[order], memory)
    np.testing.assert_array_equal(shuffled.score_samples(QUERIES), one.score_samples(QUERIES))
    np.testing.assert_array_equal(shuffled.training_scores_, one.training_scores_[order])
    assert shuffled.offset_ == one.offset_
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0]
    moved = fitted(X @ turn + 3, memory)
    np.testing.assert_allclose(
        moved.score_samples(QUERIES @ turn + 3), one.score_samples(QUERIES), rtol=1e-9
    )


@every_kernel
@pytest.mark.parametrize("n_jobs", [2, 4])
def test_nothing_depends_on_threads_or_the_batch(name, n_jobs):
    rng = np.random.default_rng(7)
    rows, queries = rng.normal(size=(700, 5)), rng.normal(size=(900, 5))
    one = fitted(rows, KERNEL_MEMORIES[name]())
    many = fitted(rows, KERNEL_MEMORIES[name](n_jobs=n_jobs))
    np.testing.assert_allclose(many.training_scores_, one.training_scores_, rtol=1e-12)
    expected = one.score_samples(queries)
    np.testing.assert_allclose(many.score_samples(queries), expected, rtol=1e-12)
    alone = [one.score_samples(queries[i : i + 1])[0] for i in range(0, 900, 90)]
    np.testing.assert_allclose(alone, expected[::90], rtol=1e-12)
    mixed = np.concatenate([queries, rows])[np.arange(1600)[::-1]]
    both = np.concatenate([expected, one.training_scores_])[::-1]
    np.testing.assert_allclose(one.score_samples(mixed), both, rtol=1e-12)


def test_the_threads_of_the_memory_share_the_work(monkeypatch):
    split, shared = EpanechnikovMemory._split, []

    def watched(memory, work, n_rows):
        shared.append((memory.n_jobs, n_rows))
        return split(memory, work, n_rows)

    monkeypatch.setattr(EpanechnikovMemory, "_split", watched)
    fitted(X, EpanechnikovMemory(n_jobs=2)).predict(QUERIES)
    assert shared == [(2, len(X)), (2, len(QUERIES))]


def test_many_threads_score_alike_and_write_nothing():
    detector = fitted()
    before = dict(vars(detector))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(detector.score_samples, [QUERIES] * 16))
    for answer in answers:
        np.testing.assert_array_equal(answer, detector.score_samples(QUERIES))
    assert vars(detector) == before


def test_parameters_of_retrieval_do_not_matter():
    expected = fitted(X, EpanechnikovMemory(1.0)).score_samples(QUERIES)
    for other in (
        EpanechnikovMemory(1.0, outside="raise", max_iter=1),
        EpanechnikovMemory(1.0, outside="nan", epsilon=0.5),
        EpanechnikovMemory(1.0, dynamics="flow"),
        KernelMemory("epanechnikov", bandwidth=1.0, tol=0.5),
        *(EpanechnikovMemory(1.0, algorithm=back_end) for back_end in ("tree", "gemm", "cells")),
    ):
        np.testing.assert_allclose(fitted(X, other).score_samples(QUERIES), expected, rtol=1e-12)


# --- memories -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quartic(CompactKernel):
    """``k(u) = (1 - u)^4``."""

    is_flat = False

    def profile(self, u):
        return (1.0 - u) ** 4

    def slope(self, u):
        return 4.0 * (1.0 - u) ** 3

    def log_integral(self, n_features, power=1):
        return PowerKernel(4 * power).log_integral(n_features)

    def variance(self, n_features):
        return 1.0 / (n_features + 10)

    def sample_u(self, rng, n_features, size):
        return rng.beta(n_features / 2, 5, size)


@dataclass(frozen=True)
class Cauchy(UnboundedKernel):
    """``k(u) = 1 / (1 + u)^2`` in 3 dimensions: it has no variance."""

    is_flat = False
    curvature = 4.0

    def log_profile(self, u):
        return -2.0 * np.log1p(u)

    def log_slope(self, u):
        return np.log(2.0) - 3.0 * np.log1p(u)

    def log_integral(self, n_features, power=1):
        return 2.0 * np.log(np.pi)  # 4 pi int r^2 / (1 + r^2)^2 dr = pi^2

    def variance(self, n_features):
        return np.inf

    def sample_u(self, rng, n_features, size):
        raise AssertionError("not needed")


@pytest.mark.parametrize("kernel", [Quartic(), Cauchy()])
def test_any_kernel_will_do(kernel):
    detector = fitted(X, KernelMemory(kernel, bandwidth=1.0), alarm_rate=0.2)
    queries = np.concatenate([QUERIES, [[1e200] * 3, [1e9] * 3]])
    scores = detector.score_samples(queries)
    assert np.isfinite(scores).all()
    assert scores[-1] < scores[:-2].min()
    twin = fitted(X, KernelMemory(PowerKernel(4), bandwidth=1.0), alarm_rate=0.2)
    if isinstance(kernel, Quartic):
        np.testing.assert_allclose(twin.score_samples(queries), scores, rtol=1e-12)
    else:
        squares = ((QUERIES[:, None] - X) ** 2).sum(axis=2)
        sums = (1.0 / (1.0 + squares) ** 2).mean(axis=1) / np.pi**2
        np.testing.assert_allclose(scores[:-2], np.log(sums), rtol=1e-11)


def test_memory_is_cloned_and_none_is_the_default():
    memory = KernelMemory("cosine", bandwidth=1.0)
    detector = fitted(memory=memory)
    assert detector.memory is memory
    assert detector.memory_ is not memory
    with pytest.raises(NotFittedError):
        memory.transform(X)
    default = fitted()
    assert type(default.memory_) is EpanechnikovMemory
    assert default.memory_.bandwidth == "nearest"
    assert default.memory is None
    np.testing.assert_array_equal(default.memory_.memories_, X)


def test_a_search_reaches_the_memory():
    digits, y = load_digits(return_X_y=True)
    train = np.flatnonzero(y != 3)[::4]
    judged = np.r_[np.flatnonzero(y != 3)[1::16], np.flatnonzero(y == 3)[::4]]
    rows = digits[np.r_[train, judged]]
    truth = np.r_[np.ones(len(train)), np.where(y[judged] == 3, 0, 1)]
    fold = np.r_[np.full(len(train), -1), np.zeros(len(judged))]
    pipeline = make_pipeline(StandardScaler(), MemoryNoveltyDetector(EpanechnikovMemory()))
    search = GridSearchCV(
        pipeline,
        {"memorynoveltydetector__memory__bandwidth": ["nearest", 1e4]},
        scoring="roc_auc",
        cv=PredefinedSplit(fold),
        refit=False,
    ).fit(rows, truth)
    near, wide = search.cv_results_["mean_test_score"]
    assert near > 0.8
    assert near > wide


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0, 2.0]] * 3, [[0.0], [-0.0]]])
def test_a_single_distinct_row_has_no_other_to_be_compared_with(rows):
    detector = MemoryNoveltyDetector(EpanechnikovMemory(1.0))
    with pytest.raises(ValueError, match=r"at least 2 distinct rows.*got 1 sample"):
        detector.fit(rows)
    with pytest.raises(ValueError, match="1 sample"):
        MemoryNoveltyDetector().fit(rows)
    with pytest.raises(ValueError, match=r"of positive weight, got 1 sample"):
        detector.fit([[1.0], [2.0]], sample_weight=[1, 0])
    assert not hasattr(detector, "offset_")


def test_two_rows_will_do():
    detector = fitted([[0.0, 0.0], [1.0, 0.0]], alarm_rate=0.5)
    assert detector.training_scores_[0] == detector.training_scores_[1]
    assert detector.predict([[0.5, 0.1], [0.0, 0.0], [3.0, 0.0]]).tolist() == [1, 1, -1]


def test_one_column_and_constant_columns_are_fine():
    one = fitted(X[:, :1])
    assert one.predict([[X[:, 0].mean()], [99.0]]).tolist() == [1, -1]
    constant = np.column_stack([np.full(40, 7.0), X, np.zeros(40)])
    detector = fitted(constant)
    assert detector.memory_.bandwidth_ == fitted().memory_.bandwidth_
    assert np.isfinite(detector.training_scores_).all()
    off = constant[:5] + 0.01
    off[:, 0] += 50.0
    assert (detector.predict(off) == -1).all()


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64, bool])
def test_scores_are_float64_whatever_the_rows(kind):
    rows = (10 * np.maximum(X, 0)).astype(kind)
    detector = fitted(rows, EpanechnikovMemory(9.0))
    exact = fitted(rows.astype(np.float64), EpanechnikovMemory(9.0))
    for values in (detector.training_scores_, detector.score_samples((10 * QUERIES).astype(kind))):
        assert values.dtype == np.float64
    np.testing.assert_array_equal(detector.score_samples(QUERIES), exact.score_samples(QUERIES))
    np.testing.assert_array_equal(detector.score_samples(rows), exact.training_scores_)
    new = (10 * QUERIES).astype(kind)
    np.testing.assert_array_equal(
        detector.score_samples(new), exact.score_samples(new.astype(np.float64))
    )


def test_layout_changes_nothing_and_input_stays_as_it_was():
    expected = fitted().score_samples(QUERIES)
    frozen = X.copy()
    frozen.setflags(write=False)
    for rows in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist(), frozen):
        before = np.array(rows).tobytes()
        np.testing.assert_array_equal(fitted(rows).score_samples(QUERIES), expected)
        assert np.array(rows).tobytes() == before


def test_offsets_lose_nothing():
    one, far = (fitted(np.round(X * 64) / 64 + offset) for offset in (0.0, 1e8))
    queries = np.round(QUERIES * 64) / 64
    np.testing.assert_allclose(
        far.score_samples(queries + 1e8), one.score_samples(queries), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (np.where(X > 2, np.nan, X), ValueError, "X contains NaN"),
        ([[np.inf, 1.0, 2.0]], ValueError, "X contains infinity"),
        (np.empty((0, 3)), ValueError, r"0 sample\(s\)"),
        (np.empty((3, 0)), ValueError, r"0 feature\(s\)"),
        (X[0], ValueError, "Expected 2D array, got 1D"),
        (sp.csr_array(np.eye(3)), TypeError, r"\.toarray\(\)"),
        (np.ma.array(X, mask=X > 1), TypeError, "masked array with"),
        (np.full((3, 3), np.datetime64("2026-01-01")), TypeError, "X holds dates"),
        ([["a", "b", "c"]], ValueError, "could not convert string|dtype='numeric'"),
    ],
)
def test_wrong_rows_are_refused_and_leave_the_detector_as_it_was(rows, error, message):
    detector = fitted()
    before = dict(vars(detector))
    for method in ("fit", "fit_predict", *METHODS):
        with pytest.raises(error, match=message):
            getattr(detector, method)(rows)
    assert vars(detector) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        *(
            ({"alarm_rate": wrong}, r"'alarm_rate' .* in the range \(0.0, 0.5\]. Got ")
            for wrong in (0, 0.0, -0.1, 0.51, 1, np.nan, np.inf, "auto", None, True, [0.1])
        ),
        ({"memory": KMeans()}, "'memory' parameter of MemoryNoveltyDetector"),
        ({"memory": "nearest"}, "'memory' parameter of MemoryNoveltyDetector"),
        ({"memory": EpanechnikovMemory(-1.0)}, "'bandwidth' parameter of EpanechnikovMemory"),
    ],
)
def test_wrong_parameters_are_refused_and_leave_the_detector_as_it_was(parameters, message):
    detector = fitted()
    before = vars(detector.set_params(**parameters)).copy()
    with pytest.raises(ValueError, match=message):
        detector.fit(X[:5])
    assert vars(detector) == before


@pytest.mark.parametrize("weights", [np.full(40, -1.0), np.full(40, np.nan), np.ones(3)])
def test_wrong_weights_are_refused(weights):
    with pytest.raises(ValueError):
        fitted(X, sample_weight=weights)
    with pytest.raises(ValueError, match="must not be all zero"):
        fitted(X, sample_weight=np.zeros(40))


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_fit_changes_nothing(fault, monkeypatch):
    detector = fitted()
    before = dict(vars(detector))

    def fail(*_):
        raise fault

    monkeypatch.setattr("skdam.tasks._novelty._weighted_quantile", fail)
    with pytest.raises(fault):
        detector.fit(X[:9])
    assert vars(detector) == before


def test_an_unfitted_detector_says_so_and_another_width_is_refused():
    for method in METHODS:
        with pytest.raises(NotFittedError, match="MemoryNoveltyDetector instance is not fitted"):
            getattr(MemoryNoveltyDetector(), method)(X)
        with pytest.raises(ValueError, match="X has 2 features, but MemoryNoveltyDetector"):
            getattr(fitted(), method)(X[:, :2])


def test_names_of_columns_are_kept():
    frame = pd.DataFrame(X, columns=list("abc"))
    detector = fitted(frame)
    assert detector.feature_names_in_.tolist() == list("abc")
    assert detector.n_features_in_ == 3
    np.testing.assert_array_equal(detector.score_samples(frame), fitted().training_scores_)
    with pytest.raises(ValueError, match="feature names"):
        detector.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("carry", ["pickle", "skops"])
def test_a_carried_detector_says_the_same(carry):
    detector = fitted()
    if carry == "pickle":
        other = pickle.loads(pickle.dumps(detector))
    else:
        file = skops.io.dumps(detector)
        trusted = skops.io.get_untrusted_types(data=file)
        assert len(trusted) == 2  # the detector and its memory
        other = skops.io.loads(file, trusted=trusted)
    rows = np.concatenate([QUERIES, X])
    for method in METHODS:
        np.testing.assert_array_equal(getattr(other, method)(rows), getattr(detector, method)(rows))
