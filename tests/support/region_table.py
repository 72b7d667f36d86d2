"""The page that says where control flow runs: each region op and functional form, in each way.

Every cell is found by running a program in that way and comparing it with plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import twofold as tf
from twofold.compiler import background
from twofold.compiler.arrays.reference import execute
from twofold.ir.parser import parse
from twofold.ir.tree import flatten

from .control_programs import PROGRAMS, called, each_node

__all__ = ["region_page"]

X = np.linspace(0.3, 1.2, 4)


def _loop(x: Any) -> Any:
    step = lambda i, y: (i + 1, tf.sin(y) * x)  # noqa: E731
    return tf.while_loop(lambda i, _: i < 3, step, (0, x))[1]


def _array(x: Any) -> Any:
    def body(i: Any, rows: Any) -> Any:
        return i + 1, rows.write(i, rows.read(i - 1) * x[i] + x[0])

    rows = tf.TensorArray(tf.float64, size=4).write(0, x[0])
    return tf.while_loop(lambda i, _: i < 4, body, (1, rows))[1].stack()


@tf.custom_gradient
def _halved(x: Any) -> Any:
    return tf.sin(x), lambda g: g * x * 0.5


def _refused(x: Any) -> Any:
    def refuse() -> Any:
        raise ValueError("taken")

    return tf.cond(tf.sum(x) > 0, refuse, lambda: x)


_inner = tf.function(lambda x: tf.exp(x) * x)
FORMS: dict[str, Callable[[Any], Any]] = {
    "`tf.cond`": lambda x: tf.cond(tf.sum(x) > 9, lambda: x, lambda: x * x * x),
    "`tf.case`": lambda x: tf.case([(x[0] > 9, lambda: x), (x[0] > 0, lambda: tf.exp(x))]),
    "`tf.switch_case`": lambda x: tf.switch_case(
        tf.cast(x[0] * 0.0, tf.int32) + 1, [lambda: x, lambda: tf.sin(x) * x, lambda: -x]
    ),
    "`tf.while_loop`": _loop,
    "`tf.scan`": lambda x: tf.scan(lambda s, row: tf.tanh(s * row) + s, x),
    "`tf.foldl`": lambda x: tf.foldl(lambda s, row: s * row + row, x),
    "`tf.foldr`": lambda x: tf.foldr(lambda s, row: s * row + row, x),
    "`tf.map_fn`": lambda x: tf.map_fn(lambda row: tf.exp(row) * row, x),
    "`tf.TensorArray`": _array,
    "`tf.custom_gradient`": lambda x: _halved(x) * x,
    "`tf.stop_gradient`": lambda x: tf.stop_gradient(x) * x * x,
    "a compiled function": lambda x: _inner(x) + _inner(x * x),
    "a branch that raises": _refused,
}
WAYS = ("from text", "eagerly", "`jit_compile=False`", "default", "`jit_compile=True`", "tape",
        "two tapes")  # fmt: skip


def _outcome(run: Callable[[], Any]) -> list[Any]:
    """The numbers that a call gives, or the class of the exception."""
    try:
        leaves = flatten(run())[0]
    except Exception as error:  # noqa: BLE001  (it is compared)
        return [type(error)]
    return [x if x is None else np.asarray(x) for x in leaves]


def _cell(found: list[Any], want: list[Any]) -> str:
    same = len(found) == len(want) and all(map(_same, found, want))
    return "same" if same else f"{found} is not {want}"


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return a is b
    plain = (a.dtype, a.shape) == (b.dtype, b.shape)
    return plain and bool(np.allclose(a, b, rtol=1e-10, atol=1e-12))


def _gradient(function: Callable[[Any], Any], order: int) -> Callable[[Any], Any]:
    if not order:
        return function

    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sum(_gradient(function, order - 1)(x) * 1.5)
        return tape.gradient(y, x)

    return gradient


def _compiled(function: Callable[..., Any], jit: bool | None, *args: Any) -> Any:
    made = tf.function(function, jit_compile=jit)
    for _ in range(3 if jit is None else 0):
        made(*args)
    if jit is None:
        background.wait(60)
    return made(*args)


def _of_form(function: Callable[[Any], Any]) -> list[str]:
    x = tf.constant(X)

    def text() -> Any:
        graph = tf.function(function).get_concrete_function(x).graph
        held = parse(str(graph))
        return execute(held, [X])[0]

    want = _outcome(lambda: function(x))
    cells = [_cell(_outcome(text), want), "same"]
    for jit in (False, None, True):
        cells.append(_cell(_outcome(lambda jit=jit: _compiled(function, jit, x)), want))  # type: ignore[misc]
    for order in (1, 2):
        want = _outcome(lambda order=order: _gradient(function, order)(x))  # type: ignore[misc]
        inside = _gradient(function, order)
        around = _gradient(tf.function(function, jit_compile=True), order)
        found = [_outcome(lambda: _compiled(inside, True, x)), _outcome(lambda: around(x))]  # noqa: B023
        cells.append(next((c for f in found if (c := _cell(f, want)) != "same"), "same"))
    return cells


def _of_op(name: str) -> list[str]:
    program = PROGRAMS[name]
    graph, xs, other = program.graph, program.inputs(), program.others[-1]

    def by_text(*args: Any) -> Any:
        return called(graph, *args)

    def total(run: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: sum(tf.sum(y * y) for y in run(x, *xs[1:], other))

    want = _outcome(lambda: program.python(*xs, other))
    cells = [_cell(_outcome(lambda: by_text(*xs, other)), want)]
    cells.append(_cell(_outcome(lambda: each_node(graph, *xs, other)), want))
    for jit in (False, None, True):
        run = lambda jit=jit: _compiled(by_text, jit, *xs, other)  # noqa: E731
        cells.append(_cell(_outcome(run), want))
    for order in (1, 2):
        want = _outcome(lambda: _gradient(total(program.python), order)(xs[0]))  # noqa: B023
        inside = _gradient(total(by_text), order)
        around = _gradient(total(tf.function(by_text, jit_compile=True)), order)
        found = [_outcome(lambda: _compiled(inside, True, xs[0])), _outcome(lambda: around(xs[0]))]  # noqa: B023
        cells.append(next((c for f in found if (c := _cell(f, want)) != "same"), "same"))
    return cells


def _table(head: str, rows: dict[str, list[str]]) -> list[str]:
    lines = [f"| {head} | {' | '.join(WAYS)} |", "|---" * (len(WAYS) + 1) + "|"]
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]


def region_page() -> str:
    """``docs/control_flow_table.md``."""
    return "\n".join([
        "# Where control flow runs",
        "",
        "Each cell is found by running a program that way: `same` is what plain Python gives, with",
        "its dtype and shape, or its exception. `tape` is the gradient, of a tape inside a compiled",
        "function and of one around it; `two tapes`, that of the gradient.",
        "",
        "## Region ops",
        "",
        *_table("op", {f"`{name}`": _of_op(name) for name in PROGRAMS}),
        "",
        "## Functional forms",
        "",
        "From text: the graph of the compiled function, printed, parsed and run.",
        "",
        *_table("form", {name: _of_form(function) for name, function in FORMS.items()}),
        "",
    ])  # fmt: skip
