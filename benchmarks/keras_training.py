"""Keras models trained on twofold and on Keras's other backends, in one run.

    python benchmarks/keras_training.py [--json] [--only NAME] [--batch N] [--rounds N]

Each backend has a process of its own, and they take turns. A turn imports Keras, makes the model,
trains one epoch, which compiles, and then times further epochs; the smallest epoch counts. Losses
of the first epochs are compared first. Backends that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 40
PEERS = {"jax": "jax", "torch": "torch", "tensorflow": "tensorflow"}


def models(layers: Any, keras: Any) -> dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]]:
    """Shapes of inputs, and what makes logits of them."""

    def dense(x: Any) -> Any:
        return layers.Dense(128, activation="relu")(layers.Dense(256, activation="relu")(x))

    def convolutional(x: Any) -> Any:
        for filters in (16, 32):
            x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, activation="relu")(x))
        return layers.Flatten()(x)

    def transformer(x: Any) -> Any:
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 8)(x, x))
        wide = layers.Dense(32)(layers.Dense(64, activation="gelu")(x))
        return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + wide))

    return {
        "dense": ((784,), dense),
        "convolutional": ((28, 28, 1), convolutional),
        "lstm": ((20, 16), lambda x: layers.LSTM(32)(x)),
        "transformer": ((16, 32), transformer),
    }


def turn(backend: str, name: str, batch: int) -> dict[str, float]:
    """Seconds of import and first epoch, milliseconds of a step, and the loss of the second."""
    start = time.perf_counter()
    if backend == "twofold":
        import twofold.keras as keras
    else:
        os.environ["KERAS_BACKEND"] = backend
        import keras
    imported = time.perf_counter() - start
    shape, make = models(keras.layers, keras)[name]
    keras.utils.set_random_seed(0)
    given = keras.Input(shape)
    model = keras.Model(given, keras.layers.Dense(10)(make(given)))
    rng = np.random.default_rng(0)
    for weight in model.weights:  # initializers draw other numbers on each backend
        weight.assign(rng.standard_normal(weight.shape) * 0.05)
    x = rng.standard_normal((STEPS * batch, *shape)).astype("float32")
    y = rng.integers(0, 10, STEPS * batch)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        told = model.fit(x, y, batch_size=batch, shuffle=False, verbose=0).history
        times.append(time.perf_counter() - start)
        loss = told["loss"][0]
    step = 1000 * min(times[1:]) / STEPS
    return {"import": imported, "first": times[0], "step": step, "loss": loss}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(turn(options.turn, options.only, options.batch)))
        return
    found = {}
    peers = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    names = [options.only] if options.only else ["dense", "convolutional", "lstm", "transformer"]
    for name in names:
        best: dict[str, dict[str, float]] = {}
        for _ in range(options.rounds):
            for backend in ("twofold", *peers):
                command = [sys.executable, __file__, "--turn", backend, "--only", name]
                done = subprocess.run(
                    [*command, "--batch", str(options.batch)], capture_output=True, check=True
                )
                made = json.loads(done.stdout.splitlines()[-1])
                old = best.get(backend, made)
                best[backend] = {k: min(v, old[k]) for k, v in made.items()}
        losses = [b["loss"] for b in best.values()]
        assert np.allclose(losses, losses[0], rtol=1e-3), (name, losses)
        found[name] = best
        if not options.json:
            print(f"{name}, batches of {options.batch}")
            for backend, b in best.items():
                ratio = b["step"] / best["twofold"]["step"]
                print(
                    f"  {backend:11} step {b['step']:7.2f} ms, {ratio:5.2f} of ours; first epoch "
                    f"{b['first']:5.2f} s; import {b['import']:5.2f} s"
                )
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
