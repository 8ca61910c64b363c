"""What the bandwidth rules cost: seconds and the most memory that they held beside the data.

`python benchmarks/rules.py 60000` takes as many memories; every rule looks at all their pairs.
"""

import sys
import tracemalloc

import numpy as np
from measure import once, table
from scenes import digits

from skdam.bandwidths import choose_bandwidth, preserved_fraction
from skdam.kernels import KERNELS

n = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000


def works(scene):
    ones = np.ones(n)
    for rule in ("nearest", "loo"):
        for name in ("epanechnikov", "gaussian"):
            kernel = KERNELS[name]
            yield (
                f"{rule}, {name}",
                lambda X, a=(rule, kernel): choose_bandwidth(a[0], X, ones, a[1]),
            )
    yield "preserved_fraction", lambda X: preserved_fraction(X, scene.radius)


def row(name, work, scene):
    tracemalloc.start()
    spent = once(work, scene.memories)
    peak = tracemalloc.get_traced_memory()[1] / scene.memories.nbytes
    tracemalloc.stop()
    return [scene.name, name, spent, peak]


scene = digits(n, 1, 20, side=28)
head = ["scene", "rule", "seconds", "peak, times the size of the data"]
table(head, (row(name, work, scene) for name, work in works(scene)))
