"""TFRecord files: texts of any length, each with its checksums.

A record is its length in eight bytes, their checksum in four, the text, and the checksum of that:
the format of TensorFlow's guide "TFRecord and tf.train.Example".
"""

from __future__ import annotations

import functools
import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.errors import ArgumentError, FailedPreconditionError, LoadError

from . import spec as specs
from .block import Block
from .crc32c import masked
from .files import Files, opener
from .nest import LEAF

__all__ = ["TFRecordOptions", "TFRecordWriter", "fixed_length_of", "records_of"]

_TOGETHER = 256  # records of a block
_PIECE = 1 << 20  # bytes that are asked for at once: a length in a damaged file may be anything


def _at_most(stream: Any, count: int) -> bytes:
    """So many bytes of a stream, or those that are left."""
    parts, left = [], count
    while left and (part := stream.read(min(left, _PIECE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _record(stream: Any, name: str) -> bytes | None:
    """The next record, or None at the end. Raises LoadError."""
    head = _at_most(stream, 12)
    if not head:
        return None
    if len(head) == 12:
        length, check = struct.unpack("<QI", head)
        if masked(head[:8]) != check:
            raise LoadError(f"{name} is no TFRecord file, or damaged: the checksum of a length")
        text, tail = _at_most(stream, length), _at_most(stream, 4)
        if len(text) == length and len(tail) == 4:
            if masked(text) != struct.unpack("<I", tail)[0]:
                raise LoadError(f"{name} is damaged: the checksum of a record")
            return text
    raise LoadError(f"{name} is cut off in a record")


def _blocks(found: Iterator[bytes]) -> Iterator[Block | Exception]:
    """Texts in blocks, and the error at which they end."""
    texts: list[bytes] = []
    met: LoadError | None = None
    while met is None:
        try:
            text = next(found, None)
        except LoadError as error:
            met, text = error, None
        if text is not None:
            texts.append(text)
        if texts and (text is None or len(texts) == _TOGETHER):
            column = np.empty(len(texts), object)
            column[:] = texts
            yield Block(len(texts), [column], LEAF)
            texts = []
        if text is None:
            break
    if met is not None:
        yield met


def _files(kind: str, files: list[str], read: Callable[[str], Iterator[bytes]]) -> Files:
    return Files(kind, files, lambda name: _blocks(read(name)), specs.make("string", ()))


def records_of(files: list[str], compression: Any) -> Files:
    """The records of TFRecord files. Raises LoadError where a file is damaged or cut off."""
    opened = opener(compression)

    def read(name: str) -> Iterator[bytes]:
        with opened(name) as stream:
            while (text := _record(stream, name)) is not None:
                yield text

    return _files("tf_record", files, read)


def fixed_length_of(
    files: list[str], length: int, header: int, footer: int, compression: Any
) -> Files:
    """The parts of one length of files, between a header and a footer. Raises LoadError."""
    opened = opener(compression)

    def read(name: str) -> Iterator[bytes]:
        with opened(name) as stream:
            if len(_at_most(stream, header)) < header:
                raise LoadError(f"{name} is shorter than its header of {header} bytes")
            rest = _at_most(stream, footer)
            while True:
                rest += _at_most(stream, length)
                if len(rest) < length + footer:
                    break
                yield rest[:length]
                rest = rest[length:]
            if len(rest) != footer:
                raise LoadError(f"{name} is no whole number of records of {length} bytes")

    return _files("fixed_length_record", files, read)


class TFRecordOptions(NamedTuple):
    """How records are compressed: ``compression_type`` is None, ``"GZIP"`` or ``"ZLIB"``.

    Of the others zlib knows the level, the window, the memory and the strategy; ``flush_mode``, the
    method and the sizes of buffers change nothing here.
    """

    compression_type: Any = None
    flush_mode: Any = None
    input_buffer_size: Any = None
    output_buffer_size: Any = None
    window_bits: Any = None
    compression_level: Any = None
    compression_method: Any = None
    mem_level: Any = None
    compression_strategy: Any = None


class TFRecordWriter:
    """A writer of a TFRecord file: ``write`` takes a text, ``close`` or a ``with`` block ends it.

    ``options``: TFRecordOptions, or a ``compression_type``. Raises ArgumentError for others,
    FailedPreconditionError once it is closed, and what the system raises for a place that cannot be
    written to.

    >>> import os, tempfile
    >>> import twofold as tf
    >>> file = os.path.join(tempfile.mkdtemp(), "two.tfrecord")
    >>> with tf.io.TFRecordWriter(file) as writer:
    ...     writer.write(b"one")
    ...     writer.write(b"two")
    >>> [x.numpy() for x in tf.data.TFRecordDataset(file)]
    [b'one', b'two']
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        given = options if isinstance(options, TFRecordOptions) else TFRecordOptions(options)
        kind = given.compression_type or ""
        opener(kind)  # refuses what is none
        self._pack = _packer(kind, given) if kind else None
        name = path.numpy() if hasattr(path, "numpy") else path
        self._file: io.BufferedWriter | None = open(os.fspath(name), "wb")  # noqa: SIM115

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _put(self, data: bytes) -> None:
        if self._file is None:
            raise FailedPreconditionError(message="the writer of records is closed")
        self._file.write(data)

    def write(self, record: Any) -> None:
        """Write a text. Raises ArgumentError for what is none."""
        text = record.numpy() if hasattr(record, "numpy") else record
        if isinstance(text, str):
            text = text.encode()
        if not isinstance(text, bytes):
            raise ArgumentError(f"TFRecordWriter.write takes one text, not {record!r:.80}")
        head = struct.pack("<Q", len(text))
        checks = [struct.pack("<I", masked(part)) for part in (head, text)]
        data = head + checks[0] + text + checks[1]
        self._put(data if self._pack is None else self._pack.compress(data))

    def flush(self) -> None:
        """Hand over to the system what was written."""
        self._put(b"" if self._pack is None else self._pack.flush(zlib.Z_SYNC_FLUSH))
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._put(b"" if self._pack is None else self._pack.flush())
            self._file.close()
        self._file = None


def _packer(kind: str, given: TFRecordOptions) -> Any:
    def told(value: Any, default: int) -> int:
        return default if value is None else int(value)

    bits = told(given.window_bits, zlib.MAX_WBITS)
    make = functools.partial(zlib.compressobj, method=zlib.DEFLATED)
    try:
        return make(
            level=told(given.compression_level, -1), wbits=bits + 16 if kind == "GZIP" else bits,
            memLevel=told(given.mem_level, 8), strategy=told(given.compression_strategy, 0),
        )  # fmt: skip
    except ValueError as error:
        raise ArgumentError(f"TFRecordOptions: {error}") from None
