"""The table of public names: which op, function or class each name of ``tf`` means.

A public op or composite is exported under its own name, by the file it stands in (``FAMILIES``):
a new one appears without an edit here. ``ALIASES`` gives further names to ops (``tensorflow.py``
those with TensorFlow's parameters), ``OBJECTS`` names what is not an op. There is no second
implementation behind any name.
"""

from __future__ import annotations

from typing import NamedTuple

from .tensorflow import TENSORFLOW

__all__ = ["ALIASES", "FAMILIES", "MODULES", "NAMESPACES", "OBJECTS", "Alias"]

# The modules of the face: ``tf.math`` is the file ``math.py``.
NAMESPACES: tuple[str, ...] = (
    "autodiff", "bitwise", "config", "debugging", "dtypes", "fft", "image", "linalg", "math", "nn",
    "random", "saved_model", "signal", "summary", "train",
)  # fmt: skip

# Modules of a floor that are public as they stand.
MODULES: dict[str, str] = {
    "autograph": "twofold.autograph",
    "data": "twofold.data",
    "errors": "twofold.ir.errors",
    "experimental": "twofold.experimental",
    "io": "twofold.io",
    "keras": "twofold.keras",
    "nest": "twofold.nest",
    "strings": "twofold.strings",
    "version": "twofold.version",
}

# A file of ``ir/ops`` -> the namespaces of its ops; "" is ``tf`` itself, and what is not listed.
FAMILIES: dict[str, tuple[str, ...]] = {
    "activations": ("nn",),
    "attention": ("nn",),
    "banded": ("linalg",),
    "bands": ("linalg",),
    "bessel": ("math",),
    "bitwise": ("", "bitwise"),
    "blocks": ("nn",),
    "compare": ("", "math"),
    "colours": ("image",),
    "complexes": ("", "math"),
    "contract": ("", "linalg"),
    "convolution": ("nn",),
    "counting": ("", "math"),
    "cumulative": ("", "math"),
    "diagonal_bands": ("linalg",),
    "distributions": ("random",),
    "dropping": ("nn",),
    "elementwise": ("", "math"),
    "exponential": ("", "math"),
    "factor": ("linalg",),
    "formulas": ("", "math"),
    "fourier": ("fft",),
    "images": ("image",),
    "incomplete": ("math",),
    "isotonic": ("nn",),
    "linear": ("linalg",),
    "losses": ("nn",),
    "matrix_functions": ("linalg",),
    "morphology": ("nn",),
    "nn": ("nn",),
    "numeric": ("", "math"),
    "overlapped": ("signal",),
    "random": ("random",),
    "recurrent": ("nn",),
    "reduce": ("", "math"),
    "rounding": ("", "math"),
    "running": ("", "math"),
    "scattering": ("", "math"),
    "segment": ("", "math"),
    "signals": ("signal",),
    "solving": ("linalg",),
    "special": ("", "math"),
    "statistics": ("", "math"),
    "suppression": ("image",),
    "transposed": ("nn",),
    "trigonometric": ("", "math"),
}


class Alias(NamedTuple):
    """Another name of an op; ``signature``: how its callers write the parameters, if otherwise than
    the op does (``api/spelling.py`` reads it)."""

    op: str
    signature: str = ""


def _both(name: str, op: str) -> dict[str, Alias]:
    """A name in ``tf`` and in ``tf.math``."""
    return {name: Alias(op), f"math.{name}": Alias(op)}


