"""Numbers and bytes in texts: ``tf.io.decode_raw``, ``decode_csv``, base64 and compressed bytes."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.data.strings import StringTensor, is_text, number_of, of_text, string
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, ConversionError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.runtime.tensor import Tensor, wrap

from .creation import convert_to_tensor

__all__ = ["decode_base64", "decode_compressed", "decode_csv", "decode_raw", "encode_base64"]


def _each(function: Callable[[bytes], bytes], texts: Any) -> StringTensor:
    given = of_text(texts)
    made = np.empty(given.shape, object)
    made.reshape(-1)[:] = [function(x) for x in given.flat]
    return StringTensor(made)


def decode_raw(
    input_bytes: Any, out_type: Any, little_endian: bool = True, fixed_length: int | None = None,
    name: Any = None,
) -> Tensor:  # fmt: skip
    """The numbers whose bytes are those of each text: its shape, and one axis more.

    ``fixed_length``: texts are cut, or filled with zeros, to so many bytes; else they must be of
    one length. Raises ShapeError where they are not, or are no whole number of elements.

    >>> import twofold as tf
    >>> tf.io.decode_raw(["ab", "cd"], tf.uint8).numpy()
    array([[ 97,  98],
           [ 99, 100]], dtype=uint8)
    """
    texts, dtype = of_text(input_bytes), as_dtype(out_type, "decode_raw")
    if fixed_length is not None:
        if fixed_length <= 0 or fixed_length % dtype.itemsize:
            raise ArgumentError(
                f"decode_raw: fixed_length is a multiple of {dtype.itemsize}, not {fixed_length}"
            )
        parts = [x[:fixed_length].ljust(fixed_length, b"\0") for x in texts.flat]
    else:
        parts = list(texts.flat)
    length = len(parts[0]) if parts else fixed_length or 0
    if any(len(x) != length for x in parts):
        raise ShapeError("decode_raw: the texts have different lengths; fixed_length= makes one")
    if length % dtype.itemsize:
        raise ShapeError(f"decode_raw: {length} bytes are no whole number of elements of {dtype}")
    words = np.frombuffer(b"".join(parts), np.uint8)
    shape = (*texts.shape, length // dtype.itemsize)
    if info(dtype).boolean:
        return wrap((words != 0).reshape(shape))
    if not little_endian:  # a complex number is two
        size = dtype.itemsize // (2 if dtype.kind == "c" else 1)
        words = words.reshape(-1, size)[:, ::-1]
    return wrap(np.array(words).reshape(-1).view(dtype).reshape(shape))


def decode_csv(
    records: Any, record_defaults: Sequence[Any], field_delim: str = ",",
    use_quote_delim: bool = True, na_value: str = "", select_cols: Sequence[int] | None = None,
    name: Any = None,
) -> list[Any]:  # fmt: skip
    """The columns of lines of a table, each of the shape of ``records``.

    ``record_defaults``: for each column what an empty field means, which gives its dtype (float32,
    float64, int32, int64 or string); of a dtype, or of an array without elements, a field must be
    there. ``na_value`` is another way to write an empty field; ``select_cols`` are the columns that
    are wanted, in order. Raises ConversionError for a field that is no number, missing or too much.

    >>> import twofold as tf
    >>> a, b = tf.io.decode_csv(["1,x", ",y"], [[7], tf.string])
    >>> a.numpy().tolist(), b.numpy().tolist()
    ([1, 7], [b'x', b'y'])
    """
    lines, columns = of_text(records), [_column(d) for d in record_defaults]
    if len(field_delim) != 1 or field_delim in '"\n\r':
        raise ArgumentError(f"decode_csv: field_delim is one character, not {field_delim!r}")
    wanted = range(len(columns)) if select_cols is None else list(select_cols)
    if len(wanted) != len(columns) or list(wanted) != sorted({c for c in wanted if c >= 0}):
        raise ArgumentError("decode_csv: select_cols are rising numbers, one for each default")
    rows = [_fields(x, field_delim.encode(), use_quote_delim) for x in lines.flat]
    least = max(wanted, default=-1) + 1
    for row in rows:
        if len(row) < least or select_cols is None and len(row) > least:
            raise ConversionError(f"decode_csv: a line has {len(row)} fields, and not {least}")
    empty = {b"", na_value.encode()}
    return [
        _read([row[at] for row in rows], column, empty, at, lines.shape)
        for at, column in zip(wanted, columns, strict=True)
    ]


def _fields(line: bytes, delimiter: bytes, quoted: bool) -> list[bytes]:
    """The fields of a line, as RFC 4180 writes them: quotes stand around a field, or nowhere."""
    if not line:
        return []
    if not quoted and b"\n" not in line and b"\r" not in line:
        return line.split(delimiter)
    cut = re.escape(delimiter)
    field = rb'"(?:[^"]|"")*"|[^"\r\n' + cut + rb"]*"
    if not quoted or not re.fullmatch(rb"(?:%b)(?:%b(?:%b))*" % (field, cut, field), line):
        raise ConversionError(f"decode_csv: {line!r} has a quote or the end of a line in a field")
    found = re.findall(rb"(?:^|%b)(%b)" % (cut, field), line)
    return [x[1:-1].replace(b'""', b'"') if x[:1] == b'"' else x for x in found]


def _column(default: Any) -> tuple[Any, Any]:
    """The dtype of a column, and its default or None."""
    if default is string:
        return string, None
    if isinstance(default, type | np.dtype):
        return as_dtype(default, "decode_csv"), None
    if is_text(default):
        found = of_text(default)
    else:
        found = np.asarray(convert_to_tensor(default).numpy())
        if found.dtype not in ("float32", "float64", "int32", "int64"):
            raise ArgumentError(f"decode_csv: a column of {found.dtype} cannot be read")
    if found.size > 1:
        raise ArgumentError("decode_csv: a default is one value, or none")
    kind = string if found.dtype == object else found.dtype
    return kind, found.reshape(-1)[0] if found.size else None


def _read(fields: list[bytes], column: Any, empty: set[bytes], at: int, shape: Any) -> Any:
    kind, default = column
    if default is None and any(x in empty for x in fields):
        raise ConversionError(f"decode_csv: field {at} is missing, and has no default")
    if kind is string:
        made = np.empty(len(fields), object)
        made[:] = [default if x in empty else x for x in fields]
        return StringTensor(made.reshape(shape))
    what = f"decode_csv: field {at}"
    numbers = [default if x in empty else number_of(x, kind, what) for x in fields]
    return wrap(np.array(numbers, kind).reshape(shape))


def encode_base64(input: Any, pad: bool = False, name: Any = None) -> StringTensor:
    """Each text in the letters of base64 that fit web addresses, with ``pad`` to whole groups.

    >>> import twofold as tf
    >>> tf.io.encode_base64("a?>").numpy(), tf.io.encode_base64("a", pad=True).numpy()
    (b'YT8-', b'YQ==')
    """

    def encoded(text: bytes) -> bytes:
        made = base64.urlsafe_b64encode(text)
        return made if pad else made.rstrip(b"=")

    return _each(encoded, input)


def decode_base64(input: Any, name: Any = None) -> StringTensor:
    """What ``encode_base64`` was given. Raises ConversionError for other texts.

    >>> import twofold as tf
    >>> tf.io.decode_base64("YT8-").numpy()
    b'a?>'
    """

    def decoded(text: bytes) -> bytes:
        try:
            if b"+" in text or b"/" in text:
                raise binascii.Error("letters that are not those for web addresses")
            padding = b"" if text.endswith(b"=") else b"=" * (-len(text) % 4)
            plain = text.translate(bytes.maketrans(b"-_", b"+/"))
            return base64.b64decode(plain + padding, validate=True)
        except binascii.Error as error:
            raise ConversionError(f"decode_base64: {text!r}: {error}") from None

    return _each(decoded, input)


def decode_compressed(bytes: Any, compression_type: str = "", name: Any = None) -> StringTensor:
    """The texts behind compressed ones: ``"ZLIB"``, ``"GZIP"``, or ``""`` for texts as they are.

    >>> import zlib
    >>> import twofold as tf
    >>> tf.io.decode_compressed(zlib.compress(b"text"), "ZLIB").numpy()
    b'text'
    """
    if compression_type not in ("", "ZLIB", "GZIP"):
        raise ArgumentError(f"decode_compressed: there is no compression {compression_type!r}")

    def plain(text: Any) -> Any:
        try:
            return (gzip if compression_type == "GZIP" else zlib).decompress(text)
        except (zlib.error, OSError, EOFError) as error:
            raise ConversionError(f"decode_compressed: {error}") from None

    return _each(plain if compression_type else lambda text: text, bytes)
