"""Average accuracy, plasticity and forgetting on five permuted digit tasks, means of five seeds.

A hundred memories, 15 epochs a task, temperature .35; "together" is one `fit` on all rows.
"""

import numpy as np
from measure import table
from sklearn.datasets import load_digits

from skdam import DenseMemoryClassifier
from skdam.datasets import make_permuted_tasks
from skdam.sequential import (
    AGEM,
    EWC,
    GEM,
    L2,
    MAS,
    SI,
    Naive,
    Pseudorehearsal,
    Rehearsal,
    learn_sequentially,
)

SEEDS = range(5)
STRATEGIES = [
    Naive(),
    Rehearsal(),
    Pseudorehearsal(),
    GEM(),
    AGEM(),
    L2(1.0),
    EWC(100.0),
    MAS(100.0),
    SI(100.0),
]


def classifier(degree, seed):
    return DenseMemoryClassifier(degree=degree, temperature=0.35, max_iter=15, random_state=seed)


def together(degree):
    """Return the accuracy of learning all tasks at once."""
    found = []
    for seed in SEEDS:
        tasks = make_permuted_tasks(*load_digits(return_X_y=True), random_state=seed)
        X, y = (np.concatenate([task[i] for task in tasks]) for i in (0, 1))
        learned = classifier(degree, seed).fit(X, y)
        found.append(np.mean([learned.score(rows, labels) for _, _, rows, labels in tasks]))
    return np.mean(found)


def row(degree, strategy):
    """Return the measures of one strategy."""
    found = []
    for seed in SEEDS:
        tasks = make_permuted_tasks(*load_digits(return_X_y=True), random_state=seed)
        told = learn_sequentially(classifier(degree, seed), tasks, strategy)
        found.append([told.average_accuracy, told.plasticity, told.forgetting])
    return [degree, str(strategy), *np.mean(found, axis=0)]


def rows():
    """Yield a row for each strategy, and for learning all at once."""
    for degree in (2, 3):
        for strategy in STRATEGIES:
            yield row(degree, strategy)
        yield [degree, "together", together(degree), None, None]


table(["degree", "strategy", "average accuracy", "plasticity", "forgetting"], rows())
