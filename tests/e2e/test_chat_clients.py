"""How streams of real servers end for real clients: what the proxy counts is what the clients counted themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.demo.admin import Metrics
from tests.e2e.third_party import Between, all_of, ask, free_port, serving
from tests.support.running import eventually

FIRST = 0.05
DOES = [*["ok"] * 14, *["leave hang"] * 4, *["raise"] * 4, *["error"] * 4]
ENDS = {"ok": "whole", "leave hang": "left", "raise": "cut", "error": "error"}
"""How each ends for its client."""


@pytest.fixture(scope="module")
def fastapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("fastapi")
    with all_of(*(serving(folder, "fastapi_chat.py", FIRST, folder / "written") for _ in "12")) as addresses:
        yield dict(zip(("v1", "v2"), addresses, strict=True))


def by(metrics: Metrics, name: str, label: str) -> Counter[str]:
    """The sums of a counter by one of its labels, without those that are 0."""
    found: Counter[str] = Counter()
    for sample, labels, value in metrics.samples:
        if sample == name:
            found[labels[label]] += int(value)
    return +found


def analysed(running: Between, count: int) -> Metrics:
    """What is counted as soon as `count` bodies have been looked at."""

    def look() -> Metrics | None:
        metrics = running.metrics()
        return metrics if metrics.total("penumbra_analysed_total") >= count else None

    return eventually(look, f"{count} analysed answers")


@pytest.mark.parametrize("client", ["openai", "openai-async", "openai-responses", "anthropic", "httpx", "aiohttp"])
def test_streams_end_for_the_proxy_as_for_its_clients(fastapi: dict[str, str], client: str, tmp_path: Path) -> None:
    canary = {"version": "v2", "percent": 50}
    with Between(tmp_path, fastapi, "openai", canary=canary, rescue="off", on_breach="notify") as running:
        seen = ask(client, running.data, DOES)
        assert all(each.ended == ENDS[each.do] for each in seen), seen
        ended = Counter(each.ended for each in seen)
        running.settled(len(seen))
        metrics = analysed(running, ended["whole"] + ended["error"])
        assert by(metrics, "penumbra_requests_total", "code") == {
            "200": ended["whole"] + ended["error"],
            "reset": ended["cut"],
            "client_abort": ended["left"],
        }
        assert by(metrics, "penumbra_outcomes_total", "outcome") == {
            "good": ended["whole"] + ended["error"],
            "failed": ended["cut"],
            "abandoned": ended["left"],
        }
        assert by(metrics, "penumbra_analysed_total", "route") == {"r": ended["whole"] + ended["error"]}
        assert by(metrics, "penumbra_invalid_total", "reason") == {"error_in_stream": ended["error"]}
        assert not by(metrics, "penumbra_records_dropped_total", "reason")


def test_copies_of_streams_are_compared_however_their_clients_close(fastapi: dict[str, str], tmp_path: Path) -> None:
    with Between(tmp_path, fastapi, "openai", shadows=[{"version": "v2", "percent": 100}]) as running:
        seen = [each for client in ("openai", "aiohttp", "httpx") for each in ask(client, running.data, ["ok"] * 8)]
        assert {each.ended for each in seen} == {"whole"}
        running.settled(2 * len(seen))
        eventually(lambda: running.metrics().total("penumbra_pairs_total") == len(seen), "all pairs")
        assert by(running.metrics(), "penumbra_pairs_total", "result") == {"agrees": len(seen)}


def test_a_server_that_dies_in_the_middle_has_failed_all_that_it_had_begun(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "fastapi_chat.py", FIRST, tmp_path / "written") as address,
        Between(tmp_path, {"v1": address}, "openai", rescue="off") as running,
    ):
        seen = ask("openai", running.data, [*["ok"] * 20, "die", *["ok"] * 19], threads=8)
        ended = Counter(each.ended for each in seen)
        assert set(ended) == {"whole", "cut", "502"}
        metrics = running.settled(len(seen))
        codes = by(metrics, "penumbra_requests_total", "code")
        assert codes["200"] == ended["whole"]
        assert codes["reset"] >= ended["cut"] > 0
        assert set(codes) == {"200", "reset", "connect_failed"}
        assert by(metrics, "penumbra_outcomes_total", "outcome") == {
            "good": ended["whole"],
            "failed": ended["cut"] + ended["502"],
        }


@pytest.mark.parametrize("client", ["openai", "httpx"])
def test_an_error_that_litserve_writes_into_a_stream_is_seen(client: str, tmp_path: Path) -> None:
    """It ends such a stream without the empty line behind its last event: OpenAI's library takes it for a good end."""
    with (
        serving(tmp_path, "litserve_chat.py", FIRST, free_port()) as address,
        Between(tmp_path, {"v1": address}, "openai") as running,
    ):
        seen = ask(client, running.data, [*["ok"] * 8, *["raise"] * 4, *["refuse"] * 4])
        wrong = "whole" if client == "openai" else "error"
        assert all(each.ended == ("whole" if each.do == "ok" else wrong) for each in seen)
        running.settled(len(seen))
        metrics = analysed(running, len(seen))
        assert by(metrics, "penumbra_requests_total", "code") == {"200": len(seen)}
        assert by(metrics, "penumbra_invalid_total", "reason") == {"error_in_stream": 8}
