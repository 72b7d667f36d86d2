"""What a compiled function writes into objects from outside is written once, on each call, in order."""

from __future__ import annotations

import collections
import dataclasses
import functools
import gc
import threading
import traceback
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

Case = tuple[Callable[[Any], Any], Callable[[], Any]]  # a function, and what it leaves


class Model:
    shared = 0

    def __init__(self) -> None:
        self.count, self.total, self.last, self.log = 0, 0.5, None, [1]
        self.table: dict[str, Any] = {"n": 0}

    def __call__(self, x: Any) -> Any:
        self.count += 1
        self.total += 0.25
        self.last = x
        Model.shared += 1
        return x * self.count + self.total


class Slotted:
    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 2.0


def of(function: Callable[..., Any], *held: Any) -> Case:
    return functools.partial(function, *held), lambda: held


def of_model() -> Case:
    made = Model()
    Model.shared = 0
    return made, lambda: (vars(made), Model.shared)


def of_slots() -> Case:
    made = Slotted()

    def f(x: Any) -> Any:
        made.count += 2
        made.last = x * 2
        return x + made.count

    return f, lambda: (made.count, getattr(made, "last", None))


def of_global() -> Case:
    space: dict[str, Any] = {"n": 0, "last": None}
    exec("def f(x):\n global n, last\n n += 1\n last = x * n\n return last + n", space)
    return space["f"], lambda: (space["n"], space["last"])


def of_nonlocal() -> Case:
    n, last = 0, None

    def f(x: Any) -> Any:
        nonlocal n, last
        n += 1
        last = x * n
        return last + n

    return f, lambda: (n, last)


def of_module() -> Case:
    module = types.ModuleType("settings")
    module.n = 0  # type: ignore[attr-defined]

    def f(x: Any) -> Any:
        module.n += 1  # type: ignore[attr-defined]
        return x * module.n  # type: ignore[attr-defined]

    return f, lambda: module.n  # type: ignore[attr-defined]


def of_function_attribute() -> Case:
    def helper(x: Any) -> Any:
        helper.calls += 1  # type: ignore[attr-defined]
        return x * helper.calls  # type: ignore[attr-defined]

    helper.calls = 0  # type: ignore[attr-defined]
    return lambda x: helper(x), lambda: helper.calls  # type: ignore[attr-defined]


def append(held: Any, x: Any) -> Any:
    y = x * 2
    held.append(y)
    return held[-1], len(held), y


def change_list(held: Any, x: Any) -> Any:
    held[0] = x
    held += [x + 1, "text"]
    held.insert(1, 2.5)
    del held[-1]
    held[2:2] = [None]
    held.extend(x for _ in range(2))
    return x


def change_dict(held: Any, x: Any) -> Any:
    held["n"] += 1
    held["last"] = x * held["n"]
    held.setdefault("new", []).append(1)
    held.update(k=x, j=2)
    held |= {"m": held["n"]}
    del held["j"]
    return held["last"] + held.get("n")


def change_default(held: Any, x: Any) -> Any:
    held["a"].append(x)
    return x


def change_set(held: Any, x: Any) -> Any:
    held.add(3)
    held.update([4, 5])
    held.discard(4)
    held |= {7}
    return x


def change_deque(held: Any, x: Any) -> Any:
    held.appendleft(x)
    held.append(x + 1)
    held.rotate(1)
    return x


def pops(held: Any, x: Any) -> Any:
    held.append(x)
    return held.pop(0) + 0


def nested_values(held: Any, x: Any) -> Any:
    entry = {"loss": x * 2, "where": [x, (x, 1)], "point": Point(x)}
    held.append(entry)
    entry["after"] = 3
    return entry


def numbers(held: Any, x: Any) -> Any:
    held.append((int(x[0]), float(x[1]), bool(x[0] > 1), np.float32(2), "t", x.shape[0]))
    return x


def deletes(held: Any, x: Any) -> Any:
    held.gone = 1
    del held.gone
    held.kept = hasattr(held, "gone")
    return x


def by_name(held: Any, x: Any) -> Any:
    setattr(held, "na" + "me", x)
    object.__setattr__(held, "other", getattr(held, "name") + 1)  # noqa: B009
    return held.other


def counter(held: Any, x: Any) -> Any:
    held["a"] += 1
    held.update("ab")
    return x


def branch(held: Any, x: Any) -> Any:
    if x[0] > 1:
        held.append(x)
        print("more", x)
    else:
        print("less", x)
    held.append(1)
    return x + 1


def branch_attribute(held: Any, x: Any) -> Any:
    if x[0] > 1:
        held.count += 1
        held.last = x
    else:
        held.other = 3
    held.count += 10
    return x * held.count


def branch_item(held: Any, x: Any) -> Any:
    held["n"] += 1
    if x[0] > 1:
        held["n"] += 1
        held["big"] = x
    return x


