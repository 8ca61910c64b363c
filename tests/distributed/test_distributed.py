"""Memories on Dask are those of one machine: on threads here, on processes in test_cluster.py."""

import copy
import tracemalloc

import dask
import dask.array as da
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdam import (
    EmergentSampler,
    EpanechnikovMemory,
    GaussianMemory,
    KernelMemory,
    RandomFeatureMemory,
    distributed,
)
from skdam._active import ActiveSets
from skdam.distributed import _shards
from skdam.distributed._fit import _shard
from skdam.distributed._set_hashes import mixed, of_sets, over_shards

X = np.random.default_rng(0).normal(size=(600, 3))
Q = np.vstack([X[:40] + 0.1, [[50.0, 0.0, 0.0], [2.0, 2.0, 2.0]]])
LAZY, ASKED = da.from_array(X, chunks=(100, 2)), da.from_array(Q, chunks=(17, 3))
KERNELS = [
    EpanechnikovMemory(0.6),
    EpanechnikovMemory(0.6, outside="keep", epsilon=0.1),
    EpanechnikovMemory(0.6, outside="nan"),
    GaussianMemory(0.5),
    KernelMemory("biweight", 0.9),
]


def far_apart():
    """Return rows of which each shard is far from all others."""
    return X[:90] + 100.0 * np.repeat(np.arange(3), 30)[:, None]


def copies():
    """Return rows of which one shard holds many copies of one."""
    rows = X.copy()
    rows[1:21] = rows[0]
    return rows


