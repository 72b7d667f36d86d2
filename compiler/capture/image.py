"""Frames as values: what a segment of a function hands to the next one.

An ``Image`` is the shape of a chain of frames: code, positions, what stands where. The values in it
are leaves, listed beside it. What the function has made itself (lists, cells, closures, objects) is
taken apart and made anew from its leaves, so that equal shapes are one continuation whatever they
hold; everything else is a leaf as it is. Objects of libraries that no trace looks into, such as
iterators and files, are only carried along.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, NamedTuple

from twofold.ir.tree import DEEPEST

from .flow import flow_of
from .frame import DROPPED, NULL, UNBOUND, Frame
from .heap import EMPTY
from .shapes import ATOMS, BUILD, FILL, HOLLOW, Ref, Uncuttable, opened

__all__ = ["Freezer", "Image", "Thawer"]

_LOOKS_AT_LOCALS = frozenset((
    "locals", "vars", "dir", "eval", "exec", "_getframe", "currentframe", "stack", "trace",
    "breakpoint", "set_trace",
))  # fmt: skip
Node = tuple[Any, ...]


class FrameImage(NamedTuple):
    """One frame: variables and operands are nodes of the image."""

    code: types.CodeType
    space: Ref
    at: int
    slots: tuple[tuple[str, Node], ...]
    stack: tuple[Node, ...]
    cells: tuple[tuple[str, Ref], ...]  # variables of functions around, shared with them
    keywords: tuple[str, ...]


class Image(NamedTuple):
    """A chain of frames from the outermost to the innermost, and the objects in it."""

    frames: tuple[FrameImage, ...]
    objects: tuple[tuple[Any, tuple[Node, ...]], ...]
    values: int  # how many there are
    carried: int
    private: tuple[int, ...]  # those that are tensors which nobody else has


class Freezer:
    """Takes frames apart. ``real``: what a value stands for; ``is_own``: whether it was made by the
    function; ``is_carried``: whether it is carried along; ``is_private``: whether a tensor is one
    that nobody else has."""

    def __init__(
        self, real: Callable[[Any], Any], is_own: Callable[[Any], bool],
        is_carried: Callable[[Any], bool], is_private: Callable[[Any], bool],
    ) -> None:  # fmt: skip
        self.real, self.is_own, self.is_carried = real, is_own, is_carried
        self.is_private = is_private
        self.leaves: list[Any] = []
        self.carried: list[Any] = []
        self.objects: list[Any] = []
        self.met: dict[int, Node] = {}
        self.level = 0  # of the objects around the one whose node is made
        self.kept: list[Any] = []  # alive, as long as identities count

    def image(self, frames: list[Frame], positions: list[int]) -> Image:
        """The image of frames, of which each goes on at a position."""
        made = tuple([
            self._frame(f, at, f is frames[-1]) for f, at in zip(frames, positions, strict=True)
        ])  # fmt: skip
        objects = tuple(map(tuple, self.objects))
        private = tuple([i for i, x in enumerate(self.leaves) if self.is_private(x)])
        return Image(made, objects, len(self.leaves), len(self.carried), private)

    def objects_met(self) -> dict[int, Any]:
        """All that goes along, by identity."""
        return {id(x): x for x in self.kept}

    def _frame(self, frame: Frame, at: int, is_last: bool) -> FrameImage:
        code = frame.code
        space = self.real(frame.f_globals)
        cells, slots = [], []
        for name in self._names(frame, at, is_last):
            value = self.real(frame.slots.get(name, UNBOUND))
            if type(value) is types.CellType and not self.is_own(value):
                cells.append((name, Ref(value)))
            elif value is not UNBOUND and value is not DROPPED:
                slots.append((name, self.node(value)))
        stack = tuple(map(self.node, frame.stack))
        return FrameImage(
            code, Ref(space), at, tuple(slots), stack, tuple(cells), tuple(frame.keywords)
        )

    def _names(self, frame: Frame, at: int, is_last: bool) -> list[str]:
        """The variables that may be read from there on."""
        code, flow = frame.code, flow_of(frame.code)
        names = set(flow.live[at]) | set(code.co_freevars)
        if not is_last:  # the call that it makes may raise
            names |= flow.live[frame.now]
        if "__class__" in code.co_freevars:
            names |= set(code.co_varnames[:1])
        if not _LOOKS_AT_LOCALS.isdisjoint(code.co_names):
            names |= set(frame.slots)
        return sorted(names)

    def node(self, x: Any) -> Node:
        """The node of a value."""
        x = self.real(x)
        if x is NULL or x is UNBOUND or x is EMPTY:
            return ("NULL" if x is NULL else "UNBOUND",)
        if type(x) in ATOMS and not self.is_carried(x):
            return self._leaf(x)
        found = self.met.get(id(x))
        if found is not None:
            return found
        self.kept.append(x)
        carried = self.is_carried(x)
        parts = None if carried else opened(x, self.is_own)
        if carried:
            self.carried.append(x)
            node: Node = ("carried", len(self.carried) - 1)
        elif parts is None:
            node = self._leaf(x)
        else:
            node = ("object", len(self.objects))
            place: list[Any] = [parts[0], ()]
            self.objects.append(place)
            self.met[id(x)] = node
            self.level += 1
            if self.level > DEEPEST:
                raise Uncuttable(f"containers are nested more than {DEEPEST} levels deep")
            place[1] = tuple(map(self.node, parts[1]))
            self.level -= 1
        self.met[id(x)] = node
        return node

    def _leaf(self, x: Any) -> Node:
        self.leaves.append(x)
        return "leaf", len(self.leaves) - 1


class Thawer:
    """Makes frames of an image with these leaves; ``own`` has every object that it made.

    ``walks``: iterators are those of the interpreter.
    """

    def __init__(
        self, image: Image, leaves: Any, carried: Any, walks: bool = False,
        space: Callable[[Any], Any] = lambda space: space,
    ) -> None:  # fmt: skip
        self.image, self.leaves, self.carried = image, leaves, carried
        self.walks, self.space = walks, space  # what global names are looked up in
        self.own: dict[int, Any] = {}
        self.private = {id(leaves[i]) for i in image.private}
        self.made: dict[int, Any] = {}
        self.todo: list[int] = []

    def frames(self, begin: Callable[[FrameImage, Frame | None], Frame]) -> list[Frame]:
        """The frames, each begun by ``begin(image, the frame around it)``."""
        found: list[Frame] = []
        for image in self.image.frames:
            frame = begin(image, found[-1] if found else None)
            frame.slots.update({name: self.value(node) for name, node in image.slots})
            frame.stack = [self.value(node) for node in image.stack]
            frame.at, frame.now = image.at, image.at - 1
            frame.keywords = image.keywords
            found.append(frame)
        self.settle()
        return found

    def iterators(self) -> list[Any]:
        """The iterators over anything but a range, and what they go over: they are carried along
        from now on, and what changes these has to reach them."""
        found: list[Any] = []
        for n, (tag, nodes) in enumerate(self.image.objects):
            if tag[0] == "walk" and tag[1] != "Span":
                del self.own[id(self.value(("object", n)))]
                found += map(self.value, nodes)
        return found

    def value(self, node: Node) -> Any:
        """The value of a node."""
        kind = node[0]
        if kind == "leaf":
            return self.leaves[node[1]]
        if kind == "carried":
            return self.carried[node[1]]
        if kind == "object":
            return self.made[node[1]] if node[1] in self.made else self._make(node[1])
        return NULL if kind == "NULL" else UNBOUND

    def _make(self, n: int) -> Any:
        tag, nodes = self.image.objects[n]
        if tag[0] in HOLLOW:
            made = HOLLOW[tag[0]](tag)
            self.todo.append(n)
        else:
            values = [self.value(node) for node in nodes]
            if tag[0] == "walk":
                self.settle()
            made = BUILD[tag[0]](tag, values, self)
        self.made[n] = made
        if tag[0] not in ("choice", "bound", "view"):
            self.own[id(made)] = made
        return made

    def settle(self) -> None:
        """Fill what has been made empty."""
        while self.todo:
            n = self.todo.pop()
            tag, nodes = self.image.objects[n]
            FILL[tag[0]](self.made[n], tag, [self.value(node) for node in nodes])
