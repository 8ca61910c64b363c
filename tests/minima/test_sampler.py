"""What is drawn are minima of the kind asked for, as often as their weights say."""

import ast
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import skops.io
from cases import random_case
from reference import self_consistent_sets
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skdam import (
    EmergentSampler,
    EpanechnikovMemory,
    GaussianMemory,
    KernelMemory,
    enumerate_minima,
    sample_from,
)
from skdam.bandwidths import emergence_window

X = np.random.default_rng(0).random((15, 8))
MEMORY = EpanechnikovMemory(bandwidth=0.75)
WEIGHTS = ["basin", "density", "uniform"]


def fitted(rows=X, memory=MEMORY, **parameters):
    return EmergentSampler(memory, random_state=0, **parameters).fit(rows)


def sets(members):
    return {tuple(m.tolist()) for m in members}


@pytest.mark.parametrize("kind", ["emergent", "stored", "all"])
def test_minima_are_those_of_the_kind_and_all_of_them(kind):
    minima = enumerate_minima(clone(MEMORY).fit(X))
    chosen = {"emergent": minima.is_emergent, "stored": ~minima.is_emergent, "all": slice(None)}
    sampler, expected = fitted(kind=kind), minima[chosen[kind]]
    assert sampler.complete_
    np.testing.assert_array_equal(sampler.minima_, expected.points)
    np.testing.assert_array_equal(sampler.energies_, expected.energies)
    np.testing.assert_array_equal(sampler.margins_, expected.margins)
    assert sets(sampler.members_) == sets(expected.members)
    assert sampler.n_found_ == len(expected)


def test_parents_of_a_draw_are_its_mean():
    digits = load_digits().data[:300]
    sampler = fitted(digits, EpanechnikovMemory())
    drawn = sampler.draw(50, random_state=0)
    samples = sampler.sample(50, random_state=0)
    np.testing.assert_array_equal(samples, sampler.minima_[drawn])
    for i, sample in zip(drawn, samples, strict=True):
        parents = sampler.memory_.memories_[sampler.members_[i]]
        np.testing.assert_allclose(parents.mean(axis=0), sample, atol=1e-13)
    assert not (samples[:, None] == digits).all(axis=2).any()  # never a stored one
    np.testing.assert_array_equal(sampler.memory_.transform(samples), samples)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_draws_follow_the_weights(weights):
    sampler = fitted(X, weights=weights, kind="all")
    assert sampler.weights_.sum() == pytest.approx(1.0, abs=1e-12)
    counts = np.bincount(sampler.draw(100_000, random_state=1), minlength=len(sampler.minima_))
    assert not counts[sampler.weights_ == 0].any()
    likely = sampler.weights_ > 1e-4
    expected = np.append(sampler.weights_[likely], sampler.weights_[~likely].sum() + 1e-12)
    observed = np.append(counts[likely], counts[~likely].sum())
    assert chisquare(observed, expected / expected.sum() * observed.sum()).pvalue > 1e-3


def test_weights_are_what_they_are_called():
    uniform, density = (fitted(weights=weights) for weights in ("uniform", "density"))
    np.testing.assert_allclose(uniform.weights_, 1.0 / len(uniform.minima_), rtol=1e-12)
    scores = np.exp(density.memory_.score_samples(density.minima_))
    np.testing.assert_allclose(density.weights_, scores / scores.sum(), rtol=1e-9)


@pytest.mark.parametrize("dynamics", ["mean_shift", "flow"])
def test_basin_weights_are_the_mass_of_the_density_that_retrieval_brings_there(dynamics):
    rows = [[-1.0], [0.0], [0.33], [1.7], [2.6]]
    memory = EpanechnikovMemory(bandwidth=0.8, dynamics=dynamics)
    sampler = fitted(rows, memory, kind="all", n_seeds=50_000)
    grid = np.linspace(-2, 4, 60_001)[:, None]
    mass = np.exp(sampler.memory_.score_samples(grid)) * (grid[1] - grid[0])
    states = sampler.memory_.transform(grid)
    basins = (states == sampler.minima_.T) * mass[:, None]
    expected = basins.sum(axis=0)
    assert expected.sum() == pytest.approx(1.0, abs=1e-3)
    assert chisquare(sampler.weights_ * 50_000, expected / expected.sum() * 50_000).pvalue > 1e-3


