"""The gradients of calls and of control flow, which are imported when a tape first asks for one.

The op of each is given a rule that imports the rules of all, and then is that rule.
"""

from __future__ import annotations

import importlib
from typing import Any

from twofold._loading import Loading
from twofold.ir.registry import REGISTRY

__all__ = ["OPS"]

OPS = ("call", "cond", "custom", "fused", "scan", "switch", "while")


def _linearize(call: Any, sources: Any) -> Any:
    with Loading():
        importlib.import_module("twofold.compiler.derivatives")
    return call.op.linearize(call, sources)


def _offer(entry: Any) -> None:
    if entry.name in OPS and entry.linearize is None:
        entry.linearization(_linearize)


REGISTRY.watch(_offer)
