"""Lists that hold tensors: the ops' dtypes and gradients in both modes; NumPy loses none silently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

T = tf.constant([1.0, 2.0])
V = tf.Variable([3.0, 4.0])
S = tf.constant(2.0)
Call = Callable[[Any, Any], Any]
MODES = [lambda f: f, lambda f: tf.function(f, jit_compile=True)]


def slopes(call: Call) -> Any:
    def run(t: Any, u: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([t, u])
            out = call(t, u)
        return tape.gradient(out, [t, u])

    return run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("call", "dtype"), [
    (lambda: tf.reduce_sum([S, 1.0]), "float32"),
    (lambda: tf.reduce_sum([T, [1, 2]]), "float32"),
    (lambda: tf.exp((S, S)), "float32"),
    (lambda: tf.add(T, [S, 1]), "float32"),
    (lambda: tf.reduce_sum([V, T]), "float32"),
    (lambda: tf.reduce_sum([tf.cast(S, tf.int32), 1]), "int32"),
    (lambda: tf.reduce_sum([T, np.array([1.0, 2.0])]), "float64"),
])  # fmt: skip
def test_a_list_has_the_dtype_that_its_tensors_have_together(
    call: Callable[[], Any], dtype: str, mode: Any
) -> None:
    assert mode(call)().dtype == dtype


@pytest.mark.parametrize("mode", MODES)
def test_gradients_reach_tensors_in_lists(mode: Any) -> None:
    u = tf.constant([3.0, 4.0])
    found = mode(slopes(lambda t, u: tf.reduce_sum([t, [u[0], 1.0]]) * u))(T, u)
    assert [x.numpy().tolist() for x in found] == [[7.0, 7.0], [14.0, 7.0]]


LOSES: list[tuple[str, Call]] = [
    ("np.sum", lambda t, u: t * np.sum([t, u])),
    ("np.mean", lambda t, u: t * np.mean((t, u))),
    ("np.array", lambda t, u: t * np.array([t, u])),
    ("np.add", lambda t, u: t * np.add([t, u], 1)),
    ("np.r_", lambda t, u: t * np.r_[t, u][:2]),
    ("np.norm", lambda t, u: t * np.linalg.norm([t[0], u[0]])),
]


@pytest.mark.parametrize(("name", "call"), LOSES)
def test_numpy_on_a_list_of_recorded_tensors_is_refused(name: str, call: Call) -> None:
    with pytest.raises(tf.errors.TapeError, match=rf"^{name} makes a NumPy array of a list"):
        slopes(call)(T, tf.constant([3.0, 4.0]))
    call(T, tf.constant([3.0, 4.0]))  # nobody records


def test_a_list_behind_a_name_is_refused_and_a_tensor_alone_leaves_the_tape() -> None:
    def named(t: Any, u: Any) -> Any:
        both = [t, u]
        return t * np.asarray(both)

    with pytest.raises(tf.errors.TapeError, match="np.asarray"):
        slopes(named)(T, T + 1)
    found = slopes(lambda t, u: t * np.asarray(t) * np.array(u))(T, T)
    assert found[0].numpy().tolist() == [1.0, 4.0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("take", [float, lambda x: x.item(), lambda x: 2 * float(x) / 2])
def test_a_python_number_leaves_the_tape_in_both_modes(
    take: Callable[[Any], Any], mode: Any
) -> None:
    found, _ = mode(slopes(lambda t, u: t * take(t[1])))(T, T)
    assert found.numpy().tolist() == [2.0, 2.0]


@pytest.mark.parametrize("call", [
    lambda a, t: np.concatenate([a, t]) ** 2, lambda a, t: np.dot(a, t) * t,
    lambda a, t: np.stack([a, t]) * t, lambda a, t: np.einsum("i,i->", a, t) * t,
    lambda a, t: np.append(a, t) ** 2, lambda a, t: np.vstack([a, t]) * t,
])  # fmt: skip
def test_a_tensor_beside_an_array_answers_numpys_functions_in_both_modes(call: Any) -> None:
    a = np.array([1.0, 3.0], np.float32)
    eager, compiled = (mode(slopes(lambda t, u: call(a, t)))(T, T)[0] for mode in MODES)
    np.testing.assert_array_equal(eager.numpy(), compiled.numpy())
