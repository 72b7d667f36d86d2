"""Errors keep message and place apart, and survive pickling and copying."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from twofold.ir import errors
from twofold.ir.errors import IRSyntaxError, TwofoldError, VerifyError
from twofold.ir.location import Location

PLACE = Location("user.py", 7, 3)
MADE: dict[str, Any] = {
    "IRSyntaxError": IRSyntaxError("no such op", 3, 5, "%0 = frob(%x)"),
    "VerifyError": VerifyError("exp gives f32[3]", "Types", "%0 = exp(%x)", PLACE),
    "TargetError": errors.TargetError("no such file"),
}


@pytest.mark.parametrize("name", errors.__all__)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_every_error_survives_pickling_and_copying(name: str, again: Any) -> None:
    error = MADE.get(name) or getattr(errors, name)("what happened", PLACE)
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_the_text_ends_with_the_place_and_the_message_does_not() -> None:
    error = TwofoldError("what happened", PLACE)
    assert (error.message, str(error)) == ("what happened", "what happened\n  at user.py:7:3")
    error.location = Location("other.py", 1, 1)
    assert (error.message, str(error)) == ("what happened", "what happened\n  at other.py:1:1")


def test_a_message_may_hold_what_looks_like_a_place() -> None:
    text = "bad text\n  at nowhere.py:1:1"
    assert TwofoldError(text, PLACE).message == text
