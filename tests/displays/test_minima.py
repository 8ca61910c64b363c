"""Each row of the picture is a minimum and its members, in the space of the images."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import EmergentSampler, EpanechnikovMemory
from skdam.displays import MinimaDisplay


@pytest.fixture(scope="module")
def sampler():
    return EmergentSampler(random_state=0).fit(load_digits().data[:150])


def test_rows_are_minima_beside_their_members_the_nearest_first(sampler):
    index = sampler.draw(4, random_state=0)
    display = MinimaDisplay.from_estimator(sampler, index, max_members=3)
    np.testing.assert_array_equal(display.minima.reshape(4, -1), sampler.minima_[index])
    for i, minimum, members, count in zip(
        index, display.minima, display.members, display.n_members, strict=True
    ):
        parents = sampler.memory_.memories_[sampler.members_[i]]
        assert count == len(parents)
        distance = np.linalg.norm(parents - minimum.ravel(), axis=1)
        nearest = parents[np.argsort(distance, kind="stable")[:3]]
        np.testing.assert_array_equal(members.reshape(len(members), -1), nearest)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == [
        f"{count} members" if count <= 3 else f"3 of {count} members" for count in display.n_members
    ]


def test_the_picture_holds_every_image_in_its_place(sampler):
    display = MinimaDisplay.from_estimator(sampler, n_minima=5, max_members=2)
    montage = display.image_.get_array().filled(np.nan)
    assert montage.shape == (5 * 9 - 1, 8 + 5 + 2 * 9 - 1)
    np.testing.assert_array_equal(montage[9:17, :8], display.minima[1])
    np.testing.assert_array_equal(montage[9:17, 13:21], display.members[1][0])
    np.testing.assert_array_equal(montage[36:, 22:], display.members[4][1])
    assert np.isnan(montage[:, 8:13]).all()
    assert np.isnan(montage[8]).all()


def test_the_likeliest_are_drawn_by_default(sampler):
    display = MinimaDisplay.from_estimator(sampler, n_minima=3)
    likeliest = np.argsort(-sampler.weights_, kind="stable")[:3]
    np.testing.assert_array_equal(display.minima.reshape(3, -1), sampler.minima_[likeliest])


def test_a_pipeline_is_drawn_in_the_space_of_its_input():
    X = load_digits().data[:150]
    steps = StandardScaler(with_std=False), PCA(60), EmergentSampler(random_state=0)
    pipeline = make_pipeline(*steps).fit(X)
    for estimator in (pipeline, make_pipeline(pipeline)):
        display = MinimaDisplay.from_estimator(estimator, n_minima=4)
        for minimum, members, count in zip(
            display.minima, display.members, display.n_members, strict=True
        ):
            assert min(count, 6) == len(members)
            back = np.linalg.norm(X[:, None] - members.reshape(len(members), -1), axis=2)
            assert back.min(axis=0).max() < 1e-1  # all but four of 64 components come back
            if count == len(members):
                np.testing.assert_allclose(members.mean(axis=0), minimum, atol=1e-10)


def test_a_mask_picks_as_it_does_from_minima(sampler):
    mask = sampler.margins_ > np.sort(sampler.margins_)[-4]
    display = MinimaDisplay.from_estimator(sampler, mask)
    np.testing.assert_array_equal(display.minima.reshape(3, -1), sampler.minima_[mask])
    one = MinimaDisplay.from_estimator(sampler, -1)
    np.testing.assert_array_equal(one.minima.reshape(1, -1), sampler.minima_[-1:])


@pytest.mark.parametrize(
    "wrong", [[], [1.7], [10**6], [[1, 2]], [True, False], ["0"], np.zeros(3, dtype=bool)]
)
def test_an_index_that_picks_nothing_is_refused(sampler, wrong):
    with pytest.raises(ValueError, match=r"index must be a mask of the \d+ minima or a list"):
        MinimaDisplay.from_estimator(sampler, wrong)


def test_one_member_is_one_member():
    sampler = EmergentSampler(kind="stored", random_state=0).fit(load_digits().data[:30])
    display = MinimaDisplay.from_estimator(sampler, 0)
    assert display.ax_.get_yticklabels()[0].get_text() == "1 member"


def test_copies_are_drawn_once():
    X = np.repeat([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], 3, axis=0)
    sampler = EmergentSampler(EpanechnikovMemory(bandwidth=0.9), random_state=0).fit(X)
    display = MinimaDisplay.from_estimator(sampler)
    assert display.n_members.tolist() == [2]
    assert display.members[0].shape == (2, 2, 2)


def test_shape_and_axes_are_the_callers():
    sampler = EmergentSampler(EpanechnikovMemory("scott"), random_state=0)
    sampler.fit(np.random.default_rng(0).random((20, 6)))
    figure, ax = plt.subplots()
    display = MinimaDisplay.from_estimator(sampler, image_shape=(2, 3), n_minima=2, ax=ax)
    assert display.minima.shape[1:] == (2, 3)
    assert display.figure_ is figure
    assert display.plot().ax_ is not ax
    for wrong in (None, (2, 2), (6,), (2, 3, 1), (-2, -3), (2.0, 3)):
        with pytest.raises(ValueError, match=r"image_shape must be \(height, width\).*6 features"):
            MinimaDisplay.from_estimator(sampler, image_shape=wrong)


def test_what_cannot_be_drawn_is_refused(sampler):
    with pytest.raises(TypeError, match=r"estimator must be an EmergentSampler.*got PCA"):
        MinimaDisplay.from_estimator(PCA())
    with pytest.raises(NotFittedError):
        MinimaDisplay.from_estimator(EmergentSampler())
    nothing = EmergentSampler(EpanechnikovMemory(bandwidth=0.1)).fit(np.eye(4))
    with pytest.raises(ValueError, match=r"There is no minimum to draw at bandwidth_=0\.1"):
        MinimaDisplay.from_estimator(nothing)
    with pytest.raises(ValueError, match=r"n_minima must be .*got 0"):
        MinimaDisplay.from_estimator(sampler, n_minima=0)
    with pytest.raises(ValueError, match=r"max_members must be .*got True"):
        MinimaDisplay.from_estimator(sampler, max_members=True)
