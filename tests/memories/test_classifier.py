"""The dense classifier: against loops and complex steps, on digits, and as an estimator."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import train_test_split
from skops import io as skops_io

from skdam import DenseMemoryClassifier
from skdam.energies import VotingEnergy
from skdam.energies._voting import power

X, Y = load_digits(return_X_y=True)
quick = DenseMemoryClassifier(10, max_iter=5, temperature=0.35, random_state=0)


def evidence(patterns, n_classes, scale, degree, v):
    """Return the evidence for each class of one row, by its definition; complex patterns too."""
    found = []
    for a in range(n_classes):
        total = 0.0
        for xi in patterns:
            xi_v, xi_c = xi[:-n_classes], xi[-n_classes:]
            h = sum(x * y for x, y in zip(xi_v, v, strict=True)) - sum(xi_c)
            for sign, field in ((1, h + 2 * xi_c[a]), (-1, h)):
                total = total + sign * (field / scale) ** degree * (np.real(field) > 0)
        found.append(total)
    return np.array(found)


def random_case(degree, seed=0):
    rng = np.random.default_rng(seed)
    patterns = rng.uniform(-1, 1, (4, 6 + 3))
    V, targets = rng.uniform(-1, 1, (5, 6)), 2.0 * np.eye(3)[rng.integers(0, 3, 5)] - 1.0
    return patterns, V, targets, rng.uniform(0.5, 2.0, 5), VotingEnergy(patterns, 3, 4.0, degree)


@pytest.mark.parametrize("degree", [1, 2, 3, 7, 30])
def test_evidence_is_that_of_the_definition(degree):
    patterns, V, _, _, energy = random_case(degree)
    expected = [evidence(patterns, 3, 4.0, degree, v) for v in V]
    np.testing.assert_allclose(energy.evidence(V), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("degree", [2, 3, 5, 30])
@pytest.mark.parametrize("exponent", [1, 2, 4])
def test_the_gradient_is_that_of_complex_steps(degree, exponent):
    patterns, V, targets, weights, energy = random_case(degree, seed=degree)
    gradient, loss, outputs = energy.gradient(V, targets, weights, exponent)

    def loss_of(moved):
        total = 0.0
        for v, t, w in zip(V, targets, weights, strict=True):
            c = np.tanh(evidence(moved, 3, 4.0, degree, v))
            total = total + w * sum((c - t) ** (2 * exponent))
        return total

    assert loss == pytest.approx(loss_of(patterns), rel=1e-12)
    assert outputs.shape == (5, 3)
    for k in range(4):
        for i in range(9):
            moved = patterns.astype(complex)
            moved[k, i] += 1e-30j
            assert gradient[k, i] == pytest.approx(loss_of(moved).imag / 1e-30, rel=1e-9, abs=1e-12)


def test_powers_are_powers():
    base = np.array([0.0, 0.5, -1.5])
    for exponent in range(12):
        np.testing.assert_allclose(power(base, exponent), base**exponent, rtol=1e-14)


@pytest.mark.parametrize("degree", [400, 3000])
def test_huge_degrees_stay_finite(degree):
    patterns, V, targets, weights, _ = random_case(2)
    for scale in (0.1, 4.0, 1e3):
        energy = VotingEnergy(patterns, 3, scale, degree)
        assert np.isfinite(energy.evidence(V)).all()
        assert np.isfinite(energy.gradient(V, targets, weights, 4)[0]).all()
        votes = energy.votes(V, np.zeros(5, dtype=int))
        np.testing.assert_allclose(votes.sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("degree", "error", "votes"), [(2, 4.5, (20, 100)), (3, 4.5, (20, 100)), (30, 6.0, (1, 6))]
)
def test_digits_are_learned_as_features_or_prototypes(degree, error, votes):
    train, test, labels, truth = train_test_split(X, Y, test_size=1 / 3, random_state=0, stratify=Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = DenseMemoryClassifier(degree=degree, random_state=0).fit(train, labels)
    assert 100 * (1 - classifier.score(test, truth)) < error
    assert votes[0] < classifier.voting_memories(test).mean() < votes[1]
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 150
    assert classifier.loss_curve_[-1] < 0.5 * classifier.loss_curve_[0]


def test_neither_order_nor_copies_for_weights_change_anything():
    rng = np.random.default_rng(0)
    rows, labels = X[:200], Y[:200]
    weights = rng.integers(0, 4, 200)
    order = rng.permutation(200)
    weighted = clone(quick).fit(rows, labels, sample_weight=weights)
    shuffled = clone(quick).fit(rows[order], labels[order], sample_weight=weights[order])
    repeated = clone(quick).fit(np.repeat(rows, weights, axis=0), np.repeat(labels, weights))
    for other in (shuffled, repeated):
        np.testing.assert_array_equal(other.memories_, weighted.memories_)
        np.testing.assert_array_equal(other.loss_curve_, weighted.loss_curve_)


def test_a_random_state_makes_it_reproducible():
    first, second, third = (clone(quick).set_params(random_state=s).fit(X, Y) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.memories_, second.memories_)
    assert (first.memories_ != third.memories_).any()


def test_shapes_and_bounds():
    classifier = clone(quick).fit(X, Y)
    assert classifier.memories_.shape == (10, 64)
    assert classifier.class_memories_.shape == (10, 10)
    assert np.abs(classifier.memories_).max() <= 1.0
    assert classifier.decision_function(X[:7]).shape == (7, 10)
    best = classifier.decision_function(X).argmax(axis=1)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[best])
    two = clone(quick).fit(X, np.where(Y > 4, "high", "low"))
    assert two.decision_function(X).shape == (len(X),)
    np.testing.assert_array_equal(two.predict(X) == "low", two.decision_function(X) > 0)
    with pytest.warns(ConvergenceWarning, match="hardly learn"):
        one = clone(quick).fit(X[:5], ["only"] * 5)
    assert one.predict(X[:3]).tolist() == ["only"] * 3
    assert one.decision_function(X[:3]).shape == (3,)


def test_scale_and_offset_of_the_features_do_not_matter():
    plain = clone(quick).fit(X, Y)
    moved = clone(quick).fit(X * 2.0**200 + 2.0**203, Y)
    np.testing.assert_array_equal(moved.predict(X * 2.0**200 + 2.0**203), plain.predict(X))
    mixed = X * 2.0 ** np.arange(-64, 64, 2)
    np.testing.assert_array_equal(clone(quick).fit(mixed, Y).memories_, plain.memories_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ends = clone(quick).fit([[-1.7e308], [1.7e308]], [0, 1])
    assert np.isfinite(ends.decision_function([[0.0], [1.7e308]])).all()


def test_early_stopping_keeps_the_best():
    settings = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 200}
    classifier = DenseMemoryClassifier(30, temperature=0.35, random_state=0, **settings).fit(X, Y)
    assert 3 < classifier.n_iter_ < 200
    assert classifier.score(X, Y) > 0.9


def test_partial_fit_goes_on():
    classifier = clone(quick).set_params(max_iter=1)
    for _ in range(6):
        for rows in np.array_split(np.arange(1200), 4):
            classifier.partial_fit(X[rows], Y[rows], classes=np.arange(10))
    assert classifier.n_iter_ == 24
    assert classifier.score(X[1200:], Y[1200:]) > 0.6
    before = pickle.dumps(classifier)
    for rows, labels, classes, words in [
        (X[:3] * np.nan, Y[:3], None, "NaN"),
        (X[:3], [11, 1, 2], None, r"y has labels that are not in classes: \[11\]"),
        (X[:3], Y[:3], [1, 2], r"classes=\[1 2\] are not those of the first call"),
        (X[:3, :5], Y[:3], None, "5 features"),
    ]:
        with pytest.raises(ValueError, match=words):
            classifier.partial_fit(rows, labels, classes)
        assert pickle.dumps(classifier) == before
    with pytest.raises(ValueError, match="classes must be passed"):
        clone(quick).partial_fit(X, Y)


def test_a_wrong_temperature_is_told_of():
    for temperature, words in [(0.05, "saturated.*too low"), (0.98, "all but 0.*too high")]:
        classifier = DenseMemoryClassifier(degree=30, temperature=temperature, max_iter=2)
        with pytest.warns(ConvergenceWarning, match=words):
            classifier.fit(X, Y)


def test_it_is_fitted_or_says_so():
    for name in ("predict", "decision_function", "voting_memories"):
        with pytest.raises(NotFittedError):
            getattr(DenseMemoryClassifier(), name)(X)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n_memories", [0, 2.5, True]),
        ("degree", [0, 2.5, True, "3"]),
        ("temperature", [0.0, -1.0, np.inf, np.nan, "cold", True]),
        ("loss_exponent", [0, 1.5]),
        ("learning_rate", [0.0, np.inf]),
        ("decay", [0.0, 1.1]),
        ("momentum", [-0.1, 1.0]),
        ("batch_size", [0]),
        ("max_iter", [0, 1.5]),
        ("early_stopping", ["yes", None]),
        ("validation_fraction", [0.0, 1.0]),
        ("n_iter_no_change", [0]),
    ],
)
def test_wrong_parameters_are_named(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f"'{name}' parameter") as caught:
            DenseMemoryClassifier(**{name: value}).fit(X, Y)
        assert repr(value) in str(caught.value)


def test_a_carried_classifier_answers_the_same():
    classifier = clone(quick).fit(X, Y)
    data = skops_io.dumps(classifier)
    trusted = skops_io.get_untrusted_types(data=data)
    assert trusted == ["skdam.memories._classifier.DenseMemoryClassifier"]
    carried = [
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
        skops_io.loads(data, trusted=trusted),
    ]
    for other in carried:
        np.testing.assert_array_equal(other.decision_function(X), classifier.decision_function(X))
        np.testing.assert_array_equal(other.partial_fit(X, Y).memories_, carried[0].memories_)


def test_callbacks_hear_of_each_epoch():
    class Counting:
        begun = ended = 0
        max_estimator_depth = 1

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **kwargs):
            Counting.begun += context.task_name == "epoch"

        def on_fit_task_end(self, estimator, context, **kwargs):
            Counting.ended += context.task_name == "epoch"

        def teardown(self, estimator, context):
            pass

    classifier = clone(quick)
    knows = hasattr(classifier, "set_callbacks")  # scikit-learn >= 1.9
    if knows:
        classifier.set_callbacks(Counting())
    classifier.fit(X, Y)
    assert Counting.begun == Counting.ended == 5 * knows


def test_blobs_in_two_dimensions():
    rows, labels = make_blobs(300, centers=4, cluster_std=0.5, random_state=1)
    assert (
        DenseMemoryClassifier(20, degree=5, random_state=0).fit(rows, labels).score(rows, labels)
        > 0.97
    )
