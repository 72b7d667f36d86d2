"""The workloads of ``peers.py``: each written once for each library, on the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from array_work import FUNCTIONS

import twofold as tf

__all__ = ["WORKLOADS", "Workload"]

RNG = [np.random.default_rng(0)]  # seeded anew for each workload, so that processes agree
np.seterr(over="ignore")  # where exp overflows NumPy alone would warn; the result is the same


def normal(*shape: int, dtype: str = "float32") -> Any:
    """Standard normal numbers of a dtype; of a complex one both parts."""
    x = RNG[0].standard_normal(shape)
    if dtype == "bfloat16":
        dtype = tf.bfloat16  # type: ignore[assignment]
    elif dtype.startswith("complex"):
        x = x + 1j * RNG[0].standard_normal(shape)
    return x.astype(dtype)


def whole(low: int, high: int, count: int) -> Any:
    """Integers of 32 bits between two numbers."""
    return RNG[0].integers(low, high, count, dtype=np.int32)


class Workload:
    """A function for each library, and its arguments."""

    def __init__(
        self, name: str, arguments: Callable[[], list[Any]], functions: dict[str, Any],
        *, tolerance: float = 2e-5, budget: float = 0.05,
    ) -> None:  # fmt: skip
        self.name, self.tolerance, self.budget = name, tolerance, budget
        self._arguments, self._functions = arguments, functions
        self._made: list[Any] | None = None

    def arrays(self) -> list[Any]:
        """The arguments as NumPy arrays, made once."""
        if self._made is None:
            RNG[0] = np.random.default_rng(len(self.name))
            self._made = self._arguments()
        return self._made

    def prepare(self, library: str) -> tuple[Callable[[], Any], Any] | None:
        """A call without arguments that does the work, and its result; None if the library takes no
        part."""
        source = "torch" if library == "torch.compile" else library
        function = self._functions.get(source)
        if function is None:
            return None
        if isinstance(function, Deferred):
            function = function.write(function.space())
        call = _PREPARE[library](function, self.arrays())
        return call, np.asarray(self.result(library, call()))

    def result(self, library: str, value: Any) -> Any:
        """The result as a NumPy array."""
        if library.startswith("torch") and value.dtype == _torch_module().bfloat16:
            value = value.float()
        return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def _twofold(function: Any, arrays: list[Any]) -> Callable[[], Any]:
    compiled = tf.function(function, jit_compile=True)
    tensors = [tf.constant(a) for a in arrays]
    return lambda: compiled(*tensors)


def _numpy(function: Any, arrays: list[Any]) -> Callable[[], Any]:
    return lambda: function(*arrays)


def _jax(function: Any, arrays: list[Any]) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    compiled = jax.jit(function)
    tensors = [jnp.asarray(a) for a in arrays]
    return lambda: compiled(*tensors).block_until_ready()


def _torch(function: Any, arrays: list[Any]) -> Callable[[], Any]:
    tensors = [_torch_tensor(a) for a in arrays]
    return lambda: function(*tensors)


def _torch_tensor(array: Any) -> Any:
    import torch

    if array.dtype == tf.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _torch_compile(function: Any, arrays: list[Any]) -> Callable[[], Any]:
    import torch

    return _torch(torch.compile(function), arrays)


_PREPARE = {"twofold": _twofold, "numpy": _numpy, "jax": _jax, "torch": _torch,
            "torch.compile": _torch_compile}  # fmt: skip


def _jnp() -> Any:
    import jax.numpy as jnp

    return jnp


def _torch_module() -> Any:
    import torch

    return torch


def in_namespace(write: Callable[[Any], Callable[..., Any]]) -> dict[str, Any]:
    """The same expression over each library's namespace."""
    spaces: dict[str, Callable[[], Any]] = {
        "twofold": lambda: tf, "numpy": lambda: np, "jax": _jnp, "torch": _torch_module,
    }  # fmt: skip

    return {name: Deferred(write, space) for name, space in spaces.items()}


class Deferred(NamedTuple):
    """A function of a library that is imported when it takes part."""

    write: Callable[[Any], Callable[..., Any]]
    space: Callable[[], Any]

    def __call__(self, *args: Any) -> Any:
        return self.write(self.space())(*args)


