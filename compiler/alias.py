"""Memory that a call shares with its caller: what is copied, written back, what overlaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twofold.ir.graph import Graph, Node, Value
from twofold.ir.step import Kind
from twofold.ir.types import RefType
from twofold.runtime.convert import as_array

__all__ = [
    "Aliasing",
    "copied",
    "kept_inputs",
    "overlapping",
    "owned_outputs",
    "read_when_written",
    "shares_results",
    "write_back",
]


_MADE = (Kind.KERNEL, Kind.LIBRARY)


def share_memory(x: Any, y: Any) -> bool:
    """Whether two arrays may have elements in common."""
    both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    return both and bool(np.may_share_memory(x, y))


def overlapping(arrays: Sequence[Any]) -> bool:
    """Whether two of these are one object or may have elements in common."""
    held = [x for x in arrays if isinstance(x, np.ndarray)]
    if any(map(overlaps_itself, held)):
        return True
    return any(share_memory(x, y) for i, x in enumerate(held) for y in held[:i])


def overlaps_itself(array: np.ndarray[Any, Any]) -> bool:
    """Whether two elements of an array that can be written to may be one place in memory."""
    if array.flags.forc or not array.flags.writeable or not array.size:
        return False
    reach = array.itemsize
    for stride, n in sorted(
        (abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ):
        if stride < reach:
            return True
        reach += stride * (n - 1)
    return False


def may_overlap(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    """Whether two array objects may have elements in common: not if each has memory of its own."""
    return not (x.flags.owndata and y.flags.owndata) and np.may_share_memory(x, y)


class Aliasing:
    """Which inputs of a function may not be one memory, because the trace took them for two.

    A trace knows nothing of overlap: each array that it was given or captured is a cell of its
    own. So a call whose arrays overlap runs the Python function where one of them is written to,
    where one is written to whose own elements overlap, and where one object is given twice, which
    Python can tell (``a is b``).
    """

    def __init__(
        self, arrays: list[int], tensors: list[int], written: list[Any], captures: list[Any],
        told: list[Any] | None = None,
    ) -> None:  # fmt: skip
        """``told``: tensors from outside, where the trace was told whether tensors are one."""
        self.told = told
        self.arrays, self.tensors, self.written = arrays, tensors, written
        held = {id(c): c for c in captures if isinstance(c, np.ndarray)}
        self.captured = list(held.values())

    @property
    def trivial(self) -> bool:
        """Whether there is nothing to check on a call."""
        several = len(self.arrays) + len(self.captured) > 1 and bool(self.arrays)
        if self.told is not None and self.tensors:
            return False
        to_arrays = any(w.__class__ is not int or w in self.arrays for w in self.written)
        return not several and not to_arrays and not (self.written and len(self.tensors) > 1)

    @property
    def check(self) -> Callable[[Any], bool] | None:
        """``clash``, or what it comes to where little can clash; None for nothing."""
        if self.trivial:
            return None
        only = self.arrays[0] if len(self.arrays) == 1 and not self.captured else -1
        if only >= 0 and all(w.__class__ is int and w == only for w in self.written):
            return lambda leaves: not (x := leaves[only]).flags.forc and overlaps_itself(x)
        return self.clash

    def clash(self, leaves: Any) -> bool:
        """Whether this call needs the Python function."""
        if self.told is not None:
            tensors = [id(x) for x in (*[leaves[i] for i in self.tensors], *self.told)]
            if len(set(tensors)) < len(tensors):
                return True
        arrays = [leaves[i] for i in self.arrays]
        outer = [*arrays, *self.captured]
        for i, x in enumerate(arrays):
            for y in outer[i + 1 :]:
                if x is y:
                    return True
        for where in self.written:
            target = leaves[where] if where.__class__ is int else where
            if isinstance(target, np.ndarray):
                if overlaps_itself(target):
                    return True
                for x in outer:
                    if x is not target and may_overlap(x, target):
                        return True
            elif sum(leaves[i] is target for i in self.tensors) > 1:
                return True
        return False


def write_back(argument: Any, array: np.ndarray[Any, Any]) -> None:
    """Give a tensor that the function wrote to its new value."""
    argument.hold(array)


def copied(x: Any) -> np.ndarray[Any, Any]:
    """A copy of the caller's array, which the caller may write to later."""
    return as_array(x).copy()


