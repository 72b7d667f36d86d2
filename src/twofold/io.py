"""``tf.io``: files, and what is in their bytes.

Records of TensorFlow's own kinds (TFRecord, protocol buffers) are left out: docs/tensorflow.md.
"""

from __future__ import annotations

from twofold.api.encoded import (
    decode_base64,
    decode_compressed,
    decode_csv,
    decode_raw,
    encode_base64,
)
from twofold.api.filesystem import gfile, matching_files, read_file, write_file
from twofold.api.pictures import (
    decode_and_crop_jpeg,
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
    extract_jpeg_shape,
    is_jpeg,
)

__all__ = [
    "decode_and_crop_jpeg", "decode_base64", "decode_bmp", "decode_compressed", "decode_csv",
    "decode_gif", "decode_image", "decode_jpeg", "decode_png", "decode_raw",
    "encode_base64", "encode_jpeg", "encode_png", "extract_jpeg_shape", "gfile", "is_jpeg",
    "matching_files", "read_file", "write_file",
]  # fmt: skip
