"""The bandwidth: rules that choose it from data, its inverse temperature, and what it preserves.

Every rule is equivariant: scaling the data scales the bandwidth.  Weights are frequencies.
"""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from sklearn.utils.validation import check_is_fitted

from ._math import Floats, Points, distinct_rows, power_of_two
from ._nearest import nearest
from ._validation import check_fraction, check_positive, check_rows
from .energies import KernelEnergy
from .kernels import KERNELS, Kernel, find_kernel

__all__ = [
    "RULES",
    "bandwidth_from_beta",
    "beta_from_bandwidth",
    "choose_bandwidth",
    "emergence_window",
    "leave_one_out_log_likelihood",
    "preserved_fraction",
    "preserving_bandwidth",
]

#: Compact kernels: the default radius as a share of the median nearest-neighbour distance.
#: It stays off every ratio of distances of one-hot, grid and +-1 data (below 400 features).
NEAREST_SHARE = 0.95
#: Memories that are left out in turn by "loo": all, or so many of them.
LEFT_OUT = 2048
#: Bound of the relative error of densities that "loo" compares.
LOO_ERROR = 1e-9
#: Distances that "loo" takes for copies', in data of size 1: their squares would not be numbers.
SHORTEST = 1e-150


def bandwidth_from_beta(beta: ArrayLike, kernel: str | Kernel = "epanechnikov") -> float | Floats:
    """Return the bandwidth of an inverse temperature, ``sqrt(2 / beta)``; Gaussian ``beta**-0.5``.

    Parameters
    ----------
    beta : float or array of floats
        Inverse temperature, > 0, in 1 / (data units)^2.
    kernel : str or Kernel, default="epanechnikov"
        A name in `skdam.kernels.KERNELS`, or a kernel.

    Returns
    -------
    float or ndarray
        Bandwidth, in data units.

    Raises
    ------
    ValueError
        If `beta` is not positive and finite, or `kernel` is unknown.

    Examples
    --------
    >>> from skdam.bandwidths import bandwidth_from_beta
    >>> bandwidth_from_beta(0.5), bandwidth_from_beta(0.25, "gaussian")
    (2.0, 2.0)
    """
    kernel = find_kernel(kernel)
    beta = check_positive(beta, "beta")
    return _scalar(np.sqrt(kernel.curvature) / np.sqrt(beta))


def beta_from_bandwidth(
    bandwidth: ArrayLike, kernel: str | Kernel = "epanechnikov"
) -> float | Floats:
    """Return the inverse temperature of a bandwidth, ``2 / r**2``; Gaussian ``1 / r**2``.

    Parameters
    ----------
    bandwidth : float or array of floats
        In data units, > 0.
    kernel : str or Kernel, default="epanechnikov"
        A name in `skdam.kernels.KERNELS`, or a kernel.

    Returns
    -------
    float or ndarray
        In 1 / (data units)^2; inf or 0 where 1 / bandwidth^2 is not representable.

    Raises
    ------
    ValueError
        If `bandwidth` is not positive and finite, or `kernel` is unknown.

    Examples
    --------
    >>> from skdam.bandwidths import beta_from_bandwidth
    >>> beta_from_bandwidth(2.0), beta_from_bandwidth(2.0, "gaussian")
    (0.5, 0.25)
    """
    kernel = find_kernel(kernel)
    bandwidth = check_positive(bandwidth, "bandwidth")
    with np.errstate(over="ignore", under="ignore"):
        return _scalar(kernel.curvature / bandwidth / bandwidth)


def preserved_fraction(X: ArrayLike, bandwidth: float) -> float:
    """Return the share of the distinct rows that stay exact minima of the Epanechnikov energy.

    A stored row is a minimum exactly if its nearest neighbour is farther than the bandwidth
    (Hoover et al. 2025, arXiv:2506.10801).

    Parameters
    ----------
    X : array-like of shape (K, D)
        Memories; copies count once.
    bandwidth : float
        In data units, > 0.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If `X` is not a finite 2-D array or `bandwidth` is not positive and finite.

    Examples
    --------
    >>> from skdam.bandwidths import preserved_fraction
    >>> preserved_fraction([[0.0], [1.0], [5.0]], bandwidth=2.0)
    0.3333333333333333
    """
    bandwidth = float(check_positive(bandwidth, "bandwidth"))
    rows = _distinct(check_rows(X))
    return 1.0 if len(rows) == 1 else float(np.mean(_nearest_distances(rows) > bandwidth))


