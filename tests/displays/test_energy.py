"""What is drawn is the memory's energy, and what is marked are its minima."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from skdam import (
    EmergentSampler,
    EpanechnikovMemory,
    GaussianMemory,
    KernelMemory,
    enumerate_minima,
)
from skdam.displays import EnergyDisplay

LINE = np.array([[0.0], [1.0], [2.05], [4.2], [5.25]])
PLANE = np.random.default_rng(0).random((12, 2)) * 4


@pytest.mark.parametrize("X", [LINE, PLANE], ids=["line", "plane"])
def test_minima_of_the_epanechnikov_kernel_are_all_there_are(X):
    memory = EpanechnikovMemory(bandwidth=0.8).fit(X)
    display, minima = EnergyDisplay.from_estimator(memory), enumerate_minima(memory)
    np.testing.assert_array_equal(display.minima, minima.points)
    np.testing.assert_array_equal(display.minima_energy, minima.energies)
    np.testing.assert_array_equal(display.is_emergent, minima.is_emergent)
    stored, emergent = (
        next(c for c in display.ax_.collections if c.get_label() == label)
        for label in ("stored minimum", "emergent minimum")
    )
    assert len(emergent.get_offsets()) == minima.is_emergent.sum()
    assert len(stored.get_offsets()) == (~minima.is_emergent).sum()


def test_minima_of_the_gaussian_kernel_are_the_peaks_of_its_density():
    memory = GaussianMemory(bandwidth=0.5).fit(LINE)
    display = EnergyDisplay.from_estimator(memory, grid_resolution=2001)
    inner = display.energy[1:-1]
    lowest = (inner < display.energy[:-2]) & (inner < display.energy[2:])
    peaks = display.grid[0][1:-1][lowest]
    np.testing.assert_allclose(np.sort(display.minima[:, 0]), peaks, atol=0.005)


def test_energy_is_that_of_the_grid():
    memory = KernelMemory("biweight", bandwidth=1.0).fit(PLANE)
    display = EnergyDisplay.from_estimator(memory, grid_resolution=30)
    x, y = display.grid
    assert display.energy.shape == (30, 30)
    point = [[x[7], y[20]]]
    assert display.energy[20, 7] == memory.energy(point)
    low, high = PLANE.min(axis=0), PLANE.max(axis=0)
    padding = 1.25 + 0.03 * (high - low)
    np.testing.assert_allclose([x[0], y[0]], low - padding)
    np.testing.assert_allclose([x[-1], y[-1]], high + padding)


def test_a_middle_that_retrieval_cannot_leave_is_no_minimum():
    memory = GaussianMemory(bandwidth=0.5).fit([[-1.0], [1.0]])
    display = EnergyDisplay.from_estimator(memory)
    assert len(display.minima) == 2
    with_saddle = GaussianMemory(bandwidth=0.35).fit([[-1.0], [1.0], [0.0]], None, [1, 1, 1e-9])
    assert len(EnergyDisplay.from_estimator(with_saddle).minima) == 2


def test_a_saddle_on_a_diagonal_is_no_minimum():
    X = [[-0.5, -0.5], [0.5, 0.5], [0.0, 0.0]]
    memory = GaussianMemory(bandwidth=0.6).fit(X, sample_weight=[1, 1, 1e-6])
    minima = EnergyDisplay.from_estimator(memory, grid_resolution=50).minima
    assert len(minima) == 2
    assert np.abs(minima).min() > 0.1


def test_scales_are_equal_unless_one_side_is_far_longer():
    memory = EpanechnikovMemory(bandwidth=0.8).fit(PLANE)
    assert EnergyDisplay.from_estimator(memory, grid_resolution=20).ax_.get_aspect() == 1.0
    memory = EpanechnikovMemory(bandwidth=0.8).fit(PLANE * [1, 50])
    assert EnergyDisplay.from_estimator(memory, grid_resolution=20).ax_.get_aspect() == "auto"


def test_many_minima_are_marked_small():
    X = np.random.default_rng(0).random((300, 2))
    display = EnergyDisplay.from_estimator(EpanechnikovMemory().fit(X), grid_resolution=20)
    sizes = [c.get_sizes()[0] for c in display.ax_.collections if "minimum" in str(c.get_label())]
    assert sizes == pytest.approx([40 * 50 / len(display.minima), 130 * 50 / len(display.minima)])


def test_axes_of_the_caller_are_drawn_on_and_features_named():
    figure, ax = plt.subplots()
    frame = pd.DataFrame(PLANE, columns=["width", "height"])
    display = EnergyDisplay.from_estimator(EpanechnikovMemory().fit(frame), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax


@pytest.mark.parametrize("X", [LINE, PLANE, PLANE[:1]], ids=["line", "plane", "one"])
@pytest.mark.parametrize("bandwidth", [1e-9, 0.8, 1e3])
def test_any_bandwidth_can_be_drawn(X, bandwidth):
    memory = EpanechnikovMemory(bandwidth=bandwidth).fit(X)
    display = EnergyDisplay.from_estimator(memory)
    display.figure_.canvas.draw()
    assert len(display.minima) == (1 if bandwidth == 1e3 else len(enumerate_minima(memory)))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="memories of 1 or 2 features, got one of 3"):
        EnergyDisplay.from_estimator(EpanechnikovMemory().fit(np.eye(3)))
    with pytest.raises(
        TypeError, match=r"got an object of EmergentSampler: .* a sampler its memory_"
    ):
        EnergyDisplay.from_estimator(EmergentSampler().fit(PLANE))
    with pytest.raises(NotFittedError):
        EnergyDisplay.from_estimator(EpanechnikovMemory())
    with pytest.raises(ValueError, match=r"grid_resolution must be .*got 0"):
        EnergyDisplay.from_estimator(EpanechnikovMemory().fit(LINE), grid_resolution=0)
