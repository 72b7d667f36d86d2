"""The ndarrays of one trace: where they come from, what is known of them, what was written.

The tracer has one of these. Arguments and captured arrays become cells here; at the end the writes
to them are in the graph, and the arrays that the trace relied on are among its guards.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.tree import flatten
from twofold.runtime.tensor import Tensor

from ..guards import ELEMENTS
from ..numbers import NumberInput
from ..places import TREES, is_tree, may_move
from ..plain import Held, NoOp, PlainPython, has_dtype, is_foreign
from ..readers import Elements, Layout, Writeable
from .base import TracedArray, TracedScalar
from .cells import Cells
from .known import evaluate, plain_elements
from .names import Names
from .windows import Windows

__all__ = ["Arrays"]

_UNNAMED = "what NumPy does here to memory, or in an error,"


class Arrays:
    """The ndarrays of one trace; see the module."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.cells = Cells(self)
        self.windows = Windows(self)
        self.replays = False  # a call that raises is made again, by plain Python
        self.withheld = False  # whether elements were asked for that were others before
        self.pinned: set[int] = set()  # arguments whose strides were relied on
        self.relied: dict[int, np.ndarray[Any, Any]] = {}  # captured arrays, by their contents
        self.bounds: dict[Value, tuple[Any, Any]] = {}  # the least and the most of some integers
        self._captured: dict[int, tuple[Any, Any]] = {}  # array -> what stands for it
        self._inputs: dict[Value, np.ndarray[Any, Any]] = {}
        self._tensors: dict[int, Tensor] = {}  # captured ones, by their contents
        self._known: dict[Value, Any] = {}
        self._names: Any = None
        self.sure = False  # whether what is staged cannot raise: its indices have been checked
        self.asking = False  # whether a call of the user's is being made: those in it are NumPy's
        self._reads: Any = None  # what names with numbers give (``slots.py``)
        self._machine: Any = None
        self.outside = contextvars.copy_context()  # how NumPy is set where the call is made
        self._on_errors = False
        self.notes: Callable[[Any], None] | None = None  # told of objects before they are changed

    # what the tracer gives

    @property
    def sizes(self) -> Any:
        """The sizes of the trace."""
        return self.tracer.sizes

    @property
    def graph(self) -> Any:
        """The graph of the trace."""
        return self.tracer.graph

    @property
    def ended(self) -> bool:
        """Whether the trace is over."""
        return bool(self.tracer.ended)

    @property
    def captures(self) -> list[Any]:
        """What is behind the hidden inputs."""
        found: list[Any] = self.tracer.captures
        return found

    @property
    def refusal(self) -> Callable[[str], Exception]:
        """A StagingError, kept so that the function cannot swallow it."""
        found: Callable[[str], Exception] = self.tracer.refusal
        return found

    def missing(self, what: str) -> BaseException:
        """What has no op: a StagingError inside NumPy's own functions, which then run as they are;
        where the user calls it, the function runs as plain Python."""
        if not self.asking:
            return self.plain(words=what)
        self.tracer.refused = made = NoOp(f"{what} in a compiled function")
        return made

    def plain(self, holds: Held = "kinds", words: str = _UNNAMED) -> PlainPython:
        """What makes this call run as plain Python, kept so that nobody can swallow it."""
        self.tracer.refused = made = PlainPython(holds, words=words)
        return made

    def value_of(self, tensor: Any) -> Value:
        """The graph value of a tensor of the trace."""
        found: Value = bind.ground().value(tensor)
        return found

    # arrays that come from outside

    def argument(self, array: Any, position: int, tensor: Any) -> Any:
        """What the function is given for an ndarray or a NumPy scalar."""
        if isinstance(array, np.generic):
            return TracedScalar(self, tensor)
        return TracedArray(self, self.cells.outer(tensor, position, array))

    def takes(self, array: Any) -> bool:
        """Whether an array can be part of the trace."""
        return not is_foreign(array)

    def has_dtype(self, dtype: np.dtype[Any]) -> bool:
        """Whether tensors have this dtype."""
        return has_dtype(dtype)

    def array_of(self, array: np.ndarray[Any, Any]) -> Any:
        """The array of the trace for one that the function captured."""
        found = self._captured.get(id(array))
        if found is None:
            if not self.takes(array):
                raise self.missing(
                    f"an array of dtype {array.dtype} and class {type(array).__name__}"
                )
            tensor = self.tracer.capture(array)
            cell = self.cells.outer(tensor, array, array)
            found = self._captured[id(array)] = array, TracedArray(self, cell)
        self.tracer.places.pin(found[1])
        return found[1]

    def found_in(self, owner: Any, key: Any, value: Any, how: str) -> Any:
        """What stands for an array, a tensor or a scalar of NumPy's in an attribute, a name or an
        item (``how``), where that has been seen to hold another one; else the value itself."""
        places, keys, watch = self.tracer.places, self.tracer.keys, self.tracer.watch
        known = places.known(owner, key)
        if known is not None:
            return known
        moves = keys is not None and watch is not None and watch.walker is not None
        tree = type(value) in TREES
        if (not tree and is_foreign(value)) or not (moves and keys.moves((id(owner), key), value)):
            return value
        if id(value) in self._captured or self.tracer.has_captured(value):
            return value
        if tree:
            return self._tree_in(owner, key, value, how)
        made = places.standing_for(value)
        if made is not None:
            return made
        made = getattr(places, how)(watch, owner, key, self._found)
        return value if made is None else made

    def _tree_in(self, owner: Any, key: Any, value: Any, how: str) -> Any:
        """The same for a container of such values: the trace has its own, as for an argument."""
        tracer, places = self.tracer, self.tracer.places
        leaves = flatten(value)[0] if is_tree(value) else None
        if leaves is None or any(map(self._is_known, (*leaves, *leaves.containers))):
            return value
        count = len(places.containers)
        made = getattr(places, how)(tracer.watch, owner, key, self._found)
        if made is None:
            return value
        walker = tracer.watch.walker
        tracer.lent.update(map(id, leaves.containers))
        walker.seen.update({id(c): c for c in places.containers[count:]})
        for container in leaves.containers:  # the structure of the tree is compared
            for index in walker.indices.get(id(container), ()):
                tracer.watch.compare_less(index, int)
        return made

    def _is_known(self, value: Any) -> bool:
        """Whether a value or a container has been met in another place."""
        tracer = self.tracer
        if type(value) in (list, dict):
            met = tracer.lent, self.machine.journal.reads, self.machine.journal.shadows
            return any(id(value) in held for held in met)
        known = id(value) in self._captured or tracer.has_captured(value)
        return known or any(value is x for x in tracer.places.held if may_move(x))

    def _found(self, value: Any, name: str, leaf: int) -> Any:
        tensor = self.tracer.found(value, name, leaf)
        if type(value) is Tensor:
            return tensor
        made = self.argument(value, leaf, tensor)
        if type(value) is np.ndarray:
            self._captured[id(value)] = value, made
        return made

    def guard(self, name: str, read: Any) -> None:
        """The trace is good while a reader gives what it gives now."""
        if self.tracer.watch is not None:
            self.tracer.watch.add(name, read)

    def writes_to(self, cell: Any) -> None:
        """The memory of an array is written to. Raises where another array of the trace may be the
        same one."""
        if self._machine is not None:
            self._machine.writes_to(cell)

    def relies_on_errors(self, read: Callable[[], bool]) -> None:
        """The trace is good while floating-point errors raise, or do not, where it is called."""
        if not self._on_errors:
            self._on_errors = True
            self.outside.run(self.guard, "whether floating-point errors raise", read)

    def may_write(self, cell: Any) -> None:
        """It counts whether an array from outside may be written to."""
        if isinstance(cell.source, np.ndarray):
            self.guard("an array that may be written to", Writeable(cell.source))

    def held(self, array: np.ndarray[Any, Any]) -> Any:
        """The array of the trace for one that it has met, or None."""
        found = self._captured.get(id(array))
        return None if found is None else found[1]

    def meet(self, array: np.ndarray[Any, Any], value: Value) -> None:
        """A captured array became an input of the graph."""
        self._inputs[value] = array
        self.guard("an array", Layout(array))

    def constant(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor of the trace that holds a copy of an array."""
        return OPS["constant"](value=np.array(array))

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Stage what takes checked indices: it cannot raise, whatever its op says."""
        before, self.sure = self.sure, True
        try:
            yield
        finally:
            self.sure = before

    # values that are known

    def known(self, tensor: Any) -> Any:
        """The array of a tensor, or None if an element of an argument is in it."""
        found = self.elements(tensor)
        return None if found is None else plain_elements(found, tensor.dtype)

    def elements(self, tensor: Any) -> Any:
        """The same, with sizes as symbolic integers in an array of objects."""
        return evaluate(self, tensor.trace, tensor.value, self._known)

    def has(self, value: Value) -> bool:
        """Whether ``given`` knows what is behind a hidden input."""
        array = self._inputs.get(value)
        if array is not None:
            return not self._withholds(array)
        return isinstance(self.tracer.captured_by(value), Tensor | NumberInput)

    def _withholds(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether what an array holds is not looked at, since it was something else before."""
        keys = self.tracer.keys
        found = keys is not None and keys.is_changing(array)
        self.withheld |= found
        return bool(found)

    def given(self, value: Value) -> np.ndarray[Any, Any] | None:
        """What is behind a hidden input, if it is known: the trace relies on it from now on."""
        array = self._inputs.get(value)
        if array is not None:
            self.relied_on(array)
            return np.array(array)
        captured = self.tracer.captured_by(value)
        if isinstance(captured, Tensor):
            self._tensors[id(captured)] = captured
            return captured.array
        if isinstance(captured, NumberInput):
            number = self.tracer.numbers.pin(captured.slot)
            return np.array(number).astype(captured.dtype)
        return None

    def evaluated(self, value: Value | None) -> Any:
        """The array of a value that was asked for before, and known, or None; with the sizes of
        the example call."""
        found = None if value is None else self._known.get(value)
        if found is None or found.dtype != object:
            return found
        return np.array(self.cells.hints(found.ravel()), np.int64).reshape(found.shape)

    def relies(self, tensor: Tensor) -> None:
        """The trace is good only while a captured tensor holds what it holds now."""
        self._tensors[id(tensor)] = tensor

    def relied_on(self, array: np.ndarray[Any, Any]) -> None:
        """The trace is good only while a captured array holds what it holds now."""
        self.relied[id(array)] = array

    def guards(self, watch: Any) -> None:
        """Add what the trace relied on in captured arrays to its guards.

        Raises PlainPython where plain NumPy may have read an array before a write reached it.
        """
        seen = self._machine is None or self._machine.reads.all_seen
        read = [*watch.read, *(() if seen else watch.arrays)]  # as they are, by plain NumPy
        written = [c.source for c in self.cells.all if c.version and c.source.__class__ is not int]
        if any(np.may_share_memory(w, array) for w in written for array in read):
            raise PlainPython(words="an array that plain NumPy has read is written to")
        for array in self._inputs.values():  # its owner can resize or reshape it in place
            watch.add("the shape of a captured array", lambda a=array: (a.shape, a.strides))
        for array in read:  # what plain NumPy made of it is part of the trace
            self.relied_on(array)
        for array in () if seen else watch.named:
            if not any(held is array for held in self._inputs.values()):
                self.relied_on(array)
        watch.relied = list(self.relied.values())
        for array in watch.relied:
            watch.add("an array", Layout(array))
            watch.add(ELEMENTS, Elements(array))
        for tensor in self._tensors.values():
            watch.add(ELEMENTS, Elements(tensor))

    # names

    @property
    def names(self) -> Names:
        """What names mean in the trace."""
        found: Names = self._names
        return found

    @property
    def machine(self) -> Any:
        """What interprets the functions of the trace, if one was."""
        return self._machine

    def number(self, owner: Any, key: str, found: Any) -> Any:
        """What a name gives that means a Python number."""
        return found if self._reads is None else self._reads.give(owner, key, found)

    def reading(self, reads: Any) -> None:
        """Say what names with numbers give."""
        self._reads = reads

    def hooked(self, function: Any, whole: bool = False) -> Any:
        """A function that is interpreted, and whose names give arrays and numbers of the trace.

        ``whole``: whether it is the one that is traced.
        """
        if self._names is None:
            from ..capture.capture import Capture  # noqa: PLC0415  (it is made of arrays)

            self._names, self._machine = Names(self), Capture(self.tracer)
        machine, inner = self._machine, self._names.function(function)

        def interpreted(*args: Any, **kwargs: Any) -> Any:
            return machine.interpret(inner, args, kwargs, whole)

        return interpreted

    def finish(self) -> None:
        """Carry over what the function assigned to global names, and write what is left."""
        if self._names is not None:
            self._names.finish()

    def read_names(self) -> dict[int, set[str]]:
        """The attributes that the function was seen to read, by the identity of their object."""
        return {} if self._machine is None else self._machine.reads.of_objects()

    def release(self) -> None:
        """The trace is over: what the function made is nobody's concern here."""
        if self._machine is not None:
            self._machine.heap.release()
            self._machine.effort.changed.clear()
            self._machine.journal.release()
            self._machine.watch = None

    def before_raising(self, tracer: Any) -> None:
        """Put the writes so far into the graph, ahead of what may raise. A region does not know the
        caller's arrays: then all writes stand at the end of the graph, and a call that raises is
        made again by plain Python. Raises PlainPython if some have been put into the graph."""
        if self.replays:
            return
        if tracer is self.tracer:
            self.cells.flush()
        elif any(cell.dirty for cell in self.cells.all):
            self.replay()

    def excludes(self, tracer: Any, node: Any) -> bool:
        """Whether it has been decided that an operation does not raise here; see
        ``capture/raising.py``. The decision to be made is raised."""
        return self._machine is not None and self._machine.excludes_node(tracer, node)

    def replay(self) -> None:
        """A call that raises is made again by plain Python, with what it writes before. Raises
        PlainPython if writes have been put into the graph."""
        if self.cells.targets:
            raise PlainPython(words="what may raise in a region, after writes to ndarrays,")
        self.replays = True

    def flush(self) -> None:
        """Put the writes that are left into the graph, at its end.

        Raises PlainPython if a call that raises may have written to Variables by then."""
        if self.replays:
            _drop_drafts(self.tracer.graph)
        if self.replays and _raises_late(self.tracer.graph):
            raise PlainPython(words="what may raise after a write to a Variable, and in a region,")
        self.cells.flush()


def _drop_drafts(graph: Any) -> None:
    """Have an exception in a loop leave Variables as they were ahead of it."""
    for part in graph.regions_first():
        part.nodes = [node for node in part.nodes if node.op.name != "draft"]
        for node in part.nodes:
            if node.regions:
                node.hold(node.regions)  # its effects are others now


def _raises_late(graph: Graph) -> bool:
    """Whether something may raise when a Variable has been written to."""
    wrote = False
    for node in graph.nodes:
        writes = "write" in node.effects
        if "raise" in node.effects:
            once = node.op.name in ("call", "cond", "switch")
            if wrote or (writes and not once) or (writes and any(map(_raises_late, node.regions))):
                return True
        wrote = wrote or writes
    return False
