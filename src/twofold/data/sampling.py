"""Which of several datasets comes next, drawn by weight as TensorFlow draws it.

``sample_from_datasets`` takes two numbers of its stream for an element as the seed of a stateless
categorical draw. What such a draw does with a seed: two rounds of Philox (Salmon et al., Parallel
Random Numbers: As Easy as 1, 2, 3, 2011), of which the first makes a key and a counter of the seed;
52 bits of the second are a number from 0 to below 1; the answer is the first class at which the sum
of the weights so far is greater than that share of their total.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, ShapeError

from . import spec as specs
from .block import Block, listed
from .node import INFINITE, Node, Opening, Reader, Run, Seeds
from .seeding import Numbers, pair_of_pass, philox

__all__ = ["Draws", "checked_weights"]

_SCRAMBLING = 0x3EC8F720, 0x02461E29  # the key under which seeds become keys


def checked_weights(weights: Any, count: int) -> np.ndarray[Any, Any]:
    """Weights of ``count`` datasets (float32, or float64 if they are). Raises ArgumentError."""
    array = np.asarray(weights)
    if array.dtype != np.float64 or not hasattr(weights, "dtype"):
        array = array.astype(np.float32)
    if array.shape != (count,) or not (array >= 0).all() or not 0 < array.sum() < np.inf:
        raise ArgumentError(
            f"sample_from_datasets: weights are {count} numbers from 0, one for each dataset and "
            f"not all 0, not {weights!r}"
        )
    return array


class Draws(Node):
    """Numbers of datasets (int64): without end by fixed weights, or one for each row of weights."""

    name = "sample_from_datasets"

    def __init__(self, seeds: Seeds, each: bool, weights: Any, count: int) -> None:
        super().__init__(*([weights] if isinstance(weights, Node) else []))
        self.seeds, self.each, self.count = seeds, each, count
        self.weights = None if self.inputs else weights

    @property
    def spec(self) -> Any:
        return specs.make("int64", ())

    @property
    def cardinality(self) -> int:
        return self.inputs[0].cardinality if self.inputs else INFINITE

    def arguments(self) -> str:
        told = "a dataset" if self.weights is None else str(self.weights.tolist())
        return f"weights={told}, rerandomize={self.each}"

    def run(self, opening: Opening) -> Run:
        number = opening.next_pass(self.seeds)
        pair = pair_of_pass(self.seeds, number) if self.each else self.seeds.pair
        rows = Reader(self.inputs[0].open(opening)) if self.inputs else None
        return _Drawing(Numbers(pair), self, rows)

    def reopened(self, opening: Opening, count: int) -> None:
        super().reopened(opening, count)
        opening.next_pass(self.seeds, count)


class _Drawing(Run):
    def __init__(self, numbers: Numbers, node: Draws, rows: Reader | None) -> None:
        self.numbers, self.node, self.rows = numbers, node, rows

    def take(self, count: int) -> Block | None:
        weights: Any = self.node.weights
        if self.rows is not None:
            block = self.rows.read(count)
            if block is None:
                return None
            count = block.count
            weights = _of_rows(block, self.node.count)
        drawn = _categorical(_logarithms(weights), self.numbers.take(2 * count).reshape(count, 2))
        return Block(count, [drawn], specs.LONE)

    def skip(self, count: int) -> int:
        gone = count if self.rows is None else self.rows.skip(count)
        self.numbers.position += 2 * gone
        return gone

    def close(self) -> None:
        if self.rows is not None:
            self.rows.close()


def _of_rows(block: Block, count: int) -> np.ndarray[Any, Any]:
    """The weights of each element, ``(elements, count)``. Raises ShapeError."""
    rows = [np.asarray(row) for row in listed(block.columns[0])]
    wrong = [row.shape for row in rows if row.shape != (count,)]
    if wrong or len(block.columns) != 1:
        raise ShapeError(
            f"sample_from_datasets: an element of the dataset of weights has shape "
            f"{wrong[0] if wrong else 'of several tensors'}, which is not ({count},)"
        )
    return np.stack(rows)


def _logarithms(weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(divide="ignore"):  # a weight of 0 is never drawn
        logits: np.ndarray[Any, Any] = np.log(weights).astype(np.float64)
        return logits


def _categorical(logits: np.ndarray[Any, Any], seeds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A class for each row of seeds, by logits of shape ``(classes,)`` or ``(rows, classes)``."""
    first, second = seeds.astype(np.uint64).T
    none = np.zeros_like(first)
    words = philox((first, none, second, none), _SCRAMBLING).astype(np.uint64).T
    made = philox((none, none, words[2], words[3]), (words[0], words[1])).astype(np.uint64)
    bits = (made[:, 0] & np.uint64(0xFFFFF)) << np.uint64(32) | made[:, 1]
    shares = bits.astype(np.float64) / 2.0**52
    sums = np.exp(logits - logits.max(axis=-1, keepdims=True)).cumsum(axis=-1)
    sums = np.broadcast_to(sums, (len(shares), sums.shape[-1]))
    found: np.ndarray[Any, Any] = (sums <= (shares * sums[:, -1])[:, None]).sum(axis=1)
    return found
