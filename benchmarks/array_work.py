"""Array functions on every library that has them: windows, order, places, sums, matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import twofold as tf

__all__ = ["FUNCTIONS"]

Table = dict[str, Callable[..., Any]]


def _torch() -> Any:
    import torch

    return torch


def _jax() -> Any:
    import jax

    return jax


def _by_torch(x: Any) -> Any:
    """Images and filters in torch's order of axes."""
    return x.permute(0, 3, 1, 2)


def conv2d() -> Table:
    """SAME, NHWC; torch computes in its own layout on permuted views."""

    def by_jax(x: Any, w: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return _jax().lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=layout)

    def by_torch(x: Any, w: Any) -> Any:
        out = _torch().nn.functional.conv2d(_by_torch(x), w.permute(3, 2, 0, 1), padding="same")
        return out.permute(0, 2, 3, 1)

    return {"twofold": lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), "jax": by_jax, "torch": by_torch}


def conv2d_gradient() -> Table:
    """The gradient of the sum of squares of ``conv2d`` by its filters."""
    forward = conv2d()

    def ours(x: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(w)
            loss = tf.reduce_sum(forward["twofold"](x, w) ** 2)
        return tape.gradient(loss, w)

    def by_jax(x: Any, w: Any) -> Any:
        return _jax().grad(lambda w: (forward["jax"](x, w) ** 2).sum())(w)

    def by_torch(x: Any, w: Any) -> Any:
        w = w.detach().requires_grad_()
        return _torch().autograd.grad((forward["torch"](x, w) ** 2).sum(), w)[0]

    return {"twofold": ours, "jax": by_jax, "torch": by_torch}


def attention() -> Table:
    """Scaled dot-product attention over ``[batch, heads, positions, depth]``."""

    def by_numpy(q: Any, k: Any, v: Any) -> Any:
        scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]).astype(q.dtype)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        return scores / scores.sum(-1, keepdims=True) @ v

    def by_jax(q: Any, k: Any, v: Any) -> Any:
        turned = [x.swapaxes(1, 2) for x in (q, k, v)]
        return _jax().nn.dot_product_attention(*turned).swapaxes(1, 2)

    return {
        "twofold": tf.nn.scaled_dot_product_attention, "numpy": by_numpy, "jax": by_jax,
        "torch": lambda *qkv: _torch().nn.functional.scaled_dot_product_attention(*qkv),
    }  # fmt: skip


def max_pool() -> Table:
    """The maximum of windows of 2 x 2."""

    def by_jax(x: Any) -> Any:
        lax, ones = _jax().lax, (1, 2, 2, 1)
        return lax.reduce_window(x, -np.inf, lax.max, ones, ones, "VALID")

    def by_numpy(x: Any) -> Any:
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    def by_torch(x: Any) -> Any:
        return _torch().nn.functional.max_pool2d(_by_torch(x), 2).permute(0, 2, 3, 1)

    return {
        "twofold": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), "numpy": by_numpy, "jax": by_jax,
        "torch": by_torch,
    }  # fmt: skip


def sort() -> Table:
    """Rows in order."""
    return {
        "twofold": tf.sort, "numpy": np.sort, "jax": lambda x: _jax().numpy.sort(x),
        "torch": lambda x: _torch().sort(x).values,
    }  # fmt: skip


def top_k() -> Table:
    """The ten largest of each row."""
    return {
        "twofold": lambda x: tf.math.top_k(x, 10)[0],
        "numpy": lambda x: np.sort(np.partition(x, -10)[..., -10:])[..., ::-1],
        "jax": lambda x: _jax().lax.top_k(x, 10)[0],
        "torch": lambda x: _torch().topk(x, 10).values,
    }


def gather() -> Table:
    """Rows of a table."""
    return {
        "twofold": lambda x, i: tf.gather(x, i), "numpy": lambda x, i: x[i],
        "jax": lambda x, i: x[i], "torch": lambda x, i: x[i.long()],
    }  # fmt: skip


