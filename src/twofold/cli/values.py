"""Inputs of a graph that is run from the command line: given, or random from a seed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np

from twofold.ir.dims import DimLike, evaluate, symbols_of
from twofold.ir.dtypes import info, known
from twofold.ir.graph import Graph, Value
from twofold.ir.printer import value_names
from twofold.ir.rebuild import resized
from twofold.ir.types import RefType, TensorType
from twofold.ir.verify import verify
from twofold.runtime.variable import Variable

from .given import first_line

__all__ = ["DEFAULT_SIZE", "given_inputs", "given_sizes", "make_inputs", "plain"]

DEFAULT_SIZE = 4  # of a symbol that neither --size nor an input tells


def given_sizes(texts: Iterable[str]) -> dict[str, int]:
    """``n=5`` -> ``{"n": 5}``. Raises BadParameter."""
    sizes: dict[str, int] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals or not number.isdecimal():
            raise click.BadParameter(f"{text!r} is not NAME=SIZE", param_hint="--size")
        sizes[name] = int(number)
    return sizes


def given_inputs(texts: Iterable[str]) -> dict[str, Any]:
    """``x=file.npy``, ``x=1.5``, ``x=[1, 2]`` -> arrays or nested lists. Raises BadParameter."""
    inputs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--input")
        inputs[name.lstrip("%")] = _read(value)
    return inputs


def _read(text: str) -> Any:
    if text.endswith(".npy"):
        if not Path(text).is_file():
            raise click.BadParameter(f"there is no file {text!r}", param_hint="--input")
        try:
            return np.load(text, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            reason = f"{text} cannot be read: {first_line(error)}"
            raise click.BadParameter(reason, param_hint="--input") from None
    try:
        return json.loads(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither a .npy file nor a number or list such as [1, 2]",
            param_hint="--input",
        ) from None


def make_inputs(
    graph: Graph, given: dict[str, Any], sizes: dict[str, int], seed: int
) -> tuple[list[Any], dict[str, int]]:
    """An array (a Variable for a ``ref``) for each input, and the value of each size symbol."""
    names = value_names(graph)
    _known_names(given, [names[v] for v in graph.inputs], "--input", "input")
    arrays = {
        v: _as_input(given[names[v]], v.type, names[v]) for v in graph.inputs if names[v] in given
    }
    env = dict(sizes)
    for value, array in arrays.items():
        for dim, size in zip(value.type.shape, array.shape, strict=True):
            if str(dim) in symbols_of(dim):
                env.setdefault(str(dim), size)
    symbols = graph.symbols()
    _known_names(sizes, symbols, "--size", "size symbol")
    env = {name: env.get(name, DEFAULT_SIZE) for name in symbols}
    verify(resized(graph, env))  # `4*(n//4)` elements are `n` of them only if n is one of 4, 8 ...
    return [_final(v, arrays.get(v), names[v], env, seed) for v in graph.inputs], env


def _known_names(given: Iterable[str], known: Iterable[str], option: str, what: str) -> None:
    there = list(known)
    for name in given:
        if name not in there:
            has = ", ".join(there) or "none"
            raise click.BadParameter(
                f"the graph has no {what} {name!r}; it has: {has}", param_hint=option
            )


def _as_input(value: Any, kind: TensorType, name: str) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise click.BadParameter(f"{name}: {error}", param_hint="--input") from None
    if array.ndim != kind.rank or not known(array.dtype):
        raise click.BadParameter(
            f"{name} is {kind}; {array.dtype} of shape {array.shape} given", param_hint="--input"
        )
    return array.astype(kind.dtype)


def _final(value: Value, array: Any, name: str, env: dict[str, int], seed: int) -> Any:
    shape = tuple(_size(d, env) for d in value.type.shape)
    if array is None:
        rng = np.random.default_rng([seed, _number(name)])
        try:
            array = _random(value.type.dtype, shape, rng)
        except (MemoryError, ValueError) as error:
            reason = f"{name} of shape {shape} cannot be made: {first_line(error)}"
            raise click.BadParameter(reason, param_hint="--size") from None
    elif array.shape != shape:
        raise click.BadParameter(f"{name} is {value.type}, so of shape {shape} here; "
                                 f"{array.shape} given", param_hint="--input")  # fmt: skip
    return Variable(array, name=name) if isinstance(value.type, RefType) else array


def _size(dim: DimLike, env: dict[str, int]) -> int:
    return evaluate(dim, env)


def _number(name: str) -> int:
    """A number of the name, so that an input does not depend on those beside it."""
    return zlib.crc32(name.encode())


def _random(dtype: np.dtype[Any], shape: tuple[int, ...], rng: Any) -> np.ndarray[Any, Any]:
    """Normal numbers; integers from 0 to 9; bools."""
    if info(dtype).complex:
        return np.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if info(dtype).floating:
        return np.asarray(rng.normal(size=shape)).astype(dtype)
    return np.asarray(rng.integers(0, 2 if info(dtype).boolean else 10, shape)).astype(dtype)


def plain(array: np.ndarray[Any, Any]) -> Any:
    """Nested lists for JSON; what JSON has no number for is a string: ``"nan"``, ``"1+2j"``."""
    if not info(array.dtype).inexact or (info(array.dtype).floating and np.isfinite(array).all()):
        return array.tolist()
    return _spelled(array.tolist())


def _spelled(x: Any) -> Any:
    if isinstance(x, list):
        return [_spelled(item) for item in x]
    return str(x) if isinstance(x, complex) or x - x != 0 else x
