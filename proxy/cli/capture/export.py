"""`penumbra capture export`: rows of JSON, one a line, or a Parquet file, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from proxy import files
from proxy.cli.capture.columns import UnusableRows, parquet
from proxy.contracts.observation import Tensor
from proxy.contracts.settings import RouteSettings
from proxy.control.capture.exchanges import exchanges_of
from proxy.control.capture.flat import FEATURE, PREDICTION, Flattener
from proxy.control.capture.reading import CaptureFiles
from proxy.stats.drift.features import names_of

BATCH = 1000
"""Rows that are written at a time."""

MAX_COLUMNS = 10_000
"""Columns of a Parquet file."""

Row = Mapping[str, Any]


class ExportedRows:
    """The rows of capture files, as often as one likes."""

    def __init__(self, paths: Sequence[Path], routes: Iterable[RouteSettings]) -> None:
        self._files = CaptureFiles(paths)
        self._flattener = Flattener({section.name: section for section in routes}, _names)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for exchange in exchanges_of(self._files):
            yield from self._flattener.rows(exchange)


def _names(tensor: Tensor) -> tuple[str, ...]:
    return names_of((tensor.name, tensor.columns, tensor.width, tensor.kind))


def write_json_lines(rows: Iterable[Row], output: Path) -> int:
    """Writes rows, and returns how many."""
    count = 0
    with files.putting(output) as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def write_parquet(rows: Iterable[Row], output: Path) -> int:
    """Writes rows, which are gone through twice: the first time for their columns. Raises UnusableRows."""
    arrow, module = parquet("writing Parquet")
    kinds = _kinds(rows)
    schema = arrow.schema([(name, arrow.type_for_alias(kind)) for name, kind in kinds.items()])
    count, left = 0, iter(rows)
    with files.putting(output) as file, module.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(left, BATCH)):
            columns = [[_cell(row.get(name), kind) for row in batch] for name, kind in kinds.items()]
            arrays = [arrow.array(cells, type=field.type) for cells, field in zip(columns, schema, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            count += len(batch)
    return count


FIXED = {"row": "int64", "status": "int64", "rare": "bool"}


def _kinds(rows: Iterable[Row]) -> dict[str, str]:
    """Columns and their types. A column of values of more than one type is one of texts."""
    kinds: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if name in FIXED:
                kinds.setdefault(name, FIXED[name])
            elif value is None:
                kinds.setdefault(name, "")
            else:
                kind = "double" if isinstance(value, int | float) else "string"
                kinds[name] = kind if kinds.get(name, "") in ("", kind) else "string"
        if len(kinds) > MAX_COLUMNS:
            raise UnusableRows(f"more than {MAX_COLUMNS:,} columns; JSON lines have no such bound")
    own = {name: kind or "string" for name, kind in kinds.items()}
    return dict(sorted(own.items(), key=lambda each: each[0].startswith((FEATURE, PREDICTION))))


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind in ("int64", "bool"):
        return value
    if kind == "double":
        return float(value)
    return value if isinstance(value, str) else str(value)
