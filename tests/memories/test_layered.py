"""The layered memory: its equations, its energy, its limits, and what it says of itself."""

import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import approx_fprime, brentq
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skdam import AttentionMemory, BinaryMemory, LayeredMemory, potentials
from skdam.dynamics import ode
from skdam.energies import LayeredEnergy

X = np.random.default_rng(0).normal(size=(6, 9))
Q = np.random.default_rng(1).normal(size=(100, 9))
U = 3.0 * X / np.linalg.norm(X, axis=1, keepdims=True)  # of equal length: each is its own best
CURRENT = np.random.default_rng(2).normal(size=9)
SETTINGS = [
    ("A", "rectified", 3),
    ("A", "power", 4),
    ("A", "exponential", 1),
    ("B", "rectified", 3),
    ("C", "rectified", 3),
    ("C", "power", 2),
    ("C", "exponential", 1),
]
every_setting = pytest.mark.parametrize(("model", "interaction", "degree"), SETTINGS)
every_model = pytest.mark.parametrize("model", "ABC")
EXACT = {"rtol": 1e-10, "atol": 1e-12}


def memory_of(model, interaction, degree, **options):
    settings = {"beta": 0.7, "interaction": interaction, "degree": degree, **options}
    return LayeredMemory(model, **settings)


# --- a slow transcription of Krotov and Hopfield (2020), eqs. 1 and 2 and their models --------


def visible_layer(model, v):
    """Return L_v and g."""
    if model == "A":
        return sum(np.logaddexp(x, -x) - np.log(2) for x in v), np.array([np.tanh(x) for x in v])
    if model == "B":
        return sum(x**2 for x in v) / 2, np.array(v)
    length = np.sqrt(sum(x**2 for x in v))
    return length, np.array([x / length for x in v])


def hidden_layer(model, interaction, degree, beta, h):
    """Return L_h and f."""
    if model == "B":
        total = sum(np.exp(beta * x) for x in h)
        return np.log(total) / beta, np.array([np.exp(beta * x) / total for x in h])
    if interaction == "exponential":
        return sum(np.exp(beta * x) for x in h), np.array([beta * np.exp(beta * x) for x in h])
    if interaction == "rectified":
        h = [max(x, 0.0) for x in h]
    return sum(x**degree for x in h), np.array([degree * x ** (degree - 1) for x in h])


def overlaps_of(memory, v):
    _, g = visible_layer(memory.model, v)
    return np.array([sum(a * b for a, b in zip(m, g, strict=True)) for m in memory.memories_])


def layers_of(memory, v, h):
    settings = memory.model, memory.interaction, memory.degree, memory.beta
    return *visible_layer(memory.model, v), *hidden_layer(*settings, h)


def energy_of(memory, v, h, current):
    L_v, g, L_h, f = layers_of(memory, v, h)
    synapses = sum(
        f[m] * row[i] * g[i] for m, row in enumerate(memory.memories_) for i in range(len(g))
    )
    return ((v - current) * g).sum() - L_v + (h * f).sum() - L_h - synapses


def velocity_of(memory, current):
    def velocity(_, y):
        v, h = np.split(y, [memory.n_features_in_])
        _, g, _, f = layers_of(memory, v, h)
        drive = [sum(f * column) for column in memory.memories_.T]
        overlaps = [sum(row * g) for row in memory.memories_]
        return np.concatenate(
            [(drive - v + current) / memory.tau_visible, (overlaps - h) / memory.tau_hidden]
        )

    return velocity


def solved(velocity, start, end):
    settings = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12}
    return solve_ivp(velocity, (0.0, end), start, **settings).y[:, -1]


