"""What a function reads besides its arguments is never stale, and what it does is done each call."""

from __future__ import annotations

import argparse
import array
import builtins
import collections
import contextvars
import datetime
import functools
import gc
import io
import itertools
import logging
import os
import random
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = tf.constant([1.0, 2.0])
Case = tuple[Callable[[Any], Any], Callable[[], Any]]  # a function, and what changes its state


class Holder:
    rate: Any = 2.0
    __slots__ = ("__dict__", "slot")

    @property
    def double(self) -> Any:
        return self.rate * 2

    def method(self, x: Any) -> Any:
        return x * 2


class Reads:
    def __get__(self, owner: Any, kind: Any) -> Any:
        return owner.held

    def __set__(self, owner: Any, value: Any) -> None:
        owner.held = value


class Described:
    value = Reads()

    def __init__(self) -> None:
        self.held = 2.0


class Dynamic:
    def __init__(self) -> None:
        self.table = {"rate": 2.0}

    def __getattr__(self, name: str) -> Any:
        return self.table[name]


def of_attribute(made: Any, name: str = "rate") -> Case:
    setattr(made, name, 2.0)
    return lambda x: x * getattr(made, name), lambda: setattr(made, name, 5.0)


def of_items(made: Any, key: Any = 0) -> Case:
    return lambda x: x * made[key], lambda: made.__setitem__(key, 5)


def of_cell() -> Case:
    rate = 2.0

    def change() -> None:
        nonlocal rate
        rate = 5.0

    return lambda x: x * rate, change


def of_text_name() -> Case:
    made, name = Holder(), "ra"
    return lambda x: x * getattr(made, name + "te"), lambda: setattr(made, "rate", 5.0)


def of_default() -> Case:
    def f(x: Any, k: float = 2.0) -> Any:
        return x * k

    return f, lambda: setattr(f, "__defaults__", (5.0,))


def of_inner_default() -> Case:
    def inner(x: Any, k: float = 2.0) -> Any:
        return x * k

    return lambda x: inner(x), lambda: setattr(inner, "__defaults__", (5.0,))


def of_function_attribute() -> Case:
    def f(x: Any) -> Any:
        return x * f.rate  # type: ignore[attr-defined]

    f.rate = 2.0  # type: ignore[attr-defined]
    return f, lambda: setattr(f, "rate", 5.0)


def of_code() -> Case:
    def inner(x: Any) -> Any:
        return x * 2

    def other(x: Any) -> Any:
        return x * 5

    return lambda x: inner(x), lambda: setattr(inner, "__code__", other.__code__)


def of_method_code() -> Case:
    made = Holder()
    return made.method, lambda: setattr(Holder, "method", lambda self, x: x * 5)


def of_class_attribute() -> Case:
    kind = type("Kind", (Holder,), {"rate": 2.0})
    return lambda x: x * kind().rate, lambda: setattr(kind, "rate", 5.0)


def of_property() -> Case:
    made = Holder()
    made.rate = 2.0
    return lambda x: x * made.double, lambda: setattr(made, "rate", 5.0)


def of_module() -> Case:
    module = types.ModuleType("settings")
    return of_attribute(module)


def of_builtin() -> Case:
    space: dict[str, Any] = {"__builtins__": __builtins__}
    exec("def f(x): return x * len([1, 2])", space)
    return space["f"], lambda: space.__setitem__("len", lambda _: 5)


def of_set() -> Case:
    made = {2.0}
    return lambda x: x * len(made), lambda: made.add(9.0)


def of_context() -> Case:
    made = contextvars.ContextVar("made", default=2.0)
    return lambda x: x * made.get(), lambda: made.set(5.0)


def of_environment(read: Callable[[str], Any]) -> Case:
    os.environ["TWOFOLD_TEST"] = "2"
    return (
        lambda x: x * float(read("TWOFOLD_TEST")),
        lambda: os.environ.__setitem__("TWOFOLD_TEST", "5"),
    )


def of_cache() -> Case:
    held = [2.0]

    @functools.lru_cache
    def rate() -> float:
        return held[0]

    def change() -> None:
        held[0] = 5.0
        rate.cache_clear()

    return lambda x: x * rate(), change


