"""Whatever strangers name and say, and however long: what is shown of it, kept of it and stored of it is bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.exposition import generate_latest

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.identity import Identity
from proxy.contracts.observation import ColumnKind, Observation, Tensor, Text
from proxy.contracts.settings import Analysis
from proxy.contracts.table import Role
from proxy.control.api import views
from proxy.control.api.event_stream import picture
from proxy.control.api.portions import encoded
from proxy.control.api.problems import as_json
from proxy.stats.agreement.examples import MAX_EXAMPLES, MAX_SIDE
from tests.control import houses
from tests.control.api.test_handlers import context_of
from tests.support.observed import observation

ODD = st.sampled_from(["\ud800", "a\udfff", '"', "\n", "😀"])
LONG = st.builds(
    lambda part, times: part * times,
    st.text(st.characters(codec=None), min_size=1, max_size=4)
    | st.sampled_from(["\ud800", "a\udfff", '"', "\n", "😀"]),
    st.integers(1, 3000),
)
"""Texts of up to 12,000 characters of any kind: quotes, line ends, lone surrogates."""

ROWS = 250
"""Enough that a profile is learnt and drift is measured."""

BYTES = 6
"""Bytes of a character as it may leave: an escape of JSON, or four bytes of UTF-8."""


def legs(at: int, names: Sequence[str], values: Sequence[str], text: str) -> list[Observation]:
    """A request with features of these names and values, and two answers that differ."""

    def tensors(more: str) -> tuple[Tensor, ...]:
        kinds: tuple[ColumnKind, ...] = ("number", "category")
        data: dict[ColumnKind, list[Any]] = {"number": [float(at % 7)], "category": [values[at % len(values)] + more]}
        return tuple(Tensor(name, 1, 1, kinds[place % 2], data[kinds[place % 2]]) for place, name in enumerate(names))

    arms: tuple[tuple[str, Role], ...] = (("v1", "primary"), ("v3", "shadow"))
    made = []
    for version, role in arms:
        spoken = Text(text + version, tools=((text, text + version),)) if at % 5 == 0 else None
        facts = (0, "a"), at, text, "r", version, role, 1.0, 200, "", 0.0, 0.0, 0.0, 0
        leg = observation(*facts, () if role == "shadow" else tensors(""), () if spoken else tensors(version), spoken)
        made.append(replace(leg, copies=1 if role == "primary" else -1, identity=text + str(at % 40), asked=text))
    return made


def characters(document: object) -> int:
    """Those of all texts in a document, as they are: `repr` writes ten for one that cannot be printed."""
    if isinstance(document, Mapping):
        return sum(map(characters, (*document.keys(), *document.values())))
    return sum(map(characters, document)) if isinstance(document, list) else len(str(document))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LONG, min_size=1, max_size=9, unique=True), st.lists(LONG, min_size=1, max_size=9), LONG)
def test_what_is_shown_and_kept_is_bounded(names: list[str], values: list[str], text: str) -> None:
    analysis = Analysis(reference=100, identity=Identity("json", "/who"))
    house = houses.House(houses.settings(houses.section("r", analysis=analysis)))
    for at in range(ROWS):
        house.board.on_observations(legs(at, names, values, text), at / 10)
    house.board.on_time(100.0)
    house.tick(*(houses.arm(version, role, 9, route="r") for version, role in (("v1", "primary"), ("v3", "shadow"))))
    rows = house.board.drift("r")
    assert max((len(row.feature) for row in rows), default=0) <= MAX_NAME
    disagreements = views.disagreements(house.board, "r", ["v3"])
    for example in disagreements["versions"][0]["examples"]:
        assert len(example["request_id"]) <= MAX_NAME and characters(example["detail"]) <= 3 * MAX_SIDE + 500
    for document in (disagreements, views.drifts(house.board, "r"), views.routes(house.engine, ())):
        body = as_json(document).body
        assert isinstance(body, bytes) and json.loads(body)
        assert len(body) <= BYTES * (MAX_EXAMPLES * 3 * MAX_SIDE)
    metrics = b"".join(encoded(context_of(house).registry, generate_latest))
    assert len(metrics) < 50_000 + len(rows) * 2 * BYTES * (MAX_NAME + 50)
    assert sum(map(len, house.board.snapshot("r"))) < 2_000_000
    assert all(event.startswith(b"event: ") for *_, event in picture(house.engine, house.board, [], 0.0))
    house.store.close()
