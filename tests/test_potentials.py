"""Potentials: exact tables of interactions, and separations against their definitions."""

from fractions import Fraction

import numpy as np
import pytest
from reference import mp
from scipy.optimize import approx_fprime
from sklearn.utils.extmath import softmax

from skdam.potentials import (
    INTERACTIONS,
    SEPARATIONS,
    Entmax15,
    Exponential,
    Power,
    RectifiedPower,
    Sparsemax,
    Table,
)

every_separation = pytest.mark.parametrize("name", SEPARATIONS)
sparse = pytest.mark.parametrize("separation", [Sparsemax(), Entmax15()], ids=str)
SCORES = np.random.default_rng(0).normal(size=(200, 7)) * np.logspace(-3, 2, 200)[:, None]


def relative(Z):
    return Z - Z.max(axis=1, keepdims=True)


@pytest.mark.parametrize("degree", [1, 2, 3, 30, 400])
@pytest.mark.parametrize("rectified", [False, True])
def test_tables_of_powers_are_those_of_integers(degree, rectified):
    n, interaction = 9, (RectifiedPower if rectified else Power)(degree)
    power = (lambda h, d=degree: h**d if h > 0 else 0) if rectified else (lambda h, d=degree: h**d)
    tables = interaction.tables(n)
    overlaps = range(-n, n + 1)
    expected = {
        "value": [power(h) for h in overlaps],
        "slope": [power(h, degree - 1) for h in overlaps],
        "rise": [power(h) - power(h - 2) for h in range(-n, n + 3)],
        "turn": [power(h + 2) - power(h - 2) for h in overlaps],
        "stay": [2 * power(h) - power(h + 2) - power(h - 2) for h in overlaps],
    }
    for name, numbers in expected.items():
        table = getattr(tables, name)
        assert list(table.integers) == numbers
        for mantissa, exponent, number in zip(table.mantissa, table.exponent, numbers, strict=True):
            value = Fraction(float(mantissa)) * Fraction(2) ** int(exponent)
            assert abs(value - number) <= abs(number) * Fraction(table.error)
        largest = max(map(abs, numbers))
        assert table.largest == (float(largest) if largest < 2**64 else np.inf)


@pytest.mark.parametrize("beta", [1e-9, 0.1, 1.0, 30.0, 5e3])
def test_tables_of_exponentials_are_right_to_their_error(beta):
    n, tables = 9, Exponential(beta).tables(9)
    b = mp.mpf(beta)

    def f(h):
        return mp.exp(b * (h - 2))  # all divided by exp(2 beta)

    h = range(-n, n + 1)
    for table, numbers in [
        (tables.rise, [f(k) - f(k - 2) for k in range(-n, n + 3)]),
        (tables.turn, [f(k + 2) - f(k - 2) for k in h]),
        (tables.stay, [2 * f(k) - f(k + 2) - f(k - 2) for k in h]),
        (tables.value, [mp.exp(b * k) for k in h]),
        (tables.slope, [mp.exp(b * k) for k in h]),
    ]:
        for mantissa, exponent, number in zip(table.mantissa, table.exponent, numbers, strict=True):
            value = mp.mpf(float(mantissa)) * mp.mpf(2) ** int(exponent)
            assert abs(value - number) <= abs(number) * mp.mpf(table.error)


def test_signs_of_sums_are_exact_for_integers():
    table = Table.of([10**40 + 1, 10**40, 1, 2, 0])
    cases = [
        ([0, 1, 4, 4, 4], [1, -1, 1, 1, 1], 1),
        ([0, 1, 2, 4, 4], [1, -1, -1, 1, 1], 0),
        ([0, 1, 3, 4, 4], [1, -1, -1, 1, 1], -1),
        ([4, 4, 4, 4, 4], [1, -1, 1, 1, -1], 0),
        ([0, 0, 0, 1, 4], [-1, -1, -1, 1, 1], -1),
    ]
    entries, signs, expected = (np.array(column) for column in zip(*cases, strict=True))
    np.testing.assert_array_equal(table.signs_of_sums(entries, signs), expected)


def test_numbers_of_one_magnitude_cancel_before_they_are_added_up():
    table = Table.of([-(10**40), 7, 10**40, -7])
    place, same = table.fold
    assert place.tolist() == [0, 1, 0, 1]
    assert same.tolist() == [1, 1, -1, -1]
    signs = table.signs_of_sums(np.array([[0, 2], [1, 3], [2, 2]]), np.array([[1, 1]] * 3))
    assert signs.tolist() == [0, 0, 1]


def test_shifted_numbers_keep_their_sign():
    numbers = [10**400 + 1, -(10**400) - 1]
    table = Table.of(numbers)
    assert table.mantissa[0] == -table.mantissa[1]
    assert table.plain.tolist() == [np.inf, -np.inf]


def test_sums_of_other_numbers_tie_within_their_rounding():
    table = Table(np.array([0.5, 0.5, 0.5]), np.array([60, 0, 0]), 1e-15)
    entries, signs = np.array([[0, 2], [1, 2], [1, 1]]), np.array([[1, -1], [1, -1], [1, 1]])
    assert table.signs_of_sums(entries, signs).tolist() == [1, 0, 1]