@every_setting
def test_states_and_energies_follow_the_equations(model, interaction, degree):
    memory = memory_of(model, interaction, degree, tau_visible=0.8, tau_hidden=0.3, **EXACT)
    memory.set_params(max_time=1.5).fit(X)
    with pytest.warns(ConvergenceWarning):
        result = memory.retrieve(Q[:4], CURRENT, record=True)
    for i, query in enumerate(Q[:4]):
        start = np.concatenate([query, overlaps_of(memory, query)])
        end = solved(velocity_of(memory, CURRENT), start, 1.5)
        v, h = np.split(end, [9])
        g = visible_layer(model, v)[1]
        np.testing.assert_allclose(result.state[i], g, atol=1e-8 * max(1.0, np.abs(g).max()))
        scale = max(1.0, abs(energy_of(memory, v, h, CURRENT)))
        assert result.energy[i] == pytest.approx(energy_of(memory, v, h, CURRENT), abs=1e-8 * scale)
        first = energy_of(memory, *np.split(start, [9]), CURRENT)
        assert result.energies[i][0] == pytest.approx(first, rel=1e-11, abs=1e-11)
        assert result.times[i][-1] == pytest.approx(1.5, rel=1e-12)
        middle = len(result.times[i]) // 2
        v = solved(velocity_of(memory, CURRENT), start, result.times[i][middle])[:9]
        np.testing.assert_allclose(result.trajectory[i][middle], visible_layer(model, v)[1], 1e-7)


@every_setting
def test_the_energy_is_that_of_hidden_neurons_that_have_caught_up(model, interaction, degree):
    memory = memory_of(model, interaction, degree).fit(X)
    expected = [energy_of(memory, q, overlaps_of(memory, q), 0.0) for q in Q[:9]]
    np.testing.assert_allclose(memory.energy(Q[:9]), expected, rtol=1e-11, atol=1e-12)
    factor = 0.7 if model == "B" else 1.0
    np.testing.assert_array_equal(memory.score_samples(Q), -factor * memory.energy(Q))


@pytest.mark.parametrize("current", [None, CURRENT], ids=["free", "driven"])
@pytest.mark.parametrize("tau_hidden", [0.1, 1.0, 5.0])
@every_setting
def test_the_energy_never_rises(model, interaction, degree, tau_hidden, current):
    memory = memory_of(model, interaction, degree, tau_hidden=tau_hidden, rtol=1e-5).fit(X)
    result = memory.retrieve(Q, current, record=True)
    assert result.converged.all()
    for energies, path, times in zip(result.energies, result.trajectory, result.times, strict=True):
        assert (np.diff(energies) <= 1e-13 * np.abs(energies).max()).all()
        assert len(energies) == len(path) == len(times)
        assert (np.diff(times) > 0).all()
    np.testing.assert_array_equal(result.energy, [energies[-1] for energies in result.energies])
    np.testing.assert_array_equal(result.state, [path[-1] for path in result.trajectory])
    np.testing.assert_array_equal([len(path) for path in result.trajectory], result.n_iter + 1)


def test_without_convexity_the_energy_does_rise():
    """Negative control: an unrectified cubic, started at h < 0; rectified it falls."""
    rises = {}
    for hidden in (potentials.PowerSum(3), potentials.RectifiedPowerSum(3)):
        energy = LayeredEnergy(X, potentials.LogCosh(), hidden, 1.0, 1.0)
        start = np.hstack([Q[:50], -np.abs(np.random.default_rng(3).normal(size=(50, 6)))])
        flow = energy.flow(np.zeros((50, 9)))
        settled = ode(flow, start, max_time=1.0, rtol=1e-8, atol=1e-10, record=True)
        energies = [energy.value(path) for path in settled.trajectory()]
        rises[hidden] = sum((np.diff(e) > 1e-6 * np.abs(e).max()).any() for e in energies)
    assert list(rises.values()) == [50, 0]


@every_model
@pytest.mark.parametrize("degree", [3, 5])
def test_an_odd_power_is_refused_with_the_reason(model, degree):
    with pytest.raises(ValueError, match=f"degree={degree} is not convex.*Hessian.*indefinite"):
        LayeredMemory(model, interaction="power", degree=degree).fit(X)
    LayeredMemory(model, interaction="power", degree=1).fit(X)


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau_hidden", [1.0, 0.1, 0.01])
def test_b_settles_where_attention_does(tau_hidden):
    """Time constants move no fixed point; with fast hidden neurons each query finds its own."""
    memory = LayeredMemory(beta=1.5, tau_hidden=tau_hidden).fit(X)
    attention = AttentionMemory(1.5, similarity="dot", max_iter=100_000, tol=1e-13).fit(X)
    result = memory.retrieve(Q[:40])
    np.testing.assert_allclose(attention.transform(result.state), result.state, atol=1e-6)
    if tau_hidden < 0.1:
        near = X[np.arange(40) % 6] + 0.3 * Q[:40]
        np.testing.assert_allclose(memory.transform(near), attention.transform(near), atol=1e-6)


