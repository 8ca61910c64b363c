"""Gaps filled by a memory beside KNNImputer: root mean squared error, and time.

Error: entries hidden in held-out rows, five folds, the same rows and the same hidden entries for
both; each at its best setting by the mean over the folds: KNNImputer over neighbours and weights,
the memory over its bandwidth. Time: 10,000 rows by 10,000 training rows of 64 features, 30 % hidden
at random, fit and transform with defaults, one thread, in turn.
"""

import argparse
import warnings

import numpy as np
from measure import once, table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.impute import KNNImputer
from sklearn.model_selection import KFold, ParameterGrid
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdam import EpanechnikovMemory, GaussianMemory, MemoryImputer

NEIGHBOURS = ParameterGrid(
    {"n_neighbors": [2, 3, 5, 7, 10, 15, 20, 30], "weights": ["uniform", "distance"]}
)
#: Bandwidths, in roots of the summed variances of the features.
WIDTHS = np.array([0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0])
#: A Gaussian that weighs rows about as an Epanechnikov memory of D features does.
GAUSSIAN_SHARE = 1.3


def damaged(X, share, seed):
    """Return X without a share of its entries, chosen at random, or without its last half."""
    gaps = np.random.default_rng(seed).random(X.shape) < share
    if share == 0.5:
        gaps = np.broadcast_to(np.arange(X.shape[1]) >= X.shape[1] // 2, X.shape)
    return np.where(gaps, np.nan, X)


def errors(imputers, X, queries, training):
    """Return the error of each imputer over the same folds: their mean and standard deviation."""
    gaps, found = np.isnan(queries), {}
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        for name, imputer in imputers.items():
            completed = imputer.fit(training[train]).transform(queries[test])
            error = np.sqrt(np.mean((completed - X[test])[gaps[test]] ** 2))
            found.setdefault(name, []).append(error)
    return {name: (np.mean(values), np.std(values)) for name, values in found.items()}


def best(imputers, *data):
    """Return the best setting's name, mean error and its standard deviation over folds."""
    found = errors(imputers, *data)
    name = min(found, key=lambda name: found[name][0])
    return [name, *found[name]]


def rows_of_errors():
    """Yield a row for each data set, way of hiding, and kind of training rows."""
    for data, load in {
        "digits": load_digits,
        "wine": load_wine,
        "diabetes": load_diabetes,
        "breast cancer": load_breast_cancer,
    }.items():
        X = load(return_X_y=True)[0]
        X = X if data == "digits" else StandardScaler().fit_transform(X)
        unit = np.sqrt(X.var(axis=0).sum())
        neighbours = {f"{s['n_neighbors']}, {s['weights']}": KNNImputer(**s) for s in NEIGHBOURS}
        compact = {f"{w:g}": MemoryImputer(EpanechnikovMemory(w * unit)) for w in WIDTHS}
        narrow = GAUSSIAN_SHARE / np.sqrt(X.shape[1])
        smooth = {f"{w * narrow:.2g}": GaussianMemory(w * narrow * unit) for w in WIDTHS}
        smooth = {name: MemoryImputer(memory) for name, memory in smooth.items()}
        cases = {"30 %": (0.3, X), "30 %, training too": (0.3, damaged(X, 0.3, 2))}
        if data == "digits":
            cases["lower half"] = (0.5, X)
        for name, (share, training) in cases.items():
            case = X, damaged(X, share, 1), training
            theirs, ours, other = (best(group, *case) for group in (neighbours, compact, smooth))
            plain = errors({0: KNNImputer(), 1: MemoryImputer()}, *case)
            yield [
                f"{data}, {name}",
                *(f"{error:.4g} ± {off:.2g} ({setting})" for setting, error, off in [theirs, ours]),
                f"{other[1]:.4g} ({other[0]})",
                ours[1] / theirs[1],
                plain[1][0] / plain[0][0],
            ]


def rows_of_patterns():
    """Yield how whole patterns do: their error, and how many are stored or emergent ones."""
    X = load_digits().data
    for name, share in {"30 %": 0.3, "lower half": 0.5}.items():
        queries = damaged(X, share, 1)
        known = ~np.isnan(queries)
        for width in (0.4, 0.6, 0.8):
            memory = EpanechnikovMemory(width * np.sqrt(X.var(axis=0).sum()))
            imputer = MemoryImputer(memory, completion="retrieve").fit(X[:1400])
            found = imputer.transform(queries[1400:])
            result = imputer.memory_.retrieve(found, known=known[1400:])
            members = np.diff(result.members.indptr)
            error = np.sqrt(np.mean((found - X[1400:])[~known[1400:]] ** 2))
            still = np.mean((result.state == found).all(axis=1))
            stored, emergent = np.mean(members == 1), np.mean(members > 1)
            yield [f"{name}, {width:g}", error, still, stored, emergent, np.mean(members == 0)]


def rows_of_times(n, repeats):
    """Yield the times of fit and transform beside KNNImputer's."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * n, 8)) @ rng.normal(size=(8, 64)) + 0.5 * rng.normal(size=(2 * n, 64))
    cases = {"30 %": (0.3, X), "30 %, training too": (0.3, damaged(X, 0.3, 2))}
    cases["last half"] = (0.5, X)
    for name, (share, training) in cases.items():
        queries = damaged(X, share, 1)[n:]
        imputers = [KNNImputer(), MemoryImputer(), MemoryImputer(GaussianMemory("scott"))]
        times = [
            [once(lambda rows, i=i: i.fit(training[:n]).transform(rows), queries) for i in imputers]  # noqa: B023
            for _ in range(repeats)
        ]
        theirs, ours, smooth = np.median(times, axis=0)
        yield [name, theirs, ours, ours / theirs, smooth, smooth / theirs]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the timed data")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=["errors", "patterns", "times"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        if options.only in (None, "errors"):
            head = ["data, hidden", "KNNImputer (k, weights)", "Epanechnikov (r / spread)"]
            head += ["Gaussian (sigma / spread)", "Epanechnikov / KNN", "/ KNN, both by default"]
            table(head, rows_of_errors())
        if options.only in (None, "patterns"):
            head = ["digits, r / spread", "error of 'retrieve'", "fixed points", "stored"]
            table([*head, "emergent", "nearest memory, out of reach"], rows_of_patterns())
        if options.only in (None, "times"):
            head = [f"{options.rows:,} x 64", "KNNImputer (s)", "MemoryImputer (s)", "ratio"]
            head += ["Gaussian (s)", "ratio"]
            table(head, rows_of_times(options.rows, options.repeats))


if __name__ == "__main__":
    main()
