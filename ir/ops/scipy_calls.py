"""SciPy's functions: loaded by the first call of one, and NumPy is enough for everything else."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["scipy"]


@functools.cache
def scipy(module: str, name: str) -> Callable[..., Any]:
    """``scipy.<module>.<name>``. Raises ImportError, with what to install, without SciPy."""
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(f"scipy.{module}"), name)
    except ImportError as error:
        raise ImportError(
            f"this function is SciPy's {module}.{name}, and SciPy cannot be imported ({error}); "
            f"pip install 'twofold[scipy]'",
            name="scipy",
        ) from error
    return found
