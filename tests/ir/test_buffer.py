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
STEPS = st.lists(st.tuples(st.sampled_from(["push", "pop", "set", "extend"]), st.integers(0, 50)),
                 max_size=60)  # fmt: skip


def items(buffer: Any) -> list[Any]:
    """What a buffer holds as nested lists."""
    held = [buffer.get(i) for i in range(len(buffer))]
    return [items(x) if isinstance(x, Buffer) else x.tolist() for x in held]


def after(steps: Any, element: TensorType, make: Any, plain: Any) -> None:
    """Run steps on any version there has been; every version stays what it was."""
    versions: list[tuple[Buffer, list[Any]]] = [(new(element), [])]
    for what, k in steps:
        buffer, want = versions[k % len(versions)]
        if what == "push":
            versions.append((buffer.push(make(k)), [*want, plain(k)]))
        elif what == "extend":
            other, more = versions[-1]
            versions.append((buffer.extend(other), want + more))
        elif want and what == "pop":
            rest, last = buffer.pop()
            assert (items(last) if isinstance(last, Buffer) else last.tolist()) == want[-1]
            versions.append((rest, want[:-1]))
        elif want:
            at = k % len(want)
            versions.append((buffer.set(at, make(-k)), [*want[:at], plain(-k), *want[at + 1 :]]))
    for buffer, want in versions:
        assert items(buffer) == want
        assert items(buffer.like()) == np.multiply(want, 0).tolist() if element.rank else True
        tail = buffer.cut(len(want) // 2)
        assert [*items(tail[0]), *items(tail[1])] == want


@given(STEPS)
def test_every_version_of_a_buffer_stays_what_it_was(steps: Any) -> None:
    after(steps, F32, lambda k: np.asarray(k, np.float32), float)


@given(STEPS)
def test_a_buffer_of_buffers_is_one_too(steps: Any) -> None:
    def make(k: int) -> Buffer:
        made = new(F32)
        for i in range(abs(k) % 4):
            made = made.push(np.asarray(i + k, np.float32))
        return made

    after(steps, BufferType.of(F32), make, lambda k: [float(i + k) for i in range(abs(k) % 4)])


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
    for index in (0, -1):
        with pytest.raises(IndexOutOfBoundsError, match="outside a buffer of 0"):
            buffer.get(index)
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
  %w: buffer f32[n] = buffer_set(%a, %m, %x)
  %g: f32[n] = buffer_get(%w, %m)
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
        ("buffer_get(%w, %m)", "buffer_get(%w, %x)", "a position is an integer"),
        ("buffer_stack(%l) {length=2}", "buffer_stack(%e) {length=2}", "are no tensors"),
        ("buffer_push(%b, %x)", "add(%b, %x)", "takes tensors, not a buffer"),
        ("{of=buffer f32[n]}", "{of=2}", "of is the type of an element"),
    ],
)
def test_what_does_not_fit_a_buffer_is_refused(old: str, new: str, reason: str) -> None:
    assert old in GRAPH
    with pytest.raises((IRSyntaxError, VerifyError), match=reason):
        parse(GRAPH.replace(old, new))
