"""``keras.ops.numpy``: creation, shape, position, and what only NumPy has."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.backend_utils import canonicalize_axis, vectorize_impl
from keras.src.backend.common.dtypes import result_type

import twofold as tf

from .core import convert_to_tensor
from .kinds import alike, axes, counted, kind_of, sizes, together
from .reductions import _by_numpy
from .reductions import sum as total

__all__ = [
    "append", "array_split", "bartlett", "bincount", "blackman", "broadcast_to",
    "concatenate", "correlate", "diag", "diagflat", "diagonal", "diff", "dsplit", "dstack",
    "expand_dims", "flip", "fliplr", "flipud", "gcd", "hamming", "hanning", "histogram",
    "hsplit", "hstack", "i0", "isin", "kaiser", "lcm", "meshgrid", "moveaxis", "ndim",
    "nonzero", "pad", "ravel", "repeat", "reshape", "roll", "rot90", "size", "slogdet",
    "split", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "trace",
    "transpose", "unique", "unravel_index", "vander", "vectorize", "vsplit", "vstack",
]  # fmt: skip


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(convert_to_tensor(x).shape)


def size(x: Any) -> Any:
    """The number of elements."""
    return convert_to_tensor(x).size


def reshape(x: Any, newshape: Any) -> Any:
    """The elements under another shape."""
    return tf.reshape(convert_to_tensor(x), sizes(newshape))


def ravel(x: Any) -> Any:
    """The elements in one axis."""
    return tf.reshape(convert_to_tensor(x), (-1,))


def broadcast_to(x: Any, shape: Any) -> Any:
    """The elements repeated to a shape."""
    return tf.broadcast_to(convert_to_tensor(x), sizes(shape))


def expand_dims(x: Any, axis: Any) -> Any:
    """Axes of size 1 inserted."""
    return tf.expand_dims(convert_to_tensor(x), axis=axes(axis))


def squeeze(x: Any, axis: Any = None) -> Any:
    """Axes of size 1 removed."""
    return tf.squeeze(convert_to_tensor(x), axis=axes(axis))


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order."""
    return tf.transpose(convert_to_tensor(x), perm=tuple(axes) if axes is not None else None)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes at other places."""
    return tf.moveaxis(convert_to_tensor(x), source, destination)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return tf.swapaxes(convert_to_tensor(x), axis1, axis2)


def flip(x: Any, axis: Any = None) -> Any:
    """The elements in reverse order along axes."""
    return tf.flip(convert_to_tensor(x), axis=axes(axis))


def fliplr(x: Any) -> Any:
    """Columns in reverse order."""
    return flip(x, 1)


def flipud(x: Any) -> Any:
    """Rows in reverse order."""
    return flip(x, 0)


def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Rotations of a plane by right angles."""
    x = convert_to_tensor(array)
    if len(x.shape) < 2:
        raise ValueError(f"Input array must have at least 2 dimensions. Received: {len(x.shape)}")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    k %= 4
    if k == 0:
        return x
    if k == 2:
        return tf.flip(tf.flip(x, axis=axes[0]), axis=axes[1])
    turned = tf.swapaxes(x, axes[0], axes[1])
    return tf.flip(turned, axis=axes[0] if k == 1 else axes[1])


def concatenate(xs: Any, axis: Any = 0) -> Any:
    """One after the other along an axis."""
    xs = alike(xs)
    if axis is None:
        xs, axis = [tf.reshape(x, (-1,)) for x in xs], 0
    return tf.concat(xs, axis)


def stack(x: Any, axis: int = 0) -> Any:
    """One after the other along a new axis."""
    return tf.stack(alike(x), axis=axis)


def hstack(xs: Any) -> Any:
    """One beside the other."""
    xs = [x if x.shape else tf.reshape(x, (1,)) for x in alike(xs)]
    return tf.concat(xs, 0 if len(xs[0].shape) == 1 else 1)


def vstack(xs: Any) -> Any:
    """One below the other."""
    return tf.concat([x if len(x.shape) > 1 else tf.reshape(x, (1, -1)) for x in alike(xs)], 0)


