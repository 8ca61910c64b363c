"""Each row of the picture is a query, its path and its end, in the space of the queries."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdam import EpanechnikovMemory, GaussianMemory
from skdam.displays import RetrievalDisplay

DIGITS = load_digits().data[:100]
NOISY = DIGITS[:4] + np.random.default_rng(0).normal(size=(4, 64))


@pytest.fixture(scope="module")
def memory():
    return GaussianMemory(bandwidth=6.0).fit(DIGITS)


@pytest.fixture(scope="module")
def far_memory():
    return EpanechnikovMemory(bandwidth=20.0, outside="nan").fit(DIGITS)


def texts(labels):
    return [label.get_text() for label in labels]


def captions(display):
    return [text for text in texts(display.ax_.texts) if text]


def pixels(image):
    return np.ma.filled(image.get_array(), np.nan)


def test_attributes_are_the_result_as_images(memory):
    result, display = (
        memory.retrieve(NOISY, record=True),
        RetrievalDisplay.from_estimator(memory, NOISY),
    )
    np.testing.assert_array_equal(display.queries, NOISY.reshape(4, 8, 8))
    np.testing.assert_array_equal(display.retrieved, result.state.reshape(4, 8, 8))
    np.testing.assert_array_equal(display.recalled, result.recalled)
    for path, energy, n_iter, states, energies in zip(
        display.trajectories,
        display.energies,
        result.n_iter,
        result.trajectory,
        result.energies,
        strict=True,
    ):
        assert path.shape == (n_iter + 1, 8, 8)
        np.testing.assert_array_equal(path.reshape(-1, 64), states)
        np.testing.assert_array_equal(energy, energies)


@pytest.mark.parametrize("n_states", [1, 2, 3, 5, 100])
def test_images_are_the_query_even_states_and_the_end(memory, n_states):
    display = RetrievalDisplay.from_estimator(memory, NOISY, n_states=n_states)
    assert len(display.images_) == 4
    for query, path, end, images in zip(
        display.queries, display.trajectories, display.retrieved, display.images_, strict=True
    ):
        shown = [pixels(image) for image in images]
        assert len(shown) == max(2, min(n_states, len(path)))
        steps = np.linspace(0, len(path) - 1, len(shown))
        np.testing.assert_array_equal(shown[0], query)
        np.testing.assert_array_equal(shown[-1], end)
        for step, image in zip(steps[1:-1], shown[1:-1], strict=True):
            nearest = np.flatnonzero((path == image).all(axis=(1, 2)))
            assert np.abs(nearest - step).min() <= 0.5


def test_captions_say_steps_and_what_came_back(memory):
    display = RetrievalDisplay.from_estimator(memory, NOISY[:1], n_states=3)
    n_steps = len(display.trajectories[0]) - 1
    assert n_steps > 2
    (step,) = (text for text in captions(display) if text.startswith("step"))
    image = pixels(display.images_[0][1])
    np.testing.assert_array_equal(image, display.trajectories[0][int(step.split()[1])])
    assert texts(display.ax_.get_yticklabels()) == [f"{n_steps} steps"]
    assert texts(display.ax_.get_xticklabels()) == ["query", "retrieved"]
    for index, caption in ((17, "memory 17"), (-1, "no memory")):
        display.recalled = np.array([index])
        assert caption in captions(display.plot())


def test_all_images_share_their_colours(memory):
    display = RetrievalDisplay.from_estimator(memory, NOISY, cmap="viridis")
    images = [image for row in display.images_ for image in row]
    values = np.concatenate([display.queries, *display.trajectories])
    assert {image.get_clim() for image in images} == {(values.min(), values.max())}
    assert {image.get_cmap().name for image in images} == {"viridis"}


def test_images_stand_in_a_row_and_do_not_overlap(memory):
    display = RetrievalDisplay.from_estimator(memory, NOISY)
    ceiling = np.inf
    for images in display.images_:
        boxes = np.array([image.get_extent() for image in images])
        assert (boxes[1:, 0] > boxes[:-1, 1]).all()
        assert np.ptp(boxes[:, 3]) == 0
        assert boxes[0, 3] < ceiling
        ceiling = boxes[0, 2]
    assert len({images[-1].get_extent()[0] for images in display.images_}) == 1


def test_energies_are_drawn_on_equal_scales_with_dots_at_the_states_drawn(memory):
    display = RetrievalDisplay.from_estimator(memory, NOISY, n_states=3)
    assert len({ax.get_xlim() + ax.get_ylim() for ax in display.energy_axes_}) == 1
    for ax, energy, images in zip(
        display.energy_axes_, display.energies, display.images_, strict=True
    ):
        (line,) = ax.lines
        np.testing.assert_array_equal(line.get_ydata(), energy)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(energy)))
        assert len(line.get_markevery()) == len(images)
        assert ax.get_ylabel() == "energy"
        assert not ax.get_title()
    assert [ax.get_xlabel() for ax in display.energy_axes_] == ["", "", "", "step"]


def test_energies_that_are_not_finite_leave_a_gap_and_are_counted(memory):
    result = memory.retrieve(NOISY[:2], record=True)
    energies = [energy.copy() for energy in result.energies]
    energies[0][:2] = np.inf, np.nan
    display = RetrievalDisplay.from_result(replace(result, energies=energies), NOISY[:2])
    assert [ax.get_title() for ax in display.energy_axes_] == ["2 not finite", ""]
    drawn = display.energy_axes_[0].lines[0].get_ydata()
    np.testing.assert_array_equal(np.isnan(drawn), ~np.isfinite(energies[0]))
    assert np.isfinite(display.energy_axes_[0].get_ylim()).all()


def test_a_lost_query_ends_in_a_blank_image(far_memory):
    lost = np.full((1, 64), 16.0)
    display = RetrievalDisplay.from_estimator(far_memory, np.vstack([DIGITS[:1], lost]))
    assert np.isnan(display.retrieved[1]).all()
    assert np.isnan(pixels(display.images_[1][-1])).all()
    assert captions(display)[-1] == "no memory"
    assert display.energy_axes_[1].get_title() == "1 not finite"
    display.figure_.canvas.draw()
    alone = RetrievalDisplay.from_estimator(far_memory, lost)
    assert [len(images) for images in alone.images_] == [2]
    alone.figure_.canvas.draw()


def test_a_query_that_does_not_move_is_drawn_twice():
    memory = EpanechnikovMemory(bandwidth=1.0).fit(DIGITS)
    display = RetrievalDisplay.from_estimator(memory, DIGITS[:1])
    (images,) = display.images_
    np.testing.assert_array_equal(
        [pixels(image) for image in images], DIGITS[[0, 0]].reshape(2, 8, 8)
    )
    assert texts(display.ax_.get_yticklabels()) == ["0 steps"]
    assert captions(display) == ["memory 0"]
    assert np.isfinite(display.energy_axes_[0].lines[0].get_ydata()).all()


def test_one_step_is_one_step(memory):
    result = memory.retrieve(NOISY[:1], record=True)
    cut = replace(result, trajectory=[result.trajectory[0][:2]], energies=None)
    display = RetrievalDisplay.from_result(cut, NOISY[:1])
    assert texts(display.ax_.get_yticklabels()) == ["1 step"]


def test_a_start_elsewhere_is_drawn_beside_its_query(memory):
    known = np.arange(64) < 32
    X = np.where(known, NOISY, np.nan)
    display = RetrievalDisplay.from_estimator(memory, X, known=known)
    result = memory.retrieve(X, known=known)
    np.testing.assert_array_equal(display.retrieved.reshape(4, 64), result.state)
    for row, images in enumerate(display.images_):
        np.testing.assert_array_equal(pixels(images[0]).ravel(), X[row])
        if len(images) > 2:
            np.testing.assert_array_equal(pixels(images[1]), display.trajectories[row][0])
    assert "step 0" in captions(display)
    far = EpanechnikovMemory(bandwidth=1.0).fit(DIGITS)  # starts at the nearest memory and stays
    display = RetrievalDisplay.from_estimator(far, NOISY)
    assert [len(images) for images in display.images_] == [2] * 4
    np.testing.assert_array_equal(display.retrieved.reshape(4, 64), DIGITS[:4])


def test_a_pipeline_is_drawn_in_the_space_of_its_input():
    pipeline = make_pipeline(StandardScaler(), PCA(20), GaussianMemory(bandwidth=1.0)).fit(DIGITS)
    for estimator in (pipeline, make_pipeline("passthrough", pipeline)):
        display = RetrievalDisplay.from_estimator(estimator, NOISY)
        expected = pipeline.inverse_transform(pipeline.transform(NOISY))
        np.testing.assert_allclose(display.retrieved.reshape(4, 64), expected, atol=1e-12)
        np.testing.assert_array_equal(display.queries.reshape(4, 64), NOISY)
        start = pipeline[:-1].inverse_transform(pipeline[:-1].transform(NOISY[:1]))
        np.testing.assert_allclose(display.trajectories[0][0].ravel(), start[0], atol=1e-12)
        assert captions(display)[0] == "step 0"  # where the memory sees its query is drawn, too


def test_a_pipeline_that_loses_nothing_draws_each_start_once():
    pipeline = make_pipeline(StandardScaler(), GaussianMemory(bandwidth=3.0)).fit(DIGITS)
    assert "step 0" not in captions(RetrievalDisplay.from_estimator(pipeline, NOISY))


def test_a_pipeline_maps_lost_states_back():
    pipeline = make_pipeline(PCA(20), EpanechnikovMemory(bandwidth=1.0, outside="nan"))
    display = RetrievalDisplay.from_estimator(pipeline.fit(DIGITS), NOISY)
    assert np.isnan(display.retrieved).all()


class Plain:
    """A memory that knows no energy and takes no `known`."""

    def __init__(self, memory):
        self.memory = memory

    def retrieve(self, X, record=False):
        return replace(self.memory.retrieve(X, record=record), energies=None)


def test_a_memory_without_energy_is_drawn_without_panels(memory):
    display = RetrievalDisplay.from_estimator(Plain(memory), NOISY)
    assert display.energies is None
    assert display.energy_axes_ == []
    assert not display.ax_.child_axes
    right = display.images_[0][-1].get_extent()[1]
    assert display.ax_.get_xlim() == (0.0, right)
    narrow, wide = (
        d.plot().figure_.get_size_inches()[0]
        for d in (display, RetrievalDisplay.from_estimator(memory, NOISY))
    )
    assert narrow < wide


def test_a_result_is_drawn_as_its_memory_would_be(memory):
    result = memory.retrieve(NOISY, record=True)
    display = RetrievalDisplay.from_result(result, NOISY, n_states=3)
    same = RetrievalDisplay.from_estimator(memory, NOISY, n_states=3)
    for images, others in zip(display.images_, same.images_, strict=True):
        for image, other in zip(images, others, strict=True):
            np.testing.assert_array_equal(pixels(image), pixels(other))
            assert image.get_extent() == other.get_extent()


@pytest.mark.parametrize(
    ("n_features", "given", "drawn"),
    [
        (9, None, (3, 3)),
        (6, None, (1, 6)),
        (6, (2, 3), (2, 3)),
        (6, (6, 1), (6, 1)),
        (1, None, (1, 1)),
    ],
)
def test_images_have_the_shape_given_or_a_square_or_a_row(n_features, given, drawn):
    X = np.random.default_rng(0).random((10, n_features))
    memory = GaussianMemory(bandwidth=0.1).fit(X)
    display = RetrievalDisplay.from_estimator(memory, X[:2], image_shape=given)
    assert display.queries.shape == (2, *drawn)
    left, right, bottom, top = display.images_[0][0].get_extent()
    assert 0.5 <= (right - left) / (top - bottom) <= 2.0
    display.figure_.canvas.draw()


@pytest.mark.parametrize("wrong", [(7, 9), (64,), (8, 8, 1), (-8, -8), (8.0, 8)])
def test_a_shape_that_does_not_fit_is_refused(memory, wrong):
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width\).*64 features"):
        RetrievalDisplay.from_estimator(memory, NOISY, image_shape=wrong)


@pytest.mark.parametrize("n_queries", [1, 2, 5])
@pytest.mark.parametrize("n_states", [1, 5])
def test_nothing_is_cut_off(memory, far_memory, n_queries, n_states):
    for each in (memory, far_memory, Plain(memory)):
        display = RetrievalDisplay.from_estimator(each, DIGITS[:n_queries] + 1, n_states=n_states)
        figure = display.figure_
        figure.canvas.draw()
        inside, whole = figure.get_tightbbox(), figure.bbox_inches
        assert inside.x0 >= 0
        assert inside.y0 >= 0
        assert inside.x1 <= whole.x1
        assert inside.y1 <= whole.y1


def test_axes_of_the_caller_are_drawn_on_and_nothing_else(memory):
    figure, (ax, other) = plt.subplots(1, 2)
    plt.sca(other)
    display = RetrievalDisplay.from_estimator(memory, NOISY, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert all(isinstance(panel, Axes) for panel in display.energy_axes_)
    assert figure.axes == [ax, other]
    assert plt.gca() is other
    assert plt.get_fignums() == [figure.number]
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax
    assert len(plt.get_fignums()) == 2


def test_nothing_is_shown_and_settings_stay(memory, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("shown"))
    before = dict(plt.rcParams)
    RetrievalDisplay.from_estimator(memory, NOISY)
    assert dict(plt.rcParams) == before


def test_what_cannot_be_drawn_is_refused(memory):
    for wrong in (PCA(), make_pipeline(StandardScaler(), PCA()), GaussianMemory, "passthrough"):
        with pytest.raises(TypeError, match=r"memory must be one or a pipeline that ends in one"):
            RetrievalDisplay.from_estimator(wrong, NOISY)
    with pytest.raises(NotFittedError):
        RetrievalDisplay.from_estimator(GaussianMemory(), NOISY)
    with pytest.raises(ValueError, match="expecting 64 features"):
        RetrievalDisplay.from_estimator(memory, NOISY[:, :9])
    for n_states in (0, 2.0, True):
        with pytest.raises(ValueError, match=rf"n_states must be .*got {n_states}"):
            RetrievalDisplay.from_estimator(memory, NOISY, n_states=n_states)
    with pytest.raises(ValueError, match="no trajectory: retrieve with record=True"):
        RetrievalDisplay.from_result(memory.retrieve(NOISY), NOISY)
    with pytest.raises(ValueError, match=r"X has shape \(1, 64\), result is of \(4, 64\)"):
        RetrievalDisplay.from_result(memory.retrieve(NOISY, record=True), NOISY[:1])
    assert not plt.get_fignums()
