"""Objects that NumPy makes arrays of by a protocol, often in the object's own memory: what is
written there arrives, and what it holds at each call is read."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import outcome

import twofold as tf


class ByMethod:
    def __init__(self) -> None:
        self.a = np.arange(4.0)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.a if dtype is None else self.a.astype(dtype)


class ByInterface:
    def __init__(self) -> None:
        self.a = np.arange(4.0)

    @property
    def __array_interface__(self) -> Any:
        return self.a.__array_interface__


OWNERS: dict[str, Callable[[], Any]] = {
    "__array__": ByMethod,
    "__array_interface__": ByInterface,
    "array.array": lambda: array.array("d", range(4)),
    "memoryview": lambda: memoryview(array.array("d", range(4))),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "an item": lambda x: np.asarray(x).__setitem__(0, 77),
    "in place": lambda x: np.asanyarray(x).__iadd__(5),
    "out": lambda x: np.add(np.asarray(x), 1, out=np.ascontiguousarray(x)),
    "no copy": lambda x: np.array(x, copy=None).fill(3),
}
READS: dict[str, Callable[[Any], Any]] = {
    "asarray": lambda x: np.asarray(x) * 2,
    "a copy": lambda x: np.array(x) * 2,
    "a sum": np.sum,
    "a ufunc": lambda x: np.add(x, 1),
    "an operand": lambda x: np.ones(4) + x,
    "a comparison": lambda x: np.ones(4) < x,
    "a value": lambda x: np.stack([np.zeros(4), x]),
    "items of a list": lambda x: np.array([x, x]),
    "a tensor": lambda x: tf.constant(x) * 2,
    "an operand of a tensor": lambda x: tf.ones(4, tf.float64) + x,
}


def held(x: Any) -> list[float]:
    found: list[float] = np.asarray(x).tolist()
    return found


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("owner", OWNERS)
def test_what_is_written_arrives(owner: str, write: str, jit: bool) -> None:
    f = tf.function(WRITES[write], jit_compile=jit)
    plain, given = OWNERS[owner](), OWNERS[owner]()
    for _ in range(2):
        WRITES[write](plain)
        outcome(lambda: f(given))
        assert held(given) == held(plain)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("owner", OWNERS)
def test_what_it_holds_at_each_call_is_read(owner: str, read: str, jit: bool) -> None:
    f = tf.function(READS[read], jit_compile=jit)
    given = OWNERS[owner]()
    for value in (5.0, 6.0, 7.0):
        np.asarray(given)[1] = value
        np.testing.assert_array_equal(outcome(lambda: f(given)), READS[read](given))


@pytest.mark.parametrize("jit", [False, True])
def test_frombuffer_is_a_view(jit: bool) -> None:
    f = tf.function(lambda x: np.frombuffer(x, np.uint8).fill(7), jit_compile=jit)
    given = bytearray(3)
    for _ in range(2):
        outcome(lambda: f(given))
        assert given == b"\x07\x07\x07"
        given[:] = b"\0\0\0"


@pytest.mark.parametrize("jit", [False, True])
def test_arguments_may_be_views_of_each_other_at_any_call(jit: bool) -> None:
    f = tf.function(lambda a, b: (np.shares_memory(a, b), a + 1), jit_compile=jit)
    a = np.arange(6.0)
    for b in (a[:2], np.arange(2.0), a[3:], a[1:].copy(), a):
        assert outcome(lambda: f(a, b))[0] == np.shares_memory(a, b)  # noqa: B023


@pytest.mark.parametrize("strict", [False, True])
def test_rows_of_a_view_are_written_in_a_loop(strict: bool) -> None:
    def f(a: Any) -> Any:
        for i, row in enumerate(a.T):
            row += i
        return a

    a, b = np.zeros((3, 40)), np.zeros((3, 40))
    assert tf.function(f, strict=strict)(a) is a
    np.testing.assert_array_equal(a, f(b))
