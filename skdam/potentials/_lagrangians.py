"""Lagrangians of layers of neurons: convex functions whose gradients are the activities."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from .._math import Floats


class VisibleLagrangian(ABC):
    """L of the visible neurons' potentials v, one state a row; their activities are g = L'(v).

    A new one brings these four methods, and `skdam.energies.LayeredEnergy` takes it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import HalfSquare, Length, LogCosh
    >>> v = np.array([[0.3, 0.4]])
    >>> for lagrangian in (LogCosh(), HalfSquare(), Length()):
    ...     print(lagrangian, lagrangian.activity(v)[0].round(2))
    LogCosh() [0.29 0.38]
    HalfSquare() [0.3 0.4]
    Length() [0.6 0.8]
    """

    @abstractmethod
    def activity(self, V: Floats) -> Floats:
        """Return g."""

    @abstractmethod
    def conjugate(self, V: Floats) -> Floats:
        """Return ``<v, g> - L(v)`` for each row, without cancellation."""

    @abstractmethod
    def gap(self, V: Floats, drive: Floats) -> Floats:
        """Return what potentials lack, beyond what no activity shows, to be what drives them."""

    @abstractmethod
    def unit(self, V: Floats) -> Floats:
        """Return the length that errors of potentials are measured in, (n, 1)."""


@dataclass(frozen=True)
class LogCosh(VisibleLagrangian):
    """L = sum log cosh v, g = tanh v: neurons that saturate.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import LogCosh
    >>> LogCosh().activity(np.array([[0.0, 50.0]]))
    array([[0., 1.]])
    """

    def activity(self, V: Floats) -> Floats:
        return np.tanh(V)

    def conjugate(self, V: Floats) -> Floats:
        size = np.abs(V)
        with np.errstate(under="ignore"):
            fading = np.exp(-2.0 * size)
            entropies = np.log(2.0) - np.log1p(fading) - 2.0 * size * fading / (1.0 + fading)
            return entropies.sum(axis=1)

    def gap(self, V: Floats, drive: Floats) -> Floats:
        return drive - V

    def unit(self, V: Floats) -> Floats:
        return np.ones((len(V), 1))


@dataclass(frozen=True)
class HalfSquare(VisibleLagrangian):
    """``L = |v|^2 / 2``, ``g = v``: linear neurons, in units in which memories are about 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import HalfSquare
    >>> HalfSquare().activity(np.array([[3.0, 4.0]]))
    array([[3., 4.]])
    """

    def activity(self, V: Floats) -> Floats:
        return V

    def conjugate(self, V: Floats) -> Floats:
        return 0.5 * np.einsum("ij,ij->i", V, V)

    def gap(self, V: Floats, drive: Floats) -> Floats:
        return drive - V

    def unit(self, V: Floats) -> Floats:
        return np.ones((len(V), 1))


@dataclass(frozen=True)
class Length(VisibleLagrangian):
    """``L = |v|``, ``g = v / |v|``, and 0 at 0: neurons of which only the direction counts.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import Length
    >>> Length().activity(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """

    def activity(self, V: Floats) -> Floats:
        scaled = V / self.unit(V)  # else squares of short rows vanish
        length = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        return scaled / np.where(length > 0.0, length, 1.0)[:, None]

    def conjugate(self, V: Floats) -> Floats:
        return np.zeros(len(V))

    def gap(self, V: Floats, drive: Floats) -> Floats:
        """Return the difference in direction, as long as v makes it; none without a drive."""
        driven = (drive != 0.0).any(axis=1, keepdims=True)
        return self.unit(V) * np.where(driven, self.activity(drive) - self.activity(V), 0.0)

    def unit(self, V: Floats) -> Floats:
        most = np.abs(V).max(axis=1, keepdims=True)
        return np.where(most > 0.0, most, 1.0)


class HiddenLagrangian(ABC):
    """L of the hidden neurons' potentials h, one for each memory; activities are f = L'(h).

    A new one brings these two methods, and `skdam.energies.LayeredEnergy` takes it. Where L is
    convex, the energy never rises.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import HiddenLagrangian
    >>> class Softplus(HiddenLagrangian):
    ...     def activity(self, H):
    ...         return 1.0 / (1.0 + np.exp(-H))
    ...     def value(self, H):
    ...         return np.logaddexp(0.0, H).sum(axis=1)
    >>> Softplus().activity(np.zeros((1, 2)))
    array([[0.5, 0.5]])
    """

    @abstractmethod
    def activity(self, H: Floats) -> Floats:
        """Return f."""

    @abstractmethod
    def value(self, H: Floats) -> Floats:
        """Return L of each row."""


@dataclass(frozen=True)
class LogSumExp(HiddenLagrangian):
    """L = log(sum exp(beta h)) / beta, f = softmax(beta h): the hidden neurons share 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import LogSumExp
    >>> LogSumExp(beta=2.0).activity(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    beta: float

    def activity(self, H: Floats) -> Floats:
        with np.errstate(under="ignore"):
            return softmax(self._relative(H), axis=1)

    def value(self, H: Floats) -> Floats:
        with np.errstate(under="ignore"):
            total = np.exp(self._relative(H)).sum(axis=1)
        return H.max(axis=1) + np.log(total) / self.beta

    def _relative(self, H: Floats) -> Floats:
        with np.errstate(over="ignore", under="ignore"):
            return self.beta * (H - H.max(axis=1, keepdims=True))


@dataclass(frozen=True)
class PowerSum(HiddenLagrangian):
    """L = sum h^n, f = n h^(n - 1): convex if n is even, or 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import PowerSum
    >>> PowerSum(degree=2).activity(np.array([[-1.0, 3.0]]))
    array([[-2.,  6.]])
    """

    degree: int

    def activity(self, H: Floats) -> Floats:
        return self.degree * H ** (self.degree - 1)

    def value(self, H: Floats) -> Floats:
        return (H**self.degree).sum(axis=1)


@dataclass(frozen=True)
class RectifiedPowerSum(HiddenLagrangian):
    """L = sum max(h, 0)^n, f = n max(h, 0)^(n - 1).

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import RectifiedPowerSum
    >>> RectifiedPowerSum(degree=3).activity(np.array([[-1.0, 2.0]]))
    array([[ 0., 12.]])
    """

    degree: int

    def activity(self, H: Floats) -> Floats:
        return self.degree * np.maximum(H, 0.0) ** (self.degree - 1) * (H > 0.0)

    def value(self, H: Floats) -> Floats:
        return (np.maximum(H, 0.0) ** self.degree).sum(axis=1)


@dataclass(frozen=True)
class ExponentialSum(HiddenLagrangian):
    """L = sum exp(beta h), f = beta exp(beta h).

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.potentials import ExponentialSum
    >>> ExponentialSum(beta=2.0).activity(np.zeros((1, 2)))
    array([[2., 2.]])
    """

    beta: float

    def activity(self, H: Floats) -> Floats:
        return self.beta * np.exp(self.beta * H)

    def value(self, H: Floats) -> Floats:
        return np.exp(self.beta * H).sum(axis=1)


#: Sums of interactions over hidden neurons, made of a degree and an inverse temperature.
HIDDEN_SUMS: dict[str, Callable[[int, float], HiddenLagrangian]] = {
    "power": lambda degree, beta: PowerSum(degree),
    "rectified": lambda degree, beta: RectifiedPowerSum(degree),
    "exponential": lambda degree, beta: ExponentialSum(beta),
}
