"""The access log of real exchanges, and a log that nobody reads."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.process.conftest import Start, Write
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CANARY = "canary: {version: b, percent: 100}"
INVALID = "the status line is not valid"


def lines(running: Running, number: int) -> list[dict[str, Any]]:
    """That many lines of the access log, as soon as they are there."""
    running.event("exchange", number)
    return running.events("exchange")


def ask(running: Running, request_id: str) -> int:
    headers = {"x-request-id": request_id, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-00"}
    return call(running.data, "GET", "/predict?secret=x", headers=headers).status


def test_a_line_for_each_exchange(start: Start) -> None:
    running = start(top="access_log: {percent: 100}")
    assert ask(running, "req-1") == 200
    (line,) = lines(running, 1)
    assert line.pop("first_byte") <= line.pop("duration") < 60
    assert line.pop("time") >= line.pop("started")
    assert line == {
        "level": "info", "process": "control", "logger": "penumbra.access", "event": "exchange",
        "request_id": "req-1", "trace_id": TRACE, "route": "r", "version": "a", "role": "primary",
        "method": "GET", "path": "/predict",
        "status": 200, "failure": None, "detail": None, "rescued": None, "share": 1.0,
    }  # fmt: skip


def test_what_went_wrong_is_logged_also_outside_of_the_sample(
    start: Start, write: Write, a: Upstream, b: Upstream
) -> None:
    running = start(route=CANARY, top="access_log: {percent: 0}")
    assert ask(running, "fine") == 200
    b.garbage = b"no HTTP\r\n\r\n"
    assert ask(running, "rescued") == 200
    a.garbage = b.garbage
    assert ask(running, "failed") == 502
    rescued, failed = lines(running, 2)
    assert (rescued["request_id"], rescued["version"], rescued["role"], rescued["status"]) == (
        "rescued", "a", "rescue", 200,
    )  # fmt: skip
    assert rescued["rescued"] == {"version": "b", "reason": "malformed", "detail": INVALID}
    assert (failed["request_id"], failed["status"], failed["failure"], failed["trace_id"]) == (
        "failed", 502, "malformed", TRACE,
    )  # fmt: skip
    assert (failed["path"], failed["method"]) == ("/predict", "GET") and failed["duration"] > 0
    assert failed["rescued"] == {"version": "b", "reason": "malformed", "detail": INVALID}


def test_without_rescue_a_failed_canary_is_the_end_of_its_exchange(start: Start, b: Upstream) -> None:
    running = start(route=f"{CANARY}, rescue: off", top="access_log: {percent: 0}")
    b.garbage = b"no HTTP\r\n\r\n"
    assert ask(running, "failed") == 502
    (line,) = lines(running, 1)
    assert (line["role"], line["version"], line["status"], line["rescued"]) == ("canary", "b", 502, None)


def test_a_reload_turns_it_on_and_off(start: Start, write: Write) -> None:
    running = start()
    ask(running, "off")
    write(top="access_log: {percent: 100}")
    eventually(lambda: ask(running, "on") and running.events("exchange"), "a line")
    assert {line["request_id"] for line in running.events("exchange")} == {"on"}


def test_a_log_that_nobody_reads_stops_neither_traffic_nor_control(write: Write) -> None:
    path = write(CANARY, top="access_log: {percent: 100}")
    command = [sys.executable, "-m", "proxy", "run", str(path)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        try:
            found = next(e for e in map(json.loads, process.stderr) if e["event"] == "listening")
            eventually(lambda: ready(found["admin"]), "readiness")
            assert unread(found["data"], found["admin"])
            assert call(found["admin"], "PUT", "/v1/routes/r/split", {"b": 0}).status == 200
            eventually(lambda: call(found["data"], "GET", "/predict").body == b"a", "the new split")
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def unread(data: str, admin: str) -> bool:
    """Sends requests until lines are dropped: a pipe of a page and about a thousand lines are full by then."""
    host, _, port = data.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    for number in range(1, 10_000):
        connection.request("GET", "/predict")
        response = connection.getresponse()
        assert (response.read(), response.status) == (b"b", 200)
        if number % 500 == 0 and dropped(admin, "access", "unread") > 0:
            connection.close()
            return True
    return False


def ready(admin: str) -> bool:
    try:
        return call(admin, "GET", "/readyz").status == 200
    except OSError:
        return False


def dropped(admin: str, kind: str, reason: str) -> float:
    name = f'penumbra_log_lines_dropped_total{{kind="{kind}",reason="{reason}"}} '
    text = call(admin, "GET", "/metrics").body.decode()
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), -1.0)
