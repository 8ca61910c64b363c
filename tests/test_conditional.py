"""Conditional densities: sums in extended precision, the density itself, and draws against it."""

from dataclasses import dataclass

import numpy as np
import pytest
from cases import KERNEL_MEMORIES, SCENES
from scipy.stats import kstest
from sklearn import config_context
from test_marginals import Odd, Student

from skdam import EpanechnikovMemory, GaussianMemory, KernelMemory
from skdam import _conditional as module
from skdam._conditional import Conditional, Own
from skdam.energies import KernelEnergy
from skdam.kernels import KERNELS, PowerKernel

EXPONENT = {"epanechnikov": 1, "biweight": 2, "triweight": 3}


def alone(index):
    """Return memories that no other row is part of."""
    return Own(index, np.zeros(len(index)))


def conditional(memory):
    return Conditional.of(memory._energy())


def with_gaps(X, seed=0, share=0.4):
    """Return a mask of known coordinates: at least one unknown in each row."""
    rng = np.random.default_rng(seed)
    known = rng.random(X.shape) > share
    known[np.arange(len(X)), rng.integers(0, X.shape[1], len(X))] = False
    return known


def slow_shares(memories, weights, name, bandwidth, x, known):
    """Return the share of each memory in one row, and u, in extended precision."""
    long = np.longdouble
    difference = np.where(known, x - memories.astype(long), 0)
    u = ((difference / long(bandwidth)) ** 2).sum(axis=1)
    m = long((~known).sum())
    if name == "gaussian":
        logs = -u / 2
    else:
        with np.errstate(divide="ignore"):
            logs = (EXPONENT[name] + m / 2) * np.log(np.maximum(1 - u, 0))
    if np.isneginf(logs.max()):
        first = min(np.flatnonzero(u == u.min()), key=lambda i: tuple(memories[i]))
        return np.eye(len(memories))[first], u
    with np.errstate(divide="ignore"):
        logs = logs + np.log(weights.astype(long))
    logs = logs.astype(long)
    shares = np.exp(logs - logs.max())
    return shares / shares.sum(), u


@pytest.mark.parametrize("scene", SCENES, ids=str)
@pytest.mark.parametrize("name", ["epanechnikov", "gaussian", "triweight"])
def test_means_are_those_of_extended_precision(scene, name):
    memories, queries = (a.astype(np.float64) for a in (scene.memories, scene.queries))
    weights = np.random.default_rng(3).integers(1, 5, len(memories)).astype(float)
    memory = KERNEL_MEMORIES[name](bandwidth=scene.bandwidth).fit(memories, sample_weight=weights)
    known = with_gaps(queries)
    found = conditional(memory).mean(queries, known)
    for x, mask, mean in zip(queries, known, found, strict=True):
        shares, _ = slow_shares(memories, weights, name, scene.bandwidth, x, mask)
        error = np.abs((mean - shares @ memories.astype(np.longdouble))[~mask])
        spacing = np.spacing(np.abs(memories).max(axis=0))[~mask]
        assert (error <= 1e-9 * scene.bandwidth + 4 * spacing).all()
        np.testing.assert_array_equal(mean[mask], x[mask])


def grid_of(memory, x, ticks):
    """Return the density of the last coordinate(s) on a grid, the others as in x."""
    mesh = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
    rows = np.broadcast_to(x, (*mesh.shape[:-1], len(x))).copy()
    rows[..., len(x) - len(ticks) :] = mesh
    density = np.exp(memory.score_samples(rows.reshape(-1, len(x))))
    return density.reshape(mesh.shape[:-1]), mesh


@dataclass(frozen=True)
class Quartic(Odd):
    power: float = 4.0

    def log_integral(self, n_features, power=1):
        return PowerKernel(4 * power).log_integral(n_features)


@dataclass(frozen=True)
class Heavy(Student):
    nu: float = 6.0
    exponent: float = 5.0

    def log_integral(self, n_features, power=1):
        return 0.0  # no density is compared but up to a constant


KERNELS_TO_TRY = [*KERNELS.values(), Quartic(), Heavy()]


