"""What a compiled function returns is what plain Python returns, also where it is no plain container."""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


@dataclasses.dataclass(frozen=True)
class Key:
    part: Any


@dataclasses.dataclass
class Node:
    part: Any


KEYS: dict[str, Callable[[Any], Any]] = {
    "made": lambda x: {x * 2: 1},
    "made, of a tensor": lambda x: {x * 2: x * 3},
    "in a tuple": lambda x: {(x * 2, 1): x, "a": x},
    "the argument": lambda x: {x: 1},
    "the same tensor twice": lambda x: (lambda y: ({y: 1}, y))(x + 1),
    "in a record": lambda x: {Key(x * 2): 1, Key(1): x},
    "in a set": lambda x: {frozenset([x * 2]): x},
    "nested": lambda x: [{1: x, True + 1: x, "a": {x: {x + 1: x}}}],
    "in an attribute": lambda x: Node({x * 2: 1}),
    "ordered": lambda x: collections.OrderedDict([(x * 2, 1), (x, 2)]),
    "functions and classes": lambda x: {len: x, int: x * 2, tf.float32: 1, (1, None): x},
    "set": lambda x: {x * 2, 1},
    "frozen set in a set": lambda x: {frozenset([x * 2, Key(x)])},
}
HELD: dict[str, Callable[[Any], Any]] = {
    "view of values": lambda x: {"a": x * 2}.values(),
    "view of items": lambda x: {"a": x * 2}.items(),
    "view of keys": lambda x: {x * 2: 1}.keys(),
    "bound method of a list": lambda x: [x * 2].pop,
    "bound method of a tensor": lambda x: (x * 2).numpy,
    "tee": lambda x: itertools.tee([x * 2])[0],
    "iterator": lambda x: iter([x * 2]),
    "map": lambda x: map(lambda y: y + 1, [x * 2]),  # noqa: C417
    "partial": lambda x: functools.partial(max, x * 2, default=x),
    "flat": lambda x: np.asarray(x).flat,
    "slice": lambda x: slice(x * 2),
    "closure": lambda x: lambda: x * 2,
    "namespace": lambda x: types.SimpleNamespace(a=x * 2),
    "compiled function": lambda x: tf.function(lambda: x.shape),
}


def shown(value: Any) -> Any:
    """Everything that a value holds, in a form that can be compared; tensors by their elements."""
    if isinstance(value, tf.Tensor | np.ndarray):
        return type(value).__name__, np.asarray(value).tolist()
    if isinstance(value, dict):
        return type(value), [(shown(k), shown(v)) for k, v in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(shown, value), key=repr)
    if isinstance(value, list | tuple):
        return type(value), [*map(shown, value)]
    if dataclasses.is_dataclass(value) or isinstance(value, types.SimpleNamespace):
        return type(value), shown(vars(value))
    if isinstance(value, functools.partial):
        return functools.partial, shown(value.args), shown(value.keywords)
    if isinstance(value, slice):
        return slice, shown(value.stop)
    if callable(value) and not isinstance(value, type) and value is not len:
        return "call", shown(value())
    if hasattr(value, "__next__") or isinstance(value, type({}.values()) | type({}.keys())):
        return type(value), [*map(shown, value)]
    return type(value), [*map(shown, value)] if isinstance(value, type({}.items())) else value


@pytest.mark.parametrize("name", KEYS)
def test_keys_and_members_are_values_of_the_call(name: str) -> None:
    compiled = tf.function(KEYS[name], jit_compile=False, strict=True)
    for first in (1.0, 5.0):
        x = tf.constant([first, 2.0])
        assert shown(compiled(x)) == shown(KEYS[name](x))
    assert compiled.experimental_get_tracing_count() == 1


def test_a_key_is_the_tensor_that_is_returned_beside_it() -> None:
    compiled = tf.function(lambda x: (lambda y: ({y: x}, y, x))(x + 1))
    x = tf.constant([1.0])
    found, y, again = compiled(x)
    assert [*found] == [y] and [*found][0] is y
    assert again is x and found[y] is x


@pytest.mark.parametrize("name", HELD)
def test_an_object_of_the_interpreter_holds_values_of_the_call(name: str) -> None:
    compiled = tf.function(HELD[name], jit_compile=False)
    for first in (1.0, 5.0):
        x = tf.constant([first, 2.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it runs as plain Python
            found = compiled(x)
        assert shown(found) == shown(HELD[name](x))


def test_what_cannot_be_returned_is_refused_in_strict_mode() -> None:
    compiled = tf.function(lambda x: {"a": x * 2}.values(), strict=True)
    with pytest.raises(tf.errors.StagingError, match="a dict_values of what was made here"):
        compiled(tf.constant([1.0]))


def test_a_tuple_that_stands_twice_is_one_object() -> None:
    pair = collections.namedtuple("pair", "x y")

    def step(held: Any, x: Any) -> Any:
        made = x * 2, [x]
        held.last = made
        named = pair(x, made)
        return made, [made], {"a": named}, named, (made, named)

    held, compiled = types.SimpleNamespace(last=None), tf.function(step, strict=True)
    for _ in range(2):
        made, (listed,), a, named, (again, too) = compiled(held, tf.constant([1.0]))
        assert made is held.last is listed is again is named.y
        assert named is a["a"] is too and type(named) is pair