def preserving_bandwidth(X: ArrayLike, fraction: float) -> float:
    """Return about the largest bandwidth that keeps a fraction of the distinct rows as minima.

    It lies off every tie: below the nearest-neighbour distance at that quantile by 5 %, or by half
    the way to the next smaller one, whichever is less.

    Parameters
    ----------
    X : array-like of shape (K, D)
        Memories, at least two of them distinct.
    fraction : float
        0 < fraction <= 1.

    Returns
    -------
    float
        Bandwidth, in data units; ``preserved_fraction(X, bandwidth) >= fraction``.

    Raises
    ------
    ValueError
        If `X` has fewer than two distinct rows or `fraction` is out of range.

    Examples
    --------
    >>> from skdam.bandwidths import preserving_bandwidth
    >>> preserving_bandwidth([[0.0], [1.0], [5.0]], fraction=1 / 3)
    3.8
    """
    fraction = check_fraction(fraction)
    rows = _distinct(check_rows(X))
    _require_scale(rows, "preserving_bandwidth")
    distances = np.sort(_nearest_distances(rows))
    lost = int(np.floor(len(rows) * (1.0 - fraction) * (1.0 + 1e-12)))
    target = distances[lost]
    below = distances[:lost][distances[:lost] < target]
    gap = (target - below[-1]) / 2 if below.size else np.inf
    return float(target - min(gap, (1.0 - NEAREST_SHARE) * target))


def emergence_window(X: ArrayLike) -> tuple[float, float]:
    """Return the bandwidths between which all rows are kept and new minima are sure to emerge.

    With equal weights and any bandwidth strictly between half the smallest distance of two distinct
    rows and that distance, ``r_min / 2 < r < r_min``, every row is a minimum of the Epanechnikov
    energy and at least one emergent minimum exists, exact ties aside. Below it none exists.

    Parameters
    ----------
    X : array-like of shape (K, D)
        Memories, at least two of them distinct; copies count once.

    Returns
    -------
    tuple of two floats
        Half the smallest distance of two distinct rows, and that distance, in data units.

    Raises
    ------
    ValueError
        If `X` has fewer than two distinct rows.

    References
    ----------
    Hoover et al., "Dense Associative Memory with Epanechnikov Energy", 2025, arXiv:2506.10801.

    Examples
    --------
    >>> from skdam.bandwidths import emergence_window
    >>> emergence_window([[0.0], [1.0], [5.0]])
    (0.5, 1.0)
    """
    rows = _distinct(check_rows(X))
    _require_scale(rows, "emergence_window")
    smallest = float(_nearest_distances(rows).min())
    return smallest / 2, smallest


def leave_one_out_log_likelihood(memory: Any) -> Floats:
    r"""Return each memory's log density under all the *other* memories.

    .. math:: \log \frac{S(\xi_\mu) - w_\mu k(0)}{(W - w_\mu) Z}

    The whole distinct memory is left out, all its copies: one copy alone would predict the other.

    Parameters
    ----------
    memory : fitted kernel memory
        With at least two distinct memories.

    Returns
    -------
    ndarray of shape (K,), float64
        In nats, in the order of ``memories_``; -inf where no other memory is within reach.

    Raises
    ------
    ValueError
        If all memories are equal.
    NotFittedError, TypeError
        If `memory` is not fitted, or no estimator.

    Examples
    --------
    >>> from skdam import GaussianMemory
    >>> from skdam.bandwidths import leave_one_out_log_likelihood
    >>> leave_one_out_log_likelihood(GaussianMemory(bandwidth=1.0).fit([[0.0], [1.0]])).round(4)
    array([-1.4189, -1.4189])
    """
    check_is_fitted(memory)
    energy = memory._energy()
    _require_scale(energy.patterns.points.rows, "leave_one_out_log_likelihood")
    return energy.left_out()[energy.patterns.place]


def choose_bandwidth(rule: str, X: Floats, weights: Floats, kernel: Kernel) -> float:
    """Return the bandwidth that a rule gives for weighted memories (float64, C order).

    The rules are described where users meet them: the kernel memories' parameter `bandwidth`.

    Parameters
    ----------
    rule : {"nearest", "scott", "silverman", "loo"}
        A name in `RULES`.
    X : ndarray of shape (K, D), float64, C order
        Memories, at least two of them distinct.
    weights : ndarray of shape (K,)
        Positive frequencies.
    kernel : Kernel
        The kernel that the bandwidth is for.

    Returns
    -------
    float
        Bandwidth, in data units.

    Raises
    ------
    ValueError
        If the data have no scale to go by: fewer than two distinct rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.bandwidths import choose_bandwidth
    >>> from skdam.kernels import KERNELS
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> choose_bandwidth("nearest", X, np.ones(3), KERNELS["epanechnikov"])
    0.95
    """
    unit = power_of_two(_extent(X) or 1.0)  # rounds nothing, and no rule meets extreme numbers
    X = X / unit
    first, place = distinct_rows(X)
    _require_scale(X[first], rule)
    with np.errstate(over="ignore"):  # refused where bandwidths are checked
        return float(unit * np.float64(RULES[rule](X[first], np.bincount(place, weights), kernel)))


