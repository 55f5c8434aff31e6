"""What a sidecar changes in a pod: all that it needs, nothing else, once; and what cannot be done is said."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from proxy.cli.inject import sidecar
from proxy.cli.inject.operations import applied
from proxy.cli.inject.options import Options, Refusal
from proxy.cli.inject.patch import Injected, Left, inject
from tests.cli.inject.house import MINORS, of_kind, pod

KINDS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"]


def after(manifest: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The manifest with its sidecar."""
    result = inject(manifest, Options(**options))
    assert isinstance(result, Injected), result
    made: dict[str, Any] = applied(manifest, result.operations)
    return made


def spec_of(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]
    while "containers" not in spec:
        spec = (spec.get("template") or spec["jobTemplate"])["spec"]
    return spec


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_holds_against_the_schemas(kind: str, plain: bool) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    if plain and kind in ("Job", "CronJob"):
        with pytest.raises(Refusal, match="would keep its pods"):
            inject(of_kind(kind), Options(native=False))
        return
    made = after(of_kind(kind), native=not plain)
    for minor in MINORS:
        kubernetes_validate.validate(made, minor, strict=True)
    spec = spec_of(made)
    (proxy,) = (each for each in spec["containers" if plain else "initContainers"] if each["name"] == "penumbra")
    assert (proxy.get("restartPolicy") == "Always") is not plain
    held = {volume["name"] for volume in spec["volumes"]}
    assert {mount["name"] for mount in proxy["volumeMounts"]} <= held
    assert spec["terminationGracePeriodSeconds"] >= 60


@pytest.mark.parametrize("kind", KINDS)
def test_twice_changes_nothing_more(kind: str) -> None:
    made = after(of_kind(kind))
    again = inject(made, Options())
    assert isinstance(again, Left) and "already" in again.why
    assert not (again.injected and again.injected.operations)


@pytest.mark.parametrize("where", ["manifest", "pod"])
def test_who_does_not_want_it_is_left_alone(where: str) -> None:
    manifest = of_kind("Deployment")
    place = manifest if where == "manifest" else manifest["spec"]["template"]
    place["metadata"]["annotations"] = {"penumbra/inject": "false"}
    assert inject(manifest, Options()) == Left("its annotation penumbra/inject says so")


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"apiVersion": "v1", "kind": "Secret"},
        {"apiVersion": "example.com/v1", "kind": "Deployment", "spec": 3},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"},
    ],
)
def test_what_has_no_pod_is_left_without_a_word(manifest: dict[str, Any]) -> None:
    assert inject(manifest, Options()) == Left()


def test_what_is_said_already_stays() -> None:
    own = {"preStop": {"exec": {"command": ["sleep", "1"]}}}
    mount = {"name": "penumbra-state", "persistentVolumeClaim": {"claimName": "mine"}}
    manifest = pod(terminationGracePeriodSeconds=600, volumes=[mount])
    manifest["spec"]["containers"][0]["lifecycle"] = own
    before = deepcopy(manifest)
    spec = after(manifest)["spec"]
    assert manifest == before
    assert spec["terminationGracePeriodSeconds"] == 600
    assert spec["containers"][0]["lifecycle"] == own
    assert [volume for volume in spec["volumes"] if volume["name"] == "penumbra-state"] == [mount]


def test_a_plain_sidecar_is_outlived_by_the_model() -> None:
    spec = after(pod(), native=False, drain=100.0)["spec"]
    model, proxy = spec["containers"]
    waits = [each["lifecycle"]["preStop"]["sleep"]["seconds"] for each in (model, proxy)]
    assert waits[0] >= waits[1] + 100
    assert spec["terminationGracePeriodSeconds"] > waits[0]


def test_it_takes_ports_that_nobody_has() -> None:
    manifest = pod(initContainers=[{"name": "other", "ports": [{"containerPort": 9900}]}])
    manifest["spec"]["containers"][0]["ports"] = [{"containerPort": 8080}]
    (_, proxy) = after(manifest)["spec"]["initContainers"]
    assert [port["containerPort"] for port in proxy["ports"]] == [18080, 19900]


