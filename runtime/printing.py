"""``tf.print``: values as TensorFlow prints them, eagerly and in compiled functions.

The texts follow TensorFlow's documented ones: elements without commas, as few digits as give the
value back (6 or 9 of float32, 15 or 17 of float64), truth values as 1 and 0, and of a long axis
``summarize`` elements of either end.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError
from twofold.ir.tensor_shape import LISTED, TUPLES, sequence

from .convert import tensor_of
from .tensor import Tensor
from .variable import Variable

__all__ = ["array_text", "print", "print_if", "printable", "text_of", "write"]

_FILE = "file://"


def print(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ",
    end: str = "\n", name: str | None = None,
) -> None:  # fmt: skip
    """Print tensors and other values, in the order of the program in both modes.

    ``inputs``: tensors, Variables, texts and other objects, also in lists, tuples and dicts.
    ``output_stream``: an object with ``write`` (``sys.stderr`` if it is left out), or a text
    ``"file://PATH"`` of a file that is appended to. ``summarize``: how many elements of either end
    of an axis are shown; -1 shows all. ``sep`` stands between the values, ``end`` after them;
    ``name`` is accepted and ignored. In a compiled function it prints on every call, when the
    graph has run. Raises ArgumentError for another stream or number.

    >>> import sys
    >>> import twofold as tf
    >>> tf.print("x =", tf.range(10), [tf.constant(0.5), True], output_stream=sys.stdout)
    x = [0 1 2 ... 7 8 9] [0.5, True]
    """
    if summarize.__class__ is not int or summarize < -1 or summarize == 0:
        raise ArgumentError(
            f"tf.print: summarize is the number of elements at either end of an axis, or -1 for "
            f"all, not {summarize!r}"
        )
    stream = output_stream
    if not (stream is None or hasattr(stream, "write") or _is_file(stream)):
        raise ArgumentError(
            f"tf.print: output_stream is an object with `write`, such as sys.stdout, or a text "
            f'"file://PATH", not {stream!r}'
        )
    how = {"output_stream": stream, "summarize": summarize, "sep": sep, "end": end}
    bind.ground().later("tf.print", functools.partial(write, **how), tuple(map(printable, inputs)))


def print_if(
    conditions: Any, *values: Any, output_stream: str | None = None, **options: Any
) -> None:
    """``print`` of present values where all conditions hold, to standard error or "stdout"."""
    if all(conditions):
        write(*values, output_stream=sys.stdout if output_stream else None, **options)


def printable(value: Any) -> Any:
    """A value with the present tensors in place of Variables, and of what stands for tensors."""
    if type(value) in LISTED:
        return sequence(type(value), map(printable, value))
    if type(value) is dict:
        return {key: printable(held) for key, held in value.items()}
    if isinstance(value, Variable):
        return value.read_value()
    return tensor_of(value)


def _is_file(stream: Any) -> bool:
    return isinstance(stream, str) and stream.startswith(_FILE) and len(stream) > len(_FILE)


def write(*values: Any, output_stream: Any, summarize: int, sep: str, end: str) -> None:
    """Write present values as ``print`` does, at once."""
    text = sep.join(text_of(value, summarize) for value in values) + end
    with _opened(output_stream) as file:
        file.write(text)


@contextlib.contextmanager
def _opened(stream: Any) -> Iterator[Any]:
    if isinstance(stream, str):
        with open(stream[len(_FILE) :], "a", encoding="utf-8") as file:
            yield file
    else:
        yield sys.stderr if stream is None else stream


def text_of(value: Any, summarize: int, inside: bool = False) -> str:
    """What ``print`` writes for a value; ``inside`` a container texts are quoted."""
    if isinstance(value, Tensor):
        return array_text(value.array, summarize, _element(value.dtype))
    if isinstance(value, str) and not inside:
        return value
    parts = functools.partial(text_of, summarize=summarize, inside=True)
    if type(value) is list:
        return f"[{', '.join(map(parts, value))}]"
    if type(value) in TUPLES:
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(map(parts, value))}{comma})"
    if type(value) is dict:
        return "{" + ", ".join(f"{k!r}: {parts(v)}" for k, v in value.items()) + "}"
    import pprint  # noqa: PLC0415  (half a millisecond, for containers alone)

    return pprint.pformat(value)


def array_text(array: np.ndarray[Any, Any], ends: int, element: Callable[[Any], str]) -> str:
    """An array in brackets, one row a line, blank lines between matrices."""
    if array.ndim == 0:
        return element(array[()])

    def part(inner: Any) -> str:
        if not isinstance(inner, np.ndarray):
            return element(inner)
        count, depth = len(inner), array.ndim - inner.ndim
        gap = " " if inner.ndim == 1 else "\n" * (inner.ndim - 1) + " " * (depth + 1)
        if ends < 0 or count <= 2 * ends:
            shown = [part(x) for x in inner]
        else:
            shown = [*map(part, inner[:ends]), "...", *map(part, inner[count - ends :])]
        return f"[{gap.join(shown)}]"

    return part(array)


def _element(dtype: np.dtype[Any]) -> Callable[[Any], str]:
    """What writes one element of a dtype."""
    letter = info(dtype).letter
    if letter == "b":
        return lambda x: str(int(x))
    if letter == "c":
        kind = np.float32 if dtype.itemsize == 8 else np.float64
        return lambda x: f"({_number(kind(x.real))},{_number(kind(x.imag))})"
    if letter in "fe":
        return _number if dtype == np.float64 else lambda x: _number(np.float32(x))
    return str


def _number(x: Any) -> str:
    """The shorter of two texts that gives the value back."""
    few, all_digits = (15, 17) if isinstance(x, np.float64) else (6, 9)
    text = f"{x:.{few}g}"
    return text if x != x or type(x)(text) == x else f"{x:.{all_digits}g}"
