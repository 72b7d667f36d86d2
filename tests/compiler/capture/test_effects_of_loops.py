"""What trips of a loop of the graph print, log and append happens once per call, in order, with the
values of each trip; before an exception it is kept."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import numpy as np
import pytest

import twofold as tf

LOG: list[Any] = []
SEEN: set[int] = set()
LATEST: deque[Any] = deque(maxlen=2)
TABLE: dict[Any, Any] = {}
LOGGER = logging.getLogger(__name__)


class Tracker:
    """Counts, and keeps what it is told."""

    def __init__(self) -> None:
        self.count, self.history = 0, []

    def note(self, value):
        self.count += 1
        self.history.append(value)
        if self.count % 2 == 0:
            print("noted", self.count, value)


TRACKER = Tracker()


def prints(x, n):
    for i in range(n):
        print("trip", i, x, sep=";")
        x = x * 2
    return x


def texts_in_branches(x, n):
    i = 0
    while x < 40:
        if x > 5:
            print(f"big {x:.1f} at {i}")
        else:
            print("small")
        x = x * 2
        i += 1
    print("done", i)
    return x


def loops_in_loops(x, n):
    for i in range(n):
        print("row", i)
        for j in range(i):
            if j % 2:
                LOG.append((i, j))
            print("cell", x * j)
        LOG.append("end")
    for k in range(n):
        print("after", k)
    return x


def appends(x, n):
    LOG.append("begin")
    for i in range(n):
        LOG.append(x)
        LOG.append({"i": i, "half": [float(x) / 2]})
        x = x * 2
    LOG.extend([x, n])
    return x


def containers(x, n):
    while x < 20:
        SEEN.add(int(x) % 3)
        LATEST.append(x)
        TABLE[int(x)] = n
        TABLE["last"] = x
        x = x * 2 + 1
    return x


def methods(x, n):
    for _ in range(n):
        x = x * 1.5
        TRACKER.note(x)
    return x


def logged(x, n):
    for i in range(n):
        LOGGER.info("trip %d %s", i, x)
        x = x + 1
    return x


def arrays(x, n):
    a = np.ones(2)
    for _ in range(n):
        a = a * 2
        print(a, a.sum())
    return a


def in_a_branch(x, n):
    if n > 1:
        for i in range(n):
            LOG.append(x * i)
        print("many")
    else:
        LOG.append("few")
    LOG.append("end")
    return x


def caught(x, n):
    try:
        for i in range(n):
            LOG.append(10 // (2 - i))
    except ZeroDivisionError:
        print("caught")
    finally:
        LOG.append("finally")
    return x


def caught_in_each_trip(x, n):
    i = 0
    while i < n:
        i += 1
        try:
            if i % 2:
                raise ValueError(i)
            LOG.append(i)
        except ValueError:
            LOG.append("odd")
        finally:
            print("finally", i)
    return i


def caught_number(x, n):
    total = kind = 0
    try:
        for i in range(n):
            total += 10 // (2 - i)
    except ZeroDivisionError:
        kind = 5
    return x, total, kind


def staged_key(x, n):
    TABLE[int(x)] = x
    return n


def raises(x, n):
    for i in range(n):
        LOG.append(i)
        if i == 2:
            raise ValueError("two")
        print(i)
    return x


def index_error(x, n):
    values = tf.stack([x, x + 1])
    for i in range(n):
        LOG.append(i)
        print(values[i])
    return x


def read_in_the_loop(x, n):
    for i in range(n):
        LOG.append(i)
        if len(LOG) > 2:
            break
    return len(LOG)


def found(function: Any, n: int, capsys: Any, caplog: Any) -> Any:
    for held in (LOG, SEEN, LATEST, TABLE, TRACKER.history):
        held.clear()
    TRACKER.count = n
    caplog.clear()
    try:
        made = function(tf.constant(1.0 + n), tf.constant(n))
    except (ValueError, IndexError) as error:
        made = error
    lines = [(r.getMessage(), r.lineno) for r in caplog.records]
    held = LOG, SEEN, LATEST, TABLE, TRACKER.history, TRACKER.count
    return repr((made, held)), lines, capsys.readouterr().out


STAGED = [prints, texts_in_branches, loops_in_loops, appends, containers, methods, logged, arrays,
          in_a_branch, caught,
          caught_in_each_trip, caught_number, staged_key]  # fmt: skip


@pytest.mark.parametrize("program", STAGED, ids=lambda p: p.__name__)
def test_effects_of_trips_happen_in_order(program, capsys, caplog):
    caplog.set_level(logging.INFO)
    compiled = tf.function(program, strict=True)
    for n in (3, 0, 1, 4):
        assert found(compiled, n, capsys, caplog) == found(program, n, capsys, caplog)


@pytest.mark.parametrize("program", [raises, index_error, read_in_the_loop])
def test_effects_before_an_exception_are_kept(program, capsys, caplog):
    compiled = tf.function(program)
    for n in (1, 4, 2, 0):
        assert found(compiled, n, capsys, caplog) == found(program, n, capsys, caplog)
