"""
Complete digits from one vector
===============================

Twenty digits are added up in one vector of random features. A digit whose lower half is missing is
completed by holding the upper half and retrieving the rest: the missing pixels start at the mean
memory. Nothing but the sum is stored.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdam import RandomFeatureMemory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Two digits of each kind, stored.

X, y = load_digits(return_X_y=True)
kept = np.concatenate([np.flatnonzero(y == digit)[:2] for digit in range(10)])
digits = X[kept]
memory = RandomFeatureMemory(bandwidth=12.0, n_components=8192, random_state=0).fit(digits)

# %%
# The upper half is known.

known = np.arange(64) < 32
damaged = np.where(known, digits, np.nan)
result = memory.retrieve(damaged, known=known)
error = np.abs(result.state - digits)[:, ~known].mean(axis=1)
print(f"{np.sum(error < 1)} of {len(digits)} completed to within one grey level of sixteen")

# %%

figure, axes = plt.subplots(3, 10, figsize=(9, 3), layout="constrained")
rows = {"stored": digits, "known": damaged, "completed": result.state}
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images[::2], strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
if picture:
    figure.savefig(picture, dpi=120)
