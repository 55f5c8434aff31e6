"""The recorded times of first tokens are those of real clients of real servers, which write their heads first.

The client's clock starts when its request is about to be written and stops when its library hands out the token; the
proxy's runs between the same two moments at the proxy. They differ by a systematic error of the proxy, which all
requests have, and by what the client waited for a processor, which is never negative and differs from request to
request. So the lower quartile of a round of requests bounds the first by little more than the truth, and the best of a
few rounds is nearest to it; on a quiet machine the medians are as small (docs/tested.md). A head taken for a token
would be 60 ms off, twelve times the tolerance. The servers that can say when they wrote a token are a second witness,
and the only one of copies, which have no client.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.payload.decode import decode
from tests.e2e.third_party import Between, all_of, ask, free_port, serving
from tests.support.running import eventually

TOLERANCE = 0.005
ROUNDS = 6
REQUESTS = 16
FIRST = {"v1": 0.12, "v2": 0.09, "v3": 0.06}
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
    with serving(tmp_path_factory.mktemp("litserve"), "litserve_chat.py", FIRST["v1"], free_port()) as address:
        yield dict.fromkeys(FIRST, address)


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Versions:
    versions: Versions = request.getfixturevalue(request.param)
    return versions


def written(log: Path) -> dict[tuple[str, bool], float]:
    """(Request id, whether it was a copy) to the Unix time at which its first token was written."""
    lines = map(json.loads, log.read_text().splitlines() if log.exists() else ())
    return {(line["id"], line["copy"]): line["at"] for line in lines}


@pytest.mark.parametrize(
    ("servers", "client"),
    [
        *(
            ("fastapi", client)
            for client in ("openai", "openai-async", "openai-responses", "anthropic", "httpx", "aiohttp")
        ),
        ("litserve", "openai"),
    ],
    indirect=["servers"],
)
def test_first_tokens_are_those_of_the_client(servers: Versions, client: str, log: Path, tmp_path: Path) -> None:
    canary, shadows = {"version": "v2", "percent": 50}, [{"version": "v3", "percent": 100}]
    card = {"time_to_first_token": {"max": "60s"}}
    with Between(tmp_path, servers, "openai", canary=canary, shadows=shadows, scorecard=card) as running:
        recorded: dict[str, list[float]] = defaultdict(list)
        late: list[dict[tuple[str, str], float]] = []
        while not (late and near(late[-1])):
            assert len(late) < ROUNDS, f"each round is off: {late}"
            late.append(a_round(running, client, f"{tmp_path.name}-{len(late)}", log, recorded))
        for role, times in recorded.items():
            exported(running, role, times)


def near(late: dict[tuple[str, str], float]) -> bool:
    """Whether each role was measured, and is within the tolerance."""
    roles = {role for role, _ in late}
    return roles == {"primary", "canary", "shadow"} and max(map(abs, late.values())) < TOLERANCE


def a_round(
    running: Between, client: str, name: str, log: Path, recorded: dict[str, list[float]]
) -> dict[tuple[str, str], float]:
    """By role and witness, how much later than recorded a first token came at the client, or earlier at its server."""
    seen = {each.id: each for each in ask(client, running.data, ["ok"] * REQUESTS, threads=1, name=name)}
    assert {each.ended for each in seen.values()} == {"whole"}
    late, servers = defaultdict(list), written(log)
    for leg in running.legs(name, 2 * REQUESTS):
        ours = decode(leg, "openai", leg.source).text.first_token
        if ours is None:
            continue  # the proxy had stood still: that says nothing of a version, and is not recorded
        recorded[leg.role].append(ours)
        theirs = servers.get((leg.request_id, leg.role == "shadow"))
        if theirs is not None:
            late[leg.role, "server"].append(leg.started + ours - theirs)
        if theirs is None or leg.role != "shadow":
            late[leg.role, "client"].append(seen[leg.request_id].first - ours)
    return {key: sorted(each)[len(each) // 4] for key, each in late.items()}


def exported(running: Between, role: str, times: list[float]) -> None:
    """The histogram holds what was recorded of each leg of `role`."""
    metric = "penumbra_time_to_first_token_seconds"
    eventually(lambda: running.metrics().total(f"{metric}_count", role=role) == len(times), f"all of {role}")
    assert running.metrics().total(f"{metric}_sum", role=role) == pytest.approx(sum(times))


def test_a_version_whose_first_tokens_are_late_is_rolled_back(fastapi: Versions, tmp_path: Path) -> None:
    """Their heads come as early as the primary's, and their times in all differ by little."""
    release = {
        "candidate": "v2",
        "strategy": "canary",
        "stages": [{"canary": 50, "requests": 100_000}],
        "scorecard": {"time_to_first_token": {"max_ratio": 1.1}},
    }
    versions = {"v1": fastapi["v3"], "v2": fastapi["v1"]}
    with Between(tmp_path, versions, "openai", release=release, warm_up=0) as running:

        def rolled_back() -> bool:
            ask("httpx", running.data, ["ok"] * 48, threads=16)
            return bool(running.route()["phase"] == "rolled_back")

        eventually(rolled_back, "a rollback")
        assert "time_to_first_token" in running.route()["reason"]
