"""Where the user's code was, and the name that a result gets there."""

from __future__ import annotations

import sys

from twofold.ir.location import Location, user_frame, user_location, user_name


def here() -> Location | None:
    return user_location(sys._getframe(1))


def name_here() -> str:
    return user_name(sys._getframe(1))


def test_location_is_file_line_and_column_of_the_call() -> None:
    found = [here(),
             here()]  # fmt: skip
    first, second = found
    assert first is not None
    assert second is not None
    assert first.file == __file__
    assert second.line == first.line + 1
    assert (first.column, second.column) == (14, 14)


def test_location_shows_as_editors_read_it() -> None:
    assert str(Location("a b.py", 3, 4)) == "a b.py:3:4"


def test_name_is_the_variable_that_is_assigned() -> None:
    weights = name_here()
    pair = (name_here(), 1)
    assert weights == "weights"
    assert pair == ("", 1)


def test_name_of_a_captured_and_of_a_global_variable() -> None:
    global top
    top = name_here()
    cell = name_here()
    read = [lambda: cell]
    assert (top, read[0]()) == ("top", "cell")


def test_users_frame_is_the_innermost_outside_of_the_package() -> None:
    frame = user_frame()
    assert frame is not None
    assert frame.f_code.co_filename == __file__
