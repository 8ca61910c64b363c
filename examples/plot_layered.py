"""
Two layers that settle
======================

A network of 64 visible neurons and one hidden neuron for each of fifty digits is started at a noisy
digit. The energy falls while the hidden neurons find out which memory it is, and the visible ones
become it. The faster the hidden neurons, the nearer the way is to that of attention, where they
have no time of their own: the difference is proportional to their time constant.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skdam import AttentionMemory, LayeredMemory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

# %%
# Digits of norm 1, and a noisy one.

X = load_digits().data[:50]
X = (X - X.mean()) / np.linalg.norm(X - X.mean(), axis=1, keepdims=True)
query = X[[7]] + np.random.default_rng(0).normal(scale=0.12, size=(1, 64))
memory = LayeredMemory(beta=30.0).fit(X)
result = memory.retrieve(query, record=True)
times, energies, path = result.times[0], result.energies[0], result.trajectory[0]
print(f"memory {result.recalled[0]} came back at time {times[-1]:.1f}")

# %%
# Fast hidden neurons: after a time of 1 the state should be that of the flow towards attention.


def state_at_one(tau):
    """Return the state at time 1, between the steps of the integration."""
    told = LayeredMemory(beta=30.0, tau_hidden=tau, rtol=1e-9, atol=1e-11).fit(X)
    way = told.retrieve(query, record=True)
    return np.array([np.interp(1.0, way.times[0], values) for values in way.trajectory[0].T])


taus = np.array([0.3, 0.1, 0.03, 0.01])
limit = state_at_one(0.001)
errors = [np.abs(state_at_one(tau) - limit).max() for tau in taus]
attention = AttentionMemory(30.0, similarity="dot", max_iter=1000, tol=1e-12).fit(X)
apart = np.abs(attention.transform(query) - result.state).max()
print(f"the end is that of attention, but for {apart:.0e}")

# %%

figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
shown = np.searchsorted(times, [0.0, 0.5, 1.0, 2.0, 5.0])
strip = np.concatenate([path[min(i, len(path) - 1)].reshape(8, 8) for i in shown], axis=1)
axes[0].imshow(strip, cmap="gray_r")
axes[0].set(title="the state at times 0, .5, 1, 2 and 5", xticks=[], yticks=[])
axes[1].plot(times, energies, "k.-", markersize=3)
axes[1].set(title="the energy", xlabel="time", xlim=(0, 8))
axes[2].loglog(taus, errors, "ko-", label="at time 1")
axes[2].loglog(taus, errors[0] * taus / taus[0], "0.7", label="slope 1")
axes[2].set(title="distance from the limit", xlabel="time constant of hidden neurons")
for axis in (axes[2].xaxis, axes[2].yaxis):
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")
axes[2].legend(frameon=False)
if picture:
    figure.savefig(picture, dpi=120)
