"""What the driver does with sequences: operations of ``instructions.py``, over ``blocks.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from .blocks import ADDRESS, BLOCK, COUNTED, RECORD, SIZE, USERS
from .code import I32, I64, POINTER
from .instructions import (
    COUNT,
    DIVIDE,
    DROP,
    FREE,
    HOLD,
    LEND,
    LIKE,
    NEST,
    POP,
    PUSH,
    TAKE,
    UNNEST,
)

if TYPE_CHECKING:
    from .driver import Driver

__all__ = ["SEQUENCES"]

EMPTY = "a buffer without elements has no last one\0"


def _hold(d: Driver, step: ir.Value) -> None:
    d.b.call(d.blocks["copy"], [d.record(step, 3), d.record(step, 4)])


def _drop(d: Driver, step: ir.Value) -> None:
    d.b.call(d.blocks["release"], [d.record(step, 3)])


def _element(d: Driver, record: ir.Value, i: ir.Value, nbytes: ir.Value) -> ir.Value:
    """The address of an element."""
    return d.b.add(d.at(d.at(record, BLOCK), ADDRESS), d.b.mul(i, nbytes))


def _copied(d: Driver, target: ir.Value, source: ir.Value, nbytes: ir.Value) -> None:
    d.b.call(d.copy, [d.b.inttoptr(target, POINTER), d.b.inttoptr(source, POINTER), nbytes])


def _longer(d: Driver, step: ir.Value, per: ir.Value, nbytes: ir.Value, depth: int) -> ir.Value:
    """Room for one more element of the sequence of the second operand; its address."""
    record = d.record(step, 4)
    d.ended(d.b.call(d.blocks["room"], [d.record(step, 3), record, per, nbytes, I64(depth)]))
    last = d.b.sub(d.at(record, COUNTED), I64(1))
    return _element(d, record, last, d.b.mul(per, nbytes))


def _push(d: Driver, step: ir.Value) -> None:
    per, nbytes = d.at(step, 5), d.at(step, 6)
    place = _longer(d, step, per, nbytes, 0)
    _copied(d, place, d.word(step, 7), d.b.mul(per, nbytes))


def _nest(d: Driver, step: ir.Value) -> None:
    place = _longer(d, step, I64(1), I64(RECORD), 1)
    d.b.call(d.blocks["copy"], [place, d.record(step, 5)])


def _shorter(d: Driver, step: ir.Value, nbytes: ir.Value) -> ir.Value:
    """Take the last element of a sequence; its address."""
    record = d.record(step, 3)
    left = d.b.sub(d.at(record, COUNTED), I64(1))
    with d.b.if_then(d.b.icmp_signed("<", left, I64(0)), likely=False):
        d.ended(d.b.call(_nothing(d), []))
    place = d.b.inttoptr(d.b.add(record, I64(8 * COUNTED)), POINTER)
    d.b.store(left, place)
    return _element(d, record, left, nbytes)


def _nothing(d: Driver) -> ir.Function:
    """Raises IndexError; returns 1."""
    module = d.fn.module
    found = module.globals.get("nothing")
    if found is not None:
        return found
    fn = ir.Function(module, ir.FunctionType(I32, []), "nothing")
    fn.linkage = "internal"
    words = ir.Constant(ir.ArrayType(ir.IntType(8), len(EMPTY)), bytearray(EMPTY.encode()))
    text = ir.GlobalVariable(module, words.type, "empty")
    text.initializer, text.linkage, text.global_constant = words, "internal", True
    error = ir.GlobalVariable(module, POINTER, "PyExc_IndexError")
    b, outside = ir.IRBuilder(fn.append_basic_block("entry")), d.blocks.outside
    state = b.call(outside("PyGILState_Ensure", I32), [])
    raise_ = outside("PyErr_SetString", ir.VoidType(), POINTER, POINTER)
    b.call(raise_, [b.load(error, typ=POINTER), b.bitcast(text, POINTER)])
    b.call(outside("PyGILState_Release", ir.VoidType(), I32), [state])
    b.ret(I32(1))
    return fn


def _pop(d: Driver, step: ir.Value) -> None:
    nbytes = d.at(step, 4)
    _copied(d, d.word(step, 5), _shorter(d, step, nbytes), nbytes)


def _unnest(d: Driver, step: ir.Value) -> None:
    given = [d.record(step, 4), d.record(step, 3), _shorter(d, step, I64(RECORD))]
    d.b.call(d.blocks["unnest"], given)


def _like(d: Driver, step: ir.Value) -> None:
    given = [d.record(step, i) for i in (3, 4, 5)] + [d.at(step, i) for i in (6, 7, 8)]
    given[-1] = d.b.sub(given[-1], I64(1))
    d.ended(d.b.call(d.blocks["like"], given))


def _take(d: Driver, step: ir.Value) -> None:
    number = d.at(d.word(step, 7), 0)
    given = [d.record(step, 3), d.record(step, 4), d.word(step, 5), number]
    d.ended(d.b.call(d.blocks["take"], [*given, d.at(step, 9), d.at(step, 10)]))


def _divide(d: Driver, step: ir.Value) -> None:
    counts, number = d.word(step, 7), d.at(d.word(step, 9), 0)
    per, nbytes = d.at(step, 11), d.at(step, 12)
    place = d.code.slot(I64)
    d.b.store(d.word(step, 5), place)
    with d.code.loop(I64(0), number) as i:
        inner, count = _longer(d, step, I64(1), I64(RECORD), 1), d.at(counts, i)
        source = d.b.load(place, typ=I64)
        given = [d.record(step, 3), inner, source, count, per, nbytes]
        d.ended(d.b.call(d.blocks["take"], given))
        d.b.store(d.b.add(source, d.b.mul(count, d.b.mul(per, nbytes))), place)


def _free(d: Driver, step: ir.Value) -> None:
    d.b.call(d.blocks["free"], [d.record(step, 3)])


def _lend(d: Driver, step: ir.Value) -> None:
    root, record, per = d.record(step, 3), d.record(step, 4), d.at(step, 5)
    own = d.fn.append_basic_block("own")
    look, done = d.fn.append_basic_block("look"), d.fn.append_basic_block("lent")
    block = d.at(record, BLOCK)
    d.b.cbranch(d.b.icmp_signed("==", block, I64(0)), own, look)
    d.b.position_at_end(look)
    changed = d.b.icmp_signed("!=", d.at(step, 7), I64(0))
    shared = d.b.icmp_signed(">", d.at(block, USERS), I64(1))
    longer = d.b.icmp_signed("!=", d.at(block, SIZE), d.b.mul(d.at(record, COUNTED), per))
    d.b.cbranch(d.b.or_(d.b.and_(changed, shared), longer), own, done)
    d.b.position_at_end(own)
    d.ended(d.b.call(d.blocks["own"], [root, record, per, d.at(step, 6), I64(0)]))
    d.b.branch(done)
    d.b.position_at_end(done)


def _count(d: Driver, step: ir.Value) -> None:
    record = d.record(step, 3)
    number = d.b.sdiv(d.at(d.at(record, BLOCK), SIZE), d.at(step, 4))
    d.b.store(number, d.b.inttoptr(d.b.add(record, I64(8 * COUNTED)), POINTER))


SEQUENCES: Mapping[int, Callable[[Any, ir.Value], None]] = {
    HOLD: _hold,
    DROP: _drop,
    PUSH: _push,
    NEST: _nest,
    POP: _pop,
    UNNEST: _unnest,
    LIKE: _like,
    TAKE: _take,
    DIVIDE: _divide,
    FREE: _free,
    LEND: _lend,
    COUNT: _count,
}
