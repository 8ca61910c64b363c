"""Strategies against forgetting: what to replay, and what to do to the gradient."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

from .._validation import check_count
from ..memories._training import Learner, Task


@dataclass
class Strategy(ABC):
    """What a strategy does: before a task, at each step, and after a task.

    A strategy is used for one sequence: `learn_sequentially` works on a copy. A new one brings
    these four methods, or changes some of another's.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from skdam.sequential import Naive, Strategy
    >>> class Blurred(Naive):
    ...     def replay(self, batch, rng):
    ...         return replace(batch, rows=batch.rows + rng.normal(0.0, 0.1, batch.rows.shape))
    >>> isinstance(Blurred(), Strategy)
    True
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
    """Learn each task as if there were no others.

    What it forgets is what the other strategies are measured by.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import Naive, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, Naive())
    >>> bool(learned.forgetting > 0.3)
    True
    """

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

    def __post_init__(self) -> None:
        check_count(self.n_samples, "n_samples")

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

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import Rehearsal, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, Rehearsal(n_samples=50))
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Nothing."""

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        self._buffer.append(task[rng.permutation(len(task))[: self.n_samples]])


@dataclass
class Pseudorehearsal(_Replaying):
    """Keep no rows: label random ones by what was learned, before each new task (Robins 1995).

    The first task has nothing to be rehearsed beside it.

    Parameters
    ----------
    n_samples : int, default=200
        Random rows, evenly over [-1, 1].

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import Pseudorehearsal, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, Pseudorehearsal())
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    _has_learned: bool = field(default=False, repr=False)

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        if not self._has_learned:
            return
        n_features = learner.patterns.shape[1] - learner.n_classes
        probes = rng.uniform(-1.0, 1.0, (self.n_samples, n_features))
        outputs = np.tanh(learner.energy.evidence(probes))
        self._buffer = [Task(probes, outputs, np.ones(self.n_samples))]

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        self._has_learned = True


@dataclass
class _Projecting(Strategy):
    """Change a gradient that would undo what old rows ask for."""

    n_samples: int = 200
    _memories: list[Task] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        check_count(self.n_samples, "n_samples")

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

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import GEM, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, GEM())
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
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

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import AGEM, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, AGEM())
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        if not self._memories:
            return gradient
        references = np.array([learner.gradient(old)[0].ravel() for old in self._memories])
        mean = references.mean(axis=0, keepdims=True)
        return nearest_in_cone(gradient.ravel(), mean).reshape(gradient.shape)


def nearest_in_cone(gradient: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the nearest vector whose product with no reference is negative.

    Its dual are non-negative least squares: ``g + G^T v`` with v that minimises its length. They
    are solved among what the references span, and for vectors of order 1: the tolerance of the
    solver grows with the number of rows, and knows no scale.
    """
    kept, size = _rescaled(references), np.abs(gradient).max()
    if not size or not len(kept) or (kept @ (gradient / size) >= 0).all():
        return gradient
    basis, inside = np.linalg.qr(kept.T)
    return size * (gradient / size + nnls(inside, -basis.T @ (gradient / size))[0] @ kept)


def _rescaled(vectors: np.ndarray) -> np.ndarray:
    """Return those that are not 0, with a largest coordinate of 1 in magnitude."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return vectors[largest[:, 0] > 0] / largest[largest > 0, None]
