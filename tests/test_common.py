"""scikit-learn's own checks, on every estimator, none expected to fail and none skipped."""

from inspect import getmembers, isclass
from unittest import SkipTest

import numpy as np
import pytest
from cases import ESTIMATORS, KERNEL_MEMORIES
from sklearn.base import BaseEstimator, clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdam
from skdam.kernels import KERNELS


# the checks fit a few rows with settings of their own, which random features are too few for
@pytest.mark.filterwarnings("ignore:.*n_components=")
@pytest.mark.filterwarnings(
    "ignore:.*still moving",
    "ignore:.*(cycle|not stable|hardly learn|couplings are all 0|features are equal)",
)
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"a check skipped itself: {reason}")


@pytest.mark.parametrize(("name", "cls"), getmembers(skdam, isclass))
def test_every_public_estimator_is_in_the_list(name, cls):
    if issubclass(cls, BaseEstimator):
        assert sum(type(estimator) is cls for estimator in ESTIMATORS) >= 3


def test_every_kernel_has_a_memory():
    assert KERNEL_MEMORIES.keys() == KERNELS.keys()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_methods_are_listed_whatever_a_parameter_is(estimator):
    for name in estimator.get_params(deep=False):
        assert "fit" in dir(clone(estimator).set_params(**{name: np.ones(2)}))
