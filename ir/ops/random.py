"""Random numbers as pure functions of a generator state: the same in both modes and on any thread.

A state is ``uint64[3]``: the number of the draw and a key of two words. The bits are those of
Philox 4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011)
with the counter ``(block, draw, lane, 0)``, so a draw of any size advances a state by one, and
rejected values are drawn again from the next lane. NumPy's bit generator computes the blocks; its
stream is fixed across NumPy versions. What is made of the bits is defined here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, as_dtype, require_fits
from ..normal import normal_pairs
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes
from ..types import TensorType
from . import movement
from .casting import cast
from .gather import gather
from .operand import as_tensor, new_shape_attr, ranked, size_attr

Array = np.ndarray[Any, Any]
U64, INT64, DOUBLE = np.dtype("uint64"), np.dtype("int64"), np.dtype("float64")
FLOAT, INT = np.dtype("float32"), np.dtype("int32")
STATE = np.array([5, 42, 7], np.uint64)


def words(state: Array, count: int, lane: int = 0) -> Any:
    """``count`` random 64-bit words of one draw."""
    counter = np.array([0, state[0], lane, 0], U64)  # a list may become an array of float64
    source = np.random.Philox(counter=counter, key=np.asarray(state[1:], U64))
    return source.random_raw(count)


def unit(bits: Array, dtype: np.dtype[Any]) -> Array:
    """Uniform numbers in [0, 1) from the top bits: every multiple of 2**-p below 1 is as likely."""
    keep = info(dtype).digits
    top = bits >> bits.dtype.type(bits.dtype.itemsize * 8 - keep)
    out: Array = top.astype(dtype) * dtype.type(2.0**-keep)
    return out


def check_state(op: Any, types: Types, sizes: Sizes) -> None:
    state = types[0]
    if state.dtype != U64 or state.rank != 1 or not sizes.require_same(state.shape[0], 3):
        raise ArgumentError(f"{op.name}: a generator state is u64[3], not {state}")


def _draw_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    check_state(op, types, sizes)
    shape, dtype = new_shape_attr(attrs["shape"], op.name), as_dtype(attrs["dtype"], op.name)
    if info(dtype).letter not in op.draws:
        raise ArgumentError(f"{op.name} does not make {dtype}")
    return dict(attrs, shape=shape, dtype=dtype), (TensorType(dtype, shape),)


def _state_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    check_state(op, types, sizes)
    return attrs, (types[0],)


@op("random", _state_rule, promote="none", public=False, samples=[Sample(STATE)])
def random_next(state: Any) -> Any:
    """The state after one draw."""
    out = state.copy()
    out[0] += np.uint64(1)
    return out


def _seed_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (seed,) = types
    if seed.rank > 1 or (seed.rank and not sizes.require_same(seed.shape[0], 2)):
        raise ArgumentError(f"a seed is one integer or two, not {seed}")
    return attrs, (TensorType(U64, (3,)),)


@op(
    "random",
    _seed_rule,
    promote="none",
    accepts="iu",
    public=False,
    samples=[Sample(np.array([3, -4])), Sample(np.int32(7))],
)
def random_state(seed: Any) -> Any:
    """The first state of a seed: one integer, or two."""
    if seed.shape not in ((), (2,)):
        raise ArgumentError(f"a seed is one integer or two, not an array of shape {seed.shape}")
    key = np.zeros(2, U64)
    key[: seed.size] = seed.reshape(-1).astype(U64)
    return np.concatenate([np.zeros(1, U64), key])


def _split_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    check_state(op, types, sizes)
    count = size_attr(attrs["count"], op.name)
    return {"count": count}, (TensorType(U64, (count, 3)),)


@op("random", _split_rule, promote="none", public=False, samples=[Sample(STATE, count=4)])
def random_split(state: Any, *, count: Any) -> Any:
    """``count`` states with new keys, independent of each other and of this one."""
    keys = words(state, 2 * count, lane=1 << 63).reshape(count, 2)
    return np.concatenate([np.zeros((count, 1), U64), keys], axis=1)


@op(
    "random",
    _draw_rule,
    promote="none",
    public=False,
    draws="iu",
    samples=[Sample(STATE, shape=(2, 3)), Sample(STATE, shape=(5,), dtype=np.dtype("int8"))],
)
def random_bits(state: Any, *, shape: Any, dtype: Any = U64) -> Any:
    """Integers of any value that the dtype holds, all equally likely."""
    count = math.prod(shape)
    raw = words(state, -(-count * dtype.itemsize // 8)).astype("<u8")
    return raw.view(dtype.newbyteorder("<"))[:count].astype(dtype).reshape(shape)


@op(
    "random",
    _draw_rule,
    promote="none",
    public=False,
    draws="f",
    samples=[Sample(STATE, shape=(2, 3)), Sample(STATE, shape=(), dtype=np.dtype("float64"))],
)
def random_uniform(state: Any, *, shape: Any, dtype: Any = FLOAT) -> Any:
    """Uniform numbers in [0, 1): the top bits of a word, as many as the significand has."""
    bits = random_bits.body(state, shape=shape, dtype=np.dtype(f"u{max(dtype.itemsize, 4)}"))
    return unit(bits, dtype)


def normals(state: Array, count: int, lane: int = 0) -> Array:
    """Standard normal numbers in float64, two from two uniforms (``normal.py``)."""
    half = -(-count // 2)
    out: Array = normal_pairs(*unit(words(state, 2 * half, lane), DOUBLE).reshape(2, half))
    return out.reshape(-1)[:count]


@op(
    "random",
    _draw_rule,
    promote="none",
    public=False,
    draws="f",
    samples=[Sample(STATE, shape=(2, 3)), Sample(STATE, shape=(5,), dtype=np.dtype("float64"))],
)
def random_normal(state: Any, *, shape: Any, dtype: Any = FLOAT) -> Any:
    """Normal numbers of mean 0 and deviation 1, computed in float64 by Box and Muller's method."""
    return normals(state, math.prod(shape)).astype(dtype).reshape(shape)


