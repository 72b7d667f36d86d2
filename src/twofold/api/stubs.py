"""The type stubs of the names that come from the registry: ``__init__.pyi``, ``math.pyi`` ...

Type checkers and editors read them; ``tests/test_face.py`` compares them with the registry, and
with ``--update-golden`` writes them anew.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from . import surface
from .names import MODULES, NAMESPACES, Alias

__all__ = ["GENERATED", "stub_file", "stub_text"]

# Namespaces whose modules hold nothing but names of the registry; "" is ``tf`` itself.
GENERATED: tuple[str, ...] = ("", "bitwise", "linalg", "math", "nn", "random")
HEADER = """\
# Written by `pytest tests/test_face.py --update-golden` from the registry of ops.
# ruff: noqa
# fmt: off
import builtins
from typing import Any
"""
_BUILTINS = ("bool", "int", "float", "str")
_KIND = inspect.Parameter


def stub_file(space: str) -> str:
    """The name of the stub of a namespace, beside ``__init__.py``."""
    return f"{space or '__init__'}.pyi"


def stub_text(space: str) -> str:
    """The stub of a namespace."""
    imports: list[str] = []
    functions: list[str] = []
    for name in surface.public_names(space):
        meant = surface.origin(space, name)
        if isinstance(meant, Alias):
            functions.append(_function(name, surface.load(space, name)))
        elif meant is not None:
            module, _, attribute = meant.partition(":")
            imports.append(f"from {module} import {attribute} as {name}")
    own: list[str] = []
    if not space:
        imports += [f"from twofold import {module} as {module}" for module in NAMESPACES]
        imports += [f"import {path} as {name}" for name, path in MODULES.items()]
        own = ["__array_api_version__: builtins.str", "__version__: builtins.str"]
    return "\n".join([HEADER + "\n".join(sorted(imports)), *own, *functions]).strip() + "\n"


def _function(name: str, target: Any) -> str:
    """One line: a call takes attributes by position too, so no parameter is keyword-only,
    unless it follows ``*xs``."""
    parts: list[str] = []
    variadic = False
    for p in inspect.signature(target).parameters.values():
        star = "*" if p.kind is _KIND.VAR_POSITIONAL else ""
        variadic = variadic or bool(star)
        default = "" if p.default is _KIND.empty else " = ..."
        parts.append(f"{star}{p.name}: {_annotation(p.annotation)}{default}")
    return f"def {name}({', '.join(parts)}) -> Any: ..."


def _annotation(given: Any) -> str:
    """An annotation in words that no name of the face hides; what is not plain is Any."""
    text = given if isinstance(given, str) else "Any"
    words = set(re.findall(r"\w+", text))
    if not words <= {*_BUILTINS, "None"} or not re.fullmatch(r"[\w |]+", text):
        return "Any"
    return re.sub(rf"\b({'|'.join(_BUILTINS)})\b", r"builtins.\1", text)