def test_the_energy_of_b_is_that_of_attention_but_for_a_constant():
    layered, attention = LayeredMemory(beta=1.5), AttentionMemory(1.5, similarity="dot")
    constant = np.log(6) / 1.5 + (X**2).sum(axis=1).max() / 2
    energy = layered.fit(X).energy(Q) + constant
    np.testing.assert_allclose(energy, attention.fit(X).energy(Q), rtol=1e-12, atol=1e-12)


@every_model
def test_the_error_of_fast_hidden_neurons_is_linear_in_their_time(model):
    errors = []
    for tau in (0.1, 0.01, 0.001):
        memory = memory_of(model, "rectified", 3, tau_hidden=tau, max_time=1.0, rtol=1e-9)
        memory.fit(X * 0.4 if model == "A" else X)  # unsaturated
        with pytest.warns(ConvergenceWarning):
            states = memory.transform(Q[:8])
        velocity = velocity_of(memory, 0.0)

        def adiabatic(t, v, memory=memory, velocity=velocity):
            return velocity(t, np.concatenate([v, overlaps_of(memory, v)]))[:9]

        limits = np.array([visible_layer(model, solved(adiabatic, q, 1.0))[1] for q in Q[:8]])
        errors.append(np.linalg.norm(states - limits, axis=1).mean())
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize(("interaction", "degree"), [("rectified", 3), ("power", 4)])
def test_c_settles_in_a_direction_that_its_memories_keep(interaction, degree):
    memory = LayeredMemory("C", interaction=interaction, degree=degree).fit(X)
    state = memory.transform(Q)
    np.testing.assert_allclose(np.linalg.norm(state, axis=1), 1.0, rtol=1e-14)
    for row in state:
        force = X.T @ hidden_layer("C", interaction, degree, None, X @ row)[1]
        assert row @ force == pytest.approx(np.linalg.norm(force), rel=1e-12)
    directions = X / np.linalg.norm(X, axis=1, keepdims=True)
    near = directions + 0.02 * Q[:6]
    for row, start in zip(memory.transform(near), near, strict=True):
        v = start / np.linalg.norm(start)
        for _ in range(2000):  # the map whose fixed points these are
            v = X.T @ hidden_layer("C", interaction, degree, None, X @ v)[1]
            v /= np.linalg.norm(v)
        np.testing.assert_allclose(row, v, atol=1e-6)


def test_c_knows_directions_alone():
    memory = LayeredMemory("C").fit(X)
    np.testing.assert_allclose(memory.energy(Q * 7.5), memory.energy(Q), rtol=1e-12)
    assert memory.transform(np.zeros((1, 9))).tolist() == [[0.0] * 9]
    opposed = LayeredMemory("C").fit([[1.0, 0.0]]).retrieve([[-3.0, 0.5], [-3.0, 0.0]])
    np.testing.assert_allclose(np.linalg.norm(opposed.state, axis=1), 1.0)
    assert opposed.converged.all()  # no memory drives it: v shrinks, its direction stays
    assert opposed.n_iter.tolist() == [0, 0]
    assert opposed.recalled.tolist() == [-1, -1]


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_saturated_a_has_the_fixed_points_of_the_binary_memory(degree):
    """Where F' is large, tanh v = sgn v, and a state stays if sgn sum xi F'(xi . state) is it."""
    patterns = np.sign(np.random.default_rng(4).normal(size=(5, 40)))
    interaction = "rectified" if degree == 3 else "power"
    binary = BinaryMemory(interaction, degree, update="synchronous", threshold=0).fit(patterns)
    memory = LayeredMemory("A", interaction=interaction, degree=degree).fit(patterns)
    rng = np.random.default_rng(5)
    random = memory.retrieve(rng.normal(size=(100, 40)))
    saturated = (np.abs(random.state) > 0.999).all(axis=1)
    assert saturated.sum() > 90
    spins = np.sign(random.state[saturated])
    np.testing.assert_array_equal(binary.transform(spins), spins)
    noisy = np.tile(patterns, (20, 1)) * np.where(rng.random((100, 40)) < 0.1, -1.0, 1.0)
    np.testing.assert_allclose(memory.transform(noisy), binary.transform(noisy), atol=1e-9)
    if degree > 2:  # else the others' activity is no minority
        np.testing.assert_array_equal(memory.retrieve(noisy).recalled, np.arange(100) % 5)


