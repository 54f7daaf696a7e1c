"""The one door to the package ``implicit``: fits a model of it the same way every time, and gives its item factors."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import MissingDependencyError


def one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """Keep BLAS on one thread: for many small systems, threads wait for each other far longer than they work."""
    threadpoolctl: Any = importlib.import_module("threadpoolctl")  # comes with scikit-learn; it publishes no types
    limits: contextlib.AbstractContextManager[Any] = threadpoolctl.threadpool_limits(1, "blas")
    return limits


def item_factors(
    module: str, model: str, user_items: Any, width: int, seed: int, **settings: Any
) -> npt.NDArray[np.float32]:
    """Return the item factors that a model of ``implicit`` learns, float32 [items, width].

    The CPU version and one BLAS thread: ``implicit`` has threads of its own, and warns where BLAS has more.

    Args:
        module: Where in ``implicit`` the model is.
        model: Its class.
        user_items: CSR matrix [users, items].
        width: Columns of the result.
        seed: Makes what is random repeatable.
        settings: What the class takes.

    Raises:
        MissingDependencyError: The package is absent.
    """
    if not user_items.nnz:
        return np.zeros((user_items.shape[1], width), np.float32)
    try:
        found = getattr(importlib.import_module(f"implicit.{module}"), model)
    except ModuleNotFoundError as error:
        raise MissingDependencyError("implicit", "implicit", f"recommender {module.rpartition('.')[2]!r}") from error
    with one_blas_thread():
        fitted = found(random_state=seed, **settings)
        fitted.fit(user_items, show_progress=False)
    return np.ascontiguousarray(fitted.item_factors, np.float32)
