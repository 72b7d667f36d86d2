"""The rows of the table of names that write parameters as TensorFlow does, in its order.

Key: the public names, with a space between; value: the op, and the parameters, as
``api/spelling.py`` reads them. What follows the ``*`` is the array API's alone. A name of
TensorFlow that is not here has the op's own parameters. Each call takes ``name=``, which means
nothing.
"""

from __future__ import annotations

__all__ = ["TENSORFLOW"]

_REDUCED = "input_tensor: x, axis=None, keepdims=False, name=None"
_SPREAD = f"{_REDUCED}, *, correction=0"
_PLACE = "input: x, axis=None, output_type: out='int64', name=None, *, keepdims=False"
_INPUT = "input: x, name=None"
_FEATURES = "features: x, name=None"
_LOGITS = "logits: x, axis: (axis, -1)=None, name=None"
_TENSOR = "tensor: x, name=None"
_GATHERED = "params: x, indices, validate_indices=None"
_NORMAL = "shape, seed, mean=0.0, stddev=1.0, dtype='float32', name=None, alg: unused='auto_select'"
_ND = "input_tensor: x, fft_length: s=None, axes=None, norm: (norm, 'backward')=None, name=None"
_SCATTERED = "tensor: x, indices, updates: 'tensor', name=None"
_SWISH = "features: x, beta=1.0"