def gelu(xp: Any) -> Callable[..., Any]:
    """The tanh approximation of gelu of a biased input."""

    def call(x: Any, b: Any) -> Any:
        y = x + b
        return 0.5 * y * (1 + xp.tanh(0.7978845608 * (y + 0.044715 * y * y * y)))

    return call


def normal_cdf(xp: Any) -> Callable[[Any], Any]:
    """The normal distribution function by its logistic approximation (Page 1977)."""
    return lambda x: 1 / (1 + xp.exp(-(1.5976 * x + 0.070565992 * x * x * x)))


def black_scholes(xp: Any) -> Callable[..., Any]:
    """Price of a European call."""
    cdf = normal_cdf(xp)

    def call(s: Any, k: Any, t: Any) -> Any:
        rate, sigma = 0.03, 0.2
        root = sigma * xp.sqrt(t)
        d1 = (xp.log(s / k) + (rate + 0.5 * sigma * sigma) * t) / root
        return s * cdf(d1) - k * xp.exp(-rate * t) * cdf(d1 - root)

    return call


def twenty(xp: Any) -> Callable[[Any], Any]:
    """Twenty small operations in a row."""

    def call(x: Any) -> Any:
        for _ in range(5):
            x = xp.tanh(x * 1.01 + 0.5) - 0.1
        return x

    return call


