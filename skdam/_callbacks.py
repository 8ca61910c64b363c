"""scikit-learn's callbacks, where the installed version has them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

try:  # scikit-learn >= 1.9
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Older versions know no callbacks."""

        def _init_callback_context(self, max_subtasks: int) -> None:
            """Return no context."""

    def with_callbacks(method: Callable) -> Callable:  # type: ignore[no-redef]
        """Return the method, one call further away as with them: warnings count on it."""

        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return called


class Told:
    """Callbacks that hear of a fit and of each of its epochs, if there are any.

    Parameters
    ----------
    estimator : estimator that supports callbacks
    n : int
        The most epochs that there will be.
    X, y, sample_weight : array-like
        What it is fitted to, for callbacks that score it.
    """

    def __init__(self, estimator: Any, n: int, X: Any, y: Any, sample_weight: Any) -> None:
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        self._about = {"estimator": estimator, "X": X, "y": y, "metadata": weights}
        self._context = estimator._init_callback_context(max_subtasks=n)
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._about)

    def repeat(self, epoch: Callable[[], bool], n: int, state: Callable[[], dict]) -> None:
        """Repeat an epoch n times, or until it or a callback asks to stop.

        `state` returns the attributes that the estimator would have if it stopped there.
        """
        for _ in range(n):
            if self._context is None:
                asked = epoch()
            else:
                step = self._context.subcontext(task_name="epoch")
                step.call_on_fit_task_begin(**self._about, reconstruction_attributes=state)
                asked = epoch()
                asked |= step.call_on_fit_task_end(**self._about, reconstruction_attributes=state)
            if asked:
                return

    def end(self) -> None:
        """Tell that fitting is over."""
        if self._context is not None:
            self._context.call_on_fit_task_end(**self._about, reconstruction_attributes={})


__all__ = ["CallbackSupportMixin", "Told", "with_callbacks"]
