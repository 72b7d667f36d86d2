"""``reduce``: a fold over all elements."""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError, DTypeError

from .functions import UserFunction
from .iterator import DatasetIterator
from .nest import Form, flatten, pack
from .node import Node
from .options import Options
from .spec import leaf_of, public

__all__ = ["fold"]


def fold(node: Node, options: Options, initial: Any, reduce_func: Any) -> Any:
    """The last state; each has the structure and the dtypes of the first.

    Raises ArgumentError, DTypeError.
    """
    function = UserFunction(reduce_func, "reduce")
    listed = isinstance(initial, list) and any(isinstance(x, tuple | dict) for x in initial)
    found, form = flatten(tuple(initial) if listed else initial)
    state = [leaf_of(leaf) for leaf in found]
    pair = Form(tuple, (), ())
    for element in DatasetIterator(node, options):
        leaves, element_form = flatten(element)
        both = pair._replace(children=(form, element_form))
        made, of = function.row([*state, *[leaf_of(x) for x in leaves]], both)
        state = _next(state, made, form, of)
    return pack(form, [public(leaf) for leaf in state])


def _next(state: list[Any], made: list[Any], form: Form, of: Form) -> list[Any]:
    if of != form:
        raise ArgumentError(
            f"reduce: the function returned {pack(of, made)}, which does not have the structure of "
            f"the state, {pack(form, state)}"
        )
    for old, new in zip(state, made, strict=True):
        if getattr(old, "dtype", None) != getattr(new, "dtype", None):
            raise DTypeError(
                f"reduce: the state is {old.dtype} and the function returned {new.dtype}; begin "
                f"with a state of that dtype, or cast the result"
            )
    return made
