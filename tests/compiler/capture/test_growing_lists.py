"""Lists whose length the graph decides: appended to in loops and on one way of a branch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import twofold as tf


def returned(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    return out


def stacked(x, n):
    out = [x]
    for i in range(n):
        out.append(out[-1] * 0.5 + i)
    return tf.stack(out)


def counted(x, n):
    out = []
    for i in range(n):
        if x > i:
            out.append(x * i)
    return len(out), out


def indexed(x, n):
    out = [x, x]
    for i in range(n):
        out.append(out[-1] + out[-2] * i)
    return out[-1], out[0], out[n]


def summed(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    return sum(out)


def by_while(x, n):
    out = []
    while x < 20 and len(out) < n:
        out.append(x)
        x = x * 1.5 + 1
    return out, x


def gone_over(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    for y in out:
        x = x + y * y
    return x


def comprehension(x, n):
    return [x * i for i in range(n)]


def comprehension_with_a_test(x, n):
    return [x * i for i in range(n) if x * i < 3]


def pairs(x, n):
    return [(i, x * i) for i in range(n)]


def numbers(x, n):
    return [float(x) * i for i in range(n)]


def rows(x, n):
    h = tf.ones((3,)) * x
    out = []
    for i in range(n):
        h = tf.tanh(h) + i
        out.append(h)
    return tf.stack(out) if out else h


def popped(x, n):
    stack = [x]
    for _ in range(n):
        y = stack.pop()
        stack.append(y * 0.5)
        stack.append(y + 1)
    return len(stack), stack[-1], stack


def two_lists(x, n):
    low, high = [], []
    for i in range(n):
        if x * i > 1:
            high.append(x * i)
        else:
            low.append(i)
    return low, high


def on_one_way(x, n):
    out = [x]
    if n > 2:
        out.append(x * 2)
    return out


def by_a_helper(x, n):
    seen = []

    def note(y):
        if y > 1:
            seen.append(y)
        return y

    for i in range(n):
        x = x + note(x * i)
    return x, seen


def written_to(x, n):
    out = [x * i for i in range(n)]
    for i in range(len(out)):
        out[i] = out[i] + out[-1]
    return out


def out_of_range(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    return out[2]


def pop_of_nothing(x, n):
    out = []
    for i in range(n):
        if x > i:
            out.append(x)
        else:
            out.pop()
    return len(out)


def membership(x, n):
    total = x
    for i in range(n):
        if i in (2, 4) or n not in [3, 5]:
            total = total + x * i
    return total


def nothing_or_all(x, n):
    out = []
    for i in range(n):
        if x * i > 4:
            return None
        out.append(x * i)
    return out


def another_list(x, n):
    out = []
    for i in range(n):
        if x * i > 4:
            return []
        out.append(x * i)
    return out


def the_exception(x, n):
    try:
        return [indexed(x - i, n) for i in range(n)]
    except IndexError:
        return "none"


def one_of_two(x, n):
    left, right = [], [x]
    for i in range(n):
        left.append(x * i)
        if i > 1:
            right.append(x + i)
    if x > 1:
        return left
    return right


def one_that_is_written_to(x, n):
    left, right = [], []
    for i in range(n):
        left.append(x * i)
        right.append(x + i)
    either = left if x > 1 else right
    either.append(x)
    return left, right


def one_of_equal_length(x, n):
    left, right = [x], [x]
    either = left if x > 1 else right
    either.append(x * n)
    return left, right


def gone_over_while_it_grows(x, n):
    out = [x, x]
    total = x
    for i, a in enumerate(out):
        if a < 4 and i < 3:
            out.append(a * 2 + 3)
        total = total + i
    return out, total


def numbers_that_grow(x, n):
    found = [1, 2]
    total = 0
    for k in found:
        if x > k:
            found.append(k + 2)
        total += k
    return total, found


def shorter_meanwhile(x, n):
    out = [x, x + 1, x + 2]
    for a in out:
        if a < 2:
            out.pop()
        x = x + a
    return out, x


def beside_another(x, n):
    out = [x, x + 1]
    for a, b in zip(out, [x, x, x, x], strict=False):
        if a < 4:
            out.append(a * 2 + 3)
        x = x + a * b
    return out, x


def equally_long(x, n):
    for a, b in zip((x, x * 2), (1.0, 3.0), strict=True):
        if a < b:
            x = x + a
    return x


def items_of_a_tuple(x, n):
    return [x - i if x > i else -x for i in (0, 1)]


def changed_ahead(x, n):
    steps = [1.0, 2.0, 4.0]
    for a in steps:
        if x > 2:
            steps[2] = 7.0
        x = x + a
    return x, steps


PROGRAMS = [
    gone_over_while_it_grows, numbers_that_grow, shorter_meanwhile, beside_another,
    items_of_a_tuple, changed_ahead, nothing_or_all, another_list, the_exception, one_of_two,
    one_that_is_written_to, one_of_equal_length, equally_long, returned, stacked, counted, indexed, summed, by_while, gone_over, comprehension,
    comprehension_with_a_test, pairs, numbers, rows, popped, two_lists, on_one_way, by_a_helper,
    written_to, out_of_range, pop_of_nothing, membership,
]  # fmt: skip
CALLS = [(0.5, 0), (0.5, 1), (2.0, 3), (-1.0, 5), (1.5, 40)]


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist()
    return (value.dtype, value.numpy().tolist()) if isinstance(value, tf.Tensor) else value


def _outcome(call: Any) -> Any:
    try:
        return _plain(call())
    except (IndexError, ValueError) as error:
        return type(error), str(error).partition("\n")[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_list_that_grows_is_part_of_the_graph(program):
    compiled = tf.function(program, strict=True)
    for x, n in CALLS:
        given = tf.constant(x), tf.constant(n)
        assert _outcome(lambda g=given: compiled(*g)) == _outcome(lambda g=given: program(*g))
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("program", [returned, stacked, summed, gone_over, popped, by_a_helper])
def test_derivatives_go_through_lists_that_grow(program):
    def total(function, x, n):
        flat: list[Any] = []

        def collect(value):
            if isinstance(value, list | tuple):
                for item in value:
                    collect(item)
            elif isinstance(value, tf.Tensor):
                flat.append(tf.sum(value * value))

        collect(function(x, n))
        return sum(flat) + x

    def derivatives(function, x, n):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = total(function, x, n)
            first = inner.gradient(y, x)
        second = outer.gradient(first, x)
        return [0.0 if d is None else float(d) for d in (first, second)]

    compiled = tf.function(program, strict=True)
    for x, n in CALLS[:4]:
        given = tf.constant(x), tf.constant(n)
        want = derivatives(program, *given)
        assert derivatives(compiled, *given) == pytest.approx(want, rel=1e-5)


def joined(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    more = out + [x]  # noqa: RUF005
    out += [x - 1]
    same = out
    same.extend(more)
    same.extend(same)
    return len(same), [*out, x]


def emptied(x, n):
    out = []
    i = 0
    while i < n:
        out.append(x * i)
        i += 1
        if len(out) > 3:
            out.clear()
    return out


def worklist(x, n):
    todo, total = [x], x * 0
    while todo and len(todo) < n:
        y = todo.pop()
        total = total + y
        if y > 0.6:
            todo.append(y * 0.5)
            todo.append(y * 0.25)
    return total


@pytest.mark.parametrize("program", [joined, emptied, worklist])
def test_what_is_done_with_such_lists_is_part_of_the_graph(program):
    compiled = tf.function(program, strict=True)
    for x, n in CALLS:
        given = tf.constant(x), tf.constant(n)
        assert _outcome(lambda g=given: compiled(*g)) == _outcome(lambda g=given: program(*g))


def _grown(x, n):
    out = []
    for i in range(n):
        out.append(x * i)
    return out


HELD: dict[str, Any] = {}


def kept_outside(x, n):
    HELD["items"] = _grown(x, n)
    return len(HELD["items"])


def unpacked(x, n):
    first, *rest = _grown(x, n) or [3]
    return first, rest


def without_one(x, n):
    out = _grown(x, n)
    del out[0]
    return out


def shown(x, n):
    out = _grown(x, n)
    return f"{out}", out == [1]


def an_array_of_each_trip(x, n):
    row, out = np.zeros(2), []
    for _ in range(n):
        row += 1
        out.append(row)
    return out


def backwards_from_before(x, n):
    out = [x, x]
    items = reversed(out)
    if x > 1:
        out.append(x * n)
    return [a + 1 for a in items]


def begun_before(x, n):
    out = [x, x]
    items = iter(out)
    if x > 1:
        out.append(x * n)
    return next(items), next(items), next(items, "no more")


def chained(x, n):
    out = [x, x]
    items = itertools.chain(out, [x * 9])
    if x > 1:
        out.append(x * n)
    return [a + 1 for a in items]


@pytest.mark.parametrize(
    "program",
    [
        kept_outside, unpacked, without_one, shown, an_array_of_each_trip, backwards_from_before,
        begun_before, chained,
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_what_looks_into_such_a_list_otherwise_is_done_by_python(program):
    compiled = tf.function(program)
    for x, n in CALLS[1:4]:
        given = tf.constant(x), tf.constant(n)
        assert _outcome(lambda g=given: compiled(*g)) == _outcome(lambda g=given: program(*g))
        if program is kept_outside:
            assert _plain(HELD["items"]) == _plain(_grown(*given))
    assert compiled.experimental_get_segment_count() + compiled.experimental_get_plain_count() >= 3


def picked(x, n):
    return [x, x + 1, x * 2][n], (1, 2, 3)[n - 1], [(x, 1), (x * 2, 2)][n % 2]


def searched(x, n):
    values = [x, x * 2, x * 3, x * 4]
    low, high = 0, 3
    while low < high:
        middle = (low + high) // 2
        if values[middle] < 5:
            low = middle + 1
        else:
            high = middle
    return low


def asked(x, n):
    return any([x > 0, x > n]), all([x > 0, n > 1]), all([]), any([x, 0])


def left_by_a_value(x, n):
    def multiples():
        for i in range(6):
            yield x * i

    for v in multiples():
        if v > n:
            break
    return v


@pytest.mark.parametrize(
    "program", [picked, searched, asked, left_by_a_value], ids=lambda p: p.__name__
)
def test_items_that_values_choose(program):
    compiled = tf.function(program, strict=True)
    for x, n in ((1.0, 1), (3.0, 2), (-1.0, 0), (2.0, -1), (2.0, 5)):
        found = []
        for function in (program, compiled):
            try:
                found.append(repr(function(tf.constant(x), tf.constant(n))))
            except IndexError as error:
                found.append(repr(error))
        assert found[0] == found[1]
    assert compiled.experimental_get_tracing_count() == 1


def array_of_chosen(x, k):
    out = []
    for v in x:
        if v > k:
            out.append(v * 2)
    made = np.array(out)
    other = made
    made += 1
    return made, other is made, made.dtype, len(made), made.sum()


def array_of_numbers(x, k):
    out, s = [], 0.0
    while s < k * 10:
        s += 1.5
        out.append(s)
    made = np.asarray(out)
    made[0:1] = 7.0
    return made, out


def arrays_of_trips(x, k):
    total, n = 0.0, 0
    while n < 3:
        out = []
        for v in x:
            if v > k:
                out.append(v)
        total, n = total + np.array(out).sum(), n + 1
    return total


@pytest.mark.parametrize("program", [array_of_chosen, array_of_numbers, arrays_of_trips])
def test_numpy_makes_an_array_of_such_a_list(program):
    compiled = tf.function(program, strict=True)
    x = np.linspace(0.0, 1.0, 20)
    for k in (0.5, 2.0, -1.0):  # the list is empty in some calls
        given = tf.constant(k, tf.float64)
        assert repr(compiled(x, given)) == repr(program(x, given))


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_an_array_of_integers_that_may_be_none_is_numpys():
    def positions(x, k):
        out = []
        for i in range(20):
            if x[i] > k:
                out.append(i)
        return np.array(out)

    compiled = tf.function(positions)
    x = np.linspace(0.0, 1.0, 20)
    for k in (0.5, 2.0, 0.5):
        given = tf.constant(k, tf.float64)
        assert repr(compiled(x, given)) == repr(positions(x, given))
