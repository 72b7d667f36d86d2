"""Symbolic sizes: canonical form, values, proofs and text."""

from __future__ import annotations

import copy
import doctest
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twofold.ir import dims
from twofold.ir.dim_text import parse_dim, parse_dim_prefix
from twofold.ir.dims import (
    Dim,
    DimLike,
    DimSyntaxError,
    ceil_div,
    compile_dims,
    dim_max,
    dim_min,
    evaluate,
    product,
    provably_eq,
    provably_le,
    provably_positive,
    substitute,
    symbol,
    symbols_of,
)

NAMES = ("a", "k0", "n", "max")
a, k, m, n = symbol("a"), symbol("k"), symbol("m"), symbol("n")

SYMBOLIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "max": dim_max,
    "min": dim_min,
    "ceil": ceil_div,
}
PLAIN = SYMBOLIC | {"max": max, "min": min, "ceil": lambda x, y: -(-x // y)}

leaves = st.sampled_from(NAMES) | st.integers(-7, 12)
trees = st.recursive(
    leaves, lambda sub: st.tuples(st.sampled_from(sorted(SYMBOLIC)), sub, sub), max_leaves=7
)
environments = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})
bounded = settings(max_examples=150, deadline=None, derandomize=True)


def build(tree: Any, leaf: Callable[[str], Any], table: dict[str, Callable[..., Any]]) -> Any:
    """The value of an expression tree; expressions without a value are discarded."""
    if isinstance(tree, tuple):
        op, left, right = tree
        args = build(left, leaf, table), build(right, leaf, table)
        try:
            return table[op](*args)
        except ZeroDivisionError:
            assume(False)
    return leaf(tree) if isinstance(tree, str) else tree


def symbolic(tree: Any) -> DimLike:
    d: DimLike = build(tree, symbol, SYMBOLIC)
    return d


# ---- canonical form


