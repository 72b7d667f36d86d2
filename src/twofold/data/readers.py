"""TensorFlow's classes of datasets of files."""

from __future__ import annotations

from typing import Any

from twofold.ir.errors import ArgumentError

from . import tables
from .dataset import Dataset
from .files import lines_of, paths_of
from .records import fixed_length_of, records_of

__all__ = [
    "CsvDataset", "FixedLengthRecordDataset", "TFRecordDataset", "TextLineDataset",
    "assert_cardinality", "make_csv_dataset",
]  # fmt: skip


class _OfFiles(Dataset):
    """A dataset of files, one after the other, or of several in turn."""

    def _begin(self, read: Any, names: list[str], parallel: Any) -> None:
        """``read`` makes the node of some files; ``parallel`` so many are read in turn, an element
        of each, where that is a number over 1, as in TensorFlow."""
        made = Dataset._of(read(names))
        count = 1 if parallel is None else int(parallel)
        if count > 1 and len(names) > 1:
            each = [Dataset._of(read([name])) for name in names]
            made = Dataset.range(len(each)).interleave(lambda i: each[int(i)], count, 1)
        self._node, self._options = made._node, made._options


class TextLineDataset(_OfFiles):
    """The lines of text files, as texts without their ends.

    ``compression_type``: None, "GZIP" or "ZLIB". ``num_parallel_reads`` files are read in turn, a
    line of each; without it one follows the other. Raises LoadError for a file that is cut off.

    >>> import pathlib, tempfile
    >>> import twofold as tf
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "poem.txt"
    >>> _ = file.write_text("so much depends\\nupon\\n")
    >>> [line.numpy() for line in tf.data.TextLineDataset(file)]
    [b'so much depends', b'upon']
    """

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
        num_parallel_reads: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        names = paths_of(filenames, "TextLineDataset")
        self._begin(
            lambda some: lines_of(some, compression_type, buffer_size), names, num_parallel_reads
        )


class TFRecordDataset(_OfFiles):
    """The records of TFRecord files, as texts; ``tf.io.TFRecordWriter`` writes them.

    ``compression_type`` and ``num_parallel_reads`` as for ``TextLineDataset``; ``buffer_size``
    changes nothing. Raises LoadError where a file is no TFRecord file, damaged or cut off.

    >>> import os, tempfile
    >>> import twofold as tf
    >>> file = os.path.join(tempfile.mkdtemp(), "one.tfrecord")
    >>> with tf.io.TFRecordWriter(file, "GZIP") as writer:
    ...     writer.write(tf.io.serialize_tensor([1, 2]).numpy())
    >>> ds = tf.data.TFRecordDataset(file, "GZIP").map(lambda x: tf.io.parse_tensor(x, tf.int32))
    >>> [x.numpy().tolist() for x in ds]
    [[1, 2]]
    """

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
        num_parallel_reads: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        names = paths_of(filenames, "TFRecordDataset")
        self._begin(lambda some: records_of(some, compression_type), names, num_parallel_reads)


class FixedLengthRecordDataset(_OfFiles):
    """The parts of ``record_bytes`` bytes of files, as texts, between a header and a footer.

    The other parameters are those of ``TFRecordDataset``. Raises ArgumentError for lengths that
    are none, LoadError for a file that is no whole number of records.

    >>> import pathlib, tempfile
    >>> import twofold as tf
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "pairs"
    >>> _ = file.write_bytes(b"#aabb")
    >>> [x.numpy() for x in tf.data.FixedLengthRecordDataset(file, 2, header_bytes=1)]
    [b'aa', b'bb']
    """

    def __init__(
        self, filenames: Any, record_bytes: int, header_bytes: int | None = None,
        footer_bytes: int | None = None, buffer_size: Any = None, compression_type: Any = None,
        num_parallel_reads: Any = None, name: str | None = None,
    ) -> None:  # fmt: skip
        names = paths_of(filenames, "FixedLengthRecordDataset")
        lengths = int(record_bytes), int(header_bytes or 0), int(footer_bytes or 0)
        if lengths[0] < 1 or min(lengths) < 0:
            raise ArgumentError(f"FixedLengthRecordDataset: there are no lengths {lengths}")
        self._begin(
            lambda some: fixed_length_of(some, *lengths, compression_type),
            names, num_parallel_reads,
        )  # fmt: skip


