"""``type(x)``, ``x.__class__`` and what Python makes of them: values of the graph and sizes are of
the classes that they are of without the decorator, and numbers stay inputs."""

from __future__ import annotations

import dataclasses
import enum
import functools
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.modes import MODES

import twofold as tf


@functools.singledispatch
def number_of(x: Any) -> float:
    return 1.0


number_of.register(int, lambda x: 2.0)
number_of.register(float, lambda x: 3.0)
number_of.register(tf.Tensor, lambda x: 4.0)
number_of.register(np.ndarray, lambda x: 5.0)


def matched(x: Any) -> float:
    match x:
        case int():
            return 2.0
        case tf.Tensor() | np.ndarray():
            return 4.0
        case _:
            return 1.0


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "type of a tensor": lambda x, r: x * (2 if type(x) is tf.Tensor else 3),
    "type of a result": lambda x, r: x * (2 if type(x + 1) is type(x) else 3),
    "its name": lambda x, r: x * (2 if type(x).__name__ == "Tensor" else 3),
    "a key": lambda x, r: x * {tf.Tensor: 2, np.ndarray: 3}[type(x)],
    "__class__": lambda x, r: x * (2 if x.__class__ in (tf.Tensor, tuple) else 3),
    "a size": lambda x, r: x * (2 if type(x.shape[0]) is int else 3),
    "__class__ of a size": lambda x, r: x * (2 if x.shape[0].__class__ is int else 3),
    "arithmetic of sizes": lambda x, r: x * (2 if type(x.shape[0] * 2) is int else 3),
    "a quotient of sizes": lambda x, r: x * (2 if type(x.shape[0] / 2) is float else 3),
    "by map": lambda x, r: x * len(set(map(type, [x, x + 1, x.shape[0], 1, r]))),
    "a number": lambda x, r: x * r if type(r) is float else x - r,
    "a number and its results": lambda x, r: x * (type(r) is type(r + 1)) + (type(r / 2) is float),
    "a text of it": lambda x, r: x * len(str(type(r))) + len(f"{type(x)}"),
    "singledispatch": lambda x, r: x * number_of(x) + number_of(x.shape[0]) * number_of(r),
    "match": lambda x, r: x * matched(x) + matched(x.shape[0]) * matched(r),
}


@pytest.mark.filterwarnings("ignore:.* runs? as plain Python")  # it keeps what it has dispatched
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_classes_are_those_of_plain_python(program: str, mode: str) -> None:
    f = PROGRAMS[program]
    compiled = MODES[mode](f)
    for x in (tf.constant([1.0, 2.0]), np.array([1.0, 2.0])):
        for r in (1.5, 2, 2.5, 3, True):
            assert str(compiled(x, r)) == str(f(x, r))


@dataclasses.dataclass(frozen=True)
class Settings:
    rate: float
    names: tuple[str, ...] = ("a", "b")

    def halved(self) -> Settings:
        return dataclasses.replace(self, rate=self.rate / 2)


@pytest.mark.parametrize("mode", MODES)
def test_numbers_in_frozen_dataclasses_are_inputs(mode: str) -> None:
    compiled = MODES[mode](lambda x, s: x * s.rate if type(s.rate) is float else x)
    for rate in (0.5, 0.25, -3.0, float("inf"), -0.0):
        assert compiled(tf.constant(1.0), Settings(rate)).numpy() == rate
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("mode", MODES)
def test_copies_of_frozen_dataclasses(mode: str) -> None:
    compiled = MODES[mode](lambda x, s: x * s.halved().rate + len(s.halved().names))
    for rate in (0.5, 0.25, -3.0):
        assert compiled(tf.constant(1.0), Settings(rate)).numpy() == rate / 2 + 2


def with_a_key(**options: Any) -> dict[str, Any]:
    options["more"] = 2.0
    options["rate"] *= 3
    return options


@pytest.mark.parametrize("mode", MODES)
def test_the_dict_of_keywords_is_of_the_call(mode: str) -> None:
    def f(x: Any, **options: Any) -> Any:
        options["x"] = x
        found = with_a_key(**options)
        return x * found["more"] + found["rate"], sorted(found), sorted(options)

    compiled = MODES[mode](f)
    for rate in (0.5, 0.25):
        assert str(compiled(tf.constant(1.0), rate=rate)) == str(f(tf.constant(1.0), rate=rate))


