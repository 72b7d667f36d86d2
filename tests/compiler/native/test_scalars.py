"""Scalars in kernels: arithmetic bit for bit as NumPy's, functions within 4 ulp, every special
value, every width of tail."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from llvmlite import ir

import twofold as tf
from twofold.compiler.kernel import functions as kernel_functions
from twofold.compiler.native.lanes import Lanes
from twofold.compiler.native.scalars import evaluate

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -7.0, 1e-40, -1e-40, 1e30, -1e30,
           np.inf, -np.inf, np.nan, 0.1, 7.25, 1e-7]  # fmt: skip
FLOATS = ["float32", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]

EXACT_UNARY = {
    "negative": lambda x: -x, "abs": tf.abs, "sign": tf.sign, "floor": tf.floor, "ceil": tf.ceil,
    "round": tf.round, "trunc": tf.trunc, "square": tf.square, "sqrt": tf.sqrt,
    "reciprocal": lambda x: 1 / x, "isnan": tf.isnan, "isinf": tf.isinf, "isfinite": tf.isfinite,
    "signbit": tf.signbit, "not": tf.logical_not, "relu": tf.nn.relu,
    "where": lambda x: tf.where(x > 0, x, -x), "zeros": lambda x: tf.zeros_like(x) + x,
    "positive": lambda x: tf.where(tf.isnan(x), 0, x), "to bool": lambda x: tf.cast(x, "bool"),
    "to double": lambda x: tf.cast(x, "float64") * 3, "to single": lambda x: tf.cast(x, "float32"),
}  # fmt: skip
EXACT_BINARY = {
    "add": tf.add, "subtract": tf.subtract, "multiply": tf.multiply, "divide": tf.divide,
    "maximum": tf.maximum, "minimum": tf.minimum, "floor_divide": tf.floor_divide,
    "remainder": tf.remainder, "copysign": tf.copysign, "equal": tf.equal, "less": tf.less,
    "not_equal": tf.not_equal, "less_equal": tf.less_equal, "greater": tf.greater,
    "greater_equal": tf.greater_equal, "and": tf.logical_and, "or": tf.logical_or,
    "xor": tf.logical_xor, "where": lambda x, y: tf.where(x < y, x, y),
    "squared_difference": tf.squared_difference,
}  # fmt: skip
CLOSE_UNARY = ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin",
               "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc",
               "sigmoid", "rsqrt"]  # fmt: skip


def assert_bits(found: Any, want: Any, message: str) -> None:
    assert (found.dtype, found.shape) == (want.dtype, want.shape), message
    np.testing.assert_array_equal(found, want, err_msg=message)
    if want.dtype.kind == "f":
        real = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(found)[real], np.signbit(want)[real], message)


def check_all(functions: dict[str, Any], *args: Any) -> None:
    """All the functions in one compilation, against eager."""

    def together(*xs: Any) -> dict[str, Any]:
        return {name: f(*xs) for name, f in functions.items()}

    found, want = tf.function(together, jit_compile=True)(*args), together(*args)
    for name in functions:
        assert_bits(found[name].numpy(), want[name].numpy(), name)


@pytest.mark.parametrize("dtype", FLOATS)
def test_arithmetic_on_floats_has_numpys_bits(dtype: str) -> None:
    rng = np.random.default_rng(0)
    values = np.array(SPECIAL, dtype)
    check_all(EXACT_UNARY, tf.constant(values))
    x, y = (np.array(p, dtype) for p in zip(*itertools.product(SPECIAL, repeat=2), strict=True))
    check_all(EXACT_BINARY, tf.constant(x), tf.constant(y))
    x, y = rng.standard_normal((2, 500)).astype(dtype) * np.exp2(rng.integers(-8, 8, (2, 500)))
    check_all(EXACT_BINARY, tf.constant(x.astype(dtype)), tf.constant(y.astype(dtype)))


INTEGER_BINARY = {
    "add": tf.add, "subtract": tf.subtract, "multiply": tf.multiply, "maximum": tf.maximum,
    "minimum": tf.minimum, "and": tf.bitwise_and, "or": tf.bitwise_or, "xor": tf.bitwise_xor,
    "equal": tf.equal, "less": tf.less, "greater_equal": tf.greater_equal,
    "where": lambda x, y: tf.where(x > y, x, y), "divide": tf.divide,
    "square": lambda x, y: tf.square(x) - y,
}  # fmt: skip
INTEGER_UNARY = {
    "abs": tf.abs, "sign": tf.sign, "invert": tf.bitwise_invert, "negative": lambda x: -x,
    "to float": lambda x: tf.cast(x, "float32"), "to double": lambda x: tf.cast(x, "float64"),
    "to bool": lambda x: tf.cast(x, "bool"), "to int8": lambda x: tf.cast(x, "int8"),
    "to uint64": lambda x: tf.cast(x, "uint64"), "to int64": lambda x: tf.cast(x, "int64"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", INTS)
def test_integers_wrap_as_numpys_do(dtype: str) -> None:
    limits = np.iinfo(dtype)
    edge = [limits.min, limits.min + 1, 0, 1, 2, 3, 7, 100, limits.max - 1, limits.max]
    edge += [] if limits.min == 0 else [-1, -2, -100]
    pairs = list(itertools.product(edge, repeat=2))
    x, y = (np.array([p[i] for p in pairs], dtype) for i in (0, 1))
    check_all(INTEGER_BINARY, tf.constant(x), tf.constant(y))
    check_all(INTEGER_UNARY, tf.constant(np.array(edge, dtype)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_shifts_beyond_the_width_shift_everything_out(dtype: str) -> None:
    width = 8 * np.dtype(dtype).itemsize
    x = np.array([0, 1, 5, 100, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)
    counts = np.array([0, 1, 3, width - 1, width, width + 5], dtype)
    x, counts = (a.ravel() for a in np.meshgrid(x, counts))
    shifts = {"left": tf.bitwise_left_shift, "right": tf.bitwise_right_shift}
    check_all(shifts, tf.constant(x), tf.constant(counts))


def test_bools() -> None:
    x, y = tf.constant([True, True, False, False]), tf.constant([True, False, True, False])
    check_all({
        "and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y,
        "add": tf.add, "multiply": tf.multiply, "not": lambda x, y: ~x, "less": tf.less,
        "maximum": tf.maximum, "equal": tf.equal, "cast": lambda x, y: tf.cast(x, "int8") - 3,
        "where": lambda x, y: tf.where(x, y, ~y),
    }, x, y)  # fmt: skip


def test_a_bool_that_is_a_byte_other_than_one() -> None:
    odd = np.array([0, 1, 2, 255], np.uint8).view(bool)
    f = tf.function(lambda p: (~p, tf.cast(p, "int32"), p & True), jit_compile=True)
    inverse, number, same = (np.asarray(t).tolist() for t in f(odd))
    assert inverse == [True, False, False, False]
    assert number == [0, 1, 1, 1]
    assert same == [False, True, True, True]


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_are_within_four_ulp_of_eager(dtype: str) -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([SPECIAL, rng.uniform(-4, 4, 200), rng.uniform(-1, 1, 100)]).astype(
        dtype
    )
    functions = {n: getattr(tf, n, None) or getattr(tf.nn, n) for n in CLOSE_UNARY}
    x = tf.constant(values)

    def together(x: Any) -> dict[str, Any]:
        return {name: f(x) for name, f in functions.items()}

    found = tf.function(together, jit_compile=True)(x)
    for name, want in together(x).items():
        a, b = found[name].numpy(), want.numpy()
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), name)
        finite = np.isfinite(b) & np.isfinite(a)
        np.testing.assert_array_equal(a[~finite], b[~finite], name)
        with np.errstate(all="ignore"):
            ulps = np.abs(a[finite] - b[finite]) / np.spacing(np.abs(b[finite]))
        assert ulps.max() <= 4, (name, values[finite][ulps.argmax()])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("where", [0, 7, 30, 64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
def test_reductions_let_special_values_through(value: float, where: int, dtype: str) -> None:
    x = np.linspace(1, 2, 65).astype(dtype)
    x[where] = value
    together = {
        "max": lambda x: tf.max(x), "min": lambda x: tf.min(x), "row": lambda x: tf.max(x, axis=1),
        "column": lambda x: tf.min(x, axis=0), "any": lambda x: tf.any(x), "all": lambda x: tf.all(x, axis=1),
    }  # fmt: skip
    check_all(together, tf.constant(np.stack([x, x[::-1]])))


@pytest.mark.parametrize("shape", [(1, 100_000), (300, 333), (99_999, 1), (7, 3)])
def test_sums_keep_the_documented_bound(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    f = tf.function(lambda x: (tf.sum(x), tf.sum(x, axis=0), tf.sum(x, axis=1)), jit_compile=True)
    for found, axis in zip(f(x), (None, 0, 1), strict=True):
        exact = x.astype(np.float64).sum(axis=axis)
        size = np.abs(x.astype(np.float64)).sum(axis=axis)
        bound = 32 * np.finfo(np.float32).eps * size
        assert (np.abs(found.numpy() - exact) <= bound).all()


@pytest.mark.parametrize("name", kernel_functions.FUNCTIONS)
def test_machine_code_has_every_function_that_the_loop_ir_knows(name: str) -> None:
    function = kernel_functions.FUNCTIONS[name]
    builder = ir.IRBuilder(ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), []), "f").append_basic_block())  # fmt: skip
    lanes, dtype = Lanes(builder, 4), np.dtype("float32")
    args = {f"x{i}": lanes.constant(0.5, dtype) for i in range(function.arity)}
    out = np.dtype(bool) if function.test else dtype
    assert evaluate(lanes, f"{name}({', '.join(args)})", args, out).dtype == out
