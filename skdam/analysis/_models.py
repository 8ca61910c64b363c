"""What it means to be a state of a memory, for each family of memories.

A state is *stable* if retrieval leaves it where it is.  Where states start from, which of them are
the same, and what a stable one can be, is for each family to say: a memory of a kind of its own
registers with `model_of`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, Integers, distinct_rows, row_blocks
from .._patterns import Patterns
from .._validation import check_rows, naming
from ..memories._kernel_base import BaseKernelMemory
from ..memories._spins import SpinMemory

#: Retrieval ends by itself; this only stops a cycle.
_MAX_STEPS = 10_000
#: In bandwidths: how near to a limit states are followed, and how near they count as the same.
_TOL, _SAME = 1e-6, 1e-3


class StateModel(ABC):
    """What the questions about states ask of a fitted memory."""

    @abstractmethod
    def probes(self, n: int, rng: np.random.RandomState) -> Floats:
        """Draw n states to start from."""

    @abstractmethod
    def settle(self, starts: Floats) -> tuple[Floats, np.ndarray]:
        """Return where starts end, however long it takes, and whether they do end."""

    @abstractmethod
    def same(self, states: Floats) -> tuple[Floats, Integers]:
        """Return the distinct ones of some states, and which of them each is."""

    @abstractmethod
    def energy(self, states: Floats) -> Floats:
        """Return the energy of each state."""

    @abstractmethod
    def label(
        self,
        states: ArrayLike,
        patterns: ArrayLike,
        prototypes: ArrayLike | None,
        tol: float,
    ) -> np.ndarray:
        """Return what each state is, in a word."""


@dataclass(frozen=True)
class SpinModel(StateModel):
    """States of +-1, a pair of signs being one where the energy does not know the sign."""

    memory: SpinMemory

    def probes(self, n: int, rng: np.random.RandomState) -> Floats:
        return np.where(rng.random_sample((n, len(self.memory.order_))) < 0.5, -1.0, 1.0)

    def settle(self, starts: Floats) -> tuple[Floats, np.ndarray]:
        settled = self.memory._settled(starts, record=False, max_iter=_MAX_STEPS)
        return settled.state, settled.converged

    def same(self, states: Floats) -> tuple[Floats, Integers]:
        rows = states * states[:, :1] if self.memory._energy().is_even else states
        first, place = distinct_rows(rows)
        return rows[first], place

    def energy(self, states: Floats) -> Floats:
        return self.memory._value(states)

    def stabilities(self, states: Floats) -> tuple[Floats, Integers]:
        """Return the unit stabilities as (b, e): ``a = b * 2^e``."""
        energy = self.memory._energy()
        parts = [energy.stabilities(states[rows]) for rows in self.memory._blocks(len(states))]
        a, exponent = (np.concatenate(part) for part in zip(*parts, strict=True))
        return a, exponent

    def label(
        self,
        states: ArrayLike,
        patterns: ArrayLike,
        prototypes: ArrayLike | None,
        tol: float,
    ) -> np.ndarray:
        spins, learned = self.spins(states, "states"), self.spins(patterns, "patterns")
        moves = self.memory._settled(spins, record=False, max_iter=1).n_iter > 0
        conditions = [moves, self._distance(spins, learned) == 0.0]
        if prototypes is not None:
            centres = self.spins(prototypes, "prototypes")
            conditions.append(self._distance(spins, centres) <= tol)
        names = ["unstable", "learned", "prototype"][: len(conditions)]
        return np.select(conditions, names, "spurious")

    def _distance(self, spins: Floats, others: Floats) -> Floats:
        """Return the share of bits in which each state differs from the nearest of the others."""
        n, alike = spins.shape[1], np.abs if self.memory._energy().is_even else np.asarray
        blocks = row_blocks(len(spins), 16 * len(others))
        nearest = [alike(spins[rows] @ others.T).max(axis=1) for rows in blocks]
        return (n - np.concatenate(nearest)) / 2.0 / n  # integers before: 0.29 n is .29 of n

    def spins(self, X: ArrayLike, name: str) -> Floats:
        """Return states of +-1 as they are, and features compared with the threshold.

        Where the threshold would take the one for the other, only states are let through.
        """
        with naming(name):
            rows = check_rows(X, self.memory)
        threshold = self.memory.threshold_
        if -1.0 <= threshold < 1.0:
            return self.memory._spins(rows)
        off = np.abs(rows) != 1.0
        if off.any():
            raise ValueError(
                f"{name} must be states of +-1, as transform returns them, got {rows[off][0]:g} in"
                f" row {off.any(axis=1).argmax()}: with threshold_={threshold:g} features are not"
                f" told from states. Pass np.where({name} > memory.threshold_, 1, -1)."
            )
        return rows.astype(np.float64, copy=False)


@dataclass(frozen=True)
class KernelModel(StateModel):
    """States among patterns of numbers."""

    memory: BaseKernelMemory

    def probes(self, n: int, rng: np.random.RandomState) -> Floats:
        return self.memory.sample(n, rng).astype(np.float64, copy=False)

    def settle(self, starts: Floats) -> tuple[Floats, np.ndarray]:
        tol = 0.0 if self.memory._energy().kernel.is_flat else _TOL
        set_up = self.memory._retrieval()
        whole = replace(set_up, outside="nearest", max_iter=_MAX_STEPS, tol=tol)
        parts = self.memory._split(lambda rows: whole.settle(starts[rows])[0], len(starts))
        states, ended = ([getattr(p, n) for p in parts] for n in ("state", "converged"))
        return np.concatenate(states), np.concatenate(ended)

    def same(self, states: Floats) -> tuple[Floats, Integers]:
        energy = self.memory._energy()
        if energy.kernel.is_flat:  # a state is a function of its members, bit for bit
            first, place = distinct_rows(states)
            return states[first], place
        ends = Patterns.of(states, np.ones(len(states)), _SAME * energy.bandwidth)
        rows = ends.points.rows
        groups = connected_components(ends.search.marked(rows), directed=False)[1]
        lowest = np.argsort(-energy.log_sum(rows), kind="stable")  # of the energy, at any scale
        best = lowest[np.unique(groups[lowest], return_index=True)[1]]
        return rows[best], groups[ends.place]

    def energy(self, states: Floats) -> Floats:
        return self.memory._energy().value(states)

    def label(
        self,
        states: ArrayLike,
        patterns: ArrayLike,
        prototypes: ArrayLike | None,
        tol: float,
    ) -> np.ndarray:
        if prototypes is not None or tol != 0.0:
            raise ValueError(
                f"prototypes and tol are for memories of spins, got tol={tol} and"
                f" prototypes={'None' if prototypes is None else 'an array'}: a stable state of a"
                f" {type(self.memory).__name__} that is no pattern is 'emergent'."
            )
        X, asked = self._rows(states, "states"), self._rows(patterns, "patterns")
        rows, energy = X.astype(np.float64, copy=False), self.memory._energy()
        stays = energy.stays(rows, self._slack(X))
        conditions = [~energy.covers(rows), ~stays, self._is_one_of(asked, energy.recalled(rows))]
        return np.select(conditions, ["outside", "unstable", "stored"], "emergent")

    def _slack(self, X: np.ndarray) -> Floats:
        """Return by how many bandwidths stable states may move: rounded, or followed to a limit."""
        energy, tol = self.memory._energy(), self.memory._settings().tol
        with np.errstate(over="ignore"):
            rounded = np.finfo(X.dtype).eps * np.abs(X / energy.bandwidth).max(axis=1)
        return rounded if energy.kernel.is_flat else rounded + max(tol, _TOL)

    def _is_one_of(self, patterns: np.ndarray, recalled: Integers) -> np.ndarray:
        """Return which memories, -1 for none, are equal to one of the patterns."""
        memories = self.memory.memories_
        both = np.concatenate([memories, patterns.astype(memories.dtype, copy=False)])
        place = distinct_rows(both)[1]
        wanted = np.isin(place[: len(memories)], place[len(memories) :])
        return (recalled >= 0) & wanted[recalled]

    def _rows(self, X: ArrayLike, name: str) -> np.ndarray:
        with naming(name):
            return check_rows(X, self.memory)


@singledispatch
def model_of(memory: Any) -> StateModel:
    """Return what a fitted memory, frozen or not, says of its states."""
    raise TypeError(
        "memory must be a fitted BinaryMemory, HopfieldMemory or kernel memory, got an object of"
        f" {type(memory).__name__}: of a pipeline pass the last step."
    )


@model_of.register
def _(memory: FrozenEstimator) -> StateModel:
    return model_of(memory.estimator)


@model_of.register
def _(memory: SpinMemory) -> StateModel:
    check_is_fitted(memory)
    return SpinModel(memory)


@model_of.register
def _(memory: BaseKernelMemory) -> StateModel:
    check_is_fitted(memory)
    return KernelModel(memory)


def spin_model_of(memory: Any) -> SpinModel:
    """Return what a fitted memory of spins says of its states."""
    model = model_of(memory)
    if not isinstance(model, SpinModel):
        raise TypeError(
            "memory must be a fitted BinaryMemory or HopfieldMemory, for only spins have unit"
            f" stabilities, got an object of {type(memory).__name__}."
        )
    return model
