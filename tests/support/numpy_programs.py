"""Random straight-line NumPy programs of views, writes, ufuncs, ``out=``, helpers and overlapping
arguments, and a command that runs many of them:

    python -m support.numpy_programs --count 20000          # from tests/, jit_compile=False
    python -m support.numpy_programs --count 200 --jit
    python -m support.numpy_programs --count 200 --default  # kernels arrive between the calls

Each program is a function of arrays; it runs as it is and compiled, on copies of the same arrays,
and both must agree in results, dtypes, identity, shared memory, exceptions and what the arrays hold
afterwards (``support.same``). A program that is refused with StagingError is counted, not a failure:
the programs use what has a meaning without knowing values. Casts of numbers to dtypes that do not
hold them are left out: their result is undefined.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

from .same import Difference, compare, outcome, program, twins

__all__ = ["Maker", "arrays_of", "main", "run"]

DTYPES = [
    "f8",
    "f8",
    "f8",
    "f4",
    "i4",
    "i8",
    "i8",
    "u1",
    "i1",
    "?",
    "c16",
    "f2",
    "c8",
    "u8",
    "i2",
    "u4",
]
SHAPES = [(3,), (4,), (2, 3), (3, 3), (3, 4), (1, 3), (2, 2, 3), (), (0, 3), (3, 1), (5,)]
CHOICES = {
    "op": ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>", "<", "<=", "==", "!=", ">"],
    "inop": ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="],
    "u1": ["negative", "absolute", "square", "sign", "sqrt", "exp", "tanh", "floor", "isnan", "logical_not", "invert", "conjugate", "rint", "positive", "cbrt", "isfinite", "ceil", "trunc", "log1p", "expm1", "signbit", "reciprocal", "deg2rad", "fabs", "spacing"],
    "u2": ["add", "subtract", "multiply", "true_divide", "floor_divide", "maximum", "minimum", "power", "remainder", "hypot", "arctan2", "logical_and", "equal", "less", "fmax", "copysign", "bitwise_or", "left_shift", "heaviside", "gcd", "logaddexp", "fmin", "fmod", "lcm", "float_power", "nextafter", "logical_xor", "right_shift", "greater_equal", "bitwise_xor"],
    # with ``where=``: comparisons of unsigned integers with -1 end the process in NumPy 2.4
    "masked": ["add", "subtract", "multiply", "true_divide", "floor_divide", "maximum", "minimum", "power", "remainder", "hypot", "arctan2", "logical_and", "fmax", "copysign", "bitwise_or", "left_shift", "heaviside", "gcd", "logaddexp", "fmin", "fmod", "lcm", "float_power", "nextafter", "logical_xor", "right_shift", "bitwise_xor"],
    "fold": ["sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "argmax", "argmin", "cumsum", "cumprod"],
    "npfold": ["sum", "prod", "max", "min", "mean", "std", "var", "any", "all", "argmax", "argmin", "cumsum", "cumprod", "ptp", "median", "nansum", "nanmax", "nanmean", "average", "count_nonzero"],
    "uf": ["add", "multiply", "maximum", "minimum", "logical_or", "bitwise_xor", "subtract", "hypot", "fmax", "logical_and"],
    "number": ["0", "1", "2", "3", "-1", "300", "0.5", "2.5", "1e3", "-0.0", "True", "1j", "2**40", "np.float32(1.5)", "np.int64(3)", "np.uint8(200)", "np.float64(0.1)", "np.int8(-3)", "np.float16(0.5)", "np.True_"],
    "plain": ["0", "1", "2", "3", "-1", "300", "0.5", "2.5", "1e3"],
    "axis": ["0", "-1", "1", "None", "(0, -1)"],
    "ax": ["0", "-1", "1"],
    "order": ["'C'", "'F'", "'A'", "'K'"],
    "mode": ["'wrap'", "'clip'", "'raise'"],
    "dtype": DTYPES,
    "kind": ["np.float32", "np.float64", "np.int64", "np.int8", "np.bool_", "np.complex128", "np.uint8"],
    "basic": ["0", "-1", ":", "1:", ":-1", "::-1", "::2", "0:2", "...", "None", "-2:", "1"],
    "part": ["0", "-1", "1", ":", "1:", ":-1", "::-1", "::2", "0:2", "...", "None", "-2:", ":0", "2",
             "[0, 1]", "[1, 0]", "[0, 0]", "np.array([1, 0, 1])", "7", "2:0:-1", "[-1]", "True",
             "np.array([[0], [1]])", "np.array(1)", "np.array([True, False, True])", "slice(None)",
             "np.int64(1)", "[True, False]", "False"],
    "raised": ["ValueError, IndexError, TypeError", "Exception", "ValueError", "IndexError"],
}  # fmt: skip
# Expressions and statements; {a} is an array, {b} an operand, {v} a view, {k} a key, {bk} a basic key.
VIEWS = """{a}[{bk}] ~ {a}[{bk}] ~ {a}.T ~ {a}.reshape(-1) ~ {a}.ravel() ~ {a}.ravel('F') ~ {a}.reshape(3, -1)
~ {a}.reshape({a}.shape) ~ {a}[:, None] ~ {a}[::-1] ~ {a}.swapaxes(0, -1) ~ np.transpose({a})
~ np.moveaxis({a}, 0, -1) ~ {a}.squeeze() ~ np.squeeze({a}) ~ np.expand_dims({a}, 0) ~ np.flip({a})
~ np.atleast_2d({a}) ~ {a}.view() ~ {a} ~ {a}[...] ~ np.asarray({a}) ~ {a}.real ~ {a}.imag
~ np.diagonal({a}) ~ np.broadcast_to({a}, (2, *{a}.shape)) ~ np.split({a}, 1)[0] ~ {a}[()]
~ np.array_split({a}, 2)[0] ~ np.rot90({a}) ~ np.fliplr({a}) ~ np.reshape({a}, (-1, 1))
~ np.ascontiguousarray({a}) ~ {a}.reshape(-1, order='F') ~ np.rollaxis({a}, -1) ~ np.vsplit({a}, 1)[0]
~ np.asfortranarray({a}) ~ np.matrix_transpose({a}) ~ {a}.mT ~ np.atleast_3d({a}) ~ {a}.ravel({order})
~ np.einsum('ij->ji', {a}) ~ np.einsum('ii->i', {a} if {a}.size else np.eye(2)) ~ np.einsum('...i->i...', {a}) ~ np.ravel({a})
~ np.permute_dims({a}) ~ list({a})[-1] ~ [*{a}][0] ~ first({a}) ~ pair({a})[1] ~ box({a})['x']
~ np.lib.stride_tricks.sliding_window_view({a}, 2, axis=0) ~ np.unstack({a})[0] ~ np.real({a})
~ np.array({a}, copy=None) ~ np.array({a}, copy=False) ~ {a}.astype({a}.dtype, copy=False)
~ np.require({a}, None, 'C') ~ (lambda x: x[1:])({a}) ~ {a}.T.reshape(-1) ~ {a}[::-1].T[...]
~ {a}[np.newaxis, ...] ~ {a}.transpose() ~ {a}.diagonal(1)
~ max([{a}], key=len) ~ next(iter({a})) ~ {a}[slice(0, 2)] ~ np.hsplit({a}, 1)[0] ~ np.swapaxes({a}, 0, 1)"""
FRESH = """{a} {op} {b} ~ {a} {op} {b} ~ {b} {op} {a} ~ np.{u1}({a}) ~ np.{u2}({a}, {b}) ~ np.{u2}({a}, {b})
~ {a}.copy() ~ np.array({a}) ~ -{a} ~ ~{a} ~ {a}.astype('{dtype}') ~ np.zeros_like({a}) ~ np.zeros({a}.shape)
~ np.ones(3) ~ np.arange(3) ~ np.arange(6.0).reshape(2, 3) ~ np.full((3,), 2) ~ np.full_like({a}, 1)
~ {a}[{k}] ~ {a}[{k}] ~ {a}[[0, 0]] ~ {a}[np.array([True, False, True])] ~ np.where({a} > 1, {a}, {b})
~ np.concatenate([{a}, {a}]) ~ np.stack([{a}, {b}]) ~ {a}.{fold}() ~ {a}.{fold}(axis={axis})
~ np.{npfold}({a}, axis=0) ~ np.{npfold}({a}, axis={axis}) ~ np.clip({a}, 0, 2) ~ {a}.clip(1) ~ {a} @ {b}
~ np.dot({a}, {b}) ~ np.outer({a}, {b}) ~ np.add.outer({a}, {b}) ~ np.add.reduce({a}) ~ np.sort({a})
~ np.roll({a}, 1) ~ np.tile({a}, 2) ~ np.repeat({a}, 2) ~ np.diff({a}) ~ np.pad({a}, 1)
~ np.linspace(0, 1, 3) ~ {a}.flatten() ~ np.eye(3) ~ divmod({a}, {b})[0] ~ np.round({a})
~ np.take({a}, [0, -1]) ~ {a}.sum(dtype='f4') ~ {a}.sum(axis=0, keepdims=True) ~ np.add({a}, {b}, dtype='f8')
~ np.array([{a}, {b}]) ~ np.array({a}, dtype='f4') ~ np.cumsum({a}) ~ np.add.accumulate({a})
~ np.einsum('i,i->i', {a}, {a}) ~ np.trace({a}) ~ np.median({a}) ~ np.interp({a}, [0, 1], [2, 3])
~ np.triu({a}) ~ np.kron({a}, {a}) ~ np.count_nonzero({a}) ~ np.insert({a}, 0, 1)
~ np.ones({a}.shape, {a}.dtype) ~ {kind}({a}) ~ {kind}({a}.sum()) ~ {a}.round({ax}) ~ np.round({a}, 1)
~ {a}.copy({order}) ~ {a}.astype('{dtype}', order={order}) ~ np.zeros_like({a}, order={order})
~ np.{uf}.reduce({a}, axis={axis}) ~ np.{uf}.reduce({a}, keepdims=True) ~ np.{uf}.accumulate({a}, axis={ax})
~ np.{uf}.reduceat({a}, [0, 1]) ~ np.{uf}.outer({a}, [1, 2]) ~ np.{uf}.reduce({a}, axis={ax}, dtype='f8')
~ np.take({a}, [0, 5], axis={ax}, mode={mode}) ~ {a}.take([[0, 1]]) ~ np.compress([True, False], {a}, axis=0)
~ np.choose([0, 1, 0], [{a}, {b}]) ~ np.select([{a} > 2, {a} > 1], [{a}, {b}], 0) ~ np.isin({a}, [1, 2])
~ np.r_[{a}, {b}] ~ np.c_[{a}, {a}] ~ np.append({a}, {b}) ~ np.delete({a}, 0, axis=0) ~ np.insert({a}, 1, {b}, axis=0)
~ np.vstack([{a}, {b}]) ~ np.hstack([{a}, {b}]) ~ np.dstack([{a}, {a}]) ~ np.column_stack([{a}, {b}])
~ np.concatenate([{a}, {b}], axis={axis}) ~ np.concatenate([{a}, {a}], axis=-1, dtype='c16', casting='unsafe')
~ np.stack([{a}, {a}], axis={ax}) ~ np.block([{a}, {a}]) ~ np.flip({a}).copy() ~ np.roll({a}, 1, axis={ax})
~ np.tile({a}, (2, 1)) ~ np.repeat({a}, 2, axis={ax}) ~ np.repeat({a}, [1, 2, 0], axis=0) ~ np.diff({a}, axis={ax})
~ np.pad({a}, 1, mode='edge') ~ np.tril({a}, -1) ~ np.dot({a}, {a}.T) ~ np.inner({a}, {b}) ~ np.vdot({a}, {a})
~ np.tensordot({a}, {b}, 1) ~ np.einsum('ij,ij->i', {a}, {a}) ~ np.einsum('i...->...', {a}) ~ np.vecdot({a}, {a})
~ np.argsort({a}, kind='stable') ~ {a}.argsort(axis=0) ~ np.sort({a}, axis=0) ~ np.sort({a}, axis=None)
~ np.partition({a}, 0) ~ np.searchsorted([0, 1, 2], {a}) ~ np.digitize({a}, [0, 1]) ~ np.unwrap({a})
~ np.cross({a}, {a}) ~ np.convolve({a}, [1, 2]) ~ np.gradient({a}) ~ np.nan_to_num({a}) ~ np.isclose({a}, {b})
~ np.sum({a}, axis=0, where={a} > 1) ~ np.max({a}, axis=0, initial=2, where={a} > 0) ~ np.mean({a}, where={a} > 0)
~ np.std({a}, axis=0, ddof=1) ~ np.quantile({a}, 0.5, axis=0) ~ np.cov({a}) ~ np.angle({a}) ~ np.modf({a})[0]
~ np.frexp({a})[1] ~ np.ldexp({a}, 2) ~ np.divmod({a}, {b})[1] ~ np.fix({a}) ~ np.sinc({a}) ~ np.i0({a})
~ np.apply_along_axis(np.sum, 0, {a}) ~ np.diagflat({a}) ~ np.diag({a}) ~ np.meshgrid({a}, {a})[0]
~ np.take_along_axis({a}, np.argsort({a}, axis=0, kind='stable'), 0) ~ np.broadcast_arrays({a}, {b})[0] * 1
~ np.fromfunction(lambda i, j: i + j, (2, 3)) ~ np.mgrid[0:2, 0:3] ~ np.tri(3) ~ np.vander([1, 2, 3])
~ np.array([[{b}, 1], [2, 3]]) ~ np.array([{a}[0], {a}[-1]]) ~ np.array(list({a})) ~ np.asarray([{b}, 2.5])
~ sum({a}) ~ {a}.conj() ~ {a}.cumsum({ax}) ~ {a}.dot({b})
~ {a}.repeat(2, {ax}) ~ {a}.trace() ~ abs({a})
~ pow({a}, 2) ~ {a}.__add__({b}) ~ np.ndarray.sum({a}) ~ np.ndarray.__mul__({a}, 2) ~ np.linalg.norm({a})
~ np.fft.fft({a}) ~ np.linalg.det({a} + 9 * np.eye(3)) ~ np.bincount([0, 1, 1]) ~ np.trapezoid({a})
~ np.expand_dims({a}, ({ax},)) * 2 ~ {a}.searchsorted(1) ~ np.resize({a}, (2, 2)) ~ np.ediff1d({a})
~ np.full((2,), {b}) ~ np.full({a}.shape, {a}) ~ np.arange({a}.size) ~ np.arange({a}.ndim + 2.0) ~ np.identity(2)
~ np.where({a} > 1, 1, 0) ~ np.where(True, {a}, {b}) ~ np.bitwise_count({a}) ~ np.matvec({a}, {b}) ~ np.piecewise({a}, [{a} > 1], [1, 2])"""
WRITES = """{a}[{bk}] = {b} ~ {a}[{k}] = {b} ~ {a}[{k}] = {b} ~ {a}[{k}] {inop} {b} ~ {a} {inop} {b} ~ {a}[...] = {b}
~ np.add({a}, {b}, out={a}) ~ np.multiply({a}, {b}, out={v}) ~ np.copyto({a}, {b})
~ np.copyto({v}, {b}, casting='unsafe') ~ {a}.fill({number}) ~ {a}.T[0] = {b} ~ {a}.sort()
~ {a}[{a} > 1] = {number} ~ {a}[{a} > 1] += 1 ~ {a}[{a} > 1] = {a}[{a} > 1] * 2 ~ np.add.at({a}, [0, 0], 1)
~ {a}.flat[0] = {plain} ~ np.put({a}, [0], {number}) ~ np.fill_diagonal({a}, 1) ~ {a}[0], {a}[1] = {a}[1], {a}[0]
~ {a}[[0, 1]] = {a}[[1, 0]] ~ np.absolute({a}, out={a}[::-1]) ~ np.add({a}, 1, out={a}, where={a} > 1)
~ np.place({a}, {a} > 0, 5) ~ np.putmask({a}, {a} > 2, 0) ~ np.sum({a}, axis=0, out={a}[0])
~ np.cumsum({a}, out={a}) ~ np.sqrt({a}, out={a}, casting='unsafe') ~ helper({v}, {b}) ~ np.subtract({a}, {b}, {a})
~ {a}.reshape(-1)[0] = {b} ~ {a}.ravel()[:] = {b} ~ {a}[:] = {a}[::-1] ~ np.maximum({a}, 1, out={a})
~ np.clip({a}, 0, 1, out={a}) ~ {a}.imag[...] = 1 ~ for row in {a}:\n    row {inop} 1 ~ {a}.put([0, 1], {b})
~ {a}.flat = {b} ~ np.divide({a}, {b}, out={a}, where={a} != 0) ~ {a}.setflags(write=False)
~ try:\n    {a}[{k}] = {b}\nexcept ({raised}):\n    {a}[...] = 0 ~ np.{u2}({a}, {b}, out={v}) ~ np.{u1}({a}, out={v})
~ np.{u2}({a}, {b}, out={a}, casting='unsafe') ~ np.{masked}({a}, {b}, out={v}, where={a} > 1, casting='unsafe')
~ np.place({a}, {a} > 0, [5, 6]) ~ np.putmask({a}, {a} > 1, [7, 8, 9]) ~ np.put({a}, [0, 9], [1, 2], mode={mode})
~ {a}.put([1, 0, -1], {v}) ~ {a}.real = {b} ~ {a}.imag = 2 ~ {a}.partition(0) ~ {a}.sort(axis=0)
~ np.copyto({a}, {b}, where={a} > 1) ~ np.copyto({v}, {v2}) ~ {v}[...] = {v2} ~ {v}[...] {inop} {b} ~ {v}[{bk}] {inop} {v2}
~ np.{uf}.at({a}, [0, 1, 0], {b}) ~ np.{uf}.accumulate({a}, axis=0, out={a}) ~ np.{uf}.reduce({a}, axis=0, out={v})
~ {a}.{fold}(axis=0, out={v}) ~ {a}.clip(0, 2, out={v}) ~ {a}.round(0, {v}) ~ np.take({a}, [0, 1], out={v})
~ np.concatenate([{a}, {a}], out={v}) ~ np.stack([{a}, {a}], out={v}) ~ np.matmul({a}, {b}, out={v})
~ np.dot({a}, {b}, out={v}) ~ np.einsum('i...->i...', {a})[...] = {b} ~ np.einsum('ii->i', {a} if {a}.size else np.eye(2))[:] = 3
~ np.ndarray.fill({a}, {plain}) ~ np.ndarray.__setitem__({a}, 0, {b}) ~ {a}.__iadd__({b})
~ swap({a}, {v}) ~ shift({v}) ~ twice({a}, {b}) ~ {a}[1:] = {a}[:-1] ~ {a}[{bk}] = {a}[{bk2}] ~ {a}[0][...] = {b}
~ {a}[1:][0] = {b} ~ {a}.T[...] = {b} ~ {a}[::2][::-1] += 1 ~ for i in range(2):\n    {a}[i] {inop} i + 1
~ for x, y in zip({a}, {a}[::-1]):\n    x[...] = y ~ if {a}.ndim > 1:\n    {a}[:, 0] = {b}\nelse:\n    {a}[0] = {b}
~ box({a})['x'][...] = {b} ~ pair({a})[1][0] = {b} ~ with np.errstate(all='ignore'):\n    {a} {inop} {b}
~ with contextlib.suppress({raised}):\n    {a}[{k}] = {b}\n    {a}[0] = 9
~ try:\n    {a}[{k}] {inop} {b}\nfinally:\n    {a}[0] = 5 ~ {a}[0] = {b}; {a}[-1] = {a}[0]
~ {a}[{a} > 1] {inop} {plain} ~ {a}[{a} == {a}] = 3 ~ {a}[~({a} > 1)] = {a}.T[...][0] ~ {a}[{a} > 1, ...] = 0
~ {a}[np.arange(2)] = {b} ~ {a}[..., [0, -1]] {inop} 2 ~ {a}.flat[1:] = {b} ~ {a}.flat[[0, 1]] = [3, 4]
~ assert {a}.ndim < 9 ~ {a}.reshape(-1).sort() ~ {a}.shape = (-1,)"""


def _templates(text: str) -> list[str]:
    return [t.strip().replace("\\n", "\n") for t in text.replace("\n~", " ~").split(" ~ ")]


VIEW, NEW, WRITE = map(_templates, (VIEWS, FRESH, WRITES))
HELPERS = """def helper(x, y):
    x += y
    return x[0]
