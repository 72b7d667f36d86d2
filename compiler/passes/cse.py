"""Common subexpression elimination: compute a value once (value numbering).

    %0: f32[n] = exp(%x)                    %0: f32[n] = exp(%x)
    %1: f32[n] = exp(%x)             ->     %1: f32[n] = add(%0, %0)
    %2: f32[n] = add(%0, %1)                return %1
    return %2

Invariant kept: every value, bit for bit. Two nodes are the same if op, inputs, attributes (by
type and bits) and output types are; the inputs of a commutative op have no order. Nodes with
effects, random draws and calls are never merged; of two equal nodes that may fail, the first stays,
and it fails first. Branches and loops are the same if what they do is, node by node.

A region receives a value once, and one that is there already instead of computing it again.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from twofold.ir.attrs import attrs_key
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass
from .parts import before, captured

__all__ = ["cse"]


@graph_pass()
def cse(graph: Graph) -> Graph:
    """Compute equal expressions once."""
    seen: dict[Hashable, Sequence[Value]] = {}

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        if node.op.flow in ("branch", "loop"):
            node = _received(new, node, seen)
        if not _mergeable(node):
            return new.keep(node)
        key = _key(node, new.table)
        same = seen.get(key)
        if same is None:
            same = seen[key] = new.keep(node)
        return same

    return rebuild(graph, visit)


def _mergeable(node: Node) -> bool:
    if node.op.flow in ("branch", "loop"):
        return not node.effects and all(
            _mergeable(inner) for region in node.regions for inner in region.nodes
        )
    return node.op.pure and not node.regions


def _key(node: Node, table: Mapping[Value, Value]) -> Hashable:
    inputs: list[Value] = [table.get(v, v) for v in node.inputs]
    if node.op.commutative and len(inputs) == 2:
        inputs.sort(key=id)
    types = [v.type for v in node.outputs]
    return node.op, *inputs, attrs_key(node.attrs), *types, *map(_text, node.regions)


def _text(region: Graph) -> Hashable:
    """What a region does, whatever its values are called."""
    number: dict[Value, int] = {}
    for value in region.inputs:
        number[value] = len(number)
    said: list[Hashable] = [v.type for v in region.inputs]
    for node in region.nodes:
        said.append((node.op, attrs_key(node.attrs), *[number[v] for v in node.inputs]))
        said += [v.type for v in node.outputs]
        said += map(_text, node.regions)
        for value in node.outputs:
            number[value] = len(number)
    return (*said, *[number[v] for v in region.outputs])


def _received(new: Rebuilt, node: Node, seen: Mapping[Hashable, Sequence[Value]]) -> Node:
    """The node, whose regions receive what is known outside once, and what they would compute."""
    first, given = before(node), list(node.inputs)
    keep = list(range(len(node.inputs) - first))
    place: dict[Value, int] = {}  # new value outside -> the input of the regions that it is
    twice: dict[int, int] = {}  # input of the regions -> the earlier one that is the same
    for i, value in captured(node):
        earlier = place.setdefault(new[value], i)
        if earlier != i:
            twice[i] = earlier
            keep.remove(i)
    regions, extra = [], dict[Value, Value]()  # new value outside -> a value like it
    found = [_known(new, node, region, seen) for region in node.regions]
    for known in found:
        extra |= {out: inner for inner, out in known.items() if out not in place}
    if not twice and not any(found):
        return node
    for region, known in zip(node.regions, found, strict=True):
        regions.append(_receiving(region, known, place, twice, keep, extra))
    inputs = [*given[:first], *[given[first + i] for i in keep]]
    made = Node(node.op, inputs, node.attrs.copy(), [v.type for v in node.outputs], regions,
                node.loc, [v.name for v in node.outputs])  # fmt: skip
    outside = [Value(v.type, v.name) for v in extra.values()]  # stand for values of the new graph
    new.table.update(zip(outside, extra, strict=True))
    made.inputs = (*made.inputs, *outside)
    return made


def _known(
    new: Rebuilt, node: Node, region: Graph, seen: Mapping[Hashable, Sequence[Value]]
) -> dict[Value, Value]:
    """Values that a region computes and that are there already, and what they are outside."""
    table = {region.inputs[i]: new[v] for i, v in captured(node)}
    known: dict[Value, Value] = {}
    for inner in region.nodes:
        if not inner.inputs or not _mergeable(inner) or not table.keys() >= set(inner.inputs):
            continue
        outs = seen.get(_key(inner, table))
        if outs is not None:
            known.update(zip(inner.outputs, outs, strict=True))
            table.update(zip(inner.outputs, outs, strict=True))
    return known


def _receiving(
    region: Graph, known: Mapping[Value, Value], place: Mapping[Value, int],
    twice: Mapping[int, int], keep: Sequence[int], extra: Mapping[Value, Value],
) -> Graph:  # fmt: skip
    """A region with other inputs: those that are kept, then one for each value of ``extra``."""
    own = Rebuilt(region.name)
    for i in keep:
        own.input(region.inputs[i])
    for i, earlier in twice.items():
        own.table[region.inputs[i]] = own[region.inputs[earlier]]
    fresh = {out: own.graph.input(v.type, v.name) for out, v in extra.items()}
    for inner, out in known.items():
        own.table[inner] = fresh[out] if out in fresh else own[region.inputs[place[out]]]
    own.run(n for n in region.nodes if known.keys().isdisjoint(n.outputs))
    own.graph.outputs = [own[v] for v in region.outputs]
    return own.graph
