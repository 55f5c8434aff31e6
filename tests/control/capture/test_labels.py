"""Labels that come after their exchanges."""

from __future__ import annotations

from pathlib import Path

from proxy.control.capture.exchanges import exchanges_in
from proxy.control.capture.format import LabelLine, captured, line_of
from proxy.control.capture.labels import KnownLabels
from tests.support.records import record


def test_the_newest_label_of_a_request_counts() -> None:
    lines = [LabelLine(label=label, request_id=f"id-{number % 3}") for number, label in enumerate([1, "a", None, [2]])]
    labels = KnownLabels(lines)
    assert [labels.get(name) for name in ("id-0", "id-1", "id-2", "id-3")] == [[2], "a", None, None]
    labels.close()


def test_they_are_joined_with_exchanges_of_other_files(tmp_path: Path) -> None:
    leg = captured(record(request_id="id-7", path="/v1", copies=0), (0, "a"), False)
    (tmp_path / "records").write_bytes(line_of(leg))
    (tmp_path / "feedback.jsonl").write_text('{"request_id": "id-8", "label": 3}\n{"request_id":"id-7","label":0}\n')
    (found,) = exchanges_in([tmp_path / "records", tmp_path / "feedback.jsonl"])
    assert found.label == 0
