r"""Quadratic penalties: what earlier tasks need is held, each parameter by its importance.

.. math:: \tfrac\lambda2 \sum_i \Omega_i (\theta_i - \theta^*_i)^2

with theta* the patterns after the last task; importances of tasks add up.
"""

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

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
    """All parameters are held alike.

    Parameters
    ----------
    strength : float, default=1.0
        Lambda, beside the loss summed over a batch.
    """

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        return np.ones_like(learner.patterns)


@dataclass
class EWC(_Penalty):
    """Elastic weight consolidation: the diagonal of Fisher's information (Kirkpatrick et al. 2017).

    Parameters
    ----------
    strength : float, default=1.0
        Lambda, beside the loss summed over a batch.
    """

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        return learner.energy.mean_power(
            task.rows, task.targets, task.weights, learner.exponent, power=2
        )


@dataclass
class MAS(_Penalty):
    """Memory aware synapses: how far outputs move with a parameter (Aljundi et al. 2018).

    Parameters
    ----------
    strength : float, default=1.0
        Lambda, beside the loss summed over a batch.
    """

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        # |c|^2 is the squared error with targets of 0
        return learner.energy.mean_power(
            task.rows, np.zeros_like(task.targets), task.weights, 1, power=1
        )


@dataclass
class SI(_Penalty):
    """Synaptic intelligence: how much of the fall of the loss a parameter made (Zenke et al. 2017).

    Parameters
    ----------
    strength : float, default=1.0
        Lambda, beside the loss summed over a batch.
    """

    _path: np.ndarray | float = field(default=0.0, repr=False)
    _last: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    _start: np.ndarray | float = field(default=0.0, repr=False)

    def begin(self, learner: Learner, rng: np.random.RandomState) -> None:
        self._path, self._last = np.zeros_like(learner.patterns), None
        self._start = learner.patterns.copy()

    def gradient(self, learner: Learner, gradient: np.ndarray) -> np.ndarray:
        self._follow(learner.patterns)
        self._last = learner.patterns, gradient
        return super().gradient(learner, gradient)

    def importance(self, learner: Learner, task: Task) -> np.ndarray:
        self._follow(learner.patterns)
        moved = learner.patterns - self._start
        return np.maximum(self._path, 0.0) / (moved**2 + _DAMPING) / task.weights.sum()

    def _follow(self, patterns: np.ndarray) -> None:
        if self._last is not None:
            before, gradient = self._last
            self._path = self._path - gradient * (patterns - before)
