"""``tf.random.experimental``: older names of ``tf.random``."""

from __future__ import annotations

from twofold.runtime.random import (
    Algorithm,
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)

from . import surface

__all__ = ["experimental"]


class experimental:
    """``tf.random.experimental``."""

    Algorithm = Algorithm
    Generator = Generator
    create_rng_state = staticmethod(create_rng_state)
    get_global_generator = staticmethod(get_global_generator)
    set_global_generator = staticmethod(set_global_generator)
    stateless_fold_in = staticmethod(surface.load("random", "fold_in"))
    stateless_split = staticmethod(surface.load("random", "split"))
    stateless_shuffle = staticmethod(surface.load("random", "stateless_shuffle"))
