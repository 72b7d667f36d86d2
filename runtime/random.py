"""Stateful random generators, and ``tf.random``'s functions that draw from the global one.

A generator's state is a Variable (see ``ir/ops/random.py`` for what it means): a draw reads it and
assigns its successor, so that tapes and traces see both, and a compiled function draws the same
numbers as an eager one.
"""

from __future__ import annotations

import contextvars
import enum
import importlib
import os
import random as python_random
import threading
import weakref
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS
from twofold.ir.ops import random as draws
from twofold.ir.ops.operand import as_tensor, ranked, shape_attr

from .variable import Variable

__all__ = [
    "Algorithm", "Generator", "bernoulli", "beta", "binomial", "categorical", "choice",
    "create_rng_state", "gamma", "get_global_generator", "normal", "permutation", "poisson",
    "set_global_generator", "set_seed", "shuffle", "source", "truncated_normal", "uniform",
]  # fmt: skip

_GRAPH_SEED = 87654321  # TensorFlow's, where only an op has a seed
FLOAT, INT, U64 = np.dtype("float32"), np.dtype("int32"), np.dtype("uint64")


def _first_state(seed: Any) -> np.ndarray[Any, Any]:
    key = [int(s) % 2**64 for s in np.atleast_1d(np.asarray(seed, object))]
    if len(key) > 2:
        raise ArgumentError(f"a seed is one integer or two, not {seed!r}")
    return np.array([0, *key, *[0] * (2 - len(key))], np.uint64)


def _made() -> Any:
    """The rarer distributions, imported when one is drawn."""
    return importlib.import_module("twofold.ir.ops.distributions")


def _array(state: Any) -> Any:
    return state.numpy() if hasattr(state, "numpy") else state


def _state_of(key: Any, counter: Any) -> np.ndarray[Any, Any]:
    """The state of a key and the number of a draw. Raises ArgumentError."""
    first, *rest = np.atleast_1d(np.asarray(_array(counter), object))
    if any(rest):
        raise ArgumentError(f"a generator counts its draws in one word: {counter!r} is too large")
    state = _first_state(_array(key))
    state[0] = int(first) % 2**64
    return state


