"""``keras.ops.math``."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.backend.common import standardize_dtype

import twofold as tf

from .arrays import pad, slogdet
from .core import convert_to_tensor
from .kinds import axes, counted, floating, together
from .reductions import _by_numpy

__all__ = [
    "cdist", "erf", "erfc", "erfinv", "extract_sequences", "fft", "fft2", "ifft2", "in_top_k",
    "irfft", "istft", "logdet", "logsumexp", "rfft", "rsqrt", "segment_max", "segment_min",
    "segment_prod", "segment_sum", "stft", "top_k",
]  # fmt: skip

erf = floating(tf.erf)
erfc = floating(tf.erfc)
erfinv = floating(tf.erfinv)
rsqrt = floating(tf.rsqrt)


def _segments(op: Any, data: Any, segment_ids: Any, num_segments: Any) -> Any:
    data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids, "int32")
    if num_segments is None:
        num_segments = int(tf.max(ids)) + 1 if ids.size else 0
    return op(data, ids, num_segments)


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Sums of rows of one segment."""
    return _segments(tf.unsorted_segment_sum, data, segment_ids, num_segments)


def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Largest elements of rows of one segment; minus infinity for an empty one."""
    return _segments(_extreme(tf.unsorted_segment_max, -np.inf), data, segment_ids, num_segments)


def segment_min(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Smallest elements of rows of one segment; infinity for an empty one."""
    return _segments(_extreme(tf.unsorted_segment_min, np.inf), data, segment_ids, num_segments)


def _extreme(op: Any, empty: float) -> Any:
    def run(data: Any, ids: Any, count: Any) -> Any:
        found = op(data, ids, count)
        if data.dtype.kind not in "fV":
            return found
        rows = tf.unsorted_segment_sum(tf.ones(ids.shape, "int32"), ids, count)
        rows = tf.reshape(rows, (-1, *[1] * (len(found.shape) - 1)))
        return tf.where(rows == 0, tf.cast(empty, found.dtype), found)

    return run


