"""Random graphs with nested branches and loops: gradients to order two are those of the same ops
run one by one, and first ones those of differences.

    cd tests && python -m compiler.derivatives.test_random_graphs 0 1000     # more of them
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from support import unrolled
from support.control_programs import called
from support.random_regions import random_graph
from support.unrolled import tamed

import twofold as tf
from twofold.ir.errors import (
    IndexOutOfBoundsError,
    IntegerDivisionError,
    ShapeError,
    StagingError,
    TwofoldError,
)
from twofold.ir.verify import verify


class Run:
    """The derivatives of a graph for the inputs of a seed, as ``function`` runs it."""

    def __init__(self, seed: int, function: Any, watched: bool) -> None:
        self.graph = tamed(random_graph(seed, "f32"))
        self.function, self.watched = function, watched
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        self.xs = [tf.constant(rng.uniform(-1, 1, size)) for size in [(), (n,), (3, n)]]
        self.count, self.flag = (
            tf.constant(np.int32(rng.integers(-1, 4))),
            tf.constant(seed % 2 == 0),
        )
        self.start = rng.uniform(-1, 1, n)
        self.steps = [rng.uniform(-1, 1, x.shape) for x in self.xs]

    def total(self, xs: Any, v: Any) -> Any:
        """A number made of all floating outputs."""
        given = [xs[0], self.count, self.flag, xs[1], xs[2], v]
        outs = [x for x in self.function(self.graph, given) if x.dtype.kind == "f"]
        return sum([tf.sum(tf.sin(x + i)) for i, x in enumerate(outs)], tf.sum(xs[0]) * 0.0)

    def derivatives(self) -> list[Any]:
        """The number, its gradients, theirs, and the Variable afterwards."""
        v = tf.Variable(self.start, trainable=self.watched)
        sources = [*self.xs, v]
        with tf.GradientTape() as outer:
            outer.watch(self.xs)
            with tf.GradientTape() as inner:
                inner.watch(self.xs)
                y = self.total(self.xs, v)
            first = inner.gradient(y, sources)
            z = sum(tf.sum(tf.sin(g)) for g in first if g is not None)
        return [y, *first, *outer.gradient(z, sources), v]

    def outcome(self) -> list[Any] | TwofoldError:
        """The derivatives, or the error for values that do not go."""
        try:
            return self.derivatives()
        except (IntegerDivisionError, IndexOutOfBoundsError, ShapeError, StagingError) as error:
            return error

    def along(self, h: float) -> float:
        """The number at some distance."""
        xs = [x + h * step for x, step in zip(self.xs, self.steps, strict=True)]
        return float(self.total(xs, tf.Variable(self.start, trainable=False)).numpy())

    def slope(self, first: list[Any]) -> tuple[float, float]:
        """The derivative in a direction, by differences and by gradients."""
        h = 1e-5
        found = sum(
            float(np.sum(g.numpy() * step))
            for g, step in zip(first, self.steps, strict=True) if g is not None
        )  # fmt: skip
        return (self.along(h) - self.along(-h)) / (2 * h), found


def check(seed: int, watched: bool) -> None:
    """Compare the derivatives of the graph of a number; raises AssertionError."""
    plain = Run(seed, unrolled.run, watched)
    run = Run(seed, lambda graph, xs: called(graph, *xs), watched)
    verify(run.graph)
    want, found = plain.outcome(), run.outcome()
    if isinstance(found, StagingError):
        assert "reads and assigns the Variable" in str(found)
        return
    if isinstance(want, TwofoldError) or isinstance(found, TwofoldError):
        assert type(found) is type(want), (found, want)
        return
    for i, (a, b) in enumerate(zip(found, want, strict=True)):
        if a is None or b is None:
            assert not any(x is not None and x.numpy().any() for x in (a, b)), i
        else:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-9, err_msg=str(i))
    if not watched:
        near, exact = plain.slope(found[1:4])
        assert abs(near - exact) <= 1e-4 * max(1.0, abs(near), abs(exact)) or _jumps(plain)


def _jumps(run: Run) -> bool:
    """Whether a comparison changes close to the inputs."""
    near = [run.along(h) for h in (-2e-5, -1e-5, 0.0, 1e-5, 2e-5)]
    return bool(np.abs(np.diff(near, 2)).max() > 1e-7)


@pytest.mark.parametrize("watched", [False, True], ids=["", "the Variable as well"])
@pytest.mark.parametrize("seed", range(30))
def test_gradients_are_those_of_the_ops_one_by_one(seed: int, watched: bool) -> None:
    check(seed, watched)


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        try:
            check(number, "watched" in sys.argv)
        except (TwofoldError, AssertionError, KeyError) as error:
            print(number, type(error).__name__, str(error)[:300].replace("\n", " "), flush=True)
    print("done")
