"""A row of a CSV file that does not fit is an error in its place; the next row follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError, LoadError


def told(ds: Any) -> list[Any]:
    """The rows, with the message of an error in its place."""
    elements, found = iter(ds), []
    while True:
        try:
            found.append([x.numpy().item() for x in next(elements)])
        except StopIteration:
            return found
        except LoadError as error:
            found.append(error.message.partition("row ")[2])


def test_rows_that_do_not_fit_stand_in_their_places(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,y\n1,2.5\n2,\nzz,3\n4,5,6\n5\n6,1\n")
    ds = tf.data.experimental.CsvDataset(file, [tf.int32, tf.float32], header=True)
    assert told(ds) == [
        [1, 2.5],
        "2: a value is missing in column 1, which has no default",
        "3: 'zz' in column 0 is not int32",
        "4: 3 values where 2 columns are",
        "5: 1 values where 2 columns are",
        [6, 1.0],
    ]
    assert told(ds.ignore_errors()) == [[1, 2.5], [6, 1.0]]


@pytest.mark.parametrize("size", [32, None])
def test_bad_rows_are_found_in_any_block(tmp_path: Path, size: Any) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{i},{2 * i}" if rng.random() < 0.8 else rng.choice(["7", "a,1", ",3"]) for i in range(60)
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    ds = tf.data.experimental.CsvDataset(tmp_path / "a.csv", [tf.int32, tf.int32], buffer_size=size)
    want = [[i, 2 * i] if rows[i] == f"{i},{2 * i}" else None for i in range(60)]
    assert [row if isinstance(row, list) else None for row in told(ds)] == want


def test_make_csv_dataset_finds_dtypes_and_fills(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,label,y,s\n1,0,2.5,a\n?,1,,b\n5000000000,,3.5,\n")
    make = tf.data.experimental.make_csv_dataset
    options = {"batch_size": 2, "num_epochs": 1, "shuffle": False, "na_value": "?"}
    ds = make(f"{tmp_path}/*.csv", label_name="label", **options)
    found = [({k: v.numpy().tolist() for k, v in f.items()}, y.tolist()) for f, y in ds]
    assert found == [
        ({"x": [1, 0], "y": [2.5, 0.0], "s": [b"a", b"b"]}, [0, 1]),
        ({"x": [5000000000], "y": [3.5], "s": [b""]}, [0]),
    ]
    features, label = ds.element_spec
    assert [str(s.dtype) for s in (*features.values(), label)] == [
        "int64", "float32", "string", "int32",
    ]  # fmt: skip
    assert {s.shape for s in (*features.values(), label)} == {(None,)}
    required = [tf.int64, tf.int32, 7.0, "q"]
    ds = make(str(tmp_path / "a.csv"), column_defaults=required, ignore_errors=True, **options)
    assert [f["s"].numpy().tolist() for f in ds] == [[b"a"]]
    with pytest.raises(ArgumentError, match="column_defaults"):
        make(str(tmp_path / "a.csv"), column_defaults=[1], **options)
