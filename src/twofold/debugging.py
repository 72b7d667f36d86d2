"""``tf.debugging``: assertions on tensors, checks of numerics, calls made again in a debugger.

Those on rank and dtype hold for all calls, so a compiled function checks them once, while it is
traced. Those on values need the values: inside ``@tf.function`` they raise StagingError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.api.creation import convert_to_tensor
from twofold.compiler import config
from twofold.compiler.watched import forget, replay
from twofold.ir import bind
from twofold.ir.infer import as_dtype
from twofold.ir.tracebacks import filtering, is_filtering
from twofold.ir.words import counted
from twofold.runtime.watching import Watcher, refuse

__all__ = [
    "assert_all_finite", "assert_equal", "assert_near", "assert_rank", "assert_type",
    "disable_check_numerics", "disable_replay", "disable_traceback_filtering",
    "enable_check_numerics", "enable_replay", "enable_traceback_filtering",
    "is_traceback_filtering_enabled", "replay",
]  # fmt: skip


class _Checks(Watcher):
    """The watcher of eager code."""


def enable_check_numerics() -> None:
    """Refuse NaN and infinite values from now on: in eager code of this thread, and in decorated
    functions, which run as plain Python meanwhile.

    The first operation that makes one of finite inputs raises NumericsError, with the variable, the
    index, the line, and what the operation was given there.

    >>> import twofold as tf
    >>> tf.debugging.enable_check_numerics()
    >>> try:
    ...     y = tf.log(tf.constant([1.0, 0.0]))
    ... except tf.errors.NumericsError as error:
    ...     print(error.message)
    y[1] is -inf, in log(float32[2]); there its input is 0.0
    >>> tf.debugging.disable_check_numerics()
    """
    config.replace(**{**config.replaced(), "checking": True})
    if not isinstance(bind.top(), _Checks):
        bind.push(_Checks(refuse))


def disable_check_numerics() -> None:
    """Let NaN and infinite values pass again; see ``enable_check_numerics``."""
    config.replace(**{**config.replaced(), "checking": False})
    frame = bind.current.get()
    if frame is not None and isinstance(frame.interpreter, _Checks):
        bind.below(frame.below)


def enable_traceback_filtering() -> None:
    """Leave the frames of twofold out of tracebacks, as at the start."""
    filtering(True)


def disable_traceback_filtering() -> None:
    """Show the frames of twofold in tracebacks, for those who work on it.

    >>> import twofold as tf
    >>> tf.debugging.disable_traceback_filtering()
    >>> tf.debugging.is_traceback_filtering_enabled()
    False
    >>> tf.debugging.enable_traceback_filtering()
    """
    filtering(False)


def is_traceback_filtering_enabled() -> bool:
    """Whether the frames of twofold are left out of tracebacks."""
    return is_filtering()


def enable_replay() -> None:
    """Keep what the last compiled call began with, for ``replay``: copies of its arrays, and of the
    Variables that it reads."""
    config.replace(**{**config.replaced(), "keeping": True})


def disable_replay() -> None:
    """Keep no call any more."""
    config.replace(**{**config.replaced(), "keeping": False})
    forget()


def assert_equal(x: Any, y: Any, message: str = "") -> None:
    """Raise AssertionError unless ``x == y`` for all elements, after broadcasting.

    >>> import twofold as tf
    >>> tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    """
    a, b = _arrays(x, y)
    _require(a == b, a, b, "equal", message)


def assert_near(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-5, message: str = "") -> None:
    """Raise AssertionError unless ``|x - y| <= atol + rtol * |y|`` for all elements.

    >>> import twofold as tf
    >>> tf.debugging.assert_near(tf.constant(1.0), 1.0 + 1e-6)
    """
    a, b = _arrays(x, y)
    _require(np.isclose(a, b, rtol=rtol, atol=atol), a, b, "near", message)


def assert_all_finite(x: Any, message: str = "") -> Any:
    """``x`` itself; raises AssertionError if it has NaN or infinite elements.

    >>> import twofold as tf
    >>> tf.debugging.assert_all_finite(tf.constant(1.0)).shape
    ()
    """
    tensor = convert_to_tensor(x)
    array = tensor.numpy()
    _require(np.isfinite(array), array, array, "finite", message)
    return tensor


def assert_rank(x: Any, rank: int, message: str = "") -> None:
    """Raise AssertionError unless ``x`` has ``rank`` axes.

    >>> import twofold as tf
    >>> tf.debugging.assert_rank(tf.zeros((2, 3)), 2)
    """
    have = convert_to_tensor(x).ndim
    if have != rank:
        raise AssertionError(
            _text(message, f"the tensor has {counted(have, 'axis')}, expected {rank}")
        )


def assert_type(x: Any, tf_type: Any, message: str = "") -> None:
    """Raise AssertionError unless ``x`` has this dtype.

    >>> import twofold as tf
    >>> tf.debugging.assert_type(tf.constant(1), tf.int32)
    """
    have, want = convert_to_tensor(x).dtype, as_dtype(tf_type, "assert_type")
    if have != want:
        raise AssertionError(_text(message, f"the tensor is {have}, expected {want}"))


def _arrays(x: Any, y: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    a, b = np.broadcast_arrays(convert_to_tensor(x).numpy(), convert_to_tensor(y).numpy())
    return a, b


def _require(holds: Any, a: Any, b: Any, what: str, message: str) -> None:
    if np.all(holds):
        return
    index = tuple(int(i) for i in np.argwhere(~np.atleast_1d(holds))[0])
    values = f"{np.atleast_1d(a)[index]} and {np.atleast_1d(b)[index]}"
    raise AssertionError(_text(message, f"not {what} at {index if a.ndim else ()}: {values}"))


def _text(message: str, reason: str) -> str:
    return f"{message}: {reason}" if message else reason
