"""Numerical mathematics on sampled values: differences, interpolation, sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..infer import axes_of, axis_of
from ..op import OPS, Sample, composite
from ..promote import result_dtype
from ..shapes import show_shape
from . import movement
from .casting import cast
from .contract import matmul
from .elementwise import where
from .joining import concat, stack
from .operand import as_inexact, as_tensor, as_tensors, ranked
from .padding import pad_constant
from .reduce import sum
from .slicing import slice_axis
from .sorting import searchsorted
from .statistics import mean

__all__ = [
    "convolve", "corrcoef", "correlate", "cov", "gradient", "interp", "polyval", "trapezoid",
]  # fmt: skip


_XP, _FP = np.array([0.0, 1.0, 3.0]), np.array([2.0, 0.0, 4.0])


@composite(Sample(np.array([-1.0, 0.5, 2.5, 4.0]), _XP, _FP),
           Sample(np.array([-1.0, 0.5, 4.0]), _XP, "f[3]", left=0.5, right=7.0))  # fmt: skip
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Linear interpolation at ``x`` between the points ``(xp, fp)``, whose ``xp`` rise.

    Outside it is ``left`` and ``right``, which are the first and the last of ``fp`` if not given.
    With ``period`` the points are repeated in both directions, and need not be in order.

    >>> import twofold as tf
    >>> tf.interp([0.5, 3.0], [0.0, 1.0, 2.0], [0.0, 10.0, 30.0]).numpy()
    array([ 5., 30.], dtype=float32)
    """
    x, xp, fp = *map(as_inexact, as_tensors(x, xp)), as_inexact(as_tensors(fp, x)[0])
    if len(xp.shape) != 1 or len(fp.shape) != 1 or xp.shape[0] != fp.shape[0]:
        raise ShapeError(
            f"interp: xp and fp are vectors of one length, not {show_shape(xp.shape)} and "
            f"{show_shape(fp.shape)}"
        )
    if info(fp.dtype).complex:
        parts = [
            interp(x, xp, *(None if y is None else OPS[part](y) for y in (fp, left, right)), period)
            for part in ("real", "imag")
        ]
        return OPS["complex"](*parts)
    if period is not None:
        x, xp = OPS["remainder"](x, period), OPS["remainder"](xp, period)
        order = OPS["argsort"](xp, axis=0)
        xp, fp = OPS["gather"](xp, order, axis=0), OPS["gather"](fp, order, axis=0)
        xp = concat(xp[-1:] - period, xp, xp[:1] + period, axis=0)
        fp = concat(fp[-1:], fp, fp[:1], axis=0)
    wide = result_dtype([x.dtype, xp.dtype])  # no place is rounded to another dtype
    x, xp = cast(x, dtype=wide), cast(xp, dtype=wide)
    size = xp.shape[0]
    place = OPS["maximum"](searchsorted(xp, x, side="right") - 1, 0)
    place = OPS["minimum"](place, size - 2 if size > 1 else 0)
    after = OPS["minimum"](place + 1, size - 1)
    x0, x1 = (OPS["gather"](xp, at, axis=0) for at in (place, after))
    y0, y1 = (OPS["gather"](fp, at, axis=0) for at in (place, after))
    width = where(OPS["equal"](x1, x0), 1, x1 - x0)
    flat = OPS["equal"](y1, y0)  # infinities of one sign, too
    slope = where(flat, 0, y1 - y0) / width
    out = y0 + slope * (x - x0)
    # an infinite point says nothing: measured from the other one, else the value that both have
    out = where(OPS["isnan"](out), y1 + slope * (x - x1), out)
    out = where(OPS["logical_and"](OPS["isnan"](out), flat), y0, out)
    out = where(x >= xp[-1], fp[-1], where(x <= xp[0], fp[0], out))
    out = where(x < xp[0], fp[0] if left is None else left, out)
    out = where(x > xp[-1], fp[-1] if right is None else right, out)
    return where(OPS["isnan"](x), x, out)


