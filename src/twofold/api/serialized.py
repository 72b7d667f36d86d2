"""Tensors in texts: ``tf.io.serialize_tensor`` and ``parse_tensor``, by ``protobuf``."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from twofold.data.strings import STRING, StringTensor, is_text, of_text, string
from twofold.ir.dtypes import DTYPES, NAMES, info
from twofold.ir.errors import ConversionError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.runtime.tensor import Tensor, wrap

from .creation import convert_to_tensor
from .examples import parsed
from .messages import message

__all__ = ["make_ndarray", "make_tensor_proto", "parse_tensor", "serialize_tensor"]

# Of a dtype its number in TensorFlow, and the field of values that are no bytes.
_KINDS: dict[str, tuple[int, str]] = {
    "float32": (1, "float_val"), "float64": (2, "double_val"), "int32": (3, "int_val"),
    "uint8": (4, "int_val"), "int16": (5, "int_val"), "int8": (6, "int_val"),
    "complex64": (8, "scomplex_val"), "int64": (9, "int64_val"), "bool": (10, "bool_val"),
    "bfloat16": (14, "half_val"), "uint16": (17, "int_val"), "complex128": (18, "dcomplex_val"),
    "float16": (19, "half_val"), "uint32": (22, "uint32_val"), "uint64": (23, "uint64_val"),
    "float8_e5m2": (24, "float8_val"), "float8_e4m3fn": (25, "float8_val"),
}  # fmt: skip
_TEXT = 7
_NAMES = {number: name for name, (number, _) in _KINDS.items()}


def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> Any:  # fmt: skip
    """A tensor as a protocol buffer, with its elements as bytes.

    With ``shape`` the elements are arranged in it, and a single one fills it, whatever
    ``allow_broadcast`` is, unless ``verify_shape`` asks for that shape.

    Raises ConversionError, ShapeError.
    """
    if dtype is string or (dtype is None and is_text(values)):
        array = of_text(values)
    else:
        array = np.asarray(convert_to_tensor(values, dtype).numpy())
    if shape is not None:
        wanted = tuple(map(int, shape))
        if verify_shape and array.shape != wanted:
            raise ShapeError(f"make_tensor_proto: the shape is {array.shape}, not {wanted}")
        if array.size not in (1, math.prod(wanted)):
            raise ShapeError(f"make_tensor_proto: {array.shape} cannot be arranged in {wanted}")
        alone = array.size == 1
        array = np.full(wanted, array.item(), array.dtype) if alone else array.reshape(wanted)
    made = message("TensorProto")()
    for size in array.shape:
        made.tensor_shape.dim.add(size=size)
    made.tensor_shape.SetInParent()
    if array.dtype == STRING:
        made.dtype = _TEXT
        made.string_val.extend(array.reshape(-1).tolist())
    else:
        made.dtype = _KINDS[info(array.dtype).name][0]
        made.tensor_content = _little(np.ascontiguousarray(array)).tobytes()
    return made


def _little(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.byteswap() if sys.byteorder == "big" else array


def _values(proto: Any, name: str, dtype: np.dtype[Any], field: str) -> np.ndarray[Any, Any]:
    """The elements that a tensor has in its own field, or as bytes."""
    if proto.tensor_content:
        if len(proto.tensor_content) % dtype.itemsize:
            raise ShapeError(f"a tensor of {name} has {len(proto.tensor_content)} bytes")
        return _little(np.frombuffer(proto.tensor_content, dtype).copy())
    held = getattr(proto, field)
    if field == "float8_val":
        return np.frombuffer(held, dtype)
    if field == "half_val":
        return np.array([v & 0xFFFF for v in held], np.uint16).view(dtype)
    if field in ("scomplex_val", "dcomplex_val"):
        parts = np.array(held, np.float32 if field[0] == "s" else np.float64)
        if len(parts) % 2:
            raise ShapeError(f"a tensor of {name} has an odd number of parts")
        return parts.view(dtype)
    return np.array(held, np.int64 if field == "int_val" else dtype).astype(dtype)


def make_ndarray(tensor: Any) -> np.ndarray[Any, Any]:
    """The array of a tensor that is a protocol buffer; one value stands for all that follow.

    Raises ConversionError for a dtype that tensors do not have, ShapeError for too many values.
    """
    shape = tuple(d.size for d in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ShapeError(f"a tensor has a shape of sizes, not {list(shape)}")
    if tensor.dtype == _TEXT:
        found = np.empty(len(tensor.string_val), STRING)
        found[:] = list(tensor.string_val)
        empty: Any = b""
    elif tensor.dtype in _NAMES:
        name = _NAMES[tensor.dtype]
        found = _values(tensor, name, DTYPES[NAMES[name]], _KINDS[name][1])
        empty = 0
    else:
        raise ConversionError(f"a tensor of TensorFlow's dtype {tensor.dtype} cannot be read")
    size = math.prod(shape)
    if len(found) > size or (tensor.tensor_content and len(found) != size):
        raise ShapeError(f"a tensor of shape {list(shape)} has {len(found)} values")
    if len(found) < size:
        made = np.full(size, found[-1] if len(found) else empty, found.dtype)
        made[: len(found)] = found
        found = made
    return found.reshape(shape)


def serialize_tensor(tensor: Any, name: Any = None) -> StringTensor:
    """A tensor as a text, which ``parse_tensor`` reads, and TensorFlow.

    >>> import twofold as tf
    >>> tf.io.parse_tensor(tf.io.serialize_tensor([1.0, 2.0]), tf.float32).numpy()
    array([1., 2.], dtype=float32)
    """
    made = tensor if is_text(tensor) else convert_to_tensor(tensor)
    return StringTensor(of_text(make_tensor_proto(made).SerializeToString()))


def parse_tensor(serialized: Any, out_type: Any, name: Any = None) -> Tensor | StringTensor:
    """The tensor in a text, which ``serialize_tensor`` or TensorFlow wrote.

    Raises ConversionError for what is none, or is of another dtype than ``out_type``.
    """
    _, (proto,) = parsed("parse_tensor", "TensorProto", serialized, (0,))
    wanted = string if out_type is string else as_dtype(out_type, "parse_tensor")
    number = _TEXT if wanted is string else _KINDS[info(wanted).name][0]
    if proto.dtype != number:
        held = "string" if proto.dtype == _TEXT else _NAMES.get(proto.dtype, proto.dtype)
        raise ConversionError(f"parse_tensor: the tensor is of {held}, and not of {wanted}")
    found = make_ndarray(proto)
    return StringTensor(found) if wanted is string else wrap(found)
