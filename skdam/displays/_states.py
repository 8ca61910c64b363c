"""How firmly the units of states are held, kind by kind."""

from __future__ import annotations  # matplotlib's types are not there when this is imported

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_consistent_length, column_or_1d

from .._math import Floats
from ..analysis import StabilityProfile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The quantiles that a band lies between, and its line.
_QUANTILES = (0.1, 0.5, 0.9)
#: Most units that are drawn as points.
_FEW = 20


class StabilityProfileDisplay:
    """Sorted unit stabilities: for each label the median of its states, in a band of most.

    It is best made by `from_estimator`; all that is drawn is kept in attributes.

    Parameters
    ----------
    profiles : ndarray of shape (n, N)
        As of `skdam.analysis.StabilityProfile`.
    labels : ndarray of shape (n,) or None, default=None
        As of `skdam.analysis.label_states`; None draws all states as one kind.

    Attributes
    ----------
    profiles, labels
        As given.
    ax_, figure_
        What was drawn on, after `plot`.
    lines_ : dict of matplotlib.lines.Line2D
        The median of each label.
    bands_ : dict of matplotlib.collections.PolyCollection
        From the first to the last decile of each label.

    Examples
    --------
    >>> from skdam import HopfieldMemory
    >>> from skdam.datasets import make_patterns
    >>> from skdam.displays import StabilityProfileDisplay
    >>> X = make_patterns(3, 60, random_state=0)
    >>> memory = HopfieldMemory("hebbian", random_state=0).fit(X)
    >>> StabilityProfileDisplay.from_estimator(memory, X).profiles.shape
    (3, 60)
    """

    def __init__(self, profiles: Floats, labels: np.ndarray | None = None) -> None:
        self.profiles = profiles
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        memory: Any,
        states: ArrayLike,
        labels: ArrayLike | None = None,
        *,
        normalize: bool = False,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the profiles of states of a fitted memory.

        Parameters
        ----------
        memory : fitted HopfieldMemory or BinaryMemory
        states : array-like of shape (n, N)
            Of +-1, as retrieval returns them.
        labels : array-like of shape (n,), optional
            As of `skdam.analysis.label_states`.
        normalize : bool, default=False
            Whether to divide each profile by its maximum.
        ax : matplotlib.axes.Axes, optional
            A new figure by default.

        Returns
        -------
        StabilityProfileDisplay

        Raises
        ------
        TypeError, NotFittedError
            If `memory` is no fitted memory of spins.
        ValueError
            If there is not one label for each state, or stabilities are too large to be drawn, or
            as `StabilityProfile`.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("StabilityProfileDisplay.from_estimator")
        profiles = StabilityProfile(memory, normalize=normalize).fit_transform(states)
        if not np.isfinite(profiles).all():
            raise ValueError("Stabilities are beyond float64: draw them with normalize=True.")
        kinds = None if labels is None else column_or_1d(labels)
        check_consistent_length(profiles, kinds)
        return cls(profiles, kinds).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the profiles.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            A new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("StabilityProfileDisplay.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        n, n_units = self.profiles.shape
        labels = np.full(n, "states") if self.labels is None else self.labels
        units, marker = np.arange(1, n_units + 1), ".-" if n_units <= _FEW else "-"
        self.lines_, self.bands_ = {}, {}
        for label in np.unique(labels):
            rows = self.profiles[labels == label]
            low, middle, high = np.quantile(rows, _QUANTILES, axis=0)
            (line,) = ax.plot(units, middle, marker, label=f"{label} ({len(rows)})")
            band = ax.fill_between(units, low, high, color=line.get_color(), alpha=0.2, lw=0)
            self.lines_[label], self.bands_[label] = line, band
        ax.axhline(0.0, color="gray", lw=0.8, ls=":")
        ax.set(xlabel="unit, from the weakest to the strongest", ylabel="unit stability")
        ax.set_xlim(1, max(n_units, 2))
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
