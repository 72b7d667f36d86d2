"""``@function``: signature -> cache -> executable.

The hot path of a call is: exact-signature dictionary, prepared call, tensors. On a miss the
signature with symbolic sizes is looked up among the traces, and only if none fits is the Python
function traced (``tracing.Tracing``) and compiled (``pipeline.compile_graph``).
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twofold.ir import bind
from twofold.ir.errors import GraphError, ReturnTypeError, StagingError, TwofoldError
from twofold.ir.location import user_level
from twofold.ir.once import once
from twofold.ir.tree import NestedError, Structure, unflatten
from twofold.ir.words import counted
from twofold.runtime.tensor import Tensor

from . import config, observe
from .explain import of_call, of_storm, summary, why_again
from .key import Key, Keys, object_key, plain_key
from .library import open_package
from .loading import load
from .method import BoundMethod, reduce_function
from .observe import is_watched
from .plain import (
    DEEP,
    FOREIGN,
    RECURSIVE,
    TEXT,
    Changed,
    PlainCalls,
    PlainPython,
    is_foreign,
    is_text,
    reason,
)
from .signature import Token, bind_arguments, input_key, leaf_key
from .traces import Traces

if TYPE_CHECKING:
    from .concrete import ConcreteFunction, PreparedCall
    from .pace import Paced

__all__ = ["Function"]

EXACT_ENTRIES = 512  # exact signatures kept for each function
CHANGES = 2  # traces in a row that change Python state before calls run as plain Python
AGAIN = 6  # the same for traces that read what each call changes
STORM = 12  # traces after which one warning explains why it retraces

_OF_PYTHON = frozenset(("__code__", "__defaults__", "__kwdefaults__"))

_REFUSED = (StagingError, ReturnTypeError, GraphError)

_current = bind.current


class Function:
    """A Python function that is traced once for each kind of call and runs as a graph.

    Thread safety: the two dictionaries are read without a lock; they are written under ``_lock``,
    so that a function is traced and compiled once when several threads ask at once.
    """

    is_compiled = True  # what ``guards`` asks; the code is behind ``__wrapped__``
    goes_on = False  # whether it begins in the middle of another function
    waits = False  # for machine code, where it can be made, before a trace is used
    keeps_changes = True  # whether a trace may stand for a call in what it changes outside

    def __init__(
        self, python_function: Callable[..., Any], *, input_signature: Any = None,
        jit_compile: bool | None = None, name: str | None = None, strict: bool = False,
    ) -> None:  # fmt: skip
        is_python = isinstance(python_function, types.FunctionType | types.MethodType)
        users: dict[str, Any] = python_function.__dict__ if is_python else {}
        self.__dict__.update(users)  # what the user set on the function
        functools.update_wrapper(self, python_function, updated=())
        self.python_function = python_function
        open_package(python_function)
        self.input_signature = input_signature
        self.jit_compile, self.strict = jit_compile, strict
        self.name = name or str(getattr(python_function, "__name__", "function"))
        self.of_class = False  # whether it is a method: ``input_signature`` leaves out ``self``
        self._lock = threading.RLock()
        self._exact: OrderedDict[Any, Any] = OrderedDict()
        self._above: OrderedDict[Any, Any] = OrderedDict()  # the same under interpreters
        self._traces = Traces()
        self._tracing_count = 0
        self._keys = Keys()
        self._changes: dict[Key, int] = {}  # consecutive traces that changed Python state
        self._plain: dict[Key, str] = {}  # why calls with such arguments run as plain Python
        self._untraced: dict[Key, str] = {}  # the same, found at the first call of these kinds
        self.plain_calls = PlainCalls()
        self.steps = PlainCalls()  # what Python did between segments of calls, by reason
        self._segments: Any = None  # what makes them, once there is one
        self.cuts = not strict and input_signature is None  # whether calls may have steps
        self._told = False
        self._latest: weakref.ref[ConcreteFunction] | None = None
        self._reasons: deque[str] = deque(maxlen=STORM)
        own = [name for name, x in self.__dict__.items() if x is not users.get(name, self)]
        self._own = frozenset((*own, "_own"))  # names of attributes that are not the user's

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        frame = _current.get()
        here = frame is None or not frame.ground.tracing
        try:
            if here and not kwargs and not config.diverted and not DEEP and not is_watched():
                exact = self._exact if frame is None else self._above
                try:
                    entry = exact.get(
                        tuple(
                            [
                                (a.array.dtype, a.array.shape) if type(a) is Tensor
                                else float if type(a) is float  # tried as an input first
                                else leaf_key(a)
                                for a in args
                            ]
                        )
                    )  # fmt: skip
                    if entry is None and self._keys.ints:
                        entry = exact.get(tuple(map(input_key, args)))
                except TypeError:
                    entry = None
                if entry is not None:
                    found = args if entry.free else entry.ready(args)
                    if found is not None:
                        return entry(found)
            return self._call(args, kwargs)
        except Exception as error:
            bind.leave(error)
            raise

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        if bind.ground().tracing:
            from .nested import call_nested  # noqa: PLC0415  (the compiler: when it is used)

            return call_nested(self, args, kwargs)
        if threading.get_ident() in DEEP:
            with self._lock:
                self.plain_calls.note(RECURSIVE)
            return self.python_function(*args, **kwargs)
        if is_watched():  # by a debugger, or a tool for coverage: lines have to run
            return self.python_function(*args, **kwargs)
        if config.checking:
            from .watched import checked  # noqa: PLC0415

            return checked(self.python_function, args, kwargs)
        if observe.observer is not None:
            return observe.observer(self, args, kwargs)
        return self.run(args, kwargs)

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call for which no prepared one has been found, whoever observes."""
        try:
            leaves, structure = bind_arguments(self, args, kwargs)
        except NestedError as deep:
            if self.strict:
                raise StagingError(f"{self.name} cannot be staged: {deep}") from None
            return self.plainly(args, kwargs, str(deep))
        if any(map(is_foreign, leaves)):  # np.matrix, object arrays and their like
            return self.plainly(args, kwargs, FOREIGN)
        if not self.strict and any(map(is_text, leaves)):
            args, kwargs = unflatten(structure, leaves)  # as the input signature has them
            return self.plainly(args, kwargs, TEXT)
        try:
            prepared = self._prepared(leaves, structure)
        except Changed as changed:
            why = self._refuse_or_tell(changed)
            return self.plainly(args, kwargs, why)
        except PlainPython as plain:
            refusal, why = plain.refusal, plain.why
        else:
            self._keep(args, kwargs, prepared.captures)
            return prepared.call(args, kwargs, leaves)
        self._keep(args, kwargs, [])
        strict = self.strict or self.input_signature is not None
        if strict and isinstance(refusal, _REFUSED):
            raise refusal
        if self.strict and refusal is None:
            raise StagingError(f"{self.name} cannot be staged: {why}")
        result = self.plainly(args, kwargs, why)
        if refusal is not None:
            if self.strict:  # what ended the trace is not raised by the function
                raise StagingError(f"{self.name} cannot be staged: {why}") from refusal
            self._tell(f"{self.name} runs as plain Python: {why}")
        return result

    def _keep(self, args: tuple[Any, ...], kwargs: dict[str, Any], captures: list[Any]) -> None:
        """Keep the call for ``debugging.replay``, if that is asked for."""
        if config.keeping:
            from .watched import keep  # noqa: PLC0415

            keep(self, args, kwargs, captures)

    def plainly(self, args: tuple[Any, ...], kwargs: dict[str, Any], why: str) -> Any:
        """Run the Python function for a call that no trace can make; it is counted."""
        with self._lock:
            self.plain_calls.note(why)
        return self.python_function(*args, **kwargs)

    def _refuse_or_tell(self, changed: Changed) -> str:
        """Why this call runs as plain Python. Raises Changed where that is refused."""
        if self.strict or self.input_signature is not None:
            raise changed
        words = changed.message.partition("\n")[0]
        if changed.lasting:
            self._tell(words)
        return words

    def _tell(self, words: str) -> None:
        """Warn once that calls do not run as a graph, and why."""
        if not self._told:
            self._told = True
            warnings.warn(f"{words}; strict=True makes it an error", stacklevel=user_level())

    def _prepared(self, leaves: list[Any], structure: Structure) -> PreparedCall | Paced:
        """The call prepared for these exact arguments."""
        exact = self._exact if _current.get() is None else self._above
        entry: PreparedCall | Paced | None = exact.get(self._keys.exact(leaves, structure))
        apart = entry is not None and entry.concrete.stands_apart(leaves)
        if entry is not None and apart and entry.ready(leaves) is not None:
            return entry
        concrete = self.concrete(leaves, structure)
        entry = concrete.prepared(leaves)
        if concrete.trace.changed:
            return entry
        if concrete.outputs.segment is not None and not self.goes_on:
            from .pace import Paced  # noqa: PLC0415  (when it is used)

            entry = Paced(self, entry)
        with self._lock:
            if self._keys.pattern(leaves, structure) != concrete.key:
                return entry  # another thread has found that a number of this key is an input
            exact[self._keys.exact(leaves, structure)] = entry
            while len(exact) > EXACT_ENTRIES:
                exact.popitem(last=False)
        return entry

    def concrete(self, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        """The trace that fits these arguments, made if there is none."""
        found = self._fitting(self._keys.pattern(leaves, structure), leaves)
        if found is not None:
            return found
        with self._lock:
            self._keys.meet(leaves, structure)
            key = self._keys.pattern(leaves, structure)
            found = self._fitting(key, leaves)
            if found is not None:
                return found
            objects = object_key(key)
            if objects in self._plain:
                known = Changed(self._plain[objects])
                known.lasting = True
                raise known
            why = self._why_untraced(key, leaves, structure)
            if why is not None:
                raise PlainPython(known=why)
            load(self.jit_compile is True)
            from .effects import refuse_streams  # noqa: PLC0415  (see ``load``)

            refuse_streams(self.name, leaves)
            try:
                made = self._trace(key, leaves, structure)
            except PlainPython as plain:
                if (
                    not self.strict
                    and plain.holds != "call"
                    and len(self._untraced) < EXACT_ENTRIES
                ):
                    exact = self._keys.exact(leaves, structure)
                    self._untraced[exact if plain.holds == "sizes" else key] = plain.why
                raise
            except Changed as changed:
                self._count_change(objects, str(changed))
                raise
            except Exception as error:
                if isinstance(error, TwofoldError) and error.of_form:
                    raise
                # plain Python gives the answer, which is an error of the user's as a rule
                made_plain = PlainPython("call", refusal=error)
                if isinstance(error, _REFUSED) and not self.strict:
                    self._untraced[key] = made_plain.why
                raise made_plain from error
            if made.trace.changed:
                self._count_change(objects, reason(self.name, made.trace.changed))
            elif made.trace.again:
                why = f"{self.name} reads {made.trace.again}, which each call of it changes"
                self._count_change(objects, f"{why}, so calls of it run as plain Python", AGAIN)
            else:
                self._changes.pop(objects, None)
            return made

    def _count_change(self, objects: Key, why: str, most: int = CHANGES) -> None:
        """A trace changed Python state. One may do so once, to make what later calls use; what
        does so twice in a row runs as plain Python from then on."""
        self._changes[objects] = self._changes.get(objects, 0) + 1
        if self._changes[objects] >= most:
            self._plain[objects] = why.partition("\n")[0]

    def _fitting(self, key: Any, leaves: list[Any]) -> ConcreteFunction | None:
        for concrete in self._traces.of(key):
            if concrete.fits(leaves):
                return concrete
        return None

    def _trace(self, key: Key, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        for held in self._traces.of(key):
            for array in held.watch.outdated():
                self._keys.changes(array)
        concrete = self._traced(key, leaves, structure)
        if concrete.by_value:
            self._keys.by_value(structure, concrete.by_value)
            concrete.key = key = self._keys.pattern(leaves, structure)
        self._tracing_count += 1
        self._remember(concrete, leaves)
        if concrete.trace.changed:  # it has happened; another call must not skip it
            return concrete
        if sum(bool(held.watch.outdated()) for held in self._traces.of(key)) > CHANGES:
            self._untraced[key] = f"{self.name} reads arrays that keep changing"
        self._traces.add(key, concrete)
        if self.waits:
            concrete.settle()
        return concrete

    def _traced(self, key: Key, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        from .concrete import ConcreteFunction  # noqa: PLC0415
        from .tracing import Tracing, traced  # noqa: PLC0415

        for part in key:
            if isinstance(part, Token):
                part.at_death(self._purge)
        first = Tracing(self, leaves, structure, key, self._keys)
        try:
            return ConcreteFunction(self, traced(first, self.cuts))
        except Changed:
            raise
        except (StagingError, TypeError, AttributeError, PlainPython) as failed:
            if first.tracer.places.doubtful:  # their values decide, perhaps
                self._keys.fix(first.tracer.places.doubtful)
                return self._traced(key, leaves, structure)
            error = failed.cause if isinstance(failed, PlainPython) else failed
            if error is None:
                raise
            plain = plain_key(key, leaves, error)
            known = isinstance(error, TwofoldError) or not first.gave_numbers()
            if plain == key and known and not first.withheld():
                raise
        again = Tracing(self, leaves, structure, plain)
        concrete = ConcreteFunction(self, traced(again, self.cuts))
        parts = zip(key[1:], plain[1:], strict=True)
        concrete.by_value |= {i for i, (tried, part) in enumerate(parts) if tried != part}
        return concrete

    def continued(self, segment: Any, values: Any, leaves: Any) -> Any:
        """Go on behind the first segment of a call."""
        if self._segments is None:
            from .segments import Segments  # noqa: PLC0415  (when it is used)

            self._segments = Segments(self)
        return self._segments.finish(self._segments.pending(segment, values, []))

    def _remember(self, concrete: ConcreteFunction, leaves: list[Any]) -> None:
        """Why the function was traced again; a warning with all reasons, if it happens often."""
        latest = None if self._latest is None else self._latest()
        if latest is not None:
            self._reasons.append(why_again(latest, concrete.key, leaves))
        self._latest = weakref.ref(concrete)
        if self._tracing_count == STORM:
            warnings.warn(
                of_storm(self.name, self.python_function, STORM, self._reasons),
                stacklevel=user_level(),
            )

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace for these arguments; a ``TensorSpec`` stands for any tensor of its kind."""
        if len(args) == self.of_class and not kwargs and self.input_signature is not None:
            args = (*args, *self.input_signature)
        from .examples import with_examples  # noqa: PLC0415  (few programs ask)

        try:
            return with_examples(self, args, kwargs, self.whole)
        except PlainPython as plain:
            if plain.refusal is not None:
                raise plain.refusal from plain.refusal.__cause__
            raise StagingError(
                f"{self.name} has no trace for these arguments, so calls with them run as plain "
                f"Python: {plain.why}"
            ) from None

    def whole(self, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        """The trace that fits these arguments, which is one graph. Raises StagingError where Python
        makes steps between several."""
        found = self.concrete(leaves, structure)
        if found.outputs.segment is not None:
            raise StagingError(
                f"{self.name} is not one graph for these arguments, because Python makes steps in "
                f"the middle: {found.outputs.segment.why}"
            )
        return found

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """The graph of the trace for these arguments, before any pass."""
        return self.get_concrete_function(*args, **kwargs).graph

    def _why_untraced(self, key: Key, leaves: list[Any], structure: Structure) -> str | None:
        """Why calls with these arguments run as plain Python, if that is known."""
        found = self._untraced.get(key)
        return found or self._untraced.get(self._keys.exact(leaves, structure))

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Why a call with these arguments would use a trace or make a new one, and how many calls
        ran as plain Python, with the reason and the line of each kind. Without the arguments that
        the function takes: its traces, and those calls.

        >>> import twofold as tf
        >>> f = tf.function(lambda x: x + 1, name="f")
        >>> _ = f(tf.constant(1.0))
        >>> print(f.explain())
        f has 1 trace
        trace 0 (x: f32[])
        """
        if len(args) <= self.of_class and not kwargs and self._takes_more_than(*args):
            return self.summary()
        leaves, structure = bind_arguments(self, args, kwargs)
        key = self._keys.pattern(leaves, structure)
        why = self._plain.get(object_key(key)) or self._why_untraced(key, leaves, structure)
        return of_call(self.name, self._traces.of(key), leaves, why, self.plain_calls, self.steps)

    def traces(self) -> list[ConcreteFunction]:
        """All traces that are kept."""
        return self._traces.all()

    def retraced(self) -> list[str]:
        """What each of the latest traces but the first was made for."""
        return list(self._reasons)

    def summary(self) -> str:
        """What ``explain()`` says without arguments: all traces, and what ran as plain Python."""
        return summary(self.name, self.traces(), self.retraced(), self.plain_calls, self.steps)

    def _takes_more_than(self, *args: Any) -> bool:
        try:
            self.parameters and self.parameters.bind(*args)
        except TypeError:
            return True
        return False

    def experimental_get_tracing_count(self) -> int:
        """How often the Python function has been traced."""
        return self._tracing_count

    def experimental_get_plain_count(self) -> int:
        """How many calls ran as plain Python; ``explain`` says why.

        >>> import twofold as tf
        >>> f = tf.function(lambda x: x + 1)
        >>> _ = f(tf.constant(1.0))
        >>> f.experimental_get_plain_count()
        0
        """
        return self.plain_calls.total

    def experimental_get_segment_count(self) -> int:
        """How often calls went on in another segment: Python made a step in the middle with real
        values, and another graph, or Python, went on behind it. ``explain`` says why and where.

        >>> import json
        >>> import twofold as tf
        >>> f = tf.function(lambda x: x * len(json.dumps(float(x))))
        >>> _ = f(tf.constant(1.0))
        >>> f.experimental_get_segment_count()
        1
        """
        return self.steps.total

    def continuations(self) -> list[Any]:
        """The functions that go on behind a step of this one."""
        return [] if self._segments is None else list(self._segments.table.values())

    def clear_cache(self) -> None:
        """Forget every trace and executable."""
        with self._lock:
            self._exact.clear()
            self._above.clear()
            self._traces.clear()
            self._keys.clear()
            self._changes.clear()
            self._plain.clear()
            self._untraced.clear()
            self._latest = self._segments = None

    def _purge(self, token: Token) -> None:
        """Forget the traces for an object that is gone."""
        with self._lock:
            self._traces.forget(token)
            for table in (self._changes, self._plain, self._untraced):
                for key in [k for k in table if token in k]:
                    del table[key]
            for exact in (self._exact, self._above):
                for key in [k for k in exact if _mentions(k, token)]:
                    del exact[key]

    def forget_prepared(self) -> None:
        """Drop prepared calls, after a concrete function changed its executable."""
        with self._lock:
            self._exact.clear()
            self._above.clear()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.input_signature is not None:
            self.of_class = True
        return BoundMethod(self, instance)

    @once
    def parameters(self) -> inspect.Signature | None:
        """What the Python function itself takes, or None where it does not say."""
        try:
            return inspect.signature(self.python_function, follow_wrapped=False)
        except (TypeError, ValueError):
            return None

    def __set_name__(self, owner: type, name: str) -> None:
        self.of_class = True
        told = getattr(type(self.python_function), "__set_name__", None)
        if told is not None:
            told(self.python_function, owner, name)

    def __getattr__(self, name: str) -> Any:
        python_function = self.__dict__.get("python_function")
        own = isinstance(python_function, types.FunctionType) and not name.startswith("__")
        if own or python_function is None:  # what the user set on a function is in ``__dict__``
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(python_function, name)  # ``__code__``, ``__defaults__`` ...

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OF_PYTHON:
            setattr(self.python_function, name, value)
        elif name == "__dict__" and "python_function" not in value:
            kept = {k: v for k, v in self.__dict__.items() if k in self._own}
            super().__setattr__(name, {**value, **kept})
        else:  # the ``__dict__`` of another Function, which takes this one's place: a reload
            super().__setattr__(name, value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        options = {"input_signature": self.input_signature, "jit_compile": self.jit_compile,
                   "name": self.name, "strict": self.strict}  # fmt: skip
        return reduce_function(self, options, _rebuild)

    def __repr__(self) -> str:
        return f"<tf.function {self.name}: {counted(self._tracing_count, 'trace')}>"


def _rebuild(python_function: Any, options: dict[str, Any]) -> Function:
    """A function that was pickled as its Python function and its options."""
    return Function(python_function, **options)


def _mentions(key: tuple[Any, ...], token: Token) -> bool:
    """Whether an exact key has this token, at its top or among the leaves of a structure."""
    return any(part is token or (isinstance(part, tuple) and token in part) for part in key)
