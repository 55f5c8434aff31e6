"""Rows as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from proxy.cli.capture import export
from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.export import write_json_lines, write_parquet

ROWS: list[dict[str, Any]] = [
    {"raw": "a", "row": 0, "rare": False, "feature.x": 1, "feature.y": None},
    {"raw": None, "row": 1, "rare": True, "feature.x": "b", "prediction.z": 0.5},
]


def test_columns_have_one_type_each(tmp_path: Path) -> None:
    assert write_parquet(ROWS, tmp_path / "x.parquet") == 2
    table = parquet.read_table(tmp_path / "x.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "int64", "bool", "string", "string", "double"]
    assert table.to_pylist()[1]["feature.x"] == "b" and table.to_pylist()[0]["prediction.z"] is None


def test_json_lines_and_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write_json_lines(ROWS, tmp_path / "x") == 2
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(export, "MAX_COLUMNS", 3)
    with pytest.raises(UnusableRows, match="more than 3 columns"):
        write_parquet(ROWS, tmp_path / "y")
