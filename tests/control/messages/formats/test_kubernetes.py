"""Events of events.k8s.io/v1 hold to what the API server validates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.messages import EventObject
from proxy.control.messages.formats.call import Around
from proxy.control.messages.formats.kubernetes import MAX_NOTE, kubernetes
from tests.control.messages.notes import AROUND, EVIL, MESSAGE, RESOLVED, body


def valid(event: dict[str, str]) -> None:
    """What the published schema and `ValidateEventCreate` of Kubernetes ask of an event of v1."""
    pytest.importorskip("kubernetes_validate").validate(event, "1.33", strict=True)
    assert event["apiVersion"] == "events.k8s.io/v1" and event["kind"] == "Event"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["eventTime"]), "a MicroTime"
    assert re.fullmatch(r"[a-z0-9.-]+/[A-Za-z0-9_.-]{1,63}", event["reportingController"]), "a qualified name"
    for key in ("reportingInstance", "action", "reason"):
        assert 0 < len(event[key]) <= 128
    assert event["type"] in ("Normal", "Warning") and len(event["note"].encode()) <= 1024


def test_an_event_is_about_the_pod() -> None:
    call = kubernetes(MESSAGE, AROUND)
    event = body(call)
    valid(event)
    assert call.path == "/apis/events.k8s.io/v1/namespaces/models/events"
    about = {"apiVersion": "v1", "kind": "Pod", "name": "pod-1", "namespace": "models", "uid": "4f0c"}
    assert event["regarding"] == about and event["metadata"]["namespace"] == "models"
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "BreachErrorRate", "Firing")
    assert re.fullmatch(r"penumbra-[0-9a-f]{32}", event["metadata"]["name"])


@pytest.mark.parametrize("message", [RESOLVED, replace(MESSAGE, severity="info"), replace(MESSAGE, text=EVIL)])
def test_whatever_it_says_it_is_valid(message: object) -> None:
    event = body(kubernetes(message, AROUND))  # type: ignore[arg-type]
    valid(event)
    assert event["type"] == ("Warning" if message != RESOLVED and message.severity == "critical" else "Normal")  # type: ignore[attr-defined]


def test_it_may_be_about_an_inference_service() -> None:
    about = body(kubernetes(MESSAGE, Around(object=EventObject("InferenceService", "fraud", "models"))))["regarding"]
    assert about["apiVersion"] == "serving.kserve.io/v1beta1" and "uid" not in about


@given(st.text(max_size=3000))
def test_a_note_is_bounded_in_bytes(text: str) -> None:
    note = body(kubernetes(replace(MESSAGE, text=text), AROUND))["note"]
    assert len(note.encode()) <= MAX_NOTE
