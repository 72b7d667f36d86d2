"""`VectorMath`: the functions of the table on plain LLVM values."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from .emit import Emitter, Real
from .registry import FUNCTIONS


class VectorMath:
    """Mathematics on LLVM values of one element type and lane count.

    `dtype` is float32 or float64; with `lanes == 1` values are scalars, else `<lanes x element>`.
    Every name in `FUNCTIONS` is also a method: `vm.exp(x)` is `vm.call("exp", x)`.
    Some functions open basic blocks (a rare path for huge arguments), so read `builder.block`
    after a call when you need the current block.

    Raises ValueError for another dtype or a lane count below one.

    >>> import numpy as np
    >>> from llvmlite import ir
    >>> from twofold.compiler.native.vecmath import VectorMath
    >>> f32x8 = ir.VectorType(ir.FloatType(), 8)
    >>> kernel = ir.Function(ir.Module(), ir.FunctionType(f32x8, [f32x8]), "kernel")
    >>> builder = ir.IRBuilder(kernel.append_basic_block())
    >>> _ = builder.ret(VectorMath(builder, np.dtype("float32"), 8).exp(kernel.args[0]))
    """

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype[Any], lanes: int) -> None:
        self.emitter = Emitter(builder, dtype, lanes)

    def call(self, name: str, *args: ir.Value) -> ir.Value:
        """Emit the function `name` of `FUNCTIONS`; takes and returns values of this shape.

        Raises KeyError for an unknown name, TypeError for a wrong number or type of arguments.
        """
        function = FUNCTIONS[name]
        if len(args) != function.arity:
            raise TypeError(f"{name} takes {function.arity} arguments, not {len(args)}")
        for arg in args:
            if arg.type != self.emitter.real_type:
                raise TypeError(f"{name} needs {self.emitter.real_type}, got {arg.type}")
        return function.build(*(Real(self.emitter, arg) for arg in args)).ir

    def __getattr__(self, name: str) -> Any:
        if name not in FUNCTIONS:
            raise AttributeError(f"VectorMath has no function {name!r}")
        return lambda *args: self.call(name, *args)
