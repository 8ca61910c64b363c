"""The matrix of accuracies is drawn as it is."""

import numpy as np

from skdam import DenseMemoryClassifier
from skdam.displays import RetentionDisplay
from skdam.sequential import Retention


def test_the_display_shows_the_matrix():
    matrix = np.array([[0.9, 0.1], [0.4, 0.8]])
    display = RetentionDisplay.from_retention(Retention(matrix, DenseMemoryClassifier()))
    np.testing.assert_array_equal(display.image_.get_array(), matrix)
    words = [text.get_text() for text in display.ax_.texts]
    assert words == ["0.90", "(0.10)", "0.40", "0.80"]
    places = [text.get_position() for text in display.ax_.texts]
    assert places == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert display.image_.get_clim() == (0.0, 1.0)
    assert display.ax_.get_ylabel() == "after learning task"
    again = RetentionDisplay(matrix).plot(display.ax_)
    assert again.figure_ is display.figure_
