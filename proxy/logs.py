"""One line of JSON on stderr for each event, the same in all processes.

Fields: `time` (UTC), `level`, `process` (supervisor, control, worker-0 …), `logger`, `event` (the message), then what
the event carries. `log.info("listening", extra=fields(data="127.0.0.1:8080"))` makes
`{"time":"…","level":"info","process":"supervisor","logger":"penumbra","event":"listening","data":"127.0.0.1:8080"}`.

Rules:
- No other code waits for stderr: a thread writes, so that a pipe without a reader stops neither traffic nor a rollback.
  It ends when it has nothing to do: in a process of one thread each call of the kernel costs less.
- A field has at most `MAX_FIELD` characters; of a longer one the beginning and the end are written, with `…` between.
- Waiting lines are bounded by `MAX_WAITING_LINES` for each kind; lines beyond the bound are dropped and counted.
- An error may be the last line of a process: if no line waits before it, it gets `ERROR_FLUSH_SECONDS` to be written.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

from proxy.contracts.bounds import CUT

MAX_WAITING_LINES = {"event": 4_096, "access": 1_024}
"""Lines that wait: about a megabyte of transitions, and a second of access log."""
MAX_FIELD = 4_096
"""Characters of one field of a line: what happened, quoting perhaps what a stranger sent, or where it went wrong."""
ERROR_FLUSH_SECONDS = 0.02
"""Delay of a process by an error line: enough for one write to a pipe that is read."""
IDLE_SECONDS = 0.5
"""How long the thread waits for another line."""
EXIT_FLUSH_SECONDS = 1.0
"""Delay of the end of a process by lines that still wait."""


def fields(**values: object) -> dict[str, Any]:
    """The `extra` of a logging call that carries fields of its own."""
    return {"fields": values}


class JsonLines(logging.Formatter):
    """A record as one line; an exception becomes its field `error`, line ends escaped."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, object] = dict(getattr(record, "fields", {}))
        if record.exc_info:
            facts["error"] = self.formatException(record.exc_info)
        return self.line(record.created, record.levelname.lower(), record.name, record.getMessage(), facts)

    def line(self, at: float, level: str, logger: str, event: str, facts: Mapping[str, object]) -> str:
        """One line about what happened `at` (Unix time), without its end."""
        when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": level, "process": self._process, "logger": logger, "event": event, **facts}
        return json.dumps({name: _bounded(value) for name, value in line.items()}, default=str, ensure_ascii=False)


def _bounded(value: object) -> object:
    """A field in at most `MAX_FIELD` characters: an error says at its end what went wrong."""
    if not isinstance(value, str) or len(value) <= MAX_FIELD:
        return value
    half = MAX_FIELD // 2
    return f"{value[:half]}{CUT}{value[-half + 1 :]}"


class LineWriter(logging.Handler):
    """Lines on their way to the file descriptor `fd`, written by a thread. `dropped` counts the lost ones by kind."""

    def __init__(self, process: str, fd: int) -> None:
        super().__init__()
        self._lines = JsonLines(process)
        self.setFormatter(self._lines)
        self._fd = fd
        self._queue: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._taken, self._written = dict.fromkeys(MAX_WAITING_LINES, 0), dict.fromkeys(MAX_WAITING_LINES, 0)
        self._thread: threading.Thread | None = None
        self.dropped = dict.fromkeys(MAX_WAITING_LINES, 0)

    def emit(self, record: logging.LogRecord) -> None:
        """A transition."""
        alone = self.waiting() == 0
        if self._offer("event", self.format(record)) and alone and record.levelno >= logging.ERROR:
            self._wait(ERROR_FLUSH_SECONDS)

    def access(self, facts: Mapping[str, object]) -> bool:
        """An exchange, as a line of the access log; False when it was dropped."""
        line = self._lines.line(time.time(), "info", "penumbra.access", "exchange", facts)
        self.acquire()
        try:
            return self._offer("access", line)
        finally:
            self.release()

    def waiting(self) -> int:
        """Lines that are not written yet."""
        return sum(self._taken.values()) - sum(self._written.values())

    def flush(self) -> None:
        """Gives what waits `EXIT_FLUSH_SECONDS` seconds; `logging` calls this when the process ends."""
        self._begin()
        self._wait(EXIT_FLUSH_SECONDS if self._thread is not None else 0.0)

    def _offer(self, kind: str, line: str) -> bool:
        if self._taken[kind] - self._written[kind] >= MAX_WAITING_LINES[kind]:
            self.dropped[kind] += 1
            return False
        self._taken[kind] += 1
        self._queue.put((kind, line))
        self._begin()
        return True

    def _begin(self) -> None:
        """Begins the thread where there is none and something to write. Where no further one may be (a limit of
        processes) that is tried again with the next line: none is worth the end of who logs it."""
        if self._thread is not None or self._queue.empty():
            return
        thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.waiting() and time.monotonic() < until:
            time.sleep(0.0005)

    def _write_all(self) -> None:
        while True:
            try:
                kind, line = self._queue.get(timeout=IDLE_SECONDS)
            except Empty:
                if self._ends():
                    return
                continue
            try:
                self._write(line.encode(errors="backslashreplace") + b"\n")
            except OSError:  # the reader has gone: there is nobody left to tell
                self.dropped[kind] += 1
            self._written[kind] += 1

    def _ends(self) -> bool:
        """Whether the thread may end. Who offers a line has the same lock, starts another one then, and may be waiting
        for what is offered: the lock is not waited for."""
        lock = self.lock
        if lock is None or not lock.acquire(blocking=False):
            return False
        try:
            if self._queue.empty():
                self._thread = None
            return self._thread is None
        finally:
            lock.release()

    def _write(self, data: bytes) -> None:
        # In one call: lines of up to PIPE_BUF bytes do not mix with those of other processes on the same pipe.
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # somebody who shares stderr has made it non-blocking
                select.select([], [self._fd], [])


def configure(process: str) -> LineWriter:
    """Sends the log of this process to stderr. Called once, at the start of a process."""
    outlet = LineWriter(process, sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, handlers=[outlet], force=True)
    return outlet
