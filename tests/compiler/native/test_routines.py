"""Routines: the bits of the array operations that they stand for, in any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background, target
from twofold.compiler.native import eagerly
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import step_of
from twofold.ir.op import OPS
from twofold.runtime.native import Native, native


def same_bits(fn: Callable[..., Any], *args: Any) -> None:
    """Eager and compiled results have the same bits, those of a NaN aside: its sign is the CPU's."""
    given = [tf.constant(a) for a in args]
    expected, found = fn(*given).numpy(), tf.function(fn, jit_compile=True)(*given).numpy()
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if found.dtype.kind == "f":
        missing = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(found), missing)
        expected, found = np.where(missing, 0, expected), np.where(missing, 0, found)
    assert found.tobytes() == expected.tobytes()


def routines(fn: Callable[..., Any], *args: Any) -> list[str]:
    """The routines that a compiled function calls."""
    planned = run(tf.function(fn).get_concrete_function(*args).graph, target=NATIVE)
    return [step_of(node).routine for node in planned.nodes if step_of(node).routine]


def _windows() -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(0)
    for rank in (1, 2, 3):
        for channels in (1, 3, 8, 16, 17, 33):
            window, strides = (tuple(map(int, rng.integers(1, 4, rank))) for _ in range(2))
            holes = tuple(1 if step > 1 else int(rng.integers(1, 4)) for step in strides)
            shape = tuple(
                (k - 1) * hole + 1 + int(rng.integers(0, 9))
                for k, hole in zip(window, holes, strict=True)
            )
            yield (2, *shape, channels), window, strides, holes


