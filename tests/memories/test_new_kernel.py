"""Adding a kernel is one class and one row of the table: everything else follows."""

from dataclasses import dataclass

import numpy as np
import pytest

from skdam import KernelMemory
from skdam.bandwidths import leave_one_out_log_likelihood
from skdam.kernels import KERNELS, CompactKernel, PowerKernel


@dataclass(frozen=True)
class Quartic(CompactKernel):
    """``k(u) = (1 - u)^4``."""

    is_flat = False

    def profile(self, u):
        return (1.0 - u) ** 4

    def slope(self, u):
        return 4.0 * (1.0 - u) ** 3

    def log_integral(self, n_features, power=1):
        return PowerKernel(4 * power).log_integral(n_features)

    def variance(self, n_features):
        return 1.0 / (n_features + 10)

    def sample_u(self, rng, n_features, size):
        return rng.beta(n_features / 2, 5, size)


@pytest.mark.parametrize("kernel", ["quartic", Quartic()])
def test_a_kernel_added_to_the_table_does_everything(kernel, monkeypatch):
    monkeypatch.setitem(KERNELS, "quartic", Quartic())
    X = np.random.default_rng(0).normal(size=(40, 2))
    for rule in ("nearest", "scott", "silverman", "loo"):
        memory = KernelMemory(kernel, bandwidth=rule, max_iter=2000).fit(X)
        result = memory.retrieve(X, record=True)
        assert all((np.diff(energies) <= 1e-12).all() for energies in result.energies)
        np.testing.assert_allclose(memory.gradient(result.state), 0, atol=1e-4)
    assert np.isfinite(leave_one_out_log_likelihood(memory)).all()
    ticks = np.linspace(-8, 8, 801)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    assert np.exp(memory.score_samples(grid)).sum() * 0.02**2 == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(memory.score_samples(memory.sample(1000, random_state=0))).all()
