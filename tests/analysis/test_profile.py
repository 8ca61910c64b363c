"""Stabilities against energies of flipped states, and what profiles tell of states' kinds."""

import pickle

import numpy as np
import pytest
from reference import hopfield_energy, interaction
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdam import BinaryMemory, EpanechnikovMemory, HopfieldMemory
from skdam.analysis import StabilityProfile, find_fixed_points, label_states, stability_ratio
from skdam.datasets import make_patterns, make_prototype_patterns
from skdam.energies import QuadraticEnergy
from skdam.learning import RULES

pytestmark = pytest.mark.filterwarnings("ignore:(delta|perceptron)")

DENSE = [
    ("power", 1),
    ("power", 2),
    ("power", 3),
    ("rectified", 3),
    ("rectified", 30),
    ("power", 100),
    ("power", 401),
    ("exponential", 0),
]


def rises(energy, state):
    """Return what each flip adds to the energy."""
    flips = np.where(np.eye(len(state), dtype=bool), -state, state)
    return [energy(flip) - energy(state) for flip in flips]


@pytest.mark.parametrize("rule", RULES)
def test_a_stability_of_a_classical_network_is_half_of_what_the_flip_adds_to_the_energy(rule):
    X, states = make_patterns(5, 15, random_state=0), make_patterns(9, 15, random_state=1)
    memory = HopfieldMemory(rule, threshold=0).fit(X)
    W = memory.couplings_
    profiles = StabilityProfile(memory).fit_transform(states)
    slack = 1e-10 * np.abs(W).sum(axis=1).max()
    for profile, state in zip(profiles, states, strict=True):
        a = np.array(rises(lambda x: hopfield_energy(W, x[None])[0], state)) / 2.0
        np.testing.assert_allclose(profile, np.sort(a), rtol=1e-10, atol=slack)
        np.testing.assert_allclose(np.sort(state * (W @ state)), np.sort(a), atol=slack)


@pytest.mark.parametrize(("name", "degree"), DENSE)
def test_a_stability_of_a_dense_memory_is_half_of_what_the_flip_adds_to_the_energy(name, degree):
    X = make_patterns(6, 13, random_state=0)
    states = np.vstack([X, make_patterns(9, 13, random_state=1)])
    memory = BinaryMemory(name, degree or 3, beta=0.7, threshold=0).fit(X)
    F = interaction(name, degree, 0.7)
    normalised = StabilityProfile(memory, normalize=True).fit_transform(states)
    profiles = StabilityProfile(memory).fit_transform(states)
    for profile, shape, state in zip(profiles, normalised, states, strict=True):
        a = sorted(rises(lambda x: -sum(F(h) for h in np.rint(X @ x)), state))
        top = a[-1] if a[-1] > 0 else max(map(abs, a))
        expected = np.array([float(v / top) if name == "exponential" else v / top for v in a])
        most = np.abs(expected).max()  # what rounding the largest stability is multiplied by
        np.testing.assert_allclose(shape, expected, rtol=1e-13 * most, atol=1e-13 * most)
        if degree < 300:
            half = np.array([float(v) / 2 for v in a])
            np.testing.assert_allclose(profile, half, rtol=1e-10, atol=1e-13 * np.abs(half).max())
            np.testing.assert_array_equal(np.sign(profile), np.sign(half))
        else:
            assert np.isinf(profile).any() == (max(a[-1], -a[0]) >= 2**1025)


def test_a_field_of_rounding_is_no_stability():
    """The first field of (1, 1, 1) is 1e-13 beside couplings of 1."""
    W = np.array([[0.0, 1.0, 1e-13 - 1.0], [1.0, 0.0, 0.5], [1e-13 - 1.0, 0.5, 0.0]])
    a, exponent = QuadraticEnergy.of(W).stabilities(np.ones((1, 3)))
    np.testing.assert_allclose(np.ldexp(a, exponent[:, None]), [[0.0, 1.5, -0.5]], rtol=1e-12)
    assert a[0, 0] == 0.0


