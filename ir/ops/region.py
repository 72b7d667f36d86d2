"""Ops that hold graphs."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types
from ..op import op
from ..shapes import Sizes


def _fused_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    raise ArgumentError("fused: its types are those of its region's outputs")


@op("region", _fused_rule, promote="none", public=False)
def fused(*inputs: Any, dims: Any, reduced: Any = ()) -> Any:
    """One kernel: the region's nodes in a single loop nest over ``dims``."""
    raise ArgumentError("fused runs by its region")