ALIASES: dict[str, Alias] = {
    # array API names
    **_both("conj", "conjugate"),
    **_both("pow", "power"),
    "linalg.adjoint": Alias("adjoint_of"),
    "linalg.cond": Alias("condition_number"),
    "linalg.diag": Alias("matrix_of_diagonal"),
    "linalg.diagonal": Alias("matrix_diagonal"),
    "linalg.vector_norm": Alias("vector_norm"),
    # TensorFlow names
    **{name: Alias(*row) for name, row in TENSORFLOW.items()},
    **_both("truediv", "divide"),
    **_both("floordiv", "floor_divide"),
    **_both("truncatemod", "fmod"),
    "math.rint": Alias("round"),
    "realdiv": Alias("divide"),
    "nn.lrn": Alias("local_response_normalization"),
    **_both("mod", "remainder"),
    **_both("floormod", "remainder"),
    **_both("is_nan", "isnan"),
    **_both("is_inf", "isinf"),
    **_both("is_finite", "isfinite"),
    "math.invert": Alias("bitwise_invert"),
    "bitwise.invert": Alias("bitwise_invert"),
    "bitwise.left_shift": Alias("bitwise_left_shift"),
    "bitwise.right_shift": Alias("bitwise_right_shift"),
    "linalg.einsum": Alias("einsum"),
    "kron": Alias("kron"),
    "math.sobol_sample": Alias("sobol_sample"),
    # activations and losses that live elsewhere, or are wanted in two places
    "logsumexp": Alias("logsumexp"),
    "nn.in_top_k": Alias("in_top_k"),
    "nn.zero_fraction": Alias("zero_fraction"),
    "space_to_batch": Alias("space_to_batch"),
    "space_to_batch_nd": Alias("space_to_batch_nd"),
    "batch_to_space": Alias("batch_to_space"),
    "math.logsumexp": Alias("logsumexp"),
    "math.log_sigmoid": Alias("log_sigmoid"),
    "nn.sigmoid": Alias("sigmoid"),
    "nn.tanh": Alias("tanh"),
}

