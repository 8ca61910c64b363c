"""Energies of spins, votes and neurons: what they tell of a state is what its energies say."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from skdam.energies import (
    SIMILARITIES,
    BinaryEnergy,
    LayeredEnergy,
    QuadraticEnergy,
    VotingEnergy,
    directions,
)
from skdam.potentials import Exponential, HalfSquare, LogSumExp, Power

N = 8


def signs(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=shape)


def quadratic():
    half = np.triu(np.random.default_rng(0).integers(-3, 4, (N, N)), 1) / 4
    return QuadraticEnergy.of(half + half.T)


ENERGIES = {
    "quadratic": quadratic(),
    "power 2": BinaryEnergy.of(signs(5, N), Power(2)),
    "power 3": BinaryEnergy.of(signs(6, N), Power(3)),
    "power 30": BinaryEnergy.of(signs(5, N), Power(30)),
    "exponential": BinaryEnergy.of(signs(5, N), Exponential(0.5)),
}
every_energy = pytest.mark.parametrize("energy", ENERGIES.values(), ids=ENERGIES)


def flips(energy, X):
    """Return what each flip of a single bit adds to the energy, and how exact that is."""
    flipped = X[:, None] * (1 - 2 * np.eye(N))
    after = energy.value(flipped.reshape(-1, N)).reshape(X.shape)
    before = energy.value(X)[:, None]
    return after - before, 1e-14 * np.abs(after).max()


@every_energy
def test_a_stability_is_half_of_what_a_flip_adds(energy):
    X = signs(40, N, seed=1)
    mantissa, exponent = energy.stabilities(X)
    added, error = flips(energy, X)
    assert exponent.dtype == np.intp
    np.testing.assert_allclose(2 * np.ldexp(mantissa, exponent[:, None]), added, 0, error)


@every_energy
def test_a_state_is_stable_if_every_flip_adds(energy):
    X = signs(200, N, seed=2)
    added, error = flips(energy, X)
    stable = (added > error).all(axis=1)
    np.testing.assert_array_equal(energy.is_stable(X), stable)
    assert 0 < stable.sum() < 200


@every_energy
def test_bits_fall_whose_flip_lowers_the_energy(energy):
    X, bits = signs(50, N, seed=3), np.array([6, 1, 3])
    added, error = flips(energy, X)
    falls = energy.falls(bits)(energy.fields(X), X[:, bits])
    clear = np.abs(added[:, bits]) > error if error > 1e-3 else np.full(falls.shape, True)
    np.testing.assert_array_equal(falls[clear], added[:, bits][clear] < 0)


@every_energy
def test_fields_follow_flips(energy):
    X, rows, bits = signs(6, N, seed=4), np.array([0, 2, 5]), np.array([7, 7, 1])
    fields = energy.fields(X)
    energy.flip(fields, rows, bits, X[rows, bits])
    X[rows, bits] *= -1
    np.testing.assert_array_equal(fields, energy.fields(X))


def test_couplings_give_the_textbook_energy_and_step():
    energy, X = ENERGIES["quadratic"], signs(60, N, seed=5)
    fields = X @ energy.couplings
    np.testing.assert_array_equal(energy.value(X), -(X * fields).sum(axis=1) / 2)
    np.testing.assert_array_equal(energy.step(X), np.where(fields == 0, X, np.sign(fields)))
    assert (fields == 0).any()


@pytest.mark.parametrize(("degree", "name"), [(2, "power 2"), (3, "power 3"), (30, "power 30")])
def test_powers_give_the_energy_and_step_of_their_overlaps(degree, name):
    energy, X = ENERGIES[name], signs(60, N, seed=6)
    overlaps = X.astype(int) @ energy.spins.T.astype(int)
    value = -(overlaps.astype(object) ** degree).sum(axis=1)
    np.testing.assert_allclose(energy.value(X), value.astype(float), rtol=1e-14)
    drive = (overlaps.astype(object) ** (degree - 1)) @ energy.spins.astype(int).astype(object)
    expected = [
        [np.sign(d) or x for d, x in zip(*row, strict=True)] for row in zip(drive, X, strict=True)
    ]
    np.testing.assert_array_equal(energy.step(X), np.array(expected, dtype=float))


@pytest.mark.parametrize("power", [1, 2])
def test_mean_power_is_that_of_the_gradients_of_single_rows(power):
    rng = np.random.default_rng(7)
    energy = VotingEnergy(rng.uniform(-1, 1, (4, 9)), n_classes=3, scale=3.0, degree=3)
    V, weights = rng.uniform(-1, 1, (11, 6)), rng.uniform(0.5, 2.0, 11)
    targets = signs(11, 3, seed=8)
    one = np.ones(1)
    alone = [energy.gradient(V[[i]], targets[[i]], one, 2)[0] for i in range(11)]
    expected = np.average(np.abs(alone) ** power, axis=0, weights=weights)
    np.testing.assert_allclose(energy.mean_power(V, targets, weights, 2, power), expected, 1e-12)


def test_neurons_are_measured_in_what_drives_them():
    memories = np.array([[1.0, -2.0], [3.0, 0.5]])
    energy = LayeredEnergy(memories, HalfSquare(), LogSumExp(beta=2.0), 1.0, 0.25)
    flow = energy.flow(np.zeros((1, 2)))
    assert flow.units(np.zeros((1, 4)))[:, 2:].tolist() == [[3.5, 3.5]]
    assert flow.longest_step == 2.0 / (1.0 + 1.0 / 0.25)
    nothing = LayeredEnergy(0.0 * memories, HalfSquare(), LogSumExp(beta=2.0), 1.0, 0.25)
    assert nothing.flow(np.zeros((1, 2))).units(np.zeros((1, 4)))[:, 2:].tolist() == [[1.0, 1.0]]


def test_a_bit_without_couplings_stays_and_is_not_stable():
    couplings = np.zeros((3, 3))
    couplings[0, 1] = couplings[1, 0] = 1.0
    energy, X = QuadraticEnergy.of(couplings), np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -1.0]])
    assert not energy.falls(np.arange(3))(energy.fields(X), X).any()
    assert not energy.is_stable(X).any()
    np.testing.assert_array_equal(energy.step(X), X)


@pytest.mark.parametrize(("degree", "scale"), [(3, 4.0), (1, 2.0), (2000, 4.0625), (2000, 3.5)])
def test_evidence_and_votes_are_those_of_rational_numbers(degree, scale):
    rng = np.random.default_rng(3)
    patterns, V = (rng.integers(-4, 5, size) / 4.0 for size in ((4, 8), (9, 6)))
    V[0] = patterns[0, :6]
    energy = VotingEnergy(patterns, n_classes=2, scale=scale, degree=degree)

    def term(h):
        return max(Fraction(h) / Fraction(scale), Fraction(0)) ** degree

    def vote(v, pattern, a):
        h = v @ pattern[:6] - pattern[6:].sum()  # eighths, sixteenths: exact
        return term(h + 2 * pattern[6 + a]) - term(h)

    exact = [[[vote(v, pattern, a) for pattern in patterns] for a in range(2)] for v in V]
    evidence = np.array([[float(sum(votes)) for votes in row] for row in exact])
    np.testing.assert_allclose(energy.evidence(V), evidence, 1e-11, 1e-14 * np.abs(evidence).max())
    assert np.abs(evidence).max() > 1e-3
    # a class's votes are in units of the largest vote of any: ask for that which has most
    classes = np.array([int(sum(map(abs, row[1])) > sum(map(abs, row[0]))) for row in exact])
    assert set(classes.tolist()) == {0, 1}
    for share, row, a in zip(energy.votes(V, classes), exact, classes, strict=True):
        size = [abs(vote) for vote in row[a]]
        total = sum(size)
        expected = [float(vote / total) if total else 0.25 for vote in size]
        np.testing.assert_allclose(share, expected, 1e-11, 1e-14)


@pytest.mark.parametrize("power", [-40, 0, 40])
def test_directions_do_not_depend_on_sizes_even_where_rounding_is_all_that_is_left(power):
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(2, 4)), rng.normal(size=(9, 4))
    X[:4] -= (X[:4] @ W.T) @ np.linalg.pinv(W).T
    exact = X[4:] @ W.T
    expected = np.zeros((9, 2))  # W maps the first rows to 0, but for rounding
    expected[4:] = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    size = 2.0**power
    for rows, linear_map in ((X, W), (size * X, W), (X, size * W)):
        found = directions(rows, linear_map)
        np.testing.assert_allclose(found, expected, 1e-12)
        assert not found[:4].any()


def test_euclidean_scores_are_half_squares_over_many_tiles_and_far_rows():
    rng = np.random.default_rng(0)
    memories, X = rng.normal(size=(2100, 3)), 3.0 * rng.normal(size=(5, 3))
    memories[7] = X[3] = 3e6
    X[4] = -2e6
    scores, exponent = SIMILARITIES["euclidean"](memories, 1.0).scores(X)
    exact = -0.5 * cdist(X, memories, "sqeuclidean")
    found = np.ldexp(scores, exponent)
    best = exact.max(axis=1, keepdims=True)
    counts = exact > best - 40.0  # what is left of the others is below rounding
    assert (found[~counts] < (best - 39.0).repeat(2100, axis=1)[~counts]).all()
    np.testing.assert_allclose(found[counts], exact[counts], rtol=1e-11, atol=1e-12)
