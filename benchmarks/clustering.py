"""Basins of attraction beside MeanShift and HDBSCAN: labels, clusters, and seconds as ratios.

First what the clusters are worth, by the adjusted Rand index (ARI) to the known classes; then how
like MeanShift's they are for the same flat kernel, by `merge_tol`; then what they cost. All in one
process on one thread, by the time of the processor, so that a busy machine changes no ratio much;
MeanShift with ``n_jobs=None`` and ``cluster_all=True``, its defaults.
"""

import time
import warnings

import numpy as np
from measure import table
from sklearn.cluster import HDBSCAN, MeanShift, estimate_bandwidth
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs, make_moons
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdam import BasinClustering, EpanechnikovMemory, GaussianMemory, KernelMemory

TOLERANCES = 1e-3, 0.1, 0.3, 1.0


def once(work, X):
    """Return the processor's seconds for one call."""
    start = time.process_time()
    work(X)
    return time.process_time() - start


def data_sets():
    """Return rows and classes by name."""
    digits, classes = load_digits(return_X_y=True)
    wine, kinds = load_wine(return_X_y=True)
    return {
        "blobs, 2 features": make_blobs(1000, 2, centers=5, random_state=1),
        "blobs, 8 features": make_blobs(1000, 8, centers=5, random_state=1),
        "moons": make_moons(1000, noise=0.07, random_state=0),
        "iris": load_iris(return_X_y=True),
        "wine, scaled": (StandardScaler().fit_transform(wine), kinds),
        "digits, 10 components": (PCA(10, random_state=0).fit_transform(digits), classes),
        "digits, 64 features": (digits, classes),
    }


def estimators(X):
    """Return what is compared, by name."""
    scott = EpanechnikovMemory("scott").fit(X).bandwidth_
    return {
        "BasinClustering()": BasinClustering(),
        "merge_tol=1e-3": BasinClustering(merge_tol=1e-3),
        "merge_tol=0.3": BasinClustering(merge_tol=0.3),
        "biweight, scott": BasinClustering(KernelMemory("biweight", "scott", max_iter=2000)),
        "Gaussian, scott": BasinClustering(GaussianMemory("scott", max_iter=2000)),
        "MeanShift(bandwidth=scott)": MeanShift(bandwidth=scott),
        "MeanShift()": MeanShift(),
        "HDBSCAN()": HDBSCAN(copy=False),
    }


def quality():
    """Yield a row for each data set and estimator."""
    for name, (X, classes) in data_sets().items():
        base = None
        for title, estimator in estimators(X).items():
            spent = once(estimator.fit, X)
            base = spent if base is None else base
            labels = estimator.labels_
            sizes = np.bincount(labels[labels >= 0])
            large = int(np.sum(sizes >= 0.01 * len(X)))
            found, noise = str(labels.max() + 1), f"{100 * np.mean(labels < 0):.0f} %"
            score = f"{adjusted_rand_score(classes, labels):.2f}"
            yield [name, title, found, str(large), noise, score, spent / base]


def likeness(spread, share, seeds=range(5)):
    """Yield, for each number of features, how like MeanShift's the labels are."""
    for n_features in (2, 3, 5, 8):
        scores, counts, peers = [], [], []
        for seed in seeds:
            X = make_blobs(500, n_features, centers=5, cluster_std=spread, random_state=seed)[0]
            radius = share * EpanechnikovMemory("scott").fit(X).bandwidth_
            peer = MeanShift(bandwidth=radius).fit(X)
            made = [
                BasinClustering(EpanechnikovMemory(radius), merge_tol=tol).fit(X)
                for tol in TOLERANCES
            ]
            scores.append([adjusted_rand_score(peer.labels_, m.labels_) for m in made])
            counts.append([len(m.cluster_centers_) for m in made])
            peers.append(len(peer.cluster_centers_))
        cells = [
            f"{low:.2f} / {median:.2f} ({n:.0f})"
            for low, median, n in zip(
                np.min(scores, 0), np.median(scores, 0), np.median(counts, 0), strict=True
            )
        ]
        name = f"{n_features} features, spread {spread}, {share} scott"
        yield [name, f"{np.median(peers):.0f}", *cells]


def costs(n=10_000, n_features=8):
    """Yield a row for each bandwidth: what the same flat kernel costs."""
    X, classes = make_blobs(n, n_features, centers=5, random_state=0)
    scott = EpanechnikovMemory("scott").fit(X).bandwidth_
    radii = {"scott": scott, "scott / 2": scott / 2, "estimate_bandwidth": estimate_bandwidth(X)}
    for name, radius in radii.items():
        ours = BasinClustering(EpanechnikovMemory(radius), merge_tol=1.0)
        spent = np.median([once(ours.fit, X) for _ in range(5)])
        ratios, alike = [], []
        for seeding in (False, True):
            peer = MeanShift(bandwidth=radius, bin_seeding=seeding)
            ratios.append(once(peer.fit, X) / spent)
            alike.append(f"{adjusted_rand_score(peer.labels_, ours.labels_):.3f}")
        again = once(ours.predict, X) / spent
        found = str(len(ours.cluster_centers_))
        score = f"{adjusted_rand_score(classes, ours.labels_):.2f}"
        yield [name, found, score, alike[0], ratios[0], alike[1], ratios[1], again]


def main():
    """Print all tables."""
    head = ["data", "estimator", "clusters", "of 1 % or more", "noise", "ARI", "time / the first"]
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        table(head, quality())
        head = ["ARI to MeanShift, least / median (clusters)", "MeanShift's clusters"]
        head += [f"merge_tol={tol}" for tol in TOLERANCES]
        rows = [row for case in ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0)) for row in likeness(*case)]
        table(head, rows)
        head = ["10,000 x 8", "clusters", "ARI", "ARI to MeanShift", "MeanShift / ours"]
        head += ["ARI to bin_seeding", "bin_seeding / ours", "predict / fit"]
        table(head, costs())


if __name__ == "__main__":
    main()
