"""Functional control flow: ``tf.cond``, ``tf.case``, ``tf.switch_case``, ``tf.while_loop``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.ir.tree import unflatten
from twofold.runtime.carried import State, carried, hooked, own_tensor, truth
from twofold.runtime.tensor import Tensor

__all__ = ["cond", "while_loop"]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str = "",
) -> Any:
    """What ``true_fn()`` returns if ``pred`` holds, else what ``false_fn()`` returns.

    ``pred`` has one element, of any dtype. Only the function that is taken runs; in a compiled
    function both are traced and become branches of the graph, so that the value picks one on each
    call. Numbers, arrays and Variables that they return become tensors; anything else, ``None``
    for instance, is returned as it is. ``name`` is accepted and ignored.

    Raises ShapeError if ``pred`` has not one element, and what the function that is taken raises.
    In a compiled function both must return the same structure, dtypes and ranks: ArgumentError,
    DTypeError or ShapeError.

    >>> import twofold as tf
    >>> @tf.function
    ... def root(x):
    ...     return tf.cond(x >= 0, lambda: tf.sqrt(x), lambda: -tf.sqrt(-x))
    >>> root(tf.constant(9.0)).numpy(), root(tf.constant(-9.0)).numpy()
    (np.float32(3.0), np.float32(-3.0))
    """
    taken = _function(true_fn, "tf.cond", "true_fn")
    other = _function(false_fn, "tf.cond", "false_fn")
    holds = truth(pred)
    if isinstance(holds, Tensor):
        from twofold.compiler.control.branch import stage_branches  # noqa: PLC0415

        selector = bind.ground().value(holds)
        branches = [("true_fn", taken), ("false_fn", other)]
        return stage_branches("cond", selector, branches, "tf.cond")
    return _tensors(taken() if holds else other())


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any,
    shape_invariants: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, maximum_iterations: Any = None, name: str = "",
) -> Any:  # fmt: skip
    """Run ``body`` on the state as long as ``cond`` of it holds; the last state.

    ``loop_vars``: a list or tuple with the state, of any structure. ``cond`` and ``body`` take its
    items as arguments; ``body`` returns the next ones. Numbers of the state are tensors from the
    start, and their dtypes and ranks stay the same; sizes may change. ``maximum_iterations``: so
    many trips at most. The result has the structure of ``loop_vars``. The other parameters are
    hints for TensorFlow and are ignored.

    Raises ArgumentError, DTypeError or ShapeError if the body returns another structure, dtype or
    rank, and what the functions raise.

    >>> import twofold as tf
    >>> tf.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))[1].numpy()
    np.int32(6)
    """
    cond = _function(cond, "tf.while_loop", "cond")
    body = _function(body, "tf.while_loop", "body")
    if not isinstance(loop_vars, list | tuple) or not loop_vars:
        raise ArgumentError(
            f"tf.while_loop: loop_vars is a list or tuple with the state, not {loop_vars!r}"
        )
    counted = maximum_iterations is not None
    state = State.of((0, loop_vars) if counted else loop_vars, "tf.while_loop: the body")
    kind, single = type(loop_vars), len(loop_vars) == 1

    def packed(found: Any) -> Any:
        if single and not isinstance(found, list | tuple):
            found = (found,)
        if isinstance(found, list | tuple) and not hasattr(kind, "_fields"):
            return kind(found)  # a list may follow a tuple
        return found

    def test(items: Any) -> Any:
        return cond(*items)

    def step(items: Any) -> Any:
        return packed(body(*items))

    if not counted:
        return unflatten(state.structure, _loop(test, step, state))
    most = own_tensor(maximum_iterations)
    return unflatten(
        state.structure,
        _loop(
            lambda pair: _both(pair[0] < most, truth(test(pair[1]))),
            lambda pair: (pair[0] + 1, step(pair[1])),
            state,
        ),
    )[1]


def _both(first: Any, second: Any) -> Any:
    return first & second if isinstance(second, Tensor) else bool(first) and second


def _loop(test: Callable[[Any], Any], step: Callable[[Any], Any], state: State) -> list[Any]:
    """The leaves of the last state."""
    if bind.ground().tracing:
        from twofold.compiler.control.loop import stage_while  # noqa: PLC0415

        return stage_while(test, step, state, truth)
    while truth(test(state.tree())):
        state = state.next(step(state.tree()))
    return state.leaves


def _function(given: Any, where: str, parameter: str) -> Callable[..., Any]:
    if not callable(given):
        raise ArgumentError(f"{where}: {parameter} is a function, not {given!r}")
    found: Callable[..., Any] = hooked(given)
    return found


def _tensors(tree: Any) -> Any:
    leaves, structure = carried(tree)
    return unflatten(structure, leaves)