_CREATION = ("asarray", "constant", "convert_to_tensor", "from_dlpack", "is_tensor")
_ARRAYS = (
    "arange", "astype", "broadcast_arrays", "broadcast_shapes", "empty", "empty_like", "eye",
    "full", "full_like", "linspace", "ones", "ones_like", "prod", "reshape", "searchsorted", "sum",
    "zeros", "zeros_like",
)  # fmt: skip
_WIDER = (
    "argsort", "gather_nd", "matmul", "sort", "split", "strided_slice", "transpose", "where",
    *(f"linalg.{name}" for name in (
        "inv", "matmul", "matrix_rank", "matrix_transpose", "matvec", "pinv", "qr", "solve", "svd",
    )),
    "math.top_k", "nn.top_k", "signal.inverse_stft_window_fn", "signal.irfft",
    "signal.rfft",
)  # fmt: skip
_NEURAL = (
    "approx_max_k", "approx_min_k", "collapse_repeated", "compute_average_loss", "ctc_loss",
    "dropout", "experimental", "scale_regularization_loss",
)  # fmt: skip
_SMALL = (
    "IndexedSlices", "broadcast_dynamic_shape", "broadcast_static_shape", "clip_by_global_norm",
    "constant_initializer", "ensure_shape", "executing_eagerly", "get_current_name_scope",
    "grad_pass_through", "identity_n", "numpy_function", "py_function",
    "no_op", "ones_initializer", "random_normal_initializer", "random_uniform_initializer",
    "recompute_grad", "required_space_to_batch_paddings", "saturate_cast", "timestamp", "unique",
    "unique_with_counts", "unravel_index", "vectorized_map", "zeros_initializer",
)  # fmt: skip
_PICTURES = (
    "decode_and_crop_jpeg", "decode_bmp", "decode_gif", "decode_image", "decode_jpeg",
    "decode_png", "decode_webp", "encode_jpeg", "encode_png", "extract_jpeg_shape", "is_jpeg",
)  # fmt: skip
_CHANGES = (
    "brightness", "contrast", "crop", "flip_left_right", "flip_up_down", "hue", "saturation",
)  # fmt: skip
_CONTROL = ("case", "cond", "switch_case", "while_loop")
_DTYPES = (
    "as_dtype", "bfloat16", "bool", "can_cast", "complex64", "complex128", "double", "finfo",
    "float8_e4m3fn", "float8_e5m2", "float16", "float32", "float64", "half", "iinfo", "int8",
    "int16", "int32", "int64", "isdtype", "result_type", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip
_GENERATORS = (
    "Algorithm", "Generator", "bernoulli", "beta", "binomial", "categorical", "choice",
    "create_rng_state", "gamma", "get_global_generator", "normal", "permutation", "poisson",
    "set_global_generator", "set_seed", "shuffle", "truncated_normal", "uniform",
)  # fmt: skip

# Dotted public name -> "module:attribute" of what it names.
OBJECTS: dict[str, str] = {
    "GradientTape": "twofold.runtime.tape:GradientTape",
    "autodiff.ForwardAccumulator": "twofold.runtime.forward:ForwardAccumulator",
    "autodiff.GradientTape": "twofold.runtime.tape:GradientTape",
    "DType": "numpy:dtype",
    "Tensor": "twofold.runtime.tensor:Tensor",
    "TensorArray": "twofold.api.tensor_array:TensorArray",
    "TensorShape": "twofold.ir.tensor_shape:TensorShape",
    "TensorSpec": "twofold.compiler.spec:TensorSpec",
    "UnconnectedGradients": "twofold.runtime.tape:UnconnectedGradients",
    "Variable": "twofold.runtime.variable:Variable",
    "function": "twofold.compiler.decorator:function",
    "__array_namespace_info__": "twofold.api.arrays:array_namespace_info",
    **{name: f"twofold.api.arrays:{name}" for name in _ARRAYS},
    **{f"math.{name}": f"twofold.api.arrays:{name}" for name in ("prod", "sum")},
    **{name: f"twofold.api.wider:{name.rpartition('.')[2]}" for name in _WIDER},
    "linalg.matrix_solve": "twofold.api.wider:solve",
    "linalg.eye": "twofold.api.arrays:eye",
    "range": "twofold.api.wider:range_",
    **{f"nn.{name}": f"twofold.api.neural:{name}" for name in _NEURAL},
    **{name: f"twofold.api.small:{name}" for name in _SMALL},
    **{
        name: f"twofold.api.assertions:{name}"
        for name in (
            "Assert",
            "assert_equal",
            "assert_greater",
            "assert_less",
            "assert_rank",
        )
    },
    **{
        f"nn.fractional_{kind}_pool": f"twofold.api.fractional:fractional_{kind}_pool"
        for kind in ("avg", "max")
    },
    "image.ResizeMethod": "twofold.api.random_images:ResizeMethod",
    **{
        f"image.{kind}_{name}": f"twofold.api.random_images:{kind}_{name}"
        for name in _CHANGES
        for kind in ("random", "stateless_random")
    },
    **{f"image.{name}": f"twofold.api.pictures:{name}" for name in _PICTURES},
    **{
        name: f"twofold.api.placement:{name}"
        for name in (
            "control_dependencies",
            "device",
            "get_logger",
            "group",
            "init_scope",
        )
    },
    "tuple": "twofold.api.placement:tuple_",
    "make_ndarray": "twofold.api.serialized:make_ndarray",
    "make_tensor_proto": "twofold.api.serialized:make_tensor_proto",
    "math.special": "twofold.api.special:special",
    "math.approx_max_k": "twofold.api.neural:approx_max_k",
    "math.approx_min_k": "twofold.api.neural:approx_min_k",
    **{name: f"twofold.api.creation:{name}" for name in _CREATION},
    **{name: f"twofold.api.control:{name}" for name in _CONTROL},
    **{name: f"twofold.api.scans:{name}" for name in ("foldl", "foldr", "map_fn", "scan")},
    "Module": "twofold.saving.module:Module",
    "name_scope": "twofold.runtime.scopes:name_scope",
    "print": "twofold.runtime.printing:print",
    "as_string": "twofold.strings:as_string",
    "string": "twofold.data.strings:string",
    "custom_gradient": "twofold.runtime.custom:custom_gradient",
    **{name: f"twofold.dtypes:{name}" for name in _DTYPES},
    **{name: f"twofold.api.numbers:{name}" for name in ("e", "inf", "nan", "newaxis", "pi")},
    **{f"random.{name}": f"twofold.runtime.random:{name}" for name in _GENERATORS},
    "random.experimental": "twofold.api.keys:experimental",
}
