"""Frames, windows, short-time Fourier and cosine transforms, under TensorFlow's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, as_dtype, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from . import movement
from .casting import cast
from .contract import matmul
from .create import arange
from .formulas import divide_no_nan
from .fourier import irfft, rfft
from .gather import gather
from .operand import as_tensor, ranked, size_attr
from .padding import pad_constant
from .reduce import sum
from .segment import unsorted_segment_sum
from .slicing import slice_axis

__all__ = [
    "dct", "frame", "hamming_window", "hann_window", "idct", "inverse_stft", "inverse_stft_window",
    "kaiser_bessel_derived_window", "kaiser_window", "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms", "overlap_and_add", "stft", "vorbis_window",
]  # fmt: skip

FLOAT, INT64 = np.dtype("float32"), np.dtype("int64")


def _constant(array: Any, dtype: Any, what: str) -> Any:
    want = as_dtype(dtype, what)
    if not info(want).floating:
        raise ArgumentError(f"{what}: dtype must be floating, not {want}")
    return OPS["constant"](value=np.asarray(array, np.float64).astype(want))


# ---- Windows


def _raised_cosine(length: int, periodic: bool, a: float, dtype: Any, what: str) -> Any:
    size = int(length)
    if size == 1:
        return _constant(np.ones(1), dtype, what)
    even = 1 - size % 2
    n = size + int(bool(periodic) and even == 1) - 1
    return _constant(a - (1 - a) * np.cos(2 * np.pi * np.arange(size) / n), dtype, what)


@composite(Sample(6), Sample(5, False))
def hann_window(
    window_length: Any, periodic: bool = True, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """``0.5 - 0.5 cos(2 pi i / n)``; ``periodic`` for transforms, symmetric for filters.

    >>> import twofold as tf
    >>> tf.signal.hann_window(4).numpy()
    array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    return _raised_cosine(window_length, periodic, 0.5, dtype, "hann_window")


