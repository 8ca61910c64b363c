"""What shares of the stored patterns a memory holds, the more are stored."""

from __future__ import annotations  # matplotlib's types are not there when this is imported

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._math import Floats, Integers
from ..analysis import CapacityCurve, capacity_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

#: Loads that span a larger factor are drawn on a logarithmic axis.
_WIDE = 20.0


class CapacityDisplay:
    """The shares of stored patterns that are stable, and that are recalled, against their number.

    Lines are means over the repeats, and bands reach from the least to the largest of them.

    Parameters
    ----------
    loads : ndarray of shape (n_loads,), int
        Numbers of stored patterns, in ascending order.
    stable : ndarray of shape (n_loads, n_repeats)
        The share of the stored patterns that are stable.
    recalled : ndarray of shape (n_loads, n_repeats)
        The share that comes back from damaged copies.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it was drawn.
    lines_ : list of two matplotlib Line2D
        The means: stable, recalled.
    bands_ : list of two matplotlib collections
        Their ranges.

    See Also
    --------
    skdam.analysis.capacity_curve : Measures it.

    Examples
    --------
    >>> from functools import partial
    >>> from skdam import BinaryMemory
    >>> from skdam.datasets import make_patterns
    >>> from skdam.displays import CapacityDisplay
    >>> display = CapacityDisplay.from_estimator(
    ...     BinaryMemory(), partial(make_patterns, n_features=20), [5, 10, 20], random_state=0
    ... )
    >>> display.stable.shape
    (3, 5)
    """

    def __init__(self, loads: Integers, stable: Floats, recalled: Floats) -> None:
        self.loads = loads
        self.stable = stable
        self.recalled = recalled

    @classmethod
    def from_estimator(
        cls,
        memory: Any,
        patterns: ArrayLike | Callable[..., ArrayLike],
        loads: ArrayLike,
        *,
        corruption: dict[str, float] | None = None,
        n_repeats: int = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Measure and draw it; for the parameters see `skdam.analysis.capacity_curve`.

        Returns
        -------
        CapacityDisplay

        Raises
        ------
        ValueError, TypeError
            As `capacity_curve`.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("CapacityDisplay.from_estimator")
        curve = capacity_curve(
            memory,
            patterns,
            loads,
            corruption=corruption,
            n_repeats=n_repeats,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        return cls.from_curve(curve, ax=ax)

    @classmethod
    def from_curve(cls, curve: CapacityCurve, *, ax: Axes | None = None) -> Self:
        """Draw what `skdam.analysis.capacity_curve` returned.

        Parameters
        ----------
        curve : CapacityCurve
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        CapacityDisplay
        """
        return cls(curve.loads, curve.stable, curve.recalled).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("CapacityDisplay.plot")
        import matplotlib.pyplot as plt

        self.ax_ = plt.subplots(layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_: list[Line2D] = []
        self.bands_: list[PolyCollection] = []
        self._plot_share(self.stable, "stable", "tab:blue", "o-")
        self._plot_share(self.recalled, "recalled", "tab:orange", "s--")
        if self.loads[-1] > _WIDE * self.loads[0]:
            self.ax_.set_xscale("log")
            self.ax_.xaxis.set_major_formatter("{x:g}")
            self.ax_.xaxis.set_minor_formatter("")
        self.ax_.set(xlabel="stored patterns", ylabel="share of them", ylim=(-0.03, 1.03))
        self.ax_.legend(frameon=False)
        return self

    def _plot_share(self, share: Floats, label: str, color: str, style: str) -> None:
        """Draw one of the shares, each kind with a mark of its own: curves may coincide."""
        low, high = share.min(axis=1), share.max(axis=1)
        self.bands_.append(self.ax_.fill_between(self.loads, low, high, color=color, alpha=0.2))
        self.lines_ += self.ax_.plot(
            self.loads, share.mean(axis=1), style, color=color, markersize=4, label=label
        )