@pytest.mark.parametrize("mode", MODES)
def test_the_number_that_fills_an_array_is_an_input(mode: str) -> None:
    compiled = MODES[mode](lambda a, r: np.full(3, r) + np.full((1, 3), r, np.float32) * a)
    for r in (0.5, 0.25, -3.0, float("nan")):
        found = compiled(np.ones(3), r)
        np.testing.assert_array_equal(found, np.full((1, 3), r) + np.float32(r))
        assert found.dtype == np.float64
    assert compiled.experimental_get_tracing_count() == 1


class Lazily:
    """A descriptor that keeps what it has found in the ``__dict__`` of its object."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self.find = find

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        found = owner.__dict__[self.name] = self.find(owner)
        return found


class Record:
    found = 0

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @Lazily
    def area(self) -> Any:
        Record.found += 1
        return self.side * self.side


def found_once(x: Any) -> Any:
    record = Record(side=x)
    return record.area, record.area + 1, sorted(vars(record))


def both_ways(x: Any) -> Any:
    record = Record(a=x, b=x)
    if x > 1:
        record.__dict__["a"] = x * 3
        record.b = x - 7
    else:
        record.b = x - 1
        vars(record)["b"] += 1
    for i in range(5):
        if record.a > i:
            record.__dict__["a"] -= 1.5
            vars(record).update(b=record.b + 1)
    return record.a, record.b


def one_dict(x: Any) -> Any:
    record = Record(a=x)
    held = vars(record)
    record.a += 1
    if x > 1:
        held["z"] = 1
    del held["a"]
    return hasattr(record, "a"), held, hasattr(record, "z"), vars(record) is held


@pytest.mark.filterwarnings("ignore:one_dict runs as plain Python")  # other keys on each way
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", [found_once, both_ways, one_dict])
def test_the_dict_of_an_object_is_the_object(program: Callable[[Any], Any], mode: str) -> None:
    compiled = MODES[mode](program)
    for value in (1.0, 2.0, 9.0):
        Record.found = 0
        want, found = program(np.array(value)), Record.found
        Record.found = 0
        assert str(compiled(np.array(value))) == str(want)
        assert Record.found == found


class Step(enum.IntEnum):
    ONE = 1
    TWO = 2


class Half(float):
    def __add__(self, other: Any) -> Any:
        return "half"


def counted(x: Any) -> Any:
    count, rate = 0, 0.5
    for i in range(4):
        if x > i:
            count += Step.TWO
            rate = Half(2.0) * rate - True
    odd = count % 2 if x > 2 else count & Step.ONE
    return (
        count,
        rate,
        count < Step.TWO,
        Step.ONE - count,
        odd,
        count == Step.TWO,
        -Step.TWO * count,
    )


@pytest.mark.parametrize("mode", MODES)
def test_numbers_of_derived_classes_meet_numbers_of_the_graph(mode: str) -> None:
    compiled = MODES[mode](counted)
    for value in (-1.0, 1.0, 3.0):
        assert str(compiled(np.array(value))) == str(counted(np.array(value)))


def test_an_object_that_new_makes_is_of_the_call() -> None:
    class Made:
        at: Any

        @classmethod
        def of(cls, at: Any) -> Any:
            made = cls.__new__(cls)
            made.at = at
            return made

    @tf.function(strict=True, jit_compile=False)
    def f(x: Any) -> Any:
        made = Made.of(x)
        return made.at * 2, type(made) is Made

    for k in range(3):
        gc.collect()  # nothing keeps the object of the trace alive
        assert [float(v) for v in f(tf.constant(float(k)))] == [2.0 * k, 1.0]


class Odd:
    """An operand that takes no other one."""

    def __mul__(self, other: Any) -> Any:
        return NotImplemented

    __rmul__ = __add__ = __sub__ = __isub__ = __and__ = __mul__

    def __radd__(self, other: Any) -> Any:
        return "added", other


@pytest.mark.parametrize("operands", [
    (Odd(), "q"), ("q", Odd()), (Odd(), 1), ([1], Odd()), ((1,), Odd()), (Odd(), [1]), (Odd(), Odd()),
])  # fmt: skip
def test_operands_that_do_not_take_each_other_are_refused_in_pythons_words(operands: Any) -> None:
    def outcome(call: Any, *args: Any) -> Any:
        try:
            return call(*args)[0]
        except TypeError as error:
            return str(error)

    def less(a: Any, b: Any) -> Any:
        a -= b
        return a

    def f(operate: Any, a: Any, b: Any, x: Any) -> Any:
        return operate(a, b), x

    compiled = tf.function(f, jit_compile=False)
    x = tf.constant(1.0)
    for operate in (
        lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a - b, less, lambda a, b: a & b,
    ):  # fmt: skip
        assert outcome(compiled, operate, *operands, x) == outcome(f, operate, *operands, x)
