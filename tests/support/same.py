"""Whether a compiled function is what plain Python makes of it: value, dtype, structure, identity,
exception, and what the caller's arrays hold afterwards."""

from __future__ import annotations

import contextlib
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import twofold as tf
from twofold.compiler import background

__all__ = ["Difference", "compare", "outcome", "program", "same_result", "twins"]


class Difference(AssertionError):
    """What differs, in words."""


def program(text: str, parameters: str = "a") -> Callable[..., Any]:
    """The function with this body."""
    space: dict[str, Any] = {"np": np, "tf": tf, "contextlib": contextlib}
    body = textwrap.indent(text, "    ")
    exec(compile(f"def f({parameters}):\n{body}\n", "<string>", "exec"), space)
    found: Callable[..., Any] = space["f"]
    return found


def twins(arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Copies with the same strides and flags, which share memory among themselves as the arrays do."""
    memory: dict[int, tuple[int, np.ndarray[Any, Any]]] = {}
    made: dict[int, np.ndarray[Any, Any]] = {}
    for array in arrays:
        if id(array) not in made:
            root = _root(array)
            if id(root) not in memory:
                low, high = np.lib.array_utils.byte_bounds(root)
                memory[id(root)] = low, np.zeros(max(high - low, 1), np.uint8)
            low, raw = memory[id(root)]
            offset = array.__array_interface__["data"][0] - low
            twin = np.ndarray(
                array.shape, array.dtype, raw, offset if array.size else 0, array.strides
            )
            twin[...] = array
            twin.flags.writeable = array.flags.writeable
            made[id(array)] = twin
    return [made[id(a)] for a in arrays]


def _root(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return _root(array.base) if isinstance(array.base, np.ndarray) else array


def outcome(run: Callable[[], Any]) -> Any:
    """The result, or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run()
        except Exception as error:  # noqa: BLE001
            return error


def compare(function: Callable[..., Any], *arrays: Any, jit: bool | None = False, calls: int = 2,
            refusals: bool = False) -> str:  # fmt: skip
    """Run both ways on copies of the arrays; raises Difference. Says ``raised``, ``refused`` (only
    where that is allowed) or ``returned``."""
    compiled = tf.function(function, jit_compile=jit)
    state = "returned"
    for call in range(calls):
        if jit is None and call == calls - 2:
            background.wait(60)  # the last calls run in the kernels
        plain, given = twins(arrays), twins(arrays)
        want = outcome(lambda: function(*plain))  # noqa: B023
        got = outcome(lambda: compiled(*given))  # noqa: B023
        if refusals and isinstance(got, tf.errors.StagingError):
            for before, after in zip(arrays, given, strict=True):
                _same(after, before, "an argument after a refusal")
            return "refused"
        _same(got, want, "the result")
        for i, (x, y) in enumerate(zip(given, plain, strict=True)):
            _same(x, y, f"argument {i} afterwards")
        _same_memory(got, given, want, plain)
        state = "raised" if isinstance(want, Exception) else state
    return state


def same_result(got: Any, want: Any) -> None:
    """Raise Difference unless a result is another one: types, structure, dtypes, values."""
    _same(got, want, "the result")


def _same(got: Any, want: Any, what: str) -> None:
    if isinstance(want, Exception):
        if type(got) is not type(want):
            raise Difference(f"{what}: {got!r}, expected {want!r}") from (
                got if isinstance(got, Exception) else None
            )
        return
    if isinstance(got, Exception):
        raise Difference(f"{what}: {got!r}, expected {want!r}") from got
    if type(got) is not type(want):
        raise Difference(f"{what}: {type(got)}, expected {type(want)}: {got!r}, {want!r}")
    if isinstance(want, tuple | list):
        if len(got) != len(want):
            raise Difference(f"{what}: {len(got)} items, expected {len(want)}")
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            _same(g, w, f"{what}[{i}]")
    elif isinstance(want, dict):
        _same(list(got.items()), list(want.items()), what)
    elif isinstance(want, tf.Tensor):
        _same(got.numpy(), want.numpy(), what)
    elif isinstance(want, np.ndarray | np.generic):
        _same_numbers(got, want, what)
    elif got != want:
        raise Difference(f"{what}: {got!r}, expected {want!r}")


def _same_numbers(got: Any, want: Any, what: str) -> None:
    if got.dtype != want.dtype or got.shape != want.shape:
        raise Difference(
            f"{what}: {got.dtype}{got.shape}, expected {want.dtype}{want.shape}: {got}, {want}"
        )
    exact = want.dtype.kind not in "fc"
    eps = 0.0 if exact else 64 * float(np.finfo(want.dtype).eps)
    with np.errstate(all="ignore"):
        scale = 0.0
        if not exact and np.size(want):
            finite = np.abs(want[np.isfinite(want)] if np.ndim(want) else np.asarray([want]))
            scale = float(np.max(finite, initial=0.0)) if np.isfinite(finite).all() else 0.0
        if not np.allclose(got, want, rtol=eps, atol=eps * scale, equal_nan=True):
            raise Difference(f"{what}: {got!r}, expected {want!r}")
    if isinstance(want, np.ndarray) and want.size > 1:
        wrong = [
            (g, w)
            for g, w, n in zip(got.strides, want.strides, want.shape, strict=True)
            if g != w and n > 1
        ]
        if wrong:
            raise Difference(f"{what}: strides {got.strides}, expected {want.strides}")
        if got.flags.writeable != want.flags.writeable:
            raise Difference(f"{what}: writeable {got.flags.writeable}")


def _arrays(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [x for part in tree for x in _arrays(part)]
    if isinstance(tree, dict):
        return _arrays(list(tree.values()))
    return [tree] if isinstance(tree, np.ndarray) else []


def _same_memory(got: Any, given: list[Any], want: Any, plain: list[Any]) -> None:
    """Who is who, and who shares memory with whom."""
    ours, theirs = [*_arrays(got), *given], [*_arrays(want), *plain]
    for i, (x, u) in enumerate(zip(ours, theirs, strict=True)):
        for y, v in zip(ours[:i], theirs[:i], strict=True):
            if (x is y) != (u is v):
                raise Difference(f"identity: {x is y}, expected {u is v}")
            if np.shares_memory(x, y) != np.shares_memory(u, v):
                raise Difference(f"shared memory: {np.shares_memory(x, y)} for {x!r} and {y!r}")
