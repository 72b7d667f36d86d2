"""What NumPy itself says to each call that the user's code makes on arrays of a trace.

The call is made twice: by the ops of the trace, and by NumPy on arrays with the layouts, sizes and
dtypes of the example call. Where NumPy raises, or what it returns is of another class, dtype,
shape, order in memory or memory, the function runs as plain Python. So no handler has to know
NumPy's errors, and none can be wrong about them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.errors import GraphError, StagingError
from twofold.ir.handlers import may_be_caught
from twofold.ir.tensor_shape import LISTED, sequence

from ..plain import NoOp
from ..symint import SymInt
from ..symnumber import SymNumber
from .base import TracedArray, TracedScalar
from .operands import number, with_memory
from .protocol import hook
from .windows import is_bound

__all__ = ["checked"]

MOST = 1 << 12  # elements: with larger arrays only functions that write to them are shown
_RAISING = frozenset(("raise", "call", "print", "log"))  # of ``np.errstate``
_PLAIN = (bool, int, float, complex, str, bytes, range, type(None), type(...), type(np._NoValue),
          np.dtype, np.ufunc, np.generic, type)  # fmt: skip


@hook("checked")
def checked(trace: Any, called: Callable[..., Any], args: Any, kwargs: Any, run: Any) -> Any:
    """``run()``, what the trace makes of ``called(*args, **kwargs)``. Raises PlainPython where
    NumPy would raise, or make something else of arrays of these kinds."""
    if trace.asking or trace.ended:
        return run()
    trace.relies_on_errors(errors_raise)
    if errors_raise():  # a graph knows no floating-point errors
        raise trace.plain("call" if trace.outside.run(errors_raise) else "kinds")
    shown = _Shown(trace, args, kwargs)
    trace.asking = shown.whole
    try:
        made = run()
    except NoOp:
        raise trace.plain() from None
    except (StagingError, GraphError):
        raise
    except Exception as error:
        caught = may_be_caught()
        numbers = trace.tracer.numbers.values
        if numbers and isinstance(error, TypeError | AttributeError) and not caught:
            raise  # it is traced once more, with plain numbers
        fine = shown.whole and shown.found(called, lambda *_: True)  # the error is an op's
        raise trace.plain("kinds" if caught else "sizes" if fine else "call") from error
    finally:
        trace.asking = False
    if not (shown.whole and shown.met):
        return made
    written = shown.written(called)
    if written.count(True) > 1:
        raise trace.plain()  # NumPy reads what it has written
    if shown.size > MOST and not any(written):
        return made
    if not shown.found(called, lambda real, found: real.same(made, found)):
        raise trace.plain("sizes")
    return made


class _ErrorState:
    """Whether NumPy raises, or calls somebody, where a floating-point operation fails: asked again
    once another setting is in force."""

    def __init__(self) -> None:
        self.setting: tuple[Any, bool] = (None, False)

    def __call__(self) -> bool:
        now = _SETTINGS.get()
        if now is not self.setting[0]:
            self.setting = now, not _RAISING.isdisjoint(np.geterr().values())
        return self.setting[1]


_SETTINGS: Any = np._core.umath._extobj_contextvar
errors_raise = _ErrorState()


class _Unshown(Exception):
    """An argument that NumPy cannot be shown: a function of the user's, a tensor, an iterator."""


class _Shown:
    """The arguments of one call, as they were before it."""

    def __init__(self, trace: Any, args: Any, kwargs: Any) -> None:
        self.home, self.args, self.kwargs = trace, args, kwargs
        self.met: dict[int, Any] = {}  # by id: scalars, and arrays with their cells
        self.size = 0
        try:
            _mapped((args, kwargs), self.meet)
            self.whole = True  # whether all of them can be shown
        except _Unshown:
            self.whole = False

    def meet(self, x: Any) -> None:
        """Note what an argument is now. Raises _Unshown."""
        if type(x) is TracedArray:
            read = x.read_before()
            held = x.cell.tensor.value, None if read is None else read.value
            self.met[id(x)] = x.cell, x.chain, x.writeable, *held
            self.size += x.cell.layout.size
        elif type(x) is np.ndarray:
            held = self.home.held(x)
            if held is None:
                raise _Unshown
            self.meet(held)
        elif type(x) is TracedScalar:
            self.met[id(x)] = x.dtype, x.tensor().value
        elif not isinstance(x, SymInt | SymNumber):
            raise _Unshown

    def written(self, called: Any) -> list[bool]:
        """For each array whether the call wrote to its memory; ufuncs and assignments know
        themselves what fits and what overlaps."""
        if isinstance(getattr(called, "__self__", None), np.ufunc) or called is operator.setitem:
            return []
        held = [m for m in self.met.values() if len(m) > 2]
        return [cell.tensor.value is not before for cell, _, _, before, _ in held]

    def found(self, called: Any, test: Callable[[Any, Any], bool]) -> bool:
        """Whether NumPy takes the arguments, and what it makes of them passes a test."""
        for fill in (0, 1):
            real = _Real(self, fill)
            args, kwargs = _mapped(self.args, real.of), _mapped(self.kwargs, real.of)
            for array, writeable in real.flags:
                array.flags.writeable = writeable
            try:
                with np.errstate(all="ignore"):
                    made = called(*args, **kwargs)
            except Exception:  # noqa: BLE001  (of any kind: plain Python raises it)
                continue  # perhaps for these values alone
            if test(real, made):
                return True
        return False


