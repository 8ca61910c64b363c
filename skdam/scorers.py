"""Scorers for grid search: what makes a memory good, beside the likelihood of its density.

Each is made by a function and passed as scikit-learn's ``scoring``, alone or in a dict of several.
They are small immutable objects: compared, copied, pickled and printed as what they are.
"""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, InvalidParameterError
from sklearn.utils._set_output import ADAPTERS_MANAGER
from sklearn.utils.validation import check_is_fitted

from ._math import LOWEST, Floats, power_of_two
from ._relative_error import relative_error
from ._validation import NOT_NEGATIVE, SHARE, Number, check_allowed, check_named_rows
from .datasets import corrupt
from .memories._attention_base import BaseAttention
from .memories._base import DensityMemory, Memory
from .memories._kernel_base import BaseKernelMemory, check_memory

__all__ = ["coverage_scorer", "recall_scorer", "robust_log_likelihood_scorer"]

#: Memories whose states are patterns in the units of their input: clean rows are what they aim at.
_IN_DATA_UNITS = (DensityMemory, BaseAttention)


def recall_scorer(
    *,
    noise: float = 0.0,
    missing: float = 0.0,
    flip: float = 0.0,
    random_state: int | np.random.RandomState | None = 0,
) -> Callable[..., float]:
    r"""Return a scorer: how surely damaged rows end where clean ones do, and how near the rows.

    Held-out rows x are damaged by `skdam.datasets.corrupt`, and both go through the whole
    estimator, T. The score is the lesser of two shares of the rows' variance,

    .. math:: 1 - \frac{\sum_i \lVert T(\tilde x_i) - T(x_i) \rVert^2}
              {\sum_i \lVert t_i - \bar t\, \rVert^2} \quad\text{and}\quad
              1 - \frac{\sum_i \lVert T(x_i) - t_i \rVert^2}
              {\sum_i \lVert t_i - \bar t\, \rVert^2},

    with t the clean row in the space of the output: what the other steps make of it where memories
    pass it on. The first share is how *stable* states are. It is best where all memories have
    merged: then the second, how *faithful* states are, is 0 or less. A memory that is too narrow
    returns the nearest stored row, noise and all, and is not stable. So the best score lies
    between: as much merged as the noise asks, and no more. 1: every row comes back.

    Parameters
    ----------
    noise : float, default=0.0
        Standard deviation of Gaussian noise, in standard deviations of each feature over the rows
        scored. The more noise, the wider the bandwidth that scores best.
    missing : float, default=0.0
        Share of the features of each row that become NaN. Imputers and steps before them get the
        gaps as they are; a memory, which takes none, gets the mean of the clean rows there.
        The rows scored must be whole, and other steps must let NaN pass (a PCA does not).
    flip : float, default=0.0
        Share of the features of each row whose signs flip: for patterns of +-1.
    random_state : int, RandomState or None, default=0
        An integer damages a row of the same fold alike for all candidates of a search.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None) -> float``; y is ignored. It takes fitted transformers,
        pipelines of them, and searches over these.

    Raises
    ------
    ValueError
        If a parameter is out of range, or all of `noise`, `missing` and `flip` are 0. The scorer
        raises it for rows that are all equal: they have no variance.
    TypeError
        By the scorer, if a step cannot transform.

    See Also
    --------
    skdam.metrics.retrieval_error : How far states are from any targets.

    Notes
    -----
    By the triangle inequality the root mean square distance of the state of a damaged row from its
    clean row is at most ``2 * sqrt(1 - score)``, in units of the rows' spread. An imputer leaves
    whole rows as they are: the order of its scores is that of the RMSE.

    Each step transforms damaged rows, clean ones, and, behind a memory, those that it passed on.

    States that are NaN (``outside="nan"``) count as the mean. Memories of spins and `LayeredMemory`
    give states in units of their own: for them, and for a memory within a ColumnTransformer or the
    like, which this does not look into, t is T(x), so that only stability counts. There a collapse
    is noticed only where all states are one, bit for bit, which scores 0: choose no bandwidth so.

    Below the bandwidth at which memories start to merge all states are the nearest memories and all
    scores are equal: a search then takes the first. With little noise that may be the best.

    Features count by their variance in the output: scale those of different units first. Candidates
    whose outputs have different features (a PCA of 10 or 20 components) cannot be compared.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.scorers import recall_scorer
    >>> recall_scorer(noise=1.0)
    recall_scorer(noise=1.0, missing=0.0, flip=0.0, random_state=0)
    >>> X, grid = load_digits().data[:600], {"bandwidth": [10.0, 18.0, 34.0]}
    >>> search = GridSearchCV(EpanechnikovMemory(), grid, scoring=recall_scorer(noise=1.0))
    >>> search.fit(X).best_params_
    {'bandwidth': 18.0}
    """
    return _Recall(noise, missing, flip, random_state)