@pytest.mark.parametrize("memory", KERNELS, ids=str)
@pytest.mark.parametrize(
    "rows",
    [X, far_apart(), copies(), X + 1e6, X * 1e-150],
    ids=["near", "far apart", "copies", "offset", "tiny"],
)
def test_shards_answer_as_the_whole(memory, rows):
    scale = 1e-150 if rows.max() < 1e-100 else 1.0
    memory = copy.deepcopy(memory).set_params(bandwidth=memory.bandwidth * scale)
    queries = Q * scale + (rows[0] - X[0] * scale)
    whole = copy.deepcopy(memory).fit(rows)
    sharded = distributed.fit(memory, da.from_array(rows, chunks=(30, 3)))
    assert not hasattr(memory, "memories_")
    assert sharded.n_shards == -(-len(rows) // 30)
    atol = 1e-12 * (scale + np.abs(rows).max())
    np.testing.assert_allclose(sharded.transform(queries), whole.transform(queries), 1e-12, atol)
    np.testing.assert_allclose(
        sharded.score_samples(queries), whole.score_samples(queries), rtol=1e-9
    )
    np.testing.assert_allclose(sharded.energy(queries), whole.energy(queries), rtol=1e-9)


@pytest.mark.parametrize("memory", KERNELS, ids=str)
def test_functions_of_shards_and_of_memories_agree(memory):
    whole, sharded = copy.deepcopy(memory).fit(X), distributed.fit(memory, LAZY)
    for ask in (distributed.transform, distributed.score_samples, distributed.energy):
        lazy = ask(whole, ASKED)
        assert isinstance(lazy, da.Array)
        assert lazy.chunks[0] == ask(sharded, ASKED).chunks[0] == (17, 17, 8)
        expected = getattr(whole, ask.__name__)(Q)
        np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ask(sharded, ASKED).compute(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*too few")
def test_random_features_are_added_up_where_they_are():
    local = RandomFeatureMemory(0.8, 256, random_state=0).fit_map(X[:100])
    memory = distributed.fit(copy.deepcopy(local), LAZY)
    local.partial_fit(X)
    assert memory.n_memories_ == len(X)
    np.testing.assert_allclose(memory.memory_vector_, local.memory_vector_, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(memory._box, local._box)
    alone = RandomFeatureMemory(0.8, 256, random_state=0)
    assert distributed.fit(alone, LAZY) is alone
    np.testing.assert_allclose(alone.memory_vector_, memory.memory_vector_, rtol=0, atol=1e-12)
    again = distributed.fit(memory, LAZY)  # fitted anew, not on top
    assert again.n_memories_ == len(X)


def test_single_precision_is_kept():
    memory = EpanechnikovMemory(0.6).fit(X)
    lazy = distributed.transform(memory, ASKED.astype(np.float32))
    assert lazy.dtype == lazy.compute().dtype == np.float32
    sharded = distributed.fit(EpanechnikovMemory(0.6), LAZY)
    assert sharded.transform(Q.astype(np.float32)).dtype == np.float32


def test_shards_end_at_exact_fixed_points():
    sharded = distributed.fit(EpanechnikovMemory(0.8), LAZY)
    states = sharded.transform(Q)  # a state that kept moving would warn
    np.testing.assert_array_equal(sharded.transform(states), states)
    np.testing.assert_array_equal(sharded._energy().step(states), states)


@pytest.mark.parametrize("n_features", [1, 3])
def test_a_row_alone_ends_where_it_does_in_a_batch_bit_for_bit(n_features):
    rows, queries = X[:, :n_features], Q[:12, :n_features]
    lazy = da.from_array(rows, chunks=(20, n_features))
    sharded = distributed.fit(EpanechnikovMemory(1.5), lazy)
    with dask.config.set(scheduler="synchronous"):
        alone = np.vstack([sharded.transform(query[None]) for query in queries])
    np.testing.assert_array_equal(alone, sharded.transform(queries))


def test_hashes_over_shards_are_equal_where_the_active_sets_are():
    sharded = distributed.fit(EpanechnikovMemory(0.8), LAZY)
    queries = np.vstack([Q, Q + 1e-3, sharded.transform(Q)])
    hashes = sharded._energy().pull_and_sets(queries)[1]
    distances = np.linalg.norm(queries[:, None] - X, axis=2)
    expected = (distances < 0.8) @ mixed(np.arange(len(X)))  # no shards: other bits
    same = expected[:, None] == expected
    assert same.sum() > len(Q) + len(queries)
    np.testing.assert_array_equal(hashes[:, None] == hashes, same)


def test_a_hash_is_the_sum_of_its_members_over_shards_that_count_for_themselves():
    sets = ActiveSets(np.array([0, 2, 2, 3]), np.array([1, 4, 4]), np.zeros(3))
    first, second = mixed(np.array([1, 4]))
    np.testing.assert_array_equal(of_sets(sets), np.array([first + second, 0, second]))
    parts = np.array([[first, 0, first], [0, first, first]], dtype=np.uint64)
    one, other, both = over_shards(parts)
    assert one != other
    assert both == np.array([one, other]).sum()


def test_numbers_are_mixed_as_the_paper_has_it():
    def slow(number):
        z = (number + 1) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    assert slow(0) == 16294208416658607535  # the generator's first number from seed 0
    assert mixed(np.arange(1000)).tolist() == [slow(i) for i in range(1000)]


@pytest.mark.parametrize("bandwidth", [0.5, 0.8, 1.2])
def test_rest_is_where_the_active_sets_stay_whatever_the_last_bits(monkeypatch, bandwidth):
    sharded = distributed.fit(EpanechnikovMemory(bandwidth), LAZY)
    expected, right, noise = sharded.transform(Q), _shards._total, np.random.default_rng(0)

    def another_machine(X, means, log_mass):
        return right(X, means * (1 + noise.choice([-1, 1], means.shape) * 2.0**-50), log_mass)

    monkeypatch.setattr(_shards, "_total", another_machine)
    np.testing.assert_allclose(sharded.transform(Q), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: distributed.fit(EpanechnikovMemory(), LAZY), ValueError, "bandwidth='nearest'"),
        (lambda: distributed.fit(EpanechnikovMemory(0.5), X), TypeError, "Dask array, got ndarray"),
        (lambda: distributed.fit(EmergentSampler(), LAZY), TypeError, "EmergentSampler"),
        (lambda: distributed.fit(GaussianMemory(0.5), LAZY[:, 0]), ValueError, "2 dimensions"),
        (lambda: distributed.fit(GaussianMemory(0.5), LAZY[LAZY[:, 0] > 0]), ValueError, "unknown"),
        (lambda: distributed.transform(GaussianMemory(0.5).fit(X), X), TypeError, "ndarray"),
        (
            lambda: distributed.fit(GaussianMemory(0.5), LAZY).transform(X[:, :2]),
            ValueError,
            "2 features, but the shards 3",
        ),
        (lambda: distributed.fit(GaussianMemory(0.5), LAZY[:0]), ValueError, "no rows"),
        (lambda: distributed.fit(GaussianMemory(0.5), X), TypeError, "ndarray.*from_array"),
        (
            lambda: distributed.transform(GaussianMemory(0.5).fit(X), [[0.0]]),
            TypeError,
            "list.*from_array",
        ),
        (lambda: distributed.fit(GaussianMemory(0.0), LAZY), ValueError, "'bandwidth' parameter"),
        (lambda: distributed.energy(GaussianMemory(0.5), LAZY), NotFittedError, "not fitted"),
        (
            lambda: distributed.transform(GaussianMemory(0.5).fit(X), LAZY[:, :2]),
            ValueError,
            "2 features, but the memory 3",
        ),
        (
            lambda: distributed.fit(EpanechnikovMemory(0.6, outside="raise"), LAZY).transform(Q),
            ValueError,
            "2 of 42 queries lie off the support: .* row 40",
        ),
        (
            lambda: distributed.fit(EpanechnikovMemory(0.6, dynamics="flow"), LAZY),
            ValueError,
            "flow",
        ),
    ],
)
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_bad_block_leaves_the_memory_as_it_was():
    rows = X.copy()
    rows[-1, 0] = np.nan
    memory = RandomFeatureMemory(0.8, 64, random_state=0)
    with pytest.raises(ValueError, match="NaN"):
        distributed.fit(memory, da.from_array(rows, chunks=(100, 3)))
    assert not hasattr(memory, "feature_map_")


def test_any_scheduler_gives_the_same():
    sharded = distributed.fit(EpanechnikovMemory(0.6), LAZY)
    states = sharded.transform(Q)
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(sharded.transform(Q), states)


def test_too_few_features_are_told_of():
    with pytest.warns(UserWarning, match="features are too few for 600") as told:
        distributed.fit(RandomFeatureMemory(0.1, 16, random_state=0), LAZY)
    assert told[0].filename == __file__


def test_a_random_state_and_a_map_stay_the_objects_that_were_given():
    drawn = RandomFeatureMemory(2.0, random_state=np.random.RandomState(0))
    generator = drawn.random_state
    assert distributed.fit(drawn, LAZY).n_memories_ == 600
    assert drawn.random_state is generator
    given = RandomFeatureMemory(feature_map=drawn.feature_map_)
    distributed.fit(given, LAZY)
    assert given.feature_map_ is drawn.feature_map_
    np.testing.assert_allclose(given.memory_vector_, drawn.memory_vector_, atol=1e-11)


def test_fit_starts_again():
    memory = RandomFeatureMemory(2.0, random_state=0).fit(X[:50]).set_params(bandwidth=3.0)
    assert distributed.fit(memory, LAZY).bandwidth_ == 3.0
    assert memory.n_memories_ == 600


def test_queries_are_reported_on_once_for_all_blocks():
    sharded = distributed.fit(EpanechnikovMemory(1.0, max_iter=2), LAZY)
    with pytest.warns(ConvergenceWarning, match="of 42 queries were still moving") as told:
        distributed.transform(sharded, ASKED)
    assert [warning.filename for warning in told] == [__file__]
    strict = distributed.fit(EpanechnikovMemory(0.6, outside="raise"), LAZY)
    with pytest.raises(ValueError, match=r"2 of 42 queries lie off the support: .* row 40"):
        distributed.transform(strict, ASKED)


def test_single_precision_stays_in_any_order_of_bytes():
    single = Q.astype(">f4")
    whole, sharded = EpanechnikovMemory(0.6).fit(X), distributed.fit(EpanechnikovMemory(0.6), LAZY)
    lazy = distributed.transform(whole, da.from_array(single, chunks=(17, 3)))
    assert sharded.transform(single).dtype == lazy.dtype == lazy.compute().dtype == np.float32


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_the_nearest_memory_is_that_of_all_shards(scale):
    rows, queries = X * scale, Q * scale
    memory = EpanechnikovMemory(1e-3 * scale)
    sharded = distributed.fit(memory, da.from_array(rows, chunks=(50, 3)))
    np.testing.assert_array_equal(
        sharded.transform(queries), copy.deepcopy(memory).fit(rows).transform(queries)
    )


@pytest.mark.parametrize("far", [[[1e308, 0.0], [1.2e308, 0.0]], [[1e308] * 2, [1.2e308] * 2]])
def test_memories_at_the_end_of_the_floats_are_found_and_averaged(far):
    rows = np.array(far)
    for memory, queries in [
        (EpanechnikovMemory(1e300), -0.5 * rows),
        (GaussianMemory(2e307, max_iter=1), 0.3 * rows),
        (GaussianMemory(2e307, max_iter=1), rows * [[1.0], [-1.0]]),
    ]:
        for stored in (rows, rows * [[1.0], [-1.0]]):
            whole = copy.deepcopy(memory).fit(stored)
            sharded = distributed.fit(memory, da.from_array(stored, chunks=(1, 2)))
            np.testing.assert_allclose(sharded.transform(queries), whole.transform(queries), 1e-12)


def test_ties_are_those_of_one_machine():
    rng = np.random.default_rng(0)
    rows, queries = rng.integers(0, 9, (300, 3)) * 1.0, rng.integers(-9, 18, (500, 3)) * 1.0
    memory = EpanechnikovMemory(0.5)
    sharded = distributed.fit(memory, da.from_array(rows, chunks=(30, 3)))
    np.testing.assert_array_equal(sharded.transform(queries), memory.fit(rows).transform(queries))


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_equally_near_memories_the_first_in_lexicographic_order_counts(order):
    rows = np.array([[-1.0, 0.0], [1.0, 0.0]])[order]
    sharded = distributed.fit(EpanechnikovMemory(0.5), da.from_array(rows, chunks=(1, 2)))
    np.testing.assert_array_equal(sharded.transform([[0.0, 0.0]]), [[-1.0, 0.0]])


def test_steps_cut_short_are_told_of():
    sharded = distributed.fit(EpanechnikovMemory(1.0, max_iter=2), LAZY)
    with pytest.warns(ConvergenceWarning, match="of 42 queries were still moving") as told:
        sharded.transform(Q)
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("memory", "held", "peak"),
    [(GaussianMemory(8.0), 2.2, 4.2), (EpanechnikovMemory(8.0), 3.7, 5.8)],
)
def test_a_shard_takes_a_small_multiple_of_its_rows(memory, held, peak):
    block = np.random.default_rng(0).normal(size=(20_000, 64))
    tracemalloc.start()
    shard = _shard(memory, block)
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now < held * block.nbytes
    assert most < peak * block.nbytes
    assert len(shard.memories_) == len(block)
