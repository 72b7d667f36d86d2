"""Products of arrays: every layout, bounded sums, and the same bits for any number of threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background
from twofold.compiler.native.multiply import offer
from twofold.runtime import threads
from twofold.runtime.blas import find_blas
from twofold.runtime.native import PATIENCE, Native, native
from twofold.runtime.one_thread import OneThread, one_thread
from twofold.runtime.products import inner_block, matmul, panels
from twofold.runtime.sharing import share

Array = np.ndarray[Any, Any]

SHAPES = [
    ((3,), (3,)), ((3,), (3, 4)), ((4, 3), (3,)), ((3, 4), (4, 5)), ((200, 300), (300, 150)),
    ((7, 1, 3, 4), (5, 4, 3)), ((2, 600, 300), (300, 20)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)),
    ((9000,), (9000,)), ((5000,), (5000, 3)), ((3, 5000), (5000,)), ((2, 5000), (5000, 3)),
    ((70, 3000), (3000, 40)), ((2, 2, 3000), (2, 3000, 2)), ((600, 8, 40), (600, 40, 9)),
    ((0, 3), (3, 4)), ((3, 0), (0, 4)), ((2, 0, 3), (3, 2)), ((0,), (0,)), ((2, 9000), (9000, 0)),
]  # fmt: skip
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[..., ::-1].copy()[..., ::-1],
    "turned": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0),
}


@pytest.fixture(autouse=True)
def setting() -> Iterator[None]:
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Small integers: every sum below is exact in every order and precision."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, shape).astype(dtype)
    return values + 1j * rng.integers(-3, 4, shape).astype(dtype) if dtype in "FD" else values


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f", "d", "F", "D", "e", "b", "i", "q", "B", "Q", "?"])
def test_every_shape_layout_and_dtype_is_numpys_product(dtype: str, layout: str) -> None:
    for left, right in SHAPES:
        a, b = numbers(left, dtype, 1), numbers(right, dtype, 2)
        if dtype == "e":
            a, b = a[..., :600], b[..., :600] if b.ndim == 1 else b[..., :600, :]
        found = matmul(LAYOUTS[layout](a), LAYOUTS[layout](b))
        want = np.matmul(a.astype("d"), b.astype("d")).astype("e") if dtype == "e" else a @ b
        assert (found.shape, found.dtype) == (want.shape, a.dtype)
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 0.9, 1 / 3])
@pytest.mark.parametrize(
    ("left", "right"),
    [((3_000_000,), (3_000_000,)), ((2, 300_000), (300_000, 3)), ((300_000,), (300_000, 2)),
     ((64, 20_000), (20_000,)), ((70, 9_000), (9_000, 60)), ((3, 2, 20_000), (3, 20_000, 2))],
)  # fmt: skip
def test_a_long_sum_of_one_constant_is_within_its_bound(
    left: tuple[int, ...], right: tuple[int, ...], value: float
) -> None:
    for one in (np.ones(right, np.float32), np.broadcast_to(np.float32(1), right)):
        a = np.full(left, value, np.float32)
        exact = float(a.flat[0]) * left[-1]
        assert np.abs(matmul(a, one) / exact - 1).max() < 1e-5


@pytest.mark.parametrize("columns", [1, 3, 1025, 4000])
@pytest.mark.parametrize("terms", [1000, 4096, 4097, 20_000])
def test_a_row_times_a_matrix_is_within_the_bound_of_sums_in_order(
    columns: int, terms: int
) -> None:
    a, one = np.full(terms, 1.1, np.float32), np.ones((terms, columns), np.float32)
    exact = float(a[0]) * terms
    together = inner_block(1, columns, terms, False)
    assert np.abs(matmul(a, one) / exact - 1).max() < together * 2.0**-24


@pytest.mark.parametrize("function", [tf.matmul, tf.linalg.matmul, tf.tensordot, tf.vecdot])
def test_products_that_are_made_of_matmul(function: Any) -> None:
    x = tf.constant(np.full(2_000_000, 0.1, np.float32))
    options = {"axes": 1} if function is tf.tensordot else {}
    want = float(np.float32(0.1)) * 2_000_000
    for f in (function, tf.function(function, jit_compile=False)):
        got = f(x, tf.ones_like(x), **options).item()
        assert abs(got / want - 1) < 1e-5


def test_integers_are_exact_when_they_do_not_fit_a_double() -> None:
    a = np.full((80, 90), 2**40 + 1)
    np.testing.assert_array_equal(
        matmul(a, a.T), np.full((80, 80), ((2**80 + 2**41 + 1) * 90 + 2**63) % 2**64 - 2**63)
    )


SIZES = [(30, 40, 50), (1, 9000, 700), (700, 9000, 1), (1, 200_000, 1), (300, 300, 300),
         (7, 489, 301), (184, 502, 57), (130, 4100, 70), (2, 50_000, 3)]  # fmt: skip


@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_bits_do_not_depend_on_threads(m: int, k: int, n: int) -> None:
    blas = find_blas()
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n)))
    f = tf.function(lambda a, b: a @ b, jit_compile=True)
    ways = [matmul, lambda a, b: np.asarray(f(a, b))]
    before = (blas.get_num_threads() if blas else None) or 1
    want = [way(a, b) for way in ways]
    try:
        for ours, theirs in ((1, 1), (2, 1), (1, before), (3, 2), (8, before)):
            threads.set_num_threads(ours)
            if blas:
                blas.set_num_threads(min(theirs, before))
            for way, kept in zip(ways, want, strict=True):
                np.testing.assert_array_equal(way(a, b), kept)
    finally:
        if blas:
            blas.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_machine_code_has_the_bits_of_numpys_calls(
    dtype: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer()
    background.wait()
    code, ran = native.multiply, []
    rng = np.random.default_rng(0)
    sizes = [(200, 130, 90), (64, 480, 33), (2, 40, 3), (90, 130, 200), (160, 160, 160), (9, 1, 9)]
    turn = 0.8 + 0.3j if dtype in "FD" else 1.0
    for m, k, n in sizes:
        a, b = (
            LAYOUTS[layout](rng.standard_normal(s).astype(dtype) * np.array(turn, dtype))
            for s in ((m, k), (k, n))
        )
        for left, right in ((a, b), (a, a.T), (a[: m // 2], a.T), (b.T, b)):
            monkeypatch.setattr(native, "multiply", lambda a, b, out: False)
            want = matmul(left, right)
            monkeypatch.setattr(native, "multiply", lambda *abc: ran.append(code(*abc)) or ran[-1])
            np.testing.assert_array_equal(matmul(left, right), want)
    assert any(ran) or find_blas() is None


def test_products_ask_for_machine_code_once_when_they_have_taken_a_while() -> None:
    asked, counted = [], Native()
    counted.request = lambda: asked.append(counted.spent)
    for _ in range(5):
        counted.spend(PATIENCE * 0.4)
    assert len(asked) == 1
    assert asked[0] > PATIENCE


def test_eight_threads_get_the_bits_of_one() -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal((200, 300)).astype(np.float32))
    y = tf.constant(rng.standard_normal((300, 220)).astype(np.float32))

    def body(x: Any, y: Any) -> Any:
        return tf.nn.softmax(x @ y), tf.matmul(y, x, transpose_a=True, transpose_b=True)

    for f in (body, tf.function(body, jit_compile=True), tf.function(body, jit_compile=False)):
        want = [t.numpy() for t in f(x, y)]

        def same(_: int, f: Any = f, want: list[Array] = want) -> bool:
            return all(
                np.array_equal(t.numpy(), w)
                for _ in range(12)
                for t, w in zip(f(x, y), want, strict=True)
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(same, range(8)))


def test_panels_of_nothing() -> None:
    assert panels(0, 0, 5).grain == 1
    assert panels(3, 0, 5).units == 3


def test_machine_code_and_eager_products_count_in_one_state() -> None:
    guard, blas = one_thread(), find_blas()
    if blas is None or not guard.find():
        pytest.skip("this BLAS does not tell")
    before = blas.get_num_threads()
    a = np.ones((3, 3), np.float32)
    program = tf.function(lambda a, b: a @ b, jit_compile=True)
    with guard:
        program(a, a)  # comes and goes, and leaves the number at one
        assert (guard.state[0], blas.get_num_threads()) == (1, 1)
        with guard:
            assert guard.state[0] == 2
    assert (guard.state[0], guard.state[1], blas.get_num_threads()) == (0, 0, before)


def test_the_count_without_machine_code() -> None:
    guard, blas = OneThread(), find_blas()
    if blas is None or not guard.find():
        pytest.skip("this BLAS does not tell")
    before = blas.get_num_threads()
    with guard:
        with guard:
            assert (guard.state[0], blas.get_num_threads()) == (2, 1)
        done: list[int] = []
        guard.replace(lambda: done.append(1), lambda: done.append(-1))
        with guard:
            pass
        guard.replace(guard._enter, guard._leave)
    assert (guard.state[0], blas.get_num_threads(), done) == (0, before, [1, -1])


def test_products_of_many_threads_leave_nothing_behind() -> None:
    blas = find_blas()
    before = blas.get_num_threads() if blas else None
    a = np.ones((200, 200), np.float32)
    program = tf.function(lambda a, b: a @ b, jit_compile=True)
    program(a, a)

    def work(i: int) -> None:
        for _ in range(200):
            (program if i % 2 else matmul)(a, a)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert one_thread().state[:2].tolist() == [0, 0]
    assert (blas.get_num_threads() if blas else None) == before


def test_blas_has_one_thread_inside_and_its_own_number_again_outside() -> None:
    blas = find_blas()
    before = blas.get_num_threads() if blas else None
    if blas is None or before is None:
        pytest.skip("this BLAS does not tell")
    with one_thread():
        with one_thread():
            assert blas.get_num_threads() == 1
        assert blas.get_num_threads() == 1
    assert blas.get_num_threads() == before


def test_a_number_that_somebody_sets_meanwhile_stays() -> None:
    blas = find_blas()
    before = blas.get_num_threads() if blas else None
    if blas is None or before is None or before < 2:
        pytest.skip("needs a BLAS with two threads")
    try:
        blas.set_num_threads(1)
        with one_thread():
            blas.set_num_threads(2)
        assert blas.get_num_threads() == 2
    finally:
        blas.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_multiplies_and_has_the_users_setting() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((400, 400)).astype(np.float32)
    want = matmul(a, a)
    blas = find_blas()
    before = blas.get_num_threads() if blas else None
    with one_thread():  # as if another thread were inside
        child = os.fork()
        if child == 0:
            good = (blas.get_num_threads() if blas else None) == before
            os._exit(0 if good and np.array_equal(matmul(a, a), want) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_of_a_task_reaches_the_caller_and_the_helpers_stay() -> None:
    threads.set_num_threads(3)
    done = []

    def fail() -> None:
        raise MemoryError("no room")

    for _ in range(20):
        with pytest.raises(MemoryError, match="no room"):
            share([fail, lambda: None, fail])
        share([lambda i=i: done.append(i) for i in range(5)])
    assert sorted(done) == sorted(list(range(5)) * 20)


def test_tasks_may_share_tasks() -> None:
    threads.set_num_threads(2)
    done: list[int] = []

    def outer() -> None:
        share([lambda i=i: done.append(i) for i in range(3)])

    share([outer, outer])
    assert sorted(done) == [0, 0, 1, 1, 2, 2]
