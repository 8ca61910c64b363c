"""Slow transcriptions of the definitions, exact or to fifty digits, as oracles.

Nothing here is taken from the package: floats are read as the exact rationals that they are.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from mpmath import mp

mp.dps = 50


def exact(row: Iterable[float]) -> list[Fraction]:
    return [v if isinstance(v, Fraction) else Fraction(float(v)) for v in row]


def squared_distance(x: np.ndarray, y: np.ndarray) -> Fraction:
    pairs = zip(exact(x), exact(y), strict=True)
    return sum(((a - b) ** 2 for a, b in pairs), Fraction())


def squared_distances(X: np.ndarray, Y: np.ndarray) -> list[list[Fraction]]:
    return [[squared_distance(x, y) for y in Y] for x in X]


def active_sets(X: np.ndarray, Y: np.ndarray, radius: float) -> list[list[int]]:
    """Return, for each query, the points strictly within the radius."""
    limit = Fraction(radius) ** 2
    return [[j for j, d in enumerate(row) if d < limit] for row in squared_distances(X, Y)]


# --- kernels, to fifty digits -----------------------------------------------------------------

PROFILES = {
    "epanechnikov": lambda u: 1 - u,
    "gaussian": lambda u: mp.exp(-u / 2),
    "biweight": lambda u: (1 - u) ** 2,
    "triweight": lambda u: (1 - u) ** 3,
    "cosine": lambda u: mp.cos(mp.pi * mp.sqrt(u) / 2),
}


def sphere(n_features: int) -> mp.mpf:
    """Return the surface of the unit sphere, D V_D."""
    half = mp.mpf(n_features) / 2
    return n_features * mp.pi**half / mp.gamma(half + 1)


def integral(name: str, n_features: int, power: int = 1) -> mp.mpf:
    """Return the integral of ``k(|z|^2)^power`` over R^D, in spherical coordinates."""
    if name == "gaussian":
        return mp.sqrt(2 * mp.pi / power) ** n_features
    profile, order = PROFILES[name], n_features - 1
    if name != "cosine":  # substituting v = t^2 makes the integrand a polynomial times a power
        degree = {"epanechnikov": 1, "biweight": 2, "triweight": 3}[name] * power
        terms = [
            (-1) ** i * mp.binomial(degree, i) / (n_features + 2 * i) for i in range(degree + 1)
        ]
        return sphere(n_features) * mp.fsum(terms)
    peak = 1 - mp.mpf(1) / (n_features + 1)
    return sphere(n_features) * mp.quad(
        lambda t: t**order * profile(t * t) ** power, [0, peak / 2, peak, (1 + peak) / 2, 1]
    )


# --- kernel memories, by their definitions ----------------------------------------------------

CURVATURE = dict.fromkeys(PROFILES, 2) | {"gaussian": 1}


def number(value: Fraction) -> mp.mpf:
    return mp.mpf(value.numerator) / value.denominator


def terms(name, memories, weights, bandwidth, x) -> list[mp.mpf]:
    """Return ``w_mu k(u_mu)`` for each memory."""
    limit, found = Fraction(float(bandwidth)) ** 2, []
    for memory, weight in zip(memories, weights, strict=True):
        u = squared_distance(x, memory) / limit
        inside = name == "gaussian" or u < 1
        found.append(float(weight) * PROFILES[name](number(u)) if inside else mp.mpf(0))
    return found


def log_sum(name, memories, weights, bandwidth, x, epsilon=0.0) -> mp.mpf:
    """Return ``log(epsilon + S(x))``, -inf off the support."""
    total = mp.mpf(epsilon) + mp.fsum(terms(name, memories, weights, bandwidth, x))
    return mp.log(total) if total > 0 else mp.mpf("-inf")


def energy(name, memories, weights, bandwidth, x, epsilon=0.0) -> mp.mpf:
    """Return ``-log(epsilon + S(x)) / beta``."""
    temperature = number(Fraction(float(bandwidth)) ** 2) / CURVATURE[name]
    return -temperature * log_sum(name, memories, weights, bandwidth, x, epsilon)


def log_density(name, memories, weights, bandwidth, x) -> mp.mpf:
    """Return ``log S - log(sum of w) - log Z``."""
    n_features = len(x)
    log_z = n_features * mp.log(mp.mpf(float(bandwidth))) + mp.log(integral(name, n_features))
    total = mp.log(mp.fsum(map(float, weights)))
    return log_sum(name, memories, weights, bandwidth, x) - total - log_z


def step(name, memories, weights, bandwidth, x) -> np.ndarray:
    """Return the mean memory under ``-w k'(u)`` (the paper's Algorithm 1 for Epanechnikov)."""
    limit, shares = Fraction(float(bandwidth)) ** 2, []
    for memory, weight in zip(memories, weights, strict=True):
        u = squared_distance(x, memory) / limit
        if name != "gaussian" and u >= 1:
            shares.append(mp.mpf(0))
        elif name == "epanechnikov":
            shares.append(mp.mpf(float(weight)))
        else:
            centre = u == 0 and name == "cosine"
            slope = mp.pi**2 / 8 if centre else -mp.diff(PROFILES[name], number(u))
            shares.append(float(weight) * slope)
    total = mp.fsum(shares)
    if not total:
        return np.asarray(x, dtype=float)
    columns = zip(*memories, strict=True)
    means = [mp.fsum(s * float(v) for s, v in zip(shares, c, strict=True)) / total for c in columns]
    return np.array([float(mean) for mean in means])


def gradient(name, memories, weights, bandwidth, x, epsilon=0.0) -> np.ndarray:
    """Return central differences of the energy, far below the last digit of a float."""
    h, x, slopes = Fraction(float(bandwidth)) / 2**60, exact(x), []
    for i in range(len(x)):
        ends = [[v + sign * h * (i == j) for j, v in enumerate(x)] for sign in (1, -1)]
        up, down = (energy(name, memories, weights, bandwidth, end, epsilon) for end in ends)
        slopes.append(float((up - down) / (2 * number(h))))
    return np.array(slopes)


def descend(memories, weights, bandwidth, X, step=1e-3, tol=1e-5) -> np.ndarray:
    """Follow -grad E of the Epanechnikov energy by small steps, ``step * S / sum_(B(x)) w`` long.

    That makes a step ``step * (c(B(x)) - x)``, whatever S and epsilon are.
    """
    x, moving = X.copy(), np.ones(len(X), dtype=bool)
    while moving.any():
        near = ((x[moving, None] - memories) ** 2).sum(axis=2) < bandwidth**2
        pull = near * weights
        path = pull @ memories / pull.sum(axis=1, keepdims=True) - x[moving]
        x[moving] += step * path
        moving[moving] = (np.abs(path) > tol * bandwidth).any(axis=1)
    return x


# --- densities of data on a grid, whose squared distances are exact in floats -----------------


def eighths(X: np.ndarray, n_queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of integers and noisy ones in steps of 1/8, and their exact squared distances."""
    rng, half = np.random.default_rng(0), n_queries // 2
    noisy = X[200 : 200 + half] + rng.integers(-32, 33, (half, X.shape[1])) / 8
    queries = np.concatenate([X[:half], noisy])
    difference = (8 * (queries[:, None] - X)).astype(np.int64)
    return queries, (difference**2).sum(axis=2) / 64  # exact: far below 2^53


