"""The chart's values hold against its schema and load as a configuration; with helm it is rendered and validated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config.load import load
from proxy.contracts.fleet import Fleet
from tests.support.certificates import Authority, written

CHART = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "penumbra"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
MINORS = ("1.31", "1.34", "1.37")
CHOICES: dict[str, list[str]] = {
    "defaults": [],
    "everything": ["podMonitor.enabled=true", "token.value=secret", "state.storageClass=fast", "nodeSelector.disk=ssd"],
    "fleet": ["replicas=3", "fleet.name=fraud", "fleet.secret=redis-of-fraud", "fleet.onLost=hold"],
    "secured": [
        *("fleet.name=fraud", "fleet.secret=redis-of-fraud", "certificates={fleet-tls,hooks}"),
        "fleet.tls.ca=/etc/penumbra-tls/fleet-tls/ca.crt",
    ],
    "least": ["networkPolicy.enabled=false", "state.persistent=false", "token.secret=mine"],
}
AUTHORITY = Authority()
GIVEN = {"PENUMBRA_ADMIN_TOKEN": "secret"}

helm = pytest.mark.skipif(not shutil.which("helm"), reason="helm is not installed")


def problems(values: dict[str, Any]) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(values)]


def test_the_values_hold_against_the_schema() -> None:
    assert problems(VALUES) == []
    assert set(VALUES) == set(SCHEMA["properties"]) - {"global"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": 3},  # two that decide alone
        {"replicas": 0},
        {"fleet": {"name": "fraud"}},
        {"certificates": ["../etc"]},
        {"certificates": ["twice", "twice"]},
        {"fleet": {"name": "two words", "secret": "mine"}},
        {"fleet": {"onLost": "canary"}},
        {"replicas": 2, "fleet": {"secret": "mine"}},
        {"config": {**VALUES["config"], "fleet": {"redis": "redis://h", "name": "fraud"}}},
        {"config": {"versions": {}, "routes": {}}},
        {"config": {**VALUES["config"], "listen": "0.0.0.0:1"}},
        {"config": {**VALUES["config"], "wrokers": 2}},
        {
            "config": {
                **VALUES["config"],
                "routes": {"r": {"match": {"path": "/"}, "protocol": "soap", "primary": "v1"}},
            }
        },
        {"token": {"secret": "a", "value": "b"}},
        {"state": {"size": "1 gigabyte"}},
        {"drainSeconds": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    assert problems({**VALUES, **wrong})


def patterns(schema: Any) -> Iterator[str]:
    """Every pattern in a schema."""
    if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from patterns(each)


def test_helm_can_read_every_pattern() -> None:
    """Its expressions are those of Go, which look neither ahead nor back; one that does refuses all values."""
    found = list(patterns(SCHEMA))
    assert len(found) > 50
    assert [pattern for pattern in found if re.search(r"\(\?[^:]|\\[1-9]", pattern)] == []


def test_replicas_are_a_fleet() -> None:
    assert problems({**VALUES, "replicas": 3, "fleet": {"name": "fraud", "secret": "mine", "lease": "30s"}}) == []


def test_the_default_configuration_loads(tmp_path: Path) -> None:
    config = {"listen": ":8080", "admin": {"listen": ":9900"}, "state": "x.db", **VALUES["config"]}
    path = tmp_path / "penumbra.yaml"
    path.write_text(yaml.safe_dump(config))
    assert set(load(path, {}).versions) == {"v1", "v2"}


def test_the_chart_has_the_version_of_the_product() -> None:
    import proxy

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == proxy.__version__


def test_certificates_are_mounted_where_the_values_say() -> None:
    """Text, since helm is seldom there: each Secret is a folder of its name, whole, so that its rotations arrive."""
    assert problems({**VALUES, "certificates": ["fleet-tls", "hooks"]}) == []
    template = (CHART / "templates" / "statefulset.yaml").read_text()
    assert "{name: certificates-{{ $index }}, mountPath: /etc/penumbra-tls/{{ $secret }}, readOnly: true}" in template
    assert "secret: {secretName: {{ $secret }}, defaultMode: 0440}" in template
    assert template.count("range $index, $secret := .Values.certificates") == 2
    assert "subPath" not in template


@helm
@pytest.mark.parametrize("choice", CHOICES)
def test_the_chart_renders_valid_objects(choice: str, tmp_path: Path) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    sets = [argument for value in CHOICES[choice] for argument in ("--set", value)]
    done = subprocess.run(["helm", "template", "rel", str(CHART), *sets], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifests = list(yaml.safe_load_all(done.stdout))
    for manifest in manifests:
        if manifest["kind"] != "PodMonitor":
            for minor in MINORS:
                kubernetes_validate.validate(manifest, minor, strict=True)
    path = tmp_path / "penumbra.yaml"
    path.write_text(next(m for m in manifests if m["kind"] == "ConfigMap")["data"]["penumbra.yaml"])
    stateful = next(m for m in manifests if m["kind"] == "StatefulSet")["spec"]
    pod = stateful["template"]["spec"]
    named = {each["name"]: each["valueFrom"] for each in pod["containers"][0].get("env", ())}
    if choice == "secured":
        text = path.read_text()
        for folder in (tmp_path / name for name in ("fleet-tls", "hooks")):
            written(folder, AUTHORITY.issue("dns:h"), AUTHORITY)
        path.write_text(text.replace("/etc/penumbra-tls", str(tmp_path)))
        mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
        volumes = {each["name"]: each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
        of = {path: volumes[name] for path, name in mounts.items() if name in volumes}
        assert of == {"/etc/penumbra-tls/fleet-tls": "fleet-tls", "/etc/penumbra-tls/hooks": "hooks"}
    store = "rediss://secret" if choice == "secured" else "redis://secret"
    settings = load(path, dict.fromkeys(named, store) | {"PENUMBRA_INSTANCE": "pod", **GIVEN})
    if choice == "fleet":
        assert stateful["replicas"] == 3
        assert settings.fleet == Fleet("redis://secret", "fraud", 10.0, "hold", "pod")
        assert named["PENUMBRA_FLEET_REDIS"] == {"secretKeyRef": {"name": "redis-of-fraud", "key": "redis"}}
        assert named["PENUMBRA_INSTANCE"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert pod["terminationGracePeriodSeconds"] > settings.drain + 10
    assert settings.admin.token == "secret"


@helm
def test_helm_has_nothing_to_say() -> None:
    done = subprocess.run(["helm", "lint", "--strict", str(CHART)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
