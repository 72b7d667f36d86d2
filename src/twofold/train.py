"""``tf.train``: checkpoints of a training, averages of its weights, and examples in records."""

from __future__ import annotations

from typing import Any

from twofold.averages import ExponentialMovingAverage
from twofold.saving.checkpoint import Checkpoint, latest_checkpoint
from twofold.saving.manager import CheckpointManager
from twofold.saving.reader import list_variables, load_checkpoint, load_variable

__all__ = [
    "Checkpoint",
    "CheckpointManager",
    "ExponentialMovingAverage",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]


def __getattr__(name: str) -> Any:  # the messages of examples, with the package protobuf
    from twofold.api.messages import EXAMPLES, message  # noqa: PLC0415

    if name not in EXAMPLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, message(name))
