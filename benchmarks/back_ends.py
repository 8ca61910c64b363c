"""What the back ends of the radius search cost, and which of them "auto" takes.

Milliseconds for scores and for retrieval, and scores beside scikit-learn's KernelDensity with
``rtol=0``, all in one run. `make bench` runs it.
"""

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KernelDensity

from skdam import EpanechnikovMemory
from skdam._active import BACK_ENDS, choose


def milliseconds(work, X):
    """Return the median time of three calls, after one that is not counted."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        work(X)
        times.append(1e3 * (time.perf_counter() - start))
    return np.median(times[1:])


def cases():
    rng = np.random.default_rng(0)
    for n_features, radius in [(2, 0.3), (16, 2.5), (16, 4.0)]:
        X = rng.normal(size=(10_000, n_features))
        yield f"10k x {n_features}, r = {radius}", X, rng.normal(size=(1000, n_features)), radius
    digits = np.resize(load_digits().data, (60_000, 64)) + rng.normal(size=(60_000, 64))
    yield "60k x 64 digits, r = 13", digits, digits[:500] + rng.normal(size=(500, 64)), 13.0
    centres = 4.0 * rng.normal(size=(40, 50))
    X = centres[rng.integers(40, size=100_000)] + rng.normal(size=(100_000, 50))
    yield "100k x 50 mixture, r = 7.5", X, X[:500] + 0.1 * rng.normal(size=(500, 50)), 7.5


def line(title, spent, more=""):
    print(f"{title:28}" + "".join(f"{ms:9.0f}" for ms in spent) + more, flush=True)


names = [*BACK_ENDS, "auto"]
print(f"{'scores, ms':28}" + "".join(f"{name:>9}" for name in [*names, "sklearn", "ratio", "took"]))
for title, X, queries, radius in cases():
    scores, states = [], []
    for name in names:
        memory = EpanechnikovMemory(radius, algorithm=name).fit(X)
        scores.append(milliseconds(memory.score_samples, queries))
        states.append(milliseconds(memory.transform, queries[:200]))
    peer = KernelDensity(bandwidth=radius, kernel="epanechnikov", rtol=0).fit(X)
    scores.append(milliseconds(peer.score_samples, queries[:100]) * len(queries) / 100)
    took = choose(memory._energy().patterns.points, queries)
    line(title, scores, f"{scores[-1] / scores[-2]:9.1f}{took:>9}")
    line("  retrieval of 200", states)
