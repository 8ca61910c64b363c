"""Paragraphs that several docstrings share, each written once."""

from collections.abc import Callable
from typing import TypeVar

Class = TypeVar("Class", bound=type)

_SHARED = {
    "bandwidth": """bandwidth : float or {"nearest", "scott", "silverman", "loo"}, default="nearest"
    Width of the kernel in data units{radius}, or the rule that finds it:

    - "nearest": from the median nearest-neighbour distance m of the distinct memories: compact
      kernels take ``0.95 m`` (somewhat more than half of the memories stay exact minima, the rest
      merge), the Gaussian ``m / sqrt(3 log K)`` (the widest at which memories at distance m, all
      together, disturb each other by less than K^-1/2).
    - "scott", "silverman": the rules of density estimation,
      ``s n^(-1/(D+4))``, times ``(4/(D+2))^(1/(D+4))`` for the latter, with s^2 the mean variance
      of a feature, times the canonical ratio of the kernel to the Gaussian.
    - "loo": maximises the leave-one-out likelihood, of at most 2048 memories evenly spaced in
      lexicographic order; costs some sixty passes over so many times K pairs.""",
    "algorithm": """algorithm : {"auto", "tree", "gemm", "refine", "pca", "cells"}, default="auto"
    Back end of the exact radius search. It changes no active set, and no score beyond twelve
    digits:

    - "tree": a k-d tree, for few features; whole leaves within reach add up in closed form.
    - "gemm": a float64 matrix product, for many active memories.
    - "refine": a float32 product proposes, float64 decides; for few active memories.
    - "pca": the same in the leading principal coordinates, for data near a flat of low dimension.
    - "cells": the same in those k-means cells that are within reach, for clustered data.
    - "auto": what costs least for a small sample of the queries.

    `fit` builds what the choice needs. A Gaussian knows the tree and products.""",
    "dynamics": """dynamics : {"mean_shift", "flow"}, default="mean_shift"
    How a state moves: to the mean of the memories that pull on it, until it stays; or along the
    gradient flow ``dx/dt = -grad E``, followed exactly from each change of its active set to the
    next (Epanechnikov kernel alone). From near a minimum both end there, and elsewhere often at
    different ones. (A flow may also tend to a point with a memory exactly on its rim.)""",
    "max_iter": """max_iter : int, default=300
    Most steps of one retrieval. 1 is the one-step model, as of attention: it never warns that a
    state was still moving. A flow ends by itself: it may take so many steps for each memory.""",
    "tol": """tol : float, default=1e-6
    A state is done when no coordinate moves by more than this many bandwidths.""",
    "n_jobs": """n_jobs : int or None, default=None
    Number of threads that queries are split over; -1 means all. It changes no result.""",
    "outside": """outside : {"nearest", "keep", "nan", "raise"}, default="nearest"
    What becomes of a query that no memory reaches: it starts from the nearest memory (the limit
    of widening the bandwidth until one reaches it), stays as it is, turns into NaN, or is refused
    with a ValueError.""",
    "attributes": """memories_ : ndarray of shape (K, D)
    The stored rows in the order given, copies kept, rows of zero weight dropped.
weights_ : ndarray of shape (K,)
    Their weights.
bandwidth_ : float
    The bandwidth in use, in data units.
beta_ : float
    The inverse temperature it stands for{beta}; inf or 0 where that is not representable.
n_iter_ : int
    1: storing is one pass. The steps of a retrieval are in `RetrievalResult`.
n_features_in_ : int
    Number of features D.
feature_names_in_ : ndarray of shape (D,)
    Their names, if `X` had string column names.""",
    "update": """update : {"asynchronous", "synchronous"}, default="asynchronous"
    One bit after another, in an order drawn in `fit`, which lowers the energy at each flip; or all
    at once by the gradient, which is faster{cycles}.""",
    "threshold": """threshold : float or "midrange", default="midrange"
    Features greater than it become +1, others -1; "midrange" lies halfway between the smallest and
    the largest value that `fit` (or the first `partial_fit`) sees.""",
    "max_iter_spins": """max_iter : int, default=100
    Most sweeps over all bits, or synchronous steps. 1 never warns that a state was still
    moving.""",
    "spin_attributes": """memories_ : ndarray of shape (K, N), int8
    The stored patterns, as +-1, in the order given.
threshold_ : float
    What features are compared with.
order_ : ndarray of shape (N,), int
    The order in which bits are updated.
n_iter_ : int
    1: storing is one pass. The steps of a retrieval are in `RetrievalResult`.
n_features_in_ : int
    Number of features N.
feature_names_in_ : ndarray of shape (N,)
    Their names, if `X` had string column names.""",
    "separation": """separation : {"softmax", "sparsemax", "entmax15"}, default="softmax"
    How scores become shares: all memories get some, or only the best, of which one that leads by
    ``1 / beta`` ("sparsemax") or ``2 / beta`` ("entmax15") gets all.""",
    "max_iter_attention": """max_iter : int, default=1
    Most steps. 1 is the one-step model, which never warns that a state was still moving.""",
    "tol_attention": """tol : float, default=1e-4
    A state is done when no coordinate moves by more than this share of the largest magnitude in
    the memories.""",
    "attention_attributes": """memories_ : ndarray of shape (K, D)
    The stored rows in the order given.
values_ : ndarray, list or None
    What `recall` returns for them; None for the rows themselves.
n_iter_ : int
    1: storing is one pass. The steps of a retrieval are in `RetrievalResult`.
n_features_in_ : int
    Number of features D.
feature_names_in_ : ndarray of shape (D,)
    Their names, if `X` had string column names.""",
    "santos": """.. [3] S. Santos, V. Niculae, D. McNamee, A. F. T. Martins, "Sparse and Structured
   Hopfield Networks", 2024, arXiv:2402.13725.""",
    "persistence": """A fitted memory holds its training rows verbatim: a file of it is training
data.""",
    "hoover": """.. [1] B. Hoover, Z. Shi, K. Balasubramanian, D. Krotov, P. Ram, "Dense Associative
   Memory with Epanechnikov Energy", 2025, arXiv:2506.10801.""",
}


def shared(**words: str) -> Callable[[Class], Class]:
    """Fill ``<name>`` lines of a class docstring with the shared paragraph of that name."""

    def fill(cls: Class) -> Class:
        doc = cls.__doc__ or ""
        for name, text in _SHARED.items():
            for word in ("radius", "beta", "cycles"):
                text = text.replace("{" + word + "}", words.get(word, ""))
            doc = doc.replace(f"<{name}>", text.replace("\n", "\n    "))
        cls.__doc__ = doc
        return cls

    return fill
