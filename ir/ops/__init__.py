"""The op files, by family. Importing this package fills the registry ``twofold.ir.op.OPS``."""

from __future__ import annotations

from . import (  # noqa: F401
    activations,
    bitwise,
    compare,
    complexes,
    contract,
    create,
    cumulative,
    einsum,
    elementwise,
    exponential,
    formulas,
    gather,
    index,
    joining,
    movement,
    nn,
    padding,
    random,
    reduce,
    region,
    rounding,
    segment,
    slicing,
    sorting,
    special,
    state,
    trigonometric,
)
