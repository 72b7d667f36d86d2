"""Random numbers in a kernel of one point: the bits of ``ir/ops/random.py``, word by word.

    %u: f32[] = random_uniform(%state)     ->     var s0: u64 = 1 ...       the counter and the key
                                                  for i1: 0 to 10 { ... }   the rounds of Philox
                                                  v9: u64 = s0 & 4294967295 ...

The generator is counter-based, so a block of four words depends on its number alone. What is made
of the words is the arithmetic that eager code has (``ir/normal.py``), operation by operation. A
large array is drawn block by block into memory. Words that are refused are drawn again from the
next lane, in the order in which they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Node, Value
from twofold.ir.normal import normal_pair

from .each import Place
from .small import Memory, is_half, is_small, size
from .statements import Access, Check, For, If, Index, Load, Position, Set, Store, Var, While

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["DRAWS"]

U64, INT64, DOUBLE, BOOL = (np.dtype(t) for t in ("uint64", "int64", "float64", "bool"))
# Multipliers and steps of the key (Salmon and others, 2011), as NumPy has them.
TIMES = 0xD2E7470EE14C6C93, 0xCA5A826395121157
STEPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
ROUNDS = 10
WORDS = 4  # of a block
FEW = 16  # normal numbers that are drawn without a loop

Word = str  # the name of a uint64


class Draws:
    """The draws of one node from one state."""

    def __init__(self, builder: Builder, node: Node) -> None:
        self.builder, self.node = builder, node
        self.draw, *self.key = builder.elements(node.inputs[0])

    # ---- Words

    def block(self, number: Word, lane: Word) -> list[Word]:
        """The four words of a block; blocks are counted from 1."""
        b = self.builder
        counter = [self.variable(x) for x in (number, self.draw, lane, "0")]
        key = [self.variable(x) for x in self.key]
        with self.loop(ROUNDS):
            (high0, low0), (high1, low1) = (
                (self.word(f"mulhi({x}, {times})"), self.word(f"{x} * {times}"))
                for x, times in zip(counter[::2], TIMES, strict=True)
            )
            new = (self.word(f"{high1} ^ {counter[1]} ^ {key[0]}"), low1,
                   self.word(f"{high0} ^ {counter[3]} ^ {key[1]}"), low0)  # fmt: skip
            for name, value in zip(counter, new, strict=True):
                b.add(Set(name, value))
            for name, step in zip(key, STEPS, strict=True):
                b.add(Set(name, f"{name} + {step}"))
        return [self.word(name) for name in counter]

    def words(self, count: int, lane: Word = "0") -> list[Word]:
        """So many words."""
        made: list[Word] = []
        for number in range(-(-count // WORDS)):
            made += self.block(str(number + 1), lane)
        return made[:count]

    def word_at(self, index: Word, lane: Word) -> Word:
        """The word at a computed index."""
        b = self.builder
        made = self.block(self.word(f"({index} >> 2) + 1"), lane)
        place = self.word(f"{index} & 3")
        first, second = (
            self.word(f"{x} if {place} < {i} else {y}")
            for i, (x, y) in ((1, made[:2]), (3, made[2:]))
        )
        return b.apply(f"{first} if {place} < 2 else {second}", U64)

    def word(self, expr: str) -> Word:
        return self.builder.apply(expr, U64)

    def variable(self, expr: str, dtype: np.dtype[Any] = U64) -> str:
        name = self.builder.name("s")
        self.builder.add(Var(name, dtype, expr))
        return name

    def unit(self, word: Word, dtype: np.dtype[Any], bits: int = 64) -> str:
        """A uniform number in [0, 1) from the top bits of a word, which has so many."""
        digits, held = info(dtype).digits, info(dtype).computes_in
        top = self.word(f"{word} >> {bits - digits}")
        return self.builder.apply(f"{self.builder.apply(f'cast({top})', held)} * {2.0**-digits!r}",
                                  held)  # fmt: skip

    # ---- Places

    @contextmanager
    def loop(self, stop: int | Index) -> Iterator[str]:
        """A loop from 0; gives its index."""
        b = self.builder
        with b.nested() as body:
            index = b.name("i")
            yield index
        b.add(For(index, Index(0, (0,)), Index(stop, (0,)) if isinstance(stop, int) else stop,
                  tuple(body)))  # fmt: skip

    def number(self, dim: DimLike) -> str:
        """A size as an int64."""
        name = self.builder.name("v")
        self.builder.add(Position(name, self.builder.wide.index(Place(dim))))
        return name

    def at(self, memory: Memory, *terms: tuple[str, int], offset: int = 0) -> Access:
        """Where it lies."""
        place = Place(memory.offset) + Place(offset, terms)
        return Access(memory.buffer, self.builder.wide.index(place))

    def load(self, memory: Memory, *terms: tuple[str, int], offset: int = 0) -> str:
        """An element of memory that lies row by row."""
        b, name = self.builder, self.builder.name("v")
        b.add(Load(name, b.buffers[memory.buffer].dtype, self.at(memory, *terms, offset=offset)))
        return name

    def as_word(self, index: str) -> Word:
        return self.word(f"cast({index})")

    def as_int(self, expr: str) -> str:
        return self.builder.apply(expr, INT64)

    def when(self, test: str, write: Callable[[], None]) -> None:
        """What is done where a test holds."""
        with self.builder.nested() as then:
            write()
        self.builder.add(If(test, tuple(then)))

    # ---- Large arrays

    def flat(self, shape: Any) -> DimLike:
        count: DimLike = 1
        for n in shape:
            count = count * n
        return count

    def fill(
        self, memory: Memory, count: DimLike, per: int, make: Callable[[Word, int], str]
    ) -> None:
        """Store numbers made of the words in order, ``per`` of each word."""
        each, b = WORDS * per, self.builder
        n = self.number(count)
        full = self.as_int(f"{n} >> {each.bit_length() - 1}")

        def numbers(index: str) -> list[str]:
            made = self.block(self.word(f"{self.as_word(index)} + 1"), "0")
            return [make(word, i) for word in made for i in range(per)]

        with self.loop(Index(0, (0,), ((full, 1),))) as index:
            for i, name in enumerate(numbers(index)):
                b.add(Store(self.at(memory, (index, each), offset=i), name))

        def rest() -> None:
            for i, name in enumerate(numbers(full)):

                def put(i: int = i, name: str = name) -> None:
                    b.add(Store(self.at(memory, (full, each), offset=i), name))

                self.when(f"{start} + {i} < {n}", put)

        start = self.as_int(f"{full} * {each}")
        self.when(f"{start} < {n}", rest)

    def normals(self, memory: Memory, count: DimLike, dtype: np.dtype[Any]) -> None:
        """Store normal numbers of a dtype."""
        b = self.builder
        n = self.number(count)
        half = self.as_int(f"{n} + 1 >> 1")
        units = self.room(count + 1, U64, self.node.out)
        self.fill(units, count + 1, 1, lambda word, _: word)

        def put(name: str, *place: tuple[str, int]) -> None:
            made = name if dtype == DOUBLE else b.apply(f"cast({name})", dtype)
            b.add(Store(self.at(memory, *place), made))

        with self.loop(Index(0, (0,), ((half, 1),))) as index:
            first, second = self.load(units, (index, 1)), self.load(units, (index, 1), (half, 1))
            x, y = self.pair(first, second)
            put(x, (index, 1))
            behind = self.as_int(f"{index} + {half}")
            self.when(f"{behind} < {n}", lambda: put(y, (behind, 1)))

    def pair(self, first: Word, second: Word) -> tuple[str, str]:
        """Two normal numbers of two words."""
        x, y = (_Term(self.builder, self.unit(word, DOUBLE)) for word in (first, second))
        made = normal_pair(_Terms(), x, y)
        return made[0].name, made[1].name

    def again(
        self, memory: Memory, count: DimLike, wrong: Callable[[str], str],
        draw: Callable[[Word, Word, Word], str],
    ) -> None:  # fmt: skip
        """Draw again what is wrong, until nothing is: from the rank of a number among those, how
        many they are, and the lane."""
        b = self.builder
        lane = self.variable("0")
        every = b.wide.index(Place(count))

        def each(write: Callable[[str], None]) -> None:
            with self.loop(every) as index:
                test = b.apply(wrong(self.load(memory, (index, 1))), BOOL)
                self.when(test, lambda: write(index))

        with b.nested() as before:
            many = self.variable("0")
            each(lambda index: b.add(Set(many, f"{many} + 1")))
            some = b.apply(f"{many} > 0", BOOL)
        with b.nested() as trip:
            b.add(Set(lane, f"{lane} + 1"))
            rank = self.variable("0")

            def put(index: str) -> None:
                made = draw(self.word(rank), self.word(many), self.word(lane))
                b.add(Store(self.at(memory, (index, 1)), made))
                b.add(Set(rank, f"{rank} + 1"))

            each(put)
        b.add(While(tuple(before), some, tuple(trip)))

    def room(self, count: DimLike, dtype: np.dtype[Any], value: Value) -> Memory:
        """Memory for so many numbers of which a value is made."""
        wide = self.builder.wide
        used = wide.used
        memory = wide.room((count,), dtype)
        wide.used = used or not is_small(value)
        return memory

    def known(self, value: Value, memory: Memory) -> None:
        """What has been drawn into memory is a large value."""
        b = self.builder
        own = b.out.get(value) == memory.buffer
        b.known[value] = b.versions.changed(memory.buffer, value) if own else memory

    def elements(self, memory: Memory, count: int) -> list[str]:
        """The first numbers that lie there."""
        return [self.load(memory, offset=i) for i in range(count)]

    def target(self, value: Value) -> Memory:
        """Where a large array is drawn: where it is wanted, or in room of its own."""
        b = self.builder
        b.wide.used = True
        home = b.out.get(value)
        if home is not None:
            return b.versions.whole(home, value)
        return b.wide.room(value.type.shape, value.type.dtype)


class _Term:
    """A float64 of the kernel, with operators that write statements; a comparison is a text."""

    def __init__(self, builder: Builder, name: str) -> None:
        self.builder, self.name = builder, name

    def made(self, expr: str) -> _Term:
        return _Term(self.builder, self.builder.apply(expr, DOUBLE))

    def __repr__(self) -> str:
        return self.name

    def __neg__(self) -> _Term:
        return self.made(f"-{self}")

    def __add__(self, other: Any) -> _Term:
        return self.made(f"{self} + {other!r}")

    def __sub__(self, other: Any) -> _Term:
        return self.made(f"{self} - {other!r}")

    def __rsub__(self, other: Any) -> _Term:
        return self.made(f"{other!r} - {self}")

    def __mul__(self, other: Any) -> _Term:
        return self.made(f"{self} * {other!r}")

    def __truediv__(self, other: Any) -> _Term:
        return self.made(f"{self} / {other!r}")

    def __lt__(self, other: float) -> str:
        return f"{self} < {other!r}"

    def __gt__(self, other: float) -> str:
        return f"{self} > {other!r}"


class _Terms:
    """The ``Numbers`` of a kernel."""

    def choose(self, test: str, then: _Term, otherwise: _Term) -> _Term:
        return then.made(f"{then} if {test} else {otherwise}")

    def sqrt(self, x: _Term) -> _Term:
        return x.made(f"sqrt({x})")

    def floor(self, x: _Term) -> _Term:
        return x.made(f"floor({x})")

    def split(self, x: _Term) -> tuple[_Term, _Term]:
        """By powers of two, for numbers from 2**-63 to 1; of 1 the exponent is 0."""
        e = x.made("0.0")
        for k in (32, 16, 8, 4, 2, 1):
            small = x < 2.0**-k
            e = self.choose(small, e - float(k), e)
            x = self.choose(small, x * 2.0**k, x)
        return x, e


# ---- Nodes


def _whole_words(draws: Draws, per: int, make: Callable[[Word, int], str]) -> None:
    """An array made of the words in order, ``per`` elements of each."""
    value, shape = draws.node.out, draws.node.out.type.shape
    b = draws.builder
    if is_small(value):
        count = size(value)
        words = draws.words(-(-count // per))
        made = [make(word, i) for word in words for i in range(per)]
        b.known[value] = tuple(made[:count])
        return

    def stored(word: Word, i: int) -> str:
        name = make(word, i)
        return b.narrowed(name, value) if is_half(value) else name

    memory = draws.target(value)
    draws.fill(memory, draws.flat(shape), per, stored)
    draws.known(value, memory)


def _bits(draws: Draws) -> None:
    dtype = draws.node.out.type.dtype
    bits = 8 * dtype.itemsize

    def make(word: Word, i: int) -> str:
        part = draws.word(f"{word} >> {bits * i}") if i else word
        return part if dtype == U64 else draws.builder.apply(f"cast({part})", dtype)

    _whole_words(draws, 8 // dtype.itemsize, make)


def _uniform(draws: Draws) -> None:
    dtype = draws.node.out.type.dtype
    per = 1 if dtype == DOUBLE else 2

    def make(word: Word, i: int) -> str:
        if per == 1:
            return draws.unit(word, dtype)
        part = draws.word(f"{word} >> 32" if i else f"{word} & 4294967295")
        return draws.unit(part, dtype, 32)

    _whole_words(draws, per, make)


def _rounded(draws: Draws, name: str) -> str:
    """A float64 as an element of the node's output is held."""
    b, value = draws.builder, draws.node.out
    if value.type.dtype == DOUBLE:
        return name
    made = b.apply(f"cast({name})", value.type.dtype)
    return b.widened(made) if is_half(value) else made


