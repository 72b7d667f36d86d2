"""One function in every mode: eager, on array operations, compiled in the background, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import twofold as tf
from twofold.ir.tree import flatten

MODES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "arrays": lambda f: tf.function(f, jit_compile=False),
    "default": tf.function,
    "compiled": lambda f: tf.function(f, jit_compile=True),
}


class Outcome:
    """What a call returned or raised, and what it left in Variables."""

    def __init__(self, run: Callable[[], Any], variables: Sequence[tf.Variable]) -> None:
        self.error: Exception | None = None
        self.leaves: list[Any] = []
        self.structure: Any = None
        try:
            self.leaves, self.structure = flatten(run())
        except Exception as error:  # noqa: BLE001  (it is compared)
            self.error = error
        self.state = [v.array.copy() for v in variables]

    def check(self, other: Outcome, words: bool = True) -> None:
        """Raise AssertionError where another outcome is not the same; errors in their words too."""
        assert type(self.error) is type(other.error), (self.error, other.error)
        if words:
            assert str(self.error).split("\n")[0] == str(other.error).split("\n")[0]
        assert self.structure == other.structure
        for a, b in zip(self.leaves, other.leaves, strict=True):
            same_value(a, b)
        for a, b in zip(self.state, other.state, strict=True):
            same_value(a, b)


def same_value(a: Any, b: Any) -> None:
    """Raise AssertionError unless two leaves are alike: kind, dtype, shape, values."""
    assert type(a) is type(b), (a, b)
    if not isinstance(a, tf.Tensor | np.ndarray):
        assert a == b
        return
    x, y = np.asarray(a), np.asarray(b)
    assert (x.dtype, x.shape) == (y.dtype, y.shape), (a, b)
    bound = {"float32": 1e-5, "float64": 1e-12}.get(x.dtype.name, 0.0)
    np.testing.assert_allclose(x, y, rtol=bound, atol=bound)


def same_in_every_mode(
    function: Callable[..., Any], *calls: Sequence[Any], variables: Sequence[tf.Variable] = (),
    words: bool = True,
) -> list[Outcome]:  # fmt: skip
    """Call a function eagerly and in every mode, each time from the same state; the eager outcomes."""
    before = [v.array.copy() for v in variables]

    def outcome(called: Callable[..., Any], args: Sequence[Any]) -> Outcome:
        for v, value in zip(variables, before, strict=True):
            v.assign(value)
        return Outcome(lambda: called(*args), variables)

    wanted = [outcome(function, args) for args in calls]
    for mode, compiled in MODES.items():
        traced = compiled(function)
        for args, want in zip(calls, wanted, strict=True):
            try:
                want.check(outcome(traced, args), words)
            except AssertionError as error:
                error.add_note(f"{mode}: {args}")
                raise
    return wanted
