"""How far from a pattern retrieval still works."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, Integers, row_blocks
from .._nearest import nearest
from .._validation import check_count, check_rows
from ..energies import KernelEnergy
from ..memories._kernel_base import BaseKernelMemory
from ..memories._random_feature import RandomFeatureMemory
from ..memories._spins import SpinMemory
from ..minima._minima import nearest_to_rim
from ._stability import (
    check_memory,
    first_copies,
    gaussian_energy,
    overload_expected,
    recalled,
    seen,
)

#: Distances are told apart by this share of that to the nearest other memory.
_LEVELS = 256


def basin_radius(
    memory: Any,
    patterns: ArrayLike | None = None,
    *,
    n_trials: int = 20,
    random_state: int | np.random.RandomState | None = None,
) -> Floats:
    """Return how far from each stored pattern all trials still come back to it.

    A trial damages a pattern ever more, in a random direction, and the radius is where the first of
    them no longer comes back, found by bisection: an upper bound of the distance that is safe in
    all directions, and the closer the more trials.

    Parameters
    ----------
    memory : fitted memory
        Any memory; it is left as it is.
    patterns : array-like of shape (n, D), optional
        Stored patterns to ask for; by default all. A random-feature memory, which keeps none, has
        to be given all that it stores.
    n_trials : int, default=20
        Directions for each pattern.
    random_state : int, RandomState or None, default=None
        What the directions are drawn with.

    Returns
    -------
    ndarray of shape (n,), float64
        0 for a pattern that does not come back to itself.

        - Kernel and random-feature memories: a distance in data units, to 1/256 of that to the
          nearest other memory, in whose direction the first trial goes; infinite for a single
          memory that everything comes back to. With the Epanechnikov kernel it is exact, and no
          trials are made: the *margin*, within which every query returns in one step,
          ``min(r, d - r)`` for a memory at distance d > r from its nearest neighbour, r the
          bandwidth.
        - Other memories: the share of the features that may be corrupted, whose signs flip.

    Raises
    ------
    ValueError
        If a row of `patterns` is not stored, a random-feature memory is given none, `n_trials` is
        no positive integer, or a memory with ``outside="raise"`` refuses a damaged pattern.
    NotFittedError, TypeError
        If `memory` is not fitted, or none.

    Notes
    -----
    That a pattern came back is what `RetrievalResult.recalled` says (for a random-feature memory,
    what it would say for a Gaussian one). The memory's warnings are not passed on.

    Examples
    --------
    >>> from skdam import BinaryMemory, EpanechnikovMemory
    >>> from skdam.analysis import basin_radius
    >>> from skdam.datasets import make_patterns
    >>> basin_radius(EpanechnikovMemory(bandwidth=2.0).fit([[0.0], [3.0], [9.0]]))
    array([1., 1., 2.])
    >>> memory = BinaryMemory(degree=3, random_state=0).fit(make_patterns(5, 100, random_state=0))
    >>> bool((basin_radius(memory, random_state=0) > 0.3).all())
    True
    """
    memory = check_memory(memory)
    check_is_fitted(memory)
    n_trials = check_count(n_trials, "n_trials")
    rows = None if patterns is None else check_rows(patterns, memory)
    with overload_expected():
        return _radius(memory, rows, n_trials, check_random_state(random_state))


@singledispatch
def _radius(
    memory: Any, patterns: np.ndarray | None, n_trials: int, rng: np.random.RandomState
) -> Floats:
    stored = memory.memories_.astype(np.float64)
    chosen = _chosen(memory, stored, patterns)
    recall = partial(recalled, memory, patterns=stored)
    return Trials(stored, recall, n_trials, rng).radius(chosen, _flips)


@_radius.register
def _(
    memory: SpinMemory, patterns: np.ndarray | None, n_trials: int, rng: np.random.RandomState
) -> Floats:
    def recall(spins: Floats) -> Integers:
        return memory._recalled(memory._settled(spins, record=False).state)

    stored = memory.memories_.astype(np.float64)
    chosen = _chosen(memory, stored, patterns)
    return Trials(stored, recall, n_trials, rng).radius(chosen, _flips)


@_radius.register
def _(
    memory: RandomFeatureMemory,
    patterns: np.ndarray | None,
    n_trials: int,
    rng: np.random.RandomState,
) -> Floats:
    if patterns is None:
        raise ValueError(
            "patterns must be all those that are stored, for a RandomFeatureMemory keeps none,"
            " got None."
        )
    rows, energy = patterns.astype(np.float64), gaussian_energy(memory, patterns)
    recall = partial(recalled, memory, patterns=rows)
    trials = Trials(rows, recall, n_trials, rng)
    return trials.radius(np.arange(len(rows)), partial(_shifts, energy))


@_radius.register
def _(
    memory: BaseKernelMemory, patterns: np.ndarray | None, n_trials: int, rng: np.random.RandomState
) -> Floats:
    stored, energy = memory.memories_.astype(np.float64), memory._energy()
    chosen = _chosen(memory, stored, patterns)
    recall = partial(recalled, memory, patterns=stored)
    if energy.kernel.is_flat:
        kept = recall(stored[chosen]) == first_copies(stored)[chosen]
        return np.where(kept, nearest_to_rim(energy, stored[chosen], 1)[1][:, 0], 0)
    return Trials(stored, recall, n_trials, rng).radius(chosen, partial(_shifts, energy))


def _chosen(memory: Any, stored: Floats, patterns: np.ndarray | None) -> Integers:
    """Return which stored rows the patterns are, their first copies; None stands for all."""
    if patterns is None:
        return np.arange(len(stored))
    dtype = memory.memories_.dtype
    asked = seen(memory, patterns.astype(dtype) if dtype.kind == "f" else patterns)
    first = first_copies(np.concatenate([stored, asked]))[len(stored) :]
    unknown = np.flatnonzero(first >= len(stored))
    if unknown.size:
        raise ValueError(
            f"patterns must be stored: {unknown.size} of {len(patterns)} rows are not, the first of"
            f" them row {unknown[0]}."
        )
    return first


@dataclass(frozen=True, eq=False)
class Paths:
    """Ways of n patterns to ever more damage, some trials for each, level by level.

    Attributes
    ----------
    damaged : function of (rows, their levels)
        Returns states of shape (n_rows, n_trials, D).
    most : int
        The last level; level 0 is no damage.
    unit : float or ndarray of shape (n,)
        What a level adds to the radius.
    whole : float
        The radius of a pattern that comes back from the last level.
    """

    damaged: Callable[[Integers, Integers], Floats]
    most: int
    unit: Floats | float
    whole: float


def _flips(X: Floats, index: Integers, n_trials: int, rng: np.random.RandomState) -> Paths:
    """Flip one feature after another, in a random order."""
    rank = rng.random_sample((len(X), n_trials, X.shape[1])).argsort(axis=2).argsort(axis=2)

    def damaged(rows: Integers, levels: Integers) -> Floats:
        flipped, whole = rank[rows] < levels[:, None, None], X[rows, None]
        return np.where(flipped, -whole, whole)

    return Paths(damaged, X.shape[1], 1.0 / X.shape[1], 1.0)


def _shifts(
    energy: KernelEnergy,
    X: Floats,
    index: Integers,
    n_trials: int,
    rng: np.random.RandomState,
) -> Paths:
    """Go towards the nearest other memory, and in random directions as far."""
    way = rng.standard_normal((len(X), n_trials, X.shape[1]))
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    points, place = energy.patterns.points, energy.patterns.place[index]
    reach = np.full(len(X), 2.0 * energy.bandwidth)
    if len(points) > 1:
        other, reach = nearest(points, points.lift(X), skip=place)
        way[:, 0] = (points.rows[other] - X) / reach[:, None]

    def damaged(rows: Integers, levels: Integers) -> Floats:
        return X[rows, None] + (levels * reach[rows] / _LEVELS)[:, None, None] * way[rows]

    return Paths(damaged, _LEVELS, reach / _LEVELS, np.inf)


@dataclass(frozen=True, eq=False)
class Trials:
    """What trials of stored rows ask, and of whom: which stored row states come back to."""

    stored: Floats
    recall: Callable[[Floats], Integers]
    n_trials: int
    rng: np.random.RandomState

    def radius(self, chosen: Integers, paths_of: Callable[..., Paths]) -> Floats:
        """Return the radius of some of the rows, a block of them at a time."""
        blocks = row_blocks(len(chosen), 40 * self.n_trials * self.stored.shape[1])
        return np.concatenate([self._of_block(chosen[rows], paths_of) for rows in blocks])

    def _of_block(self, index: Integers, paths_of: Callable[..., Paths]) -> Floats:
        own = first_copies(self.stored)[index]
        paths = paths_of(self.stored[index], index, self.n_trials, self.rng)

        def returns(rows: Integers, levels: Integers) -> np.ndarray:
            states = paths.damaged(rows, levels)
            ends = self.recall(states.reshape(-1, states.shape[2])).reshape(states.shape[:2])
            return (ends == own[rows, None]).all(axis=1)

        level = _highest(returns, len(index), paths.most)
        return np.where(level == paths.most, paths.whole, level * paths.unit)


def _highest(
    returns: Callable[[Integers, Integers], np.ndarray], n_rows: int, most: int
) -> Integers:
    """Return the last level in 0, ..., most from which each row returns, by bisection, or 0."""
    low, high = np.zeros(n_rows, dtype=np.intp), np.full(n_rows, most + 1)
    while (rows := np.flatnonzero(high - low > 1)).size:
        middle = (low[rows] + high[rows]) // 2
        back = returns(rows, middle)
        low[rows[back]], high[rows[~back]] = middle[back], middle[~back]
    return low
