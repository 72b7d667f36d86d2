"""``if``, ``while`` and ``for`` by values become parts of the graph."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

C = tf.constant


def branch(x: Any) -> Any:
    y = x * 2 if x > 0 else -x
    return y + 1


def early_return(x: Any) -> Any:
    if x > 0:
        return x * 2
    return x - 1


def chain(x: Any) -> Any:
    if x > 0:
        a = 1
    elif x < 0:
        a = 2
    else:
        a = 3
    return x * a


def number(x: Any) -> Any:
    return 1 if x > 0 and x < 5 else 2


def summed(n: Any) -> Any:
    i = s = 0
    while i < n:
        s += i
        i += 1
    return s


def halved(x: Any) -> Any:
    while x > 1:
        x = x / 2
    return x


def forever(n: Any) -> Any:
    i = C(0)
    while True:
        i = i + 1
        if i > n:
            break
        if i == 100:
            return i * 2
    return i


def rows(x: Any) -> Any:
    s = 0.0
    for row in x:
        s = s + row
    return s


def prime(n: Any) -> Any:
    for i in range(2, n):  # noqa: SIM110  (the loop is the point)
        if n % i == 0:
            return False
    return True


def collatz(n: Any) -> Any:
    k = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        k += 1
    return k


def of_mapping(x: Any) -> Any:
    match {"kind": "a", "x": x * 2}:
        case {"kind": "a", "x": y, "z": _} if y > 2:
            return y * 3
        case {"kind": "a", "x": y} if y > 2:
            return y
    return x


def newton(a: Any) -> Any:
    x = a
    for _ in range(50):
        x = 0.5 * (x + a / x)
    return x


def with_else(x: Any) -> Any:
    for _ in range(5):
        if x > 10:
            break
        x = x * 2
    else:
        return x
    return -x


def maybe_none(x: Any) -> Any:
    y = None
    if x > 0:
        y = x
    return x * 0 if y is None else y


def bubble_sort(x: Any) -> Any:
    n = x.shape[0]
    for i in range(n):
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                a, b = x[j], x[j + 1]
                x[j], x[j + 1] = b, a
    return x


def raises(x: Any) -> Any:
    if x < 0:
        raise ValueError("negative")
    return x


def into_a_dict(x: Any) -> Any:
    found = {"a": x}
    if x > 0:
        found["a"] = x * 2
    return found


def triangle(n: Any) -> Any:
    total = 0
    for i in range(n):
        for j in range(i):
            total += i * j
    return total


def counter(x: Any) -> Any:
    n = 0

    def add() -> None:
        nonlocal n
        n += 1

    while x > 1:
        x = x / 2
        add()
    return n


ONE = [C(3.0), C(-3.0), C(0.0)]
PROGRAMS: list[tuple[Callable[[Any], Any], list[Any]]] = [
    (branch, ONE), (early_return, ONE), (chain, ONE), (number, [*ONE, C(7.0)]),
    (summed, [C(10), C(0)]), (halved, [C(10.0), C(0.5)]), (forever, [C(3), C(10), C(200)]),
    (rows, [C([1.0, 2.0, 3.0])]), (prime, [C(7), C(91), C(97), C(2)]), (collatz, [C(27), C(1)]),
    (of_mapping, ONE), (newton, [C(5.0)]), (with_else, [C(3.0), C(-1.0)]), (maybe_none, ONE),
    (bubble_sort, [C([3.0, 1.0, 2.0]), C([2.0, 1.0, 5.0, 4.0])]), (raises, ONE),
    (into_a_dict, ONE), (triangle, [C(4), C(0), C(9)]), (counter, [C(10.0), C(0.5)]),
]  # fmt: skip


def outcome(function: Any, x: Any) -> Any:
    try:
        found = function(copy.copy(x))
    except ValueError as error:
        return repr(error)
    if isinstance(found, dict):
        return {k: (str(v.dtype), v.numpy().tolist()) for k, v in found.items()}
    if isinstance(found, tf.Tensor):
        return str(found.dtype), np.asarray(found.numpy()).tolist()
    return type(found), found


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("function", "inputs"), PROGRAMS)
def test_control_flow_by_values_gives_what_python_gives(
    function: Any, inputs: list[Any], jit: bool
) -> None:
    compiled = tf.function(function, jit_compile=jit, strict=True)
    for x in inputs:
        assert outcome(compiled, x) == outcome(function, x)
    sizes = {x.shape for x in inputs}
    assert compiled.experimental_get_tracing_count() <= len(sizes)


def test_loops_and_branches_have_gradients() -> None:
    def f(x: Any) -> Any:
        y = x
        while y < 100:
            y = y * x if y > 2 else y + x
        return y

    for compiled in (f, tf.function(f, strict=True), tf.function(f, jit_compile=True, strict=True)):
        x = C(3.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = compiled(x)
        assert (y.item(), tape.gradient(y, x).item()) == (243.0, 405.0)


def test_print_shows_values_on_each_call(capsys: pytest.CaptureFixture[str]) -> None:
    @tf.function(jit_compile=False, strict=True)
    def f(x: Any) -> Any:
        print("x is", x, x.shape)
        return x * 2

    for n in (1, 2):
        f(tf.ones(n))
    printed = capsys.readouterr().out
    f.python_function(tf.ones(1))
    f.python_function(tf.ones(2))
    assert printed == capsys.readouterr().out


def test_what_is_not_staged_is_a_step_of_python() -> None:
    f = tf.function(lambda x: (x * 2).tolist())
    assert f(C([1.0])) == [2.0]
    assert f(C([2.0])) == [4.0]
    assert f.experimental_get_segment_count() == 2
    assert "test_control_flow.py" in f.explain()


def test_what_no_step_can_be_in_runs_as_plain_python_with_one_warning() -> None:
    def numbers(x: Any) -> Any:
        yield x.tolist()

    f = tf.function(lambda x: next(numbers(x)))
    with pytest.warns(UserWarning, match=r"test_control_flow\.py:\d+"):
        assert f(C([1.0])) == [1.0]
    assert f(C([2.0])) == [2.0]


def test_a_with_that_is_given_up_is_left() -> None:
    lock, settings = threading.Lock(), np.geterr()

    @tf.function
    def f(x: Any) -> Any:
        with np.errstate(all="raise"), lock:
            return x.tolist()

    with pytest.warns(UserWarning, match="plain Python"):
        assert f(C([1.0])) == [1.0]
    assert not lock.locked()
    assert np.geterr() == settings


def test_a_with_around_a_branch_is_entered_and_left_once() -> None:
    lock = threading.Lock()

    @tf.function(strict=True)
    def f(x: Any) -> Any:
        with lock:
            y = x if x > 0 else -x
        return y * 2

    assert f(C(-2.0)).item() == 4.0
    assert not lock.locked()


def test_a_loop_whose_trips_never_have_one_form_is_driven_by_python() -> None:
    def f(x: Any, n: Any) -> Any:
        text, i = "", 0
        while i < n:
            text += "a"
            i += 1
        return x * len(text), text

    compiled = tf.function(f, jit_compile=False)
    assert compiled(C(1.0), C(4))[1] == "aaaa"
    assert compiled(C(1.0), C(7))[1] == "aaaaaaa"
    assert compiled.experimental_get_plain_count() == 0
    with pytest.raises(tf.errors.StagingError, match="test_control_flow"):
        tf.function(f, strict=True)(C(1.0), C(4))


def test_a_float_argument_meets_a_number_of_the_graph() -> None:
    @tf.function(jit_compile=False)
    def f(x: Any, rate: float) -> Any:
        while x > 1:
            x = x * rate
        return [v / (1 - rate**t) for t, v in enumerate(tf.reshape(x, (1,)), 1)]

    for rate in (0.5, 0.25):
        assert f(C(3.0), rate)[0].item() == f.python_function(C(3.0), rate)[0].item()


def test_the_last_of_known_items_is_followed_by_none_where_a_value_may_raise():
    def f(x, limit):
        for _ in range(2):
            if x < limit:
                for name, item in {"x": x}.items():
                    if item < 0:
                        raise KeyError(name)
        return x

    compiled = tf.function(f, strict=True)
    assert compiled(tf.constant(1.0), 2.0) == 1.0
    with pytest.raises(KeyError, match="x"):
        compiled(tf.constant(-1.0), 2.0)