class CsvDataset(Dataset):
    """The rows of CSV files as tuples. Needs pyarrow.

    ``record_defaults``: for each column a dtype, where a value has to be there, or the value that
    stands for a missing one. ``select_cols``: the numbers of the columns that count. Raises
    LoadError for what is no CSV or does not have these dtypes.
    """

    def __init__(
        self, filenames: Any, record_defaults: Any, compression_type: Any = None,
        buffer_size: Any = None, header: bool = False, field_delim: str = ",",
        use_quote_delim: bool = True, na_value: str = "", select_cols: Any = None,
    ) -> None:  # fmt: skip
        _uncompressed(compression_type)
        options = {
            "header": header, "delimiter": field_delim, "na_value": na_value,
            "select": None if select_cols is None else list(select_cols),
            "block_size": buffer_size,
        }  # fmt: skip
        names = paths_of(filenames, "CsvDataset")
        made = Dataset._of(tables.csv_tuples(names, list(record_defaults), options))
        self._node, self._options = made._node, made._options


def make_csv_dataset(
    file_pattern: Any, batch_size: Any, column_names: Any = None, column_defaults: Any = None,
    label_name: str | None = None, select_columns: Any = None, field_delim: str = ",",
    use_quote_delim: bool = True, na_value: str = "", header: bool = True,
    num_epochs: Any = None, shuffle: bool = True, shuffle_buffer_size: int = 10000,
    shuffle_seed: Any = None, prefetch_buffer_size: Any = None, num_parallel_reads: Any = None,
    sloppy: bool = False, num_rows_for_inference: Any = 100, compression_type: Any = None,
    ignore_errors: bool = False, encoding: str = "utf-8",
) -> Dataset:  # fmt: skip
    """Batches of rows of CSV files: dicts of columns, or pairs of such a dict and the label.

    ``column_defaults``: for each column a dtype, where a value has to be there, or the value that
    stands for a missing one. Without it columns are int32, int64, float32, float64 or texts, by
    the first block of the first file, and what is missing is 0 or an empty text. ``num_epochs``
    None repeats for ever. ``ignore_errors`` leaves out rows that do not fit. Needs pyarrow. Raises
    ArgumentError if no file matches, or there is no such column.
    """
    from .files import matching  # noqa: PLC0415

    _uncompressed(compression_type)
    options = {
        "header": header, "delimiter": field_delim, "na_value": na_value,
        "column_names": None if column_names is None else list(column_names),
        "select": None if select_columns is None else list(select_columns),
    }  # fmt: skip
    files = matching(file_pattern)
    names, found = tables.csv_columns(files[0], options)
    defaults = found if column_defaults is None else list(column_defaults)
    if len(defaults) != len(names):
        raise ArgumentError(f"there are {len(names)} columns, {len(defaults)} column_defaults")
    if label_name is not None and label_name not in names:
        raise ArgumentError(f"there is no column {label_name!r}; there are {names}")
    order = [*(n for n in names if n != label_name), *([] if label_name is None else [label_name])]
    chosen = [dict(zip(names, defaults, strict=True))[n] for n in order]
    rows = tables.csv_tuples(files, chosen, options | {"select": order}, order, label_name)
    ds = Dataset._of(rows)
    ds = ds.ignore_errors() if ignore_errors else ds
    if shuffle:
        ds = ds.shuffle(shuffle_buffer_size, shuffle_seed)
    ds = ds.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)
    return ds.prefetch(1 if prefetch_buffer_size is None else prefetch_buffer_size)


def _uncompressed(compression_type: Any) -> None:
    if compression_type not in (None, ""):
        raise ArgumentError("CSV files tell their compression by a name that ends in .gz")


def assert_cardinality(expected_cardinality: Any) -> Any:
    """For ``Dataset.apply``: the same elements, whose number is then known.

    Iterating raises ArgumentError if there are more or fewer.

    >>> import twofold as tf
    >>> ds = tf.data.Dataset.range(6).filter(lambda x: x % 2 == 0)
    >>> len(ds.apply(tf.data.experimental.assert_cardinality(3)))
    3
    """
    from .fluent import count_of, node_of  # noqa: PLC0415
    from .ordering import Counted  # noqa: PLC0415

    count = count_of(expected_cardinality, "assert_cardinality")
    return lambda ds: ds._over(Counted(node_of(ds, "assert_cardinality"), count))
