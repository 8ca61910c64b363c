"""The lists of instances on which contracts run. A new object is one more row here."""

from dataclasses import dataclass
from functools import partial

import numpy as np

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
from skdam.kernels import KERNELS


@dataclass(frozen=True)
class Scene:
    """Memories, queries, and a bandwidth at which some memories reach some queries."""

    name: str
    memories: np.ndarray
    queries: np.ndarray
    bandwidth: float

    def __str__(self) -> str:
        return self.name


def _cloud(seed: int = 0, n: int = 60, n_features: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    memories = rng.normal(size=(n, n_features))
    return memories, memories[: n // 2] + 0.3 * rng.normal(size=(n // 2, n_features))


def _scenes() -> list[Scene]:
    memories, queries = _cloud()
    side = np.where(np.arange(len(memories)) % 2, 1e8, -1e8)[:, None]
    other = side[: len(queries)]
    columns = np.logspace(-6, 6, memories.shape[1])
    single = (memories + 1e4).astype(np.float32), (queries + 1e4).astype(np.float32)
    return [
        Scene("plain", memories, queries, 1.5),
        Scene("offset 1e8", memories + 1e8, queries + 1e8, 1.5),
        Scene("two clusters", memories + side, queries + other, 1.5),
        Scene("two far clusters", memories + side * 100, queries + other * 100, 1.5),
        Scene("two near clusters", memories + side / 100, queries + other / 100, 1.5),
        Scene("mixed columns", memories * columns, queries * columns, 1.2e6),
        Scene("times 1e150", memories * 1e150, queries * 1e150, 1.5e150),
        Scene("times 1e-150", memories * 1e-150, queries * 1e-150, 1.5e-150),
        Scene("times 1e300", memories * 1e300, queries * 1e300, 1.5e300),
        Scene("times 1e-300", memories * 1e-300, queries * 1e-300, 1.5e-300),
        Scene("float32 at 1e4", *single, 1.5),
        Scene("one row", memories[:1], queries, 1.5),
        Scene("one column", memories[:, :1].copy(), queries[:, :1].copy(), 0.4),
        Scene("copies", np.repeat(memories[:20], 3, axis=0), queries, 1.5),
    ]


SCENES = _scenes()

#: Every memory, at least three settings each.
MEMORIES = [
    EpanechnikovMemory(),
    EpanechnikovMemory(bandwidth=3.0, epsilon=0.1, outside="keep", max_iter=50, n_jobs=2),
    EpanechnikovMemory(bandwidth="silverman", outside="nan"),
    EpanechnikovMemory(bandwidth=1e3, outside="raise", algorithm="gemm"),
    EpanechnikovMemory(dynamics="flow", n_jobs=2),
    GaussianMemory(),
    GaussianMemory(bandwidth="loo"),
    GaussianMemory(bandwidth=0.5, tol=0.0, max_iter=1, n_jobs=-1),
    KernelMemory(),
    KernelMemory("gaussian", bandwidth="scott", outside="keep", tol=1e-4),
    KernelMemory("biweight", bandwidth="loo"),
    KernelMemory(dynamics="flow", outside="nan"),
    KernelMemory(KERNELS["cosine"], tol=1e-3),
]

#: The Hopfield family: memories of spins, and of attention.
HOPFIELD_FAMILY = [
    BinaryMemory(random_state=0),
    BinaryMemory("power", 4, update="synchronous", random_state=0),
    BinaryMemory("exponential", beta=0.5, threshold=0.5, max_iter=1, random_state=0),
    HopfieldMemory(random_state=0),
    HopfieldMemory("hebbian", update="synchronous", threshold=0, random_state=0),
    HopfieldMemory("storkey", max_iter=1, random_state=0),
    HopfieldMemory("delta", random_state=0),
    HopfieldMemory("perceptron", random_state=0),
    AttentionMemory(),
    AttentionMemory(similarity="dot", separation="sparsemax", max_iter=20),
    AttentionMemory(100.0, similarity="euclidean", separation="entmax15"),
    AttentionMemory(0.1, similarity="manhattan", max_iter=3, tol=0.1),
    KernelizedMemory(random_state=0),
    KernelizedMemory(2.0, 2, learn_map=True, separation="sparsemax", random_state=0),
    KernelizedMemory(learn_map=False, max_iter=9),
    LayeredMemory(),
    LayeredMemory("A", interaction="power", degree=2, tau_hidden=0.5, max_time=30.0),
    LayeredMemory("C", degree=4, rtol=1e-4, atol=1e-6),
]

#: Every public estimator: scikit-learn's checks run on them all.
ESTIMATORS = [
    *MEMORIES,
    *HOPFIELD_FAMILY,
    EmergentSampler(random_state=0),
    EmergentSampler(KernelMemory(bandwidth=2.0), kind="all", weights="density", search="enumerate"),
    EmergentSampler(kind="stored", weights="uniform", search="seeds", n_seeds=100, min_margin=0.1),
    EmergentSampler(EpanechnikovMemory(dynamics="flow"), kind="all", max_sets=10, n_seeds=200),
    EmergentSampler(EpanechnikovMemory("scott"), weights="uniform", max_members=3),
    RandomFeatureMemory(random_state=0),
    RandomFeatureMemory(3.0, 501, feature_map="positive", step=0.5, random_state=0, n_jobs=2),
    RandomFeatureMemory("scott", 30, feature_map="nystroem", random_state=0),
    RandomFeatureMemory(feature_map=RandomFourierFeatures(99, bandwidth=2.0, random_state=0)),
    DenseMemoryClassifier(20, max_iter=30, random_state=0),
    DenseMemoryClassifier(10, degree=10, temperature=0.5, max_iter=20, random_state=0),
    DenseMemoryClassifier(9, early_stopping=True, n_iter_no_change=3, max_iter=40, random_state=0),
    BasinClustering(),
    BasinClustering(EpanechnikovMemory("scott", dynamics="flow", outside="raise"), merge_tol=0.3),
    BasinClustering(GaussianMemory("scott", n_jobs=2), merge_tol=1e-3),
    BasinClustering(KernelMemory("biweight", "silverman", outside="nan"), merge_tol=1.0),
    MemoryImputer(),
    MemoryImputer(EpanechnikovMemory(), completion="retrieve", add_indicator=True),
    MemoryImputer(GaussianMemory(0.7, n_jobs=2), completion="sample", random_state=0),
    MemoryImputer(KernelMemory("cosine", "scott"), keep_empty_features=True),
    MemoryNoveltyDetector(),
    MemoryNoveltyDetector(GaussianMemory(), alarm_rate=0.2),
    MemoryNoveltyDetector(EpanechnikovMemory("loo", n_jobs=2), alarm_rate=0.1),
    MemoryNoveltyDetector(KernelMemory("cosine", bandwidth=2.0, outside="raise"), alarm_rate=0.5),
    RandomFourierFeatures(random_state=0),
    RandomFourierFeatures(1, bandwidth=3.0, orthogonal=False, random_state=0),
    PositiveRandomFeatures(7, bandwidth=3.0, random_state=0),
    NystroemFeatures(10, bandwidth=2.0, random_state=0),
]

#: A memory of each kernel, by the estimator that a user would take.
KERNEL_MEMORIES = {
    "epanechnikov": EpanechnikovMemory,
    "gaussian": GaussianMemory,
    "biweight": partial(KernelMemory, "biweight"),
    "triweight": partial(KernelMemory, "triweight"),
    "cosine": partial(KernelMemory, "cosine"),
}


def exact_memory(name: str, bandwidth: float | str):
    """Return a memory that retrieves exactly: to the fixed point, or by one step towards it."""
    one_step = {} if name == "epanechnikov" else {"max_iter": 1}
    return KERNEL_MEMORIES[name](bandwidth=bandwidth, **one_step)


def sets_of(minima):
    """Return the member sets of minima."""
    return {frozenset(members.tolist()) for members in minima.members}


def random_case(seed):
    """Return rows, weights and a radius: in turn on a lattice full of ties and copies, and off."""
    rng = np.random.default_rng(seed)
    n, n_features = rng.integers(1, 9), rng.integers(1, 4)
    if seed % 2:
        X, radius = rng.integers(0, 4, (n, n_features)).astype(float), rng.integers(1, 8) / 2
    else:
        X, radius = rng.normal(size=(n, n_features)), rng.uniform(0.2, 2.5)
        X[rng.random(n) < 0.2] = X[0]
    weights = rng.integers(1, 4, n).astype(float) if seed % 3 else np.ones(n)
    return X, weights, radius


def member_lists(blocks, n):
    """Return the points found for each of n rows from the blocks of a search."""
    lists = [None] * n
    for rows, found in blocks:
        parts = np.split(found.indices, found.indptr[1:-1])
        for row, members in zip(rows, parts, strict=True):
            lists[row] = members.tolist()
    return lists
