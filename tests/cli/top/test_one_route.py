"""One route as lines."""

from __future__ import annotations

from typing import Any

from proxy.cli.top.documents import Seen
from proxy.cli.top.one_route import Drawing, rows
from proxy.cli.top.tables import text_of
from tests.support.top_pictures import arm, line, past, picture, route, routes, scorecard, traffic

RELEASE = {
    "candidate": "v2", "strategy": "canary", "active": True, "stage": 2, "requests": 1_204, "require": "proof",
    "stages": [{"requests": 500}, {"requests": 2_000}], "name": "fraud",
}  # fmt: skip


def shown(known: Seen, width: int = 80, blocks: bool = False) -> list[str]:
    only = known.routes.routes[0]
    return [text_of(row) for row in rows(known, only, Drawing(width, blocks))]


def of_route(**more: Any) -> Seen:
    return picture(routes=routes(route("fraud", **more)))


def test_all_of_a_release() -> None:
    assert shown(of_route(release=RELEASE)) == [
        "fraud: ramping since 13:45:40",
        "canary of v2, stage 2 of 2: 1,204 of 2,000 requests, ends by proof",
        "verdict undecided: about 400 more inferences of the candidate",
        "in force at 2 of 2 workers",
        "",
        "version      role     live %   req/s failed, 1 min     p50     p99 a minute",
        "v1           primary      90      90    0 of 5,400  12.1ms  34.5ms",
        "v2           canary       10      10     30 of 600  12.1ms  34.5ms",
        "v3           shadow     100c       0        0 of 0       -       -",
        "",
        "limit                of          value   allowed        n verdict   to a breach",
        "error rate           v2            1.2  <= 1.5 x      738 undecided 0.50 ###...",
        "",
        "last changes (UTC)",
        "13:45:40 split of fraud by ann: ten percent",
    ]


def test_nothing_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 80, 200):
        assert all(len(text) <= width for text in shown(of_route(release=RELEASE), width))


def test_a_rollback_has_its_reason_and_the_lines_that_it_was_made_by() -> None:
    back = picture(
        routes=routes(route("fraud", phase="rolled_back", reason="error_rate 0.5 > 0.1", split={"v1": 100.0})),
        scorecards={"fraud": scorecard(at_rollback=(line("error_rate", 9.0, verdict="fail"),))},
    )
    text = shown(back)
    assert text[0] == "fraud: rolled back since 13:45:40"
    assert "reason: error_rate 0.5 > 0.1" in text
    assert "as it was rolled back:" in text
    assert any(each.endswith("fail      1.30 ######") for each in text)
    assert next(each for each in text if each.startswith("v2")).split()[2] == "-", "it has no part of the traffic now"


def test_outcomes_rescues_copies_and_differences_are_said_where_there_are_any() -> None:
    known = picture(
        traffic={
            "fraud": traffic(
                arm("v1", "primary", good=9),
                arm("v2", "canary", good=3, refused=2, limited=1),
                shadows=[{"version": "v3", "owed": 12, "coverage": 0.75}],
                rescued=[{"version": "v2", "count": 4}, {"version": "v1", "count": 0}],
            )
        },
        past=past("fraud", {"name": "disagreement", "values": [None] * 5, "counts": [1], "pairs": [8]}),
    )
    text = "\n".join(shown(known))
    assert "v2 as canary: 2 refused, 1 limited" in text
    assert "v2: 4 rescued by the primary" in text
    assert "v1: 0 rescued" not in text
    assert "v3 got 75.00% of its copies (c)" in text
    assert "v2 as canary: 1 of 8 answers differ in a minute" in text


def test_a_baseline_stands_beside_its_canary_and_an_old_role_has_no_part() -> None:
    split = {"v1": 80.0, "v2": 10.0, "v1b": 10.0}
    known = picture(
        routes=routes(route("fraud", split=split, shadows={})),
        traffic={"fraud": traffic(arm("v1b", "baseline"), arm("v1", "canary", good=1), arm("v2", "canary"))},
    )
    table = [each.split()[:3] for each in shown(known) if each.startswith("v")][1:]
    assert ["v1", "primary", "80"] in table
    assert ["v2", "canary", "10"] in table
    assert ["v1b", "baseline", "10"] in table
    assert ["v1", "canary", "-"] in table


def test_a_minute_is_drawn_where_the_terminal_can() -> None:
    known = picture(past=past("fraud", {"name": "requests", "values": [1, 4, 8, 8, 0]}))
    assert any(each.endswith("▁▄██") for each in shown(known, blocks=True))
    assert not any("█" in each for each in shown(known, blocks=False))


def test_what_is_not_known_is_said_to_be_so() -> None:
    text = shown(picture(traffic={}, scorecards={}))
    assert "traffic: not known" in text
    assert "limits: not known" in text
    assert "nothing is under judgement" in shown(picture(scorecards={"fraud": scorecard()}))


def test_where_a_change_is_in_force() -> None:
    force = {"workers": [1, 2], "sidecars": [2, 3], "everywhere": False}
    assert "not in force everywhere yet: at 1 of 2 workers, 2 of 3 sidecars" in shown(of_route(in_force=force))


def test_warnings_have_their_kind_which_is_the_name_of_the_section() -> None:
    notice = {"kind": "no-memory", "severity": "critical", "text": "9 requests were refused"}
    assert "no-memory (critical): 9 requests were refused" in shown(of_route(notices=[notice]))
