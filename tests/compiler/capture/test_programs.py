"""Random Python programs give what plain Python gives; what a fault of the interpreter is."""

from __future__ import annotations

import numpy as np
import pytest
from support import python_programs

import twofold as tf


@pytest.mark.parametrize("start", range(0, 40, 10))
def test_random_programs_agree_with_plain_python(start: int) -> None:
    for seed in range(start, start + 10):
        python_programs.run(seed)


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
