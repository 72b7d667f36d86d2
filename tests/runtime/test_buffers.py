"""The buffer pool: memory comes back exactly when nobody can see it any more."""

from __future__ import annotations

import ctypes
import gc
import pickle
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from twofold.runtime import buffers
from twofold.runtime.buffers import ALIGNMENT, THRESHOLD, BufferPool

LARGE = 4 * THRESHOLD


@pytest.fixture
def pool() -> BufferPool:
    return BufferPool(limit=64 << 20)


def address(array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data


class Interface:
    """A consumer that knows arrays only through ``__array_interface__``."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


KEEPERS = {
    "slice": lambda a: a[3:5],
    "strided": lambda a: a[::-2, 1::3],
    "reshape": lambda a: a.reshape(-1),
    "transpose": lambda a: a.T,
    "chain of views": lambda a: a[1:].reshape(-1)[5:].view(np.int32)[::2],
    "asarray": np.asarray,
    "broadcast": lambda a: np.broadcast_to(a, (3, *a.shape)),
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, (2, 2)),
    "subclass": lambda a: a.view(np.matrix),
    "memoryview": memoryview,
    "memoryview cast": lambda a: memoryview(a).cast("B")[7:],
    "frombuffer": lambda a: np.frombuffer(a, np.float32),
    "dlpack capsule": lambda a: a.__dlpack__(),
    "from_dlpack": np.from_dlpack,
    "array interface": lambda a: np.asarray(Interface(a)),
    "ctypes pointer": lambda a: a.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
    "ctypes array": lambda a: (ctypes.c_float * 9).from_buffer(a),
    "flat iterator": lambda a: a.flat,
    "row iterator": iter,
    "pickle buffer": pickle.PickleBuffer,
    "the base itself": lambda a: a.base,
    "view of the base": lambda a: a.base[10:20],
}


@pytest.mark.parametrize("keep", KEEPERS.values(), ids=KEEPERS.keys())
def test_whatever_can_see_the_memory_keeps_it_out_of_the_pool(pool: BufferPool, keep: Any) -> None:
    array = pool.empty((128, 256), np.float32)
    keeper = keep(array)
    del array
    gc.collect()
    assert pool.stats().blocks_idle == 0
    assert pool.stats().bytes_in_use == LARGE
    del keeper
    gc.collect()
    assert pool.stats().blocks_idle == 1
    assert pool.stats().bytes_in_use == 0


def test_a_released_buffer_is_handed_out_again_for_any_shape_of_its_class(pool: BufferPool) -> None:
    array = pool.empty((128, 256), np.float32)
    first = address(array)
    del array
    assert address(pool.empty((LARGE - 100,), np.uint8)) == first
    assert address(pool.empty((64, 256), np.complex64)) == first
    assert (pool.stats().hits, pool.stats().misses) == (2, 1)


def test_a_copy_of_the_owner_returns_nothing(pool: BufferPool) -> None:
    array = pool.empty((LARGE,), np.uint8)
    owner = array.base
    assert owner is not None
    foreign = [owner.copy(), owner + 1, owner[:50], np.empty_like(owner)]
    del foreign
    assert pool.stats().blocks_idle == 0


@pytest.mark.parametrize("nbytes", [THRESHOLD, THRESHOLD + 1, 99_999, 1 << 20, (1 << 22) - 7])
def test_blocks_are_aligned_and_waste_at_most_an_eighth(pool: BufferPool, nbytes: int) -> None:
    for _ in range(2):  # a miss, then a hit
        array = pool.empty((nbytes,), np.uint8)
        assert address(array) % ALIGNMENT == 0
        assert nbytes <= pool.stats().bytes_in_use <= nbytes * 1.125
        del array
    assert pool.stats().hits == 1


def test_array_is_an_ordinary_writable_c_ordered_ndarray(pool: BufferPool) -> None:
    array = pool.empty([100, 200], "float64")
    assert type(array) is np.ndarray
    assert (array.shape, array.dtype) == ((100, 200), np.float64)
    assert array.flags.c_contiguous and array.flags.writeable and array.flags.aligned
    array[...] = 1.0
    assert array.sum() == 20_000


def test_small_and_object_arrays_are_plain_numpy(pool: BufferPool) -> None:
    assert pool.empty((), np.float32).shape == ()
    assert pool.empty(0, np.float32).shape == (0,)
    assert pool.empty((1000, 0, 1000), np.float32).shape == (1000, 0, 1000)
    assert pool.empty(THRESHOLD - 1, np.uint8).base is None
    objects = pool.empty((LARGE,), object)
    assert objects.base is None and objects[0] is None
    assert pool.stats().bytes_in_use == 0


@pytest.mark.parametrize(
    ("shape", "dtype", "error"),
    [
        ((-1, 5), np.float32, ValueError),
        ((-1000, -1000), np.float32, ValueError),
        ((1.5,), np.float32, TypeError),
        ("ab", np.float32, TypeError),
        (4, "no such dtype", TypeError),
    ],
)
def test_bad_requests_raise_as_in_numpy_and_lose_no_memory(
    pool: BufferPool, shape: Any, dtype: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        pool.empty(shape, dtype)
    assert pool.stats().bytes_in_use == 0


def test_out_of_memory_releases_idle_blocks_and_tries_again(
    pool: BufferPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    del_me = pool.empty((LARGE,), np.uint8)
    del del_me
    allocate = buffers._aligned

    def scarce(nbytes: int) -> Any:
        if pool.stats().blocks_idle:
            raise MemoryError
        return allocate(nbytes)

    monkeypatch.setattr(buffers, "_aligned", scarce)
    assert pool.empty((2 * LARGE,), np.uint8).nbytes == 2 * LARGE


def test_idle_memory_is_bounded_and_the_size_asked_longest_ago_gives_first() -> None:
    pool = BufferPool(limit=4 * LARGE)
    kept = [pool.empty((LARGE,), np.uint8) for _ in range(4)]
    kept.clear()
    assert pool.stats().blocks_idle == 4
    other = pool.empty((2 * LARGE,), np.uint8)
    other_address = address(other)
    del other
    assert pool.stats().bytes_idle == 4 * LARGE
    assert pool.stats().blocks_idle == 3
    assert address(pool.empty((2 * LARGE,), np.uint8)) == other_address


def test_arrays_above_the_limit_are_not_recycled() -> None:
    pool = BufferPool(limit=LARGE)
    assert pool.empty((LARGE + 1,), np.uint8).base is None
    assert BufferPool(limit=0).empty((LARGE,), np.uint8).base is None


def test_lowering_the_limit_and_clear_release_idle_memory_only(pool: BufferPool) -> None:
    idle, used = pool.empty((LARGE,), np.uint8), pool.empty((2 * LARGE,), np.uint8)
    used[...] = 7
    del idle
    pool.set_limit(LARGE - 1)
    assert pool.stats().bytes_idle == 0
    pool.set_limit(8 * LARGE)
    idle = pool.empty((LARGE,), np.uint8)
    del idle
    pool.clear()
    assert pool.stats().bytes_idle == 0
    assert pool.stats().bytes_in_use == 2 * LARGE
    assert (used == 7).all()
    with pytest.raises(ValueError, match=">= 0, not -1"):
        pool.set_limit(-1)
    with pytest.raises(TypeError):
        pool.set_limit(1.5)  # type: ignore[arg-type]


def test_stats_count_and_print(pool: BufferPool) -> None:
    first, second = pool.empty((LARGE,), np.uint8), pool.empty((LARGE,), np.uint8)
    del first, second
    stats = pool.stats()
    assert (stats.bytes_idle, stats.bytes_in_use, stats.bytes_peak) == (2 * LARGE, 0, 2 * LARGE)
    assert str(stats) == (
        "0.0 MiB in use, 0.2 MiB idle in 2 blocks (limit 64 MiB, peak 0.2 MiB), "
        "0 of 2 requests recycled"
    )


@pytest.mark.parametrize("nbytes", [0, 1, 1000, THRESHOLD, LARGE + 3])
def test_workspace_is_aligned_at_every_size(pool: BufferPool, nbytes: int) -> None:
    scratch = pool.workspace(nbytes)
    assert scratch.dtype == np.uint8
    assert scratch.shape == (nbytes,)
    assert nbytes == 0 or address(scratch) % ALIGNMENT == 0


def _hammer(pool: BufferPool, seed: int, faults: list[str]) -> None:
    """Keep arrays for random times, each filled with its own number; nobody may overwrite it."""
    random = np.random.default_rng(seed)
    sizes = random.integers(THRESHOLD // 8, THRESHOLD // 2, size=5)
    live: list[tuple[int, Any]] = []
    for step in range(400):
        mark = seed * 1000 + step
        array = pool.empty((int(sizes[step % 5]),), np.int64)
        array[...] = mark
        live.append((mark, array[1:] if step % 2 else memoryview(array)))
        del array
        while len(live) > random.integers(1, 12):
            mark, held = live.pop(int(random.integers(len(live))))
            if not (np.asarray(held) == mark).all():
                faults.append(f"array {mark} was overwritten")


def test_a_buffer_in_use_is_never_handed_out_again_under_eight_threads() -> None:
    pool = BufferPool(limit=1 << 20)
    faults: list[str] = []
    threads = [threading.Thread(target=_hammer, args=(pool, i, faults)) for i in range(1, 9)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    gc.collect()
    assert faults == []
    stats = pool.stats()
    assert stats.bytes_in_use == 0
    assert stats.hits + stats.misses == 8 * 400
    assert stats.hits > stats.misses
    assert stats.bytes_idle <= (1 << 20) + 8 * THRESHOLD * 4


def test_arrays_in_reference_cycles_come_back_with_the_collector(pool: BufferPool) -> None:
    cycle: list[Any] = [pool.empty((LARGE,), np.uint8)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert pool.stats().blocks_idle == 1


def test_interpreter_exit_with_live_arrays_is_silent() -> None:
    code = (
        "from twofold.runtime import buffers\n"
        "a = buffers.empty((1 << 20,), 'float32'); b = [a[2:]]; b.append(b)\n"
        "buffers.empty((1 << 20,), 'float32')\n"
        "assert buffers.stats().hits + buffers.stats().misses == 2\n"
        "assert buffers.get_limit() == buffers.stats().limit\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
