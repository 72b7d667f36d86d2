"""``sorted`` and ``list.sort`` by values of the graph: the keys are asked for one by one, as Python
does it, and the order is that of the graph, stable as Python's.

Keys may be numbers or tuples of them. Where a number is NaN, Python's order depends on how it
sorts, and plain Python makes the call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.ir.ops.control import Replay
from twofold.ir.tensor_shape import TUPLES

from ..ndarrays.base import TracedArray
from ..ndarrays.operands import fresh
from .aliases import tensors_in
from .choice import holds_choice
from .forms import Form
from .frame import Frame
from .grown import element_form, rows_of, runs
from .merge import Unmergeable, is_plain
from .numbers import raise_if, surely
from .opened import own_method
from .specials import by_own_order
from .staged import is_staged

__all__ = ["ordered", "ordered_run"]

_KNOWN = (int, float, bool, str, bytes)


def ordered(
    machine: Any, frame: Frame, items: list[Any], key: Any, reverse: Any
) -> list[Any]:  # fmt: skip
    """The items in order. Raises PlainPython where the graph has none for them."""
    keys = items if key is None else [machine.call(frame, key, (item,), {}) for item in items]
    if holds_choice(items) or holds_choice(keys):
        machine.give_up("an order of values of several types")
    falls = machine.decision(frame, reverse)
    if not isinstance(falls, bool):
        machine.give_up("an order that the graph turns round")
    if any(own_method(key, "__lt__") for key in keys):
        return by_own_order(machine, frame, items, keys, falls)
    keys = _deciding(keys)
    if not any(map(_is_staged, keys)):
        order = machine.native_now(
            frame, sorted, (range(len(items)),), {"key": keys.__getitem__, "reverse": falls}
        )
        return [items[i] for i in order]
    try:
        return _picked(items, _order([OPS["stack"](c) for c in _columns(keys)], falls))
    except Unmergeable as reason:
        return machine.give_up(f"an order by values of the graph: {reason}")  # type: ignore[no-any-return]


def _deciding(keys: list[Any]) -> list[Any]:
    """The first parts of tuples, where these are known and no two are equal: ``d.items()``."""
    if not all(type(key) in TUPLES and key and type(key[0]) in _KNOWN for key in keys):
        return keys
    first = [key[0] for key in keys]
    return first if len(set(first)) == len(first) and all(x == x for x in first) else keys


def _is_staged(key: Any) -> bool:
    """Whether the graph decides where an item with a key comes."""
    return any(map(_is_staged, key)) if type(key) in TUPLES else is_staged(key)


def ordered_run(machine: Any, frame: Frame, items: list[Any], key: Any, reverse: Any) -> Any:
    """The same for a list whose length the graph decides."""
    keys = items if key is None else machine.invoke(frame, _keys, (items, key), {})
    run, falls = runs(keys), machine.decision(frame, reverse)
    if run is None or not isinstance(falls, bool):
        return machine.give_up("an order of a list whose length the graph decides")
    try:
        order = _order(rows_of(run), falls)
    except Unmergeable as reason:
        return machine.give_up(f"an order by values of the graph: {reason}")
    return machine.invoke(frame, _in_order, (items, order), {})


def _keys(items: Any, key: Any) -> Any:
    """To be interpreted."""
    made = []
    for item in items:
        made.append(key(item))
    return made


def _in_order(items: Any, order: Any) -> Any:
    """To be interpreted."""
    made = []
    for at in order:
        made.append(items[at])
    return made


def _order(columns: list[Any], falls: bool) -> Any:
    """The positions of items in the order of these vectors, the first before the second. Raises
    Unmergeable."""
    order = None
    for values in reversed(columns):
        if values.dtype.kind == "c" or len(values.shape) != 1:
            raise Unmergeable("keys that are no real numbers")
        if values.dtype.kind == "f":
            bind.ground().arrays.replay()  # type: ignore[attr-defined]
            raise_if(OPS["any"](OPS["isnan"](values)), Replay("an order of NaN"), of_python=False)
        values = values if order is None else surely("gather", values, order, axis=0)
        sub = OPS["argsort"](values, descending=falls)
        order = sub if order is None else surely("gather", order, sub, axis=0)
    return order


def _columns(items: list[Any]) -> list[list[Any]]:
    """The tensors of all items, column by column. Raises Unmergeable where they have no form."""
    rows = [_form(items).take(item) for item in items]
    if any([t.value.type for t in row] != [t.value.type for t in rows[0]] for row in rows):
        raise Unmergeable("items have several shapes")
    return [list(column) for column in zip(*rows, strict=True)]


def _form(items: list[Any]) -> Form:
    form = element_form([items])
    if form is None:
        raise Unmergeable("there are no items")
    return form


def _picked(items: list[Any], order: Any) -> list[Any]:
    """The items in an order."""
    known = bind.ground().arrays.machine.heap.aliases  # type: ignore[attr-defined]
    arrays = all(type(x) is TracedArray for x in items)
    if arrays:
        if not all(map(is_plain, items)) or len({(x.dtype, x.ndim) for x in items}) > 1:
            raise Unmergeable("arrays of several kinds, or which somebody else has")
        columns = [[x.tensor() for x in items]]
        if len({t.value.type for t in columns[0]}) > 1:
            raise Unmergeable("arrays of several shapes")
    else:
        columns = _columns(items)
    sorted_ = [surely("gather", OPS["stack"](column), order, axis=0) for column in columns]
    made = []
    for i in range(len(items)):
        at = OPS["constant"](value=np.int64(i))
        row = [surely("gather", column, at, axis=0) for column in sorted_]
        if arrays:
            made.append(fresh(items[0].home, row[0]))
        else:
            made.append(_form(items).make(iter(row)))
        for n, one in enumerate(tensors_in(made[-1])):
            known.stand(one, [tensors_in(item)[n] for item in items])
    return made
