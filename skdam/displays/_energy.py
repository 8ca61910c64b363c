"""The energy of a memory in one or two dimensions, with its minima."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import radius_neighbors_graph
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._math import Floats
from .._validation import check_count
from ..energies import KernelEnergy
from ..memories._kernel_base import BaseKernelMemory, check_memory
from ..memories._retrieval import Retrieval
from ..minima._search import all_or_many

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How far the picture reaches beyond the memories, in bandwidths and as a share of their range.
PADDING, SHARE = 1.25, 0.03
#: Points of the grid along each feature.
RESOLUTION = {1: 1000, 2: 250}
#: Contours end where this share of the energies lies below: towards a rim they rise without end.
HIGHEST = 0.95
#: Sets to visit, or starts, to find the minima of the Epanechnikov kernel.
MAX_SETS, N_SEEDS = 100_000, 10_000
#: Other kernels end in the limit only: states nearer than this, in bandwidths, are one minimum, and
#: the energy must be higher at this distance on all sides.
NEAR = 0.01
#: From how many memories at the most their minima are looked for.
N_STARTS = 500
#: Up to how many minima are marked at full size.
MANY = 50
#: Up to which ratio of the sides a picture has equal scales.
LONGEST = 4.0
#: How the minima are marked.
STORED: dict[str, Any] = {"color": "tab:blue", "marker": "o", "s": 40, "label": "stored minimum"}
EMERGENT: dict[str, Any] = {
    "color": "tab:red",
    "marker": "*",
    "s": 130,
    "label": "emergent minimum",
}


class EnergyDisplay:
    """The energy of a kernel memory: a curve for one feature, contours for two.

    Stored minima are marked by dots and emergent ones by stars; the memories are white dots, or
    ticks below a curve. All have a label, for ``display.ax_.legend()``.

    It is best made by `from_estimator`; all that is drawn is kept in attributes.

    Parameters
    ----------
    grid : list of D ndarrays
        The coordinates of the grid along each feature, D = 1 or 2.
    energy : ndarray of shape (n,) or (n_y, n_x)
        The energy on the grid, in squared data units; +inf off the support is left blank.
    memories : ndarray of shape (K, D)
        The stored patterns.
    minima : ndarray of shape (m, D)
        Minima to mark.
    minima_energy : ndarray of shape (m,)
        Their energy.
    is_emergent : ndarray of shape (m,), bool
        Which of them are no stored pattern.
    names : list of D str
        Names of the features.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure

    See Also
    --------
    skdam.enumerate_minima : The minima, with members and margins, in any dimension.

    Examples
    --------
    >>> from skdam import EpanechnikovMemory
    >>> from skdam.displays import EnergyDisplay
    >>> memory = EpanechnikovMemory(bandwidth=1.5).fit([[-1.0], [1.0]])
    >>> display = EnergyDisplay.from_estimator(memory)
    >>> display.minima.ravel().tolist()
    [-1.0, 1.0, 0.0]
    """

    def __init__(
        self,
        grid: list[Floats],
        energy: Floats,
        memories: Floats,
        minima: Floats,
        minima_energy: Floats,
        is_emergent: np.ndarray,
        names: list[str],
    ) -> None:
        self.grid = grid
        self.energy = energy
        self.memories = memories
        self.minima = minima
        self.minima_energy = minima_energy
        self.is_emergent = is_emergent
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        memory: BaseKernelMemory,
        *,
        grid_resolution: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        ax: Axes | None = None,
        cmap: str = "Greys_r",
    ) -> Self:
        """Draw the energy of a fitted memory and mark its minima.

        With the Epanechnikov kernel these are all minima where an enumeration is affordable, and
        those that a search finds elsewhere. With other kernels they are those that retrieval from
        the memories (up to 500 of them) ends at.

        Parameters
        ----------
        memory : fitted EpanechnikovMemory, GaussianMemory or KernelMemory
            Of one or two features.
        grid_resolution : int or None, default=None
            Points of the grid along each feature; None: 1000 for one feature, 250 for two. Where
            the bandwidth is smaller than their distance, supports fall through the grid.
        random_state : int, RandomState or None, default=0
            Seed of the search for minima.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str, default="Greys_r"
            Colours of the contours.

        Returns
        -------
        EnergyDisplay

        Raises
        ------
        ValueError
            If the memory has more than two features, or `grid_resolution` is no positive integer.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("EnergyDisplay.from_estimator")
        check_memory(memory)
        n_features = memory.memories_.shape[1]
        if n_features not in RESOLUTION:
            raise ValueError(
                f"EnergyDisplay draws memories of 1 or 2 features, got one of {n_features}."
            )
        resolution = RESOLUTION[n_features]
        if grid_resolution is not None:
            resolution = max(2, check_count(grid_resolution, "grid_resolution"))
        memories = memory.memories_.astype(np.float64, copy=False)
        grid = _grid(memories, memory.bandwidth_, resolution)
        columns = np.meshgrid(*grid)
        energy = memory._energy().value(np.column_stack([column.ravel() for column in columns]))
        minima, is_emergent = _minima(memory, check_random_state(random_state))
        display = cls(
            grid,
            energy.reshape(columns[0].shape),
            memories,
            minima,
            memory._energy().value(minima),
            is_emergent,
            memory.get_feature_names_out().tolist(),
        )
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str = "Greys_r") -> Self:
        """Draw the energy, the memories and the minima.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str, default="Greys_r"
            Colours of the contours.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("EnergyDisplay.plot")
        import matplotlib.pyplot as plt

        self.ax_ = plt.subplots(layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        if len(self.grid) == 1:
            self._plot_curve()
        else:
            self._plot_contours(cmap)
        return self

    def _plot_curve(self) -> None:
        ax = self.ax_
        ax.plot(self.grid[0], np.where(np.isfinite(self.energy), self.energy, np.nan), color="0.3")
        rug = ax.vlines(self.memories[:, 0], 0.0, 0.05, color="0.5", label="memory")
        rug.set_transform(ax.get_xaxis_transform())
        self._mark(self.minima[:, 0], self.minima_energy)
        ax.set(xlabel=self.names[0], ylabel="energy")

    def _plot_contours(self, cmap: str) -> None:
        ax, finite = self.ax_, np.isfinite(self.energy)
        if finite.any():
            bottom, top = np.quantile(self.energy[finite], [0.0, HIGHEST])
            levels = np.linspace(bottom, top, 25) if bottom < top else [bottom - 1, bottom + 1]
            energy = np.ma.masked_where(~finite, self.energy)
            ax.contourf(*self.grid, energy, levels=levels, extend="max", cmap=cmap)
        x, y = self.memories.T
        ax.scatter(x, y, 12, "white", edgecolors="0.3", linewidths=0.6, zorder=2, label="memory")
        self._mark(*self.minima.T)
        width, height = (np.ptp(side) for side in self.grid)
        alike = 1.0 / LONGEST <= width / height <= LONGEST
        ax.set(xlabel=self.names[0], ylabel=self.names[1], aspect="equal" if alike else "auto")

    def _mark(self, x: Floats, y: Floats) -> None:
        """Mark the minima, the smaller the more there are."""
        scale = min(1.0, MANY / max(1, len(x)))
        for chosen, style in ((~self.is_emergent, STORED), (self.is_emergent, EMERGENT)):
            size = {"s": scale * style["s"]}
            self.ax_.scatter(x[chosen], y[chosen], zorder=3, **style | size)


def _grid(memories: Floats, bandwidth: float, resolution: int) -> list[Floats]:
    low, high = memories.min(axis=0), memories.max(axis=0)
    padding = PADDING * bandwidth + SHARE * (high - low)
    return list(np.linspace(low - padding, high + padding, resolution).T)


def _minima(memory: BaseKernelMemory, rng: np.random.RandomState) -> tuple[Floats, np.ndarray]:
    """Return minima, and which of them are emergent."""
    energy = memory._energy()
    if not energy.kernel.is_flat:
        return _limits(energy, rng)
    nothing = np.empty((0, memory.memories_.shape[1]))
    minima = all_or_many(energy, memory, MAX_SETS, N_SEEDS, rng, starts=nothing)
    return minima.points, minima.is_emergent


def _limits(energy: KernelEnergy, rng: np.random.RandomState) -> tuple[Floats, np.ndarray]:
    """Return the minima that retrieval from the memories ends at, in the limit."""
    rows = energy.patterns.points.rows
    starts = rows[np.sort(rng.permutation(len(rows))[:N_STARTS])]
    retrieval = Retrieval(energy, "keep", max_iter=10_000, tol=1e-3 * NEAR)
    states = _apart(retrieval.settle(starts)[0].state, NEAR * energy.bandwidth)
    bottom, is_lowest = energy.value(states), np.ones(len(states), dtype=bool)
    for side in NEAR * energy.bandwidth * _directions(states.shape[1]):
        is_lowest &= energy.value(states + side) > bottom
    states = states[is_lowest]
    return states, energy.recalled(states) < 0


def _apart(states: Floats, distance: float) -> Floats:
    """Return one state of each group that is connected by shorter distances."""
    near = radius_neighbors_graph(states, distance, include_self=True)
    label = connected_components(near, directed=False)[1]
    return states[np.unique(label, return_index=True)[1]]


def _directions(n_features: int) -> Floats:
    """Return unit vectors to all sides."""
    if n_features == 1:
        return np.array([[-1.0], [1.0]])
    angles = np.linspace(0.0, 2.0 * np.pi, 33)[:-1]
    return np.column_stack([np.cos(angles), np.sin(angles)])