def test_basins_of_the_flow_are_others():
    one, two = (
        fitted(memory=EpanechnikovMemory(bandwidth=0.75, dynamics=dynamics))
        for dynamics in ("mean_shift", "flow")
    )
    np.testing.assert_array_equal(one.minima_, two.minima_)
    assert not np.array_equal(one.weights_, two.weights_)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_draws_are_reproducible_and_leave_the_global_generator_alone(weights):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    one, two = (fitted(weights=weights, search="seeds", n_seeds=500) for _ in range(2))
    np.testing.assert_array_equal(one.minima_, two.minima_)
    np.testing.assert_array_equal(one.weights_, two.weights_)
    np.testing.assert_array_equal(one.sample(9, random_state=5), two.sample(9, random_state=5))
    same = one.sample(9, random_state=np.random.RandomState(5))
    np.testing.assert_array_equal(same, two.sample(9, random_state=5))
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_search_enumerates_where_that_is_affordable():
    whole = fitted(search="enumerate")
    auto = fitted()
    np.testing.assert_array_equal(auto.minima_, whole.minima_)
    np.testing.assert_array_equal(auto.weights_, whole.weights_)
    for some in (fitted(search="seeds", n_seeds=300), fitted(max_sets=50, n_seeds=300)):
        assert not some.complete_
        assert sets(some.members_) < sets(whole.members_)
        assert len(some.minima_) > 60
    wide = fitted(np.random.default_rng(0).random((500, 2)), EpanechnikovMemory(bandwidth=9.0))
    assert wide.complete_  # far more pairs overlap than max_sets, and yet it suffices
    cut = fitted(search="enumerate", max_sets=50)
    assert not cut.complete_
    assert sets(cut.members_) < sets(whole.members_)


def test_what_a_cut_enumeration_found_is_kept():
    some = enumerate_minima(clone(MEMORY).fit(X), max_sets=300)
    cut = sets(m for m, new in zip(some.members, some.is_emergent, strict=True) if new)
    sampler = fitted(max_sets=300, n_seeds=20)
    assert not sampler.complete_
    assert cut < sets(sampler.members_)


@pytest.mark.parametrize("dynamics", ["mean_shift", "flow"])
@pytest.mark.parametrize("start", [0, 100])
def test_whatever_the_search_and_the_dynamics_all_are_minima(dynamics, start):
    for seed in range(start, start + 100):
        rows, sample_weight, radius = random_case(seed)
        memory = EpanechnikovMemory(bandwidth=radius, dynamics=dynamics)
        some = enumerate_minima(clone(memory).fit(rows, sample_weight=sample_weight), max_sets=4)
        expected = self_consistent_sets(rows, sample_weight, radius)
        for parameters in ({"search": "seeds"}, {"max_sets": 4}):
            sampler = EmergentSampler(
                memory, kind="all", weights="basin", n_seeds=60, random_state=0, **parameters
            )
            sampler.fit(rows, sample_weight=sample_weight)
            assert {frozenset(m) for m in sets(sampler.members_)} <= expected
        assert sets(some.members) <= sets(sampler.members_)


def test_a_limit_of_the_flow_with_a_memory_on_its_rim_is_no_minimum():
    rows = [[-4.0], [-1.6], [-1.4], [3.0]]
    memory = EpanechnikovMemory(bandwidth=3.0, dynamics="flow")
    sampler = fitted(rows, memory, search="seeds", n_seeds=200)
    assert sampler.minima_.ravel() == pytest.approx([-7 / 3])
    np.testing.assert_allclose(sampler.memory_.transform(sampler.minima_), sampler.minima_)


def test_a_minimum_that_float64_does_not_see_is_kept():
    rows, radius = [[2.0, 3, 3], [6, 2, 1], [0, 0, 0]], 2.345207879911715
    memory = EpanechnikovMemory(bandwidth=radius)
    sampler = EmergentSampler(memory, max_sets=4, weights="uniform", random_state=0)
    sampler.fit(rows, sample_weight=[3, 1, 3])
    assert (0, 2) in sets(sampler.members_)


def test_minima_that_samples_come_to_are_found_too():
    sampler = fitted(search="seeds", n_seeds=300)
    ends = sampler.memory_.transform(sampler.memory_.sample(300, np.random.RandomState(0)))
    known = (ends[:, None] == sampler.minima_).all(axis=2).any(axis=1)
    emergent = sampler.memory_.retrieve(ends).recalled < 0
    assert known[emergent].all()


def test_blurry_minima_can_be_left_out():
    everything = fitted()
    sharp = fitted(min_margin=0.02)
    assert (sharp.margins_ >= 0.02).all()
    assert len(sharp.minima_) == (everything.margins_ >= 0.02).sum()
    few = fitted(max_members=3)
    assert {len(members) for members in few.members_} == {2, 3}
    copies = fitted(np.repeat(X, 2, axis=0), max_members=3)
    assert {len(members) for members in copies.members_} == {4, 6}  # copies are no more members
    assert few.n_found_ == copies.n_found_ == len(everything.minima_)


