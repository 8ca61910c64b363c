"""Samples of a pipeline's last step, in the space of its input."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from .._math import Floats
from .._validation import check_method

#: A step of a pipeline: its name, and an estimator or "passthrough".
Step = tuple[str, Any]


def sample_from(
    pipeline: Pipeline,
    n_samples: int = 1,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Sample the last step of a fitted pipeline and map back through all earlier ones.

    Parameters
    ----------
    pipeline : fitted Pipeline
        Its last step has ``sample(n_samples, random_state=...)`` that returns an array (an
        `EmergentSampler`, or a memory for draws of its density); the others have
        `inverse_transform`.
    n_samples : int, default=1
        Number of samples.
    random_state : int, RandomState or None, default=None
        What the last step draws with.

    Returns
    -------
    ndarray of shape (n_samples, D)
        Patterns in the space of the pipeline's input.

    Raises
    ------
    TypeError
        If `pipeline` is no Pipeline, its last step cannot sample, or another cannot map back.
    ValueError
        If there is nothing to sample.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdam import EmergentSampler, sample_from
    >>> pipeline = make_pipeline(PCA(8, random_state=0), EmergentSampler(random_state=0))
    >>> pipeline = pipeline.fit(load_digits().data[:100])
    >>> sample_from(pipeline, n_samples=5, random_state=0).shape
    (5, 64)
    """
    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"pipeline must be a Pipeline, got {type(pipeline).__name__}.")
    earlier, (name, last) = unnest(pipeline)
    samples = check_method(last, name, "sample").sample(n_samples, random_state=random_state)
    return map_back(earlier, samples)


def unnest(estimator: Any, name: str = "") -> tuple[list[Step], Step]:
    """Return the earlier steps of a pipeline that can map back, and the last, out of its nest.

    Any other estimator is a last step without earlier ones.
    """
    if not isinstance(estimator, Pipeline):
        return [], (name, estimator)
    *earlier, (last_name, last) = estimator.steps
    for step_name, step in earlier:
        check_method(step, step_name, "inverse_transform")
    more, last_step = unnest(last, last_name)
    return earlier + more, last_step


def map_back(steps: list[Step], X: Floats) -> Floats:
    """Return rows in the space of the first step's input."""
    for _, step in reversed(steps):
        X = X if step in (None, "passthrough") else step.inverse_transform(X)
    return X
