"""Containers that objects from outside keep and that values change afterwards; names and attributes
that trips of a loop change before one of them raises; classes made among names without a name."""

from __future__ import annotations

import types
from typing import Any

import pytest

import twofold as tf

pytestmark = pytest.mark.filterwarnings("ignore:.* runs as plain Python")

KEEPS = {
    "attribute": ("K.held = items", "K.held"),
    "on one way": ("if n > 2:\n  K.held = items", "K.held"),
    "list": ("L.append(items)", "L and L[0]"),
    "dict": ("D['a'] = items", "D.get('a')"),
    "tuple": ("K.held = (items, items)", "K.held and K.held[0]"),
}
CHANGES = {
    "another length": "if x > 5:\n  items.append(x)",
    "two lengths": "if x > 5:\n  items[-1] = x * 2\n else:\n  items.append(x)",
    "an item": "if x > 5:\n  items[0] = x * 2",
    "no items": "if x > 5:\n  items.clear()",
    "a loop": "for i in range(3):\n  if x > i:\n   items.append(i)",
    "behind a branch": "if x > 5:\n  items.append(x)\n items.append(n)",
}
CALLS = [(5.5, 3), (1.0, 3), (5.5, 1), (1.0, 1), (6.5, 3)]


def left(text: str, read: str, **options: Any) -> list[str]:
    """What objects from outside hold after calls of a program, and whether what it returns is that."""
    space: dict[str, Any] = {"K": types.SimpleNamespace(held=None), "L": [], "D": {}}
    space["__name__"] = "program"
    exec(text, space)
    function = tf.function(space["f"], **options) if options else space["f"]
    found = []
    for x, n in CALLS:
        space["K"].held = None
        space["L"].clear()
        space["D"].clear()
        made = function(tf.constant(x), tf.constant(n))
        held = eval(read, space)
        found.append(f"{made is held} {held}")
    return found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("keep", KEEPS)
def test_a_list_that_is_kept_outside_is_changed_there_as_well(keep: str, change: str) -> None:
    store, read = KEEPS[keep]
    for end in ("", "return items"):
        text = f"def f(x, n):\n items = [x]\n {store}\n {CHANGES[change]}\n {end}"
        assert left(text, read, strict=False) == left(text, read)


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ("{'a': x}", "items['b'] = x"),
        ("{1}", "items.add(2)"),
        ("{'a': []}", "items['a'].append(x)"),
    ],
)
def test_dicts_and_sets_too(made: str, change: str) -> None:
    text = f"def f(x, n):\n items = {made}\n K.held = items\n if x > 5:\n  {change}"
    assert left(text, "K.held", strict=False) == left(text, "K.held")


COUNTS = """
n = 0
class Counter:
    count = 0
counter = Counter()
def make():
    cell = 0
    def f(x):
        global n
        nonlocal cell
        for value in x:
            {loop}
    return f, lambda: (n, cell, counter.count)
"""
LOOPS = {
    "ahead": "if value < 0: raise ValueError\n            {}",
    "otherwise": "if value > 0: {}\n            else: raise ValueError",
    "a helper": "check(value)\n            {}",
    "an item": "[1, 2][int(value > 9) * 2]\n            {}",
}


@pytest.mark.parametrize("change", ["n += 1", "cell += 1", "counter.count += 1"])
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", [{"__name__": "program"}, {}], ids=["named", "bare"])
def test_names_that_trips_changed_before_an_exception_stay_changed(
    loop: str, change: str, name: dict[str, Any]
) -> None:
    def ends(**options: Any) -> list[Any]:
        space: dict[str, Any] = {"check": check, **name}
        exec(COUNTS.format(loop=LOOPS[loop].format(change)), space)
        function, state = space["make"]()
        function = tf.function(function, **options) if options else function
        found = []
        for values in ([1.0, 2.0, -1.0, 3.0], [1.0, 2.0], [-1.0], [1.0, 10.0, -1.0]):
            try:
                function(tf.constant(values))
            except (ValueError, IndexError) as error:
                found.append(type(error))
            found.append(state())
        return found

    assert ends(strict=True) == ends()


def check(value: Any) -> None:
    if value < 0:
        raise ValueError


INHERITED = {
    "two ways": "if x > 3:\n  O.v += 1\n elif x > 1:\n  O.v += 2",
    "read afterwards": "if x > 3:\n  O.v += 1\n return O.v",
    "twice": "if x > 3:\n  O.v += 1\n if x > 1:\n  O.v += 1",
    "a loop": "for i in range(n):\n  if x > i + 1:\n   O.v += 1\n return O.v",
    "no trips": "for i in range(n - 2):\n  O.v += 1",
    "of a class": "if x > 3:\n  D.v += 1\n return D.v",
}


@pytest.mark.parametrize("change", INHERITED)
def test_an_attribute_of_the_class_becomes_one_of_the_object_where_it_is_written(
    change: str,
) -> None:
    def held(compiled: bool) -> list[Any]:
        space: dict[str, Any] = {"__name__": "program"}
        exec("class C:\n v = 0\nclass D(C): pass\nO = D()", space)
        exec(f"def f(x, n):\n {INHERITED[change]}", space)
        function = tf.function(space["f"]) if compiled else space["f"]
        found = []
        for x, n in ((0.5, 2), (0.5, 1), (2.5, 2), (1.5, 3), (5.5, 4), (0.5, 1)):
            function(tf.constant(x), tf.constant(n))
            found.append((dict(vars(space["O"])), vars(space["D"]).get("v")))
        return found

    assert held(True) == held(False)
