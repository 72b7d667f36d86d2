"""Array functions y[i] = f(x[i], ...) compiled from the vector mathematics, for its tests."""

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.compiler.native.lanes import Lanes
from twofold.compiler.native.vecmath import FUNCTIONS

WIDTH = ('"prefer-vector-width"="512"', '"min-legal-vector-width"="512"')


def vector_lanes(dtype: Any) -> int:
    """The lane count that fills 512 bits."""
    return 64 // np.dtype(dtype).itemsize


def build_loop(module: ir.Module, name: str, dtype: Any, lanes: int) -> ir.Function:
    """A function (x0, ..., y, count): y[i] = f(x0[i], ...), count a positive multiple of lanes."""
    arity = FUNCTIONS[name].arity
    element = ir.DoubleType() if np.dtype(dtype) == np.float64 else ir.FloatType()
    shape = element if lanes == 1 else ir.VectorType(element, lanes)
    pointer, i64 = ir.PointerType(), ir.IntType(64)
    kind = ir.FunctionType(ir.VoidType(), [pointer] * (arity + 1) + [i64])
    fn = ir.Function(module, kind, f"vecmath_{name}_{np.dtype(dtype).name}_{lanes}")
    known = type(fn.attributes)
    known._known = known._known | set(WIDTH)
    for attribute in WIDTH:
        fn.attributes.add(attribute)
    entry, loop, done = (fn.append_basic_block(label) for label in ("entry", "loop", "done"))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    index = builder.phi(i64)
    index.add_incoming(i64(0), entry)

    def at(array: ir.Value) -> ir.Value:
        return builder.gep(array, [index], source_etype=element)

    align = np.dtype(dtype).itemsize
    inputs = [builder.load(at(arg), typ=shape, align=align) for arg in fn.args[:arity]]
    writer = Lanes(builder, lanes)
    values = [writer.value(x, np.dtype(dtype)) for x in inputs]
    builder.store(FUNCTIONS[name].build(*values).ir, at(fn.args[arity]), align=align)
    following = builder.add(index, i64(lanes))
    index.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, fn.args[-1]), loop, done)
    ir.IRBuilder(done).ret_void()
    return fn


@cache
def native_loop(name: str, dtype: Any, lanes: int) -> Callable[..., None]:
    """`build_loop` compiled by numba; takes addresses and the count."""
    from numba import njit, types
    from numba.extending import intrinsic

    arity = FUNCTIONS[name].arity

    @intrinsic
    def kernel(typing_context: Any, x: Any, y: Any, z: Any, out: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            fn = build_loop(builder.module, name, dtype, lanes)
            arrays = [builder.inttoptr(a, ir.PointerType()) for a in (*args[:arity], args[3])]
            builder.call(fn, [*arrays, args[4]])
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), generate

    @njit(types.void(*[types.intp] * 5), nogil=True)
    def run(x: Any, y: Any, z: Any, out: Any, count: Any) -> None:
        kernel(x, y, z, out, count)

    return run


def evaluate(name: str, *arrays: np.ndarray, lanes: int = 0) -> np.ndarray:
    """f of one-dimensional arrays of one dtype; `lanes` 0 means a full 512-bit vector."""
    dtype, size = arrays[0].dtype, arrays[0].size
    lanes = lanes or vector_lanes(dtype)
    padded = -(-size // lanes) * lanes
    inputs = [np.ascontiguousarray(np.resize(a, padded)) for a in arrays]
    out = np.empty(padded, dtype)
    addresses = [a.ctypes.data for a in inputs]
    addresses += [addresses[0]] * (3 - len(addresses))
    native_loop(name, dtype, lanes)(*addresses, out.ctypes.data, padded)
    return out[:size]


def nanoseconds_per_element(name: str, *arrays: np.ndarray, repeats: int = 15) -> float:
    """The best of `repeats` runs over the arrays, whose size must be a multiple of 16."""
    out = np.empty_like(arrays[0])
    addresses = [a.ctypes.data for a in arrays]
    addresses += [addresses[0]] * (3 - len(addresses))
    run = native_loop(name, out.dtype, vector_lanes(out.dtype))
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        run(*addresses, out.ctypes.data, out.size)
        best = min(best, perf_counter() - start)
    return best / out.size * 1e9
