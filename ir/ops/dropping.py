"""Dropout: elements that become 0, and the others larger, so that the mean stays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, DTypeError
from ..op import OPS, Sample, composite
from .casting import cast
from .compare import greater_equal
from .elementwise import where
from .operand import as_tensor, sequence_attr
from .random import random_state

__all__ = ["dropped", "stateless_dropout"]

FLOAT = np.dtype("float32")


def dropped(state: Any, x: Any, rate: Any, noise_shape: Any, what: str) -> Any:
    """``x`` with elements dropped by the draw of a generator's state."""
    x = as_tensor(x)
    if not info(x.dtype).floating:
        raise DTypeError(f"{what}: x is scaled, so it must be floating, not {x.dtype}")
    if isinstance(rate, int | float):
        if not 0 <= rate < 1:
            raise ArgumentError(f"{what}: rate must be in [0, 1), not {rate}")
        if not rate:
            return x
        scale: Any = 1 / (1 - rate)
    else:
        rate = cast(as_tensor(rate), dtype=FLOAT)
        scale = cast(1 / (1 - rate), dtype=x.dtype)
    shape = tuple(x.shape)
    if noise_shape is not None:
        given = sequence_attr(noise_shape, len(shape), f"{what}: noise_shape")
        shape = tuple(n if m is None else m for m, n in zip(given, shape, strict=True))
    kept = greater_equal(OPS["random_uniform"](state, shape=shape, dtype=FLOAT), rate)
    return where(kept, x * scale, 0)


@composite(Sample("f[3,4]", 0.25, (1, 2)), Sample("f[3,4]", 0.5, 7, None, (3, 1)))
def stateless_dropout(
    x: Any, rate: Any, seed: Any, rng_alg: Any = None, noise_shape: Any = None, name: Any = None
) -> Any:
    """``x / (1 - rate)`` with elements set to 0 with probability ``rate``, as ``seed`` (one integer
    or two) decides.

    Along an axis of size 1 in ``noise_shape`` all elements are kept or dropped together; None there
    is the size of ``x``. Raises ArgumentError, DTypeError.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import twofold as tf
    >>> sorted(set(tf.nn.stateless_dropout(tf.ones(100), 0.5, seed=(1, 2)).numpy().tolist()))
    [0.0, 2.0]
    """
    return dropped(random_state(seed), x, rate, noise_shape, "stateless_dropout")