def softmax_numpy(x: Any) -> Any:
    """Softmax over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm_formula(xp: Any) -> Callable[..., Any]:
    """Layer norm over the last axis."""

    def call(x: Any, g: Any, b: Any) -> Any:
        centred = x - xp.mean(x, -1, keepdims=True)
        variance = xp.mean(centred * centred, -1, keepdims=True)
        return centred / xp.sqrt(variance + 1e-5) * g + b

    return call


def softmaxes() -> dict[str, Any]:
    """Softmax as each library offers it."""
    return {
        "twofold": tf.nn.softmax,
        "numpy": softmax_numpy,
        "jax": lambda x: __import__("jax").nn.softmax(x),
        "torch": lambda x: _torch_module().softmax(x, -1),
    }


def layer_norms() -> dict[str, Any]:
    """Layer norm: torch by its own kernel, the others by the formula."""

    def by_torch(x: Any, g: Any, b: Any) -> Any:
        return _torch_module().nn.functional.layer_norm(x, (x.shape[-1],), g, b)

    return {**in_namespace(layer_norm_formula), "torch": by_torch}


def stencil(xp: Any) -> Callable[[Any], Any]:
    """The mean of a point and its four neighbours, inside."""
    return lambda u: 0.2 * (u[1:-1, 1:-1] + u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])


def heat(xp: Any) -> Callable[[Any], Any]:
    """One step of the heat equation; the border stays."""

    def call(u: Any) -> Any:
        inside = u[1:-1, 1:-1]
        new = inside + 0.1 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * inside)
        rows = join(xp, [u[1:-1, :1], new, u[1:-1, -1:]], 1)
        return join(xp, [u[:1], rows, u[-1:]], 0)

    return call


def join(xp: Any, parts: list[Any], axis: int) -> Any:
    """The parts in one array, by the name that each library has for it."""
    return xp.concat(parts, **{"dim" if hasattr(xp, "from_numpy") else "axis": axis})


def blur(xp: Any) -> Callable[[Any], Any]:
    """A binomial blur of a picture, down its columns, then along its rows; borders repeat."""

    def call(image: Any) -> Any:
        image = image / 255
        for axis in (0, 1):
            size = image.shape[axis]
            first = image[:1] if axis == 0 else image[:, :1]
            last = image[-1:] if axis == 0 else image[:, -1:]
            padded = join(xp, [first, first, image, last, last], axis)
            taps = [
                k / 16 * (padded[i : i + size] if axis == 0 else padded[:, i : i + size])
                for i, k in enumerate((1, 4, 6, 4, 1))
            ]
            image = taps[0] + taps[1] + taps[2] + taps[3] + taps[4]
        return image

    return call


def differences(xp: Any) -> Callable[[Any], Any]:
    """Squared distances of all pairs of points, one in each row."""
    return lambda x: xp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1)


def standardise(xp: Any) -> Callable[..., Any]:
    """Columns with mean 0 and standard deviation 1."""
    return lambda x, mean, deviation: (x - mean) / deviation


def weighted(xp: Any) -> Callable[..., Any]:
    """The distances of points from a centre to weights, one for each point."""
    return lambda x, centre, weight: xp.exp(-((x - centre) ** 2)) * weight


def moments(xp: Any) -> Callable[[Any], Any]:
    """Four reductions of one array over the same axis."""

    def call(x: Any) -> Any:
        return xp.stack([xp.mean(x, -1), xp.mean(x * x, -1), top(xp, "max", x), top(xp, "min", x)])

    return call


def top(xp: Any, name: str, x: Any) -> Any:
    """The largest or smallest element of each row."""
    return getattr(xp, "a" + name if hasattr(xp, "from_numpy") else name)(x, -1)


def dense(xp: Any) -> Callable[..., Any]:
    """A dense layer with gelu."""
    activate = gelu(xp)
    return lambda x, w, b: activate(x @ w, b)


def bits(xp: Any) -> Callable[[Any], Any]:
    """A round of xorshift."""

    def call(x: Any) -> Any:
        x = x ^ (x << 13)
        x = x ^ (x >> 17)
        return x ^ (x << 5)

    return call


def in_single(functions: dict[str, Any]) -> dict[str, Any]:
    """The same, but NumPy, which adds halves in halves, computes them in float32."""

    def call(*args: Any) -> Any:
        return functions["numpy"](*(x.astype(np.float32) for x in args)).astype(args[0].dtype)

    return {**functions, "numpy": call}


def prices() -> list[Any]:
    """Spot, strike and time of a million options."""
    n = 1_000_000
    return [RNG[0].uniform(a, b, n).astype(np.float32) for a, b in ((50, 150), (50, 150), (0.1, 2))]


class TrainStep(Workload):
    """A training step keeps state, so each library gets its own closure over the same start."""

    def __init__(self, name: str, sizes: tuple[int, ...], batch: int) -> None:
        super().__init__(name, list, {}, tolerance=2e-3, budget=0.15)
        self.sizes, self.batch = sizes, batch

    def prepare(self, library: str) -> tuple[Callable[[], Any], Any] | None:
        """The step of this library and the loss of the first one, or None."""
        from train_step import STEPS

        make = STEPS.get(library)
        if make is None:
            return None
        call = make(self.sizes, self.batch)
        return call, np.asarray(self.result(library, call()))


def of_array_work() -> list[Workload]:
    """A workload for each entry of ``array_work.py``."""

    def arguments(shapes: Any) -> list[Any]:
        return [whole(0, int(s.split()[2]), int(s.split()[1])) if isinstance(s, str) else normal(*s)
                for s in shapes]  # fmt: skip

    return [
        Workload(name, lambda s=shapes: arguments(s), functions, tolerance=1e-3)
        for name, (functions, shapes) in FUNCTIONS.items()
    ]


WORKLOADS: list[Workload] = [
    Workload("x + 1, one element", lambda: [normal(1)], in_namespace(lambda xp: lambda x: x + 1)),
    Workload("20 small ops, 16 elements", lambda: [normal(16)], in_namespace(twenty)),
    Workload("tanh-gelu, 1e3", lambda: [normal(1000), normal(1000)], in_namespace(gelu)),
    Workload("tanh-gelu, 1e5", lambda: [normal(100_000), normal(100_000)], in_namespace(gelu)),
    Workload("tanh-gelu, 1e7", lambda: [normal(10**7), normal(10**7)], in_namespace(gelu),
             budget=0.3),
    Workload("Black-Scholes, 1e6", prices, in_namespace(black_scholes), budget=0.1,
             tolerance=2e-4),
    Workload("softmax 1024 x 1024", lambda: [normal(1024, 1024)], softmaxes()),
    Workload("layer norm 2048 x 768", lambda: [normal(2048, 768), normal(768), normal(768)],
             layer_norms()),
    Workload("sum of x*x + 1, 1e7", lambda: [normal(10**7)],
             in_namespace(lambda xp: lambda x: xp.sum(x * x + 1)), budget=0.2, tolerance=1e-4),
    Workload("5-point stencil, 2048 x 2048", lambda: [normal(2048, 2048)], in_namespace(stencil)),
    Workload("heat step, 2048 x 2048", lambda: [normal(2048, 2048)], in_namespace(heat)),
    Workload("binomial blur, 427 x 640 x 3", lambda: [abs(normal(427, 640, 3))],
             in_namespace(blur)),
    Workload("squared differences, 1000 x 3", lambda: [normal(1000, 3)],
             in_namespace(differences)),
    Workload("squared differences, 1000 x 8", lambda: [normal(1000, 8)],
             in_namespace(differences)),
    Workload("standardise, 1e5 x 3", lambda: [normal(100_000, 3), normal(3), abs(normal(3)) + 1],
             in_namespace(standardise)),
    Workload("weighted points, 1e5 x 3",
             lambda: [normal(100_000, 3), normal(3), normal(100_000, 1)], in_namespace(weighted)),
    Workload("moments of rows, 2048 x 768", lambda: [normal(2048, 768)], in_namespace(moments),
             tolerance=1e-4),
    Workload("dense gelu, 64 x 1024 x 1024",
             lambda: [normal(64, 1024), normal(1024, 1024) / 32, normal(1024)],
             in_namespace(dense)),
    *[work for dtype, tolerance in (("bfloat16", 4e-2), ("float16", 5e-3)) for work in (
        Workload(f"{dtype} softmax 1024 x 1024", lambda d=dtype: [normal(1024, 1024, dtype=d)],
                 in_single(softmaxes()), tolerance=tolerance),
        Workload(f"{dtype} tanh-gelu, 1e6",
                 lambda d=dtype: [normal(10**6, dtype=d), normal(10**6, dtype=d)],
                 in_single(in_namespace(gelu)), tolerance=tolerance, budget=0.1),
        Workload(f"{dtype} sums of columns, 2048 x 768",
                 lambda d=dtype: [normal(2048, 768, dtype=d)],
                 in_single(in_namespace(lambda xp: lambda x: xp.sum(x, 0))), tolerance=tolerance),
        Workload(f"{dtype} sums of rows, 2048 x 768",
                 lambda d=dtype: [normal(2048, 768, dtype=d)],
                 in_single(in_namespace(lambda xp: lambda x: xp.sum(x, -1))), tolerance=tolerance),
        Workload(f"{dtype} product, 256 x 512 x 512",
                 lambda d=dtype: [normal(256, 512, dtype=d), normal(512, 512, dtype=d)],
                 in_single(in_namespace(lambda xp: lambda x, y: x @ y)), tolerance=tolerance),
    )],
    Workload("complex64 exp, 2e5", lambda: [normal(200_000, dtype="complex64")],
             in_namespace(lambda xp: lambda z: xp.exp(z))),
    Workload("complex64 tanh, 2e5", lambda: [normal(200_000, dtype="complex64")],
             in_namespace(lambda xp: lambda z: xp.tanh(z))),
    Workload("complex64 |z * z + z|, 1e6", lambda: [normal(10**6, dtype="complex64")],
             in_namespace(lambda xp: lambda z: xp.abs(z * z + z))),
    Workload("complex64 product, 256 x 256 x 256",
             lambda: [normal(256, 256, dtype="complex64"), normal(256, 256, dtype="complex64")],
             in_namespace(lambda xp: lambda x, y: x @ y)),
    Workload("int32 x // y, 1e6", lambda: [whole(-10**9, 10**9, 10**6), whole(1, 10**4, 10**6)],
             in_namespace(lambda xp: lambda x, y: x // y)),
    Workload("int32 x % 7 + x // 3, 1e6", lambda: [whole(-10**9, 10**9, 10**6)],
             in_namespace(lambda xp: lambda x: x % 7 + x // 3)),
    Workload("int32 x ** y, 1e6", lambda: [whole(-9, 9, 10**6), whole(0, 9, 10**6)],
             in_namespace(lambda xp: lambda x, y: x**y)),
    *of_array_work(),
    Workload("int32 xorshift, 1e6", lambda: [whole(1, 10**9, 10**6)], in_namespace(bits)),
    TrainStep("train step 64-128-64-10, batch 64", (64, 128, 64, 10), 64),
    TrainStep("train step 784-512-256-10, batch 128", (784, 512, 256, 10), 128),
]  # fmt: skip
