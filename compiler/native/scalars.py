"""Scalar expressions to LLVM, by the rules of the dtypes; ``lanes.py`` has the values."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dtypes import info

from ..kernel.expression import parse
from . import complexmath, pairs
from .lanes import BOOL, Lanes, Value
from .vecmath import FUNCTIONS

__all__ = ["evaluate"]

_CONSTANTS = {"inf": math.inf, "nan": math.nan}
_SYMBOLS: Mapping[type, str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.BitOr: operator.or_, ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}  # fmt: skip
_ON_LITERALS: Mapping[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip


def evaluate(lanes: Lanes, expr: str, args: Mapping[str, Value], dtype: np.dtype[Any]) -> Value:
    """The value of an expression, cast to its dtype; literals take the dtype of what they meet."""
    result = _Expression(lanes, args, dtype).visit(parse(expr))
    return result.cast(dtype) if isinstance(result, Value) else lanes.constant(result, dtype)


class _Expression:
    """Visits a syntax tree; a part is a Value, or a Python number if it is a literal."""

    def __init__(self, lanes: Lanes, args: Mapping[str, Value], out: np.dtype[Any]) -> None:
        self.lanes, self.args, self.out = lanes, args, out

    def visit(self, node: ast.expr) -> Any:
        return getattr(self, type(node).__name__.lower())(node)

    def name(self, node: ast.Name) -> Any:
        return self.args[node.id] if node.id in self.args else _CONSTANTS[node.id]

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def binop(self, node: ast.BinOp) -> Any:
        left, right = self.visit(node.left), self.visit(node.right)
        if not isinstance(left, Value) and not isinstance(right, Value):
            return _fold(node.op, left, right)
        x, y = self.common(left, right)
        if isinstance(node.op, ast.LShift | ast.RShift):
            return shift(x, y, left=isinstance(node.op, ast.LShift))
        if isinstance(node.op, ast.Pow):
            return call("pow", x, y)
        if isinstance(node.op, ast.FloorDiv | ast.Mod):
            return divmod_(x, y)[isinstance(node.op, ast.Mod)]
        return _BINARY[type(node.op)](x, y)

    def unaryop(self, node: ast.UnaryOp) -> Any:
        operand = self.visit(node.operand)
        if not isinstance(operand, Value):
            return _ON_LITERALS[type(node.op)](operand)
        if isinstance(node.op, ast.Not):
            return ~operand.nonzero()
        if isinstance(node.op, ast.Invert):
            return ~operand
        return -operand if isinstance(node.op, ast.USub) else operand

    def compare(self, node: ast.Compare) -> Value:
        left, total = self.visit(node.left), None
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.visit(comparator)
            x, y = self.common(left, right)
            one = x.compare(_SYMBOLS[type(op)], y)
            total = one if total is None else total & one
            left = right
        assert total is not None
        return total

    def boolop(self, node: ast.BoolOp) -> Value:
        parts = [self.typed(self.visit(v)).nonzero() for v in node.values]
        total = parts[0]
        for part in parts[1:]:
            total = total & part if isinstance(node.op, ast.And) else total | part
        return total

    def ifexp(self, node: ast.IfExp) -> Value:
        test = self.typed(self.visit(node.test)).nonzero()
        yes, no = self.common(self.visit(node.body), self.visit(node.orelse))
        return test.select(yes, no, rare=_is_rare(node.test))

    def call(self, node: ast.Call) -> Value:
        assert isinstance(node.func, ast.Name)  # ``parse`` has seen to it
        values = [self.visit(a) for a in node.args]
        like = next((v.dtype for v in values if isinstance(v, Value)), self.out)
        args = [v if isinstance(v, Value) else self.lanes.constant(v, like) for v in values]
        if node.func.id == "integer":
            return args[0].truncated(self.out)
        return args[0].cast(self.out) if node.func.id == "cast" else call(node.func.id, *args)

    def typed(self, value: Any) -> Value:
        """A literal as a value of the result's dtype."""
        return value if isinstance(value, Value) else self.lanes.constant(value, self.out)

    def common(self, a: Any, b: Any) -> tuple[Value, Value]:
        """Two values of one dtype; a literal takes the other's, two literals the result's."""
        like = next((v.dtype for v in (a, b) if isinstance(v, Value)), self.out)
        x = a if isinstance(a, Value) else self.lanes.constant(a, like)
        y = b if isinstance(b, Value) else self.lanes.constant(b, like)
        return x, y


