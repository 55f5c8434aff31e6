"""What may be chosen for a sidecar: by the command line for all pods, by annotations for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

import proxy

PREFIX = "penumbra/"
INJECT = PREFIX + "inject"
"""Annotation of a pod, or of what makes it: "false" leaves it alone."""


class Refusal(Exception):
    """A manifest that no sidecar can be put into; the message names the document, the path and what helps."""


class NoPort(Refusal):
    """A pod to which nobody is known to come: one of many may be meant to be so, the only one hardly."""


class Options(Struct, frozen=True):
    """Choices for a sidecar."""

    image: str = f"penumbra:{proxy.__version__}"
    config_map: str = ""
    """The ConfigMap with the key penumbra.yaml; "": one is made."""
    config: str = ""
    """Text of the configuration for a ConfigMap that is made; "": one that leads everything to the model."""
    secret: str = ""
    """The Secret whose key `token` is the admin token; "": no token."""
    fleet_secret: str = ""
    """The Secret whose key `redis` is the address of the fleet's store; "": the configuration has no variables of a
    fleet."""
    tls_secret: str = ""
    """The Secret that is mounted at `/tls`, with `tls.crt`, `tls.key` and `ca.crt`; "": none is."""
    admin_scheme: str = ""
    """How probes ask the admin API: HTTP or HTTPS; "": as the configuration says, else HTTP."""
    container: str = ""
    """Container of the model; "": the only one, or the first that names a port."""
    model_port: int = 0
    """Port of the model; 0: the first of its container."""
    port: int = 0
    admin_port: int = 0
    """Ports of the sidecar; 0: those of the configuration, or the first of `PORTS` that are free."""
    targets: tuple[int, ...] = ()
    """Ports of the pod that `config` leads to."""
    drain: float = 30.0
    """Seconds that exchanges in flight have at the end."""
    native: bool = True
    """Whether it is an init container that is restarted always (Kubernetes 1.29 and later)."""


PORTS = {"port": (8080, 18080, 28080), "admin_port": (9900, 19900, 29900)}

SCHEMES = ("HTTP", "HTTPS")

ANNOTATIONS = {
    PREFIX + "config-map": "config_map",
    PREFIX + "fleet-secret": "fleet_secret",
    PREFIX + "tls-secret": "tls_secret",
    PREFIX + "admin-scheme": "admin_scheme",
    PREFIX + "container": "container",
    PREFIX + "model-port": "model_port",
    PREFIX + "port": "port",
    PREFIX + "admin-port": "admin_port",
}
"""Annotation of a pod to the option that it says."""


def chosen(options: Options, annotations: Mapping[str, Any], where: str) -> Options:
    """The options for a pod with these annotations. Raises Refusal."""
    said: dict[str, Any] = {}
    for key, name in ANNOTATIONS.items():
        if key in annotations:
            said[name] = _port(annotations[key], f"{where}.annotations[{key}]") if "port" in name else annotations[key]
    unknown = [key for key in annotations if key.startswith(PREFIX) and key not in (*ANNOTATIONS, INJECT)]
    if unknown:
        known = ", ".join((INJECT, *ANNOTATIONS))
        raise Refusal(f"{where}.annotations: {unknown[0]} is not known; allowed: {known}")
    if said.get("admin_scheme", "HTTP") not in SCHEMES:
        place = f"{where}.annotations[{PREFIX}admin-scheme]"
        raise Refusal(f"{place}: found {said['admin_scheme']!r}; allowed: {' | '.join(SCHEMES)}")
    return replace(options, **said)


def _port(text: Any, where: str) -> int:
    if not str(text).isdecimal() or not 0 < int(text) < 65536:
        raise Refusal(f"{where}: found {text!r}; allowed: a port from 1 to 65535, between quotes")
    return int(text)
