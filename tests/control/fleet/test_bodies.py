"""Bodies: what was written is read, by older and newer programs too, and what is none raises."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from proxy.contracts.release import RouteState
from proxy.control.fleet.bodies import (
    Answer,
    Consumed,
    FleetEvidence,
    FleetTable,
    Intent,
    LabelBody,
    MemberRow,
    RecentArm,
    ReportBody,
    decode,
    encode,
)

PLACE = 3, 7, "x"
ROWS: list[tuple[list[str | int | float], dict[int | str, int | float]]] = [
    (["codes", "r", "v2", "canary", 0.1], {"200": 3}),
    (["total", "r", "v2", "canary", 0.1], {-12: 2, 2**40: 1}),
]
STATE = RouteState(route="r", phase="rolled_back", primary="v1", rolled_back=("v2",))

WHOLE: tuple[Struct, ...] = (
    ReportBody(
        ROWS,
        PLACE,
        "digest",
        {"r": "digest"},
        {"r": (PLACE, ("v2",))},
        (Intent("i1", "r", "split", {"split": {"v2": 5.0}, "reason": "ü"}, "ada", '"tag"'),),
        [("r", "v2", "canary", 1.5)],
        True,
        "1.2.3",
    ),
    FleetEvidence(
        1e9, 4, [STATE], {"r": b"\x00\xff"}, {"e:a": Consumed(2, ROWS)}, [PLACE], 9, "hash", [Answer("i1", place=PLACE)]
    ),
    FleetTable(
        4,
        [STATE],
        1e9,
        legs={"r": 3},
        warnings={"r": ["w"]},
        taken={"e:a": 2},
        members=[MemberRow("a", 0.5, PLACE)],
        recent={"r": [RecentArm("v1", "primary", {"good": 7}, 7, 0.1, 0.2, None)]},
        window=60.0,
    ),
    LabelBody("request-1", ["a", None, {"b": 1}]),
)


@pytest.mark.parametrize("body", WHOLE, ids=lambda body: type(body).__name__)
def test_what_was_written_is_read(body: Struct) -> None:
    assert decode(encode(body), type(body)) == body


@pytest.mark.parametrize("body", WHOLE, ids=lambda body: type(body).__name__)
def test_a_field_that_nobody_knows_is_passed_over(body: Struct) -> None:
    newer = msgspec.to_builtins(body, builtin_types=(bytes,), str_keys=False) | {"of_a_newer_program": [1, {"x": 2}]}
    assert decode(msgspec.msgpack.encode(newer), type(body)) == body


def test_a_field_that_a_writer_did_not_know_has_its_default() -> None:
    assert decode(msgspec.msgpack.encode({"counted": ROWS}), ReportBody) == ReportBody(ROWS)
    assert decode(msgspec.msgpack.encode({}), FleetEvidence) == FleetEvidence()
    assert decode(msgspec.msgpack.encode({"revision": 1, "states": []}), FleetTable) == FleetTable(1, [])


def test_defaults_are_nobody_elses() -> None:
    FleetEvidence().consumed["e:a"] = Consumed(1, [])
    assert FleetEvidence().consumed == {}


KINDS: tuple[type[Struct], ...] = (ReportBody, FleetEvidence, FleetTable, LabelBody)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_none_raises_one_kind_of_error(kind: type[Struct]) -> None:
    for body in (b"", b"\xc1", b"\x00", b"\xff" * 9, encode(WHOLE[0])[:-1], msgspec.msgpack.encode([1, 2])):
        with pytest.raises(msgspec.MsgspecError):
            decode(body, kind)


scalars: st.SearchStrategy[Any] = st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.binary(max_size=3)


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=64)
    | st.dictionaries(
        st.sampled_from(["counted", "follows", "intents", "states", "consumed", "revision"]),
        st.lists(scalars, max_size=3) | scalars,
    ).map(msgspec.msgpack.encode),
)
def test_whatever_a_store_holds_is_read_or_raises_that_error(kind: type[Struct], body: bytes) -> None:
    with suppress(msgspec.MsgspecError):
        assert isinstance(decode(body, kind), kind)


def test_what_a_judge_of_another_version_warns_of_has_a_kind_too() -> None:
    table = FleetTable(1, [], warnings={"r": ["one", "two", "three"]}, kinds={"r": ["loop", "of-tomorrow"]})
    told = [(notice.kind, notice.text) for notice in table.notices("r")]
    assert told == [("loop", "one"), ("fleet-judge", "two"), ("fleet-judge", "three")]
    assert table.notices("other") == []
