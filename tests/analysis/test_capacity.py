"""Capacities against brute force over flips and prefixes, closed forms, and the issue's table."""

from functools import partial
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest
from cases import HOPFIELD_FAMILY, MEMORIES
from reference import gaussian_kernel, interaction
from scipy.stats import norm
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdam import (
    AttentionMemory,
    BinaryMemory,
    DenseMemoryClassifier,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    RandomFeatureMemory,
)
from skdam.analysis import capacity_curve, capacity_search, theoretical_capacity
from skdam.analysis._stability import are_stable
from skdam.bandwidths import preserved_fraction
from skdam.datasets import make_correlated_patterns, make_patterns
from skdam.dynamics import RetrievalResult

#: Every memory, with numbers for bandwidths, and random features few enough to be quick.
ALL = [
    *(clone(memory).set_params(bandwidth=2.0) for memory in MEMORIES if "raise" not in str(memory)),
    *HOPFIELD_FAMILY,
    RandomFeatureMemory(2.0, 256, max_iter=30, random_state=0),
]
every_memory = pytest.mark.parametrize("memory", ALL, ids=str)
INTERACTIONS = [
    *((name, degree) for name in ("power", "rectified") for degree in (2, 3, 5)),
    ("power", 30),
    ("rectified", 401),
    ("exponential", 1),
]


class Bucket(BaseEstimator):
    """A memory that holds up to `size` patterns, and no more; it keeps what it was given."""

    log: list  # of (stored rows, queries)

    def __init__(self, size=3):
        self.size = size

    def fit(self, X):
        self.memories_ = X
        return self

    def retrieve(self, X):
        Bucket.log.append((self.memories_, X))
        held = len(X) <= self.size
        index = np.where(held, np.arange(len(X)), -1)
        return RetrievalResult(X, index, index, index, index, index, lambda: None)


@pytest.fixture(autouse=True)
def _empty_log():
    Bucket.log = []


def normal(n_patterns, random_state, n_features=3):
    return np.random.RandomState(random_state).standard_normal((n_patterns, n_features))


# --- stable under single flips ----------------------------------------------------------------


def stable_by_flips(F, X):
    """Return whose energy every single flip raises: sums over memories of exact integers."""
    memories = [[int(v) for v in x] for x in X]

    def energy(state):
        return -sum(F(sum(map(int.__mul__, x, state))) for x in memories)

    def flips(state):
        return ([-v if i == j else v for j, v in enumerate(state)] for i in range(len(state)))

    return [all(energy(other) > energy(x) for other in flips(x)) for x in memories]


@pytest.mark.parametrize(("name", "degree"), INTERACTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 6), (5, 8), (9, 7), (25, 9)])
def test_product_form_equals_brute_force_over_flips(name, degree, shape):
    X = make_patterns(*shape, random_state=0)
    for rows in (X, np.vstack([X, -X[:2]]), X[[0, *range(len(X)), 0]]):
        memory = BinaryMemory(name, degree, beta=0.3, threshold=0).fit(rows)
        expected = stable_by_flips(interaction(name, degree, 0.3), rows)
        assert are_stable(memory, rows).tolist() == expected


@pytest.mark.parametrize(
    "memory",
    [BinaryMemory("power", 2, threshold=0), HopfieldMemory("hebbian", threshold=0)],
    ids=str,
)
def test_ties_and_not_only_lower_energies_make_a_pattern_unstable(memory):
    """Two patterns that differ in one bit: that bit is a tie, and retrieval stays."""
    X = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, -1.0]])
    memory.fit(X)
    np.testing.assert_array_equal(memory.transform(X), X)
    assert not are_stable(memory, X).any()


@pytest.mark.parametrize("rule", ["hebbian", "pseudo_inverse", "storkey"])
def test_hopfield_patterns_are_stable_if_all_fields_point_their_way(rule):
    for n_patterns in (1, 3, 6, 9):
        X = make_patterns(n_patterns, 16, random_state=n_patterns)
        memory = HopfieldMemory(rule, threshold=0).fit(X)
        aligned = X * np.array([[sum(row * x) for row in memory.couplings_] for x in X])
        expected = (aligned > 1e-9).all(axis=1)
        np.testing.assert_array_equal(are_stable(memory, X), expected)


