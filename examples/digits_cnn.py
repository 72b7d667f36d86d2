"""A convolutional network on real handwritten digits, with Keras: compile, fit, evaluate, save.

    python examples/digits_cnn.py              held-out accuracy of at least 0.98, a plot, a model
    twofold compare examples/digits_cnn.py     agreement and speed of the steps that Keras compiles

The data are the 1,797 digits that ship with scikit-learn: 8 x 8 grey values, ten classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import twofold as tf
import twofold.keras as keras

ENOUGH = 0.98  # held-out accuracy


def load() -> tuple[Any, Any, Any, Any]:
    """Images as float32 [n, 8, 8, 1] in [0, 1] and int32 labels: training, held out, labels."""
    images, labels = load_digits(return_X_y=True)
    images = np.float32(images / 16).reshape(-1, 8, 8, 1)
    return train_test_split(
        images, np.int32(labels), test_size=0.2, random_state=0, stratify=labels
    )


def moved(images: Any) -> Any:
    """The images, and each of them a pixel up, down, left and right."""
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    places = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return np.concatenate([wide[:, i : i + 8, j : j + 8] for i, j in places])


def build() -> Any:
    """Two convolutions, a pooling, dropout, ten scores; Adam on the cross-entropy."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((8, 8, 1), name="image"),
        keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
        keras.layers.Conv2D(64, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.4),
        keras.layers.Dense(10),
    ], name="digits_cnn")  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
    return model


def plot(history: dict[str, list[float]], path: Path) -> None:
    """Save the curves of training and validation."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    for axes, name in ((left, "loss"), (right, "accuracy")):
        axes.plot(history[name], label="training")
        axes.plot(history[f"val_{name}"], label="held out")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    print(f"plot: {path}")


def main() -> None:
    """Train, evaluate, save as a directory, and check that the saved graph says the same."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--quiet", action="store_true", help="without progress bars")
    args = parser.parse_args()
    x, x_test, y, y_test = load()
    model = build()
    verbose = 0 if args.quiet else 1
    history = model.fit(
        moved(x),
        np.tile(y, 5),
        batch_size=64,
        epochs=args.epochs,
        validation_data=(x_test, y_test),
        verbose=verbose,
    ).history  # fmt: skip
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"held-out accuracy {accuracy:.4f}")
    plot(history, args.out / "digits_cnn.png")

    model.save(args.out / "digits_cnn")
    served = tf.saved_model.load(args.out / "digits_cnn")
    same = np.mean(
        np.argmax(served(x_test).numpy(), 1) == np.argmax(model.predict(x_test, verbose=0), 1)
    )
    print(f"the saved graph agrees on {same:.0%} of the held-out digits")
    if args.epochs >= 6 and accuracy < ENOUGH:
        raise SystemExit(f"the accuracy should be at least {ENOUGH}")


if __name__ == "__main__":
    main()
