"""Arrays in safetensors files, a format that holds numbers and nothing to execute.

The package safetensors writes and reads them. What it has no name for travels as the bytes of
another dtype, which the manifest undoes: bfloat16 as uint16, float8 as uint8, complex128 as pairs
of float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twofold.ir.dtypes import dtype_name, known
from twofold.ir.errors import LoadError, SaveError
from twofold.ir.infer import as_dtype

__all__ = ["describe", "read_arrays", "write_arrays"]

_BARE = {"float64", "float32", "float16", "int64", "uint64", "int32", "uint32", "int16", "uint16",
         "int8", "uint8", "bool", "complex64"}  # fmt: skip


def describe(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> dtype and shape, as JSON."""
    return {
        name: {"dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    }


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write arrays by name. Raises SaveError."""
    from safetensors import SafetensorError  # noqa: PLC0415  (loaded with the first file)
    from safetensors.numpy import save_file  # noqa: PLC0415

    try:
        save_file({name: _carried(array) for name, array in arrays.items()}, file)
    except SafetensorError as error:
        raise SaveError(f"{file} cannot be written: {error}") from error


def _carried(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    whole = np.ascontiguousarray(array).reshape(array.shape)
    if array.dtype.name in _BARE:
        return whole
    bits: Any = np.float64 if array.dtype.kind == "c" else np.dtype(f"u{array.dtype.itemsize}")
    return whole.reshape(*array.shape, 1).view(bits)


def read_arrays(file: Path, described: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a file, which are what ``described`` says. Raises LoadError."""
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    found = {}
    try:
        with safe_open(file, framework="numpy") as held:
            names = set(held.keys())
            if names != set(described):
                raise LoadError(f"{file} does not hold the arrays that its manifest lists")
            for name, facts in described.items():
                found[name] = _given(file, name, held.get_tensor(name), facts)
    except SafetensorError as error:
        raise LoadError(f"{file} is damaged: {error}") from error
    return found


def _given(file: Path, name: str, array: Any, facts: Any) -> np.ndarray[Any, Any]:
    dtype, shape = as_dtype(facts["dtype"], "a saved array"), tuple(facts["shape"])
    if not known(dtype):
        raise LoadError(f"{file}: {name} is of dtype {dtype}, which this version does not know")
    if dtype.name not in _BARE:
        array = array.view(dtype)[..., 0]
    if array.dtype != dtype or array.shape != shape:
        raise LoadError(
            f"{file}: {name} is {dtype_name(array.dtype)}{list(array.shape)}, and its manifest "
            f"says {dtype_name(dtype)}{list(shape)}"
        )
    return np.array(array, order="C")
