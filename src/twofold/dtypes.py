"""``tf.dtypes``: the dtypes as objects, and the array API's questions about them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from twofold.ir.dtypes import DTYPES, NAMES, info, known
from twofold.ir.errors import DTypeError
from twofold.ir.infer import as_dtype as _as_dtype
from twofold.ir.promote import promote_types, result_dtype

__all__ = [
    "as_dtype",
    "bfloat16",
    "bool",
    "can_cast",
    "complex64",
    "complex128",
    "double",
    "finfo",
    "float8_e4m3fn",
    "float8_e5m2",
    "float16",
    "float32",
    "float64",
    "half",
    "iinfo",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "result_type",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

_bool = bool
DType = np.dtype[Any]

bool: DType = np.dtype("bool")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
uint8: DType = np.dtype("uint8")
uint16: DType = np.dtype("uint16")
uint32: DType = np.dtype("uint32")
uint64: DType = np.dtype("uint64")
float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
half, double = float16, float64
complex64: DType = np.dtype("complex64")
complex128: DType = np.dtype("complex128")
# Of ml_dtypes, which is imported with the first use of a name. Those of 8 bits are stored and cast.
bfloat16: DType
float8_e4m3fn: DType
float8_e5m2: DType


def __getattr__(name: str) -> Any:
    if name in ("cast", "complex", "saturate_cast"):  # functions that TensorFlow has here, too
        return getattr(importlib.import_module("twofold"), name)
    if name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = DTYPES[NAMES[name]]
    return found


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}


def as_dtype(type_value: Any) -> DType:
    """A dtype given as dtype, NumPy scalar class or name. Raises DTypeError.

    >>> import twofold as tf
    >>> tf.as_dtype("float32") == tf.float32
    True
    """
    return _as_dtype(type_value, "as_dtype")


def _dtype_of(x: Any) -> DType:
    return x.dtype if hasattr(x, "dtype") and hasattr(x, "shape") else as_dtype(x)


class FloatInfo:
    """Limits of a floating dtype, as Python floats; for a complex one, those of its parts.

    ``bits``, ``eps``, ``max``, ``min``, ``smallest_normal``, ``dtype``, and what else NumPy knows.
    """

    def __init__(self, limits: Any, dtype: DType) -> None:
        self._limits, self.dtype = limits, dtype

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._limits, name)
        return found if isinstance(found, int | str | np.dtype) else float(found)

    def __repr__(self) -> str:
        return repr(self._limits)


def finfo(dtype: Any) -> FloatInfo:
    """Limits of a floating dtype, or of the dtype of a tensor: ``eps``, ``max``, ``tiny`` ...

    >>> import twofold as tf
    >>> tf.finfo(tf.float32).bits
    32
    """
    own = _dtype_of(dtype)
    if known(own) and (info(own).short == "bf16" or info(own).stored):
        from ml_dtypes import finfo as of_small  # noqa: PLC0415  (with its dtypes)

        return FloatInfo(of_small(own), own)  # type: ignore[no-untyped-call]
    limits = np.finfo(own)
    return FloatInfo(limits, limits.dtype)


def iinfo(dtype: Any) -> np.iinfo[Any]:
    """Limits of an integer dtype, or of the dtype of a tensor: ``min``, ``max``, ``bits``.

    >>> import twofold as tf
    >>> tf.iinfo(tf.int8).max
    127
    """
    return np.iinfo(_dtype_of(dtype))


def isdtype(dtype: Any, kind: Any) -> _bool:
    """Whether a dtype is of a kind: a dtype, a kind name of the array API, or a tuple of those.

    >>> import twofold as tf
    >>> tf.isdtype(tf.int8, "integral"), tf.isdtype(tf.int8, (tf.int16, "real floating"))
    (True, False)
    """
    found = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return info(found).letter in _KINDS[kind]
    return found == as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that an operation on these tensors, dtypes and Python numbers computes in.

    Raises DTypeError where there is none, and for no arguments.

    >>> import twofold as tf
    >>> tf.result_type(tf.int32, tf.float32, 1.0)
    dtype('float32')
    """
    if not arrays_and_dtypes:
        raise DTypeError("result_type needs at least one tensor, dtype or number")
    return result_dtype(
        [type(x) if type(x) in (_bool, int, float, complex) else _dtype_of(x)
         for x in arrays_and_dtypes]
    )  # fmt: skip


def can_cast(from_: Any, to: Any) -> _bool:
    """Whether promotion takes ``from_`` (a dtype or a tensor) to ``to``.

    >>> import twofold as tf
    >>> tf.can_cast(tf.int32, tf.float32), tf.can_cast(tf.float64, tf.float32)
    (True, False)
    """
    try:
        return promote_types(_dtype_of(from_), as_dtype(to)) == as_dtype(to)
    except DTypeError:  # no common dtype, so no cast
        return False
