"""How a layered memory settles: in which unit, from where, and what is told of the end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse
from sklearn.utils import check_array

from .._math import distinct_rows, pooled
from .._validation import refuse_silent_casts
from ..dynamics import RetrievalResult, Settled
from ..energies import LayeredEnergy
from ..potentials import HIDDEN_SUMS, HalfSquare, Length, LogCosh, LogSumExp

#: The Lagrangians of each model, made of its interaction, degree and inverse temperature.
MODELS = {
    "A": lambda interaction, degree, beta: (LogCosh(), HIDDEN_SUMS[interaction](degree, beta)),
    "B": lambda interaction, degree, beta: (HalfSquare(), LogSumExp(beta)),
    "C": lambda interaction, degree, beta: (Length(), HIDDEN_SUMS[interaction](degree, beta)),
}
#: Inverse temperatures beyond this tell nothing apart that floats do.
_STEEP = 1e307
#: Potentials and drives lie below this, so that no square or product of them overflows.
_HUGE = 2.0**500
#: Share of the hidden neurons' activity above which a memory came back (irrational: no tie).
_MAJORITY = 0.5**0.5


@dataclass(frozen=True, eq=False)
class Settling:
    """A layered energy in its own unit, 2 to `exponent`, and which memories are copies of which.

    Model B is measured in the unit of its memories, which rounds nothing. (The other models' states
    have no unit, and their potentials that of the Lagrangians.)
    """

    energy: LayeredEnergy
    exponent: int
    first: np.ndarray
    place: np.ndarray

    @classmethod
    def of(
        cls,
        memories: np.ndarray,
        model: str,
        lagrangians: tuple[str, int, float],
        taus: tuple[float, float],
    ) -> Self:
        """Bind float64 memories to a model, its (interaction, degree, beta) and time constants."""
        interaction, degree, beta = lagrangians
        exponent = int(np.frexp(np.abs(memories).max())[1]) if model == "B" else 0
        with np.errstate(over="ignore", under="ignore"):
            beta = min(float(np.ldexp(beta, 2 * exponent)), _STEEP)
            scaled = np.ldexp(memories, -exponent)
        energy = LayeredEnergy(scaled, *MODELS[model](interaction, degree, beta), *taus)
        return cls(energy, exponent, *distinct_rows(memories))

    def check_drive(self, told: str) -> None:
        """Refuse memories whose drive, or energy, floats do not hold."""
        drive, energy = self.energy.strongest()
        if self.energy.memories.any() and not (1 / _HUGE <= drive <= _HUGE and energy <= _HUGE):
            raise ValueError(
                f"With {told} the memories' overlaps drive neurons with up to {drive:.3g} and have"
                f" energies of up to {energy:.3g}, which is not representable. Rescale X."
            )

    def scaled(self, values: np.ndarray, name: str) -> np.ndarray:
        """Return potentials as float64 in the unit."""
        with np.errstate(over="ignore", under="ignore"):
            scaled = np.ldexp(values.astype(np.float64, copy=False), -self.exponent)
        far = ~(np.abs(scaled) <= _HUGE).all(axis=1)
        if far.any():
            first = int(far.argmax())
            raise ValueError(
                f"{name} is too large to be integrated in {far.sum()} rows, the first of them row"
                f" {first}, with {np.abs(values[first]).max():.3g}. Rescale it."
            )
        return scaled

    def value(self, V: np.ndarray) -> np.ndarray:
        """Return the energy of potentials, once hidden neurons have caught up with them."""
        return self._unscaled(self.energy.value(self.energy.adiabatic(V)), 2)

    def retrieve(
        self, V: np.ndarray, current: np.ndarray, integrate: Callable[..., Settled], record: bool
    ) -> RetrievalResult:
        """Tell where potentials settle under their currents."""
        flow, start = self.energy.flow(current), self.energy.adiabatic(V)
        settled = integrate(flow, start, record=record)
        shares = partial(self._shares, self.energy.layers(settled.state)[0].copy())
        result = RetrievalResult(
            self._activity(settled.state),
            self._unscaled(self.energy.value(settled.state, current), 2),
            settled.n_iter,
            settled.converged,
            np.ones(len(V), dtype=bool),
            self._recalled(shares()),
            lambda: csr_array(shares()),
        )
        return self._recorded(result, settled, current) if record else result

    def _recorded(
        self, result: RetrievalResult, settled: Settled, current: np.ndarray
    ) -> RetrievalResult:
        paths = settled.trajectory()
        pairs = zip(paths, current, strict=True)
        return replace(
            result,
            trajectory=[self._activity(path) for path in paths],
            energies=[self._unscaled(self.energy.value(*pair), 2) for pair in pairs],
            times=settled.times(),
        )

    def _activity(self, Y: np.ndarray) -> np.ndarray:
        return self._unscaled(self.energy.activities(Y)[0], 1)

    def _shares(self, V: np.ndarray) -> np.ndarray:
        """Return each memory's share in the activity of hidden neurons that have caught up."""
        activity = self.energy.activities(self.energy.adiabatic(V))[1]
        total = np.abs(activity).sum(axis=1, keepdims=True)
        return activity / np.where(total > 0.0, total, 1.0)

    def _recalled(self, shares: np.ndarray) -> np.ndarray:
        shares = pooled(shares, self.place)
        return np.where(shares.max(axis=1) > _MAJORITY, self.first[shares.argmax(axis=1)], -1)

    def _unscaled(self, values: np.ndarray, power: int) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(values, power * self.exponent)


def check_current(input_current: ArrayLike, shape: tuple[int, int]) -> np.ndarray:
    """Return a finite input current for each query."""
    refuse_silent_casts(input_current, "input_current")
    current = check_array(
        input_current if issparse(input_current) else np.atleast_1d(input_current),
        ensure_2d=False,
        allow_nd=True,
        dtype=np.float64,
        input_name="input_current",
    )
    if current.shape not in (shape, shape[1:]):
        raise ValueError(
            f"input_current must have shape {shape[1:]} or {shape}, got {current.shape}."
        )
    return np.broadcast_to(current, shape)
