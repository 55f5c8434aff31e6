"""The exact client knows every answer; counters that differ by one are reported."""

import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.counted import analysed, by_label, settled, total
from loadtests.exact import Answers, Work, read_head, request_bytes, send_exactly
from loadtests.processes import program
from loadtests.proxies import PEER, Plan, proxied
from loadtests.soak import differences, flat
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering
from tests.support.counting import model_server

Row = tuple[str, frozenset[tuple[str, str]]]


def row(name: str, **labels: str) -> Row:
    return name, frozenset(labels.items())


def counters(primary: int = 90, canary: int = 10, shadow: int = 99, dropped: int = 1) -> dict[Row, float]:
    return {
        row("penumbra_requests_total", version="v1", role="primary", code="200"): primary,
        row("penumbra_requests_total", version="v2", role="canary", code="200"): canary,
        row("penumbra_requests_total", version="v3", role="shadow", code="200"): shadow,
        row("penumbra_shadow_dropped_total", version="v3", reason="inflight"): dropped,
    }


ANSWERS: Answers = Counter({("v1", 200): 90, ("v2", 200): 10})


def test_counters_that_agree() -> None:
    assert differences(ANSWERS, counters()) == []


def test_one_copy_that_is_neither_made_nor_dropped_is_found() -> None:
    assert differences(ANSWERS, counters(dropped=0)) == ["copies made or dropped: counted 99, the client says 100"]


def test_a_leg_charged_to_the_wrong_version_is_found() -> None:
    assert differences(ANSWERS, counters(primary=91, canary=9)) == [
        "answers of v1: counted 91, the client says 90",
        "answers of v2: counted 9, the client says 10",
    ]


def test_sums_by_label() -> None:
    assert by_label(counters(), "penumbra_requests_total", "role") == {"primary": 90, "canary": 10, "shadow": 99}
    assert total(counters(), "penumbra_requests_total", version="v2") == 10


def test_memory_may_settle_but_not_climb() -> None:
    assert flat([50.0, 80.0, 85.0, 84.0, 86.0], 8)
    assert flat([147, 166, 208, 208, 208, 208], 16)
    assert not flat([50.0, 60.0, 70.0, 80.0, 90.0], 8)


def test_heads_are_read() -> None:
    head = b"HTTP/1.1 503 Busy\r\nX-Penumbra-Version: v2\r\nContent-Length: 12"
    assert read_head(head) == (503, "v2", 12)
    assert read_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0") == (200, "", 0)


def test_work_ends() -> None:
    work = Work([b"{}"], 2)
    assert [work.take(), work.take(), work.take()] == [request_bytes(b"{}"), request_bytes(b"{}"), None]


def test_exactly_so_many_requests_arrive() -> None:
    with model_server() as server:
        answers = send_exactly(server.server_port, [b"a", b"b", b"c"], 301, connections=7)
        assert answers == {("", 200): 301}
        assert server.seen.total() == 301


def test_what_was_sampled_out_or_dropped_was_not_analysed() -> None:
    before = {"requests": 0.0, "copies": 0.0, "copies_dropped": 0.0, "records_dropped": 0.0, "sampled": 0.0}
    after = {"requests": 100.0, "copies": 100.0, "copies_dropped": 0.0, "records_dropped": 50.0, "sampled": 30.0}
    assert analysed(before, after) == 0.6
    assert analysed(before, before) is None


@pytest.mark.skipif(not shutil.which(program("nginx")), reason="nginx is not installed")
def test_the_product_counts_every_request(tmp_path: Path) -> None:
    bodies = write_bodies(tmp_path / "bodies").read_bytes().splitlines()
    tmp_path.chmod(0o755)
    with answering(tmp_path, 3) as (primary, canary, shadow), ExitStack() as stack:
        plan = Plan(primary, canary, shadow, statistics=True)
        proxy = stack.enter_context(proxied(PEER["penumbra"], plan, tmp_path))
        warm = settled(proxy.admin, 1)
        before = warm_requests(warm)
        answers = send_exactly(proxy.port, bodies, 3000)
        after = settled(proxy.admin, before + 3000)
    assert {status for _, status in answers} == {200}
    assert differences(answers, {row: value - warm.get(row, 0.0) for row, value in after.items()}) == []


def warm_requests(samples: dict[Row, float]) -> int:
    """Client requests before the test: those that asked whether the proxy is ready."""
    roles = by_label(samples, "penumbra_requests_total", "role")
    return roles["primary"] + roles["canary"]
