"""The built dashboards are those of the code, and every query of every panel has data in a real run.

A real Prometheus scrapes a real Penumbra with traffic, a shadow, and a canary that fails and is rolled back.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from proxy.control.telemetry.fleet_metrics import OF_THE_FLEET
from tests.support.redis_server import RedisServer
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

GRAFANA = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
NAMES = sorted(path.stem for path in (GRAFANA / "dashboards").glob("*.json"))

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
versions: {{a: {{url: {a}}}, b: {{url: {b}}}, c: {{url: {c}}}}}
routes:
  main:
    match: {{path: /main/}}
    protocol: oip
    primary: a
    canary: {{version: b, percent: 50}}
    shadows: [{{version: c, percent: 100}}]
    scorecard:
      error_rate: {{max_ratio: 1.5, max: 0.9}}
      latency_p99: {{max: 10s}}
      disagreement: {{max: 0.5}}
      input_drift: {{max_psi: 0.2}}
      mae: {{max: 10}}
    on_breach: notify
    analysis: {{reference: 100, wait: 2s}}
  back:
    match: {{path: /back/}}
    protocol: json
    primary: a
    canary: {{version: b, percent: 50}}
"""
OF_A_FLEET = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {folder}/fleet.db
fleet: {{redis: "{redis}", name: fraud, instance: pod-1}}
versions: {{a: {{url: {a}}}}}
routes: {{fleet: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""
ANSWER = {"outputs": [{"name": "y", "shape": [1, 1], "datatype": "FP64", "data": [0.5]}]}


def request(number: int) -> dict[str, Any]:
    """A row of two features. The first hundreds are what the reference learns from."""
    value = number % 10 / 10 + (1000.0 if number > 800 and number % 2 else 0.0)
    return {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [value, 2.0]}]}


def expressions(name: str) -> list[tuple[str, str]]:
    """(panel, PromQL) of everything that a dashboard asks."""
    panels = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


@contextmanager
def traffic(data: str, admin: str = "") -> Iterator[None]:
    """A request each few milliseconds, on both routes, and its label where it is taken; values leave their range after
    the reference."""
    over = threading.Event()

    def send() -> None:
        for number in count():
            if over.wait(0.005):
                return
            name = f"request-{number}"
            for route in ("main", "back"):
                call(data, "POST", f"/{route}/infer", request(number), {"X-Request-Id": name})
            if admin:
                call(admin, "POST", "/v1/feedback", {"request_id": name, "label": 0.5})

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def prometheus(folder: Path, *admins: str) -> Iterator[str]:
    """A Prometheus that scrapes every 500 ms; its address."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    config = folder / "prometheus.yml"
    job = {"job_name": "penumbra", "scrape_interval": "500ms", "static_configs": [{"targets": admins}]}
    config.write_text(json.dumps({"scrape_configs": [job]}))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    process = subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: process.poll() is None and ready(address), "a Prometheus that is ready")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def ready(address: str) -> bool:
    try:
        return call(address, "GET", "/-/ready").status == 200
    except OSError:
        return False


def in_a_fleet(folder: Path, model: Upstream, stack: ExitStack) -> Path:
    """The configuration of a sidecar that is alone in a fleet, whose store is there."""
    server = stack.enter_context(RedisServer())
    path = folder / "fleet.yaml"
    path.write_text(OF_A_FLEET.format(folder=folder, a=model.url, redis=server.url))
    return path


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed")
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("grafana")
    with ExitStack() as stack:
        a, b, c = (stack.enter_context(Upstream(name)) for name in "abc")
        a.body = b.body = c.body = json.dumps(ANSWER).encode()
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(folder=folder, a=a.url, b=b.url, c=c.url))
        running = stack.enter_context(Running(config))
        judging = stack.enter_context(Running(in_a_fleet(folder, a, stack)))
        address = stack.enter_context(prometheus(folder, running.admin, judging.admin))
        stack.enter_context(traffic(judging.data))
        stack.enter_context(traffic(running.data, running.admin))
        b.status = 500
        eventually(lambda: b'role="canary"' in running.ask("GET", "/metrics").body, "requests to the canary")
        assert running.ask("POST", "/v1/routes/back/rollback", {"reason": "it fails"}).status == 200
        b.status = 200
        yield address


def asked(address: str, expr: str) -> list[dict[str, Any]]:
    """The series that Prometheus has for an expression of a panel, at this moment."""
    expr = expr.replace("$__rate_interval", "5s").replace("$route", ".*")
    answer = call(address, "GET", f"/api/v1/query?{urlencode({'query': expr})}").json()
    assert answer["status"] == "success", answer
    return [series for series in answer["data"]["result"] if not math.isnan(float(series["value"][1]))]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_has_data(name: str, scraped: str) -> None:
    for panel, expr in expressions(name):
        eventually(partial(asked, scraped, expr), f"data for {panel!r}: {expr}")


@pytest.mark.parametrize("name", NAMES)
def test_legends_are_of_labels_that_the_series_have(name: str, scraped: str) -> None:
    """Two lines of a graph never have one name, and no label is named that a query does not keep."""
    page = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text())
    graphs = [panel for panel in page["panels"] if panel["type"] not in ("table", "heatmap")]
    for target in (each for panel in graphs for each in panel["targets"]):
        legend, expr = target.get("legendFormat") or "", target["expr"]
        labels = re.findall(r"{{(\w+)}}", legend)
        kept = {label.strip() for by in re.findall(r"by \(([^()]*)\)", expr) for label in by.split(",")}
        found = eventually(partial(asked, scraped, expr), legend)
        assert set(labels) <= kept or all(set(labels) <= series["metric"].keys() for series in found), (legend, expr)
        names = {tuple(series["metric"].get(label, "") for label in labels) for series in found}
        assert len(names) == len(found), f"{legend!r} gives two lines one name: {expr}"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_fleet_says_alike_is_not_counted_twice(name: str) -> None:
    """A sum over sidecars is of what each of them has counted itself."""
    for panel, expr in expressions(name):
        for found in re.finditer(rf"\b({'|'.join(OF_THE_FLEET)})\b", expr):
            assert re.search(r"(max|min) by \([^()]*\) \($", expr[: found.start()]), f"{panel!r}: {expr}"


def test_a_mean_of_each_sidecar_is_weighted_by_its_requests() -> None:
    ratios = {expr for name in NAMES for _, expr in expressions(name) if "penumbra_disagreement_ratio" in expr}
    assert ratios and all("* penumbra_compared_total" in expr for expr in ratios)


def test_the_variable_finds_all_routes(scraped: str) -> None:
    names = {series["metric"]["route"] for series in asked(scraped, "penumbra_release_phase")}
    assert names == {"main", "back", "fleet"}


def test_the_built_json_is_that_of_the_code(tmp_path: Path) -> None:
    pytest.importorskip("grafana_foundation_sdk")
    for path in GRAFANA.glob("*.py"):
        shutil.copy(path, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "dashboards.py")], check=True)
    built = {path.name: path.read_text() for path in (tmp_path / "dashboards").iterdir()}
    assert built == {path.name: path.read_text() for path in (GRAFANA / "dashboards").iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_side_by_side_and_ask_the_chosen_source(name: str) -> None:
    page = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text())
    places = [panel["gridPos"] for panel in page["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({(place["x"], place["y"]) for place in places}) == len(places)
    assert {panel["datasource"]["uid"] for panel in page["panels"]} == {"$datasource"}
    assert [variable["name"] for variable in page["templating"]["list"]] == ["datasource", "route"]
