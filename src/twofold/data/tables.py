"""Tables as sources, read by pyarrow: CSV, Parquet, Arrow."""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.dtypes import known
from twofold.ir.errors import ArgumentError, ConversionError, LoadError

from . import spec as specs
from .block import Block
from .files import Files, needed
from .nest import LEAF, Form, pack
from .strings import string

__all__ = ["csv_columns", "csv_rows", "csv_tuples", "parquet_rows", "table_rows"]

ROWS = 65536  # of a block


def _arrow(module: str) -> Any:
    return needed(f"pyarrow.{module}" if module else "pyarrow", "tables", "reading tables")


def _form(names: list[str]) -> Form:
    return Form(dict, tuple(names), tuple([LEAF] * len(names)))


def parquet_rows(files: list[str], columns: Any) -> Files:
    """The rows of Parquet files as dicts."""
    parquet = _arrow("parquet")

    def opened(name: str) -> Any:
        try:
            return parquet.ParquetFile(name, memory_map=True)
        except _arrow("").ArrowInvalid as error:
            raise LoadError(f"{name} is no Parquet file, or damaged: {error}") from error

    def read(name: str) -> Iterator[Block]:
        file = opened(name)
        try:
            for batch in file.iter_batches(batch_size=ROWS, columns=columns):
                yield _block(batch, name)
        except (_arrow("").ArrowInvalid, OSError) as error:
            if isinstance(error, LoadError):
                raise
            raise LoadError(f"{name} is damaged: {error}") from error

    def spec() -> Any:
        return _spec(opened(files[0]).schema_arrow, columns)

    return Files("from_parquet", files, read, spec, lambda name: opened(name).metadata.num_rows)


def table_rows(table: Any) -> Files:
    """The rows of an Arrow table or record batch as dicts."""

    def read(name: str) -> Iterator[Block]:
        batches = table.to_batches(ROWS) if hasattr(table, "to_batches") else [table]
        for batch in batches:
            yield _block(batch, name)

    spec = _spec(table.schema, None)
    return Files("from_arrow", ["table"], read, spec, lambda name: int(table.num_rows))


def csv_rows(files: list[str], options: dict[str, Any]) -> Files:
    """The rows of CSV files as dicts; dtypes are those of the first file's first block, unless
    ``dtypes`` says them."""

    def read(name: str) -> Iterator[Block]:
        for batch in _csv(name, options):
            yield _block(batch, name)

    def spec() -> Any:
        return _spec(_csv(files[0], options).schema, None)

    return Files("from_csv", files, read, spec)


