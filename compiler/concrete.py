"""One trace of a function: its graph, what it captured, the guards it relies on, its executable."""

from __future__ import annotations

import dis
import inspect
import threading
import warnings
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dims import evaluate
from twofold.ir.errors import ArgumentError, ReturnTypeError, StagingError
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.location import Location
from twofold.ir.tree import LEAF, Structure, flatten, unflatten
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from . import background
from .gradient import Differentiated, differentiate, interpret
from .guards import Watch, watch
from .pipeline import Executable, compile_graph
from .signature import bind_arguments, leaf_pattern
from .sizes import TraceSizes
from .symint import SymInt
from .trace import TRACED_TEXT, Traced, TracedArray, Tracer

__all__ = ["ConcreteFunction", "trace_function"]

WARM_CALLS = 3  # calls on array operations before compiling in the background
WARM_SECONDS = 0.02  # or this much time in them
MAX_DERIVATIVES = 8  # derivatives kept for relations of sizes that only the reverse walk needs
_CONSTANT = (type(None), bool, int, float, complex, str, bytes, np.dtype, np.generic)


class ConcreteFunction:
    """A traced function for one kind of arguments; call ``fn.get_concrete_function(...)``."""

    def __init__(
        self, function: Any, tracer: Tracer, positions: list[int], out: _Outputs, watch_: Watch,
        structure: Structure, patterns: tuple[Any, ...],
    ) -> None:  # fmt: skip
        self.name: str = function.name
        self.jit_compile: bool | None = function.jit_compile
        self.graph: Graph = out.graph
        self.captures: list[Any] = tracer.captures
        self.positions, self.outputs = positions, out
        self.sizes: TraceSizes = tracer.sizes
        self._symbols = [
            (name, position, axis) for name, (position, axis) in _symbol_sources(self).items()
        ]
        self.watch = watch_
        self._reread = tracer.reread
        self._function, self._structure, self._patterns = function, structure, patterns
        self._calls, self._seconds, self._submitted = 0, 0.0, False
        self._lock = threading.Lock()
        self._executable: Executable | None = None
        self._derivatives: list[Differentiated] = []

    @property
    def guards(self) -> list[Any]:
        """The relations between sizes that this trace relies on."""
        return self.sizes.guards

    def signature_text(self) -> str:
        """The inputs with their types, as the graph prints them."""
        return ", ".join(f"{v.name}: {v.type}" for v in self.graph.inputs)

    def environment(self, leaves: list[Any]) -> dict[str, int]:
        """The value of every size symbol for these arguments."""
        return {name: leaves[i].shape[axis] for name, i, axis in self._symbols}

    def fits(self, leaves: list[Any]) -> bool:
        """Whether every guard holds for these arguments and the surroundings are unchanged."""
        env = self.environment(leaves)
        return all(g.holds(env) for g in self.sizes.guards) and self.watch.unchanged()

    def misfits(self, leaves: list[Any]) -> Iterator[str]:
        """The guards that do not hold for these arguments, and the names that changed."""
        env = self.environment(leaves)
        yield from (f"needs {g}" for g in self.sizes.guards if not g.holds(env))
        yield from self.watch.changes()

    def executable(self) -> Executable:
        """What runs the graph now; compiled first if ``jit_compile`` asks for it."""
        with self._lock:
            if self._executable is None:
                self._executable = compile_graph(self.graph, self.jit_compile is True)
            return self._executable

    def compile(self) -> Executable:
        """Compile to machine code now, if that has not been done."""
        ready = self._executable
        if ready is not None and ready.native:
            return ready
        made = compile_graph(self.graph, True)  # without the lock: calls go on meanwhile
        derivatives = [
            d if d.native else differentiate(self, d.env, native=True)
            for d in list(self._derivatives)
        ]
        with self._lock:
            self._executable, self._derivatives = made, derivatives
        self._function.forget_bound()
        return made

    def warm(self, seconds: float) -> None:
        """Count a call that ran on array operations; when they add up, compile behind them."""
        self._calls += 1
        self._seconds += seconds
        if not self._submitted and (self._calls >= WARM_CALLS or self._seconds > WARM_SECONDS):
            self._submitted = True
            background.submit(self._compile_quietly)

    def _compile_quietly(self) -> None:
        try:
            self.compile()
        except Exception as error:  # noqa: BLE001  (array operations keep answering; it is told)
            warnings.warn(f"{self.name} stays on array operations: {error!r}", stacklevel=2)

    def bound(self, leaves: list[Any]) -> Bound:
        """The call prepared for exactly these shapes."""
        return Bound(self, self.environment(leaves))

    def call(self, leaves: list[Any], top: Any = None) -> Any:
        """Run on argument leaves; ``top`` is the tape that stands above, if one does."""
        if top is None:
            return self.bound(leaves)(leaves)
        inputs = [leaves[i] for i in self.positions] + self.captures
        watching = [t for t in _tapes(top) if any(t.watches(x) for x in inputs)]
        if not watching:
            return self.bound(leaves)(leaves)
        # Writes to arguments, and reads of a Variable after an assignment (which are sources of
        # their own), are recorded by running the Python itself.
        if self.outputs.writes or any(t.watches(v) for t in watching for v in self._reread):
            return self.run_python(leaves)
        env = self.environment(leaves)
        inputs = [x if isinstance(x, Tensor | Variable) else wrap(_copied(x)) for x in inputs]
        if len(watching) > 1:
            reads = [top.read(x) if isinstance(x, Variable) else x for x in inputs]
            return self.outputs.build(interpret(self.graph, inputs, reads, env), env)
        start = perf_counter()
        outs = self._derivative(env).call(inputs, watching[0], env)
        if self.jit_compile is None:
            self.warm(perf_counter() - start)
        return self.outputs.build(outs, env)

    def _derivative(self, env: dict[str, int]) -> Differentiated:
        """The forward and backward executables, made when a tape first asks for them."""
        with self._lock:
            for made in self._derivatives:
                if made.fits(env):
                    return made
            ready = self._executable
            native = self.jit_compile is True or (ready is not None and ready.native)
            made = differentiate(self, env, native=native)
            self._derivatives = [*self._derivatives[1 - MAX_DERIVATIVES :], made]
            return made

    def run_python(self, leaves: Sequence[Any]) -> Any:
        """Run the Python function on these argument leaves."""
        args, kwargs = unflatten(self._structure, list(leaves))
        return self._function.python_function(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = bind_arguments(self._function, args, kwargs)
        patterns = tuple(map(leaf_pattern, leaves))
        same = structure == self._structure and patterns == self._patterns
        if not same or not self.fits(leaves):
            reasons = "; ".join(self.misfits(leaves)) if same else f"it takes {self!r}"
            raise ArgumentError(f"the arguments do not fit this trace of {self.name}: {reasons}")
        return self.call(leaves, bind.current.get())

    def __repr__(self) -> str:
        return f"<concrete function {self.name}({self.signature_text()})>"


class Bound:
    """A concrete function prepared for exact shapes: the last step of the hot path."""

    __slots__ = (
        "captures", "convert", "free", "positions", "run", "run_python", "watch", "wrap_outputs",
        "writes",
    )  # fmt: skip

    def __init__(self, concrete: ConcreteFunction, env: dict[str, int]) -> None:
        executable = concrete.executable()
        self.run = executable.prepare(env)
        if not executable.native and concrete.jit_compile is None:
            self.run = _timed(self.run, concrete)
        self.positions = concrete.positions
        self.captures = concrete.captures
        self.watch = concrete.watch
        self.free = not concrete.watch.reads  # nothing to check on a call
        self.writes = concrete.outputs.writes
        self.wrap_outputs = concrete.outputs.builder(env)
        self.convert = _copied if _keeps_inputs(executable.graph) else as_array
        self.run_python = concrete.run_python

    def __call__(self, leaves: Any) -> Any:
        if self.writes and self.overlap(leaves):
            return self.run_python(leaves)
        arrays: list[Any] = [
            x.array if (x := leaves[i]).__class__ is Tensor else self.convert(x)
            for i in self.positions
        ]
        for captured in self.captures:
            kind = captured.__class__
            if kind is Tensor:
                captured = captured.array
            else:
                captured = captured if kind is Variable else self.convert(captured)
            arrays.append(captured)
        results = self.run(arrays)
        for position, output in self.writes:
            write_back(leaves[position], results[output])
        return self.wrap_outputs(results)

    def overlap(self, leaves: Any) -> bool:
        """Whether what the function writes to can be seen through another of its inputs."""
        inputs = [leaves[i] for i in self.positions]
        written = {position for position, _ in self.writes}
        others = [(i, x) for i, x in zip(self.positions, inputs, strict=True)]
        others += [(-1, x) for x in self.captures]
        return any(
            i != j and (x is y or _share_memory(x, y))
            for i, x in others if i in written for j, y in others
        )  # fmt: skip


def _share_memory(x: Any, y: Any) -> bool:
    both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    return both and bool(np.may_share_memory(x, y))


def write_back(argument: Any, array: np.ndarray[Any, Any]) -> None:
    """Give a tensor or an array that the function wrote to its new value."""
    if isinstance(argument, np.ndarray):
        np.copyto(argument, array)
    else:
        argument.become(wrap(array))


def _copied(x: Any) -> np.ndarray[Any, Any]:
    """A copy of the caller's array, which the caller may write to later."""
    return as_array(x).copy()


def _keeps_inputs(graph: Graph) -> bool:
    """Whether an output of an optimised graph, or what a Variable is given, may be (a view of) an
    input: only operations that may return their operand lie between them."""
    stack, seen = list(graph.outputs), set()
    stack += [node.inputs[1] for node in graph.nodes if node.op.name == "assign"]
    outside: dict[Value, Value] = {}  # input of a region -> what is given for it
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        node = value.node
        if node is None and value not in outside:
            return True
        if node is None:
            stack.append(outside[value])
        elif node.regions:
            outside.update(zip(node.regions[0].inputs, node.inputs, strict=True))
            stack.append(node.regions[0].outputs[value.index])
        elif not _makes_an_array(node):
            stack.extend(node.inputs)
    return False


def _makes_an_array(node: Node) -> bool:
    """Whether the NumPy body of a node is certain to return new memory."""
    if node.op.kind in ("reduce", "contract", "create", "random"):
        return True
    return node.op.kind == "elementwise" and node.op.expr not in (None, "x", "cast(x)")


def _timed(run: Any, concrete: ConcreteFunction) -> Any:
    """Array operations that report their time until kernels take over."""

    def timed(arrays: list[Any]) -> list[Any]:
        start = perf_counter()
        out: list[Any] = run(arrays)
        concrete.warm(perf_counter() - start)
        return out

    return timed


def as_plain(x: Any) -> np.ndarray[Any, Any]:
    """The array of a tensor input."""
    return x.array if x.__class__ is Tensor else as_array(x)


class _Outputs:
    """How graph outputs and Python values make up what the function returns."""

    def __init__(
        self, result: Any, tracer: Tracer, written: dict[int, Traced], seen: Watch
    ) -> None:
        leaves, self.structure = flatten(result)
        values: list[Any] = []
        self.leaves: list[tuple[str, Any]] = []
        places: dict[int, int] = {}  # a tensor returned twice is one object, as without tracing
        for leaf in leaves:
            self.leaves.append(self._leaf(leaf, values, tracer, places, seen))
        self.count = len(values)
        self.writes: list[tuple[int, int]] = []  # argument written to, output with its new value
        for position, traced in written.items():
            self.writes.append((position, len(values)))
            values.append(traced.value)
        self.graph = tracer.finish(values)
        solution = tracer.sizes
        self.leaves = [
            (kind, solution.resolve(x) if kind == "size" else x) for kind, x in self.leaves
        ]

    def _leaf(
        self, leaf: Any, values: list[Any], tracer: Tracer, places: dict[int, int], seen: Watch
    ) -> tuple[str, Any]:
        if isinstance(leaf, Traced):
            if id(leaf) not in places:
                places[id(leaf)] = len(values)
                values.append(tracer._operand(leaf)[0])
            return "tensor", places[id(leaf)]
        if isinstance(leaf, SymInt):
            return "size", leaf.dim
        if isinstance(leaf, np.ndarray) and not seen.holds(leaf):
            return "array", leaf.copy()  # made by the function, so each call returns its own
        if isinstance(leaf, str) and TRACED_TEXT in leaf:
            raise StagingError(
                f"{tracer.graph.name} returns a text made of the value of a tensor, which exists "
                f"only when the function runs; return the tensor and make the text outside",
                tracer.returns,
            )
        if isinstance(leaf, (Tensor, Variable, np.ndarray, *_CONSTANT)):
            return "object", leaf
        raise ReturnTypeError(
            f"{tracer.graph.name} returned {type(leaf).__name__}, which a compiled function cannot "
            f"return; return tensors, numbers, strings, None and containers of them",
            tracer.returns,
        )

    def builder(self, env: dict[str, int]) -> Any:
        """A function from output arrays to the returned value."""
        if self.structure is LEAF and self.leaves[0][0] == "tensor":
            return lambda arrays: wrap(arrays[0])
        if (
            not self.writes
            and self.structure.kind is tuple
            and all(
                k == "tensor" and not c.kind
                for (k, _), c in zip(self.leaves, self.structure.children, strict=False)
            )
            and len(self.leaves) == len(self.structure.children) == self.count
        ):
            return lambda arrays: tuple([wrap(a) for a in arrays])
        return lambda arrays: self.build([wrap(a) for a in arrays], env)

    def build(self, tensors: list[Any], env: dict[str, int] | None = None) -> Any:
        """The returned value for these output tensors."""
        out = []
        for kind, x in self.leaves:
            if kind == "tensor":
                out.append(tensors[x])
            elif kind == "array":
                out.append(x.copy())
            else:
                out.append(evaluate(x, env or {}) if kind == "size" else x)
        return unflatten(self.structure, out)


def trace_function(function: Any, leaves: list[Any], structure: Structure) -> ConcreteFunction:
    """Run the Python function on traced inputs. Raises what the function raises."""
    tracer = Tracer(function.name)
    tracer.returns = _return_location(function.python_function)
    names = _leaf_names(function, structure)
    positions: list[int] = []
    traced: list[Any] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor | np.ndarray | np.generic):
            positions.append(i)
            made = tracer.input(as_plain(leaf), names[i])
            in_place = isinstance(leaf, np.ndarray)  # it can be written to by ``a += 1``
            traced.append(TracedArray(made.value, tracer) if in_place else made)
        else:
            traced.append(leaf)
    args, kwargs = unflatten(structure, traced)
    objects = [x for x in leaves if not isinstance(x, Tensor | np.ndarray | np.generic)]
    seen = watch(function.python_function, objects)
    patterns = tuple(map(leaf_pattern, leaves))
    token = bind.push(tracer)
    before = [traced[i].value for i in positions]
    try:
        result = function.python_function(*args, **kwargs)
        _refuse_changed((args, kwargs), structure, traced)
        written = {
            i: traced[i] for i, value in zip(positions, before, strict=True)
            if traced[i].value is not value
        }  # fmt: skip
        outputs = _Outputs(result, tracer, written, seen)
        for captured in tracer.captures:
            if isinstance(captured, np.ndarray):  # its owner can resize or reshape it in place
                seen.add("the shape of a captured array", lambda a=captured: a.shape)  # type: ignore[misc]
    finally:
        tracer.ended = True
        bind.pop(token)
    return ConcreteFunction(function, tracer, positions, outputs, seen, structure, patterns)


