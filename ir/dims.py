"""What one does with symbolic sizes: evaluate, compile, substitute, prove.

The type itself, its canonical form and its text are in ``dim_algebra``, whose names stand here as
well; ``dim_text`` reads the text back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product as cartesian
from math import lcm
from operator import floordiv, mod
from typing import Any

from .dim_algebra import (
    Dim,
    DimLike,
    DimSyntaxError,
    _Call,
    _calls,
    _infix,
    _nonnegative,
    _terms_of,
    ceil_div,
    dim_max,
    dim_min,
    product,
    symbol,
    symbols_of,
)

__all__ = [
    "Dim",
    "DimLike",
    "DimSyntaxError",
    "ceil_div",
    "compile_dims",
    "dim_max",
    "dim_min",
    "evaluate",
    "product",
    "provably_eq",
    "provably_le",
    "provably_positive",
    "substitute",
    "symbol",
    "symbols_of",
    "undivided",
]

# ---- use -----------------------------------------------------------------------------------------


def evaluate(d: DimLike, env: Mapping[str, int]) -> int:
    """The value of ``d`` with symbols from ``env``.

    Raises KeyError for a symbol that ``env`` lacks and ZeroDivisionError for a divisor of 0.

    >>> evaluate(ceil_div(symbol("n"), 4) * symbol("m"), {"n": 10, "m": 2})
    6
    """
    if not isinstance(d, Dim):
        return d
    total = 0
    for mono, c in d._terms:
        for atom in mono:
            if isinstance(atom, _Call):
                c *= _INT_OPS[atom.op](*[evaluate(arg, env) for arg in atom.args])
            else:
                c *= env[atom]
        total += c
    return total


def substitute(d: DimLike, mapping: Mapping[str, DimLike]) -> DimLike:
    """``d`` with symbols replaced all at once; others stay.

    Raises ZeroDivisionError where a divisor becomes 0.

    >>> n, m = symbol("n"), symbol("m")
    >>> substitute(n * m + n // 2, {"n": m, "m": 6}), substitute(n // 2, {"n": 5})
    (6*m+m//2, 2)
    """
    if not isinstance(d, Dim) or symbols_of(d).isdisjoint(mapping):
        return d
    total: DimLike = 0
    for mono, c in d._terms:
        part: DimLike = c
        for atom in mono:
            part = part * _substitute_atom(atom, mapping)
        total = total + part
    return total


def _substitute_atom(atom: str, mapping: Mapping[str, DimLike]) -> DimLike:
    if not isinstance(atom, _Call):
        return mapping[atom] if atom in mapping else symbol(atom)
    return DIM_OPS[atom.op](*[substitute(arg, mapping) for arg in atom.args])


def compile_dims(
    dims: Sequence[DimLike], symbols: Sequence[str]
) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """One function from the values of ``symbols``, in that order, to the values of ``dims``.

    A call that occurs many times is computed once. Raises KeyError here for a symbol that is not
    listed; the function raises ZeroDivisionError for a divisor of 0 and ValueError for a wrong
    number of values.

    >>> n, m = symbol("n"), symbol("m")
    >>> compile_dims([n * m, n // 2 + 1, 7], ["n", "m"])([5, 3])
    (15, 3, 7)
    """
    # Symbols may be Python keywords, so the source names them by position.
    names = {name: f"s{i}" for i, name in enumerate(symbols)}
    targets = ", ".join(f"s{i}" for i in range(len(symbols)))
    lines = ["def sizes(values):", f"    [{targets}] = values"]
    for j, call in enumerate(_calls_inside_out(dims)):
        args = [f"({_source(arg, names)})" for arg in call.args]
        body = call.op.join(args) if _infix(call) else f"{call.op}({', '.join(args)})"
        lines.append(f"    t{j} = {body}")
        names[call] = f"t{j}"
    lines.append(f"    return ({''.join(_source(d, names) + ', ' for d in dims)})")
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<sizes>", "exec"), namespace)
    compiled: Callable[[Sequence[int]], tuple[int, ...]] = namespace["sizes"]
    return compiled


def _source(d: DimLike, names: Mapping[str, str]) -> str:
    parts = ["*".join([*map(names.__getitem__, mono), str(c)]) for mono, c in _terms_of(d)]
    return "+".join(part.removesuffix("*1") for part in parts) or "0"


def _calls_inside_out(dims: Iterable[DimLike]) -> list[_Call]:
    """Every distinct call in ``dims``, operands before the calls that use them."""
    done: dict[_Call, None] = {}
    stack = [(call, False) for d in dims for call in _calls(d)]
    while stack:
        call, ready = stack.pop()
        if ready:
            done[call] = None
        elif call not in done:
            stack.append((call, True))
            stack.extend((inner, False) for arg in call.args for inner in _calls(arg))
    return list(done)


# ---- proofs --------------------------------------------------------------------------------------


def provably_le(a: DimLike, b: DimLike, lower: Mapping[str, int] | None = None) -> bool:
    """Whether ``a <= b`` for all symbols >= 0 (>= ``lower[name]``); False means unknown.

    A proof covers the sizes for which both sides have a value (no divisor is 0).

    >>> n, m = symbol("n"), symbol("m")
    >>> provably_le((n + 1) // 2, n), provably_le(n, n * m), provably_le(n, n * m, {"m": 1})
    (True, False, True)
    """
    gap = _raised(b - a, lower)
    return _nonnegative(gap) or _by_residues(gap, _nonnegative)


def provably_eq(a: DimLike, b: DimLike) -> bool:
    """Whether ``a == b`` for all symbols >= 0; False means unknown.

    >>> n = symbol("n")
    >>> provably_eq(n - n // 2, (n + 1) // 2), provably_eq(n, 3)
    (True, False)
    """
    if a == b:
        return True
    gap = b - a
    if not isinstance(gap, Dim) or not any(_calls(gap)):
        return gap == 0
    return _by_residues(gap, lambda d: d == 0) or (provably_le(a, b) and provably_le(b, a))


def undivided(d: DimLike) -> DimLike:
    """``d`` where divisions that are multiplied by their divisor leave no rest.

    >>> n = symbol("n")
    >>> undivided(4 * (n // 4) + n // 3) == n + n // 3
    True
    """
    if not isinstance(d, Dim):
        return d
    total: DimLike = 0
    for mono, factor in d._terms:
        part: DimLike = 1
        for atom in mono:
            over = atom.args[1] if isinstance(atom, _Call) and atom.op == "//" else 0
            if isinstance(atom, _Call) and isinstance(over, int) and over and factor % over == 0:
                factor //= over
                part = part * undivided(atom.args[0])
            else:
                part = part * _substitute_atom(atom, {})
        total = total + factor * part
    return total


def provably_positive(a: DimLike, lower: Mapping[str, int] | None = None) -> bool:
    """Whether ``a >= 1`` for all symbols >= 0 (>= ``lower[name]``); False means unknown.

    >>> n = symbol("n")
    >>> provably_positive(n + 1), provably_positive(n), provably_positive(n, {"n": 1})
    (True, False, True)
    """
    return provably_le(1, a, lower)


def _raised(d: DimLike, lower: Mapping[str, int] | None) -> DimLike:
    """``d`` over symbols that count from their lower bound instead of from 0."""
    bounds = {name: symbol(name) + low for name, low in (lower or {}).items() if low > 0}
    return substitute(d, bounds)


def _by_residues(d: DimLike, holds: Callable[[DimLike], bool]) -> bool:
    """Prove by cases ``n = period*n + r``, which resolve divisions by constants exactly."""
    calls = [c for c in _calls_inside_out([d]) if _infix(c) and isinstance(c.args[1], int)]
    names = sorted(frozenset().union(*(call.symbols for call in calls)))
    period = lcm(*[k for call in calls if isinstance(k := call.args[1], int)])
    if not calls or period ** len(names) > 64:
        return False
    for residues in cartesian(range(period), repeat=len(names)):
        case = {name: period * symbol(name) + r for name, r in zip(names, residues, strict=True)}
        try:
            if not holds(substitute(d, case)):
                return False
        except ZeroDivisionError:
            continue  # the expression has no value in this case, so it refutes nothing
    return True


_INT_OPS: dict[str, Callable[..., int]] = {"//": floordiv, "%": mod, "max": max, "min": min}
DIM_OPS: dict[str, Callable[..., DimLike]] = {
    "//": floordiv,
    "%": mod,
    "max": dim_max,
    "min": dim_min,
}