def loop_attribute(held: Any, x: Any) -> Any:
    while x[0] < 4:
        x = x + 1
        held.count += 1
    return x * held.count


def loop_append(held: Any, x: Any) -> Any:
    while x[0] < 4:
        x = x + 1
        held.append(x)
    return x


def unrolled(held: Any, x: Any) -> Any:
    for i in range(3):
        held.append(x * i)
    return x


def prints(held: Any, x: Any) -> Any:
    print("first", x)
    held.append(x)
    print(len(held))
    return x


def inner_write(held: Any, x: Any) -> Any:
    inner = tf.function(append, jit_compile=False)
    return inner(held, x)[0] + x


def of_cached() -> Case:
    class Lazy:
        @functools.cached_property
        def value(self) -> Any:
            return 3.0

    made = Lazy()
    return lambda x: x * made.value, lambda: vars(made)


CASES: dict[str, Callable[[], Case]] = {
    "model": of_model, "slots": of_slots, "global": of_global, "nonlocal": of_nonlocal,
    "module": of_module, "function attribute": of_function_attribute, "cached_property": of_cached,
    "append": lambda: of(append, [1]), "deque append": lambda: of(append, collections.deque([1])),
    "list": lambda: of(change_list, [0, 1, 2]), "dict": lambda: of(change_dict, {"n": 0}),
    "defaultdict": lambda: of(change_default, collections.defaultdict(list)),
    "set": lambda: of(change_set, {1}), "deque": lambda: of(change_deque, collections.deque([1])),
    "pop": lambda: of(pops, [tf.constant(k) for k in range(9)]),
    "values": lambda: of(nested_values, []), "numbers": lambda: of(numbers, []),
    "deletes": lambda: of(deletes, types.SimpleNamespace()),
    "by name": lambda: of(by_name, types.SimpleNamespace()),
    "Counter": lambda: of(counter, collections.Counter()), "branch": lambda: of(branch, []),
    "branch attribute": lambda: of(branch_attribute, types.SimpleNamespace(count=0)),
    "branch item": lambda: of(branch_item, {"n": 0}),
    "loop attribute": lambda: of(loop_attribute, types.SimpleNamespace(count=0)),
    "loop append": lambda: of(loop_append, []), "unrolled": lambda: of(unrolled, []),
    "print": lambda: of(prints, []), "inner function": lambda: of(inner_write, []),
}  # fmt: skip
PLAIN = frozenset(("loop append", "pop"))  # where the call runs as plain Python, and is right


def shown(value: Any, depth: int = 6) -> Any:
    """A value with its types, as something to compare."""
    if isinstance(value, tf.Tensor):
        return type(value).__name__, value.numpy().tolist()
    if isinstance(value, dict):
        return type(value).__name__, [(k, shown(v, depth - 1)) for k, v in value.items()]
    if isinstance(value, list | tuple | collections.deque):
        return type(value).__name__, [shown(v, depth - 1) for v in value]
    if hasattr(value, "__dict__") and depth and not isinstance(value, type):
        return type(value).__name__, shown(vars(value), depth - 1)
    return type(value).__name__, repr(value)


def played(compiled: Callable[[Any], Any], state: Callable[[], Any], capsys: Any) -> list[Any]:
    found = []
    for k in (0.0, 1.0, 2.0, 0.0, 3.0):
        result = compiled(tf.constant([k, k + 1]))
        found.append((shown(result), shown(state()), capsys.readouterr().out))
    return found


