"""A call of a NumPy function that has no op of its own, by name.

``numpy_function`` runs a function of a closed list on arrays of fixed sizes. What it returns is one
array or several, whose dtypes and shapes are attributes: whoever adds the node has asked NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, StagingError
from ..factoring import factoring
from ..infer import Attrs, Resolved, Types
from ..op import op
from ..shapes import Sizes
from ..types import TensorType
from .binned import histogram
from .control import Replay

__all__ = ["FUNCTIONS", "leaves_of", "resolve_function"]

# Sizes and dtypes of their results follow from those of their arguments; they only read them.
_PLAIN = (
    "argpartition argsort bartlett convolve corrcoef correlate cov cross cumulative_prod "
    "cumulative_sum digitize fill_diagonal gradient hamming histogram histogram_bin_edges i0 "
    "interp kron lexsort median nanargmax nanargmin nancumprod nancumsum nanmax nanmean "
    "nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar partition "
    "percentile polyadd polyder polyint polymul polysub polyval quantile searchsorted select "
    "sinc trapezoid unwrap vander einsum inner dot vdot tensordot packbits ravel_multi_index "
    "unravel_index take_along_axis choose linspace logspace geomspace insert delete append "
    "round take repeat isclose nan_to_num block piecewise extract intersect1d setdiff1d setxor1d "
    "union1d unique unique_all unique_counts unique_inverse unique_values"
)
_LINALG = (
    "cholesky cond cross det diagonal eigh eigvalsh inv lstsq matrix_norm matrix_power "
    "matrix_rank multi_dot norm outer pinv qr slogdet solve svd svdvals tensorinv tensorsolve "
    "trace vecdot vector_norm"
)
_FFT = (
    "fft fft2 fftfreq fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn "
    "rfft rfft2 rfftfreq rfftn"
)
FUNCTIONS = frozenset(
    [
        *_PLAIN.split(),
        *[f"linalg.{n}" for n in _LINALG.split()],
        *[f"fft.{n}" for n in _FFT.split()],
    ]
) - {
    "fill_diagonal",
    "linalg.matrix_rank",
    "piecewise",
    "histogram_bin_edges",
}
_QUICKER = {
    "histogram": histogram,  # ours, with NumPy's bits
    "linalg.cholesky": lambda *args, **options: factoring.cholesky(*args, **options),
}


def resolve_function(name: str) -> Any:
    """NumPy's function of a name in the list. Raises ArgumentError."""
    if name not in FUNCTIONS:
        raise ArgumentError(f"numpy_function: {name!r} is not in the list of functions")
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ArgumentError(f"this NumPy has no function {name!r}")
    return found


def leaves_of(result: Any) -> list[Any]:
    """The arrays of a result: of one, or of a tuple or list of them."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves_of(part)]
    return [np.asarray(result)]


def _filled(template: Any, arrays: tuple[Any, ...]) -> Any:
    """Arguments with arrays for their places: ``("@", 0)`` is the first array."""
    if isinstance(template, tuple):
        if len(template) == 2 and template[0] == "@":
            return arrays[template[1]]
        if template[:1] == ("[",):
            return [_filled(t, arrays) for t in template[1:]]
        return tuple([_filled(t, arrays) for t in template])
    return template


def _is_new(leaf: Any, arrays: tuple[Any, ...]) -> bool:
    """Whether what a function gave has memory of its own, in row-major order."""
    own = type(leaf) is np.ndarray and leaf.base is None and leaf.flags.c_contiguous
    return own and all(leaf is not x for x in arrays)


def _function_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    resolve_function(attrs["name"])
    outs = tuple(attrs["results"])
    if not outs or not all(isinstance(t, TensorType) for t in outs):
        raise ArgumentError("numpy_function: results are the types of its outputs")
    return dict(attrs), outs


@op(
    "opaque",
    _function_rule,
    promote="none",
    may_raise=True,
    shares_memory="never",
    widens=False,
    public=False,
)
def numpy_function(*xs: Any, name: str, args: Any, options: Any, results: Any) -> Any:
    """A function of NumPy by its name. ``args`` and ``options`` (pairs of a name and a value) hold
    ``("@", i)`` for the i-th array and ``("[", ...)`` for a list."""
    outs = _made(xs, name, args, options)
    if [(o.dtype, o.shape) for o in outs] != [(t.dtype, t.shape) for t in results]:
        raise StagingError(
            f"np.{name} gave other dtypes or shapes than for the arrays of the trace: they depend "
            f"on values; call it outside of the compiled function"
        )
    return outs if len(outs) > 1 else outs[0]


def _made(xs: tuple[Any, ...], name: str, args: Any, options: Any) -> tuple[Any, ...]:
    """The arrays that a function gives, each with memory of its own."""
    # Python scalars among arrays of no axes: NumPy functions may tell them apart.
    arrays = tuple([x[()] if x.ndim == 0 else x for x in xs])
    function = _QUICKER.get(name) or resolve_function(name)
    made = function(*_filled(args, arrays), **{k: _filled(v, arrays) for k, v in options})
    return tuple([leaf if _is_new(leaf, arrays) else np.array(leaf) for leaf in leaves_of(made)])


@numpy_function.gradient
def numpy_function_vjp(
    g: Any, out: Any, *xs: Any, name: str, args: Any, options: Any, results: Any
) -> Any:
    raise ArgumentError(f"np.{name} has no gradient; write it with functions that have one")


@op(
    "opaque",
    _function_rule,
    promote="none",
    may_raise=True,
    data_dependent=True,
    shares_memory="never",
    widens=False,
    public=False,
)
def numpy_counted(*xs: Any, name: str, args: Any, options: Any, results: Any, counted: Any) -> Any:
    """The same where sizes are found when the graph runs. ``counted``: the outputs and axes whose
    sizes the values decide; symbols in ``results`` name them."""
    outs = tuple([np.asarray(o, order="C") for o in _made(xs, name, args, options)])
    other = Replay(f"np.{name} gave arrays of other kinds or sizes than small arrays have shown")
    if len(outs) != len(results):
        raise other
    for i, (out, t) in enumerate(zip(outs, results, strict=True)):
        fits = len(out.shape) == t.rank and all(
            n == m or (i, axis) in counted
            for axis, (n, m) in enumerate(zip(out.shape, t.shape, strict=True))
        )
        if out.dtype != t.dtype or not fits:
            raise other
    return outs if len(outs) > 1 else outs[0]


@numpy_counted.gradient
def numpy_counted_vjp(
    g: Any, out: Any, *xs: Any, name: str, args: Any, options: Any, results: Any, counted: Any
) -> Any:
    raise ArgumentError(f"np.{name} has no gradient; write it with functions that have one")
