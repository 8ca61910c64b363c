"""Every public estimator, method by method, on faulty and odd inputs and parameters, in tables.

Either the answer is right, or an error says what is wrong and the estimator is what it was before.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import cache, partial
from inspect import signature
from tempfile import TemporaryFile
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from cases import ESTIMATORS
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from skdam import AttentionMemory, EpanechnikovMemory

#: Whole multiples of 1/256, so that float32 and an offset of 1e8 are exact; no two are equal.
ROWS = np.round(np.random.default_rng(0).normal(size=(7, 8)) * 256) / 256
LABELS = ROWS[:, 0] > 0
#: The first setting of each class in the list of estimators, and one that has an energy besides.
SUBJECTS = {type(estimator).__name__: estimator for estimator in reversed(ESTIMATORS)}
SUBJECTS["LayeredMemory"] = clone(SUBJECTS["LayeredMemory"]).set_params(tau_hidden=1.0)  # quick
SUBJECTS["AttentionMemory by dot"] = AttentionMemory(similarity="dot")
KERNELS = {"EpanechnikovMemory", "GaussianMemory", "KernelMemory"}
SPINS = {"BinaryMemory", "HopfieldMemory"}
MAPS = {"NystroemFeatures", "PositiveRandomFeatures", "RandomFourierFeatures"}
UNITLESS = SPINS | MAPS | {"DenseMemoryClassifier", "BasinClustering"}
SQUARED = {"LayeredMemory", "AttentionMemory by dot"}  # whose beta is in inverse squared units
CENTRAL = SQUARED | {"AttentionMemory", "KernelizedMemory"}  # which measure from the origin
RULED = KERNELS | {"BasinClustering", "EmergentSampler", "MemoryImputer", "RandomFeatureMemory"}


def _methods(estimator):
    """Return the public methods that take rows, found rather than listed."""
    bound = {m: getattr(estimator, m, None) for m in dir(type(estimator)) if not m.startswith("_")}
    return [m for m, call in bound.items() if callable(call) and "X" in signature(call).parameters]


CELLS = [(name, method) for name in sorted(SUBJECTS) for method in _methods(SUBJECTS[name])]


def call(estimator, method, rows, n=7):
    """Return what a method says of n rows, with labels or vectors where it asks for them."""
    takes = signature(getattr(estimator, method)).parameters
    more = {}
    if "y" in takes and takes["y"].default is takes["y"].empty:
        more["y"] = np.resize(LABELS, n)
    if "V" in takes:
        more["V"] = np.ones(len(estimator.get_feature_names_out()))
    return getattr(estimator, method)(rows, **more)


def answer(estimator, method, rows, then):
    """Return what a method answers as an array; if it learns, what is then answered on rows."""
    result = call(estimator, method, rows, len(rows))
    if result is not estimator:
        return np.asarray(getattr(result, "state", result))
    if method == "fit_map":
        return estimator.feature_map_.transform(np.asarray(then))
    if hasattr(estimator, "minima_"):
        return estimator.minima_
    telling = [m for m in ("transform", "decision_function", "predict") if hasattr(estimator, m)]
    return getattr(estimator, telling[0])(then)


CASTS = {
    "plain": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16).astype(float),
    "bool": lambda X: (X > 0).astype(float),
    "int8": lambda X: np.round(X * 9),
    "frame": lambda X: pd.DataFrame(X, columns=list("abcdefgh")),
}


@cache
def _fitted(name, cast="plain"):
    estimator = call(clone(SUBJECTS[name]), "fit", CASTS[cast](ROWS))
    return estimator, joblib.hash(estimator)


SPOT = np.equal(ROWS, ROWS[2, 1])
FAULTS = {
    "0 rows": (np.empty((0, 8)), ValueError, r"0 sample\(s\) \(shape=\(0, 8\)\)"),
    "0 columns": (np.empty((3, 0)), ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\)"),
    "1-D": (ROWS[0], ValueError, "Expected 2D array, got 1D array"),
    "3-D": (np.ones((2, 8, 2)), ValueError, "dim 3|3D array|3 dims"),
    "scalar": (3.0, ValueError, "Expected 2D array, got scalar"),
    "None": (None, ValueError, "Expected 2D array, got scalar"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "inhomogeneous|sequence"),
    "NaN": (np.where(SPOT, np.nan, ROWS), ValueError, "X contains NaN in 1 rows, .* row 2"),
    "+inf": (np.where(SPOT, np.inf, ROWS), ValueError, "X contains infinity"),
    "-inf": (np.where(SPOT, -np.inf, ROWS), ValueError, "X contains infinity"),
    "complex": (ROWS + 0j, ValueError, "Complex data not supported"),
    "strings": (np.full((2, 8), "a"), ValueError, "could not convert string|numeric|strings"),
    "object strings": (np.full((2, 8), "a", object), ValueError, "could not convert string"),
    "datetime64": (np.full((2, 8), "2026-01-01", "M8[D]"), TypeError, "X holds dates or time"),
    "timedelta64": (np.ones((2, 8), "m8[s]"), TypeError, "X holds dates or time"),
    "masked": (np.ma.array(ROWS, mask=ROWS > 1), TypeError, "X is a masked array with masked"),
    "CSR": (sp.csr_array(ROWS), TypeError, r"\.toarray\(\)"),
}


def _is_fault(name, method, fault):
    """Return whether an input is one: three of them are documented as legal."""
    takes_gaps = name == "MemoryImputer" or method == "inverse_transform"  # outside="nan"
    return not (takes_gaps if fault == "NaN" else fault == "CSR" and name in MAPS)


FAULTY = [(*cell, fault) for cell in CELLS for fault in FAULTS if _is_fault(*cell, fault)]


@pytest.mark.parametrize(("name", "method", "fault"), FAULTY)
def test_a_faulty_input_is_named_and_changes_nothing(name, method, fault):
    estimator, before = _fitted(name)
    rows, error, message = FAULTS[fault]
    with pytest.raises(error, match=message):
        call(estimator, method, rows)
    assert joblib.hash(estimator) == before


FRAME = CASTS["frame"](ROWS)
MISFITS = {
    "too few features": (ROWS[:, 1:], "X has 7 features, but {} is expecting 8 features"),
    "too many features": (np.hstack([ROWS] * 2), "X has 16 features, but {} is expecting 8"),
    "renamed columns": (FRAME.rename(columns={"h": "z"}), "unseen at fit time:\n- z"),
    "reordered columns": (FRAME.iloc[:, ::-1], "must be in the same order"),
    "missing columns": (FRAME.iloc[:, 1:], "yet now missing:\n- a"),
}
QUERIES = [(name, m) for name, m in CELLS if not m.startswith("fit")]


@pytest.mark.parametrize("misfit", MISFITS)
@pytest.mark.parametrize(("name", "method"), QUERIES)
def test_queries_of_other_columns_are_refused(name, method, misfit):
    estimator, before = _fitted(name, "frame" if "columns" in misfit else "plain")
    rows, message = MISFITS[misfit]
    with pytest.raises(ValueError, match=message.format(name.split()[0])):
        call(estimator, method, rows)
    assert joblib.hash(estimator) == before


def _mapped(X):
    with TemporaryFile() as file:
        rows = np.memmap(file, X.dtype, "w+", shape=X.shape)
    rows[:] = X
    return rows


ODD = {
    "Fortran order": ("plain", np.asfortranarray),
    "strided": ("plain", lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]),
    "reversed": ("plain", lambda X: X[::-1, ::-1].copy()[::-1, ::-1]),
    "read-only": ("plain", lambda X: np.broadcast_to(X, X.shape)),
    "memory-mapped": ("plain", _mapped),
    "lists": ("plain", np.ndarray.tolist),
    "masked without masked entries": ("plain", np.ma.array),
    "objects": ("plain", lambda X: X.astype(object)),
    "big-endian": ("plain", lambda X: X.astype(">f8")),
    "big-endian float32": ("float32", lambda X: X.astype(">f4")),
    "long double": ("plain", lambda X: X.astype(np.longdouble)),
    "float16": ("float16", lambda X: X.astype(np.float16)),
    "bool": ("bool", lambda X: X.astype(bool)),
    "int8": ("int8", lambda X: X.astype(np.int8)),
    "data frame": ("frame", pd.DataFrame.copy),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("name", "method"), CELLS)
def test_an_odd_input_is_read_as_its_numbers_and_left_alone(name, method, odd):
    cast, make = ODD[odd]
    plain = CASTS[cast](ROWS)
    estimator, _ = _fitted(name, cast)
    few = plain[:3] if method == "forget" else plain
    rows = make(few)
    before = np.array(rows).tobytes()
    got = answer(deepcopy(estimator), method, rows, plain[3:])
    expected = _expected(name, method, "plain" if cast == "frame" else cast)
    np.testing.assert_array_equal(got, expected, strict=True)
    assert np.array(rows).tobytes() == before


@cache
def _expected(name, method, cast):
    plain = CASTS[cast](ROWS)
    few = plain[:3] if method == "forget" else plain
    return answer(deepcopy(_fitted(name, cast)[0]), method, few, plain[3:])


STATES = ["transform", "fit_transform", "retrieve", "recall", "inverse_transform"]
KINDS = dict.fromkeys([*STATES, "fit", "partial_fit", "forget"], "state")
KINDS |= {"gradient": "slope", "energy": "square", "pullback": "inverse"}
KINDS |= {"score_samples": "log", "score": "log"}


def _kind(name, method):
    """Return the kind of an answer: how it changes with unit, origin and copies of the rows."""
    if name in SPINS | SQUARED and method in ("energy", "score_samples"):
        return "sum"
    if name in UNITLESS and method not in ("inverse_transform", "pullback"):
        return "number"
    if name == "MemoryNoveltyDetector" and method in ("fit", "decision_function"):
        return "decision"
    return KINDS.get(method, "number")


SAME = np.asarray
ALIKE = dict.fromkeys(["state", "slope", "inverse", "log", "number", "decision"], SAME)
SUMS = dict.fromkeys(["square", "sum"], SAME)


class Law(NamedTuple):
    """A change of the rows that an answer follows: fitted to, asked about, and undone by kind."""

    fitted: Callable
    asked: Callable
    undo: dict
    names: set = frozenset(SUBJECTS)
    rows: np.ndarray = ROWS
    unit: float = 1.0


def _unit(unit):
    undo = ALIKE | {"sum": SAME, "log": lambda a: a + ROWS.shape[1] * np.log(unit)}
    undo |= dict.fromkeys(["state", "slope"], lambda a: a / unit) | {"inverse": lambda a: a * unit}
    if 1e-300 < unit < 1e300:  # the square of others is no float, as the docstring says
        undo["square"] = lambda a: a / unit / unit
    return Law(lambda X: X * unit, lambda X: X * unit, undo, SUBJECTS.keys() - SQUARED, unit=unit)


COPIES = partial(np.tile, reps=(3, 1))
ZERO, SEVEN = (partial(np.pad, pad_width=[(0, 0), (0, 1)], constant_values=c) for c in (0, 7))
LIKE32 = ALIKE | SUMS | {"state": lambda a: a.view(np.float32)}  # nonsense from float64
OFFSET = ALIKE | SUMS | {"state": lambda a: a - 1e8}
COLUMNS = {kind: SAME for kind in ALIKE if kind != "log"} | SUMS  # one more for a density
BY_DISTANCE = RULED - {"RandomFeatureMemory"}  # its map is drawn by the number of columns
MANY = {"DenseMemoryClassifier", "MemoryNoveltyDetector"}  # they compare rows
LAWS = {f"in units of {unit}": _unit(unit) for unit in (1e-300, 1e-150, 1e150, 1e300)} | {
    "offset 1e8": Law(*[lambda X: X + 1e8] * 2, OFFSET, SUBJECTS.keys() - CENTRAL),
    # minima are float64 whatever the rows
    "float32": Law(*[CASTS["float32"]] * 2, LIKE32, SUBJECTS.keys() - {"EmergentSampler"}),
    # copies are weight: tests/laws/test_kernel_memories.py measures how they lower an energy
    "identical rows": Law(COPIES, SAME, ALIKE),
    "one row fitted": Law(COPIES, SAME, ALIKE, SUBJECTS.keys() - MANY, ROWS[:1]),
    "one row asked": Law(SAME, lambda X: X[:1], ALIKE | SUMS),
    "one column": Law(ZERO, ZERO, COLUMNS, BY_DISTANCE, ROWS[:, :1]),
    "constant column": Law(SEVEN, SEVEN, COLUMNS, BY_DISTANCE),
}


def _obeys(name, method, law):
    if "row" in law and (method in ("partial_fit", "forget") or method.startswith("fit_")):
        return False  # what is asked about would be learned too
    if law == "one row asked" and method in ("fit", "score"):
        return False  # all rows have one answer
    return name in LAWS[law].names and _kind(name, method) in LAWS[law].undo


@cache
def _learned(name, law, changed):
    """Return an estimator of bandwidth 4, where it has one, fitted before or after the change."""
    estimator, law = clone(SUBJECTS[name]), LAWS[law]
    bandwidth = 4.0 * law.unit if changed else 4.0
    values = {"bandwidth": bandwidth, "memory": EpanechnikovMemory(bandwidth)}
    names = estimator.get_params(deep=False).keys()
    estimator.set_params(**{key: value for key, value in values.items() if key in names})
    rows = law.fitted(law.rows) if changed else law.rows
    return call(estimator, "fit", rows, len(rows))


LAWFUL = [(*cell, law) for cell in CELLS for law in LAWS if _obeys(*cell, law)]


@pytest.mark.parametrize(("name", "method", "law"), LAWFUL)
def test_an_answer_follows_a_change_of_the_rows(name, method, law):
    _, change, undo, _, rows, _ = LAWS[law]
    asked = ROWS[: 3 if method == "forget" else 7, : rows.shape[1]]
    expected = answer(deepcopy(_learned(name, law, False)), method, asked, asked)
    got = answer(deepcopy(_learned(name, law, True)), method, change(asked), change(asked))
    expected = expected[:1] if law == "one row asked" else expected
    part = tuple(map(slice, expected.shape))  # but for columns added
    kind = _kind(name, method)
    # float32 and rows of 1e8 are as exact; a decision is a difference of scores, to 1e-9 of which
    atol = 1e-5 if kind == "decision" or law in ("float32", "offset 1e8") else 1e-9
    np.testing.assert_allclose(undo[kind](got)[part], expected, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("name", sorted(RULED | {"MemoryNoveltyDetector"}))
def test_a_row_alone_has_no_scale(name, copies):
    estimator, before = _fitted(name)
    with pytest.raises(ValueError, match=r"at least 2 distinct rows.*Pass bandwidth=<float>"):
        estimator.fit(np.tile(ROWS[:1], (copies, 1)))
    assert joblib.hash(estimator) == before


#: What a parameter may be, in the words of the error, and values that it may not be.
PAIR = np.ones(2)
NUMBERS = ["unknown", True, PAIR, None, np.nan, np.inf, -1]
POSITIVE = ["a float in the range (0.0, inf)"], [*NUMBERS, 0]
NOT_NEGATIVE = ["a float in the range [0.0, inf)"], NUMBERS
TIME = ["a float in the range [1e-100, 1e+100]"], [*NUMBERS, 0]
COUNT = ["an int in the range [1, inf)"], [*NUMBERS, 0, 2.5]
COUNT_OR_NONE = [*COUNT[0], "None"], [value for value in COUNT[1] if value is not None]
JOBS = ["an int in the range (-inf, -1]", *COUNT_OR_NONE[0]], ["2", True, PAIR, np.nan, 0, 1.5]
SEED = ["an int in the range [0, 4294967295]"], ["unknown", PAIR, np.nan, np.inf, -1, 1.5]
FLAG = ["an instance of 'bool'"], ["unknown", PAIR, None, np.nan, 0, 2]
MEMORY = (
    ["a kernel memory (EpanechnikovMemory,", "None"],
    ["unknown", True, PAIR, 0, EpanechnikovMemory, {}],
)


def one_of(*legal):
    """Return the words that a parameter may be, and values that are none of them."""
    return legal, ["unknown", "", True, PAIR, None, np.nan, 0]


SHARE = ["a float in the range (0.0, 1.0]"], [*NUMBERS, 0, 1.5]
RULES = [*POSITIVE[0], "nearest", "scott", "silverman", "loo"], POSITIVE[1]
ALGORITHMS = one_of("auto", "cells", "tree", "gemm", "pca", "refine")
INTERACTIONS = one_of("rectified", "power", "exponential")
SEPARATIONS = one_of("softmax", "entmax15", "sparsemax")
LEARNING = one_of("hebbian", "pseudo_inverse", "storkey", "delta", "perceptron")
THRESHOLD = ["a float in the range (-inf, inf)", "midrange"], NUMBERS[:-1]
KERNEL = {"bandwidth": RULES, "algorithm": ALGORITHMS, "max_iter": COUNT, "n_jobs": JOBS}
COMPACT = KERNEL | {"dynamics": one_of("mean_shift", "flow")}
COMPACT |= {"outside": one_of("nearest", "keep", "nan", "raise")}
SPIN = {"update": one_of("asynchronous", "synchronous"), "threshold": THRESHOLD}
SPIN |= {"max_iter": COUNT, "random_state": SEED}
ATTENTION = {"beta": POSITIVE, "separation": SEPARATIONS, "max_iter": COUNT, "tol": NOT_NEGATIVE}
MAP = {"n_components": COUNT, "bandwidth": POSITIVE, "random_state": SEED}
COUNTS = ["n_memories", "degree", "batch_size", "max_iter", "n_iter_no_change"]
PARAMETERS = {
    "EpanechnikovMemory": COMPACT | {"epsilon": NOT_NEGATIVE},
    "GaussianMemory": KERNEL | {"dynamics": one_of("mean_shift"), "tol": NOT_NEGATIVE},
    "KernelMemory": COMPACT | {"kernel": one_of("Kernel"), "tol": NOT_NEGATIVE},
    "BinaryMemory": SPIN | {"interaction": INTERACTIONS, "degree": COUNT, "beta": POSITIVE},
    "HopfieldMemory": SPIN | {"rule": LEARNING},
    "AttentionMemory": ATTENTION
    | {"similarity": one_of("cosine", "dot", "euclidean", "manhattan")},
    "KernelizedMemory": ATTENTION
    | {"n_components": COUNT_OR_NONE, "learn_map": ([*FLAG[0], "auto"], FLAG[1])}
    | {"random_state": SEED},
    "LayeredMemory": {"model": one_of("A", "B", "C"), "interaction": INTERACTIONS}
    | {"rtol": (["a float in the range [1e-13, 1.0)"], [*NUMBERS, 0, 1.0]), "degree": COUNT}
    | {"tau_visible": TIME, "tau_hidden": TIME}
    | {"beta": POSITIVE, "max_time": POSITIVE, "atol": POSITIVE},
    "EmergentSampler": {"memory": MEMORY, "kind": one_of("emergent", "stored", "all")}
    | {"weights": one_of("basin", "density", "uniform"), "min_margin": NOT_NEGATIVE}
    | {"search": one_of("auto", "enumerate", "seeds"), "max_sets": COUNT, "n_seeds": COUNT}
    | {"max_members": COUNT_OR_NONE, "random_state": SEED},
    "RandomFeatureMemory": {"bandwidth": RULES, "n_components": COUNT, "max_iter": COUNT}
    | {"feature_map": one_of("fourier", "positive", "nystroem", "'transform' and 'pullback'")}
    | {"step": SHARE, "tol": NOT_NEGATIVE, "random_state": SEED, "n_jobs": JOBS},
    "DenseMemoryClassifier": dict.fromkeys(COUNTS, COUNT)
    | {"decay": SHARE, "learning_rate": POSITIVE, "early_stopping": FLAG, "random_state": SEED}
    | {
        "temperature": (
            ["a float in the range [1e-09, inf) or a str among {'auto'}"],
            [*NUMBERS, 0],
        )
    }
    | {"loss_exponent": (["an int in the range [1, 256]"], [*NUMBERS, 0, 2.5, 257])}
    | {"momentum": (["a float in the range [0.0, 1.0)"], [*NUMBERS, 1.0])}
    | {"validation_fraction": (["a float in the range (0.0, 1.0)"], [*NUMBERS, 0, 1.0])},
    "BasinClustering": {"memory": MEMORY, "merge_tol": NOT_NEGATIVE},
    "MemoryImputer": {"memory": MEMORY, "completion": one_of("mean", "retrieve", "sample")}
    | {"add_indicator": FLAG, "keep_empty_features": FLAG, "random_state": SEED},
    "MemoryNoveltyDetector": {"memory": MEMORY}
    | {"alarm_rate": (["a float in the range (0.0, 0.5]"], [*NUMBERS, 0, 0.6])},
    "NystroemFeatures": MAP,
    **dict.fromkeys(sorted(MAPS)[1:], MAP | {"orthogonal": FLAG}),
}
ILLEGAL = {
    f"{name}({parameter}={value!r})": (name, parameter, legal, value)
    for name, kinds in PARAMETERS.items()
    for parameter, (legal, values) in kinds.items()
    for value in values
}


def test_every_parameter_is_in_the_table():
    for name, estimator in SUBJECTS.items():
        assert PARAMETERS[name.split()[0]].keys() == estimator.get_params(deep=False).keys()


@pytest.mark.parametrize(("name", "parameter", "legal", "value"), ILLEGAL.values(), ids=ILLEGAL)
def test_an_illegal_parameter_is_named_with_its_value_and_range(name, parameter, legal, value):
    estimator = clone(SUBJECTS[name]).set_params(**{parameter: value})
    for method in {"fit", "partial_fit"} & set(_methods(SUBJECTS[name])):
        with pytest.raises(InvalidParameterError, match=f"{parameter}.* must be ") as caught:
            call(estimator, method, ROWS)
        assert all(words in str(caught.value) for words in (*legal, repr(value)))
