"""A stream with sidecars: pods, Services and ConfigMaps, several documents, Lists, JSON."""

from __future__ import annotations

import json

import pytest
import yaml

from proxy.cli.inject.options import Options, Refusal
from proxy.cli.inject.stream import injected
from proxy.config.load import parse
from tests.cli.inject.house import DEPLOYMENT, MINORS, SERVICE, loaded, of_kind

STREAM = f"{DEPLOYMENT}---\n{SERVICE}"
OTHER = "# mine\napiVersion: v1\nkind: Secret\nmetadata: {name: s}   # stays\n"


def test_the_model_is_behind_its_sidecar_and_the_rest_as_it_was() -> None:
    outcome = injected(f"{OTHER}---\n{STREAM}", Options())
    secret, deployment, service, config = loaded(outcome.text)
    assert outcome.text.startswith(f"{OTHER}---\n# The model that everybody asks\n")
    assert '"registry.example.com/cancer:1" # quotes stay' in outcome.text and "# the end" in outcome.text
    assert secret["kind"] == "Secret"
    (proxy,) = deployment["spec"]["template"]["spec"]["initContainers"]
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] == "penumbra-http"
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": "cancer", "penumbra": "sidecar"}
    settings = parse(config["data"]["penumbra.yaml"], {})
    ports = {each["name"]: each["containerPort"] for each in proxy["ports"]}
    assert ports == {"penumbra-http": settings.listen[0].port, "penumbra-admin": settings.admin.listen[0].port}
    assert settings.versions["cancer"].port == 8080
    assert outcome.notes == ["document 3, Service/cancer: leads to the sidecar now (targetPort: penumbra-http)"]


def test_the_outcome_holds_against_the_schemas() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for manifest in loaded(injected(STREAM, Options()).text):
        for minor in MINORS:
            kubernetes_validate.validate(manifest, minor, strict=True)


def test_twice_changes_nothing() -> None:
    once = injected(STREAM, Options()).text
    twice = injected(once, Options())
    assert twice.text == once
    assert twice.notes == ["document 1, Deployment/cancer: left as it is: it has the sidecar already"]


def test_a_service_that_comes_later_is_led_as_well() -> None:
    once = injected(DEPLOYMENT, Options())
    assert "no Service here leads to its port 8080 or web" in once.notes[0]
    later = injected(f"{once.text}---\n{SERVICE}", Options())
    assert loaded(later.text)[-1]["spec"]["ports"][0]["targetPort"] == "penumbra-http"


def test_a_list_stays_one_and_json_stays_json() -> None:
    items = [yaml.safe_load(DEPLOYMENT), yaml.safe_load(SERVICE)]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2)
    made = json.loads(injected(text, Options()).text)
    assert [each["kind"] for each in made["items"]] == ["Deployment", "Service", "ConfigMap"]
    assert made["items"][1]["spec"]["ports"][0]["targetPort"] == "penumbra-http"
    alone = json.loads(injected(json.dumps(items[0]), Options()).text)
    assert [each["kind"] for each in alone["items"]] == ["Deployment", "ConfigMap"]
    again = injected(json.dumps(alone), Options())
    assert json.loads(again.text) == alone


def test_each_pod_has_a_configuration_of_its_own_in_its_namespace() -> None:
    second = DEPLOYMENT.replace("name: cancer ", "name: other\n  namespace: ml ")
    made = loaded(injected(f"{DEPLOYMENT}---\n{second}", Options()).text)
    metadata = [each["metadata"] for each in made if each["kind"] == "ConfigMap"]
    assert metadata == [{"name": "cancer-penumbra"}, {"name": "other-penumbra", "namespace": "ml"}]


def test_a_configmap_that_is_there_is_kept() -> None:
    mine = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cancer-penumbra}\ndata: {penumbra.yaml: mine}\n"
    made = loaded(injected(f"{mine}---\n{DEPLOYMENT}", Options()).text)
    assert [each["data"] for each in made if each["kind"] == "ConfigMap"] == [{"penumbra.yaml": "mine"}]


def test_a_worker_that_nobody_asks_is_left_beside_a_model_and_refused_alone() -> None:
    worker = DEPLOYMENT.replace("containerPort", "port").replace("name: cancer ", "name: worker ")
    outcome = injected(f"{worker}---\n{DEPLOYMENT}", Options())
    assert len(outcome.patches) == 1 and outcome.text.startswith(worker)
    assert "Deployment/worker: spec.template.spec.containers: model names no port" in outcome.notes[0]
    with pytest.raises(Refusal, match="names no port"):
        injected(worker, Options())


@pytest.mark.parametrize("kind", ["Deployment", "CronJob", "Pod"])
def test_the_patches_are_those_of_the_manifests(kind: str) -> None:
    outcome = injected(yaml.safe_dump(of_kind(kind)), Options())
    assert len(outcome.patches) == 1
    assert all(operation.path[0] in ("spec", "metadata") for operation in outcome.patches[0])


@pytest.mark.parametrize("text", ["", "\n", "---\n---\n", "# nothing\n"])
def test_nothing_stays_nothing(text: str) -> None:
    outcome = injected(text, Options())
    assert (outcome.text, outcome.notes, outcome.patches) == (text, [], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line 1, column 5: not YAML"),
        ("- 1\n", "document 1: found no manifest"),
        (f"{OTHER}---\ntext\n", "document 2: found no manifest"),
        ("a: !!python/object:os.system x\n", "not YAML"),
        ("a: \0\n", "not YAML"),
        (
            f"{OTHER}---\n{DEPLOYMENT.replace('8080}', '}').replace('containerPort: ', '')}",
            "document 2, Deployment/cancer",
        ),
        ("x: " + "[" * 1500, "not YAML"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        injected(text, Options())
    assert said in str(refused.value)
