"""Ops that hold graphs.

Beside inputs and attributes their bodies receive ``regions``, functions from inputs to outputs, and
they return the sequence of the outputs: so they say how the op runs on any kind of values.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types
from ..op import op
from ..shapes import Sizes


def _fused_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    raise ArgumentError("fused: its types are those of its region's outputs")


@op("region", _fused_rule, promote="none", public=False, kernel=True)
def fused(*inputs: Any, regions: Any, dims: Any, reduced: Any = ()) -> Any:
    """One kernel: the region's nodes in a single loop nest over ``dims``."""
    return regions[0](*inputs)
