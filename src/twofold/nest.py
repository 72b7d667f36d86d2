"""``tf.nest``: nested lists, tuples, named tuples and dicts as flat lists of their leaves.

What is none of these is a leaf: tensors, Variables, numbers, text, None. Values of a dict are in
the order of its sorted keys, as in TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twofold.ir.errors import ArgumentError, ReturnTypeError

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(structure: Any) -> bool:
    """Whether this is a list, a tuple or a dict, of whatever it may be.

    >>> import twofold as tf
    >>> tf.nest.is_nested([]), tf.nest.is_nested("text")
    (True, False)
    """
    return isinstance(structure, list | tuple | Mapping)


def _children(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return [structure[key] for key in _keys(structure)]
    return list(structure)


def _keys(structure: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:
        raise ArgumentError(f"nest: the keys {list(structure)} cannot be sorted") from None


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves in order; of a leaf, a list of it alone.

    >>> import twofold as tf
    >>> tf.nest.flatten({"b": 1, "a": [2, (3, None)]})
    [2, 3, None, 1]
    """
    if not is_nested(structure):
        return [structure]
    return [leaf for child in _children(structure) for leaf in flatten(child)]


def _like(structure: Any, children: Sequence[Any]) -> Any:
    """A container as this one, with other children."""
    if isinstance(structure, Mapping):
        found = dict(zip(_keys(structure), children, strict=True))
        ordered = [(key, found[key]) for key in structure]
        if hasattr(structure, "default_factory"):
            return type(structure)(structure.default_factory, ordered)  # type: ignore[call-arg]
        return type(structure)(ordered)  # type: ignore[call-arg]
    if hasattr(structure, "_fields"):
        return type(structure)(*children)
    return type(structure)(children)


def _packed(structure: Any, leaves: Any) -> Any:
    if not is_nested(structure):
        return next(leaves)
    return _like(structure, [_packed(child, leaves) for child in _children(structure)])


def pack_sequence_as(
    structure: Any, flat_sequence: Sequence[Any], expand_composites: bool = False
) -> Any:
    """``flat_sequence`` as the leaves of such a structure. Raises ArgumentError for another number.

    >>> import twofold as tf
    >>> tf.nest.pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    leaves, count = list(flat_sequence), len(flatten(structure))
    if len(leaves) != count:
        raise ArgumentError(f"nest: {len(leaves)} leaves for a structure of {count}")
    return _packed(structure, iter(leaves))


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raise ArgumentError unless both are nested alike, and ReturnTypeError, a TypeError, if
    ``check_types`` is set and their containers are of different types.

    >>> import twofold as tf
    >>> tf.nest.assert_same_structure([1, (2,)], [3, (4,)])
    """
    if is_nested(nest1) != is_nested(nest2):
        raise ArgumentError(f"nest: {nest1!r} and {nest2!r} are not nested alike")
    if not is_nested(nest1):
        return
    kinds = type(nest1), type(nest2)
    mappings = isinstance(nest1, Mapping), isinstance(nest2, Mapping)
    if (check_types and kinds[0] is not kinds[1] and not all(mappings)) or len(set(mappings)) > 1:
        raise ReturnTypeError(f"nest: {kinds[0].__name__} here is {kinds[1].__name__} there")
    if len(nest1) != len(nest2) or (all(mappings) and set(nest1) != set(nest2)):
        raise ArgumentError(f"nest: {nest1!r} and {nest2!r} are not nested alike")
    for one, other in zip(_children(nest1), _children(nest2), strict=True):
        assert_same_structure(one, other, check_types)


def map_structure(
    func: Callable[..., Any], *structure: Any, check_types: bool = True,
    expand_composites: bool = False,
) -> Any:  # fmt: skip
    """``func`` of the leaves of structures that are nested alike, in the structure of the first.

    Raises what ``assert_same_structure`` raises.

    >>> import twofold as tf
    >>> tf.nest.map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    if not structure:
        raise ArgumentError("map_structure: at least one structure is needed")
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    leaves = zip(*map(flatten, structure), strict=True)
    return pack_sequence_as(structure[0], [func(*parts) for parts in leaves])