def _normal(draws: Draws) -> None:
    b, value = draws.builder, draws.node.out
    if is_small(value) and size(value) > FEW:
        memory, count = draws.room(size(value), DOUBLE, value), size(value)
        draws.normals(memory, count, DOUBLE)
        b.known[value] = tuple(_rounded(draws, x) for x in draws.elements(memory, count))
        return
    if is_small(value):
        count = size(value)
        half = -(-count // 2)
        words = draws.words(2 * half)
        pairs = [draws.pair(*p) for p in zip(words[:half], words[half:], strict=True)]
        made = [*(x for x, _ in pairs), *(y for _, y in pairs)][:count]
        b.known[value] = tuple(_rounded(draws, name) for name in made)
        return
    memory = draws.target(value)
    draws.normals(memory, draws.flat(value.type.shape), value.type.dtype)
    draws.known(value, memory)


def _truncated(draws: Draws) -> None:
    def wrong(x: str) -> str:
        return f"{x} < -2.0 or {x} > 2.0"

    def draw(rank: Word, many: Word, lane: Word) -> str:
        half = draws.word(f"{many} + 1 >> 1")
        place = draws.word(f"{rank} - {half} if {rank} >= {half} else {rank}")
        second = draws.word(f"{half} + {place}")
        x, y = draws.pair(draws.word_at(place, lane), draws.word_at(second, lane))
        return draws.builder.apply(f"{y} if {rank} >= {half} else {x}", DOUBLE)

    def first(memory: Memory, count: DimLike) -> None:
        draws.normals(memory, count, DOUBLE)

    _until_right(draws, DOUBLE, first, wrong, draw, lambda name: _rounded(draws, name))


def _integers(draws: Draws) -> None:
    b, (_, low, high) = draws.builder, draws.node.inputs
    dtype = draws.node.out.type.dtype
    start, stop = b.places.whole_number(low), b.places.whole_number(high)
    b.add(Check(f"{start} < {stop}"))
    origin = draws.as_word(start)
    span = draws.word(f"{draws.as_word(stop)} - {origin}")
    rest = draws.word(f"mod({draws.word(f'0 - {span}')}, {span})")
    most = draws.word(f"~{rest}")  # up to here every remainder is as likely

    def final(word: Word) -> str:
        shifted = draws.word(f"mod({word}, {span}) + {origin}")
        return shifted if dtype == U64 else b.apply(f"cast({shifted})", dtype)

    def first(memory: Memory, count: DimLike) -> None:
        draws.fill(memory, count, 1, lambda word, _: word)

    def draw(rank: Word, _: Word, lane: Word) -> str:
        return draws.word_at(rank, lane)

    _until_right(draws, U64, first, lambda x: f"{x} > {most}", draw, final)


def _until_right(
    draws: Draws, dtype: np.dtype[Any], first: Callable[[Memory, DimLike], None],
    wrong: Callable[[str], str], draw: Callable[[Word, Word, Word], str],
    final: Callable[[str], str],
) -> None:  # fmt: skip
    """An array of numbers drawn until none is wrong, and what is made of them."""
    b, value = draws.builder, draws.node.out
    count = draws.flat(value.type.shape)
    memory = draws.room(count, dtype, value)
    first(memory, count)
    draws.again(memory, count, wrong, draw)
    if is_small(value):
        found = draws.elements(memory, size(value))
        b.known[value] = tuple(final(name) for name in found)
        return
    target = draws.target(value)
    with draws.loop(b.wide.index(Place(count))) as index:
        name = final(draws.load(memory, (index, 1)))
        stored = b.narrowed(name, value) if is_half(value) else name
        b.add(Store(draws.at(target, (index, 1)), stored))
    draws.known(value, target)


def _next(draws: Draws) -> None:
    made = draws.word(f"{draws.draw} + 1")
    draws.builder.known[draws.node.out] = (made, *draws.key)


def _split(draws: Draws) -> None:
    count = size(draws.node.out) // 3
    words = draws.words(2 * count, str(1 << 63))
    made: list[str] = []
    for i in range(count):
        made += [draws.word("0"), *words[2 * i : 2 * i + 2]]
    draws.builder.known[draws.node.out] = tuple(made)


def _state(builder: Builder, node: Node) -> None:
    (seed,) = node.inputs
    key = builder.elements(seed)
    words = [x if seed.type.dtype == U64 else builder.apply(f"cast({x})", U64) for x in key]
    zeros = [builder.apply("0", U64) for _ in range(3 - len(words))]
    builder.known[node.out] = (zeros[0], *words, *zeros[1:])


def _drawn(write: Callable[[Draws], None]) -> Callable[[Builder, Node], None]:
    return lambda builder, node: write(Draws(builder, node))


DRAWS: dict[str, Callable[[Builder, Node], None]] = {
    "random_bits": _drawn(_bits),
    "random_integers": _drawn(_integers),
    "random_next": _drawn(_next),
    "random_normal": _drawn(_normal),
    "random_split": _drawn(_split),
    "random_state": _state,
    "random_truncated_normal": _drawn(_truncated),
    "random_uniform": _drawn(_uniform),
}
