"""One typed door to the compiler of our kernels.

A kernel is a plain loop over NumPy arrays. It releases the interpreter's lock, so threads run partitions side by side,
and its machine code is kept on disk, so only the first run on a machine compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_njit: Any = numba.njit  # its types differ from release to release


def kernel(function: F) -> F:
    """Compile a loop over NumPy arrays to machine code on first use (no Python objects, no lock held)."""
    return cast("F", _njit(nogil=True, cache=True)(function))


def part(function: F) -> F:
    """Compile a loop that only kernels call: no door for Python and no file of its own, so it compiles much faster."""
    return cast("F", _njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))
