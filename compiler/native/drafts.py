"""Drafts in a program: what a loop gives Variables, in case an exception ends it.

    draft(%v, %x)      ->      move room of %v, %x        (in every trip)
                               move flag of %v, 1

Behind the loop an ``assign`` gives the Variable its last value, so nobody sees a draft as long as
all goes well. If the segment is left by an exception, what stands in the rooms that have been
written to becomes the value of their Variables; so it does ahead of a step for Python that takes
Variables.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.graph import Node
from twofold.ir.types import RefType
from twofold.runtime.buffers import maker

from . import instructions as do
from .launch import SLOT

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["Drafts"]

FLAG = np.dtype(np.int8)
Act = Callable[[list[Any]], None]


class Drafts:
    """The drafts of one segment. ``rooms``: for the slot of a Variable those of its room and of its
    flag, arrays that each call makes."""

    def __init__(self, writer: Writer) -> None:
        self.w = writer
        self.rooms: dict[int, tuple[int, int]] = {}
        self.one = -1  # the slot of what flags are set to

    def note(self, node: Node) -> None:
        """Write a draft into the program."""
        ref, value = node.inputs
        w, variable = self.w, self.w.variables[ref]
        if variable not in self.rooms:
            self.rooms[variable] = w.slot(), w.slot()
            makers = maker(w.shape(value), value.type.dtype), partial(np.zeros, 1, FLAG)
            w.fresh += zip(self.rooms[variable], makers, strict=True)
        if self.one < 0:
            self.one = w.slot()
            w.template[self.one] = np.ones(1, FLAG)
        room, flag = self.rooms[variable]
        w.code += [
            do.move((SLOT, room), w.word(value), w.nbytes(value)),
            do.move((SLOT, flag), (SLOT, self.one), 1),
        ]

    def give(self, slots: list[Any]) -> None:
        """Give the Variables what was noted for them."""
        for variable, (room, flag) in self.rooms.items():
            if slots[flag][0]:
                slots[flag][0] = 0
                slots[variable].array = slots[room].copy()

    def ahead_of(self, node: Node, act: Act) -> Act:
        """A step for Python, which finds Variables that it takes as they are in its trip."""
        if not any(isinstance(v.type, RefType) for v in node.inputs):
            return act

        def after(slots: list[Any]) -> None:
            self.give(slots)
            act(slots)

        return after
