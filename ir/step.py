"""How a node runs and where its outputs lie: what the pass ``schedule`` writes on every node.

In the text a step stands behind the attributes:

    %0: f32[n,2] = matmul(%x, %w) {...} by library gemm in slot0
    %1: f32[n,2] = fused(%0) {...} by kernel in new
    %2: f32[m] = reshape(%1) {...} by alias in input0

Invariant: a step has one place for each output of its node, ``input`` places name an input of it,
and only library calls name a routine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["NEW", "Input", "Kind", "New", "Place", "Slot", "Step", "misfit"]


class Kind(Enum):
    """What runs a node; the values are the words of the text."""

    KERNEL = "kernel"  # code that the target makes for a fused group
    LIBRARY = "library"  # a routine of a library
    CONTROL = "control"  # jumps between the steps of its regions
    ALIAS = "alias"  # nothing: the output is its input in another shape
    READ = "read"  # nothing: the output is the Variable's array
    ASSIGN = "assign"  # the Variable is given an array
    CONSTANT = "constant"  # nothing: the array is made once
    DIM = "dim"  # nothing: the number is known once the sizes are
    ARRAYS = "arrays"  # the op's NumPy body


@dataclass(frozen=True, slots=True)
class New:
    """An array of its own, which whoever gets it may keep."""

    def __str__(self) -> str:
        return "new"


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of the arena that later values may take over."""

    index: int

    def __str__(self) -> str:
        return f"slot{self.index}"


@dataclass(frozen=True, slots=True)
class Input:
    """The memory of an input of the node."""

    index: int

    def __str__(self) -> str:
        return f"input{self.index}"


Place = New | Slot | Input
NEW = New()


@dataclass(frozen=True, slots=True)
class Step:
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
