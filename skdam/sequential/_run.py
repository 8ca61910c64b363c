"""Learn tasks one after another, and measure what is left of each."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..memories._classifier import DenseMemoryClassifier
from ._strategies import Naive, Strategy


@dataclass(frozen=True, eq=False)
class Retention:
    """How well each task is known after each.

    Attributes
    ----------
    accuracy_matrix : ndarray of shape (n_tasks, n_tasks)
        ``[k, j]`` is the accuracy on task j after learning task k; j > k are tasks to come.
    classifier : DenseMemoryClassifier
        As it is after the last task.
    """

    accuracy_matrix: np.ndarray
    classifier: DenseMemoryClassifier

    @property
    def average_accuracy(self) -> float:
        """The mean accuracy on all tasks after the last."""
        return float(self.accuracy_matrix[-1].mean())

    @property
    def plasticity(self) -> float:
        """The mean accuracy on each task just after it was learned."""
        return float(np.diag(self.accuracy_matrix).mean())

    @property
    def forgetting(self) -> float:
        """The mean fall from the best accuracy that a task ever had; 0 for a single task."""
        if len(self.accuracy_matrix) == 1:
            return 0.0
        learned = np.tril(self.accuracy_matrix[:-1])[:, :-1]
        return float((learned.max(axis=0) - self.accuracy_matrix[-1, :-1]).mean())

    @property
    def backward_transfer(self) -> float:
        """The mean change of a task's accuracy since it was learned; 0 for a single task."""
        if len(self.accuracy_matrix) == 1:
            return 0.0
        return float((self.accuracy_matrix[-1] - np.diag(self.accuracy_matrix))[:-1].mean())

    def __repr__(self) -> str:
        return (
            f"Retention({len(self.accuracy_matrix)} tasks: average accuracy"
            f" {self.average_accuracy:.2f}, forgetting {self.forgetting:.2f})"
        )


def learn_sequentially(
    classifier: DenseMemoryClassifier,
    tasks: Sequence[tuple],
    strategy: Strategy | None = None,
) -> Retention:
    """Learn tasks one after another, and score all of them after each.

    Parameters
    ----------
    classifier : DenseMemoryClassifier
        Cloned: it is left as it is. Each task is learned for `max_iter` epochs. Labels and the
        scale of the features are those of all tasks, the temperature is that of the first.
    tasks : sequence of (X_train, y_train, X_test, y_test)
        As of `skdam.datasets.make_permuted_tasks`.
    strategy : Strategy, optional
        Copied: it is left as it is. None stands for `Naive()`.

    Returns
    -------
    Retention

    Raises
    ------
    ValueError
        If there are no tasks, or one of them, or a parameter, is out of range.

    References
    ----------
    H. McAlister, A. Robins, L. Szymanski, "Sequential Learning in the Dense Associative Memory",
    2024, arXiv:2409.15729.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.datasets import make_permuted_tasks
    >>> from skdam.sequential import Rehearsal, learn_sequentially
    >>> tasks = make_permuted_tasks(*load_digits(return_X_y=True), n_tasks=2, random_state=0)
    >>> classifier = DenseMemoryClassifier(temperature=0.35, max_iter=5, random_state=0)
    >>> learn_sequentially(classifier, tasks, Rehearsal()).accuracy_matrix.shape
    (2, 2)
    """
    if not len(tasks):
        raise ValueError("There are no tasks.")
    learned, strategy = clone(classifier), copy.deepcopy(strategy or Naive())
    rng = check_random_state(learned.random_state)
    matrix = np.empty((len(tasks), len(tasks)))
    learned._begin_sequence([task[:2] for task in tasks], rng)
    for k, (X, y, _, _) in enumerate(tasks):
        learned._learn_in_sequence(X, y, strategy, rng)
        matrix[k] = [learned.score(rows, labels) for _, _, rows, labels in tasks]
    return Retention(matrix, learned)
