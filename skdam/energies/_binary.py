"""The energy of binary dense associative memories."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from .._math import Floats, Integers, row_blocks
from ..potentials import Interaction, Table, Tables

#: Integers below it, and their sums, are exact in float64 in any order.
_EXACT = 2.0**53
_BITS = 51


@dataclass(frozen=True, eq=False)
class BinaryEnergy:
    r"""Energy of K patterns of N spins under an interaction F.

    .. math:: E(\sigma) = -\sum_\mu F(\xi_\mu \cdot \sigma),\qquad \sigma, \xi \in \{-1, +1\}^N

    (Krotov and Hopfield 2016.)  Flipping bit i changes it by

    .. math:: 2\,\Delta_i E = \sum_\mu \big[2F(h_\mu) - F(h_\mu + 2) - F(h_\mu - 2)\big]
              + \sigma_i \sum_\mu \xi_{\mu i} \big[F(h_\mu + 2) - F(h_\mu - 2)\big]

    so that one matrix product tells for many bits at once which of them to flip: for all bits of
    all patterns in ``O(K^2 N)``.

    Signs of sums are exact for powers of any degree, and do not depend on any order: the sums are
    of integers below 2^53, or else of terms rounded to multiples of 2^-51 of the sum of their
    magnitudes, after which the doubtful ones are done again in integers of any size. (Exponentials
    that do not cancel, but add up to less than their rounding, count as a tie.)

    Parameters
    ----------
    spins : ndarray of shape (K, N), int8
        The patterns.
    by_bit : ndarray of shape (N, K), float64
        The same, transposed.
    tables : Tables
        F at all overlaps.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import BinaryEnergy
    >>> from skdam.potentials import Power
    >>> energy = BinaryEnergy.of(np.array([[1, 1, 1], [1, -1, -1]]), Power(3))
    >>> states = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -1.0]])
    >>> energy.value(states), energy.is_stable(states)
    (array([-26.,  -2.]), array([ True, False]))
    """

    spins: np.ndarray
    by_bit: Floats
    tables: Tables

    @classmethod
    def of(cls, spins: np.ndarray, interaction: Interaction) -> Self:
        """Bind an interaction to patterns of +-1."""
        by_bit = np.ascontiguousarray(spins.T, dtype=np.float64)
        return cls(spins.astype(np.int8), by_bit, interaction.tables(spins.shape[1]))

    def fields(self, X: Floats) -> Integers:
        """Return the overlap of each state with each memory, h + N."""
        return (X @ self.by_bit).astype(np.int32) + self.spins.shape[1]

    def flip(self, fields: Integers, rows: Integers, bits: Integers, before: Floats) -> None:
        """Update the fields of some rows, each of which flips one bit."""
        change = self.spins.T[bits] * (2 * before).astype(np.int8)[:, None]
        fields[rows] -= change

    def falls(self, bits: Integers) -> Callable[[Integers, Floats], np.ndarray]:
        """Return a function of (fields, values of these bits): whose flip lowers the energy."""
        change = self._change(bits)
        return lambda fields, values: change(fields, values) < 0

    def is_stable(self, X: Floats) -> np.ndarray:
        """Return which states are strictly stable: every flip of a single bit raises the energy."""
        change = self._change(np.arange(X.shape[1]))
        return np.all(change(self.fields(X), X) > 0, axis=1)

    def stabilities(self, X: Floats) -> tuple[Floats, Integers]:
        r"""Return unit stabilities a, half of what each flip adds to E, as (b, e): ``a = b * 2^e``.

        .. math:: a_i = \tfrac12 \Delta_i E

        The exponents are integers, one a state; the signs are exact. (2 a is ``2 sigma_i h_i`` for
        a classical network, whose fields h give the notion its name.)
        """
        fields, rise, (mantissa, more) = self.fields(X), self.tables.rise, self.tables.factor
        sides = [_without(rise, slice(None, -2), 0), _without(rise, slice(2, None), -1)]
        (agree, differ), _, exponent = _rounded(sides, fields)  # F(h) - F(h - 2), F(h + 2) - F(h)
        up, down = ((sign * self.by_bit.T > 0.0).astype(np.float64) for sign in (1.0, -1.0))
        change = np.where(X > 0.0, agree @ up - differ @ down, agree @ down - differ @ up)
        sign = np.sign(self._change(np.arange(X.shape[1]))(fields, X))
        return sign * np.maximum(np.abs(change), 1.0) * mantissa, exponent + more - 1

    @property
    def is_even(self) -> bool:
        """Whether ``E(-sigma) = E(sigma)``: retrieval then commutes with the sign."""
        value = self.tables.value
        pairs = (value.mantissa, value.exponent)
        return all(np.array_equal(numbers, numbers[::-1]) for numbers in pairs)

    def _change(self, bits: Integers) -> Callable[[Integers, Floats], Floats]:
        """Return a function of (fields, values of these bits): how E changes, or the sign of it."""
        columns = np.ascontiguousarray(self.by_bit[bits].T)
        return partial(self._exact_change if self._is_exact else self._sign_by_bounds, columns)

    @property
    def _is_exact(self) -> bool:
        return len(self.spins) * (self.tables.turn.largest + self.tables.stay.largest) < _EXACT

    def _exact_change(self, columns: Floats, fields: Integers, values: Floats) -> Floats:
        """Return twice the energy differences, sums of integers."""
        stay = np.take(self.tables.stay.plain, fields).sum(axis=1)
        return values * (np.take(self.tables.turn.plain, fields) @ columns) + stay[:, None]

    def _sign_by_bounds(self, columns: Floats, fields: Integers, values: Floats) -> Floats:
        """Decide by rounded sums, and by the terms of this bit alone where they leave a doubt."""
        tables = self.tables
        (turn, stay), tie, _ = _rounded([tables.turn, tables.stay], fields)
        change = values * (turn @ columns) + stay.sum(axis=1)[:, None]
        sign = np.sign(change)
        row, bit = np.nonzero((np.abs(change) <= tie) & (tie > 0))
        for part in self._parts(len(row)):
            agrees = columns.T[bit[part]] * values[row[part], bit[part], None] > 0
            entries, terms = fields[row[part]] + 2 * ~agrees, np.where(agrees, 1, -1)
            sign[row[part], bit[part]] = tables.rise.signs_of_sums(entries, terms)
        return sign

    def step(self, X: Floats) -> Floats:
        """Return the synchronous step ``sgn(sum xi F'(h))``; a tie keeps the bit."""
        fields, slope = self.fields(X), self.tables.slope
        if len(self.spins) * slope.largest < _EXACT:
            total = np.take(slope.plain, fields) @ self.by_bit.T
            return np.where(total == 0, X, np.sign(total))
        (terms,), tie, _ = _rounded([slope], fields)
        total = terms @ self.by_bit.T
        sign = np.sign(total)
        row, bit = np.nonzero(np.abs(total) <= tie)
        for part in self._parts(len(row)):
            columns = self.by_bit[bit[part]].astype(np.int8)
            sign[row[part], bit[part]] = slope.signs_of_sums(fields[row[part]], columns)
        return np.where(sign == 0, X, sign)

    def value(self, X: Floats) -> Floats:
        """Return E at each state, infinite where it is not representable."""
        value, fields = self.tables.value, self.fields(X)
        if len(self.spins) * value.largest < _EXACT:
            return -np.take(value.plain, fields).sum(axis=1)
        (terms,), _, exponent = _rounded([value], fields)
        with np.errstate(over="ignore", under="ignore"):
            return -np.ldexp(terms.sum(axis=1), np.clip(exponent, -(2**20), 2**20))

    def _parts(self, n: int) -> Iterator[slice]:
        return row_blocks(n, 40 * (len(self.spins) + 2 * self.spins.shape[1]))


def _without(table: Table, entries: slice, off: int) -> Table:
    """Return some entries of a table, one of them, which no state asks for, put to 0."""
    mantissa, exponent = table.mantissa[entries].copy(), table.exponent[entries].copy()
    mantissa[off], exponent[off] = 0.0, exponent.min()
    return Table(mantissa, exponent, table.error)


def _rounded(tables: list[Table], fields: Integers) -> tuple[list[Floats], Floats, Integers]:
    """Return entries of tables as integers, what of their sums may be a tie, and their exponents.

    Each row is in a unit of its own.
    """
    exponents = [np.take(table.exponent, fields) for table in tables]
    peak = np.max([exponent.max(axis=1) for exponent in exponents], axis=0)[:, None]
    with np.errstate(under="ignore"):
        terms = [
            np.ldexp(np.take(table.mantissa, fields), np.maximum(exponent - peak, -2000))
            for table, exponent in zip(tables, exponents, strict=True)
        ]
    total = sum(np.abs(part).sum(axis=1, keepdims=True) for part in terms)
    bits = _BITS - np.frexp(total)[1]
    tie = fields.shape[1] + 1 + max(table.error for table in tables) * 2.0**_BITS
    rounded = [np.rint(np.ldexp(part, bits)) for part in terms]
    return rounded, np.where(total > 0, tie, 0.0), (peak - bits)[:, 0]
