"""Activation functions of neural networks, element by element, written in ops."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import info
from ..errors import ShapeError
from ..op import Sample, composite
from ..shapes import show_shape
from .compare import greater, greater_equal, less
from .elementwise import abs as magnitude
from .elementwise import minimum, relu, where
from .exponential import expm1, sigmoid, softplus
from .formulas import clip
from .movement import reshape
from .operand import as_inexact, as_tensor, as_tensors
from .special import erfc
from .trigonometric import tanh

__all__ = [
    "bias_add", "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "log_sigmoid", "mish", "relu6", "selu", "silu", "softsign",
]  # fmt: skip

SAMPLE = Sample("f[3,4]")
_FAR = 1e4  # where tails of activations are 0 or 1 in every dtype
# Klambauer et al., "Self-Normalizing Neural Networks" (2017)
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _most(x: Any) -> float:
    """The largest finite number of a floating tensor's dtype."""
    format = info(x.dtype).format
    assert format is not None
    return format.max


def _gated(x: Any, gate: Any, bound: float) -> Any:
    """``x * gate(x)`` for a gate that is 0 below ``-bound`` and 1 above ``bound``.

    At infinity it is its limit, and its slope 0 or 1, where infinity times 0 would be NaN.
    """
    x = where(less(x, -bound), -bound, x)
    return x * gate(where(greater(x, bound), bound, x))


@composite(SAMPLE)
def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``, elementwise; gradient 1 strictly inside (0, 6), else 0.

    >>> import twofold as tf
    >>> tf.nn.relu6([-1.0, 3.0, 8.0]).numpy()
    array([0., 3., 6.], dtype=float32)
    """
    return minimum(6, relu(x))


@composite(SAMPLE, Sample("f[3]", alpha=0.1))
def leaky_relu(x: Any, alpha: Any = 0.2) -> Any:
    """``x`` where ``x > 0``, else ``alpha * x``, elementwise; gradient ``alpha`` at 0.

    >>> import twofold as tf
    >>> tf.nn.leaky_relu([-1.0, 3.0]).numpy()
    array([-0.2,  3. ], dtype=float32)
    """
    x = as_tensor(x)
    return where(greater(x, 0), x, alpha * x)


@composite(SAMPLE, Sample("f[3]", alpha=0.5))
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``, elementwise; gradient alpha at 0.

    >>> import twofold as tf
    >>> tf.nn.elu([0.0, 3.0]).numpy()
    array([0., 3.], dtype=float32)
    """
    x = as_tensor(x)
    return where(greater(x, 0), x, alpha * expm1(x))


@composite(SAMPLE)
def selu(x: Any) -> Any:
    """Scaled ``elu`` whose constants keep mean 0 and variance 1 through layers, elementwise.

    The gradient at 0 is that of the right side, as in TensorFlow.

    >>> import twofold as tf
    >>> tf.nn.selu(1.0).item()
    1.0507010221481323
    """
    x = as_tensor(x)
    small = _SELU_SCALE * _SELU_ALPHA * expm1(x)
    return where(greater_equal(x, 0), _SELU_SCALE * x, small)


@composite(SAMPLE, Sample("f[3]", alpha=0.5))
def celu(x: Any, alpha: Any = 1.0) -> Any:
    """``x`` where ``x > 0``, else ``alpha * (exp(x / alpha) - 1)``, elementwise.

    >>> import twofold as tf
    >>> tf.nn.celu([0.0, 3.0]).numpy()
    array([0., 3.], dtype=float32)
    """
    x = as_tensor(x)
    return where(greater(x, 0), x, alpha * expm1(x / alpha))