def _is_rare(test: ast.expr) -> bool:
    """Whether a test nearly never holds: what it asks for includes a NaN."""
    if isinstance(test, ast.BoolOp):
        return isinstance(test.op, ast.And) and any(map(_is_rare, test.values))
    return isinstance(test, ast.Call) and test.func.id == "isnan"  # type: ignore[attr-defined]


def call(name: str, *args: Value) -> Value:
    """A function of ``kernel/functions.py`` on values of one dtype."""
    if info(args[0].dtype).complex or name in pairs.OF_REAL:
        of_complex = complexmath.FUNCTIONS.get(name) or pairs.FUNCTIONS.get(name)
        if of_complex is not None:
            return of_complex(*args)
    own = _OWN.get(name)
    if own is not None:
        return own(*args)
    if name == "pow" and not args[0].floating:
        return _int_pow(*args)
    if not args[0].floating and name in ("maximum", "minimum"):
        x, y = args
        return x.compare(">" if name == "maximum" else "<", y).select(x, y)
    return FUNCTIONS[name].build(*args)


def shift(x: Value, y: Value, left: bool) -> Value:
    """Shifts as NumPy does them: a count beyond the width shifts everything out."""
    width, zero = x.like(8 * x.dtype.itemsize), x.like(0)
    inside = y.made(x.lanes.builder.icmp_unsigned("<", y.ir, width.ir), BOOL)
    if not left and info(x.dtype).signed:
        return x >> inside.select(y, 8 * x.dtype.itemsize - 1)
    count = inside.select(y, zero)
    return inside.select(x << count if left else x >> count, zero)


def divmod_(x: Value, y: Value) -> tuple[Value, Value]:
    """NumPy's floor_divide and remainder: of floating numbers from C's fmod."""
    if not x.floating:
        return _int_divmod(x, y)
    b, zero = x.lanes.builder, x.like(0.0)
    raw = x.made(b.frem(x.ir, y.ir))
    div = (x - raw) / y
    is_zero = raw.equals(zero)
    opposite = (raw < zero) ^ (y < zero)
    adjust = opposite & ~is_zero
    mod = adjust.select(raw + y, raw)
    mod = is_zero.select(call("copysign", zero, y), mod)
    div = adjust.select(div - 1.0, div)
    whole = call("floor", div)
    up = (div - whole) > 0.5
    whole = up.select(whole + 1.0, whole)
    exact = x / y
    signed_zero = call("copysign", zero, exact)
    whole = div.compare("!=", zero).select(whole, signed_zero)
    by_zero = y.equals(zero)
    return by_zero.select(exact, whole), by_zero.select(raw, mod)


def floordiv(x: Value, y: Value) -> Value:
    """The op ``floor_divide``: NumPy's, but the quotient itself where a number is infinite."""
    whole = divmod_(x, y)[0]
    if not x.floating:
        return whole
    return (abs(x).equals(math.inf) | abs(y).equals(math.inf)).select(x / y, whole)


def _int_divmod(x: Value, y: Value) -> tuple[Value, Value]:
    """Quotient and remainder of integers, for divisors other than 0; the least number divided by -1
    is itself, as in NumPy, where the machine's division would stop the process. So would a divisor
    of 0, which lanes have that nobody asked for."""
    own, known = info(x.dtype), _number(y.ir)
    if own.signed and known > 0 and not known & (known - 1):
        # the optimiser does not see through the corrections
        return x >> x.like(known.bit_length() - 1), x & (y - 1)
    if own.unsigned or known > 0 or x.lanes.count > 1:
        return _floored(x, y)
    b = x.lanes.builder  # numbers are seldom negative: no corrections, and quicker division
    common = (x >= x.like(0)) & (y > y.like(0))
    made = []
    with b.if_else(common.ir, likely=True) as ways:
        for way, divide in zip(ways, (_both_positive, _floored), strict=True):
            with way:
                made.append((divide(x, y), b.block))
    joined = []
    for i in (0, 1):
        phi = b.phi(x.ir.type)
        for values, block in made:
            phi.add_incoming(values[i].ir, block)
        joined.append(x.made(phi))
    return joined[0], joined[1]


def _both_positive(x: Value, y: Value) -> tuple[Value, Value]:
    b = x.lanes.builder
    return x.made(b.udiv(x.ir, y.ir)), x.made(b.urem(x.ir, y.ir))


def _floored(x: Value, y: Value) -> tuple[Value, Value]:
    """Quotient and remainder, rounded down, of any integers."""
    zero, own, known = x.like(0), info(x.dtype), _number(y.ir)
    unusable = y.equals(zero) | y.equals(y.like(-1)) if own.signed else y.equals(zero)
    safe = y if known > 0 else unusable.select(y.like(1), y)
    quotient = _truncated(x, safe)
    rest = x - quotient * safe
    if own.unsigned:
        return quotient, rest
    turned = (rest ^ y) < zero
    down = turned & rest.compare("!=", zero)
    quotient = down.select(quotient - x.like(1), quotient)
    rest = down.select(rest + y, rest)
    if known > 0:
        return quotient, rest
    return unusable.select(-x, quotient), unusable.select(zero, rest)


