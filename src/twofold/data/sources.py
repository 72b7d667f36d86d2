"""Where elements come from: numbers, arrays, and what Python can index or iterate."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, ConversionError, ShapeError
from twofold.ir.infer import as_dtype

from . import spec as specs
from .block import Block, of_rows
from .nest import LEAF, Form, flatten, pack, paths
from .node import INFINITE, UNKNOWN, Node, Opening, Run, Source, noted
from .spec import NoneSpec, leaf_of, shared_leaf

__all__ = ["Arrays", "Gather", "Generated", "Indexable", "Range", "arrays_of"]


class Range(Node):
    """``start, start + step ...`` to below ``stop``, int64 unless another dtype is asked for."""

    name = "range"

    def __init__(self, start: int, stop: int, step: int = 1, dtype: Any = "int64") -> None:
        super().__init__()
        if step == 0:
            raise ArgumentError("the step of a range is not 0")
        self.numbers = range(start, stop, step)
        self.dtype = as_dtype(dtype, "Dataset.range")

    @functools.cached_property
    def spec(self) -> Any:
        return specs.make(self.dtype, ())

    @property
    def cardinality(self) -> int:
        return len(self.numbers)

    def arguments(self) -> str:
        return f"{self.numbers}, {self.dtype}"

    def run(self, opening: Opening) -> Run:
        return _Counting(self.numbers, self.dtype)


class _Counting(Run):
    def __init__(self, numbers: range, dtype: np.dtype[Any]) -> None:
        self.numbers, self.dtype, self.at = numbers, dtype, 0

    def take(self, count: int) -> Block | None:
        part = self.numbers[self.at : self.at + count]
        if not part:
            return None
        self.at += len(part)
        column: Any = np.arange(part.start, part.stop, part.step)
        if column.dtype != self.dtype:
            column = column.astype(self.dtype)
        return Block(len(part), [column], LEAF)

    def skip(self, count: int) -> int:
        gone = min(count, len(self.numbers) - self.at)
        self.at += gone
        return gone


class Counter(Node):
    """Numbers without end."""

    name = "counter"

    def __init__(self, start: int, step: int, dtype: Any) -> None:
        super().__init__()
        if step == 0:
            raise ArgumentError("the step of a counter is not 0")
        self.start, self.step = start, step
        self.dtype = as_dtype(dtype, "Dataset.counter")

    @functools.cached_property
    def spec(self) -> Any:
        return specs.make(self.dtype, ())

    @property
    def cardinality(self) -> int:
        return INFINITE

    def arguments(self) -> str:
        return f"{self.start}, {self.step}, {self.dtype}"

    def run(self, opening: Opening) -> Run:
        stop = self.start + self.step * 2**50
        return _Counting(range(self.start, stop, self.step), self.dtype)


class Arrays:
    """Columns in memory, or in a file that is mapped."""

    def __init__(self, columns: Sequence[Any], form: Form) -> None:
        self.columns, self.form = columns, form

    def gather(self, rows: np.ndarray[Any, Any]) -> Block:
        """The rows: views where they follow each other, else copies."""
        count = len(rows)
        first = int(rows[0])
        if int(rows[-1]) - first == count - 1 and (count < 3 or bool((rows[1:] > rows[:-1]).all())):
            return Block(count, [c[first : first + count] for c in self.columns], self.form)
        return Block(
            count,
            [
                c.take(rows, 0) if isinstance(c, np.ndarray) else [c[i] for i in rows.tolist()]
                for c in self.columns
            ],
            self.form,
        )


class Indexable:
    """What has ``__getitem__``, and ``__getitems__`` for lists of indices if it likes."""

    def __init__(self, data: Any, form: Form) -> None:
        self.data, self.form = data, form

    def gather(self, rows: np.ndarray[Any, Any]) -> Block:
        """The elements; each is asked for by its number."""
        chosen = rows.tolist()
        several = getattr(self.data, "__getitems__", None)
        found = several(chosen) if several is not None else [self.data[i] for i in chosen]
        made: list[list[Any]] = []
        for element in found:
            leaves, form = flatten(element)
            if form != self.form:
                raise ConversionError(
                    f"element {chosen[len(made)]} of the data has the structure "
                    f"{pack(form, ['*'] * len(leaves))}, the first one has "
                    f"{pack(self.form, ['*'] * len(paths(self.form)))}"
                )
            made.append([leaf_of(x) for x in leaves])
        return of_rows(made, self.form)


class Gather(Node):
    """Rows of a source, at the row numbers that a node gives."""

    def __init__(self, rows: Node, source: Source, spec: Any, name: str) -> None:
        super().__init__(rows)
        self.rows, self.source, self.name = rows, source, name
        self.quiet = isinstance(source, Arrays)
        self.spec = spec

    def arguments(self) -> str:
        return repr(self.spec)

    def lifted(self) -> tuple[Node, Source]:
        return self.rows, self.source


def arrays_of(value: Any, what: str) -> tuple[list[Any], Form]:
    """The leaves of a value as arrays that nobody writes to, and its form."""
    leaves, form = flatten(value)
    where = zip(leaves, paths(form), strict=True)
    return [_settled(leaf, path, what) for leaf, path in where], form


def _settled(leaf: Any, path: str, what: str) -> Any:
    try:
        array = shared_leaf(leaf)
    except ConversionError as error:
        raise ConversionError(f"{what}{path}: {error.message}") from None
    if leaf is array or (isinstance(array, np.ndarray) and array.base is not None):
        return _own(leaf, array)
    return array


def _own(leaf: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A caller's array as a value: copied unless it cannot change, or is mapped from a file."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return array.view(np.ndarray)
        if base.flags.writeable:
            return array if leaf.__class__ is not np.ndarray and leaf is not array else array.copy()
        base = base.base
    return array


def slices(value: Any) -> Gather:
    """A dataset of the rows of arrays."""
    columns, form = arrays_of(value, "from_tensor_slices")
    counts = {p: _rows(c, p) for c, p in zip(columns, paths(form), strict=True) if c is not None}
    if not counts:
        raise ArgumentError("from_tensor_slices needs at least one tensor")
    count = next(iter(counts.values()))
    if any(n != count for n in counts.values()):
        told = ", ".join(f"{p or 'the tensor'} has {n}" for p, n in counts.items())
        raise ShapeError(f"from_tensor_slices needs as many rows in each tensor: {told}")
    columns = [[None] * count if c is None else c for c in columns]
    spec = pack(
        form,
        [NoneSpec() if c.__class__ is list else specs.make(c.dtype, c.shape[1:]) for c in columns],
    )
    return Gather(Range(0, count), Arrays(columns, form), spec, "from_tensor_slices")


def _rows(column: Any, path: str) -> int:
    """How many rows an array has. Raises ShapeError for what has none."""
    if not isinstance(column, np.ndarray) or column.ndim == 0:
        raise ShapeError(
            f"from_tensor_slices{path}: a scalar has no rows; from_tensors takes it whole"
        )
    return len(column)


def whole(value: Any) -> Gather:
    """A dataset of one element."""
    leaves, form = arrays_of(value, "from_tensors")
    columns = [x[None] if isinstance(x, np.ndarray) else [x] for x in leaves]
    spec = pack(form, [specs.spec_of(x) for x in leaves])
    return Gather(Range(0, 1), Arrays(columns, form), spec, "from_tensors")


def indexed(data: Any) -> Gather:
    """A dataset of what has a length and can be indexed."""
    for needed in ("__len__", "__getitem__"):
        if not hasattr(data, needed):
            raise ArgumentError(f"from_indexable needs {needed}, {type(data).__name__} lacks it")
    count = len(data)
    if not count:
        raise ArgumentError("from_indexable: the data is empty, so its structure is not known")
    leaves, form = flatten(data[0])
    spec = pack(form, [specs.spec_of(leaf_of(x)) for x in leaves])
    return Gather(Range(0, count), Indexable(data, form), spec, "from_indexable")


class Generated(Node):
    """What a Python generator yields."""

    name = "from_generator"
    quiet = False

    def __init__(self, make: Callable[..., Any], signature: Any, args: tuple[Any, ...]) -> None:
        super().__init__()
        if not callable(make):
            raise ArgumentError(
                f"from_generator takes what makes an iterator when it is called, such as a "
                f"generator function, not {type(make).__name__}"
            )
        self.make, self.spec, self.args = make, signature, args
        self.expected, self.form = flatten(signature)

    @property
    def cardinality(self) -> int:
        return UNKNOWN

    def arguments(self) -> str:
        return f"{getattr(self.make, '__qualname__', 'generator')}, {self.spec}"

    def run(self, opening: Opening) -> Run:
        return _Generating(self)


def signature_of(types: Any, shapes: Any, signature: Any) -> Any:
    """The spec of a generator's elements. Raises ArgumentError."""
    if signature is not None:
        if types is not None or shapes is not None:
            raise ArgumentError(
                "from_generator takes output_signature, or output_types and output_shapes"
            )
        leaves, form = flatten(tuple(signature) if isinstance(signature, list) else signature)
        for leaf in leaves:
            if not hasattr(leaf, "shape") and not isinstance(leaf, NoneSpec):
                raise ArgumentError(f"output_signature has {leaf!r}, which is no TensorSpec")
        return pack(form, leaves)
    if types is None:
        raise ArgumentError("from_generator needs output_signature, or output_types")
    dtypes, form = flatten(tuple(types) if isinstance(types, list) else types)
    if shapes is None:
        return pack(form, [specs.make(d, None) for d in dtypes])
    parts = [shapes] if form.kind is None else _aligned(shapes, form)
    if parts is None:
        raise ArgumentError("output_shapes do not have the structure of output_types")
    return pack(form, [specs.make(d, s) for d, s in zip(dtypes, parts, strict=True)])


