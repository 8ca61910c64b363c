"""
A million memories in one vector
================================

A million points arrive in batches of ten thousand, from three places that drift along a circle, and
are added up in a vector of 2048 numbers, which never grows. What comes out is the log density of
everything seen, with its standard error: small where the data are, and 1 where all that is known is
that the density is low (but for islands, where chance lifts the noise above its error). Forgetting
takes the first third of the stream out again. A query costs the same however many memories there
are, where an exact Gaussian memory has to look at them all.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skdam import GaussianMemory, RandomFeatureMemory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# The stream: batch t of a hundred. It is made anew whenever it is asked for.


def batch(t):
    """Return ten thousand points around three places on a circle, which turns."""
    rng = np.random.default_rng(t)
    angle = 2 * np.pi * (rng.integers(3, size=10_000) / 3 + t / 400)
    centres = 2.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    return (centres + 0.25 * rng.normal(size=centres.shape)).astype(np.float32)


# %%
# The map is settled first; then every batch is a sum.

memory = RandomFeatureMemory(bandwidth=0.2, n_components=2048, random_state=0).fit_map(batch(0))
queries = batch(50)[:1000]


def microseconds(answer):
    """Return how long a score takes."""
    start = time.perf_counter()
    answer(queries)
    return (time.perf_counter() - start) / len(queries) * 1e6


count, cost, exact_cost = [], [], []
for t in range(100):
    memory.partial_fit(batch(t))
    if t + 1 in (1, 2, 5, 10, 20, 50, 100):
        count.append(memory.n_memories_)
        cost.append(microseconds(memory.standard_error))
    if t + 1 in (1, 2, 5):  # an exact memory of all of them
        exact = GaussianMemory(0.2).fit(np.vstack([batch(i) for i in range(t + 1)]))
        exact_cost.append(microseconds(exact.score_samples))
print(f"{memory.n_memories_:,} memories in {memory.memory_vector_.nbytes / 1024:.0f} KiB")

# %%
# Density and standard error on a grid. Far from the data the kernel sum is below its error, and a
# warning says for how many queries; here the picture does.

side = np.linspace(-3.2, 3.2, 90)
grid = np.array(np.meshgrid(side, side)).reshape(2, -1).T


def seen():
    """Return the log density and its standard error, as images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        score, error = memory.score_samples(grid), memory.standard_error(grid)
    return score.reshape(90, 90), error.reshape(90, 90)


score, error = seen()
for t in range(33):
    memory.forget(batch(t))
later, _ = seen()
print(f"{memory.n_memories_:,} are left")

# %%

figure, axes = plt.subplots(2, 2, figsize=(8, 6.6), layout="constrained")
extent = (side[0], side[-1]) * 2
span = score.min(), later.max()
images = [
    (score, "viridis", span, "log density of a million"),
    (error, "magma_r", (0, 1), "its standard error"),
    (later, "viridis", span, "the first third forgotten"),
]
for ax, (image, colours, limits, title) in zip(axes.flat, images, strict=False):
    drawn = ax.imshow(image, cmap=colours, clim=limits, origin="lower", extent=extent)
    ax.set(title=title, xticks=[], yticks=[])
    figure.colorbar(drawn, ax=ax, shrink=0.75)
ax = axes[1, 1]
ax.loglog(count, cost, "o-", label="random features")
ax.loglog(count[:3], exact_cost, "o-", label="all memories, exactly")
ax.set(title="what a score costs", xlabel="memories", ylabel="microseconds")
ax.set_ylim(bottom=1)
for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter("")
ax.legend(frameon=False)
if picture:
    figure.savefig(picture, dpi=120)
