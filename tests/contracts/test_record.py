"""Records and the counts of a tick."""

from __future__ import annotations

from proxy.contracts.record import ArmTick, without_bodies
from tests.support.records import record


def test_all_that_finished_is_counted_whatever_its_code() -> None:
    arm = ArmTick("r", "v1", "primary", 1.0, codes={"200": 5, "reset": 2, "client_abort": 1})
    assert arm.finished == 8
    assert ArmTick("r", "v1", "primary", 1.0).finished == 0


def test_a_record_without_bodies_is_the_same_in_all_else() -> None:
    whole = record(request=b"asked", response=b"answered")
    assert without_bodies(whole) == record()
    assert whole.request == b"asked", "the record itself stays as it is"


def test_a_record_that_waits_is_small_whatever_its_answer_was() -> None:
    large = b"x-long: " + b"y" * 60_000 + b"\r\n"
    waits = without_bodies(record(response_fields=large, chunks=[0.1] * 300, ends=[1] * 300, ending=b"z" * 9999))
    assert waits == record()


def test_a_record_that_has_none_is_not_copied() -> None:
    empty = record()
    assert without_bodies(empty) is empty
