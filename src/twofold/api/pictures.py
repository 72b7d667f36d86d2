"""Images in texts: ``tf.io.decode_jpeg`` and its kin, read and written by Pillow.

Images are tensors of uint8, ``[height, width, channels]``. Pillow is an extra:
``pip install 'twofold[images]'``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.data.files import needed
from twofold.data.strings import StringTensor, is_text, of_text
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, ConversionError, DTypeError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.ir.ops.colours import convert_image_dtype
from twofold.runtime.tensor import Tensor, wrap

from .creation import convert_to_tensor

__all__ = [
    "decode_and_crop_jpeg", "decode_bmp", "decode_gif", "decode_image", "decode_jpeg",
    "decode_png", "decode_webp", "encode_jpeg", "encode_png", "extract_jpeg_shape", "is_jpeg",
]  # fmt: skip

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_JPEG = b"\xff\xd8\xff"


def _one(contents: Any, what: str) -> bytes:
    """The bytes of one image. Raises ArgumentError."""
    if not is_text(contents) or (found := of_text(contents)).ndim:
        raise ArgumentError(f"{what} takes the bytes of one image, not {type(contents).__name__}")
    return found.item()  # type: ignore[no-any-return]


def _opened(contents: Any, what: str, *kinds: str, grey: bool = False) -> Any:
    """The image in bytes, read whole; of a JPEG with ``grey`` the brightness that it stores.

    Raises ConversionError.
    """
    pillow, stream = needed("PIL.Image", "images", what), io.BytesIO(_one(contents, what))
    try:
        image = pillow.open(stream, formats=kinds)
        if grey:
            image.draft("L", image.size)
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        expected = " or ".join(kinds)
        raise ConversionError(f"{what}: this is no {expected}, or it is damaged") from error
    return image


def _own_channels(image: Any) -> int:
    """How many channels an image has itself; colours of a table are those that it names."""
    if "transparency" in image.info:
        return 2 if image.mode in ("L", "1", "I;16") else 4
    return {"L": 1, "1": 1, "I": 1, "I;16": 1, "LA": 2, "PA": 4, "RGBA": 4}.get(image.mode, 3)


def _pixels(image: Any, channels: int, what: str) -> Tensor:
    """An image as a tensor with so many channels, its own for 0. Raises ArgumentError."""
    allowed = (0, 1, 3) if image.format == "JPEG" else (0, 1, 3, 4)
    if channels not in allowed:
        raise ArgumentError(f"{what}: channels is one of {allowed}, not {channels!r}")
    count = channels or _own_channels(image)
    found = np.asarray(image)
    if found.dtype.itemsize > 1:  # sixteen bits: the upper eight
        image = needed("PIL.Image", "images", what).fromarray((found >> 8).astype(np.uint8))
    if count == 1 and image.mode in ("P", "PA", "RGB", "RGBA"):
        return wrap(_brightness(np.asarray(image.convert("RGB"), np.uint32)))
    found = np.asarray(image.convert(_MODES[count]))
    return wrap(np.array(found[..., None] if count == 1 else found))


def _brightness(colours: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The grey of colours as libpng gives it: the weights of ITU-R BT.601 in 15 bits, cut off."""
    grey = (colours @ np.array([9798, 19234, 3736], np.uint32)) >> 15
    return grey.astype(np.uint8)[..., None]


def _as_written(what: str, **options: tuple[Any, tuple[Any, ...]]) -> None:
    """Raise ArgumentError for an option that asks for another way of reading than Pillow's."""
    for name, (value, known) in options.items():
        if value not in known:
            raise ArgumentError(f"{what}: {name} is {known[0]!r}, not {value!r}")


def decode_jpeg(
    contents: Any, channels: int = 0, ratio: int = 1, fancy_upscaling: bool = True,
    try_recover_truncated: bool = False, acceptable_fraction: float = 1, dct_method: str = "",
    name: Any = None,
) -> Tensor:  # fmt: skip
    """The image in the bytes of a JPEG, with ``channels`` 1 (grey) or 3, or those of the image.

    Only whole images in their own size are read: the other parameters have their defaults.
    Raises ConversionError for other bytes. Pixels may differ by a few from TensorFlow's, whose
    library rounds otherwise.

    >>> import twofold as tf
    >>> tf.io.decode_jpeg(tf.io.encode_jpeg(tf.zeros((2, 3, 1), tf.uint8))).shape
    (2, 3, 1)
    """
    _as_written(
        "decode_jpeg", ratio=(ratio, (1,)), fancy_upscaling=(fancy_upscaling, (True,)),
        try_recover_truncated=(try_recover_truncated, (False,)),
        acceptable_fraction=(acceptable_fraction, (1,)),
        dct_method=(dct_method, ("", "INTEGER_ACCURATE")),
    )  # fmt: skip
    image = _opened(contents, "decode_jpeg", "JPEG", grey=channels == 1)
    return _pixels(image, channels, "decode_jpeg")


