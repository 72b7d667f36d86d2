"""Devices, blocks about the order of operations, and what programs say of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf

CONFIG = tf.config


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threads, soft = CONFIG.get_num_threads(), CONFIG.get_soft_device_placement()
    yield
    CONFIG.set_num_threads(threads)
    CONFIG.set_soft_device_placement(soft)


def test_there_is_one_device() -> None:
    (device,) = CONFIG.list_physical_devices()
    assert device.device_type == "CPU" and CONFIG.list_physical_devices("GPU") == []
    CONFIG.set_visible_devices(CONFIG.get_visible_devices())
    CONFIG.set_visible_devices(device, "CPU")
    CONFIG.set_visible_devices([], "GPU")
    for call in (
        lambda: CONFIG.set_visible_devices([], "CPU"),
        lambda: CONFIG.set_visible_devices([device], "GPU"),
        lambda: CONFIG.set_visible_devices("GPU:0"),
        lambda: CONFIG.experimental.set_memory_growth(device, True),
    ):
        with pytest.raises(tf.errors.ArgumentError):
            call()


NAMES = ["CPU", "/CPU:0", "/device:CPU:0", "cpu:0", None, "/device:cpu:*", "",
         "/job:localhost/replica:0/task:0/device:CPU:0"]  # fmt: skip


def test_blocks_run_on_the_device_that_is_there() -> None:
    CONFIG.set_soft_device_placement(False)
    for name in [*NAMES, *CONFIG.list_logical_devices()]:
        with tf.device(name):
            assert (tf.constant(1.0) + 1).item() == 2.0
    for name in ("/GPU:0", "CPU:1"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="there is no"):
            tf.device(name)
    CONFIG.set_soft_device_placement(True)
    with tf.device("/GPU:0"):
        assert (tf.constant(1.0) + 1).item() == 2.0
    for wrong in ("xx", "/device:NPU:0/x", 3, "/job:worker/device:CPU:0"):
        with pytest.raises(ValueError, match="tf.device"):
            tf.device(wrong)


def test_threads_of_an_operation_are_those_of_kernels() -> None:
    threading, default = CONFIG.threading, CONFIG.get_num_threads()
    threading.set_intra_op_parallelism_threads(1)
    assert (CONFIG.get_num_threads(), threading.get_intra_op_parallelism_threads()) == (1, 1)
    threading.set_intra_op_parallelism_threads(0)
    assert CONFIG.get_num_threads() == default
    threading.set_inter_op_parallelism_threads(4)
    assert threading.get_inter_op_parallelism_threads() == 4
    threading.set_inter_op_parallelism_threads(0)
    for wrong in (-1, 1.5, True):
        with pytest.raises(tf.errors.ArgumentError):
            threading.set_intra_op_parallelism_threads(wrong)


def test_blocks_are_part_of_a_compiled_function() -> None:
    @tf.function(strict=True)
    def f(x: Any, v: Any) -> Any:
        with tf.device("/CPU:0"), tf.control_dependencies([v.assign_add(1.0)]):
            y = x * v
        tf.group(y, v.assign_add(1.0))
        a, b = tf.tuple([x, y])
        tf.autograph.experimental.set_loop_options(parallel_iterations=2)
        return a + b

    v = tf.Variable(1.0)
    assert [f(tf.constant(3.0), v).item() for _ in range(3)] == [9.0, 15.0, 21.0]
    assert v.numpy() == 7.0


def test_init_scope_runs_while_a_function_is_traced() -> None:
    seen: list[bool] = []

    @tf.function(strict=True)
    def f(x: Any) -> Any:
        eager = tf.executing_eagerly()
        with tf.init_scope():
            table = tf.range(3) * 10
            inside = tf.executing_eagerly()
        return table + x, eager, inside

    for k in (1, 2):
        table, eager, inside = f(tf.constant(k))
        np.testing.assert_array_equal(table.numpy(), [k, 10 + k, 20 + k])
        seen += [bool(eager), bool(inside)]
    assert seen == [False, True, False, True]


def test_no_tape_records_what_is_in_init_scope() -> None:
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        with tf.init_scope():
            y = x * x
        z = y * x
    assert tape.gradient(z, x).item() == 4.0


def test_a_function_is_decorated_as_it_is() -> None:
    experimental = tf.autograph.experimental

    @tf.function
    @experimental.do_not_convert
    def f(x: Any) -> Any:
        return x * 2 if x > 0 else -x

    assert [f(tf.constant(v)).item() for v in (3.0, -3.0)] == [6.0, 3.0]
    assert experimental.do_not_convert()(len) is len
    for call in (
        lambda: experimental.do_not_convert(3),
        lambda: experimental.set_loop_options(maximum_iterations=3),
    ):
        with pytest.raises(tf.errors.ArgumentError):
            call()


def test_older_names_mean_the_same() -> None:
    random, capsules = tf.random.experimental, tf.experimental.dlpack
    assert random.Generator is tf.random.Generator and tf.__version__ == tf.version.VERSION
    key = np.array([1, 2])
    np.testing.assert_array_equal(random.stateless_fold_in(key, 3), tf.random.fold_in(key, 3))
    x = tf.constant([[1.0, 2.0]])
    for made in (capsules.to_dlpack(x), x, x.numpy()):
        np.testing.assert_array_equal(capsules.from_dlpack(made), x)


# What TensorFlow 2.21 refuses with this one error.
REFUSED: list[Callable[[], Any]] = [
    lambda: tf.reshape(tf.zeros(3), (2, 2)),
    lambda: tf.gather(tf.zeros(3), 7),
    lambda: tf.zeros(3) + tf.zeros(4),
    lambda: tf.matmul(tf.zeros((2, 3)), tf.zeros((2, 3))),
    lambda: tf.constant(1) // tf.constant(0),
    lambda: tf.linalg.inv(tf.zeros((2, 2))),
    lambda: tf.concat([tf.zeros(2), tf.zeros((2, 2))], 0),
    lambda: tf.strings.to_number("a"),
    lambda: tf.debugging.assert_equal(1, 2),
    lambda: tf.debugging.check_numerics(tf.constant(np.nan), "m"),
    lambda: tf.ensure_shape(tf.zeros(3), (2,)),
    lambda: tf.zeros(2)[5],
    lambda: tf.reduce_sum(tf.zeros(2), 5),
    lambda: tf.expand_dims(tf.zeros(2), 5),
    lambda: tf.transpose(tf.zeros((2, 2)), (0, 0)),
    lambda: tf.split(tf.zeros(5), 2),
    lambda: tf.nn.softmax(tf.zeros(2), 5),
]


@pytest.mark.parametrize("call", REFUSED)
def test_what_tensorflow_refuses_is_caught_by_its_name(call: Any) -> None:
    for made in (call, tf.function(call)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            made()


def test_other_names_of_errors_catch_what_tensorflow_raises() -> None:
    with pytest.raises(tf.errors.OpError):
        tf.zeros(2)[5]
    with pytest.raises(tf.errors.ResourceExhaustedError):
        tf.zeros((2**31, 2**31))
    with pytest.raises(tf.errors.NotFoundError):
        tf.train.Checkpoint(v=tf.Variable(1.0)).restore("nothing_there")
    error = tf.errors.NotFoundError(None, None, "gone")
    assert (error.message, error.op, error.node_def) == ("gone", None, None)
