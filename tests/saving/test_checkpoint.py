"""Checkpoints: values by their place, the latest ones in a directory, damage and absence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import twofold as tf


def train(v: Any, m: Any, steps: int) -> None:
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = (v - 3.0) ** 2
        m.assign(0.9 * m + tape.gradient(loss, v))
        v.assign_sub(0.1 * m)


def test_a_training_that_is_resumed_gives_the_same_numbers(tmp_path: Path) -> None:
    v, m = tf.Variable(0.0), tf.Variable(0.0)
    checkpoint = tf.train.Checkpoint(v=v, slots={"m": m}, step=tf.Variable(0))
    train(v, m, 3)
    path = checkpoint.save(tmp_path / "ckpt")
    train(v, m, 2)
    expected = v.numpy()
    other, slot = tf.Variable(5.0, name="other"), tf.Variable(5.0)
    again = tf.train.Checkpoint(v=other, slots={"m": slot}, step=tf.Variable(0))
    again.restore(path).assert_consumed()
    assert int(again.save_counter) == 1
    train(other, slot, 2)
    assert other.numpy() == expected


def test_values_are_read_without_the_objects(tmp_path: Path) -> None:
    w = tf.Variable([1.0, 2.0])
    checkpoint = tf.train.Checkpoint(layer={"w": w, "same": w}, step=tf.Variable(3))
    path = checkpoint.save(tmp_path / "ckpt")
    ending = "/.ATTRIBUTES/VARIABLE_VALUE"
    assert tf.train.list_variables(tmp_path) == [
        (f"layer/same{ending}", [2]), (f"save_counter{ending}", []), (f"step{ending}", []),
    ]  # fmt: skip
    reader = tf.train.load_checkpoint(path)
    assert reader.get_variable_to_dtype_map()[f"step{ending}"] == "int32"
    for name in ("layer/w", "layer/same", f"layer/w{ending}"):
        assert reader.has_tensor(name)
        assert reader.get_tensor(name).tolist() == [1.0, 2.0]
    assert not reader.has_tensor("layer")
    assert tf.train.load_variable(tmp_path, "step") == 3
    with pytest.raises(tf.errors.NotFoundError, match="layer/same"):
        reader.get_tensor("nothing")
    for absent in (tmp_path / "absent", tmp_path.parent / "absent"):
        with pytest.raises(tf.errors.NotFoundError):
            tf.train.load_checkpoint(absent)


def test_what_stands_in_several_places_is_restored_at_each(tmp_path: Path) -> None:
    listed = [tf.Variable(1.0), tf.Variable(2.0)]
    saved = tf.train.Checkpoint(listed=listed, mapped={"one": listed[0], "two": listed[1]})
    path = saved.save(tmp_path / "ckpt")
    later, now = tf.Variable(0.0), tf.Variable(0.0)
    restored = tf.train.Checkpoint(mapped={"two": now})
    status = restored.restore(path)
    assert now.numpy() == 2.0
    restored.listed = [later]
    status.assert_consumed()
    assert later.numpy() == 1.0

    module = tf.Module()
    module.itself, module.v = module, tf.Variable(3.0)
    path = tf.train.Checkpoint(a=module, b=module).write(tmp_path / "twice")
    assert list(json.loads((Path(path) / "values.json").read_text())["values"]) == [
        "save_counter", "a/v",
    ]  # fmt: skip
    v = tf.Variable(0.0)
    tf.train.Checkpoint(b={"itself": {"itself": {"v": v}}}).read(path)
    assert v.numpy() == 3.0


def test_modules_lists_and_generators(tmp_path: Path) -> None:
    module = tf.Module()
    module.layers = [tf.Variable([1.0]), {"a/b": tf.Variable(2, dtype="int64")}]
    module.itself = module
    module.shared = module.layers[0]
    generator = tf.random.Generator.from_seed(1)
    checkpoint = tf.train.Checkpoint(module, generator=generator)
    path = checkpoint.write(tmp_path / "one")
    values = json.loads((tmp_path / "one" / "values.json").read_text())["values"]
    assert set(values) == {"shared", "layers/1/a%2Fb", "generator/state", "save_counter"}
    drawn = generator.normal((3,)).numpy().tolist()
    module.layers[0].assign([7.0])
    checkpoint.read(path).assert_consumed()
    assert module.shared.numpy().tolist() == [1.0]
    assert generator.normal((3,)).numpy().tolist() == drawn


def test_values_for_variables_that_come_later_wait(tmp_path: Path) -> None:
    path = tf.train.Checkpoint(m=tf.Module(), v=tf.Variable(1.0)).save(tmp_path / "ckpt")
    module = tf.Module()
    module.a, module.b = tf.Variable(1.0), tf.Variable(2.0)
    path = tf.train.Checkpoint(m=module).save(tmp_path / "ckpt")
    late = tf.Module()
    late.a = tf.Variable(0.0)
    status = tf.train.Checkpoint(m=late).restore(path)
    assert float(late.a) == 1
    with pytest.raises(tf.errors.LoadError, match="m/b"):
        status.assert_consumed()
    late.b = tf.Variable(0.0)
    status.assert_consumed()
    assert float(late.b) == 2
    late.c = tf.Variable(0.0)
    with pytest.raises(AssertionError, match="no values for: m/c"):
        status.assert_existing_objects_matched()


def test_another_shape_or_dtype_changes_nothing(tmp_path: Path) -> None:
    path = tf.train.Checkpoint(a=tf.Variable([1.0, 2.0]), b=tf.Variable(1)).write(tmp_path / "c")
    a = tf.Variable([0.0, 0.0])
    for b in (tf.Variable([1]), tf.Variable(1.0)):
        with pytest.raises(tf.errors.LoadError, match="b was saved as int32"):
            tf.train.Checkpoint(a=a, b=b).restore(path)
        assert a.numpy().tolist() == [0.0, 0.0]
    with pytest.raises(tf.errors.LoadError, match="no value for any"):
        tf.train.Checkpoint(z=a).restore(path).assert_nontrivial_match()


def test_an_iterator_of_a_dataset_goes_on_where_it_was(tmp_path: Path) -> None:
    def batches() -> Any:
        return iter(tf.data.Dataset.range(20).shuffle(20, seed=3).batch(3))

    first = batches()
    next(first), next(first)
    path = tf.train.Checkpoint(it=first).save(tmp_path / "ckpt")
    second = batches()
    tf.train.Checkpoint(it=second).restore(path).assert_consumed()
    assert [b.numpy().tolist() for b in second] == [b.numpy().tolist() for b in first]


def test_no_checkpoint_restores_nothing(tmp_path: Path) -> None:
    v = tf.Variable(1.0)
    checkpoint = tf.train.Checkpoint(v=v)
    status = checkpoint.restore(tf.train.latest_checkpoint(tmp_path))
    assert float(v) == 1
    with pytest.raises(tf.errors.LoadError, match="no values for"):
        status.assert_existing_objects_matched()
    with pytest.raises(tf.errors.LoadError, match="no checkpoint"):
        checkpoint.restore(tmp_path / "missing")
    for wrong in (3, "text", tf.constant(1.0)):
        with pytest.raises(tf.errors.ArgumentError, match="v is a"):
            tf.train.Checkpoint(v=wrong)


def test_a_damaged_value_is_refused(tmp_path: Path) -> None:
    v = tf.Variable(1.0)
    path = tf.train.Checkpoint(v=v).write(tmp_path / "c")
    file = tmp_path / "c" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(tf.errors.LoadError, match="cut off"):
        tf.train.Checkpoint(v=v).restore(path)


def test_the_manager_keeps_the_latest(tmp_path: Path) -> None:
    v = tf.Variable(0.0)
    checkpoint = tf.train.Checkpoint(v=v)
    manager = tf.train.CheckpointManager(checkpoint, tmp_path / "dir", max_to_keep=2)
    assert manager.restore_or_initialize() is None
    for i in range(4):
        v.assign(float(i))
        path = manager.save()
    assert [os.path.basename(p) for p in manager.checkpoints] == ["ckpt-3", "ckpt-4"]
    assert path == manager.latest_checkpoint == tf.train.latest_checkpoint(tmp_path / "dir")
    assert sorted(os.listdir(tmp_path / "dir")) == ["ckpt-3", "ckpt-4"]
    checkpoint.restore(manager.checkpoints[0])
    assert os.path.basename(manager.save() or "") == "ckpt-4"  # the counter was restored, too
    assert float(v) == 2
    assert manager.latest_checkpoint == manager.checkpoints[-1]


def test_what_a_killed_process_left_is_no_checkpoint(tmp_path: Path) -> None:
    v = tf.Variable(1.0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path, max_to_keep=3)
    path = manager.save()
    (tmp_path / ".ckpt-2.host.1.tmp").mkdir()
    (tmp_path / "ckpt-2").mkdir()
    assert manager.latest_checkpoint == path
    manager.save()
    assert os.path.basename(manager.latest_checkpoint or "") == "ckpt-2"


def test_intervals_and_init_functions(tmp_path: Path) -> None:
    step, called = tf.Variable(0), []
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(step=step), tmp_path, 3, step_counter=step, checkpoint_interval=5,
        init_fn=lambda: called.append(1), checkpoint_name="model",
    )  # fmt: skip
    assert manager.restore_or_initialize() is None
    assert called == [1]
    saved = []
    for i in range(12):
        step.assign(i)
        if manager.save():
            saved.append(i)
    assert saved == [0, 5, 10]
    assert manager.save(check_interval=False, checkpoint_number=77) == str(tmp_path / "model-77")
    assert manager.restore_or_initialize() == str(tmp_path / "model-77")
    for options in ({"max_to_keep": 0}, {"max_to_keep": 2, "checkpoint_interval": 3}):
        with pytest.raises(tf.errors.ArgumentError):
            tf.train.CheckpointManager(tf.train.Checkpoint(), tmp_path, **options)
