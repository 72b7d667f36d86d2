"""Why a test of another project does not pass: patterns of its name and its error, and the reason."""

from __future__ import annotations

import re

__all__ = ["OPEN", "reason_of"]

OPEN = "open"

# The first row that matches is the reason.
REASONS: tuple[tuple[str, str], ...] = (
    (
        (
            r"float128|complex256|longdouble|'g'|'G'|of dtype object|datetime|\[None\]|Fraction|"
            r"test_dtype_error|unsupported_commontype|string_concat"
        ),
        "dtypes that tensors do not have: long double, objects, dates, text",
    ),
    (r"does not accept complex", "complex numbers have no order"),
    (r"masked array|test_masked", "tensors have no mask"),
    (r"have no common dtype", "uint64 and signed integers have no common dtype (promotion.md)"),
    (
        (
            r"DID NOT WARN|ddof_too_big|test_allnans|test_empty |nanfunc_correction|s_axes_none|"
            r"s_contains_none|list index out of range|test_nan_q"
        ),
        "NumPy warns, or refuses what it warned of; here IEEE 754 holds quietly",
    ),
    (r"ubclass|myarray|TestSolve.test_0_size|return_type", "subclasses of arrays are not kept"),
    (
        r"linear_interpolation|q_strong_promotion",
        "quantiles have the dtype of the elements, whatever that of `q` is",
    ),
    (r"contiguous|test_order|order_preserve", "tensors have no memory order"),
    (
        (
            r"float32|e-0[89]|complex64|0000149|_density|bool_conversion|signed_overflow|"
            r"integer_or_bool|test_intmin|correct_quantile_value"
        ),
        "small integers and Python numbers give float32, where NumPy gives float64 (promotion.md)",
    ),
    (
        (
            r"does not match|DID NOT RAISE|not raised|binnum_type|TestTakeAlongAxis.test_invalid|TestReal|"
            r"TestImag|test_generic|test_isposinf|test_isneginf|test_fix|bad_args|not_invertible|"
            r"non_square|badargs|specific_axes|test_aweights|test_fweights"
        ),
        "another exception or message, or the identity or target (`out=`) of an array",
    ),
    (
        r"e-1[4-9]|out_argument|out_and_s|percentile_out",
        "the last digit, where NumPy asks for equality",
    ),
    (r"ArrayMemoryError", "NumPy itself needs 64 GiB"),
    (r"name one axis twice", "a transform along one axis twice is refused"),
)
_COMPILED = tuple((re.compile(pattern), reason) for pattern, reason in REASONS)


def reason_of(name: str, error: str) -> str:
    """Why; ``OPEN`` where no row says it."""
    text = f"{name} {error}"
    return next((reason for pattern, reason in _COMPILED if pattern.search(text)), OPEN)
