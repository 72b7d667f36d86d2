"""Functions of a pipeline mean what they meant when it was described, as TensorFlow's traces do."""

from __future__ import annotations

from typing import Any

import numpy as np

import twofold as tf
from twofold.data.naming import named_now

offset = 0


def numbers(ds: Any) -> list[Any]:
    return [x.item() for x in ds.as_numpy_iterator()]


def test_functions_made_in_a_loop_have_their_own_values() -> None:
    ds = tf.data.Dataset.range(3)
    for by in (1, 10, 100):
        ds = ds.map(lambda x: x + by)  # noqa: B023
    assert numbers(ds) == [111, 112, 113]
    steps = [lambda x: x * 2, lambda x: x + 1]
    ds = tf.data.Dataset.range(3)
    for step in steps:
        ds = ds.map(lambda x: tf.cond(x > 0, lambda: step(x), lambda: x))  # noqa: B023
    assert numbers(ds) == [0, 3, 5]


def test_globals_are_those_of_the_description() -> None:
    global offset
    offset = 5
    ds = tf.data.Dataset.range(2).map(lambda x: x + offset)
    offset = 7
    assert numbers(ds) == [5, 6]


def test_what_a_function_assigns_to_is_shared() -> None:
    calls = 0

    def counted(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return int(x) * calls

    assert numbers(tf.data.Dataset.range(1, 4).map(counted)) == [1, 4, 9]
    assert calls == 3
    scale, seen = tf.Variable(2, dtype=tf.int64), [1]
    ds = tf.data.Dataset.range(2).map(lambda x: x * scale + seen[0])
    scale.assign(3)
    seen[0] = 2
    assert numbers(ds) == [2, 5]


def test_what_is_defined_later_is_found() -> None:
    def describe() -> Any:
        ds = tf.data.Dataset.range(2).map(lambda x: later(x))
        later = lambda x: x + 4  # noqa: E731
        return ds

    assert numbers(describe()) == [4, 5]
    assert numbers(tf.data.Dataset.range(1).map(lambda x: _later(x))) == [9]


def _later(x: Any) -> Any:
    return x + 9


def test_a_function_keeps_what_it_is_besides_its_names() -> None:
    def given(x: Any, /, *, by: int = 2) -> Any:
        """Doc."""
        return x * by

    made = named_now(given)
    assert (made.__name__, made.__doc__, made(3)) == ("given", "Doc.", 6)
    assert made.__code__ is given.__code__  # breakpoints and lines in errors are the same
    assert named_now(len) is len


def test_python_functions_take_and_give_texts(tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", np.arange(3.0))
    names = tf.data.Dataset.list_files(f"{tmp_path}/*.npy")
    loaded = names.map(lambda name: tf.numpy_function(np.load, [name], tf.float64))
    assert [x.tolist() for x in loaded] == [[0.0, 1.0, 2.0]]
    texts = tf.data.Dataset.from_tensor_slices((["a", "bb"], [1, 2]))
    lengths = texts.map(lambda s, n: tf.py_function(lambda t: len(t.numpy()), [s], tf.int32))
    assert numbers(lengths) == [1, 2]
    kinds = [tf.string, tf.float32]
    made = texts.map(lambda s, n: tf.numpy_function(_repeated, [s, n], kinds))
    assert [(s.numpy(), float(n)) for s, n in made] == [(b"a", 1.0), (b"bbbb", 2.0)]


def _repeated(text: bytes, count: Any) -> Any:
    return text.decode() * count, np.float32(count)


def test_python_functions_as_decorators() -> None:
    @tf.py_function(Tout=tf.float32)
    def added(x: Any, y: Any) -> Any:
        return x + y

    @tf.numpy_function(Tout=[tf.float32, tf.int64])
    def both(x: Any) -> Any:
        return np.sinh(x), np.int64(len(x))

    with tf.GradientTape() as tape:
        x = tf.constant(2.0)
        tape.watch(x)
        made = added(x, x)
    assert (made.numpy(), tape.gradient(made, x).numpy()) == (4.0, 2.0)
    assert [int(v.numpy().sum()) for v in both(tf.zeros(3))] == [0, 3]
    assert added.__name__ == "added"
