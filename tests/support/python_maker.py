"""Writes the text of random Python programs; ``python_programs.py`` runs them."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["HELPERS", "OUTSIDE", "SETUPS", "Maker"]

HELPERS = """
import contextlib
import dataclasses
class Box:
    def __init__(self, x):
        self.x = x
    @property
    def twice(self):
        return self.x * 2
    def add(self, by):
        if by > 1:
            self.x = self.x + by
        else:
            self.x = self.x - 1
        return self
class Manager:
    def __enter__(self):
        return 2
    def __exit__(self, *error):
        return False
def clip(x, low=-4, high=4):
    if x < low:
        return low + 0 * x
    if x > high:
        return high + 0 * x
    return x
def sign(x):
    return 1 if x > 0 else -1 if x < 0 else 0
def steps(x):
    k = 0
    while x > 1 and k < 7:
        x = x / 2
        k += 1
    return k
def power(x, k):
    return 1 if k <= 0 else x * power(x, k - 1)
@dataclasses.dataclass
class Point:
    x: object
    k: int = 1
def maybe(x):
    if x > 1:
        return x
def pairs(items):
    for item in items:
        if item is not None:
            yield item, item * 2
def total(*items, start=0):
    for item in items:
        start = start + item
    return start
def counted(n):
    k = 0
    while k < n:
        yield k
        k += 1
@contextlib.contextmanager
def noting(log):
    log.append(1)
    try:
        yield
    finally:
        log.append(2)
def check(x):
    if x > 6:
        raise ValueError('too large')
    return x
"""

OUTSIDE = """
import random
LOG = []
BOOK = {'n': 0, 'x': 1.5}
COUNT = 0
class Held:
    total = 0
    def __init__(self):
        self.count, self.scale, self.last = 0, 0.5, None
    def note(self, x):
        self.count += 1
        self.last = x
        return self.count
KEPT = Held()
def bump(by):
    global COUNT
    COUNT += by
    return COUNT
def stepping():
    n = 0
    def step(by):
        nonlocal n
        n += by
        return n
    return step
STEP = stepping()
def state():
    return LOG, BOOK, COUNT, vars(KEPT), Held.total, STEP(0), random.random()
"""
STEPS = """
import io
import itertools
import json
PAPER = io.StringIO()
TURNS = itertools.count(1)
def asked(x):
    return len(json.dumps(round(float(x), 1)))
def weighed(x, k=2):
    y = x * k
    n = asked(y)
    if n > 4:
        return y / n
    return y + n
class Scale:
    def __init__(self, x):
        self.x, self.seen = x, []
    def read(self, by):
        self.x = self.x + by
        self.seen.append(asked(self.x))
        return self.x * self.seen[-1]
def state():
    return PAPER.getvalue(), repr(TURNS)
"""
HELD = """
class Grid:
    rim = np.arange(3.0)
    def __init__(self):
        self.u, self.v = np.arange(4.0), np.ones(4)
        self.layers = [np.arange(3.0), np.zeros(3)]
        self.bank = {'p': np.ones(3), 'q': np.arange(3)}
    def bump(self, by):
        self.u[1:] += by
        return self.u
    def total(self):
        return self.u.sum() + sum(r.sum() for r in self.layers)
GRID = Grid()
FIELD = np.linspace(0, 1, 4)
WHOLE = np.arange(10.0)
def change(k):
    if k == 1:
        GRID.u[2] += 3
        FIELD[0] -= 2
    if k == 2:
        GRID.u, GRID.rim = GRID.u + 1, np.ones(3)
    if k == 3:
        GRID.v = GRID.u
        GRID.layers[0] = GRID.bank['p']
    if k == 4:
        GRID.u, GRID.v = WHOLE[:4], WHOLE[2:6]
    if k == 5:
        GRID.u, GRID.layers = np.arange(6.0), [np.ones(3, np.float32), np.zeros(3)]
def state():
    held = [GRID.u, GRID.v, FIELD, Grid.rim, *GRID.layers, *GRID.bank.values()]
    return vars(GRID), FIELD, WHOLE, Grid.rim, [[a is b for a in held] for b in held]
