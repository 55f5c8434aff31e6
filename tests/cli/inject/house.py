"""Manifests that tests inject into, and what Kubernetes says of manifests."""

from __future__ import annotations

from typing import Any

import yaml

DEPLOYMENT = """\
# The model that everybody asks
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cancer   # its name
  labels: {app: cancer}
spec:
  replicas: 2
  selector:
    matchLabels: {app: cancer}
  template:
    metadata:
      labels: {app: cancer}
    spec:
      containers:
      - name: model
        image: "registry.example.com/cancer:1" # quotes stay
        args: [--port, "8080"]
        ports:
        - {name: web, containerPort: 8080}
      # the end
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: cancer
spec:
  selector: {app: cancer}
  ports: [{name: http, port: 80, targetPort: web}]
"""

MINORS = ("1.31", "1.37")


def pod(**spec: Any) -> dict[str, Any]:
    """A pod of one model on port 8081."""
    model = {"name": "model", "image": "m", "ports": [{"containerPort": 8081}]}
    metadata = {"name": "pod", "labels": {"app": "m"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [model]} | spec}


def of_kind(kind: str) -> dict[str, Any]:
    """A manifest of a kind that makes such a pod."""
    template = {"metadata": {"labels": {"app": "m"}}, "spec": pod()["spec"]}
    head = {"kind": kind, "metadata": {"name": "m"}}
    spec: dict[str, Any] = {"template": template}
    if kind == "Pod":
        return pod()
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
        job = {"jobTemplate": {"spec": spec}, "schedule": "* * * * *"}
        return head | {"apiVersion": "batch/v1", "spec": spec if kind == "Job" else job}
    selector = {"matchLabels": {"app": "m"}}
    named = {"serviceName": "m"} if kind == "StatefulSet" else {}
    return head | {"apiVersion": "apps/v1", "spec": spec | named | {"selector": selector}}


def loaded(text: str) -> list[Any]:
    """The documents of a stream."""
    return list(yaml.safe_load_all(text))