@pytest.mark.parametrize("case", list(_windows()), ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_that_overlap_are_added_up(case: Any, dtype: str) -> None:
    shape, window, strides, dilations = case
    where = {"window": window, "strides": strides, "dilations": dilations}
    like = OPS["patches"](tf.zeros(shape, dtype), **where)
    g = np.random.default_rng(1).standard_normal(like.shape).astype(dtype)
    same_bits(lambda g: OPS["patches_grad"](g, shape=shape, **where), g)


def test_a_convolution_is_trained_without_array_operations() -> None:
    def fn(x: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            loss = tf.reduce_sum(tf.nn.conv2d(x, w, 1, "SAME") ** 2)
        return tape.gradient(loss, [x, w])

    found = routines(fn, tf.ones((2, 8, 8, 3)), tf.ones((3, 3, 3, 4)))
    assert sorted(set(found)) == ["convolved", "gemm", "laid", "overlapped"]


DTYPES = ["float32", "float64", "int32", "int64"]


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    """Numbers with repetitions; among floats infinities, NaN, and zeros of both signs."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-6, 6, shape).astype(dtype)
    if dtype.startswith("float"):
        x = np.where(rng.random(shape) < 0.5, x, rng.standard_normal(shape)).astype(dtype)
        for share, special in ((0.04, np.nan), (0.05, np.inf), (0.05, -np.inf), (0.1, -0.0)):
            x[rng.random(shape) < share] = special
    return x


def _scatters() -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(3)
    for width in (0, 1, 3, 8, 16, 17, 40):
        for count in (0, 1, 5, 90):
            yield int(rng.integers(1, 30)), width, count, int(rng.integers(1, 4))


@pytest.mark.parametrize("case", list(_scatters()), ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_added_at_positions_that_repeat(case: Any, dtype: str) -> None:
    rows, width, count, outer = case
    rng = np.random.default_rng(count)
    at = rng.integers(-rows, rows, count).astype("int32" if width % 2 else "int64")
    x, updates = numbers((outer, rows, width), dtype), numbers((outer, count, width), dtype, 1)

    def add(x: Any, at: Any, updates: Any) -> Any:
        return OPS["scatter_add"](x, at, updates, axis=1)

    same_bits(add, x, at, updates)
    points = np.stack([rng.integers(-outer, outer, count), at], -1).astype(at.dtype)
    same_bits(tf.tensor_scatter_nd_add, x, points, updates[0])
    ids = np.stack([at, at[::-1]])  # those that are negative belong to no segment
    data = numbers((2, *updates.shape[1:]), dtype, 2)
    same_bits(lambda x, ids: tf.math.unsorted_segment_sum(x, ids, rows + 1), data, ids)


@pytest.mark.parametrize("at", [[[5]], [[-6]], [[0], [1 << 30]]], ids=str)
def test_a_position_outside_the_table_raises_as_eagerly(at: Any) -> None:
    log = tf.Variable(0)

    def add(x: Any, at: Any) -> Any:
        log.assign_add(1)
        return tf.tensor_scatter_nd_add(x, at, tf.ones((len(at), 2)))

    x, given = tf.zeros((5, 2)), tf.constant(at)
    with pytest.raises(tf.errors.IndexOutOfBoundsError) as eager:
        add(x, given)
    compiled = tf.function(add, jit_compile=True)
    with pytest.raises(tf.errors.IndexOutOfBoundsError) as found:
        compiled(x, given)
    assert str(found.value).split("\n")[0] == str(eager.value).split("\n")[0]
    assert log.numpy() == 2
    segments = tf.function(lambda x, at: tf.math.unsorted_segment_sum(x, at, 3), jit_compile=True)
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="index 3 is out of bounds"):
        segments(x, tf.constant([0, -1, 3, 2, 1]))
    assert compiled(x, tf.constant([[4]])).numpy().sum() == 2


SHAPES = [(1,), (0, 3), (3, 0), (7,), (8, 5), (5, 8), (70, 33), (3, 17, 2), (3, 4, 40), (9, 9, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fold", [tf.cumsum, tf.math.cumprod])
def test_running_sums_and_products(shape: Any, dtype: str, fold: Callable[..., Any]) -> None:
    x = numbers(shape, dtype)

    def every(x: Any) -> list[Any]:
        ways = [(ex, rev) for ex in (False, True) for rev in (False, True)]
        return [
            fold(x, axis=axis, exclusive=ex, reverse=rev)
            for axis in range(len(shape)) for ex, rev in ways
        ]  # fmt: skip

    given = tf.constant(x)
    for found, expected in zip(tf.function(every)(given), every(given), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
        nan = np.isnan(expected.numpy())
        assert not (np.signbit(found.numpy()) != np.signbit(expected.numpy()))[~nan].any()


@pytest.mark.parametrize("length", [1, 5, 16, 17, 33, 300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_of_rows(length: int, dtype: str) -> None:
    for lead in ((), (3,), (2, 0), (2, 3)):
        x = numbers((*lead, length), dtype)
        for given in (x, np.sort(x, -1), np.full_like(x, 1)):
            for count in {0, 1, min(3, length), min(32, length)}:
                for part in (0, 1):
                    same_bits(lambda x, k=count, part=part: tf.math.top_k(x, k)[part], given)


def test_what_routines_are_called_for() -> None:
    def fn(x: Any, at: Any) -> Any:
        values, places = tf.math.top_k(x, 2)
        return tf.cumsum(x, axis=1), tf.tensor_scatter_nd_add(x, at, x), values, places

    found = routines(fn, tf.ones((4, 4)), tf.constant([[0], [1], [2], [2]]))
    assert sorted(found) == ["running", "scattered", "selected"]


def test_what_eager_calls_take_is_a_routine() -> None:
    assert {name for name, made in OPS.items() if made.routine} <= set(target._OWN)


def test_eager_calls_of_large_arrays_take_the_routine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "compute", eagerly.compute)
    rng = np.random.default_rng(0)
    x, at = rng.standard_normal((300, 200)).astype("float32"), rng.integers(-300, 300, (900, 1))
    more = tf.constant(rng.standard_normal((900, 200)).astype("float32"))
    calls: list[Callable[[Any], Any]] = [
        lambda x: tf.cumsum(x, axis=1, reverse=True),
        lambda x: tf.cumsum(tf.transpose(x), axis=1),
        lambda x: tf.math.top_k(x, 3)[1],
        lambda x: tf.tensor_scatter_nd_add(x, at, more),
        lambda x: tf.math.unsorted_segment_sum(more, at[:, 0], 300),
    ]
    made = len(eagerly._programs)
    first = [call(tf.constant(x)).numpy() for call in calls]  # by NumPy
    background.wait()
    assert len(eagerly._programs) >= made + len(calls)
    ran: list[str] = []

    def counted(op: Any, inputs: Any, attrs: Any) -> Any:
        found = eagerly.compute(op, inputs, attrs)
        ran.extend([op.name] if found is not None else [])
        return found

    monkeypatch.setattr(native, "compute", counted)
    for call, expected in zip(calls, first, strict=True):
        assert call(tf.constant(x)).numpy().tobytes() == expected.tobytes()
    assert len(ran) == len(calls)
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="index 300 is out of bounds"):
        tf.tensor_scatter_nd_add(x, np.full((900, 1), 300), more)


def test_large_arrays_ask_for_machine_code_once() -> None:
    asked: list[int] = []
    here = Native()
    here.request = lambda: asked.append(1)
    inputs = [np.zeros(1 << 20, np.float32)]
    for _ in range(60):
        assert here.outputs(OPS["cumsum"], inputs, {}) is None
    assert asked == [1]
    small = Native()
    small.outputs(OPS["cumsum"], [np.zeros(8, np.float32)], {})
    assert small.spent == 0


ANY = ["bool", "int8", "float16", "float32", "float64", "complex128"]


def _rows(shape: tuple[int, ...], dtype: str) -> Any:
    return (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype)


@pytest.mark.parametrize("dtype", ANY)
@pytest.mark.parametrize("places", ["int32", "int64"])
def test_rows_are_taken(dtype: str, places: str) -> None:
    x = _rows((5, 4, 3), dtype)
    for shape in ((), (0,), (1,), (2, 3)):
        at = np.random.default_rng(0).integers(-3, 3, shape).astype(places)
        for axis in (0, 1, 2):
            same_bits(lambda x, at, axis=axis: tf.gather(x, at, axis=axis), x, at)
    for depth in (1, 2, 3):
        at = np.random.default_rng(0).integers(-3, 3, (2, 4, depth)).astype(places)
        same_bits(tf.gather_nd, x, at)


@pytest.mark.parametrize("dtype", ANY)
@pytest.mark.parametrize("places", ["int32", "int64"])
def test_rows_are_put_in_places(dtype: str, places: str) -> None:
    x = _rows((5, 4, 3), dtype)
    for depth in (1, 2, 3):
        for count in (0, 1, 40):  # 40: some places are taken more than once
            at = np.random.default_rng(0).integers(-3, 3, (count, depth)).astype(places)
            new = _rows((count, *x.shape[depth:]), dtype)
            same_bits(tf.tensor_scatter_nd_update, x, at, new)


def test_large_rows_are_taken_and_put_by_several_threads() -> None:
    x = _rows((1200, 999), "float32")
    at = np.random.default_rng(0).integers(-1200, 1200, 1500)
    same_bits(tf.gather, x, at)
    same_bits(lambda x, at: tf.gather(x, at, axis=1), x, at % 900)
    same_bits(tf.tensor_scatter_nd_update, x, at[:, None], _rows((1500, 999), "float32"))


@pytest.mark.parametrize("wrong", [4, -5])
def test_places_outside_raise_and_nothing_is_written(wrong: int) -> None:
    x, at = tf.zeros((4, 2)), tf.constant([[0], [wrong], [1]])
    for fn in (
        lambda x, at: tf.gather(x, at),
        lambda x, at: tf.gather(tf.transpose(x), at, axis=1),
        lambda x, at: tf.gather_nd(x, at),
        lambda x, at: tf.gather_nd(x, tf.concat([at, at], axis=1)),
        lambda x, at: tf.tensor_scatter_nd_update(x * 2, at, tf.ones((3, 2))),
    ):
        with pytest.raises(tf.errors.IndexOutOfBoundsError, match=f"index {wrong} is out of"):
            tf.function(fn, jit_compile=True)(x, at)


def _steps(fn: Callable[..., Any], *args: Any) -> list[str]:
    planned = run(tf.function(fn).get_concrete_function(*args).graph, target=NATIVE)
    return [str(step_of(n)) for n in planned.nodes if step_of(n).routine in ("placed", "scattered")]


def test_rows_are_put_where_nobody_reads_what_was_there() -> None:
    at, more = tf.constant([[1], [0]]), tf.ones((2, 3))

    def chain(x: Any, at: Any, more: Any) -> Any:
        y = x * 2
        for _ in range(3):
            y = tf.tensor_scatter_nd_update(y, at, more)
            y = tf.tensor_scatter_nd_add(y, at, more)
        return y + 1

    def read_later(x: Any, at: Any, more: Any) -> Any:
        y = x * 2
        z = tf.tensor_scatter_nd_update(y, at, more)
        return tf.matmul(y, z, transpose_b=True) + tf.reduce_sum(z)

    def into_itself(x: Any, at: Any, more: Any) -> Any:
        y = tf.tensor_scatter_nd_update(x * 2, at, more)
        return tf.tensor_scatter_nd_update(y, tf.constant([[2], [0]]), y[:2]) + 1

    x = tf.constant(np.arange(9, dtype=np.float32).reshape(3, 3))
    steps = _steps(chain, x, at, more)
    assert len(steps) == 6 and len({step.split(" in ")[1] for step in steps}) == 1, steps
    before = x.numpy().copy()
    for fn in (chain, read_later, into_itself, tf.tensor_scatter_nd_update):
        same_bits(fn, before, at.numpy(), more.numpy())
    assert x.numpy().tobytes() == before.tobytes()
