"""erf and erfc.

erf: a polynomial in x*x below 1; above, 1 - exp(-q(x)) with q a polynomial of -log(erfc(x)).
erfc: exp(-x*x) p(t) / (1 + 2 x), t = (x - k) / (x + k), which keeps full relative accuracy down
to underflow (Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x),
1981); the rounding error of x*x is carried. Coefficients are this project's own: weighted Lawson
fit at 400 bits, rounded one by one.
"""

from __future__ import annotations

from ..lanes import Value
from .arithmetic import fma, power_of_two, scale_by_power, select, two_product
from .exponential import exp_reduced, expm1_reduced, reduce_ln2
from .registry import math_function

# erf(x) / x - 1 in x*x, |x| <= 1; errors 2**-29.5 and 2**-56.2.
ERF_F32 = (
    0.12837916612625122,
    -0.3761262893676758,
    0.11283618211746216,
    -0.026855122298002243,
    0.005190716590732336,
    -0.0008030509343370795,
    7.91918791946955e-05,
)
ERF_F64 = (
    0.1283791670955126,
    -0.3761263890318409,
    0.11283791670970948,
    -0.0268661706480384,
    0.00522397765310444,
    -0.0008548328577468406,
    0.00012055388300997426,
    -1.4926944639800692e-05,
    1.6482250033863338e-06,
    -1.6571423814284667e-07,
    1.6119299126222864e-08,
    -1.690880062645639e-09,
    1.514600517178641e-10,
)
# -log(erfc(x)) on [1, 4] and [1, 6]; erf errors 2**-29.8 and 2**-59.6.
ERF_TAIL_F32 = (
    0.0003514590789563954,
    1.1270487308502197,
    0.6382120251655579,
    0.10304856300354004,
    -0.021810371428728104,
    0.002940797246992588,
    -0.00018568815721664578,
)
ERF_TAIL_F64 = (
    1.8653685257994058e-07,
    1.1283772604643714,
    0.6366288078188833,
    0.10274633708856862,
    -0.0190763340240433,
    -0.0002831581206589788,
    0.0017719852208024909,
    -0.0006437753386721919,
    4.6616806899122614e-05,
    6.938137607808613e-05,
    -4.4605521541301774e-05,
    1.636321250483584e-05,
    -4.285467369084342e-06,
    8.416348912506896e-07,
    -1.2423952060726565e-07,
    1.3449969237349183e-08,
    -1.0109333183993956e-09,
    4.7197409190606995e-11,
    -1.0312763370018888e-12,
)
# (1 + 2x) exp(x*x) erfc(x) on [0.97, 10.1] with k = 2, on [0.45, 27.3] with k = 4;
# relative errors 2**-27.3 and 2**-54.6.
ERFC_F32 = (
    1.2769783735275269,
    -0.09276382625102997,
    -0.1660296618938446,
    0.16405054926872253,
    -0.05423366278409958,
    -0.00800725631415844,
    0.008798775263130665,
    0.0010457005118951201,
    -0.0014857081696391106,
)
ERFC_F64 = (
    1.2329951186255526,
    -0.13962111684056228,
    0.01537965210261009,
    0.06809705425462277,
    -0.10103906603572665,
    0.09373283500150298,
    -0.06633036582624159,
    0.03716751547879794,
    -0.01619773388484904,
    0.005031970558623586,
    -0.0007577745107527484,
    -0.00019926010773548496,
    0.00015062694111848593,
    -2.4386665256626588e-05,
    -1.123618845967204e-05,
    5.680464048662483e-06,
    3.1731967034516413e-07,
    -7.830359019521545e-07,
    5.183102449488202e-08,
    7.462117093115053e-08,
    -6.715715884093068e-09,
)


def erf_quotient(x: Value) -> Value:
    """erf(x) / x - 1 for |x| <= 1."""
    return (x * x).polynomial(x.pick(ERF_F32, ERF_F64))


@math_function("erf", ulp_f32=1.5, ulp_f64=1.5)
def erf(x: Value) -> Value:
    """The error function 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""
    a = abs(x)
    limit = x.pick(4.0, 6.0)
    q = select(a > limit, limit, a).polynomial(x.pick(ERF_TAIL_F32, ERF_TAIL_F64))
    r, n = reduce_ln2(-q)
    large = 1.0 - exp_reduced(r) * power_of_two(n)
    return select(a < 1.0, fma(a, erf_quotient(a), a), large).with_sign(x)


@math_function("erfc", ulp_f32=3.5, ulp_f64=3.5)
def erfc(x: Value) -> Value:
    """1 - erf(x) without cancellation; underflows gradually above 9.2 / 26.5."""
    limit, k = x.pick((10.1, 2.0), (27.3, 4.0))
    a = abs(x)
    a = select(a > limit, limit, a)
    square, rest = two_product(a, a)
    r, n = reduce_ln2(-square)
    t = (a - k) / (a + k)
    scaled = t.polynomial(x.pick(ERFC_F32, ERFC_F64)) / fma(a, 2.0, 1.0)
    # exp(r) * scaled with one rounding fewer than the product.
    tail = scale_by_power(fma(expm1_reduced(r - rest), scaled, scaled), n)
    # Up to 1 the quotient is below 0.16 and 1 - x is exact above 1/2: almost one rounding.
    small = fma(-x, erf_quotient(x), 1.0 - x)
    return select(a < 1.0, small, select(x < 0.0, 2.0 - tail, tail))
