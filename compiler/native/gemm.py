"""Matrix products to LLVM: the kernel function that calls BLAS, unit by unit.

``cut.py`` says what units there are and what the context holds; ``emit_total`` adds up the sums of
the mode ``INNER``; ``emit_mirror`` copies what is below a diagonal to above it. A product that is
one call of BLAS has a function that does no more (``emit_single``, ``emit_vector``,
``emit_inner``). NumPy calls the same routine for the same operands: ``dot`` for two vectors.
"""

from __future__ import annotations

from llvmlite import ir

from twofold.ir.dtypes import DTypeInfo
from twofold.runtime.blas import find_blas
from twofold.runtime.products import COLUMNS, ROWS

from .code import I32, I64, POINTER, Code, new_function
from .cut import INNER, TURNED, Inner, Single, Vector, Words
from .lanes import element_type

__all__ = ["emit_gemm", "emit_inner", "emit_mirror", "emit_single", "emit_total", "emit_vector"]

DOUBLE = ir.DoubleType()


def emit_gemm(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the kernel function for one dtype."""
    fn = new_function(module, name)
    _Product(fn, own).write()
    return fn


def emit_single(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the function of one call of ``gemm``; the words are a ``Single``."""
    fn = new_function(module, name)
    calls = _Calls(fn, own)
    calls.gemm(Single(*calls.words(len(Single._fields))))
    calls.code.finish()
    return fn


def emit_vector(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the function of one call of ``gemv``; the words are a ``Vector``."""
    fn = new_function(module, name)
    calls = _Calls(fn, own)
    calls.gemv(Vector(*calls.words(len(Vector._fields))))
    calls.code.finish()
    return fn


def emit_inner(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the function of one call of ``dot``; the words are an ``Inner``."""
    fn = new_function(module, name)
    calls = _Calls(fn, own)
    calls.dot(Inner(*calls.words(len(Inner._fields))))
    calls.code.finish()
    return fn


class _Calls:
    """Writes calls of BLAS for one dtype, which takes complex factors by their addresses."""

    def __init__(self, fn: ir.Function, own: DTypeInfo) -> None:
        self.fn, self.code = fn, Code(fn)
        self.real, self.parts = element_type(own.part_dtype), 1 + own.complex
        self.b = self.code.b
        self.factor: ir.Type = POINTER if own.complex else self.real
        self.one, self.zero = self.scalar(1.0), self.scalar(0.0)
        blas = find_blas()
        self.size_type = I64 if blas is None or blas.int_bits == 64 else I32

    def words(self, count: int) -> list[ir.Value]:
        """The words of the context."""
        b, context = self.b, self.fn.args[0]
        return [b.load(b.gep(context, [I64(i)], source_etype=I64), typ=I64) for i in range(count)]

    def scalar(self, number: float) -> ir.Value:
        """A real factor as BLAS takes it."""
        if self.parts == 1:
            return self.real(number)
        kind = ir.ArrayType(self.real, 2)
        slot = self.code.slot(kind)
        self.b.store(ir.Constant(kind, [number, 0.0]), slot)
        return slot

    def _size(self, value: ir.Value) -> ir.Value:
        return value if self.size_type is I64 else self.b.trunc(value, I32)

    def gemm(self, x: Single) -> None:
        """``c = op(a) @ op(b)``."""
        b, size = self.b, self.size_type
        kind = ir.FunctionType(ir.VoidType(), [
            I32, I32, I32, size, size, size, self.factor, POINTER, size, POINTER, size,
            self.factor, POINTER, size])  # fmt: skip
        left, right, out = (b.inttoptr(place, POINTER) for place in (x.a, x.b, x.c))
        b.call(b.inttoptr(x.gemm, ir.PointerType(kind)), [
            I32(101), b.trunc(x.trans_a, I32), b.trunc(x.trans_b, I32),
            *map(self._size, (x.m, x.n, x.k)), self.one, left, self._size(x.lda),
            right, self._size(x.ldb), self.zero, out, self._size(x.ldc)])  # fmt: skip

    def gemv(self, x: Vector) -> None:
        """``out = op(matrix) @ vector``; each operand with its step."""
        b, size = self.b, self.size_type
        kind = ir.FunctionType(ir.VoidType(), [I32, I32, size, size, self.factor, POINTER, size,
                               POINTER, size, self.factor, POINTER, size])  # fmt: skip
        matrix, vector, out = (b.inttoptr(place, POINTER) for place in (x.matrix, x.vector, x.out))
        b.call(b.inttoptr(x.gemv, ir.PointerType(kind)), [
            I32(101), b.trunc(x.trans, I32), self._size(x.rows), self._size(x.columns), self.one,
            matrix, self._size(x.leading), vector, self._size(x.step), self.zero, out,
            self._size(x.out_step)],
        )  # fmt: skip

    def dot(self, x: Inner) -> None:
        """``c = sum(a * b)``, nothing conjugated; each vector with its step."""
        b, size = self.b, self.size_type
        left, right, out = (b.inttoptr(place, POINTER) for place in (x.a, x.b, x.c))
        given = [self._size(x.k), left, self._size(x.a_step), right, self._size(x.b_step)]
        kinds = [size, POINTER, size, POINTER, size]
        if self.parts == 1:
            kind = ir.FunctionType(self.real, kinds)
            b.store(b.call(b.inttoptr(x.dot, ir.PointerType(kind)), given), out)
        else:
            kind = ir.FunctionType(ir.VoidType(), [*kinds, POINTER])
            b.call(b.inttoptr(x.dot, ir.PointerType(kind)), [*given, out])


class _Product(_Calls):
    """Writes the function of products of one dtype.

    Sums of blocks are added up part by part: a row of complex numbers is one of twice as many real
    ones.
    """

    def __init__(self, fn: ir.Function, own: DTypeInfo) -> None:
        super().__init__(fn, own)
        self.w = Words(*self.words(len(Words._fields)))

    def write(self) -> None:
        """The whole function: units, and in each the blocks of its inner axis."""
        b, w, code = self.b, self.w, self.code
        _, lo, hi = self.fn.args
        lower = self._is(w.lower, 1)  # from the bottom: the longest panels come first
        lo, hi = b.select(lower, b.sub(w.m, hi), lo), b.select(lower, b.sub(w.m, lo), hi)
        extent = b.sub(hi, lo)
        columns = b.select(self._is(w.mode, COLUMNS), extent, b.select(lower, hi, w.n))
        rows = b.select(self._is(w.mode, ROWS), extent, w.m)
        panel = b.or_(self._is(w.mode, COLUMNS), self._is(w.mode, ROWS))
        stop = b.select(panel, b.add(lo, I64(1)), hi)
        with code.loop(lo, stop) as unit:
            a, bb, c, acc = (
                b.add(base, b.mul(unit, step))
                for base, step in ((w.a, w.a_unit), (w.b, w.b_unit), (w.c, w.c_unit),
                                   (w.acc, w.acc_unit))
            )  # fmt: skip
            first = b.select(self._is(w.mode, INNER), b.mul(unit, w.chunk), I64(0))
            terms = code.least(w.chunk, b.sub(w.k, first))
            blocks = b.sdiv(b.add(terms, b.sub(w.block, I64(1))), w.block)
            with code.loop(I64(0), code.least(I64(1), b.sub(I64(1), blocks))):  # k = 0: zeros
                self.multiply(rows, columns, I64(0), a, bb, c)
            with code.loop(I64(0), blocks) as i:
                at = b.mul(i, w.block)
                size = code.least(w.block, b.sub(terms, at))
                self.multiply(rows, columns, size, b.add(a, b.mul(at, w.a_step)),
                              b.add(bb, b.mul(at, w.b_step)), c)  # fmt: skip
                with b.if_then(self._is(w.long, 1)):
                    self.accumulate(rows, columns, c, acc, i)
            back = b.and_(self._is(w.long, 1), b.icmp_signed("!=", w.mode, I64(INNER)))
            with b.if_then(back):
                self.round(rows, columns, c, acc)
        code.finish()

    def _is(self, word: ir.Value, number: int) -> ir.Value:
        return self.b.icmp_signed("==", word, I64(number))

    def multiply(self, m: ir.Value, n: ir.Value, k: ir.Value, *at: ir.Value) -> None:
        """One call of BLAS: ``dot`` of two vectors, ``gemv`` with one, which is quicker and exacter
        than ``gemm``, else that."""
        b, w = self.b, self.w
        ta, tb = (self._is(t, 112) for t in (w.trans_a, w.trans_b))
        x, y, z = at
        nonempty = b.icmp_signed(">", k, I64(0))
        column = b.and_(self._is(w.n, 1), nonempty)
        row = b.and_(self._is(w.m, 1), nonempty)
        with b.if_else(column) as (by_column, rest):
            with by_column, b.if_else(self._is(w.m, 1)) as (single, several):
                with single:
                    self.dot(Inner(w.dot, k, x, b.select(ta, w.lda, I64(1)), y,
                                   b.select(tb, I64(1), w.ldb), z))  # fmt: skip
                with several:
                    shape = b.select(ta, k, m), b.select(ta, m, k)
                    step = b.select(tb, I64(1), w.ldb)
                    self.gemv(Vector(w.gemv, w.trans_a, *shape, x, w.lda, y, step, z, w.ldc))
            with rest, b.if_else(row) as (by_row, whole):
                with by_row:  # the row is the transposed matrix times the other row
                    turned = b.select(tb, I64(111), I64(112))
                    self.gemv(Vector(w.gemv, turned, b.select(tb, n, k), b.select(tb, k, n), y,
                                     w.ldb, x, b.select(ta, w.lda, I64(1)), z, I64(1)))  # fmt: skip
                with whole:
                    self.gemm(Single(w.gemm, w.trans_a, w.trans_b, m, n, k, x, w.lda, y, w.ldb, z,
                                     w.ldc))  # fmt: skip

    def accumulate(self, m: ir.Value, n: ir.Value, c: ir.Value, acc: ir.Value, i: ir.Value) -> None:
        """``acc = c`` for the first block, ``acc += c`` for others."""
        b = self.b
        fresh = self._is(i, 0)
        with self.code.loop(I64(0), m) as row, self.code.loop(I64(0), self.reals(n)) as column:
            term = self.wide(b.load(self.element(c, self.w.ldc, row, column, self.real),
                                    typ=self.real))  # fmt: skip
            place = self.element(acc, self.w.n, row, column, DOUBLE)
            before = b.select(fresh, DOUBLE(0.0), b.load(place, typ=DOUBLE))
            b.store(b.fadd(before, term), place)

    def round(self, m: ir.Value, n: ir.Value, c: ir.Value, acc: ir.Value) -> None:
        """``c = acc`` in the element type."""
        b = self.b
        with self.code.loop(I64(0), m) as row, self.code.loop(I64(0), self.reals(n)) as column:
            total = b.load(self.element(acc, self.w.n, row, column, DOUBLE), typ=DOUBLE)
            b.store(
                narrow(b, total, self.real), self.element(c, self.w.ldc, row, column, self.real)
            )

    def element(
        self, base: ir.Value, ld: ir.Value, row: ir.Value, column: ir.Value, kind: ir.Type
    ) -> ir.Value:
        place = self.b.add(self.b.mul(row, self.reals(ld)), column)
        made: ir.Value = self.b.gep(self.b.inttoptr(base, POINTER), [place], source_etype=kind)
        return made

    def reals(self, elements: ir.Value) -> ir.Value:
        """The real numbers of so many elements."""
        return elements if self.parts == 1 else self.b.mul(elements, I64(self.parts))

    def wide(self, value: ir.Value) -> ir.Value:
        return value if self.real == DOUBLE else self.b.fpext(value, DOUBLE)


def narrow(b: ir.IRBuilder, value: ir.Value, real: ir.Type) -> ir.Value:
    """A double in the element type."""
    return value if real == DOUBLE else b.fptrunc(value, real)


def emit_total(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the second step of ``INNER``: words acc, c, elements (real and imaginary parts are
    two), chunks; the sums in order."""
    fn, real = new_function(module, name), element_type(own.part_dtype)
    code = Code(fn)
    b = code.b
    acc, c, elements, chunks = (
        b.load(b.gep(fn.args[0], [I64(i)], source_etype=I64), typ=I64) for i in range(4)
    )
    acc, c = b.inttoptr(acc, POINTER), b.inttoptr(c, POINTER)
    total = code.slot(DOUBLE)
    with code.loop(I64(0), elements) as i:
        b.store(DOUBLE(0.0), total)
        with code.loop(I64(0), chunks) as chunk:
            place = b.add(b.mul(chunk, elements), i)
            term = b.load(b.gep(acc, [place], source_etype=DOUBLE), typ=DOUBLE)
            b.store(b.fadd(b.load(total, typ=DOUBLE), term), total)
        rounded = narrow(b, b.load(total, typ=DOUBLE), real)
        b.store(rounded, b.gep(c, [i], source_etype=real))
    code.finish()
    return fn


def emit_mirror(module: ir.Module, own: DTypeInfo, name: str) -> ir.Function:
    """Write the second step of a matrix times itself, turned: words c, n; units are rows of blocks
    of ``TURNED`` x ``TURNED`` elements. What is above the diagonal is copied from below it."""
    fn, real = new_function(module, name), element_type(own.part_dtype)
    code = Code(fn)
    b = code.b
    c, n = (b.load(b.gep(fn.args[0], [I64(i)], source_etype=I64), typ=I64) for i in range(2))
    c = b.inttoptr(c, POINTER)

    def element(row: ir.Value, column: ir.Value) -> ir.Value:
        return b.gep(c, [b.add(b.mul(row, n), column)], source_etype=real)

    with code.loop(fn.args[1], fn.args[2]) as block:
        top = b.mul(block, I64(TURNED))
        below = code.least(b.add(top, I64(TURNED)), n)
        with code.loop(top, n, TURNED) as left, code.loop(top, below) as row:
            right = code.least(b.add(left, I64(TURNED)), n)
            first = b.add(row, I64(1))
            start = b.select(b.icmp_signed(">", first, left), first, left)
            with code.loop(start, right) as column:
                b.store(b.load(element(column, row), typ=real), element(row, column))
    code.finish()
    return fn
