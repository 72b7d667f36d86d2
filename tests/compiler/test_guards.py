"""What a trace read from its surroundings: a change is seen on the next call."""

from __future__ import annotations

import argparse
import contextvars
import functools
import gc
import math
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.walk import watch

X = tf.constant([1.0])
FACTOR = 2.0
TABLE = {"k": 2.0}


def traced(function: Any) -> Any:
    return tf.function(function, jit_compile=False)


def value_of(f: Any) -> float:
    return float(f(X)[0])


class Weights:
    scale = 2.0  # of the class

    def __init__(self, k: float = 2.0) -> None:
        self.k = k
        self.inner: dict[str, Any] = {"list": [k]}

    def times(self, x: Any) -> Any:
        return x * FACTOR

    @property
    def doubled(self) -> float:
        return self.k * 1.0

    @staticmethod
    def fixed(x: Any) -> Any:
        return x * TABLE["k"]


class Slotted:
    __slots__ = ("k",)

    def __init__(self) -> None:
        self.k = 2.0


def of_a_cell() -> Any:
    k = 2.0

    def change() -> None:
        nonlocal k
        k = 3.0

    return traced(lambda x: x * k), change


def of_a_global() -> Any:
    return traced(lambda x: x * FACTOR), lambda: globals().update(FACTOR=3.0)


def of_a_global_in_a_helper() -> Any:
    def helper(x: Any) -> Any:
        return (lambda y: y * FACTOR)(x)

    return traced(lambda x: helper(x)), lambda: globals().update(FACTOR=3.0)


def of_a_dict() -> Any:
    return traced(lambda x: x * TABLE["k"]), lambda: TABLE.update(k=3.0)


def of_a_list() -> Any:
    items = [[1.0], 2.0]
    return traced(lambda x: x * items[1]), lambda: items.__setitem__(1, 3.0)


def of_a_longer_list() -> Any:
    items = [1.0, 1.0]
    return traced(lambda x: x * sum(items)), lambda: items.append(1.0)


def of_an_attribute() -> Any:
    w = Weights()
    return traced(lambda x: x * w.k), lambda: setattr(w, "k", 3.0)


def deep_inside() -> Any:
    w = Weights()
    return traced(lambda x: x * w.inner["list"][0]), lambda: w.inner["list"].__setitem__(0, 3.0)


def of_a_class() -> Any:
    class Own(Weights):
        scale = 2.0

    return traced(lambda x: x * Own.scale), lambda: setattr(Own, "scale", 3.0)


def of_a_base_class() -> Any:
    class Base:
        scale = 2.0

    class Derived(Base):
        pass

    w = Derived()
    return traced(lambda x: x * w.scale), lambda: setattr(Base, "scale", 3.0)


def of_a_slot() -> Any:
    s = Slotted()
    return traced(lambda x: x * s.k), lambda: setattr(s, "k", 3.0)


def of_a_property() -> Any:
    w = Weights()
    return traced(lambda x: x * w.doubled), lambda: setattr(w, "k", 3.0)


def of_a_module() -> Any:
    settings = types.ModuleType("settings")
    settings.k = 2.0  # type: ignore[attr-defined]
    return traced(lambda x: x * settings.k), lambda: setattr(settings, "k", 3.0)


def of_a_function_of_a_module() -> Any:
    tools = types.ModuleType("tools")
    tools.times = lambda x: x * 2.0  # type: ignore[attr-defined]
    return traced(lambda x: tools.times(x)), lambda: setattr(tools, "times", lambda x: x * 3.0)


def of_a_library() -> Any:
    np.of_a_test = 2.0  # type: ignore[attr-defined]
    return traced(lambda x: x * np.of_a_test), lambda: setattr(np, "of_a_test", 3.0)  # type: ignore[attr-defined]


def of_a_part_of_a_library() -> Any:
    np.linalg.of_a_test = lambda x: x * 2.0  # type: ignore[attr-defined]
    change = functools.partial(setattr, np.linalg, "of_a_test", lambda x: x * 3.0)
    return traced(lambda x: np.linalg.of_a_test(x)), change  # type: ignore[attr-defined]


def of_a_module_imported_inside() -> Any:
    math.of_a_test = 2.0  # type: ignore[attr-defined]

    def f(x: Any) -> Any:
        import math as m
        from math import of_a_test  # type: ignore[attr-defined]

        return x * (m.of_a_test * 0.0 + of_a_test)  # type: ignore[attr-defined]

    return traced(f), lambda: setattr(math, "of_a_test", 3.0)


