"""``tf.custom_gradient``: a function that says its own gradient.

The function runs as it is, under whatever stands on the stack, so that outer tapes see what it
computes. Then a call of the op ``custom`` gives its results new values, whose cotangents go to the
user's gradient function: eagerly as it is, in a graph as the region of the node.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import ArgumentError, TapeError
from twofold.ir.op import OPS
from twofold.ir.ops import region as region_ops
from twofold.ir.rebuild import copied
from twofold.ir.tree import flatten, unflatten
from twofold.ir.vjp import Linear, Sources, differentiable, refs_of, zeros
from twofold.ir.words import counted

from .carried import carried, is_value, own_tensor
from .tensor import Tensor
from .variable import Variable, read

__all__ = ["Rule", "custom_gradient"]


def custom_gradient(f: Any = None) -> Any:
    """Decorate a function that returns its result and the function of its gradient.

    ``f`` returns ``(y, grad)``. ``grad`` takes the gradient of each tensor of ``y`` and returns one
    for each leaf of the positional arguments of ``f`` (a single one if there is one), None where
    there is none. If ``f`` reads Variables that are not among its arguments, ``grad`` also takes
    ``variables=``, their list, and returns a pair: those of the arguments, and the list of those of
    the Variables. Gradients of gradients are those of what ``grad`` computes, unless it is
    decorated itself.

    Raises ArgumentError if ``f`` returns no such pair, and TapeError for another number of
    gradients, or if ``grad`` does not take ``variables=`` where it has to.

    >>> import twofold as tf
    >>> @tf.custom_gradient
    ... def clipped(x):
    ...     return x, lambda g: tf.clip_by_value(g, -1.0, 1.0)
    >>> x = tf.constant(2.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = clipped(x) * 5.0
    >>> tape.gradient(y, x).numpy()
    np.float32(1.0)
    """
    if f is None:
        return custom_gradient
    if not callable(f):
        raise ArgumentError(f"tf.custom_gradient decorates a function, not {f!r}")

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return _call(f, args, kwargs)

    return decorated


class _Reads:
    """An interpreter that notes which Variables are read."""

    def __init__(self) -> None:
        self.variables: dict[int, Variable] = {}

    def run(self, call: Call) -> tuple[Any, ...]:
        """Pass the call on."""
        found = [call.inputs[0]] if call.op.name == "read" else []
        if call.regions:
            found = [call.inputs[i] for i in sorted(refs_of(call)[0])]
        for x in found:
            if isinstance(x, Variable) and x.trainable:
                self.variables.setdefault(id(x), x)
        return bind.run(call)


def _call(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    reads = _Reads()
    token = bind.push(reads)
    try:
        pair = f(*args, **kwargs)
    finally:
        bind.pop(token)
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not callable(pair[1]):
        raise ArgumentError(
            "tf.custom_gradient: the function returns its result and the function of its gradient"
        )
    results, structure = carried(pair[0])
    leaves = flatten(args)[0]
    mine = {id(x) for x in leaves}
    rule = Rule(pair[1], len(leaves), [v for k, v in reads.variables.items() if k not in mine])
    ground: Any = bind.ground()
    places = [i for i, y in enumerate(results) if isinstance(y, Tensor)]
    ys = [ground.value(results[i]) for i in places]
    sources = [_source(x) for x in [*leaves, *rule.variables]]
    outs = ground.custom(rule, ys, sources) if ground.tracing else rule.record(ys, sources)
    for i, out in zip(places, outs, strict=True):
        results[i] = ground.tensor(out)
    return unflatten(structure, results)


def _source(x: Any) -> Any:
    """What a gradient may flow to: the value of a tensor or a Variable; None for anything else."""
    if isinstance(x, Variable):
        return read(x) if differentiable(x) else None
    if not isinstance(x, Tensor) or not differentiable(x):
        return None
    return bind.ground().value(x)


class Rule:
    """The user's gradient function: also the region of an eager call of ``custom``."""

    def __init__(self, grad: Callable[..., Any], count: int, variables: list[Variable]) -> None:
        self.grad, self.count, self.variables = grad, count, variables
        if variables and not _takes_variables(grad):
            raise TapeError(
                f"tf.custom_gradient: the function reads {counted(len(variables), 'Variable')} "
                f"({', '.join(v.name for v in variables)}), so its gradient function takes "
                f"`variables=` and returns a pair; or pass the Variables as arguments"
            )
        self.inputs: Sequence[Any] = ()
        self.types: Sequence[Any] = ()

    def refs(self) -> tuple[set[int], set[int]]:
        """None: it is no graph."""
        return set(), set()

    def as_function(self, run_node: Any) -> Any:
        """There is nothing to run when the results are made."""
        return self

    def record(self, ys: list[Any], sources: list[Any]) -> Sequence[Any]:
        """The results of an eager call as values of their own, for tapes with this gradient."""
        real = [i for i, x in enumerate(sources) if x is not None]
        inputs = (*ys, *[sources[i] for i in real])
        self.real = real
        return bind.run(Call(OPS["custom"], inputs, {"own": len(ys), "wrt": ()}, (self,)))

    def gradients(self, cotangents: Sequence[Any]) -> list[Any]:
        """One for each leaf of the arguments and for each Variable, or None."""
        if self.variables:
            pair = self.grad(*cotangents, variables=self.variables)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TapeError(
                    "tf.custom_gradient: the gradient function of a function that reads Variables "
                    "returns the gradients of its arguments and those of the Variables"
                )
            of_arguments, of_variables = pair
            parts = [self._leaves(of_arguments, self.count, "argument")]
            parts.append(self._leaves(of_variables, len(self.variables), "Variable"))
            return parts[0] + parts[1]
        return self._leaves(self.grad(*cotangents), self.count, "argument")

    def _leaves(self, found: Any, count: int, what: str) -> list[Any]:
        leaves: list[Any] = list(flatten(found)[0])
        if count == 0 and leaves == [None]:
            return []
        if len(leaves) != count:
            raise TapeError(
                f"tf.custom_gradient: the gradient function returns "
                f"{counted(len(leaves), 'gradient')} for {counted(count, what)}"
            )
        return [own_tensor(x) if is_value(x) else None for x in leaves]


def _takes_variables(grad: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(grad).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters)


@region_ops.custom.linearization
def linearize(call: Call, sources: Sources) -> Linear:
    """The call as it is, and the user's gradient as its pullback."""
    region, own = call.regions[0], call.attrs["own"]

    def pull(inputs: Sequence[Any], results: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        ground = bind.ground()
        filled = [
            zeros(ground.tensor(out)) if g is None else g
            for g, out in zip(cotangents, results, strict=True)
        ]
        found: list[Any] = [None] * len(inputs)
        if isinstance(region, Rule):
            made = region.gradients(filled)
            for place, i in enumerate(region.real):
                found[own + place] = made[i]
            return found
        given = (*[ground.value(g) for g in filled], *inputs[own:])
        outs = bind.run(Call(OPS["call"], given, {}, (copied(region),)))
        for place, out in zip(call.attrs["wrt"], outs, strict=True):
            found[place] = ground.tensor(out)
        return found

    return Linear(call, own, (), pull)
