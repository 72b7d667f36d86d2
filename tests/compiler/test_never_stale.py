"""Every kind of state that a function reads: a change is seen on the next call.

``never_stale.txt`` has a module for each kind, with a function ``f``, and after ``--`` the changes
that are made to it one after the other.
"""

from __future__ import annotations

import re
import sys
import threading
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = tf.constant([1.0, 2.0])
HEAD = """
import collections, dataclasses, enum, functools, os, types
import numpy as np
import twofold as tf
"""
TEXT = Path(__file__).with_name("never_stale.txt").read_text(encoding="utf-8")
CASES = dict(case.split("\n", 1) for case in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:])


def run(function: Any) -> Any:
    try:
        result = function(X)
    except (TypeError, ValueError, NameError, AttributeError, LookupError) as error:
        return type(error).__name__, str(error)
    if isinstance(result, tf.Tensor):
        return str(result.dtype), result.numpy().tolist()
    return type(result), result


@pytest.mark.parametrize("jit", [None, True])
@pytest.mark.parametrize("name", CASES)
def test_a_change_of_state_is_seen(
    name: str, jit: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, *changes = CASES[name].split("\n-- ")
    made = types.ModuleType("user_state")
    monkeypatch.setitem(sys.modules, "user_state", made)
    space = made.__dict__
    exec(compile(HEAD + text, "user_state.py", "exec"), space)
    plain = space["f"]
    compiled = tf.function(plain, jit_compile=jit)
    with warnings.catch_warnings(), np.errstate():
        warnings.simplefilter("ignore")
        for _ in range(4):  # as often as it takes until the guards are one function
            assert run(compiled) == run(plain)
        for change in changes:
            exec(change, space)
            for _ in range(4):
                assert run(compiled) == run(plain), change


@pytest.mark.parametrize("base", [threading.local, type("Local", (threading.local,), {"k": 1.0})])
def test_a_thread_sees_its_own_attributes(base: type) -> None:
    held: Any = base()
    held.k = 2.0
    scaled = tf.function(lambda x: x * held.k)
    found = [scaled(X)]

    def elsewhere() -> None:
        held.k = 9.0
        found.append(scaled(X))

    for _ in range(3):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        held.k += 1.0
        found.append(scaled(X))
    assert [y.numpy()[0] for y in found] == [2.0, 9.0, 3.0, 9.0, 4.0, 9.0, 5.0]
