"""Write the archive of this version: `python tests/archive/make.py`, once for each version.

Run it on the oldest dependencies (`.ci/oldest.txt`): newer ones load what older ones wrote.

A file per version holds an estimator of each class, by name, with queries and what it said of them.
"""

import hashlib
import pickle
import warnings
from pathlib import Path

import numpy as np

import skdam
from skdam import (
    AttentionMemory,
    BasinClustering,
    BinaryMemory,
    DenseMemoryClassifier,
    EmergentSampler,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelizedMemory,
    KernelMemory,
    LayeredMemory,
    MemoryImputer,
    MemoryNoveltyDetector,
    RandomFeatureMemory,
)
from skdam.feature_maps import NystroemFeatures, PositiveRandomFeatures, RandomFourierFeatures

HERE = Path(__file__).parent
ROWS = np.round(np.random.default_rng(0).normal(size=(12, 3)), 2)
QUERIES = np.round(ROWS[:5] * 0.9, 2)
#: An estimator, and the call that is archived.
ARCHIVED = [
    (EpanechnikovMemory(2.0), "transform"),
    (GaussianMemory(0.5, max_iter=1), "transform"),
    (KernelMemory("cosine", 2.0, max_iter=1), "transform"),
    (BinaryMemory("power", 3, random_state=0), "transform"),
    (HopfieldMemory(random_state=0), "transform"),
    (AttentionMemory(2.0), "transform"),
    (KernelizedMemory(2.0, learn_map=False, max_iter=1), "transform"),
    (LayeredMemory(tau_hidden=1.0, max_time=5.0), "energy"),
    (RandomFeatureMemory(2.0, 16, random_state=0, max_iter=1), "score_samples"),
    (RandomFourierFeatures(8, random_state=0), "transform"),
    (PositiveRandomFeatures(8, random_state=0), "transform"),
    (NystroemFeatures(8, random_state=0), "transform"),
    (EmergentSampler(EpanechnikovMemory(2.0), random_state=0), "draw"),
    (DenseMemoryClassifier(4, degree=2, max_iter=5, random_state=0), "decision_function"),
    (BasinClustering(EpanechnikovMemory(2.0)), "predict"),
    (MemoryImputer(GaussianMemory(1.0)), "transform"),
    (MemoryNoveltyDetector(EpanechnikovMemory(2.0)), "score_samples"),
]


def ask(estimator, method):
    """Return what an estimator says: a draw of seeds, or of the queries, with gaps to impute."""
    if method == "draw":
        return estimator.minima_[estimator.draw(5, random_state=0)]
    X = QUERIES.copy()
    if isinstance(estimator, MemoryImputer):
        X[::2, 1] = np.nan
    return getattr(estimator, method)(X)


def main():
    """Write the file, and what its bytes add up to."""
    warnings.simplefilter("ignore")
    labels = np.arange(len(ROWS)) % 2
    fitted = [(estimator.fit(ROWS, labels), method) for estimator, method in ARCHIVED]
    entries = [(estimator, method, ask(estimator, method)) for estimator, method in fitted]
    file = HERE / f"{skdam.__version__}.pickle"
    file.write_bytes(pickle.dumps(entries, protocol=4))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (HERE / f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")


if __name__ == "__main__":
    main()
