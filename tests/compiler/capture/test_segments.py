"""Steps in the middle: Python makes them once, in order, with real values; graphs go on behind them."""

from __future__ import annotations

import contextlib
import json
import math
import random
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

SEEN: list[Any] = []


def one_step(x: Any) -> Any:
    y = tf.tanh(x) * 2
    v = json.loads(json.dumps(float(tf.sum(y))))
    return tf.sum(x * v)


def two_steps(x: Any) -> Any:
    a = json.dumps(float(x[0]))
    y = x * len(a)
    b = json.dumps([float(y[1]), a])
    return y + len(b), a, b


def in_a_helper(x: Any) -> Any:
    def inner(z: Any, k: int = 2) -> Any:
        z = z * k
        text = json.dumps(float(z[0]))
        return z + len(text)

    first = inner(x)
    return first, inner(x * 2, k=3) - first


def in_a_branch(x: Any) -> Any:
    y = x * 2
    if tf.sum(x) > 2:  # noqa: SIM108
        y = y + len(json.dumps(float(y[0])))
    else:
        y = y - 1
    return y * 3


def in_a_loop(x: Any) -> Any:
    kept = []
    for i in range(4):
        x = tf.tanh(x) + i
        kept.append(json.dumps(float(x[0])))
    return x, kept


def in_a_while(x: Any) -> Any:
    count = 0
    while tf.sum(x) < 40:
        x = x * 2 + 1
        count += len(json.dumps(float(x[1])))
    return x, count


def over_an_iterator(x: Any) -> Any:
    it = map(float, json.dumps([float(x[0]), 2.0]).strip("[]").split(","))
    for v in it:
        x = x * v + 1
    return x


def over_items(x: Any) -> Any:
    items = [x, x * 2]
    for v in items:
        if len(items) < 4:
            items.append(v + len(json.dumps(float(v[0]))))
    return items


def prints_in_order(x: Any) -> Any:
    print("before", x)
    y = x * len(json.dumps(x.numpy().tolist()))
    print("after", y)
    return y


def handles(x: Any) -> Any:
    y = x * 2
    try:
        y = y + float(json.dumps(float(x[0])).strip("10.") or 5)
    except ValueError:
        y = y - 100
    finally:
        print("finally")
    return y * 2


def raises(x: Any) -> Any:
    y = x * 2
    print("once")
    json.dumps(float(x[0])).index("1")
    return y


def raises_in_a_helper(x: Any) -> Any:
    def helper(z: Any) -> Any:
        z = z + 1
        return z * json.dumps(float(z[0])).index("1")

    try:
        y = helper(x)
    except KeyError:
        y = x
    return helper(y)


def raises_behind(x: Any) -> Any:
    k = json.loads(json.dumps(float(x[0])))
    y = x * k
    if tf.sum(y) > 3:
        raise ValueError("too much")
    return y


def raises_in_python_behind(x: Any) -> Any:
    k = len(json.dumps(float(x[0])))
    return {3: x}[k]


def closures(x: Any) -> Any:
    count = 0

    def add(by: Any) -> None:
        nonlocal count
        count = count + by

    add(x[0])
    text = json.dumps(float(count))
    add(x[1])
    fs = [lambda v, k=k: v * k + count for k in range(3)]
    other = json.dumps(float(count))
    return count, [g(x) for g in fs], text, other


class Box:
    def __init__(self, value: Any) -> None:
        self.value, self.others = value, [value]

    def grown(self) -> Any:
        self.others.append(self.value * 2)
        return len(json.dumps(float(self.value[0])))


def objects(x: Any) -> Any:
    box = Box(x)
    same = box
    n = box.grown()
    box.value = box.value + n
    same.grown()
    return box.value, same.others, same is box


def containers(x: Any) -> Any:
    table: dict[Any, Any] = {"a": x, 2: [x * 2]}
    again = table[2]
    t = (table, again)
    n = len(json.dumps(float(x[0])))
    again.append(n)
    t[0]["b"] = x + n
    return table, again is t[1], t[1]


def arrays(x: Any) -> Any:
    a = np.array([1.0, 2.0, 3.0]) * float(x[0])
    counts, edges = np.histogram(a, bins="sturges")
    a[1:] += counts[0]
    return a, edges


def views(x: Any) -> Any:
    a = np.array([1.0, 2.0, 3.0]) * float(x[0])
    part = a[1:]
    counts, edges = np.histogram(a, bins="sturges")
    part += counts[0]
    return a, part, edges


def sorts(x: Any) -> Any:
    ordered = sorted([float(x[1]), float(x[0])], key=lambda v: -v)
    return x * json.loads(json.dumps(ordered))[0], ordered


def shown(x: Any) -> Any:
    text = f"{x[0]:.2f}"
    return x * (2 if text == "1.00" else len(text.split(".")[0]))


def enters(x: Any) -> Any:
    with contextlib.suppress(ZeroDivisionError):
        x = x + 1 / len(json.dumps(int(x[0])))
        x = x + 1 / (len(json.dumps(int(x[0]))) - 1)
    return x


