"""Logs that TensorBoard reads: event files, and graphs in its form. ``tf.summary`` is their face.

The package ``tensorboard`` (the extra of that name) writes the files and has the protocol buffers;
it is imported by the first writer.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["proto", "tensorboard"]


def tensorboard(name: str) -> Any:
    """A module of TensorBoard's package. Raises ImportError that says how to install it."""
    try:
        return importlib.import_module(f"tensorboard.{name}")
    except ModuleNotFoundError as error:
        if error.name not in ("tensorboard", "google"):
            raise
        raise ImportError(
            "tf.summary writes with TensorBoard's package; install it with: "
            "pip install 'twofold[tensorboard]'"
        ) from None


def proto(name: str) -> Any:
    """Its protocol buffers of a file."""
    return tensorboard(f"compat.proto.{name}_pb2")
