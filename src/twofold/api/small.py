"""Small names of ``tf`` that are neither an op nor belong to a family of them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError
from twofold.ir.infer import as_dtype
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.create import ones, zeros
from twofold.ir.ops.operand import as_sizes, as_tensor, shape_attr
from twofold.ir.shapes import Sizes, broadcast_shapes, show_shape
from twofold.runtime.custom import custom_gradient
from twofold.runtime.declared import require_shape
from twofold.runtime.scopes import scoped
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from .creation import texts_of
from .scans import map_fn

__all__ = [
    "IndexedSlices",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "clip_by_global_norm",
    "constant_initializer",
    "ensure_shape",
    "executing_eagerly",
    "get_current_name_scope",
    "grad_pass_through",
    "identity_n",
    "no_op",
    "numpy_function",
    "ones_initializer",
    "py_function",
    "random_normal_initializer",
    "random_uniform_initializer",
    "recompute_grad",
    "required_space_to_batch_paddings",
    "saturate_cast",
    "timestamp",
    "unique",
    "unique_with_counts",
    "unravel_index",
    "vectorized_map",
    "zeros_initializer",
]  # fmt: skip

INT32, INT64 = np.dtype("int32"), np.dtype("int64")


class IndexedSlices(NamedTuple):
    """Rows of a tensor that is not there as a whole: ``values[i]`` belongs to row ``indices[i]``.

    It is what the scatter methods of Variables take.
    """

    values: Any
    indices: Any
    dense_shape: Any = None


class Unique(NamedTuple):
    """What ``unique`` returns."""

    y: Any
    idx: Any


class UniqueWithCounts(NamedTuple):
    """What ``unique_with_counts`` returns."""

    y: Any
    idx: Any
    count: Any


def unique_with_counts(x: Any, out_idx: Any = INT32, name: Any = None) -> UniqueWithCounts:
    """The different values of a vector in the order in which they first occur; for each element
    which of them it is; how often each occurs. NaNs all differ. Raises ShapeError.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.unique_with_counts([4, 2, 4])]
    [[4, 2], [0, 1, 0], [2, 1]]
    """
    x, want = as_tensor(x), as_dtype(out_idx, "unique")
    if len(x.shape) != 1:
        raise ShapeError(f"unique: a vector is needed, the shape is {show_shape(x.shape)}")
    values, first, inverse, counts = OPS["unique"](x)
    order = OPS["argsort"](first, axis=0)
    place = OPS["argsort"](order, axis=0)
    taken = [OPS["gather"](part, order, axis=0) for part in (values, counts)]
    idx = OPS["gather"](place, inverse, axis=0)
    return UniqueWithCounts(taken[0], *(OPS["cast"](p, dtype=want) for p in (idx, taken[1])))


def unique(x: Any, out_idx: Any = INT32, name: Any = None) -> Unique:
    """The different values of a vector in the order in which they first occur, and for each element
    which of them it is. Raises ShapeError.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.unique([4, 2, 4])]
    [[4, 2], [0, 1, 0]]
    """
    return Unique(*unique_with_counts(x, out_idx)[:2])


def saturate_cast(value: Any, dtype: Any, name: Any = None) -> Any:
    """Convert to another dtype; what it does not hold becomes its smallest or largest number.

    >>> import twofold as tf
    >>> tf.saturate_cast([300.0, -4.0, 1.5], tf.uint8).numpy()
    array([255,   0,   1], dtype=uint8)
    """
    x, want = as_tensor(value), as_dtype(dtype, "saturate_cast")
    own, target = info(x.dtype), info(want)
    if own.complex and not target.complex:
        x = OPS["real"](x)
        own = info(x.dtype)
    if own.boolean or own.complex or target.boolean or target.complex:
        return OPS["cast"](x, dtype=want)
    low, high = _limits(target)
    least, most = _limits(own)
    if low > least:
        x = OPS["maximum"](x, np.asarray(low, x.dtype) if own.integer else _inside(low, own, 1))
    if high < most:
        x = OPS["minimum"](x, np.asarray(high, x.dtype) if own.integer else _inside(high, own, -1))
    return OPS["cast"](x, dtype=want)


def _limits(own: Any) -> tuple[Any, Any]:
    return own.ints if own.integer else (-own.format.max, own.format.max)


def _inside(limit: Any, own: Any, toward: int) -> Any:
    """The number of a floating dtype that is next to ``limit`` on the inside."""
    wide = own.computes_in if own.half else own.dtype
    with np.errstate(over="ignore"):
        found = np.asarray(limit).astype(own.dtype)
    over = int(found) > limit if np.isfinite(found) and isinstance(limit, int) else False
    under = int(found) < limit if np.isfinite(found) and isinstance(limit, int) else False
    if (toward < 0 and over) or (toward > 0 and under):
        found = np.nextafter(found.astype(wide), np.asarray(0, wide)).astype(own.dtype)
    return found


def ensure_shape(x: Any, shape: Any, name: Any = None) -> Any:
    """``x`` itself; raises ShapeError unless it has this shape, in which None is any size.

    >>> import twofold as tf
    >>> tf.ensure_shape(tf.zeros((2, 3)), (None, 3)).shape
    (2, 3)
    """
    x = as_tensor(x)
    require_shape(x, shape, "ensure_shape")
    return x


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> tuple[Any, ...]:
    """The shape that tensors of two shapes broadcast to. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.broadcast_static_shape((2, 1), (3,))
    (2, 3)
    """
    shapes = [shape_attr(as_sizes(s), "broadcast_static_shape") for s in (shape_x, shape_y)]
    return broadcast_shapes(shapes, Sizes())


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape that tensors of two shapes broadcast to, as a tensor (int32). Raises ShapeError.

    >>> import twofold as tf
    >>> tf.broadcast_dynamic_shape([2, 1], [3]).numpy()
    array([2, 3], dtype=int32)
    """
    shape = broadcast_static_shape(shape_x, shape_y)
    return OPS["constant"](value=np.asarray(shape, np.int32))


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: Any = None
) -> tuple[list[Any], Any]:
    """Tensors scaled together, so that the root of the sum of all squares is at most ``clip_norm``;
    and that root before. None stays None. If it is not finite, all become NaN.

    Pascanu, Mikolov and Bengio, "On the difficulty of training Recurrent Neural Networks" (2012).

    >>> import twofold as tf
    >>> clipped, norm = tf.clip_by_global_norm([tf.constant([3.0, 4.0]), None], 1.0)
    >>> clipped[0].numpy().round(4), norm.item()
    (array([0.6, 0.8], dtype=float32), 5.0)
    """
    norm = COMPOSITES["global_norm"].function(t_list) if use_norm is None else as_tensor(use_norm)
    limit = OPS["cast"](clip_norm, dtype=norm.dtype)
    scale = limit * OPS["minimum"](1 / norm, OPS["ones_like"](norm) / limit)
    scale = OPS["where"](OPS["isfinite"](norm), scale, np.nan)
    made = []
    for t in t_list:
        x = None if t is None else as_tensor(t)
        made.append(None if x is None else x * OPS["cast"](scale, dtype=x.dtype))
    return made, norm