def segment_prod(
    data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Products of rows of one segment."""

    def run(data: Any, ids: Any, count: Any) -> Any:
        mine = tf.expand_dims(tf.range(count), axis=1) == tf.expand_dims(ids, axis=0)
        mine = tf.reshape(mine, (*mine.shape, *[1] * (len(data.shape) - 1)))
        return tf.prod(tf.where(mine, tf.expand_dims(data, axis=0), tf.ones_like(data)), axis=1)

    return _segments(run, data, segment_ids, num_segments)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The largest elements of rows, and where they are."""
    values, places = tf.top_k(convert_to_tensor(x), k=k)
    return values, counted(places)


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether a class is among the ``k`` with the largest predictions."""
    targets, predictions = convert_to_tensor(targets), convert_to_tensor(predictions)
    least = top_k(predictions, k)[0][..., -1]
    places = tf.expand_dims(tf.cast(targets, "int32"), axis=-1)
    mine = tf.take_along_axis(predictions, places, axis=-1)[..., 0]
    return mine >= least


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))``."""
    return floating(lambda y: tf.logsumexp(y, axis=axes(axis), keepdims=keepdims))(x)


def cdist(x: Any, y: Any) -> Any:
    """Distances between the rows of two matrices."""
    a, b = together(x, y, also=(float,))
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ValueError("`cdist` inputs must have rank >= 2")
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("Last dimension of inputs to `cdist` must match")
    apart = tf.expand_dims(a, axis=-2) - tf.expand_dims(b, axis=-3)
    squares = tf.sum(tf.square(apart), axis=-1)
    return tf.where(
        squares == 0, tf.zeros_like(squares), tf.sqrt(tf.where(squares == 0, 1.0, squares))
    )


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Windows of a last axis."""
    x = convert_to_tensor(x)
    count = (int(x.shape[-1]) - (sequence_length - sequence_stride)) // sequence_stride
    places = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return tf.take(x, places.astype(np.int32), axis=-1)


def _get_complex_tensor_from_tuple(x: Any) -> Any:
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary.Received: x={x}"
        )
    real, imag = map(convert_to_tensor, x)
    if tuple(real.shape) != tuple(imag.shape):
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary."
            "Both the real and imaginary parts should have the same shape. "
            f"Received: x[0].shape = {real.shape}, x[1].shape = {imag.shape}"
        )
    if real.dtype.kind != "f" or imag.dtype.kind != "f":
        raise ValueError(f"At least one tensor in input `x` is not of type float.Received: x={x}.")
    return tf.complex(real, imag)


def _parts(z: Any, dtype: Any) -> tuple[Any, Any]:
    return tf.cast(tf.real(z), dtype), tf.cast(tf.imag(z), dtype)


def fft(x: Any) -> tuple[Any, Any]:
    """The Fourier transform of a last axis."""
    z = _get_complex_tensor_from_tuple(x)
    return _parts(_by_numpy(np.fft.fft, z), tf.real(z).dtype)


def fft2(x: Any) -> tuple[Any, Any]:
    """The Fourier transform of the last two axes."""
    z = _get_complex_tensor_from_tuple(x)
    return _parts(_by_numpy(np.fft.fft2, z), tf.real(z).dtype)


def ifft2(x: Any) -> tuple[Any, Any]:
    """The inverse Fourier transform of the last two axes."""
    z = _get_complex_tensor_from_tuple(x)
    return _parts(_by_numpy(np.fft.ifft2, z), tf.real(z).dtype)


def rfft(x: Any, fft_length: Any = None) -> tuple[Any, Any]:
    """The Fourier transform of real numbers."""
    x = convert_to_tensor(x)
    return _parts(_by_numpy(np.fft.rfft, x, n=fft_length), x.dtype)


def irfft(x: Any, fft_length: Any = None) -> Any:
    """The inverse of ``rfft``."""
    z = _get_complex_tensor_from_tuple(x)
    return _by_numpy(np.fft.irfft, z, n=fft_length, dtype=standardize_dtype(tf.real(z).dtype))


def _window(window: Any, length: int, whole: int, dtype: Any) -> Any:
    """The window in the middle of ``whole`` elements."""
    before = (whole - length) // 2
    if window is None:
        return np.ones(whole, dtype)
    if isinstance(window, str):
        if window not in {"hann", "hamming"}:
            raise ValueError(
                'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. '
                f"Received: window={window}"
            )
        made = {"hann": np.hanning, "hamming": np.hamming}[window](length + 1)[:-1]
    else:
        made = np.asarray(convert_to_tensor(window))
    if made.shape != (length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]."
            f"Received: window shape={made.shape}"
        )
    return np.pad(made.astype(dtype), (before, whole - length - before))


def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann",
    center: bool = True,
) -> tuple[Any, Any]:  # fmt: skip
    """Fourier transforms of windows of a last axis."""
    x = convert_to_tensor(x)
    if standardize_dtype(x.dtype) not in {"float32", "float64"}:
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    shape = _window(window, sequence_length, fft_length, np.dtype(x.dtype))
    if center:
        x = pad(x, [(0, 0)] * (len(x.shape) - 1) + [(fft_length // 2, fft_length // 2)], "reflect")
    return rfft(extract_sequences(x, fft_length, sequence_stride) * shape, fft_length)


def istft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, length: Any = None,
    window: Any = "hann", center: bool = True,
) -> Any:  # fmt: skip
    """The inverse of ``stft``: windows added at their places, over the sum of squared windows.

    Source: Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform", 1984.
    """
    parts = irfft(x, fft_length)
    shape = _window(window, sequence_length, fft_length, np.dtype(parts.dtype))
    if window is not None:
        turns = -(-fft_length // sequence_stride)
        squares = np.pad(shape**2, (0, turns * sequence_stride - fft_length))
        shape = shape / np.tile(squares.reshape(turns, -1).sum(0), turns)[:fft_length]
    count = int(parts.shape[-2])
    whole = fft_length + sequence_stride * (count - 1)
    places = np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)
    flat = tf.reshape(parts * shape, (*parts.shape[:-2], count * fft_length))
    out = tf.scatter_add(
        tf.zeros((*parts.shape[:-2], whole), parts.dtype),
        tf.constant(places.reshape(-1), "int32"), flat, axis=-1,
    )  # fmt: skip
    start = fft_length // 2 if center else 0
    if length is not None:
        return out[..., start : start + length]
    return out[..., start : whole - fft_length // 2] if center else out


def logdet(x: Any) -> Any:
    """The logarithm of the determinant."""
    return slogdet(x)[1]
