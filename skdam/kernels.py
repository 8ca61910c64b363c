"""Radial kernels: small immutable objects, one table.

A kernel has a profile ``k(u)`` of the squared distance in units of the squared bandwidth,
``u = |x - xi|^2 / r^2``, with ``k(0) = 1``, convex and non-increasing with a finite slope: that is
what makes retrieval (mean shift) climb.  A new kernel is one class and one row of `KERNELS`; the
constant of proportionality, its moments and exact sampling are its own business, everything else
(energies, retrieval, bandwidth rules, densities, tests) follows from the table.

May change before 1.0.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np
from scipy.special import betaln, gammaln

from ._math import Floats
from ._validation import InvalidParameterError

__all__ = [
    "KERNELS",
    "CompactKernel",
    "CosineKernel",
    "GaussianKernel",
    "Kernel",
    "PowerKernel",
    "UnboundedKernel",
    "find_kernel",
]


class Kernel(ABC):
    """What every radial kernel must say of itself.

    Attributes
    ----------
    support : float
        Radius beyond which the profile is 0, in bandwidths: 1 (compact) or inf.
    curvature : float
        ``beta * bandwidth**2``, the constant that ties the inverse temperature to the bandwidth.
    rate : float or None
        a, if ``k(u) = exp(-a u)``, which is the faster for it: then ``-k' = a k``.

    Examples
    --------
    >>> from skdam.kernels import KERNELS
    >>> for name in ("epanechnikov", "gaussian", "cosine"):
    ...     kernel = KERNELS[name]
    ...     print(name, kernel.support, kernel.is_flat, round(kernel.variance(n_features=1), 3))
    epanechnikov 1.0 True 0.2
    gaussian inf False 1.0
    cosine 1.0 False 0.189
    """

    support: ClassVar[float]
    curvature: ClassVar[float]
    rate: ClassVar[float | None] = None

    @property
    @abstractmethod
    def is_flat(self) -> bool:
        """Whether the slope is the same all over the support.

        Retrieval then ends at an exact fixed point after finitely many steps.
        """

    @abstractmethod
    def log_integral(self, n_features: int, power: int = 1) -> float:
        """Return the log of the integral of ``k(|z|^2)**power`` over R^n_features."""

    @abstractmethod
    def variance(self, n_features: int) -> float:
        """Return the variance of each coordinate under the normalised kernel at bandwidth 1."""

    @abstractmethod
    def sample_u(self, rng: np.random.RandomState, n_features: int, size: int) -> Floats:
        """Draw u = squared radius / bandwidth^2 of points distributed as the kernel."""

    def log_normaliser(self, n_features: int, bandwidth: float) -> float:
        """Return log Z, the log of the integral of ``k(|x|^2 / bandwidth^2)`` over R^n_features."""
        return n_features * np.log(bandwidth) + self.log_integral(n_features)


class CompactKernel(Kernel):
    """A kernel that is 0 from u = 1 on; its functions are called for 0 <= u <= 1 only.

    A new one brings `profile`, `slope` and what `Kernel` asks for.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.kernels import KERNELS, CompactKernel
    >>> [name for name, kernel in KERNELS.items() if isinstance(kernel, CompactKernel)]
    ['epanechnikov', 'biweight', 'triweight', 'cosine']
    >>> u = np.array([0.0, 0.25, 1.0])
    >>> KERNELS["biweight"].profile(u), KERNELS["biweight"].slope(u)
    (array([1.    , 0.5625, 0.    ]), array([2. , 1.5, 0. ]))
    """

    support = 1.0
    curvature = 2.0

    @abstractmethod
    def profile(self, u: Floats) -> Floats:
        """Return k(u)."""

    @abstractmethod
    def slope(self, u: Floats) -> Floats:
        """Return -k'(u)."""


class UnboundedKernel(Kernel):
    """A kernel that is positive everywhere, known by its logarithm so that it never underflows.

    A new one brings `log_profile`, `log_slope` and what `Kernel` asks for.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.kernels import KERNELS, UnboundedKernel
    >>> isinstance(KERNELS["gaussian"], UnboundedKernel)
    True
    >>> KERNELS["gaussian"].log_profile(np.array([1.0, 1e6]))
    array([-5.e-01, -5.e+05])
    """

    support = np.inf

    @abstractmethod
    def log_profile(self, u: Floats) -> Floats:
        """Return log k(u)."""

    @abstractmethod
    def log_slope(self, u: Floats) -> Floats:
        """Return log(-k'(u))."""


def _power(x: Floats, exponent: float) -> Floats:
    """Return ``x**exponent``, small powers by products: many times as fast."""
    if exponent in (1, 2, 3):
        return reduce(np.multiply, [x] * int(exponent))
    return x**exponent


def _log_sphere(n_features: int) -> float:
    """Return the log of the surface area of the unit sphere in R^n_features, ``D V_D``."""
    return np.log(2.0) + n_features / 2 * np.log(np.pi) - gammaln(n_features / 2)


