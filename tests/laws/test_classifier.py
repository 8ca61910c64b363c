"""Laws of the dense classifier: it learns from a set of rows, whatever their order and unit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdam import DenseMemoryClassifier

pytestmark = pytest.mark.filterwarnings("ignore:The outputs are")
seeds = st.integers(0, 2**32 - 1)
degrees = st.sampled_from([1, 2, 3, 20])
epochs = st.integers(1, 3)


def problem(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rng.integers(4, 12), rng.integers(1, 5)))
    return X, np.append([0, 1], rng.integers(0, rng.integers(2, 4), len(X) - 2)), rng


def learned(X, y, seed, degree=3, max_iter=2, weights=None, **settings):
    settings = {"temperature": 0.35, "batch_size": 4, "random_state": seed} | settings
    classifier = DenseMemoryClassifier(4, degree, max_iter=max_iter, **settings)
    return classifier.fit(X, y, sample_weight=weights)


def assert_same(classifier, X, other, theirs):
    """See that the two learned the same, bit for bit."""
    np.testing.assert_array_equal(other.memories_, classifier.memories_)
    np.testing.assert_array_equal(other.class_memories_, classifier.class_memories_)
    np.testing.assert_array_equal(other.decision_function(theirs), classifier.decision_function(X))


@given(seed=seeds, degree=degrees)
def test_order_of_the_rows_changes_no_bit(seed, degree):
    X, y, rng = problem(seed)
    order, weights = rng.permutation(len(X)), rng.uniform(0.5, 2.0, len(X))
    one = learned(X, y, seed, degree, weights=weights)
    other = learned(X[order], y[order], seed, degree, weights=weights[order])
    assert_same(one, X, other, X)
    np.testing.assert_array_equal(other.loss_curve_, one.loss_curve_)


@given(seed=seeds, degree=degrees)
def test_weights_are_copies_and_zero_is_none(seed, degree):
    X, y, rng = problem(seed)
    counts = rng.integers(0, 4, len(X))
    counts[:2] += 1
    weighted = learned(X, y, seed, degree, weights=counts)
    repeated = learned(np.repeat(X, counts, axis=0), np.repeat(y, counts), seed, degree)
    np.testing.assert_allclose(repeated.memories_, weighted.memories_, atol=1e-9)
    np.testing.assert_array_equal(repeated.classes_, weighted.classes_)


@given(seed=seeds, degree=degrees, power=st.integers(-300, 300))
def test_the_unit_of_features_and_weights_changes_no_bit(seed, degree, power):
    X, y, rng = problem(seed)
    weights = rng.uniform(0.5, 2.0, len(X))
    one = learned(X, y, seed, degree, weights=weights)
    scaled = np.ldexp(X, power)
    other = learned(scaled, y, seed, degree, weights=np.ldexp(weights, -power))
    assert_same(one, X, other, scaled)


@given(seed=seeds, degree=degrees)
def test_names_of_the_classes_do_not_matter(seed, degree):
    X, y, _ = problem(seed)
    names = np.array(["cat", "dog", "eel"])
    one, other = learned(X, y, seed, degree), learned(X, names[y], seed, degree)
    assert_same(one, X, other, X)
    assert other.predict(X).tolist() == names[one.predict(X)].tolist()


@given(seed=seeds, degree=degrees, max_iter=epochs)
def test_epochs_one_by_one_are_those_of_a_fit(seed, degree, max_iter):
    X, y, _ = problem(seed)
    whole = learned(X, y, seed, degree, max_iter)
    parts = DenseMemoryClassifier(**whole.get_params())
    for _ in range(max_iter):
        parts.partial_fit(X, y, classes=np.unique(y))
    assert_same(whole, X, parts, X)
    np.testing.assert_array_equal(parts.loss_curve_, whole.loss_curve_)


@given(seed=seeds, degree=degrees, max_iter=epochs)
def test_memories_stay_in_their_box_and_share_the_vote(seed, degree, max_iter):
    X, y, _ = problem(seed)
    classifier = learned(X, y, seed, degree, max_iter)
    patterns = np.hstack([classifier.memories_, classifier.class_memories_])
    assert (np.abs(patterns) <= 1.0).all()
    voting = classifier.voting_memories(X)
    assert (voting >= 1.0 - 1e-12).all()
    assert (voting <= 4.0 + 1e-12).all()
    assert len(classifier.loss_curve_) == max_iter
    best = classifier._energy().evidence(classifier._scaled(X)).argmax(axis=1)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[best])


@given(seed=seeds, degree=degrees)
def test_neither_features_nor_memories_nor_classes_have_an_order(seed, degree):
    X, y, rng = problem(seed)
    energy, n = learned(X, y, seed, degree)._energy(), X.shape[1]
    visible, units = np.split(energy.patterns, [n], axis=1)
    features, classes = rng.permutation(n), rng.permutation(energy.n_classes)
    mixed = rng.permutation(np.hstack([visible[:, features], units[:, classes]]))
    evidence = replace(energy, patterns=mixed).evidence(X[:, features])
    np.testing.assert_allclose(evidence, energy.evidence(X)[:, classes], rtol=1e-9, atol=1e-9)
