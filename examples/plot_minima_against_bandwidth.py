"""
How many minima, and how good, against the bandwidth
====================================================

Forty samples of a mixture of five Gaussians in eight dimensions are stored at bandwidths from small
to large, and all minima enumerated. Below half the smallest distance r_min of two samples nothing
emerges; from there to r_min every sample is kept and new minima are sure to appear; beyond,
samples merge. The mixture is known, so that each new minimum has a true likelihood: over a wide
range of bandwidths emergent minima are more likely than the samples they are made of.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skdam import EpanechnikovMemory, enumerate_minima
from skdam.bandwidths import emergence_window

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# The mixture, and samples of it to store.

rng = np.random.default_rng(0)
centres = 3.0 * rng.normal(size=(5, 8))
X = centres[rng.integers(5, size=40)] + rng.normal(size=(40, 8))


def log_likelihood(points):
    """Return the log density of the mixture that the samples come from."""
    parts = [multivariate_normal(centre).logpdf(points) for centre in centres]
    return logsumexp(parts, axis=0) - np.log(len(centres))


# %%
# All minima at each bandwidth, with the certificate that there are no others.

low, r_min = emergence_window(X)
bandwidths = np.linspace(0.3, 2.5, 56) * r_min
stored, emergent, likelihood = [], [], []
for bandwidth in bandwidths:
    minima = enumerate_minima(EpanechnikovMemory(bandwidth).fit(X))
    assert minima.complete
    new = minima.points[minima.is_emergent]
    stored.append(np.sum(~minima.is_emergent))
    emergent.append(len(new))
    likelihood.append(np.mean(log_likelihood(new)) if len(new) else np.nan)
most = np.argmax(emergent)
print(f"most emergent minima: {emergent[most]}, at {bandwidths[most] / r_min:.2f} r_min")
print(f"mean log likelihood of the samples: {np.mean(log_likelihood(X)):.2f}")
print(f"of those emergent minima: {likelihood[most]:.2f}")

# %%

figure, (top, bottom) = plt.subplots(2, figsize=(7, 5.6), sharex=True, layout="constrained")
for ax in (top, bottom):
    ax.axvspan(0.5, 1.0, color="0.92", zorder=0)
top.plot(bandwidths / r_min, stored, color="tab:blue", label="samples kept")
top.plot(bandwidths / r_min, emergent, color="tab:red", label="emergent minima")
top.text(0.75, top.get_ylim()[1] * 0.9, "emergence\nis sure", ha="center", va="top", color="0.4")
top.set(ylabel="number of minima")
top.legend(frameon=False)
bottom.axhline(np.mean(log_likelihood(X)), color="tab:blue", label="stored samples")
bottom.plot(bandwidths / r_min, likelihood, color="tab:red", label="emergent minima")
bottom.set(xlabel="bandwidth / smallest distance of two samples", ylabel="mean true log likelihood")
bottom.legend(frameon=False)
if picture:
    figure.savefig(picture, dpi=120)
