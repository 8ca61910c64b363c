"""What each back end costs where: milliseconds for scores, and which of them "auto" takes."""

from measure import seconds, table
from scenes import digits, gaussian, mixture

from skdam import EpanechnikovMemory
from skdam._active import BACK_ENDS


def scenes():
    yield gaussian(10_000, 2, 2_000, 0.03)
    yield gaussian(10_000, 16, 2_000, 0.05)
    yield gaussian(10_000, 16, 2_000, 0.0005)
    yield gaussian(20_000, 64, 500, 0.0005)
    yield digits(60_000, 500, 20)
    yield mixture(100_000, 50, 500, 20)


def row(scene):
    spent = []
    for name in (*BACK_ENDS, "auto"):
        memory = EpanechnikovMemory(scene.radius, algorithm=name).fit(scene.memories)
        spent.append(1e3 * seconds(memory.score_samples, scene.queries, 1))
    took = memory._energy().patterns.search.choose(scene.queries, task="sums")
    return [scene.name, len(scene.queries), *spent, took]


table(["scene", "queries", *BACK_ENDS, "auto", "auto took"], map(row, scenes()))
