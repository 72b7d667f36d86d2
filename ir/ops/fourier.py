"""Discrete Fourier transforms by NumPy's FFT (pocketfft), with gradients of every order.

Three primitives, each linear: complex to complex over several axes, real to the half spectrum that
is enough for it, and back. ``norm`` says what is divided by the number of points: ``backward`` the
inverse transform, ``forward`` the other one, ``ortho`` both by its square root. The adjoint of a
transform is the transform in the other direction, unnormalised where the first was normalised.

NumPy transforms single precision in double where there is nothing to divide by, by way of copies of
the whole array. ``_undivided`` lets it divide, which it does in single precision, and multiplies
again, piece by piece on several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, axes_of, axis_of
from ..op import OPS, Sample, composite, op
from ..pieces import pieces
from ..promote import as_floating, complex_of
from ..shapes import Sizes
from . import movement
from .create import arange
from .operand import as_tensor, ranked, size_attr
from .padding import pad_constant
from .slicing import slice_axis

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

NORMS = {"backward": "forward", "ortho": "ortho", "forward": "backward"}  # and of the adjoint
PIECE = 65536  # elements that are transformed at a time


def _norm_of(norm: Any, what: str) -> str:
    norm = "backward" if norm is None else norm
    if norm not in NORMS:
        raise ArgumentError(f"{what}: norm must be one of {', '.join(NORMS)}, not {norm!r}")
    return str(norm)


def _some(sizes: Sizes, count: Any, what: str) -> None:
    if not sizes.require_positive(count):
        raise ArgumentError(f"{what}: a transform of {count} points; at least one is needed")


# ---- Primitives


def _complex_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axes = tuple([axis_of(a, x.rank, "fft") for a in attrs["axes"]])
    for axis in axes:
        _some(sizes, x.shape[axis], "fft")
    norm = _norm_of(attrs["norm"], "fft")
    return {"axes": axes, "inverse": bool(attrs["inverse"]), "norm": norm}, (x,)


@op("opaque", _complex_rule, accepts="c", widens=False, public=False,
    samples=[Sample("c[4]", axes=(0,)), Sample("c[2,3]", axes=(0, 1), inverse=True, norm="ortho"),
             Sample("c[3,2]", axes=(0,), norm="forward")])  # fmt: skip
def fft_complex(x: Any, *, axes: Any, inverse: bool = False, norm: Any = "backward") -> Any:
    """The transform of complex numbers over these axes."""
    if not axes:
        return x.copy()
    transform = np.fft.ifft if inverse else np.fft.fft
    undivided = norm == ("forward" if inverse else "backward")
    for axis in reversed(axes):
        x = _undivided(transform, x, axis) if undivided else transform(x, axis=axis, norm=norm)
    return x


@fft_complex.gradient
def fft_complex_vjp(g: Any, out: Any, x: Any, *, axes: Any, inverse: bool, norm: str) -> Any:
    return (lambda: fft_complex(g, axes=axes, inverse=not inverse, norm=NORMS[norm]),)


def _half_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axis = axis_of(attrs["axis"], x.rank, "rfft")
    _some(sizes, x.shape[axis], "rfft")
    shape = [d // 2 + 1 if i == axis else d for i, d in enumerate(x.shape)]
    out = x.with_shape(shape).with_dtype(complex_of(x.dtype))
    return {"axis": axis, "norm": _norm_of(attrs["norm"], "rfft")}, (out,)


@op("opaque", _half_rule, promote="floating", accepts="f", public=False,
    samples=[Sample("f[4]", axis=0), Sample("f[5,2]", axis=0, norm="ortho"),
             Sample("f[2,1]", axis=1, norm="forward")])  # fmt: skip
def fft_half(x: Any, *, axis: Any, norm: Any = "backward") -> Any:
    """The first half of the transform of real numbers; the other half is its conjugate."""
    if norm == "backward":
        return _undivided(np.fft.rfft, x, axis)
    return np.fft.rfft(x, None, axis, norm)


def _undivided(transform: Any, x: Any, axis: int) -> Any:
    """A transform along an axis that divides by nothing, in the precision of its numbers."""
    ways = ("backward", "forward") if transform is np.fft.ifft else ("forward", "backward")
    if x.dtype.char not in "fF":
        return transform(x, axis=axis, norm=ways[1])
    count = np.float32(x.shape[axis])
    across = max((a for a in range(x.ndim) if a != axis), key=lambda a: x.shape[a], default=axis)
    if x.size <= PIECE or across == axis:
        return transform(x, axis=axis, norm=ways[0]) * count
    shape = list(x.shape)
    shape[axis] = shape[axis] // 2 + 1 if transform is np.fft.rfft else shape[axis]
    out = np.empty(shape, np.complex64)

    def task(first: int, length: int) -> Any:
        part = (slice(None),) * across + (slice(first, first + length),)

        def run() -> None:
            held = transform(x[part], axis=axis, norm=ways[0], out=out[part])
            np.multiply(held, count, out=held)

        return run

    length = max(PIECE * x.shape[across] // x.size, 1)
    pieces.share([task(first, length) for first in range(0, x.shape[across], length)])
    return out


@fft_half.gradient
def fft_half_vjp(g: Any, out: Any, x: Any, *, axis: int, norm: str) -> Any:
    def back() -> Any:
        weighted = _weighted(g, axis, x.shape[axis], 0.5)
        return fft_real(weighted, n=x.shape[axis], axis=axis, norm=NORMS[norm])

    return (back,)


def _real_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axis, n = axis_of(attrs["axis"], x.rank, "irfft"), size_attr(attrs["n"], "irfft")
    _some(sizes, n, "irfft")
    if not sizes.require_same(x.shape[axis], n // 2 + 1):
        raise ArgumentError(f"irfft: {n} points have {n // 2 + 1} in their half spectrum")
    shape = [n if i == axis else d for i, d in enumerate(x.shape)]
    out = x.with_shape(shape).with_dtype(info(x.dtype).part_dtype)
    return {"n": n, "axis": axis, "norm": _norm_of(attrs["norm"], "irfft")}, (out,)


@op("opaque", _real_rule, accepts="c", widens=False, public=False,
    samples=[Sample("c[3]", n=4, axis=0), Sample("c[3,2]", n=5, axis=0, norm="ortho"),
             Sample("c[2,1]", n=1, axis=1, norm="forward")])  # fmt: skip
def fft_real(x: Any, *, n: Any, axis: Any, norm: Any = "backward") -> Any:
    """The ``n`` real numbers of which this is the half spectrum."""
    return np.fft.irfft(x, n, axis, norm)


@fft_real.gradient
def fft_real_vjp(g: Any, out: Any, x: Any, *, n: Any, axis: int, norm: str) -> Any:
    return (lambda: _weighted(fft_half(g, axis=axis, norm=NORMS[norm]), axis, n, 2.0),)


def _weighted(x: Any, axis: int, n: Any, weight: float) -> Any:
    """A half spectrum times ``weight`` where its points stand for two of the ``n``."""
    at = arange(n // 2 + 1, dtype=np.dtype("int64"))
    single = OPS["logical_or"](OPS["equal"](at, 0), OPS["equal"](2 * at, n))
    weights = OPS["where"](single, 1.0, weight)
    shape = tuple([n // 2 + 1 if i == axis else 1 for i in range(len(x.shape))])
    return x * OPS["cast"](movement.reshape(weights, shape=shape), dtype=info(x.dtype).part_dtype)


# ---- Arguments


def _as_complex(x: Any) -> Any:
    x = as_tensor(x)
    return x if info(x.dtype).complex else OPS["cast"](x, dtype=complex_of(as_floating(x.dtype)))


def _sized(x: Any, axis: int, n: Any, what: str) -> Any:
    """``x`` cut at ``n`` elements along an axis, or filled up with zeros."""
    if n is None:
        return x
    if not isinstance(n, int) or n < 1:
        n = size_attr(n, what)
        if isinstance(n, int) and n < 1:
            raise ArgumentError(f"{what}: a transform of {n} points; at least one is needed")
    size = x.shape[axis]
    if n == size:
        return x
    if n < size:
        return slice_axis(x, axis, 0, n)
    pads = tuple([(0, n - size) if i == axis else (0, 0) for i in range(len(x.shape))])
    return pad_constant(x, pads=pads, value=0)


def _axes(x: Any, s: Any, axes: Any, what: str) -> tuple[list[int], list[Any]]:
    """Axes and the number of points along each (None: as many as there are)."""
    rank = len(x.shape)
    if axes is None:
        axes = range(rank) if s is None else range(rank - len(s), rank)
    found = [axis_of(a, rank, what) for a in axes]
    counts = [None] * len(found) if s is None else [None if n == -1 else n for n in s]
    if len(counts) != len(found):
        raise ArgumentError(f"{what}: {len(counts)} sizes for {len(found)} axes")
    if len(set(found)) < len(found):
        axes_of(tuple(axes), rank, what)
    return found, counts


# ---- Transforms of complex numbers


@composite(Sample("c[4]"), Sample("c[2,3]", 4, axis=0, norm="ortho"), Sample("c[2,3]", 2))
def fft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The discrete Fourier transform along an axis, of its first ``n`` elements, with zeros after
    the last if there are fewer (None: all).

    >>> import twofold as tf
    >>> tf.fft.fft([1.0, 0.0, 0.0]).numpy()
    array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _transformed(x, n, axis, norm, False, "fft")


@composite(Sample("c[4]"), Sample("c[2,3]", 4, axis=0, norm="forward"))
def ifft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of ``fft``.

    >>> import twofold as tf
    >>> tf.fft.ifft([2.0, 0.0]).numpy()
    array([1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _transformed(x, n, axis, norm, True, "ifft")


def _transformed(x: Any, n: Any, axis: int, norm: Any, inverse: bool, what: str) -> Any:
    x = _as_complex(x)
    axis = axis_of(axis, len(x.shape), what)
    x = _sized(x, axis, n, what)
    return fft_complex(x, axes=(axis,), inverse=inverse, norm=_norm_of(norm, what))


@composite(Sample("c[2,3]"), Sample("c[2,3]", (3, 2), (0, 1), norm="ortho"))
def fftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """``fft`` along several axes (None: all, or the last ones that ``s`` has sizes for)."""
    return _transformed_along(x, s, axes, norm, False, "fftn")


@composite(Sample("c[2,3]"), Sample("c[2,3]", axes=(0,)))
def ifftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of ``fftn``."""
    return _transformed_along(x, s, axes, norm, True, "ifftn")


