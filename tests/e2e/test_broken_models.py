"""Models that are broken, in MLServer and in KServe's own server: rolled back, whatever their servers make of it. What
KServe's own client gets of one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.third_party import Between, all_of, asked_by, mlserver, serving
from tests.support.running import call, eventually

BATCH, THREADS = 20, 4
MOST = 150
"""Requests of a broken candidate until its rollback: a hundred, and those under way until it is everywhere."""

V1 = ("kserve-v1", "/v1/models/m:predict", {"instances": [[1.0, 2.0]]})
V2 = (
    "oip",
    "/v2/models/m/infer",
    {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.0, 2.0]}]},
)

Asked = tuple[str, str, Any]
Broken = dict[str, tuple[str, str]]

BROKEN: Broken = {
    "raise": ("500", "error_rate"),
    "refuse": ("4xx", "refusal_rate"),
    "empty": ("200", "invalid_rate"),
    "nan": ("200", "invalid_rate"),
}
"""What a model does: the status of its answers, and the line of the scorecard that finds it."""


@pytest.fixture(scope="module")
def kserves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a model does to the address of KServe's server of it."""
    folder = tmp_path_factory.mktemp("kserve")
    with all_of(*(serving(folder, "kserve_model.py", do) for do in ("answer", *BROKEN))) as addresses:
        yield dict(zip(("answer", *BROKEN), addresses, strict=True))


@pytest.fixture(scope="module")
def mlservers(tmp_path_factory: pytest.TempPathFactory, models_python: Path) -> Iterator[dict[str, str]]:
    """As `kserves`, of MLServer."""
    folder = tmp_path_factory.mktemp("mlserver")
    with all_of(*(mlserver(models_python, folder, do) for do in ("answer", *BROKEN))) as addresses:
        yield dict(zip(("answer", *BROKEN), addresses, strict=True))


def released(folder: Path, servers: dict[str, str], do: str, protocol: str) -> Between:
    """A release of a broken model at half of the traffic, by the default scorecard."""
    stages = [{"canary": 50, "requests": 100_000}]
    release = {"candidate": "v2", "strategy": "canary", "stages": stages}
    return Between(folder, {"v1": servers["answer"], "v2": servers[do]}, protocol, release=release)


def statuses(running: Between, version: str) -> set[str]:
    """The classes of codes that a version was counted with."""
    found = running.metrics().samples
    codes = {s["code"] for name, s, n in found if name == "penumbra_requests_total" and s["version"] == version and n}
    return {"4xx" if code.startswith("4") else code for code in codes}


@pytest.mark.parametrize("do", BROKEN)
@pytest.mark.parametrize(("servers", "asked"), [("kserves", V1), ("kserves", V2), ("mlservers", V2)])
def test_a_broken_model_is_rolled_back(
    servers: str, asked: Asked, do: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    protocol, path, body = asked
    code, line = BROKEN[do]
    with released(tmp_path, request.getfixturevalue(servers), do, protocol) as running:

        def rolled_back() -> bool:
            with ThreadPoolExecutor(THREADS) as threads:
                list(threads.map(lambda _: call(running.data, "POST", path, body), range(BATCH)))
            return bool(running.route()["phase"] == "rolled_back")

        eventually(rolled_back, "a rollback")
        route = running.route()
        assert route["primary"] == "v1" and line in route["reason"]
        # A server that answers 500 and closes only then resets a request that was on its way meanwhile.
        assert code in statuses(running, "v2") <= {code, *(("reset",) if do == "raise" else ())}
        assert running.metrics().total("penumbra_requests_total", version="v2") <= MOST
        assert not running.metrics().total("penumbra_invalid_total", version="v1")


PROBES = {
    "kserve-v1": ("/", "/v1/models", "/v1/models/m", "/metrics", "/v2/health/live", "/v2/models/m/ready"),
    "oip": ("/", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/m", "/v2/models/m/ready", "/metrics"),
}
"""What KServe's server answers beside inferences."""


@pytest.mark.parametrize(("protocol", "path", "body"), [V1, V2])
def test_probes_of_kserve_are_no_inferences(
    kserves: dict[str, str], protocol: str, path: str, body: Any, tmp_path: Path
) -> None:
    with released(tmp_path, kserves, "answer", protocol) as running:
        probes = PROBES[protocol]
        assert {call(running.data, "GET", probe).status for probe in probes} == {200}
        assert call(running.data, "POST", "/v2/repository/models/m/load").status == 200
        assert call(running.data, "POST", path, body).status == 200
        metrics = running.settled(len(probes) + 2)
        outcomes = partial(metrics.total, "penumbra_outcomes_total")
        assert (outcomes(outcome="not_an_inference"), outcomes(outcome="good")) == (len(probes) + 1, 1)


SPOKEN = "/v2/models/m/infer_stream"
STREAMS = 6


def test_streams_of_mlserver_are_answers(mlservers: dict[str, str], tmp_path: Path) -> None:
    addresses = {"v1": mlservers["answer"], "v2": mlservers["answer"]}
    with Between(tmp_path, addresses, "oip", shadows=[{"version": "v2", "percent": 100}]) as running:
        for _ in range(STREAMS):
            assert call(running.data, "POST", SPOKEN, V2[2]).body.count(b"data: ") == 5
        running.settled(2 * STREAMS)
        eventually(lambda: running.metrics().total("penumbra_pairs_total", result="agrees") == STREAMS, "all pairs")
        metrics = running.metrics()
        assert not metrics.total("penumbra_invalid_total")
        for role in ("primary", "shadow"):
            times = [metrics.total(f"penumbra_time_to_first_token_seconds_{of}", role=role) for of in ("sum", "count")]
            assert times[0] >= 0.2 * times[1] > 0


def test_a_model_of_mlserver_that_raises_in_the_middle_of_a_stream_has_failed(
    mlservers: dict[str, str], tmp_path: Path
) -> None:
    """The server has answered 200, and breaks off."""
    with Between(tmp_path, {"v1": mlservers["raise"]}, "oip") as running:
        for _ in range(STREAMS):
            with pytest.raises(IncompleteRead):
                call(running.data, "POST", SPOKEN, V2[2])
        metrics = running.settled(STREAMS)
        assert metrics.total("penumbra_requests_total", code="reset") == STREAMS
        assert metrics.total("penumbra_outcomes_total", outcome="failed") == STREAMS


def test_kserve_s_own_client_gets_what_it_would_without_and_its_copies_agree(
    kserves: dict[str, str], tmp_path: Path
) -> None:
    versions = {"v1": kserves["answer"], "v2": kserves["answer"]}
    with Between(tmp_path, versions, "auto", shadows=[{"version": "v2", "percent": 100}]) as running:
        assert asked_by("kserve_client.py", running.data, 5) == {"ready": True, "v1": [[0.5]] * 5, "v2": [[0.5]] * 5}
        eventually(lambda: running.metrics().total("penumbra_pairs_total") == 10, "all pairs")
        metrics = running.metrics()
        assert metrics.total("penumbra_pairs_total", result="agrees") == 10
        assert metrics.total("penumbra_outcomes_total", version="v1", outcome="good") == 10
        assert metrics.total("penumbra_outcomes_total", version="v1", outcome="not_an_inference") == 3
        assert not metrics.total("penumbra_unreadable_bodies_total")
