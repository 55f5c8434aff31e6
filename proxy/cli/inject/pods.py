"""Where a kind of Kubernetes has its pod."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Manifest = dict[str, Any]
Path = tuple[str | int, ...]


class Kind(Struct, frozen=True):
    """A kind whose pods can be given a sidecar."""

    template: Path
    """Path to what has `metadata` and `spec` of the pod."""
    ends: bool = False
    """Its pods end by themselves: a sidecar that is a container like others would keep them."""
    predictor: bool = False
    """Its pod's spec is that of a KServe predictor: no init container, and traffic goes to the transformer's."""


_TEMPLATE: Path = ("spec", "template")

KINDS: dict[tuple[str, str], Kind] = {
    ("apps", "Deployment"): Kind(_TEMPLATE),
    ("apps", "StatefulSet"): Kind(_TEMPLATE),
    ("apps", "DaemonSet"): Kind(_TEMPLATE),
    ("apps", "ReplicaSet"): Kind(_TEMPLATE),
    ("", "ReplicationController"): Kind(_TEMPLATE),
    ("argoproj.io", "Rollout"): Kind(_TEMPLATE),
    ("batch", "Job"): Kind(_TEMPLATE, ends=True),
    ("batch", "CronJob"): Kind(("spec", "jobTemplate", "spec", "template"), ends=True),
    ("", "Pod"): Kind(()),
    ("serving.kserve.io", "InferenceService"): Kind((), predictor=True),
}
"""Group and kind to where the pod is."""

LEFT = {
    ("machinelearning.seldon.io", "SeldonDeployment"),
    ("mlops.seldon.io", "Server"),
    ("serving.knative.dev", "Service"),
    ("serving.kserve.io", "ServingRuntime"),
    ("serving.kserve.io", "ClusterServingRuntime"),
}
"""Kinds whose controller decides itself which container gets the traffic."""


def group_and_kind(manifest: Manifest) -> tuple[str, str]:
    """The API group ("" for the core) and the kind."""
    group, slash, _ = str(manifest.get("apiVersion", "")).partition("/")
    return (group if slash else ""), str(manifest.get("kind", ""))


def name_of(manifest: Manifest) -> str:
    """Kind and name, for people."""
    metadata = mapping(manifest.get("metadata"))
    name = metadata.get("name") or metadata.get("generateName") or "without a name"
    return f"{manifest.get('kind', 'document')}/{name}"


def mapping(value: Any) -> Manifest:
    """A mapping, an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A list, an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def shown(path: Path) -> str:
    """A path as people write it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