def test_stability_does_not_depend_on_blocks_nor_on_the_update():
    X = make_patterns(1500, 20, random_state=0)
    results = [
        are_stable(BinaryMemory("power", 5, update=update, threshold=0).fit(rows), rows)
        for update in ("asynchronous", "synchronous")
        for rows in (X, X[::-1])
    ]
    assert 0 < results[0].mean() < 1
    for result, step in zip(results[1:], (-1, 1, -1), strict=True):
        np.testing.assert_array_equal(result, results[0][::step])


def test_a_thousand_patterns_are_checked_in_a_fifth_of_a_second():
    X = make_patterns(1000, 32, random_state=0)
    memory = BinaryMemory("power", 5, threshold=0).fit(X)
    times = []
    for _ in range(7):
        start = perf_counter()
        are_stable(memory, X)
        times.append(perf_counter() - start)
    assert min(times) < 0.2


# --- the search -------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", [1, 2, 3, 7, 8, 9, 20])
def test_search_ends_at_the_capacity_or_is_censored(pool):
    X = np.arange(pool)[:, None]
    for size in range(pool + 2):
        found = capacity_search(Bucket(size), X, random_state=0)
        assert found.capacity == min(size, pool)
        assert found.censored == (size >= pool)
        loads, shares = found.curve.T
        assert (np.diff(loads) > 0).all()
        np.testing.assert_array_equal(shares, loads <= size)
    assert repr(found) == f"Capacity(at least {pool})"


def test_prefixes_of_one_shuffled_pool_are_stored():
    X = np.arange(40.0)[:, None]
    capacity_search(Bucket(9), X, random_state=0)
    longest = max((rows for rows, _ in Bucket.log), key=len)
    assert [len(rows) for rows, _ in Bucket.log] == [1, 2, 4, 8, 16, 12, 10, 9]
    for rows, _ in Bucket.log:
        np.testing.assert_array_equal(rows, longest[: len(rows)])
    assert len(np.unique(longest)) == 16
    assert not np.array_equal(longest, X[:16])
    orders = set()
    for seed in range(5):
        Bucket.log = []
        capacity_search(Bucket(9), X, random_state=seed)
        orders.add(tuple(Bucket.log[4][0].ravel()))
    assert len(orders) == 5


def test_a_function_is_asked_for_more_rows_of_the_same_seed():
    asked = []

    def patterns(n_patterns, random_state):
        asked.append((n_patterns, random_state))
        return normal(n_patterns, random_state)

    found = capacity_search(Bucket(3000), patterns, random_state=0)
    assert (found.capacity, found.censored) == (3000, False)
    assert len({seed for _, seed in asked}) == 1
    sizes = [n for n, _ in asked]
    assert sizes == sorted(set(sizes))
    limited = capacity_search(Bucket(300), patterns, max_patterns=90, random_state=0)
    assert (limited.capacity, limited.censored) == (90, True)


def test_a_function_that_changes_its_rows_is_refused():
    with pytest.raises(ValueError, match="patterns must begin with the same rows"):
        capacity_search(Bucket(3000), lambda n, random_state: make_patterns(n, 60), random_state=0)
    with pytest.raises(ValueError, match="as many rows as asked for, 1000, got 5"):
        capacity_search(Bucket(3), lambda n, random_state: np.ones((5, 2)))


def test_criteria_ask_for_all_or_for_a_fraction():
    X = make_patterns(200, 30, random_state=0)
    memory, seed = BinaryMemory("power", 3, threshold=0, random_state=0), {"random_state": 0}
    curve = {}
    for criterion in ("all_stable", "fraction_stable", "recalled"):
        found = capacity_search(memory, X, criterion=criterion, **seed)
        curve[criterion] = dict(found.curve.tolist())
        least = 1.0 if criterion == "all_stable" else 0.95
        assert curve[criterion][found.capacity] >= least > curve[criterion][found.capacity + 1]
    wide = capacity_search(memory, X, criterion="fraction_stable", fraction=0.5, **seed).capacity
    assert wide > max(curve["all_stable"])


