"""What parameters of the public functions take, for the type stubs (``stubs.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

__all__ = ["Axis", "DTypeLike", "ShapeLike", "TensorLike"]


class _SupportsArray(Protocol):
    def __array__(self) -> np.ndarray[Any, Any]: ...


# An argument that becomes a tensor.
TensorLike: TypeAlias = (
    Tensor | Variable | np.ndarray[Any, Any] | np.generic | complex | _SupportsArray | Sequence[Any]
)
# One axis, several, or None for all of them.
Axis: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
# Sizes, of which some may be tensors without axes.
ShapeLike: TypeAlias = SupportsIndex | Sequence[Any] | Tensor | np.ndarray[Any, Any]
