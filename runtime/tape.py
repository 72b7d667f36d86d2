"""GradientTape: records operations on watched tensors and walks them backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Token
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import TapeError
from twofold.ir.op import OPS, Op
from twofold.ir.tree import flatten, unflatten
from twofold.ir.vjp import Entry, backward, differentiable, match

from .tensor import Tensor
from .variable import Variable
from .writes import TAPES

__all__ = ["GradientTape"]


class GradientTape:
    """Records what happens to watched tensors inside of its ``with`` block.

    >>> import twofold as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy()
    np.float32(6.0)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent, self.watch_accessed_variables = persistent, watch_accessed_variables
        self.below: Any = None
        self._entries: list[Entry] = []
        self._known: dict[int, Any] = {}  # id -> the tensor itself, which keeps the id taken
        self._reads: dict[int, tuple[Variable, list[Any]]] = {}
        self._origins: dict[int, tuple[Any, Any]] = {}  # id -> a tensor written to, its first value
        self._scanned: dict[int, tuple[Any, int]] = {}  # id -> the tensor, entries that are done
        self._token: Token[Any] | None = None
        self._used = self._paused = False

    @property
    def entries(self) -> list[Entry]:
        """What has been recorded, in order."""
        return self._entries

    @property
    def known(self) -> dict[int, Any]:
        """The watched values by ``id``."""
        return self._known

    @property
    def tracing(self) -> bool:
        """Whether a tracer stands below."""
        return bool(self.below is not None and self.below.tracing)

    def __enter__(self) -> GradientTape:
        if self._token is not None:
            raise TapeError("this tape is already recording; a tape's with block cannot nest")
        if not self._paused:
            self.reset()
        self.below = bind.top()
        self._token = bind.push(self)
        TAPES.add(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            bind.pop(self._token)
            self._token = None

    def reset(self) -> None:
        """Forget everything recorded and watched."""
        self._entries, self._known, self._reads, self._used = [], {}, {}, False
        self._origins, self._scanned = {}, {}

    def watch(self, tensor: Any) -> None:
        """Record what happens to a tensor (or a structure of them) from now on."""
        if self._token is None:
            raise TapeError("watch() on a tape that is not recording; call it inside of `with`")
        for x in flatten(tensor)[0]:
            if isinstance(x, Variable):
                self._watch_variable(x, self.below.read(x))
            elif not isinstance(x, Tensor):
                raise TapeError(f"cannot watch {type(x).__name__}; watch tensors and variables")
            elif not differentiable(x):
                raise TapeError(
                    f"cannot watch a tensor of dtype {x.dtype}; gradients need "
                    f"floating point or complex"
                )
            else:
                self._known[id(x)] = x

    def _watch_variable(self, variable: Variable, tensor: Any) -> None:
        if id(tensor) not in self._known:
            self._known[id(tensor)] = tensor
            self._reads.setdefault(id(variable), (variable, []))[1].append(tensor)

    def bind(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Pass the operation down; record it if an input is watched."""
        args = tuple(self.read(a) if isinstance(a, Variable) else a for a in args)
        out = self.below.bind(op, args, attrs)
        known = self._known
        if any(id(a) in known for a in args):
            self.record(op, args, out if out.__class__ is tuple else (out,), attrs)
        return out

    def record(
        self, op: Op | None, inputs: tuple[Any, ...], outputs: tuple[Any, ...],
        attrs: dict[str, Any], vjp: Callable[..., Sequence[Any]] | None = None,
    ) -> None:  # fmt: skip
        """Add an entry; its floating outputs are watched from now on."""
        if op is not None and op.has_attrs:
            attrs = self.below.canonical(op, inputs, attrs)
        if op is not None and not all(isinstance(x, Tensor) for x in inputs):
            # An array may be written to before the reverse walk reads it.
            inputs = tuple([x.copy() if isinstance(x, np.ndarray) else x for x in inputs])
            inputs = self.below.lift(op, inputs)
        self._entries.append(Entry(op, inputs, outputs, attrs, vjp))
        for out in outputs:
            if differentiable(out):
                self._known[id(out)] = out

    def rename(self, old: Any, new: Any, *, fresh: bool = False) -> None:
        """Remember ``new`` wherever ``old`` is remembered; see ``writes``.

        ``fresh``: the last operation made ``old``, so no earlier entry mentions it. Else ``old``
        is about to change; as a source it means the value that the tape first knew, its origin.
        """
        entries = self._entries  # a tape of another thread may be reset meanwhile
        count = len(entries)
        start = max(count - 1, 0) if fresh else self._scanned.get(id(old), (old, 0))[1]
        for i in range(start, count):
            entry = entries[i]
            if any(v is old for v in (*entry.inputs, *entry.outputs)):
                ins = tuple([new if v is old else v for v in entry.inputs])
                outs = tuple([new if v is old else v for v in entry.outputs])
                entries[i] = entry._replace(inputs=ins, outputs=outs)
        kept = (new, start) if fresh else (old, count)
        self._scanned[id(kept[0])] = kept
        if self._known.get(id(old)) is old:
            del self._known[id(old)]
            self._known[id(new)] = new
            if self._origins.get(id(new), (None, None))[1] is old:
                del self._origins[id(new)]  # a write that failed is undone
            elif not fresh:
                self._origins.setdefault(id(old), (old, new))

    def canonical(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes in canonical form."""
        out: dict[str, Any] = self.below.canonical(op, args, attrs)
        return out

    def lift(self, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as tensors."""
        out: tuple[Any, ...] = self.below.lift(op, args)
        return out

    def read(self, variable: Variable) -> Any:
        """Read below, and watch the Variable if it is trainable."""
        tensor = self.below.read(variable)
        if self.watch_accessed_variables and variable.trainable and differentiable(tensor):
            self._watch_variable(variable, tensor)
        return tensor

    def assign(self, variable: Variable, value: Any) -> None:
        """Assignments are not differentiated."""
        self.below.assign(variable, value)

    def watches(self, x: Any) -> bool:
        """Whether gradients flow to this tensor or Variable."""
        if isinstance(x, Variable):
            return id(x) in self._reads or (self.watch_accessed_variables and x.trainable)
        return id(x) in self._known

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:  # fmt: skip
        """The gradient of ``target`` (summed if it is not a scalar) for each source.

        Returns the structure of ``sources``; an unconnected source gives None, or zeros with
        ``unconnected_gradients="zero"``. Raises TapeError.
        """
        if self._used and not self.persistent:
            raise TapeError(
                "gradient() was already called on this tape; make it "
                "GradientTape(persistent=True) to call it again"
            )
        seeds = self._seeds(target, output_gradients)
        self._used = True
        table = backward(self._entries, seeds, self._known)
        leaves, tree = flatten(sources)
        found = [self._of_source(x, table, unconnected_gradients) for x in leaves]
        if not self.persistent:
            self._entries = []
            TAPES.discard(self)
        return unflatten(tree, found)

    def _seeds(self, target: Any, output_gradients: Any) -> dict[int, Any]:
        targets = flatten(target)[0]
        given = [None] * len(targets) if output_gradients is None else flatten(output_gradients)[0]
        if len(given) != len(targets):
            raise TapeError(f"{len(given)} output_gradients for {len(targets)} targets")
        seeds: dict[int, Any] = {}
        for y, g in zip(targets, given, strict=True):
            if isinstance(y, Variable):
                y = self._reads.get(id(y), (y, [self.below.read(y)]))[1][-1]
            if not isinstance(y, Tensor):
                raise TapeError(
                    f"the gradient of {type(y).__name__} is not defined; the target "
                    f"must be a tensor computed inside of the tape"
                )
            if not differentiable(y):
                continue
            g = OPS["ones_like"](y) if g is None else match(OPS["identity"](g), y)
            seeds[id(y)] = seeds[id(y)] + g if id(y) in seeds else g
        return seeds

    def _of_source(self, x: Any, table: dict[int, Any], unconnected: str) -> Any:
        if isinstance(x, Variable):
            parts = [table[id(t)] for t in self._reads.get(id(x), (x, []))[1] if id(t) in table]
            total = parts[0] if parts else None
            for part in parts[1:]:
                total = total + part
        elif isinstance(x, Tensor):
            total = table.get(id(self._origins.get(id(x), (x, x))[1]))
        else:
            raise TapeError(f"cannot differentiate with respect to {type(x).__name__}")
        if total is None and unconnected == "zero":
            return OPS["zeros_like"](x)
        return total
