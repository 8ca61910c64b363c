"""Bad input and bad luck: the right result, or an error that names what is wrong."""

import re
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from cases import HOPFIELD_FAMILY, KERNEL_MEMORIES, exact_memory
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdam import (
    AttentionMemory,
    BinaryMemory,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelizedMemory,
    KernelMemory,
)

every_kernel = pytest.mark.parametrize("name", KERNEL_MEMORIES)
X = np.random.default_rng(0).normal(size=(30, 4))

WRONG_ROWS = {
    "NaN": ([[1.0, 1.0], [np.nan, 1.0]], ValueError, r"X contains NaN in 1 rows.* row 1\. Fill"),
    "infinity": ([[np.inf, 1.0]], ValueError, "X contains infinity"),
    "no rows": (np.empty((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\)"),
    "no columns": (np.empty((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\)"),
    "1-D": ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array"),
    "3-D": (np.ones((2, 2, 2)), ValueError, "dim 3|3D array|3 dims"),
    "scalar": (3.0, ValueError, "Expected 2D array, got scalar"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "inhomogeneous|sequence"),
    "complex": (np.array([[1j, 2.0]]), ValueError, "Complex data not supported"),
    "complex numbers": ([[1j, 2.0]], TypeError, "not 'complex'"),
    "strings": ([["a", "b"]], ValueError, "could not convert string|dtype='numeric'|bytes/strings"),
    "objects": (np.array([["a", 1.0]], dtype=object), ValueError, "could not convert string"),
    "dates": (np.array([["2026-01-01"]], dtype="M8[D]"), TypeError, "X holds dates or time"),
    "times": (np.array([[3]], dtype="m8[s]"), TypeError, "X holds dates or time"),
    "date objects": (np.array([[np.datetime64("2026-01-01")]], object), TypeError, "X holds dates"),
    "dates in lists": ([[np.datetime64("2026-01-01")]], TypeError, "X holds dates or time"),
    "times in lists": ([[np.timedelta64(3, "s")]], TypeError, "X holds dates or time"),
    "a column of dates": (pl.DataFrame({"a": [1.0], "b": [date(2026, 1, 1)]}), TypeError, "dates"),
    "a column of times": (
        pd.DataFrame({"a": [1.0], "b": [pd.Timedelta(3, "s")]}),
        TypeError,
        "X holds dates or time",
    ),
    "list of masked rows": ([np.ma.array([1.0, 2.0], mask=[1, 0])], TypeError, "masked array with"),
    "masked": (np.ma.array([[1.0, 2.0]], mask=[[True, False]]), TypeError, "masked array with"),
    "sparse": (sp.csr_array(np.eye(3)), TypeError, r"\.toarray\(\)"),
    "sparse matrix": (sp.coo_matrix(np.eye(3)), TypeError, r"\.toarray\(\)"),
}


@pytest.mark.parametrize(("rows", "error", "message"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_wrong_rows_are_refused_everywhere(rows, error, message):
    fitted = EpanechnikovMemory(bandwidth=1.0).fit(np.eye(2))
    calls = [EpanechnikovMemory(bandwidth=1.0).fit, EpanechnikovMemory(bandwidth=1.0).partial_fit]
    calls += [getattr(fitted, name) for name in METHODS]
    for call in calls:
        with pytest.raises(error, match=message):
            call(rows)


@pytest.mark.parametrize(("rows", "error", "message"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_wrong_rows_are_refused_by_the_hopfield_family(rows, error, message):
    for estimator in HOPFIELD_FAMILY[::2]:
        fitted = clone(estimator).fit(np.eye(2))
        names = [name for name in FAMILY_METHODS if hasattr(fitted, name)]
        for call in [clone(estimator).fit, *(getattr(fitted, name) for name in names)]:
            with pytest.raises(error, match=message):
                call(rows)


FAMILY_METHODS = ["partial_fit", "transform", "retrieve", "energy", "gradient", "score_samples"]
FAMILY_METHODS += ["recall", "metastability"]


@pytest.mark.parametrize("estimator", HOPFIELD_FAMILY, ids=str)
def test_an_unfitted_member_of_the_family_says_so(estimator):
    names = [name for name in FAMILY_METHODS[1:] if hasattr(estimator, name)]
    for name in [*names, "inverse_transform"]:
        with pytest.raises(NotFittedError, match=f"{type(estimator).__name__} instance is not"):
            getattr(clone(estimator), name)(X)


@pytest.mark.filterwarnings("ignore:.*(still moving|cycle|not stable|are all 0|are equal)")
@pytest.mark.parametrize("estimator", HOPFIELD_FAMILY, ids=str)
def test_one_row_one_column_and_constants_are_fine(estimator):
    wide = np.column_stack([np.full(30, 7.0), X[:, :1], np.zeros(30)])
    for rows in (X[:1], X[:, :1], wide, np.ones((3, 2)), np.zeros((2, 3)), np.repeat(X, 2, axis=0)):
        memory = clone(estimator).fit(rows)
        assert np.isfinite(memory.transform(rows)).all()
        assert memory.retrieve(rows[:2]).state.shape == rows[:2].shape


@pytest.mark.filterwarnings("ignore:.*(still moving|cycle|not stable|are all 0|are equal)")
@pytest.mark.parametrize("estimator", HOPFIELD_FAMILY, ids=str)
def test_layout_and_kind_change_nothing_in_the_family(estimator):
    expected = clone(estimator).fit(X).transform(X)
    for rows in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist(), X.astype(">f8")):
        before = np.array(rows).tobytes()
        np.testing.assert_array_equal(clone(estimator).fit(rows).transform(rows), expected)
        assert np.array(rows).tobytes() == before
    half = X.astype(np.float16)
    assert clone(estimator).fit(half).transform(half).dtype == np.float64
    single = X.astype(np.float32)
    assert clone(estimator).fit(single).transform(single).dtype == np.float32


METHODS = [
    "partial_fit",
    "forget",
    "transform",
    "retrieve",
    "energy",
    "gradient",
    "score_samples",
    "score",
]


@pytest.mark.parametrize("method", [*METHODS[1:], "inverse_transform", "sample"])
def test_an_unfitted_memory_says_so(method):
    arguments = () if method == "sample" else (X,)
    with pytest.raises(NotFittedError, match="EpanechnikovMemory instance is not fitted yet"):
        getattr(EpanechnikovMemory(), method)(*arguments)


WRONG_PARAMETERS = [
    (EpanechnikovMemory, "bandwidth", [0, -1.0, np.inf, np.nan, True, "median", [1.0], None, 1j]),
    (EpanechnikovMemory, "epsilon", [-1e-9, np.inf, np.nan, True, "0", None]),
    (EpanechnikovMemory, "dynamics", ["newton", None, 1]),
    (EpanechnikovMemory, "outside", ["far", None, True]),
    (EpanechnikovMemory, "algorithm", ["kd_tree", None]),
    (EpanechnikovMemory, "max_iter", [0, -3, 2.5, np.inf, True, "9", None]),
    (EpanechnikovMemory, "n_jobs", [0, 1.5, True, "2"]),
    (GaussianMemory, "tol", [-1e-9, np.inf, np.nan, True, "small", None]),
    (KernelMemory, "kernel", ["tricube", "linear", None, 3, KernelMemory]),
    (BinaryMemory, "interaction", ["cubic", None, 3]),
    (BinaryMemory, "degree", [0, -2, 2.5, True, "3", None, np.inf]),
    (BinaryMemory, "beta", [0, -1.0, np.inf, np.nan, True, None]),
    (BinaryMemory, "update", ["random", None]),
    (BinaryMemory, "threshold", ["mean", None, np.inf, np.nan, True]),
    (BinaryMemory, "max_iter", [0, 2.5, True, None]),
    (HopfieldMemory, "rule", ["hebb", None]),
    (AttentionMemory, "beta", [0, -1.0, np.inf, np.nan, True, None]),
    (AttentionMemory, "similarity", ["euclid", None]),
    (AttentionMemory, "separation", ["max", None]),
    (AttentionMemory, "max_iter", [0, 2.5, True, None]),
    (AttentionMemory, "tol", [-1e-9, np.inf, np.nan, True, None]),
    (KernelizedMemory, "n_components", [0, 2.5, True, "all"]),
    (KernelizedMemory, "learn_map", ["yes", None, 3]),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [(cls, name, value) for cls, name, values in WRONG_PARAMETERS for value in values],
)
def test_wrong_parameters_are_named_with_value_and_range(cls, name, value):
    for method in ("fit", "partial_fit") if hasattr(cls(), "partial_fit") else ("fit",):
        with pytest.raises(ValueError, match=name) as caught:
            getattr(cls(**{name: value}), method)(X)
        assert type(caught.value).__name__ == "InvalidParameterError"
        assert repr(value) in str(caught.value)
        assert "must be" in str(caught.value)


WRONG_WEIGHTS = [
    ([1.0, -1.0], "Negative values in data passed to.*sample_weight"),
    ([0.0, 0.0], "sample_weight must not be all zero|at least one non-zero"),
    ([1.0], r"sample_weight.shape == \(1,\), expected \(2,\)"),
    ([np.nan, 1.0], "sample_weight contains NaN"),
    ([np.inf, 1.0], "sample_weight contains infinity"),
    ([1e308, 1e308], "sample_weight must have a finite sum"),
    ([1e300, 1e-300], "must not differ by more than float64 .* from 1e-300 to 1e\\+300"),
    ([[1.0], [1.0]], "Sample weights must be 1D array or scalar"),
    (np.ma.array([1.0, 2.0], mask=[True, False]), "sample_weight is a masked array"),
    (np.array([1, 2], dtype="m8[s]"), "sample_weight holds dates or time"),
]


@pytest.mark.parametrize(("weights", "message"), WRONG_WEIGHTS)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises((ValueError, TypeError), match=message):
        EpanechnikovMemory(bandwidth=1.0).fit(np.eye(2), sample_weight=weights)


@pytest.mark.parametrize("weights", [[1.0, 5e-324], [1e300, 1e-7], [2e-300, 5e-324]])
@every_kernel
def test_weights_as_far_apart_as_floats_are_right(name, weights):
    memory = KERNEL_MEMORIES[name](bandwidth=1.0).fit([[0.0], [99.0]], sample_weight=weights)
    alone = KERNEL_MEMORIES[name](bandwidth=1.0).fit([[0.0]]).score_samples([[0.0]])
    expected = alone + np.log(weights) - np.log(weights[0])
    np.testing.assert_allclose(memory.score_samples([[0.0], [99.0]]), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["nearest", "scott", "silverman", "loo"])
@every_kernel
def test_one_row_has_no_scale_but_takes_a_number(name, rule):
    for rows in ([[1.0, 2.0]], [[1.0, 2.0]] * 3):
        with pytest.raises(ValueError, match=f"'{rule}' .*got 1 sample.*Pass bandwidth=<float>"):
            KERNEL_MEMORIES[name](bandwidth=rule).fit(rows)
        memory = KERNEL_MEMORIES[name](bandwidth=3.0).fit(rows)
        np.testing.assert_array_equal(memory.transform([[1.1, 2.1]]), [[1.0, 2.0]])
        assert memory.retrieve([[1.1, 2.1]]).recalled.tolist() == [0]


@pytest.mark.parametrize("bandwidth", ["nearest", "scott", "silverman", "loo"])
@every_kernel
def test_one_column_and_constant_columns_are_fine(name, bandwidth):
    column = X[:, :1]
    wide = np.column_stack([np.full(30, 7.0), column, np.zeros(30)])
    for rows in (column, wide):
        memory = KERNEL_MEMORIES[name](bandwidth=bandwidth, max_iter=1).fit(rows)
        assert np.isfinite(memory.score_samples(rows)).all()
        assert np.isfinite(memory.transform(rows)).all()


@every_kernel
def test_layout_and_kind_of_the_input_change_nothing(name, tmp_path):
    np.save(tmp_path / "x.npy", X)
    read_only = X.copy()
    read_only.flags.writeable = False
    inputs = {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "reversed": X[::-1].copy()[::-1],
        "read only": read_only,
        "mapped": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "lists": X.tolist(),
        "masked without a mask": np.ma.array(X),
        "big endian": X.astype(">f8"),
    }
    expected = exact_memory(name, 1.5).fit(X)
    for rows in inputs.values():
        before = np.array(rows).tobytes()
        memory = exact_memory(name, 1.5).fit(rows)
        np.testing.assert_array_equal(memory.score_samples(rows), expected.score_samples(X))
        result = memory.retrieve(rows, record=True)
        np.testing.assert_array_equal(result.state, expected.transform(X))
        assert np.array(rows).tobytes() == before
    single = exact_memory(name, 1.5).fit(X.astype(">f4"))
    assert single.memories_.dtype == single.transform(X.astype(">f4")).dtype == np.float32


@every_kernel
@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e300, 1e-300])
def test_extreme_magnitudes_scale_like_any_other(name, scale):
    plain, scaled = (
        exact_memory(name, "nearest").fit(X),
        exact_memory(name, "nearest").fit(X * scale),
    )
    assert scaled.bandwidth_ == pytest.approx(scale * plain.bandwidth_, rel=1e-9)
    states = scaled.transform((X + 0.1) * scale)
    np.testing.assert_allclose(states / scale, plain.transform(X + 0.1), rtol=1e-9)
    shift = 4 * np.log(scale)
    np.testing.assert_allclose(scaled.score_samples(X * scale), plain.score_samples(X) - shift)
    gradient = scaled.gradient((X + 0.1) * scale)
    np.testing.assert_allclose(gradient / scale, plain.gradient(X + 0.1), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bandwidth", [2.3e-308, 4.4e307])
def test_a_bandwidth_at_the_end_of_the_floats_is_measured_with(bandwidth):
    X = np.append(np.linspace(0, 0.9, 30), 2.0)[:, None] * bandwidth
    for name, cls in KERNEL_MEMORIES.items():
        memory = cls(bandwidth=bandwidth, max_iter=1).fit(X)
        scores = memory.score_samples(X) + np.log(bandwidth)
        plain = cls(bandwidth=1.0, max_iter=1).fit(X / bandwidth)
        np.testing.assert_allclose(scores, plain.score_samples(X / bandwidth), 1e-10, err_msg=name)
        states = memory.transform(X) / bandwidth
        np.testing.assert_allclose(states, plain.transform(X / bandwidth), 1e-12, err_msg=name)


@pytest.mark.parametrize("bandwidth", [2.2e-308, 4.6e307, 1.7e308])
def test_a_bandwidth_that_cannot_be_measured_with_is_refused(bandwidth):
    with pytest.raises(ValueError, match=re.escape(f"bandwidth={bandwidth} is not rep")):
        EpanechnikovMemory(bandwidth=bandwidth).fit(X)
    with pytest.raises(ValueError, match=r"bandwidth=.* is not representable.*Rescale X"):
        EpanechnikovMemory().fit([[0.0], [5e-324]])


@every_kernel
def test_a_bandwidth_far_too_small_keeps_and_far_too_large_merges_everything(name):
    tiny, huge = exact_memory(name, 1e-12).fit(X), exact_memory(name, 1e12).fit(X)
    assert tiny.retrieve(X).recalled.tolist() == list(range(30))
    np.testing.assert_allclose(huge.transform(X), np.tile(X.mean(axis=0), (30, 1)), atol=1e-12)
    assert np.isfinite(huge.score_samples(X)).all()


def test_two_rows_a_rounding_apart():
    rows = np.array([[1.0], [np.nextafter(1.0, 2.0)]])
    memory = EpanechnikovMemory().fit(rows)
    assert memory.retrieve(rows).recalled.tolist() == [0, 1]
    wide = EpanechnikovMemory(bandwidth=1.0).fit(rows)
    assert wide.retrieve(rows).converged.all()


def test_many_copies_of_two_rows():
    rows = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5000, axis=0)
    result = EpanechnikovMemory().fit(rows).retrieve([[0.1, 0.0], [0.9, 1.0]])
    assert result.recalled.tolist() == [0, 5000]
    assert np.diff(result.members.indptr).tolist() == [5000, 5000]


def test_rows_at_the_end_of_the_floats_answer_without_a_warning():
    far, ends = [[1.7e308]], [[-1.7e308], [1.7e308]]
    memory = EpanechnikovMemory(1.0).fit([[0.0], [1.0]])
    assert memory.score_samples(far) == -np.inf
    assert memory.transform(far) == 0.0  # equally far by rounding: the first
    assert EpanechnikovMemory(1e-100).fit(ends).retrieve(ends).recalled.tolist() == [0, 1]
    for rule in ("nearest", "scott", "loo"):
        with pytest.raises(ValueError, match="bandwidth"):
            EpanechnikovMemory(rule).fit(ends)
