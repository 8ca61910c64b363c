"""Contracts of every weight rule, against loops over the papers' sums, rationals and optimality."""

import inspect
import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
from reference import exact
from sklearn.exceptions import ConvergenceWarning

from skdam.learning import (
    INCREMENTAL,
    RULES,
    delta,
    hebbian,
    perceptron,
    pseudo_inverse,
    storkey,
)

every_rule = pytest.mark.parametrize("name", RULES)
iterative = pytest.mark.parametrize("rule", [delta, perceptron])
incremental = pytest.mark.parametrize("name", sorted(INCREMENTAL))
over_seeds = pytest.mark.parametrize("seed", range(5))


def spins(n_memories, n_spins, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (n_memories, n_spins))


def dependent():
    """Return four distinct rows, the last of them the sum of two less the third."""
    X = spins(3, 12)
    X[2] = np.where(X[0] == X[1], X[0], X[2])
    return np.vstack([X, X[0] + X[1] - X[2]])


DATA = {
    "random": spins(5, 12),
    "many": spins(30, 12),
    "repeated": spins(4, 12)[[0, 1, 2, 3, 1, 1]],
    "opposite": np.vstack([spins(4, 12), -spins(2, 12)]),
    "dependent": dependent(),
    "single row": spins(1, 7),
    "single column": spins(3, 1),
    "two columns": spins(3, 2),
    "alike": np.where(np.eye(5, 16) > 0, -1.0, 1.0),
}
all_data = pytest.mark.parametrize("data", DATA)