@pytest.mark.parametrize("kernel", KERNELS_TO_TRY, ids=repr)
def test_the_mean_is_that_of_the_density_on_a_line(kernel):
    rng = np.random.default_rng(1)
    memory = KernelMemory(kernel, bandwidth=0.8).fit(rng.normal(size=(30, 2)))
    x = np.array([0.3, np.nan])
    reach = 60 if isinstance(kernel, Heavy) else 9
    density, mesh = grid_of(memory, x, [np.linspace(-reach, reach, 50_001)])
    expected = (density @ mesh[:, 0]) / density.sum()
    found = conditional(memory).mean(x[None], np.array([[True, False]]))[0, 1]
    assert found == pytest.approx(expected, abs=2e-5 if isinstance(kernel, Heavy) else 1e-8)


def drawn(memory, x, n, seed=0):
    rng = np.random.default_rng(seed)
    known = np.broadcast_to(~np.isnan(x), (n, len(x)))
    rows = np.broadcast_to(x, (n, len(x)))
    normal = rng.standard_normal(rows.shape)
    return conditional(memory).draw(rows, known, rng.random((n, 2)), normal)


@pytest.mark.parametrize("kernel", KERNELS_TO_TRY, ids=repr)
def test_draws_follow_the_density_on_a_line(kernel):
    rng = np.random.default_rng(2)
    weights = rng.random(8) + 0.1
    X = rng.normal(size=(8, 2))
    memory = KernelMemory(kernel, bandwidth=0.9).fit(X, sample_weight=weights)
    x = np.array([0.1, np.nan])
    reach = 60 if isinstance(kernel, Heavy) else 9
    ticks = np.linspace(-reach, reach, 30_001)
    density, _ = grid_of(memory, x, [ticks])
    cdf = np.cumsum(density) / density.sum()
    sample = drawn(memory, x, 3_000)
    assert (sample[:, 0] == 0.1).all()
    assert kstest(sample[:, 1], lambda v: np.interp(v, ticks, cdf)).pvalue > 1e-3


@pytest.mark.parametrize("kernel", [KERNELS["epanechnikov"], KERNELS["gaussian"], Quartic()])
def test_draws_follow_the_density_on_a_plane(kernel):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(6, 3))
    memory = KernelMemory(kernel, bandwidth=1.2).fit(X)
    x = np.array([0.0, np.nan, np.nan])
    ticks = np.linspace(-6, 6, 401)
    density, mesh = grid_of(memory, x, [ticks, ticks])
    sample = drawn(memory, x, 6_000)[:, 1:]
    for angle in (0.0, 0.7, np.pi / 2):  # a law is that of its projections
        direction = np.array([np.cos(angle), np.sin(angle)])
        place = (mesh @ direction).ravel()
        order = np.argsort(place)
        cdf = np.cumsum(density.ravel()[order]) / density.sum()
        law = lambda v, place=place, order=order, cdf=cdf: np.interp(v, place[order], cdf)  # noqa: E731
        assert kstest(sample @ direction, law).pvalue > 1e-3


def test_what_is_not_observed_at_all_is_the_whole_density():
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(9, 2)), rng.random(9)
    memory = EpanechnikovMemory(0.9).fit(X, sample_weight=weights)
    x = np.full((1, 2), np.nan)
    mean = conditional(memory).mean(x, ~np.isnan(x))
    np.testing.assert_allclose(mean[0], np.average(X, axis=0, weights=weights), rtol=1e-13)
    sample = drawn(memory, x[0], 6_000)
    other = memory.sample(6_000, random_state=1)
    for direction in ([1, 0], [0, 1], [1, 1]):
        assert kstest(sample @ direction, other @ direction).pvalue > 1e-3


def test_out_of_reach_the_nearest_memory_completes_exactly():
    X = np.array([[0.0, 0.1], [5.0, 0.7], [np.pi, 0.3], [9.0, 1.0]])
    memory = EpanechnikovMemory(0.5).fit(X)
    x = np.array([[np.nan, 2.0], [4.1, np.nan], [7.0, np.nan]])  # the last: as far from two
    expected = np.array([[9.0, 2.0], [4.1, 0.7], [7.0, 0.7]])
    known = ~np.isnan(x)
    np.testing.assert_array_equal(conditional(memory).mean(x, known), expected)
    draw = conditional(memory).draw(x, known, np.full((3, 2), 0.5), np.ones((3, 2)))
    np.testing.assert_array_equal(draw, expected)


