"""The tracer: an interpreter that builds a graph out of the operations it receives.

Inputs become ``Traced`` tensors with symbolic sizes. Eager tensors and arrays met on the way are
captured as hidden inputs; Variables become ``ref`` inputs, read once and forwarded in SSA form,
with an ``assign`` node for each assignment in program order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn
from weakref import ref

import numpy as np

from twofold.ir import bind
from twofold.ir.attrs import check_attrs, map_attrs
from twofold.ir.bind import Call
from twofold.ir.dims import Dim
from twofold.ir.dtypes import info
from twofold.ir.errors import ConversionError, GraphError, StagingError, TwofoldError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.handlers import may_be_caught
from twofold.ir.location import Location, user_frame, user_location, user_name
from twofold.ir.op import OPS, Op
from twofold.ir.ops.control import Replay
from twofold.ir.promote import Operand, result_dtype, weak_dtype
from twofold.ir.rebuild import copied
from twofold.ir.tensor_shape import TensorShape, shape_of
from twofold.ir.types import RefType, TensorType
from twofold.runtime.convert import as_array, tensor_of
from twofold.runtime.eager import holds_tensors
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable, read

from .ndarrays.arena import Arrays
from .numbers import NumberInput, Numbers
from .places import PlaceInput, Places
from .plain import PlainPython
from .sizes import TraceSizes
from .symint import SymInt, size_or_int, to_dims
from .symnumber import SymNumber, symbol

__all__ = ["TRACED_TEXT", "Traced", "Tracer", "place"]

_PYTHON = (bool, int, float, complex)
TRACED_TEXT = "<tf.Tensor (traced)"  # how the text of a traced tensor begins


# Where they raise, plain Python knows what.
_REPLAYING = ("upto", "sizes_hold", "repeat_positions", "numpy_counted")


def _dtype_of_numbers(items: Any) -> np.dtype[Any] | None:
    """The dtype of nested lists that hold Python numbers alone, some of the trace; else None."""
    found: list[np.dtype[Any]] = [] if holds_tensors(items) else [as_array(items).dtype]
    for item in () if found else items:
        if isinstance(item, SymNumber | SymInt):
            own: np.dtype[Any] | None = weak_dtype(item.__class__)
        elif isinstance(item, list | tuple):
            own = _dtype_of_numbers(item)
        else:
            own = as_array(item).dtype if item.__class__ in _PYTHON else None
        if own is None:
            return None
        found.append(own)
    return result_dtype(found)


class Traced(Tensor):
    """A tensor of a trace: it has a type and a place in the graph, but no value yet."""

    __slots__ = ("trace",)
    value: Value

    def __init__(self, value: Value, trace: Tracer) -> None:
        self.value = value
        self.enter(trace)

    @property
    def dtype(self) -> Any:
        return self.value.type.dtype

    @property
    def shape(self) -> TensorShape:
        sizes = self.trace.sizes
        return shape_of(
            [d if isinstance(d, int) else size_or_int(d, sizes) for d in self.value.type.shape]
        )

    @property
    def size(self) -> Any:
        return size_or_int(self.value.type.size, self.trace.sizes)

    @property
    def array(self) -> Any:  # type: ignore[override]  # there is none to write to
        try:
            self._refuse("its array")
        finally:
            self.trace.refused = None  # who asked was not the user

    def hold(self, value: Any) -> None:
        bind.ground().writes_to(self, (self.value, self.trace), self.trace)  # type: ignore[attr-defined]
        self._change(value)
        self.enter(bind.ground())

    def enter(self, trace: Any) -> None:
        """The value is one of this trace from now on."""
        self.trace = trace
        if trace.outer is not None:
            trace.cells.append(ref(self))

    def __copy__(self) -> Any:
        return type(self)(self.value, self.trace)

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(self.value, self.trace)

    def _refuse(self, what: str) -> NoReturn:
        name = f" {self.value.name!r}" if self.value.name else ""
        if self.trace.ended:
            raise GraphError(
                f"tensor{name} ({self.value.type}) was kept after the trace that made it ended; "
                f"return it from the function instead"
            )
        raise self.trace.refusal(
            f"{what} of tensor{name} ({self.value.type}) is needed while the function is traced, "
            f"but the value exists only when it runs"
        )

    def _elements(self, what: str) -> Any:
        found = None if self.trace.ended else self.trace.arrays.elements(self)
        if found is None:
            self._refuse(what)
        return found

    def _sizes(self) -> Any:
        found = None if self.trace.ended else self.trace.arrays.elements(self)
        from .ndarrays.windows import linear  # noqa: PLC0415  (it is made of tensors)

        counts = found is None and info(self.dtype).integer
        if counts and not self.shape:
            made = linear(self.value)
            if not made.terms:
                return size_or_int(made.size, self.trace.sizes)
            return self.trace.sizes.sum_of(made, lambda: OPS["upto"](self).shape[0])
        if counts and len(self.shape) == 1 and type(self.shape[0]) is int:
            return [self[i]._sizes() for i in range(self.shape[0])]
        return super()._sizes()

    def __bool__(self) -> bool:
        if not self.trace.ended and self.trace.arrays.elements(self) is not None:
            return super().__bool__()
        name = f" {self.value.name!r}" if self.value.name else ""
        raise self.trace.refusal(
            f"Python control flow on tensor{name} ({self.value.type}): `if`, `while`, `and`, `or`, "
            f"`not` and `assert` need its value while the function is traced. Use tf.cond or "
            f"tf.while_loop, whose functions become parts of the graph, or tf.where(condition, a, "
            f"b); or move the test out of the function"
        )

    def __len__(self) -> int:
        if not self.shape:
            raise ConversionError("len() of a tensor without axes")
        return int(self.shape[0])

    def numpy(self) -> Any:
        self._refuse("numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse("conversion to a NumPy array")

    def __repr__(self) -> str:
        return f"{TRACED_TEXT} %{self.value.name or '_'}: {self.value.type}>"

    def __str__(self) -> str:  # a function of its own: a step calls a method by its name
        return repr(self)

    def __format__(self, spec: str) -> str:
        if spec:
            self._refuse(f"the text {spec!r}")
        return repr(self)


class Tracer(bind.Ground):
    """Stages every call as a node of ``graph``; its values are those of the graph.

    A tracer with an ``outer`` one makes a region of that one's graph: what it takes from outside
    are inputs of the region, ``imports`` says which values and Variables; see ``nested.py``.
    """

    tracing = True
    inlined = False  # whether it is a function's that the one around it calls
    repeated = False  # whether its graph is a loop's

    def __init__(self, name: str, outer: Tracer | None = None) -> None:
        self.graph = Graph(name)
        self.outer = outer
        self.watch: Any = None if outer is None else outer.watch  # the guards, for who adds some
        self.sizes: TraceSizes = TraceSizes() if outer is None else outer.sizes
        self.sizes.tracing = True
        self.imports: list[Any] = []
        self._imported: dict[int, tuple[Any, Value]] = {}  # id -> the value outside, that inside
        self.cells: list[ref[Traced]] = []  # tensors with values of this region
        self.numbers: Numbers = Numbers(self.number, symbol) if outer is None else outer.numbers
        # Tensor, ndarray, Variable or NumberInput behind each hidden input
        self.captures: list[Any] = []
        self._staged: dict[NumberInput, Value] = {}
        self._captured: dict[int, Traced] = {}
        self._refs: dict[int, Value] = {}
        self._state: dict[int, Value] = {}  # Variable -> its current value
        # What was written to in this region and is of a trace around it: cells of tensors and of
        # arrays, with what they held before.
        self.written: dict[int, tuple[Any, Any, Any]] = {}
        # what loops of the trace write to, by their places
        self.loops: dict[Any, list[Any]] = {} if outer is None else outer.loops
        self.begun: list[tuple[Any, Any]] = []  # TensorArrays around it that got first elements
        self.given: dict[int, tuple[Any, Value]] = {}  # Variables and what they were assigned
        self.arrays: Arrays = Arrays(self) if outer is None else outer.arrays
        self._nodes: set[int] = set()  # ids of those counted
        self._counted = 0
        # raised again if the user's code swallows it
        self.refused: TwofoldError | PlainPython | None = None
        self.lent: set[int] = set()  # containers of the call for which the trace has its own
        # the tensors among the arguments, with what they held at first
        self.arguments: list[tuple[Traced, Value]] = [] if outer is None else outer.arguments
        # those of them that were given attributes, and those that the trace relies on to have none
        self.adorned: set[int] = set() if outer is None else outer.adorned
        self.bare: set[int] = set() if outer is None else outer.bare
        # tensors that code was told to be different objects
        self.identities: list[Any] = [] if outer is None else outer.identities
        self.places: Places = Places(0) if outer is None else outer.places
        self.effects: list[Any] = []  # what a call does after the graph (``capture/journal.py``)
        self.cut_at: int | None = None  # the instruction before which the trace ends
        self.prelude: Any = None  # calls before the graph; None where there are none
        self.keys: Any = None  # who knows which Python numbers change from call to call
        self.ended = False
        self.returns: Location | None = None  # where the function returns
        self.masks: list[tuple[Any, Any]] = []  # where masks of this graph hold

    def refusal(self, message: str) -> StagingError:
        """The error for a value that does not exist yet. If the function catches it, its result
        would differ from what it returns without tracing, so ``finish`` raises it again."""
        self.refused = made = StagingError(message)
        return made

    def input(self, array: np.ndarray[Any, Any], name: str, leaf: int = 0) -> Traced:
        """A graph input like ``array``, a leaf of the arguments; each axis has its own symbol."""
        shape = [self.sizes.new(n, leaf, axis) for axis, n in enumerate(array.shape)]
        made = Traced(self.graph.input(TensorType(array.dtype, shape), name), self)
        self.arguments.append((made, made.value))
        return made

    def found(self, array: np.ndarray[Any, Any], name: str, leaf: int) -> Traced:
        """A hidden input like ``array``, which each call finds behind the leaves of its arguments;
        each axis has its own symbol."""
        self.captures.append(PlaceInput(leaf))
        return self.input(array, name, leaf)

    def has_captured(self, value: Any) -> bool:
        """Whether a tensor from outside is a hidden input, the same one in each call."""
        return id(value) in self._captured

    def prepare(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Call:
        """Arguments as values of the graph, with casts for promotion; types inferred."""
        pairs = [self._operand(a) for a in args]
        dtypes = op.input_dtypes([own for _, own in pairs])
        inputs = tuple(
            [self._as_value(v, own, want) for (v, own), want in zip(pairs, dtypes, strict=True)]
        )
        if self.sizes.known:
            for value in inputs:
                value.type = value.type.substitute(self.sizes.known)
        plain = {k: to_dims(v) for k, v in attrs.items()}
        if op.data_dependent and "length" in op.defaults and plain.get("length") is None:
            plain["length"] = self.sizes.made_by(op, inputs)
        full, types = op.resolve([v.type for v in inputs], plain, self.sizes)
        check_attrs(op.name, full)
        return Call(op, inputs, full, (), types, place())

    def run(self, call: Call) -> tuple[Any, ...]:
        """Append a node; its outputs are the call's."""
        op = call.op
        if op.name == "read":
            return (self._read(call.inputs[0]),)
        if op.name in ("assign", "draft"):
            variable, value = call.inputs
            self._assign(op, variable, value, call.place or place())
            return ()
        loc, name = call.place or (None, "")
        inputs = [self._held(x) for x in call.inputs]
        regions, types = (
            self._regions(call, inputs) if call.regions else ((), call.typed(self.sizes))
        )
        node = Node(op, inputs, call.attrs, types, regions, loc, (name,))
        node.sure = self.arrays.sure
        if "raise" in node.effects:
            caught = may_be_caught()
            if caught and self.arrays.excludes(self, node):
                node.sure = True
                self.graph.nodes.append(node)
                return node.outputs
            if caught or self._has_effects():  # else handlers would not run, nor effects
                self.arrays.replay()
            if op.name in _REPLAYING:
                self.arrays.replay()
            if op.name == "fail" and any(x.value is not held for x, held in self.arguments):
                self.arrays.replay()
            self.arrays.before_raising(self)  # what was written before an exception stays written
        self.graph.nodes.append(node)
        return node.outputs

    @property
    def in_loop(self) -> bool:
        """Whether the graph is a region of a loop, at any depth."""
        return self.repeated or (self.outer is not None and self.outer.in_loop)

    def _has_effects(self) -> bool:
        """Whether something stands before the present operation that is done after the graph."""
        return bool(self.effects) or (self.outer is not None and self.outer._has_effects())

    def _regions(self, call: Call, inputs: list[Value]) -> Any:
        """The regions of a call as graphs for its inputs, and the types of its outputs."""
        regions = [r if isinstance(r, Graph) else r.graph() for r in call.regions]
        if call.known_types is None:  # made by hand: what the trace finds of sizes stays its own
            regions = [copied(region) for region in regions]
        known = None if call.op.region_types is None else call.known_types
        return Call(call.op, tuple(inputs), call.attrs, regions, known).fitted(self.sizes)

    def tensor(self, value: Any) -> Any:
        """A traced tensor; an array from outside stays a plain one, captured when it is used."""
        if not isinstance(value, Value):
            return wrap(value)
        owner = self
        while owner.outer is not None and not owner.owns(value):
            owner = owner.outer
        return Traced(value, owner)

    def value(self, tensor: Any) -> Any:
        """The value of a tensor in the graph."""
        return self._operand(tensor)[0]

    def later(self, what: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Note a call that each call of the function makes after the graph."""
        self.arrays.machine.later(what, function, args, {})

    def holds(self, test: Any, what: str) -> bool:
        """Whether all elements hold: those that are not known are taken to, and tested."""
        from .capture.numbers import raise_if  # noqa: PLC0415  (a room above)

        whole = OPS["all"](test)
        if not isinstance(whole, Traced) or self.arrays.elements(whole) is not None:
            return bool(whole)
        self.arrays.replay()
        raise_if(OPS["logical_not"](whole), Replay(what), of_python=False)
        return True

    def attributes(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes with sizes that user-level code can handle."""
        return map_attrs(
            attrs, lambda leaf: size_or_int(leaf, self.sizes) if leaf.__class__ is Dim else leaf
        )

    def _held(self, x: Any) -> Value:
        """An input of a call that an interpreter made."""
        if isinstance(x, Variable):
            return self._ref(x)
        if not isinstance(x, Value):
            return self.capture(x).value
        return x if self.outer is None else self._reach(self.tensor(x))

    def _operand(self, arg: Any) -> tuple[Any, Operand]:
        if getattr(type(arg), "in_trace", False):  # an ndarray or a NumPy scalar of a trace
            arg = arg.tensor()
        arg = tensor_of(arg)
        if isinstance(arg, Traced):
            return self._reach(arg), arg.dtype
        if arg.__class__ in _PYTHON:
            return arg, arg.__class__
        if isinstance(arg, SymInt):
            return self.graph.add(OPS["dim"], (), {"dim": to_dims(arg)}).out, int
        if isinstance(arg, Variable):
            value = read(arg)
            return value, value.type.dtype
        if isinstance(arg, list | tuple):
            own = _dtype_of_numbers(arg)
            return (arg, own) if own is not None else self._operand(OPS["stack"](list(arg)))
        captured = self.capture(arg)
        return captured.value, captured.dtype

    def _as_value(self, value: Any, own: Operand, want: np.dtype[Any]) -> Value:
        if isinstance(value, SymNumber):
            return self._reach(value.tensor(want))
        if isinstance(value, list | tuple) and holds_tensors(value):
            rows = [Traced(self._as_value(*self._operand(v), want), self) for v in value]
            return self._reach(OPS["stack"](rows))
        if not isinstance(value, Value):
            array = as_array(value, want, weak=isinstance(own, type))
            return self.graph.add(OPS["constant"], (), {"value": array}).out
        if value.type.dtype == want:
            return value
        cast: Value = OPS["cast"](Traced(value, self), dtype=want).value
        return cast

    def number(self, slot: int, want: np.dtype[Any]) -> Traced:
        """A hidden input for a Python number. Raises ConversionError if it does not fit."""
        if self.outer is not None:
            return Traced(self._import(self.outer.number(slot, want).value), self)
        given = NumberInput.of(slot, np.dtype(want))
        if given not in self._staged:
            given.array(self.numbers.values)
            text = self.numbers.texts[slot]
            name = text if text.isidentifier() else "number"
            self._staged[given] = self.graph.input(TensorType(given.dtype, ()), name)
            self.captures.append(given)
        return Traced(self._staged[given], self)

    def _reach(self, tensor: Traced) -> Value:
        """The value of a traced tensor in this graph. Raises GraphError if there is none."""
        if tensor.trace is self:
            return tensor.value
        if self.outer is None:
            raise GraphError(
                f"tensor {tensor!r} belongs to another trace, or to a branch or loop of this one; "
                f"it cannot be used after its function returned: return it from the function"
            )
        return self._import(self.outer._reach(tensor))

    def _import(self, value: Value) -> Value:
        """A value of the outer graph as an input of this one."""
        found = self._imported.get(id(value))
        if found is None:
            found = self._imported[id(value)] = value, self.graph.input(value.type, value.name)
            self.imports.append(value)
        return found[1]

    def owns(self, value: Value) -> bool:
        """Whether this is a value of this graph, not of an outer one."""
        while self._counted < len(self.graph.nodes):
            self._nodes.add(id(self.graph.nodes[self._counted]))
            self._counted += 1
        if value.node is None:
            return any(value is v for v in self.graph.inputs)
        return id(value.node) in self._nodes

    def capture(self, arg: Any) -> Traced:
        """A hidden input for an eager tensor or a NumPy array; lists become constants."""
        held = arg.array if isinstance(arg, Tensor) else arg
        if self.outer is not None and isinstance(held, np.ndarray):
            return Traced(self._import(self.outer.capture(arg).value), self)
        if not isinstance(held, np.ndarray):
            node = self.graph.add(OPS["constant"], (), {"value": as_array(held)})
            return Traced(node.out, self)
        found = self._captured.get(id(arg))
        if found is None and isinstance(arg, Tensor):
            found = self.places.standing_for(arg)
        if found is None:
            array = as_array(held)
            value = self.graph.input(TensorType(array.dtype, array.shape), "captured")
            found = self._captured[id(arg)] = Traced(value, self)
            self.captures.append(arg)
            if isinstance(arg, np.ndarray):
                self.arrays.meet(arg, value)
        return found

    def outside(self, value: Value) -> Value | None:
        """What an input of this region, or of one around it, is in the graph around that."""
        at: Tracer | None = self
        while at is not None:
            for outer, inner in at._imported.values():
                if inner is value:
                    return outer if isinstance(outer, Value) else None
            at = at.outer
        return None

    def captured_by(self, value: Value) -> Any:
        """What is behind a hidden input of the function's graph; None for any other value."""
        hidden = self.graph.inputs[-len(self.captures) :] if self.captures else []
        pairs = zip(hidden, self.captures, strict=True)
        return next((held for inside, held in pairs if inside is value), None)

    def _ref(self, variable: Variable) -> Value:
        found = self._refs.get(id(variable))
        if found is None:
            name = "".join(c if c.isalnum() else "_" for c in variable.name)
            found = self.graph.input(RefType(variable.dtype, variable.shape), name)
            self._refs[id(variable)] = found
            (self.captures if self.outer is None else self.imports).append(variable)
        return found

    def _read(self, variable: Any) -> Value:
        """The Variable's current value in the graph. A region is given the value at its start."""
        if isinstance(variable, Value):
            found = self._state.get(id(variable))  # of a graph that is replayed
            if found is None:
                found = self.graph.add(OPS["read"], (variable,), names=(variable.name,)).out
                self._state[id(variable)] = found
            return found
        current = self._state.get(id(variable))
        if current is None:
            if id(variable) in self.given:
                target, value = self._ref(variable), self.given[id(variable)][1]
                current = self.graph.add(OPS["held"], (target, value), names=(target.name,)).out
            elif self.outer is not None:
                current = self.start(variable)
            else:
                target = self._ref(variable)
                current = self.graph.add(OPS["read"], (target,), names=(target.name,)).out
            self._state[id(variable)] = current
        return current

    def start(self, variable: Any) -> Value:
        """What a Variable is at the start of a region."""
        return self._import(read(variable))

    def writes_to(self, cell: Any, held: Any, trace: Any) -> None:
        """A cell is about to get another value; ``trace``: whose value it has now."""
        if trace is not self and self.outer is not None:
            self.written.setdefault(id(cell), (cell, held, trace))

    def begins(self, array: Any, held: Any, flow: Any) -> None:
        """A TensorArray has other elements; ``held`` is what it had."""
        if held.trace is not self and self.outer is not None:
            if isinstance(held, Traced):
                raise PlainPython(words="a TensorArray of an outer graph that is begun here")
            self.begun.append((array, held))

    def _assign(self, op: Any, variable: Any, value: Any, where: Any) -> None:
        """Append an ``assign`` or ``draft`` node; later reads see ``value``."""
        target = variable if isinstance(variable, Value) else self._ref(variable)
        held = self._held(value)
        self.graph.add(op, (target, held), loc=where[0], sizes=self.sizes)
        if target is not variable:
            self.was_given(variable, held)

    def was_given(self, variable: Any, value: Value) -> None:
        """A Variable has another value from now on, for tapes a new source."""
        self.given[id(variable)] = variable, value
        self._state.pop(id(variable), None)

    def custom(self, rule: Any, ys: list[Value], sources: list[Any]) -> Any:
        """Results with a gradient of their own; see ``control/custom.py``."""
        from .control.custom import stage_custom  # noqa: PLC0415  (it is made of tracers)

        return stage_custom(self, rule, ys, sources)

    def finish(self, outputs: list[Value]) -> Graph:
        """The graph with unified sizes. Raises the StagingError that the function caught."""
        if self.refused is not None:
            raise self.refused
        self.graph.outputs = outputs
        self.graph.substitute(self.sizes.solution())
        return self.graph


def place() -> tuple[Location | None, str]:
    """Where the user calls an operation now, and the name that its result gets there."""
    frame = user_frame()
    return (user_location(frame), user_name(frame)) if frame else (None, "")
