"""Ops that hold graphs.

Beside inputs and attributes their bodies receive ``regions``, functions from inputs to outputs, and
they return the sequence of the outputs: so they say how the op runs on any kind of values. The
gradient is a function of a call with its regions (``Op.linearization``); the compiler gives it.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types
from ..op import op
from ..shapes import Sizes


def _region_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    raise ArgumentError(f"{op.name}: its types are those of its region's outputs")


@op("region", _region_rule, promote="none", public=False, kernel=True)
def fused(*inputs: Any, regions: Any, dims: Any, reduced: Any = ()) -> Any:
    """One kernel: the region's nodes in a single loop nest over ``dims``."""
    return regions[0](*inputs)


@op("region", _region_rule, promote="none", public=False, flow="call")
def call(*inputs: Any, regions: Any) -> Any:
    """A compiled function, called: its region takes the inputs and makes the outputs.

    A Variable that it writes to is a ``ref`` among the inputs.
    """
    return regions[0](*inputs)
