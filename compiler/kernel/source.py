"""A kernel as readable Python: what ``dump --kernels`` shows, what a debugger can step.

The text runs as it stands, on flat arrays, with ``kernel_namespace()`` for the functions that the
expressions call; it is the oracle of the machine code in the tests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from functools import cache
from typing import Any

from twofold.ir.dims import symbols_of
from twofold.ir.op import OPS

from ..native.vecmath import FUNCTIONS
from .expression import KERNEL_DTYPES, rename
from .loops import Access, Fold, Instr, Kernel, Stage, Store

__all__ = ["function_name", "kernel_namespace", "python_source"]

INDENT = "    "
_ALIAS = {"pow": "power", "floordiv": "floor_divide", "mod": "remainder"}
_TESTS = ("sign", "isnan", "isinf", "isfinite")
_OWN = re.compile(r"(i|v|acc)\d+$")  # what the text calls its indices, values and accumulators


def python_source(kernel: Kernel, name: str) -> str:
    """The kernel as a Python function of its flat buffers and its sizes."""
    return _Source(kernel, name).text()


@cache
def kernel_namespace() -> dict[str, Any]:
    """What the text of a kernel calls: the ops' NumPy bodies, and dtypes as casts.

    >>> kernel_namespace()["maximum"](1.0, 2.0)
    np.float64(2.0)
    """
    ops = {n: n for n in (*FUNCTIONS, *_TESTS) if n in OPS} | _ALIAS
    casts = {d.name: d.type for d in KERNEL_DTYPES}
    plain = {"inf": math.inf, "nan": math.nan, "pi": math.pi, "e": math.e,
             "fma": lambda x, y, z: x * y + z}  # fmt: skip
    return {**plain, **casts, **{name: OPS[op].body for name, op in ops.items()}}


def function_name(kernel: Kernel) -> str:
    """The name of the Python function: the kernel's, unless the text calls a function of it."""
    return f"{kernel.name}_kernel" if kernel.name in kernel_namespace() else kernel.name


class _Source:
    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.sizes = sorted(_symbols(kernel))
        self.buffers = _unique(kernel.names, {*self.sizes, *kernel_namespace(), name})
        self.index = [f"i{a}" for a in range(len(kernel.dims))]

    def text(self) -> str:
        params = ", ".join([*self.buffers, *self.sizes])
        self.line(0, f"def {self.name}({params}):")
        kept = [a for a in range(len(self.kernel.dims)) if a not in self.kernel.reduced]
        depth = 1
        for axis in kept:
            self.line(depth, f"for {self.index[axis]} in range({self.kernel.dims[axis]}):")
            depth += 1
        for instr in self.kernel.stages[0].inner:
            if instr.kind == "const":
                self.names[instr.id] = _number(instr.value)
        for stage in self.kernel.stages:
            self.stage(stage, depth)
        return "\n".join(self.lines) + "\n"

    def line(self, depth: int, text: str) -> None:
        self.lines.append(INDENT * depth + text)

    def stage(self, stage: Stage, depth: int) -> None:
        early = [i for i in stage.post if not self._waits(i, stage)]
        self.instructions(early, depth)
        for fold in stage.folds:
            self.names[fold.id] = f"acc{fold.id}"
            self.line(depth, f"acc{fold.id} = {fold.dtype.name}({_number(fold.identity)})")
        inside = depth
        if stage.inner or stage.folds or stage.stores:
            for axis in sorted(self.kernel.reduced):
                self.line(inside, f"for {self.index[axis]} in range({self.kernel.dims[axis]}):")
                inside += 1
            self.instructions(stage.inner, inside)
            for fold in stage.folds:
                self.fold(fold, inside)
            self.stores(stage.stores, inside)
        self.instructions([i for i in stage.post if i not in early], depth)
        self.stores(stage.post_stores, depth)

    def _waits(self, instr: Instr, stage: Stage) -> bool:
        waiting = {f.id for f in stage.folds}
        for other in stage.post:
            if any(a in waiting for a in other.args):
                waiting.add(other.id)
        return instr.id in waiting

    def instructions(self, instrs: list[Instr], depth: int) -> None:
        for instr in instrs:
            if instr.kind == "const":
                continue
            self.names[instr.id] = f"v{instr.id}"
            if instr.kind == "load":
                assert instr.access is not None
                text = self.place(instr.access)
            else:
                pairs = zip(instr.params, instr.args, strict=False)
                text = rename(instr.expr, {p: self.names.get(a, "") for p, a in pairs})
                text = text.replace("cast(", f"{instr.dtype.name}(")
            self.line(depth, f"v{instr.id} = {text}")

    def fold(self, fold: Fold, depth: int) -> None:
        text = rename(fold.expr, {"acc": f"acc{fold.id}", "x": self.names[fold.arg]})
        self.line(depth, f"acc{fold.id} = {text}")

    def stores(self, stores: list[Store], depth: int) -> None:
        for store in stores:
            self.line(depth, f"{self.place(store.access)} = {self.names[store.arg]}")

    def place(self, access: Access) -> str:
        terms = [] if access.offset == 0 else [str(access.offset)]
        for axis, stride in enumerate(access.strides):
            if isinstance(stride, int) and stride == 0:
                continue
            one = isinstance(stride, int) and stride == 1
            terms.append(self.index[axis] if one else f"{self.index[axis]} * ({stride})")
        return f"{self.buffers[access.buffer]}[{' + '.join(terms) or 0}]"


def _symbols(kernel: Kernel) -> set[str]:
    found: set[str] = set()
    for item in kernel.params():
        if not isinstance(item, int):
            found |= symbols_of(item)
    return found


def _unique(names: list[str], taken: Collection[str]) -> list[str]:
    """Names for the buffers that are no other name of the text."""
    used, out = set(taken), []
    for name in names:
        clean = "".join(c if c.isalnum() else "_" for c in name) or "x"
        clean = stem = clean if not clean[0].isdigit() else f"x{clean}"
        count = 1
        while clean in used or _OWN.match(clean):
            count += 1
            clean = f"{stem}_{count}"
        used.add(clean)
        out.append(clean)
    return out


def _number(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return "nan" if isinstance(value, float) and math.isnan(value) else repr(value)
