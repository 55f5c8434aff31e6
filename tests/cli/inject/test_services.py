"""Services that lead to the model lead to the sidecar, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.cli.inject.patch import Injected
from proxy.cli.inject.services import retargeted

POD = Injected([], "ml", {"app": "m", "tier": "x"}, frozenset((8081, "web")))


def service(selector: Any = None, namespace: str = "ml", kind: str = "Service", **spec: Any) -> dict[str, Any]:
    metadata = {"name": "s", "namespace": namespace}
    found = {"selector": selector or {"app": "m"}, "ports": [{"port": 80, "targetPort": "web"}]} | spec
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": found}


@pytest.mark.parametrize(
    ("ports", "led"),
    [
        ([{"port": 80, "targetPort": "web"}], [True]),
        ([{"port": 80, "targetPort": 8081}, {"port": 81, "targetPort": 9}], [True, False]),
        ([{"port": 8081}], [True]),
        ([{"port": 8081, "targetPort": 80}], []),
        ([{"port": 80, "targetPort": 8081, "protocol": "UDP"}], []),
        ([{"port": 80, "targetPort": "penumbra-http"}], []),
        (None, []),
    ],
)
def test_the_ports_of_the_model(ports: Any, led: list[bool]) -> None:
    operations, said = retargeted(service(ports=ports), POD)
    assert [operation.path for operation in operations] == [
        ("spec", "ports", i, "targetPort") for i, x in enumerate(led) if x
    ]
    assert bool(said) is any(led)


@pytest.mark.parametrize(
    "manifest",
    [
        service({"app": "other"}),
        service({"app": "m", "more": "x"}),
        service(namespace="other"),
        service(kind="Secret"),
        service() | {"apiVersion": "serving.knative.dev/v1"},
        service() | {"spec": None},
        service() | {"spec": {"ports": [{"port": 8081}]}},
    ],
)
def test_others_stay(manifest: dict[str, Any]) -> None:
    assert retargeted(manifest, POD) == ([], "")


def test_a_headless_one_is_told_of() -> None:
    assert "headless" in retargeted(service(clusterIP="None"), POD)[1]
