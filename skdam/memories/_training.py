"""How a dense classifier learns: batch by batch, with momentum, each memory at its own pace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._math import slices
from ..energies import VotingEnergy


@dataclass(frozen=True)
class Task:
    """Rows in [-1, 1], targets of +-1 for each class, and weights."""

    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: np.ndarray | slice) -> "Task":
        return Task(self.rows[part], self.targets[part], self.weights[part])

    def joined(self, other: "Task") -> "Task":
        """Return the rows of both."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Task(*(np.concatenate(pair) for pair in pairs))


class Hooks(Protocol):
    """What a strategy of learning in sequence does: around a task, and at each step."""

    def begin(self, learner: "Learner", rng: np.random.RandomState) -> None:
        """Prepare for a new task."""

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        """Return the batch to learn, with what is rehearsed."""

    def gradient(self, learner: "Learner", gradient: np.ndarray) -> np.ndarray:
        """Return the gradient to descend, before momentum and normalisation."""

    def finish(self, learner: "Learner", task: Task, rng: np.random.RandomState) -> None:
        """Remember what is needed of a task that was learned."""


@dataclass
class Learner:
    """Patterns that learn; a step is ``V <- p V - gradient``, ``xi <- xi + rate V / max |V|``.

    The largest change of each memory is the rate, whatever the gradient (Krotov and Hopfield 2016).
    """

    patterns: np.ndarray
    n_classes: int
    scale: float
    degree: int
    exponent: int
    rate: float
    decay: float
    momentum: float
    batch_size: int
    velocity: np.ndarray

    @property
    def energy(self) -> VotingEnergy:
        """The evidence of the patterns as they are."""
        return VotingEnergy(self.patterns, self.n_classes, self.scale, self.degree)

    def gradient(self, batch: Task) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the gradient of the loss, the loss and the outputs."""
        return self.energy.gradient(batch.rows, batch.targets, batch.weights, self.exponent)

    def epoch(
        self, task: Task, rng: np.random.RandomState, hooks: Hooks | None = None
    ) -> tuple[float, float]:
        """Learn all rows once; return the mean loss, and the mean magnitude of the outputs."""
        loss, weight, size, n_outputs = 0.0, 0.0, 0.0, 0
        for batch in self._batches(task, rng):
            rehearsed = batch if hooks is None else hooks.replay(batch, rng)
            gradient, part, outputs = self.gradient(rehearsed)
            self.step(gradient if hooks is None else hooks.gradient(self, gradient))
            loss += part
            weight += rehearsed.weights.sum()
            size += np.abs(outputs).sum()
            n_outputs += outputs.size
        self.rate *= self.decay
        return loss / weight, size / n_outputs

    def step(self, gradient: np.ndarray) -> None:
        """Go down a gradient."""
        self.velocity = self.momentum * self.velocity - gradient
        largest = np.abs(self.velocity).max(axis=1, keepdims=True)
        change = self.velocity / np.where(largest > 0, largest, 1.0)
        self.patterns = np.clip(self.patterns + self.rate * change, -1.0, 1.0)

    def _batches(self, task: Task, rng: np.random.RandomState) -> Iterator[Task]:
        order = rng.permutation(len(task))
        return (task[order[rows]] for rows in slices(len(task), self.batch_size))


@dataclass
class EarlyStop:
    """Held-out rows that ask to stop once they have not been learned better for some epochs.

    Better is fewer errors, or as many with a smaller loss.
    """

    held: Task
    patience: int
    best: np.ndarray
    _least: tuple[float, float] = (np.inf, np.inf)
    _since: int = 0

    def asked(self, learner: Learner) -> bool:
        """Look at an epoch's patterns, and return whether to stop."""
        found = errors(learner, self.held)
        self._since += 1
        if found < self._least:
            self._least, self.best, self._since = found, learner.patterns, 0
        return self._since >= self.patience


def errors(learner: Learner, task: Task) -> tuple[float, float]:
    """Return the weight of the rows that are classified wrongly, and their loss."""
    evidence = learner.energy.evidence(task.rows)
    wrong = evidence.argmax(axis=1) != task.targets.argmax(axis=1)
    loss = ((np.tanh(evidence) - task.targets) ** (2 * learner.exponent)).sum(axis=1)
    return float(task.weights @ wrong), float(task.weights @ loss)
