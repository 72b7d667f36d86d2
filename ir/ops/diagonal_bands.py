"""Several diagonals of matrices at once, packed as TensorFlow packs them.

Diagonals ``low`` to ``high`` are the rows ``[..., high - low + 1, length]``, the highest one
first. Shorter ones are filled up on one side; ``align`` says on which side those above and those
below the main one lie: ``RIGHT_LEFT`` puts the first to the right end and the others to the left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..infer import require_fits
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .create import arange
from .diagonals import matrix_diagonal, on_diagonal
from .elementwise import where
from .joining import stack
from .operand import as_tensor, ranked, written
from .padding import pad_constant
from .slicing import slice_axis

__all__ = ["diag_part", "matrix_of_diagonal", "set_diag"]

ALIGNMENTS = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
INT64 = np.dtype("int64")


class _Band(NamedTuple):
    """Diagonals ``low`` to ``high``, whether one alone is meant, and where short ones lie."""

    low: int
    high: int
    single: bool
    align: str

    def length(self, offset: int, rows: Any, cols: Any) -> Any:
        """The number of elements of a diagonal."""
        down, right = rows + min(offset, 0), cols - max(offset, 0)
        return down if down <= right else right

    def longest(self, rows: Any, cols: Any) -> Any:
        """The length of the rows in which the diagonals are packed."""
        down, right = rows + min(self.high, 0), cols - max(self.low, 0)
        return down if down <= right else right

    def before(self, offset: int, short: Any) -> Any:
        """How many of the elements that a diagonal lacks stand before it."""
        above, below = self.align.split("_")
        left = (offset >= 0 and above == "LEFT") or (offset <= 0 and below == "LEFT")
        return 0 if left else short

    def offsets(self) -> list[int]:
        """The diagonals in the order of their rows."""
        return list(range(self.high, self.low - 1, -1))


def _band(k: Any, align: str, what: str) -> _Band:
    if align not in ALIGNMENTS:
        raise ArgumentError(f"{what}: align is one of {', '.join(ALIGNMENTS)}, not {align!r}")
    ends = np.asarray(k)
    if ends.dtype.kind not in "iu" or ends.size not in (1, 2) or ends.ndim > 1:
        raise ArgumentError(f"{what}: k is one diagonal or the first and the last, not {k!r}")
    low, high = int(ends.min()), int(ends.max())
    if ends.size == 2 and int(ends[0]) > int(ends[1]):
        raise ArgumentError(f"{what}: k goes from the lower to the higher diagonal, not {k!r}")
    return _Band(low, high, low == high, align)


def _inside(band: _Band, rows: Any, cols: Any, what: str) -> None:
    for offset in (band.low, band.high):
        if offset and not -rows < offset < cols:
            raise ArgumentError(f"{what}: {rows} rows and {cols} columns have no diagonal {offset}")


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", k=1), Sample("f[3,4]", k=(-1, 2)),
           Sample("f[4,3]", k=(-2, 1), padding_value=9.0, align="LEFT_RIGHT"))  # fmt: skip
def diag_part(
    input: Any, name: Any = None, k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """Diagonal ``k`` of matrices ``[..., m, n]``, or those from ``k[0]`` to ``k[1]``, packed.

    ``padding_value`` fills the short ones up, on the side that ``align`` says. Raises
    ArgumentError.

    >>> import twofold as tf
    >>> tf.linalg.diag_part([[1, 2], [3, 4]], k=(0, 1)).numpy()
    array([[0, 2],
           [1, 4]], dtype=int32)
    """
    x, band = ranked(input, 2, "diag_part"), _band(k, align, "diag_part")
    rows, cols = x.shape[-2:]
    _inside(band, rows, cols, "diag_part")
    require_fits(padding_value, x.dtype, "diag_part", whole=True)
    if band.single:
        return matrix_diagonal(x, offset=band.low)
    most, lines = band.longest(rows, cols), []
    for offset in band.offsets():
        line = matrix_diagonal(x, offset=offset)
        short = most - band.length(offset, rows, cols)
        ahead = band.before(offset, short)
        pads = (*[(0, 0)] * (len(line.shape) - 1), (ahead, short - ahead))
        lines.append(pad_constant(line, pads=pads, value=padding_value))
    return stack(lines, axis=-2)


def _line(diagonal: Any, band: _Band, offset: int, rows: Any, cols: Any) -> Any:
    """The elements of one of the packed diagonals."""
    if band.single:
        return diagonal
    line = diagonal[..., band.high - offset, :]
    length = band.length(offset, rows, cols)
    start = band.before(offset, band.longest(rows, cols) - length)
    return slice_axis(line, len(line.shape) - 1, start, start + length)


def _written(diagonal: Any, band: _Band, rows: Any, cols: Any, rest: Any) -> Any:
    """Matrices with these diagonals, and ``rest`` elsewhere."""
    apart = arange(cols, dtype=INT64) - movement.expand_dims(arange(rows, dtype=INT64), axis=(1,))
    out = rest
    for offset in band.offsets():
        line = _line(diagonal, band, offset, rows, cols)
        matrix = on_diagonal(line, rows=rows, cols=cols, offset=offset)
        out = where(OPS["equal"](apart, offset), matrix, out)
    return out


def _packed(diagonal: Any, band: _Band, what: str) -> Any:
    x = ranked(diagonal, 1 if band.single else 2, what)
    count = band.high - band.low + 1
    if not band.single and x.shape[-2] != count:
        raise ShapeError(
            f"{what}: {count} diagonals are needed, the shape is {show_shape(x.shape)}"
        )
    return x


@composite(Sample("f[3,4]", "f[3]"), Sample("f[2,3,3]", "f[2,3]"), Sample("f[3,4]", "f[3]", k=1),
           Sample("f[3,4]", "f[2,3]", k=(-1, 0)))  # fmt: skip
def set_diag(
    input: Any, diagonal: Any, name: Any = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """``input`` with its diagonals ``k``, over the last two axes, replaced by ``diagonal``.

    ``k`` and ``align`` are those of ``diag_part``. Raises ArgumentError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.set_diag([[1, 2], [3, 4]], [0, 9]).numpy()
    array([[0, 2],
           [3, 9]], dtype=int32)
    """
    x, band = ranked(input, 2, "set_diag"), _band(k, align, "set_diag")
    line = _packed(written(diagonal, x.dtype, "set_diag"), band, "set_diag")
    rows, cols = x.shape[-2:]
    _inside(band, rows, cols, "set_diag")
    if not band.single and line.shape[-1] != band.longest(rows, cols):
        raise ShapeError(
            f"set_diag: rows of {band.longest(rows, cols)} elements are needed, the shape is "
            f"{show_shape(line.shape)}"
        )
    return _written(line, band, rows, cols, x)


def _sizes(band: _Band, length: Any, num_rows: Any, num_cols: Any) -> tuple[Any, Any]:
    """Rows and columns of a matrix with such diagonals; -1 stands for as few as possible."""
    least = length - min(band.high, 0), length + max(band.low, 0)
    if num_rows == -1 and num_cols == -1:
        size = least[0] if least[0] >= least[1] else least[1]
        return size, size
    rows = least[0] if num_rows == -1 else num_rows
    cols = least[1] if num_cols == -1 else num_cols
    if rows < least[0] or cols < least[1] or (rows > least[0] and cols > least[1]):
        raise ArgumentError(
            f"diag: diagonals of {length} elements do not fill {rows} rows and {cols} columns"
        )
    return rows, cols


@composite(Sample("f[3]"), Sample("f[2,3]"), Sample("f[2]", k=1), Sample("f[2,3]", k=(-1, 0)),
           Sample("f[2]", k=-1, num_rows=3, num_cols=4, padding_value=7.0))  # fmt: skip
def matrix_of_diagonal(
    diagonal: Any, name: Any = "diag", k: Any = 0, num_rows: Any = -1, num_cols: Any = -1,
    padding_value: Any = 0, align: str = "RIGHT_LEFT",
) -> Any:  # fmt: skip
    """Matrices with the last axis on diagonal ``k``, or the rows of the last two axes on those from
    ``k[0]`` to ``k[1]``, and ``padding_value`` elsewhere.

    ``num_rows`` and ``num_cols`` are -1 for as many as are needed, both of them for square
    matrices. ``align`` is that of ``diag_part``. Raises ArgumentError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.matrix_of_diagonal([[1, 2]]).shape
    (1, 2, 2)
    """
    band = _band(k, align, "diag")
    line = _packed(as_tensor(diagonal), band, "diag")
    rows, cols = _sizes(band, line.shape[-1], num_rows, num_cols)
    _inside(band, rows, cols, "diag")
    if band.single and rows == cols and isinstance(padding_value, int) and not padding_value:
        return on_diagonal(line, rows=rows, cols=cols, offset=band.low)
    return _written(line, band, rows, cols, written(padding_value, line.dtype, "diag"))
