"""Lines on their way to stderr: in order, bounded, and nobody waits for them."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy import logs
from tests.support.running import eventually

ROOT = Path(__file__).resolve().parent.parent


class Pipe:
    """A log whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.outlet = logs.LineWriter("test", self.writer)
        self.log = logging.Logger("penumbra.test")
        self.log.addHandler(self.outlet)
        self._rest = b""

    def lines(self, number: int) -> list[dict[str, Any]]:
        while self._rest.count(b"\n") < number:
            self._rest += os.read(self.reader, 65536)
        *found, self._rest = self._rest.split(b"\n")
        assert len(found) == number
        return [json.loads(line) for line in found]

    def close(self) -> None:
        os.close(self.reader)
        eventually(lambda: self.outlet.waiting() == 0, "the end of all lines")
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_lines_of_both_kinds_keep_their_order(pipe: Pipe) -> None:
    pipe.log.info("one", extra=logs.fields(port=1))
    assert pipe.outlet.access({"status": 200})
    pipe.log.warning("tw\udcffo\n")
    one, access, two = pipe.lines(3)
    assert (one["event"], one["port"], one["process"], one["logger"]) == ("one", 1, "test", "penumbra.test")
    assert (access["event"], access["status"], access["logger"], access["level"]) == (
        "exchange", 200, "penumbra.access", "info",
    )  # fmt: skip
    assert two["event"] == "tw\udcffo\n"


def test_a_reader_that_sleeps_costs_lines_and_no_time(pipe: Pipe) -> None:
    most = logs.MAX_WAITING_LINES["access"]
    taken = sum(pipe.outlet.access({"number": number}) for number in range(most + 100))
    refused = pipe.outlet.dropped["access"]
    assert taken + refused == most + 100 and taken >= most and refused > 0
    pipe.log.info("a transition has a bound of its own")
    pipe.log.error("so has an error, though it is late")
    assert pipe.outlet.dropped["event"] == 0
    *first, transition, error = pipe.lines(taken + 2)
    assert [line["number"] for line in first] == sorted(line["number"] for line in first)
    assert (transition["level"], error["level"]) == ("info", "error")
    eventually(lambda: pipe.outlet.access({}), "room")
    pipe.lines(1)


def test_transitions_are_bounded_too(pipe: Pipe) -> None:
    most = logs.MAX_WAITING_LINES["event"]
    for number in range(most + 100):
        pipe.log.info("%d", number)
    dropped = pipe.outlet.dropped["event"]
    assert 0 < dropped <= 100
    pipe.lines(most + 100 - dropped)


def test_the_thread_ends_when_nothing_is_to_be_written_and_another_one_goes_on(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "IDLE_SECONDS", 0.001)
    for number in range(3):
        pipe.log.info("line %d", number)
        eventually(lambda: pipe.outlet._thread is None, "the thread's end")
        assert pipe.outlet.waiting() == 0
    assert [line["event"] for line in pipe.lines(3)] == ["line 0", "line 1", "line 2"]


def test_who_waits_for_an_error_to_be_written_does_not_keep_the_thread_from_it(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "ERROR_FLUSH_SECONDS", 60.0)
    monkeypatch.setattr(logs, "IDLE_SECONDS", 0.0)
    for _ in range(25):
        pipe.log.error("wrong")
        assert pipe.outlet.waiting() == 0


def test_a_limit_of_processes_ends_nobody_who_logs(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor logs that a child could not be started, for the same reason."""
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refused)
        pipe.log.error("one")
        pipe.outlet.flush()
        assert pipe.outlet.waiting() == 1
    pipe.log.info("two")
    assert [line["event"] for line in pipe.lines(2)] == ["one", "two"]


def _refused(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_an_error_is_written_before_a_process_ends_by_force() -> None:
    code = (
        "import logging, os; from proxy import logs; logs.ERROR_FLUSH_SECONDS = 60.0; logs.configure('x')\n"
        "logging.error('over'); os._exit(3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, json.loads(ended.stderr)["event"]) == (3, "over")


def test_everything_is_written_before_a_process_ends() -> None:
    code = "from proxy import logs; import logging; logs.configure('x'); [logging.info(n) for n in range(1000)]"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in ended.stderr.splitlines()] == [str(n) for n in range(1000)]


def test_a_reader_that_has_gone_is_no_error() -> None:
    pipe = Pipe()
    os.close(pipe.reader)
    pipe.log.info("one")
    eventually(lambda: pipe.outlet.waiting() == 0, "the end of the line")
    assert pipe.outlet.dropped == {"event": 1, "access": 0}
    os.close(pipe.writer)


def test_a_descriptor_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    for number in range(100):
        pipe.log.info("%d", number)
    assert [line["event"] for line in pipe.lines(100)] == [str(number) for number in range(100)]


def test_log_lines_are_json_with_the_fields_of_the_event() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonLines("worker-1"))
    log = logging.Logger("penumbra.test")
    log.addHandler(handler)
    log.warning("two\nlines of %s", "text", extra=logs.fields(port=1, path=Path("x")))
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["level"], first["process"], first["event"]) == ("warning", "worker-1", "two\nlines of text")
    assert (first["port"], first["path"]) == (1, "x")
    assert second["error"].endswith("ValueError: no")


@pytest.mark.parametrize("length", [logs.MAX_FIELD, logs.MAX_FIELD + 1, 100_000])
def test_a_field_is_bounded_and_shows_its_beginning_and_its_end(pipe: Pipe, length: int) -> None:
    said = "begin" + "x" * (length - 8) + "end"
    pipe.log.warning("%s", said, extra=logs.fields(found=said))
    (line,) = pipe.lines(1)
    for text in (line["event"], line["found"]):
        assert len(text) <= logs.MAX_FIELD and text.startswith("begin") and text.endswith("end")
        assert (text == said) == (length <= logs.MAX_FIELD)
