"""``tf.io``: files, and what is in their bytes."""

from __future__ import annotations

from twofold.api.encoded import (
    decode_base64,
    decode_compressed,
    decode_csv,
    decode_raw,
    encode_base64,
)
from twofold.api.examples import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    decode_json_example,
    parse_example,
    parse_sequence_example,
    parse_single_example,
    parse_single_sequence_example,
)
from twofold.api.filesystem import gfile, matching_files, read_file, write_file
from twofold.api.pictures import (
    decode_and_crop_jpeg,
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    decode_webp,
    encode_jpeg,
    encode_png,
    extract_jpeg_shape,
    is_jpeg,
)
from twofold.api.serialized import parse_tensor, serialize_tensor
from twofold.data.records import TFRecordOptions, TFRecordWriter

__all__ = [
    "FixedLenFeature", "FixedLenSequenceFeature", "TFRecordOptions", "TFRecordWriter",
    "decode_and_crop_jpeg", "decode_base64", "decode_bmp", "decode_compressed", "decode_csv",
    "decode_gif", "decode_image", "decode_jpeg", "decode_json_example", "decode_png", "decode_raw",
    "decode_webp",
    "encode_base64", "encode_jpeg", "encode_png", "extract_jpeg_shape", "gfile", "is_jpeg",
    "matching_files", "parse_example", "parse_sequence_example", "parse_single_example",
    "parse_single_sequence_example", "parse_tensor", "read_file", "serialize_tensor", "write_file",
]  # fmt: skip
