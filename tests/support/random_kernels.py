"""Random loop nests with control flow that ends: integers, floats and bools in variables."""

from __future__ import annotations

import random

from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel

__all__ = ["random_kernel"]

INTEGER = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} & {b}", "{a} | {b}", "{a} ^ {b}", "-{a}",
           "{a} >> 2", "{a} << 3", "~{a}", "maximum({a}, {b})", "abs({a})", "sign({a})",
           "{a} if {t} else {b}", "7 if {t} else {a}", "cast({t})")  # fmt: skip
REAL = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "-{a}", "sqrt(abs({a}))", "floor({a})",
        "minimum({a}, {b})", "copysign({a}, {b})", "{a} if {t} else {b}", "0.5 if {t} else {a}",
        "cast({i})", "round({a})")  # fmt: skip
TESTS = ("{a} < {b}", "{i} == {j}", "{i} & 1 == 0", "not {t}", "{t} and {i} > 3", "{t} or {a} >= 0.5",
         "isfinite({a})", "{i} != {j} if {t} else {a} <= {b}")  # fmt: skip


def random_kernel(seed: int) -> Kernel:
    """A kernel over n points; buffers: i64 and f64 to read, i64 and f64 to write."""
    return parse_kernel(_Maker(random.Random(seed)).text(seed))


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.scope: dict[str, list[str]] = {"i64": [], "f64": [], "bool": []}
        self.variables: dict[str, list[str]] = {"i64": [], "f64": [], "bool": []}
        self.lines: list[str] = []
        self.count = 0

    def text(self, seed: int) -> str:
        self.lines = [f"kernel random_{seed}(k: i64, x: f64, p: out i64, y: out f64) for (i: n) {{",
                      "sweep {"]  # fmt: skip
        for dtype, start in (("i64", "k[i]"), ("f64", "x[i]"), ("i64", "at i * 3 + (n)")):
            self.lines.append(f"{self.new(dtype)}: {dtype} = {start}")
        self.lines.append(f"{self.new('bool')}: bool = {self.scope['f64'][0]} > 0.0")
        for dtype in self.scope:
            self.variable(dtype)
        self.block(self.rng.randint(4, 8), 0)
        self.lines += [f"p[i] = {self.pick('i64')}", f"y[i] = {self.pick('f64')}", "}", "}"]
        return "\n".join(self.lines)

    def new(self, dtype: str) -> str:
        self.count += 1
        name = f"{dtype[0]}_{self.count}"
        self.scope[dtype].append(name)
        return name

    def pick(self, dtype: str) -> str:
        return self.rng.choice(self.scope[dtype])

    def expression(self, dtype: str) -> str:
        options = {"i64": INTEGER, "f64": REAL, "bool": TESTS}[dtype]
        own = "f64" if dtype == "bool" else dtype
        names = {"a": self.pick(own), "b": self.pick(own), "i": self.pick("i64"),
                 "j": self.pick("i64"), "t": self.pick("bool")}  # fmt: skip
        return self.rng.choice(options).format(**names)

    def variable(self, dtype: str) -> None:
        expr = self.expression(dtype)
        name = self.new(dtype)
        self.lines.append(f"var {name}: {dtype} = {expr}")
        self.variables[dtype].append(name)

    def block(self, length: int, depth: int) -> None:
        before = {d: list(names) for d, names in self.scope.items()}
        changing = {d: list(names) for d, names in self.variables.items()}
        for _ in range(length):
            self.statement(depth)
        self.scope, self.variables = before, changing

    def statement(self, depth: int) -> None:
        kind = self.rng.choice(
            ["value", "set", "set", "var", "if", "while", "for", "load", "store", "reduce"]
        )
        dtype = self.rng.choice(["i64", "f64", "bool"])
        if kind in ("if", "while", "for", "reduce") and depth > 2:
            kind = "set"
        if kind == "value":
            expr = self.expression(dtype)
            self.lines.append(f"{self.new(dtype)}: {dtype} = {expr}")
        elif kind == "set":
            self.lines.append(
                f"{self.rng.choice(self.variables[dtype])} = {self.expression(dtype)}"
            )
        elif kind == "var":
            self.variable(dtype)
        elif kind == "load":
            self.lines.append(f"{self.new('f64')}: f64 = x[i]")
        elif kind == "store":
            self.lines.append(f"y[i] = {self.pick('f64')}")
        else:
            getattr(self, f"_{kind}")(depth)

    def _if(self, depth: int) -> None:
        self.lines.append(f"if {self.expression('bool')} {{")
        self.block(2, depth + 1)
        self.lines.append("} else {")
        self.block(self.rng.randint(0, 2), depth + 1)
        self.lines.append("}")

    def _reduce(self, depth: int) -> None:
        """Folds that give the same in every order; sizes around those of vectors."""
        self.count += 1
        names = [f"at_{self.count}_{i}" for i in range(self.rng.randint(1, 2))]
        box = ", ".join(f"{n}: {self.rng.choice((0, 1, 3, 7, 8, 9, 40))}" for n in names)
        before = {d: list(given) for d, given in self.scope.items()}
        self.lines.append(f"reduce {box} {{")
        self.scope["i64"] += names
        for dtype in self.rng.choices(("i64", "f64", "bool"), k=3):
            expr = self.expression(dtype)
            self.lines.append(f"{self.new(dtype)}: {dtype} = {expr}")
        folds = []
        for dtype, expr in (("i64", "{acc} + {x}"), ("f64", "maximum({acc}, {x})")):
            value, name = self.pick(dtype), f"acc_{self.count}_{dtype}"
            first = "0" if dtype == "i64" else "-inf"
            self.lines.append(
                f"fold {name}: {dtype} = {expr.format(acc=name, x=value)} from {first}"
            )
            folds.append((dtype, name))
        self.lines.append("}")
        self.scope = before
        for dtype, name in folds:
            self.scope[dtype].append(name)

    def _while(self, depth: int) -> None:
        """The counter of the loop is no variable that the body may set."""
        self.count += 1
        left = f"left_{self.count}"
        self.lines.append(f"var {left}: i64 = {self.rng.randint(0, 5)}")
        self.lines.append(self.rng.choice([f"while {left} > 0 {{", f"do {{\n{left} = {left} - 1\n}} while {left} > 0 {{"]))  # fmt: skip
        self.block(2, depth + 1)
        self.lines += [f"{left} = {left} - 1", "}"]

    def _for(self, depth: int) -> None:
        self.count += 1
        before = list(self.scope["i64"])
        self.lines.append(
            f"for at_{self.count}: {self.rng.randint(0, 2)} to {self.rng.randint(0, 5)} {{"
        )
        self.scope["i64"].append(f"at_{self.count}")
        self.block(2, depth + 1)
        self.lines.append("}")
        self.scope["i64"] = before
