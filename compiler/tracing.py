"""Run a Python function once on traced inputs: from a call to a trace."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import GraphError, ReturnTypeError, StagingError, TwofoldError
from twofold.ir.location import Location, instructions_of
from twofold.ir.tree import Structure, kinds_of, rebuild
from twofold.ir.types import RefType
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor

from .capture.cut import Segment
from .capture.shapes import Uncuttable
from .effects import Effects
from .guards import Watch
from .key import Key, Keys, plain_key
from .ndarrays.cells import Target
from .numbers import Numbers
from .packing import Outputs
from .places import PlaceInput, Places
from .plain import Changed, PlainPython, first_line, reason
from .prelude import Prelude
from .sizes import TraceSizes, failed
from .slots import Reads
from .trace import Traced, Tracer
from .walk import watch

__all__ = ["Trace", "Tracing", "traced"]


REFUSED = (PlainPython, StagingError, ReturnTypeError, GraphError)
ATTEMPTS = 24  # to end a trace before what is not staged


class Trace(NamedTuple):
    """What one run of the Python function gave: the graph, and what stands behind its inputs and
    its result. Symbols of sizes know the leaf and axis that they come from (``sizes.sources``)."""

    key: Key
    leaf_names: list[str]
    positions: list[int]  # the leaves that are graph inputs; then come the captures
    captures: list[Any]  # Tensor, ndarray, Variable, NumberInput or Target
    targets: list[Any]  # ndarrays that are written to: positions of leaves, or captured arrays
    strides: dict[int, tuple[int, ...]]  # of leaves, where the trace relies on them
    outputs: Outputs
    sizes: TraceSizes
    numbers: Numbers
    watch: Watch
    changed: str  # names of Python state that the trace changed: it is for one call
    replays: bool  # a call of the graph that raises has written nothing: Python makes it again
    again: str  # what it has read of what each call changes, so that the next one traces again
    prelude: Prelude | None  # what is called before the graph
    apart: frozenset[int]  # containers from outside that it looks at, which no argument may be
    places: Places  # arrays that attributes hold, behind the leaves
    told: list[Any] | None  # tensors from outside if it was told whether tensors are one; else None
    bare: list[int]  # leaves that may have no attributes but those of their class


class Tracing:
    """One run of a Python function on traced inputs.

    ``key``: the structure and a part for each leaf; a number whose part is its type is an input.
    ``keys`` says which numbers behind names and in attributes are inputs; without it none is.
    ``cut_at``: the number of the instruction before which the trace ends (``capture/cut.py``).
    """

    def __init__(
        self, function: Any, leaves: list[Any], structure: Structure, key: Key,
        keys: Keys | None = None, cut_at: int | None = None,
    ) -> None:  # fmt: skip
        self.function, self.leaves, self.key = function, leaves, key
        self.structure, self.keys = structure, keys
        self.why = ""  # what is not staged, where the trace ends before it
        self.names = _leaf_names(function, structure)
        self.tracer = tracer = Tracer(function.name)
        tracer.cut_at = cut_at
        tracer.places.count = len(leaves)
        tracer.lent = {id(c) for c in getattr(leaves, "containers", ())}
        tracer.returns = _return_location(function.python_function)
        objects = [x for x in leaves if not isinstance(x, Tensor | np.ndarray | np.generic)]
        python_function = function.python_function
        handles = getattr(python_function, "handles", None) or [python_function]
        self.seen = watch(handles[0], [*objects, *kinds_of(structure), *handles[1:]])
        tracer.watch = self.seen
        self.traced, self.positions = _traced_leaves(tracer, leaves, self.names, key)
        self.arguments, self.containers = rebuild(structure, self.traced)
        tracer.places.around = len(self.containers)
        self.seen.walker.seen.update({id(c): c for c in self.containers})  # the key has them
        self.outside = set(self.seen.walker.seen)  # what names lead to
        self.effects = Effects(self.seen, structure, self.traced, self.names)
        tracer.arrays.notes = self.effects.note
        slots = {} if keys is None else keys.read(self.seen.numbers)
        tracer.keys = keys
        if function.keeps_changes:
            tracer.prelude = Prelude()
        self.reads = Reads(slots, tracer.numbers)
        tracer.arrays.reading(self.reads)

    def run(self) -> Trace:
        """Call the function and make a trace of it. Raises what the function raises."""
        tracer = self.tracer
        token = bind.push(tracer)
        try:
            return self._finished(self.run_function())
        except Changed:
            raise
        except BaseException as error:
            self.effects.undo()
            sizes = failed.get()
            if sizes is not None:
                sizes.append(tracer.sizes)
            if tracer.refused is not None and error is not tracer.refused:
                raise tracer.refused from error
            raise
        finally:
            if tracer.prelude is not None:
                tracer.prelude.rewind()
            for held in (self.seen.restores, self.seen.long, self.seen.numbers):
                held.clear()
            self.seen.walker = tracer.watch = None
            tracer.arrays.release()
            tracer.places.end()
            tracer.ended = True
            tracer.numbers.end()
            tracer.sizes.tracing = False
            bind.pop(token)

    def run_function(self) -> Any:
        """Call the function; ``ir/handlers.py`` knows the start of a trace by this name."""
        arrays, (args, kwargs) = self.tracer.arrays, self.arguments
        try:
            with self.reads.hooked():
                return arrays.hooked(self.function.python_function, whole=True)(*args, **kwargs)
        finally:
            arrays.finish()

    def _finished(self, result: Any) -> Trace:
        tracer, seen = self.tracer, self.seen
        journal = tracer.arrays.machine.journal
        known = [*self.containers, *tracer.places.containers]
        apart = frozenset([*journal.reads, *journal.shadows]).difference(map(id, known))
        again = journal.settle(seen)
        if tracer.prelude is not None:
            tracer.prelude.rewind()
        for owner in tracer.prelude.states if tracer.prelude else ():
            for index in seen.walker.indices.get(owner, ()):
                seen.compare_less(index, int)  # it is drawn from, not read
        changed = self.effects.settle(self.function.name, self.arguments)
        if changed and not self.function.keeps_changes:
            self.effects.undo()
            raise Changed(reason(self.function.name, changed))
        traced = [*self.traced, *tracer.places.made]
        written = {
            at: x
            for i, (x, first) in enumerate(tracer.arguments)
            if traced[at := self._position(i)] is x and x.value is not first
        }
        tracer.arrays.flush()
        made = tracer.arrays.machine.heap.made
        outside = [key for key in (*self.outside, *journal.shadows) if key not in made]
        journal.check(self.outside)
        segment = result if type(result) is Segment else None
        if segment is not None:
            result, segment.why = tuple(segment.values), self.why
            outside += map(id, result)
        outputs = Outputs(
            result, tracer, traced, written, seen, known, outside,
            lambda x: journal.known_object(x, self.leaves),
            lambda x: (
                journal.returned_object(x, self.leaves, self.outside) if segment is None
                else journal.known_object(x, self.leaves)  # the frames are not the caller's
            ),
        )  # fmt: skip
        if segment is not None:
            outputs.segment = segment
            outputs.finish = functools.partial(self.function.continued, segment)
        tracer.arrays.guards(seen)
        seen.narrow(tracer.arrays.read_names())
        seen.open_numbers()
        leaves = [*self.leaves, *tracer.places.held]
        strides = {i: leaves[i].strides for i in sorted(tracer.arrays.pinned)}
        self._say_sources()
        return Trace(
            self.key, self.names, self.positions, tracer.captures, tracer.arrays.cells.targets,
            strides, outputs, tracer.sizes, tracer.numbers, seen, changed,
            tracer.arrays.replays, again, tracer.prelude or None, apart, tracer.places,
            [x for x in told if not isinstance(x, Traced)] if (told := tracer.identities) else None,
            [self._position(i) for i in tracer.bare],
        )  # fmt: skip

    def _say_sources(self) -> None:
        """Say of each ndarray that is written to which input of the graph is its elements."""
        inputs, captures = self.tracer.graph.inputs, self.tracer.captures
        count = len(self.positions)
        found: dict[Any, int] = {leaf: i for i, leaf in enumerate(self.positions)}
        for i, held in enumerate(captures, count):
            found[held.leaf if type(held) is PlaceInput else id(held)] = i
        for i, held in enumerate(captures, count):
            if type(held) is Target:
                source = held.source if type(held.source) is int else id(held.source)
                kind = inputs[i].type
                inputs[i].type = RefType(kind.dtype, kind.shape, found[source])

    def _position(self, argument: int) -> int:
        """The leaf of an input: those of the arguments, then what places hold."""
        count = len(self.positions)
        inputs = self.tracer.places.inputs
        return self.positions[argument] if argument < count else inputs[argument - count]

    def until(self, at: int, why: str) -> Tracing:
        """The same again, up to an instruction that cannot be staged."""
        made = Tracing(self.function, self.leaves, self.structure, self.key, self.keys, at)
        made.why = why
        return made

    def by_value(self, error: BaseException) -> bool:
        """Whether a trace with other numbers by value might go further than one that failed."""
        cause = error.cause if isinstance(error, PlainPython) else error
        if not isinstance(cause, StagingError | TypeError | AttributeError):
            return False
        if self.function.goes_on and not isinstance(cause, TwofoldError):
            return False  # what a step gave is another number each time: it is cut
        more = not isinstance(cause, TwofoldError) and self.gave_numbers()
        return more or plain_key(self.key, self.leaves, cause) != self.key

    def places(self, error: BaseException) -> list[int]:
        """The numbers of the instructions before which a trace may end that failed with an error,
        the innermost first."""
        machine = self.tracer.arrays.machine
        return machine.cuts.places if machine is not None and machine.cuts.error is error else []

    def gave_numbers(self) -> bool:
        """Whether the function met a number as an input that a name or an attribute gave."""
        return any(slot.symbol is not None for slot in self.reads.slots.values())

    def withheld(self) -> bool:
        """Whether another trace would know elements and values that this one did not look at."""
        return bool(self.tracer.arrays.withheld or self.tracer.places.all)


def traced(tracing: Tracing, cuts: bool) -> Trace:
    """The trace of the whole function or, if it may be cut, of as much as there is before a step
    that is made in Python. Raises what the whole raises where there is no such step."""
    try:
        return tracing.run()
    except Changed:
        raise
    except REFUSED as error:
        if not cuts or tracing.by_value(error):
            raise
        why = error.why if isinstance(error, PlainPython) else first_line(error)
        places = tracing.places(error)
        for _ in range(ATTEMPTS):
            if not places:
                break
            at = places.pop(0)
            try:
                return tracing.until(at, why).run()
            except Uncuttable as uncuttable:
                places = [*[p for p in uncuttable.places if p < at], *places]
            except REFUSED:
                continue
        raise


def _traced_leaves(
    tracer: Tracer, leaves: list[Any], names: list[str], key: Key
) -> tuple[list[Any], list[int]]:
    """What the function gets for its leaves, and which of them are graph inputs."""
    traced: list[Any] = []
    positions: list[int] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, np.generic) and key[i + 1][0] is not np.generic:
            traced.append(leaf)  # its value is in the key
        elif isinstance(leaf, Tensor | np.ndarray | np.generic):
            positions.append(i)
            made = tracer.input(as_plain(leaf), names[i], i)
            array = not isinstance(leaf, Tensor)
            if not array and leaf.__dict__:
                tracer.adorned.add(len(positions) - 1)
            traced.append(tracer.arrays.argument(leaf, i, made) if array else made)
        elif key[i + 1] is float or key[i + 1] is int:
            traced.append(tracer.numbers.argument(i, leaf, names[i]))
        else:
            traced.append(leaf)
    return traced, positions


def _return_location(python_function: Any) -> Location | None:
    """The line of the only ``return`` with a value, or where the function begins."""
    code = getattr(inspect.unwrap(python_function), "__code__", None)
    if code is None:
        return None
    lines, before = set(), None
    for step in instructions_of(code):
        nothing = step if step.opname == "RETURN_CONST" else before
        if step.opname in ("RETURN_VALUE", "RETURN_CONST"):
            implicit = nothing is not None and "CONST" in nothing.opname and nothing.argval is None
            place = step.positions
            if not implicit and place is not None and place.lineno is not None:
                lines.add((place.lineno, (place.col_offset or 0) + 1))
        before = step
    line, column = next(iter(lines)) if len(lines) == 1 else (code.co_firstlineno, 1)
    return Location(code.co_filename, line, column)


def _leaf_names(function: Any, structure: Structure) -> list[str]:
    """A name for each leaf: its parameter's, with the path inside containers."""
    code = getattr(function.python_function, "__code__", None)
    params = code.co_varnames[: code.co_argcount] if code is not None else ()
    names: list[str] = []
    for i, child in enumerate(structure.children[0].children):
        _name_leaves(child, params[i] if i < len(params) else f"arg{i}", names)
    kw = structure.children[1]
    for key, child in zip(kw.keys, kw.children, strict=True):
        _name_leaves(child, str(key), names)
    return names


def _name_leaves(structure: Structure, name: str, names: list[str]) -> None:
    if structure.kind is None:
        names.append(name)
        return
    keys = structure.keys or range(len(structure.children))
    for key, child in zip(keys, structure.children, strict=True):
        text = "".join(c if c.isalnum() else "_" for c in str(key))
        _name_leaves(child, f"{name}_{text}", names)


def as_plain(x: Any) -> np.ndarray[Any, Any]:
    """The array of a tensor input."""
    return x.array if x.__class__ is Tensor else as_array(x)
