"""Novelty on digits, and other data, beside scikit-learn's detectors; what the tail's shape does.

Each class in turn is novel: half of the rows of the others are learned, the other half and the
novel class are judged, on six splits. One thread; times are of one run, side by side.
"""

import numpy as np
from measure import seconds, table
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.svm import OneClassSVM
from threadpoolctl import threadpool_limits

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory, MemoryNoveltyDetector
from skdam.kernels import KERNELS

SPLITS = 6
RATES = 0.05, 0.1, 0.2


class NearestNeighbor:
    """The distance to the nearest learned row, without a limit."""

    def fit(self, X):
        self.rows_ = NearestNeighbors(n_neighbors=1).fit(X)
        return self

    def score_samples(self, X):
        return -self.rows_.kneighbors(X)[0][:, 0]


def detectors(rate):
    """Return ours and its peers, at a share of alarms."""
    return {
        "memory": MemoryNoveltyDetector(alarm_rate=rate),
        'memory, Epanechnikov "loo"': MemoryNoveltyDetector(
            EpanechnikovMemory("loo"), alarm_rate=rate
        ),
        "memory, triweight": MemoryNoveltyDetector(KernelMemory("triweight"), alarm_rate=rate),
        "memory, Gaussian": MemoryNoveltyDetector(GaussianMemory(), alarm_rate=rate),
        'memory, Gaussian "loo"': MemoryNoveltyDetector(GaussianMemory("loo"), alarm_rate=rate),
        "distance to 1-NN": NearestNeighbor(),
        **{
            f"LOF, {k} neighbours": LocalOutlierFactor(k, novelty=True, contamination=rate)
            for k in (3, 5, 10, 20)
        },
        "isolation forest": IsolationForest(contamination=rate, random_state=0),
        "one-class SVM": OneClassSVM(nu=rate),
        "one-class SVM, scaled": make_pipeline(StandardScaler(), OneClassSVM(nu=rate)),
    }


def splits(X, y, n_splits=SPLITS):
    """Yield (learned, fresh, novel) for each class and split."""
    for seed in range(n_splits):
        for label in np.unique(y):
            inlier = np.random.default_rng(seed).permutation(np.flatnonzero(y != label))
            half = len(inlier) // 2
            yield X[inlier[:half]], X[inlier[half:]], X[y == label]


def auroc(detector, fresh, novel):
    """Return the share of pairs of a fresh and a novel row that are told apart."""
    scores = np.concatenate([detector.score_samples(fresh), detector.score_samples(novel)])
    truth = np.repeat([0, 1], [len(fresh), len(novel)])
    return roc_auc_score(truth, rankdata(-scores))


def four(value):
    """Write a number with four decimals."""
    return f"{value:.4f}"


def judged(detector, X, y):
    """Return mean and worst AUROC, and the percentage of fresh and of novel rows flagged."""
    found = []
    for learned, fresh, novel in splits(X, y):
        detector.fit(learned)
        flagged = [np.nan, np.nan]
        if hasattr(detector, "predict"):
            flagged = [100 * np.mean(detector.predict(rows) < 0) for rows in (fresh, novel)]
        found.append([auroc(detector, fresh, novel), *flagged])
    found = np.array(found)
    mean, fresh, novel = found.mean(axis=0)
    return [four(mean), four(found[:, 0].min()), fresh, novel]


def flagged_shares(detector, make, repeats):
    """Return the mean percentage of fresh rows flagged, at each rate."""
    shares = np.empty((repeats, len(RATES)))
    for seed in range(repeats):
        learned, fresh = make(seed)
        for i, rate in enumerate(RATES):
            shares[seed, i] = np.mean(
                detector.set_params(alarm_rate=rate).fit(learned).predict(fresh) < 0
            )
    return [100 * share for share in shares.mean(axis=0)]


