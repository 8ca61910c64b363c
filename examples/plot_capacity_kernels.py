"""
How many patterns a kernel memory holds
=======================================

Normal random patterns under an Epanechnikov and a Gaussian kernel of the same inverse temperature,
half as wide as two patterns are apart. The Epanechnikov memory keeps all patterns as long as no two
are within its bandwidth, and that is exponentially many in the number of features, as the closed
form says. In the Gaussian memory every pattern pulls on every state: it keeps two to four, whatever
the number of features. To hold as many at 16 features, it has to be 1.6 times as narrow.
"""

import argparse
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2

from skdam import EpanechnikovMemory, GaussianMemory
from skdam.analysis import capacity_search
from skdam.bandwidths import bandwidth_from_beta, beta_from_bandwidth

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Patterns, and the mean number of them that are all stable. The bandwidth is that of the
# Epanechnikov kernel, as a share of the distance of two patterns, sqrt(2 D).


def normal(n_patterns, random_state, n_features):
    """Return normal random patterns."""
    return np.random.RandomState(random_state).standard_normal((n_patterns, n_features))


def memory(kernel, share, n_features):
    """Return a memory of that inverse temperature."""
    bandwidth = share * np.sqrt(2 * n_features)
    if kernel == "Epanechnikov":
        return EpanechnikovMemory(bandwidth)
    return GaussianMemory(bandwidth_from_beta(beta_from_bandwidth(bandwidth), "gaussian"))


def capacity(kernel, share, n_features):
    """Return the mean capacity of eight draws; NaN if one holds more than 500 patterns."""
    patterns = partial(normal, n_features=n_features)
    found = [
        capacity_search(
            memory(kernel, share, n_features), patterns, max_patterns=500, random_state=i
        )
        for i in range(8)
    ]
    return np.nan if any(one.censored for one in found) else np.mean([f.capacity for f in found])


# %%
# At a bandwidth of half the distance, and at others for 16 features. In theory the number of pairs
# within the bandwidth is a Poisson one: no pair among K with probability exp(-K² p / 2).


def in_theory(share, n_features):
    """Return the mean of the largest K without a pair of patterns within the bandwidth."""
    return np.sqrt(np.pi / 2 / chi2.cdf(share**2 * n_features, n_features))


n_features = np.arange(2, 23, 2)
shares = {"Epanechnikov": np.linspace(0.4, 0.8, 9), "Gaussian": np.linspace(0.25, 0.8, 12)}
kernels = {"Epanechnikov": "tab:blue", "Gaussian": "tab:orange"}
against_features = {k: np.array([capacity(k, 0.5, n) for n in n_features]) for k in kernels}
against_width = {k: np.array([capacity(k, share, 16) for share in shares[k]]) for k in kernels}
for kernel, K in against_features.items():
    print(f"{kernel}: ln K grows by {np.polyfit(n_features, np.log(K), 1)[0]:.2f} a feature")

# %%

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for kernel, colour in kernels.items():
    axes[0].semilogy(n_features, against_features[kernel], "o", color=colour, label=kernel)
    axes[1].semilogy(shares[kernel], against_width[kernel], "o", color=colour)
grid = np.linspace(2, 22, 100), np.linspace(0.3, 0.8, 100)
axes[0].semilogy(grid[0], in_theory(0.5, grid[0]), color="tab:blue", alpha=0.4, label="closed form")
axes[1].semilogy(grid[1], in_theory(grid[1], 16), color="tab:blue", alpha=0.4)
axes[0].set(title="at half the distance", xlabel="features", ylim=(0.8, 400))
axes[0].set_xticks(range(2, 23, 4))
axes[0].set_ylabel("patterns that are all stable")
axes[1].set(title="16 features", xlabel="bandwidth / distance of two patterns")
axes[0].legend(frameon=False)
for ax in axes:
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
if picture:
    figure.savefig(picture, dpi=120)
