"""The dtypes: one record each, with every fact that the rest of the package needs of them.

NumPy's kind letters do not say what a dtype is: bfloat16, of the package ml_dtypes, has the kind of
raw bytes. Whoever wants to know whether a dtype is floating, how wide it is or what it computes in
asks ``info(dtype)``. The floating dtypes of 8 bits are a class of their own: they are stored,
moved, compared and cast, and nothing is computed in them. Micikevicius et al., "FP8 Formats for
Deep Learning" (2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "CLASSES", "DTYPES", "FORMATS", "HALVES", "NAMES", "RECORDS", "WIDEST", "DTypeInfo", "Format",
    "dtype_name", "info", "known", "letter",
]  # fmt: skip

DType = np.dtype[Any]
CLASSES: Mapping[str, str] = {
    "b": "bool",
    "i": "signed integers",
    "u": "unsigned integers",
    "f": "floating point",
    "c": "complex",
    "e": "float8",
}  # the letters of ``accepts``, in the order of promotion


class Format(NamedTuple):
    """The numbers that describe an IEEE 754 binary interchange format.

    `mantissa` counts the stored bits, `magic` is 1.5 * 2**mantissa: adding it rounds to an
    integer and leaves that integer in the low bits.
    """

    bits: int
    mantissa: int
    bias: int

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def magic_bits(self) -> int:
        return (self.bias + self.mantissa << self.mantissa) | 1 << (self.mantissa - 1)

    @property
    def sign_bit(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def max(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0**-self.mantissa) * 2.0**self.bias

    @property
    def eps(self) -> float:
        """The distance from 1 to the next larger number."""
        return 2.0**-self.mantissa


class DTypeInfo(NamedTuple):
    """What a dtype is.

    ``letter``: its class, a letter of ``CLASSES``. ``format``: of floating numbers and of the parts
    of complex ones. ``computes``: the short name of the dtype that arithmetic, sums included, is
    done in before it is rounded; ``part``: that of the parts of a complex number, or its own.
    ``blas``: the letter of BLAS, or nothing.
    """

    short: str
    name: str
    letter: str
    bits: int
    format: Format | None
    computes: str
    part: str
    blas: str = ""

    @property
    def dtype(self) -> DType:
        """The dtype as NumPy has it."""
        return DTYPES[self.short]

    @property
    def boolean(self) -> bool:
        """Whether it is bool."""
        return self.letter == "b"

    @property
    def integer(self) -> bool:
        """Whether it is a signed or unsigned integer."""
        return self.letter in "iu"

    @property
    def signed(self) -> bool:
        """Whether it is a signed integer."""
        return self.letter == "i"

    @property
    def unsigned(self) -> bool:
        """Whether it is an unsigned integer."""
        return self.letter == "u"

    @property
    def floating(self) -> bool:
        """Whether it is a real floating dtype."""
        return self.letter == "f"

    @property
    def complex(self) -> bool:
        """Whether it is complex."""
        return self.letter == "c"

    @property
    def inexact(self) -> bool:
        """Whether it has numbers that are not finite: floating, complex, and those of 8 bits."""
        return self.letter in "fce"

    @property
    def stored(self) -> bool:
        """Whether it is stored and cast, and not computed with."""
        return self.letter == "e"

    @property
    def half(self) -> bool:
        """Whether it is stored in fewer bits than it is computed in."""
        return self.computes != self.short

    @property
    def double(self) -> bool:
        """Whether its numbers, or their parts, are those of float64."""
        return self.format is FORMATS["f64"]

    @property
    def computes_in(self) -> DType:
        """The dtype that arithmetic is done in."""
        return DTYPES[self.computes]

    @property
    def part_dtype(self) -> DType:
        """The dtype of the real part: its own, unless it is complex."""
        return DTYPES[self.part]

    @property
    def digits(self) -> int:
        """Bits of the significand, or of the largest integer."""
        if self.format is not None:
            return self.format.mantissa + 1
        return 1 if self.boolean else self.bits - self.signed

    @property
    def ints(self) -> tuple[int, int]:
        """The smallest and the largest number of an integer dtype or bool."""
        return (-(1 << self.digits) if self.signed else 0), (1 << self.digits) - 1


FORMATS: Mapping[str, Format] = {
    "f16": Format(16, 10, 15),
    "bf16": Format(16, 7, 127),
    "f32": Format(32, 23, 127),
    "f64": Format(64, 52, 1023),
}


def _records() -> Iterator[DTypeInfo]:
    yield DTypeInfo("bool", "bool", "b", 8, None, "bool", "bool")
    for letter, word in ("i", "int"), ("u", "uint"):
        for bits in (8, 16, 32, 64):
            short = f"{letter}{bits}"
            yield DTypeInfo(short, f"{word}{bits}", letter, bits, None, short, short)
    yield _floating("f16", "float16", "f32")
    yield _floating("bf16", "bfloat16", "f32")
    yield _floating("f32", "float32", "f32", "s")
    yield _floating("f64", "float64", "f64", "d")
    yield DTypeInfo("c64", "complex64", "c", 64, FORMATS["f32"], "c64", "f32", "c")
    yield DTypeInfo("c128", "complex128", "c", 128, FORMATS["f64"], "c128", "f64", "z")
    for name in ("e4m3fn", "e5m2"):
        short = f"f8{name}"
        yield DTypeInfo(short, f"float8_{name}", "e", 8, None, short, short)


def _floating(short: str, name: str, computes: str, blas: str = "") -> DTypeInfo:
    format = FORMATS[short]
    return DTypeInfo(short, name, "f", format.bits, format, computes, short, blas)


RECORDS: Mapping[str, DTypeInfo] = {record.short: record for record in _records()}
WIDEST = max(record.bits for record in RECORDS.values()) // 8  # bytes of an element
NAMES: Mapping[str, str] = {record.name: record.short for record in RECORDS.values()}
HALVES: set[int] = {np.dtype("float16").num}  # ``dtype.num`` of those computed in another dtype


class _DTypes(Mapping[str, DType]):
    """The dtypes by short name; ml_dtypes is imported when one of its own is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, DType] = {}

    def __getitem__(self, short: str) -> DType:
        made = self._made.get(short)
        return self._make(RECORDS[short]) if made is None else made

    def _make(self, record: DTypeInfo) -> DType:
        if record.name == "bfloat16" or record.stored:
            import ml_dtypes  # noqa: F401, PLC0415  (tells NumPy of its dtypes)
        made = self._made[record.short] = np.dtype(record.name)
        if record.half:
            HALVES.add(made.num)
        return made

    def __contains__(self, short: object) -> bool:
        return short in RECORDS

    def __iter__(self) -> Iterator[str]:
        return iter(RECORDS)

    def __len__(self) -> int:
        return len(RECORDS)


