"""In which order a sum of products of several tensors is taken.

    order(["ij", "jk", "kl"], "il", {"i": 2, "j": 1000, "k": 2, "l": 1000})   # [(0, 1), (0, 1)]

Multiplying two operands costs the product of the sizes of all their letters. Up to ``MOST``
operands the cheapest order of pairs is searched for, and remembered; for more, the cheapest next
pair is taken each time. A size that is a symbol counts as ``UNKNOWN``: no guard depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

__all__ = ["order"]

MOST = 6
UNKNOWN = 64

Pair = tuple[int, int]


def order(labels: Sequence[str], result: str, sizes: Mapping[str, Any]) -> list[Pair]:
    """The pairs to multiply, as positions in a list whose last entry is then their product.

    >>> order(["ij", "jk", "k"], "i", {"i": 100, "j": 100, "k": 100})  # the vector first
    [(1, 2), (0, 1)]
    """
    known = tuple(sorted((c, n if isinstance(n, int) else UNKNOWN) for c, n in sizes.items()))
    terms = tuple(labels)
    if len(terms) <= MOST:
        return list(_search(terms, result, known)[1])
    pairs: list[Pair] = []
    while len(terms) > 1:
        costs = {pair: _cost(terms, pair, result, dict(known)) for pair in _pairs(terms)}
        pair = min(costs, key=costs.__getitem__)
        pairs.append(pair)
        terms = _merged(terms, pair, result)
    return pairs


@lru_cache(maxsize=1024)
def _search(
    terms: tuple[str, ...], result: str, known: tuple[tuple[str, int], ...]
) -> tuple[int, tuple[Pair, ...]]:
    """The lowest cost, and the pairs that have it; the first ones on a tie."""
    if len(terms) < 2:
        return 0, ()
    sizes, best = dict(known), None
    for pair in _pairs(terms):
        cost = _cost(terms, pair, result, sizes)[0]
        rest, pairs = _search(_merged(terms, pair, result), result, known)
        if best is None or cost + rest < best[0]:
            best = cost + rest, (pair, *pairs)
    assert best is not None
    return best


def _pairs(terms: tuple[str, ...]) -> list[Pair]:
    return list(combinations(range(len(terms)), 2))


def _kept(terms: tuple[str, ...], pair: Pair, result: str) -> str:
    """The letters of a product: of its factors, those that somebody needs later."""
    needed = set(result).union(*[t for k, t in enumerate(terms) if k not in pair])
    return "".join(sorted(set(terms[pair[0]] + terms[pair[1]]) & needed))


def _merged(terms: tuple[str, ...], pair: Pair, result: str) -> tuple[str, ...]:
    others = [t for k, t in enumerate(terms) if k not in pair]
    return (*others, _kept(terms, pair, result))


def _cost(
    terms: tuple[str, ...], pair: Pair, result: str, sizes: Mapping[str, int]
) -> tuple[int, int]:
    """Multiplications, and elements of the product."""
    both = set(terms[pair[0]] + terms[pair[1]])
    kept = _kept(terms, pair, result)
    return math.prod(sizes[c] for c in both), math.prod(sizes[c] for c in kept)
