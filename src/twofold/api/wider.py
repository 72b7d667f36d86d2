"""Functions that take more than their op does: TensorFlow's parameters, in its order.

Where the array API has the name, too, its keywords come after ``*``. A call that would mean one
thing in TensorFlow and another there is refused: the messages say how to write either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twofold.ir.errors import ArgumentError
from twofold.ir.infer import as_dtype
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.create import spaced
from twofold.ir.ops.operand import as_sizes, as_tensor
from twofold.runtime.tensor import Tensor

from .spelling import with_own_names

if TYPE_CHECKING:
    from .typing import TensorLike

__all__ = [
    "argsort", "gather_nd", "inv", "inverse_stft_window_fn", "irfft", "matmul", "matrix_rank",
    "matrix_transpose", "matvec", "pinv", "qr", "range_", "rfft", "solve", "sort", "split", "svd",
    "top_k", "transpose", "where",
]  # fmt: skip

_DIRECTIONS = {"ASCENDING": False, "DESCENDING": True}


def _falling(direction: Any, descending: bool | None, what: str) -> bool:
    """Whether elements fall, from TensorFlow's word or the array API's flag; not from both."""
    if direction not in _DIRECTIONS:
        raise ArgumentError(
            f"{what}: direction must be 'ASCENDING' or 'DESCENDING', not {direction!r}; the array "
            f"API's flag is the keyword descending="
        )
    if descending is None:
        return _DIRECTIONS[direction]
    if direction == "DESCENDING" and not descending:
        raise ArgumentError(f"{what}: direction='DESCENDING' and descending=False contradict")
    return bool(descending)


@with_own_names(x="values")
def sort(
    values: TensorLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    name: Any = None,
    *,
    descending: bool | None = None,
    stable: bool = True,
) -> Tensor:
    """Elements in rising order along an axis; falling if ``direction`` is ``"DESCENDING"``, or
    with ``descending=True``. NaN counts as the largest. Raises ArgumentError, AxisError.

    >>> import twofold as tf
    >>> tf.sort([2, 3, 1], -1, "DESCENDING").numpy()
    array([3, 2, 1], dtype=int32)
    """
    falling = _falling(direction, descending, "sort")
    return OPS["sort"](values, axis=axis, descending=falling, stable=stable)  # type: ignore[no-any-return]


@with_own_names(x="values")
def argsort(
    values: TensorLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = True,
    name: Any = None,
    *,
    descending: bool | None = None,
) -> Tensor:
    """Positions (int64) of the elements in the order of ``sort``; equal elements keep theirs.

    >>> import twofold as tf
    >>> tf.argsort([2, 3, 1]).numpy()
    array([2, 0, 1])
    """
    falling = _falling(direction, descending, "argsort")
    return OPS["argsort"](values, axis=axis, descending=falling, stable=stable)  # type: ignore[no-any-return]


def where(condition: TensorLike, x: Any = None, y: Any = None, name: Any = None) -> Tensor:
    """``x`` where ``condition`` holds and ``y`` elsewhere, with broadcasting.

    Without both, the positions (int64, one row each) of what holds, as ``argwhere``. Raises
    ArgumentError for one of them alone.

    >>> import twofold as tf
    >>> tf.where([True, False], 1, 0).numpy(), tf.where([False, True]).numpy()
    (array([1, 0], dtype=int32), array([[1]]))
    """
    if x is None and y is None:
        return COMPOSITES["argwhere"].function(condition)  # type: ignore[no-any-return]
    if x is None or y is None:
        raise ArgumentError("where: x and y belong together; give both, or neither")
    return OPS["where"](condition, x, y)  # type: ignore[no-any-return]


@with_own_names(x="value")
def split(
    value: TensorLike,
    num_or_size_splits: Any,
    axis: int = 0,
    num: int | None = None,
    name: Any = "split",
) -> list[Tensor]:
    """Parts along an axis: so many equal ones, or of these sizes, of which one may be -1.

    ``num``: how many sizes there are, checked. Raises ArgumentError, ShapeError.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.split([1, 2, 3], [1, -1])]
    [[1], [2, 3]]
    """
    parts: list[Tensor] = COMPOSITES["split"].function(value, num_or_size_splits, axis)
    if num is not None and len(parts) != num:
        raise ArgumentError(f"split: num is {num}, but there are {len(parts)} parts")
    return parts


def strided_slice(
    input_: TensorLike, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0,
    end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0,
    var: Any = None, name: Any = None,
) -> Tensor:  # fmt: skip
    """``input_[begin[0]:end[0]:strides[0], ...]``; the bits of masks say what else stands there.

    Bit ``i`` of ``begin_mask`` and ``end_mask`` leaves that end open; ``ellipsis_mask``: ``...``;
    ``new_axis_mask``: a new axis; ``shrink_axis_mask``: the element at ``begin[i]``. ``var``, the
    Variable to assign to, is not taken: assign to its slice. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.strided_slice([[1, 2, 3], [4, 5, 6]], [0, -1], [2, 0], [1, -1]).numpy().tolist()
    [[3, 2], [6, 5]]
    """
    if var is not None:
        raise ArgumentError("strided_slice: var is not taken; assign to the slice of the Variable")
    ends = [list(as_tensor(x) if not isinstance(x, list | tuple) else x) for x in (begin, end)]
    steps = [1] * len(ends[0]) if strides is None else list(strides)
    if not len(ends[0]) == len(ends[1]) == len(steps):
        raise ArgumentError(
            f"strided_slice: {len(ends[0])} begins, {len(ends[1])} ends and {len(steps)} strides"
        )
    index: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(*ends, steps, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            index.append(...)
        elif new_axis_mask & bit:
            index.append(None)
        elif shrink_axis_mask & bit:
            index.append(start)
        else:
            first, last = begin_mask & bit, end_mask & bit
            index.append(slice(None if first else start, None if last else stop, int(step)))
    return as_tensor(input_)[tuple(index)]  # type: ignore[no-any-return]


@with_own_names(stop="limit", step="delta")
def range_(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = "range"
) -> Tensor:
    """``start, start + delta, ...`` below ``limit``: ``tf.arange`` with TensorFlow's names.

    >>> import twofold as tf
    >>> tf.range(3).numpy(), tf.range(1, limit=8, delta=3).numpy()
    (array([0, 1, 2], dtype=int32), array([1, 4, 7], dtype=int32))
    """
    return spaced(start, limit, delta, dtype)  # type: ignore[no-any-return]


range_.__dict__["counts"] = True  # a ``for`` over it is a loop of a compiled function


@with_own_names(x="a")
def transpose(
    a: TensorLike,
    perm: Sequence[int] | None = None,
    conjugate: bool = False,
    name: Any = "transpose",
) -> Tensor:
    """The axes in another order, from back to front if ``perm`` is None; then conjugated, if asked.

    >>> import twofold as tf
    >>> tf.transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    out = OPS["transpose"](a, perm=perm)
    return OPS["conjugate"](out) if conjugate else out  # type: ignore[no-any-return]


