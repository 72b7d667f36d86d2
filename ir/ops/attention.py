"""Attention: written in ops for short sequences, without the matrix of scores for long ones.

The long way goes over blocks of queries and keys and keeps for each query the largest score so far
and the sum of exponentials below it (Milakov and Gimelshein, "Online normalizer calculation for
softmax", 2018; Rabe and Staats, "Self-attention does not need O(n^2) memory", 2021). Its gradient
computes the scores of a block again (Dao et al., "FlashAttention", 2022). Derivatives from the
second on have the matrix of scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..dtypes import info
from ..errors import ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, broadcast_shapes, divides, show_shape
from ..types import TensorType
from . import contract, movement
from .casting import cast
from .contract import matmul
from .create import arange
from .elementwise import where
from .exponential import exp
from .movement import expand_dims
from .nn import softmax
from .operand import as_inexact, as_tensor, product, ranked
from .reduce import sum
from .statistics import in_single

__all__ = ["attention_pullback", "blockwise_attention", "scaled_dot_product_attention"]

Array = np.ndarray[Any, Any]
INT64, BOOL = np.dtype("int64"), np.dtype(bool)
LONG = 1 << 22  # scores from which on their matrix is not made
QUERIES, KEYS = 256, 512  # of a block
ALL_SEEN = np.ones((1, 1), bool)


@composite(Sample("f[2,3,4]", "f[2,5,4]", "f[2,5,2]"), Sample("f[4,3,2]", "f[2,3,2]", "f[2,3,2]",
           is_causal=True), Sample("f[3,2]", "f[4,2]", "f[4,2]", np.tri(3, 4) > 0))  # fmt: skip
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, mask: Any = None, is_causal: bool = False, scale: Any = None
) -> Any:
    """``softmax(query @ key.T * scale) @ value``: ``[..., T, D]``, ``[..., S, D]``, ``[..., S, E]``
    give ``[..., T, E]``.

    ``mask`` is True where a key counts, or numbers to be added to the scores; it broadcasts to
    ``[..., T, S]``. With ``is_causal`` a place sees those up to its own. ``scale`` None is
    ``1 / sqrt(D)``. Keys and values may have fewer heads (the axis before ``T``) than queries have:
    each serves a group. A place that sees nothing gives 0. Raises ShapeError.

    From four million scores on their matrix is not made, also for the gradient: memory grows with
    ``T + S``. Vaswani et al., "Attention Is All You Need" (2017).

    >>> import twofold as tf
    >>> x = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> tf.nn.scaled_dot_product_attention(x, x, x, is_causal=True).numpy()[0]
    array([1., 0.], dtype=float32)
    """
    q, k, v = (as_inexact(x) for x in (query, key, value))
    if info(q.dtype).half:
        return in_single(
            lambda a, b, c: scaled_dot_product_attention(a, b, c, mask, is_causal, scale), q, k, v
        )
    if min(len(x.shape) for x in (q, k, v)) < 2 or q.shape[-1] != k.shape[-1]:
        shapes = ", ".join(show_shape(x.shape) for x in (q, k, v))
        raise ShapeError(f"scaled_dot_product_attention: shapes {shapes} do not fit together")
    if len(q.shape) > 2 and len(k.shape) > 2 and q.shape[-3] != k.shape[-3]:
        k, v = (_for_groups(x, q.shape[-3]) for x in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    mask = None if mask is None else as_tensor(mask)
    if isinstance(scale, int | float) and _is_long(q, k):
        mask = OPS["constant"](value=ALL_SEEN) if mask is None else mask
        if mask.dtype != BOOL and mask.dtype != q.dtype:
            mask = cast(mask, dtype=q.dtype)
        return blockwise_attention(q, k, v, mask, causal=bool(is_causal), scale=float(scale))[0]
    return matmul(_weights(q, k, mask, is_causal, scale), v)


def _is_long(q: Any, k: Any) -> bool:
    return bool(k.shape[-2] >= 2 * KEYS and product((*q.shape[:-1], k.shape[-2])) >= LONG)


def _scores(q: Any, k: Any, mask: Any, causal: bool, scale: Any) -> tuple[Any, Any]:
    """The scores, in ops, and which of them count; None: all."""
    scores = matmul(q, k, transpose_b=True) * scale
    seen = _causal(q, k) if causal else None
    if mask is not None and mask.dtype == BOOL:
        seen = mask if seen is None else OPS["logical_and"](seen, mask)
    elif mask is not None:
        scores = scores + mask
    return scores, seen


def _weights(q: Any, k: Any, mask: Any, causal: bool, scale: Any) -> Any:
    """The share of each key for each query."""
    scores, seen = _scores(q, k, mask, causal, scale)
    if seen is None:
        return softmax(scores)
    some = OPS["any"](movement.broadcast_to(seen, shape=scores.shape), axis=-1, keepdims=True)
    scores = where(seen, scores, where(some, -math.inf, 0.0))
    return where(some, softmax(scores), 0)


def _causal(q: Any, k: Any) -> Any:
    rows = expand_dims(arange(q.shape[-2], dtype=INT64), axis=(1,))
    return arange(k.shape[-2], dtype=INT64) <= rows


def _for_groups(x: Any, heads: Any) -> Any:
    """Each head of keys or values as many times as queries need it."""
    own = ranked(x, 3, "scaled_dot_product_attention").shape[-3]
    if not divides(own, heads):
        raise ShapeError(f"scaled_dot_product_attention: {own} heads do not serve {heads}")
    wide = expand_dims(x, axis=(-3,))
    shape = (*wide.shape[:-3], heads // own, *wide.shape[-2:])
    return movement.reshape(
        movement.broadcast_to(wide, shape=shape), shape=(*x.shape[:-3], heads, *x.shape[-2:])
    )


# ---- Block by block


def _check(op: Any, types: Types, sizes: Sizes) -> tuple[Any, ...]:
    """The axes of the batch, and the numbers of queries and keys. Raises ShapeError."""
    q, k, v, mask = types
    if mask.rank < 2:
        raise ShapeError(f"{op.name}: a mask needs two axes, its shape is {show_shape(mask.shape)}")
    leads = [t.shape[:-2] for t in types]
    batch = broadcast_shapes(leads, sizes, f"{op.name}'s batch axes")
    scores = (q.shape[-2], k.shape[-2])
    fits = sizes.require_same(q.shape[-1], k.shape[-1]) and sizes.require_same(
        k.shape[-2], v.shape[-2]
    )
    shown = broadcast_shapes([mask.shape[-2:], scores], sizes, f"{op.name}'s mask")
    if not fits or not all(map(sizes.require_same, shown, scores)):
        shapes = ", ".join(show_shape(t.shape) for t in types)
        raise ShapeError(f"{op.name}: shapes {shapes} do not fit together")
    return (*batch, *scores)


def _attention_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    q, _, v, _ = types
    shape = _check(op, types, sizes)[:-1]
    return attrs, (q.with_shape((*shape, v.shape[-1])), q.with_shape(shape))


class _Block(NamedTuple):
    """Some queries and some keys of one matrix, and the scores between them."""

    rows: slice
    keys: slice
    scores: Array
    seen: Array | None


class _Matrix:
    """One matrix of a batch: its scores, block by block."""

    def __init__(self, q: Array, k: Array, mask: Array, causal: bool, scale: float) -> None:
        self.q, self.k, self.mask, self.causal, self.scale = q, k, mask, causal, scale
        self.hides = mask.dtype == bool and not (mask.size == 1 and mask.all())

    def rows(self) -> Iterator[slice]:
        for start in range(0, len(self.q), QUERIES):
            yield slice(start, min(start + QUERIES, len(self.q)))

    def blocks(self, rows: slice) -> Iterator[_Block]:
        count = min(rows.stop, len(self.k)) if self.causal else len(self.k)
        for start in range(0, count, KEYS):
            yield self._block(rows, slice(start, min(start + KEYS, count)))

    def part(self, rows: slice, keys: slice) -> tuple[slice, slice]:
        """Where the mask of a block lies in the mask."""
        whole = slice(None)
        tall, wide = self.mask.shape
        return rows if tall > 1 else whole, keys if wide > 1 else whole

    def _block(self, rows: slice, keys: slice) -> _Block:
        scores = multiply(self.q[rows], self.k[keys].T)
        scores *= scores.dtype.type(self.scale)
        seen = None
        if self.mask.dtype != bool:
            scores += self.mask[self.part(rows, keys)]
        elif self.hides:
            seen = np.broadcast_to(self.mask[self.part(rows, keys)], scores.shape)
        if self.causal and keys.stop - 1 > rows.start:
            below = np.arange(keys.start, keys.stop) <= np.arange(rows.start, rows.stop)[:, None]
            seen = below if seen is None else seen & below
        if seen is not None:
            scores = np.where(seen, scores, scores.dtype.type(-np.inf))
        return _Block(rows, keys, scores, seen)


def multiply(a: Array, b: Array) -> Array:
    """A product by the runtime's function, whose numbers do not depend on threads."""
    found: Array = contract._multiply[0](a, b)
    return found


