"""``tf.autograph``: hints for the capture of control flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir.errors import ArgumentError

__all__ = ["experimental", "set_verbosity"]


def _decorated(func: Callable[..., Any]) -> Callable[..., Any]:
    if not callable(func):
        raise ArgumentError(f"do_not_convert decorates a function, not {func!r}")
    return func


class experimental:
    """``tf.autograph.experimental``."""

    @staticmethod
    def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
        """The function as it is, also as a decorator with brackets.

        TensorFlow leaves it as Python wrote it, which refuses conditions that are tensors; here
        its control flow is captured as that of any other, with the values that Python gives.

        >>> import twofold as tf
        >>> @tf.autograph.experimental.do_not_convert
        ... def double(x):
        ...     return x * 2
        >>> double(3)
        6
        """
        return _decorated if func is None else _decorated(func)

    @staticmethod
    def set_loop_options(
        parallel_iterations: Any = None, swap_memory: Any = None, maximum_iterations: Any = None,
        shape_invariants: Any = None,
    ) -> None:  # fmt: skip
        """Accept what does not change values: sizes that change are found without invariants.

        Raises ArgumentError for ``maximum_iterations``, which would end the loop early: write the
        bound into the loop.

        >>> import twofold as tf
        >>> tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        """
        if maximum_iterations is not None:
            raise ArgumentError(
                "set_loop_options: maximum_iterations is not taken; write `for _ in range(most)` "
                "with a break, or tf.while_loop(..., maximum_iterations=most)"
            )


def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """Accept how much is told of a conversion: code is not converted here, and
    `twofold explain` says what became of a function.

    Raises ArgumentError for what is no number.

    >>> import twofold as tf
    >>> tf.autograph.set_verbosity(0)
    """
    if not isinstance(level, int):
        raise ArgumentError(f"set_verbosity takes a number, not {level!r}")
