"""``tf.saved_model``: an object with its Variables and compiled functions, as a directory.

    manifest.json          versions, sizes and checksums of the files (``directory.py``)
    objects.json           the object: what hangs below what, functions, signatures, Variables
    graphs.ir              the graphs of the functions as IR text
    weights.safetensors    the Variables' values and the constants

Nothing in it is code: loading parses texts and reads numbers.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twofold.compiler.method import BoundConcrete, BoundMethod
from twofold.ir.errors import ArgumentError, IRSyntaxError, LoadError, TwofoldError
from twofold.ir.parser import parse_all
from twofold.runtime.convert import variable_of
from twofold.runtime.tensor import wrap
from twofold.runtime.variable import Variable

from .directory import Content, Saved, read_directory, write_directory
from .module import Module
from .record import Recorder, is_function
from .restored import RestoredTrace, restored_function
from .signatures import make_signatures, restored_signatures
from .tracked import children_of, is_node, is_variable
from .weights import describe, read_arrays, write_arrays

__all__ = ["KIND", "Restored", "contains_saved_model", "load", "save"]

KIND = "saved_model"
OBJECTS, GRAPHS, WEIGHTS = "objects.json", "graphs.ir", "weights.safetensors"


def save(
    obj: Any, export_dir: str | os.PathLike[str], signatures: Any = None, options: Any = None,
    *, extra: Mapping[str, Content] | None = None,
) -> None:  # fmt: skip
    """Save an object with its Variables and compiled functions as a directory.

    ``obj``: a ``tf.Module``, or what has Variables and functions below it (lists, dicts, layers of
    Keras). Its compiled functions are saved with the traces that they have, or with the one of
    their input signature. ``signatures``: a compiled function, or a dict of them by name; by
    default ``__call__``, if it is compiled and has one trace, as ``serving_default``. The directory
    appears whole or not at all; one that is there is replaced in the same way. ``options`` is
    accepted and ignored; ``extra``: further files by name.

    Raises ArgumentError for what cannot be saved or a place that holds something else, SaveError if
    the disk is full or the place not writable. Nothing is changed then.

    >>> import tempfile, twofold as tf
    >>> class Scale(tf.Module):
    ...     def __init__(self):
    ...         self.w = tf.Variable(3.0)
    ...     @tf.function(input_signature=[tf.TensorSpec([None])])
    ...     def __call__(self, x):
    ...         return x * self.w
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tf.saved_model.save(Scale(), f"{folder}/scale")
    ...     loaded = tf.saved_model.load(f"{folder}/scale")
    >>> loaded(tf.constant([1.0, 2.0])).numpy()
    array([3., 6.], dtype=float32)
    """
    writer = _Writer()
    root = writer.node(obj, "the object")
    if writer.nodes[root]["kind"] not in ("object", "dict", "list", "tuple"):
        raise ArgumentError(
            f"tf.saved_model.save takes a tf.Module or an object with Variables and compiled "
            f"functions below it, not {obj!r}"
        )
    signed = make_signatures(obj, signatures)
    listed = {
        name: {**held, "function": writer.function(made)} for name, (made, held) in signed.items()
    }
    objects = {
        "root": root,
        "nodes": writer.nodes,
        "functions": writer.functions,
        "variables": writer.variables,
        "arrays": describe(writer.arrays),
        "signatures": listed,
    }
    files: dict[str, Content] = {
        OBJECTS: json.dumps(objects, indent=1).encode(),
        GRAPHS: "\n".join(writer.recorder.graphs).encode(),
        WEIGHTS: functools.partial(write_arrays, arrays=writer.arrays),
        **(extra or {}),
    }
    write_directory(export_dir, KIND, files, {"signatures": sorted(listed)})


class _Writer:
    """What is saved, as JSON and arrays; everything is saved once."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.functions: list[dict[str, Any]] = []
        self.variables: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.recorder = Recorder(self.variable, self.array)
        # by identity: what was met, which so stays alive, and its number
        self._met: dict[Any, tuple[Any, int]] = {}

    def node(self, value: Any, where: str) -> int:
        """The number of a node for an object."""
        key = "node", id(value)
        if key in self._met:
            return self._met[key][1]
        number = len(self.nodes)
        self.nodes.append({})
        self._met[key] = value, number
        self.nodes[number] = self._made(value, where)
        return number

    def _made(self, value: Any, where: str) -> dict[str, Any]:
        if is_variable(value):
            return {"kind": "variable", "variable": self.variable(variable_of(value))}
        if is_function(value):
            return {"kind": "function", "function": self.function(value)}
        below = children_of(value)
        if below is None:
            return {"kind": "nothing"}
        kind = type(value).__name__ if type(value) in (list, tuple, dict) else "object"
        names = {**below, **_functions_of(value)}
        children = {}
        for name, held in names.items():
            if is_variable(held) or is_function(held) or is_node(held) or kind in ("list", "tuple"):
                children[name] = self.node(held, f"{where}.{name}")
        made: dict[str, Any] = {"kind": kind, "children": children}
        if kind == "object":
            made["name"] = str(getattr(value, "name", type(value).__name__))
            made["class"] = type(value).__name__
        return made

    def function(self, value: Any) -> int:
        """The number of a record of a function."""
        made, owner = value, None
        if isinstance(value, BoundMethod):
            made, owner = value.__func__, value.__self__
        elif isinstance(value, BoundConcrete):
            made, owner = value.concrete, value.__self__
        key = "function", id(made), id(owner)
        if key in self._met:
            return self._met[key][1]
        number = len(self.functions)
        self.functions.append({})
        self._met[key] = value, number
        self.functions[number] = self.recorder.function(value)
        return number

    def variable(self, value: Variable) -> int:
        """The number of a Variable."""
        key = "variable", id(value)
        if key not in self._met:
            number = len(self.variables)
            self._met[key] = value, number
            array = f"variables/{number}"
            self.arrays[array] = value.array
            self.variables.append({
                "name": value.name, "trainable": value.trainable, "array": array,
                "generator": value.turn is not None,
            })  # fmt: skip
        return self._met[key][1]

    def array(self, value: np.ndarray[Any, Any]) -> str:
        """The name of a constant."""
        for name, held in self.arrays.items():
            if held is value:
                return name
        name = f"constants/{len(self.arrays)}"
        self.arrays[name] = value
        return name