def first(x):
    return x[0]
def pair(x):
    return [x, x[1:]]
def box(x, **more):
    return {'x': x.T, **more}
def swap(x, y):
    x[0], y[0] = y[0], x[0]
def shift(x, by=1):
    x[by:] = x[:-by]
    return x
def twice(x, y):
    helper(x[...], y)
    x *= 2""".splitlines()


class _Fields(dict[str, str]):
    """What stands for the names in a template; made when it is asked for."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.maker = maker

    def __missing__(self, name: str) -> str:
        maker, kind = self.maker, name.rstrip("2") if name not in CHOICES else name
        made = {"a": maker.name, "b": maker.value, "v": maker.view, "k": maker.key}.get(kind)
        if kind == "bk":
            self[name] = maker.key("basic")
        elif made is not None:
            self[name] = made()
        else:
            self[name] = maker.pick(CHOICES[kind])
        return self[name]


class Maker:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.names: list[str] = []
        self.lines: list[str] = []
        self.made = 0

    def pick(self, items: Any) -> Any:
        return self.rng.choice(items)

    def name(self) -> str:
        """A name in scope, later ones more often."""
        return self.pick(self.names + self.names[-3:])

    def new(self, text: str) -> str:
        self.made += 1
        name = f"v{self.made}"
        self.lines.append(f"{name} = {text}")
        self.names.append(name)
        return name

    def filled(self, templates: list[str]) -> str:
        return self.pick(templates).format_map(_Fields(self))

    def key(self, kind: str = "part") -> str:
        return ", ".join(self.pick(CHOICES[kind]) for _ in range(self.pick([1, 1, 1, 2, 2, 3])))

    def view(self) -> str:
        """An expression that is mostly a view."""
        return self.filled(VIEW)

    def value(self) -> str:
        return self.pick([self.name, self.view, lambda: self.pick(CHOICES["number"])])()

    def make(self, arrays: list[np.ndarray[Any, Any]]) -> str:
        """The body of a program with parameters ``a``, ``b`` ... for these arrays. Lines that raise
        are mostly left out, so that a program gets far."""
        parameters = "abc"[: len(arrays)]
        self.names = list(parameters)
        self.lines = [*HELPERS]
        space: dict[str, Any] = {"np": np, "contextlib": contextlib}
        exec("\n".join(self.lines), space)
        space.update(zip(parameters, twins(arrays), strict=True))
        wanted = self.rng.randint(1, 8)
        for _ in range(30):
            if len(self.lines) >= wanted + len(HELPERS):
                break
            self.statement(space)
        kept = [
            self.pick([self.name, self.name, self.view])() for _ in range(self.rng.randint(0, 3))
        ]
        if self.rng.random() < 0.05:
            self.lines.append(self.pick(["raise ValueError('at the end')", "kept[7]", "1 // 0"]))
        given = f"{', '.join(kept)}{',' if kept else 'None'}"
        boxed = [f"({given})", f"[{', '.join(kept)}]", f"{{'x': ({given})}}"]
        self.lines.append(f"return {self.pick([given, given, given, *boxed])}")
        return "\n".join(self.lines)

    def statement(self, space: dict[str, Any]) -> None:
        """Append one statement."""
        kind = self.rng.random()
        before = len(self.lines)
        if kind < 0.4:
            self.lines.append(self.filled(WRITE))
        else:
            self.new(self.filled(VIEW if kind < 0.7 else NEW))
        error = outcome(lambda: _execute("\n".join(self.lines[before:]), space))
        often = isinstance(error, Exception) and self.rng.random() < 0.93
        if often or isinstance(error, _Undefined):
            del self.lines[before:]
            if kind >= 0.4:
                self.names.pop()


