"""Calls that NumPy refuses, or of which it makes something else than an op: plain Python answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.same import compare, program

import twofold as tf
from twofold.compiler.ndarrays import protocol

PROGRAMS = [
    "np.matmul(a, a[0], out=a)",
    "np.matmul(a.T, a, out=a)",
    "a[0] = 1\na @= a[0]",
    "b = a[0]\nb @= [1, 2, 3]",
    "a[0].__imatmul__(a[1])",
    "np.take(a[0], [0, 1], out=a[0, 0])",
    "return np.take(a[:0], [0, 5], axis=1)",
    "return np.concatenate([a.astype('f4'), 0], axis=None)",
    "return a.byteswap()",
    "a.byteswap(inplace=True)",
    "for x in np.nditer(a, op_flags=['readwrite']):\n    x[...] = 2 * x",
    "return np.vectorize(lambda x: x + 1)(a)",
    "return np.frompyfunc(abs, 1, 1)(a).astype(float)",
    "return a.astype('q'), np.zeros(2, 'Q'), np.ones(2, np.longlong)[0], a.astype(int) + np.longlong(1)",
    "return np.int64(3) + np.longlong(4), np.ulonglong(2) * a.astype('L')",
    "return a.view('i8'), a.view(np.uint8)",
    "return a.astype('>f8').dtype.str, a.astype(object).dtype.char",
    "return np.unique(a)",
    "i = np.argmax(a[0])\nb = a[:, i]\nb[0] = 7\nreturn b",
    "a.flags.writeable = False\nnp.add.at(a, 0, 1)",
    "with np.errstate(divide='raise'):\n    return a / 0",
    "del a[0]",
    "np.concatenate([a[1:], a[:1]], out=a)",
    "np.take(a, [1, 0], axis=0, out=a[::-1])",
    "np.sum(a, axis=0, out=5)",
    "np.hypot.reduce(a.astype('f2'), axis=0, out=a[0])",
    "np.cumsum(a.astype('f2'), axis=0, out=a)",
    "a[np.where(a > 2)] *= -1\nreturn np.nonzero(a), np.array_equal(a, a)",
    "return f'{a.shape} {a[0].shape}', round(a[0, 0] / 3, 1)",
    "try:\n    np.add(a, [1, 2], out=a)\nexcept ValueError:\n    a[0] = 1",
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_program_without_ops_is_what_plain_python_makes_of_it(text: str) -> None:
    compare(program(text), np.arange(1.0, 7.0).reshape(2, 3))


@pytest.mark.parametrize("kind", ["l", "q", "L", "Q"])
def test_long_and_long_long_are_told_apart(kind: str) -> None:
    f = tf.function(lambda a: (a + 1, a[0]))
    for char in ("l", "L", kind):
        given = np.arange(3).astype(char)
        made, first = f(given)
        assert (made.dtype.char, type(first)) == (char, type(given[0]))


@pytest.mark.parametrize("wrong", [
    lambda x: x.astype("f4"), lambda x: x[1:], lambda x: x.copy("F"), lambda x: x[:],
])  # fmt: skip
def test_a_handler_that_is_wrong_is_found_out(wrong: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(protocol.METHODS, "copy", lambda x, order="C": wrong(x))
    a = np.arange(6.0).reshape(2, 3)
    made = tf.function(lambda a: a.copy())(a)
    assert (made.dtype, made.strides) == (a.dtype, a.strides)
    assert made.tolist() == a.tolist() and not np.shares_memory(made, a)


def test_what_numpy_is_shown_leaves_the_trace_as_it_is() -> None:
    f = tf.function(lambda a, b: (np.add(a, b, out=a), a.sort(), a[b > 1].sum()))
    assert f.graph(np.ones(3), np.arange(3.0)).nodes
    assert [f(np.ones(n), np.arange(float(n)))[2] for n in (3, 4, 5)] == [3.0, 7.0, 12.0]
    assert f.experimental_get_tracing_count() == 1
