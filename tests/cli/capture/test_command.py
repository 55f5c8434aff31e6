"""`penumbra capture`: its commands, what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.control.capture.format import line_of
from proxy.control.capture.reading import CaptureFiles
from tests.control.capture.test_exchanges import leg as leg_of
from tests.control.capture.test_seal import segment


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, words)])
    return done.exit_code, done.output


@pytest.fixture
def records(tmp_path: Path) -> Path:
    (tmp_path / "records").write_bytes(b"".join(segment(5)))
    return tmp_path / "records"


def test_what_is_in_a_capture(records: Path) -> None:
    code, said = run("capture", "show", records)
    assert code == 0 and "sealed" in said and "5 exchanges of 5 legs" in said
    code, said = run("capture", "show", records, "--json")
    assert (code, json.loads(said)["unreplayable"]) == (0, {"no_request": 5})


def test_an_altered_file_is_refused_with_the_line(records: Path) -> None:
    records.write_bytes(records.read_bytes().replace(b'"id"', b'"ie"', 1))
    for words in (
        ("capture", "show", records),
        ("capture", "export", records, "-o", records.with_name("x"), "--jsonl"),
    ):
        code, said = run(*words)
        assert code == 2 and f"{records}, line 7: the sha256 of the seal" in said
    assert run("capture", "show", records.with_name("none")) == (
        2,
        f"{records.with_name('none')}: No such file or directory\n",
    )


def test_there_and_back(records: Path, tmp_path: Path) -> None:
    for option in ("--jsonl", "--parquet"):
        kind = option[2:]
        assert run("capture", "export", records, "-o", tmp_path / f"x.{kind}", option)[0] == 0
        code, said = run("capture", "import", tmp_path / f"x.{kind}", "-o", tmp_path / "back")
        assert (code, "5 legs, 0 labels" in said) == (0, True)
        assert run("capture", "show", tmp_path / "back")[0] == 0
    assert run("capture", "export", records, "-o", "x")[0] == 2


def test_nothing_is_written_over_what_is_read(records: Path) -> None:
    before = records.read_bytes()
    assert run("capture", "export", records, "-o", records, "--jsonl")[0] == 2
    assert run("capture", "import", records, "-o", records, "--route", "r")[0] == 2
    assert records.read_bytes() == before


def test_rows_are_of_a_route(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,y\n41,1\n")
    code, said = run(
        "capture", "import", tmp_path / "t.csv", "-o", tmp_path / "o", "--route", "r", "--label", "y", "--json"
    )
    assert json.loads(said) == {"form": "rows", "legs": 1, "labels": 1, "skipped": {}} and code == 0
    assert run("capture", "import", tmp_path / "t.csv", "-o", tmp_path / "o")[0] == 2
    for wrong in (
        ("--form", "x"),
        ("--protocol", "x"),
        ("--datatype", "A=FP8"),
        ("--path", "http://a/b"),
        ("--path", "/a b"),
    ):
        assert run("capture", "import", tmp_path / "t.csv", "-o", tmp_path / "o", "--route", "r", *wrong)[0] == 2
    code, said = run("capture", "import", tmp_path / "t.txt", "-o", tmp_path / "q", "--route", "r")
    assert code == 2 and "found .txt; allowed: .json, .csv" in said and not list(tmp_path.glob("q*"))


def test_every_word_of_a_row_reaches_its_request(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,y,p\n41,1,0.5\n")
    given = (
        "--model",
        "iris",
        "--path",
        "/score",
        "--label",
        "y",
        "--prediction",
        "p",
        "--tensor",
        "x",
        "--answer",
        "z",
    )
    words = (*given, "--version", "v9", "--protocol", "oip", "--datatype", "FP32", "--form", "rows", "--route", "r")
    assert run("capture", "import", tmp_path / "t.csv", "-o", tmp_path / "o", *words)[0] == 0
    (leg,) = CaptureFiles([tmp_path / "o"]).legs()
    assert (leg.path, leg.version, leg.route) == ("/score", "v9", "r")
    assert json.loads(leg.request or b"")["inputs"] == [
        {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [41]}
    ]
    answered = json.loads(leg.response or b"")
    assert (answered["model_name"], answered["outputs"][0]["name"]) == ("iris", "z")


def test_bodies_are_read_as_a_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "listen: 127.0.0.1:0\nversions: {v: {url: 'http://127.0.0.1:1'}}\n"
        "routes: {r: {match: {path: /}, protocol: json, primary: v, analysis: {features: /x}}}\n"
    )
    (tmp_path / "records").write_bytes(line_of(leg_of(1, request=b'{"x": {"age": 41}}')))
    words = ("--jsonl", "--config", tmp_path / "c.yaml")
    assert run("capture", "export", tmp_path / "records", "-o", tmp_path / "x", *words)[0] == 0
    assert json.loads((tmp_path / "x").read_text())["feature.age"] == 41
    words = ("--jsonl", "--config", tmp_path / "none.yaml")
    assert run("capture", "export", tmp_path / "records", "-o", tmp_path / "x", *words)[0] == 2