def _sliding(a: Any, v: Any, mode: str, what: str) -> Any:
    """``sum(a[i + k] * v[k])`` over the places where they meet, as ``mode`` says."""
    if len(a.shape) != 1 or len(v.shape) != 1 or 0 in (a.shape[0], v.shape[0]):
        raise ShapeError(
            f"{what}: two vectors that are not empty are needed, not {show_shape(a.shape)} and "
            f"{show_shape(v.shape)}"
        )
    m, n = a.shape[0], v.shape[0]
    if mode == "full":
        before = after = n - 1
    elif mode == "same":
        before, after = n // 2, n - 1 - n // 2
    elif mode == "valid":
        before = after = 0
    else:
        raise ArgumentError(f"{what}: mode must be 'full', 'same' or 'valid', not {mode!r}")
    a = pad_constant(a, pads=((before, after),), value=0)
    count = m + before + after - n + 1
    lines = [slice_axis(a, 0, k, k + count) for k in range(n)]
    return matmul(v, stack(lines, axis=0))


_MODES = [Sample("f[5]", "f[3]", m) for m in ("full", "same", "valid")]


@composite(*_MODES, Sample("f[2]", "f[4]", "same"))
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """``sum(a[i - k] * v[k])`` of two vectors: the product of polynomials.

    ``mode``: ``full``, every place where they meet; ``same``, as many as the longer has; ``valid``,
    those where they overlap wholly. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.convolve([1, 2, 3], [1, 1]).numpy()
    array([1, 3, 5, 3], dtype=int32)
    """
    a, v = as_tensors(a, v)
    if len(a.shape) == len(v.shape) == 1 and v.shape[0] > a.shape[0]:
        a, v = v, a
    # the middle of an even overlap lies one place before that of a correlation
    flipped = movement.flip(v, axis=0)
    if mode != "same" or len(v.shape) != 1:
        return _sliding(a, flipped, mode, "convolve")
    n = v.shape[0]
    full = _sliding(a, flipped, "full", "convolve")
    return slice_axis(full, 0, (n - 1) // 2, (n - 1) // 2 + a.shape[0])


@composite(*_MODES, Sample("f[2]", "f[4]", "full"), Sample("c[4]", "c[2]", "full"))
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """``sum(a[i + k] * conj(v[k]))`` of two vectors, at the places that ``mode`` names.

    Modes as for ``convolve``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.correlate([1, 2, 3], [1, 1]).numpy()
    array([3, 5], dtype=int32)
    """
    a, v = as_tensors(a, v)
    if len(a.shape) == len(v.shape) == 1 and v.shape[0] > a.shape[0]:
        back = _sliding(OPS["conjugate"](v), a, mode, "correlate")
        if mode != "same":
            return movement.flip(back, axis=0)
        full = _sliding(OPS["conjugate"](v), a, "full", "correlate")
        n, size = a.shape[0], v.shape[0]
        start = (n - 1) // 2
        return movement.flip(slice_axis(full, 0, start, start + size), axis=0)
    return _sliding(a, OPS["conjugate"](v), mode, "correlate")


@composite(Sample("f[2,5]"), Sample("f[5,2]", rowvar=False, bias=True), Sample("f[5]", "f[5]"))
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None,
) -> Any:  # fmt: skip
    """The covariance matrix of variables in rows (``rowvar``) or columns; ``y`` adds more of them.

    The divisor is ``n - ddof``: ``n - 1``, or ``n`` with ``bias``. ``fweights`` count observations,
    ``aweights`` weigh them. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy()
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = _variables(m, rowvar)
    if y is not None:
        x = concat(x, _variables(y, rowvar), axis=0)
    less = (0 if bias else 1) if ddof is None else ddof
    weights = _weights(x, fweights, aweights)
    if weights is None:
        count: Any = x.shape[1]
        divisor = cast(OPS["dim"](dim=count), dtype=info(x.dtype).part_dtype) - less
        x = x - mean(x, axis=1, keepdims=True)
        scaled = x
    else:
        total = sum(weights)
        share = sum(weights * as_tensor(aweights)) if aweights is not None else total
        divisor = total - less * share / total
        x = x - sum(x * weights, axis=1, keepdims=True) / total
        scaled = x * weights
    divisor = OPS["maximum"](divisor, 0)  # of too few observations there is no covariance
    out = matmul(scaled, OPS["conjugate"](movement.transpose(x))) / divisor
    return movement.squeeze(out)


def _variables(x: Any, rowvar: bool) -> Any:
    x = as_inexact(x)
    if len(x.shape) > 2:
        raise ShapeError(f"cov: variables and observations are two axes, not {len(x.shape)}")
    if len(x.shape) < 2:
        return movement.reshape(x, shape=(1, -1))
    return x if rowvar else movement.transpose(x)


def _weights(x: Any, fweights: Any, aweights: Any) -> Any:
    given = [as_tensor(w) for w in (fweights, aweights) if w is not None]
    for w in given:
        if len(w.shape) != 1 or w.shape[0] != x.shape[1]:
            raise ShapeError(
                f"cov: weights of shape {show_shape(w.shape)} for {x.shape[1]} observations"
            )
    parts = [cast(w, dtype=info(x.dtype).part_dtype) for w in given]
    return None if not parts else parts[0] if len(parts) == 1 else parts[0] * parts[1]


@composite(Sample("f[2,5]"), Sample("f[5]", "f[5]"))
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """The correlation coefficients of variables: ``cov`` over their standard deviations.

    >>> import twofold as tf
    >>> tf.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy().round(4)
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    c = cov(x, y, rowvar)
    if not c.shape:
        return c / c
    spread = OPS["sqrt"](OPS["real"](OPS["matrix_diagonal"](c)))
    found = c / movement.expand_dims(spread, axis=(1,)) / spread
    if not info(found.dtype).complex:
        return _at_most_one(found)
    return OPS["complex"](_at_most_one(OPS["real"](found)), _at_most_one(OPS["imag"](found)))


