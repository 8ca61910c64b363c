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
from skdam.displays import EnergyDisplay

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Five points on a line and nine in the plane.

line = np.array([[0.0], [1.0], [2.05], [4.2], [5.25]])
angles = np.linspace(0, 2 * np.pi, 7)[:-1]
plane = np.concatenate(
    [np.column_stack([np.cos(angles), np.sin(angles)]), [[2.6, 0.6], [3.5, -0.2], [3.6, 0.95]]]
)
plane = plane + np.random.default_rng(4).normal(scale=0.05, size=plane.shape)

# %%
# A Gaussian and an Epanechnikov memory of equal inverse temperature, at a bandwidth that keeps all
# points. Stored minima are dots and emergent ones stars. A positive ``epsilon`` bounds the energy
# where no memory reaches.

figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained", height_ratios=[2, 3])
for X, line_of_axes in zip([line, plane], axes, strict=True):
    bandwidth = 0.85 * preserving_bandwidth(X, fraction=1.0)
    sigma = bandwidth_from_beta(beta_from_bandwidth(bandwidth), "gaussian")
    gaussian = GaussianMemory(sigma).fit(X)
    epanechnikov = EpanechnikovMemory(bandwidth, epsilon=0.05).fit(X)
    for memory, ax in zip([gaussian, epanechnikov], line_of_axes, strict=True):
        EnergyDisplay.from_estimator(memory, ax=ax)

axes[0, 0].set(title="Gaussian (log-sum-exp)", xlabel="x")
axes[0, 1].set(title="Epanechnikov (log-sum-ReLU)", xlabel="x", ylabel=None)
for ax in axes[1]:
    ax.set(xticks=[], yticks=[], xlabel=None, ylabel=None)
handles, labels = axes[1, 1].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
if picture:
    figure.savefig(picture, dpi=130)
