"""Strategies against forgetting: what to replay, and what to do to the gradient."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

from ..memories._training import Learner, Task


@dataclass
class Strategy(ABC):
    """What a strategy does: before a task, at each step, and after a task.

    A strategy is used for one sequence: `learn_sequentially` works on a copy.
    """

    @abstractmethod
    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Prepare for a new task, with what was learned from those before."""

    @abstractmethod
    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        """Return the batch to learn, with what is rehearsed."""

    @abstractmethod
    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient to descend, before momentum and normalisation."""

    @abstractmethod
    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        """Remember what is needed of a task that was learned."""


@dataclass
class Naive(Strategy):
    """Learn each task as if there were no others."""

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Nothing."""

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        return batch

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        return gradient

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        """Nothing."""


@dataclass
class _Replaying(Strategy):
    """Learn old rows with each batch."""

    n_samples: int = 200
    _buffer: list[Task] = field(default_factory=list, repr=False)

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        """Join as many old rows to a batch as it has itself, from each task alike."""
        share = -(-len(batch) // max(1, len(self._buffer)))
        for old in self._buffer:
            batch = batch.joined(old[rng.permutation(len(old))[:share]])
        return batch

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        return gradient


@dataclass
class Rehearsal(_Replaying):
    """Keep rows of each task, and learn some with every batch (Robins 1995).

    Parameters
    ----------
    n_samples : int, default=200
        Rows that are kept of each task.
    """

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Nothing."""

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        self._buffer.append(task[rng.permutation(len(task))[: self.n_samples]])


@dataclass
class Pseudorehearsal(_Replaying):
    """Keep no rows: label random ones by what was learned, before each new task (Robins 1995).

    Parameters
    ----------
    n_samples : int, default=200
        Random rows, evenly over [-1, 1].
    """

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        n_features = learner.patterns.shape[1] - learner.n_classes
        probes = rng.uniform(-1.0, 1.0, (self.n_samples, n_features))
        outputs = np.tanh(learner.energy.evidence(probes))
        self._buffer = [Task(probes, outputs, np.ones(self.n_samples))]

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        """Nothing."""


@dataclass
class _Projecting(Strategy):
    """Change a gradient that would undo what old rows ask for."""

    n_samples: int = 200
    _memories: list[Task] = field(default_factory=list, repr=False)

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Nothing."""

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        return batch

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        self._memories.append(task[rng.permutation(len(task))[: self.n_samples]])


@dataclass
class GEM(_Projecting):
    r"""Take the nearest gradient that raises the loss of no earlier task (Lopez-Paz, Ranzato 2017).

    .. math:: \min_{\tilde g} \lVert \tilde g - g \rVert^2,\quad \tilde g \cdot g_k \ge 0
              \text{ for each task } k

    Parameters
    ----------
    n_samples : int, default=200
        Rows that are kept of each task.
    """

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        if not self._memories:
            return gradient
        references = np.array([learner.gradient(old)[0].ravel() for old in self._memories])
        return nearest_in_cone(gradient.ravel(), references).reshape(gradient.shape)


@dataclass
class AGEM(_Projecting):
    r"""Take out what raises the mean loss of earlier tasks (Chaudhry et al. 2019).

    .. math:: \tilde g = g - \frac{\min(g \cdot \bar g, 0)}{\bar g \cdot \bar g}\, \bar g

    Parameters
    ----------
    n_samples : int, default=200
        Rows that are kept of each task.
    """

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        if not self._memories:
            return gradient
        reference = sum(learner.gradient(old)[0] for old in self._memories)
        along = np.sum(gradient * reference)
        if along >= 0:
            return gradient
        return gradient - along / np.sum(reference**2) * reference


def nearest_in_cone(gradient: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the nearest vector whose product with no reference is negative.

    Its dual are non-negative least squares: ``g + G^T v`` with v that minimises its length.
    """
    lengths = np.linalg.norm(references, axis=1)
    kept = references[lengths > 0] / lengths[lengths > 0, None]
    if not len(kept) or (kept @ gradient >= 0).all():
        return gradient
    return gradient + nnls(kept.T, -gradient)[0] @ kept
