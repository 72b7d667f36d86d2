"""Buffers: values that share memory, of any depth; the ops on them; their text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.compiler.arrays.reference import execute
from twofold.ir.buffer import CHUNK, Arrays, Buffer, new
from twofold.ir.errors import IndexOutOfBoundsError, IRSyntaxError, ShapeError, VerifyError
from twofold.ir.parser import parse
from twofold.ir.types import BufferType, TensorType
from twofold.ir.verify import verify

F32 = TensorType(np.dtype(np.float32))
PAIR = TensorType(np.dtype(np.float32), (2,))
ANY = ("push", "pop", "extend", "forget")
FLAT = (*ANY, "write", "write", "unwrite", "add", "fill", "stack", "view")


def steps(*kinds: str) -> Any:
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 50)), max_size=60)


def items(buffer: Any) -> list[Any]:
    """What a buffer holds as nested lists."""
    held = [buffer.cut(len(buffer) - i - 1)[0].last() for i in range(len(buffer))]
    return [items(x) if isinstance(x, Buffer) else x.tolist() for x in held]


class History:
    """Versions of a buffer and what each should hold; ``step`` makes one more of any of them."""

    def __init__(self, element: TensorType, make: Any, plain: Any) -> None:
        self.element, self.make, self.plain = element, make, plain
        self.versions: list[tuple[Any, list[Any]]] = [(new(element), [])]
        self.lent: list[tuple[Any, list[Any]]] = []

    def step(self, what: str, k: int) -> None:
        buffer, want = self.versions[k % len(self.versions)]
        made = getattr(self, what)(k, buffer, want)
        if made is not None:
            self.versions.append(made)

    def push(self, k: int, buffer: Any, want: Any) -> Any:
        return buffer.push(self.make(k)), [*want, self.plain(k)]

    def extend(self, k: int, buffer: Any, want: Any) -> Any:
        other, more = self.versions[-1]
        return buffer.extend(other), want + more

    def pop(self, k: int, buffer: Any, want: Any) -> Any:
        if not want:
            return None
        rest, last = buffer.pop()
        assert (items(last) if isinstance(last, Buffer) else last.tolist()) == want[-1]
        return rest, want[:-1]

    def forget(self, k: int, buffer: Any, want: Any) -> None:
        """Nobody holds this version any more."""
        if len(self.versions) > 1:
            del self.versions[k % len(self.versions)]

    def write(self, k: int, buffer: Any, want: Any) -> Any:
        at = k % (len(want) + 3)
        made, added = buffer.write(at, self.make(-k))
        filled = [*want, *[0.0] * (at + 1 - len(want))]
        assert added == len(filled) - len(want)
        back, x = made.unwrite(at, added)
        assert (items(back), x) == ([*want[:at], *[0.0] * (at < len(want)), *want[at + 1 :]], -k)
        return made, [*filled[:at], self.plain(-k), *filled[at + 1 :]]

    def unwrite(self, k: int, buffer: Any, want: Any) -> Any:
        if not want:
            return None
        at = k % len(want)
        made, x = buffer.unwrite(at, 0)
        assert x == want[at] == buffer.read(at)
        return made, [*want[:at], 0.0, *want[at + 1 :]]

    def add(self, k: int, buffer: Any, want: Any) -> Any:
        at = k % (len(want) + 3)
        made = buffer.add_at(at, self.make(k))
        assert made.read(at) == (want[at] + k if at < len(want) else 0)
        return made, [x + k if i == at else x for i, x in enumerate(want)]

    def fill(self, k: int, buffer: Any, want: Any) -> Any:
        made, added = buffer.fill(k)
        assert added == max(k - len(want), 0)
        return made, [*want, *[0.0] * added]

    def stack(self, k: int, buffer: Any, want: Any) -> None:
        self.lent.append((buffer.stack(), list(want)))

    def view(self, k: int, buffer: Any, want: Any) -> Any:
        return buffer.view(), want

    def check(self) -> None:
        for buffer, want in self.versions:
            assert items(buffer) == want
            tail = buffer.cut(len(want) // 2)
            assert [*items(tail[0]), *items(tail[1])] == want
            assert len(buffer.like()) == len(want)
            if self.element.rank:
                assert items(buffer.like()) == np.multiply(want, 0).tolist()
        for array, want in self.lent:
            assert array.tolist() == want


@given(steps(*FLAT))
def test_every_version_of_a_buffer_stays_what_it_was(steps: Any) -> None:
    history = History(F32, lambda k: np.asarray(k, np.float32), float)
    for what, k in steps:
        history.step(what, k)
    history.check()


@given(steps("forget", "write", "unwrite", "add", "stack"))
def test_what_is_changed_in_place_is_seen_by_nobody_else(steps: Any) -> None:
    history = History(F32, lambda k: np.asarray(k, np.float32), float)
    history.versions = [(new(F32).fill(9)[0], [0.0] * 9)]
    for what, k in steps:
        history.step(what, k)
        if k % 3:
            history.versions = history.versions[-1:]
    history.check()


@given(steps(*ANY))
def test_a_buffer_of_buffers_is_one_too(steps: Any) -> None:
    def make(k: int) -> Buffer:
        made = new(F32)
        for i in range(abs(k) % 4):
            made = made.push(np.asarray(i + k, np.float32))
        return made

    of = BufferType.of(F32)
    history = History(of, make, lambda k: [float(i + k) for i in range(abs(k) % 4)])
    for what, k in steps:
        history.step(what, k)
    history.check()


def test_writes_at_any_position_take_the_same_time_each() -> None:
    buffer: Any = new(F32).fill(1000)[0]
    chain = buffer.chain
    for i in range(500):
        buffer = buffer.write(i * 7 % 1000, np.asarray(i, np.float32))[0]
    assert buffer.chain is chain  # no copy was made
    assert buffer.read(7).item() == 1


def chunks(buffer: Arrays) -> list[int]:
    found, chunk = [], buffer.chunk
    while chunk is not None:
        found.append(chunk.array.nbytes)
        chunk = chunk.before
    return found


def test_pushes_write_in_place_and_waste_no_more_than_a_chunk() -> None:
    buffer: Any = new(PAIR)
    x = np.ones(2, np.float32)
    for _ in range(300_000):
        buffer = buffer.push(x)
    sizes = chunks(buffer)
    assert sum(sizes) <= 300_000 * x.nbytes + CHUNK
    assert len(sizes) < 25


def test_an_older_end_that_is_pushed_onto_shares_full_chunks() -> None:
    buffer: Any = new(F32)
    for i in range(5000):
        buffer = buffer.push(np.asarray(i, np.float32))
    a, b = buffer.push(np.float32(1)), buffer.push(np.float32(2))
    assert a.last() == 1 and b.last() == 2
    assert a.chunk is not b.chunk and a.chunk.before is b.chunk.before


def test_sums_of_buffers_are_those_of_their_elements() -> None:
    buffer: Any = new(F32).push(np.float32(1)).push(np.float32(2))
    nested: Any = new(BufferType.of(F32)).push(buffer).push(buffer)
    assert items(nested.plus(nested)) == [[2, 4], [2, 4]]
    with pytest.raises(ShapeError, match="2 and 1 elements"):
        buffer.plus(buffer.pop()[0])


def test_what_is_not_there_is_refused() -> None:
    buffer: Any = new(F32)
    with pytest.raises(IndexOutOfBoundsError, match="without elements"):
        buffer.pop()
    with pytest.raises(IndexOutOfBoundsError, match="index -1 is outside a buffer"):
        buffer.read(-1)
    with pytest.raises(ShapeError, match="shape"):
        buffer.push(np.ones(2, np.float32))


GRAPH = """graph f(%x: f32[n], %b: buffer f32[n]) {
  %e: buffer buffer f32[n] = buffer_new() {of=buffer f32[n]}
  %c: buffer f32[n] = buffer_push(%b, %x)
  %d: buffer buffer f32[n] = buffer_push(%e, %c)
  %r: buffer buffer f32[n], %l: buffer f32[n] = buffer_pop(%d)
  %m: i64[] = buffer_size(%l)
  %s: f32[2,n] = buffer_stack(%l) {length=2}
  %u: buffer f32[n] = buffer_of(%s)
  %a: buffer f32[n] = buffer_add(%u, %l)
  %w: buffer f32[n], %k: i64[] = buffer_write(%a, %m, %x)
  %g: f32[n] = buffer_read(%w, %m)
  %z: buffer f32[n] = buffer_like(%w)
  return %s, %m, %g, %z, %r
}
"""


def test_the_text_of_buffers_is_read_back() -> None:
    graph = parse(GRAPH)
    verify(graph)
    assert str(graph) == GRAPH
    assert graph.nodes[0].out.type == BufferType(
        np.dtype(np.float32), graph.inputs[0].type.shape, 2
    )


def test_ops_on_buffers_run() -> None:
    text = GRAPH.replace("buffer_size(%l)", "constant() {value=i64[] [1]}")
    x = np.array([1, 2, 3], np.float32)
    s, _, g, z, r = execute(parse(text), [x, new(TensorType(x.dtype, (3,))).push(2 * x)])
    assert s.tolist() == [[2, 4, 6], [1, 2, 3]]
    assert g.tolist() == [1, 2, 3]
    assert items(z) == [[0, 0, 0], [0, 0, 0]]
    assert len(r) == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("buffer_push(%b, %x)", "buffer_push(%x, %x)", "takes a buffer, not f32"),
        ("buffer_push(%e, %c)", "buffer_push(%e, %x)", "what the buffer holds is buffer f32"),
        ("buffer_read(%w, %m)", "buffer_read(%w, %x)", "a position is an integer"),
        ("buffer_read(%w, %m)", "buffer_read(%e, %m)", "are no tensors"),
        ("buffer_write(%a, %m, %x)", "buffer_write(%a, %m, %m)", "what the buffer holds is"),
        ("buffer_stack(%l) {length=2}", "buffer_stack(%e) {length=2}", "are no tensors"),
        ("buffer_push(%b, %x)", "add(%b, %x)", "takes tensors, not a buffer"),
        ("{of=buffer f32[n]}", "{of=2}", "of is the type of an element"),
    ],
)
def test_what_does_not_fit_a_buffer_is_refused(old: str, new: str, reason: str) -> None:
    assert old in GRAPH
    with pytest.raises((IRSyntaxError, VerifyError), match=reason):
        parse(GRAPH.replace(old, new))
