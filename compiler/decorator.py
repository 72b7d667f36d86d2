"""``tf.function``: the decorator, its options, and what can be decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from twofold.ir.errors import ArgumentError

from .function import Function
from .spec import TensorSpec

__all__ = ["function"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def function(
    f: F,
    *,
    input_signature: Any = None,
    jit_compile: bool | None = None,
    name: str | None = None,
    strict: bool | None = None,
    autograph: bool | None = True,
    reduce_retracing: bool | None = None,
    experimental_relax_shapes: bool | None = None,
) -> Any: ...


@overload
def function(
    f: None = None,
    *,
    input_signature: Any = None,
    jit_compile: bool | None = None,
    name: str | None = None,
    strict: bool | None = None,
    autograph: bool | None = True,
    reduce_retracing: bool | None = None,
    experimental_relax_shapes: bool | None = None,
) -> Callable[[Callable[..., Any]], Any]: ...


def function(
    f: Any = None,
    *,
    input_signature: Any = None,
    jit_compile: bool | None = None,
    name: str | None = None,
    strict: bool | None = None,
    autograph: bool | None = True,
    reduce_retracing: bool | None = None,
    experimental_relax_shapes: bool | None = None,
) -> Any:
    """Compile a function: traced once for each kind of call, run as an optimised graph.

    ``input_signature``: a list of TensorSpecs (nested in lists, tuples and dicts as the arguments
    are); calls must fit it. It leaves out the ``self`` of a method. ``jit_compile``: None runs at
    once and compiles in the background, True compiles before the first result, False never
    compiles. ``name``: the graph's name.
    ``strict``: True refuses (StagingError, with the line) what would otherwise run as plain Python,
    after a warning: what cannot be staged, such as a list that is made of a tensor's values, and
    what compiling would change, such as a function that changes a list that it is given.

    TensorFlow's ``autograph``, ``reduce_retracing`` and ``experimental_relax_shapes`` are accepted
    where they say what holds anyway: sizes are symbols and never retrace, so
    ``reduce_retracing=False`` is refused. Raises ArgumentError for an option that is not of its
    type and for what cannot be compiled: coroutine functions, generators, what is not callable.

    >>> import twofold as tf
    >>> @tf.function
    ... def f(x):
    ...     return tf.tanh(x) * 2
    >>> f(tf.constant([0.0])).numpy()
    array([0.], dtype=float32)
    """
    for option, value in (("jit_compile", jit_compile), ("strict", strict),
                          ("autograph", autograph), ("reduce_retracing", reduce_retracing),
                          ("experimental_relax_shapes", experimental_relax_shapes)):  # fmt: skip
        if value is not None and value.__class__ is not bool:
            raise ArgumentError(f"{option} is True, False or None, not {value!r}")
    if reduce_retracing is False or experimental_relax_shapes is False:
        raise ArgumentError(
            "reduce_retracing=False asks for one trace for each shape; sizes are symbols here and "
            "do not retrace. Leave it out, or name the sizes that you mean in input_signature"
        )
    if name is not None and (not isinstance(name, str) or not name):
        raise ArgumentError(f"name is a text that names the graph, not {name!r}")
    if input_signature is not None:
        _check_signature(input_signature)
    options = {
        "input_signature": input_signature, "jit_compile": jit_compile, "name": name,
        "strict": bool(strict),
    }  # fmt: skip
    if f is None:
        return lambda g: _decorate(g, options)
    return _decorate(f, options)


def _decorate(f: Any, options: dict[str, Any]) -> Any:
    if isinstance(f, staticmethod | classmethod):
        return type(f)(_decorate(f.__func__, options))
    if not callable(f):
        hint = "; decorate the function under it" if hasattr(f, "__get__") else ""
        raise ArgumentError(f"tf.function compiles a callable, not {type(f).__name__}{hint}")
    called = f if inspect.isroutine(f) else getattr(type(f), "__call__", f)  # noqa: B004
    for kind, holds in (
        ("a coroutine function", inspect.iscoroutinefunction),
        ("an asynchronous generator", inspect.isasyncgenfunction),
        ("a generator", inspect.isgeneratorfunction),
    ):
        if holds(f) or holds(called):
            raise ArgumentError(
                f"{getattr(f, '__qualname__', f)} is {kind}, which cannot be compiled: it stops "
                f"in the middle. Decorate a function that it calls"
            )
    return Function(f, **options)


def _check_signature(signature: Any) -> None:
    """Raise ArgumentError unless this is a list or tuple of (containers of) TensorSpecs."""
    if not isinstance(signature, list | tuple):
        raise ArgumentError(
            f"input_signature is a list of TensorSpecs, one for each argument, not {signature!r}"
        )
    for part in signature:
        _check_specs(part)


def _check_specs(part: Any) -> None:
    if isinstance(part, list | tuple | dict):
        for item in part.values() if isinstance(part, dict) else part:
            _check_specs(item)
    elif not isinstance(part, TensorSpec):
        raise ArgumentError(
            f"input_signature has {part!r}, which is no TensorSpec; write "
            f"tf.TensorSpec(shape, dtype)"
        )
