"""
What kind of state is this?
===========================

A network that has learned noisy examples of prototypes is stable at examples, at prototypes that it
never saw, and at artefacts. How firmly each unit is held tells which is which: a linear model on
the sorted stabilities classifies the states of networks that it has not seen. The ratio of the
smallest stability to the largest, the usual heuristic, does not. (It would if there were clearly
fewer examples than units: the delta rule then makes all fields of the examples alike.)

From one Hebbian network to another, of other noise or group size, profiles divided by their maximum
carry over, where plain ones may not. But that loses the scale, which matters under the delta rule.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import HopfieldMemory
from skdam.analysis import StabilityProfile, find_fixed_points, label_states, stability_ratio
from skdam.datasets import make_prototype_patterns
from skdam.displays import StabilityProfileDisplay

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Networks of 128 units, and their stable states: some that random probes end in, the examples, and
# the prototypes.


def network(rule, n_prototypes, n_examples, noise, seed):
    family = make_prototype_patterns(n_prototypes, n_examples, 128, noise=noise, random_state=seed)
    patterns, prototypes, _ = family
    with warnings.catch_warnings():  # more examples than units: not all fields can be right
        warnings.simplefilter("ignore", ConvergenceWarning)
        memory = HopfieldMemory(rule, random_state=seed).fit(patterns)
    found = find_fixed_points(memory, n_probes=150, random_state=seed).states
    states = np.vstack([found, memory.transform(prototypes), patterns])
    labels = label_states(memory, states, patterns, prototypes, tol=0.05)
    stable = labels != "unstable"
    return memory, states[stable], labels[stable]


VIEWS = {
    "ratio": lambda memory, states: stability_ratio(memory, states)[:, None],
    "profile": lambda memory, states: StabilityProfile(memory).fit_transform(states),
    "normalised profile": lambda memory, states: StabilityProfile(
        memory, normalize=True
    ).fit_transform(states),
}


def accuracies(rule, train, test):
    """Return the balanced accuracy that each view of the states gives on unseen networks."""
    known = [network(rule, *train, seed) for seed in range(6)]
    unseen = [network(rule, *test, seed) for seed in range(100, 106)]
    y, y_true = (np.concatenate([labels for *_, labels in part]) for part in (known, unseen))
    result = []
    for view in VIEWS.values():
        X, X_test = (
            np.vstack([view(memory, states) for memory, states, _ in part])
            for part in (known, unseen)
        )
        linear = LogisticRegression(class_weight="balanced", max_iter=2000)
        y_pred = make_pipeline(StandardScaler(), linear).fit(X, y).predict(X_test)
        result.append(balanced_accuracy_score(y_true, y_pred))
    return result


# %%

crowded = (8, 20, 0.15)  # prototypes, examples of each, noise
tasks = {
    "delta rule,\nlike networks": ("delta", crowded, crowded),
    "Hebbian, groups of 40\nto groups of 10": ("hebbian", (5, 40, 0.1), (5, 10, 0.1)),
    "Hebbian, noise 0.1\nto noise 0.2": ("hebbian", (5, 50, 0.1), (5, 50, 0.2)),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
StabilityProfileDisplay.from_estimator(*network("delta", *crowded, 0), ax=left)
left.set_title("one network, delta rule")

scores = np.array([accuracies(*task) for task in tasks.values()])
for i, (name, shade) in enumerate(zip(VIEWS, ["0.8", "0.55", "0.25"], strict=True)):
    place = np.arange(3) + 0.27 * (i - 1)
    bars = right.bar(place, scores[:, i], 0.25, label=name, color=shade)
    right.bar_label(bars, fmt="%.2f", fontsize="small")
right.set_xticks(range(3), list(tasks))
right.set(ylim=(0, 1.25), ylabel="balanced accuracy on unseen networks")
right.legend(ncols=3, loc="upper center", fontsize="small")
if picture:
    figure.savefig(picture, dpi=120)
