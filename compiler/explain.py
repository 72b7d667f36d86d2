"""What a function's calls did: why it was traced again, which trace a call uses, what ran as plain
Python."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from twofold.ir.words import counted

from .key import Key, part_text
from .plain import PlainCalls
from .signature import leaf_pattern

if TYPE_CHECKING:
    from .concrete import ConcreteFunction

__all__ = ["describe", "of_call", "of_storm", "plain_lines", "summary", "why_again"]


def why_again(latest: ConcreteFunction, key: Key, leaves: list[Any]) -> str:
    """What differs between the latest trace and the call that a new one is made for."""
    if latest.key[0] != key[0]:
        return "arguments of another structure"
    changes = [
        f"{name}: {_text(old)} -> {_text(new)}"
        for name, old, new in zip(latest.trace.leaf_names, latest.key[1:], key[1:], strict=True)
        if old != new
    ]
    return "; ".join(changes or latest.misfits(leaves)) or "a call that an earlier trace was for"


def of_storm(name: str, function: Any, count: int, reasons: Iterable[str]) -> str:
    """The warning after ``count`` traces of a Python function: for each argument or path that was
    another, its first and its last change and how many there were."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        path, found, change = reason.partition(": ")
        groups.setdefault(path + found, []).append(change)
    lines = [f"{name}{where} has been traced {count} times. What new traces were made for:"]
    for path, changes in groups.items():
        more = f" ... {changes[-1]} ({counted(len(changes), 'time')})" if len(changes) > 1 else ""
        lines.append(f"  {path}{changes[0]}{more}")
    return "\n".join([*lines, "Pass what changes as a tensor, or keep it the same."])


def describe(x: Any) -> str:
    """An argument as the explanations show it."""
    return repr(x) if x.__class__ in (int, float) else _text(leaf_pattern(x))


def _text(part: Any) -> str:
    text = part_text(part)
    return text if len(text) < 60 else f"{text[:57]}..."


def of_call(
    name: str, group: list[ConcreteFunction], leaves: list[Any], why: str | None,
    plain: PlainCalls, steps: PlainCalls,
) -> str:  # fmt: skip
    """Which trace of these a call with such leaves uses and why not the others, or ``why`` it runs
    as plain Python."""
    lines = []
    if why is not None:
        lines.append(f"{name} runs as plain Python for arguments of these kinds: {why}")
    elif not group:
        kinds = ", ".join(map(describe, leaves))
        lines.append(f"{name} has no trace for arguments of these kinds: {kinds}")
    else:
        lines.append(f"{name} has {counted(len(group), 'trace')} for arguments of these kinds")
        for i, concrete in enumerate(group):
            failed = "; ".join(concrete.misfits(leaves))
            lines.append(f"{_head(i, concrete)}: {failed or 'fits and is used'}")
    return "\n".join([*lines, *step_lines(name, steps), *plain_lines(name, plain)])


def summary(
    name: str, traces: list[ConcreteFunction], again: list[str], plain: PlainCalls,
    steps: PlainCalls,
) -> str:  # fmt: skip
    """All traces of a function, why it was traced again, the steps that Python made between
    segments of its calls, and the calls that ran as plain Python."""
    lines = [f"{name} has {counted(len(traces), 'trace')}"]
    lines += [_head(i, concrete) for i, concrete in enumerate(traces)]
    lines += [f"traced again: {why}" for why in again]
    return "\n".join([*lines, *step_lines(name, steps), *plain_lines(name, plain)])


def step_lines(name: str, steps: PlainCalls, calls: int | None = None) -> Iterator[str]:
    """A line for each reason for which a call ended a segment, the most frequent first; ``calls``:
    for which calls are counted, of so many, and not steps."""
    if steps.total and calls is None:
        yield f"{name} left its graph for {counted(steps.total, 'step')} in Python:"
    elif steps.total:
        yield f"{name} had steps in Python in {steps.total} of {calls} calls, not compared:"
    for why, count in sorted(steps.counts.items(), key=lambda item: -item[1]):
        yield f"  {counted(count, 'time')}: {why}"


def plain_lines(name: str, plain: PlainCalls, calls: int | None = None) -> Iterator[str]:
    """A line for each reason for which calls ran as plain Python, the most frequent first;
    ``calls``: of how many."""
    if plain.total:
        of = counted(plain.total, "call") if calls is None else f"{plain.total} of {calls} calls"
        yield f"{name} ran as plain Python in {of}:"
    for why, count in sorted(plain.counts.items(), key=lambda item: -item[1]):
        yield f"  {counted(count, 'call')}: {why}"


def _head(i: int, concrete: ConcreteFunction) -> str:
    return f"trace {i} ({concrete.signature_text()})"
