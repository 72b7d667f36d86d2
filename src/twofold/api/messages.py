"""Protocol buffers that programs for TensorFlow read and write: ``tf.train.Example`` and its parts,
and tensors as ``tf.io.serialize_tensor`` writes them.

The package ``protobuf`` (the extra ``records``) makes the classes from the fields that are named
here, with the numbers of TensorFlow's ``example.proto``, ``feature.proto`` and ``tensor.proto``.
They stand in a pool of their own, so that TensorFlow may be imported beside twofold.
"""

from __future__ import annotations

import functools
from typing import Any

from twofold.data.files import needed

__all__ = ["EXAMPLES", "message"]

# The classes that ``tf.train`` has.
EXAMPLES = (
    "BytesList", "Example", "Feature", "FeatureList", "FeatureLists", "Features", "FloatList",
    "Int64List", "SequenceExample",
)  # fmt: skip

# Of each message its fields: number, name, and a type. ``*`` stands for any number of them,
# ``{`` for a map from texts, ``|`` for one of several, of which one is there.
_FIELDS: dict[str, tuple[tuple[int, str, str], ...]] = {
    "BytesList": ((1, "value", "*bytes"),),
    "FloatList": ((1, "value", "*float"),),
    "Int64List": ((1, "value", "*int64"),),
    "Feature": (
        (1, "bytes_list", "|BytesList"), (2, "float_list", "|FloatList"),
        (3, "int64_list", "|Int64List"),
    ),
    "Features": ((1, "feature", "{Feature"),),
    "FeatureList": ((1, "feature", "*Feature"),),
    "FeatureLists": ((1, "feature_list", "{FeatureList"),),
    "Example": ((1, "features", "Features"),),
    "SequenceExample": ((1, "context", "Features"), (2, "feature_lists", "FeatureLists")),
    "Dim": ((1, "size", "int64"), (2, "name", "string")),
    "TensorShapeProto": ((2, "dim", "*Dim"), (3, "unknown_rank", "bool")),
    "TensorProto": (
        (1, "dtype", "int32"), (2, "tensor_shape", "TensorShapeProto"),
        (3, "version_number", "int32"), (4, "tensor_content", "bytes"), (5, "float_val", "*float"),
        (6, "double_val", "*double"), (7, "int_val", "*int32"), (8, "string_val", "*bytes"),
        (9, "scomplex_val", "*float"), (10, "int64_val", "*int64"), (11, "bool_val", "*bool"),
        (12, "dcomplex_val", "*double"), (13, "half_val", "*int32"), (16, "uint32_val", "*uint32"),
        (17, "uint64_val", "*uint64"), (18, "float8_val", "bytes"),
    ),
}  # fmt: skip


def _put(field: Any, kind: str) -> None:
    """Give a field its type."""
    if kind in _FIELDS:
        field.type, field.type_name = field.TYPE_MESSAGE, f".tensorflow.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")


def _declare(message: Any, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=1)
    mark = kind[0] if kind[0] in "*{|" else ""
    inner = kind.removeprefix(mark)
    if mark == "{":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _put(entry.field.add(name="key", number=1, label=1), "string")
        _put(entry.field.add(name="value", number=2, label=1), inner)
        field.type, field.label = field.TYPE_MESSAGE, field.LABEL_REPEATED
        field.type_name = f".tensorflow.{message.name}.{entry.name}"
        return
    if mark == "*":
        field.label = field.LABEL_REPEATED
    if mark == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="kind")
        field.oneof_index = 0
    _put(field, inner)


@functools.cache
def _classes() -> dict[str, Any]:
    what = "tf.train.Example"
    descriptors = needed("google.protobuf.descriptor_pb2", "records", what)
    factory = needed("google.protobuf.message_factory", "records", what)
    pool = needed("google.protobuf.descriptor_pool", "records", what).DescriptorPool()
    file = descriptors.FileDescriptorProto(
        name="twofold/messages.proto", package="tensorflow", syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        made = file.message_type.add(name=name)
        for field in fields:
            _declare(made, *field)
    pool.Add(file)
    found = pool.FindMessageTypeByName
    return {name: factory.GetMessageClass(found(f"tensorflow.{name}")) for name in _FIELDS}


def message(name: str) -> Any:
    """The class of a message. Raises ImportError without the package ``protobuf``."""
    return _classes()[name]
