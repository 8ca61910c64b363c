"""Each line is the median profile of a label, in a band of the deciles."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdam import BinaryMemory, EpanechnikovMemory, HopfieldMemory
from skdam.analysis import StabilityProfile
from skdam.datasets import make_patterns
from skdam.displays import StabilityProfileDisplay


@pytest.fixture(scope="module")
def scene():
    X = make_patterns(12, 30, random_state=0)
    return HopfieldMemory("hebbian", threshold=0, random_state=0).fit(X), X


def test_lines_are_the_medians_of_their_labels(scene):
    memory, X = scene
    labels = np.array(["learned", "spurious", "spurious"] * 4)
    display = StabilityProfileDisplay.from_estimator(memory, X, labels, normalize=True)
    profiles = StabilityProfile(memory, normalize=True).fit_transform(X)
    np.testing.assert_array_equal(display.profiles, profiles)
    assert list(display.lines_) == list(display.bands_) == ["learned", "spurious"]
    for label, line in display.lines_.items():
        rows = profiles[labels == label]
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
        np.testing.assert_allclose(line.get_ydata(), np.median(rows, axis=0), rtol=1e-12)
        corners = display.bands_[label].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(corners.min(), np.quantile(rows, 0.1, axis=0).min())
        np.testing.assert_allclose(corners.max(), np.quantile(rows, 0.9, axis=0).max())
    words = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert words == ["learned (4)", "spurious (8)"]


def test_states_without_labels_are_one_kind(scene):
    memory, X = scene
    figure, ax = plt.subplots()
    display = StabilityProfileDisplay.from_estimator(memory, X, ax=ax)
    assert (display.figure_, display.ax_) == (figure, ax)
    assert list(display.lines_) == ["states"]
    again = StabilityProfileDisplay(display.profiles).plot()
    assert again.ax_ is not ax


def test_a_single_unit_is_drawn_as_a_point():
    memory = BinaryMemory("power", 2, threshold=0).fit([[1.0], [-1.0]])
    display = StabilityProfileDisplay.from_estimator(memory, [[1.0]], ["learned"])
    assert display.lines_["learned"].get_marker() == "."


def test_what_cannot_be_drawn_is_refused(scene):
    memory, X = scene
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        StabilityProfileDisplay.from_estimator(memory, X, ["learned"])
    with pytest.raises(NotFittedError):
        StabilityProfileDisplay.from_estimator(HopfieldMemory(), X)
    with pytest.raises(TypeError, match="only spins have unit stabilities"):
        StabilityProfileDisplay.from_estimator(EpanechnikovMemory(1.0).fit(X), X)
    steep = BinaryMemory("power", 400, threshold=0).fit(X)
    with pytest.raises(ValueError, match="beyond float64: draw them with normalize=True"):
        StabilityProfileDisplay.from_estimator(steep, X)
    assert np.isfinite(
        StabilityProfileDisplay.from_estimator(steep, X, normalize=True).profiles
    ).all()
