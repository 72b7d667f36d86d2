"""The array API's functions that take more than their op: ``device=``, ``dtype=``, ``copy=``.

The only device is ``"cpu"``; another raises ArgumentError. Each function is the op of its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.dtypes import isdtype
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.errors import ArgumentError, DTypeError
from twofold.ir.infer import as_dtype
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.create import spaced
from twofold.ir.ops.operand import as_sizes, as_tensor
from twofold.ir.ops.statistics import multiplied, summed
from twofold.ir.shapes import Sizes
from twofold.ir.shapes import broadcast_shapes as common_shape
from twofold.runtime.tensor import Tensor

from .spelling import with_own_names

if TYPE_CHECKING:
    from .typing import Axis, TensorLike

__all__ = [
    "arange", "array_namespace_info", "astype", "broadcast_arrays", "broadcast_shapes", "empty",
    "empty_like", "eye", "full", "full_like", "linspace", "ones", "ones_like", "prod", "reshape",
    "searchsorted", "sum", "zeros", "zeros_like",
]  # fmt: skip

Shape = int | Sequence[int]
FLOAT = np.dtype("float32")


def checked_device(device: Any) -> None:
    """Refuse what is no device. Raises ArgumentError."""
    if device not in (None, "cpu"):
        raise ArgumentError(f"there is no device {device!r}; the only device is 'cpu'")


def zeros(
    shape: Shape, dtype: Any = FLOAT, name: Any = None, layout: Any = None, *, device: Any = None
) -> Tensor:
    """Zeros, float32 unless ``dtype`` says otherwise.

    >>> import twofold as tf
    >>> tf.zeros((2,)).numpy()
    array([0., 0.], dtype=float32)
    """
    checked_device(device)
    return _made("zeros", shape, dtype=FLOAT if dtype is None else dtype)


def ones(
    shape: Shape, dtype: Any = FLOAT, name: Any = None, layout: Any = None, *, device: Any = None
) -> Tensor:
    """Ones, float32 unless ``dtype`` says otherwise.

    >>> import twofold as tf
    >>> tf.ones(2, tf.int32).numpy()
    array([1, 1], dtype=int32)
    """
    checked_device(device)
    return _made("ones", shape, dtype=FLOAT if dtype is None else dtype)


def empty(shape: Shape, dtype: Any = FLOAT, *, device: Any = None) -> Tensor:
    """An array whose values do not matter; they are zeros, so that both modes agree."""
    checked_device(device)
    return _made("empty", shape, dtype=FLOAT if dtype is None else dtype)


def full(shape: Shape, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Every element equal to the 0-d ``fill_value``; its dtype unless ``dtype`` is given.

    >>> import twofold as tf
    >>> tf.full((2,), 1.5).numpy()
    array([1.5, 1.5], dtype=float32)
    """
    checked_device(device)
    return _made("full", shape, fill_value, dtype=dtype)


@with_own_names(x="input")
def zeros_like(
    input: TensorLike,
    dtype: Any = None,
    name: Any = None,
    layout: Any = None,
    *,
    device: Any = None,
) -> Tensor:
    """Zeros of the shape of ``input`` and its dtype, unless ``dtype`` is given.

    >>> import twofold as tf
    >>> tf.zeros_like([1.5, 2.5]).numpy()
    array([0., 0.], dtype=float32)
    """
    checked_device(device)
    return _like("zeros_like", input, dtype)


@with_own_names(x="input")
def ones_like(
    input: TensorLike,
    dtype: Any = None,
    name: Any = None,
    layout: Any = None,
    *,
    device: Any = None,
) -> Tensor:
    """Ones of the shape of ``input`` and its dtype, unless ``dtype`` is given.

    >>> import twofold as tf
    >>> tf.ones_like([1.5, 2.5], dtype=tf.int8).numpy()
    array([1, 1], dtype=int8)
    """
    checked_device(device)
    return _like("ones_like", input, dtype)


def empty_like(x: TensorLike, dtype: Any = None, *, device: Any = None) -> Tensor:
    """An array of the shape and dtype of ``x`` whose values do not matter; they are zeros."""
    checked_device(device)
    return _like("zeros_like", x, dtype)


