"""Arrays that a compiled function returns: its arguments, views of them, and arrays of its own.

A view is made by applying its chain to the real array behind it, so what comes back shares memory
as it would without compiling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import TracedArray
from .windows import Position, Window

__all__ = ["Returned", "Roots"]


class Returned:
    """How one returned array is made."""

    def __init__(self, array: TracedArray, output: int | None) -> None:
        if any(isinstance(link, Position | Window) for link in array.chain):
            raise array.home.plain()  # its place is computed
        self.source = array.cell.source  # an argument's position, a captured array, or None
        self.output = output  # the graph output that is the base, if the function made it
        self.chain, self.writeable = array.chain, array.writeable
        axes = array.cell.axes
        self.perm = axes if axes is not None and list(axes) != sorted(axes) else None  # of memory

    @property
    def is_output(self) -> bool:
        """Whether it is a graph output as it is, if that is laid out in rows."""
        made = self.output is not None and self.perm is None and not self.chain
        return made and bool(self.writeable)

    def make(self, roots: Roots) -> np.ndarray[Any, Any]:
        """The array for this call."""
        array = roots.root(self)
        for link in self.chain:
            array = link.apply(array, roots.env)
        if not self.writeable and array.flags.writeable:
            if self.chain:
                array.flags.writeable = False
            elif self.source is None:
                roots.frozen.append(array)
        return array


class Roots:
    """The base arrays of one call."""

    def __init__(self, results: Any, leaves: Any, env: dict[str, int], owned: frozenset[int]):
        self.results = results  # the output tensors
        self.leaves, self.env, self.owned = leaves, env, owned
        self._made: dict[int, np.ndarray[Any, Any]] = {}
        self.frozen: list[np.ndarray[Any, Any]] = []  # to be made read-only, after their views

    def finish(self) -> None:
        """Every array has been made."""
        for array in self.frozen:
            array.flags.writeable = False

    def root(self, wanted: Returned) -> np.ndarray[Any, Any]:
        """The array that a returned one is, or is a view of."""
        source = wanted.source
        if source.__class__ is int:
            found: np.ndarray[Any, Any] = self.leaves[source]
            return found
        if source is not None:
            return np.asarray(source)
        k = wanted.output
        assert k is not None
        if k not in self._made:
            self._made[k] = _laid_out(self.results[k].array, wanted.perm, k in self.owned)
        return self._made[k]


def _laid_out(array: Any, perm: Any, owned: bool) -> np.ndarray[Any, Any]:
    """A result as an array of its own, with the axes in memory as NumPy would have them."""
    array = np.asarray(array)
    if perm is None:
        plain = owned and array.flags.c_contiguous and array.flags.writeable
        return array if plain else np.array(array, order="C")
    turned = np.array(array.transpose(perm), order="C")
    return turned.transpose(np.argsort(perm))
