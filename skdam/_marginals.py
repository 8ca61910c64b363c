r"""What a radial kernel makes of rows of which some coordinates are missing.

With m coordinates missing, and u the squared distance over the observed ones in squared
bandwidths, a kernel leaves the weight

.. math:: k_m(u) \propto \int_0^\infty k(u + v)\, v^{m/2 - 1}\, dv

to a memory, and a law of v, the squared distance of the missing coordinates: its density is the
integrand.  (The direction is uniform.)  Powers and exponentials have closed forms, the others are
integrated numerically.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import betaincinv, gammaincinv, logsumexp, softmax

from ._math import DIRECT_ELEMENTS, Floats, Integers, slices
from .kernels import CompactKernel, Kernel, PowerKernel, UnboundedKernel

#: Nodes of the rule for compact kernels: exact for profiles that are polynomials of degree 79.
JACOBI_NODES = 40
#: Nodes of the rule for kernels without an end, and how far they reach (see `Integrand`).
PEAK_NODES, PEAK_REACH = 161, 7.0
#: Nodes that a law of v is inverted on.
LAW_NODES = 2049
#: Halvings that find a peak, in log v between these, or a quantile.
HALVINGS, LOWEST, HIGHEST = 50, -200.0, 705.0


class Marginal(ABC):
    """The kernel of rows with gaps; `missing` counts them, at least one a row."""

    @abstractmethod
    def log_weight(self, u: Floats, missing: Integers) -> Floats:
        """Return log k_m(u) up to a constant a row, for u (n, K), which may be overwritten."""

    @abstractmethod
    def steepness(self, u: Floats, missing: Integers) -> Floats:
        """Return the slope of -log k_m at u (n,), inf off the support: errors grow by it."""

    @abstractmethod
    def spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        """Return the quantiles of v at `uniform`, for u (n,) on the support."""


def marginal_of(kernel: Kernel) -> Marginal:
    """Return a kernel's marginal, in closed form if it has one."""
    if isinstance(kernel, PowerKernel):
        return PowerMarginal(kernel.power)
    if kernel.rate is not None:
        return ExponentialMarginal(kernel.rate)
    if isinstance(kernel, CompactKernel):
        return CompactMarginal(kernel)
    return UnboundedMarginal(cast(UnboundedKernel, kernel))


@dataclass(frozen=True)
class PowerMarginal(Marginal):
    """``k = (1 - u)^p``: ``k_m = (1 - u)^(p + m/2)``, and ``v / (1 - u)`` is Beta(m/2, p + 1)."""

    power: float

    def log_weight(self, u: Floats, missing: Integers) -> Floats:
        rest = np.maximum(np.subtract(1.0, u, out=u), 0.0, out=u)
        with np.errstate(divide="ignore"):
            logs = np.log(rest, out=rest)
        logs *= (self.power + missing / 2)[:, None]
        return logs

    def steepness(self, u: Floats, missing: Integers) -> Floats:
        with np.errstate(divide="ignore"):
            return (self.power + missing / 2) / np.maximum(1.0 - u, 0.0)

    def spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        return (1.0 - u) * betaincinv(missing / 2, self.power + 1, uniform)


@dataclass(frozen=True)
class ExponentialMarginal(Marginal):
    """``k = exp(-a u)``: ``k_m = k``, and ``a v`` is Gamma(m/2)."""

    rate: float

    def log_weight(self, u: Floats, missing: Integers) -> Floats:
        return np.multiply(u, -self.rate, out=u)

    def steepness(self, u: Floats, missing: Integers) -> Floats:
        return np.full(len(u), self.rate)

    def spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        return gammaincinv(missing / 2, uniform) / self.rate


