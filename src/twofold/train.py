"""``tf.train``: checkpoints of a training, averages of its weights."""

from __future__ import annotations

from twofold.averages import ExponentialMovingAverage
from twofold.saving.checkpoint import Checkpoint, latest_checkpoint
from twofold.saving.manager import CheckpointManager

__all__ = ["Checkpoint", "CheckpointManager", "ExponentialMovingAverage", "latest_checkpoint"]
