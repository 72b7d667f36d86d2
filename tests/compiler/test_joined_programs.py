"""Random programs of slices, pads, joins and writes: compiled they are NumPy's, bit for bit, for
every size that one trace serves; so are their gradients, within rounding."""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twofold as tf

SHAPES = [(1, 1), (2, 3), (5, 7), (17, 64), (3, 1), (1, 20), (40, 33), (0, 4), (4, 0)]
SLICES = [slice(None), slice(1, None), slice(None, -1), slice(1, -1), slice(None, None, -1),
          slice(None, None, 2), slice(3, None), slice(-2, None, -3), slice(0, 1)]  # fmt: skip


class Numpy:
    """The functions of the programs on arrays; ``tf`` has them under the same names."""

    concat, stack = staticmethod(np.concatenate), staticmethod(np.stack)
    maximum, flip, sum = staticmethod(np.maximum), staticmethod(np.flip), staticmethod(np.sum)
    identity = staticmethod(np.array)

    @staticmethod
    def pad(x: Any, widths: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
        more = {"constant_values": constant_values} if mode == "constant" else {}
        return np.pad(x, widths, mode, **more)


def key(rng: random.Random, rank: int) -> tuple[Any, ...]:
    return tuple(rng.choice(SLICES) for _ in range(rank))


def joined(rng: random.Random, t: Any, x: Any, same: list[Any]) -> Any:
    """Values in one array, with what the dice put beside them."""
    pick, rank = rng.randrange(6), len(x.shape)
    if pick == 0:
        widths = [(rng.randrange(3), rng.randrange(3)) for _ in range(rank)]
        return t.pad(x, widths, constant_values=rng.choice([0, 2.5, -1]))
    if pick == 1 and rank and 0 not in x.shape:
        return t.pad(x, [(rng.randrange(3), rng.randrange(3)) for _ in range(rank)], mode="edge")
    if pick == 2 and rank:
        axis = rng.randrange(rank)
        along = (slice(None),) * axis + (rng.choice(SLICES),)
        return t.concat([rng.choice(same), x, x[along]], axis=axis)
    if pick == 3 and rank < 3:
        return t.stack([x, rng.choice(same), x * 2], axis=rng.randint(0, rank))
    if pick == 4 and rank:
        out, at = t.identity(x * 1), key(rng, rank)
        out[at] = rng.choice(same)[at] * 3
        return out
    if pick == 5 and rank and x.shape[0] > 1:
        out = t.identity(x + 1)
        out[-1] = x[0]
        return out
    return x[key(rng, rank)]


def program(seed: int, t: Any, x: Any, y: Any) -> list[Any]:
    """A program drawn from the seed: the same for arrays and for tensors of the same shapes."""
    rng = random.Random(seed)
    values = [x, y]
    for _ in range(7):
        pick, a = rng.random(), rng.choice(values[-3:])
        same = [v for v in values if tuple(v.shape) == tuple(a.shape)]
        if pick < 0.45:
            values.append(joined(rng, t, a, same))
        elif pick < 0.6:
            values.append(a[key(rng, len(a.shape))])
        else:
            values.append(rng.choice([operator.mul, operator.sub, t.maximum])(a, rng.choice(same)))
    return [values[-1], rng.choice(values)]


@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
@settings(max_examples=12, deadline=None)
def test_joined_programs_give_numpy_s_bits(seed: int, shape: tuple[int, int]) -> None:
    compiled = tf.function(lambda a, b: program(seed, tf, a, b), jit_compile=True)
    for sizes in (shape, SHAPES[seed % len(SHAPES)]):
        draw = np.random.default_rng(seed)
        x, y = (draw.uniform(-1.5, 1.5, sizes).astype(np.float32) for _ in range(2))
        want = program(seed, Numpy, x, y)
        for f, w in zip(compiled(tf.constant(x), tf.constant(y)), want, strict=True):
            np.testing.assert_array_equal(f.numpy(), w, err_msg=f"{seed} {sizes}")


@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
@settings(max_examples=6, deadline=None)
def test_gradients_of_joined_programs_are_those_of_eager(seed: int, shape: tuple[int, int]) -> None:
    def gradients(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            out = program(seed, tf, x, y)[0]
            loss = tf.sum(out * out)
        return tape.gradient(loss, [x, y], unconnected_gradients="zero")

    draw = np.random.default_rng(seed)
    x, y = (tf.constant(draw.uniform(-0.9, 0.9, shape)) for _ in range(2))
    found = tf.function(gradients, jit_compile=True)(x, y)
    for f, w in zip(found, gradients(x, y), strict=True):
        np.testing.assert_allclose(f.numpy(), w.numpy(), rtol=1e-9, atol=1e-11, err_msg=f"{seed}")


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", "int64", "float16", "bfloat16", "float32", "float64"]
)
def test_every_dtype_of_kernels_is_joined(dtype: str) -> None:
    x = np.arange(12).reshape(3, 4).astype(tf.zeros((), dtype).dtype)  # NumPy's bfloat16 as well

    @tf.function(jit_compile=True)
    def f(a: Any) -> Any:
        out = tf.identity(a)
        out[1:, ::2] = a[:-1, ::2]
        return tf.pad(a, ((1, 2), (0, 1))), tf.concat([a, a[::-1]], 1), tf.stack([a, a], 2), out

    want = x.copy()
    want[1:, ::2] = x[:-1, ::2]
    expected = (
        np.pad(x, ((1, 2), (0, 1))),
        np.concatenate([x, x[::-1]], 1),
        np.stack([x, x], 2),
        want,
    )
    for found, w in zip(f(tf.constant(x)), expected, strict=True):
        assert found.numpy().dtype == w.dtype
        np.testing.assert_array_equal(found.numpy(), w)


def test_a_number_that_the_dtype_does_not_hold_is_refused_and_others_are_numpys() -> None:
    x = np.ones(3, np.uint8)
    for jit in (True, False):
        f = tf.function(lambda x: tf.pad(x, 1, constant_values=-1), jit_compile=jit)
        for function in (f, f.python_function):
            with pytest.raises(tf.errors.ArgumentError, match="-1 does not fit uint8"):
                function(tf.constant(x))
    for number in (255, 2.0):
        want = np.pad(x, 1, constant_values=number)
        f = tf.function(lambda x, c=number: tf.pad(x, 1, constant_values=c), jit_compile=True)
        np.testing.assert_array_equal(f(tf.constant(x)).numpy(), want)


def test_many_scalars_and_many_parts_are_joined() -> None:
    x = np.arange(40, dtype=np.float32)
    for count in (3, 16, 17, 40):
        f = tf.function(
            lambda x, count=count: (
                tf.stack([tf.sum(x[i:]) for i in range(count)]),
                tf.concat([x[i : 2 * i] * i for i in range(count)], 0),
            ),
            jit_compile=True,
        )
        stacked, parts = f(tf.constant(x))
        np.testing.assert_array_equal(stacked.numpy(), [x[i:].sum() for i in range(count)])
        want = np.concatenate([x[i : 2 * i] * np.float32(i) for i in range(count)])
        np.testing.assert_array_equal(parts.numpy(), want)


def test_a_reduction_of_an_axis_of_one_element_can_be_joined() -> None:
    @tf.function(jit_compile=True)
    def f(a: Any) -> Any:
        m = tf.stack([a > 1.0])
        return tf.concat([m, ~tf.reduce_any(m, 0, keepdims=True)], 0)

    assert f(tf.range(3.0)).numpy().tolist() == [[False, False, True], [True, True, False]]


@pytest.mark.parametrize("key", [slice(None, None, -1), slice(None)])
def test_a_joined_value_that_is_moved_over_itself(key: Any) -> None:
    def write(a: Any) -> Any:
        a[0] = 0.5
        a[:] = a[key]
        a[-1] = 7
        return a

    for n in (2, 3, 40):
        a, b = np.arange(float(n)), np.arange(float(n))
        np.testing.assert_array_equal(tf.function(write, jit_compile=True)(a), write(b))
