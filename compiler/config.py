"""Switches of the compiler. Each is one function to set and one to ask."""

from __future__ import annotations

__all__ = [
    "functions_run_eagerly",
    "passes_are_verified",
    "run_functions_eagerly",
    "verify_passes",
]

_verified = False
eagerly = False  # read on the hot path of every call; set it with run_functions_eagerly


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether every ``@function`` runs as plain Python, for debugging with breakpoints."""
    global eagerly
    eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether ``run_functions_eagerly(True)`` is in force."""
    return eagerly


def verify_passes(check: bool) -> None:
    """Whether every pass checks the graph that it made, and kernels are checked before they are
    compiled: on in the tests, for whoever writes one."""
    global _verified
    _verified = bool(check)


def passes_are_verified() -> bool:
    """Whether ``verify_passes(True)`` is in force."""
    return _verified
