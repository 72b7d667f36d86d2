"""Do two results agree? Structure, dtype and shape exactly; floating values within a bound.

Two floating values a, b agree if they are equal, both NaN, or if ``|a - b|`` is at most
``rtol * max(|a|, |b|)`` or at most ``atol * scale``, where scale is the largest finite magnitude in
the two arrays. The second part is for elements that cancel: their error belongs to the size of the
terms, not of the result. Where a whole array cancels (a gradient at a minimum) its own scale does
not tell the size of the terms: ``floor``, ``32 eps`` of the scale of the call's inputs, is allowed
too. Integers and bool agree if they are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from twofold.dtypes import finfo
from twofold.ir.dtypes import info
from twofold.ir.errors import AgreementError
from twofold.ir.location import Location
from twofold.ir.tree import LEAF, Again, Structure, flatten
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

__all__ = [
    "BOUNDS", "Allowed", "Bound", "Flat", "check_flat", "check_same", "check_values", "scale_of",
    "show_bounds",
]  # fmt: skip

Flat = tuple[list[Any], Structure]  # the leaves of a value, and how they are nested


class Bound(NamedTuple):
    """How far floating values may differ: of the element, of the array's scale, in any case."""

    rtol: float
    atol: float
    floor: float = 0.0


# By the precision of the dtype; complex dtypes have the bound of their parts.
BOUNDS: dict[str, Bound] = {
    "float8_e4m3fn": Bound(0.2, 0.2),
    "float8_e5m2": Bound(0.4, 0.4),
    "float16": Bound(1e-2, 1e-2),
    "bfloat16": Bound(5e-2, 5e-2),
    "float32": Bound(1e-5, 1e-5),
    "float64": Bound(1e-12, 1e-12),
    "complex64": Bound(1e-5, 1e-5),
    "complex128": Bound(1e-12, 1e-12),
}


class Allowed(NamedTuple):
    """What one call allows: the user's bounds if given, and the scale of its inputs (at most 1)."""

    rtol: float | None = None
    atol: float | None = None
    reach: float = 0.0

    def bound(self, dtype: np.dtype[Any]) -> Bound:
        """The bound for a floating dtype."""
        rtol, atol, _ = BOUNDS[dtype.name]
        rtol = rtol if self.rtol is None else self.rtol
        if self.atol is not None:
            return Bound(rtol, self.atol)
        return Bound(rtol, atol, min(32 * _eps(dtype), atol) * self.reach)


def _eps(dtype: np.dtype[Any]) -> float:
    return float(finfo(info(dtype).part_dtype).eps)


def scale_of(arrays: Iterable[np.ndarray[Any, Any]]) -> float:
    """The largest finite magnitude in floating arrays; 0 without one."""
    scale = 0.0
    for array in arrays:
        if info(array.dtype).inexact and array.size:
            with np.errstate(all="ignore"):
                size = np.abs(array)
            scale = max(scale, float(np.max(size, initial=0.0, where=np.isfinite(size))))
    return scale


def show_bounds(rtol: float | None, atol: float | None) -> str:
    """The bounds in force, in a line."""
    given = {"rtol": rtol, "atol": atol}
    own = [f"{name} {value:g}" for name, value in given.items() if value is not None]
    if own:
        return f"bound: {', '.join(own)}, else by dtype"
    return "bound, elementwise and of the array's scale: " + ", ".join(
        f"{name} {BOUNDS[name].rtol:g}" for name in ("float32", "float64")
    )


def check_same(
    eager: Any, compiled: Any, what: str, place: Location | None, allowed: Allowed
) -> float:  # fmt: skip
    """Compare two returned values; the largest difference, of its array's scale.

    ``what`` names the function in messages. Raises AgreementError for the first difference.
    """
    return check_flat(flatten(eager), flatten(compiled), what, place, allowed)


