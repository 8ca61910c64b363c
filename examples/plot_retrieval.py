"""
One query, four memories
========================

Digits of which the lower half is missing, as four memories complete them: the Epanechnikov memory
with the known pixels held, attention under absolute and under squared differences, and bits that
flip one by one: what half a digit is in black and white is not enough, and other digits come back.
Each row shows a query, states on its path, what came back, and the energy on the
way, where there is one.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdam import AttentionMemory, BinaryMemory, EpanechnikovMemory
from skdam.displays import RetrievalDisplay

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Half a digit. Where a memory cannot hold pixels, the mean of all digits fills the gap.

X = load_digits().data
known = np.arange(64) < 32
halves = np.where(known, X[[3, 8, 12]], np.nan)
filled = np.where(known, X[[3, 8, 12]], X.mean(axis=0))
bits, filled_bits = (np.where(rows > 8, 1.0, -1.0) for rows in (X, filled))

# %%

figure, axes = plt.subplots(2, 2, figsize=(12, 7.5), layout="constrained")
memories = {
    "Epanechnikov, known pixels held": (EpanechnikovMemory(30.0).fit(X), halves, known),
    "attention, absolute differences": (
        AttentionMemory(0.5, similarity="manhattan").fit(X),
        filled,
        None,
    ),
    "attention, squared differences, until it stays": (
        AttentionMemory(0.02, similarity="euclidean", max_iter=100).fit(X),
        filled,
        None,
    ),
    "bits, degree 20": (BinaryMemory(degree=20, random_state=0).fit(bits), filled_bits, None),
}
for ax, (title, (memory, queries, held)) in zip(axes.flat, memories.items(), strict=True):
    RetrievalDisplay.from_estimator(memory, queries, known=held, n_states=4, ax=ax)
    ax.set_title(title)
if picture:
    figure.savefig(picture, dpi=120)
