"""Normal numbers from uniform ones, by arithmetic that gives the same bits everywhere.

Box and Muller's method (1958): the radius is the root of twice a negative logarithm, the angle is
uniform. Only ``+ - * /``, square roots and comparisons take part, which IEEE 754 rounds in one way,
in an order that is written here once: for Python's numbers, for arrays, and for kernels, which
bring a ``Numbers`` of their own. So a draw is the same on every CPU and in every mode.

The logarithm is the series of 2 atanh(f / (2 + f)) (Tang 1990); sine and cosine of a part of a turn
are Taylor polynomials on an eighth of it to both sides. Both are within two units in the last
place.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

__all__ = ["LOG", "Numbers", "normal_pair", "normal_pairs"]

# (2 atanh(s) - 2 s) / s**3 in s*s for abs(s) < 0.1716, error 2**-58.5: a minimax polynomial
# (weighted Lawson fit at 400 bits), rounded coefficient by coefficient.
LOG = (
    0.6666666666666734,
    0.39999999999416624,
    0.2857142874203854,
    0.22222198603249543,
    0.1818356298295056,
    0.15314080537506958,
    0.14795685451101676,
)
# (-1)**k (pi/2)**(2k+1) / (2k+1)! from k = 0, and (-1)**k (pi/2)**2k / (2k)! from k = 1.
SIN = (
    1.5707963267948966, -0.6459640975062463, 0.07969262624616705, -0.004681754135318688,
    0.00016044118478735983, -3.598843235212085e-06, 5.692172921967927e-08, -6.688035109811468e-10,
)  # fmt: skip
COS = (
    -1.2337005501361697, 0.25366950790104803, -0.02086348076335296, 0.0009192602748394266,
    -2.5202042373060607e-05, 4.710874778818172e-07, -6.386603083791852e-09, 6.565963114979473e-11,
)  # fmt: skip
ROOT_HALF = 0.7071067811865476
# ln 2 in two parts; every multiple of the first that occurs is exact (fdlibm).
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
BLOCK = 4096  # pairs that are computed at a time, and stay in cache
FEW = 16  # pairs that Python's numbers compute faster than arrays


class Numbers(Protocol):
    """What the arithmetic of some kind of numbers is, beside its operators."""

    def choose(self, test: Any, then: Any, otherwise: Any, /) -> Any:
        """One of two numbers."""

    def sqrt(self, x: Any, /) -> Any: ...

    def floor(self, x: Any, /) -> Any: ...

    def split(self, x: Any, /) -> tuple[Any, Any]:
        """(m, e) with x = m * 2**e and m from 1/2 to 1."""


def normal_pair(n: Numbers, first: Any, second: Any) -> tuple[Any, Any]:
    """Two independent normal numbers from two uniform ones in [0, 1), multiples of 2**-53."""
    radius = n.sqrt((0.0 - _log(n, 1.0 - first)) * 2.0)
    cos, sin = _circle(n, second)
    return radius * cos, radius * sin


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """c[0] + c[1] * x + ..., by Horner's rule."""
    total = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        total = total * x + c
    return total


def _log(n: Numbers, x: Any) -> Any:
    """The natural logarithm of a multiple of 2**-53 up to 1."""
    m, e = n.split(x)
    low = m < ROOT_HALF
    f = n.choose(low, m + m, m) - 1.0
    e = n.choose(low, e - 1.0, e)
    s = f / (f + 2.0)
    z = s * s
    half = f * f * 0.5
    rest = s * (z * _polynomial(z, LOG) + half) + e * LN2_LOW
    return e * LN2_HIGH + (f - (half - rest))


def _circle(n: Numbers, turn: Any) -> tuple[Any, Any]:
    """Cosine and sine of a part of a turn."""
    quarters = turn * 4.0
    q = n.floor(quarters + 0.5)
    r = quarters - q
    z = r * r
    s, c = r * _polynomial(z, SIN), z * _polynomial(z, COS) + 1.0
    odd, half = q - n.floor(q * 0.5) * 2.0 > 0.5, q - n.floor(q * 0.25) * 4.0 > 1.5
    turned = n.choose(odd, s, c)
    other = n.choose(odd, c, s)
    back = n.floor((q + 1.0) * 0.5)
    back = back - n.floor(back * 0.5) * 2.0 > 0.5
    return n.choose(back, -turned, turned), n.choose(half, -other, other)


class _Python:
    sqrt = staticmethod(math.sqrt)

    @staticmethod
    def floor(x: float) -> float:
        return float(math.floor(x))

    @staticmethod
    def choose(test: bool, then: float, otherwise: float) -> float:
        return then if test else otherwise

    @staticmethod
    def split(x: float) -> tuple[float, float]:
        m, e = math.frexp(x)
        return m, float(e)


class _Arrays:
    choose = staticmethod(np.where)
    sqrt = staticmethod(np.sqrt)
    floor = staticmethod(np.floor)

    @staticmethod
    def split(x: Any) -> tuple[Any, Any]:
        m, e = np.frexp(x)
        return m, e.astype(np.float64)


def normal_pairs(first: Any, second: Any) -> Any:
    """``float64[2, n]``: normal numbers from two arrays of ``n`` uniform ones.

    >>> normal_pairs(np.array([0.5]), np.array([0.0]))
    array([[1.17741002],
           [0.        ]])
    """
    out = np.empty((2, first.size))
    if first.size <= FEW:
        for i, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            out[:, i] = normal_pair(_Python(), *pair)
        return out
    for start in range(0, first.size, BLOCK):
        part = slice(start, start + BLOCK)
        out[0, part], out[1, part] = normal_pair(_Arrays(), first[part], second[part])
    return out
