"""Training of small Keras models, the same text on twofold and on TensorFlow: what it gives is
compared with ``tests/reference/keras.npz``.

Where TensorFlow is installed, this makes the file anew:

    TF_ENABLE_ONEDNN_OPTS=0 KERAS_BACKEND=tensorflow python tests/support/keras_reference.py
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent.parent / "reference" / "keras.npz"
STEPS, BATCHES, SIZE, CLASSES = 20, 3, 8, 3

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda o: o.SGD(0.05),
    "momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "rmsprop_centered": lambda o: o.RMSprop(0.001, momentum=0.5, centered=True),
    "adam": lambda o: o.Adam(0.01),
    "amsgrad": lambda o: o.Adam(0.01, amsgrad=True, clipnorm=0.5),
    "adamw": lambda o: o.AdamW(0.01, weight_decay=0.01, global_clipnorm=1.0),
    "adadelta": lambda o: o.Adadelta(0.5),
    "adagrad": lambda o: o.Adagrad(0.05),
    "adamax": lambda o: o.Adamax(0.01, clipvalue=0.1),
    "adafactor": lambda o: o.Adafactor(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "ftrl": lambda o: o.Ftrl(0.05, l1_regularization_strength=1e-3),
    "lion": lambda o: o.Lion(0.005),
    "lamb": lambda o: o.Lamb(0.01),
    "muon": lambda o: o.Muon(0.01),
    "schedule_free": lambda o: o.ScheduleFreeAdamW(0.01, warmup_steps=3),
    "loss_scale": lambda o: o.LossScaleOptimizer(o.Adam(0.01), initial_scale=1024.0),
    "ema": lambda o: o.Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4),
    "accumulation": lambda o: o.SGD(0.05, gradient_accumulation_steps=2),
    "schedule": lambda o: o.Adam(o.schedules.CosineDecay(0.02, 15, warmup_steps=5)),
}

# What older versions of Keras have not, or compute in another way.
OFFERED: dict[str, Callable[[Any], bool]] = {
    "muon": lambda o: "rms_rate" in inspect.signature(o.Muon).parameters,
    "schedule_free": lambda o: hasattr(o, "ScheduleFreeAdamW"),
}


def offered(optimizers: Any) -> list[str]:
    """The optimizers of this version of Keras that have a reference."""
    return [name for name in OPTIMIZERS if OFFERED.get(name, bool)(optimizers)]


def _mlp(layers: Any, x: Any) -> Any:
    return layers.Dense(6, activation="gelu")(layers.Dense(10, activation="tanh")(x))


def _cnn(layers: Any, x: Any) -> Any:
    x = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same", activation="relu")(x))
    x = layers.Conv2D(3, 2, strides=2, activation="relu", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Flatten()(x)


def _lstm(layers: Any, x: Any) -> Any:
    return layers.LSTM(5)(x)


def _transformer(layers: Any, x: Any) -> Any:
    x = layers.Embedding(11, 8)(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    wide = layers.Dense(8)(layers.Dense(12, activation="gelu")(x))
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + wide))


MODELS: dict[str, tuple[tuple[int, ...], Callable[[Any, Any], Any]]] = {
    "mlp": ((7,), _mlp),
    "cnn": ((8, 8, 2), _cnn),
    "lstm": ((6, 4), _lstm),
    "transformer": ((5,), _transformer),
}


def data_of(name: str) -> tuple[Any, Any]:
    """Batches of inputs and labels."""
    rng = np.random.default_rng(7)
    shape, labels = MODELS[name][0], rng.integers(0, CLASSES, (BATCHES, SIZE))
    if name == "transformer":
        return rng.integers(0, 11, (BATCHES, SIZE, *shape)), labels
    return rng.standard_normal((BATCHES, SIZE, *shape)).astype("f4"), labels


def model_of(keras: Any, name: str) -> Any:
    """A model whose weights do not depend on the backend."""
    shape, make = MODELS[name]
    given = keras.Input(shape, dtype="int32" if name == "transformer" else "float32")
    model = keras.Model(given, keras.layers.Dense(CLASSES)(make(keras.layers, given)))
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(rng.standard_normal(weight.shape) * 0.3 + 0.05)
    return model


def loss_of(keras: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def gradient_of(tf: Any, keras: Any, model: Any) -> Any:
    """A compiled function of a batch: the loss and its gradient, with updates of statistics."""
    loss = loss_of(keras)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            found = loss(y, model(x, training=True))
        return found, tape.gradient(found, model.trainable_variables)

    return step


def flat(arrays: Any) -> Any:
    return np.concatenate([np.asarray(a).reshape(-1) for a in arrays])


def trained(tf: Any, keras: Any, name: str, optimizer: str, gradient: Any, model: Any) -> Any:
    """The losses, the norms of the gradients, and the weights behind the last step."""
    made, (xs, ys) = OPTIMIZERS[optimizer](keras.optimizers), data_of(name)
    losses, norms = [], []
    for i in range(STEPS):
        loss, found = gradient(tf.constant(xs[i % BATCHES]), tf.constant(ys[i % BATCHES]))
        dense = [tf.convert_to_tensor(g) for g in found]  # TensorFlow gives rows of an Embedding
        made.apply_gradients(zip(dense, model.trainable_variables, strict=True))
        losses.append(float(loss))
        norms.append(float(np.linalg.norm(flat(dense))))
    # The bias of keys changes nothing: its gradient is rounding, which optimizers scale up.
    kept = [w for w in model.weights if not w.path.endswith("key/bias")]
    return np.array(losses), np.array(norms), flat(kept)


def everything(tf: Any, keras: Any) -> dict[str, Any]:
    """All arrays of the file, by model, optimizer and name."""
    found: dict[str, Any] = {}
    for name in MODELS:
        model = model_of(keras, name)
        first, gradient = model.get_weights(), gradient_of(tf, keras, model)
        for optimizer in OPTIMIZERS:
            model.set_weights(first)
            made = trained(tf, keras, name, optimizer, gradient, model)
            for part, array in zip(("losses", "norms", "weights"), made, strict=True):
                found[f"{name}/{optimizer}/{part}"] = array
    return found


if __name__ == "__main__":
    tensorflow, keras = map(importlib.import_module, ("tensorflow", "keras"))
    np.savez_compressed(FILE, **everything(tensorflow, keras))
