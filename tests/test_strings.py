"""``tf.strings`` and tensors of texts: TensorFlow's values, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import twofold as tf

S = tf.strings


def plain(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return [plain(part) for part in x]
    return x.numpy().tolist() if x.shape else x.numpy()


# What TensorFlow 2.21 gives; ragged tensors there are lists here.
CASES: list[tuple[Callable[[], Any], Any]] = [
    (lambda: S.split("  a  b "), [b"a", b"b"]),
    (lambda: S.split(["a,b,c", "d"], sep=",", maxsplit=1), [[b"a", b"b,c"], [b"d"]]),
    (lambda: S.split([["a b"], ["c"]]), [[[b"a", b"b"]], [[b"c"]]]),
    (lambda: S.substr(["hello", "wörld"], [1, -3], [2, 10], unit="UTF8_CHAR"), [b"el", b"rld"]),
    (lambda: S.substr("wörld", 1, 2), b"\xc3\xb6"),
    (lambda: S.length("wörld", unit="UTF8_CHAR"), 5),
    (lambda: S.join([["a", "b"], "x"], "-"), [b"a-x", b"b-x"]),
    (lambda: S.reduce_join([["a", "b"], ["c", "d"]], axis=[1, 0], separator="/"), b"a/c/b/d"),
    (lambda: S.reduce_join([["a", "b"], ["c", "d"]], 1, True), [[b"ab"], [b"cd"]]),
    (lambda: S.as_string([1.5, -2.0], precision=1, width=6, fill="0"), [b"0001.5", b"-002.0"]),
    (lambda: S.as_string([7], width=3, fill="-"), [b"7  "]),
    (lambda: S.as_string(1e10, scientific=True, precision=3), b"1.000e+10"),
    (lambda: S.as_string(1 + 2j), b"(1.000000,2.000000)"),
    (lambda: S.to_number([" 12", "-3"], tf.int32), [12, -3]),
    (lambda: S.regex_replace("a1b22", "([0-9])", r"<\1\0>", False), b"a<11>b22"),
    (lambda: S.regex_full_match(["ab", "b"], "a?b"), [True, True]),
    (lambda: S.ngrams(["a", "b", "c"], [1, 3]), [b"a", b"b", b"c", b"a b c"]),
    (lambda: S.ngrams(["a"], 3, pad_values=("<", ">"), padding_width=1), [b"< a >"]),
    (lambda: S.ngrams([["a", "b"], ["c", "d"]], 2, ""), [[b"ab"], [b"cd"]]),
    (lambda: S.ngrams(["a"], 3, preserve_short_sequences=True), [b"a"]),
    (lambda: S.unicode_decode(["aé", b"\xffb"], "UTF-8"), [[97, 233], [0xFFFD, 98]]),
    (lambda: S.unicode_decode(b"\xffb", "UTF-8", errors="ignore"), [98]),
    (lambda: S.unicode_split_with_offsets("aé€", "UTF-8"),
     [[b"a", "é".encode(), "€".encode()], [0, 1, 3]]),
    (lambda: S.unicode_encode([97, 0x110000], "UTF-8", replacement_char=63), b"a?"),
    (lambda: S.unicode_transcode(b"\x00a\x00\xe9", "UTF-16-BE", "UTF-8"), "aé".encode()),
    (lambda: S.unsorted_segment_join(["a", "b", "c"], [1, -1, 1], 2, ":"), [b"", b"a:c"]),
    (lambda: S.upper(["aé"], encoding="utf-8"), ["AÉ".encode()]),
    (lambda: tf.constant("a", shape=[2]) + "b", [b"ab", b"ab"]),
    (lambda: tf.constant([], tf.string), []),
]  # fmt: skip


@pytest.mark.parametrize(("call", "want"), CASES)
def test_values(call: Callable[[], Any], want: Any) -> None:
    assert plain(call()) == want


@pytest.mark.parametrize("call", [
    lambda: S.substr("abc", 4, 1), lambda: S.substr("abc", 0, -1), lambda: S.to_number("1_0"),
    lambda: S.to_number("300", tf.int8), lambda: S.lower(3), lambda: S.lower("a", "latin-1"),
    lambda: S.regex_replace("a", "(", "b"), lambda: S.unicode_decode(b"\xff", "UTF-8", "strict"),
    lambda: S.unicode_decode("a", "KOI8"), lambda: S.join([["a"] * 2, ["b"] * 3]),
    lambda: S.as_string(1, precision=2), lambda: S.format("{}", [1, 2]), lambda: S.ngrams(["a"], 0),
    lambda: S.reduce_join(["a"], 1), lambda: S.unsorted_segment_join(["a"], [2], 2),
    lambda: S.to_hash_bucket_fast("a", 0), lambda: S.to_hash_bucket_strong("a", 5, [1]),
    lambda: tf.constant([["a"], ["b", "c"]]), lambda: tf.constant("a", tf.float32),
    lambda: tf.sin(tf.constant("a")), lambda: tf.ones(2) + tf.constant("a"),
])  # fmt: skip
def test_what_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(tf.errors.TwofoldError):
        call()


def test_texts_in_compiled_functions_are_those_of_each_call() -> None:
    @tf.function
    def greet(x: Any, who: Any) -> Any:
        return x + 1, S.length(S.join(["hello ", who]))

    for who in ("you", "everybody", tf.constant("me")):
        text = who if isinstance(who, str) else who.numpy().decode()
        assert greet(tf.zeros(2), who)[1].numpy() == 6 + len(text)


def test_hash_buckets_are_tensorflow_s() -> None:
    texts = ["", "abc", "a" * 20, "b" * 40, "c" * 64, "d" * 65, "e" * 129]
    for found, want in (
        (S.to_hash_bucket_fast(texts, 1000), [263, 385, 870, 803, 895, 771, 9]),
        (S.to_hash_bucket(texts, 1000), [899, 710, 851, 638, 551, 818, 715]),
        (S.to_hash_bucket_strong(texts, 1000, [7, 11]), [847, 935, 5, 196, 542, 224, 943]),
    ):
        assert found.dtype == "int64" and found.numpy().tolist() == want
