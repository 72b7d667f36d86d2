"""Keras models trained on twofold and on Keras's other backends, in one run.

    python benchmarks/keras_training.py [--json] [--only NAME] [--batch N ...] [--rounds N]

Each backend has a process of its own, and they take turns. A turn imports Keras, makes the model,
fits one batch, which compiles, and then times epochs for each size of batch; the smallest epoch
counts. The losses are compared first. Backends that are not installed are left out; in a turn the
libraries of the other backends are as if they were not installed. Prints a table:
of a step ours in milliseconds and the others as multiples of it, of the rest seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from typing import Any

import numpy as np

STEPS, EPOCHS = 20, 4
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


def hide(names: set[str]) -> None:
    """Make packages look as if they were not installed: Keras imports all that it finds."""

    class Without(PathFinder):
        @classmethod
        def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
            return None if name in names else super().find_spec(name, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Without


def turn(backend: str, name: str, batches: list[int]) -> dict[str, float]:
    """Seconds of import and first fit of one batch; for each batch size the milliseconds of a step
    and the loss."""
    hide(set(PEERS.values()) - {backend})
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
    x = rng.standard_normal((STEPS * max(batches), *shape)).astype("float32")
    y = rng.integers(0, 10, len(x))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def fit(count: int, batch: int) -> tuple[float, float]:
        start = time.perf_counter()
        told = model.fit(x[:count], y[:count], batch_size=batch, shuffle=False, verbose=0).history
        return time.perf_counter() - start, told["loss"][0]

    found = {"import": imported, "first": fit(batches[0], batches[0])[0]}
    for batch in batches:
        epochs = [fit(STEPS * batch, batch) for _ in range(EPOCHS)]
        found[f"step {batch}"] = 1000 * min(spent for spent, _ in epochs[1:]) / STEPS
        found[f"loss {batch}"] = epochs[0][1]
    return found


def best_of(name: str, batches: list[int], rounds: int) -> dict[str, dict[str, float]]:
    """The smallest of each number for each backend. Losses must agree."""
    best: dict[str, dict[str, float]] = {}
    peers = [peer for peer, module in PEERS.items() if importlib.util.find_spec(module)]
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile all modules again
    for _ in range(rounds):
        for backend in ("twofold", *peers):
            command = [sys.executable, __file__, "--turn", backend, "--only", name, "--batch"]
            done = subprocess.run(
                [*command, *map(str, batches)], capture_output=True, check=True, env=env
            )
            made = json.loads(done.stdout.splitlines()[-1])
            old = best.get(backend, made)
            best[backend] = {k: min(v, old[k]) for k, v in made.items()}
    for batch in batches:
        losses = [b[f"loss {batch}"] for b in best.values()]
        assert np.allclose(losses, losses[0], rtol=1e-2), (name, losses)
    return best


def rows(name: str, batches: list[int], best: dict[str, dict[str, float]]) -> Iterator[str]:
    """The lines of the table for one model."""
    for batch in batches:
        steps = [b[f"step {batch}"] for b in best.values()]
        told = " | ".join([f"{steps[0]:.2f} ms", *(f"{s / steps[0]:.2f}" for s in steps[1:])])
        yield f"| {name}, step of {batch} | {told} |"
    for what, words in (("first", "first step"), ("import", "import")):
        spent = " | ".join(f"{b[what]:.2f} s" for b in best.values())
        yield f"| {name}, {words} | {spent} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(turn(options.turn, options.only, options.batch)))
        return
    names = [options.only] if options.only else ["dense", "convolutional", "lstm", "transformer"]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        found[name] = best_of(name, options.batch, options.rounds)
        if options.json:
            continue
        if name == names[0]:
            backends = list(found[name])
            print(f"| work | {' | '.join(backends)} |\n|---|{'---:|' * len(backends)}")
        print("\n".join(rows(name, options.batch, found[name])), flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
