"""twofold: eager NumPy-like tensors, and the same code compiled.

>>> import twofold as tf
>>> @tf.function
... def f(x):
...     return tf.tanh(x) * 2
>>> f(tf.constant([0.0])).numpy()
array([0.], dtype=float32)

The table of names is ``twofold/api/names.py``. Names are loaded when they are first used: the eager
half with the first of them, the compiler with ``tf.function``, so that the import itself is quick.
"""

from __future__ import annotations

import importlib
from typing import Any

from twofold._loading import Loading
from twofold._version import __version__ as __version__
from twofold.api.names import MODULES, NAMESPACES

__array_api_version__ = "2025.12"
_OWN = ("__array_api_version__", "__version__")


def __getattr__(name: str) -> Any:
    if name in MODULES:  # Keras has a lock of its own, and none is taken under that of Loading
        return globals().setdefault(name, importlib.import_module(MODULES[name]))
    with Loading():
        return _load(name)


def _load(name: str) -> Any:
    if name in NAMESPACES:
        return importlib.import_module(f"twofold.{name}")
    if name == "__all__":
        return [*_OWN, *NAMESPACES, *MODULES, *_surface().public_names("")]
    if name.startswith("__") and name != "__array_namespace_info__":
        raise AttributeError(f"module 'twofold' has no attribute {name!r}")
    globals()[name] = found = _surface().load("", name)
    return found


def _surface() -> Any:
    return importlib.import_module("twofold.api.surface")


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))
