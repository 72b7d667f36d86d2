"""``tf.config``: switches of the whole process."""

from __future__ import annotations

from twofold.compiler.config import functions_run_eagerly, run_functions_eagerly
from twofold.runtime.threads import get_num_threads, set_num_threads

__all__ = ["functions_run_eagerly", "get_num_threads", "run_functions_eagerly", "set_num_threads"]
