"""How nodes are grouped into kernels: what ``fuse`` does where a target has kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush

from twofold.ir.access import nontrivial, pieces_of
from twofold.ir.dims import DimLike
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.once import once
from twofold.ir.op import OPS
from twofold.ir.rebuild import Rebuilt, rebuild

from ..kernel.checks import may_fail
from ..kernel.expression import calls
from ..kernel.functions import CHEAP
from ..kernel.pieces import reads_whole
from ..kernel.space import AxisMap, Moves, Space, is_one, note_move

__all__ = ["grouped"]

MAX_VISITS = 400  # groups looked at before a fusion is given up
MAX_MOVES = 8  # movements in a row that kernels read through


class _Group:
    __slots__ = ("first", "heir", "joined", "last", "members", "preds", "space")

    def __init__(self, index: int, node: Node) -> None:
        self.members = [(index, node)]  # position in the graph, node
        self.first = self.last = index
        self.preds: set[_Group] = set()
        self.space: Space | None = None
        self.heir: _Group | None = None  # the group that this one was merged into
        self.joined: Value | None = None  # the value that is joined from pieces

    def nodes(self) -> list[Node]:
        """The nodes in program order."""
        return [node for _, node in sorted(self.members, key=lambda m: m[0])]

    def sources(self) -> set[_Group]:
        """The groups that this one uses values of."""
        found = {_alive(p) for p in self.preds}
        found.discard(self)
        return found


def _alive(group: _Group) -> _Group:
    """The group that now holds what was in ``group``."""
    while group.heir is not None:
        group = group.heir
    return group


def grouped(graph: Graph, joins: Callable[[Node], bool], max_ops: int) -> Graph:
    """A graph whose nodes that ``joins`` are grouped, at most so many in one."""
    moved = _Moved(graph, joins)
    return _regrouped(graph, _Fusion(graph, joins, moved, max_ops).run(), moved)


class _Moved:
    """The movements of a graph: which are read through, and where every moved value lies.

    A movement is *free* if only kernels read it, or if its output is its input's memory anyway.
    One that reads across the rows of its input is free for a single reader only: another element
    of a cache line is wanted so much later that several readers share an array instead.
    """

    def __init__(self, graph: Graph, can_fuse: Callable[[Node], bool]) -> None:
        self.moves: Moves = {}
        self.free: set[Value] = set()
        returned = set(graph.outputs)
        users = graph.uses()
        depth: dict[Value, int] = {}
        for node in graph.nodes:
            if not can_fuse(node) or note_move(node, self.moves) is None:
                continue
            deep = depth.get(node.inputs[0], 0) + 1
            read = node.out not in returned and all(map(can_fuse, users[node.out]))
            if len(users[node.out]) > 1 and self._across(node.out):
                read = False
            if deep <= MAX_MOVES and (read or node.op.shares_memory == "alias"):
                self.free.add(node.out)
                depth[node.out] = deep

    def _across(self, value: Value) -> bool:
        """Whether neighbours in the last axis of a moved value are of different rows."""
        base, access = self.moves[value]
        inner, last = nontrivial(value.type.shape), nontrivial(base.type.shape)
        source = access.axes[inner[-1]].source if inner else None
        return source is not None and source in last and source != last[-1]

    def repeats(self, value: Value) -> bool:
        """Whether a free value has elements of what it is read from more than once."""
        if value not in self.moves:
            return False
        axes = zip(self.moves[value][1].axes, value.type.shape, strict=True)
        return any(a.source is None and not is_one(size) for a, size in axes)

    def readers(self, graph: Graph) -> dict[Value, set[Node | None]]:
        """The nodes that read each value, also through free movements; None for the caller."""
        found: dict[Value, set[Node | None]] = {}
        reads: list[tuple[Node | None, Value]] = [(None, v) for v in graph.outputs]
        for node in graph.nodes:
            if self.free.isdisjoint(node.outputs):
                reads += [(node, v) for v in node.inputs]
        for reader, value in reads:
            for v in self.behind(value):
                found.setdefault(v, set()).add(reader)
        return found

    def behind(self, value: Value) -> Iterator[Value]:
        """The value, and those that it is read from as long as movements are free."""
        yield value
        while value in self.free and value.node is not None:
            value = value.node.inputs[0]
            yield value


class _Fusion:
    def __init__(
        self, graph: Graph, can_fuse: Callable[[Node], bool], moved: _Moved, max_ops: int
    ) -> None:
        self.graph, self.moved, self.max_ops = graph, moved, max_ops
        self.can_fuse = can_fuse
        self.group_of: dict[Value, _Group] = {}
        self.groups: dict[_Group, None] = {}
        self.effect: _Group | None = None

    def run(self) -> Iterable[_Group]:
        for index, node in enumerate(self.graph.nodes):
            if _is_scalar_constant(node):
                continue
            if len(node.outputs) == 1 and node.out in self.moved.free:
                home = self._home(node.inputs[0])
                if home is not None:
                    self.group_of[node.out] = home
                continue
            self._visit(index, node)
        self._join_siblings()
        return [part for group in self.groups for part in _checked(group)]

    def _home(self, value: Value) -> _Group | None:
        """The group that makes a value, or what it is read from."""
        group = self.group_of.get(value)
        return None if group is None else _alive(group)

    def _visit(self, index: int, node: Node) -> None:
        sources = list(dict.fromkeys(g for v in node.inputs if (g := self._home(v))))
        can_fuse = self.can_fuse(node)
        if can_fuse and node.op.pieces is not None:
            self._join_pieces(index, node, sources)
            return
        if can_fuse:
            for home in sorted(sources, key=lambda g: -g.last):
                if self._join(home, index, node, sources):
                    return
        group = _Group(index, node)
        if can_fuse:
            space = Space.starting_at(node, self.moved.moves)
            if space.add(node):
                group.space = space
        group.preds.update(sources)
        if node.pinned:
            self._in_order(group)
        self.groups[group] = None
        for value in node.outputs:
            self.group_of[value] = group

    def _in_order(self, group: _Group) -> None:
        """A group that has an effect, or may fail, runs after the one before it."""
        if self.effect is not None and _alive(self.effect) is not group:
            group.preds.add(_alive(self.effect))
        self.effect = group

    def _join_pieces(self, index: int, node: Node, sources: list[_Group]) -> None:
        """A group for what is joined, with the groups below that nobody else needs."""
        group = _Group(index, node)
        group.joined = node.out
        group.space = Space.starting_at(node, self.moved.moves)
        axes = group.space.fill((None,) * node.out.type.rank, node.out)
        assert axes is not None
        group.space.axes[node.out] = axes
        group.preds.update(sources)
        for other in sources:
            if self._stands_in(other, node, len(group.members)):
                self._take(group, other)
        self.groups[group] = None
        self.group_of[node.out] = group

    def _stands_in(self, other: _Group, node: Node, count: int) -> bool:
        """Whether a group can be computed in the boxes of a joined node, and for it alone."""
        if other.space is None or other.space.reduced or count + len(other.members) > self.max_ops:
            return False
        members = {n for _, n in other.members}
        if any(n.op.kind == "reduce" or may_fail(n) for n in members):
            # along axes of size 1; and it fails also for what does not stand in a box
            return False
        if any(self.readers.get(n.out, set()) - members - {node} for n in members):
            return False
        read = [v for v in node.inputs if self._home(v) is other]
        if other.joined is not None:
            pieces = [
                (p, node.inputs[p.source]) for p in pieces_of(node) or ()
                if p.source is not None and node.inputs[p.source] in read
            ]  # fmt: skip
            return len(pieces) == 1 and all(  # the value itself, not what is moved out of it
                source.node in members and reads_whole(piece, source) for piece, source in pieces
            )
        dear = any(calls(n.op.expr or "0") - CHEAP for n in members)
        return not dear or (len(read) == 1 and not self.moved.repeats(read[0]))

    @once
    def readers(self) -> dict[Value, set[Node | None]]:
        """Who reads each value, also through free movements."""
        return self.moved.readers(self.graph)

    def _on_top(self, home: _Group, node: Node) -> bool:
        """Whether a node computes with a joined value in the place where it stands."""
        assert home.joined is not None and home.space is not None
        return (
            node.op.kind == "elementwise"
            and node.out.type.shape == home.joined.type.shape
            and all(v in home.space.axes for v in node.inputs if self._home(v) is home)
        )

    def _join(self, home: _Group, index: int, node: Node, sources: list[_Group]) -> bool:
        if home.space is None or len(home.members) >= self.max_ops:
            return False
        if home.joined is not None and not self._on_top(home, node):
            return False
        if may_fail(node) and not self._fails_here(home, node):
            return False
        placed = home.space.place(node)
        if placed is None or not self._worthwhile(home.space, placed, node):
            return False
        others = [g for g in sources if g is not home]
        if others and self._reaches(home, others):
            return False
        if may_fail(node):  # known before anything is merged
            self._in_order(home)
        for other in others:
            if self._mergeable(home, other, node, sources):
                self._merge(home, other)
                placed = home.space.place(node)
        assert placed is not None
        home.space.axes[node.out], home.space.reduced = placed
        home.members.append((index, node))
        home.last = index
        home.preds.update(g for v in node.inputs if (g := self._home(v)) not in (None, home))
        self.group_of[node.out] = home
        return True

    def _fails_here(self, home: _Group, node: Node) -> bool:
        """Whether a node that may fail would do so in a group, at the same time and for the same
        values: it has a value at every point."""
        assert home.space is not None
        full = Space.starting_at(node).dims == home.space.dims
        before = self.effect and _alive(self.effect)
        late = before is None or before is home or not self._reaches(home, [before])
        return full and late and home.joined is None

    def _mergeable(self, home: _Group, other: _Group, node: Node, sources: list[_Group]) -> bool:
        if len(home.members) + len(other.members) >= self.max_ops:
            return False
        rest = [g for s in sources if (g := _alive(s)) is not home and g is not other]
        if self._reaches(other, rest):  # the node would use what uses its own group
            return False
        union = self._union(home, other)
        if union is None:
            return False
        placed = union.place(node)
        if placed is None or not self._worthwhile(union, placed, node):
            return False
        return not self._reaches(home, [other], direct=False) and not self._reaches(
            other, [home], direct=False
        )

    def _join_siblings(self) -> None:
        """Reductions over the same axes that read the same value become one group: mean and
        variance, max and min of one array read it once."""
        first: dict[tuple[Value, tuple[DimLike, ...], frozenset[int]], _Group] = {}
        for group in list(self.groups):
            space = group.space
            if space is None or not space.reduced:
                continue
            for value in self._read_at_points(group, space):
                home = _alive(first.setdefault((value, space.dims, space.reduced), group))
                if home is not _alive(group) and self._siblings(home, _alive(group)):
                    self._merge(home, _alive(group))

    def _read_at_points(self, group: _Group, space: Space) -> list[Value]:
        """The values from outside that a group reads at every point of its loops."""
        found: dict[Value, None] = {}
        for node in group.nodes():
            for value in node.inputs:
                *_, base = self.moved.behind(value)
                if value not in space.axes and len(nontrivial(base.type.shape)) == len(space.dims):
                    found[base] = None
        return list(found)

    def _siblings(self, home: _Group, other: _Group) -> bool:
        """Whether two groups of reductions, neither of which needs the other, fit together."""
        if len(home.members) + len(other.members) > self.max_ops:
            return False
        return (
            self._union(home, other) is not None
            and not self._depends(home, other)
            and not self._depends(other, home)
        )

    def _depends(self, group: _Group, on: _Group) -> bool:
        """Whether a group needs what another one makes; in doubt, yes."""
        stack, seen = [group], {group}
        while stack:
            for source in stack.pop().sources():
                if source is on or len(seen) > MAX_VISITS:
                    return True
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
        return False

    def _merge(self, home: _Group, other: _Group) -> None:
        home.space = self._union(home, other)
        self._take(home, other)

    def _take(self, home: _Group, other: _Group) -> None:
        """What is in one group is in the other from now on."""
        home.members.extend(other.members)
        home.first, home.last = min(home.first, other.first), max(home.last, other.last)
        home.preds |= other.preds
        other.heir = home
        for _, member in other.members:
            for value in member.outputs:
                self.group_of[value] = home
        self.groups.pop(other)

    def _reaches(self, home: _Group, starts: list[_Group], direct: bool = True) -> bool:
        """Whether some start depends on ``home``; ``direct=False`` ignores a direct edge."""
        stack = list(starts)
        if not direct:
            stack = [p for s in starts for p in s.sources() if p is not home]
        seen = set(stack)
        while stack:
            group = stack.pop()
            if group is home or len(seen) > MAX_VISITS:
                return True
            for pred in group.sources():
                if pred not in seen and pred.last >= home.first:
                    seen.add(pred)
                    stack.append(pred)
        return False

    def _union(self, home: _Group, other: _Group) -> Space | None:
        """The space of two groups as one, or None. A group without reductions may become the outer
        level of one with reductions."""
        a, b = home.space, other.space
        if a is None or b is None or home.joined is not None or other.joined is not None:
            return None
        if a.reduced is not None and b.reduced is not None and a.reduced != b.reduced:
            return None
        base, rest = (a, b) if b.reduced is None else (b, a)
        fails = any(may_fail(n) for _, n in (*home.members, *other.members))
        if base.dims != rest.dims and (rest.reduced is not None or fails):
            return None
        union = Space(base.dims, base.reduced, self.moved.moves)
        members = [n for _, n in sorted(home.members + other.members, key=lambda m: m[0])]
        if not all(union.add(n) for n in members):
            return None
        return union if _in_rows(union) or not self._returns_to_points(union, members) else None

    def _returns_to_points(self, space: Space, members: list[Node]) -> bool:
        """Whether a reduction's result is used at full level: the loops run once more."""
        late: set[Value] = set()
        for node in members:
            depends = any(w in late for v in node.inputs for w in self.moved.behind(v))
            if depends and (
                node.op.kind == "reduce" or space.level(space.axes[node.out]) == "full"
            ):
                return True
            if depends or node.op.kind == "reduce":
                late.add(node.out)
        return False

    def _worthwhile(
        self, space: Space, placed: tuple[AxisMap, frozenset[int] | None], node: Node
    ) -> bool:
        """Whether a node belongs into the group: full-level work after a reduction reads the rows
        again, which pays while a row stays in cache, and only where there are rows."""
        axis_map, reduced = placed
        if not reduced:
            return True
        with_node = Space(space.dims, reduced)
        if _in_rows(with_node):
            return True
        if node.op.kind != "reduce" and with_node.level(axis_map) != "full":
            return True
        return not any(self._after_reduction(space, v) for v in node.inputs)

    def _after_reduction(self, space: Space, value: Value) -> bool:
        """Whether a placed value depends on a reduction of the group."""
        stack, seen = [value], set()
        while stack:
            *_, v = self.moved.behind(stack.pop())
            if v in seen or v not in space.axes or v.node is None:
                continue
            seen.add(v)
            if v.node.op.kind == "reduce":
                return True
            stack.extend(v.node.inputs)
        return False