@pytest.mark.parametrize("is_function", [False, True])
@pytest.mark.parametrize("damage", [{"flip": 0.25}, {"flip": 0.12}, {"noise": 0.5}])
def test_damaged_queries_are_copies_of_the_stored_rows(is_function, damage):
    patterns = partial(make_patterns, n_features=20)
    options = {"criterion": "recalled", "corruption": damage, "random_state": 0}
    capacity_search(
        Bucket(1500), patterns if is_function else patterns(2500, random_state=0), **options
    )
    for rows, queries in Bucket.log:
        off = (rows != queries).sum(axis=1)
        assert set(off) <= ({5} if damage == {"flip": 0.25} else {2, 3, 20})
    rows, longest = max(Bucket.log, key=lambda pair: len(pair[0]))
    damaged = rows != longest if "flip" in damage else longest - rows
    assert not np.array_equal(damaged[:400], damaged[1000:1400])  # each thousand in its own way
    for _, queries in Bucket.log:  # the same whatever the load
        np.testing.assert_array_equal(queries, longest[: len(queries)])


@pytest.mark.parametrize("corruption", [None, {"flip": 0.12}, {"noise": 0.5}])
def test_a_load_is_measured_the_same_whatever_other_loads(corruption):
    def patterns(n, random_state):
        return np.random.RandomState(random_state).normal(size=(n, 6))

    for memory in (EpanechnikovMemory(), BinaryMemory(random_state=0)):
        alone, among = (
            capacity_curve(
                memory, patterns, loads, corruption=corruption, n_repeats=3, random_state=0
            )
            for loads in ([4], [4, 1200])
        )
        np.testing.assert_array_equal(among.stable[:1], alone.stable)
        np.testing.assert_array_equal(among.recalled[:1], alone.recalled)


def test_a_threshold_is_that_of_the_pool():
    X = np.random.default_rng(0).gamma(2.0, size=(60, 24))
    middle = X.min() / 2.0 + X.max() / 2.0
    by_rule, by_number = (
        capacity_search(BinaryMemory(threshold=t, random_state=0), X, random_state=0)
        for t in ("midrange", middle)
    )
    np.testing.assert_array_equal(by_rule.curve, by_number.curve)


def test_a_frozen_memory_stores_no_pool():
    frozen = FrozenEstimator(BinaryMemory().fit(make_patterns(3, 8, random_state=0)))
    with pytest.raises(TypeError, match="is frozen, and stores no patterns"):
        capacity_search(frozen, make_patterns(9, 8, random_state=0))


def test_noise_is_measured_in_the_deviations_of_the_pool():
    X = make_patterns(40, 20, random_state=0) * 100.0
    noise = {"criterion": "recalled", "corruption": {"noise": 0.1}, "random_state": 0}
    capacity_search(Bucket(1), X, **noise)
    rows, queries = Bucket.log[0]
    assert len(rows) == 1
    assert 3.0 < np.std(queries - rows) < 30.0


def test_gaps_are_completed_by_memories_that_know_how():
    X = normal(30, 0, 12)
    gaps = {"criterion": "recalled", "corruption": {"missing": 0.3}, "random_state": 0}
    assert capacity_search(EpanechnikovMemory(1.0), X, **gaps).capacity == 30
    with pytest.raises(TypeError, match="makes gaps, which a BinaryMemory does not complete"):
        capacity_search(BinaryMemory(), X, **gaps)


def test_single_precision_is_kept():
    for X in (make_patterns(9, 4).astype(np.float32), lambda n, random_state: np.ones((n, 2), "f")):
        capacity_search(Bucket(2), X, corruption={"flip": 0.5}, criterion="recalled")
        assert {a.dtype for pair in Bucket.log for a in pair} == {np.dtype(np.float32)}


def test_the_memory_is_left_as_it_is():
    memory = BinaryMemory(threshold=0)
    capacity_search(memory, make_patterns(20, 10), random_state=0)
    assert "memories_" not in vars(memory)
    assert memory.random_state is None


@pytest.mark.parametrize("criterion", ["all_stable", "recalled"])
def test_search_is_reproducible_whatever_the_memory_draws(criterion):
    X = make_patterns(60, 20, random_state=0)
    options = {"criterion": criterion}
    options |= {"corruption": {"flip": 0.2}} if criterion == "recalled" else {}
    memory = BinaryMemory("power", 3)
    before = np.random.get_state()[1].copy()
    first = capacity_search(memory, X, random_state=4, **options)
    again = capacity_search(memory, X, random_state=4, **options)
    np.testing.assert_array_equal(first.curve, again.curve)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# --- every memory -----------------------------------------------------------------------------