def identity_n(input: Sequence[Any], name: Any = None) -> list[Any]:
    """The same values, as a list of tensors.

    >>> import twofold as tf
    >>> [x.item() for x in tf.identity_n([1, 2])]
    [1, 2]
    """
    return [OPS["identity"](x) for x in input]


def no_op(name: Any = None) -> None:
    """Nothing."""


def executing_eagerly() -> bool:
    """Whether operations run at once: False while a function is traced.

    >>> import twofold as tf
    >>> tf.executing_eagerly()
    True
    """
    return not bind.ground().tracing


def timestamp(name: Any = None) -> Any:
    """The seconds since 1970 (float64).

    >>> import twofold as tf
    >>> tf.timestamp().dtype
    dtype('float64')
    """
    return OPS["constant"](value=np.asarray(time.time()))


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the values of ``f`` and the gradient of the identity of its argument.

    >>> import twofold as tf
    >>> x = tf.constant(1.5)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = tf.grad_pass_through(tf.round)(x)
    >>> y.item(), tape.gradient(y, x).item()
    (2.0, 1.0)
    """

    @custom_gradient
    def passed(x: Any, *args: Any) -> Any:
        def back(g: Any) -> Any:
            return (g, *[None] * len(args)) if args else g

        return f(x, *args), back

    return functools.wraps(f)(lambda *args: passed(*args))


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` itself: what a gradient needs is kept here, and not computed again.

    >>> import twofold as tf
    >>> tf.recompute_grad(tf.square)(3.0).item()
    9.0
    """
    return f