def _checked(group: _Group) -> list[_Group]:
    """The group, if its nodes fit its space when placed in program order, as lowering does."""
    if group.space is None or group.joined is not None:
        return [group]
    space = Space(group.space.dims, group.space.reduced, group.space.moves)
    if all(space.add(node) for node in group.nodes()):
        return [group]
    raise AssertionError(f"a fused group does not fit its space: {group.nodes()}")


def _in_rows(space: Space) -> bool:
    """Whether the reductions fold rows: the last axis, with other axes kept."""
    reduced = space.reduced or ()
    last = len(space.dims) - 1
    return not reduced or (last in reduced and len(reduced) < len(space.dims))


def _is_scalar_constant(node: Node) -> bool:
    return node.op.name == "constant" and node.out.type.rank == 0


def _in_order(groups: list[_Group]) -> Iterator[_Group]:
    """The groups, each after those that it uses, else by their first nodes (Kahn 1962)."""
    waits = {group: len(group.sources()) for group in groups}
    users: dict[_Group, list[_Group]] = {group: [] for group in groups}
    for group in groups:
        for source in group.sources():
            users[source].append(group)
    ready = [(g.first, i, g) for i, g in enumerate(groups) if not waits[g]]
    heapify(ready)
    count = 0
    while ready:
        group = heappop(ready)[2]
        yield group
        count += 1
        for user in users[group]:
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, (user.first, count + len(groups), user))
    assert count == len(groups), "fusion made a cycle"