@dataclass(frozen=True)
class CompactMarginal(Marginal):
    r"""A profile that ends at 1 and is smooth before: with ``v = (1 - u) t``,

    .. math:: k_m(u) \propto (1 - u)^{m/2} \int_0^1 k(1 - (1 - u)(1 - t))\, t^{m/2-1}\, dt

    by Gauss's rule for the weight ``t^(m/2-1)``.
    """

    kernel: CompactKernel

    def log_weight(self, u: Floats, missing: Integers) -> Floats:
        return _each_count(self._log_weight, u, missing)

    def steepness(self, u: Floats, missing: Integers) -> Floats:
        return _each_count(self._steepness, u[:, None], missing)[:, 0]

    def spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        squared = np.empty(len(u))
        for part in slices(len(u), DIRECT_ELEMENTS // JACOBI_NODES):
            squared[part] = self._spread(u[part], missing[part], uniform[part])
        return squared

    def _spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        """Halve: below ``v = (1 - u) s^(2/m)`` lies ``s`` times the mean profile there."""
        counts, place = np.unique(missing, return_inverse=True)
        rules = np.array([_jacobi_rule(count / 2) for count in counts])[place]
        node, weight, half = rules[:, 0], rules[:, 1], missing[:, None] / 2

        def distance(s: Floats) -> Floats:
            return (1.0 - u[:, None]) * s ** (1.0 / half)

        def mass(s: Floats) -> Floats:
            at = np.minimum(u[:, None] + distance(s) * node, 1.0)
            return s[:, 0] * np.sum(weight * self.kernel.profile(at), axis=1)

        low, high = np.zeros((len(u), 1)), np.ones((len(u), 1))
        target = uniform * mass(high)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            beyond = (mass(middle) > target)[:, None]
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return distance(high)[:, 0]

    def _log_weight(self, u: Floats, missing: int) -> Floats:
        rest = np.maximum(1.0 - u, 0.0)
        total = np.zeros_like(rest)
        for node, weight in zip(*_jacobi_rule(missing / 2), strict=True):
            total += weight * self.kernel.profile(1.0 - rest * (1.0 - node))
        with np.errstate(divide="ignore"):
            return missing / 2 * np.log(rest) + np.log(total)

    def _steepness(self, u: Floats, missing: int) -> Floats:
        rest = np.maximum(1.0 - u, 0.0)
        total, slope = np.zeros((2, *u.shape))
        for node, weight in zip(*_jacobi_rule(missing / 2), strict=True):
            at = 1.0 - rest * (1.0 - node)
            total += weight * self.kernel.profile(at)
            slope += weight * (1.0 - node) * self.kernel.slope(at)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(rest > 0, missing / 2 / rest + slope / total, np.inf)


@dataclass(frozen=True)
class UnboundedMarginal(Marginal):
    """Any other kernel, by the trapezoidal rule about the integrand's peak."""

    kernel: UnboundedKernel

    def log_weight(self, u: Floats, missing: Integers) -> Floats:
        flat, half = u.ravel(), np.repeat(missing / 2, u.shape[1])
        logs = np.empty(len(flat))
        for part in slices(len(flat), DIRECT_ELEMENTS // PEAK_NODES):
            logs[part] = logsumexp(self._integrand(flat[part], half[part])[1], axis=1)
        return logs.reshape(u.shape)

    def steepness(self, u: Floats, missing: Integers) -> Floats:
        log_v, terms = self._integrand(u, missing / 2)
        return np.sum(softmax(terms, axis=1) * self._ratio(u[:, None] + np.exp(log_v)), axis=1)

    def spread(self, u: Floats, missing: Integers, uniform: Floats) -> Floats:
        return self._integrand.quantile(u, missing / 2, uniform)

    @property
    def _integrand(self) -> "Integrand":
        return Integrand(self.kernel.log_profile, self._ratio)

    def _ratio(self, u: Floats) -> Floats:
        return np.exp(self.kernel.log_slope(u) - self.kernel.log_profile(u))


@dataclass(frozen=True)
class Integrand:
    """``k(u + v) v^(m/2)`` over log v, at nodes about its peak.

    The nodes are ``log v = peak + width sinh(x)``, x evenly spaced: the trapezoidal rule in x then
    reaches tails that fall off as powers, and errs by less than any power of the spacing.
    """

    log_profile: Callable[[Floats], Floats]
    ratio: Callable[[Floats], Floats]  # -k' / k

    def __call__(self, u: Floats, half: Floats, n_nodes: int = PEAK_NODES) -> tuple[Floats, Floats]:
        """Return log v and the log of the terms, one row of nodes for each u and half = m/2."""
        x = np.linspace(-PEAK_REACH, PEAK_REACH, n_nodes)
        log_v = self._peak(u, half)[:, None] + np.sinh(x) / np.sqrt(half)[:, None]
        log_v = np.minimum(log_v, HIGHEST)
        terms = self.log_profile(u[:, None] + np.exp(log_v))
        return log_v, terms + half[:, None] * log_v + np.log(np.cosh(x))

    def quantile(self, u: Floats, half: Floats, uniform: Floats) -> Floats:
        """Return the quantiles of v, by the trapezoidal rule up to each of many nodes."""
        v = np.empty(len(u))
        for part in slices(len(u), DIRECT_ELEMENTS // LAW_NODES):
            log_v, terms = self(u[part], half[part], LAW_NODES)
            share = softmax(terms, axis=1)
            below = np.cumsum(share, axis=1) - share / 2
            v[part] = [
                np.exp(np.interp(*case)) for case in zip(uniform[part], below, log_v, strict=True)
            ]
        return v

    def _peak(self, u: Floats, half: Floats) -> Floats:
        """Return where ``v (-k'/k)(u + v) = m/2``, by halving: the left side rises with v."""
        low, high = np.full(len(u), LOWEST), np.full(len(u), HIGHEST)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            v = np.exp(middle)
            with np.errstate(invalid="ignore"):
                beyond = ~(v * self.ratio(u + v) < half)
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return low


def _each_count(formula: Callable[[Floats, int], Floats], u: Floats, missing: Integers) -> Floats:
    """Apply a formula to the rows of each count of missing coordinates."""
    result = np.empty_like(u)
    for count in np.unique(missing):
        rows = missing == count
        result[rows] = formula(u[rows], int(count))
    return result


@lru_cache(maxsize=1024)
def _jacobi_rule(half: float) -> tuple[list[float], list[float]]:
    """Return Gauss's nodes and weights for the measure ``half t^(half-1) dt`` on (0, 1).

    From the eigenvectors of the Jacobi matrix (Golub and Welsch 1969); the weights add up to 1.
    """
    n, b = np.arange(JACOBI_NODES), half - 1.0
    middle = np.empty(JACOBI_NODES)
    middle[0] = b / (b + 2.0)
    middle[1:] = b**2 / ((2.0 * n[1:] + b) * (2.0 * n[1:] + b + 2.0))
    k = n[1:]
    squared = 4.0 * k**2 * (k + b) ** 2 / ((2.0 * k + b) ** 2 * ((2.0 * k + b) ** 2 - 1.0))
    node, vectors = eigh_tridiagonal(middle, np.sqrt(squared))
    return ((1.0 + node) / 2).tolist(), (vectors[0] ** 2).tolist()
