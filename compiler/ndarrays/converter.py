"""What NumPy's own Python functions use beside its public ones, in a trace: the converter of
their arguments, and ``np.r_`` and its like."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from numpy._core import fromnumeric
from numpy.lib.stride_tricks import as_strided

from .base import TracedScalar
from .create import CREATE, asarray
from .operands import holds_traced
from .protocol import checked

__all__ = ["INDEXED", "Indexed"]

_np: Any = np  # called with what NumPy's functions give, of any type
INDEXED: Any = (
    type(np.r_).__base__,
    type(np.mgrid).__base__,
)  # classes


class Converter:
    """``_array_converter``: the arguments of a function of NumPy as arrays."""

    def __init__(self, trace: Any, *inputs: Any) -> None:
        self.home, self.inputs = trace, inputs
        self.arrays = tuple([asarray(trace, x) for x in inputs])
        self.scalar_input = tuple([np.ndim(x) == 0 and not isinstance(x, np.ndarray)
                                   for x in inputs])  # fmt: skip

    def __getitem__(self, place: int) -> Any:
        return self.arrays[place]

    def __len__(self) -> int:
        return len(self.arrays)

    def as_arrays(self, /, subok: bool = True, pyscalars: str = "convert_if_no_array") -> Any:
        """The inputs as arrays; Python's numbers beside arrays stay what they are."""
        plain = [type(x) in (bool, int, float, complex) for x in self.inputs]
        keep = pyscalars == "preserve" or (pyscalars == "convert_if_no_array" and not all(plain))
        pairs = zip(self.inputs, self.arrays, plain, strict=True)
        return tuple([x if keep and p else array for x, array, p in pairs])

    def result_type(self, /, extra_dtype: Any = None, ensure_inexact: bool = False) -> Any:
        """The dtype that the inputs have together."""
        pairs = zip(self.inputs, self.arrays, strict=True)
        kinds = [x if type(x) in (int, float, complex) else array.dtype for x, array in pairs]
        kinds += [] if extra_dtype is None else [extra_dtype]
        return _np.result_type(*kinds, *([0.0] if ensure_inexact else []))

    def wrap(self, made: Any, /, to_scalar: bool | None = None) -> Any:
        """A result, as a scalar if all inputs were."""
        scalar = all(self.scalar_input) if to_scalar is None else to_scalar
        if scalar and isinstance(made, np.ndarray) and not made.ndim:
            return made[()]
        return asarray(self.home, made) if type(made) is TracedScalar and not scalar else made


CREATE[fromnumeric._array_converter] = Converter  # type: ignore[attr-defined]


class Indexed:
    """``np.r_``, ``np.c_``, ``np.mgrid``, ``np.ogrid``: they run as NumPy wrote them."""

    def __init__(self, real: Any, trace: Any) -> None:
        self.real, self.home = real, trace

    def __getitem__(self, key: Any) -> Any:
        written = type(self.real).__getitem__
        if self.home.ended:
            return self.real[key]
        run = self.home.hooked(types.MethodType(written, self.real))
        return checked(self.home, self.real.__getitem__, (key,), {}, lambda: run(key))

    def __len__(self) -> int:
        return len(self.real)


def _strided(trace: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """``as_strided`` may look at any memory: plain Python alone can."""
    if holds_traced(x):
        raise trace.plain()
    return as_strided(x, *args, **kwargs)


CREATE[as_strided] = _strided
