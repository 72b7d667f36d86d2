"""What readers know from NumPy, TensorFlow and JAX, and what it is called here: one page."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.api import surface
from twofold.compiler.ndarrays.calls import name_of
from twofold.ir.errors import DeclarationError
from twofold.ir.registry import REGISTRY
from twofold.runtime.interop import DIFFERENT, NAMES, numpy_functions, our_function

__all__ = ["elsewhere_page"]

# JAX's name -> ours; a word that is no name is said as it stands.
JAX: dict[str, str] = {
    "jax.jit": "function", "jax.grad, jax.value_and_grad": "GradientTape",
    "jax.jacrev, jax.jacfwd": "GradientTape", "jax.hessian": "GradientTape",
    "jax.vmap": "map_fn", "jax.lax.scan": "scan", "jax.lax.map": "map_fn",
    "jax.lax.cond": "cond", "jax.lax.switch": "switch_case", "jax.lax.while_loop": "while_loop",
    "jax.lax.fori_loop": "while_loop", "jax.lax.stop_gradient": "stop_gradient",
    "jax.custom_vjp": "custom_gradient", "jax.debug.print": "print",
    "jax.lax.select": "where", "jax.lax.clamp": "clip_by_value", "jax.lax.rsqrt": "math.rsqrt",
    "jax.lax.erf_inv": "math.erfinv", "jax.lax.top_k": "math.top_k", "jax.lax.cumsum": "cumsum",
    "jax.lax.dot_general": "tensordot", "jax.lax.conv_general_dilated": "nn.conv2d",
    "jax.lax.conv_transpose": "nn.conv2d_transpose", "jax.lax.reduce_window": "nn.max_pool2d",
    "jax.lax.dynamic_slice": "slice", "jax.lax.gather": "gather_nd",
    "jax.lax.scatter_add": "tensor_scatter_nd_add", "jax.lax.sort": "sort", "jax.lax.iota": "range",
    "x.at[i].set(v)": "tensor_scatter_nd_update", "x.at[i].add(v)": "tensor_scatter_nd_add",
    "jax.ops.segment_sum": "math.unsorted_segment_sum", "jax.numpy.asarray": "convert_to_tensor",
    "jax.nn.relu": "nn.relu", "jax.nn.gelu": "nn.gelu", "jax.nn.silu, jax.nn.swish": "nn.silu",
    "jax.nn.softmax": "nn.softmax", "jax.nn.log_softmax": "nn.log_softmax",
    "jax.nn.logsumexp": "reduce_logsumexp", "jax.nn.sigmoid": "sigmoid",
    "jax.nn.softplus": "nn.softplus", "jax.nn.one_hot": "one_hot",
    "jax.nn.dot_product_attention": "nn.scaled_dot_product_attention",
    "jax.random.key": "random.Generator", "jax.random.normal": "random.stateless_normal",
    "jax.random.uniform": "random.stateless_uniform", "jax.random.split": "random.split",
    "jax.random.fold_in": "random.fold_in", "jax.random.categorical": "random.categorical",
    "jax.random.permutation": "random.permutation",
    "jax.scipy.special.gammaln": "math.lgamma", "jax.scipy.special.digamma": "math.digamma",
    "jax.scipy.linalg.solve_triangular":
    "linalg.triangular_solve", "jax.scipy.linalg.cho_solve": "linalg.cholesky_solve",
}  # fmt: skip
SAID = {
    "jax.numpy.*": "the names of NumPy, above",
    "jax.tree.map": "functions and tapes take nested containers as they are",
    "jax.Array.block_until_ready": "calls return when the result is there",
    "donate_argnums, static_argnums": "not needed: memory is planned, Python values are guards",
    "jax.config.update('jax_enable_x64', True)": "not needed: float64 and int64 are as in NumPy",
}


FIRST = (
    "Made from the tables of the package. NumPy's functions take tensors themselves: `np.sum(t)` "
    "runs the op, so that a tape records it and a compiled function has it in its graph."
)
TENSORFLOW = (
    "The names are TensorFlow's own, with its parameters in its order; [TensorFlow's names]"
    "(tensorflow.md) lists where a call means something else, and what is left out. Names of the "
    "array API and of NumPy stand beside them:"
)
OF_JAX = (
    "Arrays are immutable there; here `x[i] = v` gives the tensor another value. There is no "
    "transformation to call: a tape records, and `@tf.function` compiles what it is put on."
)


def elsewhere_page() -> str:
    """``docs/coming_from.md``."""
    return "\n\n".join([
        "# Coming from NumPy, TensorFlow or JAX",
        FIRST,
        "## NumPy",
        *_numpy(),
        "## TensorFlow",
        TENSORFLOW,
        "\n".join(["| TensorFlow | the same op |", "|---|---|", *_tensorflow()]),
        "## JAX",
        OF_JAX,
        "\n".join(["| JAX | here |", "|---|---|", *_jax()]),
    ]) + "\n"  # fmt: skip


def _functions() -> Iterator[tuple[str, Any]]:
    """NumPy's public functions by the names that its users write."""
    for space, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft)):
        for name in sorted(getattr(module, "__all__", dir(module))):
            found = getattr(module, name, None)
            named = hasattr(found, "__name__") and not name.startswith("_")
            if callable(found) and named and not inspect.isclass(found):
                yield f"{space}.{name}", found


def _numpy() -> Iterator[str]:
    same, other, written, arrays = [], [], [], []
    for dotted, function in _functions():
        name = dotted.rpartition(".")[2]
        ours = None if name in DIFFERENT else our_function(name)
        if ours is not None and name in NAMES:
            other.append(f"| `{dotted}` | `{_public(NAMES[name])}` |")
        elif ours is not None:
            same.append(f"`{dotted}`")
        elif function in numpy_functions().CALLS:
            written.append(f"`{dotted}`")
        elif _is_of_arrays(function):
            arrays.append(f"`{dotted}`")
    yield "The same name here, as an op: " + ", ".join(same) + "."
    yield "\n".join(["Another name here:", "", "| NumPy | here |", "|---|---|", *other])
    yield (
        "No name of their own here, but on tensors they run as ops, in both modes and under "
        "tapes: " + ", ".join(written) + "."
    )
    yield (
        "On arrays alone: eagerly they give tensors, a compiled function calls them as a node of "
        "its graph, and under a tape they are refused: " + ", ".join(arrays) + "."
    )


def _is_of_arrays(function: Any) -> bool:
    return name_of(function) is not None


def _public(op: str) -> str:
    names = [n for n, meant in surface.origins().items() if surface.op_of(meant) == op]
    return f"tf.{min(names, key=lambda n: (n.count('.'), n != op, n))}" if names else op


def _tensorflow() -> Iterator[str]:
    for name, meant in surface.origins().items():
        op = surface.op_of(meant)
        if op is not None and name.rpartition(".")[2] != op and op in REGISTRY:
            yield f"| `tf.{name}` | `{_public(op)}` |"


def _jax() -> Iterator[str]:
    known = surface.origins()
    for theirs, ours in JAX.items():
        if ours not in known:
            raise DeclarationError(f"the page on JAX names tf.{ours}, which does not exist")
        yield f"| `{theirs}` | `tf.{ours}` |"
    for theirs, said in SAID.items():
        yield f"| `{theirs}` | {said} |"
