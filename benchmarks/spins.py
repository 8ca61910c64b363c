"""Asynchronous retrieval of binary memories, many queries side by side, beside loops over queries.

Rectified memories of 784 bits, a thousand queries with a tenth of their bits flipped; the loops are
timed on some of them. One caches each query's overlaps and updates them at a flip; the textbook's
forms all overlaps anew for either value of every bit. All end in the same states.
"""

import numpy as np
from measure import once, table

from skdam import BinaryMemory

N_BITS, N_QUERIES = 784, 1000


def power(overlap, degree):
    """Return max(h, 0)^n, by squaring."""
    base, result = np.maximum(overlap, 0.0), None
    while degree:
        if degree % 2:
            result = base if result is None else result * base
        base, degree = base * base, degree // 2
    return result


def cached(spins, order, degree):
    """Return a loop over queries that keeps the overlaps up to date."""
    columns = np.ascontiguousarray(spins.T)

    def retrieve(X):
        X = X.copy()
        for state in X:
            overlap, quiet = spins @ state, 0
            while quiet < len(order):
                for i in order:
                    without = overlap - columns[i] * state[i]
                    up, down = without + columns[i], without - columns[i]
                    gain = power(up, degree).sum() - power(down, degree).sum()
                    quiet += 1
                    if gain * state[i] < 0:
                        state[i], overlap, quiet = -state[i], without - columns[i] * state[i], 0
        return X

    return retrieve


def textbook(spins, order, degree):
    """Return a loop over queries that forms a fresh product for every bit."""

    def retrieve(X):
        X = X.copy()
        for state in X:
            quiet = 0
            while quiet < len(order):
                for i in order:
                    both = np.array([state, state])
                    both[:, i] = 1.0, -1.0
                    up, down = power(both @ spins.T, degree)
                    quiet += 1
                    gain = up.sum() - down.sum()
                    if gain * state[i] < 0:
                        state[i], quiet = -state[i], 0
        return X

    return retrieve


def row(n_memories, degree, n_cached, n_textbook):
    """Time the three on the same memories and queries."""
    rng = np.random.default_rng(0)
    spins = rng.choice([-1.0, 1.0], (n_memories, N_BITS))
    queries = spins[np.arange(N_QUERIES) % n_memories].copy()
    queries[rng.random(queries.shape) < 0.1] *= -1.0
    memory = BinaryMemory("rectified", degree, threshold=0, random_state=0).fit(spins)
    memory.transform(queries[:2])
    ours = once(memory.transform, queries)
    states = memory.transform(queries[:n_cached])
    times = []
    for loop, n in [(cached, n_cached), (textbook, n_textbook)]:
        retrieve = loop(spins, memory.order_, degree)
        np.testing.assert_array_equal(retrieve(queries[:1]), states[:1])
        times.append(once(retrieve, queries[:n]) * N_QUERIES / n)
    return [n_memories, degree, ours, *times, times[0] / ours, times[1] / ours]


CASES = [(5000, 3, 20, 2), (500, 3, 50, 4), (500, 30, 50, 4)]
head = "memories, degree, skdam (s), cached loop (s), textbook (s), cached / ours, textbook / ours"
table(head.split(", "), (row(*case) for case in CASES))
