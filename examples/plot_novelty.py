"""
A digit never seen
==================

Each class of digits in turn is kept from a detector, which then has to tell its digits from fresh
ones of the nine classes that it knows. A memory scores a digit by the density of what it stores; it
tells more of them than scikit-learn's detectors at their default parameters, and flags about as
many of the known as it was asked to. The memory's advantage is that of distances to single digits:
on data of two broad clouds, as the last table shows, detectors with a coarser view are better.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import scale
from sklearn.svm import OneClassSVM

from skdam import MemoryNoveltyDetector

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

RATE = 0.05
DETECTORS = {
    "memory": MemoryNoveltyDetector(alarm_rate=RATE),
    "LOF, 20 neighbours (default)": LocalOutlierFactor(novelty=True, contamination=RATE),
    "LOF, 5 neighbours": LocalOutlierFactor(5, novelty=True, contamination=RATE),
    "isolation forest": IsolationForest(contamination=RATE, random_state=0),
    "one-class SVM": OneClassSVM(nu=RATE),
}

# %%
# Half of the known classes is learned, the other half is fresh. One number says how well scores
# rank novel rows below fresh ones (AUROC), two what the limit does: how many fresh rows are false
# alarms, and how many novel ones are noticed.


def parts(X, y, label):
    """Return rows to learn, fresh rows, and rows of the class that is kept back."""
    known = np.random.default_rng(label).permutation(np.flatnonzero(y != label))
    return X[known[::2]], X[known[1::2]], X[y == label]


def judge(detector, learned, fresh, novel):
    """Return AUROC, and the shares of fresh and of novel rows flagged."""
    detector.fit(learned)
    truth = np.repeat([0, 1], [len(fresh), len(novel)])
    scores = detector.score_samples(np.concatenate([fresh, novel]))
    flagged = detector.predict(np.concatenate([fresh, novel])) < 0
    return roc_auc_score(truth, -scores), flagged[truth == 0].mean(), flagged[truth == 1].mean()


def compare(title, X, y):
    """Print a table, and return the AUROC of each detector for each class."""
    print(f"\n{title:30} AUROC  worst  false alarms  noticed")
    found = {}
    for name, detector in DETECTORS.items():
        results = np.array([judge(detector, *parts(X, y, label)) for label in np.unique(y)])
        found[name] = results[:, 0]
        auroc, alarms, noticed = results.mean(axis=0)
        print(f"{name:30} {auroc:.3f}  {results[:, 0].min():.3f}  {alarms:12.1%}  {noticed:7.1%}")
    return found


X, y = load_digits(return_X_y=True)
auroc = compare("digits, each class in turn", X, y)
cancer = load_breast_cancer()
compare("breast cancer, both classes", scale(cancer.data), cancer.target)

# %%
# Scores of the stored digits, each left out in turn, are distributed as those of fresh ones are: so
# a quantile of them is the limit. The gap is the rim of the support: digits to its right lie within
# the bandwidth of another one. No eight does; how far off the support each lies tells them apart.

learned, fresh, novel = parts(X, y, 8)
detector = MemoryNoveltyDetector(alarm_rate=RATE).fit(learned)
scores = {
    "stored, each left out": detector.training_scores_,
    "fresh, of the nine classes": detector.score_samples(fresh),
    "novel: eights": detector.score_samples(novel),
}

figure = plt.figure(figsize=(12, 6), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1, 0.5])
left, right = top.subplots(1, 2, width_ratios=[1.2, 1])
edges = np.arange(-290.0, -110.0, 4.0)
for (name, values), colour in zip(scores.items(), ["0.6", "tab:blue", "tab:red"], strict=True):
    style = {"histtype": "stepfilled" if colour == "0.6" else "step", "color": colour}
    left.hist(values, edges, density=True, label=name, linewidth=1.5, **style)
left.axvline(detector.offset_, color="black", linestyle="--", label=f"limit, {RATE:.0%} of stored")
left.set(xlabel="score (nats)", ylabel="share of rows per nat", yticks=[])
left.legend(frameon=False, loc="upper left")
for (name, values), marker in zip(auroc.items(), "osD^v", strict=True):
    right.plot(values, marker, label=name, markersize=9 if marker == "o" else 5)
right.set(xlabel="the class that is novel", ylabel="AUROC", xticks=range(10), ylim=(0.1, 1.02))
right.legend(frameon=False, fontsize=8, loc="lower right")

order = {name: np.argsort(values) for name, values in scores.items()}
rows = {
    "eights that score least": novel[order["novel: eights"][:12]],
    "eights that score most: missed": novel[order["novel: eights"][::-1][:12]],
    "fresh digits that score least: false alarms": fresh[order["fresh, of the nine classes"][:12]],
    "stored digits that score least: alone": learned[order["stored, each left out"][:12]],
}
for ax, (title, digits) in zip(bottom.subplots(2, 2).flat, rows.items(), strict=True):
    ax.imshow(np.hstack(np.pad(digits.reshape(-1, 8, 8), ((0, 0), (0, 0), (0, 1)))), cmap="Greys")
    ax.set_title(title, fontsize=10)
    ax.axis("off")
if picture:
    figure.savefig(picture, dpi=110)