class _Generating(Run):
    def __init__(self, node: Generated) -> None:
        self.node, self.number = node, -1
        self.iterator: Iterator[Any] | None = None
        self.done = False

    def take(self, count: int) -> Block | None:
        rows: list[list[Any]] = []
        while len(rows) < 1 and not self.done:  # one at a time: what it does happens in its turn
            self.number += 1
            try:
                if self.iterator is None:
                    self.iterator = iter(self.node.make(*self.node.args))
                value = next(self.iterator)
            except StopIteration:
                self.done = True
            except Exception as error:
                self.done = True  # a generator that has raised is over
                noted(error, self.node, self.number)
                raise
            else:
                rows.append(self._checked(value))
        return of_rows(rows, self.node.form) if rows else None

    def _checked(self, value: Any) -> list[Any]:
        node = self.node
        try:
            return _fitted(value, node.form, node.expected)
        except (ConversionError, ShapeError) as error:
            raise noted(error, node, self.number)  # noqa: B904

    def close(self) -> None:
        stop = getattr(self.iterator, "close", None)
        if stop is not None:
            stop()


def _fitted(value: Any, form: Form, expected: list[Any]) -> list[Any]:
    """A yielded value as leaves of the declared kinds. Raises ConversionError, ShapeError."""
    if isinstance(value, list) and form.kind is tuple:
        value = tuple(value)
    leaves = _aligned(value, form)
    if leaves is None:
        raise ConversionError(
            f"the generator yielded {_short(value)}, which does not have the declared structure "
            f"{pack(form, expected)}"
        )
    made: list[Any] = []
    for leaf, want, path in zip(leaves, expected, paths(form), strict=True):
        if isinstance(want, NoneSpec):
            made.append(None)
            continue
        try:
            array = leaf_of(leaf, want.dtype)
        except (ConversionError, ValueError, TypeError) as error:
            told = getattr(error, "message", error)
            raise ConversionError(
                f"the generator yielded {_short(leaf)}{path and f' at {path}'}, which is not "
                f"{want.dtype}: {told}"
            ) from None
        if not isinstance(array, np.ndarray) or not _fits(array.shape, want.shape):
            raise ShapeError(
                f"the generator yielded an element of shape {getattr(array, 'shape', None)}"
                f"{path and f' at {path}'} where {want.shape} was declared"
            )
        made.append(array)
    return made


def _aligned(value: Any, form: Form) -> list[Any] | None:
    """The leaves of a value in the order of a form, or None where it is of another form."""
    if form.kind is None:
        return [value]
    if issubclass(form.kind, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(form.children):
            return None
        parts = list(value)
    else:
        if not hasattr(value, "keys") or set(value) != set(form.keys):
            return None
        parts = [value[k] for k in form.keys]
    found = [_aligned(p, c) for p, c in zip(parts, form.children, strict=True)]
    return None if any(f is None for f in found) else [x for f in found for x in f or ()]


def _fits(shape: tuple[int, ...], want: Any) -> bool:
    if want is None:
        return True
    return len(shape) == len(want) and all(
        w is None or isinstance(w, str) or w == s for s, w in zip(shape, want, strict=True)
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
