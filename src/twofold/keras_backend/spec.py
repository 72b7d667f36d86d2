"""Shapes and dtypes of a function's results, without running it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras.src import tree
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from twofold.compiler.trace import Traced, Tracer
from twofold.ir import bind
from twofold.ir.infer import as_dtype
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor

__all__ = ["compute_output_spec"]

OPEN = 83  # an example of a size that is left open


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``fn`` gives for symbolic tensors: the structure of its result, of symbolic tensors.

    The function is staged on tensors whose open sizes are one symbol; what depends on that symbol
    is open in the result.
    """
    with StatelessScope(), SymbolicScope():
        ground = bind.ground()
        tracer = Tracer("spec", ground if isinstance(ground, Tracer) else None)
        given = Symbolic(tracer)
        token = bind.push(tracer)
        try:
            inputs, named = tree.map_structure(given, (args, kwargs))
            return tree.map_structure(keras_tensor, fn(*inputs, **named))
        finally:
            tracer.ended = True
            bind.pop(token)


class Symbolic:
    """Symbolic tensors of Keras as values of a trace, whose open sizes are one symbol."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.symbol: Any = None

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        if self.symbol is None and None in x.shape:
            self.symbol = self.tracer.sizes.new(OPEN, 0, 0)
        shape = [self.symbol if size is None else size for size in x.shape]
        kind = TensorType(as_dtype(standardize_dtype(x.dtype), "spec"), shape)
        return Traced(self.tracer.graph.input(kind, "x"), self.tracer)


def keras_tensor(x: Any) -> Any:
    """A value of a trace as a symbolic tensor of Keras."""
    if not isinstance(x, Tensor):
        return x
    shape = tuple(None if hasattr(type(d), "symbolic_size") else int(d) for d in x.shape)
    return KerasTensor(shape, standardize_dtype(x.dtype))