def coverage_scorer(*, enough: float = 1.0) -> Callable[..., float]:
    """Return a scorer: the share of held-out rows that lie on the support of the density.

    It takes every fitted estimator with `score_samples`, pipelines too, and counts the rows whose
    log density is greater than -inf. It never falls as the bandwidth grows: watch it beside another
    score, or say how much is `enough`.

    Parameters
    ----------
    enough : float, default=1.0
        Shares above this one, of (0, 1], count as this one. So a search over bandwidths in
        ascending order chooses the narrowest that reaches that share of the rows, in every fold:
        of equal scores it takes the first. By 1 it is the one that reaches the remotest row, at
        which memories have mostly merged.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None) -> float`` between 0 and `enough`; y is ignored.

    Raises
    ------
    ValueError
        If `enough` is out of range.
    TypeError
        By the scorer, if the estimator has no `score_samples`.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.scorers import coverage_scorer
    >>> memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [3.0]])
    >>> coverage_scorer()(memory, [[0.5], [1.5], [2.5], [9.0]])
    0.5
    >>> coverage_scorer(enough=0.4)(memory, [[0.5], [1.5], [2.5], [9.0]])
    0.4
    """
    return _Coverage(enough)


def robust_log_likelihood_scorer(*, background: float = 0.1) -> Callable[..., float]:
    r"""Return a scorer: the mean log likelihood of held-out rows, a few of them from elsewhere.

    .. math:: \frac1n \sum_i \log\big((1 - b)\, p(x_i) + b\, N(x_i;\ \bar\xi,\ s^2 I)\big)

    with p the density of a kernel memory and N a broad Gaussian fitted to the memories: their mean
    and the mean of their features' variances, by weight. It is proper in any dimension, with
    constant features and with fewer rows than features, and does not depend on the bandwidth: all
    candidates share it. (Memories that are all equal have no variance; the kernel's stands in.)

    Under the plain likelihood one row off the support makes the score -inf, so that a compact
    kernel has to be wide enough for the remotest row. Here such a row costs no more than the
    background: finite, whatever the bandwidth.

    Parameters
    ----------
    background : float, default=0.1
        The weight b, between 0 and 1, both excluded. It matters little: on 600 digits
        values from .9 to 1e-6 choose the same bandwidth, or its neighbour on a grid of 10 % steps.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None) -> float``, in nats a row; y is ignored. It takes fitted
        kernel memories, pipelines that end in one, and searches over these.

    Raises
    ------
    ValueError
        If `background` is out of range.
    TypeError
        By the scorer, if the estimator does not end in a kernel memory.

    Notes
    -----
    The density is that of the space before the memory: candidates whose earlier steps differ (in
    the number of components, say) cannot be compared by it. A row so far away (1e154 standard
    deviations) that its log density is beyond float64 counts as the most negative float.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.scorers import robust_log_likelihood_scorer
    >>> memory = EpanechnikovMemory(bandwidth=1.0).fit([[0.0], [3.0]])
    >>> memory.score([[0.5], [9.0]])
    -inf
    >>> round(robust_log_likelihood_scorer()(memory, [[0.5], [9.0]]), 3)
    -8.71
    """
    return _RobustLogLikelihood(background)


class _Scorer:
    """What the scorers share: they are printed as the call that makes them."""

    _maker: ClassVar[str]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{self._maker}({values})"


@dataclass(frozen=True, repr=False)
class _Recall(_Scorer):
    noise: float
    missing: float
    flip: float
    random_state: int | np.random.RandomState | None

    _maker = "recall_scorer"

    def __post_init__(self) -> None:
        check_allowed(self.noise, "noise", NOT_NEGATIVE)
        check_allowed(self.missing, "missing", SHARE)
        check_allowed(self.flip, "flip", SHARE)
        check_random_state(self.random_state)
        if not (self.noise or self.missing or self.flip):
            raise InvalidParameterError(
                "noise, missing and flip are all 0: there is no damage to recall from."
            )

    def __call__(self, estimator: Any, X: ArrayLike, y: object = None) -> float:
        damaged = _like(X, corrupt(X, **vars(self)))
        found, whole, rows = map(_checked, _through(estimator, damaged, X))
        rows = _filled(rows, rows)
        stable, faithful = relative_error(found, whole, rows), relative_error(whole, rows, rows)
        if np.isnan(stable):
            return _without_spread(X)
        error = max(stable, faithful)
        return 1.0 - error * error  # a power would raise where this is -inf


@dataclass(frozen=True, repr=False)
class _Coverage(_Scorer):
    enough: float

    _maker = "coverage_scorer"

    def __post_init__(self) -> None:
        check_allowed(self.enough, "enough", Number(Real, 0, 1, closed="right"))

    def __call__(self, estimator: Any, X: ArrayLike, y: object = None) -> float:
        last, X = _before_last(estimator, X)
        covered = np.mean(_able(last, "score_samples").score_samples(X) > -np.inf)
        return float(min(covered, self.enough))


