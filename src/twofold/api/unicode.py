"""Characters of texts: the functions of ``tf.strings`` that know an encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twofold.data.strings import StringTensor, of_text
from twofold.ir.errors import ArgumentError
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor, wrap

__all__ = [
    "by_element",
    "unicode_decode",
    "unicode_decode_with_offsets",
    "unicode_encode",
    "unicode_split",
    "unicode_split_with_offsets",
    "unicode_transcode",
]

CODECS = {"UTF-8": "utf-8", "UTF8": "utf-8", "UTF-16-BE": "utf-16-be", "UTF-32-BE": "utf-32-be"}
REPLACEMENT = 0xFFFD


class Character(NamedTuple):
    """A character of a text, and where its bytes begin."""

    text: str
    offset: int


class Reading(NamedTuple):
    """How bytes are read as characters."""

    codec: str
    errors: str
    replacement: str
    controls: bool  # whether control characters are replaced

    def characters(self, data: bytes) -> list[Character]:
        """The characters of bytes. Raises ArgumentError where ``strict`` and bytes are none."""
        found: list[Character] = []
        at = 0
        while at < len(data):
            try:
                good, bad = data[at:].decode(self.codec), None
            except UnicodeDecodeError as error:
                good, bad = data[at : at + error.start].decode(self.codec), error
            for c in good:
                shown = self.replacement if self.controls and c < " " else c
                found.append(Character(shown, at))
                at += len(c.encode(self.codec))
            if bad is None:
                break
            if self.errors == "strict":
                raise ArgumentError(f"the bytes at {at} of {data!r} are not {self.codec.upper()}")
            if self.errors == "replace":
                found.append(Character(self.replacement, at))
            at += bad.end - bad.start
        return found


def _codec(name: str, what: str) -> str:
    codec = CODECS.get(name.upper())
    if codec is None:
        raise ArgumentError(
            f"{what}: the encodings are UTF-8, UTF-16-BE and UTF-32-BE, not {name!r}"
        )
    return codec


def _reading(what: str, encoding: str, errors: str, replacement: int, controls: bool) -> Reading:
    if errors not in ("strict", "replace", "ignore"):
        raise ArgumentError(f"{what}: errors is 'strict', 'replace' or 'ignore', not {errors!r}")
    return Reading(_codec(encoding, what), errors, _character(replacement, what), controls)


def _character(code: int, what: str) -> str:
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ArgumentError(f"{what}: {code} is no character")
    return chr(code)


def by_element(function: Callable[[bytes], Any], texts: Any) -> Any:
    """The results of a function of one text, in lists as the axes of ``texts`` nest."""
    array = of_text(texts)
    if not array.ndim:
        return function(array.item())
    return [by_element(function, text) for text in StringTensor(array)]


def _codes(found: list[Character]) -> Tensor:
    return wrap(np.array([ord(c.text) for c in found], np.int32))


def _texts(found: list[Character], codec: str) -> StringTensor:
    return StringTensor(of_text([c.text.encode(codec) for c in found]))


def _offsets(found: list[Character]) -> Tensor:
    return wrap(np.array([c.offset for c in found], np.int64))


def _pairs(found: Any) -> tuple[Any, Any]:
    """Lists of pairs as a pair of lists."""
    if isinstance(found, tuple):
        return found
    parts = [_pairs(x) for x in found]
    return [a for a, _ in parts], [b for _, b in parts]


def unicode_decode(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = REPLACEMENT,
    replace_control_characters: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """The code points of a text, an int32 vector; of several texts, a list of such vectors.

    Raises ArgumentError for an unknown encoding, and with ``errors="strict"`` for wrong bytes.

    >>> import twofold as tf
    >>> tf.strings.unicode_decode("aé", "UTF-8").numpy()
    array([ 97, 233], dtype=int32)
    """
    read = _reading("unicode_decode", input_encoding, errors, replacement_char,
                    replace_control_characters)  # fmt: skip
    return by_element(lambda b: _codes(read.characters(b)), input)


def unicode_decode_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = REPLACEMENT,
    replace_control_characters: bool = False, name: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The code points as ``unicode_decode`` gives them, and where the bytes of each begin (int64).

    >>> import twofold as tf
    >>> [x.numpy().tolist() for x in tf.strings.unicode_decode_with_offsets("éa", "UTF-8")]
    [[233, 97], [0, 2]]
    """
    read = _reading("unicode_decode_with_offsets", input_encoding, errors, replacement_char,
                    replace_control_characters)  # fmt: skip
    return _pairs(by_element(lambda b: (_codes(f := read.characters(b)), _offsets(f)), input))


