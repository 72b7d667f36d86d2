"""Attribute values of every kind, with the odd ones."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from twofold.ir.dims import symbol
from twofold.ir.types import RefType, TensorType

N = symbol("n")
F32 = TensorType(np.dtype("float32"), (N, 3))


def odd_nan(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def element(dtype: np.dtype, bits: int) -> np.ndarray:
    return np.array([bits], f"u{dtype.itemsize}").view(dtype)


VALUES: list[Any] = [
    None, True, False, 0, -7, 10**30, 0.1, -0.0, 1e300, 5e-324, float("inf"), float("-inf"),
    float("nan"), odd_nan(0xFFF8000000000000), odd_nan(0x7FF8000000000123),
    complex(-0.0, float("nan")), complex(1, -2), "", 'a "b"\n\t\\ # {', "naïve \u2028 \ud800",
    np.dtype("float32"), np.dtype(bool), F32, RefType(np.dtype("int8"), (3,)),
    N + 1, (2 * N) // 3, (), (1,), (1, (2.0, (True, None))), (N, 3), slice(None), slice(1, None, 2),
    slice(N, None, -1), slice(None, 2 * N + 1), ..., (slice(None), ..., None, -1),
    np.float32(0.1), np.int8(-3), np.bool_(True), np.complex64(1 - 2j),
    np.zeros((0, 3), "int32"), np.arange(16), np.arange(17), np.full((100, 2), -0.0, "float32"),
    np.full((5, 5), np.nan), np.linspace(0, 1, 40).reshape(8, 5).T, np.array(3.5),
    np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45], "float32"),
    element(np.dtype("float32"), 0xFFC00001), element(np.dtype("float16"), 0x7E01),
    np.array([complex(-0.0, np.nan), complex(np.inf, -1)], "complex64"),
    np.array([True, False]), np.array([2**64 - 1], "uint64"), np.array(-(2**63)),
]  # fmt: skip