def test_an_input_current_chooses_the_memory():
    memory = LayeredMemory().fit(U)
    drawn = memory.retrieve(np.zeros((6, 9)), 5.0 * U)
    assert drawn.recalled.tolist() == list(range(6))
    np.testing.assert_allclose(drawn.state, 6.0 * U, atol=1e-5)
    shared = memory.retrieve(Q[:5], CURRENT)
    each = memory.retrieve(Q[:5], np.tile(CURRENT, (5, 1)))
    np.testing.assert_array_equal(shared.state, each.state)
    several = memory.retrieve(np.zeros((5, 9)), CURRENT * np.logspace(-3, 1, 5)[:, None])
    assert len(set(several.n_iter)) == 5  # rows that rest leave the others theirs
    for i, strength in enumerate(np.logspace(-3, 1, 5)):
        alone = memory.retrieve(np.zeros((1, 9)), CURRENT * strength)
        np.testing.assert_allclose(alone.state[0], several.state[i], rtol=1e-12)
        assert alone.n_iter[0] == several.n_iter[i]
    for name in ("state", "energy", "n_iter"):
        free, none = memory.retrieve(Q), memory.retrieve(Q, [0.0] * 9)
        np.testing.assert_array_equal(getattr(free, name), getattr(none, name))


@pytest.mark.parametrize(
    ("current", "error", "words"),
    [
        (np.ones(8), ValueError, r"input_current must have shape \(9,\) or \(3, 9\), got \(8,\)"),
        (np.ones((2, 9)), ValueError, r"got \(2, 9\)"),
        (1.0, ValueError, r"got \(1,\)"),
        (np.full(9, np.nan), ValueError, "Input input_current contains NaN"),
        (csr_array(np.eye(9)[:3]), TypeError, "toarray"),
        (np.full(9, 1e200), ValueError, "input_current is too large.*1e\\+200"),
        (np.zeros(9, dtype="m8[s]"), TypeError, "input_current holds dates"),
        (np.ma.array(np.ones(9), mask=[1] + [0] * 8), TypeError, "input_current is a masked array"),
    ],
)
def test_a_wrong_current_is_refused(current, error, words):
    with pytest.raises(error, match=words):
        LayeredMemory().fit(X).retrieve(Q[:3], current)


# --- rows, copies, magnitudes -----------------------------------------------------------------