def test_weights_of_the_rows_reach_the_memory():
    sampler = EmergentSampler(EpanechnikovMemory(bandwidth=1.5), weights="uniform")
    sampler.fit([[0.0], [1.0], [9.0]], sample_weight=[3, 1, 0])
    assert sampler.minima_.tolist() == [[0.25]]
    assert sampler.memory_.weights_.tolist() == [3, 1]


def test_nothing_found_is_no_error_until_sample_says_which_bandwidths_do():
    sampler = fitted(X, EpanechnikovMemory(bandwidth=0.1))
    assert sampler.minima_.shape == (0, 8)
    assert sampler.members_ == []
    assert len(sampler.weights_) == 0
    low, high = emergence_window(X)
    message = f"bandwidth_=0.1: below bandwidth={high:.6g} all .* and down to {low:.6g} emergent"
    for method in (sampler.draw, sampler.sample):
        with pytest.raises(ValueError, match=message):
            method(3)
    assert len(fitted(X, EpanechnikovMemory(bandwidth=(low + high) / 2)).minima_)


def test_an_empty_filter_says_so():
    n = len(fitted().minima_)
    with pytest.raises(ValueError, match=rf": none of the {n} found passes min_margin=9\.0\.$"):
        fitted(min_margin=9.0).sample()
    with pytest.raises(ValueError, match=r"found passes max_members=1\.$"):
        fitted(max_members=1).sample()
    with pytest.raises(ValueError, match=r"passes min_margin=0\.1 and max_members=1\.$"):
        fitted(min_margin=0.1, max_members=1).sample()


def test_a_search_that_misses_what_is_there_says_so():
    rows = np.random.default_rng(0).random((10, 8))
    memory = EpanechnikovMemory(np.mean(emergence_window(rows)))
    sampler = EmergentSampler(memory, search="seeds", n_seeds=3, random_state=1).fit(rows)
    with pytest.raises(ValueError, match="but a search may miss them: raise n_seeds or max_sets"):
        sampler.sample()


def test_one_pattern_has_nothing_to_merge_with():
    for rows in ([[1.0, 2.0]], [[1.0, 2.0]] * 3):
        sampler = fitted(rows)
        with pytest.raises(ValueError, match="new patterns need at least two distinct ones"):
            sampler.sample()
        np.testing.assert_array_equal(fitted(rows, kind="stored").sample(2), [[1.0, 2.0]] * 2)


def test_no_stored_minimum_left_says_so():
    sampler = fitted([[0.0], [1.0]], EpanechnikovMemory(bandwidth=5.0), kind="stored")
    with pytest.raises(ValueError, match=r"bandwidth_=5: below bandwidth=1 all patterns"):
        sampler.sample()


def test_basins_that_no_sample_finds_are_warned_of():
    rows = np.random.default_rng(0).random((20, 32))
    memory = EpanechnikovMemory(np.mean(emergence_window(rows)))
    told = (
        r"None of n_seeds=5 samples of the density came to one of .*drawn alike\. "
        r"Raise n_seeds, or choose weights='density' or 'uniform'\.$"
    )
    with pytest.warns(UserWarning, match=told):
        sampler = EmergentSampler(memory, n_seeds=5, random_state=0).fit(rows)
    np.testing.assert_allclose(sampler.weights_, 1.0 / len(sampler.minima_))
    assert sampler.sample(3).shape == (3, 32)


def test_memory_is_cloned_and_none_is_the_default():
    memory = EpanechnikovMemory(bandwidth=0.75)
    sampler = fitted(memory=memory)
    assert sampler.memory is memory
    assert sampler.memory_ is not memory
    with pytest.raises(NotFittedError):
        memory.transform(X)
    assert fitted(memory=None).memory_.bandwidth == "nearest"
    assert fitted(memory=KernelMemory(bandwidth=0.75)).complete_


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"memory": GaussianMemory()}, TypeError, "Epanechnikov kernel alone, got GaussianKernel"),
        ({"memory": KernelMemory("biweight")}, TypeError, "got PowerKernel"),
        ({"memory": KMeans()}, ValueError, "'memory' parameter of EmergentSampler"),
        ({"kind": "new"}, ValueError, "'kind' parameter of EmergentSampler"),
        ({"weights": None}, ValueError, "'weights' parameter"),
        ({"search": "fast"}, ValueError, "'search' parameter"),
        ({"max_sets": 0}, ValueError, r"'max_sets' .* in the range \[1, inf\)"),
        ({"n_seeds": 2.5}, ValueError, "'n_seeds' parameter"),
        ({"min_margin": -0.1}, ValueError, r"'min_margin' .* in the range \[0.0, inf\)"),
        ({"min_margin": np.nan}, ValueError, "'min_margin' parameter"),
        ({"max_members": 0}, ValueError, "'max_members' parameter"),
        ({"max_members": True}, ValueError, "'max_members' parameter"),
        ({"random_state": "seed"}, ValueError, "'random_state' parameter"),
    ],
)
def test_wrong_parameters_are_refused_and_leave_the_sampler_as_it_was(parameters, error, message):
    sampler = fitted()
    before = sampler.set_params(**parameters).__dict__.copy()
    with pytest.raises(error, match=message):
        sampler.fit(X[:5])
    assert sampler.__dict__ == before


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None, "3"])
def test_n_samples_must_be_a_positive_integer(wrong):
    sampler = fitted(weights="uniform")
    for method in (sampler.draw, sampler.sample):
        with pytest.raises(ValueError, match=f"n_samples must be .*got {wrong!r}"):
            method(wrong)


