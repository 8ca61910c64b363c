"""The energy of kernel memories in shards: sums, pulls and nearest memories, reduced over all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._math import Floats
from .._sum_energy import SumEnergy
from .._sums import Pull, Walk
from ..kernels import Kernel
from ..memories._kernel_base import BaseKernelMemory

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
        """Return `step` and `covers` for rows that move; shards remember none."""
        return Walk(lambda _, X: self.pull(X), lambda _, X: np.any(self._ask(_covers, X), axis=0))

    def pull(self, X: Floats) -> Pull:
        """Return the pull of all shards, about the mean of the one that pulls most.

        No state enters: the same active sets have the same mean, bit for bit.
        """
        means, log_mass = (np.array(part) for part in zip(*self._ask(_pull, X), strict=True))
        heaviest, rows = log_mass.argmax(axis=0), np.arange(len(X))
        peak = log_mass[heaviest, rows]
        active = np.isfinite(peak)
        share = np.exp(log_mass - np.where(active, peak, 0.0))
        whole = share.sum(axis=0)
        anchor = np.where(active[:, None], means[heaviest, rows], X)
        scale = 0.5 if np.abs(means).max() > _HUGE else 1.0
        away = np.where(active[:, None], means * scale - anchor * scale, 0.0)
        offset = np.einsum("sn,snd->nd", share / np.where(active, whole, 1.0), away) / scale
        with np.errstate(divide="ignore"):  # off the support
            return Pull(anchor, offset, peak + np.log(whole))

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


def _pull(shard: BaseKernelMemory, X: Floats) -> tuple[Floats, Floats]:
    energy = shard._energy()
    pull = energy.sums.pull(X)
    return pull.mean, pull.log_mass + np.log(energy.unit)


def _log_sum(shard: BaseKernelMemory, X: Floats) -> Floats:
    energy = shard._energy()
    return energy.log_sum(X) + np.log(energy.unit)


def _nearest(shard: BaseKernelMemory, X: Floats, known: Floats | None) -> tuple[Floats, Floats]:
    return shard._energy().nearest_of(X, known)


def _covers(shard: BaseKernelMemory, X: Floats) -> Booleans:
    return shard._energy().covers(X)