def test_degree_2_has_twice_n_times_the_stabilities_of_the_hebbian_network():
    X, states = make_patterns(7, 48, random_state=0), make_patterns(20, 48, random_state=1)
    dense = StabilityProfile(BinaryMemory("power", 2, threshold=0).fit(X)).fit(states)
    classical = StabilityProfile(HopfieldMemory("hebbian", threshold=0).fit(X)).fit(states)
    np.testing.assert_allclose(
        dense.transform(states), 96.0 * classical.transform(states), rtol=1e-12
    )


@pytest.mark.parametrize(
    "memory",
    [
        *(HopfieldMemory(rule) for rule in ("hebbian", "pseudo_inverse", "storkey")),
        BinaryMemory("power", 3),
        BinaryMemory("rectified", 40),
        BinaryMemory("exponential", beta=5.0),
        BinaryMemory("exponential", beta=1e300),
    ],
    ids=repr,
)
def test_no_unit_of_a_stable_state_has_a_negative_stability(memory):
    X = make_patterns(9, 24, random_state=0)
    memory = memory.set_params(threshold=0, random_state=0).fit(X)
    states = np.vstack([make_patterns(50, 24, random_state=1), X, memory.transform(X)])
    weakest = stability_ratio(memory, states)
    unstable = label_states(memory, states, X) == "unstable"
    np.testing.assert_array_equal(weakest < 0.0, unstable)
    assert 0 < unstable.sum() < len(states)
    assert np.isfinite(StabilityProfile(memory, normalize=True).fit_transform(states)).all()


def test_the_ratio_is_the_smallest_stability_over_the_largest():
    X = make_patterns(4, 50, random_state=0)
    memory = HopfieldMemory("hebbian", threshold=0).fit(X)
    a = X * (X @ memory.couplings_)
    ratio = stability_ratio(memory, X)
    np.testing.assert_allclose(ratio, a.min(axis=1) / a.max(axis=1), rtol=1e-12)
    normalised = StabilityProfile(memory, normalize=True).fit_transform(X)
    np.testing.assert_array_equal(normalised[:, 0], ratio)
    assert (normalised[:, -1] == 1.0).all()


@pytest.mark.filterwarnings("ignore:The couplings are all 0")
def test_a_profile_without_a_stable_unit_is_finite():
    """Both units want to differ; (1, 1) has a = (-1/2, -1/2), and without couplings a is 0."""
    memory = HopfieldMemory("hebbian", threshold=0).fit([[1, -1]])
    profile = StabilityProfile(memory, normalize=True).fit([[1, 1]])
    assert profile.transform([[1, 1], [1, -1]]).tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert stability_ratio(memory, [[1, 1], [1, -1]]).tolist() == [-1.0, 1.0]
    nothing = HopfieldMemory("hebbian", threshold=0).fit([[1, -1], [1, 1]])
    assert stability_ratio(nothing, [[1, 1]]).tolist() == [0.0]
    with pytest.warns(UserWarning, match="equal"):
        single = HopfieldMemory("hebbian").fit([[1.0]])
    assert StabilityProfile(single).fit_transform([[1.0], [-1.0]]).tolist() == [[0.0], [0.0]]


def test_a_profile_does_not_depend_on_the_batch_the_dtype_or_the_sign():
    X = make_patterns(20, 70, random_state=0)
    for memory in (HopfieldMemory("delta", threshold=0), BinaryMemory("power", 20, threshold=0)):
        profile = StabilityProfile(memory.fit(X), normalize=True).fit(X)
        together = profile.transform(X)
        assert together.dtype == np.float64
        np.testing.assert_array_equal(np.vstack([profile.transform(x[None]) for x in X]), together)
        np.testing.assert_array_equal(profile.transform(X.astype(np.float32)), together)
        np.testing.assert_array_equal(profile.transform(X.astype(int).tolist()), together)
        np.testing.assert_array_equal(profile.transform(-X), together)
        np.testing.assert_array_equal(profile.transform(X[:, ::-1][:, ::-1].copy("F")), together)