def of_an_object_of_a_library() -> Any:
    given = argparse.Namespace(k=2.0)
    return traced(lambda x: x * given.k), lambda: setattr(given, "k", 3.0)


def of_a_method() -> Any:
    w = Weights()
    return traced(lambda x: w.times(x)), lambda: globals().update(FACTOR=3.0)


def of_a_static_method() -> Any:
    return traced(lambda x: Weights.fixed(x)), lambda: TABLE.update(k=3.0)


def of_a_replaced_method() -> Any:
    class Own:
        def times(self, x: Any) -> Any:
            return x * 2.0

    own = Own()
    return traced(lambda x: own.times(x)), lambda: setattr(Own, "times", lambda self, x: x * 3.0)


def of_a_bound_method() -> Any:
    w = Weights()
    w.k = 2.0

    def scaled(self: Any, x: Any) -> Any:
        return x * self.k

    return traced(types.MethodType(scaled, w)), lambda: setattr(w, "k", 3.0)


def of_a_callable_object() -> Any:
    class Scale:
        def __init__(self) -> None:
            self.k = 2.0

        def __call__(self, x: Any) -> Any:
            return x * self.k

    scale = Scale()
    return traced(scale), lambda: setattr(scale, "k", 3.0)


def of_a_partial() -> Any:
    items = [2.0]
    f = traced(functools.partial(lambda items, x: x * items[0], items))
    return f, lambda: items.__setitem__(0, 3.0)


def of_a_default() -> Any:
    def f(x: Any, k: Any = [2.0]) -> Any:  # noqa: B006  (what is tested)
        return x * k[0]

    return traced(f), lambda: f.__defaults__[0].__setitem__(0, 3.0)  # type: ignore[index]


def of_new_defaults() -> Any:
    def f(x: Any, k: float = 2.0) -> Any:
        return x * k

    return traced(f), lambda: setattr(f, "__defaults__", (3.0,))


def of_a_keyword_default() -> Any:
    def f(x: Any, *, k: float = 2.0) -> Any:
        return x * k

    return traced(f), lambda: f.__kwdefaults__.update(k=3.0)  # type: ignore[union-attr]


def of_another_function() -> Any:
    items = [2.0]
    inner = traced(lambda x: x * items[0])
    return traced(lambda x: inner(x)), lambda: items.__setitem__(0, 3.0)


def of_an_array() -> Any:
    a = np.array([2.0], np.float32)
    return traced(lambda x: x * a), lambda: a.__setitem__(0, 3.0)


def of_a_variable() -> Any:
    v = tf.Variable([2.0])
    return traced(lambda x: x * v), lambda: v.assign([3.0])


def of_executed_text() -> Any:
    space: dict[str, Any] = {"K": 2.0}
    exec("def f(x):\n    return x * K", space)
    return traced(space["f"]), lambda: space.update(K=3.0)


CHANGES = [of_a_cell, of_a_global, of_a_global_in_a_helper, of_a_dict, of_a_list, of_a_longer_list,
           of_an_attribute, deep_inside, of_a_class, of_a_base_class, of_a_slot, of_a_property,
           of_a_module, of_a_function_of_a_module, of_a_library, of_a_part_of_a_library,
           of_a_module_imported_inside, of_an_object_of_a_library, of_a_method, of_a_static_method, of_a_replaced_method, of_a_bound_method,
           of_a_callable_object, of_a_partial, of_a_default, of_new_defaults, of_a_keyword_default,
           of_another_function, of_executed_text, of_an_array, of_a_variable]  # fmt: skip
# What a name means that is an input of the trace: arrays, Variables and numbers.
INPUTS = [of_an_array, of_a_variable, of_a_cell, of_a_global, of_a_global_in_a_helper,
          of_an_attribute, of_a_class, of_a_base_class, of_a_property, of_a_module,
          of_a_bound_method, of_a_callable_object, of_executed_text, of_a_dict, of_a_list,
          deep_inside, of_a_static_method, of_a_partial, of_a_default,
          of_another_function]  # fmt: skip


@pytest.fixture(autouse=True)
def libraries_as_they_were() -> Iterator[None]:
    yield
    for module in (np, np.linalg, math):
        vars(module).pop("of_a_test", None)


