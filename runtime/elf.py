"""Object code to an image: the part of a linker that compiled kernels need.

LLVM writes kernels as ELF objects, on every system: the format is ours to choose, since nothing but
this file reads them. ``Layout`` checks an object, gives its sections places, and ``write`` copies
them there and fills in addresses. Nothing else is done: no search paths, no libraries, no
unwinding tables. What is not understood is refused; what is damaged raises, and is never run.

An image is position-independent code with its constants, then (on a page of its own) what may be
written. A function from outside is reached through a *link*: 16 bytes, a jump and the address,
which is also where code that loads an address from a table finds it.

The formats: System V ABI, gABI 4.1 (object files), its supplements for x86-64 and AArch64.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Layout", "ObjectError"]

PAGE = mmap.PAGESIZE
LINK = 16
RELOCATABLE, SYMBOLS, RELATIVE, NO_BITS = 1, 2, 4, 8
WRITE, ALLOC, THREAD_LOCAL = 1, 2, 0x400
FILE = 4  # the kind of the symbol that names the source
SKIPPED = (".eh_frame", ".note")
MACHINES = {62: "x86_64", 183: "aarch64"}
JUMPS = {
    "x86_64": bytes.fromhex("ff25020000000f0b"),  # jmp [rip + 2]; ud2; the address
    "aarch64": bytes.fromhex("5000005800021fd6"),  # ldr x16, #8; br x16; the address
}


class ObjectError(ValueError):
    """Object code that is damaged, or has what the loader does not know."""


class Section(NamedTuple):
    """One part of an object, and where it lies in the image."""

    offset: int  # in the object; -1: nothing is there, it starts as zeros
    size: int
    place: int


class Symbol(NamedTuple):
    """A name: a place in the image, or nothing yet (-1: from outside)."""

    name: str
    place: int


class Layout:
    """A checked object: its ``size`` as an image, the first byte that may be written, its symbols.

    Raises ``ObjectError`` for bytes that are no object for a machine that is known here.
    """

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.size = self.writable = self.links = 0
        try:
            self._read()
        except ObjectError:
            raise
        except (struct.error, IndexError, OverflowError, ValueError) as error:
            raise ObjectError(f"the object code is damaged: {error}") from None

    def _read(self) -> None:
        head = struct.unpack_from("<16sHHIQQQIHHHHHH", self.code)
        if head[0][:7] != b"\x7fELF\x02\x01\x01" or head[1] != RELOCATABLE:
            raise ObjectError("this is not object code")
        if head[2] not in MACHINES:
            raise ObjectError(f"object code for machine {head[2]}, which is not known here")
        self.machine = MACHINES[head[2]]
        rows = [self._unpack("<IIQQQQIIQQ", head[6] + 64 * i) for i in range(head[12])]
        names = rows[head[13]]
        self.sections: dict[int, Section] = {}  # by the number of their row
        for wanted in (0, WRITE):
            self._place(rows, names, wanted)
        self.symbols = self._symbols(rows)
        self.relocations = self._relocations(rows)

    def _place(self, rows: list[Any], names: Any, wanted: int) -> None:
        """Give places to the sections that are (not) written to."""
        cursor = self.size if wanted else 0
        if wanted:
            cursor = self.writable = -(-cursor // PAGE) * PAGE
        for number, (name, kind, flags, _, offset, size, _, _, align, _) in enumerate(rows):
            if not flags & ALLOC or flags & WRITE != wanted or not size:
                continue
            if self._text(names, name).startswith(SKIPPED):
                continue
            if flags & THREAD_LOCAL or align > PAGE:
                raise ObjectError("thread-local data and alignment above a page are not known here")
            if kind != NO_BITS and offset + size > len(self.code):
                raise ObjectError("the object code ends before its last section")
            cursor = -(-cursor // max(align, 1)) * max(align, 1)
            self.sections[number] = Section(-1 if kind == NO_BITS else offset, size, cursor)
            cursor += size
        self.size = cursor
        if not wanted:
            self.links = -(-cursor // LINK) * LINK  # one for each symbol, after the code
            count = sum(row[5] // 24 for row in rows if row[1] == SYMBOLS)
            self.size = self.links + LINK * count

    def _symbols(self, rows: list[Any]) -> list[Symbol]:
        found: list[Symbol] = []
        for row in rows:
            if row[1] != SYMBOLS:
                continue
            for at in range(row[4], row[4] + row[5], 24):
                name, info, _, section, value, _ = self._unpack("<IBBHQQ", at)
                place = -1
                if 0 < section < len(rows):
                    home = self.sections.get(section)
                    if home is not None:
                        if value > home.size:
                            raise ObjectError("a symbol lies outside its section")
                        place = home.place + value
                elif section and info & 15 != FILE:
                    raise ObjectError(f"a symbol of kind {section:#x} is not known here")
                found.append(Symbol(self._text(rows[row[6]], name), place))
        return found

    def _relocations(self, rows: list[Any]) -> list[tuple[int, int, int, int]]:
        """(place, type, symbol, addend) of every address to be filled in."""
        found = []
        for row in rows:
            home = self.sections.get(row[7]) if row[1] == RELATIVE else None
            if home is None:
                continue
            for at in range(row[4], row[4] + row[5], 24):
                offset, info, addend = self._unpack("<QQq", at)
                if offset + 4 > home.size or info >> 32 >= len(self.symbols):
                    raise ObjectError("an address to fill in lies outside its section")
                found.append((home.place + offset, info & 0xFFFFFFFF, info >> 32, addend))
        return found

    def _unpack(self, form: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(form, self.code, offset)

    def _text(self, table: Any, offset: int) -> str:
        start = table[4] + offset
        return self.code[start : self.code.index(b"\0", start)].decode("ascii")

    def write(self, image: memoryview, base: int, outside: Callable[[str], int]) -> dict[str, int]:
        """Write the image, which is going to lie at ``base``; the addresses of its names.

        ``outside`` gives the address of a name that is not in the object, or raises.
        """
        for section in self.sections.values():
            if section.offset >= 0:
                end = section.offset + section.size
                image[section.place : section.place + section.size] = self.code[
                    section.offset : end
                ]
        linker = _Linker(self, image, base, outside)
        for relocation in self.relocations:
            linker.fill(*relocation)
        return {s.name: base + s.place for s in self.symbols if s.name and s.place >= 0}


class _Linker:
    """Fills in addresses."""

    def __init__(
        self, layout: Layout, image: memoryview, base: int, outside: Callable[[str], int]
    ) -> None:
        self.layout, self.image, self.base, self.outside = layout, image, base, outside
        self.known: dict[int, int] = {}

    def address(self, number: int) -> int:
        """The address of a symbol."""
        if number not in self.known:
            name, place = self.layout.symbols[number]
            self.known[number] = self.base + place if place >= 0 else self.outside(name)
        return self.known[number]

    def link(self, number: int) -> int:
        """The address of the link to a symbol."""
        place = self.layout.links + LINK * number
        jump = JUMPS[self.layout.machine] + struct.pack("<Q", self.address(number))
        self.image[place : place + LINK] = jump
        return self.base + place

    def fill(self, place: int, kind: int, number: int, addend: int) -> None:
        """One relocation."""
        method = _METHODS.get((self.layout.machine, kind))
        if method is None:
            raise ObjectError(f"relocation {kind} of {self.layout.machine} is not known here")
        method(self, place, number, addend)

    def absolute(self, place: int, number: int, addend: int) -> None:
        self.put("<Q", place, (self.address(number) + addend) & (1 << 64) - 1)

    def relative(self, place: int, number: int, addend: int) -> None:
        self.put("<i", place, self.address(number) + addend - self.base - place)

    def relative64(self, place: int, number: int, addend: int) -> None:
        self.put("<q", place, self.address(number) + addend - self.base - place)

    def call(self, place: int, number: int, addend: int) -> None:
        self.put("<i", place, self.target(number) + addend - self.base - place)

    def table(self, place: int, number: int, addend: int) -> None:
        self.put("<i", place, self.link(number) + 8 + addend - self.base - place)

    def target(self, number: int) -> int:
        """Where a call of a symbol goes: to it, or to its link."""
        inside = self.layout.symbols[number].place >= 0
        return self.address(number) if inside else self.link(number)

    def branch(self, place: int, number: int, addend: int) -> None:
        step = (self.target(number) + addend - self.base - place) >> 2
        if not -(1 << 25) <= step < 1 << 25:
            raise ObjectError("a branch is too far")
        self.patch(place, step & 0x3FFFFFF)

    def page(self, place: int, number: int, addend: int) -> None:
        self._page(place, self.address(number) + addend)

    def page_of_table(self, place: int, number: int, addend: int) -> None:
        self._page(place, self.link(number) + 8 + addend)

    def _page(self, place: int, address: int) -> None:
        step = (address >> 12) - (self.base + place >> 12)
        if not -(1 << 20) <= step < 1 << 20:
            raise ObjectError("an address is too far")
        self.patch(place, (step & 3) << 29 | (step >> 2 & 0x7FFFF) << 5)

    def low_of_table(self, place: int, number: int, addend: int) -> None:
        self.low(place, self.link(number) + 8 + addend, 3)

    def low(self, place: int, address: int, shift: int) -> None:
        """The low twelve bits of an address, in units of ``1 << shift`` bytes."""
        bits = address & 0xFFF
        if bits & (1 << shift) - 1:
            raise ObjectError("an address is not aligned as its access needs")
        self.patch(place, (bits >> shift) << 10)

    def put(self, form: str, place: int, value: int) -> None:
        try:
            struct.pack_into(form, self.image, place, value)
        except struct.error:
            raise ObjectError("an address is too far") from None

    def patch(self, place: int, bits: int) -> None:
        """Set bits of an instruction that are 0 in the object."""
        (word,) = struct.unpack_from("<I", self.image, place)
        struct.pack_into("<I", self.image, place, word | bits)


def _low(shift: int) -> Callable[[_Linker, int, int, int], None]:
    def fill(linker: _Linker, place: int, number: int, addend: int) -> None:
        linker.low(place, linker.address(number) + addend, shift)

    return fill


_METHODS: dict[tuple[str, int], Callable[[_Linker, int, int, int], None]] = {
    ("x86_64", 1): _Linker.absolute,  # R_X86_64_64
    ("x86_64", 2): _Linker.relative,  # PC32
    ("x86_64", 4): _Linker.call,  # PLT32
    ("x86_64", 9): _Linker.table,  # GOTPCREL
    ("x86_64", 24): _Linker.relative64,  # PC64
    ("x86_64", 41): _Linker.table,  # GOTPCRELX
    ("x86_64", 42): _Linker.table,  # REX_GOTPCRELX
    ("aarch64", 257): _Linker.absolute,  # ABS64
    ("aarch64", 260): _Linker.relative64,  # PREL64
    ("aarch64", 261): _Linker.relative,  # PREL32
    ("aarch64", 275): _Linker.page,  # ADR_PREL_PG_HI21
    ("aarch64", 277): _low(0),  # ADD_ABS_LO12_NC
    ("aarch64", 278): _low(0),  # LDST8_ABS_LO12_NC
    ("aarch64", 282): _Linker.branch,  # JUMP26
    ("aarch64", 283): _Linker.branch,  # CALL26
    ("aarch64", 284): _low(1),  # LDST16_ABS_LO12_NC
    ("aarch64", 285): _low(2),  # LDST32_ABS_LO12_NC
    ("aarch64", 286): _low(3),  # LDST64_ABS_LO12_NC
    ("aarch64", 299): _low(4),  # LDST128_ABS_LO12_NC
    ("aarch64", 311): _Linker.page_of_table,  # ADR_GOT_PAGE
    ("aarch64", 312): _Linker.low_of_table,  # LD64_GOT_LO12_NC
}
