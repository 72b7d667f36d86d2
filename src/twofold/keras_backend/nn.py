"""``keras.ops.nn``."""

from __future__ import annotations

import math
import warnings
from typing import Any

from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import result_type

import twofold as tf
from twofold.ir.location import user_level
from twofold.ir.ops.classes import at_class

from .activations import *  # noqa: F403
from .activations import log_softmax, softmax
from .core import convert_to_tensor
from .ctc import *  # noqa: F403
from .kinds import together
from .windows import *  # noqa: F403

EPSILON = 1e-7  # what probabilities keep from 0 and 1


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Ones at the positions ``x``; a position outside gives zeros."""
    _dense(sparse)
    x = convert_to_tensor(x, "int32" if not hasattr(x, "dtype") else None)
    if x.dtype.kind not in "iu":
        x = tf.cast(x, "int32")
    return tf.one_hot(x, num_classes, axis=axis, dtype=standardize_dtype(dtype or "float32"))


def multi_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Ones at any of the positions of a row."""
    _dense(sparse)
    x = convert_to_tensor(x)
    over = 1 if len(x.shape) > 1 else 0
    hot = one_hot(tf.cast(x, "int32"), num_classes, axis=axis, dtype=dtype)
    return tf.max(hot, axis=over)


def _dense(sparse: bool) -> None:
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with the twofold backend")


def _same_shape(target: Any, output: Any) -> None:
    if len(target.shape) != len(output.shape) or any(
        a != b for a, b in zip(target.shape, output.shape, strict=True)
    ):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )


def _some_axes(output: Any) -> None:
    if not output.shape:
        raise ValueError(
            f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}"
        )


def _logits(output: Any, from_logits: bool, activation: str) -> tuple[Any, bool]:
    """What Keras's ``softmax`` or ``sigmoid`` was given, where it made an output, as on TensorFlow:
    the logarithm of a share near 0 or 1 is exact, and so is its gradient."""
    logits = getattr(output, "_keras_logits", None)
    if logits is None:
        return output, from_logits
    if from_logits:
        warnings.warn(
            f"a cross entropy has from_logits=True, and {activation} made the output, so that it "
            f"has no logits; those before the {activation} are used",
            stacklevel=user_level(),
        )
    return logits, True


