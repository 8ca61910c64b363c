"""How queries are retrieved, as rows of images beside the energy along each path."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from dataclasses import replace
from math import isqrt
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._math import Floats, Integers
from .._validation import ObjectWith, check_count, check_rows
from ..dynamics import RetrievalResult
from ..minima._pipeline import map_back, unnest
from ._minima import _check_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

#: Space between images, more for an arrow or a panel, and below a row; the width of a panel, and
#: the least side of an image.  Its longer side is 1.
GAP, ARROW, BELOW, PANEL, SHORTEST = 0.1, 0.2, 0.3, 1.6, 0.5
#: A start no farther from its query than this share of the largest value is the query.
NEAR = 1e-6
#: What is behind an image, and shows where it is NaN.
MISSING: dict[str, Any] = {"fc": "white", "ec": "0.7", "hatch": "////", "lw": 1.5, "zorder": -1}
CAPTION: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": "small", "color": "0.3"}


class RetrievalDisplay:
    """A row for each query: it, states of its path, the retrieved one, and the energy on the way.

    Dots mark the states drawn; energies that are not finite leave a gap and are counted above it.
    NaN is hatched. It is best made by `from_estimator`; all that is drawn is kept in attributes.

    Parameters
    ----------
    queries : ndarray of shape (n, height, width)
        The queries, NaN where a coordinate was left open.
    retrieved : ndarray of shape (n, height, width)
        The retrieved states; NaN off the support with ``outside="nan"``.
    trajectories : list of n ndarrays of shape (n_iter + 1, height, width)
        The states on the way, from where retrieval starts to where it ends.
    energies : list of n ndarrays of shape (n_iter + 1,), or None
        Their energies; None for a memory without an energy.
    recalled : ndarray of shape (n,), int
        Index of the stored memory that came back, -1 if none did.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it was drawn.
    energy_axes_ : list of n matplotlib Axes
        The energies, within `ax_`; none without energies.
    images_ : list of n lists of matplotlib AxesImage
        Those of each row: query, states, retrieved state.

    Examples
    --------
    >>> from skdam import GaussianMemory
    >>> from skdam.displays import RetrievalDisplay
    >>> memory = GaussianMemory(bandwidth=0.3).fit([[0, 0, 0, 1], [1, 1, 1, 0]])
    >>> RetrievalDisplay.from_estimator(memory, [[0, 0, 1, 1]]).recalled.tolist()
    [0]
    """

    def __init__(
        self,
        queries: Floats,
        retrieved: Floats,
        trajectories: list[Floats],
        energies: list[Floats] | None,
        recalled: np.ndarray,
    ) -> None:
        self.queries = queries
        self.retrieved = retrieved
        self.trajectories = trajectories
        self.energies = energies
        self.recalled = recalled

    @classmethod
    def from_estimator(
        cls,
        memory: Any,
        X: ArrayLike,
        *,
        known: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        n_states: int = 5,
        ax: Axes | None = None,
        cmap: str = "gray_r",
    ) -> Self:
        """Retrieve a few queries and draw how that goes.

        Parameters
        ----------
        memory : fitted memory, or Pipeline that ends in one
            The states of a pipeline are mapped back through its earlier steps.
        X : array-like of shape (n, D)
            Queries, in the space of the pipeline's input.
        known : array-like of bool of shape (D,) or (n, D), optional
            Coordinates that the memory (of a pipeline, the last step) holds; see its `retrieve`.
        image_shape : tuple of two int, optional
            Height and width; by default images are square, or one row of bars where they cannot be.
        n_states : int, default=5
            Most states of each path, evenly chosen from its start to its end, which is the
            retrieved state. A start that is the query is not drawn twice.
        ax : matplotlib Axes or None, default=None
            Where to draw, best on a figure of ``layout="constrained"``; None makes a new one.
        cmap : str, default="gray_r"
            Colours of the images, the same for all.

        Returns
        -------
        RetrievalDisplay

        Raises
        ------
        ValueError
            If `X`, `known` or `n_states` is refused, or rows do not make images of `image_shape`.
        TypeError
            If `memory` is neither a memory nor a pipeline that ends in one.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("RetrievalDisplay.from_estimator")
        steps, (_, last) = unnest(memory)
        if not ObjectWith("retrieve").is_satisfied_by(last):
            raise TypeError(f"memory must be one or a pipeline that ends in one, got {memory!r}.")
        inner = X
        for _, step in steps:
            inner = inner if step in (None, "passthrough") else step.transform(inner)
        result = last.retrieve(inner, record=True, **({} if known is None else {"known": known}))
        if steps:
            paths = [map_back(steps, path) for path in result.trajectory]
            lost = np.isnan(result.state).any(axis=1, keepdims=True)  # few steps map NaN back
            state = np.where(lost, np.nan, [path[-1] for path in paths])
            result = replace(result, state=state, trajectory=paths)
        return cls.from_result(result, X, image_shape, ax=ax, n_states=n_states, cmap=cmap)

    @classmethod
    def from_result(
        cls, result: RetrievalResult, X: ArrayLike, image_shape: Any = None, **options: Any
    ) -> Self:
        """Draw the result of ``memory.retrieve(X, record=True)``; for options see `plot`."""
        if result.trajectory is None:
            raise ValueError("result has no trajectory: retrieve with record=True.")
        queries = check_rows(X, gaps=True)
        if queries.shape != result.state.shape:
            raise ValueError(f"X has shape {queries.shape}, result is of {result.state.shape}.")
        n_features = queries.shape[1]
        if image_shape is None and isqrt(n_features) ** 2 != n_features:
            image_shape = 1, n_features
        shape = -1, *_check_shape(image_shape, n_features)
        images = queries.reshape(shape), result.state.reshape(shape)
        paths = [path.reshape(shape) for path in result.trajectory]
        return cls(*images, paths, result.energies, result.recalled).plot(**options)

    def plot(self, ax: Axes | None = None, *, n_states: int = 5, cmap: str = "gray_r") -> Self:
        """Draw the images and the energies, and return self; see `from_estimator`."""
        check_matplotlib_support("RetrievalDisplay.plot")
        import matplotlib.pyplot as plt

        most = check_count(n_states, "n_states")
        drawn = [_drawn(*each, most) for each in zip(self.queries, self.trajectories, strict=True)]
        places = _places(self.queries.shape, max(map(len, drawn)))
        right = places.left[-2] + places.width if self.energies is None else places.left[-1] + PANEL
        bottom = places.bottom[-1] - BELOW
        if ax is None:
            ax = plt.subplots(figsize=(right + 1.8, 0.6 - bottom), layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        every = np.concatenate([self.queries, *self.trajectories])
        look = {"vmin": np.nanmin(every), "vmax": np.nanmax(every), "cmap": cmap}
        self.images_ = [self._plot_row(row, steps, places, look) for row, steps in enumerate(drawn)]
        self._label(places)
        ax.set(xlim=(0.0, right), ylim=(bottom, 0.0), aspect="equal")
        self.energy_axes_: list[Axes] = []
        for row, energy in enumerate(self.energies or []):
            self._plot_energy(row, energy, drawn[row], places)
        return self

    def _plot_row(self, row: int, steps: Integers, places: _Places, look: dict) -> list[AxesImage]:
        low, high = places.bottom[row], places.bottom[row] + places.height
        left = [*places.left[: len(steps) + 1], places.left[-2]]
        right = [x + places.width for x in left]
        for i in {0, len(steps)}:
            start, stop = (right[i], (low + high) / 2), (left[i + 1], (low + high) / 2)
            self.ax_.annotate("", stop, start, arrowprops={"arrowstyle": "->", "color": "0.5"})
        end = "no memory" if self.recalled[row] < 0 else f"memory {self.recalled[row]}"
        captions = ["", *(f"step {step}" for step in steps), end]
        images = [self.queries[row], *self.trajectories[row][steps], self.retrieved[row]]
        artists = []
        for *sides, caption, image in zip(left, right, captions, images, strict=True):
            self.ax_.fill_between(sides, low, high, clip_on=False, **MISSING)
            self.ax_.text(np.mean(sides), low - 0.04, caption, **CAPTION)
            box = *sides, low, high
            artists.append(self.ax_.imshow(image, extent=box, interpolation="nearest", **look))
        return artists

    def _label(self, places: _Places) -> None:
        ends, middles = places.left[[0, -2]] + places.width / 2, places.bottom + places.height / 2
        counts = [len(path) - 1 for path in self.trajectories]
        self.ax_.set_xticks(ends, ["query", "retrieved"])
        self.ax_.set_yticks(middles, [f"{n} step" if n == 1 else f"{n} steps" for n in counts])
        self.ax_.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        self.ax_.spines[:].set_visible(False)

    def _plot_energy(self, row: int, energy: Floats, steps: Integers, places: _Places) -> None:
        first = self.energy_axes_[0] if row else None
        box = places.left[-1], places.bottom[row], PANEL, places.height
        panel = self.ax_.inset_axes(box, transform=self.ax_.transData, sharex=first, sharey=first)
        self.energy_axes_.append(panel)
        line = np.where(np.isfinite(energy), energy, np.nan)
        panel.plot(line, "o-", c="0.3", ms=4, markevery=sorted({0, *steps, len(line) - 1}))
        if np.isnan(line).any():
            panel.set_title(f"{np.isnan(line).sum()} not finite", fontsize="small", pad=2)
        panel.yaxis.tick_right()  # on the left it would cover images in small axes
        panel.yaxis.set_label_position("right")
        panel.set_ylabel("energy", fontsize="small")
        if row == len(self.queries) - 1:
            panel.set_xlabel("step", fontsize="small")
        panel.tick_params(labelsize="small", labelbottom=row == len(self.queries) - 1)
        panel.locator_params(nbins=4)
        panel.locator_params("x", integer=True)


class _Places(NamedTuple):
    """Where the columns of images and the panel begin, where rows end, and the size of an image."""

    left: Floats
    bottom: Floats
    width: float
    height: float


def _places(shape: tuple[int, ...], n_path: int) -> _Places:
    height, width = np.maximum(np.divide(shape[1:], max(shape[1:])), SHORTEST)
    column, row = np.arange(n_path + 3), np.arange(shape[0])
    left = column * (width + GAP) + ARROW * ((column > 0) + np.maximum(column - n_path, 0))
    return _Places(left, -row * (height + BELOW) - height, width, height)


def _drawn(query: Floats, path: Floats, n_states: int) -> np.ndarray:
    """Return the steps to draw between the query and the end of its path."""
    steps = np.unique(np.linspace(len(path) - 1, 0, n_states).round().astype(int))[:-1]
    start_is_query = np.abs(path[0] - query).max() <= NEAR * np.abs(query).max()
    return steps[steps > 0] if start_is_query else steps
