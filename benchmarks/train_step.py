"""One step of Adam on a classifier with ReLU layers, as a user of each library writes it.

Each maker returns a call that does the next step from the same start on the same batch and gives
the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["STEPS", "step_of_twofold"]

RATE, EPSILON = 1e-3, 1e-7


def start(sizes: tuple[int, ...], batch: int) -> tuple[list[Any], Any, Any]:
    """Parameters, inputs and one-hot labels; the same numbers for everyone."""
    rng = np.random.default_rng(0)
    parameters = []
    for n, m in zip(sizes, sizes[1:], strict=False):
        parameters.append((rng.standard_normal((n, m)) / np.sqrt(n)).astype(np.float32))
        parameters.append(np.zeros(m, np.float32))
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    y = np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], batch)]
    return parameters, x, y


def by_twofold(sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    """Variables, a tape, Adam in five lines."""
    return step_of_twofold(sizes, batch, jit=True)


def step_of_twofold(sizes: tuple[int, ...], batch: int, *, jit: bool | None) -> Callable[[], Any]:
    """The step with one of the values of ``jit_compile``."""
    import twofold as tf

    arrays, x, y = start(sizes, batch)
    parameters = [tf.Variable(a) for a in arrays]
    means = [tf.Variable(np.zeros_like(a), trainable=False) for a in arrays]
    squares = [tf.Variable(np.zeros_like(a), trainable=False) for a in arrays]
    count = tf.Variable(0.0, trainable=False)

    @tf.function(jit_compile=jit)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            h = x
            for i in range(0, len(parameters), 2):
                h = h @ parameters[i] + parameters[i + 1]
                if i + 2 < len(parameters):
                    h = tf.nn.relu(h)
            loss = tf.mean(tf.nn.softmax_cross_entropy_with_logits(y, h))
        gradients = tape.gradient(loss, parameters)
        count.assign_add(1.0)
        rate = RATE * tf.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        for p, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * g * g)
            p.assign_sub(rate * m / (tf.sqrt(v) + EPSILON))
        return loss

    tx, ty = tf.constant(x), tf.constant(y)
    return lambda: step(tx, ty)


def by_numpy(sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    """Forward, backward and Adam by hand."""
    parameters, x, y = start(sizes, batch)
    means = [np.zeros_like(p) for p in parameters]
    squares = [np.zeros_like(p) for p in parameters]
    count = [0]

    def step() -> Any:
        activations = [x]
        for i in range(0, len(parameters), 2):
            h = activations[-1] @ parameters[i] + parameters[i + 1]
            activations.append(np.maximum(h, 0) if i + 2 < len(parameters) else h)
        z = activations[-1] - activations[-1].max(axis=-1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=-1, keepdims=True)
        loss = -((z - np.log(total)) * y).sum() / batch
        g = (e / total - y) / np.float32(batch)
        gradients: list[Any] = [None] * len(parameters)
        for i in reversed(range(0, len(parameters), 2)):
            a = activations[i // 2]
            gradients[i], gradients[i + 1] = a.T @ g, g.sum(axis=0)
            if i:
                g = (g @ parameters[i].T) * (a > 0)
        count[0] += 1
        rate = np.float32(RATE * np.sqrt(1 - 0.999 ** count[0]) / (1 - 0.9 ** count[0]))
        for p, q, m, v in zip(parameters, gradients, means, squares, strict=True):
            m *= 0.9
            m += 0.1 * q
            v *= 0.999
            v += 0.001 * q * q
            p -= rate * m / (np.sqrt(v) + EPSILON)
        return loss

    return step


def by_jax(sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    """``value_and_grad`` and Adam under one ``jit`` that donates its state."""
    import jax
    import jax.numpy as jnp

    arrays, x, y = start(sizes, batch)

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        h = x
        for i in range(0, len(parameters), 2):
            h = h @ parameters[i] + parameters[i + 1]
            if i + 2 < len(parameters):
                h = jnp.maximum(h, 0)
        return -(jax.nn.log_softmax(h) * y).sum() / x.shape[0]

    def step(state: Any, x: Any, y: Any) -> Any:
        parameters, means, squares, count = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        count = count + 1
        rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        squares = [0.999 * v + 0.001 * g * g for v, g in zip(squares, gradients, strict=True)]
        parameters = [
            p - rate * m / (jnp.sqrt(v) + EPSILON)
            for p, m, v in zip(parameters, means, squares, strict=True)
        ]
        return (parameters, means, squares, count), loss

    compiled = jax.jit(step, donate_argnums=0)
    zeros = [jnp.zeros_like(jnp.asarray(a)) for a in arrays]
    state = [(list(map(jnp.asarray, arrays)), zeros, [z + 0 for z in zeros], jnp.float32(0))]
    jx, jy = jnp.asarray(x), jnp.asarray(y)

    def call() -> Any:
        state[0], loss = compiled(state[0], jx, jy)
        return loss.block_until_ready()

    return call


def by_torch(sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    """``backward`` and ``torch.optim.Adam``."""
    import torch

    arrays, x, y = start(sizes, batch)
    parameters = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    optimizer = torch.optim.Adam(parameters, lr=RATE, eps=EPSILON)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> Any:
        optimizer.zero_grad()
        h = tx
        for i in range(0, len(parameters), 2):
            h = h @ parameters[i] + parameters[i + 1]
            if i + 2 < len(parameters):
                h = torch.relu(h)
        loss = -(torch.log_softmax(h, -1) * ty).sum() / batch
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


STEPS: dict[str, Callable[[tuple[int, ...], int], Callable[[], Any]]] = {
    "twofold": by_twofold,
    "numpy": by_numpy,
    "jax": by_jax,
    "torch": by_torch,
}
