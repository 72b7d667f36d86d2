"""The samples of an op as calls that run: inputs, the text of the call, and what it returns."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from twofold.api import surface
from twofold.api.creation import constant
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.errors import TwofoldError
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY, Composite
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor

__all__ = ["Called", "calls_of", "shown_value"]

_SPEC = re.compile(r"([a-z]\w*)\[([\d,]*)\]$")
_TRIED = ("bool", "i32", "i64", "u8", "f16", "bf16", "f32", "f64", "c64", "c128")
_FIRST = {"f": "f32", "i": "i32", "u": "u32", "c": "c64", "b": "bool"}


@dataclass(frozen=True)
class Called:
    """One sample of an op."""

    name: str
    function: Any
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    domain: tuple[float, float]

    def arguments(self, dtype: str = "f32") -> list[Any]:
        """The inputs, with a dtype where the sample leaves it open."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return [self._filled(x, dtype, rng) for x in self.inputs]

    def _filled(self, given: Any, dtype: str, rng: np.random.Generator) -> Any:
        if isinstance(given, list | tuple):
            return type(given)(self._filled(x, dtype, rng) for x in given)
        if isinstance(given, np.ndarray):
            return constant(given.astype(DTYPES[dtype]) if given.dtype.kind == "f" else given)
        match = _SPEC.match(given) if isinstance(given, str) else None
        if match is None:
            return given
        kind = match[1]
        want = DTYPES[dtype if kind == "f" else _FIRST.get(kind, kind)]
        shape = tuple(int(n) for n in match[2].split(",") if n)
        return constant(_elements(shape, want, self.domain, rng))

    def run(self, dtype: str = "f32") -> Any:
        """What the call returns."""
        return self.function(*self.arguments(dtype), **self.attrs)

    @property
    def text(self) -> str:
        """The call with types for tensors: ``sum(f32[3,4], axis=0)``."""
        return f"{self.name}({self._inside(_type_text)})"

    def _inside(self, show: Any) -> str:
        named = [f"{k}={shown_value(v)}" for k, v in self.attrs.items()]
        return ", ".join([*map(show, self.arguments()), *named])

    @property
    def types(self) -> str:
        """The types of what it returns, or its refusal."""
        try:
            return _types_of(self.run())
        except TwofoldError as error:
            return type(error).__name__

    def by_dtype(self) -> dict[str, str]:
        """The type of the result for each dtype that the open inputs may have."""
        if not any(isinstance(x, str) and x.startswith("f[") for x in self.inputs):
            return {}
        found = {}
        for dtype in _TRIED:
            try:
                made = self.run(dtype)
            except (TwofoldError, TypeError, ValueError):
                continue
            found[dtype] = _types_of(made, dtype_only=True)
        return found

    def example(self, public: str) -> str:
        """The call as a user writes it, with what it prints, if that is short."""
        given = self.arguments()
        if any(isinstance(x, Tensor) and x.size > 12 for x in given):
            return ""
        try:
            made = self.run()
        except TwofoldError:
            return ""
        outs = made if isinstance(made, tuple | list) else (made,)
        if not all(isinstance(x, Tensor) and x.size <= 24 for x in outs):
            return ""
        lines = [">>> import twofold as tf", f">>> {public}({self._inside(_written)})"]
        return "\n".join([*lines, repr(made)])


def calls_of(name: str) -> list[Called]:
    """The samples of an op or a composite, called under its public name where it has one."""
    entry = REGISTRY[name]
    if isinstance(entry, Op) and entry.kind in ("state", "region", "buffer"):
        return []
    function = entry.function if isinstance(entry, Composite) else entry
    domain = getattr(entry, "domain", (-2.0, 2.0))
    return [Called(name, function, tuple(s.inputs), dict(s.attrs), domain) for s in entry.samples]


def _elements(shape: Any, dtype: Any, domain: Any, rng: Any) -> Any:
    low, high = domain
    own = info(dtype)
    if own.boolean:
        return rng.integers(0, 2, shape).astype(bool)
    if own.integer:
        first = int(np.ceil(max(low, 0) if own.unsigned else low))
        return rng.integers(first, max(int(np.floor(high)), first) + 1, shape).astype(dtype)
    values = np.round(rng.uniform(low, high, shape), 1)
    values = np.clip(values, low + 0.05 * (high - low), high - 0.05 * (high - low))
    if own.complex:
        values = values + 1j * np.round(rng.uniform(low, high, shape), 1)
    return np.round(values, 2).astype(dtype)


def _types_of(made: Any, *, dtype_only: bool = False) -> str:
    if isinstance(made, tuple | list):
        return ", ".join(_types_of(x, dtype_only=dtype_only) for x in made)
    if isinstance(made, dict):
        return ", ".join(f"{k}: {_types_of(v, dtype_only=dtype_only)}" for k, v in made.items())
    if not isinstance(made, Tensor):
        return type(made).__name__
    return info(made.dtype).short if dtype_only else f"`{TensorType(made.dtype, made.shape)}`"


def _type_text(x: Any) -> str:
    if isinstance(x, list | tuple):
        return "[" + ", ".join(map(_type_text, x)) + "]"
    return str(TensorType(x.dtype, x.shape)) if isinstance(x, Tensor) else shown_value(x)


def _written(x: Any) -> str:
    if isinstance(x, list | tuple):
        return "[" + ", ".join(map(_written, x)) + "]"
    if not isinstance(x, Tensor):
        return shown_value(x)
    text = repr(np.round(x.numpy().astype("f8"), 2).tolist() if x.dtype.kind == "f" else x.tolist())
    return f"tf.constant({text})"


def shown_value(value: Any) -> str:
    """A value as it is written in a call."""
    if isinstance(value, np.dtype):
        return f'"{value.name}"'
    return re.sub(r"dtype\('(\w+)'\)", r"\1", repr(value))


assert surface  # what fills the registry