def decode_and_crop_jpeg(
    contents: Any, crop_window: Any, channels: int = 0, ratio: int = 1,
    fancy_upscaling: bool = True, try_recover_truncated: bool = False,
    acceptable_fraction: float = 1, dct_method: str = "", name: Any = None,
) -> Tensor:  # fmt: skip
    """A part of a JPEG: ``crop_window`` is ``[top, left, height, width]``; see ``decode_jpeg``.

    >>> import twofold as tf
    >>> picture = tf.io.encode_jpeg(tf.zeros((8, 8, 1), tf.uint8))
    >>> tf.io.decode_and_crop_jpeg(picture, [1, 2, 3, 4]).shape
    (3, 4, 1)
    """
    whole = decode_jpeg(
        contents, channels, ratio, fancy_upscaling, try_recover_truncated, acceptable_fraction,
        dct_method,
    )  # fmt: skip
    y, x, height, width = np.asarray(convert_to_tensor(crop_window).numpy()).reshape(4).tolist()
    rows, columns, _ = whole.shape
    if y < 0 or x < 0 or height < 1 or width < 1 or y + height > rows or x + width > columns:
        raise ArgumentError(
            f"decode_and_crop_jpeg: the window {[y, x, height, width]} is not inside of the image, "
            f"{rows} by {columns}"
        )
    part: Tensor = whole[y : y + height, x : x + width]
    return part


def decode_png(contents: Any, channels: int = 0, dtype: Any = "uint8", name: Any = None) -> Tensor:
    """The image in the bytes of a PNG, with 1, 3 or 4 channels, or those of the image.

    Of sixteen bits the upper eight are kept. Raises ConversionError for other bytes, and
    ArgumentError for ``dtype`` other than uint8.

    >>> import twofold as tf
    >>> tf.io.decode_png(tf.io.encode_png(tf.constant([[[1, 2, 3]]], tf.uint8))).numpy()
    array([[[1, 2, 3]]], dtype=uint8)
    """
    _uint8(dtype, "decode_png")
    return _pixels(_opened(contents, "decode_png", "PNG"), channels, "decode_png")


def _uint8(dtype: Any, what: str) -> None:
    if as_dtype(dtype, what) != np.uint8:
        raise ArgumentError(f"{what}: images are read as uint8, not {as_dtype(dtype, what)}")


def decode_bmp(contents: Any, channels: int = 0, name: Any = None) -> Tensor:
    """The image in the bytes of a BMP, with 1, 3 or 4 channels, or those of the image."""
    return _pixels(_opened(contents, "decode_bmp", "BMP"), channels, "decode_bmp")


def decode_gif(contents: Any, name: Any = None) -> Tensor:
    """The images in the bytes of a GIF: ``[number, height, width, 3]``."""
    return _frames(_opened(contents, "decode_gif", "GIF"))


def _frames(image: Any, mode: str = "RGB") -> Tensor:
    found = []
    for i in range(getattr(image, "n_frames", 1)):
        image.seek(i)
        found.append(np.asarray(image.convert(mode)))
    return wrap(np.stack(found))


def decode_webp(contents: Any, channels: int = 0, dtype: Any = "uint8", name: Any = None) -> Tensor:
    """The images in the bytes of a WebP: ``[number, height, width, channels]``, uint8, with 3 or 4
    channels, or those of the file.

    Raises ConversionError for other bytes, ArgumentError for other channels and dtypes.
    """
    if channels not in (0, 3, 4):
        raise ArgumentError(f"decode_webp: channels is one of (0, 3, 4), not {channels!r}")
    if as_dtype(dtype, "decode_webp") != np.uint8:
        raise ArgumentError(f"decode_webp: images are read as uint8, not {dtype}")
    image = _opened(contents, "decode_webp", "WEBP")
    return _frames(image, _MODES[channels or _own_channels(image)])


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = "uint8", name: Any = None,
    expand_animations: bool = True,
) -> Tensor:  # fmt: skip
    """The image in the bytes of a JPEG, PNG, BMP or GIF.

    A GIF gives ``[number, height, width, 3]``, with ``expand_animations=False`` its first image.
    ``dtype``: uint8, or a floating dtype, in which 255 is 1. Raises ConversionError for other
    bytes, and for a floating dtype of an image of sixteen bits.

    >>> import twofold as tf
    >>> tf.io.decode_image(tf.io.encode_png(tf.fill((1, 1, 1), tf.constant(255, tf.uint8))),
    ...                    dtype=tf.float32).numpy()
    array([[[1.]]], dtype=float32)
    """
    kinds = ("JPEG", "PNG", "BMP", "GIF")
    image = _opened(contents, "decode_image", *kinds, grey=channels == 1)
    target = as_dtype(dtype, "decode_image")
    if target != np.uint8 and not info(target).floating:
        raise ArgumentError(f"decode_image: dtype is uint8 or a floating one, not {target}")
    if target != np.uint8 and image.mode.startswith("I"):
        raise ConversionError("decode_image: of sixteen bits the upper eight are read, as uint8")
    if image.format == "GIF":
        if channels not in (None, 0, 3):
            raise ArgumentError(f"decode_image: a GIF has 3 channels, not {channels}")
        frames = _frames(image)
        found = frames if expand_animations else frames[0]
    else:
        found = _pixels(image, channels or 0, "decode_image")
    return found if target == np.uint8 else convert_image_dtype(found, target)


