"""Learning in sequence: strategies against their papers' formulas, and what they must achieve."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdam import AttentionMemory, DenseMemoryClassifier
from skdam.datasets import make_permuted_tasks, make_rotated_tasks
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
every_strategy = pytest.mark.parametrize(
    "strategy", STRATEGIES, ids=lambda strategy: type(strategy).__name__
)


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
    """The gradients along small steps add up to what the mean loss fell by, batch by batch."""
    made, task = learner()
    made.rate, made.momentum = 1e-4, 0.0
    strategy, rng = SI(), np.random.RandomState(0)
    start = made.patterns
    for whole in (True, False):
        made.patterns = start
        strategy.begin(made, rng)
        path, first, steps = 0.0, made.gradient(task)[1], 200 if whole else 800
        for i in range(steps):
            batch = strategy.replay(task if whole else task[3 * (i % 4) : 3 * (i % 4) + 3], rng)
            gradient, before = made.gradient(batch)[0], made.patterns
            made.step(strategy.gradient(made, gradient))
            path = path - gradient / batch.weights.sum() * (made.patterns - before)
        importance = strategy.importance(made, task)
        fall = (first - made.gradient(task)[1]) / task.weights.sum()
        np.testing.assert_allclose(strategy._path, path, rtol=1e-9, atol=1e-15)
        expected = np.maximum(path, 0.0) / ((made.patterns - start) ** 2 + 0.1)
        np.testing.assert_allclose(importance, expected, rtol=1e-9, atol=1e-15)
        if whole:
            assert path.sum() == pytest.approx(fall, rel=0.02)


def test_a_parameter_that_let_the_loss_rise_is_not_held():
    made, task = learner()
    made.rate, strategy, rng = 1e-4, SI(), np.random.RandomState(0)
    strategy.begin(made, rng)
    gradient = made.gradient(strategy.replay(task, rng))[0]
    strategy.gradient(made, gradient)
    made.step(-gradient)
    assert (strategy.importance(made, task) == 0).all()
    assert strategy._path.sum() < 0


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
    more = strategy.importance(made, task)
    strategy.finish(made, task, rng)
    np.testing.assert_array_equal(strategy._importance, importance + more)
    np.testing.assert_array_equal(strategy._anchor, made.patterns)


def test_l2_holds_all_alike():
    made, task = learner()
    np.testing.assert_array_equal(L2().importance(made, task), np.ones((4, 9)))


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


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-40, 2.0**900])
def test_a_projection_has_no_scale(scale):
    """Gradients of a high exponent are tiny: 1e-12 is common."""
    rng = np.random.default_rng(0)
    gradient, references = rng.normal(size=600), rng.normal(size=(4, 600))
    references[0] = -gradient
    found = nearest_in_cone(gradient, references)
    np.testing.assert_allclose(references @ found, np.maximum(references @ found, 0), atol=1e-11)
    assert np.linalg.norm(found) < np.linalg.norm(gradient)
    np.testing.assert_allclose(nearest_in_cone(gradient * scale, references), found * scale)
    np.testing.assert_allclose(nearest_in_cone(gradient, references * scale), found)
    zero = np.zeros(600)
    np.testing.assert_array_equal(nearest_in_cone(zero, references), zero)
    same = np.repeat(references[:1], 9, axis=0)  # tasks that are copies
    np.testing.assert_allclose(nearest_in_cone(gradient, same), zero, atol=1e-12)


def test_averaged_gradients_take_out_what_undoes_them():
    """A-GEM, eq. 11 of its paper, for one memory or many."""
    strategy, rng, against = AGEM(), np.random.RandomState(0), 0
    olds = [learner(seed)[1] for seed in (1, 2)]
    for old in olds:
        strategy.finish(None, old, rng)
    for seed in range(30):
        made, task = learner(seed + 10)
        if seed % 2:
            task = Task(olds[0].rows, -olds[0].targets, olds[0].weights)
        g, mean = made.gradient(task)[0], sum(made.gradient(old)[0] for old in olds)
        along = np.sum(g * mean)
        expected = g - min(along, 0.0) / np.sum(mean**2) * mean
        np.testing.assert_allclose(strategy.gradient(made, g), expected, rtol=1e-9, atol=1e-9)
        against += along < 0
    assert 0 < against < 30


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
    assert len(strategy.replay(task[:11], rng)) == 11 + 2 * 6  # not fewer than there are
    np.testing.assert_array_equal(batch.rows[:10], task.rows[:10])
    for old in strategy._buffer:
        assert len(old) == 15
        assert sum((old.rows == row).all(axis=1).any() for row in batch.rows[10:]) == 5


def test_pseudorehearsal_keeps_what_the_network_says():
    made, task = learner()
    strategy, rng = Pseudorehearsal(n_samples=700), np.random.RandomState(0)
    strategy.begin(made, rng)
    assert len(strategy.replay(task, rng)) == len(task)  # an untrained network says nothing
    for seed in (1, 2):
        strategy.finish(made, task, rng)
        made.patterns = learner(seed)[0].patterns
        strategy.begin(made, rng)
        (probes,) = strategy._buffer
        np.testing.assert_array_equal(probes.targets, np.tanh(made.energy.evidence(probes.rows)))
        assert probes.rows.shape == (700, 6)
        assert 0.99 < probes.rows.max() <= 1.0
        assert -1.0 <= probes.rows.min() < -0.99
        np.testing.assert_allclose(probes.rows.mean(axis=0), 0.0, atol=0.1)
        assert len(strategy.replay(task, rng)) == 2 * len(task)


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


def test_penalties_hold_what_was_learned_as_they_come():
    prototypes = DenseMemoryClassifier(degree=10, temperature=0.5, max_iter=5, random_state=0)
    naive = learn_sequentially(prototypes, TASKS)
    for penalty in (L2, EWC, MAS, SI):
        held = learn_sequentially(prototypes, TASKS, penalty())
        assert held.average_accuracy > naive.average_accuracy - 0.01
        assert held.forgetting < naive.forgetting - 0.1


@every_strategy
def test_every_strategy_leaves_its_arguments_and_repeats_itself(strategy):
    before = copy.deepcopy(vars(strategy))
    first = learn_sequentially(quick, TASKS, strategy)
    second = learn_sequentially(quick, TASKS, strategy)
    assert vars(strategy) == before
    assert not hasattr(quick, "classes_")
    np.testing.assert_array_equal(first.accuracy_matrix, second.accuracy_matrix)
    assert first.classifier.n_iter_ == 6


def test_measures_are_those_of_the_matrix():
    matrix = np.array([[0.9, 0.85, 0.2], [0.5, 0.8, 0.1], [0.6, 0.4, 1.0]])
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


def test_turned_images_are_interpolated_and_black_beside():
    """Linear interpolation keeps a linear image, and a white one but for its corners."""
    r, c = np.mgrid[-4.0:5.0, -4.0:5.0]
    images = np.array([(r + 2.0 * c).ravel()] * 4 + [np.ones(81)] * 4)
    *_, task = make_rotated_tasks(images, [0] * 4 + [1] * 4, 8, random_state=0)
    ramps, whites = (task[0][task[1] == k].reshape(-1, 9, 9) for k in (0, 1))
    cos, sin = np.cos(7 * np.pi / 8), np.sin(7 * np.pi / 8)
    expected = (cos * r + sin * c) + 2.0 * (cos * c - sin * r)
    inner = r**2 + c**2 <= 16
    np.testing.assert_allclose(ramps[:, inner] - expected[inner], 0.0, atol=1e-12)
    np.testing.assert_allclose(whites[:, inner], 1.0)
    assert (whites[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()


def test_wrong_tasks_are_refused():
    X, y = DIGITS
    with pytest.raises(ValueError, match="square images, got 63"):
        make_rotated_tasks(X[:, 1:], y)
    with pytest.raises(ValueError, match="n_tasks"):
        make_permuted_tasks(X, y, 0)
    with pytest.raises(ValueError, match="no tasks"):
        learn_sequentially(quick, [])


def test_tasks_keep_the_precision_and_the_length_of_labels():
    X, y = DIGITS
    for make in (make_permuted_tasks, make_rotated_tasks):
        for task in make(X.astype(np.float32), y, 2, random_state=0):
            assert task[0].dtype == task[2].dtype == np.float32
        for wrong in (5.0, X[0]):
            with pytest.raises(ValueError, match="Expected 2D array"):
                make(wrong, y)
        with pytest.raises(ValueError, match="y should be a 1d array"):
            make(X, None)
        with pytest.raises(TypeError, match="toarray"):
            make(csr_array(X), y)


def changed(part, value):
    return [TASKS[0], tuple(value if i == part else old for i, old in enumerate(TASKS[1]))]


@pytest.mark.parametrize(
    ("tasks", "error", "words"),
    [
        ([TASKS[0][:2]], ValueError, r"tasks\[0\] must be \(X_train, .*got 2 parts"),
        (TASKS[0], ValueError, r"tasks\[0\] must be"),
        (changed(0, TASKS[1][0][:, :60]), ValueError, "X has 60 features"),
        (changed(2, TASKS[1][2][:, :60]), ValueError, "X has 60 features"),
        (changed(1, TASKS[1][1][:-1]), ValueError, "inconsistent numbers of samples"),
        (changed(3, TASKS[1][3][:-1]), ValueError, "inconsistent numbers of samples"),
        (changed(2, TASKS[1][2] * np.nan), ValueError, "NaN in 599 rows"),
        (changed(0, csr_array(TASKS[1][0])), TypeError, "toarray"),
        (changed(0, np.ma.array(TASKS[1][0], mask=TASKS[1][0] > 9)), TypeError, "masked array"),
    ],
)
def test_tasks_are_looked_at_before_any_is_learned(tasks, error, words, monkeypatch):
    monkeypatch.setattr(DenseMemoryClassifier, "_begin_sequence", pytest.fail)
    with pytest.raises(error, match=words):
        learn_sequentially(quick, tasks)


def test_wrong_strategies_are_refused():
    for strategy in ("rehearsal", Rehearsal):
        with pytest.raises(TypeError, match="must be an instance of Strategy"):
            learn_sequentially(quick, TASKS, strategy)
    with pytest.raises(TypeError, match="must be an instance of DenseMemoryClassifier"):
        learn_sequentially(AttentionMemory(), TASKS)
    for replaying in (Rehearsal, Pseudorehearsal, GEM, AGEM):
        for number in (0, -5, 2.5, True, None):
            with pytest.raises(ValueError, match=f"n_samples must be an int.*got {number}"):
                replaying(number)
    for penalty in (L2, EWC, MAS, SI):
        for number in (-1.0, np.nan, np.inf, True, "1"):
            with pytest.raises(ValueError, match=r"strength must be a float .*got"):
                penalty(number)


@pytest.mark.filterwarnings("error")
def test_names_of_features_are_kept_and_compared():
    names = [f"pixel {i}" for i in range(64)]
    framed = [
        tuple(pd.DataFrame(part, columns=names) if part.ndim == 2 else part for part in task)
        for task in TASKS
    ]
    named, plain = learn_sequentially(quick, framed), learn_sequentially(quick, TASKS)
    np.testing.assert_array_equal(named.accuracy_matrix, plain.accuracy_matrix)
    assert named.classifier.feature_names_in_.tolist() == names
    X, *rest = framed[2]
    with pytest.raises(ValueError, match="feature names should match"):
        learn_sequentially(quick, [*framed[:2], (X[names[::-1]], *rest)])


@pytest.mark.filterwarnings("ignore:In the first task")
@every_strategy
def test_tasks_may_lack_classes_rows_and_scale(strategy):
    for tasks in (
        [(X[y == k], y[y == k], A[b == k], b[b == k]) for k, (X, y, A, b) in enumerate(TASKS)],
        [(X[:1], y[:1], A[:3], b[:3]) for X, y, A, b in TASKS],
        [(X[:, 20:21], y, A[:, 20:21], b) for X, y, A, b in TASKS],
        [(X * 0.0, y, A * 0.0, b) for X, y, A, b in TASKS],
        [(X, y * 0, A, b * 0) for X, y, A, b in TASKS],
    ):
        retention = learn_sequentially(quick, tasks, strategy)
        assert np.isfinite(retention.classifier.memories_).all()
        assert np.isfinite(retention.accuracy_matrix).all()
    assert retention.average_accuracy == 1.0  # of a single class


def test_a_temperature_that_learns_nothing_is_told_once():
    dull = DenseMemoryClassifier(10, temperature=50.0, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="In the first task: .*temperature=50 ") as told:
        learn_sequentially(dull, TASKS)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_the_loss_of_an_epoch_is_a_mean_over_rehearsed_rows_too():
    class Twice(Naive):
        def replay(self, batch, rng):
            return batch.joined(batch)

    (alone, task), (rehearsing, _) = learner(), learner()
    alone.rate = rehearsing.rate = 0.0
    expected = alone.epoch(task, np.random.RandomState(0))
    found = rehearsing.epoch(task, np.random.RandomState(0), Twice())
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_task_does_not_go_on_with_the_momentum_of_the_one_before():
    once = learn_sequentially(quick, TASKS[:1]).classifier
    stopped = copy.deepcopy(once)
    stopped._velocity = np.zeros_like(once._velocity)
    X, y, _, _ = TASKS[1]
    for made in (once, stopped):
        made._learn_in_sequence(X, y, Naive(), np.random.RandomState(0))
    np.testing.assert_array_equal(once.memories_, stopped.memories_)
