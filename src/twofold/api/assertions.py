"""Assertions on tensors, with TensorFlow's names: where one does not hold it raises AssertedError.

Those on rank, dtype and shape hold for all calls, so a compiled function checks them once, while it
is traced. Those on values are tests of its graph: where one does not hold, the call is made again
as plain Python, which raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import AssertedError
from twofold.ir.infer import as_dtype
from twofold.ir.words import counted

from .creation import convert_to_tensor

__all__ = [
    "Assert", "assert_all_finite", "assert_equal", "assert_greater", "assert_greater_equal",
    "assert_integer", "assert_less", "assert_less_equal", "assert_near", "assert_negative",
    "assert_non_negative", "assert_non_positive", "assert_none_equal", "assert_positive",
    "assert_proper_iterable", "assert_rank", "assert_rank_at_least", "assert_rank_in",
    "assert_same_float_dtype", "assert_scalar", "assert_shapes", "assert_type", "check_numerics",
    "is_numeric_tensor",
]  # fmt: skip


def Assert(condition: Any, data: Any, summarize: Any = None, name: Any = None) -> None:
    """Raise AssertedError, with ``data`` in its text, unless all of ``condition`` holds.

    >>> import twofold as tf
    >>> tf.debugging.Assert(tf.constant(1) < 2, ["one"])
    """
    if not _staged(np.logical_and, condition, True, "the assertion") and not np.all(
        _array(condition)
    ):
        raise AssertedError(f"the assertion failed: {', '.join(map(str, data))}")


def _staged(test: Callable[..., Any], x: Any, y: Any, what: str) -> bool:
    """Whether a trace has the test now that all elements of ``test(x, y)`` hold; not outside of
    one, nor where it is known that they do not."""
    x, y = (v if isinstance(v, bool | int | float) else convert_to_tensor(v) for v in (x, y))
    if not any(hasattr(v, "trace") for v in (x, y)):
        return False
    return bind.ground().holds(test(x, y), f"not {what}")


def _array(x: Any) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.asarray(convert_to_tensor(x).numpy())
    return found


def assert_equal(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x == y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    """
    _compared(np.equal, x, y, "equal", message)


