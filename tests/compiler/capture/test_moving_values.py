"""Values in attributes, names and containers that are others on each call are read anew: tensors,
arrays, scalars of NumPy's, and the numbers and arrays that a loop finds in lists and dicts."""

from __future__ import annotations

import copy
import operator
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf


class Held:
    """An object with values of all kinds."""

    def __init__(self) -> None:
        self.w = tf.constant([1.0, 2.0, 3.0])
        self.total, self.best, self.calls = np.float64(0.0), np.float64(9.0), np.int64(1)
        self.ws = [np.ones(3) * i for i in range(3)]
        self.ts = [tf.constant([1.0, 2.0]), tf.constant(3.0)]
        self.p = {"w": np.ones((2, 3)), "b": np.zeros(3)}
        self.m = {"w": np.zeros((2, 3)), "b": np.zeros(3)}
        self.weights, self.biases = [np.ones((2, 2)), np.ones((2, 2)) * 2], [np.zeros(2)]
        self.params = [(np.ones(2), {"b": np.zeros(2)}), (np.ones(3), {"b": np.ones(1)})]
        self.rates = [0.5, 0.25, 0.125]
        self.counts = {"a": 1.0, "b": 2.0}


def a_tensor(o, t):
    o.w = o.w * 0.5 + t
    return tf.sum(o.w)


def tensors_in_a_list(o, t):
    for i in range(2):
        o.ts[i] = o.ts[i] + t
    return tf.sum(o.ts[0]) + o.ts[1]


def a_scalar(o, t):
    o.total = o.total + np.sum(o.ws[1]) * t
    if o.total < o.best:
        o.best = o.total
    return o.total, o.best


def an_integer_by_value(o, t):
    o.calls = np.int64(2)
    return np.zeros(o.calls) + t


def items_of_a_list(o, t):
    for i, w in enumerate(o.ws):
        o.ws[i] = w - 0.1 * t
    return o.ws[0].sum()


def adam(o, t):
    for k in o.p:
        o.m[k] = 0.9 * o.m[k] + t
        o.p[k] = o.p[k] - 0.1 * o.m[k] / (np.sqrt(np.abs(o.m[k])) + 1e-8)
    return sum(p.sum() for p in o.p.values())


def numbers_of_a_list(o, t):
    for i, rate in enumerate(o.rates):
        o.rates[i] = rate * t
    return sum(o.rates), max(o.rates), np.mean(o.rates)


def numbers_of_a_dict(o, t):
    for k, v in o.counts.items():
        o.counts[k] = v + t
    return sorted(o.counts.values())


def network(o, t):
    o.weights = [w - 0.1 * t * w for w in o.weights]
    o.biases = [b + t for b in o.biases]
    return sum(w.sum() for w in o.weights) + o.biases[0].sum()


def nested(o, t):
    o.params = [(w * 0.5, {"b": p["b"] + t}) for w, p in o.params]
    return o.params[0][1]["b"].sum()


def handed_on(o, t):
    before = o.weights
    o.weights = [before[1], before[0] + t]
    before[0] = before[0] * 2
    return before


def of_tensors(o, t):
    with tf.GradientTape() as tape:
        tape.watch(o.ts)
        loss = tf.sum((o.ts[0] * o.ts[1] - t) ** 2)
    o.ts = [x - 0.1 * g for x, g in zip(o.ts, tape.gradient(loss, o.ts), strict=True)]
    return loss


def put_and_read(o, t):
    scaled = o.w * t
    o.w = GIVEN
    found = o.w + t
    o.w = scaled
    return found, o.w


STEPS = [network, nested, handed_on, of_tensors, put_and_read, a_tensor, tensors_in_a_list, a_scalar, items_of_a_list, adam, numbers_of_a_list,
         numbers_of_a_dict]  # fmt: skip


def shown(value: Any) -> Any:
    if isinstance(value, tf.Tensor):
        return "tensor", np.asarray(value).tolist()
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [shown(v) for v in value]
    return (type(value).__name__, np.asarray(value).tolist())


def outcomes(step: Callable[..., Any]) -> Any:
    held = Held()
    made = [shown(step(held, t)) for t in (1.0, 0.5, 2.0, 0.25)]
    return made, shown(vars(held))


@pytest.mark.parametrize("step", [*STEPS, an_integer_by_value])
def test_each_call_finds_the_values_that_the_one_before_has_left(step) -> None:
    got, want = flat(outcomes(tf.function(step, strict=True))), flat(outcomes(step))
    assert [x for x in got if type(x) is str] == [x for x in want if type(x) is str]
    numbers = [[x for x in found if type(x) is not str] for found in (got, want)]
    np.testing.assert_allclose(*numbers, rtol=1e-6)


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return [x for v in value for x in flat(v)]
    return [value]


@pytest.mark.parametrize("step", STEPS)
def test_two_traces_do_for_all_calls(step) -> None:
    compiled, held = tf.function(step), Held()
    for t in (1.0, 0.5, 2.0, 0.25, 1.0, 3.0):
        compiled(held, t)
    assert compiled.experimental_get_tracing_count() <= 3
    assert compiled.experimental_get_plain_count() == 0


WEIGHT: Any = np.ones(3)


