"""Nodes that choose and order elements and do not look at them: they run on row numbers, too."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from twofold.ir.errors import ArgumentError

from .block import Block, of_rows
from .node import INFINITE, UNKNOWN, Node, Opening, Reader, Run, Seeds, Source
from .seeding import Numbers, pair_of_pass

__all__ = ["Counted", "Repeat", "Shard", "Shuffle", "Skip", "Take"]

N = TypeVar("N", bound="Ordering")


class Ordering(Node):
    """A node that gives elements of its input as they are."""

    def over(self: N, rows: Node) -> N:
        """The same node over another input."""
        raise NotImplementedError

    def lifted(self) -> tuple[Node, Source] | None:
        found = self.inputs[0].lifted()
        return None if found is None else (self.over(found[0]), found[1])


class Take(Ordering):
    """The first ``count`` elements; all if that is negative."""

    name = "take"

    def __init__(self, source: Node, count: int) -> None:
        super().__init__(source)
        self.count = count

    def over(self, rows: Node) -> Take:
        return Take(rows, self.count)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if self.count < 0 or have == UNKNOWN:
            return have if self.count != 0 else 0
        return self.count if have == INFINITE else min(have, self.count)

    def arguments(self) -> str:
        return str(self.count)

    def run(self, opening: Opening) -> Run:
        source = self.inputs[0].open(opening)
        return source if self.count < 0 else _Taking(source, self.count)


class _Taking(Run):
    def __init__(self, source: Run, left: int) -> None:
        self.source, self.left = source, left

    def take(self, count: int) -> Block | None:
        if self.left <= 0:
            return None
        try:
            block = self.source.take(min(count, self.left))
        except Exception:
            self.left -= 1  # what raises is an element as well
            raise
        self.left -= 0 if block is None else block.count
        return block

    def skip(self, count: int) -> int:
        gone = self.source.skip(min(count, self.left))
        self.left -= gone
        return gone

    def close(self) -> None:
        self.source.close()


class Skip(Ordering):
    """All but the first ``count`` elements; none if that is negative."""

    name = "skip"

    def __init__(self, source: Node, count: int) -> None:
        super().__init__(source)
        self.count = count

    def over(self, rows: Node) -> Skip:
        return Skip(rows, self.count)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if self.count < 0:
            return 0
        return have if have < 0 else max(0, have - self.count)

    def arguments(self) -> str:
        return str(self.count)

    def run(self, opening: Opening) -> Run:
        return _Skipping(self.inputs[0].open(opening), self.count)


class _Skipping(Run):
    def __init__(self, source: Run, before: int) -> None:
        self.source, self.before = source, before

    def _begin(self) -> bool:
        """Leave out what stands before; whether there may be more."""
        while self.before > 0:
            gone = self.source.skip(self.before)
            if gone < self.before:
                return False
            self.before -= gone
        return self.before == 0

    def take(self, count: int) -> Block | None:
        return self.source.take(count) if self._begin() else None

    def skip(self, count: int) -> int:
        return self.source.skip(count) if self._begin() else 0

    def close(self) -> None:
        self.source.close()


class Shard(Ordering):
    """Every ``of``-th element from number ``index`` on."""

    name = "shard"

    def __init__(self, source: Node, of: int, index: int) -> None:
        super().__init__(source)
        if of < 1:
            raise ArgumentError(f"shard: num_shards is at least 1, not {of}")
        if not 0 <= index < of:
            raise ArgumentError(f"shard: index is from 0 to below num_shards ({of}), not {index}")
        self.of, self.index = of, index

    def over(self, rows: Node) -> Shard:
        return Shard(rows, self.of, self.index)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        return have if have < 0 else max(0, -(-(have - self.index) // self.of))

    def arguments(self) -> str:
        return f"{self.of}, {self.index}"

    def run(self, opening: Opening) -> Run:
        return _Sharding(self.inputs[0].open(opening), self.of, self.index)


class _Sharding(Run):
    def __init__(self, source: Run, of: int, index: int) -> None:
        self.source, self.of, self.number = source, of, -index  # 0 modulo ``of`` is ours

    def take(self, count: int) -> Block | None:
        while True:
            block = self.source.take(count * self.of)
            if block is None:
                return None
            first = -self.number % self.of
            self.number += block.count
            if first < block.count:
                return block.where(np.arange(first, block.count, self.of))

    def skip(self, count: int) -> int:
        before = -self.number % self.of  # elements of others before the next one
        gone = self.source.skip(before + 1 + (count - 1) * self.of) if count else 0
        self.number += gone
        return 0 if gone <= before else (gone - before - 1) // self.of + 1

    def close(self) -> None:
        self.source.close()


class Counted(Ordering):
    """The same elements, of which there are ``count``."""

    name = "assert_cardinality"

    def __init__(self, source: Node, count: int) -> None:
        super().__init__(source)
        self.count = count

    def over(self, rows: Node) -> Counted:
        return Counted(rows, self.count)

    @property
    def cardinality(self) -> int:
        return self.count

    def arguments(self) -> str:
        return str(self.count)

    def run(self, opening: Opening) -> Run:
        return _Counting(self.inputs[0].open(opening), self.count)


class _Counting(Run):
    def __init__(self, source: Run, count: int) -> None:
        self.source, self.count, self.seen = source, count, 0

    def take(self, count: int) -> Block | None:
        block = self.source.take(count)
        self.seen += 0 if block is None else block.count
        short = block is None and self.seen < self.count and self.count != INFINITE
        if self.count >= 0 and (short or self.seen > self.count):
            told = f"only {self.seen}" if short else f"at least {self.seen}"
            raise ArgumentError(
                f"assert_cardinality: {self.count} elements were expected, there are {told}"
            )
        return block

    def close(self) -> None:
        self.source.close()


class Repeat(Ordering):
    """The input again and again, ``count`` times; for ever if that is None or negative."""

    name = "repeat"

    def __init__(self, source: Node, count: int) -> None:
        super().__init__(source)
        self.count = count

    def over(self, rows: Node) -> Repeat:
        return Repeat(rows, self.count)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if self.count == 0 or have == 0:
            return 0
        if self.count < 0:
            return INFINITE if have != UNKNOWN else INFINITE
        return have if have < 0 else have * self.count

    def arguments(self) -> str:
        return str(self.count)

    def run(self, opening: Opening) -> Run:
        return _Repeating(self, opening)

    def reopened(self, opening: Opening, count: int) -> None:
        if self.count > 0:
            super().reopened(opening, count * self.count)


class _Repeating(Run):
    def __init__(self, node: Repeat, opening: Opening) -> None:
        self.source, self.opening = node.inputs[0], opening
        self.left = node.count
        self.current = None if node.count == 0 else self.source.open(opening)
        self.empty = True  # nothing has come in this pass

    def take(self, count: int) -> Block | None:
        while self.current is not None:
            block = self.current.take(count)
            if block is not None:
                self.empty = False
                return block
            self._next()
        return None

    def _next(self) -> None:
        """Begin the next pass; after an empty one that is for ever there is none."""
        assert self.current is not None
        self.current.close()
        self.left -= 1
        stop = self.left == 0 or (self.empty and self.left < 0)
        self.current = None if stop else self.source.open(self.opening)
        self.empty = True

    def skip(self, count: int) -> int:
        left = count
        size = self.source.cardinality
        while left and self.current is not None:
            gone = self.current.skip(left)
            left -= gone
            self.empty = self.empty and not gone
            if not left:
                break
            passes = left // size if size > 0 else 0
            if self.left > 0:
                passes = min(passes, self.left - 1)
            if passes > 1:  # whole passes are left out at once
                self.source.reopened(self.opening, passes - 1)
                left -= (passes - 1) * size
                self.left -= passes - 1
            self._next()
        return count - left

    def close(self) -> None:
        if self.current is not None:
            self.current.close()


class Shuffle(Ordering):
    """The elements in random order: each is drawn from a buffer that the next ones fill.

    ``each``: another order in each pass.
    """

    name = "shuffle"

    def __init__(self, source: Node, buffer: int, seeds: Seeds, each: bool) -> None:
        super().__init__(source)
        self.buffer, self.seeds, self.each = buffer, seeds, each

    def over(self, rows: Node) -> Shuffle:
        return Shuffle(rows, self.buffer, self.seeds, self.each)

    def arguments(self) -> str:
        return f"{self.buffer}, reshuffle={self.each}"

    def run(self, opening: Opening) -> Run:
        number = opening.next_pass(self.seeds)
        pair = pair_of_pass(self.seeds, number) if self.each else self.seeds.pair
        return _Shuffling(self.inputs[0].open(opening), self.buffer, Numbers(pair))

    def reopened(self, opening: Opening, count: int) -> None:
        opening.next_pass(self.seeds, count)
        super().reopened(opening, count)


class _Shuffling(Run):
    """A ring of slots: each step yields one, fills the hole with the front, and moves the front."""

    def __init__(self, source: Run, size: int, numbers: Numbers) -> None:
        self.reader, self.size, self.numbers = Reader(source), size, numbers
        self.ring: list[Any] = []
        self.front = self.filled = 0
        self.form: Any = None
        self.plain: Any = None  # the dtype, where an element is one number

    def _read(self, count: int) -> list[Any]:
        block = self.reader.read(count)
        if block is None:
            return []
        if self.form is None:
            self.form = block.form
            if len(block.columns) == 1:
                first = block.row(0)[0]
                if isinstance(first, np.ndarray) and not first.ndim and first.dtype.kind in "iu":
                    self.plain = first.dtype
        if self.plain is None:
            return block.rows()
        column = block.columns[0]
        return column.tolist() if isinstance(column, np.ndarray) else [int(x) for x in column]

    def take(self, count: int) -> Block | None:
        out: list[Any] = []
        while len(out) < count:
            free = self.size - self.filled
            ended = self.reader.ended
            try:
                fresh = [] if ended else self._read(free + count - len(out) - 1 or 1)
            except Exception as error:
                if not out:
                    raise
                self.reader.error = error
                break
            if not fresh and not ended and not self.reader.ended:
                continue
            if not fresh and not self.filled:
                break
            self._draw(fresh, count, out)
        if not out:
            return None
        if self.plain is not None:
            return Block(len(out), [np.array(out, self.plain)], self.form)
        return of_rows(out, self.form)

    def _draw(self, fresh: list[Any], count: int, out: list[Any]) -> None:
        """Fill the ring with fresh elements, and yield while it is full, or nothing follows."""
        ring, at = self.ring, 0
        room = self.size - self.filled
        if room and fresh:  # the first round, or after a short read
            at = min(room, len(fresh))
            if len(ring) < self.size:  # nothing was drawn yet
                ring.extend(fresh[:at])
            else:
                for i in range(at):
                    ring[(self.front + self.filled + i) % self.size] = fresh[i]
            self.filled += at
        if self.filled < self.size and not self.reader.ended:
            return
        front, filled, size = self.front, self.filled, self.size
        most = min(count - len(out), filled + len(fresh) - at)
        numbers = self.numbers.take(most).tolist()
        used = 0
        for number in numbers:
            if filled < size and at < len(fresh):
                ring[(front + filled) % size] = fresh[at]
                at += 1
                filled += 1
            elif filled < size and not self.reader.ended:
                break
            slot = (front + number % filled) % size
            out.append(ring[slot])
            place = front % size
            ring[slot] = ring[place]
            ring[place] = None
            front += 1
            filled -= 1
            used += 1
        self.numbers.position -= len(numbers) - used
        for element in fresh[at:]:
            ring[(front + filled) % size] = element
            filled += 1
        self.front, self.filled = front, filled

    def skip(self, count: int) -> int:
        left = count
        while left:
            block = self.take(min(left, 4096))
            if block is None:
                break
            left -= block.count
        return count - left

    def close(self) -> None:
        self.reader.close()
