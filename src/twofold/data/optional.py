"""``tf.experimental.Optional``: the next element, or that there is none."""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError

from . import spec as specs
from .nest import flatten, pack

__all__ = ["Optional"]


class Optional:
    """An element that may be missing; ``Iterator.get_next_as_optional`` gives one.

    >>> import twofold as tf
    >>> elements = iter(tf.data.Dataset.range(1))
    >>> first, second = elements.get_next_as_optional(), elements.get_next_as_optional()
    >>> bool(first.has_value()), int(first.get_value()), bool(second.has_value())
    (True, 0, False)
    """

    def __init__(self, element_spec: Any, held: tuple[Any, ...] = ()) -> None:
        self.element_spec, self._held = element_spec, held

    @classmethod
    def from_value(cls, value: Any) -> Optional:
        """One that has a value: tensors in tuples and dicts, or what becomes them."""
        leaves, form = flatten(value)
        arrays = [specs.leaf_of(x) for x in leaves]
        spec = pack(form, [specs.spec_of(x) for x in arrays])
        return cls(spec, (pack(form, [specs.public(x) for x in arrays]),))

    @classmethod
    def empty(cls, element_spec: Any) -> Optional:
        """One that has no value."""
        return cls(element_spec)

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is a value, as a tensor (bool)."""
        return specs.public(specs.leaf_of(bool(self._held)))

    def get_value(self, name: str | None = None) -> Any:
        """The value. Raises ArgumentError if there is none."""
        if not self._held:
            raise ArgumentError("this Optional has no value; ask has_value() first")
        return self._held[0]

    def __repr__(self) -> str:
        told = f"value={self._held[0]}" if self._held else "empty"
        return f"<tf.experimental.Optional {told}, element_spec={self.element_spec}>"
