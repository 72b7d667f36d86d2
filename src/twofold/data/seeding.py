"""TensorFlow's random numbers of ``tf.data``: which seeds a node has, and which numbers they give.

Philox 4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011): the first seed is
the key, the second the upper half of the counter.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.runtime import random as global_random

from .node import Seeds

__all__ = ["Numbers", "pair_of_pass", "philox", "seeds_of"]

_MOST = 2**31 - 1
_WORDS = 2**32
_AT_ONCE = 8192  # numbers: making few costs as much as making a thousand


def seeds_of(seed: Any) -> Seeds:
    """The seeds of a node that was given ``seed``, or none.

    The global seed of ``tf.random.set_seed`` counts as in TensorFlow; without either, the operating
    system's randomness.
    """
    pair = global_random.dataset_seeds(None if seed is None else _number(seed))
    if pair is None:
        return Seeds((int.from_bytes(os.urandom(8), "little"), 0))
    first, second = (s % _MOST for s in pair)
    return Seeds((0, _MOST) if first == second == 0 else (first, second))


def _number(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(type(seed), "__index__"):
        raise ArgumentError(f"a seed is an integer or None, not {seed!r}")
    return int(seed)


class Numbers:
    """A stream of 32-bit numbers; any of them is reached at once."""

    def __init__(self, pair: tuple[int, int]) -> None:
        self.key = pair[0] % _WORDS, (pair[0] >> 32) % _WORDS
        self.high = pair[1] % _WORDS, (pair[1] >> 32) % _WORDS
        self.position = 0
        self.first = 0  # of the numbers that are held
        self.held = np.zeros(0, np.uint32)

    def take(self, count: int) -> np.ndarray[Any, Any]:
        """The next ``count`` numbers (uint32)."""
        start = self.position - self.first
        if not 0 <= start <= len(self.held) - count:
            self._make(max(count, min(2 * len(self.held), _AT_ONCE)))
            start = self.position - self.first
        self.position += count
        return self.held[start : start + count]

    def _make(self, count: int) -> None:
        first, last = self.position // 4, (self.position + count + 3) // 4
        counters = np.arange(first, last, dtype=np.uint64)
        low, high = counters % np.uint64(_WORDS), counters >> np.uint64(32)
        third, fourth = (np.full_like(counters, word) for word in self.high)
        self.held = philox((low, high, third, fourth), self.key).reshape(-1)
        self.first = 4 * first


def philox(words: tuple[Any, Any, Any, Any], key: tuple[Any, Any]) -> np.ndarray[Any, Any]:
    """Four numbers (uint32, one row each) for each counter, given as its four words (uint64).

    The two words of the key are integers, or one for each counter.
    """
    low = np.uint64(_WORDS - 1)
    shift = np.uint64(32)
    a, b, c, d = words
    k0, k1 = (np.asarray(k, np.uint64) for k in key)
    for _ in range(10):
        p = a * np.uint64(0xD2511F53)
        q = c * np.uint64(0xCD9E8D57)
        a, b, c, d = (q >> shift) ^ b ^ k0, q & low, (p >> shift) ^ d ^ k1, p & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def pair_of_pass(seeds: Seeds, number: int) -> tuple[int, int]:
    """The seeds of one pass of a node that draws anew in each."""
    stream = Numbers(seeds.pair)
    stream.position = 2 * number
    first, second = stream.take(2).tolist()
    return first, second