def of_a_name(t):
    global WEIGHT
    WEIGHT = WEIGHT * 0.5 + t
    return WEIGHT.sum()


def test_a_global_name_and_a_captured_variable_may_mean_other_arrays() -> None:
    def made(function: Any) -> Any:
        weight = np.ones(3)

        @function
        def step(t):
            nonlocal weight
            weight = weight * 0.5 + t
            return weight.sum()

        return step

    global WEIGHT
    plain, compiled = made(lambda f: f), made(tf.function(strict=True))
    named = tf.function(of_a_name, strict=True)
    for t in (1.0, 2.0, 3.0, 4.0):
        before = WEIGHT
        want = of_a_name(t)
        WEIGHT = before
        assert named(t) == want
        assert compiled(t) == plain(t)
    assert compiled.experimental_get_tracing_count() == 2
    assert named.experimental_get_tracing_count() == 2


def test_tensors_that_are_one_object_are_told_from_two() -> None:
    @tf.function
    def same(o):
        return o.left is o.right, o.left + o.right, o.left is GIVEN

    class Pair:
        left, right = None, None

    pair = Pair()
    listed = [X, Y]
    among = tf.function(lambda: (listed[0] is listed[1], listed[0] * 2))
    for left, right in ((X, Y), (Y, Z), (Z, X), (X, X), (Y, X), (GIVEN, X), (X, X), (Y, X)):
        pair.left, pair.right = listed[:] = left, right
        got = same(pair)
        assert got[0] is among()[0] is (left is right)
        assert got[2] is (left is GIVEN)
        np.testing.assert_array_equal(got[1], left + right)


def test_a_container_that_each_call_finds_is_returned_as_it_is() -> None:
    @tf.function(strict=True)
    def given(o):
        return o.weights, o.weights[0]

    held = Held()
    for _ in range(4):
        made, first = given(held)
        assert made is held.weights
        assert first is held.weights[0]
        held.weights = [w + 1 for w in held.weights]
    assert given.experimental_get_tracing_count() == 2


X, Y, Z, GIVEN = (tf.constant([float(i), 1.0]) for i in range(4))

STATE: Any = None
READS = [
    "f'{STATE}'", "str(STATE)", "STATE == [1.0, 2.0, 3.0]", "[STATE] == [[1.0, 2.0, 3.0]]",
    "STATE + [t]", "STATE * 2", "[*STATE]", "max(*STATE)", "np.array([STATE]).sum()",
    "list(map(str, STATE))", "dict(zip('abc', STATE))", "sorted(STATE)", "tuple(STATE)",
    "2.0 in STATE", "STATE[1:]", "STATE.index(max(STATE))", "any(x > 4 for x in STATE)",
]  # fmt: skip
DICT_READS = [
    "{**STATE}", "dict(**STATE)", "dict(STATE.items())", "STATE == {'a': 1.0, 'b': 2.0}",
    "2.0 in STATE.values()", "('a', 1.0) in STATE.items()", "f'{STATE}'", "'{a}'.format(**STATE)",
    "STATE | {'c': t}", "list(STATE.values())", "STATE.get('b')", "len(STATE)",
    "(lambda a, b: a + 3 * b)(**STATE)", "matched(STATE)", "max(STATE, key=STATE.get)",
]  # fmt: skip


def matched(state: Any) -> Any:
    match state:
        case {"a": a} if a > 2:
            return a
        case {"b": b}:
            return -b


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [*READS, *DICT_READS])
def test_what_is_read_of_a_container_beside_what_is_written_is_never_stale(text: str) -> None:
    first: Any = [1.0, 2.0, 3.0] if text in READS else {"a": 1.0, "b": 2.0}
    pairs = "enumerate(STATE)" if text in READS else "STATE.items()"
    source = f"def f(t):\n    made = {text}\n    for k, v in {pairs}:\n        STATE[k] = v + t\n"
    made = []
    for decorate in (operator.pos, tf.function):
        space: dict[str, Any] = {"np": np, "matched": matched, "STATE": copy.copy(first)}
        exec(f"{source}    return made\n", space)
        function = space["f"] if decorate is operator.pos else tf.function(space["f"])
        seen = [repr(function(t)) for t in (1.0, 2.0, 2.0)]
        held = space["STATE"]
        a, b = (0, 1) if text in READS else ("a", "b")
        held[a], held[b] = held[b], held[a]
        made.append((seen, [repr(function(2.0)) for _ in range(2)], repr(held)))
    assert made[0] == made[1]


def test_an_array_of_a_list_that_an_attribute_holds_as_well() -> None:
    held = types.SimpleNamespace(b=np.arange(3.0), ws=[np.zeros(3)])

    @tf.function
    def step(x):
        held.ws = [*held.ws[1:], x]
        return held.b

    for call in range(8):
        if call == 4:
            held.ws.append(held.b)  # what is read of both is one array in this call alone
        assert step(np.full(3, float(call))) is held.b


def test_an_item_that_gets_the_array_which_another_item_holds() -> None:
    held = {"a": np.arange(3.0), "b": np.ones(3)}

    @tf.function
    def step():
        held["b"] = held["a"]
        return len(held)

    for call in range(9):
        if call % 3 == 2:
            held["a"] = np.full(3, float(call))  # where both were one array while it was traced
        step()
        assert held["b"] is held["a"]
