"""Pages that are made from the code: ``pytest tests/docs --update-golden`` writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from twofold.ir import errors, promote
from twofold.ir.dtypes import DTYPES, NAMES, info

from .region_table import region_page

__all__ = ["PAGES", "error_page", "promotion_page"]

# The columns, from narrow to wide within a kind; the last three are Python's weak scalars.
NAMED = [DTYPES[NAMES[n]] for n in (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)]  # fmt: skip
WEAK = [bool, int, float, complex]


def short(operand: promote.Operand) -> str:
    """``f4`` as the text of graphs spells it, ``f32``; a Python type by its name."""
    if isinstance(operand, type):
        return operand.__name__
    return info(operand).short


def common(a: promote.Operand, b: promote.Operand) -> str:
    """The dtype that an operation on both computes in, or a dash where there is none."""
    try:
        return short(promote.result_dtype([a, b]))
    except errors.DTypeError:
        return "–"


def table(rows: list[promote.Operand], columns: list[promote.Operand]) -> Iterator[str]:
    """Rows of a Markdown table of common dtypes."""
    yield "| | " + " | ".join(f"**{short(c)}**" for c in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for a in rows:
        yield f"| **{short(a)}** | " + " | ".join(common(a, b) for b in columns) + " |"


def promotion_page() -> str:
    """``docs/promotion.md``."""
    floating = ", ".join(
        f"{short(d)} in {short(promote.as_floating(d))}"
        for d in NAMED if promote.as_floating(d) != d
    )  # fmt: skip
    numbers = ", ".join(f"`{t.__name__}` {promote.weak_dtype(t).name}" for t in WEAK)
    return "\n".join([
        "# Promotion",
        "",
        "Made from `ir/promote.py`; both modes read the same table.",
        "",
        "An operation on several operands first casts them to one dtype. Within a kind the rules",
        "are those of the Python array API standard. An integer beside a floating operand takes",
        "the floating dtype as it is: int64 and float32 give float32, so float64 never appears out",
        "of float32 code. `uint64` and a signed integer have no common dtype and raise",
        "[DTypeError](errors.md#dtypeerror) (–).",
        "",
        *table([*NAMED], [*NAMED]),
        "",
        "## Python numbers",
        "",
        "They are weak: beside a tensor they take its dtype if its kind can hold them, and else",
        "the smallest default dtype that can. A number that does not fit an integer dtype raises",
        "[ConversionError](errors.md#conversionerror). Where no tensor stands beside them they are",
        f"{numbers}; integers beyond int32 become int64. A list of numbers has such a dtype as a whole,",
        "is promoted as a tensor of it, and its numbers reach the common dtype in one step: beside",
        "float64, 0.1 is not float32's.",
        "",
        *table([*NAMED], [*WEAK]),
        "",
        "## Functions of floating point",
        "",
        "`divide`, `exp`, `sin`, `mean` and their like compute integers and bools in a floating",
        f"dtype: {floating}.",
        "",
        "## Half precision",
        "",
        "`float16` and `bfloat16` (of the package ml_dtypes) are stored in 16 bits and computed in",
        "float32. Each op rounds its result once, to the nearest number, ties to even: what is too",
        "large becomes infinite, small numbers lose digits gradually, a NaN stays one. An op that is",
        "made of others (`softmax`, `logsumexp`, `mean`, `var`, `std`, `norm`, `layer_norm` ...)",
        "stays in float32 until its end; sums, products, running sums and matrix products accumulate",
        "in float32 at least.",
        "",
        "The same holds in compiled code: a fused kernel keeps values in float32 registers and rounds",
        "them after each op, as the eager code does, so what is fused with what changes no bit.",
        "Arithmetic, comparisons and rounding are bit for bit the same in both modes; other",
        "functions are within one rounding of the float32 result, so they may differ by one unit in",
        "the last place where that result lies next to the middle between two numbers.",
        "",
        "`float8_e4m3fn` and `float8_e5m2` are stored, moved, compared and cast: nothing is computed in",
        "them, and nothing is promoted from or to them. `tf.cast` rounds to the nearest number; what is",
        "too large becomes infinite, or NaN in `float8_e4m3fn`, which has no infinity. No gradient goes",
        "through them.",
        "",
        "float16 and bfloat16 together give float32, the narrowest dtype that holds both. TensorFlow",
        "refuses that pair; JAX and torch do the same. float64 becomes bfloat16 by way of float32,",
        "as in ml_dtypes; all other conversions are rounded once, integers to float32 first.",
        "",
        "## Complex numbers",
        "",
        "Kernels compute complex numbers as pairs of real ones: arithmetic, `==`, `abs`, `exp`, `log`,",
        "`sqrt`, `conj`, `real`, `imag`, `angle`, sums and products; other functions run by NumPy. Both",
        "modes agree within 4 units in the last place of the modulus: NumPy may or may not use fused",
        "products, so a part that cancels can differ in all of its own digits. Infinities, NaN and the",
        "signs of zeros are NumPy's: `*` and `/` by the plain formulas, in which an infinity times a",
        "zero is NaN (C99's Annex G would recover an infinity), `abs`, `exp`, `log` and `sqrt` as C99",
        "has them.",
        "",
    ])  # fmt: skip


def error_page() -> str:
    """``docs/errors.md``."""
    parts = ["# Errors", "", cleaned(errors.__doc__), ""]
    for name in errors.__all__:
        cls = getattr(errors, name)
        bases = [b for b in cls.__mro__[1:] if b.__module__ == "builtins"]
        builtin = [b.__name__ for b in cls.__bases__ if b in bases and b is not Exception]
        parts += [f"## {name}", ""]
        if builtin:
            parts += [f"Derives from `{'` and `'.join(builtin)}`, too.", ""]
        parts += [cleaned(cls.__doc__), ""]
    return "\n".join(parts)


def cleaned(doc: str | None) -> str:
    """A docstring as Markdown: plain code spans, and a line break before ``Cause`` and ``Fix``."""
    lines = inspect.cleandoc(doc or "").replace("``", "`").splitlines()
    kept: list[str] = []
    for line in lines:
        start = line.startswith("Fix:") and kept and kept[-1]
        kept += ["", line] if start else [line]
    return "\n".join(kept)


PAGES: dict[str, Callable[[], str]] = {
    "control_flow_table.md": region_page,
    "errors.md": error_page,
    "promotion.md": promotion_page,
}
