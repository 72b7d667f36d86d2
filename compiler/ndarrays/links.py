"""Links of a chain from a base array to a view of it, by metadata alone.

A view of an ndarray in a trace is a base cell and a chain of links. Each link can be read (the
part that it shows, as a value), written (the whole with another part) and applied to a real array
after the call, which gives the real view.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from twofold.ir.dims import Dim, evaluate
from twofold.ir.op import OPS
from twofold.ir.ops import movement
from twofold.ir.ops.index import Plan, plan_key, read_key
from twofold.ir.ops.slicing import slice_update, strided_slice

from ..plain import PlainPython
from ..symint import to_dims

__all__ = ["Basic", "Broadcast", "Diagonal", "Link", "Part", "Reshape", "Transpose", "Windows",
           "concrete"]  # fmt: skip

Env = dict[str, int]


def concrete(value: Any, env: Env) -> Any:
    """Sizes in a key, a shape or a permutation as ints."""
    if isinstance(value, Dim):
        return evaluate(value, env)
    if isinstance(value, tuple):
        return tuple([concrete(v, env) for v in value])
    if isinstance(value, slice):
        return slice(*(concrete(p, env) for p in (value.start, value.stop, value.step)))
    return value


class Link:
    """One step from an array to a view of it."""

    writeable = True

    def read(self, x: Any) -> Any:
        """The part of the value ``x`` that the view shows."""
        raise NotImplementedError

    def write(self, x: Any, part: Any) -> Any:
        """The value ``x`` with another part; ``part`` has the view's shape and dtype."""
        raise NotImplementedError

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        """The real view of a real array."""
        raise NotImplementedError


class Basic(Link):
    """Positions, slices and new axes: ``a[1:, None, 0]``."""

    def __init__(self, key: Any, rank: int) -> None:
        self.plan: Plan = plan_key(read_key(key, rank))
        self.key = to_dims(key if isinstance(key, tuple) else (key,))

    def read(self, x: Any) -> Any:
        out = strided_slice(x, index=self.plan.entries)
        new = self.plan.new_axes
        return movement.expand_dims(out, axis=new) if new else out

    def write(self, x: Any, part: Any) -> Any:
        if self.plan.new_axes:
            part = movement.squeeze(part, axis=self.plan.new_axes)
        return slice_update(x, part, index=self.plan.entries)

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        key = concrete(self.key, env)
        whole = any(k is Ellipsis for k in key)
        return array[key if whole else (*key, ...)]  # the ellipsis keeps it a view


class Transpose(Link):
    """The axes in another order."""

    def __init__(self, perm: tuple[int, ...]) -> None:
        self.perm = perm

    def read(self, x: Any) -> Any:
        return movement.transpose(x, perm=self.perm)

    def write(self, x: Any, part: Any) -> Any:
        back = tuple(self.perm.index(i) for i in range(len(self.perm)))
        return movement.transpose(part, perm=back)

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        return array.transpose(self.perm)


class Reshape(Link):
    """Another shape over the same elements in row-major order."""

    def __init__(self, shape: tuple[Any, ...]) -> None:
        self.shape = shape

    def read(self, x: Any) -> Any:
        return movement.reshape(x, shape=self.shape)

    def write(self, x: Any, part: Any) -> Any:
        return movement.reshape(part, shape=x.shape)

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        view = array.view()
        out = view.reshape(concrete(to_dims(self.shape), env))
        assert not array.size or np.may_share_memory(out, array)
        return out