def _functions_of(value: Any) -> dict[str, Any]:
    """The compiled functions and methods of a module, by the name of the attribute."""
    if not isinstance(value, Module):
        return {}
    names = {n for kind in type(value).__mro__ for n, m in vars(kind).items() if is_function(m)}
    names |= {n for n, held in vars(value).items() if is_function(held)}
    return {name: getattr(value, name) for name in sorted(names)}


class Restored(Module):
    """An object that was loaded: attributes for what hung below it, ``signatures``, and its
    functions. It is called as the saved object was, if that could be."""

    signatures: Mapping[str, Any]

    def __tf_signatures__(self) -> Mapping[str, Any]:
        return self.signatures

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = vars(self).get("__call__")
        if call is None:
            names = ", ".join(self.signatures) or "none"
            raise ArgumentError(
                f"the object was saved without a compiled __call__; its signatures: {names}"
            )
        return call(*args, **kwargs)


def contains_saved_model(export_dir: str | os.PathLike[str]) -> bool:
    """Whether a directory holds a saved model of twofold.

    >>> contains_saved_model(".")
    False
    """
    try:
        read_directory(export_dir, KIND)
    except LoadError:
        return False
    return True


def load(export_dir: str | os.PathLike[str], tags: Any = None, options: Any = None) -> Any:
    """Load what ``tf.saved_model.save`` wrote: an object with Variables and functions of its own.

    The functions run compiled and have gradients; no code of the saved object is needed or run.
    ``signatures`` are functions of keyword tensors that return a dict. ``tags`` and ``options`` are
    accepted and ignored. Raises LoadError for a directory that is no saved model, is damaged, or
    needs a newer version. See ``save`` for an example.
    """
    saved = read_directory(export_dir, KIND)
    return _decoded(saved, lambda: _Reader(saved).root())


def _decoded(saved: Saved, read: Callable[[], Any]) -> Any:
    """What is read, or a LoadError for whatever does not fit."""
    try:
        return read()
    except LoadError:
        raise
    except IRSyntaxError as error:
        raise LoadError(
            f"{saved.path}: a graph cannot be read ({error.reason}, line {error.line} of "
            f"{GRAPHS}); it was written by twofold {saved.manifest.get('twofold')}"
        ) from error
    except (TwofoldError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise LoadError(f"{saved.path} is damaged, or of a version that is not known: {e!r}") from e


class _Reader:
    """Makes the objects of a saved model."""

    def __init__(self, saved: Saved) -> None:
        self.saved = saved
        self.objects = saved.json(OBJECTS)
        self.arrays = read_arrays(saved.file(WEIGHTS), self.objects["arrays"])
        self.graphs = parse_all(saved.read(GRAPHS))
        self.variables = [self._variable(v) for v in self.objects["variables"]]
        self.functions = [self._function(f) for f in self.objects["functions"]]
        self._made: dict[int, Any] = {}

    def root(self) -> Any:
        """The saved object."""
        made = self.node(self.objects["root"])
        if not isinstance(made, Restored):
            made, held = Restored(), made
            vars(made)["value"] = held
        made.signatures = restored_signatures(self.objects["signatures"], self.functions)
        return made

    def node(self, number: int) -> Any:
        """The object of a node."""
        if number in self._made:
            return self._made[number]
        held = self.objects["nodes"][number]
        kind = held["kind"]
        if kind == "variable":
            made: Any = self.variables[held["variable"]]
        elif kind == "function":
            made = self.functions[held["function"]]
        elif kind == "nothing":
            made = None
        else:
            return self._container(number, kind, held)
        self._made[number] = made
        return made

    def _container(self, number: int, kind: str, held: dict[str, Any]) -> Any:
        made: Any = {"list": list, "dict": dict, "tuple": list}.get(kind, Restored)()
        self._made[number] = made
        below = {name: self.node(child) for name, child in held["children"].items()}
        if kind in ("list", "tuple"):
            made.extend(below[str(i)] for i in range(len(below)))
        elif kind == "dict":
            made.update(below)
        else:
            name = held["name"]
            made._name = name if name.isidentifier() else None
            made.__dict__.update(below)
            made.signatures = {}
        if kind == "tuple":
            made = self._made[number] = tuple(made)
        return made

    def _variable(self, held: dict[str, Any]) -> Variable:
        array = self.arrays[held["array"]]
        if held["generator"]:
            from twofold.runtime.random import Generator  # noqa: PLC0415  (seldom)

            return Generator(state=array).state
        return Variable(array, trainable=bool(held["trainable"]), name=str(held["name"]))

    def _function(self, held: dict[str, Any]) -> Any:
        traces = []
        for t in held["traces"]:
            captures = [
                self.variables[c["variable"]] if "variable" in c else wrap(self.arrays[c["array"]])
                for c in t["captures"]
            ]
            traces.append(RestoredTrace(t, self.graphs[t["graph"]], captures, self.arrays))
        return restored_function(held, traces)
