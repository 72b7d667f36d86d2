"""``tf.io``: TensorFlow's values of its functions of bytes and files, and what is refused."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import twofold as tf

IO = tf.io


def plain(x: Any) -> Any:
    if isinstance(x, list):
        return [plain(part) for part in x]
    found = x.numpy()
    return found.tolist() if isinstance(found, np.ndarray | np.generic) else found


def written(array: Any, kind: str, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(np.asarray(array))
    (image if mode is None else image.convert(mode)).save(stream, kind, **options)
    return stream.getvalue()


TWICE = gzip.compress(b"abc", mtime=0) + gzip.compress(b"def", mtime=0)
# What TensorFlow 2.21 gives.
CASES: list[tuple[Callable[[], Any], Any]] = [
    (lambda: IO.decode_csv(["1,2,x", "3,,y"], [[0], [7.0], ["z"]]),
     [[1, 3], [2.0, 7.0], [b"x", b"y"]]),
    (lambda: IO.decode_csv(['"a ""q"" b",2', ",1"], [["e"], [0]]), [[b'a "q" b', b"e"], [2, 1]]),
    (lambda: IO.decode_csv('"a,b",2', [[""], [0]]), [b"a,b", 2]),
    (lambda: IO.decode_csv(['"a",2'], [[""], [0]], use_quote_delim=False), [[b'"a"'], [2]]),
    (lambda: IO.decode_csv(["NA;2"], [[5], [0]], ";", na_value="NA"), [[5], [2]]),
    (lambda: IO.decode_csv([["1,2,3"]], [[0], [0]], select_cols=[0, 2]), [[[1]], [[3]]]),
    (lambda: IO.decode_csv(["99999999999"], [tf.int64]), [[99999999999]]),
    (lambda: IO.decode_raw(["abcd", "efgh"], tf.int16), [[25185, 25699], [26213, 26727]]),
    (lambda: IO.decode_raw("abcd", tf.int16, little_endian=False), [24930, 25444]),
    (lambda: IO.decode_raw(["a", "bc", "defg"], tf.uint8, fixed_length=3),
     [[97, 0, 0], [98, 99, 0], [100, 101, 102]]),
    (lambda: IO.decode_raw(b"\0\1\2", tf.bool), [False, True, True]),
    (lambda: IO.decode_raw(np.float32([1, 2]).astype(">f4").tobytes(), tf.complex64, False), [1 + 2j]),
    (lambda: IO.encode_base64(["a?>", "a"]), [b"YT8-", b"YQ"]),
    (lambda: IO.encode_base64("a", pad=True), b"YQ=="),
    (lambda: IO.decode_base64(["YT8-", "YQ", "YQ=="]), [b"a?>", b"a", b"a"]),
    (lambda: IO.decode_compressed(zlib.compress(b"abc"), "ZLIB"), b"abc"),
    (lambda: IO.decode_compressed([TWICE], "GZIP"), [b"abcdef"]),
    (lambda: IO.decode_png(written(np.uint8([[[250, 3, 9], [1, 99, 7]]]), "PNG"), 1), [[[77], [59]]]),
    (lambda: IO.decode_png(written(np.uint16([[65535, 258]]), "PNG")), [[[255], [1]]]),
    (lambda: IO.decode_png(written(np.uint8([[[1, 2, 3]]]), "PNG"), 4), [[[1, 2, 3, 255]]]),
    (lambda: IO.decode_png(written(np.uint8([[[1, 2]]]), "PNG")), [[[1, 2]]]),
    (lambda: IO.decode_webp(written(np.uint8([[[250, 3, 9], [1, 99, 7]]]), "WEBP", lossless=True)),
     [[[[250, 3, 9], [1, 99, 7]]]]),
    (lambda: IO.decode_webp(written(np.uint8([[[1, 2, 3]]]), "WEBP", lossless=True), 4),
     [[[[1, 2, 3, 255]]]]),
    (lambda: IO.decode_webp(written(np.uint8([[[1, 2, 3]]]), "WEBP", lossless=True, save_all=True,
                                    append_images=[Image.new("RGB", (1, 1), (4, 5, 6))])),
     [[[[1, 2, 3]]], [[[4, 5, 6]]]]),
    (lambda: IO.decode_image(written(np.uint8([[7, 8]]), "PNG"), 3), [[[7, 7, 7], [8, 8, 8]]]),
    (lambda: IO.decode_image(written(np.uint8([[0, 255]]), "PNG"), dtype=tf.float32),
     [[[0.0], [1.0]]]),
    (lambda: IO.decode_bmp(written(np.uint8([[[1, 2, 3]]]), "BMP")), [[[1, 2, 3]]]),
    (lambda: IO.decode_gif(written(np.uint8([[[9, 9, 9]]]), "GIF")), [[[[9, 9, 9]]]]),
    (lambda: IO.decode_image(written(np.uint8([[[9, 9, 9]]]), "GIF"), expand_animations=False),
     [[[9, 9, 9]]]),
    (lambda: IO.decode_jpeg(IO.encode_jpeg(np.full((8, 8, 3), 40, np.uint8)))[:1, :1],
     [[[40, 40, 40]]]),
    (lambda: IO.extract_jpeg_shape(IO.encode_jpeg(np.zeros((3, 5, 3), np.uint8))), [3, 5, 3]),
    (lambda: IO.is_jpeg(b"\xff\xd8\xff\xe0"), True),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), CASES)
def test_bytes_mean_what_they_mean_in_tensorflow(call: Any, expected: Any) -> None:
    assert plain(call()) == expected


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_image_is_read_as_it_was_written(channels: int) -> None:
    pixels = np.random.default_rng(channels).integers(0, 256, (5, 4, channels)).astype(np.uint8)
    np.testing.assert_array_equal(IO.decode_png(IO.encode_png(pixels)).numpy(), pixels)


def test_the_grey_of_a_jpeg_is_the_brightness_that_it_stores() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    bytes = IO.encode_jpeg(pixels, chroma_downsampling=False)
    stored = np.asarray(Image.open(io.BytesIO(bytes.numpy())).convert("YCbCr"))[..., :1]
    grey = IO.decode_jpeg(bytes, 1).numpy()
    assert np.abs(grey.astype(int) - stored).max() <= 2  # colours are rounded


PNG = written(np.zeros((2, 2, 3), np.uint8), "PNG")
JPEG = written(np.zeros((8, 8, 3), np.uint8), "JPEG")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: IO.decode_csv(["1,2"], [[0]]), "a line has 2 fields, and not 1"),
        (lambda: IO.decode_csv([""], [[0]]), "a line has 0 fields"),
        (lambda: IO.decode_csv(["1,a"], [[0], [0]]), "field 1: b'a' is no number of dtype int32"),
        (lambda: IO.decode_csv([",2"], [tf.int32, tf.int32]), "field 0 is missing"),
        (lambda: IO.decode_csv(["99999999999"], [[0]]), "does not fit int32"),
        (lambda: IO.decode_csv(['a"b'], [[""]]), "has a quote"),
        (lambda: IO.decode_csv(["1"], [[0, 1]]), "a default is one value"),
        (lambda: IO.decode_csv(["1"], [[True]]), "a column of bool"),
        (lambda: IO.decode_csv(["1,2"], [[0], [0]], select_cols=[1, 0]), "rising numbers"),
        (lambda: IO.decode_raw(["a", "bc"], tf.uint8), "different lengths"),
        (lambda: IO.decode_raw("abc", tf.int16), "no whole number of elements"),
        (lambda: IO.decode_raw("abc", tf.int16, fixed_length=3), "a multiple of 2"),
        (lambda: IO.decode_base64("YT8+"), "web addresses"),
        (lambda: IO.decode_base64("YQ="), "decode_base64"),
        (lambda: IO.decode_compressed("abc", "ZLIB"), "decode_compressed"),
        (lambda: IO.decode_compressed("abc", "LZ4"), "no compression 'LZ4'"),
        (lambda: IO.decode_png("abc"), "this is no PNG, or it is damaged"),
        (lambda: IO.decode_png(JPEG), "this is no PNG"),
        (lambda: IO.decode_jpeg(JPEG[:-40]), "damaged"),
        (lambda: IO.decode_jpeg(JPEG, 4), r"channels is one of \(0, 1, 3\)"),
        (lambda: IO.decode_jpeg(JPEG, ratio=2), "ratio is 1, not 2"),
        (lambda: IO.decode_and_crop_jpeg(JPEG, [4, 4, 5, 1]), "not inside of the image"),
        (lambda: IO.decode_png([PNG]), "one image"),
        (lambda: IO.decode_png(PNG, dtype=tf.uint16), "read as uint8"),
        (lambda: IO.decode_image(written(np.uint16([[1]]), "PNG"), dtype=tf.float32), "sixteen"),
        (lambda: IO.encode_png(np.zeros((2, 2, 3))), "of uint8, not float64"),
        (lambda: IO.encode_png(np.zeros((2, 2), np.uint8)), "height, width, channels"),
        (lambda: IO.encode_jpeg(np.zeros((2, 2, 3), np.uint8), "grayscale"), "1 channels"),
        (lambda: IO.read_file(["a", "b"]), "one path"),
        (lambda: IO.gfile.GFile("a", "x"), "mode is"),
    ],
)
def test_what_cannot_be_read_is_refused(call: Any, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call()


def test_files_are_read_and_written_anew_in_each_call(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"

    @tf.function
    def total(x: Any) -> Any:
        bytes = tf.io.decode_raw(tf.io.read_file(str(path)), tf.uint8)
        return tf.reduce_sum(tf.cast(bytes, tf.float32)) * x

    @tf.function
    def there(x: Any) -> Any:
        return x + 1 if tf.io.gfile.exists(str(path)) else x - 1

    @tf.function
    def length(x: Any) -> Any:
        with tf.io.gfile.GFile(str(path)) as file:
            return x * len(file.read())

    one = tf.constant(1.0)
    IO.write_file(path, bytes([1, 2]))
    assert (total(one).item(), there(one).item(), length(one).item()) == (3.0, 2.0, 2.0)
    IO.write_file(path, bytes([5]))
    assert (total(one).item(), there(one).item(), length(one).item()) == (5.0, 2.0, 1.0)
    path.unlink()
    assert there(one).item() == 0.0


def test_a_pipeline_reads_images(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{i}.png") for i in range(3)]
    for i, name in enumerate(names):
        IO.write_file(name, IO.encode_png(np.full((2, 3, 3), i, np.uint8)))
    read = tf.data.Dataset.from_tensor_slices(names).map(lambda n: IO.decode_png(IO.read_file(n)))
    (batch,) = read.batch(3)
    np.testing.assert_array_equal(batch.numpy()[:, 0, 0, 0], [0, 1, 2])


def test_gfile_works_on_files_of_this_machine(tmp_path: Path) -> None:
    files, root = IO.gfile, str(tmp_path)
    files.makedirs(files.join(root, "a", "b"))
    with files.GFile(f"{root}/a/t", "w") as out:
        out.write("one\n")
        out.write(tf.constant("two\n"))
    with files.GFile(f"{root}/a/t") as lines:
        assert list(lines) == ["one\n", "two\n"]
        assert lines.size() == files.stat(f"{root}/a/t").length == 8
    with files.GFile(f"{root}/a/t", "rb") as raw:
        assert (raw.readline(), raw.tell(), raw.read(2)) == (b"one\n", 4, b"tw")
    files.copy(f"{root}/a/t", f"{root}/u")
    files.rename(f"{root}/u", f"{root}/v")
    assert files.listdir(root) == ["a", "v"] and files.glob(f"{root}/?") == [
        f"{root}/a",
        f"{root}/v",
    ]
    assert [(where, sorted(d), f) for where, d, f in files.walk(f"{root}/a")][0][1:] == (
        ["b"],
        ["t"],
    )
    for call, error in (
        (lambda: files.copy(f"{root}/v", f"{root}/a/t"), tf.errors.AlreadyExistsError),
        (lambda: files.mkdir(f"{root}/a"), FileExistsError),
        (lambda: files.remove(f"{root}/none"), tf.errors.NotFoundError),
        (lambda: files.listdir(f"{root}/none"), FileNotFoundError),
        (lambda: files.remove(f"{root}/a"), tf.errors.FailedPreconditionError),
        (lambda: files.listdir(f"{root}/v"), tf.errors.FailedPreconditionError),
    ):
        with pytest.raises(error, match=root):
            call()
    files.rmtree(f"{root}/a")
    files.remove(f"{root}/v")
    assert not files.exists(f"{root}/a") and not files.isdir(f"{root}/v")
