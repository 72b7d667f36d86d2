"""Shape, size and rank of a tensor, as tensors."""

from __future__ import annotations

from typing import Any

from ..op import OPS, Sample, composite
from .casting import cast
from .create import INT, zeros
from .operand import as_tensor, product


@composite(Sample("f[3,4]"), Sample("f[]"))
def shape(x: Any, out_type: Any = INT) -> Any:
    """The sizes of the axes as a 1-d tensor."""
    sizes = as_tensor(x).shape
    return cast(OPS["stack"](list(sizes)), dtype=out_type) if sizes else zeros((0,), out_type)


@composite(Sample("f[3,4]"))
def size(x: Any, out_type: Any = INT) -> Any:
    """The number of elements as a tensor without axes."""
    return cast(product(as_tensor(x).shape), dtype=out_type)


@composite(Sample("f[3,4]"))
def rank(x: Any) -> Any:
    """The number of axes as a tensor without axes."""
    return cast(len(as_tensor(x).shape), dtype=INT)
