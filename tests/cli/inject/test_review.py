"""An AdmissionReview is answered as Kubernetes asks for it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from proxy.cli.inject.options import Options, Refusal
from proxy.cli.inject.review import answer
from tests.cli.inject.house import pod


def asked(manifest: Any, **options: Any) -> Any:
    request = {"uid": "u-1", "object": manifest}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    said = json.loads(answer(json.dumps(review), Options(**options)))
    assert (said["apiVersion"], said["kind"], said["response"]["uid"]) == (
        "admission.k8s.io/v1", "AdmissionReview", "u-1",
    )  # fmt: skip
    return said["response"]


def test_a_pod_gets_a_patch_that_holds_nothing_but_additions() -> None:
    said = asked(pod())
    patch = json.loads(base64.b64decode(said["patch"]))
    assert (said["allowed"], said["patchType"]) == (True, "JSONPatch")
    assert {each["op"] for each in patch} == {"add"}
    volumes = next(each["value"] for each in patch if each["path"] == "/spec/volumes")
    assert volumes[0]["configMap"] == {"name": "penumbra"}


def test_what_generates_names_has_none_yet() -> None:
    manifest = pod()
    manifest["metadata"] = {"generateName": "m-", "annotations": {"penumbra/config-map": "mine"}}
    patch = json.loads(base64.b64decode(asked(manifest)["patch"]))
    assert any(each["path"] == "/metadata/labels" for each in patch)
    assert any(
        each["value"][0].get("configMap") == {"name": "mine"} for each in patch if each["path"] == "/spec/volumes"
    )


@pytest.mark.parametrize("manifest", [{"apiVersion": "v1", "kind": "Secret"}, None, 3, pod(hostNetwork=True)])
def test_what_is_left_is_allowed_as_it_is(manifest: Any) -> None:
    assert asked(manifest) == {"uid": "u-1", "allowed": True}


def test_a_pod_that_cannot_be_given_one_is_refused_with_the_reason() -> None:
    said = asked(pod(containers=[{"name": "m"}]))
    assert not said["allowed"]
    assert "Pod/pod: spec.containers: m names no port" in said["status"]["message"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"kind": "AdmissionReview"}', '{"kind": "AdmissionReview", "request": 3}', "[" * 9999]
)
def test_what_is_no_review_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        answer(text, Options())
