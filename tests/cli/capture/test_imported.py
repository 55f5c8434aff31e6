"""A capture that is exported and imported is the capture: by both formats, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.cli.capture.columns import UnusableRows
from proxy.cli.capture.export import ExportedRows, write_json_lines, write_parquet
from proxy.cli.capture.imported import ImportOptions, form_of, import_file
from proxy.cli.capture.labelled_rows import RowForm
from proxy.cli.capture.perf_analyzer import TensorTypes
from proxy.control.capture.format import Captured, LabelLine, captured, line_of
from proxy.control.capture.reading import CaptureFiles
from tests.support.records import record

OPTIONS = ImportOptions("r", "v", "auto", RowForm("oip", "m"), TensorTypes({}))
bodies = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.sampled_from([b'{"instances":[[1,2],[3,4]]}', b'{"predictions":[0.5,"a"]}', b'{"a":1,"b":"x"}']),
)
legs = st.lists(
    st.builds(
        lambda number, **facts: captured(
            record(exchange=number, path="/v1", copies=0, method="POST", request_id=f"id{number}", **facts),
            (0, "a"),
            True,
            weight=facts["total"] + 1,
        ),
        st.integers(1, 9),
        request=bodies,
        response=bodies,
        status=st.sampled_from([200, 404, 500]),
        total=st.floats(0, 10),
        detail=st.text(max_size=5),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda leg: leg.exchange,
)
labels: Any = st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=3), st.lists(st.floats(0, 1), max_size=2))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(legs, labels)
def test_an_export_is_imported_as_it_was(tmp_path: Path, suffix: str, lines: list[Captured], label: Any) -> None:
    source, rows, back = tmp_path / "records", tmp_path / f"rows{suffix}", tmp_path / "back"
    told = [] if label is None else [LabelLine(label=label, request_id=lines[0].request_id)]
    source.write_bytes(b"".join([*map(line_of, lines), *map(line_of, told)]))
    write = write_parquet if suffix == ".parquet" else write_json_lines
    assert write(ExportedRows([source], ()), rows) >= len(lines)
    done = import_file(rows, back, OPTIONS)
    files = CaptureFiles([back])
    assert sorted(map(line_of, files.legs())) == sorted(map(line_of, lines))
    assert [(line.request_id, line.label) for line in files.labels()] == [
        (each.request_id, each.label) for each in told
    ]
    assert (done.form, done.legs, done.labels) == ("export", len(lines), len(told))
    assert files.files[0].unsealed == ""


def test_the_form_of_a_file_is_seen(tmp_path: Path) -> None:
    for name, text, form in (
        ("a.json", "{}", "perf-analyzer"),
        ("a.csv", "a,b\n1,2\n", "rows"),
        ("a.jsonl", '{"raw": "{}"}\n', "export"),
        ("b.jsonl", '{"type": "t", "id": 1}\n', "cloudevents"),
        ("c.jsonl", '{"age": 41}\n', "rows"),
    ):
        (tmp_path / name).write_text(text)
        assert form_of(tmp_path / name) == form


def test_a_file_that_breaks_off_leaves_no_capture(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"age": 41}\n{"age": \n')
    with pytest.raises(UnusableRows, match=r"t\.jsonl, line 2: "):
        import_file(tmp_path / "t.jsonl", tmp_path / "out", OPTIONS)
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]