def test_the_model_is_the_first_that_names_a_port_or_the_one_that_is_said() -> None:
    log, other = {"name": "log"}, {"name": "other", "ports": [{"name": "o", "containerPort": 1234}]}
    manifest = pod()
    manifest["spec"]["containers"] = [log, *manifest["spec"]["containers"], other]
    found = inject(manifest, Options())
    assert isinstance(found, Injected) and found.model_ports == {8081}
    found = inject(manifest, Options(container="other"))
    assert isinstance(found, Injected) and found.model_ports == {1234, "o"}
    manifest["metadata"]["annotations"] = {"penumbra/container": "log", "penumbra/model-port": "77"}
    found = inject(manifest, Options())
    assert isinstance(found, Injected) and found.model_ports == {77}


def test_a_configuration_is_made_or_named() -> None:
    made = inject(pod(), Options())
    assert isinstance(made, Injected) and made.config_map is not None
    assert made.config_map["metadata"]["name"] == "pod-penumbra"
    named = inject(pod(), Options(config_map="mine"))
    assert isinstance(named, Injected) and named.config_map is None
    (volume, _) = applied(pod(), named.operations)["spec"]["volumes"]
    assert volume["configMap"] == {"name": "mine"}


def test_a_predictor_of_kserve_gets_it_where_its_traffic_goes() -> None:
    predictor: dict[str, Any] = {"containers": [{"name": "kserve-container", "ports": [{"containerPort": 8081}]}]}
    head = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "m"}}
    made = after(head | {"spec": {"predictor": predictor}})
    proxy = made["spec"]["predictor"]["containers"][1]
    assert proxy["name"] == sidecar.TRANSFORMER and "restartPolicy" not in proxy
    assert "initContainers" not in made["spec"]["predictor"]
    assert isinstance(inject(made, Options()), Left)
    of_runtime = head | {"spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}}}
    with pytest.raises(Refusal, match=r"names no port; say it by --model-port"):
        inject(of_runtime, Options())
    assert after(of_runtime, model_port=8085)["spec"]["predictor"]["containers"][0]["name"] == sidecar.TRANSFORMER


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"containers": [{"name": "m"}]}, {}, "spec.containers: m names no port; say it by --model-port"),
        ({"containers": []}, {}, "spec.containers: found none"),
        ({"containers": "x"}, {}, "spec.containers: found none"),
        ({}, {"container": "x"}, "found model; allowed: one that is named x"),
        ({}, {"port": 8081}, "port 8081 is that of model; choose another by --port and `listen`"),
        ({}, {"port": 1, "admin_port": 1}, "port 1 is that of penumbra"),
        ({"containers": [{"name": "m", "ports": [{"containerPort": 8080}]}]}, {"config_map": "c"}, "port 8080 is that"),
        ({}, {"config": "x", "targets": (9,)}, "leads to 127.0.0.1:9; allowed: 127.0.0.1:8081"),
    ],
)
def test_what_cannot_be_done_says_what_helps(change: dict[str, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        inject(pod(**change), Options(**options))
    assert said in str(refused.value)


@pytest.mark.parametrize("annotation", ["penumbra/model-prot", "penumbra/port", "penumbra/model-port"])
def test_annotations_are_never_ignored(annotation: str) -> None:
    manifest = pod()
    manifest["metadata"]["annotations"] = {annotation: "8k"}
    with pytest.raises(Refusal, match=annotation):
        inject(manifest, Options())


@pytest.mark.parametrize("spec", [None, 3, [], {"template": 3}, {"template": {"spec": None}}])
def test_a_manifest_of_another_form_is_refused(spec: Any) -> None:
    with pytest.raises(Refusal, match="allowed"):
        inject({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}, Options())


def test_the_network_of_the_host_is_left() -> None:
    result = inject(pod(hostNetwork=True), Options())
    assert isinstance(result, Left) and "host" in result.why