class _Undefined(Exception):
    """A statement casts a number to a dtype that does not hold it: C leaves open what that gives,
    and NumPy's loops for strided and for contiguous arrays differ."""


def _execute(text: str, space: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(text, space)
    if any("invalid value encountered in cast" in str(w.message) for w in caught):
        raise _Undefined


def arrays_of(seed: int) -> list[np.ndarray[Any, Any]]:
    """One to three arrays: of any layout, sometimes read-only, the same object or views of one base."""
    rng = random.Random(seed * 7919 + 1)
    arrays = [_array(rng) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    if len(arrays) > 1 and rng.random() < 0.3:
        first = arrays[0]
        arrays[1] = rng.choice([
            lambda: first, lambda: first[1:] if first.ndim else first, lambda: first[::-1] if first.ndim else first, lambda: first.T,
        ])()  # fmt: skip
    return arrays


def _array(rng: random.Random) -> np.ndarray[Any, Any]:
    dtype, shape = np.dtype(rng.choice(DTYPES)), rng.choice(SHAPES)
    size = int(np.prod(shape))
    values = np.array([rng.choice([0, 1, 2, 3, 4, 5, 7, -1, -2]) for _ in range(size)])
    if dtype.kind in "fc":
        values = values + np.array([rng.choice([0, 0.5, 0.25]) for _ in range(size)])
    with np.errstate(all="ignore"):
        made = np.asarray(values).astype(dtype).reshape(shape)
    kind = rng.random()
    if kind < 0.12:
        made = np.asfortranarray(made)
    elif kind < 0.2 and made.ndim:
        made = made.repeat(2, axis=-1)[..., ::2]
    elif kind < 0.28 and made.ndim:
        made = made[::-1].copy()[::-1]
    elif kind < 0.32:
        made.flags.writeable = False
    return made


def run(seed: int, jit: bool | None = False) -> tuple[str, str]:
    """Make and compare the program of a seed. Returns its text and how it ended."""
    arrays = arrays_of(seed)
    text = Maker(seed).make(arrays)
    function = program(text, ", ".join("abc"[: len(arrays)]))
    try:
        calls = 6 if jit is None else 2
        return text, compare(function, *arrays, jit=jit, calls=calls, refusals=True)
    except Difference as error:
        shown = "\n".join(
            f"{n} = {a!r}  # strides {a.strides}" for n, a in zip("abc", arrays, strict=False)
        )
        raise Difference(f"seed {seed}\n{text}\n{shown}\n{error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--default", action="store_true", help="jit_compile=None, six calls")
    parser.add_argument("--show", type=int, default=10, help="differences to print")
    options = parser.parse_args()
    ends: Counter[str] = Counter()
    start = time.perf_counter()
    for seed in range(options.start, options.start + options.count):
        try:
            ends[run(seed, None if options.default else options.jit)[1]] += 1
        except Difference as error:
            ends["differs"] += 1
            if ends["differs"] <= options.show:
                print(error, end="\n\n", flush=True)
    told = ", ".join(f"{n} {end}" for end, n in sorted(ends.items()))
    print(f"{options.count} programs in {time.perf_counter() - start:.0f} s: {told}")
    raise SystemExit(bool(ends["differs"]))


if __name__ == "__main__":
    main()
