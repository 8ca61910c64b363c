"""Functions of the overlap of two patterns of spins, as exact tables over all overlaps.

An overlap h of N spins is one of the integers -N, -N + 2, ..., N, so that whatever an energy needs
of F is a table, made once of Python's integers: no power is ever taken of a float, and none
overflows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from .._math import UNIT_ROUNDOFF, Floats, Integers

#: Bits of an integer that are kept before it becomes a float.
_BITS = 64
#: Exponents beyond which numbers of a table tell nothing more; and beside its largest number.
_HUGE, _FAR = 2.0**50, 2**62


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers ``mantissa * 2^exponent`` of any size, right to a relative error.

    Sums of integers have the right sign, however large they are and much as they cancel.

    Parameters
    ----------
    mantissa : ndarray of shape (n,), float64
        Each number's mantissa, as `numpy.frexp` returns it.
    exponent : ndarray of shape (n,), int
        Its power of two.
    error : float
        Bound of the relative error of ``mantissa * 2^exponent``.
    largest : float, default=inf
        The largest magnitude of integers of at most 64 bits; infinity otherwise.
    integers : sequence of int, optional
        The numbers themselves, if they are integers.
    fold : pair of ndarrays of shape (n,), optional
        Where the first integer of the same magnitude stands, and 1 or -1: whether its sign is the
        same.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import Table
    >>> table = Table.of([1, 10**400])
    >>> table.plain
    array([ 1., inf])
    >>> table.signs_of_sums(np.array([[1, 1], [1, 0]]), np.array([[1, -1], [-1, 1]]))
    array([ 0., -1.])
    """

    mantissa: Floats
    exponent: Integers
    error: float
    largest: float = np.inf
    integers: Sequence[int] | None = None
    fold: tuple[Integers, Integers] | None = None

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """Make a table of integers."""
        excess = [max(0, abs(number).bit_length() - _BITS) for number in numbers]
        pairs = zip(numbers, excess, strict=True)
        shortened = [number >> more if number > 0 else -(-number >> more) for number, more in pairs]
        mantissa, exponent = np.frexp(np.array(shortened, dtype=np.float64))
        largest = np.inf if any(excess) else float(max(map(abs, numbers)))
        exponents = exponent + np.array(excess)
        return cls(mantissa, exponents, 2 * UNIT_ROUNDOFF, largest, numbers, _fold(numbers))

    @property
    def plain(self) -> Floats:
        """The numbers as floats, infinite where they are too large."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.mantissa, np.clip(self.exponent, -(2**20), 2**20))

    def signs_of_sums(self, entries: Integers, signs: Integers) -> Floats:
        """Return the sign of ``signs[i] @ numbers[entries[i]]`` for each i: exactly, of integers.

        Of other numbers it is 0 where the sum is less than its rounding.
        """
        n, width = len(entries), len(self.mantissa)
        place, same = self.fold or (np.arange(width), np.ones(width, dtype=np.int8))
        flat = place[entries] + width * np.arange(n)[:, None]
        weights = (signs * same[entries]).ravel()
        counts = np.bincount(flat.ravel(), weights=weights, minlength=n * width)
        return self._signs_of_counted(counts.reshape(n, width).astype(np.int64))

    def _signs_of_counted(self, counts: Integers) -> Floats:
        used = (counts != 0) & (self.mantissa != 0)
        peak = np.where(used, self.exponent, -_FAR).max(axis=1, keepdims=True)
        terms = counts * np.ldexp(self.mantissa, np.maximum(self.exponent - peak, -_FAR) * used)
        terms[~used] = 0.0
        total, size = terms.sum(axis=1), np.abs(terms).sum(axis=1)
        n_terms = used.sum(axis=1)
        doubtful = np.abs(total) <= (self.error + (n_terms + 2) * UNIT_ROUNDOFF) * size
        signs = np.where(doubtful, 0.0, np.sign(total))
        if self.integers is not None:
            for i in np.flatnonzero(doubtful & (n_terms > 0)):
                entries = np.flatnonzero(used[i]).tolist()
                exact = sum(int(counts[i, j]) * self.integers[j] for j in entries)
                signs[i] = (exact > 0) - (exact < 0)
        return signs


def _fold(numbers: Sequence[int]) -> tuple[Integers, Integers]:
    """Return the place of the first number of each magnitude, and 1 where its sign is the same."""
    first: dict[int, int] = {}
    place = np.array([first.setdefault(abs(v), i) for i, v in enumerate(numbers)])
    positive = np.array([v > 0 for v in numbers])
    return place, np.where(positive == positive[place], 1, -1).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Tables:
    """What an interaction F says of each overlap h in -N, ..., N (entry h + N).

    Attributes
    ----------
    value : Table
        F(h).
    slope : Table
        F'(h), up to a positive factor.
    rise : Table
        F(h) - F(h - 2), for h up to N + 2, up to a positive factor that the next two share.
    turn : Table
        F(h + 2) - F(h - 2).
    stay : Table
        2 F(h) - F(h + 2) - F(h - 2).
    factor : tuple of (float, int)
        What that positive factor has divided them by, as a mantissa and a power of two.

    Examples
    --------
    >>> from skdam.potentials import RectifiedPower
    >>> tables = RectifiedPower(degree=2).tables(n_features=3)
    >>> tables.value.plain  # at h = -3, ..., 3
    array([0., 0., 0., 0., 1., 4., 9.])
    >>> tables.turn.plain
    array([ 0.,  0.,  1.,  4.,  9., 16., 24.])
    """

    value: Table
    slope: Table
    rise: Table
    turn: Table
    stay: Table
    factor: tuple[float, int] = (1.0, 0)


class Interaction(ABC):
    """F, the share of a memory in minus the energy, as a function of its overlap with a state.

    An overlap of N spins is an integer from -N to N. A new interaction brings two properties and
    its `Tables`; `skdam.energies.BinaryEnergy` takes it from there.

    Examples
    --------
    >>> from skdam.potentials import INTERACTIONS
    >>> for name, make in INTERACTIONS.items():
    ...     F = make(3, 1.0)
    ...     print(name, F.is_convex, F.is_even)
    power False False
    rectified True False
    exponential True False
    """

    @property
    @abstractmethod
    def is_convex(self) -> bool:
        """Whether F is convex: synchronous updates then never raise the energy."""

    @property
    @abstractmethod
    def is_even(self) -> bool:
        """Whether F(-h) = F(h): a state and its negative then have the same energy."""

    @abstractmethod
    def tables(self, n_features: int) -> Tables:
        """Return what F says of each overlap of `n_features` spins."""


@dataclass(frozen=True)
class Power(Interaction):
    """F(h) = h^n, of which an even n takes a pattern and its negative for the same.

    Parameters
    ----------
    degree : int
        The degree n, at least 1.

    Examples
    --------
    >>> from skdam.potentials import Power
    >>> Power(degree=3).tables(n_features=2).value.plain  # at h = -2, ..., 2
    array([-8., -1.,  0.,  1.,  8.])
    """

    degree: int

    @property
    def is_convex(self) -> bool:
        return self.degree == 1 or self.degree % 2 == 0

    @property
    def is_even(self) -> bool:
        return self.degree % 2 == 0

    def tables(self, n_features: int) -> Tables:
        return _of_integers(n_features, self._power)

    def _power(self, h: int, less: int = 0) -> int:
        return int(h) ** (self.degree - less)


@dataclass(frozen=True)
class RectifiedPower(Interaction):
    """F(h) = max(h, 0)^n: memories that a state disagrees with have no say.

    Parameters
    ----------
    degree : int
        The degree n, at least 1.

    Examples
    --------
    >>> from skdam.potentials import RectifiedPower
    >>> RectifiedPower(degree=3).tables(n_features=2).value.plain  # at h = -2, ..., 2
    array([0., 0., 0., 1., 8.])
    """

    degree: int

    @property
    def is_convex(self) -> bool:
        return True

    @property
    def is_even(self) -> bool:
        return False

    def tables(self, n_features: int) -> Tables:
        return _of_integers(n_features, self._power)

    def _power(self, h: int, less: int = 0) -> int:
        return int(h) ** (self.degree - less) if h > 0 else 0


@dataclass(frozen=True)
class Exponential(Interaction):
    """F(h) = exp(beta h), under which the number of memories can grow exponentially with N.

    Parameters
    ----------
    beta : float
        The inverse temperature, > 0.

    Examples
    --------
    >>> from skdam.potentials import Exponential
    >>> Exponential(beta=0.5).tables(n_features=2).value.plain.round(3)  # at h = -2, ..., 2
    array([0.368, 0.607, 1.   , 1.649, 2.718])
    """

    beta: float

    @property
    def is_convex(self) -> bool:
        return True

    @property
    def is_even(self) -> bool:
        return False

    def tables(self, n_features: int) -> Tables:
        h = np.arange(-n_features, n_features + 3.0)
        beta = min(self.beta, _HUGE / len(h))
        away, back = -np.expm1(-2.0 * beta), -np.expm1(-4.0 * beta)
        exact, divided = self._table(self.beta, h[:-2], 1.0), 2.0 * beta / np.log(2.0)
        return Tables(
            exact,
            self._table(beta, h[:-2], 1.0),
            self._table(beta, h - 2.0, away),  # all three divided by exp(2 beta)
            self._table(beta, h[:-2], back),
            self._table(beta, h[:-2], -(away**2)),
            (2.0 ** (divided - int(divided)), int(divided)),
        )

    def _table(self, beta: float, h: Floats, factor: float) -> Table:
        with np.errstate(over="ignore"):
            bits = np.clip(beta * h / np.log(2.0), -(2.0**60), 2.0**60)
        whole = np.floor(bits)
        error = (8.0 + 2.0 * np.abs(bits).max()) * UNIT_ROUNDOFF
        return Table(factor * np.exp2(bits - whole), whole.astype(np.int64), error)


def _of_integers(n_features: int, power: Callable[..., int]) -> Tables:
    overlaps = range(-n_features, n_features + 1)
    value = {h: power(h) for h in range(-n_features - 2, n_features + 5)}
    return Tables(
        Table.of([value[h] for h in overlaps]),
        Table.of([power(h, 1) for h in overlaps]),
        Table.of([value[h] - value[h - 2] for h in range(-n_features, n_features + 3)]),
        Table.of([value[h + 2] - value[h - 2] for h in overlaps]),
        Table.of([2 * value[h] - value[h + 2] - value[h - 2] for h in overlaps]),
    )


#: The interactions that go by a name, made of a degree and an inverse temperature.
INTERACTIONS = {
    "power": lambda degree, beta: Power(int(degree)),
    "rectified": lambda degree, beta: RectifiedPower(int(degree)),
    "exponential": lambda degree, beta: Exponential(beta),
}
