"""Keras trains on datasets as on the arrays in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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


def test_a_seed_of_keras_is_that_of_orders_and_random_numbers() -> None:
    keras.utils.set_random_seed(5)
    drawn = tf.random.normal((3,)).tolist()
    keras.utils.set_random_seed(5)
    order = [int(x) for x in tf.data.Dataset.range(9).shuffle(9)]
    assert order == [3, 5, 4, 2, 6, 0, 7, 1, 8]  # TensorFlow's
    keras.utils.set_random_seed(5)
    assert tf.random.normal((3,)).tolist() == drawn


def test_windows_of_a_series() -> None:
    ds = keras.utils.timeseries_dataset_from_array(
        np.arange(12), np.arange(12) * 10, sequence_length=3, sequence_stride=4, batch_size=2
    )
    assert [(x.tolist(), y.tolist()) for x, y in ds] == [
        ([[0, 1, 2], [4, 5, 6]], [0, 40]), ([[8, 9, 10]], [80]),
    ]  # fmt: skip


@pytest.mark.parametrize("batched", [False, True])
def test_a_dataset_is_split(batched: bool) -> None:
    rows = tf.data.Dataset.range(10)
    left, right = keras.utils.split_dataset(rows.batch(2) if batched else rows, left_size=0.7)
    given = [np.ravel(x).tolist() for x in (*left, *right)]
    parts = [[0, 1], [2, 3], [4, 5], [6], [7, 8], [9]]
    assert given == (parts if batched else [[i] for i in range(10)])


def test_images_and_texts_of_directories(tmp_path: Path) -> None:
    for label, name in enumerate(("cats", "dogs")):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "texts" / name).mkdir(parents=True)
        for i in range(3):
            pixels = np.full((4 + i, 4, 3), 100 * label + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{i}.png")
            (tmp_path / "texts" / name / f"{i}.txt").write_text(f"{name} {i}")
    options: Any = {"shuffle": False, "verbose": False, "batch_size": 4}
    images = keras.utils.image_dataset_from_directory(
        tmp_path / "images", image_size=(2, 2), label_mode="categorical", **options
    )
    assert images.class_names == ["cats", "dogs"]
    found = [(x[:, 0, 0, 0].tolist(), np.argmax(y, 1).tolist()) for x, y in images]
    assert found == [([0, 1, 2, 100], [0, 0, 0, 1]), ([101, 102], [1, 1])]
    texts = keras.utils.text_dataset_from_directory(tmp_path / "texts", **options)
    assert next(iter(texts))[0].numpy().tolist() == [b"cats 0", b"cats 1", b"cats 2", b"dogs 0"]
