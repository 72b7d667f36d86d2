"""Hashes of texts that are the same everywhere: what ``tf.strings.to_hash_bucket*`` count by.

``fingerprint`` is FarmHash's Fingerprint64 (Geoff Pike, 2014), ``murmur`` MurmurHash64A (Austin
Appleby) with TensorFlow's seed, ``siphash`` SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast
short-input PRF", 2012). All compute modulo 2**64.
"""

from __future__ import annotations

__all__ = ["fingerprint", "murmur", "siphash"]

WORD = 2**64 - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
MURMUR, SEED = 0xC6A4A7935BD1E995, 0xDECAFCAFFE

Pair = tuple[int, int]


def _word(s: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(s[at : at + size], "little")


def _right(x: int, by: int) -> int:
    x &= WORD
    return (x >> by | x << (64 - by)) & WORD


def _mixed(x: int) -> int:
    x &= WORD
    return x ^ x >> 47


def _joined(u: int, v: int, mul: int) -> int:
    a = _mixed(((u ^ v) & WORD) * mul)
    return _mixed(((v & WORD) ^ a) * mul) * mul & WORD


def _up_to_16(s: bytes) -> int:
    n = len(s)
    mul = K2 + n * 2
    if n >= 8:
        a, b = _word(s, 0) + K2, _word(s, n - 8)
        return _joined(_right(b, 37) * mul + a & WORD, (_right(a, 25) + b) * mul & WORD, mul)
    if n >= 4:
        return _joined(n + (_word(s, 0, 4) << 3), _word(s, n - 4, 4), mul)
    if not n:
        return K2
    y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
    return _mixed(y * K2 & WORD ^ z * K0 & WORD) * K2 & WORD


def _ends(s: bytes, by: int) -> tuple[int, int, int, int]:
    """Of the first 16 bytes and the last: a factor, the first word, a sum of all, its mixture."""
    n = len(s)
    mul = K2 + n * 2
    a, b = _word(s, 0) * by, _word(s, 8)
    c, d = _word(s, n - 8) * mul, _word(s, n - 16) * K2
    y = _right(a + b, 43) + _right(c, 30) + d & WORD
    return mul, a, y, _joined(y, a + _right(b + K2, 18) + c & WORD, mul)


def _up_to_32(s: bytes) -> int:
    return _ends(s, K1)[-1]


def _up_to_64(s: bytes) -> int:
    n = len(s)
    mul, a, y, z = _ends(s, K2)
    e, f = _word(s, 16) * mul, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * mul, (z + _word(s, n - 24)) * mul
    first = _right(e + f, 43) + _right(g, 30) + h & WORD
    return _joined(first, e + _right(f + a, 18) + g & WORD, mul)


def _weak(s: bytes, at: int, a: int, b: int) -> Pair:
    w, x, y, z = (_word(s, at + 8 * i) for i in range(4))
    a += w
    b = _right(b + a + z, 21)
    c = a
    a += x + y
    return a + z & WORD, b + _right(a, 44) + c & WORD


class _State:
    """The seven words that 64 bytes at a time go into."""

    def __init__(self, s: bytes) -> None:
        seed = 81
        self.y = seed * K1 + 113 & WORD
        self.z = _mixed(self.y * K2 + 113) * K2 & WORD
        self.v: Pair = (0, 0)
        self.w: Pair = (0, 0)
        self.x = seed * K2 + _word(s, 0) & WORD

    def take(self, s: bytes, at: int, mul: int, last: bool) -> None:
        many = 9 if last else 1
        x = _right(self.x + self.y + self.v[0] + _word(s, at + 8), 37) * mul
        y = _right(self.y + self.v[1] + _word(s, at + 48), 42) * mul
        x ^= self.w[1] * many
        y += self.v[0] * many + _word(s, at + 40)
        z = _right(self.z + self.w[0], 33) * mul
        self.v = _weak(s, at, self.v[1] * mul, x + self.w[0])
        self.w = _weak(s, at + 32, z + self.w[1], y + _word(s, at + 16))
        self.x, self.y, self.z = z & WORD, y & WORD, x & WORD


def fingerprint(s: bytes) -> int:
    """FarmHash's Fingerprint64.

    >>> fingerprint(b"hello")
    13009744463427800296
    """
    n = len(s)
    if n <= 16:
        return _up_to_16(s)
    if n <= 32:
        return _up_to_32(s)
    if n <= 64:
        return _up_to_64(s)
    state = _State(s)
    for at in range(0, (n - 1) // 64 * 64, 64):
        state.take(s, at, K1, False)
    mul = K1 + ((state.z & 0xFF) << 1)
    (v, v1), (w, w1) = state.v, state.w
    w += n - 1 & 63
    v += w
    state.v, state.w = (v & WORD, v1), (w + v & WORD, w1)
    state.take(s, n - 64, mul, True)
    first = _joined(state.v[0], state.w[0], mul) + _mixed(state.y) * K0 + state.z
    return _joined(first & WORD, _joined(state.v[1], state.w[1], mul) + state.x & WORD, mul)


def murmur(s: bytes, seed: int = SEED) -> int:
    """MurmurHash64A.

    >>> murmur(b"hello") == murmur(b"hello", SEED)
    True
    """
    h = (seed ^ len(s) * MURMUR) & WORD
    whole = len(s) // 8 * 8
    for at in range(0, whole, 8):
        k = _mixed(_word(s, at) * MURMUR) * MURMUR & WORD
        h = (h ^ k) * MURMUR & WORD
    if whole < len(s):
        h = (h ^ _word(s, whole)) * MURMUR & WORD
    return _mixed(_mixed(h) * MURMUR)


def _left(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & WORD


def siphash(s: bytes, key: Pair) -> int:
    """SipHash-2-4 under a key of two words.

    >>> siphash(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)) == 0xA129CA6149BE45E5
    True
    """
    v = [
        key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261, key[1] ^ 0x7465646279746573,
    ]  # fmt: skip

    def rounds(many: int) -> None:
        for _ in range(many):
            v[0] = v[0] + v[1] & WORD
            v[1] = _left(v[1], 13) ^ v[0]
            v[2] = v[2] + v[3] & WORD
            v[3] = _left(v[3], 16) ^ v[2]
            v[0] = _left(v[0], 32) + v[3] & WORD
            v[3] = _left(v[3], 21) ^ v[0]
            v[2] = v[2] + v[1] & WORD
            v[1] = _left(v[1], 17) ^ v[2]
            v[2] = _left(v[2], 32)

    whole = len(s) // 8 * 8
    final = _word(s, whole) | (len(s) & 0xFF) << 56
    for m in [_word(s, at) for at in range(0, whole, 8)] + [final]:
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
