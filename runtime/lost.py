"""Tensors in a list that NumPy makes an array of, while a tape records them.

NumPy asks nobody about a list: ``np.sum([x, y])`` takes the array of each tensor in it, and a
gradient would be lost without a word. ``np.asarray(x)`` and ``np.array(x)`` of a tensor itself are
what the user wrote, and leave the tape as ``x.numpy()`` does.
"""

from __future__ import annotations

import ast
import linecache
import os
import textwrap
from itertools import islice
from types import FrameType
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import TapeError

__all__ = ["is_followed", "lost", "refuse_lost"]

_NUMPY = os.path.dirname(np.__file__) + os.sep
_TESTING = _NUMPY + "testing" + os.sep


def refuse_lost(value: Any, caller: FrameType | None) -> None:
    """Raise TapeError if a tape follows ``value`` and the caller's call of NumPy has it in a list.

    ``caller`` is what NumPy was called from when it asked for the array of the value.
    """
    if caller is not None and is_followed(value):
        called = _inside_numpy(caller) or _with_list(caller)
        if called:
            raise lost(called)


def is_followed(value: Any) -> bool:
    """Whether a tape records what is done to a value."""
    frame = bind.current.get()
    while frame is not None:
        if getattr(frame.interpreter, "follows", _never)(value):
            return True
        frame = frame.below
    return False


def lost(called: str) -> TapeError:
    """The error of a call that would lose a gradient."""
    return TapeError(
        f"{called} makes a NumPy array of a list of tensors that a tape records, so their "
        f"gradient would be lost; give it tf.stack of the list, or x.numpy() where that is meant"
    )


def _never(value: Any) -> bool:
    return False


def _inside_numpy(caller: FrameType) -> str:
    """The function of NumPy's that the user called, if one that is written in Python runs."""
    name = ""
    frame: FrameType | None = caller
    while frame is not None and frame.f_code.co_filename.startswith(_NUMPY):
        if frame.f_code.co_filename.startswith(_TESTING):
            return ""
        name = frame.f_code.co_name
        if name == "__getitem__":
            name = {"RClass": "r_", "CClass": "c_"}.get(type(frame.f_locals["self"]).__name__, name)
        frame = frame.f_back
    return f"np.{name}" if name else ""


def _with_list(caller: FrameType) -> str:
    """The expression that runs in a frame, if a list or a tuple is an operand of it."""
    place = next(islice(caller.f_code.co_positions(), caller.f_lasti // 2, None), None)
    if place is None or None in place:
        return ""
    first, last, start, end = (p or 0 for p in place)
    lines = [linecache.getline(caller.f_code.co_filename, n) for n in range(first, last + 1)]
    if not all(lines):
        return ""
    parts = [line.encode() for line in lines]
    parts[-1] = parts[-1][:end]
    parts[0] = parts[0][start:]
    text = b"".join(parts).decode()
    try:
        tree = ast.parse(f"({textwrap.dedent(text)})", mode="eval").body
    except SyntaxError:
        return ""
    if isinstance(tree, ast.Call):
        operands = [*tree.args, *[k.value for k in tree.keywords]]
        if any(_is_list(x, caller) for x in operands):
            return ast.unparse(tree.func)
    elif isinstance(tree, ast.BinOp) and any(_is_list(x, caller) for x in (tree.left, tree.right)):
        return ast.unparse(tree)
    return ""


def _is_list(node: ast.expr, frame: FrameType) -> bool:
    if isinstance(node, ast.Name):
        found = frame.f_locals.get(node.id, frame.f_globals.get(node.id))
        return isinstance(found, list | tuple)
    return isinstance(node, ast.List | ast.Tuple | ast.ListComp)
