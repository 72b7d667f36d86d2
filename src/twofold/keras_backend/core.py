"""Tensors, Variables and control flow, as ``keras.ops.core`` calls them."""

from __future__ import annotations

import builtins
import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common import KerasVariable, standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf
from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.runtime.tensor import Tensor

from .spec import compute_output_spec

__all__ = [
    "IS_THREAD_SAFE", "SUPPORTS_COMPLEX_DTYPES", "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS", "Variable", "associative_scan", "cast", "compute_output_spec",
    "cond", "convert_to_numpy", "convert_to_tensor", "custom_gradient", "device_scope",
    "fori_loop", "is_tensor", "map", "random_seed_dtype", "remat", "scan", "scatter",
    "scatter_update", "shape", "slice", "slice_update", "stop_gradient", "switch", "unstack",
    "vectorized_map", "while_loop",
]  # fmt: skip

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
IS_THREAD_SAFE = True


class Variable(KerasVariable):
    """A Keras Variable over a Variable of twofold."""

    def _initialize(self, value: Any) -> None:
        with outside_of_traces():
            self._value = tf.Variable(
                convert_to_tensor(value, self._dtype), trainable=self._trainable, name=self._name
            )

    def _initialize_with_initializer(self, initializer: Any) -> None:
        with outside_of_traces():  # layers and optimisers may be built in a compiled function
            super()._initialize_with_initializer(initializer)

    def _direct_assign(self, value: Any) -> None:
        self._value.assign(value)

    def _convert_to_tensor(self, value: Any, dtype: Any = None) -> Any:
        return convert_to_tensor(value, dtype=dtype)

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        return convert_to_tensor(self, dtype)

    def __tf_variable__(self) -> Any:
        return self._value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(convert_to_tensor(self), dtype)


@contextlib.contextmanager
def outside_of_traces() -> Iterator[None]:
    """A block that is executed at once, whoever traces or records around it."""
    token = bind.below(None)
    try:
        yield
    finally:
        bind.pop(token)


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """A tensor of ``x``, which may be a Variable, a tensor, an array, numbers or lists of them."""
    if sparse or ragged:
        raise ValueError(
            f"`{'sparse' if sparse else 'ragged'}=True` is not supported with the twofold backend"
        )
    want = None if dtype is None else _named(dtype)
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, tf.Variable):
        x = x.read_value()
    if isinstance(x, Tensor):
        return x if want is None else _converted(x, want)
    if want is None and x.__class__ is np.ndarray:
        want = common_kind(x.dtype)
    if want is None:
        want = common_kind(*[kind_of(v) for v in tree.flatten(x)])
    if isinstance(x, list | tuple) and any(_is_symbolic(v) for v in tree.flatten(x)):
        return tf.stack([convert_to_tensor(v, want) for v in x])
    if _is_symbolic(x):
        return tf.cast(tf.convert_to_tensor(x), want)
    tracing = bind.ground().tracing
    if tracing and x.__class__ is np.ndarray and x.dtype.kind in "biufc":
        return _converted(tf.convert_to_tensor(x), want)  # an input, read at each call
    array = np.asarray(x)
    if array.dtype.kind in "OUSV":
        array = np.asarray(x, dtype=want)
    array = array.astype(tf.as_dtype(want), copy=False)
    return OPS["constant"](value=array) if tracing else tf.convert_to_tensor(array)


def _converted(x: Tensor, want: str) -> Any:
    """``x`` in a dtype. A float beyond an unsigned dtype becomes its nearest number, as in
    XLA: quantisers cast numbers below 0, and what C makes of those depends on the processor."""
    name = _name_of(x.dtype)
    if name == want:
        return x
    if want.startswith("uint") and name.startswith(("float", "bfloat")):
        return tf.saturate_cast(x, want)
    return tf.cast(x, want)


_named = functools.lru_cache(maxsize=256)(standardize_dtype)  # thousands of times in a step


@functools.lru_cache(maxsize=256)
def _name_of(dtype: np.dtype[Any]) -> str:
    return dtype.name


def common_kind(*kinds: Any) -> str:
    """``result_type`` of dtypes and types of Python numbers, found once for each of them."""
    return _common_kind(config.floatx(), kinds)


@functools.lru_cache(maxsize=1024)
def _common_kind(floatx: str, kinds: tuple[Any, ...]) -> str:
    found: str = result_type(*kinds)
    return found


