"""Novelty: rows that the density of all *other* stored rows finds too unlikely."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted

from .._math import LOWEST, Floats, Integers, row_blocks
from .._saved import Saved
from .._validation import Number, all_or_nothing, check_rows
from ..energies import KernelEnergy
from ..kernels import KERNELS
from ..memories._kernel import EpanechnikovMemory
from ..memories._kernel_base import KERNEL_MEMORY, BaseKernelMemory

#: The share of the Gaussian tail in the density of a compact kernel. From .001 to .1 the AUROC on
#: digits is the same to .001, whatever the bandwidth (`benchmarks/novelty.py`).
TAIL_SHARE = 0.01
#: Scores that differ by less, in nats or relative to their size, are equal up to rounding.
TIE = 1e-9
#: Relative rounding of sums of weights.
_ROUNDING = 1e-12


class MemoryNoveltyDetector(OutlierMixin, Saved):
    r"""Flag rows that are unlike all that a kernel memory stores.

    A row is scored by the normalised log density of the memory. A compact kernel has none off its
    support, where novelties are; there its density p is continued by a Gaussian one, g, over the
    same memories and weights:

    .. math:: s(x) = \log\big((1 - \eta)\, p(x) + \eta\, g(x)\big), \qquad \eta = 0.01

    In each coordinate the Gaussian has the variance of the memory's kernel (for the Epanechnikov
    kernel ``bandwidth_**2 / (D + 4)``), the only one that leaves mean and covariance of the density
    as they are. So s is the log of a density again, finite and without a jump at any rim; off the
    support it falls with the squared distance to the nearest memories. Kernels without an end need
    no tail: there s is the memory's log density itself.

    A stored row does not speak for itself: p and g leave it out, with all its copies. What is odd
    among the rows of `fit` is thus found by `fit_predict`, and the limit for new rows, a quantile
    of the scores of the stored ones, flags about a share `alarm_rate` of new rows like these (the
    jackknife [1]_).

    Parameters
    ----------
    memory : EpanechnikovMemory, GaussianMemory or KernelMemory, default=None
        The memory, which is cloned; None means ``EpanechnikovMemory()``. Give one to reach its
        parameters in a search, as ``memory__bandwidth``. Those of its retrieval do not matter here.
    alarm_rate : float, default=0.05
        The share of new rows like the stored ones to flag, in (0, 0.5].

    Attributes
    ----------
    offset_ : float
        The limit, in nats: rows that score less are flagged. It is the smallest training score
        that, with those below it, has a share of at least `alarm_rate` of the weight; less 1e-9 of
        it (and at least 1e-9), so that rounding flags none of several rows that score alike.
    training_scores_ : ndarray of shape (K,), float64
        The scores of the stored rows, in the order of ``memory_.memories_`` (rows of no weight are
        not stored).
    memory_ : EpanechnikovMemory, GaussianMemory or KernelMemory
        The fitted memory.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    See Also
    --------
    EpanechnikovMemory.score_samples : The density alone, -inf off the support.
    skdam.bandwidths.leave_one_out_log_likelihood : The same at stored rows, each left out.

    Notes
    -----
    The share flagged is a mean over training sets: from one of K rows to the next it varies by
    about ``sqrt(alarm_rate / K)``. Only distinct scores can be told apart: where rows are few or
    equal, the share is off by up to the weight of one.

    A stored row is known by its exact values. One that is unlike the others is flagged whenever it
    comes back, however many copies it has, since all of them are left out; a new row a little
    beside it is not.

    Weights count as copies do, and scaling them all changes nothing (but for the bandwidth rules
    "scott" and "silverman"). All features count alike: scale them first if their units differ.

    A fitted detector holds its training rows verbatim: a file of it is training data.

    References
    ----------
    .. [1] R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, "Predictive inference with the
       jackknife+", Annals of Statistics 49(1), 2021.
    .. [2] B. Hoover, Z. Shi, K. Balasubramanian, D. Krotov, P. Ram, "Dense Associative Memory with
       Epanechnikov Energy", 2025, arXiv:2506.10801: the density that is continued here.

    Examples
    --------
    >>> from skdam import MemoryNoveltyDetector
    >>> X = [[0.0], [0.1], [0.2], [0.3], [0.5], [0.6], [0.7], [2.0]]
    >>> detector = MemoryNoveltyDetector(alarm_rate=0.25).fit(X)
    >>> detector.predict([[0.15], [0.65], [1.2]])
    array([ 1,  1, -1])
    >>> detector.fit_predict(X)  # the last is stored, but like no other
    array([ 1,  1,  1,  1,  1,  1,  1, -1])
    """

    _parameter_constraints: ClassVar[dict] = {
        "memory": [KERNEL_MEMORY, None],
        "alarm_rate": [Number(Real, 0, 0.5, closed="right")],
    }

    def __init__(self, memory: BaseKernelMemory | None = None, *, alarm_rate: float = 0.05) -> None:
        self.memory = memory
        self.alarm_rate = alarm_rate

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Store the rows of X and find the limit.

        Parameters
        ----------
        X : array-like of shape (K, D)
            What is not novel.
        y : ignored
        sample_weight : array-like of shape (K,), optional
            Weights >= 0 of the rows, in the density and in the quantile. A weight of 2 is the same
            as a repeated row, 0 the same as none.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or `sample_weight` is out of range, a bandwidth rule finds no scale,
            or fewer than two stored rows are distinct: none could then be left out.
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            check_rows(X, self, reset=True)
            memory = EpanechnikovMemory() if self.memory is None else clone(self.memory)
            energy = memory.fit(X, sample_weight=sample_weight)._energy()
            scores = _left_out_scores(memory, energy)
            self.training_scores_ = scores[energy.patterns.place]
            limit = _weighted_quantile(scores, energy.patterns.weights, self.alarm_rate)
            self.offset_ = max(LOWEST, limit - TIE * max(1.0, abs(limit)))
            self.memory_ = memory
            return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the continued log density of each row: the lower, the more novel.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In nats, finite: a row whose squared distance, in bandwidths, is beyond float64 (1e154
            bandwidths away, say) gets the most negative float, a stored row its training score.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        check_is_fitted(self)
        X = check_rows(X, self)

        def scores(part: slice) -> Floats:
            return self._scores(X[part].astype(np.float64, copy=False))

        return np.concatenate(self.memory_._split(scores, len(X)))

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return how far each row scores above the limit, ``score_samples(X) - offset_``.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64
            In nats; negative for rows that are flagged.

        Raises
        ------
        ValueError
            As `score_samples`.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return -1 for rows that score below the limit, 1 for the others.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), int

        Raises
        ------
        ValueError
            As `score_samples`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def fit_predict(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit to X, then predict the same rows: which of them are unlike all the others.

        Parameters
        ----------
        X : array-like of shape (K, D)
        y : ignored
        sample_weight : array-like of shape (K,), optional
            As in `fit`.

        Returns
        -------
        ndarray of shape (K,), int
            ``fit(X, y, sample_weight).predict(X)``: -1 for less than a share `alarm_rate` of the
            weight, 1 for the others. A row of weight 0 is judged as any new row.

        Raises
        ------
        ValueError, TypeError
            As `fit`.
        """
        return self.fit(X, y, sample_weight).predict(X)

    def _scores(self, X: Floats) -> Floats:
        """Return the scores of new rows, and the training scores of stored ones."""
        energy = self.memory_._energy()
        place = find_rows(energy.patterns.points.rows, X)
        scores, new = self.training_scores_[energy.patterns.first[place]], place < 0
        rows = X if new.all() else X[new]
        scores[new] = continued(energy, lambda each: each.log_density(rows))
        return scores


