"""What an op says about a node that is already in a graph: its attributes and output types.

A trace decides questions about sizes with the example call at hand and records guards; here the
answers come from the expressions alone, and what they leave open is taken to hold: it held when
the graph was made, and the guards see to it that it holds when the graph runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter

from .dims import DimLike, provably_eq, undivided
from .errors import TwofoldError, VerifyError
from .op import Attrs, Op
from .record import ALL
from .shapes import Sizes
from .types import BufferType, RefType, TensorType
from .words import counted

__all__ = ["RECORDED", "RecordedSizes", "structural_types"]


class RecordedSizes(Sizes):
    """Sizes of a finished graph: equal only if the expressions are, where divisions by what they
    are multiplied with leave no rest; positive unless they are 0."""

    def require_same(self, a: DimLike, b: DimLike, *, decide: bool = False) -> bool:
        """Whether two sizes are one. ``reshape(x, [-1, 4])`` of ``n`` elements has ``4*(n//4)``:
        who made the graph has found out that it may, and who calls it has to."""
        return provably_eq(a, b) or provably_eq(undivided(a), undivided(b))

    def require_positive(self, a: DimLike) -> bool:
        """Whether a size may be one or more."""
        return a > 0 if isinstance(a, int) else True


RECORDED = RecordedSizes()


def structural_types(
    op: Op, types: Sequence[TensorType], attrs: Attrs
) -> tuple[Attrs, tuple[TensorType, ...]]:
    """Canonical attributes and output types of a node of ``op`` with these input types.

    Missing attributes take their defaults. Raises VerifyError with the reason.
    """
    _check_inputs(op, types)
    if op.has_attrs or attrs:
        attrs = _complete(op, attrs)
    try:
        return op.resolve(types, attrs, RECORDED)
    except TwofoldError as error:
        raise VerifyError(error.message) from None
    except Exception as error:  # noqa: BLE001  (a rule may meet any attribute value in a text)
        raise VerifyError(
            f"{op.name} does not take these attributes: {type(error).__name__}: {error}"
        ) from None


def _check_inputs(op: Op, types: Sequence[TensorType]) -> None:
    if not op.variadic and len(types) != len(op.tensors):
        raise VerifyError(f"{op.name} takes {counted(len(op.tensors), 'input')}, not {len(types)}")
    refs = [isinstance(t, RefType) for t in types]
    if op.kind == "state" and not (refs and refs[0]):
        raise VerifyError(f"{op.name} takes a ref as its first input")
    if op.kind not in ("state", "region") and any(refs):
        raise VerifyError(f"{op.name} takes tensors, not a ref; read the ref first")
    if op.kind not in ("buffer", "region") and any(isinstance(t, BufferType) for t in types):
        raise VerifyError(
            f"{op.name} takes tensors, not a buffer; get or stack what it holds first"
        )
    if op.promote == "none" and op.accepts == ALL:
        return
    given = [t.dtype for t in types]
    if not given:
        return
    try:
        wanted = op.input_dtypes(given)
    except TwofoldError as error:
        raise VerifyError(error.message) from None
    for i, (have, want) in enumerate(zip(given, wanted, strict=True)):
        if have != want:
            raise VerifyError(
                f"input {i} of {op.name} is {have}, but {op.name} of these "
                f"computes in {want}: cast it first"
            )


def _complete(op: Op, attrs: Attrs) -> Attrs:
    for name in attrs:
        if name not in op.defaults:
            known = ", ".join(op.attr_names) or "none"
            raise VerifyError(f"{op.name} has no attribute {name}; its attributes: {known}")
    full = {**op.defaults, **attrs}
    for name, value in full.items():
        if value is Parameter.empty:
            raise VerifyError(f"{op.name} needs the attribute {name}")
    return full