@composite(SAMPLE, Sample("f[3,4]", approximate=True))
def gelu(x: Any, approximate: bool = False) -> Any:
    """``x`` times the normal distribution function of ``x``, elementwise.

    ``approximate`` takes the tanh formula of Hendrycks and Gimpel, "Gaussian Error Linear Units"
    (2016), which differs by at most 0.0005.

    >>> import twofold as tf
    >>> tf.nn.gelu([0.0, 1.0]).numpy()
    array([0.       , 0.8413447], dtype=float32)
    """
    x = as_inexact(x)
    if not approximate:
        return _gated(x, lambda y: 0.5 * erfc(y * -math.sqrt(0.5)), _FAR)
    inner = math.sqrt(2 / math.pi)
    return _gated(x, lambda y: 0.5 * (1 + tanh(inner * (y + 0.044715 * (y * y * y)))), _FAR)


@composite(SAMPLE, Sample("f[3]", beta=0.5))
def silu(x: Any, beta: Any = 1.0) -> Any:
    """``x * sigmoid(beta * x)``, elementwise; also called swish.

    >>> import twofold as tf
    >>> tf.nn.silu(0.0).item()
    0.0
    """
    x = as_inexact(x)
    plain = isinstance(beta, float) and beta == 1.0
    return _gated(x, lambda y: sigmoid(y if plain else beta * y), _most(x))


@composite(SAMPLE)
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``, elementwise.

    >>> import twofold as tf
    >>> tf.nn.mish(0.0).item()
    0.0
    """
    return _gated(as_inexact(x), lambda y: tanh(softplus(y)), _FAR)


@composite(SAMPLE)
def softsign(x: Any) -> Any:
    """``x / (1 + abs(x))``, elementwise.

    >>> import twofold as tf
    >>> tf.nn.softsign(1.0).item()
    0.5
    """
    x = as_inexact(x)
    most = _most(x)
    x = where(less(x, -most), -most, where(greater(x, most), most, x))  # 1 at infinity, slope 0
    return x / (1 + magnitude(x))


@composite(SAMPLE)
def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``, elementwise, without overflow.

    >>> import twofold as tf
    >>> tf.nn.log_sigmoid(-1000.0).item()
    -1000.0
    """
    return -softplus(-as_tensor(x))


@composite(SAMPLE)
def hard_sigmoid(x: Any) -> Any:
    """``clip(x / 6 + 1/2, 0, 1)``, elementwise; gradient 0 at the upper end and beyond.

    >>> import twofold as tf
    >>> tf.nn.hard_sigmoid([-4.0, 0.0, 4.0]).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return relu6(as_tensor(x) + 3.0) / 6.0


@composite(SAMPLE)
def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``, elementwise; also called hard swish.

    >>> import twofold as tf
    >>> tf.nn.hard_silu([-4.0, 4.0]).numpy()
    array([-0.,  4.], dtype=float32)
    """
    return _gated(as_inexact(x), hard_sigmoid, _FAR)


@composite(SAMPLE)
def hard_tanh(x: Any) -> Any:
    """``clip(x, -1, 1)``, elementwise.

    >>> import twofold as tf
    >>> tf.nn.hard_tanh([-4.0, 0.5]).numpy()
    array([-1. ,  0.5], dtype=float32)
    """
    return clip(x, -1, 1)


@composite(Sample("f[2,3]", "f[3]"), Sample("f[2,3,4]", "f[3]", data_format="NCW"))
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    """``value`` with ``bias[c]`` added to channel ``c``.

    Channels are the last axis, or the second if the format starts with ``NC``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.nn.bias_add([[1.0, 2.0]], [10.0, 20.0]).numpy()
    array([[11., 22.]], dtype=float32)
    """
    x, bias = as_tensors(value, bias)
    axis = 1 if data_format and data_format.startswith("NC") else -1
    if len(bias.shape) != 1 or len(x.shape) < 2 or x.shape[axis] != bias.shape[0]:
        raise ShapeError(
            f"bias_add: a bias of shape {show_shape(bias.shape)} for the channels of "
            f"{show_shape(x.shape)}"
        )
    if axis == 1:
        bias = reshape(bias, shape=(-1, *[1] * (len(x.shape) - 2)))
    return x + bias