def quiet(rule, *args, **kwargs):
    """Call a rule on memories that it may be unable to hold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return rule(*args, **kwargs)


def stable_fraction(X, W):
    return np.mean(np.all(X * (X @ W) > 0, axis=1))


# --- every rule -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.int64])
@all_data
@every_rule
def test_couplings_are_symmetric_float64_with_zero_diagonal(name, data, dtype):
    X = DATA[data].astype(dtype)
    W = quiet(RULES[name], X)
    assert W.dtype == np.float64
    assert W.shape == (X.shape[1], X.shape[1])
    assert np.isfinite(W).all()
    np.testing.assert_array_equal(W, W.T)
    np.testing.assert_array_equal(np.diag(W), 0.0)
    np.testing.assert_array_equal(W, quiet(RULES[name], DATA[data]))


@every_rule
def test_memories_are_left_as_they_were(name):
    X = spins(5, 12)
    kept = X.copy()
    RULES[name](X)
    np.testing.assert_array_equal(X, kept)


@every_rule
def test_every_rule_holds_a_few_memories_of_many_spins(name):
    X = spins(5, 100)
    assert stable_fraction(X, RULES[name](X)) == 1.0


@pytest.mark.parametrize("name", [name for name in RULES if name != "perceptron"])
def test_renaming_the_directions_of_spins_renames_the_couplings(name):
    X, flips = spins(5, 20), spins(1, 20, seed=1)[0]
    expected = flips[:, None] * RULES[name](X) * flips
    np.testing.assert_allclose(RULES[name](X * flips), expected, rtol=0, atol=1e-12)


def test_table_names_the_functions_and_those_that_go_on():
    assert {name: rule.__name__ for name, rule in RULES.items()} == {name: name for name in RULES}
    takes = {name for name in RULES if "couplings" in inspect.signature(RULES[name]).parameters}
    assert takes == INCREMENTAL


@incremental
def test_going_on_equals_learning_all_at_once(name):
    rule = RULES[name]
    for n_spins in (16, 64):
        X = spins(12, n_spins)
        first = rule(X[:5])
        kept = first.copy()
        np.testing.assert_array_equal(rule(X[5:], first), rule(X))
        np.testing.assert_array_equal(first, kept)
    X = spins(12, 50)
    np.testing.assert_allclose(rule(X[5:], rule(X[:5])), rule(X), rtol=0, atol=1e-15)


def test_storkey_goes_on_exactly_whatever_the_number_of_spins():
    X = spins(12, 51)
    np.testing.assert_array_equal(storkey(X[5:], storkey(X[:5])), storkey(X))


# --- Hebb -------------------------------------------------------------------------------------


@all_data
def test_hebbian_is_the_mean_product_of_spins(data):
    X = DATA[data]
    n_spins = X.shape[1]
    expected = np.zeros((n_spins, n_spins))
    for i, j in itertools.permutations(range(n_spins), 2):
        expected[i, j] = sum(xi[i] * xi[j] for xi in X) / n_spins
    np.testing.assert_array_equal(hebbian(X), expected)


# --- pseudo-inverse ---------------------------------------------------------------------------


def projection(X):
    """Return the projection onto the span by Gram-Schmidt, exactly."""
    basis = []
    for row in X:
        rest = exact(row)
        for b in basis:
            share = sum(map(Fraction.__mul__, rest, b)) / sum(v * v for v in b)
            rest = [v - share * w for v, w in zip(rest, b, strict=True)]
        if any(rest):
            basis.append(rest)
    scaled = [(b, sum(v * v for v in b)) for b in basis]
    span = range(X.shape[1])
    return np.array([[float(sum(b[i] * b[j] / s for b, s in scaled)) for j in span] for i in span])


@all_data
def test_pseudo_inverse_is_the_exact_projection_off_the_diagonal(data):
    P = projection(DATA[data])
    expected = P - np.diag(np.diag(P))
    np.testing.assert_allclose(pseudo_inverse(DATA[data]), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_memories", [10, 50, 90])
@over_seeds
def test_memories_are_fixed_points_of_the_projection(n_memories, seed):
    X = spins(n_memories, 100, seed)
    W = pseudo_inverse(X)
    lost = X * (X - X @ W)  # P_ii, the same for all memories
    np.testing.assert_allclose(lost, np.tile(lost[0], (n_memories, 1)), rtol=0, atol=1e-12)
    assert lost[0].sum() == pytest.approx(n_memories, abs=1e-10)
    np.testing.assert_allclose(X @ (W + np.diag(lost[0])), X, rtol=0, atol=1e-12)
    assert stable_fraction(X, W) == 1.0


def test_pseudo_inverse_sees_the_span_alone():
    X = dependent()
    for same in (X[:3], X[::-1], np.vstack([X, -X, X])):
        np.testing.assert_allclose(pseudo_inverse(same), pseudo_inverse(X), rtol=0, atol=1e-14)


def test_pseudo_inverse_holds_nothing_once_the_span_is_everything():
    np.testing.assert_allclose(pseudo_inverse(spins(200, 100)), 0.0, atol=1e-13)


# --- Storkey ----------------------------------------------------------------------------------


def storkey_by_sums(X):
    """Transcribe Storkey 1997: every local field is its own sum."""
    n_spins = X.shape[1]
    w = np.zeros((n_spins, n_spins))
    for xi in X:
        h = np.zeros_like(w)
        for i, j in itertools.product(range(n_spins), repeat=2):
            h[i, j] = sum(w[i, k] * xi[k] for k in range(n_spins) if k not in (i, j))
        w = w.copy()
        for i, j in itertools.permutations(range(n_spins), 2):
            w[i, j] += (xi[i] * xi[j] - xi[i] * h[j, i] - h[i, j] * xi[j]) / n_spins
    return w


@all_data
def test_storkey_equals_the_sums_of_the_paper(data):
    X = DATA[data]
    expected = storkey_by_sums(X)
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(storkey(X), expected, rtol=0, atol=1e-12 * size)


@over_seeds
def test_storkey_holds_more_than_hebbian(seed):
    X = spins(20, 100, seed)
    assert stable_fraction(X, storkey(X)) > stable_fraction(X, hebbian(X)) + 0.2


# --- delta and perceptron ---------------------------------------------------------------------


@iterative
def test_iterative_rules_see_the_set_of_memories_alone(rule):
    X = spins(20, 50)
    expected = rule(X)
    for same in (X[::-1], X[[3, *range(20), 3, 5]], X * spins(20, 1, seed=1), np.vstack([X, -X])):
        np.testing.assert_array_equal(rule(same), expected)


@iterative
def test_unstable_bits_are_counted_in_a_warning(rule):
    X = spins(60, 40)
    with pytest.warns(ConvergenceWarning) as told:
        W = rule(X, max_iter=3)
    (warning,) = told
    level = 0.5 * np.sqrt(np.sum(W**2) / 40) if rule is perceptron else 0.0
    gain = X * (X @ W)
    short = ~(gain > level)
    n_bits, n_memories = np.sum(short), np.sum(np.any(short, axis=1))
    assert n_bits > n_memories > 0
    assert "max_iter=3 sweeps" in str(warning.message)
    assert f" {n_bits} bits of {n_memories} of 60 memories are not stable" in str(warning.message)
    assert "Raise max_iter" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("max_iter", [0, -1, 2.5, None])
@iterative
def test_a_number_of_sweeps_that_is_no_count_is_refused(rule, max_iter):
    with pytest.raises(ValueError, match="max_iter must be"):
        rule(spins(2, 5), max_iter=max_iter)


@iterative
def test_more_sweeps_than_needed_change_nothing(rule):
    X = spins(20, 100)
    np.testing.assert_array_equal(rule(X, max_iter=10**6), rule(X))


# --- delta ------------------------------------------------------------------------------------


def least_squares(X):
    """Return the smallest symmetric couplings of least error, a number for each pair of spins."""
    n_memories, n_spins = X.shape
    pairs = list(itertools.combinations(range(n_spins), 2))
    fields = np.zeros((n_memories, n_spins, len(pairs)))
    for column, (i, j) in enumerate(pairs):
        fields[:, i, column], fields[:, j, column] = X[:, j], X[:, i]
    found = np.linalg.lstsq(fields.reshape(-1, len(pairs)), X.ravel(), rcond=None)[0]
    W = np.zeros((n_spins, n_spins))
    W[tuple(np.transpose(pairs))] = found
    return W + W.T


@pytest.mark.parametrize("n_memories", [1, 3, 5, 9, 20])
def test_delta_ends_at_the_smallest_couplings_of_least_error(n_memories):
    X = spins(n_memories, 12)
    W = quiet(delta, X, tol=1e-11, max_iter=20_000)
    np.testing.assert_allclose(W, least_squares(X), rtol=0, atol=1e-9)


@over_seeds
def test_fields_under_delta_are_the_memories(seed):
    X = spins(50, 100, seed)
    W = delta(X)
    assert np.abs(X - X @ W).max() <= 1e-2
    assert np.abs(X - X @ delta(X, tol=1e-5, max_iter=10_000)).max() <= 1e-5


@pytest.mark.parametrize("data", ["random", "many", "dependent", "alike"])
def test_errors_of_delta_never_rise(data):
    X = DATA[data]
    X = np.unique(X * X[:, :1], axis=0)
    runs = [quiet(delta, X, max_iter=n, tol=1e-9) for n in range(1, 60)]
    squares = [np.sum(X**2), *(np.sum((X - X @ W) ** 2) for W in runs)]
    assert np.all(np.diff(squares) <= 1e-12 * squares[0])
    assert squares[1] < squares[0]


def test_first_sweep_of_delta_is_hebbian_to_scale():
    X = spins(6, 16)
    W = quiet(delta, X, max_iter=1)
    scale = 16 / np.linalg.eigvalsh(X @ X.T)[-1]
    np.testing.assert_allclose(W, scale * hebbian(X), rtol=0, atol=1e-15)


@over_seeds
def test_random_memories_fit_as_long_as_pairs_outnumber_the_conditions(seed):
    for n_memories in (13, 14, 15, 16):  # (N - K)(N - K + 1) >= 2 N up to 14
        X = spins(n_memories, 20, seed)
        error = np.abs(X - X @ least_squares(X)).max()
        assert (error < 1e-10) == (n_memories <= 14)


# --- perceptron -------------------------------------------------------------------------------


def perceptron_in_rationals(X, margin):
    """Transcribe Gardner's algorithm with both ways, memory after memory, exactly."""
    memories = sorted({tuple(exact(row * row[0])) for row in X})
    n_spins, span = X.shape[1], range(X.shape[1])
    w = [[Fraction()] * n_spins for _ in span]
    clean = False
    while not clean:
        clean = True
        for xi in memories:
            limit = margin**2 * sum(v * v for row in w for v in row) / n_spins
            gain = [xi[i] * sum(w[i][j] * xi[j] for j in span) for i in span]
            epsilon = [not (g > 0 and g * g > limit) for g in gain]
            clean &= not any(epsilon)
            for i, j in itertools.permutations(span, 2):
                w[i][j] += (epsilon[i] + epsilon[j]) * xi[i] * xi[j] / n_spins
    return np.array(w, dtype=float)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.6])
