"""Texts that a command reads (``FILE.ir``, or ``-`` for standard input), and where it writes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from twofold.ir.errors import TargetError

__all__ = ["text_of", "write"]


def text_of(file: str) -> str | bytes:
    """What a file holds. Raises TargetError, with the .ir files that are there, if it is none."""
    if file == "-":
        return sys.stdin.read()
    path = Path(file)
    if not path.is_file():
        near = ", ".join(sorted(map(str, path.parent.glob("*.ir")))) or "none"
        raise TargetError(f"there is no file {file!r}; .ir files there: {near}")
    return path.read_bytes()


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
