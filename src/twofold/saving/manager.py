"""``tf.train.CheckpointManager``: the latest checkpoints of a training, in a directory."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

from twofold.ir.errors import ArgumentError
from twofold.runtime.variable import Variable

from .checkpoint import Checkpoint, saved_checkpoints
from .directory import read_directory

__all__ = ["CheckpointManager"]


class CheckpointManager:
    """Keeps the latest ``max_to_keep`` checkpoints of a directory (None: all).

    The directory itself says which there are, so a process that goes on after another one was
    killed finds what that one finished. ``keep_checkpoint_every_n_hours``: of those that would go,
    one in so many hours stays. ``step_counter`` and ``checkpoint_interval``: ``save`` does nothing
    until the counter has grown by so much. ``init_fn`` is called by ``restore_or_initialize`` where
    there is nothing to restore. Raises ArgumentError for numbers that are none.

    >>> import tempfile, twofold as tf
    >>> v = tf.Variable(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), folder, max_to_keep=2)
    ...     for _ in range(3):
    ...         path = manager.save()
    ...     names = [p[-6:] for p in manager.checkpoints]
    >>> names
    ['ckpt-2', 'ckpt-3']
    """

    def __init__(
        self, checkpoint: Checkpoint, directory: str | os.PathLike[str],
        max_to_keep: int | None, keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt", step_counter: Any = None,
        checkpoint_interval: int | None = None, init_fn: Callable[[], Any] | None = None,
    ) -> None:  # fmt: skip
        if max_to_keep is not None and (max_to_keep.__class__ is not int or max_to_keep <= 0):
            raise ArgumentError(f"max_to_keep is a number from 1, or None, not {max_to_keep!r}")
        if (checkpoint_interval is None) != (step_counter is None):
            raise ArgumentError("checkpoint_interval and step_counter are given together")
        if step_counter is not None and not isinstance(step_counter, Variable):
            raise ArgumentError(f"step_counter is a tf.Variable, not {step_counter!r}")
        if not checkpoint_name or "/" in checkpoint_name:
            raise ArgumentError(f"checkpoint_name is the name of a file, not {checkpoint_name!r}")
        self.checkpoint, self._directory = checkpoint, os.fspath(directory)
        self._most, self._hours = max_to_keep, keep_checkpoint_every_n_hours
        self._name = checkpoint_name
        self._step, self._interval, self._init = step_counter, checkpoint_interval, init_fn
        self._last_step: int | None = None
        self._preserved = time.time()
        self._kept: set[str] = set()  # those that stay for good

    @property
    def directory(self) -> str:
        """The directory of the checkpoints."""
        return self._directory

    @property
    def checkpoint_interval(self) -> int | None:
        """How much the step counter has to grow between checkpoints."""
        return self._interval

    @property
    def checkpoints(self) -> list[str]:
        """The paths of the checkpoints that are there, the oldest first."""
        return saved_checkpoints(self._directory, self._name)

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the latest one, or None."""
        found = self.checkpoints
        return found[-1] if found else None

    def save(
        self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None
    ) -> str | None:
        """Write a checkpoint, remove those that are too many; returns its path.

        ``checkpoint_number``: its number, else one more than the last. None is returned if the
        interval has not passed. Raises SaveError; the checkpoints that are there stay then.
        """
        if check_interval and not self._is_due():
            return None
        if checkpoint_number is None:
            path = self.checkpoint.save(self._prefix())
        else:
            self.checkpoint.save_counter.assign_add(1)
            path = self.checkpoint.write(f"{self._prefix()}-{int(checkpoint_number)}")
        if self._step is not None:
            self._last_step = int(self._step)
        self._remove_old()
        return path

    def _prefix(self) -> str:
        return os.path.join(self._directory, self._name)

    def _is_due(self) -> bool:
        if self._interval is None or self._last_step is None or self._step is None:
            return True
        return int(self._step) >= self._last_step + self._interval

    def _remove_old(self) -> None:
        if self._most is None:
            return
        found = [path for path in self.checkpoints if path not in self._kept]
        for path in found[: -self._most]:
            written = _time_of(path)
            if self._hours and written - self._preserved >= self._hours * 3600:
                self._preserved = written
                self._kept.add(path)
            else:
                gone = os.path.join(self._directory, f".{os.path.basename(path)}.old")
                os.rename(path, gone)  # no half of one is ever found
                shutil.rmtree(gone, ignore_errors=True)

    def restore_or_initialize(self) -> str | None:
        """Restore the latest checkpoint, or call ``init_fn``; returns the path, or None."""
        path = self.latest_checkpoint
        if path is not None:
            self.checkpoint.restore(path)
            if self._step is not None:
                self._last_step = int(self._step)
        elif self._init is not None:
            self._init()
        return path


def _time_of(path: str) -> float:
    return float(read_directory(path, "checkpoint").manifest["time"]) / 1e9