def check_flat(
    eager: Flat, compiled: Flat, what: str, place: Location | None, allowed: Allowed
) -> float:
    """``check_same`` of values as their leaves and structures."""
    (mine, structure), (theirs, other) = eager, compiled
    if structure != other:
        raise AgreementError(
            f"{what}: eager returns {_outline(structure)}, compiled {_outline(other)}", place
        )
    worst = 0.0
    for path, a, b in zip(_paths(structure, "output"), mine, theirs, strict=True):
        if a.__class__ is not b.__class__:
            raise AgreementError(
                f"{what}: {path} is {_kind(a)} eagerly, {_kind(b)} compiled", place
            )
        if isinstance(a, Tensor | Variable | np.ndarray):
            worst = max(worst, check_values(_array(a), _array(b), f"{what}: {path}", place,
                                            allowed))  # fmt: skip
        elif a is not b and not _equal(a, b):
            raise AgreementError(f"{what}: {path} is {a!r} eagerly, {b!r} compiled", place)
    return worst


def check_values(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], what: str, place: Location | None,
    allowed: Allowed,
) -> float:  # fmt: skip
    """Compare two arrays; the largest difference, of their scale. Raises AgreementError."""
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        raise AgreementError(
            f"{what} is {a.dtype}{list(a.shape)} eagerly, {b.dtype}{list(b.shape)} compiled", place
        )
    if not info(a.dtype).inexact:
        agree, worst, bound = np.asarray(a == b), 0.0, None
    else:
        bound = allowed.bound(a.dtype)
        agree, worst = _within(a, b, bound, allowed.reach)
    if not agree.all():
        raise AgreementError(_first_difference(a, b, agree, what, bound), place)
    return worst


def _within(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], bound: Bound, reach: float
) -> tuple[np.ndarray[Any, Any], float]:
    """Where the arrays agree, and the largest difference as a part of their scale (as a part of
    the inputs' scale where only that explains it)."""
    wide = np.complex128 if info(a.dtype).complex else np.float64
    a, b = a.astype(wide), b.astype(wide)
    with np.errstate(all="ignore"):
        delta, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        equal = (a == b) | (np.isnan(a) & np.isnan(b))
        finite = np.isfinite(delta)
        scale = float(size[finite].max()) if finite.any() else 0.0
        near = (delta <= bound.rtol * size) | (delta <= bound.atol * scale)
        tiny = ~near & (delta <= bound.floor)
        part = np.where(tiny, delta / (reach or 1.0), delta / (scale or 1.0))
        worst = float(part[finite].max()) if finite.any() else 0.0
    return np.asarray(equal | (finite & (near | tiny))), worst


def _first_difference(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], agree: np.ndarray[Any, Any], what: str,
    bound: Bound | None,
) -> str:  # fmt: skip
    index = tuple(int(i) for i in np.argwhere(~agree)[0]) if a.ndim else ()
    at = f"[{', '.join(map(str, index))}]" if index else ""
    allowed = "must be equal" if bound is None else f"rtol {bound.rtol:g}, atol {bound.atol:g}"
    return (
        f"{what}{at} is {a[index]!s} eagerly, {b[index]!s} compiled ({a.dtype.name}, {allowed}); "
        f"{int((~agree).sum())} of {a.size} elements differ"
    )


def _array(x: Any) -> np.ndarray[Any, Any]:
    return x if isinstance(x, np.ndarray) else x.array


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float | complex) and a != a:
        return bool(b != b)
    return bool(a == b)


def _kind(x: Any) -> str:
    return f"a {type(x).__name__}"


def _outline(structure: Structure) -> str:
    """A structure in words: ``(*, {'loss': *})`` with a star for each value."""
    kind, keys, children, _ = structure
    if structure == LEAF:
        return "*"
    if isinstance(kind, Again):
        return "the same again"
    inner = [_outline(c) for c in children]
    if kind is list or kind is tuple:
        text = ", ".join(inner) + ("," if kind is tuple and len(inner) == 1 else "")
        return f"[{text}]" if kind is list else f"({text})"
    named = ", ".join(f"{k!r}: {v}" for k, v in zip(keys, inner, strict=True))
    return f"{{{named}}}" if kind is dict else f"{kind.__name__}({named})"


def _paths(structure: Structure, path: str) -> Iterator[str]:
    """The path of each leaf: ``output[1]['loss']``."""
    if structure == LEAF:
        yield path
        return
    for i, child in enumerate(structure.children):
        key = structure.keys[i] if structure.keys else i
        plain = structure.kind in (list, tuple, dict)
        yield from _paths(child, f"{path}[{key!r}]" if plain else f"{path}.{key}")
