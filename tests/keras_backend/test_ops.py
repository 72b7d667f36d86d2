"""``keras.ops`` on twofold: eager and compiled agree, and both are NumPy's or the definition's."""

from __future__ import annotations

import importlib
import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import twofold as tf
import twofold.keras as keras

ops = keras.ops
RNG = np.random.default_rng(2)
X = RNG.standard_normal((4, 6)).astype("f4")
Y = RNG.uniform(0.5, 2, (4, 6)).astype("f4")
N = np.where(RNG.uniform(size=(4, 6)) < 0.3, np.nan, X).astype("f4")
K = RNG.integers(-3, 4, (4, 6)).astype("int32")
OWN: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("add", (X, Y), {}), ("arctan2", (X, Y), {}), ("hypot", (X, Y), {}), ("logaddexp", (X, Y), {}),
    ("fmax", (N, X), {}), ("floor_divide", (X, Y), {}), ("mod", (X, Y), {}), ("power", (Y, X), {}),
    ("cbrt", (X,), {}), ("sinc", (X,), {}), ("log1p", (Y,), {}), ("round", (X, 2), {}),
    ("clip", (X, -0.5, 0.5), {}), ("nan_to_num", (N,), {}), ("where", (X > 0, X, Y), {}),
    ("sum", (X,), {"axis": 0}), ("mean", (X,), {"axis": (0, 1)}), ("var", (X,), {"axis": 1}),
    ("std", (K,), {"axis": 0}), ("prod", (Y,), {"axis": 1, "keepdims": True}), ("max", (X,), {"axis": 1}),
    ("nansum", (N,), {"axis": 1}), ("nanmean", (N,), {"axis": 0}), ("nanmax", (N,), {"axis": 0}),
    ("nanvar", (N,), {"axis": 1}), ("median", (X,), {"axis": 1}), ("quantile", (X, 0.3), {"axis": 0}),
    ("percentile", (X, 70), {"axis": 1}), ("argmax", (X,), {"axis": 1}), ("argsort", (X,), {"axis": 1}),
    ("cumsum", (X,), {"axis": 1}), ("cumprod", (X,), {"axis": 0}), ("count_nonzero", (K,), {"axis": 1}),
    ("sort", (X,), {"axis": 0}), ("searchsorted", (np.sort(X[0]), X[1]), {}), ("average", (X, 1, Y), {}),
    ("matmul", (X, Y.T), {}), ("tensordot", (X, Y.T, 1), {}), ("outer", (X[0], Y[0]), {}),
    ("inner", (X, Y), {}), ("kron", (X[:2, :2], Y[:2]), {}), ("cross", (X[:, :3], Y[:, :3]), {}),
    ("trace", (X,), {"offset": 1}), ("trapezoid", (X,), {"dx": 0.5}), ("corrcoef", (X,), {}),
    ("einsum", ("ij,kj->ik", X, Y), {}), ("vdot", (X, Y), {}), ("dot", (X, Y.T), {}),
    ("transpose", (X,), {}), ("moveaxis", (X, 0, 1), {}), ("flip", (X, 1), {}), ("roll", (X, 2), {"axis": 1}),
    ("rot90", (X,), {"k": 3}), ("pad", (X, ((1, 2), (0, 1))), {"mode": "reflect"}), ("tile", (X, (2, 1)), {}),
    ("repeat", (X, 2), {"axis": 1}), ("diagonal", (X, 1), {}), ("diag", (X[0], -1), {}), ("diff", (X, 2), {"axis": 1}),
    ("take", (X, np.array([2, 0, -1])), {"axis": 1}), ("take_along_axis", (X, np.argsort(X, 1)), {"axis": 1}),
    ("isin", (K, np.array([1, 2], "int32")), {}), ("vander", (X[0],), {"N": 3}), ("tril", (X, -1), {}),
    ("hstack", ([X, Y],), {}), ("dstack", ([X, Y],), {}), ("array_split", (X, 4), {"axis": 1}),
    ("meshgrid", (X[0], Y[0]), {}), ("linspace", (0.0, 3.0), {"num": 7}), ("logspace", (0.0, 2.0), {"num": 5}),
]  # fmt: skip


KNOWN = [i for i, (name, _, _) in enumerate(OWN) if hasattr(ops, name)]  # to this version of Keras


