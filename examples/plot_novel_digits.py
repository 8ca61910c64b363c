"""
New digits from old ones
========================

Where the supports of stored digits overlap, the Epanechnikov energy has minima that nobody stored:
each the exact mean of a few digits that look alike. A sampler at the end of a pipeline finds them
among the principal components of 1797 digits, draws some, and knows the parents of each.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from skdam import EmergentSampler, sample_from
from skdam.displays import MinimaDisplay

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# The mean of many digits is a blur: six members at the most.

digits = load_digits().data
sampler = EmergentSampler(max_members=6, random_state=0)
pipeline = make_pipeline(PCA(20, random_state=0), sampler).fit(digits)
print(f"{len(sampler.minima_)} emergent digits of at most six members")

# %%
# ``sample_from`` maps draws back to pixels. None of them is a stored digit (as the components hold
# it):

new = sample_from(pipeline, n_samples=1000, random_state=0)
stored = pipeline[:-1].inverse_transform(sampler.memory_.memories_)
gap = NearestNeighbors(n_neighbors=1).fit(stored).kneighbors(new)[0]
print(
    f"distance to the nearest stored digit: at least {gap.min():.2f}, median {np.median(gap):.2f}"
)

# %%
# Seven draws, each beside its parents:

drawn = np.unique(sampler.draw(40, random_state=1))
chosen = np.random.default_rng(1).choice(drawn, 7, replace=False)
display = MinimaDisplay.from_estimator(pipeline, chosen)
if picture:
    display.figure_.savefig(picture, dpi=110)
