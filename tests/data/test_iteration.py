"""Iterations: threads, states, ends."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf

Dataset = tf.data.Dataset


def numbers(ds: Any) -> list[int]:
    return [int(x) for x in ds]


def feeders() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "prefetch"]


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(5.0)
    return not any(t.is_alive() for t in threads)


def test_prefetch_works_ahead_and_keeps_the_order() -> None:
    made = threading.Semaphore(0)

    def slow(x: Any) -> Any:
        made.release()
        return np.asarray(x)

    elements = iter(Dataset.range(9).map(slow).prefetch(3))
    assert int(next(elements)) == 0
    for _ in range(4):  # the one that was given, and three more
        assert made.acquire(timeout=5)
    assert not made.acquire(timeout=0.05)
    assert numbers(elements) == list(range(1, 9))


def test_a_dropped_iterator_ends_its_thread() -> None:
    elements = iter(Dataset.range(100).repeat().prefetch(2))
    next(elements)
    threads = feeders()
    assert threads
    del elements
    gc.collect()
    assert ended(threads)


def test_an_error_in_a_thread_arrives_at_its_place() -> None:
    def fails(x: Any) -> Any:
        if x.numpy() == 2:
            raise KeyError("two")
        return x

    elements = iter(Dataset.range(4).map(fails).prefetch(2))
    assert [int(next(elements)) for _ in range(2)] == [0, 1]
    with pytest.raises(KeyError, match="two"):
        next(elements)
    assert numbers(elements) == [3]


@pytest.mark.parametrize("calls", [None, 2])
def test_a_thread_that_is_ended_by_a_call_leaves_nobody_waiting(calls: int | None) -> None:
    def leaves_at_two(x: Any) -> Any:
        if int(x) == 2:
            raise SystemExit("of a call")
        return x.numpy()

    elements = iter(
        tf.data.Dataset.range(4).map(leaves_at_two, num_parallel_calls=calls).prefetch(2)
    )
    assert [int(next(elements)) for _ in range(2)] == [0, 1]
    with pytest.raises(SystemExit, match="of a call"):
        next(elements)


@pytest.mark.parametrize("ordered", [True, False])
def test_parallel_calls_are_made_at_once(ordered: bool) -> None:
    together = threading.Barrier(3)

    def meets(x: Any) -> Any:
        together.wait(timeout=10)
        return np.asarray(x)

    ds = Dataset.range(9).map(meets, num_parallel_calls=3, deterministic=ordered)
    found = numbers(ds)
    assert sorted(found) == list(range(9))
    assert not ordered or found == list(range(9))


def test_results_come_as_they_are_made_where_the_order_is_left_open() -> None:
    first = threading.Event()

    def late(x: Any) -> Any:
        if int(x.numpy()) == 0:
            first.wait(timeout=10)
        return np.asarray(x)

    options = tf.data.Options()
    options.deterministic = False
    elements = iter(Dataset.range(2).map(late, num_parallel_calls=2).with_options(options))
    assert int(next(elements)) == 1
    first.set()
    assert numbers(elements) == [0]


def test_threads_share_an_iterator() -> None:
    elements = iter(Dataset.range(200).prefetch(4))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(numbers(elements))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert ended(threads)
    assert sorted(found) == list(range(200))


def pipelines() -> dict[str, Any]:
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    return {
        "slices": Dataset.from_tensor_slices(rows).batch(3),
        "shuffle": Dataset.from_tensor_slices(rows).shuffle(7, seed=1).repeat(3).batch(4),
        "late shuffle": Dataset.range(20).map(lambda x: x * x).shuffle(6).repeat(2).prefetch(2),
        "filter": Dataset.range(30).filter(lambda x: x % 3 == 0).repeat().take(25).batch(2),
        "shard": Dataset.range(40).shuffle(40).shard(3, 1).repeat(2).skip(1),
        "zip": Dataset.zip((Dataset.range(9).shuffle(9), Dataset.range(5).repeat())),
        "unbatch": Dataset.range(20).batch(3).unbatch().concatenate(Dataset.range(4)),
        "parallel": Dataset.range(20).map(lambda x: -x, num_parallel_calls=2).batch(3),
        "generator": Dataset.from_generator(
            lambda: iter(range(9)), output_signature=tf.TensorSpec((), tf.int64)
        ).repeat(2),
    }


@pytest.mark.parametrize("kind", pipelines())
def test_an_iteration_is_taken_up_exactly_where_it_was(kind: str) -> None:
    ds = pipelines()[kind]
    whole = [repr(x) for x in _listed(iter(ds))]
    for stop in (0, 1, len(whole) // 2, len(whole) - 1, len(whole)):
        elements = iter(ds)
        seen = [repr(x) for x in _listed(elements, stop)]
        state = json.loads(json.dumps(elements.get_state()))
        rest = [repr(x) for x in _listed(elements)]
        other = iter(pipelines()[kind])
        other.set_state(state)
        assert [repr(x) for x in _listed(other)] == rest
        if kind in ("slices", "filter", "unbatch"):
            assert seen + rest == whole


def _listed(elements: Any, count: int = 10**6) -> list[Any]:
    out = []
    for _ in range(count):
        try:
            out.append(_plain(next(elements)))
        except StopIteration:
            break
    return out


def _plain(element: Any) -> Any:
    return tuple(x.tolist() for x in element) if isinstance(element, tuple) else element.tolist()


def test_skipping_over_many_epochs_takes_no_pass_over_them() -> None:
    elements = iter(Dataset.range(1000).shuffle(1000, seed=1).repeat())
    state = elements.get_state()
    state["delivered"] = 10**9 + 5
    start = time.process_time()
    elements.set_state(state)
    assert time.process_time() - start < 5.0  # a pass over all of them would take minutes
    assert 0 <= int(next(elements)) < 1000


def test_the_state_of_another_dataset_is_refused() -> None:
    state = iter(Dataset.range(5).batch(2)).get_state()
    with pytest.raises(tf.errors.ArgumentError, match=r"step 1 was batch\(2, .* is batch\(3, "):
        iter(Dataset.range(5).batch(3)).set_state(state)
    with pytest.raises(tf.errors.ArgumentError, match="no state of an iterator"):
        iter(Dataset.range(5)).set_state({})
    unordered = Dataset.range(5).map(lambda x: x, num_parallel_calls=2, deterministic=False)
    with pytest.raises(tf.errors.ArgumentError, match="deterministic=False"):
        iter(unordered).get_state()


def test_options_are_merged_and_unknown_ones_refused() -> None:
    options = tf.data.Options()
    options.experimental_deterministic = False
    options.threading.private_threadpool_size = 2
    with pytest.raises(AttributeError, match="no 'determinstic'"):
        options.determinstic = True
    with pytest.raises(AttributeError, match="no option 'size'"):
        options.threading.size = 2
    ds = Dataset.range(3).with_options(options).with_options(tf.data.Options()).batch(2)
    assert ds.options().deterministic is False
    assert ds.options() == options


@pytest.mark.parametrize("made", [lambda ds: ds.prefetch(1), lambda ds: ds])
def test_a_stuck_thread_is_told_with_its_line(made: Any) -> None:
    stuck = threading.Event()

    def waits(x: Any) -> Any:
        stuck.wait(10)
        return np.asarray(x)

    options = tf.data.Options()
    options.timeout = 0.05
    ds = Dataset.range(3).map(waits, num_parallel_calls=2)
    elements = iter(made(ds).with_options(options))
    with pytest.raises(TimeoutError, match=r"waiting for 0 s; its thread is at .*\.py:\d+"):
        next(elements)
    stuck.set()
    with pytest.raises(tf.errors.ArgumentError, match="timeout is a number of seconds above 0"):
        options.timeout = 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_iterator_is_not_for_a_forked_child_which_makes_its_own() -> None:
    ds = Dataset.range(5).prefetch(2)
    elements = iter(ds)
    next(elements)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            try:
                next(elements)
            except RuntimeError:
                os._exit(7 if [int(x) for x in ds] == [0, 1, 2, 3, 4] else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_ctrl_c_ends_a_wait_and_the_process(tmp_path: Path) -> None:
    program = tmp_path / "waits.py"
    program.write_text(
        "import signal, threading, twofold as tf\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def waits(x):\n"
        "    print('waiting', flush=True)\n"
        "    threading.Event().wait(600)\n"
        "list(tf.data.Dataset.range(3).map(waits, num_parallel_calls=2).prefetch(1))\n"
    )
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting")  # two threads print
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in told and process.returncode != 0


def test_the_spec_behind_parallel_plain_python_is_that_of_the_first_element() -> None:
    ds = Dataset.range(3).map(lambda x: float(x.numpy()), num_parallel_calls=2)
    assert ds.element_spec == tf.TensorSpec((), tf.float32)