def flat(value: Any) -> list[np.ndarray[Any, Any]]:
    found = value if isinstance(value, list | tuple) else [value]
    return [np.asarray(v) for v in found]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("which", KNOWN, ids=[f"{i}-{OWN[i][0]}" for i in KNOWN])
def test_a_function_of_numpys_name_is_numpys(which: int) -> None:
    name, args, more = OWN[which]
    expected = flat(getattr(np, name)(*args, **more))
    arrays = [a for a in args if isinstance(a, np.ndarray)]

    def call(*tensors: Any) -> Any:
        given = iter(tensors)
        return getattr(ops, name)(
            *[next(given) if isinstance(a, np.ndarray) else a for a in args], **more
        )

    for run in (call, tf.function(call)):
        for made, wanted in zip(flat(run(*map(tf.constant, arrays))), expected, strict=True):
            np.testing.assert_allclose(made, wanted, rtol=2e-5, atol=2e-6)


def test_a_derivative_along_a_tangent() -> None:
    def pair(x: Any, y: Any) -> Any:
        return {"s": ops.sin(x) * y, "y": y * 2.0, "one": ops.ones((2,))}, x * x

    def run(x: Any, y: Any) -> Any:
        return ops.jvp(pair, (x, y), (x * 0.5, ops.ones_like(y)), has_aux=True)

    x, y = X[0].astype(np.float32), np.float32(3.0)
    for made, moved, aux in (run(x, y), tf.function(run)(x, y)):
        np.testing.assert_allclose(made["s"], np.sin(x) * y, rtol=1e-5)
        np.testing.assert_allclose(moved["s"], np.cos(x) * x / 2 * y + np.sin(x), rtol=1e-4)
        assert (float(moved["y"]), moved["one"].numpy().tolist()) == (2.0, [0.0, 0.0])
        np.testing.assert_allclose(aux, x * x, rtol=1e-5)


def test_a_convolution_is_its_definition() -> None:
    x, w = RNG.standard_normal((2, 5, 6, 4)), RNG.standard_normal((3, 2, 2, 6))
    made = ops.conv(x, w, strides=(2, 1), padding="valid", dilation_rate=(1, 2))
    expected = np.zeros((2, 2, 4, 6))
    for g, i, j in np.ndindex(2, 2, 4):
        window = x[:, 2 * i : 2 * i + 3, j : j + 3 : 2, 2 * g : 2 * g + 2]
        expected[:, i, j, 3 * g : 3 * g + 3] = np.tensordot(window, w[..., 3 * g : 3 * g + 3], 3)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
def test_a_transposed_convolution_is_the_gradient_of_a_convolution(
    padding: str, strides: int
) -> None:
    x, w = (
        tf.constant(RNG.standard_normal((1, 6, 6, 2))),
        tf.constant(RNG.standard_normal((3, 3, 2, 3))),
    )
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.conv(x, w, strides=strides, padding=padding)
    g = tf.constant(RNG.standard_normal(y.shape))
    expected = tape.gradient(y, x, output_gradients=g).numpy()
    made = ops.conv_transpose(g, w, strides=strides, padding=padding).numpy()
    np.testing.assert_allclose(
        made, expected[:, : made.shape[1], : made.shape[2]], rtol=1e-4, atol=1e-5
    )


def alignments(logs: Any, label: tuple[int, ...]) -> float:
    """The logarithm of the probability of a label, over all paths of classes; 0 is the blank."""
    total = -np.inf
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        read = tuple(c for c, _ in itertools.groupby(path) if c)
        if read == label:
            total = np.logaddexp(total, sum(logs[t, c] for t, c in enumerate(path)))
    return float(total)


@pytest.mark.parametrize("label", [(1, 2), (1, 1), (2,), ()])
def test_the_ctc_loss_sums_over_all_alignments(label: tuple[int, ...]) -> None:
    logits = RNG.standard_normal((1, 4, 3)).astype("f4")
    logs = np.asarray(ops.log_softmax(logits))[0].astype("f8")
    target = np.array([[*label, *[0] * (2 - len(label))]], "int32")

    def loss(x: Any) -> Any:
        return ops.ctc_loss(target, x, np.array([len(label)]), np.array([4]))

    for run in (loss, tf.function(loss)):
        made = run(tf.constant(logits))
        np.testing.assert_allclose(made, [-alignments(logs, label)], rtol=1e-5)


