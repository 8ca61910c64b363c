"""Searches of one radius, and what tests of their parts count."""

from types import SimpleNamespace

import numpy as np

from skdam._active import Search
from skdam._math import Points


def search_of(X, radius, weights=None):
    return Search(Points.measured(X, radius), np.ones(len(X)) if weights is None else weights)


def squares(X, Y):
    return ((X[:, None] - Y) ** 2).sum(axis=2)


def recorded(monkeypatch, owner, name):
    """Let a method note its arguments, and do what it does."""
    calls, method = [], getattr(owner, name)

    def noting(*args, **kwargs):
        calls.append(SimpleNamespace(args=args, **kwargs))
        return method(*args, **kwargs)

    monkeypatch.setattr(owner, name, noting)
    return calls
