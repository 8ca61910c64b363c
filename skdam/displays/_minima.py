"""Emergent minima as images, beside the memories that they are made of."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

from collections.abc import Sequence
from math import isqrt, prod
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._math import Floats, distinct_rows
from .._validation import COUNT, check_count
from ..minima._pipeline import map_back, unnest
from ..minima._sampler import EmergentSampler

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MinimaDisplay:
    """A grid of images: a row for each minimum, and beside it the memories that it is made of.

    It is best made by `from_estimator`; all that is drawn is kept in attributes.

    Parameters
    ----------
    minima : ndarray of shape (n, height, width)
        The minima.
    members : list of n ndarrays of shape (m, height, width)
        The memories of each, those drawn.
    n_members : ndarray of shape (n,), int
        How many memories each has, drawn or not.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
        The grid, one image.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdam import EmergentSampler
    >>> from skdam.displays import MinimaDisplay
    >>> sampler = EmergentSampler(random_state=0).fit(load_digits().data[:100])
    >>> display = MinimaDisplay.from_estimator(sampler, n_minima=5)
    >>> display.minima.shape
    (5, 8, 8)
    """

    def __init__(self, minima: Floats, members: Sequence[Floats], n_members: np.ndarray) -> None:
        self.minima = minima
        self.members = members
        self.n_members = n_members

    @classmethod
    def from_estimator(
        cls,
        estimator: EmergentSampler | Pipeline,
        index: ArrayLike | None = None,
        *,
        n_minima: int = 8,
        max_members: int = 6,
        image_shape: tuple[int, int] | None = None,
        ax: Axes | None = None,
        cmap: str = "gray_r",
    ) -> Self:
        """Draw minima of a fitted sampler beside their members.

        Parameters
        ----------
        estimator : fitted EmergentSampler, or Pipeline that ends in one
            The images of a pipeline are mapped back through its earlier steps.
        index : array-like of int or bool, optional
            Which of ``minima_`` to draw: indices, as from `EmergentSampler.draw`, or a mask; by
            default the `n_minima` that are drawn most often.
        n_minima : int, default=8
            How many to draw, where `index` does not say.
        max_members : int, default=6
            Most members to draw beside each, the nearest first.
        image_shape : tuple of two int, optional
            Height and width; by default images are square.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure. (The labels stand left of the axes: give its
            figure ``layout="constrained"``.)
        cmap : str, default="gray_r"
            Colours of the images.

        Returns
        -------
        MinimaDisplay

        Raises
        ------
        ValueError
            If there is no minimum, `index` picks none or one that is not there, or the features do
            not make images of `image_shape`.
        TypeError
            If `estimator` is neither an EmergentSampler nor a pipeline that ends in one.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("MinimaDisplay.from_estimator")
        steps, (_, sampler) = unnest(estimator)
        if not isinstance(sampler, EmergentSampler):
            raise TypeError(
                "estimator must be an EmergentSampler or a pipeline that ends in one, got"
                f" {type(sampler).__name__}."
            )
        check_is_fitted(sampler)
        n_minima = check_count(n_minima, "n_minima")
        most = check_count(max_members, "max_members")
        index = _chosen(sampler, index, n_minima)
        parents = [_nearest_members(sampler, i) for i in index]
        images = map_back(steps, sampler.minima_[index])
        shape = _check_shape(image_shape, images.shape[1])
        members = [
            map_back(steps, sampler.memory_.memories_[rows[:most]]).reshape(-1, *shape)
            for rows in parents
        ]
        display = cls(images.reshape(-1, *shape), members, np.array([len(p) for p in parents]))
        return display.plot(ax, cmap=cmap)

    def plot(self, ax: Axes | None = None, *, cmap: str = "gray_r") -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str, default="gray_r"
            Colours of the images.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support("MinimaDisplay.plot")
        import matplotlib.pyplot as plt

        n, height, width = self.minima.shape
        most = max(map(len, self.members))
        if ax is None:
            size = (2.0 + 0.8 * (most + 1.5), 0.5 + 0.8 * n * height / width)
            ax = plt.subplots(figsize=size, layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure
        self.image_ = ax.imshow(self._montage(most), cmap=cmap, interpolation="nearest")
        down = np.arange(n) * (height + 1) + (height - 1) / 2
        drawn = [len(members) for members in self.members]
        labels = [_count(*counts) for counts in zip(drawn, self.n_members, strict=True)]
        ax.set_yticks(down, labels)
        middle = 1.5 * width + most * (width + 1) / 2
        ax.set_xticks([(width - 1) / 2, middle], ["minimum", "members"])
        ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        ax.spines[:].set_visible(False)
        return self

    def _montage(self, most: int) -> Floats:
        """Return all images in one, NaN between them, half a width after the minima."""
        n, height, width = self.minima.shape
        gap = 1 + width // 2
        shape = (n * (height + 1) - 1, width + gap + most * (width + 1) - 1)
        montage = np.full(shape, np.nan)
        for row, (minimum, members) in enumerate(zip(self.minima, self.members, strict=True)):
            line = montage[row * (height + 1) :][:height]
            line[:, :width] = minimum
            for column, member in enumerate(members):
                start = width + gap + column * (width + 1)
                line[:, start : start + width] = member
        return montage


def _count(drawn: int, there: int) -> str:
    noun = "member" if there == 1 else "members"
    return f"{there} {noun}" if drawn == there else f"{drawn} of {there} {noun}"


def _chosen(sampler: EmergentSampler, index: ArrayLike | None, n_minima: int) -> np.ndarray:
    n = len(sampler.minima_)
    if not n:
        sampler.draw()  # says why there is none
    if index is None:
        return np.argsort(-sampler.weights_, kind="stable")[:n_minima]
    chosen = np.atleast_1d(np.asarray(index))
    is_mask = chosen.shape == (n,) and chosen.dtype == bool and chosen.any()
    is_list = chosen.ndim == 1 and chosen.size and chosen.dtype.kind in "iu"
    if not (is_mask or (is_list and np.isin(chosen, np.arange(-n, n)).all())):
        raise ValueError(
            f"index must be a mask of the {n} minima or a list of some of their indices,"
            f" got {index!r}."
        )
    return np.arange(n)[chosen]


def _nearest_members(sampler: EmergentSampler, index: int) -> np.ndarray:
    """Return the members of a minimum, one copy of each, the nearest first."""
    rows = sampler.memory_.memories_.astype(np.float64, copy=False)
    members = sampler.members_[index]
    members = members[np.sort(distinct_rows(rows[members])[0])]
    distance = np.linalg.norm(rows[members] - sampler.minima_[index], axis=1)
    return members[np.argsort(distance, kind="stable")]


def _check_shape(image_shape: tuple[int, int] | None, n_features: int) -> tuple[int, int]:
    shape = 2 * (isqrt(n_features),) if image_shape is None else tuple(image_shape)
    if len(shape) != 2 or not all(map(COUNT.is_satisfied_by, shape)) or prod(shape) != n_features:
        raise ValueError(
            f"image_shape must be (height, width) with height * width = {n_features} features,"
            f" got {image_shape!r}."
        )
    return shape