@every_setting
def test_a_row_does_not_depend_on_the_batch(model, interaction, degree):
    memory = memory_of(model, interaction, degree).fit(X)
    queries = np.vstack([Q, Q[:1] * 1e6])
    together = memory.retrieve(queries, record=True)
    shuffled = memory.retrieve(queries[::-1])
    np.testing.assert_allclose(shuffled.state[::-1], together.state, rtol=1e-12, atol=1e-12)
    for i in range(0, 101, 20):
        alone = memory.retrieve(queries[i : i + 1], record=True)
        np.testing.assert_allclose(alone.state[0], together.state[i], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(alone.times[0], together.times[i], rtol=1e-9)
        assert alone.n_iter[0] == together.n_iter[i]


@every_setting
def test_members_make_the_direction_of_the_state(model, interaction, degree):
    memory = memory_of(model, interaction, degree).fit(X)
    result = memory.retrieve(Q)
    mixed, total = result.members @ memory.memories_, np.abs(result.members).sum(axis=1)
    active = total > 0.0
    assert active.sum() >= 99
    np.testing.assert_allclose(total[active], 1.0, rtol=1e-12)
    result, mixed = replace(result, state=result.state[active]), mixed[active]
    if model == "A":
        potential = np.arctanh(np.clip(result.state, -1 + 1e-9, 1 - 1e-9))
        agree = (np.sign(potential) == np.sign(mixed)) | (np.abs(potential) < 1e-6)
        assert agree.all()
    else:
        state = mixed / (np.linalg.norm(mixed, axis=1, keepdims=True) if model == "C" else 1.0)
        np.testing.assert_allclose(result.state, state, atol=1e-6)


@pytest.mark.parametrize(("beta", "recalled"), [(1.05, -1), (1.06, -1), (1.07, 0), (1.08, 0)])
def test_a_memory_comes_back_with_more_than_its_share(beta, recalled):
    """Of [1] and [-1], model B rests where v = tanh(beta v), and the first has (1 + v) / 2."""
    v = brentq(lambda v: v - np.tanh(beta * v), 0.1, 1.0)
    assert ((1.0 + v) / 2.0 > 0.5**0.5) == (recalled == 0)
    result = LayeredMemory(beta=beta).fit([[1.0], [-1.0]]).retrieve([[0.9]])
    np.testing.assert_allclose(result.members.toarray(), [[(1 + v) / 2, (1 - v) / 2]], atol=1e-6)
    assert result.recalled.tolist() == [recalled]


def test_copies_count_as_one_and_the_negative_is_another():
    memory = LayeredMemory("C", interaction="power", degree=4).fit(np.eye(3)[[0, 1, 1, 1]])
    assert memory.retrieve(np.eye(3)[:2] + 0.1).recalled.tolist() == [0, 1]
    assert memory.retrieve(0.1 - np.eye(3)[:2]).recalled.tolist() == [-1, -1]
    copies = LayeredMemory(beta=2.0).fit(np.repeat(X, 4, axis=0))
    shift = np.log(4) / 2.0
    np.testing.assert_allclose(copies.energy(Q), LayeredMemory(beta=2.0).fit(X).energy(Q) - shift)


@every_model
def test_single_precision_stays(model):
    memory = LayeredMemory(model).fit(X.astype(np.float32))
    result = memory.retrieve(Q.astype(np.float32))
    assert memory.transform(Q.astype(np.float32)).dtype == result.state.dtype == np.float32
    assert result.energy.dtype == memory.energy(Q.astype(np.float32)).dtype == np.float64
    double = LayeredMemory(model).fit(X.astype(np.float32).astype(float))
    exact = double.transform(Q.astype(np.float32).astype(float))
    np.testing.assert_array_equal(result.state, exact.astype(np.float32))


@every_model
def test_one_row_and_one_column_are_closed_forms(model):
    """Of one memory, B returns it, C its direction, A tanh of v = xi F'(xi . tanh v)."""
    row = X[:1]
    state = LayeredMemory(model).fit(row).transform(row + 0.1)
    force = row[0] * 3 * (row[0] @ state[0]) ** 2
    expected = {"A": np.tanh(force), "B": row[0], "C": row[0] / np.linalg.norm(row)}[model]
    np.testing.assert_allclose(state[0], expected, atol=1e-7)
    column = LayeredMemory(model, beta=50.0).fit([[2.0], [-3.0]])
    ends = column.transform([[1.5], [-2.5]]).ravel()
    saturated = [np.tanh(2 * 3 * 4), -np.tanh(3 * 3 * 9)]
    expected = {"A": saturated, "B": [2.0, -3.0], "C": [1.0, -1.0]}[model]
    np.testing.assert_allclose(ends, expected, atol=1e-6)


@pytest.mark.parametrize("exponent", [-1000, -400, 3, 400, 1010])
def test_b_scales_bit_for_bit(exponent):
    scale = 2.0**exponent
    plain, scaled = LayeredMemory(beta=1.0).fit(X), LayeredMemory(beta=1.0)
    if abs(exponent) > 500:  # there 1 / scale^2 is no float: the limit of large or small beta
        if exponent < 0:
            with pytest.raises(ValueError, match=r"beta=1\.0 the memories.*not representable"):
                scaled.fit(X * scale)
            return
        limit = LayeredMemory(beta=1e300).fit(X).transform(Q)
        np.testing.assert_allclose(scaled.fit(X * scale).transform(Q * scale) / scale, limit)
        return
    scaled.set_params(beta=1.0 / scale / scale).fit(X * scale)
    result = scaled.retrieve(Q * scale, CURRENT * scale)
    np.testing.assert_array_equal(result.state / scale, plain.retrieve(Q, CURRENT).state)
    np.testing.assert_array_equal(scaled.energy(Q * scale) / scale / scale, plain.energy(Q))


@pytest.mark.parametrize("model", "AC")
@pytest.mark.parametrize("scale", [1e300, 1e150, 1e-150, 1e-300])
def test_drives_that_floats_do_not_hold_are_refused(model, scale):
    with pytest.raises(ValueError, match=r"degree=3.*not representable\. Rescale X"):
        LayeredMemory(model).fit(X * scale)
    with pytest.raises(ValueError, match=r"interaction='exponential'.* energies of up to inf"):
        LayeredMemory(model, interaction="exponential").fit(X * 100.0)
    assert LayeredMemory(model).fit(np.zeros((2, 3))).transform([[0.0] * 3]).tolist() == [[0.0] * 3]


@every_model
def test_queries_that_squares_do_not_hold_are_refused(model):
    memory = LayeredMemory(model).fit(X)
    for call in (memory.transform, memory.energy, memory.score_samples):
        with pytest.raises(ValueError, match=r"X is too large.* in 1 rows.* row 2, with"):
            call(np.vstack([Q[:2], Q[:1] * 1e160]))
    assert np.isfinite(memory.set_params(max_time=9e3).transform(Q[:3] * 1e140)).all()


def test_a_steep_softmax_picks_one():
    for beta in (1e3, 1e20, 1e300, 1.7e308):
        states = LayeredMemory(beta=beta).fit(U).transform(U + 0.01 * Q[:6])
        np.testing.assert_allclose(states, U, atol=1e-6)


# --- what it says of itself -------------------------------------------------------------------


def test_a_retrieval_cut_short_warns_once_with_counts():
    memory = LayeredMemory(max_time=10.0).fit(X)
    queries = np.vstack([X, Q * 10])
    frame = pd.DataFrame(queries)
    for call in (memory.retrieve, memory.transform):
        with pytest.warns(
            ConvergenceWarning, match=r"\d+ of 106 queries were still moving"
        ) as told:
            call(queries)
        assert len(told) == 1
        assert "max_time=10.0" in str(told[0].message)
    memory.fit(frame)
    with pytest.warns(ConvergenceWarning, match="still moving") as told:
        result = memory.retrieve(frame, record=True)
    assert told[0].filename == __file__
    assert f"{(~result.converged).sum()} of 106" in str(told[0].message)
    ends = np.array([times[-1] for times in result.times])
    np.testing.assert_allclose(ends[~result.converged], 10.0, rtol=1e-12)
    assert (ends[result.converged] < 10.0).all()


def test_either_tolerance_saves_steps():
    steps = [
        LayeredMemory(rtol=rtol, atol=atol).fit(X).retrieve(Q[:9]).n_iter.sum()
        for rtol, atol in [(1e-6, 1e-8), (1e-6, 1e-3), (1e-3, 1e-8)]
    ]
    assert steps[0] > 1.2 * steps[1]
    assert steps[0] > 1.2 * steps[2]


def test_a_tolerance_below_rounding_is_met():
    """The second coordinate rests at 0, a difference of equal numbers."""
    memory = LayeredMemory(beta=1.0, rtol=1e-8, tau_hidden=1.0, atol=1e-300, max_time=100.0)
    result = memory.fit([[1.0, 0.3], [1.0, -0.3]]).retrieve([[0.5, 0.2]])
    assert result.converged.all()
    np.testing.assert_allclose(result.state, [[1.0, 0.0]], atol=1e-7)


def test_a_query_at_a_fixed_point_stays():
    memory = LayeredMemory(rtol=1e-6).fit(X)
    state = memory.set_params(rtol=1e-9).transform(X)
    again = memory.set_params(rtol=1e-5).retrieve(state, record=True)
    assert again.n_iter.tolist() == [0] * 6
    assert again.converged.all()
    np.testing.assert_array_equal(again.state, state)
    assert [times.tolist() for times in again.times] == [[0.0]] * 6


WRONG = {
    "model": ["D", "a", None, 1],
    "beta": [0, -1.0, np.inf, np.nan, True, None],
    "interaction": ["softmax", None],
    "degree": [0, -1, 2.5, True, None],
    "tau_visible": [0.0, -1.0, 1e-101, 1e101, np.inf, np.nan, True, "1"],
    "tau_hidden": [0.0, -1.0, 1e-101, 1e101, np.inf, np.nan, True, "1"],
    "max_time": [0.0, -1.0, np.inf, np.nan, True, None],
    "rtol": [0.0, 1e-15, 1.0, np.nan, True],
    "atol": [0.0, -1.0, np.inf, np.nan, True],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_wrong_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter.*must be") as caught:
        LayeredMemory(**{name: value}).fit(X)
    assert repr(value) in str(caught.value)


def test_more_steps_than_anyone_waits_for_are_refused():
    words = r"max_time=1000\.0 must be at most 1e\+06.*tau_hidden=0\.0009.*Lower max_time"
    with pytest.raises(ValueError, match=words):
        LayeredMemory(tau_hidden=9e-4).fit(X)
    LayeredMemory(tau_hidden=1e-3).fit(X)
    LayeredMemory(tau_hidden=9e-4, max_time=900.0).fit(X)


@pytest.mark.filterwarnings("error")
@every_model
@pytest.mark.parametrize("scale", [2.0**-328, 2.0**328])
def test_only_ratios_of_times_matter(model, scale):
    memory = LayeredMemory(model).fit(X)
    times = {"tau_visible": scale, "tau_hidden": 0.1 * scale, "max_time": 1000.0 * scale}
    scaled = LayeredMemory(model, **times).fit(X).retrieve(Q, record=True)
    plain = memory.retrieve(Q, record=True)
    np.testing.assert_array_equal(scaled.state, plain.state)
    np.testing.assert_array_equal(scaled.n_iter, plain.n_iter)
    for found, expected in zip(scaled.times, plain.times, strict=True):
        np.testing.assert_array_equal(found, expected * scale)


def test_a_failed_fit_changes_nothing_and_a_file_answers_the_same():
    memory = LayeredMemory("A").fit(X)
    before = pickle.dumps(memory)
    with pytest.raises(ValueError, match="representable"):
        memory.fit(X * 1e200)
    assert pickle.dumps(memory) == before
    other = pickle.loads(before)
    np.testing.assert_array_equal(other.transform(Q), memory.transform(Q))
    result = pickle.loads(pickle.dumps(memory.retrieve(Q[:3])))
    np.testing.assert_array_equal(result.members.shape, (3, 6))


def test_blocks_respect_the_working_memory():
    rows = np.random.default_rng(0).normal(size=(800, 4))
    memory = LayeredMemory(max_time=0.1).fit(rows)
    tracemalloc.start()
    with config_context(working_memory=1), pytest.warns(ConvergenceWarning):
        memory.retrieve(rows)
    assert tracemalloc.get_traced_memory()[1] < 3e6  # an 800 x 800 array has 5e6
    tracemalloc.stop()


# --- the parts below --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "model"), [("LogCosh", "A"), ("HalfSquare", "B"), ("Length", "C")]
)
def test_visible_activities_are_gradients(part, model):
    visible = getattr(potentials, part)()
    for v in Q[:5]:
        gradient = approx_fprime(v, lambda z: visible_layer(model, z)[0], 1e-7)
        np.testing.assert_allclose(visible.activity(v[None])[0], gradient, atol=1e-6)
        L, g = visible_layer(model, v)
        assert visible.conjugate(v[None])[0] == pytest.approx(v @ g - L, rel=1e-12, abs=1e-12)
    extreme = np.array([[0.0, -0.0], [1e150, -1e150], [1e-200, 3e-200], [700.0, -800.0]])
    assert np.isfinite(visible.activity(extreme)).all()
    assert np.isfinite(visible.conjugate(extreme)).all()
    short = potentials.Length().activity(np.array([[3e-200, 4e-200]]))
    np.testing.assert_allclose(short, [[0.6, 0.8]])
    assert potentials.LogCosh().conjugate(extreme)[1] == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize("visible", [potentials.LogCosh(), potentials.HalfSquare()])
def test_a_state_rests_where_both_layers_do(visible):
    energy = LayeredEnergy(X, visible, potentials.LogSumExp(0.7), 0.3, 5.0)
    Y, rows = np.random.default_rng(6).normal(size=(7, 15)), np.array([6, 0, 3])
    flow = energy.flow(Q[:7])
    times = np.repeat([0.3, 5.0], [9, 6])
    np.testing.assert_allclose(flow.gap(rows, Y[rows]), flow.velocity(rows, Y[rows]) * times)
    units = np.repeat([1.0, np.abs(X).sum(axis=1).max()], [9, 6])
    np.testing.assert_array_equal(flow.units(Y), np.tile(units, (7, 1)))
    caught_up = energy.adiabatic(Y[:, :9])
    assert (flow.gap(np.arange(7), caught_up)[:, 9:] == 0.0).all()
    assert (flow.gap(np.arange(7), caught_up)[:, :9] != 0.0).all()


@pytest.mark.parametrize("hidden", [make(4, 0.5) for make in potentials.HIDDEN_SUMS.values()])
def test_hidden_activities_are_gradients(hidden):
    for h in (*Q[:5], np.zeros(9)):
        gradient = approx_fprime(h, lambda z: hidden.value(z[None])[0], 1e-7)
        np.testing.assert_allclose(hidden.activity(h[None])[0], gradient, rtol=1e-5, atol=1e-5)


def test_the_strongest_drive_and_energy_are_bounds():
    energy = LayeredEnergy(X, potentials.LogCosh(), potentials.PowerSum(4), 1.0, 1.0)
    drive, most = energy.strongest()
    sizes = np.abs(X)
    overlaps = sizes.sum(axis=1)
    assert drive == pytest.approx((4 * overlaps**3 @ sizes).max(), rel=1e-14)
    assert most == pytest.approx((overlaps**4).sum(), rel=1e-14)
    drives = energy.targets(energy.adiabatic(100.0 * Q))[0]
    assert np.abs(drives).max() <= drive


def test_a_linear_neuron_at_rest_or_below_is_silent():
    silent = potentials.RectifiedPowerSum(1).activity(np.array([[-1.0, 0.0, 2.0]]))
    assert silent.tolist() == [[0.0, 0.0, 1.0]]


def test_directions_differ_by_as_much_as_their_length_makes_it():
    length, drive = potentials.Length(), Q[5:10]
    gap = length.gap(Q[:5], drive)
    np.testing.assert_allclose(length.gap(Q[:5] * 1e3, drive), gap * 1e3, rtol=1e-12)
    np.testing.assert_allclose(length.gap(Q[:5], drive * 1e3), gap, rtol=1e-12)
    np.testing.assert_allclose(length.gap(Q[:5], Q[:5] * 7.0), 0.0, atol=1e-15)


class Known:
    """Rows y that oscillate at w, or (w = 0) grow as 1 / (1 - t)."""

    longest_step = 10.0

    def __init__(self, w):
        self.w = w

    def velocity(self, rows, Y):
        w = self.w[rows][:, None]
        return np.where(w > 0.0, np.hstack([-w * Y[:, 1:], w * Y[:, :1]]), Y**2)

    def gap(self, rows, Y):
        return np.ones_like(Y)

    def units(self, Y):
        return np.ones_like(Y)


@pytest.mark.parametrize("tol", [1e-4, 1e-7, 1e-10])
def test_the_integrator_keeps_its_tolerance_row_by_row(tol):
    w = np.array([0.1, 1.0, 10.0, 0.0])
    start = np.tile([1.0, 0.0], (4, 1))
    settled = ode(Known(w), start, max_time=3.0, rtol=tol, atol=tol, record=True)
    circle = np.column_stack([np.cos(3.0 * w), np.sin(3.0 * w)])
    errors = np.linalg.norm(settled.state - circle, axis=1)[:3] / (1.0 + 3.0 * w[:3])
    assert (errors <= 3 * tol).all()
    assert settled.n_iter[0] < settled.n_iter[1] < settled.n_iter[2]
    assert not settled.converged.any()
    *ended, blown = [times[-1] for times in settled.times()]
    np.testing.assert_allclose(ended, 3.0, rtol=1e-12)
    assert blown == pytest.approx(1.0, abs=max(tol, 1e-9))  # it stops where the solution does
