"""Texts that a command reads (``FILE.ir``, or ``-`` for standard input), and where it writes."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import click

from twofold.ir.errors import TargetError

__all__ = ["discard_output", "first_line", "output_is_closed", "text_of", "write"]


def text_of(file: str) -> str | bytes:
    """What a file (a pipe, a device) holds. Raises TargetError if it cannot be read; where there is
    none, with the .ir files that are there."""
    if file == "-":
        if sys.stdin is None:
            raise TargetError("standard input is closed")
        return sys.stdin.read()
    path = Path(file)
    if not path.exists():
        near = ", ".join(sorted(map(str, path.parent.glob("*.ir")))) or "none"
        raise TargetError(f"there is no file {file!r}; .ir files there: {near}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise TargetError(f"{file} cannot be read: {error.strerror}") from None


def first_line(error: BaseException) -> str:
    """The message of an error of a library, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def output_is_closed() -> bool:
    """Whether standard output is a pipe that nobody reads any more."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLERR)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # Windows; no file
        return False


def discard_output() -> None:
    """Let what is still to be printed go nowhere, so that the interpreter's exit says nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def write(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file. Raises TargetError if the file cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {output}", err=True)
