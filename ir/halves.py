"""Half precision: float16 and bfloat16 are stored in 16 bits and computed in float32.

The body of an op that computes gets its half inputs as float32, and what it returns in float32 is
rounded once. So a sum accumulates in float32, and an elementwise function is within one rounding of
its float32 result. Kernels do the same (``compiler/kernel/build.py``): each op rounds its result,
whatever it is fused with, so that eager and compiled code see the same numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .dtypes import HALVES

__all__ = ["in_single"]

_SINGLE = np.dtype("float32")


def in_single(body: Callable[..., Any], operands: slice = slice(None)) -> Callable[..., Any]:
    """The body with half inputs computed in float32; of others it is called as it is.

    ``operands``: the inputs whose dtype is that of the results.

    >>> in_single(lambda x: x.sum())(np.full(4096, 1, np.float16))
    np.float16(4096.0)
    """

    @functools.wraps(body)
    def run(*inputs: Any, **attrs: Any) -> Any:
        for x in inputs[operands]:
            if x.dtype.num in HALVES:
                return _widened(body, x.dtype, inputs, attrs)
        return body(*inputs, **attrs)

    return run


def _widened(
    body: Callable[..., Any], half: np.dtype[Any], inputs: tuple[Any, ...], attrs: dict[str, Any]
) -> Any:
    wide = [x.astype(_SINGLE) if x.dtype.num in HALVES else x for x in inputs]
    out = body(*wide, **attrs)
    if isinstance(out, tuple | list):
        return type(out)(_rounded(x, half) for x in out)
    return _rounded(out, half)


def _rounded(x: Any, half: np.dtype[Any]) -> Any:
    return x.astype(half) if getattr(x, "dtype", None) == _SINGLE else x