@dataclass(frozen=True)
class PowerKernel(CompactKernel):
    """``k(u) = max(0, 1 - u)^p``: Epanechnikov (log-sum-ReLU) p = 1, biweight 2, triweight 3.

    With b = u the squared radius is distributed as Beta(D/2, p + 1).  Its integral over R^D is
    ``D V_D B(D/2, p + 1) / 2``, for Epanechnikov ``2 V_D / (D + 2)``.

    Examples
    --------
    >>> from skdam.kernels import KERNELS
    >>> import numpy as np
    >>> Z = np.exp(KERNELS["epanechnikov"].log_normaliser(1, bandwidth=3.0))
    >>> bool(np.isclose(Z, 4 * 3.0 / 3, rtol=1e-14))
    True
    """

    power: float

    def __post_init__(self) -> None:
        if not 1 <= self.power < np.inf:  # below, the profile is not convex
            raise InvalidParameterError(f"power must be at least 1 and finite, got {self.power!r}.")

    @property
    def is_flat(self) -> bool:
        return self.power == 1

    def profile(self, u: Floats) -> Floats:
        return _power(1.0 - u, self.power)

    def slope(self, u: Floats) -> Floats:
        return self.power * _power(1.0 - u, self.power - 1)

    def log_integral(self, n_features: int, power: int = 1) -> float:
        moment = betaln(n_features / 2, self.power * power + 1)
        return _log_sphere(n_features) + moment - np.log(2.0)

    def variance(self, n_features: int) -> float:
        return 1.0 / (n_features + 2 * self.power + 2)

    def sample_u(self, rng: np.random.RandomState, n_features: int, size: int) -> Floats:
        return rng.beta(n_features / 2, self.power + 1, size)


@dataclass(frozen=True)
class CosineKernel(CompactKernel):
    """``k(u) = cos(pi sqrt(u) / 2)`` for u < 1, with ``-k'(0) = pi^2 / 8``.

    Its integral has a closed form that cancels catastrophically in high dimension, so that it is
    computed by a fixed Gauss-Legendre rule on panels graded towards the rim.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.kernels import CosineKernel
    >>> CosineKernel().profile(np.array([0.0, 0.25, 1.0])).round(3)
    array([1.   , 0.707, 0.   ])
    >>> float(np.exp(CosineKernel().log_integral(n_features=1)).round(6))  # 4 / pi
    1.27324
    """

    is_flat = False

    def profile(self, u: Floats) -> Floats:
        return np.sin(np.pi / 2 * ((1.0 - u) / (1.0 + np.sqrt(u))))  # cos without loss at the rim

    def slope(self, u: Floats) -> Floats:
        return np.pi**2 / 8 * np.sinc(np.sqrt(u) / 2)

    def log_integral(self, n_features: int, power: int = 1) -> float:
        return _log_sphere(n_features) + self._log_moment(n_features - 1, power)

    def variance(self, n_features: int) -> float:
        second = self._log_moment(n_features + 1) - self._log_moment(n_features - 1)
        return float(np.exp(second)) / n_features

    def sample_u(self, rng: np.random.RandomState, n_features: int, size: int) -> Floats:
        """Draw by rejection from Epanechnikov: pi/4 <= cos(pi t/2) / (1 - t^2) <= 1."""
        u = np.empty(size)
        missing = np.arange(size)
        while missing.size:
            proposal = rng.beta(n_features / 2, 2, missing.size)
            accepted = rng.uniform(size=missing.size) * (1.0 - proposal) < self.profile(proposal)
            u[missing[accepted]] = proposal[accepted]
            missing = missing[~accepted]
        return u

    def _log_moment(self, order: int, power: int = 1) -> float:
        """Return the log of the integral of ``t^order cos(pi t / 2)^power`` over (0, 1)."""
        node, weight = np.polynomial.legendre.leggauss(20)
        width = 0.5 ** np.arange(1, 53)[:, None]  # panels [1 - 2 w, 1 - w]
        rest = width * (1.5 - node / 2)  # 1 - t
        with np.errstate(divide="ignore"):
            values = np.exp(order * np.log1p(-rest)) * np.sin(np.pi / 2 * rest) ** power
        return float(np.log(np.sum(values * weight * width / 2)))


@dataclass(frozen=True)
class GaussianKernel(UnboundedKernel):
    """``k(u) = exp(-u / 2)``: the log-sum-exp memory; the bandwidth is the standard deviation.

    Squared radii in bandwidths are distributed as chi-squared with D degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.kernels import GaussianKernel
    >>> float(np.exp(GaussianKernel().log_normaliser(1, bandwidth=2.0)).round(6))  # 2 sqrt(2 pi)
    5.013257
    >>> GaussianKernel().curvature, GaussianKernel().variance(n_features=3)
    (1.0, 1.0)
    """

    curvature = 1.0
    is_flat = False
    rate = 0.5

    def log_profile(self, u: Floats) -> Floats:
        return -u / 2

    def log_slope(self, u: Floats) -> Floats:
        return -u / 2 - np.log(2.0)

    def log_integral(self, n_features: int, power: int = 1) -> float:
        return n_features / 2 * np.log(2 * np.pi / power)

    def variance(self, n_features: int) -> float:
        return 1.0

    def sample_u(self, rng: np.random.RandomState, n_features: int, size: int) -> Floats:
        return rng.chisquare(n_features, size)


#: The kernels by name.
KERNELS: dict[str, Kernel] = {
    "epanechnikov": PowerKernel(1),
    "gaussian": GaussianKernel(),
    "biweight": PowerKernel(2),
    "triweight": PowerKernel(3),
    "cosine": CosineKernel(),
}


def find_kernel(kernel: str | Kernel) -> Kernel:
    """Return the kernel of a name, or the kernel itself.

    Parameters
    ----------
    kernel : str or Kernel
        A name in `KERNELS`, or a kernel.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        If it is neither a name in `KERNELS` nor a `Kernel`.

    Examples
    --------
    >>> from skdam.kernels import PowerKernel, find_kernel
    >>> find_kernel("biweight")
    PowerKernel(power=2)
    >>> find_kernel(PowerKernel(1.5))
    PowerKernel(power=1.5)
    """
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str) and kernel in KERNELS:
        return KERNELS[kernel]
    raise InvalidParameterError(
        f"kernel must be one of {sorted(KERNELS)} or a Kernel, got {kernel!r}."
    )