def held_by_definition(memory, X, queries):
    """Return which rows came back, by what the documentation says, for distinct rows."""
    fitted = clone(memory).fit(X)
    result = fitted.retrieve(queries)
    if not isinstance(memory, RandomFeatureMemory):
        return result.recalled == np.arange(len(X))
    pull = gaussian_kernel(result.state, X, 2.0)
    own = np.diag(pull) > pull.sum(axis=1) / np.sqrt(2)
    return own & (np.linalg.norm(result.state - X, axis=1) <= 1.0)


@pytest.mark.filterwarnings("ignore")
@every_memory
def test_curve_of_every_memory_is_that_of_the_definition(memory):
    seeds = []

    def patterns(n_patterns, random_state):
        seeds.append(random_state)
        return make_patterns(n_patterns, 16, random_state=random_state)

    curve = capacity_curve(memory, patterns, [5, 2, 5], n_repeats=2, random_state=0)
    assert curve.loads.tolist() == [2, 5]
    assert curve.stable.shape == curve.recalled.shape == (2, 2)
    for column, seed in enumerate(seeds):
        for row, load in enumerate(curve.loads):
            X = make_patterns(load, 16, random_state=seed)
            expected = held_by_definition(memory, X, X)
            assert curve.recalled[row, column] == expected.mean()
            if not isinstance(memory, BinaryMemory | HopfieldMemory):
                assert curve.stable[row, column] == expected.mean()


@every_memory
def test_capacity_of_every_memory_lies_within_the_pool(memory):
    found = capacity_search(memory, make_patterns(12, 16, random_state=0), random_state=0)
    assert 0 <= found.capacity <= 12
    assert found.censored == (found.capacity == 12)
    assert found.capacity >= 1 or "AttentionMemory(beta=0.1" in str(memory)


def test_copies_count_each_and_the_first_comes_back():
    X = make_patterns(6, 40, random_state=0)
    twice = X[[0, 1, 2, 0, 3, 4, 0, 5, 5]]
    for memory in (BinaryMemory(), EpanechnikovMemory(1.0), AttentionMemory(100.0)):
        curve = capacity_curve(memory, twice, [9], corruption={"flip": 0.05}, random_state=0)
        np.testing.assert_array_equal(curve.stable, 1.0)
        if not isinstance(memory, EpanechnikovMemory):
            np.testing.assert_array_equal(curve.recalled, 1.0)


def test_one_row_and_one_column():
    one = capacity_search(BinaryMemory("power", 3, threshold=0), [[1.0, -1.0, 1.0]])
    assert (one.capacity, one.censored) == (1, True)
    column = normal(50, 0, 1)
    found = capacity_search(EpanechnikovMemory(0.01), column, random_state=0)
    assert 1 < found.capacity < 50
    assert not found.censored


# --- kernel memories obey the closed form -----------------------------------------------------


