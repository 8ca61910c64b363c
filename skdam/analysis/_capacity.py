"""How many patterns a memory holds: searched for, and measured along loads."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError, StrOptions
from sklearn.utils.parallel import Parallel, delayed

from .._math import Floats, Integers
from .._validation import check_allowed, check_count, check_fraction
from ._pool import Measure, Trial
from ._stability import are_recalled, are_stable


def _are_stable(memory: Any, patterns: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return are_stable(memory, patterns)


#: The criteria: what is measured, and whether all patterns have to pass.
CRITERIA: dict[str, tuple[Measure, bool]] = {
    "all_stable": (_are_stable, True),
    "fraction_stable": (_are_stable, False),
    "recalled": (are_recalled, False),
}


@dataclass(frozen=True, eq=False, repr=False)
class Capacity:
    """How many patterns a memory holds.

    Attributes
    ----------
    capacity : int
        The largest number of patterns found that it holds; 0 if not even one.
    censored : bool
        Whether the patterns ran out first, so that the capacity may be larger.
    curve : ndarray of shape (n_loads, 2), float64
        The numbers of patterns that were tried, in ascending order, and the share that was held
        of each.

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import capacity_search
    >>> from skdam.datasets import make_patterns
    >>> X = make_patterns(40, 20, random_state=0)
    >>> found = capacity_search(HopfieldMemory("hebbian"), X, random_state=0)
    >>> found.capacity, found.censored
    (7, False)
    >>> found.curve[-2:]  # of 8 patterns, 3 are stable
    array([[7.   , 1.   ],
           [8.   , 0.375]])
    """

    capacity: int
    censored: bool
    curve: Floats

    def __repr__(self) -> str:
        return f"Capacity({'at least ' * self.censored}{self.capacity})"


@dataclass(frozen=True, eq=False, repr=False)
class CapacityCurve:
    """What shares of the stored patterns a memory holds, the more are stored.

    Attributes
    ----------
    loads : ndarray of shape (n_loads,), int
        Numbers of stored patterns, in ascending order.
    stable : ndarray of shape (n_loads, n_repeats), float64
        The share of the stored patterns that are stable.
    recalled : ndarray of shape (n_loads, n_repeats), float64
        The share that comes back from damaged copies.

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import capacity_curve
    >>> from skdam.datasets import make_patterns
    >>> X = make_patterns(40, 20, random_state=0)
    >>> curve = capacity_curve(HopfieldMemory("hebbian"), X, [2, 8], n_repeats=3, random_state=0)
    >>> curve
    CapacityCurve(2 loads up to 8, 3 repeats)
    >>> curve.stable.mean(axis=1).round(2)
    array([1.  , 0.29])
    """

    loads: Integers
    stable: Floats
    recalled: Floats

    def __repr__(self) -> str:
        n_loads, n_repeats = self.stable.shape
        return f"CapacityCurve({n_loads} loads up to {self.loads[-1]}, {n_repeats} repeats)"


def capacity_search(
    memory: Any,
    patterns: ArrayLike | Callable[..., ArrayLike],
    *,
    criterion: str = "all_stable",
    fraction: float = 0.95,
    corruption: dict[str, float] | None = None,
    max_patterns: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Capacity:
    """Find how many patterns a memory holds, by doubling their number, then bisection.

    The patterns are put in one random order, and ever longer beginnings of it are stored: 1, 2, 4,
    ... until too few are held, and then numbers in between. (A share that rises again beyond is not
    seen.) It works for every memory; what its warnings say, that it is overloaded, is measured and
    not passed on.

    Parameters
    ----------
    memory : memory
        Cloned: it is left as it is. A rule for a bandwidth or a threshold is applied once, to the
        first 1000 patterns of the pool: all loads have the same scale.
    patterns : array-like of shape (n, D), or callable
        The pool. A function is called as ``patterns(n_patterns, random_state=seed)``, with the same
        seed for ever more thousands, and its rows, of which the first have to stay the same, are
        taken in their order: ``functools.partial(make_patterns, n_features=100)``.
    criterion : {"all_stable", "fraction_stable", "recalled"}, default="all_stable"
        What is asked: that all patterns are stable, that a fraction of them is, or that a fraction
        comes back from `corruption`. See Notes.
    fraction : float, default=0.95
        The share of the patterns that "fraction_stable" and "recalled" ask for.
    corruption : dict or None, default=None
        Keywords of `skdam.datasets.corrupt` that damage the queries of "recalled"; None leaves
        them whole. ``missing`` is for memories whose `retrieve` takes `known`. Noise is in
        standard deviations of the pool; of a function, of each thousand.
    max_patterns : int or None, default=None
        The most patterns that are stored; None means all of an array, and 10,000 of a function.
    random_state : int, RandomState or None, default=None
        What the order, the damage, and seeds of a memory whose `random_state` is None are drawn
        with.

    Returns
    -------
    Capacity
        The largest number held, and the share that was held of each number tried.

    Raises
    ------
    ValueError
        If a parameter, a parameter of the memory, or `patterns` is out of range.
    TypeError
        If `memory` is none, or does not take what `corruption` asks of it.

    Notes
    -----
    A pattern of spins is *stable* if every flip of a single bit raises the energy, whatever the
    `update` of the memory; the check takes ``O(K^2 N)`` for K patterns in a `BinaryMemory`. In any
    other memory it is stable if retrieval that starts at it comes back to it, as
    `RetrievalResult.recalled` says: to the very pattern (Epanechnikov), or to a state in which it
    has the majority (other kernels, attention, two layers). A random-feature memory keeps no
    pattern; its states are judged as a Gaussian memory would. Copies of a pattern count each.

    References
    ----------
    S. Bielmeier, G. Friedland, "Effects of Feature Correlations on Associative Memory Capacity",
    2025, arXiv:2508.01395.

    Examples
    --------
    >>> from skdam import BinaryMemory
    >>> from skdam.analysis import capacity_search
    >>> from skdam.datasets import make_patterns
    >>> X = make_patterns(300, 32, random_state=0)
    >>> capacity_search(BinaryMemory("power", degree=3), X, random_state=0)
    Capacity(22)
    >>> capacity_search(BinaryMemory("power", degree=5), X, random_state=0)
    Capacity(at least 300)
    """
    measure, of_all = CRITERIA[check_allowed(criterion, "criterion", StrOptions(set(CRITERIA)))]
    least = check_fraction(fraction)
    least = 1.0 if of_all else least
    if corruption is not None and measure is not are_recalled:
        raise InvalidParameterError(
            f"corruption={corruption!r} damages queries, which only criterion='recalled' asks, got"
            f" criterion={criterion!r}."
        )
    rng = check_random_state(random_state)
    trial = Trial.of(memory, patterns, max_patterns, corruption, rng)
    walked: dict[int, float] = {}

    def holds(n: int) -> bool:
        (walked[n],) = trial.shares(n, measure)
        return walked[n] >= least

    capacity, censored = _last(holds, trial.pool.size)
    return Capacity(capacity, censored, np.array(sorted(walked.items())))


def _last(holds: Callable[[int], bool], most: int) -> tuple[int, bool]:
    """Return the last of 1, ..., most that holds, or 0, and whether that is `most`: gallop, bisect.

    Between two neighbours only the lower of which holds.
    """
    low, high = 0, 1
    while holds(high):
        if high == most:
            return most, True
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, False


def capacity_curve(
    memory: Any,
    patterns: ArrayLike | Callable[..., ArrayLike],
    loads: ArrayLike,
    *,
    corruption: dict[str, float] | None = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> CapacityCurve:
    """Measure which shares of the stored patterns a memory holds, the more are stored.

    Parameters
    ----------
    memory : memory
        Cloned: it is left as it is. A rule for a scale is applied as by `capacity_search`.
    patterns : array-like of shape (n, D), or callable
        As of `capacity_search`. Each repeat has an order of an array's rows, or a seed for a
        function, of its own; the loads of a repeat are beginnings of each other.
    loads : array-like of int
        Numbers of patterns to store, at most n. They are sorted, and equal ones count once.
    corruption : dict or None, default=None
        Keywords of `skdam.datasets.corrupt` that damage the queries of `recalled`; None leaves them
        whole.
    n_repeats : int, default=5
        How many times each load is measured.
    n_jobs : int or None, default=None
        How many repeats run in parallel; -1 means as many as there are processors. It changes no
        result.
    random_state : int, RandomState or None, default=None
        What the orders, the damage, and seeds of a memory whose `random_state` is None are drawn
        with.

    Returns
    -------
    CapacityCurve
        Both shares at each load, in each repeat.

    Raises
    ------
    ValueError, TypeError
        As `capacity_search`, or if there are no loads, or one is no positive integer or exceeds the
        number of patterns.

    See Also
    --------
    skdam.displays.CapacityDisplay : Draws it.

    Examples
    --------
    >>> from functools import partial
    >>> from skdam import HopfieldMemory
    >>> from skdam.analysis import capacity_curve
    >>> from skdam.datasets import make_patterns
    >>> patterns = partial(make_patterns, n_features=100)
    >>> curve = capacity_curve(
    ...     HopfieldMemory(), patterns, [20, 50], corruption={"flip": 0.1}, random_state=0
    ... )
    >>> curve.stable.mean(axis=1)
    array([1., 1.])
    >>> bool(curve.recalled.mean(axis=1)[1] < 0.9)
    True
    """
    sorted_loads = _check_loads(loads)
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=check_count(n_repeats, "n_repeats"))
    most = int(sorted_loads[-1]) if callable(patterns) else None
    columns = Parallel(n_jobs=n_jobs)(
        delayed(_measured)(memory, patterns, most, corruption, sorted_loads, seed) for seed in seeds
    )
    stable, recalled = np.array(columns).transpose(2, 1, 0)
    return CapacityCurve(sorted_loads, stable, recalled)


def _measured(
    memory: Any, patterns: Any, most: int | None, corruption: Any, loads: Integers, seed: int
) -> list[list[float]]:
    """Return the stable and the recalled share at each load, of one order of the patterns."""
    trial = Trial.of(memory, patterns, most, corruption, np.random.RandomState(seed))
    if loads[-1] > trial.pool.size:
        raise ValueError(f"loads must not exceed the {trial.pool.size} patterns, got {loads[-1]}.")
    return [trial.shares(n, _are_stable, are_recalled) for n in loads.tolist()]


def _check_loads(loads: ArrayLike) -> Integers:
    array = np.asarray(loads)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu" or array.min() < 1:
        raise InvalidParameterError(f"loads must be a list of integers >= 1, got {loads!r}.")
    return np.unique(array)
