"""What is in a capture, counted."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from proxy.control.capture.exchanges import exchanges_of
from proxy.control.capture.format import LabelLine, line_of
from proxy.control.capture.reading import CaptureFiles
from proxy.control.capture.summary import MAX_NAMES, CaptureSummary
from tests.control.capture.test_exchanges import joined, leg


def test_exchanges_strata_bodies_and_what_is_missing_are_counted(tmp_path: Path) -> None:
    legs = [
        leg(1, copies=1),
        leg(1, "shadow", version="v3", status=500),
        replace(leg(2, request=None), withheld={"request": "grpc"}, redacted=("/answer/x",)),
        replace(leg(3), weight=50.0, extra=True),
    ]
    (tmp_path / "records").write_bytes(b"".join([*map(line_of, legs), line_of(LabelLine(label=1, request_id="id"))]))
    files, summary = CaptureFiles([tmp_path / "records"]), CaptureSummary()
    for each in exchanges_of(files):
        summary.take(each)
    said = summary.described(files)
    assert (said["exchanges"], said["legs"], said["labels"], said["rare"]) == (3, 4, 3, 1)
    assert said["strata"] == [
        {"stratum": "r/v/good", "exchanges": 2, "weight": 51.0},
        {"stratum": "r/v/good/v3:failed", "exchanges": 1, "weight": 1.0},
    ]
    assert said["bodies"] == {"requests": 2, "answers": 3} and said["unreplayable"] == {"not_redacted": 1}
    assert said["redacted"] == {"/answer/x": 1} and said["withheld"] == {"request: grpc": 1}
    assert said["files"][0]["sealed"] is False and (said["first"], said["last"]) == (1001.0, 1003.02)
    assert {"route": "r", "version": "v3", "role": "shadow", "code": "500", "legs": 1} in said["arms"]


def test_it_does_not_grow_with_a_capture() -> None:
    summary = CaptureSummary()
    for each in joined([leg(number, route=f"r{number}") for number in range(MAX_NAMES + 10)]):
        summary.take(each)
    assert len(summary._strata) == len(summary._arms) == MAX_NAMES + 1
