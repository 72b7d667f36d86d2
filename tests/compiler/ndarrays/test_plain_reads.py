"""Arrays that plain NumPy reads or writes while a function is traced: attributes, items, arrays that
code of methods names, arrays of the user's modules. Nothing is lost and nothing is stale."""

from __future__ import annotations

import sys
import textwrap
import types
from typing import Any

import numpy as np
import pytest
from support.same import compare, program

import twofold as tf

MODULE = """
import numpy as np
G, LIST = np.zeros(4), [np.zeros(4)]
LONG = [np.zeros(4) for _ in range(300)]
def total(): return np.sum(G)
def write(): G[0] += 1
def fill(): G.fill(G[1] + 3); LIST[0] += 1
class Model:
    table = np.zeros(4)
    __slots__ = ("w", "inner")
    def __init__(self, inner=None): self.w, self.inner = np.zeros(4), inner
    def step(self): self.w[1] += 1; G[2] += 1; self.table[0] += 1; return self.w.sum() + G.sum()
    def __call__(self, x): self.w += 1; return x + self.w[0]
    @property
    def mean(self): return self.w.mean()
model = Model(Model())
steps = {"write": write, "fill": fill}
def state(): return [G, LIST[0], LONG[5], Model.table, model.w, model.inner.w]
"""
BODIES = [
    "return x + m.total()",
    "m.write()\nreturn x + 1",
    "m.fill()\nreturn x + m.G / 2",
    "m.G[0] += x[1]\nreturn m.G.sum()",
    "m.G += x\nreturn m.G",
    "np.add(m.G, x, out=m.G)\nreturn m.G.sum()",
    "m.steps['write']()\nreturn x",
    "m.LIST[0][1:] += 1\nreturn x",
    "m.LIST[0][0] = x[1]\nreturn x",
    "m.LONG[5][0] += 1\nreturn x + m.LONG[5].sum()",
    "m.model.step()\nreturn x",
    "return x + m.model.step()",
    "return m.model(x)",
    "return x * m.model.w + m.model.w.max()",
    "return x * m.model.w + 2 * m.model.w",
    "return x + m.model.mean",
    "m.model.inner.w[1:] += x[1:]\nreturn x",
    "np.copyto(m.model.w, x)\nreturn x + m.model.w.sum()",
    "np.copyto(m.model.w[1:], x[1:])\nreturn x + m.model.w.sum()",
    "np.add(m.G, x, out=m.G)\nreturn x + m.model.step()",
    "x += 1\nreturn m.Model.table.sum() + x",
]


def _module() -> types.ModuleType:
    made = types.ModuleType("plain_reads")
    sys.modules[made.__name__] = made
    exec(compile(MODULE, "<string>", "exec"), made.__dict__)
    return made


@pytest.mark.filterwarnings("ignore:.*changes a NumPy array")
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("text", BODIES)
def test_state_that_plain_numpy_reads_and_writes(text: str, jit: bool) -> None:
    modules = _module(), _module()
    plain, given = (_function(text, module) for module in modules)
    compiled = tf.function(given, jit_compile=jit)
    for call in range(4):
        for module in modules:
            for array in module.state():
                array[1] += call
        x, y = np.arange(4.0), np.arange(4.0)
        if call == 3:
            x, y = (module.Model.table for module in modules)
        want, got = plain(x), compiled(y)
        np.testing.assert_array_equal(got, want)
        for a, b in zip(modules[1].state(), modules[0].state(), strict=True):
            np.testing.assert_array_equal(a, b)


def _function(text: str, module: Any) -> Any:
    body = textwrap.indent(text, "    ")
    space = {"np": np, "m": module}
    exec(compile(f"def g(x):\n{body}\n", "<string>", "exec"), space)
    return space["g"]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "u8"])
def test_an_index_whose_dtype_does_not_hold_the_size(dtype: str) -> None:
    index = np.array([0, 1, -1]).astype(dtype)
    compare(program("b[0] = a[i[1]]\nreturn a[i]", "a, i, b"), np.arange(70000), index, np.zeros(1))
    compare(program("return np.arange(70000)[i]", "i"), index)


def test_a_function_that_reads_an_array_that_keeps_changing_is_not_traced_for_ever() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = np.zeros(3)

    model = Model()
    compiled = tf.function(lambda x: x * model.w + model.w.max(), jit_compile=False)
    for call in range(10):
        model.w += 1
        np.testing.assert_array_equal(compiled(np.ones(3)), np.full(3, 2.0 * (call + 1)))
    assert compiled.experimental_get_tracing_count() < 7
