"""Memory stays within its bound: never a matrix of queries by memories."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, numpy as np
from sklearn.datasets import load_digits
from skdam import EpanechnikovMemory, GaussianMemory, find_minima

rng = np.random.default_rng(0)
X = np.resize(load_digits().data, (60_000, 64)) + rng.normal(size=(60_000, 64))
queries = X[:2_000] + rng.normal(size=(2_000, 64))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
memory = {memory}.fit(X[:100]).transform(queries[:100])  # what the libraries hold themselves
before = peak()
memory = {memory}.fit(X)
{work}
print(peak() - before)
"""
#: Where states are dense a block of fifty queries sets the peak, and a hundred tell.
TASKS = {
    "sparse scores": ("EpanechnikovMemory(13.0)", "memory.score_samples(queries)"),
    "sparse retrieval": ("EpanechnikovMemory(13.0)", "memory.retrieve(queries).members"),
    "dense scores": ("EpanechnikovMemory(60.0)", "memory.score_samples(queries[:300])"),
    "dense retrieval": (
        "EpanechnikovMemory(60.0, max_iter=1)",
        "memory.retrieve(queries[:30]).members",
    ),
    "dense states": ("EpanechnikovMemory(60.0, max_iter=1)", "memory.transform(queries[:100])"),
    "gradients": ("EpanechnikovMemory(13.0)", "memory.gradient(queries)"),
    "record": ("EpanechnikovMemory(13.0)", "memory.retrieve(queries[:500], record=True)"),
    "flow": ("EpanechnikovMemory(13.0, dynamics='flow')", "memory.transform(queries[:100])"),
    "dense flow": (
        "EpanechnikovMemory(60.0, dynamics='flow').fit(X[:3000])",
        "memory.fit(X[:3000]).transform(queries[:5])",
    ),
    "search": ("EpanechnikovMemory(13.0)", "find_minima(memory, n_seeds=300, random_state=0)"),
    "gaussian scores": ("GaussianMemory(3.0)", "memory.score_samples(queries)"),
    "gaussian step": ("GaussianMemory(3.0, max_iter=1)", "memory.retrieve(queries[:300])"),
    "clamped": ("EpanechnikovMemory(13.0)", "memory.retrieve(queries, known=np.arange(64) < 32)"),
}


@pytest.mark.parametrize(("memory", "work"), TASKS.values(), ids=TASKS)
def test_peak_stays_within_half_a_gibibyte_of_the_inputs(memory, work):
    script = SCRIPT.format(memory=memory, work=work)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.5