@op(
    "random",
    _draw_rule,
    promote="none",
    public=False,
    draws="f",
    samples=[Sample(STATE, shape=(20,))],
)
def random_truncated_normal(state: Any, *, shape: Any, dtype: Any = FLOAT) -> Any:
    """Normal numbers, those beyond two deviations drawn again."""
    out = normals(state, math.prod(shape))
    lane = 0
    while (beyond := np.flatnonzero(np.abs(out) > 2.0)).size:
        lane += 1
        out[beyond] = normals(state, beyond.size, lane)
    return out.astype(dtype).reshape(shape)


def _integers_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    if types[1].rank or types[2].rank or not info(types[1].dtype).integer:
        raise ArgumentError(f"random_integers: bounds must be single integers, not {types[1]}")
    return _draw_rule(op, types, attrs, sizes)


def _is_interval(known: Any) -> bool:
    """Whether both bounds are known, and something is between them."""
    _, low, high = known
    return low is not None and high is not None and int(low) < int(high)


@op(
    "random",
    _integers_rule,
    promote="none",
    public=False,
    may_raise=True,
    never_raises=_is_interval,
    draws="iu",
    samples=[Sample(STATE, np.int64(-3), np.int64(4), shape=(5,))],
)
def random_integers(state: Any, low: Any, high: Any, *, shape: Any, dtype: Any = INT) -> Any:
    """Integers ``low <= i < high``, all equally likely: words that would favour some are redrawn.

    Raises ArgumentError if the interval is empty.
    """
    start, span = int(low), int(high) - int(low)
    if span <= 0:
        raise ArgumentError(f"random integers from {start} up to {int(high)}: there are none")
    out = words(state, math.prod(shape))
    fair = 2**64 - 2**64 % span  # below this every remainder occurs equally often
    lane = 0
    while fair < 2**64 and (wrong := np.flatnonzero(out >= np.uint64(fair))).size:
        lane += 1
        out[wrong] = words(state, wrong.size, lane)
    spread = out % np.uint64(span) + np.uint64(start % 2**64)
    return spread.astype(dtype).reshape(shape)


def _bound(number: Any) -> Any:
    """A bound of integers; a Python number is a constant, of which a graph knows what it is."""
    if isinstance(number, int) and -(2**63) <= number < 2**63:
        return np.int64(number)
    return cast(number, dtype=INT64)