class _Real:
    """Arrays for what is traced; those over one memory share one."""

    def __init__(self, shown: _Shown, fill: int) -> None:
        self.home, self.met, self.fill = shown.home, shown.met, fill
        self.roots: dict[int, tuple[Any, np.ndarray[Any, Any]]] = {}
        self.made: dict[int, np.ndarray[Any, Any]] = {}
        self.flags: list[tuple[np.ndarray[Any, Any], bool]] = []

    def of(self, x: Any) -> Any:
        """What NumPy is shown for it."""
        if type(x) is np.ndarray:
            x = self.home.held(x)
        if type(x) is TracedScalar:
            dtype, value = self.met[id(x)]
            return self._filled(np.zeros((), dtype), value)[()]
        if isinstance(x, SymInt):
            return self.home.cells.hints((x,))[0]
        if isinstance(x, SymNumber):
            return number(x)
        if id(x) not in self.made:
            self.made[id(x)] = self._array(*self.met[id(x)])
        return self.made[id(x)]

    def _array(self, cell: Any, chain: Any, writeable: bool, whole: Any, part: Any) -> Any:
        if id(cell) not in self.roots:
            self.roots[id(cell)] = cell, self._filled(with_memory(cell.layout), whole)
        array = self.roots[id(cell)][1]
        for link in chain:
            array = link.apply(array, self.home.sizes.hints)
        known = self.home.evaluated(part)
        if known is not None and array.flags.writeable:
            array[...] = known
        if array.flags.writeable != writeable:
            self.flags.append((array, writeable))  # when all have their values
        return array

    def _filled(self, array: Any, value: Any) -> Any:
        """Values that most functions take, or those that the trace knows."""
        known = self.home.evaluated(value)
        array[...] = _values(array, self.fill) if known is None else known
        return array

    def same(self, made: Any, found: Any) -> bool:
        """Whether a result of the trace is of the kind and the memory that NumPy's is."""
        if isinstance(found, tuple | list):
            return (
                isinstance(made, type(found)) and len(made) == len(found)
                and all(map(self.same, made, found))
            )  # fmt: skip
        if isinstance(found, np.generic):
            return isinstance(made, type(found)) and made.dtype.char == found.dtype.char
        if type(found) is np.ndarray and type(made) is TracedArray:
            return self._same_array(made, found)
        return type(found) is not np.ndarray or isinstance(made, np.ndarray)

    def _same_array(self, made: TracedArray, found: np.ndarray[Any, Any]) -> bool:
        layout = made.layout
        if any(map(self.home.windows.is_late, made.shape)):  # of another size than it has here
            return (found.dtype.char, found.ndim) == (layout.dtype.char, layout.ndim)
        if (found.dtype, found.dtype.char, found.shape) != (
            layout.dtype, layout.dtype.char, layout.shape,
        ):  # fmt: skip
            return False
        if (id(made) in self.made) != any(found is a for a in self.made.values()):
            return False
        if id(made) in self.made:
            return self.made[id(made)] is found
        steps = zip(found.strides, layout.strides, found.shape, strict=True)
        if found.size > 1 and any(a != b for a, b, n in steps if n > 1):
            return False
        if found.size and found.flags.writeable != made.writeable:
            return False
        return not found.size or all(
            np.shares_memory(found, root) == (made.cell is cell)
            for cell, root in self.roots.values()
        )


def _values(array: np.ndarray[Any, Any], fill: int) -> Any:
    """Indices that are within bounds, and matrices that have an inverse."""
    if not fill and not info(array.dtype).inexact:
        return 0
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2]
    return np.eye(array.shape[-1], dtype=array.dtype) if square else 1


def _mapped(x: Any, leaf: Callable[[Any], Any]) -> Any:
    """An argument with something else for what is traced in it."""
    kind = type(x)  # not ``__class__``: values of the trace say that they are NumPy's
    if kind is TracedArray or kind is TracedScalar or isinstance(x, SymInt | SymNumber):
        return leaf(x)
    if kind in LISTED:
        return sequence(type(x), [_mapped(part, leaf) for part in x])
    if kind is dict:
        return {k: _mapped(v, leaf) for k, v in x.items()}
    if isinstance(x, slice):
        if is_bound(x.start) or is_bound(x.stop):
            raise _Unshown
        return slice(*[_mapped(p, leaf) for p in (x.start, x.stop, x.step)])
    if isinstance(x, _PLAIN):
        return x
    own = getattr(kind, "__module__", "").startswith("numpy") and kind is not np.ndarray
    return x if own and callable(x) else leaf(x)