@pytest.mark.parametrize("far", [0.0, 1e9])
def test_a_memory_alone_in_reach_is_itself_bit_for_bit(far):
    X = 1.0 + np.random.default_rng(0).normal(size=(40, 6))
    X[:, 5] += far
    X[::2, 3:] *= 1e-9 * np.pi  # digits that are lost beside the centre
    memory = EpanechnikovMemory(1e-3).fit(X)
    known = np.broadcast_to([True, True, True, False, False, False], X.shape)
    np.testing.assert_array_equal(conditional(memory).mean(X + 0.0, known), X)


def test_a_cluster_at_zero_is_not_rounded_by_one_far_away():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    memory = EpanechnikovMemory(2.5).fit(np.append(X, X + 1e11, axis=0))
    known = with_gaps(X)
    known[~known.any(axis=1), 0] = True
    expected = conditional(EpanechnikovMemory(2.5).fit(X)).mean(X, known)
    np.testing.assert_allclose(conditional(memory).mean(X, known), expected, atol=1e-12)


def test_on_the_rim_a_memory_does_not_count():
    X = np.array([[0.0, 1.0], [3.0, 5.0], [1.0, 7.0]])
    memory = EpanechnikovMemory(2.0).fit(X)
    x = np.array([[5.0, np.nan], [2.0, np.nan]])  # 2 from the second; 2, 1 and 1 from the three
    found = conditional(memory).mean(x, ~np.isnan(x))[:, 1]
    np.testing.assert_allclose(found, [5.0, 6.0], rtol=1e-15)  # the nearest; the mean of two
    just_inside = np.array([[np.nextafter(5.0, 0), np.nan]])
    assert conditional(memory).mean(just_inside, ~np.isnan(just_inside))[0, 1] == 5.0


def test_a_hundred_thousandth_of_a_unit_decides_in_the_thousands_of_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 900))
    known = np.broadcast_to(np.arange(900) < 90, (20, 900))
    queries = X[:20] + 0.1 * rng.normal(size=(20, 900))
    memory = EpanechnikovMemory(20.0).fit(X)
    found = conditional(memory).mean(queries, known)
    for x, mask, mean in zip(queries, known, found, strict=True):
        shares, _ = slow_shares(X, np.ones(50), "epanechnikov", 20.0, x, mask)
        np.testing.assert_allclose(mean[~mask], (shares @ X)[~mask].astype(float), atol=1e-10)


@pytest.mark.parametrize("name", ["epanechnikov", "gaussian", "cosine"])
def test_a_memory_left_out_is_as_if_it_were_not_there(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 3))
    X[7] += 100.0  # out of reach of all others
    known = with_gaps(X)
    energy = KERNEL_MEMORIES[name](bandwidth=1.5).fit(X)._energy()
    found = Conditional.of(energy).mean(X, known, own=alone(energy.patterns.place))
    for i in range(len(X)):
        rest = KERNEL_MEMORIES[name](bandwidth=1.5).fit(np.delete(X, i, axis=0))
        expected = conditional(rest).mean(X[i : i + 1], known[i : i + 1])[0]
        np.testing.assert_allclose(found[i], expected, rtol=1e-12, atol=1e-12)


def test_a_memory_left_out_may_be_far_from_the_centre():
    X = np.array([[1e9, 1.0], [1e9 + 1, 2.0], [-1e9, 3.0], [-1e9 - 2, 4.0]])
    energy = EpanechnikovMemory(3.0).fit(X)._energy()
    known = np.broadcast_to([True, False], X.shape)
    found = Conditional.of(energy).mean(X, known, own=alone(energy.patterns.place))
    np.testing.assert_array_equal(found[:, 1], [2.0, 1.0, 4.0, 3.0])


