"""Machine kernels: memory layout that the driver relies on, threads, masked tails, content keys."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from support.kernel_cases import CASES, by_machine, by_reference, compiled, make_inputs

import twofold as tf
from twofold.compiler.arrays.reference import sizes_of
from twofold.compiler.native import driver, launch, writer
from twofold.runtime import threads


def word_at(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def test_items_of_a_list_lie_where_the_driver_looks() -> None:
    items: list[Any] = [object() for _ in range(5)]
    for _ in range(3):
        table = word_at(id(items) + driver.ITEMS_OFFSET)
        assert [word_at(table + 8 * i) for i in range(len(items))] == [id(x) for x in items]
        items += [None] * 100  # the items move
        items.insert(0, 1)


def test_data_of_an_array_lie_where_the_driver_looks() -> None:
    base = np.arange(24, dtype=np.int16).reshape(4, 6)
    for array in (base, base[1:], base[::2, 1:], base.T, base[:0], np.array(1.5), base.view("u2")):
        assert word_at(id(array) + driver.DATA_OFFSET) == array.ctypes.data


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every step is shared by the threads, in small chunks."""
    monkeypatch.setattr(launch, "PARALLEL_WORK", 1)
    monkeypatch.setattr(launch, "CHUNK_WORK", 64)
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_number_of_threads(name: str, shared: Any) -> None:
    _, made = compiled(name)
    for sizes in ({"n": 37, "m": 129, "k": 3}, {"n": 130, "m": 3, "k": 2}):
        arrays = make_inputs(CASES[name], sizes)
        results = []
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            results.append([a.tobytes() for a in by_machine(made, arrays)])
        assert results[0] == results[1] == results[2]


def test_large_totals_do_not_depend_on_threads_and_are_precise(shared: Any) -> None:
    _, made = compiled("total of two axes")
    arrays = make_inputs(CASES["total of two axes"], {"n": 900, "m": 333, "k": 1})
    found = []
    for count in (1, 3):
        threads.set_num_threads(count)
        found.append(by_machine(made, arrays)[0])
    assert found[0].tobytes() == found[1].tobytes()
    exact = (arrays[0].astype(np.float64) * arrays[1]).sum()
    size = np.abs(arrays[0].astype(np.float64) * arrays[1]).sum()
    # Each of 64 chains adds 16384 / 64 terms of a block in float32; blocks add up in float64.
    assert abs(found[0] - exact) <= 300 * np.finfo(np.float32).eps * size


@pytest.mark.parametrize("name", ["map of one axis", "map, broadcast", "transposed loads", "softmax",
                                  "sum of rows", "columns", "int8 wraps", "bool in rows"])  # fmt: skip
@pytest.mark.parametrize("m", [1, 2, 15, 16, 17, 63, 64, 65, 127])
def test_tails_read_and_write_nothing_outside(name: str, m: int) -> None:
    """Outputs lie between guards that must survive; inputs end where memory of NaN begins."""
    graph, made = compiled(name)
    sizes = {"n": 3, "m": m, "k": 2}
    arrays = []
    for array in make_inputs(CASES[name], sizes):
        room = np.empty(array.size + 64, array.dtype)
        room[...] = np.nan if array.dtype.kind == "f" else 1
        room[: array.size] = array.ravel()
        arrays.append(room[: array.size].reshape(array.shape))
    fresh: list[Any] = []

    def guarded(shape: tuple[int, ...], dtype: Any) -> Any:
        count = int(np.prod(shape, dtype=np.int64))
        room = np.full((count + 128) * dtype.itemsize, 0xA5, np.uint8)
        fresh.append((room, 64 * dtype.itemsize, count * dtype.itemsize))
        return room.view(dtype)[64 : 64 + count].reshape(shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer.np, "empty", guarded)
        run = made.prepare(sizes_of(made.graph, arrays))
    found = run(arrays)
    for room, start, length in fresh:
        assert (room[:start] == 0xA5).all()
        assert (room[start + length :] == 0xA5).all()
    for a, b in zip(found, by_reference(graph, arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_equal_kernels_are_compiled_once() -> None:
    x = tf.ones((3, 4))
    kernels = []
    for name in ("first", "second"):
        f = tf.function(lambda x: tf.tanh(x) * 1.0625, jit_compile=True, name=name)
        kernels.append(f.get_concrete_function(x).executable().kernels[0].machine(lambda size: 12))
    assert kernels[0].body == kernels[1].body


def test_boxes_of_a_joined_value_share_their_code() -> None:
    f = tf.function(lambda *xs: tf.concat([x * 2.5 for x in xs], 0), jit_compile=True)
    xs = [tf.fill((2, 3), float(i)) for i in range(6)]
    kernels = f.get_concrete_function(*xs).executable().kernels
    assert len(kernels) == 6
    assert (
        len({k.machine(lambda size: 12).body for k in kernels}) == 2
    )  # the first stands at 0, which is in its code
    want = np.repeat(np.arange(6, dtype=np.float32) * 2.5, 2)
    np.testing.assert_array_equal(f(*xs).numpy()[:, 0], want)


def test_constants_dtypes_and_forms_tell_kernels_apart() -> None:
    x = tf.constant([1.5, -0.0])
    functions = [lambda x: x * 2.5 + 0.0, lambda x: x * 2.5 + -0.0 * tf.abs(x), lambda x: x * 2.25,
                 lambda x: tf.cast(x, "float64") * 2.5, lambda x: x * float("nan"),
                 lambda x: x * float("inf")]  # fmt: skip
    for f in functions:
        found = tf.function(f, jit_compile=True)(x).numpy()
        np.testing.assert_array_equal(found, f(x).numpy())
        assert np.array_equal(np.signbit(found), np.signbit(f(x).numpy())) or np.isnan(found).any()
    keys = {
        i.kernel.key()
        for f in functions
        for i in tf.function(f, jit_compile=True).get_concrete_function(x).executable().kernels
    }
    assert len(keys) == len(functions)
