"""Files of rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from proxy.cli.capture.columns import UnusableRows, rows_of


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,sex,ok\n41,f,true\n2.5,,false\n")
    (tmp_path / "a.jsonl").write_text('{"age":41,"sex":"f","ok":true}\n\n{"age":2.5,"sex":null,"ok":false}\n')
    table = pyarrow.table({"age": [41.0, 2.5], "sex": ["f", None], "ok": [True, False]})
    parquet.write_table(table, tmp_path / "a.parquet")
    found = [[dict(row) for _, row in rows_of(tmp_path / f"a.{kind}")] for kind in ("csv", "jsonl", "parquet")]
    assert (
        found[0]
        == found[1]
        == found[2]
        == [{"age": 41, "sex": "f", "ok": True}, {"age": 2.5, "sex": None, "ok": False}]
    )


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "a,b\n1,2,3\n", "row 2: more cells"),
        ("a.jsonl", "{}\n[1]\n", "line 2: not an object"),
        ("a.jsonl", "{\n", "line 1: "),
        ("a.parquet", "PAR1", "a.parquet: "),
        ("a.txt", "", "found .txt; allowed: .csv"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnusableRows, match=why):
        list(rows_of(tmp_path / name))
