"""What the op pages promise: ties, kinks, masks, integers, signs, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.sampling import fill, generator  # importing it also installs executor and operators

import twofold as tf
from twofold.ir.errors import ArgumentError, DTypeError, IndexOutOfBoundsError, IntegerDivisionError
from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap

INF, NAN = float("inf"), float("nan")
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, INF, -INF, NAN])


def run(name: str, *args: Any, **attrs: Any) -> Any:
    found = OPS[name] if name in OPS else COMPOSITES[name].function
    return found(*args, **attrs)


def values(tensor: Any) -> list[Any]:
    return tensor.numpy().tolist()


def t(*items: Any, dtype: str = "float64") -> Tensor:
    return wrap(np.array(items, dtype))


def gradients(function: Any, *inputs: Tensor) -> list[list[float]]:
    with GradientTape() as tape:
        tape.watch(list(inputs))
        out = function(*inputs)
    found = tape.gradient(out, list(inputs), unconnected_gradients="zero")
    return [values(g) for g in found]


LIMITS = {  # at -inf, inf and NaN: value, and slope
    "gelu": ([0.0, INF, NAN], [0.0, 1.0, NAN]), "silu": ([0.0, INF, NAN], [0.0, 1.0, NAN]),
    "mish": ([0.0, INF, NAN], [0.0, 1.0, NAN]), "hard_silu": ([0.0, INF, NAN], [0.0, 1.0, NAN]),
    "softsign": ([-1.0, 1.0, NAN], [0.0, 0.0, NAN]), "elu": ([-1.0, INF, NAN], [0.0, 1.0, NAN]),
    "log_sigmoid": ([-INF, 0.0, NAN], [1.0, 0.0, NAN]),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_activations_have_their_limits_at_infinity(name: str) -> None:
    value, slope = LIMITS[name]
    for dtype in ("float32", "float16"):
        x = t(-INF, INF, NAN, dtype=dtype)
        np.testing.assert_array_equal(run(name, x).numpy(), value)
        np.testing.assert_array_equal(gradients(lambda x: run(name, x), x)[0], slope)


UNARY = [
    name for name, op in OPS.items()
    if op.kind == "elementwise" and op.tensors == ("x",) and not op.has_attrs and op.vjp
    and "f" in op.accepts and name not in ("identity", "stop_gradient", "positive", "negative")
]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_a_branch_that_a_mask_did_not_take_has_gradient_zero(name: str) -> None:
    x = wrap(EDGES)
    never = wrap(np.zeros(EDGES.shape, bool))
    where = OPS["where"]

    def masked(x: Any) -> Any:
        return where(never, run(name, x), 0)

    assert gradients(masked, x) == [[0.0] * len(EDGES)]

    with GradientTape() as outer:  # and so has the second derivative
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = masked(x)
        first = tape.gradient(y, x)
    second = outer.gradient(first, x, unconnected_gradients="zero")
    assert values(second) == [0.0] * len(EDGES)


BINARY = [
    name for name, op in OPS.items()
    if op.kind == "elementwise" and op.tensors == ("x", "y") and op.vjp and "f" in op.accepts
]  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_a_masked_operand_pair_has_gradient_zero(name: str) -> None:
    x, y = (wrap(a.ravel()) for a in np.meshgrid(EDGES, EDGES))
    never = wrap(np.zeros(x.shape, bool))
    found = gradients(lambda x, y: OPS["where"](never, run(name, x, y), 0), x, y)
    assert found == [[0.0] * x.size] * 2


def test_the_taken_branch_keeps_its_infinite_derivative() -> None:
    assert gradients(OPS["sqrt"], t(0.0)) == [[INF]]
    assert gradients(OPS["log"], t(0.0)) == [[INF]]
    assert gradients(OPS["asin"], t(1.0)) == [[INF]]


def test_a_mask_around_log_gives_the_derivative_where_it_is_taken() -> None:
    x = t(0.0, -1.0, 2.0)
    where, log = OPS["where"], OPS["log"]
    assert gradients(lambda x: where(x > 0, log(x), 0.0), x) == [[0.0, 0.0, 0.5]]
    assert gradients(lambda x: where(x > 0, x * log(x), 0.0), x)[0][:2] == [0.0, 0.0]


def test_the_derivative_of_a_gradient_for_its_cotangent_survives_a_zero_cotangent() -> None:
    # Forward mode by two reverse sweeps differentiates the gradient at the cotangent 0.
    x, w = t(2.0, 4.0), t(0.0, 0.0)
    with GradientTape() as outer:
        outer.watch(w)
        with GradientTape() as tape:
            tape.watch(x)
            y = OPS["log"](x) * x
        pulled = tape.gradient(y, x, w)
    np.testing.assert_allclose(outer.gradient(pulled, w).numpy(), 1 + np.log([2.0, 4.0]))


def test_ties_give_all_to_the_first_operand() -> None:
    a, b = t(1.0, 2.0, 3.0), t(1.0, 3.0, 2.0)
    assert gradients(OPS["minimum"], a, b) == [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert gradients(OPS["maximum"], a, b) == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_clip_passes_the_full_gradient_at_a_bound() -> None:
    x = t(-2.0, -1.0, 0.0, 1.0, 2.0)
    found = gradients(lambda x: run("clip", x, -1.0, 1.0), x)
    assert found == [[0.0, 1.0, 1.0, 1.0, 0.0]]


def test_kinks_and_zero_radii() -> None:
    zero = t(0.0)
    assert gradients(OPS["abs"], zero) == [[0.0]]
    assert gradients(OPS["relu"], t(-1.0, 0.0, NAN, 1.0)) == [[0.0, 0.0, 0.0, 1.0]]
    assert gradients(lambda x: run("relu6", x), t(0.0, 3.0, 6.0)) == [[0.0, 1.0, 0.0]]
    assert gradients(OPS["hypot"], zero, t(0.0)) == [[0.0], [0.0]]
    assert gradients(OPS["atan2"], zero, t(0.0)) == [[0.0], [0.0]]
    assert gradients(OPS["xlogy"], t(0.0, 0.0), t(0.0, 2.0)) == [[0.0, 0.0], [0.0, 0.0]]
    z = wrap(np.zeros(1, complex))
    assert gradients(OPS["abs"], z) == gradients(OPS["angle"], z) == [[0j]]


def test_a_single_exponent_is_exact_at_zero_at_every_order() -> None:
    x = t(0.0)
    for exponent in (0, 1, 2, 3, 2.0):
        grads = [x]
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x**exponent
            for _ in range(4):
                y = tape.gradient(y, x, unconnected_gradients="zero")
                grads.append(y)
        orders = [g.item() for g in grads[1:]]
        e = int(exponent)
        assert orders == [float(np.prod(range(1, e + 1))) if k == e else 0.0 for k in range(1, 5)]


def test_sigmoid_cross_entropy_at_zero_has_the_smooth_gradient() -> None:
    found = gradients(lambda x: run("sigmoid_cross_entropy_with_logits", 1.0, x), t(0.0))
    assert found == [[-0.5]]


def test_cross_entropy_ignores_a_class_of_probability_zero() -> None:
    labels, logits = t(1.0, 0.0), t(0.0, -INF)
    loss = run("softmax_cross_entropy_with_logits", labels, logits)
    assert loss.item() == 0.0
    found = gradients(lambda x: run("softmax_cross_entropy_with_logits", labels, x), logits)
    assert found == [[0.0, 0.0]]


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_raises(label: int) -> None:
    with pytest.raises(IndexOutOfBoundsError):
        run("sparse_softmax_cross_entropy_with_logits", [label], t([0.0, 1.0, 2.0]))


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_an_integer_divided_by_zero_raises_with_the_index(name: str) -> None:
    with pytest.raises(IntegerDivisionError, match=r"index \[1\]"):
        run(name, t(1, 2, dtype="int32"), t(1, 0, dtype="int32"))
    assert len(values(run(name, t(1.0), t(0.0)))) == 1  # floating point does not raise


def test_an_integer_to_a_negative_integer_raises() -> None:
    with pytest.raises(ArgumentError, match="-2"):
        run("power", t(3, dtype="int32"), t(-2, dtype="int32"))
    assert values(run("power", t(4.0), -2)) == [0.0625]


def test_division_and_remainder_round_to_minus_infinity() -> None:
    x, y = t(7, -7, 7, -7, dtype="int32"), t(3, 3, -3, -3, dtype="int32")
    assert values(x // y) == [2, -3, -3, 2]
    assert values(x % y) == [1, 2, -2, -1]
    assert values(run("fmod", x, y)) == [1, -1, 1, -1]


def test_integers_wrap() -> None:
    x, y = t(250, 3, dtype="uint8"), t(10, 5, dtype="uint8")
    assert values(x + y) == [4, 8]
    assert values(x - y) == [240, 254]
    assert values(x * y) == [196, 15]
    assert values(-t(1, dtype="uint8")) == [255]
    assert values(abs(t(-128, dtype="int8"))) == [-128]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("int32", "int32", "float32"),
        ("int64", "int32", "float64"),
        ("float16", "int64", "float16"),
        ("bool", "bool", "float32"),
    ],
)
def test_division_of_integers_is_floating(left: str, right: str, expected: str) -> None:
    assert (t(1, dtype=left) / t(1, dtype=right)).dtype == expected


def test_python_numbers_are_weak() -> None:
    assert (t(1, dtype="float16") * 2.5).dtype == np.float16
    assert (t(1, dtype="int8") + 1).dtype == np.int8
    assert (1.5 - t(1, dtype="int32")).dtype == np.float32
    assert values(t(1.0) * 0.1) == [0.1]  # not the float32 nearest to 0.1


def test_rounding_keeps_integers_and_goes_half_to_even() -> None:
    x = t(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
    assert values(run("round", x)) == [-2.0, -2.0, -0.0, 0.0, 2.0, 2.0]
    for name in ("floor", "ceil", "trunc", "round"):
        assert run(name, t(3, dtype="int16")).dtype == np.int16


def test_comparisons_with_nan_are_false_except_not_equal() -> None:
    x, y = t(NAN), t(NAN)
    found = [x == y, x != y, x < y, x <= y, x > y, x >= y]
    assert [values(f) for f in found] == [[False], [True], [False], [False], [False], [False]]


def test_logic_takes_any_dtype() -> None:
    assert values(run("logical_and", t(NAN, 0.0), t(1, 1, dtype="int8"))) == [True, False]
    assert values(run("logical_not", t(0j, 1j, dtype="complex64"))) == [True, False]


def test_every_operator_calls_its_op_in_both_orders() -> None:
    x, y = t(6, 3, dtype="int32"), t(4, 5, dtype="int32")
    assert [values(v) for v in (x & y, x | y, x ^ y, ~x)] == [[4, 1], [6, 7], [2, 6], [-7, -4]]
    assert [values(v) for v in (+x, -x, abs(-x))] == [[6, 3], [-6, -3], [6, 3]]
    assert [values(v) for v in (7 - x, 7 // x, 7 % x, 2**x)] == [[1, 4], [1, 2], [1, 1], [64, 8]]
    assert [values(v) for v in (1 << x, 64 >> x, 1 | x)] == [[64, 8], [1, 8], [7, 3]]
    assert values(12 / t(4.0)) == [3.0]
    five, three = t(5, 5, dtype="int32"), t(3, 3, dtype="int32")
    assert [values(v) for v in (five > x, three <= x)] == [[False, True], [True, True]]


def test_shifts_beyond_the_width() -> None:
    x = t(-5, 5, dtype="int32")
    assert values(x << t(32, -1, dtype="int32")) == [0, 0]
    assert values(x >> t(40, 40, dtype="int32")) == [-1, 0]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bitwise_and", "float32"),
        ("less", "complex64"),
        ("maximum", "complex128"),
        ("subtract", "bool"),
        ("erf", "complex64"),
        ("floor", "complex64"),
    ],
)
def test_a_dtype_without_meaning_is_refused(name: str, dtype: str) -> None:
    args = [t(1, dtype=dtype)] * len(OPS[name].tensors)
    with pytest.raises(DTypeError, match=name):
        OPS[name](*args)


def test_complex_has_the_parts_it_was_made_of() -> None:
    z = run("complex", t(1.0, INF), t(NAN, -2.0))
    assert z.dtype == np.complex128
    assert values(run("real", z)) == [1.0, INF]
    np.testing.assert_array_equal(run("imag", z).numpy(), [NAN, -2.0])


def test_softmax_survives_extreme_logits() -> None:
    x = t([1000.0, 0.0, -1000.0], [-INF, 0.0, 0.0])
    assert values(run("softmax", x)) == [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]
    assert values(run("logsumexp", t(-INF, -INF))) == -INF
    assert values(run("logsumexp", t(INF, 0.0))) == INF


def test_moments_of_half_precision_do_not_overflow() -> None:
    mean, variance = run("moments", t(*[300.0] * 300, dtype="float16"), 0)
    assert (mean.item(), variance.item(), mean.dtype) == (300.0, 0.0, np.float16)


def test_masked_multiply_equals_the_product_when_nothing_is_masked() -> None:
    rng = generator("masked")
    for dtype in ("float32", "float64", "complex64", "float16"):
        g, d = (fill((50,), np.dtype(dtype), (-2.0, 2.0), rng) for _ in range(2))
        np.testing.assert_array_equal(OPS["masked_multiply"](g, d).numpy(), g * d)
        np.testing.assert_array_equal(OPS["masked_divide"](g, d).numpy(), g / d)
    g, d = np.array([0.0, 0.0, 1.0, NAN]), np.array([INF, NAN, NAN, 0.0])
    np.testing.assert_array_equal(OPS["masked_multiply"](g, d).numpy(), [0.0, 0.0, NAN, NAN])
    divisor = np.array([0.0, NAN, NAN, INF])
    np.testing.assert_array_equal(OPS["masked_divide"](g, divisor).numpy(), [0.0, 0.0, NAN, NAN])


def test_nothing_raised_to_a_negative_integer_is_nothing() -> None:
    empty = tf.zeros((0, 3), dtype="int32")
    assert tf.power(empty, -1).shape == (0, 3)
    assert tf.function(lambda x: x**-1)(empty).shape == (0, 3)


QUOTIENTS = {
    (INF, 2.0): INF, (INF, -2.0): -INF, (-INF, 2.0): -INF, (1.0, -INF): -0.0, (-1.0, INF): -0.0,
    (1.0, INF): 0.0, (INF, INF): NAN, (1.0, 0.0): INF, (-7.0, 2.0): -4.0,
}  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
def test_floor_divide_is_the_floor_of_the_quotient_at_infinities_too(compiled: bool) -> None:
    x, y = (t(*[pair[i] for pair in QUOTIENTS]) for i in (0, 1))
    divide = tf.function(tf.floor_divide, jit_compile=True) if compiled else tf.floor_divide
    found = divide(x, y).numpy()
    expected = np.array(list(QUOTIENTS.values()))
    np.testing.assert_array_equal(found, expected)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(found)[zero], np.signbit(expected)[zero])


def test_numpy_arrays_and_python_numbers_keep_the_quotient_of_python() -> None:
    x, y = (np.array([pair[i] for pair in QUOTIENTS]) for i in (0, 1))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(tf.function(lambda x, y: x // y)(x, y), x // y)
    halved = tf.function(lambda s: float(s) // 2.0)
    assert math.isnan(halved(t(INF)))
    assert halved(t(7.0)) == 3.0


@pytest.mark.parametrize("compiled", [False, True])
def test_hyperbolic_functions_of_complex_numbers_at_their_edges(compiled: bool) -> None:
    z = t(complex(INF, 2.0), complex(-INF, -0.5), complex(-0.0, 0.0), dtype="complex128")
    tanh, expm1 = tf.tanh, tf.expm1
    if compiled:
        tanh, expm1 = (tf.function(f, jit_compile=True) for f in (tanh, expm1))
    assert [str(v) for v in tanh(z).numpy()] == ["(1+0j)", "(-1-0j)", "(-0+0j)"]
    assert str(expm1(z).numpy()[2]) == "0j"