@dataclass(frozen=True, repr=False)
class _RobustLogLikelihood(_Scorer):
    background: float

    _maker = "robust_log_likelihood_scorer"

    def __post_init__(self) -> None:
        check_allowed(self.background, "background", Number(Real, 0, 1, closed="neither"))

    def __call__(self, estimator: Any, X: ArrayLike, y: object = None) -> float:
        last, X = _before_last(estimator, X)
        memory = check_memory(last)
        density = np.log1p(-self.background) + memory.score_samples(X)
        broad = np.log(self.background) + _log_broad(memory, np.asarray(X, dtype=np.float64))
        each = np.maximum(np.logaddexp(density, broad), LOWEST)
        with np.errstate(over="ignore"):  # divided first, and yet rounding may add a last bit
            return max(LOWEST, float((each / len(each)).sum()))


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, and of those in it and in searches; any other is the only."""
    if isinstance(estimator, Pipeline):
        return [step for _, part in estimator.steps for step in _steps(part)]
    if isinstance(estimator, FrozenEstimator):
        return _steps(estimator.estimator)
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator, "best_estimator_")
        return _steps(estimator.best_estimator_)
    return [] if estimator in (None, "passthrough") else [estimator]


def _before_last(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the last step, and the rows as they come to it."""
    *earlier, last = _steps(estimator) or [estimator]
    for step in earlier:
        X = step.transform(X)
    return last, X


def _able(estimator: Any, method: str) -> Any:
    """Return an estimator that has a method."""
    if not HasMethods(method).is_satisfied_by(estimator):
        raise TypeError(f"this scorer needs an estimator that has {method!r}, got {estimator!r}.")
    return estimator


def _through(estimator: Any, damaged: Any, clean: Any) -> tuple[Any, Any, Any]:
    """Return what becomes of damaged rows, of clean ones, and of those that memories pass on."""
    whole = rows = clean
    for step in _steps(estimator):
        transform = _able(step, "transform").transform
        if isinstance(step, Memory):
            damaged = _filled(damaged, rows)
            whole = whole if whole is rows else _filled(whole, rows)
        damaged, before, whole = transform(damaged), whole, transform(whole)
        if isinstance(step, _IN_DATA_UNITS):
            rows = _like(whole, np.asarray(rows))
        else:
            rows = whole if rows is before else transform(rows)
    return damaged, whole, rows


def _checked(rows: Any) -> np.ndarray:
    return check_named_rows(rows, "the output", gaps=True)


def _without_spread(X: Any) -> float:
    """Return the score of an output whose rows are all one, if those that were scored are not."""
    values = np.asarray(X)
    if np.all(values == values[:1]):
        raise ValueError("X must hold at least 2 distinct rows to be scored: they have no spread.")
    return 0.0


def _filled(damaged: Any, clean: Any) -> Any:
    """Put the mean of the clean rows where values are missing."""
    rows, values = np.asarray(damaged), np.asarray(clean)
    there = ~np.isnan(values)
    parts = np.where(there, values, 0.0) / np.maximum(there.sum(axis=0), 1)
    mean = parts.sum(axis=0)  # divided first: sums may overflow
    return _like(damaged, np.where(np.isnan(rows), mean, rows))


def _like(X: Any, rows: np.ndarray) -> Any:
    """Return rows as a data frame with the columns of X, if that is one."""
    adapter = ADAPTERS_MANAGER.adapters.get(type(X).__module__.split(".")[0])
    if adapter is None:
        return rows
    return adapter.create_container(rows, X, columns=X.columns)


def _log_broad(memory: BaseKernelMemory, X: Floats) -> Floats:
    """Return the log density of the spherical Gaussian with the memories' mean and variance."""
    rows, n_features = memory.memories_.astype(np.float64, copy=False), X.shape[1]
    origin, share = rows[0], memory.weights_ / memory.weights_.sum()
    half = rows / 2 - origin / 2  # halves never overflow
    unit = power_of_two(np.abs(half).max() or memory.bandwidth_)
    mean = share @ (half / unit)
    variance = np.mean(share @ (half / unit - mean) ** 2)
    if variance == 0.0:
        ratio = memory.bandwidth_ / unit / 2
        variance = ratio**2 * memory._energy().kernel.variance(n_features)
    with np.errstate(over="ignore"):
        z = (X / 2 - origin / 2) / unit - mean
        u = np.einsum("ij,ij->i", z, z) / variance
    log_scale = np.log(variance) / 2 + np.log(2.0) + np.log(unit)
    return -u / 2 - n_features * (np.log(2 * np.pi) / 2 + log_scale)
