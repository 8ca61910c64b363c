"""The energy of kernel memories in shards: sums, pulls and nearest memories, reduced over all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from .._active import ActiveSets
from .._math import Floats, Integers
from .._sum_energy import SumEnergy
from .._sums import Pull, Walk
from ..kernels import Kernel
from ..memories._kernel_base import BaseKernelMemory
from ._set_hashes import Hashes, of_sets, over_shards

Booleans = np.ndarray
#: Means beyond it are halved before they are subtracted.
_HUGE = np.finfo(np.float64).max / 4


@dataclass(frozen=True, eq=False)
class ShardedEnergy(SumEnergy):
    """Energy of a kernel over memories in shards, which answer for their part of the sum.

    Parameters
    ----------
    shards : list of delayed fitted memories
    kernel : Kernel
    bandwidth : float
        r, in data units.
    epsilon : float
        The constant inside the logarithm.
    weight : float
        The sum of all weights.
    """

    shards: list
    kernel: Kernel
    bandwidth: float
    epsilon: float
    weight: float

    @property
    def unit(self) -> float:
        """1: weights are in units of themselves."""
        return 1.0

    @property
    def total_weight(self) -> float:
        """The sum of all weights."""
        return self.weight

    def log_sum(self, X: Floats) -> Floats:
        """Return log S at each row, -inf off the support."""
        return np.logaddexp.reduce(self._ask(_log_sum, X), axis=0)

    def step(self, X: Floats) -> Floats:
        """Return the next states of mean shift; those off the support stay."""
        return self.pull(X).mean

    def walk(self, n_rows: int) -> Walk:
        """Return `step` and `covers` for rows that move.

        Where memories pull alike, a row rests if those are active that moved it there: that is
        the same on any machine, while the last bits of a sum are those of the machine.
        """
        before = np.zeros(n_rows, dtype=np.uint64)

        def step(rows: Integers, X: Floats) -> Floats:
            after, sets = self.pull_and_sets(X)
            rests = self.kernel.is_flat & (before[rows] == sets)
            before[rows] = sets
            return np.where(rests[:, None], X, after.mean)

        return Walk(step, lambda _, X: np.any(self._ask(_covers, X), axis=0))

    def pull(self, X: Floats) -> Pull:
        """Return the pull of all shards."""
        return self.pull_and_sets(X)[0]

    def pull_and_sets(self, X: Floats) -> tuple[Pull, Hashes]:
        """Return the pull of all shards, and a hash of the memories that are active in them."""
        answers = zip(*self._ask(_pull, X), strict=True)
        means, log_mass, sets = (np.array(part) for part in answers)
        return _total(X, means, log_mass), over_shards(sets)

    def nearest(self, X: Floats, known: Floats | None = None) -> Floats:
        """Return the memory nearest to each row; of equals the first in lexicographic order."""
        (best, least), *others = self._ask(_nearest, X, known)
        for memory, distance in others:
            for i in np.flatnonzero(distance <= least):
                if distance[i] < least[i] or tuple(memory[i]) < tuple(best[i]):
                    best[i], least[i] = memory[i], distance[i]
        return best

    def _ask(self, question: Callable, *asked: Floats | None) -> list:
        """Return what each shard answers."""
        import dask

        answer = dask.delayed(question)
        rows = [dask.delayed(X, traverse=False) for X in asked]
        return list(dask.compute(*(answer(shard, *rows) for shard in self.shards)))


def _total(X: Floats, means: Floats, log_mass: Floats) -> Pull:
    """Return the pull of all shards, about the mean of the one that pulls most.

    No state enters: the same active sets have the same mean, bit for bit.
    """
    heaviest, rows = log_mass.argmax(axis=0), np.arange(len(X))
    peak = log_mass[heaviest, rows]
    active = np.isfinite(peak)
    share = np.exp(log_mass - np.where(active, peak, 0.0))
    whole = _added(share)
    anchor = np.where(active[:, None], means[heaviest, rows], X)
    scale = 0.5 if np.abs(means).max() > _HUGE else 1.0
    away = np.where(active[:, None], means * scale - anchor * scale, 0.0)
    share /= np.where(active, whole, 1.0)
    offset = _added(part[:, None] * way for part, way in zip(share, away, strict=True)) / scale
    with np.errstate(divide="ignore"):  # off the support
        return Pull(anchor, offset, peak + np.log(whole))


def _added(parts: Iterable[Floats]) -> Floats:
    """Add up what shards answer, one after another: a row alone rounds as it does in a batch."""
    return reduce(np.add, parts)


def _pull(shard: BaseKernelMemory, X: Floats) -> tuple[Floats, Floats, Hashes]:
    """Return a shard's mean and mass, and a hash of who pulls (0 where that does not matter)."""
    energy, sets = shard._energy(), np.zeros(len(X), dtype=np.uint64)

    def note(rows: Integers, active: ActiveSets) -> None:
        sets[rows] = of_sets(active)

    pull = energy.sums.pull(X, note if energy.kernel.is_flat else None)
    return pull.mean, pull.log_mass + np.log(energy.unit), sets


def _log_sum(shard: BaseKernelMemory, X: Floats) -> Floats:
    energy = shard._energy()
    return energy.log_sum(X) + np.log(energy.unit)


def _nearest(shard: BaseKernelMemory, X: Floats, known: Floats | None) -> tuple[Floats, Floats]:
    return shard._energy().nearest_of(X, known)


def _covers(shard: BaseKernelMemory, X: Floats) -> Booleans:
    return shard._energy().covers(X)
