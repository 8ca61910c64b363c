"""How scores scale: with memories, features, queries, the active share, and threads.

Milliseconds, each row one change from 20 000 memories of 16 features, 1000 queries and 0.5 per cent
active; a picture is written to the file that is named.
"""

import sys

import matplotlib.pyplot as plt
from measure import kernel_density, scaled, seconds, table
from scenes import digits, gaussian

from skdam import EpanechnikovMemory

BASE = {"memories": 20_000, "features": 16, "queries": 1_000, "active share": 0.005}
STEPS = {
    "memories": [2_000, 6_000, 20_000, 60_000, 200_000],
    "features": [2, 4, 8, 16, 32, 64, 128],
    "queries": [10, 100, 1_000, 10_000],
    "active share": [0.0001, 0.001, 0.01, 0.1, 0.5],
}


def point(what, value):
    """Return the times of skdam and KernelDensity, and the back end."""
    scene = gaussian(*(BASE | {what: value}).values())
    memory = EpanechnikovMemory(scene.radius).fit(scene.memories)
    ours = 1e3 * seconds(memory.score_samples, scene.queries)
    peer = kernel_density(scene.memories, scene.radius, "epanechnikov")
    took = memory._energy().patterns.search.choose(scene.queries, task="sums")
    return ours, 1e3 * scaled(peer, scene.queries, 100), took


def draw(results, file):
    """Draw one panel for each thing that grows."""
    settings = {"figsize": (13, 3.2), "sharey": True, "layout": "constrained"}
    figure, axes = plt.subplots(1, len(results), **settings)
    for ax, (what, points) in zip(axes, results.items(), strict=True):
        ours, peer, took = zip(*points, strict=True)
        ax.loglog(STEPS[what], peer, "o-", color="0.6", label="KernelDensity, exact")
        ax.loglog(STEPS[what], ours, "o-", color="C0", label="skdam")
        for x, y, name in zip(STEPS[what], ours, took, strict=True):
            ax.annotate(name, (x, y), (0, -13), textcoords="offset points", ha="center", fontsize=7)
        ax.set(xlabel=what)
        ax.margins(0.12, 0.15)
        ax.grid(alpha=0.3)
    axes[0].set(ylabel="milliseconds for all queries")
    axes[0].legend(frameon=False)
    figure.savefig(file, dpi=110)


def threads():
    """Time one and two threads on the digits."""
    scene = digits(60_000, 4_000, 20)
    memory = EpanechnikovMemory(scene.radius).fit(scene.memories)
    one, two = (
        1e3 * seconds(memory.set_params(n_jobs=n).score_samples, scene.queries, 5) for n in (1, 2)
    )
    return [scene.name, len(scene.queries), one, two, one / two]


results = {what: [point(what, value) for value in values] for what, values in STEPS.items()}
rows = [
    [f"{what} {value:,}", *times, times[1] / times[0]]
    for what, values in STEPS.items()
    for value, times in zip(values, results[what], strict=True)
]
table(["one change", "skdam", "KernelDensity", "auto took", "times faster"], rows)
table(["scene", "queries", "one thread", "two threads", "times faster"], [threads()])
if len(sys.argv) > 1:
    draw(results, sys.argv[1])