@pytest.mark.parametrize("bandwidth", [0.3, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("n_features", [1, 3, 10])
def test_preserved_fraction_is_the_measured_one_exactly(n_features, bandwidth):
    seeds = []

    def patterns(n_patterns, random_state):
        seeds.append(random_state)
        return normal(n_patterns, random_state, n_features)

    loads, memory = [1, 2, 10, 50, 200], EpanechnikovMemory(bandwidth)
    curve = capacity_curve(memory, patterns, loads, n_repeats=3, random_state=0)
    own = list(dict.fromkeys(seeds))
    expected = [[preserved_fraction(patterns(n, seed), bandwidth) for seed in own] for n in loads]
    np.testing.assert_array_equal(curve.stable, expected)


@pytest.mark.parametrize("bandwidth", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_all_are_kept_until_two_patterns_come_within_the_bandwidth(seed, bandwidth):
    rows = []

    def patterns(n_patterns, random_state):
        rows.append(normal(n_patterns, random_state, 4))
        return rows[-1]

    found = capacity_search(EpanechnikovMemory(bandwidth), patterns, random_state=seed)
    X = rows[-1]
    distance = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    close = np.tril(distance <= bandwidth, -1).any(axis=1)  # to one that was stored before
    assert found.capacity == close.argmax()


# --- what the papers claim --------------------------------------------------------------------

TABLE = {2: (5.5, 4.9, 3.6), 3: (30.3, 20.2, 9.2), 5: (520.0, 171.0, 27.7)}


def mean_capacity(degree, n_trials, separation=0.5, correlation=0.0):
    memory = BinaryMemory("power", degree, threshold=0, random_state=0)
    patterns = partial(
        make_correlated_patterns, n_features=32, separation=separation, correlation=correlation
    )
    with threadpool_limits(1):  # small products, and other tests beside this one
        found = [capacity_search(memory, patterns, random_state=i) for i in range(n_trials)]
    assert not any(one.censored for one in found)
    return np.mean([one.capacity for one in found])


@pytest.mark.parametrize("degree", TABLE)
def test_capacity_at_half_separation_is_that_of_the_table(degree):
    measured = [mean_capacity(degree, 60, correlation=rho) for rho in (0.0, 0.5, 0.8)]
    np.testing.assert_allclose(measured, TABLE[degree], rtol=0.2)
    assert measured == sorted(measured, reverse=True)


def test_capacity_is_exponential_in_separation_and_faster_for_higher_degrees():
    separations, slopes = np.linspace(0.1, 0.5, 9), []
    for degree in (2, 3, 5):
        logs = np.log([mean_capacity(degree, 20, separation=s) for s in separations])
        assert np.corrcoef(separations, logs)[0, 1] ** 2 > 0.9
        slopes.append(np.polyfit(separations, logs, 1)[0])
    assert all(high > 1.5 * low for low, high in pairwise(slopes))


# --- curves -----------------------------------------------------------------------------------


def test_repeats_do_not_depend_on_the_number_of_jobs():
    options = {"corruption": {"flip": 0.1}, "n_repeats": 3, "random_state": 0}
    patterns = partial(make_patterns, n_features=30)
    one, two = (
        capacity_curve(BinaryMemory(), patterns, [5, 20, 60], n_jobs=n, **options) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.stable, two.stable)
    np.testing.assert_array_equal(one.recalled, two.recalled)
    assert repr(one) == "CapacityCurve(3 loads up to 60, 3 repeats)"


def test_repeats_differ_and_a_seed_repeats_them():
    X = make_patterns(120, 20, random_state=0)
    curves = [
        capacity_curve(BinaryMemory(), X, [60], n_repeats=4, random_state=seed).stable
        for seed in (0, 0, 1)
    ]
    assert len(np.unique(curves[0])) > 1
    np.testing.assert_array_equal(curves[0], curves[1])
    assert not np.array_equal(curves[0], curves[2])


# --- bad input --------------------------------------------------------------------------------

X = make_patterns(8, 5, random_state=0)
RECALLED = {"criterion": "recalled"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"criterion": "stable"}, "criterion must be a str among .*, got 'stable'"),
        ({"criterion": None}, "criterion must be"),
        ({"criterion": "recalled", "fraction": 0.0}, r"fraction must be in \(0, 1\], got 0.0"),
        ({"criterion": "fraction_stable", "fraction": 1.5}, "fraction must be"),
        ({**RECALLED, "corruption": 0.1}, "corruption must be None or a dict .*, got 0.1"),
        ({**RECALLED, "corruption": {"flip": 2.0}}, "flip must be"),
        ({**RECALLED, "corruption": {"flipp": 0.1}}, "corruption must be None or a dict of keyw"),
        ({"corruption": {"flip": 0.1}}, "which only criterion='recalled' asks, got criterion='all"),
        ({"fraction": 77}, "fraction must be"),
        ({"max_patterns": 0}, "max_patterns must be"),
        ({"random_state": "seed"}, "seed"),
    ],
)
def test_parameters_of_a_search_out_of_range_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        capacity_search(BinaryMemory(), X, **options)


@pytest.mark.parametrize("loads", [[], [0, 1], [1.5], [[1]], 3, [True], ["a"], [-2]])
def test_loads_that_are_no_positive_integers_are_refused(loads):
    with pytest.raises(ValueError, match="loads must be a list of integers >= 1, got"):
        capacity_curve(BinaryMemory(), X, loads)


def test_loads_beyond_the_pool_are_refused():
    with pytest.raises(ValueError, match="loads must not exceed the 8 patterns, got 9"):
        capacity_curve(BinaryMemory(), X, [2, 9])
    with pytest.raises(ValueError, match="n_repeats must be"):
        capacity_curve(BinaryMemory(), X, [2], n_repeats=0)


