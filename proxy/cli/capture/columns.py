"""Files of rows: CSV with a header, JSON lines of objects, Parquet; row after row, in constant memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from proxy import files

MAX_ROW = 64 * 1024 * 1024
"""Bytes of a line."""

Row = Mapping[str, Any]


class UnusableRows(Exception):
    """A file is not what rows are read from; the message says where and why."""


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a file, each with where it stands. Raises UnusableRows, OSError."""
    read = READERS.get(path.suffix)
    if read is None:
        raise UnusableRows(f"{path}: found {path.suffix or 'no suffix'}; allowed: {', '.join(READERS)}")
    return read(path)


def _csv(path: Path) -> Iterator[tuple[str, Row]]:
    with open(files.descriptor(path), newline="", encoding="utf-8") as file:
        try:
            for number, row in enumerate(csv.DictReader(file, restkey="", restval=None), 2):
                if "" in row:
                    raise UnusableRows(f"{path}, row {number}: more cells than the header has names, or one unnamed")
                yield f"{path}, row {number}", {name: _cell(cell) for name, cell in row.items()}
        except (ValueError, csv.Error) as error:
            raise UnusableRows(f"{path}: {error}") from error


def _cell(cell: str | None) -> Any:
    if not cell:
        return None
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(cell.lower(), cell)


def objects_of(path: Path) -> Iterator[tuple[str, Row]]:
    """The objects of JSON lines, each with where it stands. Raises UnusableRows, OSError."""
    for number, line in enumerate(files.lines(path, MAX_ROW), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UnusableRows(f"{path}, line {number}: {error}") from error
        if not isinstance(row, dict):
            raise UnusableRows(f"{path}, line {number}: not an object")
        yield f"{path}, line {number}", row


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    arrow, module = parquet(str(path))
    number = 0
    try:
        with open(files.descriptor(path), "rb") as opened, module.ParquetFile(opened) as file:
            for batch in file.iter_batches(batch_size=1000):
                for number, row in enumerate(batch.to_pylist(), number + 1):  # noqa: B020 - it goes on counting
                    yield f"{path}, row {number}", row
    except arrow.ArrowException as error:
        raise UnusableRows(f"{path}: {error}") from error


def parquet(what: str) -> tuple[Any, Any]:
    """The modules that read and write Parquet. Raises UnusableRows where they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet as module
    except ImportError as error:
        raise UnusableRows(f"{what}: Parquet needs the extra: pip install 'penumbra[parquet]'") from error
    return pyarrow, module


READERS: dict[str, Callable[[Path], Iterator[tuple[str, Row]]]] = {
    ".csv": _csv,
    ".jsonl": objects_of,
    ".ndjson": objects_of,
    ".parquet": _parquet,
}
