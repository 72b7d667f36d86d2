"""A small convolutional network on real handwritten digits, fed by a pipeline of ``tf.data``.

    python examples/digits_dataset.py      # --epochs N, --out DIR

Two ways to train on the same datasets: Keras's ``fit``, and a loop of one's own with a tape, which
is stopped in the middle of an epoch and goes on from the state of its iterator.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import twofold as tf
import twofold.keras as keras

BATCH = 64


def datasets(seed: int = 0) -> tuple[Any, Any]:
    """Batches of images (8 x 8, from 0 to 1) and labels: shuffled ones to train on, and others."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("f4").reshape(-1, 8, 8, 1)
    parts = train_test_split(x, y.astype("i4"), test_size=0.2, random_state=seed, stratify=y)
    x_train, x_test, y_train, y_test = parts
    train = tf.data.Dataset.from_tensor_slices((x_train, y_train))
    test = tf.data.Dataset.from_tensor_slices((x_test, y_test))
    shuffled = train.shuffle(len(train), seed=seed).batch(BATCH).map(moved(seed))
    return shuffled.prefetch(tf.data.AUTOTUNE), test.batch(256)


def moved(seed: int) -> Any:
    """A function that moves a batch of images by up to one pixel, in plain NumPy."""
    rng = np.random.default_rng(seed)

    def shifted(x: Any, y: Any) -> Any:
        down, right = rng.integers(-1, 2, 2).tolist()
        return np.roll(np.asarray(x), (down, right), (1, 2)), y

    return shifted


def model(seed: int = 0) -> Any:
    """Two convolutions and a dense layer."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ]
    )


def fitted(epochs: int) -> float:
    """The accuracy on held-out digits after Keras's ``fit``."""
    train, test = datasets()
    made = model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    made.fit(train, epochs=epochs, verbose=0)
    return float(made.evaluate(test, verbose=0)[1])


def losses_of_a_loop(steps: int, stop: int | None = None) -> list[float]:
    """The losses of a training loop; ``stop``: take up its input again from there, as JSON."""
    x, y = load_digits(return_X_y=True)
    rows = ((x / 16).astype("f4"), y.astype("i4"))
    data = tf.data.Dataset.from_tensor_slices(rows).shuffle(len(y), seed=5).repeat().batch(BATCH)
    w = tf.Variable(tf.zeros((64, 10)))

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            scores = tf.nn.log_softmax(x @ w)
            loss = -tf.reduce_mean(tf.reduce_sum(scores * tf.one_hot(y, 10), axis=1))
        w.assign_sub(0.5 * tape.gradient(loss, w))
        return loss

    batches, losses = iter(data), []
    for number in range(steps):
        if number == stop:
            state = json.dumps(batches.get_state())
            batches = iter(data)
            batches.set_state(json.loads(state))
        losses.append(float(step(*next(batches))))
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args()
    epochs = given.epochs
    print(f"fit on a dataset, {epochs} epochs: held-out accuracy {fitted(epochs):.3f}")
    whole, resumed = losses_of_a_loop(60), losses_of_a_loop(60, stop=33)
    print(f"a loop that was stopped after 33 steps: the same losses, {whole == resumed}")
    place = given.out / "digits_test"
    datasets()[1].save(place)
    print(f"the held-out batches are in {place}: {len(tf.data.Dataset.load(place))} of them")


if __name__ == "__main__":
    main()