# --- in the hands of scikit-learn --------------------------------------------------------------


class StoringProfile(StabilityProfile):
    """Stores the rows that it is fitted to, so that scikit-learn's checks may choose their size."""

    def __init__(self, normalize=False):
        self.normalize = normalize

    @property
    def memory(self):
        return vars(self).get("stored_", None)

    def fit(self, X, y=None):
        before = vars(self).get("stored_")
        self.stored_ = HopfieldMemory("hebbian", threshold=0).fit(X)
        try:
            return super().fit(X)
        except BaseException:
            self.stored_ = before
            raise

    def __sklearn_clone__(self):
        return super(StabilityProfile, self).__sklearn_clone__()


@pytest.mark.filterwarnings("ignore:.*(couplings are all 0|features are equal)")
@parametrize_with_checks([StoringProfile(), StoringProfile(normalize=True)])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def scene():
    """Return a memory, stable states of it, and their labels."""
    return networks((4, 20, 0.15), 0, n=1)[0]


def networks(task, seed, rule="hebbian", n=8):
    return [_network(rule, *task, seed + i) for i in range(n)]


def _network(rule, n_prototypes, n_examples, noise, seed):
    """Return a memory of 128 units, stable states of it, and their labels."""
    X, prototypes, _ = make_prototype_patterns(
        n_prototypes, n_examples, 128, noise=noise, random_state=seed
    )
    memory = HopfieldMemory(rule, threshold=0, random_state=seed).fit(X)
    found = find_fixed_points(memory, 100, random_state=seed).states
    states = np.vstack([found, memory.transform(prototypes), X])
    labels = label_states(memory, states, X, prototypes, tol=0.05)
    return memory, states[labels != "unstable"], labels[labels != "unstable"]


def test_a_fitted_memory_survives_cloning_and_cross_validation(scene):
    memory, states, labels = scene
    profile = StabilityProfile(memory, normalize=True).set_output(transform="pandas").fit(states)
    twin = clone(profile)
    assert twin.memory is memory
    assert twin.normalize
    assert "memory_" not in vars(twin)
    frame = twin.fit_transform(states)
    assert list(frame.columns[:2]) == ["stabilityprofile0", "stabilityprofile1"]
    frozen = StabilityProfile(FrozenEstimator(memory), normalize=True)
    np.testing.assert_array_equal(clone(frozen).fit_transform(states), frame)
    pipeline = make_pipeline(StabilityProfile(memory), LogisticRegression(max_iter=1000))
    scores = cross_val_score(pipeline, states, labels, cv=2, error_score="raise")
    assert (scores > 0.8).all()
    loaded = pickle.loads(pickle.dumps(pipeline.fit(states, labels)))
    np.testing.assert_array_equal(loaded.predict_proba(states), pipeline.predict_proba(states))


