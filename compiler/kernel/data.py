"""Immutable records of which the classes are made quickly.

``dataclasses`` writes and compiles the source of six methods for each class. That takes a third of
a millisecond, the loop IR has twenty classes, and the first call of a process waits for them.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar, dataclass_transform

__all__ = ["Data", "replace"]

R = TypeVar("R", bound="Data")
_put = object.__setattr__


@dataclass_transform(frozen_default=True)
class _Kind(type):
    def __new__(
        mcs, name: str, bases: tuple[type, ...], space: dict[str, Any], slots: bool = True
    ) -> _Kind:
        fields = tuple(space.get("__annotations__", ()))
        defaults = {key: space.pop(key) for key in fields if key in space}
        space |= {"fields_": fields, "defaults_": defaults, "__match_args__": fields}
        if slots:
            space["__slots__"] = fields
        return super().__new__(mcs, name, bases, space)


class Data(metaclass=_Kind):
    """A record whose fields are its annotations, in order, with their defaults.

    Records are equal if they are of one class and their fields are. ``slots=False``: instances
    have a ``__dict__`` besides, for cached properties.

    >>> class Point(Data):
    ...     x: int
    ...     y: int = 0
    >>> replace(Point(1), y=2)
    Point(x=1, y=2)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind: Any = type(self)
        fields = kind.fields_
        for name, value in zip(fields, args, strict=False):
            _put(self, name, value)
        if kwargs or len(args) != len(fields):
            given = kind.defaults_ | kwargs
            rest = fields[len(args) :]
            if len(args) > len(fields) or not given.keys() >= set(rest) or kwargs.keys() - rest:
                raise TypeError(f"{kind.__name__} takes {', '.join(fields)}")
            for name in rest:
                _put(self, name, given[name])

    def values_(self) -> tuple[Any, ...]:
        """The values of the fields."""
        kind: Any = type(self)
        return tuple([getattr(self, name) for name in kind.fields_])

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.values_() == other.values_()

    def __hash__(self) -> int:
        return hash(self.values_())

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> Any:
        return type(self), self.values_()

    def __repr__(self) -> str:
        kind: Any = type(self)
        pairs = zip(kind.fields_, self.values_(), strict=True)
        return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


def replace(record: R, **changes: Any) -> R:
    """The record with other values in some fields. Raises TypeError for what is no field."""
    kind: Any = type(record)
    return kind(**dict(zip(kind.fields_, record.values_(), strict=True)) | changes)  # type: ignore[no-any-return]