def of_array(read: Callable[[Any], Any]) -> Case:
    made = np.array([2.0, 1.0])
    return lambda x: x * read(made), lambda: made.__setitem__(0, 5.0)


def of_tensor(read: Callable[[Any], Any]) -> Case:
    made = tf.constant(2.0)
    return lambda x: x * read(made), lambda: made.__setitem__(Ellipsis, 5.0)


def of_nested() -> Case:
    made = {"a": [types.SimpleNamespace(rate=[2.0])] * 300}
    return lambda x: x * made["a"][7].rate[0], lambda: made["a"][7].rate.__setitem__(0, 5.0)


CASES: dict[str, Callable[[], Case]] = {
    "attribute": lambda: of_attribute(Holder()), "slot": lambda: of_attribute(Holder(), "slot"),
    "SimpleNamespace": lambda: of_attribute(types.SimpleNamespace()),
    "Namespace": lambda: of_attribute(argparse.Namespace()), "module": of_module,
    "descriptor": lambda: of_attribute(Described(), "value"), "computed name": of_text_name,
    "cell": of_cell, "default": of_default, "default of a helper": of_inner_default,
    "function attribute": of_function_attribute, "code": of_code, "class attribute": of_class_attribute,
    "property": of_property, "builtin": of_builtin, "set": of_set, "context": of_context,
    "list": lambda: of_items([2.0]), "257 items": lambda: of_items([2.0] * 257, 100),
    "long dict": lambda: of_items(dict.fromkeys(range(300), 2.0), 7),
    "dict": lambda: of_items({0: 2.0}), "deque": lambda: of_items(collections.deque([2.0])),
    "bytearray": lambda: of_items(bytearray(b"\x02")), "array": lambda: of_items(array.array("d", [2])),
    "UserDict": lambda: of_items(collections.UserDict({0: 2.0})), "nested": of_nested,
    "Counter": lambda: of_items(collections.Counter({0: 2})),
    "defaultdict": lambda: of_items(collections.defaultdict(int, {0: 2})),
    "environ[]": lambda: of_environment(lambda k: os.environ[k]),
    "environ.get": lambda: of_environment(lambda k: os.environ.get(k, "3")),
    "getenv": lambda: of_environment(os.getenv), "lru_cache": of_cache,
    "a[0]": lambda: of_array(lambda a: a[0]), "a.max()": lambda: of_array(lambda a: a.max()),
    "float(a[0])": lambda: of_array(lambda a: float(a[0])), "a.tolist()": lambda: of_array(lambda a: a.tolist()),
    "a view": lambda: of_array(lambda a: a[::-1]), "sum": lambda: of_array(sum),
    "float(t)": lambda: of_tensor(float), "t.item()": lambda: of_tensor(lambda t: t.item()),
    "t.numpy()": lambda: of_tensor(lambda t: t.numpy()), "text of t": lambda: of_tensor(lambda t: len(str(t.item() ** 40))),
    "if t": lambda: of_tensor(lambda t: 1.0 if float(t) > 3 else 2.0),
    "repr of t": lambda: of_tensor(lambda t: float(repr(t.numpy().item()))),
}  # fmt: skip


def of_matrix() -> Case:
    made = np.array([[2.0, 3.0]]).view(np.matrix)
    return lambda x: x * float(made.sum()), lambda: made.__setitem__((0, 0), 5.0)


CASES["matrix"] = of_matrix


def numbers(made: Any) -> Any:
    return np.asarray(made).tolist()


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("inside", [False, True])
def test_state_is_read_on_each_call(name: str, inside: bool) -> None:
    f, change = CASES[name]()
    compiled = tf.function((lambda x: f(x) + 0) if inside else f, jit_compile=False)
    before = [numbers(compiled(X)) for _ in range(3)]
    assert before == [numbers(f(X))] * 3
    change()
    assert [numbers(compiled(X)) for _ in range(2)] == [numbers(f(X))] * 2
    assert numbers(compiled(X)) != before[0]


def test_a_method_that_its_class_replaces_is_the_new_one() -> None:
    kind = type("Kind", (Holder,), {})
    made = kind()
    f = tf.function(lambda x: made.method(x), jit_compile=False)
    assert f(X).numpy().tolist() == [2, 4]
    kind.method = lambda self, x: x * 5  # type: ignore[attr-defined]
    assert f(X).numpy().tolist() == [5, 10]