def dstack(xs: Any) -> Any:
    """One behind the other."""

    def deep(x: Any) -> Any:
        if len(x.shape) < 2:
            return tf.reshape(x, (1, -1, 1))
        return tf.expand_dims(x, axis=-1) if len(x.shape) == 2 else x

    return tf.concat([deep(x) for x in alike(xs)], 2)


def append(x1: Any, x2: Any, axis: Any = None) -> Any:
    """``x2`` after ``x1``."""
    return concatenate([x1, x2], axis)


def _places(size: int, sections: Any, uneven: bool) -> list[int]:
    """Where parts begin and end."""
    if not isinstance(sections, int):
        cuts = [int(c) for c in sections]
        cuts = [builtins.min(builtins.max(c + size if c < 0 else c, 0), size) for c in cuts]
        return [0, *cuts, size]
    if size % sections and not uneven:
        raise ValueError(f"array split does not result in an equal division: {size}, {sections}")
    least, more = divmod(size, sections)
    return [i * least + builtins.min(i, more) for i in range(sections + 1)]


def _split(x: Any, sections: Any, axis: int, uneven: bool) -> list[Any]:
    x = convert_to_tensor(x)
    axis = canonicalize_axis(axis, len(x.shape))
    if not isinstance(sections, int):
        sections = np.asarray(sections).tolist()
    places = _places(int(x.shape[axis]), sections, uneven)
    before = (builtins.slice(None),) * axis
    return [
        x[(*before, builtins.slice(low, builtins.max(high, low)))]
        for low, high in zip(places, places[1:], strict=False)
    ]


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Equal parts, or parts between positions."""
    return _split(x, indices_or_sections, axis, False)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts whose sizes differ by at most one."""
    return _split(x, indices_or_sections, axis, True)


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts beside each other."""
    return split(x, indices_or_sections, axis=0 if ndim(x) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts below each other."""
    return split(x, indices_or_sections, axis=0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts behind each other."""
    return split(x, indices_or_sections, axis=2)


def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    """Each element several times."""
    x = convert_to_tensor(x)
    if not isinstance(repeats, int):
        repeats = np.asarray(repeats)
        repeats = int(repeats.reshape(-1)[0]) if repeats.size == 1 else repeats
    return tf.repeat(x, repeats, axis=axis)


def tile(x: Any, repeats: Any) -> Any:
    """The whole several times."""
    x = convert_to_tensor(x)
    times = (repeats,) if isinstance(repeats, int) else tuple(np.asarray(repeats).tolist())
    rank = builtins.max(len(times), len(x.shape))
    x = tf.reshape(x, (1,) * (rank - len(x.shape)) + tuple(x.shape))
    return tf.tile(x, (1,) * (rank - len(times)) + times)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """The elements moved around."""
    return tf.roll(convert_to_tensor(x), shift=shift, axis=axes(axis))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Elements added at the ends of axes."""
    x = convert_to_tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2)).tolist()
    if x.dtype == bool:
        return tf.cast(pad(tf.cast(x, "uint8"), widths, mode, constant_values), "bool")
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        return tf.pad(x, widths, constant_values=value)
    for axis, (low, high) in enumerate(widths):
        x = _padded(x, axis, low, high, mode)
    return x


def _padded(x: Any, axis: int, low: int, high: int, mode: str) -> Any:
    size = int(x.shape[axis])
    places = np.pad(np.arange(size), (low, high), mode=mode)  # type: ignore[call-overload]
    return x if not low and not high else tf.take(x, places.astype(np.int32), axis=axis)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    """Elements at positions along an axis; negative ones count from the end."""
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    if indices.dtype.kind not in "iu":
        indices = tf.cast(indices, "int32")
    return tf.take(x, indices, axis=axis)


