"""Examples in texts: ``tf.io.parse_example`` and its kin.

They read the protocol buffers of ``messages.py``, with the package ``protobuf``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from twofold.data.files import needed
from twofold.data.strings import STRING, StringTensor, is_text, of_text, string
from twofold.ir.errors import ArgumentError, ConversionError, DTypeError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.runtime.declared import say_shape
from twofold.runtime.tensor import wrap

from .creation import convert_to_tensor
from .messages import message

__all__ = [
    "FixedLenFeature", "FixedLenSequenceFeature", "decode_json_example", "parse_example",
    "parse_sequence_example", "parse_single_example", "parse_single_sequence_example", "parsed",
]  # fmt: skip


class FixedLenFeature(NamedTuple):
    """What is read of each example: values of one ``shape``.

    ``dtype``: float32, int64 or string. ``default_value``, of that shape, is for examples without
    the feature; without it they are refused.
    """

    shape: Any
    dtype: Any
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """What is read of each example: any number of parts of one ``shape``, as a first axis.

    With ``allow_missing`` examples without the feature have no part. Examples of a batch are filled
    with ``default_value`` (0, or an empty text) to the longest.
    """

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


_LISTS: dict[Any, str] = {
    np.dtype("float32"): "float_list", np.dtype("int64"): "int64_list", string: "bytes_list",
}  # fmt: skip


class _Reader:
    """How a feature is read, with what is said where it does not fit."""

    def __init__(self, what: str, key: str, feature: Any) -> None:
        if not isinstance(feature, FixedLenFeature | FixedLenSequenceFeature):
            raise ArgumentError(
                f"{what}: {key!r} is a FixedLenFeature or FixedLenSequenceFeature, not {feature!r}"
            )
        self.what = f"{what}: feature {key!r}"
        self.dtype: Any = (
            feature.dtype if feature.dtype is string else as_dtype(feature.dtype, what)
        )
        if self.dtype not in _LISTS:
            raise DTypeError(f"{self.what} is of float32, int64 or string, not {self.dtype}")
        shape = feature.shape
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(d is None for d in shape):
            raise ShapeError(f"{self.what}: all sizes of {list(shape)} must be known")
        self.shape = tuple(map(int, shape))
        self.any_number = isinstance(feature, FixedLenSequenceFeature)
        self.missing = getattr(feature, "allow_missing", False)
        self.default = self._default(feature.default_value)

    def _default(self, given: Any) -> np.ndarray[Any, Any] | None:
        shape = () if self.any_number else self.shape
        if given is None and not self.any_number:
            return None
        if given is None:
            return self._array([b"" if self.dtype is string else 0], ())
        if self.dtype is string:
            found = of_text(given)
        else:
            found = np.asarray(convert_to_tensor(given, self.dtype).numpy())
        if found.size != math.prod(shape):
            raise ShapeError(f"{self.what}: default_value has shape {found.shape}, not {shape}")
        return found.reshape(shape)

    def _array(self, values: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        if self.dtype is not string:
            return np.array(values, self.dtype).reshape(shape)
        made = np.empty(len(values), STRING)
        made[:] = list(values)
        return made.reshape(shape)

    def values(self, feature: Any) -> Any:
        """The values of a feature, or None where it is not there."""
        kind = None if feature is None else feature.WhichOneof("kind")
        if kind is None:
            return None
        if kind != _LISTS[self.dtype]:
            raise ConversionError(f"{self.what}: it has a {kind}, and {self.dtype} is asked for")
        return getattr(feature, kind).value

    def read(self, feature: Any) -> np.ndarray[Any, Any]:
        """The array of one example."""
        values, each = self.values(feature), math.prod(self.shape)
        if self.any_number:
            if values is None and not self.missing:
                raise ConversionError(f"{self.what} is missing; allow_missing= takes it as empty")
            values = () if values is None else values
            if len(values) % each if each else len(values):
                raise ShapeError(f"{self.what}: {len(values)} values are no parts of {self.shape}")
            return self._array(values, (len(values) // each if each else 0, *self.shape))
        if values is None:
            if self.default is None:
                raise ConversionError(f"{self.what} is missing, and has no default")
            return self.default
        if len(values) != each:
            raise ShapeError(f"{self.what}: {len(values)} values, and its shape is {self.shape}")
        return self._array(values, self.shape)

    def steps(self, features: Any) -> np.ndarray[Any, Any]:
        """The array of a list of features, one for each step of a sequence."""
        if features is None and not self.missing:
            raise ConversionError(f"{self.what} is missing; allow_missing= takes it as empty")
        found = [] if features is None else list(features.feature)
        rows = [self.values(feature) or () for feature in found]
        for row in rows:
            if len(row) != math.prod(self.shape):
                raise ShapeError(f"{self.what}: {len(row)} values, and its shape is {self.shape}")
        return self._array([v for row in rows for v in row], (len(rows), *self.shape))

    def together(self, arrays: list[np.ndarray[Any, Any]], shape: tuple[int, ...]) -> Any:
        """The arrays of the examples of a batch as one tensor."""
        inner = arrays[0].shape if arrays else (*((0,) if self.any_number else ()), *self.shape)
        if self.any_number and arrays:
            inner = (max(a.shape[0] for a in arrays), *self.shape)
        dtype: Any = STRING if self.dtype is string else self.dtype
        made = np.empty((len(arrays), *inner), dtype)
        if self.any_number and self.default is not None:
            made[...] = self.default
        for at, array in enumerate(arrays):
            made[(at, slice(len(array))) if self.any_number else at] = array
        found = made.reshape((*shape, *inner))
        say_shape(found, (*(None,) * (len(shape) + self.any_number), *self.shape))
        return StringTensor(found) if self.dtype is string else wrap(found)


def parsed(what: str, kind: str, texts: Any, axes: tuple[int, ...]) -> tuple[Any, list[Any]]:
    """The shape of texts, and the messages in them."""
    if not is_text(texts):
        raise ConversionError(f"{what} takes texts, not {texts!r:.80}")
    given = of_text(texts)
    if given.ndim not in axes:
        raise ShapeError(f"{what} takes texts with {axes} axes, not with {given.ndim}")
    return given.shape, [_message(what, kind, text) for text in given.flat]


def _message(what: str, kind: str, text: bytes) -> Any:
    errors = needed("google.protobuf.message", "records", what)
    try:
        return message(kind).FromString(text)
    except errors.DecodeError as error:
        raise ConversionError(f"{what}: the text is no {kind}: {error}") from None


def _features(what: str, features: Any) -> dict[str, _Reader]:
    if not isinstance(features, Mapping) or not features:
        raise ArgumentError(f"{what} takes a dict of features, by their names")
    return {key: _Reader(what, key, feature) for key, feature in features.items()}


def _examples(what: str, serialized: Any, features: Any, axes: tuple[int, ...]) -> dict[str, Any]:
    readers = _features(what, features)
    shape, found = parsed(what, "Example", serialized, axes)
    return {
        key: reader.together([reader.read(one.features.feature.get(key)) for one in found], shape)
        for key, reader in readers.items()
    }


def parse_example(
    serialized: Any, features: Any, example_names: Any = None, name: Any = None
) -> dict[str, Any]:
    """The features of examples, of one or of a vector of texts: a dict of tensors by their names.

    ``features``: FixedLenFeature and FixedLenSequenceFeature by name. Raises ConversionError for a
    text that is no ``tf.train.Example``, a feature that is missing or of another dtype, ShapeError
    for another number of values, ImportError without the package ``protobuf``.

    >>> import twofold as tf
    >>> words = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a", b"b"]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"words": words}))
    >>> features = {"words": tf.io.FixedLenFeature([2], tf.string)}
    >>> tf.io.parse_example([example.SerializeToString()], features)["words"].numpy().tolist()
    [[b'a', b'b']]
    """
    return _examples("parse_example", serialized, features, (0, 1))


def parse_single_example(
    serialized: Any, features: Any, example_names: Any = None, name: Any = None
) -> dict[str, Any]:
    """The features of one example, as ``parse_example`` gives them of several.

    >>> import twofold as tf
    >>> numbers = tf.train.Feature(int64_list=tf.train.Int64List(value=[3, 4]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"n": numbers}))
    >>> features = {"n": tf.io.FixedLenFeature([2], tf.int64)}
    >>> tf.io.parse_single_example(example.SerializeToString(), features)["n"].numpy()
    array([3, 4])
    """
    return _examples("parse_single_example", serialized, features, (0,))


def _sequences(
    what: str, serialized: Any, context: Any, sequence: Any, axes: tuple[int, ...]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    if not context and not sequence:
        raise ArgumentError(f"{what} takes context_features, sequence_features or both")
    about = _features(what, context) if context else {}
    steps = _features(what, sequence) if sequence else {}
    for key, reader in steps.items():
        if not reader.any_number:
            raise ArgumentError(f"{what}: {key!r} of a sequence is a FixedLenSequenceFeature")
    shape, found = parsed(what, "SequenceExample", serialized, axes)
    read = {
        key: [reader.steps(one.feature_lists.feature_list.get(key)) for one in found]
        for key, reader in steps.items()
    }
    return (
        {
            key: r.together([r.read(one.context.feature.get(key)) for one in found], shape)
            for key, r in about.items()
        },
        {key: r.together(read[key], shape) for key, r in steps.items()},
        {
            key: wrap(np.array([len(a) for a in arrays], np.int64).reshape(shape))
            for key, arrays in read.items()
        },
    )


def parse_single_sequence_example(
    serialized: Any, context_features: Any = None, sequence_features: Any = None,
    example_name: Any = None, name: Any = None,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """What one ``tf.train.SequenceExample`` says of a sequence, and its steps: two dicts.

    Features of steps are FixedLenSequenceFeature. Errors are those of ``parse_example``.
    """
    return _sequences(
        "parse_single_sequence_example", serialized, context_features, sequence_features, (0,)
    )[:2]


def parse_sequence_example(
    serialized: Any, context_features: Any = None, sequence_features: Any = None,
    example_names: Any = None, name: Any = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:  # fmt: skip
    """The same of a vector of texts; steps are filled to the longest, and a third dict has their
    numbers."""
    return _sequences(
        "parse_sequence_example", serialized, context_features, sequence_features, (0, 1)
    )


def decode_json_example(json_examples: Any, name: Any = None) -> StringTensor:
    """Examples, as texts, of their form in JSON. Raises ConversionError for what is none."""
    json = needed("google.protobuf.json_format", "records", "decode_json_example")

    def converted(text: bytes) -> bytes:
        try:
            made = json.Parse(text, message("Example")())
        except (json.ParseError, UnicodeDecodeError) as error:
            raise ConversionError(f"decode_json_example: {error}") from None
        return made.SerializeToString()  # type: ignore[no-any-return]

    given = of_text(json_examples)
    made = np.empty(given.shape, STRING)
    made.reshape(-1)[:] = [converted(text) for text in given.flat]
    return StringTensor(made)