def _matrices(arrays: list[Array], shape: tuple[int, ...]) -> Iterator[list[Array]]:
    """The matrices of each array, with the axes of the batch broadcast."""
    lead = shape[:-2]
    whole = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in arrays]
    for place in np.ndindex(*lead):
        yield [x[place] for x in whole]


def _batch(*arrays: Array) -> tuple[int, ...]:
    return np.broadcast_shapes(*(x.shape[:-2] for x in arrays))


_ATTENTION = [
    Sample("f[2,3,4]", "f[2,5,4]", "f[2,5,2]", ALL_SEEN),
    Sample("f[4,3]", "f[2,4,3]", "f[2,4,2]", "f[1,4]", causal=True, scale=0.5),
    Sample("f[2,3,2]", "f[4,2]", "f[4,2]", np.tri(3, 4, -1) > 0),
    Sample("f[3,2]", "f[4,2]", "f[4,2]", "f[2,3,4]"),
]  # fmt: skip


@op("opaque", _attention_rule, promoted=slice(0, 3), accepts="f", public=False,
    samples=_ATTENTION)  # fmt: skip
def blockwise_attention(
    q: Any, k: Any, v: Any, mask: Any, *, causal: bool = False, scale: float = 1.0
) -> Any:
    """Attention as ``scaled_dot_product_attention`` has it, and the logarithm of the sum of the
    exponentials of each query's scores (0 where it sees nothing)."""
    shape = (*_batch(q, k, v, mask), q.shape[-2], v.shape[-1])
    out, logs = np.empty(shape, q.dtype), np.empty(shape[:-1], q.dtype)
    flat, flat_logs = out.reshape(-1, *shape[-2:]), logs.reshape(-1, shape[-2])
    for i, (a, b, c, m) in enumerate(_matrices([q, k, v, mask], shape)):
        matrix = _Matrix(a, b, m, causal, scale)
        for rows in matrix.rows():
            flat[i, rows], flat_logs[i, rows] = _attend(matrix, rows, c)
    return out, logs