def test_constants_collapse_to_python_ints() -> None:
    for value in (n - n, 0 * n, n * 0, n // n, n % n, (n + 3) - n, substitute(n, {"n": 4})):
        assert type(value) is int
    assert (n - n, n // n, n % 1, (n + 3) - n, 0 // n, 0 % n) == (0, 1, 0, 3, 0, 0)


def test_equal_expressions_have_one_form_and_hash() -> None:
    pairs = [
        (n * m + n, n * (m + 1)),
        ((n + m) * (n - m), n * n - m * m),
        (dim_max(n, dim_max(m, k)), dim_max(dim_max(k, n), m)),
        (n // 2 // 3, n // 6),
        (((n + 1) // 2 + 1) // 2, (n + 3) // 4),
        (ceil_div(n, 8), (n + 7) // 8),
        (ceil_div(n, m), (n + m - 1) // m),
        ((2 * n + 1) // 4, n // 2),
        (6 * n % 4, 2 * (n % 2)),
        (n // -3, -n // 3),
        (n % 6 % 3, n % 3),
    ]
    for left, right in pairs:
        assert left == right and hash(left) == hash(right) and str(left) == str(right)


def test_floor_division_splits_off_the_divisible_part() -> None:
    assert 6 * n // 3 == 2 * n
    assert (4 * n + m) // 4 == n + m // 4
    assert (4 * n + m) % 4 == m % 4
    assert (3 * n + 7) // 2 == n + 3 + (n + 1) // 2
    assert (n * m + k) // m == n + k // m
    assert (n * m + k) % m == k % m


def test_polynomial_division_is_exact_or_stays() -> None:
    assert n * m // m == n
    assert (n * n - m * m) // (n + m) == n - m
    assert (n * n - m * m) % (n + m) == 0
    assert 12 * n * m * k // (4 * n * k) == 3 * m
    assert n * m // (n * k) == m // k
    assert n * m % (n * k) == n * (m % k)
    assert str(n * m // (m + 1)) == "m*n//(m+1)"


def test_division_with_a_provably_small_numerator_is_resolved() -> None:
    assert (n % 3) // 3 == 0
    assert n % 3 % 5 == n % 3
    assert n // (n + 1) == 0
    assert n % (n + m + 1) == n
    assert dim_min(n, 3) // 4 == 0


def test_max_and_min_drop_what_is_provably_ordered() -> None:
    assert dim_max(n, 0) == n and dim_min(n, 0) == 0
    assert dim_max(n, n + 1) == n + 1 and dim_min(n, n + m) == n
    assert dim_max(n, n // 2) == n
    assert dim_max(n, m, n) == dim_max(m, n)
    assert dim_max(3, 5) == 5 and dim_min(3, 5) == 3
    assert str(dim_max(1, n)) == "max(n, 1)"


def test_dividing_by_zero_raises() -> None:
    for op in (operator.floordiv, operator.mod):
        with pytest.raises(ZeroDivisionError):
            op(n, 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(op(n, m), {"n": 3, "m": 0})
        with pytest.raises(ZeroDivisionError):
            substitute(op(n, m), {"m": 0})
        with pytest.raises(ZeroDivisionError):
            compile_dims([op(n, m)], ["n", "m"])([3, 0])


def test_numpy_integers_mix_with_dims_and_become_python_ints() -> None:
    one: Any
    two: Any = np.int64(2)  # NumPy's annotations do not know Dim
    for one in (np.int64(1), np.int32(1), True):
        for value in (one + n, n + one):
            assert type(value) is Dim and value == n + 1
        assert type((n + one) - n) is int
    assert two * n == 2 * n and two // n == 2 // n and n % two == n % 2
    assert type(dim_max(two, 1)) is int


# ---- Dim as a Python object


def test_dim_refuses_to_be_a_truth_value_an_int_or_ordered() -> None:
    d: Any = n + 1
    for use in (bool, int, operator.index, range, [0].__getitem__, lambda x: x < 3, sorted_pair):
        with pytest.raises(TypeError):
            use(d)
    with pytest.raises(TypeError, match=r"the symbolic size n\+1 has no truth value"):
        bool(d)


def sorted_pair(d: Any) -> list[Any]:
    return sorted([d, n])


def test_equality_with_anything_else_is_false_and_never_raises() -> None:
    for other in (3, 0, "n", None, 1.5, np.int64(3), np.array([1, 2])):
        assert (n == other) is False and (n != other) is True
    with pytest.raises(TypeError):
        n + "1"  # type: ignore[operator]
    with pytest.raises(TypeError):
        n // 2.0  # type: ignore[operator]


def test_dims_survive_pickle_and_copy() -> None:
    d = dim_max(n * n // 3, m % 4) - 2
    for again in (pickle.loads(pickle.dumps(d)), copy.copy(d), copy.deepcopy(d)):
        assert again == d and hash(again) == hash(d) and str(again) == str(d)
    assert evaluate(pickle.loads(pickle.dumps(d)), {"n": 5, "m": 3}) == 6


def test_names_are_checked() -> None:
    for name in ("", "2n", "n-m", "ñ", "n\n"):
        with pytest.raises(DimSyntaxError):
            symbol(name)
    assert str(symbol("_K0a")) == "_K0a"


# ---- values


@bounded
@given(trees, environments)
def test_value_equals_python_integer_arithmetic(tree: Any, env: dict[str, int]) -> None:
    expected = build(tree, env.__getitem__, PLAIN)
    assert evaluate(symbolic(tree), env) == expected


@bounded
@given(st.lists(trees, max_size=3), environments)
def test_compiled_sizes_equal_evaluated_ones(forest: list[Any], env: dict[str, int]) -> None:
    expected = tuple(build(tree, env.__getitem__, PLAIN) for tree in forest)
    sizes = compile_dims([symbolic(tree) for tree in forest], list(env))
    assert sizes(list(env.values())) == expected


@bounded
@given(trees, trees, environments)
def test_substitution_equals_evaluation(tree: Any, inner: Any, env: dict[str, int]) -> None:
    value = build(inner, env.__getitem__, PLAIN)
    assume(value >= 0)  # symbols are sizes
    expected = build(tree, (env | {"n": value}).__getitem__, PLAIN)
    assert evaluate(substitute(symbolic(tree), {"n": symbolic(inner)}), env) == expected


def test_substitution_is_simultaneous() -> None:
    assert substitute(n - m, {"n": m, "m": n}) == m - n
    assert substitute(n + 1, {"k": 3}) == n + 1
    assert substitute(5, {"n": 3}) == 5


def test_symbols_are_found_inside_of_calls() -> None:
    assert symbols_of(dim_max(n // m, a % 3) * k) == {"a", "k", "m", "n"}
    assert symbols_of(3) == frozenset()


def test_missing_symbols_and_wrong_counts_are_refused() -> None:
    with pytest.raises(KeyError):
        evaluate(n + m, {"n": 1})
    with pytest.raises(KeyError):
        compile_dims([n + m], ["n"])
    with pytest.raises(ValueError, match="unpack"):
        compile_dims([n], ["n"])([1, 2])


def test_compiled_sizes_take_keyword_names_and_deep_nesting() -> None:
    deep: DimLike = n
    for _ in range(150):
        deep = dim_max(deep * 2 // 3, m) + 1
    sizes = compile_dims([deep, symbol("if") * 2], ["n", "m", "if"])
    assert sizes([9, 4, 5]) == (evaluate(deep, {"n": 9, "m": 4}), 10)
    assert compile_dims([], [])([]) == ()


def test_product_of_sizes() -> None:
    assert product([]) == 1 and product([2, n, 3, m]) == 6 * n * m and product([n, 0]) == 0
    two: Any = np.int64(2)
    assert type(product([two, 3])) is int


# ---- proofs


@bounded
@given(trees, trees, environments)
def test_proofs_are_never_wrong(left: Any, right: Any, env: dict[str, int]) -> None:
    x, y = (build(tree, env.__getitem__, PLAIN) for tree in (left, right))
    p, q = symbolic(left), symbolic(right)
    lower = {"n": max(env["n"] - 1, 0), "a": env["a"]}
    assert x <= y or not provably_le(p, q, lower)
    assert x == y or not provably_eq(p, q)
    assert x >= 1 or not provably_positive(p, lower)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("n", "n"),
        ("n", "n+m"),
        ("n//2", "n"),
        ("(n+1)//2", "n"),
        ("n%m", "m"),
        ("n//m", "n"),
        ("min(n, m)", "max(n, m)"),
        ("max(n//2, m)", "n+m"),
        ("n-n%4", "n"),
        ("n", "(n+7)//8*8"),
        ("n*(m//2)", "n*m"),
    ],
)
def test_orders_that_are_proved(left: str, right: str) -> None:
    assert provably_le(parse_dim(left), parse_dim(right))
    assert not provably_le(parse_dim(right) + 1, parse_dim(left))


def test_lower_bounds_strengthen_proofs() -> None:
    assert not provably_le(n, n * m) and provably_le(n, n * m, {"m": 1})
    assert not provably_le(3, n // 2) and provably_le(3, n // 2, {"n": 6})
    assert not provably_positive(n) and provably_positive(n, {"n": 1})
    assert provably_positive(n * n + 1) and not provably_positive(n - 1)


def test_equality_is_proved_across_different_forms() -> None:
    assert provably_eq(n // 2 + (n + 1) // 2, n)
    assert provably_eq(4 * (n // 4) + n % 4, n)
    assert provably_eq(3, 3) and not provably_eq(n, m) and not provably_eq(n // 2, n // 3)


# ---- text


@bounded
@given(trees)
def test_text_round_trips(tree: Any) -> None:
    d = symbolic(tree)
    again = parse_dim(str(d))
    assert again == d and str(again) == str(d) and type(again) is type(d)


@bounded
@given(trees, environments)
def test_text_reads_as_python_with_the_same_value(tree: Any, env: dict[str, int]) -> None:
    expected = build(tree, env.__getitem__, PLAIN)
    text = str(symbolic(tree)).replace("max", "big").replace("big(", "max(")
    names = {("big" if name == "max" else name): value for name, value in env.items()}
    assert eval(text, {"max": max, "min": min}, names) == expected


def test_spelling() -> None:
    for text in ("2*n+1", "m*n", "(n+1)//2", "max(m, n)", "n%3", "-n+1", "-(n//3)", "n-n//3"):
        assert str(parse_dim(text)) == text
    for text in ("2*(n//3)", "m//(k*n)", "n//(m//2)", "n*n-3", "-2*n", "m*n//(m+1)"):
        assert str(parse_dim(text)) == text
    assert repr(((n + 1) // 2, n)) == "((n+1)//2, n)"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("n+", 2),
        ("n + )", 4),
        ("2n", 1),
        ("n / 2", 2),
        ("(n", 2),
        ("max(n", 5),
        ("max(n,)", 6),
        ("n // (1-1)", 5),
        ("n**2", 2),
        ("n, m", 1),
        ("9" * 4001, 4000),
        ("(" * 101, 100),
    ],
)
def test_bad_text_is_refused_at_its_position(text: str, position: int) -> None:
    with pytest.raises(DimSyntaxError) as caught:
        parse_dim(text)
    assert caught.value.position == position
    assert isinstance(caught.value, ValueError)


def test_prefix_parsing_stops_at_the_end_of_the_size() -> None:
    text = "f32[ n//2 , max(n, m)+1]"
    first, end = parse_dim_prefix(text, 4)
    assert (first, text[end:]) == (n // 2, " , max(n, m)+1]")
    second, end = parse_dim_prefix(text, end + 2)
    assert (second, text[end:]) == (dim_max(n, m) + 1, "]")
    with pytest.raises(DimSyntaxError) as caught:
        parse_dim_prefix("f32[n,]", 6)
    assert caught.value.position == 6


def test_documentation_examples_are_true() -> None:
    result = doctest.testmod(dims)
    assert result.attempted > 5 and result.failed == 0