def _return_location(python_function: Any) -> Location | None:
    """The line of the only ``return`` with a value, or where the function begins."""
    code = getattr(inspect.unwrap(python_function), "__code__", None)
    if code is None:
        return None
    lines, before = set(), None
    for step in dis.get_instructions(code):
        nothing = step if step.opname == "RETURN_CONST" else before
        if step.opname in ("RETURN_VALUE", "RETURN_CONST"):
            implicit = nothing is not None and "CONST" in nothing.opname and nothing.argval is None
            place = step.positions
            if not implicit and place is not None and place.lineno is not None:
                lines.add((place.lineno, (place.col_offset or 0) + 1))
        before = step
    line, column = next(iter(lines)) if len(lines) == 1 else (code.co_firstlineno, 1)
    return Location(code.co_filename, line, column)


def _refuse_changed(arguments: Any, structure: Structure, leaves: list[Any]) -> None:
    """Raise StagingError if the function changed a container that it was given: the trace works
    on a copy, so the caller would not see it."""
    now, shape = flatten(arguments)
    if shape != structure or any(a is not b for a, b in zip(now, leaves, strict=True)):
        raise StagingError(
            "the function changes a list, dict or dataclass that it was given as an argument; a "
            "compiled function works on a copy of it, so return the new items instead"
        )


def _leaf_names(function: Any, structure: Structure) -> list[str]:
    """A name for each leaf: its parameter's, with the path inside of containers."""
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


def _symbol_sources(concrete: ConcreteFunction) -> dict[str, tuple[int, int]]:
    """For each symbol of the trace the leaf and the axis that it stands for."""
    sources: dict[str, tuple[int, int]] = {}
    names = iter(concrete.sizes.hints)
    for value, position in zip(concrete.graph.inputs, concrete.positions, strict=False):
        for axis in range(value.type.rank):
            sources[next(names)] = (position, axis)
    return sources


def _tapes(top: Any) -> list[Any]:
    tapes = []
    while top is not None and top.below is not None:
        tapes.append(top)
        top = top.below
    return tapes
