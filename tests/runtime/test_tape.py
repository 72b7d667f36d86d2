"""The gradient tape: what it records, what it gives, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import TapeError
from twofold.ir.op import OPS, op
from twofold.ir.parser import parse
from twofold.ir.registry import REGISTRY


def recorded(function: Any, *sources: Any, **options: Any) -> tuple[Any, Any]:
    with tf.GradientTape(**options) as tape:
        for x in sources:
            tape.watch(x)
        return tape, function(*sources)


def test_sources_may_be_nested() -> None:
    x, y = tf.constant(3.0), tf.constant(2.0)
    tape, z = recorded(lambda x, y: x * x * y, x, y)
    found = tape.gradient(z, {"a": [x, (y,)], "b": tf.constant(1.0)})
    assert (found["a"][0].item(), found["a"][1][0].item(), found["b"]) == (12.0, 9.0, None)


def test_nested_tapes_give_second_derivatives() -> None:
    x = tf.constant(3.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        inner, y = recorded(lambda x: x**3, x)
        first = inner.gradient(y, x)
    assert (first.item(), outer.gradient(first, x).item()) == (27.0, 18.0)


def test_unconnected_and_integer_sources() -> None:
    x, far, whole = tf.constant(3.0), tf.constant([1.0, 2.0]), tf.constant(1)
    tape, y = recorded(lambda x: x * x, x, persistent=True)
    assert tape.gradient(y, [far, whole]) == [None, None]
    for zero in ("zero", tf.UnconnectedGradients.ZERO):
        np.testing.assert_array_equal(tape.gradient(y, far, None, zero).numpy(), [0.0, 0.0])
    assert tape.gradient(y, far, unconnected_gradients=tf.UnconnectedGradients.NONE) is None


def test_output_gradients_weight_the_targets() -> None:
    x = tf.constant([1.0, 2.0])
    tape, y = recorded(lambda x: x * x, x, persistent=True)
    np.testing.assert_array_equal(
        tape.gradient(y, x, tf.constant([1.0, 10.0])).numpy(), [2.0, 40.0]
    )
    np.testing.assert_array_equal(tape.gradient([y, y], x, [2.0, None]).numpy(), [6.0, 12.0])


def test_variables_are_watched_when_they_are_read() -> None:
    v, frozen = tf.Variable(2.0), tf.Variable(3.0, trainable=False)
    tape, y = recorded(lambda: v * v * frozen, persistent=True)
    assert tape.watched_variables() == (v,)
    assert [getattr(g, "array", None) for g in tape.gradient(y, [v, frozen])] == [12.0, None]
    tape, y = recorded(lambda: v * v, watch_accessed_variables=False)
    assert tape.gradient(y, v) is None


def test_stop_recording_leaves_out_a_block() -> None:
    x, v = tf.constant(3.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            left_out = y * v
            inside = tape.gradient(y, x)
        after = y * 2
    assert (inside.item(), tape.gradient(after, x).item()) == (6.0, 12.0)
    assert tape.gradient(left_out, [x, v]) == [None, None]
    with pytest.raises(tf.errors.TapeError, match="not recording"), tape.stop_recording():
        pass


def test_stop_recording_holds_around_a_compiled_call() -> None:
    square = tf.function(lambda x: x * x)
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            y = square(x)
    assert tape.gradient(y, x) is None


def test_reset_forgets_what_was_watched() -> None:
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
        z = x * x
    assert tape.gradient([y, z], x) is None


def elementwise(x: Any) -> Any:
    return tf.stack([x[0] * x[1], x[0] ** 2, tf.sin(x[1])])


@pytest.mark.parametrize("compiled", [False, True])
def test_jacobian_has_a_row_for_each_element(compiled: bool) -> None:
    def jacobian(x: Any) -> Any:
        tape, y = recorded(elementwise, x)
        return tape.jacobian(y, x)

    call = tf.function(jacobian, jit_compile=False) if compiled else jacobian
    expected = [[3.0, 2.0], [4.0, 0.0], [0.0, np.cos(3.0)]]
    np.testing.assert_allclose(call(tf.constant([2.0, 3.0])).numpy(), expected, rtol=1e-6)


def test_jacobian_of_matrices_structures_and_unconnected_sources() -> None:
    x, far = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([1.0])
    tape, y = recorded(lambda x: tf.reduce_sum(x * x, axis=1), x, persistent=True)
    found = tape.jacobian(y, {"x": x, "far": far}, experimental_use_pfor=False)
    expected = np.zeros((2, 2, 2))
    expected[0, 0], expected[1, 1] = [2.0, 4.0], [6.0, 8.0]
    np.testing.assert_array_equal(found["x"].numpy(), expected)
    assert found["far"] is None
    assert tape.jacobian(y, far, unconnected_gradients="zero").shape == (2, 1)
    tape, none = recorded(lambda x: x[:0, 0], x)
    assert tape.jacobian(none, x).shape == (0, 2, 2)


def test_jacobian_is_differentiated_by_an_outer_tape() -> None:
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        tape, y = recorded(lambda x: x**3, x)
        first = tape.jacobian(y, x)
    second = outer.jacobian(first, x)
    assert second.shape == (2, 2, 2)
    np.testing.assert_array_equal([second[0, 0, 0].item(), second[1, 1, 1].item()], [6.0, 12.0])


@pytest.mark.parametrize("compiled", [False, True])
def test_batch_jacobian_takes_each_row_by_its_own(compiled: bool) -> None:
    def rows(x: Any) -> Any:
        tape, y = recorded(lambda x: tf.stack([x[:, 0] * x[:, 1], x[:, 1]], axis=1), x)
        return tape.batch_jacobian(y, x)

    call = tf.function(rows, jit_compile=False) if compiled else rows
    got = call(tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert got.shape == (3, 2, 2)
    np.testing.assert_array_equal(got.numpy()[1], [[4.0, 3.0], [0.0, 1.0]])


def test_batch_jacobian_refuses_other_batch_sizes() -> None:
    x = tf.constant([[1.0, 2.0]])
    tape, y = recorded(lambda x: tf.concat([x, x], 0), x)
    with pytest.raises(tf.errors.ShapeError, match="same size along axis 0"):
        tape.batch_jacobian(y, x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t, y, x: t.gradient(3.0, x), tf.errors.TapeError, "gradient of float"),
        (lambda t, y, x: t.gradient(None, x), tf.errors.TapeError, "gradient of NoneType"),
        (lambda t, y, x: t.gradient(y, [x, 1.0]), tf.errors.TapeError, "respect to float"),
        (lambda t, y, x: t.gradient(y, x, [1.0] * 3), tf.errors.TapeError, "3 output_gradients"),
        (lambda t, y, x: t.gradient(y, x, tf.ones(2)), tf.errors.ShapeError, "not broadcast"),
        (lambda t, y, x: t.gradient(y, x, None, "zeros"), tf.errors.ArgumentError, '"none" or'),
        (lambda t, y, x: t.watch(x), tf.errors.TapeError, "not recording"),
        (lambda t, y, x: t.jacobian("a", x), tf.errors.TapeError, "gradient of str"),
        (lambda t, y, x: t.batch_jacobian(y, [x]), tf.errors.TapeError, "one source"),
    ],
)  # fmt: skip
def test_a_refused_call_names_the_line_and_leaves_the_tape(
    call: Any, error: type[Exception], message: str
) -> None:
    x = tf.constant(3.0)
    tape, y = recorded(lambda x: x * x, x)
    with pytest.raises(error, match=message) as caught:
        call(tape, y, x)
    assert caught.value.location.file == __file__  # type: ignore[attr-defined]
    assert tape.gradient(y, x).item() == 6.0
    with pytest.raises(tf.errors.TapeError, match="already called"):
        tape.gradient(y, x)


def test_a_refused_watch_watches_nothing() -> None:
    x = tf.constant(3.0)
    for wrong in ("text", 1.0, None):
        with tf.GradientTape() as tape:
            with pytest.raises(tf.errors.TapeError):
                tape.watch([x, wrong])
            y = x * x
        assert tape.gradient(y, x) is None


@pytest.mark.parametrize("place", ["eager", "inside", "around"])
@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: tf.where(x > 0, tf.math.log(x), 0.0), [0.0, 2.0], [0.0, 0.5]),
        (lambda x: tf.where(x != 0, 1 / x, 0.0), [0.0, 2.0], [0.0, -0.25]),
        (abs, [0.0, -2.0], [0.0, -1.0]),
        (tf.sign, [0.0, 2.0], [0.0, 0.0]),
        (tf.math.imag, [1.0, 2.0], [0.0, 0.0]),
        (lambda x: divmod(x, 2.0)[1], [3.0, 5.0], [1.0, 1.0]),
        (lambda x: np.concatenate([np.sin(x), x]), [0.0, 0.0], [2.0, 2.0]),
        (lambda x: np.ones(2, "float32") * x, [1.0, 2.0], [1.0, 1.0]),
    ],
)
def test_kinks_and_masks_are_the_same_in_both_modes(
    function: Any, at: list[float], expected: list[float], place: str
) -> None:
    def gradient(x: Any) -> Any:
        tape, y = recorded(function, x)
        return tape.gradient(y, x)

    x = tf.constant(at)
    if place == "around":
        tape, y = recorded(tf.function(function, jit_compile=False), x)
        found = tape.gradient(y, x)
    else:
        found = (gradient if place == "eager" else tf.function(gradient, jit_compile=False))(x)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_an_exception_closes_the_tape() -> None:
    x = tf.constant(3.0)
    with pytest.raises(KeyError), tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        raise KeyError
    assert tape.gradient(y, x).item() == 6.0
    z = x * x  # nobody records any more
    with tf.GradientTape() as other:
        other.watch(x)
    assert other.gradient(z, x) is None


def test_an_error_in_a_gradient_rule_says_whose_rule_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def tanh_vjp(g: Any, out: Any, x: Any) -> Any:
        return (lambda: 1 / 0,)

    monkeypatch.setitem(vars(OPS["tanh"]), "vjp", tanh_vjp)
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.tanh(x)
    with pytest.raises(ZeroDivisionError) as caught:
        tape.gradient(y, x)
    assert caught.value.__notes__ == ["in the gradient of tanh"]


@pytest.fixture
def apply() -> Iterator[Any]:
    """A region op without a gradient."""

    def rule(*args: Any) -> Any:
        raise AssertionError("the types are those of the region")

    @op("region", rule, promote="none", public=False)
    def apply(*inputs: Any, regions: Any) -> Any:
        """Run the region."""
        return regions[0](*inputs)

    yield apply
    REGISTRY.forget("apply")


def test_a_region_op_without_a_gradient_is_refused_by_the_walk_through_it(apply: Any) -> None:
    graph = parse("graph g(%a: f32[]) { %b = add(%a, %a) return %b }")

    def walk(x: Any) -> None:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            ground = bind.ground()
            (out,) = bind.run(Call(apply, (ground.value(x),), {}, (graph,)))
            y, z = ground.tensor(out), x * 3.0
        assert tape.gradient(z, x) is not None  # nothing flows through the other
        tape.gradient(y, x)

    for f in (walk, tf.function(walk, strict=True)):
        with pytest.raises(TapeError, match="apply holds graphs and has no gradient"):
            f(tf.constant(2.0))


def test_watching_integers_warns_and_gives_none() -> None:
    n, x = tf.constant([1, 2]), tf.constant([1.0, 2.0])
    flag = tf.Variable([True, False])
    with tf.GradientTape() as tape:
        with pytest.warns(UserWarning, match="watch int32, bool: gradients exist"):
            tape.watch([n, x, flag])
        y = x * tf.cast(n, "float32")
    found = tape.gradient(y, [n, x, flag])
    assert found[0] is None and found[2] is None
    assert found[1].numpy().tolist() == [1.0, 2.0]
