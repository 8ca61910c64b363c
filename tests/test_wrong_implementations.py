"""The suite notices: seeded wrong energies, steps, samplers and stores, each refused by a contract.

The contracts are tests of the suite, called on a few cases. A wrong implementation replaces one
function or constant of the package; it is given the right one, so as to be wrong in one thing only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from inspect import getattr_static
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import test_energies as energies
import test_kernels as kernels
import test_lists as lists
from cases import SCENES
from laws import test_kernel_memories as laws
from memories import test_retrieval as retrieval
from memories import test_sampling as sampling
from memories import test_scores as scores
from memories import test_storing as storing
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skdam import EpanechnikovMemory
from skdam._active import BACK_ENDS
from skdam._sums import Pull
from skdam.kernels import KERNELS

PLAIN, OFFSET, CLUSTERS, COLUMN, COPIES = (
    next(scene for scene in SCENES if scene.name == name)
    for name in ("plain", "offset 1e8", "two clusters", "one column", "copies")
)

# --- contracts --------------------------------------------------------------------------------


def minus_zero_is_zero():
    memory = EpanechnikovMemory(bandwidth=1.0).fit([[-0.0], [0.0], [5.0]])
    assert memory.retrieve([[0.1]]).recalled.tolist() == [0]
    assert memory.forget([[0.0]]).memories_.tolist() == [[5.0]]


def one_example(test):
    """Return a property as a function of an example: none is searched for."""
    return test.hypothesis.inner_test


def once():
    """Yield contracts on cases of their own."""
    yield minus_zero_is_zero, ()
    yield scores.test_density_off_the_support_and_on_its_rim_is_exactly_zero, ()
    yield scores.test_gaussian_density_is_finite_far_away, ()
    yield scores.test_epsilon_changes_energy_and_gradient_alone, ()
    yield retrieval.TestOutside().test_nearest_starts_from_the_nearest_memory, ()
    yield retrieval.TestOutside().test_keep_leaves_the_query, ()
    yield retrieval.test_recalled_names_the_first_copy_and_minus_one_an_emergent_state, ()
    yield energies.test_flat_kernel_recalls_what_it_equals, ()
    yield energies.test_epsilon_bounds_the_energy_off_the_support, ()
    yield storing.test_bandwidth_and_beta_are_set, ()
    yield storing.test_memories_are_the_rows_in_the_order_given_copies_kept, ()
    yield storing.test_partial_fit_equals_fit_on_everything_seen, (1.7,)
    yield storing.test_forget_equals_fit_on_what_is_left, (1.7,)
    yield sampling.test_parents_are_drawn_by_weight, ()
    for back_end in BACK_ENDS:
        yield lists.test_a_point_on_the_rim_stays_outside_however_it_is_looked_at, (back_end, False)
    for scene in (PLAIN, OFFSET, CLUSTERS, COPIES):
        yield retrieval.test_an_isolated_memory_comes_back_bit_for_bit, (scene,)
        yield retrieval.test_epanechnikov_ends_at_an_exact_fixed_point, (scene,)
        yield retrieval.test_state_is_the_mean_of_its_members, (scene,)


def of_kernel(name):
    """Yield contracts of each kernel, those in fifty digits last: they take longest."""
    yield energies.test_off_the_support_a_state_stays_and_has_no_members, (name,)
    yield energies.test_members_make_the_next_state, (name,)
    yield scores.test_epsilon_free_identity_of_energy_and_density, (name,)
    yield scores.test_density_integrates_to_one, (name, 1, 20_000)
    yield scores.test_density_integrates_to_one, (name, 2, 400)
    yield kernels.test_radii_follow_the_kernels_own_law, (name, 2)
    yield kernels.test_profile_and_slope_equal_fifty_digits, (name,)
    yield kernels.test_integral_equals_fifty_digits, (name, 3)
    yield sampling.test_directions_are_uniform_and_radii_the_kernels, (name, 2)
    yield sampling.test_samples_lie_on_the_support_and_find_its_entropy, (name,)
    yield storing.test_equal_weights_of_any_size_change_no_state_and_no_density, (name, 1e300, 1.0)
    yield one_example(storing.test_weight_is_repetition_and_zero_is_removal), (name, 1.7, 3)
    size = 3, (20, 3)  # a seed, and a shape
    yield one_example(laws.test_scaling_by_a_power_of_two_is_bit_exact), (name, *size, 300)
    yield one_example(laws.test_translation_moves_states_and_nothing_else), (name, *size, 2**20)
    yield one_example(laws.test_rotation_changes_no_density), (name, *size)
    yield one_example(laws.test_order_of_the_memories_changes_no_bit), (name, *size)
    yield one_example(laws.test_copies_shift_the_energy_by_their_logarithm), (name, *size, 3)
    yield retrieval.test_energy_never_rises, (name, PLAIN)
    yield retrieval.test_states_are_stationary, (name,)
    yield retrieval.test_hard_data_are_recalled, (name,)
    for scene in (COLUMN, CLUSTERS):
        yield energies.test_step_is_the_papers, (name, scene)
    yield energies.test_gradient_equals_finite_differences, (name, COLUMN, 0.5)
    yield energies.test_value_equals_fifty_digits, (name, COLUMN, 1e-3)
    yield energies.test_density_equals_fifty_digits, (name, OFFSET)
    yield energies.test_density_equals_fifty_digits, (name, CLUSTERS)


CONTRACTS = [*once(), *(contract for name in KERNELS for contract in of_kernel(name))]


@pytest.mark.parametrize(
    ("contract", "case"),
    [
        pytest.param(*each, id="-".join([each[0].__name__, *map(str, each[1])]))
        for each in CONTRACTS
    ],
)
def test_the_right_implementation_keeps_every_contract(contract, case):
    contract(*case)


# --- wrong implementations --------------------------------------------------------------------


def single(values):
    return values.astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Wrong:
    """What takes the place of a function (given the right one, and its arguments) or constant."""

    name: str
    target: str
    substitute: Any

    def put_in(self, monkeypatch):
        owner, _, attribute = self.target.rpartition(".")
        right = getattr_static(resolve_name(owner), attribute)  # inherited, perhaps
        monkeypatch.setattr(self.target, self._like(right))

    def _like(self, right):
        if not callable(self.substitute):
            return self.substitute
        if isinstance(right, property):
            return property(partial(self.substitute, right.fget))
        if isinstance(right, classmethod):
            return classmethod(
                lambda cls, *args: self.substitute(partial(right.__func__, cls), *args)
            )
        return lambda *args, **options: self.substitute(right, *args, **options)


ENERGY, SUMS = "skdam.energies.KernelEnergy.", "skdam._sums.CompactSums."
MATH, PATTERNS = "skdam._math.", "skdam._patterns.Patterns."
COMPACT, GAUSSIAN = "skdam.kernels.CompactKernel.", "skdam.kernels.GaussianKernel."
POWER, COSINE = "skdam.kernels.PowerKernel.", "skdam.kernels.CosineKernel."
STORE, SAMPLE = (
    "skdam.memories._kernel_store.",
    "skdam.memories._kernel_base.BaseKernelMemory.sample",
)

#: Constants, and what fits on a line.
WRONG = [
    Wrong("beta for two beta", COMPACT + "curvature", 1.0),
    Wrong("two beta for beta", GAUSSIAN + "curvature", 2.0),
    Wrong("the Gaussian without its half", GAUSSIAN + "rate", 1.0),
    Wrong("no account of what products round", MATH + "UNIT_ROUNDOFF", 0.0),
    Wrong("weights without their unit", ENERGY + "unit", 1.0),
    Wrong("every kernel flat", POWER + "is_flat", True),
    Wrong("gradient uphill", ENERGY + "gradient", lambda right, *a: -right(*a)),
    Wrong(
        "gradient not divided by S", ENERGY + "_slope_ratio", lambda _, __, X, mass: np.exp(mass)
    ),
    Wrong("beta of another convention", STORE + "beta_from_bandwidth", lambda f, *a: f(*a) / 2),
    Wrong("weights not appended", STORE + "check_weights", lambda _, __, X: np.ones(len(X))),
    Wrong("weights ignored", PATTERNS + "of", lambda f, X, w, r: f(X, np.ones_like(w), r)),
    Wrong("bandwidth for its square", PATTERNS + "of", lambda f, X, w, r: f(X, w, r**0.5)),
    Wrong("rim too far out", MATH + "Points.measured", lambda f, X, r: f(X, r * (1 + 1e-6))),
    Wrong("distances in single precision", MATH + "Points.direct", lambda f, *a: single(f(*a))),
    Wrong("hidden clip", SUMS + "log_sum", lambda f, *a, **k: np.maximum(f(*a, **k), -690.0)),
    Wrong(
        "everything covered", "skdam._sums._covered", lambda f, X, _: np.ones(len(X), dtype=bool)
    ),
    Wrong("profile for the slope", POWER + "slope", lambda f, self, u: self.profile(u)),
    Wrong("slope without its constant", COSINE + "slope", lambda f, *a: f(*a) * 8 / np.pi**2),
    Wrong("slope not halved", GAUSSIAN + "log_slope", lambda f, *a: f(*a) + np.log(2.0)),
    Wrong("half a step", "skdam._sums.Pull.mean", lambda f, self: self.anchor + self.offset / 2),
    Wrong("density off by the ball", "skdam.kernels._log_sphere", lambda f, n: 0.0),
    Wrong("normaliser of the ball", POWER + "log_integral", lambda f, self, n, _=1: f(self, n, 0)),
    Wrong(
        "normaliser in one dimension", POWER + "log_normaliser", lambda f, self, _, r: f(self, 1, r)
    ),
    Wrong(
        "sampler uniform in radius", POWER + "sample_u", lambda _, __, rng, ___, n: rng.rand(n) ** 2
    ),
    Wrong("sampler of radii for u", POWER + "sample_u", lambda f, *a: f(*a) ** 0.5),
    Wrong(
        "sampler rejecting nothing",
        COSINE + "sample_u",
        lambda f, _, rng, D, n: rng.beta(D / 2, 2, n),
    ),
    Wrong("variance of all coordinates", POWER + "variance", lambda f, self, n: n * f(self, n)),
]


def wrong(target: str) -> Callable[[Callable], Callable]:
    """Enter a wrong implementation of a function, property or class method."""

    def enter(function: Callable) -> Callable:
        WRONG.append(Wrong(function.__name__.strip("_").replace("_", " "), target, function))
        return function

    return enter


@wrong("skdam._sum_energy.SumEnergy.value")
def epsilon_forgotten(right, self, X):
    return right(replace(self, epsilon=0.0), X)


@wrong("skdam._sum_energy.SumEnergy.value")
def epsilon_as_a_floor_of_the_sum(right, self, X):
    plain = right(replace(self, epsilon=0.0), X)
    with np.errstate(divide="ignore"):
        return np.minimum(plain, -np.log(self.epsilon) * self.bandwidth**2 / self.kernel.curvature)


@wrong("skdam._sum_energy.SumEnergy.log_density")
def epsilon_inside_the_density(right, self, X):
    log_sum = np.logaddexp(self.log_sum(X), np.log(self.epsilon or 1e-300))
    return self._normalised(log_sum, self.total_weight, X.shape[1])


@wrong(ENERGY + "_slope_ratio")
def gradient_without_epsilon(right, self, X, log_mass):
    return right(replace(self, epsilon=0.0), X, log_mass)


@wrong(ENERGY + "total_weight")
def normaliser_with_n_for_the_sum_of_weights(right, self):
    return float(len(self.patterns.place))


@wrong(MATH + "LogSum.log")
def logarithm_of_a_sum_that_underflows(right, self):
    with np.errstate(divide="ignore"):
        return np.log(np.exp(self.peak) * self.total)


@wrong(PATTERNS + "of")
def copies_dropped(right, rows, weights, radius):
    first = np.unique(rows, axis=0, return_index=True)[1]
    return right(rows, np.where(np.isin(np.arange(len(rows)), first), weights, 1e-300), radius)


@wrong(MATH + "_sort_keys")
def minus_zero_apart_from_zero(right, X):
    return right(np.where((X == 0.0) & np.signbit(X), -1e-320, X))


@wrong(SUMS + "_pulls")
def mean_for_the_weighted_mean(right, self, sets):
    return right(replace(self, weights=np.ones_like(self.weights)), sets)


@wrong(POWER + "slope")
def slope_of_the_next_kernel(right, self, u):
    return right(replace(self, power=self.power + 1), u)


@wrong("skdam._sums._Start.step")
def step_too_far(right, self, rows, X):
    return X + 2.5 * (right(self, rows, X) - X)


@wrong(SUMS + "_pull")
def off_the_support_to_the_origin(right, self, X, blocks, note=None):
    pull = right(self, X, blocks, note)
    lost = np.isneginf(pull.log_mass)[:, None]
    return Pull(np.where(lost, 0.0, pull.anchor), pull.offset, pull.log_mass)


@wrong("skdam.memories._retrieval.fixed_point")
def stop_one_step_early(right, energy, X, *, max_iter, **options):
    most = right(energy, X, max_iter=max_iter, **options).n_iter.max()
    settled = right(energy, X, max_iter=max(1, most - 1), **options)
    return replace(settled, converged=np.ones(len(X), dtype=bool))


@wrong("skdam.memories._retrieval.fixed_point")
def stop_where_it_hardly_moves(right, energy, X, *, tol, **options):
    return right(energy, X, tol=max(tol, 0.1), **options)


@wrong("skdam._active._gemm.decided")
def rim_counted_as_active(right, points, queries, limit, rough):
    return right(points, queries, np.nextafter(limit, np.inf), rough)


@wrong(MATH + "Points.tiles")
def uncentred_product_taken_as_it_is(right, self, queries):
    x, y = queries.rows * self.scale, self.rows * self.scale
    yield 0, (x**2).sum(axis=1)[:, None] - 2 * x @ y.T + (y**2).sum(axis=1), np.zeros(len(x))


@wrong(MATH + "Points.direct")
def membership_of_rows_in_single_precision(right, self, queries, query, point):
    rows, mine = map(single, (self.rows, queries.rows))
    return right(replace(self, rows=rows), replace(queries, rows=mine), query, point)


@wrong(MATH + "_centred_means")
def means_of_rows_in_single_precision(right, points, indices, weights, indptr):
    return right(replace(points, lifted=points.lifted.astype(np.float32)), indices, weights, indptr)


@wrong(ENERGY + "nearest_of")
def first_memory_for_the_nearest(right, self, X, known=None):
    rows = self.patterns.points.rows
    return np.repeat(rows[:1], len(X), axis=0), np.linalg.norm(X - rows[0], axis=1)


@wrong(ENERGY + "recalled")
def recalled_as_sorted_and_not_as_given(right, self, X):
    found = right(self, X)
    return np.where(found < 0, found, self.patterns.place[found])


@wrong(ENERGY + "recalled")
def nearest_memory_always_recalled(right, self, X):
    squared = ((X[:, None] / 2 - self.patterns.points.rows / 2) ** 2).sum(axis=2)
    return self.patterns.first[squared.argmin(axis=1)]


@wrong(PATTERNS + "given")
def members_without_their_copies(right, self, shares):
    first = np.isin(np.arange(len(self.place)), self.first)
    return right(replace(self, share=np.where(first, self.share, 0.0)), shares)


@wrong(SAMPLE)
def sampler_that_ignores_weights(right, self, n_samples=1, random_state=None):
    other = EpanechnikovMemory.__new__(type(self))
    vars(other).update(vars(self), weights_=np.ones_like(self.weights_))
    return right(other, n_samples, random_state)


@wrong(SAMPLE)
def sampler_in_a_cube(right, self, n_samples=1, random_state=None):
    rng = check_random_state(random_state)
    parent = rng.choice(len(self.weights_), n_samples, p=self.weights_ / self.weights_.sum())
    width = self.bandwidth_ * (3 * self._prepared.kernel.variance(self.memories_.shape[1])) ** 0.5
    return self.memories_[parent] + width * rng.uniform(-1, 1, (n_samples, self.memories_.shape[1]))


@wrong(GAUSSIAN + "sample_u")
def sampler_with_a_degree_of_freedom_too_few(right, self, rng, n_features, size):
    return right(self, rng, max(1, n_features - 1), size)


def is_kept(contract, case):
    try:
        contract(*case)
    except (AssertionError, ConvergenceWarning):
        return False
    return True


@pytest.mark.parametrize("mistake", WRONG, ids=lambda mistake: mistake.name)
def test_a_wrong_implementation_breaks_a_contract(mistake, monkeypatch):
    mistake.put_in(monkeypatch)
    assert not all(is_kept(*contract) for contract in CONTRACTS)


def test_there_are_many_ways_to_be_wrong():
    assert len({mistake.name for mistake in WRONG}) == len(WRONG) >= 25
