"""How many minima there are, how long finding them takes, and how many a search finds.

Prints one table; `make bench` runs it.
"""

import time

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits

from skdam import EmergentSampler, EpanechnikovMemory, enumerate_minima, find_minima


def uniform(n, n_features):
    return np.random.default_rng(0).random((n, n_features))


def report(name, work):
    start = time.perf_counter()
    minima = work()
    print(
        f"  {name:44}{len(minima):9}{minima.is_emergent.sum():9}"
        f"{time.perf_counter() - start:9.2f} s{'' if minima.complete else '   not complete'}"
    )
    return minima


def memory_of(X, factor=None, bandwidth="nearest"):
    return EpanechnikovMemory(factor * pdist(X).min() if factor else bandwidth).fit(X)


digits = load_digits().data
print(f"{'all minima, with a certificate':46}{'minima':>9}{'emergent':>9}{'time':>11}")
for n, n_features, factor in [(15, 32, 0.95), (25, 32, 0.95), (25, 8, 2.0)]:
    memory = memory_of(uniform(n, n_features), factor)
    name = f"{n} uniform points, {n_features} features, {factor} r_min"
    report(name, lambda memory=memory: enumerate_minima(memory))
one_hot = memory_of(np.eye(20), bandwidth=1.0)
report("20 one-hot memories, bandwidth 1", lambda: enumerate_minima(one_hot))
for n, bandwidth in [(100, "nearest"), (1797, 9.0), (1797, 11.0)]:
    memory = memory_of(digits[:n], bandwidth=bandwidth)
    name = f"{n} digits, bandwidth {memory.bandwidth_:.2f}"
    report(name, lambda memory=memory: enumerate_minima(memory))

print("searched from seeds")
small, large = memory_of(uniform(15, 8), bandwidth=0.75), memory_of(digits)
truth = enumerate_minima(small)
for seed in range(3):
    name = f"15 uniform points, 8 features, 2000 seeds, run {seed}"
    found = report(name, lambda s=seed: find_minima(small, n_seeds=2000, random_state=s))
    print(f"    {len(found) / len(truth):.1%} of the {len(truth)} that there are")
for n_seeds in (10_000, 100_000):
    name = f"1797 digits, bandwidth {large.bandwidth_:.2f}, {n_seeds} seeds"
    report(name, lambda n=n_seeds: find_minima(large, n_seeds=n, random_state=0))

start = time.perf_counter()
sampler = EmergentSampler(random_state=0).fit(digits)
reached = np.sum(sampler.weights_ > 0)
print(
    f"EmergentSampler on 1797 digits: {len(sampler.minima_)} emergent minima, {reached} of them"
    f" reached by samples, {time.perf_counter() - start:.2f} s"
)