@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("how", ["alone", "inside", "tape"])
def test_what_is_written_is_what_plain_python_writes(name: str, how: str, capsys: Any) -> None:
    f, plain = CASES[name]()
    expected = played(f, plain, capsys)
    g, state = CASES[name]()
    compiled = tf.function(g, jit_compile=False)
    if how == "inside":
        inner = compiled
        compiled = tf.function(lambda x: inner(x), jit_compile=False)

    def taped(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = compiled(x)
            z = tf.sum(y[0] if isinstance(y, tuple) else y["loss"] if isinstance(y, dict) else y)
        assert tape.gradient(z, x) is not None or name in ("pop",)
        return y

    assert played(taped if how == "tape" else compiled, state, capsys) == expected


@pytest.mark.parametrize("name", sorted(CASES.keys() - PLAIN))
def test_writes_are_part_of_the_compiled_call(name: str) -> None:
    f, _ = CASES[name]()
    compiled = tf.function(f, jit_compile=False, strict=True)
    for k in range(7):
        compiled(tf.constant([k, k + 1.0]))
    assert compiled.experimental_get_tracing_count() <= 3


def test_identity_is_kept() -> None:
    held: list[Any] = []
    space = types.SimpleNamespace(own=held)

    @functools.partial(tf.function, jit_compile=False, strict=True)
    def f(x: Any, items: Any) -> Any:
        made = [x]
        held.append(x)
        held.append(made)
        space.items, space.alias = items, space.own
        items.append(x * 2)
        return made, items, held

    for _ in range(3):
        held.clear()
        x, items = tf.constant(1.0), []  # type: ignore[var-annotated]
        made, given, kept = f(x, items)
        assert held[0] is x and held[1] is made and kept is held and len(held) == 2
        assert given is items is space.items and space.alias is held and float(items[0]) == 2


def test_each_instance_has_its_own() -> None:
    class Counts(Model):
        __call__ = tf.function(Model.__call__, jit_compile=False, strict=True)

    first, second = Counts(), Counts()
    for k in range(4):
        first(tf.constant(1.0))
        if k % 2:
            second(tf.constant(2.0))
    assert (first.count, second.count) == (4, 2)
    assert float(second.last) == 2 and first.total == 1.5
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("at", ["before", "after", "between"])
@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
def test_an_exception_keeps_what_was_written_before_it(at: str, capsys: Any) -> None:
    def f(held: Any, x: Any) -> Any:
        if at != "after":
            held.append(x)
            print("written")
        if x > 1:
            raise ValueError("too much")
        if at != "before":
            held.append(x * 2)
            print("twice")
        return x

    compiled, found = tf.function(f, jit_compile=False), []
    for g in (f, compiled):
        held: list[Any] = []
        for k in (0.0, 2.0, 1.0, 3.0):
            try:
                g(held, tf.constant(k))
            except ValueError as error:
                held.append(str(error))
        found.append((shown(held), capsys.readouterr().out))
    assert found[0] == found[1]


def test_threads_write_one_after_the_other() -> None:
    held: list[Any] = []

    @functools.partial(tf.function, jit_compile=False)
    def f(x: Any) -> Any:
        held.append(x)
        held.append(x + 1)
        return x

    def run() -> None:
        for _ in range(30):
            f(tf.constant(1.0))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(float(x) for x in held) == [1.0] * 120 + [2.0] * 120


def test_nothing_is_written_while_a_function_is_traced() -> None:
    held: list[Any] = []
    made = Model()

    def f(x: Any) -> Any:
        held.append(x)
        made.count += 1
        return x

    compiled = tf.function(f)
    compiled.get_concrete_function(tf.TensorSpec((2,), "float32"))
    assert held == [] and made.count == 0


def test_what_each_call_reads_and_changes_runs_as_plain_python() -> None:
    held: list[Any] = []

    @functools.partial(tf.function, jit_compile=False)
    def f(x: Any) -> Any:
        held.append(1.0)
        return x * sum(held)

    with pytest.warns(UserWarning, match="reads a list, which each call of it changes"):
        assert [float(f(tf.constant(1.0))) for _ in range(12)] == [k + 1.0 for k in range(12)]


class Counter:
    def __init__(self) -> None:
        self.n = 0


def either_attribute(held: Any, x: Any, p: int) -> None:
    if x > 2 or p:
        held.n -= 1
    else:
        held.n += 3


def either_item(held: Any, x: Any, p: int) -> None:
    if x > 2 or p:
        held["n"] -= 1


@pytest.mark.parametrize(
    ("program", "make"), [(either_attribute, Counter), (either_item, lambda: {"n": 0})]
)
def test_a_number_that_both_ways_change_is_that_of_the_call(program: Any, make: Any) -> None:
    kept, other = make(), make()
    plain = functools.partial(program, kept)
    compiled = tf.function(functools.partial(program, other), jit_compile=False, strict=True)
    for x, p in [(2.0, 3), (-2.0, 0), (1.5, 3), (5.0, 0)] * 5:
        plain(x, p)
        compiled(tf.constant(x), p)
        assert getattr(other, "n", None) == getattr(kept, "n", None)
        assert other == kept or type(other) is Counter


@pytest.mark.parametrize("make", [list, collections.deque])
@pytest.mark.parametrize("caught", [True, False])
def test_a_place_that_one_way_has_made_is_missing_as_in_plain_python(
    make: Callable[..., Any], caught: bool
) -> None:
    held = make()

    def put(x: Any) -> Any:
        if x < 0:
            held.append(1)
        held[0] = 2
        return x

    def catching(x: Any) -> Any:
        try:
            return put(x)
        except IndexError:
            return x + 100

    plain = catching if caught else put
    compiled = tf.function(plain)
    for number in (-1.0, 1.0, 1.0, -1.0):
        ends = []
        for function in (plain, compiled):
            held.clear()
            try:
                ends.append((float(function(tf.constant(number))), make(held)))
            except IndexError as error:
                names = [entry.name for entry in traceback.extract_tb(error.__traceback__)]
                ends.append((names[1:], str(error)))
        assert ends[0] == ends[1]
