"""Triangles of matrices, written in ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..op import OPS, Sample, composite
from .create import FLOAT, arange, ones
from .operand import as_tensor


def band(x: Any, k: int, lower: bool) -> Any:
    """``x`` with zeros above (or below) diagonal ``k`` of the last two axes."""
    x = as_tensor(x)
    if len(x.shape) < 2:
        raise ArgumentError(f"a triangle needs two axes, the shape is {x.shape}")
    rows = OPS["expand_dims"](arange(x.shape[-2], dtype=np.dtype("int64")), axis=(1,)) + k
    cols = arange(x.shape[-1], dtype=np.dtype("int64"))
    kept = OPS["greater_equal"](rows, cols) if lower else OPS["less_equal"](rows, cols)
    return OPS["where"](kept, x, OPS["zeros_like"](x))


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", k=-1))
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of the last two axes, up to diagonal ``k``; zeros elsewhere."""
    return band(x, k, lower=True)


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", k=1))
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of the last two axes, from diagonal ``k`` on; zeros elsewhere."""
    return band(x, k, lower=False)


@composite(Sample(3, 4), Sample(3, k=1))
def tri(n_rows: Any, n_cols: Any = None, k: int = 0, dtype: Any = FLOAT) -> Any:
    """Ones on and below diagonal ``k``, zeros above."""
    return tril(ones((n_rows, n_rows if n_cols is None else n_cols), dtype=dtype), k)