def _log_of(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return log_softmax(output, axis=axis)
    output = output / tf.sum(output, axis=axis, keepdims=True)
    return tf.log(tf.clip(output, EPSILON, 1.0 - EPSILON))


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The cross entropy of shares."""
    output, from_logits = _logits(output, from_logits, "softmax")
    target, output = together(target, output)
    _same_shape(target, output)
    _some_axes(target)
    return -tf.sum(target * _log_of(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The cross entropy for class numbers. One that is negative or not below the number of classes
    raises IndexOutOfBoundsError."""
    output, from_logits = _logits(output, from_logits, "softmax")
    target, output = convert_to_tensor(target, "int32"), convert_to_tensor(output)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = tf.squeeze(target, axis=-1)
    _some_axes(output)
    if len(target.shape) != len(output.shape[:-1]):
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    for a, b in zip(target.shape, output.shape[:-1], strict=True):
        if a != b:
            raise ValueError(
                "Arguments `target` and `output` must have the same shape up until the last "
                f"dimension: target.shape={target.shape}, output.shape={output.shape}"
            )
    return -at_class(_log_of(output, from_logits, axis), target, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross entropy of two classes, element by element."""
    output, from_logits = _logits(output, from_logits, "sigmoid")
    target, output = together(target, output)
    _same_shape(target, output)
    if from_logits:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=output)
    output = tf.clip(output, EPSILON, 1.0 - EPSILON)
    return -(target * tf.log(output) + (1.0 - target) * tf.log(1.0 - output))


def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Any, Any]:
    """Mean and variance over axes; float16 in float32."""
    if synchronized:
        raise NotImplementedError("Argument synchronized=True is not supported with twofold.")
    x = convert_to_tensor(x)
    own = standardize_dtype(x.dtype)
    x = tf.cast(x, "float32") if own == "float16" else x
    axes = tuple(axes) if isinstance(axes, list | tuple) else axes
    found = tf.mean(x, axis=axes, keepdims=keepdims), tf.var(x, axis=axes, keepdims=keepdims)
    if own == "float16":
        most = float(tf.finfo(tf.float16).max)
        return tuple(tf.cast(tf.clip(v, -most, most), own) for v in found)  # type: ignore[return-value]
    return found


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:  # fmt: skip
    """``x`` less the mean, over the deviation, with scale and offset, along an axis."""
    x = convert_to_tensor(x)
    shape: list[Any] = [1] * len(x.shape)
    shape[axis] = -1
    mean, variance = (tf.reshape(convert_to_tensor(v), shape) for v in (mean, variance))
    factor = tf.rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * tf.reshape(convert_to_tensor(scale), shape)
    shift = -mean * factor
    if offset is not None:
        shift = shift + tf.reshape(convert_to_tensor(offset), shape)
    return x * tf.cast(factor, x.dtype) + tf.cast(shift, x.dtype)


def psnr(x1: Any, x2: Any, max_val: Any) -> Any:
    """The peak signal-to-noise ratio in decibels."""
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(f"Input shapes {a.shape} and {b.shape} must match for PSNR calculation. ")
    most = convert_to_tensor(max_val, standardize_dtype(b.dtype))
    return 20 * tf.log10(most) - 10 * tf.log10(tf.mean(tf.square(a - b)))


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None,
    is_causal: bool = False, flash_attention: Any = None, attn_logits_soft_cap: Any = None,
) -> Any:  # fmt: skip
    """Attention of (batch, time, heads, features), several heads of queries for one of keys.

    ``flash_attention`` asks for a way of computing, not for other numbers, and is taken as a hint.
    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """
    query, key, value = together(query, key, value)
    if len(query.shape) != 4:
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    own = standardize_dtype(key.dtype)
    compute = result_type(own, "float32")
    heads, shared = int(query.shape[2]), int(key.shape[2])
    if heads != shared:
        key, value = (tf.repeat(v, heads // shared, axis=2) for v in (key, value))
    factor = 1.0 / math.sqrt(int(key.shape[-1])) if scale is None else scale
    q, k, v = (tf.transpose(t, perm=(0, 2, 1, 3)) for t in (query, key, value))
    q, k = tf.cast(q, compute), tf.cast(k, compute)  # products of halves are not rounded to them
    logits = tf.matmul(q, k, transpose_b=True) * factor
    if attn_logits_soft_cap is not None:
        logits = tf.tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    if bias is not None:
        logits = logits + tf.cast(convert_to_tensor(bias), compute)
    low = -0.7 * (65500.0 if compute == "float16" else 3.38953e38)
    if mask is not None:
        logits = tf.where(convert_to_tensor(mask, "bool"), logits, low)
    if is_causal:
        rows = tf.expand_dims(tf.range(logits.shape[2]), axis=1)
        logits = tf.where(rows >= tf.range(logits.shape[3]), logits, low)
    shares = tf.cast(softmax(logits, axis=-1), own)
    return tf.transpose(tf.matmul(shares, v), perm=(0, 2, 1, 3))


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels as blocks of pixels."""
    x = convert_to_tensor(x)
    if data_format == "channels_first":
        back = depth_to_space(tf.moveaxis(x, 1, -1), block_size)
        return tf.moveaxis(back, -1, 1)
    n, h, w, c = x.shape
    b = block_size
    parts = tf.reshape(x, (n, h, w, b, b, c // (b * b)))
    parts = tf.transpose(parts, perm=(0, 1, 3, 2, 4, 5))
    return tf.reshape(parts, (n, h * b, w * b, c // (b * b)))


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks of pixels as channels."""
    x = convert_to_tensor(x)
    if data_format == "channels_first":
        back = space_to_depth(tf.moveaxis(x, 1, -1), block_size)
        return tf.moveaxis(back, -1, 1)
    n, h, w, c = x.shape
    b = block_size
    parts = tf.reshape(x, (n, h // b, b, w // b, b, c))
    parts = tf.transpose(parts, perm=(0, 1, 3, 2, 4, 5))
    return tf.reshape(parts, (n, h // b, w // b, b * b * c))


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """The windows of an image (channels first) as columns."""
    x = convert_to_tensor(input)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_two, (kernel_size, dilation, padding, stride))
    n, c, h, w = x.shape
    x = tf.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)]) if ph or pw else x
    oh, ow = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    parts = [
        x[:, :, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return tf.reshape(tf.stack(parts, axis=2), (n, c * kh * kw, oh * ow))


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Any:  # fmt: skip
    """The sum of windows, given as columns, at their places in an image."""
    x = convert_to_tensor(x)
    (oh, ow), (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(
        _two, (output_size, kernel_size, dilation, padding, stride)
    )
    n = x.shape[0]
    c = x.shape[1] // (kh * kw)
    height, width = oh + 2 * ph, ow + 2 * pw
    rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    parts = tf.reshape(x, (n, c, kh, kw, rows, columns))
    places = [
        ((i * dh + r * sh) * width + j * dw + s * sw)
        for i in range(kh) for j in range(kw) for r in range(rows) for s in range(columns)
    ]  # fmt: skip
    flat = tf.reshape(parts, (n, c, kh * kw * rows * columns))
    out = tf.scatter_add(
        tf.zeros((n, c, height * width), x.dtype), tf.constant(places, "int32"), flat, axis=2
    )
    out = tf.reshape(out, (n, c, height, width))
    return out[:, :, ph : ph + oh, pw : pw + ow]
