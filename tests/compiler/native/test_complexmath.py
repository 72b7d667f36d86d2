"""Functions of complex numbers in kernels: C99's edges, a bound everywhere, both modes alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.complexmath import BOUND, FUNCTIONS
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run

Array = np.ndarray[Any, Any]
DTYPES = ["complex64", "complex128"]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 80.0, -120.0, 1e5, 1e30, 1e160, np.inf, -np.inf, np.nan]
GRID = np.array([complex(a, b) for a in EDGES for b in EDGES])
UNARY = sorted(FUNCTIONS.keys() - {"pow"})
EXACT: dict[str, Callable[[Any], Any]] = {
    "exp2": lambda z: mpmath.mpc(2) ** z, "log1p": lambda z: mpmath.log(1 + z),
    "log2": lambda z: mpmath.log(z) / mpmath.log(2), "sign": lambda z: z / abs(z),
    "log10": lambda z: mpmath.log(z) / mpmath.log(10), "rsqrt": lambda z: 1 / mpmath.sqrt(z),
}  # fmt: skip


def op(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(tf, name, None) or getattr(tf.math, name)
    return found


def in_kernels(function: Callable[..., Any], *arrays: Array) -> Array:
    """The result of a compiled function all of whose work is done in kernels."""
    made, inputs = tf.function(function, jit_compile=True), list(map(tf.constant, arrays))
    out: Array = made(*inputs).numpy()
    steps = {n.op.name for n in run(made.get_concrete_function(*inputs).graph, target=NATIVE).nodes}
    assert steps <= {"fused", "constant"}, steps
    return out


def points(dtype: str) -> Array:
    """Numbers of all sizes and directions, and next to the axes, the circle and the cuts."""
    rng = np.random.default_rng(0)
    n = 25
    tiny = np.exp(rng.uniform(-30, 0, n)) * rng.choice([-1, 1], n)
    angle = np.exp(1j * rng.uniform(-np.pi, np.pi, n))
    return np.concatenate([
        rng.standard_normal(n) + 1j * rng.standard_normal(n), 30 * rng.standard_normal(n) * angle,
        np.exp(rng.uniform(-30, 20, n)) * angle, angle * (1 + 1e-6 * tiny),
        rng.choice([1, -1, 0.5, 2], n) + 1j * tiny, tiny + 1j * rng.choice([1, -1, 0.5, 2], n),
    ]).astype(dtype)  # fmt: skip


def errors(found: Array, name: str, x: Array) -> Array:
    """Units in the last place of the modulus by which results differ from the exact ones."""
    exact, out = EXACT.get(name) or getattr(mpmath, name), []
    limits = np.finfo(x.real.dtype)
    with mpmath.workdps(40):
        for z, value in zip(x, found, strict=True):
            want = exact(mpmath.mpc(float(z.real), float(z.imag)))
            if limits.tiny < abs(want) < limits.max / 4:
                error = abs(mpmath.mpc(float(value.real), float(value.imag)) - want)
                out.append(float(error / abs(want)) / limits.eps)
            else:
                out.append(0.0)
    return np.array(out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_both_modes_are_within_the_bound(name: str, dtype: str) -> None:
    x = points(dtype)
    bound = BOUND + (np.abs(x) if name == "exp2" else 0)
    with np.errstate(all="ignore"):
        assert (errors(in_kernels(op(name), x), name, x) <= bound).all()
        assert (errors(op(name)(tf.constant(x)).numpy(), name, x) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_edges_are_those_of_eager_code(name: str, dtype: str) -> None:
    """Signs of zeros choose the side of a cut. Next to a NaN a sign has no meaning."""
    with np.errstate(over="ignore"):
        x = GRID.astype(dtype)
    if name == "exp2":  # whose angle is that of the product, for large numbers another
        x = x[~(np.abs(x.imag) > 1e3)]
    found, want = in_kernels(op(name), x), op(name)(tf.constant(x)).numpy()
    loose, size = np.isnan(want), np.abs(want)
    np.testing.assert_array_equal(np.isnan(found), loose)
    unit = np.finfo(x.real.dtype).eps * (128 if name == "exp2" else 16)
    for a, b in ((found.real, want.real), (found.imag, want.imag)):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_array_equal(np.abs(a[loose]), np.abs(b[loose]))
        finite = np.isfinite(b) & ~loose
        np.testing.assert_array_equal(a[~finite & ~loose], b[~finite & ~loose])
        scale = np.where(np.isfinite(size), size, np.abs(b))[finite]
        assert (np.abs(a[finite] - b[finite]) <= unit * scale).all()
        zero = finite & (b == 0)
        np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers(dtype: str) -> None:
    edges = [0.0, -0.0, 1.0, -2.0, 0.5, 3.0, -7.0, np.inf, -np.inf, np.nan]
    grid = np.array([complex(a, b) for a in edges for b in edges]).astype(dtype)
    x, y = np.repeat(grid, grid.size), np.tile(grid, grid.size)
    found, want = in_kernels(tf.pow, x, y), tf.pow(tf.constant(x), tf.constant(y)).numpy()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(want))
    finite = np.isfinite(found) & np.isfinite(want)
    with np.errstate(all="ignore"):
        steep = np.abs(y * np.log(x))[finite]
    wide = found[finite].astype("D") - want[finite]
    grown = np.where(np.isfinite(steep), steep, 0)
    allowed = (2 * BOUND + 2 * grown) * np.finfo(dtype).eps
    assert (np.abs(wide) <= allowed * np.abs(want[finite])).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_gaussian_integers_are_exact(dtype: str) -> None:
    x = np.array([1 + 2j, -3 + 1j, 2 - 1j, 0j, 1j]).astype(dtype)
    for exponent in range(6):
        found = in_kernels(lambda x, e=exponent: x**e, x)
        want = [complex(z) ** exponent for z in x]
        np.testing.assert_array_equal(found, np.array(want, dtype))


def test_a_modulus_neither_overflows_nor_vanishes() -> None:
    for dtype in DTYPES:
        limits = np.finfo(dtype)
        sizes = [limits.max / 2, limits.tiny, limits.smallest_subnormal * 8, 1.0]
        x = np.array([complex(s * 0.75, s) for s in sizes]).astype(dtype)
        found = in_kernels(tf.abs, x)
        np.testing.assert_allclose(found, np.array(sizes) * 1.25, rtol=4 * limits.eps)
        x = np.array([complex(s * 0.75, s) for s in sizes[2:]]).astype(dtype)
        for name in ("log", "sqrt"):
            with mpmath.workdps(40):
                want = [complex(getattr(mpmath, name)(mpmath.mpc(complex(z)))) for z in x]
            found = in_kernels(op(name), x)
            np.testing.assert_allclose(found, np.array(want, dtype), rtol=BOUND * limits.eps)


@pytest.mark.parametrize("mode", [False, True])
def test_gradients_of_compiled_functions(mode: bool) -> None:
    z = tf.constant([0.3 + 0.4j, -0.2 + 0.9j], dtype=tf.complex128)
    for name in ("exp", "sin", "tanh", "asinh", "log1p", "sqrt"):
        function, step = op(name), 1e-6

        def gradient(z: Any, function: Any = function) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                out = tf.reduce_sum(tf.math.real(function(z)))
            return tape.gradient(out, z)

        found = tf.function(gradient, jit_compile=mode)(z).numpy()
        slope = (function(z + step) - function(z - step)).numpy() / (2 * step)
        np.testing.assert_allclose(found, np.conj(slope), rtol=1e-7)
