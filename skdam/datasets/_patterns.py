"""Random patterns of +-1: independent, with correlated features, or in families."""

from numbers import Real

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtri
from sklearn.utils import check_random_state

from .._math import Floats, Integers
from .._validation import SHARE, Number, check_allowed, check_count

#: Patterns that differ from a common one in a share q of their bits differ from each other in
#: 2 q (1 - q), half of them at the most.
_SEPARATIONS = Number(Real, 0, 0.5, closed="both")
_CORRELATIONS = Number(Real, -1, 1, closed="both")


def make_patterns(
    n_patterns: int,
    n_features: int,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> Floats:
    """Return random patterns of +-1, every bit on its own and of equal odds.

    Parameters
    ----------
    n_patterns, n_features : int
        Numbers of patterns K and of features N.
    random_state : int, RandomState or None, default=None
        With the same int, more patterns begin with those that fewer are.

    Returns
    -------
    ndarray of shape (K, N), float64
        The patterns, one a row.

    Raises
    ------
    ValueError
        If `n_patterns` or `n_features` is no positive integer.

    Examples
    --------
    >>> from skdam.datasets import make_patterns
    >>> make_patterns(2, 5, random_state=0)
    array([[ 1.,  1.,  1.,  1., -1.],
           [ 1., -1.,  1.,  1., -1.]])
    """
    shape = check_count(n_patterns, "n_patterns"), check_count(n_features, "n_features")
    return _signs(check_random_state(random_state), shape)


def make_correlated_patterns(
    n_patterns: int,
    n_features: int,
    *,
    separation: float = 0.5,
    correlation: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Floats:
    r"""Return patterns of +-1 of a given mean distance, whose neighbouring features agree.

    .. math:: x_i = b_i \cdot \mathrm{sgn}\big(z_i - \Phi^{-1}(q)\big),\qquad
              z_i = \rho z_{i-1} + \sqrt{1 - \rho^2}\, \varepsilon_i,\qquad 2q(1 - q) = s

    with random signs b that all patterns share, and for each pattern a stationary sequence z of
    normal numbers. The separation s says in which share of the features two patterns differ, on
    average; the latent correlation rho how much features agree with their neighbours. Neither
    changes the other. At s = 0.5 the correlation of two neighbouring features is
    ``(2 / pi) arcsin(rho)``, up to the sign ``b_i b_(i+1)``.

    Parameters
    ----------
    n_patterns, n_features : int
        Numbers of patterns K and of features N.
    separation : float, default=0.5
        Separation s, from 0 (all patterns alike) to 0.5 (independent).
    correlation : float, default=0.0
        Latent correlation rho, from -1 to 1.
    random_state : int, RandomState or None, default=None
        With the same int, more patterns begin with those that fewer are.

    Returns
    -------
    ndarray of shape (K, N), float64
        The patterns, one a row.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    S. Bielmeier, G. Friedland, "Effects of Feature Correlations on Associative Memory Capacity",
    2025, arXiv:2508.01395.

    Examples
    --------
    >>> from skdam.datasets import make_correlated_patterns
    >>> X = make_correlated_patterns(500, 200, separation=0.3, correlation=0.8, random_state=0)
    >>> float(((1 - X @ X.T / 200) / 2).mean().round(2))  # the share of features that differ
    0.3
    """
    shape = check_count(n_patterns, "n_patterns"), check_count(n_features, "n_features")
    separation = check_allowed(separation, "separation", _SEPARATIONS)
    rho = check_allowed(correlation, "correlation", _CORRELATIONS)
    rng = check_random_state(random_state)
    base, drive = _signs(rng, shape[1]), rng.standard_normal(shape)
    drive[:, 1:] *= np.sqrt(1.0 - rho**2)
    latent = lfilter([1.0], [1.0, -rho], drive, axis=1)
    share = separation / (1.0 + np.sqrt(1.0 - 2.0 * separation))  # q, whose usual form cancels
    return np.where(latent < ndtri(share), -base, base)


def make_prototype_patterns(
    n_prototypes: int,
    n_examples: int,
    n_features: int,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Floats, Floats, Integers]:
    """Return families of patterns of +-1: noisy examples of prototypes that are none of them.

    Parameters
    ----------
    n_prototypes : int
        How many families.
    n_examples : int
        How many patterns each has.
    n_features : int
        Number of features N.
    noise : float, default=0.1
        The probability with which each bit of an example is not the prototype's, from 0 to 1.
    random_state : int, RandomState or None, default=None
        What the prototypes and the examples are drawn with.

    Returns
    -------
    patterns : ndarray of shape (n_prototypes * n_examples, N), float64
        The examples, family by family.
    prototypes : ndarray of shape (n_prototypes, N), float64
        What the examples are noisy copies of.
    group : ndarray of shape (n_prototypes * n_examples,), int
        The prototype of each example.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    H. McAlister, A. Robins, L. Szymanski, "Classifying States of the Hopfield Network with
    Improved Accuracy, Generalization, and Interpretability", 2025, arXiv:2503.03018.

    Examples
    --------
    >>> from skdam.datasets import make_prototype_patterns
    >>> patterns, prototypes, group = make_prototype_patterns(2, 3, 100, random_state=0)
    >>> group
    array([0, 0, 0, 1, 1, 1])
    >>> (patterns != prototypes[group]).mean(axis=1)
    array([0.09, 0.13, 0.09, 0.14, 0.09, 0.1 ])
    """
    shape = check_count(n_prototypes, "n_prototypes"), check_count(n_features, "n_features")
    n_examples = check_count(n_examples, "n_examples")
    noise = check_allowed(noise, "noise", SHARE)
    rng = check_random_state(random_state)
    prototypes = _signs(rng, shape)
    group = np.repeat(np.arange(shape[0]), n_examples)
    flipped = rng.random_sample((len(group), shape[1])) < noise
    return np.where(flipped, -prototypes[group], prototypes[group]), prototypes, group


def _signs(rng: np.random.RandomState, shape: int | tuple[int, int]) -> Floats:
    return np.where(rng.random_sample(shape) < 0.5, -1.0, 1.0)
