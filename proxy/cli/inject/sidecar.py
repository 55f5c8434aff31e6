"""The sidecar: its container, its volumes, its configuration. As `deploy/kubernetes/components/sidecar` has it."""

from __future__ import annotations

from typing import Any

import yaml

from proxy.cli.inject.options import Options

NAME = "penumbra"
TRANSFORMER = "transformer-container"
"""The container of a KServe predictor that gets the traffic."""

LABELS = {"penumbra": "sidecar"}
HTTP, ADMIN = "penumbra-http", "penumbra-admin"
CONFIG_VOLUME, STATE_VOLUME, TLS_VOLUME = "penumbra-config", "penumbra-state", "penumbra-tls"
CONFIG_FOLDER, STATE_FOLDER, TLS_FOLDER = "/etc/penumbra", "/var/lib/penumbra", "/tls"
CONFIG_KEY = "penumbra.yaml"

TOKEN, FLEET_REDIS, INSTANCE = "PENUMBRA_ADMIN_TOKEN", "PENUMBRA_FLEET_REDIS", "PENUMBRA_INSTANCE"

LEAVE_SECONDS = 15
"""Seconds until nobody sends to an ending pod any more: endpoints take some to spread."""

OWN_END_SECONDS = 15
"""Seconds for the ends of the processes themselves."""


def container(options: Options, name: str = NAME) -> dict[str, Any]:
    """The container; as a native sidecar it has a start of its own, and is stopped after the model."""
    admin = {"port": ADMIN} | ({"scheme": "HTTPS"} if options.admin_scheme == "HTTPS" else {})
    made: dict[str, Any] = {"name": name, "image": options.image, "args": ["run", f"{CONFIG_FOLDER}/{CONFIG_KEY}"]}
    if options.native:
        made["restartPolicy"] = "Always"
    if variables := environment(options):
        made["env"] = variables
    made["ports"] = [
        {"name": HTTP, "containerPort": options.port},
        {"name": ADMIN, "containerPort": options.admin_port},
    ]
    health, ready = {"httpGet": {"path": "/healthz"} | admin}, {"httpGet": {"path": "/readyz"} | admin}
    if options.native:
        made["startupProbe"] = health | {"periodSeconds": 1, "failureThreshold": 30}
    made["readinessProbe"] = ready | {"periodSeconds": 2, "failureThreshold": 8}
    made["livenessProbe"] = health | {"periodSeconds": 10, "failureThreshold": 6}
    if not options.native:
        made["lifecycle"] = waits(LEAVE_SECONDS)
    made["resources"] = {"requests": {"cpu": "250m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}}
    made["securityContext"] = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    made["volumeMounts"] = [
        {"name": CONFIG_VOLUME, "mountPath": CONFIG_FOLDER, "readOnly": True},
        {"name": STATE_VOLUME, "mountPath": STATE_FOLDER},
    ]
    if options.tls_secret:  # a folder: Kubernetes never exchanges a file that is mounted alone
        made["volumeMounts"].append({"name": TLS_VOLUME, "mountPath": TLS_FOLDER, "readOnly": True})
    return made


def environment(options: Options) -> list[dict[str, Any]]:
    """Variables that the configuration of a pod may use: the admin token, the store of its fleet, its name in it."""
    variables = []
    if options.fleet_secret:
        variables += [
            _variable(FLEET_REDIS, {"secretKeyRef": {"name": options.fleet_secret, "key": "redis"}}),
            _variable(INSTANCE, {"fieldRef": {"fieldPath": "metadata.name"}}),
        ]
    if options.secret:
        variables.append(_variable(TOKEN, {"secretKeyRef": {"name": options.secret, "key": "token"}}))
    return variables


def _variable(name: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "valueFrom": source}


def volumes(config_map: str, tls_secret: str = "") -> list[dict[str, Any]]:
    """Volumes of a pod with the sidecar."""
    secret = [{"name": TLS_VOLUME, "secret": {"secretName": tls_secret}}] if tls_secret else []
    return [
        {"name": CONFIG_VOLUME, "configMap": {"name": config_map}},
        {"name": STATE_VOLUME, "emptyDir": {"sizeLimit": "256Mi"}},
        *secret,
    ]


def waits(seconds: int) -> dict[str, Any]:
    """A container that waits before it is told to end. `sleep` is the kubelet's own: the image needs none."""
    return {"preStop": {"sleep": {"seconds": seconds}}}


def model_waits(options: Options) -> int:
    """Seconds that the model goes on: while anybody comes, and as a container like others until the proxy is done."""
    return LEAVE_SECONDS if options.native else LEAVE_SECONDS + int(options.drain)


def grace(options: Options) -> int:
    """Seconds that the end of a pod takes at most."""
    return LEAVE_SECONDS + int(options.drain) + OWN_END_SECONDS


def plain_configuration(name: str, model_port: int, options: Options) -> str:
    """A configuration that leads everything to the model, and lets its counts and drift be seen."""
    token = {"token": "${PENUMBRA_ADMIN_TOKEN}"} if options.secret else {}
    tree = {
        "listen": f":{options.port}",
        "admin": {"listen": f":{options.admin_port}"} | token,
        "state": f"{STATE_FOLDER}/penumbra.db",
        "versions": {name: {"url": f"http://127.0.0.1:{model_port}"}},
        "routes": {name: {"match": {"path": "/"}, "protocol": "auto", "primary": name}},
    }
    return yaml.safe_dump(tree, sort_keys=False)


def config_map(name: str, namespace: str | None, text: str) -> dict[str, Any]:
    """The ConfigMap with a configuration."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {CONFIG_KEY: text}}