@pytest.mark.parametrize("make", CHANGES, ids=lambda m: m.__name__)
def test_a_change_is_seen(
    make: Callable[[], tuple[Any, Callable[[], Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    monkeypatch.setitem(TABLE, "k", 2.0)
    f, change = make()
    assert [value_of(f), value_of(f)] == [2.0, 2.0]
    assert f.experimental_get_tracing_count() == 1
    change()
    assert [value_of(f), value_of(f)] == [3.0, 3.0]
    assert f.experimental_get_tracing_count() == (1 if make in INPUTS else 2)


def test_changing_back_finds_the_old_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    f = traced(lambda x: x * math.floor(FACTOR))
    for factor in (2.0, 3.0, 2.0, 3.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        assert value_of(f) == factor
    assert f.experimental_get_tracing_count() == 2


def test_type_and_sign_of_a_number_count(monkeypatch: pytest.MonkeyPatch) -> None:
    f = traced(lambda x: (x, type(FACTOR).__name__, repr(FACTOR)))
    for factor in (1, 1.0, True, 0.0, -0.0):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        assert f(X)[1:] == (type(factor).__name__, repr(factor))


def test_a_name_that_goes_or_comes_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    w = Weights()
    f = traced(lambda x: x * getattr(w, "extra", 2.0))
    assert value_of(f) == 2.0
    w.extra = 3.0  # type: ignore[attr-defined]
    assert value_of(f) == 3.0
    g = traced(lambda x: x * FACTOR)
    assert value_of(g) == FACTOR
    monkeypatch.delitem(globals(), "FACTOR")
    with pytest.raises(NameError):
        g(X)


def test_a_captured_array_reshaped_in_place_is_traced_again() -> None:
    a = np.arange(6, dtype=np.float32)
    f = tf.function(lambda x: x + a, jit_compile=True)
    assert f(X).shape == (6,)
    a.resize(2, refcheck=False)
    assert f(X).numpy().tolist() == [1.0, 2.0]
    a.resize((2, 1), refcheck=False)
    assert f(X).shape == (2, 1)


def test_the_explanation_says_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, "k", 2.0)
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    f = traced(lambda x: x * math.floor(TABLE["k"]))
    g = traced(lambda x: x * math.floor(FACTOR))
    f(X), g(X)
    monkeypatch.setitem(TABLE, "k", 2.5)
    monkeypatch.setitem(globals(), "FACTOR", 2.5)
    assert "needs TABLE['k'] is 2.0" in f.explain(X)
    assert "needs FACTOR is 2.0" in g.explain(X)


class Counting:
    def __init__(self) -> None:
        self.w = tf.Variable(tf.ones((40, 4)), name="w")
        self.calls = 0

    @tf.function
    def scaled(self, x: Any) -> Any:
        self.calls += 1
        return tf.sum(self.w) * x


def test_the_explanation_of_an_object_shows_what_changed_and_not_what_stayed() -> None:
    counting = Counting()
    for _ in range(3):
        counting.scaled(X)
        counting.calls += 1
    text = counting.scaled.explain()
    assert text == Counting.scaled.explain(counting)  # type: ignore[attr-defined]
    assert text.startswith("scaled has 2 traces\n")
    assert text.endswith("\ntraced again: argument: 0 -> 2")


def test_side_effects_on_what_is_watched_happen_on_every_call() -> None:
    calls: list[int] = []

    @traced
    def f(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    assert [value_of(f) for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]
    assert calls == [1] * 4 and f.experimental_get_tracing_count() == 2


def test_library_code_and_arrays_are_not_looked_into() -> None:
    a, big = np.zeros(5), list(range(1000))
    found = watch(lambda x: np.sin(x) + a[0] + functools.reduce(max, big), [])
    assert set(found.names) == {
        "np", "np.sin", "np.max", "a", "functools", "functools.reduce", "big", "len(big)",
        "<lambda>.__code__",
    }  # fmt: skip
    assert found.unchanged()


def test_a_watch_keeps_no_instance_alive() -> None:
    class Node:
        def __init__(self, parent: Any = None) -> None:
            self.parent = parent
            self.me = self
            self.act = self.times
            self.child = None if parent is not None else Node(self)

        def times(self, x: Any) -> Any:
            return x

        @functools.partial(tf.function, jit_compile=False)
        def __call__(self, x: Any) -> Any:
            return self.act(x) if self.child is None else self.child.times(x)

    node = Node()
    node(X)
    assert node(X) is not None
    assert Node.__dict__["__call__"].experimental_get_tracing_count() == 1
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None


def test_a_new_class_of_an_object_is_seen() -> None:
    class Double:
        def scale(self, x: Any) -> Any:
            return x * 2

    class Triple(Double):
        def scale(self, x: Any) -> Any:
            return x * 3

    held = Double()
    f = traced(lambda x: held.scale(x))
    assert f(X).numpy() == [2.0]
    held.__class__ = Triple
    assert f(X).numpy() == [3.0]


def test_what_a_compiled_bound_method_reads_is_seen() -> None:
    class Model:
        def __init__(self) -> None:
            self.k = 2.0

        @tf.function
        def step(self, x: Any) -> Any:
            return x * self.k

    model = Model()
    step = model.step
    f = traced(lambda x: step(x))
    assert f(X).numpy() == [2.0]
    model.k = 5.0
    assert f(X).numpy() == [5.0]


def test_looking_at_an_object_runs_none_of_its_code() -> None:
    class Settings:
        __slots__ = ("asked", "empty", "values")

        def __init__(self) -> None:
            self.values, self.asked = {"k": 2.0}, []

        def __getattr__(self, name: str) -> Any:
            self.asked.append(name)
            return self.values[name]  # KeyError for any other name

        @tf.function(jit_compile=False)
        def step(self, x: Any) -> Any:
            return x * self.values["k"]

    settings = Settings()
    assert settings.step(X).numpy() == settings.step(X).numpy() == [2.0]
    assert settings.asked == []
    settings.values["k"] = 3.0
    assert settings.step(X).numpy() == [3.0]


def recursive(x: Any, n: int) -> Any:
    def power(n: int) -> Any:
        return x if n == 0 else other(n - 1) * 2

    def other(n: int) -> Any:
        return x * 3 if n == 0 else power(n - 1)

    return power(n)


def test_functions_that_their_own_closures_hold_are_called() -> None:
    f = traced(recursive)
    for n in (0, 1, 2, 3, 1):
        assert f(X, n).numpy() == recursive(X, n).numpy()

    def down(n: int) -> Any:
        return X * n if n <= 0 else down(n - 1) + 1.0

    cell = down.__closure__[0]
    assert traced(down)(2).numpy() == [2.0]
    assert cell.cell_contents is down


def test_attributes_of_functions_are_checked_and_written() -> None:
    def helper(x: Any) -> Any:
        helper.calls += 1  # type: ignore[attr-defined]
        return x * helper.k  # type: ignore[attr-defined]

    helper.calls, helper.k = 0, 2.0  # type: ignore[attr-defined]
    f = tf.function(lambda x: helper(x), jit_compile=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [float(f(X)[0]) for _ in range(3)] == [2.0] * 3
        assert helper.calls == 3  # type: ignore[attr-defined]
        helper.k = 5.0  # type: ignore[attr-defined]
        assert f(X).numpy() == [5.0]


def test_what_syntax_calls_is_checked() -> None:
    factor = 2.0

    class Made:
        def __init__(self) -> None:
            self.k = factor

        def __add__(self, other: Any) -> Any:
            return other * factor

        def __getitem__(self, i: int) -> Any:
            return factor + i

        def __enter__(self) -> float:
            return factor

        def __exit__(self, *args: object) -> None:
            return None

    made = Made()

    def entered(x: Any) -> Any:
        with made as k:
            return x * k

    functions = [lambda x: made + x, lambda x: x * made[1], lambda x: x * Made().k, entered]
    compiled = [traced(f) for f in functions]
    for value in (2.0, 3.0):
        factor = value
        for function, f in zip(functions, compiled, strict=True):
            assert f(X).numpy() == function(X).numpy()


def test_a_class_that_comes_to_hide_an_attribute_of_its_base_is_seen() -> None:
    class Base:
        k = 2.0

    class Child(Base):
        pass

    child = Child()
    f = traced(lambda x: x * child.k)
    assert f(X).numpy() == [2.0]
    Child.k = 3.0
    assert f(X).numpy() == [3.0]
    del Child.k
    assert f(X).numpy() == [2.0]


def test_values_reached_by_text_defaults_and_context_are_checked() -> None:
    space = types.SimpleNamespace(k=2.0)
    kept = contextvars.ContextVar("kept", default=2.0)

    def helper(x: Any, *, k: float = 2.0) -> Any:
        return x * k

    functions: list[Callable[[Any], Any]] = [
        lambda x: x * vars(space)["k"], lambda x: x * kept.get(), lambda x: helper(x),
    ]  # fmt: skip
    compiled = [traced(f) for f in functions]
    assert [float(f(X)[0]) for f in compiled] == [2.0] * 3
    space.k, helper.__kwdefaults__ = 3.0, {"k": 3.0}
    kept.set(3.0)
    assert [float(f(X)[0]) for f in compiled] == [3.0] * 3
    helper.__code__ = (lambda x, *, k=1.0: x + k).__code__
    assert compiled[2](X).numpy() == [4.0]
