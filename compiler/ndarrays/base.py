"""Arrays and NumPy scalars of a trace: what stands in for ``numpy.ndarray`` and ``numpy.generic``.

Neither is a tensor. Their operators are NumPy's functions, with NumPy's dtypes, so ``int32 / 2``
is float64; where they meet a tensor, the tensor's operator answers, as it does eagerly.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import letter
from twofold.ir.location import stores_item
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from . import protocol
from .cells import Cell
from .links import Link
from .windows import written

__all__ = ["TracedArray", "TracedScalar", "TracedValue", "install_operators", "is_traced"]


class TracedValue:
    """What arrays and scalars of a trace have in common; see the module."""

    __slots__ = ("__weakref__", "home")
    in_trace = True
    home: Any  # the arrays of the trace

    def tensor(self) -> Any:
        """The present value as a tensor of the trace."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements."""
        found: np.dtype[Any] = self.tensor().dtype
        return found

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes."""
        return tuple(self.tensor().shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.tensor().shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.tensor().size

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        """Bytes of all elements."""
        return self.size * self.itemsize

    def _refuse(self, what: str) -> NoReturn:
        if self.home.asking:  # it is NumPy that wants to know
            raise self.home.missing(what)
        raise self.home.refusal(
            f"{what} of a NumPy {'array' if self.shape else 'scalar'} ({self.dtype}) is needed "
            f"while the function is traced, but the value exists only when it runs"
        )

    def known(self, what: str) -> Any:
        """The value as a real array, if no argument is in it. Raises StagingError."""
        found = self.home.known(self.tensor())
        if found is None:
            if stores_item():  # of an array or a list that is not of the trace
                raise self.home.plain()
            self._refuse(what)
        return found

    def __bool__(self) -> bool:
        return bool(self.known("the truth value"))

    def __int__(self) -> int:
        return int(self.known("int()"))

    def __float__(self) -> float:
        return float(self.known("float()"))

    def __complex__(self) -> complex:
        return complex(self.known("complex()"))

    def __index__(self) -> int:
        return self.known("use as an index").__index__()  # type: ignore[no-any-return]

    def item(self, *place: Any) -> Any:
        """An element as a Python number, where it is known."""
        return self.known("item()").item(*place)

    def tolist(self) -> Any:
        """Nested lists of Python numbers, where they are known."""
        return self.known("tolist()").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        """The bytes of the elements, where they are known."""
        found: bytes = self.known("tobytes()").tobytes(order)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        found = self.home.known(self.tensor())
        if found is None:
            raise self.home.missing("conversion to a NumPy array")
        return np.array(found, dtype=dtype)

    def __hash__(self) -> int:
        """Of the value, which has to be known: equal values are one key."""
        return hash(self.known("a hash")[()])

    def __repr__(self) -> str:
        return f"{protocol.TRACED_TEXT} {self.tensor().value.type}>"

    def __str__(self) -> str:  # a function of its own: a step calls a method by its name
        return repr(self)

    def __format__(self, spec: str) -> str:
        if spec:
            return format(self.known(f"the text {spec!r}")[()], spec)
        return repr(self)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return int(self.shape[0])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return protocol.ufunc(self.home, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, Tensor | Variable) for kind in types):
            return NotImplemented  # the tensor answers, as it does outside of a trace
        return protocol.function(self.home, function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        method = protocol.METHODS.get(name)
        if method is None or name.startswith(("_", "set_")):
            return self._missing(name)
        if name in _OF_ARRAYS and type(self) is TracedScalar:
            raise self.home.plain()
        made: Any = lambda *args, **kwargs: protocol.checked(  # noqa: E731
            self.home, lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs),
            (self, *args), kwargs, lambda: _as_scalar(method(self, *args, **kwargs), self),
        )  # fmt: skip
        made.method_of = self, name
        return made

    def _missing(self, name: str) -> Any:
        real = np.ndarray if isinstance(self, TracedArray) else self.dtype.type
        if name.startswith("__") or not hasattr(real, name):
            raise AttributeError(
                f"'{real.__module__}.{real.__name__}' object has no attribute '{name}'"
            )
        raise self.home.plain()

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return _as_scalar(protocol.METHODS["transpose"](self), self)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return protocol.METHODS["swapaxes"](self, -1, -2)

    @property
    def real(self) -> Any:
        """The real parts."""
        return protocol.METHODS["real"](self)

    @real.setter
    def real(self, value: Any) -> None:
        self._set("real", value)

    def _set(self, name: str, value: Any) -> None:
        """``self.name = value``."""
        protocol.checked(
            self.home, lambda x, value: setattr(x, name, value), (self, value), {},
            lambda: protocol.METHODS[f"set_{name}"](self, value),
        )  # fmt: skip

    @property
    def imag(self) -> Any:
        """The imaginary parts."""
        return protocol.METHODS["imag"](self)

    @imag.setter
    def imag(self, value: Any) -> None:
        self._set("imag", value)


class TracedScalar(TracedValue):
    """A NumPy scalar of a trace: a value that nobody can write to."""

    __slots__ = ("_tensor",)

    def __init__(self, trace: Any, tensor: Any) -> None:
        self.home, self._tensor = trace, tensor

    @property  # type: ignore[misc]  # isinstance(s, np.float64)
    def __class__(self) -> Any:
        return self._tensor.dtype.type

    def tensor(self) -> Any:
        return self._tensor

    def __getitem__(self, key: Any) -> Any:
        return protocol.getitem(self, key)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"'numpy.{self.dtype.type.__name__}' object is not iterable")

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.known("round()")[()]) if digits is None else self.round(digits)

    def repeated(self, sequence: Any) -> Any:
        """``self * sequence``, which repeats it as a Python int does. Raises TypeError."""
        if letter(self.dtype) not in "iu":
            kind = self.dtype.type.__name__
            raise TypeError(f"can't multiply sequence by non-int of type 'numpy.{kind}'")
        return sequence * int(self.known("the number of repetitions"))

    base = None

    @property
    def mT(self) -> Any:
        """There is none."""
        raise AttributeError(f"'numpy.{self.dtype.type.__name__}' object has no attribute 'mT'")

    def is_integer(self) -> bool:
        """Whether the value is whole, where it is known."""
        found: bool = self.known("is_integer()")[()].is_integer()
        return found


class TracedArray(TracedValue):
    """An ndarray of a trace: a view of a cell through a chain of links."""

    __slots__ = ("_read", "cell", "chain", "contiguous", "layout", "parent", "viewed", "writeable")
    __class__ = np.ndarray  # type: ignore[assignment]  # isinstance(a, np.ndarray)
    __hash__ = None  # type: ignore[assignment]  # as of an ndarray

    def __init__(
        self, trace: Any, cell: Cell, parent: TracedArray | None = None, link: Link | None = None,
        contiguous: bool | None = None,
    ) -> None:  # fmt: skip
        self.home, self.cell, self.parent = trace, cell, parent
        self._read: tuple[Any, Any] | None = None  # what the cell held, and what is read of it
        self.viewed = False  # whether a view was made of this very object
        if parent is None or link is None:
            self.chain: tuple[Link, ...] = ()
            self.layout, self.contiguous = cell.layout, cell.contiguous
            self.writeable = cell.writeable
            return
        self.chain = (*parent.chain, link)
        parent.viewed = True
        self.layout = link.apply(parent.layout, trace.sizes.hints)
        self.contiguous = bool(contiguous)
        self.writeable = parent.writeable and link.writeable

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of the axes; another shape can be assigned where no copy is needed."""
        return tuple(self.tensor().shape)

    @shape.setter
    def shape(self, wanted: Any) -> None:
        self._set("shape", wanted)

    def tensor(self) -> Any:
        if self.parent is None:
            return self.cell.tensor
        found = self.read_before()
        if found is None:
            found = self.chain[-1].read(self.parent.tensor())
            self._read = self.cell.tensor, found
        return found

    def read_before(self) -> Any:
        """What was read already of the value that the cell has, in this region, or None."""
        held = self._read
        if held is None or held[0] is not self.cell.tensor:
            return None
        region: Any = bind.ground()
        while region is not None and region is not held[1].trace:
            region = region.outer
        return None if region is None else held[1]  # a region that has ended keeps what it read

    def take_shape(self, shaped: TracedArray) -> None:
        """Become another view of the same cell: ``a.shape = ...`` changes the object itself."""
        self.parent, self.chain = shaped.parent, shaped.chain
        self.layout, self.contiguous, self._read = shaped.layout, shaped.contiguous, None

    def store(self, value: Any) -> None:
        """Write a tensor of this array's shape and dtype."""
        made = self._placed(value)
        if made is not None:
            self.cell.put(made)
            self._read = made, value
            return
        array, read = self, []
        while array.parent is not None:
            read.append((array, value))
            value = array.chain[-1].write(array.parent.tensor(), value)
            array = array.parent
        array.cell.put(value)
        for view, part in read:
            view._read = value, part

    def _placed(self, value: Any) -> Any:
        """The value of the cell where a part at a computed place is another, or None."""
        arrays, array = [], self
        while array.parent is not None:
            array = array.parent
            arrays.append(array)
        return written(self.chain, arrays[::-1], value)

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides; the trace then holds for this layout only."""
        self.pin()
        found: tuple[int, ...] = self.layout.strides
        return found

    @property
    def flags(self) -> Any:
        """The flags."""
        return Flags(self)

    @flags.setter
    def flags(self, value: Any) -> None:
        raise self.home.plain()

    def setflags(self, write: Any = None, align: Any = None, uic: Any = None) -> None:
        """``a.setflags(write=False)``."""
        if align is not None or uic is not None:
            raise self.home.plain()
        if write is not None:
            self.flags.writeable = write

    @property
    def flat(self) -> Any:
        """The elements in row-major order."""
        return protocol.METHODS["flat"](self)

    @flat.setter
    def flat(self, value: Any) -> None:
        protocol.METHODS["flat"](self)[:] = value

    @property
    def base(self) -> Any:
        """The array whose memory this is a view of, or None."""
        *_, owner = self._line()
        if owner.cell.source is not None or any(not link.writeable for link in self.chain):
            raise self.home.plain()  # whose memory an array from outside has, only it knows
        return None if owner is self else owner

    def pin(self) -> None:
        """Rely on the layout of the example call: its sizes and, of an outer array, its strides."""
        sizes = self.home.sizes
        for array in self._line():
            for n in array.tensor().value.type.shape:
                if not isinstance(n, int):
                    sizes.pin(n)
        if self.cell.source.__class__ is int:
            self.home.pinned.add(self.cell.source)

    def _line(self) -> Iterator[TracedArray]:
        array: TracedArray | None = self
        while array is not None:
            yield array
            array = array.parent

    def __getitem__(self, key: Any) -> Any:
        return protocol.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        protocol.setitem(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __delitem__(self, key: Any) -> None:
        raise self.home.plain("call")  # which NumPy refuses

    def __contains__(self, value: Any) -> bool:
        return bool(self.known("`in`").__contains__(value))

    def __copy__(self) -> Any:
        return protocol.METHODS["copy"](self, "K")

    def __deepcopy__(self, memo: Any) -> Any:
        return protocol.METHODS["copy"](self, "K")

    @property
    def __array_interface__(self) -> Any:
        raise AttributeError("__array_interface__")


_OF_ROWS = {"c_contiguous": True, "contiguous": True, "forc": True, "fnc": False}  # row-major


class Flags:
    """The flags of an array in a trace."""

    def __init__(self, array: TracedArray) -> None:
        object.__setattr__(self, "_array", array)

    def __getattr__(self, name: str) -> Any:
        array = self._array
        if name == "writeable":
            array.home.may_write(array.cell)
            return array.writeable
        if name == "owndata":
            return array.base is None
        if array.contiguous and name in _OF_ROWS:
            return _OF_ROWS[name]
        array.pin()  # the trace then holds for this layout only
        return getattr(array.layout.flags, name)

    def __setattr__(self, name: str, value: Any) -> None:
        array = self._array
        if name != "writeable":
            raise array.home.plain()
        if value == array.writeable:
            return
        own = array.parent is not None or array.cell.source is None
        if not own or (value and array.base is not None and not array.base.writeable):
            raise array.home.plain()
        array.writeable = bool(value)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, _FLAGS.get(name, name.lower()))

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, _FLAGS.get(name, name.lower()), value)


_FLAGS = {"C": "c_contiguous", "F": "f_contiguous", "W": "writeable", "O": "owndata",
          "A": "aligned", "CONTIGUOUS": "c_contiguous", "FORTRAN": "f_contiguous"}  # fmt: skip


def _as_scalar(made: Any, of: Any = None) -> Any:
    """What a method of a scalar makes: a scalar, where it has no axes."""
    if type(made) is not TracedArray or made.ndim or type(of) is TracedArray:
        return made
    return TracedScalar(made.home, made.tensor())


def is_traced(x: Any) -> bool:
    """Whether this is an array or a scalar of a trace, whatever its ``__class__`` says."""
    return type(x) is TracedArray or type(x) is TracedScalar


_OF_ARRAYS = ("put", "fill", "sort", "partition", "flat")  # of no use on a scalar
_ELSEWHERE = (Tensor, Variable)


def _repeats(x: Any) -> bool:
    return isinstance(x, list | tuple | str | bytes | bytearray)


def _operator(function: Any, reflected: bool) -> Any:
    def method(self: TracedValue, other: Any) -> Any:
        if isinstance(other, _ELSEWHERE):
            return NotImplemented
        if function is np.matmul and type(self) is TracedScalar:
            return NotImplemented  # NumPy's scalars have no product of matrices
        if function is np.multiply and type(self) is TracedScalar and _repeats(other):
            return self.repeated(other)
        if function is np.power and not reflected:
            power = _simple_power(self, other)
            if power is not None:
                return protocol.ufunc(self.home, power, "__call__", (self,), {})
        inputs = (other, self) if reflected else (self, other)
        return protocol.ufunc(self.home, function, "__call__", inputs, {})

    return method


def _in_place(function: Any) -> Any:
    def product(self: TracedArray, other: Any) -> Any:
        """``@=``, which NumPy refuses for operands that ``np.matmul`` takes."""
        out = {"out": (self,)}
        return protocol.checked(
            self.home, operator.imatmul, (self, other), {},
            lambda: protocol.ufunc(self.home, np.matmul, "__call__", (self, other), out),
        )  # fmt: skip

    def method(self: TracedArray, other: Any) -> Any:
        power = _simple_power(self, other) if function is np.power else None
        called, inputs = (function, (self, other)) if power is None else (power, (self,))
        return protocol.ufunc(self.home, called, "__call__", inputs, {"out": (self,)})

    return product if function is np.matmul else method


def _simple_power(x: TracedValue, exponent: Any) -> Any:
    """The function that NumPy's ``**`` of an array calls instead of ``np.power``, or None."""
    if type(x) is not TracedArray or type(exponent) not in (int, float):
        return None
    kind = letter(x.dtype)
    if exponent == 2 and (type(exponent) is int or kind in "fc"):
        return np.square
    if exponent == 0.5 and kind in "fc":
        return np.sqrt
    inverse = exponent == -1 and (kind == "f" or (kind == "c" and type(exponent) is int))
    return np.reciprocal if inverse else None


_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift, "matmul": np.matmul, "divmod": np.divmod,
}  # fmt: skip
_COMPARED = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def install_operators(kind: Any, in_place: Any) -> None:
    """Give a class the operators of arrays; ``in_place``: the class whose ``+=`` writes."""
    for name, function in _BINARY.items():
        setattr(kind, f"__{name}__", _operator(function, False))
        setattr(kind, f"__r{name}__", _operator(function, True))
        if name != "divmod":
            setattr(in_place, f"__i{name}__", _in_place(function))
    for name, function in _COMPARED.items():
        setattr(kind, f"__{name}__", _operator(function, False))
    for name, function in _UNARY.items():
        setattr(kind, f"__{name}__", _unary(function))


def _unary(function: Any) -> Any:
    return lambda self: protocol.ufunc(self.home, function, "__call__", (self,), {})


install_operators(TracedValue, TracedArray)