def test_a_grid_searches_over_frozen_memories_and_not_their_parameters(scene):
    memory, states, labels = scene
    pipeline = make_pipeline(StabilityProfile(memory), LogisticRegression(max_iter=1000))
    other = FrozenEstimator(HopfieldMemory("hebbian", threshold=0).fit(states))
    grid = {"stabilityprofile__memory": [FrozenEstimator(memory), other]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(states, labels)
    assert set(search.best_params_) == set(grid)
    grid = {"stabilityprofile__memory__rule": ["hebbian", "storkey"]}
    with pytest.raises(ValueError, match="memory__rule is a parameter of a memory that is fitted"):
        GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(states, labels)
    assert memory.rule == "hebbian"
    assert pipeline[0].set_params(normalize=True).normalize
    pipeline[0].set_params(normalize=False)


def test_bad_arguments_are_named_and_change_nothing(scene):
    memory, states, _ = scene
    profile = StabilityProfile(memory).fit(states)
    before = dict(vars(profile))
    with pytest.raises(ValueError, match=r"X has 3 features.*expecting 128"):
        profile.fit(states[:, :3])
    assert vars(profile) == before
    with pytest.raises(ValueError, match=r"'normalize' parameter .*Got 'yes'"):
        StabilityProfile(memory, normalize="yes").fit(states)
    with pytest.raises(NotFittedError):
        StabilityProfile(HopfieldMemory()).fit(states)
    with pytest.raises(NotFittedError):
        StabilityProfile(memory).transform(states)
    with pytest.raises(ValueError, match="states: X contains NaN"):
        stability_ratio(memory, np.full((1, 128), np.nan))
    kernel = EpanechnikovMemory(9.0).fit(states)
    for wrong in (kernel, None, "hebbian"):
        with pytest.raises(TypeError, match=f"memory must be a fitted .*{type(wrong).__name__}"):
            StabilityProfile(wrong).fit(states)
    with pytest.raises(TypeError, match=r"only spins have unit stabilities.*EpanechnikovMemory"):
        stability_ratio(kernel, states)
    far = BinaryMemory(threshold=5.0).fit([[4.0, 6.0], [6.0, 6.0]])
    assert stability_ratio(far, far.memories_).shape == (2,)
    with pytest.raises(ValueError, match=r"X must be states of \+-1.*got 4 in row 0.*threshold_=5"):
        StabilityProfile(far).fit([[4.0, 6.0]])


# --- what profiles tell --------------------------------------------------------------------------

#: Prototypes, examples of each, noise: more examples than units, so that not all fields are right.
CROWDED = (8, 20, 0.15)

VIEWS = {
    "profile": lambda memory, states: StabilityProfile(memory).fit_transform(states),
    "normalised": lambda memory, states: StabilityProfile(memory, True).fit_transform(states),
    "ratio": lambda memory, states: stability_ratio(memory, states)[:, None],
}


def linear_model():
    return make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=3000)
    )


def seen_as(view, given):
    """Return features and labels of all states of some networks."""
    X = np.vstack([VIEWS[view](memory, states) for memory, states, _ in given])
    return X, np.concatenate([labels for _, _, labels in given])


def accuracy(view, known, unseen):
    X_test, y_test = seen_as(view, unseen)
    return balanced_accuracy_score(
        y_test, linear_model().fit(*seen_as(view, known)).predict(X_test)
    )


@pytest.fixture(scope="module", params=[0, 200])
def delta(request):
    """Return networks to learn from, and others to be tested on."""
    return [networks(CROWDED, request.param + off, "delta") for off in (0, 50)]


def test_a_linear_model_tells_states_by_profiles_where_the_ratio_does_not(delta):
    known, unseen = delta
    assert set(seen_as("ratio", unseen)[1]) == {"learned", "prototype", "spurious"}
    assert accuracy("profile", known, unseen) >= 0.95
    assert accuracy("ratio", known, unseen) <= 0.6


def test_thirty_labels_suffice(delta):
    known, unseen = delta
    X, y = seen_as("profile", known)
    X_test, y_test = seen_as("profile", unseen)
    scores = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        kinds = [np.flatnonzero(y == kind) for kind in np.unique(y)]
        few = np.concatenate([rng.choice(rows, 10, replace=False) for rows in kinds])
        scores.append(
            balanced_accuracy_score(y_test, linear_model().fit(X[few], y[few]).predict(X_test))
        )
    assert len(few) == 30
    assert np.mean(scores) >= 0.95
    assert min(scores) >= 0.9


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ((5, 40, 0.1), (5, 10, 0.1)),
        ((5, 10, 0.1), (5, 40, 0.1)),
        ((5, 50, 0.1), (5, 50, 0.2)),
        ((5, 50, 0.2), (5, 50, 0.1)),
    ],
)
def test_normalised_profiles_of_hebbian_networks_carry_over(here, there):
    """To other group sizes and other noise, and plain ones do not always; learned states lack."""
    known, unseen = networks(here, 0), networks(there, 50)
    assert set(seen_as("ratio", unseen)[1]) == {"prototype", "spurious"}
    assert accuracy("normalised", known, unseen) >= 0.9
    if here == (5, 40, 0.1):
        assert accuracy("profile", known, unseen) < 0.6
