"""Where the trace of a function ends in the middle: before a step that needs values of the graph.

Every instruction that is interpreted has a number. Where one cannot be staged, the trace is given
up and made again up to it: the second trace ends there, and what it returns are its frames. Nothing
has to be taken back, since nothing of the step has been done.
"""

from __future__ import annotations

import types
from collections import defaultdict
from typing import Any

from twofold.ir import bind
from twofold.ir.errors import GraphError, ReturnTypeError, StagingError, TwofoldError
from twofold.ir.tensor_shape import TUPLES

from ..library import is_library_object
from ..method import BoundConcrete, BoundMethod
from ..ndarrays.base import Flags, TracedArray, TracedScalar
from ..ndarrays.converter import Indexed
from ..ndarrays.kinds import Maker, Unbound
from ..ndarrays.names import Called, Module, _Space
from ..ndarrays.views import Flat
from ..pace import Pace
from ..plain import PlainPython
from ..symint import SymInt
from ..symnumber import SymFloat, SymWhole
from ..trace import Traced
from .aliases import put_outside, reached
from .choice import Choice
from .frame import Frame
from .image import Freezer, Image
from .journal import SHADOWED, Put
from .numbers import TracedNumber
from .shapes import Opaque, OpaqueMethod, Uncuttable
from .text import Text
from .walks import Span, Walk

__all__ = ["Cut", "Cuts", "Segment", "is_carried", "is_refusal"]

REFUSED = (StagingError, ReturnTypeError, GraphError)


def is_refusal(error: BaseException) -> bool:
    """Whether an exception says that something cannot be staged: no code of the user's sees it."""
    if isinstance(error, TwofoldError) and error.of_form:
        return False
    return isinstance(error, (PlainPython, *REFUSED))


_COMPILER = __name__.rpartition(".capture")[0]
_HANDED_ON = frozenset((
    Traced, TracedArray, TracedScalar, SymInt, TracedNumber, Text, Opaque, OpaqueMethod, Choice,
    Walk, Span, Flags, Flat, SymFloat, SymWhole, BoundMethod, BoundConcrete,
))  # fmt: skip