def take_along_axis(x: Any, indices: Any, axis: Any = None) -> Any:
    """Elements at positions, one for each element of ``indices``."""
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    if axis is None:
        return tf.take_along_axis(tf.reshape(x, (-1,)), tf.reshape(indices, (-1,)), axis=0)
    rank = len(x.shape)
    axis = canonicalize_axis(axis, rank)
    sizes = [builtins.max(x.shape[a], indices.shape[a]) if a != axis else None for a in range(rank)]
    x, indices = (
        tf.broadcast_to(v, [v.shape[a] if n is None else n for a, n in enumerate(sizes)])
        for v in (x, indices)
    )
    return tf.take_along_axis(x, indices, axis=axis)


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Coordinates of a grid."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij', got {indexing}")
    given = [tf.reshape(convert_to_tensor(v), (-1,)) for v in x]
    return list(tf.meshgrid(*given, indexing=indexing)) if given else []


def nonzero(x: Any) -> tuple[Any, ...]:
    """The positions of elements that are not zero, axis by axis."""
    return tuple(counted(i) for i in tf.nonzero(convert_to_tensor(x)))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements on a diagonal of two axes, as a last axis."""
    x = convert_to_tensor(x)
    x = tf.moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = int(x.shape[-2]), int(x.shape[-1])
    top, left = builtins.max(-offset, 0), builtins.max(offset, 0)
    count = builtins.max(builtins.min(rows - top, columns - left), 0)
    flat = tf.reshape(x, (*x.shape[:-2], rows * columns))
    places = (np.arange(count) + top) * columns + np.arange(count) + left
    return tf.take(flat, places.astype(np.int32), axis=-1)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum along diagonals."""
    return total(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x: Any, k: int = 0) -> Any:
    """A matrix with a vector on a diagonal, or the diagonal of a matrix."""
    x = convert_to_tensor(x)
    if len(x.shape) == 2:
        return diagonal(x, k)
    return diagflat(x, k)


def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with all elements on a diagonal."""
    x = ravel(x)
    size = int(x.shape[0]) + builtins.abs(k)
    top, left = builtins.max(-k, 0), builtins.max(k, 0)
    rows = np.arange(int(x.shape[0]))
    places = (rows + top) * size + rows + left
    flat = tf.tensor_scatter_nd_update(
        tf.zeros((size * size,), x.dtype), places[:, None].astype(np.int32), x
    )
    return tf.reshape(flat, (size, size))


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours, ``n`` times."""
    x = convert_to_tensor(a)
    x = tf.moveaxis(x, axis, -1)
    for _ in range(n):
        late, early = x[..., 1:], x[..., :-1]
        x = tf.not_equal(late, early) if x.dtype == bool else late - early
    return tf.moveaxis(x, -1, axis)


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether elements are among others."""
    a, b = together(x1, x2)
    found = tf.any(tf.expand_dims(a, axis=-1) == tf.reshape(b, (-1,)), axis=-1)
    return tf.logical_not(found) if invert else found


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """Powers of the elements of a vector."""
    x = convert_to_tensor(x)
    want = result_type(x.dtype)
    y = tf.cast(x, result_type(x.dtype, config.floatx()))
    powers = np.arange(int(x.shape[0]) if N is None else N)
    powers = powers if increasing else powers[::-1]
    out = tf.pow(tf.expand_dims(y, axis=-1), convert_to_tensor(powers, standardize_dtype(y.dtype)))
    return tf.cast(out, want)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each number from 0 occurs, row by row."""
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the twofold backend")
    x = convert_to_tensor(x)
    want = "int32" if weights is None else result_type(x.dtype, convert_to_tensor(weights).dtype)
    width = builtins.max(int(tf.max(x)) + 1 if x.size else 0, minlength or 0)
    ones = tf.ones(x.shape, want) if weights is None else convert_to_tensor(weights, want)
    marks = tf.expand_dims(x, axis=-1) == tf.range(width, dtype=x.dtype.name)
    found = tf.sum(tf.where(marks, tf.expand_dims(ones, axis=-1), tf.cast(0, want)), axis=-2)
    return tf.cast(found, want)


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """Positions in a flat order as positions axis by axis."""
    x = convert_to_tensor(indices)
    total = math.prod(shape)
    x = tf.where(x < 0, x + total, x)
    out = []
    for size in reversed(tuple(shape)):
        out.append(x % size)
        x = x // size
    return tuple(reversed(out))


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Sums of products with a shifted vector."""
    want = result_type(kind_of(x1), kind_of(x2))
    if want == "int64":
        want = "float64"
    elif want not in ("bfloat16", "float16", "float64"):
        want = "float32"
    a, b = convert_to_tensor(x1, want), convert_to_tensor(x2, want)
    compute = "float32" if want == "bfloat16" else want
    return _by_numpy(np.correlate, tf.cast(a, compute), tf.cast(b, compute), mode=mode, dtype=want)


def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor."""
    return _by_numpy(np.gcd, *together(x1, x2))