@composite(Sample(6), Sample(5, False))
def hamming_window(
    window_length: Any, periodic: bool = True, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """``0.54 - 0.46 cos(2 pi i / n)``; see ``hann_window``."""
    return _raised_cosine(window_length, periodic, 0.54, dtype, "hamming_window")


def _kaiser(size: int, beta: float) -> Any:
    return np.kaiser(size, beta) if size > 1 else np.ones(size)


@composite(Sample(6))
def kaiser_window(
    window_length: Any, beta: float = 12.0, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """Kaiser's window: a Bessel function of order 0, narrow and steep for a large ``beta``."""
    return _constant(_kaiser(int(window_length), float(beta)), dtype, "kaiser_window")


@composite(Sample(6))
def kaiser_bessel_derived_window(
    window_length: Any, beta: float = 12.0, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """Roots of running sums of Kaiser's window: halves that overlap add up to 1 when squared."""
    half = int(window_length) // 2
    sums = np.cumsum(_kaiser(half + 1, float(beta)))
    rise = np.sqrt(sums[:-1] / sums[-1])
    what = "kaiser_bessel_derived_window"
    return _constant(np.concatenate([rise, rise[::-1]]), dtype, what)


@composite(Sample(6))
def vorbis_window(window_length: Any, dtype: Any = FLOAT, name: Any = None) -> Any:
    """``sin(pi / 2 sin(pi (i + 0.5) / n) ** 2)``: squares of halves that overlap add up to 1."""
    n = int(window_length)
    inner = np.sin(np.pi / n * (np.arange(n) + 0.5))
    return _constant(np.sin(np.pi / 2 * inner**2), dtype, "vorbis_window")


# ---- Frames


@composite(Sample("f[9]", 4, 2), Sample("f[2,7]", 4, 3, True, 0.5), Sample("f[6,2]", 3, 3, axis=0))
def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0,
    axis: int = -1, name: Any = None,
) -> Any:  # fmt: skip
    """Windows of ``frame_length`` elements along an axis, ``frame_step`` apart, as two axes.

    ``pad_end``: the last ones are filled up with ``pad_value``, else left out.

    >>> import twofold as tf
    >>> tf.signal.frame([1, 2, 3, 4], 2, 1).numpy()
    array([[1, 2],
           [2, 3],
           [3, 4]], dtype=int32)
    """
    x, length, step = as_tensor(signal), int(frame_length), int(frame_step)
    axis = axis_of(axis, len(x.shape), "frame")
    if length < 1 or step < 1:
        raise ArgumentError(f"frame: length {length} and step {step} must be at least 1")
    size = x.shape[axis]
    if pad_end:
        count = (size + step - 1) // step
        after = (count - 1) * step + length - size
        pads = [(0, 0)] * len(x.shape)
        pads[axis] = (0, after if after > 0 else 0)
        x = pad_constant(x, pads=tuple(pads), value=pad_value)
    else:
        count = (size - length) // step + 1
        count = count if count > 0 else 0
    starts = movement.reshape(arange(count, dtype=INT64) * step, shape=(-1, 1))
    return gather(x, starts + arange(length, dtype=INT64), axis=axis)


@composite(Sample("f[2,3,4]", 2), Sample("f[3,2]", 3))
def overlap_and_add(signal: Any, frame_step: Any, name: Any = None) -> Any:
    """``[..., frames, length]``, each ``frame_step`` after the one before it, added up.

    >>> import twofold as tf
    >>> tf.signal.overlap_and_add([[1, 1, 1], [1, 1, 1]], 1).numpy()
    array([1, 2, 2, 1], dtype=int32)
    """
    x, step = as_tensor(signal), int(frame_step)
    if len(x.shape) < 2:
        raise ShapeError(f"overlap_and_add: frames and elements, not {show_shape(x.shape)}")
    *lead, frames, length = x.shape
    whole = (frames - 1) * step + length
    places = movement.reshape(arange(frames, dtype=INT64) * step, shape=(-1, 1))
    places = movement.reshape(places + arange(length, dtype=INT64), shape=(-1,))
    rows = movement.moveaxis(movement.reshape(x, shape=(*lead, frames * length)), -1, 0)
    return movement.moveaxis(unsorted_segment_sum(rows, places, num_segments=whole), 0, -1)


def _enclosing(length: int, given: Any) -> int:
    """The next power of two, unless the length of the transform is given."""
    return int(given) if given is not None else 2 ** max(0, math.ceil(math.log2(length)))


@composite(Sample("f[20]", 8, 4), Sample("f[2,20]", 5, 4, pad_end=True))
def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Any = hann_window, pad_end: bool = False, name: Any = None,
) -> Any:  # fmt: skip
    """Fourier transforms of windowed frames: ``[..., frames, fft_length // 2 + 1]``, complex.

    ``fft_length`` None is the next power of two; ``window_fn(length, dtype=)`` None: no window.

    >>> import twofold as tf
    >>> tf.signal.stft(tf.ones(16), 8, 4).shape
    (3, 5)
    """
    x = as_tensor(signals)
    frames = frame(x, frame_length, frame_step, pad_end)
    if window_fn is not None:
        frames = frames * window_fn(int(frame_length), dtype=frames.dtype)
    return rfft(frames, n=_enclosing(int(frame_length), fft_length))


@composite(Sample("c[3,5]", 8, 4))
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Any = hann_window, name: Any = None,
) -> Any:  # fmt: skip
    """The signal of a ``stft``: inverse transforms, windowed, added where they overlap.

    ``window_fn=tf.signal.inverse_stft_window_fn(step)`` makes it the exact inverse inside.
    """
    length, wide = int(frame_length), _enclosing(int(frame_length), fft_length)
    frames = irfft(stfts, n=wide)
    if length > wide:
        pads = [(0, 0)] * (len(frames.shape) - 1)
        frames = pad_constant(frames, pads=(*pads, (0, length - wide)), value=0)
    frames = slice_axis(frames, len(frames.shape) - 1, 0, length)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return overlap_and_add(frames, frame_step)


