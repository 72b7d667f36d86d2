"""The modified cosine transform, transforms over three axes, and Sobol's points."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import Sample, composite, op
from ..shapes import Sizes
from ..types import TensorType
from . import movement
from .fourier import fftn, ifftn, irfftn, rfftn
from .joining import concat
from .operand import as_tensor, ranked, size_attr
from .scipy_calls import scipy
from .signals import dct, frame, overlap_and_add, vorbis_window
from .slicing import slice_axis

__all__ = ["fft3d", "ifft3d", "inverse_mdct", "irfft3d", "mdct", "rfft3d", "sobol_sample"]

FLOAT = np.dtype("float32")
Window = Callable[..., Any] | None


def _parts(x: Any, count: int) -> list[Any]:
    axis, size = len(x.shape) - 1, x.shape[-1] // count
    return [slice_axis(x, axis, i * size, (i + 1) * size) for i in range(count)]


def _turned(x: Any) -> Any:
    return movement.flip(x, axis=(-1,))


def _windowed(frames: Any, window_fn: Window, length: Any) -> Any:
    if window_fn is None:
        return frames * math.sqrt(0.5)
    return frames * window_fn(length, dtype=frames.dtype)


def _check(norm: Any, what: str) -> None:
    if norm not in (None, "ortho"):
        raise ArgumentError(f"{what}: norm is None or 'ortho', not {norm!r}")


@composite(Sample("f[12]", 8), Sample("f[2,9]", 4, None, True, "ortho"))
def mdct(
    signals: Any, frame_length: int, window_fn: Window = vorbis_window, pad_end: bool = False,
    norm: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The modified discrete cosine transform of the last axis: ``[..., frames, frame_length / 2]``.

    Frames overlap by half; ``frame_length`` is a multiple of 4. ``pad_end`` fills the last frames
    up with zeros. Raises ArgumentError.

    Princen, Johnson and Bradley, "Subband/Transform Coding Using Filter Bank Designs Based on Time
    Domain Aliasing Cancellation" (1987).

    >>> import twofold as tf
    >>> tf.signal.mdct(tf.ones(12), 8).shape
    (2, 4)
    """
    _check(norm, "mdct")
    if frame_length % 4:
        raise ArgumentError(f"mdct: frame_length must be a multiple of 4, it is {frame_length}")
    frames = frame(as_tensor(signals), frame_length, frame_length // 2, pad_end)
    a, b, c, d = _parts(_windowed(frames, window_fn, frame_length), 4)
    return dct(concat([-_turned(c) - d, a - _turned(b)], axis=-1), type=4, norm=norm)


@composite(Sample("f[3,4]"), Sample("f[2,3,2]", None, "ortho"))
def inverse_mdct(
    mdcts: Any, window_fn: Window = vorbis_window, norm: Any = None, name: Any = None
) -> Any:
    """The signal of which ``mdct`` gives this, exact where frames overlap.

    >>> import twofold as tf
    >>> tf.signal.inverse_mdct(tf.signal.mdct(tf.ones(12), 4)).numpy()[2:10].round(3)
    array([1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)
    """
    _check(norm, "inverse_mdct")
    x = ranked(mdcts, 1, "inverse_mdct")
    half = x.shape[-1]
    if isinstance(half, int) and half < 1:
        raise ShapeError("inverse_mdct: frames without elements have no inverse")
    found = dct(x, type=4, norm=norm)
    a, b = _parts(found if norm else found * (0.5 / half), 2)
    frames = concat([b, -_turned(b), -_turned(a), -a], axis=-1)
    return overlap_and_add(_windowed(frames, window_fn, 2 * half), half)


_LAST = (-3, -2, -1)


@composite(Sample("c[2,3,4]"))
def fft3d(input: Any, name: Any = None) -> Any:
    """The Fourier transform over the last three axes.

    >>> import twofold as tf
    >>> tf.signal.fft3d(tf.ones((2, 2, 2))).numpy()[0, 0].real
    array([8., 0.], dtype=float32)
    """
    return fftn(input, axes=_LAST)


@composite(Sample("c[2,3,4]"))
def ifft3d(input: Any, name: Any = None) -> Any:
    """The inverse of ``fft3d``.

    >>> import twofold as tf
    >>> tf.signal.ifft3d(tf.ones((2, 2, 2))).numpy()[0, 0].real
    array([1., 0.], dtype=float32)
    """
    return ifftn(input, axes=_LAST)


@composite(Sample("f[2,3,4]"), Sample("f[2,3,4]", (2, 2, 6)))
def rfft3d(input_tensor: Any, fft_length: Any = None, name: Any = None) -> Any:
    """The Fourier transform of real numbers over the last three axes, of the last its first half.

    ``fft_length``: three sizes, to which the axes are cut or filled up with zeros.

    >>> import twofold as tf
    >>> tf.signal.rfft3d(tf.ones((2, 2, 4))).shape
    (2, 2, 3)
    """
    return rfftn(input_tensor, fft_length, _LAST)


@composite(Sample("c[2,3,4]"), Sample("c[2,3,4]", (2, 2, 5)))
def irfft3d(input_tensor: Any, fft_length: Any = None, name: Any = None) -> Any:
    """The inverse of ``rfft3d``: real numbers, the last axis even if ``fft_length`` is not given.

    >>> import twofold as tf
    >>> tf.signal.irfft3d(tf.signal.rfft3d(tf.ones((2, 2, 4)))).shape
    (2, 2, 4)
    """
    return irfftn(input_tensor, fft_length, _LAST)


def _sobol_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    whole = {k: size_attr(attrs[k], op.name) for k in ("dim", "num_results", "skip")}
    if not all(isinstance(n, int) and n >= 0 for n in whole.values()) or not whole["dim"]:
        raise ArgumentError(f"sobol_sample: dim, num_results and skip are numbers, not {whole}")
    dtype = as_dtype(attrs["dtype"], op.name)
    if not info(dtype).floating:
        raise ArgumentError(f"sobol_sample: dtype must be floating, not {dtype}")
    shape = (whole["num_results"], whole["dim"])
    return {**whole, "dtype": dtype}, (TensorType(dtype, shape),)


@op(
    "create",
    _sobol_rule,
    samples=[Sample(dim=3, num_results=5), Sample(dim=2, num_results=3, skip=4)],
)
def sobol_sample(*, dim: Any, num_results: Any, skip: Any = 0, dtype: Any = FLOAT) -> Any:
    """Points ``[num_results, dim]`` of Sobol's sequence in the unit cube, after the origin and
    ``skip`` more. SciPy makes them: the extra ``scipy``.

    Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections" (2008).

    >>> import twofold as tf
    >>> tf.math.sobol_sample(1, 3).numpy().ravel()
    array([0.5 , 0.75, 0.25], dtype=float32)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers of points that are no power of two
        source = scipy("stats.qmc", "Sobol")(dim, scramble=False).fast_forward(skip + 1)
        return source.random(num_results).astype(dtype)
