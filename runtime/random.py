"""Stateful random generators, and ``tf.random``'s functions that draw from the global one.

A generator's state is a Variable (see ``ir/ops/random.py`` for what it means): a draw reads it and
assigns its successor, so that tapes and traces see both, and a compiled function draws the same
numbers as an eager one.
"""

from __future__ import annotations

import contextvars
import os
import random as python_random
import threading
import weakref
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.ir.op import OPS
from twofold.ir.ops import random as draws

from .variable import Variable

__all__ = [
    "Generator",
    "bernoulli",
    "categorical",
    "get_global_generator",
    "normal",
    "permutation",
    "set_seed",
    "shuffle",
    "source",
    "truncated_normal",
    "uniform",
]

_GRAPH_SEED = 87654321  # TensorFlow's, where only an op has a seed
FLOAT, INT, U64 = np.dtype("float32"), np.dtype("int32"), np.dtype("uint64")


def _first_state(seed: Any) -> np.ndarray[Any, Any]:
    key = [int(s) % 2**64 for s in np.atleast_1d(np.asarray(seed, object))]
    if len(key) > 2:
        raise ArgumentError(f"a seed is one integer or two, not {seed!r}")
    return np.array([0, *key, *[0] * (2 - len(key))], np.uint64)


class Turn:
    """Who may draw: a context for one thread at a time, which it may enter again.

    A compiled call that draws is inside from reading the state to writing its successor.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        _turns.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


_turns: weakref.WeakSet[Turn] = weakref.WeakSet()


def _after_fork() -> None:
    """The thread that holds a lock may not be in the child."""
    for turn in _turns:
        turn.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Generator:
    """A stream of random numbers, of which every draw takes its own part.

    Threads may share a generator: no two draws give the same numbers, whether they are eager or
    made by compiled calls. A forked child goes on with the same stream as its parent, and so draws
    the same numbers: give each child one of ``split()``.

    >>> import twofold as tf
    >>> g = tf.random.Generator.from_seed(1)
    >>> g.uniform((2,)).shape
    (2,)
    """

    def __init__(self, state: Any) -> None:
        value = np.asarray(state)
        if value.dtype != np.uint64 or value.shape != (3,):
            raise ArgumentError(
                f"a generator state is uint64[3], not {value.dtype}{list(value.shape)}; make a "
                f"generator with Generator.from_seed(seed)"
            )
        self.state = Variable(value, trainable=False, name="generator")
        self.state.turn = Turn()

    def __reduce__(self) -> Any:
        return Generator, (self.state.array.copy(),)  # not the lock

    def __tf_children__(self) -> dict[str, Any]:
        return {"state": self.state}  # for checkpoints

    @classmethod
    def from_seed(cls, seed: Any) -> Generator:
        """A generator whose numbers depend on ``seed`` (one integer or two) and nothing else."""
        return cls(_first_state(seed))

    @classmethod
    def from_state(cls, state: Any) -> Generator:
        """A generator that goes on where another one with this state would."""
        return cls(state.numpy() if hasattr(state, "numpy") else state)

    @classmethod
    def from_non_deterministic_state(cls) -> Generator:
        """A generator seeded by the operating system."""
        return cls.from_seed(np.frombuffer(os.urandom(16), np.uint64))

    def reset_from_seed(self, seed: Any) -> None:
        """Start again from a seed; functions that use this generator see it."""
        with self.state.turn:
            self.state.assign(_first_state(seed))

    def draw(self) -> Any:
        """The present state, for one draw; the generator moves on."""
        with self.state.turn:
            state = self.state.read_value()
            self.state.assign(OPS["random_next"](state))
        return state

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = FLOAT) -> Any:
        """Uniform numbers in ``[minval, maxval)``; floating up to 1 by default.

        Integers are unbiased and need ``maxval``. Raises ArgumentError for an empty interval.
        """
        return draws.scaled_uniform(self.draw(), shape, minval, maxval, dtype)

    def uniform_full_int(self, shape: Any, dtype: Any = U64) -> Any:
        """Integers of any value that ``dtype`` holds, all equally likely."""
        return OPS["random_bits"](self.draw(), shape=shape, dtype=dtype)

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT) -> Any:
        """Normal numbers of this mean and standard deviation, which broadcast to ``shape``."""
        return draws.scaled_normal(self.draw(), shape, mean, stddev, dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT
    ) -> Any:
        """Normal numbers, those beyond two deviations from the mean drawn again."""
        return draws.scaled_truncated_normal(self.draw(), shape, mean, stddev, dtype)

    def bernoulli(self, shape: Any, probs: Any = 0.5, dtype: Any = INT) -> Any:
        """1 with probability ``probs`` (which broadcasts to ``shape``), else 0."""
        return draws.bernoulli_draw(self.draw(), shape, probs, dtype)

    def categorical(self, logits: Any, num_samples: Any) -> Any:
        """Indices (int64, ``[batch, num_samples]``) drawn from log-probabilities."""
        return draws.categorical_draw(self.draw(), logits, num_samples)

    def shuffle(self, x: Any) -> Any:
        """The slices of ``x`` along its first axis in random order; ``x`` itself stays."""
        return draws.permuted(self.draw(), x)

    def permutation(self, n: Any) -> Any:
        """The numbers ``0..n-1`` (int32) in random order."""
        return draws.permuted(self.draw(), OPS["arange"](n))

    def split(self, count: int = 1) -> list[Generator]:
        """``count`` new generators, independent of each other and of this one. Eager only."""
        states = OPS["random_split"](self.draw(), count=count)
        return [Generator(row) for row in states.numpy()]


# A trace may be what imports this module first: the generator is made outside it.
_global = contextvars.Context().run(Generator.from_non_deterministic_state)
_seed: list[Any] = [None]  # the global seed, None until set_seed
_seeded: dict[int, Generator] = {}  # the generators of calls with a seed of their own
_op_seeds: list[python_random.Random] = []  # the stream of seeds for datasets, once there is a seed


def get_global_generator() -> Generator:
    """The generator that ``tf.random``'s functions draw from."""
    return _global


