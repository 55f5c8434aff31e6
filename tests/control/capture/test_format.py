"""A captured line: what it keeps of a record, and lines of earlier versions."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.observation import Observation
from proxy.contracts.record import LegFacts, Record
from proxy.control.capture.format import Captured, UnreadableLineError, arms_of, captured, is_bad, line_of, runs
from proxy.control.capture.reading import legs_in
from tests.support.records import record

OLD = (
    b'{"worker":1,"incarnation":"7f","exchange":5,"route":"cancer","version":"v2","role":"canary","share":0.1,'
    b'"started":1000.0,"total":0.25,"failure":"reset","request_id":"id-5","path":"/v2/infer","key":77,'
    b'"request":"e30=","method":"POST","copies":2}\n'
)
"""As 0.1.0 wrote it: members that have their usual value are left out."""


WRITTEN = ("weight", "stratum", "extra", "redacted", "withheld")
"""What a line says about its own writing."""


def test_a_line_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(OLD)
    (leg,) = legs_in([path])
    assert leg == Captured(
        worker=1,
        incarnation="7f",
        exchange=5,
        route="cancer",
        version="v2",
        role="canary",
        share=0.1,
        started=1000.0,
        total=0.25,
        failure="reset",
        request_id="id-5",
        path="/v2/infer",
        key=77,
        request=b"{}",
        method="POST",
        copies=2,
    )
    assert (leg.source, leg.finished, leg.status) == ((1, "7f"), 1000.25, 0)


def test_a_field_of_a_record_is_declared_once() -> None:
    """A captured leg adds its worker, an observation what was read; all facts come with the class they derive from."""
    assert set(Captured.__annotations__) == {"worker", "incarnation", *WRITTEN}
    assert set(Captured.__struct_fields__) == {*Record.__struct_fields__, "worker", "incarnation", *WRITTEN}
    for derived in (Record, Observation):
        assert not set(LegFacts.__struct_fields__) & set(derived.__annotations__)
        assert derived.__struct_fields__[: len(LegFacts.__struct_fields__)] == LegFacts.__struct_fields__


def test_a_line_holds_every_field_of_a_record(tmp_path: Path) -> None:
    full = record(
        failure="late", key=3, copies=1, method="POST", path="/a", request=b"q", response=b"r", chunks=[0.5], detail="d"
    )
    path = tmp_path / "records"
    path.write_bytes(line_of(captured(full, (2, "b"), bodies=True)))
    (leg,) = legs_in([path])
    assert {name: getattr(leg, name) for name in Record.__struct_fields__} == {
        name: getattr(full, name) for name in Record.__struct_fields__
    }


@pytest.mark.parametrize("line", [b"{}", b"[1]", OLD[:40] + b"\n", OLD.replace(b"path", b"paht")])
def test_a_line_that_is_none_says_where(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "records"
    path.write_bytes(OLD + line)
    with pytest.raises(UnreadableLineError, match=f"{path}, line 2: "):
        list(legs_in([path]))


@pytest.mark.parametrize(
    ("status", "failure", "bad"),
    [
        (200, "", False),
        (404, "", False),
        (500, "", True),
        (0, "connect_failed", True),
        (200, "reset", True),
        (0, "client_abort", False),
    ],
)
def test_what_is_charged(status: int, failure: str, bad: bool) -> None:
    leg = captured(record(status=status, failure=failure), (0, "a"), False)
    assert is_bad(leg) is bad
    (arm,) = arms_of([leg])
    assert (arm.codes, arm.outcomes().get("failed", 0), bool(arm.total)) == (
        {failure or str(status): 1},
        int(bad),
        not failure,
    )


def test_only_regular_files_with_lines_of_a_record_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe; allowed: a regular file"):
        list(legs_in([tmp_path / "pipe"]))
    monkeypatch.setattr("proxy.control.capture.reading.MAX_LINE", 10)
    (tmp_path / "long").write_bytes(b"x" * 11)
    with pytest.raises(OSError, match="a line of more than 10 bytes"):
        list(legs_in([tmp_path / "long"]))


@given(
    st.lists(st.sampled_from((b'{"exchange":1}', b'{"worker":1}', b'{"mark":1}', b"", b"\r")), max_size=9),
    st.booleans(),
)
def test_lines_of_legs_that_follow_each_other_are_one_run(lines: list[bytes], ended: bool) -> None:
    data = b"\n".join(lines) + b"\n" * ended
    found = list(runs(data))
    assert b"".join(run for _, run in found) == data
    assert all(run.count(b"\n") == count for count, run in found if count)
    assert not any(first and second for (first, _), (second, _) in pairwise(found)), "no two runs side by side"
    single = [run for count, run in found if not count]
    assert not any(run.startswith((b'{"exchange"', b'{"worker"')) for run in single[: None if ended else -1])
