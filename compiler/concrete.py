"""One trace of a function: its graph, what it captured, the guards it relies on, its executable."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from operator import is_
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import ArgumentError
from twofold.ir.graph import Graph
from twofold.ir.once import once
from twofold.ir.ops import region as region_ops
from twofold.ir.tree import Leaves, given, unflatten
from twofold.runtime.arrays import distinct, held
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable

from . import background, derived
from .alias import (
    Aliasing,
    copied,
    kept_inputs,
    owned_outputs,
    read_when_written,
    shares_results,
    write_back,
)
from .callee import PREPARED, Callee, Sized
from .key import matches
from .leftout import with_constants
from .ndarrays.cells import Target
from .numbers import NumberInput, Numbers, is_argument
from .places import Extended, PlaceInput
from .plain import first_line
from .prelude import Made
from .signature import bind_arguments
from .target import Executable
from .tracing import Trace, as_plain

__all__ = ["ConcreteFunction", "PreparedCall"]

_CALL = region_ops.call
WARM_CALLS = 3  # calls on array operations before compiling in the background
WARM_SECONDS = 0.02  # or this much time in them
NODE_BYTES = 2048  # what a node takes with its copies in passes and executables
MOVED = "an attribute holds an array of another kind than a moment ago"
UNFIT = "a clock or a random number decides, and decided otherwise while it was traced"
OVERLAP = "two arguments, or elements of one, share memory, and one of them is written to"

assert derived  # imported for the gradients of calls and control flow


class ConcreteFunction:
    """A traced function for one kind of arguments; call ``fn.get_concrete_function(...)``."""

    def __init__(self, function: Any, trace: Trace) -> None:
        self.name: str = function.name
        self.jit_compile: bool | None = function.jit_compile
        self.trace, self._function = trace, function
        self.graph: Graph = trace.outputs.graph
        self.captures, self.positions = trace.captures, trace.positions
        self.outputs, self.sizes, self.watch = trace.outputs, trace.sizes, trace.watch
        self.aliasing = Aliasing(
            [
                *[i for i in trace.positions if trace.key[i + 1][0] is np.ndarray],
                *[c.leaf for c in trace.captures if _is_place_of(trace, c, np.ndarray)],
            ],
            [
                *[i for i in trace.positions if trace.key[i + 1][0] is Tensor],
                *[c.leaf for c in trace.captures if _is_place_of(trace, c, Tensor)],
            ],
            [*[i for i, _ in trace.outputs.writes], *trace.targets],
            [*trace.captures, *trace.watch.relied],
            trace.told,
        )  # fmt: skip
        self.key = trace.key  # with the numbers that count by value, once it is stored
        self.numbers: Numbers | None = None  # None: it depends on none
        self._settle_numbers()
        self.callee = Callee(
            self.graph, self.sizes, self.jit_compile is True, relay=self.jit_compile is not False
        )
        self._prepared: dict[tuple[int, ...], PreparedCall] = {}
        self._compiled: Executable | None = None  # what ``compile`` gave
        self._calls, self._seconds, self._submitted = 0, 0.0, False

    def _settle_numbers(self) -> None:
        """Find the numbers that count by value; keep the others if anything depends on them."""
        inputs = {i for i, part in enumerate(self.key[1:]) if part is float or part is int}
        numbers = self.trace.numbers
        staged = {left for function, left, _ in numbers.steps if function is is_argument}
        self.by_value = numbers.pinned_leaves() | (inputs - staged)
        numbers.count_by_value(self.by_value)
        used = (
            numbers.guards or numbers.computed() or self.outputs.numbers or self.outputs.arguments
        )
        if used or any(c.__class__ is NumberInput for c in self.captures):
            self.numbers = numbers

    @once
    def nbytes(self) -> int:
        """About how many bytes the trace holds: its nodes, the constants in them, and arrays that
        nothing else leads to."""
        nodes = list(self.graph.walk())
        arrays = [v for n in nodes for v in n.attrs.values() if isinstance(v, np.ndarray)]
        arrays += [
            as_plain(c) for c in self.captures
            if isinstance(c, Tensor | np.ndarray) and not self.watch.holds(c)
        ]  # fmt: skip
        return NODE_BYTES * len(nodes) + sum(x.nbytes for x in arrays)

    @property
    def guards(self) -> list[Any]:
        """The relations between sizes, and between numbers, that this trace relies on."""
        return [*self.sizes.guards, *(self.numbers.guards if self.numbers else ())]

    def signature_text(self) -> str:
        """The inputs with their types, as the graph prints them."""
        return ", ".join(f"{v.name}: {v.type}" for v in self.graph.inputs)

    def environment(self, leaves: list[Any]) -> dict[str, int]:
        """The value of every size symbol for these arguments."""
        leaves = self.trace.places.extended(leaves)
        return {name: leaves[i].shape[axis] for name, i, axis in self.sizes.sources}

    def stands_apart(self, leaves: Any) -> bool:
        """Whether no container of the arguments is one from outside that the trace looks at."""
        lent = getattr(leaves, "containers", None)
        return not lent or self.trace.apart.isdisjoint(map(id, lent))

    def are_bare(self, leaves: Any) -> bool:
        """Whether no tensor was given attributes on whose absence the trace relies."""
        return not any(leaves[i].__dict__ for i in self.trace.bare)

    def fits(self, leaves: list[Any]) -> bool:
        """Whether every guard holds for these arguments and the surroundings are unchanged."""
        leaves = self.trace.places.extended(leaves)
        if leaves is None or not self.stands_apart(leaves) or not self.are_bare(leaves):
            return False
        env = self.environment(leaves)
        if any(leaves[i].strides != strides for i, strides in self.trace.strides.items()):
            return False
        return (
            all(g.holds(env) for g in self.sizes.guards)
            and self.watch.unchanged()
            and (self.numbers is None or self.numbers.hold(leaves))
        )

    def misfits(self, leaves: list[Any]) -> Iterator[str]:
        """The guards that do not hold for these arguments, and the names that changed."""
        places = self.trace.places
        leaves = places.extended(leaves)
        if leaves is None:
            yield from places.misfits()
            return
        env = self.environment(leaves)
        yield from (f"needs {g}" for g in self.sizes.guards if not g.holds(env))
        if self.numbers is not None and self.watch.unchanged():
            yield from self.numbers.misfits(leaves)
        for i, strides in self.trace.strides.items():
            if leaves[i].strides != strides:
                names = [*self.trace.leaf_names, *[p.text for p in places.all]]
                yield f"needs the strides {strides} of {names[i]}"
        for i in self.trace.bare:
            if leaves[i].__dict__:
                yield f"{self.trace.leaf_names[i]} has been given attributes"
        yield from self.watch.changes()

    def written(self, leaves: list[Any]) -> list[Any]:
        """The tensors and ndarrays that a call writes to."""
        leaves = self.trace.places.extended(leaves)
        arrays = [leaves[t] if t.__class__ is int else t for t in self.trace.targets]
        return [*[leaves[i] for i, _ in self.outputs.writes], *arrays]

    def executable(self) -> Executable:
        """What runs the graph now; compiled first if ``jit_compile`` asks for it."""
        return self.callee.executable()

    def compile(self) -> Executable:
        """Compile to machine code now, if that has not been done."""
        made = self.callee.compile()
        if made is not self._compiled:  # calls prepared before run on array operations
            self._compiled, self._prepared = made, {}
            self._function.forget_prepared()
        return made

    def warm(self, seconds: float) -> None:
        """Count a call that ran on array operations; when they add up, compile behind them."""
        self._calls += 1
        self._seconds += seconds
        if self._submitted:
            background.go_on()  # a fork has stopped the worker, perhaps
        elif self._calls >= WARM_CALLS or self._seconds > WARM_SECONDS:
            self._submitted = True
            background.submit(self._compile_quietly)

    def settle(self) -> None:
        """Compile here, or wait for the thread that does."""
        if self._compiled is None and self.jit_compile is None:
            if self._submitted:
                background.wait()
            else:
                self._submitted = True
                self._compile_quietly()

    def _compile_quietly(self) -> None:
        try:
            self.compile()
        except Exception as error:  # noqa: BLE001  (array operations keep answering; it is told)
            background.tell(self.name, error)

    def prepared(self, leaves: list[Any]) -> PreparedCall:
        """The call prepared for exactly these shapes, and for who stands above: nobody, or
        interpreters, which get a call of ``call``."""
        found = self.trace.places.extended(leaves)
        env, numbers = self.environment(found), self.numbers
        above = bind.current.get() is not None
        key = (above, *env.values())
        made = self._prepared.get(key)
        if made is None:
            if len(self._prepared) >= PREPARED:
                self._prepared.clear()
            run = self._handed_down(env) if above else self._direct(env)
            made = (
                PreludeCall(self, env, run, self.trace.numbers) if self.trace.prelude is not None
                else PreparedCall(self, env, run) if numbers is None
                else NumberCall(self, env, run, numbers)
            )  # fmt: skip
            self._prepared[key] = made
        return made

    def _direct(self, env: dict[str, int]) -> Runs:
        """The executable for exact sizes, with nobody above."""
        executable = self.executable()
        graph = executable.graph
        run = self.in_turn(executable.prepare(env))
        if not executable.native and self.jit_compile is None:
            run = _timed(run, self)
        kept = kept_inputs(graph, executable.native)
        copies = sorted(i for i in kept | read_when_written(graph) if not self._is_tensor(i))
        owned = owned_outputs(graph, executable.native)
        aliases = bool(graph.outputs) and (bool(kept) or shares_results(graph))
        return Runs(run, _as_given, copies, aliases, owned, self.aliasing.check)

    def _handed_down(self, env: dict[str, int]) -> Runs:
        """A call of ``call``, for the interpreters that stand above. They see operations one by
        one where ndarrays are written to."""
        run = self.in_turn(functools.partial(_run_call, (Sized(self.callee, env),)))
        if self._compiled is None and self.jit_compile is None:
            run = _timed(run, self)
        plain = _always if self.trace.targets else self.aliasing.clash
        return Runs(run, _value, [], False, frozenset(), plain)

    def _is_tensor(self, number: int) -> bool:
        """Whether an input of the graph is a tensor or a Variable: nobody writes to its array."""
        count, places = len(self.positions), self.trace.places
        if number < count:
            return self.trace.key[self.positions[number] + 1][0] is Tensor
        captured = self.captures[number - count]
        if captured.__class__ is PlaceInput:
            return places.kinds[captured.leaf - places.count] is Tensor
        return captured.__class__ in (Tensor, Variable)

    def call(self, leaves: list[Any]) -> Any:
        """Run on argument leaves."""
        return self.prepared(leaves)(leaves)

    def in_turn(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """``run`` so that no other thread draws from the generators of this trace meanwhile."""
        states = [c for c in self.captures if c.__class__ is Variable and c.turn is not None]
        turns = [c.turn for c in sorted(states, key=lambda c: c.serial)]
        if not turns:
            return run

        def one_at_a_time(*args: Any) -> Any:
            with ExitStack() as stack:
                for turn in turns:
                    stack.enter_context(turn)
                return run(*args)

        return one_at_a_time

    def run_python(self, leaves: Sequence[Any], why: str) -> Any:
        """Run the Python function on these argument leaves."""
        if self.trace.prelude is not None:
            self.trace.prelude.undo()
        leaves = self.trace.places.plain(leaves)
        if isinstance(leaves, Leaves):
            args, kwargs = given(self.key[0], leaves)
        else:
            args, kwargs = unflatten(self.key[0], list(leaves))
        return self._function.plainly(args, kwargs, why)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, same = self._bound(args, kwargs)
        filled = None if same else with_constants(self, args, kwargs)
        if filled is not None:
            leaves, same = self._bound(*filled)
        if not same or not self.fits(leaves):
            reasons = "; ".join(self.misfits(leaves)) if same else f"it takes {self!r}"
            raise ArgumentError(f"the arguments do not fit this trace of {self.name}: {reasons}")
        try:
            return self.call(leaves)
        except Exception as error:
            bind.leave(error)
            raise

    def _bound(self, args: Any, kwargs: Any) -> tuple[list[Any], bool]:
        """The leaves of a call, and whether they are of the kinds that the trace is for."""
        leaves, structure = bind_arguments(self._function, tuple(args), kwargs)
        return leaves, structure == self.key[0] and all(map(matches, self.key[1:], leaves))

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a concrete function ({self.name}) is not pickled, since it holds machine code; "
            f"pickle the decorated function, which traces again where it is used"
        )

    def __repr__(self) -> str:
        return f"<concrete function {self.name}({self.signature_text()})>"


def _is_place_of(trace: Trace, captured: Any, kind: type) -> bool:
    """Whether a hidden input is what a place holds, of a kind."""
    places = trace.places
    return captured.__class__ is PlaceInput and places.kinds[captured.leaf - places.count] is kind


class Runs(NamedTuple):
    """What runs the graph of a prepared call, and what that means for its arrays."""

    run: Callable[[list[Any]], Sequence[Any]]
    convert: Callable[[Any], Any]  # an input that is no tensor
    copies: Sequence[int]  # the inputs that are copied, since what is made of them is kept
    aliases: bool  # whether a result may be the object of another, or of an input
    owned: frozenset[int]  # outputs whose memory is nobody else's
    plain: Callable[[Any], bool] | None  # whether a call with these leaves runs as plain Python


class PreparedCall:
    """A concrete function prepared for exact shapes: the last step of the hot path."""

    __slots__ = (
        "aliases", "captures", "concrete", "convert", "copies", "env", "free", "made", "places",
        "plain", "positions", "run", "settles", "watch", "wrap_outputs", "writes",
    )  # fmt: skip

    def __init__(self, concrete: ConcreteFunction, env: dict[str, int], runs: Runs) -> None:
        self.run, self.convert, self.copies, self.aliases, owned, self.plain = runs
        self.positions = concrete.positions
        self.captures = concrete.captures  # Variables are inputs as they are
        made = enumerate(self.captures, len(self.positions))
        self.made = [(i, c) for i, c in made if c.__class__ not in (Variable, NumberInput)]
        self.watch, self.places, self.env = concrete.watch, concrete.trace.places, env
        # nothing to check on a call
        self.free = not concrete.watch.reads and not concrete.trace.bare
        self.writes = concrete.outputs.writes
        self.settles = self.aliases or bool(self.writes)
        self.wrap_outputs = concrete.outputs.builder(env, owned)
        self.concrete = concrete

    def ready(self, leaves: Any) -> Any:
        """The leaves, with what places hold behind them, if what the trace relies on, sizes apart,
        holds for a call; else None."""
        if not self.watch.unchanged():
            return None
        found = self.extended(leaves)
        return found if found is not None and self.concrete.are_bare(found) else None

    def extended(self, leaves: Any) -> Any:
        """The leaves with what places hold; None where that does not fit."""
        if not self.places.all or type(leaves) is Extended:
            return leaves
        found = self.places.extended(leaves)
        if found is None or self.concrete.environment(found) != self.env:
            return None
        strides = self.concrete.trace.strides.items()
        return found if all(found[i].strides == s for i, s in strides) else None

    def call(self, args: Any, kwargs: dict[str, Any], leaves: Any) -> Any:
        """Make the call of these arguments; see ``pace.Paced``."""
        return self(leaves)

    def __call__(self, leaves: Any) -> Any:
        given, leaves = leaves, self.extended(leaves)
        if leaves is None:
            return self.concrete.run_python(given, MOVED)
        if self.plain is not None and self.plain(leaves):
            return self.concrete.run_python(leaves, OVERLAP)
        arrays = self.inputs(leaves, self.captures)
        try:
            results = self.results(arrays, leaves) if self.settles else self.run(arrays)
        except Exception as error:
            if not self.concrete.trace.replays:
                raise
            why = first_line(error)
        else:
            return self.wrap_outputs(results, leaves)
        return self.concrete.run_python(leaves, why)

    def inputs(self, leaves: Any, captures: list[Any]) -> list[Any]:
        """The input arrays of a call, with what is behind the hidden ones."""
        arrays: list[Any] = [
            x.array if (x := leaves[i]).__class__ is Tensor else self.convert(x)
            for i in self.positions
        ]
        arrays += captures
        for i, captured in self.made:
            kind = captured.__class__
            if kind is Tensor:
                arrays[i] = captured.array
            elif kind is Target:
                arrays[i] = captured.at(leaves)
            elif kind is Made:
                arrays[i] = captured.array()
            elif kind is PlaceInput:
                x = leaves[captured.leaf]
                arrays[i] = x.array if x.__class__ is Tensor else self.convert(x)
            else:
                arrays[i] = self.convert(captured)
        for i in self.copies:
            arrays[i] = arrays[i].copy()
        return arrays

    def results(self, arrays: list[Any], leaves: Any) -> Sequence[Any]:
        """The output arrays of a call; what it writes to has been written."""
        if self.aliases:
            before = held(arrays)
            results: Sequence[Any] = distinct(self.run(arrays), before, arrays)
        else:
            results = self.run(arrays)
        for position, output in self.writes:
            write_back(leaves[position], results[output])
        return results


class NumberCall(PreparedCall):
    """The same for a trace that depends on Python numbers, which each call computes first, or
    that returns a container that it was given."""

    __slots__ = ("arguments", "build", "last", "numbers")

    def __init__(
        self, concrete: ConcreteFunction, env: dict[str, int], runs: Runs, numbers: Numbers
    ) -> None:
        super().__init__(concrete, env, runs)
        self.numbers = numbers
        self.free = self.free and not numbers.guards
        self.arguments = numbers.arguments()
        self.last: tuple[int, list[Any], list[Any], list[Any]] | None = None
        outputs = concrete.outputs
        special = outputs.numbers or outputs.arguments
        self.build = functools.partial(outputs.build, env=env) if special else None

    def ready(self, leaves: Any) -> Any:
        found = super().ready(leaves)
        holds = found is None or not self.numbers.guards or self.numbers.hold(leaves)
        return found if holds else None

    def __call__(self, leaves: Any) -> Any:
        given, leaves = leaves, self.extended(leaves)
        if leaves is None:
            return self.concrete.run_python(given, MOVED)
        if self.plain is not None and self.plain(leaves):
            return self.concrete.run_python(leaves, OVERLAP)
        try:
            numbers, captures = self.taken(leaves)
            arrays = self.inputs(leaves, captures)
        except (ArithmeticError, TypeError, ValueError) as error:
            # the same error, where the user's code makes it
            return self.concrete.run_python(leaves, f"a number: {first_line(error)}")
        try:
            results = self.results(arrays, leaves)
        except Exception as error:
            if not self.concrete.trace.replays:
                raise
            why = first_line(error)
        else:
            if self.build is None:
                return self.wrap_outputs(results, leaves)
            return self.build([wrap(a) for a in results], leaves, numbers=numbers)
        return self.concrete.run_python(leaves, why)

    def taken(self, leaves: Any) -> tuple[list[Any], list[Any]]:
        """The numbers of a call by slot, and what is behind the hidden inputs, with arrays of those
        that meet tensors: as in the call before if it had the same numbers, unless a result may be
        one of the arrays."""
        given = [leaves[i] for i in self.arguments]
        count, last = self.watch.renewed, self.last
        if last is not None and last[0] == count and all(map(is_, given, last[1])):
            return last[2], last[3]
        numbers = self.numbers.of_call(leaves)
        made = [c.array(numbers) if c.__class__ is NumberInput else c for c in self.captures]
        if not self.aliases and not self.numbers.unguarded:
            self.last = count, given, numbers, made
        return numbers, made


class PreludeCall(NumberCall):
    """The same for a trace with calls before its graph."""

    __slots__ = ("prelude",)

    def __init__(
        self, concrete: ConcreteFunction, env: dict[str, int], runs: Runs, numbers: Numbers
    ) -> None:
        super().__init__(concrete, env, runs, numbers)
        assert concrete.trace.prelude is not None
        self.prelude = concrete.trace.prelude

    def __call__(self, leaves: Any) -> Any:
        try:
            self.prelude.begin()
        except Exception as error:  # noqa: BLE001  (plain Python raises it where it belongs)
            return self.concrete.run_python(leaves, first_line(error))
        try:
            if not self.numbers.hold(leaves, early=False):
                return self.concrete.run_python(leaves, UNFIT)
            return super().__call__(leaves)
        finally:
            self.prelude.end()


def _timed(run: Any, concrete: ConcreteFunction) -> Any:
    """Array operations that report their time until kernels take over."""

    def timed(arrays: list[Any]) -> Sequence[Any]:
        start = perf_counter()
        out: Sequence[Any] = run(arrays)
        concrete.warm(perf_counter() - start)
        return out

    return timed


def _run_call(regions: Sequence[Any], values: list[Any]) -> Sequence[Any]:
    return bind.run(Call(_CALL, tuple(values), {}, regions))


def _as_given(x: Any) -> Any:
    """An input that is no tensor as an array; the key of the call says what it is."""
    return x if x.__class__ is np.ndarray else as_array(x)


def _value(x: Any) -> Any:
    """An input of a call as a value, which a tape may keep."""
    return x.value if isinstance(x, Tensor) else copied(x)


def _always(leaves: Any) -> bool:
    return True
