"""Parts of energies: rounded sums, units, bounds of rounding, and blocks that memory holds."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn import config_context

from skdam._math import Points
from skdam.energies import (
    SIMILARITIES,
    BinaryEnergy,
    KernelEnergy,
    LayeredEnergy,
    OverlapEnergy,
    QuadraticEnergy,
    VotingEnergy,
    directions,
)
from skdam.energies import _kernel as kernel_module
from skdam.energies import _voting as voting_module
from skdam.energies._binary import _rounded
from skdam.energies._layered import _beyond_rounding
from skdam.energies._similarities import _row_units
from skdam.energies._voting import slope
from skdam.kernels import KERNELS
from skdam.potentials import SEPARATIONS, Exponential, HalfSquare, LogSumExp, Power, Table

U = 2.0**-53


def signs(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=shape)


def sizes(blocks):
    return [block.stop - block.start for block in blocks]


def kernel_energy(memories, bandwidth, name="epanechnikov"):
    memories = np.array(memories)
    return KernelEnergy.of(memories, np.ones(len(memories)), KERNELS[name], bandwidth)


# --- binary -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interaction", [Power(5), Power(40), Exponential(0.7)], ids=repr)
def test_terms_are_multiples_of_two_to_the_minus_51_of_the_sum_of_their_magnitudes(interaction):
    tables, fields = interaction.tables(9), np.random.default_rng(0).integers(0, 10, (60, 6))
    pair = [tables.turn, tables.stay]
    rounded, _, exponent = _rounded(pair, fields)
    total = sum(np.abs(part).sum(axis=1) for part in rounded)
    assert all((part == np.rint(part)).all() for part in rounded)
    assert ((total == 0) | ((total > 2.0**50 - 12) & (total < 2.0**51 + 12))).all()
    for part, table in zip(rounded, pair, strict=True):
        exact = [[Fraction(m) for m in row] for row in table.mantissa[fields].tolist()]
        for row, terms, more, unit in zip(
            part, exact, table.exponent[fields].tolist(), exponent.tolist(), strict=True
        ):
            for found, mantissa, power in zip(row, terms, more, strict=True):
                assert abs(Fraction(found) - mantissa * Fraction(2) ** (power - unit)) <= 1


def test_a_tie_is_a_rounding_of_each_memory_one_more_and_what_tables_are_off():
    ones, none = np.array([0.5, 0.75]), np.zeros(2, dtype=int)
    tables = [Table(ones, none, 2.0**-47), Table(ones, none, 2.0**-49)]
    tie = _rounded(tables, np.array([[0, 1, 1], [0, 0, 0]]))[1]
    assert tie.tolist() == [[3 + 1 + 16.0]] * 2


def test_nothing_is_no_tie():
    table = Table(np.array([0.0, 0.5]), np.zeros(2, dtype=int), 0.0)
    (rounded,), tie, _ = _rounded([table], np.array([[0, 0], [0, 1]]))
    assert rounded.tolist() == [[0.0, 0.0], [0.0, 2.0**50]]
    assert tie.tolist() == [[0.0], [3.0]]


def test_a_state_beside_which_one_is_as_low_is_not_stable():
    energy = BinaryEnergy.of(np.array([[1, 1], [1, -1]]), Power(2))
    X = np.array([[1.0, 1.0], [-1.0, 1.0]])
    assert energy.value(X).tolist() == [-4.0, -4.0]
    assert not energy.is_stable(X).any()
    assert BinaryEnergy.of(np.array([[1, 1]]), Power(2)).is_stable(X).tolist() == [True, False]


def test_patterns_of_any_type_are_floats_bit_by_bit():
    spins = signs(3, 5)
    for some in (spins, spins.astype(np.int8), spins.astype(np.float32)):
        energy = BinaryEnergy.of(some, Power(3))
        assert (energy.by_bit.dtype, energy.spins.dtype) == (np.float64, np.int8)
        np.testing.assert_array_equal(energy.by_bit, spins.T)


def test_doubtful_bits_are_done_again_in_blocks_that_the_working_memory_holds():
    energy = BinaryEnergy.of(signs(5, 8), Power(2))
    with config_context(working_memory=10 * 40 * (5 + 2 * 8) / 2**20):
        assert sizes(energy._parts(25)) == [10, 10, 5]


def test_flags_of_the_caller_do_not_matter_to_energies_of_spins():
    X = np.concatenate([signs(9, 40), -np.ones((1, 40)), np.ones((1, 40))])
    for interaction in (Power(2), Power(300), Exponential(30.0)):
        energy = BinaryEnergy.of(np.where(np.arange(40) < [[40], [21]], 1.0, -1.0), interaction)
        expected = energy.value(X), energy.step(X)
        with np.errstate(all="raise"):
            found = energy.value(X), energy.step(X)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert found[0][-1] == -np.inf


# --- quadratic --------------------------------------------------------------------------------


def test_the_largest_row_of_couplings_fills_fifty_two_bits():
    rng = np.random.default_rng(0)
    half = np.triu(rng.normal(size=(40, 40)), 1)
    energy = QuadraticEnergy.of(half + half.T)
    assert 2.0**51 - 40 <= np.abs(energy.rounded).sum(axis=1).max() <= 2.0**52 + 40
    error = np.abs(energy.rounded * energy.unit - energy.couplings).max()
    assert error <= 0.5 * energy.unit + 4 * U * np.abs(half).max()


def test_a_field_of_exactly_a_share_of_two_to_the_minus_36_is_a_tie():
    """The field of the first bit is 2 of 2^37: more than that is none any more."""
    X = np.ones((1, 3))
    for more, tie in ((1.0, True), (2.0, False)):
        couplings = np.zeros((3, 3))
        couplings[0, 1:] = couplings[1:, 0] = 2.0**36 + more, -(2.0**36 - 1.0)
        energy = QuadraticEnergy.of(couplings)
        assert (energy.stabilities(X)[0][0, 0] == 0.0) == tie
        flipped = X * [-1.0, 1.0, 1.0]
        assert energy.step(flipped)[0, 0] == (-1.0 if tie else 1.0)
        assert energy.falls(np.array([0]))(energy.fields(flipped), flipped[:, :1]) == (not tie)


# --- kernel -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [2.0, 1e6, 1e12])
def test_rounding_of_a_mean_near_0_does_not_hide_that_it_is_stored(bandwidth):
    differs = 0
    for a, b in np.random.default_rng(0).uniform(0.9, 1.1, (50, 2)):
        energy = kernel_energy([[-a], [(b - a) / 2], [b]], bandwidth)
        state = energy.step(np.array([[0.0]]))
        stored = (b - a) / 2
        if abs(state.item() * 3 - 3 * stored) < 1e-15:  # the mean is stored, but for rounding
            assert energy.recalled(state).tolist() == [1]
            differs += state.item() != stored
    assert differs


def test_a_state_is_a_memory_up_to_64_roundings_of_the_reach():
    energy = kernel_energy([[-1.0], [0.0], [1.0]], 8.0)  # all within 1 of the centre: 2 apart
    states = np.array([[120 * U], [150 * U], [-120 * U], [-150 * U]])
    assert energy.recalled(states).tolist() == [1, -1, 1, -1]
    exactly = kernel_energy([[1.0 + 66 * U], [100.0]], 1.0)  # and two roundings of the state
    assert exactly.recalled(np.array([[1.0], [1.0 - U]])).tolist() == [0, -1]


def test_a_memory_on_the_rim_of_a_state_is_not_that_state():
    assert kernel_energy([[1e16 + 2.0]], 2.0).recalled(np.array([[1e16]])).tolist() == [-1]
    assert kernel_energy([[1e16 + 2.0]], 2.5).recalled(np.array([[1e16]])).tolist() == [0]


def test_half_a_bandwidth_is_near():
    states = np.array([[0.5], [0.5 + 2.0**-40]])
    assert kernel_energy([[0.0]], 1.0, "gaussian").recalled(states).tolist() == [0, -1]


@pytest.mark.parametrize("power", [-10, 0, 10])
def test_a_state_stays_where_its_step_leads_to_it_and_is_measured_in_bandwidths(power):
    size = 2.0**power
    energy = kernel_energy(size * np.array([[3.0, 0.0], [0.0, 900.0]]), size)
    X = size * np.array([[3.0, 0.0], [3.0 + 2.0**-30, 0.0], [3.0, 2.0**-49], [0.0, -900.0]])
    assert energy.stays(X).tolist() == [True, False, True, True]


@pytest.mark.parametrize(("size", "bandwidth"), [(1e300, 1e-10), (1e-300, 1e10), (1e308, 1e307)])
def test_flags_of_the_caller_do_not_matter_to_what_stays(size, bandwidth):
    energy = kernel_energy([[size]], bandwidth, "gaussian")
    X = np.array([[-size], [size]])
    with np.errstate(over="raise", under="raise"):
        assert energy.stays(X)[1]


def test_the_gradient_of_a_single_memory_is_the_way_to_it_to_the_last_digit():
    energy = kernel_energy([[0.0, 0.0]], 1.0, "gaussian")
    X = np.array([[3.0, 4.0], [1e3, 2e3], [1e6 / 3, 0.1]])
    np.testing.assert_array_equal(energy.gradient(X), X)
    near = np.array([[35.0, 10.0], [36.0, 0.5]])  # S is about 1e-290, and epsilon nothing beside it
    np.testing.assert_allclose(replace(energy, epsilon=1e-307).gradient(near), near, rtol=1e-15)
    half = replace(energy, epsilon=float(np.exp(energy.log_sum(X[:1]))[0])).gradient(X[:1])
    np.testing.assert_allclose(half, X[:1] / 2, rtol=1e-14)


def test_the_error_that_sums_may_have_is_that_asked_for(monkeypatch):
    asked = []

    def log_sum(X, skip, error=None):
        asked.append((skip.tolist(), error))
        return np.zeros(len(X))

    monkeypatch.setattr(kernel_module, "kernel_sums", lambda *_: SimpleNamespace(log_sum=log_sum))
    energy = kernel_energy([[0.0], [1.0], [2.0]], 1.0)
    energy.left_out(np.array([2, 0]), error=0.125)
    energy.left_out()
    assert asked == [([2, 0], 0.125), ([0, 1, 2], 1e-12)]


# --- layers -----------------------------------------------------------------------------------


def test_64_roundings_of_the_largest_potential_are_no_gap():
    gap = np.array([[256 * U, -256 * U, 257 * U, 1.0], [U, 64 * U, 65 * U, -1.0]])
    potentials = np.array([[1.0, -4.0, 0.0, 0.0], [1.0, 0.0, 0.5, -1.0]])
    expected = [[0.0, 0.0, 257 * U, 1.0], [0.0, 0.0, 65 * U, -1.0]]
    assert _beyond_rounding(gap, potentials).tolist() == expected


def test_no_current_flows_unless_one_is_given():
    energy = LayeredEnergy(np.eye(2), HalfSquare(), LogSumExp(beta=2.0), 1.0, 0.25)
    Y = np.random.default_rng(0).normal(size=(3, 4))
    for found, expected in zip(energy.targets(Y), energy.targets(Y, 0.0), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(energy.targets(Y, 1.0)[0], energy.targets(Y)[0] + 1.0)
    np.testing.assert_array_equal(energy.value(Y), energy.value(Y, 0.0))


# --- similarities and attention ---------------------------------------------------------------


def test_each_row_has_a_unit_of_its_own():
    X = np.array([[3.0, -5.0], [1e-300, 2e-301], [-1e300, 1e-20], [0.0, 0.0]])
    with np.errstate(all="raise"):
        rows, exponent = _row_units(X)
    most = np.abs(rows).max(axis=1)
    assert ((most >= 0.5) & (most < 1.0)).tolist() == [True, True, True, False]
    np.testing.assert_allclose(np.ldexp(rows, exponent)[[0, 1, 3]], X[[0, 1, 3]], rtol=1e-15)
    assert exponent.shape == (4, 1)


def test_what_a_map_leaves_of_a_row_is_judged_by_this_row_and_its_length():
    """Rows of sixteen halves have the length 2, and the map sqrt(2): rounding takes 181 u."""
    linear_map = np.zeros((1, 16))
    linear_map[0, 0] = 1.0
    X = np.ones((2, 16))
    for left, seen in ((100, 0.0), (200, 1.0)):
        linear_map[0, 1] = -(1.0 - 2 * left * U)
        assert directions(X[:1], linear_map).tolist() == [[seen]]
        assert directions(np.repeat(X, 200, axis=0), linear_map).tolist() == [[seen]] * 400


def test_near_memories_keep_their_digits_whatever_the_other_queries():
    """Products of rows at 1e6 lose them: all that counts beside a query's best is done again."""
    rng = np.random.default_rng(0)
    side = np.where(np.arange(60) % 2, 1e6, -1e6)[:, None]
    memories = rng.normal(size=(60, 3)) + side
    X = np.concatenate([memories[:2], memories[2:4] + 300.0])  # at a memory, and 5e5 units off
    scores, exponent = SIMILARITIES["euclidean"](memories, 1.0).scores(X)
    exact = -0.5 * cdist(X, memories, "sqeuclidean")
    counts = exact > exact.max(axis=1, keepdims=True) - 40.0
    assert (counts.sum(axis=1) > 1).any()
    np.testing.assert_allclose(np.ldexp(scores, exponent)[counts], exact[counts], rtol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_many_is_found_where_products_lose_every_digit(seed):
    rng = np.random.default_rng(seed)
    side = np.where(np.arange(200) % 2, 1.0, -1.0)[:, None]
    memories = (rng.normal(size=(200, 3)) + side * 1e10).astype(np.float64)
    X = memories[:20] + rng.normal(size=(20, 3))
    scores, exponent = SIMILARITIES["euclidean"](memories, 1.0).scores(X)
    exact = -0.5 * cdist(X, memories, "sqeuclidean")
    near = exact > -5e3
    np.testing.assert_allclose(np.ldexp(scores, exponent)[near], exact[near], rtol=1e-13)


def test_products_that_are_right_are_not_computed_again(monkeypatch):
    again, direct = [], Points.direct

    def counted(self, queries, query, point):
        again.append(len(query))
        return direct(self, queries, query, point)

    monkeypatch.setattr(Points, "direct", counted)
    rng = np.random.default_rng(0)
    SIMILARITIES["euclidean"](rng.normal(size=(50, 3)), 1.0).scores(rng.normal(size=(20, 3)))
    assert sum(again) == 0


def test_the_nearest_of_memories_too_far_to_be_squared_gets_all():
    euclidean = SIMILARITIES["euclidean"](np.array([[1e200], [-1e250], [3e200]]), 1.0)
    assert euclidean.scores(np.array([[-1e200], [2.5e200]]))[0].tolist() == [
        [0.0, -np.inf, -np.inf],
        [-np.inf, -np.inf, 0.0],
    ]


def test_only_coordinates_beyond_two_to_the_900_have_a_unit():
    manhattan, huge = SIMILARITIES["manhattan"], 2.0**900
    X = np.array([[2048.0, 1e-45], [huge, 0.0], [-2.0 * huge, 0.0]])
    scores, exponent = manhattan(np.array([[2048.0, 0.0], [2048.0, 1e-45]]), 1.0).scores(X)
    assert exponent.tolist() == [[0], [0], [900]]
    assert scores[0].tolist() == [-1e-45, 0.0]
    assert scores[1:, 0].tolist() == [-(huge - 2048.0), -2.0]


EXTREMES = [1e-300, 1e-150, 1e150, 1e308]


@pytest.mark.parametrize("size", EXTREMES)
@pytest.mark.parametrize("beta", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("name", ["dot", "cosine", "manhattan"])
def test_flags_of_the_caller_do_not_matter_to_attention(name, beta, size):
    rng = np.random.default_rng(0)
    memories = rng.uniform(-1, 1, (5, 3)) * size
    X = np.concatenate([memories[:2], -memories[:2], memories[:1] * 1e-200])
    energy = OverlapEnergy(
        memories, SIMILARITIES[name](memories, beta), SEPARATIONS["sparsemax"], beta
    )
    expected = energy.attention(X), energy.value(X)
    with np.errstate(all="raise"):
        similarity = SIMILARITIES[name](memories, beta)
        energy = OverlapEnergy(memories, similarity, SEPARATIONS["sparsemax"], beta)
        found = energy.attention(X), energy.value(X)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["dot", "manhattan"])
def test_flags_of_the_caller_do_not_matter_where_coordinates_differ_in_size(name):
    for memory in ([1e308, 1e-300], [1.0, 1e-200]):
        memories = np.array([memory])
        with np.errstate(all="raise"):
            similarity = SIMILARITIES[name](memories, 1.0)
            energy = OverlapEnergy(memories, similarity, SEPARATIONS["softmax"], 1.0)
            value = energy.value(np.concatenate([memories, -memories]))
        assert value[0] == 0.0
        assert value[1] == (2.0 if memory[0] == 1.0 else np.inf)


# --- votes ------------------------------------------------------------------------------------


def votes(**parameters):
    rng = np.random.default_rng(0)
    energy = VotingEnergy(rng.uniform(-1, 1, (6, 8)), n_classes=3, scale=2.0, degree=3)
    V, weights = rng.uniform(-1, 1, (10, 5)), rng.uniform(0.5, 2.0, 10)
    return energy, (V, signs(10, 3, seed=1), weights, 2)


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_slopes_of_blocks_of_rows_add_up(monkeypatch, rows):
    energy, arguments = votes()
    whole, asked, respond = energy.gradient(*arguments), [], VotingEnergy.respond

    def noted(self, off):
        asked.append(len(off))
        return respond(self, off)

    monkeypatch.setattr(VotingEnergy, "respond", noted)
    monkeypatch.setattr(voting_module, "_CACHED", rows * 8 * 3 * 6 if rows > 1 else 1)
    parts = energy.gradient(*arguments)
    assert asked == [rows] * (10 // rows) + [10 % rows] * (10 % rows > 0)
    for found, expected in zip(parts, whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_votes_are_counted_in_blocks_that_the_working_memory_holds():
    with config_context(working_memory=10 * 40 * 6 * (3 + 1) / 2**20):
        assert sizes(votes()[0].blocks(25)) == [10, 10, 5]


def test_a_line_rises_above_0_alone():
    base = np.array([0.0, 0.5, 2.0])
    assert [slope(base, less).tolist() for less in (0, 1, 2)] == [
        [0.0, 1.0, 1.0],
        [0.0, 0.5, 2.0],
        [0.0, 0.25, 4.0],
    ]
