"""Random programs of nested control flow: eager, compiled in every mode, and plain NumPy.

The arithmetic is exact or rounded in one way in all of them, so that they take the same branches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twofold as tf

F32 = np.float32
NAMES = ("a", "b", "c")
STATE = ("v", "w")


class Step(NamedTuple):
    """One statement: what it is, the names it uses, a number, and the statements inside."""

    kind: str
    names: tuple[str, ...]
    number: int
    inner: tuple[Any, ...] = ()


names = st.sampled_from(NAMES)
state = st.sampled_from(STATE)
numbers = st.integers(-3, 4)
PLAIN = st.one_of(
    st.builds(lambda o, x, y, n: Step("set", (o, x, y), n), names, names, st.one_of(names, state), numbers),
    st.builds(lambda v, x, n: Step("assign", (v, x), n), state, names, numbers),
    st.builds(lambda x, v, n: Step("write", (x, v), n), names, state, numbers),
)  # fmt: skip


def nested(inner: Any) -> Any:
    block = st.lists(inner, min_size=0, max_size=3).map(tuple)
    return st.one_of(
        st.builds(lambda x, n, p, q: Step("if", (x,), n, (p, q)), st.one_of(names, state), numbers, block, block),
        st.builds(lambda x, n, p: Step("while", (x,), n, (p,)), names, numbers, block),
        st.builds(lambda x, n, p: Step("fold", (x,), n, (p,)), names, numbers, block),
        st.builds(lambda n, p, q, r: Step("switch", (), n, (p, q, r)), numbers, block, block, block),
    )  # fmt: skip


PROGRAMS = st.lists(st.recursive(PLAIN, nested, max_leaves=10), min_size=1, max_size=4).map(tuple)


def combined(x: Any, y: Any, n: int, xp: Any) -> Any:
    """A value within bounds that depends on two."""
    made = (x * F32(0.5) + y) if n % 2 else (x - y * F32(0.25) + F32(n))
    return xp.minimum(xp.maximum(made, F32(-8)), F32(8))


class Functional:
    """The program in TensorFlow's functional forms."""

    def __init__(self, variables: dict[str, tf.Variable]) -> None:
        self.variables = variables

    def run(self, steps: Any, env: dict[str, Any]) -> dict[str, Any]:
        for step in steps:
            env = getattr(self, f"_{step.kind}")(step, dict(env))
        return env

    def _set(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        out, x, y = step.names
        other = self.variables[y] if y in self.variables else env[y]
        return {**env, out: combined(env[x], other, step.number, tf)}

    def _assign(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        v, x = step.names
        self.variables[v].assign(combined(self.variables[v], env[x], step.number, tf))
        return env

    def _write(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        x, v = step.names
        made = env[x] + F32(0)
        made[step.number % 3] = self.variables[v][0]
        return {**env, x: made}

    def _if(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (yes, no) = step.names, step.inner
        value = self.variables[x] if x in self.variables else env[x]
        found: dict[str, Any] = tf.cond(
            value[0] < F32(step.number), lambda: self.run(yes, env), lambda: self.run(no, env)
        )
        return found

    def _while(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (body,) = step.names, step.inner
        found: dict[str, Any] = tf.while_loop(
            lambda i, e: (i < abs(step.number)) & (e[x][1] < F32(6)),
            lambda i, e: (i + 1, self.run(body, e)),
            (0, env),
        )[1]
        return found

    def _fold(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (body,) = step.names, step.inner

        def one(e: Any, row: Any) -> Any:
            return self.run(body, {**e, x: combined(e[x], row, step.number, tf)})

        fold = tf.foldr if step.number < 0 else tf.foldl
        found: dict[str, Any] = fold(one, tf.stack([env[n] for n in NAMES]), env)
        return found

    def _switch(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        index = tf.cast(env["a"][0], tf.int32)
        found: dict[str, Any] = tf.switch_case(
            index, [lambda p=p: self.run(p, env) for p in step.inner]
        )
        return found


class Plain(Functional):
    """The same in NumPy and plain Python."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables

    def _set(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        out, x, y = step.names
        other = self.variables[y] if y in self.variables else env[y]
        return {**env, out: combined(env[x], other, step.number, np)}

    def _assign(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        v, x = step.names
        self.variables[v] = combined(self.variables[v], env[x], step.number, np)
        return env

    def _write(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        x, v = step.names
        made = env[x].copy()
        made[step.number % 3] = self.variables[v][0]
        return {**env, x: made}

    def _if(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (yes, no) = step.names, step.inner
        value = self.variables[x] if x in self.variables else env[x]
        return self.run(yes if value[0] < step.number else no, env)

    def _while(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (body,) = step.names, step.inner
        for _ in range(abs(step.number)):
            if not env[x][1] < 6:
                break
            env = self.run(body, env)
        return env

    def _fold(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        (x,), (body,) = step.names, step.inner
        rows = [env[n] for n in NAMES]
        for row in rows[::-1] if step.number < 0 else rows:
            env = self.run(body, {**env, x: combined(env[x], row, step.number, np)})
        return env

    def _switch(self, step: Step, env: dict[str, Any]) -> dict[str, Any]:
        index = int(env["a"][0])
        return self.run(step.inner[index if 0 <= index < 3 else -1], env)


def check(program: Any, compile: Callable[[Any], Any]) -> None:
    starts = [np.array([1, -2, 3], F32), np.array([0.5, 4, -1], F32), np.array([-3, 2, 2], F32)]
    variables = {v: tf.Variable(np.full(3, i, F32)) for i, v in enumerate(STATE)}
    functional = Functional(variables)

    def whole(a: Any, b: Any, c: Any) -> Any:
        env = functional.run(program, {"a": a, "b": b, "c": c})
        return [env[n] for n in NAMES], [v + F32(0) for v in variables.values()]

    compiled = compile(whole)
    for shift in range(2):
        arrays = [s + F32(shift) for s in starts]
        plain = Plain({v: np.full(3, i, F32) for i, v in enumerate(STATE)})
        env = plain.run(program, dict(zip(NAMES, arrays, strict=True)))
        want = [env[n] for n in NAMES], list(plain.variables.values())
        for function in (whole, compiled):
            for i, v in enumerate(variables.values()):
                v.assign(np.full(3, i, F32))
            found = function(*[tf.constant(x) for x in arrays])
            np.testing.assert_array_equal(np.stack(found[0]), np.stack(want[0]))
            np.testing.assert_array_equal(np.stack(found[1]), np.stack(want[1]))
            held = [v.numpy() for v in variables.values()]
            np.testing.assert_array_equal(np.stack(held), np.stack(want[1]))


@settings(max_examples=30)
@given(PROGRAMS)
def test_random_programs_agree_on_array_operations(program: Any) -> None:
    check(program, lambda f: tf.function(f, jit_compile=False))


@pytest.mark.parametrize("jit", [None, True])
@settings(max_examples=4)
@given(PROGRAMS)
def test_random_programs_agree_in_machine_code(jit: Any, program: Any) -> None:
    check(program, lambda f: tf.function(f, jit_compile=jit))
