"""How well patterns came back: pure functions of arrays.

A state that is NaN (``outside="nan"``) is no answer: it is neither recalled nor new, and its error
is that of answering with the mean of the targets.
"""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import numpy as np
from numpy.typing import ArrayLike

from ._math import Floats, Points
from ._nearest import nearest
from ._relative_error import relative_error
from ._validation import NOT_NEGATIVE, check_allowed, check_named_rows

__all__ = ["novelty_rate", "recall_rate", "retrieval_error"]


def recall_rate(states: ArrayLike, targets: ArrayLike, *, tol: float = 0.0) -> float:
    r"""Return the share of states that are their target, ``|state - target| <= tol``.

    Parameters
    ----------
    states : array-like of shape (n, D)
        What came back, for example ``memory.transform(damaged)``. NaN is never recalled.
    targets : array-like of shape (n, D)
        What should have come back, row by row.
    tol : float, default=0.0
        Largest Euclidean distance at which a state counts as its target, in data units (k of D
        signs differ at a distance of ``2 * sqrt(k)``). 0 asks for equality bit for bit, which an
        Epanechnikov memory meets; other kernels reach a memory in the limit only.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the arrays are not of one shape, `targets` are not finite or `states` infinite, or `tol`
        is negative or not finite.

    See Also
    --------
    retrieval_error : How far they are from it.

    Notes
    -----
    Where one array is float32, the other is rounded to float32 before they are compared.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.metrics import recall_rate
    >>> X = [[0.0, 0.0], [3.0, 0.0], [4.0, 0.0]]
    >>> memory = EpanechnikovMemory(bandwidth=2.0).fit(X)
    >>> recall_rate(memory.transform(X), X)  # the last two merge
    0.3333333333333333
    >>> recall_rate(memory.transform(X), X, tol=0.5)
    1.0
    """
    tol = check_allowed(tol, "tol", NOT_NEGATIVE)
    found, wanted = _comparable(*_pairs(states, targets))
    points, rows = _points(wanted), np.arange(len(found))
    return float(np.mean(points.distances(points.lift(found), rows, rows) <= tol))


def retrieval_error(states: ArrayLike, targets: ArrayLike) -> float:
    r"""Return the root mean square error of the states, in units of the targets' spread.

    .. math:: \sqrt{\frac{\sum_i \lVert s_i - t_i \rVert^2}
              {\sum_i \lVert t_i - \bar t\, \rVert^2}}

    0: every state is its target. 1: no better than the mean of the targets for all of them, which
    is what a memory returns that has collapsed. (``1 - error**2`` is the share of the targets'
    variance that came back.)

    Parameters
    ----------
    states : array-like of shape (n, D)
        What came back. An entry that is NaN counts as the mean of the targets.
    targets : array-like of shape (n, D)
        What should have come back, row by row; at least two of them distinct.

    Returns
    -------
    float
        At least 0, without units: scaling or shifting all data changes nothing. Features count by
        their variance: scale those of different units first.

    Raises
    ------
    ValueError
        If the arrays are not of one shape, `targets` are not finite or all equal, or `states` are
        infinite.

    See Also
    --------
    recall_rate : The share that is exact.

    Examples
    --------
    >>> from skdam.metrics import retrieval_error
    >>> targets = [[0.0], [2.0], [4.0]]
    >>> retrieval_error(targets, targets), retrieval_error([[2.0], [2.0], [2.0]], targets)
    (0.0, 1.0)
    """
    found, wanted = _pairs(states, targets)
    error = relative_error(found, wanted, wanted)
    if np.isnan(error):
        raise ValueError("targets must hold at least 2 distinct rows: they have no spread.")
    return error


def novelty_rate(states: ArrayLike, memories: ArrayLike, *, tol: float = 0.0) -> float:
    r"""Return the share of states that are no memory, ``min |state - memory| > tol``.

    Parameters
    ----------
    states : array-like of shape (n, D)
        Retrieved states or samples. NaN is nothing new.
    memories : array-like of shape (K, D)
        What is stored, for example ``memory.memories_``.
    tol : float, default=0.0
        Largest Euclidean distance, in data units, at which a state counts as a memory.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the arrays have different numbers of columns, `memories` are not finite or `states`
        infinite, or `tol` is negative or not finite.

    See Also
    --------
    skdam.RetrievalResult : Its `recalled` says which memory each state is.

    Notes
    -----
    Where one array is float32, the other is rounded to float32 before they are compared.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.metrics import novelty_rate
    >>> X = [[0.0, 0.0], [3.0, 0.0], [4.0, 0.0]]
    >>> memory = EpanechnikovMemory(bandwidth=2.0).fit(X)
    >>> novelty_rate(memory.transform(X), X)  # (3.5, 0) is the mean of two
    0.6666666666666666
    """
    tol = check_allowed(tol, "tol", NOT_NEGATIVE)
    found = check_named_rows(states, "states", gaps=True)
    stored = check_named_rows(memories, "memories")
    if found.shape[1] != stored.shape[1]:
        raise ValueError(
            f"states and memories must have as many columns, got shapes {found.shape} and"
            f" {stored.shape}."
        )
    found, stored = _comparable(found, stored)
    answers, points = found[~np.isnan(found).any(axis=1)], _points(stored)
    return float(np.sum(nearest(points, points.lift(answers))[1] > tol) / len(found))


def _pairs(states: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
    """Return two arrays of one shape."""
    found = check_named_rows(states, "states", gaps=True)
    wanted = check_named_rows(targets, "targets")
    if found.shape != wanted.shape:
        raise ValueError(
            f"states and targets must have one shape, got {found.shape} and {wanted.shape}."
        )
    return found, wanted


def _comparable(*arrays: Floats) -> list[Floats]:
    """Return the arrays in float64, rounded to what the coarsest of them can hold."""
    coarsest = min((X.dtype for X in arrays), key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore"):
        return [X.astype(coarsest).astype(np.float64, copy=False) for X in arrays]


def _points(rows: Floats) -> Points:
    """Prepare rows for distances about as long as they are apart."""
    return Points.measured(rows, float((rows.max(axis=0) / 2 - rows.min(axis=0) / 2).max()))