_ROWS: dict[str, tuple[str, str]] = {
    # reductions
    "reduce_sum math.reduce_sum": ("sum", _REDUCED),
    "reduce_prod math.reduce_prod": ("prod", _REDUCED),
    "reduce_max math.reduce_max": ("max", _REDUCED),
    "reduce_min math.reduce_min": ("min", _REDUCED),
    "reduce_mean math.reduce_mean": ("mean", _REDUCED),
    "reduce_any math.reduce_any": ("any", _REDUCED),
    "reduce_all math.reduce_all": ("all", _REDUCED),
    "reduce_logsumexp math.reduce_logsumexp": ("logsumexp", _REDUCED),
    "reduce_std math.reduce_std": ("std", _SPREAD),
    "reduce_variance math.reduce_variance": ("var", _SPREAD),
    "reduce_euclidean_norm math.reduce_euclidean_norm": ("vector_norm", _REDUCED),
    "argmax math.argmax": ("argmax", _PLACE),
    "argmin math.argmin": ("argmin", _PLACE),
    "count_nonzero math.count_nonzero": (
        "count_nonzero",
        "input: x, axis=None, keepdims: (keepdims, False)=None, dtype: out='int64', name=None",
    ),
    # elementwise
    "angle math.angle": ("angle", _INPUT),
    "complex": ("complex", "real: re, imag: im, name=None"),
    "imag math.imag": ("imag", _INPUT),
    "real math.real": ("real", _INPUT),
    "identity": ("identity", _INPUT),
    "stop_gradient": ("stop_gradient", _INPUT),
    "nextafter math.nextafter": ("nextafter", "x1: x, x2: y, name=None"),
    "clip_by_value": ("clip", "t: x, clip_value_min: min, clip_value_max: max, name=None"),
    "math.softplus nn.softplus": ("softplus", _FEATURES),
    "math.softsign nn.softsign": ("softsign", _FEATURES),
    "math.accumulate_n": (
        "add_n",
        "inputs, shape: unused=None, tensor_dtype: unused=None, name=None",
    ),
    "math.polygamma": ("polygamma", "a: order, x, name=None"),
    # shapes and places
    "broadcast_to": ("broadcast_to", "input: x, shape, name=None"),
    "expand_dims": ("expand_dims", "input: x, axis=0, name=None"),
    "squeeze": ("squeeze", "input: x, axis=None, name=None"),
    "rank": ("rank", _INPUT),
    "shape": ("shape", "input: x, out_type: (out_type, 'int32')=None, name=None"),
    "size": ("size", "input: x, out_type: (out_type, 'int32')=None, name=None"),
    "slice": ("slice", "input_: x, begin, size, name=None"),
    "concat": ("concat", "values: xs, axis=0, name='concat'"),
    "stack": ("stack", "values: xs, axis=0, name='stack'"),
    "unstack": ("unstack", "value: x, num=None, axis=0, name='unstack'"),
    "tile": ("tile", "input: x, multiples: reps, name=None"),
    "repeat": ("repeat", "input: x, repeats, axis=None, name=None"),
    "roll": ("roll", "input: x, shift, axis=None, name=None"),
    "reverse": ("flip", "tensor: x, axis, name=None"),
    "pad": ("pad", "tensor: x, paddings, mode='CONSTANT', constant_values=0, name=None"),
    "fill": ("fill", "dims, value, name=None, layout=None"),
    "boolean_mask": ("boolean_mask", "tensor: x, mask, axis: (axis, 0)=None, name='boolean_mask'"),
    "gather": (
        "gather",
        f"{_GATHERED}, axis: (axis, batch_dims)=None, batch_dims=0, name=None",
    ),
    "tensor_scatter_nd_update": ("tensor_scatter_nd_update", _SCATTERED),
    **{
        f"tensor_scatter_nd_{name}": (
            f"tensor_scatter_nd_{name}",
            "tensor: tensor, indices, updates: 'tensor', bad_indices_policy: only='', name=None",
        )
        for name in ("sub", "max", "min")
    },
    "scatter_nd": (
        "scatter_nd",
        "indices, updates, shape, bad_indices_policy: only='', name=None",
    ),
    "tensor_scatter_nd_add": (
        "tensor_scatter_nd_add",
        "tensor: x, indices, updates: 'tensor', bad_indices_policy: only='', name=None",
    ),
    "one_hot nn.one_hot": (
        "one_hot",
        "indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype=None, name=None",
    ),
    "histogram_fixed_width": (
        "histogram_fixed_width",
        "values, value_range, nbins=100, dtype: out='int32', name=None",
    ),
    # order
    # products
    "tensordot linalg.tensordot": ("tensordot", "a: x1, b: x2, axes=2, name=None"),
    "linalg.cross": ("cross", "a: x1, b: x2, name=None, *, axis=-1"),
    # linear algebra
    "norm linalg.norm": ("norm", "tensor, ord='euclidean', axis=None, keepdims=None, name=None"),
    "linalg.cholesky": ("cholesky", "input: x, name=None, *, upper=False"),
    "linalg.det": ("det", _INPUT),
    "linalg.slogdet": ("slogdet", _INPUT),
    "linalg.expm": ("expm", _INPUT),
    "linalg.logm": ("logm", _INPUT),
    "linalg.sqrtm matrix_square_root": ("sqrtm", _INPUT),
    "linalg.eig eig": ("eig", _TENSOR),
    "linalg.eigh": ("eigh", _TENSOR),
    "linalg.eigvals eigvals": ("eigvals", _TENSOR),
    "linalg.eigvalsh": ("eigvalsh", _TENSOR),
    "linalg.lstsq": (
        "lstsq",
        "matrix: a, rhs: b, l2_regularizer=0.0, fast=True, name=None, *, rcond=None",
    ),
    "linalg.triangular_solve": (
        "triangular_solve",
        "matrix: a, rhs: b, lower=True, adjoint=False, name=None",
    ),
    "math.l2_normalize linalg.l2_normalize nn.l2_normalize": (
        "l2_normalize",
        "x, axis=None, epsilon=1e-12, name=None, dim: only=None",
    ),
    # activations and normalisation
    "nn.bias_add": ("bias_add", "value, bias, data_format=None, name=None"),
    "nn.elu": ("elu", f"{_FEATURES}, *, alpha=1.0"),
    "nn.gelu": ("gelu", "features: x, approximate=False, name=None"),
    "nn.leaky_relu": ("leaky_relu", "features: x, alpha=0.2, name=None"),
    "nn.relu": ("relu", _FEATURES),
    "nn.relu6": ("relu6", _FEATURES),
    "nn.selu": ("selu", _FEATURES),
    "nn.silu nn.swish": ("silu", _SWISH),
    "nn.l2_loss": ("l2_loss", "t: x, name=None"),
    "nn.softmax math.softmax": ("softmax", _LOGITS),
    "nn.log_softmax math.log_softmax": ("log_softmax", _LOGITS),
    "nn.moments": ("moments", "x, axes, shift: unused=None, keepdims=False, name=None"),
    # transforms and images
    "signal.fft": ("fft", _INPUT),
    "signal.ifft": ("ifft", _INPUT),
    "signal.fft2d": ("fft2", _INPUT),
    "signal.ifft2d": ("ifft2", _INPUT),
    "signal.rfft2d": ("rfft2", "input_tensor: x, fft_length: s=None, name=None"),
    "signal.irfft2d": ("irfft2", "input_tensor: x, fft_length: s=None, name=None"),
    "signal.fftnd": ("fftn", _ND),
    "signal.ifftnd": ("ifftn", _ND),
    "signal.rfftnd": ("rfftn", _ND),
    "signal.irfftnd": ("irfftn", _ND),
    "fftnd": ("fftn", "input: x, fft_length: s, axes=None, name=None"),
    "ifftnd": ("ifftn", "input: x, fft_length: s, axes=None, name=None"),
    "rfftnd": ("rfftn", "input: x, fft_length: s, axes=None, Tcomplex: unused=None, name=None"),
    "irfftnd": ("irfftn", "input: x, fft_length: s, axes=None, Treal: unused=None, name=None"),
    "signal.fftshift": ("fftshift", "x, axes=None, name=None"),
    "signal.ifftshift": ("ifftshift", "x, axes=None, name=None"),
    "image.transpose": ("image_transpose", "image, name=None"),
    # random numbers
    "random.stateless_uniform": (
        "stateless_uniform",
        "shape, seed, minval=0, maxval=None, dtype='float32', name=None, alg: unused='auto_select'",
    ),
    "random.stateless_normal": (
        "stateless_normal",
        "shape, seed, mean=0.0, stddev=1.0, dtype='float32', name=None, alg: unused='auto_select'",
    ),
    "random.stateless_truncated_normal": (
        "stateless_truncated_normal",
        "shape, seed, mean=0.0, stddev=1.0, dtype='float32', name=None, alg: unused='auto_select'",
    ),
    "random.stateless_categorical": (
        "stateless_categorical",
        "logits, num_samples, seed, dtype: out='int64', name=None",
    ),
    "random.fold_in": ("stateless_fold_in", "seed, data, alg: unused='auto_select'"),
    "random.split": ("stateless_split", "seed, num=2, alg: unused='auto_select'"),
}

# Public name -> op and parameters.
TENSORFLOW: dict[str, tuple[str, str]] = {
    name: row for names, row in _ROWS.items() for name in names.split()
}
