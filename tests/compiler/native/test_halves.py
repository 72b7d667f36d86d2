"""Half precision in kernels: conversions bit for bit, by instructions and by integers alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.native import halves
from twofold.compiler.native.single import run_kernel
from twofold.ir.dtypes import DTYPES, info

Array = np.ndarray[Any, Any]
CAST = """
kernel cast_{way}(x: {start}, out0: out {end}) for (i0: n) {{
  const c: f64 = {mark}
  sweep {{
    v0: {start} = x[i0]
    v1: {end} = cast(v0)
    out0[i0] = v1
  }}
}}
"""
WAYS = {"as_here": 1.0, "integers": 2.0}  # another constant: another kernel


@pytest.fixture(params=WAYS)
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "integers":
        monkeypatch.setattr(halves, "_by_instructions", lambda: False)
    return str(request.param)


def cast(x: Array, end: str, way: str) -> Array:
    out = np.zeros(x.shape, DTYPES[end])
    text = CAST.format(way=way, mark=WAYS[way], start=info(x.dtype).short, end=end)
    run_kernel(parse_kernel(text), [np.ascontiguousarray(x), out], {"n": x.size})
    return out


def same_bits(found: Array, expected: Array) -> None:
    """The same numbers, signs of zeros included, and NaN where NaN is expected."""
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), nan)
    bits = f"u{found.itemsize}"
    np.testing.assert_array_equal(found.view(bits)[~nan], expected.view(bits)[~nan])


def every(short: str) -> Array:
    """Every number of a half."""
    return np.arange(1 << 16, dtype=np.uint16).view(DTYPES[short])


def between(short: str) -> Array:
    """In float64: every finite half, the middle to the next one, and the neighbours of both."""
    halves_ = every(short)
    whole = halves_[np.isfinite(halves_)].astype(np.float64)
    whole = np.sort(np.concatenate([whole, [2.0**16, -(2.0**16)]]))
    near = np.concatenate([whole, (whole[1:] + whole[:-1]) / 2])
    special = [np.inf, -np.inf, np.nan, 1e30, -1e300, 1e-300, -1e-40, 3.4028235e38]
    return np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf), special])


def test_every_float16_is_widened_exactly(way: str) -> None:
    x = every("f16")
    for end in ("f32", "f64"):
        same_bits(cast(x, end, way), x.astype(DTYPES[end]))


@pytest.mark.parametrize("start", ["f32", "f64"])
def test_float16_is_rounded_to_nearest_even(start: str, way: str) -> None:
    with np.errstate(over="ignore"):
        x = between("f16").astype(DTYPES[start])
        if start == "f32":
            x = np.concatenate([x, np.nextafter(x, np.float32(np.inf))])
        same_bits(cast(x, "f16", way), x.astype(np.float16))


def test_integers_become_float16_as_in_numpy(way: str) -> None:
    x = np.concatenate([np.arange(-3000, 3000), 2 ** np.arange(31), 65504 + np.arange(-40, 40)])
    with np.errstate(over="ignore"):
        same_bits(cast(x.astype(np.int32), "f16", way), x.astype(np.int32).astype(np.float16))


def test_a_nan_stays_one_with_its_sign(way: str) -> None:
    bits = np.array([0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF], np.uint32)
    found = cast(bits.view(np.float32), "f16", way)
    assert np.isnan(found).all()
    np.testing.assert_array_equal(np.signbit(found), [False, True, False, True])