def unicode_split(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = REPLACEMENT,
    name: Any = None,
) -> Any:  # fmt: skip
    """The characters of a text, a vector of texts; of several texts, a list of such vectors.

    Raises ArgumentError as ``unicode_decode`` does.

    >>> import twofold as tf
    >>> tf.strings.unicode_split("aé", "UTF-8").numpy().tolist()
    [b'a', b'\\xc3\\xa9']
    """
    read = _reading("unicode_split", input_encoding, errors, replacement_char, False)
    return by_element(lambda b: _texts(read.characters(b), read.codec), input)


def unicode_split_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = REPLACEMENT,
    name: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The characters as ``unicode_split`` gives them, and where the bytes of each begin (int64).

    >>> import twofold as tf
    >>> [x.numpy().tolist() for x in tf.strings.unicode_split_with_offsets("ab", "UTF-8")]
    [[b'a', b'b'], [0, 1]]
    """
    read = _reading("unicode_split_with_offsets", input_encoding, errors, replacement_char, False)

    def both(data: bytes) -> tuple[StringTensor, Tensor]:
        found = read.characters(data)
        return _texts(found, read.codec), _offsets(found)

    return _pairs(by_element(both, input))


def unicode_transcode(
    input: Any, input_encoding: str, output_encoding: str, errors: str = "replace",
    replacement_char: int = REPLACEMENT, replace_control_characters: bool = False,
    name: Any = None,
) -> StringTensor:  # fmt: skip
    """Texts in another encoding, elementwise. Raises ArgumentError as ``unicode_decode`` does.

    >>> import twofold as tf
    >>> tf.strings.unicode_transcode("é", "UTF-8", "UTF-16-BE").numpy()
    b'\\x00\\xe9'
    """
    read = _reading("unicode_transcode", input_encoding, errors, replacement_char,
                    replace_control_characters)  # fmt: skip
    codec = _codec(output_encoding, "unicode_transcode")

    def other(data: bytes) -> bytes:
        return "".join(c.text for c in read.characters(data)).encode(codec)

    return StringTensor(of_text(by_element(other, input)))


def unicode_encode(
    input: Any, output_encoding: str, errors: str = "replace",
    replacement_char: int = REPLACEMENT, name: Any = None,
) -> StringTensor:  # fmt: skip
    """Texts of code points: of a vector one text, of a list of vectors or a matrix several.

    What is no code point is replaced, left out or refused (ArgumentError), as ``errors`` says.

    >>> import twofold as tf
    >>> tf.strings.unicode_encode([[97, 98], [99]], "UTF-8").numpy().tolist()
    [b'ab', b'c']
    """
    read = _reading("unicode_encode", output_encoding, errors, replacement_char, False)

    def text(codes: Any) -> Any:
        nested = isinstance(codes, list | tuple) and codes and np.ndim(codes[0]) > 0
        if nested or np.ndim(codes) > 1:
            return [text(part) for part in codes]
        return "".join(_written(int(c), read) for c in as_array(codes).reshape(-1)).encode(
            read.codec
        )

    return StringTensor(of_text(text(input)))


def _written(code: int, read: Reading) -> str:
    if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000:
        return chr(code)
    if read.errors == "strict":
        raise ArgumentError(f"unicode_encode: {code} is no character")
    return read.replacement if read.errors == "replace" else ""
