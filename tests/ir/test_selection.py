"""``where`` without branches: the bits of ``np.where``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.selection import FEWEST, select

KINDS = ("float16", "float32", "float64", "complex64", "complex128", "bool", "int8", "uint16",
         "int32", "uint64")  # fmt: skip


def _values(kind: str, count: int, seed: int) -> Any:
    """Any bits at all, NaN with payloads and negative zeros among them."""
    raw = np.random.default_rng(seed).bytes(count * np.dtype(kind).itemsize)
    if kind == "bool":
        return np.frombuffer(raw, "uint8") % 2 == 1
    return np.frombuffer(raw, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_are_those_of_where(kind: str) -> None:
    count = 2 * FEWEST
    condition = _values("bool", count, 0)
    y, z = _values(kind, count, 1), _values(kind, count, 2)
    scalars = [
        np.zeros((), kind),
        np.negative(np.zeros(1)).astype(kind).reshape(()),
        y[:1].reshape(()),
    ]
    for a, b in [(y, z), *((y, s) for s in scalars), *((s, z) for s in scalars)]:
        found, wanted = select(condition, a, b), np.where(condition, a, b)
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()


def test_operands_broadcast_and_may_be_views() -> None:
    condition = _values("bool", FEWEST, 0).reshape(16, 1, -1)
    y = np.asfortranarray(_values("float32", FEWEST * 3, 1).reshape(16, 3, -1))
    z = _values("float32", FEWEST // 16 * 2, 2)[::2]
    for a, b in ((y, z), (z, y), (y[:, ::-1], np.float32(0)), (np.float32(0), np.float32(1))):
        found, wanted = select(condition, a, b), np.where(condition, a, b)
        assert found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()


def test_other_conditions_and_dtypes_are_those_of_numpy() -> None:
    numbers = np.arange(FEWEST) % 3
    one, two = np.float32(1), np.float64(2)
    assert np.array_equal(select(numbers, one, two), np.where(numbers, one, two))
    truth = numbers > 0
    assert select(truth, one, two).dtype == np.float64
