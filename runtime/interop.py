"""NumPy's protocols: ``np.sin(t)`` and ``np.concatenate([t, u])`` run our ops on our tensors.

A NumPy function that is an op here runs as that op, so tapes record it and the tracer stages it.
Any other runs on plain arrays and its result is wrapped, but only while nobody records: a gradient
or a graph that silently misses an operation would be a wrong answer, so there it is refused.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, StagingError
from twofold.ir.op import OPS, Op
from twofold.ir.registry import REGISTRY

__all__ = ["NumpyProtocols"]

# NumPy's name -> ours, where they differ.
NAMES = {
    "absolute": "abs", "amax": "max", "amin": "min", "arccos": "acos", "arccosh": "acosh",
    "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "arctanh": "atanh", "concatenate": "concat", "conj": "conjugate", "divide": "divide",
    "invert": "bitwise_invert", "bitwise_not": "bitwise_invert", "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift", "mod": "remainder", "true_divide": "divide",
    "rint": "round", "fabs": "abs", "float_power": "power", "pow": "power",
    "degrees": "rad2deg", "radians": "deg2rad", "cond": "condition_number",
}  # fmt: skip

# The parameters of a NumPy function by position, where ours have other names or another order.
PARAMETERS: dict[str, dict[str, str]] = {
    "transpose": {"axes": "perm"},
    "reshape": {"newshape": "shape", "a": "x"},
}
RUNNING = {np.add: "cumsum", np.multiply: "cumprod"}
# Same name, another meaning than ours.
DIFFERENT = {"eig", "eigvals", "gradient", "lstsq", "nonzero", "unique"}


def our_function(name: str) -> Callable[..., Any] | None:
    """The op or composite that a NumPy function is, or None."""
    ours = NAMES.get(name, name)
    return REGISTRY.public(ours)


@cache
def folding(name: str) -> Op | None:
    """The reduction that repeats the op of this name."""
    return next((op for op in OPS.values() if op.folds == name), None)


class NumpyProtocols:
    """What makes a tensor an operand of NumPy, and of whoever speaks DLPack or the array API."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        ours = our_function(ufunc.__name__)
        if ufunc is np.divmod and method == "__call__" and not kwargs:
            return OPS["floor_divide"](*inputs), OPS["remainder"](*inputs)
        if method == "__call__" and not kwargs and ours is not None:
            return ours(*inputs)
        if method == "outer" and not kwargs and ours is not None:
            a, b = map(numpy_functions().tensor, inputs)
            return ours(OPS["reshape"](a, shape=(*a.shape, *[1] * len(b.shape))), b)
        if method == "accumulate" and ufunc in RUNNING and set(kwargs) <= {"axis"}:
            return OPS[RUNNING[ufunc]](inputs[0], axis=kwargs.get("axis", 0))
        fold = folding(ufunc.__name__) if method == "reduce" else None
        if fold is not None and set(kwargs) <= {"axis", "keepdims"}:
            axis, keepdims = kwargs.get("axis", 0), kwargs.get("keepdims", False)
            return fold(inputs[0], axis=axis, keepdims=keepdims)
        return on_arrays(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        written = numpy_functions().CALLS.get(function)
        if written is not None:
            return _covered(written, function, args, kwargs)
        name = function.__name__
        ours = our_function(name)
        if ours is None or name in DIFFERENT:
            return on_arrays(function, args, kwargs)
        renamed = {PARAMETERS.get(name, {}).get(k, k): v for k, v in kwargs.items()}
        dtype = renamed.pop("dtype", None)
        if dtype is not None:
            args = (OPS["cast"](args[0], dtype=dtype), *args[1:])
        if not set(renamed) <= _accepted(ours):
            return on_arrays(function, args, kwargs)
        return ours(*args, **renamed)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None,
        copy: bool | None = None,
    ) -> Any:  # fmt: skip
        array = self.array  # type: ignore[attr-defined]
        if copy:
            array = array.copy()
        elif (max_version or (0, 0)) >= (1, 0):  # it can be told not to write
            array = array.view()
            array.flags.writeable = False
        options = {"dl_device": dl_device, "copy": copy, "max_version": max_version}
        return array.__dlpack__(
            stream=stream, **{k: v for k, v in options.items() if v is not None}
        )

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()  # type: ignore[attr-defined]

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ArgumentError(f"there is no version {api_version!r} of the array API here")
        return sys.modules["twofold"]

    def __reduce__(self) -> Any:
        return _rebuild, (self.array,)  # type: ignore[attr-defined]


@cache
def numpy_functions() -> Any:
    """NumPy's functions with NumPy's parameters, which are loaded when one is called."""
    from . import numpy_calls, numpy_shapes  # noqa: F401, PLC0415  (the second enters its own)

    return numpy_calls


def _covered(
    written: Callable[..., Any], function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run what stands in for a NumPy function, if it takes these arguments."""
    given = {k: v for k, v in kwargs.items() if v is not np._NoValue}
    try:
        inspect.signature(written).bind(*args, **given)
    except TypeError:
        return on_arrays(function, args, kwargs)
    try:
        return written(*args, **given)
    except numpy_functions().NotCovered:
        return on_arrays(function, args, kwargs)


def _accepted(function: Any) -> set[str]:
    """The parameter names of an op or a composite."""
    code = getattr(function, "__code__", None)
    if code is not None:
        return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return {*function.tensors, *function.attr_names}


def _rebuild(array: Any) -> Any:
    """A tensor of an array that was pickled."""
    return OPS["identity"](array)


def on_arrays(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Run a NumPy function that is no op here on plain arrays.

    Raises StagingError while a tape records or a function is traced.
    """
    if bind.current.get() is not None:
        raise StagingError(
            f"np.{function.__name__} with these arguments has no op here, so a tape or a compiled "
            f"function cannot see it; use a function of tf, or apply it to x.numpy() outside"
        )
    given = kwargs.get("out")
    out = given if isinstance(given, tuple) else (given,)
    if any(hasattr(x, "assign") or isinstance(x, NumpyProtocols) for x in out):
        raise ArgumentError(
            f"np.{function.__name__} cannot write into a tensor or a Variable with out=; assign "
            f"its result instead"
        )
    result = function(*_plain(args), **{k: _plain(v) for k, v in kwargs.items()})
    return result if any(result is x for x in out) or result is given else _wrapped(result)


def _plain(value: Any) -> Any:
    if isinstance(value, NumpyProtocols):
        return value.array  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    held = getattr(value, "array", None)
    return held if isinstance(held, np.ndarray) and hasattr(value, "assign") else value


def _wrapped(result: Any) -> Any:
    if isinstance(result, np.ndarray | np.number | np.bool_):
        return OPS["identity"](result)
    if type(result) in (list, tuple):
        return type(result)(map(_wrapped, result))
    return result
