"""The examples render, hold against the schemas of several Kubernetes minors, and fit together.

`kubectl kustomize` renders; it needs no cluster. Kinds that Kubernetes itself does not know (PodMonitor,
InferenceService, Certificate) are checked as far as they hold kinds that it does.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config.certificates import paths_of
from proxy.config.load import parse
from proxy.contracts.messages import SERVICE_ACCOUNT
from proxy.contracts.settings import Settings
from proxy.contracts.tls_roles import sections
from proxy.control.fleet.address import address_of
from proxy.watchdog import ABORT_SECONDS

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
EXAMPLES = sorted(path.name for path in (KUBERNETES / "examples").iterdir())
START_SECONDS = 2.0
"""Until control answers, on a machine that is not busy."""
MINORS = ("1.31", "1.34", "1.37")
GIVEN = {
    "PENUMBRA_ADMIN_TOKEN": "secret",
    "PENUMBRA_FLEET_REDIS": "redis://secret",
    "PENUMBRA_INSTANCE": "cancer-5d8f-x2x9",
}
PORTS = {"kserve-grpc": "h2c"}
"""What the port for traffic is called, where others look at its name."""
FOREIGN = {"PodMonitor", "InferenceService", "Certificate"}
Manifest = dict[str, Any]

kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


def render(folder: Path) -> list[Manifest]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Manifest]]:
    return {name: render(KUBERNETES / "examples" / name) for name in EXAMPLES}


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every pod that the manifests would make: metadata and spec."""
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            yield manifest["spec"]["template"]
        if manifest["kind"] == "InferenceService":
            spec = {k: v for k, v in manifest["spec"]["predictor"].items() if k != "minReplicas"}
            yield {"metadata": {"name": "predictor", "labels": manifest["metadata"]["labels"]}, "spec": spec}


def one(manifests: list[Manifest], kind: str) -> Manifest:
    found: Manifest
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def configured(manifests: list[Manifest]) -> Settings:
    """The configuration that the pods run with."""
    return parse(one(manifests, "ConfigMap")["data"]["penumbra.yaml"], GIVEN, certificates=False)


def proxy_of(pod: Manifest) -> Manifest:
    containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
    found: Manifest
    (found,) = (container for container in containers if container["image"].startswith("penumbra"))
    return found


@kubectl
@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_hold_against_the_schemas(name: str, minor: str, rendered: dict[str, list[Manifest]]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for manifest in rendered[name]:
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, minor, strict=True)
    for pod in pods(rendered[name]):
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod["spec"]}
        kubernetes_validate.validate(whole, minor, strict=True)


