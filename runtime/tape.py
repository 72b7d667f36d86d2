"""GradientTape: records operations on watched tensors and walks them backwards."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from functools import partial
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call, Frame
from twofold.ir.errors import ArgumentError, ShapeError, TapeError
from twofold.ir.op import OPS, Op
from twofold.ir.ops import state as state_ops
from twofold.ir.shapes import show_shape
from twofold.ir.tree import flatten, unflatten
from twofold.ir.types import RefType
from twofold.ir.vjp import Entry, Linear, Sources, backward, differentiable, match, refs_of

from .convert import tensor_of, variable_of
from .jacobian import batch_jacobian, jacobian
from .tensor import Tensor
from .untaken import Untaken, with_zeros
from .variable import Variable, read
from .writes import former

__all__ = ["GradientTape", "UnconnectedGradients"]


_READ = state_ops.read


class UnconnectedGradients(enum.Enum):
    """What ``gradient`` gives for a source that the target does not depend on.

    >>> import twofold as tf
    >>> tf.UnconnectedGradients("zero")
    <UnconnectedGradients.ZERO: 'zero'>
    """

    NONE = "none"
    ZERO = "zero"


class GradientTape:
    """Records what happens to watched tensors inside its ``with`` block.

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
        self._below: Frame | None = None  # the stack that the tape stands on
        self._entries: list[Entry] = []
        self._untaken: list[Untaken] = []
        self._known: dict[int, Any] = {}  # id -> the value itself, which keeps the id taken
        self._reads: dict[int, tuple[Variable, list[Any]]] = {}
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

    def follows(self, value: Any) -> bool:
        """Whether what is done to a value is recorded now."""
        return not self._paused and id(value) in self._known

    def __enter__(self) -> GradientTape:
        if self._token is not None:
            raise TapeError("this tape is already recording; a tape's with block cannot nest")
        self.reset()
        self._below = bind.current.get()
        self._token = bind.push(self)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            bind.pop(self._token)
            self._token = None

    def is_over(self, ground: Any) -> bool:
        """Whether the tape does not record, or records what this executor or tracer runs."""
        return self._token is None or self._below is None or self._below.ground is ground

    def reset(self) -> None:
        """Forget everything recorded and watched."""
        self._entries, self._known, self._reads, self._used = [], {}, {}, False
        self._untaken = []

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing inside this ``with`` block, as for a gradient that is only printed.

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
        """Record what happens to a tensor (or a structure of them) from now on.

        There are no gradients with respect to integers and booleans: they are left out with a
        warning, and their gradient is None. Raises TapeError for what is no tensor or Variable.
        """
        if self._token is None:
            raise TapeError(
                "watch() on a tape that is not recording; call it inside its `with` block"
            )
        leaves = [variable_of(x) for x in flatten(tensor)[0]]
        for x in leaves:
            if not isinstance(x, Tensor | Variable):
                raise TapeError(f"cannot watch {type(x).__name__}; watch tensors and variables")
        without = {str(x.dtype): None for x in leaves if not differentiable(x)}
        if without:
            warnings.warn(
                f"a tape was asked to watch {', '.join(without)}: gradients exist with respect to "
                f"floating and complex numbers, the others' are None",
                stacklevel=2,
            )
        for x in filter(differentiable, leaves):
            if isinstance(x, Variable):
                self._watch_variable(x, self._read_below(x))
            else:
                value = bind.ground().value(x)
                self._known[id(value)] = value

    def _watch_variable(self, variable: Variable, value: Any) -> None:
        if id(value) not in self._known:
            self._known[id(value)] = value
            self._reads.setdefault(id(variable), (variable, []))[1].append(value)

    def _read_below(self, variable: Variable) -> Any:
        """The value of a Variable, read without this tape and those above it."""
        token = bind.below(self._below)
        try:
            return read(variable)
        finally:
            bind.pop(token)

    def run(self, call: Call) -> tuple[Any, ...]:
        """Pass the call down; record it if an input is watched."""
        if call.regions and call.op.linearize is not None and not self._paused:
            return self._run_regions(call)
        outs = bind.run(call)
        if self._paused:
            return outs
        known = self._known
        if call.op.name == "read":
            self._accessed(call.inputs[0], outs[0])
        elif any(id(x) in known for x in call.inputs):
            self.record(Entry(call, call.inputs, outs))
        return outs

    def note(
        self, op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], outs: tuple[Any, ...]
    ) -> None:
        """Record a call that ran on the eager executor without coming by; see ``quick.py``."""
        if self._paused:
            return
        known = self._known
        for x in inputs:
            if id(x) in known:
                self.record(Entry(Call(op, inputs, attrs), inputs, outs))
                return

    def note_read(self, variable: Variable, value: Any) -> None:
        """Watch a Variable that was read without coming by."""
        if not self._paused:
            self._accessed(variable, value)

    def _run_regions(self, call: Call) -> tuple[Any, ...]:
        """Run a call that holds graphs; if they use what is watched, one that keeps what the
        reverse walk needs."""
        inputs = list(call.inputs)
        read_at, again = refs_of(call)
        if not all(isinstance(bind.type_of(call.inputs[i]), RefType) for i in read_at):
            return bind.run(call)  # it says which input is not the Variable that it has to be
        for i in read_at:
            (inputs[i],) = bind.run(Call(_READ, (call.inputs[i],), {}))
            self._accessed(call.inputs[i], inputs[i])
        known = self._known
        watched = tuple([i for i, x in enumerate(inputs) if id(x) in known])
        later = tuple([i for i in again if self._accessible(call.inputs[i])])
        if not watched and not later:
            return bind.run(call)
        linear: Linear = call.op.linearize(call, Sources(watched, later))
        results = bind.run(linear.call)
        for position, output in linear.later:
            self._accessed(call.inputs[position], results[output])
            inputs.append(results[output])
        outs = results[: linear.own]
        self.record(Entry(call, tuple(inputs), outs, partial(linear.pull, inputs, results)))
        return outs

    def _accessible(self, variable: Any) -> bool:
        """Whether reading a Variable makes it watched."""
        return self.watch_accessed_variables and getattr(variable, "trainable", False)

    def _accessed(self, variable: Any, value: Any) -> None:
        """A Variable was read: watch it if it is trainable."""
        if self._accessible(variable) and differentiable(value):
            self._watch_variable(variable, value)

    def record(self, entry: Entry) -> None:
        """Add an entry; its floating outputs are watched from now on."""
        self._entries.append(entry)
        for out in entry.outputs:
            if differentiable(out):
                self._known[id(out)] = out

    def skipped(self, outputs: Sequence[Any], look: Any) -> None:
        """Other branches would have made these values; see ``untaken.py``."""
        if not self._paused:
            self._untaken.append(Untaken(len(self._entries), outputs, look))
            self._known.update((id(x), x) for x in outputs)

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
        leaves, tree = _sources(sources)
        zero = self._ready(leaves, unconnected_gradients)
        seeds = self._seeds(target, output_gradients)
        found = self.pull(seeds, leaves, zero)
        self._finished()
        return unflatten(tree, found)

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
        leaves, tree = _sources(sources)
        zero = self._ready(leaves, unconnected_gradients)
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
        if not isinstance(source, Tensor | Variable):
            raise TapeError("batch_jacobian takes one source, a tensor or a Variable")
        zero = self._ready([source], unconnected_gradients)
        found = batch_jacobian(self, self._target(target), source, zero)
        self._finished()
        return found

    def pull(
        self, seeds: Sequence[tuple[Any, Any]], sources: Sequence[Any], zero: bool
    ) -> list[Any]:
        """The gradient of each source for these pairs of a target and its cotangent."""
        cotangents: dict[int, Any] = {}
        for target, g in seeds:
            key = id(self._known_as(target))
            cotangents[key] = cotangents[key] + g if key in cotangents else g
        table = backward(self._entries, cotangents, self._known)
        found = [self._of_source(x, table, zero) for x in sources]
        if self._untaken and any(g is None for g in found):
            reached = with_zeros(table, self._entries, self._known, self._untaken, self._values)
            ids = [{id(x), *map(id, self._values(x))} for x in sources]
            found = [
                OPS["zeros_like"](x) if g is None and not own.isdisjoint(reached) else g
                for x, own, g in zip(sources, ids, found, strict=True)
            ]
        return found

    def _values(self, x: Any) -> list[Any]:
        """The values that a tensor or a Variable has had, as far as the tape may know them."""
        if isinstance(x, Variable):
            return list(self._reads.get(id(x), (x, []))[1])
        return [*former(x), x.value, bind.ground().value(x)]

    def _ready(self, sources: Sequence[Any], unconnected: Any) -> bool:
        """Check a call that walks back; whether unconnected sources give zeros."""
        if self._used and not self.persistent:
            raise TapeError(
                "gradient() was already called on this tape; make it "
                "GradientTape(persistent=True) to call it again"
            )
        for x in sources:
            if not isinstance(x, Tensor | Variable):
                raise TapeError(f"cannot differentiate with respect to {type(x).__name__}")
        choice = getattr(unconnected, "value", unconnected)
        if choice not in ("none", "zero"):
            raise ArgumentError(f'unconnected_gradients is "none" or "zero", not {unconnected!r}')
        return bool(choice == "zero")

    def _finished(self) -> None:
        self._used = True
        if not self.persistent:
            self._entries, self._untaken = [], []

    def _seeds(self, target: Any, output_gradients: Any) -> list[tuple[Any, Any]]:
        targets = [tensor_of(x) for x in flatten(target)[0]]
        given = [None] * len(targets) if output_gradients is None else flatten(output_gradients)[0]
        if len(given) != len(targets):
            raise TapeError(f"{len(given)} output_gradients for {len(targets)} targets")
        seeds: list[tuple[Any, Any]] = []
        for y, g in zip(targets, given, strict=True):
            y = self._target(y)
            if differentiable(y):
                seeds.append((y, OPS["ones_like"](y) if g is None else _weight(g, y)))
        return seeds

    def _target(self, y: Any) -> Any:
        """What is differentiated: a tensor, or the last value read of a Variable."""
        if isinstance(y, Variable):
            held = self._reads.get(id(y))
            y = bind.ground().tensor(held[1][-1] if held else self._read_below(y))
        if not isinstance(y, Tensor):
            raise TapeError(
                f"the gradient of {type(y).__name__} is not defined; the target "
                f"must be a tensor computed inside the tape"
            )
        return y

    def _known_as(self, x: Any) -> Any:
        """The present value of a tensor, as this tape knows it."""
        return x.value if id(x.value) in self._known else bind.ground().value(x)

    def _of_source(self, x: Any, table: dict[int, Any], zero: bool) -> Any:
        """The gradient of a source in a tensor object of its own.

        A Variable is every value of it that was read, a tensor that was written to is the value
        that the tape first knew.
        """
        if isinstance(x, Variable):
            values = self._reads.get(id(x), (x, []))[1]
        else:
            known = [v for v in former(x) if id(v) in self._known]
            values = known[:1] or [self._known_as(x)]
        parts = [table[id(v)] for v in values if id(v) in table]
        if not parts:
            return OPS["zeros_like"](x) if zero else None
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        ground = bind.ground()
        return ground.tensor(ground.value(total))


def _sources(tree: Any) -> tuple[list[Any], Any]:
    """The tensors and Variables of a structure of sources, and its structure."""
    leaves, structure = flatten(tree)
    return [variable_of(x) for x in leaves], structure


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
