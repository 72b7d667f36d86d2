"""The interpreter runs plain Python as Python does."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from twofold.compiler.capture import exceptions, instructions, operators
from twofold.compiler.capture.objects import Objects

assert exceptions
assert instructions
assert operators


class Number:
    def __init__(self, x: Any) -> None:
        self.x = x

    def __add__(self, other: Any) -> Number:
        return Number(self.x + (other.x if isinstance(other, Number) else other))

    __radd__ = __add__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.x == other.x

    __hash__ = None  # type: ignore[assignment]

    @property
    def double(self) -> Any:
        return self.x * 2

    def __getattr__(self, name: str) -> Any:
        if name.startswith("q"):
            return name
        raise AttributeError(name)

    def __getitem__(self, i: Any) -> Any:
        return self.x * i

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        yield self.x
        yield from (1, 2)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.x, args, kwargs


class Next(Number):
    def __init__(self, x: Any) -> None:
        super().__init__(x + 1)

    @classmethod
    def make(cls, x: Any) -> Next:
        return cls(x)

    @staticmethod
    def plus(x: Any) -> Any:
        return x + 5


@dataclasses.dataclass
class Data:
    x: int
    y: list[int] = dataclasses.field(default_factory=list)


def loops() -> Any:
    s = 0
    for i in range(10):
        if i == 3:
            continue
        if i == 8:
            break
        s += i
    else:
        s = -1
    while s > 0:
        s -= 7
    for last in range(3):  # noqa: B007
        pass
    return s, last


def comprehensions() -> Any:
    total = sum(i * i for i in range(4))
    pairs = [x * y for x in range(3) for y in range(x)]
    big = [y for x in range(5) if (y := x * x) > 4]
    return pairs, dict(zip("ab", (1, 2), strict=True)), {i % 2 for i in range(5)}, total, big


def handlers() -> Any:
    out: list[Any] = []
    try:
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as e:
            out.append(str(e))
            raise ValueError("x") from e
        finally:
            out.append("finally")
    except ValueError as e:
        out.append((str(e), type(e.__cause__)))
    else:
        out.append("no")
    for i in range(3):
        try:
            if i == 1:
                continue
            out.append(i)
        finally:
            out.append("f")
    try:
        try:
            raise KeyError(1)
        except KeyError:
            raise
    except Exception as e:  # noqa: BLE001
        out.append(repr(e))
    return out


def managers() -> Any:
    out: list[Any] = []

    @contextlib.contextmanager
    def manager(n: int) -> Iterator[int]:
        out.append(("in", n))
        try:
            yield n
        finally:
            out.append("out")

    with manager(1) as a, manager(2) as b:
        out.append(a + b)
    with contextlib.suppress(KeyError):
        out.append({}["x"])
    return out


def closures() -> Any:
    n = 0

    def add(k: int = 1, *, z: int = 2) -> int:
        nonlocal n
        n += k + z
        return n

    add()
    add(5, z=1)
    return n, [f() for f in [lambda i=i: i for i in range(3)]]


def classes() -> Any:
    a, b = Number(3), Next.make(4)

    class Local(Number):
        def method(self) -> Any:
            return super().__getitem__(2)

    return (
        (a + b).x, (1 + a).x, a.double, a == Number(3), a != Number(3), a.quick, a[5], bool(a),
        list(a), a(1, k=2), Next.plus(1), hasattr(a, "zz"), Local(3).method(),
    )  # fmt: skip


def data() -> Any:
    d = Data(1)
    d.y.append(4)
    e = dataclasses.replace(d, x=7)
    return d, e, d == e


def patterns() -> Any:
    out: list[Any] = []
    for value in (1, [1, 2, 3], {"a": 1, "b": 2}, Data(3), "s", None, (1,)):
        match value:
            case 1:
                out.append("one")
            case [a, *rest]:
                out.append((a, rest))
            case {"a": q, **others}:
                out.append((q, others))
            case Data(x=z) if z > 2:
                out.append(z)
            case str():
                out.append("text")
            case _:
                out.append("other")
    return out


def generators() -> Any:
    def echo() -> Any:
        got: list[Any] = []
        try:
            while True:
                got.append((yield len(got)))
        except ValueError:
            yield got
        finally:
            got.append("end")

    def outer() -> Any:
        found = yield from inner()
        yield found

    def inner() -> Any:
        yield 1
        return 2

    walk = echo()
    next(walk)
    walk.send(1)
    walk.send(2)
    thrown = walk.throw(ValueError())
    walk.close()
    return thrown, list(outer())


def texts() -> Any:
    x, a = 3.14159, "q"
    return f"{x:.2f} {a!r:>5} {x} {1 + 1=}"


def unpacking() -> Any:
    a, (b, *c), d = 1, (2, 3, 4), 5
    [*x, y] = (1, 2, 3)
    whole = (lambda *args, **kwargs: (args, kwargs))(*x, z=1)
    return a, b, c, d, x, y, {"a": 1, "b": 2}, [*x, 0], whole


def unbound() -> Any:
    x = [1, 2, 3]
    del x[0]
    y = 1
    del y
    try:
        return y  # noqa: F821
    except UnboundLocalError as e:
        return x, str(e)


def expressions() -> Any:
    values, s = list(range(10)), 0
    values[2:4] = [0]
    return (
        1 < 2 < 3, (s or "a") and "b", not 3, 3 in [1, 2], "a" if values else "b", values[1:],
        values[::2], values[-1], None is not None,
    )  # fmt: skip


def reduced() -> Any:
    return functools.reduce(lambda a, b: a * b, [1, 2, 3, 4]), sorted([3, 1, 2], key=lambda v: -v)


def nested_return() -> Any:
    for i in range(5):
        for j in range(5):
            if i * j == 6:
                return i, j
    return None


PROGRAMS = [
    loops, comprehensions, handlers, managers, closures, classes, data, patterns, generators,
    texts, unpacking, unbound, expressions, reduced, nested_return,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_does_what_python_does(program: Callable[[], Any]) -> None:
    assert repr(Objects().call(None, program, (), {})) == repr(program())  # type: ignore[arg-type]
