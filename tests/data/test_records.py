"""TFRecord files and examples: TensorFlow's bytes and values, and what is refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.data.crc32c import crc32c, masked

IO, T = tf.io, tf.train
One, Any_ = IO.FixedLenFeature, IO.FixedLenSequenceFeature


def test_checksums_are_those_of_the_standard_for_any_length() -> None:
    # RFC 3720, B.4
    assert crc32c(b"\0" * 32) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert masked(b"123456789") == 0xC78AB0E5
    # appending the checksum leaves one residue, whatever the text is
    for length in (0, 1, 511, 512, 513, 1024, 5000, 70001):
        text = (np.arange(length) % 251).astype(np.uint8).tobytes()
        whole = text + crc32c(text).to_bytes(4, "little")
        assert crc32c(whole) == 0x48674BC7, length


def written(path: Path, records: list[Any], options: Any = None) -> str:
    with IO.TFRecordWriter(str(path), options) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def read(*args: Any, **options: Any) -> list[bytes]:
    return [x.numpy() for x in tf.data.TFRecordDataset(*args, **options)]


TWO = bytes.fromhex("0300000000000000d0ca17f16f6e65") + masked(b"one").to_bytes(4, "little")


def test_a_file_has_the_bytes_that_tensorflow_writes(tmp_path: Path) -> None:
    file = Path(written(tmp_path / "a", [b"one"]))
    head = (3).to_bytes(8, "little")
    assert file.read_bytes() == head + masked(head).to_bytes(4, "little") + TWO[12:]
    assert zlib.decompress(Path(written(tmp_path / "z", [b"one"], "ZLIB")).read_bytes()) == (
        file.read_bytes()
    )
    packed = written(tmp_path / "g", ["one"], IO.TFRecordOptions("GZIP", compression_level=9))
    assert gzip.decompress(Path(packed).read_bytes()) == file.read_bytes()


@pytest.mark.parametrize("kind", [None, "GZIP", "ZLIB"])
def test_records_come_back_in_order(tmp_path: Path, kind: Any) -> None:
    texts = [b"", b"a" * 3000, *(b"%d" % i for i in range(600))]
    file = written(tmp_path / "a", texts, kind)
    assert read(file, kind) == texts
    assert [len(b) for b in tf.data.TFRecordDataset([file, file], kind).batch(1000)] == [1000, 204]


def test_files_are_read_in_turn_where_that_is_asked_for(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{k}", [f"{k}{i}" for i in range(k + 2)]) for k in range(3)]
    assert b" ".join(read(files)) == b"00 01 10 11 12 20 21 22 23"
    # as TensorFlow 2.21 orders them
    assert b" ".join(read(files, num_parallel_reads=2)) == b"00 10 01 11 12 20 21 22 23"
    assert b" ".join(read(files, num_parallel_reads=3)) == b"00 10 20 01 11 21 12 22 23"


def test_damaged_files_give_what_is_whole_and_an_error(tmp_path: Path) -> None:
    file = Path(written(tmp_path / "a", [b"one", b"two" * 99]))
    raw = file.read_bytes()
    for at in range(1, len(raw), 23):
        for damaged in (raw[:at], raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]):
            file.write_bytes(damaged)
            found: list[bytes] = []
            if damaged == raw[:19]:
                continue  # the end of a record
            with pytest.raises(tf.errors.DataLossError):
                for x in tf.data.TFRecordDataset(str(file)):
                    found.append(x.numpy())
            assert found == [b"one"] * (at >= 19)
    with pytest.raises(tf.errors.NotFoundError, match="no_such"):
        read(str(tmp_path / "no_such"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="GZIP"):
        IO.TFRecordWriter(str(file), "ZIP")
    writer = IO.TFRecordWriter(str(file))
    with pytest.raises(tf.errors.InvalidArgumentError, match="one text"):
        writer.write(3)
    writer.close()
    with pytest.raises(tf.errors.FailedPreconditionError):
        writer.write(b"late")


@pytest.mark.parametrize(
    ("lengths", "found"),
    [((2, 2, 1), [b"aa", b"bb", b"cc"]), ((3, 0, 0), [b"HHa", b"abb", b"ccF"]),
     ((1, 8, 1), []), ((2, 0, 0), None), ((2, 100), None)],
)  # fmt: skip
def test_records_of_one_length(tmp_path: Path, lengths: Any, found: Any) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"HHaabbccF")
    ds = tf.data.FixedLengthRecordDataset(file, *lengths)
    if found is None:
        with pytest.raises(tf.errors.DataLossError):
            list(ds)
    else:
        assert [x.numpy() for x in ds] == found


def feature(kind: str, values: Any) -> Any:
    name = {"float": "FloatList", "int64": "Int64List", "bytes": "BytesList"}[kind]
    return T.Feature(**{f"{kind}_list": getattr(T, name)(value=values)})


def example(**features: Any) -> bytes:
    made = T.Example(features=T.Features(feature=features))
    return made.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


A = example(
    x=feature("float", [1, 2.5]), n=feature("int64", [3]), s=feature("bytes", [b"q", b"rr"]),
    e=T.Feature(), z=feature("float", []),
)  # fmt: skip
B = example(
    x=feature("float", [4, 5]), n=feature("int64", [3, 7]), s=feature("bytes", [b"u", b"v", b"w"])
)


def test_an_example_has_the_bytes_of_tensorflow() -> None:
    assert example(n=feature("int64", [3])) == b"\n\x0c\n\n\n\x01n\x12\x05\x1a\x03\n\x01\x03"
    json = '{"features": {"feature": {"n": {"int64List": {"value": [3]}}}}}'
    assert IO.decode_json_example(json).numpy() == example(n=feature("int64", [3]))


def plain(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, tuple):
        return tuple(map(plain, found))
    value = found.numpy()
    return value.tolist() if hasattr(value, "tolist") else value


PARSED: list[tuple[bytes | list[bytes], dict[str, Any], Any]] = [
    (A, {"x": One([2], tf.float32), "n": One((), tf.int64)}, {"x": [1.0, 2.5], "n": 3}),
    (A, {"x": One([1, 2, 1], tf.float32)}, {"x": [[[1.0], [2.5]]]}),
    (A, {"y": One(2, tf.float32, [1, 2]), "e": One([], tf.int64, 3)}, {"y": [1.0, 2.0], "e": 3}),
    (A, {"y": One([], tf.string, "d"), "z": One([0], tf.float32)}, {"y": b"d", "z": []}),
    (A, {"s": Any_([2], tf.string, True), "q": Any_([], tf.int64, True)},
     {"s": [[b"q", b"rr"]], "q": []}),
    ([A, B], {"x": One([2], tf.float32)}, {"x": [[1.0, 2.5], [4.0, 5.0]]}),
    ([A, B], {"n": Any_([], tf.int64, True, -1), "s": Any_([], tf.string, True, "no")},
     {"n": [[3, -1], [3, 7]], "s": [[b"q", b"rr", b"no"], [b"u", b"v", b"w"]]}),
    ([A, B], {"e": Any_([], tf.int64, True)}, {"e": [[], []]}),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "features", "expected"), PARSED)
def test_examples_are_parsed_as_tensorflow_does(texts: Any, features: Any, expected: Any) -> None:
    assert plain(IO.parse_example(texts, features)) == expected
    if isinstance(texts, bytes):
        assert plain(IO.parse_single_example(texts, features)) == expected


@pytest.mark.parametrize(
    ("features", "error", "said"),
    [({"x": One([], tf.float32)}, tf.errors.ShapeError, "'x': 2 values"),
     ({"y": One([2], tf.float32)}, tf.errors.ConversionError, "'y' is missing"),
     ({"y": One([2], tf.float32, 1.0)}, tf.errors.ShapeError, "default_value"),
     ({"x": One([2], tf.int64)}, tf.errors.ConversionError, "float_list"),
     ({"x": One([2], tf.int32)}, tf.errors.DTypeError, "float32, int64 or string"),
     ({"z": One([], tf.float32, 3)}, tf.errors.ShapeError, "0 values"),
     ({"x": One([None], tf.float32)}, tf.errors.ShapeError, "known"),
     ({"n": 3}, tf.errors.ArgumentError, "FixedLenFeature"),
     ({}, tf.errors.ArgumentError, "dict")],
)  # fmt: skip
def test_examples_that_do_not_fit_are_refused(features: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        IO.parse_single_example(A, features)


def test_texts_that_are_no_examples_are_refused() -> None:
    with pytest.raises(tf.errors.ConversionError, match="no Example"):
        IO.parse_single_example(b"\xff\xff", {"x": One([], tf.float32, 0)})
    with pytest.raises(tf.errors.ShapeError, match="axes"):
        IO.parse_single_example([A], {"x": One([2], tf.float32)})


def sequence(number: int, rows: Any, words: int) -> bytes:
    steps = T.FeatureLists(feature_list={
        "w": T.FeatureList(feature=[feature("float", row) for row in rows]),
        "t": T.FeatureList(feature=[feature("bytes", [b"a"])] * words),
    })  # fmt: skip
    context = T.Features(feature={"id": feature("int64", [number])})
    made = T.SequenceExample(context=context, feature_lists=steps)
    return made.SerializeToString()  # type: ignore[no-any-return]


def test_sequences_are_parsed_and_filled_to_the_longest() -> None:
    one, other = sequence(5, [[1, 2], [3, 4]], 1), sequence(6, [[9, 8]], 3)
    about, steps = {"id": One([], tf.int64)}, {"w": Any_([2], tf.float32), "t": Any_([], tf.string)}
    assert plain(IO.parse_single_sequence_example(one, about, steps)) == (
        {"id": 5}, {"w": [[1.0, 2.0], [3.0, 4.0]], "t": [b"a"]}
    )  # fmt: skip
    assert plain(IO.parse_sequence_example([one, other], about, steps)) == (
        {"id": [5, 6]},
        {"w": [[[1.0, 2.0], [3.0, 4.0]], [[9.0, 8.0], [0.0, 0.0]]],
         "t": [[b"a", b"", b""], [b"a"] * 3]},
        {"w": [2, 1], "t": [1, 3]},
    )  # fmt: skip
    with pytest.raises(tf.errors.ConversionError, match="'miss' is missing"):
        IO.parse_single_sequence_example(one, None, {"miss": Any_([], tf.float32)})


def test_a_pipeline_reads_examples(tmp_path: Path) -> None:
    file = written(tmp_path / "a", [A, B])
    features = {"x": One([2], tf.float32)}
    parsed = tf.data.TFRecordDataset(file).map(lambda s: IO.parse_single_example(s, features)["x"])
    assert parsed.element_spec == tf.TensorSpec((2,), tf.float32)
    ds = parsed.map(lambda x: x * 2)
    assert ds.element_spec == tf.TensorSpec((2,), tf.float32)
    assert [x.numpy().tolist() for x in ds] == [[2.0, 5.0], [8.0, 10.0]]


MADE: list[Callable[[], Any]] = [
    lambda: tf.constant([1.0, 2.0]), lambda: tf.constant(3, tf.int64),
    lambda: tf.constant([[True, False]]), lambda: tf.constant([1 + 2j]),
    lambda: tf.constant(["a", "bb"]), lambda: tf.zeros((0, 3), tf.float16),
    lambda: tf.constant([1, 2], tf.bfloat16), lambda: tf.constant([250], tf.uint8),
]  # fmt: skip


@pytest.mark.parametrize("make", MADE)
def test_tensors_are_written_and_read(make: Callable[[], Any]) -> None:
    x = make()
    back = IO.parse_tensor(IO.serialize_tensor(x), x.dtype)
    assert (back.dtype, back.shape, plain(back)) == (x.dtype, x.shape, plain(x))


def test_tensors_of_tensorflow_are_read() -> None:
    text = b'\x08\x01\x12\x04\x12\x02\x08\x02"\x08\x00\x00\x80?\x00\x00\x00@'
    assert IO.serialize_tensor([1.0, 2.0]).numpy() == text
    several = b"\x08\x01\x12\x04\x12\x02\x08\x03*\x08\0\0\x80?\0\0\0@"  # the last value fills it
    assert plain(IO.parse_tensor(several, tf.float32)) == [1.0, 2.0, 2.0]
    huge = b"\x08\x01\x12\x0a\x12\x08\x08\x80\x80\x80\x80\x80\x80\x40"
    with pytest.raises(MemoryError):
        IO.parse_tensor(huge, tf.float32)
    for wrong in (b"\x07\x07", b""):
        with pytest.raises(tf.errors.ConversionError):
            IO.parse_tensor(wrong, tf.float32)
    with pytest.raises(tf.errors.ConversionError, match="float32"):
        IO.parse_tensor(text, tf.int32)
    proto = tf.make_tensor_proto(7, tf.int32, shape=[2])
    assert tf.make_ndarray(proto).tolist() == [7, 7]
