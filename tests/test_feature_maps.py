"""Feature maps: what they approximate, how well, and the gradients they give."""

import numpy as np
import pytest
from reference import fourier_features, gaussian_kernel, positive_features
from scipy.sparse import csr_array, csr_matrix
from sklearn.utils._param_validation import InvalidParameterError

from skdam.feature_maps import (
    NystroemFeatures,
    PositiveRandomFeatures,
    RandomFourierFeatures,
    kernel_sum_variance,
    n_components_for,
)

RANDOM = [RandomFourierFeatures, PositiveRandomFeatures]
every_map = pytest.mark.parametrize("cls", [*RANDOM, NystroemFeatures])
every_random_map = pytest.mark.parametrize("cls", RANDOM)
orthogonal_or_not = pytest.mark.parametrize("orthogonal", [True, False])
X = np.random.default_rng(0).normal(size=(30, 5))
Y = np.random.default_rng(1).normal(size=(7, 5))


@pytest.mark.parametrize("n_components", [1, 2, 3, 64, 65])
def test_fourier_features_are_those_of_the_paper(n_components):
    fourier = RandomFourierFeatures(n_components, bandwidth=1.3, random_state=0).fit(X)
    expected = fourier_features((Y - X.mean(axis=0)) / 1.3, fourier.frequencies_, n_components)
    np.testing.assert_allclose(fourier.transform(Y), expected, atol=1e-14)


@pytest.mark.parametrize("n_components", [1, 2, 65])
def test_positive_features_are_those_of_the_paper(n_components):
    positive = PositiveRandomFeatures(n_components, bandwidth=1.3, random_state=0).fit(X)
    expected = positive_features((Y - X.mean(axis=0)) / 1.3, positive.frequencies_)
    np.testing.assert_allclose(positive.transform(Y), expected, rtol=1e-13)


@every_random_map
@orthogonal_or_not
def test_products_are_kernels_on_average(cls, orthogonal):
    maps = (cls(6, bandwidth=2.0, orthogonal=orthogonal, random_state=seed) for seed in range(3000))
    products = np.array([f.fit(X).transform(X[:1])[0] @ f.transform(Y).T for f in maps])
    error = products.std(axis=0) / len(products) ** 0.5
    expected = gaussian_kernel(X[:1], Y, 2.0)[0]
    assert (np.abs(products.mean(axis=0) - expected) < 4 * error).all()


def test_products_of_nystroem_are_exact_at_landmarks():
    nystroem = NystroemFeatures(bandwidth=2.0, random_state=0).fit(X)
    np.testing.assert_allclose(
        nystroem.transform(X) @ nystroem.transform(Y).T, gaussian_kernel(X, Y, 2.0), atol=1e-10
    )


def test_landmarks_depend_on_neither_order_nor_copies():
    few = NystroemFeatures(10, random_state=0).fit(X)
    again = NystroemFeatures(10, random_state=0).fit(np.repeat(X[::-1], 2, axis=0))
    np.testing.assert_allclose(again.landmarks_, few.landmarks_, atol=1e-14)
    assert few.transform(X).shape == (30, 10)


@pytest.mark.parametrize("n_features", [1, 2, 5, 40])
def test_orthogonal_frequencies_are_orthogonal_and_as_long_as_independent_ones(n_features):
    rows = np.random.default_rng(0).normal(size=(9, n_features))
    frequencies = RandomFourierFeatures(4000, random_state=0).fit(rows).frequencies_
    block = frequencies[:n_features]
    off = block @ block.T - np.diag(np.einsum("ij,ij->i", block, block))
    assert np.abs(off).max() < 1e-10
    squares = np.einsum("ij,ij->i", frequencies, frequencies)
    assert abs(squares.mean() / n_features - 1) < 5 * (2 / n_features / 2000) ** 0.5
    assert abs(squares.var() / (2 * n_features) - 1) < 0.5  # of chi squared, not a constant


