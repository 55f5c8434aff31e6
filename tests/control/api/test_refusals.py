"""Exceptions as refusals: each has its kind, here and at another sidecar; a bug is logged and tells nothing."""

from __future__ import annotations

import logging

import pytest

from proxy.control.api.problems import TITLES, ApiError
from proxy.control.api.refusals import problem_of, refusal_of
from proxy.control.engine_errors import NotStoredYetError, UnknownReleaseError, UnknownRouteError
from proxy.control.fleet.intents import UndecidedError
from proxy.control.state.state_file import StoreError
from proxy.release.phases import TransitionRefused

REFUSALS: tuple[tuple[Exception, str, str, str | None], ...] = (
    (ApiError("invalid", "too much", "split"), "invalid", "too much", "split"),
    (UnknownRouteError("r"), "unknown-route", "no route 'r' is configured", "route"),
    (UnknownReleaseError("q"), "unknown-release", "no release 'q' is configured", "release"),
    (TransitionRefused("not now"), "refused", "not now", None),
    (StoreError("disk full"), "not-stored", "disk full", None),
    (UndecidedError("nobody"), "no-judge", "nobody", None),
    (NotStoredYetError("soon"), "not-stored-yet", "soon", None),
)


@pytest.mark.parametrize(("error", "kind", "detail", "field"), REFUSALS, ids=lambda value: type(value).__name__)
def test_each_has_its_kind_here_and_elsewhere(error: Exception, kind: str, detail: str, field: str | None) -> None:
    problem = problem_of(error, "split")
    assert (problem.kind, problem.detail, problem.field) == (kind, detail, field)
    assert kind in TITLES
    assert refusal_of(error) == (kind, detail, field)


def test_a_bug_is_logged_and_its_details_stay_here(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "penumbra.api"):
        kind, detail, field = refusal_of(KeyError("a secret"))
    assert (kind, field) == ("internal", None)
    assert "secret" not in detail
    (logged,) = caplog.records
    assert "another sidecar" in logged.getMessage()
    assert logged.exc_info is not None
