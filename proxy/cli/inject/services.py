"""Services that lead to the model → Services that lead to the sidecar in its pod."""

from __future__ import annotations

from typing import Any

from proxy.cli.inject import sidecar
from proxy.cli.inject.operations import Operation
from proxy.cli.inject.patch import Injected
from proxy.cli.inject.pods import Manifest, group_and_kind, mapping, sequence


def retargeted(manifest: Manifest, injected: Injected) -> tuple[list[Operation], str]:
    """What has to change in a Service for the pods of `injected`, and a sentence about it; nothing for any other."""
    spec = mapping(manifest.get("spec"))
    if group_and_kind(manifest) != ("", "Service") or not _finds(manifest, spec, injected):
        return [], ""
    found = [
        Operation(("spec", "ports", index, "targetPort"), sidecar.HTTP, anew="targetPort" in port)
        for index, port in enumerate(map(mapping, sequence(spec.get("ports"))))
        if _leads(port, injected)
    ]
    if not found:
        return [], ""
    if spec.get("clusterIP") == "None":
        ports = ", ".join(str(each) for each in sorted(map(str, injected.model_ports)))
        return found, f"is headless: who asks its pods by port {ports} still asks the model, not the sidecar"
    return found, f"leads to the sidecar now (targetPort: {sidecar.HTTP})"


def _finds(manifest: Manifest, spec: Manifest, injected: Injected) -> bool:
    selector = mapping(spec.get("selector"))
    same = mapping(manifest.get("metadata")).get("namespace") == injected.namespace
    return bool(selector) and same and selector.items() <= injected.labels.items()


def _leads(port: dict[str, Any], injected: Injected) -> bool:
    target = port.get("targetPort", port.get("port"))
    return port.get("protocol", "TCP") == "TCP" and target in injected.model_ports