def shares_results(graph: Graph) -> bool:
    """Whether two results of an optimised graph (outputs, what Variables are given) may be one
    array."""
    results = graph.outputs + [n.inputs[1] for n in graph.nodes if n.op.name == "assign"]
    alias = any(v.node is not None and v.node.op.shares_memory == "alias" for v in results)
    return alias or len(set(results)) < len(results)


def kept_inputs(graph: Graph, native: bool = False) -> set[int]:
    """The inputs of an optimised graph that an output, or what a Variable is given, may be (a view
    of): only operations that may return their operand lie between them. What kernels and routines
    of ``native`` code make is memory of its own."""
    stack, seen = list(graph.outputs), set()
    assigns = [node for node in graph.nodes if node.op.name == "assign"]
    stack += [node.inputs[1] for node in assigns if source_of(node) is None]
    numbers = {v: i for i, v in enumerate(graph.inputs)}
    outside: dict[Value, list[Value]] = {}  # input of a region -> what may be given for it
    found: set[int] = set()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.node
        if node is None:
            stack += outside.get(value, [])
            found |= {numbers[value]} if value in numbers else set()
        elif _is_planned(node, native):
            continue
        elif node.regions:
            outside.update(_given(node))
            stack += _may_be(node, value.index)
        elif node.op.shares_memory != "never":
            stack.extend(node.inputs)
    return found


def source_of(assign: Node) -> int | None:
    """The input of the graph that is the elements of the ndarray which a node writes to; None if
    it writes to a Variable."""
    kind = assign.inputs[0].type
    return kind.source if isinstance(kind, RefType) else None


def _loops(node: Node) -> int:
    """How many values a node carries from trip to trip."""
    return int(node.attrs.get("carried", 0))


def _given(node: Node) -> dict[Value, list[Value]]:
    """For each input of the regions of a node what it may stand for, or be a view of."""
    found: dict[Value, list[Value]] = {}
    for region in node.regions:
        given = node.inputs[len(node.inputs) - len(region.inputs) :]
        found.update({inside: [value] for inside, value in zip(region.inputs, given, strict=True)})
        for i in range(_loops(node)):
            found[region.inputs[i]].append(node.regions[-1].outputs[i])
    return found


def _may_be(node: Node, index: int) -> list[Value]:
    """What an output of a node with regions may be: an output of one, or what a loop starts with.

    Stacks of rows are memory of their own.
    """
    loops = _loops(node)
    if "carried" in node.attrs and index >= loops:
        return []
    last = node.regions[-1:] if loops else node.regions
    return [*node.inputs[index : index + bool(loops)], *[g.outputs[index] for g in last]]


def read_when_written(graph: Graph) -> set[int]:
    """The inputs of a graph that are the elements of an ndarray which a node writes to, and that a
    node behind it reads, or a view of them."""
    views: dict[Value, set[int]] = {v: {i} for i, v in enumerate(graph.inputs)}
    written: set[int] = set()
    found: set[int] = set()
    for node in graph.nodes:
        given = [views[v] for v in node.inputs if v in views]
        found |= written & set().union(*given)
        if node.op.name == "assign":
            source = source_of(node)
            written |= set() if source is None else {source}
        elif node.op.shares_memory != "never" or node.regions:
            views.update(dict.fromkeys(node.outputs, set().union(*given)))
    return found


def owned_outputs(graph: Graph, native: bool = False) -> frozenset[int]:
    """The outputs of an optimised graph whose memory is nobody else's."""
    uses = graph.uses()
    return frozenset(
        i for i, value in enumerate(graph.outputs)
        if value.node is not None
        and graph.outputs.count(value) == 1
        and _is_made(value, native)
        and all(_makes_an_array(user, native) for user in uses[value])
    )  # fmt: skip


def _is_made(value: Value, native: bool) -> bool:
    node = value.node
    if node is None:
        return False
    if node.regions and not _is_planned(node, native):
        return all(_is_made(v, native) for v in _may_be(node, value.index))
    return _makes_an_array(node, native)


def _is_planned(node: Node, native: bool) -> bool:
    """Whether native code makes what a node makes, in memory of its own."""
    return native and node.step is not None and node.step.kind in _MADE


def _makes_an_array(node: Node, native: bool) -> bool:
    """Whether a node returns memory of its own at each call."""
    if _is_planned(node, native):
        return True
    return node.op.shares_memory == "never" and node.op.name not in ("constant", "dim", "read")
