"""Inputs for the tests that read the registry: every op, every sample, every dtype it accepts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import twofold.ir.ops
import twofold.runtime.eager
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.op import COMPOSITES, OPS, Composite, Op, Sample

FLOATS = ("f16", "bf16", "f32", "f64")
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
COMPLEX = ("c64", "c128")
_SPEC = re.compile(r"([a-z]\w*)\[([\d,]*)\]$")

assert twofold.ir.ops and twofold.runtime.eager  # imported to fill the registry and to execute


class Case(NamedTuple):
    """One op or composite with one of its samples."""

    op: Op | Composite
    sample: Sample
    label: str


def op_cases() -> list[Case]:
    """Every op whose body can run by itself."""
    return [
        Case(op, sample, f"{op.name}-{i}")
        for op in OPS.values()
        if op.kind not in ("state", "region")
        for i, sample in enumerate(op.samples)
    ]


def composite_cases() -> list[Case]:
    """Every composite, with each of its samples."""
    return [
        Case(made, sample, f"{made.name}-{i}")
        for made in COMPOSITES.values()
        for i, sample in enumerate(made.samples)
    ]


def floating_specs(sample: Sample) -> bool:
    """Whether the sample leaves a dtype to choose: a spec, or an array of floats."""
    return any(_is_open(i) for i in sample.inputs)


def _is_open(given: Any) -> bool:
    if isinstance(given, str):
        return given[0] == "f" and given[1] == "["
    return isinstance(given, np.ndarray) and given.dtype.kind == "f"


def dtypes_of(case: Case) -> Iterator[np.dtype[Any]]:
    """The dtypes to draw the sample in."""
    kinds = {i[0] for i in case.sample.inputs if isinstance(i, str) and i[1] == "["}
    names: tuple[str, ...] = FLOATS
    accepts = getattr(case.op, "accepts", "f")
    if isinstance(case.op, Op):
        if not floating_specs(case.sample):
            names = INTEGERS if kinds & {"i", "u"} else COMPLEX if "c" in kinds else ("f32",)
        else:
            names = FLOATS if "f" in accepts else ()
            names += COMPLEX if "c" in accepts else ()
            if "i" in accepts:
                names += INTEGERS
            elif case.op.promote == "floating":
                names += ("i32", "i64")
        names += ("bool",) if "b" in accepts and "f32" in names else ()
        if any(isinstance(x, np.ndarray) and info(x.dtype).signed for x in case.sample.inputs):
            names = tuple(n for n in names if n != "u64")  # they have no common dtype
    return (DTYPES[n] for n in names)


def generator(label: str) -> np.random.Generator:
    """The same numbers for the same label in every run."""
    return np.random.default_rng(zlib.crc32(label.encode()))


def draw(case: Case, dtype: np.dtype[Any]) -> list[Any]:
    """The inputs of a case: arrays, and whatever else the sample holds as it is."""
    rng = generator(f"{case.label}-{dtype}")
    domain = getattr(case.op, "domain", (-2.0, 2.0))
    out: list[Any] = []
    for given in case.sample.inputs:
        if isinstance(given, str) and (match := _SPEC.match(given)):
            shape = tuple(int(n) for n in match[2].split(",") if n)
            out.append(fill(shape, _spec_dtype(match[1], dtype), domain, rng))
        elif _is_open(given):
            out.append(given.astype(dtype))
        else:
            out.append(given)
    return out


def _spec_dtype(kind: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if kind == "f":
        return dtype
    if kind in ("i", "u"):
        return dtype if info(dtype).integer else np.dtype("int32" if kind == "i" else "uint32")
    if kind == "c":
        return dtype if info(dtype).complex else np.dtype("complex64")
    return np.dtype(bool) if kind == "b" else np.dtype(DTYPES.get(kind, kind))


def fill(
    shape: tuple[int, ...], dtype: np.dtype[Any], domain: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray[Any, Any]:  # fmt: skip
    """Random elements within the domain."""
    low, high = domain
    own = info(dtype)
    if own.boolean:
        return rng.integers(0, 2, shape).astype(bool)
    if own.integer:
        first = int(np.ceil(max(low, 0) if own.unsigned else low))
        return rng.integers(first, max(int(np.floor(high)), first) + 1, shape).astype(dtype)
    values = rng.uniform(low, high, shape)
    if own.complex:
        values = values + 1j * rng.uniform(low, high, shape)
    return np.asarray(values).astype(dtype)
