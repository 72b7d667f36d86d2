"""How a node runs and where its outputs lie: what the pass ``schedule`` writes on every node.

In the text a step stands behind the attributes:

    %0: f32[n,2] = matmul(%x, %w) {...} by library gemm in slot0
    %1: f32[n,2] = fused(%0) {...} by kernel in new
    %2: f32[m] = reshape(%1) {...} by alias in input0
    %3: f32[m] = fused(%2, %a) {...} by kernel in argument1

Invariant: a step has one place for each output of its node, ``input`` places name an input of it,
and only library calls name a routine.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = [
    "NEW", "NUMBERED", "Argument", "Input", "Kind", "New", "Place", "Slot", "Step", "misfit",
]  # fmt: skip


class Kind(Enum):
    """What runs a node; the values are the words of the text."""

    KERNEL = "kernel"  # code that the target makes for a fused group
    LIBRARY = "library"  # a routine of a library
    CONTROL = "control"  # jumps between the steps of its regions
    SEQUENCE = "sequence"  # the program itself: a growable sequence, in loops and branches
    ALIAS = "alias"  # nothing: the output is its input in another shape
    READ = "read"  # nothing: the output is the Variable's array
    ASSIGN = "assign"  # the Variable is given an array
    DRAFT = "draft"  # the program holds what the Variable is given if an exception ends the loop
    CONSTANT = "constant"  # nothing: the array is made once
    DIM = "dim"  # nothing: the number is known once the sizes are
    ARRAYS = "arrays"  # the op's NumPy body


class New(NamedTuple):
    """An array of its own, which whoever gets it may keep."""

    word: str = "new"

    def __str__(self) -> str:
        return self.word


class _Numbered:
    """A place by its number; places of two kinds are never equal."""

    __slots__ = ("index",)
    word = ""

    def __init__(self, index: int) -> None:
        self.index = index

    def __eq__(self, other: object) -> bool:
        return other.__class__ is self.__class__ and other.index == self.index

    def __hash__(self) -> int:
        return hash((self.word, self.index))

    def __str__(self) -> str:
        return f"{self.word}{self.index}"

    __repr__ = __str__


class Slot(_Numbered):
    """A part of the arena that later values may take over."""

    __slots__ = ()
    word = "slot"


class Input(_Numbered):
    """The memory of an input of the node."""

    __slots__ = ()
    word = "input"


class Argument(_Numbered):
    """The memory of an input of the graph, which the call writes to: see ``RefType``."""

    __slots__ = ()
    word = "argument"


Place = New | Slot | Input | Argument
NEW = New()
NUMBERED: dict[str, type[Slot | Input | Argument]] = {c.word: c for c in (Slot, Input, Argument)}


class Step(NamedTuple):
    """How a node runs: its kind, a place for each output, the routine of a library call."""

    kind: Kind
    places: tuple[Place, ...] = ()
    routine: str = ""

    def __str__(self) -> str:
        how = f"by {self.kind.value} {self.routine}".rstrip()
        return f"{how} in {', '.join(map(str, self.places))}" if self.places else how


def misfit(step: Step, inputs: int, outputs: int) -> str:
    """Why a step does not fit a node with so many inputs and outputs, or ``""``."""
    if len(step.places) != outputs:
        return f"{len(step.places)} places for {outputs} outputs"
    for place in step.places:
        if isinstance(place, Input) and place.index >= inputs:
            return f"{place} is the memory of an input, of which there are {inputs}"
    if bool(step.routine) != (step.kind is Kind.LIBRARY):
        return "a library call, and nothing else, names a routine"
    return ""