def scaled_uniform(state: Any, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Any:
    """Uniform numbers between bounds: floating ``[minval, maxval)``, or integers below ``maxval``.

    Rounding can give ``maxval`` itself where the interval is not ``[0, 1)``.
    """
    dtype = as_dtype(dtype, "random uniform")
    if info(dtype).integer:
        if maxval is None:
            raise ArgumentError("random uniform: integers need maxval")
        require_fits(minval, dtype, "random uniform")
        require_fits(maxval - 1 if isinstance(maxval, int) else None, dtype, "random uniform")
        low, high = _bound(minval), _bound(maxval)
        return random_integers(state, low, high, shape=shape, dtype=dtype)
    out = random_uniform(state, shape=shape, dtype=dtype)
    if maxval is None:
        maxval = 1
    if isinstance(minval, int | float) and isinstance(maxval, int | float):
        if minval == 0 and maxval == 1:
            return out
        return out * (maxval - minval) + minval
    low, high = cast(minval, dtype=dtype), cast(maxval, dtype=dtype)
    return out * (high - low) + low


def scaled_normal(state: Any, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    """Normal numbers of a mean and a standard deviation, which broadcast to ``shape``."""
    out = random_normal(state, shape=shape, dtype=dtype)
    return _scaled(out, mean, stddev, dtype)


def _scaled(out: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    if isinstance(mean, int | float) and isinstance(stddev, int | float):
        out = out if stddev == 1 else out * stddev
        return out if mean == 0 else out + mean
    return out * cast(stddev, dtype=dtype) + cast(mean, dtype=dtype)


def scaled_truncated_normal(state: Any, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    """Normal numbers within two deviations of the mean."""
    return _scaled(random_truncated_normal(state, shape=shape, dtype=dtype), mean, stddev, dtype)


def bernoulli_draw(state: Any, shape: Any, probs: Any, dtype: Any) -> Any:
    """1 with probability ``probs`` (which broadcasts to ``shape``), else 0."""
    return cast(OPS["less"](random_uniform(state, shape=shape), probs), dtype=dtype)


def permuted(state: Any, x: Any) -> Any:
    """The slices of ``x`` along its first axis in random order, every order equally likely."""
    x = as_tensor(x)
    keys = random_bits(state, shape=(x.shape[0],))
    return gather(x, OPS["argsort"](keys, axis=0), axis=0)


def categorical_draw(state: Any, logits: Any, num_samples: Any) -> Any:
    """Indices (int64) drawn from unnormalised log-probabilities: ``[batch, num_samples]``.

    The largest of logit plus Gumbel noise (Gumbel, 1954).
    """
    logits = as_tensor(logits)
    batch, classes = logits.shape
    noise = random_uniform(state, shape=(batch, num_samples, classes), dtype=np.dtype("float64"))
    gumbel = -OPS["log"](-OPS["log"](noise + 2.0**-54))
    return OPS["argmax"](movement.expand_dims(logits, axis=(1,)) + gumbel, axis=2)


@composite(Sample((2, 3), (1, 2)), Sample((4,), (1, 2), minval=-2, maxval=5, dtype=INT64))
def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = FLOAT
) -> Any:
    """Uniform numbers that depend on ``seed`` (one integer or two) and nothing else.

    >>> import twofold as tf
    >>> a = tf.random.stateless_uniform((3,), seed=(1, 2))
    >>> bool(tf.all(a == tf.random.stateless_uniform((3,), seed=(1, 2))))
    True
    """
    return scaled_uniform(random_state(seed), shape, minval, maxval, dtype)


@composite(Sample((2, 3), (1, 2)), Sample((2, 3), 5, mean=2.0, stddev=0.5))
def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT
) -> Any:
    """Normal numbers that depend on ``seed`` (one integer or two) and nothing else."""
    return scaled_normal(random_state(seed), shape, mean, stddev, dtype)


@composite(Sample((2, 3), (1, 2)))
def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT
) -> Any:
    """Normal numbers within two deviations of the mean that depend on ``seed`` alone."""
    return scaled_truncated_normal(random_state(seed), shape, mean, stddev, dtype)


@composite(Sample((20,), (1, 2), 0.3))
def stateless_bernoulli(shape: Any, seed: Any, probs: Any, dtype: Any = INT) -> Any:
    """1 with probability ``probs``, else 0; depends on ``seed`` alone."""
    return bernoulli_draw(random_state(seed), shape, probs, dtype)


@composite(Sample("f[5,2]", (1, 2)))
def stateless_shuffle(x: Any, seed: Any) -> Any:
    """The slices of ``x`` along its first axis in a random order that ``seed`` decides."""
    return permuted(random_state(seed), ranked(x, 1, "stateless_shuffle"))


@composite(Sample(np.zeros((2, 3), np.float32), 4, (1, 2)))
def stateless_categorical(logits: Any, num_samples: Any, seed: Any) -> Any:
    """Indices (int64) drawn from log-probabilities ``[batch, classes]``; ``seed`` decides."""
    logits = ranked(logits, 2, "stateless_categorical", 2)
    return categorical_draw(random_state(seed), logits, num_samples)


@composite(Sample((1, 2), 3))
def stateless_split(seed: Any, num: Any = 2) -> Any:
    """``num`` independent seeds (int64, ``[num, 2]``) made from one."""
    states = random_split(random_state(seed), count=num)
    return cast(OPS["strided_slice"](states, index=((None, None, None), (1, 3, 1))), dtype=INT64)


@composite(Sample((1, 2), 7))
def stateless_fold_in(seed: Any, data: Any) -> Any:
    """A seed (int64, ``[2]``) made from a seed and an integer, such as the number of a step."""
    zero = OPS["strided_slice"](random_state(seed), index=((1, 3, 1),))
    number = movement.reshape(cast(data, dtype=U64) + 1, shape=(1,))  # 0 is the draw that splits
    state = OPS["concat"]([number, zero], axis=0)
    split = random_split(state, count=1)
    return cast(OPS["strided_slice"](split, index=(0, (1, 3, 1))), dtype=INT64)