def test_convexity_is_told():
    told = [Power(1), Power(2), Power(3), RectifiedPower(3), Exponential(1.0)]
    assert [interaction.is_convex for interaction in told] == [True, True, False, True, True]
    for interaction in told:
        slope = interaction.tables(6).slope.plain
        assert bool((np.diff(slope) >= 0).all()) == interaction.is_convex


def test_evenness_is_told():
    told = [Power(2), Power(3), RectifiedPower(2), Exponential(1.0)]
    assert [interaction.is_even for interaction in told] == [True, False, False, False]
    for interaction in told:
        value = interaction.tables(6).value.plain  # at h = -6, ..., 6
        assert np.array_equal(value, value[::-1]) == interaction.is_even


def test_every_interaction_has_a_name():
    made = [INTERACTIONS[name](3, 0.5) for name in ("power", "rectified", "exponential")]
    assert made == [Power(3), RectifiedPower(3), Exponential(0.5)]


def bisected(z, power):
    """Return max(z' - tau, 0)^power with the tau at which it sums to 1, to fifty digits."""
    scores = [mp.mpf(float(v)) / power for v in z]
    low, high = max(scores) - 1, max(scores)
    for _ in range(160):
        tau = (low + high) / 2
        total = sum(max(v - tau, 0) ** power for v in scores)
        low, high = (tau, high) if total > 1 else (low, tau)
    return [float(max(v - low, 0) ** power) for v in scores]


@sparse
def test_sparse_attention_solves_its_equation(separation):
    power = {Sparsemax: 1, Entmax15: 2}[type(separation)]
    for z, p in zip(SCORES[::9], separation.attention(relative(SCORES[::9])), strict=True):
        np.testing.assert_allclose(p, bisected(z, power), atol=1e-13)


def test_softmax_is_softmax():
    attention = SEPARATIONS["softmax"].attention(relative(SCORES))
    np.testing.assert_allclose(attention, softmax(SCORES), rtol=1e-12)


@every_separation
def test_attention_is_a_probability_and_the_gradient_of_the_potential(name):
    separation = SEPARATIONS[name]
    attention = separation.attention(relative(SCORES))
    assert (attention >= 0).all()
    np.testing.assert_allclose(attention.sum(axis=1), 1.0, rtol=1e-14)
    for z, p in zip(SCORES[::20], attention[::20], strict=True):
        gradient = approx_fprime(z, lambda v: potential(separation, v), 1e-6)
        np.testing.assert_allclose(p, gradient, atol=2e-5)


def entropy(name, P):
    """Return Shannon's entropy, or Tsallis' of order alpha, of each row."""
    if name == "softmax":
        return -(P * np.log(np.where(P > 0, P, 1.0))).sum(axis=-1)
    alpha = {"entmax15": 1.5, "sparsemax": 2.0}[name]
    return (P - P**alpha).sum(axis=-1) / (alpha * (alpha - 1))


def potential(separation, z):
    """Return the conjugate, but for that at 0."""
    return z.max() - separation.shortfall(relative(z[None]))[0]


@every_separation
def test_the_potential_is_the_conjugate_of_the_entropy(name):
    """No probability does better than attention."""
    separation, rng = SEPARATIONS[name], np.random.default_rng(0)
    others, uniform = rng.dirichlet(np.ones(7), 500), np.full(7, 1 / 7)
    for z in SCORES[::10]:
        best = separation.attention(relative(z[None]))[0]
        value = potential(separation, z) + entropy(name, uniform)
        assert value == pytest.approx(z @ best + entropy(name, best), rel=1e-12, abs=1e-12)
        assert (others @ z + entropy(name, others) <= value + 1e-12).all()


@every_separation
@pytest.mark.parametrize("beta", [1e-200, 1e-17, 1e-9, 1e-3, 10.0])
def test_the_shortfall_loses_no_digits_at_any_temperature(name, beta):
    z = relative(SCORES[150:160])
    small = beta * z
    shortfall = SEPARATIONS[name].shortfall(small)
    assert (shortfall >= 0).all()
    if beta <= 1e-9:  # to first order: less the mean score
        np.testing.assert_allclose(shortfall, -small.mean(axis=1), rtol=1e-6)
    if name == "softmax" and beta >= 1e-17:
        exact = [mp.log(7) - mp.log(sum(mp.exp(mp.mpf(float(v))) for v in row)) for row in small]
        np.testing.assert_allclose(shortfall, np.array(exact, float), rtol=1e-13)


@sparse
def test_one_that_leads_by_the_margin_gets_all(separation):
    for lead, alone in [(1.0, True), (0.999, False)]:
        z = np.array([[0.0, *[-lead * separation.margin] * 4]])
        attention = separation.attention(z)
        assert (attention[0, 0] == 1.0) == alone
    assert SEPARATIONS["softmax"].margin == np.inf


@every_separation
def test_scores_hopelessly_far_off_get_nothing(name):
    Z = np.array([[0.0, -np.inf, -1e300], [0.0, 0.0, -np.inf], [0.0, -1.7e308, -1.7e308]])
    attention = SEPARATIONS[name].attention(Z)
    np.testing.assert_array_equal(attention, [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert np.isfinite(SEPARATIONS[name].shortfall(Z)).all()
