"""A training that is killed goes on from its last checkpoint with the losses that it would have
had."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold.keras as keras

LOOP = """
import json, os, signal, sys
import numpy as np
import twofold as tf
import twofold.keras as keras

def train(folder, die_at, steps=8):
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).standard_normal((20, 4)).astype("f4")
    y = (x[:, 0] > 0).astype("i4")
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(20, seed=3).repeat().batch(6)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu"),
                              keras.layers.Dropout(0.3, seed=2), keras.layers.Dense(2)])
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    elements, done = iter(batches), tf.Variable(0)
    state = tf.train.Checkpoint(model=model, optimizer=optimizer, elements=elements, done=done)
    manager = tf.train.CheckpointManager(state, folder, max_to_keep=2, checkpoint_interval=3,
                                         step_counter=done)
    manager.restore_or_initialize()
    losses = {}
    while int(done) < steps:
        losses[int(done)] = float(step(*next(elements)))
        if int(done) == die_at:  # the weights are those of a step that no checkpoint has
            os.kill(os.getpid(), signal.SIGKILL)
        done.assign_add(1)
        manager.save()
    return losses
"""

FIT = """
import json, os, signal, sys
import numpy as np
import twofold as tf
import twofold.keras as keras

class Die(keras.callbacks.Callback):
    def __init__(self, at):
        super().__init__()
        self.at = at
    def on_train_batch_end(self, batch, logs=None):
        self.at -= 1
        if self.at == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def train(folder, die_at):
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).standard_normal((20, 4)).astype("f4")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu"),
                              keras.layers.Dense(2)])  # BackupAndRestore keeps no states of seeds
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    told = model.fit(x, (x[:, 0] > 0).astype("i4"), batch_size=6, epochs=5, shuffle=False,
                     verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder), Die(die_at)])
    return dict(zip(told.epoch, told.history["loss"]))
"""


@pytest.mark.parametrize(("program", "die_at", "left"), [(LOOP, 5, 4), (FIT, 10, 3)])
def test_a_killed_training_goes_on_with_the_same_losses(
    program: str, die_at: int, left: int, tmp_path: Path
) -> None:
    file = tmp_path / "program.py"
    file.write_text(f"{program}\nprint(json.dumps(train(sys.argv[1], int(sys.argv[2]))))\n")

    def run(folder: str, die_at: int) -> Any:
        """In a process of its own, as after a kill."""
        command = [sys.executable, file, tmp_path / folder, str(die_at)]
        return subprocess.run(command, capture_output=True, check=False, text=True)

    killed = run("state", die_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    expected, resumed = (json.loads(run(name, -1).stdout) for name in ("other", "state"))
    assert len(resumed) == left
    # not bit for bit: machine code takes over from array operations when it is ready
    assert resumed == pytest.approx({step: expected[step] for step in resumed}, rel=1e-5)
    assert max(resumed) == max(expected)


def test_a_damaged_backup_gives_way_to_the_one_before(tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise RuntimeError("stopped")

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), "f4"), np.ones((8, 1), "f4")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "kept", double_checkpoint=True)
    with pytest.raises(RuntimeError, match="stopped"):
        model.fit(x, y, epochs=6, verbose=0, callbacks=[backup, Stop()])
    Path(backup._weights_path).write_bytes(b"0")
    assert model.fit(x, y, epochs=5, verbose=0, callbacks=[backup]).epoch[-1] == 4
