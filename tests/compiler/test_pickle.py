"""Decorated functions, models and state are pickled, copied and sent to other processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = tf.constant([1.0, 2.0])


@tf.function(jit_compile=False)
def double(x: Any) -> Any:
    return x * 2


class Model:
    def __init__(self) -> None:
        self.w = tf.Variable([1.0, 2.0], name="w", trainable=False)

    @tf.function(jit_compile=False)
    def step(self, x: Any) -> Any:
        return x * self.w

    @staticmethod
    @tf.function(jit_compile=False)
    def static(x: Any) -> Any:
        return x * 3


def again(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


def test_functions_go_by_name() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(double, protocol)) is double
    assert again(Model.step) is Model.step
    assert again(Model.static) is Model.static
    assert copy.copy(double) is double
    assert copy.deepcopy([double])[0] is double


def test_a_model_and_its_methods_come_back_with_their_state() -> None:
    m = Model()
    m.step(X)
    m.w.assign([3.0, 4.0])
    for made in (again(m).step, again(m.step), copy.deepcopy(m).step):
        assert made(X).numpy().tolist() == [3.0, 8.0]
        made.__self__.w.assign([0.0, 0.0])
        assert m.w.numpy().tolist() == [3.0, 4.0]


def test_variables_keep_name_dtype_and_trainable_and_get_memory_of_their_own() -> None:
    v = tf.Variable(np.arange(3, dtype=np.int8), name="count", trainable=False)
    copies = [pickle.loads(pickle.dumps(v, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for made in [*copies, copy.copy(v), copy.deepcopy(v)]:
        assert (made.name, made.trainable, made.dtype) == ("count", False, np.dtype("int8"))
        add = tf.function(lambda v=made: v.assign_add(np.ones(3, np.int8)), jit_compile=True)
        add()
        assert made.numpy().tolist() == [1, 2, 3]
        assert v.numpy().tolist() == [0, 1, 2]


def test_generators_go_on_with_the_same_numbers() -> None:
    g = tf.random.Generator.from_seed(1)
    g.uniform((3,))
    for made in (again(g), copy.deepcopy(g), copy.copy(g)):
        ours = tf.random.Generator.from_state(g.state)
        assert made.normal((4,)).numpy().tolist() == ours.normal((4,)).numpy().tolist()


def test_specs_and_tensors_come_back() -> None:
    assert again(tf.TensorSpec((None, 3), "int32")) == tf.TensorSpec((None, 3), "int32")
    assert again(X).numpy().tolist() == [1.0, 2.0]


def test_closures_go_by_value_where_the_pickler_can() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    k = 3.0
    f = tf.function(lambda x: x * k, jit_compile=False, name="scaled")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(f)
    made = pickle.loads(cloudpickle.dumps(f))
    assert made(X).numpy().tolist() == [3.0, 6.0]
    assert (made.name, made.jit_compile) == ("scaled", False)
    assert copy.deepcopy(f)(X).numpy().tolist() == [3.0, 6.0]


SCRIPT = """
import sys, cloudpickle
import twofold as tf

@tf.function(jit_compile=False)
def double(x):
    return x * 2

class Model:
    def __init__(self):
        self.w = tf.Variable([3.0])

    @tf.function(jit_compile=False)
    def step(self, x):
        return double(x) * self.w

if __name__ == "__main__":
    sys.stdout.buffer.write(cloudpickle.dumps((double, Model().step)))
"""


def test_what_a_script_defines_goes_by_value_where_the_pickler_does_so(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    text = subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
    function, step = pickle.loads(text)
    assert function(X).numpy().tolist() == [2.0, 4.0]
    assert step(X).numpy().tolist() == [6.0, 12.0]


def test_traces_and_tapes_say_what_to_do_instead() -> None:
    with tf.GradientTape() as tape:
        pass
    for thing, hint in ((double.get_concrete_function(X), "decorated function"), (tape, "grad")):
        with pytest.raises(TypeError, match=hint):
            pickle.dumps(thing)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_other_processes_call_decorated_functions(way: str) -> None:
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {way} here")
    m = Model()
    with multiprocessing.get_context(way).Pool(1) as pool:
        assert [r.numpy().tolist() for r in pool.map(double, [X])] == [[2.0, 4.0]]
        assert pool.apply(m.step, (X,)).numpy().tolist() == [1.0, 4.0]
