"""States against brute force over all of them, exact sets of members, and hand-made networks."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from reference import active_sets, asynchronous, exact, interaction
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from skdam import (
    AttentionMemory,
    BinaryMemory,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelMemory,
    enumerate_minima,
)
from skdam.analysis import FixedPoints, find_fixed_points, label_states
from skdam.datasets import make_patterns, make_prototype_patterns
from skdam.learning import RULES

pytestmark = pytest.mark.filterwarnings("ignore:(delta|perceptron)")

INTERACTIONS = [
    ("power", 2),
    ("power", 3),
    ("power", 4),
    ("rectified", 3),
    ("rectified", 30),
    ("exponential", 1),
]


def all_states(n):
    return np.array(list(itertools.product([1.0, -1.0], repeat=n)))


def unstable_by_brute_force(energies, n, slack=0.0):
    """Return which of all states, in the order of `all_states`, have a neighbour below them."""
    index = np.arange(2**n)
    neighbours = [energies[index ^ (1 << bit)] for bit in range(n)]
    return np.any([energy < energies - slack for energy in neighbours], axis=0)


def binary_energies(name, degree, X, states):
    """Return exact integers (exponentials to fifty digits), as objects."""
    F = interaction(name, degree, 0.3)
    value = {h: F(h) for h in range(-X.shape[1], X.shape[1] + 1)}
    overlap = np.rint(states @ X.T).astype(int)
    return np.array([-sum(value[h] for h in row) for row in overlap.tolist()], dtype=object)


def labels_by_brute_force(unstable, states, patterns, prototypes, tol, even):
    signs = (1, -1) if even else (1,)
    learned = {tuple(sign * x) for x in patterns for sign in signs}
    centres = [sign * x for x in prototypes for sign in signs]
    labels = []
    for state, moves in zip(states, unstable, strict=True):
        near = [sum(state != x) for x in centres]
        if moves:
            labels.append("unstable")
        elif tuple(state) in learned:
            labels.append("learned")
        else:
            limit = Fraction(repr(tol)).limit_denominator(1000) * len(state)
            labels.append("prototype" if min(near) <= limit else "spurious")
    return labels


def family(seed, n=12, noise=0.15):
    patterns, prototypes, _ = make_prototype_patterns(2, 3, n, noise=noise, random_state=seed)
    return patterns, prototypes


@pytest.mark.filterwarnings("ignore:The couplings are all 0")
@pytest.mark.parametrize("rule", RULES)
def test_all_states_of_a_classical_network_are_labelled_as_by_brute_force(rule):
    states, seen = all_states(12), set()
    for seed in range(4):
        X, centres = family(seed)
        memory = HopfieldMemory(rule, threshold=0, random_state=0).fit(X)
        W = memory.couplings_
        energies = -0.5 * np.array([state @ W @ state for state in states])
        unstable = unstable_by_brute_force(energies, 12, 1e-9 * np.abs(W).max())
        for tol in (0.0, 0.1, 3 / 12):
            expected = labels_by_brute_force(unstable, states, X[1:], centres, tol, even=True)
            assert label_states(memory, states, X[1:], centres, tol=tol).tolist() == expected
            seen |= set(expected)
    assert seen == {"learned", "prototype", "spurious", "unstable"}


@pytest.mark.parametrize(("name", "degree"), INTERACTIONS)
def test_all_states_of_a_dense_memory_are_labelled_as_by_brute_force(name, degree):
    settings = {"beta": 0.3, "threshold": 0, "random_state": 0}
    states, even, seen = all_states(12), name == "power" and degree % 2 == 0, set()
    for seed in range(4):
        X, centres = family(seed)
        memory = BinaryMemory(name, degree, **settings).fit(X)
        unstable = unstable_by_brute_force(binary_energies(name, degree, X, states), 12)
        for tol in (0.0, 0.17, 0.25):
            expected = labels_by_brute_force(unstable, states, X[1:], centres, tol, even)
            assert label_states(memory, states, X[1:], centres, tol=tol).tolist() == expected
            seen |= set(expected)
    assert {"learned", "prototype", "unstable"} <= seen


def lattice_case(seed):
    """Return distinct integer rows, weights, and eighths around, as many means are."""
    rng = np.random.default_rng(seed)
    X = np.unique(rng.integers(0, 4, (rng.integers(2, 5), 1 + seed % 2)), axis=0).astype(float)
    steps = np.arange(-8, 33) / 8
    grid = itertools.product(steps[:: 1 + seed % 2], repeat=X.shape[1])
    return X, rng.integers(1, 3, len(X)).astype(float), np.array(list(grid))


@pytest.mark.parametrize("seed", range(12))
def test_states_of_an_epanechnikov_memory_are_labelled_as_by_exact_sets(seed):
    X, weights, states = lattice_case(seed)
    radius = [0.75, 1.25, 1.6, 2.25][seed % 4]
    memory = EpanechnikovMemory(bandwidth=radius).fit(X, sample_weight=weights)
    asked = X[: max(1, len(X) - 1)]
    known, rows, expected = {tuple(x) for x in asked}, [exact(x) for x in X], []
    for state, members in zip(states, active_sets(states, X, radius), strict=True):
        total = sum(Fraction(weights[i]) for i in members)
        mean = [
            sum(Fraction(weights[i]) * rows[i][d] for i in members) / total if members else None
            for d in range(X.shape[1])
        ]
        if not members:
            expected.append("outside")
        elif mean != exact(state):
            expected.append("unstable")
        else:
            expected.append("stored" if tuple(state) in known else "emergent")
    assert label_states(memory, states, asked).tolist() == expected
    assert {"unstable", "stored"} & set(expected)


def test_the_minima_of_an_epanechnikov_memory_are_stored_or_emergent():
    X = np.random.default_rng(0).normal(size=(14, 3))
    memory = EpanechnikovMemory(bandwidth=1.3).fit(X)
    minima = enumerate_minima(memory)
    labels = label_states(memory, minima.points, X)
    np.testing.assert_array_equal(labels, np.where(minima.is_emergent, "emergent", "stored"))
    assert 0 < minima.is_emergent.sum() < len(minima)
    found = find_fixed_points(memory, 3000, random_state=0)
    assert {tuple(x) for x in found.states} <= {tuple(x) for x in minima.points}
    assert len(found) > 0.9 * len(minima)
    np.testing.assert_allclose(found.energies, memory.energy(found.states), rtol=1e-12)


@pytest.mark.parametrize("memory", [HopfieldMemory("hebbian"), BinaryMemory("power", 4)])
def test_states_are_one_up_to_sign_where_the_energy_is_even(memory):
    X = make_patterns(3, 40, random_state=1)
    memory = memory.set_params(threshold=0, random_state=0).fit(X)
    assert label_states(memory, np.vstack([X, -X]), X).tolist() == ["learned"] * 6
    assert label_states(memory, X, -X).tolist() == ["learned"] * 3
    assert label_states(memory, -X, X[:1], X[1:]).tolist() == ["learned", *2 * ["prototype"]]
    found = find_fixed_points(memory, random_state=0)
    assert (found.states[:, 0] == 1.0).all()
    assert not {tuple(x) for x in found.states} & {tuple(-x) for x in found.states}


@pytest.mark.parametrize(("name", "degree"), [("rectified", 4), ("power", 3), ("exponential", 1)])
def test_signs_tell_where_the_energy_is_not_even(name, degree):
    X = make_patterns(3, 40, random_state=1)
    memory = BinaryMemory(name, degree, threshold=0, random_state=0).fit(X)
    assert label_states(memory, X, X).tolist() == ["learned"] * 3
    assert "learned" not in label_states(memory, -X, X)
    assert "prototype" not in label_states(memory, X[:1], -X, -X)


def stable_states(memory, X, name, degree):
    states = all_states(X.shape[1])
    unstable = unstable_by_brute_force(binary_energies(name, degree, X, states), X.shape[1])
    return {tuple(state) for state in states[~unstable]}


@pytest.mark.parametrize(("name", "degree"), INTERACTIONS)
def test_probes_find_all_stable_states_of_a_small_memory(name, degree):
    X = make_patterns(4, 8, random_state=2)
    memory = BinaryMemory(name, degree, beta=0.3, threshold=0, random_state=0).fit(X)
    found = find_fixed_points(memory, 5000, random_state=0)
    expected = stable_states(memory, X, name, degree)
    if name == "power" and degree % 2 == 0:
        expected = {state for state in expected if state[0] == 1.0}
    assert {tuple(state) for state in found.states} == expected
    assert len(found) == len(expected)
    assert (found.n_probes, found.n_unsettled, found.missing_mass) == (5000, 0, 0.0)
    np.testing.assert_array_equal(found.energies, memory.energy(found.states))
    assert (np.diff(found.counts) <= 0).all()


def test_counts_are_the_shares_of_the_basins():
    X = make_patterns(3, 8, random_state=4)
    memory = BinaryMemory("rectified", 3, threshold=0, random_state=0).fit(X)
    F, basins = interaction("rectified", 3), {}
    for state in all_states(8):
        end = tuple(asynchronous(F, X, state, memory.order_)[-1])
        basins[end] = basins.get(end, 0) + 1
    found = find_fixed_points(memory, 20_000, random_state=0)
    expected = np.array([basins[tuple(state)] for state in found.states]) / 256
    deviation = np.abs(found.counts / 20_000 - expected)
    assert (deviation < 5 * np.sqrt(expected / 20_000)).all()
    assert len(found) == len(basins) > 3


def test_counts_of_a_kernel_memory_are_the_probability_in_its_basins():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [9.0]], sample_weight=[1, 3])
    found = find_fixed_points(memory, 4000, random_state=0)
    assert found.states.tolist() == [[9.0], [0.0]]
    assert abs(found.counts[0] - 3000) < 5 * np.sqrt(4000 * 0.75 * 0.25)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("kernel", ["gaussian", "biweight", "cosine"])
def test_two_memories_merge_as_the_bandwidth_widens(kernel, scale):
    """The Gaussian pair at +-a has one state at 0 if a < sigma, else two (THEORY 1)."""
    X = np.array([[-1.0], [1.0]]) * scale
    near = KernelMemory(kernel, bandwidth=4.0 * scale).fit(X)
    found = find_fixed_points(near, 200, random_state=0)
    assert label_states(near, found.states, X).tolist() == ["emergent"]
    assert abs(found.states[0, 0]) < 1e-4 * scale
    far = KernelMemory(kernel, bandwidth=0.4 * scale).fit(X)
    found = find_fixed_points(far, 200, random_state=0)
    assert label_states(far, found.states, X).tolist() == ["stored", "stored"]
    np.testing.assert_allclose(np.sort(found.states, axis=0), X, rtol=1e-2)
    assert label_states(far, X * 1.2, X).tolist() == ["unstable"] * 2


def test_near_minima_of_an_epanechnikov_memory_are_told_apart():
    """A heavy memory, and its mean with a light one that reaches that mean but not the memory."""
    memory = EpanechnikovMemory(bandwidth=1.0 - 5e-5).fit([[0.0], [1.0]], sample_weight=[1e4, 1])
    found = find_fixed_points(memory, 200, random_state=0)
    assert {0.0, memory.transform([[2e-4]])[0, 0]} <= set(found.states.ravel())


def test_of_ends_on_the_way_to_a_limit_the_lowest_stands_for_it():
    memory = GaussianMemory(bandwidth=1.0, max_iter=9999).fit(
        [[-0.99], [0.99]]
    )  # 0 attracts, slowly
    ends = np.abs(memory.transform(memory.sample(200, random_state=0)))
    found = find_fixed_points(memory, 200, random_state=0)
    assert np.abs(found.states).tolist() == [[ends.min()]]
    assert ends.max() > ends.min()


def test_what_a_gaussian_has_shifted_is_stored_once_retrieved():
    X = np.random.default_rng(0).normal(size=(30, 6))
    memory = GaussianMemory(0.6).fit(X)
    assert set(label_states(memory, X, X)) == {"unstable"}
    labels = label_states(memory, memory.transform(X), X)
    np.testing.assert_array_equal(labels == "stored", memory.retrieve(X).recalled >= 0)


@pytest.mark.parametrize("memory", [EpanechnikovMemory(), GaussianMemory(), KernelMemory("cosine")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_retrieved_states_are_stable(memory, dtype):
    X = (np.random.default_rng(0).normal(size=(60, 5)) + 1e3).astype(dtype)
    states = memory.fit(X).transform(X)
    assert states.dtype == dtype
    assert set(label_states(memory, states, X)) <= {"stored", "emergent"}


def test_a_share_of_the_units_is_exact():
    """0.29 times 100 is less than 29 in floats."""
    X = make_patterns(1, 100, random_state=0)
    memory = HopfieldMemory("hebbian", threshold=0).fit(X)
    other = make_patterns(1, 100, random_state=1)
    for n_flips, expected in ((29, "prototype"), (30, "spurious")):
        centre = X.copy()
        centre[0, :n_flips] *= -1
        assert label_states(memory, X, other, centre, tol=0.29).tolist() == [expected]


def test_what_is_learned_is_no_prototype_and_copies_change_nothing():
    X = make_patterns(2, 40, random_state=0)
    memory = HopfieldMemory("hebbian", threshold=0).fit(X)
    twice = np.repeat(X, 2, axis=0)
    assert label_states(memory, twice, twice, twice, tol=1.0).tolist() == ["learned"] * 4
    again = HopfieldMemory("hebbian", threshold=0, random_state=0).fit(twice)
    found = find_fixed_points(again, 300, random_state=0)
    assert set(label_states(again, found.states, X)) <= {"learned", "spurious"}
    assert len(np.unique(found.states, axis=0)) == len(found)


def test_a_single_unit_and_a_single_pattern_have_states():
    with pytest.warns(UserWarning, match="features are equal"):
        one = BinaryMemory("power", 2).fit([[1.0]])
    found = find_fixed_points(one, 10, random_state=0)
    assert found.states.tolist() == [[1.0]]  # both signs are one
    assert found.counts.tolist() == [10]
    X = make_patterns(1, 20, random_state=0)
    memory = HopfieldMemory("hebbian", threshold=0, random_state=0).fit(X)
    found = find_fixed_points(memory, 50, random_state=0)
    assert np.abs(found.states @ X[0]).tolist() == [20.0]
    assert label_states(memory, found.states[:1], X).tolist() == ["learned"]


def test_probes_that_go_round_are_counted():
    memory = HopfieldMemory("hebbian", update="synchronous", threshold=0).fit([[1, -1]])
    found = find_fixed_points(memory, 400, random_state=0)
    assert found.states.tolist() == [[1.0, -1.0]]
    assert found.n_unsettled + found.counts[0] == found.n_probes == 400
    assert abs(found.n_unsettled - 200) < 50
    ends = [find_fixed_points(memory, 1, random_state=seed) for seed in range(9)]
    nothing = next(end for end in ends if not len(end))
    assert nothing.states.shape == (0, 2)
    assert (nothing.missing_mass, nothing.n_unsettled) == (1.0, 1)
    assert label_states(memory, [[1, -1], [1, 1]], [[1, -1]]).tolist() == ["learned", "unstable"]


def test_probes_settle_whatever_the_memorys_own_number_of_steps():
    X = make_patterns(10, 60, random_state=0)
    hasty = HopfieldMemory("hebbian", threshold=0, max_iter=1, random_state=0).fit(X)
    found = find_fixed_points(hasty, 200, random_state=0)
    assert found.n_unsettled == 0
    patient = HopfieldMemory("hebbian", threshold=0, random_state=0).fit(X)
    np.testing.assert_array_equal(
        found.states, find_fixed_points(patient, 200, random_state=0).states
    )
    assert "unstable" not in label_states(hasty, found.states, X)


def test_the_missing_mass_is_the_share_of_states_met_once():
    counts = np.array([5, 2, 1, 1, 1])
    found = FixedPoints(np.zeros((5, 3)), counts, np.zeros(5), n_unsettled=10)
    assert (found.n_probes, len(found), found.missing_mass) == (20, 5, 0.3)
    assert "5 of 20 probes, of which 10 did not settle; missing mass 0.3" in repr(found)


@pytest.mark.parametrize(
    "memory", [HopfieldMemory("storkey", random_state=0), EpanechnikovMemory()]
)
def test_probes_are_drawn_as_random_state_says(memory):
    memory.fit(make_patterns(8, 30, random_state=0))
    before = np.random.get_state()[1].copy()
    first, again = (find_fixed_points(memory, 200, random_state=3) for _ in range(2))
    rng = find_fixed_points(memory, 200, random_state=np.random.RandomState(3))
    for other in (again, rng):
        np.testing.assert_array_equal(first.states, other.states)
        np.testing.assert_array_equal(first.counts, other.counts)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_a_state_does_not_depend_on_the_others():
    X, centres = family(0, n=40)
    memory = HopfieldMemory("hebbian", threshold=0, random_state=0).fit(X)
    states = np.vstack([find_fixed_points(memory, 50, random_state=0).states, X])
    labels = label_states(memory, states, X, centres, tol=0.1)
    alone = [label_states(memory, state[None], X, centres, tol=0.1)[0] for state in states]
    np.testing.assert_array_equal(labels, alone)
    shuffled = label_states(memory, states.astype(np.float32)[::-1], X[::-1], centres, tol=0.1)
    np.testing.assert_array_equal(labels, shuffled[::-1])


def test_features_far_from_one_are_not_taken_for_states():
    X = np.array([[0.0, 16.0, 9.0, 2.0], [8.5, 1.0, 16.0, 10.0]])
    memory = BinaryMemory(random_state=0).fit(X)
    assert memory.threshold_ == 8.0
    found = find_fixed_points(memory, random_state=0)
    assert "learned" in label_states(memory, found.states, memory.memories_)
    with pytest.raises(ValueError, match=r"patterns must be states of \+-1.*got 0 in row 0.*=8"):
        label_states(memory, found.states, X)
    bits = BinaryMemory(random_state=0).fit(X > 8)
    assert label_states(bits, bits.memories_, X > 8).tolist() == ["learned"] * 2


def test_a_frozen_memory_is_a_memory():
    X = make_patterns(3, 20, random_state=0)
    memory = HopfieldMemory("hebbian", threshold=0, random_state=0).fit(X)
    frozen = find_fixed_points(FrozenEstimator(memory), 50, random_state=0)
    np.testing.assert_array_equal(
        frozen.states, find_fixed_points(memory, 50, random_state=0).states
    )


def test_bad_arguments_are_named():
    X = make_patterns(3, 20, random_state=0)
    memory = HopfieldMemory(threshold=0).fit(X)
    kernel = EpanechnikovMemory(3.0).fit(X)
    for wrong in (0, -1, 2.5, True, "many", np.nan):
        with pytest.raises(ValueError, match=r"n_probes must be .*\[1, .*got"):
            find_fixed_points(memory, wrong)
    for wrong in (-0.1, 1.5, np.nan, "much", True):
        with pytest.raises(ValueError, match=r"tol must be .*\[0\.0, 1\.0\].*got"):
            label_states(memory, X, X, X, tol=wrong)
    for name, arrays in {
        "states": (X[:, :3], X),
        "patterns": (X, X[:, :3]),
        "prototypes": (X, X, X[:, :3]),
    }.items():
        with pytest.raises(ValueError, match=f"{name}: X has 3 features.*expecting 20"):
            label_states(memory, *arrays)
    for name, arrays in {"states": (X[:, :3], X), "patterns": (X, X[:, :3])}.items():
        with pytest.raises(ValueError, match=f"{name}: X has 3 features.*expecting 20"):
            label_states(kernel, *arrays)
    with pytest.raises(ValueError, match="states: X contains NaN"):
        label_states(memory, np.full((1, 20), np.nan), X)
    with pytest.raises(ValueError, match=r"patterns: .*0 sample"):
        label_states(memory, X, X[:0])
    with pytest.raises(ValueError, match=r"prototypes and tol are for memories of spins.*an array"):
        label_states(kernel, X, X, X)
    with pytest.raises(ValueError, match=r"prototypes and tol are for .*tol=0\.1.*None"):
        label_states(kernel, X, X, tol=0.1)


@pytest.mark.parametrize(
    "question", [find_fixed_points, lambda m: label_states(m, [[1.0]], [[1.0]])]
)
def test_only_fitted_memories_with_states_are_asked(question):
    for unfitted in (HopfieldMemory(), EpanechnikovMemory(), FrozenEstimator(BinaryMemory())):
        with pytest.raises(NotFittedError):
            question(unfitted)
    for other in (AttentionMemory().fit(np.eye(3)), PCA(), None):
        with pytest.raises(
            TypeError, match=rf"memory must be .* got an object of {type(other).__name__}"
        ):
            question(other)


def test_nothing_to_label_and_no_prototypes_are_fine():
    X = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]])
    memory = HopfieldMemory(threshold=0).fit(X)
    assert label_states(memory, np.empty((0, 3)), X).shape == (0,)
    without = label_states(memory, X, X, np.empty((0, 3)))
    np.testing.assert_array_equal(without, label_states(memory, X, X))
