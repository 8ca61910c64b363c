"""
Basins of attraction, not nearest centres
=========================================

Mean shift lets every row climb the density, and rows that reach one mode are a cluster.
scikit-learn's MeanShift climbs, too, but labels rows by the nearest centre: of a long cluster it
gives the end to a small one beside it. BasinClustering labels each row, and each new point, by
where it climbs to. Blank regions of its plane are off the support: a point there is noise. HDBSCAN
has no regions, for it does not predict; it leaves rows of low density as noise (grey), and follows
clusters of any shape, which modes do not: moons are its case.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.cluster import HDBSCAN, MeanShift
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from skdam import BasinClustering, EpanechnikovMemory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# A long cluster with a small one beside its end; blobs; moons. Each with a bandwidth, the same for
# both kinds of mean shift.

rng = np.random.default_rng(0)
long = np.column_stack([rng.triangular(-6.0, 0.0, 6.0, 400), 0.3 * rng.normal(size=400)])
small = 0.3 * rng.normal(size=(60, 2)) + [6.0, 3.0]
data = {
    "long and small": (np.concatenate([long, small]), np.repeat([0, 1], [400, 60]), 2.0),
    "blobs": (*make_blobs(500, centers=4, random_state=6), 2.5),
    "moons": (*make_moons(500, noise=0.07, random_state=0), 0.5),
}
score = {}

# %%
# Labels, time, and regions of the plane.

colours = ListedColormap(plt.get_cmap("tab10").colors)
figure, axes = plt.subplots(3, 3, figsize=(11, 9), layout="constrained")
print("| data | estimator | clusters | noise | ARI | time / BasinClustering |")
print("|---|---|---|---|---|---|")
for row, (name, (X, truth, bandwidth)) in zip(axes, data.items(), strict=True):
    low, high = X.min(axis=0) - 1.2 * bandwidth, X.max(axis=0) + 1.2 * bandwidth
    grid = np.meshgrid(*(np.linspace(a, b, 160) for a, b in zip(low, high, strict=True)))
    points, first = np.column_stack([axis.ravel() for axis in grid]), None
    for ax, estimator in zip(
        row,
        [
            BasinClustering(EpanechnikovMemory(bandwidth), merge_tol=0.5),
            MeanShift(bandwidth=bandwidth),
            HDBSCAN(copy=False),
        ],
        strict=True,
    ):
        start = time.perf_counter()
        labels = estimator.fit_predict(X)
        spent = time.perf_counter() - start
        first, kind = first or spent, type(estimator).__name__
        score[name, kind] = adjusted_rand_score(truth, labels)
        print(
            f"| {name} | {kind} | {labels.max() + 1} | {np.mean(labels < 0):.0%} |"
            f" {score[name, kind]:.2f} | {spent / first:.2g} |"
        )
        options = {"cmap": colours, "vmin": 0, "vmax": 10}
        if kind != "HDBSCAN":
            region = estimator.predict(points).reshape(grid[0].shape)
            ax.pcolormesh(*grid, np.ma.masked_less(region, 0), alpha=0.3, **options)
            ax.plot(*estimator.cluster_centers_.T, "k*", markersize=11, markeredgecolor="w")
        noise = labels < 0
        ax.scatter(*X[noise].T, s=6, color="0.7")
        ax.scatter(*X[~noise].T, s=6, c=labels[~noise] % 10, **options)
        ax.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        ax.set_title(f"{kind}, ARI {score[name, kind]:.2f}", fontsize=10)
    row[0].set_ylabel(name)

# %%
# The basin is right where the nearest centre is wrong; and a cluster without one mode is none.

assert score["long and small", "BasinClustering"] == 1.0
assert score["long and small", "MeanShift"] < 0.9
assert score["moons", "BasinClustering"] < score["moons", "HDBSCAN"]
if picture:
    figure.savefig(picture, dpi=120)