def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple."""
    return _by_numpy(np.lcm, *together(x1, x2))


def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    x = convert_to_tensor(x)
    name = standardize_dtype(x.dtype)
    want = "float64" if name in ("int64", "float64") else result_type(name, float)
    return _by_numpy(np.i0, tf.cast(x, result_type(want, "float32")), dtype=want)


def _window(name: str) -> Any:
    return lambda x: convert_to_tensor(getattr(np, name)(int(x)), config.floatx())


bartlett, blackman, hamming, hanning = map(_window, ("bartlett", "blackman", "hamming", "hanning"))


def kaiser(x: Any, beta: Any) -> Any:
    """The Kaiser window of ``x`` points."""
    return convert_to_tensor(np.kaiser(int(x), float(beta)), config.floatx())


def histogram(x: Any, bins: Any = 10, range: Any = None) -> tuple[Any, Any]:
    """Counts of elements between edges, and the edges."""
    x = convert_to_tensor(x)
    counts, edges = np.histogram(np.asarray(x), bins=bins, range=range)
    return convert_to_tensor(counts, "int32"), convert_to_tensor(edges, config.floatx())


def unique(
    x: Any, sorted: bool = True, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: Any = None, size: Any = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """The different elements, in ascending order; ``size`` cuts or fills the result."""
    x = convert_to_tensor(x)
    unique_of: Any = np.unique
    found = unique_of(
        np.asarray(x), return_index, return_inverse, return_counts, axis, equal_nan=False
    )
    out = list(found) if isinstance(found, tuple) else [found]
    asked = [None, *("index",) * return_index, *("inverse",) * return_inverse,
             *("counts",) * return_counts]  # fmt: skip
    if size is not None:
        at = 0 if axis is None else canonicalize_axis(axis, len(x.shape))
        fills = {None: 0 if fill_value is None else fill_value, "index": 1, "counts": 0}
        for i, what in enumerate(asked):
            if what != "inverse":
                out[i] = _sized(out[i], size, at if what is None else 0, fills[what])
    made = [
        convert_to_tensor(v, None if what is None else "int32")
        for v, what in zip(out, asked, strict=True)
    ]
    return made[0] if len(made) == 1 else tuple(made)


def _sized(x: Any, size: int, axis: int, fill: Any) -> Any:
    missing = size - x.shape[axis]
    if missing <= 0:
        return np.take(x, np.arange(size), axis=axis)
    widths = [(0, missing if a == axis else 0) for a in builtins.range(x.ndim)]
    return np.pad(x, widths, constant_values=fill)


def slogdet(x: Any) -> tuple[Any, Any]:
    """Sign and logarithm of the determinant."""
    return tuple(_by_numpy(np.linalg.slogdet, x))


def vectorize(pyfunc: Any, *, excluded: Any = None, signature: Any = None) -> Any:
    """A function of elements as one of tensors."""
    return vectorize_impl(pyfunc, _mapped, excluded=excluded, signature=signature)


def _mapped(function: Any, in_axes: Any) -> Any:
    """The function on each slice along the first axis of the arguments with an axis of 0."""

    def run(*args: Any) -> Any:
        given = [convert_to_tensor(a) for a in args]
        taken = [axis is not None for axis in in_axes]
        count = next(int(x.shape[0]) for x, each in zip(given, taken, strict=True) if each)
        made = [
            function(*[x[i] if each else x for x, each in zip(given, taken, strict=True)])
            for i in range(count)
        ]
        return tree.map_structure(lambda *parts: tf.stack(list(parts)), *made)

    return run