def kind_of(x: Any) -> Any:
    """The dtype of an operand, or the type of a Python number, which is weak."""
    found = getattr(x, "dtype", None)
    if found is None:  # ``type`` would tell a number of a trace
        return int if hasattr(type(x), "symbolic_size") else x.__class__
    return found


def _is_symbolic(x: Any) -> bool:
    """Whether this is a tensor, or an array, a number or a size of a trace."""
    return (
        isinstance(x, Tensor | tf.Variable | KerasVariable)
        or getattr(type(x), "in_trace", False)
        or hasattr(type(x), "symbolic_size")
        or hasattr(type(x), "symbolic_number")
    )


def convert_to_numpy(x: Any) -> Any:
    """A copy as a NumPy array."""
    if isinstance(x, KerasVariable | Tensor | tf.Variable):
        return np.array(convert_to_tensor(x))
    return np.array(x)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor of the backend."""
    return isinstance(x, Tensor)


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes, those of a trace among them."""
    return tuple(x.shape)


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in another dtype."""
    return convert_to_tensor(x, dtype=dtype)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``tf.cond``; branches may assign Variables, and return None."""
    if _is_symbolic(pred):
        return tf.cond(cast(pred, "bool"), true_fn, false_fn)
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """One of the branches on the operands; the index is clipped."""
    index = tf.clip_by_value(convert_to_tensor(index, "int32"), 0, len(branches) - 1)
    return tf.switch_case(index, [lambda b=b: b(*operands) for b in branches])


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:  # fmt: skip
    """``tf.while_loop`` over one value or a tuple of them."""
    several = isinstance(loop_vars, tuple | list)
    start = tuple(loop_vars) if several else (loop_vars,)
    start = tree.map_structure(convert_to_tensor, start)

    def step(*values: Any) -> tuple[Any, ...]:
        made = body(*values)
        return tuple(made) if isinstance(made, list | tuple) else (made,)

    out = tf.while_loop(cond, step, start, maximum_iterations=maximum_iterations)
    return tuple(out) if several else out[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """``value = body_fun(i, value)`` for the integers of a range."""
    _, out = while_loop(
        lambda i, _: i < upper,
        lambda i, value: (i + 1, body_fun(i, value)),
        (convert_to_tensor(lower, "int32"), init_val),
    )
    return out


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """The function on each element of the first axis."""
    return tf.map_fn(function, tree.map_structure(convert_to_tensor, elements))


def map(f: Callable[..., Any], xs: Any) -> Any:
    """``f`` on each element of the first axis."""
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False, unroll: int | bool = 1,
) -> tuple[Any, Any]:  # fmt: skip
    """Carry a value along the first axis; returns the last one and all outputs, stacked."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: {unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    carry = tree.map_structure(convert_to_tensor, init)
    given = None if xs is None else tree.map_structure(convert_to_tensor, xs)
    count = int(length) if length is not None else int(tree.flatten(given)[0].shape[0])
    made: list[Any] = []
    for i in reversed(range(count)) if reverse else range(count):
        carry, y = f(carry, None if given is None else _at(given, i))
        made.append(tree.map_structure(tf.zeros_like, init) if y is None else y)
    if reverse:
        made.reverse()
    return carry, tree.map_structure(lambda *ys: tf.stack(list(ys)), *made)


def _at(xs: Any, i: int) -> Any:
    return tree.map_structure(lambda x: x[i], xs)


def associative_scan(
    f: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """All prefixes of an associative operation, by doubling.

    Source: Hillis and Steele, "Data Parallel Algorithms", CACM 1986.
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [convert_to_tensor(e) for e in tree.flatten(elems)]
    axis %= len(flat[0].shape)
    sizes = [int(e.shape[axis]) for e in flat]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[e.shape for e in flat]})"
        )
    before = (builtins.slice(None),) * axis
    if reverse:
        flat = [tf.reverse(e, axis=(axis,)) for e in flat]
    step = 1
    while step < sizes[0]:
        head, late, early = (
            [e[(*before, cut)] for e in flat]
            for cut in (
                builtins.slice(step), builtins.slice(step, None), builtins.slice(sizes[0] - step)
            )
        )  # fmt: skip
        made = tree.flatten(
            f(tree.pack_sequence_as(elems, early), tree.pack_sequence_as(elems, late))
        )
        flat = [tf.concat([h, m], axis) for h, m in zip(head, made, strict=True)]
        step *= 2
    if reverse:
        flat = [tf.reverse(e, axis=(axis,)) for e in flat]
    return tree.pack_sequence_as(elems, flat)


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of a shape with ``values`` added at ``indices``."""
    values = convert_to_tensor(values)
    return scatter_update(tf.zeros(shape, values.dtype), indices, values, "add")


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """``inputs`` with ``updates`` written, added, or folded in at ``indices``."""
    inputs = convert_to_tensor(inputs)
    indices, updates = convert_to_tensor(indices), convert_to_tensor(updates, inputs.dtype.name)
    if reduction is None:
        return tf.tensor_scatter_nd_update(inputs, indices, updates)
    if reduction == "add":
        return tf.tensor_scatter_nd_add(inputs, indices, updates)
    folds = {"max": tf.maximum, "min": tf.minimum, "mul": tf.multiply}
    if reduction not in folds:
        raise ValueError(f"Unsupported reduction: {reduction}")
    lead = int(indices.shape[-1])
    rows = tf.reshape(indices, (-1, lead))
    parts = tf.reshape(updates, (-1, *inputs.shape[lead:]))
    for i in range(int(rows.shape[0])):
        place = rows[i : i + 1]
        old = tf.gather_nd(inputs, place)
        inputs = tf.tensor_scatter_nd_update(inputs, place, folds[reduction](old, parts[i : i + 1]))
    return inputs


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """A box of a tensor; a box that would reach over the end is moved back."""
    inputs = convert_to_tensor(inputs)
    if len(start_indices) != len(shape):
        raise ValueError(
            "Length of `start_indices` must match length of `shape`. "
            f"Received: start_indices={start_indices}, shape={shape}"
        )
    box = _box(inputs, start_indices, shape)
    if builtins.all(isinstance(part, builtins.slice) for part in box):
        return inputs[tuple(box)]
    for axis, part in enumerate(box):
        ahead = (builtins.slice(None),) * axis
        inputs = inputs[(*ahead, part)] if isinstance(part, builtins.slice) else (
            tf.take(inputs, part, axis=axis)
        )  # fmt: skip
    return inputs


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """``inputs`` with a box replaced; one that would reach over the end is moved back."""
    inputs = convert_to_tensor(inputs)
    updates = convert_to_tensor(updates, inputs.dtype.name)
    box = _box(inputs, start_indices, updates.shape)
    if builtins.all(isinstance(part, builtins.slice) for part in box):
        return tf.setitem(inputs, tuple(box), updates)
    rank = len(box)
    places = [tf.range(p.start, p.stop) if isinstance(p, builtins.slice) else p for p in box]
    mesh = [tf.reshape(p, (1,) * a + (-1,) + (1,) * (rank - a - 1)) for a, p in enumerate(places)]
    return tf.setitem(inputs, tuple(mesh), updates)


def _box(inputs: Any, starts: Any, shape: Any) -> list[Any]:
    """Where a box is along each axis: a slice, or positions where it begins at a value."""
    return [_along(starts[i], n, inputs.shape[i]) for i, n in enumerate(shape)]


def _along(start: Any, count: Any, size: Any) -> Any:
    if type(start) is int and start == 0:
        return builtins.slice(0, count)
    if _is_symbolic(start) and not hasattr(type(start), "symbolic_size"):
        start = convert_to_tensor(start, "int32")
        start = tf.where(start < 0, start + size, start)
        return tf.clip_by_value(start, 0, size - count) + tf.range(count)
    if type(start) is int and type(count) is int and type(size) is int:
        start = builtins.max(builtins.min(start + size if start < 0 else start, size - count), 0)
    return builtins.slice(start, start + count)


def stop_gradient(variable: Any) -> Any:
    """The value, as a constant to tapes."""
    return tf.stop_gradient(convert_to_tensor(variable))


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis."""
    return list(tf.unstack(convert_to_tensor(x), axis=axis))


def random_seed_dtype() -> str:
    """The dtype of the two words of a seed."""
    return "uint32"


class custom_gradient:
    """Decorator: a function that returns its result and the function of its gradient."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        def run(*values: Any) -> Any:
            out, gradient = self.fun(*values, **kwargs)
            return out, gradient

        return tf.custom_gradient(run)(*[
            convert_to_tensor(a) if isinstance(a, KerasVariable) else a for a in args
        ])  # fmt: skip


@contextlib.contextmanager
def device_scope(device_name: Any) -> Iterator[None]:
    """There is one device, the CPU."""
    yield


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself: its values are kept, not computed again."""
    return f