def grid_densities(name, squared, bandwidth, n_features) -> list[tuple[float, float]]:
    """Return (log density, S) for each query from exact squared distances to equal memories."""
    limit, found = mp.mpf(bandwidth) ** 2, []
    log_z = n_features * mp.log(mp.mpf(bandwidth)) + mp.log(integral(name, n_features))
    for row in squared.tolist():
        u = [mp.mpf(value) / limit for value in row]
        total = mp.fsum(PROFILES[name](v) for v in u if name == "gaussian" or v < 1)
        value = mp.log(total) - mp.log(len(row)) - log_z if total else mp.mpf("-inf")
        found.append((float(value), float(total)))
    return found


# --- minima of the Epanechnikov energy, by their definition in rational arithmetic ----------------


def self_consistent_sets(rows, weights, radius) -> set[frozenset[int]]:
    """Return B(c(S)) = S over all subsets of rows, copies merged, with no row at the radius."""
    limit, distinct = Fraction(float(radius)) ** 2, sorted({tuple(exact(row)) for row in rows})
    places = [[i for i, row in enumerate(rows) if tuple(exact(row)) == d] for d in distinct]
    total = [sum(Fraction(float(weights[i])) for i in copies) for copies in places]
    found = set()
    for code in range(1, 2 ** len(distinct)):
        chosen = [i for i in range(len(distinct)) if code >> i & 1]
        mass = sum(total[i] for i in chosen)
        centre = [
            sum(total[i] * distinct[i][d] for i in chosen) / mass for d in range(len(distinct[0]))
        ]
        squared = [sum((a - b) ** 2 for a, b in zip(row, centre, strict=True)) for row in distinct]
        if limit not in squared and [q < limit for q in squared] == [
            i in chosen for i in range(len(distinct))
        ]:
            found.add(frozenset(i for place in chosen for i in places[place]))
    return found


