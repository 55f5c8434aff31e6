"""Exceptions of a change as refusals: what the admin API answers, here and for another sidecar of the fleet."""

from __future__ import annotations

import logging

from proxy.control.api.problems import ApiError
from proxy.control.engine_errors import NotStoredYetError, UnknownReleaseError, UnknownRouteError
from proxy.control.fleet.intents import UndecidedError
from proxy.control.state.state_file import StoreError
from proxy.release.phases import TransitionRefused

log = logging.getLogger("penumbra.api")


def problem_of(error: Exception, what: str) -> ApiError:
    """The refusal that an exception is; of one that is none, that `what` failed is logged."""
    match error:
        case ApiError():
            return error
        case UnknownRouteError():
            return ApiError("unknown-route", f"no route {error.args[0]!r} is configured", "route")
        case UnknownReleaseError():
            return ApiError("unknown-release", f"no release {error.args[0]!r} is configured", "release")
        case TransitionRefused():
            return ApiError("refused", str(error))
        case StoreError():
            return ApiError("not-stored", str(error))
        case UndecidedError():
            return ApiError("no-judge", str(error))
        case NotStoredYetError():
            return ApiError("not-stored-yet", str(error))
    log.error("%s failed", what, exc_info=error)
    return ApiError("internal", "the log has the details")


def refusal_of(error: Exception) -> tuple[str, str, str | None]:
    """Kind, sentence and field of what became of a change that another sidecar was asked for."""
    problem = problem_of(error, "a change that another sidecar was asked for")
    return problem.kind, problem.detail, problem.field