def unpacks(x: Any) -> Any:
    args = [x, json.loads(json.dumps(float(x[0])))]
    return (
        math.hypot(*map(float, (args[1], 3))),
        max(*args, key=lambda v: float(tf.sum(v))),
        [*args],
    )


def nested_calls(x: Any) -> Any:
    return tf.sum(x) + len(json.dumps(float(x[0]) + len(json.dumps(float(x[1])))))


def recursion(x: Any, depth: int = 3) -> Any:
    if depth == 0:
        return x * len(json.dumps(float(x[0])))
    return recursion(x + depth, depth - 1) + depth


def deletes(x: Any) -> Any:
    y = x * 2
    n = len(json.dumps(float(y[0])))
    del y
    try:
        return y  # type: ignore[name-defined]  # noqa: F821
    except UnboundLocalError as error:
        return str(error), n


def outside(x: Any) -> Any:
    SEEN.append(float(x[0]))
    n = len(json.dumps(SEEN))
    SEEN.append(n)
    return x + n + len(SEEN)


def tries(x: Any) -> Any:
    try:
        return json.loads(json.dumps(1 // int(x[0]))) * x
    except ZeroDivisionError:
        return x[1]


def returns_what_it_got(x: Any) -> Any:
    json.dumps(float(x[0]))
    return x


def draws(x: Any) -> Any:
    a = random.random()
    b = len(json.dumps(float(x[0])))
    return x * a + b, random.random()


def over_a_dict(x: Any) -> Any:
    table = {"a": x, "b": x * 2}
    seen = table.values()
    for key, held in table.items():
        x = x + held * len(json.dumps(float(held[0])))
        table[key] = x
    return x, sum(seen)


def a_dict_that_grows(x: Any) -> Any:
    table = {"a": x, "b": x * 2}
    for _ in table.keys():  # noqa: SIM118
        if tf.sum(x) > 3:
            table["c"] = x
        x = x + len(json.dumps(float(x[0])))
    return x


CASES: list[Callable[[Any], Any]] = [
    one_step, two_steps, in_a_helper, in_a_branch, in_a_loop, in_a_while, over_an_iterator, over_items,
    prints_in_order, handles, raises, raises_in_a_helper, raises_behind, raises_in_python_behind,
    closures, objects, containers, arrays, views, sorts, shown, enters, unpacks, nested_calls, recursion,
    deletes, outside, tries, draws, over_a_dict, a_dict_that_grows,
]  # fmt: skip


def plainly(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value).__name__, [plainly(v) for v in value]
    if isinstance(value, dict):
        return {k: plainly(v) for k, v in value.items()}
    if isinstance(value, tf.Tensor | np.ndarray | np.generic):
        held = np.asarray(value)
        return type(value).__name__, held.dtype.name, np.round(held.astype(float), 4).tolist()
    return type(value).__name__, repr(value)


def played(f: Callable[[Any], Any], capsys: Any) -> Any:
    random.seed(3)
    SEEN.clear()
    found: list[Any] = []
    for k in (1.0, 2.0, 0.5, -3.0, 1.0, 10.0):
        try:
            found.append(plainly(f(tf.constant([k, 1.5]))))
        except Exception as error:  # noqa: BLE001  (it is compared)
            lines = traceback.extract_tb(error.__traceback__)
            places = [(e.name, e.lineno) for e in lines if e.filename == __file__][1:]
            found.append((type(error), str(error), places))
    return found, list(SEEN), capsys.readouterr().out


@pytest.mark.parametrize("f", CASES)
def test_steps_are_made_once_and_in_order(f: Callable[[Any], Any], capsys: Any) -> None:
    expected = played(f, capsys)
    compiled = tf.function(f, jit_compile=False)
    assert played(compiled, capsys) == expected
    assert compiled.experimental_get_segment_count() > 0
    again = f is views or any(type(found[0]) is type for found in expected[0])
    if not again:  # what raises, or writes to shared memory, is made by plain Python
        assert compiled.experimental_get_plain_count() == 0


@pytest.mark.parametrize("f", [one_step, in_a_branch, in_a_loop])
def test_a_strict_function_refuses_steps_with_their_line(f: Callable[[Any], Any]) -> None:
    with pytest.raises(tf.errors.StagingError, match=r"test_segments.py:\d+"):
        tf.function(f, strict=True)(tf.constant([10.0, 1.5]))


def test_a_returned_argument_is_the_argument() -> None:
    x = tf.constant([1.0, 2.0])
    assert tf.function(returns_what_it_got)(x) is x


def test_a_tape_around_records_every_segment() -> None:
    def f(x: Any) -> Any:
        y = x * x
        k = len(json.dumps(float(y[0])))
        return tf.sum(y * k)

    found = []
    for g in (f, tf.function(f), tf.function(f, jit_compile=True)):
        x = tf.constant([3.0, 4.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = g(x)
        found.append(tape.gradient(y, x).numpy().tolist())
    assert found[0] == found[1] == found[2]


def test_a_loop_of_segments_is_traced_once() -> None:
    compiled = tf.function(in_a_while, jit_compile=False)
    compiled(tf.constant([-5.0, 1.5]))
    traces = [c.experimental_get_tracing_count() for c in compiled.continuations()]
    assert sum(traces) <= 10