def _at_most_one(x: Any) -> Any:
    """``x`` without what rounding put beyond 1 and -1."""
    return where(x > 1, 1, where(x < -1, -1, x))


@composite(Sample("f[5]"), Sample("f[4,5]", 0.5, axis=1, edge_order=2), Sample("f[4]", "f[4]"))
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Differences between neighbours over their distance: central inside, one-sided at the ends.

    ``varargs``: one distance for all axes, or for each axis a distance or the coordinates. One
    array for one axis, else a tuple. ``edge_order``: 1 or 2, the order at the ends. For derivatives
    of programs see ``tf.GradientTape``. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.gradient([1.0, 2.0, 4.0, 7.0]).numpy()
    array([1. , 1.5, 2.5, 3. ], dtype=float32)
    """
    f = as_inexact(f)
    rank = len(f.shape)
    places = range(rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = [axis_of(a, rank, "gradient") for a in places]
    axes_of(tuple(axes), rank, "gradient")  # none twice
    steps = varargs or (1.0,)
    if len(steps) == 1:
        steps = steps * len(axes)
    if len(steps) != len(axes):
        raise ArgumentError(f"gradient: {len(steps)} distances for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, not {edge_order}")
    found = tuple([_slope(f, h, a, edge_order) for h, a in zip(steps, axes, strict=True)])
    return found[0] if len(found) == 1 else found


def _slope(f: Any, step: Any, axis: int, edge_order: int) -> Any:
    size = f.shape[axis]
    if size <= edge_order:
        raise ShapeError(f"gradient: axis {axis} has {size} points; {edge_order + 1} are needed")
    h = cast(step, dtype=f.dtype)
    places = bool(h.shape)
    if len(h.shape) > 1 or (places and h.shape[0] != size):
        raise ShapeError(
            f"gradient: distances are a number or {size} coordinates along axis {axis}, not "
            f"{show_shape(h.shape)}"
        )
    if places:
        h = h[1:] - h[:-1]
        h = movement.reshape(h, shape=(-1, *[1] * (len(f.shape) - axis - 1)))
    else:
        h = movement.reshape(h, shape=(1,) * len(f.shape))

    def at(i: Any, j: Any) -> Any:
        return slice_axis(f, axis, i, size + j if j <= 0 else j)

    def part(i: Any, j: Any) -> Any:
        return slice_axis(h, 0, i, size - 1 + j if j <= 0 else j) if places else h

    left, right = part(0, -1), part(1, 0)
    if places:
        inside = -at(0, -2) * right / (left * (left + right))
        inside = inside + at(1, -1) * (right - left) / (left * right)
        inside = inside + at(2, 0) * left / (right * (left + right))
    else:
        inside = (at(2, 0) - at(0, -2)) / (2 * h)
    first, last = part(0, 1), part(size - 2, 0)
    if edge_order == 1:
        start = (at(1, 2) - at(0, 1)) / first
        end = (at(size - 1, 0) - at(size - 2, -1)) / last
    else:
        start = _edge(at(0, 1), at(1, 2), at(2, 3), first, part(1, 2))
        ends = at(size - 1, 0), at(size - 2, -1), at(size - 3, -2)
        end = -_edge(*ends, last, part(size - 3, -1))
    return concat(start, inside, end, axis=axis)


def _edge(a: Any, b: Any, c: Any, h: Any, k: Any) -> Any:
    """The slope at the first of three points, of the parabola through them."""
    return -a * (2 * h + k) / (h * (h + k)) + b * (h + k) / (h * k) - c * h / (k * (h + k))


@composite(
    Sample("f[5]"), Sample("f[3,4]", None, 0.5, 0), Sample("f[3]", np.array([0.0, 1.0, 3.0]))
)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of values along an axis by trapezoids, at coordinates ``x`` or ``dx`` apart.

    >>> import twofold as tf
    >>> tf.trapezoid([1.0, 2.0, 3.0]).item()
    4.0
    """
    y = as_inexact(y)
    axis = axis_of(axis, len(y.shape), "trapezoid")
    size = y.shape[axis]
    if x is not None:
        x = as_tensor(x)
        if len(x.shape) == 1:
            shape = (-1, *[1] * (len(y.shape) - axis - 1))
            dx = movement.reshape(x[1:] - x[:-1], shape=shape)
        else:
            line = axis - len(y.shape) + len(x.shape)
            dx = slice_axis(x, line, 1, size) - slice_axis(x, line, 0, size - 1)
    middle = (slice_axis(y, axis, 1, size) + slice_axis(y, axis, 0, size - 1)) * 0.5
    return sum(dx * middle, axis=axis)


@composite(Sample((1.0, -2.0, 3.0), "f[3]"), Sample("f[3]", "f[2]"))
def polyval(coeffs: Any, x: Any, name: Any = None) -> Any:
    """``coeffs[0] * x**(n-1) + ... + coeffs[n-1]``, by Horner's rule; no coefficient gives 0.

    >>> import twofold as tf
    >>> tf.math.polyval([1.0, 0.0, 2.0], 3.0).item()
    11.0
    """
    x = as_tensor(x)
    if not isinstance(coeffs, list | tuple):
        coeffs = ranked(coeffs, 1, "polyval")
    total = None
    for i in range(len(coeffs) if isinstance(coeffs, list | tuple) else coeffs.shape[0]):
        c = coeffs[i]
        total = OPS["zeros_like"](x) + c if total is None else total * x + c
    return OPS["zeros_like"](x) if total is None else total
