"""Saved models on the command line: ``twofold run DIR --signature NAME``, ``twofold dump DIR``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir.errors import TargetError
from twofold.ir.graph import Graph
from twofold.ir.printer import value_names
from twofold.runtime.tensor import wrap
from twofold.runtime.variable import Variable
from twofold.saving import saved_model
from twofold.saving.directory import MANIFEST, read_directory
from twofold.saving.signatures import DEFAULT, Signature

from .values import make_inputs

__all__ = ["SavedTarget", "find_saved", "run_signature", "summary"]


class SavedTarget:
    """A saved model, and one of its signatures, functions or none."""

    def __init__(self, path: str, name: str) -> None:
        self.path, self.name = path, name
        self.loaded = saved_model.load(path)

    def signature(self, name: str | None) -> Signature:
        """A signature by name; by default ``serving_default``, or the only one. Raises
        TargetError."""
        there = self.loaded.signatures
        found = name or (DEFAULT if DEFAULT in there or len(there) != 1 else next(iter(there)))
        if found not in there:
            names = ", ".join(there) or "none"
            raise TargetError(f"{self.path} has no signature {found!r}; it has: {names}")
        signature: Signature = there[found]
        return signature

    def graph(self) -> Graph:
        """The graph of the signature or function of this name, before any pass."""
        if self.name in self.loaded.signatures:
            graph: Graph = self.signature(self.name).trace.graph
            return graph
        made = vars(self.loaded).get(self.name)
        if not getattr(made, "restored", None):
            names = ", ".join([*self.loaded.signatures, *functions(self.loaded)]) or "none"
            raise TargetError(f"{self.path} has no graph {self.name!r}; it has: {names}")
        first: Graph = made.restored[0].graph
        return first


def functions(loaded: Any) -> list[str]:
    """The names of the functions of a loaded object that have graphs."""
    return [name for name, held in vars(loaded).items() if getattr(held, "restored", None)]


def find_saved(text: str) -> SavedTarget | None:
    """``DIR`` or ``DIR:NAME`` of a saved model; None for anything else. Raises LoadError."""
    path, name = (text, "") if os.path.isdir(text) else text.rpartition(":")[::2]
    if not path or not (Path(path) / MANIFEST).is_file():
        return None
    return SavedTarget(path, name)


def run_signature(
    signature: Signature, given: dict[str, Any], sizes: dict[str, int], seed: int
) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]], dict[str, int]]:
    """Outputs, Variables that changed, and sizes, for given inputs and random ones."""
    trace = signature.trace
    count = len(signature.inputs)
    view = Graph(trace.graph.name, trace.graph.inputs[:count])
    names = value_names(view)
    order = [x for kind, x in trace.leaves if kind == "input"]
    places = dict(zip(signature.inputs, order, strict=True))
    known = {names[view.inputs[places[n]]] if n in places else n: v for n, v in given.items()}
    arrays, env = make_inputs(view, known, sizes, seed)
    states = [c for c in trace.captures if isinstance(c, Variable)]
    before = [v.array.copy() for v in states]
    made = signature(**{name: wrap(arrays[place]) for name, place in places.items()})
    results = [(name, np.asarray(value.numpy())) for name, value in made.items()]
    changed = [
        (v.name, v.array)
        for v, old in zip(states, before, strict=True)
        if old.tobytes() != v.array.tobytes()
    ]
    return results, changed, env


def summary(saved: SavedTarget) -> str:
    """What a saved model is made of: versions, files, signatures, functions, Variables."""
    held = read_directory(saved.path, saved_model.KIND).manifest
    lines = [f"saved model of twofold {held.get('twofold')}, version {held['version']}"]
    for name, file in sorted(held["files"].items()):
        lines.append(f"file {name}: {file['bytes']} bytes, sha256 {file['sha256'][:16]}...")
    for signature in saved.loaded.signatures.values():
        lines.append(repr(signature)[1:-1])
    for name in functions(saved.loaded):
        lines += [f"function {name}{trace}" for trace in vars(saved.loaded)[name].restored]
    for variable in saved.loaded.variables:
        kind = "" if variable.trainable else ", not trainable"
        shape = list(variable.shape)
        lines.append(f"variable {variable.name}: {variable.dtype.name}{shape}{kind}")
    return "\n".join(lines) + "\n"
