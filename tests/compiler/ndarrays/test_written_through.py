"""Writes that are made in the caller's memory: the same elements, and no array is copied."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.passes.schedule import schedule
from twofold.compiler.pipeline import run
from twofold.compiler.planned import step_of
from twofold.ir.step import Argument

Array = np.ndarray[Any, Any]


def shifted(a: Array, b: Array) -> None:
    a -= 1.5


def scaled(a: Array, b: Array) -> Any:
    a -= a.mean()
    a /= a.std()
    return a @ b


def element(a: Array, b: Array) -> None:
    a[3] = b[0]


def window(a: Array, b: Array) -> Any:
    a[2:5] += b[2:5]
    return a[1:6].sum()


def filled(a: Array, b: Array) -> None:
    a[...] = b * 2 + 1


def masked(a: Array, b: Array) -> None:
    a[b > 0.5] = 0


def rows(a: Array, b: Array) -> Any:
    a[[1, 1, 4]] = b[:3]
    return a


def into(a: Array, b: Array) -> None:
    np.add(a, b, out=a)


def neighbours(a: Array, b: Array) -> None:
    a[1:] = a[:-1] + b[1:]


def returned(a: Array, b: Array) -> Any:
    a += b
    return a.copy()


def old(a: Array, b: Array) -> Any:
    before = a * 1
    a += b
    return before


def swapped(a: Array, b: Array) -> None:
    a[:], b[:] = b, a


def both(a: Array, b: Array) -> Any:
    a += 1
    b[:] = a
    a *= b
    return a.sum()


def taken(a: Array, b: Array) -> Any:
    before = tf.convert_to_tensor(a)
    a += 1
    return before, tf.convert_to_tensor(a)


PROGRAMS = [shifted, scaled, element, window, filled, masked, rows, into, neighbours, returned,
            old, swapped, both, taken]  # fmt: skip
IN_PLACE = [shifted, scaled, element, window, filled, masked, rows, into]


def pairs(n: int) -> tuple[Array, Array]:
    made = np.random.default_rng(5)
    return made.random(n), made.random(n)


def strided(n: int) -> tuple[Array, Array]:
    a, b = pairs(2 * n)
    return a[::2], b[::-2]


def halves(n: int) -> tuple[Array, Array]:
    a, b = pairs(n)
    return a.astype(np.float32), b.astype(np.float32)


def misaligned(n: int) -> tuple[Array, Array]:
    a, b = pairs(n)
    room = np.zeros(8 * n + 1, np.uint8)[1:].view(np.float64)
    room[:] = a
    return room, b


def one_memory(n: int) -> tuple[Array, Array]:
    a, _ = pairs(n + 1)
    return a[:-1], a[1:]


CASES = [(program, pairs) for program in PROGRAMS]
CASES += [(p, kind) for p in (window, both, taken)
          for kind in (strided, halves, misaligned, one_memory)]  # fmt: skip


def values(result: Any) -> list[Array]:
    parts = result if isinstance(result, tuple) else () if result is None else (result,)
    return [np.array(part) for part in parts]


@pytest.mark.parametrize(
    ("program", "kind"), CASES, ids=[f"{p.__name__}-{kind.__name__}" for p, kind in CASES]
)
def test_a_call_writes_what_python_writes(
    program: Callable[..., Any], kind: Callable[[int], tuple[Array, Array]]
) -> None:
    compiled = tf.function(program, jit_compile=True)
    for _ in range(2):
        want, given = kind(11), kind(11)
        expected, result = program(*want), compiled(*given)
        for x, y in zip([*want, *values(expected)], [*given, *values(result)], strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-6)
        assert (result is given[0]) == (expected is want[0])


@pytest.mark.parametrize("program", IN_PLACE, ids=lambda f: f.__name__)
def test_what_is_updated_lies_in_the_memory_of_the_argument(program: Callable[..., Any]) -> None:
    concrete = tf.function(program, jit_compile=True).get_concrete_function(*pairs(11))
    places = [p for node in run(concrete.graph).nodes for p in step_of(node).places]
    assert Argument(0) in places


@pytest.mark.parametrize("program", [element, window], ids=lambda f: f.__name__)
def test_a_write_to_a_few_elements_makes_no_array_as_large_as_theirs(
    program: Callable[..., Any],
) -> None:
    a, b = pairs(200_000)
    compiled = tf.function(program, jit_compile=True)
    compiled(a, b)
    tracemalloc.start()
    try:
        compiled(a, b)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < a.nbytes / 4


def test_an_exception_leaves_the_writes_that_python_has_made() -> None:
    def solved(a: Array, x: Array) -> Any:
        a += 1
        y = np.linalg.inv(x)
        a *= 2
        return y

    compiled = tf.function(solved, jit_compile=True)
    good, bad = np.eye(2), np.zeros((2, 2))
    for x in (good, bad, good, bad):
        want, given = np.arange(3.0), np.arange(3.0)
        outcomes = []
        for f, a in ((solved, want), (compiled, given)):
            try:
                f(a, x)
                outcomes.append("")
            except np.linalg.LinAlgError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
        np.testing.assert_array_equal(given, want)


def test_an_array_that_may_not_be_written_to_keeps_its_elements(tmp_path: Path) -> None:
    compiled = tf.function(shifted, jit_compile=True)
    a, b = pairs(11)
    compiled(a.copy(), b)  # traced for an array that may be written to
    np.save(tmp_path / "a.npy", a)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    fixed = a.copy()
    fixed.flags.writeable = False
    for x in (mapped, fixed):
        with pytest.raises(ValueError, match="read-only"):
            compiled(x, b)
        np.testing.assert_array_equal(x, a)


def test_a_file_in_memory_is_written_to(tmp_path: Path) -> None:
    a, b = pairs(11)
    np.save(tmp_path / "a.npy", a)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r+")
    tf.function(shifted, jit_compile=True)(mapped, b)
    mapped.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), a - 1.5)


def test_arrays_in_attributes_are_updated_where_they_lie() -> None:
    class Field:
        def __init__(self) -> None:
            self.u = np.arange(6.0)

        def step(self) -> None:
            self.u[2:4] += 1
            self.u *= 2

    plain, field = Field(), Field()
    u, step = field.u, tf.function(Field.step, jit_compile=True)
    for _ in range(3):
        plain.step()
        step(field)
    assert field.u is u
    np.testing.assert_array_equal(u, plain.u)


def test_a_plan_names_the_argument_and_is_read_back() -> None:
    from twofold.ir.parser import parse

    graph = parse("""
    graph f(%a: f32[n], %written: ref f32[n] of argument0) {
      %b: f32[n] = fused(%a) {dims=(<n>,), reduced=()}
        region kernel(%a: f32[n]) {
          %0 = exp(%a)
          return %0
        }
      assign(%written, %b)
      return
    }
    """)
    planned = schedule(graph)
    text = str(planned)
    assert "by kernel in argument0" in text and "ref f32[n] of argument0" in text
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "program",
    [lambda a: a[[1, 5]], np.cumsum, lambda a: np.roll(a, 1), lambda a: a[::-1] * 2.0],
    ids=["rows", "cumsum", "roll", "reversed"],
)
def test_what_is_returned_is_not_copied_and_no_argument_is(program: Callable[..., Any]) -> None:
    a, _ = pairs(200_000)
    compiled = tf.function(program, jit_compile=True)
    want = program(a)
    np.testing.assert_allclose(compiled(a), want, rtol=1e-9)
    tracemalloc.start()
    try:
        result = compiled(a)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < want.nbytes + a.nbytes / 4
    result[0] = 7.0  # it is the caller's
    np.testing.assert_allclose(compiled(a), want, rtol=1e-9)


def test_a_view_that_is_returned_with_the_array_behind_it_shares_its_memory() -> None:
    def program(a: Array) -> tuple[Array, Array]:
        b = np.cumsum(a)
        return b, b[1:]

    whole, part = tf.function(program, jit_compile=True)(np.arange(5.0))
    whole[1] = 50.0
    assert part[0] == 50.0
