"""Short NumPy programs on one argument: compiled, each is what plain Python makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.same import compare, program

FLOATS = np.arange(1.0, 7.0).reshape(2, 3)
INTEGERS = np.arange(1, 7, dtype=np.int32)
ON_FLOATS = [
    "a[1:][0] = 99\nreturn a",
    "a += 1",
    "a.T[0] *= 2\na[:, ::-1][0] = 5\nr = a[0]\nr += 1\nreturn (r, a.sum(), a / 2)",
    "return a.reshape(-1)[2:]",
    "b = a.ravel()\nb[0] = 7\nreturn b",
    "b = a.T.ravel()\nb[0] = 7\nreturn b",
    "b = a.T + 1\nc = b.ravel()\nc[0] = 9\nreturn (b, c)",
    "a[:, None][0] = 3\nreturn a",
    "a.swapaxes(0, 1)[1] = 4",
    "np.add(a, 1, out=a)\nreturn np.multiply(a, 2, where=a > 4, out=a)",
    "np.copyto(a, 5)\nreturn a",
    "a.fill(3)",
    "a.fill(a[0])",
    "return np.interp(np.broadcast_to(a[:, :2], (3, 2, 2)), [0, 1], [2, 3])",
    "b = a[:, :2] + np.eye(2)\nb.setflags(write=False)\nreturn np.linalg.inv(b)",
    "b = a[:0] + 1\nb.setflags(write=False)\nb.flat[0] = 1",
    "a.fill(a[0, 1])",
    "a[[0, 1]] = a[[1, 0]]",
    "a[0], a[1] = (a[1], a[0])",
    "a[a > 2] = 0",
    "a[a > 2] += 1",
    "a[a > 2] *= a[a > 2]",
    "np.add.at(a, 0, 1)",
    "a.sort()",
    "a[::-1].sort(axis=0)",
    "np.put(a, [0, 1], [9, 8])",
    "np.fill_diagonal(a, 0)",
    "a.flat[3] = 7\nreturn a.flat[2:4]",
    "return np.diagonal(a)",
    "np.diagonal(a)[0] = 3",
    "np.broadcast_to(a, (2, 2, 3))[0] = 3",
    "x, y = np.split(a, 2)\nx += y\nreturn (x, y)",
    "return (a, a)",
    "return (a[1:], a[1:])",
    "b = a[1:]\nreturn (b, b, a)",
    "return (a.mean(), a.mean(axis=0), a.std(), a.var(axis=1), a.max(), a.min(axis=1), a.argmax(), a.argmin(axis=0))",
    "return (np.where(a > 2, a, 0), np.where(a > 2, 1, 2))",
    "return (np.concatenate([a, a]), np.stack([a, a]), np.vstack([a, a]), np.hstack([a, a]))",
    "return (np.zeros_like(a), np.ones_like(a, dtype=int), np.full_like(a, 3), np.empty_like(a).shape)",
    "return (np.zeros(3), np.arange(3), np.linspace(0, 1, 5), np.eye(3), np.array([1, 2]), np.ones((2, 2), np.float32))",
    "b = np.zeros((2, 3))\nb[:] = a\nb += 1\nreturn b",
    "b = np.array([a[0, 0], a[1, 1]])\nreturn b",
    "return (np.array([a[0], a[1]]), np.asarray(a))",
    "return (a @ a.T, a.dot(a.T), np.dot(a, a.T), np.outer(a[0], a[1]), np.inner(a, a), np.matmul(a, a.T))",
    "return (np.einsum('ij,kj->ik', a, a), np.tensordot(a, a, 2), np.vdot(a, a))",
    "return (np.clip(a, 2, 4), a.clip(2, None), np.round(a), a.round())",
    "return (np.cumsum(a), a.cumsum(axis=0), np.cumprod(a, axis=1), np.diff(a), np.diff(a, axis=0))",
    "return (np.sort(a, axis=0), np.take(a, [0, 1], axis=1), a.take([0, 5]), np.repeat(a, 2, axis=0), np.tile(a, (2, 1)))",
    "return (np.flip(a), np.flip(a, 0), np.fliplr(a), np.roll(a, 1), np.roll(a, 1, axis=0), np.rot90(a))",
    "return (np.pad(a, 1), np.expand_dims(a, 0), np.squeeze(a[None]), np.moveaxis(a, 0, 1), np.atleast_2d(a[0]))",
    "return (np.add.outer(a[0], a[1]), np.add.reduce(a), np.multiply.reduce(a, axis=1), np.maximum.reduce(a), np.add.accumulate(a))",
    "return (isinstance(a, np.ndarray), a.ndim, a.shape, a.size, len(a), a.dtype, a.itemsize, a.nbytes)",
    "return (divmod(a, 2), a // 2, a % 2, a ** 2, -a, abs(a), +a)",
    "return (a == 2, a < 2, a != 3, (a > 1) & (a < 3), (a > 1) | (a < 3), ~(a > 1))",
    "return (np.sin(a), np.exp(a), np.sqrt(a), np.hypot(a, a), np.heaviside(a - 2, 0.5), np.modf(a), np.frexp(a))",
    "return (a.astype(np.float32), a.astype(int), a.astype(bool), a.astype(complex))",
    "return (np.any(a > 5), np.all(a > 0), (a > 2).sum(), (a > 2).mean(), np.count_nonzero(a > 2))",
    "return (np.transpose(a, (1, 0)), a.T[::2], a[...], a[()], a[0, 0])",
    "a[5] = 1",
    "a[0] = 7\na[1] = [1, 2]",
    "a[0] = 7\nreturn a[[0, 7]]",
    "a[0] = 7\nreturn a + np.ones(4)",
    "return (np.median(a), np.average(a), np.ptp(a), np.cov(a))",
    "return (np.meshgrid(a[0], a[1]), np.triu(a), np.tril(a), np.trace(a), a.trace(), np.kron(a, a), np.cross(a[0], a[1]))",
    "return (np.interp(a, [0, 5], [0, 1]), np.gradient(a), np.convolve(a[0], a[1]), np.trapezoid(a))",
    "return (np.linalg.norm(a), np.linalg.norm(a, axis=1), np.linalg.inv(a @ a.T), np.linalg.solve(a @ a.T, a), np.linalg.det(a @ a.T))",
    "return (np.full((2, 2), a[0, 0]), np.full(3, 7), np.full(2, 1.5, np.float32))",
    "t = tf.constant([[1.0, 2.0, 3.0]], dtype=tf.float64)\nreturn (a * t, t * a, np.add(a, t))",
    "t = tf.constant([1.0, 2.0, 3.0])\na[0] = t\na += t\nreturn (tf.sin(a), tf.reduce_sum(a))",
    "a.T[...] = 1\nreturn (a.flags.c_contiguous, a.strides)",
    "x = a.real\nx += 1\nreturn a.imag",
    "a <<= 1",
    "a |= 1",
    "return (a[1:3, None, ...], a[:, [0, 2]], a[[0, 1], [1, 2]], a[np.array([True, False])])",
    "b = a.copy()\nb[0] = 0\nreturn (a, b)",
    "b = np.array(a)\nb[0] = 0\nc = np.asarray(a)\nc[1] = 5",
    "def h(x):\n    x += 1\n    return x[0]\nr = h(a)\nr *= 2\nreturn r",
    "return (np.isnan(a), np.isfinite(a), np.sign(a), np.maximum(a, 2), np.fmax(a, 2), np.logaddexp(a, a))",
    "return a if True else None",
    "return {'x': a, 'y': [a[0], (a,)]}",
    "s = a[0, 0]\ns += 1\nreturn (s, a)",
    "return (a.sum(axis=1, keepdims=True), np.sum(a, axis=0, out=np.empty(3)), a.sum(dtype=np.float32), np.sum(a, initial=3), np.sum(a, where=a > 2), np.max(a, where=a > 2, initial=0))",
    "i = np.argsort(a[0], kind='stable')\nreturn a[:, i]",
    "for i in range(2):\n    a[i] *= i + 2\nreturn a",
    "for row in a:\n    row += 1\nreturn a",
    "b = a\nb = b + 1\nb += 1\nreturn b",
    "a[0][1] = 42\nreturn a[0][1]",
    "a[:] = a[::-1]\nreturn a",
    "a[1:] = a[:-1]\na[:, 1:] += a[:, :-1]\nreturn a",
    "a -= a.mean()\nreturn a",
    "x = a.view()\nx[0] = 1\nreturn x",
    "np.negative(a, out=a[::-1])\nreturn a",
    "return (np.select([a > 3, a > 1], [a, -a], 0), np.digitize(a, [1, 3]), np.searchsorted([1.0, 3.0], a))",
    "return (np.array_split(a, 2), np.hsplit(a, 3), np.column_stack([a[0], a[1]]), np.dstack([a, a]), np.append(a, 1), np.delete(a, 0, axis=0), np.insert(a, 0, 1, axis=0))",
    "return (np.unravel_index(3, (2, 3)), np.indices((2, 3)), np.linspace(a[0, 0], 5, 4))",
]
ON_INTEGERS = [
    "return (a / 2, a * 0.1, a.mean(), a.sum(), a // 2, a % 4, a ** 2, a << 1, a >> 1, a & 3, a | 8, a ^ 1, ~a, -a, divmod(a, 4))",
    "a += 0.5",
    "a /= 2",
    "a //= 2\na <<= 1\na %= 5",
    "a *= 2.0",
    "a[0] = 3.7\na[1] = True\nreturn (a.prod(), a.cumsum(), a.var(), a.max())",
    "a[0] = 2 ** 40",
    "return a + 2 ** 40",
    "return (a < 2 ** 40, a == -1, a != 2 ** 33)",
    "return (a // 0, a % 0, a / 0)",
    "return a ** (-1)",
    "return a ** np.array([-1, 2, 3, 1, 1, 1])",
    "return (a + np.float32(1), a + 1.5, a + np.float64(1), a * True, a + 1j, np.add(a, 1, dtype=np.float64), np.sqrt(a), np.sin(a))",
    "return (np.left_shift(a, 40), np.right_shift(a, 40))",
    "np.add(a, 1.5, out=a, casting='unsafe')\nreturn a",
    "a[[1, 1, 2]] += 10\nnp.add.at(a, [1, 1, 2], 10)\nreturn a",
    "return (a.astype(np.float32) * 0.5, a.astype(np.int8) + np.int8(100), a.astype(np.uint8) - 7, a.astype(bool) + a.astype(bool))",
    "b = a.astype(bool)\nb -= b\nreturn b",
    "return -a.astype(bool)",
    "return (a.astype(np.float16).sum(), a.astype(np.float16).mean(), a.astype(np.float16) * 2.0)",
    "return (np.gcd(a, 4), np.lcm(a, 4), a.astype(np.uint64) > a, a.astype(np.uint64) + a)",
    "return (a[a[0]], a[a - 1])",
]


@pytest.mark.parametrize("text", ON_FLOATS)
def test_a_program_on_floats(text: str) -> None:
    compare(program(text), FLOATS)


@pytest.mark.parametrize("text", ON_INTEGERS)
def test_a_program_on_integers(text: str) -> None:
    compare(program(text), INTEGERS)


@pytest.mark.parametrize("layout", ["fortran", "strided", "reversed", "read-only", "empty"])
@pytest.mark.parametrize("text", ON_FLOATS)
def test_a_program_on_other_layouts(text: str, layout: str) -> None:
    compare(program(text), given(layout))


def given(layout: str) -> Any:
    """A matrix of two rows and three columns, laid out in memory in this way."""
    if layout == "fortran":
        return np.asfortranarray(FLOATS)
    if layout == "strided":
        return np.arange(24.0).reshape(4, 6)[::2, ::2]
    if layout == "reversed":
        return FLOATS.copy()[::-1, ::-1]
    if layout == "empty":
        return FLOATS[:, :0].copy()
    frozen = FLOATS.copy()
    frozen.flags.writeable = False
    return frozen