"""
SETUPS = {"outside": OUTSIDE, "steps": STEPS, "held": HELD}
WITH_HELD = [
    "GRID.u[{k}] = {f}", "GRID.u[1:] += {f}", "GRID.u[{k}] = float({t})", "GRID.u = GRID.u * 0.5", "GRID.u, GRID.v = GRID.v, GRID.u",
    "GRID.layers[0][{k}] = float({t})", "GRID.layers[{k} % 2] += 1", "GRID.bank['p'] *= {f}", "GRID.bank['p'][{k}] = GRID.layers[1][0]",
    "for r0 in GRID.layers:\n    r0[0] += {f}", "for j0 in range(1, 4):\n    GRID.u[j0] = GRID.u[j0 - 1] * 0.5 + {f}",
    "if {b}:\n    GRID.v[0] = {f}", "if {b}:\n    GRID.u = GRID.v + 1", "w = GRID.u[1:]\nw[0] = {f}\n@t = {t} + float(w[1])",
    "a[{k}] = GRID.u[{k}]", "@t = {t} + float(GRID.u[{k}])", "@t = {t} + GRID.v.sum()", "if GRID.u[{k}] > {c}:\n    @t = {t} + 1",
    "items.append(GRID.u)", "@i = int(GRID.bank['q'][{k}])", "GRID.bump({f})", "np.multiply(GRID.v, 2, out=GRID.v)", "FIELD[{k}] += 1",
    "while GRID.u[0] < 3 and k0 < 9:\n    GRID.u[0] += 1\n    k0 += 1", "@t = {t} + float(GRID.total())", "a[:3] = GRID.layers[0]",
    "GRID.bank['r'] = a * 2", "GRID.layers.append(a * 1.0)", "GRID.layers[0] = GRID.layers[0] + {f}", "GRID.bank['p'] = GRID.rim",
    "@t = {t} + float(GRID.rim[{k}])", "GRID.rim[{k}] = {f}", "for w0, r0 in zip(GRID.u, GRID.layers[0]):\n    @t = {t} + float(w0 * r0)",
    "y1 = GRID.u\ny1 += 1", "GRID.u[GRID.u > {c}] = 0", "for n0, r0 in GRID.bank.items():\n    @t = {t} + float(r0[{k}])",
    "@i = len(GRID.u)", "GRID.v[:] = GRID.u[:4]", "try:\n    GRID.u[{k}] = 7\n    GRID.u[{k} * 3] = {f}\nexcept IndexError:\n    GRID.v[0] = 8",
    "GRID.last = GRID.u[1:]", "def told(by):\n    GRID.u[0] += by\n    return GRID.u.sum()\n@t = {t} + float(told({f}))", "GRID.v = {f} * np.ones(4)",
    "a += GRID.layers[1]", "GRID.u[{k}] += a[{k}]", "if {b}:\n    return GRID.u, a",
]  # fmt: skip
IN_PYTHON = [
    "@i = asked({t})", "@t = weighed({t})", "@t = weighed({t}, k={i})", "@t = {t} * next(TURNS)", "@i = asked({f}) + asked({t})",
    "@i = PAPER.write(f'{round(float({t}), 1)} ')", "@t = {t} * json.loads(json.dumps(round(float({t}), 1)))",
    "@i = sorted([round(float({t}), 1), round(float({t}), 1)], key=lambda r: -r)[0] > {c}",
    "for s0 in map(float, json.dumps([round(float({t}), 1), 1.5]).strip('[]').split(',')):\n    @t = {t} + s0",
    "try:\n    @i = 1 // json.loads(json.dumps(int({t})))\nexcept ZeroDivisionError:\n    @i = {k}",
    "if json.dumps(round(float({t}), 1)).startswith('-'):\n    @t = {t} + 1\nelse:\n    @t = {t} * asked({t})",
    "if {b}:\n    @t = {t} + asked({t})", "items.append(asked({t}))", "items.append({t} * asked({t}))", "box.x = {t} + asked({t})",
    "scale = Scale({t})\nother = scale\n@t = scale.read({t}) + other.read({f}) + scale.x", "@t = tf.stack([weighed(r) for r in {v}])[{k}]",
    "for r0 in {v}:\n    @t = {t} + r0 * asked(r0)", "for r0 in {v}:\n    if asked(r0) > 3:\n        break\n    @t = {t} + r0",
    "@t = {t} + float(np.histogram(np.array([float({t}), 1.0]), bins=2)[0][0])", "shared = shared + asked(shared)",
    "table[json.dumps(int({i}))] = {t}", "def told(by):\n    nonlocal shared\n    shared = shared + asked(by)\n    return shared * 2\n@t = told({t})",
    "@i = json.loads('bad' if round(float({t}), 1) > 6 else '2')", "a[asked({t}) % 3] = {f}", "@t = {t} * len(json.dumps([round(r, 1) for r in a.tolist()]))",
    "@i = [*map(asked, ({t}, {t}))][0]", "@t = {t} + (asked({t}) if {b} else 1)", "while asked({t}) > 4 and k0 < 3:\n    k0 += 1\n    @t = {t} * k0",
    "try:\n    @t = weighed({t}) + json.loads('bad' if {i} > 1 else '1')\nexcept ValueError:\n    @t = {t} - 1\nfinally:\n    @i = asked({t})",
]  # fmt: skip
WRITES_OUTSIDE = [
    "LOG.append({t})", "LOG.append({i})", "LOG.append([{t}, {f}])", "LOG.extend(({t}, {i}))", "LOG[-1:] = [{t}]",
    "LOG += [{f}]", "LOG.insert(0, {i})", "LOG[0] = {t}", "LOG.append(box.x)", "BOOK['n'] += 1", "BOOK['x'] = {f}",
    "BOOK['t'] = {t}", "BOOK.setdefault('k', []).append({i})", "BOOK.update(u={t}, w=1)", "KEPT.count += 1", "KEPT.last = {t}",
    "KEPT.scale *= 0.5", "KEPT.note({t})", "KEPT.items = items", "Held.total += 1", "bump({k})", "bump({i})", "STEP({k})",
    "print({t}, {i})", "print('said')", "if {b}:\n    LOG.append({t})", "if {b}:\n    KEPT.last = {t}", "if {b}:\n    KEPT.count += 2",
    "if {b}:\n    print({f})", "if {b}:\n    BOOK['n'] -= 1\nelse:\n    BOOK['m'] = {t}", "del BOOK['x']", "BOOK['x'] = BOOK.get('x', 2.5)",
    "for j0 in range(3):\n    LOG.append(j0)", "for e0 in {v}:\n    KEPT.count += 1", "for e0 in {v}:\n    if e0 > {c}:\n        bump(1)",
]  # fmt: skip
READS_OUTSIDE = [
    "@i = KEPT.note({t})", "@i = bump(1)", "@i = BOOK['n']", "@t = {t} * KEPT.scale", "@i = len(LOG)", "@t = {t} * random.random()",
    "@t = {t} + random.uniform(-1, 1)", "@i = random.randint(0, 3)", "@i = STEP({k})", "if LOG:\n    @t = {t} + 1", "@t = {t} * BOOK['x']",
    "@i = KEPT.count % 3", "@t = {t} + KEPT.count", "@i = Held.total", "LOG.append({t})\n@t = LOG[-1]", "@t = BOOK.get('t', {t})",
    "@i = COUNT + 1", "@t = {t} if KEPT.last is None else {t} * 2", "@t = BOOK['t'] if 't' in BOOK else {t}",
]  # fmt: skip

# what an expression of a kind may be: t a scalar tensor of float32, d one of float64, n one of int32,
# v a vector of float32, i a Python int, f a float, b something to decide by
EXPRESSIONS = {
    "t": ["{t} + {t}", "{t} - {f}", "{t} * 0.5", "({v})[0]", "({v})[{k}]", "tf.sum({v})", "tf.maximum({t}, {t})",
          "abs({t})", "clip({t})", "-{t}", "({t} if {b} else {t})", "tf.cast({n}, tf.float32)", "power({t}, {k})",
          "Box({t}).twice", "total({t}, {t})", "{t} + {i}", "tf.constant({c}.0)", "Box({t}).add({t}).x"],
    "d": ["{d} + 1", "{d} * 0.5", "{d} - {d}", "abs({d})", "clip({d})", "({d} if {b} else {d})"],
    "n": ["{n} + 1", "{n} - {k}", "{n} // 2", "{n} % 3", "abs({n})", "clip({n})", "({n} if {b} else {n})"],
    "v": ["{v} + 1", "{v} * {t}", "{v} * 0.5", "tf.abs({v})", "({v} if {b} else {v})", "tf.where({v} > 0, {v}, -{v})",
          "{v} - {v}", "tf.stack([{t}, {t}, {t}])"],
    "i": ["{i} + {k}", "{i} - 1", "({i} * 3) % 11", "{c}", "sign({t})", "sign({n})", "steps({t})", "len({v})",
          "({i} if {b} else {i})", "abs({i})", "max({i}, {k})", "int({t})", "int({n})", "{i} // 2", "({v}).shape[0]"],
    "f": ["{f} * 0.5", "{f} + {i}", "{c}.5", "float({t})", "({f} if {b} else {f})", "abs({f})", "{i} / 2", "min({f}, 2.0)",
          "float({a}[{k}])"],
    "b": ["{t} > {c}", "{t} < {t}", "{n} > {k}", "{n} % 2 == 0", "{i} > {k}", "{f} < {c}", "not {b}", "({b} and {b})",
          "({b} or {b})", "-1 < {t} < 3", "{n} == {i}", "{d} > 0", "tf.sum({v}) > {c}", "({v})[{k}] > ({v})[0]", "{n}", "{i}",
          "tf.reduce_any({v} > {c})", "{t} >= {f}", "{a}[{k}] > {c}", "{t} is not None", "0 < {k} <= {i}"],
}  # fmt: skip
WRITES = [
    "a[{k}] = {f}", "a[{k}] += 1", "a[1:] = a[:-1]", "a[:] = a * 0.5", "w = a[1:]; w[0] = {f}", "v[{k}] = {t}",
    "a[{k}] = float({t})", "a += 1", "row = a[{k}]; a[0] = row * 2", "v[0] = v[{k}] + 1",
]  # fmt: skip
LISTS = ["items.append({t})", "items.append({i})", "items[0] = {t}", "items = items + [{t}]", "items[-1] = {i}",
         "table['x'] = {t}", "table['y'] = {f}", "table['z'] = {i}", "box.x = {t}", "box.add({t})", "box.x += 1"]  # fmt: skip


class Maker:
    """Writes one program."""

    def __init__(self, seed: int, kind: str = "") -> None:
        self.kind = kind
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.names = {k: list(names) for k, names in _GIVEN.items()}
        self.made = self.loops = 0
        self.in_loop = False

    def pick(self, items: Any) -> Any:
        """One of several."""
        return self.rng.choice(items)

    def expression(self, kind: str, depth: int = 0) -> str:
        """An expression of a kind."""
        if kind == "k":
            return str(self.rng.randint(0, 2))
        if kind == "c":
            return str(self.rng.randint(0, 5))
        if kind == "a":
            return "a"
        names = self.names.get(kind, [])
        if names and (depth > 1 or self.rng.random() < 0.45):
            return self.pick(names + names[-2:])
        if depth > 2 and kind in ("b", "i", "f"):
            return {"b": "x > 0", "i": "p", "f": "q"}[kind]
        return self.filled(self.pick(EXPRESSIONS[kind]), depth + 1)

    def filled(self, template: str, depth: int = 0) -> str:
        """A template with expressions in it."""
        maker = self

        class Fields(dict[str, str]):
            def __missing__(self, name: str) -> str:
                return maker.expression(name, depth)

        parts = template.split("{")
        made = parts[0]
        for part in parts[1:]:
            name, _, rest = part.partition("}")
            made += f"{Fields()[name]}{rest}" if name in _KINDS else "{" + part
        return made

    def add(self, indent: int, text: str) -> None:
        """Append lines."""
        self.lines += ["    " * indent + line for line in text.split("\n")]

    def block(self, indent: int, depth: int) -> None:
        """A few statements."""
        for _ in range(self.pick([1, 1, 2, 2, 3])):
            self.statement(indent, depth)

    def target(self, kind: str) -> str:
        """A variable to assign to: mostly one that there is."""
        own = [n for n in self.names[kind] if n not in _KEPT]
        if own and self.rng.random() < 0.75:
            return self.pick(own)
        self.made += 1
        name = f"{kind}{self.made}"
        self.names[kind].append(name)
        return name

    def statement(self, indent: int, depth: int) -> None:
        """Append one statement."""
        choices = [self.assign] * 5 + [self.augment] * 2 + [self.write, self.keep, self.keep]
        if depth < 3:
            choices += [self.branch] * 5 + [self.loop] * 3
            choices += [self.attempt, self.walrus, self.closure, self.manage, self.matched]
        choices += [self.leave, self.leave, self.odd]
        if self.kind == "held":
            choices += [self.held] * 14
        if self.kind == "outside":
            choices += [self.beyond] * 12
        if self.kind == "steps":
            choices += [self.in_python] * 8
        self.pick(choices)(indent, depth)

    def assign(self, indent: int, depth: int) -> None:
        """An assignment."""
        kind = self.pick("ttttnnvvdiiiffb")
        if kind == "b":
            kind, text = (
                "i",
                self.filled("int({b})") if self.rng.random() < 0.2 else self.filled("{i}"),
            )
        else:
            text = self.expression(kind)
        if self.rng.random() < 0.1:
            one, other = self.expression("t"), self.expression("t")
            first, second = self.target("t"), self.target("t")
            self.add(indent, f"{first}, {second} = {one}, {other}")
            return
        self.add(indent, f"{self.target(kind)} = {text}")

    def augment(self, indent: int, depth: int) -> None:
        """An augmented assignment."""
        kind = self.pick("ttnvif")
        own = [n for n in self.names[kind] if n not in _KEPT]
        if not own:
            return self.assign(indent, depth)
        sign = self.pick(["+=", "-=", "*="] if kind in "tv" else ["+=", "-="])
        value = (
            self.expression("k") if kind in "ni" else self.expression("t" if kind in "tv" else "f")
        )
        self.add(indent, f"{self.pick(own)} {sign} {value}")
        return None

    def write(self, indent: int, depth: int) -> None:
        """A write to an array."""
        self.add(indent, self.filled(self.pick(WRITES)).replace("; ", "\n"))

    def keep(self, indent: int, depth: int) -> None:
        """A change of a container."""
        self.add(indent, self.filled(self.pick(LISTS)))

    def branch(self, indent: int, depth: int) -> None:
        """An ``if``."""
        word = "if"
        for _ in range(self.pick([1, 1, 1, 2])):
            self.add(indent, f"{word} {self.expression('b')}:")
            self.block(indent + 1, depth + 1)
            word = "elif"
        if self.rng.random() < 0.5:
            self.add(indent, "else:")
            self.block(indent + 1, depth + 1)

    def loop(self, indent: int, depth: int) -> None:
        """A ``for`` or ``while``."""
        self.loops += 1
        i, before, names = (
            f"j{self.loops}",
            self.in_loop,
            {k: list(v) for k, v in self.names.items()},
        )
        head, extra = self.pick(_LOOPS)
        if "while" in head:
            self.add(indent, f"{i} = 0")
        self.add(indent, self.filled(head.replace("@", i)))
        if extra:
            for pair in extra.replace("@", i).split():
                name, kind = pair.split(":")
                self.names[kind].append(name)
        self.in_loop = True
        if "while" in head:
            self.add(indent + 1, f"{i} += 1")
        self.block(indent + 1, depth + 1)
        self.in_loop = before
        if self.rng.random() < 0.85:
            self.names = names
        if self.rng.random() < 0.15:
            self.add(indent, "else:")
            self.block(indent + 1, depth + 1)

    def leave(self, indent: int, depth: int) -> None:
        """A ``break``, ``continue``, ``return``, ``raise`` or ``assert``."""
        what = ["return {t}", "return {i}", "return None", "return ({t}, {i})", "raise ValueError('bad')",
                "return {f}", "return [{t}, items]", "raise KeyError({c})"]  # fmt: skip
        if self.in_loop:
            what = ["break", "break", "continue", "continue"] * 2 + what
        if self.rng.random() < 0.15:
            self.add(indent, self.filled("assert {t} < 50, 'large'"))
            return
        self.add(indent, f"if {self.expression('b')}:")
        self.add(indent + 1, self.filled(self.pick(what)))

    def attempt(self, indent: int, depth: int) -> None:
        """A ``try``."""
        self.add(indent, "try:")
        self.block(indent + 1, depth + 1)
        if self.rng.random() < 0.6:
            self.add(indent + 1, self.filled(self.pick(["check({t})", "check({n})", "1 // {i}"])))
        if self.rng.random() < 0.7:
            self.add(
                indent,
                self.pick(["except ValueError:", "except (ValueError, ZeroDivisionError) as e:"]),
            )
            self.block(indent + 1, depth + 1)
        else:
            self.add(indent, "finally:")
            self.assign(indent + 1, depth + 1)

    def walrus(self, indent: int, depth: int) -> None:
        """A ``:=`` in a condition."""
        value = self.expression("t")
        name = self.target("t")
        self.add(indent, f"if ({name} := {value}) > {self.expression('c')}:")
        self.block(indent + 1, depth + 1)

    def closure(self, indent: int, depth: int) -> None:
        """A function that changes a variable around it."""
        self.made += 1
        name = f"inner{self.made}"
        self.add(indent, f"def {name}(by):\n    nonlocal shared")
        self.add(indent + 1, self.filled("if by > {c}:\n    shared = shared + by"))
        if self.rng.random() < 0.4:
            self.add(indent + 1, "else:\n    shared = shared - 1")
        self.add(indent + 1, "return shared")
        self.add(indent, f"{self.target('t')} = {name}({self.expression('t')})")

    def manage(self, indent: int, depth: int) -> None:
        """A ``with`` of a class of the user's."""
        self.add(indent, "with Manager() as m:")
        self.block(indent + 1, depth + 1)

    def matched(self, indent: int, depth: int) -> None:
        """A ``match``."""
        subject = self.pick(["{i}", "{n}", "({i}, {t})", "sign({t})"])
        self.add(indent, f"match {self.filled(subject)}:")
        for case in self.pick([["1", "0 | 2"], ["(0, y)", "1"], ["int(y) if y > 1", "(1, _)"]]):
            self.add(indent + 1, f"case {case}:")
            self.block(indent + 2, depth + 2)
        self.add(indent + 1, "case _:")
        self.assign(indent + 2, depth + 2)

    def odd(self, indent: int, depth: int) -> None:
        """Comprehensions, generators, None, names without a value."""
        made, filled = self.pick(_ODD), self.target
        self.add(indent, self.filled(made).replace("@t", filled("t")).replace("@i", filled("i")))

    def beyond(self, indent: int, depth: int) -> None:
        """A write to an object from outside, or a read of one; a random number."""
        text = self.filled(self.pick(WRITES_OUTSIDE * 2 + READS_OUTSIDE * 3))
        self.add(indent, text.replace("@t", self.target("t")).replace("@i", self.target("i")))

    def held(self, indent: int, depth: int) -> None:
        """What is done with arrays in objects from outside."""
        text = self.filled(self.pick(WITH_HELD))
        self.add(indent, text.replace("@t", self.target("t")).replace("@i", self.target("i")))

    def in_python(self, indent: int, depth: int) -> None:
        """A step that no graph has."""
        text = self.filled(self.pick(IN_PYTHON))
        self.add(indent, text.replace("@t", self.target("t")).replace("@i", self.target("i")))

    def make(self) -> str:
        """The body of a program."""
        self.add(
            0, "y0 = x * 1\nm0 = n + 0\nz0 = v + 0\nk0 = p\ng0 = q\nitems = [x]\ntable = {'x': x}"
        )
        self.add(0, "box = Box(x)\nshared = x")
        for kind, name in zip("tnvif", ("y0", "m0", "z0", "k0", "g0"), strict=True):
            self.names[kind].append(name)
        for _ in range(self.rng.randint(1, 6)):
            self.statement(0, 0)
        kept = [self.expression(self.pick("tnvdif")) for _ in range(self.rng.randint(1, 3))]
        held = self.pick(
            [
                [],
                [],
                ["items"],
                ["table"],
                ["box.x"],
                ["shared"],
                ["a"],
                ["len(items)"],
                ["sum(items)"],
            ]
        )
        self.add(0, f"return {', '.join(kept + held)}")
        return "\n".join(self.lines)