@pytest.mark.parametrize(
    "memory",
    [None, BinaryMemory, DenseMemoryClassifier(), make_pipeline(StandardScaler(), BinaryMemory())],
)
def test_what_is_no_memory_is_refused(memory):
    with pytest.raises(TypeError, match="memory must be an estimator"):
        capacity_search(memory, X)


@pytest.mark.parametrize("patterns", [np.empty((0, 3)), np.empty((3, 0)), np.ones(3), [[np.nan]]])
def test_pools_that_hold_no_patterns_are_refused(patterns):
    with pytest.raises(ValueError):
        capacity_search(BinaryMemory(), patterns)


@pytest.mark.filterwarnings("ignore:n_components=4096 features are too few")
@pytest.mark.parametrize(
    "memory", [EpanechnikovMemory(), GaussianMemory("scott"), RandomFeatureMemory(random_state=0)]
)
def test_a_rule_of_bandwidth_is_that_of_the_pool(memory):
    X = np.random.default_rng(0).normal(size=(60, 3))
    settled = clone(memory).set_params(bandwidth=clone(memory).fit(X).bandwidth_)
    by_rule, by_number = (capacity_search(m, X, random_state=0) for m in (memory, settled))
    assert by_rule.capacity == by_number.capacity < 60
    np.testing.assert_array_equal(by_rule.curve, by_number.curve)
    with pytest.raises(ValueError, match="1 sample"):
        capacity_search(memory, X[:1])


def test_a_rule_of_bandwidth_looks_at_the_first_thousand_of_a_function():
    seeds = []

    def patterns(n, random_state):
        seeds.append(random_state)
        return np.random.RandomState(random_state).normal(size=(n, 2))

    by_rule = capacity_search(EpanechnikovMemory(), patterns, random_state=0)
    bandwidth = EpanechnikovMemory().fit(patterns(1000, seeds[0])).bandwidth_
    by_number = capacity_search(EpanechnikovMemory(bandwidth), patterns, random_state=0)
    np.testing.assert_array_equal(by_rule.curve, by_number.curve)
    curve = capacity_curve(EpanechnikovMemory(), patterns, [1, 3], random_state=0)
    assert (curve.stable[0] == 1.0).all()


# --- theory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize(("n", "degree"), [(400, 2), (100, 3), (32, 5), (784, 30), (1, 2)])
@pytest.mark.parametrize("error", [0.005, 0.01, 0.2])
def test_theory_inverts_the_tail_of_the_normal_distribution(n, degree, error, rectified):
    K = theoretical_capacity(n, degree, error, rectified)
    log_double_factorial = np.log(np.arange(2 * degree - 3, 0, -2)).sum()
    log_snr = (degree - 1) * np.log(n) - np.log(K) - log_double_factorial + np.log(1 + rectified)
    assert norm.sf(np.exp(log_snr / 2)) == pytest.approx(error, rel=1e-10)


def test_theory_has_the_numbers_of_the_papers():
    rounded = [round(theoretical_capacity(*case)) for case in [(400, 2), (100, 3)]]
    assert rounded == [74, 616]
    rectified = [
        round(theoretical_capacity(*case, rectified=True)) for case in [(400, 2), (100, 3)]
    ]
    assert rectified == [148, 1232]
    assert theoretical_capacity(1000, 2, error=0.005) == pytest.approx(151, abs=0.5)
    assert theoretical_capacity(1000, 2, error=0.0036) == pytest.approx(138, abs=0.5)
    assert theoretical_capacity(10**6, 200) == np.inf


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_features": 0}, "n_features must be"),
        ({"degree": 1}, r"degree must be an int in the range \[2, inf\), got 1"),
        ({"degree": 2.5}, "degree must be"),
        ({"error": 0.0}, "error must be"),
        ({"error": 0.5}, r"error must be a float in the range \(0.0, 0.5\), got 0.5"),
        ({"error": np.nan}, "error must be"),
        ({"rectified": "yes"}, "rectified must be True or False, got 'yes'"),
    ],
)
def test_parameters_of_theory_out_of_range_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        theoretical_capacity(**({"n_features": 10, "degree": 3} | options))
