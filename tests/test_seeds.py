"""Whatever is random, for seeds 0 to 99: the same bits from the same seed, and nobody else's.

The table names every public function, class and method that takes a `random_state`, how it draws,
and what holds whatever the seed. (Displays pass theirs on.)
"""

import inspect
from collections.abc import Callable
from functools import partial
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import (
    BinaryMemory,
    DenseMemoryClassifier,
    EmergentSampler,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelizedMemory,
    KernelMemory,
    MemoryImputer,
    RandomFeatureMemory,
    find_minima,
    sample_from,
)
from skdam.analysis import basin_radius, capacity_curve, capacity_search, find_fixed_points
from skdam.datasets import (
    corrupt,
    make_correlated_patterns,
    make_patterns,
    make_permuted_tasks,
    make_prototype_patterns,
    make_rotated_tasks,
)
from skdam.feature_maps import NystroemFeatures, PositiveRandomFeatures, RandomFourierFeatures
from skdam.kernels import KERNELS
from skdam.learning import RULES
from skdam.scorers import recall_scorer

SEEDS = range(100)
MODULES = ["skdam", "skdam.analysis", "skdam.datasets", "skdam.feature_maps", "skdam.scorers"]

X = np.random.default_rng(0).normal(size=(7, 3))
QUERIES = X + np.random.default_rng(1).normal(scale=0.2, size=X.shape)
GAPS = np.where(np.arange(21).reshape(7, 3) % 5 == 1, np.nan, X)
SPINS = make_patterns(4, 16, random_state=0)
POOL = make_patterns(12, 16, random_state=0)
LABELS = np.array([0, 1, 0, 1, 0, 1, 1])
SAMPLER = EmergentSampler(EpanechnikovMemory(1.5), weights="uniform").fit(X)
PIPELINE = make_pipeline(StandardScaler(), EpanechnikovMemory(1.5)).fit(X)
WEAVER = HopfieldMemory(threshold=0, random_state=0).fit(SPINS)


def is_among(rows, table):
    """Return whether each row is one of a table."""
    return (np.asarray(rows)[:, None] == table).all(axis=2).any(axis=1)


def spins(make, seed):
    memory = make(threshold=0, random_state=seed).fit(SPINS)
    return memory.order_, memory.transform(SPINS)


def order_and_memories(order, states):
    return np.append(np.sort(order) == np.arange(16), states == SPINS)


def features(cls, seed):
    phi = cls(6, bandwidth=1.5, random_state=seed).fit(X)
    return phi.transform(X), phi.landmarks_ if cls is NystroemFeatures else phi.frequencies_


def landmarks_are_rows(_, landmarks):
    return is_among(landmarks.round(9), ((X - X.mean(axis=0)) / 1.5).round(9))


def kernelized(seed):
    memory = KernelizedMemory(1e3, 2, learn_map=True, random_state=seed).fit(X[:2])
    return memory.map_, memory.transform(X[:2])


def sampler(seed):
    found = EmergentSampler(EpanechnikovMemory(1.5), n_seeds=20, random_state=seed).fit(X)
    return found.weights_, found.minima_, found.memory_.transform(found.minima_)


def feature_memory(name, seed):
    memory = RandomFeatureMemory(1.5, 30, feature_map=name, max_iter=3, random_state=seed)
    memory.fit(X)
    return (
        memory.memory_vector_,
        memory.feature_map_.transform(X).sum(axis=0),
        memory.transform(QUERIES),
    )


def classifier(seed):
    settings = {"temperature": 0.35, "batch_size": 3, "max_iter": 2}
    learned = DenseMemoryClassifier(3, **settings, random_state=seed).fit(X, LABELS)
    return learned.memories_, learned.decision_function(QUERIES)


def imputer(seed):
    memory = MemoryImputer(EpanechnikovMemory(2.0), completion="sample", random_state=seed)
    completed = memory.fit(X).transform(GAPS)
    return completed, memory.memory_.energy(completed)