def vectorized_map(
    fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """What ``fn`` returns for each row of ``elems``, stacked; see ``map_fn``.

    >>> import twofold as tf
    >>> tf.vectorized_map(tf.reduce_sum, tf.constant([[1, 2], [3, 4]])).numpy()
    array([3, 7], dtype=int32)
    """
    return map_fn(fn, elems)


def unravel_index(indices: Any, dims: Any, name: Any = None) -> Any:
    """The positions along each axis of ``dims`` of flat positions: ``[len(dims), ...]``.

    A position beyond all of them is beyond the first axis.

    >>> import twofold as tf
    >>> tf.unravel_index([22, 41], (7, 6)).numpy()
    array([[3, 6],
           [4, 5]], dtype=int32)
    """
    at = as_tensor(indices)
    if not info(at.dtype).integer:
        raise ArgumentError(f"unravel_index: positions are integers, not {at.dtype}")
    parts = []
    for size in reversed(shape_attr(as_sizes(dims), "unravel_index")[1:]):
        parts.append(OPS["remainder"](at, size))
        at = OPS["floor_divide"](at, size)
    return OPS["stack"]([at, *parts[::-1]], axis=0)


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: Any = None
) -> tuple[Any, Any]:
    """The padding that makes sizes multiples of ``block_shape``, and what to crop afterwards.

    >>> import twofold as tf
    >>> [x.numpy().tolist() for x in tf.required_space_to_batch_paddings([5], [3])]
    [[[0, 1]], [[0, 1]]]
    """
    sizes, blocks = (np.asarray(as_sizes(s)) for s in (input_shape, block_shape))
    base = np.zeros((len(sizes), 2), int) if base_paddings is None else np.asarray(base_paddings)
    extra = -(sizes + base.sum(1)) % blocks
    pads = np.stack([base[:, 0], base[:, 1] + extra], 1).astype(np.int32)
    crops = np.stack([np.zeros_like(extra), extra], 1).astype(np.int32)
    return OPS["constant"](value=pads), OPS["constant"](value=crops)


class _Initializer:
    """A function of a shape and a dtype, with TensorFlow's names."""

    def __repr__(self) -> str:
        return f"<tf.{type(self).__name__}>"


class zeros_initializer(_Initializer):
    """Makes tensors of zeros.

    >>> import twofold as tf
    >>> tf.zeros_initializer()((2,)).numpy()
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Any:
        return zeros(shape, dtype=as_dtype(dtype, "zeros_initializer"))


class ones_initializer(_Initializer):
    """Makes tensors of ones.

    >>> import twofold as tf
    >>> tf.ones_initializer()((2,)).numpy()
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Any:
        return ones(shape, dtype=as_dtype(dtype, "ones_initializer"))


class constant_initializer(_Initializer):
    """Makes tensors of one value, or of a list of as many as there are elements.

    >>> import twofold as tf
    >>> tf.constant_initializer([1, 2])((2, 1)).numpy().ravel()
    array([1., 2.], dtype=float32)
    """

    def __init__(self, value: Any = 0, support_partition: bool = False) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        want = as_dtype("float32" if dtype is None else dtype, "constant_initializer")
        x = OPS["cast"](self.value, dtype=want)
        if not x.shape:
            return OPS["broadcast_to"](x, shape=shape)
        return OPS["reshape"](x, shape=shape)


