"""The command: what it reads, prints and refuses. With a mistake nothing goes to the standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proxy.cli import main
from tests.cli.inject.house import DEPLOYMENT, SERVICE, loaded, pod

CONFIG = """
listen: {listen}
admin: {{listen: ":9911", token: "${{PENUMBRA_ADMIN_TOKEN:-}}"}}
state: {state}
drain: 100s
versions: {{a: {{url: "http://localhost:8080"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""


def ran(*arguments: str, given: str = DEPLOYMENT) -> Result:
    return CliRunner().invoke(main.app, ["inject", *arguments], input=given)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "penumbra.yaml"
    path.write_text(CONFIG.format(listen='":8111"', state="/var/lib/penumbra/penumbra.db"))
    return path


def test_manifests_go_out_and_words_to_people(config: Path) -> None:
    done = ran("--config", str(config), "--secret", "mine", given=f"{DEPLOYMENT}---\n{SERVICE}")
    assert done.exit_code == 0
    deployment, _, configured = loaded(done.stdout)
    assert configured["data"]["penumbra.yaml"] == config.read_text()
    spec = deployment["spec"]["template"]["spec"]
    (proxy,) = spec["initContainers"]
    assert [port["containerPort"] for port in proxy["ports"]] == [8111, 9911]
    assert proxy["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "token"}
    assert spec["terminationGracePeriodSeconds"] > 100
    assert "leads to the sidecar now" in done.stderr


@pytest.mark.parametrize(
    ("listen", "state", "said"),
    [
        ("127.0.0.1:8111", "/var/lib/penumbra/p.db", "listen: found 127.0.0.1:8111; allowed: one that the pod hears"),
        ('":0"', "/var/lib/penumbra/p.db", "listen: found *:0"),
        ('":8111"', "penumbra.db", "state: found penumbra.db; allowed: a file in /var/lib/penumbra"),
        ('":8080"', "/var/lib/penumbra/p.db", "a circle"),
        ('":8111"', "${NOWHERE}", "NOWHERE"),
    ],
)
def test_a_configuration_that_does_not_fit_into_a_pod(config: Path, listen: str, state: str, said: str) -> None:
    config.write_text(CONFIG.format(listen=listen, state=state))
    done = ran("--config", str(config))
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_port_that_the_configuration_says_otherwise(config: Path) -> None:
    done = ran("--config", str(config), "--port", "7")
    assert done.exit_code == 1 and "says 8111: leave it out" in done.stderr


def test_the_patch_alone() -> None:
    done = ran("--patch", given=json.dumps(pod()))
    assert {each["op"] for each in json.loads(done.stdout)} == {"add"}
    assert ran("--patch", given=f"{DEPLOYMENT}---\n{DEPLOYMENT}").exit_code == 1


def test_a_review() -> None:
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "object": pod()}}
    assert json.loads(ran("--review", given=json.dumps(review)).stdout)["response"]["allowed"]
    assert ran("--review", given="x").exit_code == 1


@pytest.mark.parametrize(
    "arguments", [("--config", "x", "--config-map", "y"), ("--review", "--patch"), ("--port", "-1")]
)
def test_what_contradicts_itself_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert ran(*arguments).exit_code == 2


def test_what_is_chosen_is_what_comes_out() -> None:
    chosen = {
        "--port": "7001",
        "--admin-port": "7002",
        "--image": "mine:1",
        "--container": "model",
        "--model-port": "9",
    }
    done = ran(*(word for pair in chosen.items() for word in pair), "--plain", "--config-map", "theirs")
    (deployment,) = loaded(done.stdout)
    spec = deployment["spec"]["template"]["spec"]
    (_, proxy) = spec["containers"]
    assert [port["containerPort"] for port in proxy["ports"]] == [7001, 7002]
    assert proxy["image"] == "mine:1"
    assert spec["volumes"][0]["configMap"] == {"name": "theirs"}
    assert "port 9" in done.stderr


OF_A_FLEET = 'fleet: {redis: "${PENUMBRA_FLEET_REDIS}", name: fraud, instance: "${PENUMBRA_INSTANCE}"}\n'


def test_a_fleet_has_its_store_from_a_secret_and_its_names_from_the_pods(config: Path) -> None:
    config.write_text(config.read_text() + OF_A_FLEET)
    done = ran("--config", str(config), "--fleet-secret", "redis-of-fraud")
    assert done.exit_code == 0, done.stderr
    (proxy,) = loaded(done.stdout)[0]["spec"]["template"]["spec"]["initContainers"]
    sources = {each["name"]: each["valueFrom"] for each in proxy["env"]}
    assert sources["PENUMBRA_FLEET_REDIS"]["secretKeyRef"] == {"name": "redis-of-fraud", "key": "redis"}
    assert sources["PENUMBRA_INSTANCE"]["fieldRef"] == {"fieldPath": "metadata.name"}


def test_a_fleet_without_its_secret_and_a_secret_without_a_fleet(config: Path) -> None:
    assert "has no `fleet`" in ran("--config", str(config), "--fleet-secret", "x").stderr
    assert ran("--fleet-secret", "x").exit_code == 2
    config.write_text(config.read_text() + OF_A_FLEET)
    done = ran("--config", str(config))
    assert done.exit_code == 1 and "PENUMBRA_FLEET_REDIS" in done.stderr and not done.stdout


OF_TLS = "{certificate: /tls/tls.crt, key: /tls/tls.key, client_ca: /tls/ca.crt, client: CLIENT}"


def with_tls(config: Path, client: str) -> None:
    """Certificates that are in the pod alone."""
    config.write_text(config.read_text().replace("admin: {", f"admin: {{tls: {OF_TLS.replace('CLIENT', client)}, "))


def test_an_admin_api_by_tls_is_probed_so_and_has_its_certificates(config: Path) -> None:
    assert "admin: {" in config.read_text()
    with_tls(config, "optional")
    done = ran("--config", str(config), "--tls-secret", "of-fraud")
    assert done.exit_code == 0, done.stderr
    spec = loaded(done.stdout)[0]["spec"]["template"]["spec"]
    (proxy,) = spec["initContainers"]
    assert {proxy[f"{kind}Probe"]["httpGet"]["scheme"] for kind in ("startup", "readiness", "liveness")} == {"HTTPS"}
    assert {"name": "penumbra-tls", "mountPath": "/tls", "readOnly": True} in proxy["volumeMounts"]
    assert {"name": "penumbra-tls", "secret": {"secretName": "of-fraud"}} in spec["volumes"]
    assert "leave it out" in ran("--config", str(config), "--admin-scheme", "HTTP").stderr


def test_probes_that_would_not_get_in_are_refused(config: Path) -> None:
    with_tls(config, "require")
    assert "admin.tls.client: found require" in ran("--config", str(config)).stderr


def test_the_scheme_of_probes_may_be_said_for_a_config_map_that_is_there() -> None:
    (deployment,) = loaded(ran("--config-map", "theirs", "--port", "8111", "--admin-scheme", "HTTPS").stdout)
    (proxy,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert proxy["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert ran("--admin-scheme", "https").exit_code == 2
