"""The dense associative memory that classifies."""

from __future__ import annotations  # help() then shows ArrayLike, not its expansion

import copy
import warnings
from numbers import Integral, Real
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from .._callbacks import CallbackSupportMixin, Told, with_callbacks
from .._threads import single_blas
from .._validation import COUNT, POSITIVE, Number, all_or_nothing, check_rows
from ._learning import LearningClassifier


class DenseMemoryClassifier(CallbackSupportMixin, ClassifierMixin, LearningClassifier):
    r"""Classify by the votes of learned memories of a dense associative memory.

    .. math:: c_a(v) = \tanh \sum_\mu \big[F(h_\mu + 2\xi_{\mu a}) - F(h_\mu)\big],\qquad
              h_\mu = \sum_i \xi_{\mu i} v_i - \sum_b \xi_{\mu b},\qquad F(h) = \max(h / T, 0)^n

    Visible units v hold the features, scaled to [-1, 1]; a class unit is switched on if that lowers
    the energy. Memories are learned by gradient descent on :math:`\sum_a (c_a - t_a)^{2m}`. At a
    low degree n memories are features that many vote by, at a high one prototypes of which few
    do [1]_.

    Parameters
    ----------
    n_memories : int, default=100
        Number of memories K.
    degree : int, default=3
        Degree n of F, at least 1.
    temperature : float or "auto", default="auto"
        T / (N + A), for N features and A classes; 1e-9 or more. What works moves from .2 (n = 2) to
        .7 (n = 30). "auto" takes that of .1, .2, .35, .5, .7 and .9 with the smallest loss on a
        fifth of the rows after 10 epochs on the others, in three trials.
    loss_exponent : int, default=4
        Exponent m, from 1 to 256. 1 is the squared error; the larger, the more the worst rows
        count.
    learning_rate : float, default=0.02
        How far the fastest coordinate of each memory moves in a step.
    decay : float, default=0.998
        What the learning rate is multiplied by after each epoch.
    momentum : float, default=0.6
        Share of its velocity that a memory keeps from step to step, from 0 to below 1.
    batch_size : int, default=100
        Rows that a step learns from.
    max_iter : int, default=150
        Epochs.
    early_stopping : bool, default=False
        Whether to hold rows out, to stop when neither their errors nor, with as many errors, their
        loss has fallen for `n_iter_no_change` epochs, and to keep the memories of the best one.
    validation_fraction : float, default=0.1
        The share held out of each class, with `early_stopping`: at least one row, if it has two.
    n_iter_no_change : int, default=10
        Epochs without improvement after which `early_stopping` stops.
    random_state : int, RandomState or None, default=None
        What start, batches and splits are drawn with.

    Attributes
    ----------
    classes_ : ndarray of shape (A,)
        The labels.
    memories_ : ndarray of shape (K, N)
        The learned memories, in [-1, 1].
    class_memories_ : ndarray of shape (K, A)
        Their class units.
    temperature_ : float
        T / (N + A), as it was given or found.
    loss_curve_ : ndarray of shape (n_epochs,)
        The mean loss in each epoch.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of features N.
    feature_names_in_ : ndarray of shape (N,)
        Their names, if `X` had string column names.

    Notes
    -----
    Equal rows with equal labels are one row, with the sum of their weights, and rows are sorted
    before anything is drawn: neither their order nor copies for weights change the result. Features
    are scaled by their smallest and largest value in `fit` (or the first `partial_fit` in which
    they vary), and later clipped to that range; constant ones are ignored. A change of
    `n_memories`, `degree` or `temperature` counts from the next `fit`.

    References
    ----------
    .. [1] D. Krotov, J. J. Hopfield, "Dense Associative Memory for Pattern Recognition", 2016,
       arXiv:1606.01164.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdam import DenseMemoryClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = DenseMemoryClassifier(max_iter=20, random_state=0).fit(X[:1200], y[:1200])
    >>> bool(classifier.score(X[1200:], y[1200:]) > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_memories": [COUNT],
        "degree": [COUNT],
        "temperature": [Number(Real, 1e-9, np.inf, closed="left"), StrOptions({"auto"})],
        "loss_exponent": [Number(Integral, 1, 256, closed="both")],
        "learning_rate": [POSITIVE],
        "decay": [Number(Real, 0, 1, closed="right")],
        "momentum": [Number(Real, 0, 1, closed="left")],
        "batch_size": [COUNT],
        "max_iter": [COUNT],
        "early_stopping": ["boolean"],
        "validation_fraction": [Number(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [COUNT],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_memories: int = 100,
        degree: int = 3,
        *,
        temperature: float | str = "auto",
        loss_exponent: int = 4,
        learning_rate: float = 0.02,
        decay: float = 0.998,
        momentum: float = 0.6,
        batch_size: int = 100,
        max_iter: int = 150,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_memories = n_memories
        self.degree = degree
        self.temperature = temperature
        self.loss_exponent = loss_exponent
        self.learning_rate = learning_rate
        self.decay = decay
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn memories that vote for the labels.

        Parameters
        ----------
        X : array-like of shape (n, N)
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), optional
            Weights >= 0: 2 is the same as a repeated row, 0 the same as none.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X`, `y` or `sample_weight` is out of range.

        Warns
        -----
        ConvergenceWarning
            If the outputs are saturated and wrong in the first epoch, or all but 0 in the last:
            the temperature is wrong for the degree.
        """
        self._validate_params()
        told = Told(self, self.max_iter, X, y, sample_weight)  # undone by the decorator
        with all_or_nothing(self):
            task = self._first_task(X, y, sample_weight)
            rng = check_random_state(self.random_state)
            with single_blas():  # products are small
                self._settle(task, rng)
                complaint = self._learn(task, rng, told)
            told.end()
        if complaint:
            warnings.warn(complaint, ConvergenceWarning, stacklevel=3)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn rows for one epoch more; the first settle classes, scale, degree and temperature.

        Parameters
        ----------
        X : array-like of shape (n, N)
        y : array-like of shape (n,)
        classes : array-like of shape (A,), optional
            All labels there will be; needed in the first call.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit`, or if a label is not one of the classes; the classifier is then as before.

        Warns
        -----
        ConvergenceWarning
            If the outputs of the first call are saturated and wrong.
        """
        with all_or_nothing(self):
            self._validate_params()
            if self.__sklearn_is_fitted__():
                self._check_classes(classes)
                task = self._task(check_rows(X, self), y, sample_weight)
                rng = copy.deepcopy(self._rng)  # a failure leaves the old one as it was
            else:
                if classes is None:
                    raise ValueError("classes must be passed to the first call of partial_fit.")
                task = self._first_task(X, y, sample_weight, classes)
                rng = check_random_state(self.random_state)
                self._settle(task, rng)
            complaint = self._learn_once(task, rng)
        if complaint:
            warnings.warn(complaint, ConvergenceWarning, stacklevel=2)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the evidence for each class, the argument of the hyperbolic tangent.

        Parameters
        ----------
        X : array-like of shape (n, N)

        Returns
        -------
        ndarray of shape (n, A), float64
            For two classes of shape (n,): that for the second less that for the first.

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        evidence = self._evidence(X)
        if evidence.shape[1] > 2:
            return evidence
        return evidence[:, -1] - (evidence[:, 0] if evidence.shape[1] == 2 else 0.0)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label with the most evidence.

        Parameters
        ----------
        X : array-like of shape (n, N)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        best = self._evidence(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of rows whose label is predicted.

        Parameters
        ----------
        X : array-like of shape (n, N)
        y : array-like of shape (n,)
            The labels.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        return super().score(X, y, sample_weight)

    def voting_memories(self, X: ArrayLike) -> np.ndarray:
        """Return how many memories make the evidence for the predicted class.

        That is ``1 / sum p^2``, p each memory's share in it: from 1, a prototype, to K, features.

        Parameters
        ----------
        X : array-like of shape (n, N)

        Returns
        -------
        ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            If `X` is not finite or has the wrong number of features.
        """
        energy = self._energy()
        rows = self._scaled(check_rows(X, self))
        best = energy.evidence(rows).argmax(axis=1)
        return 1.0 / (energy.votes(rows, best) ** 2).sum(axis=1)

    @property
    def memories_(self) -> np.ndarray:
        """The learned memories."""
        return self._patterns[:, : self.n_features_in_]

    @property
    def class_memories_(self) -> np.ndarray:
        """Their class units."""
        return self._patterns[:, self.n_features_in_ :]

    def _evidence(self, X: ArrayLike) -> np.ndarray:
        energy = self._energy()
        return energy.evidence(self._scaled(check_rows(X, self)))
