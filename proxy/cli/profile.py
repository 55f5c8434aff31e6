"""`penumbra profile`: rows of a file → a reference profile with the data contract, as JSON made to be edited.

CSV with a header line, JSON lines of flat objects, or Parquet (with the extra `parquet`). An empty cell or null is
missing; a column of which every other value is a number, or `true` or `false`, is a number as JSON's booleans are, any
other one a category.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from json import JSONDecodeError, loads
from pathlib import Path

import msgspec

from proxy import files
from proxy.stats.drift.profile import Profile, profile_of

MAX_PROFILE_ROWS = 1_000_000
"""Rows that are read; bins do not get better by more."""

Cell = float | str | None
TableRow = Mapping[str, object]


class UnusableData(Exception):
    """The file is not what a profile can be made of; the message says where and why."""


def profile_from(data: Path, predictions: Iterable[str], tensor: str) -> Profile:
    """The profile of the rows in `data`. `predictions` are columns of answers; `tensor` names the inputs as columns of
    one tensor, in their order. Raises UnusableData."""
    columns, answers = columns_of(data), set(predictions)
    missing = sorted(answers - set(columns))
    if missing:
        raise UnusableData(f"{data}: no column {', '.join(missing)}; there are {', '.join(columns)}")
    inputs = {name: column for name, column in columns.items() if name not in answers}
    if tensor:
        inputs = {_place(tensor, at, len(inputs)): column for at, column in enumerate(inputs.values())}
    rows = len(next(iter(columns.values())))
    return profile_of(inputs, {name: columns[name] for name in columns if name in answers}, f"{data.name}: {rows} rows")


def _place(tensor: str, at: int, width: int) -> str:
    return f"{tensor}[{at}]" if width > 1 else tensor


def columns_of(data: Path) -> dict[str, list[Cell]]:
    """The columns of a file by name, each as long as the file has rows. Raises UnusableData."""
    read = _READERS.get(data.suffix)
    if read is None:
        raise UnusableData(f"{data}: found {data.suffix or 'no suffix'}; allowed: {', '.join(_READERS)}")
    try:
        rows = list(islice(read(data), MAX_PROFILE_ROWS))
    except OSError as error:
        raise UnusableData(f"{data}: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise UnusableData(f"{data}: {error}") from error
    names = dict.fromkeys(name for row in rows for name in row)
    if not rows or not names:
        raise UnusableData(f"{data}: no rows")
    return {name: _column([row.get(name) for row in rows], f"{data}: {name}") for name in names}


def _csv(data: Path) -> Iterator[TableRow]:
    with open(files.descriptor(data), newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file, restkey="", restval=None), 2):
            if "" in row:
                raise UnusableData(f"{data}, row {number}: more cells than the header has names, or one without a name")
            yield {name: cell or None for name, cell in row.items()}


def _json_lines(data: Path) -> Iterator[TableRow]:
    with open(files.descriptor(data), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = loads(line)
            except (JSONDecodeError, RecursionError) as error:
                raise UnusableData(f"{data}, line {number}: {error}") from error
            if not isinstance(row, dict):
                raise UnusableData(f"{data}, line {number}: not an object")
            yield row


def _parquet(data: Path) -> Iterator[TableRow]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UnusableData(f"{data}: Parquet needs the extra: pip install 'penumbra[parquet]'") from error
    with open(files.descriptor(data), "rb") as opened, parquet.ParquetFile(opened) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


_READERS: dict[str, Callable[[Path], Iterator[TableRow]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}


def _column(cells: list[object], where: str) -> list[Cell]:
    nested = next((cell for cell in cells if isinstance(cell, list | dict)), None)
    if nested is not None:
        raise UnusableData(f"{where}: found a list or object; allowed: numbers, texts, null")
    numbers = [_number(cell) for cell in cells]
    if all(number is not None or cell is None for number, cell in zip(numbers, cells, strict=True)):
        return list(numbers)
    return [None if cell is None else str(cell) for cell in cells]


TRUTHS = {"true": 1.0, "false": 0.0}
"""Booleans as CSV has them, in small letters; bodies have them as JSON does."""


def _number(cell: object) -> float | None:
    if isinstance(cell, str) and cell.lower() in TRUTHS:
        return TRUTHS[cell.lower()]
    try:
        return float(cell) if isinstance(cell, str | int | float) else None
    except ValueError:
        return None


def document(profile: Profile) -> bytes:
    """The profile as a file holds it."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n"
