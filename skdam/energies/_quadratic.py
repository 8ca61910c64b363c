"""The energy of classical Hopfield networks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from .._math import Floats, Integers

#: Sums of integers below 2 to this are exact in float64, in any order.
_BITS = 52
#: Share of a row's magnitudes up to which a field is a tie.
_TIE = 2.0**-36


@dataclass(frozen=True, eq=False)
class QuadraticEnergy:
    r"""Energy of N spins with symmetric couplings W, without self-coupling.

    .. math:: E(\sigma) = -\tfrac12\,\sigma^T W \sigma

    Flipping bit i changes it by ``2 sigma_i h_i``, with the field ``h = W sigma``.  Fields are
    exact sums of N W rounded to multiples of a power of two (2^-52 of the largest sum of a row's
    magnitudes), so that neither their order nor the other states tell.  A field below 2^-36 of the
    sum of its couplings' magnitudes is a tie: learned couplings are no more exact than that.

    Parameters
    ----------
    couplings : ndarray of shape (N, N), float64
        The symmetric matrix W, its diagonal 0.
    rounded : ndarray of shape (N, N), float64
        The product N W in that unit: integers.
    tie : ndarray of shape (N,), float64
        Fields up to it are ties.
    unit : float
        What fields are multiples of.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import QuadraticEnergy
    >>> energy = QuadraticEnergy.of(np.array([[0.0, 1.0], [1.0, 0.0]]))  # two spins that agree
    >>> states = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> energy.value(states), energy.is_stable(states)
    (array([-1.,  1.]), array([ True, False]))
    """

    couplings: Floats
    rounded: Floats
    tie: Floats
    unit: float

    @classmethod
    def of(cls, couplings: Floats) -> Self:
        """Bind couplings (symmetric, with zero diagonal)."""
        scaled = couplings * len(couplings)
        bits = _BITS - np.frexp(np.abs(scaled).sum(axis=1).max())[1]
        rounded = np.rint(np.ldexp(scaled, bits))
        unit = float(np.ldexp(1.0 / len(couplings), -bits))
        return cls(couplings, rounded, _TIE * np.abs(rounded).sum(axis=1), unit)

    @property
    def is_even(self) -> bool:
        """Whether ``E(-sigma) = E(sigma)``: retrieval then commutes with the sign."""
        return True

    def fields(self, X: Floats) -> Floats:
        """Return the field of each bit in each state, but for a positive factor."""
        return X @ self.rounded

    def flip(self, fields: Floats, rows: Integers, bits: Integers, before: Floats) -> None:
        """Update the fields of some rows, each of which flips one bit."""
        fields[rows] -= 2.0 * before[:, None] * self.rounded[bits]

    def falls(self, bits: Integers) -> Callable[[Floats, Floats], np.ndarray]:
        """Return a function of (fields, values of these bits): whose flip lowers the energy."""
        return lambda fields, values: values * fields[:, bits] < -self.tie[bits]

    def is_stable(self, X: Floats) -> np.ndarray:
        """Return which states are strictly stable: every flip of a single bit raises the energy."""
        return (X * self.fields(X) > self.tie).all(axis=1)

    def stabilities(self, X: Floats) -> tuple[Floats, Integers]:
        r"""Return unit stabilities a, half of what each flip adds to E, as (b, e): ``a = b * 2^e``.

        .. math:: a_i = \tfrac12 \Delta_i E = \sigma_i h_i

        A tie has none.
        """
        alike = X * self.fields(X)
        a = np.where(np.abs(alike) <= self.tie, 0.0, alike) * self.unit
        return a, np.zeros(len(X), dtype=np.intp)

    def step(self, X: Floats) -> Floats:
        """Return the synchronous step ``sgn(W x)``; a tie keeps the bit."""
        fields = self.fields(X)
        return np.where(np.abs(fields) <= self.tie, X, np.sign(fields))

    def value(self, X: Floats) -> Floats:
        """Return E at each state."""
        return -0.5 * np.einsum("ij,ij->i", X @ self.couplings, X)
