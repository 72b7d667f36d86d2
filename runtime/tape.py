"""GradientTape: records operations on watched tensors and walks them backwards."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, ShapeError, TapeError
from twofold.ir.op import OPS, Op
from twofold.ir.shapes import show_shape
from twofold.ir.tree import flatten, unflatten
from twofold.ir.vjp import Entry, backward, differentiable, match

from .jacobian import batch_jacobian, jacobian
from .tensor import Tensor
from .variable import Variable
from .writes import TAPES

__all__ = ["GradientTape", "UnconnectedGradients"]


class UnconnectedGradients(enum.Enum):
    """What ``gradient`` gives for a source that the target does not depend on.

    >>> import twofold as tf
    >>> tf.UnconnectedGradients("zero")
    <UnconnectedGradients.ZERO: 'zero'>
    """

    NONE = "none"
    ZERO = "zero"


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

    def __reduce__(self) -> Any:
        raise TypeError("a tape is neither pickled nor copied; pickle the gradients it gives")

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

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing inside of this ``with`` block, as for a gradient that is only printed.

        Raises TapeError on a tape that is not recording.

        >>> import twofold as tf
        >>> x = tf.constant(3.0)
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        ...     with tape.stop_recording():
        ...         z = x * y
        >>> print(tape.gradient(z, x))
        None
        """
        if self._token is None:
            raise TapeError("stop_recording() on a tape that is not recording")
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def watched_variables(self) -> tuple[Variable, ...]:
        """The Variables that the tape watches, in the order of their first reads."""
        return tuple(variable for variable, _ in self._reads.values())

    def watch(self, tensor: Any) -> None:
        """Record what happens to a tensor (or a structure of them) from now on."""
        if self._token is None:
            raise TapeError("watch() on a tape that is not recording; call it inside of `with`")
        leaves = flatten(tensor)[0]
        for x in leaves:
            if not isinstance(x, Tensor | Variable):
                raise TapeError(f"cannot watch {type(x).__name__}; watch tensors and variables")
            if not differentiable(x):
                raise TapeError(
                    f"cannot watch a tensor of dtype {x.dtype}; gradients need "
                    f"floating point or complex"
                )
        for x in leaves:
            if isinstance(x, Variable):
                self._watch_variable(x, self.below.read(x))
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
        if not self._paused and any(id(a) in known for a in args):
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
        accessed = self.watch_accessed_variables and not self._paused
        if accessed and variable.trainable and differentiable(tensor):
            self._watch_variable(variable, tensor)
        return tensor

    def assign(self, variable: Variable, value: Any) -> None:
        """Assignments are not differentiated."""
        self.below.assign(variable, value)

    def watches(self, x: Any) -> bool:
        """Whether what is done with this tensor or Variable is recorded."""
        if self._paused:
            return False
        if isinstance(x, Variable):
            return id(x) in self._reads or (self.watch_accessed_variables and x.trainable)
        return id(x) in self._known

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: str | UnconnectedGradients = "none",
    ) -> Any:  # fmt: skip
        """The gradient of ``target`` (summed if it is not a scalar) for each source.

        Returns the structure of ``sources``; an unconnected source gives None, or zeros with
        ``unconnected_gradients="zero"``. ``output_gradients`` weight the targets. Raises
        TapeError, ArgumentError, and ShapeError for a weight that does not broadcast to its
        target; a call that raises leaves the tape as it was.
        """
        zero = self._ready(sources, unconnected_gradients)
        seeds = self._seeds(target, output_gradients)
        found = self.pull(seeds, flatten(sources)[0], zero)
        self._finished()
        return unflatten(flatten(sources)[1], found)

    def jacobian(
        self, target: Any, sources: Any,
        unconnected_gradients: str | UnconnectedGradients = "none",
        parallel_iterations: int | None = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """The derivative of every element of ``target`` by every element of each source.

        Each result has the shape ``target.shape + source.shape``; the structure is that of
        ``sources``. One reverse walk for each element of the target; in a compiled function the
        number of elements is relied on. The last two parameters are accepted and ignored.
        Raises what ``gradient`` raises.

        >>> import twofold as tf
        >>> x = tf.constant([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.jacobian(y, x).numpy()
        array([[2., 0.],
               [0., 4.]], dtype=float32)
        """
        zero = self._ready(sources, unconnected_gradients)
        leaves, tree = flatten(sources)
        found = jacobian(self, self._target(target), leaves, zero)
        self._finished()
        return unflatten(tree, found)

    def batch_jacobian(
        self, target: Any, source: Any,
        unconnected_gradients: str | UnconnectedGradients = "none",
        parallel_iterations: int | None = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """The Jacobian of each row: ``target[i]`` by ``source[i]`` for every ``i`` of axis 0.

        The result has the shape ``(batch, *target.shape[1:], *source.shape[1:])``. Rows of the
        target must depend on their own row of the source alone. Raises ShapeError if the two
        differ along axis 0, and what ``gradient`` raises.
        """
        zero = self._ready(source, unconnected_gradients)
        if not isinstance(source, Tensor | Variable):
            raise TapeError("batch_jacobian takes one source, a tensor or a Variable")
        found = batch_jacobian(self, self._target(target), source, zero)
        self._finished()
        return found

    def pull(self, seeds: dict[int, Any], sources: Sequence[Any], zero: bool) -> list[Any]:
        """The gradient of each source for these cotangents of targets, by their ``id``."""
        table = backward(self._entries, seeds, self._known)
        return [self._of_source(x, table, zero) for x in sources]

    def _ready(self, sources: Any, unconnected: Any) -> bool:
        """Check a call that walks back; whether unconnected sources give zeros."""
        if self._used and not self.persistent:
            raise TapeError(
                "gradient() was already called on this tape; make it "
                "GradientTape(persistent=True) to call it again"
            )
        for x in flatten(sources)[0]:
            if not isinstance(x, Tensor | Variable):
                raise TapeError(f"cannot differentiate with respect to {type(x).__name__}")
        choice = getattr(unconnected, "value", unconnected)
        if choice not in ("none", "zero"):
            raise ArgumentError(f'unconnected_gradients is "none" or "zero", not {unconnected!r}')
        return bool(choice == "zero")

    def _finished(self) -> None:
        self._used = True
        if not self.persistent:
            self._entries = []
            TAPES.discard(self)

    def _seeds(self, target: Any, output_gradients: Any) -> dict[int, Any]:
        targets = flatten(target)[0]
        given = [None] * len(targets) if output_gradients is None else flatten(output_gradients)[0]
        if len(given) != len(targets):
            raise TapeError(f"{len(given)} output_gradients for {len(targets)} targets")
        seeds: dict[int, Any] = {}
        for y, g in zip(targets, given, strict=True):
            y = self._target(y)
            if not differentiable(y):
                continue
            g = OPS["ones_like"](y) if g is None else _weight(g, y)
            seeds[id(y)] = seeds[id(y)] + g if id(y) in seeds else g
        return seeds

    def _target(self, y: Any) -> Any:
        """What is differentiated: a tensor, or the last value read of a Variable."""
        if isinstance(y, Variable):
            y = self._reads.get(id(y), (y, [self.below.read(y)]))[1][-1]
        if not isinstance(y, Tensor):
            raise TapeError(
                f"the gradient of {type(y).__name__} is not defined; the target "
                f"must be a tensor computed inside of the tape"
            )
        return y

    def _of_source(self, x: Any, table: dict[int, Any], zero: bool) -> Any:
        if isinstance(x, Variable):
            parts = [table[id(t)] for t in self._reads.get(id(x), (x, []))[1] if id(t) in table]
            total = parts[0] if parts else None
            for part in parts[1:]:
                total = total + part
        else:
            total = table.get(id(self._origins.get(id(x), (x, x))[1]))
        return OPS["zeros_like"](x) if total is None and zero else total


def _weight(g: Any, y: Any) -> Any:
    """An output gradient with the dtype and shape of its target. Raises ShapeError."""
    g = OPS["identity"](g)
    lead = len(y.shape) - len(g.shape)
    if lead < 0 or any(a != b and a != 1 for a, b in zip(g.shape, y.shape[lead:], strict=True)):
        raise ShapeError(
            f"an output gradient of shape {show_shape(g.shape)} does not broadcast to its "
            f"target of shape {show_shape(y.shape)}"
        )
    if lead or any(a != b for a, b in zip(g.shape, y.shape, strict=True)):
        g = OPS["broadcast_to"](g, shape=y.shape)
    return match(g, y)