def scatter_add() -> Table:
    """Rows added to those of a table."""

    def by_numpy(x: Any, i: Any, rows: Any) -> Any:
        out = x.copy()
        np.add.at(out, i, rows)
        return out

    return {
        "twofold": lambda x, i, r: tf.tensor_scatter_nd_add(x, tf.expand_dims(i, -1), r),
        "numpy": by_numpy, "jax": lambda x, i, r: x.at[i].add(r),
        "torch": lambda x, i, r: x.index_add(0, i.long(), r),
    }  # fmt: skip


def cumsum() -> Table:
    """Running sums of rows."""
    return {
        "twofold": lambda x: tf.cumsum(x, axis=1), "numpy": lambda x: np.cumsum(x, 1),
        "jax": lambda x: _jax().numpy.cumsum(x, 1), "torch": lambda x: x.cumsum(1),
    }  # fmt: skip


def products() -> Table:
    """Products of many small matrices."""
    return dict.fromkeys(("twofold", "numpy", "jax", "torch"), lambda x, y: x @ y)


def solve() -> Table:
    """Linear systems."""
    return {
        "twofold": tf.linalg.solve, "numpy": np.linalg.solve,
        "jax": lambda a, b: _jax().numpy.linalg.solve(a, b),
        "torch": lambda a, b: _torch().linalg.solve(a, b),
    }  # fmt: skip


def fft() -> Table:
    """The moduli of spectra of rows."""
    return {
        "twofold": lambda x: tf.abs(tf.fft.rfft(x)), "numpy": lambda x: np.abs(np.fft.rfft(x)),
        "jax": lambda x: abs(_jax().numpy.fft.rfft(x)),
        "torch": lambda x: _torch().fft.rfft(x).abs(),
    }  # fmt: skip


# Name -> the functions and the shapes of their float32 arguments; (n, m): n integers below m.
FUNCTIONS: dict[str, tuple[Table, tuple[Any, ...]]] = {
    "conv2d 8x32x32x16 by 3x3x32": (conv2d(), ((8, 32, 32, 16), (3, 3, 16, 32))),
    "conv2d 1x64x64x64 by 3x3x64": (conv2d(), ((1, 64, 64, 64), (3, 3, 64, 64))),
    "conv2d 4x64x64x3 by 5x5x16": (conv2d(), ((4, 64, 64, 3), (5, 5, 3, 16))),
    "conv2d gradient 8x32x32x16": (conv2d_gradient(), ((8, 32, 32, 16), (3, 3, 16, 32))),
    "conv2d gradient 1x64x64x64": (conv2d_gradient(), ((1, 64, 64, 64), (3, 3, 64, 64))),
    "conv2d gradient 4x64x64x3": (conv2d_gradient(), ((4, 64, 64, 3), (5, 5, 3, 16))),
    "attention 2x8x256x64": (attention(), ((2, 8, 256, 64),) * 3),
    "max pool 8x64x64x32": (max_pool(), ((8, 64, 64, 32),)),
    "sort 1000 x 1000": (sort(), ((1000, 1000),)),
    "top_k 10 of 256 x 4096": (top_k(), ((256, 4096),)),
    "gather 20000 of 10000 x 64": (gather(), ((10_000, 64), "places 20000 10000")),
    "scatter-add 20000 to 10000 x 64": (
        scatter_add(), ((10_000, 64), "places 20000 10000", (20_000, 64))
    ),
    "cumsum 1000 x 1000": (cumsum(), ((1000, 1000),)),
    "products 1000 of 16 x 16": (products(), ((1000, 16, 16), (1000, 16, 16))),
    "solve 256 x 256": (solve(), ((256, 256), (256, 8))),
    "rfft 256 x 1024": (fft(), ((256, 1024),)),
}  # fmt: skip
