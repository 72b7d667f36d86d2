"""A plugin of pytest: NumPy's own tests, with twofold's tensors in place of its arrays.

Each public function of NumPy, ``np.linalg`` and ``np.fft`` that a test module names is called with its
arrays as tensors, so that NumPy hands the call to twofold, and what it returns is given to the test as
an array. ``TWOFOLD_MODE=function`` makes each call one of a ``@tf.function``. Arrays of dtypes that
tensors have not stay arrays, and so does a target, ``out=``; a call without any tensor is NumPy's own.
"""

from __future__ import annotations

import functools
import os
import types
from typing import Any

import numpy as np

import twofold as tf

from .recorder import called

DTYPES = frozenset("?bhilqBHILQefdFD")
# Makers of arrays without one among their arguments, printing, files and settings; what asks for the
# memory of arrays; types.
LEFT = frozenset(
    [
        "arange",
        "array",
        "array2string",
        "array_repr",
        "array_str",
        "asanyarray",
        "asarray",
        "ascontiguousarray",
        "asfortranarray",
        "base_repr",
        "binary_repr",
        "can_cast",
        "common_type",
        "dtype",
        "empty",
        "errstate",
        "eye",
        "frombuffer",
        "fromfile",
        "fromiter",
        "fromstring",
        "full",
        "genfromtxt",
        "get_include",
        "get_printoptions",
        "getbufsize",
        "geterr",
        "geterrcall",
        "identity",
        "info",
        "isdtype",
        "isscalar",
        "issubdtype",
        "iterable",
        "load",
        "loadtxt",
        "may_share_memory",
        "min_scalar_type",
        "mintypecode",
        "nditer",
        "ones",
        "printoptions",
        "promote_types",
        "require",
        "result_type",
        "save",
        "savetxt",
        "savez",
        "savez_compressed",
        "set_printoptions",
        "setbufsize",
        "seterr",
        "seterrcall",
        "shares_memory",
        "show_config",
        "show_runtime",
        "test",
        "typename",
        "vectorize",
        "zeros",
        "copyto",
        "put",
        "place",
        "putmask",
        "fill_diagonal",
        "put_along_axis",
        "frompyfunc",
        "format_float_positional",
        "format_float_scientific",
        "iterable",
    ]
)


def as_tensors(x: Any) -> Any:
    if type(x) is np.ndarray and x.dtype.char in DTYPES:
        return tf.asarray(x)
    return type(x)(map(as_tensors, x)) if type(x) in (list, tuple) else x


def as_arrays(x: Any) -> Any:
    if isinstance(x, tf.Tensor):
        return np.array(x.numpy())[()]
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(as_arrays, x))
    return type(x)(map(as_arrays, x)) if type(x) in (list, tuple) else x


def holds_tensor(x: Any) -> bool:
    if isinstance(x, tf.Tensor):
        return True
    x = x.values() if isinstance(x, dict) else x if type(x) in (list, tuple) else ()
    return any(map(holds_tensor, x))


class Swapped:
    """A function of NumPy that is called with tensors; else that function."""

    def __init__(self, name: str, real: Any) -> None:
        self.name, self.real = name, real
        functools.update_wrapper(self, real)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = {k: v if k == "out" else as_tensors(v) for k, v in kwargs.items()}
        tensors = as_tensors(args)
        if not holds_tensor((list(tensors), given)):
            return self.real(*args, **kwargs)
        called.add(self.name)
        compiled = os.environ.get("TWOFOLD_MODE") == "function"
        todo = tf.function(self.real) if compiled else self.real
        return as_arrays(todo(*tensors, **given))

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def swapped_module(real: Any, prefix: str, known: dict[int, tuple[Any, Any]]) -> Any:
    made = types.ModuleType(real.__name__)
    made.__getattr__ = lambda name: getattr(real, name)  # type: ignore[method-assign]
    for name in dir(real):
        value = getattr(real, name)
        kinds = (type, types.ModuleType)
        if name.startswith("_") or name in LEFT or isinstance(value, kinds) or not callable(value):
            continue
        _, found = known.setdefault(id(value), (value, Swapped(prefix + name, value)))
        setattr(made, name, found)
    return made


def everything() -> dict[int, tuple[Any, Any]]:
    """What each object of NumPy is replaced by, by its identity."""
    known: dict[int, tuple[Any, Any]] = {}
    top = swapped_module(np, "", known)
    top.linalg = swapped_module(np.linalg, "linalg.", known)
    top.fft = swapped_module(np.fft, "fft.", known)
    known.update({id(real): (real, made) for real, made in (
        (np, top), (np.linalg, top.linalg), (np.fft, top.fft))})  # fmt: skip
    return known


def replaced(x: Any, known: dict[int, tuple[Any, Any]]) -> Any:
    if id(x) in known:
        return known[id(x)][1]
    if type(x) in (list, tuple):
        parts = [replaced(v, known) for v in x]
        return x if all(map(lambda a, b: a is b, parts, x)) else type(x)(parts)
    if type(x) is dict:
        values = {k: replaced(v, known) for k, v in x.items()}
        return x if all(values[k] is x[k] for k in x) else values
    return x


def swap_in(space: Any, known: dict[int, tuple[Any, Any]]) -> None:
    for name, value in list(vars(space).items()):
        if name.startswith("__") or name == "pytestmark":
            continue
        found = replaced(value, known)
        if found is not value:
            setattr(space, name, found)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    known, done = everything(), set()

    def once(space: Any) -> None:
        if space is not None and id(space) not in done:
            done.add(id(space))
            swap_in(space, known)

    for item in items:
        once(item.module)
        for value in list(vars(item.module).values()):
            if isinstance(value, type) and value.__module__ == item.module.__name__:
                once(value)
        if hasattr(item, "callspec"):
            params = item.callspec.params
            params.update({k: replaced(v, known) for k, v in params.items()})
