"""``np.einsum`` on arrays of a trace: a view where NumPy gives one, else a contraction."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .base import TracedArray
from .functions import trace_of
from .links import Diagonal, Transpose
from .operands import as_array, convert, example, into, laid_out
from .protocol import implements
from .views import view_of

_np: Any = np  # called with what the user gives, of any type

__all__ = ["einsum"]


@implements(np.einsum)
def einsum(
    *operands: Any, out: Any = None, dtype: Any = None, optimize: Any = False, **options: Any
) -> Any:
    """``np.einsum`` with an equation as text."""
    from twofold.ir.ops.einsum import einsum as contract  # noqa: PLC0415  (when it is called)

    trace = trace_of(*operands, out)
    equation = operands[0]
    if not isinstance(equation, str):
        raise trace.missing("np.einsum with lists of axes")
    equation, arrays = equation.replace(" ", ""), [as_array(trace, x) for x in operands[1:]]
    if len(arrays) == 1 and out is None and optimize is False:
        found = _view(trace, equation, arrays[0])
        if found is not None:
            return found[()] if not found.ndim else found
    want = np.result_type(*[x.dtype for x in arrays]) if dtype is None else np.dtype(dtype)
    empty = [np.empty((1,) * x.ndim, x.dtype) for x in arrays]
    _np.einsum(equation, *empty, dtype=dtype, **options)  # what is no equation or cast is an error
    values = [convert(x.tensor(), want) for x in arrays]
    made = convert(contract(equation, *values), want)
    called = functools.partial(_np.einsum, equation, optimize=optimize, **options)
    return into(trace, laid_out(trace, made, called, arrays, reorders=True), out)


def _view(trace: Any, equation: str, array: TracedArray) -> TracedArray | None:
    """The view that an equation of one operand without a sum means, or None."""
    shown = example(trace, array)
    made = np.einsum(equation, shown)
    if not (isinstance(made, np.ndarray) and made.base is not None):
        return None
    given, _, wanted = equation.partition("->")
    hidden = "".join(chr(i) for i in range(array.ndim - len(given.replace("...", ""))))
    labels = list(given.replace("...", hidden))
    if "->" not in equation:
        once = sorted(x for x in set(labels) - set(hidden) if labels.count(x) == 1)
        wanted = "..." * ("..." in given) + "".join(once)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            a = labels.index(label)
            b = labels.index(label, a + 1)
            array = view_of(array, Diagonal(0, a, b, writeable=True))
            labels = [x for i, x in enumerate(labels) if i not in (a, b)] + [label]
    perm = tuple([labels.index(x) for x in wanted.replace("...", hidden)])
    return view_of(array, Transpose(perm), perm == tuple(range(array.ndim)))
