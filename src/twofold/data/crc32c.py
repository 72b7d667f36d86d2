"""CRC-32C (Castagnoli), the checksum of TFRecord files.

Source: RFC 3720, appendix B.4. A checksum is linear over the field of two elements, so the parts of
a long text are read beside each other, by NumPy, and joined by the map that stands for as many zero
bytes as a part has (M. Adler, ``crc32_combine`` of zlib).
"""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["crc32c", "masked"]

_POLYNOMIAL = 0x82F63B78  # bits in reversed order
_ALONE = 512  # bytes up to which one loop is quicker than parts


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]
_ENTRIES = np.array(_TABLE, np.uint32)


def _read(state: int, data: bytes) -> int:
    table = _TABLE
    for byte in data:
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state


def _image(columns: tuple[int, ...], bits: int) -> int:
    """What a linear map, by what it makes of each bit, makes of some bits."""
    found = 0
    while bits:
        low = bits & -bits
        found ^= columns[low.bit_length() - 1]
        bits ^= low
    return found


@functools.cache
def _zeros(power: int) -> tuple[int, ...]:
    """What ``2**power`` zero bytes make of each bit of a state."""
    if power == 0:
        return tuple(_read(1 << bit, b"\0") for bit in range(32))
    half = _zeros(power - 1)
    return tuple(_image(half, column) for column in half)


@functools.cache
def _tables(power: int) -> tuple[list[int], ...]:
    """The same by the four bytes of a state."""
    columns = _zeros(power)
    return tuple([_image(columns, byte << at) for byte in range(256)] for at in (0, 8, 16, 24))


def crc32c(data: bytes) -> int:
    """The checksum of a text.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if len(data) <= _ALONE:
        return _read(0xFFFFFFFF, data) ^ 0xFFFFFFFF
    power = len(data).bit_length() // 2
    parts = len(data) >> power
    whole = parts << power
    columns = np.frombuffer(data, np.uint8, whole).reshape(parts, -1).T.copy()
    states = np.zeros(parts, np.uint32)
    for column in columns:
        states = _ENTRIES[(states ^ column) & 255] ^ (states >> 8)
    one, two, three, four = _tables(power)
    state = 0xFFFFFFFF
    for part in states.tolist():
        state = (
            one[state & 255] ^ two[state >> 8 & 255] ^ three[state >> 16 & 255] ^ four[state >> 24]
        ) ^ part
    return _read(state, data[whole:]) ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """The checksum as records hold it, so that one of a text with checksums in it differs.

    >>> hex(masked(b"123456789"))
    '0xc7b5d1ff'
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
