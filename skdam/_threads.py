"""Work over threads, and BLAS held to one thread meanwhile, for however many callers at once."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock, Thread, get_ident
from typing import ClassVar, TypeVar

from joblib import Parallel, delayed
from sklearn import config_context, get_config
from threadpoolctl import LibController, ThreadpoolController

Part = TypeVar("Part")


class _Single:
    """Who wants BLAS to take one thread: a setting of the whole process.

    The first to want it sets it, and the last to leave puts it back. If each put back what it had
    found, the last might put back what another had set, for good.
    """

    lock: ClassVar = Lock()
    callers: ClassVar = Counter[int]()  # how often each thread wants it
    before: ClassVar[list[int]] = []  # threads of each library


@cache
def _libraries() -> list[LibController]:
    """Return the libraries of BLAS that are loaded by now: to find them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set(numbers: list[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        library.set_num_threads(number)


@contextmanager
def single_blas() -> Iterator[None]:
    """Hold BLAS to one thread: products are small, or threads are our own.

    A thread that ends at once sets it: what a living thread has set, threadpoolctl lets no other
    put back.
    """
    me = get_ident()
    with _Single.lock:
        if not _Single.callers:
            _Single.before = [library.num_threads for library in _libraries()]
            (setter := Thread(target=_set, args=[[1] * len(_Single.before)])).start()
            setter.join()
        _Single.callers[me] += 1
    try:
        yield
    finally:  # no call of our own, which might be interrupted before it does anything
        with _Single.lock:
            _Single.callers -= Counter({me: 1})
            if not _Single.callers:
                (setter := Thread(target=_set, args=[_Single.before])).start()
                setter.join()


def _after_fork() -> None:
    """Forget, in a child, the threads that it does not have, and what they had locked."""
    _Single.lock, anyone = Lock(), bool(_Single.callers)
    _Single.callers &= Counter({get_ident(): _Single.callers.total()})
    if anyone and not _Single.callers:
        _set(_Single.before)


if os.name == "posix":  # pragma: no branch - others have no fork
    os.register_at_fork(after_in_child=_after_fork)


def over_threads(work: Callable[[slice], Part], parts: Sequence[slice], n_jobs: int) -> list[Part]:
    """Do `work` on each part, in threads that know this one's configuration of scikit-learn.

    Not by scikit-learn's `delayed`: that carries filters of warnings, too, which threads share, and
    several at once may lose them for the whole process.  All parts are handed over at once: joblib
    parses its default, "2 * n_jobs", and Python 3.11's parser may fail if several threads parse.
    """
    config = get_config()

    def configured(part: slice) -> Part:
        with config_context(**config):
            return work(part)

    with single_blas():
        parallel = Parallel(n_jobs=n_jobs, backend="threading", pre_dispatch="all")
        return parallel(delayed(configured)(part) for part in parts)
