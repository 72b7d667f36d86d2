"""Files: elements that are kept, and files of others."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf

Dataset = tf.data.Dataset


def elements(ds: Any) -> list[Any]:
    return [_plain(x) for x in ds.as_numpy_iterator()]


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, tuple):
        return tuple(map(_plain, x))
    return x.tolist() if hasattr(x, "tolist") else x


def mixed() -> Any:
    return Dataset.from_tensor_slices(
        {"n": np.arange(5), "text": ["a", "", "ccc", "d", "\u00e4"], "pair": (np.eye(5), [1.5] * 5)}
    )


def ragged() -> Any:
    return Dataset.range(5).map(lambda n: (np.arange(int(n)), None, tf.cast(n, tf.bfloat16)))


@pytest.mark.parametrize("make", [mixed, ragged, lambda: Dataset.range(0)])
def test_what_was_saved_is_loaded(make: Any, tmp_path: Path) -> None:
    make().save(tmp_path / "kept")
    back = Dataset.load(tmp_path / "kept")
    assert elements(back) == elements(make())
    assert len(back) == len(elements(make()))
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    if elements(back):
        assert sorted(map(str, elements(back.shuffle(9, seed=1)))) == sorted(
            map(str, elements(back))
        )
        assert str(back.element_spec) == str(Dataset.load(tmp_path / "kept").take(1).element_spec)


def test_a_saved_dataset_is_in_chunks_and_taken_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twofold.data.storage.CHUNK_COUNT", 7)
    Dataset.range(40).batch(3).unbatch().save(tmp_path / "d")
    ds = Dataset.load(tmp_path / "d")
    assert elements(ds) == list(range(40))
    assert sorted(elements(ds.shuffle(40, seed=2))) == list(range(40))
    assert elements(ds.skip(17).batch(20))[0] == list(range(17, 37))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    mixed().save(tmp_path / "d")
    file = next(p for p in (tmp_path / "d").glob("*rows.npy"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(tf.errors.LoadError, match="damaged or cut off"):
        elements(Dataset.load(tmp_path / "d"))
    with pytest.raises(tf.errors.LoadError, match="nothing is there"):
        Dataset.load(tmp_path / "nowhere")
    manifest = tmp_path / "d" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"chunks": [3]}))
    with pytest.raises(tf.errors.LoadError, match="damaged"):
        Dataset.load(tmp_path / "d")


def test_saving_leaves_what_was_there_where_an_element_fails(tmp_path: Path) -> None:
    Dataset.range(3).save(tmp_path / "d")
    with pytest.raises(ZeroDivisionError):
        Dataset.range(3).map(lambda x: 1 // (int(x.numpy()) - 2)).save(tmp_path / "d")
    assert elements(Dataset.load(tmp_path / "d")) == [0, 1, 2]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(tf.errors.SaveError, match="cannot be written"):
        Dataset.range(3).save(tmp_path / "file" / "d")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "file"]


@pytest.mark.parametrize("count", [7, 100])  # a disk that is full within the pass, at its end
def test_a_full_disk_leaves_nothing_of_a_cache(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("twofold.data.storage.CHUNK_COUNT", count)
    monkeypatch.setattr("twofold.data.storage.np.save", full)
    elements = iter(Dataset.range(40).cache(tmp_path / "d"))
    with pytest.raises(tf.errors.SaveError, match="No space left"):
        list(elements)
    assert not os.listdir(tmp_path)
    monkeypatch.undo()
    ds = Dataset.range(40).cache(tmp_path / "d")
    assert [len(list(ds)) for _ in range(2)] == [40, 40] and os.listdir(tmp_path) == ["d"]


@pytest.mark.parametrize("kind", ["cache", "snapshot"])
def test_a_whole_pass_fills_a_directory_that_outlives_it(kind: str, tmp_path: Path) -> None:
    calls: list[int] = []

    def pipeline(limit: int) -> Any:
        def counted(x: Any) -> Any:
            calls.append(int(x.numpy()))
            return np.asarray(x)

        ds = Dataset.range(limit).map(counted)
        return getattr(ds, kind)(str(tmp_path / "place"))

    assert elements(pipeline(4).take(2)) == [0, 1]
    assert elements(pipeline(4)) == [0, 1, 2, 3]
    assert elements(pipeline(4).repeat(2)) == [0, 1, 2, 3] * 2
    assert calls == [0, 1, 0, 1, 2, 3]
    other = elements(pipeline(5))
    assert other == ([0, 1, 2, 3] if kind == "cache" else [0, 1, 2, 3, 4])


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n\nlast")
    with gzip.open(tmp_path / "b.gz", "wb") as file:
        file.write(b"packed\n")
    ds = tf.data.TextLineDataset([tmp_path / "a.txt", str(tmp_path / "a.txt")], buffer_size=3)
    assert elements(ds) == [b"one", b"two", b"", b"last"] * 2
    packed = tf.data.TextLineDataset(tmp_path / "b.gz", compression_type="GZIP")
    assert elements(packed) == [b"packed"]
    whole = (tmp_path / "b.gz").read_bytes()
    (tmp_path / "b.gz").write_bytes(whole[:-9])
    with pytest.raises(tf.errors.LoadError, match=r"b\.gz is damaged or cut off"):
        elements(packed)
    with pytest.raises(FileNotFoundError):
        elements(tf.data.TextLineDataset(tmp_path / "c.txt"))
    found = Dataset.list_files(str(tmp_path / "*.txt"))
    assert elements(found.flat_map(tf.data.TextLineDataset)) == [b"one", b"two", b"", b"last"]
    with pytest.raises(tf.errors.ArgumentError, match="no file matches"):
        Dataset.list_files(str(tmp_path / "*.nothing"))


def test_the_order_of_list_files_is_that_of_shuffle(tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"{i}.txt").write_text(str(i))
    names = [Path(x.decode()).stem for x in elements(Dataset.list_files(f"{tmp_path}/*", seed=3))]
    assert names == [str(i) for i in elements(Dataset.range(6).shuffle(6, seed=3))]
    plain = elements(Dataset.list_files(f"{tmp_path}/*", shuffle=False))
    assert [Path(x.decode()).stem for x in plain] == list("012345")


def test_arrays_in_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6).reshape(3, 2))
    np.save(tmp_path / "y.npy", np.arange(3))
    ds = Dataset.from_npy({"x": tmp_path / "x.npy", "y": tmp_path / "y.npy"})
    assert elements(ds.skip(1)) == [{"x": [2, 3], "y": 1}, {"x": [4, 5], "y": 2}]
    (tmp_path / "z.npy").write_bytes(b"no array")
    with pytest.raises(tf.errors.LoadError, match=r"z\.npy is no array"):
        Dataset.from_npy(tmp_path / "z.npy")


def test_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    file = tmp_path / "t.csv"
    file.write_text("n,x,word\n1,0.5,a\n2,,b\n")
    rows = Dataset.from_csv(file)
    assert rows.element_spec["n"] == tf.TensorSpec((), tf.int64)
    first, second = elements(rows)
    assert first == {"n": 1, "x": 0.5, "word": b"a"} and np.isnan(second["x"])
    made = tf.data.experimental.CsvDataset(str(file), [tf.int32, [7.0], tf.string], header=True)
    assert elements(made) == [(1, 0.5, b"a"), (2, 7.0, b"b")]
    chosen = tf.data.experimental.CsvDataset(str(file), [tf.float32], header=True, select_cols=[0])
    assert elements(chosen) == [(1.0,), (2.0,)]
    batches = tf.data.experimental.make_csv_dataset(
        str(file), 2, label_name="n", num_epochs=1, shuffle=False
    )
    (row, label), *_ = elements(batches)
    assert label == [1, 2] and row["word"] == [b"a", b"b"]
    with pytest.raises(tf.errors.LoadError, match="missing in column 1, which has no default"):
        elements(
            tf.data.experimental.CsvDataset(
                str(file), [tf.int32, tf.float32, tf.string], header=True
            )
        )
    with pytest.raises(tf.errors.LoadError, match=r"t\.csv cannot be read as CSV"):
        elements(Dataset.from_csv(file, dtypes={"word": tf.int32}))
    file.write_text("n,x\n1,2\n1,2,3\n")
    with pytest.raises(tf.errors.LoadError, match=r"t\.csv cannot be read as CSV"):
        elements(Dataset.from_csv(file))


def test_parquet_and_arrow(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    table = arrow.table(
        {"n": range(9), "list": [[1] * (i % 3) for i in range(9)], "word": list("abcdefghi")}
    )
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    expected = [{"n": i, "list": [1] * (i % 3), "word": b"abcdefghi"[i : i + 1]} for i in range(9)]
    ds = Dataset.from_parquet([tmp_path / "t.parquet"] * 2)
    assert elements(ds) == expected * 2 == elements(Dataset.from_arrow(table)) * 2
    assert len(ds) == 18
    assert elements(ds.skip(11)) == expected[2:]
    assert elements(ds.skip(9)) == expected
    assert ds.element_spec["list"] == tf.TensorSpec((None,), tf.int64)
    assert elements(Dataset.from_parquet(tmp_path / "t.parquet", columns=["n"]).take(1)) == [
        {"n": 0}
    ]
    with pytest.raises(tf.errors.ArgumentError, match="no column"):
        _ = Dataset.from_parquet(tmp_path / "t.parquet", columns=["m"]).element_spec
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-5])
    with pytest.raises(tf.errors.LoadError, match=r"t\.parquet is no Parquet file, or damaged"):
        elements(Dataset.from_parquet(tmp_path / "t.parquet"))


@pytest.mark.parametrize("calls", [None, 2])
def test_images_in_directories(calls: int | None, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, shade in (("cats/a.png", 10), ("cats/b.png", 20), ("dogs/c.png", 30)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.new("RGB", (3, 2), (shade, 0, 0)).save(tmp_path / name)
    ds = Dataset.from_image_directory(tmp_path, image_size=(2, 3), num_parallel_calls=calls)
    assert len(ds) == 3
    found = [(x.shape, int(x[0, 0, 0]), int(label)) for x, label in ds]
    assert found == [((2, 3, 3), 10, 0), ((2, 3, 3), 20, 0), ((2, 3, 3), 30, 1)]
    grey = Dataset.from_image_directory(
        tmp_path, labels=None, color_mode="grayscale", image_size=None
    )
    assert [x.shape for x in grey] == [(2, 3, 1)] * 3
    (tmp_path / "dogs" / "c.png").write_bytes(b"no image")
    with pytest.raises(tf.errors.LoadError, match=r"c\.png is no image"):
        list(grey)


def test_an_asserted_cardinality_is_known_and_checked() -> None:
    even = Dataset.range(6).filter(lambda x: x % 2 == 0)
    assert len(even.apply(tf.data.experimental.assert_cardinality(3))) == 3
    for wrong, told in ((4, "only 3"), (2, "at least 3")):
        ds = even.apply(tf.data.experimental.assert_cardinality(wrong))
        with pytest.raises(tf.errors.ArgumentError, match=told):
            list(ds)


def test_a_process_that_is_killed_while_saving_leaves_what_was_there(tmp_path: Path) -> None:
    Dataset.range(3).save(tmp_path / "d")
    program = tmp_path / "saves.py"
    program.write_text(
        "import sys, time, numpy as np, twofold as tf, twofold.data.storage as storage\n"
        "storage.CHUNK_COUNT = 4\n"
        "def slow(x):\n"
        "    if int(x.numpy()) == 40:\n"
        "        print('half', flush=True)\n"
        "        time.sleep(600)\n"
        "    return x\n"
        "tf.data.Dataset.range(80).map(slow).save(sys.argv[1])\n"
    )
    command = [sys.executable, str(program), str(tmp_path / "d")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "half\n"
        process.kill()
    assert elements(Dataset.load(tmp_path / "d")) == [0, 1, 2]
    Dataset.range(5).save(tmp_path / "d")
    assert elements(Dataset.load(tmp_path / "d")) == [0, 1, 2, 3, 4]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "saves.py"]
