"""How wide the vectors of a kernel are: the same on every machine, so results are too."""

from __future__ import annotations

import numpy as np

from .expression import calls, names
from .functions import CHEAP
from .loops import Kernel
from .statements import Apply, Fold, Load, Position, Reduce, Store, expressions_of

__all__ = ["VECTOR_BYTES", "lanes_of", "lanes_of_reduce"]

VECTOR_BYTES = 64
INT64 = np.dtype("int64")


def lanes_of(kernel: Kernel) -> int:
    """Elements in a vector: 64 bytes of the widest dtype in the sweeps' loops, or 1."""
    if not kernel.straight or _scatters(kernel):
        return 1
    inner = [s for sweep in kernel.sweeps for s in sweep.inner]
    dtypes = [s.dtype for s in inner if isinstance(s, Load | Apply | Fold)]
    dtypes += [const.dtype for const in kernel.consts]
    dtypes += [kernel.buffers[i].dtype for i in kernel.used]
    dtypes += [INT64 for s in inner if isinstance(s, Position)]
    return VECTOR_BYTES // max([d.itemsize for d in dtypes] + [4])


def lanes_of_reduce(s: Reduce) -> int:
    """The same for a reduce, by what stands in it."""
    dtypes = [x.dtype for x in s.body if isinstance(x, Load | Apply | Fold)]
    used = {name for x in s.body for expr in expressions_of(x) for name in names(expr)}
    if not used.isdisjoint(s.names) or any(isinstance(x, Position) for x in s.body):
        dtypes.append(INT64)
    return VECTOR_BYTES // max([d.itemsize for d in dtypes] + [4])


def _scatters(kernel: Kernel) -> bool:
    """Whether a kernel stores nothing next to each other and computes little: a vector would be
    taken apart again, by more code than the rest of it."""
    if kernel.mode != "map":
        return False
    statements = [s for sweep in kernel.sweeps for s in sweep.inner]
    strides = [d for s in statements if isinstance(s, Store) for d in s.access.index.strides[-1:]]
    dear = any(calls(s.expr) - CHEAP for s in statements if isinstance(s, Apply))
    return not dear and not any(isinstance(d, int) and abs(d) == 1 for d in strides)