def test_the_beam_search_finds_the_most_probable_labels() -> None:
    logits = RNG.standard_normal((2, 4, 3)).astype("f4")
    logs = np.asarray(ops.log_softmax(logits)).astype("f8")
    paths, scores = ops.ctc_decode(logits, np.array([4, 4]), strategy="beam_search", top_paths=2)
    for row in range(2):
        labels = [p for n in range(5) for p in itertools.product((1, 2), repeat=n)]
        ranked = sorted(((alignments(logs[row], p), p) for p in labels), reverse=True)[:2]
        for rank, (score, label) in enumerate(ranked):
            np.testing.assert_allclose(scores[row, rank], score, rtol=1e-5)
            assert [int(c) for c in paths[rank, row] if c >= 0] == list(label)


def test_images_are_sampled_between_their_pixels() -> None:
    image = np.arange(12.0, dtype="f4").reshape(3, 4)
    places = np.array([[0.5, 2.0, -1.0], [1.5, 3.0, 0.0]], "f4")
    made = ops.image.map_coordinates(image, places, order=1, fill_value=9.0)
    np.testing.assert_allclose(made, [3.5, 11.0, 9.0])
    doubled = ops.image.resize(image[..., None], (3, 8), interpolation="nearest")
    np.testing.assert_array_equal(doubled[..., 0], image.repeat(2, 1))
    turned = np.array([0.0, 1, 0, 1, 0, 0, 0, 0], "f4")  # x and y exchanged
    square = image[:, :3, None]
    np.testing.assert_allclose(
        ops.image.affine_transform(square, turned)[..., 0], square[..., 0].T, atol=1e-5
    )


def test_colours_are_what_they_were_after_hsv_and_back() -> None:
    colours = RNG.uniform(size=(2, 3, 3)).astype("f4")
    back = ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(colours))
    np.testing.assert_allclose(back, colours, rtol=1e-4, atol=1e-5)


def test_dropout_draws_the_same_numbers_eagerly_and_compiled() -> None:
    def drop(x: Any) -> Any:
        return keras.random.dropout(x, 0.5, seed=7)

    x = tf.ones((100,))
    eager, compiled = drop(x).numpy(), tf.function(drop)(x).numpy()
    np.testing.assert_array_equal(eager, compiled)
    assert 20 < (eager == 0).sum() < 80 and set(eager.tolist()) == {0.0, 2.0}


def test_a_function_of_vectors_is_one_of_matrices() -> None:
    product = ops.vectorize(lambda m, v: ops.matmul(m, v), signature="(m,n),(n)->(m)")
    made = product(X.reshape(2, 2, 6), Y[0])
    np.testing.assert_allclose(made, X.reshape(2, 2, 6) @ Y[0], rtol=1e-5)


@pytest.mark.skipif(not hasattr(ops, "nanmedian"), reason="other parameters in older versions")
@pytest.mark.parametrize("module", ["core", "numpy", "nn", "math", "linalg", "image"])
def test_parameters_are_those_of_keras(module: str) -> None:
    own = importlib.import_module(f"keras.src.ops.{module}")
    backend = getattr(importlib.import_module("keras.src.backend"), module)
    free = {"multi_hot", "custom_gradient"}  # Keras's other backends have other parameters there
    named = {
        name: inspect.signature(function)
        for name, function in vars(own).items()
        if inspect.isfunction(function) and function.__module__ == own.__name__
        and name not in free and not hasattr(own, f"_{name}") and hasattr(backend, name)
    }  # fmt: skip
    assert named == {name: inspect.signature(getattr(backend, name)) for name in named}


def test_dtypes_of_small_integers_and_bools_are_kept() -> None:
    few = np.array([1, 1, 2], "int8")
    assert ops.bincount(few, weights=few).dtype == "int8"
    assert ops.absolute(np.array([True, False])).dtype == "bool"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_floats_beyond_an_unsigned_dtype_become_its_nearest_number(dtype: str) -> None:
    x = np.array([-3.5, -0.5, 2.75, 1e12], "f4")
    largest = np.iinfo(dtype).max
    for cast in (ops.cast, tf.function(lambda v, d: ops.cast(v, d), strict=True)):
        made = np.asarray(cast(tf.constant(x), dtype))
        assert made[:3].tolist() == [0, 0, 2] and largest - 512 < made[3] <= largest
