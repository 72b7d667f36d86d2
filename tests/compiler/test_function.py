"""``@tf.function``: returns, state, errors and aliasing are those of the Python function."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import io
import queue
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import library
from twofold.compiler.passes.inline import inline
from twofold.ir.errors import (
    ArgumentError,
    IndexOutOfBoundsError,
    IntegerDivisionError,
    ReturnTypeError,
    ShapeError,
    StagingError,
    TwofoldError,
)
from twofold.ir.verify import verify

JIT = pytest.mark.parametrize("jit", [True, False])
Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass
class Box:
    value: Any
    note: str = ""


def x_of(*shape: int) -> Any:
    return tf.constant(np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape))


def plain(value: Any) -> Any:
    """Tensors, Variables and arrays as (kind, dtype, nested list); the rest as it is."""
    if isinstance(value, tf.Tensor | tf.Variable | np.ndarray | np.generic):
        kind = "array" if isinstance(value, np.ndarray | np.generic) else "tensor"
        array = value if kind == "array" else value.numpy()
        return kind, str(array.dtype), array.tolist()
    if dataclasses.is_dataclass(value):
        return type(value), [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return type(value), [plain(v) for v in value]
    if isinstance(value, dict):
        return type(value), [(k, plain(v)) for k, v in value.items()]
    return type(value), repr(value)


# Returns and how they are built


RESULTS = {
    "tensor": lambda x: x + 1,
    "nothing": lambda x: None,
    "pair": lambda x: (x + 1, x * 2),
    "single": lambda x: (x + 1,),
    "empty": lambda x: ((), [], {}),
    "nested": lambda x: {"b": [x, (x * 2, None)], "a": Pair(x + 1, "text"), 3: Box(x - 1, "n")},
    "numbers": lambda x: (1, 2.5, True, 1j, b"b", "s", np.float32(3), np.dtype("int8"), x.shape),
    "array": lambda x: (np.arange(3), x),
    "passed through": lambda x: (x, x, [x]),
    "repeated": lambda x: (lambda y: [y, y, {"y": y}])(x * 2),
    "views": lambda x: (tf.reshape(x, (-1,)), tf.transpose(x), x[:1], tf.expand_dims(x, 0), x[0]),
    "no inputs used": lambda x: tf.zeros((2,)) + 3,
    "constant": lambda x: tf.constant([1, 2]),
}


@JIT
@pytest.mark.parametrize("name", RESULTS)
def test_returns_what_the_function_returns(name: str, jit: bool) -> None:
    f = tf.function(RESULTS[name], jit_compile=jit)
    for shape in ((2, 3), (4, 3), (2, 3), (1, 1)):
        x = x_of(*shape)
        assert plain(f(x)) == plain(RESULTS[name](x))


@JIT
def test_a_tensor_returned_twice_is_one_object(jit: bool) -> None:
    @tf.function(jit_compile=jit)
    def f(x: Any) -> Any:
        y = x * 2
        return y, [y], x + 0

    first, (second,), third = f(x_of(2))
    assert first is second
    first[0] = 9.0
    assert second.numpy()[0] == 9.0
    assert third.numpy()[0] == 1.0


def test_a_variable_is_returned_as_itself() -> None:
    v = tf.Variable([1.0])
    f = tf.function(lambda: (v, v + 1), jit_compile=False)
    assert f()[0] is v


def test_what_is_no_value_is_refused_and_leaves_nothing() -> None:
    v = tf.Variable([1.0])

    @tf.function(jit_compile=False, strict=True)
    def f(x: Any) -> Any:
        v.assign(x)
        return object()

    for _ in range(2):
        with pytest.raises(ReturnTypeError, match="object"):
            f(x_of(1))
    assert not f._traces
    assert v.numpy().tolist() == [1.0]


@JIT
def test_each_call_returns_arrays_of_its_own(jit: bool) -> None:
    table = np.zeros(2)
    f = tf.function(lambda x: (np.zeros(2), table, x), jit_compile=jit)
    made, held, _ = f(x_of(1))
    made[0] = 5.0
    assert held is table
    assert f(x_of(1))[0].tolist() == [0.0, 0.0]


# Aliasing


def moves() -> dict[str, Any]:
    """Functions of a matrix whose NumPy bodies may return their input or a view of it."""
    return {
        "itself": lambda x: x, "identity": tf.identity, "reshape": lambda x: tf.reshape(x, (-1,)),
        "transpose": tf.transpose, "slice": lambda x: x[1:], "reverse": lambda x: x[::-1],
        "row": lambda x: x[0], "expand": lambda x: tf.expand_dims(x, 0), "flip": tf.flip,
        "broadcast": lambda x: tf.broadcast_to(x, (2, 2, 3)), "cast": lambda x: tf.cast(x, x.dtype),
        "where": lambda x: tf.where(True, x, x), "concat": lambda x: tf.concat([x], axis=0),
        "positive": lambda x: +x, "stop": lambda x: tf.stop_gradient(x), "real": tf.real,
        "conjugate": tf.conjugate, "tile": lambda x: tf.tile(x, (1, 1)), "abs": tf.abs,
        "maximum": lambda x: tf.maximum(x, x), "roll": lambda x: tf.roll(x, 0, axis=0),
        "sum of no axis": lambda x: tf.sum(x, axis=()), "times one": lambda x: x * 1,
        "sort": lambda x: tf.sort(x, axis=0), "clip": lambda x: tf.clip_by_value(x, -9.0, 9.0),
    }  # fmt: skip


@JIT
@pytest.mark.parametrize("name", moves())
def test_no_result_or_state_aliases_an_array_of_the_caller(name: str, jit: bool) -> None:
    move = moves()[name]
    captured = np.arange(6, dtype=np.float64).reshape(2, 3) + 1
    given = captured * 10
    start = [move(tf.constant(a.copy())).numpy() for a in (given, captured)]
    states = [tf.Variable(np.zeros_like(s)) for s in start]

    @tf.function(jit_compile=jit)
    def f(a: Any) -> Any:
        outs = move(tf.identity(a)), move(tf.identity(captured))
        for state, out in zip(states, outs, strict=True):
            state.assign(out)
        return outs

    for _ in range(2):
        outs = f(given)
        backup = given.copy(), captured.copy()
        given[...] = captured[...] = -1.0
        for out, state, want in zip(outs, states, start, strict=True):
            np.testing.assert_array_equal(out.numpy(), want)
            np.testing.assert_array_equal(state.numpy(), want)
        given[...], captured[...] = backup


def layouts() -> dict[str, np.ndarray[Any, Any]]:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    frozen = base.copy()
    frozen.flags.writeable = False
    packed = np.frombuffer(b"\0" + base.tobytes(), np.uint8)[1:].view(np.float32).reshape(4, 6)
    return {
        "plain": base, "strided": base[::2, 1::3], "reversed": base[::-1, ::-1],
        "fortran": np.asfortranarray(base), "transposed": base.T, "frozen": frozen,
        "repeated": np.broadcast_to(base[0], (3, 6)), "none": base[:0], "no columns": base[:, :0],
        "one": base[:1, :1], "unaligned": packed,
    }  # fmt: skip


@JIT
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_any_layout_of_memory_is_read_and_never_written(kind: str, jit: bool) -> None:
    def f(x: Any) -> Any:
        return x * 2 + tf.sum(x, axis=1, keepdims=True), x @ tf.transpose(x), tf.sort(x, axis=0)

    compiled = tf.function(f, jit_compile=jit)
    for name, array in layouts().items():
        before = array.copy()
        given = tf.Tensor(array) if kind == "tensor" else array
        for found, want in zip(compiled(given), f(tf.constant(before)), strict=True):
            np.testing.assert_allclose(found.numpy(), want.numpy(), rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal(array, before)


@JIT
def test_scalars_and_repeated_inputs(jit: bool) -> None:
    f = tf.function(lambda x, y: x * y + x, jit_compile=jit)
    x = tf.constant(3.0)
    assert f(x, x).item() == 12.0
    assert f(np.float32(3), np.array(2.0, np.float32)).item() == 9.0
    a = np.arange(6, dtype=np.float32)
    assert f(a[:3], a[3:]).tolist() == [0.0, 5.0, 12.0]
    assert f(a[1:4], a[:3]).tolist() == [1.0, 4.0, 9.0]


@JIT
@pytest.mark.parametrize("make", [tf.constant, np.array])
def test_a_write_is_seen_through_every_name_of_the_object(make: Any, jit: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = 7.0
        return b * 1.0

    compiled = tf.function(f, jit_compile=jit)
    for _ in range(2):
        x, y = make([1.0, 2.0]), make([3.0, 4.0])
        assert np.asarray(compiled(x, y)).tolist() == [3.0, 4.0]
        assert np.asarray(x).tolist() == [7.0, 2.0]
        x = make([1.0, 2.0])
        assert np.asarray(compiled(x, x)).tolist() == [7.0, 2.0]
    base = np.array([1.0, 2.0, 3.0])
    assert np.asarray(compiled(base[1:], base[:2])).tolist() == [1.0, 7.0]
    assert base.tolist() == [1.0, 7.0, 3.0]


# Variables


@JIT
def test_variables_are_read_and_assigned_in_program_order(jit: bool) -> None:
    a, b, n = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0]), tf.Variable(0)

    def helper(v: Any, x: Any) -> None:
        v.assign_add(x)

    def f(given: Any, x: Any) -> Any:
        first = a + 0
        a.assign(a * 2)
        second = a + 0
        helper(a, x)
        given.assign_sub(x)  # the same object as b
        third = a + b
        swap = a.read_value()
        a.assign(b)
        b.assign(swap)
        n.assign_add(1)
        return first, second, third, n + 0, b - given

    compiled = tf.function(f, jit_compile=jit)
    results = []
    for run in (f, compiled):
        for v, value in ((a, [1.0, 2.0]), (b, [3.0, 4.0]), (n, 0)):
            v.assign(value)
        calls = [plain(run(b, x_of(2))) for _ in range(3)]
        results.append((calls, a.numpy().tolist(), b.numpy().tolist(), int(n.numpy())))
    assert results[0] == results[1]
    assert compiled.experimental_get_tracing_count() == 1


@JIT
def test_values_handed_out_do_not_change_with_the_variable(jit: bool) -> None:
    v, w = tf.Variable([1.0]), tf.Variable([0.0])

    @tf.function(jit_compile=jit)
    def f() -> Any:
        w.assign(v)
        return v.read_value()

    first = f()
    v.assign([2.0])
    v[0] = 3.0
    second = f()
    first[0] = 8.0
    assert (v.numpy(), w.numpy(), second.numpy()) == ([3.0], [3.0], [3.0])


def test_variables_told_apart() -> None:
    def g(a: Any, b: Any) -> Any:
        a.assign_add(b)
        return b + 0

    f = tf.function(g, jit_compile=False)
    v, w = tf.Variable([1.0]), tf.Variable([5.0])
    assert f(v, w).numpy().tolist() == [5.0]
    assert f(v, v).numpy().tolist() == [12.0]
    assert f(w, v).numpy().tolist() == [12.0]
    assert (v.numpy().tolist(), w.numpy().tolist()) == ([12.0], [17.0])


def test_a_variable_made_inside_is_refused() -> None:
    f = tf.function(lambda x: tf.Variable(0.0) + x, jit_compile=False, strict=True)
    with pytest.raises(StagingError, match="Variable"):
        f(x_of(1))


# Errors


@JIT
@pytest.mark.parametrize(("bad", "error"), [
    (lambda i: i // (i - i), IntegerDivisionError),
    (lambda i: i % (i * 0), IntegerDivisionError),
    (lambda i: tf.gather(x_of(3), i + 5), IndexOutOfBoundsError),
    (lambda i: tf.cast(tf.cast(i, "float32") / 0, "int32"), TwofoldError),
])  # fmt: skip
def test_a_failing_value_raises_at_the_users_line(bad: Any, error: Any, jit: bool) -> None:
    early, late = tf.Variable(0), tf.Variable(0)

    def f(i: Any) -> Any:
        early.assign_add(1)
        out = bad(i)
        late.assign_add(1)
        return out

    compiled = tf.function(f, jit_compile=jit)
    for count in (1, 2):
        with pytest.raises(error) as caught:
            compiled(tf.constant([1, 2]))
        assert caught.value.location.file == __file__
        assert caught.value.location.line == bad.__code__.co_firstlineno
        assert (int(early.numpy()), int(late.numpy())) == (count, 0)
    with pytest.raises(error):
        f(tf.constant([1, 2]))


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, StagingError, ShapeError])
def test_a_failing_trace_leaves_no_trace(stop: type[BaseException]) -> None:
    v = tf.Variable([1.0])
    broken = [True]

    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        v.assign(x)
        if broken[0]:
            raise stop("here")
        return x

    x = x_of(1) * 5
    with pytest.raises(stop):
        f(x)
    # As without tracing: what was assigned before an exception of the function stays.
    kept = stop is not KeyboardInterrupt  # the call that it came in has not begun
    assert v.numpy().tolist() == [5.0 if kept else 1.0]
    assert not f._traces
    assert not f._exact
    assert (x + 1).numpy().tolist() == [6.0]  # eager again
    broken[0] = False
    assert f(x).numpy().tolist() == [5.0] == v.numpy().tolist()


def test_an_array_written_after_its_use_is_read_in_program_order() -> None:
    def f(x: Any) -> Any:
        a = np.zeros(2, np.float32)
        y = x + a
        a[0] = 100.0
        return y + a

    assert (
        tf.function(f, jit_compile=False)(x_of(2)).numpy().tolist() == f(x_of(2)).numpy().tolist()
    )

    def finished_first(x: Any) -> Any:
        a = np.zeros(2, np.float32)
        a[0] = 100.0
        return x + a + a

    assert tf.function(finished_first)(x_of(2)).numpy().tolist() == [201.0, 2.0]


def test_a_tensor_kept_from_a_trace_is_refused_later(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()  # not watched
    framework: dict[str, Any] = {"__name__": "keeping", "kept": kept}
    exec(compile("def keep(x):\n    kept.put(x)", queue.__file__, "exec"), framework)
    monkeypatch.setattr(library, "_NATIVE", {"keeping"})  # it runs as it is in a trace
    keep = framework["keep"]

    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        keep(x)
        return x + 1

    f(x_of(1))
    held = kept.get()
    with pytest.raises(TwofoldError):
        held + 1
    g = tf.function(lambda x: x + held, jit_compile=False)
    with pytest.raises(TwofoldError, match="was kept after the trace"):
        g(x_of(1))


# What can be a function


def test_kinds_of_callables() -> None:
    space: dict[str, Any] = {}
    exec("def executed(x):\n    return x * 2", space)

    class Doubler:
        concrete = graph = name = 2  # names that the wrapper has too

        def __init__(self) -> None:
            self._call, self.python_name = 2, "d"

        def __call__(self, x: Any) -> Any:
            return x * self._call

        @tf.function(jit_compile=False)
        def method(self, x: Any) -> Any:
            return x * self._call

        @staticmethod
        @tf.function(jit_compile=False)
        def static(x: Any) -> Any:
            return x * 2

        @classmethod
        @tf.function(jit_compile=False)
        def of_class(cls, x: Any) -> Any:
            return x * cls.concrete

    first, second = (lambda x: x * 2), (lambda x: x + x)
    made = [first, second, space["executed"], functools.partial(lambda k, x: x * k, 2), Doubler(),
            Doubler().method, functools.partial(tf.multiply, 2.0)]  # fmt: skip
    compiled = [tf.function(f, jit_compile=False) for f in made]
    compiled += [Doubler.static, Doubler().static, Doubler.of_class, Doubler().of_class]
    for f in compiled:
        assert f(x_of(2)).numpy().tolist() == [2.0, 4.0]


def test_a_function_called_in_a_function_is_a_call_that_is_inlined() -> None:
    inner = tf.function(lambda x, k: x * k, jit_compile=False)
    outer = tf.function(lambda x: inner(inner(x, 2), 3), jit_compile=False)
    assert outer(x_of(2)).numpy().tolist() == [6.0, 12.0]
    assert inner.experimental_get_tracing_count() == 0
    graph = outer.graph(x_of(2))
    verify(graph)
    assert [n.op.name for n in graph.nodes] == ["call", "call"]
    nodes = inline(graph).nodes
    assert [n.op.name for n in nodes if n.op.name != "constant"] == ["multiply", "multiply"]


@pytest.mark.parametrize("jit", [None, True, False])
def test_every_way_to_compile_agrees(jit: bool | None) -> None:
    def f(x: Any, k: int) -> Any:
        return {"y": tf.tanh(x) * k, "s": [tf.sum(x, axis=0), x.shape[0]]}

    compiled = tf.function(f, jit_compile=jit)
    for _ in range(6):  # None: passes from array operations to kernels meanwhile
        for n in (3, 4):
            found, want = compiled(x_of(n, 2), 3), f(x_of(n, 2), 3)
            np.testing.assert_allclose(found["y"].numpy(), want["y"].numpy(), rtol=5e-7)
            assert plain(found["s"]) == plain(want["s"])
    assert compiled.experimental_get_tracing_count() == 1


def test_running_eagerly_runs_the_python_also_after_a_call_was_prepared() -> None:
    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        print("in Python")
        return x + 1

    texts = []
    for eagerly in (False, False, True, False):
        out = io.StringIO()
        tf.config.run_functions_eagerly(eagerly)
        try:
            with contextlib.redirect_stdout(out):
                f(x_of(1))
        finally:
            tf.config.run_functions_eagerly(False)
        texts.append(out.getvalue())
    assert texts == ["in Python\n"] * 4


class TestConcreteFunction:
    """``get_concrete_function``."""

    @JIT
    def test_runs_for_every_size_that_is_open(self, jit: bool) -> None:
        f = tf.function(lambda x, y: x @ y, jit_compile=jit)
        concrete = f.get_concrete_function(tf.TensorSpec((None, 3)), y=tf.TensorSpec((3, 2)))
        for n in (1, 5, 0):
            x, y = tf.ones((n, 3)), tf.ones((3, 2))
            assert concrete(x, y).shape == (n, 2)
            assert concrete(x, y=y).numpy().tolist() == [[3.0, 3.0]] * n
        assert f(tf.ones((4, 3)), tf.ones((3, 2))).shape == (4, 2)
        assert f.experimental_get_tracing_count() == 1

    @pytest.mark.parametrize("args", [
        (tf.ones((4, 3), dtype=tf.float64), 2), (tf.ones((4,)), 2), (tf.ones((4, 5)), 2),
        (tf.ones((4, 3)), 3), (tf.ones((4, 3)), 2.0), ([tf.ones((4, 3))], 2), (1.0, 2),
        (np.ones((4, 3)), 2),
    ])  # fmt: skip
    def test_refuses_arguments_of_another_kind(self, args: Any) -> None:
        b = tf.ones((3,))
        concrete = tf.function(lambda x, k: (x + b) * k, jit_compile=True).get_concrete_function(
            tf.TensorSpec((None, 3)), 2
        )
        assert concrete(tf.ones((2, 3)), 2).numpy().tolist() == [[4.0] * 3] * 2
        with pytest.raises(ArgumentError, match="do not fit"):
            concrete(*args)
        with pytest.raises(ArgumentError):
            concrete(tf.ones((2, 3)), 2, 3)


def test_clearing_the_cache_traces_again() -> None:
    f = tf.function(lambda x: x + 1, jit_compile=False)
    for _ in range(2):
        f(x_of(1))
    f.clear_cache()
    f(x_of(1))
    assert f.experimental_get_tracing_count() == 2


def test_unknown_options_are_refused() -> None:
    with pytest.raises(TypeError, match="jitcompile"):
        tf.function(lambda x: x, jit_compile=True, jitcompile=True)


def test_compiling_again_keeps_the_calls_that_are_prepared() -> None:
    f = tf.function(lambda x: tf.tanh(x) * 2, jit_compile=True)
    x = tf.ones((3,))
    concrete = f.get_concrete_function(x)
    concrete.compile()
    f(x)
    held = dict(f._exact)
    assert held
    concrete.compile()
    assert dict(f._exact) == held
