"""NumPy's functions, methods and classes in compiled functions, each against plain Python."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import numpy as np
import pytest
from support.same import compare, program

import twofold as tf

ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.array(3),
    np.array([1.5, 2, -3, 0], np.float32),
    np.array([[1 + 2j, 3], [0, -1j]]).T,
    np.asfortranarray(np.arange(-3, 9).reshape(3, 4)),
]
PROGRAMS = [
    # classes that are called, methods that are taken from a class
    "return np.float32(a), np.float64(a), np.bool_(a), np.uint8(a.astype(int)), np.half(a)",
    "x = np.float64(a.sum())\nx += 1\nreturn x, [np.float32(y) for y in a.ravel()]",
    "return np.float32([a.sum(), 2]), np.complex128(a.mean()), np.float32(1) + a, np.int8(3) * a",
    "return a.astype(np.float32), a.dtype.type is np.float64, np.float32 is np.float32",
    "np.ndarray.fill(a, 2)\nnp.ndarray.__setitem__(a, ..., 7)\nnp.ndarray.sort(a)\nreturn a",
    "return np.ndarray.sum(a), np.ndarray.reshape(a, -1), np.ndarray.__add__(a, a)",
    "b = np.ndarray((2, 3))\nb[...] = 1\nreturn b, isinstance(a, np.ndarray)",
    # other methods of ufuncs
    "return np.subtract.reduce(a, axis=-1, keepdims=True), np.hypot.reduce(a, axis=None)",
    "return np.bitwise_or.reduce(a.astype(int), axis=None), np.logical_xor.reduce(a)",
    "np.fmax.reduce(a, axis=0, out=a[0])\nreturn a, np.logaddexp.reduce(a, axis=-1, dtype='f4')",
    "return np.add.reduceat(a, [0, 1, 0]), np.maximum.reduceat(a, [0], axis=-1)",
    "return np.add.reduceat(a, [0, 9])",
    "r = np.zeros((2,) + a.shape[1:])\nnp.add.reduceat(a, [0, 1], out=r)\nreturn r",
    "return np.max(a), a.min(axis=-1), a > 1, np.maximum(a, 2), np.max(a, initial=3)",
    "return np.vecdot(a, a), np.vecdot(a, a, axis=0), np.dot(a, a.T), np.inner(a, a)",
    # truth values as indices
    "return np.arange(3)[True], np.arange(3)[False], a[True], a[np.bool_(True), None], a[..., True]",
    "a[False] = 5\na[True] += 1\na[True, 0] = 3\na[:1, True] -= 1\nreturn a",
    # order and choice
    "return a.searchsorted(1)",
    "return a.argpartition(0), a.argsort(), a.argsort(axis=0), np.argsort(a, axis=None)",
    "a.partition(0)\nreturn a",
    "return np.compress([True, False], a, axis=0), a.compress([True]), np.extract([True, False], a)",
    "return np.take(a, [5, -7], mode='wrap'), a.take([9, -9], mode='clip'), np.isin(a, [1, 2])",
    "return np.repeat(a, [1] * a.shape[0], axis=0), np.delete(a, [0, 0], axis=0)",
    # writes
    "a.put([9, -8], 3, mode='wrap')\nnp.put(a, [1, 2], [1, 2])\nreturn a",
    "np.put(a, [0, 77], [3, 4])\nreturn a",
    "np.put(a, a.astype(int), 1)\nreturn a",
    "np.place(a, a > 1, [7, 8])\nnp.putmask(a, a < 0, [7, 8, 9])\nreturn a",
    "np.putmask(a, [True], 1)\nreturn a",
    "a.flat = [1, 2]\na.flat[1:] = [5, 6]\nreturn a",
    "a.flat[[0, 1, 99]] = [5]\nreturn a",
    "a **= a\nreturn a",
    "b = a.copy()\nb **= b\na[...] = b",
    # the object itself
    "a.shape = (-1,)\nreturn a",
    "a.flags.writeable = False\nreturn a",
    "v = a[...]\nv.setflags(write=False)\nv[...] = 1",
    "b = np.zeros(3)\nb.flags.writeable = False\nv = b[1:]\nb.flags.writeable = True\nv[...] = 1\nreturn b",
    "b = np.zeros((2, 2))\nreturn b.base is None, b[...].base is b, b.T.base is b, a.base is None",
    "return a.flags.owndata, a.flags.writeable, a.flags['C_CONTIGUOUS'], a.flags['W']",
    "return np.shares_memory(a, a), np.shares_memory(a[:1], a[1:]), np.may_share_memory(a.T, a)",
    # axes of what has none, powers, imports
    "s = np.array(2.5)\nreturn np.argsort(s, kind='stable'), s.repeat(2, 0), np.take(s, [0, 0], axis=-1)",
    "return a ** 2, a ** 0.5, (a > 1) ** 2, np.array([-np.inf, -0.0]) ** 0.5, (a + 0j) ** -1",
    "import numpy as p\nfrom numpy import zeros\nb = zeros(2)\nb[0] = a.sum()\np.add(b, 1, out=b)\nreturn b",
    "b = np.identity(2)\nc = b.T\nnp.maximum(c, a.sum(), out=c)\nreturn b, c",
    "np.dot(a, np.float64(0.1), out=a.T)",
    "np.take(a, [0, 1], out=np.zeros(3))",
    "a.flat = []\na.put([0], [])\nnp.place(a.sum(), True, 1)",
    "a.real = a\nreturn a.sum().mT",
    # what NumPy does in an order that shows, and checks in an order of its own
    "np.equal(a, a, out=a[..., ::-1], where=a > 1, casting='unsafe')\nreturn a",
    "a[~(a > 1)] = a.T[0, :1]\nreturn a",
    "r = np.zeros((1, 4), 'u1')[0]\nnp.maximum.reduce(a.real.astype('i2'), axis=0, out=r)\nreturn r",
    "a.cumprod(axis=0, out=np.zeros(3))",
    "np.bitwise_xor.at(a, [0, 99], 0.1)",
    "a.round(0, np.zeros(7))",
    "a.round(0, list(a.ravel())[-1])",
    "r = np.zeros((1, *a.shape))\na.round(0, r)\nreturn r",
    "r = np.zeros(a.size)\na.round(1, r)\nreturn r",
    "return np.zeros_like([a, a]), np.ones_like((a, a), shape=3), np.empty_like([a, 1 * a]).shape",
    "np.concatenate([a, a], out=list(a.ravel())[-1])",
    "b = np.array(1)\nnp.concatenate([b, b], out=a.real)",
    "b = (a.ravel() * 1.5).imag\nb.flags.writeable = False\nnp.bitwise_xor.accumulate(b, out=b)",
    "return np.hypot.reduce(a, axis=-1, dtype='f8'), np.inner(a.T, np.float32(1.5))",
    "return np.array(a.sum(), copy=False)",
    "np.matmul(a, a.T, out=np.zeros((2, 2), bool))",
    "r = np.zeros((0, 3))\nr.flags.writeable = False\nreturn np.concatenate([r, r], out=r)",
    "np.dot(a.astype('i1'), 300, out=a.astype('i1'))",
    "b = np.zeros((2, 3))\nd = b.diagonal()\nb.shape = (-1,)\nb[0] = 7\nreturn b, d[1:]",
    # types, copies, constants
    "return type(a) is np.ndarray, type(a.sum()) is np.float64, type([a]) is list, type(a).__name__",
    "import copy\nreturn copy.copy(a), copy.deepcopy([a])",
    "return np.broadcast_to(np.float32(1), a.shape), np.broadcast_to([1, 2], (2, 2)), np.eye(2, order='F')",
    "v = np.searchsorted([0, 1, 2], np.array([[1, 2]]))\nreturn v.imag, v, v.T",
    # what NumPy writes in Python
    "return np.r_[a, a], np.c_[a, a], np.r_[1:3, 0, a.ravel()], np.r_['-1', a, a]",
    "g = np.mgrid[0:3, 0:2]\ng += 1\nreturn g, np.ogrid[0:2]",
    "return np.diagflat(a), np.ediff1d(a), np.linspace(a, a + 1, 3), np.block([[a, a], [a, a]])",
    "return np.unique(np.array([3, 1, 1])), np.nonzero(np.array([0, 1])), np.bincount([1, 1])",
]


@pytest.mark.parametrize("text", PROGRAMS)
def test_a_program_is_what_plain_python_makes_of_it(text: str) -> None:
    for array in ARRAYS:
        compare(program(text), array)


@pytest.mark.parametrize("dtype", "fdFDe")
def test_a_product_with_one_number_is_numpys(dtype: str) -> None:
    """NumPy computes these by axpy: a factor of zero gives zeros, also of NaN and infinity."""

    def products(x: Any, y: Any) -> Any:
        return np.dot(x, y), x.dot(y), np.inner(x, y)

    tensors = [
        np.array([[np.nan, -0.0, np.inf]]),
        np.array([-0.0, np.nan]),
        np.full((2, 2, 1), np.nan),
    ]
    with np.errstate(invalid="ignore"):
        for factor in (0.0, -0.0, 2.0):
            for one in (np.array(factor), np.array([factor]), np.array([[factor]])):
                for x in (*tensors, one):
                    if x.ndim <= 2 or one.ndim < 2:
                        compare(products, x.T.astype(dtype), one.astype(dtype))


def test_a_class_that_is_not_called_is_numpys_own() -> None:
    def f(a: Any) -> Any:
        kinds = {np.float32: 4, np.float64: 8}
        scalar = np.float64
        return a * kinds[a.dtype.type], scalar is np.float64, np.zeros(2, scalar)

    compare(f, np.arange(3.0))


def test_a_result_whose_size_depends_on_values_has_that_of_numpy() -> None:
    def f(a: Any) -> Any:
        return np.linalg.lstsq(a, a[:, 0])[1]

    compiled = tf.function(f, strict=True)
    for a in ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]):
        found = compiled(np.array(a))
        assert found.shape == f(np.array(a)).shape


class Suppressing:
    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> bool:
        return error[0] is IndexError


@contextlib.contextmanager
def ignoring() -> Any:
    try:
        yield
    except IndexError as error:
        assert error.args


@contextlib.contextmanager
def passing() -> Any:
    yield


LOCK = threading.Lock()
CATCHING = ["contextlib.suppress(IndexError)", "Suppressing()", "ignoring()", "(LOCK, Suppressing())[1]",
            "Suppressing() if a.size else LOCK"]  # fmt: skip
LETTING_PASS = ["np.errstate(all='ignore')", "LOCK", "tf.GradientTape() as tape", "passing()",
                "contextlib.nullcontext(), LOCK"]  # fmt: skip


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("manager", [*CATCHING, *LETTING_PASS])
def test_an_exception_on_values_inside_a_with(manager: str, jit: bool) -> None:
    text = (
        f"def f(a, i):\n    with {manager}:\n        a[0] = a[i][0]\n    a[1] = 7\n    return a\n"
    )
    space = {**globals()}
    exec(compile(text, "<string>", "exec"), space)
    compare(space["f"], np.arange(5.0), np.array([1, 7]), jit=jit)
    compiled = tf.function(space["f"], jit_compile=jit)
    compiled(np.arange(5.0), np.array([2]))
    left = compiled.experimental_get_segment_count() + compiled.experimental_get_plain_count()
    assert left == 0  # a call that raises is made by plain Python, if it may be caught


@pytest.mark.parametrize("given", ["f8", "f4", "i8", "i1", "?"])
@pytest.mark.parametrize("wanted", ["f8", "f4", "i8", "i1"])
def test_a_sum_into_another_dtype_is_computed_in_that_of_both(given: str, wanted: str) -> None:
    x = np.array([[1.75, 2.5, -1.5], [10, 3.25, 7.0]]).astype(given)
    out = np.zeros(3, wanted)
    compare(lambda x, out: (np.add.reduce(x, axis=0, out=out), np.prod(x, axis=0, out=out)), x, out)
    compare(lambda x, out: np.sum(x, axis=0, out=out), x, out)
