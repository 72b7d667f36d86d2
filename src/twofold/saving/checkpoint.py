"""``tf.train.Checkpoint``: the values of Variables, by their place below an object.

    ckpt-1/
      manifest.json          versions, checksums, when it was written
      values.json            path -> dtype and shape:  "model/layers/0/w"; other paths to the same
      weights.safetensors    the values

A path is the names of attributes, keys and positions, so the same program finds its Variables
again, whatever they are called. Values for Variables that are not there yet wait until they are:
see ``Status``.
"""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, LoadError, SaveError, TwofoldError
from twofold.runtime.convert import variable_of
from twofold.runtime.tensor import wrap
from twofold.runtime.variable import Variable

from .directory import Content, is_saved, read_directory, write_directory
from .tracked import children_of, is_node, is_variable
from .weights import describe, read_arrays, write_arrays

__all__ = [
    "KIND",
    "VALUES",
    "WEIGHTS",
    "Checkpoint",
    "Status",
    "latest_checkpoint",
    "saved_checkpoints",
    "some_of",
]

KIND = "checkpoint"
VALUES, WEIGHTS = "values.json", "weights.safetensors"
COUNTER = "save_counter"


class Checkpoint:
    """Saves and restores the Variables below objects, which it is given by name.

    ``root`` (a ``tf.Module``, a model or an optimiser of Keras, a dict, a list) and keywords are
    objects with Variables below them, Variables, generators, or what has ``get_state()`` and
    ``set_state(state)``, which give and take JSON (iterators of ``tf.data``). Each is an attribute.
    Raises ArgumentError for anything else.

    >>> import tempfile, twofold as tf
    >>> v = tf.Variable(1.0)
    >>> checkpoint = tf.train.Checkpoint(v=v)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = checkpoint.save(f"{folder}/ckpt")
    ...     _ = v.assign(2.0)
    ...     _ = checkpoint.restore(path).assert_consumed()
    >>> path[-6:], float(v)
    ('ckpt-1', 1.0)
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._root = root
        if root is not None and not _is_tracked(root):
            raise ArgumentError(_untracked("the root", root))
        for name, value in kwargs.items():
            if not _is_tracked(value):
                raise ArgumentError(_untracked(name, value))
            if name == COUNTER or hasattr(type(self), name):
                raise ArgumentError(f"a checkpoint has a {name} of its own; use another name")
            setattr(self, name, value)

    @functools.cached_property
    def save_counter(self) -> Variable:
        """How often this was saved; there once it has been saved or restored."""
        return Variable(0, trainable=False, name=COUNTER, dtype="int64")

    def __tf_children__(self) -> dict[str, Any]:
        own = {k: vars(self)[k] for k in sorted(vars(self), key=COUNTER.__ne__) if k != "_root"}
        if self._root is None:
            return own
        return {**(children_of(self._root) or {"root": self._root}), **own}

    def write(self, file_prefix: str | os.PathLike[str], options: Any = None) -> str:
        """Write the values as a directory of this name; returns it. It appears whole or not at all.

        ``options`` is accepted and ignored. Raises SaveError if it cannot be written.
        """
        others: dict[str, str] = {}
        self.save_counter  # noqa: B018  (makes it)
        arrays, states = _values(self, others)
        listed = {"values": describe(arrays), "states": states, "others": others}
        files: dict[str, Content] = {
            VALUES: json.dumps(listed, indent=1).encode(),
            WEIGHTS: functools.partial(write_arrays, arrays=arrays),
        }
        write_directory(file_prefix, KIND, files, {"time": time.time_ns()})
        return os.fspath(file_prefix)

    def save(self, file_prefix: str | os.PathLike[str], options: Any = None) -> str:
        """Write a numbered checkpoint, ``PREFIX-1``, ``PREFIX-2`` ...; returns its path."""
        self.save_counter.assign_add(1)
        try:
            return self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        except BaseException:
            self.save_counter.assign_sub(1)
            raise

    def read(self, save_path: str | os.PathLike[str], options: Any = None) -> Status:
        """Restore from a path that ``write`` gave; see ``restore``."""
        return self.restore(save_path)

    def restore(self, save_path: str | os.PathLike[str] | None, options: Any = None) -> Status:
        """Give the Variables the values of a checkpoint; returns what became of them.

        All values are read and compared first: an error changes nothing. None, which
        ``latest_checkpoint`` gives where there is none, restores nothing. Raises LoadError for what
        is no checkpoint or is damaged, and for a value of another shape or dtype.
        """
        self.save_counter  # noqa: B018  (makes it)
        if save_path is None:
            return Status(self, "", {}, {})
        saved = read_directory(save_path, KIND)
        try:
            listed = saved.json(VALUES)
            arrays = read_arrays(saved.file(WEIGHTS), listed["values"])
            values = {**arrays, **listed["states"]}
            status = Status(self, str(saved.path), values, dict(listed.get("others", {})))
        except LoadError:
            raise
        except (TwofoldError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise LoadError(f"{saved.path} is damaged: {error!r}") from error
        status.apply()
        return status


class Unmatched(LoadError, AssertionError):
    """What the assertions of a restoration raise: a LoadError, and as in TensorFlow an
    AssertionError."""


class Status:
    """What became of the values of a checkpoint.

    Those of Variables that are not there yet (of a layer that is not built, of an attribute that is
    assigned later) are applied by ``apply`` or an assertion, once they are.
    """

    def __init__(
        self, checkpoint: Any, path: str, values: dict[str, Any], others: dict[str, str]
    ) -> None:
        self.checkpoint, self.path = checkpoint, path
        self.waiting, self.others = values, others
        arrays = {path for path, value in values.items() if isinstance(value, np.ndarray)}
        self.counts = _counts([*arrays, *(p for p, first in others.items() if first in arrays)])
        self.applied: set[str] = set()

    def apply(self) -> Status:
        """Restore what waits and is there now. Raises LoadError, and changes nothing, if a value
        does not fit."""
        found = [(p, x, self.waiting[p]) for p, x in self._complete() if p in self.waiting]
        for path, leaf, value in found:
            self._check(path, leaf, value)
        outside = bind.below(None)  # a layer may be built, and so restored, while it is traced
        try:
            for path, leaf, value in found:
                if isinstance(value, np.ndarray):
                    variable_of(leaf).assign(wrap(value))
                else:
                    leaf.set_state(value)
                self.applied.add(path)
                del self.waiting[path]
        finally:
            bind.pop(outside)
        _wait_for_builds(self)
        return self

    def _saved_as(self, path: str) -> str:
        """The path under which a value was saved: what stands in several places has one."""
        found = ""
        for step in path.split("/"):
            found = f"{found}/{step}" if found else step
            found = self.others.get(found, found)
        return found

    def _complete(self) -> Iterator[tuple[str, Any]]:
        """The leaves by path, without those whose places may still change: weights of what is built
        step by step are counted, and wait until they are as many as were saved."""
        others: dict[str, str] = {}
        leaves = list(_leaves(self.checkpoint, others))
        now = _counts([*(path for path, *_ in leaves), *others])
        for path, leaf, stepwise in leaves:
            above = path.rpartition("/")[0]
            if not stepwise or now[above] == self.counts[above]:
                yield self._saved_as(path), leaf
            elif now[above] > self.counts[above] > 0:
                raise LoadError(
                    f"{self.path} has {self.counts[above]} values for {above}, and there are "
                    f"{now[above]} Variables now; nothing was restored"
                )

    def _check(self, path: str, leaf: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) != is_variable(leaf):
            raise LoadError(f"{self.path}: {path} is a {type(leaf).__name__} now")
        if not is_variable(leaf):
            return
        variable = variable_of(leaf)
        if variable.dtype != value.dtype or variable.shape != value.shape:
            raise LoadError(
                f"{self.path}: {path} was saved as {value.dtype.name}{list(value.shape)}, and the "
                f"Variable is {variable.dtype.name}{list(variable.shape)}; nothing was restored"
            )

    def assert_consumed(self) -> Status:
        """Raise Unmatched unless every value was restored, and every Variable has one."""
        self.assert_existing_objects_matched()
        if self.waiting:
            raise Unmatched(
                f"{self.path} has values for Variables that are not there: "
                f"{some_of(self.waiting)}; expect_partial() says that this is meant"
            )
        return self

    def assert_existing_objects_matched(self) -> Status:
        """Raise Unmatched unless every Variable that is there has been restored."""
        self.apply()
        there = [self._saved_as(p) for p, *_ in _leaves(self.checkpoint)]
        missing = [p for p in there if p not in self.applied and p not in self.waiting]
        if missing:
            raise Unmatched(f"{self.path or 'no checkpoint'} has no values for: {some_of(missing)}")
        return self

    def assert_nontrivial_match(self) -> Status:
        """Raise Unmatched if nothing but the counter was restored."""
        self.apply()
        if not self.applied - {COUNTER}:
            raise Unmatched(f"{self.path or 'no checkpoint'} has no value for any Variable here")
        return self

    def expect_partial(self) -> Status:
        """Say that values may stay unused."""
        return self


def _counts(paths: Any) -> Counter[str]:
    """How many paths there are below each path."""
    return Counter(path.rpartition("/")[0] for path in paths)


def some_of(paths: Any) -> str:
    """The first paths by name, and how many there are more."""
    shown = sorted(paths)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more


def _is_tracked(value: Any) -> bool:
    return is_variable(value) or is_node(value) or hasattr(type(value), "get_state")


def _untracked(what: str, value: Any) -> str:
    return (
        f"a checkpoint saves what has Variables below it; {what} is a {type(value).__name__}: pass "
        f"a tf.Module, a tf.Variable, a model or optimiser of Keras, or a list or dict of those"
    )


def _leaves(root: Any, others: dict[str, str] | None = None) -> Iterator[tuple[str, Any, bool]]:
    """The Variables and states below an object by path, each at its first place, and whether they
    are of something that is built step by step. ``others`` takes the further places of what stands
    in several, each with the first one."""
    seen = {id(root): ""}
    met: list[Any] = []  # keeps what was seen alive: lists that are made when they are asked for
    todo: list[tuple[str, Any, bool]] = [("", root, False)]
    while todo:
        path, node, stepwise = todo.pop()
        if is_variable(node) or hasattr(type(node), "get_state"):
            yield path, node, stepwise
            continue
        in_steps = hasattr(type(node), "__tf_when_built__")
        stepwise = stepwise and isinstance(node, list | tuple)
        below = []
        for name, held in (children_of(node) or {}).items():
            if not _is_tracked(held) or variable_of(held) is None:  # of a layer in the making
                continue
            met.append(held)
            step = name.replace("%", "%25").replace("/", "%2F")
            place = f"{path}/{step}" if path else step
            first = seen.setdefault(id(variable_of(held)), place)
            if first == place:
                below.append((place, held, stepwise or in_steps and isinstance(held, list | tuple)))
            elif others is not None:
                others[place] = first
        todo += reversed(below)


def _values(
    root: Any, others: dict[str, str]
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    states: dict[str, Any] = {}
    for path, leaf, _ in _leaves(root, others):
        if is_variable(leaf):
            arrays[path] = variable_of(leaf).array
            continue
        state = leaf.get_state()
        try:
            states[path] = json.loads(json.dumps(state))
        except (TypeError, ValueError) as error:
            raise SaveError(f"the state of {path} is no JSON: {error}") from error
    return arrays, states


def _nodes(root: Any) -> Iterator[Any]:
    seen, todo = {id(root): root}, [root]
    while todo:
        node = todo.pop()
        yield node
        for held in (children_of(node) or {}).values():
            if not is_variable(held) and id(held) not in seen:
                seen[id(held)] = held
                todo.append(held)


def _wait_for_builds(status: Status) -> None:
    """What waits is restored when the layers and optimisers that are not built yet are."""
    if not status.waiting:
        return
    for node in _nodes(status.checkpoint):
        wait = getattr(type(node), "__tf_when_built__", None)
        if wait is not None:
            wait(node, status.apply)


# directories of checkpoints


def saved_checkpoints(directory: str | os.PathLike[str], name: str = "") -> list[str]:
    """The paths of the whole checkpoints in a directory, the oldest first."""
    folder = Path(directory)
    if not folder.is_dir():
        return []
    wanted = re.compile(rf"{re.escape(name)}-\d+") if name else re.compile(r".+")
    found = [
        path for path in folder.iterdir()
        if wanted.fullmatch(path.name) and path.is_dir() and is_saved(path, KIND)
    ]  # fmt: skip
    return [os.path.join(directory, path.name) for path in sorted(found, key=_age)]


def _age(path: Path) -> tuple[int, int]:
    written = read_directory(path, KIND).manifest.get("time")
    number = path.name.rpartition("-")[2]
    return (
        written if isinstance(written, int) else 0,
        int(number) if number.isdigit() else 0,
    )


def latest_checkpoint(checkpoint_dir: str | os.PathLike[str]) -> str | None:
    """The path of the checkpoint in a directory that was written last; None if there is none.

    One that a process had not finished when it was killed does not count.

    >>> latest_checkpoint("no_such_directory") is None
    True
    """
    found = saved_checkpoints(checkpoint_dir)
    return found[-1] if found else None
