"""
How many patterns a binary memory holds
=======================================

Patterns of 32 bits that differ in a share of their bits, the separation, and whose neighbouring
bits are correlated: how many of them are all stable in memories of degree 2, 3 and 5. The capacity
grows about exponentially with the separation, the faster the higher the degree. At the same
separation correlation lowers it, and the more so the higher the degree: a correlation of 0.8 takes
about a quarter of the patterns from a classical network, and 95 of 100 from a memory of degree 5.
"""

import argparse
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdam import BinaryMemory
from skdam.analysis import capacity_search
from skdam.datasets import make_correlated_patterns

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# The mean capacity of at least twenty draws at each separation and correlation.


def capacity(degree, separation, correlation):
    """Return the mean number of patterns of 32 bits that are all stable."""
    memory = BinaryMemory("power", degree, threshold=0, random_state=0)
    patterns = partial(
        make_correlated_patterns, n_features=32, separation=separation, correlation=correlation
    )
    draws = range(100 if degree == 2 else 20)  # few fit: all are soon found
    return np.mean([capacity_search(memory, patterns, random_state=i).capacity for i in draws])


separations = np.linspace(0.1, 0.5, 9)
degrees, correlations = [2, 3, 5], [0.0, 0.5, 0.8]
found = {
    (n, rho): np.array([capacity(n, s, rho) for s in separations])
    for n in degrees
    for rho in correlations
}

# %%
# The slope of ln K in the separation, and how straight it is.

print("degree  correlation  slope    r²")
fits = {}
for (n, rho), K in found.items():
    fits[n, rho] = np.polyfit(separations, np.log(K), 1)
    straight = np.corrcoef(separations, np.log(K))[0, 1] ** 2
    print(f"{n:6}  {rho:11}  {fits[n, rho][0]:5.1f}  {straight:.2f}")

# %%

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
colours = dict(zip(correlations, ["tab:blue", "tab:orange", "tab:red"], strict=True))
for ax, n in zip(axes, degrees, strict=False):
    for rho, colour in colours.items():
        slope, start = fits[n, rho]
        ax.semilogy(separations, np.exp(start + slope * separations), "-", color=colour, alpha=0.4)
        label = f"{rho:g}, slope {slope:.1f}"
        ax.semilogy(separations, found[n, rho], "o", color=colour, markersize=4, label=label)
    ax.sharey(axes[0])
    ax.set(title=f"degree {n}", xlabel="separation", ylim=(1, 1000))
    ax.legend(title="correlation", frameon=False, loc="upper left")
axes[0].set_ylabel("patterns that are all stable")
for rho, colour in list(colours.items())[1:]:
    kept = [found[n, rho][-1] / found[n, 0.0][-1] for n in degrees]
    axes[3].semilogy(degrees, kept, "o-", color=colour, label=f"{rho:g}")
axes[3].set(title="separation 0.5", xlabel="degree", xticks=degrees, ylim=(0.03, 1.2))
axes[3].set_ylabel("capacity, relative to no correlation")
axes[3].legend(title="correlation", frameon=False, loc="lower left")
for ax in axes:
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
if picture:
    figure.savefig(picture, dpi=120)