@composite(Sample(6, 2))
def inverse_stft_window(
    frame_length: Any, frame_step: Any, forward_window_fn: Any = hann_window, dtype: Any = FLOAT
) -> Any:
    """A window over the sum of the squares of all that overlap: it undoes that of ``stft``."""
    size, step = int(frame_length), int(frame_step)
    forward = forward_window_fn(size, dtype=dtype)
    overlaps = -(-size // step)
    squares = pad_constant(forward * forward, pads=((0, overlaps * step - size),), value=0)
    below = sum(movement.reshape(squares, shape=(overlaps, step)), axis=0, keepdims=True)
    below = movement.broadcast_to(below, shape=(overlaps, step))
    below = slice_axis(movement.reshape(below, shape=(-1,)), 0, 0, size)
    return divide_no_nan(forward, below)


# ---- Cosine transforms


def _cosines(kind: int, size: int, norm: Any) -> Any:
    """The matrix of a cosine transform: rows are elements, columns are coefficients."""
    i, k = np.arange(size)[:, None], np.arange(size)
    if kind == 1:
        made = 2 * np.cos(np.pi * i * k / (size - 1))
        made[0] /= 2
        made[-1] /= 2
    elif kind == 2:
        made = 2 * np.cos(np.pi * (2 * i + 1) * k / (2 * size))
    elif kind == 3:
        made = 2 * np.cos(np.pi * i * (2 * k + 1) / (2 * size))
        made[0] /= 2
    else:
        made = 2 * np.cos(np.pi * (2 * i + 1) * (2 * k + 1) / (4 * size))
    if norm == "ortho":
        made *= np.sqrt(0.5 / size)
        if kind == 2:
            made[:, 0] *= np.sqrt(0.5)
        if kind == 3:
            made[0] *= np.sqrt(2.0)
    return made


def _cosines_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    size, dtype = size_attr(attrs["size"], "dct"), as_dtype(attrs["dtype"], "dct")
    return dict(attrs, size=size, dtype=dtype), (TensorType(dtype, (size, size)),)


@op("create", _cosines_rule, public=False,
    samples=[Sample(size=3, kind=2, norm="ortho"), Sample(size=4, kind=1)])  # fmt: skip
def cosines(*, size: Any, kind: int, norm: Any = None, dtype: Any = FLOAT) -> Any:
    """The matrix of a cosine transform, computed in double precision."""
    return _cosines(kind, size, norm).astype(dtype)


def _transformed(x: Any, kind: int, n: Any, axis: int, norm: Any, what: str) -> Any:
    x = ranked(x, 1, what)
    if axis != -1:
        raise ArgumentError(f"{what}: the axis is the last one, -1, not {axis}")
    if kind not in (1, 2, 3, 4) or norm not in (None, "ortho") or (kind == 1 and norm is not None):
        raise ArgumentError(f"{what}: there is no type {kind} with norm={norm!r}")
    size = x.shape[-1]
    if n is not None:
        want = int(n)
        if want > size:
            pads = [(0, 0)] * (len(x.shape) - 1)
            x = pad_constant(x, pads=(*pads, (0, want - size)), value=0)
        else:
            x = slice_axis(x, len(x.shape) - 1, 0, want)
        size = want
    if isinstance(size, int) and size == 0:
        return OPS["identity"](x)
    if kind == 1 and size < 2:
        raise ShapeError(f"{what}: type 1 needs two elements")
    if not info(x.dtype).floating:
        raise ArgumentError(f"{what}: dtype must be floating, not {x.dtype}")
    own = info(x.dtype).computes_in
    made = cosines(size=size, kind=kind, norm=norm, dtype=own)
    return cast(matmul(cast(x, dtype=own), made), dtype=x.dtype)


_DCTS = [Sample("f[2,5]", kind) for kind in (1, 2, 3, 4)]


@composite(*_DCTS, Sample("f[5]", 2, 3, norm="ortho"))
def dct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None, name: Any = None
) -> Any:
    """Cosine transform of type 1 to 4 along the last axis, of ``n`` elements: cut, or filled up.

    ``norm="ortho"`` makes it orthonormal; type 1 has none. It is a product with a matrix, so that
    it has gradients of any order. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.signal.dct([1.0, 1.0]).numpy().round(4)
    array([4., 0.], dtype=float32)
    """
    return _transformed(input, type, n, axis, norm, "dct")


@composite(*_DCTS)
def idct(
    input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None, name: Any = None
) -> Any:
    """The inverse of ``dct`` of that type, but for a factor: type 3 undoes type 2.

    With ``norm="ortho"`` it is the inverse; else that times ``2 n``, or ``2 (n - 1)`` for type 1.

    >>> import twofold as tf
    >>> tf.signal.idct([4.0, 0.0]).numpy().round(4) / 4
    array([1., 1.], dtype=float32)
    """
    inverse = {1: 1, 2: 3, 3: 2, 4: 4}.get(type, type)
    return _transformed(input, inverse, n, axis, norm, "idct")


# ---- Mel scale


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


@composite(Sample(4, 9, 8000.0))
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: Any = FLOAT,
    name: Any = None,
) -> Any:  # fmt: skip
    """Weights ``[spectrogram bins, mel bins]``: triangles that are even on the mel scale.

    The scale is HTK's, ``1127 log(1 + f / 700)``. Raises ArgumentError.
    """
    if num_mel_bins < 1 or not 0 <= lower_edge_hertz < upper_edge_hertz <= sample_rate / 2:
        raise ArgumentError(
            f"linear_to_mel_weight_matrix: {num_mel_bins} bins from {lower_edge_hertz} to "
            f"{upper_edge_hertz} Hz at {sample_rate} Hz are none"
        )
    spots = _mel(np.linspace(0.0, sample_rate / 2, num_spectrogram_bins)[1:])[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    low, center, high = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (spots - low) / (center - low), (high - spots) / (high - center)
    made = np.pad(np.maximum(0, np.minimum(rise, fall)), ((1, 0), (0, 0)))
    return _constant(made, dtype, "linear_to_mel_weight_matrix")


@composite(Sample("f[2,5]"))
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: Any = None) -> Any:
    """Cepstral coefficients: the orthonormal ``dct`` of the last axis as HTK scales it."""
    x = ranked(log_mel_spectrograms, 1, "mfccs_from_log_mel_spectrograms")
    return dct(x) * (1 / math.sqrt(2 * max(int(x.shape[-1]), 1)))