class Algorithm(enum.IntEnum):
    """TensorFlow's names of algorithms, of which there is Philox here."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


def _check_algorithm(alg: Any) -> None:
    if alg not in (None, "philox", "auto_select", Algorithm.PHILOX, Algorithm.AUTO_SELECT):
        raise ArgumentError(f"there is no algorithm {alg!r} here; leave it out, or say 'philox'")


def create_rng_state(seed: Any, alg: Any = None) -> Any:
    """The state (uint64, ``[3]``) of a generator from a seed: one integer or two.

    >>> import twofold as tf
    >>> tf.random.create_rng_state(7).numpy()
    array([0, 7, 0], dtype=uint64)
    """
    _check_algorithm(alg)
    return OPS["constant"](value=_first_state(seed))


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

    state: Variable

    def __init__(
        self, copy_from: Generator | None = None, state: Any = None, alg: Any = None
    ) -> None:
        """A generator in the state of another one, or in a state."""
        if copy_from is not None:
            if not isinstance(copy_from, Generator) or state is not None:
                raise ArgumentError(
                    "Generator: copy_from is another generator; a state is the keyword state="
                )
            state = copy_from.state.array.copy()
        _check_algorithm(alg)
        value = np.asarray(state)
        if value.dtype != np.uint64 or value.shape != (3,):
            raise ArgumentError(
                f"a generator state is uint64[3], not {value.dtype}{list(value.shape)}; make a "
                f"generator with Generator.from_seed(seed)"
            )
        self.state = Variable(value, trainable=False, name="generator")
        self.state.turn = Turn()

    def __reduce__(self) -> Any:
        return Generator, (None, self.state.array.copy())  # not the lock

    def __tf_children__(self) -> dict[str, Any]:
        return {"state": self.state}  # for checkpoints

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator whose numbers depend on ``seed`` (one integer or two) and nothing else."""
        return cls(state=_first_state(seed), alg=alg)

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """A generator that goes on where another one with this state would."""
        return cls(state=_array(state), alg=alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any = None) -> Generator:
        """A generator with a key of one or two words whose next draw is number ``counter``."""
        return cls(state=_state_of(key, counter), alg=alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator seeded by the operating system."""
        return cls.from_seed(np.frombuffer(os.urandom(16), np.uint64), alg)

    @property
    def algorithm(self) -> int:
        """TensorFlow's number of the algorithm: 1, Philox."""
        return Algorithm.PHILOX

    @property
    def key(self) -> Any:
        """The two words that tell this generator from others (uint64)."""
        return self.state.read_value()[1:]

    def reset_from_seed(self, seed: Any) -> None:
        """Start again from a seed; functions that use this generator see it."""
        with self.state.turn:
            self.state.assign(_first_state(seed))

    def reset(self, state: Any) -> None:
        """Go on from a state."""
        with self.state.turn:
            self.state.assign(np.asarray(_array(state), np.uint64))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Go on from draw number ``counter`` of a key."""
        self.reset(_state_of(key, counter))

    def skip(self, delta: Any) -> Any:
        """Leave out ``delta`` draws, of whatever size; the state that comes after them."""
        with self.state.turn:
            state = self.state.read_value()
            count = OPS["cast"](delta, dtype=U64)
            moved = OPS["concat"]([OPS["reshape"](state[0] + count, shape=(1,)), state[1:]], axis=0)
            self.state.assign(moved)
        return moved

    def make_seeds(self, count: int = 1) -> Any:
        """``count`` seeds (int64, ``[2, count]``) for the stateless functions."""
        words = OPS["random_split"](self.draw(), count=count)[:, 1:]
        return OPS["transpose"](OPS["cast"](words, dtype=np.dtype("int64")))

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

    def gamma(self, shape: Any, alpha: Any, beta: Any = None, dtype: Any = FLOAT) -> Any:
        """Gamma numbers of shape ``alpha`` and rate ``beta``, which broadcast to ``shape``."""
        return _made().gamma_draw(self.draw(), shape, alpha, beta, dtype)

    def beta(self, shape: Any, alpha: Any, beta: Any, dtype: Any = FLOAT) -> Any:
        """Beta numbers, which broadcast to ``shape``."""
        return _made().beta_draw(self.draw(), shape, alpha, beta, dtype)

    def poisson(self, shape: Any, lam: Any, dtype: Any = INT) -> Any:
        """Poisson numbers of mean ``lam``, which broadcasts to ``shape``."""
        return _made().poisson_draw(self.draw(), shape, lam, dtype)

    def binomial(self, shape: Any, counts: Any, probs: Any, dtype: Any = INT) -> Any:
        """Numbers of successes in ``counts`` trials, which broadcast to ``shape``."""
        return _made().binomial_draw(self.draw(), shape, counts, probs, dtype)

    def choice(self, a: Any, shape: Any = (), replace: bool = True, p: Any = None) -> Any:
        """Slices of ``a`` along its first axis, or of the numbers below it."""
        return _made().choice_draw(self.draw(), a, shape, replace, p)

    def categorical(self, logits: Any, num_samples: Any) -> Any:
        """Indices (int64, ``[batch, num_samples]``) drawn from log-probabilities."""
        logits = ranked(logits, 2, "categorical", 2)
        return draws.categorical_draw(self.draw(), logits, num_samples)

    def shuffle(self, x: Any) -> Any:
        """The slices of ``x`` along its first axis in random order; ``x`` itself stays."""
        x = ranked(x, 1, "shuffle")
        return draws.permuted(self.draw(), x)

    def permutation(self, n: Any) -> Any:
        """The numbers ``0..n-1`` (int32) in random order."""
        return draws.permuted(self.draw(), OPS["arange"](n))

    def split(self, count: int = 1) -> list[Generator]:
        """``count`` new generators, independent of each other and of this one. Eager only."""
        states = OPS["random_split"](self.draw(), count=count)
        return [Generator(state=row) for row in states.numpy()]


# A trace may be what imports this module first: the generator is made outside it.
_global = [contextvars.Context().run(Generator.from_non_deterministic_state)]
_seed: list[Any] = [None]  # the global seed, None until set_seed
_seeded: dict[int, Generator] = {}  # the generators of calls with a seed of their own
_op_seeds: list[python_random.Random] = []  # the stream of seeds for datasets, once there is a seed


def get_global_generator() -> Generator:
    """The generator that ``tf.random``'s functions draw from."""
    return _global[0]


def set_global_generator(generator: Generator) -> None:
    """Let ``tf.random``'s functions draw from this generator; compiled functions that are traced
    already go on with the one that they have."""
    if not isinstance(generator, Generator):
        raise ArgumentError(f"set_global_generator: {generator!r} is no generator")
    _global[0] = generator


def set_seed(seed: int) -> None:
    """Start the global generator, and all calls with a seed of their own, from this seed."""
    _seed[0] = seed
    _op_seeds[:] = [python_random.Random(seed)]
    _global[0].reset_from_seed(seed)
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
        return _global[0]
    found = _seeded.get(seed)
    if found is None:
        first = (0 if _seed[0] is None else _seed[0], seed)
        # Its state is a Variable, which no trace can own: the first use may be in one.
        fresh = contextvars.Context().run(Generator.from_seed, first)
        found = _seeded.setdefault(seed, fresh)
    return found


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = FLOAT, seed: int | None = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """Uniform numbers in ``[minval, maxval)`` from the global generator; see ``Generator``.

    With a ``seed`` the numbers depend on it, on the global seed and on how many draws came before.
    """
    return source(seed).uniform(shape, minval, maxval, dtype)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT, seed: int | None = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """Normal numbers from the global generator; ``seed`` as for ``uniform``."""
    return source(seed).normal(shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = FLOAT, seed: int | None = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """Normal numbers within two deviations of the mean, from the global generator."""
    return source(seed).truncated_normal(shape, mean, stddev, dtype)


def bernoulli(shape: Any, probs: Any = 0.5, dtype: Any = INT, seed: int | None = None) -> Any:
    """1 with probability ``probs``, else 0, from the global generator."""
    return source(seed).bernoulli(shape, probs, dtype)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = FLOAT, seed: int | None = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """For each ``alpha`` and ``beta`` (None: 1) gamma numbers of this shape and rate, from the
    global generator: ``shape``, then the axes of the parameters.

    >>> import twofold as tf
    >>> tf.random.gamma((5,), [0.5, 2.0]).shape
    (5, 2)
    """
    alpha = as_tensor(alpha)
    whole = alpha if beta is None else alpha + as_tensor(beta)
    return source(seed).gamma((*shape_attr(shape, "gamma"), *whole.shape), alpha, beta, dtype)


def poisson(
    shape: Any, lam: Any, dtype: Any = FLOAT, seed: int | None = None, name: Any = None
) -> Any:
    """For each ``lam`` Poisson numbers of this mean, from the global generator: ``shape``, then the
    axes of ``lam``.

    >>> import twofold as tf
    >>> tf.random.poisson((5,), [0.5, 2.0]).shape
    (5, 2)
    """
    lam = as_tensor(lam)
    return source(seed).poisson((*shape_attr(shape, "poisson"), *lam.shape), lam, dtype)


def binomial(
    shape: Any, counts: Any, probs: Any, dtype: Any = INT, seed: int | None = None, name: Any = None
) -> Any:
    """Numbers of successes in ``counts`` trials, which broadcast to ``shape``."""
    return source(seed).binomial(shape, counts, probs, dtype)


def beta(
    shape: Any, alpha: Any, beta: Any, dtype: Any = FLOAT, seed: int | None = None, name: Any = None
) -> Any:
    """Beta numbers, which broadcast to ``shape``, from the global generator."""
    return source(seed).beta(shape, alpha, beta, dtype)


def choice(
    a: Any, shape: Any = (), replace: bool = True, p: Any = None, seed: int | None = None
) -> Any:
    """Slices of ``a`` along its first axis (of a number, of those below it), with probabilities
    ``p`` (None: equal ones).

    >>> import twofold as tf
    >>> sorted(tf.random.choice(3, (3,), replace=False).numpy().tolist())
    [0, 1, 2]
    """
    return source(seed).choice(a, shape, replace, p)


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None, name: Any = None
) -> Any:
    """Indices (int64, or ``dtype``) drawn from log-probabilities ``[batch, classes]``."""
    want = None if dtype is None else as_dtype(dtype, "categorical")
    found = source(seed).categorical(logits, num_samples)
    return found if want is None else OPS["cast"](found, dtype=want)


def shuffle(value: Any, seed: int | None = None, name: Any = None) -> Any:
    """The slices of ``value`` along its first axis in random order, from the global generator."""
    return source(seed).shuffle(value)


def permutation(n: Any, seed: int | None = None, name: Any = None) -> Any:
    """The numbers ``0..n-1`` (int32) in random order."""
    return source(seed).permutation(n)
