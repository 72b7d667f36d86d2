"""``tf.saved_model``: objects with Variables and compiled functions as directories."""

from __future__ import annotations

from twofold.saving.saved_model import contains_saved_model, load, save

__all__ = ["contains_saved_model", "load", "save"]
