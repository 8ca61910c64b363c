"""Random features beside the float32 product with the frequencies alone, and beside RBFSampler.

Milliseconds for 4,096 rows and 4,096 components; RBFSampler in float64.
"""

import numpy as np
from measure import seconds, table
from sklearn.kernel_approximation import RBFSampler

from skdam import RandomFeatureMemory
from skdam.feature_maps import RandomFourierFeatures

N_ROWS, LENGTH = 4096, 4096


def row(n_features):
    X = np.random.default_rng(0).normal(size=(N_ROWS, n_features)).astype(np.float32)
    fourier = RandomFourierFeatures(LENGTH, bandwidth=4.0, random_state=0).fit(X)
    omega = fourier.frequencies_.T.copy()
    memory = RandomFeatureMemory(4.0, LENGTH, random_state=0).fit_map(X)
    sampler = RBFSampler(gamma=1 / 32, n_components=LENGTH, random_state=0).fit(X.astype(float))
    times = [
        seconds(lambda rows: rows @ omega, X),
        seconds(memory.partial_fit, X),
        seconds(fourier.transform, X),
        seconds(fourier.transform, X.astype(float)),
        seconds(sampler.transform, X.astype(float)),
    ]
    product, adding, single, double, peer = [1e3 * time for time in times]
    ratios = adding / product, single / product, peer / double
    return [n_features, product, adding, single, double, peer, *ratios]


head = "features, product, adding, transform, transform float64, RBFSampler"
head += ", adding / product, transform / product, RBFSampler / ours"
table(head.split(", "), (row(n_features) for n_features in (16, 64, 784)))
