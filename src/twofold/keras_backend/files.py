"""Files of models: saved-model directories beside Keras's own, and no file half-written.

``model.save("my_model")``, a path without an ending, writes a saved model of twofold: the forward
pass as a graph, which ``tf.saved_model.load`` runs without any code, and in it the ``.keras`` file
from which ``keras.models.load_model("my_model")`` makes the model again, with its optimiser.
"""

from __future__ import annotations

import contextlib
import functools
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keras.src.saving import saving_lib
from keras.src.utils import io_utils

from twofold.ir.errors import LoadError, SaveError
from twofold.saving import directory, saved_model
from twofold.saving.beside import beside, sweep

from .export import inference

__all__ = ["loading", "loading_weights", "saving", "saving_weights"]

_MODEL = "model.keras"


def _is_directory(filepath: Any) -> bool:
    """Whether a path is that of a saved model: it has no ending, and is no address."""
    text = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else ""
    return bool(text) and "://" not in text and not os.path.splitext(text.rstrip("/"))[1]


def saving(own: Callable[..., Any]) -> Callable[..., Any]:
    """``keras.models.save_model`` that writes directories, and files whole or not at all."""

    @functools.wraps(own)
    def save_model(
        model: Any, filepath: Any, overwrite: bool = True, zipped: Any = None, **kwargs: Any
    ) -> Any:
        if zipped is not None or not isinstance(filepath, str | os.PathLike):
            return own(model, filepath, overwrite=overwrite, zipped=zipped, **kwargs)
        if not _may_write(filepath, overwrite):
            return None
        if kwargs.get("save_format") == "tf":
            del kwargs["save_format"]
        if _is_directory(filepath) and not kwargs:
            return _save_directory(model, filepath)
        return _whole(model, filepath, lambda path: own(model, path, **kwargs))

    return save_model


def saving_weights(own: Callable[..., Any]) -> Callable[..., Any]:
    """``keras.saving.save_weights``; a file is whole or not there."""

    @functools.wraps(own)
    def save_weights(
        model: Any, filepath: Any, overwrite: bool = True, max_shard_size: Any = None, **kwargs: Any
    ) -> Any:
        if max_shard_size is not None:  # several files, which name each other
            return own(model, filepath, overwrite, max_shard_size, **kwargs)
        if not str(filepath).endswith(".weights.h5"):
            return own(model, filepath, overwrite, **kwargs)  # which refuses it by its name
        if not _may_write(filepath, overwrite):
            return None
        return _whole(model, filepath, lambda path: own(model, path, **kwargs))

    return save_weights


def loading(own: Callable[..., Any]) -> Callable[..., Any]:
    """``keras.models.load_model`` that reads saved-model directories, too."""

    @functools.wraps(own)
    def load_model(
        filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True
    ) -> Any:
        if not (_is_directory(filepath) and os.path.isdir(filepath)):
            with _whole_file(filepath):
                return own(filepath, custom_objects, compile, safe_mode)
        if not (Path(filepath) / directory.MANIFEST).exists():
            return own(filepath, custom_objects, compile, safe_mode)
        saved = directory.read_directory(filepath, saved_model.KIND)
        if _MODEL not in saved:
            raise LoadError(
                f"{saved.path} was exported for inference, without what a model of Keras is made "
                f"of; load it with tf.saved_model.load"
            )
        return own(str(saved.file(_MODEL)), custom_objects, compile, safe_mode)

    return load_model


def loading_weights(own: Callable[..., Any]) -> Callable[..., Any]:
    """``keras.saving.load_weights`` that refuses a file that is cut off or damaged by name."""

    @functools.wraps(own)
    def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> Any:
        with _whole_file(filepath):
            return own(model, filepath, skip_mismatch, **kwargs)

    return load_weights


@contextlib.contextmanager
def _whole_file(filepath: Any) -> Iterator[None]:
    """What reads a file in the block finds a whole one. Raises LoadError."""
    path = str(filepath)
    words = f"{path} is cut off or damaged, or no file of Keras's; take another copy"
    if path.endswith(".keras") and os.path.isfile(path) and not zipfile.is_zipfile(path):
        raise LoadError(words)
    try:
        yield
    except (zipfile.BadZipFile, OSError) as error:
        if isinstance(error, LoadError) or not os.path.isfile(path):
            raise
        raise LoadError(f"{words} ({error})") from error


def _may_write(filepath: Any, overwrite: bool) -> bool:
    if overwrite or not os.path.exists(filepath):
        return True
    return bool(io_utils.ask_to_proceed_with_overwrite(os.fspath(filepath)))


def _whole(model: Any, filepath: Any, write: Callable[[str], Any]) -> Any:
    """Have a file written beside its place and renamed. Raises SaveError for a full disk."""
    target = Path(os.path.abspath(filepath))
    if "://" in os.fspath(filepath) or not target.parent.is_dir():
        return write(os.fspath(filepath))
    draft = beside(target)
    try:
        sweep(target)
        if target.suffix in (".h5", ".hdf5"):
            _make_room(draft, model)
        write(str(draft))
        if draft.exists():
            with open(draft, "rb") as stream:
                os.fsync(stream.fileno())
            os.replace(draft, target)
    except OSError as error:
        raise SaveError(
            f"{target} cannot be written: {error}; what was there before is as it was"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return None


def _make_room(file: Path, model: Any) -> None:
    """Raise OSError unless the disk has room for the weights: HDF5 ends the process when it finds
    out while it closes a file (seen with h5py 3.16)."""
    held = [*model.variables, *getattr(getattr(model, "optimizer", None), "variables", ())]
    need = 2**16 + sum(4096 + int(np.prod(v.shape)) * 8 for v in held)
    with open(file, "wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, need)
    file.unlink()


def _save_directory(model: Any, filepath: Any) -> None:
    """The saved model of a Keras model."""
    root, signatures = inference(model)
    saved_model.save(
        root, filepath, signatures,
        extra={_MODEL: lambda path: saving_lib.save_model(model, str(path))},
    )  # fmt: skip