_GIVEN = {"t": ["x"], "d": ["u"], "n": ["n"], "v": ["v"], "i": ["p"], "f": ["q"]}
_KINDS = frozenset("tdnvifbkca")
_KEPT = frozenset("xunvpq")
_LOOPS = [
    ("for @ in range({c}):", "@:i"), ("for @ in range({n}):", "@:i"), ("for @ in range(30):", "@:i"),
    ("for @ in {v}:", "@:t"), ("for @, e@ in enumerate({v}):", "@:i e@:t"), ("for @, e@ in zip({v}, {v}):", "@:t e@:t"),
    ("for @ in reversed({v}):", "@:t"), ("for @ in [{t}, {t}]:", "@:t"), ("for @ in (1, 2, 3):", "@:i"),
    ("for @, e@ in zip(range({c}), {v}):", "@:i e@:t"), ("for @ in range(len(a)):", "@:i"),
    ("while @ < {c}:", ""), ("while {b} and @ < 5:", ""), ("while @ < 4 and {t} > {c}:", ""), ("while @ < {n} and @ < 9:", ""),
    ("for @ in range({i} % 5):", "@:i"), ("for @, e@ in pairs({v}):", "@:t e@:t"), ("for @ in a:", "@:f"),
    ("for @ in range(3, 0, -1):", "@:i"), ("for @ in tf.range({c}):", "@:n"), ("for @ in np.arange(3):", "@:i"),
    ("for @, e@ in table.items():", "e@:t"), ("while True and @ < 6:", ""),
]  # fmt: skip
_ODD = [
    "@t = sum([r * 2 for r in {v}])", "@t = tf.stack([r + {t} for r in {v}])[0]", "@i = sum([1 for r in {v} if r > {c}])",
    "@t = sum(r for r in {v})", "@t = None if {b} else {t}", "@t = maybe({t})", "if {b}:\n    late = {t}\n@t = late",
    "if {b}:\n    del k0", "@i = len([r for r in items])", "@t = max({t}, {t})", "@t = {'x': {t}, 'y': {t}}['x']",
    "@t = {t} or {t}", "@t = {t} and {t}", "@i = 1 if {n} in (1, 2) else 0", "@t = (lambda r: r * 2 if r > 0 else r)({t})",
    "@i = {b}", "@t = {i}", "@i = {f}", "@t = tf.stack(items)[0]", "@t = (lambda *r, **s: r[0] + s['k'])({t}, k={t})",
    "@i = any([r > {c} for r in {v}])", "@t = [{t}, {t}][{k} % 2]", "@i = sorted([{k}, {k}])[0]", "@t = items[-1]",
    "@t = table.get('y', {t})", "grown = []\nfor r in range({n}):\n    grown.append({t} * r)\n@t = sum(grown)\n@i = len(grown)",
    "grown = [{t}]\nif {b}:\n    grown.append({t})\n@t = grown[-1]", "@i = len([r for r in range({n}) if {t} > r])",
    "best = None\nfor r in {v}:\n    if {b} and (best is None or r > best):\n        best = r\n@t = best",
    "mixed = 0\nfor r in range({n}):\n    if {b}:\n        mixed = mixed + {t}\n    else:\n        mixed += 1\n@t = mixed",
    "for r in range({n}):\n    if {b}:\n        last = {t}\n@t = last", "found = None\nfor r in range({n}):\n    if {t} * r > {c}:\n        found = r\n        break\n@i = found",
    "stack = [{t}]\nfor r in range({n}):\n    w = stack.pop()\n    if {b}:\n        stack.append(w * 0.5)\n    stack.append(w + 1)\n@t = stack[0]",
    "seen = set()\nfor r in range({c}):\n    seen.add(r % 2)\n@i = len(seen)", "@i = 1 if {n} not in [0, {k}, 3] else 2",
    "walk = counted({c})\n@i = next(walk) if {b} else 5\n@i = next(walk, 7)", "held = {'best': None, 'sum': 0}\nfor r in {v}:\n    held['sum'] = held['sum'] + r\n    if {b}:\n        held['best'] = r\n@t = held['sum']\n@t = held['best']",
    "log = []\nwith noting(log):\n    @t = {t}\n    if {b}:\n        log.append({t})\n@i = len(log)",
    "log = []\ntry:\n    check({t})\n    log.append(1)\nexcept ValueError:\n    log.append(2)\nfinally:\n    log.append({t})\n@t = sum(log)", "first, *rest = {v}\n@t = first", "@i = isinstance({t}, tf.Tensor)",
    *[
        "@t = sum(r for r in {v} if r > {c})", "@i = any(r > {t} for r in {v})", "@i = all(r < {t} for r in {v} if r > 0)",
        "@t = max({v}, key=lambda r: -r)", "@i = max(range(3), key=lambda r: {v}[r])", "@t = max([{t}, {t}], key=abs)",
        "@t = min(0, {t})", "@t = max((r * 2 for r in {v}), default=0)", "@i = len(list(filter(lambda r: r > {c}, {v})))",
        "@t = sum(filter(None, {v}))", "@i = len([r for r in items[1:]])", "@t = sum(item for item, _ in pairs({v}))",
        "grown = [{t}]\nfor r in range({n}):\n    grown.append(grown[-1] * 0.5 + r)\n@t = sum(grown[1:]) + grown[-1]\n@i = len(grown[:-1])",
        "point = Point({t}, {i})\npoint.x += 1\n@t = point.x * point.k", "point = Point({t})\nfor r in {v}:\n    point = Point(point.x + r, point.k + 1)\n@t = point.x\n@i = point.k",
        "view = a[::2]\nfor r in range(2):\n    view[r] += {f}\n@i = int(view[0] > view[1])", "w = np.zeros(3)\nfor r in range(3):\n    w[r] = {f} + r\n@t = {t} * float(w.sum())",
        "w = [{t}, {t}]\nw[{i} % 2] = {t}\n@t = w[0] - w[1]", "w = z0 * 1\nw2 = w if {b} else z0\nw2[0] = {t}\n@t = tf.sum(w) - tf.sum(z0)",
        "def outer(r):\n    def inner(s):\n        nonlocal r\n        r = r + s\n        return r if r < {c} else inner(s - 5)\n    return inner({t}) + r\n@t = outer({t}) if {b} else {t}",
        "def early(r):\n    for s in {v}:\n        for w in range(3):\n            if s * w > r:\n                return s\n            if s < -r:\n                break\n        else:\n            r = r + 1\n    return r\n@t = early({t})",
        "match {'kind': 'a', 'x': {t}}:\n    case {'kind': 'a', 'x': y} if y > {c}:\n        @t = y * 2\n    case {'kind': k}:\n        @t = {t}",
        "match Point({t}, {k}):\n    case Point(k=1):\n        @t = {t}\n    case Point(x=y):\n        @t = y + 1",
        "both = [*items, {t}]\nnamed = {**table, 'w': {t}}\n@t = total(*both, start=named['w'])", "@i = (w := {i}) + w\nif (w := {t}) > {c}:\n    @t = w",
    ],
]  # fmt: skip
