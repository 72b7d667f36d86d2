"""Every row of ``simplify`` on every dtype, special values and several shapes and attributes.

Each pattern is built as a graph in all the ways that its ops admit; where the pass changes the
graph, both compute the same, bit for bit. Each row must fire at least once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from twofold.compiler.arrays.reference import execute
from twofold.compiler.passes.simplify import ROWS, rows_of_facts
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.equality import equal
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.rewrite import Attr, Const, Row, Term, Var, rewrite
from twofold.ir.structural import RECORDED, structural_types
from twofold.ir.types import TensorType
from twofold.ir.verify import verify

OF_FACTS = [row for op in OPS.values() for row in rows_of_facts(op)]
SHAPES = [(2, 3, 4), (2, 2, 2), (1, 3), ()]
PERMS = [(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0), (0, 1), (1, 0)]
AXES: list[Any] = [(), 0, 1, (0, 1)]
ATTRS: dict[str, list[dict[str, Any]]] = {
    "cast": [{"dtype": d} for d in DTYPES.values()],
    "transpose": [{"perm": p} for p in PERMS],
    "reshape": [{"shape": s} for s in [(2, 3, 4), (6, 4), (24,), (1, 3), (3,)]],
    "broadcast_to": [{"shape": s} for s in [(2, 3, 4), (5, 2, 3, 4), (2, 1, 3), (4, 2, 1, 3)]],
    "splat": [{"shape": s} for s in [(), (2,)]],
    "strided_slice": [{"index": i} for i in [(), ((0, 2, 2),), ((None, None, -1),), (1,)]],
    "first_largest": [{"axis": (0,)}],
    "buffer_stack": [{"length": n} for n in (1, 2, 4)],
    "concat": [{"axis": a} for a in (0, -1, None)],
    "matmul": [{"transpose_a": a, "transpose_b": b} for a in (False, True) for b in (False, True)],
    **{op: [{"axis": a} for a in AXES] for op in
       ("expand_dims", "squeeze", "sum", "prod", "max", "min", "any", "all")},
}  # fmt: skip
FLOATS = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 3.7, -2.0, 6e-8, 65504.0, 2049.0, 1e-3]


def special(dtype: np.dtype, shape: tuple[int, ...], shift: int) -> np.ndarray:
    """An array of the values where equations break, starting at another one for each shift."""
    size = int(np.prod(shape))
    own = info(dtype)
    if own.integer:
        low, high = own.ints
        values = np.array([0, 1, 2, 3, high, low, high - 1, high // 2], dtype)
    elif own.boolean:
        values = np.array([True, False, True])
    elif own.floating or own.stored:
        values = np.array(FLOATS).astype(dtype)
    else:
        values = np.array([complex(a, b) for a in FLOATS[:7] for b in FLOATS[:7]]).astype(dtype)
    return np.resize(np.roll(values, -shift), size).reshape(shape)


def constants(number: Any, dtype: np.dtype) -> Iterator[np.ndarray]:
    """The constant and its neighbours: the sign of zero, another number."""
    for n in dict.fromkeys([number, repr(-0.0), 0, 1, 2, repr(0.0)]):
        value = np.array(float(n) if isinstance(n, str) else n)
        for shape in ((), (2, 1, 1)):
            yield np.full(shape, value, dtype)


def instances(
    pattern: Any, dtype: np.dtype, graph: Graph, known: dict[Any, Any]
) -> Iterator[Value]:
    """Every way to build a pattern; the graph holds the nodes of one way at a time."""
    if isinstance(pattern, Var):
        if pattern.name in known:
            yield known[pattern.name]
            return
        for shape in SHAPES:
            graph.inputs.append(Value(TensorType(dtype, shape), pattern.name))
            known[pattern.name] = graph.inputs[-1]
            yield graph.inputs[-1]
            del known[pattern.name]
            graph.inputs.pop()
    elif isinstance(pattern, Const):
        for array in constants(pattern.number, np.dtype(bool) if pattern.number is True else dtype):
            yield graph.add(OPS["constant"], (), {"value": array}).out
            graph.nodes.pop()
    else:
        yield from terms(pattern, dtype, graph, known)


def terms(pattern: Term, dtype: np.dtype, graph: Graph, known: dict[Any, Any]) -> Iterator[Value]:
    fixed = {k: v for k, v in pattern.attrs.items() if not isinstance(v, Attr)}
    for inputs in operands(pattern.inputs, dtype, graph, known):
        for attrs in ATTRS.get(pattern.op, [{}]):
            try:
                full, types = structural_types(
                    OPS[pattern.op], [v.type for v in inputs], {**attrs, **fixed}
                )
            except TwofoldError:
                continue
            yield graph.add(OPS[pattern.op], inputs, full, types=types, sizes=RECORDED).out
            graph.nodes.pop()


def operands(
    patterns: tuple[Any, ...], dtype: np.dtype, graph: Graph, known: dict[Any, Any]
) -> Iterator[list[Value]]:
    if not patterns:
        yield []
        return
    for value in instances(patterns[0], dtype, graph, known):
        for rest in operands(patterns[1:], dtype, graph, known):
            yield [value, *rest]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Same dtype, shape and bits, a NaN being a NaN."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    if info(a.dtype).complex:
        return same(a.real, b.real) and same(a.imag, b.imag)
    if not info(a.dtype).inexact:
        return bool((a == b).all())
    nan = np.isnan(a)
    return bool((nan == np.isnan(b)).all()) and a[~nan].tobytes() == b[~nan].tobytes()


def title(row: Row) -> str:
    def show(p: Any) -> str:
        if isinstance(p, Term):
            return f"{p.op}({', '.join(map(show, p.inputs))})"
        return p.name if isinstance(p, Var) else f"{p.number}"

    return show(row.pattern)


@pytest.mark.parametrize("row", [*ROWS, *OF_FACTS], ids=title)
def test_row_holds_bit_for_bit(row: Row) -> None:
    fired = 0
    for dtype in DTYPES.values():
        graph = Graph("row")
        for result in instances(row.pattern, dtype, graph, {}):
            graph.outputs = [result]
            after = rewrite(graph, [row])
            if equal(after, graph):
                continue
            fired += 1
            verify(after)
            assert after.outputs[0].type == result.type
            for shift in (0, 5):
                arrays = [special(v.type.dtype, v.type.shape, shift + 3 * i)
                          for i, v in enumerate(graph.inputs)]  # fmt: skip
                want, have = execute(graph, arrays, {}), execute(after, arrays, {})
                assert all(itertools.starmap(same, zip(want, have, strict=True))), str(graph)
    assert fired
