"""Symbolic sizes: a size is an ``int`` or a ``Dim``, a canonical integer polynomial over atoms.

An atom is a symbol (``n``, ``k0``) or an opaque call: floor division, modulo, max, min. Every
symbol is a size, so it is non-negative at run time.

Invariants:

- an atom is a ``str``, its canonical text; equal text is equal meaning, so hashing, comparing and
  sorting run at C speed. A ``_Call`` is a ``str`` that carries its operation and operands as well;
- ``Dim._terms`` holds ``(monomial, coefficient)`` pairs: a monomial is a sorted tuple of atoms (a
  power repeats its atom), monomials are distinct, coefficients are not zero, and terms are sorted
  by falling degree, then by name; the constant, whose monomial is ``()``, is last;
- a ``Dim`` is never constant: constants are Python ints;
- calls are built only by ``_divide`` and ``_extreme``, which reduce first.

Divisors are taken to be non-zero, so ``n*m//m`` is ``n``. A division that stays in the result
raises ``ZeroDivisionError`` when evaluated with a divisor of 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product as cartesian
from math import gcd
from typing import Any, TypeAlias

import numpy as np

from .errors import TwofoldError

__all__ = [
    "Dim",
    "DimLike",
    "DimSyntaxError",
    "ceil_div",
    "dim_max",
    "dim_min",
    "product",
    "symbol",
    "symbols_of",
]

_Mono: TypeAlias = tuple[str, ...]
_Terms: TypeAlias = tuple[tuple[_Mono, int], ...]


class DimSyntaxError(TwofoldError, ValueError):
    """The text of a symbolic size cannot be parsed.

    Cause: ``parse_dim("n+")``, or ``symbol("2n")``. ``position`` (from 0) is the offset of the
    guilty character in the text, ``reason`` the message without the caret.
    Fix: a size is made of integers, names, ``+ - * // %``, parentheses, ``max`` and ``min``.
    """

    def __init__(self, reason: str, position: int = 0, text: str = "") -> None:
        super().__init__(f"{reason}\n  {text}\n  {' ' * position}^" if text else reason)
        self.reason, self.position = reason, position


class _Call(str):
    """An opaque atom: ``op`` is a key of ``_OPS``, ``nonnegative`` is what could be proved."""

    __slots__ = ("args", "nonnegative", "op", "symbols")
    op: str
    args: tuple[DimLike, ...]
    symbols: frozenset[str]
    nonnegative: bool


class Dim:
    """A size that is not known yet: an immutable, hashable polynomial with integer coefficients.

    Arithmetic (``+ - * // %`` and negation) takes ints on either side and gives an int where the
    result is constant. ``==`` is structural. There is no order, and ``bool``, ``int`` and
    indexing raise TypeError, because the value is not known.

    >>> n, m = symbol("n"), symbol("m")
    >>> 2 * n + 1, (n + m) * n, (6 * n + 4) // 3, n - n
    (2*n+1, m*n+n*n, 2*n+1, 0)
    """

    __slots__ = ("_hash", "_terms", "_text")
    __array_ufunc__ = None  # NumPy scalars then leave arithmetic to Dim

    def __init__(self, terms: _Terms) -> None:
        self._terms = terms
        self._hash: int | None = None
        self._text: str | None = None

    def __add__(self, other: DimLike) -> DimLike:
        if isinstance(other, Dim):
            return _collect(self._terms + other._terms)
        if not isinstance(other, (int, np.integer)):
            return NotImplemented
        terms, shift = self._terms, int(other)
        if not terms[-1][0]:
            shift += terms[-1][1]
            terms = terms[:-1]
        return Dim((*terms, ((), shift))) if shift else Dim(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return Dim(tuple([(mono, -c) for mono, c in self._terms]))

    def __sub__(self, other: DimLike) -> DimLike:
        return self + -other if _is_size(other) else NotImplemented

    def __rsub__(self, other: DimLike) -> DimLike:
        return -self + other if _is_size(other) else NotImplemented

    def __mul__(self, other: DimLike) -> DimLike:
        if isinstance(other, Dim):
            pairs = cartesian(self._terms, other._terms)
            return _collect([(tuple(sorted(a + b)), c * d) for (a, c), (b, d) in pairs])
        if not isinstance(other, (int, np.integer)):
            return NotImplemented
        factor = int(other)
        return Dim(tuple([(mono, c * factor) for mono, c in self._terms])) if factor else 0

    __rmul__ = __mul__

    def __floordiv__(self, other: DimLike) -> DimLike:
        return _divide("//", self, _size(other)) if _is_size(other) else NotImplemented

    def __rfloordiv__(self, other: DimLike) -> DimLike:
        return _divide("//", _size(other), self) if _is_size(other) else NotImplemented

    def __mod__(self, other: DimLike) -> DimLike:
        return _divide("%", self, _size(other)) if _is_size(other) else NotImplemented

    def __rmod__(self, other: DimLike) -> DimLike:
        return _divide("%", _size(other), self) if _is_size(other) else NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dim):
            return NotImplemented
        return self is other or self._terms == other._terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self._terms)
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(f"the symbolic size {self} has no truth value until it is evaluated")

    def __int__(self) -> int:
        raise TypeError(f"the symbolic size {self} is not an int until it is evaluated")

    __index__ = __int__

    def __str__(self) -> str:
        if self._text is None:
            self._text = _format(self._terms)
        return self._text

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return Dim, (self._terms,)  # without the cached hash, which is valid in one process only


DimLike: TypeAlias = int | Dim


@lru_cache(maxsize=4096)
def symbol(name: str) -> Dim:
    """The size called ``name``; raises DimSyntaxError unless it is ``[A-Za-z_][A-Za-z0-9_]*``.

    >>> symbol("n") + 1
    n+1
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise DimSyntaxError(f"{name!r} is not a name of a size")
    return Dim((((name,), 1),))


def product(dims: Iterable[DimLike]) -> DimLike:
    """The product of sizes, 1 for none: the element count of a shape.

    >>> product([symbol("n"), 3, 4])
    12*n
    """
    total: DimLike = 1
    for d in dims:
        total = _size(d) * total
    return total


def ceil_div(a: DimLike, b: DimLike) -> DimLike:
    """``a / b`` rounded up, as ``-(-a // b)``.

    >>> ceil_div(symbol("n"), 4), ceil_div(7, 2)
    ((n+3)//4, 4)
    """
    return -(-a // b)


def dim_max(first: DimLike, *rest: DimLike) -> DimLike:
    """The largest of one or more sizes; those provably not the largest are dropped.

    >>> n, m = symbol("n"), symbol("m")
    >>> dim_max(n, m), dim_max(n, n + 1), dim_max(m, 0)
    (max(m, n), n+1, m)
    """
    return _extreme("max", (first, *rest))


def dim_min(first: DimLike, *rest: DimLike) -> DimLike:
    """The smallest of one or more sizes; those provably not the smallest are dropped.

    >>> dim_min(symbol("n"), 3), dim_min(symbol("n"), 0)
    (min(n, 3), 0)
    """
    return _extreme("min", (first, *rest))


# ---- canonical form ------------------------------------------------------------------------------


def _is_size(value: object) -> bool:
    return isinstance(value, (int, Dim, np.integer))


def _size(value: DimLike) -> DimLike:
    return value if isinstance(value, Dim) else int(value)


def _rank(term: tuple[_Mono, int]) -> tuple[int, _Mono]:
    return -len(term[0]), term[0]


def _terms_of(d: DimLike) -> _Terms:
    if isinstance(d, Dim):
        return d._terms
    return (((), d),) if d else ()


def _collect(pairs: Iterable[tuple[_Mono, int]]) -> DimLike:
    """The canonical sum of terms in any order, with repeats and zeros."""
    sums: dict[_Mono, int] = {}
    for mono, c in pairs:
        sums[mono] = sums.get(mono, 0) + c
    terms = [term for term in sums.items() if term[1]]
    if not terms:
        return 0
    if len(terms) > 1:
        terms.sort(key=_rank)
    elif not terms[0][0]:
        return terms[0][1]
    return Dim(tuple(terms))


def _atom(op: str, args: tuple[DimLike, ...]) -> Dim:
    infix = op in ("//", "%")
    text = f"{_operand(args[0], True)}{op}{_operand(args[1], False)}" if infix else ""
    call = _Call(text or f"{op}({', '.join(map(str, args))})")
    call.op, call.args = op, args
    call.symbols = frozenset().union(*map(symbols_of, args))
    signs = [_nonnegative(arg) for arg in args]
    # Python's % takes the sign of the divisor; a max is at least each of its operands.
    call.nonnegative = signs[1] if op == "%" else any(signs) if op == "max" else all(signs)
    return Dim((((call,), 1),))


def _sole_call(d: DimLike, op: str) -> _Call | None:
    """The call that ``d`` consists of, if it is one of ``op``."""
    terms = _terms_of(d)
    if len(terms) != 1 or terms[0][1] != 1 or len(terms[0][0]) != 1:
        return None
    atom = terms[0][0][0]
    return atom if isinstance(atom, _Call) and atom.op == op else None


def _divide(op: str, a: DimLike, b: DimLike) -> DimLike:
    """``a // b`` or ``a % b``; each step is an identity of floor division by ``b != 0``."""
    if b == 0:
        raise ZeroDivisionError(f"{a} {op} 0: the divisor of a size is 0")
    if _terms_of(b)[0][1] < 0:  # a//b = (-a)//(-b) and a%b = -((-a)%(-b))
        return _divide(op, -a, -b) if op == "//" else -_divide(op, -a, -b)
    whole, rest = _split(a, b, balanced=op == "%")  # (b*w+r)//b = w + r//b and (b*w+r)%b = r%b
    if rest == 0:
        return whole if op == "//" else 0
    if op == "//" and _terms_of(rest)[0][1] < 0 and _nonnegative(b):
        return whole - _divide(op, b - 1 - rest, b)  # floor(r/b) = -floor((b-1-r)/b) for b > 0
    reduced = _reduce_divisor(op, rest, b)
    if reduced is None:
        reduced = rest if op == "%" else 0
        if not (_nonnegative(rest) and _nonnegative(b - 1 - rest)):
            reduced = _atom(op, (rest, b))
    return reduced if op == "%" else whole + reduced


def _reduce_divisor(op: str, a: DimLike, b: DimLike) -> DimLike | None:
    """The result with common factors cancelled or nested divisions joined, else None."""
    terms = _terms_of(a)
    r = terms[-1][1] if isinstance(b, int) and not terms[-1][0] else 0
    g = _common_factor(a - r, b)
    if g != 1:  # (g*x+r)//(g*y) = (x+r//g)//y and (g*x+r)%(g*y) = g*((x+r//g)%y) + r%g
        x = _divided(a - r, g) + r // g
        y = _divided(b, g)
        return _divide(op, x, y) if op == "//" else g * _divide(op, x, y) + r % g
    inner = _sole_call(a - r, op)
    if inner is None or not isinstance(b, int) or not isinstance(inner.args[1], int):
        return None
    if op == "//":  # (x//j+r)//k = (x+r*j)//(j*k)
        return _divide(op, inner.args[0] + r * inner.args[1], inner.args[1] * b)
    return _divide(op, inner.args[0] + r, b) if inner.args[1] % b == 0 else None


def _split(a: DimLike, b: DimLike, balanced: bool) -> tuple[DimLike, DimLike]:
    """``whole, rest`` with ``a == b*whole + rest`` and a rest as small as it gets.

    A ``b`` of many terms is split off only when it divides ``a``. For an int ``b`` the rest has a
    constant in [0, b) and coefficients below b that keep their sign, or, ``balanced``, lie in
    (-b/2, b/2].
    """
    (divisor, k), *more = _terms_of(b)
    if more:
        exact = _exact_quotient(a, b)
        return (0, a) if exact is None else (exact, 0)
    whole, rest = [], []
    for mono, c in _terms_of(a):
        left = _mono_quotient(mono, divisor)
        if left is None:
            q = 0
        elif balanced and mono and not divisor:
            q = -((k - 2 * c) // (2 * k))
        else:
            q = c // k if c > 0 or not mono else -(-c // k)
        whole.append((left or (), q))
        rest.append((mono, c - q * k))
    return _collect(whole), _collect(rest)


def _exact_quotient(a: DimLike, b: DimLike) -> DimLike | None:
    """``q`` with ``a == b*q``, by long division in graded lexicographic order, or None."""
    lead, k = _terms_of(b)[0]
    quotient: DimLike = 0
    while a != 0:
        mono, c = _terms_of(a)[0]
        left = _mono_quotient(mono, lead)
        if left is None or c % k:
            return None
        term = _collect([(left, c // k)])
        quotient, a = quotient + term, a - b * term
    return quotient


def _mono_quotient(mono: _Mono, divisor: _Mono) -> _Mono | None:
    left = list(mono)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _common_factor(a: DimLike, b: DimLike) -> DimLike:
    """The greatest monomial, with its integer coefficient, that divides every term of both."""
    terms = _terms_of(a) + _terms_of(b)
    shared = Counter(terms[0][0])
    for mono, _ in terms:
        shared &= Counter(mono)
    return _collect([(tuple(sorted(shared.elements())), gcd(*[c for _, c in terms]))])


def _divided(a: DimLike, factor: DimLike) -> DimLike:
    """``a / factor`` for a ``factor`` of one term that divides each term of ``a``."""
    divisor, k = _terms_of(factor)[0]
    return _collect([(_mono_quotient(mono, divisor) or (), c // k) for mono, c in _terms_of(a)])


def _extreme(op: str, dims: Iterable[DimLike]) -> DimLike:
    items: set[DimLike] = set()
    for d in dims:
        call = _sole_call(d, op)
        items.update((_size(d),) if call is None else call.args)
    kept = sorted(items, key=lambda d: (isinstance(d, int), str(d)))
    for d in list(kept):
        if any(_nonnegative(e - d if op == "max" else d - e) for e in kept if e is not d):
            kept.remove(d)
    return kept[0] if len(kept) == 1 else _atom(op, tuple(kept))


def _nonnegative(d: DimLike, depth: int = 4) -> bool:
    """Whether ``d >= 0`` follows from the signs of its terms, bounding one call after another."""
    if not isinstance(d, Dim):
        return d >= 0
    calls = list(_calls(d))
    if all(c > 0 for _, c in d._terms) and all(call.nonnegative for call in calls):
        return True
    if not calls or not depth or any(mono.count(calls[0]) > 1 for mono, _ in d._terms):
        return False
    one: _Mono = (calls[0],)
    factor = _collect([(_mono_quotient(m, one) or (), c) for m, c in d._terms if one[0] in m])
    rest = _collect([term for term in d._terms if one[0] not in term[0]])
    below = _nonnegative(factor, depth - 1)
    if not below and not _nonnegative(-factor, depth - 1):
        return False
    bounds, every = _bounds(calls[0], below)
    proofs = (_nonnegative(factor * x + rest * k, depth - 1) for x, k in bounds)
    return all(proofs) if every else any(proofs)


def _bounds(call: _Call, below: bool) -> tuple[list[tuple[DimLike, int]], bool]:
    """Fractions ``x/k`` that bound ``call``, and whether a proof must hold for every one."""
    if call.op in ("max", "min"):
        return [(arg, 1) for arg in call.args], (call.op == "max") != below
    a, b = call.args
    found: list[tuple[DimLike, int]] = [(0, 1)] if below and call.nonnegative else []
    if call.op == "//" and isinstance(b, int):
        found.append((a - b + 1 if below else a, b))
    elif not below and call.nonnegative:
        found += [(b - 1, 1)] if call.op == "%" else []
        found += [(a, 1)] if _nonnegative(a) else []
    return found, False


def _calls(d: DimLike) -> Iterator[_Call]:
    return (atom for mono, _ in _terms_of(d) for atom in mono if isinstance(atom, _Call))


def symbols_of(d: DimLike) -> frozenset[str]:
    """The names of the symbols in ``d``.

    >>> sorted(symbols_of(symbol("n") // symbol("m") + 1))
    ['m', 'n']
    """
    if not isinstance(d, Dim):
        return frozenset()
    names: set[str] = set()
    for mono, _ in d._terms:
        for atom in mono:
            names.update(atom.symbols if isinstance(atom, _Call) else (atom,))
    return frozenset(names)


def _infix(atom: str) -> bool:
    return isinstance(atom, _Call) and atom.op in ("//", "%")


def _operand(d: DimLike, left: bool) -> str:
    """An operand of ``//`` or ``%``: both associate to the left, as ``*`` does."""
    if isinstance(d, int):
        return str(d)
    (mono, c), *more = d._terms
    bare = not more and (left or (c == 1 and len(mono) == 1 and not _infix(mono[0])))
    return str(d) if bare else f"({d})"


def _format(terms: _Terms) -> str:
    text = ""
    for mono, c in terms:
        # -n//2 would read as (-n)//2, so a division is bare only on its own and after + or none.
        bare = len(mono) == 1 and (c == 1 or (c == -1 and text))
        factors = [str(abs(c))] if abs(c) != 1 or not mono else []
        factors += [f"({atom})" if _infix(atom) and not bare else atom for atom in mono]
        text += ("-" if c < 0 else "+" if text else "") + "*".join(factors)
    return text
