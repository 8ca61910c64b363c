"""
Choosing the bandwidth: density against memory
==============================================

The likelihood of held-out rows is the score of a density, and a poor one of a memory: a row that no
memory reaches makes it -inf, so that the bandwidth has to reach the remotest row, and there the
memory has collapsed: damaged digits come back as blurs of many. Two other scores choose a memory:
how surely damaged digits end where clean ones do, and near these, and the likelihood with a weak
background that rows off the support are charged to.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from skdam import EpanechnikovMemory
from skdam.bandwidths import preserved_fraction
from skdam.datasets import corrupt
from skdam.metrics import novelty_rate
from skdam.scorers import coverage_scorer, recall_scorer, robust_log_likelihood_scorer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# One search over bandwidths, four scores of the same held-out rows.

X = load_digits().data[:600]
nearest = EpanechnikovMemory().fit(X).bandwidth_
bandwidths = nearest * np.geomspace(0.4, 2.8, 25)
scoring = {
    "log likelihood": lambda memory, rows, y=None: memory.score(rows),
    "robust log likelihood": robust_log_likelihood_scorer(),
    "recall from noise 1": recall_scorer(noise=1.0),
    "coverage": coverage_scorer(),
}
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(
    EpanechnikovMemory(), {"bandwidth": bandwidths}, scoring=scoring, refit=False, cv=folds
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of likelihoods that are -inf
    found = search.fit(X).cv_results_
scores = {name: found[f"mean_test_{name}"] for name in scoring}
chosen = {name: bandwidths[scores[name].argmax()] for name in list(scoring)[:3]}

# %%
# What each choice makes of all 600 digits: where they and damaged copies end.

damaged = corrupt(X, noise=1.0, random_state=0)


def ends(bandwidth):
    """Return how many fixed points were found, and how many of the digits are among them."""
    memory = EpanechnikovMemory(bandwidth).fit(X)
    states = np.unique(memory.transform(np.append(X, damaged, axis=0)), axis=0)
    return len(states), round(len(states) * (1 - novelty_rate(states, X)))


counts = {name: ends(bandwidth) for name, bandwidth in chosen.items()}
for name, bandwidth in chosen.items():
    states, stored = counts[name]
    print(
        f"{name}: bandwidth {bandwidth:.1f} ({bandwidth / nearest:.2f} of the default), {states}"
        f" fixed points, {stored} of them stored, {preserved_fraction(X, bandwidth):.0%} preserved"
    )
assert counts["log likelihood"][1] == 0
assert min(counts[name][1] for name in list(chosen)[1:]) > 80

# %%

figure = plt.figure(figsize=(10.5, 6.6), layout="constrained")
upper, lower = figure.subfigures(2, height_ratios=[1.1, 1])
panels = upper.subplots(1, 3, sharex=True)
colours = dict(zip(chosen, ["tab:red", "tab:orange", "tab:blue"], strict=True))
for ax, name in zip(panels, chosen, strict=True):
    ax.plot(bandwidths, np.where(np.isfinite(scores[name]), scores[name], np.nan), color="0.2")
    for other, bandwidth in chosen.items():
        ax.axvline(bandwidth, color=colours[other], lw=2 if other == name else 0.7)
    ax.set(title=name, xlabel="bandwidth")
off = np.isneginf(scores["log likelihood"])
panels[0].axvspan(bandwidths[0], bandwidths[off].max(), color="0.92")
panels[0].text(np.mean(bandwidths[off]), np.nanmean(panels[0].get_ylim()), "-inf", ha="center")
coverage = panels[1].twinx()
coverage.plot(bandwidths, scores["coverage"], ":", color="0.5")
coverage.set(ylim=(-0.02, 1.02))
coverage.text(bandwidths[-1], 0.93, "coverage", ha="right", color="0.5")
panels[0].set_ylabel("mean of held-out rows (nats)")
panels[2].set_ylabel("share of the variance")

shown = np.arange(7, 600, 52)
rows = {"clean": X[shown], "damaged": damaged[shown]} | {
    name: EpanechnikovMemory(bandwidth).fit(X).transform(damaged[shown])
    for name, bandwidth in chosen.items()
}
axes = lower.subplots(len(rows), 1)
for ax, (name, images) in zip(axes, rows.items(), strict=True):
    ax.imshow(np.hstack(images.reshape(-1, 8, 8)), cmap="gray_r", vmin=0, vmax=16)
    ax.set(xticks=[], yticks=[])
    said = "" if name not in counts else "\n{} fixed points, {} stored".format(*counts[name])
    ax.set_ylabel(name + said, rotation=0, ha="right", va="center", color=colours.get(name, "k"))
if picture:
    figure.savefig(picture, dpi=120)