def full_like(x: TensorLike, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """The shape and dtype of ``x`` (or the dtype given), every element ``fill_value``.

    >>> import twofold as tf
    >>> tf.full_like([1.5, 2.5], 7).numpy()
    array([7., 7.], dtype=float32)
    """
    checked_device(device)
    return _made("full_like", x, fill_value, dtype=dtype)


@with_own_names(n_rows="num_rows", n_cols="num_columns")
def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Sequence[int] | None = None,
    dtype: Any = FLOAT,
    name: Any = None,
    *,
    k: int = 0,
    device: Any = None,
) -> Tensor:
    """Ones on diagonal ``k`` (above the main one if positive), zeros elsewhere.

    ``batch_shape``: so many of these matrices, stacked. It is not the diagonal, which NumPy has
    there: an integer raises ArgumentError.

    >>> import twofold as tf
    >>> tf.eye(2, 3, k=1).numpy()
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    checked_device(device)
    dtype = FLOAT if dtype is None else dtype
    matrix = OPS["eye"](n_rows=num_rows, n_cols=num_columns, k=k, dtype=dtype)
    if batch_shape is None:
        return matrix  # type: ignore[no-any-return]
    if getattr(batch_shape, "shape", None) == () or not hasattr(batch_shape, "__iter__"):
        raise ArgumentError(
            f"eye: the third argument, {batch_shape!r}, is batch_shape, a sequence of sizes; the "
            f"diagonal is the keyword k="
        )
    shape = (*as_sizes(batch_shape), *matrix.shape)
    return OPS["broadcast_to"](matrix, shape=shape)  # type: ignore[no-any-return]


def arange(
    start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None
) -> Tensor:
    """``start, start + step, ...`` below ``stop``; one argument counts from 0.

    int32 (int64 where they do not fit) of integers and float32 otherwise, unless ``dtype`` says
    what; what it does not hold raises ArgumentError. Element ``i`` is
    ``start + i * step``, computed in float64 or int64 and then rounded to the dtype.

    >>> import twofold as tf
    >>> tf.arange(1, 8, 3).numpy()
    array([1, 4, 7], dtype=int32)
    """
    checked_device(device)
    return spaced(start, stop, step, dtype)  # type: ignore[no-any-return]


def linspace(
    start: Any,
    stop: Any,
    num: int,
    name: Any = None,
    axis: int = 0,
    *,
    endpoint: bool = True,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """``num`` evenly spaced values from ``start`` to ``stop``, which is included by default.

    Both may be tensors; the new axis is ``axis``. Both end points are exact. The fourth argument is
    TensorFlow's name: a bool there raises ArgumentError, since NumPy's ``endpoint`` is a keyword.

    >>> import twofold as tf
    >>> tf.linspace(0, 1, 3).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    checked_device(device)
    if isinstance(name, bool):
        raise ArgumentError(f"linspace: the fourth argument is name; write endpoint={name}")
    return _made("linspace", start, stop, num, endpoint, dtype, axis)


def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Sum over ``axis`` (None: all) in ``dtype``; of nothing: 0.

    Without ``dtype`` integers narrower than int32, and bool, are summed in int32 (unsigned ones in
    uint32), as in the array API; ``tf.reduce_sum`` keeps them, as in TensorFlow.

    >>> import twofold as tf
    >>> tf.sum(tf.constant([100, 100], tf.int8)).item()
    200
    """
    return summed(x, axis, keepdims, dtype)  # type: ignore[no-any-return]


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product over ``axis`` (None: all) in ``dtype``, chosen as for ``sum``; of nothing: 1.

    >>> import twofold as tf
    >>> tf.prod(tf.constant([100, 100], tf.int8)).item()
    10000
    """
    return multiplied(x, axis, keepdims, dtype)  # type: ignore[no-any-return]


@with_own_names(x="tensor")
def reshape(
    tensor: TensorLike, shape: Shape, name: Any = None, *, copy: bool | None = None
) -> Tensor:
    """The same elements in row-major order under another shape; one size may be -1.

    ``copy`` is accepted and makes no difference: tensors are values. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.reshape(tf.arange(6), (2, -1)).shape
    (2, 3)
    """
    return OPS["reshape"](tensor, shape=shape)  # type: ignore[no-any-return]


def searchsorted(
    sorted_sequence: TensorLike,
    values: TensorLike,
    side: str = "left",
    out_type: Any = "int64",
    name: Any = None,
    *,
    sorter: Any = None,
) -> Tensor:
    """Where each value would go in a rising sequence: before equal ones, or after.

    ``side``: ``left`` or ``right``; ``sorter``: the positions that bring the sequence into order. A
    sequence with several axes is searched line by line, with the matching line of ``values``. The
    positions are int64, as in the array API, where TensorFlow's are int32; ``out_type`` says else.

    >>> import twofold as tf
    >>> tf.searchsorted([1, 3, 5], [3, 4]).numpy()
    array([1, 2])
    """
    if sorter is not None:
        sorted_sequence = _made("take_along_axis", sorted_sequence, sorter, -1)
    found = OPS["searchsorted"](sorted_sequence, values, side=side)
    dtype = as_dtype(out_type, "searchsorted")
    return found if found.dtype == dtype else OPS["cast"](found, dtype=dtype)  # type: ignore[no-any-return]


