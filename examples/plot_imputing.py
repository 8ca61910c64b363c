"""
Filling gaps
============

Rows with gaps, completed by a memory of rows that have gaps themselves. The conditional mean errs
less than the means of neighbours; a retrieved row errs more than a mean, but is a pattern: sharp,
where a mean is blurred. Beside them a regression of each feature on the others
(``IterativeImputer``), which is the better where features depend on each other linearly.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.preprocessing import StandardScaler

from skdam import EpanechnikovMemory, MemoryImputer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# A third of the rows is held out; 30 % of all entries are hidden, in the training rows too. Every
# width and every number of neighbours is chosen on hidden entries of the training rows' own.


def split(X, seed=0):
    """Return training rows with gaps, and the others with gaps and whole."""
    rng = np.random.default_rng(seed)
    X = rng.permutation(X)
    gappy = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    n = 2 * len(X) // 3
    return gappy[:n], gappy[n:], X[n:]


def error(imputer, train, test, truth):
    """Return the root mean squared error over the hidden entries."""
    found = imputer.fit(train).transform(test)
    return np.sqrt(np.mean((found - truth)[np.isnan(test) & ~np.isnan(truth)] ** 2))


def chosen(candidates, train):
    """Return the imputer that best finds entries hidden from half of the training rows."""
    first, second = train[::2], train[1::2]
    hidden = np.random.default_rng(1).random(second.shape) < 0.3
    test = np.where(hidden, np.nan, second)
    hidden_truth = np.where(hidden, second, np.nan)
    return min(candidates, key=lambda imputer: error(imputer, first, test, hidden_truth))


def standardised(load):
    """Return the features of a data set, each of variance 1."""
    return StandardScaler().fit_transform(load(return_X_y=True)[0])


digits = load_digits().data
tables = {
    "digits": digits[:1000] / digits.std(),
    "breast cancer": standardised(load_breast_cancer),
    "wine": standardised(load_wine),
    "diabetes": standardised(load_diabetes),
}
methods = ["memory", "neighbours", "regression"]
print(f"{'':15}" + "".join(f"{method:>12}" for method in methods))
found = {}
for name, X in tables.items():
    train, test, truth = split(X)
    spread = np.sqrt(X.var(axis=0).sum())
    memories = [
        MemoryImputer(EpanechnikovMemory(share * spread)) for share in (0.6, 0.7, 0.8, 0.9, 1)
    ]
    neighbours = [KNNImputer(n_neighbors=k, weights="distance") for k in (5, 7, 10, 15, 20)]
    regression = IterativeImputer(n_nearest_features=10, random_state=0)
    imputers = chosen(memories, train), chosen(neighbours, train), regression
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the regression's ten rounds
        found[name] = [error(imputer, train, test, truth) for imputer in imputers]
    print(f"{name:15}" + "".join(f"{value:12.3f}" for value in found[name]))
    assert found[name][0] < found[name][1]

# %%
# Digits without their lower half, from whole training rows: the mean and the pattern.

known = np.arange(64) < 32
train, truth = digits[:1200], digits[1200:]
queries = np.where(known, truth, np.nan)[:12]
completed = {"hidden": truth[:12], "known": queries}
for label, imputer in {
    "neighbours": KNNImputer(n_neighbors=7, weights="distance"),
    "memory, mean": MemoryImputer(EpanechnikovMemory(32.0)),
    "memory, pattern": MemoryImputer(EpanechnikovMemory(24.0), completion="retrieve"),
}.items():
    completed[label] = imputer.fit(train).transform(queries)

# %%

figure = plt.figure(figsize=(12, 4.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[2.3, 1])
axes = left.subplots(len(completed), 12)
for line, (label, images) in zip(axes, completed.items(), strict=True):
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(label, rotation=0, ha="right", va="center")
ax = right.subplots()
height = np.arange(len(found))
for shift, method, colour in zip((-0.27, 0.0, 0.27), methods, ("C0", "C1", "0.6"), strict=True):
    values = [errors[methods.index(method)] for errors in found.values()]
    ax.barh(height + shift, values, 0.25, label=method, color=colour)
ax.set_yticks(height, found)
ax.invert_yaxis()
ax.set(xlabel="error, in standard deviations", xlim=(0, 1.6))
ax.legend(fontsize="small", loc="center right")
if picture:
    figure.savefig(picture, dpi=120)
