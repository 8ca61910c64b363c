"""Tasks that come one after another."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import rotate
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d

from .._math import Floats
from .._validation import check_count, check_rows

#: Training rows and labels, then test rows and labels.
Task = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_permuted_tasks(
    X: ArrayLike,
    y: ArrayLike,
    n_tasks: int = 5,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> list[Task]:
    """Return tasks that are the same but for the order of the features.

    Parameters
    ----------
    X : array-like of shape (n, D)
        Rows.
    y : array-like of shape (n,)
        Labels.
    n_tasks : int, default=5
        Number of tasks. The first one is in the order given, each other one in an order of its own.
    random_state : int, RandomState or None, default=None
        What the orders, and the third of the rows that is for tests, are drawn with.

    Returns
    -------
    list of (X_train, y_train, X_test, y_test)
        All with the same rows.

    Raises
    ------
    ValueError
        If `n_tasks` is no positive integer, or `X` or `y` out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdam.datasets import make_permuted_tasks
    >>> tasks = make_permuted_tasks(*load_digits(return_X_y=True), n_tasks=3, random_state=0)
    >>> len(tasks), tasks[0][0].shape
    (3, (1198, 64))
    """
    rng = check_random_state(random_state)
    X = check_rows(X, single=True)
    orders = [np.arange(X.shape[1])]
    orders += [rng.permutation(len(orders[0])) for _ in range(check_count(n_tasks, "n_tasks") - 1)]
    return _tasks(X, y, rng, [partial(np.take, indices=order, axis=1) for order in orders])


def make_rotated_tasks(
    X: ArrayLike,
    y: ArrayLike,
    n_tasks: int = 5,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> list[Task]:
    """Return tasks that are the same but for the angle of the images.

    Parameters
    ----------
    X : array-like of shape (n, D)
        Square images, row by row.
    y : array-like of shape (n,)
        Labels.
    n_tasks : int, default=5
        They divide half a turn evenly; the first one is upright.
    random_state : int, RandomState or None, default=None
        What the third of the rows that is for tests is drawn with.

    Returns
    -------
    list of (X_train, y_train, X_test, y_test)
        All with the same rows.

    Raises
    ------
    ValueError
        If the images are not square, `n_tasks` is no positive integer, or `X` or `y` out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdam.datasets import make_rotated_tasks
    >>> len(make_rotated_tasks(*load_digits(return_X_y=True), n_tasks=2, random_state=0))
    2
    """
    X = check_rows(X, single=True)
    side = round(X.shape[1] ** 0.5)
    if side**2 != X.shape[1]:
        raise ValueError(f"X must hold square images, got {X.shape[1]} features.")

    def turned(rows: Floats, angle: float) -> Floats:
        images = rows.reshape(-1, side, side)
        return rotate(images, angle, axes=(1, 2), reshape=False, order=1).reshape(rows.shape)

    angles = np.arange(check_count(n_tasks, "n_tasks")) * 180.0 / n_tasks
    views = [partial(turned, angle=angle) for angle in angles]
    return _tasks(X, y, check_random_state(random_state), views)


def _tasks(
    rows: Floats, y: ArrayLike, rng: np.random.RandomState, views: Sequence[Callable]
) -> list[Task]:
    labels = column_or_1d(y, warn=True)
    train, test, known, truth = train_test_split(
        rows, labels, test_size=1 / 3, random_state=rng, stratify=labels
    )
    return [(view(train), known, view(test), truth) for view in views]
