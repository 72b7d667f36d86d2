"""``@function``: signature -> cache -> executable.

The hot path of a call is: exact-signature dictionary, bound executable, tensors. On a miss the
signature with symbolic sizes is looked up among the traces, and only if none fits is the Python
function traced (``tracing.trace_function``) and compiled (``pipeline.compile_graph``).
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twofold.ir import bind
from twofold.ir.tree import LEAF, Structure
from twofold.runtime.tensor import Tensor

from . import config, observe
from .concrete import Bound, ConcreteFunction
from .method import BoundMethod, reduce_function
from .signature import Token, bind_arguments, leaf_key, leaf_pattern
from .tracing import trace_function

__all__ = ["Function"]

EXACT_ENTRIES = 512  # exact signatures kept for each function
TRACES = 64  # traces kept for each function
STORM = 12  # traces after which one warning explains why it retraces

_current = bind.current


class Function:
    """A Python function that is traced once for each kind of call and runs as a graph.

    Thread safety: the two dictionaries are read without a lock; they are written under ``_lock``,
    so that a function is traced and compiled once when several threads ask at once.
    """

    def __init__(
        self, python_function: Callable[..., Any], *, input_signature: Any = None,
        jit_compile: bool | None = None, name: str | None = None, strict: bool = False,
    ) -> None:  # fmt: skip
        attributes = getattr(python_function, "__dict__", {})
        if isinstance(python_function, types.FunctionType | types.MethodType):
            self.__dict__.update(attributes)  # what the user set on the function
        functools.update_wrapper(self, python_function, updated=())
        self.python_function = python_function
        self.input_signature = input_signature
        self.jit_compile, self.strict = jit_compile, strict
        self.name = name or str(getattr(python_function, "__name__", "function"))
        self._lock = threading.RLock()
        self._exact: OrderedDict[Any, Any] = OrderedDict()
        self._traces: OrderedDict[Any, list[ConcreteFunction]] = OrderedDict()
        self._tracing_count = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _current.get() is None and not kwargs and not config.eagerly:
            try:
                entry = self._exact.get(
                    tuple(
                        [
                            (a.array.dtype, a.array.shape) if a.__class__ is Tensor else leaf_key(a)
                            for a in args
                        ]
                    )
                )
            except TypeError:
                entry = None
            if entry is not None and (entry.free or entry.watch.unchanged()):
                return entry(args)
        return self._call(args, kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if bind.ground().tracing or config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        if observe.observer is not None:
            return observe.observer(self, args, kwargs)
        leaves, structure = bind_arguments(self, args, kwargs)
        frame = _current.get()
        if frame is not None:
            return self.concrete(leaves, structure).call(leaves, frame)
        return self._bound(leaves, structure)(leaves)

    def _bound(self, leaves: list[Any], structure: Structure) -> Bound:
        """The call prepared for these exact arguments."""
        key = exact_key(leaves, structure)
        entry: Bound | None = self._exact.get(key)
        if entry is not None and entry.watch.unchanged():
            return entry
        entry = self.concrete(leaves, structure).bound(leaves)
        with self._lock:
            self._exact[key] = entry
            while len(self._exact) > EXACT_ENTRIES:
                self._exact.popitem(last=False)
        return entry

    def concrete(self, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        """The trace that fits these arguments, made if there is none."""
        key = (structure, *[leaf_pattern(x) for x in leaves])
        found = self._fitting(key, leaves)
        if found is not None:
            return found
        with self._lock:
            return self._fitting(key, leaves) or self._trace(key, leaves, structure)

    def _fitting(self, key: Any, leaves: list[Any]) -> ConcreteFunction | None:
        for concrete in self._traces.get(key, ()):
            if concrete.fits(leaves):
                return concrete
        return None

    def _trace(self, key: Any, leaves: list[Any], structure: Structure) -> ConcreteFunction:
        concrete = trace_function(self, leaves, structure)
        self._tracing_count += 1
        for leaf in leaves:
            if isinstance(token := leaf_pattern(leaf), Token):
                token.at_death(self._purge)
        group = self._traces.setdefault(key, [])
        group.append(concrete)
        self._traces.move_to_end(key)
        while sum(map(len, self._traces.values())) > TRACES:
            oldest = next(iter(self._traces))
            self._traces[oldest].pop(0)
            if not self._traces[oldest]:
                del self._traces[oldest]
        if self._tracing_count == STORM:
            warnings.warn(
                f"{self.name} has been traced {STORM} times; the latest trace is for "
                f"{concrete.signature_text()}. Pass numbers that change as tensors, and keep the "
                f"structure of arguments fixed.",
                stacklevel=4,
            )
        return concrete

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace for these arguments; a ``TensorSpec`` stands for any tensor of its kind."""
        if not args and not kwargs and self.input_signature is not None:
            args = tuple(self.input_signature)
        leaves, structure = bind_arguments(self, args, kwargs)
        return self.concrete(leaves, structure)

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """The graph of the trace for these arguments, before any pass."""
        return self.get_concrete_function(*args, **kwargs).graph

    def explain(self, *args: Any, **kwargs: Any) -> str:
        """Why a call with these arguments would use a trace or make a new one."""
        leaves, structure = bind_arguments(self, args, kwargs)
        key = (structure, *[leaf_pattern(x) for x in leaves])
        group = self._traces.get(key, [])
        if not group:
            kinds = ", ".join(map(describe, leaves))
            return f"{self.name} has no trace for arguments of these kinds: {kinds}"
        lines = [f"{self.name} has {counted(len(group), 'trace')} for arguments of these kinds"]
        for i, concrete in enumerate(group):
            failed = list(concrete.misfits(leaves))
            lines.append(
                f"trace {i} ({concrete.signature_text()}): "
                + ("; ".join(failed) if failed else "fits and is used")
            )
        return "\n".join(lines)

    def experimental_get_tracing_count(self) -> int:
        """How often the Python function has been traced."""
        return self._tracing_count

    def clear_cache(self) -> None:
        """Forget every trace and executable."""
        with self._lock:
            self._exact.clear()
            self._traces.clear()

    def _purge(self, token: Token) -> None:
        """Forget the traces for an object that is gone."""
        with self._lock:
            for key in [k for k in self._traces if token in k]:
                del self._traces[key]
            for key in [k for k in self._exact if _mentions(k, token)]:
                del self._exact[key]

    def forget_bound(self) -> None:
        """Drop prepared calls, after a concrete function changed its executable."""
        with self._lock:
            self._exact.clear()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return BoundMethod(self, instance)

    @functools.cached_property
    def parameters(self) -> inspect.Signature | None:
        """What the Python function itself takes, or None where it does not say."""
        try:
            return inspect.signature(self.python_function, follow_wrapped=False)
        except (TypeError, ValueError):
            return None

    def __set_name__(self, owner: type, name: str) -> None:
        told = getattr(type(self.python_function), "__set_name__", None)
        if told is not None:
            told(self.python_function, owner, name)

    def __getattr__(self, name: str) -> Any:
        python_function = self.__dict__.get("python_function")
        own = isinstance(python_function, types.FunctionType) and not name.startswith("__")
        if own or python_function is None:  # what the user set on a function is in ``__dict__``
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(python_function, name)  # ``__code__``, ``__defaults__`` ...

    def __reduce_ex__(self, protocol: Any) -> Any:
        options = {"input_signature": self.input_signature, "jit_compile": self.jit_compile,
                   "name": self.name, "strict": self.strict}  # fmt: skip
        return reduce_function(self, options, _rebuild)

    def __repr__(self) -> str:
        return f"<tf.function {self.name}: {counted(self._tracing_count, 'trace')}>"


def _rebuild(python_function: Any, options: dict[str, Any]) -> Function:
    """A function that was pickled as its Python function and its options."""
    return Function(python_function, **options)


def counted(n: int, noun: str) -> str:
    """``1 trace``, ``2 traces``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _mentions(key: tuple[Any, ...], token: Token) -> bool:
    """Whether an exact key has this token, at its top or among the leaves of a structure."""
    return any(part is token or (isinstance(part, tuple) and token in part) for part in key)


def describe(x: Any) -> str:
    """A leaf as the explanations show it."""
    pattern = leaf_pattern(x)
    if isinstance(pattern, tuple) and pattern[0] is Tensor:
        return f"{pattern[1]} of {pattern[2]} axes"
    return repr(x)


def exact_key(leaves: list[Any], structure: Structure) -> Any:
    """The key of the exact-signature dictionary; plain positional calls need no structure."""
    keys = tuple([leaf_key(x) for x in leaves])
    positional, keywords = structure.children
    if keywords.children or any(c is not LEAF for c in positional.children):
        return structure, keys
    return keys
