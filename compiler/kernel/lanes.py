"""How wide the vectors of a kernel are: the same on every machine, so results are too."""

from __future__ import annotations

import numpy as np

from .loops import Kernel
from .statements import Apply, Fold, Load, Position

__all__ = ["VECTOR_BYTES", "lanes_of"]

VECTOR_BYTES = 64
INT64 = np.dtype("int64")


def lanes_of(kernel: Kernel) -> int:
    """Elements in a vector: 64 bytes of the widest dtype in the sweeps' loops, or 1."""
    if not kernel.straight:
        return 1
    inner = [s for sweep in kernel.sweeps for s in sweep.inner]
    dtypes = [s.dtype for s in inner if isinstance(s, Load | Apply | Fold)]
    dtypes += [const.dtype for const in kernel.consts]
    dtypes += [buffer.dtype for buffer in kernel.buffers]
    dtypes += [INT64 for s in inner if isinstance(s, Position)]
    return VECTOR_BYTES // max([d.itemsize for d in dtypes] + [4])