class random_uniform_initializer(_Initializer):
    """Makes tensors of uniform numbers from a range; with a ``seed`` from a stream of its own.

    >>> import twofold as tf
    >>> tf.random_uniform_initializer(0.0, 1.0, seed=1)((2,)).shape
    (2,)
    """

    def __init__(self, minval: Any = -0.05, maxval: Any = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Any:
        from twofold.runtime import random  # noqa: PLC0415  (the generators are made with it)

        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


class random_normal_initializer(_Initializer):
    """Makes tensors of normal numbers; with a ``seed`` from a stream of its own.

    >>> import twofold as tf
    >>> tf.random_normal_initializer(seed=1)((2,)).shape
    (2,)
    """

    def __init__(self, mean: Any = 0.0, stddev: Any = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = "float32", **kwargs: Any) -> Any:
        from twofold.runtime import random  # noqa: PLC0415  (the generators are made with it)

        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


def get_current_name_scope() -> str:
    """The scope that new Variables are named in, without the slash at its end.

    >>> import twofold as tf
    >>> with tf.name_scope("a"), tf.name_scope("b"):
    ...     tf.get_current_name_scope()
    'a/b'
    """
    return scoped("").rstrip("/")


def numpy_function(
    func: Callable[..., Any] | None = None, inp: Sequence[Any] = (), Tout: Any = None,
    stateful: bool = True, name: Any = None,
) -> Any:  # fmt: skip
    """What ``func`` returns for the arrays of ``inp``, as tensors of the dtypes ``Tout``.

    Texts, such as names of files, are bytes, or arrays of them. There is no gradient. A compiled
    function that calls it runs as plain Python; functions of NumPy need no such call to be
    compiled. Raises DTypeError.

    >>> import twofold as tf
    >>> tf.numpy_function(np.sinh, [0.0], tf.float32).item()
    0.0

    Without ``func`` it is a decorator.
    """
    if func is None:
        return functools.partial(_decorated, numpy_function, Tout)
    found = _called(func, [_given(x).numpy() for x in inp], "numpy_function")
    return _returned(found, Tout, "numpy_function")


def py_function(
    func: Callable[..., Any] | None = None, inp: Sequence[Any] = (), Tout: Any = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """What ``func`` returns for the tensors of ``inp``, with its gradient, in the dtypes ``Tout``.

    >>> import twofold as tf
    >>> tf.py_function(lambda x: x * 2.0, [1.0], tf.float32).item()
    2.0

    Without ``func`` it is a decorator.

    >>> @tf.py_function(Tout=tf.float32)
    ... def added(x, y):
    ...     return x + y
    >>> added(1.0, 2.0).item()
    3.0
    """
    if func is None:
        return functools.partial(_decorated, py_function, Tout)
    return _returned(_called(func, [_given(x) for x in inp], "py_function"), Tout, "py_function")


def _decorated(call: Any, Tout: Any, func: Any) -> Any:
    """The function whose arguments are the inputs of a call."""

    @functools.wraps(func)
    def run(*args: Any) -> Any:
        return call(func, args, Tout)

    return run


def _given(x: Any) -> Any:
    """A number as a tensor, a text as one of dtype ``tf.string``."""
    found = None if isinstance(x, Tensor | Variable) else texts_of(x)
    return as_tensor(x) if found is None else found


def _called(func: Any, given: list[Any], what: str) -> Any:
    if not callable(func):
        raise ArgumentError(f"{what}: func is a function, not {func!r}")
    return func(*given)


def _returned(found: Any, kinds: Any, what: str) -> Any:
    if kinds is None or isinstance(kinds, list | tuple) and not kinds:
        return found if kinds is None else []
    if not isinstance(kinds, list | tuple):
        return _of_dtype(found, kinds, what)
    results = list(found) if isinstance(found, list | tuple) else [found]
    if len(results) != len(kinds):
        raise ArgumentError(f"{what}: func returned {len(results)} results, Tout has {len(kinds)}")
    return [_of_dtype(x, kind, what) for x, kind in zip(results, kinds, strict=True)]


def _of_dtype(x: Any, kind: Any, what: str) -> Any:
    kind = getattr(kind, "dtype", kind)
    if getattr(kind, "name", kind) == "string":
        texts = texts_of(x, kind if hasattr(kind, "name") else None)
        if texts is None:
            raise DTypeError(f"{what}: func returned {x!r}, and Tout says string")
        return texts
    want = as_dtype(kind, what)
    if isinstance(x, np.ndarray | np.generic) and x.dtype != want:
        raise DTypeError(f"{what}: func returned {x.dtype}, and Tout says {want}")
    tensor = as_tensor(x)
    return tensor if tensor.dtype == want else OPS["cast"](tensor, dtype=want)
