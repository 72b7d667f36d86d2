"""Regression on real patients: a small network against least squares, in a loop of one's own.

    python examples/diabetes.py                held-out errors of both, a plot
    twofold compare examples/diabetes.py       agreement and speed of the compiled functions

The data are the 442 patients that ship with scikit-learn: ten measurements, and how far diabetes
had progressed a year later. Layers, loss and optimiser are Keras's, the loop is not; the weights
with the least validation error are kept in a checkpoint, as one stops early.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import twofold as tf
import twofold.keras as keras

BATCH = 32


class Regressor(tf.Module):
    """A network for standardised inputs, and one step of training."""

    def __init__(self, x: Any, y: Any, seed: int) -> None:
        super().__init__("regressor")
        keras.utils.set_random_seed(seed)
        scale = keras.layers.Normalization()
        scale.adapt(x)
        self.network = keras.Sequential([
            keras.Input((x.shape[1],)),
            scale,
            keras.layers.Dense(32, activation="tanh"),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(1),
        ])  # fmt: skip
        self.mean, self.spread = float(y.mean()), float(y.std())
        self.loss = keras.losses.Huber(delta=1.0)
        self.optimizer = keras.optimizers.AdamW(3e-3, weight_decay=0.05)
        self.optimizer.build(self.network.trainable_weights)

    def scores(self, x: Any, training: bool) -> Any:
        """The progression in standard deviations from the mean."""
        return tf.squeeze(self.network(x, training=training), -1)

    @tf.function(jit_compile=True)
    def train_step(self, x: Any, y: Any) -> Any:
        """One step on a batch; returns the loss."""
        with tf.GradientTape() as tape:
            loss = self.loss((y - self.mean) / self.spread, self.scores(x, training=True))
        weights = self.network.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    @tf.function(jit_compile=True)
    def predict(self, x: Any) -> Any:
        """The predicted progression of each patient."""
        return self.scores(x, training=False) * self.spread + self.mean

    def error(self, x: Any, y: Any) -> float:
        """The root of the mean squared error."""
        return float(np.sqrt(np.mean((self.predict(x).numpy() - y.numpy()) ** 2)))


def load() -> list[Any]:
    """Training, validation and test data: x, x, x, y, y, y."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x, y = np.float32(x), np.float32(y)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.2, random_state=0)
    return [tf.constant(a) for a in (x, x_val, x_test, y, y_val, y_test)]


def least_squares(x: Any, y: Any, x_test: Any, y_test: Any) -> float:
    """The held-out error of linear regression."""
    one = np.ones((len(x), 1), "float32")
    found = np.linalg.lstsq(np.hstack([x.numpy(), one]), y.numpy(), rcond=None)[0]
    return float(np.sqrt(np.mean((x_test.numpy() @ found[:-1] + found[-1] - y_test.numpy()) ** 2)))


def train(epochs: int, out: Path, quiet: bool) -> tuple[Regressor, list[tuple[float, float]]]:
    """The network with the least validation error, and the errors of every epoch."""
    x, x_val, _, y, y_val, _ = load()
    model = Regressor(x.numpy(), y.numpy(), seed=1)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=2).batch(BATCH)
    checkpoint = tf.train.Checkpoint(network=model.network)
    manager = tf.train.CheckpointManager(checkpoint, out / "diabetes", max_to_keep=1)
    errors: list[tuple[float, float]] = []
    for _ in track(range(epochs), description="epochs", disable=quiet):
        for x_batch, y_batch in batches:
            model.train_step(x_batch, y_batch)
        errors.append((model.error(x, y), model.error(x_val, y_val)))
        if errors[-1][1] == min(e for _, e in errors):
            manager.save()
    checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    return model, errors


def plot(errors: list[tuple[float, float]], shown: Any, y: Any, path: Path) -> None:
    """Save the curves of the errors, and predictions against what happened."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    left.plot([a for a, _ in errors], label="training")
    left.plot([b for _, b in errors], label="validation")
    left.set(xlabel="epoch", ylabel="root mean squared error")
    left.legend()
    right.scatter(y, shown, s=8)
    right.plot([30, 340], [30, 340], linewidth=1)
    right.set(xlabel="progression", ylabel="predicted", title="held-out patients")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    print(f"plot: {path}")


def main() -> None:
    """Train, compare with least squares on held-out patients, save a plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--quiet", action="store_true", help="without a progress bar")
    args = parser.parse_args()
    model, errors = train(args.epochs, args.out, args.quiet)
    x, _, x_test, y, _, y_test = load()
    print(f"least squares: held-out error {least_squares(x, y, x_test, y_test):.1f}")
    print(f"network:       held-out error {model.error(x_test, y_test):.1f}")
    print(f"(the standard deviation is {np.std(y_test.numpy()):.1f})")
    plot(errors, model.predict(x_test).numpy(), y_test.numpy(), args.out / "diabetes.png")


if __name__ == "__main__":
    main()
