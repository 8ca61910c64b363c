"""The dense classifier: on digits, and as an estimator."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import train_test_split
from skops import io as skops_io

from skdam import DenseMemoryClassifier

X, Y = load_digits(return_X_y=True)
quick = DenseMemoryClassifier(10, max_iter=5, temperature=0.35, random_state=0)


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


def test_rows_without_weight_are_no_rows():
    rows, labels = np.vstack([X[:200], 1e9 * X[:3]]), np.append(Y[:200], [10, 11, 12])
    weights = np.append(np.ones(200), np.zeros(3))
    weighted, plain = clone(quick).fit(rows, labels, weights), clone(quick).fit(X[:200], Y[:200])
    np.testing.assert_array_equal(weighted.classes_, plain.classes_)
    np.testing.assert_array_equal(weighted.memories_, plain.memories_)
    before = pickle.dumps(plain)
    plain.partial_fit(rows[200:], labels[200:], sample_weight=np.zeros(3))
    assert pickle.dumps(plain) == before


def test_a_random_state_makes_it_reproducible():
    first, second, third = (clone(quick).set_params(random_state=s).fit(X, Y) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.memories_, second.memories_)
    assert (first.memories_ != third.memories_).any()
    rng, drawn = np.random.RandomState(0), np.random.get_state()[1].copy()
    fourth = clone(quick).set_params(random_state=rng).fit(X, Y)
    np.testing.assert_array_equal(fourth.memories_, first.memories_)
    rng.normal()  # what is drawn from it later is no concern of the classifier's
    np.testing.assert_array_equal(
        fourth.partial_fit(X, Y).memories_, first.partial_fit(X, Y).memories_
    )
    np.testing.assert_array_equal(np.random.get_state()[1], drawn)


def test_shapes_and_bounds():
    classifier = clone(quick).fit(X, Y)
    assert classifier.memories_.shape == (10, 64)
    assert classifier.class_memories_.shape == (10, 10)
    assert np.abs(classifier.memories_).max() <= 1.0
    assert classifier.decision_function(X[:7]).shape == (7, 10)
    assert len(clone(quick).fit(X, Y).fit(X, Y).loss_curve_) == 5
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


@pytest.mark.parametrize("ends", [(0, 5e-324), (1, 1 + 2**-52), (-1.7e308, 1.7e308), (1e8, 3e8)])
def test_features_are_scaled_to_both_ends(ends):
    labels, beyond = np.arange(18) % 2, np.finfo(float).max
    gentle = clone(quick).set_params(temperature=0.9)
    plain = clone(gentle).fit(np.tile([[-1.0], [1.0]], (9, 1)), labels)
    scaled = clone(gentle).fit(np.tile(np.reshape(ends, (2, 1)), (9, 1)), labels)
    np.testing.assert_array_equal(scaled.memories_, plain.memories_)
    for found, expected in [(ends, [-1.0, 1.0]), ([-beyond, beyond], [-1.0, 1.0])]:
        np.testing.assert_array_equal(
            scaled.decision_function(np.reshape(found, (2, 1))),
            plain.decision_function(np.reshape(expected, (2, 1))),
        )


def test_constant_features_are_ignored_until_they_vary():
    rows = np.column_stack([X, np.full(len(X), 3.0)])
    moved = rows.copy()
    moved[:, -1] = np.linspace(-8e307, 8e307, len(X))
    classifier = clone(quick).partial_fit(rows, Y, np.arange(10))
    before = classifier.decision_function(rows)
    np.testing.assert_array_equal(classifier.decision_function(moved), before)
    moved[:, -1] = Y
    classifier.partial_fit(moved, Y)
    assert (classifier.decision_function(moved) != classifier.decision_function(rows)).any()
    higher = moved + 0.0
    higher[:, -1] += 100.0
    classifier.partial_fit(higher, Y)  # its range is settled now
    top = np.where(np.arange(65) == 64, 9.0, moved)
    np.testing.assert_array_equal(
        classifier.decision_function(higher), classifier.decision_function(top)
    )


def test_parameters_set_after_fit_count_from_the_next():
    classifier = clone(quick).fit(X, Y)
    before = classifier.decision_function(X)
    votes = classifier.voting_memories(X)
    same = copy.deepcopy(classifier).partial_fit(X, Y)
    classifier.set_params(degree=2, n_memories=3, temperature=0.5)
    np.testing.assert_array_equal(classifier.decision_function(X), before)
    np.testing.assert_array_equal(classifier.voting_memories(X), votes)
    np.testing.assert_array_equal(classifier.partial_fit(X, Y).memories_, same.memories_)
    assert classifier.fit(X, Y).memories_.shape == (3, 64)


def test_early_stopping_keeps_the_best():
    settings = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 200}
    classifier = DenseMemoryClassifier(30, temperature=0.35, random_state=0, **settings).fit(X, Y)
    assert 3 < classifier.n_iter_ < 200
    assert classifier.score(X, Y) > 0.9
    shorter = clone(classifier).set_params(max_iter=classifier.n_iter_ - 3).fit(X, Y)
    np.testing.assert_array_equal(classifier.memories_, shorter.memories_)
    assert len(classifier.fit(X, Y).loss_curve_) == classifier.n_iter_


def test_partial_fit_goes_on():
    classifier = clone(quick).set_params(max_iter=1)
    for _ in range(6):
        for rows in np.array_split(np.arange(1200), 4):
            classifier.partial_fit(X[rows], Y[rows], classes=[9, *range(10)])
    assert classifier.classes_.tolist() == list(range(10))
    assert classifier.n_iter_ == 24
    assert classifier.score(X[1200:], Y[1200:]) > 0.6
    before = pickle.dumps(classifier)
    for rows, labels, classes, words in [
        (X[:3] * np.nan, Y[:3], None, "NaN"),
        (X[:3], [11, 1, 2], None, r"y has labels that are not in classes: \[11\]"),
        (X[:3], Y[:3], [1, 2], r"classes=\[1 2\] are not those of the first call"),
        (X[:3], Y[:3], [[1, 2], [3, 4]], "Unknown label type"),
        (X[:3], Y[:3], [np.nan, 1], "NaN"),
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

    with pytest.warns(ConvergenceWarning, match="saturated.*too low") as told:
        classifier.set_params(temperature=0.05).fit(X, Y)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_partial_fit_tells_of_a_wrong_temperature_once():
    classifier = DenseMemoryClassifier(degree=30, temperature=0.05)
    with pytest.warns(ConvergenceWarning, match="saturated.*too low") as told:
        classifier.partial_fit(X, Y, np.arange(10))
    assert len(told) == 1
    assert told[0].filename == __file__
    classifier.partial_fit(X, Y)


def test_outputs_that_are_sure_and_right_are_no_complaint():
    rows, labels = make_blobs(20_000, centers=2, cluster_std=0.1, random_state=0)
    settings = {"degree": 2, "temperature": 0.5, "batch_size": 5, "max_iter": 1, "random_state": 0}
    classifier = DenseMemoryClassifier(10, **settings).fit(rows, labels)
    assert classifier.score(rows, labels) == 1.0


def test_without_evidence_the_first_label_wins_and_all_memories_vote():
    classifier = clone(quick).set_params(degree=30, temperature=1e20)
    with pytest.warns(ConvergenceWarning, match="all but 0"):
        classifier.fit(X, np.where(Y > 4, "high", "low"))
    assert (classifier.decision_function(X) == 0).all()
    assert (classifier.predict(X) == "high").all()
    np.testing.assert_allclose(classifier.voting_memories(X), 10.0)


def test_a_column_of_labels_is_told_of_once():
    with pytest.warns(DataConversionWarning) as told:
        clone(quick).fit(X, Y[:, None])
    assert len(told) == 1


def test_it_asks_for_labels():
    with pytest.raises(ValueError, match=r"DenseMemoryClassifier requires y .* y is None"):
        clone(quick).fit(X, None)
    with pytest.raises(ValueError, match=r"DenseMemoryClassifier requires y .* y is None"):
        clone(quick).fit(X, Y).partial_fit(X, None)


def test_it_is_fitted_or_says_so():
    for name in ("predict", "decision_function", "voting_memories"):
        with pytest.raises(NotFittedError):
            getattr(DenseMemoryClassifier(), name)(X)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n_memories", [0, 2.5, True]),
        ("degree", [0, 2.5, True, "3"]),
        ("temperature", [0.0, -1.0, 1e-10, np.inf, np.nan, "cold", True]),
        ("loss_exponent", [0, 1.5, 257]),
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


class Listener:
    """A callback that scores each epoch, and asks to stop after some."""

    max_estimator_depth = 1

    def __init__(self, most=np.inf):
        self.most, self.begun, self.scores, self.ended = most, 0, [], 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        if context.task_name != "epoch":
            self.ended += 1
            return False
        self.scores.append(fitted_estimator.score(X, y, **metadata))
        return len(self.scores) >= self.most

    def teardown(self, estimator, context):
        pass


def test_callbacks_hear_of_each_epoch_and_may_stop():
    if not hasattr(quick, "set_callbacks"):  # scikit-learn < 1.9 has none, and nobody hears
        assert clone(quick).fit(X, Y).n_iter_ == 5
        return
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    early = {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 200}
    for listener, settings in [(Listener(), {}), (Listener(3), {}), (Listener(), early)]:
        classifier = clone(quick).set_params(**settings).set_callbacks(listener)
        classifier.fit(X, Y, weights)
        assert listener.begun == len(listener.scores) == classifier.n_iter_
        assert listener.ended == 1
        if not settings:
            assert classifier.n_iter_ == min(5, listener.most)
            assert listener.scores[-1] == classifier.score(X, Y, weights)


def test_blobs_in_two_dimensions():
    rows, labels = make_blobs(300, centers=4, cluster_std=0.5, random_state=1)
    assert (
        DenseMemoryClassifier(20, degree=5, random_state=0).fit(rows, labels).score(rows, labels)
        > 0.97
    )
