"""A memory of visible and hidden neurons that settle together."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils._param_validation import InvalidParameterError, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._math import row_blocks
from .._validation import COUNT, POSITIVE, Number, all_or_nothing, check_rows
from ..dynamics import RetrievalResult, ode
from ..potentials import INTERACTIONS
from ._base import Memory
from ._settling import MODELS, Settling, check_current

#: Most of the smaller time constants that `max_time` may hold: minutes, of one block of queries.
_MOST_STEPS = 1e6
#: Time constants beyond this make rates of change that floats do not hold.
_TIME = Number(Real, 1e-100, 1e100, closed="both")


class LayeredMemory(Memory):
    r"""Store patterns as synapses between visible and hidden neurons, and let the two settle.

    .. math:: \tau_v \dot v_i = \sum_\mu \xi_{\mu i} f_\mu - v_i + I_i,\qquad
              \tau_h \dot h_\mu = \sum_i \xi_{\mu i} g_i - h_\mu,\qquad
              g = \frac{\partial L_v}{\partial v},\quad f = \frac{\partial L_h}{\partial h}

    A dense associative memory with two-body synapses alone [1]_: one hidden neuron for each memory,
    and an energy that never rises, as both Lagrangians are convex.

    ===== ================================== =========================== ======================
    model hidden Lagrangian                  visible Lagrangian          state
    ===== ================================== =========================== ======================
    "A"   ``sum F(h)``                       ``sum log cosh v``          ``tanh v``
    "B"   ``log(sum exp(beta h)) / beta``    ``|v|^2 / 2``               ``v``
    "C"   ``sum F(h)``                       ``|v|``                     ``v / |v|``
    ===== ================================== =========================== ======================

    With fast hidden neurons A is a continuous dense associative memory, B attention, and C a memory
    of directions.

    Parameters
    ----------
    model : {"A", "B", "C"}, default="B"
        The Lagrangians of the two layers.
    beta : float, default=8.0
        Inverse temperature of the hidden neurons in model B, and in ``F(h) = exp(beta h)``.
    interaction : {"rectified", "power", "exponential"}, default="rectified"
        F of models A and C: ``max(h, 0)^degree``, ``h^degree`` or ``exp(beta h)``. An odd power
        above 1 is not convex and refused, whatever the model.
    degree : int, default=3
        Degree of a power.
    tau_visible, tau_hidden : float, default=1.0, 0.1
        Time constants of the two layers, from 1e-100 to 1e100. They change the way, and no fixed
        point. The smaller one bounds the steps: a retrieval takes about a dozen steps times the
        larger over the smaller, so that .001 is slow. `AttentionMemory` is the limit of B.
    max_time : float, default=1000.0
        When a retrieval stops at the latest, in the units of the time constants.
    rtol, atol : float, default=1e-6, 1e-8
        Most error of a step, relative to each potential and in the unit of its layer. That is 1 for
        visible neurons in model A, the largest magnitude in the memories in B (up to a factor of
        two), and that in v in C; for hidden neurons the largest sum of magnitudes of a memory, in B
        times the former. A query is done when every neuron is within a hundredth of that of what
        drives it (in C: when its direction is).

    Attributes
    ----------
    memories_ : ndarray of shape (K, D)
        The stored rows in the order given.
    n_iter_ : int
        1: storing is one pass. The steps of a retrieval are in `RetrievalResult`.
    n_features_in_ : int
        Number of features D.
    feature_names_in_ : ndarray of shape (D,)
        Their names, if `X` had string column names.

    See Also
    --------
    AttentionMemory : Model B with fast hidden neurons, in one explicit step of length tau_visible.
    BinaryMemory : Model A with fast hidden neurons and visible ones that have saturated.

    Notes
    -----
    Queries are potentials v at time 0; hidden neurons start where they have caught up with them,
    ``h = Xi g(v)``. States are activities g, so that states of A and C are not on the scale of
    queries: of patterns of +-1 model A returns signs, of any model C returns the direction.

    Overlaps in A and C are as large as the memories make them, and F of them is what drives the
    visible neurons: rescale X if `fit` says that this is not representable.

    A row's result does not depend on the others of its batch, beyond rounding: products are taken
    in tiles of one shape, and every row has its own step, errors and end. A fitted memory holds its
    training rows verbatim: a file of it is training data.

    References
    ----------
    .. [1] D. Krotov, J. J. Hopfield, "Large Associative Memory Problem in Neurobiology and Machine
       Learning", 2020, arXiv:2008.06996: eqs. 1 and 2, and section 3 for the models.

    Examples
    --------
    >>> from skdam import LayeredMemory
    >>> X = [[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]]
    >>> LayeredMemory().fit(X).transform([[0.9, -0.2, 0.3, -0.8]]).round(3)
    array([[ 1., -1.,  1., -1.]])
    >>> memory = LayeredMemory("A").fit(X)
    >>> memory.transform([[0.9, -0.2, 0.3, -0.8]]).round(3)
    array([[ 1., -1.,  1., -1.]])
    >>> result = memory.retrieve([[0.9, -0.2, 0.3, -0.8]], record=True)
    >>> bool((result.energies[0][1:] <= result.energies[0][:-1] + 1e-9).all())
    True
    >>> memory.retrieve([[0.9, -0.2, 0.3, -0.8]], input_current=[0.0, 99.0, -99.0, 0.0]).recalled
    array([1])
    """

    _parameter_constraints: ClassVar[dict] = {
        "model": [StrOptions(set(MODELS))],
        "beta": [POSITIVE],
        "interaction": [StrOptions(set(INTERACTIONS))],
        "degree": [COUNT],
        "tau_visible": [_TIME],
        "tau_hidden": [_TIME],
        "max_time": [POSITIVE],
        "rtol": [Number(Real, 1e-13, 1.0, closed="left")],
        "atol": [POSITIVE],
    }

    def __init__(
        self,
        model: str = "B",
        *,
        beta: float = 8.0,
        interaction: str = "rectified",
        degree: int = 3,
        tau_visible: float = 1.0,
        tau_hidden: float = 0.1,
        max_time: float = 1000.0,
        rtol: float = 1e-6,
        atol: float = 1e-8,
    ) -> None:
        self.model = model
        self.beta = beta
        self.interaction = interaction
        self.degree = degree
        self.tau_visible = tau_visible
        self.tau_hidden = tau_hidden
        self.max_time = max_time
        self.rtol = rtol
        self.atol = atol

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Store the rows of X.

        Parameters
        ----------
        X : array-like of shape (K, D)
            The memories.
        y : ignored
            So that labels in a pipeline never become patterns.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or `X` is out of range, if the hidden Lagrangian is not convex, if what
            drives the neurons is not representable, or if `max_time` holds too many steps.
        TypeError
            If `X` is sparse, masked or made of dates.
        """
        with all_or_nothing(self):
            self._validate_params()
            self._check_convex()
            self._check_times()
            self.memories_, self.n_iter_ = check_rows(X, self, reset=True).copy(), 1
            self._prepare()
            self._prepared.check_drive(
                f"model={self.model!r}, interaction={self.interaction!r}, degree={self.degree} and"
                f" beta={self.beta}"
            )
            return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the state that each query settles in: the activities of the visible neurons.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Potentials of the visible neurons at time 0.

        Returns
        -------
        ndarray of shape (n, D)
            float32 for float32 queries.

        Raises
        ------
        ValueError
            If `X` is not finite, beyond 1e150 (in model B, so many times the memories), or has the
            wrong number of features.

        Warns
        -----
        ConvergenceWarning
            Once per call, with the number of queries that `max_time` cut short.
        """
        check_is_fitted(self)
        return self._retrieved(X).state

    def retrieve(
        self, X: ArrayLike, input_current: ArrayLike | None = None, record: bool = False
    ) -> RetrievalResult:
        """Let each query settle and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Potentials of the visible neurons at time 0.
        input_current : array-like of shape (D,) or (n, D), optional
            What drives the visible neurons all the time, beside the memories. None by default.
        record : bool, default=False
            Whether to keep every query's trajectory, energies and times, step by step.

        Returns
        -------
        RetrievalResult
            `state` and `trajectory` hold activities, `energy` and `energies` are those of both
            layers (under the current, and with hidden neurons as they are). `members` is the share
            of each memory in the activity of the hidden neurons that have caught up with the final
            potentials (negative for negative activity), and `recalled` the memory that has, with
            its copies, more than 1/sqrt(2) of it; none, if none is active. `n_iter` counts steps.

        Raises
        ------
        ValueError
            If `X` or `input_current` is not finite, beyond 1e150 (in model B, so many times the
            memories), or of a wrong shape.

        Warns
        -----
        ConvergenceWarning
            As `transform`.
        """
        check_is_fitted(self)
        return self._retrieved(X, input_current, record)

    def energy(self, X: ArrayLike) -> np.ndarray:
        r"""Return the energy of each row of potentials, once hidden neurons have caught up with it.

        .. math:: E(v) = v \cdot g - L_v(v) - L_h(\Xi g),\qquad h = \Xi g

        without an input current: the least over h where `L_h` is convex.

        Parameters
        ----------
        X : array-like of shape (n, D)
            Potentials v of the visible neurons, as queries are: not activities, as states are.

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            As `transform`.
        """
        check_is_fitted(self)
        V = self._prepared.scaled(check_rows(X, self), "X")
        return np.concatenate([self._prepared.value(V[rows]) for rows in self._blocks(len(V))])

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return -beta times the energy in model B, else minus it: a log density up to a constant.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            As `transform`.
        """
        return (-self.beta if self.model == "B" else -1.0) * self.energy(X)

    def _check_convex(self) -> None:
        if not INTERACTIONS[self.interaction](self.degree, self.beta).is_convex:
            raise InvalidParameterError(
                f"interaction={self.interaction!r} with the odd degree={self.degree} is not convex:"
                " the Hessian of the hidden Lagrangian is indefinite, so that the energy may rise."
                " The 'degree' of 'power' must be even (or 1); 'rectified' takes any."
            )

    def _check_times(self) -> None:
        steps = self.max_time / min(self.tau_visible, self.tau_hidden)
        if not steps <= _MOST_STEPS:
            raise InvalidParameterError(
                f"max_time={self.max_time} must be at most {_MOST_STEPS:.0e} times the smaller of"
                f" tau_visible={self.tau_visible} and tau_hidden={self.tau_hidden}, which bounds"
                " the steps. Lower max_time (most queries rest within some tens of the larger), or"
                " take an AttentionMemory, which is model B with the fastest hidden neurons."
            )

    def _prepare(self) -> None:
        self._prepared = Settling.of(
            self.memories_.astype(np.float64),
            self.model,
            (self.interaction, self.degree, self.beta),
            (self.tau_visible, self.tau_hidden),
        )

    def _retrieved(
        self, X: ArrayLike, input_current: ArrayLike | None = None, record: bool = False
    ) -> RetrievalResult:
        X = check_rows(X, self)
        none = np.broadcast_to(0.0, X.shape)
        current = none if input_current is None else check_current(input_current, X.shape)
        settling = self._prepared
        V, current = settling.scaled(X, "X"), settling.scaled(current, "input_current")
        integrate = partial(ode, max_time=self.max_time, rtol=self.rtol, atol=self.atol)
        parts = [
            settling.retrieve(V[rows], current[rows], integrate, record)
            for rows in self._blocks(len(V))
        ]
        result = RetrievalResult.join(parts)
        self._report(result.converged)
        return replace(result, state=result.state.astype(X.dtype, copy=False))

    def _blocks(self, n: int) -> Iterator[slice]:
        return row_blocks(n, 160 * sum(self.memories_.shape))

    def _report(self, converged: np.ndarray) -> None:
        if not converged.all():
            warnings.warn(
                f"{np.sum(~converged)} of {len(converged)} queries were still moving at"
                f" max_time={self.max_time}. Raise max_time (or rtol).",
                ConvergenceWarning,
                stacklevel=4,
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
