"""Python values, lists and arrays to NumPy arrays, by the rules of the language."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.buffer import Buffer
from twofold.ir.dtypes import CLASSES, info, known, letter
from twofold.ir.errors import ConversionError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS

from .quiet import quiet

__all__ = ["as_array", "as_value", "exact_array", "staged", "tensor_of", "variable_of"]

_LEAST, _MOST = info(np.dtype("int32")).ints
_ORDER = "bifc"  # a kind converts to itself and to those after it without loss of meaning
_SAME = {"u": "i", "e": "f"}  # kinds that count as another


def as_value(x: Any) -> Any:
    """What a body returns as a value: an array, or a buffer."""
    return x if isinstance(x, np.ndarray | Buffer) else np.asarray(x)


def tensor_of(value: Any) -> Any:
    """The tensor or Variable behind an object of another library, or the value itself.

    The protocol: ``__tf_tensor__(dtype=None, name=None)`` gives the object as a tensor. It is asked
    before NumPy's ``__array__``, whose result no tape would know.
    """
    method = getattr(type(value), "__tf_tensor__", None)
    return value if method is None else method(value)


def variable_of(value: Any) -> Any:
    """The Variable behind an object of another library, or the value itself.

    The protocol: ``__tf_variable__()`` gives the Variable that holds the object's state.
    """
    method = getattr(type(value), "__tf_variable__", None)
    return value if method is None else method(value)


def as_array(value: Any, dtype: Any = None, *, weak: bool = False) -> np.ndarray[Any, Any]:
    """An array of ``value``: Python numbers become int32 (int64 if too large), float32, bool.

    NumPy arrays keep their dtype. ``weak``: a Python scalar takes ``dtype`` and must fit it.
    Raises ConversionError.
    """
    if isinstance(value, np.ndarray | np.generic):
        if hasattr(value, "_mask"):
            raise ConversionError(
                "a masked array cannot become a tensor, which has no mask; take the elements that "
                "count with .compressed(), or fill the others with .filled(value)"
            )
        array = np.asarray(value)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if not known(array.dtype):
            raise ConversionError(f"a NumPy array of dtype {array.dtype} cannot become a tensor")
    else:
        if value.__class__ is int and dtype is not None and value.bit_length() > 63:
            value = _as_float(value, as_dtype(dtype, "conversion"))
        array = _from_python(value, narrow=dtype is None)
    if dtype is None or array.dtype == dtype:
        return array
    want = as_dtype(dtype, "conversion")
    if weak and letter(want) in "iu" and letter(array.dtype) in "iu":
        _check_range(array, want)
    return _cast(array, want)


def exact_array(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """An array of ``value`` in ``dtype``; raises ConversionError where that changes what it means:
    a fraction as an integer, a complex number as a real one, a Python integer that does not fit.
    """
    want = as_dtype(dtype, "conversion")
    typed = isinstance(value, np.ndarray | np.generic)
    array = as_array(value) if typed else _from_python(value, narrow=False)
    if array.dtype == want:
        return array
    kinds = [_ORDER.index(_SAME.get(k := letter(d), k)) for d in (array.dtype, want)]
    if array.size and kinds[0] > kinds[1]:
        raise ConversionError(
            f"{_short(value)} is {array.dtype} and does not become {want} silently; "
            f"convert it first with tf.cast"
        )
    if not typed and letter(array.dtype) in "iu" and letter(want) in "iu":
        _check_range(array, want)
    return _cast(array, want)


def staged(value: Any, dtype: Any) -> Any:
    """An array or a NumPy scalar of a trace as a tensor in ``dtype`` (None: its own); raises
    ConversionError where ``exact_array`` would for every value."""
    tensor = OPS["identity"](value)
    if dtype is None or tensor.dtype == dtype:
        return tensor
    exact_array(np.zeros(1, tensor.dtype), dtype)
    return OPS["cast"](tensor, dtype=dtype)


def _cast(array: np.ndarray[Any, Any], want: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """``astype``; a value too large for a floating dtype becomes infinite without a warning."""
    try:
        cast: np.ndarray[Any, Any] = quiet.run(array.astype, want)
    except RuntimeError:
        if not quiet.busy():
            raise
        cast = quiet.nested(array.astype, want)
    return cast


def _check_range(array: np.ndarray[Any, Any], want: np.dtype[Any]) -> None:
    low, high = info(want).ints
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        raise ConversionError(f"{array.max()} does not fit {want}: {low}..{high}")


def _as_float(value: int, want: np.dtype[Any]) -> int | float:
    """An integer beyond int64 as what NumPy can hold, if a floating dtype is wanted."""
    if not info(want).inexact:
        return value
    try:
        return float(value)
    except OverflowError:
        raise ConversionError(
            f"an integer of {value.bit_length()} bits does not fit {want}"
        ) from None


def _from_python(value: Any, narrow: bool) -> np.ndarray[Any, Any]:
    held = getattr(value, "array", None)
    if isinstance(held, np.ndarray) and known(held.dtype):
        return held
    try:
        array = np.asarray(_unwrap(value))
    except ValueError as error:
        raise ConversionError(f"not rectangular, so not a tensor: {error}") from None
    except (TypeError, OverflowError) as error:
        raise ConversionError(f"{type(value).__name__} cannot become a tensor: {error}") from None
    if letter(array.dtype) == "O" and _holds_only(value, int):
        raise ConversionError(f"{_short(value)} does not fit int64: it has more than 64 bits")
    if letter(array.dtype) not in CLASSES:
        raise ConversionError(
            f"{type(value).__name__} {_short(value)} is not numeric and cannot become a tensor"
        )
    # A dtype that is asked for is reached in one step: 0.1 as float64 is not float32's 0.1.
    if narrow and not _has_numpy(value):
        array = _narrow(array)
    return array


def _holds_only(value: Any, kind: type) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(_holds_only(v, kind) for v in value)
    return isinstance(value, kind)


def _unwrap(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_unwrap(v) for v in value]
    held = getattr(value, "array", None)
    return held if isinstance(held, np.ndarray) else value


def _has_numpy(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_numpy, value))
    if hasattr(value, "symbolic_number"):  # a Python number of a trace
        return False
    return hasattr(value, "dtype") or hasattr(value, "__array__")


def _narrow(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Python's default dtypes: int32 where the values fit, float32, complex64."""
    if array.dtype == np.uint64:  # NumPy's dtype for what only uint64 can hold
        raise ConversionError(
            f"{array.max()} does not fit int64; pass dtype=tf.uint64 if it is meant to be unsigned"
        )
    if letter(array.dtype) == "i":
        fits = not array.size or (array.min() >= _LEAST and array.max() <= _MOST)
        return array.astype(np.int32) if fits else array
    if letter(array.dtype) == "f":
        return _cast(array, np.dtype("float32"))
    return _cast(array, np.dtype("complex64")) if letter(array.dtype) == "c" else array


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
