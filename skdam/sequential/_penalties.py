r"""Quadratic penalties: what earlier tasks need is held, each parameter by its importance.

.. math:: \tfrac\lambda2 \sum_i \Omega_i (\theta_i - \theta^*_i)^2

with theta* the patterns after the last task; importances of tasks add up. Which lambda is best
depends on the degree and the tasks: the defaults suit permuted digits at degrees 3 and 10.
"""

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from .._validation import NOT_NEGATIVE, check_allowed
from ..memories._training import Learner, Task
from ._strategies import Strategy

#: What keeps the importance of a parameter that did not move finite, in squared units.
_DAMPING = 0.1


@dataclass
class _Penalty(Strategy):
    """A quadratic penalty."""

    strength: float = 1.0
    _importance: np.ndarray | float = field(default=0.0, repr=False)
    _anchor: np.ndarray | float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        check_allowed(self.strength, "strength", NOT_NEGATIVE)

    @abstractmethod
    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        """Return the importance of each parameter for a task."""

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        """Nothing."""

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        return batch

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        return gradient + self.strength * self._importance * (learner.patterns - self._anchor)

    def finish(self, learner: Learner, task: Task, rng: np.random.RandomState) -> None:
        self._importance = self._importance + self.importance(learner, task)
        self._anchor = learner.patterns.copy()


@dataclass
class L2(_Penalty):
    """All parameters are held alike: each has an importance of 1 for each task.

    Parameters
    ----------
    strength : float, default=1.0
        The factor lambda >= 0 of the penalty, beside the loss summed over a batch.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import L2, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, L2(strength=100.0))
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        return np.ones_like(learner.patterns)


@dataclass
class EWC(_Penalty):
    """Elastic weight consolidation: the diagonal of Fisher's information (Kirkpatrick et al. 2017).

    That is the mean square of the gradients of single rows, with the labels that they have and the
    loss as the negative log likelihood.

    Parameters
    ----------
    strength : float, default=100.0
        The factor lambda >= 0 of the penalty, beside the loss summed over a batch.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import EWC, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, EWC())
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    strength: float = 100.0

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        return learner.energy.mean_power(
            task.rows, task.targets, task.weights, learner.exponent, power=2
        )


@dataclass
class MAS(_Penalty):
    """Memory aware synapses: how far outputs move with a parameter (Aljundi et al. 2018).

    That is the mean magnitude of the gradients, row by row, of their squared length.

    Parameters
    ----------
    strength : float, default=100.0
        The factor lambda >= 0 of the penalty, beside the loss summed over a batch.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import MAS, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, MAS(strength=1000.0))
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    strength: float = 100.0

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        # |c|^2 is the squared error with targets of 0
        return learner.energy.mean_power(
            task.rows, np.zeros_like(task.targets), task.weights, 1, power=1
        )


@dataclass
class SI(_Penalty):
    r"""Synaptic intelligence: what a parameter did for the fall of the loss (Zenke et al. 2017).

    .. math:: \Omega_i = \frac{\max(0, -\sum_t g_{ti} \Delta_{ti})}{(\sum_t \Delta_{ti})^2 + 0.1}

    with the gradient of the mean loss in step t, and what the parameter moved in it.

    Parameters
    ----------
    strength : float, default=30.0
        The factor lambda >= 0 of the penalty, beside the loss summed over a batch.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import SI, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_wine(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(20, temperature=0.35, max_iter=40, random_state=0)
    >>> learned = learn_sequentially(classifier, tasks, SI())
    >>> bool(learned.forgetting < learn_sequentially(classifier, tasks).forgetting)
    True
    """

    strength: float = 30.0
    _path: np.ndarray | float = field(default=0.0, repr=False)
    _last: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    _start: np.ndarray | float = field(default=0.0, repr=False)
    _total: float = field(default=1.0, repr=False)

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        self._path, self._last = np.zeros_like(learner.patterns), None
        self._start = learner.patterns.copy()

    def replay(self, batch: Task, rng: np.random.RandomState) -> Task:
        self._total = batch.weights.sum()
        return batch

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        self._follow(learner.patterns)
        self._last = learner.patterns, gradient / self._total
        return super().gradient(learner, gradient)

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        self._follow(learner.patterns)
        moved = learner.patterns - self._start
        return np.maximum(self._path, 0.0) / (moved**2 + _DAMPING)

    def _follow(self, patterns: np.ndarray) -> None:
        if self._last is not None:
            before, gradient = self._last
            self._path = self._path - gradient * (patterns - before)