def _attend(matrix: _Matrix, rows: slice, v: Array) -> tuple[Array, Array]:
    """The rows of the result, and of the logarithms."""
    count, dtype = rows.stop - rows.start, v.dtype
    peak, mass = np.full(count, -np.inf, dtype), np.zeros(count, dtype)
    total, some = np.zeros((count, v.shape[-1]), dtype), np.zeros(count, bool)
    for block in matrix.blocks(rows):
        some |= True if block.seen is None else block.seen.any(-1)
        top = np.maximum(peak, block.scores.max(-1))
        shift = np.where(np.isneginf(top), dtype.type(0), top)
        share = np.exp(block.scores - shift[:, None])
        kept = np.exp(peak - shift)
        mass = mass * kept + share.sum(-1)
        total = total * kept[:, None] + multiply(share, v[block.keys])
        peak = top
    out = np.where(some[:, None], total / mass[:, None], dtype.type(0))
    return out, np.where(some, peak + np.log(mass), dtype.type(0))


@blockwise_attention.gradient
def blockwise_attention_vjp(
    g: Any, out: Any, q: Any, k: Any, v: Any, mask: Any, *, causal: bool, scale: float
) -> Any:
    def back(place: int) -> Any:
        if not found:
            level = sum(g[0] * out[0], axis=-1) - g[1]
            given = (g[0], q, k, v, mask, level, out[1])
            found.extend(attention_pullback(*given, causal=causal, scale=scale))
        return found[place]

    found: list[Any] = []
    of_mask = None if mask.dtype == BOOL else lambda: back(3)
    return lambda: back(0), lambda: back(1), lambda: back(2), of_mask


def _pullback_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _, q, k, v, mask, _, _ = types
    lead = _check(op, types[1:5], sizes)[:-2]
    outs = [t.with_shape((*lead, *t.shape[-2:])) for t in (q, k, v)]
    return attrs, (*outs, TensorType(q.dtype, (0,) if mask.dtype == BOOL else mask.shape))


_PULLED = [
    Sample("f[4,2]", "f[4,3]", "f[2,4,3]", "f[2,4,2]", "f[1,4]", "f[2,4]", "f[2,4]", causal=True,
           scale=0.5),
    Sample("f[3,2]", "f[3,2]", "f[4,2]", "f[4,2]", np.tri(3, 4) > 0, "f[3]", "f[3]"),
]  # fmt: skip