def _nearest_rule(rows: Floats, weights: Floats, kernel: Kernel) -> float:
    median = float(np.median(_nearest_distances(rows)))
    if np.isfinite(kernel.support):
        return NEAREST_SHARE * median
    return median / np.sqrt(3.0 * np.log(len(rows)))


def _scott(rows: Floats, weights: Floats, kernel: Kernel) -> float:
    n_features = rows.shape[1]
    sigma = _spread(rows, weights) * weights.sum() ** (-1.0 / (n_features + 4))
    return sigma * _canonical_ratio(kernel, n_features)


def _silverman(rows: Floats, weights: Floats, kernel: Kernel) -> float:
    n_features = rows.shape[1]
    return _scott(rows, weights, kernel) * (4.0 / (n_features + 2)) ** (1.0 / (n_features + 4))


def _leave_one_out(rows: Floats, weights: Floats, kernel: Kernel) -> float:
    """Maximise the leave-one-out likelihood: a grid in log bandwidth, then its best bracket."""
    some = np.arange(0, len(rows), -(-len(rows) // LEFT_OUT))

    def loss(log_bandwidth: float) -> float:
        bandwidth = unit * float(np.exp(log_bandwidth))
        return -float(weights[some] @ energy.at(bandwidth).left_out(some, LOO_ERROR))

    distances = _nearest_distances(rows)
    unit, reach = float(distances.max()), _diameter_bound(rows)
    energy = KernelEnergy.of(rows, weights, kernel, unit)
    if np.isfinite(kernel.support):  # below `unit` some memory is out of reach of all others
        grid = np.linspace(1e-6, np.log(2.0 * reach / unit), 25)
    else:  # at the optimum the mean of u is D
        low = np.log(max(distances.min() / 2, SHORTEST)) - np.log(unit)
        high = np.log(2.0 * reach / unit)
        steps = max(25, int(high - low))
        grid = np.linspace(low, high, steps) - np.log(rows.shape[1]) / 2
    best = int(np.argmin([loss(point) for point in grid]))
    bracket = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(loss, bounds=bracket, method="bounded", options={"xatol": 1e-9})
    return unit * float(np.exp(found.x))


#: The rules by name: functions of distinct rows (in about their own size), weights and kernel.
RULES = {
    "nearest": _nearest_rule,
    "scott": _scott,
    "silverman": _silverman,
    "loo": _leave_one_out,
}


def _scalar(value: Floats) -> float | Floats:
    return float(value) if np.ndim(value) == 0 else value


def _distinct(X: Floats) -> Floats:
    return X[distinct_rows(X)[0]]


def _require_scale(rows: Floats, rule: str) -> None:
    if len(rows) < 2:
        raise ValueError(
            f"{rule!r} needs at least 2 distinct rows to find a bandwidth, got 1 sample"
            " (copies count once). Pass bandwidth=<float> in the units of X."
        )


def _nearest_distances(rows: Floats) -> Floats:
    """Return the distance of each distinct row to its nearest neighbour."""
    points = Points.measured(rows, _extent(rows))
    return nearest(points, points.lift(rows), skip=np.arange(len(rows)))[1]


def _extent(rows: Floats) -> float:
    """Return half the widest side of the rows' box."""
    return float((rows.max(axis=0) / 2 - rows.min(axis=0) / 2).max())


def _diameter_bound(rows: Floats) -> float:
    """Return a bound of all pairwise distances, at most sqrt(D) times too wide."""
    return float(np.linalg.norm(rows.max(axis=0) - rows.min(axis=0)))


def _spread(rows: Floats, weights: Floats) -> float:
    """Return the root of the mean over features of the weighted variance."""
    share = weights / weights.sum()
    z = rows - rows[0]
    z -= share @ z
    return float(np.sqrt(np.mean(share @ z**2)))


def _canonical_ratio(kernel: Kernel, n_features: int) -> float:
    """Return the bandwidth of `kernel` that smooths as much as a Gaussian of bandwidth 1."""

    def log_roughness(k: Kernel) -> float:
        squared = k.log_integral(n_features, power=2) - 2.0 * k.log_integral(n_features)
        return squared - 2.0 * np.log(k.variance(n_features))

    excess = log_roughness(kernel) - log_roughness(KERNELS["gaussian"])
    return float(np.exp(excess / (n_features + 4)))
