"""Loop nests with control flow in machine code: the same numbers as their Python, in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.random_kernels import random_kernel

from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import kernel_namespace, python_source
from twofold.compiler.native import single
from twofold.compiler.native.machine import compile_kernels
from twofold.compiler.native.single import run_kernel
from twofold.ir.dtypes import DTYPES
from twofold.ir.errors import ArgumentError, VerifyError

from ...test_golden import FOLDER, read_cases


def as_python(kernel: Kernel, arrays: list[Any], sizes: dict[str, int]) -> None:
    """Run the readable form."""
    space = dict(kernel_namespace())
    exec(python_source(kernel, "kernel_as_python"), space)
    with np.errstate(all="ignore"):
        space["kernel_as_python"](*arrays, *(sizes[s] for s in kernel.symbols()))


def both(kernel: Kernel, arrays: list[Any], sizes: dict[str, int]) -> list[tuple[Any, Any]]:
    """The buffers after the machine code and after the Python."""
    machine, python = ([a.copy() for a in arrays] for _ in range(2))
    run_kernel(kernel, machine, sizes)
    as_python(kernel, python, sizes)
    return list(zip(machine, python, strict=True))


LOGISTIC = """
kernel logistic(x0: f64, y: out f64) for (i: n) {
  sweep {
    a: f64 = x0[i]
    last: i64 = at (steps)
    var x: f64 = a
    var k: i64 = 0
    while k < last {
      x = 3.9 * x * (1.0 - x)
      k = k + 1
    }
    y[i] = x
  }
}
"""


def test_a_million_steps_run_in_one_native_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is chaotic: one differing bit anywhere would show in every digit of the result."""
    calls = []
    driver = single.driver()

    def counted(program: Any) -> Any:
        run = driver(program)

        def go(slots: list[Any]) -> None:
            calls.append(1)
            run(slots)

        return go

    monkeypatch.setattr(single, "driver", lambda: counted)
    arrays = [np.array([0.3]), np.zeros(1)]
    pairs = both(parse_kernel(LOGISTIC), arrays, {"n": 1, "steps": 1_000_000})
    assert len(calls) == 1
    assert pairs[1][0].tobytes() == pairs[1][1].tobytes()
    assert 0 < pairs[1][0][0] < 1


KERNELS = {c.title: parse_kernel(c.given) for c in read_cases(FOLDER / "source" / "control.ir")}
COLLATZ = "the steps of Collatz's sequence"


def test_collatz() -> None:
    ((_, _), (machine, python)) = both(
        KERNELS[COLLATZ], [np.arange(1, 31), np.zeros(30, np.int64)], {"n": 30}
    )
    assert machine.tolist() == python.tolist()
    assert machine[26] == 111  # the famous one


def test_newton() -> None:
    x = np.array([1e-9, 0.5, 2.0, 49.0, 1e12])
    kernel = KERNELS["what a test needs is computed ahead of it"]
    (_, (machine, python)) = both(kernel, [x, np.zeros(5)], {"n": 5})
    assert machine.tobytes() == python.tobytes()
    np.testing.assert_allclose(machine, np.sqrt(x), rtol=1e-9)


def test_computed_positions_and_further_loops() -> None:
    kernel = KERNELS["loops of their own, computed positions, a size as a number"]
    x = np.arange(8, dtype=np.float32)
    at = np.array([7, 0, 3, 3, 1, 2])
    (_, _, (machine, python)) = both(kernel, [x, at, np.zeros(6, np.float32)], {"n": 2, "m": 3})
    assert machine.tolist() == python.tolist() == [7, 7, 10, 3, 4, 6]


FOLDED = """
kernel f(x: i64, y: out i64) for ({loops}) {{
  sweep {{
    a: i64 = x[i * (m) + j]
    var v: i64 = a
    while v > 9 {{
      v = v >> 1
    }}
    fold most: i64 = maximum(most, v) from -100
    fold sum: i64 = sum + v from 0
  }} after {{
    both: i64 = 100 * most + sum
    y[{out}] = both
  }}
}}
"""


@pytest.mark.parametrize(("loops", "out", "axis"), [
    ("i: n, fold j: m", "i", 1), ("fold i: n, j: m", "j", 0), ("fold i: n, fold j: m", "0", None),
])  # fmt: skip
def test_control_flow_in_folded_loops(loops: str, out: str, axis: int | None) -> None:
    x = np.random.default_rng(0).integers(0, 1000, (37, 21))
    kernel = parse_kernel(FOLDED.format(loops=loops, out=out))
    v = x.copy()
    while (v > 9).any():
        v[v > 9] >>= 1
    expected = np.atleast_1d(100 * v.max(axis=axis) + v.sum(axis=axis))
    y = np.zeros_like(expected)
    (_, (machine, python)) = both(kernel, [x.reshape(-1), y], {"n": 37, "m": 21})
    assert machine.tolist() == python.tolist() == expected.tolist()


