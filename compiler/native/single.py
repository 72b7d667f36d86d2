"""One kernel, run on arrays in one native call: for loop nests that were written as a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from twofold.ir.dims import evaluate
from twofold.ir.errors import ArgumentError
from twofold.runtime.buffers import workspace

from ..kernel.loops import Kernel
from ..kernel.verify import verify
from .instructions import encode
from .launch import SLOT, kernel_launches
from .machine import compile_kernels, driver

__all__ = ["run_kernel"]

_NO_SIZES: Mapping[str, int] = MappingProxyType({})


def run_kernel(
    kernel: Kernel, arrays: Sequence[np.ndarray[Any, Any]], sizes: Mapping[str, int] = _NO_SIZES
) -> None:
    """Run a kernel on its buffers, which it writes to, with a number for each size symbol.

    Accesses are not checked: the kernel must stay inside its arrays. Raises ArgumentError for
    arrays that are not its buffers and for sizes that are missing, VerifyError for a bad kernel.
    """
    verify(kernel)
    _check(kernel, arrays, sizes)
    (machine,) = compile_kernels([kernel])
    used = [0]

    def reserve(nbytes: int) -> int:
        used[0] += nbytes
        return used[0] - nbytes

    words = [(SLOT, i + 1) for i in range(len(arrays))]
    env = dict(sizes)
    launches = kernel_launches(
        kernel, machine, words, lambda d: d if isinstance(d, int) else evaluate(d, env), reserve
    )
    run = driver()(encode(launches).start)
    if run([workspace(max(used[0], 1)), *arrays]) is not None:
        raise ArgumentError(f"a check of kernel {kernel.name} failed")


def _check(
    kernel: Kernel, arrays: Sequence[np.ndarray[Any, Any]], sizes: Mapping[str, int]
) -> None:
    if len(arrays) != len(kernel.buffers):
        raise ArgumentError(
            f"kernel {kernel.name} has {len(kernel.buffers)} buffers, {len(arrays)} given"
        )
    for buffer, array in zip(kernel.buffers, arrays, strict=True):
        if array.dtype != buffer.dtype or not array.flags.c_contiguous:
            raise ArgumentError(f"{buffer.name} is a contiguous array of {buffer.dtype}")
        if buffer.out and not array.flags.writeable:
            raise ArgumentError(f"{buffer.name} is written to, and the array is read-only")
    missing = [s for s in kernel.symbols() if s not in sizes]
    if missing:
        raise ArgumentError(f"kernel {kernel.name} needs the sizes {', '.join(missing)}")
