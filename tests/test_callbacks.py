"""What stands in for scikit-learn's callbacks, where the installed version has none."""

import sys
import warnings
from importlib.util import find_spec, module_from_spec

import pytest


@pytest.fixture
def without(monkeypatch):
    """Return the module as it is under a scikit-learn without callbacks."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = find_spec("skdam._callbacks")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("asks", "n_epochs"), [(9, 5), (3, 3)])
def test_without_callbacks_epochs_are_repeated_until_one_asks_to_stop(without, asks, n_epochs):
    told, epochs = without.Told(without.CallbackSupportMixin(), 5, None, None, None), []

    def epoch():
        epochs.append(len(epochs) + 1)
        return epochs[-1] == asks

    told.repeat(epoch, 5, dict)
    told.end()
    assert epochs == list(range(1, n_epochs + 1))


def test_without_callbacks_a_method_is_one_call_further_away(without):
    @without.with_callbacks
    def method(x, *, y):
        """What it does."""
        warnings.warn("far", UserWarning, stacklevel=3)
        return x + y

    assert (method.__name__, method.__doc__) == ("method", "What it does.")
    with pytest.warns(UserWarning, match="far") as told:
        assert method(1, y=2) == 3
    assert told[0].filename == __file__
