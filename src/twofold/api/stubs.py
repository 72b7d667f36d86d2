"""The type stubs of the names that come from the registry: ``__init__.pyi``, ``math.pyi`` ...

Type checkers and editors read them; ``tests/test_face.py`` compares them with the registry, and
with ``--update-golden`` writes them anew. Types come from the records: what a name returns, and
which parameters are tensors, its samples show.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any

import numpy as np

from twofold.ir.registry import REGISTRY, Composite
from twofold.runtime.tensor import Tensor

from . import surface
from .names import MODULES, NAMESPACES, Alias
from .spelling import roles_of

__all__ = ["GENERATED", "files_text", "stub_file", "stub_text"]

# Namespaces whose modules hold nothing but names of the registry; "" is ``tf`` itself.
GENERATED: tuple[str, ...] = (
    "", "bitwise", "fft", "image", "linalg", "math", "nn", "random", "signal",
)  # fmt: skip
HEADER = """\
# Written by `pytest tests/test_face.py --update-golden` from the registry of ops.
# ruff: noqa
# fmt: off
import builtins
from typing import Any
from twofold.api.typing import Axis, DTypeLike, ShapeLike, TensorLike
"""
FILES_HEADER = '''\
"""Which file of this folder each op and composite stands in.

Written by `pytest tests/test_face.py --update-golden` from the registry of ops. A name that is
missing here is found too, by importing all files.
"""

from __future__ import annotations

__all__ = ["FILES"]

_TEXT = """
'''
FILES_END = '''
"""


def _read() -> dict[str, str]:
    found, file = {}, ""
    for word in _TEXT.split():
        if word.endswith(":"):
            file = word[:-1]
        else:
            found[word] = file
    return found


FILES = _read()
'''
TENSOR = "from twofold.runtime.tensor import Tensor"
_BUILTINS = ("bool", "int", "float", "str")
_KIND = inspect.Parameter
# Parameters that mean the same wherever they stand.
_BY_NAME = {"axis": "Axis", "dtype": "DTypeLike", "out_type": "DTypeLike", "shape": "ShapeLike"}
_SPEC = re.compile(r"([a-z]\w*)\[([\d,]*)\]$")
_KINDS = {"f": "float32", "i": "int32", "u": "uint32", "b": "bool", "c": "complex64"}


def stub_file(space: str) -> str:
    """The name of the stub of a namespace, beside ``__init__.py``."""
    return f"{space or '__init__'}.pyi"


def files_text() -> str:
    """``ir/ops/files.py``: which file an op or a composite stands in, by the registry."""
    found: dict[str, list[str]] = {}
    for name, entry in REGISTRY.items():
        made = inspect.unwrap(entry.function if isinstance(entry, Composite) else entry)
        found.setdefault(made.__module__.rpartition(".")[2], []).append(name)
    rows = []
    for file, names in sorted(found.items()):
        lines = textwrap.wrap(" ".join(names), 86)
        rows += [f"{file}:", *[f"    {line}" for line in lines]]
    return FILES_HEADER + "\n".join(rows) + FILES_END


def stub_text(space: str) -> str:
    """The stub of a namespace."""
    imports = [] if "Tensor" in surface.public_names(space) else [TENSOR]
    functions: list[str] = []
    for name in surface.public_names(space):
        meant = surface.origin(space, name)
        if isinstance(meant, Alias):
            functions.append(_function(name, meant, surface.load(space, name)))
        elif meant is not None:
            module, _, attribute = meant.partition(":")
            if attribute != name:  # an import under another name is not seen from outside
                functions.append(f"{name} = {attribute}")
            imports.append(f"from {module} import {attribute} as {attribute}")
    own: list[str] = []
    if not space:
        imports += [f"from twofold import {module} as {module}" for module in NAMESPACES]
        imports += [f"import {path} as {name}" for name, path in MODULES.items()]
        own = ["__array_api_version__: builtins.str", "__version__: builtins.str"]
    return "\n".join([HEADER + "\n".join(sorted(imports)), *own, *functions]).strip() + "\n"


def _function(name: str, alias: Alias, target: Any) -> str:
    """One line: a call takes attributes by position too, so no parameter is keyword-only,
    unless it follows ``*xs``."""
    tensors, roles = _tensor_parameters(alias.op), roles_of(alias.signature)
    parts: list[str] = []
    for p in inspect.signature(target).parameters.values():
        star = "*" if p.kind is _KIND.VAR_POSITIONAL else ""
        own = roles.get(p.name, p.name)
        kind = "TensorLike" if own in tensors else _annotation(own, p.annotation)
        if own in tensors and p.default is None:
            kind = "TensorLike | None"
        default = "" if p.default is _KIND.empty else " = ..."
        parts.append(f"{star}{p.name}: {kind}{default}")
    return f"def {name}({', '.join(parts)}) -> {_result(alias.op)}: ..."


def _annotation(name: str, given: Any) -> str:
    """An annotation in words that no name of the face hides; what is not plain is Any."""
    text = given if isinstance(given, str) else "Any"
    words = set(re.findall(r"\w+", text))
    if text == "Any":
        return _BY_NAME.get(name, "Any")
    if not words <= {*_BUILTINS, "None"} or not re.fullmatch(r"[\w |]+", text):
        return "Any"
    return re.sub(rf"\b({'|'.join(_BUILTINS)})\b", r"builtins.\1", text)


def _tensor_parameters(op: str) -> set[str]:
    """The parameters that a sample gives an array."""
    found = set()
    for sample in REGISTRY[op].samples:
        for p, given in zip(_positional(REGISTRY.public(op), sample), sample.inputs, strict=True):
            if isinstance(given, np.ndarray) or (isinstance(given, str) and _SPEC.match(given)):
                found.add(p)
    return found


def _positional(target: Any, sample: Any) -> list[str]:
    """The name of the parameter that each input of a sample stands for."""
    parameters = list(inspect.signature(target).parameters.values())
    names: list[str] = []
    for _ in sample.inputs:
        p = parameters[0]
        names.append(p.name)
        if p.kind is not _KIND.VAR_POSITIONAL:
            parameters.pop(0)
    return names


def _result(op: str) -> str:
    """What the samples give: a tensor, a tuple or a list of some."""
    target = REGISTRY.public(op)
    assert target is not None
    found = {
        _type_of(target(*map(_drawn, sample.inputs), **sample.attrs))
        for sample in REGISTRY[op].samples
    }
    return found.pop() if len(found) == 1 else "Any"


def _type_of(result: Any) -> str:
    if isinstance(result, Tensor):
        return "Tensor"
    if isinstance(result, tuple | list) and all(isinstance(x, Tensor) for x in result):
        if type(result) is list:
            return "list[Tensor]"
        parts = ", ".join(["Tensor"] * len(result))
        return f"builtins.tuple[{parts}]" if result else "builtins.tuple[()]"
    return "Any"


def _drawn(given: Any) -> Any:
    """An input for a sample's entry: ones of the dtype and shape that a spec names."""
    match = _SPEC.match(given) if isinstance(given, str) else None
    if match is None:
        return given
    shape = [int(n) for n in match[2].split(",") if n]
    return np.ones(shape, _KINDS.get(match[1], match[1]))
