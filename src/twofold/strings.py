"""``tf.strings``: texts as data, worked on by Python.

A text is bytes, UTF-8 where it was a ``str``; several are a NumPy array of them in a tensor of
dtype ``tf.string``, which every function here takes, as it takes texts, lists and arrays. No graph
computes on texts: in a compiled function these calls see what is known when it is traced.
Where TensorFlow gives a ragged tensor, there is a list, one entry for each element.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.api.hashes import fingerprint, murmur, siphash
from twofold.api.unicode import (
    by_element,
    unicode_decode,
    unicode_decode_with_offsets,
    unicode_encode,
    unicode_split,
    unicode_split_with_offsets,
    unicode_transcode,
)
from twofold.data.strings import StringTensor, number_of, of_text
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, AxisError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.runtime.convert import as_array
from twofold.runtime.printing import array_text, text_of
from twofold.runtime.tensor import Tensor, wrap

__all__ = [
    "as_string", "bytes_split", "format", "join", "length", "lower", "ngrams", "reduce_join",
    "regex_full_match", "regex_replace", "split", "strip", "substr", "to_hash_bucket",
    "to_hash_bucket_fast", "to_hash_bucket_strong", "to_number", "unicode_decode",
    "unicode_decode_with_offsets", "unicode_encode", "unicode_split",
    "unicode_split_with_offsets", "unicode_transcode", "unsorted_segment_join", "upper",
]  # fmt: skip


def _each(function: Any, *arrays: Any) -> np.ndarray[Any, Any]:
    """The results of a function of elements of arrays, which are broadcast, as objects."""
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(str(np.shape(a)) for a in arrays)
        raise ShapeError(f"tf.strings: the shapes {shapes} do not broadcast") from None
    out = np.empty(together[0].shape, object)
    out.reshape(-1)[:] = [function(*x) for x in zip(*(a.flat for a in together), strict=True)]
    return out


def _texts(function: Any, *arrays: Any) -> StringTensor:
    return StringTensor(_each(function, *arrays))


def _numbers(function: Any, dtype: Any, *arrays: Any) -> Tensor:
    return wrap(_each(function, *arrays).astype(dtype))


def _unit(unit: str, what: str) -> bool:
    """Whether positions count characters. Raises ArgumentError."""
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ArgumentError(f"{what}: unit is 'BYTE' or 'UTF8_CHAR', not {unit!r}")
    return unit == "UTF8_CHAR"


def _is_utf8(encoding: str, what: str) -> bool:
    if encoding not in ("", "utf-8"):
        raise ArgumentError(f"{what}: encoding is '' (bytes of ASCII) or 'utf-8', not {encoding!r}")
    return encoding == "utf-8"


def length(input: Any, unit: str = "BYTE", name: Any = None) -> Tensor:
    """The number of bytes of each text, or of its characters with ``unit="UTF8_CHAR"``; int32.

    >>> import twofold as tf
    >>> tf.strings.length(["ab", "é"]).numpy(), tf.strings.length("é", "UTF8_CHAR").numpy()
    (array([2, 2], dtype=int32), np.int32(1))
    """
    characters = _unit(unit, "length")
    # what begins a character, as TensorFlow counts also in texts that are not UTF-8
    return _numbers(
        lambda b: sum(c & 0xC0 != 0x80 for c in b) if characters else len(b),
        "int32",
        of_text(input),
    )


def lower(input: Any, encoding: str = "", name: Any = None) -> StringTensor:
    """Each text in small letters: those of ASCII, or all with ``encoding="utf-8"``.

    >>> import twofold as tf
    >>> tf.strings.lower(["AbC", "É"], "utf-8").numpy().tolist()
    [b'abc', b'\\xc3\\xa9']
    """
    if _is_utf8(encoding, "lower"):
        return _texts(lambda b: b.decode(errors="replace").lower().encode(), of_text(input))
    return _texts(bytes.lower, of_text(input))


def upper(input: Any, encoding: str = "", name: Any = None) -> StringTensor:
    """Each text in capital letters: those of ASCII, or all with ``encoding="utf-8"``.

    >>> import twofold as tf
    >>> tf.strings.upper("ab").numpy()
    b'AB'
    """
    if _is_utf8(encoding, "upper"):
        return _texts(lambda b: b.decode(errors="replace").upper().encode(), of_text(input))
    return _texts(bytes.upper, of_text(input))


def strip(input: Any, name: Any = None) -> StringTensor:
    """Each text without the white space around it.

    >>> import twofold as tf
    >>> tf.strings.strip([" a b ", "\\n"]).numpy().tolist()
    [b'a b', b'']
    """
    return _texts(bytes.strip, of_text(input))


def join(inputs: Sequence[Any], separator: str | bytes = "", name: Any = None) -> StringTensor:
    """The texts of several tensors, element by element in one; single texts go to every element.

    Raises ShapeError where the shapes differ.

    >>> import twofold as tf
    >>> tf.strings.join([["a", "b"], "x"], separator="-").numpy().tolist()
    [b'a-x', b'b-x']
    """
    parts, between = [of_text(x) for x in inputs], of_text(separator).item()
    if not parts:
        raise ArgumentError("join: at least one text is needed")
    return _texts(lambda *x: between.join(x), *parts)


def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str | bytes = "",
    name: Any = None,
) -> StringTensor:  # fmt: skip
    """The texts along axes in one: those of a list of axes in its order, without any all of them.

    Raises AxisError.

    >>> import twofold as tf
    >>> texts = [["a", "b"], ["c", "d"]]
    >>> tf.strings.reduce_join(texts, 0, separator=" ").numpy().tolist()
    [b'a c', b'b d']
    >>> tf.strings.reduce_join(texts, axis=[1, 0]).numpy()
    b'acbd'
    """
    array, between = of_text(inputs), of_text(separator).item()
    given = range(array.ndim) if axis is None else np.atleast_1d(np.asarray(axis)).tolist()
    axes = [_axis(a, array.ndim) for a in given]
    if len(set(axes)) < len(axes):
        raise AxisError(f"reduce_join: axis {axis} names one twice")
    rest = [a for a in range(array.ndim) if a not in axes]
    moved = array.transpose(*rest, *axes)
    kept = [array.shape[a] for a in rest]
    count = int(np.prod([array.shape[a] for a in axes], dtype=np.int64))
    rows = moved.reshape(int(np.prod(kept, dtype=np.int64)), count)
    out = np.empty(len(rows), object)
    out[:] = [between.join(row) for row in rows]
    shape = [1 if a in axes else n for a, n in enumerate(array.shape)] if keepdims else kept
    return StringTensor(out.reshape(shape))


def _axis(axis: Any, rank: int) -> int:
    if not -rank <= axis < rank:
        raise AxisError(f"reduce_join: axis {axis} is out of bounds for {rank} axes")
    found: int = axis % rank
    return found


def split(input: Any, sep: str | bytes | None = None, maxsplit: int = -1, name: Any = None) -> Any:
    """The parts of a text between separators (without one: runs of white space), as a vector.

    Of several texts a list of vectors.

    >>> import twofold as tf
    >>> tf.strings.split("a  b c").numpy().tolist()
    [b'a', b'b', b'c']
    >>> [x.numpy().tolist() for x in tf.strings.split(["a,b", ""], ",")]
    [[b'a', b'b'], [b'']]
    """
    by = None if sep is None else of_text(sep).item() or None
    return by_element(lambda b: StringTensor(of_text(b.split(by, maxsplit))), input)


def bytes_split(input: Any, name: Any = None) -> Any:
    """The bytes of a text, each a text; of several texts a list of such vectors.

    >>> import twofold as tf
    >>> tf.strings.bytes_split("ab").numpy().tolist()
    [b'a', b'b']
    """
    return by_element(lambda b: StringTensor(of_text([bytes([c]) for c in b])), input)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: Any = None) -> StringTensor:
    """``len`` bytes (or characters) of each text from ``pos`` on, or fewer where it ends.

    A negative ``pos`` counts from the end; ``pos`` and ``len`` broadcast. Raises ArgumentError for
    a ``pos`` outside of a text, or a negative ``len``.

    >>> import twofold as tf
    >>> tf.strings.substr(["hello", "world"], [1, -3], 2).numpy().tolist()
    [b'el', b'rl']
    """
    characters = _unit(unit, "substr")

    def part(text: bytes, at: int, count: int) -> bytes:
        units: Any = text.decode(errors="surrogateescape") if characters else text
        size = units.__len__()
        if not -size <= at <= size:
            raise ArgumentError(f"substr: pos {at} is outside of {text!r}, of size {size}")
        if count < 0:
            raise ArgumentError(f"substr: len is {count}, and cannot be negative")
        start = at + size if at < 0 else at
        found: Any = units[start : start + count]
        taken: bytes = found.encode(errors="surrogateescape") if characters else found
        return taken

    return _texts(part, of_text(input), as_array(pos), as_array(len))


def regex_full_match(input: Any, pattern: str | bytes, name: Any = None) -> Tensor:
    """Whether a regular expression (Python's) matches the whole of each text.

    >>> import twofold as tf
    >>> tf.strings.regex_full_match(["ab", "abc"], "a.").numpy()
    array([ True, False])
    """
    wanted = _pattern(pattern, "regex_full_match")
    return _numbers(lambda b: wanted.fullmatch(b) is not None, "bool", of_text(input))


def regex_replace(
    input: Any, pattern: str | bytes, rewrite: str | bytes, replace_global: bool = True,
    name: Any = None,
) -> StringTensor:  # fmt: skip
    """Each text with what a regular expression (Python's) matches replaced.

    ``\\\\1`` in ``rewrite`` is its first group, ``\\\\0`` the whole match.
    Raises ArgumentError for a wrong expression.

    >>> import twofold as tf
    >>> tf.strings.regex_replace("a1b22", "[0-9]+", "<\\\\0>").numpy()
    b'a<1>b<22>'
    """
    wanted = _pattern(pattern, "regex_replace")
    template = re.sub(rb"\\(\d)", rb"\\g<\1>", of_text(rewrite).item())
    count = 0 if replace_global else 1
    try:
        return _texts(lambda b: wanted.sub(template, b, count=count), of_text(input))
    except (re.error, IndexError) as error:
        raise ArgumentError(f"regex_replace: rewrite {rewrite!r}: {error}") from None


def _pattern(pattern: str | bytes, what: str) -> re.Pattern[bytes]:
    try:
        return re.compile(of_text(pattern).item())
    except re.error as error:
        raise ArgumentError(f"{what}: {pattern!r} is no regular expression: {error}") from None


def _buckets(function: Callable[[bytes], int], input: Any, num_buckets: int, what: str) -> Tensor:
    count = operator.index(num_buckets)
    if not 1 <= count < 2**63:
        raise ArgumentError(f"{what}: num_buckets is at least 1, not {count}")
    return _numbers(lambda b: function(b) % count, "int64", of_text(input))


def to_hash_bucket_fast(input: Any, num_buckets: int, name: Any = None) -> Tensor:
    """A number from 0 to ``num_buckets - 1`` for each text, by a hash that never changes; int64.

    The hash is FarmHash's Fingerprint64, and the numbers are TensorFlow's. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.strings.to_hash_bucket_fast(["Hello", "TensorFlow", "2.x"], 3).numpy()
    array([0, 2, 2])
    """
    return _buckets(fingerprint, input, num_buckets, "to_hash_bucket_fast")


def to_hash_bucket(input: Any, num_buckets: int, name: Any = None) -> Tensor:
    """``to_hash_bucket_fast`` by another hash, MurmurHash64A, as in TensorFlow's first version.

    >>> import twofold as tf
    >>> tf.strings.to_hash_bucket("a", 1).numpy()
    np.int64(0)
    """
    return _buckets(murmur, input, num_buckets, "to_hash_bucket")


def to_hash_bucket_strong(
    input: Any, num_buckets: int, key: Sequence[int], name: Any = None
) -> Tensor:
    """``to_hash_bucket_fast`` under a key of two integers, SipHash-2-4: who does not know the key
    cannot find texts that share a bucket. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.strings.to_hash_bucket_strong(["Hello", "TF"], 3, [1, 2]).numpy()
    array([2, 0])
    """
    words = [operator.index(k) for k in key]
    if len(words) != 2:
        raise ArgumentError(f"to_hash_bucket_strong: key is two integers, not {key!r}")
    first, second = (k % 2**64 for k in words)
    what = "to_hash_bucket_strong"
    return _buckets(lambda b: siphash(b, (first, second)), input, num_buckets, what)


def to_number(input: Any, out_type: Any = "float32", name: Any = None) -> Tensor:
    """The number that each text writes, in ``out_type``.

    Raises ConversionError for what is no number, or does not fit an integer dtype.

    >>> import twofold as tf
    >>> tf.strings.to_number(["1.5", " -2e3"]).numpy()
    array([ 1.5e+00, -2.0e+03], dtype=float32)
    """
    want = as_dtype(out_type, "to_number")
    own = info(want)
    if not (own.integer or own.floating):
        raise ArgumentError(f"to_number: out_type is an integer or floating dtype, not {want}")

    return _numbers(lambda text: number_of(text, want, "to_number"), want, of_text(input))


def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False,
    width: int = -1, fill: str = "", name: Any = None,
) -> StringTensor:  # fmt: skip
    """Numbers as texts, as C's ``printf`` writes them: floats by ``%f``, by ``%e`` where
    ``scientific``, by ``%g`` where ``shortest``.

    ``width`` is the least number of characters; ``fill`` is ``"0"``, ``" "``, or ``"-"`` (left).
    Raises ArgumentError for options that do not go together.

    >>> import twofold as tf
    >>> tf.strings.as_string([3, 25], width=3, fill="0").numpy().tolist()
    [b'003', b'025']
    >>> tf.as_string(3.14159, precision=2).numpy(), tf.as_string(True).numpy()
    (b'3.14', b'true')
    """
    array = as_array(input)
    own = info(array.dtype)
    if scientific and shortest:
        raise ArgumentError("as_string: scientific and shortest exclude each other")
    if fill not in ("", " ", "0", "-", "+"):
        raise ArgumentError(f"as_string: fill is '', ' ', '0', '-' or '+', not {fill!r}")
    if precision >= 0 and (own.integer or own.boolean):
        raise ArgumentError(f"as_string: precision is for floats, the dtype is {array.dtype}")
    size = str(width) if width >= 0 else ""
    digits = f".{precision}" if precision >= 0 else ""
    kind = (
        "s"
        if own.boolean
        else "d"
        if own.integer
        else "e"
        if scientific
        else "g"
        if shortest
        else "f"
    )
    layout = f"%{fill}{size}{digits}{kind}"

    def text(x: Any) -> bytes:
        if own.boolean:
            return (layout % ("true" if x else "false")).encode()
        if own.complex:
            return f"({layout % x.real},{layout % x.imag})".encode()
        return (layout % (int(x) if own.integer else float(x))).encode()

    return _texts(text, array)


def format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: Any = None
) -> StringTensor:
    """A template with values for its placeholders, written as ``tf.print`` writes them.

    ``inputs`` is a value or a list or tuple of them. Raises ArgumentError for more or fewer.

    >>> import twofold as tf
    >>> tf.strings.format("x = {}, n = {}", (tf.range(8), 2)).numpy()
    b'x = [0 1 2 ... 5 6 7], n = 2'
    """
    values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    parts = template.split(placeholder)
    if len(parts) - 1 != len(values):
        raise ArgumentError(
            f"format: {len(parts) - 1} placeholders {placeholder!r} in {template!r}, and "
            f"{len(values)} values"
        )
    shown = [_shown(v, summarize) for v in values]
    return StringTensor(of_text("".join(a + b for a, b in zip(parts, [*shown, ""], strict=True))))


def _shown(value: Any, summarize: int) -> str:
    if not isinstance(value, StringTensor):
        return text_of(value, summarize)
    array = value.array
    if not array.ndim:
        text: bytes = array.item()
        return text.decode(errors="replace")
    quoted = np.empty(array.shape, object)
    quoted.reshape(-1)[:] = [f'"{b.decode(errors="replace")}"' for b in array.flat]
    return array_text(quoted, summarize, str)


def ngrams(
    data: Any, ngram_width: int | Sequence[int], separator: str = " ", pad_values: Any = None,
    padding_width: int | None = None, preserve_short_sequences: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """The runs of ``ngram_width`` texts of a vector, each joined; of a matrix or a list of vectors
    a list of vectors. Several widths follow each other.

    ``pad_values`` is a text, or a pair for the two sides, of which there are ``padding_width`` (one
    less than the width, if that is fewer or nothing is said). ``preserve_short_sequences`` keeps
    what is shorter than the width as one. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.strings.ngrams(["a", "b", "c"], 2).numpy().tolist()
    [b'a b', b'b c']
    >>> tf.strings.ngrams(["a"], 2, pad_values=("<", ">")).numpy().tolist()
    [b'< a', b'a >']
    """
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    if not widths or min(widths) < 1:
        raise ArgumentError(f"ngrams: ngram_width is {ngram_width}, and is at least 1")
    if isinstance(data, list | tuple) and data and not isinstance(data[0], str | bytes):
        nested = any(of_text(x).ndim for x in data)
    else:
        nested = of_text(data).ndim > 1
    if nested:
        rest = (separator, pad_values, padding_width, preserve_short_sequences)
        return [ngrams(x, widths, *rest) for x in data]
    texts = of_text(data).reshape(-1).tolist()
    pair = pad_values if isinstance(pad_values, list | tuple) else (pad_values, pad_values)
    sides = None if pad_values is None else [of_text(p).item() for p in pair]
    between, found = of_text(separator).item(), []
    for width in widths:
        few = width - 1 if padding_width is None else min(padding_width, width - 1)
        row = texts if sides is None else [sides[0]] * few + texts + [sides[1]] * few
        runs = [between.join(row[i : i + width]) for i in range(len(row) - width + 1)]
        if not runs and preserve_short_sequences and texts:
            found.append(between.join(row))
            break
        found += runs
    return StringTensor(of_text(found))


def unsorted_segment_join(
    inputs: Any, segment_ids: Any, num_segments: int, separator: str | bytes = "", name: Any = None
) -> StringTensor:
    """The texts of each segment in one, in their order; those of negative segments are left out.

    ``segment_ids`` has the first axes of ``inputs``. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> tf.strings.unsorted_segment_join(["a", "b", "c"], [1, 0, 1], 3, ":").numpy().tolist()
    [b'b', b'a:c', b'']
    """
    array, ids = of_text(inputs), as_array(segment_ids)
    if ids.shape != array.shape[: ids.ndim]:
        raise ShapeError(
            f"unsorted_segment_join: segments of shape {ids.shape} for texts of {array.shape}"
        )
    if ids.size and int(ids.max()) >= num_segments:
        raise ArgumentError(f"unsorted_segment_join: segment {ids.max()} of {num_segments}")
    inner = array.shape[ids.ndim :]
    rows = array.reshape(ids.size, int(np.prod(inner, dtype=np.int64)))
    out = np.empty((int(num_segments), rows.shape[1]), object)
    between, flat = of_text(separator).item(), ids.reshape(-1)
    for segment in range(len(out)):
        chosen = rows[flat == segment]
        out[segment] = [between.join(column) for column in chosen.T]
    return StringTensor(out.reshape((int(num_segments), *inner)))