def test_an_unfitted_sampler_says_so():
    for method in ("draw", "sample"):
        with pytest.raises(NotFittedError):
            getattr(EmergentSampler(), method)()


def test_minima_of_float32_rows_are_float64_and_names_are_kept():
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcdefgh"))
    sampler = fitted(frame)
    assert sampler.sample(2, random_state=0).dtype == np.float64
    assert sampler.feature_names_in_.tolist() == list("abcdefgh")
    assert sampler.n_features_in_ == 8


@pytest.mark.parametrize("carry", ["pickle", "skops"])
def test_a_carried_sampler_draws_the_same(carry):
    sampler = fitted(weights="density")
    if carry == "pickle":
        other = pickle.loads(pickle.dumps(sampler))
    else:
        file = skops.io.dumps(sampler)
        trusted = skops.io.get_untrusted_types(data=file)
        assert len(trusted) == 2  # the sampler and its memory
        other = skops.io.loads(file, trusted=trusted)
    np.testing.assert_array_equal(other.sample(9, 3), sampler.sample(9, 3))
    assert sets(other.members_) == sets(sampler.members_)


# --- pipelines --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:200]


def test_a_pipeline_is_sampled_in_the_space_of_its_input(digits):
    pipeline = make_pipeline(
        StandardScaler(), PCA(10, random_state=0), EmergentSampler(random_state=0)
    )
    pipeline.fit(digits)
    new = sample_from(pipeline, 20, random_state=3)
    expected = pipeline[:-1].inverse_transform(pipeline[-1].sample(20, random_state=3))
    np.testing.assert_array_equal(new, expected)
    assert new.shape == (20, 64)


def test_nested_and_empty_steps_are_passed(digits):
    inner = make_pipeline(PCA(10, random_state=0), EmergentSampler(random_state=0))
    outer = make_pipeline(StandardScaler(), "passthrough", None, inner).fit(digits)
    flat = make_pipeline(StandardScaler(), PCA(10, random_state=0), EmergentSampler(random_state=0))
    flat.fit(digits)
    np.testing.assert_allclose(sample_from(outer, 5, 0), sample_from(flat, 5, 0), rtol=1e-12)
    alone = make_pipeline(EmergentSampler(random_state=0)).fit(digits)
    np.testing.assert_array_equal(sample_from(alone, 5, 0), alone[-1].sample(5, 0))


def test_a_memory_at_the_end_is_sampled_too(digits):
    pipeline = make_pipeline(PCA(5, random_state=0), GaussianMemory()).fit(digits)
    assert sample_from(pipeline, 4, random_state=0).shape == (4, 64)


def test_what_cannot_be_sampled_or_mapped_back_is_named(digits):
    with pytest.raises(TypeError, match="pipeline must be a Pipeline, got EmergentSampler"):
        sample_from(EmergentSampler())
    clusters = make_pipeline(PCA(2), KMeans(2))
    with pytest.raises(TypeError, match="step 'kmeans' of the pipeline must have 'sample'"):
        sample_from(clusters)
    flat = make_pipeline(Normalizer(), EmergentSampler(random_state=0)).fit(digits)
    with pytest.raises(TypeError, match=r"step 'normalizer' .* must have 'inverse_transform'"):
        sample_from(flat)


def test_one_minimum_is_drawn_unless_more_are_asked_for():
    sampler = fitted()
    assert sampler.draw(random_state=0).shape == (1,)
    assert sampler.sample(random_state=0).shape == (1, X.shape[1])


def test_parameters_default_to_what_is_documented():
    told = re.findall(r"^    (\w+) : .*default=(\S+)$", EmergentSampler.__doc__, re.M)
    defaults = {name: ast.literal_eval(value) for name, value in told}
    assert defaults == EmergentSampler().get_params()


def test_samples_are_drawn_with_the_random_state_of_the_sampler():
    one, two = (fitted(n_seeds=200) for _ in range(2))
    np.testing.assert_array_equal(one.weights_, two.weights_)
    other = EmergentSampler(MEMORY, n_seeds=200, random_state=1).fit(X)
    assert not np.array_equal(one.weights_, other.weights_)
