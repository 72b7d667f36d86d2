"""Functional control flow: ``tf.cond``, ``tf.case``, ``tf.switch_case``, ``tf.while_loop``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, DTypeError, TwofoldError
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED
from twofold.ir.tree import flatten, unflatten
from twofold.ir.vjp import Sources, differentiable
from twofold.runtime.carried import State, carried, function_of, own_tensor, truth
from twofold.runtime.tensor import Tensor
from twofold.runtime.untaken import note
from twofold.runtime.variable import Variable

__all__ = ["case", "cond", "switch_case", "while_loop"]


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
    taken = function_of(true_fn, "tf.cond", "true_fn")
    other = function_of(false_fn, "tf.cond", "false_fn")
    holds = truth(pred)
    if isinstance(holds, Tensor):
        return _staged("cond", holds, [("true_fn", taken), ("false_fn", other)], "tf.cond")
    return _chosen(taken if holds else other, pred, lambda p: cond(p, taken, other))


def _chosen(taken: Callable[[], Any], selector: Any, whole: Callable[[Any], Any]) -> Any:
    """What a branch returns in eager code. Tapes that record are told of the others, if a tensor
    or an array has picked it: they are in the graph of the whole."""
    made = _tensors(taken())
    if bind.current.get() is not None and hasattr(selector, "dtype"):
        tensors = [x for x in flatten(made)[0] if isinstance(x, Tensor)]
        note(tensors, lambda: _sources(whole, own_tensor(selector)))
    return made


def _sources(whole: Callable[[Any], Any], selector: Any) -> list[Any]:
    """The tensors and Variables that branches take from outside, and that gradients of what they
    return go to; none where no trace can take them."""
    from twofold.compiler.decorator import function  # noqa: PLC0415
    from twofold.compiler.gradient import Derivative  # noqa: PLC0415

    token = bind.below(None)
    try:
        concrete = function(whole, jit_compile=False).get_concrete_function(selector)
        callee = concrete.callee
        captures = enumerate(concrete.captures, len(callee.graph.inputs) - len(concrete.captures))
        found = {i: x for i, x in captures if isinstance(x, Tensor | Variable)}
        watched = tuple(i for i, x in found.items() if differentiable(x))
        made = Derivative(callee.inlined, callee.sizes, Sources(watched))
        return [found[i] for i in made.back(made.all, callee.sizes, None).wanted]
    except Exception:  # noqa: BLE001  (the branch was not taken, so what it raises is not raised)
        return []
    finally:
        bind.pop(token)


def _staged(op: str, selector: Any, branches: Sequence[tuple[str, Any]], what: str) -> Any:
    from twofold.compiler.control.branch import stage_branches  # noqa: PLC0415

    return stage_branches(op, bind.ground().value(selector), branches, what)


def case(
    pred_fn_pairs: Any, default: Callable[[], Any] | None = None, exclusive: bool = False,
    strict: bool = False, name: str = "case",
) -> Any:  # fmt: skip
    """What the function of the first predicate that holds returns, else what ``default()`` does.

    ``pred_fn_pairs``: pairs of a predicate and a function, or a dict of them. ``exclusive``: at
    most one predicate may hold. A list or tuple of one item that a function returns stands for the
    item, unless ``strict``. What functions return and raise is treated as by ``tf.cond``.

    Raises ArgumentError if no predicate holds and there is no default, and for more than one with
    ``exclusive``.

    >>> import twofold as tf
    >>> x = tf.constant(7)
    >>> tf.case([(x < 5, lambda: 1), (x < 10, lambda: 2)], default=lambda: 3).numpy()
    np.int32(2)
    """
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if not pairs or not all(isinstance(p, tuple | list) and len(p) == 2 for p in pairs):
        raise ArgumentError("tf.case: pred_fn_pairs is a list of pairs of a predicate and function")
    holding = [truth(p) for p, _ in pairs]
    functions = [function_of(f, "tf.case", "a function of pred_fn_pairs") for _, f in pairs]
    if default is not None:
        default = function_of(default, "tf.case", "default")

    def found(function: Callable[[], Any]) -> Any:
        made = function()
        return made[0] if not strict and type(made) in LISTED and len(made) == 1 else made

    def nothing() -> Any:
        raise ArgumentError("tf.case: none of the predicates holds, and there is no default")

    def chain(i: int) -> Any:
        if i == len(pairs):
            return nothing() if default is None else found(default)
        picked = holding[i] if isinstance(holding[i], Tensor) else pairs[i][0]
        return cond(picked, lambda: found(functions[i]), lambda: chain(i + 1))

    if not exclusive:
        return chain(0)

    def several() -> Any:
        raise ArgumentError("tf.case: more than one predicate holds, and exclusive=True")

    count = sum((OPS["cast"](own_tensor(h), dtype=np.dtype(np.int32)) for h in holding), 0)
    return cond(count > 1, several, lambda: chain(0))


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None,
    name: str = "switch_case",
) -> Any:  # fmt: skip
    """What the function at an index returns; ``default()``, else the last, for one that has none.

    ``branch_fns``: a list of functions, or pairs or a dict with the indices 0 to n - 1. What
    functions return and raise is treated as by ``tf.cond``.

    Raises ArgumentError for other indices of functions, and DTypeError for one that is no integer.

    >>> import twofold as tf
    >>> tf.switch_case(tf.constant(1), [lambda: 10, lambda: 20, lambda: 30]).numpy()
    np.int32(20)
    """
    branches = _indexed(branch_fns)
    if default is not None:
        branches.append(("default", function_of(default, "tf.switch_case", "default")))
    index = own_tensor(branch_index)
    if not info(index.dtype).integer:
        raise DTypeError(f"tf.switch_case: branch_index is an integer, not {index.dtype}")
    if not bind.ground().tracing or not hasattr(branch_index, "dtype"):
        i = int(branch_index)
        taken = branches[i if 0 <= i < len(branches) else -1][1]
        functions = [function for _, function in branches]
        return _chosen(taken, branch_index, lambda at: switch_case(at, functions))
    if index.dtype != np.int32:
        if info(index.dtype).signed:
            index = OPS["maximum"](index, -1)
        most = min(len(branches), info(index.dtype).ints[1])
        index = OPS["cast"](OPS["minimum"](index, most), dtype=np.dtype(np.int32))
    return _staged("switch", OPS["reshape"](index, shape=()), branches, "tf.switch_case")


def _indexed(functions: Any) -> list[tuple[str, Any]]:
    """The branches in order, with what errors call them."""
    pairs = list(functions.items() if isinstance(functions, dict) else functions)
    if pairs and all(isinstance(p, tuple) and len(p) == 2 for p in pairs):
        pairs.sort(key=lambda pair: pair[0])
        if [i for i, _ in pairs] != list(range(len(pairs))):
            raise ArgumentError(
                f"tf.switch_case: the indices of branch_fns are 0 to {len(pairs) - 1}, "
                f"not {[i for i, _ in pairs]}"
            )
        pairs = [f for _, f in pairs]
    if not pairs:
        raise ArgumentError("tf.switch_case: branch_fns has at least one function")
    return [
        (f"branch {i}", function_of(f, "tf.switch_case", f"branch {i}"))
        for i, f in enumerate(pairs)
    ]


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
    cond = function_of(cond, "tf.while_loop", "cond")
    body = function_of(body, "tf.while_loop", "body")
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
        return unflatten(state.structure, _loop(test, step, state, body))
    most = own_tensor(maximum_iterations)
    return unflatten(
        state.structure,
        _loop(
            lambda pair: _both(pair[0] < most, truth(test(pair[1]))),
            lambda pair: (pair[0] + 1, step(pair[1])),
            state,
            body,
        ),
    )[1]


def _both(first: Any, second: Any) -> Any:
    return first & (second if isinstance(second, Tensor) else bool(second))


def _loop(
    test: Callable[[Any], Any], step: Callable[[Any], Any], state: State, body: Any
) -> list[Any]:
    """The leaves of the last state. ``body``: what the user gave, which ``step`` calls."""
    if bind.ground().tracing:
        from twofold.compiler.control.loop import stage_while  # noqa: PLC0415

        return stage_while(test, step, state, truth)
    start = state
    while truth(test(state.tree())):
        state = state.next(step(state.tree()))
    recorded = state is start and bind.top() is not bind.bottom()
    return _without_trips(step, state, body) if recorded else state.leaves


def _without_trips(step: Callable[[Any], Any], state: State, body: Any) -> list[Any]:
    """The leaves of a state that no trip has changed, for a tape.

    A loop that makes no trip is a part of what is recorded all the same: what its body takes is a
    source whose gradient is zero, as in a graph. So the loop runs as a graph. A body that no trace
    can take leaves its sources out. ``body``: the user's, for the trace to see what it can change.
    """
    from twofold.compiler.decorator import function  # noqa: PLC0415

    def loop(leaves: list[Any], _: Any) -> list[Any]:
        if not bind.ground().tracing:
            return leaves  # as plain Python
        whole = State(leaves, state.structure, state.what)
        return _loop(lambda _: own_tensor(False), step, whole, body)

    try:
        found: list[Any] = function(loop, jit_compile=False)(list(state.leaves), body)
    except TwofoldError:
        return state.leaves
    return found


def _tensors(tree: Any) -> Any:
    leaves, structure = carried(tree)
    return unflatten(structure, leaves)