def assert_none_equal(
    x: Any, y: Any, summarize: Any = None, message: str | None = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x != y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_none_equal(tf.constant([1, 2]), 0)
    """
    _compared(np.not_equal, x, y, "different", message)


def assert_less(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x < y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_less(tf.constant([1, 2]), 3)
    """
    _compared(np.less, x, y, "less", message)


def assert_less_equal(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x <= y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_less_equal(tf.constant([1, 2]), 2)
    """
    _compared(np.less_equal, x, y, "less or equal", message)


def assert_greater(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x > y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_greater(tf.constant([1, 2]), 0)
    """
    _compared(np.greater, x, y, "greater", message)


def assert_greater_equal(
    x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless ``x >= y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_greater_equal(tf.constant([1, 2]), 1)
    """
    _compared(np.greater_equal, x, y, "greater or equal", message)


def assert_negative(
    x: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless all elements are below 0.

    >>> import twofold as tf
    >>> tf.debugging.assert_negative(tf.constant([-1, -2]))
    """
    _compared(np.less, x, 0, "negative", message)


def assert_positive(
    x: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless all elements are above 0.

    >>> import twofold as tf
    >>> tf.debugging.assert_positive(tf.constant([1, 2]))
    """
    _compared(np.greater, x, 0, "positive", message)


def assert_non_negative(
    x: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless all elements are at least 0.

    >>> import twofold as tf
    >>> tf.debugging.assert_non_negative(tf.constant([0, 2]))
    """
    _compared(np.greater_equal, x, 0, "at least 0", message)


def assert_non_positive(
    x: Any, message: str | None = None, summarize: Any = None, name: Any = None
) -> None:
    """Raise AssertedError unless all elements are at most 0.

    >>> import twofold as tf
    >>> tf.debugging.assert_non_positive(tf.constant([0, -2]))
    """
    _compared(np.less_equal, x, 0, "at most 0", message)


def _compared(test: Callable[..., Any], x: Any, y: Any, what: str, message: str | None) -> None:
    if _staged(test, x, y, what):
        return
    a, b = np.broadcast_arrays(_array(x), _array(y))
    _require(test(a, b), a, b, what, message)


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: str | None = None,
    summarize: Any = None, name: Any = None,
) -> None:  # fmt: skip
    """Raise AssertedError unless ``|x - y| <= atol + rtol * |y|`` for all elements.

    Both are ten times the distance from 1 to the next number of the dtype of ``x``, if not given.

    >>> import twofold as tf
    >>> tf.debugging.assert_near(tf.constant(1.0), 1.0 + 1e-6)
    """
    own = info(convert_to_tensor(x).dtype).format
    default = 10 * own.eps if own is not None else 0.0
    rtol, atol = (default if t is None else t for t in (rtol, atol))

    def test(a: Any, b: Any) -> Any:
        wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
        return np.isclose(a.astype(wide), b.astype(wide), rtol=rtol, atol=atol)

    if _staged(test, convert_to_tensor(x), convert_to_tensor(y), "near"):
        return
    a, b = np.broadcast_arrays(_array(x), _array(y))
    rtol, atol = (t if isinstance(t, float) else _array(t) for t in (rtol, atol))
    near = test(a, b)
    _require(near, a, b, "near", message)


def assert_all_finite(x: Any, message: str = "", name: Any = None) -> Any:
    """``x`` itself; raises AssertedError if it has NaN or infinite elements.

    >>> import twofold as tf
    >>> tf.debugging.assert_all_finite(tf.constant(1.0)).shape
    ()
    """
    tensor = convert_to_tensor(x)
    if _staged(lambda a, _: np.isfinite(a), tensor, True, "finite"):
        return tensor
    array = tensor.numpy()
    _require(np.isfinite(array), array, array, "finite", message)
    return tensor


def check_numerics(tensor: Any, message: str, name: Any = None) -> Any:
    """``tensor`` itself; raises AssertedError if it has NaN or infinite elements.

    >>> import twofold as tf
    >>> tf.debugging.check_numerics(tf.constant(1.0), "of the loss").shape
    ()
    """
    return assert_all_finite(tensor, message)


def assert_rank(x: Any, rank: Any, message: str | None = None, name: Any = None) -> None:
    """Raise AssertedError unless ``x`` has ``rank`` axes.

    >>> import twofold as tf
    >>> tf.debugging.assert_rank(tf.zeros((2, 3)), 2)
    """
    _rank(x, [rank], message)


def assert_rank_at_least(x: Any, rank: Any, message: str | None = None, name: Any = None) -> None:
    """Raise AssertedError unless ``x`` has ``rank`` axes or more.

    >>> import twofold as tf
    >>> tf.debugging.assert_rank_at_least(tf.zeros((2, 3)), 1)
    """
    have = convert_to_tensor(x).ndim
    if have < int(rank):
        reason = f"the tensor has {counted(have, 'axis')}, expected at least {int(rank)}"
        raise AssertedError(_text(message, reason))


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: Any = None) -> None:
    """Raise AssertedError unless the number of axes of ``x`` is one of ``ranks``.

    >>> import twofold as tf
    >>> tf.debugging.assert_rank_in(tf.zeros((2, 3)), (1, 2))
    """
    _rank(x, list(ranks), message)


def assert_scalar(tensor: Any, message: str | None = None, name: Any = None) -> Any:
    """``tensor`` itself; raises AssertedError if it has axes.

    >>> import twofold as tf
    >>> tf.debugging.assert_scalar(tf.constant(1)).item()
    1
    """
    _rank(tensor, [0], message)
    return convert_to_tensor(tensor)


def _rank(x: Any, ranks: list[Any], message: str | None) -> None:
    have, allowed = convert_to_tensor(x).ndim, [int(r) for r in ranks]
    if have not in allowed:
        expected = " or ".join(map(str, allowed))
        reason = f"the tensor has {counted(have, 'axis')}, expected {expected}"
        raise AssertedError(_text(message, reason))


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: Any = None) -> None:
    """Raise AssertedError unless ``tensor`` has this dtype.

    >>> import twofold as tf
    >>> tf.debugging.assert_type(tf.constant(1), tf.int32)
    """
    have, want = convert_to_tensor(tensor).dtype, as_dtype(tf_type, "assert_type")
    if have != want:
        raise AssertedError(_text(message, f"the tensor is {have}, expected {want}"))


def assert_integer(x: Any, message: str | None = None, name: Any = None) -> None:
    """Raise AssertedError unless ``x`` has an integer dtype.

    >>> import twofold as tf
    >>> tf.debugging.assert_integer(tf.constant(1))
    """
    have = convert_to_tensor(x).dtype
    if not info(have).integer:
        raise AssertedError(_text(message, f"the tensor is {have}, expected integers"))


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The floating dtype that all tensors have, float32 of none; AssertedError if there is none.

    >>> import twofold as tf
    >>> tf.debugging.assert_same_float_dtype([tf.constant(1.0)])
    dtype('float32')
    """
    found = [convert_to_tensor(t).dtype for t in tensors or ()]
    found += [] if dtype is None else [as_dtype(dtype, "assert_same_float_dtype")]
    want = found[0] if found else np.dtype("float32")
    if not info(want).floating or any(d != want for d in found):
        shown = ", ".join(str(d) for d in found)
        raise AssertedError(f"the dtypes are {shown}, expected one floating dtype")
    return want


def assert_proper_iterable(values: Any) -> None:
    """Raise TypeError unless ``values`` is a container of values: no tensor, array or text.

    >>> import twofold as tf
    >>> tf.debugging.assert_proper_iterable([1, 2])
    """
    single = hasattr(values, "dtype") or isinstance(values, str | bytes)
    if single or not isinstance(values, Iterable):
        raise TypeError(f"expected a list or another container, not {type(values).__name__}")


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether this is a tensor of numbers.

    >>> import twofold as tf
    >>> tf.debugging.is_numeric_tensor(tf.constant(1)), tf.debugging.is_numeric_tensor(1)
    (True, False)
    """
    dtype = getattr(tensor, "dtype", None)
    is_tensor = getattr(tensor, "is_tensor", False) or hasattr(tensor, "assign")
    return bool(is_tensor and isinstance(dtype, np.dtype) and not info(dtype).boolean)


def assert_shapes(
    shapes: Any, data: Any = None, summarize: Any = None, message: str | None = None,
    name: Any = None,
) -> None:  # fmt: skip
    """Raise AssertedError unless tensors have shapes, written with sizes, names of sizes, and None
    for any; ``...`` (or ``"*"``) at the start stands for any axes.

    ``shapes``: pairs of tensor and shape, or a mapping. A name is the same size everywhere.

    >>> import twofold as tf
    >>> x, y = tf.zeros((2, 3)), tf.zeros((3, 5))
    >>> tf.debugging.assert_shapes([(x, ("n", "m")), (y, ("m", 5))])
    """
    known: dict[str, Any] = {}
    for x, shape in shapes.items() if isinstance(shapes, Mapping) else shapes:
        have = tuple(convert_to_tensor(x).shape)
        want = (shape,) if isinstance(shape, int | str) else tuple(shape)
        tail = want[1:] if want and want[0] in (..., "*") else want
        if len(have) < len(tail) if tail is not want else len(have) != len(want):
            raise AssertedError(_text(message, f"the shape is {have}, expected {want}"))
        for size, wanted in zip(have[len(have) - len(tail) :], tail, strict=True):
            if wanted is None or wanted == ".":
                continue
            if isinstance(wanted, str) and not wanted.isdigit():
                expected = known.setdefault(wanted, size)
            else:
                expected = int(wanted)
            if size != expected:
                reason = f"the shape is {have}, expected {want}, with {wanted} = {expected}"
                raise AssertedError(_text(message, reason))


def _require(holds: Any, a: Any, b: Any, what: str, message: str | None) -> None:
    if np.all(holds):
        return
    index = tuple(int(i) for i in np.argwhere(~np.atleast_1d(holds))[0])
    values = f"{np.atleast_1d(a)[index]} and {np.atleast_1d(b)[index]}"
    raise AssertedError(_text(message, f"not {what} at {index if a.ndim else ()}: {values}"))


def _text(message: str | None, reason: str) -> str:
    return f"{message}: {reason}" if message else reason