@every_map
@pytest.mark.parametrize("n_components", [1, 2, 7, 64])
def test_the_pullback_is_the_gradient(cls, n_components):
    features = cls(n_components, bandwidth=1.7, random_state=0).fit(X)
    length = features.transform(Y).shape[1]
    V = np.random.default_rng(2).normal(size=(len(Y), length))
    h = 1e-6
    expected = np.empty_like(Y)
    for j, shift in enumerate(h * np.eye(Y.shape[1])):
        change = features.transform(Y + shift) - features.transform(Y - shift)
        expected[:, j] = np.einsum("ij,ij->i", change, V) / (2 * h)
    np.testing.assert_allclose(features.pullback(Y, V), expected, atol=1e-7)
    same = features.pullback(Y, np.tile(V[0], (len(Y), 1)))
    np.testing.assert_allclose(features.pullback(Y, V[0]), same, rtol=1e-12)


@every_map
def test_sparse_rows_count_as_dense_ones(cls):
    rows = np.where(np.abs(X) > 1, X, 0.0)
    dense = cls(64, random_state=0).fit(rows)
    for sparse in (csr_array(rows), csr_matrix(rows)):
        features = cls(64, random_state=0).fit(sparse)
        np.testing.assert_allclose(features.transform(sparse), dense.transform(rows), atol=1e-12)
        np.testing.assert_allclose(
            features.pullback(sparse, np.ones(features.transform(sparse).shape[1])),
            dense.pullback(rows, np.ones(dense.transform(rows).shape[1])),
            atol=1e-11,
        )


@every_map
def test_single_precision_is_kept_and_right(cls):
    double = cls(50, bandwidth=2.0, random_state=0).fit(X)
    single = cls(50, bandwidth=2.0, random_state=0).fit(X.astype(np.float32))
    phi = single.transform(Y.astype(np.float32))
    assert phi.dtype == single.pullback(Y.astype(np.float32), phi).dtype == np.float32
    tolerance = 1e-4 if cls is NystroemFeatures else 2e-6
    gram = double.transform(Y) @ double.transform(Y).T
    np.testing.assert_allclose(phi @ phi.T, gram, atol=tolerance)
    assert single.transform(Y).dtype == np.float64


@every_map
@pytest.mark.parametrize(("scale", "offset"), [(1e150, 0), (1e-150, 0), (1e300, 0), (1, 1e8)])
def test_scale_and_offset_change_no_feature(cls, scale, offset):
    plain = cls(40, bandwidth=2.0, random_state=0).fit(X)
    moved = cls(40, bandwidth=2.0 * scale, random_state=0).fit(X * scale + offset)
    np.testing.assert_allclose(
        moved.transform(Y * scale + offset), plain.transform(Y), atol=1e-6 if offset else 1e-11
    )


@every_map
def test_far_rows_have_finite_features(cls):
    features = cls(40, random_state=0).fit(X)
    for far, dtype in ((1e3, "f4"), (1e38, "f4"), (1e3, "f8"), (1e20, "f8"), (1.7e308, "f8")):
        rows = np.sign(Y).astype(dtype) * np.dtype(dtype).type(far)
        phi = features.transform(rows)
        assert np.isfinite(phi).all()
        assert np.isfinite(features.pullback(rows, phi)).all()


def test_far_rows_are_not_taken_for_near_ones():
    fourier = RandomFourierFeatures(2000, random_state=0).fit(X)
    near = fourier.transform(X)
    for far, dtype in ((1e3, "f4"), (1e38, "f4"), (1e3, "f8"), (1e17, "f8"), (1.7e308, "f8")):
        rows = np.sign(Y).astype(dtype) * np.dtype(dtype).type(far)
        assert np.abs(fourier.transform(rows) @ near.T).max() < 0.2


def test_a_fourier_vector_has_length_one():
    fourier = RandomFourierFeatures(100, random_state=0).fit(X)
    for rows in (Y, 1e12 * Y):
        np.testing.assert_allclose(np.linalg.norm(fourier.transform(rows), axis=1), 1, rtol=1e-14)


def rmse_of_sums(memories, beta, n_components, n_seeds, orthogonal=True):
    exact = gaussian_kernel(memories, memories, beta**-0.5).sum(axis=1)
    settings, errors = {"bandwidth": beta**-0.5, "orthogonal": orthogonal}, []
    for seed in range(n_seeds):
        fourier = RandomFourierFeatures(n_components, random_state=seed, **settings)
        phi = fourier.fit_transform(memories)
        errors.append(phi @ phi.sum(axis=0) - exact)
    return np.sqrt(np.mean(np.square(errors)))


def binary(n_patterns, n_features, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n_patterns, n_features)) / n_features**0.5


