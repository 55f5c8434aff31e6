"""Rows of a file → a profile that a running Penumbra can use."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from proxy.cli import main
from proxy.cli.profile import UnusableData, columns_of, document, profile_from
from proxy.contracts.settings import Analysis
from proxy.payload import plain
from proxy.payload.reading import Body
from proxy.stats.drift.profile import Profile
from proxy.stats.drift.streams import Streams
from tests.support.observed import observation


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_columns_are_numbers_or_categories_and_may_miss_values(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "x,kind,empty\n1,a,\n,b,\n2.5,7,\n")
    assert columns_of(path) == {"x": [1.0, None, 2.5], "kind": ["a", "b", "7"], "empty": [None, None, None]}


def test_json_lines_may_leave_keys_out(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", '{"x": 1, "ok": true}\n\n{"x": null, "kind": "a"}\n')
    assert columns_of(path) == {"x": [1.0, None], "ok": [1.0, None], "kind": [None, "a"]}


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"x": [1, None, 2.5], "kind": ["a", "b", "7"], "no": [None] * 3}), path)
    assert columns_of(path) == {"x": [1.0, None, 2.5], "kind": ["a", "b", "7"], "no": [None, None, None]}


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnusableData, match=r"pip install 'penumbra\[parquet\]'"):
        columns_of(written(tmp_path, "rows.parquet", ""))


def test_inputs_of_one_tensor_are_named_by_place(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "age,y,income\n" + "".join(f"{n},{n % 2},{n * 10}\n" for n in range(50)))
    profile = profile_from(path, ["y"], "predict")
    assert [feature.name for feature in profile.inputs] == ["predict[0]", "predict[1]"]
    assert [feature.name for feature in profile.predictions] == ["y"]
    assert profile.made == "rows.csv: 50 rows"
    assert profile.inputs[1].rules.maximum == 490.0 * 2
    assert msgspec.json.decode(document(profile), type=Profile) == profile


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rows.csv", "", "no rows"),
        ("rows.csv", "x,y\n", "no rows"),
        ("rows.csv", "x\n1,2\n", "row 2: more cells"),
        ("rows.jsonl", "[1]\n", "line 1: not an object"),
        ("rows.jsonl", '{"x": 1}\n{', "line 2"),
        ("rows.jsonl", '{"x": [1]}\n', "found a list or object"),
        ("rows.xlsx", "PK", "found .xlsx; allowed: .csv, .jsonl, .ndjson, .parquet"),
        ("rows.parquet", "PAR1", "Parquet"),
        ("rows.csv", "x\n1\n", "no column y; there are x"),
    ],
)
def test_data_that_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UnusableData, match=message):
        profile_from(written(tmp_path, name, text), ["y"] if "no column" in message else [], "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match=r"none\.csv: No such file or directory$"):
        columns_of(tmp_path / "none.csv")


def test_the_command_writes_what_it_says(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "x,y\n1,2\n3,4\n")
    out = tmp_path / "profile.json"
    done = CliRunner().invoke(main.app, ["profile", str(path), "-o", str(out), "--prediction", "y"])
    assert (done.exit_code, done.output) == (0, f"{out}: 1 inputs, 1 predictions, of rows.csv: 2 rows\n")
    assert json.loads(out.read_text())["made"] == "rows.csv: 2 rows"
    refused = CliRunner().invoke(main.app, ["profile", str(tmp_path / "none.csv"), "-o", str(out)])
    assert (refused.exit_code, refused.stdout) == (1, "")


def test_the_command_names_inputs_as_parts_of_one_tensor(tmp_path: Path) -> None:
    path, out = written(tmp_path, "rows.csv", "x,y\n1,2\n3,4\n"), tmp_path / "profile.json"
    done = CliRunner().invoke(main.app, ["profile", str(path), "--output", str(out), "--tensor", "predict"])
    assert done.exit_code == 0
    assert [feature["name"] for feature in json.loads(out.read_text())["inputs"]] == ["predict[0]", "predict[1]"]


def test_true_and_false_are_the_booleans_of_bodies(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("on,answer\n" + "true,yes\nFalse,no\n,no\n" * 100)
    profile = profile_from(tmp_path / "rows.csv", (), "")
    assert [feature.kind for feature in profile.inputs] == ["number", "category"]
    streams = Streams(reference=200)
    streams.use_profile(profile)
    body = plain.read_request(Body(b'[{"on": true, "answer": "yes"}, {"on": false, "answer": "no"}]', b"", Analysis()))
    legs = [
        observation((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, inputs=body.tensors)
        for at in range(300)
    ]
    streams.update(legs, 0.0)
    streams.flush(5.0)
    assert not streams.violations
