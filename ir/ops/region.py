"""Ops that hold graphs.

Beside inputs and attributes their bodies receive ``regions``, functions from inputs to outputs, and
they return the sequence of the outputs: so they say how the op runs on any kind of values. The
gradient is a function of a call with its regions (``Op.linearization``); the compiler gives it.
"""

from __future__ import annotations

from typing import Any

from ..errors import VerifyError
from ..op import op
from ..types import TensorType


@op("region", promote="none", public=False, kernel=True)
def fused(*inputs: Any, regions: Any, dims: Any, reduced: Any = ()) -> Any:
    """One kernel: the region's nodes in a single loop nest over ``dims``."""
    return regions[0](*inputs)


@op("region", promote="none", public=False, flow="call")
def call(*inputs: Any, regions: Any) -> Any:
    """A compiled function, called: its region takes the inputs and makes the outputs.

    A Variable that it writes to is a ``ref`` among the inputs.
    """
    return regions[0](*inputs)


def _custom_types(node: Any) -> list[TensorType]:
    own, wrt = node.attrs.get("own"), node.attrs.get("wrt")
    given = [v.type for v in node.inputs]
    if not isinstance(own, int) or not 0 <= own <= len(given):
        raise VerifyError(f"custom has the attribute own, from 0 to {len(given)}")
    places = wrt if isinstance(wrt, tuple) else (None,)
    if not all(isinstance(i, int) and own <= i < len(given) for i in places):
        raise VerifyError(f"custom has the attribute wrt, places of inputs behind the first {own}")
    if len(node.regions) != 1:
        raise VerifyError(f"custom has one region, not {len(node.regions)}")
    (region,) = node.regions
    for what, want, have in (
        ("inputs", given, [v.type for v in region.inputs]),
        ("outputs", [given[i] for i in places], region.types),
    ):
        if list(want) != list(have):
            shown = [f"({', '.join(map(str, types))})" for types in (want, have)]
            raise VerifyError(f"the {what} of region {region.name} should be {shown[0]}, "
                              f"not {shown[1]}")  # fmt: skip
    return given[:own]


@op("region", promote="none", public=False, region_types=_custom_types)
def custom(*inputs: Any, regions: Any, own: int, wrt: Any) -> Any:
    """The first ``own`` inputs, with a gradient of their own: the region.

    The region takes the cotangents in the place of those inputs, and then the other inputs; it
    returns the cotangents of the inputs at the places ``wrt``. Nothing runs it but a gradient.
    """
    return inputs[:own]