@kubectl
def test_the_schemas_do_refuse_what_is_wrong(rendered: dict[str, list[Manifest]]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    wrong = one(rendered["deployment"], "Deployment")
    wrong = wrong | {"spec": wrong["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, MINORS[-1], strict=True)


@kubectl
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_configuration_runs_and_names_the_ports_of_the_pod(name: str, rendered: dict[str, list[Manifest]]) -> None:
    settings = configured(rendered[name])
    for pod in pods(rendered[name]):
        assert {address.host for address in (*settings.listen, *settings.admin.listen)} == {""}  # of both families
        ports = {port["name"]: port["containerPort"] for port in proxy_of(pod)["ports"]}
        assert ports == {
            PORTS.get(name, "penumbra-http"): settings.listen[0].port,
            "penumbra-admin": settings.admin.listen[0].port,
        }
        mounts = [mount["mountPath"] for mount in proxy_of(pod)["volumeMounts"]]
        assert str(Path(settings.state).parent) in mounts
        assert proxy_of(pod)["args"] == ["run", "/etc/penumbra/penumbra.yaml"]
        assert "/etc/penumbra" in mounts
    assert base64.b64decode(data_of(rendered[name], "penumbra")["token"])


@kubectl
@pytest.mark.parametrize("name", ["triton-grpc", "kserve-grpc", "mlserver"])
def test_calls_by_grpc_go_to_versions_that_are_asked_by_http2(name: str, rendered: dict[str, list[Manifest]]) -> None:
    settings = configured(rendered[name])
    (route,) = [each for each in settings.routes if each.match.grpc]
    named = {route.primary, *[each.version for each in (*route.split, *route.shadows)]}
    assert {settings.versions[version].http for version in named} == {2}
    services = [port for each in rendered[name] if each["kind"] == "Service" for port in each["spec"]["ports"]]
    assert all(port["appProtocol"] == "kubernetes.io/h2c" for port in services if port["name"] == "grpc")
    (pod,) = pods(rendered[name])
    local = {version.port for version in settings.versions.values() if version.host == "127.0.0.1"}
    said = str(pod["spec"]["containers"])
    assert all(str(port) in said for port in local)


@kubectl
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_pod_has_the_time_that_its_end_takes(name: str, rendered: dict[str, list[Manifest]]) -> None:
    drain = configured(rendered[name]).drain
    for pod in pods(rendered[name]):
        waits = [
            int(c["lifecycle"]["preStop"]["exec"]["command"][1]) for c in pod["spec"]["containers"] if "lifecycle" in c
        ]
        assert waits
        assert pod["spec"]["terminationGracePeriodSeconds"] > max(waits) + drain


def patience(probe: Manifest) -> int:
    """Seconds for which a probe may fail."""
    return int(probe.get("periodSeconds", 10)) * int(probe.get("failureThreshold", 3))


@kubectl
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_control_that_hangs_is_replaced_before_a_probe_gives_up(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    """Traffic does not need control: it must not be lost because control is away, which happens to all pods at once."""
    replaced = configured(rendered[name]).hang + ABORT_SECONDS + START_SECONDS
    for pod in pods(rendered[name]):
        proxy = proxy_of(pod)
        assert replaced <= patience(proxy["readinessProbe"]) < patience(proxy["livenessProbe"])


@kubectl
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_proxy_may_do_next_to_nothing(name: str, rendered: dict[str, list[Manifest]]) -> None:
    for pod in pods(rendered[name]):
        context = proxy_of(pod)["securityContext"]
        assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"]
        assert "runAsUser" not in context  # the platform may choose one
        assert context["capabilities"] == {"drop": ["ALL"]}


@kubectl
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_refers_to_pods_finds_them_and_their_ports(name: str, rendered: dict[str, list[Manifest]]) -> None:
    manifests = rendered[name]
    for pod in pods(manifests):
        labels, ports = pod["metadata"]["labels"], {port["name"] for port in proxy_of(pod)["ports"]}
        policy, monitor = one(manifests, "NetworkPolicy")["spec"], one(manifests, "PodMonitor")["spec"]
        for selector in (policy["podSelector"], monitor["selector"]):
            assert selector["matchLabels"].items() <= labels.items()
        assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports
        assert {endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]} <= ports
        for service in (manifest for manifest in manifests if manifest["kind"] == "Service"):
            assert service["spec"]["selector"].items() <= labels.items()
            assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
            assert {port["targetPort"] for port in service["spec"]["ports"]} == {"penumbra-http"}
        for volume in (mount["name"] for mount in proxy_of(pod)["volumeMounts"]):
            assert volume in {volume["name"] for volume in pod["spec"]["volumes"]}


@kubectl
def test_state_can_outlive_the_pod(rendered: dict[str, list[Manifest]]) -> None:
    deployment = one(rendered["deployment"], "Deployment")
    claim = one(rendered["deployment"], "PersistentVolumeClaim")["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["penumbra-state"] == {"name": "penumbra-state", "persistentVolumeClaim": {"claimName": claim}}
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@kubectl
def test_more_than_one_replica_that_decides_is_a_fleet(rendered: dict[str, list[Manifest]]) -> None:
    manifests = rendered["fleet"]
    assert one(manifests, "Deployment")["spec"]["replicas"] > 1
    fleet = configured(manifests).fleet
    assert fleet is not None
    assert (fleet.redis, fleet.instance) == (GIVEN["PENUMBRA_FLEET_REDIS"], GIVEN["PENUMBRA_INSTANCE"])
    (pod,) = pods(manifests)
    sources = {each["name"]: each["valueFrom"] for each in proxy_of(pod)["env"]}
    assert set(sources) == set(GIVEN), "what the configuration reads is what the pod is given"
    assert sources["PENUMBRA_INSTANCE"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    secrets = {m["metadata"]["name"]: set(m["data"]) for m in manifests if m["kind"] == "Secret"}
    for source in (sources["PENUMBRA_ADMIN_TOKEN"], sources["PENUMBRA_FLEET_REDIS"]):
        assert source["secretKeyRef"]["key"] in secrets[source["secretKeyRef"]["name"]]
    address_of(base64.b64decode(data_of(manifests, "penumbra-fleet")["redis"]).decode())


def data_of(manifests: list[Manifest], secret: str) -> dict[str, str]:
    """What is in a Secret."""
    found: dict[str, str]
    (found,) = (m["data"] for m in manifests if m["kind"] == "Secret" and m["metadata"]["name"] == secret)
    return found


@kubectl
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_the_component_changes_only_what_asks_for_it(kind: str, tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES / "components", tmp_path / "components")
    own = {"image": "x", "name": "own"}
    for name, labels in (("asks", {"penumbra": "sidecar"}), ("does-not", {"app": "x"})):
        spec = {"selector": {}, "template": {"spec": {"containers": [own], "initContainers": [own]}}}
        manifest = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(manifest))
    kustomization = {
        "resources": ["asks.yaml", "does-not.yaml"],
        "components": ["components/sidecar", "components/fleet"],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    asks, does_not = (manifest["spec"]["template"]["spec"] for manifest in render(tmp_path))
    assert {container["name"] for container in asks["initContainers"]} == {"own", "penumbra"}
    assert proxy_of({"spec": asks})["restartPolicy"] == "Always"
    assert "PENUMBRA_INSTANCE" in {each["name"] for each in proxy_of({"spec": asks})["env"]}
    assert does_not == {"containers": [own], "initContainers": [own]}


@kubectl
@pytest.mark.parametrize("name", ["tls", "spiffe"])
def test_certificates_are_mounted_where_the_configuration_looks_and_probes_get_in(
    name: str, rendered: dict[str, list[Manifest]]
) -> None:
    settings = configured(rendered[name])
    assert settings.admin.tls is not None and settings.admin.tls.client == "optional"
    (pod,) = pods(rendered[name])
    proxy = proxy_of(pod)
    assert {proxy[f"{kind}Probe"]["httpGet"]["scheme"] for kind in ("startup", "readiness", "liveness")} == {"HTTPS"}
    (mount,) = (each for each in proxy["volumeMounts"] if each["name"] == "penumbra-tls")
    assert "subPath" not in mount
    files = [path for tls in sections(settings).values() for path in paths_of(tls).values()]
    assert {str(Path(file).parent) for file in files} == {mount["mountPath"]}
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "penumbra-tls")
    assert set(volume) == {"name", "secret" if name == "tls" else "csi"}


@kubectl
def test_the_certificate_is_the_secret_that_is_mounted(rendered: dict[str, list[Manifest]]) -> None:
    certificate = one(rendered["tls"], "Certificate")["spec"]
    (pod,) = pods(rendered["tls"])
    assert {"name": "penumbra-tls", "secret": {"secretName": certificate["secretName"]}} in pod["spec"]["volumes"]
    assert "127.0.0.1" in certificate["ipAddresses"]


@kubectl
def test_events_come_with_a_right_and_a_token_for_the_sidecar_alone(tmp_path: Path) -> None:
    components = [str(KUBERNETES / "components" / name) for name in ("sidecar", "events")]
    (tmp_path / "pod.yaml").write_text(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: m, labels: {penumbra: sidecar}}, spec: {selector: "
        "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: m, image: m}]}}}}"
    )
    relative = [os.path.relpath(each, tmp_path) for each in components]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["pod.yaml"], "components": relative}))
    manifests = render(tmp_path)
    (rule,) = one(manifests, "Role")["rules"]
    assert rule == {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}
    (pod,) = pods(manifests)
    sidecar = proxy_of(pod)
    assert pod["spec"]["serviceAccountName"] == one(manifests, "ServiceAccount")["metadata"]["name"]
    assert {each["name"] for each in sidecar["env"]} >= {"POD_NAME", "POD_NAMESPACE", "POD_UID"}
    places = [mount["mountPath"] for mount in sidecar["volumeMounts"]]
    assert SERVICE_ACCOUNT in places and "volumeMounts" not in pod["spec"]["containers"][0]
