"""Random straight-line NumPy programs of views, writes, ufuncs, ``out=``, helpers and overlapping
arguments, and a command that runs many of them:

    python -m support.numpy_programs --count 20000          # from tests/, jit_compile=False
    python -m support.numpy_programs --count 200 --jit
    python -m support.numpy_programs --count 200 --default  # kernels arrive between the calls

Each program is a function of arrays; it runs as it is and compiled, on copies of the same arrays,
and both must agree in results, dtypes, identity, shared memory, exceptions and what the arrays hold
afterwards (``support.same``). A program that is refused with StagingError is counted, not a failure:
the programs use what has a meaning without knowing values.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from .same import Difference, compare, outcome, program, twins

__all__ = ["Maker", "arrays_of", "main", "run"]

DTYPES = ["f8", "f8", "f8", "f4", "i4", "i8", "i8", "u1", "i1", "?", "c16", "f2"]
SHAPES = [(3,), (4,), (2, 3), (3, 3), (3, 4), (1, 3), (2, 2, 3), (), (0, 3), (3, 1), (5,)]
BINARY = [
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "&",
    "|",
    "^",
    "<<",
    ">>",
    "<",
    "<=",
    "==",
    "!=",
    ">",
]
IN_PLACE = ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="]
UFUNCS1 = ["negative", "absolute", "square", "sign", "sqrt", "exp", "tanh", "floor", "isnan",
           "logical_not", "invert", "conjugate", "rint", "positive", "cbrt", "isfinite"]  # fmt: skip
UFUNCS2 = ["add", "subtract", "multiply", "true_divide", "floor_divide", "maximum", "minimum",
           "power", "remainder", "hypot", "arctan2", "logical_and", "equal", "less", "fmax",
           "copysign", "bitwise_or", "left_shift", "heaviside", "gcd", "logaddexp"]  # fmt: skip
REDUCED = ["sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "argmax", "argmin",
           "cumsum", "cumprod", "ptp"]  # fmt: skip
NUMBERS = ["0", "1", "2", "3", "-1", "300", "0.5", "2.5", "1e3", "-0.0", "True", "1j", "2**40",
           "np.float32(1.5)", "np.int64(3)", "np.uint8(200)", "np.float64(0.1)", "np.int8(-3)"]  # fmt: skip


class Maker:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.names: list[str] = []
        self.lines: list[str] = []
        self.made = 0

    def pick(self, items: Any) -> Any:
        return self.rng.choice(items)

    def name(self) -> str:
        """A name in scope, later ones more often."""
        return self.pick(self.names + self.names[-3:])

    def new(self, text: str) -> str:
        self.made += 1
        name = f"v{self.made}"
        self.lines.append(f"{name} = {text}")
        self.names.append(name)
        return name

    def part(self) -> str:
        """One part of a key."""
        return self.pick(
            ["0", "-1", "1", ":", "1:", ":-1", "::-1", "::2", "0:2", "...", "None", "-2:", ":0", "2",
             "[0, 1]", "[1, 0]", "[0, 0]", "np.array([1, 0, 1])", "7", "2:0:-1", "[-1]"]
        )  # fmt: skip

    def basic(self) -> str:
        return self.pick(
            ["0", "-1", ":", "1:", ":-1", "::-1", "::2", "0:2", "...", "None", "-2:", "1"]
        )

    def key(self, part: Callable[[], str] | None = None) -> str:
        part = part or self.part
        return ", ".join(part() for _ in range(self.pick([1, 1, 1, 2, 2, 3])))

    def view(self) -> str:
        """An expression that is mostly a view."""
        a = self.name()
        return self.pick([
            f"{a}[{self.key(self.basic)}]", f"{a}[{self.key(self.basic)}]", f"{a}.T",
            f"{a}.reshape(-1)", f"{a}.ravel()", f"{a}.ravel('F')", f"{a}.reshape(3, -1)",
            f"{a}.reshape({a}.shape)", f"{a}[:, None]", f"{a}[::-1]", f"{a}.swapaxes(0, -1)",
            f"np.transpose({a})", f"np.moveaxis({a}, 0, -1)", f"{a}.squeeze()", f"np.squeeze({a})",
            f"np.expand_dims({a}, 0)", f"np.flip({a})", f"np.atleast_2d({a})", f"{a}.view()", f"{a}",
            f"{a}[...]", f"np.asarray({a})", f"{a}.real", f"{a}.imag", f"np.diagonal({a})",
            f"np.broadcast_to({a}, (2, *{a}.shape))", f"np.split({a}, 1)[0]", f"{a}[()]",
            f"np.array_split({a}, 2)[0]", f"np.rot90({a})", f"np.fliplr({a})", f"np.reshape({a}, (-1, 1))",
            f"np.ascontiguousarray({a})", f"{a}.reshape(-1, order='F')", f"np.rollaxis({a}, -1)",
            f"np.vsplit({a}, 1)[0]", f"np.asfortranarray({a})", f"np.matrix_transpose({a})",
        ])  # fmt: skip

    def value(self) -> str:
        return self.pick([self.name, self.view, lambda: self.pick(NUMBERS)])()

    def fresh(self) -> str:
        """An expression that is mostly a new array."""
        a, b = self.name(), self.value()
        return self.pick([
            f"{a} {self.pick(BINARY)} {b}", f"{a} {self.pick(BINARY)} {b}",
            f"{b} {self.pick(BINARY)} {a}", f"np.{self.pick(UFUNCS1)}({a})",
            f"np.{self.pick(UFUNCS2)}({a}, {b})", f"{a}.copy()", f"np.array({a})", f"-{a}", f"~{a}",
            f"{a}.astype('{self.pick(DTYPES)}')", f"np.zeros_like({a})", f"np.zeros({a}.shape)",
            "np.ones(3)", "np.arange(3)", "np.arange(6.0).reshape(2, 3)", "np.full((3,), 2)",
            f"np.full_like({a}, 1)", f"{a}[{self.key()}]", f"{a}[[0, 0]]", f"{a}[np.array([True, False, True])]",
            f"np.where({a} > 1, {a}, {b})", f"np.concatenate([{a}, {a}])", f"np.stack([{a}, {b}])",
            f"{a}.{self.pick(REDUCED[:-1])}()", f"{a}.{self.pick(REDUCED[:-1])}(axis={self.pick([0, -1, 1, 'None'])})",
            f"np.{self.pick(REDUCED)}({a}, axis=0)", f"np.clip({a}, 0, 2)", f"{a}.clip(1)", f"{a} @ {b}",
            f"np.dot({a}, {b})", f"np.outer({a}, {b})", f"np.add.outer({a}, {b})", f"np.add.reduce({a})",
            f"np.sort({a})", f"np.roll({a}, 1)", f"np.tile({a}, 2)", f"np.repeat({a}, 2)", f"np.diff({a})",
            f"np.pad({a}, 1)", "np.linspace(0, 1, 3)", f"{a}.flatten()", "np.eye(3)", f"divmod({a}, {b})[0]",
            f"np.round({a})", f"np.take({a}, [0, -1])", f"{a}.sum(dtype='f4')", f"{a}.sum(axis=0, keepdims=True)",
            f"np.add({a}, {b}, dtype='f8')", f"np.array([{a}, {b}])", f"np.array({a}, dtype='f4')",
            f"np.cumsum({a})", f"np.add.accumulate({a})", f"np.einsum('i,i->i', {a}, {a})", f"np.trace({a})",
            f"np.median({a})", f"np.interp({a}, [0, 1], [2, 3])", f"np.triu({a})", f"np.kron({a}, {a})",
            f"np.count_nonzero({a})", f"np.insert({a}, 0, 1)", f"np.ones({a}.shape, {a}.dtype)",
        ])  # fmt: skip

    def write(self) -> str:
        a, b = self.name(), self.value()
        v = self.view()
        return self.pick([
            f"{a}[{self.key(self.basic)}] = {b}", f"{a}[{self.key()}] = {b}", f"{a}[{self.key()}] {self.pick(IN_PLACE)} {b}",
            f"{a} {self.pick(IN_PLACE)} {b}", f"{a}[...] = {b}", f"np.add({a}, {b}, out={a})",
            f"np.multiply({a}, {b}, out={v})", f"np.copyto({a}, {b})", f"np.copyto({v}, {b}, casting='unsafe')",
            f"{a}.fill({self.pick(NUMBERS)})", f"{a}.T[0] = {b}", f"{a}.sort()", f"{a}[{a} > 1] = {self.pick(NUMBERS)}",
            f"{a}[{a} > 1] += 1", f"{a}[{a} > 1] = {a}[{a} > 1] * 2", f"np.add.at({a}, [0, 0], 1)", f"{a}.flat[0] = {self.pick(NUMBERS[:9])}",
            f"np.put({a}, [0], {self.pick(NUMBERS)})", f"np.fill_diagonal({a}, 1)", f"{a}[0], {a}[1] = {a}[1], {a}[0]",
            f"{a}[[0, 1]] = {a}[[1, 0]]", f"np.negative({a}, out={a}[::-1])", f"np.add({a}, 1, out={a}, where={a} > 1)",
            f"np.place({a}, {a} > 0, 5)", f"np.putmask({a}, {a} > 2, 0)", f"np.sum({a}, axis=0, out={a}[0])",
            f"np.cumsum({a}, out={a})", f"np.sqrt({a}, out={a}, casting='unsafe')", f"helper({v}, {b})", f"np.subtract({a}, {b}, {a})",
            f"{a}.reshape(-1)[0] = {b}", f"{a}.ravel()[:] = {b}", f"{a}[:] = {a}[::-1]", f"np.maximum({a}, 1, out={a})",
            f"np.clip({a}, 0, 1, out={a})", f"{a}.imag[...] = 1",
            f"for row in {a}:\n    row {self.pick(IN_PLACE[:3])} 1", f"{a}.put([0, 1], {b})", f"{a}.flat = {b}",
            f"np.divide({a}, {b}, out={a}, where={a} != 0)", f"{a}.setflags(write=False)",
            f"try:\n    {a}[{self.key()}] = {b}\nexcept (ValueError, IndexError, TypeError):\n    {a}[...] = 0",
        ])  # fmt: skip

    def make(self, arrays: list[np.ndarray[Any, Any]]) -> str:
        """The body of a program with parameters ``a``, ``b`` ... for these arrays. Lines that raise
        are mostly left out, so that a program gets far."""
        parameters = "abc"[: len(arrays)]
        self.names = list(parameters)
        self.lines = ["def helper(x, y):", "    x += y", "    return x[0]"]
        space: dict[str, Any] = {"np": np}
        exec("\n".join(self.lines), space)
        space.update(zip(parameters, twins(arrays), strict=True))
        wanted = self.rng.randint(1, 8)
        for _ in range(30):
            if len(self.lines) >= wanted + 3:
                break
            self.statement(space)
        kept = [
            self.pick([self.name, self.name, self.view])() for _ in range(self.rng.randint(0, 3))
        ]
        self.lines.append(f"return {', '.join(kept)}{',' if kept else 'None'}")
        return "\n".join(self.lines)

    def statement(self, space: dict[str, Any]) -> None:
        """Append one statement."""
        kind = self.rng.random()
        before = len(self.lines)
        if kind < 0.4:
            self.lines.append(self.write())
        else:
            self.new(self.view() if kind < 0.7 else self.fresh())
        error = outcome(lambda: exec("\n".join(self.lines[before:]), space))
        if isinstance(error, Exception) and self.rng.random() < 0.93:
            del self.lines[before:]
            if kind >= 0.4:
                self.names.pop()


def arrays_of(seed: int) -> list[np.ndarray[Any, Any]]:
    """One to three arrays: of any layout, sometimes read-only, the same object or views of one base."""
    rng = random.Random(seed * 7919 + 1)
    arrays = [_array(rng) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    if len(arrays) > 1 and rng.random() < 0.3:
        first = arrays[0]
        arrays[1] = rng.choice([
            lambda: first, lambda: first[1:] if first.ndim else first, lambda: first[::-1] if first.ndim else first, lambda: first.T,
        ])()  # fmt: skip
    return arrays


def _array(rng: random.Random) -> np.ndarray[Any, Any]:
    dtype, shape = np.dtype(rng.choice(DTYPES)), rng.choice(SHAPES)
    size = int(np.prod(shape))
    values = np.array([rng.choice([0, 1, 2, 3, 4, 5, 7, -1, -2]) for _ in range(size)])
    if dtype.kind in "fc":
        values = values + np.array([rng.choice([0, 0.5, 0.25]) for _ in range(size)])
    with np.errstate(all="ignore"):
        made = np.asarray(values).astype(dtype).reshape(shape)
    kind = rng.random()
    if kind < 0.12:
        made = np.asfortranarray(made)
    elif kind < 0.2 and made.ndim:
        made = made.repeat(2, axis=-1)[..., ::2]
    elif kind < 0.28 and made.ndim:
        made = made[::-1].copy()[::-1]
    elif kind < 0.32:
        made.flags.writeable = False
    return made


def run(seed: int, jit: bool | None = False) -> tuple[str, str]:
    """Make and compare the program of a seed. Returns its text and how it ended."""
    arrays = arrays_of(seed)
    text = Maker(seed).make(arrays)
    function = program(text, ", ".join("abc"[: len(arrays)]))
    try:
        calls = 6 if jit is None else 2
        return text, compare(function, *arrays, jit=jit, calls=calls, refusals=True)
    except Difference as error:
        shown = "\n".join(
            f"{n} = {a!r}  # strides {a.strides}" for n, a in zip("abc", arrays, strict=False)
        )
        raise Difference(f"seed {seed}\n{text}\n{shown}\n{error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--default", action="store_true", help="jit_compile=None, six calls")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    options = parser.parse_args()
    ends: Counter[str] = Counter()
    start = time.perf_counter()
    for seed in range(options.start, options.start + options.count):
        try:
            ends[run(seed, None if options.default else options.jit)[1]] += 1
        except Difference as error:
            ends["differs"] += 1
            if ends["differs"] <= options.show:
                print(error, end="\n\n", flush=True)
    told = ", ".join(f"{n} {end}" for end, n in sorted(ends.items()))
    print(f"{options.count} programs in {time.perf_counter() - start:.0f} s: {told}")
    raise SystemExit(bool(ends["differs"]))


if __name__ == "__main__":
    main()
