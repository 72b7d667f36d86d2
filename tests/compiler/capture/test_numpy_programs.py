"""Programs for NumPy as textbooks write them, unmodified: strict, and equal to plain NumPy in value,
type, dtype and in what the arguments hold afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


def thomas(a, b, c, d):
    n = len(d)
    cp = np.zeros(n)
    dp = np.zeros(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    x = np.zeros(n)
    x[-1] = dp[-1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]
    return x


def power_iteration(a, steps):
    v = np.ones(a.shape[0])
    for _ in range(steps):
        w = a @ v
        v = w / np.linalg.norm(w)
    return v @ (a @ v), v


def jacobi(a, b, tolerance):
    x = np.zeros_like(b)
    d = np.diag(a)
    rest = a - np.diag(d)
    error = 1.0
    while error > tolerance:
        new = (b - rest @ x) / d
        error = np.max(np.abs(new - x))
        x = new
    return x


def gauss_seidel(a, b, sweeps):
    x = np.zeros_like(b)
    n = len(b)
    for _ in range(sweeps):
        for i in range(n):
            x[i] = x[i] + (b[i] - a[i] @ x) / a[i, i]
    return x


def runge_kutta(y, h, steps):
    def f(y):
        return np.array([y[1], -y[0]])

    for _ in range(steps):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def fft(x):
    n = x.shape[0]
    if n == 1:
        return x.astype(np.complex128)
    even, odd = fft(x[::2]), fft(x[1::2])
    turn = np.exp(-2j * np.pi * np.arange(n // 2) / n) * odd
    return np.concatenate([even + turn, even - turn])


def k_means(points, centres, steps):
    for _ in range(steps):
        distances = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        labels = distances.argmin(axis=1)
        member = labels[:, None] == np.arange(centres.shape[0])
        counts = np.maximum(member.sum(axis=0), 1)
        centres = member.T.astype(np.float64) @ points / counts[:, None]
    return centres, labels


def life(board, steps):
    for _ in range(steps):
        count = np.zeros_like(board)
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                if di or dj:
                    count += np.roll(np.roll(board, di, axis=0), dj, axis=1)
        board[:] = (count == 3) | ((board == 1) & (count == 2))


def monte_carlo(seed, count):
    state = seed
    inside = 0
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2147483648
        x = state / 2147483648
        state = (1103515245 * state + 12345) % 2147483648
        y = state / 2147483648
        if x * x + y * y < 1.0:
            inside += 1
    return 4.0 * inside / count


def horner(coefficients, x):
    made = np.zeros_like(x)
    for c in coefficients:
        made = made * x + c
    return made


def simpson(y, h):
    total = y[0] + y[-1]
    for i in range(1, len(y) - 1):
        if i % 2 == 1:
            total += 4 * y[i]
        else:
            total += 2 * y[i]
    return h / 3 * total


def gram_schmidt(a):
    q = np.zeros_like(a)
    for j in range(a.shape[1]):
        v = a[:, j].copy()
        for k in range(j):
            v -= (q[:, k] @ a[:, j]) * q[:, k]
        q[:, j] = v / np.sqrt(v @ v)
    return q


def levinson_durbin(r, order):
    a = np.zeros(order + 1)
    a[0] = 1.0
    error = r[0]
    for m in range(1, order + 1):
        k = -np.dot(a[:m], r[m:0:-1]) / error
        old = a.copy()
        for i in range(1, m):
            a[i] = old[i] + k * old[m - i]
        a[m] = k
        error *= 1.0 - k * k
    return a, error


def dct(x):
    n = len(x)
    made = np.empty(n)
    for k in range(n):
        made[k] = np.sum(x * np.cos(np.pi * k * (2 * np.arange(n) + 1) / (2 * n)))
    return made


def equalised(image):
    counts = np.zeros(256, dtype=np.int64)
    for v in image.ravel():
        counts[v] += 1
    total = np.cumsum(counts)
    table = np.round((total - total.min()) * 255 / (total[-1] - total.min()))
    return table[image].astype(np.uint8)


def heat(u, steps, r):
    for _ in range(steps):
        u[1:-1] += r * (u[2:] - 2 * u[1:-1] + u[:-2])


def seidel(a, sweeps):
    for _ in range(sweeps):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]) / 4


def floyd_warshall(d):
    for k in range(d.shape[0]):
        d[:] = np.minimum(d, d[:, k, None] + d[None, k, :])
    return d


def trapezoid_rows(a):
    total = 0.0
    for row in a:
        total += (row[0] + row[-1]) / 2 + row[1:-1].sum()
    return total


def tanh_trace(a):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    return a + trace


def newton_root(x, tolerance):
    root = x
    while abs(root * root - x) > tolerance:
        root = (root + x / root) / 2
    return root


def every_other(a):
    for i in range(0, len(a), 2):
        a[i] = -a[i]
    for i in range(len(a) - 1, 0, -3):
        a[i] += a[i - 1]


def crc16(data, poly=0x8408):
    crc = 0xFFFF
    for b in data:
        byte = 0xFF & b
        for _ in range(8):
            if (crc & 1) ^ (byte & 1):
                crc = (crc >> 1) ^ poly
            else:
                crc >>= 1
            byte >>= 1
    return ~crc & 0xFFFF


def conjugate_gradient(a, b, tolerance):
    x = np.zeros_like(b)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    while np.sqrt(rs) > tolerance:
        ap = a @ p
        alpha = rs / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + new / rs * p
        rs = new
    return x


def _random(*shape: int) -> Any:
    return np.random.default_rng(7).random(shape)


N = 30  # more than a loop that is unrolled has trips
DIAGONAL = _random(N, N) + N * np.eye(N)
PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (thomas, (_random(N), _random(N) + 3, _random(N), _random(N))),
    (power_iteration, (_random(5, 5), 40)),
    (jacobi, (DIAGONAL, _random(N), 1e-9)),
    (gauss_seidel, (DIAGONAL, _random(N), 3)),
    (runge_kutta, (np.array([1.0, 0.0]), 0.1, 40)),
    (fft, (_random(16),)),
    (k_means, (_random(40, 2), _random(3, 2), 5)),
    (life, ((_random(12, 12) > 0.6).astype(np.int64), 5)),
    (monte_carlo, (42, 200)),
    (horner, (_random(30), _random(8))),
    (simpson, (_random(31), 0.1)),
    (gram_schmidt, (_random(9, 6),)),
    (levinson_durbin, (np.array([4.0, 2.0, 1.0, 0.5, 0.2]), 4)),
    (dct, (_random(12),)),
    (equalised, ((_random(8, 9) * 200).astype(np.uint8),)),
    (heat, (_random(30), 50, 0.25)),
    (seidel, (_random(30, 28), 2)),
    (floyd_warshall, (_random(30, 30),)),
    (trapezoid_rows, (_random(30, 6),)),
    (tanh_trace, (_random(40, 40),)),
    (newton_root, (2.0, 1e-12)),
    (every_other, (_random(61),)),
    (conjugate_gradient, (DIAGONAL + DIAGONAL.T, _random(N), 1e-9)),
    (crc16, ((_random(40) * 255).astype(np.uint8),)),
]  # fmt: skip


def same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, tuple):
        for x, y in zip(found, wanted, strict=True):
            same(x, y)
    elif isinstance(wanted, np.ndarray | np.generic):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    elif wanted is not None:
        assert found == pytest.approx(wanted, rel=1e-12)


def same_for(program: Callable[..., Any], args: tuple[Any, ...]) -> None:
    plain, compiled = copy.deepcopy(args), copy.deepcopy(args)
    wanted = program(*plain)
    same(tf.function(program, strict=True)(*compiled), wanted)
    same(compiled, plain)


@pytest.mark.parametrize(("program", "args"), PROGRAMS, ids=[p.__name__ for p, _ in PROGRAMS])
def test_program_equals_plain_numpy(program, args):
    same_for(program, args)


def test_arrays_that_each_trip_makes_anew_are_state():
    def smoothed(a, tolerance):
        change = 1.0
        while change > tolerance:
            new = a.copy()
            new[1:-1] = (a[:-2] + a[2:]) / 2
            change = np.abs(new - a).max()
            a = new
        a[0] = -1.0  # not the caller's
        return a

    same_for(smoothed, (_random(12), 1e-3))


def test_arrays_that_share_memory_are_no_state():
    def swapped(a, steps):
        b = a + 1
        keep = b
        for _ in range(steps):
            a, b = b, a
            a[0] += 1
        return a, b, keep

    for strict in (True, False):
        plain, compiled = (_random(4), 31), (_random(4), 31)
        wanted = swapped(*plain)
        same(tf.function(swapped, strict=strict)(*compiled), wanted)
        same(compiled, plain)


def test_two_names_of_one_array_of_a_trip():
    def named(a, steps):
        b = a
        for _ in range(steps):
            a = a + 1
            b = a
        b[0] = 0
        return a, b

    same_for(named, (_random(4), 31))


def test_bounds_of_a_range_hold_for_the_sizes_of_each_call():
    @tf.function
    def scaled(a, b):
        for i in range(a.shape[0]):
            a[i] *= b[i]
        return a

    for n, m in ((40, 40), (40, 50), (0, 3), (30, 30)):
        a, b = _random(n), _random(m)
        same(scaled(a.copy(), b), a * b[:n])
    a, b = np.ones(40), np.full(30, 2.0)
    with pytest.raises(IndexError):
        scaled(a, b)
    same(a, np.concatenate([np.full(30, 2.0), np.ones(10)]))  # what was written stays written


def test_indices_from_the_end_in_a_rolled_loop():
    def mirrored(a):
        made = np.zeros_like(a)
        for i in range(1, len(a) + 1):
            made[i - 1] = a[-i]
        return made

    a = _random(40)
    same(tf.function(mirrored, strict=True)(a), a[::-1].copy())


def test_products_of_loop_variables_do_not_wrap():
    def mixed(n):
        last = 0
        for i in range(n):
            last = i * 60000 * 60000 * 60000
        return last

    with pytest.raises(OverflowError, match="int64"):
        tf.function(mixed)(tf.constant(300000))


def test_an_array_in_a_list_and_in_a_variable_stays_one():
    def boxed(a, steps):
        x = a + 0
        box = [x]
        for _ in range(steps):
            x = x + 1
            box[0] = x
        x[0] = 5
        return box[0], x

    plain = boxed(_random(4), 31)
    found = tf.function(boxed)(_random(4), 31)
    same(found, plain)


@pytest.mark.parametrize("jit", [False, True])
def test_grids_and_joins_by_index_are_part_of_the_graph(jit: bool) -> None:
    def f(a: Any) -> Any:
        x, y = np.mgrid[0:3, 0:2]
        return a + x + y, np.r_[a[0], 1.0:3.0], np.c_[a, a]

    a = np.arange(6.0).reshape(3, 2)
    for got, want in zip(tf.function(f, jit_compile=jit, strict=True)(a), f(a), strict=True):
        np.testing.assert_array_equal(got, want, strict=True)
