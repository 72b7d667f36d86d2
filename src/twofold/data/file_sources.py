"""Datasets of files, as static methods of ``tf.data.Dataset`` and as the classes of TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twofold.ir.errors import ArgumentError

from . import files as sources
from . import tables
from .fluent import Fluent, name_of
from .functions import UserFunction
from .keeping import loaded, no_compression
from .mapping import Map
from .ordering import Shuffle
from .prefetch import ParallelMap
from .seeding import seeds_of
from .sources import slices
from .strings import of_text

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["FileSources"]


class FileSources(Fluent):
    """What is made of files."""

    @classmethod
    def _of(cls, node: Any) -> Dataset:
        raise NotImplementedError  # ``Dataset`` has it

    @classmethod
    def list_files(
        cls, file_pattern: Any, shuffle: bool | None = None, seed: Any = None,
        name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """The names of the files that one or several patterns match, shuffled by default.

        Raises ArgumentError if there are none.

        >>> import pathlib, tempfile
        >>> import twofold as tf
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("hello"), (folder / "b.csv").write_text("1")
        >>> [x.numpy()[-5:] for x in tf.data.Dataset.list_files(f"{folder}/*.txt")]
        [b'a.txt']
        """
        found = sources.matching(file_pattern)
        node: Any = slices(of_text(found))
        if shuffle is not False:
            node = Shuffle(node, len(found), seeds_of(seed), True)
        return cls._of(node)

    @classmethod
    def load(
        cls, path: Any, element_spec: Any = None, compression: Any = None,
        reader_func: Any = None, wait: bool = False,
    ) -> Dataset:  # fmt: skip
        """The elements that ``save`` has written; files are mapped, and rows known by number.

        Raises LoadError for a place where no dataset is, or a damaged one.
        """
        from .grouping import of_dataset  # noqa: PLC0415

        no_compression(compression, "load")
        if wait:
            raise ArgumentError("load: a directory is there whole or not at all; wait is False")
        node = loaded(name_of(path))
        return cls._of(node) if reader_func is None else reader_func(cls._of(of_dataset(node)))

    @classmethod
    def from_npy(cls, files: Any) -> Dataset:
        """The rows of arrays in ``.npy`` files, which are mapped and not loaded.

        A dict or tuple of names gives elements of that structure. Raises LoadError. Not in
        TensorFlow.

        >>> import os, tempfile
        >>> import numpy as np
        >>> import twofold as tf
        >>> file = os.path.join(tempfile.mkdtemp(), "x.npy")
        >>> np.save(file, np.arange(4).reshape(2, 2))
        >>> [x.tolist() for x in tf.data.Dataset.from_npy(file)]
        [[0, 1], [2, 3]]
        """
        from .nest import map_leaves  # noqa: PLC0415

        return cls._of(slices(map_leaves(lambda f: sources.arrays_in([name_of(f)])[0], files)))

    @classmethod
    def from_parquet(cls, files: Any, columns: Any = None) -> Dataset:
        """The rows of Parquet files, as dicts of the columns. Needs pyarrow. Not in TensorFlow.

        Lists in a column are tensors of any length, and texts bytes. Raises LoadError for damaged
        files, ConversionError for missing values in columns of integers.
        """
        names = sources.paths_of(files, "from_parquet")
        return cls._of(tables.parquet_rows(names, None if columns is None else list(columns)))

    @classmethod
    def from_arrow(cls, table: Any) -> Dataset:
        """The rows of a table or record batch of Arrow, as dicts of the columns. Not in
        TensorFlow."""
        return cls._of(tables.table_rows(table))

    @classmethod
    def from_csv(
        cls, files: Any, column_names: Any = None, select_columns: Any = None, dtypes: Any = None,
        header: bool = True, field_delim: str = ",", na_value: str = "",
    ) -> Dataset:  # fmt: skip
        """The rows of CSV files, as dicts of the columns. Needs pyarrow. Not in TensorFlow.

        Dtypes are found out from the beginning of a file, unless ``dtypes`` names them by column.
        Raises LoadError for what is no CSV or does not have these dtypes.
        """
        options = {
            "column_names": column_names, "select": select_columns, "dtypes": dtypes,
            "header": header, "delimiter": field_delim, "na_value": na_value,
        }  # fmt: skip
        return cls._of(tables.csv_rows(sources.paths_of(files, "from_csv"), options))

    @classmethod
    def from_image_directory(
        cls, directory: Any, labels: Any = "inferred", image_size: Any = (256, 256),
        color_mode: str = "rgb", num_parallel_calls: Any = None,
    ) -> Dataset:  # fmt: skip
        """Images below a directory with the numbers of their classes: its directories, sorted.

        Images are uint8 of shape ``(*image_size, channels)``; ``image_size=None`` leaves each as it
        is. ``labels=None`` gives images alone. ``color_mode``: "rgb", "rgba" or "grayscale". Needs
        Pillow. Raises LoadError for what is no image. Not in TensorFlow, where Keras has it.
        """
        modes = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
        if color_mode not in modes:
            raise ArgumentError(f"color_mode is one of {', '.join(modes)}, not {color_mode!r}")
        files, numbers, _ = sources.image_files(name_of(directory), labels)
        read = sources.image_reader(image_size, modes[color_mode])
        node: Any = slices(of_text(files) if numbers is None else (of_text(files), numbers))

        def image(name: Any, *label: Any) -> Any:
            return (read(name), *label) if label else read(name)

        function = UserFunction(image, "from_image_directory", plain=True)
        if num_parallel_calls is None:
            return cls._of(Map(node, function))
        return cls._of(ParallelMap(node, function, int(num_parallel_calls), None))