def csv_columns(name: str, options: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """The names of the columns of a CSV file, and by its first block their values for what is
    missing: 0 of int32, int64, float32 or float64, as its numbers need, or an empty text."""
    reader = _csv(name, options, odd=collections.deque())
    first = next(iter(reader), None)
    types = _arrow("types")

    narrow = (
        (types.is_integer, np.int32, np.iinfo(np.int32).max),
        (types.is_floating, np.float32, np.finfo(np.float32).max),
    )

    def default(field: Any) -> Any:
        for is_such, kind, most in narrow:
            if is_such(field.type) and first is not None:
                values = first.column(field.name).fill_null(0).to_numpy(zero_copy_only=False)
                small = bool((np.abs(values[np.isfinite(values)]) <= most).all())
                return (kind if small else values.dtype.type)(0)
        return b""

    return reader.schema.names, [default(field) for field in reader.schema]


def csv_tuples(
    files: list[str], defaults: list[Any], options: dict[str, Any], names: Any = None,
    label: Any = None,
) -> Files:  # fmt: skip
    """The rows of CSV files as tuples of the dtypes of ``defaults``: a dtype for a column that has
    to be there, or a value that stands for what is missing. With ``names`` as dicts, with a label,
    the last column, beside them. A row that does not fit raises LoadError in its place."""
    kinds = [_column_kind(d) for d in defaults]
    if names is None:
        form = Form(tuple, (), tuple([LEAF] * len(kinds)))
    else:
        form = _form(names) if label is None else Form(tuple, (), (_form(names[:-1]), LEAF))

    def read(name: str) -> Iterator[Block | Exception]:
        done = 0
        try:
            for batch in _csv(name, options, [k for k, _ in kinds]):
                yield from _rows(batch, kinds, form, name, done)
                done += batch.num_rows
        except _Unreadable:
            yield from _rows_of_texts(name, kinds, form, options, done)

    spec = pack(form, [specs.make(kind, ()) for kind, _ in kinds])
    return Files("csv", files, read, spec)


def _rows_of_texts(
    name: str, kinds: list[Any], form: Form, options: dict[str, Any], done: int
) -> Iterator[Block | Exception]:
    """The rows behind the first ``done`` of a file in which some row does not fit."""
    odd: collections.deque[tuple[int, str]] = collections.deque()  # rows of other lengths
    at = 0
    for batch in _csv(name, options, [string] * len(kinds), odd):
        while batch.num_rows or odd:
            here = min(batch.num_rows, odd[0][0] - at) if odd else batch.num_rows
            left = batch.slice(min(max(done - at, 0), here), max(here - max(done - at, 0), 0))
            yield from _rows(left, kinds, form, name, at + here - left.num_rows)
            at, batch = at + here, batch.slice(here)
            if not odd or odd[0][0] > at:
                break
            yield LoadError(f"{name}, row {at + 1}: {odd.popleft()[1]}")
            at += 1


def _rows(
    batch: Any, kinds: list[tuple[Any, Any]], form: Form, name: str, first: int
) -> Iterator[Block | Exception]:
    """The rows of a batch, with an error in the place of each that does not fit."""
    wrong: dict[int, str] = {}
    columns = [
        _filled(_typed(batch.column(i), kind, i, wrong), kind, default, i, wrong)
        for i, (kind, default) in enumerate(kinds)
    ]
    start = 0
    for row in [*sorted(wrong), batch.num_rows]:
        if row > start:
            yield Block(row - start, [c[start:row] for c in columns], form)
        if row in wrong:
            yield LoadError(f"{name}, row {first + row + 1}: {wrong[row]}")
        start = row + 1


def _typed(array: Any, kind: Any, number: int, wrong: dict[int, str]) -> Any:
    """A column in its dtype; a text that is none of it is noted, and missing."""
    want = _arrow_type(kind)
    if array.type == want:
        return array
    arrow = _arrow("")
    texts = array.cast(arrow.string())
    try:
        return texts.cast(want)
    except arrow.ArrowInvalid:
        found = [_number(text, want) for text in texts]
    for row, (value, text) in enumerate(zip(found, texts, strict=True)):
        if value is None and text.is_valid:
            wrong[row] = f"{text.as_py()!r} in column {number} is not {np.dtype(kind)}"
    return arrow.array(found, want)


def _number(text: Any, want: Any) -> Any:
    """One text of Arrow as a Python value, None where it is none of the type."""
    try:
        return text.cast(want).as_py()
    except _arrow("").ArrowInvalid:
        return None


def _column_kind(default: Any) -> tuple[Any, Any]:
    """The dtype of a column and what stands for a missing value (None: it is refused)."""
    if isinstance(default, np.dtype | type) or default is string:
        return (string if default in (str, bytes) else default), None
    leaf = specs.leaf_of(default)
    if leaf.size > 1:
        raise ArgumentError(f"a default is a dtype or one value, not {default!r}")
    kind = string if leaf.dtype == object else leaf.dtype
    return kind, leaf.reshape(-1)[0] if leaf.size else None


def _csv(name: str, options: dict[str, Any], kinds: Any = None, odd: Any = None) -> Any:
    """A reader of batches. ``odd`` takes up the number of each row of another length, and why."""
    csv, arrow = _arrow("csv"), _arrow("")
    names, chosen = options.get("column_names"), options.get("select")
    if kinds is not None and not (names or chosen or options.get("header", True)):
        names = [f"f{i}" for i in range(len(kinds))]  # not as many as the first row has
    reading = csv.ReadOptions(
        block_size=options.get("block_size") or 1 << 20,
        column_names=names,
        skip_rows=1 if names and options.get("header", True) else 0,
        autogenerate_column_names=not names and not options.get("header", True),
    )
    parsing = csv.ParseOptions(delimiter=options.get("delimiter", ","))
    if odd is not None:
        reading.use_threads = False  # rows have numbers
        above = 1 if options.get("header", True) else 0
        parsing.invalid_row_handler = functools.partial(_noted, odd, above + 1)
    types: dict[str, Any] = {}
    if kinds is not None or chosen:
        everything = names or _names(name, reading, parsing)
        picked = [everything[c] if isinstance(c, int) else c for c in chosen or everything]
        if kinds is not None and len(kinds) != len(picked):
            raise ArgumentError(f"{name} has {len(picked)} columns, {len(kinds)} dtypes are given")
        types = {n: _arrow_type(k) for n, k in zip(picked, kinds or (), strict=False)}
        chosen = picked
    types |= {n: _arrow_type(k) for n, k in (options.get("dtypes") or {}).items()}
    converting = csv.ConvertOptions(
        column_types=types, include_columns=chosen or None,
        null_values=["", *([options["na_value"]] if options.get("na_value") else [])],
        strings_can_be_null=kinds is not None,
    )  # fmt: skip
    try:
        return _checked(csv.open_csv(name, reading, parsing, converting), name)
    except arrow.ArrowInvalid as error:
        raise _Unreadable(f"{name} cannot be read as CSV: {error}") from error


def _noted(odd: Any, first: int, row: Any) -> str:
    told = f"{row.actual_columns} values where {row.expected_columns} columns are"
    odd.append((row.number - first, told))
    return "skip"


class _Unreadable(LoadError):
    """What Arrow says of a CSV file."""


class _checked:
    """Batches of a reader, whose errors name the file."""

    def __init__(self, reader: Any, name: str) -> None:
        self.reader, self.name, self.schema = reader, name, reader.schema

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self.reader
        except _arrow("").ArrowInvalid as error:
            raise _Unreadable(f"{self.name} cannot be read as CSV: {error}") from error


def _names(name: str, reading: Any, parsing: Any) -> list[str]:
    with _arrow("csv").open_csv(name, reading, _lenient(parsing)) as reader:
        found: list[str] = reader.schema.names
        return found


def _lenient(parsing: Any) -> Any:
    """Options that pass over rows of another length."""
    return _arrow("csv").ParseOptions(
        delimiter=parsing.delimiter, invalid_row_handler=lambda row: "skip"
    )


def _arrow_type(kind: Any) -> Any:
    arrow = _arrow("")
    if kind is string or kind in (str, bytes):
        return arrow.binary()
    return arrow.from_numpy_dtype(np.dtype(kind))


def _spec(schema: Any, columns: Any) -> Any:
    names = [n for n in schema.names if columns is None or n in columns]
    if columns is not None and len(names) != len(list(columns)):
        missing = sorted(set(columns) - set(schema.names))
        raise ArgumentError(f"there is no column {missing}; there are {schema.names}")
    return pack(_form(names), [_column_spec(schema.field(n).type) for n in names])


def _column_spec(kind: Any) -> Any:
    types = _arrow("types")
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind):
        return specs.make("string", ())
    if types.is_dictionary(kind):
        return _column_spec(kind.value_type)
    if types.is_fixed_size_list(kind):
        return specs.batched(_column_spec(kind.value_type), kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        return specs.batched(_column_spec(kind.value_type), None)
    dtype = np.dtype(kind.to_pandas_dtype())
    if not known(dtype):
        raise ConversionError(f"a column of type {kind} has no dtype of tensors; cast it first")
    return specs.make(dtype, ())


def _block(batch: Any, name: str) -> Block:
    columns = [
        _column(batch.column(i), f"{name}, column {n!r}") for i, n in enumerate(batch.schema.names)
    ]
    return Block(batch.num_rows, columns, _form(batch.schema.names))


def _column(array: Any, where: str) -> Any:
    """A column of Arrow as one of ours. Raises ConversionError for missing values."""
    types = _arrow("types")
    kind = array.type
    if types.is_dictionary(kind):
        return _column(array.dictionary_decode(), where)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind):
        out = np.empty(len(array), object)
        out[:] = [b"" if x is None else x for x in array.cast(_arrow("").binary()).to_pylist()]
        return out
    if array.null_count:
        if types.is_floating(kind):
            return array.to_numpy(zero_copy_only=False)  # missing is NaN
        raise ConversionError(
            f"{where}: {array.null_count} values are missing, and {kind} has no value for that; "
            f"fill them, or read the column as a floating dtype"
        )
    if types.is_fixed_size_list(kind):
        return _column(array.flatten(), where).reshape(len(array), kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        flat, ends = _column(array.flatten(), where), np.asarray(array.offsets)
        ends = ends - ends[0]
        return [flat[a:b] for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    found = array.to_numpy(zero_copy_only=False)
    if not known(found.dtype):
        raise ConversionError(f"{where}: {kind} has no dtype of tensors; cast it first")
    return found


def _filled(array: Any, kind: Any, default: Any, number: int, wrong: dict[int, str]) -> Any:
    """A column without missing values; where there is no default they are noted."""
    if array.null_count:
        if default is None:
            for row in np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist():
                told = f"a value is missing in column {number}, which has no default"
                wrong.setdefault(row, told)
            default = b"" if kind is string else np.zeros((), kind)[()]
        array = array.fill_null(default if isinstance(default, bytes) else default.item())
    return _column(array, f"column {number}")
