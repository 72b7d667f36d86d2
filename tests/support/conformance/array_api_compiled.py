"""The namespace ``twofold`` with every function under ``@function``, for the array API's tests."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import twofold as tf

__version__ = "compiled"
__array_api_version__ = tf.__array_api_version__
__array_namespace_info__ = tf.__array_namespace_info__

# What answers about dtypes and shapes, and what is given an object of another library.
PLAIN = frozenset({
    "broadcast_shapes", "can_cast", "finfo", "from_dlpack", "iinfo", "isdtype", "result_type",
})  # fmt: skip


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    staged = tf.function(function)
    return functools.wraps(function)(lambda *args, **kwargs: staged(*args, **kwargs))


def _names(module: Any) -> dict[str, Any]:
    found = {}
    for name in module.__all__:
        value = getattr(module, name)
        plain = name in PLAIN or isinstance(value, (type, types.ModuleType)) or not callable(value)
        found[name] = value if plain else _compiled(value)
    return found


globals().update(_names(tf))
linalg, fft = (types.SimpleNamespace(**_names(m)) for m in (tf.linalg, tf.fft))
