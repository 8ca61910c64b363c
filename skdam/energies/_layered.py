"""The energy of visible and hidden neurons that act on each other through memories."""

from dataclasses import dataclass

import numpy as np

from .._math import UNIT_ROUNDOFF, Floats, Integers
from ..potentials import HiddenLagrangian, VisibleLagrangian

#: Rows of one product: always as many, so that a row is rounded alike in every batch.
_TILE = 32
#: Roundings of a layer's largest potential that a neuron may be off where nothing moves.
_ROUNDINGS = 64


@dataclass(frozen=True, eq=False)
class LayeredEnergy:
    r"""D visible neurons and K hidden ones, joined by memories; no other synapses.

    .. math:: \tau_v \dot v_i = \sum_\mu \xi_{\mu i} f_\mu - v_i + I_i,\qquad
              \tau_h \dot h_\mu = \sum_i \xi_{\mu i} g_i - h_\mu,\qquad
              g = \frac{\partial L_v}{\partial v},\quad f = \frac{\partial L_h}{\partial h}

    descends, if both Lagrangians are convex,

    .. math:: E = \Big[\sum_i (v_i - I_i) g_i - L_v\Big] + \Big[\sum_\mu h_\mu f_\mu - L_h\Big]
              - \sum_{\mu i} f_\mu \xi_{\mu i} g_i

    (Krotov and Hopfield 2020, eqs. 1 and 2). A state is one row of v and h, (n, D + K). Where
    :math:`h = \Xi g(v)`, the hidden neurons have caught up with v (they are *adiabatic*), and E is
    :math:`v \cdot g - L_v - I \cdot g - L_h(\Xi g)`.

    Parameters
    ----------
    memories : ndarray of shape (K, D), float64
        The synapses, one row for each hidden neuron.
    visible : VisibleLagrangian
        The Lagrangian of the visible neurons.
    hidden : HiddenLagrangian
        The Lagrangian of the hidden neurons.
    tau_visible, tau_hidden : float
        Time constants of the two layers, > 0, in the unit of time.

    Examples
    --------
    A pair of Lagrangians that no estimator has, settling in two lines:

    >>> import numpy as np
    >>> from skdam.dynamics import ode
    >>> from skdam.energies import LayeredEnergy
    >>> from skdam.potentials import LogCosh, LogSumExp
    >>> energy = LayeredEnergy(3.0 * np.eye(2), LogCosh(), LogSumExp(beta=2.0), 1.0, 0.1)
    >>> start, none = energy.adiabatic(np.array([[0.5, 0.1]])), np.zeros((1, 2))
    >>> settled = ode(energy.flow(none), start, max_time=100.0, rtol=1e-6, atol=1e-8)
    >>> bool(settled.converged[0]), energy.activities(settled.state)[0].round(2)
    (True, array([[0.99, 0.01]]))
    """

    memories: Floats
    visible: VisibleLagrangian
    hidden: HiddenLagrangian
    tau_visible: float
    tau_hidden: float

    def layers(self, Y: Floats) -> tuple[Floats, Floats]:
        """Return v and h of each state."""
        n_features = self.memories.shape[1]
        return Y[:, :n_features], Y[:, n_features:]

    def adiabatic(self, V: Floats) -> Floats:
        """Return the states (n, D + K) of v, and of hidden neurons that have caught up with it."""
        return np.hstack([V, self._overlaps(V)])

    def activities(self, Y: Floats) -> tuple[Floats, Floats]:
        """Return g and f of each state."""
        V, H = self.layers(Y)
        return self.visible.activity(V), self.hidden.activity(H)

    def value(self, Y: Floats, current: Floats | float = 0.0) -> Floats:
        """Return E of each state under an input current, (D,) or (n, D)."""
        V, H = self.layers(Y)
        g, f = self.activities(Y)
        lag = H - self._overlaps(V)
        coupling = np.einsum("ij,ij->i", f, lag) - (current * g).sum(axis=1)
        return self.visible.conjugate(V) + coupling - self.hidden.value(H)

    def targets(self, Y: Floats, current: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """Return what v and h decay to while the activities stay as they are."""
        V, H = self.layers(Y)
        return _product(self.hidden.activity(H), self.memories) + current, self._overlaps(V)

    def flow(self, current: Floats) -> "LayeredFlow":
        """Return how states move under their input currents, (n, D)."""
        return LayeredFlow(self, current)

    def strongest(self) -> tuple[float, float]:
        """Bound what memories do to a visible neuron of activities up to 1, and their energy."""
        sizes = np.abs(self.memories)
        overlaps = sizes.sum(axis=1)[None]
        with np.errstate(all="ignore"):
            drive = (np.abs(self.hidden.activity(overlaps)) @ sizes).max()
            return float(drive), float(np.abs(self.hidden.value(overlaps))[0])

    def _overlaps(self, V: Floats) -> Floats:
        return _product(self.visible.activity(V), self.memories.T)


@dataclass(frozen=True, eq=False)
class LayeredFlow:
    """Rows of neurons in motion, each under its own input current.

    It is what `skdam.dynamics.ode` integrates; `LayeredEnergy.flow` makes it.

    Parameters
    ----------
    energy : LayeredEnergy
        The energy that falls along the flow.
    current : ndarray of shape (n, D)
        Input currents of the visible neurons, one row for each state that `ode` starts from.

    Examples
    --------
    >>> import numpy as np
    >>> from skdam.energies import LayeredEnergy
    >>> from skdam.potentials import HalfSquare, LogSumExp
    >>> energy = LayeredEnergy(3.0 * np.eye(2), HalfSquare(), LogSumExp(beta=2.0), 1.0, 0.1)
    >>> flow = energy.flow(np.array([[0.0, 0.5]]))
    >>> flow.velocity(np.array([0]), np.array([[3.0, 0.5, 9.0, 1.5]])).round(3) + 0.0
    array([[0., 0., 0., 0.]])
    """

    energy: LayeredEnergy
    current: Floats

    @property
    def longest_step(self) -> float:
        """A step that damps whatever decays at a fixed point.

        Rates of decay r obey ``(1 - tau_v r)(1 - tau_h r) = m`` with an eigenvalue m >= 0 of the
        Hessians' product, below 1 where the energy has a minimum: so r < 1/tau_v + 1/tau_h.
        """
        tau_v, tau_h = self.energy.tau_visible, self.energy.tau_hidden
        return 2.0 * min(tau_v, tau_h) / (1.0 + min(tau_v, tau_h) / max(tau_v, tau_h))

    def velocity(self, rows: Integers, Y: Floats) -> Floats:
        """Return dv/dt and dh/dt of some rows."""
        V, H = self.energy.layers(Y)
        drive, overlaps = self.energy.targets(Y, self.current[rows])
        dV, dH = (drive - V) / self.energy.tau_visible, (overlaps - H) / self.energy.tau_hidden
        return np.hstack([dV, dH])

    def gap(self, rows: Integers, Y: Floats) -> Floats:
        """Return how far each neuron is from what drives it: 0 where all that is left is rounding.

        In the units of its potential, as far as activities show.
        """
        V, H = self.energy.layers(Y)
        drive, overlaps = self.energy.targets(Y, self.current[rows])
        gaps = self.energy.visible.gap(V, drive), overlaps - H
        return np.hstack([_beyond_rounding(*pair) for pair in zip(gaps, (V, H), strict=True)])

    def units(self, Y: Floats) -> Floats:
        """Return the unit of each potential, in which its errors are measured."""
        V, H = self.energy.layers(Y)
        most = np.abs(self.energy.memories).sum(axis=1).max() or 1.0
        visible = np.broadcast_to(self.energy.visible.unit(V), V.shape)
        return np.hstack([visible, np.full(H.shape, most)])


def _beyond_rounding(gap: Floats, potentials: Floats) -> Floats:
    most = np.abs(potentials).max(axis=1, keepdims=True)
    return np.where(np.abs(gap) <= _ROUNDINGS * UNIT_ROUNDOFF * most, 0.0, gap)


def _product(A: Floats, B: Floats) -> Floats:
    """Return A @ B in tiles of equal shape: products of other shapes round in other orders."""
    tiles = -(-len(A) // _TILE)
    padded = np.zeros((tiles, _TILE, A.shape[1]))
    padded.reshape(-1, A.shape[1])[: len(A)] = A
    return (padded @ B).reshape(-1, B.shape[1])[: len(A)]