def samples(memory, seed):
    drawn = memory.sample(5, random_state=seed)
    return drawn, memory.energy(drawn)


def minima(seed):
    found = find_minima(SAMPLER.memory_, n_seeds=1, random_state=seed)
    return found.points, found.margins


def rows_of(tasks):
    return [np.concatenate([task[0], task[2]]) for task in tasks]


def permuted(seed):
    return rows_of(make_permuted_tasks(X, LABELS, 2, random_state=seed))


def rotated(seed):
    tasks = make_rotated_tasks(np.hstack([X, X, X]), LABELS, 2, random_state=seed)
    return [*rows_of(tasks), *(task[1] for task in tasks)]


def fixed_points(seed):
    states = find_fixed_points(WEAVER, n_probes=20, random_state=seed).states
    return states, WEAVER.transform(states)


def capacity(seed):
    found = capacity_search(HopfieldMemory("hebbian", threshold=0), POOL, random_state=seed)
    return [found.capacity]


def curve(seed):
    settings = {"corruption": {"flip": 0.2}, "n_repeats": 2, "random_state": seed}
    measured = capacity_curve(HopfieldMemory("hebbian", threshold=0), POOL, [1, 4], **settings)
    return measured.recalled, measured.stable


def are_signs(*patterns):
    return np.concatenate([np.abs(part).ravel() == 1.0 for part in patterns])


def are_families(patterns, prototypes, group):
    return np.append(are_signs(patterns, prototypes), group == [0, 0, 0, 1, 1, 1])


def have_the_same_columns(first, second, *_):
    return np.append(is_among(X, first), np.sort(first) == np.sort(second))


def have_the_same_labels(first, _, labels, others):
    return np.append(is_among(X, first[:, :3]), labels == others)


def are_known(completed, energy):
    return np.append((completed == GAPS) | np.isnan(GAPS), energy < np.inf)


def are_shares(recalled, stable):
    return np.append(stable[0] == 1.0, (recalled >= 0.0) & (recalled <= 1.0))


