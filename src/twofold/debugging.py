"""``tf.debugging``: assertions on tensors, checks of numerics, calls made again in a debugger."""

from __future__ import annotations

from twofold.api.assertions import (
    Assert,
    assert_all_finite,
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_integer,
    assert_less,
    assert_less_equal,
    assert_near,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
    assert_proper_iterable,
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_same_float_dtype,
    assert_scalar,
    assert_shapes,
    assert_type,
    check_numerics,
    is_numeric_tensor,
)
from twofold.compiler import config
from twofold.compiler.watched import forget, replay
from twofold.ir import bind
from twofold.ir.tracebacks import filtering, is_filtering
from twofold.runtime.watching import Watcher, refuse

__all__ = [
    "Assert", "assert_all_finite", "assert_equal", "assert_greater", "assert_greater_equal",
    "assert_integer", "assert_less", "assert_less_equal", "assert_near", "assert_negative",
    "assert_non_negative", "assert_non_positive", "assert_none_equal", "assert_positive",
    "assert_proper_iterable", "assert_rank", "assert_rank_at_least", "assert_rank_in",
    "assert_same_float_dtype", "assert_scalar", "assert_shapes", "assert_type",
    "check_numerics", "disable_check_numerics", "disable_replay", "disable_traceback_filtering",
    "enable_check_numerics", "enable_replay", "enable_traceback_filtering", "is_numeric_tensor",
    "is_traceback_filtering_enabled", "replay",
]  # fmt: skip


class _Checks(Watcher):
    """The watcher of eager code."""


def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Refuse NaN and infinite values from now on: in eager code of this thread, and in decorated
    functions, which run as plain Python meanwhile.

    The first operation that makes one of finite inputs raises NumericsError, with the variable, the
    index, the line, and what the operation was given there. The limits are TensorFlow's.

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
