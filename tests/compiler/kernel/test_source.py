"""The readable Python of a kernel, the machine code and NumPy compute the same."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from support.kernel_cases import (
    CASES,
    assert_close,
    assert_same_bits,
    by_machine,
    by_reference,
    by_source,
    compiled,
    make_inputs,
)

import twofold as tf
from twofold.compiler.kernel.build import build_kernels
from twofold.compiler.kernel.functions import FUNCTIONS
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import kernel_namespace, python_source
from twofold.ir.errors import TwofoldError
from twofold.ir.parser import parse

SIZES = [
    {"n": n, "m": m, "k": k}
    for n, m, k in [(1, 1, 1), (2, 15, 2), (3, 16, 1), (2, 17, 2), (1, 31, 3), (2, 64, 2),
                    (1, 1000, 1), (17, 2, 3), (0, 3, 2), (3, 0, 2)]
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_three_ways_to_run_agree(name: str) -> None:
    case = CASES[name]
    graph, made = compiled(name)
    for i, sizes in enumerate(SIZES):
        arrays = make_inputs(case, sizes, i)
        try:
            expected = by_reference(graph, arrays)
        except (TwofoldError, ValueError):  # the largest of nothing
            assert 0 in sizes.values()
            continue
        for run in (by_machine, by_source):
            for found, want in zip(run(made, arrays), expected, strict=True):
                text = f"{run.__name__} {sizes}"
                if case.exact:
                    assert_same_bits(found, want, text)
                else:
                    assert_close(found, want, max(a.size for a in arrays), text)


@pytest.mark.parametrize("name", CASES)
def test_cases_have_the_forms_that_they_are_for(name: str) -> None:
    case = CASES[name]
    _, made = compiled(name)
    kernels = [info.kernel for info in made.kernels]
    assert {k.mode for k in kernels} == {case.mode}
    assert max(len(k.sweeps) for k in kernels) == case.sweeps


def test_names_of_the_user_do_not_clash_with_those_of_the_text() -> None:
    def f(n, exp, i0, v1, out0):  # type: ignore[no-untyped-def]
        return tf.exp(n * exp) + i0 * v1 - out0

    args = [tf.constant(np.full((2, 3), 0.1 * i, np.float32)) for i in range(1, 6)]
    made = tf.function(f, jit_compile=True).get_concrete_function(*args).executable()
    (found,) = by_source(made, [a.numpy() for a in args])
    np.testing.assert_allclose(found, f(*args).numpy(), rtol=1e-6)
    space: dict[str, object] = {}
    exec(made.kernels[0].python, space)
    names = list(inspect.signature(space[made.kernels[0].name]).parameters)  # type: ignore[arg-type]
    assert len(set(names)) == len(names)


def test_namespace_has_every_function_that_an_expression_may_call() -> None:
    space = kernel_namespace()
    for name in FUNCTIONS.keys() - {"cast", "integer"}:  # written with the dtype
        assert callable(space[name]), name
    assert space["floordiv"](-7.0, 2.0) == -4.0
    assert space["int8"](3).dtype == np.int8


def test_any_name_of_a_graph_text_becomes_one_of_python() -> None:
    graph = parse("""graph f(%"a b": f32[n], %"2²": f32[n]) {
      %y: f32[n] = fused(%"a b", %"2²") {dims=(<n>,), reduced=()}
        region "my kernel: 1"(%"a b": f32[n], %"2²": f32[n]) {
          %0: f32[n] = add(%"a b", %"2²")
          return %0
        }
      return %y
    }""")
    (kernel,) = build_kernels(graph.nodes[0])
    assert (kernel.name, [b.name for b in kernel.buffers]) == (
        "my_kernel__1", ["a_b", "x2_", "out0"],
    )  # fmt: skip
    assert parse_kernel(str(kernel)) == kernel
    compile(python_source(kernel, kernel.name), "<kernel>", "exec")
