"""Store real digits, damage them, retrieve, complete, score and sample them; draw digits.png."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from skdam import EmergentSampler, EpanechnikovMemory, GaussianMemory
from skdam.bandwidths import preserved_fraction, preserving_bandwidth

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path, default=Path("digits.png"))
picture = parser.parse_known_args()[0].picture

rng = np.random.default_rng(0)
digits = load_digits().data
stored, held_out = digits[:1500], digits[1500:]
own = np.arange(len(stored))
upper = np.arange(64) < 32

# Store. The default bandwidth merges memories that crowd; a smaller one keeps every one of them.
merging = EpanechnikovMemory().fit(stored)
keeping = EpanechnikovMemory(preserving_bandwidth(stored, fraction=1.0)).fit(stored)
gaussian = GaussianMemory().fit(stored)
print(f"stored {len(stored)} digits of 8 x 8 pixels, values 0 to 16")
for name, memory in [("default", merging), ("keep all", keeping)]:
    share = preserved_fraction(stored, memory.bandwidth_)
    print(
        f"  Epanechnikov, {name:8}  bandwidth {memory.bandwidth_:5.2f} keeps {share:4.0%} exactly"
    )

# Damage and retrieve.
noisy = stored + rng.normal(scale=4.0, size=stored.shape)
print("recalled from noise of standard deviation 4 on every pixel")
memories = [
    ("Gaussian, default", gaussian),
    ("Epanechnikov, keep all", keeping),
    ("Epanechnikov, default", merging),
]
for name, memory in memories:
    print(f"  {name:34}{np.mean(memory.retrieve(noisy).recalled == own):6.1%}")
nearest = NearestNeighbors(n_neighbors=1).fit(stored).kneighbors(noisy, return_distance=False)
print(f"  {'(nearest neighbour)':34}{np.mean(nearest.ravel() == own):6.1%}")

# Complete what is missing: the upper half is known and held, NaN marks the rest.
completed = keeping.retrieve(np.where(upper, stored, np.nan), known=upper)
unseen = merging.retrieve(np.where(upper, held_out, np.nan), known=upper)
error = np.sqrt(np.mean((unseen.state - held_out)[:, ~upper] ** 2))
baseline = np.sqrt(np.mean((stored.mean(axis=0) - held_out)[:, ~upper] ** 2))
exact = np.mean((completed.state == stored).all(axis=1))
print("completed from the upper half")
print(f"  stored digits, bit for bit        {exact:6.1%}")
print(f"  held-out digits, error per pixel  {error:6.2f} (mean digit: {baseline:.2f})")
print(f"  held-out digits no memory reaches {np.mean(~unseen.in_support):6.1%}")

# Score: a normalised log density, higher for digits than for shuffled pixels.
shuffled = rng.permuted(held_out, axis=1)
print("log density, mean over held-out images (Gaussian memory)")
print(f"  digits                            {gaussian.score(held_out):6.1f}")
print(f"  the same pixels shuffled          {gaussian.score(shuffled):6.1f}")

# New patterns: emergent minima, which are no stored digit but the mean of several; and draws of the
# density.
sampler = EmergentSampler(max_members=3, random_state=0).fit(stored)
emergent = sampler.sample(8, random_state=0)
samples = gaussian.sample(8, random_state=0)
print("new digits")
print(f"  emergent, means of two or three   {len(sampler.minima_):6}")

show = rng.choice(len(stored), 8, replace=False)
rows = {
    "stored": stored[show],
    "noisy": noisy[show],
    "retrieved": keeping.transform(noisy[show]),
    "upper half": np.where(upper, stored[show], np.nan),
    "completed": completed.state[show],
    "emergent": emergent,
    "sampled": samples,
}
figure, axes = plt.subplots(len(rows), 8, figsize=(8, 7.4), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[], facecolor="lightsteelblue")
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure.savefig(picture, dpi=120)
print(f"drew {picture}")
