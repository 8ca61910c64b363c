"""scikit-learn's callbacks, where the installed version has them."""

from collections.abc import Callable, Iterator
from typing import Any

try:  # scikit-learn >= 1.9
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Older versions know no callbacks."""

        def _init_callback_context(self, max_subtasks: int) -> None:
            """Return no context."""

    def with_callbacks(method: Callable) -> Callable:  # type: ignore[no-redef]
        """Return the method as it is."""
        return method


def told(estimator: Any, context: Any, n: int, state: Callable[[], dict]) -> Iterator[int]:
    """Count to n, and tell the callbacks of each step; one that asks to stop is obeyed.

    `state` returns the attributes that the estimator would have if it stopped there.
    """
    for i in range(n):
        if context is None:
            yield i
            continue
        step = context.subcontext(task_name="epoch")
        step.call_on_fit_task_begin(estimator=estimator, reconstruction_attributes=state)
        yield i
        if step.call_on_fit_task_end(estimator=estimator, reconstruction_attributes=state):
            return


def started(estimator: Any, n: int) -> Any:
    """Return a context for n steps, or None."""
    context = estimator._init_callback_context(max_subtasks=n)
    if context is not None:
        context.call_on_fit_task_begin(estimator=estimator)
    return context


def ended(estimator: Any, context: Any) -> None:
    """Tell the callbacks that fitting is over."""
    if context is not None:
        context.call_on_fit_task_end(estimator=estimator, reconstruction_attributes={})


__all__ = ["CallbackSupportMixin", "ended", "started", "told", "with_callbacks"]
