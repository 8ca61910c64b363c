"""Which bandwidth each score chooses on 600 digits, and what kind of memory that is.

Grid search over 24 bandwidths, 5 shuffled folds, the same for all scores. Fixed points: where the
digits and copies damaged by noise 1.2 end; stored: those that are digits as they were given;
preserved: the share of digits that stay minima (Epanechnikov); recall: the share of the 600 that
come back from noise of 4 grey levels; coverage and log likelihood: of held-out rows.

The second table has scores of recall against the bandwidth in units of the default, noise 1.2:
`recall_scorer`, and the two of which it is the lesser, how stable states are and how faithful;
beside them how much of the clean rows comes back, and how often they can be told apart by it.
"""

import warnings
from functools import partial

import numpy as np
from measure import table
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from skdam import EpanechnikovMemory, GaussianMemory
from skdam.bandwidths import preserved_fraction
from skdam.datasets import corrupt
from skdam.scorers import coverage_scorer, recall_scorer, robust_log_likelihood_scorer

NOISE = 1.2
#: Bandwidths of the second table, in units of the default.
SHARES = np.array([0.4, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0])
SCORES = {
    "log likelihood": lambda memory, X, y=None: memory.score(X),
    "robust, background .5": robust_log_likelihood_scorer(background=0.5),
    "robust, background .1": robust_log_likelihood_scorer(),
    "robust, background .001": robust_log_likelihood_scorer(background=0.001),
    "recall, noise .5": recall_scorer(noise=0.5),
    "recall, noise 1": recall_scorer(noise=1.0),
    "recall, noise 1.2": recall_scorer(noise=1.2),
    "recall, noise 1.5": recall_scorer(noise=1.5),
    "recall, half missing": recall_scorer(missing=0.5),
    "coverage": coverage_scorer(),
    "coverage, .5 enough": coverage_scorer(enough=0.5),
}


def share(memory, X, y=None, *, name):
    """Return the share of the rows' variance that is stable, or faithful, or that comes back."""
    states, whole = memory.transform(corrupt(X, noise=NOISE, random_state=0)), memory.transform(X)
    pairs = {"stable": (states, whole), "faithful": (whole, X), "come back": (states, X)}
    found, wanted = pairs[name]
    return 1 - np.sum((found - wanted) ** 2) / np.sum((X - X.mean(axis=0)) ** 2)


def told_apart(memory, X, y=None):
    """Return how often the own clean state is the nearest of all, equal ones sharing the point."""
    distance = cdist(memory.transform(corrupt(X, noise=NOISE, random_state=0)), memory.transform(X))
    nearest = distance <= distance.min(axis=1, keepdims=True) * (1 + 1e-9) + 1e-9
    return np.mean(np.diag(nearest) / nearest.sum(axis=1))


def searched(memory, X, shares, scoring):
    """Return the bandwidths, and the mean of each score at each."""
    bandwidths = memory.fit(X).bandwidth_ * shares
    folds = KFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(memory, {"bandwidth": bandwidths}, scoring=scoring, refit=False, cv=folds)
    found = search.fit(X).cv_results_
    return bandwidths, {name: found[f"mean_test_{name}"] for name in scoring}


def distinct(memory, states):
    """Return the states, equal ones once; those reached in the limit to a tenth of a grey level."""
    exact = isinstance(memory, EpanechnikovMemory)
    return states[np.unique(states if exact else states.round(1), axis=0, return_index=True)[1]]


def described(memory, X):
    """Return how many fixed points were found, how many are stored, kept, and recalled."""
    memory.set_params(max_iter=3000).fit(X)
    states = memory.transform(np.append(X, corrupt(X, noise=NOISE, random_state=0), axis=0))
    states = distinct(memory, states)
    stored = np.unique(memory.retrieve(states).recalled)
    noisy = X + 4.0 * np.random.default_rng(0).standard_normal(X.shape)
    recalled = np.mean(memory.retrieve(noisy).recalled == np.arange(len(X)))
    kept = (
        preserved_fraction(X, memory.bandwidth) if isinstance(memory, EpanechnikovMemory) else None
    )
    return [len(states), np.sum(stored >= 0), kept, recalled]


def choices(X):
    """Yield what each score chooses, for two memories."""
    for memory in (EpanechnikovMemory(), GaussianMemory()):
        shares = np.geomspace(0.3, 3.0, 24)
        bandwidths, means = searched(memory, X, shares, SCORES)
        for name, mean in means.items():
            best = mean.argmax()
            chosen = type(memory)(bandwidth=bandwidths[best])
            held_out = [means[score][best] for score in ("coverage", "log likelihood")]
            title = f"{type(memory).__name__}, {name}"
            yield [title, bandwidths[best], shares[best], *described(chosen, X), *held_out]


def curves(X):
    """Yield the candidates for a score of recall at some bandwidths."""
    scoring = {"recall_scorer": recall_scorer(noise=NOISE)}
    for name in ("stable", "faithful", "come back"):
        scoring[name] = partial(share, name=name)
    scoring["told apart"] = told_apart
    for memory in (EpanechnikovMemory(), GaussianMemory()):
        means = searched(memory, X, SHARES, scoring)[1]
        for name, mean in means.items():
            yield [f"{type(memory).__name__}, {name}", *mean]


def main():
    """Print both tables."""
    X = load_digits().data[:600]
    head = ["memory, score", "bandwidth", "/ default", "fixed points", "stored", "preserved"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of likelihoods of -inf, and of slow Gaussians
        table([*head, "recall", "coverage", "log likelihood"], choices(X))
        table(["memory, score", *map(str, SHARES)], curves(X))


if __name__ == "__main__":
    main()
