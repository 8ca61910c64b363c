"""What is drawn are the means and ranges of the curve."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skdam import BinaryMemory, HopfieldMemory
from skdam.analysis import CapacityCurve, capacity_curve
from skdam.datasets import make_patterns
from skdam.displays import CapacityDisplay

PATTERNS = partial(make_patterns, n_features=30)
OPTIONS = {"corruption": {"flip": 0.1}, "n_repeats": 3, "random_state": 0}


def curve(loads):
    rng = np.random.default_rng(0)
    return CapacityCurve(np.array(loads), *rng.random((2, len(loads), 4)))


def test_lines_are_means_and_bands_are_ranges():
    given = curve([2, 5, 9])
    display = CapacityDisplay.from_curve(given)
    for share, line, band in zip(
        (given.stable, given.recalled), display.lines_, display.bands_, strict=True
    ):
        np.testing.assert_array_equal(line.get_xdata(), given.loads)
        np.testing.assert_array_equal(line.get_ydata(), share.mean(axis=1))
        drawn = {tuple(point) for point in band.get_paths()[0].vertices}
        expected = {
            (n, f(row)) for n, row in zip(given.loads, share, strict=True) for f in (min, max)
        }
        assert expected <= drawn
    assert [line.get_label() for line in display.lines_] == ["stable", "recalled"]


def test_from_estimator_measures_the_curve():
    display = CapacityDisplay.from_estimator(HopfieldMemory(), PATTERNS, [3, 9, 20], **OPTIONS)
    expected = capacity_curve(HopfieldMemory(), PATTERNS, [3, 9, 20], **OPTIONS)
    for name in ("loads", "stable", "recalled"):
        np.testing.assert_array_equal(getattr(display, name), getattr(expected, name))
    assert display.figure_ is display.ax_.figure


@pytest.mark.parametrize(("loads", "scale"), [([10, 100], "linear"), ([10, 1000], "log")])
def test_loads_over_several_decades_are_drawn_on_a_logarithmic_axis(loads, scale):
    display = CapacityDisplay.from_curve(curve(loads))
    assert display.ax_.get_xscale() == scale
    display.figure_.canvas.draw()
    assert not any("$" in label.get_text() for label in display.ax_.get_xticklabels())


def test_axes_of_the_caller_are_drawn_on():
    figure, ax = plt.subplots()
    display = CapacityDisplay.from_estimator(BinaryMemory(), PATTERNS, [2], ax=ax, random_state=0)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.plot().ax_ is not ax


def test_what_the_curve_refuses_is_refused():
    with pytest.raises(ValueError, match="loads must be a list of integers"):
        CapacityDisplay.from_estimator(BinaryMemory(), PATTERNS, [0])
