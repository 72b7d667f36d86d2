"""What Python asks objects of the user's for, as often and in the same order, and what it checks of
their answers."""

from __future__ import annotations

import collections
import collections.abc
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import twofold as tf
from twofold.ir.errors import StagingError

X = tf.constant(2.0)
LOG: list[str] = []


class Counted:
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[float]:
        LOG.append("iter")
        for i in range(self.n):
            LOG.append(f"item {i}")
            yield float(i)

    def __len__(self) -> int:
        LOG.append("len")
        return self.n


class Hinted:
    def __init__(self, hint: Any) -> None:
        self.hint = hint

    def __iter__(self) -> Iterator[float]:
        LOG.append("iter")
        return iter([1.0, 2.0])

    def __length_hint__(self) -> Any:
        LOG.append("hint")
        return self.hint


class Pairs(collections.abc.Mapping[str, Any]):
    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held

    def __getitem__(self, key: str) -> Any:
        LOG.append(f"get {key}")
        return self.held[key] * 2

    def __iter__(self) -> Iterator[str]:
        LOG.append("iter")
        yield from self.held

    def __len__(self) -> int:
        return len(self.held)


class ByKeys:
    """All that ``**`` needs."""

    def keys(self) -> list[str]:
        LOG.append("keys")
        return ["a", "b"]

    def __getitem__(self, key: str) -> float:
        LOG.append(f"get {key}")
        return 3.0


class Doubling(collections.UserDict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        LOG.append(f"get {key}")
        return super().__getitem__(key) * 2


class Hiding(dict[str, Any]):
    """Python goes past what it says: the class has dict's ``__iter__``."""

    def keys(self) -> Any:
        LOG.append("keys")
        return []

    def __getitem__(self, key: str) -> Any:
        LOG.append("get")
        return 0


class Listing(dict[str, Any]):
    def __iter__(self) -> Iterator[str]:
        LOG.append("iter")
        return iter(["p"])

    def __getitem__(self, key: str) -> Any:
        LOG.append("get")
        return 7.0


def total(*values: Any, **named: Any) -> Any:
    return sum(values) + sum(named.values())


def taken(v: Any, x: Any) -> Any:
    held = [1.0]
    held.extend(v)
    return total(*v), total(x, *v), [*v], (0, *v), {*v}, list(v), tuple(v), sorted(v), held


def merged(m: Any, x: Any) -> Any:
    held: dict[str, Any] = {"c": x}
    held.update(m)
    return total(**m), {**m}, dict(m), {"z": x, **m}, held


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """What a call gives or raises, and what it has logged."""
    LOG.clear()
    try:
        made: Any = call(*args)
    except (TypeError, ValueError) as error:
        made = type(error), str(error)
    return repr(made), tuple(LOG)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("given", [
    lambda: Counted(3), lambda: Hinted(2), lambda: Hinted(NotImplemented), lambda: Hinted("two"),
    lambda: Hinted(-1),
])  # fmt: skip
def test_the_number_of_items_is_asked_for_where_python_asks(given: Any, strict: bool) -> None:
    made = given()
    compiled = tf.function(lambda x: taken(made, x), jit_compile=False, strict=strict)
    for _ in range(2):
        assert outcome(compiled, X) == outcome(lambda x: taken(made, x), X)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("given", [
    lambda: Pairs({"a": 1.0, "b": 2.0}), ByKeys, lambda: Doubling(a=1.0), lambda: Hiding(a=1.0),
    lambda: Listing(p=1.0, q=2.0),
])  # fmt: skip
def test_mappings_are_asked_for_keys_and_items_once(given: Any, strict: bool) -> None:
    made = given()
    compiled = tf.function(lambda x: merged(made, x), jit_compile=False, strict=strict)
    for _ in range(2):
        assert outcome(compiled, X) == outcome(lambda x: merged(made, x), X)


def test_guards_of_containers_run_none_of_their_methods() -> None:
    held = Doubling(a=1.0)
    compiled = tf.function(lambda x: x * held["a"], jit_compile=False, strict=True)
    for value in (1.0, 1.0, 5.0, 6.0):
        held.data["a"] = value
        assert outcome(compiled, X) == outcome(lambda x: x * held["a"], X)


class Says:
    """An object whose special methods all give one thing."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def say(self, *_: Any) -> Any:
        return self.said

    __len__ = __hash__ = __bool__ = __str__ = __repr__ = __format__ = __iter__ = __index__ = say


ASKING: dict[str, Callable[[Any], Any]] = {
    "len": len, "hash": hash, "bool": bool, "str": str, "repr": repr, "iter": lambda a: [*a],
    "index": operator.index, "format": format, "text": lambda a: f"{a}",
    "shown": lambda a: f"{a!r:>5}", "branch": lambda a: 1 if a else 2, "not": lambda a: not a,
    "print": print, "list": list, "key": lambda a: len({a: 1}),
}  # fmt: skip
SAID = ("q", -1, 2, 1.5, None, True, [1], b"z")


@pytest.mark.filterwarnings("ignore:__index__ returned non-int:DeprecationWarning")
@pytest.mark.parametrize("name", ASKING)
def test_answers_are_checked_as_python_checks_them(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(said: Any, x: Any) -> Any:
        return ASKING[name](Says(said)), x

    compiled = tf.function(asked, jit_compile=False)
    for said in SAID:
        wanted = outcome(asked, said, X), capsys.readouterr().out
        assert (outcome(compiled, said, X), capsys.readouterr().out) == wanted, said


def test_an_object_with_getattr_is_asked_for_what_the_code_names() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            LOG.append(name)
            raise AttributeError(name)

        def __len__(self) -> int:
            return 3

    def f(x: Any) -> Any:
        made = Anything()
        return x * len(made), max([made], key=len) is made, f"{len([made])}"

    assert outcome(tf.function(f, jit_compile=False), X) == outcome(f, X)


def test_print_refuses_what_it_does_not_take_where_it_stands() -> None:
    def f(x: Any) -> Any:
        try:
            print(x, foo=1)  # type: ignore[call-overload]
        except TypeError as error:
            return str(error)
        return x

    assert tf.function(f, jit_compile=False)(X) == f(X)


def test_texts_of_objects_in_containers_are_printed_or_refused_in_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Named:
        def __repr__(self) -> str:
            return "named"

    def beside(x: Any) -> Any:
        print(f"{x}", [Named()], {"k": Named()})
        return x

    def within(x: Any) -> Any:
        print([x, Named()])
        return x

    tf.function(beside, strict=True, jit_compile=False)(X)
    assert capsys.readouterr().out == "2.0 [named] {'k': named}\n"
    with pytest.raises(StagingError, match="a text of objects"):
        tf.function(within, strict=True, jit_compile=False)(X)
    tf.function(within, jit_compile=False)(X)
    assert capsys.readouterr().out.endswith("numpy=2.0>, named]\n")
