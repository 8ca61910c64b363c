"""How a dense classifier is fitted: what it settles first, and its epochs."""

import copy

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from .._callbacks import Told
from .._math import distinct_rows
from .._saved import Saved
from .._threads import single_blas
from .._validation import check_labels, check_rows, check_total, check_weights
from ..energies import VotingEnergy
from ._training import EarlyStop, Hooks, Learner, Task, errors

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
    _low: np.ndarray
    _high: np.ndarray
    _heaviest: float
    _degree: int
    _patterns: np.ndarray
    _velocity: np.ndarray
    _rate: float
    _rng: np.random.RandomState

    def _first_task(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        classes: ArrayLike | None = None,
    ) -> Task:
        """Settle the labels and the scale of the features; return the rows to learn."""
        X = check_rows(X, self, reset=True)
        labels, weights = check_labels(y, X, self), check_weights(sample_weight, X)
        check_total(weights)
        self.classes_ = np.unique(labels[weights > 0]) if classes is None else _distinct(classes)
        self._low, self._high = np.full((2, X.shape[1]), [[np.inf], [-np.inf]])
        # a power of two: to divide by it changes no digit, and keeps gradients in range
        self._heaviest = 2.0 ** (np.frexp(weights.max())[1] - 1)
        self.n_iter_, self.loss_curve_ = 0, np.empty(0)
        return self._task(X, labels, weights)

    def _task(self, X: np.ndarray, y: ArrayLike, sample_weight: ArrayLike | None) -> Task:
        """Return the distinct rows with positive weight, in lexicographic order."""
        labels, weights = check_labels(y, X, self), check_weights(sample_weight, X) / self._heaviest
        kept = weights > 0
        rows, labels, weights = X[kept].astype(np.float64), labels[kept], weights[kept]
        known = np.isin(labels, self.classes_)
        if not known.all():
            raise ValueError(f"y has labels that are not in classes: {np.unique(labels[~known])}.")
        self._see(rows)
        table = np.column_stack([self._scaled(rows), np.searchsorted(self.classes_, labels)])
        first, copy_of = distinct_rows(table)
        order = np.argsort(weights)  # sums depend on it, and must not depend on that of the rows
        totals = np.bincount(copy_of[order], weights[order], minlength=len(first))
        targets = 2.0 * np.eye(len(self.classes_))[table[first, -1].astype(int)] - 1.0
        return Task(np.ascontiguousarray(table[first, :-1]), targets, totals)

    def _see(self, rows: np.ndarray) -> None:
        """Settle the range of each feature that was constant so far."""
        flat = self._low >= self._high
        low, high = rows.min(axis=0, initial=np.inf), rows.max(axis=0, initial=-np.inf)
        self._low = np.where(flat, np.minimum(self._low, low), self._low)
        self._high = np.where(flat, np.maximum(self._high, high), self._high)

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        """Return rows in [-1, 1]: differences, for columns whose spread is a few last digits."""
        with np.errstate(over="ignore"):
            spread = self._high - self._low
            unit = np.where(spread < np.inf, 1.0, 0.25) * (spread > 0)
            low, high = self._low * unit, self._high * unit
            X = X.astype(np.float64, copy=False) * unit
            scaled = ((X - low) - (high - X)) / np.where(spread > 0, high - low, 1.0)
        return np.clip(scaled, -1.0, 1.0)

    def _check_classes(self, classes: ArrayLike | None) -> None:
        if classes is not None and not np.array_equal(_distinct(classes), self.classes_):
            raise ValueError(
                f"classes={_distinct(classes)} are not those of the first call: {self.classes_}."
            )

    def _settle(self, task: Task, rng: np.random.RandomState) -> None:
        """Draw the first patterns, and settle the degree and the temperature."""
        shape = self.n_memories, task.rows.shape[1] + len(self.classes_)
        self._patterns = np.clip(rng.normal(_START, _SPREAD, shape), -1.0, 1.0)
        self._velocity, self._rate = np.zeros(shape), self.learning_rate
        self._degree = self.degree
        given = self.temperature
        self.temperature_ = self._best_temperature(task, rng) if given == "auto" else float(given)

    def _learner(self, temperature: float = 0.0) -> Learner:
        return Learner(
            self._patterns,
            len(self.classes_),
            (temperature or self.temperature_) * self._patterns.shape[1],
            self._degree,
            self.loss_exponent,
            self._rate,
            self.decay,
            self.momentum,
            self.batch_size,
            self._velocity,
        )

    def _keep(self, learner: Learner, losses: list[float], rng: np.random.RandomState) -> None:
        self._patterns, self._velocity = learner.patterns, learner.velocity
        self._rate, self._rng = learner.rate, copy.deepcopy(rng)
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
                losses[i] += errors(learner, held)[1]
        return TEMPERATURES[losses.argmin()]

    def _learn(self, task: Task, rng: np.random.RandomState, told: Told) -> str | None:
        """Learn for some epochs; return what is wrong with the temperature."""
        learner, losses, sizes, stop = self._learner(), [], [], None
        if self.early_stopping:
            task, held = _split(task, self.validation_fraction, rng)
            stop = EarlyStop(held, self.n_iter_no_change, learner.patterns)

        def epoch() -> bool:
            loss, size = learner.epoch(task, rng)
            losses.append(loss)
            sizes.append(size)
            return stop is not None and stop.asked(learner)

        told.repeat(epoch, self.max_iter, lambda: {"_patterns": learner.patterns})
        if stop is not None:
            learner.patterns = stop.best
        self._keep(learner, losses, rng)
        return self._complaint(losses[0], sizes[0], sizes[-1])

    def _learn_once(self, task: Task, rng: np.random.RandomState) -> str | None:
        """Learn for an epoch; return what is wrong with the temperature, if it is the first."""
        if not len(task):
            return None  # all weights are 0
        learner = self._learner()
        loss, size = learner.epoch(task, rng)
        self._keep(learner, [loss], rng)
        return self._complaint(loss, size, 1.0) if self.n_iter_ == 1 else None

    def _complaint(self, loss: float, first: float, last: float) -> str | None:
        """Return what is wrong with the temperature, by a loss and mean magnitudes of outputs."""
        if first > _SATURATED and loss > len(self.classes_):  # outputs of 0 would lose less
            what, wrong = "saturated", "low"
        elif last < _DULL:
            what, wrong = "all but 0", "high"
        else:
            return None
        return (
            f"The outputs are {what}, and hardly learn: temperature={self.temperature_:.3g} is too"
            f" {wrong} for degree={self._degree}."
        )

    def _begin_sequence(self, tasks: list[tuple], rng: np.random.RandomState) -> None:
        """Settle labels and scale by all tasks, and the temperature by the first."""
        self._validate_params()
        X, y = (np.concatenate(part) for part in zip(*tasks, strict=True))
        self._first_task(X, y, None)
        self._settle(self._task(check_rows(tasks[0][0], self), tasks[0][1], None), rng)

    def _learn_in_sequence(
        self, X: ArrayLike, y: ArrayLike, hooks: Hooks, rng: np.random.RandomState
    ) -> str | None:
        """Learn one more task, at rest; return what is wrong with the temperature."""
        task, learner = self._task(check_rows(X, self), y, None), self._learner()
        learner.rate, learner.velocity = self.learning_rate, np.zeros_like(learner.velocity)
        hooks.begin(learner, rng)
        with single_blas():  # products are small
            epochs = [learner.epoch(task, rng, hooks) for _ in range(self.max_iter)]
        hooks.finish(learner, task, rng)
        losses, sizes = zip(*epochs, strict=True)
        self._keep(learner, list(losses), rng)
        return self._complaint(losses[0], sizes[0], sizes[-1])

    def _energy(self) -> VotingEnergy:
        check_is_fitted(self)
        return self._learner().energy

    def __sklearn_is_fitted__(self) -> bool:
        return "_patterns" in vars(self)


def _distinct(classes: ArrayLike) -> np.ndarray:
    """Return labels in order."""
    with np.errstate(invalid="ignore"):  # scikit-learn casts NaN before it refuses it
        return unique_labels(classes)


def _split(task: Task, share: float, rng: np.random.RandomState) -> tuple[Task, Task]:
    """Hold a share of each class out, but at least one row out and one in.

    Of a class of one row none is held out; all rows are in and out if there are no other classes.
    """
    held = np.zeros(len(task), dtype=bool)
    for column in task.targets.T:
        rows = rng.permutation(np.flatnonzero(column > 0))
        held[rows[: max(int(share * len(rows)), min(1, len(rows) - 1))]] = True
    return (task[~held], task[held]) if held.any() else (task, task)