def set_seed(seed: int) -> None:
    """Start the global generator, and all calls with a seed of their own, from this seed."""
    _seed[0] = seed
    _op_seeds[:] = [python_random.Random(seed)]
    _global.reset_from_seed(seed)
    for own, generator in _seeded.items():
        generator.reset_from_seed((seed, own))


def dataset_seeds(own: int | None) -> tuple[int, int] | None:
    """The two seeds of a dataset that draws, by TensorFlow's rule; None if there is no seed at all.

    ``own`` is its own seed. Under a global seed without one it takes the next of a stream.
    """
    if own is None:
        return (_seed[0], _op_seeds[0].randint(0, 2**31 - 1)) if _op_seeds else None
    return (_seed[0] if _op_seeds else _GRAPH_SEED, own)


def source(seed: int | None) -> Generator:
    """The global generator, or the one of a call's own seed and the global seed."""
    if seed is None:
        return _global
    found = _seeded.get(seed)
    if found is None:
        first = (0 if _seed[0] is None else _seed[0], seed)
        # Its state is a Variable, which no trace can own: the first use may be in one.
        fresh = contextvars.Context().run(Generator.from_seed, first)
        found = _seeded.setdefault(seed, fresh)
    return found


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = FLOAT, seed: int | None = None
) -> Any:
    """Uniform numbers in ``[minval, maxval)`` from the global generator; see ``Generator``.

    With a ``seed`` the numbers depend on it, on the global seed and on how many draws came before.
    """
    return source(seed).uniform(shape, minval, maxval, dtype)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT, seed: int | None = None
) -> Any:
    """Normal numbers from the global generator; ``seed`` as for ``uniform``."""
    return source(seed).normal(shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT, seed: int | None = None
) -> Any:
    """Normal numbers within two deviations of the mean, from the global generator."""
    return source(seed).truncated_normal(shape, mean, stddev, dtype)


def bernoulli(shape: Any, probs: Any = 0.5, dtype: Any = INT, seed: int | None = None) -> Any:
    """1 with probability ``probs``, else 0, from the global generator."""
    return source(seed).bernoulli(shape, probs, dtype)


def categorical(logits: Any, num_samples: Any, seed: int | None = None) -> Any:
    """Indices (int64) drawn from log-probabilities ``[batch, classes]``."""
    return source(seed).categorical(logits, num_samples)


def shuffle(value: Any, seed: int | None = None) -> Any:
    """The slices of ``value`` along its first axis in random order, from the global generator."""
    return source(seed).shuffle(value)


def permutation(n: Any, seed: int | None = None) -> Any:
    """The numbers ``0..n-1`` (int32) in random order."""
    return source(seed).permutation(n)
