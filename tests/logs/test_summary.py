"""``tf.summary``: what TensorBoard's own reader finds in the files, and when something is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import config_pb2
from tensorboard.util import tensor_util


class Read:
    """The events of a folder."""

    def __init__(self, folder: Any) -> None:
        self.events = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
        self.events.Reload()
        self.tags = self.events.Tags()["tensors"]

    def steps(self, tag: str) -> list[tuple[int, Any]]:
        found = self.events.Tensors(tag)
        return [(e.step, tensor_util.make_ndarray(e.tensor_proto).tolist()) for e in found]

    def plugin(self, tag: str) -> str:
        return str(self.events.SummaryMetadata(tag).plugin_data.plugin_name)


def test_values_of_each_kind_are_read_back(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(tmp_path)
    with writer.as_default():
        assert tf.summary.scalar("loss", tf.constant(0.5), step=3)
        tf.summary.histogram("weights", [0.0, 1.0, 1.0, np.nan], step=3, buckets=2)
        tf.summary.text("note", "two *words*", step=3)
        tf.summary.image("pixels", np.full((5, 2, 4, 3), 0.5), step=3)
    writer.close()
    read = Read(tmp_path)
    assert read.tags == ["loss", "weights", "note", "pixels"]
    assert [read.plugin(t) for t in read.tags] == ["scalars", "histograms", "text", "images"]
    assert read.steps("loss") == [(3, 0.5)]
    assert read.steps("weights") == [(3, [[0.0, 0.5, 1.0], [0.5, 1.0, 2.0]])]
    assert read.steps("note") == [(3, b"two *words*")]
    ((_, pixels),) = read.steps("pixels")
    assert pixels[:2] == [b"4", b"2"]
    assert len(pixels) == 5  # width, height, three images
    with pytest.raises(RuntimeError, match="closed"), writer.as_default():
        tf.summary.scalar("loss", 1.0, step=4)


def test_a_compiled_function_writes_on_every_call_what_eager_code_writes(tmp_path: Path) -> None:
    step = tf.Variable(0, dtype="int64")

    def train(x: Any) -> Any:
        step.assign_add(1)
        loss = tf.reduce_sum(x * x)
        tf.summary.scalar("loss", loss)
        tf.summary.scalar("constant", 1.0)
        return loss

    for name, function in (("eager", train), ("compiled", tf.function(train))):
        step.assign(0)
        with tf.summary.create_file_writer(tmp_path / name).as_default(step):
            for i in range(3):
                function(tf.constant([1.0, float(i)]))
    assert Read(tmp_path / "eager").steps("loss") == [(1, 1.0), (2, 2.0), (3, 5.0)]
    for tag in ("loss", "constant"):
        expected = Read(tmp_path / "eager").steps(tag)
        assert Read(tmp_path / "compiled").steps(tag) == expected
    with pytest.raises(tf.errors.StagingError, match="writes into a file"):
        tf.function(train, strict=True)(tf.constant([1.0]))


def test_steps_conditions_and_defaults(tmp_path: Path) -> None:
    assert not tf.summary.scalar("nobody", 1.0, step=0)
    assert not tf.summary.should_record_summaries()
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        with pytest.raises(tf.errors.ArgumentError, match="no step is set"):
            tf.summary.scalar("a", 1.0)
        with pytest.raises(tf.errors.ShapeError, match="one number"):
            tf.summary.scalar("a", [1.0, 2.0], step=0)
        with pytest.raises(tf.errors.ShapeError, match="height"):
            tf.summary.image("a", np.zeros((3, 3)), step=0)
        with pytest.raises(tf.errors.ArgumentError, match=r"f\.graph"):
            tf.summary.graph(3)
        tf.summary.experimental.set_step(7)
        with tf.summary.record_if(lambda: tf.summary.experimental.get_step() % 2 == 0):
            assert not tf.summary.scalar("a", 1.0)
        assert tf.summary.scalar("a", 2.0)
        with tf.summary.create_noop_writer().as_default():
            assert not tf.summary.scalar("a", 3.0)
    tf.summary.experimental.set_step(None)
    assert Read(tmp_path).steps("a") == [(7, 2.0)]


def test_the_graph_of_a_compiled_function_has_its_regions_as_scopes(tmp_path: Path) -> None:
    w = tf.Variable(2.0, name="w")

    @tf.function
    def powers(x: Any, n: Any) -> Any:
        for _ in range(n):
            x = x * w
        return x

    given = tf.ones(3), tf.constant(4)
    with tf.summary.create_file_writer(tmp_path).as_default():
        tf.summary.graph(powers.graph(*given))
    graph = Read(tmp_path).events.Graph()
    nodes = {n.name: n for n in graph.node}
    assert len(nodes) == len(graph.node)
    assert nodes["w"].op == "Variable"
    assert [d.size for d in nodes["x"].attr["_output_shapes"].list.shape[0].dim] == [-1]
    assert any("/body/" in name and n.op == "multiply" for name, n in nodes.items())
    known = {name.partition(":")[0] for n in graph.node for name in n.input}
    assert known <= set(nodes)


def test_graphs_of_calls_are_traced(tmp_path: Path) -> None:
    double = tf.function(lambda x: 2 * x, name="double")
    tf.summary.trace_on()
    assert double(tf.ones(2)).tolist() == [2.0, 2.0]
    with tf.summary.create_file_writer(tmp_path).as_default():
        tf.summary.trace_export("calls", step=0)
        with pytest.raises(tf.errors.ArgumentError, match="no compiled function"):
            tf.summary.trace_export("calls", step=1)
    read = Read(tmp_path)
    assert read.plugin("calls") == "graph_run_metadata_graph"
    ((_, raw),) = read.steps("calls")
    run = config_pb2.RunMetadata.FromString(raw)
    assert [n.op for n in run.function_graphs[0].pre_optimization_graph.node][0] == "Placeholder"


def test_the_callback_of_keras_writes_losses_weights_layers_and_the_train_step(
    tmp_path: Path,
) -> None:
    keras = tf.keras
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).standard_normal((20, 3))
    log = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq=1)
    told = model.fit(x, x[:, 0], validation_split=0.2, epochs=2, verbose=0, callbacks=[log]).history
    train, held_out = Read(tmp_path / "train"), Read(tmp_path / "validation")
    losses = [value for _, value in train.steps("epoch_loss")]
    np.testing.assert_allclose(losses, told["loss"], rtol=1e-6)
    np.testing.assert_allclose(
        [value for _, value in held_out.steps("epoch_loss")], told["val_loss"], rtol=1e-6
    )
    assert len(train.steps("batch_loss")) == 2
    for weight in model.weights:  # Keras 3.12 has them by their names
        assert {f"{weight.path}/histogram", f"{weight.name}/histogram"} & set(train.tags)
    ((_, text),) = train.steps("keras")
    assert json.loads(text)["class_name"] == "Sequential"
    assert {"Variable", "matmul"} <= {n.op for n in train.events.Graph().node}
    assert "tensorflow" not in sys.modules