def continued(energy: KernelEnergy, log_density: Callable[[KernelEnergy], Floats]) -> Floats:
    """Return a log density of this energy, with the Gaussian tail if its kernel has an end."""
    with np.errstate(divide="ignore"):  # too far for any term
        scores = log_density(energy)
        if np.isfinite(energy.kernel.support):
            tail = log_density(gaussian_twin(energy))
            scores = np.logaddexp(np.log1p(-TAIL_SHARE) + scores, np.log(TAIL_SHARE) + tail)
        return np.maximum(scores, LOWEST)


def gaussian_twin(energy: KernelEnergy) -> KernelEnergy:
    """Return the Gaussian energy over the same memories whose kernel has the same variance."""
    deviation = np.sqrt(energy.kernel.variance(energy.patterns.points.rows.shape[1]))
    return replace(energy, kernel=KERNELS["gaussian"]).at(energy.bandwidth * float(deviation))


def find_rows(rows: Floats, X: Floats) -> Integers:
    """Return which of the rows, distinct and in lexicographic order, each row of X is, or -1."""
    place = np.empty(len(X), dtype=np.intp)
    for part in row_blocks(len(X), 32 * X.shape[1]):
        place[part] = _bisect(rows, X[part])
    return place


def _bisect(rows: Floats, X: Floats) -> Integers:
    every, last = np.arange(len(X)), len(rows) - 1
    low, high = np.zeros(len(X), dtype=np.intp), np.full(len(X), len(rows))
    for _ in range(len(rows).bit_length()):
        middle = np.minimum((low + high) // 2, last)
        column = (rows[middle] != X).argmax(axis=1)  # the first that differs
        less = rows[middle, column] < X[every, column]
        low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
    place = np.minimum(low, last)
    return np.where((rows[place] == X).all(axis=1), place, -1)


def _left_out_scores(memory: BaseKernelMemory, energy: KernelEnergy) -> Floats:
    """Return the score of each distinct memory under all the others."""
    index = np.arange(len(energy.patterns.points))
    if len(index) < 2:
        raise ValueError(
            "MemoryNoveltyDetector scores each row under the others: it needs at least 2 distinct"
            " rows of positive weight, got 1 sample (copies count once)."
        )

    def scores(part: slice) -> Floats:
        return continued(energy, lambda each: each.left_out(index[part]))

    return np.concatenate(memory._split(scores, len(index)))


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the smallest value that, with those below it, has a share of all the weight."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    place = np.searchsorted(below, share * below[-1] * (1.0 - _ROUNDING))
    return float(values[order[place]])
