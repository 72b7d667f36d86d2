"""What the driver does with sequences: operations of ``instructions.py``, over ``blocks.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from .blocks import ADDRESS, BLOCK, COUNTED, ITEM, RECORD, SIZE, USERS
from .code import I32, I64, POINTER
from .instructions import (
    ADD_AT,
    COUNT,
    CUT,
    DROP,
    FILL,
    FREE,
    HOLD,
    LEND,
    LIKE,
    NEST,
    POP,
    PUSH,
    READ,
    UNNEST,
    UNWRITE,
    WRITE,
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
    block = d.at(record, BLOCK)
    with d.b.if_then(d.b.icmp_signed("!=", block, I64(0))):
        _put(d, d.b.add(block, I64(8 * ITEM)), d.at(step, 6))  # the kernel may take memory


def _count(d: Driver, step: ir.Value) -> None:
    record = d.record(step, 3)
    number = d.b.sdiv(d.at(d.at(record, BLOCK), SIZE), d.at(step, 4))
    d.b.store(number, d.b.inttoptr(d.b.add(record, I64(8 * COUNTED)), POINTER))


# ---- Positions


def _number(d: Driver, step: ir.Value, i: int) -> ir.Value:
    """An integer of four or eight bytes that operands say the place of."""
    place, made = d.b.inttoptr(d.word(step, i), POINTER), d.code.slot(I64)
    wide = d.b.icmp_signed("==", d.at(step, i + 2), I64(8))
    with d.b.if_else(wide) as (eight, four):
        with eight:
            d.b.store(d.b.load(place, typ=I64), made)
        with four:
            d.b.store(d.b.sext(d.b.load(place, typ=I32), I64), made)
    return d.b.load(made, typ=I64)


def _put(d: Driver, address: ir.Value, value: ir.Value) -> None:
    d.b.store(value, d.b.inttoptr(address, POINTER))


def _position(d: Driver, step: ir.Value, i: int, failure: int) -> ir.Value:
    """A position, which ends the program if it is negative."""
    at = _number(d, step, i)
    with d.b.if_then(d.b.icmp_signed("<", at, I64(0)), likely=False):
        d.b.store(d.at(step, failure), d.status)
        d.b.ret_void()
    return at


def _zeros(d: Driver, target: ir.Value, nbytes: ir.Value) -> None:
    set_ = d.blocks.outside("memset", POINTER, POINTER, I32, I64)
    d.b.call(set_, [d.b.inttoptr(target, POINTER), I32(0), nbytes])


def _copy_or_zeros(
    d: Driver, inside: ir.Value, target: ir.Value, record: ir.Value, at: ir.Value, width: ir.Value
) -> None:
    """An element is copied, or zeros where there is none."""
    with d.b.if_else(inside) as (there, not_there):
        with there:
            _copied(d, target, _element(d, record, at, width), width)
        with not_there:
            _zeros(d, target, width)


def _read(d: Driver, step: ir.Value) -> None:
    record, at = d.record(step, 3), _position(d, step, 6, 11)
    inside = d.b.icmp_signed("<", at, d.at(record, COUNTED))
    width = d.b.mul(d.at(step, 4), d.at(step, 5))
    _copy_or_zeros(d, inside, d.word(step, 9), record, at, width)


def _filled(d: Driver, step: ir.Value, number: ir.Value) -> ir.Value:
    """Have at least so many elements, in a block that is the value's alone; how many were added."""
    root, record, per, nbytes = (*(d.record(step, i) for i in (3, 4)), d.at(step, 5), d.at(step, 6))
    before = d.at(record, COUNTED)
    d.ended(d.b.call(d.blocks["fill"], [root, record, number, per, nbytes]))
    added: ir.Value = d.b.sub(d.at(record, COUNTED), before)
    return added


def _write(d: Driver, step: ir.Value) -> None:
    at = _position(d, step, 7, 14)
    width = d.b.mul(d.at(step, 5), d.at(step, 6))
    _put(d, d.word(step, 12), _filled(d, step, d.b.add(at, I64(1))))
    _copied(d, _element(d, d.record(step, 4), at, width), d.word(step, 10), width)


def _unwrite(d: Driver, step: ir.Value) -> None:
    record, at, added = d.record(step, 4), _number(d, step, 7), _number(d, step, 10)
    count, width = d.at(record, COUNTED), d.b.mul(d.at(step, 5), d.at(step, 6))
    inside = d.b.icmp_unsigned("<", at, count)
    _copy_or_zeros(d, inside, d.word(step, 13), record, at, width)
    stays = d.b.icmp_signed("<", at, d.b.sub(count, added))
    with d.b.if_then(d.b.and_(inside, stays)):
        _filled(d, step, I64(0))
        _zeros(d, _element(d, record, at, width), width)
    _shortened(d, record, added)


def _shortened(d: Driver, record: ir.Value, number: ir.Value) -> None:
    """So many elements less, or none."""
    left = d.b.sub(d.at(record, COUNTED), number)
    left = d.b.select(d.b.icmp_signed("<", left, I64(0)), I64(0), left)
    _put(d, d.b.add(record, I64(8 * COUNTED)), left)


def _fill(d: Driver, step: ir.Value) -> None:
    _put(d, d.word(step, 10), _filled(d, step, _number(d, step, 7)))


def _cut(d: Driver, step: ir.Value) -> None:
    _shortened(d, d.record(step, 3), _number(d, step, 4))


def _add_at(d: Driver, step: ir.Value) -> None:
    record, at = d.record(step, 4), _number(d, step, 7)
    width = d.b.mul(d.at(step, 5), d.at(step, 6))
    with d.b.if_then(d.b.icmp_unsigned("<", at, d.at(record, COUNTED))):
        _filled(d, step, I64(0))
        target, source = _element(d, record, at, width), d.word(step, 10)
        for number, (kind, item, op) in enumerate(_SUMS):
            wanted = d.b.icmp_signed("==", d.at(step, 12), I64(number))
            count = d.b.select(wanted, d.b.sdiv(width, I64(item)), I64(0))
            with d.code.loop(I64(0), count) as i:
                a, b = (d.b.gep(d.b.inttoptr(x, POINTER), [i], source_etype=kind)
                        for x in (target, source))  # fmt: skip
                made = getattr(d.b, op)(d.b.load(a, typ=kind), d.b.load(b, typ=kind))
                d.b.store(made, a)


# By the numbers that ``SUMMED`` (``planned.py``) has for dtypes.
_SUMS = (
    (ir.FloatType(), 4, "fadd"),
    (ir.DoubleType(), 8, "fadd"),
    (I32, 4, "add"),
    (I64, 8, "add"),
)

SEQUENCES: Mapping[int, Callable[[Any, ir.Value], None]] = {
    HOLD: _hold,
    DROP: _drop,
    PUSH: _push,
    NEST: _nest,
    POP: _pop,
    UNNEST: _unnest,
    LIKE: _like,
    FREE: _free,
    LEND: _lend,
    COUNT: _count,
    READ: _read,
    WRITE: _write,
    UNWRITE: _unwrite,
    ADD_AT: _add_at,
    FILL: _fill,
    CUT: _cut,
}
