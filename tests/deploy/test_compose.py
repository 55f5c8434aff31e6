"""What the compose file mounts exists, its configurations are valid, and its parts know each other's names."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config.certificates import paths_of
from proxy.config.load import load, parse

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    return found


def test_docker_compose_reads_it() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    command = ["docker", "compose", "-f", str(COMPOSE / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["services"]) == 6


def test_mounted_files_exist(services: dict[str, Any]) -> None:
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert files
    assert all((COMPOSE / file).exists() for file in files)


def test_images_are_built_from_stages_that_the_dockerfile_has(services: dict[str, Any]) -> None:
    dockerfile = (COMPOSE.parents[1] / "Dockerfile").read_text()
    built = [service["build"] for service in services.values() if "build" in service]
    assert {build["target"] for build in built} == {"models", "penumbra"}
    for build in built:
        assert f" AS {build['target']}\n" in dockerfile
        assert (COMPOSE / build["context"]).resolve() == COMPOSE.parents[1]


def test_the_proxy_knows_the_model_servers(services: dict[str, Any]) -> None:
    settings = load(COMPOSE / "penumbra.yaml", {"PENUMBRA_ADMIN_TOKEN": "secret"})
    for name, version in settings.versions.items():
        assert (version.host, version.port) == (name, 8080)
        assert services[name]["environment"]["MODEL"] == name
    assert {address.host for address in (*settings.listen, *settings.admin.listen)} == {""}  # of both families
    published = {port.split(":")[-1] for port in services["penumbra"]["ports"]}
    assert published == {str(address.port) for address in (*settings.listen, *settings.admin.listen)}
    assert int(services["penumbra"]["stop_grace_period"].rstrip("s")) > settings.drain


def test_models_are_those_that_training_makes(services: dict[str, Any]) -> None:
    training = (COMPOSE.parents[1] / "proxy" / "demo" / "train.py").read_text()
    models = [s["environment"]["MODEL"] for s in services.values() if "MODEL" in s.get("environment", {})]
    assert len(models) == 3
    assert all(f'"{model}":' in training for model in models)


def test_prometheus_and_grafana_know_whom_to_ask(services: dict[str, Any]) -> None:
    config = yaml.safe_load((COMPOSE.parent / "prometheus" / "prometheus.yaml").read_text())
    (target,) = config["scrape_configs"][0]["static_configs"][0]["targets"]
    assert target == "penumbra:9900" and "penumbra" in services
    (source,) = yaml.safe_load((COMPOSE / "grafana" / "datasource.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090" and "prometheus" in services
    (provider,) = yaml.safe_load((COMPOSE / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert any(mount.endswith(f":{provider['options']['path']}:ro") for mount in services["grafana"]["volumes"])


def test_nothing_is_open_to_the_network_by_accident(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_clients_by_tls_are_the_same_with_certificates(services: dict[str, Any]) -> None:
    (over,) = yaml.safe_load((COMPOSE / "tls.yaml").read_text())["services"].items()
    assert over[0] == "penumbra" and set(over[1]) == {"volumes"}
    places = dict(mount.split(":")[:2] for mount in over[1]["volumes"])
    assert places["./tls"] == "/tls"
    assert f"./penumbra.yaml:{places['./penumbra-tls.yaml']}:ro" in services["penumbra"]["volumes"]
    plain, secured = ((COMPOSE / name).read_text() for name in ("penumbra.yaml", "penumbra-tls.yaml"))
    (line,) = set(secured.splitlines()) - set(plain.splitlines())
    assert secured.replace(f"{line}\n", "") == plain
    (tls,) = parse(secured, {"PENUMBRA_ADMIN_TOKEN": "secret"}, certificates=False).listeners_tls
    assert tls is not None and {str(Path(path).parent) for path in paths_of(tls).values()} == {places["./tls"]}
