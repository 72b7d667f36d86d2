"""Hostile input to a compiled function: plain Python's answer, or a documented error."""

from __future__ import annotations

import _thread
import gc
import importlib
import os
import signal
import sys
import threading
import time
import types
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background, library

X = tf.constant([1.0, 2.0])

PACKAGE = """
import twofold as tf

K, NAMES = 2.0, ["a"]


class Layer:
    def __init__(self):
        self.k = 2.0

    def apply(self, x):
        return x * self.k * K * len(NAMES)


def helper(x):
    return x * K


@tf.function
def f(x, layer):
    return helper(x) + layer.apply(x)
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_endless_recursion_is_a_recursion_error() -> None:
    def endless(x: Any) -> Any:
        return endless(x + 1)

    with pytest.raises(RecursionError):
        tf.function(endless)(X)
    np.testing.assert_array_equal(tf.function(lambda x: x + 1)(X), [2.0, 3.0])


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where a shell has started the tests in the background
    and so ignores it, and not in a callback of the garbage collector (hypothesis has one), where
    Python drops it: an endless trace spends most of its time there."""
    before, callbacks = signal.signal(signal.SIGINT, signal.default_int_handler), gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks
    signal.signal(signal.SIGINT, before)


@contextmanager
def pressing_ctrl_c() -> Iterator[None]:
    """Ctrl-C after half a second, and again while nothing happens: Python drops one that comes in a
    ``__del__`` or a callback of a weak reference."""
    ended = threading.Event()

    def press() -> None:
        pause = 0.5
        while not ended.wait(pause):
            _thread.interrupt_main()
            pause = 10.0

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("jit", [None, True])
def test_an_endless_loop_ends_with_an_interrupt(jit: bool | None) -> None:
    @tf.function(jit_compile=jit)
    def endless(x: Any) -> Any:
        while True:
            x = x + 1

    @tf.function(jit_compile=jit)
    def by_values(x: Any) -> Any:
        while x[0] > 0:
            x = x + 0
        return x

    @tf.function(jit_compile=jit)
    def unused(x: Any) -> Any:
        y = x
        while y[0] > 0:
            y = y + 0
        return x

    for f in (endless, by_values, unused):
        with pressing_ctrl_c(), pytest.raises(KeyboardInterrupt):
            f(X)
    np.testing.assert_array_equal(tf.function(lambda x: x + 1)(X), [2.0, 3.0])


def test_a_generator_that_never_ends_is_read_as_far_as_it_is_asked() -> None:
    def naturals() -> Iterator[int]:
        n = 0
        while True:
            yield n
            n += 1

    @tf.function
    def f(x: Any) -> Any:
        for n in naturals():
            if n > 3:
                break
            x = x + n
        return x

    for _ in range(3):
        np.testing.assert_array_equal(f(X), [7.0, 8.0])


def test_an_unhashable_argument() -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]
        k = 2.0

    f = tf.function(lambda x, o: x * o.k)
    made = Unhashable()
    for k in (2.0, 3.0):
        Unhashable.k = k
        np.testing.assert_array_equal(f(X, made), X.numpy() * np.float32(k))


