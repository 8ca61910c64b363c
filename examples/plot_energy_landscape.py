"""
Where memories overlap, new ones emerge
=======================================

The same points under two energies of equal inverse temperature. The Gaussian (log-sum-exp) energy
merges points that crowd and moves every minimum off the points. Under the Epanechnikov
(log-sum-ReLU) energy all points stay exact minima, and where their supports overlap new minima
emerge at means of several points. This is Figure 1 of Hoover et al. (2025), computed with the
estimators.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdam import EpanechnikovMemory, GaussianMemory
from skdam.bandwidths import bandwidth_from_beta, beta_from_bandwidth, preserving_bandwidth

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_args().picture

STORED = {"s": 45, "color": "tab:blue", "zorder": 3, "label": "stored minimum"}
EMERGENT = {"s": 140, "color": "tab:red", "zorder": 3, "marker": "*", "label": "emergent minimum"}

# %%
# Five points on a line and nine in the plane, at a bandwidth that keeps every one of them.


def memories_of(X):
    """Return a Gaussian and an Epanechnikov memory of equal inverse temperature."""
    bandwidth = 0.85 * preserving_bandwidth(X, fraction=1.0)
    beta = beta_from_bandwidth(bandwidth)
    return [
        GaussianMemory(bandwidth_from_beta(beta, "gaussian")).fit(X),
        EpanechnikovMemory(bandwidth, epsilon=0.05).fit(X),
    ]


def minima_of(memory, starts):
    """Retrieve from many starts; return the distinct states, and which of them are stored."""
    result = memory.retrieve(starts)
    reached = result.in_support & result.converged
    _, first = np.unique(result.state[reached].round(3), axis=0, return_index=True)
    return result.state[reached][first], result.recalled[reached][first] >= 0


rng = np.random.default_rng(4)
line = np.array([[0.0], [1.0], [2.05], [4.2], [5.25]])
angles = np.linspace(0, 2 * np.pi, 7)[:-1]
plane = np.concatenate(
    [np.column_stack([np.cos(angles), np.sin(angles)]), [[2.6, 0.6], [3.5, -0.2], [3.6, 0.95]]]
)
plane = plane + rng.normal(scale=0.05, size=plane.shape)

# %%
# Draw the energies, the stored minima as dots and the emergent ones as stars.

figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained", height_ratios=[2, 3])
x = np.linspace(-1.5, 6.75, 1200)[:, None]
grid_x, grid_y = np.meshgrid(np.linspace(-2.1, 4.7, 420), np.linspace(-2.0, 2.0, 280))
grid = np.column_stack([grid_x.ravel(), grid_y.ravel()])

for column, title in enumerate(["Gaussian (log-sum-exp)", "Epanechnikov (log-sum-ReLU)"]):
    top, bottom = axes[:, column]
    memory = memories_of(line)[column]
    minima, is_stored = minima_of(memory, x)
    top.plot(x, memory.energy(x), color="0.3")
    top.vlines(line, *top.get_ylim(), color="0.85", zorder=0)
    for chosen, style in [(is_stored, STORED), (~is_stored, EMERGENT)]:
        top.scatter(minima[chosen], memory.energy(minima)[chosen], **style)
    top.set(title=title, xlabel="x", ylabel="energy" if column == 0 else None)

    memory = memories_of(plane)[column]
    minima, is_stored = minima_of(memory, grid[::7])
    energy = memory.energy(grid).reshape(grid_x.shape)
    bottom.contourf(grid_x, grid_y, energy, 24, cmap="Greys_r")
    bottom.scatter(*plane.T, 12, "white", edgecolors="0.3", linewidths=0.6, label="point")
    bottom.scatter(*minima[is_stored].T, **STORED)
    bottom.scatter(*minima[~is_stored].T, **EMERGENT)
    bottom.set(aspect="equal", xticks=[], yticks=[])

handles, labels = axes[1, 1].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
if picture:
    figure.savefig(picture, dpi=130)