STRIDED = """
kernel f(x: f32, k: i64, y: out f32) for (i: n, j: m) {
  sweep {
    v: f32 = x[i + j * (n)]
    p: i64 = at (5) + i * (m) + j
    w: f32 = cast(p)
    u: f32 = v * w
    y[i + j * (n)] = u
  }
}
"""


def test_positions_and_scattered_stores_in_vectors() -> None:
    for n, m in ((3, 40), (1, 16), (5, 7)):
        arrays = [np.arange(n * m, dtype=np.float32), np.zeros(1, np.int64),
                  np.zeros(n * m, np.float32)]  # fmt: skip
        (_, _, (machine, python)) = both(parse_kernel(STRIDED), arrays, {"n": n, "m": m})
        assert machine.tolist() == python.tolist()


def test_random_kernels_equal_their_python() -> None:
    kernels = [random_kernel(seed) for seed in range(60)]
    for kernel in kernels:
        assert parse_kernel(str(kernel)) == kernel
    compile_kernels(kernels)  # together, which is quicker
    rng = np.random.default_rng(1)
    for kernel in kernels:
        arrays = [rng.integers(-50, 50, 12), rng.uniform(-2, 2, 12), np.zeros(12, np.int64),
                  np.zeros(12)]  # fmt: skip
        for machine, python in both(kernel, arrays, {"n": 12}):
            same = machine == python
            if machine.dtype.kind == "f":
                same |= np.isnan(machine) & np.isnan(python)
            assert same.all(), f"{kernel}\n{python_source(kernel, 'f')}"


def test_arrays_that_do_not_fit_are_refused() -> None:
    kernel = parse_kernel(LOGISTIC)
    x, y, sizes = np.zeros(1), np.zeros(1), {"n": 1, "steps": 1}
    fixed = np.zeros(1)
    fixed.flags.writeable = False
    for arrays, given, message in [
        ([x], sizes, "2 buffers"), ([x, y.astype("f4")], sizes, "float64"),
        ([x, np.zeros(4)[::2]], sizes, "contiguous"), ([x, fixed], sizes, "read-only"),
        ([x, y], {"n": 1}, "steps"),
    ]:  # fmt: skip
        with pytest.raises(ArgumentError, match=message):
            run_kernel(kernel, arrays, given)
    with pytest.raises(VerifyError, match="line 4"):
        run_kernel(
            parse_kernel(LOGISTIC.replace("(steps)", "(steps) + a"), check=False), [x, y], sizes
        )


@pytest.mark.parametrize("dtype, small, large", [("i8", 1, 100), ("f32", 0.5, 0.1)])
def test_constants_have_their_dtype_in_the_readable_form(
    dtype: str, small: float, large: float
) -> None:
    """Whatever a constant flows into computes in its dtype: wrapping, rounding, functions."""
    kernel = parse_kernel(
        f"""kernel f(x: {dtype}, y: out {dtype}, z: out {dtype}) for (i: n) {{
          const one: {dtype} = {small}
          const big: {dtype} = {large}
          sweep {{
            a: {dtype} = x[i]
            b: {dtype} = a if a > one else big
            c: {dtype} = b * big
            d: {dtype} = {"floor(b)" if dtype == "f32" else "sign(b)"}
            y[i] = c
            z[i] = d
          }}
        }}"""
    )
    of = {"i8": np.int8, "f32": np.float32}[dtype]
    arrays = [np.array([0, 1, 2, 3], of), np.zeros(4, of), np.zeros(4, of)]
    for machine, python in both(kernel, arrays, {"n": 4}):
        assert machine.tobytes() == python.tobytes()


ROWS = """\
kernel rows(x: f32, out0: out f32) for (i0: 2, fold i1: m) {
  sweep {
    v0: f32 = x[i0 * (m) + i1]
    v1: f32 = exp(v0)
    fold acc2: f32 = acc2 + v1 from 0.0
  } after {
    out0[i0] = acc2
  }
}
"""


