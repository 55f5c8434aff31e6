"""The recorded times of first tokens are those of real clients of real servers, which write their heads first.

The client's clock starts before its request is written and stops when its library hands out the token; the proxy's runs
between the same two moments at the proxy. Their difference is a systematic error of the proxy, which all requests have,
and the time for which one of the processes waited for a processor, which is never negative and differs from request to
request: the median over the requests of a round bounds the first by a little more than the truth, and the best of a few
rounds is nearest to it. A head taken for a token would be 200 ms off, in each round.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from proxy.payload.decode import decode
from tests.e2e.third_party import Between, all_of, ask, free_port, serving
from tests.support.running import eventually

TOLERANCE = 0.005
ROUNDS = 6
REQUESTS = 16
FIRST = {"v1": 0.3, "v2": 0.25, "v3": 0.2}
"""Seconds to the first token of each version: primary, canary, shadow."""

Versions = dict[str, str]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the FastAPI servers say when they wrote their first tokens."""
    return tmp_path_factory.mktemp("written") / "log"


@pytest.fixture(scope="module")
def fastapi(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Versions]:
    folder = tmp_path_factory.mktemp("fastapi")
    with all_of(*(serving(folder, "fastapi_chat.py", first, log) for first in FIRST.values())) as addresses:
        yield dict(zip(FIRST, addresses, strict=True))


@pytest.fixture(scope="module")
def litserve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """One server stands for all versions."""
    with serving(tmp_path_factory.mktemp("litserve"), "litserve_chat.py", FIRST["v1"], port=free_port()) as address:
        yield dict.fromkeys(FIRST, address)


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Versions:
    versions: Versions = request.getfixturevalue(request.param)
    return versions


def written(log: Path) -> dict[str, float]:
    """Request id to the Unix time at which its copy's first token was written."""
    lines = map(json.loads, log.read_text().splitlines() if log.exists() else ())
    return {line["id"]: line["at"] for line in lines if line["copy"]}


@pytest.mark.parametrize(
    ("servers", "client"),
    [
        *(("fastapi", client) for client in ("openai", "openai-async", "anthropic", "httpx", "aiohttp")),
        ("litserve", "openai"),
    ],
    indirect=["servers"],
)
def test_first_tokens_are_those_of_the_client(servers: Versions, client: str, log: Path, tmp_path: Path) -> None:
    canary, shadows = {"version": "v2", "percent": 50}, [{"version": "v3", "percent": 100}]
    card = {"time_to_first_token": {"max": "60s"}}
    with Between(tmp_path, servers, "openai", canary=canary, shadows=shadows, scorecard=card) as running:
        recorded: dict[str, list[float]] = defaultdict(list)
        late: list[dict[str, float]] = []
        while not late or max(map(abs, late[-1].values())) >= TOLERANCE:
            assert len(late) < ROUNDS, f"each round is off: {late}"
            late.append(a_round(running, client, f"{tmp_path.name}-{len(late)}", log, recorded))
        assert set(late[-1]) == {"primary", "canary", "shadow"}
        for role, times in recorded.items():
            exported(running, role, times)


def a_round(running: Between, client: str, name: str, log: Path, recorded: dict[str, list[float]]) -> dict[str, float]:
    """By role, the median of how much later than recorded a first token came; of a copy, than its server wrote it."""
    seen = {each.id: each for each in ask(client, running.data, ["ok"] * REQUESTS, threads=1, name=name)}
    assert {each.ended for each in seen.values()} == {"whole"}
    late, copies = defaultdict(list), written(log)
    for leg in running.legs(name, 2 * REQUESTS):
        ours, theirs = decode(leg, "openai", leg.source).text.first_token, seen[leg.request_id].first
        if leg.role == "shadow" and leg.request_id in copies:
            theirs = copies[leg.request_id] - leg.started
        recorded[leg.role].append(ours)
        late[leg.role].append(theirs - ours)
    return {role: median(each) for role, each in late.items()}


def exported(running: Between, role: str, times: list[float]) -> None:
    """The histogram holds what was recorded of each leg of `role`."""
    metric = "penumbra_time_to_first_token_seconds"
    eventually(lambda: running.metrics().total(f"{metric}_count", role=role) == len(times), f"all of {role}")
    assert running.metrics().total(f"{metric}_sum", role=role) == pytest.approx(sum(times))
