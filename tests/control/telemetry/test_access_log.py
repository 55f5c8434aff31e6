"""Which exchanges get a line, what is in it, and what happens when there are too many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.contracts.bounds import MAX_PATH
from proxy.contracts.journal import AccessLog
from proxy.contracts.record import Record
from proxy.control.telemetry.access_log import MAX_LINES_PER_SECOND, AccessLogger, line, sampled
from proxy.control.telemetry.exchanges import ExchangeStory
from tests.control.records import SOURCE, answer, failure


class Lines:
    """Takes lines until it is full."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.taken: list[Mapping[str, Any]] = []

    def write(self, facts: Mapping[str, object]) -> bool:
        if len(self.taken) >= self.room:
            return False
        self.taken.append(facts)
        return True


def exchange(leg: Record, canary: Record | None = None) -> ExchangeStory:
    return ExchangeStory((SOURCE, leg.exchange), leg, canary)


def logged(settings: AccessLog | None, *exchanges: ExchangeStory) -> list[str]:
    lines = Lines()
    logger = AccessLogger(lines.write)
    logger.use(settings)
    logger.take(exchanges, 0.0)
    return [facts["request_id"] for facts in lines.taken]


def test_the_sample_is_that_of_the_request_id() -> None:
    ids = [f"request-{number}" for number in range(20_000)]
    for percent in (1.0, 10.0, 50.0):
        chosen = [each for each in ids if sampled(each, percent)]
        assert abs(len(chosen) / len(ids) - percent / 100) < 0.01
        assert all(sampled(each, percent + 1) for each in chosen)
    assert not any(sampled(each, 0.0) for each in ids)
    assert all(sampled(each, 100.0) for each in ids)
    assert sampled("\udcff", 100.0)


def test_which_get_a_line() -> None:
    fine = exchange(answer(request_id="fine"))
    missing = exchange(answer(request_id="missing", status=404))
    broken = exchange(answer(request_id="broken", status=500))
    failed = exchange(failure(request_id="failed"))
    rescued = exchange(answer("rescue", request_id="rescued"), failure("canary"))
    everything = (fine, missing, broken, failed, rescued)
    assert logged(None, *everything) == []
    assert logged(AccessLog(100.0), *everything) == ["fine", "missing", "broken", "failed", "rescued"]
    assert logged(AccessLog(0.0), *everything) == ["broken", "failed", "rescued"]
    assert logged(AccessLog(0.0, errors=False), *everything) == []
    assert logged(AccessLog(100.0, errors=False), *everything) == logged(AccessLog(100.0), *everything)


def test_a_line() -> None:
    assert line(exchange(answer(started=0.5, path="/v2?key=secret"))) == {
        "request_id": "id",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "route": "cancer",
        "version": "v1",
        "role": "primary",
        "method": "POST",
        "path": "/v2",
        "status": 200,
        "failure": None,
        "detail": None,
        "rescued": None,
        "started": "1970-01-01T00:00:00.500+00:00",
        "duration": 0.02,
        "first_byte": 0.01,
        "share": 0.9,
    }


def test_what_is_not_known_is_null() -> None:
    facts = line(exchange(failure(reason="connect_failed")))
    assert [facts[name] for name in ("trace_id", "method", "path", "first_byte")] == [None] * 4
    assert (facts["status"], facts["failure"]) == (502, "connect_failed")


def test_what_was_malformed_is_named_of_both_legs() -> None:
    one, two = (failure(role, reason="malformed", detail=detail) for role, detail in (("rescue", "b"), ("canary", "a")))
    facts = line(exchange(one, two))
    assert (facts["failure"], facts["detail"], facts["rescued"]["detail"]) == ("malformed", "b", "a")


def test_a_rescue_takes_as_long_as_both_legs() -> None:
    facts = line(exchange(answer("rescue", started=1001.0), failure("canary", reason="late")))
    assert (facts["duration"], facts["first_byte"]) == (1.02, 1.01)
    assert facts["rescued"] == {"version": "v2", "reason": "late", "detail": None}
    assert facts["started"] == "1970-01-01T00:16:40.000+00:00"
    assert line(exchange(answer("rescue"), answer("canary", status=503)))["rescued"]["reason"] == "503"


def test_lines_of_a_second_are_bounded() -> None:
    lines = Lines()
    logger = AccessLogger(lines.write)
    logger.use(AccessLog(100.0))
    logger.take([exchange(answer())] * (MAX_LINES_PER_SECOND + 5), 10.0)
    logger.take([exchange(answer())], 10.9)
    assert (len(lines.taken), logger.dropped) == (MAX_LINES_PER_SECOND, {"rate": 6, "unread": 0})
    logger.take([exchange(answer())], 11.0)
    assert (len(lines.taken), logger.dropped["rate"]) == (MAX_LINES_PER_SECOND + 1, 6)


def test_lines_that_stderr_does_not_take_are_counted() -> None:
    logger = AccessLogger(Lines(room=2).write)
    logger.use(AccessLog(100.0))
    logger.take([exchange(answer())] * 5, 10.0)
    assert logger.dropped == {"rate": 0, "unread": 3}


def test_a_path_is_bounded() -> None:
    shown = line(exchange(answer(path="/" + "p" * 15_000 + "?secret")))
    assert len(shown["path"]) == MAX_PATH and shown["path"].startswith("/ppp")


GRPC = b"content-type: application/grpc\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"


def test_a_call_of_grpc_has_its_method_and_its_own_status() -> None:
    facts = line(exchange(answer(path=INFER, request_fields=GRPC, call=13, status=500, detail="no GPU left")))
    told = {name: facts[name] for name in ("rpc_service", "rpc_method", "grpc_status", "grpc_status_name", "detail")}
    assert told == {
        "rpc_service": "inference.GRPCInferenceService",
        "rpc_method": "ModelInfer",
        "grpc_status": 13,
        "grpc_status_name": "INTERNAL",
        "detail": "no GPU left",
    }
    assert (facts["status"], facts["path"]) == (500, INFER)


def test_a_call_that_no_version_answered_has_the_status_that_its_client_got() -> None:
    facts = line(exchange(failure(reason="connect_failed", path=INFER, method="POST", request_fields=GRPC)))
    assert (facts["grpc_status"], facts["grpc_status_name"], facts["failure"]) == (14, "UNAVAILABLE", "connect_failed")


def test_a_rescued_call_says_why_by_its_status() -> None:
    canary = failure("canary", reason="", status=503, call=14, detail="model is loading")
    facts = line(exchange(answer("rescue", path=INFER, request_fields=GRPC, call=0), canary))
    assert facts["rescued"] == {"version": "v2", "reason": "grpc:14", "detail": "model is loading"}
    assert facts["grpc_status_name"] == "OK"


def test_a_line_of_http_says_nothing_of_grpc() -> None:
    assert not [name for name in line(exchange(answer())) if name.startswith(("grpc", "rpc"))]


def test_no_line_has_anything_of_a_message() -> None:
    leg = answer(path=INFER, request_fields=GRPC, call=0, request=b"secret in", response=b"secret out")
    assert "secret" not in str(line(exchange(leg)))