def test_code_for_a_known_size_serves_others_as_well() -> None:
    short = parse_kernel(ROWS.replace("(m)", "64").replace("m)", "64)"))
    code = compile_kernels([short])
    rows = parse_kernel(ROWS)
    assert compile_kernels([rows])[0].body == code[0].body
    tiny = np.log(np.finfo(np.float32).eps / 2).astype(np.float32)
    x, out = np.full((2, 1 << 16), tiny, np.float32), np.zeros(2, np.float32)
    x[:, :16] = 0  # in each lane the first term is 1, beside which the others get lost
    run_kernel(rows, [x, out], {"m": x.shape[1]})
    np.testing.assert_allclose(out, np.exp(x.astype(np.float64)).sum(axis=1), rtol=4e-6)


def test_a_check_that_fails_ends_the_kernel() -> None:
    kernel = parse_kernel("""
    kernel f(x: f64, y: out f64) for (i: 1) {
      sweep {
        a: f64 = x[0]
        y[0] = a
        check a > 0.0
        y[1] = a
      }
    }
    """)
    assert parse_kernel(str(kernel)) == kernel
    (x, y), sizes = (np.ones(1), np.zeros(2)), {}
    run_kernel(kernel, [x, y], sizes)
    assert y.tolist() == [1, 1]
    with pytest.raises(ArgumentError, match="a check of kernel f failed"):
        run_kernel(kernel, [-x, y], sizes)
    assert y.tolist() == [-1, 1]


FORMS = {
    "j": lambda x, k, n: x[:n],
    "(n + -1) + j * -1": lambda x, k, n: x[:n][::-1],
    "j * 2": lambda x, k, n: x[: 2 * n : 2],
    "p": lambda x, k, n: x[k[:n]],
    "1 + p": lambda x, k, n: x[k[:n] + 1],
    "0": lambda x, k, n: np.repeat(x[:1], n),
}


@pytest.mark.parametrize("dtype", ["f32", "f64", "i32", "i8", "bool", "c64", "c128"])
def test_a_reduce_reads_in_every_order(dtype: str) -> None:
    """Sums and counts beside each other, of sizes around those of vectors and of spills."""
    total = "i64" if dtype in ("bool", "i8") else dtype
    cast = "cast(v)" if total != dtype else "v"
    zero = {"f": "0.0", "c": "complex(0.0, 0.0)"}.get(total[0], "0")
    rng = np.random.default_rng(3)
    for form, read in FORMS.items():
        kernel = parse_kernel(f"""
        kernel f(x: {dtype}, k: i64, y: out {total}, z: out i64) for (i: 1) {{
          sweep {{
            reduce j: (n) {{
              p: i64 = k[j]
              v: {dtype} = x[{form}]
              t: {total} = {cast}
              q: i64 = p + j
              fold a: {total} = a + t from {zero}
              fold b: i64 = maximum(b, q) from -1
            }}
            y[0] = a
            z[0] = b
          }}
        }}""")
        assert parse_kernel(str(kernel)) == kernel
        for n in (0, 1, 5, 8, 63, 64, 65, 1000, 9000):
            k = rng.integers(0, max(n, 1), max(n, 1))
            y, z = np.zeros(1, DTYPES[total]), np.zeros(1, np.int64)
            x = (rng.standard_normal(2 * n + 2) * 40).astype(DTYPES[dtype])
            if total[0] == "c":
                x = x + 1j * x[::-1]
            run_kernel(kernel, [x, k, y, z], {"n": n})
            want = read(x, k, n).astype("D" if total[0] == "c" else "d" if total[0] == "f" else "l")
            eps = np.finfo(y.dtype).eps if total[0] in "fc" else 0
            assert abs(y[0] - want.sum()) <= 32 * eps * abs(want).sum()
            assert z[0] == (max(k[:n] + np.arange(n)) if n else -1)


def test_a_long_sum_in_a_reduce_is_within_the_bound_of_sums() -> None:
    kernel = parse_kernel("""
    kernel f(x: f32, y: out f32) for (i: 1) {
      sweep {
        reduce r: (m), j: (n) {
          v: f32 = x[j]
          fold a: f32 = a + v from 0.0
        }
        y[0] = a
      }
    }""")
    for m, n in ((1, 1 << 22), (1 << 21, 2), (300, 999)):
        y, x = np.zeros(1, np.float32), np.full(n, 0.1, np.float32)
        run_kernel(kernel, [x, y], {"m": m, "n": n})
        want = float(x[0]) * m * n
        assert abs(y[0] - want) <= 32 * np.finfo(np.float32).eps * want