@with_own_names(x="a")
def matrix_transpose(
    a: TensorLike, name: Any = "matrix_transpose", conjugate: bool = False
) -> Tensor:
    """The last two axes swapped, and conjugated, if asked. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.matrix_transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    out = COMPOSITES["matrix_transpose"].function(a)
    return OPS["conjugate"](out) if conjugate else out  # type: ignore[no-any-return]


def _turned(x: Any, transpose: bool, adjoint: bool, what: str) -> tuple[Any, bool]:
    """An operand of a product, and whether it is to be transposed."""
    if not adjoint:
        return x, transpose
    if transpose:
        raise ArgumentError(f"{what}: an operand is transposed or its adjoint, not both")
    return OPS["conjugate"](x), True


@with_own_names(x1="a", x2="b")
def matmul(
    a: TensorLike,
    b: TensorLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: Any = None,
) -> Tensor:
    """Matrix product over the last two axes; the axes before them broadcast.

    A 1-d operand is a row on the left and a column on the right, and its axis does not appear in
    the result. ``transpose_`` swaps the last two axes first, ``adjoint_`` conjugates as well.
    ``output_type`` is the dtype to which the operands are cast before. The hints ``_is_sparse`` and
    ``grad_`` change nothing. Integers wrap. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> tf.matmul(tf.ones((2, 3)), tf.ones((4, 3)), transpose_b=True).shape
    (2, 4)
    """
    a, transpose_a = _turned(a, transpose_a, adjoint_a, "matmul")
    b, transpose_b = _turned(b, transpose_b, adjoint_b, "matmul")
    if output_type is not None:
        dtype = as_dtype(output_type, "matmul")
        a, b = OPS["cast"](a, dtype=dtype), OPS["cast"](b, dtype=dtype)
    return OPS["matmul"](a, b, transpose_a=transpose_a, transpose_b=transpose_b)  # type: ignore[no-any-return]


def matvec(
    a: TensorLike,
    b: TensorLike,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: Any = None,
) -> Tensor:
    """Matrix times vector: the last axis of ``b`` holds the vector, axes before it broadcast.

    >>> import twofold as tf
    >>> tf.linalg.matvec(tf.ones((2, 3)), tf.ones(3)).numpy()
    array([3., 3.], dtype=float32)
    """
    a, transpose_a = _turned(a, transpose_a, adjoint_a, "matvec")
    return COMPOSITES["matvec"].function(a, b, transpose_a)  # type: ignore[no-any-return]


@with_own_names(x="params")
def gather_nd(
    params: TensorLike,
    indices: TensorLike,
    batch_dims: int = 0,
    name: Any = None,
    bad_indices_policy: str = "",
) -> Tensor:
    """Elements or slices of ``params`` at the points ``indices[..., :]``.

    The first ``batch_dims`` axes of both are matched one to one. A position out of bounds raises
    IndexOutOfBoundsError; that is the only policy (``""``, ``"DEFAULT"``, ``"ERROR"``) there is.

    >>> import twofold as tf
    >>> tf.gather_nd([[1, 2], [3, 4]], [[1], [0]], batch_dims=1).numpy()
    array([2, 3], dtype=int32)
    """
    if bad_indices_policy not in ("", "DEFAULT", "ERROR"):
        raise ArgumentError(f"gather_nd: there is no policy {bad_indices_policy!r}; clip first")
    if not batch_dims:
        return OPS["gather_nd"](params, indices)  # type: ignore[no-any-return]
    return OPS["gather_nd"](params, _with_batch(indices, batch_dims))  # type: ignore[no-any-return]


def _with_batch(indices: Any, batch_dims: int) -> Any:
    """Points along all axes, of points that leave out the first ``batch_dims``, which match."""
    indices = as_tensor(indices)
    shape = tuple(indices.shape[:-1])
    columns = []
    for axis in range(batch_dims):
        line = OPS["arange"](start=shape[axis], dtype=indices.dtype)
        aligned = OPS["reshape"](line, shape=(-1, *[1] * (len(shape) - axis)))
        columns.append(OPS["broadcast_to"](aligned, shape=(*shape, 1)))
    return OPS["concat"]([*columns, indices], axis=-1)


@with_own_names(x="input")
def top_k(
    input: TensorLike, k: int = 1, sorted: bool = True, index_type: Any = "int64", name: Any = None
) -> tuple[Tensor, Tensor]:
    """The ``k`` largest elements along the last axis and their positions; ties take the lowest.

    They fall; ``sorted=False`` allows any order, and gets this one. TensorFlow's ``index_type`` is
    int32 by default. Raises ArgumentError.

    >>> import twofold as tf
    >>> [part.numpy().tolist() for part in tf.math.top_k([1, 3, 2], k=2)]
    [[3, 2], [1, 2]]
    """
    values, places = OPS["top_k"](input, k=k)
    dtype = as_dtype(index_type, "top_k")
    return values, places if places.dtype == dtype else OPS["cast"](places, dtype=dtype)


@with_own_names(x="input")
def inv(input: TensorLike, adjoint: bool = False, name: Any = None) -> Tensor:
    """Inverses of square matrices, or of their adjoints. Raises LinAlgError where there is none.

    >>> import twofold as tf
    >>> tf.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    out = OPS["inv"](input)
    return COMPOSITES["adjoint_of"].function(out) if adjoint else out  # type: ignore[no-any-return]


