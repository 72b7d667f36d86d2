"""Complex numbers in kernels: NumPy's values at every edge, on every way through memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import kernel_namespace, python_source
from twofold.compiler.native.single import run_kernel
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph, run
from twofold.ir.parser import parse

Array = np.ndarray[Any, Any]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e-30, 80.0, -120.0, 100.0, 1e5, np.inf, -np.inf, np.nan]
GRID = [complex(a, b) for a in EDGES for b in EDGES]
DTYPES = ["complex64", "complex128"]

UNARY: dict[str, Callable[[Any], Any]] = {
    "exp": tf.exp, "log": tf.math.log, "sqrt": tf.sqrt, "abs": tf.abs, "angle": tf.math.angle,
    "conj": tf.math.conj, "real": tf.math.real, "imag": tf.math.imag, "negative": lambda x: -x,
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "isnan": tf.math.is_nan,
    "isinf": tf.math.is_inf, "isfinite": tf.math.is_finite, "truth": lambda x: tf.cast(x, tf.bool),
    "real_of": lambda x: tf.cast(x, tf.float32), "narrow": lambda x: tf.cast(x, tf.complex64),
}  # fmt: skip
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y, "equal": tf.equal, "not_equal": tf.not_equal,
    "where": lambda x, y: tf.where(tf.abs(x) > 1, x, y),
}  # fmt: skip


def in_kernels(function: Callable[..., Any], *arrays: Array) -> Array:
    """The result of a compiled function all of whose work is done in kernels."""
    made = tf.function(function, jit_compile=True)
    out: Array = made(*map(tf.constant, arrays)).numpy()
    concrete = made.get_concrete_function(*map(tf.constant, arrays))
    steps = {n.op.name for n in run(concrete.graph, target=NATIVE).nodes}
    assert steps <= {"fused", "constant"}, steps
    return out


def assert_close(found: Array, want: Array, size: Array, ulps: float) -> None:
    """Special values and signs of zeros as they are, other parts within units of a size."""
    assert (found.dtype, found.shape) == (want.dtype, want.shape)
    if found.dtype == bool:
        np.testing.assert_array_equal(found, want)
        return
    pairs = [(found.real, want.real), (found.imag, want.imag)]
    for x, y in pairs if np.iscomplexobj(found) else [(found, want)]:
        finite = np.isfinite(x) & np.isfinite(y)
        np.testing.assert_array_equal(x[~finite], y[~finite])
        scale = np.where(np.isfinite(size), size, np.abs(y))[finite]
        unit = np.finfo(x.dtype).eps * np.maximum(scale, np.finfo(x.dtype).tiny)
        assert (np.abs(x[finite] - y[finite]) <= ulps * unit).all()
        zero = finite & (x == 0) & (y == 0)
        np.testing.assert_array_equal(np.signbit(x[zero]), np.signbit(y[zero]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_a_function_has_numpys_values_at_every_edge(name: str, dtype: str) -> None:
    x = np.array(GRID).astype(dtype)
    want = UNARY[name](tf.constant(x)).numpy()
    with np.errstate(all="ignore"):
        assert_close(in_kernels(UNARY[name], x), want, np.abs(want), 8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_has_numpys_values_at_every_edge(name: str, dtype: str) -> None:
    grid = np.array(GRID).astype(dtype)
    x, y = np.repeat(grid, grid.size), np.tile(grid, grid.size)
    want = BINARY[name](tf.constant(x), tf.constant(y)).numpy()
    with np.errstate(all="ignore"):
        size = np.abs(x) * np.abs(y) if name == "multiply" else np.abs(want)
        found = in_kernels(BINARY[name], x, y)
    if name != "multiply":
        assert_close(found, want, size, 8)
        return
    # NumPy may multiply with fma, so what overflows in one of its CPUs' codes may not in another
    finite = np.isfinite(want) & np.isfinite(found) & np.isfinite(size)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(want))
    error = np.abs(found[finite] - want[finite])
    assert (error <= 4 * np.finfo(dtype).eps * size[finite]).all()


def test_the_logarithm_next_to_the_circle_keeps_its_digits() -> None:
    angle = np.linspace(0.1, 3.0, 200)
    x = (np.cos(angle) + 1j * np.sin(angle)) * (1 + 1e-9 * np.arange(200))
    found = in_kernels(tf.math.log, x)
    squares = x.real.astype(np.longdouble) ** 2 + x.imag.astype(np.longdouble) ** 2
    np.testing.assert_allclose(found.real, np.log(squares) / 2, rtol=1e-9, atol=1e-18)


WAYS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "rows": (lambda x: tf.sum(x * x, axis=-1), (3, 70)),
    "columns": (lambda x: tf.sum(x * 2, axis=0), (70, 37)),
    "everything": (lambda x: tf.sum(tf.exp(x)), (70, 37)),
    "long": (lambda x: tf.sum(x, axis=0), (9000,)),
    "products": (lambda x: tf.math.reduce_prod(x, axis=-1), (5, 19)),
    "turned": (lambda x: tf.transpose(x) + 1, (19, 37)),
    "backwards": (lambda x: x[:, ::-1] * 2j, (3, 37)),
    "every third": (lambda x: x[:, ::3] - x[:, 1::3][:, :13], (3, 39)),
    "broadcast": (lambda x: x[:, None] * x, (21,)),
    "softmax-like": (lambda x: x / tf.sum(x, axis=-1, keepdims=True), (4, 33)),
    "scalar": (lambda x: x[0, 0] * x[1, 1], (2, 2)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_through_memory(way: str, dtype: str) -> None:
    function, shape = WAYS[way]
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    want = np.asarray(function(tf.constant(x)))
    found = np.asarray(tf.function(function, jit_compile=True)(tf.constant(x)))
    assert found.dtype == want.dtype
    np.testing.assert_allclose(found, want, rtol=100 * float(np.finfo(dtype).eps))


TEXT = """
kernel turn(x: c64, out0: out c64, out1: out f32) for (i0: n, fold i1: m) {
  const c0: c64 = complex(0.0, 1.0)
  sweep {
    v1: c64 = x[i0 * (m) + i1]
    v2: c64 = v1 * c0
    fold acc3: c64 = acc3 + v2 from complex(0.0, 0.0)
  } after {
    v4: f32 = abs(acc3)
    out0[i0] = acc3
    out1[i0] = v4
  }
}
"""


def test_a_complex_kernel_as_text_and_as_python() -> None:
    kernel = parse_kernel(TEXT)
    assert parse_kernel(str(kernel)) == kernel
    x = (np.arange(12) + 1j * np.arange(12)[::-1]).astype(np.complex64)
    outs = np.zeros(3, np.complex64), np.zeros(3, np.float32)
    run_kernel(kernel, [x, *outs], {"n": 3, "m": 4})
    space = dict(kernel_namespace())
    exec(python_source(kernel, "turn"), space)
    again = np.zeros(3, np.complex64), np.zeros(3, np.float32)
    space["turn"](x, *again, 4, 3)
    want = (x.reshape(3, 4) * 1j).sum(1)
    for a, b, c in zip(outs, again, (want, abs(want)), strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-6)
        np.testing.assert_allclose(b, c, rtol=1e-6)


def test_the_state_of_a_complex_loop() -> None:
    text = """graph f(%n: i32[], %z: c64[], %c: c64[]) {
      %zero = constant() {value=i32[] [0]}
      %i: i32[], %w: c64[] = while(%zero, %z, %n, %c) {carried=2}
        region test(%i: i32[], %w: c64[], %n: i32[], %c: c64[]) { %t = less(%i, %n) return %t }
        region body(%i: i32[], %w: c64[], %n: i32[], %c: c64[]) {
          %one = constant() {value=i32[] [1]}
          %j = add(%i, %one)
          %s = multiply(%w, %w)
          %v = add(%s, %c)
          %p: c64[1] = reshape(%v) {shape=(1,)}
          %q: c64[] = sum(%p) {axis=(0,), keepdims=False}
          return %j, %q
        }
      return %w
    }"""
    inputs = [np.array(7, np.int32), np.array(0.1 + 0.2j, "c8"), np.array(-0.4 + 0.6j, "c8")]
    made = compile_graph(parse(text), NATIVE)
    assert len(made.kernels) == 1
    (found,) = made.prepare({})(inputs)
    z = 0.1 + 0.2j
    for _ in range(7):
        z = z * z + (-0.4 + 0.6j)
    assert abs(found - z) < 1e-6 and found.dtype == np.complex64
