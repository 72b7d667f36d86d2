"""The public names as objects: the table of ``names`` read against the registry of ops.

Importing this module loads the eager half (ops, tensors, tapes, generators), which ``import
twofold`` leaves until a name is first used. The compiler is loaded when its names are.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import twofold.compiler.derived
import twofold.ir.ops
import twofold.runtime.eager
import twofold.runtime.tape  # noqa: F401  (with the three above: registry, executor, tapes, their rules)
from twofold._loading import Loading
from twofold.ir.registry import REGISTRY
from twofold.runtime.native import native

from .names import ALIASES, FAMILIES, OBJECTS, Alias
from .spelling import spelled

__all__ = ["load", "namespace", "op_of", "origin", "origins", "public_names"]


def _offer_machine_code() -> None:
    """Eager operations have taken a while: the compiler has machine code for them."""
    for file in ("multiply", "eagerly"):
        importlib.import_module(f"twofold.compiler.native.{file}").offer()


native.request = _offer_machine_code


@functools.cache
def origins() -> dict[str, str | Alias]:
    """Every dotted public name, sorted, and what the table says it means.

    An op's own name is an ``Alias`` without a signature; anything else is ``module:attribute``.
    """
    found: dict[str, str | Alias] = {}
    for name, made in registry().items():
        for space in _spaces(made):
            found[f"{space}.{name}" if space else name] = Alias(name)
    found.update(ALIASES)
    found.update(OBJECTS)
    return dict(sorted(found.items()))


def _spaces(made: Any) -> tuple[str, ...]:
    """The namespaces of an op or a composite: those of the file that it stands in."""
    return FAMILIES.get(inspect.unwrap(made).__module__.rpartition(".")[2], ("",))


def registry() -> dict[str, Any]:
    """What each public name of the registry calls."""
    found = {name: REGISTRY.public(name) for name in REGISTRY}
    return {name: target for name, target in found.items() if target is not None}


def public_names(space: str) -> list[str]:
    """The names in a namespace; ``""`` is ``tf`` itself, without its modules."""
    depth = space.count(".") + 1 if space else 0
    prefix = f"{space}." if space else ""
    return [
        name[len(prefix) :]
        for name in origins()
        if name.startswith(prefix) and name.count(".") == depth
    ]


def origin(space: str, name: str) -> str | Alias | None:
    """What the table says about a name of a namespace, or None."""
    dotted = f"{space}.{name}" if space else name
    meant = OBJECTS.get(dotted) or ALIASES.get(dotted)
    made = None if meant else REGISTRY.public(name)  # without making the whole table
    return Alias(name) if made is not None and space in _spaces(made) else meant


def op_of(meant: str | Alias) -> str | None:
    """The op that a name stands for: an alias's, or that of a function of ``api/arrays.py``."""
    if isinstance(meant, Alias):
        return meant.op
    module, _, attribute = meant.partition(":")
    return attribute if module == "twofold.api.arrays" and attribute in REGISTRY else None


def load(space: str, name: str) -> Any:
    """The object that a name of a namespace means. Raises AttributeError."""
    meant = origin(space, name)
    if meant is None:
        import difflib  # noqa: PLC0415  (for a hint alone)

        close = difflib.get_close_matches(name, public_names(space), 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        module = f"twofold.{space}" if space else "twofold"
        raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}")
    if isinstance(meant, str):
        module, _, attribute = meant.partition(":")
        return getattr(importlib.import_module(module), attribute)
    target = REGISTRY.public(meant.op)
    assert target is not None, f"{meant.op} is not public"
    return spelled(name, target, meant.signature) if meant.signature else target


def namespace(module: dict[str, Any]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of the module of a namespace: what its names mean is loaded
    when they are used."""
    space = module["__name__"].partition(".")[2]

    def find(name: str) -> Any:
        if name == "__all__":
            return public_names(space)
        if name.startswith("_"):
            raise AttributeError(f"module 'twofold.{space}' has no attribute {name!r}")
        with Loading():
            module[name] = found = load(space, name)
        return found

    return find, lambda: public_names(space)
