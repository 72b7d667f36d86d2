"""Switches of the compiler. Each is one function to set and one to ask."""

from __future__ import annotations

__all__ = ["functions_run_eagerly", "run_functions_eagerly"]

eagerly = False  # read on the hot path of every call; set it with run_functions_eagerly


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether every ``@function`` runs as plain Python, for debugging with breakpoints."""
    global eagerly
    eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether ``run_functions_eagerly(True)`` is in force."""
    return eagerly
