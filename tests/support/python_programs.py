"""Random Python programs: branches, loops, helpers, closures, containers and exceptions that depend
on values, and a command that runs many of them:

    python -m support.python_programs --count 2000          # from tests/, jit_compile=False
    python -m support.python_programs --count 50 --jit
    python -m support.python_programs --count 50 --default  # kernels arrive between the calls
    python -m support.python_programs --count 2000 --outside
    python -m support.python_programs --count 500 --steps
    python -m support.python_programs --count 500 --held

Each program is a function of tensors, Python numbers and an array of NumPy. It runs as it is and
compiled, on copies of the same arguments of three kinds of values, and both must agree in type,
value, structure, exception and message, and in what the arguments hold afterwards. ``--outside``:
programs that write to objects from outside, print and draw random numbers, six calls each; what they
leave there must agree as well; ``--steps``: programs with steps in Python; ``--held``: with ndarrays
in attributes and containers, which other code changes between the calls. A call that runs
as plain Python is counted by its reason, never hidden; where the trace raises what plain Python does
not, that is a fault of the interpreter and a failure.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gc
import io
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

import twofold as tf
from twofold.compiler import background
from twofold.compiler.function import Function
from twofold.compiler.plain import Changed, PlainPython, first_line

from .python_maker import HELPERS, OUTSIDE, SETUPS, Maker
from .same import Difference, _same, outcome

PROGRAM = "<program>"  # the file of the function
HEAD = "\n" * 200 + "def f(x, u, n, v, p, q, a):\n"  # on lines that no helper has
__all__ = ["arguments", "main", "run"]


def arguments(seed: int) -> list[dict[str, Any]]:
    """The arguments of three calls."""
    rng = random.Random(seed * 7919 + 1)

    def number() -> float:
        return rng.choice([0, 1, 2, 3, 4, 5, 7, -1, -2, -3]) + rng.choice([0, 0, 0.5])

    return [
        {
            "x": tf.constant(np.float32(number())), "u": tf.constant(np.float64(number())),
            "n": tf.constant(np.int32(rng.choice([0, 1, 2, 3, 4, 5, -1]))),
            "v": tf.constant(np.array([number() for _ in range(3)], np.float32)),
            "p": rng.choice([0, 1, 2, 3, -1]), "q": float(number()),
            "a": np.array([number() for _ in range(4)]),
        }
        for _ in range(3)
    ]  # fmt: skip


@contextmanager
def watched(reasons: list[Any]) -> Iterator[None]:
    """Have calls that run as plain Python append why."""
    prepare = Function._prepared

    def noted(self: Any, leaves: Any, structure: Any) -> Any:
        try:
            return prepare(self, leaves, structure)
        except (PlainPython, Changed) as plain:
            reasons.append(plain)
            raise

    Function._prepared = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Function._prepared = prepare  # type: ignore[method-assign]


def reason_of(plain: Any, want: Any) -> str:
    """Why a call ran as plain Python. Raises Difference where the trace is at fault."""
    error = plain.refusal if isinstance(plain, PlainPython) else plain
    if error is None and plain.why:
        return str(plain.why).partition(" (")[0]
    if error is None:
        at = plain.__traceback__
        while at.tb_next is not None:
            at = at.tb_next
        name = at.tb_frame.f_code.co_filename.rpartition("/")[2]
        return f"{name}:{at.tb_frame.f_code.co_name}"
    if isinstance(error, tf.errors.TwofoldError):
        return first_line(error).partition(" (")[0]
    if not isinstance(want, Exception):
        raise Difference(f"the trace raised {error!r}, plain Python did not") from error
    return "raised"


def compiled_program(text: str, kind: str = "") -> Callable[..., Any]:
    """The function with this body."""
    body = "\n".join("    " + line for line in text.split("\n"))
    space: dict[str, Any] = {"np": np, "tf": tf, "__name__": "program"}
    exec(_code(f"{SETUPS.get(kind, OUTSIDE)}{HELPERS}"), space)
    exec(_code(f"{HEAD}{body}\n"), space)
    found: Callable[..., Any] = space["f"]
    return found


@lru_cache(8)
def _code(text: str) -> CodeType:
    """A text compiled: what programs share once, a program once for both ways it runs."""
    return compile(text, PROGRAM, "exec", dont_inherit=True)


def _copied(given: dict[str, Any]) -> dict[str, Any]:
    return {
        k: copy.copy(x) if isinstance(x, tf.Tensor | np.ndarray) else x for k, x in given.items()
    }


def made(seed: int, kind: str = "") -> tuple[str, list[dict[str, Any]]]:
    """The program of a seed, and its arguments: mostly one that does not fail by its types."""
    calls = arguments(seed)
    for attempt in range(30):
        text = Maker(seed * 1009 + attempt, kind).make()
        function = compiled_program(text, kind)
        with contextlib.redirect_stdout(io.StringIO()):
            ends = [outcome(lambda f=function, c=c: f(**_copied(c))) for c in calls]  # type: ignore[misc]
        failed = [
            e for e in ends if isinstance(e, TypeError | AttributeError | tf.errors.TwofoldError)
        ]
        if not failed or attempt == 29 or random.Random(seed + attempt).random() < 0.03:
            break
    return text, calls


def run(seed: int, jit: bool | None = False, kind: str = "") -> tuple[str, list[str]]:
    """Make and compare the program of a seed. Returns its text and how each call ended."""
    text, calls = made(seed, kind)
    try:
        return text, compare(text, calls * 2 if kind else calls, jit, kind)
    except Difference as error:
        raise Difference(f"seed {seed}, {error}") from error


def compare(
    text: str, calls: list[dict[str, Any]], jit: bool | None = False, kind: str = ""
) -> list[str]:
    """Run a program both ways: how each call ended. Raises Difference."""
    function, twin = compiled_program(text, kind), compiled_program(text, kind)
    compiled = tf.function(twin, jit_compile=jit)
    ends = []
    for k, given in enumerate(calls * (2 if jit is None else 1)):
        if jit is None and k == len(calls):
            background.wait(60)
        for space in (function.__globals__, twin.__globals__):
            space.get("change", int)(k)
        plain, other = _copied(given), _copied(given)
        random.seed(k)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            want = outcome(lambda: function(**plain))  # noqa: B023
        held = copy.deepcopy(function.__globals__["state"]())
        random.seed(k)
        reasons: list[Any] = []
        try:
            with watched(reasons), contextlib.redirect_stdout(io.StringIO()) as shown_:
                got = _caught(lambda: compiled(**other))  # noqa: B023
            why = reason_of(reasons[0], want) if reasons else ""
            _same_outcome(got, want)
            for name, x in plain.items():
                _same(other[name], x, f"{name} afterwards")
            _same(_plain(twin.__globals__["state"]()), _plain(held), "what is outside")
            _same(shown_.getvalue(), printed.getvalue(), "what is printed")
        except Difference as error:
            shown = ", ".join(f"{n}={_text(x)}" for n, x in given.items())
            raise Difference(f"call {k}: f({shown})\n{text}\n{error}") from error
        state = "raised" if isinstance(want, Exception) else "returned"
        ends.append(f"plain: {why}" if why and why != "raised" else state)
    return ends


def _plain(value: Any, depth: int = 6) -> Any:
    """A value with the class of all that is in it."""
    if isinstance(value, list | tuple) and depth:
        return [type(value).__name__, *[_plain(v, depth - 1) for v in value]]
    if isinstance(value, dict) and depth:
        return [[k, _plain(v, depth - 1)] for k, v in value.items()]
    if isinstance(value, tf.Tensor | np.ndarray | np.generic):
        return value
    return [type(value).__name__, repr(value)]


def _caught(call: Callable[[], Any]) -> Any:
    try:
        return outcome(call)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what no user may see
        raise Difference(f"{type(error).__name__} escapes: {error}") from error


def reduced(text: str, fails: Callable[[str], bool]) -> str:
    """A program as short as lines and blocks can be left out of it while it still fails."""
    lines, size, start = text.split("\n"), 0, time.perf_counter()
    while size != len(lines):
        size = len(lines)
        for i in reversed(range(size)):
            if i >= len(lines) or time.perf_counter() - start > 20:
                continue
            depth = len(lines[i]) - len(lines[i].lstrip())
            last = i + 1
            while last < len(lines) and len(lines[last]) - len(lines[last].lstrip()) > depth:
                last += 1
            inner = [line[4:] for line in lines[i + 1 : last]]
            for shorter in (lines[:i] + lines[last:], lines[:i] + inner + lines[last:]):
                if len(shorter) < len(lines) and fails("\n".join(shorter)):
                    lines = shorter
                    break
    return "\n".join(lines)


def _still(
    words: str, calls: list[dict[str, Any]], jit: bool | None, kind: str = ""
) -> Callable[[str], bool]:
    def fails(text: str) -> bool:
        try:
            ends = compare(text, calls, jit, kind)
        except SyntaxError:
            return False
        except Difference as error:
            return not words and not ("UnboundLocal" in str(error) or "NameError" in str(error))
        return bool(words) and any(words in end for end in ends)

    return fails


def _same_outcome(got: Any, want: Any) -> None:
    _same(got, want, "the result")
    if isinstance(want, Exception) and str(got).partition("\n")[0] != str(want).partition("\n")[0]:
        raise Difference(f"the result: {got!r}, expected {want!r}")
    if isinstance(want, Exception) and _places(got, want) != _places(want, want):
        raise Difference(
            f"{want!r} was raised at {_places(got, got)}, expected {_places(want, got)}"
        )


def _places(error: Exception, kind: Exception) -> list[tuple[str, int | None]]:
    """The functions and lines of the program that an exception of a kind went through. Where a
    variable has no value, CPython gives the line of the instruction before it, at times: of two
    that it has made one of."""
    entries = traceback.extract_tb(error.__traceback__)
    found = [(e.name, e.lineno) for e in entries if e.filename == PROGRAM]
    return found[:-1] if isinstance(kind, UnboundLocalError) else found


def _text(x: Any) -> str:
    return repr(
        x.numpy().tolist()
        if isinstance(x, tf.Tensor)
        else x.tolist()
        if isinstance(x, np.ndarray)
        else x
    )


def _show(error: Difference, seed: int, jit: bool | None, reduce: bool, kind: str) -> None:
    if reduce:
        text, calls = made(seed, kind)
        calls = calls * 2 if kind else calls
        try:
            compare(reduced(text, _still("", calls, jit, kind)), calls, jit, kind)
        except Difference as shorter:
            error = shorter
    print(f"seed {seed}: {error}", end="\n\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--default", action="store_true", help="jit_compile=None, six calls")
    parser.add_argument("--outside", action="store_true", help="objects from outside, six calls")
    parser.add_argument("--steps", action="store_true", help="steps in Python, six calls")
    parser.add_argument("--held", action="store_true", help="arrays in objects, six calls")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    parser.add_argument("--reduce", action="store_true", help="shorten what differs")
    parser.add_argument("--why", default="", help="print programs that run plainly for this reason")
    options = parser.parse_args()
    kind = next((k for k in SETUPS if getattr(options, k)), "")
    ends: Counter[str] = Counter()
    start = time.perf_counter()
    gc.freeze()  # what has been imported need not be searched for garbage again and again
    for seed in range(options.start, options.start + options.count):
        try:
            mode = None if options.default else options.jit
            text, calls = run(seed, mode, kind)
        except Difference as error:
            ends["differs"] += 1
            if ends["differs"] <= options.show:
                _show(error, seed, mode, options.reduce, kind)
            continue
        ends.update(calls)
        if options.why and any(options.why in end for end in calls):
            print(f"seed {seed}: {calls}", flush=True)
            shown = reduced(text, _still(options.why, arguments(seed), False, kind))
            print(shown, end="\n\n", flush=True)
            options.show -= 1
            if not options.show:
                break
    print(f"{options.count} programs in {time.perf_counter() - start:.0f} s")
    for end, n in ends.most_common():
        print(f"{n:7} {end}")
    raise SystemExit(bool(ends["differs"]))


if __name__ == "__main__":
    main()