@with_own_names(a="matrix", b="rhs", x1="matrix", x2="rhs")
def solve(matrix: TensorLike, rhs: TensorLike, adjoint: bool = False, name: Any = None) -> Tensor:
    """``x`` with ``matrix @ x = rhs``; of the adjoint of ``matrix``, if asked.

    ``rhs`` is one vector if it has one axis, else matrices. Raises LinAlgError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).numpy()
    array([1. , 0.5], dtype=float32)
    """
    if adjoint:
        matrix = COMPOSITES["adjoint_of"].function(matrix)
    return OPS["solve"](matrix, rhs)  # type: ignore[no-any-return]


@with_own_names(x="input")
def qr(
    input: TensorLike, full_matrices: bool = False, name: Any = None, *, mode: Any = None
) -> Any:
    """``q`` with orthonormal columns and triangular ``r``; ``full_matrices``, or the array API's
    ``mode="complete"``: with a square ``q``.

    >>> import twofold as tf
    >>> tf.linalg.qr(tf.ones((3, 2))).q.shape, tf.linalg.qr(tf.ones((3, 2)), True).q.shape
    ((3, 2), (3, 3))
    """
    if full_matrices not in (True, False):
        raise ArgumentError(f"qr: full_matrices is True or False; write mode={full_matrices!r}")
    if mode is None:
        mode = "complete" if full_matrices else "reduced"
    return COMPOSITES["qr"].function(input, mode)


