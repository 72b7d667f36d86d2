"""The Op record, the ``@op`` decorator and the registry: every fact of an operation in one place.

An op is one decorated function. Its name, signature and documentation are the function's: the
positional parameters are tensors, the keyword-only parameters are attributes. Its body is the
NumPy implementation; it is what eager mode runs and what every other form is tested against.

    @op("elementwise", promote="floating", expr="tanh(x)", samples=[Sample("f[3,4]")])
    def tanh(x):
        '''Hyperbolic tangent, elementwise.'''
        return np.tanh(x)

    @tanh.gradient
    def tanh_vjp(g, out, x):
        return (lambda: g * (1 - out * out),)

The gradient takes the cotangent(s), the output(s), the inputs and the attributes by keyword, is
written in ops, and returns one entry an input: a value, a thunk, or None (not differentiable).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError
from typing import Any, ParamSpec

import numpy as np

from . import bind as _bind
from .dtypes import CLASSES, info
from .errors import DeclarationError, DTypeError
from .halves import in_single
from .infer import RULES
from .promote import Operand, as_floating, result_dtype, weak_dtype
from .record import KINDS, Attrs, Facts, Rule, Sample, check, parts_of, refuse_unknown
from .registry import COMPOSITES, OPS, REGISTRY, Composite, composite
from .types import TensorType
from .words import counted

__all__ = ["COMPOSITES", "KINDS", "OPS", "Attrs", "Composite", "Op", "Sample", "composite", "op"]

Gradient = Callable[..., Sequence[Any]]
P = ParamSpec("P")
_OPS = f"{__package__}.ops."  # tests/ops/test_registry.py checks these; it takes a while


class Op(Facts):
    """One operation: its facts and its function. Calling it runs it under whoever interprets
    operations now.

    What depends on the kind or the signature if it is not given (``rule``, ``name``, ``pure``,
    ``shares_memory``) is filled in here.
    """

    rule: Rule
    promoted: slice
    accepts: str
    pure: bool
    effects: frozenset[str]
    samples: tuple[Sample, ...]
    widens: bool
    body: Callable[..., Any]
    own_body: Callable[..., Any]  # the function itself, for dtypes that compute in themselves
    tensors: tuple[str, ...]
    defaults: Attrs
    attr_names: tuple[str, ...]
    required: tuple[str, ...]  # attributes without a default
    has_attrs: bool
    variadic: bool
    vjp: Gradient | None
    linearize: Callable[..., Any] | None  # of a region op: its gradient
    arity: int
    plain: bool  # tensors are all that it takes, a fixed number of them
    direct: Callable[..., Any]  # the op on its tensors alone
    by_attributes: Callable[..., Any] | None  # the same with attributes, or None: the long way
    memo: dict[Any, tuple[Attrs, tuple[TensorType, ...]]]
    _computes_in: dict[tuple[Operand, ...], list[np.dtype]]

    def __init__(self, body: Callable[..., Any], facts: Facts) -> None:
        name = facts.name or body.__name__.rstrip("_")
        tensors, defaults, variadic = parts_of(body)
        if not body.__module__.startswith(_OPS):
            check(name, facts, tensors, variadic)
        kind = KINDS[facts.kind]
        rule = facts.rule if callable(facts.rule) else RULES[facts.rule or facts.kind]
        widens = kind.widens if facts.widens is None else facts.widens
        promoted = slice(None) if facts.promoted is None else facts.promoted
        operands = slice(None) if facts.promote == "none" else promoted
        vars(self).update(vars(facts))
        vars(self).update(
            name=name, __name__=name, __doc__=body.__doc__, __module__=body.__module__,
            body=in_single(body, operands) if widens else body, own_body=body, widens=widens,
            rule=rule, tensors=tensors, defaults=defaults,
            variadic=variadic, attr_names=tuple(defaults), has_attrs=bool(defaults),
            required=tuple(k for k, v in defaults.items() if v is inspect.Parameter.empty),
            promoted=promoted, accepts=facts.accepts or kind.accepts,
            effects=frozenset(facts.effects), samples=tuple(facts.samples),
            shares_memory=facts.shares_memory or kind.shares_memory,
            pure=kind.pure if facts.pure is None else facts.pure, memo={}, vjp=None, linearize=None,
            arity=len(tensors), plain=not (defaults or variadic),
            direct=functools.partial(_on_tensors, self), by_attributes=None, _computes_in={},
        )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        try:
            if not attrs and self.plain and len(args) == self.arity:
                return self.direct(*args)
            if self.by_attributes is not None:
                out = self.by_attributes(args, attrs)
                if out is not None:
                    return out
            return _bind.perform(self, *self.sort_arguments(args, attrs))
        except Exception as error:
            _bind.leave(error)
            raise

    def __getattr__(self, name: str) -> Any:
        if name == "__signature__":  # what ``help`` asks for
            return self._signature()
        raise AttributeError(f"op {self.name} has no {name}", name=name, obj=self)

    def _signature(self) -> inspect.Signature:
        """The signature of a call: attributes are taken by position, too."""
        own = inspect.signature(self.body)
        kinds = inspect.Parameter
        names = list(self.defaults)
        if self.variadic or names[: len(self.required)] != list(self.required):
            return own
        return own.replace(parameters=[
            *(p.replace(kind=kinds.POSITIONAL_OR_KEYWORD) if p.kind is kinds.KEYWORD_ONLY else p
              for p in own.parameters.values()),
            *([kinds("name", kinds.KEYWORD_ONLY, default=None)] if "name" not in names else ()),
        ])  # fmt: skip

    def _arity(self, given: int) -> TypeError:
        return TypeError(
            f"{self.name}() takes {counted(len(self.tensors), 'tensor')}, {given} given"
        )

    def sort_arguments(self, args: tuple[Any, ...], attrs: Attrs) -> tuple[tuple[Any, ...], Attrs]:
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
        full = {**self.defaults, **dict(zip(self.attr_names, extra, strict=False)), **attrs}
        if len(full) > len(self.attr_names) and "name" not in self.defaults:
            full.pop("name", None)  # TensorFlow's, which names nothing here
        if len(full) > len(self.attr_names):
            unknown = next(key for key in full if key not in self.defaults)
            raise TypeError(
                f"{self.name}() has no argument named {unknown!r}; it takes "
                f"{', '.join(self.tensors + self.attr_names)}"
            )
        for key in self.required:
            if full[key] is inspect.Parameter.empty:
                raise TypeError(f"{self.name}() needs the argument {key!r}")
        return args, full

    def input_dtypes(self, operands: Sequence[Operand]) -> list[np.dtype]:
        """The dtype each input is cast to before the op computes.

        ``operands`` are dtypes, or Python scalar types for weak operands. Raises DTypeError.
        """
        key = tuple(operands)
        found = self._computes_in.get(key)
        if found is None:
            if len(self._computes_in) >= 1024:
                self._computes_in.clear()
            found = self._computes_in[key] = self._promoted_dtypes(operands)
        return found

    def _promoted_dtypes(self, operands: Sequence[Operand]) -> list[np.dtype]:
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
            if info(dtype).letter not in self.accepts:
                raise DTypeError(
                    f"{self.name} does not accept {dtype}; it accepts "
                    f"{', '.join(CLASSES[k] for k in self.accepts)}"
                )
        return dtypes

    def gradient(self, rule: Gradient) -> Gradient:
        """Decorator that attaches the reverse-mode derivative, a function named ``<op>_vjp``.

        Raises DeclarationError for another name, and for a second rule.
        """
        wanted = f"{self.name}_vjp"
        if rule.__name__ != wanted:
            raise DeclarationError(
                f"the gradient rule of {self.name} is called {rule.__name__!r}; call it "
                f"{wanted!r}, so that tracebacks and profiles say whose rule it is"
            )
        if self.vjp is not None:
            raise DeclarationError(f"op {self.name} has a gradient rule already")
        vars(self)["vjp"] = rule
        return rule

    def linearization(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator that attaches the gradient of a region op, a function of a call of it.

        ``rule(call, sources)`` returns the call that runs instead and keeps what the reverse walk
        needs, and the pullback: a ``vjp.Linear``.
        """
        vars(self)["linearize"] = rule
        return rule

    def shortcut(self, direct: Callable[..., Any]) -> None:
        """Install the runtime's shortcut; where it is not taken it goes the long way itself."""
        vars(self)["direct"] = direct

    def shortcut_by_attributes(self, direct: Callable[..., Any]) -> None:
        """Install the runtime's shortcut of calls with attributes."""
        vars(self)["by_attributes"] = direct

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


def _on_tensors(op: Op, *args: Any) -> Any:
    return _bind.perform(op, args, {}) if op.plain else op(*args)


def _decorator(facts: Callable[P, Facts]) -> Callable[P, Callable[[Callable[..., Any]], Op]]:
    @functools.wraps(facts)
    def op(*args: P.args, **kwargs: P.kwargs) -> Callable[[Callable[..., Any]], Op]:
        def declare(body: Callable[..., Any]) -> Op:
            refuse_unknown(str(kwargs.get("name") or body.__name__.rstrip("_")), kwargs)
            record = Op(body, facts(*args, **kwargs))
            REGISTRY.declare(record)
            return record

        return declare

    op.__name__ = op.__qualname__ = "op"
    op.__doc__ = """Declare an op; the parameters are the fields of ``record.Facts``.

    Raises DeclarationError for a fact that does not exist, for facts that contradict each other,
    and for a name that is taken.
    """
    return op


op = _decorator(Facts)
