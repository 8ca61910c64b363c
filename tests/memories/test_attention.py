"""Attention memories: their step, energy, exact retrieval, limits, and what they recall."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from reference import mp
from scipy.optimize import approx_fprime
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdam import AttentionMemory, BinaryMemory, GaussianMemory, KernelizedMemory
from skdam.energies import SIMILARITIES
from skdam.potentials import SEPARATIONS

X = np.random.default_rng(0).normal(size=(12, 5)) * np.linspace(0.5, 2, 12)[:, None]
Q = np.random.default_rng(1).normal(size=(40, 5))
every_similarity = pytest.mark.parametrize("similarity", SIMILARITIES)
every_separation = pytest.mark.parametrize("separation", SEPARATIONS)
with_energy = pytest.mark.parametrize("similarity", ["dot", "euclidean"])
SCORES = {
    "dot": lambda x, m: sum(a * b for a, b in zip(x, m, strict=True)),
    "cosine": lambda x, m: SCORES["dot"](x, m) / mp.sqrt(SCORES["dot"](x, x) * SCORES["dot"](m, m)),
    "euclidean": lambda x, m: -sum((a - b) ** 2 for a, b in zip(x, m, strict=True)) / 2,
    "manhattan": lambda x, m: -sum(abs(a - b) for a, b in zip(x, m, strict=True)),
}


def precise(rows):
    return [[mp.mpf(float(v)) for v in row] for row in rows]


@every_similarity
@pytest.mark.parametrize("shift", [0.0, 1e8])
def test_a_step_is_the_mean_under_softmax_to_fifty_digits(similarity, shift):
    memories, queries = X + shift, Q[:6] + shift
    memory = AttentionMemory(2.0, similarity=similarity).fit(memories)
    expected = []
    for x in precise(queries):
        scores = [2 * SCORES[similarity](x, m) for m in precise(memories)]
        shares = [mp.exp(s - max(scores)) for s in scores]
        means = zip(*precise(memories), strict=True)
        expected.append(
            [sum(p * v for p, v in zip(shares, c, strict=True)) / sum(shares) for c in means]
        )
    if shift and similarity in ("dot", "cosine"):  # there scores themselves lose their digits
        return
    np.testing.assert_allclose(
        memory.transform(queries), np.array(expected, float), rtol=1e-12, atol=1e-9 * (shift > 0)
    )


@every_similarity
@every_separation
def test_members_make_the_state(similarity, separation):
    memory = AttentionMemory(3.0, similarity=similarity, separation=separation).fit(X)
    result = memory.retrieve(Q)
    np.testing.assert_allclose(result.members @ memory.memories_, result.state, rtol=1e-12)
    np.testing.assert_allclose(result.members.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(result.state, memory.transform(Q))
    assert separation == "softmax" or result.members.nnz < 0.7 * len(Q) * len(X)


@with_energy
@every_separation
def test_the_energy_never_rises_and_has_the_gradient(similarity, separation):
    settings = {"similarity": similarity, "separation": separation, "max_iter": 300, "tol": 1e-9}
    memory = AttentionMemory(1.5, **settings).fit(X)
    result = memory.retrieve(Q, record=True)
    for energies in result.energies:
        assert (np.diff(energies) <= 1e-13 * np.abs(energies).max()).all()
    for x, gradient in zip(Q[:9], memory.gradient(Q[:9]), strict=True):
        numeric = approx_fprime(x, lambda v: memory.energy(v[None])[0], 1e-7)
        np.testing.assert_allclose(gradient, numeric, atol=1e-5)
    np.testing.assert_array_equal(result.energy, memory.energy(result.state))
    np.testing.assert_array_equal(memory.score_samples(Q), -1.5 * memory.energy(Q))
    stays = result.converged
    np.testing.assert_allclose(memory.gradient(result.state[stays]), 0.0, atol=1e-7)


@every_separation
def test_the_energy_of_dot_products_lies_between_its_bounds(separation):
    norm = np.linalg.norm(X, axis=1).max()
    for beta in (0.01, 1.0, 100.0):
        memory = AttentionMemory(beta, similarity="dot", separation=separation).fit(X)
        size = np.linalg.norm(Q * 3, axis=1)
        energy = memory.energy(Q * 3)
        assert (energy >= 0.5 * (size - norm) ** 2 - 1e-12).all()
        assert (energy <= 0.5 * (size + norm) ** 2 + 1e-12).all()


def test_the_energy_is_that_of_the_paper():
    beta, queries = 1.7, Q[:5]
    memory = AttentionMemory(beta, similarity="dot").fit(X)
    for x, energy in zip(precise(queries), memory.energy(queries), strict=True):
        scores = [SCORES["dot"](x, m) for m in precise(X)]
        lse = mp.log(sum(mp.exp(beta * s) for s in scores)) / beta
        norms = [SCORES["dot"](m, m) for m in precise(X)]
        expected = -lse + SCORES["dot"](x, x) / 2 + mp.log(len(X)) / beta + max(norms) / 2
        assert energy == pytest.approx(float(expected), rel=1e-13)


def test_euclidean_attention_is_the_gaussian_memory():
    memory = AttentionMemory(4.0, similarity="euclidean").fit(X)
    gaussian = GaussianMemory(0.5, max_iter=1).fit(X)
    np.testing.assert_allclose(memory.transform(Q), gaussian.transform(Q), rtol=1e-12)
    np.testing.assert_allclose(
        memory.energy(Q), gaussian.energy(Q) + np.log(len(X)) / 4, rtol=1e-12
    )


@pytest.mark.parametrize("similarity", ["cosine", "manhattan"])
def test_pairs_without_an_energy_do_not_pretend(similarity):
    memory = AttentionMemory(similarity=similarity, max_iter=5, tol=0.1).fit(X)
    for name in ("energy", "gradient", "score_samples"):
        assert not hasattr(memory, name)
        assert not hasattr(KernelizedMemory(), name)
    result = memory.retrieve(Q[:3], record=True)
    assert np.isnan(result.energy).all()
    assert result.energies is None
    assert [len(path) for path in result.trajectory] == (result.n_iter + 1).tolist()


@pytest.mark.parametrize("separation", ["sparsemax", "entmax15"])
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_sparse_attention_retrieves_exactly_under_the_margin(similarity, separation):
    """Delta_i >= m / beta + 2 M eps: the state is the memory, bit for bit."""
    rng, n_tested = np.random.default_rng(0), 0
    margin = {"sparsemax": 1.0, "entmax15": 2.0}[separation]
    for _ in range(900):
        K, D, beta = rng.integers(2, 9), rng.integers(2, 20), 10 ** rng.uniform(-1, 2)
        memories = rng.normal(size=(K, D)) * 10 ** rng.uniform(-1, 1)
        if similarity == "euclidean":  # all of one norm, where the two agree
            memories /= np.linalg.norm(memories, axis=1, keepdims=True)
        products = memories @ memories.T
        own = np.diag(products).copy()
        np.fill_diagonal(products, -np.inf)
        M = np.linalg.norm(memories, axis=1).max()
        slack = (own - products.max(axis=1) - margin / beta) / (2 * M)
        i = int(slack.argmax())
        if slack[i] <= 0:
            continue
        away = rng.normal(size=(5, D))
        away *= 0.999 * slack[i] / np.linalg.norm(away, axis=1, keepdims=True)
        memory = AttentionMemory(beta, similarity=similarity, separation=separation).fit(memories)
        states = memory.transform(memories[i] + away)
        np.testing.assert_array_equal(states, np.tile(memories[i], (5, 1)))
        n_tested += 5
    assert n_tested >= 2000


@every_similarity
@every_separation
def test_limits_of_the_inverse_temperature(similarity, separation):
    settings = {"similarity": similarity, "separation": separation}
    cold, hot = (AttentionMemory(beta, **settings).fit(X) for beta in (1e200, 1e-12))
    np.testing.assert_allclose(hot.transform(Q), np.tile(X.mean(axis=0), (40, 1)), atol=1e-9)
    scores = np.array([[SCORES[similarity](x, m) for m in precise(X)] for x in precise(Q)])
    np.testing.assert_array_equal(cold.transform(Q), X[scores.argmax(axis=1)])
    assert cold.retrieve(Q).recalled.tolist() == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(cold.metastability(Q), 1.0)
    np.testing.assert_allclose(hot.metastability(Q), 12.0, rtol=1e-6)


def test_a_small_diameter_has_one_fixed_point():
    """beta D^2 < 4 makes the step a contraction."""
    diameter = max(np.linalg.norm(a - b) for a in X for b in X)
    settings = {"similarity": "dot", "max_iter": 10_000, "tol": 1e-12}
    memory = AttentionMemory(3.9 / diameter**2, **settings).fit(X)
    ends = memory.transform(np.vstack([X * 10, Q]))
    np.testing.assert_allclose(ends, np.tile(ends[0], (len(ends), 1)), atol=1e-8)
    jacobian = [
        np.linalg.norm(memory.transform(Q + d) - memory.transform(Q - d), axis=1) / 2e-4
        for d in 1e-4 * np.eye(5)
    ]
    assert np.max(jacobian) < 1.0


@every_similarity
@every_separation
@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e300, 1e-300])
def test_extreme_magnitudes_give_finite_means(similarity, separation, scale):
    beta = {"cosine": 3.0, "manhattan": 3.0 / scale}.get(similarity)
    beta = beta or (3.0 / scale / scale if 1e-200 < scale < 1e200 else 3.0)
    memory = AttentionMemory(beta, similarity=similarity, separation=separation).fit(X * scale)
    states = memory.transform(np.vstack([Q * scale, X * scale]))
    assert np.isfinite(states).all()
    assert (states <= (X * scale).max(axis=0) * (1 + 1e-12)).all()
    plain = AttentionMemory(3.0, similarity=similarity, separation=separation).fit(X)
    if beta != 3.0 or similarity == "cosine":
        np.testing.assert_allclose(states[:40] / scale, plain.transform(Q), rtol=1e-9)
    far = memory.transform([[1e308] * 5, [1e-308] * 5, [0.0] * 5])
    assert np.isfinite(far).all()


@with_energy
def test_energies_at_the_ends_of_the_floats(similarity):
    memory = AttentionMemory(1e-300, similarity=similarity).fit(X * 1e150)
    plain = AttentionMemory(1.0, similarity=similarity).fit(X)
    np.testing.assert_allclose(memory.energy(Q * 1e150) / 1e300, plain.energy(Q), rtol=1e-12)
    limit = {"dot": (X**2).sum(axis=1).max() + (Q**2).sum(axis=1)}.get(similarity)
    for beta in (1e-6, 1e-12, 1e-17, 1e-200):  # the mean energy of single memories
        energy = AttentionMemory(beta, similarity=similarity).fit(X).energy(Q)
        away = ((Q[:, None] - X) ** 2).sum(axis=-1).mean(axis=1) / 2
        expected = away if limit is None else limit / 2 - (Q @ X.T).mean(axis=1)
        np.testing.assert_allclose(energy, expected, rtol=1e-13 + 40 * beta)
    assert AttentionMemory(similarity=similarity).fit(X * 1e200).energy([[0.0] * 5]) == np.inf


def test_copies_attract_by_their_number_and_count_as_one():
    memory = AttentionMemory(100.0, separation="sparsemax").fit(X[[0, 1, 1, 1]])
    result = memory.retrieve(X[[0, 1]])
    assert result.recalled.tolist() == [0, 1]
    assert result.members.toarray()[1].tolist() == [0.0] + [1 / 3] * 3
    softly = AttentionMemory(1.0).fit(X[[0, 1, 1, 1]]).retrieve(Q).members.toarray()
    np.testing.assert_allclose(softly[:, 1], softly[:, 3])
    single = AttentionMemory(300.0).fit(X[[1, 1, 1]])
    np.testing.assert_allclose(single.metastability(Q), 1.0)


@every_similarity
@pytest.mark.parametrize("far", [1.0, 1e12, 1e300])
def test_a_row_does_not_depend_on_the_batch(similarity, far):
    memory = AttentionMemory(5.0, similarity=similarity, max_iter=3, tol=1.0).fit(X)
    learned = KernelizedMemory(learn_map=True, random_state=0).fit(X)
    queries = np.vstack([Q, Q[:1] * far])
    for each in (memory, learned):
        alone = np.concatenate([each.transform(q[None]) for q in queries])
        np.testing.assert_allclose(each.transform(queries), alone, rtol=1e-12)


@every_separation
def test_clusters_far_apart_keep_their_digits(separation):
    """Products lose them all at 1e8: near memories are compared by direct differences."""
    side = np.where(np.arange(12) % 2, 1e8, -1e8)[:, None]
    memory = AttentionMemory(2.0, similarity="euclidean", separation=separation).fit(X + side)
    here = X + side
    for q in here[:6] + 0.25:
        scores = -0.5 * ((q - here) ** 2).sum(axis=1) * 2.0
        shares = SEPARATIONS[separation].attention((scores - scores.max())[None])[0]
        np.testing.assert_allclose(
            memory.retrieve(q[None]).members.toarray()[0], shares, atol=1e-11
        )
    assert (np.sort(shares)[-2] > 1e-6) or separation != "softmax"


def test_a_memory_that_shares_the_attention_did_not_come_back():
    pair = AttentionMemory(1e3, separation="sparsemax").fit([[1.0, 0.0], [0.0, 1.0]])
    assert pair.retrieve([[1.0, 1.0]]).recalled.tolist() == [-1]


def test_tiny_and_huge_rows_of_one_batch_keep_to_themselves():
    rows = X * 1e-45
    memory = AttentionMemory(3e45, similarity="manhattan").fit(rows)
    together = memory.transform(np.vstack([Q[:3] * 1e-45, np.full((1, 5), 1e300)]))
    np.testing.assert_allclose(together[:3], memory.transform(Q[:3] * 1e-45), rtol=1e-12)
    plain = AttentionMemory(3.0, similarity="manhattan").fit(X)
    np.testing.assert_allclose(together[:3] / 1e-45, plain.transform(Q[:3]), rtol=1e-12)


def test_units_of_dot_products_do_not_overflow():
    plain = AttentionMemory(3.0, similarity="dot").fit(X).transform(Q)
    for mine, theirs in [(2.0**511, 2.0**511), (2.0**1020, 8.0)]:
        memory = AttentionMemory(3.0 / mine / theirs, similarity="dot").fit(X * mine)
        np.testing.assert_allclose(memory.transform(Q * theirs) / mine, plain, rtol=1e-12)


@every_separation
@every_similarity
def test_a_huge_inverse_temperature_picks_one(separation, similarity):
    for beta in (1e300, 1e307, 1.7e308):
        memory = AttentionMemory(beta, similarity=similarity, separation=separation).fit(X)
        assert np.isin(memory.transform(X), X).all()


def test_blocks_respect_the_working_memory():
    rows = np.random.default_rng(0).normal(size=(2000, 4))
    queries, tall = rows[:500], np.tile(rows, (4, 1))
    with config_context(working_memory=2):
        soft = AttentionMemory(50.0, similarity="dot", max_iter=3, tol=1.0).fit(rows, values=rows)
        sparse = AttentionMemory(1e4, separation="sparsemax").fit(rows)
        spins = BinaryMemory(threshold=0, max_iter=1).fit(tall)
        calls = {
            "record": lambda: soft.retrieve(queries, record=True),
            "recall": lambda: soft.recall(tall),
            "members": lambda: sparse.retrieve(tall).members,
            "energy": lambda: spins.energy(tall),
            "spins": lambda: spins.retrieve(tall),
        }
        for name, call in calls.items():
            tracemalloc.start()
            call()
            assert tracemalloc.get_traced_memory()[1] < 24e6, name
            tracemalloc.stop()


def test_one_step_never_warns_and_several_do():
    memory = AttentionMemory(1.0, similarity="dot", max_iter=2).fit(X)
    memory.fit(X, values=np.arange(12))
    for call in (memory.retrieve, memory.recall):
        with pytest.warns(ConvergenceWarning, match="queries were still moving") as told:
            call(Q)
        assert told[0].filename == __file__
    AttentionMemory(1.0, similarity="dot").fit(X).retrieve(Q)


# --- hetero-association -----------------------------------------------------------------------


def test_without_values_recall_is_transform():
    memory = AttentionMemory(2.0).fit(X)
    np.testing.assert_allclose(memory.recall(Q), memory.transform(Q), rtol=1e-15)
    several = AttentionMemory(2.0, max_iter=50, tol=1e-3).fit(X.astype(np.float32))
    np.testing.assert_array_equal(several.recall(Q), several.transform(Q))
    given = AttentionMemory(2.0, max_iter=5000, tol=1e-12).fit(X, values=X)
    np.testing.assert_allclose(given.recall(Q), given.transform(Q), rtol=1e-9)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(2).normal(size=(12, 3)),
        np.random.default_rng(2).normal(size=12),
        np.random.default_rng(2).integers(0, 255, (12, 4, 4), dtype=np.uint8),
        pd.DataFrame(np.random.default_rng(2).normal(size=(12, 2))),
        np.random.default_rng(2).normal(size=(12, 3)).astype(np.float32),
    ],
    ids=["vectors", "numbers", "images", "frame", "single"],
)
def test_vectors_are_averaged(values):
    memory = AttentionMemory(2.0).fit(X, values=values)
    shares = memory.retrieve(Q).members.toarray()
    expected = np.tensordot(shares, np.asarray(values, dtype=float), 1)
    recalled = memory.recall(Q)
    np.testing.assert_allclose(recalled, expected, rtol=1e-6)
    assert recalled.dtype == (np.float32 if np.asarray(values).dtype == np.float32 else float)


@pytest.mark.parametrize(
    "labels",
    [list("aabbccddaabb"), np.arange(12) % 3, np.arange(12) < 5, pd.Series(list("xyzxyzxyzxyz"))],
    ids=["strings", "integers", "booleans", "series"],
)
def test_labels_are_voted_on(labels):
    memory = AttentionMemory(1.0).fit(X, values=labels)
    shares = memory.retrieve(Q).members.toarray()
    kinds = np.unique(np.asarray(labels))
    votes = np.array([shares[:, np.asarray(labels) == kind].sum(axis=1) for kind in kinds])
    assert list(memory.recall(Q)) == list(kinds[votes.argmax(axis=0)])


def test_other_objects_are_picked():
    values = [{"name": i} for i in range(12)]
    memory = AttentionMemory(1.0).fit(X, values=values)
    best = memory.retrieve(Q).members.toarray().argmax(axis=1)
    recalled = memory.recall(Q)
    assert all(given is values[i] for given, i in zip(recalled, best, strict=True))
    ragged = [[0] * (i % 3 + 1) for i in range(12)]
    mixed = [1, "a", 2.5, True, None, "b", 7, 8, 9, 10, 11, 12]
    series = pd.Series([{"name": i} for i in range(12)], index=range(11, -1, -1))
    for given in (ragged, mixed, series):
        assert AttentionMemory(1e6).fit(X, values=given).recall(X) == list(given)
    frame = pd.DataFrame({"a": range(12), "b": list("abcdefghijkl")})
    rows = AttentionMemory(1e6).fit(X, values=frame).recall(X)
    assert [tuple(row) for row in rows] == list(frame.itertuples(index=False, name=None))


def test_many_labels_cost_no_square():
    tracemalloc.start()
    rows = np.random.default_rng(0).normal(size=(3000, 4))
    memory = AttentionMemory(1e6).fit(rows, values=np.arange(3000))
    tracemalloc.reset_peak()
    assert memory.recall(rows[:3]).tolist() == [0, 1, 2]
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2], "values must hold one item for each row of X, 12, got 2"),
        (X * np.nan, "NaN"),
        (5, "values must be a sequence or an array, got int"),
        ({1, 2}, "values must be a sequence or an array, got set"),
        (sp.csr_array(np.eye(12)), "values must be a sequence or an array, got csr_array"),
        (np.ma.array(np.arange(12.0), mask=np.arange(12) < 3), "values is a masked array"),
    ],
)
def test_wrong_values_are_refused(values, words):
    memory = AttentionMemory()
    with pytest.raises((ValueError, TypeError), match=words):
        memory.fit(X, values=values)
    with pytest.raises(NotFittedError):
        memory.recall(X)


# --- a learned similarity ---------------------------------------------------------------------


def smallest(memory, rows):
    images = rows @ memory.map_.T
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    cosines = images @ images.T
    np.fill_diagonal(cosines, -1.0)
    return np.arccos(cosines.max())


@pytest.mark.parametrize(("K", "D", "n"), [(5, 20, None), (20, 20, None), (8, 30, 7), (3, 5, 2)])
def test_independent_memories_reach_the_simplex(K, D, n):
    rows = np.random.default_rng(0).normal(size=(K, D)) + 3.0
    memory = KernelizedMemory(n_components=n, learn_map=True, random_state=0).fit(rows)
    assert memory.simplex_bound_ == pytest.approx(np.arccos(-1 / (K - 1)))
    assert memory.separation_ == pytest.approx(memory.simplex_bound_, abs=1e-3)
    assert memory.separation_ == pytest.approx(smallest(memory, rows), abs=1e-9)
    assert memory.map_.shape == (n or min(K, D), D)
    np.testing.assert_allclose((memory.map_**2).sum() / len(memory.map_), 1.0)


def test_a_learned_map_separates_correlated_memories():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 16)) + 4.0 * rng.normal(size=16)
    learned = KernelizedMemory(learn_map=True, random_state=0).fit(rows)
    plain = KernelizedMemory(learn_map=False).fit(rows)
    assert learned.separation_ > 2 * plain.separation_
    assert learned.separation_ < learned.simplex_bound_
    assert learned.separation_curve_[-1] == pytest.approx(learned.separation_, rel=1e-9)
    assert learned.separation_curve_[-1] > learned.separation_curve_[0]
    assert len(plain.separation_curve_) == 0


def test_the_identity_is_cosine_attention():
    plain, cosine = KernelizedMemory(learn_map=False).fit(X), AttentionMemory().fit(X)
    np.testing.assert_array_equal(plain.transform(Q), cosine.transform(Q))
    np.testing.assert_array_equal(plain.map_, np.eye(5))
    assert plain.separation_ == pytest.approx(smallest(plain, X))


def units_of_their_own(rng):
    """Return memories of which three features drown the others, in any noise."""
    return rng.normal(size=(60, 20)) * np.where(np.arange(20) < 3, 30.0, 1.0)


def recall_of(memory, rows, rng):
    own = np.arange(2000) % len(rows)
    copies = rows[own] + 0.5 * rows.std(axis=0) * rng.normal(size=(2000, rows.shape[1]))
    shares = memory.retrieve(copies).members.toarray()
    return np.mean(shares.argmax(axis=1) == own)


def test_auto_keeps_the_map_where_it_wins():
    rng = np.random.default_rng(0)
    rows = units_of_their_own(rng)
    kept = KernelizedMemory(random_state=0).fit(rows)
    assert kept.is_learned_
    for scale in (2.0**-1000, 2.0**530, 2.0**1010):
        scaled = KernelizedMemory(random_state=0).fit(rows * scale)
        np.testing.assert_array_equal(scaled.map_, kept.map_)
    plain = KernelizedMemory(learn_map=False).fit(rows)
    assert recall_of(kept, rows, rng) > recall_of(plain, rows, rng) + 0.1


@pytest.mark.parametrize("seed", range(6))
def test_auto_is_never_worse_than_the_identity(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(80, 12)) @ rng.normal(size=(12, 12)) + seed * rng.normal(size=12)
    kept, plain = (KernelizedMemory(learn_map=m, random_state=0).fit(rows) for m in ("auto", False))
    mine, theirs = recall_of(kept, rows, rng), recall_of(plain, rows, rng)
    assert mine >= theirs - 2 * np.sqrt(theirs * (1 - theirs) / 2000 + mine * (1 - mine) / 2000)
    assert kept.is_learned_ or len(kept.separation_curve_)


def test_copies_and_a_single_memory_have_a_map_too():
    single = KernelizedMemory(learn_map=True).fit(X[:1])
    assert single.separation_ == single.simplex_bound_ == np.pi
    twice = KernelizedMemory(learn_map=True, random_state=0).fit(np.repeat(X[:4], 2, axis=0))
    assert twice.separation_ == pytest.approx(np.arccos(-1 / 3), abs=1e-3)
    parallel = KernelizedMemory(learn_map=True, random_state=0).fit([[1.0, 1.0], [2.0, 2.0]])
    assert parallel.separation_ == pytest.approx(0.0, abs=1e-7)


def test_a_query_that_the_map_does_not_see_is_like_all_memories():
    memory = KernelizedMemory(learn_map=True, random_state=0).fit(np.eye(8)[:6] + 1e-3)
    away = np.linalg.svd(np.eye(8)[:6] + 1e-3)[2][6:]
    np.testing.assert_allclose(memory.metastability(away), 6.0)


def test_a_map_of_many_features_has_as_many_rows_as_memories():
    rows = np.random.default_rng(0).normal(size=(5, 3000))
    tracemalloc.start()
    learned = KernelizedMemory(learn_map=True, random_state=0).fit(rows)
    plain = KernelizedMemory(learn_map=False).fit(rows)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert learned.map_.shape == (5, 3000)
    assert len(pickle.dumps(plain)) < 1e6
    padded = KernelizedMemory(n_components=9, learn_map=True, random_state=0).fit(rows[:, :20])
    assert padded.map_.shape == (9, 20)
    assert padded.separation_ == pytest.approx(padded.simplex_bound_, abs=1e-3)


def test_the_map_is_drawn_by_the_random_state():
    maps = [KernelizedMemory(learn_map=True, random_state=s).fit(X).map_ for s in (0, 0, 1)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] != maps[2]).any()
    state = np.random.get_state()[1].copy()
    clone(KernelizedMemory(learn_map=True, random_state=0)).fit(X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
