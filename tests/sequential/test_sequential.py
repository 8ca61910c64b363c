"""Learning in sequence: strategies against their papers' formulas, and what they must achieve."""

import copy

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_digits

from skdam import DenseMemoryClassifier
from skdam.datasets import make_permuted_tasks, make_rotated_tasks
from skdam.displays import RetentionDisplay
from skdam.memories._training import Learner, Task
from skdam.sequential import (
    AGEM,
    EWC,
    GEM,
    L2,
    MAS,
    SI,
    Naive,
    Pseudorehearsal,
    Rehearsal,
    Retention,
    learn_sequentially,
)
from skdam.sequential._strategies import nearest_in_cone

DIGITS = load_digits(return_X_y=True)
TASKS = make_permuted_tasks(*DIGITS, n_tasks=3, random_state=0)
quick = DenseMemoryClassifier(10, temperature=0.35, max_iter=2, random_state=0)
penalties = pytest.mark.parametrize("penalty", [L2, EWC, MAS, SI])
STRATEGIES = [Naive(), Rehearsal(), Pseudorehearsal(), GEM(), AGEM(), L2(), EWC(), MAS(), SI()]


def learner(seed=0, n=12):
    rng = np.random.default_rng(seed)
    patterns = rng.uniform(-1, 1, (4, 6 + 3))
    made = Learner(patterns, 3, 4.0, 3, 4, 0.02, 1.0, 0.6, 5, np.zeros_like(patterns))
    targets = 2.0 * np.eye(3)[rng.integers(0, 3, n)] - 1.0
    return made, Task(rng.uniform(-1, 1, (n, 6)), targets, rng.uniform(0.5, 2.0, n))


def single_gradients(made, task, exponent, targets):
    ones = np.ones(1)
    return np.array(
        [
            made.energy.gradient(task.rows[i : i + 1], targets[i : i + 1], ones, exponent)[0]
            for i in range(len(task))
        ]
    )


def test_the_fisher_information_is_that_of_brute_force():
    made, task = learner()
    each = single_gradients(made, task, 4, task.targets)
    expected = np.average(each**2, axis=0, weights=task.weights)
    np.testing.assert_allclose(EWC().importance(made, task), expected, rtol=1e-12)


def test_aware_synapses_are_that_of_brute_force():
    made, task = learner()
    each = single_gradients(made, task, 1, np.zeros_like(task.targets))
    expected = np.average(np.abs(each), axis=0, weights=task.weights)
    np.testing.assert_allclose(MAS().importance(made, task), expected, rtol=1e-12)


def test_the_path_integral_is_the_fall_of_the_loss():
    """The gradients along small steps add up to what the loss fell by."""
    made, task = learner()
    made.rate, made.momentum = 1e-4, 0.0
    strategy, rng = SI(), np.random.RandomState(0)
    strategy.begin(made, rng)
    first = made.gradient(task)[1]
    for _ in range(200):
        made.step(strategy.gradient(made, made.gradient(task)[0]))
    strategy.finish(made, task, rng)
    assert strategy._path.sum() == pytest.approx(first - made.gradient(task)[1], rel=0.02)
    assert (strategy._importance >= 0).all()


@penalties
def test_a_penalty_pulls_back_by_its_formula(penalty):
    made, task = learner()
    strategy, rng = penalty(2.5), np.random.RandomState(0)
    strategy.begin(made, rng)
    made.step(strategy.gradient(made, made.gradient(task)[0]))
    strategy.finish(made, task, rng)
    anchor, importance = made.patterns.copy(), strategy._importance
    made.patterns = np.clip(anchor + 0.1, -1.0, 1.0)
    gradient = np.zeros_like(anchor)
    expected = 2.5 * importance * (made.patterns - anchor)
    np.testing.assert_allclose(strategy.gradient(made, gradient), expected, rtol=1e-12)
    strategy.finish(made, task, rng)
    assert (strategy._importance >= importance).all()


@penalties
def test_a_strength_of_zero_is_naive_bit_for_bit(penalty):
    naive = learn_sequentially(quick, TASKS)
    held = learn_sequentially(quick, TASKS, penalty(0.0))
    np.testing.assert_array_equal(held.classifier.memories_, naive.classifier.memories_)
    np.testing.assert_array_equal(held.accuracy_matrix, naive.accuracy_matrix)


@pytest.mark.parametrize("seed", range(20))
def test_the_projection_is_the_nearest_in_the_cone(seed):
    rng = np.random.default_rng(seed)
    gradient, references = rng.normal(size=6), rng.normal(size=(3, 6))
    found = nearest_in_cone(gradient, references)
    assert (references @ found >= -1e-9).all()
    best = minimize(
        lambda v: np.sum((v - gradient) ** 2),
        found + 0.1,
        constraints={"type": "ineq", "fun": lambda v: references @ v},
        options={"ftol": 1e-14, "maxiter": 500},
    ).x
    np.testing.assert_allclose(found, best, atol=1e-5)
    kept = nearest_in_cone(gradient, np.vstack([gradient, np.zeros(6)]))
    np.testing.assert_array_equal(kept, gradient)


