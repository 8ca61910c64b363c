"""Rows with gaps completed by each other, before there is a memory of them."""

import numpy as np
from sklearn.base import clone

from .._conditional import PAIRS, Conditional, Own
from .._math import Floats, distinct_rows, power_of_two, row_blocks
from ..memories._kernel_base import BaseKernelMemory

#: How often the completed rows complete each other.
PASSES = 2
#: How fast a donor's weight falls off, in distances of the nearest one.
DECAY = 2.0
#: Logarithm of the share below which donors count alike.
FAR = -600.0


def complete_rows(X: Floats, weights: Floats, memory: BaseKernelMemory) -> Floats:
    """Return weighted rows with their gaps (NaN) filled in, float64; memories are clones.

    First each gap gets a mean of what other rows have there (`_first_fill`).  Then, `PASSES` times,
    it gets its conditional mean under the memory of all completed rows but its own, the formula by
    which queries are completed later, over the entries that were observed, if those have some of
    the weight.  Equal rows, of equal gaps, are one row of their total weight.
    """
    X = np.ascontiguousarray(np.where(np.isnan(X), np.nan, X), dtype=np.float64)  # one kind of NaN
    known = ~np.isnan(X)
    if known.all():
        return X
    first, place = distinct_rows(X)
    rows, weight, known = X[first], np.bincount(place, weights), known[first]
    filled = _first_fill(rows, known, weight)
    gaps = np.flatnonzero(~known.all(axis=1))
    for _ in range(PASSES):
        energy = clone(memory).fit(filled, sample_weight=weight)._energy()
        same = energy.patterns.place  # a row may be completed to another one
        if same.any():
            total = np.bincount(same, weight)
            own = Own(same[gaps], 1.0 - weight[gaps] / total[same[gaps]])
            sure = np.array([np.bincount(same, weight * k) / total for k in known.T]).T
            filled[gaps] = Conditional.of(energy).mean(filled[gaps], known[gaps], own, sure)
    return filled[place]


def _first_fill(X: Floats, known: Floats, weights: Floats) -> Floats:
    r"""Return X with each gap at a weighted mean of the rows that have the feature.

    .. math:: \sum_j w_j e^{-2 d_{ij} / d_i},\qquad
              d_{ij} = \frac{v + \sum_f (x_{if} - x_{jf})^2}{1 + n_{ij}},\qquad
              d_i = \min_j d_{ij}

    with the sum over the n_ij features that both rows have, and v the mean over features of the
    squared difference of two random rows, twice the variance: as if the rows shared one more
    feature, of average difference.  Donors that are all too far away count alike.
    """
    low, unit = np.nanmin(X, axis=0), _unit(X)
    z = np.where(known, (X / 2 - low / 2) / (unit / 2), 0.0)
    k = known.astype(np.float64)
    centre, v = _centre_and_spread(z, k, weights)
    z = np.where(known, z - centre, 0.0)
    queries, donors, values = np.hstack([z**2, k, -2.0 * z]), np.hstack([k, z**2, z]), [k, z]
    log_weights = np.log(weights / weights.max())
    filled, gaps = X.copy(), np.flatnonzero(~known.all(axis=1))
    for block in row_blocks(len(gaps), 40 * len(X), most=max(8, PAIRS // len(X))):
        rows = gaps[block]
        logs = (v + np.maximum(queries[rows] @ donors.T, 0.0)) / (1.0 + k[rows] @ k.T)
        logs[np.arange(len(rows)), rows] = np.inf
        logs *= -DECAY / logs.min(axis=1, keepdims=True)
        logs += log_weights
        logs -= logs.max(axis=1, keepdims=True)
        shares = np.exp(np.maximum(logs, FAR, out=logs), out=logs)
        total, mean = (shares @ value for value in values)
        mean = 2.0 * (low / 2 + (centre + mean / np.where(known[rows], 1.0, total)) * (unit / 2))
        filled[rows] = np.where(known[rows], X[rows], mean)
    return filled


def _unit(X: Floats) -> float:
    """Return a power of two near half the widest range of a feature."""
    extent = np.max(np.nanmax(X, axis=0) / 2 - np.nanmin(X, axis=0) / 2)
    return power_of_two(extent or 1.0)


def _centre_and_spread(z: Floats, k: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return weighted means of features, and the mean squared difference of two random rows.

    If nothing differs, that is called 1: no distance depends on it.
    """
    total = weights @ k
    centre = weights @ z / total
    variance = weights @ ((z - centre) ** 2 * k) / total
    return centre, float(2.0 * variance.mean()) or 1.0