def halves(X):
    """Return a function of a seed that learns half of the rows and keeps the other."""

    def make(seed):
        order = np.random.default_rng(seed).permutation(len(X))
        return X[order[: len(X) // 2]], X[order[len(X) // 2 :]]

    return make


def draws(draw, n_learned):
    """Return a function of a seed that draws rows to learn and 2,000 fresh ones."""

    def make(seed):
        rng = np.random.default_rng(seed)
        return draw(rng, n_learned), draw(rng, 2000)

    return make


def sources():
    """Yield (name, function of a seed, repeats)."""
    X, y = load_digits(return_X_y=True)
    yield "digits, 1,797 x 64", halves(X), 20
    yield "digits but for 8, 1,623 x 64", halves(X[y != 8]), 20
    yield "breast cancer, 569 x 30", halves(scale(load_breast_cancer().data)), 60
    yield "wine, 178 x 13", halves(scale(load_wine().data)), 200
    yield "iris, 150 x 4, few copies", halves(load_iris().data), 200
    yield "normal, 500 x 2", draws(lambda rng, n: rng.normal(size=(n, 2)), 500), 40
    yield "Cauchy, 500 x 3", draws(lambda rng, n: rng.standard_cauchy((n, 3)), 500), 40
    yield "normal, 30 x 5", draws(lambda rng, n: rng.normal(size=(n, 5)), 30), 200
    yield "Poisson counts, 500 x 2, copies", draws(lambda rng, n: rng.poisson(3, (n, 2)), 500), 40
    yield "8 coins, 500 x 8, copies", draws(lambda rng, n: rng.integers(0, 2, (n, 8)), 500), 40


def other_data():
    """Yield (name, X, y)."""
    yield "wine", scale(load_wine().data), load_wine().target
    yield "iris", *load_iris(return_X_y=True)
    yield "breast cancer", scale(load_breast_cancer().data), load_breast_cancer().target
    yield "6 blobs, D=8", *make_blobs(1500, 8, centers=6, cluster_std=2.5, random_state=0)
    yield "6 blobs, D=2", *make_blobs(1500, 2, centers=6, cluster_std=1.5, random_state=1)


def on_other_data():
    """Yield a row of mean AUROC for each detector."""
    sets = list(other_data())
    chosen = detectors(0.05)
    for name, detector in chosen.items():
        yield [name, *(judged(detector, X, y)[0] for _, X, y in sets)]


def tails(X, y):
    """Yield mean AUROC on digits for shares of the tail and widths of its Gaussian."""
    for name, stretch in (('"nearest"', 1.0), ('2 x "nearest"', 2.0), ('3 x "nearest"', 3.0)):
        for width in (0.5, 1.0, 2.0, 4.0):
            found = {share: [] for share in (1e-9, 1e-3, 1e-2, 1e-1, 1.0)}
            for learned, fresh, novel in splits(X, y, 2):
                nearest = EpanechnikovMemory().fit(learned).bandwidth_
                memory = EpanechnikovMemory(stretch * nearest).fit(learned)
                deviation = memory.bandwidth_ * KERNELS["epanechnikov"].variance(64) ** 0.5
                tail = GaussianMemory(width * deviation).fit(learned)
                rows = np.concatenate([fresh, novel])
                own, wide = memory.score_samples(rows), tail.score_samples(rows)
                truth = np.repeat([0, 1], [len(fresh), len(novel)])
                for share, values in found.items():
                    with np.errstate(divide="ignore"):
                        mixed = np.logaddexp(np.log1p(-share) + own, np.log(share) + wide)
                    values.append(roc_auc_score(truth, -mixed))
            yield [name, width, *(four(np.mean(values)) for values in found.values())]


def times():
    """Yield seconds to fit and to score, and the ratio to ours, at three sizes."""
    rng = np.random.default_rng(0)
    for n, n_features in ((2_000, 8), (10_000, 16), (10_000, 64)):
        centers = rng.normal(size=(40, n_features)) * 4
        X = centers[rng.integers(0, 40, 2 * n)] + rng.normal(size=(2 * n, n_features))
        learned, fresh = X[:n], X[n:]
        ours = None
        for name in ("memory", "memory, Gaussian", "LOF, 20 neighbours", "one-class SVM"):
            detector = detectors(0.05)[name]
            fit = seconds(detector.fit, learned, repeats=1)
            score = seconds(detector.score_samples, fresh, repeats=1)
            ours = ours or (fit, score)
            yield [name, n, n_features, fit, score, fit / ours[0], score / ours[1]]


def main():
    X, y = load_digits(return_X_y=True)
    with threadpool_limits(1):
        head = ["digits, a class novel", "mean AUROC", "worst", "fresh flagged at 5 %", "novel"]
        table(head, ([name, *judged(each, X, y)] for name, each in detectors(0.05).items()))
        table(["mean AUROC", *(name for name, *_ in other_data())], on_other_data())
        table(
            ["fresh flagged (%)", *(f"at {100 * rate:.0f} %" for rate in RATES)],
            (
                [name, *flagged_shares(MemoryNoveltyDetector(), make, repeats)]
                for name, make, repeats in sources()
            ),
        )
        head = ["digits, bandwidth", "tail width", "share 1e-9", ".001", ".01", ".1", "1"]
        table(head, tails(X, y))
        head = ["time", "rows", "features", "fit (s)", "score (s)", "fit / ours", "score / ours"]
        table(head, times())


if __name__ == "__main__":
    main()