class Lies:
    """``==`` raises, says yes to all, or gives an array."""

    def __init__(self, answer: Any, k: float = 2.0) -> None:
        self.answer, self.k = answer, k

    def __eq__(self, other: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        raise ValueError("no truth")


@pytest.mark.parametrize("answer", [ValueError("no"), True, np.ones(3, bool)])
def test_objects_whose_equality_lies(answer: Any) -> None:
    held, items = {"o": Lies(answer)}, [Lies(answer)]
    f = tf.function(lambda x, o: x * o.k * held["o"].k * items[0].k)
    for k in (2.0, 3.0):
        for where in (
            lambda o: None,
            lambda o: held.update(o=o),
            lambda o: items.__setitem__(0, o),
        ):
            made = Lies(answer, k)
            where(made)
            expected = X.numpy() * np.float32(made.k * held["o"].k * items[0].k)
            for _ in range(4):
                np.testing.assert_allclose(f(X, made), expected)


def test_an_object_that_changes_while_it_is_read() -> None:
    class Counts:
        reads = 0

        @property
        def k(self) -> float:
            self.reads += 1
            return float(self.reads)

    one, two = Counts(), Counts()
    f = tf.function(lambda x: x * one.k * one.k)
    for _ in range(4):
        np.testing.assert_array_equal(f(X), X.numpy() * np.float32(two.k * two.k))
    assert one.reads == two.reads


def test_a_trace_function_sees_and_breaks_nothing() -> None:
    seen: list[str] = []

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        seen.append(event)
        return tracer

    f = tf.function(lambda x: x * 2 if x[0] > 0 else x)
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        result = f(X)
    finally:
        sys.settrace(before)
    np.testing.assert_array_equal(result, [2.0, 4.0])


def test_two_threads_capture_one_function() -> None:
    k = [2.0]

    @tf.function
    def f(x: Any) -> Any:
        for v in k:
            x = x * v if x[0] > 0 else x - v
        return x

    barrier, found = threading.Barrier(4), []

    def call() -> None:
        barrier.wait()
        found.append(f(X).numpy().tolist())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [[2.0, 4.0]] * 4
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_during_capture() -> None:
    children: list[int] = []

    def fork(x: Any) -> Any:
        if not children:
            children.append(os.fork())
        return x

    @tf.function
    def f(x: Any) -> Any:
        fork(x)
        return x * 2

    result = f(X).numpy().tolist()
    if children == [0]:
        os._exit(0 if result == [2.0, 4.0] else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pid, status = os.waitpid(children[0], os.WNOHANG)
        if pid:
            break
        time.sleep(0.02)
    assert (pid, status) == (children[0], 0)
    assert result == [2.0, 4.0]


def test_code_that_is_replaced_while_it_runs() -> None:
    def g(x: Any) -> Any:
        return x * 2

    def h(x: Any) -> Any:
        return x * 3

    first = g.__code__

    @tf.function
    def f(x: Any) -> Any:
        y = g(x)
        g.__code__ = h.__code__
        return y + g(x)

    for _ in range(3):
        g.__code__ = first
        np.testing.assert_array_equal(f(X), [5.0, 10.0])
    g.__code__ = h.__code__
    np.testing.assert_array_equal(f(X), [6.0, 12.0])


def test_nothing_is_kept_of_lambdas_instances_threads_and_modules() -> None:
    class Model:
        def __init__(self, k: float) -> None:
            self.k = k

        @tf.function
        def call(self, x: Any) -> Any:
            return x * self.k

    refs: list[Any] = []
    for n in range(40):
        model, scale = Model(float(n)), float(n)
        model.call(X)
        f = tf.function(lambda x, s=scale: x * s)
        f(X)
        module = types.ModuleType("reloaded")
        exec("k = 2.0\ndef g(x): return x * k", module.__dict__)
        g = tf.function(module.g)
        g(X)
        thread = threading.Thread(target=f, args=(X,))
        thread.start()
        thread.join()
        refs += [weakref.ref(o) for o in (model, f, module, g, module.g, f.python_function, thread)]
    del model, f, module, g, thread
    background.wait()  # what is compiled meanwhile holds its function until it is done
    gc.collect()
    assert sum(ref() is not None for ref in refs) <= 7


def test_a_decorated_function_of_an_installed_package_is_never_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.setattr(library, "_LIBRARIES", (*library._LIBRARIES, str(tmp_path)))
    monkeypatch.setattr(library, "_opened", library._opened)
    monkeypatch.syspath_prepend(tmp_path)
    p = importlib.import_module("installed")
    layer = p.Layer()
    changes = [
        "p.K = 3.0", "layer.k = 5.0", "p.NAMES.append('b')", "p.helper = lambda x: x * 100",
        "p.Layer.apply = lambda self, x: x",
    ]  # fmt: skip
    for change in ["", *changes]:
        exec(change, {"p": p, "layer": layer})
        for _ in range(3):
            expected = p.f.python_function(X, layer)
            np.testing.assert_array_equal(p.f(X, layer), expected, err_msg=change)
    monkeypatch.delitem(sys.modules, "installed")


def test_a_storm_of_traces_names_paths_with_what_stood_there_and_stands_now() -> None:
    class Model:
        mode = "a"

    model, table = Model(), {"k": [1, "x"]}
    model.mode = "b"
    f = tf.function(lambda x: x * len(model.mode) + len(str(table["k"][1])), jit_compile=False)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for n in range(14):
            if n % 2:
                model.mode = "c" * n
            else:
                table["k"][1] = "y" * n
            f(X)
    text = "\n".join(str(warning.message) for warning in told)
    assert text.count("has been traced") == 1
    code = f.python_function.__code__
    assert f"({code.co_filename}:{code.co_firstlineno}) has been traced 12 times" in text
    lines = [line.strip() for line in text.splitlines()]
    assert "model.mode: 'b' -> 'c' ... 'ccccccccc' -> 'ccccccccccc' (6 times)" in lines
    assert "table[...][1]: '' -> 'yy' ... 'yyyyyyyy' -> 'yyyyyyyyyy' (5 times)" in lines


def test_an_attribute_that_is_not_read_may_change() -> None:
    class Model:
        def __init__(self) -> None:
            self.k, self.calls, self.log = 2.0, 0, [0]

    model = Model()
    f = tf.function(lambda x: x * model.k)
    for n in range(5):
        model.calls, model.log = n, [n]
        setattr(model, f"new{n}", n)
        np.testing.assert_array_equal(f(X), [2.0, 4.0])
    assert f.experimental_get_tracing_count() == 1


def test_a_loop_that_no_value_ends_runs_as_plain_python_after_so_many_trips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @tf.function(jit_compile=False)
    def long(x: Any) -> Any:
        n = 0
        while n < 6_000:
            n += 1
        return x + n

    @tf.function(jit_compile=False)
    def wide(x: Any) -> Any:
        n = 0
        while n < 900:
            x, n = x + 1, n + 1
        return x

    monkeypatch.setattr("twofold.compiler.capture.cut.STEPS", 20_000)
    monkeypatch.setattr("twofold.compiler.capture.cut.NODES", 500)
    for f in (long, wide):
        with pytest.warns(UserWarning, match=r"so many trips .*test_bad_input\.py"):
            np.testing.assert_array_equal(f(X), f.python_function(X))
        assert f.experimental_get_plain_count() == 1