def _truncated(x: Value, y: Value) -> Value:
    """The quotient rounded to zero. Up to 32 bits the floating one is never so near to an integer
    that it would be rounded up to it; CPUs divide vectors of floating numbers only."""
    b = x.lanes.builder
    if x.lanes.count > 1 and info(x.dtype).bits <= 32 and not _number(y.ir):
        wide = np.dtype("float32" if info(x.dtype).bits <= 16 else "float64")
        near = x.cast(wide) / y.cast(wide)
        to_integer = b.fptosi if info(x.dtype).signed else b.fptoui
        return x.made(to_integer(near.ir, x.ir.type))
    divide = b.sdiv if info(x.dtype).signed else b.udiv
    return x.made(divide(x.ir, y.ir))


def _int_pow(x: Value, y: Value) -> Value:
    """The power of an integer, modulo its width, by squaring (Knuth 4.6.3); y is not negative."""
    b, lanes = x.lanes.builder, x.lanes
    before = b.block
    head = b.append_basic_block("head")
    after = b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    phis = [b.phi(value.ir.type) for value in (x, y, x)]
    base, left, total = (x.made(phi) for phi in phis)
    odd = (left & left.like(1)).compare("!=", left.like(0))
    product = odd.select(total * base, total)
    rest = left.logical_shift_right(left.like(1))
    starts, goes_on = (x, y, x.like(1)), (base * base, rest, product)
    for phi, first, then in zip(phis, starts, goes_on, strict=True):
        phi.add_incoming(first.ir, before)
        phi.add_incoming(then.ir, head)
    b.cbranch(lanes.any(rest.compare("!=", rest.like(0))), head, after)
    b.position_at_end(after)
    return product


def _number(value: ir.Value) -> int:
    """The integer that a value is known to be, in every lane; 0 if it is not known. LLVM divides by
    a known one with multiplications."""
    item: Any = value.constant if isinstance(value, ir.Constant) else None
    while isinstance(item, list | ir.Constant):  # a vector's are constants themselves
        item = item[0] if isinstance(item, list) else item.constant
    return item if isinstance(item, int) else 0


def _sign(x: Value) -> Value:
    zero, one = x.like(0), x.like(1)
    if x.floating:
        sign = call("copysign", one, x)
        flat = x.is_nan().select(x, zero)  # sign(-0.0) is 0.0
        return x.made(x.lanes.builder.fcmp_ordered("!=", x.ir, zero.ir), BOOL).select(sign, flat)
    nonzero = x.made(x.lanes.builder.icmp_unsigned("!=", x.ir, zero.ir), BOOL)
    found = nonzero.select(one, zero)
    return (x < zero).select(x.like(-1), found) if info(x.dtype).signed else found


def _mulhi(x: Value, y: Value) -> Value:
    """The upper half of the product of two unsigned integers."""
    b, bits = x.lanes.builder, info(x.dtype).bits
    wide = ir.IntType(2 * bits)
    kind = wide if x.lanes.count == 1 else ir.VectorType(wide, x.lanes.count)
    product = b.mul(b.zext(x.ir, kind), b.zext(y.ir, kind))
    by = ir.Constant(kind, bits if x.lanes.count == 1 else [bits] * x.lanes.count)
    return x.made(b.trunc(b.lshr(product, by), x.ir.type))


def _is_inf(x: Value) -> Value:
    return abs(x).equals(math.inf) if x.floating else x.lanes.constant(False, BOOL)


def _is_finite(x: Value) -> Value:
    return abs(x) < math.inf if x.floating else x.lanes.constant(True, BOOL)


def _fold(op: ast.operator, left: Any, right: Any) -> Any:
    table = {**_BINARY, ast.Pow: operator.pow, ast.FloorDiv: operator.floordiv}
    return table[type(op)](left, right)


_OWN: Mapping[str, Callable[..., Value]] = {
    "abs": abs,
    "class_number": lambda x, y: x,
    "fma": lambda x, y, z: x.intrinsic("fma", y, z),
    "floordiv": floordiv,
    "mod": lambda x, y: divmod_(x, y)[1],
    "mulhi": _mulhi,
    "isnan": Value.is_nan,
    "isinf": _is_inf,
    "isfinite": _is_finite,
    "sign": _sign,
}
