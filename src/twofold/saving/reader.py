"""What is in a checkpoint, without the objects that it is of: ``tf.train.load_checkpoint``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir.errors import LoadError, MissingError, TwofoldError

from .checkpoint import KIND, VALUES, WEIGHTS, latest_checkpoint, some_of
from .directory import MANIFEST, Saved, read_directory
from .weights import read_arrays

__all__ = ["CheckpointReader", "list_variables", "load_checkpoint", "load_variable"]

_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"  # of TensorFlow's names


class CheckpointReader:
    """The values of a checkpoint by name: the path of a Variable below the object that was saved.

    A Variable that stands in several places is listed at the last one that ends with a name, no
    number; each of them finds it. Names are listed with TensorFlow's ending, and are taken with
    or without it.
    """

    def __init__(self, saved: Saved) -> None:
        try:
            listed = saved.json(VALUES)
            self._arrays = read_arrays(saved.file(WEIGHTS), listed["values"])
            self._others: dict[str, str] = dict(listed.get("others", {}))
        except LoadError:
            raise
        except (TwofoldError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise LoadError(f"{saved.path} is damaged: {error!r}") from error
        self.path = str(saved.path)
        others = self._others.items()
        names = {first: name for name, first in others if not name.rpartition("/")[2].isdigit()}
        self._named = {names.get(p, p) + _SUFFIX: x for p, x in self._arrays.items()}

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return {name: list(array.shape) for name, array in self._named.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Name -> dtype."""
        return {name: array.dtype for name, array in self._named.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is a value of this name."""
        return self._place(tensor_str) in self._arrays

    def get_tensor(self, tensor_str: str) -> np.ndarray[Any, Any]:
        """The value of a name. Raises MissingError for one that is not there."""
        found = self._arrays.get(self._place(tensor_str))
        if found is None:
            held = some_of(name.removesuffix(_SUFFIX) for name in self._named)
            raise MissingError(f"{self.path} has no value {tensor_str!r}; it has {held}")
        return found.copy()

    def _place(self, name: str) -> str:
        path = name.removesuffix(_SUFFIX)
        return self._others.get(path, path)


def load_checkpoint(ckpt_dir_or_file: str | os.PathLike[str]) -> CheckpointReader:
    """A reader of a checkpoint, or of the latest one in a directory.

    Raises MissingError where there is none, LoadError for one that is damaged.

    >>> import tempfile, twofold as tf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).save(f"{folder}/ckpt")
    ...     reader = tf.train.load_checkpoint(folder)
    >>> reader.get_tensor("v")
    array([1., 2.], dtype=float32)
    """
    path = os.fspath(ckpt_dir_or_file)
    if not (Path(path) / MANIFEST).exists():
        latest = latest_checkpoint(path)
        if latest is None and Path(path).is_dir():
            raise MissingError(f"there is no checkpoint in {path}")
        path = path if latest is None else latest
    return CheckpointReader(read_directory(path, KIND))


def list_variables(ckpt_dir_or_file: str | os.PathLike[str]) -> list[tuple[str, list[int]]]:
    """The names and shapes of the values of a checkpoint, in order; see ``load_checkpoint``.

    >>> import tempfile, twofold as tf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(f"{folder}/ckpt")
    ...     tf.train.list_variables(path)[1]
    ('v/.ATTRIBUTES/VARIABLE_VALUE', [2])
    """
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str | os.PathLike[str], name: str) -> np.ndarray[Any, Any]:
    """One value of a checkpoint by its name; see ``load_checkpoint``.

    >>> import tempfile, twofold as tf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(f"{folder}/ckpt")
    ...     tf.train.load_variable(path, "v")
    array([1., 2.], dtype=float32)
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)