def _made(name: str, *args: Any, **kwargs: Any) -> Tensor:
    return COMPOSITES[name].function(*args, **kwargs)  # type: ignore[no-any-return]


def _like(name: str, x: Any, dtype: Any) -> Tensor:
    x = as_tensor(x)
    out = OPS[name](x)
    want = x.dtype if dtype is None else as_dtype(dtype, name)
    return out if want == x.dtype else OPS["cast"](out, dtype=want)  # type: ignore[no-any-return]


def astype(x: TensorLike, dtype: Any, copy: bool = True, *, device: Any = None) -> Tensor:
    """``x`` in another dtype, as ``tf.cast``; of the same dtype ``x`` itself, unless ``copy``.

    Raises DTypeError for a complex tensor as a real one, ConversionError for NaN or infinity as an
    integer.

    >>> import twofold as tf
    >>> tf.astype(tf.constant([1.5, 2.5]), tf.int32).numpy()
    array([1, 2], dtype=int32)
    """
    checked_device(device)
    given = as_tensor(x)
    want = as_dtype(dtype, "astype")
    if given.dtype == want:
        return OPS["identity"](given) if copy else given  # type: ignore[no-any-return]
    if info(given.dtype).complex and not info(want).complex and not info(want).boolean:
        raise DTypeError(f"astype: {given.dtype} does not become {want}; use tf.real or tf.abs")
    return OPS["cast"](given, dtype=want)  # type: ignore[no-any-return]


def broadcast_arrays(*arrays: Any) -> tuple[Tensor, ...]:
    """Each array broadcast to the shape that they have in common. Raises ShapeError.

    >>> import twofold as tf
    >>> [x.shape for x in tf.broadcast_arrays(tf.ones((2, 1)), tf.ones(3))]
    [(2, 3), (2, 3)]
    """
    tensors = [as_tensor(x) for x in arrays]
    if not tensors:
        return ()
    shape = tensors[0].shape
    for x in tensors[1:]:
        shape = _pair(shape, x.shape)
    return tuple([OPS["broadcast_to"](x, shape=shape) for x in tensors])


def _pair(a: Any, b: Any) -> Any:
    """The common shape of two; sizes of a trace are compared as its programs compare them."""
    rank = max(len(a), len(b))
    found = []
    for i in range(-rank, 0):
        m = a[i] if len(a) >= -i else 1
        n = b[i] if len(b) >= -i else 1
        if not (m == n or m == 1 or n == 1):
            common_shape([tuple(a), tuple(b)], Sizes())
        found.append(n if m == 1 else m)
    return tuple(found)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    found: tuple[int, ...] = ()
    for shape in shapes:
        if not isinstance(shape, Sequence):
            raise ArgumentError(f"broadcast_shapes: {shape!r} is no shape")
        found = _pair(found, tuple(shape))
    return found


class array_namespace_info:
    """What the array API asks a namespace about: devices, dtypes and limits."""

    @staticmethod
    def capabilities() -> dict[str, Any]:
        """Whether masks index, whether sizes may depend on values, and the most axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    @staticmethod
    def default_device() -> str:
        """The device of a new tensor."""
        return "cpu"

    @staticmethod
    def default_dtypes(*, device: Any = None) -> dict[str, Any]:
        """The dtypes of Python's numbers, and of positions."""
        checked_device(device)
        kinds = {"real floating": "f32", "complex floating": "c64", "integral": "i32"}
        return {kind: DTYPES[short] for kind, short in {**kinds, "indexing": "i64"}.items()}

    @staticmethod
    def devices() -> tuple[str, ...]:
        """All devices."""
        return ("cpu",)

    @staticmethod
    def dtypes(*, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name, all or those of a kind or of several."""
        checked_device(device)
        found = {own.name: own.dtype for own in map(info, _STANDARD.values())}
        return {
            name: dtype for name, dtype in found.items()
            if kind is None or isdtype(dtype, kind)
        }  # fmt: skip


_STANDARD = {
    short: DTYPES[short]
    for short in ("bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64",
                  "c64", "c128")
}  # fmt: skip