RNG = np.random.default_rng(0)
COUNT = itertools.count()
NEW: dict[str, Callable[[], Any]] = {
    "np.random.rand": lambda: np.random.rand(2), "Generator": lambda: RNG.normal(size=2),
    "random": random.random, "randint": lambda: random.randint(0, 2**60) * 1.0,
    "clock": lambda: time.perf_counter() % 1, "monotonic_ns": lambda: time.monotonic_ns() % 2**20,
    "now": lambda: datetime.datetime.now().timestamp() % 1, "next": lambda: next(COUNT) * 1.0,
    "for": lambda: float(next(iter(COUNT))), "choice": lambda: random.choice(range(2**50)) * 1.0,
    "shuffle": lambda: random.sample(range(2**40), 1)[0] * 1.0, "uuid": lambda: float(id(object()) * 0 + next(COUNT)),
}  # fmt: skip


BEFORE = frozenset((  # what is called before the graph
    "np.random.rand", "Generator", "random", "randint", "clock", "monotonic_ns", "choice",
))  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("name", NEW)
def test_what_is_new_each_time_is_new_on_each_call(name: str) -> None:
    source = NEW[name]
    f = tf.function(lambda x: (x + 0, source()), jit_compile=False)
    found = [f(X)[1] for _ in range(6)]
    assert len({repr(numbers(v)) for v in found}) == 6
    strict = tf.function(lambda x: x + source(), strict=True)
    if name in BEFORE:
        assert len({repr(numbers(strict(X))) for _ in range(6)}) == 6
        assert strict.experimental_get_tracing_count() == 1
        return
    with pytest.raises(tf.errors.StagingError, match="test_state.py"):
        strict(X)


def test_a_file_is_read_on_each_call(tmp_path: Any) -> None:
    path = tmp_path / "rate"

    def f(x: Any) -> Any:
        with path.open() as file:
            return x * float(file.read())

    compiled = tf.function(f)
    for i, text in enumerate(("2", "5")):
        path.write_text(text)
        assert compiled(X).numpy().tolist() == f(X).numpy().tolist()
        assert compiled.experimental_get_segment_count() > 4 * i


def test_texts_of_values_are_written_when_the_graph_has_run(capsys: Any) -> None:
    def f(x: Any, a: Any) -> Any:
        print(f"{x[0]:.2f} of", x, [x[1]], a, sep="|")
        x = x * 1
        print(x)
        x[0] = 7.0
        a[0] = 9.0
        return f"{a}" + str(x[0]) + f"{x.shape} {x!r}", a[0] + 1

    compiled = tf.function(f, strict=True, jit_compile=False)
    for k in (1.0, 2.0):
        expected = f(X * k, np.arange(2.0)), capsys.readouterr().out
        assert (compiled(X * k, np.arange(2.0)), capsys.readouterr().out) == expected
    assert compiled.experimental_get_tracing_count() == 1


def test_a_text_that_is_needed_at_once_is_a_step() -> None:
    def f(x: Any) -> Any:
        return x * len(f"{x[0]:.1f}") + ("2" in str(x)) + len(f"{x}".split("."))

    compiled = tf.function(f)
    assert compiled(X).numpy().tolist() == f(X).numpy().tolist()
    assert compiled.experimental_get_segment_count() > 2


def test_lines_of_a_log_and_warnings_are_made_on_each_call(caplog: Any) -> None:
    log = logging.getLogger("state")

    def f(x: Any) -> Any:
        log.info("x is %s", x)
        warnings.warn(f"{x[0]:.1f}", RuntimeWarning, stacklevel=1)
        return x + 1

    compiled, seen = tf.function(f, strict=True, jit_compile=False), []
    with caplog.at_level(logging.INFO):
        for g in (f, compiled, compiled):
            with pytest.warns(RuntimeWarning) as found:
                g(X)
            (line,) = caplog.records
            seen.append((line.getMessage(), line.lineno, line.funcName, line.pathname,
                         str(found[0].message), found[0].lineno, found[0].filename))  # fmt: skip
            caplog.clear()
    assert seen[0] == seen[1] == seen[2]
    assert compiled.experimental_get_tracing_count() == 1


