"""Scalar expressions to LLVM: typed values of one lane or many, by the rules of the dtypes.

Arithmetic on floating values carries no fast-math flags and is not contracted: it gives the same
bits as NumPy. Integers wrap. A bool is an i1 in registers and a byte in memory.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ..kernel.expression import parse
from .vecmath import VectorMath

__all__ = ["Scalars", "Typed"]

BOOL = np.dtype(bool)
_SPECIAL = {"inf": math.inf, "nan": math.nan}


class Typed(NamedTuple):
    """An LLVM value and the dtype that says what it means."""

    ir: Any
    dtype: np.dtype[Any]


def element_type(dtype: np.dtype[Any], memory: bool = False) -> ir.Type:
    """The LLVM type of one element, in a register or in memory."""
    if dtype.kind == "b":
        return ir.IntType(8 if memory else 1)
    if dtype.kind == "f":
        return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    return ir.IntType(8 * dtype.itemsize)


class Scalars:
    """Emits expressions at the builder's position for a number of lanes."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes

    def type(self, dtype: np.dtype[Any], memory: bool = False) -> ir.Type:
        """The register (or memory) type of this many elements."""
        element = element_type(dtype, memory)
        return element if self.lanes == 1 else ir.VectorType(element, self.lanes)

    def constant(self, value: Any, dtype: np.dtype[Any]) -> Typed:
        """The same constant in every lane."""
        if dtype.kind == "f":
            item: Any = float(np.asarray(value).astype(dtype))
        else:
            item = int(bool(value)) if dtype.kind == "b" else int(value)
        kind = self.type(dtype)
        return Typed(ir.Constant(kind, item if self.lanes == 1 else [item] * self.lanes), dtype)

    def splat(self, value: Any, dtype: np.dtype[Any]) -> Typed:
        """A scalar repeated in every lane."""
        if self.lanes == 1:
            return Typed(value, dtype)
        kind = self.type(dtype)
        start = self.builder.insert_element(
            ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return Typed(self.builder.shuffle_vector(start, start, mask), dtype)

    def apply(self, expr: str, args: Mapping[str, Typed], out: np.dtype[Any]) -> Typed:
        """The value of an expression, of dtype ``out``."""
        result = self._visit(parse(expr), args, out)
        if not isinstance(result, Typed):
            return self.constant(result, out)
        return self.cast(result, out)

    def cast(self, x: Typed, dtype: np.dtype[Any]) -> Typed:
        """Convert as NumPy's ``astype``; floating to integer is not supported here."""
        if x.dtype == dtype:
            return x
        b, kind = self.builder, self.type(dtype)
        src = x.dtype
        if dtype.kind == "b":
            return self._nonzero(x)
        if src.kind == "f" and dtype.kind == "f":
            made = b.fpext(x.ir, kind) if dtype.itemsize > src.itemsize else b.fptrunc(x.ir, kind)
        elif dtype.kind == "f":
            made = b.sitofp(x.ir, kind) if src.kind == "i" else b.uitofp(x.ir, kind)
        elif src.kind == "b" or (src.kind == "u" and dtype.itemsize > src.itemsize):
            made = b.zext(x.ir, kind)
        elif dtype.itemsize > src.itemsize:
            made = b.sext(x.ir, kind)
        else:
            made = b.trunc(x.ir, kind) if dtype.itemsize < src.itemsize else x.ir
        return Typed(made, dtype)

    def _nonzero(self, x: Typed) -> Typed:
        if x.dtype.kind == "b":
            return x
        zero = self.constant(0, x.dtype).ir
        if x.dtype.kind == "f":
            return Typed(self.builder.fcmp_unordered("!=", x.ir, zero), BOOL)
        return Typed(self.builder.icmp_signed("!=", x.ir, zero), BOOL)

    def _visit(self, node: ast.expr, args: Mapping[str, Typed], out: np.dtype[Any]) -> Any:
        def go(n: ast.expr) -> Any:
            return self._visit(n, args, out)

        def typed(n: ast.expr) -> Typed:
            value = go(n)
            return value if isinstance(value, Typed) else self.constant(value, out)

        if isinstance(node, ast.Name):
            return args[node.id] if node.id in args else _SPECIAL[node.id]
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            left, right = go(node.left), go(node.right)
            if not isinstance(left, Typed) and not isinstance(right, Typed):
                return _fold(node.op, left, right)
            return self._binary(node.op, *self._common(left, right))
        if isinstance(node, ast.UnaryOp):
            operand = go(node.operand)
            if not isinstance(operand, Typed):
                signs: dict[type, Any] = {ast.USub: operator.neg, ast.UAdd: operator.pos,
                                          ast.Not: operator.not_}  # fmt: skip
                return signs[type(node.op)](operand)
            return self._unary(node.op, operand)
        if isinstance(node, ast.Compare):
            return self._comparisons(node, go)
        if isinstance(node, ast.BoolOp):
            parts = [self._nonzero(typed(v)) for v in node.values]
            total = parts[0].ir
            for part in parts[1:]:
                join = self.builder.and_ if isinstance(node.op, ast.And) else self.builder.or_
                total = join(total, part.ir)
            return Typed(total, BOOL)
        if isinstance(node, ast.IfExp):
            test = self._nonzero(typed(node.test))
            yes, no = self._common(go(node.body), go(node.orelse), out)
            return Typed(self.builder.select(test.ir, yes.ir, no.ir), yes.dtype)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            values = [go(a) for a in node.args]
            return self._call(node.func.id, values, out)
        raise TypeError(f"{ast.unparse(node)} cannot stand in a kernel expression")

    def _common(self, a: Any, b: Any, default: np.dtype[Any] | None = None) -> tuple[Typed, Typed]:
        """Two values of one dtype; a literal takes the other's."""
        like = next((v.dtype for v in (a, b) if isinstance(v, Typed)), default)
        assert like is not None
        x = a if isinstance(a, Typed) else self.constant(a, like)
        y = b if isinstance(b, Typed) else self.constant(b, like)
        return x, y

    def _binary(self, op: ast.operator, x: Typed, y: Typed) -> Typed:
        b, kind = self.builder, x.dtype.kind
        if kind == "f":
            return Typed(self._float_binary(op, x, y), x.dtype)
        if kind == "b":
            table: dict[type, Any] = {
                ast.Add: b.or_,
                ast.BitOr: b.or_,
                ast.Mult: b.and_,
                ast.BitAnd: b.and_,
                ast.BitXor: b.xor,
            }
            return Typed(table[type(op)](x.ir, y.ir), x.dtype)
        if isinstance(op, ast.LShift | ast.RShift):
            return self._shift(op, x, y)
        plain: dict[type, Any] = {
            ast.Add: b.add,
            ast.Sub: b.sub,
            ast.Mult: b.mul,
            ast.BitOr: b.or_,
            ast.BitAnd: b.and_,
            ast.BitXor: b.xor,
        }
        return Typed(plain[type(op)](x.ir, y.ir), x.dtype)

    def _float_binary(self, op: ast.operator, x: Typed, y: Typed) -> Any:
        b = self.builder
        table: dict[type, Any] = {
            ast.Add: b.fadd,
            ast.Sub: b.fsub,
            ast.Mult: b.fmul,
            ast.Div: b.fdiv,
        }
        if type(op) in table:
            return table[type(op)](x.ir, y.ir)
        if isinstance(op, ast.Pow):
            return self._math("pow", x, y).ir
        quotient, remainder = self._divmod(x, y)
        return quotient.ir if isinstance(op, ast.FloorDiv) else remainder.ir

    def _divmod(self, x: Typed, y: Typed) -> tuple[Typed, Typed]:
        """NumPy's floating floor_divide and remainder, from C's fmod."""
        b, dtype = self.builder, x.dtype
        zero = self.constant(0.0, dtype)
        raw = b.frem(x.ir, y.ir)
        div = b.fdiv(b.fsub(x.ir, raw), y.ir)
        is_zero = b.fcmp_ordered("==", raw, zero.ir)
        opposite = b.xor(b.fcmp_ordered("<", raw, zero.ir), b.fcmp_ordered("<", y.ir, zero.ir))
        adjust = b.and_(opposite, b.not_(is_zero))
        mod = b.select(adjust, b.fadd(raw, y.ir), raw)
        mod = b.select(is_zero, self._math("copysign", zero, y).ir, mod)
        div = b.select(adjust, b.fsub(div, self.constant(1.0, dtype).ir), div)
        whole = self._math("floor", Typed(div, dtype)).ir
        up = b.fcmp_ordered(">", b.fsub(div, whole), self.constant(0.5, dtype).ir)
        whole = b.select(up, b.fadd(whole, self.constant(1.0, dtype).ir), whole)
        exact = b.fdiv(x.ir, y.ir)
        signed_zero = self._math("copysign", zero, Typed(exact, dtype)).ir
        whole = b.select(b.fcmp_unordered("!=", div, zero.ir), whole, signed_zero)
        by_zero = b.fcmp_ordered("==", y.ir, zero.ir)
        return (
            Typed(b.select(by_zero, exact, whole), dtype),
            Typed(b.select(by_zero, raw, mod), dtype),
        )

    def _shift(self, op: ast.operator, x: Typed, y: Typed) -> Typed:
        """Shifts as NumPy does them: a count beyond the width shifts everything out."""
        b, dtype = self.builder, x.dtype
        width = 8 * dtype.itemsize
        inside = b.icmp_unsigned("<", y.ir, self.constant(width, dtype).ir)
        if isinstance(op, ast.LShift):
            count = b.select(inside, y.ir, self.constant(0, dtype).ir)
            return Typed(b.select(inside, b.shl(x.ir, count), self.constant(0, dtype).ir), dtype)
        if dtype.kind == "i":
            count = b.select(inside, y.ir, self.constant(width - 1, dtype).ir)
            return Typed(b.ashr(x.ir, count), dtype)
        count = b.select(inside, y.ir, self.constant(0, dtype).ir)
        return Typed(b.select(inside, b.lshr(x.ir, count), self.constant(0, dtype).ir), dtype)

    def _unary(self, op: ast.unaryop, x: Typed) -> Typed:
        b = self.builder
        if isinstance(op, ast.Not):
            return Typed(b.not_(self._nonzero(x).ir), BOOL)
        if isinstance(op, ast.Invert):
            return Typed(b.not_(x.ir), x.dtype)
        if isinstance(op, ast.UAdd):
            return x
        return Typed(b.fneg(x.ir) if x.dtype.kind == "f" else b.neg(x.ir), x.dtype)

    def _comparisons(self, node: ast.Compare, go: Any) -> Typed:
        left = go(node.left)
        total: Any = None
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = go(comparator)
            x, y = self._common(left, right)
            one = self._compare(op, x, y)
            total = one if total is None else self.builder.and_(total, one)
            left = right
        return Typed(total, BOOL)

    def _compare(self, op: ast.cmpop, x: Typed, y: Typed) -> Any:
        symbol = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
                  ast.NotEq: "!="}[type(op)]  # fmt: skip
        b = self.builder
        if x.dtype.kind == "f":
            compare = b.fcmp_unordered if symbol == "!=" else b.fcmp_ordered
            return compare(symbol, x.ir, y.ir)
        compare = b.icmp_signed if x.dtype.kind == "i" else b.icmp_unsigned
        return compare(symbol, x.ir, y.ir)

    def _call(self, name: str, values: list[Any], out: np.dtype[Any]) -> Typed:
        like = next((v.dtype for v in values if isinstance(v, Typed)), out)
        args = [v if isinstance(v, Typed) else self.constant(v, like) for v in values]
        if name == "cast":
            return self.cast(args[0], out)
        if name in ("floordiv", "mod"):
            return self._divmod(args[0], args[1])[name == "mod"]
        special = getattr(self, f"_call_{name}", None)
        if special is not None:
            found: Typed = special(*args)
            return found
        return self._math(name, *args)

    def _math(self, name: str, *args: Typed) -> Typed:
        dtype = args[0].dtype
        vm = VectorMath(self.builder, dtype, self.lanes)
        return Typed(vm.call(name, *[a.ir for a in args]), dtype)

    def _call_fma(self, x: Typed, y: Typed, z: Typed) -> Typed:
        return Typed(self._intrinsic("fma", x, y, z), x.dtype)

    def _intrinsic(self, name: str, *args: Typed) -> Any:
        kind = self.type(args[0].dtype)
        suffix = f"{'f' if args[0].dtype.kind == 'f' else 'i'}{8 * args[0].dtype.itemsize}"
        full = f"llvm.{name}.{suffix if self.lanes == 1 else f'v{self.lanes}{suffix}'}"
        module = self.builder.module
        fn = module.globals.get(full) or ir.Function(
            module, ir.FunctionType(kind, [kind] * len(args)), full
        )
        return self.builder.call(fn, [a.ir for a in args])

    def _call_isnan(self, x: Typed) -> Typed:
        if x.dtype.kind != "f":
            return self.constant(False, BOOL)
        return Typed(self.builder.fcmp_unordered("uno", x.ir, x.ir), BOOL)

    def _call_isinf(self, x: Typed) -> Typed:
        if x.dtype.kind != "f":
            return self.constant(False, BOOL)
        size = self._intrinsic("fabs", x)
        return Typed(
            self.builder.fcmp_ordered("==", size, self.constant(math.inf, x.dtype).ir), BOOL
        )

    def _call_isfinite(self, x: Typed) -> Typed:
        if x.dtype.kind != "f":
            return self.constant(True, BOOL)
        size = self._intrinsic("fabs", x)
        return Typed(
            self.builder.fcmp_ordered("<", size, self.constant(math.inf, x.dtype).ir), BOOL
        )

    def _call_abs(self, x: Typed) -> Typed:
        if x.dtype.kind == "f":
            return Typed(self._intrinsic("fabs", x), x.dtype)
        if x.dtype.kind in "ub":
            return x
        b = self.builder
        negative = b.icmp_signed("<", x.ir, self.constant(0, x.dtype).ir)
        return Typed(b.select(negative, b.neg(x.ir), x.ir), x.dtype)

    def _call_sign(self, x: Typed) -> Typed:
        b, zero, one = self.builder, self.constant(0, x.dtype), self.constant(1, x.dtype)
        if x.dtype.kind == "f":
            sign = self._math("copysign", one, x)
            is_nan = b.fcmp_unordered("uno", x.ir, x.ir)
            flat = b.select(is_nan, x.ir, zero.ir)  # sign(-0.0) is 0.0
            return Typed(b.select(b.fcmp_ordered("!=", x.ir, zero.ir), sign.ir, flat), x.dtype)
        positive = b.icmp_unsigned("!=", x.ir, zero.ir)
        got = b.select(positive, one.ir, zero.ir)
        if x.dtype.kind == "i":
            negative = b.icmp_signed("<", x.ir, zero.ir)
            got = b.select(negative, self.constant(-1, x.dtype).ir, got)
        return Typed(got, x.dtype)

    def _call_maximum(self, x: Typed, y: Typed) -> Typed:
        return self._extreme(x, y, "maximum", ">")

    def _call_minimum(self, x: Typed, y: Typed) -> Typed:
        return self._extreme(x, y, "minimum", "<")

    def _extreme(self, x: Typed, y: Typed, name: str, symbol: str) -> Typed:
        b = self.builder
        if x.dtype.kind == "f":
            return self._math(name, x, y)
        compare = b.icmp_signed if x.dtype.kind == "i" else b.icmp_unsigned
        return Typed(b.select(compare(symbol, x.ir, y.ir), x.ir, y.ir), x.dtype)


def _fold(op: ast.operator, left: Any, right: Any) -> Any:
    table: dict[type, Any] = {
        ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
        ast.Div: operator.truediv, ast.Pow: operator.pow, ast.FloorDiv: operator.floordiv,
    }  # fmt: skip
    return table[type(op)](left, right)
