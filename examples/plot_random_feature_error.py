"""
What random features cost in accuracy
=====================================

Five hundred random binary patterns in {0, 1}^64 / 8 are stored exactly and in random features, as
in the paper. Under a wide kernel (small beta) the error of the energy falls with the square root of
the number of features, at the memories, near them (a tenth of the bits flipped) and at random
corners; orthogonal frequencies err two to three times less than independent ones. Under a narrow
one the kernel sums are below their standard error, which stands in for them, until there are some
thousand features for each hundred memories: then the curves fall, at the memories first.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdam import GaussianMemory, RandomFeatureMemory
from skdam.feature_maps import RandomFourierFeatures

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Patterns, and queries at, near and far from them.

rng = np.random.default_rng(0)
memories = rng.integers(0, 2, (500, 64)) / 8.0
flips = rng.random((50, 64)) < 0.1
queries = {
    "at": memories[:50],
    "near": np.where(flips, 1 / 8 - memories[:50], memories[:50]),
    "far": rng.integers(0, 2, (50, 64)) / 8.0,
}

# %%
# The error of the energy in units of 1 / beta, which is that of the log of the kernel sum.


def error_of(n_components, beta, orthogonal, where):
    """Return the median error over queries and three maps."""
    exact = GaussianMemory(beta**-0.5).fit(memories).energy(queries[where])
    errors = []
    for seed in range(3):
        fourier = RandomFourierFeatures(
            n_components, bandwidth=beta**-0.5, orthogonal=orthogonal, random_state=seed
        )
        memory = RandomFeatureMemory(feature_map=fourier).partial_fit(memories)
        errors.append(np.abs(memory.energy(queries[where]) - exact) * beta)
    return np.median(errors)


lengths = 2 ** np.arange(7, 14)
betas = [5.0, 10.0, 30.0]
kinds = [("orthogonal", True, "-"), ("independent", False, ":")]
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # sums below their error are part of the picture
    errors = {
        (beta, name, where): [error_of(n, beta, orthogonal, where) for n in lengths]
        for beta in betas
        for name, orthogonal, _ in kinds
        for where in queries
    }
slope = np.polyfit(np.log(lengths), np.log(errors[5.0, "independent", "at"]), 1)[0]
print(f"slope at the memories, beta = 5, independent frequencies: {slope:.2f}")

# %%

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
colours = {"at": "tab:blue", "near": "tab:orange", "far": "tab:green"}
for ax, beta in zip(axes, betas, strict=True):
    for where, colour in colours.items():
        for name, _, style in kinds:
            label = where if name == "orthogonal" else None
            ax.loglog(lengths, errors[beta, name, where], style, color=colour, label=label)
    ax.loglog(lengths, 0.3 * (lengths / 128) ** -0.5, color="0.8", linewidth=3, zorder=0)
    ax.set(title=f"β = {beta:g}", xlabel="features")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
axes[0].set(ylabel="median error of βE")
axes[0].legend(title="queries", frameon=False, loc="upper right")
axes[1].plot([], [], "k-", label="orthogonal")
axes[1].plot([], [], "k:", label="independent")
axes[1].plot([], [], color="0.8", linewidth=3, label="slope -1/2")
axes[1].legend(frameon=False, handles=axes[1].lines[-3:], loc="upper right")
if picture:
    figure.savefig(picture, dpi=120)
