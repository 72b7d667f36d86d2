"""Switches of the compiler. Each is one function to set and one to ask."""

from __future__ import annotations

__all__ = [
    "functions_run_eagerly",
    "passes_are_verified",
    "replace",
    "replaced",
    "run_functions_eagerly",
    "verify_passes",
]

_verified = False
_eagerly = False
keeping = False  # whether calls are kept for ``debugging.replay``
checking = False  # whether values that are not finite are refused
diverted = False  # whether one of the three holds; read on the hot path of every call


def replaced() -> dict[str, bool]:
    """What ``replace`` takes to put all switches back."""
    return {"eagerly": _eagerly, "keeping": keeping, "checking": checking}


def replace(*, eagerly: bool, keeping: bool, checking: bool) -> None:
    """Set what calls of compiled functions look at."""
    space = globals()
    space.update(_eagerly=eagerly, keeping=keeping, checking=checking)
    space.update(diverted=eagerly or keeping or checking)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether every ``@function`` runs as plain Python, for debugging with breakpoints."""
    replace(**{**replaced(), "eagerly": bool(run_eagerly)})


def functions_run_eagerly() -> bool:
    """Whether ``run_functions_eagerly(True)`` is in force."""
    return _eagerly


def verify_passes(check: bool) -> None:
    """Whether every pass checks the graph that it made, and kernels are checked before they are
    compiled: on in the tests, for whoever writes one."""
    global _verified
    _verified = bool(check)


def passes_are_verified() -> bool:
    """Whether ``verify_passes(True)`` is in force."""
    return _verified