@op("opaque", _pullback_rule, promoted=slice(0, 4), accepts="f", public=False,
    samples=_PULLED)  # fmt: skip
def attention_pullback(
    g: Any, q: Any, k: Any, v: Any, mask: Any, level: Any, logs: Any, *, causal: bool = False,
    scale: float = 1.0,
) -> Any:  # fmt: skip
    """The gradients of ``blockwise_attention`` for queries, keys, values and a mask of numbers.

    With the shares ``P = exp(scores - logs)`` the gradient for the scores is
    ``P * (g @ v.T - level)``.
    """
    shape = (*_batch(q, k, v, mask), q.shape[-2], v.shape[-1])
    grads = [np.zeros((*shape[:-2], *x.shape[-2:]), q.dtype) for x in (q, k, v)]
    of_mask = np.zeros((0,) if mask.dtype == bool else mask.shape, q.dtype)
    masks = of_mask if mask.dtype != bool else np.zeros((1, 1), q.dtype)
    held = [q, k, v, mask, g, level[..., None], logs[..., None], *grads]
    for a, b, c, m, h, o, z, da, db, dc, dm in _writable(held, masks, shape):
        matrix = _Matrix(a, b, m, causal, scale)
        for rows in matrix.rows():
            _go_back(matrix, rows, (c, h, o, z), (da, db, dc, dm))
    return (*grads, of_mask)


def _writable(arrays: list[Array], masks: Array, shape: tuple[int, ...]) -> Iterator[list[Array]]:
    """As ``_matrices``; what is written to has the axes already, and stays writable."""
    lead = shape[:-2]
    read, written = arrays[:7], arrays[7:]
    thin = (1,) * (len(lead) + 2 - masks.ndim) + masks.shape
    masks = masks.reshape(thin)
    for place, parts in zip(np.ndindex(*lead), _matrices(read, shape), strict=True):
        at = tuple(p if n > 1 else 0 for p, n in zip(place, thin, strict=False))
        yield [*parts, *(x[place] for x in written), masks[at]]


def _go_back(
    matrix: _Matrix, rows: slice, given: tuple[Array, ...], grads: tuple[Array, ...]
) -> None:
    v, g, level, logs = given
    of_q, of_k, of_v, of_mask = grads
    scale = v.dtype.type(matrix.scale)
    for block in matrix.blocks(rows):
        share = np.exp(block.scores - logs[rows])
        of_v[block.keys] += multiply(share.T, g[rows])
        slope = share * (multiply(g[rows], v[block.keys].T) - level[rows])
        if matrix.mask.dtype != bool:
            _add_to(of_mask[matrix.part(rows, block.keys)], slope)
        slope *= scale
        of_q[rows] += multiply(slope, matrix.k[block.keys])
        of_k[block.keys] += multiply(slope.T, matrix.q[rows])


def _add_to(whole: Array, part: Array) -> None:
    """Adds in place, summed over the axes that ``whole`` has once."""
    axes = tuple(i for i in range(2) if whole.shape[i] == 1 and part.shape[i] > 1)
    whole += part.sum(axes, keepdims=True) if axes else part


@attention_pullback.gradient
def attention_pullback_vjp(
    g: Any, out: Any, h: Any, q: Any, k: Any, v: Any, mask: Any, level: Any, logs: Any, *,
    causal: bool, scale: float,
) -> Any:  # fmt: skip
    to_q, to_k, to_v, to_mask = g
    scores, seen = _scores(q, k, mask, causal, scale)
    share = exp(scores - expand_dims(logs, axis=(-1,)))
    share = share if seen is None else where(seen, share, 0)
    apart = matmul(h, v, transpose_b=True) - expand_dims(level, axis=(-1,))
    slope = share * apart
    e = scale * (matmul(to_q, k, transpose_b=True) + matmul(q, to_k, transpose_b=True))
    e = e if mask.dtype == BOOL else e + to_mask
    of_apart = share * e
    of_scores = share * (e * apart + matmul(h, to_v, transpose_b=True))
    return (
        lambda: matmul(of_apart, v) + matmul(share, to_v),
        lambda: scale * (matmul(of_scores, k) + matmul(slope, to_k)),
        lambda: scale * (matmul(of_scores, q, transpose_a=True)
                         + matmul(slope, to_q, transpose_a=True)),
        lambda: matmul(of_apart, h, transpose_a=True),
        None if mask.dtype == BOOL else lambda: of_scores,
        lambda: -sum(of_apart, axis=-1),
        lambda: -sum(of_scores, axis=-1),
    )  # fmt: skip
