"""Random Python programs give what plain Python gives; what a fault of the interpreter is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import python_programs
from support.same import outcome

import twofold as tf


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_random_programs_agree_with_plain_python(start: int) -> None:
    for seed in range(start, start + 10):
        python_programs.run(seed)


@pytest.mark.parametrize("start", (0, 5, 1100))
def test_random_programs_with_arrays_in_objects_agree_with_plain_python(start: int) -> None:
    for seed in range(start, start + 5):
        python_programs.run(seed, kind="held")


def test_a_number_of_the_call_stays_one_in_a_loop() -> None:
    def f(n, p, v):  # type: ignore[no-untyped-def]
        j, k = 0, p * 2
        while j < n:
            j += 1
            v = v + k
            k = p
        return v, k

    compiled = tf.function(f, jit_compile=False, strict=True)
    for n in (0, 2):
        got, k = compiled(tf.constant(n), 3, tf.constant([1.0]))
        want, plain = f(tf.constant(n), 3, tf.constant([1.0]))
        assert got.numpy().tolist() == want.numpy().tolist()
        assert k == plain


def test_rows_of_an_array_and_items_of_a_dict_are_walked_over() -> None:
    def f(a, x):  # type: ignore[no-untyped-def]
        table = {"a": x, "b": x * 2}
        for row in a:
            if row > 1:
                x = x + row
        for value in table.values():
            if value > 3:
                break
            x = x - value
        return x

    compiled = tf.function(f, jit_compile=False, strict=True)
    for start in (0.5, 2.0, 4.0):
        a, x = np.array([1.0, 2.0, 5.0]), tf.constant(np.float64(start))
        assert compiled(a, x).numpy() == f(a, x).numpy()
    assert compiled.experimental_get_tracing_count() == 1


def test_what_a_call_wrote_before_an_exception_stays() -> None:
    def f(x, v):  # type: ignore[no-untyped-def]
        v[0] = v[0] + 1
        if x > 0:
            raise ValueError("late")
        return v

    compiled = tf.function(f, jit_compile=False)
    v = tf.constant([1.0, 2.0])
    with pytest.raises(ValueError, match="late"):
        compiled(tf.constant(1.0), v)
    assert v.numpy().tolist() == [2.0, 2.0]


def maybe(x: Any) -> Any:
    return x if x > 1 else None


def none_or_pair(x: Any) -> Any:
    if x > 0:
        return None
    return x, 1


def text_or_tensor(x: Any) -> Any:
    for _ in range(5):
        if x > 3:
            return "big"
        x = x + 1
    return x


def helper_gives_none(x: Any) -> Any:
    y = maybe(x)
    z = x * 2
    if y is None:
        z = z + 1
    return z


def float_or_tensor(x: Any) -> Any:
    s = 0.0
    if x > 0:
        s = x
    return s


def grown(x: Any) -> Any:
    items = [x]
    if x > 0:
        items.append(x * 2)
    return items, len(items)


def other_keys(x: Any) -> Any:
    table = {}
    if x > 0:
        table["a"] = x
    else:
        table["b"] = -x
    return table


def two_exceptions(x: Any) -> Any:
    if x > 0:
        if x > 1:
            raise ValueError("large")
        raise KeyError("small")
    return x


@pytest.mark.parametrize(
    "f",
    [
        none_or_pair, text_or_tensor, helper_gives_none, float_or_tensor, grown, other_keys,
        two_exceptions,
    ],
)  # fmt: skip
@pytest.mark.parametrize("jit", [False, True])
def test_ways_that_leave_values_of_several_types(f: Any, jit: bool) -> None:
    compiled = tf.function(f, jit_compile=jit, strict=True)
    for x in (-9.0, -1.0, 0.5, 3.0):
        got = outcome(lambda x=x: compiled(tf.constant(x)))  # type: ignore[misc]
        want = outcome(lambda x=x: f(tf.constant(x)))  # type: ignore[misc]
        assert repr(got) == repr(want)
    assert compiled.experimental_get_tracing_count() == 1


def test_zip_ends_with_the_shortest_tensor() -> None:
    def f(v, w):  # type: ignore[no-untyped-def]
        s = v[0] * 0
        for a, b in zip(v, w):  # noqa: B905  (the shortest ends it)
            s = s + a * b
        return s

    compiled = tf.function(f, jit_compile=False, strict=True)
    v, w = tf.constant([1.0, 2.0, 3.0]), tf.constant([1.0, 2.0])
    assert compiled(v, w).numpy() == f(v, w).numpy() == compiled(w, v).numpy()


def test_a_number_of_the_graph_is_written_into_an_array() -> None:
    def f(a, x):  # type: ignore[no-untyped-def]
        a[1] = float(x * 2)
        a[0] = 3 if x > 1 else 4
        return a

    a, b = np.arange(3.0), np.arange(3.0)
    tf.function(f, jit_compile=False, strict=True)(a, tf.constant(3.0))
    assert a.tolist() == f(b, tf.constant(3.0)).tolist()


def test_code_that_goes_on_by_itself_on_too_many_ways_is_decided_by_python() -> None:
    lines = [f"if x > {i}: items[{i}] = x" for i in range(12)]
    space: dict[str, Any] = {}
    exec("def f(x):\n items = {}\n " + "\n ".join(lines) + "\n return items", space)
    compiled = tf.function(space["f"], jit_compile=False)
    assert len(compiled(tf.constant(3.5))) == 4
    assert compiled.experimental_get_segment_count() > 0


def test_what_the_only_way_that_does_not_raise_leaves_behind() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        shared, k = x, 0

        def add(by):  # type: ignore[no-untyped-def]
            nonlocal shared
            shared = shared + by

        if x > 0:
            if x > 5:
                raise ValueError("large")
            add(x * 2)
            k = int(x)
        return shared, k

    compiled = tf.function(f, jit_compile=False, strict=True)
    for x in (-1.0, 2.0, 7.0):
        got = outcome(lambda x=x: compiled(tf.constant(x)))  # type: ignore[misc]
        assert repr(got) == repr(outcome(lambda x=x: f(tf.constant(x))))  # type: ignore[misc]


def test_a_return_leaves_loops_in_loops() -> None:
    def f(x, v):  # type: ignore[no-untyped-def]
        items = [x]
        for a in v:
            for j in range(3, 0, -1):
                if a * j > 8:
                    return [a, items], j
            x = x + a
        return x

    compiled = tf.function(f, jit_compile=False)
    for last in (1.0, 3.0, 9.0):
        v = tf.constant([1.0, last, 2.0])
        assert repr(compiled(tf.constant(1.0), v)) == repr(f(tf.constant(1.0), v))


def test_a_variable_without_a_value_before_the_loop_that_reads_it() -> None:
    def f(v, x):  # type: ignore[no-untyped-def]
        for a in v:
            if a > 0:
                x = x + late  # noqa: F821  (it has none at first)
            late = 3.0  # noqa: F841
        return x

    compiled = tf.function(f, jit_compile=False)
    for first in (-1.0, 1.0):
        v, x = tf.constant([first, 2.0, 3.0]), tf.constant(1.0)
        got, want = outcome(lambda v=v, x=x: compiled(v, x)), outcome(lambda v=v, x=x: f(v, x))  # type: ignore[misc]
        assert repr(got) == repr(want)