@with_own_names(x="a")
def pinv(
    a: TensorLike,
    rcond: Any = None,
    validate_args: bool = False,
    name: Any = None,
    *,
    rtol: Any = None,
) -> Tensor:
    """Moore-Penrose inverses: singular values of at most ``rcond`` of the largest count as 0.

    The array API calls it ``rtol``; None: ``max(m, n) * eps``.

    >>> import twofold as tf
    >>> tf.linalg.pinv([[2.0], [0.0]]).numpy()
    array([[0.5, 0. ]], dtype=float32)
    """
    if rcond is not None and rtol is not None:
        raise ArgumentError("pinv: rcond and rtol are two names of one number; give one")
    return OPS["pinv"](a, rtol=rcond if rtol is None else rtol)  # type: ignore[no-any-return]


@with_own_names(x="a")
def matrix_rank(
    a: TensorLike,
    tol: Any = None,
    validate_args: bool = False,
    name: Any = None,
    *,
    rtol: Any = None,
) -> Tensor:
    """The number (int64) of singular values above ``tol``, or above ``rtol`` times the largest.

    With neither, ``rtol`` is ``max(m, n) * eps``. Raises ArgumentError for both.

    >>> import twofold as tf
    >>> tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item()
    1
    """
    if tol is None:
        return COMPOSITES["matrix_rank"].function(a, rtol)  # type: ignore[no-any-return]
    if rtol is not None:
        raise ArgumentError("matrix_rank: tol is absolute and rtol relative; give one of them")
    values = OPS["svdvals"](a)
    limit = OPS["cast"](as_tensor(tol), dtype=values.dtype)
    limit = limit[..., None] if limit.shape else limit
    return COMPOSITES["count_nonzero"].function(values > limit, axis=-1)  # type: ignore[no-any-return]


@with_own_names(x="tensor")
def svd(
    tensor: TensorLike,
    full_matrices: bool | None = None,
    compute_uv: bool = True,
    name: Any = None,
) -> Any:
    """Singular value decompositions: ``U``, ``S`` and ``Vh`` with ``x = U @ diag(S) @ Vh``; the
    singular values alone without ``compute_uv``.

    The order of the parts and ``full_matrices=True`` are the array API's; TensorFlow returns
    ``s, u, v``, reduced by default. To take them apart by name is right in any case.

    >>> import twofold as tf
    >>> tf.linalg.svd([[3.0, 0.0], [0.0, 4.0]]).S.numpy()
    array([4., 3.], dtype=float32)
    """
    if not compute_uv:
        return OPS["svdvals"](tensor)
    return COMPOSITES["svd"].function(tensor, full_matrices in (None, True))


def inverse_stft_window_fn(
    frame_step: int, forward_window_fn: Any = None, name: Any = None
) -> Callable[..., Tensor]:
    """The window that ``inverse_stft`` needs to undo ``stft`` with ``forward_window_fn`` (None:
    Hann's), as a function of the length.

    >>> import twofold as tf
    >>> tf.signal.inverse_stft_window_fn(2)(4).shape
    (4,)
    """
    made = COMPOSITES["inverse_stft_window"].function
    given = {} if forward_window_fn is None else {"forward_window_fn": forward_window_fn}

    def window(frame_length: int, dtype: Any = "float32") -> Tensor:
        return made(frame_length, frame_step, dtype=dtype, **given)  # type: ignore[no-any-return]

    return window


@with_own_names(x="input_tensor")
def rfft(input_tensor: TensorLike, fft_length: Any = None, name: Any = None) -> Tensor:
    """The Fourier transform of real numbers along the last axis: its first half.

    ``fft_length``, a number or a list of one: so many elements, cut or filled up with zeros.

    >>> import twofold as tf
    >>> tf.signal.rfft([1.0, 1.0, 1.0, 1.0]).numpy().real
    array([4., 0., 0.], dtype=float32)
    """
    return COMPOSITES["rfft"].function(input_tensor, _only_size(fft_length))  # type: ignore[no-any-return]


@with_own_names(x="input_tensor")
def irfft(input_tensor: TensorLike, fft_length: Any = None, name: Any = None) -> Tensor:
    """The inverse of ``rfft``: ``fft_length`` real numbers, an even number if it is not given.

    >>> import twofold as tf
    >>> tf.signal.irfft(tf.signal.rfft([1.0, 2.0, 3.0]), [3]).numpy().round(4)
    array([1., 2., 3.], dtype=float32)
    """
    return COMPOSITES["irfft"].function(input_tensor, _only_size(fft_length))  # type: ignore[no-any-return]


def _only_size(size: Any) -> Any:
    size = as_sizes(size)
    return size[0] if isinstance(size, list) else size