class Cut(BaseException):
    """The trace ends before the step that a frame is at."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame


class Segment:
    """What a trace returns that ends in the middle: its frames, of which these are the values."""

    why = ""

    def __init__(self, image: Image, values: list[Any], carried: list[Any]) -> None:
        self.image, self.values = image, values
        self.paces: defaultdict[int, Pace] = defaultdict(Pace)  # by sizes, of calls that begin so
        self.carried = [x.at for x in carried]  # where a continuation has them


STEPS = 300_000  # instructions that are interpreted for one trace
NODES = 20_000  # of its graph
CHECKED = 1 << 11  # after so many instructions this is looked at


class Cuts:
    """The numbers of one trace's instructions, and where it may end. ``at``: where it does."""

    def __init__(self, machine: Any, at: int | None) -> None:
        self.machine, self.at = machine, at
        self.count = self.depth = 0
        self.above = bind.current.get()
        self.whole = False  # whether what is refused is refused for the call as a whole
        self.error: BaseException | None = None
        self.places: list[int] = []  # where the trace could have ended before ``error``
        self.top: Frame | None = None  # the innermost frame outside of branches and loops

    def step(self, frame: Frame) -> None:
        """An instruction begins. Raises Cut."""
        self.count += 1
        frame.began = self.count
        if self.count == self.at:
            raise Cut(frame)
        if not self.count % CHECKED:
            nodes = len(self.machine.tracer.graph.nodes)
            if self.count > STEPS or nodes > NODES:
                self.machine.give_up("a loop that no value of the graph ends, in so many trips")

    def failed(self, frame: Frame, error: BaseException) -> bool:
        """An instruction raises; whether it cannot be staged."""
        if not is_refusal(error):
            return False
        if error is not self.error:
            self.error, self.places = error, []
        if self._chain(frame) is not None:
            self.places.append(frame.began)
        return True

    def _chain(self, frame: Frame) -> list[Frame] | None:
        """The frames from the outermost to this one, if the trace may end in it now."""
        machine = self.machine
        if machine.heap.parts or machine.open or machine.shows_frames or self.depth != 1:
            return None
        if self.whole:
            return None
        if bind.current.get() is not self.above:
            return None
        found: list[Frame] = []
        at: Frame | None = frame
        while at is not None:
            if at.handled is not None or at.program.is_generator:
                return None
            if at.back is not None and not at.back.direct:
                return None
            found.append(at)
            at = at.back
        return found[::-1]

    def segment(self, frame: Frame) -> Segment:
        """What the trace returns that ends here. Raises Uncuttable."""
        machine = self.machine
        frames = self._chain(frame)
        if frames is None:
            raise Uncuttable("the function is in the middle of something")
        machine.refuse_protected()
        outside = reached(put_outside(machine))
        given = {id(x) for x, _ in machine.tracer.arguments} - machine.heap.aliases.private

        def is_private(x: Any) -> bool:
            return type(x) is Traced and id(x) not in outside and id(x) not in given

        def is_handed(x: Any) -> bool:
            if id(x) in machine.heap.dicts:
                raise Uncuttable("the __dict__ of an object that the function has made")
            return _is_carried(x)

        freezer = Freezer(self._real(), machine.is_own, is_handed, is_private)
        positions = [*[f.at for f in frames[:-1]], frame.now]
        image = freezer.image(frames, positions)
        self._check(freezer)
        places = machine.heap.aliases.begins(machine, freezer.objects_met() | outside)
        if places is not None:
            raise Uncuttable("objects of which the graph decides whether they are one", places)
        return Segment(image, freezer.leaves, freezer.carried)

    def here(self) -> tuple[int, ...]:
        """Where the trace could end before what is being done, if it may: the innermost first."""
        found, at = [], self.top
        while at is not None:
            found.append(at.began)
            at = at.back
        return tuple(found)

    def _real(self) -> Any:
        """What a value of the trace stands for."""
        journal, names = self.machine.journal, self.machine.tracer.arrays.names
        originals = {id(made): original for original, made in names.made()}
        originals |= names.originals

        def real(x: Any) -> Any:
            kind = type(x)
            if kind is Called or kind is Indexed or kind is _Space:
                return x.real
            if kind is Module:
                return x.__dict__["_parts"][0]
            if kind is Maker or kind is Unbound:
                return x.kind
            if kind is types.FunctionType or kind is types.CellType:
                return originals.get(id(x), x)
            return journal.original(x)

        return real

    def _check(self, freezer: Freezer) -> None:
        """Raise Uncuttable if something that the function has made goes on in the frames, and is
        put into an object from outside too: it is one object."""
        todo: list[Any] = []
        for entry in self.machine.journal.entries:
            if type(entry) is Put:
                todo.append(entry.held[entry.name])
            else:
                todo += [*entry.args, *entry.kwargs.values()]
        seen: set[int] = set()
        while todo:
            x = todo.pop()
            if id(x) in seen:
                continue
            seen.add(id(x))
            if self.machine.is_own(x) and id(x) in freezer.met and type(x) not in TUPLES:
                raise Uncuttable(f"a {type(x).__name__} that is put into an object from outside")
            if type(x) in SHADOWED or type(x) in TUPLES:
                todo += x.values() if isinstance(x, dict) else x


def _is_carried(x: Any) -> bool:
    """Whether a value of the trace goes along. Raises Uncuttable for what is the trace's alone."""
    kind = type(x)
    ours = kind.__module__.startswith(_COMPILER) and not getattr(kind, "is_compiled", False)
    if ours and kind not in _HANDED_ON:
        raise Uncuttable(f"a {kind.__name__}")
    return kind is Opaque


def is_carried(x: Any) -> bool:
    """Whether a real object goes along with frames, without a look from any trace."""
    return is_library_object(x) and not callable(x) and not isinstance(x, types.ModuleType)
