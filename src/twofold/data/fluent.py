"""What the methods of datasets share."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any

from twofold.ir.errors import ArgumentError

from .node import Node
from .options import Options

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["AUTOTUNE", "Fluent", "ahead_of", "count_of", "name_of", "node_of"]


AUTOTUNE = -1  # as many as it takes


class Fluent:
    """A dataset as its node and its options."""

    is_dataset = True
    _node: Node
    _options: Options

    def _over(self, node: Node) -> Dataset:
        """A dataset of another node, with the options of this one."""
        made = object.__new__(_dataset_class(self))
        made._node, made._options = node, self._options
        return made


def _dataset_class(dataset: Fluent) -> type[Dataset]:
    """The class that is offered to users, for its subclasses as well."""
    return next(c for c in type(dataset).__mro__ if c.__name__ == "Dataset")


def node_of(dataset: Any, what: str) -> Node:
    """The node of a dataset. Raises ArgumentError for what is none."""
    if not isinstance(dataset, Fluent):
        raise ArgumentError(f"{what} takes a dataset, not {type(dataset).__name__}")
    return dataset._node


def count_of(value: Any, what: str) -> int:
    """A Python int, or a tensor that is one. Raises ArgumentError."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ArgumentError(f"{what} is an integer, not {value!r}") from None


def ahead_of(value: Any, least: int, what: str) -> int:
    """How many at once or ahead: a number from ``least``, or AUTOTUNE. Raises ArgumentError."""
    count = count_of(value, what)
    if count < least and count != AUTOTUNE:
        raise ArgumentError(f"{what} is at least {least}, or AUTOTUNE, not {count}")
    return count


def name_of(path: Any) -> str:
    """A path as a text; a tensor of a text is one, too."""
    held = path.numpy().decode() if hasattr(path, "numpy") else path
    name: str = os.fspath(held)
    return name
