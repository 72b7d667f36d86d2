"""Functional loops over rows: ``tf.map_fn``, ``tf.scan``, ``tf.foldl``, ``tf.foldr``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError, StagingError
from twofold.ir.infer import as_dtype
from twofold.ir.op import OPS
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.ir.words import counted
from twofold.runtime.carried import State, arranged, carried, function_of, own_tensor
from twofold.runtime.tensor import Tensor

__all__ = ["foldl", "foldr", "map_fn", "scan"]


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, parallel_iterations: int | None = None,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, name: str = "",
    fn_output_signature: Any = None,
) -> Any:  # fmt: skip
    """What ``fn`` returns for each row of ``elems``, stacked.

    ``elems``: a tensor, or a container of tensors with the same number of rows; ``fn`` takes a
    container of rows. The result has the structure that ``fn`` returns, with a first axis more.
    ``fn_output_signature`` (or ``dtype``), if given, is a dtype or a TensorSpec for each result,
    which it must have. The other parameters are hints for TensorFlow and are ignored.

    Raises ShapeError for tensors without rows, or with other numbers of them, or for results of
    different shapes; DTypeError for a result of another dtype than the signature says.

    >>> import twofold as tf
    >>> tf.map_fn(lambda row: tf.sum(row * row), tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy()
    array([ 5., 25.], dtype=float32)
    """
    fn = function_of(fn, "tf.map_fn", "fn")
    rows = _Rows(elems, "tf.map_fn")
    nothing = State.of((), "tf.map_fn: fn")
    signature = fn_output_signature if fn_output_signature is not None else dtype

    def step(state: Any, row: Any) -> tuple[Any, Any]:
        return state, _as_signed(fn(row), signature)

    return rows.loop(step, nothing, False, fn)[1]


def scan(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    infer_shape: bool = True, reverse: bool = False, name: str = "",
) -> Any:  # fmt: skip
    """All states of a fold over the rows of ``elems``, stacked.

    ``fn`` takes the state so far and a row, and returns the next state. The first state is
    ``initializer``, which is not part of the result; without it the first row is, and it stands
    first in the result. With ``reverse`` the rows are taken last to first; each state stands where
    its row stood. The other parameters are hints for TensorFlow and are ignored.

    Raises ShapeError for tensors without rows, or with other numbers of them; ArgumentError,
    DTypeError or ShapeError if ``fn`` returns another structure, dtype or rank than the state has.

    >>> import twofold as tf
    >>> tf.scan(lambda total, x: total + x, tf.constant([1.0, 2.0, 3.0])).numpy()
    array([1., 3., 6.], dtype=float32)
    """
    fn = function_of(fn, "tf.scan", "fn")
    rows = _Rows(elems, "tf.scan")
    state, rest = rows.begin(initializer, reverse)

    def step(state: Any, row: Any) -> tuple[Any, Any]:
        found = fn(state, row)
        return found, found

    _, stacked = rest.loop(step, state, reverse, fn)
    if initializer is not None:
        return stacked
    made, structure = flatten(stacked)
    whole = [
        OPS["concat"](*([s, f[None]] if reverse else [f[None], s]), axis=0)
        if isinstance(s, Tensor)
        else s
        for f, s in zip(state.leaves, made, strict=True)
    ]
    return unflatten(structure, whole)


def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    name: str = "",
) -> Any:  # fmt: skip
    """The last state of a fold over the rows of ``elems``, first to last.

    ``fn`` takes the state so far and a row, and returns the next state. The first state is
    ``initializer``, or the first row. Raises what ``tf.scan`` raises. The other parameters are
    hints for TensorFlow and are ignored.

    >>> import twofold as tf
    >>> tf.foldl(lambda total, x: 10 * total + x, tf.constant([1, 2, 3])).numpy()
    np.int32(123)
    """
    return _fold("tf.foldl", fn, elems, initializer, reverse=False)


def foldr(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    name: str = "",
) -> Any:  # fmt: skip
    """The last state of a fold over the rows of ``elems``, last to first; see ``tf.foldl``.

    >>> import twofold as tf
    >>> tf.foldr(lambda total, x: 10 * total + x, tf.constant([1, 2, 3])).numpy()
    np.int32(321)
    """
    return _fold("tf.foldr", fn, elems, initializer, reverse=True)


def _fold(what: str, fn: Any, elems: Any, initializer: Any, reverse: bool) -> Any:
    fn = function_of(fn, what, "fn")
    state, rest = _Rows(elems, what).begin(initializer, reverse)

    def step(state: Any, row: Any) -> tuple[Any, Any]:
        return fn(state, row), ()

    return rest.loop(step, state, reverse, fn, stacks=False)[0]


class _Rows:
    """The rows of tensors that are gone over together."""

    def __init__(self, elems: Any, what: str) -> None:
        self.leaves, self.structure = carried(elems)
        self.what = what
        if not self.leaves or not all(isinstance(x, Tensor) for x in self.leaves):
            raise ArgumentError(f"{what}: elems is a tensor or a container of tensors")
        for x in self.leaves:
            if not x.shape:
                raise ShapeError(f"{what}: a tensor without axes has no rows")
            if x.shape[0] != self.leaves[0].shape[0]:
                counts = " and ".join(str(y.shape[0]) for y in (self.leaves[0], x))
                raise ShapeError(f"{what}: elems have {counts} rows")

    def begin(self, initializer: Any, reverse: bool) -> tuple[State, _Rows]:
        """The state to start with and the rows to come."""
        words = f"{self.what}: fn"
        if initializer is not None:
            return State.of(initializer, words), self
        if self.leaves[0].shape[0] == 0:
            raise ShapeError(f"{self.what}: without an initializer elems needs a row")
        first = self.row(-1 if reverse else 0)
        kept = slice(None, -1) if reverse else slice(1, None)
        rest = unflatten(self.structure, [x[kept] for x in self.leaves])
        return State.of(first, words), _Rows(rest, self.what)

    def row(self, index: int) -> Any:
        """One row of each tensor, in the container."""
        return unflatten(self.structure, [x[index] for x in self.leaves])

    def loop(
        self, step: Callable[[Any, Any], tuple[Any, Any]], state: State, reverse: bool, fn: Any,
        stacks: bool = True,
    ) -> tuple[Any, Any]:  # fmt: skip
        """The last state, and what the steps made for each row, stacked.

        ``step`` takes the container of the state and that of a row, and returns the next state and
        what is stacked, if it ``stacks`` anything. ``fn``: what the user gave, which it calls.
        """
        if bind.ground().tracing:
            from twofold.compiler.control.loop import stage_scan  # noqa: PLC0415

            return stage_scan(step, state, self.leaves, self.structure, reverse)
        n = self.leaves[0].shape[0]
        if not n:
            return self._without_rows(step, state, reverse, fn, stacks)
        made: list[list[Any]] = []
        structure: Structure | None = None
        for i in range(n - 1, -1, -1) if reverse else range(n):
            following, row = step(state.tree(), self.row(i))
            state = state.next(following)
            leaves, found = carried(row if structure is None else arranged(row, structure))
            if structure is not None and found != structure:
                raise ArgumentError(f"{self.what}: fn returns another structure for each row")
            structure = found
            made.append(leaves)
        assert structure is not None
        columns = zip(*(reversed(made) if reverse else made), strict=True)
        return state.tree(), unflatten(structure, [_stacked(c, self.what) for c in columns])

    def _without_rows(
        self, step: Any, state: State, reverse: bool, fn: Any, stacks: bool
    ) -> tuple[Any, Any]:
        """What a loop without trips gives: the types are those of a trace, and so are its sources.

        ``fn``: the user's, for the trace to see what it can change.
        """
        from twofold.compiler.decorator import function  # noqa: PLC0415

        if not stacks and bind.top() is bind.bottom():
            return state.tree(), ()

        def loop(leaves: list[Any], start: Any, fn: Any) -> tuple[Any, Any]:
            whole = State.of(start, state.what)
            if bind.ground().tracing:
                rows = _Rows(unflatten(self.structure, leaves), self.what)
                return rows.loop(step, whole, reverse, fn, stacks)
            if not stacks:
                return whole.tree(), ()
            raise StagingError(
                f"{state.what} cannot be traced, and there is no row for which it could be called "
                f"to find what it returns"
            )

        found: tuple[Any, Any] = function(loop, jit_compile=False)(self.leaves, state.tree(), fn)
        return found


def _stacked(column: Sequence[Any], what: str) -> Any:
    if not isinstance(column[0], Tensor):
        if any(x != column[0] for x in column):
            raise ArgumentError(f"{what}: fn returns {column[0]!r} for one row and others for more")
        return column[0]
    for x in column:
        if not isinstance(x, Tensor) or x.dtype != column[0].dtype:
            raise DTypeError(f"{what}: fn returns several dtypes")
        if x.shape != column[0].shape:
            raise ShapeError(
                f"{what}: fn returns tensors of shapes {column[0].shape} and {x.shape}; rows of "
                f"one shape are stacked"
            )
    return OPS["stack"](list(column), axis=0)


def _as_signed(found: Any, signature: Any) -> Any:
    """Results in the dtypes that the signature says. Raises DTypeError and ArgumentError."""
    if signature is None:
        return found
    wanted = flatten(signature)[0]
    leaves, structure = flatten(found)
    if len(wanted) != len(leaves):
        raise ArgumentError(
            f"tf.map_fn: fn returns {counted(len(leaves), 'result')}, and fn_output_signature "
            f"has {len(wanted)}"
        )
    made = []
    for want, x in zip(wanted, leaves, strict=True):
        dtype = as_dtype(getattr(want, "dtype", want), "fn_output_signature")
        made.append(own_tensor(x, dtype))
        if made[-1].dtype != dtype:
            raise DTypeError(
                f"tf.map_fn: fn returns {made[-1].dtype}, and fn_output_signature says {dtype}"
            )
    return unflatten(structure, made)
