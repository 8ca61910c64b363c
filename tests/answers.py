"""What every estimator answers by all its methods that ask, and all that one holds, as bytes."""

import io
from functools import cache, partial
from inspect import signature

import cloudpickle
import numpy as np
from cases import ESTIMATORS
from sklearn.base import clone
from sklearn.neighbors import KDTree

from skdam import EpanechnikovMemory, MemoryImputer, Minima, RetrievalResult, find_minima
from skdam._saved import Saved

ROWS = np.random.default_rng(0).normal(size=(30, 4))
LABELS = np.arange(len(ROWS)) % 2
#: Near the memories and off them.
QUERIES = np.vstack([ROWS[:5] + 0.1, ROWS[5:9] * 0.5])
#: What keeps a call short, where an estimator has it.
QUICK = {"n_components": 8, "max_iter": 2, "n_seeds": 12, "max_sets": 20, "degree": 2}
QUICK |= {"tau_hidden": 1.0, "max_time": 0.1, "bandwidth": 2.0}
#: The first setting of each class.
OF_EACH_CLASS = list({type(e): e for e in reversed(ESTIMATORS)}.values())[::-1]
#: What estimators of few rows say, and no test of files or threads is about.
SAID = "ignore:.*(still moving|cycle|not stable|are all 0|are equal|hardly learn|n_components|off)"


@cache
def fitted(estimator):
    """Return a fitted clone, one for all tests: none may write on it."""
    return clone(estimator).fit(ROWS, LABELS)


def quick(estimator):
    """Return a fitted clone whose calls are short."""
    known = QUICK.keys() & estimator.get_params(deep=False)
    short = clone(estimator).set_params(**{name: QUICK[name] for name in known})
    return short.fit(ROWS, LABELS)


def asking(estimator):
    """Return all calls that ask, by name, as functions of rows: found rather than listed."""
    names = [name for name in dir(type(estimator)) if _asks(estimator, name)]
    calls = {name: partial(_ask, estimator, name) for name in names}
    if isinstance(estimator, EpanechnikovMemory):
        calls["find_minima"] = lambda X: find_minima(estimator, X, n_seeds=9, random_state=0)
    return {name: lambda X, call=call: as_bytes(call(X)) for name, call in calls.items()}


def answers(estimator, X=QUERIES):
    """Return what all calls that ask say of rows."""
    return {name: ask(X) for name, ask in asking(estimator).items()}


def first(estimator):
    """Return the call that an estimator is for."""
    calls = asking(estimator)
    return calls[next(n for n in ("transform", "predict", "sample") if n in calls)]


def _asks(estimator, name):
    if name.startswith(("_", "fit", "partial_fit", "forget", "merge", "set_")):
        return False
    call = getattr(estimator, name, None)
    return callable(call) and bool({"X", "n_samples"} & set(signature(call).parameters))


def _ask(estimator, name, X):
    call = getattr(estimator, name)
    takes = signature(call).parameters
    if "n_samples" in takes:
        return call(5, random_state=0)
    if isinstance(estimator, MemoryImputer):
        X = np.where(np.arange(X.size).reshape(X.shape) % 3, X, np.nan)
    given = {"V": np.ones(len(estimator.get_feature_names_out()))} if "V" in takes else {}
    if "y" in takes:
        given["y"] = np.resize(LABELS, len(X))
    return call(X, **given)


def as_bytes(answer):
    """Return an answer's type, shape and bits."""
    if isinstance(answer, RetrievalResult | Minima):
        members = answer.members
        shares = members.toarray() if hasattr(members, "toarray") else [m.tolist() for m in members]
        held_arrays = [v for _, v in sorted(vars(answer).items()) if isinstance(v, np.ndarray)]
        return tuple(map(as_bytes, held_arrays)), repr(shares)
    array = np.asarray(answer)
    return str(array.dtype), array.shape, array.tobytes()


class _Whole(cloudpickle.Pickler):
    """Writes what estimators hold, and not what they say that their files should."""

    def reducer_override(self, obj):
        if isinstance(obj, Saved):
            return dict, (sorted(vars(obj).items()),)
        if isinstance(obj, KDTree):  # which counts its calls
            return tuple, ([np.asarray(part) for part in obj.get_arrays()],)
        return super().reducer_override(obj)


def held(estimator):
    """Return all that an estimator holds, whatever was built for it included, as bytes."""
    file = io.BytesIO()
    _Whole(file).dump(estimator)
    return file.getvalue()
