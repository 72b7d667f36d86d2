"""Keras trains on datasets as on the arrays in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

RNG = np.random.default_rng(4)
X = RNG.standard_normal((50, 6)).astype("f4")
Y = RNG.integers(0, 3, 50)


def model() -> Any:
    keras.utils.set_random_seed(3)
    made = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile("adam", loss, metrics=["accuracy"])
    return made


def batches(*arrays: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(arrays).batch(16)


def test_a_dataset_trains_as_its_arrays() -> None:
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    by_arrays = model().fit(
        X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(X[:20], Y[:20]),
        validation_batch_size=16, class_weight=weights,
    )  # fmt: skip
    by_dataset = model().fit(
        batches(X, Y).prefetch(2), epochs=3, verbose=0, validation_data=batches(X[:20], Y[:20]),
        class_weight=weights,
    )  # fmt: skip
    for name, values in by_arrays.history.items():
        np.testing.assert_allclose(by_dataset.history[name], values, rtol=1e-6, err_msg=name)


def test_evaluate_and_predict_take_datasets() -> None:
    made = model()
    np.testing.assert_allclose(
        made.evaluate(batches(X, Y), verbose=0), made.evaluate(X, Y, batch_size=16, verbose=0),
        rtol=1e-6,
    )  # fmt: skip
    np.testing.assert_array_equal(
        made.predict(batches(X), verbose=0), made.predict(X, batch_size=16, verbose=0)
    )


def test_an_infinite_dataset_has_as_many_steps_as_are_asked_for() -> None:
    told = model().fit(batches(X, Y).repeat(), epochs=2, steps_per_epoch=5, verbose=0)
    assert len(told.history["loss"]) == 2


def test_targets_beside_a_dataset_are_refused() -> None:
    with pytest.raises(ValueError, match="`y` should not be passed"):
        model().fit(batches(X, Y), Y, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_a_dataset_without_batches_is_refused(method: str) -> None:
    for empty in (batches(X[:0], Y[:0]), batches(X, Y).filter(lambda x, y: False)):
        with pytest.raises(ValueError, match="gives no batch"):
            getattr(model(), method)(empty, verbose=0)
