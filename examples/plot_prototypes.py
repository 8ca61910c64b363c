"""
From features to prototypes
===========================

The dense classifier learns digits at four degrees. At low ones each memory is a feature, a blot of
black and white that most digits have some share in, and many memories vote on every digit. At high
ones memories look like digits, and a few of them decide. The errors hardly differ.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdam import DenseMemoryClassifier

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# A third of the digits is held out.

X, y = load_digits(return_X_y=True)
train, test, labels, truth = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
classifiers = {
    degree: DenseMemoryClassifier(degree=degree, random_state=0).fit(train, labels)
    for degree in (2, 3, 20, 30)
}

# %%
# Of each, twelve memories (those with the most votes), and how many memories vote on a digit.

figure, axes = plt.subplots(2, 4, figsize=(11, 5.4), layout="constrained", height_ratios=[3, 2])
for column, (degree, classifier) in zip(axes.T, classifiers.items(), strict=True):
    error = 100 * (1 - classifier.score(test, truth))
    votes = classifier.voting_memories(test)
    print(f"degree {degree}: {error:.1f} % errors, {votes.mean():.1f} memories vote")
    strength = np.abs(classifier.class_memories_).sum(axis=1)
    best = classifier.memories_[np.argsort(-strength)[:12]].reshape(3, 4, 8, 8)
    tiles = np.pad(best, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    image = tiles.transpose(0, 2, 1, 3).reshape(27, 36)[:-1, :-1]
    column[0].imshow(image, cmap="coolwarm", vmin=-1, vmax=1)
    column[0].set(title=f"degree {degree}: {error:.1f} % errors", xticks=[], yticks=[])
    column[0].spines[:].set_visible(False)
    column[1].hist(votes, bins=np.linspace(0, 80, 41), color="0.4")
    column[1].set(xlabel="memories that vote", xlim=(0, 80))
axes[1, 0].set_ylabel("digits")
if picture:
    figure.savefig(picture, dpi=120)
