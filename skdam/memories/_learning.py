"""How a dense classifier is fitted: what it settles first, and its epochs."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from .._callbacks import told
from .._math import distinct_rows
from .._validation import check_labels, check_rows, check_total, check_weights
from ..energies import VotingEnergy
from ._base import Saved
from ._training import Hooks, Learner, Task

#: Temperatures that "auto" tries, as shares of N + A, how often, and for how many epochs.
TEMPERATURES, TRIALS, TRIAL_EPOCHS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9), 3, 10
#: Share of the rows on which it compares them.
_HELD_OUT = 0.2
#: Patterns start as noise around a value.
_START, _SPREAD = -0.3, 0.3
#: Mean magnitudes of the outputs: of the first epoch beyond which, and of the last up to which
#: they hardly learn.
_SATURATED, _DULL = 0.99, 0.01


class LearningClassifier(Saved):
    """The fitted half of a dense classifier."""

    n_memories: int
    degree: int
    temperature: float | str
    loss_exponent: int
    learning_rate: float
    decay: float
    momentum: float
    batch_size: int
    max_iter: int
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    classes_: np.ndarray
    n_features_in_: int
    temperature_: float
    loss_curve_: np.ndarray
    _patterns: np.ndarray
    _velocity: np.ndarray
    _rate: float

    def _first_task(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        classes: ArrayLike | None = None,
    ) -> Task:
        """Settle the labels and the scale of the features; return the rows to learn."""
        X = check_rows(X, self, reset=True)
        weights = check_weights(sample_weight, X)
        check_total(weights)
        labels = check_labels(y, X, self)[weights > 0]
        self.classes_ = np.unique(labels if classes is None else np.asarray(classes))
        rows = X[weights > 0].astype(np.float64)
        low, high = rows.min(axis=0), rows.max(axis=0)
        self._middle = low / 2.0 + high / 2.0
        self._half = np.where(high > low, high / 2.0 - low / 2.0, 1.0)
        self.n_iter_, self.loss_curve_ = 0, np.empty(0)
        return self._task(X, y, weights)

    def _task(self, X: np.ndarray, y: ArrayLike, sample_weight: ArrayLike | None) -> Task:
        """Return the distinct rows with positive weight, in lexicographic order."""
        labels, weights = check_labels(y, X, self), check_weights(sample_weight, X)
        known = np.isin(labels, self.classes_)
        if not known.all():
            raise ValueError(f"y has labels that are not in classes: {np.unique(labels[~known])}.")
        place = np.searchsorted(self.classes_, labels)
        table = np.column_stack([self._scaled(X), place])[weights > 0]
        first, copy_of = distinct_rows(table)
        totals = np.bincount(copy_of, weights[weights > 0], minlength=len(first))
        targets = 2.0 * np.eye(len(self.classes_))[table[first, -1].astype(int)] - 1.0
        return Task(np.ascontiguousarray(table[first, :-1]), targets, totals)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            scaled = (X.astype(np.float64, copy=False) - self._middle) / self._half
        return np.clip(scaled, -1.0, 1.0)

    def _check_classes(self, classes: ArrayLike | None) -> None:
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={np.unique(classes)} are not those of the first call: {self.classes_}."
            )

    def _settle(self, task: Task, rng: np.random.RandomState) -> None:
        """Draw the first patterns, and settle the temperature."""
        shape = self.n_memories, task.rows.shape[1] + len(self.classes_)
        self._patterns = np.clip(rng.normal(_START, _SPREAD, shape), -1.0, 1.0)
        self._velocity, self._rate, self._rng = np.zeros(shape), self.learning_rate, rng
        given = self.temperature
        self.temperature_ = self._best_temperature(task, rng) if given == "auto" else float(given)

    def _learner(self, temperature: float = 0.0) -> Learner:
        return Learner(
            self._patterns,
            len(self.classes_),
            (temperature or self.temperature_) * self._patterns.shape[1],
            self.degree,
            self.loss_exponent,
            self._rate,
            self.decay,
            self.momentum,
            self.batch_size,
            self._velocity,
        )

    def _keep(self, learner: Learner, losses: list[float]) -> None:
        self._patterns, self._velocity = learner.patterns, learner.velocity
        self._rate = learner.rate
        self.loss_curve_ = np.append(self.loss_curve_, losses)
        self.n_iter_ = len(self.loss_curve_)

    def _best_temperature(self, task: Task, rng: np.random.RandomState) -> float:
        """Return the temperature with the smallest loss on rows held out of short trials."""
        losses = np.zeros(len(TEMPERATURES))
        for _ in range(TRIALS):
            train, held = _split(task, _HELD_OUT, rng)
            seed = rng.randint(2**31 - 1)
            for i, temperature in enumerate(TEMPERATURES):
                learner, again = self._learner(temperature), np.random.RandomState(seed)
                for _ in range(TRIAL_EPOCHS):
                    learner.epoch(train, again)
                losses[i] += _errors(learner, held)[1]
        return TEMPERATURES[losses.argmin()]

    def _learn(self, task: Task, rng: np.random.RandomState, context: Any) -> None:
        """Learn for some epochs, and keep the patterns of the last, or of the best."""
        learner, losses, best = self._learner(), [], (np.inf, np.inf)
        kept, held, size, saturated = learner.patterns, task, 1.0, False
        if self.early_stopping:
            task, held = _split(task, self.validation_fraction, rng)
        since = 0
        for epoch in told(self, context, self.max_iter, lambda: {"_patterns": learner.patterns}):
            loss, size = learner.epoch(task, rng)
            losses.append(loss)
            saturated = size > _SATURATED if epoch == 0 else saturated
            if self.early_stopping:
                found = _errors(learner, held)
                since = 0 if found < best else since + 1
                if not since:
                    best, kept = found, learner.patterns
                if since >= self.n_iter_no_change:
                    break
        if self.early_stopping:
            learner.patterns = kept
        self._keep(learner, losses)
        if saturated or size < _DULL:
            what, wrong = ("saturated", "low") if saturated else ("all but 0", "high")
            warnings.warn(
                f"The outputs are {what}, and hardly learn: temperature={self.temperature_:.3g} is"
                f" too {wrong} for degree={self.degree}.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _begin_sequence(self, tasks: list[tuple], rng: np.random.RandomState) -> None:
        """Settle labels and scale by all tasks, and the temperature by the first."""
        self._validate_params()
        X, y = (np.concatenate(part) for part in zip(*tasks, strict=True))
        self._first_task(X, y, None)
        self._settle(self._task(check_rows(tasks[0][0], self), tasks[0][1], None), rng)

    def _learn_in_sequence(
        self, X: ArrayLike, y: ArrayLike, hooks: Hooks, rng: np.random.RandomState
    ) -> None:
        """Learn one more task under a strategy."""
        task, learner = self._task(check_rows(X, self), y, None), self._learner()
        learner.rate = self.learning_rate
        hooks.begin(learner, rng)
        with threadpool_limits(1, user_api="blas"):  # products are small
            losses = [learner.epoch(task, rng, hooks)[0] for _ in range(self.max_iter)]
        hooks.finish(learner, task, rng)
        self._keep(learner, losses)

    def _energy(self) -> VotingEnergy:
        check_is_fitted(self)
        return self._learner().energy

    def _prepare(self) -> None:
        """Nothing that a file should not hold."""

    def __sklearn_is_fitted__(self) -> bool:
        return "_patterns" in vars(self)


def _split(task: Task, share: float, rng: np.random.RandomState) -> tuple[Task, Task]:
    """Hold a share of each class out, and at least one row in; all of them twice if none is out."""
    held = np.zeros(len(task), dtype=bool)
    for column in task.targets.T:
        rows = rng.permutation(np.flatnonzero(column > 0))
        held[rows[: int(share * len(rows))]] = True
    return (task[~held], task[held]) if held.any() else (task, task)


def _errors(learner: Learner, task: Task) -> tuple[float, float]:
    """Return the weight of the rows that are classified wrongly, and their loss."""
    evidence = learner.energy.evidence(task.rows)
    wrong = evidence.argmax(axis=1) != task.targets.argmax(axis=1)
    with np.errstate(over="ignore"):
        loss = ((np.tanh(evidence) - task.targets) ** (2 * learner.exponent)).sum(axis=1)
    return float(task.weights @ wrong), float(task.weights @ loss)