def test_what_is_written_to_a_stream_is_written_on_each_call() -> None:
    stream = io.StringIO()

    def f(x: Any) -> Any:
        stream.write("called\n")
        print(x, file=stream)
        return x + 1

    compiled = tf.function(f, strict=True, jit_compile=False)
    f(X), f(X)
    expected = stream.getvalue()
    stream.seek(0), stream.truncate()
    compiled(X), compiled(X)
    assert stream.getvalue() == expected


def test_objects_that_python_asks_about_themselves_are_interpreted() -> None:
    class Sized:
        rate = 2

        def __len__(self) -> int:
            return self.rate

        def __str__(self) -> str:
            return f"rate {self.rate}"

        def __iter__(self) -> Any:
            yield self.rate

    made = Sized()

    def f(x: Any) -> Any:
        return (
            x * len(made) * next(iter(made)),
            str(made),
            sorted([3, 1], key=lambda v: -v * made.rate),
        )

    compiled = tf.function(f, jit_compile=False)
    for rate in (2, 3, 4):
        made.rate = rate
        got, want = compiled(X), f(X)
        assert (numbers(got[0]), *got[1:]) == (numbers(want[0]), *want[1:])


def test_dynamic_attributes_are_never_stale() -> None:
    made = Dynamic()
    f = tf.function(lambda x: x * made.rate, jit_compile=False)
    for rate in (2.0, 3.0, 5.0):
        made.table["rate"] = rate
        assert f(X).numpy().tolist() == [rate, 2 * rate]


def test_keys_that_are_equal_are_told_apart() -> None:
    f = tf.function(lambda d: [X * list(d)[0], list(d)], jit_compile=False)
    for key in (1, True, 1.0):
        got = f({key: X})
        assert repr(got[1]) == repr([key]) and (got[0] == X * key).numpy().all()


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_a_list_that_grows_in_a_loop_by_values_grows_on_each_call() -> None:
    seen: list[int] = []

    def f(x: Any) -> Any:
        while x[0] < 5:
            x = x + 1
            seen.append(len(seen))
        return x

    compiled = tf.function(f)
    for k in range(1, 4):
        assert compiled(X).numpy().tolist() == [5.0, 6.0]
        assert seen == list(range(4 * k))


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_an_attribute_of_a_function_is_changed_on_each_call() -> None:
    def helper(x: Any) -> Any:
        helper.calls += 1  # type: ignore[attr-defined]
        return x * helper.calls  # type: ignore[attr-defined]

    helper.calls = 0  # type: ignore[attr-defined]
    f = tf.function(lambda x: helper(x))
    assert [f(X).numpy()[0] for _ in range(4)] == [1, 2, 3, 4]
    assert helper.calls == 4  # type: ignore[attr-defined]


def test_a_builtin_that_is_replaced_is_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    f = tf.function(lambda x: x * divmod(7, 3)[0], jit_compile=False)
    assert f(X).numpy().tolist() == [2, 4]
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "divmod", lambda a, b: (5, 0))
        found = f(X).numpy()
    assert found.tolist() == [5, 10]


@pytest.mark.parametrize("where", ["method", "lambda", "thread"])
def test_no_instance_lambda_or_thread_is_kept_alive(where: str) -> None:
    class Model:
        def __init__(self) -> None:
            self.rates, self.scale = [2.0], 1.5

        @tf.function(jit_compile=False)
        def method(self, x: Any) -> Any:
            return x * self.rates[0] * getattr(self, "sca" + "le") + len([self])  # type: ignore[arg-type]

    kept: list[Any] = []

    def call() -> None:
        made = Model()
        kept.append(weakref.ref(made))
        if where == "lambda":
            f = tf.function(lambda x: x * made.scale + sum(made.rates), jit_compile=False)
            kept.append(weakref.ref(f))
            f(X), f(X)
        else:
            made.method(X), made.method(X)

    for _ in range(8):
        thread = threading.Thread(target=call)
        (call if where != "thread" else lambda t=thread: (t.start(), t.join()))()  # type: ignore[misc]
    gc.collect()
    assert [r() for r in kept] == [None] * len(kept)
