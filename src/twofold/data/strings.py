"""Texts: names of files, lines, columns of a table.

Operations of twofold compute on numbers; a text is data that a pipeline carries and Python
functions read, those of ``tf.strings`` among them. As in TensorFlow a text is bytes, UTF-8 where it
was a ``str``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.errors import ConversionError
from twofold.ir.tensor_shape import TensorShape, shape_of
from twofold.ir.tree import atom

__all__ = ["STRING", "StringTensor", "is_text", "number_of", "of_text", "string"]

STRING = np.dtype(object)  # of arrays of bytes
_INTEGER = re.compile(rb"\s*[+-]?\d+\s*")


class _StringType:
    """The dtype of texts; ``tf.string``."""

    name = "string"

    @property
    def spec_class(self) -> Any:
        """The class of specs of texts: what ``tf.TensorSpec(shape, tf.string)`` makes."""
        from .spec import StringSpec  # noqa: PLC0415

        return StringSpec

    def __repr__(self) -> str:
        return "<dtype: 'string'>"

    def __str__(self) -> str:
        return "string"

    def __reduce__(self) -> str:
        return "string"


string = _StringType()


@atom
class StringTensor:
    """Texts of a shape; ``numpy()`` gives bytes, or an array of bytes.

    >>> text = StringTensor(of_text("a"))
    >>> text.numpy(), text.shape
    (b'a', ())
    """

    dtype = string
    holds_texts = True  # asked by the compiler

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    @property
    def shape(self) -> TensorShape:
        """The sizes of the axes."""
        return shape_of(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def numpy(self) -> Any:
        """The bytes, or an array of them."""
        return self.array.item() if self.array.ndim == 0 else self.array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.array.copy()

    def __len__(self) -> int:
        if not self.shape:
            raise ConversionError("len() of a text without axes; its bytes are .numpy()")
        return len(self.array)

    def __getitem__(self, key: Any) -> StringTensor:
        return StringTensor(np.asarray(self.array[key], object))

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __add__(self, other: Any) -> StringTensor:
        return _joined(self, other) if is_text(other) else NotImplemented

    def __radd__(self, other: Any) -> StringTensor:
        return _joined(other, self) if is_text(other) else NotImplemented

    def __eq__(self, other: object) -> Any:
        if not (isinstance(other, StringTensor) or is_text(other)):
            return NotImplemented
        theirs = other.array if isinstance(other, StringTensor) else of_text(other)
        same = self.array == theirs
        return same if isinstance(same, np.ndarray) and same.ndim else bool(same)

    def __hash__(self) -> int:
        if self.shape:
            raise TypeError("an array of texts has no hash")
        return hash(self.array.item())

    def __repr__(self) -> str:
        value = repr(self.array) if self.shape else repr(self.array.item())
        return f"<tf.Tensor: shape={self.shape}, dtype=string, numpy={value}>"


def _joined(one: Any, other: Any) -> StringTensor:
    return StringTensor(np.asarray(of_text(one) + of_text(other), object))


def is_text(value: Any) -> bool:
    """Whether a value is a text, a list of texts, or an array of them."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype == STRING:
            first = value.flat[0] if isinstance(value, np.ndarray) and value.size else b""
            return isinstance(first, str | bytes)
        return value.dtype.kind in "SUT"
    return isinstance(value, str | bytes | StringTensor)


def of_text(value: Any) -> np.ndarray[Any, Any]:
    """An array of bytes. Raises ConversionError for what is no text, or not rectangular."""
    if isinstance(value, StringTensor):
        return value.array
    made = _nested(value)
    if not isinstance(made, list):
        out = np.empty((), object)
        out[()] = made
        return out
    shape = _shape(made)
    out = np.empty(shape, object)
    flat = made
    for _ in shape[1:]:
        flat = [x for part in flat for x in part]
    out.reshape(-1)[:] = flat
    return out


def _shape(made: Any) -> tuple[int, ...]:
    if not isinstance(made, list):
        return ()
    inner = {_shape(part) for part in made}
    if len(inner) > 1:
        raise ConversionError("texts in lists of different lengths are not rectangular")
    return (len(made), *(inner.pop() if inner else ()))


def _nested(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_nested(part) for part in value]
    if isinstance(value, StringTensor):
        return _nested(value.array)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return bytes(value)
    raise ConversionError(f"{value!r} is no text")


def number_of(text: bytes, dtype: np.dtype[Any], what: str) -> int | float:
    """The number that a text writes. Raises ConversionError for one that does not fit ``dtype``.

    >>> number_of(b" -2e3", np.dtype("float32"), "read")
    -2000.0
    """
    own = info(dtype)
    try:
        if own.floating:
            if b"_" in text:
                raise ValueError
            return float(text)
        if not _INTEGER.fullmatch(text):
            raise ValueError
        found = int(text)
    except ValueError:
        raise ConversionError(f"{what}: {text!r} is no number of dtype {dtype}") from None
    low, high = own.ints
    if not low <= found <= high:
        raise ConversionError(f"{what}: {found} does not fit {dtype}")
    return found
