"""One trace with symbolic sizes serves other sizes: rules and gradients ask nothing needless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from twofold.compiler.arrays.reference import execute
from twofold.compiler.trace import Traced, Tracer
from twofold.ir import bind
from twofold.ir.errors import IndexOutOfBoundsError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.index import getitem, setitem
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import wrap

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]


def made(name: str) -> Function:
    found = COMPOSITES.get(name)
    return OPS[name] if found is None else found.function


def gradients(function: Function, inputs: list[Any]) -> list[Any]:
    """The gradient of the sum of all floating outputs for each input, zeros where unconnected."""
    with GradientTape() as tape:
        tape.watch(inputs)
        outs = function(*inputs)
    outs = outs if isinstance(outs, tuple | list) else (outs,)
    targets = [o for o in outs if o.dtype.kind == "f"]
    return list(tape.gradient(targets, inputs, unconnected_gradients="zero"))


def arrays(shapes: tuple[tuple[int, ...], ...]) -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.uniform(0.5, 2.0, s) for s in shapes]


def trace(function: Function, examples: list[Array]) -> tuple[Any, Tracer]:
    """The graph and the tracer; every axis of every input has a symbol of its own at first."""
    tracer = Tracer("traced")
    inputs = [tracer.input(x, "x") for x in examples]
    token = bind.push(tracer)
    try:
        outs = function(*inputs)
        outs = outs if isinstance(outs, tuple | list) else (outs,)
        values = [o.value if isinstance(o, Traced) else tracer.capture(o).value for o in outs]
    finally:
        bind.pop(token)
    assert not tracer.captures
    return tracer.finish(values), tracer


def check(function: Function, first: Any, second: Any, exact: bool = True) -> None:
    """Trace for one set of shapes, run for another, compare with eager mode there."""
    graph, tracer = trace(function, arrays(first))
    inputs = arrays(second)
    symbols = tracer.sizes.hints  # in the order of the axes of the inputs
    env = dict(zip(symbols, [n for x in inputs for n in x.shape], strict=True))
    assert all(guard.holds(env) for guard in tracer.sizes.guards), tracer.sizes.guards
    found = execute(graph, inputs, env)
    expected = function(*map(wrap, inputs))
    expected = expected if isinstance(expected, tuple | list) else (expected,)
    for value, f, e in zip(graph.outputs, found, expected, strict=True):
        assert value.type.substitute(env).shape == f.shape == e.array.shape
        if exact:
            np.testing.assert_array_equal(f, e.array)
        else:
            np.testing.assert_allclose(f, e.array, rtol=1e-13)


TWO = ((3, 4),), ((5, 7),)
SAME = ((3, 4), (3, 4)), ((5, 7), (5, 7))
THREE = ((2, 3, 4),), ((4, 5, 3),)
CASES: list[tuple[str, Function, Any]] = [
    *[(n, lambda x, n=n: made(n)(x, axis=1), TWO)
      for n in ("sum", "prod", "max", "min", "mean", "var", "std", "vector_norm", "cumsum",
                "cumprod", "sort", "flip", "cumulative_sum")],
    *[(n + " of all", lambda x, n=n: made(n)(x), TWO) for n in ("sum", "mean", "prod", "max")],
    ("argmax", lambda x: made("argmax")(x, axis=0), TWO),
    ("cumprod exclusive", lambda x: made("cumprod")(x, axis=0, exclusive=True), TWO),
    ("reshape", lambda x: made("reshape")(x, shape=(-1, x.shape[0])), TWO),
    ("flatten and back", lambda x: made("reshape")(x.ravel(), shape=x.shape), THREE),
    ("transpose", lambda x: made("transpose")(x, perm=(1, 2, 0)), THREE),
    ("moveaxis", lambda x: made("moveaxis")(x, 0, -1), THREE),
    ("expand and squeeze", lambda x: made("squeeze")(made("expand_dims")(x, axis=1), axis=1), TWO),
    ("broadcast_to", lambda x, y: made("broadcast_to")(x, shape=(2, *y.shape)),
     (((1, 4), (3, 4)), ((1, 7), (5, 7)))),
    ("roll", lambda x: made("roll")(x, shift=(1, -1), axis=(0, 1)), TWO),
    ("concat", lambda x, y: made("concat")([x, y], axis=0), (((3, 4), (2, 4)), ((5, 7), (1, 7)))),
    ("concat flat", lambda x, y: made("concat")([x, y], axis=None), SAME),
    ("stack", lambda x, y: made("stack")([x, y], axis=1), SAME),
    ("split by sizes", lambda x: made("split")(x, [1, -1], axis=0), TWO),
    ("split in halves", lambda x: made("split")(x, 2, axis=0), (((4, 3),), ((6, 2),))),
    ("tile", lambda x: made("tile")(x, (2, 3)), TWO),
    ("tile by sizes", lambda x: made("tile")(x, (1, x.shape[0])), TWO),
    ("repeat", lambda x: made("repeat")(x, 2, axis=1), TWO),
    ("pad", lambda x: made("pad")(x, ((1, 2), (0, 1))), TWO),
    ("pad reflect", lambda x: made("pad")(x, ((1, 2), (2, 1)), mode="reflect"), TWO),
    ("slices", lambda x: getitem(x, (slice(1, None), slice(None, -1, 2))), TWO),
    ("backwards", lambda x: getitem(x, (slice(None, None, -1), slice(-1, 0, -2))), TWO),
    ("position", lambda x: getitem(x, (-1, slice(0, 2))), TWO),
    ("middle", lambda x: getitem(x, slice(x.shape[0] // 2, None)), TWO),
    ("new axis", lambda x: getitem(x, (Ellipsis, None)), TWO),
    ("set row", lambda x: setitem(x, 1, 2.0), TWO),
    ("set inner", lambda x: setitem(x, (slice(1, -1), slice(1, -1)), 0.0), TWO),
    ("set by mask", lambda x: setitem(x, x > 1.0, 0.0), TWO),
    ("matmul", lambda x, y: made("matmul")(x, y), (((3, 4), (4, 2)), ((5, 6), (6, 7)))),
    ("matmul batched", lambda x, y: made("matmul")(x, y, transpose_b=True),
     (((2, 3, 4), (5, 4)), ((3, 5, 6), (2, 6)))),
    ("vector times matrix", lambda x, y: made("matmul")(x, y), (((3,), (3, 4)), ((5,), (5, 6)))),
    ("tensordot", lambda x, y: made("tensordot")(x, y, axes=1),
     (((2, 3), (3, 4)), ((4, 5), (5, 3)))),
    ("outer", lambda x, y: made("outer")(x, y), (((3,), (4,)), ((5,), (6,)))),
    ("einsum", lambda x, y: made("einsum")("bij,bkj->bik", x, y),
     (((2, 3, 4), (2, 5, 4)), ((3, 4, 5), (3, 2, 5)))),
    ("einsum diagonal", lambda x: made("einsum")("ii->i", x), (((3, 3),), ((5, 5),))),
    ("tril", lambda x: made("tril")(x), TWO),
    ("meshgrid", lambda x, y: made("meshgrid")(x, y), (((3,), (4,)), ((5,), (6,)))),
    ("take_along_axis", lambda x: made("take_along_axis")(x, made("argsort")(x), axis=1), TWO),
    ("top_k", lambda x: made("top_k")(x, k=2)[0], TWO),
    ("scaled by a size", lambda x: x * x.shape[0] + x.shape[1], TWO),
    ("eye", lambda x: x + made("eye")(x.shape[0]), (((3, 3),), ((5, 5),))),
    ("arange", lambda x: x * made("arange")(x.shape[0]), (((3,),), ((6,),))),
]  # fmt: skip


@pytest.mark.parametrize(("function", "shapes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_trace_serves_other_sizes(function: Function, shapes: Any) -> None:
    check(function, *shapes)


@pytest.mark.parametrize(
    ("function", "shapes"), [c[1:] for c in CASES if c[0] not in ("argmax", "scaled by a size")],
    ids=[c[0] for c in CASES if c[0] not in ("argmax", "scaled by a size")],
)  # fmt: skip
def test_a_traced_gradient_serves_other_sizes(function: Function, shapes: Any) -> None:
    check(lambda *xs: gradients(function, list(xs)), *shapes)


def test_a_slice_guards_what_it_relies_on() -> None:
    _, tracer = trace(lambda x: getitem(x, slice(2, None)), arrays(((3,),)))
    (guard,) = tracer.sizes.guards
    assert guard.holds({"n": 2}) and not guard.holds({"n": 1})


@pytest.mark.parametrize("key", [7, (0, -5)])
def test_a_position_out_of_bounds_raises_while_traced(key: Any) -> None:
    with pytest.raises(IndexOutOfBoundsError):
        trace(lambda x: getitem(x, key), arrays(((3, 4),)))


def test_unequal_sizes_are_refused_while_traced() -> None:
    with pytest.raises(ShapeError, match="inner sizes"):
        trace(lambda x, y: made("matmul")(x, y), arrays(((3, 4), (3, 4))))


@pytest.mark.parametrize(
    "function",
    [lambda x: getitem(x, x > 1.0), made("argwhere"), made("nonzero"), made("unique_values"),
     lambda x: made("boolean_mask")(x, x > 1.0)],
)  # fmt: skip
def test_a_size_that_depends_on_values_is_a_symbol_of_its_own(function: Function) -> None:
    graph, _ = trace(function, arrays(((3,),)))
    assert not graph.outputs[0].type.symbols() <= {"n"}


def test_a_chain_of_products_is_taken_in_the_order_of_the_sizes_that_are_known() -> None:
    sizes = ((2, 3), (3, 4), (4, 5)), ((5, 4), (4, 3), (3, 2))
    check(lambda x, y, z: made("einsum")("ij,jk,kl->il", x, y, z), *sizes, exact=False)