@pytest.mark.parametrize("kernel", ["epanechnikov", "gaussian", "cosine"])
def test_results_do_not_depend_on_the_batch_or_its_blocks(kernel, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    queries = rng.normal(size=(60, 5))
    known = with_gaps(queries)
    given = conditional(KernelMemory(kernel, bandwidth=1.0).fit(X))
    uniform, normal = rng.random((60, 2)), rng.standard_normal((60, 5))
    mean, draw = given.mean(queries, known), given.draw(queries, known, uniform, normal)
    for i in range(0, 60, 7):
        one = slice(i, i + 1)
        np.testing.assert_allclose(given.mean(queries[one], known[one])[0], mean[i], rtol=1e-11)
        again = given.draw(queries[one], known[one], uniform[one], normal[one])[0]
        np.testing.assert_allclose(again, draw[i], rtol=1e-11)
    monkeypatch.setattr(module, "LIFTED", 17)
    monkeypatch.setattr(module, "PAIRS", 3000)
    with config_context(working_memory=0.05):
        np.testing.assert_allclose(given.mean(queries, known), mean, rtol=1e-11)
        again = given.draw(queries, known, uniform, normal)
    np.testing.assert_allclose(again, draw, rtol=1e-11)


def test_rows_and_copies_and_their_order_do_not_matter():
    rng = np.random.default_rng(0)
    X, queries = rng.normal(size=(30, 4)), rng.normal(size=(20, 4))
    known, weights = with_gaps(queries), rng.integers(1, 4, 30)
    mean = conditional(GaussianMemory(0.7).fit(X, sample_weight=weights)).mean(queries, known)
    copies = rng.permutation(np.repeat(X, weights, axis=0))
    again = conditional(GaussianMemory(0.7).fit(copies)).mean(queries, known)
    np.testing.assert_array_equal(again, mean)


@pytest.mark.parametrize("name", ["epanechnikov", "gaussian"])
def test_a_mean_stays_in_the_range_of_the_memories(name):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 500)
    X = np.column_stack([0.7 * group, 0.1 - 0.4 * group, 30.0 * group, rng.normal(size=(500, 2))])
    known = np.broadcast_to([False, False, True, True, False], X.shape)
    found = conditional(KERNEL_MEMORIES[name](bandwidth=2.0).fit(X)).mean(X, known)
    np.testing.assert_allclose(found[:, :2], X[:, :2], atol=1e-14)
    assert (found[:, :2] >= X[:, :2].min(axis=0)).all()
    assert (found[:, :2] <= X[:, :2].max(axis=0)).all()


def test_a_mean_over_sure_entries_leaves_the_others_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    queries, sure = X + 0.1 * rng.normal(size=X.shape), rng.random(X.shape) < 0.5
    sure[:, 2] = X[:, 2] > 1.5  # few, and far from most queries
    memory = EpanechnikovMemory(1.2).fit(X)
    first = memory._energy().patterns.first
    known = with_gaps(queries)
    found = conditional(memory).mean(queries, known, sure=sure[first].astype(float))
    fallback = 0
    for x, mask, mean in zip(queries, known, found, strict=True):
        shares, _ = slow_shares(X, np.ones(30), "epanechnikov", 1.2, x, mask)
        for f in np.flatnonzero(~mask):
            counted = shares * sure[:, f]
            if counted.sum() < 0.01:
                counted, fallback = shares, fallback + 1
            assert mean[f] == pytest.approx(float(counted @ X[:, f] / counted.sum()), abs=1e-10)
    assert 0 < fallback < (~known).sum() / 2


@pytest.mark.parametrize("largest_size", [module.LARGEST_SIZE, 0.0])
def test_what_a_row_has_not_observed_itself_its_copies_may_have(largest_size, monkeypatch):
    """Leave out row by row of a memory of copies, each with gaps of its own."""
    monkeypatch.setattr(module, "LARGEST_SIZE", largest_size)
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(8, 3)), 4, axis=0)
    known, weights = rng.random(X.shape) < 0.5, rng.integers(1, 5, len(X)).astype(float)
    X, known, weights = (
        each[known.any(axis=1) & ~known.all(axis=1)] for each in (X, known, weights)
    )
    energy = GaussianMemory(1.0).fit(X, sample_weight=weights)._energy()
    place, total = energy.patterns.place, energy.patterns.weights * energy.patterns.unit
    sure = np.array([np.bincount(place, weights * column) / total for column in known.T]).T
    own = Own(place, 1.0 - weights / total[place])
    found = Conditional.of(energy).mean(X, known, own, sure)
    for i, (x, mask) in enumerate(zip(X, known, strict=True)):
        rest = np.delete(np.arange(len(X)), i)
        shares, _ = slow_shares(X[rest], weights[rest], "gaussian", 1.0, x, mask)
        for f in np.flatnonzero(~mask):
            expected = np.average(X[rest, f], weights=shares * known[rest, f])
            assert found[i, f] == pytest.approx(float(expected), rel=1e-12)