@over_seeds
def test_perceptron_equals_rational_arithmetic(margin, seed):
    X = spins(5, 16, seed)  # N a power of two: no coupling is rounded
    expected = perceptron_in_rationals(X, Fraction(margin))
    np.testing.assert_array_equal(perceptron(X, margin=margin), expected)


@pytest.mark.parametrize("margin", [0.0, 0.25, 0.5, 0.75])
@over_seeds
def test_all_memories_are_held_with_the_margin(margin, seed):
    X = spins(50, 100, seed)
    W = perceptron(X, margin=margin)
    assert np.min(X * (X @ W)) > (1 - 1e-12) * margin * np.sqrt(np.sum(W**2) / 100)
    assert stable_fraction(X, W) == 1.0


def test_a_last_sweep_that_corrects_everything_is_enough():
    X = spins(1, 20)
    np.testing.assert_array_equal(perceptron(X, max_iter=1), perceptron(X))


def test_a_margin_beyond_reach_is_told():
    with pytest.warns(ConvergenceWarning, match="60 of 60 memories are not stable with margin=9 "):
        perceptron(spins(60, 40), margin=9.0, max_iter=5)


@pytest.mark.parametrize("margin", [-1e-9, np.nan])
def test_a_margin_that_asks_for_less_than_stability_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin must be at least 0, got {margin}"):
        perceptron(spins(2, 5), margin=margin)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_a_lone_spin_cannot_be_held(margin):
    with pytest.warns(ConvergenceWarning, match="1 bits of 1 of 1 memories"):
        assert perceptron(np.ones((3, 1)), margin=margin) == 0.0


def test_a_bit_whose_axis_is_held_whole_has_no_couplings_in_any_order():
    """Rounding left some, which told bits that were tied where to go."""
    X = np.array([[1, 1, 1, -1, -1], [1, -1, 1, 1, -1], [-1, 1, 1, -1, -1], [-1, 1, -1, -1, -1]])
    for order in itertools.permutations(range(5)):
        W = np.abs(pseudo_inverse(X[[0, 1, 2, 3, 3]][:, order]))
        assert ((W == 0.0) | np.isclose(W, 0.5)).all()
        assert (W > 0.0).sum() == 2