DTYPES: Mapping[str, DType] = _DTypes()


class _Infos(dict[DType, DTypeInfo]):
    def __missing__(self, dtype: DType) -> DTypeInfo:
        record = RECORDS.get(NAMES.get(getattr(dtype, "name", ""), ""))
        if record is None or record.dtype != dtype:  # another byte order has the same name
            raise KeyError(dtype)
        self[record.dtype] = record
        return record


_INFOS = _Infos()


def info(dtype: DType) -> DTypeInfo:
    """The record of a dtype. Raises KeyError for one that tensors cannot have.

    >>> info(np.dtype("float16")).computes_in
    dtype('float32')
    """
    return _INFOS[dtype]


def known(dtype: DType) -> bool:
    """Whether tensors can have this dtype."""
    try:
        return _INFOS[dtype] is not None
    except KeyError:
        return False


def letter(dtype: Any) -> str:
    """The class of a dtype, a letter of ``CLASSES``; NumPy's kind for one that tensors cannot have,
    and nothing for what is no dtype.

    >>> letter(DTYPES["bf16"]), letter(np.dtype("U3"))
    ('f', 'U')
    """
    found = _INFOS.get(dtype)
    if found is not None:
        return found.letter
    return _INFOS[dtype].letter if known(dtype) else str(getattr(dtype, "kind", ""))


def dtype_name(dtype: DType) -> str:
    """The short IR name of a dtype.

    >>> dtype_name(np.dtype("float32"))
    'f32'
    """
    return _INFOS[dtype].short
