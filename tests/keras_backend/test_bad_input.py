"""What Keras's programs are told for input that has no meaning, and that nothing is lost by it."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

X = np.random.default_rng(0).standard_normal((8, 3)).astype("f4")
Y = np.arange(8) % 3


def model(**options: Any) -> Any:
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return made


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_an_error_and_training_goes_on(label: int, eagerly: bool) -> None:
    made, labels = model(run_eagerly=eagerly), Y.copy()
    labels[5] = label
    before = made.get_weights()
    with pytest.raises(
        tf.errors.IndexOutOfBoundsError, match=f"^{label} is not the number of a class: there are 3"
    ):
        made.fit(X, labels, batch_size=8, verbose=0)
    for a, b in zip(made.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    told = made.fit(X, Y, batch_size=8, verbose=0).history["loss"]
    fresh = model(run_eagerly=eagerly).fit(X, Y, batch_size=8, verbose=0).history["loss"]
    assert told == pytest.approx(fresh, rel=1e-5)


def test_a_class_that_is_left_out_is_no_error() -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    logits = tf.constant([[1.0, 2.0], [3.0, 1.0]])
    with_one = float(loss(np.array([1, -1]), logits))
    assert with_one == pytest.approx(np.log1p(np.exp(-1.0)), rel=1e-6)


def test_losses_that_are_not_numbers_end_a_training_that_asks_for_it() -> None:
    given = X.copy()
    given[4] = np.nan
    stop = keras.callbacks.TerminateOnNaN()
    told = model().fit(given, Y, batch_size=2, epochs=3, verbose=0, callbacks=[stop])
    assert told.epoch == [0]
    assert np.isnan(told.history["loss"][0])
    assert len(model().fit(given, Y, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_arrays_and_datasets_without_rows_are_refused(method: str) -> None:
    ds = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).take(0)
    call = getattr(model(), method)
    with pytest.raises(tf.errors.ArgumentError, match="gives no batch"):
        call(ds, verbose=0)
    with pytest.raises(ValueError, match="no rows"):
        call(X[:0], *([] if method == "predict" else [Y[:0]]), verbose=0)


@pytest.mark.parametrize("size", [0, -1, 2.5, "a", True])
def test_sizes_of_batches_that_are_none_are_refused(size: Any) -> None:
    made = model()
    for method in (made.fit, made.evaluate, made.predict):
        with pytest.raises(tf.errors.ArgumentError, match="batch_size is an integer from 1"):
            method(X, *([] if method == made.predict else [Y]), batch_size=size, verbose=0)
    with pytest.raises(tf.errors.ArgumentError, match="validation_batch_size is"):
        made.fit(X, Y, validation_data=(X, Y), validation_batch_size=size, verbose=0)
    assert made.predict(X, batch_size=np.int64(3), verbose=0).shape[0] == len(X)


def test_a_generator_that_raises_ends_the_training_with_its_error() -> None:
    def batches() -> Iterator[Any]:
        for _ in range(4):
            yield X[:4], Y[:4]
        raise OSError("the file is gone")

    made = model()
    with pytest.raises(OSError, match="the file is gone"):
        made.fit(batches(), shuffle=False, verbose=0)
    assert int(made.optimizer.iterations) == 4
    made.fit(X, Y, batch_size=8, verbose=0)
    assert int(made.optimizer.iterations) == 5


def test_shapes_that_do_not_fit_are_told_with_the_layer() -> None:
    told = ValueError, RuntimeError  # the latter, around the former, in older versions of Keras
    with pytest.raises(told, match="expected axis -1 of input shape to have value 3"):
        model().fit(X[:, :2], Y, verbose=0)
    with pytest.raises(ValueError, match="sizes: 3"):
        model().fit(X, Y[:3], verbose=0)
    with pytest.raises(ValueError, match="expected min_ndim=4, found ndim=2"):
        keras.Sequential([keras.Input((3,)), keras.layers.Conv2D(2, 3)])


def test_a_position_outside_of_an_embedding_is_an_error() -> None:
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="index 9 is out of bounds"):
        keras.layers.Embedding(4, 2)(np.array([1, 9]))


class Own(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x + 1


def test_a_class_that_is_missing_is_named(tmp_path: Path) -> None:
    local = type("Local", (Own,), {"__module__": "gone"})
    keras.Sequential([keras.Input((3,)), local()]).save(tmp_path / "m.keras")
    with pytest.raises(TypeError, match="Local"):
        keras.models.load_model(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Local": Own})
    assert again.predict(np.zeros((1, 3)), verbose=0).tolist() == [[1.0, 1.0, 1.0]]


@tf.function
def scaled(x: Any) -> Any:
    return 2 * x


def doubled(x: Any) -> Any:
    return x * 2


def test_functions_datasets_and_models_are_pickled_into_a_process() -> None:
    ds = tf.data.Dataset.range(4).map(doubled).batch(2)
    assert [x.tolist() for x in pickle.loads(pickle.dumps(ds))] == [[0, 2], [4, 6]]
    made = model()
    want = made.predict(X, verbose=0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        got = pool.apply(used, (scaled, ds, made))
    assert got[0] == [2.0, 4.0]
    assert got[1] == [[0, 2], [4, 6]]
    np.testing.assert_array_equal(got[2], want)


def used(function: Any, ds: Any, made: Any) -> Any:
    """What the other process makes of them."""
    doubled = function(tf.constant([1.0, 2.0])).tolist()
    return doubled, [x.tolist() for x in ds], made.predict(X, verbose=0)
