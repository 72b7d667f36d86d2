"""Python values, lists and arrays to NumPy arrays, by the rules of the language."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.errors import ConversionError
from twofold.ir.infer import as_dtype
from twofold.ir.types import DTYPE_NAMES

__all__ = ["as_array"]

_INT32 = np.iinfo(np.int32)


def as_array(value: Any, dtype: Any = None, *, weak: bool = False) -> np.ndarray[Any, Any]:
    """An array of ``value``: Python numbers become int32 (int64 if too large), float32, bool.

    NumPy arrays keep their dtype. ``weak``: a Python scalar takes ``dtype`` and must fit it.
    Raises ConversionError.
    """
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype not in DTYPE_NAMES:
            raise ConversionError(f"a NumPy array of dtype {array.dtype} cannot become a tensor")
    else:
        array = _from_python(value, narrow=dtype is None)
    if dtype is None or array.dtype == dtype:
        return array
    want = as_dtype(dtype, "conversion")
    if weak and want.kind in "iu" and array.dtype.kind in "iu":
        _check_range(array, want)
    return array.astype(want)


def _check_range(array: np.ndarray[Any, Any], want: np.dtype[Any]) -> None:
    limits = np.iinfo(want)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise ConversionError(f"{array.max()} does not fit {want}: {limits.min}..{limits.max}")


def _from_python(value: Any, narrow: bool) -> np.ndarray[Any, Any]:
    held = getattr(value, "array", None)
    if isinstance(held, np.ndarray):
        return held
    try:
        array = np.asarray(_unwrap(value))
    except ValueError as error:
        raise ConversionError(f"not rectangular, so not a tensor: {error}") from None
    except (TypeError, OverflowError) as error:
        raise ConversionError(f"{type(value).__name__} cannot become a tensor: {error}") from None
    if array.dtype.kind not in "biufc":
        raise ConversionError(
            f"{type(value).__name__} {_short(value)} is not numeric and cannot become a tensor"
        )
    # A dtype that is asked for is reached in one step: 0.1 as float64 is not float32's 0.1.
    if narrow and not _has_numpy(value):
        array = _narrow(array)
    return array


def _unwrap(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_unwrap(v) for v in value]
    held = getattr(value, "array", None)
    return held if isinstance(held, np.ndarray) else value


def _has_numpy(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_numpy, value))
    return hasattr(value, "dtype") or hasattr(value, "__array__")


def _narrow(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Python's default dtypes: int32 where the values fit, float32, complex64."""
    if array.dtype.kind == "i":
        fits = not array.size or (array.min() >= _INT32.min and array.max() <= _INT32.max)
        return array.astype(np.int32) if fits else array
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array.astype(np.complex64) if array.dtype.kind == "c" else array


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
