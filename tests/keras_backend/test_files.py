"""Models of Keras in files: saved-model directories, exports, checkpoints, files that are whole."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.saving.beside import beside

keras = pytest.importorskip("twofold.keras")

X = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def model(built: bool = True, rate: float = 0.3) -> Any:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    made = keras.Sequential([
        *([keras.Input((4,), name="features")] if built else []),
        layers.Dense(4, activation="relu"), layers.Dropout(rate), layers.BatchNormalization(),
        layers.Dense(2),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile("adam", loss, metrics=["accuracy"])
    return made


def fit(made: Any) -> list[float]:
    history = made.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    return [float(loss) for loss in history["loss"]]


def test_a_directory_gives_the_model_back_to_keras_and_its_graph_to_anybody(
    tmp_path: Path,
) -> None:
    made = model(rate=0.0)  # Keras's files leave out the states of seeds
    fit(made)
    made.save(tmp_path / "my_model")
    again = keras.models.load_model(tmp_path / "my_model")
    graph = tf.saved_model.load(tmp_path / "my_model")
    expected = made.predict(X, verbose=0)
    assert np.array_equal(again.predict(X, verbose=0), expected)
    assert np.allclose(graph(X).numpy(), expected, atol=1e-6)
    assert list(graph.signatures["serving_default"].inputs) == ["features"]
    assert fit(again) == pytest.approx(fit(made), rel=1e-5)  # the optimiser goes on
    made.save(tmp_path / "my_model")
    assert np.array_equal(
        keras.models.load_model(tmp_path / "my_model").predict(X, verbose=0),
        made.predict(X, verbose=0),
    )


def test_export_serves_without_keras(tmp_path: Path) -> None:
    made = model()
    made.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    expected = made.predict(X[:3], verbose=0)
    assert np.allclose(served.serve(X[:3]).numpy(), expected, atol=1e-6)
    out = served.signatures["serve"](features=tf.constant(X[:5]))
    assert out["output_0"].shape == (5, 2)
    with pytest.raises(tf.errors.LoadError, match=r"tf\.saved_model\.load"):
        keras.models.load_model(tmp_path / "served")

    archive = keras.export.ExportArchive()
    archive.track(made)
    archive.add_endpoint("double", lambda x: made(x) * 2, [keras.InputSpec(shape=(None, 4))])
    archive.add_variable_collection("extra", made.weights[:2])
    with pytest.raises(ValueError, match="already taken"):
        archive.add_endpoint("double", lambda x: x, [])
    archive.write_out(tmp_path / "archive", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "archive")
    assert np.allclose(loaded.double(X[:3]).numpy(), 2 * expected, atol=1e-6)
    assert len(loaded.extra) == 2


def test_a_checkpoint_resumes_a_training_also_before_anything_is_built(tmp_path: Path) -> None:
    made = model()
    fit(made)
    path = tf.train.Checkpoint(model=made).save(tmp_path / "ckpt")
    expected = fit(made)
    late = model(built=False)
    status = tf.train.Checkpoint(model=late).restore(path)
    with pytest.raises(tf.errors.LoadError, match="not there"):
        status.assert_consumed()
    assert fit(late) == pytest.approx(expected, rel=1e-5)
    status.assert_consumed()


class Net(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = keras.layers.Dense(5)
        self.blocks = [keras.layers.Dense(2), keras.layers.Dense(3)]
        self.scale = tf.Variable(3.0)

    def call(self, x: Any) -> Any:
        x = self.first(x) * self.scale
        for block in self.blocks:
            x = block(x)
        return x


def test_one_layer_is_restored_by_the_names_of_attributes(tmp_path: Path) -> None:
    net = Net()
    net(X)
    net.scale.assign(2.0)
    path = tf.train.Checkpoint(net=net, optimizer=keras.optimizers.SGD()).save(tmp_path / "ckpt")
    bias, scale = tf.Variable(tf.ones(5)), tf.Variable(0.0)
    late, block = keras.layers.Dense(5), keras.layers.Dense(3)
    first = tf.train.Checkpoint(bias=bias)
    one = tf.train.Checkpoint(net=tf.train.Checkpoint(first=first, scale=scale))
    one.restore(path).assert_existing_objects_matched()
    assert (bias.tolist(), float(scale)) == ([0.0] * 5, 2.0)
    parts = tf.train.Checkpoint(first=late, blocks=[keras.layers.Dense(2), block])
    tf.train.Checkpoint(net=parts).restore(path)
    late.build((None, 4))
    block.build((None, 2))
    assert np.array_equal(late.kernel, net.first.kernel)
    assert np.array_equal(block.kernel, net.blocks[1].kernel)
    assert tf.train.load_variable(path, "net/blocks/1/kernel").shape == (2, 3)


def test_layers_below_modules_are_found(tmp_path: Path) -> None:
    module = tf.Module()
    module.net = model()
    assert len(module.trainable_variables) == len(module.net.trainable_variables) == 6
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(module.net(X) ** 2)
    gradients = tape.gradient(loss, module.trainable_variables)
    assert all(g is not None for g in gradients)
    keras.optimizers.SGD(0.1).apply_gradients(
        zip(gradients, module.trainable_variables, strict=True)
    )


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "folder"])
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, name: str) -> None:
    made = model()
    save = made.save_weights if name.endswith("weights.h5") else made.save
    save(tmp_path / name)
    entry = tmp_path / name
    before = {p.name: p.read_bytes() for p in (entry.iterdir() if entry.is_dir() else [entry])}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limit[1]))
    try:
        with pytest.raises(tf.errors.SaveError, match="as it was"):
            save(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert os.listdir(tmp_path) == [name]
    after = {p.name: p.read_bytes() for p in (entry.iterdir() if entry.is_dir() else [entry])}
    assert after == before


class Own(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x * 2


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_what_a_killed_save_left_goes_at_the_next_one(tmp_path: Path, name: str) -> None:
    made, file = model(), tmp_path / name
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    left = beside(file)
    left = left.with_name(left.name.replace(f".{os.getpid()}.", f".{gone.pid}."))
    left.write_text("half of a model")
    (made.save_weights if "weights" in name else made.save)(file)
    assert os.listdir(tmp_path) == [name]


def test_custom_classes_lambdas_and_cut_files_are_refused_by_keras(tmp_path: Path) -> None:
    made = keras.Sequential([keras.Input((2,)), Own()])
    made.save(tmp_path / "own")
    with pytest.raises(TypeError, match="Own"):
        keras.models.load_model(tmp_path / "own", custom_objects={"Own": None})
    assert keras.models.load_model(tmp_path / "own", custom_objects={"Own": Own}).built
    graph = tf.saved_model.load(tmp_path / "own")  # needs no class
    assert graph(tf.ones((1, 2))).numpy().tolist() == [[2.0, 2.0]]

    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(
        tmp_path / "lambda.keras"
    )
    with pytest.raises(ValueError, match="lambda"):
        keras.models.load_model(tmp_path / "lambda.keras")
    file = tmp_path / "cut.keras"
    made.save(file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(tf.errors.LoadError, match=r"cut\.keras is cut off or damaged"):
        keras.models.load_model(file)


def test_damaged_files_are_refused_and_a_training_goes_on(tmp_path: Path) -> None:
    made = model()
    fit(made)
    for name, write, read in (
        ("m.keras", made.save, keras.models.load_model),
        ("m.weights.h5", made.save_weights, made.load_weights),
    ):
        file = tmp_path / name
        write(file)
        whole = file.read_bytes()
        before = made.get_weights()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0xFF
        cases = [whole[:0], whole[:10], whole[: len(whole) // 2]]
        for part in (*cases, damaged) if name == "m.keras" else cases:
            file.write_bytes(part)
            with pytest.raises(tf.errors.LoadError, match="is cut off or damaged") as refused:
                read(file)
            assert Path(__file__).name in str(refused.value)  # the user's line
        assert all(map(np.array_equal, before, made.get_weights()))
        file.write_bytes(whole)
        read(file)
    with pytest.raises((ValueError, OSError)):
        keras.models.load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match=str(tmp_path / "w.other")):
        made.save_weights(tmp_path / "w.other")
    assert np.isfinite(fit(made)).all()
