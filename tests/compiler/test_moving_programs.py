"""Random programs of movements, arithmetic and reductions: compiled they are NumPy's, element by
element, for every size that the guards let one trace serve."""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import twofold as tf

SHAPES = [(1, 1), (5, 7), (7, 5), (17, 64), (3, 1), (1, 20), (40, 33), (0, 4), (4, 0)]


class Numpy:
    """The functions of the programs on arrays; ``tf`` has them under the same names."""

    flip, transpose = staticmethod(np.flip), staticmethod(np.transpose)
    expand_dims, broadcast_to = staticmethod(np.expand_dims), staticmethod(np.broadcast_to)
    tanh, maximum = staticmethod(np.tanh), staticmethod(np.maximum)
    sum, reshape = staticmethod(np.sum), staticmethod(np.reshape)

    @staticmethod
    def max(x: Any, axis: int, keepdims: bool) -> Any:
        return np.max(x, axis=axis, keepdims=keepdims, initial=-np.inf)


def move(rng: random.Random, t: Any, x: Any) -> Any:
    """``x`` through a movement that its rank and the dice allow."""
    rank = len(x.shape)
    pick = rng.randrange(6)
    if pick == 0 and rank:
        return t.flip(x, axis=rng.choice([None, rng.randrange(rank)]))
    if pick == 1 and rank > 1:
        return t.transpose(x)
    if pick == 2 and rank < 3:
        return t.expand_dims(x, axis=rng.randint(0, rank))
    if pick == 3:
        return t.broadcast_to(x, shape=(rng.choice([1, 2]), *x.shape)) if rank < 3 else x
    if pick == 4 and rank:
        return t.reshape(x, shape=(*x.shape[: rank // 2], 1, *x.shape[rank // 2 :]))[..., :]
    key = [rng.choice([slice(None), slice(None, None, -1), slice(1, None), slice(None, None, 2),
                       slice(None, 3), slice(-2, None, -3), slice(None, -1)]) for _ in range(rank)]  # fmt: skip
    return x[tuple(key)]


def program(seed: int, t: Any, x: Any, y: Any) -> list[Any]:
    """A program drawn from the seed: the same for arrays and for tensors of the same shapes."""
    rng = random.Random(seed)
    values = [x, y]
    for _ in range(8):
        pick, a = rng.random(), rng.choice(values[-3:])
        if pick < 0.5:
            values.append(move(rng, t, a))
        elif pick < 0.65:
            values.append(t.tanh(a))
        elif pick < 0.85:
            b = rng.choice([v for v in values if tuple(v.shape) == tuple(a.shape)])
            values.append(rng.choice([operator.mul, operator.sub, t.maximum])(a, b))
        elif len(a.shape):
            fold = rng.choice([t.sum, t.max])
            axis = rng.randrange(len(a.shape))
            values.append(fold(a, axis=axis, keepdims=rng.random() < 0.5))
    return [values[-1], rng.choice(values), t.sum(values[-1])]


@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
@settings(max_examples=25, deadline=None)
def test_programs_of_movements_give_numpy_s_elements(seed: int, shape: tuple[int, int]) -> None:
    compiled = tf.function(lambda a, b: program(seed, tf, a, b), jit_compile=True)
    for sizes in (shape, SHAPES[seed % len(SHAPES)]):
        draw = np.random.default_rng(seed)
        x, y = draw.uniform(-1.5, 1.5, sizes), draw.uniform(-1.5, 1.5, sizes)
        with np.errstate(all="ignore"):
            want = program(seed, Numpy, x, y)
        found = compiled(tf.constant(x), tf.constant(y))
        for f, w in zip(found, want, strict=True):
            np.testing.assert_allclose(f.numpy(), w, rtol=1e-9, atol=1e-11, err_msg=f"{seed}")
