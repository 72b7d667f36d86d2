"""The Op record, the ``@op`` decorator and the registry: every fact of an operation in one place.

An op is one decorated function. Its name, signature and documentation are the function's: the
positional parameters are tensors, the keyword-only parameters are attributes. Its body is the
NumPy implementation; it is what eager mode runs and what every other form is tested against.

    @op("elementwise", promote="floating", expr="tanh(x)", samples=[Sample("f[3,4]")])
    def tanh(x):
        '''Hyperbolic tangent, elementwise.'''
        return np.tanh(x)

    @tanh.gradient
    def _(g, out, x):
        return (lambda: g * (1 - out * out),)

The gradient takes the cotangent(s), the output(s), the inputs and the attributes by keyword, is
written in ops, and returns one entry an input: a value, a thunk, or None (not differentiable).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import bind as _bind
from .errors import ArgumentError, DTypeError
from .infer import RULES
from .promote import Operand, as_floating, result_dtype, weak_dtype
from .types import TensorType

__all__ = ["COMPOSITES", "KINDS", "OPS", "Composite", "Op", "Sample", "composite", "op"]

KINDS = (
    "elementwise",  # one scalar expression, broadcasting; fuses
    "reduce",  # folds axes away with one scalar expression; fuses
    "movement",  # moves or repeats elements, computes nothing; views and access maps
    "index",  # reads or writes at computed positions
    "contract",  # sums of products: BLAS
    "create",  # makes an array from attributes
    "random",  # a pure function of a generator state
    "opaque",  # the NumPy body is the only implementation
    "state",  # reads or writes a Variable
    "region",  # holds graphs: fused groups, calls, control flow
)

Attrs = dict[str, Any]
Rule = Callable[..., tuple[Attrs, tuple[TensorType, ...]]]
OPS: dict[str, Op] = {}
COMPOSITES: dict[str, Composite] = {}


class Sample:
    """One example call for the tests: input specs (``"f[3,4]"`` or arrays) and attributes.

    A spec is a kind letter (``f`` floating, ``i`` integer, ``b`` bool, ``c`` complex, ``u``
    unsigned, or a full dtype name) and a shape; the tests fill it from the op's ``domain``.
    """

    __slots__ = ("attrs", "inputs")

    def __init__(self, *inputs: Any, **attrs: Any) -> None:
        self.inputs, self.attrs = inputs, attrs

    def __repr__(self) -> str:
        parts = [str(i) for i in self.inputs] + [f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"Sample({', '.join(parts)})"


class Op:
    """One operation; calling it runs it under whoever interprets operations now."""

    def __init__(self, body: Callable[..., Any], kind: str, rule: Rule, **facts: Any) -> None:
        self.name: str = facts.pop("name") or body.__name__.rstrip("_")
        self.__name__ = self.name
        self.__doc__ = body.__doc__
        self.__module__ = body.__module__
        self.__signature__ = inspect.signature(body)
        self.body, self.kind, self.rule = body, kind, rule
        self.promote: str = facts.pop("promote")
        self.promoted: slice = facts.pop("promoted")
        self.accepts: str = facts.pop("accepts")
        self.result: str = facts.pop("result")
        self.expr: str | None = facts.pop("expr")
        self.identity: Any = facts.pop("identity")
        self.commutative: bool = facts.pop("commutative")
        self.effects: frozenset[str] = frozenset(facts.pop("effects"))
        self.may_raise: bool = facts.pop("may_raise")
        self.domain: tuple[float, float] = facts.pop("domain")
        self.samples: tuple[Sample, ...] = tuple(facts.pop("samples"))
        self.public: bool = facts.pop("public")
        self.facts: Mapping[str, Any] = facts
        self.vjp: Callable[..., Sequence[Any]] | None = None
        self.direct: Callable[..., Any] | None = None  # the runtime's shortcut; None: not taken
        self._read_signature()
        self.memo: dict[Any, tuple[Attrs, tuple[TensorType, ...]]] = {}

    def _read_signature(self) -> None:
        kinds = inspect.Parameter
        self.variadic = False
        tensors: list[str] = []
        self.defaults: Attrs = {}
        for p in self.__signature__.parameters.values():
            if p.kind is kinds.VAR_POSITIONAL:
                self.variadic = True
            elif p.kind is kinds.KEYWORD_ONLY:
                self.defaults[p.name] = p.default
            else:
                tensors.append(p.name)
        self.tensors = tuple(tensors)
        self.attr_names = tuple(self.defaults)
        self.has_attrs = bool(self.defaults)

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if self.direct is not None and not attrs and len(args) == len(self.tensors):
            out = self.direct(*args)
            if out is not None:
                return out
        if self.has_attrs or attrs or self.variadic:
            args, attrs = self._sort_arguments(args, attrs)
        elif len(args) != len(self.tensors):
            raise self._arity(len(args))
        return _bind.top().bind(self, args, attrs)

    def _arity(self, given: int) -> TypeError:
        return TypeError(f"{self.name}() takes {len(self.tensors)} tensors, {given} given")

    def _sort_arguments(self, args: tuple[Any, ...], attrs: Attrs) -> tuple[tuple[Any, ...], Attrs]:
        """Separate tensors from attributes, which may be given by position or by keyword."""
        if self.variadic:
            if len(args) in (1, 2) and isinstance(args[0], list | tuple):
                args, extra = tuple(args[0]), args[1:]
            else:
                extra = ()
        else:
            n = len(self.tensors)
            args, extra = args[:n], args[n:]
            if len(args) < n:
                missing = self.tensors[len(args) :]
                if not all(name in attrs for name in missing):
                    raise self._arity(len(args))
                args += tuple(attrs.pop(name) for name in missing)
        if len(extra) > len(self.attr_names):
            raise TypeError(
                f"{self.name}() takes {len(self.tensors) + len(self.attr_names)} "
                f"arguments, {len(args) + len(extra)} given"
            )
        full = dict(self.defaults)
        full.update(zip(self.attr_names, extra, strict=False))
        for key, value in attrs.items():
            if key not in full:
                raise TypeError(
                    f"{self.name}() has no argument named {key!r}; it takes "
                    f"{', '.join(self.tensors + self.attr_names)}"
                )
            full[key] = value
        for key, value in full.items():
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}() needs the argument {key!r}")
        return args, full

    def input_dtypes(self, operands: Sequence[Operand]) -> list[np.dtype]:
        """The dtype each input is cast to before the op computes.

        ``operands`` are dtypes, or Python scalar types for weak operands. Raises DTypeError.
        """
        own = [o if isinstance(o, np.dtype) else weak_dtype(o) for o in operands]
        if self.promote == "none":
            return self._checked(own)
        if self.promote == "bool":
            return [np.dtype(bool)] * len(own)
        common = result_dtype(operands[self.promoted])
        if self.promote == "floating":
            common = as_floating(common)
        own[self.promoted] = [common] * len(own[self.promoted])
        return self._checked(own)

    def _checked(self, dtypes: list[np.dtype]) -> list[np.dtype]:
        for dtype in dtypes[self.promoted]:
            if dtype.kind not in self.accepts:
                raise DTypeError(
                    f"{self.name} does not accept {dtype}; it accepts "
                    f"{', '.join(_KIND_NAMES[k] for k in self.accepts)}"
                )
        return dtypes

    def gradient(self, rule: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
        """Decorator that attaches the reverse-mode derivative."""
        self.vjp = rule
        return rule

    def resolve(
        self, types: Sequence[TensorType], attrs: Attrs, dims: Any
    ) -> tuple[Attrs, tuple[TensorType, ...]]:
        """Canonical attributes and output types. Raises ShapeError, ArgumentError, DTypeError."""
        return self.rule(self, types, attrs, dims)

    def __get__(self, instance: Any, owner: type | None = None) -> Op:
        """The op itself: with this method ``help`` shows it as the function it stands for."""
        return self

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.kind}>"


_KIND_NAMES = {
    "b": "bool",
    "i": "signed integers",
    "u": "unsigned integers",
    "f": "floating point",
    "c": "complex",
}


def op(
    kind: str,
    rule: Rule | str | None = None,
    *,
    name: str | None = None,
    promote: str = "common",
    promoted: slice = slice(None),
    accepts: str = "biufc",
    result: str = "same",
    expr: str | None = None,
    identity: Any = None,
    commutative: bool = False,
    effects: Iterable[str] = (),
    may_raise: bool = False,
    domain: tuple[float, float] = (-2.0, 2.0),
    samples: Iterable[Sample] = (),
    public: bool = True,
    **facts: Any,
) -> Callable[[Callable[..., Any]], Op]:
    """Declare an op.

    kind: one of ``KINDS``. rule: canonical attributes and output types, a function or the name of
    one in ``infer.RULES`` (default: the kind's own). promote: ``common``, ``floating``, ``bool``
    or ``none``, over the inputs in the slice ``promoted``; accepts: dtype kinds after promotion.
    result: dtype of the output: ``same``, ``bool``, ``real`` or a dtype name. expr: the scalar
    expression over the tensor parameters for kernels (for a reduction: of ``acc`` and ``x``, with
    its ``identity``). effects: names of what the op touches besides its outputs. may_raise: the
    body can fail on values. domain: range of the test inputs. facts: any further fact, read by
    whoever needs it.
    """
    if kind not in KINDS:
        raise ArgumentError(f"unknown op kind {kind!r}; kinds: {', '.join(KINDS)}")

    def declare(body: Callable[..., Any]) -> Op:
        found = rule if callable(rule) else RULES[rule or kind]
        record = Op(
            body, kind, found, name=name, promote=promote, promoted=promoted, accepts=accepts,
            result=result, expr=expr, identity=identity, commutative=commutative,
            effects=effects, may_raise=may_raise, domain=domain, samples=samples,
            public=public, **facts,
        )  # fmt: skip
        if record.name in OPS:
            raise ArgumentError(f"op {record.name} is declared twice")
        OPS[record.name] = record
        return record

    return declare


class Composite:
    """A documented function written in ops: no node of its own, so it fuses and differentiates."""

    def __init__(self, function: Callable[..., Any], samples: tuple[Sample, ...]) -> None:
        self.name = function.__name__.rstrip("_")
        self.function, self.samples = function, samples


def composite(*samples: Sample) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function written in ops, with samples for the tests."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        record = Composite(function, samples)
        COMPOSITES[record.name] = record
        return function

    return declare
