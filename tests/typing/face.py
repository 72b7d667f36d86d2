"""What a type checker sees of the public names; ``.ci/check`` runs mypy on this file.

It is never run: a call that must be refused has an ``ignore``, and mypy refuses one too many.
"""

from __future__ import annotations

from typing import assert_type

import numpy as np

import twofold as tf

x = tf.constant([[1.0, 2.0], [3.0, 4.0]])

# Results are tensors, or as many tensors as there are.
assert_type(tf.sum(x, axis=0), tf.Tensor)
assert_type(tf.reduce_mean(np.ones(3), keepdims=True), tf.Tensor)
assert_type(tf.nn.softmax(x, axis=(0, -1)), tf.Tensor)
assert_type(tf.nn.moments(x, [0]), tuple[tf.Tensor, tf.Tensor])
assert_type(tf.split(x, 2), list[tf.Tensor])

# Tensors may be arrays, numbers, nested lists and Variables; attributes stand by position, too.
tf.add(1, [2.0, x[0, 0]])
tf.matmul(tf.Variable(x), np.eye(2), False, True)
tf.einsum("ij,jk->ik", x, x)
tf.zeros((2, x.shape[0]), tf.float64)
tf.cast(x, "float64")
tf.nn.layer_norm(x, scale=None, epsilon=1e-6)
tf.random.stateless_normal((2,), seed=(1, 2))

# A wrong argument is an error before the program runs.
tf.sum({1.0, 2.0})  # type: ignore[arg-type]
tf.sum(x, axis="rows")  # type: ignore[arg-type]
tf.nn.gelu(x, approximately=True)  # type: ignore[call-arg]
tf.nn.softmax(x).numpi()  # type: ignore[attr-defined]