# --- random features ---------------------------------------------------------------------------


def gaussian_kernel(X: np.ndarray, Y: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return ``exp(-|x - y|^2 / (2 bandwidth^2))`` of all pairs, from differences."""
    squared = np.square((X[:, None] - Y) / bandwidth).sum(axis=2)
    return np.exp(-squared / 2)


def fourier_features(Z: np.ndarray, frequencies: np.ndarray, length: int) -> np.ndarray:
    """DrDAM, eq. 7: cosines, then sines, of ``omega . z``, over sqrt(Y); the first `length`."""
    n = len(frequencies)
    waves = [[f(omega @ z) / n**0.5 for f in (np.cos, np.sin) for omega in frequencies] for z in Z]
    return np.array(waves)[:, :length]


def positive_features(Z: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Performer, lemma 1, for the Gaussian kernel: ``exp(omega . z - |z|^2) / sqrt(Y)``."""
    n = len(frequencies)
    return np.array([[np.exp(omega @ z - z @ z) / n**0.5 for omega in frequencies] for z in Z])


# --- memories of spins ------------------------------------------------------------------------


def overlaps(X: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Return the overlap of each query with each memory."""
    return np.rint(Q @ X.T)


def interaction(name: str, degree: int, beta: float = 1.0):
    """Return F on integers, exactly; the exponential to fifty digits."""
    return {
        "power": lambda h: int(h) ** degree,
        "rectified": lambda h: int(h) ** degree if h > 0 else 0,
        "exponential": lambda h: mp.exp(mp.mpf(beta) * int(h)),
    }[name]


def asynchronous(F, X: np.ndarray, q: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the states of a query, flip by flip: each bit takes the value of lower energy."""
    memories = [[int(v) for v in x] for x in X]
    state = [int(v) for v in q]
    h = [sum(a * b for a, b in zip(x, state, strict=True)) for x in memories]
    path, quiet = [list(state)], 0
    while quiet < len(order):
        for i in order:
            after = [v - 2 * x[i] * state[i] for v, x in zip(h, memories, strict=True)]
            quiet += 1
            if sum(map(F, after)) - sum(map(F, h)) > 0:
                state[i], h, quiet = -state[i], after, 0
                path.append(list(state))
    return np.array(path)


def hopfield_energy(couplings: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Return minus half the sum over pairs, pair by pair."""
    n = Q.shape[1]
    pairs = [(i, j) for i in range(n) for j in range(n)]
    return np.array([-0.5 * sum(couplings[i, j] * q[i] * q[j] for i, j in pairs) for q in Q])
