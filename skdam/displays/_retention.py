"""How well tasks are known that were learned one after another."""

from __future__ import annotations  # matplotlib's types are not there when this is imported

from typing import TYPE_CHECKING, Self

import numpy as np

from ..sequential import Retention

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RetentionDisplay:
    """The accuracy on each task after each, as a matrix of shades and figures.

    Parameters
    ----------
    accuracy_matrix : ndarray of shape (n_tasks, n_tasks)
        ``[k, j]`` is the accuracy on task j after learning task k.

    Attributes
    ----------
    accuracy_matrix : ndarray
        As given.
    ax_, figure_
        What was drawn on, after `plot`.
    image_ : matplotlib.image.AxesImage
        The shades.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.displays import RetentionDisplay
    >>> display = RetentionDisplay(np.array([[0.9, 0.1], [0.4, 0.9]]))
    >>> display.accuracy_matrix.shape
    (2, 2)
    """

    def __init__(self, accuracy_matrix: np.ndarray) -> None:
        self.accuracy_matrix = accuracy_matrix

    @classmethod
    def from_retention(cls, retention: Retention, *, ax: Axes | None = None) -> Self:
        """Draw what `learn_sequentially` returned.

        Parameters
        ----------
        retention : Retention
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        RetentionDisplay
        """
        return cls(retention.accuracy_matrix).plot(ax)

    def plot(self, ax: Axes | None = None, *, cmap: str = "viridis") -> Self:
        """Draw the matrix; tasks to come, right of the diagonal, stand in brackets.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            A new figure by default.
        cmap : str, default="viridis"

        Returns
        -------
        self
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        n = len(self.accuracy_matrix)
        self.image_ = ax.imshow(self.accuracy_matrix, vmin=0.0, vmax=1.0, cmap=cmap)
        for (k, j), accuracy in np.ndenumerate(self.accuracy_matrix):
            words = f"{accuracy:.2f}" if j <= k else f"({accuracy:.2f})"
            colour = "white" if accuracy < 0.6 else "black"
            ax.text(j, k, words, ha="center", va="center", color=colour, fontsize="small")
        names = [str(i + 1) for i in range(n)]
        ax.set_xticks(range(n), names)
        ax.set_yticks(range(n), names)
        ax.set(xlabel="accuracy on task", ylabel="after learning task")
        self.ax_, self.figure_ = ax, ax.figure
        return self
