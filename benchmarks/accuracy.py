"""Worst error of log densities on digits, in nats, against fifty digits of mpmath.

Side by side: skdam, scikit-learn's KernelDensity in one leaf (exact in exact arithmetic), and
KernelDensity as it comes. Run by ``make bench``.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KernelDensity

from skdam import EpanechnikovMemory, GaussianMemory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from reference import eighths, grid_densities

BANDWIDTHS = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 100.0]
MEMORIES = {"epanechnikov": EpanechnikovMemory, "gaussian": GaussianMemory}

X = load_digits().data
queries, squared = eighths(X, n_queries=8)
print(f"{'kernel':14}{'bandwidth':>10}{'skdam':>12}{'one leaf':>12}{'default':>12}")
for name, memory in MEMORIES.items():
    for bandwidth in BANDWIDTHS:
        exact = np.array([value for value, _ in grid_densities(name, squared, bandwidth, 64)])
        peer = {"bandwidth": bandwidth, "kernel": name}
        found = [
            memory(bandwidth).fit(X).score_samples(queries),
            KernelDensity(**peer, leaf_size=len(X), rtol=0).fit(X).score_samples(queries),
            KernelDensity(**peer).fit(X).score_samples(queries),
        ]
        inside = np.isfinite(exact)
        assert all(np.isneginf(found[0][~inside]))
        worst = [np.abs(scores[inside] - exact[inside]).max() for scores in found]
        print(f"{name:14}{bandwidth:10.0f}" + "".join(f"{error:12.1e}" for error in worst))
