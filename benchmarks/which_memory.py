"""Measure which memory recalls which data, and write the tables of doc/which_memory.md.

A query is a stored pattern, damaged; it is recalled if the memory says that this pattern came back
(`RetrievalResult.recalled`). Each memory has its default settings but for what its row says.
"""

import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdam import (
    AttentionMemory,
    BinaryMemory,
    EpanechnikovMemory,
    GaussianMemory,
    HopfieldMemory,
    KernelizedMemory,
)
from skdam.learning import RULES

PAGE = Path(__file__).parents[1] / "doc" / "which_memory.md"
START, END = "<!-- tables: benchmarks/which_memory.py -->", "<!-- end of tables -->"
N_QUERIES, LOADS = 500, (0.1, 0.2, 0.5, 0.9)
MEMORIES = {
    "`EpanechnikovMemory()`": EpanechnikovMemory(),
    "the same, known features held": EpanechnikovMemory(),
    "`GaussianMemory()`": GaussianMemory(),
    "`AttentionMemory(100)`": AttentionMemory(100.0),
    '`AttentionMemory(100, separation="sparsemax")`': AttentionMemory(
        100.0, separation="sparsemax"
    ),
    '`AttentionMemory(similarity="manhattan")`': AttentionMemory(similarity="manhattan"),
    '`AttentionMemory(similarity="dot")`': AttentionMemory(similarity="dot"),
    "`KernelizedMemory(100)`": KernelizedMemory(100.0, random_state=0),
    "`HopfieldMemory()`": HopfieldMemory(random_state=0),
    '`HopfieldMemory("hebbian")`': HopfieldMemory("hebbian", random_state=0),
    "`BinaryMemory()`, degree 3": BinaryMemory(random_state=0),
    "`BinaryMemory(degree=10)`": BinaryMemory(degree=10, random_state=0),
    '`BinaryMemory("exponential")`': BinaryMemory("exponential", random_state=0),
}


def families(rng, n_families, n_members, n_features):
    """Return patterns of +-1 in families: each differs from its parent in a tenth of the bits."""
    parents = np.repeat(rng.choice([-1.0, 1.0], (n_families, n_features)), n_members, axis=0)
    return np.where(rng.random(parents.shape) < 0.1, -parents, parents)


def scenes():
    """Return patterns by name."""
    rng = np.random.default_rng(0)
    return {
        "digits": load_digits().data,
        "few": rng.choice([-1.0, 1.0], (30, 256)),
        "many": rng.choice([-1.0, 1.0], (200, 256)),
        "families": families(rng, 20, 10, 256),
    }


def noisy(X, rng):
    """Return patterns with noise: Gaussian on grey levels, flips on bits."""
    if X.min() < 0:
        return np.where(rng.random(X.shape) < 0.2, -X, X)
    return X + rng.normal(scale=4.0, size=X.shape)


def masked(X, rng):
    """Return patterns of which two features in five are missing."""
    return np.where(rng.random(X.shape) < 0.4, np.nan, X)


def recall(memory, queries, own, mean, hold):
    """Return the share of queries whose own pattern came back; gaps are filled with the mean."""
    known = ~np.isnan(queries)
    if hold and known.all():
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if hold:
            result = memory.retrieve(queries, known=known)
        else:
            result = memory.retrieve(np.where(known, queries, mean))
    return np.mean(result.recalled == own)


def rules():
    """Yield a row for each rule: which share is stable, and comes back from 5 % of flips."""
    for rule in RULES:
        row = []
        for load in LOADS:
            X = np.random.default_rng(0).choice([-1.0, 1.0], (round(load * 200), 200))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                memory = HopfieldMemory(rule, threshold=0, random_state=0).fit(X)
                stable = np.mean(memory.retrieve(X).n_iter == 0)
                queries = np.where(np.random.default_rng(1).random(X.shape) < 0.05, -X, X)
                back = np.mean(memory.retrieve(queries).recalled == np.arange(len(X)))
            row.append(f"{stable:.2f} / {back:.2f}")
        yield f"| {rule} | " + " | ".join(row) + " |"


def main():
    """Measure all memories on all scenes and write the tables into the page."""
    columns = {}
    for name, X in scenes().items():
        rng = np.random.default_rng(1)
        own = np.sort(rng.permutation(len(X))[:N_QUERIES])
        damage = {"noise": noisy(X[own], rng), "gaps": masked(X[own], rng)}
        for label, memory in MEMORIES.items():
            memory, hold = clone(memory).fit(X), "held" in label
            for kind, queries in damage.items():
                share = recall(memory, queries, own, X.mean(axis=0), hold)
                columns.setdefault(f"{name}, {kind}", {})[label] = share
    lines = ["| recalled | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for label in MEMORIES:
        shares = " | ".join(f"{column[label]:.2f}" for column in columns.values())
        shares = shares.replace("nan", "–")
        lines.append(f"| {label} | {shares} |")
    heads = " | ".join(f"K = {load:g} N" for load in LOADS)
    lines += ["", f"| stable / recalled | {heads} |", "|---" * (1 + len(LOADS)) + "|", *rules()]
    table = "\n".join(lines)
    print(table)
    before, rest = PAGE.read_text().split(START)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    main()
