"""How the dense classifier learns: against loops, complex steps and the training of its paper."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdam import DenseMemoryClassifier
from skdam.energies import VotingEnergy
from skdam.energies._voting import power
from skdam.memories import _learning
from skdam.memories._learning import _split
from skdam.memories._training import EarlyStop, Learner, Task, errors

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


def loss_of(patterns, scale, degree, V, targets, weights, exponent):
    """Return the loss by its definition; of complex patterns too."""
    total, n_classes = 0.0, targets.shape[1]
    for v, t, w in zip(V, targets, weights, strict=True):
        c = np.tanh(evidence(patterns, n_classes, scale, degree, v))
        total = total + w * sum((c - t) ** (2 * exponent))
    return total


def slope_of(patterns, *about):
    """Return the gradient of the loss by complex steps."""
    slope = np.empty_like(patterns)
    for place in np.ndindex(patterns.shape):
        moved = patterns.astype(complex)
        moved[place] += 1e-30j
        slope[place] = loss_of(moved, *about).imag / 1e-30
    return slope


@pytest.mark.parametrize("degree", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("exponent", [1, 2, 4])
def test_the_gradient_is_that_of_complex_steps(degree, exponent):
    patterns, V, targets, weights, energy = random_case(degree, seed=degree)
    gradient, loss, outputs = energy.gradient(V, targets, weights, exponent)
    about = 4.0, degree, V, targets, weights, exponent
    assert loss == pytest.approx(loss_of(patterns, *about), rel=1e-12)
    assert outputs.shape == (5, 3)
    np.testing.assert_allclose(gradient, slope_of(patterns, *about), rtol=1e-9, atol=1e-12)


def test_fit_is_the_training_of_the_paper():
    """Krotov and Hopfield 2016, eq. 11 and its section on training, with complex steps."""
    rng = np.random.RandomState(0)
    rows = np.unique(rng.choice([-1.0, -0.5, 0.25, 1.0], (9, 3)), axis=0)
    labels = np.arange(len(rows)) % 2
    settings = {"temperature": 0.4, "loss_exponent": 2, "learning_rate": 0.9, "decay": 0.9}
    settings |= {"momentum": 0.6, "batch_size": 4, "max_iter": 3, "random_state": 11}
    classifier = DenseMemoryClassifier(2, 3, **settings).fit(rows, labels)
    order = np.lexsort([labels, *rows.T[::-1]])
    V, targets, weights = rows[order], 2.0 * np.eye(2)[labels[order]] - 1.0, np.ones(len(rows))
    rng = np.random.RandomState(11)  # one whose start leaves [-1, 1]
    xi, velocity, rate, losses = np.clip(rng.normal(-0.3, 0.3, (2, 5)), -1, 1), 0.0, 0.9, []
    for _ in range(3):
        order, loss = rng.permutation(len(V)), 0.0
        for part in (order[:4], order[4:8], order[8:]):
            if len(part):
                about = 0.4 * 5, 3, V[part], targets[part], weights[part], 2
                loss += loss_of(xi, *about)
                velocity = 0.6 * velocity - slope_of(xi, *about)
                xi = xi + rate * velocity / np.abs(velocity).max(axis=1, keepdims=True)
                xi = np.clip(xi, -1, 1)
        losses.append(loss / len(V))
        rate *= 0.9
    assert (np.abs(xi) == 1).any()
    np.testing.assert_allclose(classifier.memories_, xi[:, :3], rtol=1e-9)
    np.testing.assert_allclose(classifier.class_memories_, xi[:, 3:], rtol=1e-9)
    np.testing.assert_allclose(classifier.loss_curve_, losses, rtol=1e-9)


def test_powers_are_powers():
    base = np.array([0.0, 0.5, -1.5])
    for exponent in range(12):
        np.testing.assert_allclose(power(base, exponent), base**exponent, rtol=1e-14)


@pytest.mark.parametrize("units", [None, -1.0])
@pytest.mark.parametrize("degree", [400, 3000])
def test_huge_degrees_stay_finite(degree, units):
    patterns, V, targets, weights, _ = random_case(2)
    if units is not None:
        patterns[:, -3:] = units  # the largest overlap is that with all class units off
    for scale in (0.1, 4.0, 1e3):
        energy = VotingEnergy(patterns, 3, scale, degree)
        assert np.isfinite(energy.evidence(V)).all()
        assert np.isfinite(energy.gradient(V, targets, weights, 4)[0]).all()
        votes = energy.votes(V, np.zeros(5, dtype=int))
        np.testing.assert_allclose(votes.sum(axis=1), 1.0)


def test_errors_and_losses_are_weighted_sums():
    patterns, V, targets, weights, energy = random_case(3)
    made = Learner(patterns, 3, 4.0, 3, 2, 0.1, 1.0, 0.0, 5, np.zeros_like(patterns))
    task = Task(V, targets, weights)
    wrong = weights[energy.evidence(V).argmax(axis=1) != targets.argmax(axis=1)].sum()
    loss = loss_of(patterns, 4.0, 3, V, targets, weights, 2)
    assert 0 < wrong < weights.sum()
    assert errors(made, task) == pytest.approx((wrong, loss), rel=1e-12)


def test_stopping_is_asked_for_after_some_epochs_without_progress(monkeypatch):
    found = iter([(3, 5.0), (3, 4.0), (4, 1.0), (3, 4.0), (3, 3.0), (3, 3.0), (3, 3.5), (4, 0.0)])
    monkeypatch.setattr("skdam.memories._training.errors", lambda learner, task: next(found))
    made = Learner(np.zeros((1, 2)), 1, 1.0, 2, 1, 0.1, 1.0, 0.0, 1, np.zeros((1, 2)))
    stop, asked = EarlyStop(Task(*np.zeros((3, 1))), 3, made.patterns), []
    for epoch in range(8):
        made.patterns = np.full((1, 2), float(epoch))
        asked.append(stop.asked(made))
    assert asked == [False] * 7 + [True]
    assert (stop.best == 4).all()


def test_each_class_of_two_rows_has_one_held_out_and_one_learned():
    sizes = [1, 2, 3, 9, 40]
    targets = 2.0 * np.repeat(np.eye(5), sizes, axis=0) - 1.0
    task = Task(np.arange(55.0)[:, None], targets, np.ones(55))
    for share, out in [(0.1, [0, 1, 1, 1, 4]), (0.5, [0, 1, 1, 4, 20]), (0.99, [0, 1, 2, 8, 39])]:
        learned, held = _split(task, share, np.random.RandomState(0))
        assert (held.targets > 0).sum(axis=0).tolist() == out
        assert sorted([*learned.rows[:, 0], *held.rows[:, 0]]) == list(range(55))
    single = Task(task.rows[:1], targets[:1], np.ones(1))
    assert [len(part) for part in _split(single, 0.5, np.random.RandomState(0))] == [1, 1]


def test_rows_held_out_are_not_learned(monkeypatch):
    sizes, epoch = [], Learner.epoch
    monkeypatch.setattr(Learner, "epoch", lambda *a: sizes.append(len(a[1])) or epoch(*a))
    clone(quick).set_params(early_stopping=True, validation_fraction=0.3).fit(X, Y)
    assert sizes == [sum(n - int(0.3 * n) for n in np.bincount(Y))] * 5


@pytest.mark.parametrize("seed", [5, 8, 9])  # where errors, one trial, or learned rows mislead
def test_the_temperature_is_that_of_the_smallest_loss_in_short_trials(seed):
    rows, labels, shares = X[:60], Y[:60] % 3, [0.1, 0.2, 0.35, 0.5, 0.7, 0.9]
    settings = {"degree": 5, "max_iter": 4, "random_state": seed}
    found = DenseMemoryClassifier(5, **settings).fit(rows, labels)
    rng, losses = np.random.RandomState(seed), np.zeros(6)
    task = found._first_task(rows, labels, None)
    start = np.clip(rng.normal(-0.3, 0.3, (5, 67)), -1, 1)
    for _ in range(3):
        train, held = _split(task, 0.2, rng)
        again = rng.randint(2**31 - 1)
        for i, share in enumerate(shares):
            made = Learner(start, 3, 67 * share, 5, 4, 0.02, 0.998, 0.6, 100, np.zeros((5, 67)))
            drawn = np.random.RandomState(again)
            for _ in range(10):
                made.epoch(train, drawn)
            losses[i] += errors(made, held)[1]
    assert found.temperature_ == shares[losses.argmin()]
    made = Learner(
        start, 3, 67 * found.temperature_, 5, 4, 0.02, 0.998, 0.6, 100, np.zeros((5, 67))
    )
    for _ in range(4):
        made.epoch(task, rng)
    np.testing.assert_array_equal(found.memories_, made.patterns[:, :64])


@pytest.mark.parametrize(
    ("loss", "first", "last", "words"),
    [
        (10.1, 0.991, 0.5, "low"),
        (9.9, 0.991, 0.5, None),
        (10.1, 0.989, 0.5, None),
        (9.9, 0.5, 0.009, "high"),
        (9.9, 0.009, 0.011, None),
    ],
)
def test_complaints_are_of_wrong_outputs_or_none(loss, first, last, words):
    found = clone(quick).fit(X, Y)._complaint(loss, first, last)
    assert (found is None) if words is None else (f"too {words} for degree=3" in found)


def test_complaints_are_of_the_first_loss(monkeypatch):
    seen = []
    monkeypatch.setattr(
        _learning.LearningClassifier, "_complaint", lambda self, *about: seen.append(about)
    )
    classifier = clone(quick).fit(X, Y)
    ((loss, first, last),) = seen
    assert loss == classifier.loss_curve_[0]
    assert first != last


def test_sums_of_weights_do_not_depend_on_the_order_of_rows():
    rows, labels = np.repeat(X[:60], 5, axis=0), np.repeat(Y[:60], 5)
    rng = np.random.default_rng(0)
    weights, order = rng.uniform(0.1, 1.0, 300), rng.permutation(300)
    plain = clone(quick).fit(rows, labels, weights)
    moved = clone(quick).fit(rows[order], labels[order], weights[order])
    np.testing.assert_array_equal(moved.memories_, plain.memories_)


@pytest.mark.parametrize("unit", [2.0**1016, 2.0**-1012])
def test_the_unit_of_weights_does_not_matter(unit):
    weights = np.random.default_rng(0).uniform(0.1, 1.0, 200)
    plain, other = clone(quick), clone(quick)
    for _ in range(2):
        plain.partial_fit(X[:200], Y[:200], np.arange(10), weights)
        other.partial_fit(X[:200], Y[:200], np.arange(10), weights * unit)
    np.testing.assert_array_equal(other.memories_, plain.memories_)
    np.testing.assert_array_equal(other.loss_curve_, plain.loss_curve_)


def test_partial_fit_of_all_rows_is_an_epoch_of_fit():
    fitted, classifier = clone(quick).fit(X, Y), clone(quick)
    for _ in range(5):
        classifier.partial_fit(X, Y, classes=np.arange(10))
    np.testing.assert_array_equal(classifier.memories_, fitted.memories_)
    np.testing.assert_array_equal(classifier.loss_curve_, fitted.loss_curve_)
    more = classifier.partial_fit(X, Y), fitted.partial_fit(X, Y)
    np.testing.assert_array_equal(more[0].memories_, more[1].memories_)


@pytest.mark.parametrize(
    ("owner", "name", "n_calls"),
    [
        (_learning, "check_labels", 1),
        (_learning, "distinct_rows", 1),
        (VotingEnergy, "gradient", 2),
        (Learner, "step", 3),
    ],
)
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_call_changes_nothing(owner, name, n_calls, error, monkeypatch):
    classifier = clone(quick).partial_fit(X, Y, np.arange(10))
    before, calls, work = pickle.dumps(classifier), [], getattr(owner, name)

    def interrupted(*args):
        calls.append(name)
        if len(calls) == n_calls:
            calls.clear()
            raise error
        return work(*args)

    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(error):
        classifier.partial_fit(X[:, ::-1], Y)
    assert pickle.dumps(classifier) == before
    with pytest.raises(error):
        classifier.fit(X[:400, :7], Y[:400] % 3)
    assert pickle.dumps(classifier) == before
    fresh = clone(quick)
    with pytest.raises(error):
        fresh.fit(X, Y)
    assert vars(fresh) == vars(quick)
