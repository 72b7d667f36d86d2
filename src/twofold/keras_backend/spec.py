"""Shapes and dtypes of a function's results, without running it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras.src import tree
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.symbolic_scope import SymbolicScope

from twofold.compiler.plain import PlainPython
from twofold.compiler.trace import Traced, Tracer
from twofold.ir import bind
from twofold.ir.errors import StagingError
from twofold.ir.infer import as_dtype
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor, wrap

__all__ = ["compute_output_spec"]

OPEN = (83, 89)  # examples of a size that is left open


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``fn`` gives for symbolic tensors: the structure of its result, of symbolic tensors.

    The function is staged on tensors whose open sizes are one symbol; what depends on that symbol
    is open in the result. A function that cannot be staged runs on ones instead, where there are
    open sizes of two sizes.
    """
    with StatelessScope(), SymbolicScope():
        try:
            return _staged(fn, args, kwargs)
        except (PlainPython, StagingError):
            pass
        token = bind.below(None)
        try:
            return _tried(fn, args, kwargs)
        finally:
            bind.pop(token)


def _staged(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
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


def _tried(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result's shapes and dtypes on ones; what differs with the open size is open."""
    is_open = any(
        isinstance(x, KerasTensor) and None in x.shape for x in tree.flatten((args, kwargs))
    )
    made = [_on_ones(fn, args, kwargs, size) for size in OPEN[: 1 + is_open]]
    return tree.map_structure(_with_open_sizes, *made)


def _on_ones(fn: Callable[..., Any], args: Any, kwargs: Any, size: int) -> Any:
    def ones(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        shape = [size if n is None else n for n in x.shape]
        return wrap(np.ones(shape, as_dtype(standardize_dtype(x.dtype), "spec")))

    inputs, named = tree.map_structure(ones, (args, kwargs))
    return tree.map_structure(keras_tensor, fn(*inputs, **named))


def _with_open_sizes(*seen: Any) -> Any:
    if not isinstance(seen[0], KerasTensor):
        return seen[0]
    shape = [n[0] if len(set(n)) == 1 else None for n in zip(*(x.shape for x in seen), strict=True)]
    return KerasTensor(shape, seen[0].dtype)


class Symbolic:
    """Symbolic tensors of Keras as values of a trace, whose open sizes are one symbol."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.symbol: Any = None

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        if self.symbol is None and None in x.shape:
            self.symbol = self.tracer.sizes.new(OPEN[0], 0, 0)
        shape = [self.symbol if size is None else size for size in x.shape]
        kind = TensorType(as_dtype(standardize_dtype(x.dtype), "spec"), shape)
        return Traced(self.tracer.graph.input(kind, "x"), self.tracer)


def keras_tensor(x: Any) -> Any:
    """A value of a trace as a symbolic tensor of Keras."""
    if not isinstance(x, Tensor):
        return x
    shape = tuple(None if hasattr(type(d), "symbolic_size") else int(d) for d in x.shape)
    return KerasTensor(shape, standardize_dtype(x.dtype))