def _regrouped(graph: Graph, groups: Iterable[_Group], moved: _Moved) -> Graph:
    """The graph with a node for each group, in an order that respects what they use."""
    readers = moved.readers(graph)
    new = Rebuilt(graph.name)
    for value in graph.inputs:
        new.input(value)
    for group in _in_order(list(groups)):
        if group.space is None:
            (node,) = group.nodes()
            _need(new, node.inputs)
            new.run([node])
        else:
            _emit(new, group, moved, readers)
    _need(new, graph.outputs)
    new.graph.outputs = [new[v] for v in graph.outputs]
    return new.graph


def _need(new: Rebuilt, values: Iterable[Value]) -> None:
    """Copy the constants and free movements among these that stand in no group."""
    for value in values:
        late: list[Node] = []
        while value not in new.table:
            assert value.node is not None
            late.append(value.node)
            if not value.node.inputs:
                break
            value = value.node.inputs[0]
        new.run(reversed(late))


def _emit(
    new: Rebuilt, group: _Group, moved: _Moved, readers: dict[Value, set[Node | None]]
) -> None:
    """Append the fused node of a group: its region are the nodes, and the constants and free
    movements that they use."""
    nodes = group.nodes()
    members = set(nodes)
    inside: dict[Node, None] = {}
    outside: dict[Value, None] = {}
    for node in nodes:
        for value in node.inputs:
            for v in reversed([*moved.behind(value)]):
                if v.node is not None and (v in moved.free or _is_scalar_constant(v.node)):
                    inside[v.node] = None
                elif v.node not in members:
                    outside[v] = None
        inside[node] = None
    results = [
        n.out for n in nodes
        if readers.get(n.out, set()) - members or (may_fail(n) and not readers.get(n.out))
    ]  # fmt: skip
    if not results:  # nothing is read, and nothing can fail: a division by a number that is known
        results = [nodes[-1].out]
    attrs = {
        "dims": tuple(group.space.dims) if group.space else (),
        "reduced": tuple(sorted(group.space.reduced or ())) if group.space else (),
    }
    fused = new.graph.add(
        OPS["fused"], [new[v] for v in outside], attrs,
        regions=[rebuild(Graph(_group_name(nodes), outside, inside, results))],
        types=[v.type for v in results], loc=nodes[-1].loc,
        names=[v.name for v in results],
    )  # fmt: skip
    new.table.update(zip(results, fused.outputs, strict=True))


def _group_name(nodes: list[Node]) -> str:
    """A readable name: the ops in order, without movements, shortened."""
    computing = [n for n in nodes if n.op.axes is None] or nodes
    ops = list(dict.fromkeys(n.op.name for n in computing))
    return "_".join(ops[:4]) + ("_etc" if len(ops) > 4 else "")