@pytest.mark.parametrize(("beta", "ratio"), [(5.0, 0.45), (10.0, 0.7)])
def test_orthogonal_frequencies_err_less(beta, ratio):
    memories = binary(500, 64)
    orthogonal, independent = (rmse_of_sums(memories, beta, 2048, 12, o) for o in (True, False))
    assert orthogonal <= ratio * independent


def test_the_error_falls_with_the_square_root_of_the_length():
    lengths = [64, 256, 1024, 4096]
    rmse = [rmse_of_sums(binary(200, 32), 11.0, n, 40) for n in lengths]
    assert abs(np.polyfit(np.log(lengths), np.log(rmse), 1)[0] + 0.5) < 0.05


def test_the_variance_formula_is_that_of_independent_frequencies():
    memories = np.random.default_rng(0).normal(size=(12, 3))
    queries = np.vstack([memories[:2], memories[2:4] + 0.5, [[9.0, 9.0, 9.0]]])
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 12)
    sums = []
    for seed in range(6000):
        fourier = RandomFourierFeatures(20, bandwidth=1.5, orthogonal=False, random_state=seed)
        vector = weights @ fourier.fit_transform(memories)
        sums.append(fourier.transform(queries) @ vector)
    expected = kernel_sum_variance(
        queries, memories, bandwidth=1.5, n_components=20, sample_weight=weights
    )
    np.testing.assert_allclose(np.var(sums, axis=0), expected, rtol=0.05)


@pytest.mark.parametrize(("n_memories", "error"), [(1, 0.5), (2, 0.1), (50, 0.1), (1000, 0.03)])
def test_so_many_components_keep_the_error(n_memories, error):
    n = n_components_for(n_memories, error)
    far = 100.0 * np.eye(n_memories)
    variance = kernel_sum_variance(far[:1], far, bandwidth=1.0, n_components=n)
    assert variance <= error**2 * (1 + 1e-12)
    assert n == 2 or kernel_sum_variance(far[:1], far, bandwidth=1.0, n_components=n - 2) > error**2
    assert n % 2 == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: n_components_for(0, 0.1), "n_memories"),
        (lambda: n_components_for(3, 0.0), "error"),
        (lambda: n_components_for(True, 0.1), "n_memories"),
        (lambda: n_components_for(10, 1e-200), "error"),
        (lambda: kernel_sum_variance(Y, X, bandwidth=1.0, n_components=3), "even"),
        (lambda: kernel_sum_variance(Y, X, bandwidth=-1.0, n_components=4), "bandwidth"),
        (lambda: kernel_sum_variance(Y, X, bandwidth=1.0, n_components=0), "n_components"),
        (lambda: RandomFourierFeatures(0).fit(X), "n_components"),
        (lambda: RandomFourierFeatures(True).fit(X), "n_components"),
        (lambda: PositiveRandomFeatures(bandwidth=0.0).fit(X), "bandwidth"),
        (lambda: RandomFourierFeatures(bandwidth=np.inf).fit(X), "bandwidth"),
        (lambda: RandomFourierFeatures(orthogonal="no").fit(X), "orthogonal"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(InvalidParameterError, match=words):
        call()


def test_vectors_of_the_wrong_shape_are_refused():
    fourier = RandomFourierFeatures(8, random_state=0).fit(X)
    for V in (np.ones(7), np.ones((3, 8)), np.ones((7, 8, 1))):
        with pytest.raises(ValueError, match="V"):
            fourier.pullback(Y, V)
    with pytest.raises(ValueError, match="NaN"):
        fourier.pullback(Y, np.full(8, np.nan))


def test_landmarks_do_not_depend_on_the_order_of_rows():
    rows = np.random.default_rng(0).normal(size=(300, 2))
    order = np.random.default_rng(1).permutation(300)
    first, second = (NystroemFeatures(100, random_state=0).fit(r) for r in (rows, rows[order]))
    np.testing.assert_array_equal(first.transform(rows), second.transform(rows))


def test_masked_vectors_are_refused():
    fourier = RandomFourierFeatures(4, random_state=0).fit([[0.0], [1.0]])
    with pytest.raises(TypeError, match="V is a masked array"):
        fourier.pullback([[0.0]], np.ma.masked_array(np.ones(4), [1, 0, 0, 0]))
