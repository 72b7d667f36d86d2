"""What an op gives at ties, kinks and infinities, and its derivatives there: computed, not written.

Points of functions of one tensor are special numbers; those of two are pairs with ties; a reduction
is shown on short rows. The derivatives are those that a tape gives, in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from twofold.api.creation import constant
from twofold.ir.errors import TwofoldError
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor

from .called import Called

__all__ = ["special_values"]

_INF, _NAN = float("inf"), float("nan")
_POINTS = (-_INF, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, _INF, _NAN)
_PAIRS = (
    (0.0, 0.0), (-0.0, 0.0), (1.0, 1.0), (2.0, 3.0), (-2.0, 3.0), (1.0, 0.0), (-1.0, 0.0),
    (_INF, 1.0), (1.0, _INF), (_INF, _INF), (_INF, -_INF), (_NAN, 1.0), (1.0, _NAN),
)  # fmt: skip
_ROWS = (
    (2.0, 2.0, 1.0), (0.0, 0.0, 3.0), (-0.0, 0.0), (_INF, 1.0, 2.0), (_INF, -_INF),
    (_NAN, 1.0, 2.0), (),
)  # fmt: skip


def special_values(name: str, calls: Sequence[Called]) -> Iterator[str]:
    """The section of a page, if the op is of a kind that has one."""
    entry = REGISTRY[name]
    tensors = [x for x in calls[0].inputs if _is_open(x)] if calls else []
    if not calls or len(tensors) != len(calls[0].inputs) or len(tensors) not in (1, 2):
        return
    call = calls[0]
    head: tuple[str, ...]
    if isinstance(entry, Op) and entry.kind == "reduce":
        rows = [_row_of_reduction(call, row) for row in _ROWS]
        head = ("row", "value", "gradient")
    elif len(tensors) == 1 and _is_elementwise(call):
        rows = [_row_of_point(call, x) for x in _POINTS]
        head = ("x", "value", "first derivative", "second derivative")
    elif len(tensors) == 2 and isinstance(entry, Op) and entry.kind == "elementwise":
        rows = [_row_of_pair(call, *pair) for pair in _PAIRS]
        head = ("x, y", "value", "derivative by x", "derivative by y")
    else:
        return
    yield "## At ties, kinks and infinities"
    yield "Computed in float64; the derivatives are a tape's."
    shown = [head, ["---"] * len(head), *[r for r in rows if r]]
    yield "\n".join("| " + " | ".join(row) + " |" for row in shown)


def _is_open(given: Any) -> bool:
    return isinstance(given, str) and given.startswith("f[")


def _is_elementwise(call: Called) -> bool:
    """Whether each element of the result is a function of the element at its place."""
    x = constant(np.array(_POINTS))
    try:
        there, back = call.function(x, **call.attrs), call.function(x[::-1], **call.attrs)
        alone = [call.function(x[i], **call.attrs) for i in range(2, 4)]
    except (TwofoldError, TypeError, ValueError, IndexError):
        return False
    if not isinstance(there, Tensor) or there.shape != x.shape:
        return False
    same = np.array_equal(there.numpy(), back.numpy()[::-1], equal_nan=there.dtype.kind in "fc")
    return bool(same and all(a.numpy() == there.numpy()[i + 2] for i, a in enumerate(alone)))


def _row_of_point(call: Called, point: float) -> list[str]:
    x = constant(np.float64(point))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = call.function(x, **call.attrs)
        slope = inner.gradient(y, x) if y.dtype.kind in "fc" else None
    curve = outer.gradient(slope, x) if slope is not None else None
    second = "0" if curve is None and slope is not None else _text(curve)
    return [_text(x), _text(y), _text(slope), second]


def _row_of_pair(call: Called, first: float, second: float) -> list[str]:
    x, y = constant(np.float64(first)), constant(np.float64(second))
    with GradientTape() as tape:
        tape.watch([x, y])
        out = call.function(x, y, **call.attrs)
    slopes = tape.gradient(out, [x, y]) if out.dtype.kind in "fc" else [None, None]
    return [f"{_text(x)}, {_text(y)}", _text(out), *map(_text, slopes)]


def _row_of_reduction(call: Called, row: Sequence[float]) -> list[str]:
    x = constant(np.array(row))
    try:
        with GradientTape() as tape:
            tape.watch(x)
            out = call.function(x)
        slope = tape.gradient(out, x) if out.dtype.kind in "fc" else None
    except TwofoldError as error:
        return [_text(x), type(error).__name__, ""]
    return [_text(x), _text(out), _text(slope)]


def _text(x: Any) -> str:
    if x is None:
        return "none"
    if x.dtype.kind != "f":
        return str(x.numpy())
    parts = [f"{v:.6g}" for v in np.atleast_1d(x.numpy())]
    return parts[0] if not x.shape else f"[{', '.join(parts)}]"
