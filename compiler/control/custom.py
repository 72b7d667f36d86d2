"""``tf.custom_gradient`` in a trace: the gradient function becomes the region of a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.graph import Value
from twofold.ir.op import OPS
from twofold.ir.vjp import match
from twofold.runtime.custom import Rule

from ..trace import Traced, Tracer, place
from .part import Part, unite

__all__ = ["stage_custom"]


def stage_custom(
    outer: Tracer, rule: Rule, ys: Sequence[Value], sources: Sequence[Value | None]
) -> Sequence[Any]:
    """The values ``ys`` as outputs of a node, whose region gives the gradients of ``sources``."""
    where, part = place(), Part(Tracer("gradient", outer))
    tracer, graph = part.tracer, part.graph
    given = [Traced(graph.input(y.type, "g"), tracer) for y in ys]
    wrt: list[int] = []

    def finish(found: Sequence[Any]) -> list[Any]:
        pairs = [
            (i, match(g, Traced(x, outer)))
            for i, (g, x) in enumerate(zip(found, sources, strict=True))
            if g is not None and x is not None
        ]
        wrt.extend(i for i, _ in pairs)
        return [g for _, g in pairs]

    part.run(lambda: rule.gradients(given), finish)
    wanted = [x for i, x in enumerate(sources) if i in wrt and x is not None]
    own = [g.value for g in given] + [Value(x.type, x.name) for x in wanted]
    if part.failed:
        part.leaves = []
    graph.outputs = part.values()
    graph.inputs += own[len(ys) :]
    imports = unite([part], [own])
    attrs = {"own": len(ys), "wrt": tuple(range(len(ys), len(ys) + len(wanted)))}
    types = [y.type for y in ys]
    call = Call(OPS["custom"], (*ys, *wanted, *imports), attrs, (graph,), types, where)
    return bind.run(call)
