"""``tf.math.special``: functions of mathematical physics, as TensorFlow groups them."""

from __future__ import annotations

from twofold.ir.ops import bessel

__all__ = ["special"]


class special:
    """``tf.math.special``: Bessel functions and their like, which stand in ``tf.math``, too.

    >>> import twofold as tf
    >>> tf.math.special.bessel_j0(0.0).item()
    1.0
    """

    bessel_i0, bessel_i0e = bessel.bessel_i0, bessel.bessel_i0e
    bessel_i1, bessel_i1e = bessel.bessel_i1, bessel.bessel_i1e
    bessel_j0, bessel_j1 = bessel.bessel_j0, bessel.bessel_j1
    bessel_k0, bessel_k0e = bessel.bessel_k0, bessel.bessel_k0e
    bessel_k1, bessel_k1e = bessel.bessel_k1, bessel.bessel_k1e
    bessel_y0, bessel_y1 = bessel.bessel_y0, bessel.bessel_y1
    dawsn, expint, spence = bessel.dawsn, bessel.expint, bessel.spence
    fresnel_cos, fresnel_sin = bessel.fresnel_cos, bessel.fresnel_sin