#: How each draws from a seed or a generator, and what is true of all draws.
DRAWS: dict[str, list[tuple[Callable[..., Any], Callable[..., Any]]]] = {
    "BinaryMemory": [
        (partial(spins, partial(BinaryMemory, F, degree)), order_and_memories)
        for F, degree in [("power", 30), ("rectified", 30), ("exponential", 3)]
    ],
    "HopfieldMemory": [
        (partial(spins, partial(HopfieldMemory, rule)), order_and_memories) for rule in RULES
    ],
    "KernelizedMemory": [(kernelized, lambda _, states: np.isclose(states, X[:2]))],
    "DenseMemoryClassifier": [(classifier, lambda memories, _: np.abs(memories) <= 1.0)],
    "EmergentSampler": [(sampler, lambda _, points, ends: points == ends)],
    "EmergentSampler.draw": [
        (lambda seed: [SAMPLER.draw(9, seed)], lambda drawn: drawn < len(SAMPLER.minima_))
    ],
    "EmergentSampler.sample": [
        (lambda seed: [SAMPLER.sample(9, seed)], lambda rows: is_among(rows, SAMPLER.minima_))
    ],
    "MemoryImputer": [(imputer, are_known)],
    "RandomFourierFeatures": [
        (
            partial(features, RandomFourierFeatures),
            lambda phi, _: np.isclose((phi**2).sum(axis=1), 1.0),
        )
    ],
    "PositiveRandomFeatures": [
        (partial(features, PositiveRandomFeatures), lambda phi, _: phi > 0.0)
    ],
    "NystroemFeatures": [(partial(features, NystroemFeatures), landmarks_are_rows)],
    "RandomFeatureMemory": [
        (partial(feature_memory, name), lambda vector, total, _: np.isclose(vector, total))
        for name in ("fourier", "positive", "nystroem")
    ],
    "EpanechnikovMemory.sample": [
        (partial(samples, EpanechnikovMemory(1.5).fit(X)), lambda _, energy: energy < np.inf)
    ],
    "GaussianMemory.sample": [
        (partial(samples, GaussianMemory(1.5).fit(X)), lambda _, energy: energy < np.inf)
    ],
    "KernelMemory.sample": [
        (partial(samples, KernelMemory(name, 1.5).fit(X)), lambda _, energy: energy < np.inf)
        for name in KERNELS
    ],
    "find_minima": [(minima, lambda points, margins: (margins > 0).all() & (len(points) > 0))],
    "sample_from": [
        (
            lambda seed: [sample_from(PIPELINE, 5, seed)],
            lambda rows: PIPELINE.score_samples(rows) > -np.inf,
        )
    ],
    "basin_radius": [
        (
            lambda seed: [basin_radius(WEAVER, n_trials=2, random_state=seed)],
            lambda radius: radius >= 0.0,
        )
    ],
    "capacity_search": [(capacity, lambda held: (held >= 1) & (held <= 12))],
    "capacity_curve": [(curve, are_shares)],
    "find_fixed_points": [(fixed_points, lambda states, after: states == after)],
    "corrupt": [
        (
            lambda seed: [corrupt(np.ones((5, 10)), flip=0.3, random_state=seed)],
            lambda rows: (rows == -1.0).sum(axis=1) == 3,
        ),
        (
            lambda seed: [corrupt(X, noise=0.1, missing=1 / 3, random_state=seed)],
            lambda rows: np.isnan(rows).sum(axis=1) == 1,
        ),
    ],
    "make_patterns": [(lambda seed: [make_patterns(6, 9, random_state=seed)], are_signs)],
    "make_correlated_patterns": [
        (
            lambda seed: [make_correlated_patterns(6, 9, correlation=0.6, random_state=seed)],
            are_signs,
        )
    ],
    "make_prototype_patterns": [
        (
            lambda seed: make_prototype_patterns(2, 3, 9, random_state=seed),
            are_families,
        )
    ],
    "make_permuted_tasks": [(permuted, have_the_same_columns)],
    "make_rotated_tasks": [(rotated, have_the_same_labels)],
    "recall_scorer": [
        (
            lambda seed: [recall_scorer(flip=0.1, random_state=seed)(WEAVER, SPINS)],
            lambda score: score <= 1.0,
        )
    ],
}


def members_of(name, thing):
    """Yield a name and, of a class, its methods."""
    yield name, thing
    if inspect.isclass(thing):
        yield from ((f"{name}.{key}", getattr(thing, key)) for key in dir(thing) if key[0] != "_")


def test_the_table_names_all_that_takes_a_random_state():
    public = [
        pair
        for module in map(resolve_name, MODULES)
        for name in module.__all__
        for pair in members_of(name, getattr(module, name))
    ]
    random = {
        name
        for name, thing in public
        if callable(thing) and "random_state" in inspect.signature(thing).parameters
    }
    assert random == DRAWS.keys()


def state_of_the_global_generator():
    _, words, *rest = np.random.get_state()
    return words.tolist(), rest


@pytest.mark.filterwarnings("ignore:perceptron. after", "ignore:.*n_components", "ignore:.*moving")
@pytest.mark.parametrize(
    ("draw", "holds"),
    [
        pytest.param(*row, id=f"{name}-{i}")
        for name, rows in DRAWS.items()
        for i, row in enumerate(rows)
    ],
)
def test_a_seed_draws_the_same_for_ever_and_from_no_other_generator(draw, holds):
    before, first = state_of_the_global_generator(), []
    for seed in SEEDS:
        drawn = draw(seed)
        for again in (draw(seed), draw(np.random.RandomState(seed))):
            for one, other in zip(drawn, again, strict=True):
                np.testing.assert_array_equal(one, other)
        assert np.all(holds(*drawn)), seed
        first.append(np.asarray(drawn[0]).tobytes())
    assert state_of_the_global_generator() == before
    assert len(set(first)) > 1
