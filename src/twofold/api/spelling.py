"""Functions under other parameters: a signature, read, and the call of what it stands for.

A row of the table of names may say how its callers write the parameters, TensorFlow's in
TensorFlow's order for instance, and which parameters of the op they are::

    input: x, axis=None, output_type: out = "int64", name=None, *, keepdims=False

``input: x`` is the op's parameter ``x``; without a colon the name is the op's own.
``axis: (axis, -1)`` is the op's ``axis``, and None stands for -1, or for another parameter.
``updates: 'tensor'`` is written into ``tensor``: Python's numbers take its dtype. ``out``
is the dtype to which the result is cast (None: left as it is). ``only`` takes its default and
nothing else: what it would ask for does not exist here. ``unused`` takes anything, and changes no
number. The op's own names are accepted too, as keywords, where they mean nothing else.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from twofold.ir.errors import ArgumentError, DeclarationError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS, Op
from twofold.ir.ops.operand import as_tensor, is_python, written

__all__ = ["roles_of", "spelled", "with_own_names"]

F = TypeVar("F", bound=Callable[..., Any])

# Names that TensorFlow gives to hints, and to what is checked here in any case.
UNUSED = frozenset({"name", "layout", "validate_args", "validate_indices", "summarize"})


def spelled(name: str, target: Callable[..., Any], text: str) -> Callable[..., Any]:
    """``target`` as a function called ``name`` with the parameters that ``text`` writes.

    Raises DeclarationError for a parameter that ``target`` does not have.
    """
    arguments, roles = _arguments(text), roles_of(text)
    every = (*arguments.args, *arguments.kwonlyargs)
    value = {a.arg: _value(a) for a in every}
    code, own = _source(name, target, arguments, roles, value)
    space: dict[str, Any] = {
        "_target": target, "_cast": functools.partial(_cast, name),
        "_only": functools.partial(_only, name), "_into": functools.partial(_into, name),
    }  # fmt: skip
    exec(compile(code, __file__, "exec"), space)  # our own text, and of this package in tracebacks
    made: Callable[..., Any] = space[name]
    made.__doc__ = target.__doc__
    made.__module__ = target.__module__
    return with_own_names(**own)(made)


def roles_of(text: str) -> dict[str, str]:
    """The op's parameter, or the role, of each parameter of a signature.

    >>> roles_of("input: x, axis=None, name=None")
    {'input': 'x', 'axis': 'axis', 'name': 'unused'}
    """
    arguments = _arguments(text)
    return {a.arg: _role(a) for a in (*arguments.args, *arguments.kwonlyargs)}


def _arguments(text: str) -> ast.arguments:
    definition = ast.parse(f"def f({text}): pass").body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition.args


def _role(argument: ast.arg) -> str:
    if isinstance(argument.annotation, ast.Name):
        return argument.annotation.id
    if isinstance(argument.annotation, ast.Tuple):
        return ast.unparse(argument.annotation.elts[0])
    return "unused" if argument.arg in UNUSED else argument.arg


def _value(argument: ast.arg) -> str:
    """The text of what is passed on for a parameter."""
    given, how = argument.arg, argument.annotation
    if isinstance(how, ast.Tuple):
        return f"{ast.unparse(how.elts[1])} if {given} is None else {given}"
    return f"_into({given}, {how.value!s})" if isinstance(how, ast.Constant) else given


def _source(
    name: str,
    target: Callable[..., Any],
    arguments: ast.arguments,
    roles: dict[str, str],
    value: dict[str, str],
) -> tuple[str, dict[str, str]]:
    """The text of the function, and the op's own names of its parameters."""
    theirs = {role: given for given, role in roles.items()}
    tensors, rest, variadic = _parameters(target)
    passed = [value[theirs.pop(t)] for t in tensors if t in theirs]
    passed += [f"{p}={value[theirs.pop(p)]}" for p in rest if p in theirs]
    out = theirs.pop("out", None)
    checks = [
        f"    if {given} != {_default(arguments, given)}: _only({given!r}, {given})\n"
        for given, role in roles.items() if role == "only"
    ]  # fmt: skip
    unknown = sorted(set(theirs) - {"only", "unused"})
    if unknown:
        raise DeclarationError(f"{name}: there is no parameter {unknown[0]!r}")
    for a in (*arguments.args, *arguments.kwonlyargs):
        a.annotation = None
    call = f"_target({', '.join(passed)})"
    call = call if out is None else f"_cast({call}, {out})"
    own = {role: given for given, role in roles.items()
           if role not in roles and role not in ("only", "unused", "out", *variadic)}  # fmt: skip
    return f"def {name}({ast.unparse(arguments)}):\n{''.join(checks)}    return {call}\n", own


def _parameters(target: Callable[..., Any]) -> tuple[list[str], list[str], list[str]]:
    """Those to pass by position, those to pass by name, and those that take any number."""
    found = inspect.signature(target).parameters.values()
    many = [p.name for p in found if p.kind is inspect.Parameter.VAR_POSITIONAL]
    if isinstance(target, Op):
        return many or list(target.tensors), list(target.attr_names), many
    return many, [p.name for p in found if p.name not in many], many


def _default(arguments: ast.arguments, given: str) -> str:
    names = [a.arg for a in arguments.args]
    if given in names:
        return ast.unparse(arguments.defaults[names.index(given) - len(names)])
    at = [a.arg for a in arguments.kwonlyargs].index(given)
    return ast.unparse(arguments.kw_defaults[at])  # type: ignore[arg-type]


def _cast(name: str, result: Any, dtype: Any) -> Any:
    if dtype is None:
        return result
    want = as_dtype(dtype, name)
    return result if result.dtype == want else OPS["cast"](result, dtype=want)


def _into(name: str, value: Any, tensor: Any) -> Any:
    return written(value, as_tensor(tensor).dtype, name) if is_python(value) else value


def _only(name: str, given: str, value: Any) -> None:
    raise ArgumentError(f"{name}: {given}={value!r} is not supported; leave it out")


def with_own_names(**own: str) -> Callable[[F], F]:
    """Decorator: keywords by the op's own names (``x="input"``) are accepted, too.

    >>> @with_own_names(x="input")
    ... def double(input):
    ...     return 2 * input
    >>> double(x=2), double(input=3)
    (4, 6)
    """

    def decorate(function: F) -> F:
        if not own:
            return function

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if kwargs and not own.keys().isdisjoint(kwargs):
                for ours in own.keys() & kwargs.keys():
                    if own[ours] in kwargs:
                        raise TypeError(
                            f"{function.__name__}() got the argument {own[ours]!r} twice: as "
                            f"{ours!r}, too"
                        )
                    kwargs[own[ours]] = kwargs.pop(ours)
            return function(*args, **kwargs)

        return cast("F", call)

    return decorate
