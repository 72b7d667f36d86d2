"""``tf.train``: checkpoints of a training."""

from __future__ import annotations

from twofold.saving.checkpoint import Checkpoint, latest_checkpoint
from twofold.saving.manager import CheckpointManager

__all__ = ["Checkpoint", "CheckpointManager", "latest_checkpoint"]