@pytest.mark.parametrize("strategy", [GEM(), AGEM()], ids=str)
def test_projected_gradients_raise_no_earlier_loss(strategy):
    strategy, rng, n_changed = copy.deepcopy(strategy), np.random.RandomState(0), 0
    olds = [learner(seed)[1] for seed in (1, 2, 3)]
    for old in olds:
        strategy.finish(learner()[0], old, rng)
    for seed in range(30):
        made, task = learner(seed + 10)
        if seed % 2:  # the opposite of what was learned
            task = Task(olds[0].rows, -olds[0].targets, olds[0].weights)
        gradient = made.gradient(task)[0]
        projected = strategy.gradient(made, gradient)
        references = [made.gradient(old)[0] for old in strategy._memories]
        if isinstance(strategy, AGEM):
            references = [sum(references)]
        size = np.linalg.norm(gradient)
        for reference in references:
            assert np.sum(projected * reference) >= -1e-9 * size * np.linalg.norm(reference)
        n_changed += (projected != gradient).any()
    assert 0 < n_changed < 30


def test_rehearsal_joins_old_rows_of_every_task_alike():
    _, task = learner(n=40)
    strategy, rng = Rehearsal(n_samples=15), np.random.RandomState(0)
    assert strategy.replay(task[:10], rng) is not None
    for seed in (1, 2):
        strategy.finish(None, learner(seed, n=40)[1], rng)
    batch = strategy.replay(task[:10], rng)
    assert len(batch) == 20
    np.testing.assert_array_equal(batch.rows[:10], task.rows[:10])
    for old in strategy._buffer:
        assert len(old) == 15
        assert sum((old.rows == row).all(axis=1).any() for row in batch.rows[10:]) == 5


def test_pseudorehearsal_keeps_what_the_network_says():
    made, _ = learner()
    strategy = Pseudorehearsal(n_samples=7)
    strategy.begin(made, np.random.RandomState(0))
    (probes,) = strategy._buffer
    np.testing.assert_array_equal(probes.targets, np.tanh(made.energy.evidence(probes.rows)))
    assert np.abs(probes.rows).max() <= 1.0


@pytest.mark.parametrize("degree", [2, 3])
def test_rehearsal_remembers_and_nothing_beats_learning_all_at_once(degree):
    tasks = make_permuted_tasks(*DIGITS, random_state=0)
    classifier = DenseMemoryClassifier(degree=degree, temperature=0.35, max_iter=8, random_state=0)
    naive = learn_sequentially(classifier, tasks)
    rehearsed = learn_sequentially(classifier, tasks, Rehearsal())
    assert rehearsed.average_accuracy > naive.average_accuracy + 0.2
    X, y = (np.concatenate([task[i] for task in tasks]) for i in (0, 1))
    joint = classifier.fit(X, y)
    together = np.mean([joint.score(rows, labels) for _, _, rows, labels in tasks])
    assert rehearsed.average_accuracy < together + 0.02
    assert naive.forgetting > 0.4 > rehearsed.forgetting


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: type(strategy).__name__)
def test_every_strategy_leaves_its_arguments_and_repeats_itself(strategy):
    before = copy.deepcopy(vars(strategy))
    first = learn_sequentially(quick, TASKS, strategy)
    second = learn_sequentially(quick, TASKS, strategy)
    assert vars(strategy) == before
    assert not hasattr(quick, "classes_")
    np.testing.assert_array_equal(first.accuracy_matrix, second.accuracy_matrix)
    assert first.classifier.n_iter_ == 6


def test_measures_are_those_of_the_matrix():
    matrix = np.array([[0.9, 0.1, 0.2], [0.5, 0.8, 0.1], [0.6, 0.4, 1.0]])
    retention = Retention(matrix, quick)
    assert retention.average_accuracy == pytest.approx(2.0 / 3)
    assert retention.plasticity == pytest.approx(0.9)
    assert retention.forgetting == pytest.approx((0.3 + 0.4) / 2)
    assert retention.backward_transfer == pytest.approx((-0.3 - 0.4) / 2)
    assert repr(retention) == "Retention(3 tasks: average accuracy 0.67, forgetting 0.35)"
    single = Retention(matrix[:1, :1], quick)
    assert single.forgetting == single.backward_transfer == 0.0


def test_tasks_are_views_of_the_same_rows():
    X, y = DIGITS
    permuted = make_permuted_tasks(X, y, 3, random_state=0)
    rotated = make_rotated_tasks(X, y, 2, random_state=0)
    for tasks in (permuted, rotated):
        for task in tasks:
            assert [len(part) for part in task] == [1198, 1198, 599, 599]
            np.testing.assert_array_equal(task[1], tasks[0][1])
    for task in permuted[1:]:
        np.testing.assert_array_equal(np.sort(task[0], axis=1), np.sort(permuted[0][0], axis=1))
        assert (task[0] != permuted[0][0]).any()
    upright, turned = (task[0].reshape(-1, 8, 8) for task in rotated)
    np.testing.assert_allclose(turned, np.rot90(upright, axes=(1, 2)), atol=1e-9)
    assert {tuple(row) for row in upright.reshape(-1, 64)} <= {tuple(row) for row in X}


def test_wrong_tasks_are_refused():
    X, y = DIGITS
    with pytest.raises(ValueError, match="square images, got 63"):
        make_rotated_tasks(X[:, 1:], y)
    with pytest.raises(ValueError, match="n_tasks"):
        make_permuted_tasks(X, y, 0)
    with pytest.raises(ValueError, match="no tasks"):
        learn_sequentially(quick, [])


def test_the_display_shows_the_matrix():
    matrix = np.array([[0.9, 0.1], [0.4, 0.8]])
    display = RetentionDisplay.from_retention(Retention(matrix, quick))
    np.testing.assert_array_equal(display.image_.get_array(), matrix)
    words = [text.get_text() for text in display.ax_.texts]
    assert words == ["0.90", "(0.10)", "0.40", "0.80"]
    again = RetentionDisplay(matrix).plot(display.ax_)
    assert again.figure_ is display.figure_
