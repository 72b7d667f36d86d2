"""The masking rule of gradients (``elementwise.py``) for a product of two cotangents."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from .elementwise import BINARY, conj


@op("elementwise", expr="0 if isnan(a * b) and (a == 0 or b == 0) else a * b", public=False,
    samples=BINARY)  # fmt: skip
def masked_product(a: Any, b: Any) -> Any:
    """``a * b``, but 0 where one of them is 0 and the other infinite or NaN.

    It is linear in both, so that a cotangent that happens to be 0 still has a derivative.
    """
    out = np.multiply(a, b)
    if not np.isnan(np.vdot(out, out)):
        return out
    return np.where(np.isnan(out) & (np.equal(a, 0) | np.equal(b, 0)), out.dtype.type(0), out)


@masked_product.gradient
def masked_product_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    return lambda: masked_product(g, conj(b)), lambda: masked_product(g, conj(a))