def _transformed_along(x: Any, s: Any, axes: Any, norm: Any, inverse: bool, what: str) -> Any:
    x = _as_complex(x)
    found, counts = _axes(x, s, axes, what)
    for axis, n in zip(found, counts, strict=True):
        x = _sized(x, axis, n, what)
    return fft_complex(x, axes=tuple(found), inverse=inverse, norm=_norm_of(norm, what))


@composite(Sample("c[2,3]"))
def fft2(x: Any, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Any:
    """``fft`` along two axes, the last if not said otherwise."""
    return fftn(x, s, axes, norm)


@composite(Sample("c[2,3]"))
def ifft2(x: Any, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Any:
    """The inverse of ``fft2``."""
    return ifftn(x, s, axes, norm)


# ---- Transforms of real numbers


@composite(Sample("f[4]"), Sample("f[2,3]", 4, axis=0, norm="ortho"))
def rfft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The first ``n // 2 + 1`` points of the transform of real numbers; see ``fft``.

    >>> import twofold as tf
    >>> tf.fft.rfft([1.0, 0.0, 0.0]).numpy()
    array([1.+0.j, 1.+0.j], dtype=complex64)
    """
    x = as_tensor(x)
    axis = axis_of(axis, len(x.shape), "rfft")
    return fft_half(_sized(x, axis, n, "rfft"), axis=axis, norm=_norm_of(norm, "rfft"))


@composite(Sample("c[3]"), Sample("c[3,2]", 5, axis=0, norm="ortho"))
def irfft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of ``rfft``: ``n`` real numbers (None: ``2 * (m - 1)`` of ``m`` points).

    >>> import twofold as tf
    >>> tf.fft.irfft([1.0, 1.0]).numpy()
    array([1., 0.], dtype=float32)
    """
    x = _as_complex(x)
    axis = axis_of(axis, len(x.shape), "irfft")
    n = 2 * (x.shape[axis] - 1) if n is None else n
    x = _sized(x, axis, size_attr(n, "irfft") // 2 + 1, "irfft")
    return fft_real(x, n=n, axis=axis, norm=_norm_of(norm, "irfft"))


@composite(Sample("f[2,3]"), Sample("f[2,3]", (3, 2), (0, 1), norm="ortho"))
def rfftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """``rfft`` along the last of several axes and ``fft`` along the others; see ``fftn``."""
    x = ranked(x, 1, "rfftn")
    found, counts = _axes(x, s, axes, "rfftn")
    for axis, n in zip(found, counts, strict=True):
        x = _sized(x, axis, n, "rfftn")
    norm = _norm_of(norm, "rfftn")
    half = fft_half(x, axis=found[-1], norm=norm)
    return fft_complex(half, axes=tuple(found[:-1]), norm=norm) if len(found) > 1 else half


@composite(Sample("c[2,3]"), Sample("c[2,3]", (2, 5), (0, 1), norm="forward"))
def irfftn(x: Any, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of ``rfftn``: ``ifft`` along all axes but the last, and ``irfft`` along that."""
    x = _as_complex(ranked(x, 1, "irfftn"))
    found, counts = _axes(x, s, axes, "irfftn")
    for axis, n in zip(found[:-1], counts[:-1], strict=True):
        x = _sized(x, axis, n, "irfftn")
    norm = _norm_of(norm, "irfftn")
    if len(found) > 1:
        x = fft_complex(x, axes=tuple(found[:-1]), inverse=True, norm=norm)
    return irfft(x, counts[-1], found[-1], norm)


@composite(Sample("f[2,3]"))
def rfft2(x: Any, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Any:
    """``rfftn`` along two axes, the last if not said otherwise."""
    return rfftn(x, s, axes, norm)


@composite(Sample("c[2,3]"))
def irfft2(x: Any, s: Any = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Any:
    """The inverse of ``rfft2``."""
    return irfftn(x, s, axes, norm)


@composite(Sample("c[3]"), Sample("c[3,2]", 5, axis=0, norm="ortho"))
def hfft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform, real, of ``n`` numbers that are Hermitian about 0, given the first half."""
    return irfft(OPS["conjugate"](_as_complex(x)), n, axis, NORMS[_norm_of(norm, "hfft")])


@composite(Sample("f[4]"), Sample("f[5,2]", axis=0, norm="ortho"))
def ihfft(x: Any, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of ``hfft``."""
    return OPS["conjugate"](rfft(x, n, axis, NORMS[_norm_of(norm, "ihfft")]))


# ---- Frequencies


@composite(Sample(5), Sample(4, 0.5))
def fftfreq(n: Any, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the points of a transform with sample spacing ``d``: first those from 0
    on, then the negative ones.

    >>> import twofold as tf
    >>> tf.fft.fftfreq(4).numpy()
    array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    n = size_attr(n, "fftfreq")
    at = arange(n, dtype=np.dtype("int64"))
    at = OPS["where"](OPS["less"](at, (n + 1) // 2), at, at - n)
    return _frequencies(at, n, d, dtype)


@composite(Sample(5), Sample(4, 0.5))
def rfftfreq(n: Any, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the points of ``rfft`` of ``n`` numbers with sample spacing ``d``.

    >>> import twofold as tf
    >>> tf.fft.rfftfreq(4).numpy()
    array([0.  , 0.25, 0.5 ], dtype=float32)
    """
    n = size_attr(n, "rfftfreq")
    return _frequencies(arange(n // 2 + 1, dtype=np.dtype("int64")), n, d, dtype)


def _frequencies(at: Any, n: Any, d: float, dtype: Any) -> Any:
    width = OPS["cast"](n if isinstance(n, int) else OPS["dim"](dim=n), dtype=np.dtype("float64"))
    out = OPS["cast"](at, dtype=np.dtype("float64")) / (width * d)
    return OPS["cast"](out, dtype=np.dtype("float32") if dtype is None else dtype)


@composite(Sample("f[5]"), Sample("f[4,3]", axes=(0,)))
def fftshift(x: Any, axes: Any = None) -> Any:
    """The elements rolled so that frequency 0 stands in the middle of the axes (None: all)."""
    x = as_tensor(x)
    found = axes_of(axes, len(x.shape), "fftshift")
    if not found:
        return OPS["identity"](x)
    return movement.roll(x, shift=tuple([x.shape[a] // 2 for a in found]), axis=found)


@composite(Sample("f[5]"), Sample("f[4,3]", axes=(0,)))
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of ``fftshift``."""
    x = as_tensor(x)
    found = axes_of(axes, len(x.shape), "ifftshift")
    if not found:
        return OPS["identity"](x)
    return movement.roll(x, shift=tuple([-(x.shape[a] // 2) for a in found]), axis=found)
