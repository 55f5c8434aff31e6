"""The webhook's registration holds against the schemas, and asks for what the command answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.cli.inject.review import VERSION
from proxy.cli.inject.sidecar import LABELS

WEBHOOK: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "deploy/kubernetes/webhook/webhook.yaml").read_text()
)


@pytest.mark.parametrize("minor", ["1.31", "1.34", "1.37"])
def test_it_holds_against_the_schemas(minor: str) -> None:
    pytest.importorskip("kubernetes_validate").validate(WEBHOOK, minor, strict=True)


def test_it_asks_for_what_is_answered() -> None:
    (webhook,) = WEBHOOK["webhooks"]
    assert [f"admission.k8s.io/{each}" for each in webhook["admissionReviewVersions"]] == [VERSION]
    assert webhook["objectSelector"]["matchLabels"] == LABELS
    assert webhook["reinvocationPolicy"] == "IfNeeded"
