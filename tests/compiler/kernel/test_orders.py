"""Running sums and sorted lines of small arrays in native loops: the bits of the eager ops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.kernel.orders import _network
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.ir.dtypes import DTYPES
from twofold.ir.op import OPS
from twofold.ir.parser import parse

RUNNING = [("cumsum", "exclusive={}, reverse={}"), ("cumprod", "exclusive={}, reverse={}")]
SORTED = [("sort", "descending={}, stable={}"), ("argsort", "descending={}, stable={}")]
BOTH = list(itertools.product((False, True), repeat=2))


def test_the_network_sorts_every_line_of_zeros_and_ones() -> None:
    """And so every line (Knuth 3, 5.3.4, the 0-1 principle)."""
    for n in range(11):
        for bits in itertools.product((0, 1), repeat=n):
            line = list(bits)
            for i, j in _network(n):
                line[i], line[j] = min(line[i], line[j]), max(line[i], line[j])
            assert line == sorted(bits)


def numbers(dtype: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(len(shape))
    x = rng.integers(0, 4, shape).astype(DTYPES[dtype])
    if dtype in ("f16", "bf16", "f32", "f64"):
        x = (rng.integers(-3, 4, shape) * 0.37).astype(DTYPES[dtype])
        x.ravel()[1::5], x.ravel()[2::5], x.ravel()[3::7] = np.nan, -0.0, 0.0
    return x


@pytest.mark.parametrize("dtype", ["f32", "bf16", "i32", "c128"])
def test_loops_have_them_as_kernels(dtype: str) -> None:
    forms = RUNNING if dtype == "c128" else [*RUNNING, *SORTED]
    shapes = itertools.cycle([((5,), 0), ((2, 3), 1), ((3, 2, 2), 0)])
    for (op, attrs), (one, other) in itertools.product(forms, BOTH):
        shape, axis = next(shapes)
        if op in ("sort", "argsort") and not other:
            continue  # equal elements in any order
        out = "i64" if op == "argsort" else dtype
        size = ",".join(map(str, shape))
        given, made = f"{dtype}[{size}]", f"{out}[{size}]"
        graph = parse(f"""graph f(%n: i64[], %x: {given}, %w: {given}, %y: {made}) {{
          %z = constant() {{value=i64[] [0]}}
          %i: i64[], %p: {given}, %q: {given}, %r: {made} = while(%z, %w, %x, %y, %n) {{carried=4}}
            region test(%i: i64[], %x: {given}, %w: {given}, %y: {made}, %n: i64[]) {{
              %t = less(%i, %n) return %t }}
            region body(%i: i64[], %x: {given}, %w: {given}, %y: {made}, %n: i64[]) {{
              %one = constant() {{value=i64[] [1]}}
              %j = add(%i, %one)
              %r: {made} = {op}(%x) {{axis={axis}, {attrs.format(one, other)}}}
              return %j, %w, %x, %r }}
          return %r
        }}""")
        executable = compile_graph(graph, NATIVE)
        assert [node.op.name for node in executable.graph.nodes] == ["fused"]
        x = numbers(dtype, shape)
        options = dict(zip([a.split("=")[0] for a in attrs.split(", ")], (one, other), strict=True))
        want = OPS[op](tf.constant(x), axis=axis, **options).numpy()
        y = np.zeros(shape, want.dtype)
        (found,) = executable.prepare({})([np.array(2), x, np.zeros_like(x), y])
        nan = np.isnan(want.astype("D"))
        assert (np.isnan(found.astype("D")) == nan).all()
        assert found[~nan].tobytes() == want[~nan].tobytes(), (op, options, x)


@pytest.mark.parametrize(("exclusive", "reverse", "axis"), [(False, False, 0), (True, True, 1)])
@pytest.mark.parametrize("dtype", ["f32", "i32"])
def test_running_sums_of_large_arrays_are_loops_of_the_kernel(
    dtype: str, exclusive: bool, reverse: bool, axis: int
) -> None:
    given: dict[str, Any] = {"axis": axis, "exclusive": exclusive, "reverse": reverse}

    def run(x: Any, n: Any) -> Any:
        return tf.while_loop(
            lambda i, x, y: i < n,
            lambda i, x, y: (i + 1, tf.math.cumsum(y, **given), tf.math.cumprod(x, **given)),
            (0, x, x),
        )

    x = numbers("f32", (5, 70))
    x[np.isnan(x)] = 1.0
    x = tf.constant(x.astype(DTYPES[dtype]))
    compiled = tf.function(run, jit_compile=True)
    for n in map(tf.constant, (0, 1, 3)):
        for found, want in zip(compiled(x, n), run(x, n), strict=True):
            assert found.numpy().tobytes() == want.numpy().tobytes()
    kernels = compile_graph(compiled.get_concrete_function(x, n).graph, NATIVE).kernels
    assert any("cumsum" in made.kernel.name for made in kernels)
