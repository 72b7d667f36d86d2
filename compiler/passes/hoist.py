"""Hoisting: what does not depend on the trip or on the branch leaves the region.

    %s: f32[n] = while(%x, %w) {carried=1}           %e: f32[n] = exp(%w)
      region test(...) { ... }                       %s: f32[n] = while(%x, %w, %e) {carried=1}
      region body(%s: f32[n], %w: f32[n]) {            region test(...) { ... }
        %e: f32[n] = exp(%w)                    ->     region body(..., %e: f32[n]) {
        %u: f32[n] = add(%s, %e)                         %u: f32[n] = add(%s, %e)
        return %u                                        return %u
      }                                                }

A state that every trip hands on as it is, and an output that every branch hands on, are what was
given. What only moves, spreads or makes elements stays where it is used: it costs more as an array.

Invariant kept: values, effects and errors. Out of a branch no computation is moved; out of a loop,
which may make no trip at all, none that has effects or may fail.
"""

from __future__ import annotations

from collections.abc import Sequence

from twofold.ir.attrs import dims_of
from twofold.ir.dims import provably_le, symbols_of
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.rebuild import Rebuilt, rebuild

from .driver import graph_pass
from .parts import before, captured, loop_sizes, narrowed

__all__ = ["hoist"]


@graph_pass()
def hoist(graph: Graph) -> Graph:
    """Take out of loops and branches what does not depend on them."""

    def visit(new: Rebuilt, node: Node) -> Sequence[Value]:
        if node.op.flow == "branch":
            return _branch(new, node)
        return _loop(new, node) if node.op.flow == "loop" else new.keep(node)

    return rebuild(graph, visit)


def _branch(new: Rebuilt, node: Node) -> Sequence[Value]:
    """Outputs that are the same input in every region."""
    first = before(node)
    handed: dict[int, Value] = {}
    for i in range(len(node.outputs)):
        places = {_place(region, region.outputs[i]) for region in node.regions}
        if len(places) == 1 and (place := places.pop()) is not None:
            handed[i] = new[node.inputs[first + place]]
    outs = new.keep(node)
    return [handed.get(i, out) for i, out in enumerate(outs)]


def _place(region: Graph, value: Value) -> int | None:
    """Which input of a region a value is."""
    return next((i for i, v in enumerate(region.inputs) if v is value), None)


def _loop(new: Rebuilt, node: Node) -> Sequence[Value]:
    state, body = int(node.attrs["carried"]), node.regions[-1]
    same = [
        i for i in range(state)
        if body.outputs[i] is body.inputs[i] and node.inputs[i].type == body.inputs[i].type
    ]  # fmt: skip
    fixed = [*same, *(i for i, _ in captured(node))]
    moved = {region: _invariants(node, region, fixed) for region in node.regions}
    if not same and not any(moved.values()):
        return new.keep(node)
    extra: list[tuple[Graph, Value]] = []
    for region, nodes in moved.items():
        for i in fixed:
            new.table[region.inputs[i]] = new[node.inputs[i]]
        new.run(nodes)
        used = {v for n in region.nodes if n not in nodes for v in n.inputs} | {*region.outputs}
        extra += [(region, v) for n in nodes for v in n.outputs if v in used]
    order = [i for i in range(len(node.inputs)) if i not in same] + same
    attrs = dict(node.attrs, carried=state - len(same))
    keep = [i for i in range(len(node.outputs)) if i not in same]
    outputs = {region: region.outputs for region in node.regions}
    outputs[body] = [body.outputs[i] for i in keep]
    regions = [_without(r, order, moved[r], extra, outputs[r]) for r in node.regions]
    inputs = [new[node.inputs[i]] for i in order] + [new[v] for _, v in extra]
    shown = [node.outputs[i] for i in keep]
    made = Node(node.op, inputs, attrs, [v.type for v in shown], regions, node.loc,
                [v.name for v in shown])  # fmt: skip
    new.graph.nodes.append(made)
    found = dict(zip(keep, made.outputs, strict=True))
    return [found[i] if i in found else new[node.inputs[i]] for i in range(len(node.outputs))]


def _without(
    region: Graph, order: list[int], moved: Sequence[Node], extra: list[tuple[Graph, Value]],
    outputs: Sequence[Value],
) -> Graph:  # fmt: skip
    """A region without what was moved out, which it receives behind its other inputs."""
    inputs = [region.inputs[i] for i in order]
    inputs += [v if owner is region else Value(v.type, v.name) for owner, v in extra]
    return narrowed(region, inputs, [n for n in region.nodes if n not in moved], outputs)


def _invariants(node: Node, region: Graph, fixed: Sequence[int]) -> list[Node]:
    """The nodes of a region to move: worth it, and what they need of the others."""
    known = {region.inputs[i] for i in fixed}
    own = loop_sizes(node)
    free: list[Node] = []
    for inner in region.nodes:
        if known.issuperset(inner.inputs) and _movable(inner, own):
            free.append(inner)
            known.update(inner.outputs)
    wanted: set[Value] = set()
    moved = []
    for inner in reversed(free):
        if not wanted.isdisjoint(inner.outputs) or _worthwhile(inner):
            wanted.update(inner.inputs)
            moved.append(inner)
    return moved[::-1]


def _movable(node: Node, loop: frozenset[str]) -> bool:
    if node.effects or node.regions or not node.op.pure:
        return False
    names = [symbols_of(d) for attr in node.attrs.values() for d in dims_of(attr)]
    names += [v.type.symbols() for v in node.outputs]
    return all(loop.isdisjoint(n) for n in names)


def _worthwhile(node: Node) -> bool:
    """Whether a value is better computed once: it takes work, and no more room than its inputs."""
    if node.op.kind in ("create", "movement", "index") or not node.inputs:
        return False
    if node.op.kind != "elementwise":
        return True
    sizes = [v.type.size for v in node.inputs]
    return all(any(provably_le(v.type.size, s) for s in sizes) for v in node.outputs)