def is_jpeg(contents: Any, name: Any = None) -> Tensor:
    """Whether bytes begin as those of a JPEG.

    >>> import twofold as tf
    >>> tf.io.is_jpeg("text").numpy()
    np.False_
    """
    return wrap(np.array(_one(contents, "is_jpeg").startswith(_JPEG)))


def extract_jpeg_shape(contents: Any, output_type: Any = "int32", name: Any = None) -> Tensor:
    """The height, the width and the number of channels of a JPEG.

    >>> import twofold as tf
    >>> tf.io.extract_jpeg_shape(tf.io.encode_jpeg(tf.zeros((2, 3, 1), tf.uint8))).numpy()
    array([2, 3, 1], dtype=int32)
    """
    image = _opened(contents, "extract_jpeg_shape", "JPEG")
    sizes = (image.height, image.width, len(image.getbands()))
    return wrap(np.array(sizes, as_dtype(output_type, "extract_jpeg_shape")))


def _array(image: Any, channels: Sequence[int], what: str) -> np.ndarray[Any, Any]:
    """The pixels that are to be written. Raises DTypeError and ShapeError."""
    pixels = np.asarray(convert_to_tensor(image).numpy())
    if pixels.dtype != np.uint8:
        raise DTypeError(f"{what}: an image is of uint8, not {pixels.dtype}")
    if pixels.ndim != 3 or pixels.shape[2] not in channels or 0 in pixels.shape:
        raise ShapeError(
            f"{what}: an image is [height, width, channels] with {', '.join(map(str, channels))} "
            f"channels, not {pixels.shape}"
        )
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _written(pixels: np.ndarray[Any, Any], kind: str, what: str, **options: Any) -> StringTensor:
    pillow, stream = needed("PIL.Image", "images", what), io.BytesIO()
    pillow.fromarray(pixels).save(stream, kind, **options)
    return StringTensor(of_text(stream.getvalue()))


def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, progressive: bool = False,
    optimize_size: bool = False, chroma_downsampling: bool = True, density_unit: str = "in",
    x_density: int = 300, y_density: int = 300, xmp_metadata: str = "", name: Any = None,
) -> StringTensor:  # fmt: skip
    """The bytes of a JPEG of a grey or coloured image.

    ``format``: ``"grayscale"`` or ``"rgb"``, which the channels must be. Densities are written
    per inch; ``xmp_metadata`` is not written, and refused.

    >>> import twofold as tf
    >>> tf.io.is_jpeg(tf.io.encode_jpeg(tf.zeros((2, 2, 3), tf.uint8))).numpy()
    np.True_
    """
    channels = {"": (1, 3), "grayscale": (1,), "rgb": (3,)}.get(format)
    if channels is None:
        raise ArgumentError(f"encode_jpeg: format is '', 'grayscale' or 'rgb', not {format!r}")
    _as_written(
        "encode_jpeg", density_unit=(density_unit, ("in",)), xmp_metadata=(xmp_metadata, ("",))
    )
    if not 0 <= quality <= 100:
        raise ArgumentError(f"encode_jpeg: quality is between 0 and 100, not {quality}")
    pixels = _array(image, channels, "encode_jpeg")
    return _written(
        pixels, "JPEG", "encode_jpeg", quality=max(quality, 1), progressive=progressive,
        optimize=optimize_size, dpi=(x_density, y_density),
        subsampling="4:2:0" if chroma_downsampling and pixels.ndim == 3 else "4:4:4",
    )  # fmt: skip


def encode_png(image: Any, compression: int = -1, name: Any = None) -> StringTensor:
    """The bytes of a PNG of an image of 1 to 4 channels; ``compression``: 0 to 9, -1 for zlib's.

    >>> import twofold as tf
    >>> tf.io.encode_png(tf.zeros((2, 2, 3), tf.uint8)).numpy()[:4]
    b'\\x89PNG'
    """
    if not -1 <= compression <= 9:
        raise ArgumentError(f"encode_png: compression is between -1 and 9, not {compression}")
    pixels = _array(image, (1, 2, 3, 4), "encode_png")
    level = 6 if compression < 0 else compression
    return _written(pixels, "PNG", "encode_png", compress_level=level)