def test_a_heavy_memory_near_the_rim_is_measured_as_one_that_leads():
    """Its weight makes up for its smallness, which is as wrong as the distance to the rim is."""
    X = np.array([[30.0, 1.0], [31.7, 5.0], [-30.0, 2.0], [-31.7, 3.0]])
    weights = np.array([1e9, 1.0, 1.0, 1.0])
    x = np.array([[30.0 + 2.0 - k * 1e-6, np.nan] for k in range(1, 20)])
    memory = EpanechnikovMemory(2.0).fit(X, sample_weight=weights)
    found = conditional(memory).mean(x, ~np.isnan(x))[:, 1]
    for row, mean in zip(x, found, strict=True):
        shares, _ = slow_shares(X, weights, "epanechnikov", 2.0, row, ~np.isnan(row))
        assert mean == pytest.approx(float(shares @ X[:, 1]), rel=2e-9)


@pytest.mark.parametrize("name", ["epanechnikov", "gaussian", "cosine"])
def test_clusters_some_thousand_bandwidths_apart_lose_nothing(name):
    rng = np.random.default_rng(0)
    X, known = rng.normal(size=(80, 4)), np.broadcast_to(np.arange(4) < 2, (80, 4))
    side = np.where(np.arange(80) % 2, 3000.0, -3000.0)[:, None] * [1, 0, 0, 0]
    X = np.round(X * 2**20) / 2**20  # exact, with and without the offset
    queries = X + np.round(rng.normal(size=X.shape) * 2**18) / 2**20
    found = conditional(KERNEL_MEMORIES[name](bandwidth=1.2).fit(X + side))
    far = found.mean(queries + side, known)[:, 2:]
    for i in (0, 1):  # each cluster by itself
        alone = conditional(KERNEL_MEMORIES[name](bandwidth=1.2).fit(X[i::2]))
        expected = alone.mean(queries[i::2], known[i::2])[:, 2:]
        np.testing.assert_allclose(far[i::2], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_query_at_a_memory_is_no_trouble(name):
    X = np.random.default_rng(0).normal(size=(200, 6)) * 3
    known = np.broadcast_to(np.arange(6) < 3, X.shape)
    found = conditional(KERNEL_MEMORIES[name](bandwidth=1.0).fit(X)).mean(X, known)
    assert np.isfinite(found).all()


def test_what_cannot_be_squared_is_measured_directly():
    X = np.array([[1e200, 0.0], [1e200, 0.5], [0.0, 3.0]])
    energy = EpanechnikovMemory(1.0).fit(X)._energy()
    x = np.array([[1e200, np.nan]])
    found = Conditional.of(energy).mean(x, ~np.isnan(x))
    np.testing.assert_array_equal(found, [[1e200, 0.25]])
    skipped = Conditional.of(energy).mean(x, ~np.isnan(x), own=alone(energy.patterns.place[:1]))
    np.testing.assert_array_equal(skipped, [[1e200, 0.5]])


def test_products_are_trusted_only_where_their_error_does_not_count(monkeypatch):
    """On plain data no pair is computed twice; far from the origin those near by are."""
    counted = []
    direct = type(conditional(EpanechnikovMemory(1.0).fit(np.eye(3))).points).direct

    def counting(self, queries, query, point):
        counted.append(len(query))
        return direct(self, queries, query, point)

    monkeypatch.setattr("skdam._math.Points.direct", counting)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    known = with_gaps(X)
    for offset, most in ((0.0, 0), (1e9, len(X) ** 2 * 0.6)):
        far = X + offset * np.sign(X[:, :1])
        counted.clear()
        conditional(EpanechnikovMemory(3.0).fit(far)).mean(far, known | (np.arange(6) == 0))
        assert sum(counted) <= most


def test_an_energy_is_all_that_is_needed():
    energy = KernelEnergy.of(np.array([[0.0, 1.0]]), np.ones(1), KERNELS["biweight"], 2.0)
    x = np.array([[0.5, np.nan]])
    np.testing.assert_array_equal(Conditional.of(energy).mean(x, ~np.isnan(x)), [[0.5, 1.0]])
