"""An object of the user's class of which each trip makes another one is state of the loop, by what is
in its attributes; who else has it, still has it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import twofold as tf


class State:
    """A plain class."""

    def __init__(self, x: Any, k: Any) -> None:
        self.x, self.k = x, k

    def next(self, by):
        return State(self.x * by, self.k + 1)


@dataclasses.dataclass(frozen=True)
class Point:
    """A frozen dataclass."""

    x: Any
    v: Any
    n: int = 0


class Vector:
    """Slots and operators."""

    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    def __add__(self, other):
        return Vector(self.a + other.a, self.b + other.b)

    def __iadd__(self, other):
        return Vector(self.a + other, self.b)

    def norm(self):
        return self.a * self.a + self.b * self.b


OUTER = State(1.0, 0)


def replaced(x, n):
    s = State(x, 0)
    for _ in range(n):
        s = s.next(1.5)
    return s.x, s.k


def frozen(x, n):
    p = Point(x, x * 2)
    while p.x < 50:
        p = dataclasses.replace(p, x=p.x + p.v * 0.5, n=p.n + 1)
    return p


def operators(x, n):
    v, d = Vector(x, x), Vector(x * 0.1, x * 0.2)
    for i in range(n):
        v = v + d
        v += i
    return v.norm()


def in_branches(x, n):
    v = Vector(x, x) if n > 1 else Vector(-x, x * 2)
    w = None
    if n > 2:
        w = State(x, 1)
    if w is None:
        w = State(x * 3, 2)
    w.k += 1
    return v.norm() + w.x, w.k


def in_an_attribute(x, n):
    s = State(Vector(x, x), 0)
    for _ in range(n):
        s.x = s.x + Vector(x, 1.0)
        s.k += 1
    return s.x.norm(), s.k


def in_a_list(x, n):
    points = [Point(x * k, x) for k in range(3)]
    for _ in range(n):
        points = [dataclasses.replace(p, x=p.x + p.v) for p in points]
    return [p.x for p in points]


def best(x, n):
    found = None
    for i in range(n):
        c = State(x * i * (3 - i), i)
        if found is None or c.x > found.x:
            found = c
    return None if found is None else (found.x, found.k)


def from_outside(x, n):
    s = OUTER
    for _ in range(n):
        s = State(s.x * x, s.k + 1)
    return s.x, s.k, OUTER.k


def written(x, n):
    s = State(x, 0)
    for i in range(n):
        s = State(s.x * 2, s.k + i)
        s.x += 1
    s.k += 100
    return s.x, s.k


def first_is_kept(x, n):
    s = first = State(x, 0)
    for _ in range(n):
        s.k += 1
        s = State(s.x * 2, s.k * 10)
    return s.x, s.k, first.k, s is first


def one_is_kept(x, n):
    s = kept = State(x, 0)
    for i in range(n):
        s = State(s.x + 1, i)
        if i == 1:
            kept = s
    kept.x = kept.x * 10
    return s.x, kept.x


STAGED = [replaced, frozen, operators, in_branches, in_an_attribute, in_a_list, best, from_outside,
          written]  # fmt: skip


@pytest.mark.parametrize("program", [*STAGED, first_is_kept, one_is_kept], ids=lambda p: p.__name__)
@pytest.mark.filterwarnings("ignore:.* runs as plain Python")
def test_objects_are_what_python_makes_of_them(program):
    compiled = tf.function(program, strict=program in STAGED)
    for n in (3, 0, 1, 5):
        given = tf.constant(1.5), tf.constant(n)
        assert repr(compiled(*given)) == repr(program(*given))
    if program in STAGED:
        assert compiled.experimental_get_tracing_count() == 1
