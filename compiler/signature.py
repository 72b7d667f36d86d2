"""What a call looks like: arguments as leaves and structure, and the keys of the two caches.

The exact key of a leaf tells concrete shapes apart; its pattern only dtype and rank. Numbers and
strings count by type and value (``1``, ``1.0`` and ``True`` differ, as do ``0.0`` and ``-0.0``),
every other object by identity, held weakly.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.ir.words import counted
from twofold.runtime.tensor import Tensor

from .spec import TensorSpec

__all__ = [
    "Carried",
    "Token",
    "bind_arguments",
    "input_key",
    "leaf_key",
    "leaf_pattern",
    "scalar_key",
]

_BY_VALUE = (int, str, bool, type(None), bytes)


class Token:
    """Names one object for as long as it lives; never equal to the token of another object."""

    __slots__ = ("__weakref__", "keep", "mourners", "ref")

    def __init__(self, obj: Any) -> None:
        self.mourners: list[Callable[[Token], None]] = []
        self.keep = None
        mourners, token = self.mourners, weakref.ref(self)  # the callback must not keep the token

        def gone(_: Any) -> None:
            if (mine := token()) is not None:
                for act in mourners:
                    act(mine)

        try:
            self.ref: Any = weakref.ref(obj, gone)
        except TypeError:  # not weakly referable: kept alive, which keeps its id taken
            self.ref, self.keep = None, obj

    def is_for(self, obj: Any) -> bool:
        """Whether this is the token of ``obj``."""
        return (self.keep if self.ref is None else self.ref()) is obj

    def at_death(self, act: Callable[[Token], None]) -> None:
        """Call ``act`` with this token once its object is gone."""
        if act not in self.mourners:
            self.mourners.append(act)


class Carried:
    """What a continuation takes along and no trace looks into (``segments.py``): one argument,
    whatever it holds."""

    __slots__ = ("values",)

    def __init__(self, values: list[Any]) -> None:
        self.values = values


# id -> token; a token lives as long as a key of some cache holds it
_TOKENS: weakref.WeakValueDictionary[int, Token] = weakref.WeakValueDictionary()
_making = threading.Lock()


def _after_fork() -> None:
    global _making
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _token(obj: Any) -> Token:
    found = _TOKENS.get(id(obj))
    if found is not None and found.is_for(obj):
        return found
    with _making:  # threads that ask at once get one token
        found = _TOKENS.get(id(obj))
        if found is None or not found.is_for(obj):
            found = _TOKENS[id(obj)] = Token(obj)
        return found


def _float_text(x: float) -> str:
    """A float as text that ``float.fromhex`` reads; ``hex`` drops the sign of a NaN."""
    text = x.hex()
    return "-nan" if text == "nan" and math.copysign(1.0, x) < 0 else text


def carried_by(leaves: Any) -> Carried:
    """What a continuation takes along, the last of its arguments."""
    return next(x for x in reversed(leaves) if type(x) is Carried)


def leaf_key(x: Any) -> Any:
    """The exact key of one argument."""
    kind = type(x)  # not ``__class__``, which runs the user's ``__getattribute__``
    if kind is Tensor:
        array = x.array
        return array.dtype, array.shape
    if kind is np.ndarray:
        dtype = x.dtype  # long and long long are equal, and are not the same
        return dtype.num, dtype, x.shape, x.strides, x.flags.writeable
    if kind is float:
        return kind, _float_text(x)
    if kind in _BY_VALUE:
        return kind, x
    if issubclass(kind, np.generic):
        return kind, x.dtype
    if kind is complex:
        return kind, _float_text(x.real), _float_text(x.imag)
    if kind is slice or kind is range:
        parts = (x.start, x.stop, x.step)
        if all(p is None or p.__class__ is int for p in parts):
            return kind, *parts
    return Carried if kind is Carried else _token(x)


def input_key(x: Any) -> Any:
    """The exact key of one argument where a number is an input."""
    return kind if (kind := type(x)) in (int, float) else leaf_key(x)


def scalar_key(x: Any) -> Any:
    """The key of a NumPy scalar whose value counts."""
    return type(x), x.dtype, x.tobytes()


def leaf_pattern(x: Any) -> Any:
    """The key of one argument with sizes left open."""
    if isinstance(x, Tensor):
        return Tensor, x.dtype, x.ndim
    if isinstance(x, np.ndarray):
        return np.ndarray, x.dtype, x.ndim, axis_order(x), x.flags.writeable
    if isinstance(x, np.generic):
        return np.generic, x.dtype, 0
    return leaf_key(x)


def axis_order(array: np.ndarray[Any, Any]) -> Any:
    """What decides how results that keep an array's order in memory are laid out.

    True if it is row-major; else whether it is column-major, and for each axis which step is
    wider (1 for the narrowest), negative where it runs backwards, 0 where it does not move.
    """
    if array.flags.c_contiguous:
        return True
    steps = [s if n > 1 else 0 for n, s in zip(array.shape, array.strides, strict=True)]
    widths = sorted({abs(s) for s in steps if s})
    ranks = [(widths.index(abs(s)) + 1) * (1 if s > 0 else -1) if s else 0 for s in steps]
    return array.flags.f_contiguous, *ranks


def bind_arguments(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], Structure]:
    """Leaves and structure of a call; keywords that name positional parameters become positional.

    Raises TypeError as Python would, and ArgumentError where an input signature does not fit.
    """
    if kwargs:
        args, kwargs = positional(function, args, kwargs)
    signature = function.input_signature
    if signature is not None:
        wanted = tuple(signature)
        # From Python 3.13 on a classmethod does not tell what it wraps that it is a method.
        of_class = function.of_class or (args and isinstance(args[0], type))
        owner = args[:1] if of_class and len(args) == len(wanted) + 1 else ()
        args = args[len(owner) :]  # a signature leaves out ``self``
        if len(wanted) != len(args) or kwargs:
            raise ArgumentError(
                f"{function.name} takes {counted(len(wanted), 'argument')} by its input "
                f"signature, {len(args) + len(kwargs)} given"
            )
        fitted = list(_fitted(wanted, args, "argument ", {}))
        return flatten(((*owner, *unflatten(flatten(wanted)[1], fitted)), {}))
    leaves, structure = flatten((args, kwargs))
    named: dict[str, int] = {}
    leaves[:] = [x.example(named) if isinstance(x, TensorSpec) else x for x in leaves]
    return leaves, structure


def _fitted(specs: Any, given: Any, path: str, named: dict[str, int]) -> Iterator[Tensor]:
    """The tensors of an argument, where its structure is that of the specs. Raises ArgumentError;
    ``path`` names the argument."""
    if isinstance(specs, TensorSpec):
        example = isinstance(given, TensorSpec)
        yield specs.check(given.example(named) if example else given, path.strip(), named)
        return
    if not isinstance(specs, list | tuple | dict) or type(specs) is not type(given):
        raise ArgumentError(f"{path}does not fit the input signature: expected {specs}")
    keys = list(specs) if isinstance(specs, dict) else range(len(specs))
    if len(specs) != len(given) or (isinstance(specs, dict) and set(specs) != set(given)):
        raise ArgumentError(f"{path}does not fit the input signature: expected {specs}")
    for key in keys:
        yield from _fitted(specs[key], given[key], f"{path}{key} ", named)


def positional(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Keywords that name positional parameters, as positions. What does not fit is left as it is:
    calling the Python function raises Python's own error."""
    if function.parameters is None:
        return args, kwargs
    try:
        bound = function.parameters.bind(*args, **kwargs)
    except TypeError:
        return args, kwargs
    return bound.args, bound.kwargs
