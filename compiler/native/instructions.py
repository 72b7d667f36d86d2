"""The instructions of a program besides launches: jumps, moves, and cells that hold addresses.

    head:  launch the test          ->  [5+2n, function, units, grain, n, (tag, value) ...]
           branch flag, end             [6, 0, BRANCH, tag, value, position of end]
           launch the body
           swap cells                   [6, 0, SWAP, 1, a, b]
           again head                   [4, 0, AGAIN, position of head]
    end:   end                          [3, 0, END]

``encode`` writes them as the int64 array that the driver runs; ``driver.py`` has its layout. A
*cell* is an int64 in the arena, known by its offset: the address of a state's buffer, of a row.
What lies where a cell points is the word ``(CELL, offset)``. Positions count words from the start
of the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .launch import Launch, Word
from .machine import pool_address

__all__ = [
    "HEADER", "Code", "Element", "Instruction", "Label", "Number", "Operation", "add", "add_at",
    "again", "branch", "choose", "count", "cut", "drop", "encode", "fill", "free", "hold",
    "jump", "leave", "lend", "like", "move", "nest", "pop", "push", "read", "repeat", "set_",
    "swap", "unnest", "unwrite", "write",
]  # fmt: skip

HEADER = 4
END, LEAVE, JUMP, AGAIN, BRANCH, CHOOSE, MOVE, SET, ADD, SWAP, REPEAT = range(11)
HOLD, DROP, PUSH, NEST, POP, UNNEST, LIKE, FREE, LEND, COUNT = range(11, 21)
READ, WRITE, UNWRITE, ADD_AT, FILL, CUT = range(21, 27)
Program = np.ndarray[Any, Any]


class Label:
    """A place in a program; it stands where it is in the list of instructions."""

    __slots__ = ("position",)

    def __init__(self) -> None:
        self.position = -1


class Operation(NamedTuple):
    """What the driver does itself."""

    code: int
    operands: tuple[int | Label, ...]


Instruction = Launch | Operation | Label


def leave(number: int) -> Operation:
    """Return to Python, which is told the number, to be called again behind this."""
    return Operation(LEAVE, (number,))


def jump(target: Label) -> Operation:
    """Go on at a label."""
    return Operation(JUMP, (target,))


def again(target: Label) -> Operation:
    """Go back to a label; now and then let Python handle signals."""
    return Operation(AGAIN, (target,))


def branch(flag: Word, otherwise: Label) -> Operation:
    """Go on, or at a label if the bool there is false."""
    return Operation(BRANCH, (*flag, otherwise))


def choose(index: Word, targets: Sequence[Label]) -> Operation:
    """Go on at the label at an int32; at the last one if there is none."""
    return Operation(CHOOSE, (*index, len(targets), *targets))


def move(target: Word, source: Word, nbytes: int) -> Operation:
    """Copy bytes."""
    return Operation(MOVE, (*target, *source, nbytes))


def set_(cells: Iterable[tuple[int, Word, int]]) -> Operation:
    """Cells become addresses, or numbers, plus something."""
    flat = [(cell, *word, more) for cell, word, more in cells]
    return Operation(SET, (len(flat), *(x for four in flat for x in four)))


def add(cells: Iterable[tuple[int, int]]) -> Operation:
    """Add numbers to cells."""
    flat = list(cells)
    return Operation(ADD, (len(flat), *(x for pair in flat for x in pair)))


def swap(pairs: Iterable[tuple[int, int]]) -> Operation:
    """Pairs of cells exchange what they hold."""
    flat = list(pairs)
    return Operation(SWAP, (len(flat), *(x for pair in flat for x in pair)))


def repeat(cell: int, target: Label) -> Operation:
    """Take one from a cell and go back to a label as long as it is positive, as ``again`` does."""
    return Operation(REPEAT, (cell, target))


# ---- Sequences: their records lie in cells of the arena (``blocks.py``); ``root`` is the cell
# where the list of all blocks begins.


class Element(NamedTuple):
    """What an element of a sequence is: so many numbers of so many bytes."""

    per: int
    nbytes: int


def hold(target: int, source: int) -> Operation:
    """A record becomes that of the same elements."""
    return Operation(HOLD, (target, source))


def drop(cell: int) -> Operation:
    """A record is not used any more."""
    return Operation(DROP, (cell,))


def push(root: int, cell: int, each: Element, source: Word) -> Operation:
    """One more element."""
    return Operation(PUSH, (root, cell, *each, *source))


def nest(root: int, cell: int, inner: int) -> Operation:
    """One more element, a sequence."""
    return Operation(NEST, (root, cell, inner))


def pop(cell: int, each: Element, target: Word) -> Operation:
    """The last element is taken. Raises IndexError in Python if there is none."""
    return Operation(POP, (cell, each.per * each.nbytes, *target))


def unnest(cell: int, inner: int) -> Operation:
    """The last element, a sequence, is taken."""
    return Operation(UNNEST, (cell, inner))


def like(root: int, target: int, source: int, each: Element, depth: int) -> Operation:
    """As many zeros."""
    return Operation(LIKE, (root, target, source, *each, depth))


def free(root: int) -> Operation:
    """All blocks are freed."""
    return Operation(FREE, (root,))


def lend(root: int, cell: int, each: Element, changes: bool) -> Operation:
    """Ahead of a kernel that is given a block."""
    return Operation(LEND, (root, cell, *each, changes))


def count(cell: int, each: Element) -> Operation:
    """Behind it: the elements that it has left."""
    return Operation(COUNT, (cell, each.per))


# Positions and numbers of elements are integers that lie somewhere: a word, and how many bytes.
Number = tuple[int, int, int]


def read(cell: int, each: Element, at: Number, target: Word, failure: int) -> Operation:
    """The element at a position, zeros behind the end. The status if the position is negative."""
    return Operation(READ, (cell, *each, *at, *target, failure))


def write(
    root: int, cell: int, each: Element, at: Number, source: Word, added: Word, failure: int
) -> Operation:
    """Another element at a position; how many were added for it."""
    return Operation(WRITE, (root, cell, *each, *at, *source, *added, failure))


def unwrite(
    root: int, cell: int, each: Element, at: Number, added: Number, target: Word
) -> Operation:
    """Without what a write has done; what was at its position."""
    return Operation(UNWRITE, (root, cell, *each, *at, *added, *target))


def add_at(root: int, cell: int, each: Element, at: Number, source: Word, kind: int) -> Operation:
    """A sum at a position, of numbers of a kind (``SUMMED``); nothing where no element is."""
    return Operation(ADD_AT, (root, cell, *each, *at, *source, kind))


def fill(root: int, cell: int, each: Element, number: Number, added: Word) -> Operation:
    """Zeros at the end, up to so many elements; how many those are."""
    return Operation(FILL, (root, cell, *each, *number, *added))


def cut(cell: int, number: Number) -> Operation:
    """Without so many elements at the end."""
    return Operation(CUT, (cell, *number))


class Code(NamedTuple):
    """A program, and the same program to go on behind each ``leave``, by their numbers."""

    start: Program
    behind: list[Program]


def encode(instructions: Sequence[Instruction], blas_state: int = 0) -> Code:
    """The program of some instructions; if they multiply, with ``machine.blas_state()``."""
    launches = [i for i in instructions if isinstance(i, Launch)]
    widest = max([len(launch.words) for launch in launches], default=0)
    position, exits = HEADER, {}
    for item in instructions:
        if isinstance(item, Label):
            item.position = position
            continue
        position += _length(item)
        if isinstance(item, Operation) and item.code == LEAVE:
            exits[item.operands[0]] = position
    code = [HEADER, widest + 1, pool_address(), blas_state]
    for item in (*instructions, Operation(END, ())):
        if isinstance(item, Launch):
            flat = [x for pair in item.words for x in pair]
            code += [_length(item), item.function, item.units, item.grain, len(item.words), *flat]
        elif isinstance(item, Operation):
            operands = [x.position if isinstance(x, Label) else x for x in item.operands]
            code += [_length(item), 0, item.code, *operands]
    start = np.array(code, np.int64)
    behind = []
    for number in range(len(exits)):
        behind.append(start.copy())
        behind[-1][0] = exits[number]
    return Code(start, behind)


def _length(item: Launch | Operation) -> int:
    return 5 + 2 * len(item.words) if isinstance(item, Launch) else 3 + len(item.operands)
