"""Whatever goes wrong at whichever call inside `fit` or `partial_fit`, nothing has happened."""

import pickle
import sys
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from cases import ESTIMATORS
from sklearn.base import clone, is_classifier

#: Most calls of one run at which something goes wrong: the first, the last, and between.
MOST = 60
#: What keeps a fit short, where an estimator has it.
QUICK = {"n_components": 4, "max_iter": 3, "n_seeds": 12, "max_sets": 20, "degree": 2}

RNG = np.random.default_rng(0)
X, OTHER = RNG.normal(size=(14, 3)), RNG.normal(size=(11, 3))
Y = np.arange(len(X)) % 2

#: The first setting of each class that has the method (some have `partial_fit` for some settings).
CELLS = {
    (type(estimator), method): estimator
    for method in ("partial_fit", "fit")
    for estimator in reversed(ESTIMATORS)
    if hasattr(estimator, method)
}


def quick(estimator):
    known = estimator.get_params(deep=False)
    return clone(estimator).set_params(**{name: QUICK[name] for name in QUICK.keys() & known})


def bound(estimator, method, rows=X, labels=Y):
    """Return the call of a method: looking that up may already be work, but is no part of it."""
    classes = ([0, 1],) if method == "partial_fit" and is_classifier(estimator) else ()
    return partial(getattr(estimator, method), rows, labels, *classes)


class Calls:
    """Counts the calls of functions that skdam defines, and lets one of them go wrong."""

    def __init__(self, place=None, error=None):
        self.place, self.error, self.count = place, error, 0

    def __call__(self, frame, event, _):
        if event == "call" and frame.f_globals.get("__name__", "").startswith("skdam."):
            self.count += 1
            if self.count == self.place:
                raise self.error


@contextmanager
def profiled(calls):
    """Let `calls` watch; whoever watched before, and tools that trace, watch again afterwards."""
    before = sys.getprofile()
    sys.setprofile(calls)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def places(start, method):
    """Return at which calls something is to go wrong: at all of them, or evenly spaced."""
    work = bound(start(), method)
    with profiled(Calls()) as calls:
        work()
    assert calls.count > 3
    return np.unique(np.linspace(1, calls.count, MOST).astype(int)).tolist()


def check_nothing_happens(start, method, error):
    estimator, data = start(), (X.tobytes(), Y.tobytes())
    attributes, state = dict(vars(estimator)), pickle.dumps(estimator)
    work = bound(estimator, method)
    for place in places(start, method):
        with pytest.raises(error), profiled(Calls(place, error)) as calls:
            work()
        assert calls.count >= place
        assert vars(estimator) == attributes  # the very same objects,
        assert pickle.dumps(estimator) == state  # and nothing was written into them
    assert data == (X.tobytes(), Y.tobytes())
    work()  # nothing stands in the way of doing it after all
    expected = start()
    bound(expected, method)()
    assert pickle.dumps(estimator) == pickle.dumps(expected)


every_error = pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
every_cell = pytest.mark.parametrize(
    ("estimator", "method"),
    [pytest.param(e, method, id=f"{cls.__name__}-{method}") for (cls, method), e in CELLS.items()],
)
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(still moving|cycle|not stable|hardly learn|couplings are all 0|features are )"
)


@every_error
@every_cell
def test_a_failure_at_any_call_leaves_a_new_estimator_new(estimator, method, error):
    check_nothing_happens(lambda: quick(estimator), method, error)


@every_error
@every_cell
def test_a_failure_at_any_call_leaves_a_fitted_estimator_as_it_was(estimator, method, error):
    def fitted():
        new = quick(estimator)
        bound(new, method, OTHER, Y[: len(OTHER)])()
        return new

    check_nothing_happens(fitted, method, error)


def test_every_class_is_interrupted():
    assert {cls for cls, method in CELLS if method == "fit"} == set(map(type, ESTIMATORS))


def test_whoever_watched_before_watches_again():
    with profiled(Calls()) as outer:
        with pytest.raises(MemoryError), profiled(Calls(1, MemoryError)):
            quick(ESTIMATORS[0]).fit(X)
        assert sys.getprofile() is outer
