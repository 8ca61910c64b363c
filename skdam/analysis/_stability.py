"""What it means that a memory holds a pattern, for each family of memories.

A stored pattern is *stable* if retrieval that starts at it comes back to it, and *recalled* if
retrieval from a damaged copy does.  That it came back is what `RetrievalResult.recalled` says: the
state equals the pattern (spins; the Epanechnikov kernel, up to the rounding of a mean), or the
pattern has the majority in it (other kernels, attention, two layers).  Two families differ:

- A memory of spins is asked for more: every flip of a single bit of a stable pattern raises the
  energy.  (Retrieval would stay on a tie, too.)
- A random-feature memory keeps no pattern: its states are judged by the patterns that were given,
  as those of the Gaussian memory of its bandwidth.

Copies of a pattern count each; the first of them is what comes back.  A memory of a kind of its own
is judged by its `retrieve`, or registers what it means here.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import singledispatch
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from .._math import Floats, Integers, distinct_rows
from .._validation import ObjectWith
from ..dynamics import RetrievalResult
from ..energies import KernelEnergy
from ..kernels import KERNELS
from ..memories._kernel_base import BaseKernelMemory
from ..memories._random_feature import RandomFeatureMemory
from ..memories._spins import SpinMemory, middle


def are_recalled(memory: Any, patterns: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return which patterns come back from their queries, those of the same row."""
    return recalled(memory, queries, patterns) == first_copies(seen(memory, patterns))


@singledispatch
def are_stable(memory: Any, patterns: np.ndarray) -> np.ndarray:
    """Return which patterns are stable in the memory that was fitted to them."""
    return are_recalled(memory, patterns, patterns)


@are_stable.register
def _(memory: SpinMemory, patterns: np.ndarray) -> np.ndarray:
    energy, spins = memory._energy(), memory._spins(patterns)
    blocks = memory._blocks(len(spins))
    return np.concatenate([energy.is_stable(spins[rows]) for rows in blocks])


@singledispatch
def recalled(memory: Any, queries: np.ndarray, patterns: np.ndarray) -> Integers:
    """Return which stored pattern each query retrieves (its first copy), or -1."""
    return _retrieved(memory, queries).recalled


@recalled.register
def _(memory: RandomFeatureMemory, queries: np.ndarray, patterns: np.ndarray) -> Integers:
    states = _retrieved(memory, queries).state
    return gaussian_energy(memory, patterns).recalled(states.astype(np.float64, copy=False))


def gaussian_energy(memory: RandomFeatureMemory, patterns: np.ndarray) -> KernelEnergy:
    """Return the energy that a random-feature memory of these patterns estimates."""
    rows = np.ascontiguousarray(patterns, dtype=np.float64)
    return KernelEnergy.of(rows, np.ones(len(rows)), KERNELS["gaussian"], memory.bandwidth_)


@singledispatch
def seen(memory: Any, X: np.ndarray) -> Floats:
    """Return rows as the memory sees them."""
    return X.astype(np.float64, copy=False)


@seen.register
def _(memory: SpinMemory, X: np.ndarray) -> Floats:
    return memory._spins(X)


@singledispatch
def with_scale(memory: Any, patterns: Callable[[], np.ndarray]) -> Any:
    """Return the memory, with what its rule for a scale makes of some patterns."""
    return memory


@with_scale.register(BaseKernelMemory)
@with_scale.register(RandomFeatureMemory)
def _(memory: Any, patterns: Callable[[], np.ndarray]) -> Any:
    if not isinstance(memory.bandwidth, str):
        return memory
    rows = patterns()
    with overload_expected():
        return clone(memory).set_params(bandwidth=clone(memory).fit(rows).bandwidth_)


@with_scale.register
def _(memory: SpinMemory, patterns: Callable[[], np.ndarray]) -> Any:
    if not isinstance(memory.threshold, str):
        return memory
    return clone(memory).set_params(threshold=middle(patterns()))


def first_copies(rows: Floats) -> Integers:
    """Return for each row the index of the first that equals it."""
    first, place = distinct_rows(rows)
    return first[place]


def check_memory(memory: Any) -> Any:
    """Return an estimator that stores and retrieves, out of its frame if it is frozen."""
    memory = memory.estimator if isinstance(memory, FrozenEstimator) else memory
    if not ObjectWith(["fit", "retrieve", "get_params"]).is_satisfied_by(memory):
        raise TypeError(f"memory must be an estimator with fit and retrieve, got {memory!r}.")
    return memory


@contextmanager
def overload_expected() -> Iterator[None]:
    """Keep a memory's warnings to ourselves: that it is overloaded is what is measured."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _retrieved(memory: Any, queries: np.ndarray) -> RetrievalResult:
    gaps = np.isnan(queries)
    return memory.retrieve(queries, **({"known": ~gaps} if gaps.any() else {}))