class Part(Link):
    """The real or the imaginary parts of complex elements."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, x: Any) -> Any:
        return OPS[self.name](x)

    def write(self, x: Any, part: Any) -> Any:
        real = part if self.name == "real" else OPS["real"](x)
        imag = part if self.name == "imag" else OPS["imag"](x)
        return OPS["complex"](real, imag)

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        return getattr(array, self.name)


class Broadcast(Link):
    """The elements repeated by strides of 0; nobody can write to it."""

    def __init__(self, shape: tuple[Any, ...], writeable: bool = False) -> None:
        self.shape, self.writeable = shape, writeable

    def read(self, x: Any) -> Any:
        return movement.broadcast_to(x, shape=self.shape)

    def write(self, x: Any, part: Any) -> Any:
        raise PlainPython(words="a write to a broadcast array, to an element several times,")

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        shape = concrete(to_dims(self.shape), env)
        return np.broadcast_arrays(array, np.broadcast_to(0, shape))[0] if self.writeable else (
            np.broadcast_to(array, shape)
        )  # fmt: skip


class Diagonal(Link):
    """A diagonal, as the last axis; ``np.diagonal`` lets nobody write to it."""

    def __init__(self, offset: int, axis1: int, axis2: int, writeable: bool = False) -> None:
        self.place, self.writeable = (offset, axis1, axis2), writeable

    def read(self, x: Any) -> Any:
        flat, start, count, step = self._flat(x)
        if isinstance(step, int):
            return strided_slice(flat, index=self._index(flat, start, count, step))
        places = OPS["arange"](start=0, stop=count, step=1, dtype=np.dtype(np.int64))
        return OPS["gather"](flat, places * step + start, axis=len(flat.shape) - 1)

    def write(self, x: Any, part: Any) -> Any:
        flat, start, count, step = self._flat(x)
        index = self._index(flat, start, count, int(step))
        turned = movement.reshape(slice_update(flat, part, index=index), shape=self._turn(x).shape)
        perm = self._perm(x)
        return movement.transpose(turned, perm=tuple(perm.index(i) for i in range(len(perm))))

    def _perm(self, x: Any) -> tuple[int, ...]:
        _, axis1, axis2 = self.place
        return (*[i for i in range(len(x.shape)) if i not in (axis1, axis2)], axis1, axis2)

    def _turn(self, x: Any) -> Any:
        return movement.transpose(x, perm=self._perm(x))

    def _index(self, flat: Any, start: Any, count: Any, step: int) -> Any:
        if isinstance(count, int) and count == 0:
            start = stop = 0
        else:
            stop = start + count * step
            stop = stop if stop <= flat.shape[-1] else flat.shape[-1]
        return (*((None, None, None),) * (len(flat.shape) - 1), (start, stop, step))

    def _flat(self, x: Any) -> tuple[Any, Any, Any, Any]:
        """The two axes as one, and where on it the diagonal lies: start, count and step."""
        offset = self.place[0]
        x = self._turn(x)
        rows, columns = x.shape[-2:]
        flat = movement.reshape(x, shape=(*x.shape[:-2], rows * columns))
        start = offset if offset >= 0 else -offset * columns
        across = columns - max(offset, 0)
        down = rows - max(-offset, 0)
        count = across if across <= down else down
        count = count if count > 0 else 0
        return flat, start, count, columns + 1

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        found = array.diagonal(*self.place)
        if self.writeable and array.flags.writeable:
            found.flags.writeable = True
        return found


class Windows(Link):
    """Windows that slide along an axis, as one more axis at the end; nobody can write to it."""

    writeable = False

    def __init__(self, width: int, axis: int) -> None:
        self.width, self.axis = width, axis

    def read(self, x: Any) -> Any:
        count = x.shape[self.axis] - self.width + 1
        starts = OPS["arange"](start=0, stop=count, step=1, dtype=np.dtype(np.int64))
        places = movement.expand_dims(starts, axis=(1,)) + np.arange(self.width)
        taken = OPS["gather"](x, places, axis=self.axis)
        rest = [i for i in range(len(x.shape) + 1) if i != self.axis + 1]
        return movement.transpose(taken, perm=(*rest, self.axis + 1))

    def apply(self, array: np.ndarray[Any, Any], env: Env) -> Any:
        return sliding_window_view(array, self.width, self.axis)
