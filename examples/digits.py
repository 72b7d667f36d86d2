"""Train a classifier on real handwritten digits, eagerly and compiled, from the same code.

    python examples/digits.py                  both modes, their loss curves in one plot
    twofold compare examples/digits.py         agreement and speed of every compiled function

The data are the 1,797 digits that ship with scikit-learn: 8 x 8 grey values, ten classes.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import twofold as tf

SIZES = (64, 128, 64, 10)
BATCH = 64
BOUND = 1e-4  # relative, between the loss curves of the two modes over their first 100 steps


class Adam:
    """Adam (Kingma and Ba 2015): averages of gradients and of their squares, both unbiased."""

    def __init__(self, parameters: list[Any], rate: float = 2e-3) -> None:
        self.parameters, self.rate = parameters, rate
        self.step = tf.Variable(0.0, trainable=False, name="step")
        self.mean = [average(p, "mean") for p in parameters]
        self.square = [average(p, "square") for p in parameters]

    def apply(self, gradients: list[Any]) -> None:
        """One update of every parameter."""
        self.step.assign_add(1.0)
        rate = self.rate * tf.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        for p, g, m, v in zip(self.parameters, gradients, self.mean, self.square, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * g * g)
            p.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))


def average(parameter: Any, of: str) -> Any:
    """A Variable for a running average, zero at first."""
    return tf.Variable(tf.zeros(parameter.shape), trainable=False, name=f"{parameter.name}_{of}")


class Classifier:
    """Two hidden layers with ReLU."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.weights, self.biases = [], []
        for i, (n, m) in enumerate(pairwise(SIZES)):
            start = np.float32(np.sqrt(2 / n) * rng.standard_normal((n, m)))
            self.weights.append(tf.Variable(start, name=f"w{i}"))
            self.biases.append(tf.Variable(tf.zeros((m,)), name=f"b{i}"))
        self.parameters = [*self.weights, *self.biases]
        self.optimizer = Adam(self.parameters)

    def logits(self, x: Any) -> Any:
        """The scores of the ten classes."""
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = tf.nn.relu(x @ w + b)
        return x @ self.weights[-1] + self.biases[-1]

    @tf.function(jit_compile=True)
    def train_step(self, x: Any, labels: Any) -> Any:
        """One step of Adam on a batch; returns the mean cross-entropy."""
        with tf.GradientTape() as tape:
            target = tf.one_hot(labels, 10)
            loss = tf.mean(tf.nn.softmax_cross_entropy_with_logits(target, self.logits(x)))
        self.optimizer.apply(tape.gradient(loss, self.parameters))
        return loss

    @tf.function(jit_compile=True)
    def predict(self, x: Any) -> Any:
        """The most probable class of each digit."""
        return tf.argmax(self.logits(x), axis=-1)


def load() -> tuple[Any, Any, Any, Any]:
    """Digits as float32 in [0, 1] and int32 labels: training images, held-out images, labels."""
    images, labels = load_digits(return_X_y=True)
    return train_test_split(
        np.float32(images / 16), np.int32(labels), test_size=0.2, random_state=0, stratify=labels
    )


def train(name: str, epochs: int, progress: Progress) -> tuple[list[float], float]:
    """Train from the same start; returns the loss of every step and the held-out accuracy."""
    x, x_test, y, y_test = load()
    model, order = Classifier(seed=1), np.random.default_rng(2)
    losses: list[float] = []
    for _ in progress.track(range(epochs), description=f"{name:>8}"):
        shuffled = order.permutation(len(x))
        for start in range(0, len(x), BATCH):  # the last batch is smaller
            rows = shuffled[start : start + BATCH]
            loss = model.train_step(tf.constant(x[rows]), tf.constant(y[rows]))
            losses.append(float(loss))
    accuracy = float(np.mean(model.predict(tf.constant(x_test)).numpy() == y_test))
    return losses, accuracy


def disagreement(curves: dict[str, list[float]]) -> float:
    """The largest relative difference between two loss curves over their first 100 steps."""
    a, b = (np.array(losses[:100]) for losses in curves.values())
    return float(np.max(np.abs(a - b) / np.abs(a)))


def plot(curves: dict[str, list[float]], path: Path) -> None:
    """Save the loss curves."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for (name, losses), style in zip(curves.items(), ("-", "--"), strict=False):
        axes.semilogy(losses, style, label=name, linewidth=1)
    axes.set(xlabel="step", ylabel="mean cross-entropy", title="digits: eager and compiled")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    print(f"plot: {path}")


def main() -> None:
    """Train in the chosen modes, print accuracies and the agreement of the curves, save a plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--mode", choices=("both", "eager", "compiled"), default="both")
    parser.add_argument("--out", type=Path, default=Path("out"))
    args = parser.parse_args()
    modes = ("eager", "compiled") if args.mode == "both" else (args.mode,)
    curves: dict[str, list[float]] = {}
    with Progress() as progress:
        for mode in modes:
            tf.config.run_functions_eagerly(mode == "eager")
            curves[mode], accuracy = train(mode, args.epochs, progress)
            progress.print(
                f"{mode:>8}: held-out accuracy {accuracy:.4f}, last loss {curves[mode][-1]:.2e}"
            )
    tf.config.run_functions_eagerly(False)
    plot(curves, args.out / "digits_loss.png")
    if len(curves) == 2:
        found = disagreement(curves)
        print(f"the loss curves agree to {found:.1e} over the first 100 steps")
        if found > BOUND:
            raise SystemExit(f"they should agree to {BOUND:.0e}")


if __name__ == "__main__":
    main()
