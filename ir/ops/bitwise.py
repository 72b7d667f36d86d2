"""Operations on the bits of integers and on bools, element by element; no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Sample, op

BINARY = [Sample("i[3,4]", "i[3,4]"), Sample("i[3,1]", "i[4]"), Sample("i[]", "i[2]")]
WORDS = (0.0, 6.0)  # the shift counts of the samples


@op("elementwise", expr="x & y", accepts="biu", commutative=True, samples=BINARY)
def bitwise_and(x: Any, y: Any) -> Any:
    """The bits set in both, elementwise; for bools the logical ``and``.

    >>> import twofold as tf
    >>> tf.bitwise_and(12, 10).item()
    8
    """
    return np.bitwise_and(x, y)


@op("elementwise", expr="x | y", accepts="biu", commutative=True, samples=BINARY)
def bitwise_or(x: Any, y: Any) -> Any:
    """The bits set in at least one, elementwise; for bools the logical ``or``.

    >>> import twofold as tf
    >>> tf.bitwise_or(12, 10).item()
    14
    """
    return np.bitwise_or(x, y)


@op("elementwise", expr="x ^ y", accepts="biu", commutative=True, samples=BINARY)
def bitwise_xor(x: Any, y: Any) -> Any:
    """The bits set in exactly one, elementwise; for bools ``!=``.

    >>> import twofold as tf
    >>> tf.bitwise_xor(12, 10).item()
    6
    """
    return np.bitwise_xor(x, y)


@op(
    "elementwise",
    expr="~x",
    accepts="biu",
    involution=True,
    samples=[Sample("i[3,4]"), Sample("b[4]")],
)
def bitwise_invert(x: Any) -> Any:
    """Every bit flipped, elementwise: ``-x - 1``; for bools the logical ``not``.

    >>> import twofold as tf
    >>> tf.bitwise_invert(5).item()
    -6
    """
    return np.invert(x)


@op("elementwise", expr="x << y", accepts="iu", domain=WORDS, samples=BINARY)
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """``x * 2**y`` in the integer dtype, elementwise; bits that leave the top are lost.

    A count that is negative or at least the width of the dtype gives 0.

    >>> import twofold as tf
    >>> tf.bitwise_left_shift(5, 3).item()
    40
    """
    return np.left_shift(x, y)


@op("elementwise", expr="x >> y", accepts="iu", domain=WORDS, samples=BINARY)
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """``floor(x / 2**y)``, elementwise: the shift of a signed integer keeps its sign.

    A count that is negative or at least the width of the dtype gives 0, or -1 for ``x < 0``.

    >>> import twofold as tf
    >>> tf.bitwise_right_shift(-16, 2).item()
    -4
    """
    return np.right_shift(x, y)
