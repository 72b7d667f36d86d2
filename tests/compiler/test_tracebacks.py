"""Tracebacks show the user's frames: those of plain Python, also for what a graph raises."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf

GOOD, BAD = np.ones(10, np.float32), np.ones(10, np.float32)
BAD[4] = -1


def checked(value: Any, low: float) -> Any:
    if value < low:
        raise ValueError(f"below {low}")
    return value


def item(x: Any, k: Any) -> Any:
    return checked(x[k], 0.0)


def total(x: Any) -> Any:
    s = tf.zeros(())
    for i in range(10):
        s = s + item(x, i)
    return s


def doubled(x: Any) -> Any:
    return total(x) * 2


def bounded(x: Any) -> Any:
    s = tf.sum(x)
    while s < 100.0:
        s = s * 2
        if s >= 50.0:
            raise OverflowError("too large")
    return s


def product(x: Any) -> Any:
    y = x * 2
    return tf.matmul(y, tf.zeros((3, 3)))


def through(x: Any) -> Any:
    def step(i: Any, s: Any) -> Any:
        return i + 1, s + tf.gather(x, i)

    return tf.while_loop(lambda i, s: i < 8, step, [0, tf.zeros(())])[1]


class Leaving:
    def __enter__(self) -> int:
        return 2

    def __exit__(self, *error: object) -> None:
        pass


def managed(x: Any) -> Any:
    with Leaving() as by:
        y = x[4] * by
        if y < 0:
            raise ValueError("below")
    return y


def tried(x: Any) -> Any:
    y = x[4]
    try:
        try:
            y = checked(y, 0.0) * 2
        except OverflowError:
            y = y * 3
    finally:
        y = y + 1
    return y


def raised_again(x: Any) -> Any:
    try:
        return checked(x[4], 0.0)
    except ValueError:
        if x[3] > 0:
            raise
        return x


def seen(call: Callable[[], Any]) -> tuple[type[Exception], list[tuple[Any, ...]]]:
    """What a call raises, and the entries of its traceback inside of the function."""
    with pytest.raises(Exception) as caught:
        call()
    entries = traceback.extract_tb(caught.value.__traceback__)
    names = [entry.name for entry in entries]
    inside = entries[names.index("<lambda>") + 1 :]
    return caught.type, [(e.filename, e.name, e.lineno, e.colno, e.end_colno) for e in inside]


@pytest.fixture
def full() -> Iterator[None]:
    tf.debugging.disable_traceback_filtering()
    yield
    tf.debugging.enable_traceback_filtering()


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("function", "good", "bad", "kind"),
    [
        (managed, GOOD, BAD, ValueError), (tried, GOOD, BAD, ValueError),
        (raised_again, GOOD, BAD, ValueError),
        (total, GOOD, BAD, ValueError), (doubled, GOOD, BAD, ValueError),
        (doubled, GOOD, GOOD[:3], tf.errors.IndexOutOfBoundsError),
        (through, GOOD, GOOD[:3], tf.errors.IndexOutOfBoundsError),
        (bounded, 60 * GOOD, GOOD, OverflowError),
        (product, np.ones((3, 3), np.float32), np.ones((2, 2), np.float32), tf.errors.ShapeError),
    ],
)  # fmt: skip
def test_what_a_graph_raises_has_the_frames_of_plain_python(
    function: Any, good: Any, bad: Any, kind: type[Exception], jit: bool
) -> None:
    compiled = tf.function(function, jit_compile=jit)
    compiled(tf.constant(good))
    plain = seen(lambda: function(tf.constant(bad)))
    graph = seen(lambda: compiled(tf.constant(bad)))
    assert graph[0] is plain[0] is kind
    frames = [entry for entry in plain[1] if entry[0] == __file__]
    assert graph[1] == frames
    assert frames[0][1] == function.__name__


def test_methods_and_traces_show_no_frames_of_the_package() -> None:
    class Model:
        @tf.function
        def call(self, x: Any) -> Any:
            return total(x)

    model = Model()
    model.call(tf.constant(GOOD))
    concrete = model.call.get_concrete_function(tf.constant(GOOD))
    for call in (model.call, concrete):
        kind, entries = seen(lambda call=call: call(tf.constant(BAD)))
        assert kind is ValueError
        assert [entry[1] for entry in entries] == ["call", "total", "item", "checked"]


def test_an_eager_error_shows_neither_frames_of_the_package_nor_what_it_caught() -> None:
    with pytest.raises(tf.errors.ShapeError) as caught:
        tf.add(tf.zeros((2, 3)), tf.zeros((4,)))
    assert len(traceback.extract_tb(caught.value.__traceback__)) == 1
    assert caught.value.__context__ is None


def test_what_the_users_code_was_handling_stays() -> None:
    with pytest.raises(tf.errors.ShapeError) as caught:
        try:
            {}["missing"]
        except KeyError:
            tf.add(tf.zeros((2, 3)), tf.zeros((4,)))
    assert isinstance(caught.value.__context__, KeyError)


@pytest.mark.usefixtures("full")
def test_filtering_can_be_switched_off() -> None:
    assert not tf.debugging.is_traceback_filtering_enabled()
    with pytest.raises(tf.errors.ShapeError) as caught:
        tf.add(tf.zeros((2, 3)), tf.zeros((4,)))
    assert len(traceback.extract_tb(caught.value.__traceback__)) > 3
