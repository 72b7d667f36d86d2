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
from twofold.ir.op import OPS
from twofold.ir.registry import REGISTRY
from twofold.ir.tensor_shape import LISTED, sequence

from .lost import is_followed

__all__ = ["NumpyProtocols"]

# NumPy's name -> ours, where they differ.
NAMES = {
    "absolute": "abs", "amax": "max", "amin": "min", "arccos": "acos", "arccosh": "acosh",
    "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "arctanh": "atanh", "concatenate": "concat", "conj": "conjugate", "divide": "divide",
    "invert": "bitwise_invert", "bitwise_not": "bitwise_invert", "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift", "mod": "remainder", "true_divide": "divide",
    "rint": "round", "pow": "power",
    "degrees": "rad2deg", "radians": "deg2rad", "cond": "condition_number",
}  # fmt: skip

# Options of a NumPy function that have another name here.
PARAMETERS: dict[str, dict[str, str]] = {
    "transpose": {"axes": "perm"},
    "nanvar": {"ddof": "correction"},
    "nanstd": {"ddof": "correction"},
}
# Options that change no number: tensors are values.
WITHOUT_EFFECT = frozenset({"copy", "subok"})
# Same name, another meaning than ours.
DIFFERENT = {"bincount", "eig", "eigvals", "lstsq", "nonzero", "put_along_axis", "resize", "unique"}


# Their results have no gradient: positions, counts, facts about arrays.
OF_VALUES = frozenset((
    "nonzero", "flatnonzero", "lexsort", "iscomplexobj", "isrealobj", "array_equiv", "common_type",
    "result_type", "can_cast", "may_share_memory", "shares_memory", "diag_indices_from",
    "tril_indices_from", "triu_indices_from", "array_repr", "array_str", "array2string", "isposinf",
    "isneginf", "iscomplex", "isreal", "min_scalar_type", "spacing",
))  # fmt: skip


def our_function(name: str) -> Callable[..., Any] | None:
    """The op or composite that a NumPy function is, or None."""
    ours = NAMES.get(name, name)
    return REGISTRY.public(ours)


class NumpyProtocols:
    """What makes a tensor an operand of NumPy, and of whoever speaks DLPack or the array API."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            if ufunc is np.divmod:
                return OPS["floor_divide"](*inputs), OPS["remainder"](*inputs)
            ours = our_function(ufunc.__name__)
            if ours is not None:
                return ours(*inputs)
        written = numpy_ufuncs().METHODS.get(method)
        if written is not None:
            try:
                return written(ufunc, *inputs, **kwargs)
            except (TypeError, numpy_functions().NotCovered):
                if method == "at":
                    raise
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return on_arrays(getattr(ufunc, method), inputs, kwargs, name)

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
        try:
            operands, options = _translated(function, ours, args, kwargs)
        except numpy_functions().NotCovered:
            return on_arrays(function, args, kwargs)
        return ours(*operands, **options)

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
def numpy_ufuncs() -> Any:
    """The methods of NumPy's ufuncs, which are loaded when one is called."""
    from . import numpy_ufuncs  # noqa: PLC0415

    return numpy_ufuncs


@cache
def numpy_functions() -> Any:
    """NumPy's functions with NumPy's parameters, which are loaded when one is called."""
    from . import numpy_calls, numpy_more, numpy_shapes  # noqa: F401, PLC0415  (they enter theirs)

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


@cache
def _signature(function: Any) -> tuple[inspect.Signature, int]:
    """The parameters of a NumPy function, and how many it needs."""
    found = inspect.signature(function)
    return found, sum(p.default is p.empty for p in found.parameters.values())


def _translated(
    function: Any, ours: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of ours that mean what these arguments mean to NumPy.

    What NumPy needs stands first here, too, in its order; options have NumPy's names. Those that
    have their defaults may be missing. Raises NotCovered.
    """
    signature, needed = _signature(function)
    accepted, renamed = _accepted(ours), PARAMETERS.get(function.__name__, {})
    least = sum(default is inspect.Parameter.empty for default in accepted.values())
    if not kwargs and least <= len(args) <= needed:
        return list(args), {}
    given = signature.bind(*args, **kwargs).arguments
    operands: list[Any] = []
    options: dict[str, Any] = {}
    dtype = None
    for name, p in signature.parameters.items():
        value = given.get(name, () if p.kind is p.VAR_POSITIONAL else p.default)
        own = renamed.get(name, name)
        if p.kind is p.VAR_POSITIONAL:
            operands += value
        elif p.default is p.empty:
            operands.append(value)
        elif _is_default(value, p.default) or name in WITHOUT_EFFECT:
            if accepted.get(own, True) is inspect.Parameter.empty:
                options[own] = value
        elif own in accepted:
            options[own] = value
        elif name == "dtype":
            dtype = value
        else:
            raise numpy_functions().NotCovered
    return operands if dtype is None else _all_cast(operands, dtype), options


def _is_default(value: Any, default: Any) -> bool:
    if value is default or value is np._NoValue:
        return True
    return (
        type(value) is type(default)
        and isinstance(value, bool | int | float | str | tuple)
        and value == default
    )


def _all_cast(operands: list[Any], dtype: Any) -> list[Any]:
    first, *rest = operands
    if isinstance(first, list | tuple):
        return [[OPS["cast"](x, dtype=dtype) for x in first], *rest]
    return [OPS["cast"](first, dtype=dtype), *rest]


@cache
def _accepted(function: Any) -> dict[str, Any]:
    """The parameters of an op or a composite, with their defaults."""
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


def _rebuild(array: Any) -> Any:
    """A tensor of an array that was pickled."""
    return OPS["identity"](array)


def on_arrays(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], name: str = ""
) -> Any:
    """Run a NumPy function that is no op here on plain arrays; ``name``: how it is written.

    Raises StagingError while a tape records or a function is traced.
    """
    name = name or function.__name__
    if name not in OF_VALUES and _is_recorded([*args, *kwargs.values()]):
        raise StagingError(
            f"np.{name} with these arguments has no op here, so a tape or a compiled "
            f"function cannot see it; use a function of tf, or apply it to x.numpy() outside"
        )
    given = kwargs.get("out")
    out = given if isinstance(given, tuple) else (given,)
    if any(hasattr(x, "assign") or isinstance(x, NumpyProtocols) for x in out):
        raise ArgumentError(
            f"np.{name} cannot write into a tensor or a Variable with out=; assign "
            f"its result instead"
        )
    result = function(*_plain(args), **{k: _plain(v) for k, v in kwargs.items()})
    return result if any(result is x for x in out) or result is given else _wrapped(result)


def _is_recorded(values: Any) -> bool:
    """Whether a trace or a tape would have to see what is done to values."""
    if bind.current.get() is None:
        return False
    return bind.ground().tracing or any(
        _is_recorded(x) if isinstance(x, list | tuple) else is_followed(getattr(x, "array", x))
        for x in values
    )


def _plain(value: Any) -> Any:
    if isinstance(value, NumpyProtocols):
        return value.array  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return sequence(type(value), map(_plain, value))
    held = getattr(value, "array", None)
    return held if isinstance(held, np.ndarray) and hasattr(value, "assign") else value


def _wrapped(result: Any) -> Any:
    if isinstance(result, np.ndarray | np.number | np.bool_):
        return OPS["identity"](result)
    if type(result) in LISTED:
        return sequence(type(result), map(_wrapped, result))
    return result
