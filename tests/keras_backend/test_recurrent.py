"""LSTM and GRU: the quick path gives what Keras's cells give, and shapes are told without a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

X = np.random.default_rng(0).standard_normal((3, 5, 2)).astype("f4")
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {"return_sequences": True, "return_state": True}),
    ("LSTM", {"go_backwards": True, "use_bias": False}),
    ("LSTM", {"dropout": 0.5, "dtype": "mixed_float16"}),
    ("LSTM", {"unroll": True}),
    ("GRU", {"return_sequences": True, "return_state": True}),
    ("GRU", {"dtype": "mixed_bfloat16"}),
    ("GRU", {"reset_after": False}),
]


def outputs_and_gradients(layer: Any, x: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        made = keras.tree.flatten(layer(x, training=True))
        total = tf.add_n([tf.reduce_sum(tf.cast(m, "float32") ** 2) for m in made])
    return [*made, *tape.gradient(total, layer.trainable_weights)]


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_recurrent_layers_give_what_their_cells_give(kind: str, options: dict[str, Any]) -> None:
    def found(way: Any) -> list[Any]:
        keras.utils.set_random_seed(1)
        layer = getattr(keras.layers, kind)(4, use_cudnn=way, seed=2, **options)
        layer(X)
        return outputs_and_gradients(layer, tf.constant(X))

    for ours, cells in zip(found("auto"), found(False), strict=True):
        assert ours.dtype == cells.dtype
        np.testing.assert_allclose(ours, cells, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_shapes_of_recurrent_layers_are_those_of_their_results(
    kind: str, options: dict[str, Any]
) -> None:
    layer = getattr(keras.layers, kind)(4, **options)
    told = keras.tree.flatten(layer(keras.Input(batch_shape=X.shape)))
    made = keras.tree.flatten(layer(X))
    assert [(t.shape, t.dtype) for t in told] == [(tuple(m.shape), m.dtype.name) for m in made]


def test_an_unrolled_layer_in_a_compiled_function_is_traced_for_each_length() -> None:
    layer = keras.layers.LSTM(3, unroll=True)
    layer(X)
    run = tf.function(lambda x: layer(x), strict=True, jit_compile=False)
    for x in (X, X[:2], X[:, :4]):
        np.testing.assert_allclose(run(tf.constant(x)), layer(x), rtol=1e-6)
    assert run.experimental_get_tracing_count() == 2
