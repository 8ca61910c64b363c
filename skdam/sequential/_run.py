"""Learn tasks one after another, and measure what is left of each."""

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length, check_random_state

from .._validation import check_rows
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

    Examples
    --------
    Three tasks, of which the first is forgotten in part:

    >>> import numpy as np
    >>> from skdam import DenseMemoryClassifier
    >>> from skdam.sequential import Retention
    >>> accuracy = np.array([[0.9, 0.1, 0.1], [0.7, 0.9, 0.2], [0.5, 0.8, 0.9]])
    >>> retention = Retention(accuracy, DenseMemoryClassifier())
    >>> retention
    Retention(3 tasks: average accuracy 0.73, forgetting 0.25)
    >>> round(retention.plasticity, 2), round(retention.backward_transfer, 2)
    (0.9, -0.25)
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
        """The mean fall from the best accuracy since a task was learned; 0 for a single task."""
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
        The accuracy on each task after each, and the classifier that has learned them all.

    Raises
    ------
    ValueError
        If there are no tasks, or one of them, or a parameter, is out of range.
    TypeError
        If the rows of a task are sparse, masked or dates, the classifier is none that learns in
        sequence, or the strategy is none.

    Warns
    -----
    ConvergenceWarning
        If the temperature suits the first task as badly as `DenseMemoryClassifier.fit` says.

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
    strategy = Naive() if strategy is None else strategy
    for value, wanted in ((classifier, DenseMemoryClassifier), (strategy, Strategy)):
        if not isinstance(value, wanted):
            raise TypeError(f"{value!r} must be an instance of {wanted.__name__}.")
    learned, strategy = clone(classifier), copy.deepcopy(strategy)
    rows = _checked(tasks, learned)
    rng = check_random_state(learned.random_state)
    matrix = np.empty((len(tasks), len(tasks)))
    learned._begin_sequence(list(zip(rows, (task[1] for task in tasks), strict=True)), rng)
    check_rows(tasks[0][0], learned, reset=True)  # joined rows have lost the names of the features
    complaints = []
    for k, (X, y, _, _) in enumerate(tasks):
        complaints.append(learned._learn_in_sequence(X, y, strategy, rng))
        matrix[k] = [learned.score(rows, labels) for _, _, rows, labels in tasks]
    if complaints[0]:  # of later ones all may be wrong at first
        warnings.warn(f"In the first task: {complaints[0]}", ConvergenceWarning, stacklevel=2)
    return Retention(matrix, learned)


def _checked(tasks: Sequence[tuple], learned: DenseMemoryClassifier) -> list[np.ndarray]:
    """Return each task's rows to learn, after a look at all that it brings."""
    if not len(tasks):
        raise ValueError("There are no tasks.")
    rows = []
    for i, task in enumerate(tasks):
        if len(task) != 4:
            raise ValueError(
                f"tasks[{i}] must be (X_train, y_train, X_test, y_test), got {len(task)} parts."
            )
        X, y, X_test, y_test = task
        rows.append(check_rows(X, learned, reset=i == 0))
        check_rows(X_test, learned)
        check_consistent_length(X, y)
        check_consistent_length(X_test, y_test)
    return rows
